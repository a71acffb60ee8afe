#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "structures/array.h"
#include "structures/array_shared.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
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

static weft_array_t *make(const char *name, uint64_t length, uint32_t element_bytes)
{
        struct weft_array_options o = { .length = length,
                                        .element_bytes = element_bytes };
        weft_array_t *a = NULL;
        CHECK(weft_array_create(arena, name, &o, &a) == 0 && a);
        return a;
}

static void drop(weft_array_t *a, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_array_close(a);
}

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

/* ---- making -------------------------------------------------------------- */

static void an_array_is_zeroes_of_the_right_size(void **state)
{
        weft_array_t *a = make("a", 1000, 8);
        uint64_t v;

        (void)state;
        assert_int_equal(weft_array_length(a), 1000);
        assert_int_equal(weft_array_element_bytes(a), 8);
        for (uint64_t i = 0; i < 1000; i++) {
                v = 1;
                assert_int_equal(weft_array_load64(a, i, &v), 0);
                assert_int_equal(v, 0);
        }
        assert_int_equal(weft_array_load64(a, 1000, &v), -EINVAL);
        assert_int_equal(weft_array_load64(a, UINT64_MAX, &v), -EINVAL);
        drop(a, "a");
}

static void memory_that_was_used_is_zeroed_again(void **state)
{
        (void)state;
        for (int round = 0; round < 3; round++)
                for (uint64_t length = 1; length <= 1 << 20; length *= 16) {
                        weft_array_t *a = make("a", length, 8);
                        uint64_t *all = weft_array_span(a, 0, length);
                        assert_non_null(all);
                        for (uint64_t i = 0; i < length; i++)
                                if (all[i])
                                        fail_msg("element %llu is %llx",
                                                 (unsigned long long)i,
                                                 (unsigned long long)all[i]);
                        memset(all, 0xff, length * 8);
                        drop(a, "a");
                }
}

static void bad_options_are_refused(void **state)
{
        struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        weft_array_t *a = (weft_array_t *)&o;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_array_create(NULL, "a", &o, &a), -EINVAL);
        assert_int_equal(weft_array_create(arena, NULL, &o, &a), -EINVAL);
        assert_int_equal(weft_array_create(arena, "a", NULL, &a), -EINVAL);
        assert_int_equal(weft_array_create(arena, "a", &o, NULL), -EINVAL);
        assert_int_equal(weft_array_open(arena, "a", NULL), -EINVAL);
        assert_int_equal(weft_array_open(NULL, "a", &a), -EINVAL);
        assert_int_equal(weft_array_open(arena, "a", &a), -ENOENT);
        assert_null(a);
        o.length = 0;
        assert_int_equal(weft_array_create(arena, "a", &o, &a), -EINVAL);
        o = (struct weft_array_options){ .length = 1, .element_bytes = 0 };
        assert_int_equal(weft_array_create(arena, "a", &o, &a), -EINVAL);
        o.element_bytes = (1 << 20) + 1;
        assert_int_equal(weft_array_create(arena, "a", &o, &a), -EINVAL);
        o = (struct weft_array_options){ .length = 1, .element_bytes = 8, .flags = 1 };
        assert_int_equal(weft_array_create(arena, "a", &o, &a), -EINVAL);
        assert_int_equal(errno, 4711);
        weft_array_close(NULL);
        assert_int_equal(weft_array_length(NULL), 0);
        assert_int_equal(weft_array_element_bytes(NULL), 0);
        assert_int_equal(weft_array_owner(NULL).v, 0);
}

static void too_large_is_no_space_and_leaves_nothing(void **state)
{
        static const uint64_t lengths[] = { 64 << 20, UINT64_C(1) << 37,
                                            UINT64_C(1) << 38, UINT64_C(1) << 61,
                                            UINT64_MAX };
        weft_array_t *a;

        (void)state;
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
                struct weft_array_options o = { .length = lengths[i],
                                                .element_bytes = 8 };
                assert_int_equal(weft_array_create(arena, "a", &o, &a), -ENOSPC);
                assert_null(a);
                assert_int_equal(object_bytes(), 0);
                assert_int_equal(weft_array_open(arena, "a", &a), -ENOENT);
        }
}

static void full_becomes_possible_again(void **state)
{
        struct weft_array_options o = { .length = 40 << 20, .element_bytes = 1 };
        weft_array_t *a = make("a", 40 << 20, 1), *b;

        (void)state;
        assert_int_equal(weft_array_create(arena, "b", &o, &b), -ENOSPC);
        drop(a, "a");
        assert_int_equal(weft_array_create(arena, "b", &o, &b), 0);
        drop(b, "b");
        assert_int_equal(object_bytes(), 0);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_array_options o = { .length = 5, .element_bytes = 8 };
        weft_array_t *a = make("a", 10, 8), *b, *c;
        uint64_t v;

        (void)state;
        assert_int_equal(weft_array_create(arena, "a", &o, &b), -EEXIST);
        assert_int_equal(weft_array_open(arena, "a", &b), 0);
        assert_int_equal(weft_array_create_or_open(arena, "a", &o, &c), 0);
        assert_int_equal(weft_array_length(c), 10);
        assert_int_equal(weft_array_store64(a, 9, 77), 0);
        assert_int_equal(weft_array_load64(b, 9, &v), 0);
        assert_int_equal(v, 77);
        assert_int_equal(weft_array_owner(a).v, weft_array_owner(c).v);
        weft_array_close(c);
        o.element_bytes = 4;
        assert_int_equal(weft_array_create_or_open(arena, "a", &o, &c), -EPROTO);
        assert_null(c);
        weft_array_close(b);
        drop(a, "a");
        assert_int_equal(weft_array_create_or_open(arena, "a", &o, &c), 0);
        assert_int_equal(weft_array_element_bytes(c), 4);
        drop(c, "a");
        assert_int_equal(object_bytes(), 0);
}

/* ---- elements ------------------------------------------------------------ */

static void words_of_8_bytes(void **state)
{
        weft_array_t *a = make("a", 3, 8);
        uint64_t v, old;

        (void)state;
        assert_int_equal(weft_array_store64(a, 1, 5), 0);
        assert_int_equal(weft_array_add64(a, 1, 7, &old), 0);
        assert_int_equal(old, 5);
        assert_int_equal(weft_array_add64(a, 1, (uint64_t)-20, NULL), 0);
        assert_int_equal(weft_array_load64(a, 1, &v), 0);
        assert_true(v == (uint64_t)-8);
        v = 1;
        assert_int_equal(weft_array_cas64(a, 1, &v, 9), -EAGAIN);
        assert_true(v == (uint64_t)-8);
        assert_int_equal(weft_array_cas64(a, 1, &v, 9), 0);
        assert_int_equal(weft_array_load64(a, 1, &v), 0);
        assert_int_equal(v, 9);
        for (uint64_t i = 0; i < 3; i += 2) {
                assert_int_equal(weft_array_load64(a, i, &v), 0);
                assert_int_equal(v, 0); /* the neighbours */
        }
        assert_int_equal(weft_array_store64(a, 3, 1), -EINVAL);
        assert_int_equal(weft_array_add64(a, 3, 1, NULL), -EINVAL);
        assert_int_equal(weft_array_cas64(a, 3, &v, 1), -EINVAL);
        assert_int_equal(weft_array_cas64(a, 0, NULL, 1), -EINVAL);
        assert_int_equal(weft_array_load64(a, 0, NULL), -EINVAL);
        assert_int_equal(weft_array_load64(NULL, 0, &v), -EINVAL);
        assert_int_equal(weft_array_store64(NULL, 0, 1), -EINVAL);
        uint32_t w = 0;
        assert_int_equal(weft_array_load32(a, 0, &w), -EPROTO);
        assert_int_equal(weft_array_store32(a, 0, 1), -EPROTO);
        assert_int_equal(weft_array_add32(a, 0, 1, NULL), -EPROTO);
        assert_int_equal(weft_array_cas32(a, 0, &w, 1), -EPROTO);
        drop(a, "a");
}

static void words_of_4_bytes(void **state)
{
        weft_array_t *a = make("a", 3, 4);
        uint32_t v, old;

        (void)state;
        assert_int_equal(weft_array_store32(a, 1, UINT32_MAX), 0);
        assert_int_equal(weft_array_add32(a, 1, 2, &old), 0);
        assert_int_equal(old, UINT32_MAX);
        assert_int_equal(weft_array_load32(a, 1, &v), 0);
        assert_int_equal(v, 1);
        v = 3;
        assert_int_equal(weft_array_cas32(a, 1, &v, 9), -EAGAIN);
        assert_int_equal(v, 1);
        assert_int_equal(weft_array_cas32(a, 1, &v, 9), 0);
        for (uint64_t i = 0; i < 3; i++) {
                assert_int_equal(weft_array_load32(a, i, &v), 0);
                assert_int_equal(v, i == 1 ? 9 : 0);
        }
        assert_int_equal(weft_array_load32(a, 3, &v), -EINVAL);
        assert_int_equal(weft_array_store32(a, 3, 1), -EINVAL);
        assert_int_equal(weft_array_add32(a, 3, 1, NULL), -EINVAL);
        assert_int_equal(weft_array_cas32(a, 3, &v, 1), -EINVAL);
        assert_int_equal(weft_array_cas32(a, 0, NULL, 1), -EINVAL);
        uint64_t w = 0;
        assert_int_equal(weft_array_load64(a, 0, &w), -EPROTO);
        assert_int_equal(weft_array_store64(a, 0, 1), -EPROTO);
        assert_int_equal(weft_array_add64(a, 0, 1, NULL), -EPROTO);
        assert_int_equal(weft_array_cas64(a, 0, &w, 1), -EPROTO);
        drop(a, "a");
}

static void elements_of_any_size(void **state)
{
        static const uint32_t sizes[] = { 1, 2, 3, 4, 7, 8, 24, 4096, 65537, 1 << 20 };
        static unsigned char in[1 << 20], out[1 << 20];

        (void)state;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                uint32_t n = sizes[s];
                weft_array_t *a = make("a", 5, n);
                memset(in, 0x5a, n);
                assert_int_equal(weft_array_fill(a, 1, 3, in), 0);
                for (uint32_t b = 0; b < n; b++)
                        in[b] = (unsigned char)(b * 7 + n);
                assert_int_equal(weft_array_set(a, 2, in), 0);
                assert_int_equal(weft_array_get(a, 2, out), 0);
                assert_memory_equal(in, out, n);
                const unsigned char *all = weft_array_span(a, 0, 5);
                assert_non_null(all);
                for (uint32_t b = 0; b < n; b++)
                        if (all[b] || all[4 * n + b] || all[n + b] != 0x5a ||
                            all[3 * n + b] != 0x5a)
                                fail_msg("%u-byte elements: byte %u", n, b);
                assert_memory_equal(all + 2 * n, in, n);
                assert_int_equal(weft_array_get(a, 5, out), -EINVAL);
                assert_int_equal(weft_array_set(a, 5, in), -EINVAL);
                drop(a, "a");
        }
        assert_int_equal(object_bytes(), 0);
}

static void ranges_are_checked(void **state)
{
        weft_array_t *a = make("a", 10, 8);
        uint64_t v = 3, w;

        (void)state;
        assert_int_equal(weft_array_fill(a, 0, 10, &v), 0);
        assert_int_equal(weft_array_fill(a, 10, 0, &v), 0);
        assert_int_equal(weft_array_fill(a, 0, 11, &v), -EINVAL);
        assert_int_equal(weft_array_fill(a, 9, 2, &v), -EINVAL);
        assert_int_equal(weft_array_fill(a, 11, 0, &v), -EINVAL);
        assert_int_equal(weft_array_fill(a, 1, UINT64_MAX, &v), -EINVAL);
        assert_int_equal(weft_array_fill(a, UINT64_MAX, 1, &v), -EINVAL);
        assert_int_equal(weft_array_fill(a, 0, 1, NULL), -EINVAL);
        assert_int_equal(weft_array_get(a, 0, NULL), -EINVAL);
        assert_int_equal(weft_array_set(a, 0, NULL), -EINVAL);
        assert_int_equal(weft_array_get(NULL, 0, &v), -EINVAL);
        assert_non_null(weft_array_span(a, 10, 0));
        assert_null(weft_array_span(a, 10, 1));
        assert_null(weft_array_span(a, 11, 0));
        assert_null(weft_array_span(a, 0, 11));
        assert_null(weft_array_span(a, 1, UINT64_MAX));
        assert_null(weft_array_span(NULL, 0, 1));
        assert_ptr_equal((char *)weft_array_span(a, 0, 1) + 24, weft_array_span(a, 3, 7));
        for (uint64_t i = 0; i < 10; i++) {
                assert_int_equal(weft_array_get(a, i, &w), 0);
                assert_int_equal(w, 3);
        }
        drop(a, "a");
}

/* ---- other processes ----------------------------------------------------- */

static void elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_array_t *a;
        uint64_t v;

        (void)unused;
        CHECK(weft_array_open(there, "a", &a) == 0);
        CHECK(weft_array_length(a) == 100);
        for (uint64_t i = 0; i < 100; i++)
                CHECK(weft_array_load64(a, i, &v) == 0 && v == i * i);
        for (uint64_t i = 0; i < 100; i++)
                CHECK(weft_array_add64(a, i, 1, NULL) == 0);
        ((uint64_t *)weft_array_span(a, 0, 1))[0] = 4711;
        weft_array_close(a);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        weft_array_t *a = make("a", 100, 8);
        uint64_t v;

        (void)state;
        for (uint64_t i = 0; i < 100; i++)
                assert_int_equal(weft_array_store64(a, i, i * i), 0);
        assert_int_equal(child_run(elsewhere, NULL), 0);
        for (uint64_t i = 0; i < 100; i++) {
                assert_int_equal(weft_array_load64(a, i, &v), 0);
                assert_int_equal(v, i ? i * i + 1 : 4711);
        }
        drop(a, "a");
}

struct orphaned {
        weft_array_t *a;
        struct gate ready, parent_dead;
        uint64_t *sum; /* common */
};

static void outlive_the_parent(void *context)
{
        struct orphaned *o = context;
        uint64_t v;
        prctl(PR_SET_PDEATHSIG, 0);
        gate_open(&o->ready, 1);
        gate_pass(&o->parent_dead);
        CHECK(weft_array_load64(o->a, 0, &v) == 0); /* joins and pins as itself */
        CHECK(weft_array_add64(o->a, 0, 1, NULL) == 0);
        *o->sum = v + 1;
        weft_array_close(o->a);
}

static void be_the_parent(void *context)
{
        struct orphaned *o = context;
        CHECK(weft_array_open(arena, "a", &o->a) == 0);
        CHECK(weft_array_store64(o->a, 0, 41) == 0);
        (void)child_start(outlive_the_parent, o);
        gate_pass(&o->ready);
        raise(SIGKILL);
}

static void a_handle_goes_on_in_a_forked_child(void **state)
{
        weft_array_t *a = make("a", 1, 8);
        struct orphaned o = { .ready = gate_make(),
                              .parent_dead = gate_make(),
                              .sum = common_make(4096) };

        (void)state;
        assert_int_equal(child_run(be_the_parent, &o), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        gate_open(&o.parent_dead, 1);
        for (int i = 0; i < 5000 && *(volatile uint64_t *)o.sum == 0; i++)
                usleep(1000);
        assert_int_equal(*o.sum, 42);
        gate_drop(&o.ready);
        gate_drop(&o.parent_dead);
        munmap(o.sum, 4096);
        drop(a, "a");
}

static void adds_until_killed(void *context)
{
        for (;;)
                CHECK(weft_array_add64(context, 0, 1, NULL) == 0);
}

static void the_killed_leave_nothing(void **state)
{
        weft_array_t *a = make("a", 1, 8);
        uint64_t before = object_bytes(), v;

        (void)state;
        for (int i = 0; i < 10; i++) {
                pid_t pid = child_start(adds_until_killed, a);
                usleep(2000);
                assert_int_equal(child_kill(pid), -SIGKILL);
                (void)recover_count(arena);
        }
        assert_int_equal(weft_array_load64(a, 0, &v), 0);
        assert_int_equal(object_bytes(), before);
        drop(a, "a");
        assert_int_equal(object_bytes(), 0);
}

/* ---- read-only ----------------------------------------------------------- */

static void write_into_a_span(void *context)
{
        *(volatile uint64_t *)context = 1;
}

static void read_only_reads_and_changes_nothing(void **state)
{
        weft_array_t *a = make("a", 4, 8), *b = make("b", 4, 4), *ra, *rb;
        struct weft_array_options o = { .length = 4, .element_bytes = 8 };
        weft_arena_t *ro;
        uint64_t v = 0, *all;
        uint32_t w = 0;

        (void)state;
        assert_int_equal(weft_array_store64(a, 2, 6), 0);
        assert_int_equal(weft_array_store32(b, 2, 7), 0);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_array_create(ro, "c", &o, &ra), -EROFS);
        assert_int_equal(weft_array_create_or_open(ro, "c", &o, &ra), -EROFS);
        assert_int_equal(weft_array_create_or_open(ro, "b", &o, &ra), -EPROTO);
        assert_int_equal(weft_array_create_or_open(ro, "a", &o, &ra),
                         0); /* it is there */
        weft_array_close(ra);
        assert_int_equal(weft_array_open(ro, "c", &ra), -ENOENT);
        assert_int_equal(weft_array_open(ro, "a", &ra), 0);
        assert_int_equal(weft_array_open(ro, "b", &rb), 0);
        assert_int_equal(weft_array_load64(ra, 2, &v), 0);
        assert_int_equal(v, 6);
        assert_int_equal(weft_array_get(rb, 2, &w), 0);
        assert_int_equal(w, 7);
        assert_int_equal(weft_array_load32(rb, 1, &w), 0);
        assert_int_equal(w, 0);
        assert_int_equal(weft_array_store64(ra, 0, 1), -EROFS);
        assert_int_equal(weft_array_add64(ra, 0, 1, NULL), -EROFS);
        assert_int_equal(weft_array_cas64(ra, 0, &v, 1), -EROFS);
        assert_int_equal(weft_array_store32(rb, 0, 1), -EROFS);
        assert_int_equal(weft_array_add32(rb, 0, 1, NULL), -EROFS);
        assert_int_equal(weft_array_cas32(rb, 0, &w, 1), -EROFS);
        assert_int_equal(weft_array_set(ra, 0, &v), -EROFS);
        assert_int_equal(weft_array_fill(ra, 0, 1, &v), -EROFS);
        all = weft_array_span(ra, 0, 4);
        assert_non_null(all);
        assert_int_equal(all[2], 6);
        assert_int_equal(child_run(write_into_a_span, all), -SIGSEGV);
        /* Nothing holds it for a reader without a seat, but he is told. */
        drop(a, "a");
        assert_int_equal(weft_array_load64(ra, 2, &v), -ENOENT);
        assert_int_equal(weft_array_get(ra, 2, &v), -ENOENT);
        assert_null(weft_array_span(ra, 0, 4));
        a = make("a", 4, 8); /* perhaps the same memory: another life */
        assert_int_equal(weft_array_load64(ra, 2, &v), -ENOENT);
        weft_array_close(ra);
        weft_array_close(rb);
        weft_arena_close(ro);
        drop(a, "a");
        drop(b, "b");
}

/* ---- hostile bytes ------------------------------------------------------- */

static struct weft_array_block_shared *block_of(weft_array_t *a)
{
        return (struct weft_array_block_shared *)(uintptr_t)weft_load_rlx(&a->data) - 1;
}

static void a_corrupt_header_is_told(void **state)
{
        weft_array_t *a = make("a", 100, 8), *b;
        struct weft_array_shared *sh = a->handle.sh;
        struct weft_array_block_shared *block = block_of(a), good = *block;
        const uint64_t ref = sh->now.raw[1], word = sh->now.raw[0];
        struct weft_object_info info;
        struct weft_census census;

        (void)state;
        for (size_t i = 0; i < 11; i++) {
                block->length = i == 0   ? 0
                                : i == 1 ? UINT64_MAX
                                : i == 2 ? UINT64_C(1) << 61 /* times 8 is 0 */
                                : i == 3 ? 101 * 50
                                         : good.length;
                block->generation = i == 4 ? 0 : i == 5 ? UINT64_MAX : 1;
                sh->element_bytes = i == 6 ? 0 : i == 7 ? UINT32_MAX : 8;
                sh->now.raw[1] = i == 8    ? 0
                                 : i == 9  ? UINT64_MAX
                                 : i == 10 ? ref + (UINT64_C(1) << 36) /* another life */
                                           : ref;
                assert_int_equal(weft_array_open(arena, "a", &b), -EUCLEAN);
                assert_null(b);
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
                assert_int_equal(census.corrupt, 1);
                assert_int_equal(weft_object_stat(arena, "a", &info), 0);
                assert_string_equal(info.detail, "corrupt");
                *block = good;
                sh->element_bytes = 8;
                sh->now.raw[1] = ref;
        }
        sh->now.raw[0] = 0;
        assert_int_equal(weft_array_open(arena, "a", &b), -EUCLEAN);
        sh->now.raw[0] = word;
        assert_int_equal(weft_array_open(arena, "a", &b), 0);
        block->length = 50; /* a handle believes what it read when it was opened */
        assert_int_equal(weft_array_length(b), 100);
        assert_int_equal(weft_array_store64(b, 99, 1), 0);
        *block = good;
        weft_array_close(b);
        drop(a, "a");
        assert_int_equal(object_bytes(), 0);
}

static void a_data_block_of_somebody_else_is_corrupt(void **state)
{
        weft_array_t *a = make("a", 100, 8), *b = make("b", 100, 8);
        struct weft_array_shared *sh = a->handle.sh;
        const struct weft_array_shared *other = b->handle.sh;
        uint64_t ref = sh->now.raw[1];
        struct weft_census census;
        uint64_t v;

        (void)state;
        sh->now.raw[1] = other->now.raw[1];
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        assert_int_equal(census.corrupt, 1);
        sh->now.raw[1] = ref;
        drop(a, "a");
        assert_int_equal(weft_array_load64(b, 0, &v), 0);
        drop(b, "b");
}

/* ---- the object ---------------------------------------------------------- */

static void an_array_says_what_it_is(void **state)
{
        weft_array_t *a = make("a", 1000, 24), *b = make("b", 1, 8);
        struct weft_object_info info;

        (void)state;
        assert_int_equal(weft_object_stat(arena, "a", &info), 0);
        assert_string_equal(info.kind, "array");
        assert_string_equal(info.detail, "1000 elements of 24 B");
        assert_int_equal(info.version, WEFT_ARRAY_VERSION);
        assert_int_equal(info.holders, 1);
        assert_true(info.bytes >= 24000 && info.bytes < 48000);
        assert_int_equal(weft_object_stat(arena, "b", &info), 0);
        assert_string_equal(info.detail, "1 element of 8 B");
        drop(a, "a");
        drop(b, "b");
}

static void given_blocks_go_with_the_array(void **state)
{
        uint64_t before = object_bytes();
        weft_array_t *a = make("a", 10, 8);
        weft_ref_t ref;

        (void)state;
        for (int i = 0; i < 10; i++) {
                assert_int_equal(weft_block_alloc(arena, 100, &ref, NULL), 0);
                assert_int_equal(weft_block_give(arena, ref, weft_array_owner(a)), 0);
                assert_int_equal(weft_block_owner(arena, ref).v, weft_array_owner(a).v);
        }
        assert_int_equal(weft_array_store64(a, 0, ref.v), 0);
        drop(a, "a");
        assert_null(weft_at(arena, ref, 1));
        assert_int_equal(object_bytes(), before);
}

static void a_removed_array_lives_until_it_is_closed(void **state)
{
        weft_array_t *a = make("a", 10, 8), *b;
        uint64_t v;

        (void)state;
        assert_int_equal(weft_array_store64(a, 3, 4), 0);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        b = make("a", 10, 8);
        assert_int_equal(weft_array_load64(a, 3, &v), 0);
        assert_int_equal(v, 4);
        assert_int_equal(weft_array_load64(b, 3, &v), 0);
        assert_int_equal(v, 0);
        weft_array_close(a);
        drop(b, "a");
        assert_int_equal(object_bytes(), 0);
}

static void *open_and_end(void *out)
{
        CHECK(weft_array_open(arena, "a", out) == 0);
        return NULL;
}

static void remove_and_make_anew(void *gate)
{
        weft_array_t *b;
        gate_pass(gate);
        CHECK(weft_object_remove(arena, "a") == 0);
        b = make("b", 10, 8); /* where "a" was: there is one entry */
        weft_array_close(b);
        weft_arena_close(arena);
}

/* The process has no agent any more when the array is removed and its place is taken:
 * its old handle must not reach what is there now. */
static void a_handle_that_lost_its_array_is_told(void **state)
{
        struct weft_arena_options one = { .max_bytes = 1 << 20, .max_objects = 1 };
        struct gate gate = gate_make();
        weft_array_t *a, *stale, *b;
        pthread_t thread;
        uint64_t v;

        (void)state;
        weft_arena_close(arena);
        assert_int_equal(weft_arena_create(NULL, &one, &arena), 0);
        pid_t pid = child_start(remove_and_make_anew, &gate);
        a = make("a", 10, 8);
        weft_array_close(a);
        weft_agent_leave(arena);
        assert_int_equal(pthread_create(&thread, NULL, open_and_end, &stale), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        gate_open(&gate, 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_array_open(arena, "b", &b), 0);
        assert_int_equal(stale->handle.index == b->handle.index, 0);
        assert_int_equal(weft_array_store64(stale, 0, 666), -ENOENT);
        assert_int_equal(weft_array_load64(stale, 0, &v), -ENOENT);
        assert_null(weft_array_span(stale, 0, 1));
        assert_int_equal(weft_array_load64(b, 0, &v), 0);
        assert_int_equal(v, 0);
        weft_array_close(stale);
        assert_int_equal(weft_object_remove(arena, "b"), 0);
        assert_int_equal(weft_array_store64(b, 0, 1), 0); /* still held by b */
        assert_int_equal(weft_array_load64(b, 0, &v), 0);
        assert_int_equal(v, 1);
        weft_array_close(b);
        assert_int_equal(object_bytes(), 0);
        gate_drop(&gate);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(an_array_is_zeroes_of_the_right_size),
                TEST(memory_that_was_used_is_zeroed_again),
                TEST(bad_options_are_refused),
                TEST(too_large_is_no_space_and_leaves_nothing),
                TEST(full_becomes_possible_again),
                TEST(opening_shares_and_checks),
                TEST(words_of_8_bytes),
                TEST(words_of_4_bytes),
                TEST(elements_of_any_size),
                TEST(ranges_are_checked),
                TEST(two_processes_at_two_addresses),
                TEST(a_handle_goes_on_in_a_forked_child),
                TEST(the_killed_leave_nothing),
                TEST(read_only_reads_and_changes_nothing),
                TEST(a_corrupt_header_is_told),
                TEST(a_data_block_of_somebody_else_is_corrupt),
                TEST(an_array_says_what_it_is),
                TEST(given_blocks_go_with_the_array),
                TEST(a_removed_array_lives_until_it_is_closed),
                TEST(a_handle_that_lost_its_array_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
