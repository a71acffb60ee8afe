/* structures/map_move.c -- moving, resizing and retiring tables. */
#include <stdlib.h>
#include <string.h>

#include "structures/map_block.h"
#include "structures/map_claim.h"
#include "structures/map_hash.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
        CHUNK = 8,      /* homes that are given out at once */
        CHUNKS = 4,     /* of those, found to be done by one who comes by */
        CANCEL = 16,    /* insertions of a seat until it ends a shrinking not yet begun */
        SMALL = 12,     /* bits of a table where each does */
        QUICK = 15,     /* bits of a table up to where it grows fourfold: 4 MiB */
        SHRINK_MAX = 3, /* tables that may be retired when another one shrinks */
};

/* ---- tables ---------------------------------------------------------------- */

static int check_table(struct weft_map *map, uint64_t ref, struct weft_map_table *t)
{
        weft_arena_t *arena = map->handle.arena;
        weft_ref_t r = { ref };
        uint64_t bits;
        const struct weft_table_shared *sh =
                weft_at(arena, r, weft_map_table_bytes(WEFT_MAP_BITS_MIN));
        if (!sh)
                return -EUCLEAN;
        weft_copy_out(&bits, &sh->bits, sizeof bits);
        if (bits < WEFT_MAP_BITS_MIN || bits > WEFT_MAP_BITS_MAX ||
            !weft_at(arena, r, weft_map_table_bytes((uint32_t)bits)))
                return -EUCLEAN;
        t->bits = (uint32_t)bits;
        return 0;
}

int weft_map_meet(struct weft_map *map, uint64_t ref, struct weft_map_table *t)
{
        int rc = check_table(map, ref, t);
        if (rc)
                return rc;
        weft_a128_t *known = &map->known[weft_add_rlx(&map->known_at, 1) & 1];
        struct weft_pair was = { weft_load_rlx(&known->lo), weft_load_rlx(&known->hi) };
        (void)weft_cas16_acq_rel(known, &was,
                                 (struct weft_pair){ ref, t->bits }); /* [K] */
        return 0;
}

/* {T, mark}: see map_shared.h. A ref never has that bit: tables are aligned to 64. */
static bool is_mark(uint64_t next)
{
        return next & 1;
}

int weft_map_tables(struct weft_map *map, struct weft_map_table *current,
                    struct weft_map_table *next)
{
        weft_a128_t *root = &map->sh->root;
        for (;;) {
                uint64_t lo = weft_load_acq(&root->lo);       /* [R] */
                uint64_t hi = weft_load_acq(&root->hi);       /* [R] */
                if (UNLIKELY(weft_load_acq(&root->lo) != lo)) /* [R] */
                        continue;
                int rc = weft_map_table_at(map, lo, current);
                next->sh = NULL;
                next->ref = hi;
                if (UNLIKELY(!rc && hi && !is_mark(hi)))
                        rc = weft_map_table_at(map, hi, next);
                if (LIKELY(!rc) || weft_load_acq(&root->lo) == lo) /* [R] */
                        return rc;
        }
}

int weft_map_table_make(struct weft_map *map, uint32_t bits, uint64_t *ref)
{
        weft_ref_t r;
        void *at;
        int rc = weft_block_alloc(map->handle.arena, weft_map_table_bytes(bits), &r, &at);
        if (rc)
                return rc;
        struct weft_table_shared *sh = at;
        memset(at, 0, weft_map_table_bytes(bits)); /* all EMPTY */
        sh->bits = bits;
        *ref = r.v;
        return 0;
}

/* ---- counting ------------------------------------------------------------------ */

uint64_t weft_map_entries(struct weft_map *map)
{
        uint32_t n = weft_seats_used(map->handle.arena);
        uint64_t entries = 0;
        for (uint32_t i = 0; i < n; i++) {
                struct weft_map_desk_shared *desk = weft_desk_at(&map->desks, i);
                if (desk)
                        entries += weft_load_rlx(&desk->entries);
                else
                        i |= WEFT_DESK_SEATS - 1; /* none of this segment */
        }
        return (int64_t)entries < 0 ? 0 : entries;
}

/* Slots in use, one by one. */
static uint64_t count_slots(const struct weft_map_table *t)
{
        uint64_t n = 0;
        for (uint64_t i = 0; i < weft_map_buckets(t); i++)
                for (uint32_t s = 0; s < WEFT_MAP_SLOTS; s++) {
                        const weft_a128_t *cell = weft_slot_cell(&t->buckets[i], s);
                        n += weft_meta_state(weft_load_rlx(&cell->hi)) != WEFT_SLOT_EMPTY;
                }
        return n;
}

/* ---- moving ---------------------------------------------------------------------- */

static bool change_slot(struct weft_map_seen *seen, enum weft_map_state state)
{
        struct weft_pair was = { seen->value, seen->meta };
        struct weft_pair now = { seen->value, (seen->meta & ~UINT64_C(15)) | state };
        bool done = weft_cas16_acq_rel(weft_slot_cell(seen->bucket, seen->slot), &was,
                                       now); /* [M] */
        seen->value = done ? now.lo : was.lo;
        seen->meta = done ? now.hi : was.hi;
        return done;
}

/* The short way: see map_claim.h. False: nothing has changed. */
static bool copy_shortly(struct weft_map_op *op, const struct weft_map_seen *seen,
                         uint64_t word, uint64_t hash)
{
        const struct weft_map_table *t = &op->table;
        struct weft_bucket_shared *home = &t->buckets[weft_map_home(t, hash)];
        struct weft_map_claim c = {
                .desk = op->desk,
                .table = t->ref,
                .buckets = t->buckets,
                .home = home,
                .control = weft_load_acq(&home->control), /* [C] */
                .next = home + 1 != t->buckets + weft_map_buckets(t),
                .seat = op->agent->index,
                .word = word,
                .hash = hash,
                .source = seen,
        };
        return weft_map_claim(&c, seen->value) != 0;
}

/* What is FROZEN in op->table's predecessor goes there, too. The key's bytes, if it is not
 * in the slot, are there as long as the slot is FROZEN: weft_map_copy() looks again. */
static int copy_entry(struct weft_map_op *op, const struct weft_map_seen *seen)
{
        uint64_t word = weft_load_acq(weft_slot_key(seen->bucket, seen->slot)); /* [M] */
        uint64_t hash = op->map->inlined ? weft_map_hash_word(word, op->map->seed) : word;
        struct weft_map_look entry;
        if (LIKELY(copy_shortly(op, seen, word, hash)))
                return 0;
        struct weft_map_op copy = *op;
        copy.key = (struct weft_map_key){ .hash = hash, .word = word };
        if (!op->map->inlined) {
                if (!weft_map_look(op, seen->value, &entry)) {
                        const weft_a128_t *cell =
                                weft_slot_cell(seen->bucket, seen->slot);
                        bool same = weft_load_acq(&cell->hi) == seen->meta; /* [M] */
                        return same ? -EUCLEAN : 0;
                }
                copy.key.bytes = entry.key;
                copy.key.n = entry.key_bytes;
        }
        return weft_map_copy(&copy, seen);
}

/* Crash in move: FROZEN: the next one who comes by copies it, or finds the copy. */
static int move_slot(struct weft_map_op *op, struct weft_bucket_shared *b, uint32_t slot)
{
        weft_a128_t *cell = weft_slot_cell(b, slot);
        struct weft_map_seen seen = { .bucket = b, .slot = slot };
        /* The meta first: what is FROZEN by then has its last value. The other way round a
         * value of before could go with a meta that came after it. */
        seen.meta = weft_load_acq(&cell->hi);  /* [M] */
        seen.value = weft_load_acq(&cell->lo); /* [M] */
        for (;;) {
                int rc;
                switch (weft_meta_state(seen.meta)) {
                case WEFT_SLOT_EMPTY:
                        (void)change_slot(&seen, WEFT_SLOT_MOVED);
                        break;
                case WEFT_SLOT_CLAIM:
                case WEFT_SLOT_TENT:
                case WEFT_SLOT_COPY:
                case WEFT_SLOT_LOST:
                        (void)change_slot(&seen, WEFT_SLOT_DEAD);
                        break;
                case WEFT_SLOT_MEMBER:
                        (void)change_slot(&seen, WEFT_SLOT_FROZEN);
                        break;
                case WEFT_SLOT_FROZEN:
                        rc = copy_entry(op, &seen);
                        if (rc)
                                return rc;
                        /* FROZEN becomes nothing else, whoever writes it. */
                        weft_store_rel(&cell->hi, /* [M] */
                                       (seen.meta & ~UINT64_C(15)) | WEFT_SLOT_MOVED);
                        return 0;
                case WEFT_SLOT_MOVED:
                case WEFT_SLOT_DEAD:
                        return 0;
                default:
                        return -EUCLEAN;
                }
        }
}

/* A key that was removed in T must not come back in T2 with an old version. */
static int raise_floors(struct weft_map_op *op, uint64_t home, uint64_t floor)
{
        const struct weft_map_table *from = &op->before, *to = &op->table;
        uint64_t n = 1, first = home;
        if (!floor)
                return 0;
        if (to->bits > from->bits) {
                n <<= to->bits - from->bits;
                first *= n;
        } else {
                first >>= from->bits - to->bits;
        }
        for (uint64_t i = 0; i < n; i++)
                weft_map_raise_floor(weft_map_bucket(to, first + i), floor);
        return 0;
}

/* Moves a chain of op->before to op->table. May be done by several. */
static int move_chain(struct weft_map_op *op, uint64_t home)
{
        const struct weft_map_table *from = &op->before;
        struct weft_bucket_shared *b = weft_map_bucket(from, home);
        uint64_t control = weft_load_acq(&b->control); /* [C] */
        if (LIKELY(control & WEFT_BUCKET_DONE))
                return 0;
        control = weft_or_acq_rel(&b->control, WEFT_BUCKET_SEALED); /* [C] */
        uint32_t reach = weft_control_reach(from, control);
        for (uint32_t d = 0; d <= reach; d++)
                for (uint32_t s = 0; s < WEFT_MAP_SLOTS; s++) {
                        int rc = move_slot(op, weft_map_chain(from, home, d), s);
                        if (rc)
                                return rc;
                }
        /* All removals of the chain have raised it by now. */
        control = weft_load_acq(&b->control); /* [C] */
        int rc = raise_floors(op, home, weft_control_floor(control));
        if (!rc)
                (void)weft_or_acq_rel(&b->control, WEFT_BUCKET_DONE); /* [C] */
        return rc;
}

/* ---- retiring ---------------------------------------------------------------------- */

static uint32_t count_retired(struct weft_map *map)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++)
                n += weft_load_rlx(&map->sh->retired[i]) != 0;
        return n;
}

/* False if there is no place. */
static bool note_retired(struct weft_map *map, uint64_t ref)
{
        weft_a64_t *at = map->sh->retired;
        for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++)
                if (weft_load_acq(&at[i]) == ref) /* [R] */
                        return true;
        for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++) {
                uint64_t none = 0;
                if (!weft_load_rlx(&at[i]) &&
                    weft_cas_acq_rel(&at[i], &none, ref)) /* [R] */
                        return true;
        }
        return false;
}

bool weft_map_in_root(struct weft_map *map, uint64_t ref)
{
        weft_a128_t *root = &map->sh->root;
        uint64_t lo, hi;
        do {
                lo = weft_load_acq(&root->lo);    /* [R] */
                hi = weft_load_acq(&root->hi);    /* [R] */
        } while (weft_load_acq(&root->lo) != lo); /* [R] */
        return lo == ref || hi == ref;
}

/* A table may be noted by two; one that came late is freed already: its ref says so. */
static void free_graced(struct weft_map *map, struct weft_agent *agent)
{
        weft_owner_t owner = weft_handle_owner(&map->handle);
        for (uint32_t k = 0; k < map->graced_n; k++) {
                (void)weft_block_free_from(agent, (weft_ref_t){ map->graced[k] }, owner);
                for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++) {
                        uint64_t ref = map->graced[k];
                        if (weft_load_rlx(&map->sh->retired[i]) == ref)
                                (void)weft_cas_acq_rel(&map->sh->retired[i], &ref,
                                                       0); /* [R] */
                }
        }
        map->graced_n = 0;
}

/* What stands in `retired` and is not in root will never be there again: whoever can
 * still come to it is reading now. */
static void begin_grace(struct weft_map *map)
{
        if (!map->grace)
                map->grace = malloc(sizeof *map->grace);
        if (!map->grace)
                return;
        for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++) {
                uint64_t ref = weft_load_acq(&map->sh->retired[i]); /* [R] */
                if (ref && !weft_map_in_root(map, ref))
                        map->graced[map->graced_n++] = ref;
        }
        if (map->graced_n && !weft_grace_begin(map->handle.arena, map->grace))
                map->graced_n = 0;
}

void weft_map_free_retired(struct weft_map *map, struct weft_agent *agent)
{
        uint64_t open = 0;
        if (!map->graced_n && !count_retired(map))
                return;
        if (!weft_cas_acq_rel(&map->grace_lock, &open, 1)) /* [G] */
                return;
        int saved = errno;
        if (!map->graced_n)
                begin_grace(map);
        if (map->graced_n && weft_grace_over(map->handle.arena, map->grace))
                free_graced(map, agent);
        errno = saved;
        weft_store_rel(&map->grace_lock, 0); /* [G] */
}

/* Crash in retire: it is noted in `retired` and still in root: the next one goes on. */
static void retire(struct weft_map_op *op)
{
        struct weft_map *map = op->map;
        struct weft_pair was = { op->before.ref, op->table.ref };
        if (!weft_map_in_root(map, was.lo))
                return;
        if (!note_retired(map, was.lo)) {
                weft_map_free_retired(map, op->agent);
                if (!note_retired(map, was.lo))
                        return; /* it works as it is, but for being slower */
        }
        (void)weft_cas16_acq_rel(&map->sh->root, &was, /* [R] LP of retire */
                                 (struct weft_pair){ op->table.ref, 0 });
        weft_map_free_retired(map, op->agent);
}

/* ---- helping ------------------------------------------------------------------------- */

static bool is_done(const struct weft_map_table *t, uint64_t from, uint64_t to)
{
        while (from < to)
                if (!(weft_load_acq(&t->buckets[from++].control) & /* [C] */
                      WEFT_BUCKET_DONE))
                        return false;
        return true;
}

static int move_homes(struct weft_map_op *op, uint64_t from, uint64_t to)
{
        int rc = 0;
        while (from < to && !rc)
                rc = move_chain(op, from++);
        return rc;
}

/* Looks on from where all is known to be done. What was given out to one who has not done
 * it is done here, once nothing is left to be given out. */
static int finish(struct weft_map_op *op, uint64_t chunks)
{
        struct weft_table_shared *sh = op->before.sh;
        uint64_t n = weft_map_buckets(&op->before);
        uint64_t at = weft_load_acq(&sh->finished); /* [C] */
        bool all = weft_load_rlx(&sh->moving) >= n;

        for (; at < n && chunks--;) {
                uint64_t to = n - at > CHUNK ? at + CHUNK : n;
                if (!is_done(&op->before, at, to)) {
                        if (!all)
                                return 0;
                        int rc = move_homes(op, at, to);
                        if (rc)
                                return rc;
                }
                if (weft_cas_acq_rel(&sh->finished, &at, to)) /* [C] */
                        at = to;
        }
        if (at >= n)
                retire(op);
        return 0;
}

static int help(struct weft_map_op *op)
{
        struct weft_table_shared *sh = op->before.sh;
        uint64_t n = weft_map_buckets(&op->before);
        if (weft_load_rlx(&sh->moving) < n) {
                uint64_t at = weft_add_rlx(&sh->moving, CHUNK);
                if (at < n) {
                        int rc = move_homes(op, at, n - at > CHUNK ? at + CHUNK : n);
                        if (rc)
                                return rc;
                }
        }
        return finish(op, CHUNKS);
}

int weft_map_place(struct weft_map_op *op)
{
        struct weft_map_table current, next;
        int rc = weft_map_tables(op->map, &current, &next);
        if (UNLIKELY(rc != 0))
                return rc;
        if (LIKELY(!next.sh)) {
                op->table = current;
                op->before.sh = NULL;
                op->mark = next.ref;
                return 0;
        }
        op->mark = 0;
        op->before = current;
        op->table = next;
        rc = move_chain(op, weft_map_home(&current, op->key.hash));
        return rc ? rc : help(op);
}

/* ---- resizing ---------------------------------------------------------------------------- */

/*
 * Puts a table of so many bits into root, if that is still as it was.
 *
 * Crash in resize: the table is on the desk before it is the map's. Recovery frees it if
 * it is not in root, nor retired.
 */
static int put_next(struct weft_map_op *op, struct weft_pair was, uint32_t bits)
{
        struct weft_map *map = op->map;
        weft_owner_t owner = weft_handle_owner(&map->handle);
        uint64_t ref;
        int rc = weft_map_table_make(map, bits, &ref);
        if (rc)
                return rc;
        weft_store_rel(&op->desk->made, ref); /* [D] */
        rc = weft_block_pass(map->handle.arena, (weft_ref_t){ ref },
                             weft_owner_make(WEFT_OWNER_AGENT, op->agent->sig), owner);
        if (rc)
                return rc;
        if (!weft_cas16_acq_rel(&map->sh->root, &was, /* [R] LP of resize */
                                (struct weft_pair){ was.lo, ref }))
                (void)weft_block_free_from(op->agent, (weft_ref_t){ ref }, owner);
        weft_store_rel(&op->desk->made, 0); /* [D] */
        return 0;
}

/* Is somebody at it? Then others go on meanwhile. A hint: he may be stopped. */
static bool begin_building(struct weft_map_op *op)
{
        weft_a32_t *building = &op->map->sh->building;
        uint32_t nobody = 0;
        return !weft_load_rlx(building) &&
               weft_cas_acq_rel(building, &nobody, op->agent->sig); /* [R] */
}

static void end_building(struct weft_map_op *op)
{
        uint32_t us = op->agent->sig;
        (void)weft_cas_acq_rel(&op->map->sh->building, &us, 0); /* [R] */
}

static int grow(struct weft_map_op *op, uint64_t hi, uint32_t more)
{
        const struct weft_map_table *t = &op->table;
        if (t->bits + more > WEFT_MAP_BITS_MAX)
                return -ENOSPC;
        return put_next(op, (struct weft_pair){ t->ref, hi }, t->bits + more);
}

/*
 * Shrinking has two steps, for an entry may come while it is being decided, and who decides
 * may be stopped: {T, mark}, then a count, then {T, T2}. Whoever inserts much takes the mark
 * out of root again: then T2 does not get there. A mark never comes twice.
 */
static void shrink(struct weft_map_op *op)
{
        struct weft_map *map = op->map;
        const struct weft_map_table *t = &op->table;
        struct weft_pair was = { t->ref, 0 }, marked = { t->ref, 0 };
        uint32_t bits = t->bits;
        if (count_retired(map) > SHRINK_MAX)
                return;
        uint64_t marks = weft_load_rlx(&op->desk->marks) + 1;
        weft_store_rlx(&op->desk->marks, marks);
        marked.hi = (marks << WEFT_SEAT_BITS | op->agent->index) << 1 | 1;
        if (!weft_cas16_acq_rel(&map->sh->root, &was, marked)) /* [R] */
                return;
        /* What may come before it is there, and while it is being moved to: */
        uint64_t late = t->bits < SMALL ? 2 : 2 * CANCEL; /* of each seat */
        uint64_t need = 2 * count_slots(t) + 2 * (weft_map_buckets(t) / CHUNK) +
                        late * (weft_seats_used(map->handle.arena) + 1);
        while (bits > map->bits_min && (UINT64_C(5) << (bits - 1)) >= need)
                bits--;
        was = marked;
        if (bits < t->bits && !put_next(op, marked, bits))
                return;
        (void)weft_cas16_acq_rel(&map->sh->root, &was, /* [R] */
                                 (struct weft_pair){ t->ref, 0 });
}

void weft_map_unmark(struct weft_map_op *op, uint64_t entries)
{
        struct weft_pair was = { op->table.ref, op->mark };
        if (op->table.bits < SMALL || entries % CANCEL == 0)
                (void)weft_cas16_acq_rel(&op->map->sh->root, &was, /* [R] */
                                         (struct weft_pair){ op->table.ref, 0 });
}

int weft_map_grow(struct weft_map_op *op)
{
        uint64_t full = op->table.ref;
        for (;;) {
                int rc = weft_map_tables(op->map, &op->before, &op->table);
                if (rc)
                        return rc;
                if (op->before.ref == full && !op->table.sh) {
                        uint64_t hi = op->table.ref;
                        op->table = op->before;
                        return grow(op, hi, 1);
                }
                if (op->table.ref != full)
                        return 0; /* it has been outgrown already */
                /* First that which is being moved to there must come to an end. */
                rc = help(op);
                if (rc)
                        return rc;
        }
}

void weft_map_tidy(struct weft_map_op *op, uint32_t reach)
{
        struct weft_map_table current, next;
        struct weft_map *map = op->map;
        weft_map_free_retired(map, op->agent);
        if (weft_map_tables(map, &current, &next) || next.sh ||
            current.ref != op->table.ref)
                return;
        uint64_t slots = UINT64_C(5) << current.bits, entries = weft_map_entries(map);
        bool full = entries > slots / 5 * 4 || (reach && entries > slots / 2);
        bool bare = entries < slots / 6 && current.bits > map->bits_min;
        bool hurry = entries > slots / 10 * 9; /* whoever is at it may be stopped */
        if (!(full || (bare && !is_mark(next.ref))) || !(begin_building(op) || hurry))
                return;
        /* A small one that is full, not only crowded in one place, fourfold: a third less to
         * move on the way to a large one. It is not bare then. */
        if (full)
                (void)grow(op, next.ref,
                           entries > slots / 5 * 4 && current.bits <= QUICK ? 2 : 1);
        else
                shrink(op);
        end_building(op);
}
