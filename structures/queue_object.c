/* structures/queue_object.c -- the queue as an object: create, open, info, settle. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "structures/queue_internal.h"

/* ---- its shape ------------------------------------------------------------ */

static bool has_boxes(uint32_t element_bytes, uint32_t flags)
{
        return element_bytes > sizeof(uint64_t) ||
               flags & (WEFT_QUEUE_LEASE | WEFT_QUEUE_BATCH);
}

/* From one box to the next, and what of it is before what it holds: the stamp stands before
 * the element, on its first line if that is small. */
static uint64_t box_stride(uint32_t box_bytes, uint32_t *lead)
{
        *lead = box_bytes < 1024 ? 16 : WEFT_LINE;
        return *lead + ((uint64_t)box_bytes + *lead - 1) / *lead * *lead;
}

/* What it holds. */
static uint32_t bytes_of_box(uint32_t element_bytes, uint32_t flags)
{
        if (!(flags & WEFT_QUEUE_BATCH))
                return element_bytes;
        return (uint32_t)sizeof(struct weft_queue_batch_shared) +
               WEFT_QUEUE_BATCH_ELEMENTS * element_bytes;
}

static bool are_sane(uint32_t flags, uint32_t element_bytes)
{
        if (flags & WEFT_QUEUE_BATCH)
                return flags == WEFT_QUEUE_BATCH &&
                       element_bytes <= WEFT_QUEUE_BATCH_BYTES_MAX;
        return !(flags & ~(uint32_t)WEFT_QUEUE_LEASE);
}

static bool is_sane(uint64_t capacity, uint32_t element_bytes, uint32_t flags)
{
        return capacity >= 2 && capacity <= WEFT_QUEUE_CAPACITY_MAX &&
               !(capacity & (capacity - 1)) && element_bytes &&
               element_bytes <= WEFT_QUEUE_ELEMENT_MAX && are_sane(flags, element_bytes);
}

int weft_queue_view(struct weft_queue_view *v, weft_arena_t *arena,
                    struct weft_queue_shared *sh, weft_owner_t owner)
{
        uint64_t capacity = sh->capacity;

        *v = (struct weft_queue_view){
                .arena = arena,
                .sh = sh,
                .mask = capacity - 1,
                .element_bytes = sh->element_bytes,
                .flags = sh->flags,
                .owner = owner,
        };
        if (!is_sane(capacity, v->element_bytes, v->flags))
                return -EUCLEAN;
        v->cells = weft_at(arena, sh->cells, capacity * sizeof *v->cells);
        if (!v->cells)
                return -EUCLEAN;
        if (!has_boxes(v->element_bytes, v->flags))
                return 0;
        v->box_bytes = bytes_of_box(v->element_bytes, v->flags);
        v->stride = box_stride(v->box_bytes, &v->lead);
        v->boxes = weft_at(arena, sh->boxes, capacity * v->stride);
        return v->boxes && weft_queue_segment(v, 0) ? 0 : -EUCLEAN;
}

/* ---- create ----------------------------------------------------------------- */

static int init_boxes(struct weft_draft *draft, struct weft_queue_view *v)
{
        struct weft_queue_shared *sh = draft->sh;
        weft_ref_t ref;
        void *at;

        v->stride = box_stride(bytes_of_box(sh->element_bytes, sh->flags), &v->lead);
        int rc = weft_draft_alloc(draft, sh->capacity * v->stride, &sh->boxes, &at);
        if (rc)
                return rc;
        v->boxes = at;
        for (uint64_t i = 0; i < sh->capacity; i++)
                weft_store_rlx((weft_a64_t *)(void *)(v->boxes + i * v->stride), 0);
        rc = weft_draft_alloc(draft,
                              WEFT_QUEUE_HANDS * sizeof(struct weft_queue_hand_shared),
                              &ref, &at);
        if (rc)
                return rc;
        weft_queue_hands_init(v, 0, at);
        weft_store_rlx(&sh->segments[0], ref.v);
        return 0;
}

/* Crash in create: it was never there. */
int weft_queue_init(struct weft_draft *draft)
{
        const struct weft_queue_options *options = draft->options;
        struct weft_queue_shared *sh = draft->sh;
        uint64_t capacity = 2;
        void *at;

        while (capacity < options->capacity)
                capacity *= 2;
        struct weft_queue_view v = { .arena = draft->arena, .sh = sh };
        v.mask = capacity - 1;
        sh->capacity = capacity;
        sh->element_bytes = options->element_bytes;
        sh->flags = options->flags;
        bool boxes = has_boxes(sh->element_bytes, sh->flags);
        int rc = weft_draft_alloc(draft, capacity * sizeof *v.cells, &sh->cells, &at);
        if (!rc && boxes)
                rc = init_boxes(draft, &v);
        if (rc)
                return rc;
        v.cells = at;
        for (uint64_t i = 0; i < capacity; i++) {
                weft_store_rlx(&v.cells[i].lo, 2 * (capacity + i));
                weft_store_rlx(&v.cells[i].hi, boxes ? i : 0);
        }
        weft_store_rlx(&sh->tail, capacity);
        weft_store_rlx(&sh->head, capacity);
        return 0;
}

/* ---- handles ------------------------------------------------------------------ */

static size_t mine_bytes(void)
{
        return WEFT_AGENTS_MAX * sizeof(struct weft_queue_mine);
}

int weft_queue_see(struct weft_handle *handle)
{
        static weft_a64_t serials;
        struct weft_queue *q = (void *)handle;
        int saved = errno;
        int rc = weft_queue_view(&q->v, handle->arena, handle->sh,
                                 weft_handle_owner(handle));
        if (rc)
                return rc;
        void *mine = mmap(NULL, mine_bytes(), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        errno = saved;
        if (mine == MAP_FAILED)
                return -ENOMEM;
        q->mine = mine;
        q->serial = weft_add_rlx(&serials, 1) + 1;
        q->arena_serial = handle->arena->serial;
        weft_store_rlx(&q->first_mark, WEFT_NOBODY);
        return 0;
}

bool weft_queue_fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_queue *q = (const void *)handle;
        const struct weft_queue_view *v = &q->v;
        const struct weft_queue_options *o = options;
        return v->element_bytes == o->element_bytes && v->flags == o->flags;
}

static int create(weft_arena_t *arena, const char *name,
                  const struct weft_queue_options *options, bool or_open,
                  weft_queue_t **queue)
{
        if (!arena || !name || !options || !queue || !options->capacity ||
            options->capacity > WEFT_QUEUE_CAPACITY_MAX ||
            !is_sane(2, options->element_bytes, options->flags))
                return -EINVAL;
        return weft_handle_create(arena, name, &weft_queue_kind, options, weft_queue_init,
                                  or_open, queue);
}

int weft_queue_create(weft_arena_t *arena, const char *name,
                      const struct weft_queue_options *options, weft_queue_t **queue)
{
        return create(arena, name, options, false, queue);
}

int weft_queue_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_queue_options *options,
                              weft_queue_t **queue)
{
        return create(arena, name, options, true, queue);
}

int weft_queue_open(weft_arena_t *arena, const char *name, weft_queue_t **queue)
{
        if (!arena || !name || !queue)
                return -EINVAL;
        return weft_handle_open(arena, name, &weft_queue_kind, queue);
}

/* The record that an agent shall use. After a fork the first one is the child's anew. */
static struct weft_queue_mine *new_mine(struct weft_queue *q,
                                        const struct weft_agent *agent)
{
        uint64_t pid = (uint64_t)getpid() << 32;
        uint64_t who = weft_load_rlx(&q->first.who);
        if (who >> 32 != pid >> 32 && weft_cas_rlx(&q->first.who, &who, pid | agent->sig))
                return &q->first;
        weft_store_rlx(&q->mine[agent->index].who, pid | agent->sig);
        return &q->mine[agent->index];
}

void weft_queue_meet(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t begin = v->mask + 1;                /* the first position */
        uint64_t tail = weft_load_acq(&v->sh->tail); /* [H] */
        uint64_t head = weft_load_acq(&v->sh->head); /* [H] */
        struct weft_queue_mine *mine = new_mine(op->q, op->agent);
        bool words = !v->boxes && v->element_bytes == sizeof(uint64_t);

        weft_store_rlx(&mine->word_sig, words ? op->agent->sig : 0);
        if (mine == &op->q->first)
                weft_store_rlx(&op->q->first_mark,
                               words ? weft_agent_mark(op->agent) : WEFT_NOBODY);
        mine->tail = tail < WEFT_QUEUE_POSITION_MAX && tail > begin ? tail : begin;
        mine->head = head < WEFT_QUEUE_POSITION_MAX && head > begin ? head : begin;
        mine->push_lost = mine->pop_lost = (struct weft_queue_lost){ 0 };
        mine->pushes = (struct weft_queue_stream){ mine->tail, 0 };
        mine->pops = (struct weft_queue_stream){ mine->head, 0 };
        mine->idle = 0;
        op->mine = mine;
}

/* Gives up the hands that an agent of this process has through this handle. The registry
 * is locked: the agent is not leaving, which would settle the same hands. */
static bool give_up(struct weft_queue *q, struct weft_agent *me,
                    const struct weft_agent *agent)
{
        uint64_t who = (uint64_t)getpid() << 32 | agent->sig;
        if (weft_load_rlx(&q->first.who) != who &&
            weft_load_rlx(&q->mine[agent->index].who) != who)
                return false; /* it never came by here */
        struct weft_queue_hand_shared *h = weft_queue_hand(&q->v, 0);
        bool returned = false;
        for (uint64_t i = 0; h; h = weft_queue_hand(&q->v, ++i))
                if (weft_load_rlx(&h->handle) == q->serial)
                        returned |= weft_hand_give_up(&q->v, me, h, agent->sig);
        return returned;
}

/* Crash in close: what is left is given up by recovery. */
void weft_queue_drop(struct weft_handle *handle)
{
        struct weft_queue *q = (void *)handle;
        struct weft_queue_view *v = &q->v;
        struct weft_agent *agent;
        bool returned = false;
        bool used = weft_load_rlx(&q->first.who) >> 32 == (uint64_t)getpid();

        if (v->boxes && used && weft_handle_enter(handle, &agent) == 0) {
                weft_registry_lock();
                for (struct weft_agent *a = v->arena->agents; a; a = a->next)
                        returned |= give_up(q, agent, a);
                weft_registry_unlock();
        }
        if (returned)
                weft_wait_signal(&v->sh->not_empty, INT32_MAX);
        munmap(q->mine, mine_bytes());
}

void weft_queue_close(weft_queue_t *queue)
{
        weft_handle_close(queue);
}

weft_owner_t weft_queue_owner(const weft_queue_t *queue)
{
        return queue ? weft_handle_owner(&queue->handle) : (weft_owner_t){ 0 };
}
