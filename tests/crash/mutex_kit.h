/* tests/crash/mutex_kit.h -- what the crash tests of the mutex share: a mutex, words that it
 * protects, and who finds two inside. */
#ifndef WEFT_TESTS_CRASH_MUTEX_KIT_H
#define WEFT_TESTS_CRASH_MUTEX_KIT_H

#include <errno.h>

#include <weft/array.h>
#include <weft/object.h>

#include "sync/mutex_internal.h"
#include "tests/check.h"
#include "tests/harness/weft_kit.h"

/* Words: who is inside, how often anybody was; and one more, for a test. The array is longer
 * than that: settling goes through slabs of small blocks word by word. */
enum { INSIDE, ENTERED, WORDS };

static inline weft_mutex_t *mutex_of(const struct crash *c)
{
        return c->handle;
}

static inline void setup(struct crash *c)
{
        struct weft_mutex_options options = { .flags = (uint32_t)c->self->arg[0] };
        struct weft_array_options words = { .length = 128, .element_bytes = 8 };
        weft_array_t *array;
        weft_mutex_t *mutex;
        weft_kit_create(c);
        WEFT_MUST(c, weft_mutex_create(arena_of(c), "m", &options, &mutex));
        WEFT_MUST(c, weft_array_create(arena_of(c), "w", &words, &array));
}

static inline int at_once(void *nothing)
{
        (void)nothing;
        return 0;
}

/* Who waits for the first time finds out how many cpus there are, and then spins: thousands
 * of steps that show nothing. */
static inline void do_not_spin(weft_mutex_t *mutex)
{
        struct weft_wait_shared wait = { 0 };
        const struct weft_wait_one one = { .wait = &wait };
        mutex->spin.budget.raw = 1;
        CHECK(weft_wait_spin(&one, 1, &mutex->spin, at_once, NULL) == 0);
        mutex->spin.budget.raw = 1;
}

static inline void open_both(struct crash *c)
{
        weft_mutex_t *mutex;
        weft_array_t *array;
        weft_kit_open(c);
        WEFT_MUST(c, weft_array_open(arena_of(c), "w", &array));
        WEFT_MUST(c, weft_mutex_open(arena_of(c), "m", &mutex));
        do_not_spin(mutex);
        c->handle = mutex;
        c->word[0] = (uint64_t)(uintptr_t)weft_array_span(array, 0, WORDS + 1);
        c->word[1] = (uint64_t)(uintptr_t)array;
}

static inline weft_a64_t *word(const struct crash *c, int i)
{
        return (weft_a64_t *)(uintptr_t)c->word[0] + i;
}

/* `rc` is what the lock said. */
static inline void go_in(struct crash *c, int rc, uint64_t me)
{
        if (rc != -EOWNERDEAD && rc)
                crash_fail(c, CRASH_WEDGED, "%llu was told %d", (unsigned long long)me,
                           rc);
        uint64_t was = weft_load_acq(word(c, INSIDE));
        if (was && rc != -EOWNERDEAD)
                crash_fail(c, CRASH_DUPLICATED, "%llu and %llu are both inside",
                           (unsigned long long)was, (unsigned long long)me);
        weft_store_rel(word(c, INSIDE), me);
        if (rc)
                WEFT_MUST(c, weft_mutex_consistent(mutex_of(c)));
        weft_store_rel(word(c, ENTERED), weft_load_acq(word(c, ENTERED)) + 1);
}

static inline void go_out(struct crash *c, uint64_t me)
{
        CRASH_MUST(c, CRASH_DUPLICATED, weft_load_acq(word(c, INSIDE)) == me);
        weft_store_rel(word(c, INSIDE), 0);
        WEFT_MUST(c, weft_mutex_unlock(mutex_of(c)));
}

/* Nobody has it, and nobody waits; closes, removes, and counts what is left: nothing. */
static inline void must_be_clean(struct crash *c)
{
        struct weft_mutex_info info;
        uint32_t in, called;
        WEFT_MUST(c, weft_mutex_info(mutex_of(c), &info));
        CRASH_MUST(c, CRASH_BROKEN, !info.held && !info.inconsistent && !info.lost);
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0);
        if (mutex_of(c)->line) {
                weft_line_count(arena_of(c), mutex_of(c)->line, &in, &called);
                CRASH_MUST(c, CRASH_LEAKED, in == 0 && called == 0);
        }
        weft_mutex_close(mutex_of(c));
        weft_array_close((weft_array_t *)(uintptr_t)c->word[1]);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "m"));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "w"));
        weft_kit_nothing_left(c, 0);
}

#endif
