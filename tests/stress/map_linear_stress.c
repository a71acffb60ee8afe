/* tests/stress/map_linear_stress.c -- a map is linearizable, key by key, whoever dies.
 *
 * As queue_linear_stress: many short rounds, in most of which one process is stepped to a
 * random instruction, stands there while the others run, and is killed or goes on. They
 * ask for a few keys; in between they make the table grow and shrink with others. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/map.h>
#include <weft/weft.h>

#include "tests/child.h"
#include "tests/harness/linear_map.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 10, LAST = WORKERS + 1, KEYS = 2 };
enum { FILLERS = 160, VALUE_MOST = 200 };

static weft_map_t *map; /* of the round */
static bool duel;       /* all want one key, which comes and goes */
static bool reads;      /* the last one does nothing else */
static bool eight;      /* with 8-byte keys and values; else each entry in a block */

static unsigned below(unsigned n)
{
        return (unsigned)(play_random() % n);
}

/* ---- operations, recorded ------------------------------------------------------- */

struct value {
        uint64_t words[VALUE_MOST / 8];
        uint64_t bytes;
};

/* What is added to is 8 bytes long; others are as long as they like. */
static struct value value_of(uint64_t v)
{
        struct value value = { .bytes = eight || v >= 1000 ? 8 : 8 + v * 8 % VALUE_MOST };
        value.bytes = value.bytes > VALUE_MOST ? VALUE_MOST : value.bytes;
        for (uint64_t i = 0; i < value.bytes / 8; i++)
                value.words[i] = v + i * 1000000;
        return value;
}

static uint64_t read_value(const struct value *value)
{
        struct value want = value_of(value->words[0]);
        CHECK(value->bytes == want.bytes &&
              !memcmp(value->words, want.words, want.bytes));
        return value->words[0];
}

/* Keys of 24 bytes have a short way in maps of blocks. */
#define KEY(k) ((const uint64_t[3]){ (k), 1, 2 }), eight ? 8 : 24

static uint64_t key_of(unsigned key)
{
        return UINT64_C(0x1122334455667788) * (key + 1);
}

static struct linear_event *begin(unsigned process, unsigned what, unsigned key,
                                  uint64_t value, uint64_t extra)
{
        struct linear_event *e = play_begin(process, what, value, extra);
        e->key = (uint8_t)key; /* who is killed before this has not begun */
        return e;
}

static void end(struct linear_event *e, bool done, uint64_t value, uint64_t result)
{
        e->result = result;
        linear_end(play_log, e, done ? LINEAR_DONE : LINEAR_REFUSED, value);
}

static uint64_t versions[KEYS]; /* that this process has seen last */

static void get(unsigned process, unsigned key)
{
        uint64_t k = key_of(key), version = 0;
        struct value value = { .bytes = VALUE_MOST };
        struct linear_event *e = begin(process, LINEAR_MAP_GET, key, 0, 0);
        int rc = weft_map_get(map, KEY(k), value.words, &value.bytes, &version);
        CHECK(rc == 0 || rc == -ENOENT);
        end(e, rc == 0, rc ? 0 : read_value(&value), rc ? 0 : version);
        CHECK(rc || version);
        versions[key] = rc ? 0 : version;
}

static void set(unsigned process, unsigned key, unsigned what, uint64_t v)
{
        uint64_t k = key_of(key);
        struct value value = value_of(v);
        struct linear_event *e = begin(process, what, key, v, 0);
        int rc;
        if (what == LINEAR_MAP_PUT)
                rc = weft_map_put(map, KEY(k), value.words, value.bytes);
        else if (what == LINEAR_MAP_INSERT)
                rc = weft_map_insert(map, KEY(k), value.words, value.bytes);
        else
                rc = weft_map_replace(map, KEY(k), value.words, value.bytes);
        CHECK(rc == 0 || (rc == -EEXIST && what == LINEAR_MAP_INSERT) ||
              (rc == -ENOENT && what == LINEAR_MAP_REPLACE));
        end(e, rc == 0, v, 0);
}

static void cas(unsigned process, unsigned key, unsigned what, uint64_t v)
{
        uint64_t k = key_of(key), version = versions[key];
        struct value value = value_of(v);
        struct linear_event *e = begin(process, what, key, v, version);
        int rc = what == LINEAR_MAP_CAS
                         ? weft_map_cas(map, KEY(k), value.words, value.bytes, &version)
                         : weft_map_remove_if(map, KEY(k), &version);
        CHECK(rc == 0 || rc == -EAGAIN || (rc == -ENOENT && !e->extra));
        end(e, rc != -EAGAIN, v, version);
        versions[key] = version;
}

static void take_out(unsigned process, unsigned key)
{
        uint64_t k = key_of(key);
        struct linear_event *e = begin(process, LINEAR_MAP_REMOVE, key, 0, 0);
        int rc = weft_map_remove(map, KEY(k));
        CHECK(rc == 0 || rc == -ENOENT);
        end(e, rc == 0, 0, 0);
}

static void get_or_insert(unsigned process, unsigned key, uint64_t v)
{
        uint64_t k = key_of(key);
        struct value value = value_of(v), found = { .bytes = VALUE_MOST };
        struct linear_event *e = begin(process, LINEAR_MAP_GET_OR_INSERT, key, v, 0);
        int rc = weft_map_get_or_insert(map, KEY(k), value.words, value.bytes,
                                        found.words, &found.bytes);
        CHECK(rc == 0 || rc == 1);
        end(e, rc == 1, v, rc ? 0 : read_value(&found));
}

/* The last key is for sums, so that all its values have 8 bytes. */
static void add(unsigned process, uint64_t v)
{
        uint64_t k = key_of(KEYS - 1), now = 0;
        struct linear_event *e = begin(process, LINEAR_MAP_ADD, KEYS - 1, v, 0);
        CHECK(weft_map_add(map, KEY(k), v, &now) == 0);
        end(e, true, v, now);
}

/* Not recorded: other keys, so that tables change. */
static void fill(unsigned n)
{
        while (n--) {
                uint64_t k = play_random() % FILLERS;
                struct value value = value_of(k);
                CHECK(weft_map_put(map, KEY(k), value.words, value.bytes) == 0);
        }
}

static void empty(unsigned n)
{
        while (n--) {
                uint64_t k = play_random() % FILLERS;
                int rc = weft_map_remove(map, KEY(k));
                CHECK(rc == 0 || rc == -ENOENT);
        }
}

static void play_one(unsigned process, unsigned i)
{
        unsigned key = duel ? 0 : below(KEYS);
        uint64_t v = process * 20 + i + 1;
        if (key == KEYS - 1)
                v += 1000;
        switch (!duel ? below(14) : process + i ? below(7) : 2) {
        case 0:
        case 1:
                set(process, key, LINEAR_MAP_PUT, v);
                break;
        case 2:
        case 3:
                set(process, key, LINEAR_MAP_INSERT, v);
                break;
        case 4:
                set(process, key, LINEAR_MAP_REPLACE, v);
                break;
        case 5:
        case 6:
                take_out(process, key);
                break;
        case 7:
                get_or_insert(process, key, v);
                break;
        case 8:
                cas(process, key, LINEAR_MAP_CAS, v);
                break;
        case 9:
                cas(process, key, LINEAR_MAP_REMOVE_IF, 0);
                break;
        case 10:
                add(process, UINT64_C(1000) << i);
                break;
        case 11:
                (play_random() % 2 ? fill : empty)(1 + below(24));
                break;
        default:
                get(process, key);
        }
}

/* Through a mapping of its own that cannot be written. */
static void only_read(unsigned process)
{
        weft_arena_t *own = child_reopen(play_arena, WEFT_RDONLY);
        CHECK(weft_map_open(own, "x", &map) == 0);
        for (unsigned i = 0; i < OPERATIONS; i++)
                get(process, below(KEYS));
}

static void operate(unsigned process)
{
        if (reads && process == WORKERS) {
                only_read(process);
                return;
        }
        if (process && play_random() % 3 == 0)
                fill(20 + below(60)); /* so that there is a table to move to */
        for (unsigned i = 0; i < OPERATIONS; i++)
                play_one(process, i);
}

/* ---- a round --------------------------------------------------------------------- */

static void make(bool victim)
{
        (void)victim;
        eight = play_random() % 2;
        duel = play_random() % 2;
        reads = play_random() % 4 == 0;
        struct weft_map_options options = { .key_bytes = eight ? 8 : 0,
                                            .value_bytes = eight ? 8 : 0 };
        memset(versions, 0, sizeof versions);
        CHECK(weft_map_create(play_arena, "x", &options, &map) == 0);
        fill(below(duel ? 40 : 100));
}

static uint64_t steps(void)
{
        return below(play_random() % 4 ? 1000 : 5000);
}

static void check_histories(void)
{
        for (unsigned key = 0; key < KEYS; key++) {
                struct linear_history history;
                char of[32];
                CHECK(linear_history_of_key(play_log, key, &history));
                history.flags = LINEAR_MAP_GROWS;
                (void)snprintf(of, sizeof of, "%s, key %u", eight ? "8/8" : "blocks",
                               key);
                play_check(&linear_map_key, &history, of);
        }
}

static int count_fillers(const struct weft_map_entry *entry, void *count)
{
        (void)entry;
        ++*(int *)count;
        return 0;
}

/* Each key once; and what get finds is what iteration does. */
static void check_entries(void)
{
        struct weft_map_cursor cursor = { 0 };
        struct weft_map_info info;
        int seen = 0, found = 0;
        CHECK(weft_map_each(map, &cursor, 0, count_fillers, &seen) == 0);
        for (uint64_t i = 0; i < FILLERS + KEYS; i++) {
                uint64_t k = i < FILLERS ? i : key_of((unsigned)(i - FILLERS));
                struct value value = { .bytes = VALUE_MOST };
                int rc = weft_map_get(map, KEY(k), value.words, &value.bytes, NULL);
                CHECK(rc == 0 || rc == -ENOENT);
                if (rc == 0)
                        (void)read_value(&value);
                found += rc == 0;
        }
        CHECK(seen == found && weft_map_count(map) == found);
        CHECK(weft_map_info(map, &info) == 0);
        CHECK(info.entries + 1 >= (uint64_t)found && info.entries <= (uint64_t)found + 1);
}

static void check(void)
{
        if (play_random() % 2) { /* with the dead settled, or not yet */
                play_settle();
                linear_settled(play_log);
        }
        for (unsigned key = 0; key < KEYS; key++) {
                get(LAST, key);
                set(LAST, key, LINEAR_MAP_INSERT, 1090);
                get(LAST, key);
                take_out(LAST, key);
                get(LAST, key);
        }
        check_histories();
        play_settle();
        check_entries();
}

static void close_map(void)
{
        weft_map_close(map);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 3000,
                .seconds = 8,
                .arena_rounds = 50,
                .arena_bytes = UINT64_C(8) << 20,
                .workers = WORKERS,
                .joins = true,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_map,
        };
        linear_map_selftest();
        return play_rounds(&game);
}
