/* tests/unit/ring_kit.h -- what the unit tests of the ring share. */
#ifndef WEFT_TESTS_UNIT_RING_KIT_H
#define WEFT_TESTS_UNIT_RING_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/ring.h>

#include "structures/ring_internal.h"
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

enum { SHAPES = 3 };

/* Of words, of records, of elements that are alone in their units; not soon full. */
static inline weft_ring_t *make_roomy(int shape)
{
        static const struct weft_ring_options shapes[SHAPES] = {
                { 20, 8, 0 },
                { 512, 0, WEFT_RING_BYTES },
                { 20, 64, 0 },
        };
        weft_ring_t *r = NULL;
        CHECK(weft_ring_create(arena, "r", &shapes[shape], &r) == 0);
        return r;
}

static inline weft_ring_t *make(const char *name, uint64_t capacity, uint32_t bytes,
                                uint32_t flags)
{
        struct weft_ring_options o = { capacity, bytes, flags };
        weft_ring_t *r = NULL;
        CHECK(weft_ring_create(arena, name, &o, &r) == 0 && r);
        return r;
}

static inline void drop(weft_ring_t *r, const char *name)
{
        check_whole(arena);
        CHECK(weft_object_remove(arena, name) == 0);
        weft_ring_close(r);
}

static inline weft_ring_t *open_in(weft_arena_t *a, const char *name)
{
        weft_ring_t *r = NULL;
        CHECK(weft_ring_open(a, name, &r) == 0 && r);
        return r;
}

static inline struct weft_ring_info info_of(weft_ring_t *r)
{
        struct weft_ring_info info;
        CHECK(weft_ring_info(r, &info) == 0);
        return info;
}

/* Element i of a ring: every byte is told by i. */
static inline void paint(uint8_t *e, uint64_t bytes, uint64_t i)
{
        for (uint64_t k = 0; k < bytes; k++)
                e[k] = (uint8_t)(i * 31 + k * 7 + (k >> 8) + 1);
}

static inline bool is_painted(const uint8_t *e, uint64_t bytes, uint64_t i)
{
        for (uint64_t k = 0; k < bytes; k++)
                if (e[k] != (uint8_t)(i * 31 + k * 7 + (k >> 8) + 1))
                        return false;
        return true;
}

/* Numbers, in rings of words, of elements up to a line, or of records. */
static inline int give(weft_ring_t *r, uint64_t x, uint64_t deadline)
{
        uint64_t e[8] = { x };
        return info_of(r).flags & WEFT_RING_BYTES
                       ? weft_ring_push_record(r, &x, sizeof x, deadline)
                       : weft_ring_push(r, e, deadline);
}

static inline int get(weft_ring_t *r, uint64_t *x, uint64_t deadline)
{
        if (!(info_of(r).flags & WEFT_RING_BYTES)) {
                uint64_t e[8] = { 0 };
                int rc = weft_ring_pop(r, e, deadline);
                *x = e[0];
                return rc;
        }
        int64_t n = weft_ring_pop_record(r, x, sizeof *x, deadline);
        return n < 0 ? (int)n : 0;
}

static inline void must_give(weft_ring_t *r, uint64_t x)
{
        CHECK(give(r, x, WEFT_NOW) == 0);
}

static inline uint64_t must_get(weft_ring_t *r)
{
        uint64_t x;
        CHECK(get(r, &x, WEFT_NOW) == 0);
        return x;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
