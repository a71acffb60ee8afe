/* tests/harness/linear_channel.c -- see linear_channel.h. */
#include <string.h>

#include <weft/channel.h>

#include "tests/harness/linear_channel.h"

enum { MOST = 8, OPEN = 0, ENDED = 1, CANCELLED = 2 };

struct channel {
        uint16_t element[MOST]; /* values: the first is the next to come */
        uint8_t n, end;
        uint16_t reason;
};

static void pop(struct channel *s)
{
        memmove(s->element, s->element + 1, sizeof s->element - sizeof *s->element);
        s->element[MOST - 1] = 0;
        s->n--;
}

/* The end as one is told of it. */
static bool is_told(const struct linear_event *e, const struct channel *s)
{
        return e->answer == (s->end == CANCELLED ? LINEAR_CANCELLED : LINEAR_ENDED);
}

/* Whom the end met on his way in may come in still, once there is room: he counts as before
 * it, when there may have been none. */
static bool may_squeeze_in(const struct linear_history *h, const struct linear_event *e)
{
        for (size_t i = 0; i < h->n; i++) {
                const struct linear_event *end = &h->event[i];
                if ((end->what == LINEAR_SHUTDOWN || end->what == LINEAR_CANCEL) &&
                    (!e->to || end->from < e->to) && (!end->to || e->from < end->to))
                        return true;
        }
        return false;
}

static bool is_received(const struct linear_history *h, const struct linear_event *e)
{
        for (size_t i = 0; i < h->n; i++)
                if (h->event[i].what == LINEAR_RECV && h->event[i].value == e->value)
                        return true;
        return false;
}

static bool send(const struct linear_history *h, const struct linear_event *e,
                 struct channel *s)
{
        bool waits = h->flags <= WEFT_CHANNEL_FAIL;
        if (s->end)
                return !e->to || is_told(e, s);
        if (e->to && e->answer == LINEAR_REFUSED)
                return s->n >= h->capacity && waits;
        if (e->to && e->answer != LINEAR_DONE)
                return false;
        bool newest = h->flags == WEFT_CHANNEL_DROP_NEWEST;
        if (s->n >= h->capacity && newest && !is_received(h, e))
                return true;
        if (s->n >= h->capacity && (s->n == MOST || !may_squeeze_in(h, e)))
                return false; /* who drops the oldest has done so before */
        s->element[s->n++] = (uint16_t)e->value;
        return true;
}

static bool recv(const struct linear_event *e, struct channel *s)
{
        if (s->end == CANCELLED || (s->end && !s->n))
                return !e->to || is_told(e, s);
        if (e->to && e->answer == LINEAR_REFUSED)
                return !s->n;
        if ((e->to && e->answer != LINEAR_DONE) || !s->n ||
            (e->to && s->element[0] != e->value))
                return false;
        pop(s);
        return true;
}

static void end(const struct linear_event *e, struct channel *s, uint8_t how)
{
        if (!s->end)
                s->reason = (uint16_t)e->value;
        if (how > s->end)
                s->end = how;
        while (how == CANCELLED && s->n)
                pop(s);
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        struct channel *s = state;
        switch (e->what) {
        case LINEAR_SEND:
                return send(h, e, s);
        case LINEAR_RECV:
                return recv(e, s);
        case LINEAR_DROP:
                if (!s->n)
                        return false;
                pop(s);
                return true;
        case LINEAR_SHUTDOWN:
                end(e, s, ENDED);
                return true;
        case LINEAR_CANCEL:
                end(e, s, CANCELLED);
                return true;
        default:
                if (e->to && e->answer == LINEAR_REFUSED)
                        return !s->end;
                return !e->to || (s->end && s->reason == e->value);
        }
}

static void tell(const struct linear_event *e, FILE *to)
{
        static const char *const names[] = { "send", "recv",   "drop",
                                             "shut", "cancel", "reason" };
        static const char *const answers[] = { "", " refused", " ended", " cancelled" };
        (void)fprintf(to, "%s %u%s", names[e->what], (unsigned)e->value,
                      e->to ? answers[e->answer] : "");
}

const struct linear_model linear_channel = { "channel", sizeof(struct channel), NULL,
                                             step, tell };

/* ---- drops ------------------------------------------------------------------ */

static unsigned drops_of(const struct linear_history *h, const struct linear_event *e)
{
        switch (e->what) {
        case LINEAR_SEND:
                return h->flags >= WEFT_CHANNEL_DROP_OLDEST ? 2 : 0;
        case LINEAR_RECV:
                return h->flags == WEFT_CHANNEL_LATEST &&
                                       (!e->to || e->answer == LINEAR_DONE)
                               ? 3
                               : 0;
        case LINEAR_CANCEL:
                return (unsigned)h->capacity;
        default:
                return 0;
        }
}

bool linear_channel_drops(struct linear_history *h)
{
        size_t n = h->n;
        for (size_t i = 0; i < n; i++) {
                const struct linear_event *e = &h->event[i];
                for (unsigned k = drops_of(h, e); k--;) {
                        if (h->n == LINEAR_EVENTS)
                                return false;
                        h->event[h->n++] = (struct linear_event){
                                .from = e->from,
                                .what = LINEAR_DROP,
                                .process = e->process,
                                .by = e->to ? e->to : e->by,
                        };
                }
        }
        return true;
}

/* ---- is the model right? ------------------------------------------------------- */

#define E(from_, to_, what_, value_, answer_) \
        { \
                .from = (from_), .to = (to_), .value = (value_), .what = LINEAR_##what_, \
                .answer = LINEAR_##answer_ \
        }
#define D(from_, by_) \
        { \
                .from = (from_), .by = (by_), .what = LINEAR_DROP \
        }

static const struct linear_known known[] = {
        { "fifo",
          true,
          0,
          WEFT_CHANNEL_BLOCK,
          3,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SEND, 2, DONE), E(5, 6, RECV, 1, DONE) } },
        { "not the first",
          false,
          0,
          WEFT_CHANNEL_BLOCK,
          3,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SEND, 2, DONE), E(5, 6, RECV, 2, DONE) } },
        { "refused with room",
          false,
          0,
          WEFT_CHANNEL_FAIL,
          2,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SEND, 2, REFUSED) } },
        { "the third is dropped",
          true,
          0,
          WEFT_CHANNEL_DROP_NEWEST,
          6,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SEND, 2, DONE), E(5, 6, SEND, 3, DONE),
            E(7, 8, RECV, 1, DONE), E(9, 10, RECV, 2, DONE),
            E(11, 12, RECV, 0, REFUSED) } },
        { "it was dropped",
          false,
          0,
          WEFT_CHANNEL_DROP_NEWEST,
          6,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SEND, 2, DONE), E(5, 6, SEND, 3, DONE),
            E(7, 8, RECV, 1, DONE), E(9, 10, RECV, 2, DONE), E(11, 12, RECV, 3, DONE) } },
        { "the first is dropped",
          true,
          0,
          WEFT_CHANNEL_DROP_OLDEST,
          5,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SEND, 2, DONE), E(5, 6, SEND, 3, DONE),
            D(5, 6), E(7, 8, RECV, 2, DONE) } },
        { "dropped when nobody did",
          false,
          0,
          WEFT_CHANNEL_DROP_OLDEST,
          3,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SEND, 2, DONE), E(7, 8, RECV, 2, DONE) } },
        { "drained, then told",
          true,
          0,
          WEFT_CHANNEL_BLOCK,
          5,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SHUTDOWN, 7, DONE), E(5, 6, RECV, 1, DONE),
            E(7, 8, RECV, 0, ENDED), E(9, 10, SEND, 2, ENDED) } },
        { "sent after the end",
          false,
          0,
          WEFT_CHANNEL_BLOCK,
          2,
          { E(3, 4, SHUTDOWN, 7, DONE), E(5, 6, SEND, 1, DONE) } },
        { "told before it is drained",
          false,
          0,
          WEFT_CHANNEL_BLOCK,
          3,
          { E(1, 2, SEND, 1, DONE), E(3, 4, SHUTDOWN, 7, DONE),
            E(5, 6, RECV, 0, ENDED) } },
        { "the first reason stays",
          true,
          0,
          WEFT_CHANNEL_BLOCK,
          3,
          { E(3, 6, SHUTDOWN, 7, DONE), E(4, 5, CANCEL, 8, DONE),
            E(7, 8, REASON, 7, DONE) } },
        { "another reason",
          false,
          0,
          WEFT_CHANNEL_BLOCK,
          3,
          { E(3, 4, SHUTDOWN, 7, DONE), E(5, 6, CANCEL, 8, DONE),
            E(7, 8, REASON, 8, DONE) } },
        { "cancelled drops all",
          true,
          0,
          WEFT_CHANNEL_BLOCK,
          3,
          { E(1, 2, SEND, 1, DONE), E(3, 4, CANCEL, 7, DONE),
            E(5, 6, RECV, 0, CANCELLED) } },
        { "received after a cancel",
          false,
          0,
          WEFT_CHANNEL_BLOCK,
          3,
          { E(1, 2, SEND, 1, DONE), E(3, 4, CANCEL, 7, DONE), E(5, 6, RECV, 1, DONE) } },
        { "one who died cancelling",
          true,
          0,
          WEFT_CHANNEL_BLOCK,
          3,
          { E(1, 2, SEND, 1, DONE), E(3, 0, CANCEL, 7, DONE), E(5, 6, RECV, 1, DONE) } },
};

void linear_channel_selftest(void)
{
        linear_test(&linear_channel, 2, known, sizeof known / sizeof *known);
}
