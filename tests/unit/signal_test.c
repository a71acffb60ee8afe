#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/block.h>
#include <weft/object.h>
#include <weft/select.h>
#include <weft/signal.h>

#include "runtime/object.h"
#include "runtime/waitable.h"
#include "sync/ledger.h"
#include "sync/signal_shared.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
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

static weft_signal_t *make(const char *name, uint32_t bytes)
{
        struct weft_signal_options o = { .bytes = bytes };
        weft_signal_t *s = NULL;
        CHECK(weft_signal_create(arena, name, &o, &s) == 0 && s);
        return s;
}

static weft_signal_t *open_in(weft_arena_t *where, const char *name)
{
        weft_signal_t *s = NULL;
        CHECK(weft_signal_open(where, name, &s) == 0 && s);
        return s;
}

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static void drop(weft_signal_t *s, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_signal_close(s);
        CHECK(object_bytes() == 0);
}

static void set(weft_signal_t *s, uint64_t value)
{
        CHECK(weft_signal_set(s, &value, NULL) == 0);
}

static uint64_t get(weft_signal_t *s, uint64_t *version)
{
        uint64_t value;
        CHECK(weft_signal_get(s, &value, version) == 0);
        return value;
}

/* ---- making -------------------------------------------------------------- */

static void it_begins_with_its_value_at_version_1(void **state)
{
        static const uint32_t sizes[] = { 1, 8, 15, 64, 1000, WEFT_SIGNAL_BYTES_MAX };
        unsigned char in[WEFT_SIGNAL_BYTES_MAX], out[WEFT_SIGNAL_BYTES_MAX];
        struct weft_signal_info info;
        weft_signal_t *s;
        uint64_t version;

        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct weft_signal_options o = { .bytes = sizes[i], .value = in };
                memset(in, (int)i + 1, sizeof in);
                assert_int_equal(weft_signal_create(arena, "s", &o, &s), 0);
                assert_int_equal(weft_signal_bytes(s), sizes[i]);
                assert_int_equal(weft_signal_get(s, out, &version), 0);
                assert_int_equal(version, 1);
                assert_memory_equal(in, out, sizes[i]);
                assert_int_equal(weft_signal_info(s, &info), 0);
                assert_int_equal(info.version, 1);
                assert_int_equal(info.bytes, sizes[i]);
                assert_int_equal(info.waiting, 0);
                drop(s, "s");
                s = make("s", sizes[i]);
                assert_int_equal(weft_signal_get(s, out, NULL), 0);
                for (uint32_t b = 0; b < sizes[i]; b++)
                        assert_int_equal(out[b], 0);
                drop(s, "s");
        }
}

static void bad_arguments_are_refused(void **state)
{
        struct weft_signal_options o = { .bytes = 8 };
        weft_signal_t *s = (weft_signal_t *)&o;
        uint64_t v = 0;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_signal_create(NULL, "s", &o, &s), -EINVAL);
        assert_int_equal(weft_signal_create(arena, NULL, &o, &s), -EINVAL);
        assert_int_equal(weft_signal_create(arena, "s", NULL, &s), -EINVAL);
        assert_int_equal(weft_signal_create(arena, "s", &o, NULL), -EINVAL);
        assert_int_equal(weft_signal_open(arena, "s", NULL), -EINVAL);
        assert_int_equal(weft_signal_open(NULL, "s", &s), -EINVAL);
        assert_int_equal(weft_signal_open(arena, "s", &s), -ENOENT);
        o.bytes = 0;
        assert_int_equal(weft_signal_create(arena, "s", &o, &s), -EINVAL);
        o.bytes = WEFT_SIGNAL_BYTES_MAX + 1;
        assert_int_equal(weft_signal_create(arena, "s", &o, &s), -EINVAL);
        o = (struct weft_signal_options){ .bytes = 8, .flags = 1 };
        assert_int_equal(weft_signal_create(arena, "s", &o, &s), -EINVAL);
        s = make("s", 8);
        assert_int_equal(weft_signal_get(NULL, &v, NULL), -EINVAL);
        assert_int_equal(weft_signal_get(s, NULL, NULL), -EINVAL);
        assert_int_equal(weft_signal_set(s, NULL, NULL), -EINVAL);
        assert_int_equal(weft_signal_set(NULL, &v, NULL), -EINVAL);
        assert_int_equal(weft_signal_compare_and_set(s, &v, NULL), -EINVAL);
        assert_int_equal(weft_signal_compare_and_set(s, NULL, &v), -EINVAL);
        assert_int_equal(weft_signal_update(s, NULL, NULL, &v), -EINVAL);
        assert_int_equal(weft_signal_wait_change(s, &v, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_signal_info(s, NULL), -EINVAL);
        assert_int_equal(weft_signal_bytes(NULL), 0);
        assert_int_equal(errno, 4711);
        weft_signal_close(NULL);
        drop(s, "s");
}

static void opening_checks_the_size(void **state)
{
        struct weft_signal_options o = { .bytes = 8 };
        weft_signal_t *s = make("s", 8), *t;

        (void)state;
        assert_int_equal(weft_signal_create(arena, "s", &o, &t), -EEXIST);
        assert_int_equal(weft_signal_create_or_open(arena, "s", &o, &t), 0);
        set(s, 77);
        assert_int_equal(get(t, NULL), 77);
        weft_signal_close(t);
        o.bytes = 9;
        assert_int_equal(weft_signal_create_or_open(arena, "s", &o, &t), -EPROTO);
        assert_null(t);
        drop(s, "s");
}

/* ---- setting ------------------------------------------------------------- */

static void each_set_is_one_version(void **state)
{
        weft_signal_t *s = make("s", 8);
        uint64_t version, before;

        (void)state;
        before = object_bytes();
        for (uint64_t i = 2; i < 1000; i++) {
                assert_int_equal(weft_signal_set(s, &i, &version), 0);
                assert_int_equal(version, i);
                assert_int_equal(get(s, &version), i);
                assert_int_equal(version, i);
        }
        /* One spare block of this seat's. */
        assert_true(object_bytes() > before && object_bytes() <= before + 64);
        drop(s, "s");
}

static void compare_and_set_knows_the_version(void **state)
{
        weft_signal_t *s = make("s", 8);
        uint64_t v = 5, version = 2;

        (void)state;
        assert_int_equal(weft_signal_compare_and_set(s, &v, &version), -EAGAIN);
        assert_int_equal(version, 1);
        assert_int_equal(weft_signal_compare_and_set(s, &v, &version), 0);
        assert_int_equal(version, 2);
        assert_int_equal(get(s, &version), 5);
        v = 6;
        version = 0;
        assert_int_equal(weft_signal_compare_and_set(s, &v, &version), -EAGAIN);
        assert_int_equal(version, 2);
        assert_int_equal(get(s, NULL), 5);
        drop(s, "s");
}

struct change {
        weft_signal_t *s;
        int calls, meddle, answer;
};

static int add_one(void *value, void *context)
{
        struct change *c = context;
        uint64_t v;
        c->calls++;
        if (c->meddle-- > 0)
                set(c->s, 100);
        memcpy(&v, value, sizeof v);
        v++;
        memcpy(value, &v, sizeof v);
        return c->answer;
}

static void update_begins_again_when_it_came_too_late(void **state)
{
        struct change c = { .s = make("s", 8), .meddle = 2 };
        uint64_t version = 4711;

        (void)state;
        assert_int_equal(weft_signal_update(c.s, add_one, &c, &version), 0);
        assert_int_equal(c.calls, 3);
        assert_int_equal(version, 4);
        assert_int_equal(get(c.s, NULL), 101);
        c.answer = 1;
        assert_int_equal(weft_signal_update(c.s, add_one, &c, &version), -ECANCELED);
        assert_int_equal(version, 4);
        assert_int_equal(get(c.s, &version), 101);
        assert_int_equal(version, 4);
        drop(c.s, "s");
}

/* The last one that a seat could be given memory for sets; its spare is the others'. */
static void without_memory_the_first_set_says_so(void **state)
{
        weft_signal_t *s = make("s", 4096);
        unsigned char value[4096] = { 1 }, seen[4096];
        weft_ref_t ref, all[8192];
        uint64_t n = 0, version = 1;

        (void)state;
        for (uint64_t bytes = 1 << 20; bytes >= 2048; bytes /= 2)
                while (n < 8192 && weft_block_alloc(arena, bytes, &ref, NULL) == 0)
                        all[n++] = ref;
        assert_true(n < 8192);
        assert_int_equal(weft_signal_set(s, value, NULL), -ENOSPC);
        assert_int_equal(weft_signal_compare_and_set(s, value, &version), -ENOSPC);
        assert_int_equal(weft_signal_get(s, seen, &version), 0);
        assert_int_equal(version, 1);
        while (n)
                assert_int_equal(weft_block_free(arena, all[--n]), 0);
        assert_int_equal(weft_signal_set(s, value, NULL), 0);
        assert_int_equal(weft_signal_get(s, seen, &version), 0);
        assert_memory_equal(seen, value, sizeof seen);
        drop(s, "s");
}

/* ---- waiting ------------------------------------------------------------- */

static void waiting_ends_with_another_version(void **state)
{
        weft_signal_t *s = make("s", 8);
        uint64_t v = 3, version = 0;

        (void)state;
        assert_int_equal(weft_signal_wait_change(s, &v, &version, WEFT_NEVER), 0);
        assert_int_equal(version, 1);
        assert_int_equal(v, 0);
        assert_int_equal(weft_signal_wait_change(s, &v, &version, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_signal_wait_change(s, &v, &version, weft_after(WEFT_MSEC)),
                         -ETIMEDOUT);
        assert_int_equal(version, 1);
        set(s, 8);
        set(s, 9);
        assert_int_equal(weft_signal_wait_change(s, NULL, &version, WEFT_NOW), 0);
        assert_int_equal(version, 3);
        version = 1;
        assert_int_equal(weft_signal_wait_change(s, &v, &version, WEFT_NOW), 0);
        assert_int_equal(v, 9);
        drop(s, "s");
}

static void *follow(void *context)
{
        weft_signal_t *s = context;
        uint64_t v = 0, version = 1;
        while (v != 100)
                CHECK(weft_signal_wait_change(s, &v, &version, WEFT_NEVER) == 0);
        return NULL;
}

static void a_set_wakes_all_who_wait(void **state)
{
        weft_signal_t *s = make("s", 8);
        struct weft_signal_info info;
        pthread_t thread[3];

        (void)state;
        for (int i = 0; i < 3; i++)
                assert_int_equal(pthread_create(&thread[i], NULL, follow, s), 0);
        do
                assert_int_equal(weft_signal_info(s, &info), 0);
        while (info.waiting < 3);
        assert_int_equal(weft_object_remove(arena, "s"), -EBUSY);
        set(s, 7);
        set(s, 100);
        for (int i = 0; i < 3; i++)
                assert_int_equal(pthread_join(thread[i], NULL), 0);
        drop(s, "s");
}

static void select_sees_changes(void **state)
{
        weft_signal_t *s = make("s", 8);
        struct weft_handle *h = (struct weft_handle *)s;
        const struct weft_waitable *w = h->kind->waitable;
        struct weft_agent *agent;
        uint64_t v = 1;
        struct weft_case c = { .object = s, .op = WEFT_OP_CHANGE, .n = 1, .to = &v };

        (void)state;
        assert_int_equal(weft_handle_enter(h, &agent), 0);
        assert_non_null(w->wait(h, &c));
        assert_int_equal(w->look(h, agent, &c), -EAGAIN);
        assert_int_equal(w->attempt(h, agent, &c), -EAGAIN);
        set(s, 12);
        assert_int_equal(w->look(h, agent, &c), 0);
        assert_int_equal(c.n, 1);
        assert_int_equal(w->attempt(h, agent, &c), 0);
        assert_int_equal(c.n, 2);
        assert_int_equal(v, 12);
        c.to = NULL;
        c.n = 0;
        assert_int_equal(w->attempt(h, agent, &c), 0);
        assert_int_equal(c.n, 2);
        c.op = WEFT_OP_LOCK;
        assert_null(w->wait(h, &c));
        drop(s, "s");
}

/* ---- other processes ----------------------------------------------------- */

/* One more of it, which is its version. */
static void set_elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_signal_t *s = open_in(there, "s");
        uint64_t v, version, now;

        (void)unused;
        CHECK(weft_signal_get(s, &v, &version) == 0 && v == version);
        now = version;
        v++;
        CHECK(weft_signal_compare_and_set(s, &v, &now) == 0 && now == version + 1);
        CHECK(weft_signal_update(s, add_one, &(struct change){ 0 }, &now) == 0);
        CHECK(now == version + 2);
        weft_signal_close(s);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        weft_signal_t *s = make("s", 8);
        uint64_t version, bytes = 0;

        (void)state;
        set(s, 2);
        for (uint64_t i = 4; i < 20; i += 2) {
                assert_int_equal(child_run(set_elsewhere, NULL), 0);
                assert_int_equal(get(s, &version), i);
                assert_int_equal(version, i);
                /* The same seat is used again, and so is its spare. */
                if (bytes)
                        assert_int_equal(object_bytes(), bytes);
                bytes = object_bytes();
        }
        drop(s, "s");
}

static void read_only(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        weft_signal_t *s = open_in(there, "s");
        struct weft_signal_info info;
        uint64_t v = 0, version = 0;

        (void)unused;
        CHECK(weft_signal_get(s, &v, &version) == 0 && v == 41 && version == 2);
        CHECK(weft_signal_info(s, &info) == 0 && info.version == 2);
        CHECK(weft_signal_set(s, &v, NULL) == -EROFS);
        CHECK(weft_signal_compare_and_set(s, &v, &version) == -EROFS);
        CHECK(weft_signal_update(s, add_one, NULL, NULL) == -EROFS);
        CHECK(weft_signal_wait_change(s, &v, &version, WEFT_NOW) == -EAGAIN);
        CHECK(weft_signal_wait_change(s, &v, &version, WEFT_NEVER) == -EROFS);
        version = 1;
        CHECK(weft_signal_wait_change(s, &v, &version, WEFT_NEVER) == 0 && version == 2);
        weft_signal_close(s);
        weft_arena_close(there);
}

static void reading_works_read_only(void **state)
{
        weft_signal_t *s = make("s", 8);

        (void)state;
        set(s, 41);
        assert_int_equal(child_run(read_only, NULL), 0);
        drop(s, "s");
}

struct gone {
        struct gate opened, removed;
};

static void read_what_has_gone(void *context)
{
        struct gone *g = context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        weft_signal_t *s = open_in(there, "s");
        uint64_t v;

        CHECK(weft_signal_get(s, &v, NULL) == 0);
        gate_open(&g->opened, 1);
        gate_pass(&g->removed);
        CHECK(weft_signal_get(s, &v, NULL) == -ENOENT);
        weft_signal_close(s);
        weft_arena_close(there);
}

static void a_reader_without_a_seat_sees_it_go(void **state)
{
        struct gone g = { gate_make(), gate_make() };
        weft_signal_t *s = make("s", 8);

        (void)state;
        pid_t pid = child_start(read_what_has_gone, &g);
        gate_pass(&g.opened);
        drop(s, "s");
        gate_open(&g.removed, 1);
        assert_int_equal(child_end(pid), 0);
        gate_drop(&g.opened);
        gate_drop(&g.removed);
}

/* ---- the dead ------------------------------------------------------------ */

static void set_and_die(void *unused)
{
        weft_signal_t *s = open_in(arena, "s");
        (void)unused;
        for (uint64_t i = 10; i < 20; i++)
                set(s, i);
        raise(SIGKILL);
}

static void a_dead_writer_leaves_its_value_and_its_spare(void **state)
{
        weft_signal_t *s = make("s", 8);
        uint64_t version, after = 0;

        (void)state;
        set(s, 1);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(child_run(set_and_die, NULL), -SIGKILL);
                assert_int_equal(get(s, &version), 19);
                assert_int_equal(version, 2 + 10 * (i + 1));
                assert_int_equal(recover_count(arena), 1);
                if (after)
                        assert_int_equal(object_bytes(), after);
                after = object_bytes();
        }
        drop(s, "s");
}

/* ---- hostile bytes --------------------------------------------------------- */

static void corrupt_bytes_are_an_error(void **state)
{
        weft_signal_t *s = make("s", 8), *t;
        struct weft_signal_shared *sh = ((struct weft_handle *)s)->sh;
        struct weft_census census;
        struct weft_agent *agent;
        uint64_t v = 1, good, version;

        (void)state;
        set(s, 2);
        good = weft_load_rlx(&sh->cell.lo);
        weft_store_rlx(&sh->cell.lo, 0x123456789);
        assert_int_equal(weft_signal_get(s, &v, &version), -EUCLEAN);
        assert_int_equal(weft_signal_update(s, add_one, NULL, NULL), -EUCLEAN);
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        weft_store_rlx(&sh->cell.lo, good);
        check_whole(arena);

        assert_int_equal(weft_agent_self(arena, &agent), 0);
        struct weft_accounts_shared *accounts =
                weft_at(arena, sh->accounts, sizeof *accounts);
        weft_a64_t *spare = &weft_account_of_seat(accounts, agent->index)->now;
        uint64_t its = weft_load_rlx(spare);
        weft_store_rlx(spare, 0xfffffffffffff);
        assert_int_equal(weft_signal_set(s, &v, NULL), -EUCLEAN);
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        weft_store_rlx(spare, good); /* in two places */
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        weft_store_rlx(spare, its);
        check_whole(arena);

        sh->bytes = 1 << 20;
        assert_int_equal(weft_signal_open(arena, "s", &t), -EUCLEAN);
        sh->bytes = 8;
        weft_ref_t ref = sh->accounts;
        sh->accounts.v = 77;
        assert_int_equal(weft_signal_open(arena, "s", &t), -EUCLEAN);
        sh->accounts = ref;
        drop(s, "s");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(it_begins_with_its_value_at_version_1),
                TEST(bad_arguments_are_refused),
                TEST(opening_checks_the_size),
                TEST(each_set_is_one_version),
                TEST(compare_and_set_knows_the_version),
                TEST(update_begins_again_when_it_came_too_late),
                TEST(without_memory_the_first_set_says_so),
                TEST(waiting_ends_with_another_version),
                TEST(a_set_wakes_all_who_wait),
                TEST(select_sees_changes),
                TEST(two_processes_at_two_addresses),
                TEST(reading_works_read_only),
                TEST(a_reader_without_a_seat_sees_it_go),
                TEST(a_dead_writer_leaves_its_value_and_its_spare),
                TEST(corrupt_bytes_are_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
