/* tests/unit/future_noise_test.c -- a future of hostile bytes. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <weft/future.h>
#include <weft/weft.h>

#include "codata/future_internal.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static int close_arena(void **state)
{
        (void)state;
        weft_arena_close(arena);
        return 0;
}

static int twice(const void *in, void *out, const void *argument)
{
        int64_t n;
        (void)argument;
        memcpy(&n, in, sizeof n);
        n *= 2;
        memcpy(out, &n, sizeof n);
        return 0;
}

#define NUMBER WEFT_TYPE(int64_t, "test number")
WEFT_FUNCTION_ITEM("future twice", twice, NUMBER, NUMBER)

static weft_future_t *make(void)
{
        weft_future_t *f;
        CHECK(weft_future_create(arena, NULL, NULL, &f) == 0);
        return f;
}

static weft_future_t *then(weft_future_t *f, const char *function)
{
        weft_future_t *g;
        CHECK(weft_future_then(f, function, NULL, 0, NULL, &g) == 0);
        return g;
}

/* Whatever lies there: an error or a wrong answer. */
static void noise_is_survived(void **state)
{
        uint64_t random = 88172645463325252u;
        (void)state;
        for (int round = 0; round < 3000; round++) {
                weft_future_t *f = make(), *g = then(f, "future twice"), *h = NULL;
                struct weft_future_shared keep[2];
                char value[64];
                const void *at;
                struct weft_future_info info;
                memcpy(&keep[0], f->handle.sh, sizeof keep[0]);
                memcpy(&keep[1], g->handle.sh, sizeof keep[1]);
                uint8_t *bytes = (round & 1 ? f : g)->handle.sh;
                for (int i = 0; i < 4; i++) {
                        random ^= random << 13, random ^= random >> 7;
                        random ^= random << 17;
                        uint64_t where = random % (sizeof keep[0] / 8) * 8;
                        uint64_t what =
                                round & 2 ? random >> 20 : (random >> 10 & 7) << 32 | 1;
                        if (where >= 16 && where < 32)
                                continue; /* the wait word: whoever waits would sleep */
                        memcpy(bytes + where, &what, 8);
                }
                (void)!weft_future_open_token(arena, weft_future_token(g), &h);
                (void)!weft_future_try(g, value, sizeof value);
                if (h)
                        (void)!weft_future_get(h, value, sizeof value, WEFT_NOW + 1);
                (void)!weft_future_view(f, &at, WEFT_NOW);
                (void)!weft_future_info(f, &info);
                (void)!weft_future_set(f, "nine bytes", 10);
                (void)!weft_future_produce(f);
                (void)!weft_future_cancel(f);
                weft_future_close(h);
                memcpy(f->handle.sh, &keep[0], sizeof keep[0]);
                memcpy(g->handle.sh, &keep[1], sizeof keep[1]);
                weft_future_close(f);
                weft_future_close(g);
                struct weft_recovery none;
                (void)!weft_arena_recover(arena, &none);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(noise_is_survived, fresh_arena,
                                                close_arena),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
