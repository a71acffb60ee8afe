/* bench/raw.c -- the least that this machine can do: a cache line there and back, a
 * futex there and back, a system call, reading what another process wrote. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/flow.h"
#include "bench/raw.h"

/* ---- a mailbox of one word: what every round trip is made of --------------- */

struct box {
        _Alignas(BENCH_LINE) _Atomic(uint64_t) word; /* the element + 2; 0 is none yet */
        _Alignas(BENCH_LINE) uint64_t seen;          /* only the reader's */
        _Alignas(BENCH_LINE) _Atomic(uint32_t) turn; /* the futex, where there is one */
};

static int box_make(void **queue)
{
        *queue = bench_shared(sizeof(struct box));
        return *queue ? 0 : bench_cannot("no shared memory");
}

static void box_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct box));
}

BENCH_INLINE void line_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct box *b = queue;
        (void)wait; /* the answer says that there is room */
        atomic_store_explicit(&b->word, x + 2, memory_order_release);
}

BENCH_INLINE uint64_t line_pop(void *queue, enum flow_wait wait)
{
        struct box *b = queue;
        uint64_t seen = b->seen, word;
        while ((word = atomic_load_explicit(&b->word, memory_order_acquire)) == seen)
                flow_idle(wait);
        b->seen = word;
        return word - 2;
}

FLOW_QUEUE(flow_line, box_make, box_drop, line_push, line_pop);

BENCH_INLINE void futex_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct box *b = queue;
        (void)wait;
        atomic_store_explicit(&b->word, x + 2, memory_order_relaxed);
        atomic_fetch_add(&b->turn, 1);
        syscall(SYS_futex, &b->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

BENCH_INLINE uint64_t futex_pop(void *queue, enum flow_wait wait)
{
        struct box *b = queue;
        (void)wait;
        uint32_t seen = (uint32_t)b->seen;
        while (atomic_load(&b->turn) == seen)
                syscall(SYS_futex, &b->turn, FUTEX_WAIT, seen, NULL, NULL, 0);
        b->seen = seen + 1;
        return atomic_load_explicit(&b->word, memory_order_relaxed) - 2;
}

FLOW_QUEUE(flow_futex, box_make, box_drop, futex_push, futex_pop);

/* ---- 64 KiB, written by one process and read by another --------------------- */

void raw_fill(void *at, uint64_t value)
{
        uint64_t *p = at;
        for (size_t i = 0; i < RAW_BYTES / sizeof *p; i++)
                p[i] = value;
}

uint64_t raw_touch(const void *at)
{
        const uint64_t *p = at;
        uint64_t sum = 0;
        for (size_t i = 0; i < RAW_BYTES / sizeof *p; i += 8)
                sum += p[i];
        return sum;
}

struct raw {
        struct {
                _Alignas(BENCH_LINE) _Atomic(uint64_t) full; /* buffers ever filled */
                _Alignas(BENCH_LINE) _Atomic(uint64_t) read; /* and ever read */
        } at;
        _Alignas(4096) char buffer[RAW_BUFFERS][RAW_BYTES];
};

static void touch_body(struct bench_worker *w, void *context)
{
        struct raw *raw = context;
        uint64_t seq = 0, full;
        bench_ready(w);
        if (w->index == 0) {
                for (; !bench_stopping(w); bench_ops(w, ++seq)) {
                        while (seq - atomic_load_explicit(&raw->at.read,
                                                          memory_order_acquire) ==
                               RAW_BUFFERS)
                                bench_pause();
                        raw_fill(raw->buffer[seq % RAW_BUFFERS], seq);
                        atomic_store_explicit(&raw->at.full, seq + 1,
                                              memory_order_release);
                }
                w->slot->count_in = seq;
                atomic_store_explicit(&raw->at.full, seq | RAW_LAST,
                                      memory_order_release);
                return;
        }
        for (;; bench_ops(w, ++seq)) {
                while ((full = atomic_load_explicit(&raw->at.full,
                                                    memory_order_acquire)) == seq)
                        bench_pause();
                if (full == (seq | RAW_LAST))
                        break;
                BENCH_CHECK(raw_touch(raw->buffer[seq % RAW_BUFFERS]) == seq * RAW_LINES);
                atomic_store_explicit(&raw->at.read, seq + 1, memory_order_release);
        }
        w->slot->count = seq;
}

int raw_sample_touch(const struct bench_side *side, double *value)
{
        (void)side;
        if (bench_two_cpus())
                return bench_two_cpus();
        struct raw *raw = bench_shared(sizeof *raw);
        if (!raw)
                return bench_cannot("no shared memory");
        struct bench_crew crew = {
                .count = 2, .ms = bench.ms, .body = touch_body, .context = raw
        };
        int rc = flow_rate(&crew, 1, value);
        *value *= RAW_BYTES * 1e-3; /* M/s to GB/s */
        bench_unshare(raw, sizeof *raw);
        return rc;
}

/* ---- a system call ---------------------------------------------------------- */

static void syscall_body(struct bench_worker *w, void *context)
{
        uint64_t n = 0;
        (void)context;
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (int i = 0; i < 100; i++)
                        syscall(SYS_getppid);
                bench_ops(w, n += 100);
        }
}

int raw_sample_syscall(const struct bench_side *side, double *value)
{
        (void)side;
        struct bench_crew crew = { .count = 1, .ms = bench.ms, .body = syscall_body };
        int rc = bench_crew_run(&crew);
        *value = (double)(crew.slot[0].end - crew.slot[0].begin) /
                 (double)(crew.slot[0].ops + 1);
        return rc;
}
