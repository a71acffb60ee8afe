/* tests/unit/stream_kit.h -- functions over numbers, and sources that come in pieces. */
#ifndef WEFT_TESTS_STREAM_KIT_H
#define WEFT_TESTS_STREAM_KIT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weft/stream.h>

#include "tests/check.h"

#define MAYBE __attribute__((unused)) static

static uint64_t rnd_state = 88172645463325252u;

MAYBE uint64_t rnd(uint64_t below)
{
        rnd_state ^= rnd_state << 13;
        rnd_state ^= rnd_state >> 7;
        rnd_state ^= rnd_state << 17;
        return below ? rnd_state % below : 0;
}

/* ---- functions of numbers ------------------------------------------------------------ */

#define NUMBER(at) (*(const uint64_t *)(at))

#define ITEM_MAP(name, expression) \
        MAYBE int item_##name(const void *in, void *out, const void *argument) \
        { \
                uint64_t x = NUMBER(in); \
                (void)argument; \
                *(uint64_t *)out = (expression); \
                return 0; \
        }
#define CHUNK_MAP(name, expression) \
        MAYBE int64_t chunk_##name(const void *in, size_t n, void *out, size_t room, \
                                   const void *argument) \
        { \
                const uint64_t *from = in; \
                uint64_t *to = out; \
                (void)argument, (void)room; \
                for (size_t i = 0; i < n; i++) { \
                        uint64_t x = from[i]; \
                        to[i] = (expression); \
                } \
                return (int64_t)n; \
        }

ITEM_MAP(times, x *NUMBER(argument))
CHUNK_MAP(times, x *NUMBER(argument))
ITEM_MAP(plus, x + NUMBER(argument))
CHUNK_MAP(plus, x + NUMBER(argument))
ITEM_MAP(3x5, x * 3 + 5)

MAYBE int item_odd(const void *in, void *out, const void *argument)
{
        (void)out, (void)argument;
        return !(NUMBER(in) & 1);
}

MAYBE int item_odd_copy(const void *in, void *out, const void *argument)
{
        (void)argument;
        if (!(NUMBER(in) & 1))
                return 1;
        memcpy(out, in, sizeof(uint64_t));
        return 0;
}

MAYBE int64_t chunk_odd(const void *in, size_t n, void *out, size_t room,
                        const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out;
        size_t kept = 0;
        (void)argument, (void)room;
        for (size_t i = 0; i < n; i++) {
                uint64_t x = from[i];
                to[kept] = x;
                kept += x & 1;
        }
        return (int64_t)kept;
}

MAYBE int item_add(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(uint64_t *)out += NUMBER(in);
        return 0;
}

MAYBE int64_t chunk_add(const void *in, size_t n, void *out, size_t room,
                        const void *argument)
{
        const uint64_t *from = in;
        uint64_t sum = *(uint64_t *)out;
        (void)argument, (void)room;
        for (size_t i = 0; i < n; i++)
                sum += from[i];
        *(uint64_t *)out = sum;
        return 1;
}

/* What weft_stream_chunk() packed; the argument is its n. */
MAYBE int64_t chunk_unpack(const void *in, size_t n, void *out, size_t room,
                           const void *argument)
{
        size_t bytes = 8 + 8 * *(const uint32_t *)argument, made = 0;
        uint64_t *to = out;
        for (size_t i = 0; i < n; i++) {
                const void *chunk = (const char *)in + i * bytes;
                uint64_t count = weft_chunk_count(chunk);
                CHECK(made + count <= room);
                memcpy(to + made, weft_chunk_items(chunk), count * 8);
                made += count;
        }
        return (int64_t)made;
}

/* x becomes x % 3 times x. */
MAYBE int64_t chunk_thirds(const void *in, size_t n, void *out, size_t room,
                           const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out;
        size_t made = 0;
        (void)argument;
        for (size_t i = 0; i < n; i++)
                for (uint64_t k = 0; k < from[i] % 3; k++) {
                        if (made == room)
                                return -EOVERFLOW;
                        to[made++] = from[i];
                }
        return (int64_t)made;
}

struct count_down {
        uint64_t left, now;
};

MAYBE int count_by_seven(void *state, void *item)
{
        struct count_down *c = state;
        if (!c->left)
                return 1;
        c->left--;
        *(uint64_t *)item = c->now;
        c->now += 7;
        return 0;
}

/* ---- a source that comes in pieces ------------------------------------------------------ */

/* Up to `most` numbers at a time; every so often "not yet", if `shy`; then the end, or an
 * error. It counts what happens to it. */
struct piecewise {
        const uint64_t *at;
        size_t n, next, most;
        uint64_t shy; /* one pull of so many says -ETIMEDOUT; 0: none does */
        int error;
        unsigned pulls, cancels, frees, rewinds, after_end;
        bool over;
};

MAYBE int64_t piecewise_pull(weft_stream_t *self, void *state, void *items, size_t n,
                             uint64_t deadline)
{
        struct piecewise *p = state;
        size_t left = p->n - p->next;
        (void)self;
        p->pulls++;
        p->after_end += p->over;
        if (p->shy && rnd(p->shy) == 0)
                return deadline == WEFT_NOW ? -EAGAIN : -ETIMEDOUT;
        if (n > p->most)
                n = p->most;
        if (n > left)
                n = left;
        if (!n) {
                p->over = true;
                return p->error;
        }
        memcpy(items, p->at + p->next, n * sizeof *p->at);
        p->next += n;
        return (int64_t)n;
}

MAYBE void piecewise_cancel(weft_stream_t *self, void *state)
{
        struct piecewise *p = state;
        (void)self;
        p->cancels++;
}

MAYBE int piecewise_rewind(weft_stream_t *self, void *state)
{
        struct piecewise *p = state;
        (void)self;
        p->rewinds++;
        p->next = 0;
        p->over = false;
        return 0;
}

MAYBE void piecewise_free(weft_stream_t *self, void *state)
{
        struct piecewise *p = state;
        (void)self;
        p->frees++;
}

MAYBE void piecewise_give_back(weft_stream_t *self, void *state)
{
        (void)self;
        free(state);
}

static const struct weft_stream_class piecewise_class = { .name = "piecewise",
                                                          .pull = piecewise_pull,
                                                          .rewind = piecewise_rewind,
                                                          .cancel = piecewise_cancel,
                                                          .free = piecewise_free };
static const struct weft_stream_class own_piecewise_class = {
        .name = "piecewise",
        .pull = piecewise_pull,
        .rewind = piecewise_rewind,
        .free = piecewise_give_back
};

/* On the test's own struct. */
MAYBE weft_stream_t *piecewise(struct piecewise *p)
{
        return weft_stream_new(&piecewise_class, p, NULL, 0, sizeof *p->at);
}

MAYBE weft_stream_t *pieces(const uint64_t *at, size_t n, size_t most)
{
        struct piecewise *p = calloc(1, sizeof *p);
        CHECK(p);
        p->at = at;
        p->n = n;
        p->most = most;
        p->shy = rnd(2) ? 2 + rnd(5) : 0;
        return weft_stream_new(&own_piecewise_class, p, NULL, 0, sizeof *at);
}

/* ---- reading out --------------------------------------------------------------------------- */

/* All of it, in pulls of random sizes; what is not there yet is asked for again. */
MAYBE size_t drain(weft_stream_t *s, uint64_t *to, size_t room)
{
        size_t n = 0;
        for (;;) {
                size_t want = 1 + rnd(rnd(2) ? 3 : 2000);
                if (rnd(8) == 0) {
                        int rc = weft_stream_next(s, to + n, WEFT_NEVER);
                        CHECK(rc >= 0 || rc == -ETIMEDOUT || rc == -EAGAIN);
                        if (rc == 0)
                                break;
                        n += rc == 1;
                        continue;
                }
                CHECK(n < room);
                int64_t got = weft_stream_pull(
                        s, to + n, want < room - n ? want : room - n, WEFT_NEVER);
                CHECK(got >= 0 || got == -ETIMEDOUT || got == -EAGAIN);
                if (got == 0)
                        break;
                n += got > 0 ? (size_t)got : 0;
        }
        CHECK(weft_stream_pull(s, to, 1, WEFT_NEVER) == 0);
        weft_stream_free(s);
        return n;
}

#endif
