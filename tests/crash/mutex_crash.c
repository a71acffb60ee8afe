/* tests/crash/mutex_crash.c -- mutexes: made, locked and unlocked, inherited, given up. */
#include "tests/crash/mutex_kit.h"

enum { VICTIM = 1, SURVIVOR = 2, DEAD = 9 };

/* What the next one to lock may be told, as bits. */
enum { FREE = 1, INHERITS = 2, LOST = 4 };

/* What a case says, beside its flags (arg[0]). */
enum { IF_DONE = 1, IF_NOT = 2, SAYS = 3 };

/* Of word[]: a survivor has had the mutex; beside a victim that stood. */
enum { HAD = 5, HAD_BESIDE };

static struct weft_mutex_shared *header_of(const struct crash *c)
{
        return mutex_of(c)->handle.sh;
}

/* ---- how it is before ------------------------------------------------------- */

static void not_joined(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

static void hold(struct crash *c)
{
        go_in(c, weft_mutex_lock(mutex_of(c), WEFT_NOW), VICTIM);
}

static void hold_thrice(struct crash *c)
{
        hold(c);
        for (int i = 0; i < 2; i++)
                WEFT_MUST(c, weft_mutex_lock(mutex_of(c), WEFT_NOW));
}

static void die_holding(struct crash *c)
{
        go_in(c, weft_mutex_lock(mutex_of(c), WEFT_NOW), DEAD);
}

static void stand_in_line(struct crash *c)
{
        struct weft_agent *agent;
        WEFT_MUST(c, weft_handle_enter(&mutex_of(c)->handle, &agent));
        weft_line_enter(mutex_of(c)->line, agent->sig);
        (void)weft_wait_count_in(&header_of(c)->wait);
}

static void after_a_death(struct crash *c)
{
        weft_kit_join(c);
        weft_kit_corpse(c, die_holding);
}

static void inherited(struct crash *c)
{
        after_a_death(c);
        CRASH_MUST(c, CRASH_BROKEN,
                   weft_mutex_lock(mutex_of(c), WEFT_NOW) == -EOWNERDEAD);
}

static void hold_before_the_dead(struct crash *c) /* in line */
{
        hold(c);
        weft_kit_corpse(c, stand_in_line);
}

static void hold_before_two_dead(struct crash *c)
{
        hold_before_the_dead(c);
        weft_kit_corpse(c, stand_in_line);
}

static int repair(void *context)
{
        struct crash *c = context;
        weft_store_rel(word(c, INSIDE), 0);
        return (int)c->self->arg[SAYS];
}

static void after_a_death_with_a_function(struct crash *c)
{
        after_a_death(c);
        weft_mutex_on_death(mutex_of(c), repair, c);
}

static void setup_lost(struct crash *c)
{
        setup(c);
        open_both(c);
        inherited(c);
        WEFT_MUST(c, weft_mutex_unlock(mutex_of(c)));
        weft_store_rel(word(c, INSIDE), 0);
        weft_agent_leave(arena_of(c));
}

/* The host lives on: it holds it, or it stands in the line. */
static void setup_held(struct crash *c)
{
        setup(c);
        open_both(c);
        go_in(c, weft_mutex_lock(mutex_of(c), WEFT_NOW), DEAD);
}

static void setup_waited_for(struct crash *c)
{
        setup(c);
        open_both(c);
        stand_in_line(c);
}

static void setup_nothing(struct crash *c)
{
        weft_kit_create(c);
}

/* ---- the operations ---------------------------------------------------------- */

static void op_lock(struct crash *c)
{
        c->note->rc = weft_mutex_lock(mutex_of(c), WEFT_NEVER);
}

static void op_trylock(struct crash *c)
{
        c->note->rc = weft_mutex_trylock(mutex_of(c));
}

static void op_give_up(struct crash *c)
{
        c->note->rc = weft_mutex_lock(mutex_of(c), 1); /* long ago */
}

static void op_unlock(struct crash *c)
{
        c->note->rc = weft_mutex_unlock(mutex_of(c));
}

static void op_go_out(struct crash *c) /* with the word that it protects */
{
        weft_store_rel(word(c, INSIDE), 0);
        c->note->rc = weft_mutex_unlock(mutex_of(c));
}

static void op_consistent(struct crash *c)
{
        c->note->rc = weft_mutex_consistent(mutex_of(c));
}

static void op_reset(struct crash *c)
{
        c->note->rc = weft_mutex_reset(mutex_of(c));
}

static void op_close(struct crash *c)
{
        weft_mutex_close(mutex_of(c));
}

static void op_leave(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

static void make(struct crash *c, bool or_open)
{
        struct weft_mutex_options options = { .flags = (uint32_t)c->self->arg[0] };
        weft_mutex_t *mutex;
        c->note->rc =
                or_open ? weft_mutex_create_or_open(arena_of(c), "m", &options, &mutex)
                        : weft_mutex_create(arena_of(c), "m", &options, &mutex);
}

static void op_create(struct crash *c)
{
        make(c, false);
}

static void op_create_or_open(struct crash *c)
{
        make(c, true);
}

static void op_open(struct crash *c)
{
        weft_mutex_t *mutex;
        c->note->rc = weft_mutex_open(arena_of(c), "m", &mutex);
}

/* ---- the others ---------------------------------------------------------------- */

static unsigned bit_of(int rc)
{
        return rc == 0                  ? FREE
               : rc == -EOWNERDEAD      ? INHERITS
               : rc == -ENOTRECOVERABLE ? LOST
                                        : 0;
}

/* Is the next one told what he must be? */
static void judge(struct crash *c, int rc)
{
        unsigned may = (unsigned)c->self->arg[c->note->done ? IF_DONE : IF_NOT];
        if (c->word[HAD])
                may = FREE;
        else if (c->word[HAD_BESIDE])
                may |= FREE | INHERITS; /* who then did its work on a free one */
        if (!(bit_of(rc) & may))
                crash_fail(c, rc == -ETIMEDOUT ? CRASH_WEDGED : CRASH_BROKEN,
                           "the next one is told %d", rc);
        if (c->note->done && c->how == CRASH_KILLED &&
            c->note->rc != (int64_t)c->self->arg[SAYS])
                crash_fail(c, CRASH_BROKEN, "it was told %lld", (long long)c->note->rc);
}

static void pass_through(struct crash *c, int rc)
{
        judge(c, rc);
        if (rc == -ENOTRECOVERABLE) {
                WEFT_MUST(c, weft_mutex_reset(mutex_of(c)));
                weft_store_rel(word(c, INSIDE), 0);
                return;
        }
        go_in(c, rc, SURVIVOR);
        go_out(c, SURVIVOR);
}

/* Stopped, it holds up whoever waits for it, but not who tries; the host, who lives, too. */
static void survive_beside_the_living(struct crash *c)
{
        int rc = weft_mutex_trylock(mutex_of(c));
        if (rc == -EAGAIN || rc == -ENOTRECOVERABLE)
                return;
        if (rc && rc != -EOWNERDEAD)
                crash_fail(c, CRASH_BROKEN, "beside it one is told %d", rc);
        go_in(c, rc, SURVIVOR);
        go_out(c, SURVIVOR);
        c->word[HAD_BESIDE] = 1;
}

static void survive(struct crash *c)
{
        struct weft_mutex_info info;
        WEFT_MUST(c, weft_mutex_info(mutex_of(c), &info));
        if (c->how == CRASH_STOPPED || c->self->flags & CRASH_KEEP_HOST) {
                survive_beside_the_living(c);
                return;
        }
        pass_through(c, weft_mutex_lock(mutex_of(c), weft_after(2 * WEFT_SEC)));
        c->word[HAD] = 1;
}

static void verify(struct crash *c)
{
        for (int i = 0; i < 2; i++) {
                pass_through(c, weft_mutex_lock(mutex_of(c), weft_after(2 * WEFT_SEC)));
                c->word[HAD] = 1;
        }
        must_be_clean(c);
}

static void survive_made(struct crash *c)
{
        weft_mutex_t *mutex;
        struct weft_mutex_options options = { .flags = (uint32_t)c->self->arg[0] };
        WEFT_MUST(c, weft_mutex_create_or_open(arena_of(c), "m", &options, &mutex));
        WEFT_MUST(c, weft_mutex_lock(mutex, weft_after(WEFT_SEC)));
        WEFT_MUST(c, weft_mutex_unlock(mutex));
        weft_mutex_close(mutex);
}

static void verify_made(struct crash *c)
{
        survive_made(c);
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "m"));
        if (c->self->setup == setup)
                WEFT_MUST(c, weft_object_remove(arena_of(c), "w"));
        weft_kit_nothing_left(c, 0);
}

#define CASE(...) CASE_(__VA_ARGS__) /* the last two are one macro */
#define CASE_(name_, flags_, prepare_, victim_, if_done, if_not, says, setup_, how_) \
        { \
                .name = "mutex/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_both, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = verify, \
                .arg = { (flags_), (if_done), (if_not), (uint64_t)(int64_t)(says) }, \
                .flags = (how_) \
        }

#define MADE(name_, flags_, victim_, setup_) \
        { \
                .name = "mutex/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = weft_kit_open, .prepare = weft_kit_join, .victim = (victim_), \
                .survive = survive_made, .verify = verify_made, \
                .arg = {(flags_) } \
        }

#define FAIR WEFT_MUTEX_FAIR
#define RECURSIVE WEFT_MUTEX_RECURSIVE
#define PLAIN setup, 0
#define HELD setup_held, CRASH_KEEP_HOST
#define WAITED_FOR setup_waited_for, CRASH_KEEP_HOST

static const struct crash_case cases[] = {
        CASE("lock/free", 0, weft_kit_join, op_lock, INHERITS, FREE | INHERITS, 0, PLAIN),
        CASE("lock/free, joining", 0, not_joined, op_lock, INHERITS, FREE | INHERITS, 0,
             PLAIN),
        CASE("fair/lock/free", FAIR, weft_kit_join, op_lock, INHERITS, FREE | INHERITS, 0,
             PLAIN),
        CASE("lock/recursive", RECURSIVE, hold_thrice, op_lock, INHERITS, INHERITS, 0,
             PLAIN),
        CASE("trylock/held", 0, weft_kit_join, op_trylock, INHERITS, INHERITS, -EAGAIN,
             HELD),
        CASE("lock/held, gives up", 0, weft_kit_join, op_give_up, INHERITS, INHERITS,
             -ETIMEDOUT, HELD),
        CASE("fair/lock/held, gives up", FAIR, weft_kit_join, op_give_up, INHERITS,
             INHERITS, -ETIMEDOUT, HELD),
        CASE("unlock", 0, hold, op_go_out, FREE, FREE | INHERITS, 0, PLAIN),
        CASE("fair/unlock/nobody in line", FAIR, hold, op_go_out, FREE, FREE | INHERITS,
             0, PLAIN),
        CASE("fair/unlock/one in line", FAIR, hold, op_go_out, FREE, FREE | INHERITS, 0,
             WAITED_FOR),
        CASE("fair/unlock/a dead one in line", FAIR, hold_before_the_dead, op_go_out,
             FREE, FREE | INHERITS, 0, PLAIN),
        CASE("fair/unlock/two dead in line", FAIR, hold_before_two_dead, op_go_out, FREE,
             FREE | INHERITS, 0, PLAIN),
        CASE("fair/unlock/one, one dead in line", FAIR, hold_before_the_dead, op_go_out,
             FREE, FREE | INHERITS, 0, WAITED_FOR),
        CASE("unlock/recursive", RECURSIVE, hold_thrice, op_unlock, INHERITS, INHERITS, 0,
             PLAIN),
        CASE("unlock/inconsistent", 0, inherited, op_unlock, LOST, INHERITS | LOST, 0,
             PLAIN),
        CASE("fair/unlock/inconsistent", FAIR, inherited, op_unlock, LOST,
             INHERITS | LOST, 0, PLAIN),
        CASE("consistent", 0, inherited, op_consistent, INHERITS, INHERITS, 0, PLAIN),
        CASE("reset", 0, weft_kit_join, op_reset, FREE, FREE | LOST, 0, setup_lost, 0),
        CASE("close/free", FAIR, NULL, op_close, FREE, FREE, 0, PLAIN),
        CASE("close/held", 0, hold, op_close, INHERITS, INHERITS, 0, PLAIN),
        CASE("fair/close/held", FAIR, hold_before_the_dead, op_close, INHERITS, INHERITS,
             0, PLAIN),
        MADE("create/absent", 0, op_create, setup_nothing),
        MADE("create/absent, fair", FAIR, op_create_or_open, setup_nothing),
        MADE("create/there", FAIR, op_create_or_open, setup),
        MADE("open/there", FAIR, op_open, setup),
        /* Settling somebody takes long. */
        CASE("lock/held by the dead", 0, after_a_death, op_lock, INHERITS, INHERITS,
             -EOWNERDEAD, PLAIN),
        CASE("fair/lock/held by the dead", FAIR, after_a_death, op_lock, INHERITS,
             INHERITS, -EOWNERDEAD, PLAIN),
        CASE("lock/dead's, with a function", RECURSIVE, after_a_death_with_a_function,
             op_lock, INHERITS, INHERITS, 0, PLAIN),
        CASE("lock/dead's, a function gives up", 0, after_a_death_with_a_function,
             op_lock, LOST, INHERITS | LOST, -ENOTRECOVERABLE, PLAIN),
        CASE("leave/held", RECURSIVE, hold_thrice, op_leave, INHERITS, INHERITS, 0,
             PLAIN),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
