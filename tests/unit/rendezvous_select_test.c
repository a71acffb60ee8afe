/* tests/unit/rendezvous_select_test.c -- selects that meet: one case fires on each side. */
#define _GNU_SOURCE
#include <poll.h>

#include <weft/fd.h>

#include "tests/unit/rendezvous_kit.h"

static struct weft_case push_of(void *r, const void *from)
{
        return (struct weft_case){ .object = r, .op = WEFT_OP_PUSH, .from = from };
}

static struct weft_case pop_of(void *r, void *to)
{
        return (struct weft_case){ .object = r, .op = WEFT_OP_POP, .to = to };
}

/* ---- alone ------------------------------------------------------------------------ */

static void nobody_meets_himself(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        uint64_t x = 5, y = 0;
        struct weft_case c[2] = { push_of(r, &x), pop_of(r, &y) };
        (void)state;
        assert_int_equal(weft_select(c, 2, 0, WEFT_NOW), -EAGAIN);
        uint64_t until = weft_after(60 * WEFT_MSEC);
        assert_int_equal(weft_select(c, 2, 0, until), -ETIMEDOUT);
        assert_true(weft_now() >= until);
        assert_true(y == 0 && !c[0].result && !c[1].result);
        assert_int_equal(weft_rendezvous_pop(r, &y, WEFT_NOW), -EAGAIN);
        assert_int_equal(info_of(r).met, 0);
        c[0].op = WEFT_OP_LOCK;
        assert_int_equal(weft_select(c, 2, 0, WEFT_NOW), -EPROTO);
        drop(r, "r");
}

static void one_arena_for_all(void **state)
{
        weft_rendezvous_t *r = make("r", 8), *other;
        weft_arena_t *a;
        struct weft_rendezvous_options o = { 8, 0 };
        uint64_t x = 5;
        (void)state;
        CHECK(weft_arena_create(NULL, NULL, &a) == 0);
        CHECK(weft_rendezvous_create(a, "r", &o, &other) == 0);
        struct weft_case c[2] = { pop_of(r, &x), pop_of(other, &x) };
        assert_int_equal(weft_select(c, 2, 0, WEFT_NEVER), -EINVAL);
        assert_int_equal(c[1].result, -EINVAL);
        c[1].flags = WEFT_CASE_LOOK; /* who looks offers nothing */
        assert_int_equal(weft_select(c, 2, 0, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        weft_rendezvous_close(other);
        weft_arena_close(a);
        drop(r, "r");
}

/* ---- with pushes and pops ------------------------------------------------------------- */

static void it_meets_those_who_wait(void **state)
{
        (void)state;
        for (uint32_t bytes = 8; bytes <= 8; bytes += 8) {
                weft_rendezvous_t *r = make("r", bytes), *s = make("s", bytes);
                struct party p = { .r = s, .x = 9, .deadline = WEFT_NEVER };
                uint64_t x = 5, y = 0;
                struct weft_case c[2] = { push_of(r, &x), pop_of(s, &y) };
                begin(&p, push_x);
                until_waiting(s, 1, 0);
                assert_int_equal(weft_select(c, 2, 0, WEFT_NOW), 1);
                assert_true(y == 9 && c[1].result == 0);
                assert_int_equal(end(&p), 0);
                p.r = r;
                begin(&p, pop_x);
                until_waiting(r, 0, 1);
                assert_int_equal(weft_select(c, 2, 0, WEFT_NEVER), 0);
                assert_int_equal(end(&p), 0);
                assert_int_equal(p.x, 5);
                drop(r, "r");
                drop(s, "s");
        }
}

/* A thread in a select of push r, pop q. */
static uint8_t sent[4096], got[4096];

static void *select_both(void *context)
{
        struct party *p = context;
        struct weft_case c[2] = { push_of(p->r, sent), pop_of(p->q, got) };
        p->rc = weft_select(c, 2, 0, p->deadline);
        if (p->rc >= 0 && c[p->rc].result)
                p->rc = c[p->rc].result;
        return NULL;
}

static void those_who_come_meet_it(void **state)
{
        static const uint32_t sizes[] = { 1, 8, 16, 17, 33, 4096 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                for (uint64_t lap = 0; lap < 4; lap++) {
                        uint32_t bytes = sizes[i];
                        uint8_t e[4096];
                        weft_rendezvous_t *r = make("r", bytes), *s = make("s", bytes);
                        struct party p = { .r = r, .q = s, .deadline = WEFT_NEVER };
                        paint(sent, bytes, lap);
                        begin(&p, select_both);
                        until_waiting(r, 1, 0);
                        until_waiting(s, 0, 1);
                        assert_int_equal(weft_rendezvous_push(r, e, WEFT_NOW), -EAGAIN);
                        assert_int_equal(weft_rendezvous_pop(s, e, WEFT_NOW), -EAGAIN);
                        if (lap % 2) {
                                assert_int_equal(weft_rendezvous_pop(r, e, WEFT_NOW), 0);
                                assert_true(is_painted(e, bytes, lap));
                        } else {
                                paint(e, bytes, lap + 7);
                                assert_int_equal(weft_rendezvous_push(s, e, WEFT_NOW), 0);
                        }
                        assert_int_equal(end(&p), lap % 2 ? 0 : 1);
                        if (lap % 2 == 0)
                                assert_true(is_painted(got, bytes, lap + 7));
                        assert_int_equal(info_of(r).met + info_of(s).met, 1);
                        assert_int_equal(weft_rendezvous_pop(r, e, WEFT_NOW), -EAGAIN);
                        assert_int_equal(weft_rendezvous_push(s, e, WEFT_NOW), -EAGAIN);
                        drop(r, "r");
                        drop(s, "s");
                }
}

/* Of several pushes to the same place one goes. */
static void *select_three(void *context)
{
        struct party *p = context;
        uint64_t x[3] = { 10, 11, 12 };
        struct weft_case c[3] = { push_of(p->r, &x[0]), push_of(p->r, &x[1]),
                                  push_of(p->r, &x[2]) };
        p->rc = weft_select(c, 3, 0, WEFT_NEVER);
        return NULL;
}

static void of_equal_cases_one_fires(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        (void)state;
        for (int lap = 0; lap < 9; lap++) {
                struct party p = { .r = r };
                uint64_t x;
                begin(&p, select_three);
                if (lap % 2)
                        until_waiting(r, 1, 0);
                assert_int_equal(weft_rendezvous_pop(r, &x, WEFT_NEVER), 0);
                assert_int_equal(end(&p) + 10, x);
        }
        assert_int_equal(info_of(r).met, 9);
        drop(r, "r");
}

/* ---- select with select ------------------------------------------------------------------ */

enum { PLACES = 3, PLAYERS = 4, ROUNDS = 400 };

struct play {
        weft_rendezvous_t *r[PLACES];
        _Atomic(uint64_t) pushed[PLACES], popped[PLACES];
        _Atomic(uint64_t) sum_pushed[PLACES], sum_popped[PLACES];
        _Atomic(uint32_t) late;
};

/* All places, pushing to some and popping from some, as `shape` says. */
static void play_round(struct play *play, uint32_t shape, uint64_t value)
{
        uint64_t to[2 * PLACES] = { 0 };
        struct weft_case c[2 * PLACES];
        uint32_t n = 0;
        for (uint32_t i = 0; i < PLACES; i++) {
                if (shape >> (2 * i) & 1)
                        c[n++] = push_of(play->r[i], &value);
                if (shape >> (2 * i + 1) & 1) {
                        c[n] = pop_of(play->r[i], &to[n]);
                        n++;
                }
        }
        if (!n)
                return;
        int rc = weft_select(c, n, 0, weft_after(3 * WEFT_MSEC));
        if (rc < 0) {
                CHECK(rc == -ETIMEDOUT);
                play->late++;
                return;
        }
        CHECK(c[rc].result == 0);
        for (uint32_t i = 0; i < PLACES; i++) {
                if (c[rc].object != play->r[i])
                        continue;
                if (c[rc].op == WEFT_OP_PUSH) {
                        play->pushed[i]++;
                        play->sum_pushed[i] += value;
                } else {
                        play->popped[i]++;
                        play->sum_popped[i] += to[rc];
                }
        }
}

static void play_process(void *context)
{
        struct play *play = context;
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        for (uint64_t i = 0; i < ROUNDS; i++) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                play_round(play, (uint32_t)(random >> 20), (uint64_t)getpid() << 20 | i);
        }
}

static void selects_meet_selects(void **state)
{
        struct play *play = common_make(sizeof *play);
        pid_t pids[PLAYERS];
        (void)state;
        for (int i = 0; i < PLACES; i++) {
                char name[2] = { (char)('a' + i), 0 };
                play->r[i] = make(name, 8);
        }
        for (int i = 0; i < PLAYERS; i++)
                pids[i] = child_start(play_process, play);
        for (int i = 0; i < PLAYERS; i++)
                assert_int_equal(child_end(pids[i]), 0);
        uint64_t met = 0;
        for (int i = 0; i < PLACES; i++) {
                assert_int_equal(play->pushed[i], play->popped[i]);
                assert_int_equal(play->sum_pushed[i], play->sum_popped[i]);
                assert_int_equal(info_of(play->r[i]).met, play->pushed[i]);
                met += play->pushed[i];
                weft_rendezvous_close(play->r[i]);
        }
        assert_true(met > ROUNDS / 4); /* they do find each other */
        munmap(play, sizeof *play);
}

/* Two whose every pair of cases fits: the same one fires for both, at once. */
static void *mirror(void *context)
{
        struct party *p = context;
        for (uint64_t i = 0, y; i < 2000; i++) {
                struct weft_case c[2] = { pop_of(p->r, &y), push_of(p->q, &i) };
                int rc = weft_select(c, 2, 0, WEFT_NEVER);
                CHECK(rc >= 0 && c[rc].result == 0);
                p->x += rc == 0;
                CHECK(rc || y == i);
        }
        return NULL;
}

static void two_selects_agree(void **state)
{
        weft_rendezvous_t *r = make("r", 8), *s = make("s", 8);
        struct party p = { .r = r, .q = s };
        uint64_t pushed = 0, y;
        (void)state;
        begin(&p, mirror);
        for (uint64_t i = 0; i < 2000; i++) {
                struct weft_case c[2] = { push_of(r, &i), pop_of(s, &y) };
                int rc = weft_select(c, 2, 0, WEFT_NEVER);
                CHECK(rc >= 0 && c[rc].result == 0);
                pushed += rc == 0;
                CHECK(rc == 0 || y == i);
        }
        (void)end(&p);
        assert_int_equal(pushed, p.x);
        assert_int_equal(info_of(r).met, pushed);
        assert_int_equal(info_of(s).met, 2000 - pushed);
        drop(r, "r");
        drop(s, "s");
}

/* ---- with other kinds ------------------------------------------------------------------- */

static weft_queue_t *make_queue(void)
{
        struct weft_queue_options o = { .capacity = 4, .element_bytes = 8 };
        weft_queue_t *q;
        CHECK(weft_queue_create(arena, "q", &o, &q) == 0);
        return q;
}

struct mixed {
        weft_rendezvous_t *r;
        weft_queue_t *q;
        uint64_t x, y;
        int rc;
};

static void *select_mixed(void *context)
{
        struct mixed *m = context;
        struct weft_case c[2] = { push_of(m->r, &m->x), pop_of(m->q, &m->y) };
        m->rc = weft_select(c, 2, 0, WEFT_NEVER);
        CHECK(m->rc < 0 || c[m->rc].result == 0);
        return NULL;
}

static void a_queue_may_come_first(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        weft_queue_t *q = make_queue();
        struct mixed m = { .r = r, .q = q, .x = 4 };
        pthread_t t;
        uint64_t x = 8;
        (void)state;
        for (int lap = 0; lap < 20; lap++) {
                CHECK(pthread_create(&t, NULL, select_mixed, &m) == 0);
                until_waiting(r, 1, 0);
                if (lap % 4 > 1)
                        usleep(1000);
                if (lap % 2)
                        CHECK(weft_queue_push(q, &x, WEFT_NOW) == 0);
                else
                        CHECK(weft_rendezvous_pop(r, &x, WEFT_NOW) == 0 && x == 4);
                CHECK(pthread_join(t, NULL) == 0);
                assert_int_equal(m.rc, lap % 2);
                assert_int_equal(weft_rendezvous_pop(r, &x, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_queue_pop(q, &x, WEFT_NOW), -EAGAIN);
                x = 8;
        }
        /* Both at once: one of them, and the other is still there. */
        for (int lap = 0; lap < 200; lap++) {
                CHECK(pthread_create(&t, NULL, select_mixed, &m) == 0);
                until_waiting(r, 1, 0);
                CHECK(weft_queue_push(q, &x, WEFT_NOW) == 0);
                bool met = weft_rendezvous_pop(r, &x, WEFT_NOW) == 0;
                CHECK(pthread_join(t, NULL) == 0);
                assert_int_equal(m.rc, met ? 0 : 1);
                assert_int_equal(weft_queue_pop(q, &x, WEFT_NOW), met ? 0 : -EAGAIN);
        }
        weft_queue_close(q);
        drop(r, "r");
}

static void priority_is_the_order_given(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        weft_queue_t *q = make_queue();
        struct party p = { .r = r, .deadline = WEFT_NEVER };
        uint64_t x = 1;
        struct weft_case c[2] = { push_of(q, &x), push_of(r, &x) };
        (void)state;
        begin(&p, pop_x);
        until_waiting(r, 0, 1);
        for (int i = 0; i < 4; i++)
                assert_int_equal(weft_select(c, 2, WEFT_SELECT_PRIORITY, WEFT_NEVER), 0);
        assert_int_equal(weft_select(c, 2, WEFT_SELECT_PRIORITY, WEFT_NEVER), 1);
        assert_int_equal(end(&p), 0);
        weft_queue_close(q);
        drop(r, "r");
}

/* ---- the end, the dead --------------------------------------------------------------------- */

static void what_is_shut_fires(void **state)
{
        weft_rendezvous_t *r = make("r", 8), *s = make("s", 8);
        struct party p = { .r = r, .q = s, .deadline = WEFT_NEVER };
        uint64_t y;
        (void)state;
        begin(&p, select_both);
        until_waiting(r, 1, 0);
        assert_int_equal(weft_rendezvous_shutdown(s), 0);
        assert_int_equal(end(&p), -EPIPE);
        struct weft_case c[2] = { pop_of(r, &y), pop_of(s, &y) };
        assert_int_equal(weft_select(c, 2, 0, WEFT_NEVER), 1);
        assert_int_equal(c[1].result, -EPIPE);
        c[1].flags = WEFT_CASE_LOOK;
        assert_int_equal(weft_select(c, 2, 0, WEFT_NEVER), 1);
        assert_int_equal(c[1].result, 0);
        drop(r, "r");
        drop(s, "s");
}

static weft_rendezvous_t *place; /* inherited by children */

static void select_and_die(void *unused)
{
        uint64_t x = 1;
        struct weft_case c[2] = { push_of(place, &x), pop_of(place, &x) };
        (void)unused;
        (void)!weft_select(c, 2, 0, WEFT_NEVER);
}

static void the_dead_are_not_there(void **state)
{
        uint64_t x = 0;
        (void)state;
        place = make("r", 8);
        pid_t pid = child_start(select_and_die, NULL);
        until_waiting(place, 1, 1);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(weft_rendezvous_push(place, &x, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_pop(place, &x, 1), -ETIMEDOUT);
        (void)recover_count(arena); /* or it was settled by who waited */
        assert_int_equal(weft_rendezvous_pop(place, &x, WEFT_NOW), -EAGAIN);
        drop(place, "r");
}

/* ---- looking --------------------------------------------------------------------------------- */

static void *look_for_both(void *context)
{
        struct party *p = context;
        struct weft_case c[2] = { push_of(p->r, NULL), pop_of(p->r, NULL) };
        c[0].flags = c[1].flags = WEFT_CASE_LOOK;
        p->rc = weft_select(c, 2, 0, WEFT_NEVER);
        return NULL;
}

static void who_looks_is_told(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        (void)state;
        for (int lap = 0; lap < 8; lap++) {
                struct party looks = { .r = r };
                struct party p = { .r = r, .deadline = WEFT_NEVER };
                uint64_t x = 0;
                begin(&looks, look_for_both);
                if (lap % 2)
                        usleep(1000);
                begin(&p, lap % 4 > 1 ? push_x : pop_x);
                assert_int_equal(end(&looks), lap % 4 > 1 ? 1 : 0);
                until_waiting(r, lap % 4 > 1, lap % 4 <= 1); /* and has not met it */
                if (lap % 4 > 1)
                        CHECK(weft_rendezvous_pop(r, &x, WEFT_NOW) == 0);
                else
                        CHECK(weft_rendezvous_push(r, &x, WEFT_NOW) == 0);
                assert_int_equal(end(&p), 0);
        }
        drop(r, "r");
}

static void a_descriptor_tells(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        struct party p = { .r = r, .x = 77, .deadline = WEFT_NEVER };
        uint64_t x = 0;
        int fd = weft_fd(r, WEFT_OP_POP, 0);
        struct pollfd poller = { .fd = fd, .events = POLLIN };
        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(poll(&poller, 1, 5), 0);
        begin(&p, push_x);
        assert_int_equal(poll(&poller, 1, 5000), 1);
        assert_int_equal(weft_rendezvous_pop(r, &x, WEFT_NOW), 0);
        assert_int_equal(x, 77);
        assert_int_equal(end(&p), 0);
        assert_int_equal(weft_fd_close(fd), 0);
        drop(r, "r");
}

/* ---- many ------------------------------------------------------------------------------------- */

static void any_of_127_meets(void **state)
{
        enum { N = WEFT_SELECT_MAX };
        weft_rendezvous_t *r[N];
        struct weft_case c[N];
        uint64_t x = 0;
        (void)state;
        for (int i = 0; i < N; i++) {
                char name[8];
                snprintf(name, sizeof name, "r%d", i);
                r[i] = make(name, 8);
                c[i] = pop_of(r[i], &x);
        }
        for (int i = 0; i < N; i += 21) {
                struct party p = { .r = r[i], .x = (uint64_t)i, .deadline = WEFT_NEVER };
                begin(&p, push_x);
                if (i % 2)
                        until_waiting(r[i], 1, 0);
                assert_int_equal(weft_select(c, N, 0, WEFT_NEVER), i);
                assert_int_equal(x, i);
                assert_int_equal(end(&p), 0);
        }
        for (int i = 0; i < N; i++)
                weft_rendezvous_close(r[i]);
}

/* ---- as a part of another object ------------------------------------------------------------------ */

struct whole_shared {
        uint64_t before[8];
        struct weft_rendezvous_shared part;
        struct weft_rendezvous_shared back;
};

struct whole {
        struct weft_handle handle; /* first */
        struct weft_rendezvous part, back;
};

static void part_of(const struct weft_object *o, int i, struct weft_object *part)
{
        struct whole_shared *sh = o->sh;
        *part = *o;
        part->sh = i ? &sh->back : &sh->part;
}

static int recover_whole(struct weft_object *o, uint32_t sig)
{
        int rc = 0;
        for (int i = 0; i < 2; i++) {
                struct weft_object part;
                part_of(o, i, &part);
                rc |= weft_rendezvous_kind.recover(&part, sig);
        }
        return rc;
}

static void destroy_whole(struct weft_object *o)
{
        for (int i = 0; i < 2; i++) {
                struct weft_object part;
                part_of(o, i, &part);
                weft_rendezvous_kind.destroy(&part);
        }
}

static int check_one(struct weft_object *o, uint64_t *bytes)
{
        int rc = 0;
        *bytes = sizeof(struct whole_shared) - 2 * sizeof(struct weft_rendezvous_shared);
        for (int i = 0; i < 2; i++) {
                struct weft_object part;
                uint64_t its;
                part_of(o, i, &part);
                rc |= weft_rendezvous_kind.check(&part, &its);
                *bytes += its;
        }
        return rc;
}

static void describe_whole(struct weft_object *o, struct weft_object_info *info)
{
        (void)o;
        (void)info;
}

static int view_whole(struct weft_handle *handle)
{
        struct whole *w = (struct whole *)handle;
        struct whole_shared *sh = handle->sh;
        w->part.handle = w->back.handle = *handle;
        w->part.handle.sh = &sh->part;
        w->back.handle.sh = &sh->back;
        int rc = weft_rendezvous_kind.view(&w->part.handle);
        return rc ? rc : weft_rendezvous_kind.view(&w->back.handle);
}

static int init_whole(struct weft_draft *draft)
{
        struct whole_shared *sh = draft->sh;
        struct weft_draft part = *draft;
        part.sh = &sh->part;
        int rc = weft_rendezvous_init(&part);
        part.sh = &sh->back;
        return rc ? rc : weft_rendezvous_init(&part);
}

static struct weft_kind whole_kind = {
        .name = "whole",
        .id = 0x7f7f7f02,
        .version = 1,
        .header_bytes = sizeof(struct whole_shared),
        .recover = recover_whole,
        .destroy = destroy_whole,
        .check = check_one,
        .describe = describe_whole,
        .handle_bytes = sizeof(struct whole),
        .view = view_whole,
        .waitable = &weft_rendezvous_waitable, /* cases name a part */
        .meeting = weft_rendezvous_meeting,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&whole_kind);
}

static void it_may_be_a_part(void **state)
{
        struct weft_rendezvous_options o = { 40, 0 };
        struct whole *w;
        uint64_t x[5] = { 0 }, y[5];
        (void)state;
        CHECK(weft_handle_create(arena, "w", &whole_kind, &o, init_whole, false, &w) ==
              0);
        struct party p = { .r = &w->part, .q = &w->back, .deadline = WEFT_NEVER };
        paint(sent, 40, 3);
        begin(&p, select_both);
        until_waiting(&w->part, 1, 0);
        until_waiting(&w->back, 0, 1);
        assert_int_equal(weft_rendezvous_push(&w->part, x, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_pop(&w->part, y, WEFT_NOW), 0);
        assert_true(is_painted((uint8_t *)y, 40, 3));
        assert_int_equal(end(&p), 0);
        begin(&p, select_both);
        assert_int_equal(weft_rendezvous_push(&w->back, x, WEFT_NEVER), 0);
        assert_int_equal(end(&p), 1);
        check_whole(arena);
        assert_int_equal(weft_object_remove(arena, "w"), 0);
        weft_handle_close(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(nobody_meets_himself),
                TEST(one_arena_for_all),
                TEST(it_meets_those_who_wait),
                TEST(those_who_come_meet_it),
                TEST(of_equal_cases_one_fires),
                TEST(selects_meet_selects),
                TEST(two_selects_agree),
                TEST(a_queue_may_come_first),
                TEST(priority_is_the_order_given),
                TEST(what_is_shut_fires),
                TEST(the_dead_are_not_there),
                TEST(who_looks_is_told),
                TEST(a_descriptor_tells),
                TEST(any_of_127_meets),
                TEST(it_may_be_a_part),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
