/* structures/pool_quarantine.c -- what the dead held, and is inspected before it is free. */
#include <string.h>

#include "structures/pool_internal.h"

void weft_pool_quarantined(struct weft_pool_shared *sh)
{
        uint64_t now = weft_load_acq(&sh->quarantined);  /* [Q] */
        while (!weft_cas_acq_rel(&sh->quarantined, &now, /* [Q] */
                                 ((now >> 1) + 1) << 1 | 1))
                ;
}

/* The caller inspects object `i`: what it is to be now. Only he, or who settles him, can
 * change its word. */
static void put_down(struct weft_pool_op *op, const struct weft_pool_part *part,
                     uint32_t i, uint64_t word, int verdict)
{
        struct weft_pool_view *v = &op->p->v;
        uint64_t next = weft_pool_freed(word);
        if (verdict == WEFT_POOL_HOLD)
                next = weft_pool_word(word, WEFT_POOL_WORD_HELD, weft_pool_seat_of(word));
        else if (verdict != WEFT_POOL_FREE)
                next = weft_pool_word(word, WEFT_POOL_WORD_QUARANTINED, 0);
        if (!weft_cas_acq_rel(weft_pool_word_at(v, part, i), &word, /* [F] [Q] LP */
                              next))
                return; /* hostile bytes */
        if (verdict == WEFT_POOL_FREE)
                weft_pool_freed_one(v, part, i);
        else if (verdict == WEFT_POOL_HOLD)
                weft_wait_signal(&v->sh->move, INT32_MAX);
}

/* Crash in inspect: what is INSPECTED by the dead is QUARANTINED again. */
static int64_t inspect_part(struct weft_pool_op *op, const struct weft_pool_part *part,
                            int (*look)(const struct weft_pool_object *, void *),
                            void *context, bool *kept)
{
        struct weft_pool_view *v = &op->p->v;
        struct weft_pool_object object;
        uint32_t sig = op->agent->sig;
        int64_t n = 0;
        for (uint32_t i = 0; i < part->count; i++) {
                weft_a64_t *at = weft_pool_word_at(v, part, i);
                uint64_t word = weft_load_acq(at); /* [Q] */
                uint64_t mine =
                        weft_pool_word(word, WEFT_POOL_WORD_INSPECTED, op->agent->index);
                if (weft_pool_state_of(word) == WEFT_POOL_WORD_INSPECTED)
                        *kept = true; /* or so it may be */
                if (!weft_pool_is(word, WEFT_POOL_WORD_QUARANTINED, 0) ||
                    !weft_cas_acq_rel(at, &word, mine)) /* [Q] LP of inspect */
                        continue;
                weft_pool_fill(v, part, i, word, &object);
                int verdict = look(&object, context);
                int rc = weft_handle_enter(&op->p->handle, &op->agent);
                if (rc || op->agent->sig != sig) /* [edge] it has forked, or left */
                        return rc ? rc : -EPERM;
                put_down(op, part, i, mine, verdict);
                if (verdict < 0)
                        return verdict;
                bool gone = verdict == WEFT_POOL_FREE || verdict == WEFT_POOL_HOLD;
                *kept |= !gone;
                n += gone;
        }
        return n;
}

int64_t weft_pool_inspect_all(struct weft_pool_op *op,
                              int (*look)(const struct weft_pool_object *, void *),
                              void *context)
{
        struct weft_pool_view *v = &op->p->v;
        struct weft_pool_part part;
        uint64_t seen = weft_load_acq(&v->sh->quarantined); /* [Q] */
        bool kept = false;
        int64_t n = 0;
        weft_store_rlx(&op->p->seen, seen);
        for (uint32_t k = 0; weft_pool_part(v, k, &part); k++) {
                int64_t some = inspect_part(op, &part, look, context, &kept);
                if (some < 0) {
                        weft_store_rlx(&op->p->seen, 0); /* it is not done: again then */
                        return some;
                }
                n += some;
        }
        if (seen & 1 && !kept) /* unless more has come since */
                (void)weft_cas_acq_rel(&v->sh->quarantined, &seen, seen - 1); /* [Q] */
        return n;
}

int64_t weft_pool_inspect(weft_pool_t *pool,
                          int (*look)(const struct weft_pool_object *object,
                                      void *context),
                          void *context)
{
        struct weft_pool_op op = { 0 };
        if (!pool || !look)
                return -EINVAL;
        op.p = pool;
        int rc = weft_handle_enter(&pool->handle, &op.agent);
        return rc ? rc : weft_pool_inspect_all(&op, look, context);
}

void weft_pool_on_death(weft_pool_t *pool,
                        int (*look)(const struct weft_pool_object *object, void *context),
                        void *context)
{
        if (!pool)
                return;
        pool->on_death = look;
        pool->context = context;
}
