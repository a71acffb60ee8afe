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

/* This thread's record, if it is not the first one, it has one, and this is a queue of
 * words; else NULL. */
static inline struct weft_queue_mine *weft_queue_word_other(struct weft_queue *q)
{
        if (WEFT_UNLIKELY(weft_me.serial != q->arena_serial || !weft_alive->raw))
                return NULL;
        const struct weft_agent *agent = weft_me.agent;
        struct weft_queue_mine *mine = &q->mine[agent->index];
        return weft_load_rlx(&mine->word_sig) == agent->sig ? mine : NULL;
}

static inline bool weft_queue_is_due(const struct weft_wait_shared *wait, uint64_t pos)
{
        return WEFT_UNLIKELY(pos % WEFT_QUEUE_INTERVAL == 0) ||
               WEFT_UNLIKELY(weft_wait_has_waiters(wait));
}

/*
 * What has not happened, because something was not as usual, is left to `otherwise`, the
 * caller's call that ends it: and so nothing is saved or restored.
 *
 * Each locked instruction holds back all that follows it, and so every instruction here is
 * paid for, eight in a cycle: hence the comparisons with memory.
 */
typedef int weft_queue_push_fn(void *self, const void *element, uint64_t deadline);
typedef int weft_queue_pop_fn(void *self, void *element, uint64_t deadline);

static inline __attribute__((always_inline)) int
weft_queue_push_as(struct weft_queue *queue, struct weft_queue_mine *mine,
                   const void *element, uint64_t deadline, weft_queue_push_fn *otherwise,
                   void *self)
{
        uint64_t t = mine->tail, value;
        weft_a128_t *cell = &queue->v.cells[t & queue->v.mask];
        if (WEFT_UNLIKELY(!weft_is_acq(&cell->lo, 2 * t)) ||         /* [O] */
            WEFT_UNLIKELY(!weft_is_zero_acq(&queue->v.sh->closing))) /* [C] */
                return otherwise(self, element, deadline);
        memcpy(&value, element, sizeof value);
        struct weft_pair seen = { 2 * t, weft_load_rlx(&cell->hi) };
        struct weft_pair full = { 2 * t + 1, value };
        if (WEFT_UNLIKELY(
                    !weft_cas16_acq_rel(cell, &seen, full))) /* [P] [O] LP of push */
                return otherwise(self, element, deadline);
        mine->tail = ++t;
        struct weft_queue_shared *sh = queue->v.sh; /* loaded again, rather than kept */
        if (WEFT_UNLIKELY(weft_queue_is_due(&sh->not_empty, t)))
                return weft_queue_push_told(sh, t);
        return 0;
}

static inline __attribute__((always_inline)) int
weft_queue_push_word(struct weft_queue *queue, const void *element, uint64_t deadline,
                     weft_queue_push_fn *otherwise, void *self)
{
        if (WEFT_UNLIKELY(!queue || !element))
                return otherwise(self, element, deadline);
        if (WEFT_LIKELY(weft_am_i(&queue->first_mark)))
                return weft_queue_push_as(queue, &queue->first, element, deadline,
                                          otherwise, self);
        struct weft_queue_mine *mine = weft_queue_word_other(queue);
        return mine ? weft_queue_push_as(queue, mine, element, deadline, otherwise, self)
                    : otherwise(self, element, deadline);
}

static inline __attribute__((always_inline)) int
weft_queue_pop_as(struct weft_queue *queue, struct weft_queue_mine *mine, void *element,
                  uint64_t deadline, weft_queue_pop_fn *otherwise, void *self)
{
        uint64_t h = mine->head, full = 2 * h + 1;
        weft_a128_t *cell = &queue->v.cells[h & queue->v.mask];
        if (WEFT_UNLIKELY(!weft_is_acq(&cell->lo, full))) /* [P] before the value */
                return otherwise(self, element, deadline);
        uint64_t value = weft_load_rlx(&cell->hi);
        uint64_t empty = full + 2 * queue->v.mask + 1;
        if (WEFT_UNLIKELY(
                    !weft_cas_acq_rel(&cell->lo, &full, empty))) /* [P] [O] LP of pop */
                return otherwise(self, element, deadline);
        memcpy(element, &value, sizeof value);
        mine->head = ++h;
        struct weft_queue_shared *sh = queue->v.sh;
        if (WEFT_UNLIKELY(weft_queue_is_due(&sh->not_full, h)))
                return weft_queue_pop_told(sh, h);
        return 0;
}

static inline __attribute__((always_inline)) int
weft_queue_pop_word(struct weft_queue *queue, void *element, uint64_t deadline,
                    weft_queue_pop_fn *otherwise, void *self)
{
        if (WEFT_UNLIKELY(!queue || !element))
                return otherwise(self, element, deadline);
        if (WEFT_LIKELY(weft_am_i(&queue->first_mark)))
                return weft_queue_pop_as(queue, &queue->first, element, deadline,
                                         otherwise, self);
        struct weft_queue_mine *mine = weft_queue_word_other(queue);
        return mine ? weft_queue_pop_as(queue, mine, element, deadline, otherwise, self)
                    : otherwise(self, element, deadline);
}

#endif
