/* tests/unit/group_test.c -- the group: tasks submitted and run, in one process and several. */
#define _GNU_SOURCE
#include <weft/queue.h>
#include <weft/select.h>

#include "codata/group_internal.h"
#include "tests/unit/group_kit.h"

static weft_group_t *group; /* inherited by children */

static int work_now(weft_group_t *g)
{
        return weft_group_work(g, WEFT_NOW);
}

/* ---- tasks ------------------------------------------------------------------------- */

static void tasks_are_run_once(void **state)
{
        weft_group_t *g = make();
        (void)state;
        for (uint32_t i = 0; i < 100; i++)
                assert_int_equal(submit(g, "mark", i), 0);
        struct weft_group_info info = info_of(g);
        assert_true(info.submitted == 100 && info.queued == 100 && !info.finished);
        assert_int_equal(work_now(g), -EAGAIN);
        for (uint32_t i = 0; i < 100; i++)
                assert_int_equal(page->done[i], 1);
        info = info_of(g);
        assert_true(info.submitted == 100 && !info.queued && !info.in_hand);
        assert_true(info.finished == 100 && !info.failed && !info.retried);
        assert_int_equal(info.workers, 0);
        drop(g);
}

static void tasks_may_fail(void **state)
{
        weft_group_t *g = make();
        (void)state;
        assert_int_equal(submit(g, "fail", 1), 0);
        assert_int_equal(submit(g, "mark", 2), 0);
        assert_int_equal(submit(g, "fail", 3), 0);
        assert_int_equal(work_now(g), -EAGAIN);
        assert_int_equal(info_of(g).failed, 2);
        assert_int_equal(info_of(g).finished, 3);
        assert_int_equal(page->runs[1], 1); /* it said no: that is an answer */
        drop(g);
}

static void what_cannot_be_run_is_refused(void **state)
{
        struct weft_group_options o = { .capacity = 4, .input_max = 64 };
        weft_group_t *g = make_with(o);
        uint8_t many[128] = { 0 };
        struct weft_task task = { .function = "mark", .input = many, .input_bytes = 4 };
        (void)state;
        assert_int_equal(weft_submit(g, "nobody", many, 4, NULL, WEFT_NOW), -ENOENT);
        assert_non_null(strstr(weft_function_detail(), "'nobody'"));
        assert_int_equal(weft_submit(g, "mark", many, 5, NULL, WEFT_NOW), -EPROTO);
        assert_non_null(strstr(weft_function_detail(), "'mark'"));
        assert_int_equal(weft_submit(g, "mark", many, 68, NULL, WEFT_NOW), -EOVERFLOW);
        assert_int_equal(weft_submit(g, NULL, many, 4, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_submit(g, "mark", NULL, 4, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_submit(NULL, "mark", many, 4, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_submit_task(g, NULL, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_submit_after(g, NULL, "mark", NULL, 0, NULL, WEFT_NOW),
                         -EINVAL);
        task.argument_bytes = 1;
        assert_int_equal(weft_submit_task(g, &task, NULL, WEFT_NOW), -EINVAL);
        task.argument = many;
        task.argument_bytes = 64;
        assert_int_equal(weft_submit_task(g, &task, NULL, WEFT_NOW), -EOVERFLOW);
        task.argument_bytes = SIZE_MAX;
        assert_int_equal(weft_submit_task(g, &task, NULL, WEFT_NOW), -EOVERFLOW);
        task.argument_bytes = 48;
        assert_int_equal(weft_submit_task(g, &task, NULL, WEFT_NOW), 0);
        task.reserved[1] = 1;
        assert_int_equal(weft_submit_task(g, &task, NULL, WEFT_NOW), -EINVAL);
        for (int i = 1; i < 4; i++)
                assert_int_equal(weft_submit(g, "mark", many, 4, NULL, WEFT_NOW), 0);
        assert_int_equal(weft_submit(g, "mark", many, 4, NULL, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_submit(g, "mark", many, 4, NULL, weft_after(5 * WEFT_MSEC)),
                         -ETIMEDOUT);
        struct weft_arena_info before, after; /* it takes nothing to be refused */
        assert_int_equal(weft_arena_info(arena, &before), 0);
        for (int i = 0; i < 200; i++) {
                weft_future_t *f = (void *)many;
                assert_int_equal(weft_submit(g, "mark", many, 4, &f, WEFT_NOW), -EAGAIN);
                assert_null(f);
        }
        assert_int_equal(weft_arena_info(arena, &after), 0);
        assert_int_equal(after.used_bytes, before.used_bytes);
        assert_int_equal(after.objects, before.objects);
        assert_int_equal(info_of(g).submitted, 4);
        assert_int_equal(work_now(g), -EAGAIN);
        assert_int_equal(page->total, 4);
        drop(g);
}

static int64_t add_all(const void *in, size_t n, void *out, size_t room,
                       const void *argument)
{
        uint64_t sum = 0;
        (void)out, (void)room;
        CHECK((uintptr_t)in % 64 == 0 && (uintptr_t)argument % 16 == 0);
        for (size_t i = 0; i < n; i++)
                sum += ((const uint64_t *)in)[i * 8];
        CHECK(memcmp(argument, "0123456789abcdef!", 17) == 0);
        count(&page->runs[sum]);
        return 0;
}
WEFT_FUNCTION_CHUNK("add all", add_all, weft_type_make(64, 64, "line"), WEFT_TYPE_NONE)

static void arguments_and_input_lie_as_they_must(void **state)
{
        struct weft_group_options o = { .capacity = 4, .input_max = 1024 };
        weft_group_t *g = make_with(o);
        uint64_t items[10 * 8] = { 0 };
        struct weft_task task = { .function = "add all",
                                  .input = items,
                                  .input_bytes = sizeof items };
        (void)state;
        for (uint64_t i = 0; i < 10; i++)
                items[i * 8] = i;
        for (size_t i = 0; i < 3; i++) { /* the input lies behind it */
                char argument[64] = "0123456789abcdef!";
                task.argument = argument;
                task.argument_bytes = 18 + 16 * i;
                assert_int_equal(weft_submit_task(g, &task, NULL, WEFT_NOW), 0);
        }
        assert_int_equal(work_now(g), -EAGAIN);
        assert_int_equal(page->runs[45], 3);
        drop(g);
}

static int once_more(const void *in, void *out, const void *argument)
{
        uint32_t i;
        (void)out, (void)argument;
        memcpy(&i, in, sizeof i);
        ended(i);
        if (i)
                CHECK(submit(group, "once more", i - 1) == 0);
        return 0;
}
WEFT_FUNCTION_ITEM("once more", once_more, NUMBER, WEFT_TYPE_NONE)

static void tasks_submit_tasks(void **state)
{
        (void)state;
        group = make();
        assert_int_equal(submit(group, "once more", 20), 0);
        assert_int_equal(work_now(group), -EAGAIN);
        assert_int_equal(page->total, 21);
        drop(group);
}

/* ---- objects ------------------------------------------------------------------------ */

static void groups_are_objects(void **state)
{
        struct weft_group_options o = { .capacity = 5, .input_max = 100, .retries = 7 };
        weft_group_t *g, *h;
        (void)state;
        assert_int_equal(weft_group_create(arena, "g", &o, &g), 0);
        assert_int_equal(weft_group_create(arena, "g", &o, &h), -EEXIST);
        assert_null(h);
        assert_int_equal(weft_group_create_or_open(arena, "g", &o, &h), 0);
        assert_int_equal(submit(h, "mark", 1), 0);
        assert_int_equal(work_now(g), -EAGAIN);
        assert_int_equal(page->total, 1);
        weft_group_close(h);
        o.retries = 8;
        assert_int_equal(weft_group_create_or_open(arena, "g", &o, &h), -EPROTO);
        assert_int_equal(weft_group_open(arena, "g", &h), 0);
        struct weft_group_info info = info_of(h);
        assert_true(info.capacity == 8 && info.input_max == 100 && info.retries == 7 &&
                    info.output_max == 4096);
        weft_group_close(h);
        struct weft_object_info about;
        assert_int_equal(weft_object_stat(arena, "g", &about), 0);
        assert_string_equal(about.kind, "group");
        assert_non_null(strstr(about.detail, "0 of 8 elements"));
        drop(g);
        assert_int_equal(weft_group_open(arena, "g", &g), -ENOENT);
        check_whole(arena);
        static const struct weft_group_options bad[] = {
                { .flags = 4 },
                { .input_max = WEFT_GROUP_INPUT_MAX + 1 },
                { .output_max = WEFT_GROUP_OUTPUT_MAX + 1 },
                { .capacity = UINT64_MAX },
        };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(weft_group_create(arena, "g", &bad[i], &g), -EINVAL);
        assert_int_equal(weft_group_create(arena, "g", &o, NULL), -EINVAL);
        assert_int_equal(weft_group_create(NULL, "g", &o, &g), -EINVAL);
        o.capacity = 1 << 20;
        assert_int_equal(weft_group_create(arena, "g", &o, &g), -ENOSPC);
        check_whole(arena);
        weft_group_close(NULL);
        assert_int_equal(weft_group_work(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_group_drain(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_group_stop(NULL), -EINVAL);
        assert_int_equal(weft_group_resume(NULL), -EINVAL);
        assert_int_equal(weft_group_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_group_spawn(NULL, NULL), -EINVAL);
}

static void look_only(void *unused)
{
        weft_group_t *g;
        struct weft_group_workers w = { .n = 1 };
        (void)unused;
        arena = child_reopen(arena, WEFT_RDONLY);
        CHECK(weft_group_open(arena, "g", &g) == 0);
        CHECK(info_of(g).queued == 1);
        CHECK(submit(g, "mark", 1) == -EROFS);
        CHECK(weft_group_work(g, WEFT_NOW) == -EROFS);
        CHECK(weft_group_drain(g, WEFT_NOW) == -EROFS);
        CHECK(weft_group_stop(g) == -EROFS);
        CHECK(weft_group_resume(g) == -EROFS);
        CHECK(weft_group_spawn(g, &w) == -EROFS);
        weft_group_close(g);
}

static void read_only_means_read_only(void **state)
{
        weft_group_t *g = make();
        (void)state;
        assert_int_equal(submit(g, "mark", 1), 0);
        assert_int_equal(child_run(look_only, NULL), 0);
        drop(g);
}

static void submit_elsewhere(void *unused)
{
        weft_group_t *g;
        (void)unused;
        arena = child_reopen(arena, WEFT_RDWR);
        CHECK(weft_group_open(arena, "g", &g) == 0);
        for (uint32_t i = 0; i < 50; i++)
                CHECK(submit(g, "mark", i) == 0);
        weft_group_close(g);
}

static void processes_meet_by_name(void **state)
{
        weft_group_t *g = make();
        (void)state;
        pid_t pid = child_start(submit_elsewhere, NULL);
        assert_int_equal(weft_group_work(g, weft_after(50 * WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(work_now(g), -EAGAIN);
        for (uint32_t i = 0; i < 50; i++)
                assert_int_equal(page->done[i], 1);
        drop(g);
}

static void work_on_it(void *unused)
{
        (void)unused;
        CHECK(work_now(group) == -EAGAIN);
}

/* ---- strangers ------------------------------------------------------------------------ */

static void submit_strange_ones(void *unused)
{
        struct weft_function f = { "strange",   WEFT_FUNCTION_ITEM,
                                   { 4, 4, 0 }, { 4, 4, 0 },
                                   mark,        NULL };
        (void)unused;
        CHECK(weft_function_register(&f) == 0);
        CHECK(submit(group, "strange", 1) == 0);
        f = (struct weft_function){ "other",     WEFT_FUNCTION_ITEM,
                                    { 4, 4, 0 }, { 8, 8, 0 },
                                    mark,        NULL };
        CHECK(weft_function_register(&f) == 0);
        CHECK(submit(group, "other", 1) == 0);
}

static void workers_may_not_know_a_function(void **state)
{
        struct weft_function f = { "other",     WEFT_FUNCTION_ITEM,
                                   { 4, 4, 0 }, { 4, 4, 0 },
                                   mark,        NULL };
        (void)state;
        group = make();
        assert_int_equal(child_run(submit_strange_ones, NULL), 0);
        assert_int_equal(weft_function_register(&f), 0);
        assert_int_equal(work_now(group), -EAGAIN);
        assert_int_equal(info_of(group).finished, 2);
        assert_int_equal(info_of(group).failed, 2);
        assert_int_equal(page->total, 0);
        assert_int_equal(weft_function_unregister(&f), 0);
        drop(group);
}

static void submit_from_file(void *name)
{
        CHECK(submit(group, name, 1) == 0);
}

/* Who may write the arena may name any file: workers load it only where that is the owner
 * alone, or where they are told to. */
static void files_are_loaded_with_care(void **state)
{
        static const struct {
                uint32_t mode, flags, failed;
        } of[] = { { 0666, 0, 1 }, { 0600, 0, 0 }, { 0666, WEFT_GROUP_LOAD, 0 } };
        char here[4096], *name;
        ssize_t n = readlink("/proc/self/exe", here, sizeof here - 1);
        (void)state;
        CHECK(n > 0);
        here[n] = 0;
        *strrchr(here, '/') = 0;
        CHECK(asprintf(&name, "%s/exported.so:twice", here) > 0);
        for (int i = 0; i < 3; i++) {
                struct weft_arena_options o = { .max_bytes = 16 << 20,
                                                .mode = of[i].mode };
                struct weft_group_options g = { .flags = of[i].flags };
                weft_arena_close(arena);
                CHECK(weft_arena_create(NULL, &o, &arena) == 0);
                group = make_with(g);
                assert_int_equal(child_run(submit_from_file, name), 0);
                pid_t pid = child_start(work_on_it, NULL); /* it has not loaded it */
                assert_int_equal(child_end(pid), 0);
                assert_int_equal(info_of(group).finished, 1);
                assert_int_equal(info_of(group).failed, of[i].failed);
                drop(group);
        }
        free(name);
}

/* Reads all that it gets. */
static int64_t read_all(const void *in, size_t n, void *out, size_t room,
                        const void *argument)
{
        (void)argument;
        if (room)
                memset(out, 0, 1);
        for (size_t i = 0; i < n; i++)
                ((volatile uint8_t *)out)[0] ^= ((const uint8_t *)in)[i];
        return 1;
}
WEFT_FUNCTION_CHUNK("read all", read_all, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

/* A task's words, whatever they are: it is run, or fails, and the worker goes on. */
static void bytes_may_be_anything(void **state)
{
        static const uint32_t words[] = { 0,    1,    255,        256,       257,
                                          4096, 4097, 0x7fffffff, UINT32_MAX };
        enum { WORDS = sizeof words / sizeof *words };
        struct weft_element el;
        (void)state;
        group = make();
        for (uint32_t at = 0; at < WEFT_TASK_NAME_AT + 8; at += 4)
                for (uint32_t i = 0; i < WORDS; i++) {
                        CHECK(submit(group, "read all", 1) == 0);
                        CHECK(weft_queue_take(group->tasks, &el, WEFT_NOW) == 0);
                        memcpy((uint8_t *)el.at + at, &words[i], 4);
                        CHECK(weft_queue_nack(group->tasks, &el) == 0);
                        CHECK(work_now(group) == -EAGAIN);
                }
        assert_int_equal(info_of(group).finished, info_of(group).submitted);
        struct weft_group_shared *sh = weft_group_of(group), was = *sh;
        weft_group_t *g;
        sh->input_max = 0;
        assert_int_equal(weft_group_open(arena, "g", &g), -EUCLEAN);
        sh->input_max = 77;
        assert_int_equal(weft_group_open(arena, "g", &g), -EUCLEAN);
        *sh = was;
        sh->flags = 64;
        assert_int_equal(weft_group_open(arena, "g", &g), -EUCLEAN);
        assert_int_equal(weft_arena_check(arena, &(struct weft_census){ 0 }), -EUCLEAN);
        *sh = was;
        drop(group);
}

/* ---- ends --------------------------------------------------------------------------- */

static void drained_groups_take_no_more(void **state)
{
        struct weft_case over = { .op = WEFT_OP_WAIT };
        (void)state;
        group = make();
        over.object = group;
        assert_int_equal(submit(group, "mark", 1), 0);
        assert_int_equal(weft_group_drain(group, WEFT_NOW), -EAGAIN);
        assert_int_equal(submit(group, "mark", 2), -EPIPE);
        assert_int_equal(weft_select(&over, 1, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_group_drain(group, weft_after(5 * WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_group_work(group, WEFT_NEVER), 0); /* and then it ends */
        assert_int_equal(page->total, 1);
        assert_int_equal(weft_select(&over, 1, 0, WEFT_NOW), 0);
        assert_int_equal(weft_group_drain(group, WEFT_NOW), 0);
        assert_int_equal(weft_group_work(group, WEFT_NEVER), 0);
        assert_int_equal(info_of(group).drained, 1);
        drop(group);
}

static void stopped_groups_keep_their_tasks(void **state)
{
        (void)state;
        group = make();
        assert_int_equal(weft_group_stop(group), 0);
        assert_int_equal(weft_group_stop(group), 0);
        assert_int_equal(submit(group, "mark", 1), 0);
        assert_int_equal(weft_group_work(group, WEFT_NEVER), 0);
        assert_int_equal(page->total, 0);
        assert_true(info_of(group).stopped == 1 && info_of(group).queued == 1);
        assert_int_equal(weft_group_resume(group), 0);
        assert_int_equal(work_now(group), -EAGAIN);
        assert_int_equal(page->total, 1);
        assert_int_equal(info_of(group).stopped, 0);
        drop(group);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(tasks_are_run_once),
                TEST(tasks_may_fail),
                TEST(what_cannot_be_run_is_refused),
                TEST(arguments_and_input_lie_as_they_must),
                TEST(tasks_submit_tasks),
                TEST(groups_are_objects),
                TEST(read_only_means_read_only),
                TEST(processes_meet_by_name),
                TEST(workers_may_not_know_a_function),
                TEST(files_are_loaded_with_care),
                TEST(bytes_may_be_anything),
                TEST(drained_groups_take_no_more),
                TEST(stopped_groups_keep_their_tasks),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
