/* tests/unit/channel_kit.h -- what the unit tests of the channel share. */
#ifndef WEFT_TESTS_UNIT_CHANNEL_KIT_H
#define WEFT_TESTS_UNIT_CHANNEL_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/channel.h>
#include <weft/weft.h>

#include "codata/channel_shared.h"
#include "tests/child.h"

enum { LARGE = 300, TAG = 0x7461 };

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

static inline weft_channel_t *make(uint64_t capacity, uint32_t bytes, uint32_t policy,
                                   uint32_t flags)
{
        struct weft_channel_options o = { .capacity = capacity,
                                          .tag = TAG,
                                          .element_bytes = bytes,
                                          .policy = policy,
                                          .flags = flags };
        weft_channel_t *ch = NULL;
        CHECK(weft_channel_create(arena, "c", &o, &ch) == 0 && ch);
        return ch;
}

static inline weft_channel_t *open_in(weft_arena_t *a)
{
        weft_channel_t *ch = NULL;
        CHECK(weft_channel_open(a, "c", 0, TAG, &ch) == 0 && ch);
        return ch;
}

/* Takes it away, and everything that it had. */
static inline void drop(weft_channel_t *ch)
{
        struct weft_census census;
        CHECK(weft_object_remove(arena, "c") == 0);
        weft_channel_close(ch);
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.object_bytes == 0);
}

static inline struct weft_channel_info info_of(weft_channel_t *ch)
{
        struct weft_channel_info info;
        CHECK(weft_channel_info(ch, &info) == 0);
        return info;
}

/* Nothing is missing in the counts. */
static inline void must_add_up(weft_channel_t *ch)
{
        struct weft_channel_info i = info_of(ch);
        CHECK(i.sent == i.received + i.dropped + i.length);
}

/* Elements that are one number, in as many bytes as it takes. */
static inline int send_by(weft_channel_t *ch, uint64_t x, uint64_t deadline)
{
        uint8_t e[LARGE] = { 0 };
        memcpy(e, &x, sizeof x);
        return weft_channel_send(ch, e, deadline);
}

static inline int recv_by(weft_channel_t *ch, uint64_t *x, uint64_t deadline)
{
        uint8_t e[LARGE];
        int rc = weft_channel_recv(ch, e, deadline);
        memcpy(x, e, sizeof *x);
        return rc;
}

static inline void send(weft_channel_t *ch, uint64_t x)
{
        CHECK(send_by(ch, x, WEFT_NOW) == 0);
}

static inline uint64_t recv(weft_channel_t *ch)
{
        uint64_t x = 0;
        CHECK(recv_by(ch, &x, WEFT_NOW) == 0);
        return x;
}

static inline int recv_rc(weft_channel_t *ch)
{
        uint64_t x;
        return recv_by(ch, &x, WEFT_NOW);
}

static inline uint64_t in_hand(const struct weft_element *el)
{
        uint64_t x;
        memcpy(&x, el->at, sizeof x);
        return x;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
