/* On a small tmpfs of its own, in a mount namespace of its own: what a full one does. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "tests/child.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

static const struct weft_array_options one = { .length = 1, .element_bytes = 8 };

struct world {
        const char *size; /* of the tmpfs */
        void (*body)(void);
};

static char directory[] = "/tmp/weft-test-XXXXXX";

static void in_a_small_tmpfs(void *context)
{
        const struct world *w = context;
        char options[64];
        alarm(60);
        if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
                _exit(77);
        snprintf(options, sizeof options, "size=%s,huge=never", w->size);
        if (mount("tmpfs", directory, "tmpfs", 0, options)) {
                snprintf(options, sizeof options, "size=%s", w->size);
                if (mount("tmpfs", directory, "tmpfs", 0, options))
                        _exit(77);
        }
        CHECK(setenv("WEFT_DIR", directory, 1) == 0);
        w->body();
}

static void run_in(const char *size, void (*body)(void))
{
        struct world w = { size, body };
        strcpy(directory + strlen(directory) - 6, "XXXXXX");
        assert_non_null(mkdtemp(directory));
        int rc = child_run(in_a_small_tmpfs, &w);
        assert_int_equal(rmdir(directory), 0);
        if (rc == 77)
                skip(); /* not permitted */
        assert_int_equal(rc, 0);
}

static uint64_t free_bytes(void)
{
        struct statfs st;
        CHECK(statfs(directory, &st) == 0);
        return (uint64_t)st.f_bfree * (uint64_t)st.f_bsize;
}

static int count(const char *name, void *n)
{
        (void)name;
        ++*(int *)n;
        return 0;
}

static int arenas(void)
{
        int n = 0;
        CHECK(weft_arena_list(count, &n) == 0);
        return n;
}

/* Leaves `rest` bytes free. */
static void fill_up(uint64_t rest)
{
        char path[128];
        snprintf(path, sizeof path, "%s/filler", directory);
        int fd = open(path, O_CREAT | O_RDWR, 0600);
        CHECK(fd >= 0);
        off_t has = lseek(fd, 0, SEEK_END);
        CHECK(has >= 0 && free_bytes() >= rest);
        if (free_bytes() > rest)
                CHECK(fallocate(fd, 0, has, (off_t)(free_bytes() - rest)) == 0);
        close(fd);
        CHECK(free_bytes() == rest);
}

static void make_room(void)
{
        char path[128];
        snprintf(path, sizeof path, "%s/filler", directory);
        CHECK(unlink(path) == 0);
}

static void create_where_nothing_fits(void)
{
        weft_arena_t *a;
        uint64_t before = free_bytes();
        for (int i = 0; i < 20; i++) {
                CHECK(weft_arena_create("a", NULL, &a) == -ENOSPC);
                CHECK(!a);
                CHECK(free_bytes() == before);
                CHECK(arenas() == 0);
        }
}

static void creating_on_a_full_tmpfs_leaves_nothing(void **state)
{
        (void)state;
        run_in("64k", create_where_nothing_fits);
}

/* From no room at all up to just enough, page by page. */
static void create_with_ever_more_room(void)
{
        struct weft_arena_options o = { .max_bytes = 16 * MIB };
        int made = 0;
        for (uint64_t room = 0; room <= MIB && made < 3; room += 4 * KIB) {
                weft_arena_t *a;
                fill_up(room);
                int rc = weft_arena_create("a", &o, &a);
                if (rc) {
                        CHECK(rc == -ENOSPC);
                        CHECK(free_bytes() == room);
                        CHECK(arenas() == 0);
                } else {
                        struct weft_arena_info info;
                        weft_array_t *array;
                        CHECK(weft_agent_join(a) == 0);
                        rc = weft_array_create(a, "x", &one, &array);
                        CHECK(rc == 0 || rc == -ENOSPC);
                        if (!rc)
                                weft_array_close(array);
                        CHECK(weft_arena_info(a, &info) == 0);
                        check_whole(a);
                        weft_arena_close(a);
                        CHECK(weft_arena_remove("a") == 0);
                        made++;
                }
                make_room();
        }
        CHECK(made > 0);
}

static void creating_works_or_is_refused_whatever_room_there_is(void **state)
{
        (void)state;
        run_in("4m", create_with_ever_more_room);
}

static void commit_all(void)
{
        struct weft_arena_options o = { .max_bytes = 8 * MIB,
                                        .flags = WEFT_ARENA_COMMIT_ALL };
        uint64_t before = free_bytes();
        weft_arena_t *a;
        CHECK(weft_arena_create("a", &o, &a) == -ENOSPC);
        CHECK(free_bytes() == before && arenas() == 0);
        o.max_bytes = 2 * MIB;
        CHECK(weft_arena_create("a", &o, &a) == 0);
        uint64_t rest = free_bytes();
        fill_up(0); /* the rest of the world does not matter any more */
        weft_ref_t ref[16];
        void *at;
        for (int i = 0; i < 16; i++) {
                CHECK(weft_block_alloc(a, 100 * KIB, &ref[i], &at) == 0);
                memset(at, i, 100 * KIB);
        }
        for (int i = 0; i < 16; i++)
                CHECK(weft_block_free(a, ref[i]) == 0);
        CHECK(weft_arena_trim(a) >= 0);
        for (int i = 0; i < 16; i++)
                CHECK(weft_block_alloc(a, 100 * KIB, &ref[i], &at) == 0);
        CHECK(rest >= free_bytes());
        check_whole(a);
        weft_arena_close(a);
}

static void committed_is_committed(void **state)
{
        (void)state;
        run_in("4m", commit_all);
}

/* Takes blocks until there are none, and writes all of each: SIGBUS would end us. */
static uint32_t take_all(weft_arena_t *a, uint64_t bytes, weft_ref_t *refs, uint32_t most)
{
        uint32_t n = 0;
        void *at;
        int rc = 0;
        while (n < most && (rc = weft_block_alloc(a, bytes, &refs[n], &at)) == 0) {
                memset(at, 0xa5, bytes);
                n++;
        }
        CHECK(n == most || rc == -ENOSPC);
        return n;
}

static void use_it_up(void)
{
        enum { MOST = 70000 };
        static const uint64_t sizes[] = { 64, 1000, 4096, 65536, 200000, MIB };
        static weft_ref_t refs[MOST];
        weft_arena_t *a, *ro;
        weft_array_t *array;
        weft_ref_t ref;

        CHECK(weft_arena_create("a", NULL, &a) == 0); /* 1 GiB, on 4 MiB */
        CHECK(weft_arena_open("a", WEFT_RDONLY, &ro) == 0);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                uint32_t n = take_all(a, sizes[s], refs, MOST);
                CHECK(n > 0 && n < MOST);
                CHECK(n * sizes[s] > MIB);
                struct weft_array_options big = { .length = MIB, .element_bytes = 1 };
                CHECK(weft_array_create(a, "big", &big, &array) == -ENOSPC);
                check_whole(a);
                check_whole(ro);
                struct weft_arena_info info;
                CHECK(weft_arena_info(ro, &info) == 0);
                CHECK(info.objects == 0);
                CHECK(weft_block_free(a, refs[--n]) == 0); /* room is made: it goes on */
                CHECK(weft_block_alloc(a, sizes[s], &ref, NULL) == 0);
                CHECK(weft_block_free(a, ref) == 0);
                while (n)
                        CHECK(weft_block_free(a, refs[--n]) == 0);
                CHECK(weft_arena_trim(a) >= 0);
        }
        weft_arena_close(ro);
        CHECK(weft_arena_trim(a) >= 0);
        check_whole(a);
        weft_arena_close(a);
        CHECK(weft_arena_remove("a") == 0);
}

static void using_it_up_is_an_error_code(void **state)
{
        (void)state;
        run_in("4m", use_it_up);
}

/* Large blocks, wherever they begin, get large pages if there is room for those; all of it is
 * there once it was handed out, though others fill the tmpfs then. */
static void take_large(weft_arena_t *a, uint64_t before, uint64_t bytes, uint64_t rest)
{
        weft_ref_t shift, ref;
        void *at;
        fill_up(rest + before);
        if (before)
                CHECK(weft_block_alloc(a, before, &shift, &at) == 0);
        int rc = weft_block_alloc(a, bytes, &ref, &at);
        CHECK(rc == 0 || (rc == -ENOSPC && rest < bytes + 2 * MIB));
        fill_up(0);
        if (rc == 0) {
                memset(at, 0xa5, bytes);
                CHECK(weft_block_free(a, ref) == 0);
        }
        if (before)
                CHECK(weft_block_free(a, shift) == 0);
        CHECK(weft_arena_trim(a) >= 0);
        check_whole(a);
        make_room();
}

static void large_ones(uint32_t flags)
{
        struct weft_arena_options o = { .max_bytes = 64 * MIB, .flags = flags };
        weft_arena_t *a;
        weft_ref_t ref;
        CHECK(weft_arena_create("a", &o, &a) == 0);
        CHECK(weft_block_alloc(a, 64, &ref, NULL) == 0); /* whatever comes but once */
        for (uint64_t before = 0; before < MIB; before += 576 * KIB) {
                take_large(a, before, 4 * MIB, 4 * MIB + 256 * KIB);
                take_large(a, before, 4 * MIB, 2 * MIB + 192 * KIB); /* for its ends */
        }
        CHECK(weft_block_free(a, ref) == 0);
        weft_arena_close(a);
}

static void large_blocks(void)
{
        large_ones(0);
}

static void large_pages(void)
{
        large_ones(WEFT_ARENA_LARGE_PAGES);
}

static void large_blocks_are_there(void **state)
{
        (void)state;
        run_in("16m", large_blocks);
        run_in("16m", large_pages);
}

static void let_others_fill_it(void)
{
        weft_arena_t *a;
        weft_array_t *array;
        weft_ref_t ref;
        void *at;
        uint64_t v;
        char name[32];

        CHECK(weft_arena_create("a", NULL, &a) == 0);
        CHECK(weft_array_create(a, "x", &one, &array) == 0);
        CHECK(weft_arena_trim(a) >= 0);
        fill_up(0);
        /* What is there goes on working, */
        CHECK(weft_array_add64(array, 0, 1, NULL) == 0);
        CHECK(weft_array_load64(array, 0, &v) == 0 && v == 1);
        /* what needs more is refused, */
        CHECK(weft_block_alloc(a, MIB, &ref, NULL) == -ENOSPC);
        int rc = 0, made = 0;
        for (; rc == 0 && made < 100000; made += rc == 0) {
                weft_array_t *more;
                snprintf(name, sizeof name, "y%d", made);
                rc = weft_array_create(a, name, &one, &more);
                if (!rc)
                        weft_array_close(more);
        }
        CHECK(rc == -ENOSPC || rc == -EMFILE);
        check_whole(a);
        struct weft_arena_info info;
        CHECK(weft_arena_info(a, &info) == 0);
        CHECK(info.objects == (uint32_t)made + 1);
        /* leaving, closing and opening anew too, */
        weft_array_close(array);
        weft_arena_close(a);
        CHECK(weft_arena_open("a", WEFT_RDONLY, &a) == 0);
        CHECK(weft_array_open(a, "x", &array) == 0);
        CHECK(weft_array_load64(array, 0, &v) == 0 && v == 1);
        check_whole(a);
        weft_array_close(array);
        weft_arena_close(a);
        CHECK(weft_arena_open("a", WEFT_RDWR, &a) == 0);
        CHECK(weft_arena_recover(a, NULL) == 0);
        CHECK(weft_array_open(a, "x", &array) == 0);
        /* and so does the same call once there is room. */
        make_room();
        CHECK(weft_block_alloc(a, MIB, &ref, &at) == 0);
        memset(at, 1, MIB);
        CHECK(weft_block_free(a, ref) == 0);
        weft_array_close(array);
        check_whole(a);
        weft_arena_close(a);
}

static void a_tmpfs_filled_by_others(void **state)
{
        (void)state;
        run_in("4m", let_others_fill_it);
}

/* Objects need entries, entries need memory: 64 at a time. */
static void fill_the_directory(void)
{
        weft_arena_t *a;
        weft_array_t *array;
        char name[32];
        int made = 0, rc;

        CHECK(weft_arena_create("a", NULL, &a) == 0);
        for (;;) {
                snprintf(name, sizeof name, "%d", made);
                rc = weft_array_create(a, name, &one, &array);
                if (rc)
                        break;
                weft_array_close(array);
                if (++made == 10)
                        fill_up(128 * KIB);
                CHECK(made < 5000);
        }
        CHECK(rc == -ENOSPC || rc == -EMFILE);
        check_whole(a);
        for (int i = 0; i < made; i++) {
                snprintf(name, sizeof name, "%d", i);
                CHECK(weft_object_remove(a, name) == 0);
        }
        struct weft_census census;
        CHECK(weft_arena_check(a, &census) == 0);
        CHECK(census.object_bytes == 0);
        weft_arena_close(a);
}

static void a_directory_that_cannot_grow(void **state)
{
        (void)state;
        run_in("4m", fill_the_directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(creating_on_a_full_tmpfs_leaves_nothing),
                cmocka_unit_test(creating_works_or_is_refused_whatever_room_there_is),
                cmocka_unit_test(committed_is_committed),
                cmocka_unit_test(using_it_up_is_an_error_code),
                cmocka_unit_test(large_blocks_are_there),
                cmocka_unit_test(a_tmpfs_filled_by_others),
                cmocka_unit_test(a_directory_that_cannot_grow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
