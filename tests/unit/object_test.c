#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/block.h"
#include "runtime/object_table.h"
#include "tests/child.h"

static const struct weft_array_options one = { .length = 1, .element_bytes = 8 };
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

static weft_array_t *make(const char *name)
{
        weft_array_t *a;
        CHECK(weft_array_create(arena, name, &one, &a) == 0);
        return a;
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

/* ---- another kind -------------------------------------------------------- */

static int probe_recover(struct weft_object *o, uint32_t sig)
{
        (void)o, (void)sig;
        return 0;
}

static void probe_destroy(struct weft_object *o)
{
        (void)o;
}

static int probe_init(struct weft_draft *draft)
{
        weft_ref_t ref;
        int rc = weft_draft_alloc(draft, 5000, &ref, NULL);
        return rc ? rc : *(const int *)draft->options;
}

static struct weft_kind probe = {
        .name = "probe",
        .id = UINT32_C(0x626f7270),
        .version = 3,
        .header_bytes = 48,
        .recover = probe_recover,
        .destroy = probe_destroy,
};

__attribute__((constructor)) static void register_probe(void)
{
        weft_kind_register(&probe);
}

static void the_kind_must_be_right(void **state)
{
        weft_array_t *a = make("a"), *b;
        struct weft_handle handle;
        int fine = 0;

        (void)state;
        assert_int_equal(weft_object_open(arena, "a", &probe, &handle), -EPROTO);
        assert_int_equal(
                weft_object_create(arena, "a", &probe, &fine, probe_init, true, &handle),
                -EPROTO);
        probe.header_bytes = 48;
        assert_int_equal(
                weft_object_create(arena, "p", &probe, &fine, probe_init, false, &handle),
                0);
        assert_int_equal(weft_array_open(arena, "p", &b), -EPROTO);
        assert_int_equal(weft_array_create_or_open(arena, "p", &one, &b), -EPROTO);
        assert_null(b);
        weft_object_close(&handle);
        probe.version = 4; /* a later program: the same kind in another format */
        assert_int_equal(weft_object_open(arena, "p", &probe, &handle), -EPROTO);
        probe.version = 3;
        assert_int_equal(weft_object_open(arena, "p", &probe, &handle), 0);
        assert_int_equal(weft_object_remove(arena, "p"), 0);
        /* probe's destroy frees nothing: what it does not know stays an orphan. */
        weft_block_free_all(weft_me.agent, weft_handle_owner(&handle));
        weft_object_close(&handle);
        weft_array_close(a);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        assert_int_equal(object_bytes(), 0);
}

static void what_init_refuses_is_undone(void **state)
{
        struct weft_handle handle;
        int refused = -ENOMEM;

        (void)state;
        for (int i = 0; i < 10; i++) {
                assert_int_equal(weft_object_create(arena, "p", &probe, &refused,
                                                    probe_init, false, &handle),
                                 -ENOMEM);
                assert_int_equal(objects(), 0);
                assert_int_equal(object_bytes(), 0);
        }
}

static void pause_with_a_probe(void *gate)
{
        struct weft_handle handle;
        CHECK(weft_object_open(arena, "p", &probe, &handle) == 0);
        gate_open(gate, 1);
        for (;;)
                pause();
}

/* A process that does not know the kind cannot settle who had it open: it says so, and
 * one that knows does it later. */
static void an_unknown_kind_is_left_for_who_knows_it(void **state)
{
        struct gate gate = gate_make();
        struct weft_recovery report;
        struct weft_object_info info;
        struct weft_handle handle;
        int fine = 0;

        (void)state;
        assert_int_equal(
                weft_object_create(arena, "p", &probe, &fine, probe_init, false, &handle),
                0);
        weft_object_close(&handle);
        pid_t pid = child_start(pause_with_a_probe, &gate);
        gate_pass(&gate);
        assert_int_equal(child_kill(pid), -SIGKILL);
        probe.id ^= 1;
        assert_int_equal(weft_arena_recover(arena, &report), 0);
        assert_int_equal(report.settled, 0);
        assert_int_equal(report.failed, 1);
        assert_int_equal(weft_object_stat(arena, "p", &info), 0);
        assert_int_equal(info.kind[0], '?');
        probe.id ^= 1;
        assert_int_equal(weft_arena_recover(arena, &report), 0);
        assert_int_equal(report.settled, 1);
        assert_int_equal(report.failed, 0);
        assert_int_equal(weft_object_stat(arena, "p", &info), 0);
        assert_string_equal(info.kind, "probe");
        assert_int_equal(info.version, 3);
        assert_int_equal(weft_object_open(arena, "p", &probe, &handle), 0);
        weft_block_free_all(weft_me.agent, weft_handle_owner(&handle));
        assert_int_equal(weft_object_remove(arena, "p"), 0);
        weft_object_close(&handle);
        gate_drop(&gate);
}

/* ---- names --------------------------------------------------------------- */

static void good_names(void **state)
{
        static const char *const good[] = {
                "a",
                "a/b",
                "/",
                ".",
                "..",
                " ",
                "a b",
                "~",
                "jobs.2026-11-21",
                "\xc3\xa9",
                "\xe6\x97\xa5\xe6\x9c\xac",
                "\xf0\x9f\xa7\xb6",
                "\xc2\xa0",
                "\xed\x9f\xbf",
                "\xee\x80\x80",
                "\xf4\x8f\xbf\xbf",
        };
        char longest[WEFT_OBJECT_NAME_MAX + 1];
        struct weft_object_info info;
        weft_array_t *a;

        (void)state;
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                weft_array_close(make(good[i]));
                assert_int_equal(weft_object_stat(arena, good[i], &info), 0);
                assert_string_equal(info.name, good[i]);
        }
        assert_int_equal(objects(), sizeof good / sizeof *good);
        memset(longest, 'x', WEFT_OBJECT_NAME_MAX);
        longest[WEFT_OBJECT_NAME_MAX] = 0;
        weft_array_close(make(longest));
        assert_int_equal(weft_object_stat(arena, longest, &info), 0);
        assert_string_equal(info.name, longest);
        longest[WEFT_OBJECT_NAME_MAX - 1] = 0; /* a prefix of a name is another name */
        assert_int_equal(weft_array_open(arena, longest, &a), -ENOENT);
        weft_array_close(make(longest));
        assert_int_equal(weft_object_stat(arena, longest, &info), 0);
        assert_string_equal(info.name, longest);
}

static void assert_bad(const char *name, int code)
{
        struct weft_object_info info;
        weft_array_t *a;
        assert_int_equal(weft_array_create(arena, name, &one, &a), code);
        assert_int_equal(weft_array_create_or_open(arena, name, &one, &a), code);
        assert_int_equal(weft_array_open(arena, name, &a), code);
        assert_int_equal(weft_object_remove(arena, name), code);
        assert_int_equal(weft_object_stat(arena, name, &info), code);
}

static void bad_names(void **state)
{
        static const char *const bad[] = {
                "\n",
                "a\tb",
                "\x1b[0m",
                "\x7f",
                "\x80",
                "\xff",
                "\xc0\x80",
                "\xc1\xbf",
                "\xc3",
                "\xc3(",
                "\xe2\x82",
                "\xe0\x80\x80",
                "\xed\xa0\x80",
                "\xed\xbf\xbf",
                "\xf0\x80\x80\x80",
                "\xf0\x9f\xa7",
                "\xf5\x80\x80\x80",
                "\xf4\x90\x80\x80",
                "\xc2\x85",
                "ok\xc3",
        };
        char longer[WEFT_OBJECT_NAME_MAX + 2];

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_bad(bad[i], -EILSEQ);
        assert_bad("", -EINVAL);
        assert_bad(NULL, -EINVAL);
        memset(longer, 'x', WEFT_OBJECT_NAME_MAX + 1);
        longer[WEFT_OBJECT_NAME_MAX + 1] = 0;
        assert_bad(longer, -ENAMETOOLONG);
        memset(longer, 0xff, WEFT_OBJECT_NAME_MAX + 1);
        assert_bad(longer, -ENAMETOOLONG);
        assert_int_equal(objects(), 0);
}

/* ---- lives --------------------------------------------------------------- */

static void a_name_may_be_used_again_and_again(void **state)
{
        weft_array_t *a, *b;

        (void)state;
        errno = 4711;
        for (int i = 0; i < 20000; i++) {
                a = make("again");
                assert_int_equal(weft_array_create(arena, "again", &one, &b), -EEXIST);
                assert_int_equal(weft_object_remove(arena, "again"), 0);
                assert_int_equal(weft_object_remove(arena, "again"), -ENOENT);
                assert_int_equal(weft_array_open(arena, "again", &b), -ENOENT);
                weft_array_close(a);
        }
        assert_int_equal(errno, 4711);
        assert_int_equal(objects(), 0);
        assert_int_equal(object_bytes(), 0);
        struct weft_arena_info info;
        assert_int_equal(weft_arena_info(arena, &info), 0);
        assert_true(info.committed_bytes < 4 << 20); /* entries and blocks were reused */
}

static void several_handles_in_one_process(void **state)
{
        weft_array_t *a = make("a"), *b, *c;
        uint64_t v, bytes = object_bytes();

        (void)state;
        assert_int_equal(weft_array_open(arena, "a", &b), 0);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        weft_array_close(a);
        assert_int_equal(object_bytes(), bytes);
        assert_int_equal(weft_array_store64(b, 0, 5), 0);
        c = make("a");
        assert_int_equal(weft_array_load64(b, 0, &v), 0);
        assert_int_equal(v, 5);
        weft_array_close(b);
        assert_int_equal(object_bytes(), bytes);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        weft_array_close(c);
        assert_int_equal(object_bytes(), 0);
}

struct holder {
        struct gate holds, may_go;
};

static void hold_removed(void *context)
{
        struct holder *h = context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_array_t *a;
        uint64_t v;
        CHECK(weft_array_open(there, "a", &a) == 0);
        gate_open(&h->holds, 1);
        gate_pass(&h->may_go); /* it is removed now, and closed by its maker */
        CHECK(weft_array_load64(a, 0, &v) == 0 && v == 4711);
        CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
        weft_array_close(a);
        weft_arena_close(there);
}

static void memory_stays_until_the_last_close(void **state)
{
        struct holder h = { gate_make(), gate_make() };
        struct weft_object_info info;
        weft_array_t *a = make("a");
        uint64_t bytes = object_bytes();

        (void)state;
        assert_int_equal(weft_array_store64(a, 0, 4711), 0);
        pid_t pid = child_start(hold_removed, &h);
        gate_pass(&h.holds);
        assert_int_equal(weft_object_stat(arena, "a", &info), 0);
        assert_int_equal(info.holders, 2);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        weft_array_close(a);
        assert_int_equal(objects(), 0);
        assert_int_equal(object_bytes(), bytes);
        gate_open(&h.may_go, 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(object_bytes(), 0);
        gate_drop(&h.holds);
        gate_drop(&h.may_go);
}

static void a_killed_holder_frees_it(void **state)
{
        struct holder h = { gate_make(), gate_make() };
        weft_array_t *a = make("a");
        uint64_t bytes = object_bytes();

        (void)state;
        pid_t pid = child_start(hold_removed, &h);
        gate_pass(&h.holds);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        weft_array_close(a);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(object_bytes(), bytes);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(object_bytes(), 0);
        gate_drop(&h.holds);
        gate_drop(&h.may_go);
}

static void a_stopped_holder_keeps_it(void **state)
{
        struct holder h = { gate_make(), gate_make() };
        weft_array_t *a = make("a");
        uint64_t bytes = object_bytes();
        int status;

        (void)state;
        assert_int_equal(weft_array_store64(a, 0, 4711), 0);
        pid_t pid = child_start(hold_removed, &h);
        gate_pass(&h.holds);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        weft_array_close(a);
        assert_int_equal(recover_count(arena), 0);
        assert_int_equal(object_bytes(), bytes);
        assert_int_equal(kill(pid, SIGCONT), 0);
        gate_open(&h.may_go, 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(object_bytes(), 0);
        gate_drop(&h.holds);
        gate_drop(&h.may_go);
}

static void *open_and_end(void *out)
{
        CHECK(weft_array_open(arena, "a", out) == 0);
        return NULL;
}

/* The thread that opened it ends; the others' handle is as good as before. */
static void a_handle_outlives_its_opener(void **state)
{
        weft_array_t *a = make("a"), *b;
        pthread_t thread;
        uint64_t v;

        (void)state;
        assert_int_equal(weft_array_store64(a, 0, 8), 0);
        assert_int_equal(pthread_create(&thread, NULL, open_and_end, &b), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        weft_array_close(a);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        assert_int_equal(weft_array_load64(b, 0, &v), 0);
        assert_int_equal(v, 8);
        assert_int_equal(weft_array_store64(b, 0, 9), 0);
        weft_array_close(b);
        assert_int_equal(object_bytes(), 0);
}

/* The same where nobody else in the process has a seat: nothing holds it then. */
static void without_any_agent_a_handle_holds_nothing(void **state)
{
        weft_array_t *a = make("a"), *b;
        pthread_t thread;
        uint64_t v;

        (void)state;
        weft_array_close(a);
        weft_agent_leave(arena);
        assert_int_equal(pthread_create(&thread, NULL, open_and_end, &b), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(weft_array_load64(b, 0, &v), 0); /* still there: held again */
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        assert_int_equal(weft_array_load64(b, 0, &v), 0);
        weft_agent_leave(arena);
        assert_int_equal(weft_array_load64(b, 0, &v), -ENOENT);
        assert_int_equal(weft_array_load64(b, 0, &v), -ENOENT);
        weft_array_close(b);
        assert_int_equal(object_bytes(), 0);
}

static void *use_handle(void *a)
{
        for (int i = 0; i < 10000; i++)
                CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
        return NULL;
}

static void threads_share_a_handle(void **state)
{
        weft_array_t *a = make("a");
        pthread_t thread[4];
        uint64_t v;

        (void)state;
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&thread[i], NULL, use_handle, a), 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(weft_array_load64(a, 0, &v), 0);
        assert_int_equal(v, 40000);
        weft_array_close(a);
        assert_int_equal(object_bytes(), 0);
}

static void use_inherited(void *a)
{
        (void)use_handle(a);
        weft_array_close(a);
        exit(0);
}

static void a_forked_child_uses_the_handle(void **state)
{
        weft_array_t *a = make("a");
        uint64_t v;

        (void)state;
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_run(use_inherited, a), 0);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        assert_int_equal(child_run(use_inherited, a), 0); /* removed, but held by us */
        assert_int_equal(weft_array_load64(a, 0, &v), 0);
        assert_int_equal(v, 40000);
        weft_array_close(a);
        assert_int_equal(object_bytes(), 0);
}

/* ---- many, and too many -------------------------------------------------- */

struct listed {
        uint32_t n, stop_at;
        unsigned char seen[4096];
};

static int note_object(const struct weft_object_info *object, void *context)
{
        struct listed *l = context;
        unsigned i;
        CHECK(sscanf(object->name, "object %u", &i) == 1 && i < sizeof l->seen);
        CHECK(strcmp(object->kind, "array") == 0);
        CHECK(strcmp(object->detail, "1 element of 8 B") == 0);
        CHECK(object->bytes >= 8);
        l->seen[i]++;
        return ++l->n == l->stop_at ? 77 : 0;
}

static void the_directory_has_an_end(void **state)
{
        enum { MANY = 1000 };
        static struct listed l;
        struct weft_arena_options o = { .max_bytes = 16 << 20, .max_objects = MANY };
        weft_array_t *a;
        char name[32];

        (void)state;
        weft_arena_close(arena);
        assert_int_equal(weft_arena_create(NULL, &o, &arena), 0);
        for (int i = 0; i < MANY; i++) {
                snprintf(name, sizeof name, "object %d", i);
                weft_array_close(make(name));
        }
        assert_int_equal(weft_array_create(arena, "one more", &one, &a), -EMFILE);
        assert_int_equal(objects(), MANY);
        assert_int_equal(weft_object_list(arena, note_object, &l), 0);
        assert_int_equal(l.n, MANY);
        for (int i = 0; i < MANY; i++)
                assert_int_equal(l.seen[i], 1);
        l = (struct listed){ .stop_at = 5 };
        assert_int_equal(weft_object_list(arena, note_object, &l), 77);
        assert_int_equal(l.n, 5);
        assert_int_equal(weft_object_remove(arena, "object 500"), 0);
        weft_array_close(make("object 500"));
        assert_int_equal(weft_array_create(arena, "one more", &one, &a), -EMFILE);
        for (int i = 0; i < MANY; i += 2) { /* from the middle of every chain */
                snprintf(name, sizeof name, "object %d", i);
                assert_int_equal(weft_object_remove(arena, name), 0);
        }
        for (int i = 0; i < MANY; i++) {
                snprintf(name, sizeof name, "object %d", i);
                int rc = weft_array_open(arena, name, &a);
                assert_int_equal(rc, i % 2 ? 0 : -ENOENT);
                if (!rc)
                        weft_array_close(a);
        }
        for (int i = 1; i < MANY; i += 2) {
                snprintf(name, sizeof name, "object %d", i);
                assert_int_equal(weft_object_remove(arena, name), 0);
        }
        assert_int_equal(objects(), 0);
}

static void looking_is_checked(void **state)
{
        struct weft_object_info info;
        static struct listed l;

        (void)state;
        assert_int_equal(weft_object_list(NULL, note_object, &l), -EINVAL);
        assert_int_equal(weft_object_list(arena, NULL, &l), -EINVAL);
        assert_int_equal(weft_object_list(arena, note_object, &l), 0);
        assert_int_equal(l.n, 0);
        assert_int_equal(weft_object_stat(NULL, "a", &info), -EINVAL);
        assert_int_equal(weft_object_stat(arena, "a", NULL), -EINVAL);
        assert_int_equal(weft_object_stat(arena, "a", &info), -ENOENT);
        assert_int_equal(weft_object_remove(NULL, "a"), -EINVAL);
        assert_int_equal(weft_object_remove(arena, "a"), -ENOENT);
}

static void read_only_looks(void **state)
{
        static struct listed l;
        struct weft_object_info info;
        weft_array_t *a = make("object 1"), *b;
        weft_arena_t *ro;

        (void)state;
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_object_list(ro, note_object, &l), 0);
        assert_int_equal(l.n, 1);
        assert_int_equal(weft_object_stat(ro, "object 1", &info), 0);
        assert_int_equal(info.holders, 1);
        assert_int_equal(weft_object_stat(ro, "object 2", &info), -ENOENT);
        assert_int_equal(weft_object_remove(ro, "object 1"), -EROFS);
        assert_int_equal(weft_array_open(ro, "object 1", &b), 0);
        assert_int_equal(weft_object_stat(ro, "object 1", &info), 0);
        assert_int_equal(info.holders, 1); /* a reader holds nothing */
        assert_int_equal(weft_object_remove(arena, "object 1"), 0);
        weft_array_close(a);
        assert_int_equal(object_bytes(), 0);
        assert_int_equal(weft_object_stat(ro, "object 1", &info), -ENOENT);
        weft_array_close(b);
        weft_arena_close(ro);
}

/* ---- hostile bytes ------------------------------------------------------- */

static int note_nothing(const struct weft_object_info *object, void *unused)
{
        (void)unused;
        CHECK(memchr(object->name, 0, sizeof object->name));
        return 0;
}

/* The directory full of noise: anything may come out, but it comes out. */
static void meet_noise(void *unused)
{
        struct weft_object_info info;
        struct weft_census census;
        weft_array_t *a;
        char name[32];
        uint64_t seed = 88172645463325252u;
        uint64_t from = arena->geo.buckets_at, to = arena->geo.summaries_at;

        (void)unused;
        alarm(50);
        for (int round = 0; round < 3; round++) {
                for (uint64_t at = from; at + 8 <= to; at += 8) {
                        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                        if (round == 0 || seed % 8 == 0)
                                memcpy(arena->base + at, &seed, 8);
                }
                for (int i = 0; i < 20; i++) {
                        snprintf(name, sizeof name, "object %d", i);
                        if (weft_array_open(arena, name, &a) == 0)
                                weft_array_close(a);
                        if (weft_array_create_or_open(arena, name, &one, &a) == 0)
                                weft_array_close(a);
                        (void)!weft_object_stat(arena, name, &info);
                        (void)!weft_object_remove(arena, name);
                }
                (void)!weft_object_list(arena, note_nothing, NULL);
                (void)!weft_arena_check(arena, &census);
        }
        weft_agent_leave(arena);
        weft_arena_close(arena);
}

static void noise_in_the_directory_is_survived(void **state)
{
        struct weft_arena_options o = { .max_bytes = 1 << 20, .max_objects = 64 };
        weft_arena_t *ours = arena;
        char name[32];

        (void)state;
        assert_int_equal(weft_arena_create(NULL, &o, &arena), 0);
        for (int i = 0; i < 10; i++) {
                snprintf(name, sizeof name, "object %d", i);
                weft_array_close(make(name));
        }
        weft_agent_leave(arena);
        assert_int_equal(child_run(meet_noise, NULL), 0);
        weft_arena_close(arena);
        arena = ours;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_kind_must_be_right),
                TEST(what_init_refuses_is_undone),
                TEST(an_unknown_kind_is_left_for_who_knows_it),
                TEST(good_names),
                TEST(bad_names),
                TEST(a_name_may_be_used_again_and_again),
                TEST(several_handles_in_one_process),
                TEST(memory_stays_until_the_last_close),
                TEST(a_killed_holder_frees_it),
                TEST(a_stopped_holder_keeps_it),
                TEST(a_handle_outlives_its_opener),
                TEST(without_any_agent_a_handle_holds_nothing),
                TEST(threads_share_a_handle),
                TEST(a_forked_child_uses_the_handle),
                TEST(the_directory_has_an_end),
                TEST(looking_is_checked),
                TEST(read_only_looks),
                TEST(noise_in_the_directory_is_survived),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
