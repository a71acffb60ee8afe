/* structures/map_word.c -- maps of 8-byte keys and values, and the short ways to those. */
#include "structures/map_claim.h"
#include "structures/map_hash.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- what a change does ----------------------------------------------------- */

static enum weft_map_act keep(struct weft_map_change *change, int rc)
{
        change->rc = rc;
        return WEFT_MAP_KEEP;
}

/* `op` is not looked at: the short way has none. */
static enum weft_map_act step(struct weft_map_op *op, struct weft_map_change *change,
                              const struct weft_map_seen *there)
{
        struct weft_map_wish *w = (struct weft_map_wish *)(void *)change;
        (void)op;
        if (there)
                w->found = there->value;
        switch (w->when) {
        case WEFT_MAP_IF_ABSENT:
                if (there)
                        return keep(change, -EEXIST);
                break;
        case WEFT_MAP_IF_THERE:
                if (!there)
                        return keep(change, -ENOENT);
                break;
        case WEFT_MAP_IF_VERSION: {
                uint64_t version = there ? weft_meta_version(there->meta) : 0;
                if (version != w->version || (w->remove && !there)) {
                        int rc = version != w->version ? -EAGAIN : -ENOENT;
                        w->version = version;
                        return keep(change, rc);
                }
                break;
        }
        case WEFT_MAP_ADD:
                change->value = w->value + (there ? there->value : 0);
                return WEFT_MAP_STORE;
        default:
                break;
        }
        change->value = w->value;
        return w->remove ? WEFT_MAP_REMOVE : WEFT_MAP_STORE;
}

/* ---- the long way -------------------------------------------------------------- */

/* Its bytes are its word. */
static inline struct weft_map_key key_of(const struct weft_map *map, uint64_t key)
{
        return (struct weft_map_key){ .n = sizeof key,
                                      .hash = weft_map_hash_word(key, map->seed),
                                      .word = key };
}

/* So that this thread may take the short way from now on. */
void weft_map_note(struct weft_map *map)
{
        struct weft_last *last = &weft_me.last;
        uint64_t number = weft_map_number(map, map->inlined);
        struct weft_map_table current, next;
        uint64_t ref = weft_load_acq(&map->sh->root.lo); /* [R] */
        if (!map->shorter || (last->handle == number && last->of[WEFT_MAP_REF] == ref &&
                              last->of[WEFT_MAP_DESK]))
                return;
        const struct weft_agent *me = weft_handle_me(&map->handle);
        if (!me)
                return;
        weft_read_begin(weft_me.agent);
        if (!weft_map_tables(map, &current, &next))
                *last = (struct weft_last){ number,
                                            { [WEFT_MAP_REF] = current.ref,
                                              [WEFT_MAP_BUCKETS] =
                                                      (uintptr_t)current.buckets,
                                              [WEFT_MAP_SHIFT] = 64 - current.bits,
                                              [WEFT_MAP_DESK] = (uintptr_t)weft_desk_at(
                                                      &map->desks, me->index) } };
        weft_read_end(weft_me.agent);
}

static int get_slowly(struct weft_map *map, uint64_t key, uint64_t *value,
                      uint64_t *version)
{
        struct weft_map_op op;
        struct weft_map_seen seen;
        int rc = weft_map_begin(&op, map, false);
        if (UNLIKELY(rc != 0))
                return rc;
        op.key = key_of(map, key);
        rc = weft_map_find(&op, &seen);
        weft_map_end(&op);
        if (!rc) {
                *value = seen.value;
                if (version)
                        *version = weft_meta_version(seen.meta);
        }
        weft_map_note(map);
        return rc;
}

static int change_slowly(struct weft_map *map, uint64_t key, struct weft_map_wish *w)
{
        struct weft_map_op op;
        int rc = weft_map_begin(&op, map, true);
        if (UNLIKELY(rc != 0))
                return rc;
        op.key = key_of(map, key);
        rc = weft_map_write(&op, &w->change);
        weft_map_end(&op);
        weft_map_note(map);
        return rc;
}

/* ---- the short way --------------------------------------------------------------- */

enum { UNDONE = 1 }; /* beside results: the long way */

static inline struct weft_map_desk_shared *near_desk(void)
{
        return (void *)weft_me.last.of[WEFT_MAP_DESK];
}

static inline uint32_t near_bits(void)
{
        return 64 - (uint32_t)weft_me.last.of[WEFT_MAP_SHIFT];
}

/* What weft_map_look_home() did not find. Its version, or 0: the long way. */
static inline uint64_t insert_shortly(const struct weft_map_glanced *g, uint64_t key,
                                      uint64_t hash, uint64_t value)
{
        const struct weft_last *last = &weft_me.last;
        struct weft_map_claim c = {
                .desk = near_desk(),
                .table = last->of[WEFT_MAP_REF],
                .buckets = (struct weft_bucket_shared *)last->of[WEFT_MAP_BUCKETS],
                .home = g->home,
                .control = g->control,
                .next = !weft_map_is_last(g->home),
                .before = g->before,
                .seat = weft_me.agent->index,
                .word = key,
                .hash = hash,
        };
        return c.desk ? weft_map_claim(&c, value) : 0;
}

/* As change_entry() in map_table.c. */
static inline int change_there(struct weft_map_glanced *g, enum weft_map_act act,
                               struct weft_map_wish *w)
{
        uint64_t version = weft_meta_version(g->pair.hi);
        struct weft_pair was = g->pair, is = { 0, 0 };
        if (act == WEFT_MAP_STORE) {
                is.lo = w->change.value;
                is.hi = weft_meta_make(version + 1, 0, WEFT_SLOT_MEMBER);
        } else {
                weft_map_raise_floor(g->home, version);
                is.hi = weft_meta_make(version + 1, 0, WEFT_SLOT_EMPTY);
        }
        if (UNLIKELY(!weft_cas16_acq_rel(g->cell, &was, is))) /* [M] LP */
                return UNDONE;
        w->change.version = act == WEFT_MAP_STORE ? version + 1 : 0;
        w->change.inserted = false;
        w->change.was = was.lo;
        return 0;
}

static __attribute__((noinline)) void tidy(struct weft_map *map)
{
        struct weft_map_op op;
        struct weft_map_table next;
        if (weft_map_begin(&op, map, true))
                return;
        if (!weft_map_tables(map, &op.table, &next))
                weft_map_tidy(&op, 0);
        weft_map_end(&op);
        weft_map_note(map);
}

static inline void count(struct weft_map *map, int64_t delta)
{
        uint64_t entries = weft_map_count_entry(near_desk(), delta);
        if (UNLIKELY(weft_map_is_time(near_bits(), entries)))
                tidy(map);
}

/* UNDONE: nothing has changed. */
static int change_shortly(struct weft_map *map, uint64_t key, struct weft_map_wish *w)
{
        struct weft_map_glanced g;
        if (UNLIKELY(!weft_map_may(map, true) || !near_desk()))
                return UNDONE;
        uint64_t hash = weft_map_hash_flip(key, map->flip);
        enum weft_map_sight sight = weft_map_look_home(map, key, hash, true, true, &g);
        int rc = UNDONE;
        int64_t more = 0;
        if (sight != WEFT_MAP_UNSURE) {
                struct weft_map_seen seen = { 0 };
                bool there = sight == WEFT_MAP_THERE;
                if (there) {
                        seen.value = g.pair.lo;
                        seen.meta = g.pair.hi;
                }
                enum weft_map_act act = step(NULL, &w->change, there ? &seen : NULL);
                if (act == WEFT_MAP_KEEP) {
                        rc = w->change.rc;
                } else if (there) {
                        rc = change_there(&g, act, w);
                        more = act == WEFT_MAP_REMOVE ? -1 : 0;
                } else {
                        w->change.version =
                                insert_shortly(&g, key, hash, w->change.value);
                        w->change.inserted = true;
                        w->change.was = 0;
                        rc = w->change.version ? 0 : UNDONE;
                        more = 1;
                }
        }
        weft_read_shut(g.reading, g.was);
        if (!rc && more)
                count(map, more);
        return rc;
}

int weft_map_word_change(struct weft_map *map, uint64_t key, struct weft_map_wish *w)
{
        w->change.step = step;
        int rc = change_shortly(map, key, w);
        return LIKELY(rc != UNDONE) ? rc : change_slowly(map, key, w);
}

int weft_map_word_get(struct weft_map *map, uint64_t key, uint64_t *value,
                      uint64_t *version)
{
        if (LIKELY(weft_map_may(map, true))) {
                struct weft_map_glanced g;
                enum weft_map_sight sight = weft_map_look_home(
                        map, key, weft_map_hash_flip(key, map->flip), false, true, &g);
                weft_read_shut(g.reading, g.was);
                if (LIKELY(sight == WEFT_MAP_THERE)) {
                        *value = g.pair.lo;
                        if (version)
                                *version = weft_meta_version(g.pair.hi);
                        return 0;
                }
                if (sight == WEFT_MAP_ABSENT)
                        return -ENOENT;
        }
        return get_slowly(map, key, value, version);
}

/* ---- the calls -------------------------------------------------------------------- */

static inline bool is_64(const struct weft_map *map)
{
        return map->inlined && map->value_bytes;
}

/* Not at home, or not sure. */
static __attribute__((noinline)) int get_further(struct weft_map *map, uint64_t key,
                                                 uint64_t *value)
{
        if (!map || !value)
                return -EINVAL;
        return is_64(map) ? weft_map_word_get(map, key, value, NULL) : -EPROTO;
}

/* Few instructions, for what is at home: see map_fast.h. */
int weft_map_get64(weft_map_t *map, uint64_t key, uint64_t *value)
{
        struct weft_map_glanced g;
        if (UNLIKELY(!weft_map_may(map, true)) || UNLIKELY(!value))
                return get_further(map, key, value);
        if (LIKELY(weft_map_look_home(map, key, weft_map_hash_flip(key, map->flip), false,
                                      false, &g) == WEFT_MAP_THERE)) {
                weft_read_shut(g.reading, g.was);
                *value = g.pair.lo;
                return 0;
        }
        weft_read_shut(g.reading, g.was); /* twice, so that nothing need be remembered */
        return get_further(map, key, value);
}

static int change64(weft_map_t *map, uint64_t key, struct weft_map_wish *w)
{
        if (UNLIKELY(!map))
                return -EINVAL;
        if (UNLIKELY(!is_64(map)))
                return -EPROTO;
        return weft_map_word_change(map, key, w);
}

static __attribute__((noinline)) int put_slowly(struct weft_map *map, uint64_t key,
                                                uint64_t value, enum weft_map_when when,
                                                uint64_t *now)
{
        struct weft_map_wish w = { .when = when, .value = value };
        int rc = change64(map, key, &w);
        if (!rc && now)
                *now = w.change.value;
        return rc;
}

/* In the reading in which it was not found, which ends here. What can be found out again is: all
 * that is handed over has to be kept by those who do not come here, too. */
static __attribute__((noinline)) int put_absent(struct weft_map *map, uint64_t key,
                                                uint64_t hash, uint64_t value,
                                                struct weft_bucket_shared *home,
                                                bool before)
{
        weft_a64_t *reading = &weft_me.agent->seat->reading;
        uint64_t was = weft_load_rlx(reading) - 1;
        struct weft_map_glanced g = { .home = home,
                                      .control = weft_load_acq(&home->control), /* [C] */
                                      .before = before };
        bool done = insert_shortly(&g, key, hash, value);
        weft_read_shut(reading, was);
        if (LIKELY(done))
                count(map, 1);
        return done ? 0 : UNDONE;
}

/* Replaces it, if it is as it was, or inserts it. `when`: ALWAYS, ADD or IF_ABSENT. */
static inline __attribute__((always_inline)) int put_shortly(struct weft_map *map,
                                                             uint64_t key, uint64_t value,
                                                             enum weft_map_when when,
                                                             uint64_t *now)
{
        struct weft_map_glanced g;
        if (UNLIKELY(!weft_map_may(map, true)))
                return put_slowly(map, key, value, when, now);
        uint64_t hash = weft_map_hash_flip(key, map->flip);
        enum weft_map_sight sight = weft_map_look_home(map, key, hash, true, true, &g);
        if (when == WEFT_MAP_IF_ABSENT ? LIKELY(sight == WEFT_MAP_ABSENT)
                                       : UNLIKELY(sight == WEFT_MAP_ABSENT)) {
                int rc = put_absent(map, key, hash, value, g.home, g.before);
                if (UNLIKELY(rc == UNDONE))
                        return put_slowly(map, key, value, when, now);
                if (now)
                        *now = value;
                return rc;
        }
        if (LIKELY(sight == WEFT_MAP_THERE)) {
                struct weft_pair is = { when == WEFT_MAP_ADD ? value + g.pair.lo : value,
                                        weft_meta_make(weft_meta_version(g.pair.hi) + 1,
                                                       0, WEFT_SLOT_MEMBER) };
                bool kept = when == WEFT_MAP_IF_ABSENT;
                if (kept ||
                    LIKELY(weft_cas16_acq_rel(g.cell, &g.pair, is))) { /* [M] LP */
                        weft_read_shut(g.reading, g.was);
                        if (now)
                                *now = is.lo;
                        return kept ? -EEXIST : 0;
                }
        }
        weft_read_shut(g.reading, g.was);
        return put_slowly(map, key, value, when, now);
}

int weft_map_put64(weft_map_t *map, uint64_t key, uint64_t value)
{
        return put_shortly(map, key, value, WEFT_MAP_ALWAYS, NULL);
}

int weft_map_insert64(weft_map_t *map, uint64_t key, uint64_t value)
{
        return put_shortly(map, key, value, WEFT_MAP_IF_ABSENT, NULL);
}

int weft_map_add64(weft_map_t *map, uint64_t key, uint64_t delta, uint64_t *now)
{
        return put_shortly(map, key, delta, WEFT_MAP_ADD, now);
}

int weft_map_remove64(weft_map_t *map, uint64_t key)
{
        struct weft_map_wish w = { .when = WEFT_MAP_IF_THERE, .remove = true };
        return change64(map, key, &w);
}
