/* tests/unit/hot_test.c -- hot streams: items, the one end, types, loans, select, arguments. */
#define _GNU_SOURCE
#include "codata/hot_internal.h"
#include "tests/unit/hot_kit.h"

/* ---- items --------------------------------------------------------------------- */

static void all_who_listen_get_all_there_is(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_hot_t *hot = make(8, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *a = join(hot, OLDEST, 0);
                CHECK(none(a, WEFT_NOW) == -EAGAIN);
                CHECK(none(a, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                put_all(hot, 0, 5);
                weft_hot_subscriber_t *b = join(hot, OLDEST, 0);
                weft_hot_subscriber_t *c = join(hot, NEW, 0);
                weft_hot_subscriber_t *d = join(hot, SEQUENCE, 3);
                CHECK(weft_hot_lag(a) == 5 && weft_hot_lag(c) == 0);
                get_all(a, 0, 5);
                get_all(b, 0, 5);
                get_all(d, 3, 5);
                put_all(hot, 5, 7);
                get_all(c, 5, 7);
                CHECK(weft_hot_seek(c, SEQUENCE, 2) == 0);
                get_all(c, 2, 7);
                struct weft_hot_info info = info_of(hot);
                CHECK(info.capacity == 8 && info.emitted == 7 && info.retained == 7);
                CHECK(info.lag == 2 && info.lost == 0 && info.subscribers == 4);
                CHECK(info.element_bytes == m->bytes && info.policy == m->policy);
                CHECK(info.flags == m->flags && !info.ended && !info.driver);
                CHECK(info.producer == (m->flags ? (uint32_t)getpid() : 0));
                weft_hot_unsubscribe(a);
                weft_hot_unsubscribe(b);
                weft_hot_unsubscribe(c);
                weft_hot_unsubscribe(d);
                drop(hot);
        }
}

static void who_is_slow_loses_or_holds_up(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_hot_t *hot = make(4, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                put_all(hot, 0, 4);
                if (m->policy == BLOCK) {
                        CHECK(try_put(hot, 9) == -EAGAIN);
                        get_all(s, 0, 4);
                } else {
                        put_all(hot, 4, 10);
                        get(s, 6, 6, 6);
                        get_all(s, 7, 10);
                        CHECK(weft_hot_lost(s) == 6 && info_of(hot).lost == 6);
                }
                weft_hot_unsubscribe(s);
                drop(hot);
        }
}

static void batches(void **state)
{
        uint64_t in[20], out[20], sequence, lost;
        (void)state;
        for (uint64_t i = 0; i < 20; i++)
                in[i] = i;
        for (int flags = 0; flags < 2; flags++) {
                weft_hot_t *hot = make(16, 8, BLOCK, flags ? ONE : MANY);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                CHECK(weft_hot_emit_n(hot, in, 0, WEFT_NEVER) == 0);
                CHECK(weft_hot_next_n(s, out, 0, NULL, NULL, WEFT_NEVER) == 0);
                CHECK(weft_hot_next_n(s, out, 3, NULL, NULL, WEFT_NOW) == -EAGAIN);
                CHECK(weft_hot_emit_n(hot, in, 20, WEFT_NOW) == 16);
                CHECK(weft_hot_emit_n(hot, in, 4, WEFT_NOW) == -EAGAIN);
                CHECK(weft_hot_next_n(s, out, 10, &sequence, &lost, WEFT_NOW) == 10);
                CHECK(sequence == 0 && !lost && !memcmp(in, out, 80));
                CHECK(weft_hot_next_n(s, out, 10, &sequence, &lost, WEFT_NOW) == 6);
                CHECK(sequence == 10 && !lost && !memcmp(in + 10, out, 48));
                CHECK(weft_hot_finish(hot, 0) == 0);
                CHECK(weft_hot_emit_n(hot, in, 4, WEFT_NEVER) == -EPIPE);
                CHECK(weft_hot_next_n(s, out, 10, &sequence, &lost, WEFT_NEVER) == 0);
                weft_hot_unsubscribe(s);
                drop(hot);
        }
}

static void in_place(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_hot_t *hot = make(4, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                uint64_t sequence, lost, x = 7;
                const void *at;
                void *to;
                CHECK(weft_hot_take(s, &at, NULL, NULL, WEFT_NOW) == -EAGAIN);
                CHECK(weft_hot_release(s) == -EINVAL);
                CHECK(weft_hot_loan(hot, &to, WEFT_NOW) == 0);
                CHECK(weft_hot_cancel(hot) == 0);
                CHECK(weft_hot_commit(hot, WEFT_NOW) == -EINVAL);
                CHECK(weft_hot_loan(hot, &to, WEFT_NOW) == 0);
                memcpy(to, &x, sizeof x);
                CHECK(weft_hot_commit(hot, WEFT_NOW) == 0);
                CHECK(weft_hot_take(s, &at, &sequence, &lost, WEFT_NOW) == 1);
                CHECK(!memcmp(at, &x, sizeof x) && sequence == 0 && lost == 0);
                CHECK(none(s, WEFT_NOW) == -EBUSY);
                CHECK(weft_hot_release(s) == 0);
                put_all(hot, 1, 5);
                CHECK(weft_hot_take(s, &at, &sequence, &lost, WEFT_NOW) == 1);
                if (m->policy == DROP) {
                        put_all(hot, 5, 6);
                        CHECK(weft_hot_release(s) == -ENOENT);
                        get(s, 2, 2, 1);
                } else {
                        CHECK(weft_hot_release(s) == 0);
                }
                CHECK(weft_hot_finish(hot, -EIO) == 0);
                while (weft_hot_take(s, &at, NULL, NULL, WEFT_NOW) == 1)
                        CHECK(weft_hot_release(s) == 0);
                CHECK(weft_hot_take(s, &at, NULL, NULL, WEFT_NOW) == -EIO);
                weft_hot_unsubscribe(s);
                drop(hot);
        }
}

/* ---- the end ---------------------------------------------------------------------- */

static void there_is_one_end_and_it_stays(void **state)
{
        static const int ends[] = { 0,      -EIO,     -EOWNERDEAD, -ETIMEDOUT,
                                    -EPIPE, -EUCLEAN, -4095 };
        (void)state;
        EACH_MODE(m)
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
                weft_hot_t *hot = make(8, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                void *to;
                put_all(hot, 0, 3);
                CHECK(weft_hot_finish(hot, ends[i]) == 0);
                CHECK(weft_hot_finish(hot, ends[i]) == -EALREADY);
                CHECK(weft_hot_finish(hot, -ENXIO) == -EALREADY);
                CHECK(weft_hot_finish(hot, 0) == -EALREADY);
                CHECK(try_put(hot, 9) == -EPIPE);
                CHECK(weft_hot_loan(hot, &to, WEFT_NEVER) == -EPIPE);
                CHECK(weft_hot_claim(hot, NULL, WEFT_NEVER) == -EPIPE);
                get_all(s, 0, 3);
                for (int k = 0; k < 3; k++)
                        CHECK(none(s, WEFT_NEVER) == ends[i]);
                weft_hot_subscriber_t *late = join(hot, OLDEST, 0);
                get_all(late, 0, 3);
                CHECK(none(late, WEFT_NEVER) == ends[i]);
                CHECK(weft_hot_seek(late, SEQUENCE, 2) == 0);
                get_all(late, 2, 3);
                CHECK(none(late, WEFT_NEVER) == ends[i]);
                struct weft_hot_info info = info_of(hot);
                CHECK(info.ended == 1 && info.error == ends[i] && info.emitted == 3);
                CHECK(!info.driver && !info.driver_died);
                check_whole(arena);
                weft_hot_unsubscribe(s);
                weft_hot_unsubscribe(late);
                drop(hot);
        }
}

static void an_end_that_nobody_wrote_is_unclean(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_hot_t *hot = make(8, m->bytes, m->policy, m->flags);
                struct weft_census census;
                CHECK(weft_tally_set_once(&weft_hot_sh(hot)->end, 5000));
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
                assert_int_equal(census.corrupt, 1);
                drop(hot);
        }
}

/* ---- the seat ------------------------------------------------------------------------ */

static struct gate tried;

static void *claim_too(void *context)
{
        uint64_t emitted = UNTOLD;
        CHECK(weft_hot_claim(context, NULL, WEFT_NOW) == -EAGAIN);
        CHECK(weft_hot_claim(context, NULL, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
        CHECK(weft_hot_yield(context) == -EPERM);
        gate_open(&tried, 1);
        CHECK(weft_hot_claim(context, &emitted, soon()) == 0);
        CHECK(emitted == 2);
        put_all(context, 2, 3);
        CHECK(weft_hot_yield(context) == 0);
        return NULL;
}

static void one_drives_at_a_time_and_nobody_minds_if_he_yields(void **state)
{
        pthread_t other;
        uint64_t emitted = UNTOLD;
        (void)state;
        tried = gate_make();
        EACH_MODE(m)
        {
                weft_hot_t *hot = make(8, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                void *to;
                CHECK(weft_hot_yield(hot) == -EPERM);
                CHECK(weft_hot_claim(hot, &emitted, WEFT_NOW) == 0 && emitted == 0);
                CHECK(weft_hot_claim(hot, &emitted, WEFT_NEVER) == -EDEADLK);
                CHECK(info_of(hot).driver == (uint32_t)getpid());
                put_all(hot, 0, 2);
                CHECK(pthread_create(&other, NULL, claim_too, hot) == 0);
                gate_pass(&tried);
                while (!info_of(hot).standing_by)
                        usleep(100);
                if (m->flags == ONE) {
                        CHECK(weft_hot_loan(hot, &to, WEFT_NOW) == 0);
                        CHECK(weft_hot_yield(hot) == -EBUSY);
                        CHECK(weft_hot_cancel(hot) == 0);
                }
                CHECK(weft_hot_yield(hot) == 0);
                CHECK(pthread_join(other, NULL) == 0);
                get_all(s, 0, 3);
                CHECK(none(s, WEFT_NOW) == -EAGAIN);
                CHECK(info_of(hot).driver == 0 && !info_of(hot).driver_died);
                CHECK(info_of(hot).taken_over == 0);
                CHECK(weft_hot_claim(hot, &emitted, WEFT_NOW) == 0 && emitted == 3);
                CHECK(weft_hot_finish(hot, 0) == 0);
                CHECK(weft_hot_yield(hot) == 0);
                CHECK(weft_hot_claim(hot, &emitted, WEFT_NOW) == -EPIPE);
                CHECK(none(s, WEFT_NEVER) == 0);
                weft_hot_unsubscribe(s);
                drop(hot);
        }
        gate_drop(&tried);
}

static void *drive_and_end(void *context)
{
        CHECK(weft_hot_claim(context, NULL, WEFT_NOW) == 0);
        put_all(context, 0, 3);
        return NULL;
}

static void a_thread_that_ends_without_yielding_is_as_dead(void **state)
{
        pthread_t other;
        uint64_t emitted = UNTOLD;
        (void)state;
        EACH_MODE(m)
        {
                weft_hot_t *hot = make(8, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                weft_hot_subscriber_t *patient = join(hot, OLDEST, 0);
                CHECK(weft_hot_patient(patient, 1) == 0);
                CHECK(pthread_create(&other, NULL, drive_and_end, hot) == 0);
                CHECK(pthread_join(other, NULL) == 0);
                get_all(s, 0, 3);
                for (int i = 0; i < 3; i++)
                        CHECK(none(s, WEFT_NEVER) == -EOWNERDEAD);
                get_all(patient, 0, 3);
                CHECK(none(patient, WEFT_NOW) == -EAGAIN);
                CHECK(info_of(hot).driver_died && !info_of(hot).driver);
                CHECK(weft_hot_claim(hot, &emitted, WEFT_NOW) == 0 && emitted == 3);
                CHECK(!info_of(hot).driver_died && info_of(hot).taken_over == 1);
                CHECK(none(s, WEFT_NOW) == -EAGAIN);
                put_all(hot, 3, 5);
                get_all(s, 3, 5);
                get_all(patient, 3, 5);
                CHECK(weft_hot_yield(hot) == 0);
                CHECK(none(s, WEFT_NOW) == -EAGAIN);
                CHECK(weft_hot_claim(hot, &emitted, WEFT_NOW) == 0 && emitted == 5);
                CHECK(weft_hot_yield(hot) == 0);
                weft_hot_unsubscribe(s);
                weft_hot_unsubscribe(patient);
                drop(hot);
        }
}

static void the_end_goes_before_the_drivers_death(void **state)
{
        pthread_t other;
        (void)state;
        weft_hot_t *hot = make(8, 8, BLOCK, ONE);
        weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
        CHECK(pthread_create(&other, NULL, drive_and_end, hot) == 0);
        CHECK(pthread_join(other, NULL) == 0);
        CHECK(weft_hot_finish(hot, -EIO) == 0);
        get_all(s, 0, 3);
        CHECK(none(s, WEFT_NEVER) == -EIO);
        weft_hot_unsubscribe(s);
        drop(hot);
}

/* ---- types ------------------------------------------------------------------------------ */

static void types_must_fit(void **state)
{
        struct weft_hot_options o = {
                .capacity = 4, .tag = 77, .element_bytes = 8, .policy = DROP
        };
        weft_hot_t *hot, *other = NULL;
        (void)state;
        CHECK(weft_hot_create(arena, "h", &o, &hot) == 0);
        CHECK(info_of(hot).tag == 77);
        CHECK(weft_hot_create(arena, "h", &o, &other) == -EEXIST && !other);
        CHECK(weft_hot_create_or_open(arena, "h", &o, &other) == 0);
        weft_hot_close(other);
        for (int i = 0; i < 4; i++) {
                struct weft_hot_options p = o;
                p.tag += i == 0;
                p.element_bytes += i == 1;
                p.policy = i == 2 ? BLOCK : DROP;
                p.flags = i == 3 ? ONE : 0;
                CHECK(weft_hot_create_or_open(arena, "h", &p, &other) == -EPROTO);
                CHECK(!other);
        }
        CHECK(weft_hot_open(arena, "h", 8, 77, &other) == 0);
        weft_hot_close(other);
        CHECK(weft_hot_open(arena, "h", 0, 77, &other) == 0);
        weft_hot_close(other);
        CHECK(weft_hot_open(arena, "h", 8, 0, &other) == 0);
        weft_hot_close(other);
        CHECK(weft_hot_open(arena, "h", 4, 77, &other) == -EPROTO && !other);
        CHECK(weft_hot_open(arena, "h", 8, 78, &other) == -EPROTO && !other);
        CHECK(weft_hot_open(arena, "none", 8, 78, &other) == -ENOENT && !other);
        weft_broadcast_t *ring = NULL;
        CHECK(weft_broadcast_open(arena, "h", &ring) == -EPROTO && !ring);
        drop(hot);
        o.tag = 0;
        CHECK(weft_hot_create(arena, "h", &o, &hot) == 0);
        CHECK(weft_hot_open(arena, "h", 8, 78, &other) == 0);
        weft_hot_close(other);
        drop(hot);
}

/* ---- select ------------------------------------------------------------------------------- */

static void in_a_select(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_hot_t *hot = make(4, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                weft_hot_subscriber_t *t = join(hot, OLDEST, 0);
                uint64_t item[MOST_BYTES / 8] = { 0 };
                struct weft_case c[3] = {
                        { .object = s, .op = WEFT_OP_POP, .to = item },
                        { .object = t, .op = WEFT_OP_POP, .to = item },
                        { .object = hot, .op = WEFT_OP_PUSH, .from = item },
                };
                pthread_t other;
                CHECK(weft_select(c, 2, 0, WEFT_NOW) == -EAGAIN);
                CHECK(weft_select(c, 2, 0, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                CHECK(weft_select(&c[2], 1, 0, WEFT_NOW) == 0 && !c[2].result);
                c[0].flags = WEFT_CASE_LOOK;
                CHECK(weft_select(c, 1, 0, WEFT_NEVER) == 0 && !c[0].result);
                c[0].flags = 0;
                CHECK(weft_select(c, 1, 0, WEFT_NEVER) == 0 && !c[0].result && !c[0].n);
                CHECK(weft_select(c, 2, 0, WEFT_NEVER) == 1 && !c[1].result && !c[1].n);
                if (m->flags == ONE)
                        CHECK(weft_hot_resign(hot) == 0);
                CHECK(pthread_create(&other, NULL, drive_and_end, hot) == 0);
                for (uint64_t i = 0; i < 3; i++) {
                        CHECK(weft_select(c, 1, 0, soon()) == 0 && c[0].n == i + 1);
                        CHECK(!c[0].result && item[0] == i);
                }
                CHECK(pthread_join(other, NULL) == 0);
                CHECK(weft_select(c, 1, 0, soon()) == 0 && c[0].result == -EOWNERDEAD);
                CHECK(weft_hot_finish(hot, m->bytes == 8 ? 0 : -EIO) == 0);
                CHECK(weft_select(c, 1, 0, soon()) == 0);
                CHECK(c[0].result == (m->bytes == 8 ? -EPIPE : -EIO));
                CHECK(weft_select(&c[2], 1, 0, WEFT_NOW) == 0 && c[2].result == -EPIPE);
                c[0].op = WEFT_OP_WAIT;
                CHECK(weft_select(c, 1, 0, WEFT_NOW) == -EPROTO);
                c[2].op = WEFT_OP_POP;
                c[2].to = item;
                CHECK(weft_select(&c[2], 1, 0, WEFT_NOW) == -EPROTO);
                weft_hot_unsubscribe(s);
                weft_hot_unsubscribe(t);
                drop(hot);
        }
}

/* ---- arguments and room ----------------------------------------------------------------------- */

static int count_one(const struct weft_subscriber_info *info, void *context)
{
        CHECK(info->pid == (uint32_t)getpid());
        ++*(int *)context;
        return 0;
}

static void bad_arguments_are_refused(void **state)
{
        struct weft_hot_options good = { .capacity = 4, .element_bytes = 8 };
        struct weft_hot_info info;
        weft_hot_t *hot = NULL;
        weft_hot_subscriber_t *s;
        const void *at;
        void *to;
        uint64_t x = 0;
        int n = 0;
        (void)state;
        for (int i = 0; i < 7; i++) {
                struct weft_hot_options o = good;
                o.capacity = i == 0 ? 0 : i == 1 ? WEFT_BROADCAST_CAPACITY_MAX + 1 : 4;
                o.element_bytes = i == 2   ? 0
                                  : i == 3 ? WEFT_BROADCAST_ELEMENT_MAX + 1
                                           : 8;
                o.policy = i == 4 ? 2 : 0;
                o.flags = i == 5 ? 2 : 0;
                o.subscribers = i == 6 ? WEFT_BROADCAST_SUBSCRIBERS_MAX + 1 : 0;
                CHECK(weft_hot_create(arena, "h", &o, &hot) == -EINVAL && !hot);
        }
        CHECK(weft_hot_create(arena, "h", NULL, &hot) == -EINVAL);
        CHECK(weft_hot_create(arena, "h", &good, NULL) == -EINVAL);
        CHECK(weft_hot_create(NULL, "h", &good, &hot) == -EINVAL);
        CHECK(weft_hot_open(arena, "h", 0, 0, NULL) == -EINVAL);
        CHECK(weft_hot_create(arena, "h", &good, &hot) == 0);
        s = join(hot, OLDEST, 0);
        CHECK(weft_hot_emit(NULL, &x, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_emit(hot, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_emit_n(NULL, &x, 1, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_emit_n(hot, NULL, 1, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_loan(NULL, &to, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_loan(hot, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_commit(NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_cancel(NULL) == -EINVAL && weft_hot_resign(NULL) == -EINVAL);
        CHECK(weft_hot_finish(NULL, 0) == -EINVAL && weft_hot_finish(hot, 1) == -EINVAL);
        CHECK(weft_hot_finish(hot, -4096) == -EINVAL);
        CHECK(weft_hot_finish(hot, -EAGAIN) == -EINVAL);
        CHECK(weft_hot_claim(NULL, &x, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_yield(NULL) == -EINVAL);
        CHECK(weft_hot_subscribe(NULL, OLDEST, 0, &s) == -EINVAL);
        CHECK(weft_hot_subscribe(hot, OLDEST, 0, NULL) == -EINVAL);
        CHECK(weft_hot_next(NULL, &x, NULL, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_next(s, NULL, NULL, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_next_n(NULL, &x, 1, NULL, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_next_n(s, NULL, 1, NULL, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_take(NULL, &at, NULL, NULL, 0) == -EINVAL);
        CHECK(weft_hot_take(s, NULL, NULL, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_hot_release(NULL) == -EINVAL);
        CHECK(weft_hot_seek(NULL, OLDEST, 0) == -EINVAL);
        CHECK(weft_hot_patient(NULL, 1) == -EINVAL);
        CHECK(weft_hot_lag(NULL) == -EINVAL && weft_hot_lost(NULL) == 0);
        CHECK(weft_hot_info(NULL, &info) == -EINVAL);
        CHECK(weft_hot_info(hot, NULL) == -EINVAL);
        CHECK(weft_hot_list(NULL, count_one, &n) == -EINVAL);
        CHECK(weft_hot_list(hot, NULL, &n) == -EINVAL);
        CHECK(weft_hot_list(hot, count_one, &n) == 0 && n == 1);
        CHECK(weft_hot_owner(NULL).v == 0 && weft_hot_owner(hot).v != 0);
        CHECK(weft_object_remove(arena, "h") == -EBUSY); /* somebody subscribes */
        weft_hot_unsubscribe(NULL);
        weft_hot_unsubscribe(s);
        weft_hot_close(NULL);
        drop(hot);
}

static void a_full_arena_is_an_error(void **state)
{
        struct weft_arena_options small = { .max_bytes = 4 << 20 };
        struct weft_hot_options o = { .capacity = 1 << 20, .element_bytes = 64 };
        struct weft_object_info info;
        weft_arena_t *a;
        weft_hot_t *hot;
        (void)state;
        CHECK(weft_arena_create(NULL, &small, &a) == 0);
        for (int i = 0; i < 3; i++)
                CHECK(weft_hot_create(a, "h", &o, &hot) == -ENOSPC && !hot);
        CHECK(weft_object_stat(a, "h", &info) == -ENOENT);
        check_whole(a);
        o.capacity = 16;
        CHECK(weft_hot_create(a, "h", &o, &hot) == 0);
        weft_hot_close(hot);
        check_whole(a);
        weft_arena_close(a);
}

static void what_people_are_told(void **state)
{
        struct weft_object_info info;
        (void)state;
        weft_hot_t *hot = make(4, 8, DROP, ONE);
        put_all(hot, 0, 2);
        CHECK(weft_hot_claim(hot, NULL, WEFT_NOW) == 0);
        CHECK(weft_object_stat(arena, "h", &info) == 0);
        CHECK(!strcmp(info.kind, "hot"));
        CHECK(strstr(info.detail, "2 of 4 retained") &&
              strstr(info.detail, "seat held by"));
        CHECK(weft_hot_finish(hot, -EIO) == 0);
        CHECK(weft_hot_yield(hot) == 0);
        CHECK(weft_object_stat(arena, "h", &info) == 0);
        CHECK(strstr(info.detail, "shut: ") && !strstr(info.detail, "driver"));
        drop(hot);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(all_who_listen_get_all_there_is),
                TEST(who_is_slow_loses_or_holds_up),
                TEST(batches),
                TEST(in_place),
                TEST(there_is_one_end_and_it_stays),
                TEST(an_end_that_nobody_wrote_is_unclean),
                TEST(one_drives_at_a_time_and_nobody_minds_if_he_yields),
                TEST(a_thread_that_ends_without_yielding_is_as_dead),
                TEST(the_end_goes_before_the_drivers_death),
                TEST(types_must_fit),
                TEST(in_a_select),
                TEST(bad_arguments_are_refused),
                TEST(a_full_arena_is_an_error),
                TEST(what_people_are_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
