/* tests/unit/stack_kit.h -- what the unit tests of the stack share. */
#ifndef WEFT_TESTS_UNIT_STACK_KIT_H
#define WEFT_TESTS_UNIT_STACK_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/stack.h>
#include <weft/weft.h>

#include "structures/stack_shared.h"
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

static inline weft_stack_t *make(const char *name, uint64_t capacity, uint32_t bytes)
{
        struct weft_stack_options o = { capacity, bytes, 0 };
        weft_stack_t *s = NULL;
        CHECK(weft_stack_create(arena, name, &o, &s) == 0 && s);
        return s;
}

static inline weft_stack_t *open_in(weft_arena_t *a, const char *name)
{
        weft_stack_t *s = NULL;
        CHECK(weft_stack_open(a, name, &s) == 0 && s);
        return s;
}

static inline void drop(weft_stack_t *s, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_stack_close(s);
}

static inline struct weft_stack_info info_of(weft_stack_t *s)
{
        struct weft_stack_info info;
        CHECK(weft_stack_info(s, &info) == 0);
        return info;
}

/* Nobody is at it: each node is somewhere. */
static inline struct weft_stack_info whole(weft_stack_t *s)
{
        struct weft_stack_info i = info_of(s);
        CHECK(i.length + i.held + i.idle == i.nodes);
        CHECK((uint64_t)weft_stack_length(s) == i.length);
        return i;
}

/* Element i of a stack: every byte is told by i. */
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

static inline int push(weft_stack_t *s, uint64_t x)
{
        return weft_stack_push(s, &x, WEFT_NOW);
}

static inline uint64_t pop(weft_stack_t *s)
{
        uint64_t x;
        CHECK(weft_stack_pop(s, &x, WEFT_NOW) == 0);
        return x;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
