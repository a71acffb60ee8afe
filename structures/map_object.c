/* structures/map_object.c -- the map as an object: made, opened, recovered, checked. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "structures/map_block.h"
#include "structures/map_hash.h"

/* ---- the header ------------------------------------------------------------- */

static uint32_t flags_known(void)
{
        return WEFT_MAP_EXPIRY | WEFT_MAP_IS_SET;
}

static bool is_sane(uint32_t key_bytes, uint32_t value_bytes, uint32_t flags)
{
        if (flags & WEFT_MAP_IS_SET && (value_bytes || flags & WEFT_MAP_EXPIRY))
                return false;
        return key_bytes <= WEFT_MAP_KEY_MAX && value_bytes <= WEFT_MAP_VALUE_MAX &&
               !(flags & ~flags_known());
}

/* Fills what a handle keeps of the header, believing nothing that it has not checked. */
static int read_header(struct weft_map *map)
{
        struct weft_map_shared *sh = map->handle.sh;
        map->sh = sh;
        weft_copy_out(&map->seed, &sh->seed, sizeof map->seed);
        weft_copy_out(&map->key_bytes, &sh->key_bytes, sizeof map->key_bytes);
        weft_copy_out(&map->value_bytes, &sh->value_bytes, sizeof map->value_bytes);
        weft_copy_out(&map->flags, &sh->flags, sizeof map->flags);
        weft_copy_out(&map->bits_min, &sh->bits_min, sizeof map->bits_min);
        if (!is_sane(map->key_bytes, map->value_bytes, map->flags) ||
            map->bits_min < WEFT_MAP_BITS_MIN || map->bits_min > WEFT_MAP_BITS_MAX)
                return -EUCLEAN;
        bool set = map->flags & WEFT_MAP_IS_SET;
        map->inlined = map->key_bytes == 8 && (set || map->value_bytes == 8) &&
                       !(map->flags & WEFT_MAP_EXPIRY);
        map->shorter = map->inlined ? weft_map_flip_is_right(map->seed)
                                    : !set && !(map->flags & WEFT_MAP_EXPIRY);
        map->flip = weft_map_flip(map->seed);
        weft_map_short_set(map);
        weft_desks_view(&map->desks, map->handle.arena, &sh->desks,
                        weft_handle_owner(&map->handle),
                        sizeof(struct weft_map_desk_shared));
        return 0;
}

int weft_map_view_header(struct weft_handle *handle)
{
        struct weft_map *map = (struct weft_map *)(void *)handle;
        struct weft_map_table current, next;
        int rc = read_header(map);
        if (rc)
                return rc;
        weft_map_views_begin(map);
        struct weft_agent *agent = NULL;
        if (!handle->arena->readonly) {
                rc = weft_handle_enter(handle, &agent);
                if (rc)
                        return rc;
                weft_read_begin(agent);
        }
        rc = weft_map_tables(map, &current, &next);
        if (agent)
                weft_read_end(agent);
        return rc;
}

bool weft_map_fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_map *map = (const struct weft_map *)(const void *)handle;
        const struct weft_map_options *o = options;
        return map->key_bytes == o->key_bytes && map->value_bytes == o->value_bytes &&
               map->flags == o->flags;
}

/* A map of an object, for what the directory asks. */
static int map_of(struct weft_object *o, struct weft_map *map)
{
        memset(map, 0, sizeof *map);
        map->handle.arena = o->arena;
        map->handle.sh = o->sh;
        map->handle.id = o->id;
        return read_header(map);
}

/* ---- create, close ------------------------------------------------------------ */

/* So many entries make 4/5 of the slots. */
static uint32_t bits_for(uint64_t entries)
{
        uint32_t bits = WEFT_MAP_BITS_MIN;
        while (bits < WEFT_MAP_BITS_MAX && UINT64_C(4) << bits < entries)
                bits++;
        return bits;
}

/* Crash in create: the draft owns both blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_map_options *o = draft->options;
        struct weft_map_shared *sh = draft->sh;
        uint32_t bits = bits_for(o->entries);
        struct weft_table_shared *table;
        weft_ref_t ref;
        void *at;

        if (getrandom(&sh->seed, sizeof sh->seed, GRND_NONBLOCK) != sizeof sh->seed)
                sh->seed = (uint64_t)(uintptr_t)&at ^ draft->owner.v * 0x9e3779b97f4a7c15;
        int rc = weft_draft_alloc(draft, weft_map_table_bytes(bits), &ref, &at);
        if (rc)
                return rc;
        table = at;
        memset(at, 0, weft_map_table_bytes(bits)); /* all EMPTY */
        table->bits = bits;
        sh->key_bytes = o->key_bytes;
        sh->value_bytes = o->value_bytes;
        sh->flags = o->flags;
        sh->bits_min = bits;
        weft_store_rlx(&sh->root.lo, ref.v);
        return 0;
}

int weft_map_make(weft_arena_t *arena, const char *name, struct weft_kind *kind,
                  const struct weft_map_options *options, bool or_open,
                  struct weft_map **map)
{
        if (!options || options->reserved ||
            !is_sane(options->key_bytes, options->value_bytes, options->flags))
                return -EINVAL;
        int saved = errno;
        int rc = weft_handle_create(arena, name, kind, options, init, or_open, map);
        errno = saved;
        return rc;
}

/* The other threads of this process have done with it. */
void weft_map_shut(struct weft_map *map)
{
        if (!map)
                return;
        struct weft_agent *agent;
        weft_map_views_end(map);
        if (!map->handle.arena->readonly && !weft_handle_enter(&map->handle, &agent)) {
                weft_map_free_retired(map, agent);
                weft_map_free_retired(map, agent);
        }
        free(map->grace);
        weft_handle_close(map);
}

/* ---- the dead ------------------------------------------------------------------- */

static bool is_retired(struct weft_map *map, uint64_t ref)
{
        for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++)
                if (weft_load_acq(&map->sh->retired[i]) == ref) /* [R] */
                        return true;
        return false;
}

/* Root first, then `retired`: a table is there before it leaves root. */
static void recover_made(struct weft_map *map, struct weft_agent *agent,
                         struct weft_map_desk_shared *desk)
{
        uint64_t ref = weft_load_acq(&desk->made); /* [D] */
        if (!ref)
                return;
        if (!weft_map_in_root(map, ref) && !is_retired(map, ref))
                (void)weft_block_free_from(agent, (weft_ref_t){ ref },
                                           weft_handle_owner(&map->handle));
        weft_store_rel(&desk->made, 0); /* [D] */
}

/* Crash in recover: each step finds done what was done. */
int weft_map_recover(struct weft_object *o, uint32_t sig)
{
        struct weft_map map;
        uint32_t us = sig;
        int rc = map_of(o, &map);
        if (!rc)
                rc = weft_desks_recover(&map.desks, sig);
        if (rc)
                return rc;
        (void)weft_cas_acq_rel(&map.sh->building, &us, 0); /* [R] */
        struct weft_map_desk_shared *desk = weft_desk_at(&map.desks, weft_sig_seat(sig));
        if (!desk)
                return 0;
        weft_read_begin(o->agent);
        weft_map_proposal_recover(&map, weft_sig_seat(sig), desk);
        recover_made(&map, o->agent, desk);
        weft_read_end(o->agent);
        if (!map.inlined)
                weft_map_entries_recover(&map, o->agent, desk, sig);
        weft_map_free_retired(&map, o->agent);
        free(map.grace);
        return 0;
}

/* ---- destroy ----------------------------------------------------------------------- */

static void free_entries(struct weft_map *map, struct weft_agent *agent,
                         const struct weft_map_table *t)
{
        weft_owner_t owner = weft_handle_owner(&map->handle);
        for (uint64_t i = 0; i < weft_map_buckets(t); i++)
                for (uint32_t s = 0; s < WEFT_MAP_SLOTS; s++) {
                        weft_a128_t *cell = weft_slot_cell(&t->buckets[i], s);
                        weft_ref_t ref = { weft_load_rlx(&cell->lo) };
                        enum weft_map_state state =
                                weft_meta_state(weft_load_rlx(&cell->hi));
                        bool entry = state == WEFT_SLOT_MEMBER ||
                                     state == WEFT_SLOT_FROZEN ||
                                     state == WEFT_SLOT_TENT || state == WEFT_SLOT_COPY;
                        if (ref.v && entry)
                                (void)weft_block_free_from(agent, ref, owner);
                }
}

static void free_desks(struct weft_map *map, struct weft_agent *agent)
{
        weft_owner_t owner = weft_handle_owner(&map->handle);
        for (uint32_t i = 0; i < WEFT_AGENTS_MAX; i++) {
                struct weft_map_desk_shared *desk = weft_desk_at(&map->desks, i);
                if (!desk)
                        continue;
                weft_ref_t refs[19] = { { weft_load_rlx(&desk->fresh) },
                                        { weft_load_rlx(&desk->old) },
                                        { weft_load_rlx(&desk->made) } };
                for (int v = 0; v < 16; v++)
                        refs[3 + v].v = weft_load_rlx(&desk->views[v]);
                for (int r = 0; r < 19; r++)
                        if (refs[r].v)
                                (void)weft_block_free_from(agent, refs[r], owner);
        }
        weft_desks_free(&map->desks, agent);
}

/* Crash in destroy: what names others is freed after them, the current table last; and a
 * block is freed only once. */
void weft_map_destroy(struct weft_object *o)
{
        struct weft_map map;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        struct weft_map_table t[2];
        if (map_of(o, &map) || weft_map_tables(&map, &t[0], &t[1])) {
                weft_block_free_all(o->agent, owner); /* begun before, or corrupt */
                return;
        }
        for (int i = 0; i < 2 && !map.inlined; i++)
                if (t[i].sh)
                        free_entries(&map, o->agent, &t[i]);
        free_desks(&map, o->agent);
        for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++) {
                weft_ref_t ref = { weft_load_rlx(&map.sh->retired[i]) };
                if (ref.v && ref.v != t[0].ref)
                        (void)weft_block_free_from(o->agent, ref, owner);
        }
        for (int i = 2; i--;)
                if (t[i].sh)
                        (void)weft_block_free_from(o->agent, (weft_ref_t){ t[i].ref },
                                                   owner);
}

/* ---- check ----------------------------------------------------------------------------- */

struct census {
        uint64_t members, bytes;
};

/* Is the key of this entry found here, and nowhere else before it? What changes meanwhile
 * is not to be judged. */
static bool is_whole(struct weft_map_op *op, const struct weft_map_seen *s)
{
        struct weft_map *map = op->map;
        struct weft_map_look entry;
        struct weft_map_seen found;
        uint64_t word = weft_load_acq(weft_slot_key(s->bucket, s->slot)); /* [M] */
        op->key = (struct weft_map_key){ &word, sizeof word, word, word };
        bool good = true;
        if (map->inlined) {
                op->key.hash = weft_map_hash_word(word, map->seed);
        } else {
                good = weft_map_look(op, s->value, &entry);
                if (good) {
                        op->key.bytes = entry.key;
                        op->key.n = entry.key_bytes;
                        good = weft_map_hash_bytes(entry.key, entry.key_bytes,
                                                   map->seed) == word;
                }
        }
        good = good && weft_map_find(op, &found) == 0;
        if (good && (found.bucket != s->bucket || found.slot != s->slot))
                good = weft_meta_state(found.meta) == WEFT_SLOT_FROZEN &&
                       found.value == s->value; /* it is being moved */
        const weft_a128_t *cell = weft_slot_cell(s->bucket, s->slot);
        return good || weft_load_acq(&cell->hi) != s->meta; /* [M] */
}

static int check_table(struct weft_map_op *op, const struct weft_map_table *t,
                       struct census *n)
{
        weft_arena_t *arena = op->map->handle.arena;
        for (uint64_t i = 0; i < weft_map_buckets(t); i++)
                for (uint32_t slot = 0; slot < WEFT_MAP_SLOTS; slot++) {
                        struct weft_bucket_shared *b = &t->buckets[i];
                        weft_a128_t *cell = weft_slot_cell(b, slot);
                        uint64_t meta = weft_load_acq(&cell->hi); /* [M] */
                        struct weft_map_seen seen = { b, slot, weft_load_acq(&cell->lo),
                                                      meta }; /* [M] */
                        enum weft_map_state s = weft_meta_state(meta);
                        if (s > WEFT_SLOT_DEAD)
                                return -EUCLEAN;
                        if (s != WEFT_SLOT_MEMBER && s != WEFT_SLOT_FROZEN)
                                continue;
                        n->members++;
                        if (!op->map->inlined)
                                n->bytes += weft_block_bytes(arena,
                                                             (weft_ref_t){ seen.value });
                        if (!is_whole(op, &seen))
                                return -EUCLEAN;
                }
        return 0;
}

/* Exact while nobody changes the map. */
int weft_map_check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_map map;
        struct weft_map_table t[2];
        struct census n = { 0 };
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        int rc = map_of(o, &map);
        *bytes = sizeof(struct weft_map_shared);
        if (!rc)
                rc = weft_map_tables(&map, &t[0], &t[1]);
        if (rc)
                return rc;
        int64_t desks = weft_desks_bytes(&map.desks);
        if (desks < 0)
                return (int)desks;
        struct weft_map_op op = { .map = &map, .agent = o->agent };
        for (int i = 0; i < 2 && !rc; i++) {
                if (!t[i].sh)
                        continue;
                weft_ref_t ref = { t[i].ref };
                n.bytes += weft_block_bytes(o->arena, ref);
                rc = check_table(&op, &t[i], &n);
                if (!rc && weft_block_owner(o->arena, ref).v != owner.v)
                        rc = -EUCLEAN;
        }
        if (rc && !weft_map_in_root(&map, t[0].ref))
                rc = 0; /* it was moved meanwhile */
        *bytes += n.bytes + (uint64_t)desks;
        for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++) {
                weft_ref_t ref = { weft_load_acq(&map.sh->retired[i]) }; /* [R] */
                if (ref.v && ref.v != t[0].ref)
                        *bytes += weft_block_bytes(o->arena, ref);
        }
        return rc;
}

/* ---- looking ------------------------------------------------------------------------------ */

static int fill_info(struct weft_map *map, struct weft_map_info *info)
{
        struct weft_map_table t, next;
        int rc = weft_map_tables(map, &t, &next);
        if (rc)
                return rc;
        *info = (struct weft_map_info){
                .entries = weft_map_entries(map),
                .slots = UINT64_C(5) << (next.sh ? next.bits : t.bits),
                .key_bytes = map->key_bytes,
                .value_bytes = map->value_bytes,
                .flags = map->flags & ~WEFT_MAP_IS_SET,
        };
        uint64_t done = weft_load_acq(&t.sh->finished),
                 n = weft_map_buckets(&t); /* [C] */
        if (next.sh)
                info->moving = done < n ? n - done : 0;
        for (uint32_t i = 0; i < WEFT_MAP_RETIRED; i++)
                info->tables += weft_load_rlx(&map->sh->retired[i]) != 0;
        return 0;
}

int weft_map_info(weft_map_t *map, struct weft_map_info *info)
{
        struct weft_map_op op;
        if (!map || !info)
                return -EINVAL;
        int rc = weft_map_begin(&op, map, false);
        if (rc)
                return rc;
        rc = fill_info(map, info);
        weft_map_end(&op);
        return rc;
}

static void size_text(char *text, size_t n, uint32_t bytes)
{
        if (bytes)
                (void)snprintf(text, n, "%" PRIu32 " B", bytes);
        else
                (void)snprintf(text, n, "any size");
}

void weft_map_describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_map_info i;
        struct weft_map map;
        char key[24], value[24];
        if (map_of(o, &map) || fill_info(&map, &i)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        size_text(key, sizeof key, i.key_bytes);
        size_text(value, sizeof value, i.value_bytes);
        if (map.flags & WEFT_MAP_IS_SET)
                (void)snprintf(info->detail, sizeof info->detail,
                               "%" PRIu64 " members of %s in %" PRIu64 " slots",
                               i.entries, key, i.slots);
        else
                (void)snprintf(info->detail, sizeof info->detail,
                               "%" PRIu64 " entries, keys of %s, values of %s, %" PRIu64
                               " slots%s",
                               i.entries, key, value, i.slots,
                               i.flags & WEFT_MAP_EXPIRY ? ", expiry" : "");
}

/* ---- the kind -------------------------------------------------------------------------------- */

static struct weft_kind kind = {
        .name = "map",
        .id = WEFT_MAP_KIND_ID,
        .version = WEFT_MAP_FORMAT,
        .header_bytes = sizeof(struct weft_map_shared),
        .recover = weft_map_recover,
        .init = init,
        .destroy = weft_map_destroy,
        .check = weft_map_check,
        .describe = weft_map_describe,
        .handle_bytes = sizeof(struct weft_map),
        .view = weft_map_view_header,
        .fits = weft_map_fits,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

static int make(weft_arena_t *arena, const char *name,
                const struct weft_map_options *options, bool or_open, weft_map_t **map)
{
        if (!map || !options || options->flags & WEFT_MAP_IS_SET)
                return -EINVAL;
        return weft_map_make(arena, name, &kind, options, or_open, map);
}

int weft_map_create(weft_arena_t *arena, const char *name,
                    const struct weft_map_options *options, weft_map_t **map)
{
        return make(arena, name, options, false, map);
}

int weft_map_create_or_open(weft_arena_t *arena, const char *name,
                            const struct weft_map_options *options, weft_map_t **map)
{
        return make(arena, name, options, true, map);
}

int weft_map_open(weft_arena_t *arena, const char *name, weft_map_t **map)
{
        return map ? weft_handle_open(arena, name, &kind, map) : -EINVAL;
}

void weft_map_close(weft_map_t *map)
{
        weft_map_shut(map);
}

weft_owner_t weft_map_owner(const weft_map_t *map)
{
        return map ? weft_handle_owner(&map->handle) : (weft_owner_t){ 0 };
}
