/* tests/unit/hot_kit.h -- what the unit tests of the hot stream share. */
#ifndef WEFT_TESTS_UNIT_HOT_KIT_H
#define WEFT_TESTS_UNIT_HOT_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/hot.h>

#include "tests/child.h"

enum {
        BLOCK = WEFT_HOT_BLOCK,
        DROP = WEFT_HOT_DROP,
        ONE = WEFT_HOT_ONE,
        MANY = 0,
        MOST_BYTES = 64,
        UNTOLD = 12345,
};

#define OLDEST WEFT_HOT_OLDEST
#define NEW WEFT_HOT_NEW
#define SEQUENCE WEFT_HOT_SEQUENCE

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

static inline weft_hot_t *make(uint64_t capacity, uint32_t bytes, uint32_t policy,
                               uint32_t flags)
{
        struct weft_hot_options o = { .capacity = capacity,
                                      .element_bytes = bytes,
                                      .policy = policy,
                                      .flags = flags };
        weft_hot_t *hot = NULL;
        CHECK(weft_hot_create(arena, "h", &o, &hot) == 0 && hot);
        return hot;
}

static inline weft_hot_t *open_in(weft_arena_t *a)
{
        weft_hot_t *hot = NULL;
        CHECK(weft_hot_open(a, "h", 0, 0, &hot) == 0 && hot);
        return hot;
}

static inline void drop(weft_hot_t *hot)
{
        CHECK(weft_object_remove(arena, "h") == 0);
        weft_hot_close(hot);
}

static inline weft_hot_subscriber_t *join(weft_hot_t *hot, enum weft_hot_from from,
                                          uint64_t sequence)
{
        weft_hot_subscriber_t *s = NULL;
        CHECK(weft_hot_subscribe(hot, from, sequence, &s) == 0 && s);
        return s;
}

static inline struct weft_hot_info info_of(weft_hot_t *hot)
{
        struct weft_hot_info info;
        CHECK(weft_hot_info(hot, &info) == 0);
        return info;
}

static inline int try_put(weft_hot_t *hot, uint64_t x)
{
        uint8_t item[MOST_BYTES] = { 0 };
        memcpy(item, &x, sizeof x);
        return weft_hot_emit(hot, item, WEFT_NOW);
}

/* Emits [from, to). */
static inline void put_all(weft_hot_t *hot, uint64_t from, uint64_t to)
{
        while (from < to)
                CHECK(try_put(hot, from++) == 0);
}

/* The next one is x, with that sequence, after so many lost. */
static inline void get(weft_hot_subscriber_t *s, uint64_t x, uint64_t sequence,
                       uint64_t lost)
{
        uint8_t item[MOST_BYTES];
        uint64_t got, seq = UNTOLD, gone = UNTOLD;
        CHECK(weft_hot_next(s, item, &seq, &gone, WEFT_NOW) == 1);
        memcpy(&got, item, sizeof got);
        CHECK(got == x && seq == sequence && gone == lost);
}

static inline void get_all(weft_hot_subscriber_t *s, uint64_t from, uint64_t to)
{
        for (; from < to; from++)
                get(s, from, from, 0);
}

/* There is no next one: what is told instead. */
static inline int none(weft_hot_subscriber_t *s, uint64_t deadline)
{
        uint8_t item[MOST_BYTES];
        return weft_hot_next(s, item, NULL, NULL, deadline);
}

static inline uint64_t soon(void)
{
        return weft_after(20 * WEFT_SEC);
}

struct mode {
        uint32_t bytes, policy, flags;
};

static const struct mode modes[] = {
        { 8, BLOCK, ONE },  { 8, DROP, ONE },  { 8, BLOCK, MANY },  { 8, DROP, MANY },
        { 40, BLOCK, ONE }, { 40, DROP, ONE }, { 40, BLOCK, MANY }, { 40, DROP, MANY },
};
enum { MODES = sizeof modes / sizeof *modes };

#define EACH_MODE(m) for (const struct mode *m = modes; m < modes + MODES; m++)

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
