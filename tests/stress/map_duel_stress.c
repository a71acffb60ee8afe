/* tests/stress/map_duel_stress.c -- a crew that wants the same few keys, all the time: each comes
 * to an end, also while one of them is stopped somewhere in between; and what was put in is what
 * was taken out and what is there. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>

#include <weft/map.h>
#include <weft/weft.h>

#include "runtime/atomic.h"
#include "tests/soak.h"

enum { CREW = 4, KEYS = 4, FILLERS = 16 };
enum { LAPS = 50, STOPS = 8, AHEAD = 300 }; /* operations that each does at least */

static weft_arena_t *arena;
static weft_map_t *map;

static struct shared {
        struct {
                weft_a64_t done; /* operations */
                weft_a64_t sum;  /* put in less taken out, for each key: modulo 2^64 */
                uint64_t spare[14];
        } of[CREW];
        weft_a64_t over;
        weft_a64_t round, ready, won, through; /* of the race */
} * shared;

static uint64_t key_of(unsigned k)
{
        return UINT64_C(0x1122334455667788) * k; /* 0 is one */
}

/* Who has ended before all do has failed; the others would wait for him. */
static void all_are_alive(void)
{
        CHECK(waitpid(-1, NULL, WNOHANG) <= 0);
}

/* ---- the race: who is the first? ------------------------------------------------- */

static void wait_for(weft_a64_t *at, uint64_t value)
{
        for (int i = 0; weft_load_acq(at) < value; i++) { /* [T] tests only */
                if (i % 1000 != 999)
                        continue;
                all_are_alive();
                sched_yield();
        }
}

/* All at once want a key that was never there, or was, and is not. */
static void run(void *who)
{
        uint64_t me = (uint64_t) * (int *)who;
        for (uint64_t round = 1;; round++) {
                uint64_t key = 1000 + (round & 1 ? round : round % 32), value;
                wait_for(&shared->round, round);
                if (weft_load_acq(&shared->over)) /* [T] */
                        break;
                (void)weft_add_acq_rel(&shared->ready, 1); /* [T] */
                wait_for(&shared->ready, round * CREW);
                for (uint64_t i = 0; i < (round * (me + 3)) % 8; i++)
                        __asm__ volatile("" ::: "memory");
                int rc = weft_map_insert64(map, key, me + 1);
                CHECK(rc == 0 || rc == -EEXIST);
                if (rc == 0)
                        (void)weft_add_acq_rel(&shared->won, 1); /* [T] */
                CHECK(weft_map_get64(map, key, &value) == 0);
                CHECK(value > 0 && value <= CREW && (rc || value == me + 1));
                (void)weft_add_acq_rel(&shared->through, 1); /* [T] */
        }
}

static void race(uint64_t until)
{
        int who[CREW];
        pid_t pids[CREW];
        uint64_t round = 0;
        for (int i = 0; i < CREW; i++) {
                who[i] = i;
                pids[i] = child_start(run, &who[i]);
        }
        while (weft_now() < until || round < LAPS) {
                weft_store_rel(&shared->round, ++round); /* [T] */
                wait_for(&shared->through, round * CREW);
                CHECK(weft_load_acq(&shared->won) == round); /* [T] */
                CHECK(weft_map_remove64(map, 1000 + (round & 1 ? round : round % 32)) ==
                      0);
                CHECK(weft_map_count(map) == FILLERS);
        }
        weft_store_rel(&shared->over, 1); /* [T] */
        weft_store_rel(&shared->round, round + 1);
        for (int i = 0; i < CREW; i++)
                CHECK(child_end(pids[i]) == 0);
        printf("%llu rounds\n", (unsigned long long)round);
}

/* ---- the duel: all of all kinds ---------------------------------------------------- */

struct party {
        int me;
        uint64_t random, sum;
        uint64_t version[KEYS], value[KEYS]; /* as it saw them last */
};

/* A version belongs to one value, and is never followed by a smaller one. */
static int get(struct party *p, unsigned k, uint64_t *value, uint64_t *version)
{
        uint64_t key = key_of(k), room = 8;
        int rc = weft_map_get(map, &key, 8, value, &room, version);
        CHECK(rc == 0 || rc == -ENOENT);
        if (rc)
                return rc;
        CHECK(*version && *version >= p->version[k]);
        CHECK(*version > p->version[k] || *value == p->value[k]);
        p->version[k] = *version;
        p->value[k] = *value;
        return 0;
}

static void change(struct party *p)
{
        uint64_t x = soak_random(&p->random), v = x >> 32, value = 0, version = 0;
        unsigned k = (unsigned)(x % KEYS);
        uint64_t key = key_of(k);
        int rc = 0;
        switch ((x >> 8) % 6) {
        case 0:
        case 1:
                rc = weft_map_insert(map, &key, 8, &v, 8);
                p->sum += rc ? 0 : v;
                CHECK(rc == 0 || rc == -EEXIST);
                break;
        case 2:
                CHECK(weft_map_add(map, &key, 8, v, NULL) == 0);
                p->sum += v;
                break;
        case 3:
                if (get(p, k, &value, &version))
                        value = version = 0; /* something may have been copied out */
                rc = weft_map_cas(map, &key, 8, &v, 8, &version);
                p->sum += rc ? 0 : v - value;
                CHECK(rc == 0 || rc == -EAGAIN);
                break;
        default:
                if (get(p, k, &value, &version))
                        break;
                rc = weft_map_remove_if(map, &key, 8, &version);
                p->sum -= rc ? 0 : value;
                CHECK(rc == 0 || rc == -EAGAIN);
        }
}

static void fight(void *who)
{
        struct party p = { .me = *(int *)who };
        p.random = ((uint64_t)getpid() << 8) * 2654435761u + (uint64_t)p.me + 1;
        while (!weft_load_acq(&shared->over)) { /* [T] */
                change(&p);
                (void)weft_add_acq_rel(&shared->of[p.me].done, 1); /* [T] */
        }
        weft_store_rel(&shared->of[p.me].sum, p.sum); /* [T] */
}

static void all_do_more(int but)
{
        uint64_t was[CREW];
        for (int i = 0; i < CREW; i++)
                was[i] = weft_load_acq(&shared->of[i].done); /* [T] */
        for (int i = 0; i < CREW; i++)
                while (i != but &&
                       weft_load_acq(&shared->of[i].done) < was[i] + AHEAD) { /* [T] */
                        all_are_alive();
                        usleep(200);
                }
}

static void duel(uint64_t until)
{
        int who[CREW];
        pid_t pids[CREW];
        uint64_t random = (uint64_t)getpid() | 1, sum = 0;
        for (int i = 0; i < CREW; i++) {
                who[i] = i;
                pids[i] = child_start(fight, &who[i]);
        }
        for (int stops = 0; weft_now() < until || stops < STOPS; stops++) {
                int i = (int)(soak_random(&random) % CREW);
                all_do_more(-1);
                CHECK(kill(pids[i], SIGSTOP) == 0);
                all_do_more(i);
                CHECK(kill(pids[i], SIGCONT) == 0);
        }
        weft_store_rel(&shared->over, 1); /* [T] */
        for (int i = 0; i < CREW; i++) {
                CHECK(child_end(pids[i]) == 0);
                sum += weft_load_acq(&shared->of[i].sum); /* [T] */
                printf("%llu ", (unsigned long long)weft_load_rlx(&shared->of[i].done));
        }
        printf("operations\n");
        int64_t there = 0;
        for (unsigned k = 0; k < KEYS; k++) {
                uint64_t key = key_of(k), value = 0, room = 8;
                int rc = weft_map_get(map, &key, 8, &value, &room, NULL);
                CHECK(rc == 0 || rc == -ENOENT);
                there += rc == 0;
                sum -= value;
        }
        CHECK(sum == 0);
        CHECK(weft_map_count(map) == FILLERS + there);
}

/* ---- both, in maps of both kinds ------------------------------------------------------- */

static void play(void (*game)(uint64_t until), uint32_t value_bytes)
{
        struct weft_arena_options ao = { .max_bytes = 64 << 20 };
        struct weft_map_options o = { .key_bytes = 8, .value_bytes = value_bytes };
        struct weft_census census;
        memset(shared, 0, sizeof *shared);
        CHECK(weft_arena_create(NULL, &ao, &arena) == 0);
        CHECK(weft_map_create(arena, "m", &o, &map) == 0);
        for (uint64_t i = 1; i <= FILLERS; i++)
                CHECK(weft_map_put(map, &i, 8, &i, 8) == 0);
        game(soak_until(1));
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "m") == 0);
        weft_map_close(map);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
}

int main(void)
{
        shared = common_make(sizeof *shared);
        play(race, 8);
        play(duel, 8);
        play(duel, 0);
        return 0;
}
