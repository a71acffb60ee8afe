/* tests/unit/map_claim_test.c -- a claim of the short way, and whatever else may be in its chain:
 * what others do between two of its steps is done by hand, or by a process that stands. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "structures/map_claim.h"
#include "structures/map_hash.h"

#include "tests/unit/map_kit.h"

/* ---- a claim, step by step ------------------------------------------------------ */

/* A map of 8 buckets, and a claim of `key` in it that is about to begin. */
struct scene {
        weft_map_t *map;
        struct weft_map_op op;
        struct weft_map_table table;
        struct weft_map_claim claim;
};

enum { OTHER = 77 }; /* a seat that nobody has */

static uint64_t hash_of(const weft_map_t *m, uint64_t key)
{
        return weft_map_hash_word(key, m->seed);
}

/* The n-th key, from 1000 on, of a home; the way in which its buckets are filled is `way`. */
static uint64_t key_in(const weft_map_t *m, uint32_t bits, uint64_t home, uint64_t way,
                       int n)
{
        for (uint64_t key = 1000;; key++)
                if (hash_of(m, key) >> (64 - bits) == home &&
                    (hash_of(m, key) & 1) == way && n-- == 0)
                        return key;
}

static void begin(struct scene *s, uint64_t home, uint64_t way)
{
        struct weft_map_table next;
        s->map = make_map("m", 8, 8, 0);
        CHECK(weft_map_begin(&s->op, s->map, true) == 0);
        CHECK(weft_map_tables(s->map, &s->table, &next) == 0 && s->table.bits == 3);
        uint64_t key = key_in(s->map, 3, home, way, 0);
        s->claim = (struct weft_map_claim){
                .desk = s->op.desk,
                .table = s->table.ref,
                .buckets = s->table.buckets,
                .home = &s->table.buckets[home],
                .control = weft_load_acq(&s->table.buckets[home].control),
                .next = home != 7,
                .seat = s->op.agent->index,
                .word = key,
                .hash = hash_of(s->map, key),
        };
}

static void done(struct scene *s)
{
        weft_map_end(&s->op);
        drop_map(s->map, "m");
}

static uint64_t meta_at(const struct scene *s, uint32_t bucket, uint32_t slot)
{
        return weft_load_acq(&weft_slot_cell(&s->table.buckets[bucket], slot)->hi);
}

static void set(struct scene *s, uint32_t bucket, uint32_t slot, uint64_t key,
                uint64_t value, uint64_t meta)
{
        weft_a128_t *cell = weft_slot_cell(&s->table.buckets[bucket], slot);
        weft_store_rlx(weft_slot_key(&s->table.buckets[bucket], slot), key);
        weft_store_rlx(&cell->lo, value);
        weft_store_rel(&cell->hi, meta); /* [M] */
}

/* Slots that are not EMPTY: bucket * 8 + slot of the last one. */
static int count_used(const struct scene *s, uint32_t *at)
{
        int n = 0;
        for (uint32_t i = 0; i < 64; i++)
                if (i % 8 < WEFT_MAP_SLOTS && weft_meta_state(meta_at(s, i / 8, i % 8))) {
                        *at = i;
                        n++;
                }
        return n;
}

/* ---- it gets in ------------------------------------------------------------------- */

static void a_claim_becomes_an_entry(void **state)
{
        (void)state;
        for (uint32_t i = 0; i < 16; i++) {
                struct scene s;
                uint64_t value = 0;
                uint32_t at = 0;
                begin(&s, i % 8, i / 8);
                assert_int_equal(weft_map_claim(&s.claim, 5), 2);
                assert_int_equal(count_used(&s, &at), 1);
                assert_int_equal(at, i % 8 * 8 + i / 8 * 4);
                assert_int_equal(meta_at(&s, at / 8, at % 8),
                                 weft_meta_make(2, 0, WEFT_SLOT_MEMBER));
                assert_int_equal(weft_load_rlx(&s.op.desk->table), s.table.ref);
                assert_int_equal(weft_load_rlx(&s.op.desk->slot), at);
                assert_int_equal(weft_map_get64(s.map, s.claim.word, &value), 0);
                assert_int_equal(value, 5);
                done(&s);
        }
}

/* What the key had before had a smaller version, whenever that was removed. */
static void it_is_newer_than_what_was(void **state)
{
        struct scene s;
        (void)state;
        begin(&s, 3, 0);
        weft_map_raise_floor(s.claim.home, 1000); /* the claim has seen another word */
        assert_int_equal(weft_map_claim(&s.claim, 5), 1001);
        done(&s);
        begin(&s, 3, 0);
        set(&s, 3, 0, 0, 0, weft_meta_make(2000, 0, WEFT_SLOT_EMPTY));
        weft_map_raise_floor(s.claim.home, 1000);
        assert_int_equal(weft_map_claim(&s.claim, 5), 2002);
        done(&s);
}

/* A copy: newer than that, too; and none is made of what has gone from there. */
static void a_copy_is_of_what_is_there(void **state)
{
        (void)state;
        for (int gone = 0; gone < 2; gone++) {
                struct scene s;
                uint32_t at;
                begin(&s, 3, 0);
                struct weft_map_seen source = { .bucket = &s.table.buckets[6],
                                                .slot = 2,
                                                .value = 5 };
                source.meta = weft_meta_make(3000, 0, WEFT_SLOT_FROZEN);
                set(&s, 6, 2, s.claim.word, 5, source.meta + (uint64_t)gone); /* MOVED */
                s.claim.source = &source;
                assert_int_equal(weft_map_claim(&s.claim, 5), gone ? 0 : 3001);
                assert_int_equal(count_used(&s, &at), gone ? 1 : 2);
                set(&s, 6, 2, 0, 0, 0);
                done(&s);
        }
}

/* Nobody looks further than the reach: it is raised before. Next to the last bucket is none. */
static void a_full_home_uses_the_next(void **state)
{
        (void)state;
        for (uint64_t home = 0; home < 8; home++) {
                struct scene s;
                uint32_t at = 0, most = home == 7 ? 5 : 10;
                begin(&s, home, 0);
                uint64_t first = s.claim.word, value;
                for (uint32_t n = 0; n < 12; n++) {
                        s.claim.word = key_in(s.map, 3, home, 0, (int)n);
                        s.claim.hash = hash_of(s.map, s.claim.word);
                        s.claim.control = weft_load_acq(&s.claim.home->control);
                        uint64_t version = weft_map_claim(&s.claim, n);
                        assert_int_equal(version != 0, n < most);
                        assert_int_equal(count_used(&s, &at), n < most ? n + 1 : most);
                        assert_int_equal(weft_map_get64(s.map, s.claim.word, &value),
                                         n < most ? 0 : -ENOENT);
                        uint64_t control = weft_load_acq(&s.claim.home->control);
                        assert_int_equal(weft_control_reach(&s.table, control),
                                         n < 5 || home == 7 ? 0 : 1);
                }
                for (uint32_t n = 0; n < most; n++) {
                        uint64_t key = key_in(s.map, 3, home, 0, (int)n);
                        assert_int_equal(weft_map_get64(s.map, key, &value), 0);
                        assert_int_equal(value, n);
                }
                assert_int_equal(first, key_in(s.map, 3, home, 0, 0));
                done(&s);
        }
}

/* ---- it does not ------------------------------------------------------------------- */

/* It has changed nothing, and nothing of it is left. */
static void is_refused(struct scene *s)
{
        uint32_t before, after, at = 0;
        before = (uint32_t)count_used(s, &at);
        assert_int_equal(weft_map_claim(&s->claim, 5), 0);
        after = (uint32_t)count_used(s, &at);
        assert_int_equal(before, after);
}

/* Wherever else in the chain the key is, or is wanted: also by a CLAIM whose key is not yet
 * written. */
static void a_rival_is_seen(void **state)
{
        static const struct {
                enum weft_map_state state;
                bool named; /* its key is written */
        } rivals[] = {
                { WEFT_SLOT_CLAIM, false }, { WEFT_SLOT_CLAIM, true },
                { WEFT_SLOT_TENT, true },   { WEFT_SLOT_COPY, true },
                { WEFT_SLOT_MEMBER, true }, { WEFT_SLOT_FROZEN, true },
                { WEFT_SLOT_MOVED, true },  { WEFT_SLOT_DEAD, true },
        };
        (void)state;
        for (size_t r = 0; r < sizeof rivals / sizeof *rivals; r++)
                for (uint32_t i = 0; i < 20; i++) {
                        struct scene s;
                        uint32_t bucket = 2 + i / 5 % 2, slot = i % 5;
                        begin(&s, 2, i / 10);
                        uint64_t key = s.claim.word;
                        set(&s, bucket, slot, rivals[r].named ? key : 1,
                            rivals[r].state == WEFT_SLOT_CLAIM ? key : 9,
                            weft_meta_make(7, OTHER, rivals[r].state));
                        if (bucket == 3)
                                weft_store_rlx(&s.claim.home->control,
                                               weft_control_make(0, 1, 0));
                        s.claim.control = weft_load_acq(&s.claim.home->control);
                        is_refused(&s);
                        set(&s, bucket, slot, 1, key + 1, /* of another key: none */
                            weft_meta_make(7, OTHER, rivals[r].state));
                        assert_int_not_equal(weft_map_claim(&s.claim, 5), 0);
                        set(&s, bucket, slot, 0, 0, 0);
                        done(&s);
                }
}

/* What has become of the chain since it was looked at. */
static void a_chain_that_has_changed_is_seen(void **state)
{
        struct scene s;
        (void)state;
        begin(&s, 2, 0);
        weft_store_rlx(&s.claim.home->control, weft_control_make(0, 2, 0));
        is_refused(&s); /* seen when the reach was 0 */
        s.claim.control = weft_load_acq(&s.claim.home->control);
        is_refused(&s);
        weft_store_rlx(&s.claim.home->control, 0);
        s.claim.control = 0;
        assert_int_not_equal(weft_map_claim(&s.claim, 5), 0);
        done(&s);

        begin(&s, 7, 0); /* the last one */
        weft_store_rlx(&s.claim.home->control, weft_control_make(0, 1, 0));
        is_refused(&s);
        weft_store_rlx(&s.claim.home->control, 0);
        done(&s);

        begin(&s, 2, 0);
        weft_store_rlx(&s.claim.home->control, WEFT_BUCKET_SEALED);
        is_refused(&s);
        s.claim.control = WEFT_BUCKET_SEALED;
        is_refused(&s);
        weft_store_rlx(&s.claim.home->control, 0);
        done(&s);

        begin(&s, 2, 0); /* home is full, and was sealed since: its reach stays */
        for (uint32_t i = 0; i < 5; i++)
                set(&s, 2, i, 1 + i, 9, weft_meta_make(7, 0, WEFT_SLOT_MEMBER));
        weft_store_rlx(&s.claim.home->control, WEFT_BUCKET_SEALED);
        is_refused(&s);
        assert_int_equal(weft_load_rlx(&s.claim.home->control), WEFT_BUCKET_SEALED);
        for (uint32_t i = 0; i < 5; i++)
                set(&s, 2, i, 0, 0, 0);
        weft_store_rlx(&s.claim.home->control, 0);
        done(&s);
}

/* What a reader takes for an entry, or for none. The table is put together by hand. */
static void what_is_moved_is_looked_for_further(void **state)
{
        struct scene s;
        uint64_t value = 0;
        (void)state;
        for (int warm = 0; warm < 2; warm++) {
                begin(&s, 2, 0);
                uint64_t key = s.claim.word;
                weft_map_end(&s.op);
                if (warm)
                        assert_int_equal(weft_map_remove64(s.map, key), -ENOENT);
                /* the same key in two slots: one it has left, one where it is */
                for (uint32_t i = 0; i < 50; i++) {
                        uint32_t was = i / 5, is = i % 5 + i / 25 * 5;
                        if (was == is)
                                continue;
                        set(&s, 2 + was / 5, was % 5, key, 0,
                            weft_meta_make(8, 0, WEFT_SLOT_EMPTY));
                        set(&s, 2 + is / 5, is % 5, key, 50 + i,
                            weft_meta_make(9, 0, WEFT_SLOT_MEMBER));
                        weft_store_rlx(&s.claim.home->control,
                                       weft_control_make(0, 1, 0));
                        assert_int_equal(weft_map_get64(s.map, key, &value), 0);
                        assert_int_equal(value, 50 + i);
                        assert_int_equal(weft_map_insert64(s.map, key, 1), -EEXIST);
                        assert_int_equal(weft_map_put64(s.map, key, 5), 0);
                        assert_int_equal(weft_map_get64(s.map, key, &value), 0);
                        assert_int_equal(value, 5);
                        set(&s, 2 + is / 5, is % 5, 0, 0, 0);
                        assert_int_equal(weft_map_get64(s.map, key, &value), -ENOENT);
                        set(&s, 2 + was / 5, was % 5, 0, 0, 0);
                }
                /* it has been everywhere */
                weft_store_rlx(&s.claim.home->control, weft_control_make(0, 1, 0));
                for (uint32_t is = 0; is <= 10; is++) {
                        for (uint32_t i = 0; i < 10; i++)
                                set(&s, 2 + i / 5, i % 5, key, i == is ? 50 + i : 0,
                                    weft_meta_make(9, 0,
                                                   i == is ? WEFT_SLOT_MEMBER
                                                           : WEFT_SLOT_EMPTY));
                        assert_int_equal(weft_map_get64(s.map, key, &value),
                                         is < 10 ? 0 : -ENOENT);
                        if (is < 10)
                                assert_int_equal(value, 50 + is);
                        if (is < 10)
                                assert_int_equal(weft_map_insert64(s.map, key, 1),
                                                 -EEXIST);
                }
                for (uint32_t i = 0; i < 10; i++)
                        set(&s, 2 + i / 5, i % 5, 0, 0, 0);
                /* moved to nowhere: that is not "there is none" */
                for (uint32_t i = 0; i < 10; i++) {
                        set(&s, 2 + i / 5, i % 5, key, 5,
                            weft_meta_make(9, 0, WEFT_SLOT_MOVED));
                        assert_int_equal(weft_map_get64(s.map, key, &value), -EUCLEAN);
                        set(&s, 2 + i / 5, i % 5, 0, 0, 0);
                }
                weft_store_rlx(&s.claim.home->control, WEFT_BUCKET_SEALED);
                assert_int_equal(weft_map_get64(s.map, key, &value), -EUCLEAN);
                weft_store_rlx(&s.claim.home->control, 0);
                drop_map(s.map, "m");
        }
}

/* ---- one who stands after his claim ---------------------------------------------------- */

/* Claims a key in slot 0 of its home and stands, and then wants to make it an entry; or proposes
 * it, and stands. What came of it is in the exit code. */
struct stopped {
        uint64_t key;
        bool proposes;
        bool nameless; /* its key is not yet written */
};

enum { REFUSED = 40, MADE, BURIED };

static void claim_and_stand(void *context)
{
        const struct stopped *how = context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        struct weft_map_table table, next;
        struct weft_map_op op;
        weft_map_t *m;
        CHECK(weft_map_open(there, "m", &m) == 0);
        CHECK(weft_map_begin(&op, m, true) == 0);
        CHECK(weft_map_tables(m, &table, &next) == 0);
        uint64_t home = weft_map_home(&table, hash_of(m, how->key));
        weft_a128_t *cell = weft_slot_cell(&table.buckets[home], 0);
        uint64_t meta = weft_meta_make(7, op.agent->index,
                                       how->proposes ? WEFT_SLOT_TENT : WEFT_SLOT_CLAIM);
        struct weft_pair was = { 0, 0 };
        struct weft_pair is = { how->proposes ? 33 : how->key, meta };
        weft_store_rlx(&op.desk->table, table.ref);
        weft_store_rlx(&op.desk->slot, home * 8);
        if (!how->nameless)
                weft_store_rlx(weft_slot_key(&table.buckets[home], 0), how->key);
        CHECK(weft_cas16_acq_rel(cell, &was, is)); /* [M] */
        raise(SIGSTOP);
        weft_store_rlx(weft_slot_key(&table.buckets[home], 0), how->key);
        struct weft_pair now = { 33, weft_meta_make(8, 0, WEFT_SLOT_MEMBER) };
        bool made = weft_cas16_acq_rel(cell, &is, now); /* [M] */
        struct weft_map_seen seen = { &table.buckets[home], 0, is.lo, is.hi };
        weft_map_withdraw(&seen);
        bool dead = weft_meta_state(weft_load_acq(&cell->hi)) == WEFT_SLOT_DEAD;
        weft_map_end(&op);
        weft_map_close(m);
        weft_arena_close(there);
        _exit(made ? MADE : dead ? BURIED : REFUSED);
}

static pid_t standing(struct stopped *how)
{
        int status;
        pid_t pid = child_start(claim_and_stand, how);
        CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
        return pid;
}

static int go_on(pid_t pid, bool killed)
{
        if (killed)
                return child_kill(pid);
        CHECK(kill(pid, SIGCONT) == 0);
        return child_end(pid);
}

static void the_claim_of_one_who_stands_is_refused(void **state)
{
        (void)state;
        for (int i = 0; i < 8; i++) {
                bool warm = i & 1, killed = i & 2, nameless = i & 4;
                weft_map_t *m = make_map("m", 8, 8, 0);
                struct stopped how = { key_in(m, 3, 3, 0, 0), false, nameless };
                uint64_t value = 0;
                if (warm)
                        assert_int_equal(weft_map_remove64(m, how.key), -ENOENT);
                pid_t pid = standing(&how);
                assert_int_equal(weft_map_get64(m, how.key, &value), -ENOENT);
                assert_int_equal(weft_map_remove64(m, how.key), -ENOENT);
                assert_int_equal(weft_map_insert64(m, how.key, 44), 0);
                assert_int_equal(weft_map_insert64(m, how.key, 45), -EEXIST);
                assert_int_equal(go_on(pid, killed), killed ? -SIGKILL : REFUSED);
                (void)recover_count(arena);
                assert_int_equal(weft_map_get64(m, how.key, &value), 0);
                assert_int_equal(value, 44);
                assert_int_equal(weft_map_count(m), 1);
                assert_int_equal(weft_map_remove64(m, how.key), 0);
                assert_int_equal(weft_map_get64(m, how.key, &value), -ENOENT);
                drop_map(m, "m");
        }
}

/* The table moves on meanwhile: his slot is DEAD there, and stays so. */
static void the_claim_of_one_who_stands_is_not_moved(void **state)
{
        (void)state;
        for (int killed = 0; killed < 2; killed++) {
                weft_map_t *m = make_map("m", 8, 8, 0);
                struct stopped how = { key_in(m, 3, 3, 0, 0), false, false };
                struct weft_map_table next;
                struct weft_map_op op;
                uint64_t value = 0;
                pid_t pid = standing(&how);
                assert_int_equal(weft_map_begin(&op, m, true), 0);
                assert_int_equal(weft_map_tables(m, &op.table, &next), 0);
                op.before.sh = NULL;
                assert_int_equal(weft_map_grow(&op), 0);
                weft_map_end(&op);
                assert_int_equal(weft_map_insert64(m, how.key, 44), 0);
                assert_int_equal(go_on(pid, killed), killed ? -SIGKILL : BURIED);
                for (uint64_t i = 0; i < 100; i++) /* to the end */
                        assert_int_equal(weft_map_remove64(m, i), -ENOENT);
                (void)recover_count(arena);
                assert_int_equal(weft_map_get64(m, how.key, &value), 0);
                assert_int_equal(value, 44);
                assert_int_equal(weft_map_count(m), 1);
                drop_map(m, "m");
        }
}

/* It lies before: whoever comes later decides it, and does not refuse it. */
static void the_proposal_of_one_who_stands_is_decided(void **state)
{
        (void)state;
        for (int i = 0; i < 4; i++) {
                bool warm = i & 1, killed = i & 2;
                weft_map_t *m = make_map("m", 8, 8, 0);
                struct stopped how = { key_in(m, 3, 3, 0, 0), true, false };
                uint64_t value = 0;
                if (warm)
                        assert_int_equal(weft_map_remove64(m, how.key), -ENOENT);
                pid_t pid = standing(&how);
                assert_int_equal(weft_map_get64(m, how.key, &value), -ENOENT);
                assert_int_equal(weft_map_insert64(m, how.key, 44), -EEXIST);
                assert_int_equal(weft_map_get64(m, how.key, &value), 0);
                assert_int_equal(value, 33);
                assert_int_equal(go_on(pid, killed), killed ? -SIGKILL : REFUSED);
                (void)recover_count(arena);
                assert_int_equal(weft_map_get64(m, how.key, &value), 0);
                assert_int_equal(value, 33);
                assert_int_equal(weft_map_remove64(m, how.key), 0);
                drop_map(m, "m");
        }
}

/* He is killed, and nobody asks for the key: recovery takes it out; so does removing the map. */
static void the_claim_of_the_dead_goes(void **state)
{
        (void)state;
        for (int i = 0; i < 6; i++) {
                weft_map_t *m = make_map("m", 8, 8, 0);
                struct stopped how = { key_in(m, 3, 3, 0, 0), i & 1, false };
                struct weft_map_table table, next;
                assert_int_equal(child_kill(standing(&how)), -SIGKILL);
                if (i < 4) {
                        assert_int_equal(recover_count(arena), 1);
                        assert_int_equal(weft_map_tables(m, &table, &next), 0);
                        assert_int_equal(
                                weft_meta_state(weft_load_acq(
                                        &weft_slot_cell(&table.buckets[3], 0)->hi)),
                                WEFT_SLOT_EMPTY);
                }
                drop_map(m, "m");
                (void)recover_count(arena);
                check_whole(arena);
                assert_int_equal(object_bytes(), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_claim_becomes_an_entry),
                TEST(it_is_newer_than_what_was),
                TEST(a_copy_is_of_what_is_there),
                TEST(a_full_home_uses_the_next),
                TEST(a_rival_is_seen),
                TEST(a_chain_that_has_changed_is_seen),
                TEST(what_is_moved_is_looked_for_further),
                TEST(the_claim_of_one_who_stands_is_refused),
                TEST(the_claim_of_one_who_stands_is_not_moved),
                TEST(the_proposal_of_one_who_stands_is_decided),
                TEST(the_claim_of_the_dead_goes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
