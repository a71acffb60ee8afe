/* codata/stream_hot.c -- a hot stream as source and as sink of a cold one. */
#include "codata/hot_internal.h"
#include "codata/stream_internal.h"

/* ---- the source -------------------------------------------------------------------- */

struct source {
        weft_hot_subscriber_t *subscriber;
        bool strict; /* what is lost is an error */
};

/* An end that would mean "go on waiting" to who pulls is told as what it was: a no. */
static int end_of(const weft_hot_subscriber_t *s)
{
        int error = weft_hot_told(s, -EPIPE);
        return weft_stream_later(error) ? -ECANCELED : error;
}

static int64_t hot_pull(weft_stream_t *s, void *state, void *items, size_t n,
                        uint64_t deadline)
{
        struct source *h = state;
        uint64_t lost = 0;
        (void)s;
        int64_t got = weft_broadcast_next_n(h->subscriber->ring, items, n, NULL, &lost,
                                            deadline);
        if (__builtin_expect(lost && h->strict, 0)) {
                weft_stream_say("hot: %llu items were lost", (unsigned long long)lost);
                return -EOVERFLOW;
        }
        return got == -EPIPE ? end_of(h->subscriber) : got;
}

static const struct weft_stream_class hot_class = { .name = "hot", .pull = hot_pull };

weft_stream_t *weft_stream_of_hot(weft_hot_subscriber_t *subscriber, uint32_t flags)
{
        struct source *h = NULL;
        if (!subscriber || flags & ~(uint32_t)WEFT_HOT_LOSS_FAILS)
                return weft_stream_spoil(NULL, -EINVAL, "hot: %s",
                                         subscriber ? "unknown flags" : "none (NULL)");
        weft_stream_t *s = weft_stream_make(&hot_class, sizeof *h, NULL, 0,
                                            subscriber->ring->v.element_bytes, &h);
        if (h) {
                h->subscriber = subscriber;
                h->strict = flags & WEFT_HOT_LOSS_FAILS;
                s->tag = subscriber->hot->tag;
        }
        return s;
}

/* ---- the sink ------------------------------------------------------------------------ */

int weft_hot_refuses(const char *who, weft_hot_t *hot, const weft_stream_t *s)
{
        if (!hot || !s)
                return -EINVAL;
        if (weft_stream_broken(s))
                return s->over;
        if (weft_hot_takes(hot, s->item_bytes, s->tag))
                return 0;
        weft_stream_say("%s: the hot stream has items of %u bytes and tag %llx, this one "
                        "of %u and %llx",
                        who, hot->ring->v.element_bytes, (unsigned long long)hot->tag,
                        s->item_bytes, (unsigned long long)s->tag);
        return -EPROTO;
}

/* Crash in emit: what was emitted is there; the rest of the chunk is where it was. */
int weft_hot_emit_chunk(weft_hot_t *hot, weft_stream_t *s, const char *items, size_t n,
                        uint64_t *count, uint64_t deadline)
{
        for (size_t done = 0; done < n;) {
                int64_t now = weft_hot_emit_n(hot, items + done * s->item_bytes, n - done,
                                              deadline);
                if (now < 0) {
                        if (weft_stream_later(now))
                                weft_stream_put_back(s, done, n - done);
                        return (int)now;
                }
                done += (size_t)now;
                *count += (uint64_t)now;
        }
        return 0;
}

int weft_stream_to_hot(weft_stream_t *stream, weft_hot_t *hot, uint64_t *n,
                       uint64_t deadline)
{
        uint64_t unasked = 0;
        int64_t rc = weft_hot_refuses("to_hot", hot, stream);
        while (!rc) {
                void *items = NULL;
                rc = weft_stream_sip(stream, &items, deadline);
                if (rc <= 0)
                        break;
                rc = weft_hot_emit_chunk(hot, stream, items, (size_t)rc, n ? n : &unasked,
                                         deadline);
        }
        return (int)weft_stream_sunk(stream, rc);
}
