/* structures/pool_census.c -- who has what: each, census, info, at. */
#include <stdlib.h>
#include <string.h>

#include "runtime/agent.h"
#include "structures/pool_internal.h"

void *weft_pool_at(weft_pool_t *pool, uint64_t token)
{
        struct weft_pool_part part;
        uint32_t i;
        if (!pool || !weft_pool_find(&pool->v, weft_pool_index(token), &part, &i))
                return NULL;
        uint64_t word = weft_load_acq(weft_pool_word_at(&pool->v, &part, i)); /* [T] */
        if ((word ^ token) & WEFT_POOL_LIFE || weft_pool_is_free(word))
                return NULL;
        return part.objects + i * pool->v.stride;
}

/* ---- counting ----------------------------------------------------------------- */

static void count_word(uint64_t word, struct weft_pool_count *n, uint32_t (*seats)[2])
{
        uint32_t state = weft_pool_state_of(word), seat = weft_pool_seat_of(word);
        bool inspected = state == WEFT_POOL_WORD_INSPECTED;
        n->total++;
        if (weft_pool_is_free(word))
                n->free++;
        else if (state == WEFT_POOL_WORD_HELD)
                n->held++;
        else if (inspected)
                n->inspected++;
        else if (weft_pool_is(word, WEFT_POOL_WORD_TRANSIT, 0))
                n->transit++;
        else if (weft_pool_is(word, WEFT_POOL_WORD_QUARANTINED, 0))
                n->quarantined++;
        else
                n->bad++;
        if (seats && (inspected || state == WEFT_POOL_WORD_HELD))
                seats[seat][inspected]++;
}

void weft_pool_count(struct weft_pool_view *v, struct weft_pool_count *n,
                     uint32_t (*seats)[2])
{
        struct weft_pool_part part;
        *n = (struct weft_pool_count){ 0 };
        for (uint32_t k = 0; weft_pool_part(v, k, &part); k++)
                for (uint32_t i = 0; i < part.count; i++)
                        count_word(weft_load_rlx(weft_pool_word_at(v, &part, i)), n,
                                   seats);
}

/* ---- who --------------------------------------------------------------------------- */

static struct weft_agent_info agent_at(const weft_arena_t *arena, uint32_t seat)
{
        struct weft_agent_info info = { .seat = seat };
        if (seat < weft_seats_used(arena))
                (void)weft_seat_peek(&arena->seats[seat], &info);
        return info;
}

static int tell_share(weft_arena_t *arena, uint32_t seat, const uint32_t has[2],
                      struct weft_pool_census *census,
                      int (*each)(const struct weft_pool_share *share, void *context),
                      void *context)
{
        struct weft_agent_info who = agent_at(arena, seat);
        struct weft_pool_share share = {
                .seat = seat,
                .generation = who.generation,
                .pid = who.pid,
                .tid = who.tid,
                .dead = who.dead,
                .held = has[0],
                .inspected = has[1],
        };
        census->agents++;
        census->dead += who.dead ? has[0] + has[1] : 0;
        return each ? each(&share, context) : 0;
}

int weft_pool_census(weft_pool_t *pool, struct weft_pool_census *census,
                     int (*each)(const struct weft_pool_share *share, void *context),
                     void *context)
{
        uint32_t seats[WEFT_AGENTS_MAX][2] = { { 0 } };
        struct weft_pool_count n;
        if (!pool || !census)
                return -EINVAL;
        weft_pool_count(&pool->v, &n, seats);
        *census = (struct weft_pool_census){
                .total = n.total,
                .free = n.free,
                .held = n.held,
                .transit = n.transit,
                .quarantined = n.quarantined,
                .inspected = n.inspected,
        };
        int rc = 0;
        for (uint32_t seat = 0; seat < WEFT_AGENTS_MAX && !rc; seat++)
                if (seats[seat][0] || seats[seat][1])
                        rc = tell_share(pool->handle.arena, seat, seats[seat], census,
                                        each, context);
        return rc ? rc : n.bad ? -EUCLEAN : 0;
}

static uint32_t public_state(uint64_t word)
{
        switch (weft_pool_state_of(word)) {
        case WEFT_POOL_WORD_FREE:
                return weft_pool_is_free(word) ? WEFT_POOL_IS_FREE : 0;
        case WEFT_POOL_WORD_HELD:
                return WEFT_POOL_IS_HELD;
        case WEFT_POOL_WORD_TRANSIT:
                return WEFT_POOL_IS_TRANSIT;
        case WEFT_POOL_WORD_QUARANTINED:
                return WEFT_POOL_IS_QUARANTINED;
        case WEFT_POOL_WORD_INSPECTED:
                return WEFT_POOL_IS_INSPECTED;
        default:
                return 0;
        }
}

static struct weft_pool_entry entry_of(const weft_arena_t *arena, uint64_t word,
                                       uint32_t index)
{
        struct weft_pool_entry e = {
                .token = weft_pool_token(word, index),
                .index = index,
                .state = public_state(word),
        };
        if (e.state & (WEFT_POOL_IS_HELD | WEFT_POOL_IS_INSPECTED)) {
                struct weft_agent_info who = agent_at(arena, weft_pool_seat_of(word));
                e.seat = who.seat;
                e.pid = who.pid;
                e.dead = who.dead;
        }
        return e;
}

int weft_pool_each(weft_pool_t *pool, uint32_t states,
                   int (*each)(const struct weft_pool_entry *entry, void *context),
                   void *context)
{
        struct weft_pool_part part;
        if (!pool || !each)
                return -EINVAL;
        for (uint32_t k = 0; weft_pool_part(&pool->v, k, &part); k++)
                for (uint32_t i = 0; i < part.count; i++) {
                        uint64_t word =
                                weft_load_acq(/* [T] [Q] */
                                              weft_pool_word_at(&pool->v, &part, i));
                        if (!(public_state(word) & states))
                                continue;
                        struct weft_pool_entry e =
                                entry_of(pool->handle.arena, word, part.first + i);
                        int rc = each(&e, context);
                        if (rc)
                                return rc;
                }
        return 0;
}

int weft_pool_info(weft_pool_t *pool, struct weft_pool_info *info)
{
        struct weft_pool_count n;
        if (!pool || !info)
                return -EINVAL;
        struct weft_pool_view *v = &pool->v;
        weft_pool_count(v, &n, NULL);
        *info = (struct weft_pool_info){
                .object_bytes = v->object_bytes,
                .count = v->part.count,
                .max_count = v->max_count,
                .total = n.total,
                .free = n.free,
                .waiting =
                        weft_wait_waiters(&v->sh->free) + weft_wait_waiters(&v->sh->move),
                .flags = v->flags,
        };
        return 0;
}
