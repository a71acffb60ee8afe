/* tests/unit/stream_chain_test.c -- random chains of all operators: what they give does not
 * depend on the pieces in which items come, on the sizes of pulls, nor on deadlines; a
 * cancel, a free and a new beginning anywhere are clean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/stream_ops.h"

enum { N = 60, LONGEST = 6, ROOM = 1 << 16, ROUNDS = 6000 };

static uint64_t numbers[N], want[ROOM], have[ROOM];

struct chain {
        size_t n, op[LONGEST];
        bool fixed;
        struct piecewise source;
        size_t items;
        int error;
};

static void roll(struct chain *c)
{
        c->n = 1 + (size_t)rnd(LONGEST);
        c->fixed = false;
        for (size_t i = 0; i < c->n; i++) {
                c->op[i] = (size_t)rnd(OPS);
                c->fixed = c->fixed || ops[c->op[i]].fixed;
        }
        c->items = (size_t)rnd(N + 1);
        c->error = rnd(3) ? 0 : -EPIPE;
        uint64_t range = rnd(2) ? 6 : 1000;
        for (size_t i = 0; i < N; i++)
                numbers[i] = rnd(range) * (rnd(4) ? 2 : 1) + 1;
}

static weft_stream_t *build(struct chain *c, size_t most, uint64_t shy)
{
        c->source = (struct piecewise){
                .at = numbers, .n = c->items, .most = most, .shy = shy, .error = c->error
        };
        weft_stream_t *s = piecewise(&c->source);
        for (size_t i = 0; i < c->n; i++)
                s = apply(&ops[c->op[i]], s);
        CHECK(weft_stream_item_bytes(s) == 8);
        return s;
}

static void tell(const struct chain *c)
{
        for (size_t i = 0; i < c->n; i++)
                fprintf(stderr, "%s%s", i ? " -> " : "chain: ", ops[c->op[i]].name);
        fprintf(stderr, ", %zu items, then %d\n", c->items, c->error);
}

#define CHAIN_CHECK(c, claim) \
        do { \
                if (!(claim)) \
                        tell(c); \
                CHECK(claim); \
        } while (0)

/* All of it, or the first `stop` items; what came last. */
static int64_t run(weft_stream_t *s, uint64_t *to, size_t *n, size_t stop, bool hurry)
{
        for (*n = 0;;) {
                size_t each = hurry ? 1 + (size_t)rnd(rnd(2) ? 3 : 40) : 1000;
                uint64_t deadline = !hurry   ? WEFT_NEVER
                                    : rnd(3) ? WEFT_NEVER
                                    : rnd(2) ? WEFT_NOW
                                             : weft_after(rnd(20000));
                if (*n >= stop)
                        return 1;
                CHECK(*n + each <= ROOM);
                int64_t got = weft_stream_pull(s, to + *n, each, deadline);
                if (got == -EAGAIN || got == -ETIMEDOUT)
                        continue;
                if (got <= 0)
                        return got;
                *n += (size_t)got;
        }
}

static void pieces_and_deadlines_change_nothing(void **state)
{
        static struct chain c;
        (void)state;
        for (int round = 0; round < ROUNDS; round++) {
                size_t n = 0, m = 0;
                roll(&c);
                weft_stream_t *s = build(&c, N, 0);
                int64_t end = run(s, want, &n, SIZE_MAX, false);
                CHAIN_CHECK(&c, end == 0 || end == c.error);
                weft_stream_free(s);
                CHAIN_CHECK(&c, c.source.frees == 1 && c.source.after_end == 0);

                s = build(&c, 1 + (size_t)rnd(9), rnd(2) ? 2 + rnd(4) : 0);
                int64_t rc = run(s, have, &m, SIZE_MAX, true);
                CHAIN_CHECK(&c, rc == end && m == n);
                CHAIN_CHECK(&c, memcmp(have, want, n * 8) == 0);
                CHAIN_CHECK(&c, weft_stream_pull(s, have, 1, WEFT_NEVER) == end);
                CHAIN_CHECK(&c, c.source.after_end == 0 && c.source.cancels <= 1);
                rc = weft_stream_restart(s);
                CHAIN_CHECK(&c, rc == (c.fixed ? -ENOTSUP : 0));
                if (!rc) {
                        rc = run(s, have, &m, SIZE_MAX, true);
                        CHAIN_CHECK(&c, rc == end && m == n);
                        CHAIN_CHECK(&c, memcmp(have, want, n * 8) == 0);
                }
                weft_stream_free(s);
                CHAIN_CHECK(&c, c.source.frees == 1 && c.source.after_end == 0);
        }
}

static void a_cancel_anywhere_is_clean(void **state)
{
        static struct chain c;
        (void)state;
        for (int round = 0; round < ROUNDS; round++) {
                size_t n = 0, m = 0;
                roll(&c);
                weft_stream_t *s = build(&c, N, 0);
                int64_t end = run(s, want, &n, SIZE_MAX, false);
                weft_stream_free(s);
                s = build(&c, 1 + (size_t)rnd(9), rnd(2) ? 2 + rnd(4) : 0);
                int64_t rc = run(s, have, &m, (size_t)rnd(n + 1), true);
                CHAIN_CHECK(&c, m <= n && memcmp(have, want, m * 8) == 0);
                if (rnd(2))
                        weft_stream_cancel(s);
                CHAIN_CHECK(&c, c.source.cancels <= 1);
                if (rc == 1 && rnd(2) && !c.fixed) { /* and all of it after that */
                        CHAIN_CHECK(&c, weft_stream_restart(s) == 0);
                        rc = run(s, have, &m, SIZE_MAX, true);
                        CHAIN_CHECK(&c, rc == end && m == n);
                        CHAIN_CHECK(&c, memcmp(have, want, n * 8) == 0);
                }
                weft_stream_free(s);
                CHAIN_CHECK(&c, c.source.frees == 1 && c.source.after_end == 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pieces_and_deadlines_change_nothing),
                cmocka_unit_test(a_cancel_anywhere_is_clean),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
