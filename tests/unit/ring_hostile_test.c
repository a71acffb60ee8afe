/* tests/unit/ring_hostile_test.c -- rings whose words, places and headers hold garbage. */
#define _GNU_SOURCE
#include "tests/unit/ring_kit.h"

static weft_ring_t *ring;

static void make_shape(int i)
{
        ring = make_roomy(i);
}

static void try_everything(weft_ring_t *r)
{
        struct weft_ring_info info;
        struct weft_ring_item item;
        uint64_t e[20 * 8] = { 0 }, wide[8] = { 0 };
        (void)!weft_ring_info(r, &info);
        for (int i = 0; i < 3; i++) {
                for (int k = 0; k < 3; k++) {
                        (void)!weft_ring_push(r, wide, WEFT_NOW);
                        (void)!weft_ring_pop(r, wide, WEFT_NOW);
                }
                (void)!weft_ring_push(r, e, WEFT_NOW);
                (void)!weft_ring_push_n(r, e, 20, WEFT_NOW);
                (void)!weft_ring_push_record(r, e, 40, WEFT_NOW);
                if (weft_ring_loan(r, 8, &item, WEFT_NOW) == 0) {
                        memset(item.at, 0, 8);
                        (void)!weft_ring_commit(r, &item, 8);
                }
                (void)!weft_ring_peek(r, e, sizeof e);
                (void)!weft_ring_pop(r, e, WEFT_NOW);
                (void)!weft_ring_pop_n(r, e, 20, WEFT_NOW);
                (void)!weft_ring_pop_record(r, e, sizeof e, WEFT_NOW);
                if (weft_ring_take(r, &item, WEFT_NOW) == 0) {
                        memcpy(e, item.at, item.bytes < 8 ? item.bytes : 8);
                        (void)!weft_ring_release(r, &item);
                }
                (void)!weft_ring_detach(r, 0);
                (void)!weft_ring_detach(r, 1);
        }
}

static void hostile_words_do_no_harm(void **state)
{
        static const uint64_t values[] = { 0,          1,          7,
                                           8,          15,         16,
                                           255,        513,        UINT32_MAX,
                                           1ull << 59, 1ull << 60, 1ull << 63,
                                           UINT64_MAX, 1ull << 62, (1ull << 63) + 512 };
        (void)state;
        for (int i = 0; i < SHAPES; i++) {
                make_shape(i);
                struct weft_ring_shared *sh = weft_ring_sh(ring);
                weft_a64_t *words[] = { &sh->push.pos,  &sh->push.limit, &sh->pop.pos,
                                        &sh->head,      &sh->push.seat,  &sh->seal,
                                        &sh->push.turn, &sh->pop.turn };
                for (size_t w = 0; w < sizeof words / sizeof *words; w++)
                        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                                must_give(ring, 1);
                                weft_store_rlx(words[w], values[v]);
                                try_everything(ring);
                                struct weft_object_info info;
                                CHECK(weft_object_stat(arena, "r", &info) == 0);
                                CHECK(weft_object_remove(arena, "r") == 0);
                                weft_ring_close(ring);
                                make_shape(i);
                                sh = weft_ring_sh(ring);
                                weft_a64_t *fresh[] = { &sh->push.pos,  &sh->push.limit,
                                                        &sh->pop.pos,   &sh->head,
                                                        &sh->push.seat, &sh->seal,
                                                        &sh->push.turn, &sh->pop.turn };
                                memcpy(words, fresh, sizeof fresh);
                        }
                drop(ring, "r");
        }
}

static void hostile_places_are_unclean(void **state)
{
        uint64_t x;
        (void)state;
        make_shape(0);
        must_give(ring, 1);
        weft_a64_t *stamp = (weft_a64_t *)(void *)(ring->base + 56);
        for (int i = 0; i < 3; i++) {
                static const uint64_t bad[] = { 12345678, UINT64_MAX, 40 };
                weft_store_rlx(stamp, bad[i]);
                assert_int_equal(weft_ring_pop(ring, &x, WEFT_NOW), -EUCLEAN);
                assert_int_equal(weft_ring_pop(ring, &x, WEFT_NEVER), -EUCLEAN);
                assert_int_equal(weft_ring_pop_n(ring, &x, 1, WEFT_NOW), -EUCLEAN);
                assert_int_equal(weft_ring_peek(ring, &x, 8), -EUCLEAN);
        }
        weft_store_rlx(stamp, weft_load_rlx(&weft_ring_sh(ring)->pop.pos) + 1);
        assert_int_equal(must_get(ring), 1);
        drop(ring, "r");

        make_shape(1);
        must_give(ring, 1);
        struct weft_ring_record_shared *record = (void *)ring->base;
        weft_store_rlx(&record->bytes, 257);
        assert_int_equal(weft_ring_pop_record(ring, &x, 8, WEFT_NOW), -EUCLEAN);
        assert_int_equal(weft_ring_peek(ring, &x, 8), -EUCLEAN);
        weft_store_rlx(&record->bytes, 8);
        weft_store_rlx(&record->stamp, 513);
        assert_int_equal(weft_ring_pop_record(ring, &x, 8, WEFT_NEVER), -EUCLEAN);
        weft_store_rlx(&record->stamp, 512);
        assert_int_equal(must_get(ring), 1);
        drop(ring, "r");
}

static void a_hostile_header_is_not_opened(void **state)
{
        weft_ring_t *r;
        (void)state;
        for (int i = 0; i < SHAPES; i++) {
                make_shape(i);
                struct weft_ring_shared *sh = weft_ring_sh(ring), was = *sh;
                sh->room = 24;
                assert_int_equal(weft_ring_open(arena, "r", &r), -EUCLEAN);
                sh->room = UINT64_C(1) << 40;
                assert_int_equal(weft_ring_open(arena, "r", &r), -EUCLEAN);
                sh->room = was.room * 2;
                assert_int_equal(weft_ring_open(arena, "r", &r), -EUCLEAN);
                sh->room = was.room;
                sh->element_bytes = UINT32_MAX;
                assert_int_equal(weft_ring_open(arena, "r", &r), -EUCLEAN);
                sh->element_bytes = was.element_bytes;
                sh->flags = 8;
                assert_int_equal(weft_ring_open(arena, "r", &r), -EUCLEAN);
                sh->flags = was.flags;
                sh->area.v ^= 1;
                assert_int_equal(weft_ring_open(arena, "r", &r), -EUCLEAN);
                sh->area = was.area;
                drop(ring, "r");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(hostile_words_do_no_harm),
                TEST(hostile_places_are_unclean),
                TEST(a_hostile_header_is_not_opened),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
