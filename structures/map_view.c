/* structures/map_view.c -- values read where they lie. */
#include <string.h>

#include "structures/map_block.h"

bool weft_map_viewed(struct weft_map *map, uint64_t ref)
{
        struct weft_map_shared *sh = map->sh;
        if (WEFT_LIKELY_MAP(!weft_load_acq(&sh->viewed))) /* [V] */
                return false;
        for (uint32_t w = 0; w < 16; w++) {
                uint64_t seats = weft_load_acq(&sh->viewers[w]); /* [V] */
                for (; seats; seats &= seats - 1) {
                        uint32_t seat = w * 64 + (uint32_t)__builtin_ctzll(seats);
                        struct weft_map_desk_shared *desk =
                                weft_desk_at(&map->desks, seat);
                        for (int i = 0; desk && i < WEFT_MAP_VIEWS_MAX; i++)
                                if (weft_load_acq(&desk->views[i]) == ref) /* [V] */
                                        return true;
                }
        }
        return false;
}

static void announce(struct weft_map_op *op)
{
        weft_a64_t *seats = &op->map->sh->viewers[op->agent->index / 64 % 16];
        uint64_t bit = UINT64_C(1) << op->agent->index % 64;
        if (WEFT_LIKELY_MAP(weft_load_rlx(seats) & bit))
                return;
        (void)weft_or_acq_rel(&op->map->sh->viewed, 1); /* [V] */
        (void)weft_or_acq_rel(seats, bit);              /* [V] */
}

/* Crash in end: `old` names what the place named, until it is disposed of. */
static void end_place(struct weft_map_op *op, weft_a64_t *place)
{
        uint64_t ref = weft_load_rlx(place);
        weft_store_rel(&op->desk->old, ref); /* [D] */
        weft_store_rel(place, 0);            /* [V] */
        weft_fence_seq();                    /* [V] */
        if (!weft_map_linked(op, ref))
                weft_map_dispose(op->map, op->agent, ref);
        weft_store_rel(&op->desk->old, 0); /* [D] */
}

void weft_map_views_recover(struct weft_map_op *op)
{
        for (int i = 0; i < WEFT_MAP_VIEWS_MAX; i++)
                if (weft_load_acq(&op->desk->views[i])) /* [D] */
                        end_place(op, &op->desk->views[i]);
}

/* ---- handles ------------------------------------------------------------------- */

/* A view ends with the handle that it was had through: 16 bits tell which. */
void weft_map_views_begin(struct weft_map *map)
{
        static weft_a64_t serials;
        map->serial = (uint16_t)(weft_add_rlx(&serials, 1) % UINT16_MAX + 1);
}

static uint16_t viewed_by(const struct weft_map_desk_shared *desk, uint32_t i)
{
        return (uint16_t)(weft_load_rlx(&desk->viewed_by[i / 4]) >> i % 4 * 16);
}

static void set_viewed_by(struct weft_map_desk_shared *desk, uint32_t i, uint16_t serial)
{
        uint64_t word = weft_load_rlx(&desk->viewed_by[i / 4]);
        word &= ~(UINT64_C(0xffff) << i % 4 * 16);
        weft_store_rlx(&desk->viewed_by[i / 4], word | (uint64_t)serial << i % 4 * 16);
}

/* Another thread's places, with this one's desk: that thread may be using its own for
 * something else, through another handle. */
static void end_views(struct weft_map_op *op, uint32_t seat)
{
        struct weft_map_desk_shared *desk = weft_desk_at(&op->map->desks, seat);
        for (uint32_t i = 0; desk && i < WEFT_MAP_VIEWS_MAX; i++)
                if (weft_load_acq(&desk->views[i]) && /* [V] */
                    viewed_by(desk, i) == op->map->serial)
                        end_place(op, &desk->views[i]);
}

void weft_map_views_end(struct weft_map *map)
{
        weft_arena_t *arena = map->handle.arena;
        struct weft_map_op op;
        if (map->inlined || arena->readonly ||
            !weft_load_acq(&map->sh->viewed) || /* [V] */
            weft_map_begin(&op, map, true))
                return;
        weft_registry_lock();
        for (struct weft_agent *a = arena->agents; a; a = a->next)
                end_views(&op, a->index);
        weft_registry_unlock();
        weft_map_end(&op);
}

/* ---- views ----------------------------------------------------------------------- */

static int fill(struct weft_map_op *op, const struct weft_map_seen *seen,
                struct weft_map_view *view)
{
        struct weft_map_look look;
        if (!weft_map_look(op, seen->value, &look))
                return -EUCLEAN;
        if (op->map->flags & WEFT_MAP_EXPIRY && weft_map_is_over(look.expires_ms))
                return -ENOENT;
        view->value = look.value;
        view->bytes = look.value_bytes;
        view->version = weft_meta_version(seen->meta);
        return 0;
}

/* Crash in view: what is in a place is viewed, until recovery ends that. */
static int attempt(struct weft_map_op *op, uint32_t i, struct weft_map_view *view)
{
        weft_a64_t *place = &op->desk->views[i];
        struct weft_map_seen seen;
        int rc = weft_map_find(op, &seen);
        if (rc)
                return rc;
        set_viewed_by(op->desk, i, op->map->serial);
        weft_store_rel(place, seen.value); /* [V] */
        weft_fence_seq();                  /* [V] */
        rc = weft_map_still(op, &seen) ? fill(op, &seen, view) : -ESTALE;
        if (rc) {
                end_place(op, place);
                return rc;
        }
        view->state[0] = seen.value;
        view->state[1] = (uint64_t)op->agent->sig << 8 | (i + 1);
        return 0;
}

int weft_map_view(weft_map_t *map, const void *key, uint32_t key_bytes,
                  struct weft_map_view *view)
{
        struct weft_map_op op;
        uint32_t i = 0;
        if (!map || !view)
                return -EINVAL;
        *view = (struct weft_map_view){ 0 };
        if (map->inlined)
                return -EPROTO;
        int rc = weft_map_begin(&op, map, true);
        if (rc)
                return rc;
        rc = weft_map_hash(&op, key, key_bytes);
        while (i < WEFT_MAP_VIEWS_MAX && weft_load_rlx(&op.desk->views[i]))
                i++;
        if (!rc && i == WEFT_MAP_VIEWS_MAX)
                rc = -EOVERFLOW;
        if (!rc) {
                announce(&op);
                while ((rc = attempt(&op, i, view)) == -ESTALE)
                        ;
        }
        weft_map_end(&op);
        return rc;
}

void weft_map_view_end(weft_map_t *map, struct weft_map_view *view)
{
        struct weft_map_op op;
        if (!map || !view || !view->state[1] || weft_map_begin(&op, map, true))
                return;
        uint32_t i = (uint32_t)(view->state[1] & 255) - 1;
        if (view->state[1] >> 8 == op.agent->sig && i < WEFT_MAP_VIEWS_MAX &&
            weft_load_rlx(&op.desk->views[i]) == view->state[0])
                end_place(&op, &op.desk->views[i]);
        weft_map_end(&op);
        *view = (struct weft_map_view){ 0 };
}
