/* weft/pool.h -- objects of one size, lent to agents.
 *
 * Whoever gets an object holds it until he puts it back or gives it away. It is known by its
 * token, a number that any process understands and that no two lendings share: with it the
 * object is put, given through a queue to somebody else, claimed there, found.
 *
 * What the dead held is free again once they are settled; or, in a QUARANTINE pool, is kept
 * aside as they left it, until a survivor has looked at it: weft_pool_inspect(). So it is
 * with what a thread holds when it ends, or when its process closes its last handle.
 *
 * To hand an object over so that no death can lose it: push its token, then give it. Whoever
 * pops the token claims it, and waits for that moment if he must; if the giver died before,
 * the claim says so (-ENOENT, QUARANTINE: -EOWNERDEAD). What was given is nobody's until it
 * is claimed: if the one who has the token dies, it stays in transit (weft_pool_each() lists
 * it) until somebody says weft_pool_reclaim().
 *
 * Progress  lock-free: whoever is stopped or killed at any instruction, the others go on.
 *           Waiting happens only where a deadline says so. get and put touch no line that
 *           others write, as long as each keeps to what it put last.
 * Order     linearizable; which free object one gets is luck. Get and claim acquire what
 *           put and give before them released.
 * Crash     each call has happened or it has not; an object has one owner at every instant.
 * Threads   a handle may be used by all threads of a process. An object is held by the
 *           thread that got it; a fork's child holds nothing.
 * Errors    -EAGAIN, -ETIMEDOUT none is free (claim: it is held yet)
 *           -ENOENT  the token is of an earlier lending, or of nothing
 *           -EPERM   the object is another's, in transit or in quarantine
 *           -ENOSPC  none is free, and no memory to grow; -EROFS; -EUCLEAN; -EINVAL;
 *           and those of <weft/object.h>
 * Source    a claim that signs itself; hints beside it: docs/design.md. Free lists, which
 *           this does without: Treiber (IBM RJ 5118, 1986).
 */
#ifndef WEFT_POOL_H
#define WEFT_POOL_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_pool weft_pool_t; /* process-local handle */

#define WEFT_POOL_COUNT_MAX (UINT32_C(1) << 28)
#define WEFT_POOL_OBJECT_MAX (UINT64_C(1) << 30)

enum {
        WEFT_POOL_QUARANTINE = 1, /* what the dead held is inspected before it is free */
};

struct weft_pool_options {
        uint64_t object_bytes; /* 1 to WEFT_POOL_OBJECT_MAX */
        uint32_t count;        /* objects to begin with: 1 to WEFT_POOL_COUNT_MAX */
        uint32_t max_count; /* it grows up to so many when none is free; 0: it does not */
        uint32_t flags;     /* WEFT_POOL_... */
        uint32_t reserved;  /* 0 */
};

/* An object in hand. The struct is the caller's, and may be copied. */
struct weft_pool_object {
        void *at; /* object_bytes bytes, aligned to 64 from 64 bytes up, to 16 from 9
                           up, else to 8; zeroes at first, later as it was left */
        uint64_t token; /* never 0 */
        uint32_t index; /* which of the pool's objects: 0 up, below max_count */
        uint32_t reserved;
};

/* Makes a pool under `name`; opens one; does either (an existing one must have the same
 * object_bytes and flags, else -EPROTO; its counts may differ). Memory for `count` objects
 * is committed now. */
WEFT_API WEFT_CHECK int weft_pool_create(weft_arena_t *arena, const char *name,
                                         const struct weft_pool_options *options,
                                         weft_pool_t **pool);
WEFT_API WEFT_CHECK int weft_pool_open(weft_arena_t *arena, const char *name,
                                       weft_pool_t **pool);
WEFT_API WEFT_CHECK int weft_pool_create_or_open(weft_arena_t *arena, const char *name,
                                                 const struct weft_pool_options *options,
                                                 weft_pool_t **pool);

/* What this process's agents hold comes back as if they had died, with its last handle. */
WEFT_API void weft_pool_close(weft_pool_t *pool);

/* The owner to weft_block_give() a block to that should go when the pool goes. */
WEFT_API weft_owner_t weft_pool_owner(const weft_pool_t *pool);

/* ---- lending ------------------------------------------------------------- */

/* Gets a free object; grows the pool if there is none; waits for one until `deadline`.
 * -ENOSPC only with WEFT_NOW: who waits goes on waiting, and tries to grow it now and then. */
WEFT_API WEFT_CHECK int weft_pool_get(weft_pool_t *pool, struct weft_pool_object *object,
                                      uint64_t deadline);

/* Up to `n` in one call: waits for the first as above, then takes what is there. How many,
 * >= 1, or an error; n == 0 returns 0. */
WEFT_API WEFT_CHECK int64_t weft_pool_get_n(weft_pool_t *pool,
                                            struct weft_pool_object *objects, size_t n,
                                            uint64_t deadline);

/* Puts back what the calling thread holds. Never waits. Its token means nothing any more. */
WEFT_API WEFT_CHECK int weft_pool_put(weft_pool_t *pool, uint64_t token);

/* Puts `n` objects back, up to the first that cannot be: how many, or its error if that is
 * the first of all. */
WEFT_API WEFT_CHECK int64_t weft_pool_put_n(weft_pool_t *pool,
                                            const struct weft_pool_object *objects,
                                            size_t n);

/* The object's address, or NULL when the token is stale. That keeps nobody from putting it:
 * whoever reads what he does not hold brings his own order. Works read-only. */
WEFT_API void *weft_pool_at(weft_pool_t *pool, uint64_t token);

/* ---- from one to another -------------------------------------------------- */

/* What the calling thread holds is nobody's: whoever claims it first has it. */
WEFT_API WEFT_CHECK int weft_pool_give(weft_pool_t *pool, uint64_t token);

/* Takes what was given, or waits until it is. -EDEADLK: the caller holds it himself;
 * -EOWNERDEAD: its holder died and it is in quarantine. */
WEFT_API WEFT_CHECK int weft_pool_claim(weft_pool_t *pool, uint64_t token,
                                        struct weft_pool_object *object,
                                        uint64_t deadline);

/* Makes what is in transit free: its receiver will not come. -EPERM: it is not in transit. */
WEFT_API WEFT_CHECK int weft_pool_reclaim(weft_pool_t *pool, uint64_t token);

/* The same for all that is in transit: how many. */
WEFT_API WEFT_CHECK int64_t weft_pool_reclaim_all(weft_pool_t *pool);

/* ---- what the dead left: QUARANTINE ---------------------------------------- */

enum {
        WEFT_POOL_FREE = 0, /* it is as good as new: free it */
        WEFT_POOL_KEEP = 1, /* back to quarantine */
        WEFT_POOL_HOLD = 2, /* the caller holds it from now on */
};

/* Shows all that is in quarantine, one after the other, to `look`, which may repair it, and
 * says what is to become of it; or returns an error, which puts that one back and ends it.
 * If the caller dies in `look`, the object is in quarantine again. How many were freed or are
 * held now, or that error. Nobody else gets at an object meanwhile. */
WEFT_API WEFT_CHECK int64_t weft_pool_inspect(
        weft_pool_t *pool,
        int (*look)(const struct weft_pool_object *object, void *context), void *context);

/* From now on, whoever finds nothing free through this handle inspects so before he grows
 * the pool, waits or gives up, if somebody has died or left since the handle did so last.
 * What `look` HOLDs is held by him; an error of `look` is what he is told (-ECANCELED for
 * -EAGAIN and -ENOSPC, which say that there is none), and the next one asks anew. NULL: no more. Call it before the handle is used. */
WEFT_API void weft_pool_on_death(weft_pool_t *pool,
                                 int (*look)(const struct weft_pool_object *object,
                                             void *context),
                                 void *context);

/* ---- the whole ------------------------------------------------------------ */

enum weft_pool_state {
        WEFT_POOL_IS_FREE = 1,
        WEFT_POOL_IS_HELD = 2,
        WEFT_POOL_IS_TRANSIT = 4,
        WEFT_POOL_IS_QUARANTINED = 8,
        WEFT_POOL_IS_INSPECTED = 16,
};

struct weft_pool_entry {
        uint64_t token; /* of a FREE one: that it has when it is got next */
        uint32_t index;
        uint32_t state; /* enum weft_pool_state */
        uint32_t seat;  /* of who holds or inspects it, like these: */
        uint32_t pid;   /* for people; 0 when unknown */
        uint32_t dead;  /* 1: proved dead, not settled yet */
        uint32_t reserved;
};

/* Calls `each` for every object in one of `states` (or'ed). A non-zero return of `each`
 * ends it and is returned. Weakly consistent. Works read-only. */
WEFT_API WEFT_CHECK int weft_pool_each(weft_pool_t *pool, uint32_t states,
                                       int (*each)(const struct weft_pool_entry *entry,
                                                   void *context),
                                       void *context);

struct weft_pool_share {
        uint32_t seat;
        uint32_t generation; /* of the seat, as in struct weft_agent_info */
        uint32_t pid, tid;
        uint32_t dead; /* 1: proved dead, not settled yet */
        uint32_t held;
        uint32_t inspected;
        uint32_t reserved;
};

struct weft_pool_census {
        uint32_t total; /* = all of these together: */
        uint32_t free;
        uint32_t held;
        uint32_t transit;
        uint32_t quarantined;
        uint32_t inspected;
        uint32_t dead;   /* of those held and inspected: by the dead */
        uint32_t agents; /* that hold or inspect any */
};

/* Counts the objects, and calls `each` (may be NULL) for every agent that holds or inspects
 * some. Exact while nobody changes the pool. Looks at every object. Works read-only. */
WEFT_API WEFT_CHECK int
weft_pool_census(weft_pool_t *pool, struct weft_pool_census *census,
                 int (*each)(const struct weft_pool_share *share, void *context),
                 void *context);

struct weft_pool_info {
        uint64_t object_bytes;
        uint32_t count; /* as it was made */
        uint32_t max_count;
        uint32_t total;   /* that there are now */
        uint32_t free;    /* of these */
        uint32_t waiting; /* agents asleep here */
        uint32_t flags;
};

/* A snapshot, like the census. Works read-only. */
WEFT_API WEFT_CHECK int weft_pool_info(weft_pool_t *pool, struct weft_pool_info *info);

#ifdef __cplusplus
}
#endif
#endif
