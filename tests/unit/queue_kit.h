/* tests/unit/queue_kit.h -- what the unit tests of the queue share. */
#ifndef WEFT_TESTS_UNIT_QUEUE_KIT_H
#define WEFT_TESTS_UNIT_QUEUE_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "structures/queue_shared.h"
#include "tests/child.h"

enum { LARGE = 300 };

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

static inline weft_queue_t *make(const char *name, uint64_t capacity, uint32_t bytes,
                                 uint32_t flags)
{
        struct weft_queue_options o = { capacity, bytes, flags };
        weft_queue_t *q = NULL;
        CHECK(weft_queue_create(arena, name, &o, &q) == 0 && q);
        return q;
}

static inline void drop(weft_queue_t *q, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_queue_close(q);
}

static inline struct weft_queue_info info_of(weft_queue_t *q)
{
        struct weft_queue_info info;
        CHECK(weft_queue_info(q, &info) == 0);
        return info;
}

/* Element i of a queue: every byte is told by i. */
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

/* Elements that are one number, in as many bytes as it takes. */
static inline void push(weft_queue_t *q, uint64_t x)
{
        uint8_t e[LARGE] = { 0 };
        memcpy(e, &x, sizeof x);
        CHECK(weft_queue_push(q, e, WEFT_NOW) == 0);
}

static inline uint64_t pop(weft_queue_t *q)
{
        uint8_t e[LARGE];
        uint64_t x;
        CHECK(weft_queue_pop(q, e, WEFT_NOW) == 0);
        memcpy(&x, e, sizeof x);
        return x;
}

static inline uint64_t in_hand(const struct weft_element *el)
{
        uint64_t x;
        memcpy(&x, el->at, sizeof x);
        return x;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
