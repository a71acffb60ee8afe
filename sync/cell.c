/* sync/cell.c -- a cell that is written once: claimed, set, failed, canceled, reset. */
#include <errno.h>
#include <string.h>

#include "runtime/block.h"
#include "sync/cell.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The same version in another state. */
static struct weft_cell_seen next(struct weft_cell_seen seen, enum weft_cell_state state,
                                  uint32_t what, uint64_t value)
{
        uint64_t version = seen.head >> 40;
        return (struct weft_cell_seen){ version << 40 | (uint64_t)state << 32 | what,
                                        value };
}

/* [V] `seen` becomes what is there. */
static bool change(struct weft_cell *cell, struct weft_cell_seen *seen,
                   struct weft_cell_seen to)
{
        struct weft_pair was = { seen->head, seen->value };
        struct weft_pair is = { to.head, to.value };
        bool done = weft_cas16_acq_rel(&cell->sh->word, &was, is); /* [V] */
        *seen = (struct weft_cell_seen){ was.lo, was.hi };
        return done;
}

static weft_owner_t owner_of(const struct weft_agent *agent)
{
        return weft_owner_make(WEFT_OWNER_AGENT, agent->sig);
}

static void wake_all(struct weft_cell *cell)
{
        weft_wait_signal(&cell->sh->wait, INT32_MAX);
}

/* ---- what the dead and the interrupted left ------------------------------------------ */

/* Frees the block of a CLEARING cell, and makes it EMPTY in its next version. Crash in
 * clear: CLEARING stays, and whoever meets it does this. */
static void clear(struct weft_cell *cell, struct weft_agent *agent,
                  struct weft_cell_seen seen)
{
        struct weft_cell_seen empty = { ((seen.head >> 40) + 1) << 40, 0 };
        (void)weft_block_free_from(agent, (weft_ref_t){ seen.value }, cell->owner);
        (void)change(cell, &seen, empty);
}

/* Ends the claim of `sig`, who does nothing any more. */
static void unclaim(struct weft_cell *cell, uint32_t sig)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh);
        if (weft_cell_state(seen) != WEFT_CELL_CLAIMED || weft_cell_what(seen) != sig)
                return;
        weft_cell_need(cell->sh, 0);
        struct weft_cell_seen to = cell->renew
                                           ? next(seen, WEFT_CELL_EMPTY, 0, 0)
                                           : next(seen, WEFT_CELL_FAILED, EOWNERDEAD, 0);
        if (change(cell, &seen, to)) /* LP: broken, or as new */
                wake_all(cell);
}

/* Claimed by whom? 0 when it is to be looked at again, -EDEADLK the agent, -EBUSY. */
static int claimer(struct weft_cell *cell, struct weft_agent *agent,
                   struct weft_cell_seen seen)
{
        uint32_t sig = weft_cell_what(seen);
        if (sig == agent->sig)
                return -EDEADLK;
        if (weft_agent_life(cell->arena, sig) != WEFT_GONE)
                return -EBUSY;
        unclaim(cell, sig); /* if bytes are hostile: nobody ever claimed it */
        return 0;
}

/* Crash in recover: every step finds done what was done. */
void weft_cell_recover(struct weft_cell *cell, struct weft_agent *agent, uint32_t sig)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh);
        if (weft_cell_state(seen) == WEFT_CELL_BLOCK)
                (void)!weft_block_pass(cell->arena, (weft_ref_t){ seen.value },
                                       weft_owner_make(WEFT_OWNER_AGENT, sig),
                                       cell->owner);
        else if (weft_cell_state(seen) == WEFT_CELL_CLEARING)
                clear(cell, agent, seen);
        unclaim(cell, sig);
        weft_wait_reset(&cell->sh->wait);
}

/* ---- claiming ------------------------------------------------------------------------ */

/* What others may do when it is not EMPTY: 0 to look again, else an error. */
static int step_over(struct weft_cell *cell, struct weft_agent *agent,
                     struct weft_cell_seen seen)
{
        switch (weft_cell_state(seen)) {
        case WEFT_CELL_CLAIMED:
                return claimer(cell, agent, seen);
        case WEFT_CELL_CLEARING:
                clear(cell, agent, seen);
                return 0;
        case WEFT_CELL_CANCELED:
                return -ECANCELED;
        case WEFT_CELL_SET:
        case WEFT_CELL_BLOCK:
        case WEFT_CELL_FAILED:
                return -EALREADY;
        default:
                return -EUCLEAN;
        }
}

/* Crash in claim: before LP nothing has happened; after it see unclaim(). */
int weft_cell_claim(struct weft_cell *cell, struct weft_agent *agent)
{
        for (;;) {
                struct weft_cell_seen seen = weft_cell_look(cell->sh);
                if (weft_cell_state(seen) == WEFT_CELL_EMPTY) {
                        if (change(cell, &seen, /* LP of claim */
                                   next(seen, WEFT_CELL_CLAIMED, agent->sig, 0)))
                                return 0;
                        continue;
                }
                int rc = step_over(cell, agent, seen);
                if (rc)
                        return rc == -ECANCELED ? -EALREADY : rc;
        }
}

int weft_cell_unclaim(struct weft_cell *cell, struct weft_agent *agent)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh);
        if (weft_cell_state(seen) != WEFT_CELL_CLAIMED ||
            weft_cell_what(seen) != agent->sig)
                return -EPERM;
        weft_cell_need(cell->sh, 0);
        if (!change(cell, &seen, next(seen, WEFT_CELL_EMPTY, 0, 0))) /* LP */
                return -EPERM; /* canceled meanwhile */
        wake_all(cell);
        return 0;
}

/* ---- ending -------------------------------------------------------------------------- */

/* Makes it what it ends as: EMPTY, or claimed by the agent, before. */
static int end(struct weft_cell *cell, struct weft_agent *agent,
               enum weft_cell_state state, uint32_t what, uint64_t value)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh);
        for (;;) {
                bool mine = weft_cell_state(seen) == WEFT_CELL_CLAIMED &&
                            weft_cell_what(seen) == agent->sig;
                if (LIKELY(mine || weft_cell_state(seen) == WEFT_CELL_EMPTY)) {
                        if (UNLIKELY(weft_cell_needs(cell->sh)) && mine)
                                weft_cell_need(cell->sh, 0);
                        if (change(cell, &seen, next(seen, state, what, value)))
                                break; /* LP of set and fail */
                        continue;
                }
                int rc = step_over(cell, agent, seen);
                if (rc)
                        return rc == -EBUSY ? -EPERM : rc;
                seen = weft_cell_look(cell->sh);
        }
        return 0;
}

/* Crash in end_with: before the LP the block is the agent's, and goes with him; after it
 * recovery passes it on. */
static int end_with(struct weft_cell *cell, struct weft_agent *agent, weft_ref_t ref,
                    uint64_t bytes)
{
        int rc = end(cell, agent, WEFT_CELL_BLOCK, (uint32_t)bytes, ref.v);
        if (rc)
                return rc;
        (void)!weft_block_pass(cell->arena, ref, owner_of(agent), cell->owner);
        wake_all(cell);
        return 0;
}

int weft_cell_set_block(struct weft_cell *cell, struct weft_agent *agent, weft_ref_t ref,
                        uint64_t bytes)
{
        if (bytes > WEFT_CELL_BYTES_MAX)
                return -EOVERFLOW;
        uint64_t room = weft_block_bytes(cell->arena, ref);
        if (!room)
                return -ENOENT;
        if (bytes > room)
                return -EINVAL;
        if (weft_block_owner(cell->arena, ref).v != owner_of(agent).v)
                return -EPERM;
        return end_with(cell, agent, ref, bytes);
}

/* Is there any sense in filling a block? */
static int may_end(struct weft_cell *cell, struct weft_agent *agent)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh);
        bool mine = weft_cell_state(seen) == WEFT_CELL_CLAIMED &&
                    weft_cell_what(seen) == agent->sig;
        if (mine || weft_cell_state(seen) == WEFT_CELL_EMPTY)
                return 0;
        int rc = step_over(cell, agent, seen);
        return rc == -EBUSY ? -EPERM : rc;
}

/* Crash in set: the LP sets it whole. */
int weft_cell_set(struct weft_cell *cell, struct weft_agent *agent, const void *value,
                  uint64_t bytes)
{
        int rc;
        if (LIKELY(bytes <= WEFT_CELL_INLINE)) {
                uint64_t small = 0;
                if (bytes == sizeof small)
                        memcpy(&small, value, sizeof small);
                else if (bytes)
                        memcpy(&small, value, bytes);
                rc = end(cell, agent, WEFT_CELL_SET, (uint32_t)bytes, small);
                if (!rc)
                        wake_all(cell);
                return rc;
        }
        if (bytes > WEFT_CELL_BYTES_MAX)
                return -EOVERFLOW;
        weft_ref_t ref;
        void *at;
        rc = may_end(cell, agent);
        if (!rc)
                rc = weft_block_alloc(cell->arena, bytes, &ref, &at);
        if (rc)
                return rc;
        weft_copy_in(at, value, bytes);
        rc = end_with(cell, agent, ref, bytes);
        if (rc)
                (void)!weft_block_free(cell->arena, ref);
        return rc;
}

int weft_cell_fail(struct weft_cell *cell, struct weft_agent *agent, int error)
{
        int rc = end(cell, agent, WEFT_CELL_FAILED, (uint32_t)error, 0);
        if (!rc)
                wake_all(cell);
        return rc;
}

int weft_cell_cancel(struct weft_cell *cell, struct weft_agent *agent)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh);
        for (;;) {
                enum weft_cell_state state = weft_cell_state(seen);
                if (state == WEFT_CELL_EMPTY || state == WEFT_CELL_CLAIMED) {
                        if (change(cell, &seen, next(seen, WEFT_CELL_CANCELED, 0, 0)))
                                break; /* LP of cancel */
                        continue;
                }
                int rc = step_over(cell, agent, seen);
                if (rc)
                        return rc == -ECANCELED ? 0 : rc;
                seen = weft_cell_look(cell->sh);
        }
        wake_all(cell);
        return 0;
}

/* Crash in reset: it is as it was, or new, or CLEARING, which is as good as new. */
int weft_cell_reset(struct weft_cell *cell, struct weft_agent *agent)
{
        for (;;) {
                struct weft_cell_seen seen = weft_cell_look(cell->sh);
                struct weft_cell_seen to = { ((seen.head >> 40) + 1) << 40, 0 };
                weft_owner_t owner;
                int rc;
                switch (weft_cell_state(seen)) {
                case WEFT_CELL_EMPTY:
                        return 0; /* LP: the look */
                case WEFT_CELL_SET:
                case WEFT_CELL_FAILED:
                case WEFT_CELL_CANCELED:
                        if (change(cell, &seen, to)) /* LP of reset */
                                return 0;
                        continue;
                case WEFT_CELL_BLOCK:
                        owner = weft_block_owner(cell->arena, (weft_ref_t){ seen.value });
                        if (weft_owner_kind_of(owner) == WEFT_OWNER_AGENT &&
                            weft_cell_is(cell->sh, seen)) {
                                uint32_t sig = weft_owner_whom(owner);
                                if (sig == agent->sig ||
                                    weft_agent_life(cell->arena, sig) != WEFT_GONE)
                                        return -EBUSY;
                        } /* else recovery has passed it on */
                        to = next(seen, WEFT_CELL_CLEARING, weft_cell_what(seen),
                                  seen.value);
                        if (change(cell, &seen, to)) { /* LP of reset */
                                clear(cell, agent, to);
                                return 0;
                        }
                        continue;
                default:
                        rc = step_over(cell, agent, seen);
                        if (rc)
                                return rc == -EDEADLK ? -EBUSY : rc;
                }
        }
}

/* ---- looking ------------------------------------------------------------------------- */

int weft_cell_result(struct weft_cell_seen seen)
{
        uint32_t what = weft_cell_what(seen);
        switch (weft_cell_state(seen)) {
        case WEFT_CELL_FAILED:
                return what && what <= WEFT_CELL_ERRNO_MAX ? -(int)what : -EUCLEAN;
        case WEFT_CELL_CANCELED:
                return -ECANCELED;
        case WEFT_CELL_SET:
                return what <= WEFT_CELL_INLINE ? 0 : -EUCLEAN;
        case WEFT_CELL_BLOCK:
                return what <= WEFT_CELL_BYTES_MAX ? 0 : -EUCLEAN;
        default:
                return -EAGAIN;
        }
}

/* Where the block is, if it has `bytes`; under a reading, or read-only. */
static const void *find(const struct weft_cell *cell, struct weft_agent *agent,
                        uint64_t ref, uint64_t bytes)
{
        uint64_t room;
        if (!agent)
                return weft_at(cell->arena, (weft_ref_t){ ref }, bytes);
        const void *at = weft_block_peek(cell->arena, (weft_ref_t){ ref }, &room);
        return at && bytes <= room ? at : NULL;
}

/* Copies out, and looks whether it was there all the while: -EAGAIN if not. */
static int64_t copy(const struct weft_cell *cell, struct weft_agent *agent,
                    struct weft_cell_seen seen, void *value)
{
        uint64_t bytes = weft_cell_what(seen);
        if (agent)
                weft_read_begin(agent);
        WEFT_IGNORE_READS_BEGIN();
        const void *at = find(cell, agent, seen.value, bytes);
        if (at)
                weft_copy_out(value, at, bytes);
        WEFT_IGNORE_READS_END();
        bool is = weft_cell_is(cell->sh, seen);
        if (agent)
                weft_read_end(agent);
        return !is ? -EAGAIN : at ? (int64_t)bytes : -EUCLEAN;
}

int64_t weft_cell_get(const struct weft_cell *cell, struct weft_agent *agent, void *value,
                      uint64_t room, uint64_t *bytes)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh); /* LP of get */
        int rc = weft_cell_result(seen);
        uint64_t n = weft_cell_what(seen);
        if (UNLIKELY(rc))
                return rc;
        if (bytes)
                *bytes = n;
        if (n > room)
                return -EOVERFLOW;
        if (UNLIKELY(weft_cell_state(seen) == WEFT_CELL_BLOCK))
                return copy(cell, agent, seen, value);
        if (LIKELY(n == sizeof seen.value))
                memcpy(value, &seen.value, sizeof seen.value);
        else if (n)
                memcpy(value, &seen.value, n);
        return (int64_t)n;
}

int64_t weft_cell_view(const struct weft_cell *cell, struct weft_cell_seen *seen,
                       const void **at)
{
        *seen = weft_cell_look(cell->sh); /* LP of view */
        int rc = weft_cell_result(*seen);
        uint64_t n = weft_cell_what(*seen);
        if (rc)
                return rc;
        *at = &seen->value;
        if (weft_cell_state(*seen) == WEFT_CELL_BLOCK) {
                *at = weft_at(cell->arena, (weft_ref_t){ seen->value }, n);
                if (!*at)
                        return weft_cell_is(cell->sh, *seen) ? -EUCLEAN : -EAGAIN;
        }
        return (int64_t)n;
}

void weft_cell_need(struct weft_cell_shared *sh, uint64_t token)
{
        (void)weft_swap_acq_rel(&sh->needs, token); /* [N] */
}

uint64_t weft_cell_needs(const struct weft_cell_shared *sh)
{
        return weft_load_acq(&sh->needs); /* [N] */
}

/* ---- for the kind -------------------------------------------------------------------- */

void weft_cell_destroy(struct weft_cell *cell, struct weft_agent *agent)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh);
        if (weft_cell_state(seen) == WEFT_CELL_BLOCK ||
            weft_cell_state(seen) == WEFT_CELL_CLEARING)
                (void)weft_block_free_from(agent, (weft_ref_t){ seen.value },
                                           cell->owner);
}

int weft_cell_check(const struct weft_cell *cell, uint64_t *bytes)
{
        struct weft_cell_seen seen = weft_cell_look(cell->sh);
        if (weft_cell_state(seen) > WEFT_CELL_CLEARING)
                return -EUCLEAN;
        int rc = weft_cell_result(seen);
        if (rc == -EUCLEAN)
                return rc;
        if (weft_cell_state(seen) == WEFT_CELL_BLOCK) {
                uint64_t room = weft_block_bytes(cell->arena, (weft_ref_t){ seen.value });
                if (room < weft_cell_what(seen))
                        return weft_cell_is(cell->sh, seen) ? -EUCLEAN : 0;
                *bytes += room;
        }
        return 0;
}
