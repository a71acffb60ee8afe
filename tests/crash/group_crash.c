/* tests/crash/group_crash.c -- submitting, working, draining, stopping, interrupted anywhere.
 *
 * Tasks are numbers: 1 up were there before, the victim submits VICTIM, survivors SURVIVOR. In
 * the end each has been run by somebody, and as often as leases allow: by the victim, who may
 * not have come to say so, and once more. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <weft/function.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/object.h>

#include "tests/harness/sleeper.h"

enum { CAPACITY = 4, VICTIM = 9, SURVIVOR = 10, MOST = 12 }; /* numbers */
enum { HELD, WHAT };                                         /* of self->arg */
/* What the operation may do: it takes a task; it submits one; no more are taken; they wait. */
enum { TAKES = 1, SUBMITS = 2, DRAINS = 4, STOPS = 8, RESUMES = 16 };
/* And what there is: the result of task 1 is wanted; it waits for another, that is not there. */
enum { WANTED = 32, WAITS = 64 };
enum { TOKEN = 11, OTHER };   /* places in the note: of the futures */
enum { SENT, REFUSED, TOLD }; /* of c->word */

static struct {
        struct crash_note *note; /* the victim tells what it has run */
        uint32_t ran[MOST];      /* a survivor keeps it here */
        weft_future_t *wanted, *other;
} self;

static int run(const void *in, void *out, const void *argument)
{
        uint32_t i;
        (void)argument;
        memcpy(&i, in, sizeof i);
        if (i >= MOST)
                return -EINVAL;
        if (self.note)
                self.note->value[i]++;
        else
                self.ran[i]++;
        i += 100;
        memcpy(out, &i, sizeof i);
        return 0;
}
#define TASK WEFT_TYPE(uint32_t, "task")
WEFT_FUNCTION_ITEM("run", run, TASK, TASK)

static weft_group_t *group_of(const struct crash *c)
{
        return c->handle;
}

static bool may(const struct crash *c, uint64_t what)
{
        return (c->self->arg[WHAT] & what) != 0;
}

static int submit(struct crash *c, uint32_t i)
{
        return weft_submit(group_of(c), "run", &i, sizeof i, NULL, WEFT_NOW);
}

/* ---- what is there before ------------------------------------------------------------ */

static const struct weft_group_options options = {
        .capacity = CAPACITY, .input_max = 160, .output_max = 64, .retries = 5
};

static void setup(struct crash *c)
{
        weft_group_t *group;
        weft_kit_create(c);
        WEFT_MUST(c, weft_group_create(arena_of(c), "g", &options, &group));
        c->handle = group;
        for (uint32_t i = 0; i < c->self->arg[HELD]; i++)
                WEFT_MUST(c, submit(c, i + 1));
}

static void setup_stopped(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_group_stop(group_of(c)));
}

static void setup_drained(struct crash *c)
{
        setup(c);
        CRASH_MUST(c, CRASH_BROKEN,
                   weft_group_drain(group_of(c), WEFT_NOW) ==
                           (c->self->arg[HELD] ? -EAGAIN : 0));
}

/* Task 1 gives a result; its input is here, or that of another future. The host keeps them. */
static void setup_wanted(struct crash *c)
{
        struct weft_future_options o = { .type = TASK };
        uint32_t one = 1;
        setup(c);
        if (may(c, WAITS)) {
                WEFT_MUST(c, weft_future_create(arena_of(c), NULL, &o, &self.other));
                WEFT_MUST(c, weft_submit_after(group_of(c), self.other, "run", NULL, 0,
                                               &self.wanted, WEFT_NOW));
                c->note->value[OTHER] = weft_future_token(self.other);
        } else {
                WEFT_MUST(c, weft_submit(group_of(c), "run", &one, sizeof one,
                                         &self.wanted, WEFT_NOW));
        }
        c->note->value[TOKEN] = weft_future_token(self.wanted);
}

/* Its input is there. */
static void setup_ready(struct crash *c)
{
        uint32_t one = 1;
        setup_wanted(c);
        WEFT_MUST(c, weft_future_set(self.other, &one, sizeof one));
}

/* A future that is set, or not, of which the victim has the group make another. The host
 * keeps it. */
static void setup_given(struct crash *c)
{
        struct weft_future_options o = { .type = TASK };
        uint32_t i = VICTIM;
        setup(c);
        WEFT_MUST(c, weft_future_create(arena_of(c), NULL, &o, &self.other));
        if (!may(c, WAITS))
                WEFT_MUST(c, weft_future_set(self.other, &i, sizeof i));
        c->note->value[OTHER] = weft_future_token(self.other);
}

static void setup_nothing(struct crash *c)
{
        weft_kit_create(c);
}

static void open_group(struct crash *c)
{
        weft_group_t *group;
        weft_kit_open(c);
        WEFT_MUST(c, weft_group_open(arena_of(c), "g", &group));
        c->handle = group;
}

static void open_wanted(struct crash *c)
{
        open_group(c);
        WEFT_MUST(c, weft_future_open_token(arena_of(c), c->note->value[TOKEN],
                                            &self.wanted));
        if (may(c, WAITS))
                WEFT_MUST(c, weft_future_open_token(arena_of(c), c->note->value[OTHER],
                                                    &self.other));
}

static void open_given(struct crash *c)
{
        open_group(c);
        WEFT_MUST(c, weft_future_open_token(arena_of(c), c->note->value[OTHER],
                                            &self.other));
}

/* The victim: it has its seat, and has submitted and run before. */
static void prepare(struct crash *c)
{
        self.note = c->note;
        weft_kit_join(c);
}

static void prepare_to_join(struct crash *c)
{
        self.note = c->note;
        weft_agent_leave(arena_of(c));
}

static int die(const void *in, void *out, const void *argument)
{
        (void)in, (void)out, (void)argument;
        raise(SIGKILL);
        return 0;
}

/* It dies in the first task. */
static void work_and_die(struct crash *c)
{
        struct weft_function f = { "run", WEFT_FUNCTION_ITEM, TASK, TASK, run, NULL };
        WEFT_MUST(c, weft_function_unregister(&f));
        f.item = die;
        WEFT_MUST(c, weft_function_register(&f));
        (void)!weft_group_work(group_of(c), WEFT_NOW);
}

static void prepare_corpse(struct crash *c)
{
        weft_kit_corpse(c, work_and_die);
        self.note = c->note;
}

/* ---- the operations ------------------------------------------------------------------- */

#define PLAIN(op, call) \
        static void op(struct crash *c) \
        { \
                c->note->rc = (call); \
        }
PLAIN(op_submit, submit(c, VICTIM))
PLAIN(op_work, weft_group_work(group_of(c), WEFT_NOW))
PLAIN(op_drain, weft_group_drain(group_of(c), WEFT_NOW))
PLAIN(op_stop, weft_group_stop(group_of(c)))
PLAIN(op_resume, weft_group_resume(group_of(c)))

static void op_submit_wanted(struct crash *c)
{
        uint32_t i = VICTIM;
        c->note->rc =
                weft_submit(group_of(c), "run", &i, sizeof i, &self.wanted, WEFT_NOW);
}

static void op_then(struct crash *c)
{
        weft_future_t *next;
        c->note->rc = weft_future_then(self.other, "run", NULL, 0, group_of(c), &next);
}

static void op_info(struct crash *c)
{
        struct weft_group_info info;
        c->note->rc = weft_group_info(group_of(c), &info);
}

static void op_close(struct crash *c)
{
        weft_group_close(group_of(c));
}

static void op_open(struct crash *c)
{
        weft_group_t *group;
        c->note->rc = weft_group_open(arena_of(c), "g", &group);
}

static void op_create(struct crash *c)
{
        weft_group_t *group;
        c->note->rc = weft_group_create(arena_of(c), "g", &options, &group);
}

/* ---- the others ------------------------------------------------------------------------ */

static void must_submit(struct crash *c, uint32_t i)
{
        int rc = submit(c, i);
        if (rc == -EPIPE && may(c, DRAINS)) {
                c->word[REFUSED] = 1;
                return;
        }
        if (rc)
                crash_fail(c, CRASH_WEDGED, "submit: %d", rc);
        c->word[SENT]++;
}

/* What there is, but what the victim has in hand; nothing if it has stopped or drained it. */
static void must_work(struct crash *c)
{
        int rc = weft_group_work(group_of(c), WEFT_NOW);
        if (rc == 0 && may(c, STOPS | DRAINS | RESUMES))
                return;
        if (rc != -EAGAIN)
                crash_fail(c, CRASH_WEDGED, "work: %d", rc);
}

static void survive(struct crash *c)
{
        if (c->self->arg[HELD] + may(c, SUBMITS) < CAPACITY)
                must_submit(c, SURVIVOR);
        must_work(c);
        if (may(c, DRAINS) && may(c, TAKES)) /* not before it is so */
                CRASH_MUST(c, CRASH_LOST,
                           weft_group_drain(group_of(c), WEFT_NOW) == -EAGAIN ||
                                   self.ran[1] + c->note->value[1]);
}

static void survive_wanted(struct crash *c)
{
        int64_t n = weft_future_try(self.wanted, NULL, 0);
        CRASH_MUST(c, CRASH_WEDGED, n == -EAGAIN || n == -EOVERFLOW);
        if (n == -EOVERFLOW)
                c->word[TOLD] = 1; /* it is there, and stays there */
        survive(c);
}

static void survive_create(struct crash *c)
{
        weft_group_t *group;
        WEFT_MUST(c, weft_group_create_or_open(arena_of(c), "g", &options, &group));
        c->handle = group;
        survive(c);
}

/* Between `least` and `most` by all together. A victim that ran to its end, stopped or not,
 * has kept its lease: nobody else ran what it ran. */
static void must_have_run(struct crash *c, uint32_t i, uint64_t least, uint64_t most)
{
        uint64_t n = self.ran[i] + c->note->value[i];
        if (n < least)
                crash_fail(c, CRASH_LOST, "task %u was run %d times", i, (int)n);
        if (n > most)
                crash_fail(c, CRASH_DUPLICATED, "task %u was run %d times", i, (int)n);
}

static void check_tasks(struct crash *c)
{
        uint64_t twice = c->note->done ? 1 : 2;
        uint64_t held = c->self->arg[HELD] + may(c, WANTED);
        for (uint32_t i = 1; i <= held; i++)
                must_have_run(c, i, 1, may(c, TAKES) ? twice : 1);
        must_have_run(c, SURVIVOR, c->word[SENT], c->word[SENT] * twice);
        bool sent = may(c, SUBMITS) && c->note->done && c->note->rc == 0;
        bool not_sent = !may(c, SUBMITS) || (c->note->done && c->note->rc != 0);
        must_have_run(c, VICTIM, sent, !not_sent);
}

static void check_counts(struct crash *c)
{
        struct weft_group_info info;
        WEFT_MUST(c, weft_group_info(group_of(c), &info));
        uint64_t least = c->self->arg[HELD] + may(c, WANTED) + c->word[SENT];
        CRASH_MUST(c, CRASH_LEAKED, info.queued == 0 && info.in_hand == 0);
        CRASH_MUST(c, CRASH_LOST, info.finished >= least && info.finished <= least + 1);
        CRASH_MUST(c, CRASH_BROKEN, info.finished == info.submitted);
        CRASH_MUST(c, CRASH_BROKEN, info.failed == 0);
        CRASH_MUST(c, CRASH_LEAKED, info.workers == 0);
}

static void drop_group(struct crash *c)
{
        weft_group_close(group_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "g"));
        weft_kit_nothing_left(c, 0);
}

static void check_result(struct crash *c)
{
        uint32_t i = 0;
        int64_t n = weft_future_try(self.wanted, &i, sizeof i);
        if (n != sizeof i)
                crash_fail(c, CRASH_LOST, "the result: %d", (int)n);
        CRASH_MUST(c, CRASH_BROKEN, i == 101);
}

static void verify(struct crash *c)
{
        struct weft_group_info info;
        int64_t rc = c->note->rc;
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN || rc == -EEXIST);
        WEFT_MUST(c, weft_group_info(group_of(c), &info));
        if (c->note->done && may(c, STOPS) && c->note->rc == 0)
                CRASH_MUST(c, CRASH_LOST, info.stopped == 1);
        if (c->note->done && may(c, RESUMES))
                CRASH_MUST(c, CRASH_LOST, info.stopped == 0);
        if ((c->note->done && may(c, DRAINS)) || c->word[REFUSED])
                CRASH_MUST(c, CRASH_LOST, info.drained == 1);
        WEFT_MUST(c, weft_group_resume(group_of(c)));
        if (c->word[TOLD])
                check_result(c);
        if (self.other && weft_future_try(self.other, NULL, 0) == -EAGAIN) {
                uint32_t one = may(c, SUBMITS) ? VICTIM : 1;
                WEFT_MUST(c, weft_future_set(self.other, &one, sizeof one));
        }
        rc = weft_group_work(group_of(c), WEFT_NOW);
        CRASH_MUST(c, CRASH_WEDGED, rc == (info.drained ? 0 : -EAGAIN));
        check_tasks(c);
        check_counts(c);
        if (self.wanted)
                check_result(c);
        weft_future_close(self.wanted);
        weft_future_close(self.other);
        for (int i = 0; i < CAPACITY && !info.drained; i++) /* all its places are there */
                WEFT_MUST(c, submit(c, 0));
        rc = weft_group_work(group_of(c), WEFT_NOW);
        CRASH_MUST(c, CRASH_WEDGED, rc == (info.drained ? 0 : -EAGAIN));
        CRASH_MUST(c, CRASH_LOST, self.ran[0] == (info.drained ? 0 : CAPACITY));
        drop_group(c);
}

/* ---- beside a sleeper --------------------------------------------------------------------- */

static int sleep_in_it(struct crash *c)
{
        return weft_group_work(group_of(c), weft_after(60 * WEFT_SEC));
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        self.note = c->note; /* what it runs counts as the victim's */
        sleeper_start(c, sleep_in_it);
}

/* It ends for what the victim did, or for what we do. */
static void survive_sleeper(struct crash *c)
{
        must_submit(c, SURVIVOR);
        if (may(c, DRAINS))
                (void)!weft_group_drain(group_of(c), WEFT_NOW);
        else
                WEFT_MUST(c, weft_group_stop(group_of(c)));
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
}

static void verify_sleeper(struct crash *c)
{
        sleeper_end(c);
        verify(c);
}

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, flags_, ...) \
        { \
                .name = "group/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = verify, .flags = (flags_), \
                .arg = { __VA_ARGS__ } \
        }
#define OP(name_, setup_, prepare_, victim_, ...) \
        CASE(name_, setup_, open_group, prepare_, victim_, survive, 0, __VA_ARGS__)
#define OP_ONCE(name_, setup_, prepare_, victim_, ...) \
        CASE(name_, setup_, open_group, prepare_, victim_, survive, CRASH_NO_RECOVER, \
             __VA_ARGS__)

#define KEPT(name_, setup_, ...) \
        CASE(name_, setup_, open_wanted, prepare, op_work, survive_wanted, \
             CRASH_KEEP_HOST | CRASH_NO_RECOVER, __VA_ARGS__)

#define GIVEN(name_, ...) \
        CASE(name_, setup_given, open_given, prepare, op_then, survive, \
             CRASH_KEEP_HOST | CRASH_NO_RECOVER, __VA_ARGS__)

static const struct crash_case cases[] = {
        OP("submit/empty", setup, prepare, op_submit, 0, SUBMITS),
        OP_ONCE("submit/empty, joining", setup, prepare_to_join, op_submit, 0, SUBMITS),
        OP_ONCE("submit/middle", setup, prepare, op_submit, 2, SUBMITS),
        OP_ONCE("submit/full", setup, prepare, op_submit, CAPACITY, SUBMITS),
        OP_ONCE("submit/drained", setup_drained, prepare, op_info, 1, DRAINS),
        OP_ONCE("work/empty", setup, prepare, op_work, 0, TAKES),
        OP("work/one", setup, prepare, op_work, 1, TAKES),
        OP_ONCE("work/one, joining", setup, prepare_to_join, op_work, 1, TAKES),
        OP_ONCE("work/two", setup, prepare, op_work, 2, TAKES),
        OP_ONCE("work/again", setup, prepare_corpse, op_work, 1, TAKES),
        KEPT("work/wanted", setup_wanted, 0, TAKES | WANTED),
        KEPT("work/after", setup_ready, 0, TAKES | WANTED | WAITS),
        KEPT("work/after, not there", setup_wanted, 0, TAKES | WANTED | WAITS),
        OP_ONCE("submit/wanted", setup, prepare, op_submit_wanted, 1, SUBMITS),
        GIVEN("then/set", 1, SUBMITS),
        GIVEN("then/full", CAPACITY, SUBMITS),
        GIVEN("then/not set", 1, SUBMITS | WAITS),
        OP_ONCE("work/stopped", setup_stopped, prepare, op_work, 1, STOPS),
        OP("work/drained", setup_drained, prepare, op_work, 1, TAKES | DRAINS),
        OP_ONCE("drain/empty", setup, prepare, op_drain, 0, DRAINS),
        OP_ONCE("drain/middle", setup, prepare, op_drain, 2, DRAINS),
        OP_ONCE("stop/middle", setup, prepare, op_stop, 2, STOPS),
        OP_ONCE("resume/middle", setup_stopped, prepare, op_resume, 2, RESUMES),
        OP_ONCE("info/middle", setup, prepare, op_info, 2, 0),
        OP_ONCE("open/middle", setup, prepare_to_join, op_open, 2, 0),
        OP_ONCE("close/middle", setup, prepare, op_close, 2, 0),
        CASE("create/new", setup_nothing, weft_kit_open, prepare, op_create,
             survive_create, 0, 0, 0),
        { .name = "group/sleeper/drain",
          .kit = &weft_kit,
          .setup = setup_sleeper,
          .open = open_group,
          .prepare = prepare,
          .victim = op_drain,
          .survive = survive_sleeper,
          .verify = verify_sleeper,
          .arg = { 0, DRAINS },
          .flags = CRASH_KEEP_HOST | CRASH_REAL | CRASH_NO_STOP },
        { .name = "group/sleeper/submit",
          .kit = &weft_kit,
          .setup = setup_sleeper,
          .open = open_group,
          .prepare = prepare,
          .victim = op_submit,
          .survive = survive_sleeper,
          .verify = verify_sleeper,
          .arg = { 0, SUBMITS | STOPS },
          .flags = CRASH_KEEP_HOST | CRASH_REAL | CRASH_NO_STOP },
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
