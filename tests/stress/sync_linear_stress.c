/* tests/stress/sync_linear_stress.c -- semaphore, mutex and signal are linearizable, whoever
 * dies.
 *
 * As queue_linear_stress: many short rounds, in most of which one process is stepped to a
 * random instruction, stands there while the others run, and is killed or goes on. All of
 * them die in the end, holding what they hold; what they left comes back once. */
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "sync/mutex_internal.h"
#include "tests/check.h"
#include "tests/harness/linear_play.h"
#include "tests/harness/linear_sync.h"

enum { WORKERS = 3, OPERATIONS = 5, LAST = WORKERS + 1 }; /* who comes after them */
enum { MAXIMUM = 5, WORDS = 5 };

static void end(struct linear_event *e, unsigned answer)
{
        linear_end(play_log, e, (enum linear_answer)answer, e->value);
}

static uint64_t some_deadline(void)
{
        switch (play_random() % 3) {
        case 0:
                return WEFT_NOW;
        case 1:
                return 1; /* long ago: it waits, for one round */
        default:
                return weft_after(WEFT_MSEC);
        }
}

/* What a process does for one operation; it knows what it has. */
struct player {
        unsigned process, i;
        uint32_t has; /* permits; the mutex */
        bool inherited;
        uint64_t version; /* that it has seen */
};

/* ---- the semaphore -------------------------------------------------------------- */

static weft_semaphore_t *semaphore;

static void make_semaphore(struct linear_history *h)
{
        struct weft_semaphore_options options = { .value = (uint32_t)(play_random() %
                                                                      (MAXIMUM + 1)),
                                                  .maximum = MAXIMUM,
                                                  .flags = h->flags };
        h->start = options.value;
        h->capacity = MAXIMUM;
        CHECK(weft_semaphore_create(play_arena, "x", &options, &semaphore) == 0);
}

static void take(struct player *p, uint32_t n)
{
        struct linear_event *e = play_begin(p->process, LINEAR_WAIT, n, 0);
        int rc = weft_semaphore_wait_n(semaphore, n, some_deadline());
        CHECK(rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
        p->has += rc ? 0 : n;
}

static void give(struct player *p, uint32_t n)
{
        struct linear_event *e = play_begin(p->process, LINEAR_POST, n, 0);
        int rc = weft_semaphore_post_n(semaphore, n);
        CHECK(rc == 0 || rc == -EOVERFLOW);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
        p->has -= rc ? 0 : n;
}

static void look_at_value(struct player *p)
{
        struct linear_event *e = play_begin(p->process, LINEAR_VALUE, 0, 0);
        int64_t value = weft_semaphore_value(semaphore);
        CHECK(value >= 0);
        e->value = (uint64_t)value;
        end(e, LINEAR_DONE);
}

static void play_plain(struct player *p)
{
        uint32_t n = 1 + play_random() % 2;
        switch (play_random() % 5) {
        case 0:
                look_at_value(p);
                break;
        case 1:
        case 2:
                give(p, n);
                break;
        default:
                take(p, n);
                break;
        }
}

static void play_owned(struct player *p)
{
        uint32_t n = 1 + play_random() % 2;
        if (play_random() % 5 == 0)
                look_at_value(p);
        else if (p->has && play_random() % 2)
                give(p, n < p->has ? n : p->has);
        else
                take(p, n);
}

static void finish_semaphore(struct player *p)
{
        look_at_value(p);
        take(p, 1);
        look_at_value(p);
        if (p->has)
                give(p, p->has);
}

static void close_semaphore(void)
{
        weft_semaphore_close(semaphore);
}

/* ---- the mutex ------------------------------------------------------------------ */

static weft_mutex_t *mutex;

static void make_mutex(struct linear_history *h)
{
        struct weft_mutex_options options = { .flags = h->flags };
        CHECK(weft_mutex_create(play_arena, "x", &options, &mutex) == 0);
        mutex->spin.budget.raw = 1; /* who is stepped shall come to sleep, too */
}

static void lock(struct player *p)
{
        struct linear_event *e = play_begin(p->process, LINEAR_LOCK, 0, 0);
        int rc = weft_mutex_lock(mutex, some_deadline());
        p->has = rc == 0 || rc == -EOWNERDEAD;
        p->inherited = rc == -EOWNERDEAD;
        CHECK(p->has || rc == -EAGAIN || rc == -ETIMEDOUT || rc == -ENOTRECOVERABLE);
        end(e, rc == 0                  ? LINEAR_DONE
               : rc == -EOWNERDEAD      ? LINEAR_INHERITED
               : rc == -ENOTRECOVERABLE ? LINEAR_LOST
                                        : LINEAR_REFUSED);
}

static void unlock(struct player *p)
{
        struct linear_event *e = play_begin(p->process, LINEAR_UNLOCK, 0, 0);
        CHECK(weft_mutex_unlock(mutex) == 0);
        end(e, LINEAR_DONE);
        p->has = 0;
        p->inherited = false;
}

static void make_consistent(struct player *p)
{
        struct linear_event *e = play_begin(p->process, LINEAR_CONSISTENT, 0, 0);
        CHECK(weft_mutex_consistent(mutex) == 0);
        end(e, LINEAR_DONE);
        p->inherited = false;
}

static void reset(struct player *p)
{
        struct linear_event *e = play_begin(p->process, LINEAR_RESET, 0, 0);
        int rc = weft_mutex_reset(mutex);
        CHECK(rc == 0 || rc == -EBUSY);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
}

static void play_mutex(struct player *p)
{
        if (p->inherited && play_random() % 3)
                make_consistent(p);
        else if (p->has)
                unlock(p);
        else if (play_random() % 8 == 0)
                reset(p);
        else
                lock(p);
}

static void finish_mutex(struct player *p)
{
        for (int i = 0; i < 2; i++) {
                lock(p);
                if (p->inherited)
                        make_consistent(p);
                if (p->has)
                        unlock(p);
                reset(p);
        }
}

static void close_mutex(void)
{
        weft_mutex_close(mutex);
}

/* ---- the signal ------------------------------------------------------------------- */

static weft_signal_t *signal_; /* of WORDS words that are alike */

static void make_signal(struct linear_history *h)
{
        uint64_t words[WORDS] = { 0 };
        struct weft_signal_options options = { .bytes = sizeof words, .value = words };
        for (int i = 0; i < WORDS; i++)
                words[i] = 7;
        h->start = 7;
        CHECK(weft_signal_create(play_arena, "x", &options, &signal_) == 0);
}

static void get(struct player *p)
{
        uint64_t words[WORDS];
        struct linear_event *e = play_begin(p->process, LINEAR_GET, 0, 0);
        CHECK(weft_signal_get(signal_, words, &p->version) == 0);
        for (int i = 1; i < WORDS; i++)
                CHECK(words[i] == words[0]); /* not torn */
        e->value = words[0];
        e->result = p->version;
        end(e, LINEAR_DONE);
}

static void set(struct player *p, bool if_unchanged)
{
        uint64_t words[WORDS], value = p->process * 100 + p->i + 8;
        for (int i = 0; i < WORDS; i++)
                words[i] = value;
        struct linear_event *e = play_begin(
                p->process, if_unchanged ? LINEAR_CAS : LINEAR_SET, value, p->version);
        int rc = if_unchanged ? weft_signal_compare_and_set(signal_, words, &p->version)
                              : weft_signal_set(signal_, words, &p->version);
        CHECK(rc == 0 || (rc == -EAGAIN && if_unchanged));
        e->result = p->version;
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
}

static void play_signal(struct player *p)
{
        if (!p->version || play_random() % 3 == 0)
                get(p);
        else
                set(p, play_random() % 2);
}

static void finish_signal(struct player *p)
{
        get(p);
        set(p, true);
        get(p);
}

static void close_signal(void)
{
        weft_signal_close(signal_);
}

/* ---- the games ----------------------------------------------------------------------- */

static const struct game {
        const char *name;
        const struct linear_model *model;
        uint32_t flags; /* the object's, and the history's */
        void (*make)(struct linear_history *h);
        void (*play)(struct player *p);
        void (*finish)(struct player *p);
        void (*close)(void);
} games[] = {
        { "semaphore", &linear_semaphore, 0, make_semaphore, play_plain, finish_semaphore,
          close_semaphore },
        { "owned semaphore", &linear_semaphore, LINEAR_OWNED, make_semaphore, play_owned,
          finish_semaphore, close_semaphore },
        { "mutex", &linear_mutex, 0, make_mutex, play_mutex, finish_mutex, close_mutex },
        { "fair mutex", &linear_mutex, WEFT_MUTEX_FAIR, make_mutex, play_mutex,
          finish_mutex, close_mutex },
        { "signal", &linear_signal, 0, make_signal, play_signal, finish_signal,
          close_signal },
};
enum { GAMES = sizeof games / sizeof *games };

static const struct game *game; /* of the round */

static void operate(unsigned process)
{
        struct player p = { .process = process };
        for (p.i = 0; p.i < OPERATIONS; p.i++)
                game->play(&p);
}

/* ---- a round ------------------------------------------------------------------------- */

static const char *only; /* that game; NULL: any */
static struct linear_history made;

static void make(bool victim)
{
        (void)victim;
        do
                game = &games[play_random() % GAMES];
        while (only && strcmp(only, game->name) != 0);
        made = (struct linear_history){ .flags = game->flags };
        game->make(&made);
}

static uint64_t steps(void)
{
        return play_random() % 1200;
}

static void check(void)
{
        struct player last = { .process = LAST, .i = OPERATIONS };
        if (play_random() % 2) /* with the dead settled, or not yet */
                game->finish(&last);
        play_settle();
        game->finish(&last);
        play_check_all(game->model, &made, game->name);
}

static void close_it(void)
{
        game->close();
}

int main(int argc, char **argv)
{
        static const struct linear_game all = {
                .rounds = 4000,
                .seconds = 6,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .joins = true,
                .death = LINEAR_DEATH,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_it,
        };
        only = argc > 1 ? argv[1] : NULL;
        linear_sync_selftest();
        return play_rounds(&all);
}
