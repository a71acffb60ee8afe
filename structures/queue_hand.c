/* structures/queue_hand.c -- hands: getting, settling and giving up, redelivery. */
#include "structures/queue_internal.h"

/* ---- segments ------------------------------------------------------------- */

static uint64_t segment_bytes(uint32_t k)
{
        return weft_segment_hands(k) * sizeof(struct weft_queue_hand_shared);
}

struct weft_queue_hand_shared *weft_queue_segment(struct weft_queue_view *v, uint32_t k)
{
        uint64_t offset = weft_load_acq(&v->segments[k]); /* [L] */
        if (WEFT_LIKELY(offset))
                return (void *)(v->arena->base + offset);
        weft_ref_t ref = { weft_load_acq(&v->sh->segments[k]) }; /* [S] */
        uint8_t *at = ref.v ? weft_at(v->arena, ref, segment_bytes(k)) : NULL;
        if (at)
                weft_store_rel(&v->segments[k],
                               (uint64_t)(at - v->arena->base)); /* [L] */
        return (void *)at;
}

void weft_queue_hands_init(struct weft_queue_view *v, uint32_t k,
                           struct weft_queue_hand_shared *hands)
{
        uint64_t first = weft_segment_first(k);
        for (uint64_t i = 0; i < weft_segment_hands(k); i++) {
                hands[i] = (struct weft_queue_hand_shared){ 0 };
                weft_store_rlx(&hands[i].box, v->mask + 1 + first + i);
        }
}

/* Adds segment k. Crash in grow: until the LP the block is the agent's and goes with it;
 * after it, recovery hands it over to the queue in the agent's place. */
static int grow(struct weft_queue_view *v, struct weft_agent *agent, uint32_t k)
{
        uint64_t none = 0;
        weft_ref_t ref;
        void *at;

        if (k >= WEFT_QUEUE_SEGMENTS)
                return -ENOSPC;
        int rc = weft_block_alloc(v->arena, segment_bytes(k), &ref, &at);
        if (rc)
                return rc;
        weft_queue_hands_init(v, k, at);
        if (!weft_cas_acq_rel(&v->sh->segments[k], &none, ref.v)) /* [S] LP of grow */
                return weft_block_free(v->arena, ref);
        return weft_block_pass(v->arena, ref,
                               weft_owner_make(WEFT_OWNER_AGENT, agent->sig), v->owner);
}

/* ---- boxes beyond the first N ----------------------------------------------- */

void *weft_box_far(struct weft_queue_view *v, uint64_t box)
{
        struct weft_queue_hand_shared *home = weft_queue_hand(v, box - v->mask - 1);
        if (!home)
                return NULL;
        weft_ref_t ref = { weft_load_acq(&home->ref) }; /* [E] */
        return ref.v ? weft_at(v->arena, ref, v->box_bytes) : NULL;
}

/* Gives the box in a hand of ours its memory. Crash in furnish: the hand says which box,
 * the box says which block; recovery frees it, whoever owns it by then. */
static int furnish(struct weft_queue_view *v, struct weft_agent *agent, uint64_t box)
{
        struct weft_queue_hand_shared *home;
        weft_ref_t ref;

        if (box <= v->mask)
                return 0;
        home = weft_queue_hand(v, box - v->mask - 1);
        if (!home)
                return -EUCLEAN;
        if (weft_box_far(v, box))
                return 0;
        int rc = weft_block_alloc(v->arena, v->box_bytes, &ref, NULL);
        if (rc)
                return rc;
        weft_store_rel(&home->ref, ref.v); /* [E] */
        return weft_block_pass(v->arena, ref,
                               weft_owner_make(WEFT_OWNER_AGENT, agent->sig), v->owner);
}

/* ---- getting a hand ---------------------------------------------------------- */

/* With `near`, only one whose box needs no memory, as far as one look tells. */
static struct weft_queue_hand_shared *claim_free(struct weft_queue_view *v, uint32_t sig,
                                                 bool near, uint64_t *index)
{
        struct weft_queue_hand_shared *h = weft_queue_hand(v, 0);
        for (uint64_t i = 0; h; h = weft_queue_hand(v, ++i)) {
                uint64_t word = weft_load_rlx(&h->word);
                *index = i;
                if (near && weft_load_rlx(&h->box) > v->mask)
                        continue;
                if (!word && weft_cas_acq_rel(&h->word, &word, /* [E] LP of claim */
                                              weft_hand_word(sig, WEFT_HAND_HELD, 0)))
                        return h;
        }
        return NULL;
}

/* Makes a hand of `sig`, HELD or LOAN, FREE; frees its box's memory. Repeatable. */
static void free_hand(struct weft_queue_view *v, struct weft_agent *agent,
                      struct weft_queue_hand_shared *hand, uint64_t word)
{
        uint64_t box = weft_load_rlx(&hand->box);
        struct weft_queue_hand_shared *home =
                box > v->mask ? weft_queue_hand(v, box - v->mask - 1) : NULL;
        weft_ref_t ref = { home ? weft_load_acq(&home->ref) : 0 }; /* [E] */
        if (ref.v) {
                /* -ENOENT: freed before, or not passed to the queue yet, so that it
                 * goes with the agent who allocated it. */
                (void)weft_block_free_from(agent, ref, v->owner);
                weft_store_rlx(&home->ref, 0);
        }
        weft_store_rlx(&hand->handle, 0);        /* nobody's hand is in no handle's way */
        weft_cas_acq_rel(&hand->word, &word, 0); /* [E] LP of giving it up */
}

static int grip_free(struct weft_queue_op *op, bool near)
{
        struct weft_queue_view *v = &op->q->v;
        struct weft_queue_hand_shared *hand;
        uint64_t index;

        while (!(hand = claim_free(v, op->agent->sig, near, &index))) {
                if (near)
                        return -ENOSPC;
                uint32_t k = 0;
                while (k < WEFT_QUEUE_SEGMENTS && weft_queue_segment(v, k))
                        k++;
                if (k < WEFT_QUEUE_SEGMENTS &&
                    weft_load_acq(&v->sh->segments[k])) /* [S] */
                        return -EUCLEAN;                /* a ref to nothing */
                int rc = grow(v, op->agent, k);
                if (rc)
                        return rc;
        }
        weft_store_rlx(&hand->handle, op->q->serial);
        uint64_t box = weft_load_rlx(&hand->box);
        int rc = furnish(v, op->agent, box);
        if (rc) {
                free_hand(v, op->agent, hand,
                          weft_hand_word(op->agent->sig, WEFT_HAND_HELD, 0));
                return rc;
        }
        op->mine->grips[op->mine->idle++] = (struct weft_queue_grip){
                .hand = hand,
                .index = (uint32_t)index,
                .box = (uint32_t)box,
        };
        return 0;
}

/* Crash in grip: a HELD hand says whose it is. */
int weft_queue_grip_more(struct weft_queue_op *op)
{
        int rc = grip_free(op, false);
        return rc == -ENOSPC ? grip_free(op, true) : rc;
}

void weft_queue_ungrip(struct weft_queue_op *op, struct weft_queue_grip grip)
{
        if (op->mine->idle < WEFT_QUEUE_GRIPS)
                op->mine->grips[op->mine->idle++] = grip;
        else
                free_hand(&op->q->v, op->agent, grip.hand,
                          weft_hand_word(op->agent->sig, WEFT_HAND_HELD, 0));
}

/* ---- settling: the protocol is in queue_shared.h ------------------------------- */

static bool somebody_takes(struct weft_queue_view *v, uint64_t box, uint64_t from)
{
        struct weft_queue_hand_shared *h = weft_queue_hand(v, 0);
        for (uint64_t i = 0; h; h = weft_queue_hand(v, ++i)) {
                uint64_t phase = weft_load_acq(&h->phase); /* [I] */
                if (phase < from)
                        continue;
                uint64_t swap = weft_load_acq(&h->swap); /* [I] */
                if ((uint32_t)swap == box && weft_load_rlx(&h->phase) == phase)
                        return true;
        }
        return false;
}

/* Did the CAS of an open intent happen? Its owner does nothing any more. */
static bool has_happened(struct weft_queue_view *v, uint64_t phase, uint64_t gives)
{
        const weft_a128_t *cell = &v->cells[phase / 2 & v->mask];
        uint64_t made = phase & 1 ? phase - 1 + 2 * (v->mask + 1) : phase + 1;
        uint64_t lo = weft_queue_phase(weft_load_acq(&cell->lo)); /* [P] [O] */
        if (lo <= phase)
                return false;
        if (weft_load_acq(&cell->hi) == gives) /* [P] [O] */
                return true;
        if (somebody_takes(v, gives, made))
                return true;
        const weft_a64_t *stamp = weft_box_stamp(v, gives);
        return stamp && weft_load_acq(stamp) >= made; /* [I] */
}

/*
 * Settles the intent of a hand whose owner does nothing any more. Repeatable.
 *
 * Crash in settle: the intent is still open, and the answer the same.
 */
static void settle_hand(struct weft_queue_view *v, struct weft_queue_hand_shared *hand)
{
        uint64_t phase = weft_load_acq(&hand->phase); /* [I] */
        if (!phase)
                return;
        uint64_t swap = weft_load_rlx(&hand->swap), takes = (uint32_t)swap;
        if (has_happened(v, phase, swap >> 32)) {
                weft_a64_t *stamp = weft_box_stamp(v, takes);
                if (stamp)
                        weft_store_rlx(stamp, phase);
                weft_store_rlx(&hand->box, takes);
                if (phase & 1 && v->flags & WEFT_QUEUE_LEASE) {
                        uint32_t sig = weft_hand_sig(weft_load_rlx(&hand->word));
                        weft_store_rlx(&hand->word,
                                       weft_hand_word(sig, WEFT_HAND_LEASED, 0));
                }
        }
        weft_store_rel(&hand->phase, 0); /* [I] */
}

bool weft_hand_give_up(struct weft_queue_view *v, struct weft_agent *agent,
                       struct weft_queue_hand_shared *hand, uint32_t sig)
{
        if (weft_hand_sig(weft_load_acq(&hand->word)) != sig) /* [E] */
                return false;
        settle_hand(v, hand);
        uint64_t word = weft_load_acq(&hand->word); /* [E] */
        if (weft_hand_state(word) != WEFT_HAND_LEASED) {
                free_hand(v, agent, hand, word);
                return false;
        }
        weft_store_rlx(&hand->handle, 0);
        if (!weft_cas_acq_rel(&hand->word, &word, /* [E] LP of redelivery */
                              weft_hand_returned(word)))
                return false;
        weft_queue_flag_returned(v->sh);
        return true;
}

/* ---- redelivery ------------------------------------------------------------- */

void weft_queue_flag_returned(struct weft_queue_shared *sh)
{
        uint64_t old = weft_load_acq(&sh->returned);                  /* [R] */
        while (!weft_cas_acq_rel(&sh->returned, &old, (old | 1) + 2)) /* [R] LP of nack */
                ;
}

/* Crash in take: before the CAS the hand is RETURNED, after it LEASED by the taker. */
int weft_queue_take_returned(struct weft_queue_op *op, struct weft_queue_grip *grip,
                             uint64_t *word)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t flag = weft_load_acq(&v->sh->returned); /* [R] */
        if (WEFT_LIKELY(!(flag & 1)))
                return -EAGAIN;

        uint64_t begin = weft_load_rlx(&op->q->look), i = begin;
        for (int lap = 0; lap < 2; lap++, i = 0) {
                struct weft_queue_hand_shared *h = weft_queue_hand(v, i);
                for (; h && (!lap || i < begin); h = weft_queue_hand(v, ++i)) {
                        uint64_t old = weft_load_rlx(&h->word);
                        if (weft_hand_state(old) != WEFT_HAND_RETURNED)
                                continue;
                        *word = weft_hand_word(op->agent->sig, WEFT_HAND_LEASED,
                                               weft_hand_deliveries(old));
                        if (!weft_cas_acq_rel(&h->word, &old, *word)) /* [E] LP of take */
                                continue;
                        weft_store_rlx(&h->handle, op->q->serial);
                        weft_store_rlx(&op->q->look, (uint32_t)i);
                        *grip = (struct weft_queue_grip){
                                .hand = h,
                                .index = (uint32_t)i,
                                .box = (uint32_t)weft_load_rlx(&h->box),
                        };
                        return 0;
                }
        }
        weft_cas_acq_rel(&v->sh->returned, &flag, flag & ~UINT64_C(1)); /* [R] */
        return -EAGAIN;
}

int weft_queue_drained(struct weft_queue_view *v)
{
        bool out = false;
        struct weft_queue_hand_shared *h = weft_queue_hand(v, 0);
        for (uint64_t i = 0; h; h = weft_queue_hand(v, ++i)) {
                uint64_t phase = weft_load_acq(&h->phase); /* [I] before the word */
                uint64_t swap = weft_load_acq(&h->swap);   /* [I] */
                uint64_t word = weft_load_acq(&h->word);   /* [E] */
                if (weft_hand_state(word) == WEFT_HAND_RETURNED) {
                        weft_queue_flag_returned(v->sh);
                        return 0;
                }
                out |= weft_hand_state(word) == WEFT_HAND_LEASED ||
                       (phase & 1 && has_happened(v, phase, swap >> 32));
        }
        if (out)
                return -EAGAIN;
        weft_wait_signal(&v->sh->not_empty, INT32_MAX); /* LP was the pass: tell all */
        return -EPIPE;
}
