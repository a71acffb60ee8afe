/* tests/crash/condition_crash.c -- conditions: waited on, notified, by those who die.
 *
 * Others may stand in line before: one who is dead already, and the host, who is alive
 * until he is killed. The survivor enrolls behind them. So whatever call is in the line
 * when all the others are dead and settled must have come to the survivor; and the mutex
 * is his. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/condition.h>
#include <weft/object.h>

#include "runtime/object.h"
#include "runtime/waitable.h"
#include "tests/check.h"
#include "tests/harness/weft_kit.h"

enum { WHO }; /* of self->arg: who is in line before */
enum { A_CORPSE = 1, HOST = 2 };
enum { OUTSTANDING, MUTEX };  /* of c->word */
enum { SLEEPS, BACK, CHILD }; /* places in the note */
enum { PATIENCE_MS = 1500, SHORT_MS = 2, LONG_MS = 100 };

static weft_mutex_t *mutex;

static weft_condition_t *condition_of(const struct crash *c)
{
        return c->handle;
}

static struct weft_condition_info info_of(struct crash *c)
{
        struct weft_condition_info info;
        WEFT_MUST(c, weft_condition_info(condition_of(c), &info));
        return info;
}

/* ---- what is there before ------------------------------------------------------- */

static void enroll(struct crash *c)
{
        WEFT_MUST(c, weft_condition_enroll(condition_of(c)));
}

static void setup(struct crash *c)
{
        weft_condition_t *condition;
        weft_kit_create(c);
        WEFT_MUST(c, weft_mutex_create(arena_of(c), "m", NULL, &mutex));
        WEFT_MUST(c, weft_condition_create(arena_of(c), "c", &condition));
        c->handle = condition;
        if (c->self->arg[WHO] & A_CORPSE)
                weft_kit_corpse(c, enroll);
        if (c->self->arg[WHO] & HOST)
                enroll(c);
}

static void setup_nothing(struct crash *c)
{
        weft_kit_create(c);
        WEFT_MUST(c, weft_mutex_create(arena_of(c), "m", NULL, &mutex));
}

static void open_mutex(struct crash *c)
{
        weft_kit_open(c);
        WEFT_MUST(c, weft_mutex_open(arena_of(c), "m", &mutex));
}

static void open_condition(struct crash *c)
{
        weft_condition_t *condition;
        open_mutex(c);
        WEFT_MUST(c, weft_condition_open(arena_of(c), "c", &condition));
        c->handle = condition;
}

/* Whoever opens it stands in line: the victim, who settles it, who settles him. */
static void open_enrolled(struct crash *c)
{
        open_condition(c);
        struct weft_condition_info info = info_of(c);
        c->word[OUTSTANDING] = info.waiting + info.notified;
        enroll(c);
}

static void prepare_notify(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, weft_condition_notify_one(condition_of(c)) == 1);
}

static void prepare_leave(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

static void prepare_enroll(struct crash *c)
{
        enroll(c);
}

static void prepare_called(struct crash *c)
{
        enroll(c);
        prepare_notify(c);
}

static void prepare_lock(struct crash *c)
{
        WEFT_MUST(c, weft_mutex_lock(mutex, WEFT_NOW));
}

/* ---- the operations -------------------------------------------------------------- */

static void op_create(struct crash *c)
{
        weft_condition_t *condition;
        c->note->rc = weft_condition_create(arena_of(c), "c", &condition);
}

static void op_open(struct crash *c)
{
        weft_condition_t *condition;
        c->note->rc = weft_condition_open(arena_of(c), "c", &condition);
}

static void op_close(struct crash *c)
{
        weft_condition_close(condition_of(c));
}

static void op_enroll(struct crash *c)
{
        c->note->rc = weft_condition_enroll(condition_of(c));
}

static void op_cancel(struct crash *c)
{
        c->note->rc = weft_condition_cancel(condition_of(c));
}

static void op_info(struct crash *c)
{
        (void)info_of(c);
}

/* As select does it; 1 for a notification, as cancel. */
static void op_fire(struct crash *c)
{
        struct weft_handle *h = c->handle;
        struct weft_case the_case = { .object = h, .op = WEFT_OP_NOTIFIED };
        struct weft_agent *agent;
        int rc = weft_handle_enter(h, &agent);
        if (!rc)
                rc = h->kind->waitable->attempt(h, agent, &the_case);
        c->note->rc = rc ? rc : 1;
}

static void op_notify_one(struct crash *c)
{
        c->note->rc = weft_condition_notify_one(condition_of(c));
}

static void op_notify_all(struct crash *c)
{
        c->note->rc = weft_condition_notify_all(condition_of(c));
}

static void op_wait_now(struct crash *c)
{
        c->note->rc = weft_condition_wait(condition_of(c), mutex, WEFT_NOW);
}

static void op_wait(struct crash *c)
{
        c->note->rc = weft_condition_wait(condition_of(c), mutex,
                                          weft_after(SHORT_MS * WEFT_MSEC));
}

static void op_wait_long(struct crash *c)
{
        c->note->rc = weft_condition_wait(condition_of(c), mutex,
                                          weft_after(LONG_MS * WEFT_MSEC));
}

/* ---- the others -------------------------------------------------------------------- */

/* Enrolls; calls that are in the line now will be passed on to him in the end. */
static void survive(struct crash *c)
{
        c->word[OUTSTANDING] = info_of(c).notified;
        enroll(c);
        struct weft_condition_info info = info_of(c);
        CRASH_MUST(c, CRASH_LOST, info.waiting + info.notified >= 1);
}

/* Notifies one: the victim, if it waits, or else himself. */
static void survive_notify(struct crash *c)
{
        survive(c);
        CRASH_MUST(c, CRASH_WEDGED, weft_condition_notify_one(condition_of(c)) == 1);
}

static void survive_made(struct crash *c)
{
        weft_condition_t *condition;
        WEFT_MUST(c, weft_condition_create_or_open(arena_of(c), "c", &condition));
        c->handle = condition;
        CRASH_MUST(c, CRASH_BROKEN, weft_condition_notify_one(condition) >= 0);
        weft_condition_close(condition);
        c->handle = NULL;
}

/* True if its holder died. */
static bool take_mutex(struct crash *c)
{
        int rc = weft_mutex_lock(mutex, weft_after(WEFT_SEC));
        CRASH_MUST(c, CRASH_WEDGED, rc == 0 || rc == -EOWNERDEAD);
        if (rc)
                WEFT_MUST(c, weft_mutex_consistent(mutex));
        return rc;
}

static void verify_rest(struct crash *c)
{
        struct weft_condition_info info = info_of(c);
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0 && info.notified == 0);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "c"));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "m"));
        weft_condition_close(condition_of(c));
        weft_mutex_close(mutex);
        weft_kit_nothing_left(c, 0);
}

/* Was the survivor called? It is in line no more. */
static bool was_called(struct crash *c)
{
        int rc = weft_condition_cancel(condition_of(c));
        WEFT_MUST(c, rc);
        return rc == 1;
}

static void let_mutex_go(struct crash *c)
{
        (void)take_mutex(c);
        WEFT_MUST(c, weft_mutex_unlock(mutex));
}

/* After notify: done or not, nobody is called in vain. The dead one may be settled, and
 * out of line, before the victim begins. */
static void verify_notified(struct crash *c)
{
        int64_t host = c->self->arg[WHO] & HOST ? 1 : 0;
        int64_t most = host + (c->self->arg[WHO] & A_CORPSE ? 1 : 0);
        bool called = was_called(c);
        if (most && c->self->victim == op_notify_one)
                most = 1;
        if (c->note->done && c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_LOST, c->note->rc >= host && c->note->rc <= most);
        if (c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_LOST, called == (c->word[OUTSTANDING] != 0));
        else
                CRASH_MUST(c, CRASH_LOST,
                           called == (c->note->rc > 0 || c->word[OUTSTANDING] != 0));
        let_mutex_go(c);
        verify_rest(c);
}

/* After cancel and the like: a call was used up, or it is the survivor's. */
static void verify_left(struct crash *c)
{
        bool called = was_called(c);
        bool had_call = c->self->prepare == prepare_called;
        if (c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_LOST, called == (c->word[OUTSTANDING] != 0));
        if (c->note->done && c->self->victim != op_close) {
                CRASH_MUST(c, CRASH_BROKEN, c->note->rc == had_call);
                CRASH_MUST(c, CRASH_DUPLICATED, !called || c->how == CRASH_KILLED);
        }
        if (!had_call)
                CRASH_MUST(c, CRASH_BROKEN, !called);
        let_mutex_go(c);
        verify_rest(c);
}

/* It was called, and has not come back: the last in line must have it, unless opening had
 * settled them all before he was in line. */
static void verify_handed_on(struct crash *c)
{
        CRASH_MUST(c, CRASH_LOST, was_called(c) == (c->word[OUTSTANDING] != 0));
        let_mutex_go(c);
        verify_rest(c);
}

static void verify_enrolled(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !was_called(c));
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 0);
        let_mutex_go(c);
        verify_rest(c);
}

/* One was called: the survivor, or the victim, who has used it up if it came back. */
static void verify_waited(struct crash *c)
{
        bool called = was_called(c);
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc == 0 || c->note->rc == -ETIMEDOUT ||
                                   c->note->rc == -EAGAIN);
        if (c->how == CRASH_KILLED) {
                CRASH_MUST(c, CRASH_LOST, called);
        } else {
                CRASH_MUST(c, CRASH_LOST, called || c->note->rc == 0);
                CRASH_MUST(c, CRASH_DUPLICATED, !called || c->note->rc != 0);
        }
        bool died = take_mutex(c);
        if (c->note->done && c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_LOST, died); /* it held the mutex again */
        WEFT_MUST(c, weft_mutex_unlock(mutex));
        verify_rest(c);
}

static void verify_made(struct crash *c)
{
        if (!c->handle) {
                weft_condition_t *condition;
                WEFT_MUST(c, weft_condition_create_or_open(arena_of(c), "c", &condition));
                c->handle = condition;
        }
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        let_mutex_go(c);
        verify_rest(c);
}

/* ---- those who really sleep, and those who really wake them --------------------------- */

static void start_child(struct crash *c, void (*work)(struct crash *))
{
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                work(c);
                for (;;)
                        pause();
        }
        c->note->value[CHILD] = (uint64_t)pid;
}

static void end_child(struct crash *c)
{
        pid_t pid = (pid_t)c->note->value[CHILD];
        struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
                            .events = POLLIN };
        if (p.fd >= 0) {
                kill(pid, SIGKILL);
                (void)poll(&p, 1, -1);
                close(p.fd);
        }
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
}

static void wait_and_tell(struct crash *c)
{
        WEFT_MUST(c, weft_mutex_lock(mutex, WEFT_NEVER));
        c->note->value[SLEEPS] = 1;
        int rc = weft_condition_wait(condition_of(c), mutex, weft_after(60 * WEFT_SEC));
        WEFT_MUST(c, weft_mutex_unlock(mutex));
        c->note->value[BACK] = rc ? 1 : 2;
}

static void setup_sleeper(struct crash *c)
{
        uint32_t before = c->self->arg[WHO] & A_CORPSE;
        setup(c);
        start_child(c, wait_and_tell);
        while (!c->note->value[SLEEPS] || info_of(c).waiting <= before)
                usleep(100);
        usleep(500); /* and now asleep */
}

/* Whoever is called, if it is not yet the sleeper, is dead: he finds out himself. */
static void survive_sleeper(struct crash *c)
{
        uint64_t latest = weft_after(PATIENCE_MS * WEFT_MSEC);
        struct weft_condition_info info = info_of(c);
        if (info.waiting && !info.notified)
                CRASH_MUST(c, CRASH_LOST,
                           weft_condition_notify_one(condition_of(c)) >= 0);
        while (!c->note->value[BACK] && weft_now() < latest)
                usleep(200);
        CRASH_MUST(c, CRASH_WEDGED, c->note->value[BACK] == 2);
}

static void verify_sleeper(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc >= 0);
        end_child(c);
        let_mutex_go(c);
        verify_rest(c);
}

/* Notifies once, as soon as anybody waits. */
static void notify_and_tell(struct crash *c)
{
        while (weft_condition_notify_one(condition_of(c)) != 1)
                usleep(100);
        c->note->value[BACK] = 1;
}

static void setup_notifier(struct crash *c)
{
        setup(c);
        start_child(c, notify_and_tell);
}

static void survive_notifier(struct crash *c)
{
        uint64_t latest = weft_after(PATIENCE_MS * WEFT_MSEC);
        survive(c);
        while (!c->note->value[BACK] && weft_now() < latest)
                usleep(100);
        CRASH_MUST(c, CRASH_WEDGED, c->note->value[BACK] == 1);
}

/* Who has left the line, and has not returned, holds the mutex. */
static void verify_notifier(struct crash *c)
{
        end_child(c);
        bool called = was_called(c), died = take_mutex(c);
        WEFT_MUST(c, weft_mutex_unlock(mutex));
        bool used = c->note->done && c->note->rc == 0;
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc == 0 || c->note->rc == -ETIMEDOUT);
        CRASH_MUST(c, CRASH_LOST, called || used || died);
        CRASH_MUST(c, CRASH_DUPLICATED, !called || !used);
        verify_rest(c);
}

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, verify_, flags_, ...) \
        { \
                .name = "condition/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .flags = (flags_), \
                .arg = { __VA_ARGS__ } \
        }
#define REAL(name_, setup_, prepare_, victim_, survive_, verify_, ...) \
        CASE(name_, setup_, open_condition, prepare_, victim_, survive_, verify_, \
             CRASH_KEEP_HOST | CRASH_REAL, __VA_ARGS__)
#define PLAIN(name_, prepare_, victim_, survive_, verify_, ...) \
        CASE(name_, setup, open_condition, prepare_, victim_, survive_, verify_, \
             CRASH_KEEP_HOST, __VA_ARGS__)

static const struct crash_case cases[] = {
        REAL("wait/notified", setup_notifier, prepare_lock, op_wait_long,
             survive_notifier, verify_notifier, 0),
        REAL("notify_one/one sleeps", setup_sleeper, weft_kit_join, op_notify_one,
             survive_sleeper, verify_sleeper, 0),
        REAL("notify_one/one sleeps behind a dead one", setup_sleeper, weft_kit_join,
             op_notify_one, survive_sleeper, verify_sleeper, A_CORPSE),
        REAL("notify_all/one sleeps behind a dead one", setup_sleeper, weft_kit_join,
             op_notify_all, survive_sleeper, verify_sleeper, A_CORPSE),
        PLAIN("wait/until a deadline", prepare_lock, op_wait, survive_notify,
              verify_waited, 0),
        PLAIN("wait/now", prepare_lock, op_wait_now, survive_notify, verify_waited, 0),
        PLAIN("notify_one/nobody", weft_kit_join, op_notify_one, survive, verify_notified,
              0),
        PLAIN("notify_one/one", weft_kit_join, op_notify_one, survive, verify_notified,
              HOST),
        PLAIN("notify_one/two, one dead", weft_kit_join, op_notify_one, survive,
              verify_notified, A_CORPSE | HOST),
        PLAIN("notify_one/joining", prepare_leave, op_notify_one, survive,
              verify_notified, HOST),
        PLAIN("notify_all/two, one dead", weft_kit_join, op_notify_all, survive,
              verify_notified, A_CORPSE | HOST),
        PLAIN("enroll/nobody", weft_kit_join, op_enroll, survive, verify_enrolled, 0),
        PLAIN("enroll/joining, others", prepare_leave, op_enroll, survive,
              verify_enrolled, A_CORPSE | HOST),
        PLAIN("cancel/not called", prepare_enroll, op_cancel, survive, verify_left, 0),
        PLAIN("cancel/called", prepare_called, op_cancel, survive, verify_left, 0),
        PLAIN("select/called", prepare_called, op_fire, survive, verify_left, 0),
        CASE("info/called, others in line", setup, open_enrolled, prepare_notify, op_info,
             NULL, verify_handed_on, 0, 0),
        PLAIN("close/called", prepare_called, op_close, survive, verify_left, 0),
        CASE("create/absent", setup_nothing, open_mutex, weft_kit_join, op_create,
             survive_made, verify_made, 0, 0),
        CASE("open/there", setup, open_mutex, NULL, op_open, survive_made, verify_made, 0,
             0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
