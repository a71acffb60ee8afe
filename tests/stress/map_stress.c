/* tests/stress/map_stress.c -- maps under load, while workers are killed and stopped.
 *
 * Each worker has keys of its own in both kinds of map and notes what it did to them: what
 * was acknowledged must be there, what was cut short may be. In between they add to common
 * sums, fill and empty the maps so that tables change, and read what others put, also in
 * place. In the end nothing is lost, doubled or leaked. */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/map.h>
#include <weft/weft.h>

#include "runtime/atomic.h"
#include "tests/soak.h"

enum { CREW = 4, WORKERS = 8192, KEYS = 6, SUMS = 4, FILLERS = 3000, MAPS = 2 };
enum { EIGHT, BLOCKS };

#ifdef WEFT_TSAN
enum { ROUNDS = 3000, PROCESSES = 0 };
#else
enum { ROUNDS = 20000, PROCESSES = 1 };
#endif

/* Of a worker's key: its value, 0 if it is not there. */
struct own {
        weft_a64_t is;      /* acknowledged */
        weft_a64_t will_be; /* while an operation is at it, and the notes are behind; */
        weft_a32_t doing;
};

static struct notes {
        weft_a32_t workers;
        weft_a64_t added[MAPS][SUMS]; /* acknowledged */
        weft_a64_t adding[WORKERS];   /* map, sum and what is being added; 0: nothing */
        struct own own[WORKERS][MAPS][KEYS];
} * notes;

static weft_arena_t *arena;

struct worker {
        weft_arena_t *arena;
        weft_map_t *map[MAPS];
        uint32_t index;
        uint64_t random, stamp;
};

static uint64_t rnd(struct worker *w)
{
        return soak_random(&w->random);
}

/* ---- values: a word, and what follows from it --------------------------------- */

enum { VALUE_MOST = 600 };

struct value {
        uint64_t words[VALUE_MOST / 8];
        uint64_t bytes;
};

static struct value value_of(int map, uint64_t v)
{
        struct value value = { .bytes = map == EIGHT ? 8 : 16 + v % 73 * 8 };
        for (uint64_t i = 0; i < value.bytes / 8; i++)
                value.words[i] = v * (i + 1);
        return value;
}

static void check_value(int map, const void *at, uint64_t bytes, uint64_t v)
{
        struct value want = value_of(map, v);
        CHECK(bytes == want.bytes && memcmp(at, want.words, bytes) == 0);
}

static int get(struct worker *w, int map, uint64_t key, uint64_t *v, uint64_t *version)
{
        struct value value = { .bytes = VALUE_MOST };
        int rc = weft_map_get(w->map[map], &key, 8, value.words, &value.bytes, version);
        CHECK(rc == 0 || rc == -ENOENT);
        if (rc == 0) {
                *v = value.words[0];
                check_value(map, value.words, value.bytes, *v);
        }
        return rc;
}

static int put(struct worker *w, int map, uint64_t key, uint64_t v)
{
        struct value value = value_of(map, v);
        return weft_map_put(w->map[map], &key, 8, value.words, value.bytes);
}

/* ---- keys of one's own ----------------------------------------------------------- */

static uint64_t own_key(uint32_t worker, unsigned k)
{
        return UINT64_C(1) << 40 | (uint64_t)worker << 8 | k;
}

static void begin(struct own *own, uint64_t will_be)
{
        weft_store_rlx(&own->will_be, will_be);
        weft_store_rel(&own->doing, 1); /* [T] tests only */
}

static void end(struct own *own, uint64_t is)
{
        weft_store_rlx(&own->is, is);
        weft_store_rel(&own->doing, 0); /* [T] */
}

static void change_own(struct worker *w)
{
        int m = (int)(rnd(w) % MAPS), rc;
        unsigned k = (unsigned)(rnd(w) % KEYS);
        struct own *own = &notes->own[w->index][m][k];
        uint64_t key = own_key(w->index, k), is = weft_load_rlx(&own->is), v = 0;
        uint64_t next = (uint64_t)w->index << 20 | ++w->stamp % (1 << 20), version = 0;
        struct value value = value_of(m, next);
        weft_map_t *map = w->map[m];

        rc = get(w, m, key, &v, &version);
        CHECK(is ? rc == 0 && v == is : rc == -ENOENT);
        switch (rnd(w) % 6) {
        case 0:
                begin(own, 0);
                rc = weft_map_remove(map, &key, 8);
                CHECK(rc == (is ? 0 : -ENOENT));
                end(own, 0);
                break;
        case 1:
                begin(own, is ? is : next);
                rc = weft_map_insert(map, &key, 8, value.words, value.bytes);
                CHECK(rc == (is ? -EEXIST : 0));
                end(own, is ? is : next);
                break;
        case 2:
                begin(own, is ? next : 0);
                rc = weft_map_replace(map, &key, 8, value.words, value.bytes);
                CHECK(rc == (is ? 0 : -ENOENT));
                end(own, is ? next : 0);
                break;
        case 3: /* a table that grows may raise it */
                begin(own, next);
                rc = weft_map_cas(map, &key, 8, value.words, value.bytes, &version);
                CHECK(rc == 0 || (rc == -EAGAIN && is && version));
                end(own, rc ? is : next);
                break;
        default:
                begin(own, next);
                CHECK(weft_map_put(map, &key, 8, value.words, value.bytes) == 0);
                end(own, next);
        }
}

/* ---- sums ------------------------------------------------------------------------ */

static uint64_t sum_key(unsigned s)
{
        return UINT64_C(2) << 40 | s;
}

/* Each addition is a 1 in the low half; so the sum says how many there were. */
static void add(struct worker *w)
{
        int m = (int)(rnd(w) % MAPS);
        unsigned s = (unsigned)(rnd(w) % SUMS);
        uint64_t key = sum_key(s), now;
        weft_store_rel(&notes->adding[w->index], 1u + (unsigned)m * SUMS + s); /* [T] */
        CHECK(weft_map_add(w->map[m], &key, 8, 1, &now) == 0);
        (void)weft_add_acq_rel(&notes->added[m][s], 1); /* [T] */
        weft_store_rel(&notes->adding[w->index], 0);    /* [T] */
        CHECK(now > 0);
}

/* ---- what all have ---------------------------------------------------------------- */

static uint64_t filler(uint64_t key)
{
        return key * 31 + 7;
}

/* Makes them full, or empty, so that tables grow and shrink. */
static void flood(struct worker *w)
{
        int m = (int)(rnd(w) % MAPS);
        uint64_t n = rnd(w) % 200, from = rnd(w) % FILLERS, full = rnd(w) % 2;
        for (uint64_t i = 0; i < n; i++) {
                uint64_t key = (from + i) % FILLERS;
                if (full) {
                        CHECK(put(w, m, key, filler(key)) == 0);
                } else {
                        int rc = weft_map_remove(w->map[m], &key, 8);
                        CHECK(rc == 0 || rc == -ENOENT);
                }
        }
}

static void look(struct worker *w)
{
        uint64_t key = rnd(w) % FILLERS, v, version;
        int m = (int)(rnd(w) % MAPS);
        if (get(w, m, key, &v, &version) == 0)
                CHECK(v == filler(key) && version);
}

static void view(struct worker *w)
{
        enum { MOST = 3 };
        struct weft_map_view views[MOST];
        uint64_t key[MOST];
        int n = 0;
        for (int i = 0; i < MOST; i++) {
                key[n] = rnd(w) % FILLERS;
                int rc = weft_map_view(w->map[BLOCKS], &key[n], 8, &views[n]);
                CHECK(rc == 0 || rc == -ENOENT);
                n += rc == 0;
        }
        if (n)
                CHECK(put(w, BLOCKS, key[0], filler(key[0])) == 0);
        if (n > 1) {
                int rc = weft_map_remove(w->map[BLOCKS], &key[1], 8);
                CHECK(rc == 0 || rc == -ENOENT);
        }
        for (int i = 0; i < n; i++) {
                check_value(BLOCKS, views[i].value, views[i].bytes, filler(key[i]));
                weft_map_view_end(w->map[BLOCKS], &views[i]);
        }
}

/* ---- workers ------------------------------------------------------------------------ */

static void open_maps(struct worker *w, weft_arena_t *a)
{
        w->arena = a;
        CHECK(weft_map_open(a, "eight", &w->map[EIGHT]) == 0);
        CHECK(weft_map_open(a, "blocks", &w->map[BLOCKS]) == 0);
        w->index = weft_add_acq_rel(&notes->workers, 1); /* [T] */
        CHECK(w->index < WORKERS);
        w->random = (w->index + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static void work_once(struct worker *w)
{
        switch (rnd(w) % 8) {
        case 0:
                add(w);
                break;
        case 1:
                if (rnd(w) % 16 == 0)
                        flood(w);
                break;
        case 2:
                view(w);
                break;
        case 3:
                look(w);
                break;
        default:
                change_own(w);
        }
}

static void work(void *context)
{
        struct worker w = { 0 };
        (void)context;
        open_maps(&w, child_reopen(arena, WEFT_RDWR));
        for (;;)
                work_once(&w);
}

static void *work_as_thread(void *context)
{
        struct worker w = { 0 };
        (void)context;
        open_maps(&w, arena);
        for (int i = 0; i < ROUNDS; i++)
                work_once(&w);
        weft_map_close(w.map[EIGHT]);
        weft_map_close(w.map[BLOCKS]);
        return NULL;
}

/* ---- afterwards ----------------------------------------------------------------------- */

static void check_own(struct worker *w, uint32_t worker, int m, unsigned k)
{
        struct own *own = &notes->own[worker][m][k];
        uint64_t v = 0, version = 0, is = weft_load_rlx(&own->is);
        if (get(w, m, own_key(worker, k), &v, &version))
                v = 0;
        CHECK(v == is || (weft_load_acq(&own->doing) &&
                          v == weft_load_rlx(&own->will_be))); /* [T] */
}

static void check_sums(struct worker *w, uint32_t workers)
{
        for (int m = 0; m < MAPS; m++)
                for (unsigned s = 0; s < SUMS; s++) {
                        uint64_t key = sum_key(s), sum = 0, maybe = 0, n = 8;
                        uint64_t added = weft_load_rlx(&notes->added[m][s]);
                        for (uint32_t i = 0; i < workers; i++)
                                maybe += weft_load_rlx(&notes->adding[i]) ==
                                         1u + (unsigned)m * SUMS + s;
                        int rc = weft_map_get(w->map[m], &key, 8, &sum, &n, NULL);
                        CHECK(rc == 0 || (rc == -ENOENT && !added));
                        CHECK(sum >= added && sum <= added + maybe);
                }
}

static int count_up(const struct weft_map_entry *entry, void *count)
{
        CHECK(entry->key_bytes == 8 && entry->version);
        ++*(int64_t *)count;
        return 0;
}

static void check_all(struct worker *w)
{
        uint32_t workers = weft_load_rlx(&notes->workers);
        struct weft_arena_info info;
        check_sums(w, workers);
        for (uint32_t i = 0; i < workers; i++)
                for (int m = 0; m < MAPS; m++)
                        for (unsigned k = 0; k < KEYS; k++)
                                check_own(w, i, m, k);
        for (int m = 0; m < MAPS; m++) {
                struct weft_map_cursor cursor = { 0 };
                struct weft_map_info map;
                int64_t n = 0;
                CHECK(weft_map_each(w->map[m], &cursor, 0, count_up, &n) == 0);
                CHECK(weft_map_count(w->map[m]) == n);
                CHECK(weft_map_info(w->map[m], &map) == 0);
                CHECK(map.entries <= (uint64_t)n + workers &&
                      map.entries + workers >= (uint64_t)n);
                CHECK(weft_map_clear(w->map[m]) == n && weft_map_count(w->map[m]) == 0);
        }
        check_whole(arena);
        CHECK(weft_arena_info(arena, &info) == 0 && info.dead == 0);
}

static void begin_all(struct worker *w)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        struct weft_map_options eight = { .key_bytes = 8, .value_bytes = 8 }, any = { 0 };
        weft_map_t *made[MAPS];
        memset(notes, 0, sizeof *notes);
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_map_create(arena, "eight", &eight, &made[EIGHT]) == 0);
        CHECK(weft_map_create(arena, "blocks", &any, &made[BLOCKS]) == 0);
        *w = (struct worker){ 0 };
        open_maps(w, arena);
        weft_map_close(made[EIGHT]);
        weft_map_close(made[BLOCKS]);
}

static void end_all(struct worker *w)
{
        struct weft_census census;
        check_all(w);
        CHECK(weft_object_remove(arena, "eight") == 0);
        CHECK(weft_object_remove(arena, "blocks") == 0);
        weft_map_close(w->map[EIGHT]);
        weft_map_close(w->map[BLOCKS]);
        CHECK(weft_arena_recover(arena, NULL) == 0);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
}

static void crowd(void)
{
        struct worker w;
        pthread_t threads[CREW];
        begin_all(&w);
        for (int i = 0; i < CREW; i++)
                CHECK(pthread_create(&threads[i], NULL, work_as_thread, NULL) == 0);
        for (int i = 0; i < CREW; i++)
                CHECK(pthread_join(threads[i], NULL) == 0);
        end_all(&w);
}

static void massacre(void)
{
        struct soak soak = { .work = work, .crew = CREW };
        struct worker w;
        uint64_t until = soak_until(4);
        begin_all(&w);
        soak_begin(&soak);
        while (weft_after(0) < until && weft_load_rlx(&notes->workers) < WORKERS - CREW)
                soak_step(&soak);
        soak_end(&soak);
        (void)recover_count(arena);
        printf("%u kills, %u stops\n", soak.kills, soak.stops);
        end_all(&w);
}

int main(void)
{
        notes = common_make(sizeof *notes);
        crowd();
        if (PROCESSES)
                massacre();
        return 0;
}
