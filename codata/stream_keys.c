/* codata/stream_keys.c -- sinks by key: count in a map, insert into a set.
 *
 * Crash in either: each item is one change of the map or set, which has happened or not.
 */
#include "codata/stream_internal.h"

int weft_key_line(const void *item, const void **key, uint32_t *key_bytes,
                  const void *argument)
{
        struct weft_line line;
        (void)argument;
        memcpy(&line, item, sizeof line);
        if (line.bytes > UINT32_MAX)
                return -EOVERFLOW;
        *key = line.at;
        *key_bytes = (uint32_t)line.bytes;
        return 0;
}

struct keyed {
        weft_map_t *map; /* one of the two */
        weft_set_t *set;
        weft_key_fn *key;
        const void *argument;
        uint32_t item_bytes;
};

/* 1: it counts. */
static int put(const struct keyed *k, const void *item)
{
        const void *key = item;
        uint32_t bytes = k->item_bytes;
        int rc = k->key ? k->key(item, &key, &bytes, k->argument) : 0;
        if (rc)
                return weft_stream_blame(rc);
        if (k->map)
                rc = weft_map_add(k->map, key, bytes, 1, NULL);
        else
                rc = weft_set_insert(k->set, key, bytes);
        if (rc == -EEXIST)
                return 0;
        return rc ? rc : 1;
}

static int run(weft_stream_t *s, const struct keyed *k, uint64_t *n, uint64_t deadline)
{
        int64_t rc = 0;
        while (!rc) {
                void *items = NULL;
                int64_t got = weft_stream_sip(s, &items, deadline);
                if (got <= 0) {
                        rc = got;
                        break;
                }
                const char *item = items;
                for (int64_t i = 0; i < got && rc >= 0; i++, item += s->item_bytes) {
                        rc = put(k, item);
                        *n += rc == 1;
                }
                rc = rc < 0 ? weft_stream_blame(rc) : 0;
        }
        return (int)weft_stream_sunk(s, rc);
}

static int sink(weft_stream_t *s, const char *who, struct keyed *k, uint64_t *n,
                uint64_t deadline)
{
        uint64_t unasked = 0;
        int rc = 0;
        if (!s || (!k->map && !k->set)) {
                weft_stream_say("%s: an argument is NULL", who);
                rc = -EINVAL;
        } else if (weft_stream_broken(s)) {
                rc = s->over;
        }
        if (rc)
                return (int)weft_stream_sunk(s, rc);
        k->item_bytes = s->item_bytes;
        return run(s, k, n ? n : &unasked, deadline);
}

int weft_stream_to_map(weft_stream_t *s, weft_map_t *map, weft_key_fn *key,
                       const void *argument, uint64_t *n, uint64_t deadline)
{
        struct keyed k = { map, NULL, key, argument, 0 };
        return sink(s, "to_map", &k, n, deadline);
}

int weft_stream_to_set(weft_stream_t *s, weft_set_t *set, weft_key_fn *key,
                       const void *argument, uint64_t *n, uint64_t deadline)
{
        struct keyed k = { NULL, set, key, argument, 0 };
        return sink(s, "to_set", &k, n, deadline);
}
