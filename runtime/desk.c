/* runtime/desk.c -- segments of desks: found, added, handed over, freed. */
#include <errno.h>
#include <string.h>

#include "runtime/block.h"
#include "runtime/desk.h"

static uint64_t segment_bytes(const struct weft_desks *desks)
{
        return (uint64_t)WEFT_DESK_SEATS * desks->desk_bytes;
}

void weft_desks_view(struct weft_desks *desks, weft_arena_t *arena,
                     struct weft_desks_shared *sh, weft_owner_t owner,
                     uint32_t desk_bytes)
{
        *desks = (struct weft_desks){
                .arena = arena,
                .sh = sh,
                .owner = owner,
                .desk_bytes = desk_bytes,
        };
}

static uint8_t *segment_at(struct weft_desks *desks, uint32_t k, weft_ref_t *ref)
{
        ref->v = weft_load_acq(&desks->sh->segments[k]); /* [S] */
        return ref->v ? weft_at(desks->arena, *ref, segment_bytes(desks)) : NULL;
}

void *weft_desk_find(struct weft_desks *desks, uint32_t seat)
{
        uint32_t k = seat / WEFT_DESK_SEATS % WEFT_DESK_SEGMENTS;
        weft_ref_t ref;
        uint8_t *at = segment_at(desks, k, &ref);
        if (!at)
                return NULL;
        weft_store_rel(&desks->at[k], (uint64_t)(at - desks->arena->base) + 1); /* [L] */
        return at + (uint64_t)(seat % WEFT_DESK_SEATS) * desks->desk_bytes;
}

static int grow(struct weft_desks *desks, struct weft_agent *agent, uint32_t k)
{
        uint64_t none = 0;
        weft_ref_t ref;
        void *at;
        int rc = weft_block_alloc(desks->arena, segment_bytes(desks), &ref, &at);
        if (rc)
                return rc;
        memset(at, 0, segment_bytes(desks));
        if (!weft_cas_acq_rel(&desks->sh->segments[k], &none, ref.v)) /* [S] LP of grow */
                return weft_block_free(desks->arena, ref);
        return weft_block_pass(desks->arena, ref,
                               weft_owner_make(WEFT_OWNER_AGENT, agent->sig),
                               desks->owner);
}

int weft_desk_get(struct weft_desks *desks, struct weft_agent *agent, void **desk)
{
        uint32_t k = agent->index / WEFT_DESK_SEATS % WEFT_DESK_SEGMENTS;
        *desk = weft_desk_at(desks, agent->index);
        if (*desk)
                return 0;
        if (!weft_load_acq(&desks->sh->segments[k])) { /* [S] */
                int rc = grow(desks, agent, k);
                if (rc)
                        return rc;
        } /* else a neighbour has added it meanwhile, or it is a ref to nothing */
        *desk = weft_desk_at(desks, agent->index);
        return *desk ? 0 : -EUCLEAN;
}

/* Whoever added a segment did so for his own seat. */
int weft_desks_recover(struct weft_desks *desks, uint32_t sig)
{
        uint32_t k = weft_sig_seat(sig) / WEFT_DESK_SEATS % WEFT_DESK_SEGMENTS;
        weft_ref_t ref;
        if (!segment_at(desks, k, &ref))
                return ref.v ? -EUCLEAN : 0;
        int rc = weft_block_pass(desks->arena, ref,
                                 weft_owner_make(WEFT_OWNER_AGENT, sig), desks->owner);
        return rc == -ENOENT ? 0 : rc; /* it was theirs already */
}

void weft_desks_free(struct weft_desks *desks, struct weft_agent *agent)
{
        weft_ref_t ref;
        for (uint32_t k = 0; k < WEFT_DESK_SEGMENTS; k++)
                if (segment_at(desks, k, &ref))
                        (void)weft_block_free_from(agent, ref, desks->owner);
}

int64_t weft_desks_bytes(struct weft_desks *desks)
{
        int64_t bytes = 0;
        weft_ref_t ref;
        for (uint32_t k = 0; k < WEFT_DESK_SEGMENTS; k++) {
                if (!segment_at(desks, k, &ref)) {
                        if (ref.v)
                                return -EUCLEAN;
                        continue;
                }
                bytes += (int64_t)weft_block_bytes(desks->arena, ref);
        }
        return bytes;
}
