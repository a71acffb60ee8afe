/* structures/map_internal.h -- what the files of map and set share.
 *
 *   map_table.c   the chain: finding, changing, proposing and deciding
 *   map_move.c    moving, resizing, retiring tables
 *   map.c         which way a call goes
 *   map_word.c    8-byte keys and values
 *   map_many.c    many of those at a time
 *   map_entry.c   entries in blocks: made, read, linked?, disposed of
 *   map_block.c   the operations on those
 *   map_short.c   the short way of two of them
 *   map_expire.c  expiry and the sweep
 *   map_view.c    views
 *   map_each.c    iteration, count, clear
 *   map_object.c  the kinds: create, open, recover, destroy, check, describe, info
 *   set.c         the set: a map without values
 */
#ifndef WEFT_STRUCTURES_MAP_INTERNAL_H
#define WEFT_STRUCTURES_MAP_INTERNAL_H

#include <errno.h>

#include <weft/map.h>

#include "runtime/block_peek.h"
#include "runtime/desk.h"
#include "structures/map_shared.h"

#define WEFT_LIKELY_MAP(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY_MAP(x) __builtin_expect(!!(x), 0)

struct weft_map { /* also the set's handle */
        struct weft_handle handle;
        struct weft_map_shared *sh;
        uint64_t seed; /* checked at open, like these */
        uint32_t key_bytes, value_bytes, flags;
        uint64_t bits_min;
        bool inlined;         /* 8/8 without expiry: no blocks */
        bool shorter;         /* there is a short way: map_fast.h */
        uint64_t flip;        /* of the seed: map_hash.h */
        uint16_t serial;      /* of this handle: see map_view.c */
        weft_a128_t known[2]; /* tables that were checked: ref, bits */
        weft_a64_t known_at;  /* which of the two is to be replaced next */
        struct weft_desks desks;
        struct weft_peeker peeker; /* for map_short.c, like these: */
        uint64_t secret[4];        /* map_key.h */
        uint32_t short_from;       /* keys that go the short way: from this length on, */
        uint32_t short_span;       /* and as many lengths from there; 0: none */
        weft_a64_t grace_lock;     /* of this process: one thread at a time waits for */
        struct weft_grace *grace;  /* the grace period of `graced` */
        uint64_t graced[WEFT_MAP_RETIRED];
        uint32_t graced_n;
};

/* In weft_map_shared.flags, beside the caller's: it is a set. */
#define WEFT_MAP_IS_SET (UINT32_C(1) << 31)

/* A table in this process, good until the end of the reading that the caller is in. */
struct weft_map_table {
        struct weft_table_shared *sh; /* NULL: none */
        struct weft_bucket_shared *buckets;
        uint64_t ref;
        uint32_t bits;
};

struct weft_map_key {
        const void *bytes;
        uint32_t n;
        uint64_t hash;
        uint64_t
                word; /* what a slot has as key: the key itself if inlined, else the hash */
};

/* An entry as it was found: FROZEN or MEMBER. */
struct weft_map_seen {
        struct weft_bucket_shared *bucket;
        uint32_t slot;
        uint64_t value, meta;
};

/* An entry in a block as it was read: its lengths lie inside the block's room. All of it
 * was right if the slot is as it was afterwards. Good until the end of the reading. */
struct weft_map_look {
        const uint8_t *key, *value;
        uint64_t expires_ms;
        uint32_t key_bytes, value_bytes;
};

/* One operation. */
struct weft_map_op {
        struct weft_map *map;
        struct weft_agent *agent;          /* NULL: read-only */
        struct weft_map_desk_shared *desk; /* NULL for reads */
        struct weft_map_key key;
        struct weft_map_table table;  /* for a change: where it takes place; */
        struct weft_map_table before; /* what is being moved to there; sh NULL: nothing */
        uint64_t looked;              /* the entry whose key was compared last, */
        struct weft_map_look look;    /* and what it looked like; 0: none */
        const struct weft_map_seen *source; /* what is being copied from there, or NULL */
        uint64_t mark; /* a shrinking that has not begun: it is in root, or 0 */
        bool refused;  /* its claim was: the long way (map_shared.h) */
};

/* ---- slots ----------------------------------------------------------------- */

static inline weft_a64_t *weft_slot_key(struct weft_bucket_shared *b, uint32_t slot)
{
        static const uint8_t at[8] = { 8, 48, 56, 64, 72, 8, 8, 8 };
        return (weft_a64_t *)(void *)((uint8_t *)b + at[slot & 7]);
}

static inline weft_a128_t *weft_slot_cell(struct weft_bucket_shared *b, uint32_t slot)
{
        static const uint8_t at[8] = { 16, 32, 80, 96, 112, 16, 16, 16 };
        return (weft_a128_t *)(void *)((uint8_t *)b + at[slot & 7]);
}

static inline uint64_t weft_map_buckets(const struct weft_map_table *t)
{
        return UINT64_C(1) << t->bits;
}

static inline uint64_t weft_map_home(const struct weft_map_table *t, uint64_t hash)
{
        return hash >> (64 - t->bits);
}

/* Buckets behind the last are the first. */
static inline struct weft_bucket_shared *weft_map_bucket(const struct weft_map_table *t,
                                                         uint64_t i)
{
        return &t->buckets[i & (weft_map_buckets(t) - 1)];
}

/* The d-th bucket of a home's chain: 1 behind it, then 3, 6, 10: so what overflows in one
 * place does not pile up there. In a table of n buckets the first n are all different. */
static inline struct weft_bucket_shared *weft_map_chain(const struct weft_map_table *t,
                                                        uint64_t home, uint32_t d)
{
        return weft_map_bucket(t, home + (uint64_t)d * (d + 1) / 2);
}

static inline uint64_t weft_map_table_bytes(uint32_t bits)
{
        return sizeof(struct weft_table_shared) +
               (sizeof(struct weft_bucket_shared) << bits);
}

/* ---- control words ----------------------------------------------------------- */

static inline uint64_t weft_control_make(uint64_t floor, uint32_t reach, uint32_t flags)
{
        return floor << 14 | (uint64_t)reach << 8 | flags;
}

static inline uint64_t weft_control_floor(uint64_t control)
{
        return control >> 14;
}

/* Never beyond the table. */
static inline uint32_t weft_control_reach(const struct weft_map_table *t,
                                          uint64_t control)
{
        uint32_t reach = (uint32_t)(control >> 8) & 63;
        return t->bits < 6 && reach >= 1u << t->bits ? (1u << t->bits) - 1 : reach;
}

/* ---- words ---------------------------------------------------------------- */

static inline uint64_t weft_meta_make(uint64_t version, uint32_t seat,
                                      enum weft_map_state state)
{
        return version << 14 | (uint64_t)seat << 4 | state;
}

static inline enum weft_map_state weft_meta_state(uint64_t meta)
{
        return (enum weft_map_state)(meta & 15);
}

static inline uint32_t weft_meta_seat(uint64_t meta)
{
        return (uint32_t)(meta >> 4) & 1023;
}

static inline uint64_t weft_meta_version(uint64_t meta)
{
        return meta >> 14;
}

/* ---- map_table.c: reads ---------------------------------------------------- */

/* Begins and ends every operation: a reading (runtime/agent.h) on read-write handles.
 * With `desk`, finds the desk too. */
WEFT_CHECK int weft_map_begin(struct weft_map_op *op, struct weft_map *map, bool change);
void weft_map_end(struct weft_map_op *op);

/* Fills op->key: -EINVAL if the length is not one of this map's. */
WEFT_CHECK int weft_map_hash(struct weft_map_op *op, const void *key, uint32_t key_bytes);

/* Finds op->key: a consistent pair of value and meta. -ENOENT, -EUCLEAN. */
WEFT_CHECK int weft_map_find(struct weft_map_op *op, struct weft_map_seen *seen);

/* Is the slot as it was? Then what was read meanwhile of its entry was right. Also checks,
 * read-only, that the table is still one. */
bool weft_map_still(struct weft_map_op *op, const struct weft_map_seen *seen);

/* ---- map_table.c: changes --------------------------------------------------- */

enum weft_map_act {
        WEFT_MAP_KEEP,   /* nothing is changed; `rc` is the result */
        WEFT_MAP_STORE,  /* `value` becomes its value, it is inserted if not there */
        WEFT_MAP_REMOVE, /* it is removed; only if there */
};

struct weft_map_change {
        /* Says what to do with what is there (NULL: nothing). May be called several times:
         * each time for what is there then. For blocks it writes desk->old when it is to
         * be taken out. */
        enum weft_map_act (*step)(struct weft_map_op *op, struct weft_map_change *change,
                                  const struct weft_map_seen *there);
        void *context;
        uint64_t value;   /* the word to store */
        int rc;           /* of KEEP */
        uint64_t was;     /* the value word that was taken out; 0 if it was inserted */
        uint64_t version; /* after it (0: removed) */
        bool inserted;
};

/* Finds op->key, asks `step`, does it: one LP. 0, change->rc, -ENOSPC, -EUCLEAN. */
WEFT_CHECK int weft_map_write(struct weft_map_op *op, struct weft_map_change *change);

/* ---- map_entry.c: what the table asks of entries in blocks ------------------- */

/* Is the entry `value` (a ref word) that of op->key, whose hash is equal? The block may be
 * going away: the caller looks whether the slot is as it was afterwards. */
bool weft_map_same(struct weft_map_op *op, uint64_t value);

/* For recovery: settles fresh and old of the desk; the caller acts as its holder. */
void weft_map_entries_recover(struct weft_map *map, struct weft_agent *agent,
                              struct weft_map_desk_shared *desk, uint32_t sig);

/* ---- map_table.c: for map_move.c ------------------------------------------------ */

/* Puts the entry `seen`, FROZEN in op->before, whose key op->key is, into op->table if it
 * is not there. 0: `seen` can become MOVED. */
WEFT_CHECK int weft_map_copy(struct weft_map_op *op, const struct weft_map_seen *seen);

/* A proposal of this seat, as it was last seen: what is not DEAD becomes EMPTY. */
void weft_map_withdraw(struct weft_map_seen *ours);

/* An entry more, or one less, of this seat: how many those are now. */
static inline uint64_t weft_map_count_entry(struct weft_map_desk_shared *desk,
                                            int64_t delta)
{
        uint64_t entries = weft_load_rlx(&desk->entries) + (uint64_t)delta;
        weft_store_rlx(&desk->entries, entries);
        return entries;
}

/* Shall it be looked whether the table is too small or too large? Every so many changes of a
 * seat, a power of two: the smaller the table, the sooner. */
static inline bool weft_map_is_time(uint32_t bits, uint64_t entries)
{
        uint32_t n = bits > 14 ? 10 : bits > 6 ? bits - 4 : 2;
        return !(entries & ((UINT64_C(1) << n) - 1));
}

/* Makes the floor of a home at least `floor`. */
void weft_map_raise_floor(struct weft_bucket_shared *home, uint64_t floor);

/* The recovery of a proposal: what is not decided becomes EMPTY. */
void weft_map_proposal_recover(struct weft_map *map, uint32_t seat,
                               struct weft_map_desk_shared *desk);

/* ---- map_move.c --------------------------------------------------------------- */

/* Before a change of op->key: fills op->table, where to look for it. Moves its chain if
 * there is a next table, and a part of the rest. */
WEFT_CHECK int weft_map_place(struct weft_map_op *op);

/* There is no slot for a key in op->table: 0 if it has been outgrown now. */
WEFT_CHECK int weft_map_grow(struct weft_map_op *op);

/* After every so many changes: too full, too empty? Frees what was outgrown. `reach` is
 * that of an insertion, or 0. */
void weft_map_tidy(struct weft_map_op *op, uint32_t reach);

/* An insertion, the seat's `entries`-th, that saw op->mark: ends that, sometimes. */
void weft_map_unmark(struct weft_map_op *op, uint64_t entries);

/* Is it a table that is in use? */
bool weft_map_in_root(struct weft_map *map, uint64_t ref);

/* Entries, as the desks count them. */
uint64_t weft_map_entries(struct weft_map *map);

/* Root as it is; next.sh is NULL if nothing is moving. -EUCLEAN. */
WEFT_CHECK int weft_map_tables(struct weft_map *map, struct weft_map_table *current,
                               struct weft_map_table *next);

/* Zeroed, its bits written; the agent's. */
WEFT_CHECK int weft_map_table_make(struct weft_map *map, uint32_t bits, uint64_t *ref);

/* Frees what nobody can be reading any more. */
void weft_map_free_retired(struct weft_map *map, struct weft_agent *agent);

/* ---- map_word.c ------------------------------------------------------------------ */

/* Of maps that are `inlined`: what a change does. */
struct weft_map_wish {
        struct weft_map_change change;
        enum weft_map_when {
                WEFT_MAP_ALWAYS,
                WEFT_MAP_IF_ABSENT,
                WEFT_MAP_IF_THERE,
                WEFT_MAP_IF_VERSION,
                WEFT_MAP_ADD,
        } when;
        uint64_t value;   /* or what is added */
        uint64_t version; /* of IF_VERSION: asked for, then found */
        uint64_t found;
        bool remove;
};

WEFT_CHECK int weft_map_word_get(struct weft_map *map, uint64_t key, uint64_t *value,
                                 uint64_t *version);
WEFT_CHECK int weft_map_word_change(struct weft_map *map, uint64_t key,
                                    struct weft_map_wish *wish);

/* ---- map_object.c --------------------------------------------------------------- */

/* Kinds and options for set.c. value_bytes of a set is 0, its flags WEFT_MAP_IS_SET. */
WEFT_CHECK int weft_map_make(weft_arena_t *arena, const char *name,
                             struct weft_kind *kind,
                             const struct weft_map_options *options, bool or_open,
                             struct weft_map **map);
int weft_map_recover(struct weft_object *o, uint32_t sig);
void weft_map_destroy(struct weft_object *o);
int weft_map_check(struct weft_object *o, uint64_t *bytes);
void weft_map_describe(struct weft_object *o, struct weft_object_info *info);
int weft_map_view_header(struct weft_handle *handle);
bool weft_map_fits(const struct weft_handle *handle, const void *options);
void weft_map_shut(struct weft_map *map); /* close */

#endif
