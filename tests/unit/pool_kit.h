/* tests/unit/pool_kit.h -- what the tests of the pool share. */
#ifndef WEFT_TESTS_UNIT_POOL_KIT_H
#define WEFT_TESTS_UNIT_POOL_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/pool.h>
#include <weft/weft.h>

#include "structures/pool_internal.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 32 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static weft_pool_t *make(uint64_t bytes, uint32_t count, uint32_t max, uint32_t flags)
{
        struct weft_pool_options o = { bytes, count, max, flags, 0 };
        weft_pool_t *p = NULL;
        CHECK(weft_pool_create(arena, "p", &o, &p) == 0 && p);
        return p;
}

static void drop(weft_pool_t *p)
{
        struct weft_census census;
        CHECK(weft_object_remove(arena, "p") == 0);
        weft_pool_close(p);
        (void)recover_count(arena); /* children, who had it open */
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.object_bytes == 0);
}

static struct weft_pool_census census_of(weft_pool_t *p)
{
        struct weft_pool_census n;
        memset(&n, 0xff, sizeof n);
        CHECK(weft_pool_census(p, &n, NULL, NULL) == 0);
        CHECK(n.total == n.free + n.held + n.transit + n.quarantined + n.inspected);
        return n;
}

/* Is it so? */
static inline void must_be(weft_pool_t *p, uint32_t free, uint32_t held, uint32_t transit,
                           uint32_t quarantined)
{
        struct weft_pool_census n = census_of(p);
        assert_int_equal(n.free, free);
        assert_int_equal(n.held, held);
        assert_int_equal(n.transit, transit);
        assert_int_equal(n.quarantined, quarantined);
        assert_int_equal(n.inspected, 0);
}

static struct weft_pool_object get(weft_pool_t *p)
{
        struct weft_pool_object o = { 0 };
        CHECK(weft_pool_get(p, &o, WEFT_NOW) == 0);
        CHECK(o.at && o.token && weft_pool_at(p, o.token) == o.at);
        return o;
}

/* All that is free can be got, and nothing more; and is put back. */
static inline void check_findable(weft_pool_t *p)
{
        uint32_t n = census_of(p).free;
        struct weft_pool_object *all = calloc(n + 1, sizeof *all);
        CHECK(all);
        for (uint32_t i = 0; i < n; i++)
                all[i] = get(p);
        if (census_of(p).total == p->v.max_count)
                CHECK(weft_pool_get(p, all + n, WEFT_NOW) == -EAGAIN);
        CHECK(weft_pool_put_n(p, all, n) == (int64_t)n);
        free(all);
}

#endif
