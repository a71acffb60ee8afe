/* structures/queue_kind.c -- what the directory asks of a queue; info. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "structures/queue_internal.h"

/* ---- counting ------------------------------------------------------------- */

struct count {
        uint64_t tail, head, leased, returned;
        uint64_t print; /* of all hands: equal when nothing changed */
        bool open;      /* some intent is */
};

static void count_hands(struct weft_queue_view *v, struct count *n)
{
        struct weft_queue_hand_shared *h = v->boxes ? weft_queue_hand(v, 0) : NULL;
        for (uint64_t i = 0; h; h = weft_queue_hand(v, ++i)) {
                uint64_t phase = weft_load_acq(&h->phase); /* [I] */
                uint64_t word = weft_load_acq(&h->word);   /* [E] */
                uint64_t box = weft_load_rlx(&h->box);
                n->leased += weft_hand_state(word) == WEFT_HAND_LEASED;
                n->returned += weft_hand_state(word) == WEFT_HAND_RETURNED;
                n->open |= phase != 0;
                n->print = n->print * 31 + word;
                n->print = n->print * 31 + box;
                n->print = n->print * 31 + phase;
        }
}

/* The head before the tail, so that the tail is not below it. */
static int count(struct weft_queue_view *v, struct count *n)
{
        struct weft_pair seen = { 0 };
        *n = (struct count){
                .head = weft_load_acq(&v->sh->head), /* [H] */
                .tail = weft_load_acq(&v->sh->tail), /* [H] */
        };
        if (n->head >= WEFT_QUEUE_POSITION_MAX || n->tail >= WEFT_QUEUE_POSITION_MAX ||
            n->head <= v->mask || n->tail <= v->mask)
                return -EUCLEAN;
        int rc = weft_queue_find_head(v, &n->head, &seen);
        if (rc == 0 || rc == -EAGAIN || rc == -EPIPE)
                rc = weft_queue_find_tail(v, &n->tail, &seen);
        if (rc && rc != -EAGAIN && rc != -EPIPE)
                return rc;
        count_hands(v, n);
        return 0;
}

static uint64_t length(struct weft_queue_view *v, const struct count *n)
{
        if (v->flags & WEFT_QUEUE_BATCH)
                return weft_queue_batch_length(v, n->head, n->tail);
        uint64_t in_cells = n->tail - n->head;
        return (in_cells > v->mask + 1 ? v->mask + 1 : in_cells) + n->returned;
}

int weft_queue_info(weft_queue_t *queue, struct weft_queue_info *info)
{
        struct count n;
        if (!queue || !info)
                return -EINVAL;
        struct weft_queue_view *v = &queue->v;
        struct weft_agent *agent;
        /* A read-only process has no pin to keep: nobody punches what it may read. */
        int rc = v->arena->readonly ? 0 : weft_handle_enter(&queue->handle, &agent);
        if (!rc)
                rc = count(v, &n);
        if (rc)
                return rc;
        *info = (struct weft_queue_info){
                .capacity = v->mask + 1,
                .length = length(v, &n),
                .leased = n.leased,
                .pushed = n.tail - (v->mask + 1),
                .popped = n.head - (v->mask + 1),
                .element_bytes = v->element_bytes,
                .flags = v->flags,
                .shut = weft_load_acq(&v->sh->closing) != 0, /* [C] */
                .waiting = weft_wait_waiters(&v->sh->not_empty) +
                           weft_wait_waiters(&v->sh->not_full),
        };
        return 0;
}

/* ---- bytes ------------------------------------------------------------------ */

/* Calls `each` for every block of the queue, its header apart; segments last. */
static void each_block(struct weft_queue_view *v,
                       void (*each)(struct weft_queue_view *, weft_ref_t, void *),
                       void *context)
{
        struct weft_queue_hand_shared *h = v->boxes ? weft_queue_hand(v, 0) : NULL;
        for (uint64_t i = 0; h; h = weft_queue_hand(v, ++i)) {
                weft_ref_t ref = { weft_load_acq(&h->ref) }; /* [E] */
                if (ref.v)
                        each(v, ref, context);
        }
        for (uint32_t k = WEFT_QUEUE_SEGMENTS; k--;) {
                weft_ref_t ref = { weft_load_acq(&v->sh->segments[k]) }; /* [S] */
                if (ref.v)
                        each(v, ref, context);
        }
        if (v->sh->boxes.v)
                each(v, v->sh->boxes, context);
        each(v, v->sh->cells, context);
}

static void add_bytes(struct weft_queue_view *v, weft_ref_t ref, void *context)
{
        uint64_t *bytes = context;
        *bytes += weft_block_bytes(v->arena, ref);
}

static uint64_t owned_bytes(struct weft_queue_view *v)
{
        uint64_t bytes = sizeof *v->sh;
        each_block(v, add_bytes, &bytes);
        return bytes;
}

static int view_of(struct weft_object *o, struct weft_queue_view *v)
{
        return weft_queue_view(v, o->arena, o->sh,
                               weft_owner_make(WEFT_OWNER_OBJECT, o->id));
}

/* ---- settling the dead ------------------------------------------------------- */

/* Crash in recover: what is done is found done by the next one. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_queue_shared *sh = o->sh;
        struct weft_queue_view v;
        int rc = view_of(o, &v);
        if (rc)
                return rc;
        if (v.boxes) {
                weft_owner_t its = weft_owner_make(WEFT_OWNER_AGENT, sig);
                for (uint32_t k = 1; k < WEFT_QUEUE_SEGMENTS; k++) {
                        weft_ref_t ref = { weft_load_acq(&sh->segments[k]) }; /* [S] */
                        if (ref.v && weft_block_pass(o->arena, ref, its, v.owner))
                                continue; /* it was the queue's already */
                }
                struct weft_queue_hand_shared *h = weft_queue_hand(&v, 0);
                for (uint64_t i = 0; h; h = weft_queue_hand(&v, ++i))
                        (void)weft_hand_give_up(&v, o->agent, h, sig);
                if (v.flags & WEFT_QUEUE_LEASE)
                        weft_queue_flag_returned(sh); /* it may have died in a nack */
        }
        weft_wait_reset(&sh->not_empty);
        weft_wait_reset(&sh->not_full);
        return 0;
}

/* For a whole that it is part of. */
static int shut(struct weft_object *o)
{
        struct weft_queue_view v;
        int rc = view_of(o, &v);
        if (rc)
                return rc;
        uint64_t pos = weft_load_acq(&v.sh->tail); /* [H] */
        bool is_sane = pos > v.mask && pos < WEFT_QUEUE_POSITION_MAX;
        return weft_queue_shut(&v, is_sane ? pos : v.mask + 1);
}

struct freeing {
        struct weft_agent *agent;
};

static void free_block(struct weft_queue_view *v, weft_ref_t ref, void *context)
{
        struct freeing *f = context;
        (void)weft_block_free_from(f->agent, ref, v->owner);
}

/* Crash in destroy: the view fails when the cells are gone, which are freed last; and a
 * block is freed only once. */
static void destroy(struct weft_object *o)
{
        struct freeing f = { o->agent };
        struct weft_queue_view v;
        if (view_of(o, &v) == 0) {
                each_block(&v, free_block, &f);
                return;
        }
        /* Begun before, or corrupt: what can still be found. */
        v.boxes = NULL;
        v.owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        each_block(&v, free_block, &f);
}

/* ---- check ------------------------------------------------------------------ */

enum { CHECK_BOXES_MAX = 1 << 26 };

static bool mark(uint8_t *map, uint64_t boxes, uint64_t box)
{
        if (box >= boxes || map[box / 8] >> box % 8 & 1)
                return false;
        map[box / 8] |= (uint8_t)(1u << box % 8);
        return true;
}

/* Is each box in exactly one cell or hand? */
static bool boxes_are_whole(struct weft_queue_view *v)
{
        uint64_t hands = 0, n = v->mask + 1;
        bool whole = true;
        while (weft_queue_hand(v, hands))
                hands++;
        if (n + hands > CHECK_BOXES_MAX)
                return true;
        uint8_t *map = calloc((n + hands) / 8 + 1, 1);
        if (!map)
                return true;
        for (uint64_t i = 0; i < n; i++)
                whole &= mark(map, n + hands, weft_load_rlx(&v->cells[i].hi));
        struct weft_queue_hand_shared *h = weft_queue_hand(v, 0);
        for (uint64_t i = 0; h && i < hands; h = weft_queue_hand(v, ++i))
                whole &= mark(map, n + hands, weft_load_rlx(&h->box));
        free(map);
        return whole;
}

static bool cells_are_whole(const struct weft_queue_view *v, const struct count *n)
{
        if (n->tail < n->head || n->tail - n->head > v->mask + 1)
                return false;
        for (uint64_t p = n->head; p <= n->head + v->mask; p++) {
                uint64_t lo = weft_load_rlx(&v->cells[p & v->mask].lo);
                uint64_t want = 2 * p + (p < n->tail);
                if (p == n->tail)
                        lo &= ~WEFT_QUEUE_CLOSED;
                else if (p < n->tail && v->flags & WEFT_QUEUE_BATCH)
                        lo &= ~WEFT_QUEUE_OFFSET;
                if (lo != want)
                        return false;
        }
        return true;
}

static bool same(const struct count *a, const struct count *b)
{
        return a->tail == b->tail && a->head == b->head && a->print == b->print;
}

/* Exact while nobody changes the queue; a change in between is no fault. */
static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_queue_view v;
        struct count before, after;
        int rc = view_of(o, &v);
        if (rc)
                return rc;
        if (bytes)
                *bytes = owned_bytes(&v);
        for (int i = 0; i < 3; i++) {
                rc = count(&v, &before);
                if (rc)
                        return rc;
                bool whole = cells_are_whole(&v, &before);
                if (v.boxes && !before.open)
                        whole &= boxes_are_whole(&v);
                if (whole)
                        return 0;
                rc = count(&v, &after);
                if (rc)
                        return rc;
                if (same(&before, &after))
                        return -EUCLEAN;
        }
        return 0;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_queue_view v;
        struct count n;
        if (view_of(o, &v) || count(&v, &n)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        info->bytes = owned_bytes(&v);
        char leased[40] = "";
        if (v.flags & WEFT_QUEUE_LEASE)
                (void)snprintf(leased, sizeof leased, ", %" PRIu64 " leased", n.leased);
        (void)snprintf(info->detail, sizeof info->detail,
                       "%" PRIu64 " of %" PRIu64 " elements of %" PRIu32 " B%s%s",
                       length(&v, &n), v.mask + 1, v.element_bytes, leased,
                       weft_load_acq(&v.sh->closing) ? ", shut" : ""); /* [C] */
}

struct weft_kind weft_queue_kind = {
        .name = "queue",
        .id = WEFT_QUEUE_KIND_ID,
        .version = WEFT_QUEUE_FORMAT,
        .header_bytes = sizeof(struct weft_queue_shared),
        .recover = recover,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_queue),
        .view = weft_queue_see,
        .drop = weft_queue_drop,
        .fits = weft_queue_fits,
        .init = weft_queue_init,
        .shut = shut,
        .waitable = &weft_queue_waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&weft_queue_kind);
}
