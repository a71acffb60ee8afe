/* runtime/meet.h -- meeting a partner: the steps on the word of meet_shared.h. */
#ifndef WEFT_RUNTIME_MEET_H
#define WEFT_RUNTIME_MEET_H

#include "runtime/agent.h"
#include "runtime/wait.h"

static inline enum weft_meet_state weft_meet_state(uint64_t lo)
{
        return (enum weft_meet_state)(lo & WEFT_MEET_STATE);
}

static inline uint64_t weft_meet_version(uint64_t lo)
{
        return lo >> WEFT_MEET_VERSION_SHIFT;
}

static inline uint64_t weft_meet_word(uint64_t version, uint32_t at,
                                      enum weft_meet_state state)
{
        return version << WEFT_MEET_VERSION_SHIFT | (uint64_t)at << WEFT_MEET_CASE_SHIFT |
               state;
}

/* ---- its own thread ------------------------------------------------------------ */

/* The version under which it will offer next. */
static inline uint64_t weft_meet_next(const struct weft_agent *agent)
{
        return weft_meet_version(weft_load_rlx(&agent->seat->meet.word.lo)) + 1;
}

/* Its word is IDLE; all that `what` says has been written down. What is loaded afterwards
 * is loaded afterwards. */
static inline void weft_meet_open(struct weft_agent *agent, uint64_t what)
{
        struct weft_meet_shared *m = &agent->seat->meet;
        uint64_t lo = weft_meet_word(weft_meet_next(agent), 0, WEFT_MEET_OPEN);
        weft_store_rlx(&m->word.hi, what);
        (void)weft_swap_acq_rel(&m->word.lo, lo); /* [O] */
}

/* Its word is IDLE: what was written down for the version to come is for none. */
static inline void weft_meet_skip(struct weft_agent *agent)
{
        weft_store_rel(&agent->seat->meet.word.lo, /* [B] */
                       weft_meet_word(weft_meet_next(agent), 0, WEFT_MEET_IDLE));
}

/* Has it been met? Then in which case, and what was left; else -1. */
static inline int weft_meet_met(const struct weft_agent *agent, uint64_t *left)
{
        const struct weft_meet_shared *m = &agent->seat->meet;
        uint64_t lo = weft_load_acq(&m->word.lo); /* [M] */
        if (weft_meet_state(lo) != WEFT_MEET_MET)
                return -1;
        *left = weft_load_rlx(&m->word.hi);
        return (int)(lo >> WEFT_MEET_CASE_SHIFT & 0xff);
}

/* It offers nothing any more. False: somebody has met it. */
static inline bool weft_meet_take_back(struct weft_agent *agent)
{
        struct weft_meet_shared *m = &agent->seat->meet;
        uint64_t lo = weft_load_rlx(&m->word.lo);
        if (weft_meet_state(lo) != WEFT_MEET_OPEN)
                return weft_meet_state(lo) != WEFT_MEET_MET;
        uint64_t idle = weft_meet_word(weft_meet_version(lo), 0, WEFT_MEET_IDLE);
        return weft_cas_acq_rel(&m->word.lo, &lo, idle); /* [B] */
}

/* It has got what was left for it. */
static inline void weft_meet_end(struct weft_agent *agent)
{
        struct weft_meet_shared *m = &agent->seat->meet;
        uint64_t version = weft_meet_version(weft_load_rlx(&m->word.lo));
        weft_store_rel(&m->word.lo, /* [E] */
                       weft_meet_word(version, 0, WEFT_MEET_IDLE));
}

/* ---- its partners ---------------------------------------------------------------- */

/* What seat `m` offers, if anything: then it can be met as it was `seen`. */
static inline bool weft_meet_see(const struct weft_meet_shared *m, struct weft_pair *seen)
{
        seen->lo = weft_load_acq(&m->word.lo); /* [O] [B] */
        seen->hi = weft_load_rlx(&m->word.hi);
        return weft_meet_state(seen->lo) == WEFT_MEET_OPEN;
}

/* Has nothing changed since? Then what was read meanwhile is what it offers. */
static inline bool weft_meet_stands(const struct weft_meet_shared *m,
                                    struct weft_pair seen)
{
        return weft_load_acq(&m->word.lo) == seen.lo; /* [O] [B] */
}

/* Takes up its case `at`, and leaves `left` for it. False: it has changed since. Crash in
 * claim: it has been met, or has not; a sleeper who was not woken looks by himself. */
static inline bool weft_meet_claim(struct weft_meet_shared *m, struct weft_pair seen,
                                   uint32_t at, uint64_t left)
{
        struct weft_pair met = {
                weft_meet_word(weft_meet_version(seen.lo), at, WEFT_MEET_MET), left
        };
        if (!weft_cas16_acq_rel(&m->word, &seen, met)) /* [M] LP of a meeting */
                return false;
        weft_wait_signal(&m->wait, 1);
        return true;
}

/* Has it still to fetch what was left for it as `left`, under this version? */
static inline bool weft_meet_is_left(const struct weft_meet_shared *m, uint64_t version,
                                     uint64_t left)
{
        uint64_t lo = weft_load_acq(&m->word.lo); /* [E] */
        return weft_meet_state(lo) == WEFT_MEET_MET && weft_meet_version(lo) == version &&
               weft_load_rlx(&m->word.hi) == left;
}

/* For whoever settles its death, or itself when it leaves: it is not there any more, and
 * what it was writing down for its next version is for none. */
static inline void weft_meet_forget(struct weft_meet_shared *m)
{
        uint64_t lo = weft_load_acq(&m->word.lo), idle; /* [O] */
        do {
                idle = weft_meet_word(weft_meet_version(lo) + 1, 0, WEFT_MEET_IDLE);
        } while (!weft_cas_acq_rel(&m->word.lo, &lo, idle)); /* [E] [B] */
        if (weft_wait_waiters(&m->wait))
                weft_wait_reset(&m->wait);
}

#endif
