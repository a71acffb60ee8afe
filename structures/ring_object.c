/* structures/ring_object.c -- the ring as an object: create, open, info, the dead. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include <weft/arena.h>

#include "runtime/block.h"
#include "structures/ring_internal.h"

enum { ROOM_LEAST = 64 }; /* bytes in a ring of records */

/* ---- its shape ------------------------------------------------------------ */

/* Units for so many elements. */
static uint64_t units_for(const struct weft_units *shape, uint64_t capacity)
{
        struct weft_units u = *shape;
        for (u.mask = 1; weft_units_capacity(&u) < capacity;)
                u.mask = u.mask * 2 + 1;
        return u.mask + 1;
}

static uint64_t room_for(uint64_t capacity)
{
        uint64_t room = ROOM_LEAST;
        while (room < capacity)
                room *= 2;
        return room;
}

/* The bytes of the block, or 0 if there is no such ring. */
static uint64_t area_bytes(uint64_t room, uint32_t element_bytes, uint32_t flags)
{
        bool records = flags & WEFT_RING_BYTES;
        uint64_t most = records ? WEFT_RING_RECORD_MAX : WEFT_RING_ELEMENT_MAX;
        if (flags & ~(uint32_t)WEFT_RING_BYTES || room < 2 ||
            room > WEFT_RING_CAPACITY_MAX || room & (room - 1) || !element_bytes ||
            element_bytes > most)
                return 0;
        if (!records)
                return room * weft_units_of(element_bytes).stride;
        if (room < ROOM_LEAST || element_bytes > room / 2)
                return 0;
        return room + weft_record_bytes(element_bytes);
}

/* Copies the header out once, and believes it where the area bears it out. */
static int view_of(struct weft_ring *ring, weft_arena_t *arena,
                   const struct weft_ring_shared *sh)
{
        struct weft_ring_shared copy;
        weft_copy_out(&copy, sh, offsetof(struct weft_ring_shared, closing));
        ring->area_bytes = area_bytes(copy.room, copy.element_bytes, copy.flags);
        if (!ring->area_bytes)
                return -EUCLEAN;
        ring->base = weft_at(arena, copy.area, ring->area_bytes);
        if (!ring->base || (uintptr_t)ring->base % WEFT_RING_STEP)
                return -EUCLEAN;
        ring->element_bytes = copy.element_bytes;
        ring->flags = copy.flags;
        ring->mask = copy.room - 1;
        ring->step = copy.room / WEFT_RING_TELLS;
        ring->fenced = !arena->registered;
        if (weft_ring_has_records(ring))
                return 0;
        ring->units = weft_units_of(copy.element_bytes);
        ring->units.mask = copy.room - 1;
        ring->step = (ring->step ? ring->step : 1) << ring->units.shift;
        ring->ahead = (copy.room / 4 < WEFT_RING_AHEAD ? copy.room / 4 : WEFT_RING_AHEAD)
                      << ring->units.shift;
        ring->mask = weft_units_first(&ring->units) - 1;
        ring->words = copy.element_bytes == sizeof(uint64_t);
        return (uintptr_t)ring->base % sizeof(uint64_t) ? -EUCLEAN : 0;
}

/* The short way is this process's: its child has none. Without that nobody has. */
static bool madvise_near(struct weft_ring *ring, int advice)
{
        int saved = errno;
        bool done = madvise(ring->near, WEFT_RING_PAGE, advice) == 0;
        errno = saved;
        return done;
}

static int view(struct weft_handle *handle)
{
        struct weft_ring *ring = (struct weft_ring *)(void *)handle;
        int rc = view_of(ring, handle->arena, handle->sh);
        if (!rc && !weft_ring_has_records(ring) && !ring->fenced)
                ring->wiped = madvise_near(ring, MADV_WIPEONFORK);
        return rc;
}

static void drop(struct weft_handle *handle)
{
        struct weft_ring *ring = (struct weft_ring *)(void *)handle;
        if (ring->wiped)
                (void)madvise_near(ring, MADV_KEEPONFORK);
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_ring *ring = (const struct weft_ring *)(const void *)handle;
        const struct weft_ring_options *o = options;
        return ring->flags == o->flags &&
               (ring->element_bytes == o->element_bytes ||
                (weft_ring_has_records(ring) && !o->element_bytes));
}

/* ---- create ----------------------------------------------------------------- */

static int init_units(struct weft_ring_shared *sh, uint8_t *base)
{
        struct weft_units u = weft_units_of(sh->element_bytes);
        u.mask = sh->room - 1;
        uint64_t first = weft_units_first(&u);
        for (uint64_t i = 0; i < sh->room; i++) /* as if it had been read */
                weft_store_rlx(weft_unit_stamp(&u, base, i << u.shift),
                               (i << u.shift) + u.per);
        weft_store_rlx(&sh->push.pos, first);
        weft_store_rlx(&sh->pop.pos, first);
        weft_store_rlx(&sh->head, first);
        return 0;
}

static int init_bytes(struct weft_ring_shared *sh, uint8_t *base)
{
        struct weft_ring_record_shared *first = (void *)base;
        weft_store_rlx(&first->stamp, 0);
        weft_store_rlx(&sh->push.pos, sh->room);
        weft_store_rlx(&sh->pop.pos, sh->room);
        weft_store_rlx(&sh->head, sh->room);
        return 0;
}

/* Crash in create: the draft owns the block; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_ring_options *o = draft->options;
        struct weft_ring_shared *sh = draft->sh;
        bool records = o->flags & WEFT_RING_BYTES;
        struct weft_units shape = weft_units_of(records ? 8 : o->element_bytes);
        void *base;

        sh->flags = o->flags;
        sh->room = records ? room_for(o->capacity) : units_for(&shape, o->capacity);
        sh->element_bytes =
                o->element_bytes ? o->element_bytes : (uint32_t)(sh->room / 2);
        uint64_t bytes = area_bytes(sh->room, sh->element_bytes, sh->flags);
        if (!bytes || bytes > WEFT_ARENA_MAX)
                return -ENOSPC; /* more than any arena holds */
        int rc = weft_draft_alloc(draft, bytes, &sh->area, &base);
        if (rc)
                return rc;
        /* No two rings that lie here one after the other have a turn in common: a handle that
         * was left open without its agent may still know one of the last. */
        weft_store_rlx(&sh->push.turn, weft_now());
        weft_store_rlx(&sh->pop.turn, weft_now());
        return records ? init_bytes(sh, base) : init_units(sh, base);
}

/* ---- looking ------------------------------------------------------------------ */

static enum weft_ring_holder holder_of(weft_arena_t *arena, uint64_t seat, uint32_t *pid)
{
        struct weft_agent_info info;
        *pid = 0;
        if (!seat)
                return WEFT_RING_FREE;
        uint32_t sig = (uint32_t)seat;
        if (!weft_seat_peek(&arena->seats[weft_sig_seat(sig)], &info) ||
            info.generation != sig >> WEFT_SEAT_BITS)
                return WEFT_RING_DEAD;
        *pid = info.pid;
        return info.dead ? WEFT_RING_DEAD : WEFT_RING_ALIVE;
}

/* From where to where there is something: the head first, so that it is not ahead. */
static int span_of(struct weft_ring *ring, struct weft_ring_shared *sh, uint64_t *head,
                   uint64_t *tail)
{
        bool records = weft_ring_has_records(ring);
        uint64_t first = records ? ring->mask + 1 : weft_units_first(&ring->units);
        uint64_t seal = weft_load_acq(&sh->seal);                /* [L] */
        *head = weft_ring_open_pos(weft_load_acq(&sh->pop.pos)); /* [O] */
        uint64_t pos = weft_load_rlx(&sh->push.pos);
        *tail = records ? weft_record_tail(ring, pos) : weft_ring_tail(ring, pos);
        if (seal && *tail > seal)
                *tail = seal; /* what landed after the end */
        if (*head < first || *tail < *head)
                return -EUCLEAN;
        if (records)
                return *head % WEFT_RING_STEP || *tail % WEFT_RING_STEP ? -EUCLEAN : 0;
        return weft_pos_is_sane(&ring->units, *head) &&
                               weft_pos_is_sane(&ring->units, *tail)
                       ? 0
                       : -EUCLEAN;
}

static uint64_t count(const struct weft_ring *ring, uint64_t from, uint64_t to)
{
        return weft_ring_has_records(ring) ? to - from
                                           : weft_pos_count(&ring->units, from, to);
}

static int fill_info(struct weft_ring *ring, weft_arena_t *arena,
                     struct weft_ring_shared *sh, struct weft_ring_info *info)
{
        bool records = weft_ring_has_records(ring);
        uint64_t first = records ? ring->mask + 1 : weft_units_first(&ring->units);
        uint64_t head, tail;
        int rc = span_of(ring, sh, &head, &tail);
        if (rc)
                return rc;
        *info = (struct weft_ring_info){
                .capacity = records ? ring->mask + 1 - WEFT_RING_STEP
                                    : weft_units_capacity(&ring->units),
                .length = count(ring, head, tail),
                .pushed = count(ring, first, tail),
                .popped = count(ring, first, head),
                .element_bytes = ring->element_bytes,
                .flags = ring->flags,
                .shut = weft_load_acq(&sh->closing) != 0, /* [C] */
                .waiting = weft_wait_waiters(&sh->not_empty) +
                           weft_wait_waiters(&sh->not_full) +
                           weft_wait_waiters(&sh->seats),
        };
        if (info->length > info->capacity)
                info->length = info->capacity;               /* it moved meanwhile */
        uint64_t seat[2] = { weft_load_acq(&sh->push.seat),  /* [E] */
                             weft_load_acq(&sh->pop.seat) }; /* [E] */
        for (int side = 0; side < 2; side++)
                info->holder[side] = holder_of(arena, seat[side], &info->process[side]);
        return 0;
}

int weft_ring_info(weft_ring_t *ring, struct weft_ring_info *info)
{
        if (!ring || !info)
                return -EINVAL;
        return fill_info(ring, ring->handle.arena, weft_ring_sh(ring), info);
}

/* What `check` and `describe` look at: a handle that is none. */
static int view_object(struct weft_object *o, struct weft_ring *ring)
{
        *ring = (struct weft_ring){ .handle = { .arena = o->arena, .sh = o->sh } };
        return view_of(ring, o->arena, o->sh);
}

/* ---- the dead ------------------------------------------------------------------- */

static void give_up(struct weft_ring_side_shared *side, uint64_t sig)
{
        if (weft_load_acq(&side->seat) != sig) /* [E] */
                return;
        (void)weft_ring_draw(side);
        (void)weft_cas_acq_rel(&side->seat, &sig, 0); /* [E] LP */
}

/* Crash in recover: a seat that is still his is given up by the next one. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_ring_shared *sh = o->sh;
        give_up(&sh->push, sig);
        give_up(&sh->pop, sig);
        weft_wait_reset(&sh->not_empty);
        weft_wait_reset(&sh->not_full);
        weft_wait_reset(&sh->seats);
        return 0;
}

static void destroy(struct weft_object *o)
{
        const struct weft_ring_shared *sh = o->sh;
        (void)weft_block_free_from(o->agent, sh->area,
                                   weft_owner_make(WEFT_OWNER_OBJECT, o->id));
}

/* ---- check ------------------------------------------------------------------ */

/* Are all elements there, and nothing behind them? */
static bool units_are_whole(const struct weft_ring *ring, uint64_t head, uint64_t tail)
{
        const struct weft_units *u = &ring->units;
        if (tail > weft_pos_limit(u, head))
                return false;
        while (head < tail) {
                uint64_t stamp =
                        weft_load_acq(weft_unit_stamp(u, ring->base, head)); /* [P] */
                uint64_t n = weft_stamp_ahead(u, stamp, head);
                if (!n)
                        return false;
                head = weft_pos_normal(u, head + n);
        }
        return true;
}

static bool records_are_whole(const struct weft_ring *ring, uint64_t head, uint64_t tail)
{
        uint32_t bytes;
        if (tail - head > ring->mask + 1 - WEFT_RING_STEP)
                return false;
        while (head < tail) {
                if (weft_record_there(ring, head, &bytes))
                        return false;
                head += weft_record_bytes(bytes);
        }
        return head == tail;
}

/* Exact while nobody changes the ring; a change in between is no fault. */
static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_ring_shared *sh = o->sh;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        struct weft_ring ring;
        uint64_t head, tail, head2, tail2;
        int rc = view_object(o, &ring);
        *bytes = 0;
        if (rc)
                return rc;
        *bytes = sizeof *sh + weft_block_bytes(o->arena, sh->area);
        if (weft_block_owner(o->arena, sh->area).v != owner.v)
                return -EUCLEAN;
        for (int i = 0; i < 3; i++) {
                rc = span_of(&ring, sh, &head, &tail);
                if (!rc &&
                    (weft_ring_has_records(&ring) ? records_are_whole(&ring, head, tail)
                                                  : units_are_whole(&ring, head, tail)))
                        return 0;
                int again = span_of(&ring, sh, &head2, &tail2);
                if (rc == again && (rc || (head == head2 && tail == tail2)))
                        return -EUCLEAN;
        }
        return 0;
}

static const char *told(const struct weft_ring_info *info, int side, char *text, size_t n)
{
        if (info->holder[side] == WEFT_RING_FREE)
                return "nobody";
        (void)snprintf(text, n, "%" PRIu32 "%s", info->process[side],
                       info->holder[side] == WEFT_RING_DEAD ? " (dead)" : "");
        return text;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_ring ring;
        struct weft_ring_info i;
        char from[32], to[32], size[32] = "";
        if (view_object(o, &ring) || fill_info(&ring, o->arena, o->sh, &i)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        bool records = weft_ring_has_records(&ring);
        if (!records)
                (void)snprintf(size, sizeof size, " of %" PRIu32 " B", i.element_bytes);
        (void)snprintf(info->detail, sizeof info->detail,
                       "%" PRIu64 " of %" PRIu64 " %s%s, from %s to %s%s", i.length,
                       i.capacity, records ? "B in records" : "elements", size,
                       told(&i, WEFT_RING_PRODUCER, from, sizeof from),
                       told(&i, WEFT_RING_CONSUMER, to, sizeof to),
                       i.shut ? ", shut" : "");
}

/* ---- the kind --------------------------------------------------------------------- */

static struct weft_kind kind = {
        .name = "ring",
        .id = WEFT_RING_KIND_ID,
        .version = WEFT_RING_FORMAT,
        .header_bytes = sizeof(struct weft_ring_shared),
        .recover = recover,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_ring),
        .handle_align = WEFT_RING_PAGE,
        .view = view,
        .drop = drop,
        .waitable = &weft_ring_waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------ */

static bool are_sane(const struct weft_ring_options *o)
{
        if (!o || !o->capacity || o->capacity > WEFT_RING_CAPACITY_MAX ||
            o->flags & ~(uint32_t)WEFT_RING_BYTES)
                return false;
        if (o->flags & WEFT_RING_BYTES)
                return o->element_bytes <= room_for(o->capacity) / 2;
        return o->element_bytes && o->element_bytes <= WEFT_RING_ELEMENT_MAX;
}

static int make(weft_arena_t *arena, const char *name,
                const struct weft_ring_options *options, bool or_open, weft_ring_t **ring)
{
        if (!ring || !are_sane(options))
                return -EINVAL;
        int rc = weft_handle_create(arena, name, &kind, options, init, or_open, ring);
        if (rc || fits(&(*ring)->handle, options))
                return rc;
        weft_ring_close(*ring); /* it was there, and is another one */
        *ring = NULL;
        return -EPROTO;
}

int weft_ring_create(weft_arena_t *arena, const char *name,
                     const struct weft_ring_options *options, weft_ring_t **ring)
{
        return make(arena, name, options, false, ring);
}

int weft_ring_create_or_open(weft_arena_t *arena, const char *name,
                             const struct weft_ring_options *options, weft_ring_t **ring)
{
        return make(arena, name, options, true, ring);
}

int weft_ring_open(weft_arena_t *arena, const char *name, weft_ring_t **ring)
{
        return ring ? weft_handle_open(arena, name, &kind, ring) : -EINVAL;
}

void weft_ring_close(weft_ring_t *ring)
{
        weft_handle_close(ring);
}

weft_owner_t weft_ring_owner(const weft_ring_t *ring)
{
        return ring ? weft_handle_owner(&ring->handle) : (weft_owner_t){ 0 };
}
