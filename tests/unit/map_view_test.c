/* tests/unit/map_view_test.c -- values read in place: as they were, until the view ends. */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>

#include "structures/map_block.h"
#include "tests/unit/map_kit.h"

static void look(weft_map_t *map, const char *key, struct weft_map_view *view)
{
        CHECK(weft_map_view(map, key, length(key), view) == 0);
}

static int shows(const struct weft_map_view *view, const char *value)
{
        return view->bytes == strlen(value) &&
               memcmp(view->value, value, view->bytes) == 0;
}

static void it_stays_as_it_was(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        struct weft_map_view a, b, c;
        uint64_t version, bytes = 0;

        (void)state;
        assert_int_equal(put(map, "k", "first"), 0);
        assert_int_equal(weft_map_get(map, "k", 1, NULL, &bytes, &version), -EOVERFLOW);
        look(map, "k", &a);
        assert_true(shows(&a, "first"));
        assert_int_equal(a.version, version);
        assert_int_equal((uintptr_t)a.value % 8, 0);
        for (int i = 0; i < 100; i++)
                assert_int_equal(put(map, "k", "other"), 0);
        look(map, "k", &b);
        assert_int_equal(weft_map_remove(map, "k", 1), 0);
        for (int i = 0; i < 100; i++)
                assert_int_equal(put(map, "n", "noise"), 0);
        assert_true(shows(&a, "first"));
        assert_true(shows(&b, "other"));
        assert_true(b.version > a.version);
        assert_int_equal(weft_map_view(map, "k", 1, &c), -ENOENT);
        uint64_t before = object_bytes();
        weft_map_view_end(map, &a);
        assert_true(object_bytes() < before); /* it went then */
        assert_true(shows(&b, "other"));
        before = object_bytes();
        weft_map_view_end(map, &b);
        assert_true(object_bytes() < before);
        weft_map_view_end(map, &b); /* once more is nothing */
        weft_map_view_end(map, NULL);
        weft_map_view_end(NULL, &b);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void several_of_one(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        struct weft_map_view views[WEFT_MAP_VIEWS_MAX], more;

        (void)state;
        assert_int_equal(put(map, "k", "first"), 0);
        assert_int_equal(put(map, "l", "other"), 0);
        for (int i = 0; i < WEFT_MAP_VIEWS_MAX; i++)
                look(map, i % 2 ? "k" : "l", &views[i]);
        assert_int_equal(weft_map_view(map, "k", 1, &more), -EOVERFLOW);
        assert_int_equal(put(map, "k", "new"), 0);
        assert_int_equal(weft_map_remove(map, "l", 1), 0);
        uint64_t before = object_bytes();
        for (int i = 0; i < WEFT_MAP_VIEWS_MAX; i++) {
                assert_true(shows(&views[i], i % 2 ? "first" : "other"));
                weft_map_view_end(map, &views[i]);
                if (i == 0) {
                        look(map, "k", &more);
                        assert_true(shows(&more, "new"));
                        weft_map_view_end(map, &more);
                }
                assert_int_equal(object_bytes() < before, i >= WEFT_MAP_VIEWS_MAX - 2);
        }
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void *view_and_end(void *map)
{
        struct weft_map_view view;
        look(map, "k", &view);
        CHECK(shows(&view, "first"));
        return NULL; /* without another word */
}

static void a_thread_takes_its_views_along(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        pthread_t thread;

        (void)state;
        assert_int_equal(put(map, "k", "first"), 0);
        assert_int_equal(put(map, "k", "first"), 0);
        uint64_t before = object_bytes();
        for (int i = 0; i < 10; i++) {
                assert_int_equal(pthread_create(&thread, NULL, view_and_end, map), 0);
                assert_int_equal(pthread_join(thread, NULL), 0);
                assert_int_equal(put(map, "k", "first"), 0);
        }
        assert_int_equal(object_bytes(), before);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

struct others {
        weft_map_t *map;
        struct gate ready, go;
};

static void view_and_wait(void *context)
{
        struct others *o = context;
        struct weft_map_view view, w;
        look(o->map, "k", &view);
        look(o->map, "l", &w);
        gate_open(&o->ready, 1);
        gate_pass(&o->go);
        CHECK(shows(&view, "first"));
        CHECK(shows(&w, "last"));
        raise(SIGKILL);
}

static void the_dead_view_no_more(void **state)
{
        struct others o = { make_map("m", 0, 0, 0), gate_make(), gate_make() };

        (void)state;
        assert_int_equal(put(o.map, "k", "first"), 0);
        assert_int_equal(put(o.map, "l", "last"), 0);
        pid_t pid = child_start(view_and_wait, &o);
        gate_pass(&o.ready);
        uint64_t before = object_bytes();
        assert_int_equal(put(o.map, "k", "other"), 0);
        assert_int_equal(weft_map_remove(o.map, "l", 1), 0);
        assert_true(object_bytes() > before); /* both are kept for the viewer */
        gate_open(&o.go, 1);
        assert_int_equal(child_end(pid), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        assert_true(object_bytes() < before);
        assert_true(has(o.map, "k", "other"));
        gate_drop(&o.ready);
        gate_drop(&o.go);
        drop_map(o.map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void closing_ends_them(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0), *other;
        struct weft_map_view view;

        (void)state;
        assert_int_equal(put(map, "k", "first"), 0);
        assert_int_equal(weft_map_open(arena, "m", &other), 0);
        look(other, "k", &view);
        assert_int_equal(put(map, "k", "other"), 0);
        uint64_t before = object_bytes();
        weft_map_close(other);
        assert_true(object_bytes() < before);
        look(map, "k", &view);
        assert_int_equal(weft_map_remove(map, "k", 1), 0);
        drop_map(map, "m"); /* with a view */
        assert_int_equal(object_bytes(), 0);
}

static void large_ones(void **state)
{
        enum { BYTES = 2 << 20 };
        weft_map_t *map = make_map("m", 0, 0, 0);
        static uint8_t value[BYTES];
        struct weft_map_view view;

        (void)state;
        memset(value, 7, BYTES);
        assert_int_equal(weft_map_put(map, "k", 1, value, BYTES), 0);
        look(map, "k", &view);
        for (int i = 0; i < 5; i++) {
                memset(value, i, BYTES);
                assert_int_equal(weft_map_put(map, "k", 1, value, BYTES), 0);
        }
        for (int i = 0; i < BYTES; i++)
                if (((const uint8_t *)view.value)[i] != 7)
                        fail_msg("byte %d has changed", i);
        weft_map_view_end(map, &view);
        assert_true(object_bytes() < 3 << 20);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void not_everywhere(void **state)
{
        weft_map_t *fast = make_map("f", 8, 8, 0), *map = make_map("m", 0, 0, 0);
        struct weft_map_view view;
        uint64_t k = 1;

        (void)state;
        assert_int_equal(weft_map_put64(fast, 1, 1), 0);
        assert_int_equal(weft_map_view(fast, &k, 8, &view), -EPROTO);
        assert_int_equal(weft_map_view(map, "k", 0, &view), -EINVAL);
        assert_int_equal(weft_map_view(map, "k", 1, NULL), -EINVAL);
        assert_int_equal(weft_map_view(NULL, "k", 1, &view), -EINVAL);
        drop_map(fast, "f");
        drop_map(map, "m");
}

/* ---- against writers --------------------------------------------------------------- */

static void replace_for_ever(void *context)
{
        uint8_t value[400];
        for (unsigned i = 0;; i++) {
                memset(value, (int)i, sizeof value);
                CHECK(weft_map_put(context, "k", 1, value, 1 + i % sizeof value) == 0);
                if (i % 7 == 0)
                        CHECK(weft_map_remove(context, "k", 1) == 0);
        }
}

static void views_are_whole_while_others_replace(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        struct weft_map_view views[4] = { { 0 } };
        uint8_t copies[4][400];
        int seen = 0;

        (void)state;
        pid_t pid = child_start(replace_for_ever, map);
        for (int i = 0; seen < 20000; i++) {
                struct weft_map_view *v = &views[i % 4];
                uint8_t *copy = copies[i % 4];
                if (v->value) {
                        CHECK(memcmp(v->value, copy, v->bytes) == 0);
                        weft_map_view_end(map, v);
                }
                int rc = weft_map_view(map, "k", 1, v);
                if (rc == -ENOENT) {
                        sched_yield();
                        continue;
                }
                CHECK(rc == 0 && v->bytes <= 400);
                memcpy(copy, v->value, v->bytes);
                for (uint64_t k = 1; k < v->bytes; k++)
                        CHECK(copy[k] == copy[0]);
                seen++;
        }
        assert_int_equal(child_kill(pid), -SIGKILL);
        for (int i = 0; i < 4; i++)
                weft_map_view_end(map, &views[i]);
        (void)recover_count(arena);
        assert_true(weft_map_clear(map) >= 0);
        assert_int_equal(weft_map_count(map), 0);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(it_stays_as_it_was),
                TEST(several_of_one),
                TEST(a_thread_takes_its_views_along),
                TEST(the_dead_view_no_more),
                TEST(closing_ends_them),
                TEST(large_ones),
                TEST(not_everywhere),
                TEST(views_are_whole_while_others_replace),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
