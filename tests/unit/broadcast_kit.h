/* tests/unit/broadcast_kit.h -- what the unit tests of the broadcast ring share. */
#ifndef WEFT_TESTS_UNIT_BROADCAST_KIT_H
#define WEFT_TESTS_UNIT_BROADCAST_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/broadcast.h>

#include "structures/broadcast_internal.h"
#include "tests/child.h"

enum {
        BLOCK = WEFT_BROADCAST_BLOCK,
        DROP = WEFT_BROADCAST_DROP,
        ONE = WEFT_BROADCAST_ONE,
        MANY = 0,
        LARGE = 300,
        UNTOLD = 12345,
};

#define OLDEST WEFT_BROADCAST_OLDEST
#define NEWEST WEFT_BROADCAST_NEWEST
#define SEQUENCE WEFT_BROADCAST_SEQUENCE

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

static inline weft_broadcast_t *make(const char *name, uint64_t capacity, uint32_t bytes,
                                     uint32_t policy, uint32_t flags)
{
        struct weft_broadcast_options o = { capacity, bytes, policy, flags, 0 };
        weft_broadcast_t *b = NULL;
        CHECK(weft_broadcast_create(arena, name, &o, &b) == 0 && b);
        return b;
}

static inline weft_broadcast_t *open_in(weft_arena_t *a, const char *name)
{
        weft_broadcast_t *b = NULL;
        CHECK(weft_broadcast_open(a, name, &b) == 0 && b);
        return b;
}

static inline void drop(weft_broadcast_t *b, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_broadcast_close(b);
}

static inline weft_subscriber_t *join(weft_broadcast_t *b, enum weft_broadcast_from from,
                                      uint64_t sequence)
{
        weft_subscriber_t *s = NULL;
        CHECK(weft_broadcast_subscribe(b, from, sequence, &s) == 0 && s);
        return s;
}

static inline struct weft_broadcast_info info_of(weft_broadcast_t *b)
{
        struct weft_broadcast_info info;
        CHECK(weft_broadcast_info(b, &info) == 0);
        return info;
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

/* Elements that are one number, in as many bytes as it takes. */
static inline int try_put(weft_broadcast_t *b, uint64_t x)
{
        uint8_t e[LARGE] = { 0 };
        memcpy(e, &x, sizeof x);
        return weft_broadcast_publish(b, e, WEFT_NOW);
}

static inline void put(weft_broadcast_t *b, uint64_t x)
{
        CHECK(try_put(b, x) == 0);
}

/* Publishes [from, to). */
static inline void put_all(weft_broadcast_t *b, uint64_t from, uint64_t to)
{
        while (from < to)
                put(b, from++);
}

/* The next one is x, with that sequence, after so many lost. */
static inline void get(weft_subscriber_t *s, uint64_t x, uint64_t sequence, uint64_t lost)
{
        uint8_t e[LARGE];
        uint64_t got, seq = UNTOLD, gone = UNTOLD;
        CHECK(weft_broadcast_next(s, e, &seq, &gone, WEFT_NOW) == 0);
        memcpy(&got, e, sizeof got);
        CHECK(got == x);
        CHECK(seq == sequence);
        CHECK(gone == lost);
}

/* [from, to), each its own sequence. */
static inline void get_all(weft_subscriber_t *s, uint64_t from, uint64_t to)
{
        for (; from < to; from++)
                get(s, from, from, 0);
}

static inline int none(weft_subscriber_t *s)
{
        uint8_t e[LARGE];
        return weft_broadcast_next(s, e, NULL, NULL, WEFT_NOW);
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
