/* bench/stack_bench.c -- 8-byte elements through a stack: alone, and by two processes.
 *
 * Every element is its pusher's number and count; as much must come out, in number and in
 * sum, as went in. The peers lie in memory that forked processes share at one address, as
 * their pointers want it; neither survives the death of a user at the wrong instruction. */
#define _GNU_SOURCE
#include <ck_stack.h>
#include <stdlib.h>

#include <weft/stack.h>
#include <weft/weft.h>

#include "bench/flow.h"
#include "bench/peer_stack.h"

enum { CAPACITY = PEER_STACK_CAPACITY, OWNER_SHIFT = 56, WORKERS = 2 };

/* One kind of stack; the loops are made for each, so that what is inline stays so. */
struct subject {
        int (*make)(void **stack);
        void (*drop)(void *stack);
        void (*alone)(struct bench_worker *worker, void *stack);
        void (*each)(struct bench_worker *worker, void *stack);
        void (*flow)(struct bench_worker *worker, void *stack);
};

/* What a worker has in hand: a node, where nodes are the user's. */
struct in_hand {
        void *node;
};

typedef bool push_fn(void *stack, struct in_hand *hand, uint64_t x);
typedef bool pop_fn(void *stack, struct in_hand *hand, uint64_t *x);
typedef void take_fn(void *stack, struct in_hand *hand, unsigned worker);

BENCH_INLINE uint64_t next(const struct bench_worker *w, uint64_t n)
{
        return (uint64_t)(w->index + 1) << OWNER_SHIFT | n;
}

/* In and out again, by one process, or by each of two at the same stack. */
BENCH_INLINE void loop_pairs(struct bench_worker *w, void *stack, bool alone,
                             take_fn *take, push_fn *push, pop_fn *pop)
{
        struct in_hand hand = { 0 };
        uint64_t n = 0, sum = 0, sum_in = 0, x = 0;
        take(stack, &hand, w->index);
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (unsigned i = 0; i < 64; i++) {
                        sum_in += next(w, n);
                        while (!push(stack, &hand, next(w, n)))
                                bench_pause();
                        while (!pop(stack, &hand, &x))
                                bench_pause();
                        BENCH_CHECK(!alone || x == next(w, n));
                        sum += x;
                        n++;
                }
                bench_ops(w, n);
        }
        w->slot->count_in = w->slot->count = n;
        w->slot->sum_in = sum_in;
        w->slot->sum = sum;
}

/* The first worker pushes, the second one pops. */
BENCH_INLINE void loop_flow(struct bench_worker *w, void *stack, push_fn *push,
                            pop_fn *pop)
{
        struct in_hand hand = { 0 };
        uint64_t n = 0, sum = 0, x = 0;
        bench_ready(w);
        if (w->index == 0) {
                while (!bench_stopping(w)) {
                        while (!push(stack, &hand, next(w, n)))
                                bench_pause();
                        sum += next(w, n);
                        bench_ops(w, ++n);
                }
                w->slot->count_in = n;
                w->slot->sum_in = sum;
                while (!push(stack, &hand, FLOW_END))
                        bench_pause();
                return;
        }
        for (bool ended = false;;) {
                if (!pop(stack, &hand, &x)) {
                        if (ended)
                                break;
                        bench_pause();
                } else if (x == FLOW_END) {
                        ended = true; /* what is below came before */
                } else {
                        sum += x;
                        bench_ops(w, ++n);
                }
        }
        w->slot->count = n;
        w->slot->sum = sum;
}

#define SUBJECT(name, make, drop, take, push, pop) \
        static void name##_alone(struct bench_worker *worker, void *stack) \
        { \
                loop_pairs(worker, stack, true, take, push, pop); \
        } \
        static void name##_each(struct bench_worker *worker, void *stack) \
        { \
                loop_pairs(worker, stack, false, take, push, pop); \
        } \
        static void name##_flow(struct bench_worker *worker, void *stack) \
        { \
                loop_flow(worker, stack, push, pop); \
        } \
        static const struct subject name = { make, drop, name##_alone, name##_each, \
                                             name##_flow }

BENCH_INLINE void take_none(void *stack, struct in_hand *hand, unsigned worker)
{
        (void)stack, (void)hand, (void)worker;
}

/* ---- ours -------------------------------------------------------------------- */

struct ours {
        weft_arena_t *arena;
        weft_stack_t *stack;
};

static int ours_make(void **stack)
{
        struct weft_stack_options o = { .capacity = CAPACITY, .element_bytes = 8 };
        struct ours *at = calloc(1, sizeof *at);
        if (!at)
                return bench_cannot("no memory");
        int rc = bench_weft(weft_arena_create(NULL, NULL, &at->arena),
                            "weft_arena_create");
        if (!rc)
                rc = bench_weft(weft_stack_create(at->arena, "bench", &o, &at->stack),
                                "weft_stack_create");
        if (rc) {
                weft_arena_close(at->arena);
                free(at);
                return rc;
        }
        *stack = at;
        return 0;
}

static void ours_drop(void *stack)
{
        struct ours *at = stack;
        weft_stack_close(at->stack);
        weft_arena_close(at->arena);
        free(at);
}

BENCH_INLINE bool ours_push(void *stack, struct in_hand *hand, uint64_t x)
{
        (void)hand;
        int rc = weft_stack_push(((struct ours *)stack)->stack, &x, WEFT_NOW);
        BENCH_CHECK(rc == 0 || rc == -EAGAIN);
        return rc == 0;
}

BENCH_INLINE bool ours_pop(void *stack, struct in_hand *hand, uint64_t *x)
{
        (void)hand;
        int rc = weft_stack_pop(((struct ours *)stack)->stack, x, WEFT_NOW);
        BENCH_CHECK(rc == 0 || rc == -EAGAIN);
        return rc == 0;
}

SUBJECT(ours, ours_make, ours_drop, take_none, ours_push, ours_pop);

/* ---- ck_stack, tagged: nodes are the user's ------------------------------------- */

struct ck_node {
        ck_stack_entry_t entry; /* first */
        uint64_t x;
};

struct ck {
        _Alignas(BENCH_LINE) ck_stack_t stack;
        _Alignas(BENCH_LINE)
                ck_stack_t spare; /* where there is nobody to give them back */
        _Alignas(BENCH_LINE) struct ck_node nodes[CAPACITY];
};

static int ck_make(void **stack)
{
        struct ck *ck = bench_shared(sizeof *ck);
        if (!ck)
                return bench_cannot("no shared memory");
        for (unsigned i = WORKERS * 8; i < CAPACITY; i++)
                ck_stack_push_mpmc(&ck->spare, &ck->nodes[i].entry);
        *stack = ck;
        return 0;
}

static void ck_drop(void *stack)
{
        bench_unshare(stack, sizeof(struct ck));
}

/* Each has a node of its own, on a line of its own, and pushes again what it popped. */
BENCH_INLINE void ck_take(void *stack, struct in_hand *hand, unsigned worker)
{
        hand->node = &((struct ck *)stack)->nodes[worker * 8];
}

BENCH_INLINE bool ck_push(void *stack, struct in_hand *hand, uint64_t x)
{
        struct ck_node *node = hand->node;
        node->x = x;
        ck_stack_push_mpmc(&((struct ck *)stack)->stack, &node->entry);
        return true;
}

BENCH_INLINE bool ck_pop(void *stack, struct in_hand *hand, uint64_t *x)
{
        struct ck_node *node = (void *)ck_stack_pop_mpmc(&((struct ck *)stack)->stack);
        if (!node)
                return false;
        *x = node->x;
        hand->node = node;
        return true;
}

/* From one side to the other, nodes have to come back: by a second one. */
BENCH_INLINE bool ck_push_spare(void *stack, struct in_hand *hand, uint64_t x)
{
        hand->node = ck_stack_pop_mpmc(&((struct ck *)stack)->spare);
        return hand->node && ck_push(stack, hand, x);
}

BENCH_INLINE bool ck_pop_spare(void *stack, struct in_hand *hand, uint64_t *x)
{
        if (!ck_pop(stack, hand, x))
                return false;
        ck_stack_push_mpmc(&((struct ck *)stack)->spare, hand->node);
        return true;
}

SUBJECT(ck, ck_make, ck_drop, ck_take, ck_push, ck_pop);
SUBJECT(ck_two, ck_make, ck_drop, take_none, ck_push_spare, ck_pop_spare);

/* ---- boost::lockfree::stack ------------------------------------------------------ */

static int boost_make(void **stack)
{
        if (!peer_boost_stack_bytes())
                return bench_cannot("built without Boost (libboost-dev)");
        *stack = bench_shared(peer_boost_stack_bytes());
        if (!*stack)
                return bench_cannot("no shared memory");
        peer_boost_stack_make(*stack);
        return 0;
}

static void boost_drop(void *stack)
{
        bench_unshare(stack, peer_boost_stack_bytes());
}

BENCH_INLINE bool boost_push(void *stack, struct in_hand *hand, uint64_t x)
{
        (void)hand;
        return peer_boost_stack_push(stack, x);
}

BENCH_INLINE bool boost_pop(void *stack, struct in_hand *hand, uint64_t *x)
{
        (void)hand;
        return peer_boost_stack_pop(stack, x);
}

SUBJECT(boost, boost_make, boost_drop, take_none, boost_push, boost_pop);

/* ---- samples ------------------------------------------------------------------------ */

static int sample_alone(const struct bench_side *side, double *value)
{
        const struct subject *s = side->subject;
        void *stack;
        int rc = s->make(&stack);
        if (rc)
                return rc;
        struct bench_crew crew = {
                .count = 1, .ms = bench.ms, .body = s->alone, .context = stack
        };
        rc = flow_rate(&crew, 0, value);
        *value = 1e3 / *value;
        s->drop(stack);
        return rc;
}

static int sample_two(const struct bench_side *side, bool flow, double *value)
{
        const struct subject *s = side->subject;
        void *stack;
        int rc = bench_two_cpus();
        if (!rc)
                rc = s->make(&stack);
        if (rc)
                return rc;
        struct bench_crew crew = { .count = WORKERS,
                                   .ms = bench.ms,
                                   .grace_ms = 2000,
                                   .body = flow ? s->flow : s->each,
                                   .context = stack };
        rc = flow_rate(&crew, flow ? 1 : 0, value);
        s->drop(stack);
        return rc;
}

static int sample_each(const struct bench_side *side, double *value)
{
        return sample_two(side, false, value);
}

static int sample_flow(const struct bench_side *side, double *value)
{
        return sample_two(side, true, value);
}

/* ---- rows ---------------------------------------------------------------------------- */

#define SIDE(variable, label, sample, stack) \
        static const struct bench_side variable = { label, sample, &(stack), NULL }

SIDE(alone_weft, "weft", sample_alone, ours);
SIDE(alone_ck, "ck_stack", sample_alone, ck);
SIDE(alone_boost, "boost::lockfree", sample_alone, boost);
SIDE(each_weft, "weft", sample_each, ours);
SIDE(each_ck, "ck_stack", sample_each, ck);
SIDE(each_boost, "boost::lockfree", sample_each, boost);
SIDE(flow_weft_side, "weft", sample_flow, ours);
SIDE(flow_ck_side, "two ck_stacks", sample_flow, ck_two);
SIDE(flow_boost_side, "boost::lockfree", sample_flow, boost);

#define ALONE "8 B: push and pop by one process, nobody else there"
#define EACH "8 B: each of 2 processes pushes one and pops one, pairs of all"
#define FLOW "8 B: one process pushes, another one pops"

static const struct bench_row rows[] = {
        { "stack.pair.ck", ALONE, "ns", &alone_weft, &alone_ck, 1.3, BENCH_LOWER, 0 },
        { "stack.pair.boost", ALONE, "ns", &alone_weft, &alone_boost, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "stack.two.ck", EACH, "M/s", &each_weft, &each_ck, 1.0, BENCH_HIGHER, 0 },
        { "stack.two.boost", EACH, "M/s", &each_weft, &each_boost, 1.5, BENCH_HIGHER, 0 },
        { "stack.1p1c.ck", FLOW, "M/s", &flow_weft_side, &flow_ck_side, 1.0, BENCH_HIGHER,
          0 },
        { "stack.1p1c.boost", FLOW, "M/s", &flow_weft_side, &flow_boost_side, 1.5,
          BENCH_HIGHER, 0 },
};

BENCH_MODULE(stack, rows);
