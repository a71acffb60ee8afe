/* structures/pool_segment.c -- a pool's shape; its segments: found, made, added. */
#include <string.h>

#include "structures/pool_internal.h"

enum {
        SMALL = 512,           /* pools of up to so many have each word on a line alone */
        LEAST_BYTES = 1 << 16, /* of a segment after the first, unless that is all */
};

/* ---- the shape ---------------------------------------------------------------- */

static uint64_t stride_of(uint64_t bytes)
{
        uint64_t unit = bytes <= 8 ? 8 : bytes < WEFT_LINE ? 16 : WEFT_LINE;
        return (bytes + unit - 1) / unit * unit;
}

bool weft_pool_shape(struct weft_pool_view *v, uint64_t object_bytes, uint32_t count,
                     uint32_t max_count, uint32_t flags)
{
        uint32_t rest = max_count - count, shift = 0;
        if (!object_bytes || object_bytes > WEFT_POOL_OBJECT_MAX || !count ||
            count > max_count || max_count > WEFT_POOL_COUNT_MAX ||
            flags & ~(uint32_t)WEFT_POOL_QUARANTINE)
                return false;
        v->object_bytes = object_bytes;
        v->stride = stride_of(object_bytes);
        v->word_shift = max_count <= SMALL ? 3 : 0;
        v->part.count = count;
        v->max_count = max_count;
        v->flags = flags;
        while ((uint64_t)(WEFT_POOL_SEGMENTS - 1) << shift < rest ||
               (v->stride << shift < LEAST_BYTES && UINT64_C(1) << shift < rest))
                shift++;
        v->unit_shift = shift;
        v->segments = 1 + (uint32_t)((rest + (UINT64_C(1) << shift) - 1) >> shift);
        return true;
}

static uint32_t first_of(const struct weft_pool_view *v, uint32_t k)
{
        return k ? v->part.count + ((k - 1) << v->unit_shift) : 0;
}

static uint32_t count_of(const struct weft_pool_view *v, uint32_t k)
{
        if (!k)
                return v->part.count;
        uint32_t left = v->max_count - first_of(v, k);
        return left >> v->unit_shift ? UINT32_C(1) << v->unit_shift : left;
}

static uint64_t whole_lines(uint64_t bytes)
{
        return (bytes + WEFT_LINE - 1) / WEFT_LINE * WEFT_LINE;
}

/* The bytes of the parts of a segment's first block. */
static uint64_t summary_bytes(uint32_t count)
{
        return whole_lines((weft_pool_groups(count) + UINT64_C(63)) / 64 *
                           sizeof(weft_a64_t));
}

static uint64_t groups_bytes(uint32_t count)
{
        return whole_lines(weft_pool_groups(count) * sizeof(weft_a64_t));
}

static uint64_t head_bytes(const struct weft_pool_view *v, uint32_t count)
{
        return WEFT_LINE + summary_bytes(count) + groups_bytes(count) +
               whole_lines(((uint64_t)count << v->word_shift) * sizeof(weft_a64_t));
}

static void lay_out(uint8_t *head, struct weft_pool_part *part)
{
        uint8_t *groups = head + WEFT_LINE + summary_bytes(part->count);
        part->summary = (weft_a64_t *)(void *)(head + WEFT_LINE);
        part->groups = (weft_a64_t *)(void *)groups;
        part->words = (weft_a64_t *)(void *)(groups + groups_bytes(part->count));
}

/* ---- finding -------------------------------------------------------------------- */

/* For the first time in this process. */
static bool meet(struct weft_pool_view *v, uint32_t k, uint64_t bytes, uint64_t count)
{
        weft_ref_t ref = { weft_load_acq(&v->sh->segments[k]) }; /* [G] */
        struct weft_pool_segment_shared *head =
                ref.v ? weft_at(v->arena, ref, bytes) : NULL;
        if (!head)
                return false;
        ref.v = weft_load_rlx(&head->objects);
        uint8_t *objects = ref.v ? weft_at(v->arena, ref, count * v->stride) : NULL;
        if (!objects)
                return false;
        weft_store_rlx(&v->known[k][1], (uint64_t)(objects - v->arena->base) + 1);
        weft_store_rel(&v->known[k][0], /* [L] */
                       (uint64_t)((uint8_t *)head - v->arena->base) + 1);
        return true;
}

bool weft_pool_part(struct weft_pool_view *v, uint32_t k, struct weft_pool_part *part)
{
        if (k >= v->segments)
                return false;
        part->first = first_of(v, k);
        part->count = count_of(v, k);
        if (!weft_load_acq(&v->known[k][0]) && /* [L] */
            !meet(v, k, head_bytes(v, part->count), part->count))
                return false;
        lay_out(v->arena->base + (weft_load_rlx(&v->known[k][0]) - 1), part);
        part->objects = v->arena->base + (weft_load_rlx(&v->known[k][1]) - 1);
        return true;
}

bool weft_pool_far(struct weft_pool_view *v, uint32_t index, struct weft_pool_part *part,
                   uint32_t *i)
{
        if (index >= v->max_count)
                return false;
        uint32_t k = index < v->part.count
                             ? 0
                             : 1 + ((index - v->part.count) >> v->unit_shift);
        if (!weft_pool_part(v, k, part))
                return false;
        *i = index - part->first;
        return true;
}

int weft_pool_view(struct weft_pool_view *v, weft_arena_t *arena,
                   struct weft_pool_shared *sh, weft_owner_t owner)
{
        uint64_t bytes;
        uint32_t count, max_count, flags;

        weft_copy_out(&bytes, &sh->object_bytes, sizeof bytes);
        weft_copy_out(&count, &sh->count, sizeof count);
        weft_copy_out(&max_count, &sh->max_count, sizeof max_count);
        weft_copy_out(&flags, &sh->flags, sizeof flags);
        memset(v, 0, sizeof *v);
        v->arena = arena;
        v->sh = sh;
        v->owner = owner;
        if (!weft_pool_shape(v, bytes, count, max_count, flags) ||
            !weft_pool_part(v, 0, &v->part))
                return -EUCLEAN;
        return 0;
}

/* ---- making ----------------------------------------------------------------------- */

static void set_low_bits(weft_a64_t *words, uint64_t bits, uint32_t a_word)
{
        for (; bits; words++) {
                uint64_t n = bits < a_word ? bits : a_word;
                weft_store_rlx(words, n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1);
                bits -= n;
        }
}

int weft_pool_segment_make(struct weft_pool_view *v, uint32_t k,
                           int (*alloc)(void *context, uint64_t bytes, weft_ref_t *ref,
                                        void **at),
                           void *context, weft_ref_t refs[2])
{
        struct weft_pool_part part = { .first = first_of(v, k), .count = count_of(v, k) };
        uint64_t bytes = head_bytes(v, part.count), size = part.count * v->stride;
        void *head, *objects;

        int rc = alloc(context, bytes, &refs[0], &head);
        if (!rc)
                rc = alloc(context, size, &refs[1], &objects);
        if (rc)
                return rc;
        memset(head, 0, bytes);
        memset(objects, 0, size);
        lay_out(head, &part);
        set_low_bits(part.groups, part.count, WEFT_POOL_GROUP);
        set_low_bits(part.summary, weft_pool_groups(part.count), 64);
        for (uint32_t i = 0; i < part.count; i++)
                weft_store_rlx(weft_pool_word_at(v, &part, i), WEFT_POOL_ONE_LIFE);
        struct weft_pool_segment_shared *s = head;
        weft_store_rlx(&s->objects, refs[1].v);
        return 0;
}

/* ---- growing ------------------------------------------------------------------------ */

static int alloc_mine(void *context, uint64_t bytes, weft_ref_t *ref, void **at)
{
        struct weft_pool_view *v = context;
        return weft_block_alloc(v->arena, bytes, ref, at);
}

static int hand_over(struct weft_pool_view *v, uint32_t sig, weft_ref_t ref)
{
        return weft_block_pass(v->arena, ref, weft_owner_make(WEFT_OWNER_AGENT, sig),
                               v->owner);
}

/* Crash in grow: until the LP the blocks are the agent's and go with it; after it, recovery
 * hands them over. */
int weft_pool_grow(struct weft_pool_view *v, struct weft_agent *agent)
{
        weft_ref_t refs[2] = { { 0 }, { 0 } };
        uint64_t none = 0;
        uint32_t k = 1;

        while (k < v->segments && weft_load_acq(&v->sh->segments[k])) /* [G] */
                k++;
        if (k >= v->segments)
                return -EAGAIN;
        int rc = weft_pool_segment_make(v, k, alloc_mine, v, refs);
        bool mine = !rc && weft_cas_acq_rel(&v->sh->segments[k], &none, /* [G] LP */
                                            refs[0].v);
        if (!mine) {
                for (int i = 0; i < 2; i++)
                        if (refs[i].v && weft_block_free(v->arena, refs[i]))
                                return -EUCLEAN;
                return rc;
        }
        rc = hand_over(v, agent->sig, refs[0]);
        if (!rc)
                rc = hand_over(v, agent->sig, refs[1]);
        weft_wait_signal(&v->sh->free, INT32_MAX);
        return rc;
}

void weft_pool_grow_recover(struct weft_pool_view *v, uint32_t sig)
{
        for (uint32_t k = 1; k < v->segments; k++) {
                struct weft_pool_part part;
                weft_ref_t ref = { weft_load_acq(&v->sh->segments[k]) }; /* [G] */
                if (!ref.v || !weft_pool_part(v, k, &part))
                        continue;
                struct weft_pool_segment_shared *head =
                        (void *)((uint8_t *)part.summary - WEFT_LINE);
                weft_ref_t objects = { weft_load_rlx(&head->objects) };
                (void)hand_over(v, sig, ref); /* unless they were the pool's already */
                (void)hand_over(v, sig, objects);
        }
}
