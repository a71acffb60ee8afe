/* tests/harness/linear_sync.c -- see linear_sync.h. */
#define _GNU_SOURCE
#include <string.h>

#include "tests/harness/linear_sync.h"

static bool refused(const struct linear_event *e)
{
        return e->to && e->answer == LINEAR_REFUSED;
}

static bool is_dead(uint8_t dead, unsigned process)
{
        return dead >> process & 1;
}

/* ---- the semaphore -------------------------------------------------------- */

struct semaphore {
        uint8_t value;
        uint8_t dead; /* bit p: process p has been settled */
        uint8_t held[LINEAR_PROCESSES];
};

static void begin_semaphore(const struct linear_history *h, void *state)
{
        struct semaphore *s = state;
        s->value = (uint8_t)h->start;
}

static bool take(const struct linear_history *h, const struct linear_event *e,
                 struct semaphore *s)
{
        uint8_t n = (uint8_t)e->value;
        if (refused(e))
                return s->value < n;
        if (s->value < n)
                return false;
        s->value = (uint8_t)(s->value - n);
        if (h->flags & LINEAR_OWNED)
                s->held[e->process] = (uint8_t)(s->held[e->process] + n);
        return true;
}

static bool give(const struct linear_history *h, const struct linear_event *e,
                 struct semaphore *s)
{
        uint8_t n = (uint8_t)e->value;
        if (refused(e))
                return s->value + n > (int)h->capacity;
        if (s->value + n > (int)h->capacity)
                return false;
        if (h->flags & LINEAR_OWNED) {
                if (s->held[e->process] < n)
                        return false;
                s->held[e->process] = (uint8_t)(s->held[e->process] - n);
        }
        s->value = (uint8_t)(s->value + n);
        return true;
}

static bool step_semaphore(const struct linear_history *h, const struct linear_event *e,
                           void *state)
{
        struct semaphore *s = state;
        if (e->what == LINEAR_DEATH) {
                s->value = (uint8_t)(s->value + s->held[e->value]);
                s->held[e->value] = 0;
                s->dead = (uint8_t)(s->dead | 1u << e->value);
                return true;
        }
        if (is_dead(s->dead, e->process))
                return false;
        switch (e->what) {
        case LINEAR_WAIT:
                return take(h, e, s);
        case LINEAR_POST:
                return give(h, e, s);
        default:
                return !e->to || s->value == e->value;
        }
}

/* ---- the mutex ------------------------------------------------------------ */

struct mutex {
        uint8_t holder; /* process + 1; 0: free */
        uint8_t inconsistent, lost;
        uint8_t dead;
};

/* One who was killed in lock may have been offered the mutex. It is not free then, and he
 * does not hold it, until he is settled. */
static bool may_be_offered(const struct linear_history *h, const struct mutex *m)
{
        for (size_t i = 0; i < h->n; i++)
                if (h->event[i].what == LINEAR_LOCK && !h->event[i].to &&
                    !is_dead(m->dead, h->event[i].process))
                        return true;
        return false;
}

static bool lock(const struct linear_history *h, const struct linear_event *e,
                 struct mutex *m)
{
        if (refused(e))
                return m->holder || may_be_offered(h, m);
        if (e->to && e->answer == LINEAR_LOST)
                return m->lost;
        if (m->holder || m->lost)
                return false;
        if (e->to && (e->answer == LINEAR_INHERITED) != m->inconsistent)
                return false;
        m->holder = (uint8_t)(e->process + 1);
        return true;
}

static bool unlock(const struct linear_event *e, struct mutex *m)
{
        if (m->holder != e->process + 1)
                return false;
        m->holder = 0;
        m->lost = m->inconsistent;
        m->inconsistent = 0;
        return true;
}

static bool reset(const struct linear_event *e, struct mutex *m)
{
        if (refused(e))
                return !m->lost;
        if (!m->lost)
                return false;
        m->lost = 0;
        return true;
}

static bool step_mutex(const struct linear_history *h, const struct linear_event *e,
                       void *state)
{
        struct mutex *m = state;
        if (e->what == LINEAR_DEATH) {
                if (m->holder == e->value + 1) {
                        m->holder = 0;
                        m->inconsistent = 1;
                }
                m->dead = (uint8_t)(m->dead | 1u << e->value);
                return true;
        }
        if (is_dead(m->dead, e->process))
                return false;
        switch (e->what) {
        case LINEAR_LOCK:
                return lock(h, e, m);
        case LINEAR_UNLOCK:
                return unlock(e, m);
        case LINEAR_RESET:
                return reset(e, m);
        default:
                if (m->holder != e->process + 1 || !m->inconsistent)
                        return false;
                m->inconsistent = 0;
                return true;
        }
}

/* ---- the signal ----------------------------------------------------------- */

struct signal {
        uint64_t value, version;
};

static void begin_signal(const struct linear_history *h, void *state)
{
        struct signal *s = state;
        *s = (struct signal){ h->start, 1 };
}

static bool change(const struct linear_event *e, struct signal *s)
{
        s->value = e->value;
        s->version++;
        return !e->to || e->result == s->version;
}

static bool step_signal(const struct linear_history *h, const struct linear_event *e,
                        void *state)
{
        struct signal *s = state;
        (void)h;
        switch (e->what) {
        case LINEAR_DEATH:
                return true; /* leaves nothing to be seen */
        case LINEAR_SET:
                return change(e, s);
        case LINEAR_CAS:
                if (refused(e))
                        return e->result == s->version && e->extra != s->version;
                return e->extra == s->version && change(e, s);
        default:
                return !e->to || (e->value == s->value && e->result == s->version);
        }
}

/* ---- to be read ------------------------------------------------------------- */

static void tell(const struct linear_event *e, FILE *to)
{
        static const char *const names[] = { "wait",   "post",       "value",   "lock",
                                             "unlock", "consistent", "reset",   "get",
                                             "set",    "cas",        "death of" };
        fprintf(to, "%s %llu", names[e->what - LINEAR_MORE],
                (unsigned long long)e->value);
        if (e->what == LINEAR_CAS)
                fprintf(to, " if %llu", (unsigned long long)e->extra);
        if (e->what >= LINEAR_GET && e->what <= LINEAR_CAS)
                fprintf(to, ", version %llu", (unsigned long long)e->result);
        if (e->to && e->answer == LINEAR_INHERITED)
                fprintf(to, "  inherited");
        if (e->to && e->answer == LINEAR_LOST)
                fprintf(to, "  lost");
}

const struct linear_model linear_semaphore = {
        .name = "semaphore",
        .bytes = sizeof(struct semaphore),
        .begin = begin_semaphore,
        .step = step_semaphore,
        .tell = tell,
};

const struct linear_model linear_mutex = {
        .name = "mutex",
        .bytes = sizeof(struct mutex),
        .step = step_mutex,
        .tell = tell,
};

const struct linear_model linear_signal = {
        .name = "signal",
        .bytes = sizeof(struct signal),
        .begin = begin_signal,
        .step = step_signal,
        .tell = tell,
};

/* ---- their own tests ---------------------------------------------------------- */

/* By process p, from f to t. */
#define EVENT(p, what_, v, f, t) \
        { \
                .from = f, .to = t, .value = v, .what = LINEAR_##what_, .process = p \
        }
#define REFUSED(p, what_, v, f, t) \
        { \
                .from = f, .to = t, .value = v, .what = LINEAR_##what_, .process = p, \
                .answer = LINEAR_REFUSED \
        }
#define LOCKED(p, answer_, f, t) \
        { \
                .from = f, .to = t, .what = LINEAR_LOCK, .process = p, \
                .answer = LINEAR_##answer_ \
        }
#define SIGNAL(what_, v, extra_, result_, f, t) \
        { \
                .from = f, .to = t, .value = v, .what = LINEAR_##what_, .extra = extra_, \
                .result = result_ \
        }
#define STALE(v, extra_, result_, f, t) \
        { \
                .from = f, .to = t, .value = v, .what = LINEAR_CAS, .extra = extra_, \
                .result = result_, .answer = LINEAR_REFUSED \
        }

static const struct linear_known of_semaphores[] = {
        { "taken and given",
          true,
          1,
          0,
          3,
          { EVENT(0, WAIT, 1, 1, 2), EVENT(1, POST, 2, 3, 4),
            EVENT(0, VALUE, 2, 5, 6) } },
        { "taken twice",
          false,
          1,
          0,
          2,
          { EVENT(0, WAIT, 1, 1, 2), EVENT(1, WAIT, 1, 3, 4) } },
        { "taken before it was given",
          false,
          0,
          0,
          2,
          { EVENT(0, WAIT, 1, 1, 2), EVENT(1, POST, 1, 3, 4) } },
        { "taken while it was given",
          true,
          0,
          0,
          2,
          { EVENT(0, WAIT, 1, 1, 4), EVENT(1, POST, 1, 2, 3) } },
        { "refused though there was one", false, 1, 0, 1, { REFUSED(0, WAIT, 1, 1, 2) } },
        { "refused: too few",
          true,
          1,
          0,
          2,
          { REFUSED(0, WAIT, 2, 1, 2), EVENT(0, WAIT, 1, 3, 4) } },
        { "some of them taken",
          false,
          2,
          0,
          2,
          { REFUSED(0, WAIT, 3, 1, 2), EVENT(0, VALUE, 1, 3, 4) } },
        { "past the maximum", false, 3, 0, 1, { EVENT(0, POST, 2, 1, 2) } },
        { "refused: past the maximum", true, 3, 0, 1, { REFUSED(0, POST, 2, 1, 2) } },
        { "a permit is lost",
          false,
          2,
          0,
          2,
          { EVENT(0, POST, 1, 1, 2), EVENT(1, VALUE, 2, 3, 4) } },
        { "killed in post",
          true,
          2,
          0,
          3,
          { EVENT(0, POST, 1, 1, 0), EVENT(1, VALUE, 2, 3, 4),
            EVENT(1, VALUE, 3, 5, 6) } },
        { "half a post",
          false,
          0,
          0,
          2,
          { EVENT(0, POST, 2, 1, 0), EVENT(1, VALUE, 1, 3, 4) } },
        { "plain: the dead have used them up",
          false,
          1,
          0,
          3,
          { EVENT(0, WAIT, 1, 1, 2), EVENT(7, DEATH, 0, 3, 4),
            EVENT(1, WAIT, 1, 5, 6) } },
        { "owned: they come back",
          true,
          1,
          LINEAR_OWNED,
          3,
          { EVENT(0, WAIT, 1, 1, 2), EVENT(7, DEATH, 0, 3, 4),
            EVENT(1, WAIT, 1, 5, 6) } },
        { "owned: not before the death",
          false,
          1,
          LINEAR_OWNED,
          3,
          { EVENT(0, WAIT, 1, 1, 2), EVENT(1, WAIT, 1, 3, 4),
            EVENT(7, DEATH, 0, 5, 6) } },
        { "owned: they come back twice",
          false,
          1,
          LINEAR_OWNED,
          4,
          { EVENT(0, WAIT, 1, 1, 2), EVENT(7, DEATH, 0, 3, 4), EVENT(1, WAIT, 1, 5, 6),
            EVENT(1, WAIT, 1, 7, 8) } },
        { "owned: they do not come back",
          false,
          1,
          LINEAR_OWNED,
          3,
          { EVENT(0, WAIT, 1, 1, 2), EVENT(7, DEATH, 0, 3, 4),
            EVENT(1, VALUE, 0, 5, 6) } },
        { "owned: killed in wait, and they do not come back",
          false,
          1,
          LINEAR_OWNED,
          3,
          { EVENT(0, WAIT, 1, 1, 0), EVENT(7, DEATH, 0, 3, 4),
            EVENT(1, VALUE, 0, 5, 6) } },
        { "owned: killed in wait",
          true,
          1,
          LINEAR_OWNED,
          4,
          { EVENT(0, WAIT, 1, 1, 0), EVENT(7, DEATH, 0, 3, 6), EVENT(1, VALUE, 0, 4, 5),
            EVENT(1, VALUE, 1, 7, 8) } },
        { "owned: gives back more than it has",
          false,
          1,
          LINEAR_OWNED,
          1,
          { EVENT(0, POST, 1, 1, 2) } },
};

static const struct linear_known of_mutexes[] = {
        { "one after the other",
          true,
          0,
          0,
          4,
          { LOCKED(0, DONE, 1, 2), EVENT(0, UNLOCK, 0, 3, 4), LOCKED(1, DONE, 5, 6),
            EVENT(1, UNLOCK, 0, 7, 8) } },
        { "two have it",
          false,
          0,
          0,
          2,
          { LOCKED(0, DONE, 1, 2), LOCKED(1, DONE, 3, 4) } },
        { "handed over",
          true,
          0,
          0,
          3,
          { LOCKED(0, DONE, 1, 2), LOCKED(1, DONE, 3, 6), EVENT(0, UNLOCK, 0, 4, 5) } },
        { "refused, held",
          true,
          0,
          0,
          2,
          { LOCKED(0, DONE, 1, 2), LOCKED(1, REFUSED, 3, 4) } },
        { "refused, free", false, 0, 0, 1, { LOCKED(0, REFUSED, 1, 2) } },
        { "refused, while one gives up",
          false,
          0,
          0,
          2,
          { LOCKED(0, REFUSED, 1, 4), LOCKED(1, REFUSED, 2, 3) } },
        { "unlocked by another",
          false,
          0,
          0,
          2,
          { LOCKED(0, DONE, 1, 2), EVENT(1, UNLOCK, 0, 3, 4) } },
        { "inherited",
          true,
          0,
          0,
          5,
          { LOCKED(0, DONE, 1, 2), EVENT(7, DEATH, 0, 3, 0), LOCKED(1, INHERITED, 4, 5),
            EVENT(1, CONSISTENT, 0, 6, 7), EVENT(1, UNLOCK, 0, 8, 9) } },
        { "nobody is told",
          false,
          0,
          0,
          3,
          { LOCKED(0, DONE, 1, 2), EVENT(7, DEATH, 0, 3, 4), LOCKED(1, DONE, 5, 6) } },
        { "told, and nobody has died", false, 0, 0, 1, { LOCKED(1, INHERITED, 1, 2) } },
        { "told twice",
          false,
          0,
          0,
          6,
          { LOCKED(0, DONE, 1, 2), EVENT(7, DEATH, 0, 3, 0), LOCKED(1, INHERITED, 4, 5),
            EVENT(1, CONSISTENT, 0, 6, 7), EVENT(1, UNLOCK, 0, 8, 9),
            LOCKED(2, INHERITED, 10, 11) } },
        { "lost",
          true,
          0,
          0,
          6,
          { LOCKED(0, DONE, 1, 2), EVENT(7, DEATH, 0, 3, 0), LOCKED(1, INHERITED, 4, 5),
            EVENT(1, UNLOCK, 0, 6, 7), LOCKED(2, LOST, 8, 9),
            EVENT(2, RESET, 0, 10, 11) } },
        { "not lost",
          false,
          0,
          0,
          5,
          { LOCKED(0, DONE, 1, 2), EVENT(7, DEATH, 0, 3, 0), LOCKED(1, INHERITED, 4, 5),
            EVENT(1, UNLOCK, 0, 6, 7), LOCKED(2, DONE, 8, 9) } },
        { "reset, and not lost", false, 0, 0, 1, { EVENT(0, RESET, 0, 1, 2) } },
        { "killed in lock, had it",
          true,
          0,
          0,
          3,
          { LOCKED(0, DONE, 1, 0), EVENT(7, DEATH, 0, 2, 3),
            LOCKED(1, INHERITED, 4, 5) } },
        { "killed in lock, had it not",
          true,
          0,
          0,
          3,
          { LOCKED(0, DONE, 1, 0), EVENT(7, DEATH, 0, 2, 3), LOCKED(1, DONE, 4, 5) } },
        { "killed in lock, settled, and has it",
          false,
          0,
          0,
          3,
          { LOCKED(0, DONE, 1, 0), EVENT(7, DEATH, 0, 2, 3), LOCKED(1, REFUSED, 4, 5) } },
        { "killed in unlock, both",
          false,
          0,
          0,
          4,
          { LOCKED(0, DONE, 1, 2), EVENT(0, UNLOCK, 0, 3, 0), LOCKED(1, DONE, 4, 5),
            LOCKED(2, INHERITED, 6, 7) } },
};

static const struct linear_known of_signals[] = {
        { "set and got",
          true,
          5,
          0,
          3,
          { SIGNAL(GET, 5, 0, 1, 1, 2), SIGNAL(SET, 6, 0, 2, 3, 4),
            SIGNAL(GET, 6, 0, 2, 5, 6) } },
        { "an old value",
          false,
          5,
          0,
          2,
          { SIGNAL(SET, 6, 0, 2, 1, 2), SIGNAL(GET, 5, 0, 1, 3, 4) } },
        { "a value of another version",
          false,
          5,
          0,
          2,
          { SIGNAL(SET, 6, 0, 2, 1, 2), SIGNAL(GET, 5, 0, 2, 3, 4) } },
        { "a version is left out", false, 5, 0, 1, { SIGNAL(SET, 6, 0, 3, 1, 2) } },
        { "one version for two",
          false,
          5,
          0,
          2,
          { SIGNAL(SET, 6, 0, 2, 1, 4), SIGNAL(SET, 7, 0, 2, 2, 3) } },
        { "seen, and then not",
          false,
          5,
          0,
          3,
          { SIGNAL(SET, 6, 0, 2, 1, 8), SIGNAL(GET, 6, 0, 2, 2, 3),
            SIGNAL(GET, 5, 0, 1, 4, 5) } },
        { "compared and set",
          true,
          5,
          0,
          3,
          { SIGNAL(CAS, 6, 1, 2, 1, 2), STALE(7, 1, 2, 3, 4),
            SIGNAL(CAS, 8, 2, 3, 5, 6) } },
        { "set though it was stale",
          false,
          5,
          0,
          2,
          { SIGNAL(SET, 6, 0, 2, 1, 2), SIGNAL(CAS, 7, 1, 3, 3, 4) } },
        { "refused though it was not", false, 5, 0, 1, { STALE(7, 1, 1, 1, 2) } },
        { "both were first",
          false,
          5,
          0,
          2,
          { SIGNAL(CAS, 6, 1, 2, 1, 4), SIGNAL(CAS, 7, 1, 2, 2, 3) } },
        { "killed in set",
          true,
          5,
          0,
          3,
          { SIGNAL(SET, 6, 0, 0, 1, 0), SIGNAL(GET, 5, 0, 1, 2, 3),
            SIGNAL(GET, 6, 0, 2, 4, 5) } },
        { "killed in set, and set twice",
          false,
          5,
          0,
          3,
          { SIGNAL(SET, 6, 0, 0, 1, 0), SIGNAL(SET, 7, 0, 3, 2, 3),
            SIGNAL(GET, 6, 0, 4, 4, 5) } },
        { "a torn value",
          false,
          5,
          0,
          2,
          { SIGNAL(SET, 6, 0, 0, 1, 0), SIGNAL(GET, 4, 0, 2, 2, 3) } },
};

void linear_sync_selftest(void)
{
        linear_test(&linear_semaphore, 4, of_semaphores,
                    sizeof of_semaphores / sizeof *of_semaphores);
        linear_test(&linear_mutex, 0, of_mutexes, sizeof of_mutexes / sizeof *of_mutexes);
        linear_test(&linear_signal, 0, of_signals,
                    sizeof of_signals / sizeof *of_signals);
}
