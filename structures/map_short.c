/* structures/map_short.c -- get and put of an entry in a block, the short way.
 *
 * For keys of 16 to 32 bytes that are in their home or the bucket next to it, in the table
 * that is current, and for a put that finds the agent's idle block of the right size. What
 * is done is what map_block.c does, in the same order, and whoever does not get through
 * begins anew there. It waits for memory twice, once for the bucket and once for the block;
 * all that comes before and after is to be so short that the processor begins with the next
 * operation meanwhile. So nothing is called, and no address depends on what is still
 * on its way but for those two: the lengths are taken for what the caller says, and
 * compared later.
 *
 * Crash in put: the idle block is the agent's; the desk names it as `fresh` before it is
 * handed to the map, and what is replaced as `old` before the CAS16. After that it is
 * renewed: one CAS, from the map's to the agent's, by which it is decided who disposes of
 * it, for a recoverer that finds it on the desk of somebody else may try to. Then it is idle.
 */
#include "structures/map_block.h"
#include "structures/map_fast.h"
#include "structures/map_key.h"

enum {
        LINE = 64,
        VALUE_MOST = 1088, /* beyond that it does not matter */
        SHORTEST = 16,
        LONGEST = 32,
};

/* ---- both ---------------------------------------------------------------------- */

void weft_map_short_set(struct weft_map *map)
{
        weft_peeker_set(&map->peeker, map->handle.arena);
        weft_map_secret(map->seed, map->secret);
        bool fits = map->shorter && !map->inlined && weft_map_words_are_right(map->seed);
        if (fits && !map->key_bytes) {
                map->short_from = SHORTEST;
                map->short_span = LONGEST - SHORTEST + 1;
        } else {
                fits = fits && map->key_bytes >= SHORTEST && map->key_bytes <= LONGEST;
                map->short_from = map->key_bytes;
                map->short_span = fits;
        }
}

void weft_map_short_note(struct weft_map *map)
{
        weft_map_note(map);
        weft_peeker_renew(&map->peeker, map->handle.arena);
}

/* The key is one for here, and this thread came with this handle last: what is remembered of
 * that may be looked at. */
static inline __attribute__((always_inline)) bool knows(const struct weft_map *map,
                                                        const void *key, uint32_t n)
{
        return WEFT_LIKELY_MAP(weft_me.last.handle == weft_map_number(map, false)) &&
               WEFT_LIKELY_MAP(key != NULL) &&
               WEFT_LIKELY_MAP(n - map->short_from < map->short_span);
}

/* And it is who it was then. What else there is to ask is asked when the home is on its way. */
static inline __attribute__((always_inline)) bool is_himself(void)
{
        return WEFT_LIKELY_MAP(weft_alive->raw);
}

static inline __attribute__((always_inline)) uint64_t
hash_of(const struct weft_map *map, const struct weft_map_words *words, uint32_t n)
{
        return WEFT_LIKELY_MAP(n > 16) ? weft_map_hash_words(words, n, map->secret)
                                       : weft_map_hash_bytes(words->first, 16, map->seed);
}

/* A bucket's cell of a key with this hash, if it is an entry. Whether it is that key's says
 * its block, and whether the pair is one that the slot has it still after that: a get
 * looks when it has read the value, and replace() before the desk names the block. */
static inline __attribute__((always_inline)) bool
glance(struct weft_bucket_shared *b, uint64_t hash, struct weft_map_glanced *g)
{
        uint64_t spot = weft_map_spot(b, hash);
        g->cell = (weft_a128_t *)(void *)((uint8_t *)b + (spot >> 32));
        if (WEFT_UNLIKELY_MAP(!spot))
                return false;
        g->pair.hi = weft_load_acq(&g->cell->hi); /* [M] */
        g->pair.lo = weft_load_acq(&g->cell->lo); /* [M] */
        return WEFT_LIKELY_MAP(weft_meta_state(g->pair.hi) == WEFT_SLOT_MEMBER);
}

/* As the table was when this thread came the long way last: at_home() looks whether it is. */
static inline __attribute__((always_inline)) struct weft_bucket_shared *
home_of(uint64_t hash)
{
        struct weft_bucket_shared *buckets = (void *)weft_me.last.of[WEFT_MAP_BUCKETS];
        return &buckets[hash >> (weft_me.last.of[WEFT_MAP_SHIFT] & 63)];
}

/* As weft_map_look_home(), with that glance, of what is being fetched already. `was` is what
 * will stand there when the reading ends. */
static inline __attribute__((always_inline)) bool at_home(struct weft_map *map,
                                                          struct weft_bucket_shared *home,
                                                          uint64_t hash, bool change,
                                                          struct weft_map_glanced *g)
{
        const struct weft_last *last = &weft_me.last;
        weft_a128_t *root = &map->sh->root;
        g->reading = &weft_me.agent->seat->reading;
        g->was = weft_read_after(weft_read_open(g->reading));
        if (WEFT_UNLIKELY_MAP(weft_load_acq(&root->lo) !=
                              last->of[WEFT_MAP_REF]) ||           /* [R] */
            WEFT_UNLIKELY_MAP(change && weft_load_acq(&root->hi))) /* [R] */
                return false;
        if (WEFT_LIKELY_MAP(glance(home, hash, g)))
                return true;
        return !weft_map_is_last(home) && glance(home + 1, hash, g);
}

/* Where the value begins. */
static inline uint64_t value_at(uint32_t n)
{
        return sizeof(struct weft_map_entry_shared) + ((uint64_t)n + 7) / 8 * 8;
}

/* The lengths of an entry as they lie there, both at once. */
static inline uint64_t lengths_of(uint32_t key_bytes, uint64_t value_bytes)
{
        return key_bytes | value_bytes << 32;
}

static inline uint64_t lengths_at(const uint8_t *at)
{
        const struct weft_map_entry_shared *e = (const void *)at;
        return weft_map_word_at((const uint8_t *)&e->key_bytes);
}

/* The entry is that of this key. */
static inline __attribute__((always_inline)) bool
is_of(const uint8_t *at, const struct weft_map_words *words, uint32_t n)
{
        return (uint32_t)lengths_at(at) == n &&
               weft_map_is_words(at + sizeof(struct weft_map_entry_shared), words, n);
}

/* ---- get ------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void copy_out(void *to, const uint8_t *from,
                                                           uint64_t bytes)
{
#ifndef WEFT_TSAN
        if (WEFT_LIKELY_MAP(bytes - 32 <= 32)) {
                weft_copy_out(to, from, 16);
                weft_copy_out((uint8_t *)to + 16, from + 16, 16);
                weft_copy_out((uint8_t *)to + bytes - 32, from + bytes - 32, 16);
                weft_copy_out((uint8_t *)to + bytes - 16, from + bytes - 16, 16);
                return;
        }
#endif
        weft_map_copy_torn(to, from, bytes);
}

/* One whose value is not as long as the room for it. As read_entry(). */
static __attribute__((noinline)) bool read_other(const uint8_t *at, uint64_t behind,
                                                 const struct weft_map_words *words,
                                                 uint32_t n, void *value,
                                                 uint64_t *length)
{
        uint64_t begin = value_at(n), room = *length;
        if (!is_of(at, words, n))
                return false;
        *length = lengths_at(at) >> 32;
        if (*length > room)
                return true;
        if (*length > behind - begin)
                return false;
        copy_out(value, at + begin, *length);
        return true;
}

/* False: go the long way. `*length`: the room, then what the value has. What is asked of the
 * entry comes after all that can be said without it, for what waits for it is what
 * keeps the next operation from beginning. */
static inline __attribute__((always_inline)) bool
read_entry(const struct weft_map *map, uint64_t ref, const struct weft_map_words *words,
           uint32_t n, void *value, uint64_t *length)
{
        struct weft_glimpse g;
        uint64_t begin = value_at(n), room = *length, lengths = lengths_of(n, room);
        if (!weft_peek(&map->peeker, ref, &g) ||
            WEFT_UNLIKELY_MAP(weft_peek_behind(&g) < begin))
                return false;
        const uint8_t *at = g.at;
        bool fits = room <= weft_peek_behind(&g) - begin;
        __asm__ volatile("" : "+r"(at), "+r"(lengths));
        if (WEFT_UNLIKELY_MAP(!fits) || WEFT_UNLIKELY_MAP(lengths_at(at) != lengths))
                return read_other(at, weft_peek_behind(&g), words, n, value, length);
        if (WEFT_UNLIKELY_MAP(!weft_map_is_words(
                    at + sizeof(struct weft_map_entry_shared), words, n)))
                return false;
        copy_out(value, at + begin, room);
        return true;
}

/* 0; -EOVERFLOW; -ESTALE: go the long way. */
static inline __attribute__((always_inline)) int
get_shortly(struct weft_map *map, const void *key, uint32_t n, void *value,
            uint64_t *value_bytes, uint64_t *version)
{
        struct weft_map_glanced g;
        if (!knows(map, key, n))
                return -ESTALE;
        struct weft_map_words words = weft_map_key_words(key, n);
        uint64_t hash = hash_of(map, &words, n);
        struct weft_bucket_shared *home = home_of(hash);
        weft_map_fetch_home(home);
        if (!is_himself() || WEFT_UNLIKELY_MAP(!value) || WEFT_UNLIKELY_MAP(!value_bytes))
                return -ESTALE;
        uint64_t room = *value_bytes, length = room;
        bool done = at_home(map, home, hash, false, &g) &&
                    read_entry(map, g.pair.lo, &words, n, value, &length) &&
                    weft_is_acq(&g.cell->hi, g.pair.hi); /* [M] LP, if so */
        weft_read_shut_to(g.reading, g.was);
        if (WEFT_UNLIKELY_MAP(!done))
                return -ESTALE;
        if (version)
                *version = weft_meta_version(g.pair.hi);
        if (WEFT_LIKELY_MAP(length == room))
                return 0;
        *value_bytes = length;
        return length > room ? -EOVERFLOW : 0;
}

int weft_map_block_get(struct weft_map *map, const void *key, uint32_t key_bytes,
                       void *value, uint64_t *value_bytes, uint64_t *version)
{
        int rc = get_shortly(map, key, key_bytes, value, value_bytes, version);
        if (WEFT_LIKELY_MAP(rc != -ESTALE))
                return rc;
        return weft_map_block_get_slowly(map, key, key_bytes, value, value_bytes,
                                         version);
}

/* ---- put ------------------------------------------------------------------------- */

/* This thread's idle block, as it was found last; that it is still that its ref on the
 * desk tells. */
static _Thread_local struct spare {
        uint64_t handle; /* number; 0: none */
        uint64_t ref;
        weft_a64_t *word;
        const struct weft_class *class_;
        uint64_t less; /* entries of more bytes than this, */
        uint64_t room; /* and of no more than this, are put into it */
} spare __attribute__((tls_model("initial-exec")));

/* What it is, but for its ref. */
static inline __attribute__((always_inline)) void
describe_spare(weft_a64_t *word, const struct weft_class *c)
{
        spare.word = word;
        if (WEFT_UNLIKELY_MAP(spare.class_ != c)) {
                spare.class_ = c;
                spare.less = c == weft_classes ? 0 : c[-1].bytes;
                spare.room = c->bytes;
        }
}

static __attribute__((noinline)) bool find_spare(struct weft_map *map, uint64_t ref)
{
        const struct weft_class *c;
        struct weft_glimpse g;
        weft_a64_t *word = NULL;
        weft_read_begin(weft_me.agent);
        if (weft_peek(&map->peeker, ref, &g))
                word = weft_peek_word(&map->peeker, &g, &c);
        weft_read_end(weft_me.agent);
        spare.handle = word ? map->handle.number : 0;
        spare.ref = ref;
        if (word)
                describe_spare(word, c);
        return word != NULL;
}

/* An idle block that an entry of so many bytes would be put into. */
static inline __attribute__((always_inline)) bool
has_spare(struct weft_map *map, const struct weft_map_desk_shared *desk, uint64_t bytes)
{
        uint64_t ref = weft_load_rlx(&desk->idle);
        if (WEFT_UNLIKELY_MAP(!ref) ||
            (WEFT_UNLIKELY_MAP(ref != spare.ref || spare.handle != map->handle.number) &&
             !find_spare(map, ref)))
                return false;
        return WEFT_LIKELY_MAP(bytes > spare.less) &&
               WEFT_LIKELY_MAP(bytes <= spare.room);
}

/* Word by word, for the same reason as with keys: who puts has often just written the value. */
static inline __attribute__((always_inline)) void copy_words_in(uint8_t *to,
                                                                const uint8_t *from)
{
        for (unsigned i = 0; i < 32; i += 8) {
                uint64_t word = weft_map_word_at(from + i);
                weft_copy_in(to + i, &word, 8);
        }
}

static inline __attribute__((always_inline)) void copy_in(uint8_t *to, const void *value,
                                                          uint64_t bytes)
{
        const uint8_t *from = value;
        if (WEFT_LIKELY_MAP(bytes - 32 <= 32)) {
                copy_words_in(to, from);
                copy_words_in(to + bytes - 32, from + bytes - 32);
        } else {
                weft_copy_in(to, from, bytes);
        }
}

/* Makes the entry of the idle block, and hands it over. */
static inline __attribute__((always_inline)) bool
make(struct weft_map *map, struct weft_map_desk_shared *desk,
     const struct weft_map_words *words, uint32_t n, const void *value, uint64_t bytes)
{
        uint8_t *at = map->peeker.data + (spare.ref & WEFT_WHERE_MASK) * 16;
        const struct weft_map_entry_shared head = { .key_bytes = n,
                                                    .value_bytes = (uint32_t)bytes };
        if (!weft_peek_is_mine(weft_me.agent, spare.word, spare.ref))
                return false;
        weft_store_rlx(&desk->idle, 0);
        weft_copy_in(at, &head, sizeof head);
        weft_copy_in(at + sizeof head, &words->first[0], 8);
        weft_copy_in(at + sizeof head + 8, &words->first[1], 8);
        weft_copy_in(at + sizeof head + n - 16, &words->last[0], 8);
        weft_copy_in(at + sizeof head + n - 8, &words->last[1], 8);
        copy_in(at + value_at(n), value, bytes);
        weft_store_rel(&desk->fresh, spare.ref); /* [D] */
        weft_peek_pass(spare.word, spare.ref, weft_handle_owner(&map->handle));
        return true;
}

/* What was replaced becomes the idle block. */
static inline __attribute__((always_inline)) void
put_away(struct weft_map *map, struct weft_map_desk_shared *desk, uint64_t was,
         const struct weft_renewal *r, weft_a64_t *word)
{
        if (WEFT_LIKELY_MAP(!weft_load_acq(&map->sh->viewed)) || /* [V] */
            !weft_map_viewed(map, was)) {
                spare.ref = weft_peek_renew(word, r) ? r->ref : 0;
                weft_store_rlx(&desk->idle, spare.ref);
        } else {
                spare.handle = 0; /* what has been described is the viewers' */
        }
        weft_store_rel(&desk->old, 0);   /* [D] */
        weft_store_rel(&desk->fresh, 0); /* [D] */
}

/* The entry that was made takes the place of what is there. As in read_entry(), what can be
 * done before that is looked at is; the desk may call `old` what stays. */
static inline __attribute__((always_inline)) bool
replace(struct weft_map *map, struct weft_map_desk_shared *desk,
        const struct weft_map_glanced *g, const struct weft_map_words *words, uint32_t n,
        uint64_t bytes)
{
        struct weft_glimpse there;
        const struct weft_class *c;
        struct weft_pair pair = g->pair;
        if (!weft_peek(&map->peeker, pair.lo, &there) ||
            WEFT_UNLIKELY_MAP(weft_peek_behind(&there) < value_at(n)))
                return false;
        const uint8_t *at = there.at;
        weft_fetch_to_write(at); /* where the next one will be made, */
        weft_fetch_to_write(at + LINE);
        weft_a64_t *word = weft_peek_word(&map->peeker, &there, &c);
        if (WEFT_UNLIKELY_MAP(!word))
                return false;
        weft_fetch_to_write(word);
        for (uint64_t line = 2 * LINE; line < bytes; line += LINE)
                weft_fetch_to_write(at + line);
        struct weft_pair is = { spare.ref, weft_meta_make(weft_meta_version(pair.hi) + 1,
                                                          0, WEFT_SLOT_MEMBER) };
        uint64_t was = pair.lo;
        struct weft_renewal r = weft_peek_renewal(weft_me.agent, &there, was,
                                                  weft_handle_owner(&map->handle));
        /* What stands in a slot between two entries may be a block that somebody
         * proposes, which is in the map for no recoverer yet: on the desk of one who is
         * killed here it would be freed, and then accepted. */
        if (WEFT_UNLIKELY_MAP(!weft_is_acq(&g->cell->hi, pair.hi))) /* [M] */
                return false;
        describe_spare(word, c);
        weft_store_rlx(&desk->idle_room, spare.room);
        weft_store_rel(&desk->old, was); /* [D] */
        __asm__ volatile(""
                         : "+r"(at), "+r"(r.is), "+r"(r.was), "+r"(r.ref), "+r"(is.hi));
        if (WEFT_UNLIKELY_MAP(!is_of(at, words, n)) ||
            !weft_cas16_acq_rel(g->cell, &pair, is)) { /* [M] LP */
                spare.handle = 0; /* what has been described is not his */
                return false;
        }
        put_away(map, desk, was, &r, word);
        return true;
}

/* 0; 1: the entry is made, but not in; -ESTALE: nothing has been done. The entry is made
 * while the bucket is on its way, before anybody knows whether the key is there: whoever
 * goes the long way after that needs it, too. */
static inline __attribute__((always_inline)) int put_shortly(struct weft_map *map,
                                                             const void *key, uint32_t n,
                                                             const void *value,
                                                             uint64_t bytes)
{
        struct weft_map_glanced g;
        if (!knows(map, key, n))
                return -ESTALE;
        struct weft_map_words words = weft_map_key_words(key, n);
        uint64_t hash = hash_of(map, &words, n);
        struct weft_bucket_shared *home = home_of(hash);
        weft_fetch_to_write(&home->control);
        weft_fetch_to_write(&home->key3);
        weft_map_fetch_next(home);
        if (!is_himself() || WEFT_UNLIKELY_MAP(!value) ||
            WEFT_UNLIKELY_MAP(bytes - 1 >= VALUE_MOST) ||
            (map->value_bytes && WEFT_UNLIKELY_MAP(bytes != map->value_bytes)))
                return -ESTALE;
        struct weft_map_desk_shared *desk = (void *)weft_me.last.of[WEFT_MAP_DESK];
        if (WEFT_UNLIKELY_MAP(!desk) || !has_spare(map, desk, value_at(n) + bytes) ||
            !make(map, desk, &words, n, value, bytes))
                return -ESTALE;
        bool done = at_home(map, home, hash, true, &g) &&
                    replace(map, desk, &g, &words, n, bytes);
        weft_read_shut_to(g.reading, g.was);
        return WEFT_LIKELY_MAP(done) ? 0 : 1;
}

/* A map whose entries have a time is none that has a short way: weft_map_short_set(). */
int weft_map_block_put(struct weft_map *map, const void *key, uint32_t key_bytes,
                       const void *value, uint64_t value_bytes, uint64_t expires_ms)
{
        int rc = put_shortly(map, key, key_bytes, value, value_bytes);
        if (WEFT_LIKELY_MAP(!rc))
                return 0;
        return rc > 0 ? weft_map_block_put_made(map, key, key_bytes, spare.ref)
                      : weft_map_block_put_slowly(map, key, key_bytes, value, value_bytes,
                                                  expires_ms);
}
