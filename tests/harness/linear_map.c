/* tests/harness/linear_map.c -- see linear_map.h. */
#define _GNU_SOURCE
#include <string.h>

#include "tests/harness/linear_map.h"

/* `version` is the last one that anybody was told, `changed`: it is larger now. */
struct key {
        uint64_t value, version;
        uint64_t there, changed;
};

static bool refused(const struct linear_event *e)
{
        return e->to && e->answer == LINEAR_REFUSED;
}

static void set(struct key *k, uint64_t value)
{
        k->value = value;
        k->there = 1;
        k->changed = 1;
}

static void clear(struct key *k)
{
        k->value = 0;
        k->there = 0;
        k->changed = 1;
}

/* Can the version be `told`? Then it is. */
static bool tell_version(const struct linear_history *h, struct key *k, uint64_t told)
{
        bool grows = h->flags & LINEAR_MAP_GROWS;
        if (k->changed || !k->version
                    ? told <= k->version
                    : told < k->version || (told > k->version && !grows))
                return false;
        k->version = told;
        k->changed = 0;
        return true;
}

/* One that failed, and one that has not returned and changed nothing, are the same. */
static bool cas(const struct linear_history *h, const struct linear_event *e,
                struct key *k)
{
        uint64_t want = e->extra, told = e->result;
        if (refused(e))
                return k->there ? told != want && told && tell_version(h, k, told)
                                : told == 0 && want != 0;
        if (want ? !k->there || !tell_version(h, k, want) : k->there != 0)
                return false;
        if (e->what == LINEAR_MAP_CAS)
                set(k, e->value);
        else if (want)
                clear(k);
        if (!e->to)
                return true;
        return e->what == LINEAR_MAP_REMOVE_IF ? told == 0 : tell_version(h, k, told);
}

static bool get(const struct linear_history *h, const struct linear_event *e,
                struct key *k)
{
        if (!e->to)
                return true;
        if (refused(e))
                return !k->there;
        return k->there && k->value == e->value &&
               (!e->result || tell_version(h, k, e->result));
}

static bool add(const struct linear_event *e, struct key *k)
{
        set(k, (k->there ? k->value : 0) + e->value);
        return !e->to || e->result == k->value;
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        struct key *k = state;
        bool there = k->there;
        switch (e->what) {
        case LINEAR_MAP_GET:
                return get(h, e, k);
        case LINEAR_MAP_PUT:
                set(k, e->value);
                return true;
        case LINEAR_MAP_INSERT:
        case LINEAR_MAP_GET_OR_INSERT:
                if (refused(e))
                        return there &&
                               (e->what == LINEAR_MAP_INSERT || e->result == k->value);
                if (!there)
                        set(k, e->value);
                return !there;
        case LINEAR_MAP_REPLACE:
                if (there && !refused(e))
                        set(k, e->value);
                return there != refused(e);
        case LINEAR_MAP_REMOVE:
                if (there && !refused(e))
                        clear(k);
                return there != refused(e);
        case LINEAR_MAP_ADD:
                return add(e, k);
        default:
                return cas(h, e, k);
        }
}

static void tell(const struct linear_event *e, FILE *to)
{
        static const char *const names[] = { "get",       "put",    "insert",
                                             "replace",   "remove", "cas",
                                             "remove_if", "add",    "get_or_insert" };
        fprintf(to, "key %u %-13s value %llu extra %llu result %llu", e->key,
                names[e->what - LINEAR_MAP_GET], (unsigned long long)e->value,
                (unsigned long long)e->extra, (unsigned long long)e->result);
}

const struct linear_model linear_map_key = {
        .name = "key of a map",
        .bytes = sizeof(struct key),
        .step = step,
        .tell = tell,
};

bool linear_history_of_key(const struct linear_log *log, unsigned key,
                           struct linear_history *h)
{
        *h = (struct linear_history){ .n = 0 };
        for (int p = 0; p < LINEAR_PROCESSES; p++)
                for (uint32_t i = 0; i < log->of[p].n; i++) {
                        if (log->of[p].event[i].key != key)
                                continue;
                        if (h->n == LINEAR_EVENTS)
                                return false;
                        h->event[h->n++] = log->of[p].event[i];
                }
        return true;
}

/* ---- its own test -------------------------------------------------------- */

#define EVENT(w, a, v, x, r, f, t) \
        { \
                .from = f, .to = t, .value = v, .what = LINEAR_MAP_##w, \
                .answer = LINEAR_##a, .extra = x, .result = r \
        }
#define GOT(v, r, f, t) EVENT(GET, DONE, v, 0, r, f, t)
#define NONE(f, t) EVENT(GET, REFUSED, 0, 0, 0, f, t)
#define PUT(v, f, t) EVENT(PUT, DONE, v, 0, 0, f, t)
#define KILLED_PUT(v, f, b) \
        { \
                .from = f, .by = b, .value = v, .what = LINEAR_MAP_PUT \
        }
#define REMOVE(f, t) EVENT(REMOVE, DONE, 0, 0, 0, f, t)
#define INSERT(a, v, f, t) EVENT(INSERT, a, v, 0, 0, f, t)
#define CAS(a, v, x, r, f, t) EVENT(CAS, a, v, x, r, f, t)
#define ADD(v, r, f, t) EVENT(ADD, DONE, v, 0, r, f, t)
#define G LINEAR_MAP_GROWS

static const struct linear_known known[] = {
        { "in order",
          true,
          0,
          0,
          4,
          { NONE(1, 2), PUT(7, 3, 4), GOT(7, 1, 5, 6), REMOVE(7, 8) } },
        { "lost put", false, 0, 0, 2, { PUT(7, 1, 2), NONE(3, 4) } },
        { "late get", true, 0, 0, 2, { PUT(7, 1, 4), NONE(2, 3) } },
        { "came back", false, 0, 0, 3, { PUT(7, 1, 2), REMOVE(3, 4), GOT(7, 0, 5, 6) } },
        { "two inserted",
          false,
          0,
          0,
          2,
          { INSERT(DONE, 1, 1, 3), INSERT(DONE, 2, 2, 4) } },
        { "one inserted",
          true,
          0,
          0,
          3,
          { INSERT(REFUSED, 1, 1, 3), INSERT(DONE, 2, 2, 4), GOT(2, 5, 5, 6) } },
        { "put twice",
          false,
          0,
          0,
          4,
          { PUT(1, 1, 2), REMOVE(3, 4), REMOVE(5, 6), NONE(7, 8) } },
        { "killed, happened", true, 0, 0, 2, { PUT(7, 1, 0), GOT(7, 0, 2, 3) } },
        { "killed, did not", true, 0, 0, 2, { PUT(7, 1, 0), NONE(2, 3) } },
        { "killed, did and then did not",
          false,
          0,
          0,
          3,
          { PUT(7, 1, 0), GOT(7, 0, 2, 3), NONE(4, 5) } },
        { "killed, settled, and then it did",
          false,
          0,
          0,
          3,
          { KILLED_PUT(7, 1, 4), NONE(5, 6), GOT(7, 0, 7, 8) } },
        { "killed, did it, settled",
          true,
          0,
          0,
          2,
          { KILLED_PUT(7, 1, 4), GOT(7, 0, 5, 6) } },
        { "version of a changed one",
          false,
          0,
          0,
          4,
          { PUT(1, 1, 2), GOT(1, 3, 3, 4), PUT(1, 5, 6), GOT(1, 3, 7, 8) } },
        { "version of one that was not there meanwhile",
          false,
          0,
          0,
          5,
          { PUT(1, 1, 2), GOT(1, 3, 3, 4), REMOVE(5, 6), PUT(1, 7, 8),
            GOT(1, 3, 9, 10) } },
        { "cas of an old version",
          false,
          0,
          G,
          5,
          { PUT(1, 1, 2), GOT(1, 3, 3, 4), REMOVE(5, 6), PUT(1, 7, 8),
            CAS(DONE, 2, 3, 4, 9, 10) } },
        { "cas of the version",
          true,
          0,
          0,
          4,
          { PUT(1, 1, 2), GOT(1, 3, 3, 4), CAS(DONE, 2, 3, 4, 5, 6), GOT(2, 4, 7, 8) } },
        { "cas refused for nothing",
          false,
          0,
          0,
          3,
          { PUT(1, 1, 2), GOT(1, 3, 3, 4), CAS(REFUSED, 2, 3, 4, 5, 6) } },
        { "the table has grown",
          true,
          0,
          G,
          3,
          { PUT(1, 1, 2), GOT(1, 3, 3, 4), CAS(REFUSED, 2, 3, 4, 5, 6) } },
        { "cas of what is not there",
          true,
          0,
          0,
          3,
          { NONE(1, 2), CAS(DONE, 2, 0, 4, 3, 4), CAS(REFUSED, 3, 0, 4, 5, 6) } },
        { "both sums",
          true,
          0,
          0,
          3,
          { ADD(1, 3, 1, 4), ADD(2, 2, 2, 3), GOT(3, 0, 5, 6) } },
        { "a sum is lost",
          false,
          0,
          0,
          3,
          { ADD(1, 1, 1, 4), ADD(2, 2, 2, 3), GOT(2, 0, 5, 6) } },
};

void linear_map_selftest(void)
{
        linear_test(&linear_map_key, 0, known, sizeof known / sizeof *known);
}
