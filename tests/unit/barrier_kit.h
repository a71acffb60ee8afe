/* tests/unit/barrier_kit.h -- what the tests of barriers share. */
#ifndef WEFT_TESTS_UNIT_BARRIER_KIT_H
#define WEFT_TESTS_UNIT_BARRIER_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <weft/barrier.h>
#include <weft/weft.h>

#include "tests/child.h"

enum { SHRINK = WEFT_BARRIER_SHRINK, ANONYMOUS = WEFT_BARRIER_ANONYMOUS };

static weft_arena_t *arena; /* fresh for every test */

static inline int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static inline int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static inline weft_barrier_t *make(uint32_t parties, uint32_t flags)
{
        struct weft_barrier_options o = { .parties = parties, .flags = flags };
        weft_barrier_t *b = NULL;
        CHECK(weft_barrier_create(arena, "b", &o, &b) == 0 && b);
        return b;
}

/* Closed first: parties that are still in it would keep the name. */
static inline void drop(weft_barrier_t *b)
{
        weft_barrier_close(b);
        CHECK(weft_object_remove(arena, "b") == 0);
}

static inline struct weft_barrier_info info_of(weft_barrier_t *b)
{
        struct weft_barrier_info i;
        CHECK(weft_barrier_info(b, &i) == 0);
        return i;
}

/* phase, parties, taken, arrived, broken */
#define IS(b, ...) is((b), (const uint64_t[5]){ __VA_ARGS__ }, __LINE__)

static inline void is(weft_barrier_t *b, const uint64_t *want, int line)
{
        struct weft_barrier_info i = info_of(b);
        if (i.phase != want[0] || i.parties != want[1] || i.taken != want[2] ||
            i.arrived != want[3] || i.broken != want[4])
                fail_msg("line %d: phase %llu, parties %u, taken %u, arrived %u, "
                         "broken %u",
                         line, (unsigned long long)i.phase, i.parties, i.taken, i.arrived,
                         i.broken);
}

static inline void until_waiting(weft_barrier_t *b, uint32_t n)
{
        for (int i = 0; i < 10000 && info_of(b).waiting != n; i++)
                usleep(500);
        CHECK(info_of(b).waiting == n);
}

static inline uint64_t soon(void)
{
        return weft_after(20 * WEFT_SEC);
}

/* ---- another party: a thread that does what it is told, one call at a time -------- */

enum call { WAIT, TRY, ARRIVE, WAIT_PHASE, JOIN, LEAVE, RESET, END };

struct party {
        pthread_t thread;
        weft_barrier_t *b;
        struct gate go, done;
        enum call call;
        uint64_t phase;
        int rc;
};

static inline int do_call(struct party *p)
{
        switch (p->call) {
        case WAIT:
                return weft_barrier_wait(p->b, soon());
        case TRY:
                return weft_barrier_wait(p->b, WEFT_NOW);
        case ARRIVE:
                return weft_barrier_arrive(p->b, &p->phase);
        case WAIT_PHASE:
                return weft_barrier_wait_phase(p->b, p->phase, soon());
        case JOIN:
                return weft_barrier_join(p->b);
        case LEAVE:
                return weft_barrier_leave(p->b);
        default:
                return weft_barrier_reset(p->b);
        }
}

static inline void *live(void *context)
{
        struct party *p = context;
        for (gate_pass(&p->go); p->call != END; gate_pass(&p->go)) {
                p->rc = do_call(p);
                gate_open(&p->done, 1);
        }
        return NULL;
}

static inline void party_begin(struct party *p, weft_barrier_t *b)
{
        *p = (struct party){ .b = b, .go = gate_make(), .done = gate_make() };
        CHECK(pthread_create(&p->thread, NULL, live, p) == 0);
}

static inline void tell(struct party *p, enum call call)
{
        p->call = call;
        gate_open(&p->go, 1);
}

static inline int answer(struct party *p)
{
        gate_pass(&p->done);
        return p->rc;
}

static inline int ask(struct party *p, enum call call)
{
        tell(p, call);
        return answer(p);
}

/* Its thread ends: if it is a party, that is its death. */
static inline void party_end(struct party *p)
{
        tell(p, END);
        CHECK(pthread_join(p->thread, NULL) == 0);
        gate_drop(&p->go);
        gate_drop(&p->done);
}

static inline void arrive_and_die(void *context)
{
        CHECK(weft_barrier_wait(context, WEFT_NOW) == -EAGAIN);
        raise(SIGKILL);
}

#endif
