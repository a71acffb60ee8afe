/* structures/stack_node.c -- nodes: where they lie, how they come and go; evidence. */
#include "structures/stack_internal.h"

/* ---- the shape --------------------------------------------------------------- */

enum {
        CACHE_BYTES = 136 * 1024, /* a desk keeps about as much, but at least 2 nodes */
        FIRST_BYTES = 4096,       /* of a first segment, where nodes are small */
        PAUSES_LEAST = 16,
        PAUSES_MOST = 512,
};

/* The shape of its nodes, from v->element_bytes. */
static void shape(struct weft_stack_view *v)
{
        uint64_t bytes = v->element_bytes, cache;
        v->lead = bytes <= sizeof(uint64_t) ? 8 : bytes < 1024 ? 16 : WEFT_LINE;
        uint64_t unit = v->lead == WEFT_LINE ? WEFT_LINE : 16;
        v->stride = (v->lead + bytes + unit - 1) / unit * unit;
        cache = CACHE_BYTES / v->stride & ~UINT64_C(1);
        cache = cache < 2 ? 2 : cache > WEFT_STACK_CACHE ? WEFT_STACK_CACHE : cache;
        v->cache = (uint32_t)cache;
        v->bundle = (uint32_t)cache / 2;
        v->first_shift = 0;
        while ((2u << v->first_shift) <= WEFT_STACK_FIRST_MOST &&
               v->stride << (v->first_shift + 1) <= FIRST_BYTES)
                v->first_shift++;
}

int weft_stack_view(struct weft_stack_view *v, weft_arena_t *arena,
                    struct weft_stack_shared *sh, weft_owner_t owner)
{
        uint64_t capacity;
        uint32_t element_bytes, flags;
        weft_copy_out(&capacity, &sh->capacity, sizeof capacity);
        weft_copy_out(&element_bytes, &sh->element_bytes, sizeof element_bytes);
        weft_copy_out(&flags, &sh->flags, sizeof flags);
        *v = (struct weft_stack_view){
                .arena = arena,
                .sh = sh,
                .owner = owner,
                .limit = capacity ? capacity : WEFT_STACK_CAPACITY_MAX,
                .capped = capacity != 0,
                .element_bytes = element_bytes,
        };
        if (!element_bytes || element_bytes > WEFT_STACK_ELEMENT_MAX || flags ||
            capacity > WEFT_STACK_CAPACITY_MAX)
                return -EUCLEAN;
        shape(v);
        weft_desks_view(&v->desks, arena, &sh->desks, owner,
                        sizeof(struct weft_stack_desk_shared));
        return 0;
}

/* ---- segments ------------------------------------------------------------------ */

uint64_t weft_stack_segment_find(struct weft_stack_view *v, uint32_t k)
{
        weft_ref_t ref = { weft_load_acq(&v->sh->segments[k]) }; /* [S] */
        uint8_t *at =
                ref.v ? weft_at(v->arena, ref, weft_stack_segment_bytes(v, k)) : NULL;
        if (!at)
                return 0;
        uint64_t nodes = weft_stack_segment_nodes(v, k);
        weft_store_rlx(&v->segments[k].at, (uint64_t)at);
        weft_store_rel(&v->segments[k].nodes, nodes); /* [L] */
        return nodes;
}

/* They were added one after the other. */
uint64_t weft_stack_room(struct weft_stack_view *v)
{
        uint64_t room = 0, nodes;
        for (uint32_t k = 0; k < WEFT_STACK_SEGMENTS; k++, room += nodes) {
                nodes = weft_load_acq(&v->segments[k].nodes); /* [L] */
                if (!nodes && !(nodes = weft_stack_segment_find(v, k)))
                        break;
        }
        return room;
}

/* Crash in grow: until the LP the block is the agent's and goes with it; after it,
 * recovery hands it over, as `adds` says. */
static int grow(const struct weft_stack_hand *h, struct weft_agent *agent, uint32_t k)
{
        struct weft_stack_view *v = h->v;
        uint64_t none = 0;
        weft_ref_t ref;
        if (weft_load_acq(&v->sh->segments[k])) /* [S] */
                return weft_stack_segment_find(v, k) ? 0 : -EUCLEAN;
        int rc = weft_block_alloc(v->arena, weft_stack_segment_bytes(v, k), &ref, NULL);
        if (rc)
                return rc;
        weft_store_rel(&h->desk->adds, k + 1);                    /* [I] */
        if (!weft_cas_acq_rel(&v->sh->segments[k], &none, ref.v)) /* [S] LP of grow */
                rc = weft_block_free(v->arena, ref);
        else
                rc = weft_block_pass(v->arena, ref,
                                     weft_owner_make(WEFT_OWNER_AGENT, agent->sig),
                                     v->owner);
        weft_store_rel(&h->desk->adds, 0); /* [I] */
        return rc;
}

/* ---- evidence ------------------------------------------------------------------- */

static void file_in_desk(struct weft_stack_view *v, enum weft_stack_which which,
                         uint64_t hi)
{
        struct weft_stack_desk_shared *desk =
                weft_desk_at(&v->desks, (uint32_t)weft_stack_seat(hi));
        if (!desk)
                return; /* no change was ever made there */
        uint64_t old = weft_load_acq(&desk->filed[which]); /* [F] */
        while (old < hi)
                if (weft_cas_acq_rel(&desk->filed[which], &old, hi)) /* [F] */
                        return;
}

void weft_stack_file(struct weft_stack_view *v, enum weft_stack_which which, uint64_t hi)
{
        uint64_t seat = weft_stack_seat(hi);
        weft_a64_t *word = &weft_stack_top(v, which)->filed[seat % WEFT_STACK_FILED];
        uint64_t old = weft_load_acq(word); /* [F] */
        do {
                if (weft_stack_seat(old) == seat && old >= hi)
                        return;
                if (old && weft_stack_seat(old) != seat)
                        file_in_desk(v, which, old);
        } while (!weft_cas_acq_rel(word, &old, hi)); /* [F] */
}

/* In this order: evidence goes from each place to the next. */
static bool has_happened(struct weft_stack_view *v, uint32_t seat,
                         struct weft_stack_desk_shared *desk, uint64_t intent)
{
        enum weft_stack_which which =
                (intent >> WEFT_STACK_AFTER_BITS & 7) == WEFT_STACK_CHANGE_SPARE
                        ? WEFT_STACK_SPARE
                        : WEFT_STACK_MAIN;
        struct weft_stack_top_shared *top = weft_stack_top(v, which);
        uint64_t hi = (intent & ~WEFT_STACK_SEATS) | seat;
        if (weft_load_acq(&top->word.hi) == hi) /* [F] */
                return true;
        if (weft_load_acq(&top->filed[seat % WEFT_STACK_FILED]) == hi) /* [F] */
                return true;
        return weft_load_acq(&desk->filed[which]) == hi; /* [F] */
}

uint64_t weft_stack_hold(struct weft_stack_view *v, uint32_t seat,
                         struct weft_stack_desk_shared *desk)
{
        uint64_t intent = weft_load_acq(&desk->intent); /* [I] */
        uint64_t hold = weft_load_acq(&desk->hold);     /* [I] */
        if (!intent || !has_happened(v, seat, desk, intent))
                return hold;
        uint64_t chain = hold & ~(WEFT_STACK_ONE - 1);
        if ((intent >> WEFT_STACK_AFTER_BITS & 7) == WEFT_STACK_DRAIN)
                chain = (uint64_t)weft_load_rlx(&desk->taking) << 32;
        return chain | (intent & ((1u << WEFT_STACK_AFTER_BITS) - 1));
}

/* ---- between desk and spare --------------------------------------------------------- */

void weft_stack_back_off(struct weft_stack_pace *pace)
{
        uint32_t n = pace->pauses ? pace->pauses : PAUSES_LEAST;
        for (uint32_t i = 0; i < n; i++)
                weft_pause();
        pace->pauses = n < PAUSES_MOST ? n * 2 : n;
}

/* The numbers of a bundle into nodes[], above the `count` there; how many. They may be
 * stale, as may be the next bundle: the CAS will tell. */
static uint32_t read_bundle(const struct weft_stack_hand *h, uint32_t first,
                            uint32_t count, uint64_t *next)
{
        uint32_t n = 0;
        for (uint32_t i = first; i && n < h->v->bundle; n++) {
                struct weft_stack_node_shared *node = weft_stack_node(h->v, i - 1);
                if (!node)
                        break;
                uint64_t link = weft_load_rlx(&node->link);
                if (!n)
                        *next = link >> 32;
                weft_store_rlx(&h->desk->nodes[count + n], i - 1);
                i = (uint32_t)link;
        }
        return n;
}

/* Numbers that were never used; their segment is there, or is made. `fresh` is what follows
 * them then. */
static int read_fresh(const struct weft_stack_hand *h, struct weft_agent *agent,
                      uint64_t *fresh, uint32_t count, uint32_t *n)
{
        struct weft_stack_view *v = h->v;
        uint32_t first = (uint32_t)*fresh, k = weft_stack_segment_of(first);
        uint64_t left = weft_stack_segment_nodes(v, k) - weft_stack_place(first);
        if (k == WEFT_STACK_SEGMENTS - 1)
                return -ENOSPC; /* its last number + 1 is none */
        if (!weft_stack_node(v, first)) {
                if (weft_stack_place(first))
                        return -EUCLEAN;
                int rc = grow(h, agent, k);
                if (rc)
                        return rc;
        }
        *n = left < v->bundle ? (uint32_t)left : v->bundle;
        for (uint32_t i = 0; i < *n; i++) /* so that the lowest goes first */
                weft_store_rlx(&h->desk->nodes[count + i], first + *n - 1 - i);
        *fresh = left > *n ? first + *n : (uint64_t)(k + 1) << WEFT_STACK_PLACE_BITS;
        return 0;
}

/* What to take of the spare as it was seen: `n` numbers are in nodes[] then, and `lo` is
 * what is left. 0 with n == 0: it leads nowhere. */
static int choose(const struct weft_stack_hand *h, struct weft_agent *agent,
                  struct weft_pair seen, uint32_t *n, uint64_t *lo)
{
        uint64_t next = 0, fresh = seen.lo >> 32;
        uint32_t count = weft_stack_count(h), first = (uint32_t)seen.lo;
        if (first) {
                *n = read_bundle(h, first, count, &next);
                *lo = fresh << 32 | next;
                return 0;
        }
        int rc = read_fresh(h, agent, &fresh, count, n);
        *lo = fresh << 32;
        return rc;
}

/* Crash in fetch: as all changes of a top. */
static int fetch_some(const struct weft_stack_hand *h, struct weft_agent *agent)
{
        struct weft_stack_top_shared *spare = weft_stack_top(h->v, WEFT_STACK_SPARE);
        struct weft_stack_pace pace = { 0 };
        uint32_t count = weft_stack_count(h), n;
        for (;; weft_stack_back_off(&pace)) {
                struct weft_pair seen = weft_stack_see(spare);
                uint64_t lo;
                n = 0;
                int rc = choose(h, agent, seen, &n, &lo);
                if (rc == -ENOSPC && (uint32_t)weft_stack_see(spare).lo)
                        continue; /* somebody gave some meanwhile */
                if (rc)
                        return rc;
                if (!n && weft_stack_see(spare).hi == seen.hi)
                        return -EUCLEAN;
                if (n &&
                    weft_stack_change(h, WEFT_STACK_CHANGE_SPARE, seen, lo, count + n))
                        break;
        }
        weft_stack_set_count(h, count + n);
        return 0;
}

int weft_stack_fetch(const struct weft_stack_hand *h, struct weft_agent *agent,
                     uint32_t n)
{
        for (;;) {
                uint32_t count = weft_stack_count(h);
                if (count >= n)
                        return 0;
                int rc = fetch_some(h, agent);
                if (rc == -ENOSPC && count)
                        return 0; /* fewer, then */
                if (rc)
                        return rc;
        }
}

/* Links nodes[first .. first + n), and the last of them to 0. */
static bool link_bundle(const struct weft_stack_hand *h, uint32_t first, uint32_t n)
{
        for (uint32_t i = first; i < first + n; i++) {
                struct weft_stack_node_shared *node =
                        weft_stack_node(h->v, weft_load_rlx(&h->desk->nodes[i]));
                if (!node)
                        return false;
                uint64_t next =
                        i + 1 < first + n
                                ? (uint64_t)weft_load_rlx(&h->desk->nodes[i + 1]) + 1
                                : 0;
                weft_store_rlx(&node->link, (uint32_t)next);
        }
        return true;
}

/* Crash in give: as all changes of a top. */
int weft_stack_give(const struct weft_stack_hand *h, uint32_t n)
{
        struct weft_stack_top_shared *spare = weft_stack_top(h->v, WEFT_STACK_SPARE);
        struct weft_stack_pace pace = { 0 };
        uint32_t count = weft_stack_count(h), first = count - n;
        if (count > WEFT_STACK_CACHE || !link_bundle(h, first, n)) {
                weft_store_rel(&h->desk->intent, 0); /* [I] */
                weft_stack_set_count(h, count > WEFT_STACK_CACHE ? 0 : first);
                return -EUCLEAN;
        }
        uint32_t head = weft_load_rlx(&h->desk->nodes[first]);
        struct weft_stack_node_shared *node = weft_stack_node(h->v, head);
        uint64_t link = node ? (uint32_t)weft_load_rlx(&node->link) : 0;
        for (;;) {
                struct weft_pair seen = weft_stack_see(spare);
                if (node)
                        weft_store_rlx(&node->link, link | seen.lo << 32);
                if (weft_stack_change(h, WEFT_STACK_CHANGE_SPARE, seen,
                                      (seen.lo & ~(WEFT_STACK_ONE - 1)) | (head + 1),
                                      first))
                        break;
                weft_stack_back_off(&pace);
        }
        weft_stack_set_count(h, first);
        return 0;
}

/* The chain is at its end, or goes on where there is nothing. */
static int64_t end_chain(const struct weft_stack_hand *h, uint64_t seen)
{
        uint64_t hold = weft_load_rlx(&h->desk->hold);
        weft_store_rel(&h->desk->intent, 0);                     /* [I] */
        weft_store_rel(&h->desk->hold, hold & WEFT_STACK_COUNT); /* [I] */
        return hold >> 32 ? -EUCLEAN : (int64_t)seen;
}

/* Its first node from the chain into nodes[]. */
static int move_first(const struct weft_stack_hand *h, uint32_t first, uint64_t link)
{
        int rc = 0;
        if (weft_stack_count(h) >= h->v->cache)
                rc = weft_stack_give(h, h->v->bundle);
        uint32_t count = weft_stack_count(h);
        if (rc)
                return rc;
        weft_store_rlx(&h->desk->nodes[count], first - 1);
        weft_store_rel(&h->desk->intent, 0);                      /* [I] */
        weft_store_rel(&h->desk->hold, link << 32 | (count + 1)); /* [I] */
        return 0;
}

/* Crash in drain, or in the recovery of that: each node is in the chain or in nodes[]. */
int64_t weft_stack_hand_out(const struct weft_stack_hand *h, uint64_t most,
                            int (*each)(void *, void *), void *context)
{
        uint64_t seen = 0, room = weft_stack_room(h->v);
        bool tell = true;
        most = most < room ? most : room;
        for (;; most--) {
                uint32_t first = (uint32_t)(weft_load_rlx(&h->desk->hold) >> 32);
                struct weft_stack_node_shared *node =
                        first && most ? weft_stack_node(h->v, first - 1) : NULL;
                if (!node)
                        return end_chain(h, seen);
                seen += tell;
                if (each && tell && each(weft_stack_element(h->v, node), context))
                        tell = false;
                int rc = move_first(h, first, weft_load_rlx(&node->link));
                if (rc)
                        return rc;
        }
}
