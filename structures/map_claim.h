/* structures/map_claim.h -- the short way of an insertion: a key whose chain is its home, or
 * that and the bucket next to it. As propose() and decide_claim() in map_table.c, which are
 * for all chains; see map_shared.h.
 */
#ifndef WEFT_STRUCTURES_MAP_CLAIM_H
#define WEFT_STRUCTURES_MAP_CLAIM_H

#include "structures/map_fast.h"

/* Where it goes, and who wants it there. */
struct weft_map_claim {
        struct weft_map_desk_shared *desk;
        uint64_t table; /* its ref */
        struct weft_bucket_shared *buckets, *home;
        uint64_t control; /* of home, as it was seen last */
        bool next;        /* is there a bucket next to home? It is not the last */
        bool before; /* has the word been in home some time? Then it goes there again */
        uint32_t seat;
        uint64_t word, hash;
        const struct weft_map_seen *source; /* what it is a copy of, or NULL */
};

/* Where it will be put: an EMPTY slot of home, else of the bucket next to it, which then is
 * within the reach. False: neither has one. */
static inline bool weft_map_find_room(struct weft_map_claim *c,
                                      struct weft_map_seen *seen)
{
        struct weft_bucket_shared *b = c->home;
        uint32_t mask = weft_map_empty_mask(b);
        if (WEFT_UNLIKELY_MAP(!mask)) {
                if (!c->next)
                        return false;
                mask = weft_map_empty_mask(++b);
                uint64_t reached = c->control | weft_control_make(0, 1, 0);
                if (!mask || (reached != c->control &&
                              !weft_cas_acq_rel(&c->home->control, /* [C] */
                                                &c->control, reached)))
                        return false;
        }
        if (WEFT_UNLIKELY_MAP(
                    c->before)) { /* whoever looks for it would stumble over that */
                uint32_t there = weft_map_key_mask(b, c->word) & mask;
                mask = there ? there : mask;
        }
        seen->bucket = b;
        seen->slot = c->hash & 1 ? 31 - (uint32_t)__builtin_clz(mask)
                                 : (uint32_t)__builtin_ctz(mask);
        weft_a128_t *cell = weft_slot_cell(b, seen->slot);
        seen->meta = weft_load_acq(&cell->hi);  /* [M] */
        seen->value = weft_load_acq(&cell->lo); /* [M] */
        return weft_meta_state(seen->meta) == WEFT_SLOT_EMPTY;
}

/* After the claim: does anybody else want the key, or have it? */
static inline bool weft_map_has_rival(const struct weft_map_claim *c,
                                      const struct weft_map_seen *ours)
{
        uint64_t control = weft_load_acq(&c->home->control); /* [C] */
        uint32_t reach = (uint32_t)(control >> 8) & 63;
        if (WEFT_UNLIKELY_MAP(reach > c->next) ||
            WEFT_UNLIKELY_MAP(control & WEFT_BUCKET_SEALED))
                return true;
        uint32_t rivals = weft_map_bid_mask(c->home, c->word);
        if (reach)
                rivals |= weft_map_bid_mask(c->home + 1, c->word) << 8;
        return rivals & ~(1u << (ours->bucket == c->home ? 0 : 8) << ours->slot);
}

/* Its version, which is never 0; 0: nothing has changed, and the long way is to be taken. */
static inline __attribute__((always_inline)) uint64_t
weft_map_claim(struct weft_map_claim *c, uint64_t value)
{
        struct weft_map_seen ours;
        if (WEFT_UNLIKELY_MAP(c->control & WEFT_BUCKET_SEALED) ||
            WEFT_UNLIKELY_MAP((c->control >> 8 & 63) > c->next) ||
            WEFT_UNLIKELY_MAP(!weft_map_find_room(c, &ours)))
                return 0;
        weft_a128_t *cell = weft_slot_cell(ours.bucket, ours.slot);
        uint64_t version = weft_meta_version(ours.meta) + 1;
        struct weft_pair was = { ours.value, ours.meta };
        struct weft_pair claim = { c->word,
                                   weft_meta_make(version, c->seat, WEFT_SLOT_CLAIM) };
        weft_store_rlx(&c->desk->table, c->table); /* [D] before the claim */
        weft_store_rlx(&c->desk->slot,
                       (uint64_t)(ours.bucket - c->buckets) * 8 + ours.slot);
        if (WEFT_UNLIKELY_MAP(!weft_cas16_acq_rel(cell, &was, claim))) /* [M] */
                return 0;
        weft_store_rlx(weft_slot_key(ours.bucket, ours.slot), c->word);
        bool free = !weft_map_has_rival(c, &ours);
        if (c->source) {
                const struct weft_map_seen *s = c->source;
                uint64_t copied = weft_meta_version(s->meta);
                free = free &&
                       weft_load_acq(&weft_slot_cell(s->bucket, s->slot)->hi) == /* [M] */
                               s->meta;
                version = version > copied ? version : copied;
        }
        if (WEFT_LIKELY_MAP(free)) {
                uint64_t floor = weft_control_floor(
                        weft_load_acq(&c->home->control)); /* [C] after the look */
                version = (version > floor ? version : floor) + 1;
                struct weft_pair is = { value,
                                        weft_meta_make(version, 0, WEFT_SLOT_MEMBER) };
                if (WEFT_LIKELY_MAP(weft_cas16_acq_rel(cell, &claim, is))) /* [M] LP */
                        return version;
        }
        ours.value = claim.lo;
        ours.meta = claim.hi;
        weft_map_withdraw(&ours);
        return 0;
}

#endif
