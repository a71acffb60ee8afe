#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/arena_shared.h"
#include "tests/child.h"
#include "tests/names.h"

enum { MIB = 1 << 20 };

static const struct weft_arena_options small = { .max_bytes = 16 * MIB };

static weft_arena_t *memfd_arena(void)
{
        weft_arena_t *a = NULL;
        CHECK(weft_arena_create(NULL, &small, &a) == 0 && a);
        return a;
}

static weft_arena_t *named_arena(const char *name)
{
        weft_arena_t *a = NULL;
        CHECK(weft_arena_create(name, &small, &a) == 0 && a);
        return a;
}

static bool is_there(const char *name)
{
        struct stat st;
        return lstat(path_of_name(name), &st) == 0;
}

/* ---- create, open, close, remove ----------------------------------------- */

static void open_as_stranger(void *name)
{
        weft_arena_t *a;
        weft_array_t *array;
        uint64_t v;
        CHECK(weft_arena_open(name, WEFT_RDWR, &a) == 0);
        CHECK(strcmp(weft_arena_name(a), name) == 0);
        CHECK(weft_array_open(a, "counter", &array) == 0);
        CHECK(weft_array_add64(array, 0, 1, &v) == 0 && v == 41);
        weft_array_close(array);
        weft_arena_close(a);
}

static void a_named_arena_is_met_by_name(void **state)
{
        struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        const char *name = name_of("met");
        weft_arena_t *a, *b;
        weft_array_t *array;
        uint64_t v;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_arena_open(name, WEFT_RDWR, &a), -ENOENT);
        assert_null(a);
        assert_int_equal(weft_arena_remove(name), -ENOENT);
        assert_int_equal(weft_arena_create(name, &small, &a), 0);
        assert_int_equal(errno, 4711);
        assert_int_equal(weft_arena_create(name, &small, &b), -EEXIST);
        assert_null(b);
        assert_string_equal(weft_arena_name(a), name);
        assert_int_equal(weft_array_create(a, "counter", &o, &array), 0);
        assert_int_equal(weft_array_store64(array, 0, 41), 0);

        assert_int_equal(weft_arena_open(name, WEFT_RDWR, &b), 0);
        assert_ptr_equal(a, b); /* open already: shared */
        weft_arena_close(b);
        assert_int_equal(weft_array_load64(array, 0, &v), 0);
        weft_array_close(array);
        weft_arena_close(a);
        assert_int_equal(child_run(open_as_stranger, (void *)(uintptr_t)name), 0);
        assert_int_equal(weft_arena_open(name, WEFT_RDWR, &a), 0);
        assert_int_equal(weft_array_open(a, "counter", &array), 0);
        assert_int_equal(weft_array_load64(array, 0, &v), 0);
        assert_int_equal(v, 42);

        assert_int_equal(weft_arena_remove(name), 0);
        assert_false(is_there(name));
        assert_int_equal(weft_arena_remove(name), -ENOENT);
        assert_int_equal(weft_arena_open(name, WEFT_RDWR, &b), -ENOENT);
        assert_int_equal(weft_array_load64(array, 0, &v), 0); /* goes on for us */
        assert_int_equal(weft_arena_create(name, &small, &b), 0);
        assert_ptr_not_equal(a, b);
        weft_array_close(array);
        check_whole(a);
        weft_arena_close(a);
        weft_arena_close(b);
        errno = 4711;
        assert_int_equal(weft_arena_remove(name), 0);
        weft_arena_close(NULL);
        assert_int_equal(errno, 4711);
}

static void names_are_checked(void **state)
{
        static const char *const bad[] = { "", ".", "..", ".hidden", "a/b", "/a", "a/" };
        char longest[WEFT_ARENA_NAME_MAX + 2];
        weft_arena_t *a;

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                assert_int_equal(weft_arena_create(bad[i], &small, &a), -EINVAL);
                assert_int_equal(weft_arena_open(bad[i], 0, &a), -EINVAL);
                assert_int_equal(weft_arena_remove(bad[i]), -EINVAL);
        }
        assert_int_equal(weft_arena_open(NULL, 0, &a), -EINVAL);
        assert_int_equal(weft_arena_remove(NULL), -EINVAL);
        assert_int_equal(weft_arena_open(name_of("x"), 2, &a), -EINVAL);
        assert_int_equal(weft_arena_open(name_of("x"), 0, NULL), -EINVAL);
        assert_int_equal(weft_arena_create(NULL, NULL, NULL), -EINVAL);
        snprintf(longest, sizeof longest, "%s", name_of(""));
        memset(longest + strlen(longest), 'n', sizeof longest - strlen(longest));
        longest[WEFT_ARENA_NAME_MAX + 1] = 0;
        assert_int_equal(weft_arena_create(longest, &small, &a), -ENAMETOOLONG);
        assert_int_equal(weft_arena_open(longest, 0, &a), -ENAMETOOLONG);
        assert_int_equal(weft_arena_remove(longest), -ENAMETOOLONG);
        longest[WEFT_ARENA_NAME_MAX] = 0;
        a = named_arena(longest);
        assert_string_equal(weft_arena_name(a), longest);
        weft_arena_close(a);
        assert_int_equal(weft_arena_remove(longest), 0);
}

static void options_are_checked(void **state)
{
        static const struct weft_arena_options bad[] = {
                { .max_bytes = WEFT_ARENA_MIN - 1 },
                { .max_bytes = WEFT_ARENA_MAX + 1 },
                { .max_bytes = UINT64_MAX },
                { .max_objects = 65537 },
                { .max_objects = UINT32_MAX },
                { .mode = 0700 },
                { .mode = 0400 },
                { .mode = 0066 },
                { .mode = 04600 },
                { .mode = 0100600 },
                { .flags = 8 },
                { .flags = ~0u },
                { .reserved = 1 },
        };
        weft_arena_t *a;

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                a = (weft_arena_t *)&a;
                assert_int_equal(weft_arena_create(NULL, &bad[i], &a), -EINVAL);
                assert_null(a);
                const char *name = name_of("bad");
                assert_int_equal(weft_arena_create(name, &bad[i], &a), -EINVAL);
                assert_false(is_there(name));
        }
        struct weft_arena_options least = { .max_bytes = WEFT_ARENA_MIN,
                                            .keep_bytes = UINT64_MAX,
                                            .max_objects = 1 };
        struct weft_arena_info info;
        assert_int_equal(weft_arena_create(NULL, &least, &a), 0);
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_int_equal(info.max_bytes, WEFT_ARENA_MIN);
        assert_int_equal(info.max_objects, 1);
        assert_int_equal(info.mode, 0600);
        weft_arena_close(a);
        assert_int_equal(weft_arena_create(NULL, NULL, &a), 0);
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_int_equal(info.max_bytes, 1 << 30);
        assert_int_equal(info.max_objects, 4096);
        weft_arena_close(a);
}

static void flags_do_what_they_say(void **state)
{
        struct weft_arena_options o = { .max_bytes = 4 * MIB,
                                        .flags = WEFT_ARENA_COMMIT_ALL |
                                                 WEFT_ARENA_EPHEMERAL };
        struct weft_arena_info info;
        weft_arena_t *a;

        (void)state;
        assert_int_equal(weft_arena_create(NULL, &o, &a), 0);
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_true(info.committed_bytes >= 4 * MIB);
        assert_int_equal(info.flags, o.flags);
        assert_true(weft_arena_trim(a) >= 0);
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_true(info.committed_bytes >= 4 * MIB);
        weft_ref_t ref;
        assert_int_equal(weft_block_alloc(a, 3 * MIB, &ref, NULL), 0);
        assert_int_equal(weft_block_free(a, ref), 0);
        check_whole(a);
        weft_arena_close(a);
}

static void modes_do_not_depend_on_the_umask(void **state)
{
        static const uint32_t modes[] = { 0600, 0640, 0660, 0644, 0666, 0200 };
        static const mode_t umasks[] = { 0, 022, 077, 0777 };
        struct weft_arena_options o = small;
        struct weft_arena_info info;
        struct stat st;
        weft_arena_t *a;
        mode_t was = umask(0);

        (void)state;
        for (size_t u = 0; u < sizeof umasks / sizeof *umasks; u++)
                for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
                        const char *name = name_of("mode");
                        o.mode = modes[m];
                        umask(umasks[u]);
                        assert_int_equal(weft_arena_create(name, &o, &a), 0);
                        assert_int_equal(stat(path_of_name(name), &st), 0);
                        assert_int_equal(st.st_mode & 07777, modes[m]);
                        assert_int_equal(weft_arena_info(a, &info), 0);
                        assert_int_equal(info.mode, modes[m]);
                        assert_int_equal(info.uid, geteuid());
                        weft_arena_close(a);
                        assert_int_equal(weft_arena_remove(name), 0);
                        assert_int_equal(weft_arena_create(NULL, &o, &a), 0);
                        assert_int_equal(weft_arena_info(a, &info), 0);
                        assert_int_equal(info.mode, modes[m]);
                        weft_arena_close(a);
                }
        umask(was);
}

struct listed {
        int ours, all;
        int stop_at;
};

static int list_one(const char *name, void *context)
{
        struct listed *l = context;
        l->all++;
        l->ours += strstr(name, ".list") != NULL &&
                   strncmp(name, names_prefix, strlen(names_prefix)) == 0;
        return l->all == l->stop_at ? 77 : 0;
}

static void arenas_are_listed(void **state)
{
        struct listed l = { 0 };
        const char *names[] = { name_of("list1"), name_of("list2"), name_of("listno") };
        weft_arena_t *a = named_arena(names[0]), *b = named_arena(names[1]);

        (void)state;
        int fd = open(path_of_name(names[2]), O_CREAT | O_RDWR | O_EXCL, 0600);
        assert_true(fd >= 0); /* no arena: not listed */
        close(fd);
        assert_int_equal(weft_arena_list(list_one, &l), 0);
        assert_int_equal(l.ours, 2);
        l = (struct listed){ .stop_at = 1 };
        assert_int_equal(weft_arena_list(list_one, &l), 77);
        assert_int_equal(l.all, 1);
        assert_int_equal(weft_arena_list(NULL, NULL), -EINVAL);

        /* Room for the directory, and for no arena in it: no list is better than a short one. */
        struct rlimit was, few;
        int lowest = fcntl(0, F_DUPFD_CLOEXEC, 3);
        assert_true(lowest >= 3);
        close(lowest);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
        few = (struct rlimit){ (rlim_t)lowest + 1, was.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        l = (struct listed){ 0 };
        int rc = weft_arena_list(list_one, &l);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        assert_int_equal(rc, -EMFILE);
        assert_int_equal(l.ours, 0);
        assert_int_equal(unlink(path_of_name(names[2])), 0);
        weft_arena_close(a);
        weft_arena_close(b);
        assert_int_equal(weft_arena_remove(names[0]), 0);
        assert_int_equal(weft_arena_remove(names[1]), 0);
}

static void no_directory_no_arena(void **state)
{
        const char *was = getenv("WEFT_DIR");
        char *saved = was ? strdup(was) : NULL;
        weft_arena_t *a;
        struct listed l = { 0 };

        (void)state;
        setenv("WEFT_DIR", "/dev/shm/no/such/directory", 1);
        assert_int_equal(weft_arena_create(name_of("x"), &small, &a), -ENOENT);
        assert_int_equal(weft_arena_open(name_of("x"), 0, &a), -ENOENT);
        assert_int_equal(weft_arena_list(list_one, &l), -ENOENT);
        if (saved)
                setenv("WEFT_DIR", saved, 1);
        else
                unsetenv("WEFT_DIR");
        free(saved);
}

/* ---- the mapping --------------------------------------------------------- */

/* The permissions of the mapping that `at` is in, and its VmFlags. */
static void look_at_mapping(const void *at, char perms[8], char flags[512])
{
        unsigned long from, to, wanted = (unsigned long)(uintptr_t)at;
        char line[512];
        bool here = false;
        FILE *f = fopen("/proc/self/smaps", "r");
        CHECK(f);
        *perms = *flags = 0;
        while (fgets(line, sizeof line, f)) {
                char p[8];
                if (sscanf(line, "%lx-%lx %7s", &from, &to, p) == 3) {
                        here = from <= wanted && wanted < to;
                        if (here)
                                memcpy(perms, p, sizeof p);
                } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
                        memcpy(flags, line, sizeof line);
                }
        }
        fclose(f);
}

static void write_byte(void *at)
{
        *(volatile char *)at = 1;
}

static void read_only_is_a_read_only_mapping(void **state)
{
        struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        const char *name = name_of("rdonly");
        weft_arena_t *a = named_arena(name), *ro, *again;
        weft_array_t *array;
        struct weft_recovery report;
        struct weft_arena_info info;
        struct weft_census census;
        char perms[8], flags[512];
        weft_ref_t ref = WEFT_REF_NONE, mine;

        (void)state;
        assert_int_equal(weft_block_alloc(a, 100, &mine, NULL), 0);
        assert_int_equal(weft_arena_open(name, WEFT_RDONLY, &ro), 0);
        assert_ptr_not_equal(a, ro);
        assert_int_equal(weft_arena_open(name, WEFT_RDONLY, &again), 0);
        assert_ptr_equal(ro, again);
        weft_arena_close(again);
        look_at_mapping(ro->base, perms, flags);
        assert_string_equal(perms, "r--s");
        assert_non_null(strstr(flags, " dd"));
        look_at_mapping(ro->seats, perms, flags);
        assert_string_equal(perms, "r--s");
        assert_non_null(strstr(flags, " dd"));
        look_at_mapping(a->base, perms, flags);
        assert_string_equal(perms, "rw-s");
        assert_non_null(strstr(flags, " dd")); /* not in a core dump */
        assert_int_equal(child_run(write_byte, ro->base), -SIGSEGV);
        assert_int_equal(child_run(write_byte, ro->seats), -SIGSEGV);

        assert_int_equal(weft_agent_join(ro), -EROFS);
        assert_int_equal(weft_arena_recover(ro, &report), -EROFS);
        assert_int_equal(weft_arena_trim(ro), -EROFS);
        assert_int_equal(weft_block_alloc(ro, 1, &ref, NULL), -EROFS);
        assert_int_equal(weft_block_free(ro, mine), -EROFS);
        assert_int_equal(weft_array_create(ro, "a", &o, &array), -EROFS);
        assert_int_equal(weft_object_remove(ro, "a"), -EROFS);
        assert_non_null(weft_at(ro, mine, 100));
        assert_int_equal(weft_arena_info(ro, &info), 0);
        assert_int_equal(info.agents, 1);
        assert_int_equal(weft_arena_check(ro, &census), 0);
        assert_true(census.agent_bytes >= 100);
        weft_arena_close(ro);
        assert_int_equal(weft_block_free(a, mine), 0);
        weft_arena_close(a);
        assert_int_equal(weft_arena_remove(name), 0);
}

/* ---- size ---------------------------------------------------------------- */

static void a_sparse_arena_of_1_tib_is_cheap(void **state)
{
        struct weft_arena_options o = { .max_bytes = WEFT_ARENA_MAX };
        const char *name = name_of("huge");
        struct weft_arena_info info;
        weft_arena_t *a;
        weft_ref_t ref;
        void *at;

        (void)state;
        uint64_t t = weft_now();
        int rc = weft_arena_create(name, &o, &a);
        if (rc == -ENOMEM)
                skip(); /* a limit on address space, or ThreadSanitizer */
        assert_int_equal(rc, 0);
        t = weft_now() - t;
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_true(info.max_bytes == WEFT_ARENA_MAX);
        assert_true(info.committed_bytes < 32 * MIB);
        print_message("1 TiB: created in %llu us, %llu KiB committed\n",
                      (unsigned long long)t / 1000,
                      (unsigned long long)info.committed_bytes / 1024);
        assert_int_equal(weft_block_alloc(a, 8 * MIB, &ref, &at), 0);
        memset(at, 1, 8 * MIB);
        assert_int_equal(weft_block_free(a, ref), 0);
        check_whole(a);
        weft_arena_close(a);
        t = weft_now();
        assert_int_equal(weft_arena_open(name, 0, &a), 0);
        print_message("1 TiB: opened in %llu us\n",
                      (unsigned long long)(weft_now() - t) / 1000);
        weft_arena_close(a);
        assert_int_equal(weft_arena_remove(name), 0);
}

static void the_maximum_is_the_maximum(void **state)
{
        weft_arena_t *a = memfd_arena();
        weft_ref_t refs[16 * MIB / 65536 + 1];
        uint32_t n = 0;
        int rc;

        (void)state;
        while ((rc = weft_block_alloc(a, 65536, &refs[n], NULL)) == 0)
                assert_true(++n < sizeof refs / sizeof *refs);
        assert_int_equal(rc, -ENOSPC);
        assert_true(n >= 16 * MIB / 65536 * 9 / 10);
        assert_int_equal(weft_block_free(a, refs[--n]), 0);
        assert_int_equal(weft_block_alloc(a, 65536, &refs[n++], NULL), 0);
        while (n)
                assert_int_equal(weft_block_free(a, refs[--n]), 0);
        assert_int_equal(weft_block_alloc(a, 16 * MIB + 1, &refs[0], NULL), -ENOSPC);
        assert_true(weft_arena_trim(a) >= 0);
        check_whole(a);
        weft_arena_close(a);
}

static void info_adds_up(void **state)
{
        struct weft_array_options o = { .length = 65536, .element_bytes = 8 };
        weft_arena_t *a = memfd_arena();
        struct weft_arena_info was, is;
        weft_array_t *array;
        struct timespec now;

        (void)state;
        assert_int_equal(weft_arena_info(NULL, &is), -EINVAL);
        assert_int_equal(weft_arena_info(a, NULL), -EINVAL);
        assert_int_equal(weft_arena_info(a, &was), 0);
        assert_int_equal(was.agents, 1); /* who asks is one, and there is no other */
        assert_int_equal(was.dead, 0);
        assert_int_equal(was.objects, 0);
        assert_int_equal(was.used_bytes, 0);
        assert_int_equal(was.format, WEFT_ARENA_FORMAT);
        assert_int_equal(was.flags, 0);
        clock_gettime(CLOCK_REALTIME, &now);
        assert_true(was.created_ns / WEFT_SEC <= (uint64_t)now.tv_sec &&
                    was.created_ns / WEFT_SEC + 60 > (uint64_t)now.tv_sec);
        assert_int_equal(weft_array_create(a, "a", &o, &array), 0);
        assert_int_equal(weft_arena_info(a, &is), 0);
        assert_int_equal(is.agents, 1);
        assert_int_equal(is.objects, 1);
        assert_true(is.used_bytes >= 8 * 65536);
        assert_true(is.committed_bytes >= was.committed_bytes + 8 * 65536);
        assert_int_equal(is.table_bytes + is.used_bytes + is.free_bytes,
                         is.committed_bytes);
        weft_array_close(array);
        assert_int_equal(weft_object_remove(a, "a"), 0);
        assert_int_equal(weft_arena_info(a, &is), 0);
        assert_int_equal(is.objects, 0);
        assert_int_equal(is.used_bytes, 0);
        assert_true(weft_arena_trim(a) >= 0);
        weft_agent_leave(a);
        struct weft_census census;
        assert_int_equal(weft_arena_check(a, &census), 0);
        assert_int_equal(census.free_bytes, census.data_bytes);
        assert_int_equal(weft_arena_check(a, NULL), -EINVAL);
        assert_int_equal(weft_arena_check(NULL, &census), -EINVAL);
        assert_int_equal(weft_arena_recover(NULL, NULL), -EINVAL);
        assert_int_equal(weft_arena_recover(a, NULL), 0);
        weft_arena_close(a);
}

/* ---- processes ----------------------------------------------------------- */

static void use_in_child(void *arena)
{
        struct weft_arena_info info;
        weft_ref_t ref;
        CHECK(weft_block_alloc(arena, 100, &ref, NULL) == 0);
        CHECK(weft_arena_info(arena, &info) == 0);
        CHECK(info.agents == 2); /* the parent's seat is the parent's */
        weft_arena_close(arena);
}

static void a_forked_child_joins_by_itself(void **state)
{
        weft_arena_t *a = memfd_arena();
        struct weft_arena_info info;
        weft_ref_t ref;

        (void)state;
        assert_int_equal(weft_block_alloc(a, 100, &ref, NULL), 0);
        assert_int_equal(child_run(use_in_child, a), 0);
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_int_equal(info.agents, 1);
        assert_int_equal(info.dead, 0);
        assert_non_null(weft_at(a, ref, 100));
        assert_int_equal(weft_block_free(a, ref), 0);
        check_whole(a);
        weft_arena_close(a);
}

static void close_in_child(void *arena)
{
        weft_arena_close(arena); /* joined nothing, holds nothing */
}

static void closing_in_a_child_is_the_childs_affair(void **state)
{
        weft_arena_t *a = memfd_arena();
        struct weft_arena_info info;

        (void)state;
        assert_int_equal(weft_agent_join(a), 0);
        assert_int_equal(child_run(close_in_child, a), 0);
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_int_equal(info.agents, 1);
        weft_arena_close(a);
}

struct race {
        const char *name;
        struct gate start;
        uint32_t *won;
};

static void race_to_create(void *context)
{
        struct race *r = context;
        weft_arena_t *a;
        gate_pass(&r->start);
        int rc = weft_arena_create(r->name, &small, &a);
        CHECK(rc == 0 || rc == -EEXIST);
        if (rc == 0)
                __atomic_fetch_add(r->won, 1, __ATOMIC_SEQ_CST);
        CHECK(weft_arena_open(r->name, 0, &a) == 0); /* never half of one */
        CHECK(weft_agent_join(a) == 0);
}

static void one_creator_wins(void **state)
{
        struct race r = { name_of("race"), gate_make(), common_make(4096) };
        pid_t pid[8];

        (void)state;
        for (int round = 0; round < 10; round++) {
                *r.won = 0;
                for (int i = 0; i < 8; i++)
                        pid[i] = child_start(race_to_create, &r);
                gate_open(&r.start, 8);
                for (int i = 0; i < 8; i++)
                        assert_int_equal(child_end(pid[i]), 0);
                assert_int_equal(*r.won, 1);
                assert_int_equal(weft_arena_remove(r.name), 0);
        }
        gate_drop(&r.start);
        munmap(r.won, 4096);
}

static void *open_and_close(void *context)
{
        weft_arena_t *a = NULL;
        weft_ref_t ref;
        for (int i = 0; i < 50; i++) {
                CHECK(weft_arena_open(context, 0, &a) == 0);
                CHECK(weft_block_alloc(a, 64, &ref, NULL) == 0);
                CHECK(weft_block_free(a, ref) == 0);
                weft_arena_close(a);
        }
        return NULL;
}

static void threads_may_open_and_close(void **state)
{
        const char *name = name_of("threads");
        weft_arena_t *a = named_arena(name);
        struct weft_arena_info info;
        pthread_t t[4];

        (void)state;
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&t[i], NULL, open_and_close,
                                                (void *)(uintptr_t)name),
                                 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_int_equal(info.agents, 1); /* ours */
        check_whole(a);
        weft_arena_close(a);
        for (int i = 0; i < 4; i++) /* with nobody else to keep it open */
                assert_int_equal(pthread_create(&t[i], NULL, open_and_close,
                                                (void *)(uintptr_t)name),
                                 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(weft_arena_remove(name), 0);
}

static int by_size(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
        return (x > y) - (x < y);
}

/* Printed, not asserted: the machine is not ours alone. */
static void opening_is_quick(void **state)
{
        enum { N = 101 };
        static uint64_t fresh[N], again[N];
        const char *name = name_of("quick");
        weft_arena_t *a = named_arena(name), *b;

        (void)state;
        weft_arena_close(a);
        for (int i = 0; i < N; i++) {
                uint64_t t = weft_now();
                assert_int_equal(weft_arena_open(name, 0, &a), 0);
                assert_int_equal(weft_agent_join(a), 0);
                fresh[i] = weft_now() - t;
                t = weft_now();
                assert_int_equal(weft_arena_open(name, 0, &b), 0);
                again[i] = weft_now() - t;
                weft_arena_close(b);
                weft_arena_close(a);
        }
        qsort(fresh, N, sizeof *fresh, by_size);
        qsort(again, N, sizeof *again, by_size);
        print_message("open and join: %llu us; when open already: %llu us (medians)\n",
                      (unsigned long long)fresh[N / 2] / 1000,
                      (unsigned long long)again[N / 2] / 1000);
        assert_int_equal(weft_arena_remove(name), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_named_arena_is_met_by_name),
                cmocka_unit_test(names_are_checked),
                cmocka_unit_test(options_are_checked),
                cmocka_unit_test(flags_do_what_they_say),
                cmocka_unit_test(modes_do_not_depend_on_the_umask),
                cmocka_unit_test(arenas_are_listed),
                cmocka_unit_test(no_directory_no_arena),
                cmocka_unit_test(read_only_is_a_read_only_mapping),
                cmocka_unit_test(a_sparse_arena_of_1_tib_is_cheap),
                cmocka_unit_test(the_maximum_is_the_maximum),
                cmocka_unit_test(info_adds_up),
                cmocka_unit_test(a_forked_child_joins_by_itself),
                cmocka_unit_test(closing_in_a_child_is_the_childs_affair),
                cmocka_unit_test(one_creator_wins),
                cmocka_unit_test(threads_may_open_and_close),
                cmocka_unit_test(opening_is_quick),
        };

        names_begin();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
