/* tests/stress/ring_stress.c -- the ring under load, and under SIGKILL and SIGSTOP.
 *
 * Elements count up, and say their number in each of their words. Without kills the consumer
 * sees all of them in order. With kills several processes stand by for each side, and the
 * holder is killed: the next one asks the ring how far it has come, goes on there, and finds
 * neither less than was acknowledged nor anything twice.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/weft.h>

#include <weft/ring.h>

#include "runtime/atomic.h"
#include "tests/child.h"
#include "tests/soak.h"

enum { MOST = 304, STEP = 16, WIDE = 104, AT_ONCE = 20 };

#ifdef WEFT_TSAN /* it sees threads only, and is slow */
enum { COUNT = 20000, PROCESSES = 0 };
#else
enum { COUNT = 100000, PROCESSES = 1 };
#endif

struct notes { /* what the processes tell each other beside the ring */
        weft_a64_t pushed, popped; /* acknowledged */
        weft_a64_t takeovers;
        weft_a32_t enough;
};

static weft_arena_t *arena;
static weft_ring_t *shared;
static struct notes *notes;
static struct weft_ring_options shape;
enum { ALONE, IN_PLACE, MANY };
static int how;
static _Thread_local uint64_t went; /* by the last call */

static bool has_records(void)
{
        return shape.flags & WEFT_RING_BYTES;
}

/* Elements are all of one size. */
static uint32_t bytes_of(void)
{
        return shape.element_bytes;
}

/* From what the ring counts to elements. */
static uint64_t elements(uint64_t count)
{
        uint64_t each = STEP + (bytes_of() + STEP - 1) / STEP * STEP;
        return has_records() ? count / each : count;
}

static void fill(void *at, uint64_t i)
{
        for (uint32_t k = 0; k < bytes_of(); k += 8)
                memcpy((char *)at + k, &i, 8);
}

static void check(const void *at, uint64_t i)
{
        uint64_t x;
        for (uint32_t k = 0; k < bytes_of(); k += 8) {
                memcpy(&x, (const char *)at + k, 8);
                CHECK(x == i);
        }
}

static int push_many(weft_ring_t *r, uint64_t i, uint64_t deadline)
{
        uint8_t e[AT_ONCE * WIDE];
        uint64_t n = i * 7 % AT_ONCE + 1;
        for (uint64_t k = 0; k < n; k++)
                fill(e + k * bytes_of(), i + k);
        int64_t rc = weft_ring_push_n(r, e, n, deadline);
        went = rc > 0 ? (uint64_t)rc : 0;
        return rc < 0 ? (int)rc : 0;
}

static int pop_many(weft_ring_t *r, uint64_t i, uint64_t deadline)
{
        uint8_t e[AT_ONCE * WIDE];
        int64_t rc = weft_ring_pop_n(r, e, i * 5 % AT_ONCE + 1, deadline);
        went = rc > 0 ? (uint64_t)rc : 0;
        for (uint64_t k = 0; k < went; k++)
                check(e + k * bytes_of(), i + k);
        return rc < 0 ? (int)rc : 0;
}

static int push(weft_ring_t *r, uint64_t i, uint64_t deadline)
{
        uint8_t e[MOST], wide[WIDE];
        struct weft_ring_item item;
        if (how == MANY)
                return push_many(r, i, deadline);
        went = 1;
        if (how == IN_PLACE) {
                int rc = weft_ring_loan(r, bytes_of(), &item, deadline);
                if (rc)
                        return rc;
                fill(item.at, i);
                return weft_ring_commit(r, &item, bytes_of());
        }
        if (bytes_of() == WIDE) {
                fill(wide, i);
                return weft_ring_push(r, wide, deadline);
        }
        fill(e, i);
        return has_records() ? weft_ring_push_record(r, e, bytes_of(), deadline)
                             : weft_ring_push(r, e, deadline);
}

static int pop(weft_ring_t *r, uint64_t i, uint64_t deadline)
{
        uint8_t e[MOST], wide[WIDE];
        struct weft_ring_item item;
        if (how == MANY)
                return pop_many(r, i, deadline);
        went = 1;
        if (how == IN_PLACE) {
                int rc = weft_ring_take(r, &item, deadline);
                if (rc)
                        return rc;
                CHECK(item.bytes == bytes_of());
                check(item.at, i);
                return weft_ring_release(r, &item);
        }
        if (bytes_of() == WIDE) {
                int rc = weft_ring_pop(r, wide, deadline);
                if (!rc)
                        check(wide, i);
                return rc;
        }
        int64_t n = has_records() ? weft_ring_pop_record(r, e, MOST, deadline)
                                  : weft_ring_pop(r, e, deadline);
        if (n < 0)
                return (int)n;
        check(e, i);
        return 0;
}

static weft_ring_t *open_ring(weft_arena_t *in)
{
        weft_ring_t *r;
        CHECK(weft_ring_open(in, "r", &r) == 0);
        return r;
}

static void begin(struct weft_ring_options options)
{
        struct weft_arena_options o = { .max_bytes = 4 << 20 };
        shape = options;
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_ring_create(arena, "r", &shape, &shared) == 0);
        memset(notes, 0, sizeof *notes);
}

static void end(void)
{
        (void)recover_count(arena);
        check_whole(arena);
        weft_ring_close(shared);
        CHECK(weft_object_remove(arena, "r") == 0);
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
}

/* ---- without kills ------------------------------------------------------------ */

static void produce_all(weft_ring_t *r)
{
        for (uint64_t i = 0; i < COUNT; i += went)
                CHECK(push(r, i, WEFT_NEVER) == 0);
        CHECK(weft_ring_shutdown(r) == 0);
}

static void consume_all(weft_ring_t *r)
{
        uint64_t i = 0;
        int rc;
        while ((rc = pop(r, i, WEFT_NEVER)) == 0)
                i += went;
        CHECK(rc == -EPIPE && i >= COUNT && i < COUNT + AT_ONCE);
}

static void produce_elsewhere(void *context)
{
        (void)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_ring_t *r = open_ring(there);
        produce_all(r);
        weft_ring_close(r);
        weft_arena_close(there);
}

static void *produce_here(void *context)
{
        produce_all(shared);
        return context;
}

static void stream(struct weft_ring_options options, bool threads)
{
        pthread_t t;
        begin(options);
        if (threads) {
                CHECK(pthread_create(&t, NULL, produce_here, NULL) == 0);
                consume_all(shared);
                CHECK(pthread_join(t, NULL) == 0);
        } else {
                pid_t pid = child_start(produce_elsewhere, NULL);
                consume_all(shared);
                CHECK(child_end(pid) == 0);
        }
        end();
}

/* There and back, both asleep in between more often than not. */
static void *echo(void *context)
{
        weft_ring_t *back = context;
        for (uint64_t i = 0; i < COUNT / 20; i++) {
                CHECK(pop(shared, i, WEFT_NEVER) == 0);
                CHECK(push(back, i, WEFT_NEVER) == 0);
        }
        return NULL;
}

static void trips(struct weft_ring_options options)
{
        weft_ring_t *back;
        pthread_t t;
        begin(options);
        CHECK(weft_ring_create(arena, "back", &shape, &back) == 0);
        CHECK(pthread_create(&t, NULL, echo, back) == 0);
        for (uint64_t i = 0; i < COUNT / 20; i++) {
                CHECK(push(shared, i, WEFT_NEVER) == 0);
                CHECK(pop(back, i, WEFT_NEVER) == 0);
        }
        CHECK(pthread_join(t, NULL) == 0);
        weft_ring_close(back);
        CHECK(weft_object_remove(arena, "back") == 0);
        end();
}

/* ---- with kills ------------------------------------------------------------------- */

static struct weft_ring_info info_of(weft_ring_t *r)
{
        struct weft_ring_info info;
        CHECK(weft_ring_info(r, &info) == 0);
        return info;
}

/* Only a while: the others stand by. Every now and then it leaves off by itself. */
static void produce_a_while(weft_ring_t *r)
{
        CHECK(weft_ring_attach(r, WEFT_RING_PRODUCER, WEFT_NEVER) == 0);
        uint64_t i = elements(info_of(r).pushed);
        CHECK(i >= weft_load_acq(&notes->pushed));
        CHECK(i <=
              weft_load_acq(&notes->pushed) + AT_ONCE); /* and what was not yet noted */
        weft_store_rel(&notes->pushed, i); /* or else two in a row may not have */
        (void)weft_add_rlx(&notes->takeovers, 1);
        for (uint64_t n = 0; n < 50000 && !weft_load_rlx(&notes->enough); n++) {
                int rc = push(r, i, weft_after(20 * WEFT_MSEC));
                CHECK(rc == 0 || rc == -ETIMEDOUT);
                i += rc ? 0 : went;
                weft_store_rel(&notes->pushed, i);
        }
        CHECK(weft_ring_detach(r, WEFT_RING_PRODUCER) == 0);
}

static void consume_a_while(weft_ring_t *r)
{
        CHECK(weft_ring_attach(r, WEFT_RING_CONSUMER, WEFT_NEVER) == 0);
        uint64_t i = elements(info_of(r).popped);
        CHECK(i >= weft_load_acq(&notes->popped));
        CHECK(i <= weft_load_acq(&notes->popped) + AT_ONCE);
        weft_store_rel(&notes->popped, i);
        (void)weft_add_rlx(&notes->takeovers, 1);
        for (uint64_t n = 0; n < 50000 && !weft_load_rlx(&notes->enough); n++) {
                int rc = pop(r, i, weft_after(20 * WEFT_MSEC));
                CHECK(rc == 0 || rc == -ETIMEDOUT);
                i += rc ? 0 : went;
                weft_store_rel(&notes->popped, i);
        }
        CHECK(weft_ring_detach(r, WEFT_RING_CONSUMER) == 0);
}

static void work(void *context)
{
        (void)context;
        bool produces = getpid() % 2;
        weft_ring_t *r = open_ring(arena);
        for (;; produces = !produces) {
                if (produces)
                        produce_a_while(r);
                else
                        consume_a_while(r);
        }
}

static void massacre(struct weft_ring_options options, uint64_t seconds)
{
        begin(options);
        struct soak s = { .work = work, .crew = 5 };
        soak_begin(&s);
        uint64_t until = soak_until(seconds);
        while (weft_now() < until)
                soak_step(&s);
        soak_end(&s);
        struct weft_ring_info info = info_of(shared);
        uint64_t i = elements(info.popped), tail = elements(info.pushed);
        CHECK(tail >= weft_load_acq(&notes->pushed) &&
              i >= weft_load_acq(&notes->popped));
        CHECK(weft_ring_shutdown(shared) == 0);
        while (pop(shared, i, WEFT_NOW) == 0)
                i += went;
        CHECK(i == tail && pop(shared, i, WEFT_NOW) == -EPIPE);
        printf("%u B%s: %llu pushed, %u kills, %u stops, %llu takeovers\n", bytes_of(),
               has_records() ? " in records" : "", (unsigned long long)tail, s.kills,
               s.stops, (unsigned long long)weft_load_rlx(&notes->takeovers));
        end();
}

int main(void)
{
        static const struct weft_ring_options shapes[] = {
                { 8, 8, 0 },
                { 4, WIDE, 0 },
                { 8192, 304, WEFT_RING_BYTES },
        };
        notes = common_make(sizeof *notes);
        static const struct {
                int shape;
                int how;
        } deaths[] = {
                { 0, ALONE }, { 0, MANY }, { 1, IN_PLACE }, { 1, ALONE }, { 2, ALONE }
        };
        for (int i = 0; i < 3; i++)
                for (how = ALONE; how <= MANY; how++) {
                        if (how == MANY && shapes[i].flags)
                                continue;
                        stream(shapes[i], true);
                        if (how != MANY)
                                trips(shapes[i]);
                        if (PROCESSES)
                                stream(shapes[i], false);
                }
        for (size_t i = 0; PROCESSES && i < sizeof deaths / sizeof *deaths; i++) {
                how = deaths[i].how;
                massacre(shapes[deaths[i].shape], 1);
        }
        return 0;
}
