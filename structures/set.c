/* structures/set.c -- the set: a map without values. */
#include <string.h>

#include <weft/set.h>

#include "structures/map_block.h"

struct weft_set { /* all there is to it */
        struct weft_map map;
};

/* ---- its kind ------------------------------------------------------------------ */

static struct weft_kind kind = {
        .name = "set",
        .id = WEFT_SET_KIND_ID,
        .version = WEFT_MAP_FORMAT,
        .header_bytes = sizeof(struct weft_map_shared),
        .recover = weft_map_recover,
        .destroy = weft_map_destroy,
        .check = weft_map_check,
        .describe = weft_map_describe,
        .handle_bytes = sizeof(struct weft_set),
        .view = weft_map_view_header,
        .fits = weft_map_fits,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

static int make(weft_arena_t *arena, const char *name,
                const struct weft_set_options *options, bool or_open, weft_set_t **set)
{
        if (!set || !options || options->flags)
                return -EINVAL;
        struct weft_map_options of = {
                .entries = options->entries,
                .key_bytes = options->member_bytes,
                .flags = WEFT_MAP_IS_SET,
        };
        struct weft_map *map = NULL;
        int rc = weft_map_make(arena, name, &kind, &of, or_open, &map);
        *set = (struct weft_set *)map;
        return rc;
}

int weft_set_create(weft_arena_t *arena, const char *name,
                    const struct weft_set_options *options, weft_set_t **set)
{
        return make(arena, name, options, false, set);
}

int weft_set_create_or_open(weft_arena_t *arena, const char *name,
                            const struct weft_set_options *options, weft_set_t **set)
{
        return make(arena, name, options, true, set);
}

int weft_set_open(weft_arena_t *arena, const char *name, weft_set_t **set)
{
        return set ? weft_handle_open(arena, name, &kind, set) : -EINVAL;
}

void weft_set_close(weft_set_t *set)
{
        if (set)
                weft_map_shut(&set->map);
}

weft_owner_t weft_set_owner(const weft_set_t *set)
{
        return set ? weft_handle_owner(&set->map.handle) : (weft_owner_t){ 0 };
}

/* ---- one member ------------------------------------------------------------------ */

/* Members of 8 bytes are words, and their values 0. */
static int word_of(const void *member, uint32_t bytes, uint64_t *word)
{
        if (!member || bytes != sizeof *word)
                return -EINVAL;
        memcpy(word, member, sizeof *word);
        return 0;
}

static int find(struct weft_map *map, const void *member, uint32_t bytes)
{
        struct weft_map_op op;
        struct weft_map_seen seen;
        int rc = weft_map_begin(&op, map, false);
        if (rc)
                return rc;
        rc = weft_map_hash(&op, member, bytes);
        if (!rc)
                rc = weft_map_find(&op, &seen);
        weft_map_end(&op);
        return rc;
}

int weft_set_contains(weft_set_t *set, const void *member, uint32_t bytes)
{
        uint64_t word, value;
        int rc = -EINVAL;
        if (set && !set->map.inlined)
                rc = find(&set->map, member, bytes);
        else if (set && !word_of(member, bytes, &word))
                rc = weft_map_word_get(&set->map, word, &value, NULL);
        return rc == -ENOENT ? 0 : rc ? rc : 1;
}

static int change_word(struct weft_map *map, const void *member, uint32_t bytes,
                       enum weft_map_when when, bool remove)
{
        struct weft_map_wish w = { .when = when, .remove = remove };
        uint64_t word;
        int rc = word_of(member, bytes, &word);
        return rc ? rc : weft_map_word_change(map, word, &w);
}

int weft_set_insert(weft_set_t *set, const void *member, uint32_t bytes)
{
        if (!set)
                return -EINVAL;
        return set->map.inlined
                       ? change_word(&set->map, member, bytes, WEFT_MAP_IF_ABSENT, false)
                       : weft_map_block_insert(&set->map, member, bytes, NULL, 0);
}

int weft_set_remove(weft_set_t *set, const void *member, uint32_t bytes)
{
        if (!set)
                return -EINVAL;
        return set->map.inlined
                       ? change_word(&set->map, member, bytes, WEFT_MAP_IF_THERE, true)
                       : weft_map_block_remove(&set->map, member, bytes);
}

/* ---- all members -------------------------------------------------------------------- */

/* What goes on while one set is walked through. */
struct pass {
        weft_set_each_fn *each;
        void *context;
        weft_set_t
                *other; /* NULL: all members count; else those that are in it, or not */
        int wanted;     /* what weft_set_contains() says of those that do */
        int64_t n;
};

static int pass_on(const struct weft_map_entry *entry, void *context)
{
        struct pass *pass = context;
        if (pass->other) {
                int there = weft_set_contains(pass->other, entry->key, entry->key_bytes);
                if (there == -EINVAL)
                        there = 0; /* of a length that the other cannot have */
                if (there < 0)
                        return there;
                if (there != pass->wanted)
                        return 0;
        }
        pass->n += pass->n < INT64_MAX;
        return pass->each ? pass->each(entry->key, entry->key_bytes, pass->context) : 0;
}

int weft_set_each(weft_set_t *set, struct weft_map_cursor *cursor, uint64_t max,
                  weft_set_each_fn *each, void *context)
{
        struct pass pass = { .each = each, .context = context };
        if (!set || !each)
                return -EINVAL;
        return weft_map_each(&set->map, cursor, max, pass_on, &pass);
}

int64_t weft_set_count(weft_set_t *set)
{
        return set ? weft_map_count(&set->map) : -EINVAL;
}

int64_t weft_set_clear(weft_set_t *set)
{
        return set ? weft_map_clear(&set->map) : -EINVAL;
}

int weft_set_info(weft_set_t *set, struct weft_map_info *info)
{
        return set ? weft_map_info(&set->map, info) : -EINVAL;
}

/* ---- two sets -------------------------------------------------------------------------- */

/* The members of `a` that are, or are not, in `b`. */
static int walk(weft_set_t *a, weft_set_t *b, int wanted, struct pass *pass)
{
        struct weft_map_cursor cursor = { 0, 0 };
        pass->other = b;
        pass->wanted = wanted;
        return weft_map_each(&a->map, &cursor, 0, pass_on, pass);
}

int64_t weft_set_intersect(weft_set_t *a, weft_set_t *b, weft_set_each_fn *each,
                           void *context)
{
        struct pass pass = { .each = each, .context = context };
        if (!a || !b)
                return -EINVAL;
        int rc = walk(a, b, 1, &pass);
        return rc ? rc : pass.n;
}

int64_t weft_set_union(weft_set_t *a, weft_set_t *b, weft_set_each_fn *each,
                       void *context)
{
        struct pass pass = { .each = each, .context = context };
        if (!a || !b)
                return -EINVAL;
        int rc = walk(a, NULL, 0, &pass);
        if (!rc)
                rc = walk(b, a, 0, &pass);
        return rc ? rc : pass.n;
}

int64_t weft_set_difference(weft_set_t *a, weft_set_t *b, weft_set_each_fn *each,
                            void *context)
{
        struct pass pass = { .each = each, .context = context };
        if (!a || !b)
                return -EINVAL;
        int rc = walk(a, b, 0, &pass);
        return rc ? rc : pass.n;
}
