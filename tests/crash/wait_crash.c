/* tests/crash/wait_crash.c -- wakers and waiters that die, or stop, at any instruction.
 *
 * The host has a child that sleeps until a word changes. A victim changes it and wakes, or
 * waits too. Whatever becomes of the victim: once the word has changed, the sleeper must
 * go on within LATEST_MS, of which 40 are the bound after which it looks by itself. */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weft/block.h>

#include "runtime/wait.h"
#include "tests/check.h"
#include "tests/harness/sleeper.h"

enum { LATEST_MS = 60 }; /* by the promise */
enum { REF, WOKE_AT };   /* places in the note, from 4 on */

struct words { /* lies in a block of the arena's */
        struct weft_wait_shared wait;
        weft_a64_t state;
};

static volatile uint64_t *noted(struct crash *c, int where)
{
        return &c->note->value[4 + where];
}

static struct words *words_of(struct crash *c)
{
        struct words *w = weft_at(c->arena, (weft_ref_t){ *noted(c, REF) }, sizeof *w);
        CHECK(w);
        return w;
}

static int has_changed(void *words)
{
        struct words *w = words;
        return weft_load_acq(&w->state) ? 0 : -EAGAIN;
}

static int wait_for_change(struct crash *c, uint64_t deadline)
{
        struct weft_agent *agent;
        struct words *w = words_of(c);
        struct weft_spin spin = { .budget = { 32 } }; /* soon asleep */
        int rc = weft_agent_self(arena_of(c), &agent);
        return rc ? rc : weft_wait_for(agent, &w->wait, &spin, has_changed, w, deadline);
}

/* ---- the sleeper --------------------------------------------------------- */

static int sleep_and_tell(struct crash *c)
{
        int rc = wait_for_change(c, weft_after(60 * WEFT_SEC));
        *noted(c, WOKE_AT) = weft_now();
        return rc;
}

static uint32_t asleep(struct crash *c)
{
        return weft_wait_waiters(&words_of(c)->wait);
}

static void setup(struct crash *c)
{
        weft_ref_t ref;
        void *at;
        weft_kit_create(c);
        WEFT_MUST(c, weft_block_alloc(arena_of(c), sizeof(struct words), &ref, &at));
        memset(at, 0, sizeof(struct words));
        WEFT_MUST(c, weft_block_share(arena_of(c), ref));
        *noted(c, REF) = ref.v;
        sleeper_start(c, sleep_and_tell);
        sleeper_sleeps(c, asleep);
}

/* ---- the operations ------------------------------------------------------ */

static void op_wake(struct crash *c)
{
        struct words *w = words_of(c);
        (void)weft_swap_acq_rel(&w->state, 1);
        weft_wait_signal(&w->wait, 1);
}

static void op_wake_all(struct crash *c)
{
        struct words *w = words_of(c);
        (void)weft_swap_acq_rel(&w->state, 1);
        weft_wait_signal(&w->wait, UINT32_MAX);
}

static void op_wait(struct crash *c)
{
        c->note->rc = wait_for_change(c, weft_after(2 * WEFT_MSEC));
}

/* ---- the others ---------------------------------------------------------- */

/* The victim has changed the word, or never will; then a survivor does. */
static void survive(struct crash *c)
{
        struct words *w = words_of(c);
        uint64_t from = weft_now();
        if (weft_load_acq(&w->state) == 0) {
                (void)weft_swap_acq_rel(&w->state, 1);
                weft_wait_signal(&w->wait, 1);
        }
        WEFT_MUST(c, wait_for_change(c, weft_after(WEFT_SEC)));
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
        c->word[0] = *noted(c, WOKE_AT) - from;
}

static void verify(struct crash *c)
{
        weft_ref_t ref = { *noted(c, REF) };
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -ETIMEDOUT);
        sleeper_end(c);
        WEFT_MUST(c, weft_block_free(arena_of(c), ref));
        weft_kit_whole(c);
        if ((int64_t)c->word[0] > (int64_t)(LATEST_MS * WEFT_MSEC) &&
            getenv("WEFT_STRICT"))
                crash_fail(c, CRASH_WEDGED, "the sleeper took %llu us",
                           (unsigned long long)(c->word[0] / 1000));
}

#define CASE(name_, prepare_, victim_) \
        { \
                .name = "wait/" name_, .kit = &weft_kit, .setup = setup, \
                .open = weft_kit_open, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = verify, \
                .flags = CRASH_KEEP_HOST | CRASH_REAL \
        }

static const struct crash_case cases[] = {
        CASE("wake/one", weft_kit_join, op_wake),
        CASE("wake/all", weft_kit_join, op_wake_all),
        CASE("wait/until a deadline", weft_kit_join, op_wait),
        CASE("wait/joining", NULL, op_wait),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
