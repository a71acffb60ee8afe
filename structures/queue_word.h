/* structures/queue_word.h -- one word: the shortest way, for an element of 8 bytes in a
 * cell.  Inlined, for who has a queue in an object of his own: what it adds must not
 * cost a call. */
#ifndef WEFT_STRUCTURES_QUEUE_WORD_H
#define WEFT_STRUCTURES_QUEUE_WORD_H

#include <string.h>

#include "structures/queue_internal.h"

/* A position that is told to others has been passed: 0. */
int weft_queue_push_told(struct weft_queue_shared *sh, uint64_t t);
int weft_queue_pop_told(struct weft_queue_shared *sh, uint64_t h);

/* This thread's record, if it has one and this is a queue of words; else NULL. */
static inline struct weft_queue_mine *weft_queue_word_mine(struct weft_queue *q)
{
        if (WEFT_UNLIKELY(weft_me.serial != q->arena_serial || !weft_alive->raw))
                return NULL;
        const struct weft_agent *agent = weft_me.agent;
        struct weft_queue_mine *mine = &q->first;
        if (WEFT_UNLIKELY(weft_load_rlx(&mine->word_sig) != agent->sig)) {
                mine = &q->mine[agent->index];
                if (weft_load_rlx(&mine->word_sig) != agent->sig)
                        return NULL;
        }
        return mine;
}

static inline bool weft_queue_is_due(const struct weft_wait_shared *wait, uint64_t pos)
{
        return pos % WEFT_QUEUE_INTERVAL == 0 || weft_wait_waiters(wait) != 0;
}

/*
 * What has not happened, because something was not as usual, is left to `otherwise`, the
 * caller's call that ends it: and so nothing is saved or restored.
 */
typedef int weft_queue_push_fn(void *self, const void *element, uint64_t deadline);
typedef int weft_queue_pop_fn(void *self, void *element, uint64_t deadline);

static inline __attribute__((always_inline)) int
weft_queue_push_word(struct weft_queue *queue, const void *element, uint64_t deadline,
                     weft_queue_push_fn *otherwise, void *self)
{
        struct weft_queue_mine *mine;
        uint64_t value;
        if (WEFT_UNLIKELY(!queue || !element) || !(mine = weft_queue_word_mine(queue)))
                return otherwise(self, element, deadline);

        uint64_t t = mine->tail;
        weft_a128_t *cell = &queue->v.cells[t & queue->v.mask];
        if (WEFT_UNLIKELY(weft_load_rlx(&cell->lo) != 2 * t) ||
            WEFT_UNLIKELY(weft_load_acq(&queue->v.sh->closing))) /* [C] */
                return otherwise(self, element, deadline);
        memcpy(&value, element, sizeof value);
        struct weft_pair seen = { 2 * t, weft_load_rlx(&cell->hi) };
        struct weft_pair full = { 2 * t + 1, value };
        if (WEFT_UNLIKELY(
                    !weft_cas16_acq_rel(cell, &seen, full))) /* [P] [O] LP of push */
                return otherwise(self, element, deadline);
        mine->tail = ++t;
        struct weft_queue_shared *sh = queue->v.sh; /* loaded again, rather than kept */
        return WEFT_UNLIKELY(weft_queue_is_due(&sh->not_empty, t))
                       ? weft_queue_push_told(sh, t)
                       : 0;
}

static inline __attribute__((always_inline)) int
weft_queue_pop_word(struct weft_queue *queue, void *element, uint64_t deadline,
                    weft_queue_pop_fn *otherwise, void *self)
{
        struct weft_queue_mine *mine;
        if (WEFT_UNLIKELY(!queue || !element) || !(mine = weft_queue_word_mine(queue)))
                return otherwise(self, element, deadline);

        uint64_t h = mine->head;
        weft_a128_t *cell = &queue->v.cells[h & queue->v.mask];
        uint64_t lo = weft_load_acq(&cell->lo); /* [P] before the value */
        if (WEFT_UNLIKELY(lo != 2 * h + 1))
                return otherwise(self, element, deadline);
        uint64_t value = weft_load_rlx(&cell->hi);
        if (WEFT_UNLIKELY(!weft_cas_acq_rel(/* [P] [O] LP of pop */
                                            &cell->lo, &lo, 2 * (h + queue->v.mask + 1))))
                return otherwise(self, element, deadline);
        memcpy(element, &value, sizeof value);
        mine->head = ++h;
        struct weft_queue_shared *sh = queue->v.sh;
        return WEFT_UNLIKELY(weft_queue_is_due(&sh->not_full, h))
                       ? weft_queue_pop_told(sh, h)
                       : 0;
}

#endif
