/* tests/unit/desk_test.c -- desks: a record for each seat in an object. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/block.h"
#include "tests/child.h"
#include "tests/desk_kind.h"
#include "tests/harness/job.h"
#include "tests/harness/step.h"

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

static struct bare *make(void)
{
        struct bare *b = NULL;
        CHECK(weft_handle_create(arena, "b", &bare_kind, NULL, bare_init, false, &b) ==
              0);
        return b;
}

static struct bare *open_it(weft_arena_t *where)
{
        struct bare *b = NULL;
        CHECK(weft_handle_open(where, "b", &bare_kind, &b) == 0);
        return b;
}

static void drop(struct bare *b)
{
        struct weft_census census;
        CHECK(weft_object_remove(arena, "b") == 0);
        weft_handle_close(b);
        (void)recover_count(arena);
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.object_bytes == 0);
}

static struct weft_agent *enter(struct bare *b)
{
        struct weft_agent *agent;
        CHECK(weft_handle_enter(&b->handle, &agent) == 0);
        return agent;
}

static void *get(struct bare *b)
{
        void *desk;
        CHECK(weft_desk_get(&b->desks, enter(b), &desk) == 0);
        CHECK(desk && desk == weft_desk_at(&b->desks, enter(b)->index));
        return desk;
}

static weft_ref_t segment_of(struct bare *b, uint32_t k)
{
        struct bare_shared *sh = b->handle.sh;
        return (weft_ref_t){ weft_load_rlx(&sh->desks.segments[k]) };
}

static weft_owner_t owner_of(struct bare *b, uint32_t k)
{
        return weft_block_owner(arena, segment_of(b, k));
}

/* ---- there, zeroed, one's own -------------------------------------------------------- */

static void write_elsewhere(void *context)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        struct bare *b = open_it(there);
        uint64_t *mine = get(b), *parents = weft_desk_at(&b->desks, 0);
        (void)context;
        for (int i = 0; i < DESK / 8; i++)
                CHECK(mine[i] == 0);
        CHECK(mine != parents && parents[0] == 4711);
        mine[1] = 4712;
        weft_handle_close(b);
        weft_arena_close(there);
}

static void a_desk_is_there_at_first_use(void **state)
{
        struct bare *b = make(), *c;
        uint32_t seat = enter(b)->index;

        (void)state;
        assert_int_equal(seat, 0);
        assert_null(weft_desk_at(&b->desks, seat));
        assert_int_equal(weft_desks_bytes(&b->desks), 0);
        uint64_t *desk = get(b);
        assert_int_equal((uintptr_t)desk % WEFT_LINE, 0);
        for (int i = 0; i < DESK / 8; i++)
                assert_int_equal(desk[i], 0);
        desk[0] = 4711;
        assert_ptr_equal(get(b), desk);
        c = open_it(arena);
        assert_ptr_equal(weft_desk_at(&c->desks, seat), desk);
        weft_handle_close(c);
        assert_true(weft_desks_bytes(&b->desks) >= WEFT_DESK_SEATS * DESK);
        assert_int_equal(owner_of(b, 0).v, weft_handle_owner(&b->handle).v);
        assert_int_equal(child_run(write_elsewhere, NULL), 0);
        const uint64_t *childs = weft_desk_at(&b->desks, 1);
        assert_int_equal(childs[1], 4712);
        assert_int_equal((const char *)childs - (const char *)desk, DESK);
        (void)recover_count(arena);
        assert_int_equal(childs[1], 4712); /* left as it is for the seat's next holder */
        drop(b);
}

enum { THREADS = 2 * WEFT_DESK_SEATS + 5 };

struct crowd {
        struct bare *b;
        pthread_barrier_t *come, *go;
        unsigned char *desk;
        uint32_t seat;
};

static void *fill(void *context)
{
        struct crowd *c = context;
        pthread_barrier_wait(c->come); /* all at once */
        c->desk = get(c->b);
        c->seat = enter(c->b)->index;
        memset(c->desk, (int)c->seat + 1, DESK);
        pthread_barrier_wait(c->go); /* until then no seat is another's */
        return NULL;
}

static void each_has_his_own(void **state)
{
        struct bare *b = make();
        struct crowd c[THREADS];
        pthread_t thread[THREADS];
        pthread_barrier_t come, go;

        (void)state;
        CHECK(pthread_barrier_init(&come, NULL, THREADS) == 0);
        CHECK(pthread_barrier_init(&go, NULL, THREADS) == 0);
        for (int i = 0; i < THREADS; i++) {
                c[i] = (struct crowd){ .b = b, .come = &come, .go = &go };
                CHECK(pthread_create(&thread[i], NULL, fill, &c[i]) == 0);
        }
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
        for (int i = 0; i < THREADS; i++) {
                for (int k = 0; k < DESK; k++)
                        CHECK(c[i].desk[k] == (unsigned char)(c[i].seat + 1));
                assert_ptr_equal(weft_desk_at(&b->desks, c[i].seat), c[i].desk);
        }
        for (uint32_t k = 0; k < 3; k++)
                assert_int_equal(owner_of(b, k).v, weft_handle_owner(&b->handle).v);
        pthread_barrier_destroy(&come);
        pthread_barrier_destroy(&go);
        drop(b);
}

/* One looks for his desk, and stands still; another adds the segment meanwhile. The first
 * does not take it for a ref to nothing. */
enum { STEPS = 150 };

static void join_first(struct crash *c)
{
        (void)enter(c->handle);
}

static void get_one(struct crash *c)
{
        struct bare *b = c->handle;
        void *desk;
        c->note->rc = weft_desk_get(&b->desks, enter(b), &desk);
}

static void who_is_first_does_not_matter(void **state)
{
        struct crash_told *told = common_make(sizeof *told);

        (void)state;
        if (!tracee_possible())
                skip();
        for (uint64_t k = 0; k < STEPS; k++) {
                struct bare *b = make();
                struct crash c = { .note = &told->note, .told = told, .handle = b };
                struct tracee t = { 0 };
                CHECK(tracee_start(&t, &c, join_first, get_one) == TRACEE_GOES);
                enum tracee_state how = tracee_step_to(&t, k);
                (void)get(b);
                CHECK(how == TRACEE_ENDED || tracee_finish(&t) == TRACEE_ENDED);
                tracee_kill(&t);
                assert_int_equal(told->note.rc, 0);
                drop(b);
        }
        munmap(told, sizeof *told);
}

/* ---- no memory ------------------------------------------------------------------------ */

static void a_full_arena_is_told(void **state)
{
        static weft_ref_t refs[60000];
        struct bare *b = make();
        void *desk;
        int n = 0;

        (void)state;
        for (uint64_t bytes = 4 << 20; bytes >= 16; bytes /= 2)
                while (weft_block_alloc(arena, bytes, &refs[n], NULL) == 0)
                        n++;
        assert_int_equal(weft_desk_get(&b->desks, enter(b), &desk), -ENOSPC);
        assert_null(desk);
        assert_int_equal(segment_of(b, 0).v, 0);
        assert_int_equal(weft_desks_bytes(&b->desks), 0);
        while (n--)
                CHECK(weft_block_free(arena, refs[n]) == 0);
        (void)get(b);
        drop(b);
}

/* ---- death ------------------------------------------------------------------------------ */

struct half {
        struct bare *b;
        bool linked;
};

/* He has made a segment, and died before he put it there, or before he handed it over. */
static void grow_and_die(void *context)
{
        struct half *h = context;
        struct bare_shared *sh = h->b->handle.sh;
        weft_ref_t ref;
        void *at;
        uint32_t k = enter(h->b)->index / WEFT_DESK_SEATS;
        CHECK(weft_block_alloc(arena, WEFT_DESK_SEATS * DESK, &ref, &at) == 0);
        memset(at, 0, WEFT_DESK_SEATS * DESK);
        if (h->linked)
                weft_store_rel(&sh->desks.segments[k], ref.v);
        raise(SIGKILL);
}

static void a_segment_has_an_owner_at_every_instant(void **state)
{
        (void)state;
        for (int linked = 0; linked < 2; linked++) {
                struct bare *b = make();
                struct half h = { b, linked };
                assert_int_equal(child_run(grow_and_die, &h), -SIGKILL);
                if (linked) { /* others use it, though it is the dead's yet */
                        *(uint64_t *)get(b) = 4711;
                        assert_int_not_equal(owner_of(b, 0).v,
                                             weft_handle_owner(&b->handle).v);
                }
                assert_int_equal(recover_count(arena), 1);
                check_whole(arena);
                assert_int_equal(segment_of(b, 0).v != 0, linked);
                if (linked) {
                        assert_int_equal(owner_of(b, 0).v,
                                         weft_handle_owner(&b->handle).v);
                        assert_int_equal(*(uint64_t *)get(b), 4711);
                }
                drop(b);
        }
}

/* ---- hostile bytes ----------------------------------------------------------------------- */

static void look_alone(void *context)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        struct bare *b = open_it(there);
        (void)context;
        CHECK(*(uint64_t *)weft_desk_at(&b->desks, 0) == 4711);
        CHECK(!weft_desk_at(&b->desks, 40));
        CHECK(weft_desks_bytes(&b->desks) > 0);
        weft_handle_close(b);
        weft_arena_close(there);
}

static void refs_to_nothing_are_told(void **state)
{
        struct bare *b = make(), *c;
        struct bare_shared *sh = b->handle.sh;
        struct weft_census census;
        uint64_t bad[] = { 1, UINT64_MAX, UINT64_C(1) << 40, 4711 };
        weft_ref_t small;
        void *desk;

        (void)state;
        CHECK(weft_block_alloc(arena, 64, &small, NULL) == 0); /* too short */
        bad[3] = small.v;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                weft_store_rlx(&sh->desks.segments[0], bad[i]);
                assert_int_equal(weft_desk_get(&b->desks, enter(b), &desk), -EUCLEAN);
                assert_null(weft_desk_at(&b->desks, 3));
                assert_int_equal(weft_desks_recover(&b->desks, enter(b)->sig), -EUCLEAN);
                assert_int_equal(weft_desks_bytes(&b->desks), -EUCLEAN);
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
                weft_desks_free(&b->desks, enter(b));
        }
        weft_store_rlx(&sh->desks.segments[0], 0);
        assert_int_equal(weft_block_bytes(arena, small) >= 64, 1); /* not freed */
        CHECK(weft_block_free(arena, small) == 0);
        *(uint64_t *)get(b) = 4711;
        weft_store_rlx(&sh->desks.segments[1], 0); /* an unknown one is none */
        assert_null(weft_desk_at(&b->desks, 40));
        c = open_it(arena);
        weft_handle_close(c);
        assert_int_equal(child_run(look_alone, NULL), 0);
        drop(b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_desk_is_there_at_first_use),
                TEST(each_has_his_own),
                TEST(who_is_first_does_not_matter),
                TEST(a_full_arena_is_told),
                TEST(a_segment_has_an_owner_at_every_instant),
                TEST(refs_to_nothing_are_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
