/* codata/hot.c -- emitting, the end, the driver's seat. */
#include "codata/hot_internal.h"

enum { ERRNO_MAX = 4095 };

/* ---- emitting: the ring does it ------------------------------------------------- */

int weft_hot_emit(weft_hot_t *hot, const void *item, uint64_t deadline)
{
        if (WEFT_UNLIKELY(!hot || !item))
                return -EINVAL;
        if (WEFT_LIKELY(weft_broadcast_put_short(hot->ring, item)))
                return 0;
        return weft_broadcast_publish_far_1(hot->ring, item, deadline);
}

int weft_hot_emit_far_1(weft_hot_t *hot, const void *item, uint64_t deadline)
{
        return hot ? weft_broadcast_publish_far_1(hot->ring, item, deadline) : -EINVAL;
}

int64_t weft_hot_emit_n(weft_hot_t *hot, const void *items, size_t n, uint64_t deadline)
{
        return hot ? weft_broadcast_publish_n(hot->ring, items, n, deadline) : -EINVAL;
}

int weft_hot_loan(weft_hot_t *hot, void **at, uint64_t deadline)
{
        return hot ? weft_broadcast_loan(hot->ring, at, deadline) : -EINVAL;
}

int weft_hot_commit(weft_hot_t *hot, uint64_t deadline)
{
        return hot ? weft_broadcast_commit(hot->ring, deadline) : -EINVAL;
}

int weft_hot_cancel(weft_hot_t *hot)
{
        return hot ? weft_broadcast_cancel(hot->ring) : -EINVAL;
}

int weft_hot_resign(weft_hot_t *hot)
{
        return hot ? weft_broadcast_resign(hot->ring) : -EINVAL;
}

/* ---- the end ----------------------------------------------------------------------- */

bool weft_hot_end_is_sound(const struct weft_hot_shared *sh)
{
        return weft_tally_get(&sh->end) <= 1 + ERRNO_MAX;
}

bool weft_hot_end(const struct weft_hot_shared *sh, int *error)
{
        uint64_t end = weft_tally_get(&sh->end);
        *error = end > 1 ? end - 1 <= ERRNO_MAX ? -(int)(end - 1) : -EUCLEAN : 0;
        return end != 0;
}

/* Crash in finish: before the end is set, nothing has happened; after that, it is done by
 * his recovery, or whoever wants to finish it next. */
int weft_hot_finish(weft_hot_t *hot, int error)
{
        struct weft_agent *agent;
        if (!hot || error > 0 || error < -ERRNO_MAX || error == -EAGAIN)
                return -EINVAL;
        int rc = weft_handle_enter(&hot->handle, &agent);
        if (rc)
                return rc;
        bool first = weft_tally_set_once(&weft_hot_sh(hot)->end, 1 + (uint64_t)-error);
        rc = weft_broadcast_shutdown(hot->ring); /* LP of finish is in it */
        return rc ? rc : first ? 0 : -EALREADY;
}

/* ---- the driver's seat ---------------------------------------------------------------- */

static int survey(weft_hot_t *hot, uint64_t *emitted)
{
        struct weft_broadcast_info info;
        int rc = weft_broadcast_info(hot->ring, &info);
        if (rc)
                return rc;
        if (emitted)
                *emitted = info.published;
        return info.shut ? -EPIPE : 0;
}

/* Crash in claim: the seat is a dead one's, and goes to who stands by. */
int weft_hot_claim_unless(weft_hot_t *hot, uint64_t *emitted,
                          bool (*over)(const void *context), const void *context,
                          uint64_t deadline)
{
        /* LP of claim is in it */
        int rc = weft_mutex_lock_unless(hot->driver, over, context, deadline);
        if (rc == -EOWNERDEAD) {
                weft_tally_add(&weft_hot_sh(hot)->taken_over, 1);
                rc = weft_mutex_consistent(hot->driver);
        }
        if (rc)
                return rc == -ENOTRECOVERABLE ? -EUCLEAN : rc;
        rc = survey(hot, emitted);
        if (rc)
                (void)!weft_mutex_unlock(hot->driver);
        return rc;
}

int weft_hot_claim(weft_hot_t *hot, uint64_t *emitted, uint64_t deadline)
{
        return hot ? weft_hot_claim_unless(hot, emitted, NULL, NULL, deadline) : -EINVAL;
}

/* Crash in yield: until the seat is free it is a dead one's. */
int weft_hot_yield(weft_hot_t *hot)
{
        struct weft_agent *agent;
        if (!hot)
                return -EINVAL;
        int rc = weft_handle_enter(&hot->handle, &agent);
        if (!rc)
                rc = weft_mutex_held_once(hot->driver, agent);
        if (!rc)
                rc = weft_broadcast_resign(hot->ring);
        if (rc && rc != -EPERM)
                return rc;
        return weft_mutex_unlock(hot->driver);
}
