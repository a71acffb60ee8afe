/* weft/barrier.h -- parties that go on together, phase after phase.
 *
 * A barrier has places. A phase ends when every place is taken and its party has arrived.
 * An agent takes a free place with its first arrival and keeps it; weft_barrier_join()
 * adds a place and takes it, weft_barrier_leave() gives a place up for good. ANONYMOUS: a
 * place is kept only until the phase has ended, so that any N arrivals make a phase.
 *
 * A party that dies (or ends, or closes its handle, without leaving) breaks the barrier:
 * everybody waiting, and everybody who comes, gets -EOWNERDEAD until it is reset. Created
 * to SHRINK, its place goes with it instead, and the others may go on at once. A place
 * that nobody has taken yet is missed for as long as it takes: it has nobody to die.
 *
 * Progress  arriving is lock-free (P2); waiting sleeps.
 * Order     what the parties did before they arrived is seen by all when the phase ends.
 * Crash     killed in an arrival: it had arrived or not, and died as a party in both
 *           cases (unless it had no place yet).
 * Threads   any; a party is an agent (thread).
 * Errors    -EAGAIN, -ETIMEDOUT: it has not ended; the party stays arrived, and waits on
 *           with weft_barrier_wait() again, or weft_barrier_wait_phase()
 *           -EPERM   all places are taken by others; leave: it has none
 *           -EOWNERDEAD broken; -EBUSY reset: somebody waits and it is not broken
 *           -EEXIST  join: it is a party already; -EOVERFLOW too many places
 *           -EROFS; and those of <weft/object.h>
 * Source    phases that parties join and leave: java.util.concurrent.Phaser; arrival
 *           apart from waiting: C++20 std::barrier.
 */
#ifndef WEFT_BARRIER_H
#define WEFT_BARRIER_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_barrier weft_barrier_t; /* process-local handle */

#define WEFT_BARRIER_PARTIES_MAX 1024

enum {
        WEFT_BARRIER_SHRINK = 1,    /* the places of the dead go with them */
        WEFT_BARRIER_ANONYMOUS = 2, /* a place is kept for one phase */
};

struct weft_barrier_options {
        uint32_t parties; /* places at the start; 0: parties join */
        uint32_t flags;
};

/* Makes one under `name`; opens one; does either (-EPROTO if the flags differ). */
WEFT_API WEFT_CHECK int weft_barrier_create(weft_arena_t *arena, const char *name,
                                            const struct weft_barrier_options *options,
                                            weft_barrier_t **barrier);
WEFT_API WEFT_CHECK int weft_barrier_open(weft_arena_t *arena, const char *name,
                                          weft_barrier_t **barrier);
WEFT_API WEFT_CHECK int
weft_barrier_create_or_open(weft_arena_t *arena, const char *name,
                            const struct weft_barrier_options *options,
                            weft_barrier_t **barrier);
WEFT_API void weft_barrier_close(weft_barrier_t *barrier);

/* Adds a place, and takes it, for the phase that is under way. -EOWNERDEAD: broken. */
WEFT_API WEFT_CHECK int weft_barrier_join(weft_barrier_t *barrier);

/* Gives this agent's place up, arrived or not; may end the phase for the others. */
WEFT_API WEFT_CHECK int weft_barrier_leave(weft_barrier_t *barrier);

/* Arrives and waits until the phase ends. 1 for the party whose arrival ended it, 0 for the
 * others (the last may have left or died: then all get 0). A party that has arrived and
 * was not told of the end yet (-EAGAIN, -ETIMEDOUT, weft_barrier_arrive()) does not arrive
 * again: this is its wait for that phase, ended by now or not. */
WEFT_API WEFT_CHECK int weft_barrier_wait(weft_barrier_t *barrier, uint64_t deadline);

/* Arrives, unless it has in this phase, and goes on at once: `*phase` is what to wait for.
 * 1: that ended it, and there is nothing to wait for. */
WEFT_API WEFT_CHECK int weft_barrier_arrive(weft_barrier_t *barrier, uint64_t *phase);

/* Waits until phase `phase` has ended; 0 at once if it has, or -EOWNERDEAD if it was broken
 * and then reset (of the last 10 phases that is known). Takes no place. */
WEFT_API WEFT_CHECK int weft_barrier_wait_phase(weft_barrier_t *barrier, uint64_t phase,
                                                uint64_t deadline);

/* A broken barrier becomes whole again: the living parties keep their places and have
 * not arrived, the places of the dead are free. The next phase begins. Of one that is not
 * broken nothing changes. */
WEFT_API WEFT_CHECK int weft_barrier_reset(weft_barrier_t *barrier);

struct weft_barrier_info {
        uint64_t phase; /* the one under way, from 0 */
        uint32_t parties, taken, arrived;
        uint32_t flags;
        uint32_t broken;
        uint32_t waiting; /* who sleep; the dead count until they are settled */
};

/* A snapshot; exact when nobody changes it. Works read-only. */
WEFT_API WEFT_CHECK int weft_barrier_info(weft_barrier_t *barrier,
                                          struct weft_barrier_info *info);

#ifdef __cplusplus
}
#endif
#endif
