/* tests/crash/rwlock_crash.c -- reading and writing, interrupted anywhere.
 *
 * Whoever gets it while the victim is stopped keeps it until the victim's operation has
 * ended: then never are there a writer and another. Of the dead only a writer that had it
 * is told, by -EOWNERDEAD, once. */
#define _GNU_SOURCE
#include <errno.h>

#include <weft/object.h>
#include <weft/rwlock.h>

#include "tests/harness/sleeper.h"

/* What a case's victim has, if its operation returned 0. */
enum has { NOTHING, READS, WRITES };

/* Is the next writer told that the victim died as the writer? */
enum told { NEVER = 1, ALWAYS, MAYBE, LOST, MAYBE_LOST };

enum { HAS, CUT, DONE, INSIDE }; /* args: has; told when cut off, when done; beside it */
enum { MINE, TOLD };             /* words: what this survivor has; how it was told */

static weft_rwlock_t *lock_of(const struct crash *c)
{
        return c->handle;
}

static struct weft_rwlock_info info_of(struct crash *c)
{
        struct weft_rwlock_info info;
        WEFT_MUST(c, weft_rwlock_info(lock_of(c), &info));
        return info;
}

/* ---- what was there before ------------------------------------------------------ */

static void setup(struct crash *c)
{
        weft_rwlock_t *lock;
        weft_kit_create(c);
        WEFT_MUST(c, weft_rwlock_create(arena_of(c), "l", &lock));
        c->handle = lock;
        if (c->self->arg[INSIDE] == READS)
                WEFT_MUST(c, weft_rwlock_tryread(lock));
        if (c->self->arg[INSIDE] == WRITES)
                WEFT_MUST(c, weft_rwlock_trywrite(lock));
}

static void open_lock(struct crash *c)
{
        weft_rwlock_t *lock;
        weft_kit_open(c);
        WEFT_MUST(c, weft_rwlock_open(arena_of(c), "l", &lock));
        c->handle = lock;
}

static void prepare_to_join(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

static void prepare_reading(struct crash *c)
{
        WEFT_MUST(c, weft_rwlock_tryread(lock_of(c)));
}

static void prepare_reading_twice(struct crash *c)
{
        prepare_reading(c);
        prepare_reading(c);
}

static void prepare_writing(struct crash *c)
{
        WEFT_MUST(c, weft_rwlock_trywrite(lock_of(c)));
}

static void write_in_vain(struct crash *c)
{
        (void)!weft_rwlock_trywrite(lock_of(c));
}

/* A writer that had it has died, and been found. */
static void prepare_broken(struct crash *c)
{
        weft_kit_corpse(c, write_in_vain);
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
        CRASH_MUST(c, CRASH_BROKEN, info_of(c).inconsistent);
}

static int repair(void *unused)
{
        (void)unused;
        return 0;
}

static void prepare_repair(struct crash *c)
{
        prepare_broken(c);
        weft_rwlock_on_death(lock_of(c), repair, NULL);
}

static void prepare_writing_broken(struct crash *c)
{
        prepare_broken(c);
        CRASH_MUST(c, CRASH_BROKEN, weft_rwlock_trywrite(lock_of(c)) == -EOWNERDEAD);
}

static void prepare_lost(struct crash *c)
{
        prepare_writing_broken(c);
        WEFT_MUST(c, weft_rwlock_unlock(lock_of(c)));
}

static void read_and_die(struct crash *c)
{
        (void)!weft_rwlock_tryread(lock_of(c));
}

/* Not found yet. */
static void prepare_dead_reader(struct crash *c)
{
        weft_kit_corpse(c, read_and_die);
}

static void prepare_dead_writer(struct crash *c)
{
        weft_kit_corpse(c, write_in_vain);
}

/* Waiting has not paid: the victim does not spin for long. */
static void prepare_to_wait(struct crash *c)
{
        for (int i = 0; i < 8; i++)
                CRASH_MUST(c, CRASH_BROKEN,
                           weft_rwlock_write(lock_of(c), 1) == -ETIMEDOUT);
}

/* ---- the operations ---------------------------------------------------------------- */

static void op_read(struct crash *c)
{
        c->note->rc = weft_rwlock_tryread(lock_of(c));
}

static void op_write(struct crash *c)
{
        c->note->rc = weft_rwlock_trywrite(lock_of(c));
}

static void op_wait_to_read(struct crash *c)
{
        c->note->rc = weft_rwlock_read(lock_of(c), weft_after(WEFT_MSEC));
}

static void op_wait_to_write(struct crash *c)
{
        c->note->rc = weft_rwlock_write(lock_of(c), weft_after(WEFT_MSEC));
}

static void op_unlock(struct crash *c)
{
        c->note->rc = weft_rwlock_unlock(lock_of(c));
}

static void op_downgrade(struct crash *c)
{
        c->note->rc = weft_rwlock_downgrade(lock_of(c));
}

static void op_consistent(struct crash *c)
{
        c->note->rc = weft_rwlock_consistent(lock_of(c));
}

static void op_reset(struct crash *c)
{
        c->note->rc = weft_rwlock_reset(lock_of(c));
}

static void op_close(struct crash *c)
{
        weft_rwlock_close(lock_of(c));
}

/* ---- the others ---------------------------------------------------------------------- */

/* This survivor has it to write, by `rc`: nobody else has it at all. */
static void have_written(struct crash *c, int rc)
{
        struct weft_rwlock_info info = info_of(c);
        CRASH_MUST(c, CRASH_BROKEN, info.writing && !info.claimed && !info.readers);
        c->word[MINE] = WRITES;
        if (rc != -EOWNERDEAD)
                return;
        c->word[TOLD]++;
        WEFT_MUST(c, weft_rwlock_consistent(lock_of(c)));
}

static void let_go(struct crash *c)
{
        if (c->word[MINE])
                WEFT_MUST(c, weft_rwlock_unlock(lock_of(c)));
        c->word[MINE] = NOTHING;
}

static int try_to_write(struct crash *c)
{
        int rc = weft_rwlock_trywrite(lock_of(c));
        if (rc == -ENOTRECOVERABLE) {
                c->word[TOLD] += 1000;
                WEFT_MUST(c, weft_rwlock_reset(lock_of(c)));
                rc = weft_rwlock_trywrite(lock_of(c));
        }
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN || rc == -EOWNERDEAD);
        if (rc != -EAGAIN)
                have_written(c, rc);
        return rc;
}

static int try_to_read(struct crash *c)
{
        int rc = weft_rwlock_tryread(lock_of(c));
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN || rc == -EOWNERDEAD);
        if (rc == 0)
                c->word[MINE] = READS;
        return rc;
}

/* The victim is dead, but not found: nobody waits for it. It is stopped: what can be had
 * now is kept. */
static void survive(struct crash *c)
{
        uint64_t inside = c->self->arg[INSIDE];
        int rc = try_to_write(c);
        if (inside)
                CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN);
        else if (c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_WEDGED, rc != -EAGAIN);
        if (c->how == CRASH_KILLED)
                let_go(c);
        if (c->word[MINE])
                return;
        rc = try_to_read(c);
        if (inside == WRITES)
                CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN);
        else if (c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_WEDGED, rc == 0);
        if (c->how == CRASH_KILLED)
                let_go(c);
}

/* Readers do not hold each other up, wherever one of them stands still. */
static void survive_reading(struct crash *c)
{
        CRASH_MUST(c, CRASH_WEDGED, try_to_read(c) == 0);
        let_go(c);
        survive(c);
}

/* The victim's operation has ended; was what it got compatible with what this one has? */
static void check_both(struct crash *c)
{
        enum has has = c->note->rc == 0 || c->note->rc == -EOWNERDEAD
                               ? (enum has)c->self->arg[HAS]
                               : NOTHING;
        if (!c->note->done)
                return;
        if (c->word[MINE] == WRITES)
                CRASH_MUST(c, CRASH_BROKEN, has == NOTHING);
        if (c->word[MINE] == READS)
                CRASH_MUST(c, CRASH_BROKEN, has == NOTHING || has == READS);
}

static void verify_rest(struct crash *c)
{
        weft_rwlock_t *lock = lock_of(c);
        WEFT_MUST(c, weft_rwlock_read(lock, weft_after(WEFT_SEC)));
        WEFT_MUST(c, weft_rwlock_unlock(lock));
        struct weft_rwlock_info info = info_of(c);
        CRASH_MUST(c, CRASH_LEAKED,
                   !info.readers && !info.writing && !info.claimed && !info.waiting);
        CRASH_MUST(c, CRASH_BROKEN, !info.inconsistent && !info.lost);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "l"));
        weft_rwlock_close(lock);
        weft_kit_nothing_left(c, 0);
}

static void verify(struct crash *c)
{
        bool mine = c->word[MINE] == WRITES;
        check_both(c);
        let_go(c);
        CRASH_MUST(c, CRASH_WEDGED, try_to_write(c) != -EAGAIN);
        let_go(c);
        uint64_t told = c->word[TOLD];
        enum told wanted = (enum told)c->self->arg[c->note->done ? DONE : CUT];
        if (mine || (c->note->done && c->note->rc < 0 && c->note->rc != -EOWNERDEAD))
                wanted = (enum told)c->self->arg[CUT]; /* it got nothing after all */
        if (c->self->arg[INSIDE] == WRITES)
                wanted = ALWAYS; /* the host */
        switch (wanted) {
        case NEVER:
                CRASH_MUST(c, CRASH_BROKEN, told == 0);
                break;
        case ALWAYS:
                CRASH_MUST(c, CRASH_LOST, told == 1);
                break;
        case MAYBE:
                CRASH_MUST(c, CRASH_BROKEN, told <= 1);
                break;
        case LOST:
                CRASH_MUST(c, CRASH_LOST, told == 1000);
                break;
        case MAYBE_LOST:
                CRASH_MUST(c, CRASH_BROKEN, told <= 1 || told == 1000);
                break;
        }
        verify_rest(c);
}

/* ---- beside a sleeper ------------------------------------------------------------------- */

/* As a writer, or a reader, until he has it; who is told of a death repairs. */
static int sleep_to_write(struct crash *c)
{
        int rc = weft_rwlock_write(lock_of(c), weft_after(60 * WEFT_SEC));
        if (rc == -EOWNERDEAD)
                (void)!weft_rwlock_consistent(lock_of(c));
        return rc && rc != -EOWNERDEAD ? rc : weft_rwlock_unlock(lock_of(c));
}

static int sleep_to_read(struct crash *c)
{
        weft_rwlock_on_death(lock_of(c), repair, NULL);
        int rc = weft_rwlock_read(lock_of(c), weft_after(60 * WEFT_SEC));
        return rc ? rc : weft_rwlock_unlock(lock_of(c));
}

/* The sleeper sleeps once the victim has it. */
static void until_it_is_had(struct crash *c)
{
        while (!info_of(c).readers && !info_of(c).writing)
                usleep(100);
}

static int sleep_to_write_beside(struct crash *c)
{
        until_it_is_had(c);
        return sleep_to_write(c);
}

static int sleep_to_read_beside(struct crash *c)
{
        until_it_is_had(c);
        return sleep_to_read(c);
}

static void setup_writer_sleeps(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_to_write_beside);
}

static void setup_reader_sleeps(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_to_read_beside);
}

static uint32_t asleep(struct crash *c)
{
        return info_of(c).waiting;
}

static void prepare_reading_beside(struct crash *c)
{
        prepare_reading(c);
        sleeper_sleeps(c, asleep);
}

static void prepare_writing_beside(struct crash *c)
{
        prepare_writing(c);
        sleeper_sleeps(c, asleep);
}

static void survive_sleeper(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
}

static void verify_sleeper(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 0);
        sleeper_end(c);
        CRASH_MUST(c, CRASH_WEDGED, try_to_write(c) != -EAGAIN);
        let_go(c);
        verify_rest(c);
}

/* The host reads, the sleeper has claimed it, and the victim comes in between. */
static void setup_claimed(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_to_write);
        sleeper_sleeps(c, asleep);
}

static void survive_claimed(struct crash *c)
{
        struct weft_rwlock_info info = info_of(c);
        CRASH_MUST(c, CRASH_BROKEN, info.claimed && !c->note->value[SLEEPER_WOKE]);
        CRASH_MUST(c, CRASH_BROKEN, try_to_read(c) == -EAGAIN);
        CRASH_MUST(c, CRASH_BROKEN, try_to_write(c) == -EAGAIN);
}

static void verify_claimed(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == -ETIMEDOUT);
        sleeper_end(c);
        verify_rest(c);
}

#define CASE(name_, prepare_, victim_, survive_, has, cut, done, inside, flags_) \
        { \
                .name = "rwlock/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_lock, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = verify, \
                .arg = { has, cut, done, inside }, \
                .flags = ((inside) ? CRASH_KEEP_HOST : 0) | (flags_) \
        }
#define SLEEPER(name_, setup_, prepare_, victim_, survive_, verify_, inside, flags_) \
        { \
                .name = "rwlock/sleeper/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_lock, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), \
                .arg = { [INSIDE] = (inside) }, \
                .flags = CRASH_KEEP_HOST | CRASH_REAL | (flags_) \
        }

static const struct crash_case cases[] = {
        CASE("read/free", NULL, op_read, survive_reading, READS, NEVER, NEVER, 0, 0),
        CASE("read/free, joining", prepare_to_join, op_read, survive, READS, NEVER, NEVER,
             0, CRASH_NO_RECOVER),
        CASE("read/again", prepare_reading, op_read, survive_reading, READS, NEVER, NEVER,
             0, CRASH_NO_RECOVER),
        CASE("read/beside a reader", NULL, op_read, survive_reading, READS, NEVER, NEVER,
             READS, CRASH_NO_RECOVER),
        CASE("read/a writer has it", NULL, op_read, survive, READS, NEVER, NEVER, WRITES,
             CRASH_NO_RECOVER),
        CASE("read/broken", prepare_broken, op_read, survive, NOTHING, ALWAYS, ALWAYS, 0,
             CRASH_NO_RECOVER),
        CASE("read/broken, repairing", prepare_repair, op_read, survive, READS, MAYBE,
             NEVER, 0, 0),
        CASE("write/free", NULL, op_write, survive, WRITES, MAYBE, ALWAYS, 0, 0),
        CASE("write/free, joining", prepare_to_join, op_write, survive, WRITES, MAYBE,
             ALWAYS, 0, CRASH_NO_RECOVER),
        CASE("write/beside a reader", NULL, op_write, survive, WRITES, NEVER, NEVER,
             READS, CRASH_NO_RECOVER),
        CASE("write/a reader is dead", prepare_dead_reader, op_write, survive, WRITES,
             MAYBE, ALWAYS, 0, CRASH_NO_RECOVER),
        CASE("write/a writer is dead", prepare_dead_writer, op_write, survive, WRITES,
             ALWAYS, ALWAYS, 0, CRASH_NO_RECOVER),
        CASE("write/broken", prepare_broken, op_write, survive, WRITES, ALWAYS, ALWAYS, 0,
             0),
        CASE("write/until a deadline", prepare_to_wait, op_wait_to_write, survive, WRITES,
             NEVER, NEVER, READS, CRASH_NO_STOP),
        CASE("unlock/read", prepare_reading, op_unlock, survive_reading, NOTHING, NEVER,
             NEVER, 0, 0),
        CASE("unlock/read again", prepare_reading_twice, op_unlock, survive_reading,
             READS, NEVER, NEVER, 0, CRASH_NO_RECOVER),
        CASE("unlock/write", prepare_writing, op_unlock, survive, NOTHING, MAYBE, NEVER,
             0, 0),
        CASE("unlock/broken", prepare_writing_broken, op_unlock, survive, NOTHING,
             MAYBE_LOST, LOST, 0, 0),
        CASE("downgrade", prepare_writing, op_downgrade, survive, READS, MAYBE, NEVER, 0,
             0),
        CASE("consistent", prepare_writing_broken, op_consistent, survive, WRITES, ALWAYS,
             ALWAYS, 0, 0),
        CASE("reset", prepare_lost, op_reset, survive, NOTHING, MAYBE_LOST, NEVER, 0, 0),
        CASE("close/reading", prepare_reading, op_close, survive, NOTHING, NEVER, NEVER,
             0, 0),
        CASE("close/writing", prepare_writing, op_close, survive, NOTHING, ALWAYS, ALWAYS,
             0, 0),
        SLEEPER("unlock/read", setup_writer_sleeps, prepare_reading_beside, op_unlock,
                survive_sleeper, verify_sleeper, 0, CRASH_NO_STOP),
        SLEEPER("unlock/write, a reader sleeps", setup_reader_sleeps,
                prepare_writing_beside, op_unlock, survive_sleeper, verify_sleeper, 0,
                CRASH_NO_STOP),
        SLEEPER("unlock/write, a writer sleeps", setup_writer_sleeps,
                prepare_writing_beside, op_unlock, survive_sleeper, verify_sleeper, 0,
                CRASH_NO_STOP),
        SLEEPER("downgrade", setup_reader_sleeps, prepare_writing_beside, op_downgrade,
                survive_sleeper, verify_sleeper, 0, CRASH_NO_STOP),
        SLEEPER("read/a writer waits", setup_claimed, prepare_to_wait, op_wait_to_read,
                survive_claimed, verify_claimed, READS, 0),
        SLEEPER("write/a writer waits", setup_claimed, prepare_to_wait, op_wait_to_write,
                survive_claimed, verify_claimed, READS, 0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
