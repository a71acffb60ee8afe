#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/fd.h>
#include <weft/future.h>
#include <weft/weft.h>

#include <poll.h>

#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static uint32_t objects(void)
{
        struct weft_arena_info info;
        CHECK(weft_arena_info(arena, &info) == 0);
        return info.objects;
}

/* Nothing is left of any future, whoever had it. */
static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(objects() == 0 && object_bytes() == 0);
        weft_arena_close(arena);
        return 0;
}

static weft_future_t *make(void)
{
        weft_future_t *f;
        CHECK(weft_future_create(arena, NULL, NULL, &f) == 0);
        return f;
}

static weft_future_t *open_token(uint64_t token)
{
        weft_future_t *f;
        CHECK(weft_future_open_token(arena, token, &f) == 0);
        return f;
}

/* ---- functions ----------------------------------------------------------------- */

static int twice(const void *in, void *out, const void *argument)
{
        int64_t n;
        (void)argument;
        memcpy(&n, in, sizeof n);
        n *= 2;
        memcpy(out, &n, sizeof n);
        return 0;
}

static int add(const void *in, void *out, const void *argument)
{
        int64_t n, more;
        memcpy(&n, in, sizeof n);
        memcpy(&more, argument, sizeof more);
        n += more;
        memcpy(out, &n, sizeof n);
        return 0;
}

static int refuse(const void *in, void *out, const void *argument)
{
        (void)in, (void)out, (void)argument;
        return -ENOTSUP;
}

/* As many bytes as the number says. */
static int64_t grow(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        int64_t bytes;
        (void)n, (void)argument;
        memcpy(&bytes, in, sizeof bytes);
        if ((uint64_t)bytes > room)
                return -EOVERFLOW;
        memset(out, 'g', (size_t)bytes);
        return bytes;
}

static volatile int *stage; /* common to all processes */

static int slowly(const void *in, void *out, const void *argument)
{
        if (__atomic_add_fetch(stage, 1, __ATOMIC_SEQ_CST) == 1)
                for (;;)
                        pause(); /* the first one is killed here */
        return twice(in, out, argument);
}

#define NUMBER WEFT_TYPE(int64_t, "test number")
WEFT_FUNCTION_ITEM("future twice", twice, NUMBER, NUMBER)
WEFT_FUNCTION_ITEM("future add", add, NUMBER, NUMBER)
WEFT_FUNCTION_ITEM("future refuse", refuse, NUMBER, NUMBER)
WEFT_FUNCTION_ITEM("future slowly", slowly, NUMBER, NUMBER)
WEFT_FUNCTION_CHUNK("future grow", grow, NUMBER, WEFT_TYPE_BYTES)

/* ---- set and got ------------------------------------------------------------------ */

static void what_was_set_is_got(void **state)
{
        static const uint64_t sizes[] = {
                0, 1, 7, 8, 9, 16, 100, 65536, 1 << 20, 9 << 20
        };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                uint64_t n = sizes[i];
                char *value = malloc(n + 1), *got = calloc(1, n + 1);
                const void *at;
                weft_future_t *f = make();
                memset(value, 'v', n);
                assert_int_equal(weft_future_try(f, got, n), -EAGAIN);
                assert_int_equal(weft_future_set(f, value, n), 0);
                assert_int_equal(weft_future_try(f, got, n), n);
                assert_memory_equal(got, value, n);
                assert_int_equal(weft_future_get(f, got, n, WEFT_NEVER), n);
                if (n)
                        assert_int_equal(weft_future_try(f, got, n - 1), -EOVERFLOW);
                assert_int_equal(weft_future_view(f, &at, WEFT_NOW), n);
                assert_memory_equal(at, value, n);
                assert_int_equal(weft_future_set(f, value, n), -EALREADY);
                assert_int_equal(weft_future_set_error(f, -EIO), -EALREADY);
                assert_int_equal(weft_future_cancel(f), -EALREADY);
                assert_int_equal(weft_future_produce(f), -EALREADY);
                weft_future_close(f);
                free(value), free(got);
        }
}

static void a_block_is_set_without_copying(void **state)
{
        weft_future_t *f = make(), *g = make();
        weft_ref_t ref;
        const void *at;
        void *block;

        (void)state;
        assert_int_equal(weft_block_alloc(arena, 100000, &ref, &block), 0);
        memset(block, 'b', 100000);
        assert_int_equal(weft_future_set_block(f, ref, 1 << 20), -EINVAL);
        assert_int_equal(weft_future_set_block(f, WEFT_REF_NONE, 1), -ENOENT);
        assert_int_equal(weft_future_set_block(f, ref, 99999), 0);
        assert_int_equal(weft_future_view(f, &at, WEFT_NOW), 99999);
        assert_ptr_equal(at, block);
        assert_int_equal(weft_future_set_block(g, ref, 99999), -EPERM); /* f's now */
        weft_future_close(f);
        weft_future_close(g);
        assert_int_equal(weft_block_bytes(arena, ref), 0);
}

static void errors_and_cancels_are_ends(void **state)
{
        weft_future_t *f = make(), *g = make();
        struct weft_future_info info;

        (void)state;
        assert_int_equal(weft_future_set_error(f, -EAGAIN), -EINVAL);
        assert_int_equal(weft_future_set_error(f, 0), -EINVAL);
        assert_int_equal(weft_future_set_error(f, 1), -EINVAL);
        assert_int_equal(weft_future_set_error(f, -4096), -EINVAL);
        assert_int_equal(weft_future_set_error(f, -EIO), 0);
        assert_int_equal(weft_future_get(f, NULL, 0, WEFT_NEVER), -EIO);
        assert_int_equal(weft_future_set(f, "x", 1), -EALREADY);
        assert_int_equal(weft_future_info(f, &info), 0);
        assert_int_equal(info.state, WEFT_FUTURE_FAILED);
        assert_int_equal(info.result, -EIO);
        assert_int_equal(weft_future_cancel(g), 0);
        assert_int_equal(weft_future_cancel(g), 0);
        assert_int_equal(weft_future_set(g, "x", 1), -ECANCELED);
        assert_int_equal(weft_future_set(g, "more than eight", 15), -ECANCELED);
        assert_int_equal(weft_future_get(g, NULL, 0, WEFT_NEVER), -ECANCELED);
        weft_future_close(f);
        weft_future_close(g);
}

static void who_promised_it_sets_it(void **state)
{
        weft_future_t *f = make();
        struct weft_future_info info;
        (void)state;
        assert_int_equal(weft_future_abandon(f), -EPERM);
        assert_int_equal(weft_future_produce(f), 0);
        assert_int_equal(weft_future_produce(f), 0);
        assert_int_equal(weft_future_info(f, &info), 0);
        assert_int_equal(info.state, WEFT_FUTURE_PROMISED);
        assert_int_equal(info.producer_pid, getpid());
        assert_int_equal(weft_future_abandon(f), 0);
        assert_int_equal(weft_future_produce(f), 0);
        assert_int_equal(weft_future_set(f, "abc", 3), 0);
        weft_future_close(f);
}

static void a_type_is_kept(void **state)
{
        struct weft_future_options o = { .type = NUMBER };
        struct weft_future_info info;
        weft_future_t *f;
        (void)state;
        assert_int_equal(weft_future_create(arena, "typed", &o, &f), 0);
        assert_int_equal(weft_future_set(f, "abc", 3), -EPROTO);
        assert_int_equal(weft_future_set(f, (int64_t[2]){ 1, 2 }, 16), 0);
        assert_int_equal(weft_future_info(f, &info), 0);
        assert_int_equal(info.type.bytes, 8);
        assert_int_equal(info.type.tag, NUMBER.tag);
        weft_future_close(f);
}

static void garbage_is_refused(void **state)
{
        struct weft_future_options o = { .flags = WEFT_FUTURE_KEEP };
        struct weft_future_info info;
        weft_future_t *f = make(), *g;
        weft_future_t *none[2] = { f, NULL };
        char name[300];
        const void *at;

        (void)state;
        memset(name, 'n', sizeof name - 1);
        name[sizeof name - 1] = 0;
        assert_int_equal(weft_future_create(arena, NULL, &o, &g), -EINVAL);
        o.flags = 8;
        assert_int_equal(weft_future_create(arena, "g", &o, &g), -EINVAL);
        o = (struct weft_future_options){ .type = { 8, 3, 0 } };
        assert_int_equal(weft_future_create(arena, "g", &o, &g), -EINVAL);
        assert_int_equal(weft_future_create(arena, "", NULL, &g), -EINVAL);
        assert_int_equal(weft_future_create(arena, "g", NULL, NULL), -EINVAL);
        assert_int_equal(weft_future_open(arena, NULL, &g), -EINVAL);
        assert_int_equal(weft_future_open(arena, "nobody", &g), -ENOENT);
        assert_null(g);
        assert_int_equal(weft_future_open_token(arena, 0, &g), -ENOENT);
        assert_int_equal(weft_future_open_token(arena, UINT64_MAX, &g), -ENOENT);
        assert_int_equal(weft_future_token(NULL), 0);
        assert_int_equal(weft_future_set(NULL, "", 1), -EINVAL);
        assert_int_equal(weft_future_set(f, NULL, 1), -EINVAL);
        assert_int_equal(weft_future_set(f, name, (UINT64_C(1) << 30) + 1), -EOVERFLOW);
        assert_int_equal(weft_future_get(f, NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_future_view(f, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_future_view(NULL, &at, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_future_info(f, NULL), -EINVAL);
        assert_int_equal(weft_future_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_future_then(f, NULL, NULL, 0, NULL, &g), -EINVAL);
        assert_int_equal(weft_future_then(f, "", NULL, 0, NULL, &g), -EINVAL);
        assert_int_equal(weft_future_then(f, name, NULL, 0, NULL, &g), -ENAMETOOLONG);
        assert_int_equal(weft_future_then(f, "x", NULL, 5, NULL, &g), -EINVAL);
        assert_int_equal(weft_future_then(f, "x", name, 1 << 20, NULL, &g), -EOVERFLOW);
        assert_int_equal(weft_future_all(NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_future_all(none, 2, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_future_all(NULL, 0, WEFT_NOW), 0);
        assert_int_equal(weft_future_any(none, 2, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_future_any(none, 0, WEFT_NOW), -EINVAL);
        weft_future_close(NULL);
        weft_future_close(f);
}

/* ---- lives -------------------------------------------------------------------------- */

static void it_goes_with_its_last_handle(void **state)
{
        weft_future_t *f = make(), *g, *n;
        uint64_t token = weft_future_token(f);
        struct weft_object_info info;

        (void)state;
        assert_true(token);
        g = open_token(token);
        weft_future_close(f);
        assert_int_equal(weft_future_set(g, "more than eight bytes", 22), 0);
        assert_int_equal(objects(), 1);
        weft_future_close(g);
        assert_int_equal(objects(), 0);
        assert_int_equal(object_bytes(), 0);
        assert_int_equal(weft_future_open_token(arena, token, &g), -ENOENT);
        assert_int_equal(weft_future_create(arena, "n", NULL, &n), 0);
        assert_int_equal(weft_future_create(arena, "n", NULL, &f), -EEXIST);
        assert_int_equal(weft_future_open(arena, "n", &f), 0);
        assert_int_equal(weft_object_stat(arena, "n", &info), 0);
        assert_string_equal(info.kind, "future");
        weft_future_close(n);
        assert_int_equal(weft_object_stat(arena, "n", &info), 0);
        weft_future_close(f);
        assert_int_equal(weft_object_stat(arena, "n", &info), -ENOENT);
        struct weft_future_options o = { .flags = WEFT_FUTURE_KEEP };
        assert_int_equal(weft_future_create(arena, "n", &o, &n), 0);
        weft_future_close(n);
        assert_int_equal(weft_object_stat(arena, "n", &info), 0);
        assert_int_equal(weft_object_remove(arena, "n"), 0);
}

static void tokens_are_not_used_twice(void **state)
{
        uint64_t before = 0;
        (void)state;
        for (int i = 0; i < 1000; i++) {
                weft_future_t *f = make(), *g;
                uint64_t token = weft_future_token(f);
                assert_int_not_equal(token, before);
                weft_future_close(f);
                assert_int_equal(weft_future_open_token(arena, token, &g), -ENOENT);
                before = token;
        }
}

static void hold_it(void *context)
{
        uint64_t *common = context;
        arena = child_reopen(arena, WEFT_RDWR);
        weft_future_t *f = open_token(common[0]);
        CHECK(weft_future_set(f, "set by one who is killed", 25) == 0);
        common[1] = 1;
        for (;;)
                pause();
}

static void a_killed_holder_keeps_nothing(void **state)
{
        uint64_t *common = common_make(4096);
        weft_future_t *f = make();
        char value[32];
        (void)state;
        common[0] = weft_future_token(f);
        pid_t pid = child_start(hold_it, common);
        assert_int_equal(weft_future_get(f, value, sizeof value, WEFT_NEVER), 25);
        while (!common[1])
                usleep(100);
        weft_future_close(f);
        (void)!recover_count(arena);
        assert_int_equal(objects(), 1);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(objects(), 0);
        assert_int_equal(object_bytes(), 0);
}

static void promise_and_wait(void *context)
{
        uint64_t *common = context;
        weft_future_t *f = open_token(common[0]);
        CHECK(weft_future_produce(f) == 0);
        common[1] = 1;
        for (;;)
                pause();
}

static void promise_and_close(void *context)
{
        uint64_t *common = context;
        weft_future_t *f = open_token(common[0]);
        CHECK(weft_future_produce(f) == 0);
        weft_future_close(f);
}

static void a_dead_producer_is_told_of(void **state)
{
        uint64_t *common = common_make(4096);
        weft_future_t *f = make(), *g = make();
        int64_t n;
        (void)state;
        common[0] = weft_future_token(f);
        pid_t pid = child_start(promise_and_wait, common);
        while (!common[1])
                usleep(100);
        assert_int_equal(weft_future_set(f, "x", 1), -EPERM);
        assert_int_equal(weft_future_set(f, "more than eight bytes", 22), -EPERM);
        assert_int_equal(weft_future_produce(f), -EBUSY);
        assert_int_equal(weft_future_get(f, &n, 8, WEFT_NOW), -EAGAIN);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(weft_future_get(f, &n, 8, weft_after(30 * WEFT_SEC)),
                         -EOWNERDEAD);
        assert_int_equal(weft_future_set(f, "x", 1), -EALREADY);
        common[0] = weft_future_token(g);
        assert_int_equal(child_run(promise_and_close, common), 0);
        assert_int_equal(weft_future_get(g, &n, 8, WEFT_NOW), -EOWNERDEAD);
        weft_future_close(f);
        weft_future_close(g);
}

/* ---- waiting ---------------------------------------------------------------------------- */

static void set_soon(void *context)
{
        uint64_t *common = context;
        arena = child_reopen(arena, WEFT_RDWR);
        weft_future_t *f = open_token(common[0]);
        common[1] = 1;
        usleep(5000);
        CHECK(weft_future_set(f, &(int64_t){ 42 }, 8) == 0);
        weft_future_close(f);
}

static void who_waits_is_waked(void **state)
{
        uint64_t *common = common_make(4096);
        weft_future_t *f = make();
        int64_t n = 0;
        (void)state;
        assert_int_equal(weft_future_get(f, &n, 8, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        common[0] = weft_future_token(f);
        pid_t pid = child_start(set_soon, common);
        assert_int_equal(weft_future_get(f, &n, 8, WEFT_NEVER), 8);
        assert_int_equal(n, 42);
        assert_int_equal(child_end(pid), 0);
        weft_future_close(f);
}

static void select_and_fd_know_it(void **state)
{
        uint64_t *common = common_make(4096);
        weft_future_t *f = make(), *g = make();
        struct weft_case cases[2] = { { .object = g, .op = WEFT_OP_WAIT },
                                      { .object = f, .op = WEFT_OP_WAIT } };
        struct weft_case bad = { .object = f, .op = WEFT_OP_LOCK };
        int fd = weft_fd(f, WEFT_OP_WAIT, 0);
        struct pollfd p = { .fd = fd, .events = POLLIN };

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(weft_select(cases, 2, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_select(&bad, 1, 0, WEFT_NOW), -EPROTO);
        common[0] = weft_future_token(f);
        pid_t pid = child_start(set_soon, common);
        assert_int_equal(weft_select(cases, 2, 0, WEFT_NEVER), 1);
        assert_int_equal(cases[1].result, 0);
        assert_int_equal(poll(&p, 1, 10000), 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_fd_close(fd), 0);
        assert_int_equal(weft_future_cancel(g), 0);
        cases[1].op = WEFT_OP_NONE;
        assert_int_equal(weft_select(cases, 2, 0, WEFT_NEVER), 0);
        assert_int_equal(cases[0].result, -ECANCELED);
        weft_future_close(f);
        weft_future_close(g);
}

static void all_and_any(void **state)
{
        uint64_t *common = common_make(4096);
        weft_future_t *f[3] = { make(), make(), make() };
        (void)state;
        assert_int_equal(weft_future_all(f, 3, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_future_any(f, 3, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_future_any(f, 3, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_future_set_error(f[0], -EIO), 0);
        assert_int_equal(weft_future_any(f, 3, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_future_all(f, 3, WEFT_NEVER), -EIO);
        common[0] = weft_future_token(f[2]);
        pid_t pid = child_start(set_soon, common);
        assert_int_equal(weft_future_any(f, 3, WEFT_NEVER), 2);
        assert_int_equal(child_end(pid), 0);
        common[0] = weft_future_token(f[1]);
        pid = child_start(set_soon, common);
        assert_int_equal(weft_future_all(f + 1, 2, WEFT_NEVER), 0);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_future_any(f, 1, WEFT_NEVER), -EIO);
        for (int i = 0; i < 3; i++)
                weft_future_close(f[i]);
}

/* ---- chains ------------------------------------------------------------------------------- */

static weft_future_t *then(weft_future_t *f, const char *function, const int64_t *more)
{
        weft_future_t *g;
        CHECK(weft_future_then(f, function, more, more ? 8 : 0, NULL, &g) == 0);
        return g;
}

static void what_comes_next_is_computed(void **state)
{
        weft_future_t *f = make(), *g = then(f, "future twice", NULL),
                      *h = then(g, "future add", &(int64_t){ 5 });
        struct weft_future_info info;
        int64_t n = 0;
        (void)state;
        assert_int_equal(weft_future_try(h, &n, 8), -EAGAIN);
        assert_int_equal(weft_future_produce(h), -EPERM);
        assert_int_equal(weft_future_set(f, &(int64_t){ 10 }, 8), 0);
        weft_future_close(f); /* g has it open */
        assert_int_equal(weft_future_try(h, &n, 8), 8);
        assert_int_equal(n, 25);
        assert_int_equal(weft_future_info(h, &info), 0);
        assert_int_equal(info.chain, 2);
        assert_int_equal(info.type.tag, NUMBER.tag);
        weft_future_close(h);
        assert_int_equal(weft_future_try(g, &n, 8), 8);
        assert_int_equal(n, 20);
        weft_future_close(g);
}

static void errors_travel_along(void **state)
{
        weft_future_t *f = make(), *g = then(f, "future refuse", NULL),
                      *h = then(g, "future twice", NULL), *i = make(),
                      *j = then(i, "future twice", NULL),
                      *k = then(j, "future twice", NULL);
        int64_t n = 3;
        (void)state;
        assert_int_equal(weft_future_set(f, &n, 8), 0);
        assert_int_equal(weft_future_get(h, &n, 8, WEFT_NEVER), -ENOTSUP);
        assert_int_equal(weft_future_cancel(i), 0);
        assert_int_equal(weft_future_get(k, &n, 8, WEFT_NEVER), -ECANCELED);
        struct weft_future_info info;
        assert_int_equal(weft_future_info(k, &info), 0);
        assert_int_equal(info.state, WEFT_FUTURE_CANCELED);
        weft_future_t *all[] = { f, g, h, i, j, k };
        for (size_t x = 0; x < sizeof all / sizeof *all; x++)
                weft_future_close(all[x]);
}

static void what_does_not_fit_is_named(void **state)
{
        struct weft_future_options o = { .type = WEFT_TYPE(int32_t, "test small") };
        const struct weft_function unknown = { .name = "future unknown" };
        weft_future_t *f, *g, *h = make();
        int64_t n = 0;
        (void)state;
        assert_int_equal(weft_future_create(arena, NULL, &o, &f), 0);
        assert_int_equal(weft_future_then(f, "future twice", NULL, 0, NULL, &g), -EPROTO);
        assert_non_null(strstr(weft_function_detail(), "future twice"));
        assert_int_equal(weft_future_map(f, &unknown, NULL, 0, NULL, &g), -ENOENT);
        assert_null(g);
        /* Who does not know it does not end it. */
        assert_int_equal(weft_future_then(h, "future unknown", NULL, 0, NULL, &g), 0);
        assert_int_equal(weft_future_set(h, "abc", 3), 0);
        assert_int_equal(weft_future_get(g, &n, 8, WEFT_NEVER), -ENOENT);
        assert_non_null(strstr(weft_function_detail(), "future unknown"));
        assert_int_equal(weft_future_get(g, &n, 8, WEFT_NEVER), -ENOENT);
        weft_future_close(g);
        /* Bytes that are no number. */
        g = then(h, "future twice", NULL);
        assert_int_equal(weft_future_get(g, &n, 8, WEFT_NEVER), -EPROTO);
        weft_future_close(g);
        weft_future_close(f);
        weft_future_close(h);
}

static void results_of_any_size(void **state)
{
        static const int64_t sizes[] = { 0, 1, 8, 9, 4000, 5000, 1 << 20, 5 << 20 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                weft_future_t *f = make(), *g = then(f, "future grow", NULL);
                const void *at;
                assert_int_equal(weft_future_set(f, &sizes[i], 8), 0);
                assert_int_equal(weft_future_view(g, &at, WEFT_NOW), sizes[i]);
                for (int64_t b = 0; b < sizes[i]; b += 999)
                        assert_int_equal(((const char *)at)[b], 'g');
                weft_future_close(f);
                weft_future_close(g);
        }
}

static void get_next(void *context)
{
        uint64_t *common = context;
        arena = child_reopen(arena, WEFT_RDWR);
        weft_future_t *g = open_token(common[0]);
        int64_t n = 0;
        CHECK(weft_future_get(g, &n, 8, WEFT_NEVER) == 8 && n == 14);
        weft_future_close(g);
}

/* Several wait for it; who computes is killed; another one computes. */
static void a_dead_computer_is_replaced(void **state)
{
        uint64_t *common = common_make(4096);
        weft_future_t *f = make(), *g = then(f, "future slowly", NULL), *h;
        int64_t n = 7;
        pid_t pids[3];
        (void)state;
        stage = (volatile int *)(common + 8);
        common[0] = weft_future_token(g);
        for (int i = 0; i < 3; i++)
                pids[i] = child_start(get_next, common);
        usleep(20000);
        assert_int_equal(weft_future_set(f, &n, 8), 0);
        while (!*stage)
                usleep(100);
        struct weft_future_info info;
        assert_int_equal(weft_future_info(g, &info), 0);
        assert_int_equal(info.state, WEFT_FUTURE_PROMISED);
        int killed = 0;
        for (int i = 0; i < 3; i++)
                if ((uint32_t)pids[i] == info.producer_pid && ++killed)
                        assert_int_equal(child_kill(pids[i]), -SIGKILL);
        assert_int_equal(killed, 1);
        for (int i = 0; i < 3; i++)
                if ((uint32_t)pids[i] != info.producer_pid)
                        assert_int_equal(child_end(pids[i]), 0);
        assert_int_equal(*stage, 2);
        h = open_token(weft_future_token(g));
        assert_int_equal(weft_future_try(h, &n, 8), 8);
        weft_future_close(f);
        weft_future_close(g);
        weft_future_close(h);
}

static void chains_have_an_end(void **state)
{
        weft_future_t *f[WEFT_FUTURE_CHAIN_MAX + 1] = { make() }, *g;
        int64_t n = 0;
        (void)state;
        for (int i = 1; i <= WEFT_FUTURE_CHAIN_MAX; i++)
                f[i] = then(f[i - 1], "future add", &(int64_t){ 1 });
        assert_int_equal(weft_future_then(f[WEFT_FUTURE_CHAIN_MAX], "future twice", NULL,
                                          0, NULL, &g),
                         -ELOOP);
        assert_int_equal(weft_future_set(f[0], &n, 8), 0);
        assert_int_equal(weft_future_get(f[WEFT_FUTURE_CHAIN_MAX], &n, 8, WEFT_NEVER), 8);
        assert_int_equal(n, WEFT_FUTURE_CHAIN_MAX);
        for (int i = 0; i <= WEFT_FUTURE_CHAIN_MAX; i++)
                weft_future_close(f[i]);
}

/* ---- in other ways ---------------------------------------------------------------------- */

static void look_read_only(void *context)
{
        uint64_t *common = context;
        weft_future_t *f, *g;
        char value[32];
        int64_t n;
        arena = child_reopen(arena, WEFT_RDONLY);
        CHECK(weft_future_open_token(arena, common[0], &f) == 0);
        CHECK(weft_future_open_token(arena, common[1], &g) == 0);
        CHECK(weft_future_get(f, value, sizeof value, WEFT_NEVER) == 22);
        CHECK(strcmp(value, "more than eight bytes") == 0);
        CHECK(weft_future_get(g, &n, 8, WEFT_NOW) == -EAGAIN);
        CHECK(weft_future_get(g, &n, 8, WEFT_NEVER) == -EROFS);
        CHECK(weft_future_set(g, &n, 8) == -EROFS);
        CHECK(weft_future_cancel(g) == -EROFS);
        CHECK(weft_future_token(f) == common[0]);
        weft_future_close(f);
        weft_future_close(g);
        CHECK(weft_future_create(arena, NULL, NULL, &f) == -EROFS);
}

static void read_only_looks(void **state)
{
        uint64_t *common = common_make(4096);
        weft_future_t *f = make(), *g = make();
        (void)state;
        assert_int_equal(weft_future_set(f, "more than eight bytes", 22), 0);
        common[0] = weft_future_token(f);
        common[1] = weft_future_token(g);
        assert_int_equal(child_run(look_read_only, common), 0);
        weft_future_close(f);
        weft_future_close(g);
}

static void a_full_arena_says_so(void **state)
{
        weft_future_t *f = make(), *g;
        weft_ref_t hog[64];
        char *big = calloc(1, 1 << 20), value[1];
        int n = 0, rc = 0;
        (void)state;
        while (n < 64 && (rc = weft_block_alloc(arena, 16 << 20, &hog[n], NULL)) == 0)
                n++;
        while (n < 64 && (rc = weft_block_alloc(arena, 1 << 20, &hog[n], NULL)) == 0)
                n++;
        assert_int_equal(rc, -ENOSPC);
        assert_int_equal(weft_future_set(f, big, 1 << 20), -ENOSPC);
        assert_int_equal(weft_future_try(f, value, 1), -EAGAIN); /* nothing has changed */
        g = then(f, "future grow", NULL);
        assert_int_equal(weft_future_set(f, &(int64_t){ 1 << 20 }, 8), 0);
        assert_int_equal(weft_future_get(g, big, 1 << 20, WEFT_NOW), -ENOSPC);
        while (n)
                assert_int_equal(weft_block_free(arena, hog[--n]), 0);
        assert_int_equal(weft_future_get(g, big, 1 << 20, WEFT_NOW), 1 << 20);
        weft_future_close(f);
        weft_future_close(g);
        free(big);
}

static void in_a_child(void *context)
{
        weft_future_t *f = context;
        int64_t n;
        CHECK(weft_agent_join(arena) == 0);
        CHECK(weft_future_try(f, &n, 8) == -EAGAIN);
        CHECK(weft_future_set(f, &(int64_t){ 9 }, 8) == 0);
}

static void a_forked_child_uses_the_handle(void **state)
{
        weft_future_t *f = make();
        int64_t n = 0;
        (void)state;
        assert_int_equal(child_run(in_a_child, f), 0);
        assert_int_equal(weft_future_get(f, &n, 8, WEFT_NEVER), 8);
        assert_int_equal(n, 9);
        weft_future_close(f);
}

static void *set_in_a_thread(void *context)
{
        usleep(1000);
        CHECK(weft_future_set(context, "thread", 7) == 0);
        return NULL;
}

static void *promise_in_a_thread(void *context)
{
        CHECK(weft_future_produce(context) == 0);
        return NULL;
}

static void threads_share_a_handle(void **state)
{
        weft_future_t *f = make(), *g = make();
        pthread_t t;
        char value[8];
        (void)state;
        assert_int_equal(pthread_create(&t, NULL, set_in_a_thread, f), 0);
        assert_int_equal(weft_future_get(f, value, 8, WEFT_NEVER), 7);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(pthread_create(&t, NULL, promise_in_a_thread, g), 0);
        assert_int_equal(pthread_join(t, NULL), 0); /* its end is a broken promise */
        assert_int_equal(weft_future_get(g, value, 8, WEFT_NEVER), -EOWNERDEAD);
        weft_future_close(f);
        weft_future_close(g);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh_arena, whole_arena)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                T(what_was_set_is_got),
                T(a_block_is_set_without_copying),
                T(errors_and_cancels_are_ends),
                T(who_promised_it_sets_it),
                T(a_type_is_kept),
                T(garbage_is_refused),
                T(it_goes_with_its_last_handle),
                T(tokens_are_not_used_twice),
                T(a_killed_holder_keeps_nothing),
                T(a_dead_producer_is_told_of),
                T(who_waits_is_waked),
                T(select_and_fd_know_it),
                T(all_and_any),
                T(what_comes_next_is_computed),
                T(errors_travel_along),
                T(what_does_not_fit_is_named),
                T(results_of_any_size),
                T(a_dead_computer_is_replaced),
                T(chains_have_an_end),
                T(read_only_looks),
                T(a_full_arena_says_so),
                T(a_forked_child_uses_the_handle),
                T(threads_share_a_handle),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
