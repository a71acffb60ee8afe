/* structures/rendezvous_box.c -- places for what does not fit into a word. */
#include "structures/rendezvous_internal.h"

enum { SEAT_BITS = WEFT_SEAT_BITS, INLINE_LEAD = 8 };

int weft_rendezvous_shape(struct weft_rendezvous *r)
{
        const struct weft_rendezvous_shared *sh = weft_rendezvous_sh(r);
        uint32_t element_bytes, flags;
        weft_copy_out(&element_bytes, &sh->element_bytes, sizeof element_bytes);
        weft_copy_out(&flags, &sh->flags, sizeof flags);
        if (!element_bytes || element_bytes > WEFT_RENDEZVOUS_ELEMENT_MAX || flags)
                return -EUCLEAN;
        r->element_bytes = element_bytes;
        r->lead = element_bytes + INLINE_LEAD <= WEFT_LINE ? INLINE_LEAD : WEFT_LINE;
        r->box_bytes = ((uint64_t)r->lead + element_bytes + WEFT_LINE - 1) / WEFT_LINE *
                       WEFT_LINE;
        return 0;
}

/* ---- where they are -------------------------------------------------------------- */

static bool is_in_desk(const struct weft_rendezvous *r, uint32_t k)
{
        return k == 0 && r->element_bytes <= WEFT_RENDEZVOUS_FIRST_BYTES;
}

/* Boxes 2^c .. 2^(c + 1) - 1 are in chunk c. */
static uint32_t chunk_of(uint32_t k)
{
        return 31 - (uint32_t)__builtin_clz(k);
}

static uint64_t chunk_bytes(const struct weft_rendezvous *r, uint32_t c)
{
        return r->box_bytes << c;
}

void *weft_rendezvous_box(struct weft_rendezvous *r,
                          struct weft_rendezvous_desk_shared *desk, uint32_t k,
                          weft_a64_t **given)
{
        if (is_in_desk(r, k)) {
                *given = &desk->given;
                return desk->first;
        }
        if (!k || k >> WEFT_RENDEZVOUS_CHUNKS)
                return NULL;
        uint32_t c = chunk_of(k);
        weft_ref_t ref = { weft_load_acq(&desk->chunks[c]) }; /* [C] */
        uint8_t *at = ref.v ? weft_at(r->handle.arena, ref, chunk_bytes(r, c)) : NULL;
        if (!at)
                return NULL;
        at += (k - (UINT32_C(1) << c)) * r->box_bytes;
        *given = &((struct weft_rendezvous_box_shared *)(void *)at)->given;
        return at + r->lead;
}

/* ---- one to use --------------------------------------------------------------------- */

/* Crash in grow: until the LP the block is the agent's and goes with it; after it, recovery
 * hands it over. */
static int grow(struct weft_rendezvous_op *op, uint32_t c)
{
        struct weft_rendezvous *r = op->r;
        weft_arena_t *arena = r->handle.arena;
        weft_ref_t ref;
        void *block;
        if (weft_load_acq(&op->desk->chunks[c])) /* [C] */
                return -EUCLEAN;                 /* it leads nowhere */
        int rc = weft_block_alloc(arena, chunk_bytes(r, c), &ref, &block);
        if (rc)
                return rc;
        uint8_t *at = block;
        for (uint32_t i = 0; i < UINT32_C(1) << c; i++, at += r->box_bytes)
                weft_store_rlx(&((struct weft_rendezvous_box_shared *)(void *)at)->given,
                               0);
        weft_store_rel(&op->desk->chunks[c], ref.v); /* [C] LP of grow */
        return weft_block_pass(arena, ref,
                               weft_owner_make(WEFT_OWNER_AGENT, op->agent->sig),
                               weft_handle_owner(&r->handle));
}

/* Was it left for somebody who has not fetched it yet? */
static bool is_in_use(const struct weft_rendezvous_op *op, uint32_t k, uint64_t given)
{
        if (!given)
                return false;
        uint32_t seat = weft_sig_seat((uint32_t)given);
        return weft_meet_is_left(&op->r->handle.arena->seats[seat].meet,
                                 given >> SEAT_BITS,
                                 (uint64_t)k << SEAT_BITS | op->agent->index);
}

int weft_rendezvous_pack(struct weft_rendezvous_op *op)
{
        struct weft_rendezvous *r = op->r;
        weft_a64_t *given;
        if (op->box != WEFT_RENDEZVOUS_NO_BOX)
                return 0;
        uint32_t k = is_in_desk(r, 0) ? 0 : 1;
        for (; !(k >> WEFT_RENDEZVOUS_CHUNKS); k++) {
                void *at = weft_rendezvous_box(r, op->desk, k, &given);
                if (!at) {
                        int rc = grow(op, chunk_of(k));
                        if (rc)
                                return rc;
                        at = weft_rendezvous_box(r, op->desk, k, &given);
                }
                if (!at)
                        return -EUCLEAN;
                if (is_in_use(op, k, weft_load_rlx(given)))
                        continue;
                weft_store_rlx(given, 0);
                weft_copy_in(at, op->from, r->element_bytes);
                op->box = (int)k;
                return 0;
        }
        return -EUCLEAN; /* there are as many as seats: `given` says what cannot be */
}

/* ---- chunks ---------------------------------------------------------------------------- */

int weft_rendezvous_pass_chunks(struct weft_rendezvous *r,
                                struct weft_rendezvous_desk_shared *desk, uint32_t sig)
{
        for (uint32_t c = 0; c < WEFT_RENDEZVOUS_CHUNKS; c++) {
                weft_ref_t ref = { weft_load_acq(&desk->chunks[c]) }; /* [C] */
                if (!ref.v)
                        continue;
                int rc = weft_block_pass(r->handle.arena, ref,
                                         weft_owner_make(WEFT_OWNER_AGENT, sig),
                                         weft_handle_owner(&r->handle));
                if (rc && rc != -ENOENT) /* it was the object's already */
                        return rc;
        }
        return 0;
}

static int each_chunk(struct weft_rendezvous *r,
                      int (*each)(struct weft_rendezvous *r, weft_ref_t ref, uint32_t c,
                                  void *context),
                      void *context)
{
        int worst = 0;
        for (uint32_t seat = 0; seat < WEFT_DESK_SEGMENTS * WEFT_DESK_SEATS; seat++) {
                struct weft_rendezvous_desk_shared *desk = weft_desk_at(&r->desks, seat);
                if (!desk) {
                        seat |= WEFT_DESK_SEATS - 1; /* nor have its neighbours */
                        continue;
                }
                for (uint32_t c = 0; c < WEFT_RENDEZVOUS_CHUNKS; c++) {
                        weft_ref_t ref = { weft_load_acq(&desk->chunks[c]) }; /* [C] */
                        int rc = ref.v ? each(r, ref, c, context) : 0;
                        worst = rc ? rc : worst;
                }
        }
        return worst;
}

static int add_bytes(struct weft_rendezvous *r, weft_ref_t ref, uint32_t c, void *context)
{
        int64_t *bytes = context;
        if (!weft_at(r->handle.arena, ref, chunk_bytes(r, c)))
                return -EUCLEAN;
        *bytes += (int64_t)weft_block_bytes(r->handle.arena, ref);
        return 0;
}

int64_t weft_rendezvous_chunks_bytes(struct weft_rendezvous *r)
{
        int64_t bytes = 0;
        int rc = each_chunk(r, add_bytes, &bytes);
        return rc ? rc : bytes;
}

static int free_chunk(struct weft_rendezvous *r, weft_ref_t ref, uint32_t c,
                      void *context)
{
        (void)c;
        (void)weft_block_free_from(context, ref, weft_handle_owner(&r->handle));
        return 0;
}

void weft_rendezvous_chunks_free(struct weft_rendezvous *r, struct weft_agent *agent)
{
        (void)each_chunk(r, free_chunk, agent);
}
