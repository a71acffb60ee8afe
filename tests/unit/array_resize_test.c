#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "structures/array.h"
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

static weft_array_t *make(uint64_t length, uint32_t element_bytes)
{
        struct weft_array_options o = { .length = length,
                                        .element_bytes = element_bytes };
        weft_array_t *a = NULL;
        CHECK(weft_array_create(arena, "a", &o, &a) == 0 && a);
        return a;
}

static weft_array_t *open_in(weft_arena_t *in)
{
        weft_array_t *a = NULL;
        CHECK(weft_array_open(in, "a", &a) == 0 && a);
        return a;
}

static void drop(weft_array_t *a)
{
        CHECK(weft_object_remove(arena, "a") == 0);
        weft_array_close(a);
}

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static uint64_t load(weft_array_t *a, uint64_t i)
{
        uint64_t v = 0;
        int rc = weft_array_load64(a, i, &v);
        if (rc)
                fail_msg("load: %s", weft_strerror(rc));
        return v;
}

static struct weft_array_shared *shared(weft_array_t *a)
{
        return a->handle.sh;
}

static struct weft_array_desk_shared *desk(weft_array_t *a, uint32_t seat)
{
        return weft_desk_at(&a->desks, seat);
}

/* ---- lengths ------------------------------------------------------------- */

static void it_grows_and_shrinks(void **state)
{
        static const uint64_t lengths[] = { 1000, 10, 100000, 3, 1, 8, 70000 };
        weft_array_t *a = make(10, 8);
        uint64_t kept = 10, had = 10, before = object_bytes();

        (void)state;
        assert_int_equal(weft_array_generation(a), 1);
        for (uint64_t i = 0; i < 10; i++)
                assert_int_equal(weft_array_store64(a, i, i + 7), 0);
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
                uint64_t n = lengths[k];
                assert_int_equal(weft_array_resize(a, n, WEFT_NOW), 0);
                assert_int_equal(weft_array_generation(a), 2 + k);
                assert_int_equal(weft_array_length(a), n);
                kept = n < kept ? n : kept;
                for (uint64_t i = 0; i < n; i++)
                        assert_int_equal(load(a, i), i < kept  ? i + 7
                                                     : i < had ? UINT64_MAX
                                                               : 0);
                assert_int_equal(weft_array_store64(a, n, 1), -EINVAL);
                for (uint64_t i = kept; i < n; i++) /* none of it comes back */
                        assert_int_equal(weft_array_store64(a, i, UINT64_MAX), 0);
                had = n;
        }
        assert_int_equal(weft_array_resize(a, 10, WEFT_NOW), 0);
        assert_int_equal(object_bytes(), before); /* nothing old is kept */
        drop(a);
        assert_int_equal(object_bytes(), 0);
}

static void any_size_of_elements(void **state)
{
        static const uint32_t sizes[] = { 1, 2, 3, 4, 24, 4096, 65537, 1 << 20 };
        static unsigned char in[1 << 20], out[1 << 20];

        (void)state;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                weft_array_t *a = make(3, sizes[s]);
                for (uint32_t b = 0; b < sizes[s]; b++)
                        in[b] = (unsigned char)(b * 11 + 1);
                assert_int_equal(weft_array_set(a, 2, in), 0);
                assert_int_equal(weft_array_resize(a, 5, WEFT_NOW), 0);
                assert_int_equal(weft_array_get(a, 2, out), 0);
                assert_memory_equal(in, out, sizes[s]);
                assert_int_equal(weft_array_get(a, 4, out), 0);
                for (uint32_t b = 0; b < sizes[s]; b++)
                        assert_int_equal(out[b], 0);
                assert_int_equal(weft_array_fill(a, 3, 2, in), 0);
                assert_int_equal(weft_array_get(a, 4, out), 0);
                assert_memory_equal(in, out, sizes[s]);
                drop(a);
        }
        assert_int_equal(object_bytes(), 0);
}

static void bad_calls_change_nothing(void **state)
{
        weft_array_t *a = make(10, 8);

        (void)state;
        errno = 4711;
        assert_int_equal(weft_array_resize(NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_array_resize(a, 0, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_array_refresh(NULL), -EINVAL);
        assert_int_equal(weft_array_generation(NULL), 0);
        assert_int_equal(weft_array_resize(a, 10, WEFT_NOW), 0);
        assert_int_equal(weft_array_resize(a, UINT64_MAX, WEFT_NOW), -ENOSPC);
        assert_int_equal(weft_array_resize(a, UINT64_C(1) << 61, WEFT_NOW), -ENOSPC);
        assert_int_equal(weft_array_resize(a, 64 << 20, WEFT_NOW), -ENOSPC);
        assert_int_equal(weft_array_refresh(a), 0);
        assert_int_equal(weft_array_generation(a), 1);
        assert_int_equal(weft_array_length(a), 10);
        assert_int_equal(weft_array_store64(a, 9, 1), 0);
        assert_int_equal(errno, 4711);
        drop(a);
}

static void a_full_arena_can_still_shrink_it(void **state)
{
        weft_array_t *a = make(5 << 20, 8); /* 40 of 64 MiB */
        uint64_t before = object_bytes();

        (void)state;
        assert_int_equal(weft_array_store64(a, 5, 5), 0);
        assert_int_equal(weft_array_resize(a, 6 << 20, WEFT_NOW), -ENOSPC);
        assert_int_equal(object_bytes(), before);
        assert_int_equal(load(a, 5), 5);
        assert_int_equal(weft_array_resize(a, 1 << 20, WEFT_NOW), 0);
        assert_int_equal(weft_array_resize(a, 5 << 20, WEFT_NOW), 0);
        assert_int_equal(load(a, 5), 5);
        assert_int_equal(object_bytes(), before);
        drop(a);
}

static void words_are_changed_in_more_ways(void **state)
{
        weft_array_t *a = make(2, 8);
        uint64_t v;
        uint32_t w;

        (void)state;
        assert_int_equal(weft_array_exchange64(a, 1, 0xf0, &v), 0);
        assert_int_equal(v, 0);
        assert_int_equal(weft_array_or64(a, 1, 0x0f, &v), 0);
        assert_int_equal(v, 0xf0);
        assert_int_equal(weft_array_and64(a, 1, 0x3c, NULL), 0);
        assert_int_equal(weft_array_exchange64(a, 1, 1, &v), 0);
        assert_int_equal(v, 0x3c);
        assert_int_equal(load(a, 0), 0);
        assert_int_equal(weft_array_exchange64(a, 2, 1, &v), -EINVAL);
        assert_int_equal(weft_array_exchange32(a, 1, 1, &w), -EPROTO);
        drop(a);
        a = make(2, 4);
        assert_int_equal(weft_array_exchange32(a, 1, 0xf0, &w), 0);
        assert_int_equal(weft_array_or32(a, 1, 0x0f, &w), 0);
        assert_int_equal(w, 0xf0);
        assert_int_equal(weft_array_and32(a, 1, 0x3c, &w), 0);
        assert_int_equal(w, 0xff);
        assert_int_equal(weft_array_load32(a, 1, &w), 0);
        assert_int_equal(w, 0x3c);
        assert_int_equal(weft_array_load32(a, 0, &w), 0);
        assert_int_equal(w, 0);
        drop(a);
}

/* ---- old handles --------------------------------------------------------- */

static void all_is_stale(weft_array_t *a)
{
        uint64_t v = 0;
        CHECK(weft_array_load64(a, 0, &v) == -ESTALE);
        CHECK(weft_array_get(a, 0, &v) == -ESTALE);
        CHECK(weft_array_load64(a, 500, &v) == -ESTALE);
        CHECK(!weft_array_span(a, 0, 1));
        if (a->handle.arena->readonly)
                return;
        CHECK(weft_array_store64(a, 0, 1) == -ESTALE);
        CHECK(weft_array_add64(a, 0, 1, NULL) == -ESTALE);
        CHECK(weft_array_exchange64(a, 0, 1, NULL) == -ESTALE);
        CHECK(weft_array_or64(a, 0, 1, NULL) == -ESTALE);
        CHECK(weft_array_and64(a, 0, 1, NULL) == -ESTALE);
        CHECK(weft_array_cas64(a, 0, &v, 1) == -ESTALE);
        CHECK(weft_array_set(a, 0, &v) == -ESTALE);
        CHECK(weft_array_fill(a, 0, 2, &v) == -ESTALE);
        CHECK(weft_array_store64(a, 500, 1) == -ESTALE);
        CHECK(weft_array_resize(a, 77, WEFT_NOW) == -ESTALE);
}

static void old_handles_notice(void **state)
{
        weft_array_t *a = make(10, 8), *b = open_in(arena);
        uint64_t *span = weft_array_span(b, 0, 10);

        (void)state;
        assert_non_null(span);
        assert_int_equal(weft_array_store64(a, 3, 33), 0);
        assert_int_equal(weft_array_resize(a, 1000, WEFT_NOW), 0);
        all_is_stale(b);
        assert_int_equal(weft_array_length(b), 10);
        assert_int_equal(weft_array_generation(b), 1);
        assert_int_equal(span[3], 33); /* it still is what it was */
        span[3] = 34;
        assert_int_equal(load(a, 3), 33);
        assert_int_equal(weft_array_store64(a, 3, 35), 0);
        assert_int_equal(span[3], 34);
        assert_int_equal(weft_array_refresh(b), 1);
        assert_int_equal(weft_array_refresh(b), 0);
        assert_int_equal(weft_array_length(b), 1000);
        assert_int_equal(load(b, 3), 35);
        assert_int_equal(weft_array_store64(b, 999, 1), 0);
        assert_int_equal(load(a, 999), 1);
        weft_array_close(b);
        drop(a);
}

static void elsewhere(void *common)
{
        struct gate *gate = common;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_array_t *a = open_in(there);
        const uint64_t *span = weft_array_span(a, 0, 10);
        CHECK(span && weft_array_add64(a, 3, 1, NULL) == 0);
        gate_open(&gate[0], 1);
        gate_pass(&gate[1]);
        all_is_stale(a);
        CHECK(span[3] == 34);
        CHECK(weft_array_refresh(a) == 1);
        CHECK(weft_array_length(a) == 1000 && weft_array_generation(a) == 3);
        CHECK(weft_array_add64(a, 3, 1, NULL) == 0);
        CHECK(weft_array_store64(a, 999, 9) == 0);
        gate_open(&gate[0], 1);
        gate_pass(&gate[1]);
        CHECK(weft_array_resize(a, 4, WEFT_NOW) == 0);
        weft_array_close(a);
        weft_arena_close(there);
}

static void another_process_notices(void **state)
{
        weft_array_t *a = make(10, 8);
        struct gate gate[2] = { gate_make(), gate_make() };
        uint64_t before = object_bytes();

        (void)state;
        assert_int_equal(weft_array_store64(a, 3, 33), 0);
        pid_t pid = child_start(elsewhere, gate);
        gate_pass(&gate[0]);
        assert_int_equal(weft_array_resize(a, 100, WEFT_NEVER), 0);
        assert_int_equal(weft_array_resize(a, 1000, WEFT_NEVER), 0);
        gate_open(&gate[1], 1);
        gate_pass(&gate[0]);
        assert_int_equal(load(a, 3), 35);
        assert_int_equal(load(a, 999), 9);
        gate_open(&gate[1], 1);
        assert_int_equal(child_end(pid), 0);
        all_is_stale(a);
        assert_int_equal(weft_array_refresh(a), 1);
        assert_int_equal(weft_array_length(a), 4);
        assert_int_equal(weft_array_resize(a, 10, WEFT_NEVER), 0);
        assert_int_equal(object_bytes(), before);
        drop(a);
        gate_drop(&gate[0]);
        gate_drop(&gate[1]);
}

static void read_only_notices(void **state)
{
        weft_array_t *a = make(10, 8), *r;
        weft_arena_t *ro;
        uint64_t v;

        (void)state;
        assert_int_equal(weft_array_store64(a, 3, 33), 0);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        r = open_in(ro);
        assert_int_equal(load(r, 3), 33);
        assert_int_equal(weft_array_refresh(r), 0);
        assert_int_equal(weft_array_resize(r, 20, WEFT_NOW), -EROFS);
        assert_int_equal(weft_array_resize(a, 1000, WEFT_NOW), 0);
        all_is_stale(r);
        assert_int_equal(weft_array_refresh(r), 1);
        assert_int_equal(weft_array_length(r), 1000);
        assert_int_equal(load(r, 3), 33);
        assert_int_equal(load(r, 999), 0);
        assert_int_equal(weft_array_load64(r, 1000, &v), -EINVAL);
        drop(a);
        assert_int_equal(weft_array_refresh(r), -ENOENT);
        assert_int_equal(weft_array_load64(r, 0, &v), -ENOENT);
        weft_array_close(r);
        weft_arena_close(ro);
}

/* ---- old blocks ---------------------------------------------------------- */

static void use_and_wait(void *common)
{
        struct gate *gate = common;
        weft_array_t *a = open_in(arena);
        uint64_t *span = weft_array_span(a, 0, 1);
        CHECK(span);
        gate_open(&gate[0], 1);
        gate_pass(&gate[1]);
        *span = 1;
        pause();
}

static void old_blocks_go_with_who_used_them(void **state)
{
        weft_array_t *a = make(10, 8);
        struct gate gate[2] = { gate_make(), gate_make() };
        uint64_t before = object_bytes();

        (void)state;
        pid_t pid = child_start(use_and_wait, gate);
        gate_pass(&gate[0]);
        assert_int_equal(weft_array_resize(a, 20000, WEFT_NOW), 0);
        assert_int_equal(weft_array_resize(a, 10, WEFT_NOW), 0);
        uint64_t now = object_bytes();
        assert_true(now > before && now < before + 20000);
        gate_open(&gate[1], 1);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(object_bytes(), before);
        drop(a);
        gate_drop(&gate[0]);
        gate_drop(&gate[1]);
}

static void so_many_generations_are_kept(void **state)
{
        weft_array_t *a = make(10, 8), *old = open_in(arena);
        uint64_t *span = weft_array_span(old, 0, 10), before = object_bytes();
        uint64_t n = 0;
        int rc = 0;

        (void)state;
        assert_non_null(span);
        for (; n < 100 && !rc; n++)
                rc = weft_array_resize(a, 20 + n, WEFT_NOW);
        assert_int_equal(rc, -EBUSY);
        assert_int_equal(n, WEFT_ARRAY_RETIRED + 1);
        assert_int_equal(weft_array_store64(a, 0, 7), 0);
        span[0] = 9;
        assert_int_equal(load(a, 0), 7);
        assert_int_equal(weft_array_refresh(old), 1);
        assert_int_equal(weft_array_resize(a, 10, WEFT_NOW), 0);
        assert_int_equal(weft_array_refresh(old), 1);
        assert_int_equal(load(old, 0), 7);
        assert_int_equal(load(a, 0), 7);
        assert_int_equal(weft_array_refresh(a), 0);
        assert_int_equal(object_bytes(), before);
        weft_array_close(old);
        drop(a);
}

static void closing_one_of_two_lets_go(void **state)
{
        weft_array_t *a = make(10, 8), *old = open_in(arena);
        uint64_t before = object_bytes();

        (void)state;
        assert_non_null(weft_array_span(old, 0, 10));
        assert_int_equal(weft_array_resize(a, 10000, WEFT_NOW), 0);
        assert_int_equal(weft_array_resize(a, 10, WEFT_NOW), 0);
        assert_true(object_bytes() > before);
        weft_array_close(old);
        assert_int_equal(weft_array_refresh(a), 0);
        assert_int_equal(object_bytes(), before);
        drop(a);
        assert_int_equal(object_bytes(), 0);
}

/* ---- who stands still, and who is dead ------------------------------------- */

static void nobody_waits_for_who_froze_it(void **state)
{
        weft_array_t *a = make(10, 8);

        (void)state;
        for (int round = 0; round < 3; round++) {
                shared(a)->now.raw[0] |= WEFT_ARRAY_FROZEN; /* and is no more */
                uint64_t frozen = shared(a)->now.raw[0];
                assert_int_equal(load(a, 1), round);
                assert_int_equal(weft_array_add64(a, 1, 1, NULL), 0);
                assert_true(shared(a)->now.raw[0] > frozen); /* no version comes twice */
                assert_int_equal(load(a, 1), round + 1);
        }
        shared(a)->now.raw[0] |= WEFT_ARRAY_FROZEN;
        assert_int_equal(weft_array_resize(a, 20, WEFT_NOW), 0);
        assert_int_equal(load(a, 1), 3);
        drop(a);
}

struct standing {
        weft_array_t *a;
        struct gate gate;
        uint64_t *seat; /* common */
        bool dies;
};

static void stand_in_the_middle(void *context)
{
        struct standing *s = context;
        weft_array_t *a = open_in(arena);
        CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
        *s->seat = weft_me.agent->index;
        weft_store_rel(&desk(a, weft_me.agent->index)->busy, weft_me.agent->sig);
        gate_open(&s->gate, 1);
        if (s->dies)
                raise(SIGKILL);
        raise(SIGSTOP);
        weft_store_rel(&desk(a, weft_me.agent->index)->busy, 0);
        weft_array_close(a);
}

static void a_resize_waits_for_who_is_in_the_middle(void **state)
{
        struct standing s = { make(10, 8), gate_make(), common_make(4096), false };
        int status;

        (void)state;
        pid_t pid = child_start(stand_in_the_middle, &s);
        gate_pass(&s.gate);
        assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(weft_array_resize(s.a, 20, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_array_resize(s.a, 20, weft_after(5 * WEFT_MSEC)),
                         -ETIMEDOUT);
        assert_int_equal(weft_array_add64(s.a, 0, 1, NULL), 0); /* others go on */
        assert_int_equal(load(s.a, 0), 2);
        assert_int_equal(weft_array_length(s.a), 10);
        CHECK(kill(pid, SIGCONT) == 0);
        assert_int_equal(weft_array_resize(s.a, 20, WEFT_NEVER), 0);
        assert_int_equal(child_end(pid), 0);
        s.dies = true;
        pid = child_start(stand_in_the_middle, &s);
        assert_int_equal(child_end(pid), -SIGKILL);
        assert_int_equal(weft_array_resize(s.a, 30, WEFT_NOW), 0); /* the dead do not */
        assert_int_equal(load(s.a, 0), 3);
        gate_drop(&s.gate);
        munmap(s.seat, 4096);
        drop(s.a);
}

static void *resize_here(void *context)
{
        weft_array_t *a = context;
        for (uint64_t i = 0; i < 200; i++) {
                int rc = weft_array_resize(a, 10 + i % 50, WEFT_NEVER);
                CHECK(rc == 0 || rc == -ESTALE);
        }
        return NULL;
}

static void threads_share_a_handle(void **state)
{
        weft_array_t *a = make(10, 8);
        uint64_t done = 0, before = object_bytes();
        pthread_t thread;

        (void)state;
        CHECK(pthread_create(&thread, NULL, resize_here, a) == 0);
        for (int i = 0; i < 100000; i++) {
                int rc = weft_array_add64(a, 3, 1, NULL);
                CHECK(rc == 0 || rc == -ESTALE);
                done += rc == 0;
        }
        CHECK(pthread_join(thread, NULL) == 0);
        assert_int_equal(load(a, 3), done);
        assert_int_equal(weft_array_resize(a, 9, WEFT_NOW), 0);
        assert_int_equal(weft_array_resize(a, 10, WEFT_NOW), 0);
        assert_int_equal(object_bytes(), before);
        drop(a);
}

enum { THREADS = 70 };
struct many {
        weft_array_t *a;
        pthread_barrier_t all;
};

static void *add_when_all_are_there(void *context)
{
        struct many *m = context;
        CHECK(weft_array_add64(m->a, 0, 1, NULL) == 0);
        (void)pthread_barrier_wait(&m->all);
        (void)pthread_barrier_wait(&m->all); /* resized in between */
        int rc = weft_array_add64(m->a, 0, 1, NULL);
        while (rc == -ESTALE && weft_array_refresh(m->a) >= 0)
                rc = weft_array_add64(m->a, 0, 1, NULL);
        CHECK(rc == 0);
        return NULL;
}

/* More than there are desks at first. */
static void many_threads_have_desks(void **state)
{
        struct many m = { .a = make(10, 8) };
        pthread_t thread[THREADS];
        weft_array_t *b = open_in(arena);

        (void)state;
        CHECK(pthread_barrier_init(&m.all, NULL, THREADS + 1) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_create(&thread[i], NULL, add_when_all_are_there, &m) == 0);
        (void)pthread_barrier_wait(&m.all);
        assert_int_equal(weft_array_resize(b, 1000, WEFT_NEVER), 0);
        (void)pthread_barrier_wait(&m.all);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
        assert_int_equal(load(b, 0), 2 * THREADS);
        pthread_barrier_destroy(&m.all);
        weft_array_close(b);
        drop(m.a);
        assert_int_equal(object_bytes(), 0);
}

static void outlive_the_parent(void *context)
{
        weft_array_t *a = context;
        CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
        CHECK(weft_array_resize(a, 30, WEFT_NOW) == 0);
        CHECK(weft_array_add64(a, 29, 1, NULL) == 0);
}

static void a_forked_child_is_another(void **state)
{
        weft_array_t *a = make(10, 8);

        (void)state;
        assert_int_equal(weft_array_add64(a, 0, 1, NULL), 0);
        assert_int_equal(child_run(outlive_the_parent, a), 0);
        all_is_stale(a);
        assert_int_equal(weft_array_refresh(a), 1);
        assert_int_equal(load(a, 0), 2);
        assert_int_equal(load(a, 29), 1);
        drop(a);
}

static void add_one(void *a)
{
        CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
}

/* Another thread's desk is not ours, even when our seat is given out again. */
static void a_seat_that_was_left_is_not_used(void **state)
{
        weft_array_t *a = make(10, 8);

        (void)state;
        assert_int_equal(weft_array_add64(a, 0, 1, NULL), 0);
        weft_agent_leave(arena);
        assert_int_equal(child_run(add_one, a), 0);
        weft_array_t *b = open_in(arena);
        assert_int_equal(weft_array_add64(b, 0, 1, NULL), 0);
        assert_int_equal(load(b, 0), load(a, 0));
        weft_array_close(b);
        drop(a);
}

/* ---- hostile bytes ------------------------------------------------------- */

static void hostile_bytes_are_harmless(void **state)
{
        static const uint64_t values[] = { 0,          1,          UINT64_MAX,
                                           1 << 10,    UINT32_MAX, UINT64_C(1) << 36,
                                           0x12345678, 3 };
        int64_t sum = 0;

        (void)state;
        for (size_t k = 0; k < sizeof values / sizeof *values; k++)
                for (int what = 0; what < 6; what++) {
                        weft_array_t *a = make(10, 8), *b;
                        uint64_t v = values[k], x;
                        CHECK(weft_array_store64(a, 0, 1) == 0);
                        struct weft_array_desk_shared *d = desk(a, weft_me.agent->index);
                        struct weft_array_desk_shared *e = desk(a, 5);
                        weft_a64_t *const at[] = { &d->pin,
                                                   &d->draft,
                                                   &d->frozen,
                                                   &e->busy,
                                                   &shared(a)->retired[4],
                                                   &shared(a)->progress };
                        weft_store_rel(at[what], v);
                        sum += weft_array_load64(a, 0, &x);
                        sum += weft_array_add64(a, 0, 1, NULL);
                        sum += weft_array_resize(a, 20, WEFT_NOW);
                        sum += weft_array_refresh(a);
                        sum += weft_array_fill(a, 0, 9, &v);
                        if (weft_array_open(arena, "a", &b) == 0)
                                weft_array_close(b);
                        CHECK(weft_object_remove(arena, "a") == 0);
                        weft_array_close(a);
                }
        assert_true(sum < 1000); /* what it is means nothing */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(it_grows_and_shrinks),
                TEST(any_size_of_elements),
                TEST(bad_calls_change_nothing),
                TEST(a_full_arena_can_still_shrink_it),
                TEST(words_are_changed_in_more_ways),
                TEST(old_handles_notice),
                TEST(another_process_notices),
                TEST(read_only_notices),
                TEST(old_blocks_go_with_who_used_them),
                TEST(so_many_generations_are_kept),
                TEST(closing_one_of_two_lets_go),
                TEST(nobody_waits_for_who_froze_it),
                TEST(a_resize_waits_for_who_is_in_the_middle),
                TEST(threads_share_a_handle),
                TEST(many_threads_have_desks),
                TEST(a_forked_child_is_another),
                TEST(a_seat_that_was_left_is_not_used),
                TEST(hostile_bytes_are_harmless),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
