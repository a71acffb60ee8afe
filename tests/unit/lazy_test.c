#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/lazy.h>
#include <weft/weft.h>

#include "codata/lazy_internal.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

/* What all processes share beside the arena. */
static struct common {
        volatile int runs, go, failing, told, held;
        volatile int64_t value;
} * common;

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        (void)state;
        if (!common)
                common = common_make(4096);
        memset(common, 0, sizeof *common);
        return weft_arena_create(NULL, &o, &arena);
}

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static int remove_one(const struct weft_object_info *object, void *context)
{
        (void)context;
        return weft_object_remove(arena, object->name);
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        CHECK(weft_object_list(arena, remove_one, NULL) == 0);
        check_whole(arena);
        CHECK(object_bytes() == 0);
        weft_arena_close(arena);
        return 0;
}

static weft_lazy_t *make_with(const char *name, const char *function, const void *bytes,
                              uint32_t n)
{
        weft_lazy_t *lazy;
        CHECK(weft_lazy_create_or_open(arena, name, function, bytes, n, &lazy) == 0);
        return lazy;
}

static weft_lazy_t *make(const char *name, const char *function)
{
        return make_with(name, function, NULL, 0);
}

static weft_lazy_t *open_lazy(const char *name)
{
        weft_lazy_t *lazy;
        CHECK(weft_lazy_open(arena, name, &lazy) == 0);
        return lazy;
}

/* ---- functions ----------------------------------------------------------------- */

static int square(const void *in, void *out, const void *argument)
{
        int64_t n;
        (void)argument;
        memcpy(&n, in, sizeof n);
        n *= n;
        __atomic_add_fetch(&common->runs, 1, __ATOMIC_SEQ_CST);
        memcpy(out, &n, sizeof n);
        return 0;
}

static int more(const void *in, void *out, const void *argument)
{
        int64_t n, k;
        memcpy(&n, in, sizeof n);
        memcpy(&k, argument, sizeof k);
        n += k;
        __atomic_add_fetch(&common->runs, 1, __ATOMIC_SEQ_CST);
        memcpy(out, &n, sizeof n);
        return 0;
}

static int refuse(const void *in, void *out, const void *argument)
{
        (void)in, (void)out, (void)argument;
        __atomic_add_fetch(&common->runs, 1, __ATOMIC_SEQ_CST);
        return common->failing;
}

/* As many bytes as the argument says. */
static int64_t fill(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        int64_t bytes;
        (void)in, (void)n;
        memcpy(&bytes, argument, sizeof bytes);
        if ((uint64_t)bytes > room)
                return -EOVERFLOW;
        memset(out, 'f', (size_t)bytes);
        return bytes;
}

/* The first one never ends. */
static int stay(const void *in, void *out, const void *argument)
{
        int64_t n = 77;
        (void)in, (void)argument;
        if (__atomic_add_fetch(&common->runs, 1, __ATOMIC_SEQ_CST) == 1)
                while (!__atomic_load_n(&common->go, __ATOMIC_SEQ_CST))
                        usleep(100);
        memcpy(out, &n, sizeof n);
        return 0;
}

/* Forces the lazy that its argument names, and adds one. */
static int after(const void *in, void *out, const void *argument)
{
        int64_t n;
        (void)in;
        weft_lazy_t *lazy = open_lazy(argument);
        __atomic_add_fetch(&common->runs, 1, __ATOMIC_SEQ_CST);
        while (common->held && common->runs < common->held)
                usleep(100); /* all in it at once */
        int64_t rc = weft_lazy_force(lazy, &n, sizeof n, weft_after(20 * WEFT_SEC));
        weft_lazy_close(lazy);
        if (rc == -EDEADLK)
                __atomic_add_fetch(&common->told, 1, __ATOMIC_SEQ_CST);
        if (rc < 0)
                return (int)rc;
        n++;
        memcpy(out, &n, sizeof n);
        return 0;
}

#define NUMBER WEFT_TYPE(int64_t, "lazy number")
WEFT_FUNCTION_ITEM("lazy square", square, NUMBER, NUMBER)
WEFT_FUNCTION_ITEM("lazy more", more, NUMBER, NUMBER)
WEFT_FUNCTION_ITEM("lazy fail", refuse, WEFT_TYPE_NONE, NUMBER)
WEFT_FUNCTION_ITEM("lazy stay", stay, WEFT_TYPE_NONE, NUMBER)
WEFT_FUNCTION_ITEM("lazy after", after, WEFT_TYPE_NONE, NUMBER)
WEFT_FUNCTION_CHUNK("lazy fill", fill, WEFT_TYPE_NONE, WEFT_TYPE_BYTES)

/* ---- once ---------------------------------------------------------------------------- */

static void force_elsewhere(void *unused)
{
        int64_t n = 0;
        (void)unused;
        arena = child_reopen(arena, WEFT_RDWR);
        weft_lazy_t *lazy = open_lazy("nine");
        CHECK(weft_lazy_force(lazy, &n, 8, WEFT_NEVER) == 8 && n == 81);
        CHECK(weft_lazy_peek(lazy, &n, 8) == 8 && n == 81);
        weft_lazy_close(lazy);
}

static void it_is_computed_once(void **state)
{
        int64_t nine = 9, n = 0;
        struct weft_lazy_info info;
        pid_t pids[4];
        (void)state;
        weft_lazy_t *lazy = make_with("nine", "lazy square", &nine, 8), *other;
        assert_int_equal(weft_lazy_peek(lazy, &n, 8), -EAGAIN);
        assert_int_equal(weft_lazy_info(lazy, &info), 0);
        assert_int_equal(info.state, WEFT_LAZY_NEW);
        assert_string_equal(info.function, "lazy square");
        for (int i = 0; i < 4; i++)
                pids[i] = child_start(force_elsewhere, NULL);
        assert_int_equal(weft_lazy_force(lazy, &n, 8, WEFT_NEVER), 8);
        assert_int_equal(n, 81);
        for (int i = 0; i < 4; i++)
                assert_int_equal(child_end(pids[i]), 0);
        assert_int_equal(common->runs, 1);
        assert_int_equal(weft_lazy_info(lazy, &info), 0);
        assert_int_equal(info.state, WEFT_LAZY_DONE);
        assert_int_equal(info.bytes, 8);
        /* The same again, and others of that name. */
        other = make_with("nine", "lazy square", &nine, 8);
        weft_lazy_close(other);
        assert_int_equal(weft_lazy_create(arena, "nine", "lazy square", &nine, 8, &other),
                         -EEXIST);
        assert_int_equal(
                weft_lazy_create_or_open(arena, "nine", "lazy more", &nine, 8, &other),
                -EPROTO);
        nine = 8;
        assert_int_equal(
                weft_lazy_create_or_open(arena, "nine", "lazy square", &nine, 8, &other),
                -EPROTO);
        assert_non_null(strstr(weft_function_detail(), "lazy square"));
        weft_lazy_close(lazy);
}

static void an_error_stays_until_reset(void **state)
{
        int64_t n = 0;
        struct weft_lazy_info info;
        (void)state;
        weft_lazy_t *lazy = make("f", "lazy fail");
        common->failing = -EIO;
        assert_int_equal(weft_lazy_force(lazy, &n, 8, WEFT_NEVER), -EIO);
        assert_int_equal(weft_lazy_force(lazy, &n, 8, WEFT_NEVER), -EIO);
        assert_int_equal(common->runs, 1);
        assert_int_equal(weft_lazy_info(lazy, &info), 0);
        assert_int_equal(info.state, WEFT_LAZY_FAILED);
        assert_int_equal(info.result, -EIO);
        common->failing = -EAGAIN; /* no end; but the function's no */
        assert_int_equal(weft_lazy_reset(lazy), 0);
        assert_int_equal(weft_lazy_reset(lazy), 0);
        assert_int_equal(weft_lazy_peek(lazy, &n, 8), -EAGAIN);
        assert_int_equal(weft_lazy_force(lazy, &n, 8, WEFT_NEVER), -ECANCELED);
        assert_int_equal(common->runs, 2);
        assert_int_equal(weft_lazy_info(lazy, &info), 0);
        assert_int_equal(info.resets, 1);
        weft_lazy_close(lazy);
}

static void values_of_any_size_and_reset(void **state)
{
        static const int64_t sizes[] = { 0, 1, 8, 9, 4000, 5000, 1 << 20, 5 << 20 };
        char name[16];
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct weft_lazy_view view;
                char *got = calloc(1, (size_t)sizes[i] + 1);
                snprintf(name, sizeof name, "fill%zu", i);
                weft_lazy_t *lazy = make_with(name, "lazy fill", &sizes[i], 8);
                uint64_t before = object_bytes();
                for (int round = 0; round < 3; round++) {
                        assert_int_equal(weft_lazy_force(lazy, got, (uint64_t)sizes[i],
                                                         WEFT_NEVER),
                                         sizes[i]);
                        if (sizes[i])
                                assert_int_equal(
                                        weft_lazy_force(lazy, got, 0, WEFT_NEVER),
                                        -EOVERFLOW);
                        assert_int_equal(weft_lazy_view(lazy, &view, WEFT_NEVER), 0);
                        assert_int_equal(view.bytes, sizes[i]);
                        assert_memory_equal(view.at, got, (size_t)sizes[i]);
                        assert_int_equal(weft_lazy_view_end(lazy, &view), 0);
                        assert_int_equal(weft_lazy_view_end(lazy, &view), -EINVAL);
                        assert_int_equal(weft_lazy_view(lazy, &view, WEFT_NEVER), 0);
                        assert_int_equal(weft_lazy_reset(lazy), 0);
                        assert_int_equal(weft_lazy_view_end(lazy, &view), -ESTALE);
                        assert_int_equal(object_bytes(), before); /* its block has gone */
                }
                weft_lazy_close(lazy);
                free(got);
        }
}

static void mapped_from_another(void **state)
{
        int64_t four = 4, ten = 10, n = 0;
        weft_lazy_t *a = make_with("four", "lazy square", &four, 8), *b, *c, *d;
        (void)state;
        assert_int_equal(weft_lazy_map(a, "and ten", "lazy more", &ten, 8, &b), 0);
        assert_int_equal(weft_lazy_map(a, "and ten", "lazy more", &ten, 8, &c), 0);
        assert_int_equal(weft_lazy_map(b, "and ten", "lazy more", &ten, 8, &d), -EPROTO);
        assert_int_equal(weft_lazy_force(c, &n, 8, WEFT_NEVER), 8);
        assert_int_equal(n, 26);
        assert_int_equal(common->runs, 2);
        assert_int_equal(weft_lazy_peek(a, &n, 8), 8);
        assert_int_equal(weft_lazy_reset(a), 0);
        assert_int_equal(weft_lazy_force(b, &n, 8, WEFT_NEVER), 8); /* has its own */
        assert_int_equal(common->runs, 2);
        /* What it is mapped from fails, or is not there. */
        weft_lazy_t *f = make("f", "lazy fail");
        common->failing = -EIO;
        assert_int_equal(weft_lazy_map(f, "from f", "lazy more", &ten, 8, &d), 0);
        assert_int_equal(weft_lazy_force(d, &n, 8, WEFT_NEVER), -EIO);
        assert_int_equal(weft_lazy_reset(d), 0);
        weft_lazy_close(f);
        assert_int_equal(weft_object_remove(arena, "f"), 0);
        assert_int_equal(weft_lazy_force(d, &n, 8, WEFT_NEVER), -ENOENT);
        assert_non_null(strstr(weft_function_detail(), "'f'"));
        assert_int_equal(weft_lazy_force(d, &n, 8, WEFT_NEVER), -ENOENT); /* not kept */
        weft_lazy_close(a), weft_lazy_close(b), weft_lazy_close(c), weft_lazy_close(d);
}

static void what_is_not_known_is_no_end(void **state)
{
        int64_t n = 0;
        weft_lazy_t *u = make("u", "lazy unknown"),
                    *s = make_with("s", "lazy square", "abc", 3);
        (void)state;
        assert_int_equal(weft_lazy_force(u, &n, 8, WEFT_NEVER), -ENOENT);
        assert_non_null(strstr(weft_function_detail(), "lazy unknown"));
        assert_int_equal(weft_lazy_peek(u, &n, 8), -EAGAIN);
        assert_int_equal(weft_lazy_force(s, &n, 8, WEFT_NEVER), -EPROTO);
        assert_int_equal(weft_lazy_peek(s, &n, 8), -EAGAIN);
        weft_lazy_close(u), weft_lazy_close(s);
}

static void garbage_is_refused(void **state)
{
        char name[300];
        struct weft_lazy_info info;
        struct weft_lazy_view view = { 0 };
        weft_lazy_t *lazy = make("g", "lazy fail"), *other;
        (void)state;
        memset(name, 'n', sizeof name - 1);
        name[sizeof name - 1] = 0;
        assert_int_equal(weft_lazy_create(arena, NULL, "f", NULL, 0, &other), -EINVAL);
        assert_int_equal(weft_lazy_create(arena, "", "f", NULL, 0, &other), -EINVAL);
        assert_int_equal(weft_lazy_create(arena, "x", NULL, NULL, 0, &other), -EINVAL);
        assert_int_equal(weft_lazy_create(arena, "x", "", NULL, 0, &other), -EINVAL);
        assert_int_equal(weft_lazy_create(arena, "x", name, NULL, 0, &other),
                         -ENAMETOOLONG);
        assert_int_equal(weft_lazy_create(arena, "x", "f", NULL, 3, &other), -EINVAL);
        assert_int_equal(weft_lazy_create(arena, "x", "f", name, 1 << 20, &other),
                         -EOVERFLOW);
        assert_int_equal(weft_lazy_create(NULL, "x", "f", NULL, 0, &other), -EINVAL);
        assert_int_equal(weft_lazy_create(arena, "x", "f", NULL, 0, NULL), -EINVAL);
        assert_int_equal(weft_lazy_open(arena, "nobody", &other), -ENOENT);
        assert_null(other);
        assert_int_equal(weft_lazy_force(NULL, NULL, 0, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_lazy_force(lazy, NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_lazy_peek(NULL, NULL, 0), -EINVAL);
        assert_int_equal(weft_lazy_view(lazy, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_lazy_view_end(lazy, &view), -EINVAL);
        assert_int_equal(weft_lazy_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_lazy_reset(NULL), -EINVAL);
        assert_int_equal(weft_lazy_map(NULL, "m", "f", NULL, 0, &other), -EINVAL);
        weft_lazy_close(NULL);
        weft_lazy_close(lazy);
}

/* ---- the dead and the stopped ---------------------------------------------------------- */

static void force_stay(void *unused)
{
        int64_t n = 0;
        (void)unused;
        weft_lazy_t *lazy = open_lazy("s");
        CHECK(weft_lazy_force(lazy, &n, 8, WEFT_NEVER) == 8 && n == 77);
        weft_lazy_close(lazy);
}

static void a_dead_computer_is_replaced(void **state)
{
        int64_t n = 0;
        struct weft_lazy_info info;
        pid_t pids[3];
        (void)state;
        weft_lazy_t *lazy = make("s", "lazy stay");
        pids[0] = child_start(force_stay, NULL);
        while (!common->runs)
                usleep(100);
        for (int i = 1; i < 3; i++)
                pids[i] = child_start(force_stay, NULL);
        assert_int_equal(weft_lazy_info(lazy, &info), 0);
        assert_int_equal(info.state, WEFT_LAZY_RUNNING);
        assert_int_equal(info.computer_pid, pids[0]);
        assert_int_equal(weft_lazy_force(lazy, &n, 8, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_lazy_force(lazy, &n, 8, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_lazy_reset(lazy), -EBUSY);
        assert_int_equal(weft_object_remove(arena, "s"), -EBUSY);
        assert_int_equal(child_kill(pids[0]), -SIGKILL);
        assert_int_equal(weft_lazy_force(lazy, &n, 8, WEFT_NEVER), 8);
        assert_int_equal(n, 77);
        for (int i = 1; i < 3; i++)
                assert_int_equal(child_end(pids[i]), 0);
        assert_int_equal(common->runs, 2);
        weft_lazy_close(lazy);
}

static void a_stopped_computer_is_waited_for(void **state)
{
        int64_t n = 0;
        (void)state;
        weft_lazy_t *lazy = make("s", "lazy stay");
        pid_t pid = child_start(force_stay, NULL);
        while (!common->runs)
                usleep(100);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(weft_lazy_force(lazy, &n, 8, weft_after(60 * WEFT_MSEC)),
                         -ETIMEDOUT);
        __atomic_store_n(&common->go, 1, __ATOMIC_SEQ_CST);
        assert_int_equal(kill(pid, SIGCONT), 0);
        assert_int_equal(weft_lazy_force(lazy, &n, 8, WEFT_NEVER), 8);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(common->runs, 1);
        weft_lazy_close(lazy);
}

/* ---- circles ------------------------------------------------------------------------------ */

static void force_named(void *name)
{
        int64_t n = 0;
        weft_lazy_t *lazy = open_lazy(name);
        (void)!weft_lazy_force(lazy, &n, 8, WEFT_NEVER);
        weft_lazy_close(lazy);
}

static void who_waits_for_himself_is_told(void **state)
{
        int64_t n = 0;
        (void)state;
        weft_lazy_t *a = make_with("a", "lazy after", "a", 2),
                    *b = make_with("b", "lazy after", "c", 2),
                    *c = make_with("c", "lazy after", "b", 2);
        assert_int_equal(weft_lazy_force(a, &n, 8, WEFT_NEVER), -EDEADLK);
        assert_int_equal(weft_lazy_force(b, &n, 8, WEFT_NEVER), -EDEADLK);
        weft_lazy_close(a), weft_lazy_close(b), weft_lazy_close(c);
}

/* n processes, each computing one that needs the next one's. */
static void a_circle_of(int n)
{
        static char names[4][2] = { "a", "b", "c", "d" };
        weft_lazy_t *lazies[4];
        pid_t pids[4];
        common->held = n;
        common->runs = common->told = 0;
        for (int i = 0; i < n; i++)
                lazies[i] = make_with(names[i], "lazy after", names[(i + 1) % n], 2);
        for (int i = 0; i < n; i++)
                pids[i] = child_start(force_named, names[i]);
        for (int i = 0; i < n; i++)
                assert_int_equal(child_end(pids[i]), 0);
        assert_int_equal(common->runs, n);
        assert_true(common->told >= 1);
        for (int i = 0; i < n; i++) {
                int64_t v;
                int64_t rc = weft_lazy_peek(lazies[i], &v, 8);
                assert_int_equal(rc, -EDEADLK); /* the error travelled around */
                weft_lazy_close(lazies[i]);
                assert_int_equal(weft_object_remove(arena, names[i]), 0);
        }
}

static void circles_of_processes_are_found(void **state)
{
        (void)state;
        for (int n = 2; n <= 4; n++)
                for (int round = 0; round < 5; round++)
                        a_circle_of(n);
}

/* A long way, and no circle: nobody is told that there is one. */
static void chains_are_no_circles(void **state)
{
        char names[20][8];
        int64_t seed = 1, n = 0;
        pid_t pids[3];
        (void)state;
        weft_lazy_t *lazies[20] = { make_with("l0", "lazy square", &seed, 8) };
        snprintf(names[0], sizeof names[0], "l0");
        for (int i = 1; i < 20; i++) {
                snprintf(names[i], sizeof names[i], "l%d", i);
                lazies[i] = make_with(names[i], "lazy after", names[i - 1],
                                      (uint32_t)strlen(names[i - 1]) + 1);
        }
        for (int i = 0; i < 3; i++)
                pids[i] = child_start(force_named, names[19 - 5 * i]);
        assert_int_equal(weft_lazy_force(lazies[19], &n, 8, WEFT_NEVER), 8);
        assert_int_equal(n, 20);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_end(pids[i]), 0);
        assert_int_equal(common->runs, 20);
        assert_int_equal(common->told, 0);
        for (int i = 0; i < 20; i++)
                weft_lazy_close(lazies[i]);
}

/* ---- in other ways ---------------------------------------------------------------------- */

static void look_read_only(void *unused)
{
        int64_t n = 0;
        (void)unused;
        struct weft_lazy_info info;
        arena = child_reopen(arena, WEFT_RDONLY);
        weft_lazy_t *lazy = open_lazy("nine"), *new = open_lazy("new");
        CHECK(weft_lazy_peek(lazy, &n, 8) == 8 && n == 81);
        CHECK(weft_lazy_peek(new, &n, 8) == -EAGAIN);
        CHECK(weft_lazy_force(new, &n, 8, WEFT_NOW) == -EROFS);
        CHECK(weft_lazy_reset(lazy) == -EROFS);
        CHECK(weft_lazy_info(lazy, &info) == 0 && info.state == WEFT_LAZY_DONE);
        weft_lazy_close(lazy), weft_lazy_close(new);
}

static void read_only_looks(void **state)
{
        int64_t nine = 9, n;
        (void)state;
        weft_lazy_t *lazy = make_with("nine", "lazy square", &nine, 8),
                    *new = make("new", "lazy fail");
        assert_int_equal(weft_lazy_force(lazy, &n, 8, WEFT_NEVER), 8);
        assert_int_equal(child_run(look_read_only, NULL), 0);
        weft_lazy_close(lazy), weft_lazy_close(new);
}

static void a_full_arena_says_so(void **state)
{
        int64_t bytes = 3 << 20;
        weft_ref_t hog[64];
        char *got = malloc((size_t)bytes);
        int n = 0;
        (void)state;
        weft_lazy_t *lazy = make_with("big", "lazy fill", &bytes, 8), *other;
        while (n < 64 && weft_block_alloc(arena, 2 << 20, &hog[n], NULL) == 0)
                n++;
        assert_int_equal(weft_lazy_force(lazy, got, 0, WEFT_NEVER), -ENOSPC);
        assert_int_equal(weft_lazy_peek(lazy, got, 0), -EAGAIN);
        while (n)
                assert_int_equal(weft_block_free(arena, hog[--n]), 0);
        assert_int_equal(weft_lazy_force(lazy, got, (uint64_t)bytes, WEFT_NEVER), bytes);
        (void)other;
        weft_lazy_close(lazy);
        free(got);
}

/* Whatever lies there: an error or a wrong answer. */
static void noise_is_survived(void **state)
{
        uint64_t random = 88172645463325252u;
        int64_t four = 4;
        (void)state;
        for (int round = 0; round < 2000; round++) {
                weft_lazy_t *a = make_with("n", "lazy square", &four, 8), *b, *c = NULL;
                struct weft_lazy_shared keep;
                struct weft_lazy_view view;
                struct weft_lazy_info info;
                char value[64];
                CHECK(weft_lazy_map(a, "m", "lazy square", NULL, 0, &b) == 0);
                weft_lazy_t *which = round & 1 ? a : b;
                memcpy(&keep, which->handle.sh, sizeof keep);
                uint8_t *bytes = which->handle.sh;
                for (int i = 0; i < 4; i++) {
                        random ^= random << 13, random ^= random >> 7;
                        random ^= random << 17;
                        uint64_t where = random % (sizeof keep / 8) * 8;
                        uint64_t what =
                                round & 2 ? random >> 20 : (random >> 10 & 7) << 32 | 1;
                        if (where >= 16 && where < 32)
                                continue;
                        memcpy(bytes + where, &what, 8);
                }
                (void)!weft_lazy_open(arena, "m", &c);
                (void)!weft_lazy_force(b, value, sizeof value, weft_after(1000));
                if (c)
                        (void)!weft_lazy_force(c, value, sizeof value, weft_after(1000));
                if (weft_lazy_view(a, &view, weft_after(1000)) == 0)
                        (void)!weft_lazy_view_end(a, &view);
                (void)!weft_lazy_info(b, &info);
                (void)!weft_lazy_reset(a);
                (void)!weft_lazy_reset(b);
                (void)!weft_lazy_peek(b, value, sizeof value);
                weft_lazy_close(c);
                memcpy(which->handle.sh, &keep, sizeof keep);
                (void)!weft_lazy_reset(a);
                (void)!weft_lazy_reset(b);
                weft_lazy_close(a), weft_lazy_close(b);
        }
        weft_arena_close(arena); /* what was set while the bytes said otherwise is left */
        (void)fresh_arena(NULL);
}

static void *force_in_a_thread(void *unused)
{
        int64_t n = 0;
        (void)unused;
        weft_lazy_t *lazy = open_lazy("s");
        CHECK(weft_lazy_force(lazy, &n, 8, WEFT_NEVER) == 8 && n == 77);
        weft_lazy_close(lazy);
        return NULL;
}

static void threads_are_others(void **state)
{
        pthread_t threads[4];
        (void)state;
        weft_lazy_t *lazy = make("s", "lazy stay");
        for (int i = 0; i < 4; i++)
                assert_int_equal(
                        pthread_create(&threads[i], NULL, force_in_a_thread, NULL), 0);
        usleep(2000);
        __atomic_store_n(&common->go, 1, __ATOMIC_SEQ_CST);
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(common->runs, 1);
        weft_lazy_close(lazy);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh_arena, whole_arena)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                T(it_is_computed_once),
                T(an_error_stays_until_reset),
                T(values_of_any_size_and_reset),
                T(mapped_from_another),
                T(what_is_not_known_is_no_end),
                T(garbage_is_refused),
                T(a_dead_computer_is_replaced),
                T(a_stopped_computer_is_waited_for),
                T(who_waits_for_himself_is_told),
                T(circles_of_processes_are_found),
                T(chains_are_no_circles),
                T(read_only_looks),
                T(a_full_arena_says_so),
                T(noise_is_survived),
                T(threads_are_others),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
