/* tests/stress/channel_linear_stress.c -- the channel is linearizable, whoever dies.
 *
 * Many short rounds: a few processes send to and receive from a small channel of some policy;
 * in some of them it is shut down or cancelled. In most rounds one of them is stepped to a
 * random instruction first; the others run while it stands there, and it is killed, or goes
 * on later. What they saw must be what a channel can do; and what was sent and not
 * received must be counted as dropped. */
#include <errno.h>

#include <weft/channel.h>

#include "tests/check.h"
#include "tests/harness/linear_channel.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 4, DRAINER = WORKERS + 1, LARGE = 40 };
enum { NEVER_ENDS, IS_SHUT, IS_CANCELLED, BOTH, ENDINGS };

static struct weft_channel_options options; /* of the round */
static weft_channel_t *channel;
static int ending;

/* ---- operations, recorded ------------------------------------------------ */

static enum linear_answer answer_of(int rc)
{
        CHECK(rc == 0 || rc == -EAGAIN || rc == -EPIPE || rc == -ECANCELED);
        return rc == 0         ? LINEAR_DONE
               : rc == -EAGAIN ? LINEAR_REFUSED
               : rc == -EPIPE  ? (enum linear_answer)LINEAR_ENDED
                               : (enum linear_answer)LINEAR_CANCELLED;
}

static void send(unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value };
        struct linear_event *e = play_begin(process, LINEAR_SEND, value, 0);
        int rc = weft_channel_send(channel, element, WEFT_NOW);
        linear_end(play_log, e, answer_of(rc), value);
}

static int recv(unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = play_begin(process, LINEAR_RECV, 0, 0);
        int rc = weft_channel_recv(channel, element, WEFT_NOW);
        linear_end(play_log, e, answer_of(rc), rc ? 0 : element[0]);
        return rc;
}

static void end(unsigned process)
{
        bool cancels = ending == IS_CANCELLED || (ending == BOTH && play_random() % 2);
        uint64_t reason = process * 100 + 99;
        struct linear_event *e =
                play_begin(process, cancels ? LINEAR_CANCEL : LINEAR_SHUTDOWN, reason, 0);
        int rc = cancels ? weft_channel_cancel(channel, (uint32_t)reason)
                         : weft_channel_shutdown(channel, (uint32_t)reason);
        CHECK(rc == 0);
        linear_end(play_log, e, LINEAR_DONE, reason);
}

static void ask(unsigned process)
{
        struct linear_event *e = play_begin(process, LINEAR_REASON, 0, 0);
        uint32_t reason = 0;
        int rc = weft_channel_reason(channel, &reason);
        linear_end(play_log, e, answer_of(rc), reason);
}

static void operate(unsigned process)
{
        for (unsigned i = 0; i < OPERATIONS; i++) {
                uint64_t which = play_random() % 8;
                if (which == 0 && ending)
                        end(process);
                else if (which == 1 && ending)
                        ask(process);
                else if (which % 2)
                        send(process, process * 100 + i + 1);
                else
                        (void)recv(process);
        }
}

/* ---- a round ------------------------------------------------------------- */

static void make(bool victim)
{
        (void)victim;
        options = (struct weft_channel_options){
                .capacity = UINT64_C(2) << play_random() % 2,
                .element_bytes = play_random() % 2 ? 8 : LARGE,
                .policy = (uint32_t)(play_random() % (WEFT_CHANNEL_LATEST + 1)),
        };
        ending = (int)(play_random() % ENDINGS);
        CHECK(weft_channel_create(play_arena, "x", &options, &channel) == 0);
}

static uint64_t steps(void)
{
        return play_random() % 1500;
}

/* Each of the dead may have one in hand that it did not count. */
static void check_counts(const struct linear_history *h)
{
        struct weft_channel_info info;
        uint64_t received = 0, dead = 0;
        for (size_t i = 0; i < h->n; i++) {
                const struct linear_event *e = &h->event[i];
                received += e->what == LINEAR_RECV && e->to && e->answer == LINEAR_DONE;
                dead += !e->to;
        }
        CHECK(weft_channel_info(channel, &info) == 0);
        CHECK(info.length == 0 && info.leased == 0);
        uint64_t out = received + info.dropped;
        /* With LATEST the dead may have had two: the one it had, and the next. */
        uint64_t had = dead * (options.policy == WEFT_CHANNEL_LATEST ? 2 : 1);
        CHECK(info.sent >= out && info.sent - out <= had);
        if (!ending && options.policy <= WEFT_CHANNEL_FAIL)
                CHECK(info.dropped == 0);
}

static void check(void)
{
        struct linear_history h;
        if (play_random() % 2) /* with the dead settled, or not yet */
                play_settle();
        while (recv(DRAINER) == 0)
                ;
        ask(DRAINER);
        CHECK(linear_history_of(play_log, options.capacity, &h));
        h.flags = options.policy;
        check_counts(&h);
        if (linear_channel_drops(&h)) /* not too many */
                play_check(&linear_channel, &h, "");
}

static void close_channel(void)
{
        weft_channel_close(channel);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 2500,
                .seconds = 6,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_channel,
        };
        linear_channel_selftest();
        return play_rounds(&game);
}
