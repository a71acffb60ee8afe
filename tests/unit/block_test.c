/* tests/unit/block_test.c -- blocks: sizes, owners, refs, memory, census. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <weft/agent.h>
#include <weft/arena.h>
#include <weft/block.h>

#include "runtime/block_internal.h"
#include "tests/child.h"
#include "tests/names.h"

#define MIB (UINT64_C(1) << 20)
#define PAGE WEFT_PAGE_BYTES

/* ---- helpers ---------------------------------------------------------------- */

static weft_arena_t *make(uint64_t max_bytes, uint64_t keep_bytes)
{
        struct weft_arena_options o = { .max_bytes = max_bytes,
                                        .keep_bytes = keep_bytes };
        weft_arena_t *arena;
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        return arena;
}

static weft_ref_t take(weft_arena_t *arena, uint64_t bytes)
{
        weft_ref_t ref;
        CHECK(weft_block_alloc(arena, bytes, &ref, NULL) == 0);
        return ref;
}

static void drop(weft_arena_t *arena, weft_ref_t ref)
{
        CHECK(weft_block_free(arena, ref) == 0);
}

static struct weft_census census_of(weft_arena_t *arena)
{
        struct weft_census census;
        check_whole(arena);
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.data_bytes % PAGE == 0);
        return census;
}

static uint64_t backed(weft_arena_t *arena)
{
        struct stat st;
        CHECK(fstat(weft_arena_fd(arena), &st) == 0);
        return (uint64_t)st.st_blocks * 512;
}

static uint64_t rounded(uint64_t bytes)
{
        return bytes > WEFT_BLOCK_CLASS_MAX ? (bytes + PAGE - 1) / PAGE * PAGE
                                            : weft_classes[weft_class_of(bytes)].bytes;
}

static uint64_t random_next(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        return *state ^= *state << 17;
}

/* ---- sizes ------------------------------------------------------------------ */

static void classes_are_tight_and_aligned(void **unused)
{
        (void)unused;
        for (uint32_t c = 0; c < WEFT_BLOCK_CLASSES; c++) {
                const struct weft_class *k = &weft_classes[c];
                assert_true(k->first + (uint64_t)k->n * k->bytes <= PAGE);
                assert_true(k->first >= 8 * k->n || k->n <= WEFT_PAGE_WORDS);
                assert_int_equal(k->bytes % (k->bytes < 64 ? 16 : 64), 0);
                assert_int_equal(k->first % 64, 0);
                assert_true((k->n - 1) >> k->shift < 48);
                for (uint32_t x = 0; x < PAGE / 16; x++)
                        assert_int_equal(weft_class_index(x, k->inverse),
                                         x * 16 % k->bytes ? UINT32_MAX
                                                           : x * 16 / k->bytes);
        }
        for (uint32_t bytes = 1; bytes <= WEFT_BLOCK_CLASS_MAX; bytes++) {
                uint32_t c = weft_class_of(bytes);
                assert_true(c < WEFT_BLOCK_CLASSES && weft_classes[c].bytes >= bytes);
                assert_true(c == 0 || weft_classes[c - 1].bytes < bytes);
                if (bytes <= 1024)
                        assert_int_equal(c, weft_classes_low[(bytes - 1) / 16]);
        }
}

static void blocks_hold_what_was_asked_for(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(256 * MIB, 0);
        weft_ref_t refs[400];
        void *ats[400];
        uint64_t sizes[400], sum = 0;
        int n = 0;
        for (uint32_t c = 0; c <= WEFT_BLOCK_CLASSES; c++)
                for (uint64_t d = 0; d < 3; d++)
                        sizes[n++] = c < WEFT_BLOCK_CLASSES
                                             ? weft_classes[c].bytes - 1 + d
                                             : PAGE * (d + 1) * 5 + d;
        for (int i = 0; i < n; i++) {
                assert_int_equal(weft_block_alloc(arena, sizes[i], &refs[i], &ats[i]), 0);
                assert_int_equal((uintptr_t)ats[i] % (sizes[i] < 64 ? 16 : 64), 0);
                assert_ptr_equal(weft_at(arena, refs[i], sizes[i]), ats[i]);
                assert_true(refs[i].v != 0);
                assert_int_equal(weft_block_bytes(arena, refs[i]), rounded(sizes[i]));
                assert_null(weft_at(arena, refs[i], rounded(sizes[i]) + 1));
                memset(ats[i], i, sizes[i]);
                sum += rounded(sizes[i]);
        }
        assert_int_equal(census_of(arena).agent_bytes, sum);
        for (int i = 0; i < n; i++) {
                const unsigned char *at = ats[i];
                for (uint64_t b = 0; b < sizes[i]; b++)
                        assert_int_equal(at[b], (unsigned char)i);
                drop(arena, refs[i]);
                assert_null(weft_at(arena, refs[i], 1));
        }
        assert_int_equal(census_of(arena).agent_bytes, 0);
        weft_arena_close(arena);
}

static void bad_arguments_are_told(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(4 * MIB, 0);
        weft_ref_t ref = take(arena, 64);
        void *at;
        assert_int_equal(weft_block_alloc(NULL, 64, &ref, &at), -EINVAL);
        assert_int_equal(weft_block_alloc(arena, 64, NULL, &at), -EINVAL);
        assert_int_equal(weft_block_alloc(arena, 0, &ref, &at), -EINVAL);
        assert_int_equal(weft_block_alloc(arena, UINT64_MAX, &ref, &at), -ENOSPC);
        assert_int_equal(weft_block_alloc(arena, 5 * MIB, &ref, &at), -ENOSPC);
        assert_int_equal(weft_block_free(NULL, ref), -EINVAL);
        assert_int_equal(weft_block_free(arena, WEFT_REF_NONE), -ENOENT);
        assert_int_equal(weft_block_share(arena, WEFT_REF_NONE), -ENOENT);
        assert_int_equal(weft_block_claim(arena, WEFT_REF_NONE), -ENOENT);
        assert_int_equal(weft_block_give(arena, ref, (weft_owner_t){ 0 }), -EINVAL);
        assert_int_equal(
                weft_block_give(arena, ref, weft_owner_make(WEFT_OWNER_AGENT, 7)),
                -EINVAL);
        assert_int_equal(weft_block_give(arena, ref, (weft_owner_t){ UINT64_MAX }),
                         -EINVAL);
        assert_null(weft_at(arena, WEFT_REF_NONE, 0));
        assert_null(weft_at(NULL, ref, 0));
        assert_int_equal(weft_block_bytes(arena, WEFT_REF_NONE), 0);
        assert_int_equal(weft_block_owner(arena, WEFT_REF_NONE).v, 0);
        weft_arena_close(arena);
}

/* ---- refs ------------------------------------------------------------------- */

static void stale_refs_are_noticed(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(64 * MIB, 0);
        static const uint64_t sizes[] = { 16, 64, 1000, 5000, 65536, 200000 };
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                weft_ref_t first = take(arena, sizes[s]);
                drop(arena, first);
                weft_ref_t second = take(arena, sizes[s]); /* the same place */
                assert_true(first.v != second.v);
                assert_int_equal(weft_block_free(arena, first), -ENOENT);
                assert_int_equal(weft_block_share(arena, first), -ENOENT);
                assert_int_equal(weft_block_claim(arena, first), -ENOENT);
                assert_null(weft_at(arena, first, 1));
                assert_int_equal(weft_block_owner(arena, first).v, 0);
                weft_ref_t inside = { second.v + 1 }; /* 16 bytes on */
                assert_int_equal(weft_block_free(arena, inside), -ENOENT);
                assert_null(weft_at(arena, inside, 1));
                drop(arena, second);
                assert_int_equal(weft_block_free(arena, second), -ENOENT);
        }
        weft_arena_close(arena);
}

/* A page that becomes something else: refs into its earlier lives match nothing. */
static void refs_do_not_survive_a_page(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(2 * MIB, 0);
        static weft_ref_t old[20000];
        static weft_ref_t mine[5000];
        int n = 0;
        for (int round = 0; round < 60; round++) {
                uint64_t bytes =
                        round % 6 == 5 ? 3 * PAGE : UINT64_C(16) << round % 6 * 2;
                int k = 0;
                while (k < 5000 && weft_block_alloc(arena, bytes, &mine[k], NULL) == 0)
                        k++;
                for (int i = 0; i < n; i++)
                        assert_null(weft_at(arena, old[i], 1));
                for (int i = 0; i < k; i++) {
                        assert_non_null(weft_at(arena, mine[i], bytes));
                        drop(arena, mine[i]);
                        if (n < 20000 && i % 16 == 0)
                                old[n++] = mine[i];
                }
                assert_true(weft_arena_trim(arena) >= 0);
        }
        census_of(arena);
        weft_arena_close(arena);
}

static void random_refs_do_no_harm(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(64 * MIB, 0);
        uint64_t seed = 88172645463325252u;
        for (int i = 0; i < 100; i++)
                (void)take(arena, (uint64_t)i * 1000 + 1);
        uint64_t before = census_of(arena).agent_bytes;
        for (int i = 0; i < 300000; i++) {
                weft_ref_t ref = { random_next(&seed) };
                if (i % 2)
                        ref.v = (ref.v & 0x3fffff) | UINT64_C(0xfff) << 36;
                assert_int_equal(weft_block_free(arena, ref), -ENOENT);
                assert_int_equal(weft_block_claim(arena, ref), -ENOENT);
                assert_null(weft_at(arena, ref, 1));
        }
        assert_int_equal(census_of(arena).agent_bytes, before);
        weft_arena_close(arena);
}

/* ---- owners ----------------------------------------------------------------- */

struct meeting {
        weft_ref_t ref[64];
        int n, rc;
        weft_arena_t *arena;
};

static void expect_not_theirs(void *context)
{
        struct meeting *m = context;
        weft_arena_t *arena = child_reopen(m->arena, WEFT_RDWR);
        for (int i = 0; i < m->n; i++) {
                CHECK(weft_block_free(arena, m->ref[i]) == -EPERM);
                CHECK(weft_block_claim(arena, m->ref[i]) == -EPERM);
                CHECK(weft_block_share(arena, m->ref[i]) == -EPERM);
                CHECK(weft_block_owner(arena, m->ref[i]).v != 0);
                CHECK(*(int *)weft_at(arena, m->ref[i], 4) == i + 1);
        }
        weft_arena_close(arena);
}

static void claim_and_free(void *context)
{
        struct meeting *m = context;
        weft_arena_t *arena = child_reopen(m->arena, WEFT_RDWR);
        for (int i = 0; i < m->n; i++) {
                if (i % 3 == 0)
                        CHECK(weft_block_claim(arena, m->ref[i]) == 0);
                if (i % 3 != 1)
                        drop(arena, m->ref[i]);
                else
                        CHECK(weft_block_claim(arena, m->ref[i]) == 0); /* dies with us */
        }
        if (m->rc)
                kill(getpid(), SIGKILL);
        weft_arena_close(arena);
}

static void meet(struct meeting *m, weft_arena_t *arena)
{
        static const uint64_t sizes[] = { 16, 64, 700, 4352, 8192, 65536, 300000 };
        m->arena = arena;
        m->n = 63;
        for (int i = 0; i < m->n; i++) {
                void *at;
                CHECK(weft_block_alloc(arena, sizes[i % 7], &m->ref[i], &at) == 0);
                *(int *)at = i + 1;
        }
}

static void blocks_belong_to_one(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(64 * MIB, 0);
        struct meeting m = { 0 };
        meet(&m, arena);
        assert_int_equal(child_run(expect_not_theirs, &m), 0);
        uint64_t bytes = census_of(arena).agent_bytes;
        for (int i = 0; i < m.n; i++) {
                assert_int_equal(weft_block_claim(arena, m.ref[i]), -EPERM); /* ours */
                assert_int_equal(weft_block_share(arena, m.ref[i]), 0);
                assert_int_equal(weft_block_share(arena, m.ref[i]), -EPERM);
                assert_int_equal(weft_owner_kind_of(weft_block_owner(arena, m.ref[i])),
                                 WEFT_OWNER_ARENA);
        }
        assert_int_equal(census_of(arena).arena_bytes, bytes);
        for (m.rc = 0; m.rc < 2; m.rc++) { /* the child leaves, the child is killed */
                assert_int_equal(child_run(claim_and_free, &m), m.rc ? -SIGKILL : 0);
                assert_int_equal(recover_count(arena), m.rc);
                struct weft_census census = census_of(arena);
                assert_int_equal(census.agent_bytes + census.arena_bytes, 0);
                for (int i = 0; i < m.n; i++)
                        assert_null(weft_at(arena, m.ref[i], 1));
                meet(&m, arena);
                for (int i = 0; i < m.n; i++)
                        assert_int_equal(weft_block_share(arena, m.ref[i]), 0);
        }
        weft_arena_close(arena);
}

static void rooms_above_pass_and_free(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(64 * MIB, 0);
        struct weft_agent *agent;
        assert_int_equal(weft_agent_self(arena, &agent), 0);
        weft_owner_t me = weft_owner_make(WEFT_OWNER_AGENT, agent->sig);
        weft_owner_t it = weft_owner_make(WEFT_OWNER_OBJECT, 77);
        static weft_ref_t refs[3000];
        for (int i = 0; i < 3000; i++) {
                refs[i] = take(arena, i % 100 ? 64 : 70000);
                assert_int_equal(weft_block_pass(arena, refs[i], it, me), -ENOENT);
                assert_int_equal(weft_block_pass(arena, refs[i], me, it), 0);
                assert_int_equal(weft_block_free_from(agent, refs[i], me), -ENOENT);
        }
        assert_int_equal(weft_block_free_from(agent, refs[0], it), 0);
        assert_int_equal(weft_block_free_from(agent, refs[0], it), -ENOENT);
        weft_block_free_all(agent, weft_owner_make(WEFT_OWNER_OBJECT, 78));
        assert_int_equal(weft_owner_whom(weft_block_owner(arena, refs[1])), 77);
        weft_block_free_all(agent, it);
        weft_block_free_all(agent, it);
        struct weft_census census = census_of(arena);
        assert_int_equal(census.object_bytes + census.agent_bytes, 0);
        weft_arena_close(arena);
}

static void readers_need_no_seat(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(16 * MIB, 0), *reader;
        weft_ref_t ref = take(arena, 100), span = take(arena, 100000);
        *(int *)weft_at(arena, ref, 4) = 42;
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &reader),
                         0);
        assert_int_equal(*(int *)weft_at(reader, ref, 4), 42);
        assert_int_equal(weft_block_bytes(reader, span), 2 * PAGE);
        assert_int_equal(weft_block_free(reader, ref), -EROFS);
        assert_int_equal(weft_block_share(reader, ref), -EROFS);
        assert_int_equal(weft_block_alloc(reader, 1, &ref, NULL), -EROFS);
        check_whole(reader);
        drop(arena, span);
        assert_int_equal(weft_arena_trim(arena), 0); /* a stranger may be looking */
        weft_arena_close(reader);
        assert_true(weft_arena_trim(arena) > 0);
        weft_arena_close(arena);
}

/* ---- spans ------------------------------------------------------------------ */

static void spans_come_and_go(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(80 * MIB, 0); /* five regions */
        uint64_t pages = arena->geo.pages;
        for (int round = 0; round < 3; round++) {
                void *at;
                weft_ref_t all;
                assert_int_equal(weft_block_alloc(arena, pages * PAGE, &all, &at), 0);
                memset(at, 1, pages * PAGE);
                weft_ref_t none;
                assert_int_equal(weft_block_alloc(arena, 1, &none, NULL), -ENOSPC);
                assert_int_equal(weft_block_alloc(arena, PAGE * 2, &none, NULL), -ENOSPC);
                assert_int_equal(census_of(arena).agent_bytes, pages * PAGE);
                drop(arena, all);
                assert_int_equal(census_of(arena).agent_bytes, 0);
        }
        weft_ref_t refs[100];
        int n = 0;
        while (n < 100 && weft_block_alloc(arena, 40 * PAGE, &refs[n], NULL) == 0)
                n++;
        assert_int_equal(n, pages / 40);
        for (int i = 0; i < n; i += 2)
                drop(arena, refs[i]); /* holes of 40 pages */
        weft_ref_t big;
        assert_int_equal(weft_block_alloc(arena, 41 * PAGE, &big, NULL), -ENOSPC);
        for (int i = 0; i < n; i += 2)
                refs[i] = take(arena, 39 * PAGE + 1);
        drop(arena, refs[2]);
        drop(arena, refs[3]);
        refs[2] = take(arena, 80 * PAGE);
        for (int i = 0; i < n; i++)
                if (i != 3)
                        drop(arena, refs[i]);
        assert_int_equal(census_of(arena).agent_bytes, 0);
        weft_arena_close(arena);
}

/* ---- memory ----------------------------------------------------------------- */

static void a_full_arena_recovers(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(4 * MIB, 0);
        static weft_ref_t refs[300000];
        for (uint32_t c = 0; c < WEFT_BLOCK_CLASSES; c++) {
                uint64_t bytes = weft_classes[c].bytes, n = 0;
                int rc;
                while ((rc = weft_block_alloc(arena, bytes, &refs[n], NULL)) == 0)
                        n++;
                assert_int_equal(rc, -ENOSPC);
                assert_int_equal(n, arena->geo.pages * weft_classes[c].n);
                for (uint64_t i = 0; i < n; i += n / 3) {
                        drop(arena, refs[i]);
                        refs[i] = take(arena, bytes);
                        assert_int_equal(weft_block_alloc(arena, bytes, &refs[n], NULL),
                                         -ENOSPC);
                }
                assert_int_equal(census_of(arena).agent_bytes, n * bytes);
                for (uint64_t i = 0; i < n; i++)
                        drop(arena, refs[c % 2 ? i : n - 1 - i]);
                weft_ref_t all = take(arena, arena->geo.pages * PAGE);
                drop(arena, all);
        }
        weft_arena_close(arena);
}

static void memory_is_given_back(void **unused)
{
        (void)unused;
        for (uint64_t keep = 0; keep < 3; keep++) {
                weft_arena_t *arena = make(256 * MIB, keep == 2 ? 64 * MIB : MIB);
                static weft_ref_t refs[1000];
                uint64_t empty = backed(arena);
                for (int i = 0; i < 1000; i++)
                        refs[i] = take(arena, keep ? 60000 : 100000);
                uint64_t full = backed(arena);
                assert_true(full >= empty + 60 * MIB);
                for (int i = 0; i < 1000; i++)
                        drop(arena, refs[i]);
                uint64_t now = backed(arena);
                if (keep == 2)
                        assert_true(now >= empty + 60 * MIB);
                else
                        assert_true(now <= empty + 5 * MIB);
                int64_t given = weft_arena_trim(arena);
                assert_true(given >= 0);
                assert_int_equal(backed(arena), now - (uint64_t)given);
                assert_true(backed(arena) <= empty + MIB);
                struct weft_census census = census_of(arena);
                assert_int_equal(census.free_bytes, census.data_bytes);
                assert_int_equal(census.data_bytes, 0);
                weft_arena_close(arena);
        }
}

static void on_small_tmpfs(void *context)
{
        const uint64_t *sizes = context;
        char dir[] = "/tmp/weft-block-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
            mount("tmpfs", dir, "tmpfs", 0, "size=24m")) {
                rmdir(dir);
                _exit(77);
        }
        CHECK(setenv("WEFT_DIR", dir, 1) == 0);
        struct weft_arena_options o = { .max_bytes = 256 * MIB, .keep_bytes = 8 * MIB };
        static weft_ref_t refs[1100000];
        weft_arena_t *arena;
        CHECK(weft_arena_create("small", &o, &arena) == 0);
        for (; *sizes; sizes++) {
                int n = 0, rc;
                uint64_t sum = 0;
                void *at;
                while ((rc = weft_block_alloc(arena, *sizes, &refs[n], &at)) == 0) {
                        memset(at, n, *sizes); /* no SIGBUS */
                        sum += rounded(*sizes);
                        n++;
                }
                CHECK(rc == -ENOSPC);
                CHECK(sum > 12 * MIB);
                struct weft_census census = census_of(arena);
                CHECK(census.agent_bytes == sum);
                CHECK(census.data_bytes <= backed(arena));
                for (int k = 0; k < 3; k++) {
                        CHECK(weft_block_alloc(arena, *sizes, &refs[n], NULL) == -ENOSPC);
                        drop(arena, refs[n / 2]);
                        refs[n / 2] = take(arena, *sizes);
                }
                for (int i = 0; i < n; i++)
                        drop(arena, refs[i]);
                CHECK(census_of(arena).agent_bytes == 0);
        }
        weft_arena_close(arena);
        CHECK(weft_arena_remove("small") == 0);
        CHECK(umount(dir) == 0);
        rmdir(dir);
}

static void a_full_tmpfs_is_enospc(void **unused)
{
        (void)unused;
        static uint64_t sizes[] = {
                64, 1000000, 4096, 65536, 200000, 16, 5 * MIB, 6000, 0
        };
        int rc = child_run(on_small_tmpfs, sizes);
        if (rc == 77)
                skip();
        assert_int_equal(rc, 0);
}

/* ---- against a model ---------------------------------------------------------- */

static uint64_t random_size(uint64_t r)
{
        uint64_t log =
                4 + r % 15; /* 16 B to 512 KiB, small ones as often as large ones */
        if (log > 16 && r >> 32 & 7)
                log -= 8;
        return 1 + (r >> 8) % (UINT64_C(1) << log);
}

static void a_million_random_steps(void **unused)
{
        (void)unused;
        enum { SLOTS = 1500, STEPS = 1000000 };
        static struct {
                weft_ref_t ref;
                uint64_t bytes, stamp, *at;
        } slot[SLOTS];
        weft_arena_t *arena = make(512 * MIB, 0);
        uint64_t seed = 0x9e3779b97f4a7c15u, sum = 0;
        for (int step = 0; step < STEPS; step++) {
                uint64_t r = random_next(&seed);
                size_t i = (size_t)(r % SLOTS);
                if (!slot[i].bytes) {
                        void *at;
                        slot[i].bytes = random_size(r / SLOTS);
                        int rc =
                                weft_block_alloc(arena, slot[i].bytes, &slot[i].ref, &at);
                        assert_int_equal(rc, 0);
                        slot[i].at = at;
                        slot[i].stamp = r;
                        sum += rounded(slot[i].bytes);
                        for (uint64_t w = 0; w < slot[i].bytes / 8; w += 511)
                                slot[i].at[w] = r + w;
                } else {
                        for (uint64_t w = 0; w < slot[i].bytes / 8; w += 511)
                                assert_int_equal(slot[i].at[w], slot[i].stamp + w);
                        drop(arena, slot[i].ref);
                        sum -= rounded(slot[i].bytes);
                        slot[i].bytes = 0;
                }
                if (step % 50000 == 0) {
                        struct weft_census census = census_of(arena);
                        assert_int_equal(census.agent_bytes, sum);
                        struct weft_arena_info info;
                        assert_int_equal(weft_arena_info(arena, &info), 0);
                        assert_int_equal(info.used_bytes, sum);
                }
        }
        weft_agent_leave(arena); /* frees all the rest */
        struct weft_census census = census_of(arena);
        assert_int_equal(census.agent_bytes, 0);
        weft_arena_close(arena);
}

/* ---- other threads, other processes ------------------------------------------- */

static void *free_them(void *context)
{
        struct meeting *m = context;
        for (int i = 0; i < m->n; i++)
                drop(m->arena, m->ref[i]);
        weft_agent_leave(m->arena);
        return NULL;
}

static void memory_freed_elsewhere_is_found(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(8 * MIB, 0);
        struct meeting m = { .arena = arena, .n = 64 };
        for (int round = 0; round < 20000; round++) { /* many times the arena */
                if (round % 100 == 0) {
                        pthread_t t;
                        for (int i = 0; i < m.n; i++) {
                                m.ref[i] = take(arena, 32000);
                                assert_int_equal(weft_block_share(arena, m.ref[i]), 0);
                        }
                        assert_int_equal(pthread_create(&t, NULL, free_them, &m), 0);
                        assert_int_equal(pthread_join(t, NULL), 0);
                }
        }
        assert_int_equal(census_of(arena).arena_bytes, 0);
        weft_arena_close(arena);
}

static void allocate_and_die(void *context)
{
        struct meeting *m = context;
        weft_arena_t *arena = child_reopen(m->arena, WEFT_RDWR);
        uint64_t seed = (uint64_t)getpid() * 2654435761u;
        for (int i = 0; i < 5000; i++) {
                uint64_t r = random_next(&seed);
                weft_ref_t ref = take(arena, random_size(r));
                if (r >> 40 & 1)
                        drop(arena, ref);
        }
        kill(getpid(), SIGKILL);
}

static void the_dead_leave_nothing(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(512 * MIB, 0);
        weft_ref_t mine[100];
        uint64_t sum = 0;
        for (int i = 0; i < 100; i++) {
                mine[i] = take(arena, (uint64_t)i * 777 + 1);
                sum += rounded((uint64_t)i * 777 + 1);
        }
        struct meeting m = { .arena = arena };
        for (int i = 0; i < 5; i++)
                assert_int_equal(child_run(allocate_and_die, &m), -SIGKILL);
        assert_int_equal(recover_count(arena), 1); /* who opens settles those before */
        assert_int_equal(census_of(arena).agent_bytes, sum);
        for (int i = 0; i < 100; i++)
                drop(arena, mine[i]);
        assert_int_equal(census_of(arena).agent_bytes, 0);
        weft_arena_close(arena);
}

/* The child goes on with the handle it inherited: as itself, not as its parent. */
static void child_of_fork(void *context)
{
        struct meeting *m = context;
        weft_ref_t ref = take(m->arena, 64);
        CHECK(weft_block_owner(m->arena, ref).v !=
              weft_block_owner(m->arena, m->ref[0]).v);
        CHECK(weft_block_free(m->arena, m->ref[0]) == -EPERM);
        drop(m->arena, ref);
        (void)take(m->arena, 64);
        weft_agent_leave(m->arena);
}

static void a_child_is_itself(void **unused)
{
        (void)unused;
        weft_arena_t *arena = make(8 * MIB, 0);
        struct meeting m = { .arena = arena };
        m.ref[0] = take(arena, 64);
        assert_int_equal(child_run(child_of_fork, &m), 0);
        assert_int_equal(census_of(arena).agent_bytes, 64);
        drop(arena, m.ref[0]);
        weft_arena_close(arena);
}

/* ---- hostile bytes -------------------------------------------------------------- */

static void scribble(void *context)
{
        uint64_t seed = *(uint64_t *)context;
        weft_arena_t *arena = make(8 * MIB, MIB);
        weft_ref_t refs[200], ref;
        for (int i = 0; i < 200; i++)
                refs[i] = take(arena, random_size(random_next(&seed)) / 8 + 1);
        uint64_t tables = arena->geo.regions_at - arena->geo.summaries_at;
        uint8_t *region = (uint8_t *)weft_region(arena, 0);
        for (int i = 0; i < 3000; i++) {
                uint64_t r = random_next(&seed);
                uint64_t *at = NULL;
                if (r % 8 == 0)
                        at = (uint64_t *)(void *)(arena->base + arena->geo.summaries_at +
                                                  (r >> 8) % tables / 8 * 8);
                else if (r % 8 < 4)
                        at = (uint64_t *)(void *)(region + (r >> 8) % 36864 / 8 * 8);
                else
                        at = weft_at(arena, refs[(r >> 8) % 200], 8);
                if (r % 8 >= 4 && at) /* the words in front of it */
                        at = (uint64_t *)((uintptr_t)at / PAGE * PAGE) + (r >> 24) % 64;
                if (at)
                        *at = r >> 60 ? *at ^ UINT64_C(1) << (r >> 32) % 64
                                      : random_next(&seed);
                (void)!weft_block_alloc(arena, random_size(random_next(&seed)), &ref,
                                        NULL);
                (void)!weft_block_free(arena, refs[r >> 16 & 127]);
                (void)!weft_block_share(arena, refs[r >> 24 & 127]);
                (void)!weft_block_claim(arena, refs[r >> 32 & 127]);
                char *mine = weft_at(arena, refs[r >> 40 & 127], 16);
                if (mine)
                        mine[15]++;
                refs[r >> 48 & 127] = ref;
                if (i % 500 == 0) {
                        struct weft_census census;
                        (void)!weft_arena_check(arena, &census);
                        (void)!weft_arena_trim(arena);
                }
        }
        weft_arena_close(arena);
}

static void hostile_bytes_do_no_harm(void **unused)
{
        (void)unused;
        for (uint64_t seed = 1; seed <= 40; seed++) {
                uint64_t s = seed * 0x9e3779b97f4a7c15u;
                int rc = child_run(scribble, &s);
                if (rc)
                        print_error("seed %llu\n", (unsigned long long)seed);
                assert_int_equal(rc, 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(classes_are_tight_and_aligned),
                cmocka_unit_test(blocks_hold_what_was_asked_for),
                cmocka_unit_test(bad_arguments_are_told),
                cmocka_unit_test(stale_refs_are_noticed),
                cmocka_unit_test(refs_do_not_survive_a_page),
                cmocka_unit_test(random_refs_do_no_harm),
                cmocka_unit_test(blocks_belong_to_one),
                cmocka_unit_test(rooms_above_pass_and_free),
                cmocka_unit_test(readers_need_no_seat),
                cmocka_unit_test(spans_come_and_go),
                cmocka_unit_test(a_full_arena_recovers),
                cmocka_unit_test(memory_is_given_back),
                cmocka_unit_test(a_full_tmpfs_is_enospc),
                cmocka_unit_test(a_million_random_steps),
                cmocka_unit_test(memory_freed_elsewhere_is_found),
                cmocka_unit_test(the_dead_leave_nothing),
                cmocka_unit_test(a_child_is_itself),
                cmocka_unit_test(hostile_bytes_do_no_harm),
        };
        names_begin();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
