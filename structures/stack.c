/* structures/stack.c -- push, pop, peek, drain; waiting; shutdown. */
#include <string.h>
#include <unistd.h>

#include "structures/stack_internal.h"

/* One call under way. */
struct op {
        struct weft_stack *s;
        struct weft_agent *agent;
        struct weft_stack_hand h;
        const uint8_t *from; /* push: elements */
        uint8_t *to;         /* pop: where they go */
        size_t n, done;
};

/* For the short way from now on, if there is a place: an earlier holder's, or a parent's. */
static void remember(struct weft_stack *s, const struct weft_agent *agent, void *desk)
{
        if (s->v.element_bytes != sizeof(uint64_t))
                return;
        uint64_t pid = (uint64_t)getpid() << 32, me = pid | agent->sig;
        struct weft_stack_mine *mine = &s->mine[0];
        for (int i = 0; i < 2; i++, mine += 1 + agent->index % (WEFT_STACK_MINE - 1)) {
                uint64_t who = weft_load_rlx(&mine->who);
                bool old = who >> 32 != pid >> 32 ||
                           weft_sig_seat((uint32_t)who) == agent->index;
                if (who == me || (old && weft_cas_rlx(&mine->who, &who, pid))) {
                        mine->desk = desk;
                        mine->number = UINT64_MAX;
                        weft_store_rlx(&mine->who, me);
                        return;
                }
        }
}

static int begin(struct weft_stack *s, struct op *op)
{
        void *desk;
        op->s = s;
        int rc = weft_handle_enter(&s->handle, &op->agent);
        if (!rc)
                rc = weft_desk_get(&s->v.desks, op->agent, &desk);
        if (rc)
                return rc;
        op->h = (struct weft_stack_hand){ &s->v, desk, op->agent->index };
        if (weft_load_rlx(&s->mine[0].who) << 32 != (uint64_t)op->agent->sig << 32)
                remember(s, op->agent, desk);
        return 0;
}

static uint64_t length_of(uint64_t lo)
{
        return lo >> 32 & WEFT_STACK_LENGTH;
}

/* What `seen` says makes no sense. -EUCLEAN, if it still says so. */
static int is_corrupt(const struct weft_stack_view *v, struct weft_pair seen)
{
        return weft_stack_see(&v->sh->top).hi == seen.hi ? -EUCLEAN : 0;
}

/* ---- push ------------------------------------------------------------------------ */

/* CLOSED counts as full, until one looks closer. */
static inline bool is_full(const struct weft_stack_view *v, uint64_t lo)
{
        return lo >> 32 >= v->limit;
}

static int why_full(uint64_t lo)
{
        return lo & WEFT_STACK_CLOSED ? -EPIPE : -EAGAIN;
}

/* Element i goes into nodes[count - 1 - i], linked to the one before it. */
static int fill(const struct op *op, uint32_t count, uint32_t k)
{
        struct weft_stack_view *v = op->h.v;
        const uint8_t *from = op->from;
        uint32_t below = 0;
        for (uint32_t i = 0; i < k; i++) {
                uint32_t number = weft_load_rlx(&op->h.desk->nodes[count - 1 - i]);
                struct weft_stack_node_shared *node = weft_stack_node(v, number);
                if (!node)
                        return -EUCLEAN;
                weft_store_rlx(&node->link, below);
                weft_copy_in(weft_stack_element(v, node), from, v->element_bytes);
                below = number + 1;
                from += v->element_bytes;
        }
        return 0;
}

/* Up to a bundle in one step. Crash in push: before the LP nothing has happened and the
 * nodes are still in the desk; after it all has. */
static int push_step(struct op *op)
{
        const struct weft_stack_hand *h = &op->h;
        struct weft_stack_view *v = h->v;
        struct weft_stack_pace pace = { 0 };
        uint64_t k = op->n < v->bundle ? op->n : v->bundle;

        uint64_t lo = weft_load_acq(&v->sh->top.word.lo); /* [P] LP of full, shut */
        if (is_full(v, lo))
                return why_full(lo);
        int rc = weft_stack_fetch(h, op->agent, (uint32_t)k);
        uint32_t count = weft_stack_count(h);
        if (rc)
                return rc;
        k = k < count ? k : count;
        if (count > v->cache || fill(op, count, (uint32_t)k))
                return -EUCLEAN;
        struct weft_stack_node_shared *lowest =
                weft_stack_node(v, weft_load_rlx(&h->desk->nodes[count - 1]));
        for (;;) {
                struct weft_pair seen = weft_stack_see(&v->sh->top);
                if (is_full(v, seen.lo))
                        return why_full(seen.lo);
                uint64_t room = v->limit - length_of(seen.lo);
                k = k < room ? k : room;
                uint32_t upper = weft_load_rlx(&h->desk->nodes[count - k]);
                uint32_t after = count - (uint32_t)k;
                weft_store_rlx(&lowest->link, (uint32_t)seen.lo);
                uint64_t made = (length_of(seen.lo) + k) << 32 | (upper + 1);
                if (weft_stack_change(h, WEFT_STACK_CHANGE_MAIN, seen, made, after)) {
                        weft_stack_set_count(h, after);
                        op->from += k * v->element_bytes;
                        op->done += k;
                        op->n -= k;
                        return 0;
                }
                weft_stack_back_off(&pace);
        }
}

static int attempt_push(void *context)
{
        struct op *op = context;
        int rc = 0;
        while (!rc && op->n)
                rc = push_step(op);
        if (!op->done)
                return rc;
        weft_wait_signal(&op->s->v.sh->not_empty, (uint32_t)op->done);
        return 0;
}

static int64_t push_some(struct weft_stack *s, const void *from, size_t n,
                         uint64_t deadline)
{
        struct op op = { .from = from, .n = n };
        int rc = begin(s, &op);
        if (!rc)
                rc = attempt_push(&op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_wait_for(op.agent, &s->v.sh->not_full, &s->spin_push,
                                   attempt_push, &op, deadline);
        else if (rc == -EAGAIN || (rc == -ENOSPC && op.agent))
                weft_agent_polled(op.agent);
        return rc ? rc : (int64_t)op.done;
}

/* ---- pop -------------------------------------------------------------------------- */

static int why_empty(uint64_t lo)
{
        return lo & WEFT_STACK_CLOSED ? -EPIPE : -EAGAIN;
}

/* The numbers of the upper `k` nodes into nodes[], and what is below them. */
static bool read_upper(const struct weft_stack_hand *h, uint64_t lo, uint32_t count,
                       uint32_t k, uint32_t *below)
{
        uint32_t i = (uint32_t)lo;
        for (uint32_t j = 0; j < k; j++) {
                struct weft_stack_node_shared *node =
                        i ? weft_stack_node(h->v, i - 1) : NULL;
                if (!node)
                        return false;
                weft_store_rlx(&h->desk->nodes[count + j], i - 1);
                i = (uint32_t)weft_load_rlx(&node->link);
        }
        *below = i;
        return true;
}

/* Up to `k` nodes in one step, into nodes[] above `count`: how many, or an error. Crash in
 * pop: before the LP nothing has happened; after it the nodes are in the desk, and their
 * elements are the popper's and die with it. */
static int pop_nodes(const struct weft_stack_hand *h, uint32_t count, uint32_t k)
{
        struct weft_stack_view *v = h->v;
        struct weft_stack_pace pace = { 0 };
        uint32_t below = 0;
        for (;;) {
                struct weft_pair seen = weft_stack_see(&v->sh->top);
                uint64_t length = length_of(seen.lo);
                if (!(uint32_t)seen.lo)
                        return why_empty(seen.lo);
                uint32_t some = k < length ? k : (uint32_t)length;
                if (!some || !read_upper(h, seen.lo, count, some, &below)) {
                        if (is_corrupt(v, seen))
                                return -EUCLEAN;
                        continue;
                }
                uint64_t made = (seen.lo - some * WEFT_STACK_ONE) >> 32 << 32 | below;
                if (weft_stack_change(h, WEFT_STACK_CHANGE_MAIN, seen, made,
                                      count + some)) {
                        weft_stack_set_count(h, count + some);
                        return (int)some;
                }
                weft_stack_back_off(&pace);
        }
}

/* What was in the nodes that were popped last. */
static int empty(struct op *op, uint32_t count, uint32_t k)
{
        struct weft_stack_view *v = op->h.v;
        for (uint32_t i = count; i < count + k; i++, op->to += v->element_bytes) {
                struct weft_stack_node_shared *node =
                        weft_stack_node(v, weft_load_rlx(&op->h.desk->nodes[i]));
                if (!node)
                        return -EUCLEAN;
                weft_copy_out(op->to, weft_stack_element(v, node), v->element_bytes);
        }
        return 0;
}

/* Up to a bundle in one step; there is room for them then. */
static int pop_step(struct op *op)
{
        const struct weft_stack_hand *h = &op->h;
        struct weft_stack_view *v = h->v;
        uint32_t k = op->n < v->bundle ? (uint32_t)op->n : v->bundle;
        struct weft_pair seen = weft_stack_see(&v->sh->top);
        if (!(uint32_t)seen.lo)
                return why_empty(seen.lo);
        if (weft_stack_count(h) + k > v->cache) {
                int rc = weft_stack_give(h, v->bundle);
                if (rc)
                        return rc;
        }
        uint32_t count = weft_stack_count(h);
        int some = pop_nodes(h, count, k);
        int rc = some < 0 ? some : empty(op, count, (uint32_t)some);
        if (rc)
                return rc;
        op->done += (size_t)some;
        op->n -= (size_t)some;
        return 0;
}

static int attempt_pop(void *context)
{
        struct op *op = context;
        int rc = 0;
        while (!rc && op->n)
                rc = pop_step(op);
        if (!op->done)
                return rc;
        if (op->s->v.capped)
                weft_wait_signal(&op->s->v.sh->not_full, (uint32_t)op->done);
        return 0;
}

static int64_t pop_some(struct weft_stack *s, void *to, size_t n, uint64_t deadline)
{
        struct op op = { .to = to, .n = n };
        int rc = begin(s, &op);
        if (!rc)
                rc = attempt_pop(&op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_wait_for(op.agent, &s->v.sh->not_empty, &s->spin_pop,
                                   attempt_pop, &op, deadline);
        else if (rc == -EAGAIN)
                weft_agent_polled(op.agent);
        return rc ? rc : (int64_t)op.done;
}

/* ---- one element: the short way ------------------------------------------------------ */

static __attribute__((noinline)) int push_one(struct weft_stack *s, const void *element,
                                              uint64_t deadline)
{
        if (!s || !element)
                return -EINVAL;
        int64_t n = push_some(s, element, 1, deadline);
        return n < 0 ? (int)n : 0;
}

static __attribute__((noinline)) int pop_one(struct weft_stack *s, void *element,
                                             uint64_t deadline)
{
        if (!s || !element)
                return -EINVAL;
        int64_t n = pop_some(s, element, 1, deadline);
        return n < 0 ? (int)n : 0;
}

static __attribute__((noinline)) int tell(struct weft_wait_shared *wait)
{
        weft_wait_wake(wait, 1);
        return 0;
}

/* Is weft_me this process's and of the stack's arena? */
static inline bool is_short(const struct weft_stack *s)
{
        return WEFT_LIKELY(s != NULL) && WEFT_LIKELY(weft_me.serial == s->arena_serial) &&
               WEFT_LIKELY(weft_alive->raw != 0);
}

static inline bool is_whose(const struct weft_stack_mine *mine,
                            const struct weft_agent *me)
{
        return WEFT_LIKELY((uint32_t)weft_load_rlx(&mine->who) == me->sig);
}

/* Where another thread than the first one has its desk. */
static inline struct weft_stack_mine *other_mine(struct weft_stack *s,
                                                 const struct weft_agent *me)
{
        return &s->mine[1 + me->index % (WEFT_STACK_MINE - 1)];
}

/* A node in a segment that was met before; else false. Often it is the last one again. */
static inline bool near_node(const struct weft_stack *s, struct weft_stack_mine *mine,
                             uint32_t i, struct weft_stack_node_shared **node)
{
        const struct weft_stack_segment *segment =
                &s->v.segments[weft_stack_segment_of(i)];
        uint64_t place = weft_stack_place(i);
        *node = mine->node;
        if (WEFT_LIKELY(mine->number == i))
                return true;
        if (WEFT_UNLIKELY(place >= weft_load_acq(&segment->nodes))) /* [L] */
                return false;
        *node = mine->node = weft_stack_at(segment, place * WEFT_STACK_WORD_STRIDE);
        mine->number = i;
        return true;
}

/* The last change was ours, so that there is nothing to file? */
static inline bool is_mine(uint64_t hi, uint32_t seat)
{
        return WEFT_LIKELY(((uint32_t)hi & WEFT_STACK_SEATS) == seat);
}

/* A word, in a node at hand, and nobody else about: whatever is not so is left to
 * push_one, and nothing is saved and restored. After an own sign, the next is one tag on. */
static inline __attribute__((always_inline)) int
push_word(struct weft_stack *s, struct weft_stack_mine *mine, uint32_t seat,
          const void *element, uint64_t deadline)
{
        struct weft_stack_shared *sh = s->v.sh;
        struct weft_stack_desk_shared *desk = mine->desk;
        uint64_t hold = weft_load_rlx(&desk->hold);
        uint32_t count = (uint8_t)hold - 1u; /* after it */
        if (WEFT_UNLIKELY(!element) || WEFT_UNLIKELY(count >= WEFT_STACK_CACHE))
                return push_one(s, element, deadline);
        uint32_t number = weft_load_rlx(&desk->nodes[count]);
        struct weft_stack_node_shared *node;
        struct weft_pair seen = weft_stack_see(&sh->top);
        if (!near_node(s, mine, number, &node) ||
            WEFT_UNLIKELY(is_full(&s->v, seen.lo)) || !is_mine(seen.hi, seat))
                return push_one(s, element, deadline);
        struct weft_pair made = { ((seen.lo >> 32) + 1) << 32 | (number + 1),
                                  seen.hi + WEFT_STACK_TAG };
        weft_store_rlx(&node->link, (uint32_t)seen.lo);
        weft_copy_in(node + 1, element, sizeof(uint64_t));
        weft_store_rel(&desk->intent, weft_stack_intent(seen, count)); /* [I] */
        if (WEFT_UNLIKELY(!weft_cas16_acq_rel(/* [P] [F] LP of push */
                                              &sh->top.word, &seen, made)))
                return push_one(s, element, deadline);
        weft_store_rel(&desk->hold, hold - 1); /* [I] */
        return WEFT_UNLIKELY(weft_wait_waiters(&sh->not_empty) != 0)
                       ? tell(&sh->not_empty)
                       : 0;
}

static inline __attribute__((always_inline)) int pop_word(struct weft_stack *s,
                                                          struct weft_stack_mine *mine,
                                                          uint32_t seat, void *element,
                                                          uint64_t deadline)
{
        struct weft_stack_shared *sh = s->v.sh;
        struct weft_stack_desk_shared *desk = mine->desk;
        struct weft_pair seen = weft_stack_see(&sh->top);
        uint64_t hold = weft_load_rlx(&desk->hold);
        uint32_t count = (uint8_t)hold, top = (uint32_t)seen.lo;
        if (WEFT_UNLIKELY(!element) || WEFT_UNLIKELY(count >= WEFT_STACK_CACHE) ||
            WEFT_UNLIKELY(!top) || !is_mine(seen.hi, seat))
                return pop_one(s, element, deadline);
        struct weft_stack_node_shared *node;
        if (!near_node(s, mine, top - 1, &node))
                return pop_one(s, element, deadline);
        struct weft_pair made = { ((seen.lo >> 32) - 1) << 32 |
                                          (uint32_t)weft_load_rlx(&node->link),
                                  seen.hi + WEFT_STACK_TAG };
        weft_store_rlx(&desk->nodes[count], top - 1);
        weft_store_rel(&desk->intent, weft_stack_intent(seen, count + 1)); /* [I] */
        if (WEFT_UNLIKELY(!weft_cas16_acq_rel(/* [P] [F] LP of pop */
                                              &sh->top.word, &seen, made)))
                return pop_one(s, element, deadline);
        weft_store_rel(&desk->hold, hold + 1); /* [I] */
        weft_copy_out(element, node + 1, sizeof(uint64_t));
        return WEFT_UNLIKELY(weft_wait_waiters(&sh->not_full) != 0) ? tell(&sh->not_full)
                                                                    : 0;
}

static __attribute__((noinline)) int push_other(struct weft_stack *s, const void *element,
                                                uint64_t deadline)
{
        const struct weft_agent *me = weft_me.agent;
        if (!is_short(s) || !is_whose(other_mine(s, me), me))
                return push_one(s, element, deadline);
        return push_word(s, other_mine(s, me), me->index, element, deadline);
}

static __attribute__((noinline)) int pop_other(struct weft_stack *s, void *element,
                                               uint64_t deadline)
{
        const struct weft_agent *me = weft_me.agent;
        if (!is_short(s) || !is_whose(other_mine(s, me), me))
                return pop_one(s, element, deadline);
        return pop_word(s, other_mine(s, me), me->index, element, deadline);
}

int weft_stack_push(weft_stack_t *stack, const void *element, uint64_t deadline)
{
        const struct weft_agent *me = weft_me.agent;
        if (!is_short(stack) || !is_whose(&stack->mine[0], me))
                return push_other(stack, element, deadline);
        return push_word(stack, &stack->mine[0], me->index, element, deadline);
}

int weft_stack_pop(weft_stack_t *stack, void *element, uint64_t deadline)
{
        const struct weft_agent *me = weft_me.agent;
        if (!is_short(stack) || !is_whose(&stack->mine[0], me))
                return pop_other(stack, element, deadline);
        return pop_word(stack, &stack->mine[0], me->index, element, deadline);
}

/* ---- several --------------------------------------------------------------------------- */

int64_t weft_stack_push_n(weft_stack_t *stack, const void *elements, size_t n,
                          uint64_t deadline)
{
        if (!stack || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        return n ? push_some(stack, elements, n, deadline) : 0;
}

int64_t weft_stack_pop_n(weft_stack_t *stack, void *elements, size_t n, uint64_t deadline)
{
        if (!stack || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        return n ? pop_some(stack, elements, n, deadline) : 0;
}

/* ---- looking ---------------------------------------------------------------------------- */

/* Others may pop the node and fill it anew meanwhile: then the top has changed. */
#ifdef WEFT_TSAN
static __attribute__((no_sanitize("thread"), noinline)) void
copy_torn(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
        const volatile uint8_t *f = from;
        for (volatile uint8_t *t = to; bytes--;)
                *t++ = *f++;
}
#else
static void copy_torn(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
        weft_copy_out(to, from, bytes);
}
#endif

/* Crash in peek: it stores nothing. */
int weft_stack_peek(weft_stack_t *stack, void *element)
{
        struct weft_agent *agent;
        if (!stack || !element)
                return -EINVAL;
        struct weft_stack_view *v = &stack->v;
        /* A read-only process has no pin to keep: nobody punches what it may read. */
        int rc = v->arena->readonly ? 0 : weft_handle_enter(&stack->handle, &agent);
        if (rc)
                return rc;
        for (;;) {
                struct weft_pair seen = weft_stack_see(&v->sh->top);
                uint32_t top = (uint32_t)seen.lo;
                if (!top)
                        return why_empty(seen.lo);
                struct weft_stack_node_shared *node = weft_stack_node(v, top - 1);
                if (node)
                        copy_torn(element, weft_stack_element(v, node), v->element_bytes);
                __atomic_signal_fence(__ATOMIC_SEQ_CST);
                if (weft_stack_see(&v->sh->top).hi == seen.hi)
                        return node ? 0 : -EUCLEAN;
        }
}

int64_t weft_stack_length(weft_stack_t *stack)
{
        if (!stack)
                return -EINVAL;
        uint64_t lo = weft_load_acq(&stack->v.sh->top.word.lo); /* [P] LP */
        return (int64_t)length_of(lo);
}

/* ---- drain ------------------------------------------------------------------------------- */

/* Crash in drain: before the LP nothing has happened; after it all is the drainer's, and
 * goes to the spare when he is found dead. */
int64_t weft_stack_drain(weft_stack_t *stack, int (*each)(void *, void *), void *context)
{
        struct op op = { 0 };
        struct weft_stack_pace pace = { 0 };
        struct weft_pair seen;
        if (!stack)
                return -EINVAL;
        int rc = begin(stack, &op);
        if (rc)
                return rc;
        const struct weft_stack_hand *h = &op.h;
        struct weft_stack_shared *sh = h->v->sh;
        uint32_t count = weft_stack_count(h);
        if (weft_load_rlx(&h->desk->hold) >> 32)
                return -EBUSY;
        for (;; weft_stack_back_off(&pace)) {
                seen = weft_stack_see(&sh->top);
                if (!(uint32_t)seen.lo)
                        return 0;
                weft_store_rel(&h->desk->intent, 0); /* [I] `taking` is another's */
                weft_store_rlx(&h->desk->taking, (uint32_t)seen.lo);
                if (weft_stack_change(h, WEFT_STACK_DRAIN, seen,
                                      seen.lo & WEFT_STACK_CLOSED, count))
                        break;
        }
        weft_store_rel(&h->desk->hold, seen.lo << 32 | count); /* [I] */
        if (h->v->capped)
                weft_wait_signal(&sh->not_full, INT32_MAX);
        return weft_stack_hand_out(h, length_of(seen.lo), each, context);
}

/* ---- shutdown ------------------------------------------------------------------------------ */

/* Crash in shutdown: it has happened or not; who waits looks again by himself. */
int weft_stack_shutdown(weft_stack_t *stack)
{
        struct op op = { 0 };
        struct weft_stack_pace pace = { 0 };
        if (!stack)
                return -EINVAL;
        int rc = begin(stack, &op);
        if (rc)
                return rc;
        struct weft_stack_shared *sh = op.h.v->sh;
        for (;; weft_stack_back_off(&pace)) {
                struct weft_pair seen = weft_stack_see(&sh->top);
                if (seen.lo & WEFT_STACK_CLOSED ||
                    weft_stack_change(&op.h, WEFT_STACK_CHANGE_MAIN, seen,
                                      seen.lo | WEFT_STACK_CLOSED,
                                      weft_stack_count(&op.h)))
                        break;
        }
        weft_wait_signal(&sh->not_empty, INT32_MAX);
        weft_wait_signal(&sh->not_full, INT32_MAX);
        return 0;
}
