/* structures/map_table.c -- a chain: looking, changing, proposing, deciding. */
#include "structures/map_block.h"
#include "structures/map_fast.h"
#include "structures/map_hash.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
        REACH_TENT = 47, /* the rest is kept for COPY, which cannot go elsewhere */
        REACH_GROW = 24, /* buckets from home, from where on the table is too small */
        ANEW = -0x10000, /* beside results: look again, something has changed */
};

/* ---- begin, end ----------------------------------------------------------- */

int weft_map_begin(struct weft_map_op *op, struct weft_map *map, bool change)
{
        op->map = map;
        op->agent = NULL;
        op->desk = NULL;
        op->table.sh = NULL;
        op->before.sh = NULL;
        op->source = NULL;
        op->refused = false;
        if (map->handle.arena->readonly)
                return change ? -EROFS : 0;
        int rc = weft_handle_enter(&map->handle, &op->agent);
        if (UNLIKELY(rc != 0))
                return rc;
        if (change) {
                void *desk = weft_desk_at(&map->desks, op->agent->index);
                if (UNLIKELY(!desk)) {
                        rc = weft_desk_get(&map->desks, op->agent, &desk);
                        if (rc)
                                return rc;
                }
                op->desk = desk;
        }
        weft_read_begin(op->agent);
        return 0;
}

void weft_map_end(struct weft_map_op *op)
{
        if (op->agent)
                weft_read_end(op->agent);
}

int weft_map_hash(struct weft_map_op *op, const void *key, uint32_t key_bytes)
{
        const struct weft_map *map = op->map;
        if (!key || !key_bytes || key_bytes > WEFT_MAP_KEY_MAX ||
            (map->key_bytes && key_bytes != map->key_bytes))
                return -EINVAL;
        op->key.bytes = key;
        op->key.n = key_bytes;
        op->key.hash = weft_map_hash_bytes(key, key_bytes, map->seed);
        op->key.word = op->key.hash;
        if (map->inlined)
                memcpy(&op->key.word, key, sizeof op->key.word);
        return 0;
}

/* ---- one slot ------------------------------------------------------------- */

static inline enum weft_map_state match(struct weft_map_op *op,
                                        struct weft_bucket_shared *b, uint32_t slot,
                                        struct weft_map_seen *seen)
{
        return op->map->inlined ? weft_map_match(op, b, slot, true, seen)
                                : weft_map_match(op, b, slot, false, seen);
}

/* Changes a slot from what was seen. Sees what is there if it was something else. */
static inline bool change_slot(struct weft_map_seen *seen, uint64_t value, uint64_t meta)
{
        struct weft_pair was = { seen->value, seen->meta };
        bool done = weft_cas16_acq_rel(weft_slot_cell(seen->bucket, seen->slot), &was,
                                       (struct weft_pair){ value, meta }); /* [M] */
        if (!done) {
                seen->value = was.lo;
                seen->meta = was.hi;
        }
        return done;
}

static inline uint64_t with_state(uint64_t meta, enum weft_map_state state)
{
        return (meta & ~UINT64_C(15)) | state;
}

/* ---- finding ---------------------------------------------------------------- */

static inline __attribute__((always_inline)) int look_at(struct weft_map_op *op,
                                                         const struct weft_map_table *t,
                                                         bool inlined,
                                                         struct weft_map_seen *seen)
{
        uint64_t home = weft_map_home(t, op->key.hash);
        struct weft_bucket_shared *b = weft_map_bucket(t, home);
        weft_map_fetch_next(b);
        enum weft_map_state s = weft_map_search(op, b, inlined, seen);
        if (s == WEFT_SLOT_MEMBER || s == WEFT_SLOT_FROZEN)
                return 0;
        uint64_t control = weft_load_acq(&b->control); /* [C] */
        uint32_t reach = weft_control_reach(t, control);
        bool moved = s == WEFT_SLOT_MOVED || control & WEFT_BUCKET_SEALED;

        for (uint32_t d = 1; d <= reach; d++) {
                s = weft_map_search(op, weft_map_chain(t, home, d), inlined, seen);
                if (s == WEFT_SLOT_MEMBER || s == WEFT_SLOT_FROZEN)
                        return 0;
                moved |= s == WEFT_SLOT_MOVED;
        }
        return moved ? -EAGAIN : -ENOENT;
}

/* 0, or -ENOENT: not in this table, -EAGAIN: nor is it said that it is not in the next. An
 * entry that is there all the time is seen, wherever in the chain, and whenever the control
 * word is looked at. */
static int look(struct weft_map_op *op, const struct weft_map_table *t,
                struct weft_map_seen *seen)
{
        return op->map->inlined ? look_at(op, t, true, seen)
                                : look_at(op, t, false, seen);
}

/* Where nobody waits for the reader (read-only) a table may have become something else
 * while he looked. One that is in root still has not. */
static bool is_there_still(struct weft_map_op *op, const struct weft_map_table *t)
{
        if (op->agent)
                return true;
        return weft_load_acq(&op->map->sh->root.lo) == t->ref || /* [R] */
               weft_load_acq(&op->map->sh->root.hi) == t->ref;   /* [R] */
}

/* LP of find: see match(), look() and, for what is not there, map_shared.h. */
int weft_map_find(struct weft_map_op *op, struct weft_map_seen *seen)
{
        struct weft_map_table current, next;
        for (;;) {
                int rc = weft_map_tables(op->map, &current, &next);
                if (rc)
                        return rc;
                rc = look(op, &current, seen);
                if (!is_there_still(op, &current))
                        continue;
                if (rc != -EAGAIN)
                        return rc;
                uint64_t was = current.ref;
                rc = weft_map_tables(op->map, &current, &next);
                if (rc)
                        return rc;
                if (current.ref != was)
                        continue;
                if (!next.sh)
                        return -EUCLEAN; /* moved to nowhere */
                rc = look(op, &next, seen);
                if (!is_there_still(op, &next))
                        continue;
                if (rc != -EAGAIN)
                        return rc;
                if (weft_load_acq(&op->map->sh->root.lo) == was) /* [R] */
                        return -EUCLEAN; /* nobody moves on from there yet */
        }
}

bool weft_map_still(struct weft_map_op *op, const struct weft_map_seen *seen)
{
        const weft_a128_t *cell = weft_slot_cell(seen->bucket, seen->slot);
        if (weft_load_acq(&cell->hi) != seen->meta) /* [M] */
                return false;
        if (op->agent)
                return true;
        struct weft_map_table current, next;
        if (weft_map_tables(op->map, &current, &next))
                return false;
        for (int i = 0; i < 2; i++) {
                const struct weft_map_table *t = i ? &next : &current;
                if (t->sh && seen->bucket >= t->buckets &&
                    seen->bucket < t->buckets + weft_map_buckets(t))
                        return true;
        }
        return false;
}

/* ---- control words ------------------------------------------------------------ */

void weft_map_raise_floor(struct weft_bucket_shared *home, uint64_t floor)
{
        uint64_t control = weft_load_acq(&home->control); /* [C] */
        while (weft_control_floor(control) < floor) {
                uint64_t raised = weft_control_make(floor, 0, 0) | (control & 0x3fff);
                if (weft_cas_acq_rel(&home->control, &control, raised)) /* [C] */
                        return;
        }
}

/* ANEW when it is sealed. */
static int raise_reach(const struct weft_map_table *t, uint64_t home, uint32_t reach)
{
        weft_a64_t *at = &weft_map_bucket(t, home)->control;
        uint64_t control = weft_load_acq(at); /* [C] */
        for (;;) {
                if (control & WEFT_BUCKET_SEALED)
                        return ANEW;
                if (weft_control_reach(t, control) >= reach)
                        return 0;
                uint64_t raised = weft_control_make(weft_control_floor(control), reach,
                                                    control & 0xff);
                if (weft_cas_acq_rel(at, &control, raised)) /* [C] */
                        return 0;
        }
}

/* ---- proposals: see map_shared.h --------------------------------------------- */

struct proposal {
        struct weft_map_seen seen;
        uint32_t at; /* distance from home * 8 + slot: what lies before what */
};

/* The entry that a COPY is of: FROZEN in the table before. Its version. Who makes the copy
 * knows where that is. */
static bool is_frozen_before(struct weft_map_op *op, uint64_t *version)
{
        struct weft_map_seen seen;
        if (LIKELY(op->source != NULL)) {
                const struct weft_map_seen *s = op->source;
                *version = weft_meta_version(s->meta);
                return weft_load_acq(&weft_slot_cell(s->bucket, s->slot)->hi) == /* [M] */
                       s->meta;
        }
        if (!op->before.sh || look(op, &op->before, &seen) ||
            weft_meta_state(seen.meta) != WEFT_SLOT_FROZEN)
                return false;
        *version = weft_meta_version(seen.meta);
        return true;
}

/* A CLAIM has the key in the value's place. */
static bool is_claim(struct weft_map_op *op, struct weft_bucket_shared *b, uint32_t slot,
                     struct weft_map_seen *seen)
{
        const weft_a128_t *cell = weft_slot_cell(b, slot);
        seen->bucket = b;
        seen->slot = slot;
        seen->meta = weft_load_acq(&cell->hi);  /* [M] */
        seen->value = weft_load_acq(&cell->lo); /* [M] */
        return weft_meta_state(seen->meta) == WEFT_SLOT_CLAIM &&
               seen->value == op->key.word;
}

/* As below, at one slot that has the key as far as one look tells. */
static int look_closely(struct weft_map_op *op, struct weft_bucket_shared *b,
                        uint32_t slot, uint32_t at, struct proposal *p)
{
        bool claim = weft_meta_state(p->seen.meta) == WEFT_SLOT_CLAIM;
        struct weft_map_seen seen = { 0 };
        for (;;) { /* once more only if somebody else has changed it */
                if (is_claim(op, b, slot, &seen)) {
                        if (change_slot(&seen, seen.value,
                                        with_state(seen.meta, WEFT_SLOT_LOST)))
                                return 0;
                        continue;
                }
                enum weft_map_state s = match(op, b, slot, &seen);
                if (s != WEFT_SLOT_TENT && s != WEFT_SLOT_COPY)
                        return s >= WEFT_SLOT_MEMBER ? ANEW : 0;
                if (claim)
                        return ANEW;
                if (at < p->at) {
                        *p = (struct proposal){ seen, at };
                        return 1;
                }
                if (change_slot(&seen, seen.value, with_state(seen.meta, WEFT_SLOT_LOST)))
                        return 0;
        }
}

/* One look at the chain of op->key with `p` in it. 1: `p` has become one that lies before
 * it. 0: nothing speaks against it. ANEW: it is to be refused. */
static int look_around(struct weft_map_op *op, struct proposal *p)
{
        const struct weft_map_table *t = &op->table;
        uint64_t home = weft_map_home(t, op->key.hash);
        struct weft_bucket_shared *b = weft_map_bucket(t, home);
        uint64_t control = weft_load_acq(&b->control); /* [C] */
        uint32_t reach = weft_control_reach(t, control);

        if (UNLIKELY(control & WEFT_BUCKET_SEALED))
                return ANEW;
        for (uint32_t d = 0; d <= reach; b = weft_map_chain(t, home, ++d)) {
                uint32_t mask = weft_map_bid_mask(b, op->key.word);
                if (d == p->at / 8)
                        mask &= ~(1u << p->at % 8);
                for (; UNLIKELY(mask); mask &= mask - 1) {
                        uint32_t i = (uint32_t)__builtin_ctz(mask);
                        int rc = look_closely(op, b, i, d * 8 + i, p);
                        if (rc)
                                return rc;
                }
        }
        return 0;
}

/* Another's proposal is decided with its own key, which is there as long as that is: what
 * the caller compares may be of a block that has gone. As look_around(). */
static __attribute__((noinline)) int
look_for_another(struct weft_map_op *op, struct proposal *p, uint64_t *version)
{
        struct weft_map_op with = *op;
        struct weft_map_look entry;
        int rc = 1;
        with.source = NULL;
        while (rc == 1) {
                if (!op->map->inlined) {
                        if (!weft_map_look(op, p->seen.value, &entry))
                                return ANEW;
                        with.key.bytes = entry.key;
                        with.key.n = entry.key_bytes;
                }
                rc = look_around(&with, p);
        }
        if (!rc && weft_meta_state(p->seen.meta) == WEFT_SLOT_COPY &&
            !is_frozen_before(&with, version))
                rc = ANEW;
        return rc;
}

/* Whether by this or by what somebody else did: `p` is as it is now. */
static void settle_as(struct proposal *p, uint64_t meta)
{
        if (change_slot(&p->seen, p->seen.value, meta))
                p->seen.meta = meta;
}

/* What a proposal becomes: its version is larger than all that the key ever had. After the
 * look: whatever was removed before that has raised the floor. */
static uint64_t member_meta(struct weft_map_op *op, uint64_t own, uint64_t version)
{
        const struct weft_map_table *t = &op->table;
        uint64_t home = weft_map_home(t, op->key.hash);
        uint64_t floor = weft_control_floor(
                weft_load_acq(&weft_map_bucket(t, home)->control)); /* [C] */
        version = version > own ? version : own;
        version = version > floor ? version : floor;
        return weft_meta_make(version + 1, 0, WEFT_SLOT_MEMBER);
}

/* Decides `p`, or one that lies before it. LP of an insertion: the change to MEMBER. */
static void decide_once(struct weft_map_op *op, struct proposal *p)
{
        uint64_t version = 0;
        int rc = look_around(op, p);
        if (UNLIKELY(rc == 1))
                rc = look_for_another(op, p, &version);
        else if (!rc && weft_meta_state(p->seen.meta) == WEFT_SLOT_COPY &&
                 !is_frozen_before(op, &version))
                rc = ANEW;
        if (UNLIKELY(rc != 0)) {
                settle_as(p, with_state(p->seen.meta, WEFT_SLOT_LOST));
                return;
        }
        settle_as(p, /* LP */
                  member_meta(op, weft_meta_version(p->seen.meta), version));
}

/* Until ours is decided. ANEW: refused. Else its version, or one that was before it if
 * somebody else has changed it since: never one of theirs. */
static int decide(struct weft_map_op *op, const struct proposal *ours, uint64_t *version)
{
        struct weft_map_seen now = ours->seen;
        do {
                struct proposal p = *ours;
                decide_once(op, &p);
                if (LIKELY(p.at == ours->at)) {
                        now = p.seen;
                        break;
                }
                weft_a128_t *cell = weft_slot_cell(now.bucket, now.slot);
                now.value = ~ours->seen.value;       /* whoever's it is now */
                now.meta = weft_load_acq(&cell->hi); /* [M] */
        } while (now.meta == ours->seen.meta);

        enum weft_map_state state = weft_meta_state(now.meta);
        uint64_t mine = ours->seen.meta;
        *version = weft_meta_version(mine);
        if (LIKELY(state == WEFT_SLOT_MEMBER)) {
                if (LIKELY(now.value == ours->seen.value &&
                           weft_meta_version(now.meta) > *version))
                        *version = weft_meta_version(now.meta);
                return 0;
        }
        if (now.meta == with_state(mine, WEFT_SLOT_LOST)) {
                now.value = ours->seen.value;
                (void)change_slot(
                        &now, 0,
                        weft_meta_make(weft_meta_version(mine) + 1, 0, WEFT_SLOT_EMPTY));
                return ANEW;
        }
        return now.meta == with_state(mine, WEFT_SLOT_DEAD) ? ANEW : 0;
}

/* The first EMPTY slot. Which line of a bucket is filled first, a bit of the hash says, if there is
 * none where the key has been before: whoever looked for it would stumble over that for ever. */
static bool find_free(struct weft_map_op *op, uint32_t limit, struct proposal *p)
{
        const struct weft_map_table *t = &op->table;
        uint64_t home = weft_map_home(t, op->key.hash);
        uint32_t last = t->bits < 6 ? (1u << t->bits) - 1 : WEFT_MAP_REACH_MAX;

        for (uint32_t d = 0; d <= last && d <= limit; d++) {
                struct weft_bucket_shared *b = weft_map_chain(t, home, d);
                for (uint32_t mask; (mask = weft_map_empty_mask(b));) {
                        uint32_t before = mask & weft_map_key_mask(b, op->key.word);
                        mask = before ? before : mask;
                        uint32_t slot = op->key.hash & 1
                                                ? 31 - (uint32_t)__builtin_clz(mask)
                                                : (uint32_t)__builtin_ctz(mask);
                        const weft_a128_t *cell = weft_slot_cell(b, slot);
                        uint64_t meta = weft_load_acq(&cell->hi); /* [M] */
                        if (weft_meta_state(meta) != WEFT_SLOT_EMPTY)
                                continue;
                        p->seen.bucket = b;
                        p->seen.slot = slot;
                        p->seen.value = weft_load_acq(&cell->lo); /* [M] */
                        p->seen.meta = meta;
                        p->at = d * 8 + slot;
                        return true;
                }
        }
        return false;
}

void weft_map_withdraw(struct weft_map_seen *ours)
{
        uint64_t empty =
                weft_meta_make(weft_meta_version(ours->meta) + 1, 0, WEFT_SLOT_EMPTY);
        enum weft_map_state s;
        while (s = weft_meta_state(ours->meta),
               s == WEFT_SLOT_CLAIM || s == WEFT_SLOT_LOST)
                if (change_slot(ours, 0, empty))
                        break;
}

/* The short way: the claim itself becomes an entry, if nobody else is seen to want the same.
 * Else it goes, and so do the other claims: whoever comes again comes the long way. */
static int decide_claim(struct weft_map_op *op, uint64_t value, bool copy,
                        struct proposal *p, uint64_t *version)
{
        uint64_t source = 0;
        if (UNLIKELY(look_around(op, p)) ||
            (copy && UNLIKELY(!is_frozen_before(op, &source))))
                goto refused;
        uint64_t meta = member_meta(op, weft_meta_version(p->seen.meta), source);
        if (UNLIKELY(!change_slot(&p->seen, value, meta))) /* LP */
                goto refused;
        *version = weft_meta_version(meta);
        return 0;
refused:
        weft_map_withdraw(&p->seen);
        return ANEW;
}

/*
 * Puts op->key into the chain as a proposal, and has it decided. 0: it is a member now.
 * ANEW: look again; -ENOSPC: no slot.
 *
 * Crash in propose: the desk says which slot; before CLAIM nothing has happened. From CLAIM
 * on recovery makes it EMPTY, unless it was decided: then it is an entry.
 */
static int propose(struct weft_map_op *op, uint64_t value, enum weft_map_state as,
                   uint64_t *version, uint32_t *reach)
{
        const struct weft_map_table *t = &op->table;
        uint64_t home = weft_map_home(t, op->key.hash);
        struct proposal p;

        if (!find_free(op, as == WEFT_SLOT_TENT ? REACH_TENT : WEFT_MAP_REACH_MAX, &p))
                return -ENOSPC;
        *reach = p.at / 8;
        if (UNLIKELY(*reach && raise_reach(t, home, *reach)))
                return ANEW;
        uint64_t claim = weft_meta_make(weft_meta_version(p.seen.meta) + 1,
                                        op->agent->index, WEFT_SLOT_CLAIM);
        weft_store_rlx(&op->desk->table, t->ref); /* [D] before the claim */
        weft_store_rlx(&op->desk->slot,
                       (uint64_t)(p.seen.bucket - t->buckets) * 8 + p.seen.slot);
        if (UNLIKELY(!change_slot(&p.seen, op->key.word, claim)))
                return ANEW;
        p.seen.value = op->key.word;
        p.seen.meta = claim;
        weft_store_rlx(weft_slot_key(p.seen.bucket, p.seen.slot), op->key.word);
        if (LIKELY(!op->refused)) {
                int rc = decide_claim(op, value, as == WEFT_SLOT_COPY, &p, version);
                op->refused = rc != 0;
                return rc;
        }
        if (UNLIKELY(!change_slot(&p.seen, value, with_state(claim, as)))) {
                weft_map_withdraw(&p.seen);
                return ANEW;
        }
        p.seen.value = value;
        p.seen.meta = with_state(claim, as);
        return decide(op, &p, version);
}

/* Crash in recover: found done by the next one. What is not in root any more has nothing
 * left to be done: every slot there is MOVED or DEAD. */
void weft_map_proposal_recover(struct weft_map *map, uint32_t seat,
                               struct weft_map_desk_shared *desk)
{
        uint64_t ref = weft_load_acq(&desk->table); /* [D] */
        uint64_t at = weft_load_acq(&desk->slot);   /* [D] */
        struct weft_map_table tables[2];
        if (!ref || weft_map_tables(map, &tables[0], &tables[1]))
                return;
        for (int i = 0; i < 2; i++) {
                if (!tables[i].sh || tables[i].ref != ref || at % 8 >= WEFT_MAP_SLOTS)
                        continue;
                struct weft_map_seen seen = { weft_map_bucket(&tables[i], at / 8), at % 8,
                                              0, 0 };
                weft_a128_t *cell = weft_slot_cell(seen.bucket, seen.slot);
                seen.value = weft_load_acq(&cell->lo); /* [M] */
                seen.meta = weft_load_acq(&cell->hi);  /* [M] */
                for (;;) {
                        enum weft_map_state s = weft_meta_state(seen.meta);
                        if (weft_meta_seat(seen.meta) != seat || s < WEFT_SLOT_CLAIM ||
                            s > WEFT_SLOT_LOST)
                                break;
                        uint64_t version = weft_meta_version(seen.meta) + 1;
                        if (change_slot(&seen, 0,
                                        weft_meta_make(version, 0, WEFT_SLOT_EMPTY)))
                                break;
                }
        }
}

int weft_map_copy(struct weft_map_op *op, const struct weft_map_seen *source)
{
        weft_a128_t *cell = weft_slot_cell(source->bucket, source->slot);
        op->source = source;
        op->refused = false;
        for (;;) {
                struct weft_map_seen seen;
                uint64_t version;
                uint32_t reach;
                int rc = propose(op, source->value, WEFT_SLOT_COPY, &version, &reach);
                if (LIKELY(!rc))
                        return 0;
                /* Somebody else has copied it? That may be long ago. */
                int found = look(op, &op->table, &seen);
                if (!found || weft_load_acq(&cell->hi) != source->meta) /* [M] */
                        return 0;
                if (found == -EAGAIN)
                        return -EUCLEAN; /* it would have been moved before */
                if (rc != ANEW)
                        return rc;
                /* Refused for good, if it is not where its key says. */
                if ((look(op, &op->before, &seen) || seen.bucket != source->bucket ||
                     seen.slot != source->slot) &&
                    weft_load_acq(&cell->hi) == source->meta) /* [M] */
                        return -EUCLEAN;
        }
}

/* ---- changes ----------------------------------------------------------------- */

/* It is there. ANEW: not as it was. */
static int change_entry(struct weft_map_op *op, struct weft_map_change *change,
                        struct weft_map_seen *there)
{
        enum weft_map_act act = change->step(op, change, there);
        uint64_t version = weft_meta_version(there->meta), was = there->value;

        if (act == WEFT_MAP_KEEP)
                return change->rc;
        if (act == WEFT_MAP_STORE) {
                if (!change_slot(there, change->value, /* LP */
                                 weft_meta_make(version + 1, 0, WEFT_SLOT_MEMBER)))
                        return ANEW;
                change->version = version + 1;
        } else {
                uint64_t home = weft_map_home(&op->table, op->key.hash);
                weft_map_raise_floor(weft_map_bucket(&op->table, home), version);
                if (!change_slot(there, 0, /* LP */
                                 weft_meta_make(version + 1, 0, WEFT_SLOT_EMPTY)))
                        return ANEW;
                change->version = 0;
                if (UNLIKELY(weft_map_is_time(op->table.bits,
                                              weft_map_count_entry(op->desk, -1))))
                        weft_map_tidy(op, 0);
        }
        change->was = was;
        change->inserted = false;
        return 0;
}

static int insert_entry(struct weft_map_op *op, struct weft_map_change *change)
{
        uint32_t reach;
        if (change->step(op, change, NULL) != WEFT_MAP_STORE)
                return change->rc;
        int rc = propose(op, change->value, WEFT_SLOT_TENT, &change->version, &reach);
        if (rc == -ENOSPC) {
                rc = weft_map_grow(op);
                return rc ? rc : ANEW;
        }
        if (rc)
                return rc;
        change->was = 0;
        change->inserted = true;
        uint64_t entries = weft_map_count_entry(op->desk, 1);
        if (UNLIKELY(op->mark != 0))
                weft_map_unmark(op, entries);
        if (UNLIKELY(reach >= REACH_GROW || weft_map_is_time(op->table.bits, entries)))
                weft_map_tidy(op, reach >= REACH_GROW ? reach : 0);
        return 0;
}

int weft_map_write(struct weft_map_op *op, struct weft_map_change *change)
{
        uint64_t moved = 0; /* a table from which the key was moved */
        for (;;) {
                struct weft_map_seen there;
                int rc = weft_map_place(op);
                if (UNLIKELY(rc != 0))
                        return rc;
                if (UNLIKELY(op->table.ref == moved))
                        return -EUCLEAN; /* moved to nowhere */
                rc = look(op, &op->table, &there);
                if (LIKELY(!rc) && weft_meta_state(there.meta) == WEFT_SLOT_MEMBER)
                        rc = change_entry(op, change, &there);
                else if (rc == -ENOENT)
                        rc = insert_entry(op, change);
                else
                        moved = op->table.ref;
                if (LIKELY(rc != ANEW && op->table.ref != moved))
                        return rc;
        }
}
