/* tests/stress/map_linear_stress.c -- a map is linearizable, key by key, whoever dies.
 *
 * As queue_linear_stress: many short rounds, in most of which one process is stepped to a
 * random instruction, stands there while the others run, and is killed or goes on. They
 * ask for a few keys; in between they make the table grow and shrink with others. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/map.h>
#include <weft/weft.h>

#include "runtime/atomic.h"
#include "tests/child.h"
#include "tests/harness/job.h"
#include "tests/harness/linear_map.h"
#include "tests/harness/step.h"

enum { WORKERS = 3, OPERATIONS = 10, LAST = WORKERS + 1, KEYS = 2 };
enum { FILLERS = 160, VALUE_MOST = 200 };
enum { ROUNDS = 3000, ARENA_ROUNDS = 50, DEFAULT_SECONDS = 8 };

static struct linear_log *history_log;
static weft_a32_t *gate; /* how many are ready */
static uint64_t seed;
static weft_arena_t *arena;
static weft_map_t *map; /* of the round */
static bool duel;       /* all want one key, which comes and goes */
static bool eight;      /* with 8-byte keys and values; else each entry in a block */

static uint64_t rnd(void) /* xorshift */
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed;
}

static unsigned below(unsigned n)
{
        return (unsigned)(rnd() % n);
}

static double seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
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

static uint64_t key_of(unsigned key)
{
        return UINT64_C(0x1122334455667788) * (key + 1);
}

static struct linear_event *begin(unsigned process, unsigned what, unsigned key,
                                  uint64_t value, uint64_t extra)
{
        struct linear_event *e =
                linear_begin_with(history_log, process, what, value, extra);
        CHECK(e);
        e->key = (uint8_t)key; /* who is killed before this has not begun */
        return e;
}

static void end(struct linear_event *e, bool done, uint64_t value, uint64_t result)
{
        e->result = result;
        linear_end(history_log, e, done ? LINEAR_DONE : LINEAR_REFUSED, value);
}

static uint64_t versions[KEYS]; /* that this process has seen last */

static void get(unsigned process, unsigned key)
{
        uint64_t k = key_of(key), version = 0;
        struct value value = { .bytes = VALUE_MOST };
        struct linear_event *e = begin(process, LINEAR_MAP_GET, key, 0, 0);
        int rc = weft_map_get(map, &k, 8, value.words, &value.bytes, &version);
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
                rc = weft_map_put(map, &k, 8, value.words, value.bytes);
        else if (what == LINEAR_MAP_INSERT)
                rc = weft_map_insert(map, &k, 8, value.words, value.bytes);
        else
                rc = weft_map_replace(map, &k, 8, value.words, value.bytes);
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
                         ? weft_map_cas(map, &k, 8, value.words, value.bytes, &version)
                         : weft_map_remove_if(map, &k, 8, &version);
        CHECK(rc == 0 || rc == -EAGAIN || (rc == -ENOENT && !e->extra));
        end(e, rc != -EAGAIN, v, version);
        versions[key] = version;
}

static void take_out(unsigned process, unsigned key)
{
        uint64_t k = key_of(key);
        struct linear_event *e = begin(process, LINEAR_MAP_REMOVE, key, 0, 0);
        int rc = weft_map_remove(map, &k, 8);
        CHECK(rc == 0 || rc == -ENOENT);
        end(e, rc == 0, 0, 0);
}

static void get_or_insert(unsigned process, unsigned key, uint64_t v)
{
        uint64_t k = key_of(key);
        struct value value = value_of(v), found = { .bytes = VALUE_MOST };
        struct linear_event *e = begin(process, LINEAR_MAP_GET_OR_INSERT, key, v, 0);
        int rc = weft_map_get_or_insert(map, &k, 8, value.words, value.bytes, found.words,
                                        &found.bytes);
        CHECK(rc == 0 || rc == 1);
        end(e, rc == 1, v, rc ? 0 : read_value(&found));
}

/* The last key is for sums, so that all its values have 8 bytes. */
static void add(unsigned process, uint64_t v)
{
        uint64_t k = key_of(KEYS - 1), now = 0;
        struct linear_event *e = begin(process, LINEAR_MAP_ADD, KEYS - 1, v, 0);
        CHECK(weft_map_add(map, &k, 8, v, &now) == 0);
        end(e, true, v, now);
}

/* Not recorded: other keys, so that tables change. */
static void fill(unsigned n)
{
        while (n--) {
                uint64_t k = rnd() % FILLERS;
                struct value value = value_of(k);
                CHECK(weft_map_put(map, &k, 8, value.words, value.bytes) == 0);
        }
}

static void empty(unsigned n)
{
        while (n--) {
                uint64_t k = rnd() % FILLERS;
                int rc = weft_map_remove(map, &k, 8);
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
                (rnd() % 2 ? fill : empty)(1 + below(24));
                break;
        default:
                get(process, key);
        }
}

static void operate(unsigned process)
{
        seed += process * UINT64_C(0x9e3779b97f4a7c15);
        if (process && rnd() % 3 == 0)
                fill(20 + below(60)); /* so that there is a table to move to */
        for (unsigned i = 0; i < OPERATIONS; i++)
                play_one(process, i);
}

/* Through a mapping of its own that cannot be written. */
static void only_read(unsigned process)
{
        weft_arena_t *own = child_reopen(arena, WEFT_RDONLY);
        CHECK(weft_map_open(own, "m", &map) == 0);
        for (unsigned i = 0; i < OPERATIONS; i++)
                get(process, below(KEYS));
}

static _Noreturn void worker(unsigned process, bool reads)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        cpu_roam();
        (void)weft_add_acq_rel(gate, 1);
        for (int i = 0; weft_load_acq(gate) <= WORKERS && i < 100000; i++)
                weft_pause();
        if (reads)
                only_read(process);
        else
                operate(process);
        _exit(0);
}

/* ---- a round --------------------------------------------------------------------- */

enum fate { UNTRACED, KILLED_FIRST, KILLED_LAST, RESUMED };

static void join_first(struct crash *c)
{
        (void)c;
        CHECK(weft_agent_join(arena) == 0);
}

static void operate_as_0(struct crash *c)
{
        (void)c;
        operate(0);
}

/* Returns whether an operation was cut short. */
static bool play(enum fate fate, struct crash_told *told)
{
        pid_t pid[WORKERS];
        struct tracee t = { 0 };
        struct crash c = { .note = &told->note, .told = told };
        enum tracee_state state = TRACEE_DIED;
        bool reads = rnd() % 4 == 0;

        gate->raw = 0;
        if (fate != UNTRACED) {
                state = tracee_start(&t, &c, rnd() % 4 ? join_first : NULL, operate_as_0);
                CHECK(state == TRACEE_GOES);
                state = tracee_step_to(&t, below(rnd() % 4 ? 1000 : 5000));
                CHECK(state != TRACEE_DIED);
        }
        for (unsigned i = 0; i < WORKERS; i++) {
                pid[i] = fork();
                CHECK(pid[i] >= 0);
                if (pid[i] == 0)
                        worker(i + 1, reads && i == WORKERS - 1);
        }
        if (fate == KILLED_FIRST)
                tracee_kill(&t);
        (void)weft_add_acq_rel(gate, 1);
        for (unsigned i = 0; i < WORKERS; i++) {
                int status;
                CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
        }
        if (fate == RESUMED)
                CHECK(state == TRACEE_ENDED || tracee_finish(&t) == TRACEE_ENDED);
        tracee_kill(&t);
        uint32_t n = history_log->of[0].n;
        return n && !history_log->of[0].event[n - 1].to;
}

static void check_history(int round)
{
        for (unsigned key = 0; key < KEYS; key++) {
                struct linear_history history;
                CHECK(linear_history_of_key(history_log, key, &history));
                history.flags = LINEAR_MAP_GROWS;
                if (linear_check(&linear_map_key, &history))
                        continue;
                fprintf(stderr, "round %d, %s, key %u is not linearizable\n", round,
                        eight ? "8/8" : "blocks", key);
                linear_print_as(&linear_map_key, &history, stderr);
                abort();
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
                int rc = weft_map_get(map, &k, 8, value.words, &value.bytes, NULL);
                CHECK(rc == 0 || rc == -ENOENT);
                if (rc == 0)
                        (void)read_value(&value);
                found += rc == 0;
        }
        CHECK(seen == found && weft_map_count(map) == found);
        CHECK(weft_map_info(map, &info) == 0);
        CHECK(info.entries + 1 >= (uint64_t)found && info.entries <= (uint64_t)found + 1);
}

static int one_round(int round, struct crash_told *told)
{
        enum fate fate = told ? (enum fate)(rnd() % 4) : UNTRACED;
        eight = rnd() % 2;
        duel = rnd() % 2;
        struct weft_map_options options = { .key_bytes = eight ? 8 : 0,
                                            .value_bytes = eight ? 8 : 0 };
        struct weft_recovery report;

        linear_log_clear(history_log);
        memset(versions, 0, sizeof versions);
        CHECK(weft_map_create(arena, "m", &options, &map) == 0);
        fill(below(duel ? 40 : 100));
        int cut = play(fate, told);
        if (rnd() % 2) { /* with the dead settled, or not yet */
                CHECK(weft_arena_recover(arena, &report) == 0 && report.failed == 0);
                linear_settled(history_log);
        }
        for (unsigned key = 0; key < KEYS; key++) {
                get(LAST, key);
                set(LAST, key, LINEAR_MAP_INSERT, 1090);
                get(LAST, key);
                take_out(LAST, key);
                get(LAST, key);
        }
        check_history(round);
        CHECK(weft_arena_recover(arena, &report) == 0 && report.failed == 0);
        check_entries();
        CHECK(weft_object_remove(arena, "m") == 0);
        weft_map_close(map);
        return cut;
}

static void must_be_empty(void)
{
        struct weft_census census;
        CHECK(weft_arena_recover(arena, NULL) == 0);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
}

int main(void)
{
        const char *limit = getenv("WEFT_STRESS_SECONDS"), *given = getenv("WEFT_SEED");
        struct weft_arena_options options = { .max_bytes = UINT64_C(8) << 20 };
        int round = 0, cut = 0;
        double until = seconds() + (limit ? strtod(limit, NULL) : DEFAULT_SECONDS);

        linear_map_selftest();
        seed = given ? strtoull(given, NULL, 0)
                     : (uint64_t)getpid() << 20 ^ (uint64_t)time(NULL);
        seed |= 1;
        printf("WEFT_SEED=%llu\n", (unsigned long long)seed);
        fflush(stdout);
        history_log = linear_log_new();
        cpu_stay();
        struct crash_told *told = tracee_possible() ? common_make(sizeof *told) : NULL;
        if (!told)
                printf("ptrace() is not permitted here: nobody is killed\n");
        gate = common_make(4096);
        for (; (round < ROUNDS || limit) && seconds() < until; round++) {
                if (round % ARENA_ROUNDS == 0) {
                        weft_arena_close(arena);
                        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
                }
                cut += one_round(round, told);
                if (round % ARENA_ROUNDS == ARENA_ROUNDS - 1)
                        must_be_empty();
        }
        must_be_empty();
        weft_arena_close(arena);
        printf("%d histories are linearizable, %d of them with an operation cut short\n",
               round, cut);
        return 0;
}
