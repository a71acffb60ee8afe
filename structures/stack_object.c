/* structures/stack_object.c -- the stack as an object: create, open, info, check, settle. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "structures/stack_internal.h"

static int view_of(struct weft_object *o, struct weft_stack_view *v)
{
        return weft_stack_view(v, o->arena, o->sh,
                               weft_owner_make(WEFT_OWNER_OBJECT, o->id));
}

/* ---- settling the dead --------------------------------------------------------- */

static int pass_segment(struct weft_stack_view *v, struct weft_stack_desk_shared *desk,
                        uint32_t sig)
{
        uint32_t k = weft_load_acq(&desk->adds) - 1; /* [I] */
        if (k >= WEFT_STACK_SEGMENTS)
                return 0;
        weft_ref_t ref = { weft_load_acq(&v->sh->segments[k]) }; /* [S] */
        int rc = !ref.v ? 0
                        : weft_block_pass(v->arena, ref,
                                          weft_owner_make(WEFT_OWNER_AGENT, sig),
                                          v->owner);
        weft_store_rel(&desk->adds, 0); /* [I] */
        return rc == -ENOENT ? 0 : rc;  /* another's, or passed before */
}

/* Crash in recover: the desk says how far it went, as if the dead had done it. */
static void clear_desk(const struct weft_stack_hand *h)
{
        struct weft_stack_desk_shared *desk = h->desk;
        weft_store_rel(&desk->hold, weft_stack_hold(h->v, h->seat, desk)); /* [I] */
        weft_store_rel(&desk->intent, 0);                                  /* [I] */
        if (weft_load_rlx(&desk->hold) >> 32 &&
            weft_stack_hand_out(h, UINT64_MAX, NULL, NULL) < 0)
                return;
        for (uint32_t n; (n = weft_stack_count(h)) != 0;)
                if (weft_stack_give(h, n < h->v->bundle ? n : h->v->bundle))
                        return;
}

static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_stack_shared *sh = o->sh;
        struct weft_stack_view v;
        int rc = view_of(o, &v);
        if (!rc)
                rc = weft_desks_recover(&v.desks, sig);
        if (rc)
                return rc;
        struct weft_stack_hand h = { &v, weft_desk_at(&v.desks, weft_sig_seat(sig)),
                                     weft_sig_seat(sig) };
        if (h.desk) {
                rc = pass_segment(&v, h.desk, sig);
                clear_desk(&h);
        }
        weft_wait_reset(&sh->not_empty);
        weft_wait_reset(&sh->not_full);
        return rc;
}

/* ---- counting -------------------------------------------------------------------- */

/* Nodes, by where they are. With a map, each may be there once. */
struct count {
        struct weft_pair top, spare;
        uint64_t print; /* of all desks: equal when nothing changed */
        uint64_t before[WEFT_STACK_SEGMENTS]; /* nodes in earlier segments */
        uint64_t length, held, idle, fresh;
        uint8_t *map;
        bool twice; /* or not a node at all */
};

static void count_one(struct count *n, uint32_t number, uint64_t *where)
{
        uint64_t i = n->before[weft_stack_segment_of(number)] + weft_stack_place(number);
        ++*where;
        if (i >= n->fresh) {
                n->twice = true;
        } else if (n->map) {
                n->twice |= n->map[i / 8] >> i % 8 & 1;
                n->map[i / 8] |= (uint8_t)(1u << i % 8);
        }
}

/* A chain of nodes, until it ends or there are too many. */
static uint64_t count_chain(struct weft_stack_view *v, struct count *n, uint32_t first,
                            uint64_t most, uint64_t *where)
{
        uint64_t before = *where;
        for (uint32_t i = first; i && *where - before < most;) {
                struct weft_stack_node_shared *node = weft_stack_node(v, i - 1);
                count_one(n, i - 1, where);
                if (!node) {
                        n->twice = true;
                        break;
                }
                i = (uint32_t)weft_load_rlx(&node->link);
        }
        return *where - before;
}

static void count_spare(struct weft_stack_view *v, struct count *n)
{
        for (uint32_t i = (uint32_t)n->spare.lo; i && n->idle <= n->fresh;) {
                struct weft_stack_node_shared *node = weft_stack_node(v, i - 1);
                count_chain(v, n, i, v->bundle, &n->idle);
                i = node ? (uint32_t)(weft_load_rlx(&node->link) >> 32) : 0;
        }
}

/* As the desks will be when all who died are settled, and all who are at it are done. */
static void count_desks(struct weft_stack_view *v, struct count *n)
{
        uint32_t seats = weft_seats_used(v->arena);
        for (uint32_t seat = 0; seat < seats; seat++) {
                struct weft_stack_desk_shared *desk = weft_desk_at(&v->desks, seat);
                if (!desk)
                        continue;
                uint64_t hold = weft_stack_hold(v, seat, desk);
                uint64_t count = hold & WEFT_STACK_COUNT;
                n->print = n->print * 31 + weft_load_rlx(&desk->hold);
                n->print = n->print * 31 + weft_load_rlx(&desk->intent);
                n->twice |= count > v->cache;
                for (uint32_t i = 0; i < count && i < WEFT_STACK_CACHE; i++)
                        count_one(n, weft_load_rlx(&desk->nodes[i]), &n->held);
                count_chain(v, n, (uint32_t)(hold >> 32), n->fresh, &n->held);
        }
}

static void see(struct weft_stack_view *v, struct count *n)
{
        n->top = weft_stack_see(&v->sh->top);
        n->spare = weft_stack_see(&v->sh->rest);
        for (uint32_t k = 1; k < WEFT_STACK_SEGMENTS; k++)
                n->before[k] = n->before[k - 1] + weft_stack_segment_nodes(v, k - 1);
        uint32_t fresh = (uint32_t)(n->spare.lo >> 32);
        n->fresh = n->before[weft_stack_segment_of(fresh)] + weft_stack_place(fresh);
        n->length = n->top.lo >> 32 & WEFT_STACK_LENGTH;
}

/* Does it hang together? True too when it cannot be told, for it changes. */
static bool is_whole(struct weft_stack_view *v)
{
        struct count n = { 0 }, after = { 0 };
        uint64_t linked = 0;
        see(v, &n);
        if (n.fresh > weft_stack_room(v))
                return false;
        n.map = calloc(n.fresh / 8 + 1, 1);
        if (!n.map)
                return true;
        count_chain(v, &n, (uint32_t)n.top.lo, n.fresh + 1, &linked);
        count_spare(v, &n);
        count_desks(v, &n);
        free(n.map);
        see(v, &after);
        count_desks(v, &after);
        if (n.top.hi != after.top.hi || n.spare.hi != after.spare.hi ||
            n.print != after.print)
                return true;
        return !n.twice && linked == n.length && n.length <= v->limit &&
               n.length + n.held + n.idle == n.fresh;
}

int weft_stack_info(weft_stack_t *stack, struct weft_stack_info *info)
{
        struct count n = { 0 };
        struct weft_agent *agent;
        if (!stack || !info)
                return -EINVAL;
        struct weft_stack_view *v = &stack->v;
        int rc = v->arena->readonly ? 0 : weft_handle_enter(&stack->handle, &agent);
        if (rc)
                return rc;
        see(v, &n);
        if (n.fresh > weft_stack_room(v))
                return -EUCLEAN;
        count_spare(v, &n);
        count_desks(v, &n);
        *info = (struct weft_stack_info){
                .capacity = v->capped ? v->limit : 0,
                .length = n.length,
                .nodes = n.fresh,
                .held = n.held,
                .idle = n.idle,
                .element_bytes = v->element_bytes,
                .shut = (n.top.lo & WEFT_STACK_CLOSED) != 0,
                .waiting = weft_wait_waiters(&v->sh->not_empty) +
                           weft_wait_waiters(&v->sh->not_full),
        };
        return 0;
}

/* ---- its blocks ---------------------------------------------------------------------- */

/* -EUCLEAN if one is not there. */
static int owned_bytes(struct weft_stack_view *v, uint64_t *bytes)
{
        int64_t desks = weft_desks_bytes(&v->desks);
        *bytes = sizeof *v->sh;
        if (desks < 0)
                return (int)desks;
        *bytes += (uint64_t)desks;
        for (uint32_t k = 0; k < WEFT_STACK_SEGMENTS; k++) {
                weft_ref_t ref = { weft_load_acq(&v->sh->segments[k]) }; /* [S] */
                if (!ref.v)
                        continue;
                if (!weft_stack_segment_find(v, k))
                        return -EUCLEAN;
                *bytes += weft_block_bytes(v->arena, ref);
        }
        return 0;
}

/* Crash in destroy: a block is freed only once. */
static void destroy(struct weft_object *o)
{
        struct weft_stack_view v;
        (void)view_of(o, &v); /* corrupt or not, these can be found: */
        for (uint32_t k = 0; k < WEFT_STACK_SEGMENTS; k++) {
                weft_ref_t ref = { weft_load_acq(&v.sh->segments[k]) }; /* [S] */
                if (ref.v)
                        (void)weft_block_free_from(o->agent, ref, v.owner);
        }
        weft_desks_view(&v.desks, o->arena, &v.sh->desks, v.owner,
                        sizeof(struct weft_stack_desk_shared));
        weft_desks_free(&v.desks, o->agent);
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_stack_view v;
        uint64_t owned = 0;
        int rc = view_of(o, &v);
        if (!rc)
                rc = owned_bytes(&v, &owned);
        if (bytes)
                *bytes = owned;
        if (rc)
                return rc;
        return is_whole(&v) ? 0 : -EUCLEAN;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_stack_view v;
        char of[40] = "";
        if (view_of(o, &v) || owned_bytes(&v, &info->bytes)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        uint64_t lo = weft_load_acq(&v.sh->top.word.lo); /* [P] */
        if (v.capped)
                (void)snprintf(of, sizeof of, " of %" PRIu64, v.limit);
        (void)snprintf(info->detail, sizeof info->detail,
                       "%" PRIu64 "%s elements of %" PRIu32 " B%s",
                       lo >> 32 & WEFT_STACK_LENGTH, of, v.element_bytes,
                       lo & WEFT_STACK_CLOSED ? ", shut" : "");
}

static bool busy(struct weft_object *o)
{
        struct weft_stack_shared *sh = o->sh;
        return weft_wait_waiters(&sh->not_empty) || weft_wait_waiters(&sh->not_full);
}

/* ---- the kind ------------------------------------------------------------------------- */

static int view(struct weft_handle *handle)
{
        struct weft_stack *s = (void *)handle;
        s->arena_serial = handle->arena->serial;
        return weft_stack_view(&s->v, handle->arena, handle->sh,
                               weft_handle_owner(handle));
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_stack *s = (const void *)handle;
        const struct weft_stack_options *o = options;
        return s->v.element_bytes == o->element_bytes;
}

/* With the desks of the first seats, so that these never lack one. Crash in create: it was
 * never there. */
static int init(struct weft_draft *draft)
{
        const struct weft_stack_options *o = draft->options;
        struct weft_stack_shared *sh = draft->sh;
        const uint64_t bytes = WEFT_DESK_SEATS * sizeof(struct weft_stack_desk_shared);
        weft_ref_t ref;
        void *at;
        sh->capacity = o->capacity;
        sh->element_bytes = o->element_bytes;
        sh->flags = o->flags;
        int rc = weft_draft_alloc(draft, bytes, &ref, &at);
        if (rc)
                return rc;
        memset(at, 0, bytes);
        weft_store_rlx(&sh->desks.segments[0], ref.v);
        return 0;
}

static struct weft_kind kind = {
        .name = "stack",
        .id = WEFT_STACK_KIND_ID,
        .version = WEFT_STACK_FORMAT,
        .header_bytes = sizeof(struct weft_stack_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_stack),
        .view = view,
        .fits = fits,
        .busy = busy,
        .waitable = &weft_stack_waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ----------------------------------------------------------------- */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_stack_options *options, bool or_open,
                weft_stack_t **stack)
{
        if (!name || !stack || !options || !options->element_bytes || options->flags ||
            options->element_bytes > WEFT_STACK_ELEMENT_MAX ||
            options->capacity > WEFT_STACK_CAPACITY_MAX)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, options, init, or_open, stack);
}

int weft_stack_create(weft_arena_t *arena, const char *name,
                      const struct weft_stack_options *options, weft_stack_t **stack)
{
        return make(arena, name, options, false, stack);
}

int weft_stack_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_stack_options *options,
                              weft_stack_t **stack)
{
        return make(arena, name, options, true, stack);
}

int weft_stack_open(weft_arena_t *arena, const char *name, weft_stack_t **stack)
{
        return name && stack ? weft_handle_open(arena, name, &kind, stack) : -EINVAL;
}

void weft_stack_close(weft_stack_t *stack)
{
        weft_handle_close(stack);
}

weft_owner_t weft_stack_owner(const weft_stack_t *stack)
{
        return stack ? weft_handle_owner(&stack->handle) : (weft_owner_t){ 0 };
}
