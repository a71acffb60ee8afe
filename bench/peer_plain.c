/* bench/peer_plain.c -- queues written for the comparison, and ck_ring, and a pipe.
 *
 * None of them survives the death of a user at the wrong instruction; that is what
 * ours is compared with.
 */
#define _GNU_SOURCE
#include <ck_ring.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/flow.h"

enum { LINE = 64, MASK = FLOW_CAPACITY - 1 };

/* ---- Vyukov's bounded MPMC queue (1024cores.net) -------------------------- */

struct vyukov {
        struct {
                _Atomic(uint64_t) seq;
                uint64_t data;
        } cell[FLOW_CAPACITY];
        _Alignas(LINE) _Atomic(uint64_t) tail;
        _Alignas(LINE) _Atomic(uint64_t) head;
};

static int vyukov_make(void **queue)
{
        struct vyukov *q = bench_shared(sizeof *q);
        if (!q)
                return bench_cannot("no shared memory");
        for (uint64_t i = 0; i < FLOW_CAPACITY; i++)
                atomic_store(&q->cell[i].seq, i);
        *queue = q;
        return 0;
}

static void vyukov_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct vyukov));
}

BENCH_INLINE bool vyukov_try_push(struct vyukov *q, uint64_t x)
{
        uint64_t at = atomic_load_explicit(&q->tail, memory_order_relaxed);
        for (;;) {
                uint64_t seq = atomic_load_explicit(&q->cell[at & MASK].seq,
                                                    memory_order_acquire);
                if (seq == at) {
                        if (atomic_compare_exchange_weak_explicit(&q->tail, &at, at + 1,
                                                                  memory_order_relaxed,
                                                                  memory_order_relaxed))
                                break;
                } else if ((int64_t)(seq - at) < 0) {
                        return false;
                } else {
                        at = atomic_load_explicit(&q->tail, memory_order_relaxed);
                }
        }
        q->cell[at & MASK].data = x;
        atomic_store_explicit(&q->cell[at & MASK].seq, at + 1, memory_order_release);
        return true;
}

BENCH_INLINE bool vyukov_try_pop(struct vyukov *q, uint64_t *x)
{
        uint64_t at = atomic_load_explicit(&q->head, memory_order_relaxed);
        for (;;) {
                uint64_t seq = atomic_load_explicit(&q->cell[at & MASK].seq,
                                                    memory_order_acquire);
                if (seq == at + 1) {
                        if (atomic_compare_exchange_weak_explicit(&q->head, &at, at + 1,
                                                                  memory_order_relaxed,
                                                                  memory_order_relaxed))
                                break;
                } else if ((int64_t)(seq - (at + 1)) < 0) {
                        return false;
                } else {
                        at = atomic_load_explicit(&q->head, memory_order_relaxed);
                }
        }
        *x = q->cell[at & MASK].data;
        atomic_store_explicit(&q->cell[at & MASK].seq, at + FLOW_CAPACITY,
                              memory_order_release);
        return true;
}

BENCH_INLINE void vyukov_push(void *queue, uint64_t x, enum flow_wait wait)
{
        while (!vyukov_try_push(queue, x))
                flow_idle(wait);
}

BENCH_INLINE uint64_t vyukov_pop(void *queue, enum flow_wait wait)
{
        uint64_t x = 0;
        while (!vyukov_try_pop(queue, &x))
                flow_idle(wait);
        return x;
}

FLOW_QUEUE(flow_vyukov, vyukov_make, vyukov_drop, vyukov_push, vyukov_pop);

/* ---- tickets and turns (in the style of rigtorp's MPMCQueue) --------------- */

struct turn {
        struct {
                _Alignas(LINE) _Atomic(uint64_t) turn;
                uint64_t data;
        } slot[FLOW_CAPACITY];
        _Alignas(BENCH_LINE) _Atomic(uint64_t) head;
        _Alignas(BENCH_LINE) _Atomic(uint64_t) tail;
};

static int turn_make(void **queue)
{
        *queue = bench_shared(sizeof(struct turn));
        return *queue ? 0 : bench_cannot("no shared memory");
}

static void turn_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct turn));
}

BENCH_INLINE void turn_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct turn *q = queue;
        uint64_t ticket = atomic_fetch_add(&q->head, 1), i = ticket & MASK;
        while (ticket / FLOW_CAPACITY * 2 !=
               atomic_load_explicit(&q->slot[i].turn, memory_order_acquire))
                flow_idle(wait);
        q->slot[i].data = x;
        atomic_store_explicit(&q->slot[i].turn, ticket / FLOW_CAPACITY * 2 + 1,
                              memory_order_release);
}

BENCH_INLINE uint64_t turn_pop(void *queue, enum flow_wait wait)
{
        struct turn *q = queue;
        uint64_t ticket = atomic_fetch_add(&q->tail, 1), i = ticket & MASK;
        while (ticket / FLOW_CAPACITY * 2 + 1 !=
               atomic_load_explicit(&q->slot[i].turn, memory_order_acquire))
                flow_idle(wait);
        uint64_t x = q->slot[i].data;
        atomic_store_explicit(&q->slot[i].turn, ticket / FLOW_CAPACITY * 2 + 2,
                              memory_order_release);
        return x;
}

FLOW_QUEUE(flow_turn, turn_make, turn_drop, turn_push, turn_pop);

/* ---- ck_ring, many producers and consumers --------------------------------- */

struct ck {
        ck_ring_t ring;
        ck_ring_buffer_t buffer[FLOW_CAPACITY];
};

static int ck_make(void **queue)
{
        struct ck *q = bench_shared(sizeof *q);
        if (!q)
                return bench_cannot("no shared memory");
        ck_ring_init(&q->ring, FLOW_CAPACITY);
        *queue = q;
        return 0;
}

static void ck_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct ck));
}

BENCH_INLINE void ck_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct ck *q = queue;
        while (!ck_ring_enqueue_mpmc(&q->ring, q->buffer, (void *)(uintptr_t)x))
                flow_idle(wait);
}

BENCH_INLINE uint64_t ck_pop(void *queue, enum flow_wait wait)
{
        struct ck *q = queue;
        void *x = NULL;
        while (!ck_ring_dequeue_mpmc(&q->ring, q->buffer, &x))
                flow_idle(wait);
        return (uintptr_t)x;
}

FLOW_QUEUE(flow_ck, ck_make, ck_drop, ck_push, ck_pop);

/* ---- a pipe ---------------------------------------------------------------- */

static int pipe_make(void **queue)
{
        int *fd = malloc(2 * sizeof *fd);
        if (!fd || pipe(fd)) {
                free(fd);
                return bench_cannot("no pipe");
        }
        *queue = fd;
        return 0;
}

static void pipe_drop(void *queue)
{
        int *fd = queue;
        close(fd[0]);
        close(fd[1]);
        free(fd);
}

BENCH_INLINE void pipe_push(void *queue, uint64_t x, enum flow_wait wait)
{
        (void)wait; /* the kernel waits */
        BENCH_CHECK(write(((int *)queue)[1], &x, sizeof x) == sizeof x);
}

BENCH_INLINE uint64_t pipe_pop(void *queue, enum flow_wait wait)
{
        uint64_t x = 0;
        (void)wait;
        BENCH_CHECK(read(((int *)queue)[0], &x, sizeof x) == sizeof x);
        return x;
}

FLOW_QUEUE(flow_pipe, pipe_make, pipe_drop, pipe_push, pipe_pop);
