/* tests/stress/queue_stress.c -- the queue under load, and under SIGKILL.
 *
 * Every element says who pushed it, as its how manyth, and carries a checksum. Without
 * kills each consumer must see each producer's elements in order, and all of them must
 * come out once. With kills, each element that was certainly pushed must come out, and
 * none after it was acknowledged.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/weft.h>

#include "runtime/atomic.h"
#include "tests/child.h"

enum { PRODUCERS = 2, CONSUMERS = 2, MOST = 512, CAPACITY = 32 };

#ifdef WEFT_TSAN
enum { COUNT = 8000, VICTIM_COUNT = 4000, KILLS = 20 };
#else
enum { COUNT = 150000, VICTIM_COUNT = 500000, KILLS = 200 };
#endif

/* What the processes tell each other beside the queue. */
struct notes {
        weft_a64_t next[PRODUCERS];  /* elements that this producer has pushed */
        weft_a64_t doubt[PRODUCERS]; /* what it was pushing when it was killed, + 1 */
        weft_a64_t popped;
        weft_a32_t finished;
        weft_a32_t seen[PRODUCERS][VICTIM_COUNT];
        weft_a32_t ending[PRODUCERS][VICTIM_COUNT]; /* is being acknowledged */
        weft_a32_t ended[PRODUCERS][VICTIM_COUNT];  /* has been */
};

static weft_arena_t *arena;
static struct notes *notes;
static uint32_t bytes, flags;
static bool in_place, batches;

static void make_element(uint8_t *e, uint64_t who, uint64_t i)
{
        uint64_t tag = who << 56 | i;
        if (bytes == 8) {
                memcpy(e, &tag, 8);
                return;
        }
        uint64_t sum = tag;
        for (uint32_t at = 8; at + 8 <= bytes; at += 8) {
                sum = sum * UINT64_C(6364136223846793005) + 1442695040888963407u;
                memcpy(e + at, &sum, 8);
        }
        memcpy(e, &tag, 8);
}

static uint64_t check_element(const uint8_t *e)
{
        uint8_t want[MOST];
        uint64_t tag;
        memcpy(&tag, e, 8);
        CHECK(tag >> 56 < PRODUCERS);
        make_element(want, tag >> 56, tag & ~(UINT64_C(255) << 56));
        CHECK(memcmp(e, want, bytes) == 0);
        return tag;
}

static weft_queue_t *queue_in(weft_arena_t *a)
{
        weft_queue_t *q;
        CHECK(weft_queue_open(a, "q", &q) == 0);
        return q;
}

/* ---- nobody is killed -------------------------------------------------------- */

static void produce(weft_queue_t *q, uint64_t who)
{
        static _Thread_local uint8_t e[16 * MOST];
        for (uint64_t i = 0; i < COUNT;) {
                struct weft_element el;
                uint64_t n = batches ? 1 + i % 16 : 1;
                n = n > COUNT - i ? COUNT - i : n;
                if (in_place) {
                        CHECK(weft_queue_loan(q, &el) == 0);
                        make_element(el.at, who, i);
                        CHECK(weft_queue_commit(q, &el, WEFT_NEVER) == 0);
                        n = 1;
                } else {
                        for (uint64_t k = 0; k < n; k++)
                                make_element(e + k * bytes, who, i + k);
                        int64_t went = weft_queue_push_n(q, e, n, WEFT_NEVER);
                        CHECK(went >= 1 && (uint64_t)went <= n);
                        n = (uint64_t)went;
                }
                i += n;
        }
}

static void look_at(const uint8_t *e, uint64_t *next)
{
        uint64_t tag = check_element(e), i = tag & ~(UINT64_C(255) << 56);
        CHECK(i >= next[tag >> 56]); /* in order */
        next[tag >> 56] = i + 1;
        (void)weft_add_rlx(&notes->popped, 1);
}

static void consume(weft_queue_t *q)
{
        static _Thread_local uint8_t e[16 * MOST];
        uint64_t next[PRODUCERS] = { 0 };
        for (;;) {
                struct weft_element el;
                if (in_place) {
                        int rc = weft_queue_take(q, &el, WEFT_NEVER);
                        if (rc == -EPIPE)
                                return;
                        CHECK(rc == 0);
                        look_at(el.at, next);
                        CHECK(weft_queue_release(q, &el) == 0);
                } else {
                        int64_t n = weft_queue_pop_n(q, e, batches ? 16 : 1, WEFT_NEVER);
                        if (n == -EPIPE)
                                return;
                        CHECK(n >= 1);
                        for (int64_t k = 0; k < n; k++)
                                look_at(e + (uint64_t)k * bytes, next);
                }
        }
}

/* The last producer shuts the queue down. */
static void produce_and_finish(weft_queue_t *q, uint64_t who)
{
        produce(q, who);
        if (weft_add_acq_rel(&notes->finished, 1) + 1 == PRODUCERS) /* [T] tests only */
                CHECK(weft_queue_shutdown(q) == 0);
}

static void as_process(void *context)
{
        uint64_t i = *(uint64_t *)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_queue_t *q = queue_in(a);
        if (i < PRODUCERS)
                produce_and_finish(q, i);
        else
                consume(q);
        weft_queue_close(q);
        weft_arena_close(a);
}

static weft_queue_t *shared;

static void *as_thread(void *context)
{
        uint64_t i = *(uint64_t *)context;
        if (i < PRODUCERS)
                produce_and_finish(shared, i);
        else
                consume(shared);
        return NULL;
}

static void begin(uint32_t element_bytes, uint32_t queue_flags)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        struct weft_queue_options qo = { CAPACITY, element_bytes, queue_flags };
        bytes = element_bytes;
        flags = queue_flags;
        memset(notes, 0, sizeof *notes);
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_queue_create(arena, "q", &qo, &shared) == 0);
}

static void end(uint64_t popped)
{
        struct weft_queue_info info;
        uint64_t got = weft_load_rlx(&notes->popped);
        if (popped)
                CHECK(got == popped);
        (void)recover_count(arena);
        CHECK(weft_queue_info(shared, &info) == 0);
        CHECK(info.length == 0 && info.leased == 0 && info.pushed == info.popped);
        check_whole(arena);
        weft_queue_close(shared);
        weft_arena_close(arena);
}

static void crowd(uint32_t element_bytes, uint32_t queue_flags, bool threads)
{
        enum { ALL = PRODUCERS + CONSUMERS };
        uint64_t who[ALL];
        pthread_t t[ALL];
        pid_t pid[ALL];

        begin(element_bytes, queue_flags);
        for (uint64_t i = 0; i < ALL; i++) {
                who[i] = i;
                if (threads)
                        CHECK(pthread_create(&t[i], NULL, as_thread, &who[i]) == 0);
                else
                        pid[i] = child_start(as_process, &who[i]);
        }
        for (int i = 0; i < ALL; i++)
                if (threads)
                        CHECK(pthread_join(t[i], NULL) == 0);
                else
                        CHECK(child_end(pid[i]) == 0);
        end(PRODUCERS * (uint64_t)COUNT);
}

/* ---- kills ----------------------------------------------------------------------- */

static void produce_until_killed(void *context)
{
        uint64_t who = *(uint64_t *)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_queue_t *q = queue_in(a);
        uint64_t i = weft_load_rlx(&notes->next[who]);
        uint8_t e[MOST];
        for (; i < VICTIM_COUNT; i++) {
                make_element(e, who, i);
                weft_store_rlx(&notes->doubt[who], i + 1);
                CHECK(weft_queue_push(q, e, WEFT_NEVER) == 0);
                weft_store_rlx(&notes->next[who], i + 1);
                weft_store_rlx(&notes->doubt[who], 0);
        }
        if (weft_add_acq_rel(&notes->finished, 1) + 1 == PRODUCERS) /* [T] */
                CHECK(weft_queue_shutdown(q) == 0);
        weft_queue_close(q);
        weft_arena_close(a);
}

static void consume_until_killed(void *unused)
{
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_queue_t *q = queue_in(a);
        struct weft_element el;
        int rc;
        (void)unused;
        while ((rc = weft_queue_take(q, &el, WEFT_NEVER)) == 0) {
                uint64_t tag = check_element(el.at), who = tag >> 56;
                uint64_t i = tag & ~(UINT64_C(255) << 56);
                CHECK(i < VICTIM_COUNT);
                CHECK(!weft_load_rlx(&notes->ended[who][i])); /* never again */
                uint32_t before = weft_add_rlx(&notes->seen[who][i], 1);
                CHECK(before == 0 || el.deliveries > 0);
                if (i % 97 == 0 && el.deliveries == 0) {
                        CHECK(weft_queue_nack(q, &el) == 0);
                        continue;
                }
                (void)weft_add_rlx(&notes->ending[who][i], 1);
                CHECK(weft_queue_ack(q, &el) == 0);
                weft_store_rlx(&notes->ended[who][i], 1);
        }
        CHECK(rc == -EPIPE);
        weft_queue_close(q);
        weft_arena_close(a);
}

/* What the killed have left: nobody of this process is killed. */
static void consume_the_rest(void)
{
        struct weft_element el;
        int rc;
        while ((rc = weft_queue_take(shared, &el, WEFT_NEVER)) == 0) {
                uint64_t tag = check_element(el.at);
                uint64_t who = tag >> 56, i = tag & ~(UINT64_C(255) << 56);
                CHECK(!weft_load_rlx(&notes->ended[who][i]));
                (void)weft_add_rlx(&notes->seen[who][i], 1);
                CHECK(weft_queue_ack(shared, &el) == 0);
                weft_store_rlx(&notes->ended[who][i], 1);
        }
        CHECK(rc == -EPIPE);
}

static pid_t start_victim(uint64_t *who)
{
        return *who < PRODUCERS ? child_start(produce_until_killed, who)
                                : child_start(consume_until_killed, who);
}

/* A killed producer's element may be there or not: its successor skips it. */
static void restart(pid_t *pid, uint64_t *who, uint64_t *maybe)
{
        if (*who < PRODUCERS) {
                uint64_t doubt = weft_load_rlx(&notes->doubt[*who]);
                if (doubt && doubt > weft_load_rlx(&notes->next[*who])) {
                        maybe[doubt - 1] |= UINT64_C(1) << *who;
                        weft_store_rlx(&notes->next[*who], doubt);
                }
        }
        *pid = start_victim(who);
}

static void massacre(uint32_t element_bytes)
{
        enum { ALL = PRODUCERS + CONSUMERS };
        static uint64_t maybe[VICTIM_COUNT];
        uint64_t who[ALL];
        pid_t pid[ALL];
        unsigned lost = 0;

        begin(element_bytes, WEFT_QUEUE_LEASE);
        memset(maybe, 0, sizeof maybe);
        for (uint64_t i = 0; i < ALL; i++) {
                who[i] = i;
                pid[i] = start_victim(&who[i]);
        }
        for (int kill = 0; kill < KILLS; kill++) {
                usleep(500 + (useconds_t)(rand() % 4000));
                int victim = rand() % ALL;
                if (!pid[victim])
                        continue;
                int rc = child_kill(pid[victim]);
                pid[victim] = 0;
                if (rc == 0) /* it had finished */
                        continue;
                CHECK(rc == -SIGKILL);
                restart(&pid[victim], &who[victim], maybe);
                if (kill % 20 == 0) /* else waiters and newcomers do it */
                        (void)recover_count(arena);
        }
        struct weft_queue_info info;
        CHECK(weft_queue_info(shared, &info) == 0);
        printf("%u B: %llu pushed while killing\n", element_bytes,
               (unsigned long long)info.pushed);
        for (int i = PRODUCERS; i < ALL; i++) {
                int rc = pid[i] ? child_kill(pid[i]) : 0;
                CHECK(rc == -SIGKILL || rc == 0);
        }
        consume_the_rest();
        for (int i = 0; i < PRODUCERS; i++)
                if (pid[i])
                        CHECK(child_end(pid[i]) == 0);
        for (uint64_t p = 0; p < PRODUCERS; p++)
                for (uint64_t i = 0; i < VICTIM_COUNT; i++) {
                        bool seen = weft_load_rlx(&notes->seen[p][i]);
                        CHECK(seen || maybe[i] >> p & 1 ||
                              weft_load_rlx(&notes->ended[p][i]));
                        if (seen && !weft_load_rlx(&notes->ended[p][i])) {
                                CHECK(weft_load_rlx(&notes->ending[p][i]) > 0);
                                lost++; /* killed between its ack and its note */
                        }
                }
        CHECK(lost <= KILLS + CONSUMERS);
        printf("%u B: killed in the ack or after it: %u\n", element_bytes, lost);
        end(0);
}

/* ThreadSanitizer sees threads only; and its 16-byte CAS is atomic within one process. */
#ifdef WEFT_TSAN
enum { PROCESSES = 0 };
#else
enum { PROCESSES = 1 };
#endif

int main(void)
{
        notes = common_make(sizeof *notes);
        srand(1);
        for (int threads = 1; threads >= !PROCESSES; threads--)
                for (int way = 0; way < 4; way++) {
                        batches = way == 1;
                        in_place = way >= 2;
                        crowd(8, 0, threads);
                        crowd(64, way == 3 ? WEFT_QUEUE_LEASE : 0, threads);
                        crowd(MOST, way == 3 ? WEFT_QUEUE_LEASE : 0, threads);
                        if (way == 0)
                                crowd(64, WEFT_QUEUE_LEASE, threads);
                        if (way < 2)
                                crowd(way ? 8 : 64, WEFT_QUEUE_BATCH, threads);
                }
        for (uint32_t size = 8; PROCESSES && size <= MOST; size += MOST - 8)
                massacre(size);
        return 0;
}
