/* tests/unit/mutex_kit.h -- what the unit tests of the mutex share. */
#ifndef WEFT_TESTS_UNIT_MUTEX_KIT_H
#define WEFT_TESTS_UNIT_MUTEX_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "sync/mutex_internal.h"
#include "tests/child.h"

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

static const uint32_t all_flags[] = { 0, WEFT_MUTEX_RECURSIVE, WEFT_MUTEX_FAIR,
                                      WEFT_MUTEX_FAIR | WEFT_MUTEX_RECURSIVE };
enum { FLAGS = 4 };

static inline weft_mutex_t *make(uint32_t flags)
{
        struct weft_mutex_options o = { .flags = flags };
        weft_mutex_t *m = NULL;
        CHECK(weft_mutex_create(arena, "m", &o, &m) == 0 && m);
        return m;
}

static inline void drop(weft_mutex_t *m)
{
        CHECK(weft_object_remove(arena, "m") == 0);
        weft_mutex_close(m);
}

static inline struct weft_mutex_info info_of(weft_mutex_t *m)
{
        struct weft_mutex_info info;
        memset(&info, 0xff, sizeof info);
        CHECK(weft_mutex_info(m, &info) == 0);
        return info;
}

static inline uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static inline void wait_for_sleepers(weft_mutex_t *m, uint32_t n)
{
        while (info_of(m).waiting != n)
                usleep(100);
}

/* ---- others -------------------------------------------------------------- */

/* Somebody else who does one thing, and tells what he was told. */
struct other {
        weft_mutex_t *m;
        int (*act)(weft_mutex_t *m);
        int *rc; /* common memory */
};

static inline void act_elsewhere(void *context)
{
        struct other *o = context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_mutex_t *m;
        CHECK(weft_mutex_open(there, "m", &m) == 0);
        *o->rc = o->act(m);
        weft_mutex_close(m);
        weft_arena_close(there);
}

static inline void act_forked(void *context) /* with the handle that it inherited */
{
        struct other *o = context;
        *o->rc = o->act(o->m);
}

static inline void *act_in_thread(void *context)
{
        act_forked(context);
        return NULL;
}

enum who { A_PROCESS, A_CHILD, A_THREAD, WHO };

static inline int of(enum who who, weft_mutex_t *m, int (*act)(weft_mutex_t *m))
{
        struct other o = { m, act, common_make(sizeof(int)) };
        pthread_t thread;
        *o.rc = 1;
        if (who == A_THREAD) {
                CHECK(pthread_create(&thread, NULL, act_in_thread, &o) == 0);
                CHECK(pthread_join(thread, NULL) == 0);
        } else {
                CHECK(child_run(who == A_PROCESS ? act_elsewhere : act_forked, &o) == 0);
        }
        int rc = *o.rc;
        munmap(o.rc, sizeof(int));
        return rc;
}

static inline int lock_for_10_ms(weft_mutex_t *m)
{
        return weft_mutex_lock(m, weft_after(10 * WEFT_MSEC));
}

static inline int lock_long_ago(weft_mutex_t *m)
{
        return weft_mutex_lock(m, 1);
}

static inline int lock_and_unlock(weft_mutex_t *m)
{
        int rc = weft_mutex_lock(m, WEFT_NEVER);
        if (rc && rc != -EOWNERDEAD)
                return rc;
        int undone = weft_mutex_unlock(m);
        return undone ? undone : rc;
}

/* A process that locks it, says so, and unlocks it when it is told to. */
struct holder {
        weft_mutex_t *m;
        pid_t pid;
        struct gate has, go;
};

static inline void hold(void *context)
{
        struct holder *h = context;
        CHECK(weft_mutex_lock(h->m, WEFT_NEVER) == 0);
        gate_open(&h->has, 1);
        gate_pass(&h->go);
        CHECK(weft_mutex_unlock(h->m) == 0);
}

static inline struct holder holder_start(weft_mutex_t *m)
{
        struct holder h = { .m = m, .has = gate_make(), .go = gate_make() };
        h.pid = child_start(hold, &h);
        gate_pass(&h.has);
        return h;
}

static inline void holder_end(struct holder *h)
{
        gate_open(&h->go, 1);
        CHECK(child_end(h->pid) == 0);
        gate_drop(&h->has);
        gate_drop(&h->go);
}

static inline void holder_kill(struct holder *h)
{
        CHECK(child_kill(h->pid) == -SIGKILL);
        gate_drop(&h->has);
        gate_drop(&h->go);
}

static inline void lock_and_die(void *m)
{
        CHECK(weft_mutex_lock(m, WEFT_NEVER) == 0);
        raise(SIGKILL);
}

static inline void holder_dies(weft_mutex_t *m)
{
        assert_int_equal(child_run(lock_and_die, m), -SIGKILL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
