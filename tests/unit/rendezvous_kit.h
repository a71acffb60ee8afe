/* tests/unit/rendezvous_kit.h -- what the unit tests of the rendezvous share. */
#ifndef WEFT_TESTS_UNIT_RENDEZVOUS_KIT_H
#define WEFT_TESTS_UNIT_RENDEZVOUS_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/rendezvous.h>
#include <weft/weft.h>

#include "structures/rendezvous_internal.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static inline int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
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

static inline weft_rendezvous_t *make(const char *name, uint32_t bytes)
{
        struct weft_rendezvous_options o = { bytes, 0 };
        weft_rendezvous_t *r = NULL;
        CHECK(weft_rendezvous_create(arena, name, &o, &r) == 0 && r);
        return r;
}

static inline void drop(weft_rendezvous_t *r, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_rendezvous_close(r);
}

static inline struct weft_rendezvous_info info_of(weft_rendezvous_t *r)
{
        struct weft_rendezvous_info info;
        CHECK(weft_rendezvous_info(r, &info) == 0);
        return info;
}

/* Until so many wait to push, and to pop, and are asleep. */
static inline void until_waiting(weft_rendezvous_t *r, uint32_t pushing, uint32_t popping)
{
        for (int i = 0; i < 200000; i++) {
                struct weft_rendezvous_info info = info_of(r);
                if (info.pushing == pushing && info.popping == popping)
                        return;
                usleep(50);
        }
        CHECK(false && "they wait");
}

/* Element i: every byte is told by i. */
static inline void paint(uint8_t *e, uint32_t bytes, uint64_t i)
{
        for (uint32_t k = 0; k < bytes; k++)
                e[k] = (uint8_t)(i * 31 + k * 7 + (k >> 8) + 1);
}

static inline bool is_painted(const uint8_t *e, uint32_t bytes, uint64_t i)
{
        for (uint32_t k = 0; k < bytes; k++)
                if (e[k] != (uint8_t)(i * 31 + k * 7 + (k >> 8) + 1))
                        return false;
        return true;
}

/* A thread, or a child, in one call. */
struct party {
        weft_rendezvous_t *r, *q;
        uint64_t deadline;
        uint64_t x;
        int rc;
        pthread_t thread;
};

static inline void *push_x(void *context)
{
        struct party *p = context;
        p->rc = weft_rendezvous_push(p->r, &p->x, p->deadline);
        return NULL;
}

static inline void *pop_x(void *context)
{
        struct party *p = context;
        p->rc = weft_rendezvous_pop(p->r, &p->x, p->deadline);
        return NULL;
}

static inline void begin(struct party *p, void *(*work)(void *))
{
        CHECK(pthread_create(&p->thread, NULL, work, p) == 0);
}

static inline int end(struct party *p)
{
        CHECK(pthread_join(p->thread, NULL) == 0);
        return p->rc;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
