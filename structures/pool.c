/* structures/pool.c -- get, put; give, claim; waiting. */
#include <string.h>

#include "structures/pool_internal.h"

#define NOINLINE __attribute__((noinline)) /* its registers are not to be saved */

static struct weft_pool_shared *shared(const struct weft_pool *p)
{
        return p->handle.sh;
}

int weft_pool_begin(struct weft_pool *p, struct weft_pool_op *op)
{
        void *desk = NULL;
        op->p = p;
        int rc = weft_handle_enter(&p->handle, &op->agent);
        if (!rc && weft_desk_get(&p->desks, op->agent, &desk))
                desk = NULL; /* it is only a help */
        op->desk = desk;
        return rc;
}

/* ---- get ------------------------------------------------------------------------ */

/* Crash in get: before the LP nothing has happened; after it the object is the dead's: it
 * is free again, or in quarantine, once he is settled. */
bool weft_pool_take(struct weft_pool_op *op, const struct weft_pool_part *part,
                    uint32_t i)
{
        struct weft_pool_view *v = &op->p->v;
        weft_a64_t *at = weft_pool_word_at(v, part, i);
        uint64_t word = weft_load_rlx(at);
        if (!weft_pool_is_free(word) ||
            !weft_cas_acq_rel(
                    at, &word, /* [F] LP of get */
                    weft_pool_word(word, WEFT_POOL_WORD_HELD, op->agent->index)))
                return false;
        weft_pool_fill(v, part, i, word, op->to);
        return true;
}

static bool may_grow(const struct weft_pool_op *op)
{
        const struct weft_pool_view *v = &op->p->v;
        if (v->segments < 2 || weft_load_acq(&v->sh->segments[v->segments - 1])) /* [G] */
                return false;
        uint64_t at = op->waits ? weft_load_rlx(&op->p->grow_at) : 0;
        return !at || weft_now() >= at;
}

/* Has somebody left something in quarantine since this handle inspected? */
static bool has_left(const struct weft_pool *p)
{
        uint64_t now = weft_load_acq(&shared(p)->quarantined); /* [Q] */
        return p->on_death && now & 1 && now != weft_load_rlx(&p->seen);
}

bool weft_pool_is_due(const struct weft_pool_op *op)
{
        return has_left(op->p) || may_grow(op);
}

static int do_more(struct weft_pool_op *op)
{
        struct weft_pool *p = op->p;
        if (has_left(p)) {
                int64_t n = weft_pool_inspect_all(op, p->on_death, p->context);
                /* Of look; of a get these say something else. */
                if (n == -EAGAIN || n == -ENOSPC)
                        return -ECANCELED;
                return n < 0 ? (int)n : 0;
        }
        int rc = weft_pool_grow(&p->v, op->agent);
        uint64_t at = rc == -ENOSPC ? weft_after(WEFT_WAIT_RECHECK_NS) : 0;
        weft_store_rlx(&p->grow_at, at);
        return rc;
}

int weft_pool_try(struct weft_pool_op *op)
{
        int rc = weft_pool_search_all(op);
        while (rc == -EAGAIN && weft_pool_is_due(op)) {
                rc = do_more(op);
                if (!rc)
                        rc = weft_pool_search_all(op);
        }
        return rc;
}

enum { DUE = 1 };

/* While it waits. Callbacks are called, and memory is asked for, between two waits. */
static int attempt_get(void *context)
{
        struct weft_pool_op *op = context;
        int rc = weft_pool_search(op);
        return rc && weft_pool_is_due(op) ? DUE : rc;
}

static NOINLINE int get(struct weft_pool *p, struct weft_pool_object *object,
                        uint64_t deadline)
{
        struct weft_pool_op op = { .to = object };
        if (!p || !object)
                return -EINVAL;
        int rc = weft_pool_begin(p, &op);
        while (!rc) {
                rc = weft_pool_try(&op);
                if (rc != -EAGAIN && rc != -ENOSPC)
                        return rc;
                if (deadline == WEFT_NOW) {
                        weft_agent_polled(op.agent);
                        return rc;
                }
                op.waits = true;
                rc = weft_wait_for(op.agent, &shared(p)->free, &p->spin_free, attempt_get,
                                   &op, deadline);
                if (rc == -ETIMEDOUT && !weft_pool_search_all(&op))
                        return 0;
                if (rc <= 0)
                        return rc;
                rc = 0; /* DUE */
        }
        return rc;
}

/* Its desk, if this process has met it. No call: so nothing is saved or restored. */
static inline struct weft_pool_desk_shared *desk_near(weft_pool_t *p, uint32_t seat)
{
        uint64_t offset = weft_load_acq(
                &p->desks.at[seat / WEFT_DESK_SEATS % WEFT_DESK_SEGMENTS]); /* [L] */
        if (WEFT_UNLIKELY(!offset))
                return NULL;
        return (void *)(p->handle.arena->base + (offset - 1) +
                        (size_t)(seat % WEFT_DESK_SEATS) *
                                sizeof(struct weft_pool_desk_shared));
}

/* The object that this agent put last is mostly there, and nobody else's line. Whatever is
 * not as usual is left to get(). */
int weft_pool_get(weft_pool_t *pool, struct weft_pool_object *object, uint64_t deadline)
{
        const struct weft_agent *me;
        struct weft_pool_desk_shared *desk;
        if (WEFT_UNLIKELY(!pool || !object) || !(me = weft_handle_me(&pool->handle)) ||
            WEFT_UNLIKELY(!(desk = desk_near(pool, me->index))))
                return get(pool, object, deadline);
        uint32_t n = weft_load_rlx(&desk->cached) - 1;
        if (WEFT_UNLIKELY(n >= WEFT_POOL_CACHE))
                return get(pool, object, deadline);
        struct weft_pool_view *v = &pool->v;
        uint32_t i = weft_load_rlx(&desk->cache[n]);
        if (WEFT_UNLIKELY(i >= v->part.count))
                return get(pool, object, deadline);
        weft_a64_t *at = weft_pool_word_at(v, &v->part, i);
        uint64_t word = weft_load_rlx(at);
        if (WEFT_UNLIKELY(!weft_pool_is_free(word)) ||
            WEFT_UNLIKELY(!weft_cas_acq_rel(
                    at, &word, /* [F] LP of get */
                    weft_pool_word(word, WEFT_POOL_WORD_HELD, me->index))))
                return get(pool, object, deadline);
        weft_store_rlx(&desk->cached, n);
        weft_pool_fill(v, &v->part, i, word, object);
        return 0;
}

int64_t weft_pool_get_n(weft_pool_t *pool, struct weft_pool_object *objects, size_t n,
                        uint64_t deadline)
{
        struct weft_pool_op op = { 0 };
        size_t done = 0;
        if (!pool || (!objects && n) || n > WEFT_POOL_COUNT_MAX)
                return -EINVAL;
        if (!n)
                return 0;
        int rc = weft_pool_get(pool, objects, deadline);
        if (rc)
                return rc;
        if (weft_pool_begin(pool, &op))
                return 1;
        do
                op.to = &objects[++done];
        while (done < n && !weft_pool_search(&op));
        return (int64_t)done;
}

/* ---- put -------------------------------------------------------------------------- */

/* Why can `token`, whose object's word is `word`, not be put or given? */
static int why_not(uint64_t word, uint64_t token)
{
        return (word ^ token) & WEFT_POOL_LIFE || weft_pool_is_free(word) ? -ENOENT
                                                                          : -EPERM;
}

static inline void remember(struct weft_pool_desk_shared *desk, uint32_t index)
{
        uint32_t n = weft_load_rlx(&desk->cached);
        if (WEFT_UNLIKELY(n >= WEFT_POOL_CACHE))
                return;
        weft_store_rlx(&desk->cache[n], index);
        weft_store_rlx(&desk->cached, n + 1);
}

/* From the caller's to `next`; 0, or why not. */
static inline int change_mine(struct weft_pool_view *v, const struct weft_pool_part *part,
                              uint32_t i, uint64_t token, uint32_t seat, uint64_t next)
{
        uint64_t word = weft_pool_word(token, WEFT_POOL_WORD_HELD, seat);
        weft_a64_t *at = weft_pool_word_at(v, part, i);
        if (WEFT_LIKELY(weft_cas_acq_rel(at, &word, next))) /* [F] [T] LP of put, give */
                return 0;
        return why_not(word, token);
}

static NOINLINE int put(struct weft_pool *p, uint64_t token)
{
        struct weft_pool_part part;
        struct weft_pool_op op;
        uint32_t i;
        if (!p)
                return -EINVAL;
        int rc = weft_pool_begin(p, &op);
        if (rc)
                return rc;
        if (!weft_pool_find(&p->v, weft_pool_index(token), &part, &i))
                return -ENOENT;
        rc = change_mine(&p->v, &part, i, token, op.agent->index, weft_pool_freed(token));
        if (rc)
                return rc;
        if (op.desk)
                remember(op.desk, weft_pool_index(token));
        weft_pool_freed_one(&p->v, &part, i);
        return 0;
}

static NOINLINE int put_told(struct weft_pool_view *v, uint32_t i)
{
        weft_pool_freed_one(v, &v->part, i);
        return 0;
}

/* Crash in put: before the LP the object is the dead's; after it, it is FREE, and recovery
 * sets its bit; who sleeps is woken by that. */
int weft_pool_put(weft_pool_t *pool, uint64_t token)
{
        const struct weft_agent *me;
        struct weft_pool_desk_shared *desk;
        uint32_t i = weft_pool_index(token);
        if (WEFT_UNLIKELY(!pool) || !(me = weft_handle_me(&pool->handle)) ||
            WEFT_UNLIKELY(!(desk = desk_near(pool, me->index))) ||
            WEFT_UNLIKELY(i >= pool->v.part.count))
                return put(pool, token);
        struct weft_pool_view *v = &pool->v;
        int rc = change_mine(v, &v->part, i, token, me->index, weft_pool_freed(token));
        if (WEFT_UNLIKELY(rc))
                return rc;
        remember(desk, i);
        const struct weft_pool_shared *sh = v->sh;
        uint64_t group = weft_load_acq(&v->part.groups[i / WEFT_POOL_GROUP]); /* [H] LP */
        if (WEFT_UNLIKELY(!(group >> i % WEFT_POOL_GROUP & 1)) ||
            WEFT_UNLIKELY(weft_wait_waiters(&sh->free) || weft_wait_waiters(&sh->move)))
                return put_told(v, i);
        return 0;
}

int64_t weft_pool_put_n(weft_pool_t *pool, const struct weft_pool_object *objects,
                        size_t n)
{
        if (!pool || (!objects && n) || n > WEFT_POOL_COUNT_MAX)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                int rc = weft_pool_put(pool, objects[i].token);
                if (rc)
                        return i ? (int64_t)i : rc;
        }
        return (int64_t)n;
}

/* ---- from one to another ------------------------------------------------------------ */

/* Crash in give: before the LP it is the dead's, after it in transit; who sleeps for it looks
 * by himself. */
int weft_pool_give(weft_pool_t *pool, uint64_t token)
{
        struct weft_agent *agent;
        struct weft_pool_part part;
        uint32_t i;
        if (!pool)
                return -EINVAL;
        int rc = weft_handle_enter(&pool->handle, &agent);
        if (rc)
                return rc;
        if (!weft_pool_find(&pool->v, weft_pool_index(token), &part, &i))
                return -ENOENT;
        rc = change_mine(&pool->v, &part, i, token, agent->index,
                         weft_pool_word(token, WEFT_POOL_WORD_TRANSIT, 0));
        if (!rc)
                weft_wait_signal(&shared(pool)->move, INT32_MAX);
        return rc;
}

/* Crash in claim: before the LP it is in transit, after it the dead's. */
static int attempt_claim(void *context)
{
        struct weft_pool_op *op = context;
        struct weft_pool_view *v = &op->p->v;
        struct weft_pool_part part;
        uint32_t i, seat = op->agent->index;
        if (!weft_pool_find(v, weft_pool_index(op->token), &part, &i))
                return -ENOENT;
        weft_a64_t *at = weft_pool_word_at(v, &part, i);
        uint64_t word = weft_load_acq(at); /* [T] LP, if it fails */
        do {
                if ((word ^ op->token) & WEFT_POOL_LIFE || weft_pool_is_free(word))
                        return -ENOENT;
                if (weft_pool_is(word, WEFT_POOL_WORD_HELD, seat))
                        return -EDEADLK;
                if (weft_pool_state_of(word) == WEFT_POOL_WORD_QUARANTINED ||
                    weft_pool_state_of(word) == WEFT_POOL_WORD_INSPECTED)
                        return -EOWNERDEAD;
                if (!weft_pool_is(word, WEFT_POOL_WORD_TRANSIT, 0))
                        return -EAGAIN;
        } while (!weft_cas_acq_rel(at, &word, /* [T] LP of claim */
                                   weft_pool_word(word, WEFT_POOL_WORD_HELD, seat)));
        weft_pool_fill(v, &part, i, word, op->to);
        return 0;
}

int weft_pool_claim(weft_pool_t *pool, uint64_t token, struct weft_pool_object *object,
                    uint64_t deadline)
{
        struct weft_pool_op op = { .to = object, .token = token };
        if (!pool || !object)
                return -EINVAL;
        op.p = pool;
        int rc = weft_handle_enter(&pool->handle, &op.agent);
        if (rc)
                return rc;
        return weft_wait_for(op.agent, &shared(pool)->move, &pool->spin_move,
                             attempt_claim, &op, deadline);
}

static int reclaim(struct weft_pool_view *v, const struct weft_pool_part *part,
                   uint32_t i, uint64_t token)
{
        uint64_t word = weft_pool_word(token, WEFT_POOL_WORD_TRANSIT, 0);
        if (!weft_cas_acq_rel(weft_pool_word_at(v, part, i), &word, /* [F] [T] LP */
                              weft_pool_freed(token)))
                return why_not(word, token);
        weft_pool_freed_one(v, part, i);
        return 0;
}

/* Crash in reclaim: as in put. */
int weft_pool_reclaim(weft_pool_t *pool, uint64_t token)
{
        struct weft_agent *agent;
        struct weft_pool_part part;
        uint32_t i;
        if (!pool)
                return -EINVAL;
        int rc = weft_handle_enter(&pool->handle, &agent);
        if (rc)
                return rc;
        if (!weft_pool_find(&pool->v, weft_pool_index(token), &part, &i))
                return -ENOENT;
        return reclaim(&pool->v, &part, i, token);
}

int64_t weft_pool_reclaim_all(weft_pool_t *pool)
{
        struct weft_agent *agent;
        struct weft_pool_part part;
        int64_t n = 0;
        if (!pool)
                return -EINVAL;
        int rc = weft_handle_enter(&pool->handle, &agent);
        if (rc)
                return rc;
        for (uint32_t k = 0; weft_pool_part(&pool->v, k, &part); k++)
                for (uint32_t i = 0; i < part.count; i++) {
                        uint64_t word =
                                weft_load_rlx(weft_pool_word_at(&pool->v, &part, i));
                        if (weft_pool_is(word, WEFT_POOL_WORD_TRANSIT, 0))
                                n += reclaim(&pool->v, &part, i, word) == 0;
                }
        return n;
}

weft_owner_t weft_pool_owner(const weft_pool_t *pool)
{
        return pool ? weft_handle_owner(&pool->handle) : (weft_owner_t){ 0 };
}
