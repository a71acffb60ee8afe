/* tests/unit/stream_memory_test.c -- nothing is allocated for an item; and every allocation
 * fails once: the stream says -ENOMEM, and all that was made goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/stream_ops.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define OWN_MALLOC 0
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1
#endif

#if OWN_MALLOC

static long made, live, fail_at = -1; /* fail_at: the number of the one that fails */
static bool counting;

static bool refused(void)
{
        return counting && made++ == fail_at;
}

void *__libc_malloc(size_t bytes);
void *__libc_realloc(void *at, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void __libc_free(void *at);

static void *counted(void *at)
{
        live += counting && at;
        return at;
}

void *malloc(size_t bytes)
{
        return refused() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t n, size_t bytes)
{
        return refused() ? NULL : counted(__libc_calloc(n, bytes));
}

void *realloc(void *at, size_t bytes)
{
        if (refused())
                return NULL;
        void *now = __libc_realloc(at, bytes);
        live += counting && now && !at;
        return now;
}

void *aligned_alloc(size_t align, size_t bytes)
{
        return refused() ? NULL : counted(__libc_memalign(align, bytes));
}

void free(void *at)
{
        live -= counting && at;
        __libc_free(at);
}

/* ---- no allocation for an item ------------------------------------------------------- */

#define N 4000

static uint64_t numbers[N], room[2 * N];

static void count_from_here(long fail)
{
        made = live = 0;
        fail_at = fail;
        counting = true;
}

static void no_item_costs_an_allocation(void **state)
{
        (void)state;
        for (size_t i = 0; i < N; i++)
                numbers[i] = 2 * i + 1;
        for (size_t i = 0; i < OPS; i++) {
                uint64_t sum = 0, n = 0;
                if (ops[i].grows)
                        continue;
                weft_stream_t *s = apply(&ops[i], weft_stream_array(numbers, N, 8));
                CHECK(weft_stream_next(s, room, WEFT_NEVER) >= 0);
                count_from_here(-1);
                while (weft_stream_pull(s, room, 10, WEFT_NEVER) > 0)
                        ;
                CHECK(made == 0);
                CHECK(weft_stream_restart(s) == (ops[i].fixed ? -ENOTSUP : 0));
                CHECK(weft_stream_count(s, &n, WEFT_NEVER) == 0);
                CHECK(made == 0);
                counting = false;
                /* The sinks: one buffer each. */
                s = apply(&ops[i], weft_stream_array(numbers, N, 8));
                count_from_here(-1);
                CHECK(weft_stream_fold(s, call_sum_item(), &sum, WEFT_NEVER) == 0);
                CHECK(made <= 1);
                counting = false;
        }
}

/* ---- every allocation fails ------------------------------------------------------------ */

struct tried {
        const struct op *op;
        struct piecewise source;
        uint64_t sum;
};

static int build_and_run(struct tried *t)
{
        t->source = (struct piecewise){ .at = numbers, .n = N, .most = N };
        t->sum = 0;
        weft_stream_t *s = apply(t->op, piecewise(&t->source));
        CHECK(s);
        return weft_stream_fold(s, call_sum_item(), &t->sum, WEFT_NEVER);
}

static void every_allocation_may_fail(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                struct tried t = { .op = &ops[i] };
                CHECK(build_and_run(&t) == 0);
                uint64_t right = t.sum;
                for (long k = 0;; k++) {
                        errno = 5;
                        count_from_here(k);
                        int rc = build_and_run(&t);
                        counting = false;
                        CHECK(errno == 5);
                        CHECK(t.source.frees == 1);
                        CHECK(live == 0);
                        if (made <= k) { /* none has failed */
                                CHECK(rc == 0 && t.sum == right);
                                break;
                        }
                        CHECK(rc == -ENOMEM || ops[i].heals);
                        CHECK(k < 1000);
                }
        }
}

static weft_stream_t *make_source(int which)
{
        uint64_t seed = 1;
        struct count_down from = { 10, 1 };
        switch (which) {
        case 0:
                return weft_stream_array(numbers, 10, 8);
        case 1:
                return weft_stream_range(1, 10, 1);
        case 2:
                return weft_stream_iterate(&seed, 8, call_map_item());
        case 3:
                return weft_stream_unfold(count_by_seven, &from, sizeof from, 8);
        case 4:
                return weft_stream_lines("/dev/null", 0);
        case 5:
                return weft_stream_failed(-ENOENT);
        default:
                return NULL;
        }
}

static void sources_may_fail(void **state)
{
        (void)state;
        for (int which = 0; which < 6; which++)
                for (long k = 0;; k++) {
                        void *items = NULL;
                        uint64_t n = 0;
                        count_from_here(k);
                        weft_stream_t *s = weft_stream_take(make_source(which), 9);
                        int rc = weft_stream_collect_new(s, &items, &n, WEFT_NEVER);
                        free(items);
                        counting = false;
                        CHECK(live == 0);
                        if (made <= k) {
                                CHECK(rc == (which == 5 ? -ENOENT : 0));
                                CHECK(n == (which < 4 ? 9 : 0));
                                break;
                        }
                        CHECK(rc == -ENOMEM && n == 0);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_item_costs_an_allocation),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(sources_may_fail),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
        fputs("the sanitizer has its own malloc()\n", stderr);
        return 77;
}

#endif
