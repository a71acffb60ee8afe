/* tests/crash/channel_grid_crash.c -- two in the middle of the same channel, and a third: sends,
 * receives and drops against its end, and ends against each other.
 *
 * Whoever of them died, stood or went on: nobody holds anybody up; nothing comes twice; what
 * was sent was received, or dropped and counted, but for what a dead one had in hand; once
 * anybody was told of the end it is there for all, with the same reason. */
#include <errno.h>
#include <string.h>

#include <weft/channel.h>
#include <weft/object.h>

#include "tests/harness/grid.h"
#include "tests/harness/weft_kit.h"

enum { CAPACITY = 4, A = 101, B = 111, THIRD = 201, MOST = 64, LARGE = 24 };
/* Of self->arg: what a dead A or B may have in hand; the policy; how many are there before. */
enum { OF_A, OF_B, MODE, HELD };
enum { LEASE = 16, MEETS = 32 };

static uint64_t got[MOST];
static int n_got;
static struct weft_element hand;

static weft_channel_t *channel_of(const struct crash *c)
{
        return c->handle;
}

static bool is(const struct crash *c, uint64_t mode)
{
        return c->self->arg[MODE] & mode;
}

static int send(struct crash *c, uint64_t x, uint64_t deadline)
{
        const uint64_t e[LARGE / 8] = { x, x, x };
        return weft_channel_send(channel_of(c), e, deadline);
}

static int recv(struct crash *c, uint64_t *x, uint64_t deadline)
{
        uint64_t e[LARGE / 8];
        int rc = weft_channel_recv(channel_of(c), e, deadline);
        if (rc)
                return rc;
        CRASH_MUST(c, CRASH_BROKEN, e[0] == e[1] && e[1] == e[2]);
        *x = e[0];
        return 0;
}

static void setup(struct crash *c)
{
        struct weft_channel_options o = { .capacity = is(c, MEETS) ? 0 : CAPACITY,
                                          .element_bytes = LARGE,
                                          .policy = c->self->arg[MODE] & 15,
                                          .flags =
                                                  is(c, LEASE) ? WEFT_CHANNEL_LEASE : 0 };
        weft_channel_t *channel;
        weft_kit_create(c);
        WEFT_MUST(c, weft_channel_create(arena_of(c), "c", &o, &channel));
        c->handle = channel;
        for (uint64_t i = 1; i <= c->self->arg[HELD]; i++)
                WEFT_MUST(c, send(c, i, WEFT_NOW));
}

static void open_it(struct crash *c)
{
        weft_channel_t *channel;
        weft_kit_open(c);
        WEFT_MUST(c, weft_channel_open(arena_of(c), "c", LARGE, 0, &channel));
        c->handle = channel;
}

/* ---- A and B: value[0] is what was sent, value[1] what was received ---------------- */

static void warm(struct crash *c)
{
        struct weft_element e;
        weft_kit_join(c);
        if (is(c, MEETS))
                return;
        WEFT_MUST(c, weft_channel_loan(channel_of(c), &e));
        WEFT_MUST(c, weft_channel_release(channel_of(c), &e));
}

static void lease_one(struct crash *c)
{
        WEFT_MUST(c, weft_channel_take(channel_of(c), &hand, WEFT_NOW));
}

static bool is_end(int rc)
{
        return rc == -EPIPE || rc == -ECANCELED;
}

/* A deadline of 1 has been: who waits sleeps once, and not for long. */
static void send_as(struct crash *c, uint64_t x)
{
        int rc = send(c, x, is(c, MEETS) ? 1 : WEFT_NOW);
        CRASH_MUST(c, CRASH_BROKEN,
                   rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT || is_end(rc));
        c->note->rc = rc;
        c->note->value[0] = rc ? 0 : x;
}

static void send_a(struct crash *c)
{
        send_as(c, A);
}

static void send_b(struct crash *c)
{
        send_as(c, B);
}

static void take(struct crash *c)
{
        uint64_t x = 0;
        int rc = recv(c, &x, is(c, MEETS) ? 1 : WEFT_NOW);
        CRASH_MUST(c, CRASH_BROKEN,
                   rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT || is_end(rc));
        c->note->rc = rc;
        c->note->value[1] = rc ? 0 : x;
}

static void give_back(struct crash *c)
{
        WEFT_MUST(c, weft_channel_nack(channel_of(c), &hand));
}

static void shut_a(struct crash *c)
{
        WEFT_MUST(c, weft_channel_shutdown(channel_of(c), A));
        c->note->value[2] = 1;
}

static void shut_b(struct crash *c)
{
        WEFT_MUST(c, weft_channel_shutdown(channel_of(c), B));
        c->note->value[2] = 1;
}

static void cancel_a(struct crash *c)
{
        WEFT_MUST(c, weft_channel_cancel(channel_of(c), A));
        c->note->value[2] = 2;
}

static void cancel_b(struct crash *c)
{
        WEFT_MUST(c, weft_channel_cancel(channel_of(c), B));
        c->note->value[2] = 2;
}

static void ask(struct crash *c)
{
        uint32_t reason = 0;
        int rc = weft_channel_reason(channel_of(c), &reason);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN);
        c->note->value[3] = reason;
}

/* ---- the third ------------------------------------------------------------------- */

static void keep(struct crash *c, uint64_t x)
{
        CRASH_MUST(c, CRASH_DUPLICATED, n_got < MOST);
        got[n_got++] = x;
}

static void remember(struct crash *c, int rc)
{
        if (rc == -EPIPE && c->word[1] == 0)
                c->word[1] = 1;
        if (rc == -ECANCELED)
                c->word[1] = 2;
}

static void survive(struct crash *c)
{
        uint32_t reason = 0;
        uint64_t x;
        for (int i = 0; i < 2; i++) {
                int rc = recv(c, &x, WEFT_NOW);
                CRASH_MUST(c, CRASH_WEDGED, rc == 0 || rc == -EAGAIN || is_end(rc));
                remember(c, rc);
                if (!rc)
                        keep(c, x);
                rc = send(c, THIRD + c->word[0], WEFT_NOW);
                CRASH_MUST(c, CRASH_WEDGED, rc == 0 || rc == -EAGAIN || is_end(rc));
                remember(c, rc);
                c->word[0] += rc == 0;
        }
        if (weft_channel_reason(channel_of(c), &reason) == 0) {
                c->word[1] = c->word[1] ? c->word[1] : 1;
                c->word[2] = reason;
        }
}

/* ---- afterwards ------------------------------------------------------------------ */

static int count(const struct crash *c, uint64_t x)
{
        int n = 0;
        for (int i = 0; i < n_got; i++)
                n += got[i] == x;
        return n + (c->note->value[1] == x) + (c->other->value[1] == x);
}

/* What anybody was told is so. */
static void check_end(struct crash *c)
{
        uint64_t told = c->word[1], x;
        uint32_t reason = 0;
        const struct crash_note *notes[] = { c->note, c->other };
        for (int i = 0; i < 2; i++) {
                if (notes[i]->done && notes[i]->value[2] > told)
                        told = notes[i]->value[2];
                if (notes[i]->done && notes[i]->rc == -ECANCELED)
                        told = 2;
                if (notes[i]->done && notes[i]->rc == -EPIPE && !told)
                        told = 1;
        }
        int sent = send(c, THIRD + c->word[0], WEFT_NOW); /* before he asks: that helps */
        int rc = weft_channel_reason(channel_of(c), &reason);
        c->word[0] += sent == 0;
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN);
        CRASH_MUST(c, CRASH_LOST, !told || (rc == 0 && is_end(sent)));
        CRASH_MUST(c, CRASH_LOST, told < 2 || sent == -ECANCELED);
        CRASH_MUST(c, CRASH_BROKEN, is(c, MEETS) || (rc == 0) == is_end(sent));
        if (c->word[2])
                CRASH_MUST(c, CRASH_BROKEN, reason == c->word[2]);
        for (int i = 0; i < 2; i++)
                if (notes[i]->done && notes[i]->value[3])
                        CRASH_MUST(c, CRASH_BROKEN, reason == notes[i]->value[3]);
        if (rc == 0)
                CRASH_MUST(c, CRASH_BROKEN, reason == A || reason == B);
        if (told == 2 || sent == -ECANCELED)
                CRASH_MUST(c, CRASH_LOST, recv(c, &x, WEFT_NOW) == -ECANCELED);
}

static void check_counts(struct crash *c, uint64_t received)
{
        struct weft_channel_info info;
        uint64_t may = (c->note->done ? 0 : c->self->arg[OF_A]) +
                       (c->other->done ? 0 : c->self->arg[OF_B]);
        uint64_t unsure = c->note->done && c->other->done ? 0 : 2;
        uint64_t known = c->self->arg[HELD] + c->word[0] + (c->note->value[0] != 0) +
                         (c->other->value[0] != 0);
        WEFT_MUST(c, weft_channel_info(channel_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.length == 0 && info.leased == 0);
        CRASH_MUST(c, CRASH_LOST, info.sent >= known);
        CRASH_MUST(c, CRASH_DUPLICATED, info.sent <= known + unsure);
        uint64_t out = received + info.dropped;
        if (info.sent < out)
                crash_fail(c, CRASH_DUPLICATED, "%d sent, %d came out", (int)info.sent,
                           (int)out);
        if (info.sent - out > may)
                crash_fail(c, CRASH_LOST, "%d sent, %d came out", (int)info.sent,
                           (int)out);
}

/* A rendezvous: who says that it was sent has been heard. */
static void check_met(struct crash *c)
{
        const struct crash_note *notes[] = { c->note, c->other };
        for (int i = 0; i < 2; i++) {
                uint64_t x = notes[i]->value[0];
                const struct crash_note *o = notes[!i];
                if (notes[i]->done && x && !count(c, x))
                        CRASH_MUST(c, CRASH_LOST, !o->done); /* he took it with him */
        }
}

static void verify(struct crash *c)
{
        uint64_t x, received = 0;
        weft_kit_whole(c);
        check_end(c);
        while (recv(c, &x, WEFT_NOW) == 0)
                keep(c, x);
        for (x = 1; x < THIRD + 9; x++) {
                int times = count(c, x);
                if (times > 1)
                        crash_fail(c, CRASH_DUPLICATED, "%d is there %d times", (int)x,
                                   times);
                received += (uint64_t)times;
        }
        if (is(c, MEETS))
                check_met(c);
        else
                check_counts(c, received);
        weft_channel_close(channel_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "c"));
        weft_kit_nothing_left(c, 0);
}

#define GRID(name_, prepare_, a_, of_a, prepare_b_, b_, of_b, mode_, held_) \
        { \
                .a = { .name = "channel/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup, \
                       .open = open_it, \
                       .prepare = (prepare_), \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .arg = { of_a, of_b, mode_, held_ } }, \
                .prepare_b = (prepare_b_), .b = (b_) \
        }

enum { OLDEST = WEFT_CHANNEL_DROP_OLDEST };

static const struct grid_case cases[] = {
        GRID("send, shutdown", warm, send_a, 0, warm, shut_b, 0, 0, 2),
        GRID("send full, shutdown", warm, send_a, 0, warm, shut_b, 0, 0, CAPACITY),
        GRID("send, cancel", warm, send_a, 0, warm, cancel_b, 1, 0, 2),
        GRID("recv, shutdown", warm, take, 1, warm, shut_b, 0, 0, 1),
        GRID("recv, cancel", warm, take, 1, warm, cancel_b, 1, 0, 2),
        GRID("cancel, recv", warm, cancel_a, 1, warm, take, 1, 0, 2),
        GRID("cancel, send", warm, cancel_a, 1, warm, send_b, 0, 0, 2),
        GRID("shutdown, shutdown", warm, shut_a, 0, warm, shut_b, 0, 0, 1),
        GRID("shutdown, cancel", warm, shut_a, 0, warm, cancel_b, 1, 0, 2),
        GRID("cancel, shutdown", warm, cancel_a, 1, warm, shut_b, 0, 0, 2),
        GRID("cancel, cancel", warm, cancel_a, 1, warm, cancel_b, 1, 0, 2),
        GRID("shutdown, reason", warm, shut_a, 0, warm, ask, 0, 0, 1),
        GRID("cancel, reason", warm, cancel_a, 1, warm, ask, 0, 0, 1),
        GRID("drop, drop", warm, send_a, 1, warm, send_b, 1, OLDEST, CAPACITY),
        GRID("drop, recv", warm, send_a, 1, warm, take, 1, OLDEST, CAPACITY),
        GRID("drop, shutdown", warm, send_a, 1, warm, shut_b, 0, OLDEST, CAPACITY),
        GRID("drop, cancel", warm, send_a, 1, warm, cancel_b, 1, OLDEST, CAPACITY),
        GRID("nack, shutdown", lease_one, give_back, 0, warm, shut_b, 0, LEASE, 1),
        GRID("nack, cancel", lease_one, give_back, 1, warm, cancel_b, 1, LEASE, 2),
        GRID("cancel, nack", warm, cancel_a, 1, lease_one, give_back, 1, LEASE, 2),
        GRID("send meets, shutdown", warm, send_a, 0, warm, shut_b, 0, MEETS, 0),
        GRID("send meets, cancel", warm, send_a, 0, warm, cancel_b, 0, MEETS, 0),
        GRID("cancel, recv meets", warm, cancel_a, 0, warm, take, 1, MEETS, 0),
        GRID("send meets, recv meets", warm, send_a, 0, warm, take, 1, MEETS, 0),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
