/* tests/crash/select_crash.c -- selects that die, or stop, at any instruction: at most one
 * of their cases has been done; what it took comes back where its kind says so. And
 * sleepers in a select whose waker, or whose neighbour, dies. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/mutex.h>
#include <weft/object.h>
#include <weft/queue.h>
#include <weft/select.h>
#include <weft/semaphore.h>

#include "runtime/waitable.h"
#include "tests/check.h"
#include "tests/harness/weft_kit.h"

/* The cases, and the bit of what is ready at the start. */
enum { POP, TAKE, ACQUIRE, LOCK, PUSH, CASES };
enum { ORIGINAL = 7, SURVIVORS = 77, PUSHED = 5, PERMITS = 3, BOX = 500 };

static weft_queue_t *words, *leases, *boxes; /* of this process */
static weft_semaphore_t *semaphore;
static weft_mutex_t *mutex;

static bool is_ready(const struct crash *c, int which)
{
        return c->self->arg[0] >> which & 1;
}

static void open_all(struct crash *c)
{
        const struct weft_queue_options w = { .capacity = 4, .element_bytes = 8 };
        const struct weft_queue_options l = { 4, BOX, WEFT_QUEUE_LEASE };
        const struct weft_queue_options b = { .capacity = 2, .element_bytes = BOX };
        const struct weft_semaphore_options s = {
                .value = is_ready(c, ACQUIRE) ? PERMITS : 0,
                .maximum = PERMITS,
                .flags = WEFT_SEMAPHORE_OWNED,
        };
        weft_arena_t *a = arena_of(c);
        WEFT_MUST(c, weft_queue_create_or_open(a, "words", &w, &words));
        WEFT_MUST(c, weft_queue_create_or_open(a, "leases", &l, &leases));
        WEFT_MUST(c, weft_queue_create_or_open(a, "boxes", &b, &boxes));
        WEFT_MUST(c, weft_semaphore_create_or_open(a, "semaphore", &s, &semaphore));
        WEFT_MUST(c, weft_mutex_create_or_open(a, "mutex", NULL, &mutex));
}

static int push_box(weft_queue_t *to, unsigned char what)
{
        unsigned char box[BOX] = { what };
        return weft_queue_push(to, box, WEFT_NOW);
}

static void setup(struct crash *c)
{
        uint64_t v = ORIGINAL;
        weft_kit_create(c);
        open_all(c);
        if (is_ready(c, POP))
                WEFT_MUST(c, weft_queue_push(words, &v, WEFT_NOW));
        if (is_ready(c, TAKE))
                WEFT_MUST(c, push_box(leases, ORIGINAL));
        for (int i = is_ready(c, PUSH); i < 2; i++)
                WEFT_MUST(c, push_box(boxes, 1));
}

static void open_kit(struct crash *c)
{
        weft_kit_open(c);
        open_all(c);
}

/* ---- the operation ------------------------------------------------------------- */

/* The first hand in a queue takes memory, at length. */
static void have_hands(struct crash *c)
{
        struct weft_element e;
        WEFT_MUST(c, weft_queue_loan(boxes, &e));
        WEFT_MUST(c, weft_queue_release(boxes, &e));
        WEFT_MUST(c, weft_queue_loan(leases, &e));
        WEFT_MUST(c, weft_queue_release(leases, &e));
}

/* It has learned that spinning does not pay. */
static void be_calm(struct crash *c)
{
        struct weft_case one = { .object = semaphore, .op = WEFT_OP_ACQUIRE, .n = 2 };
        have_hands(c);
        for (int i = 0; i < 8; i++)
                CHECK(weft_select(&one, 1, 0, weft_after(1000)) == -ETIMEDOUT);
}

static void op_select(struct crash *c)
{
        uint64_t v = 0;
        unsigned char box[BOX] = { PUSHED };
        struct weft_element element;
        struct weft_case cases[CASES] = {
                { .object = words, .op = WEFT_OP_POP, .to = &v },
                { .object = leases, .op = WEFT_OP_TAKE, .to = &element },
                { .object = semaphore, .op = WEFT_OP_ACQUIRE, .n = 2 },
                { .object = mutex,
                  .op = is_ready(c, LOCK) ? WEFT_OP_LOCK : WEFT_OP_NONE },
                { .object = boxes, .op = WEFT_OP_PUSH, .from = box },
        };
        if (!c->self->prepare)
                cases[PUSH].op = WEFT_OP_NONE;
        uint64_t ms = c->self->arg[1];
        int rc = weft_select(cases, CASES, WEFT_SELECT_PRIORITY,
                             ms ? weft_after(ms * WEFT_MSEC) : WEFT_NOW);
        c->note->rc = rc;
        c->note->value[0] = v;
        c->note->value[1] = rc >= 0 && cases[rc].result ? 1 : 0;
}

/* ---- the others ----------------------------------------------------------------- */

static void survive(struct crash *c)
{
        uint64_t v = SURVIVORS;
        WEFT_MUST(c, weft_queue_push(words, &v, WEFT_NOW));
        WEFT_MUST(c, push_box(leases, SURVIVORS));
        int rc = weft_semaphore_try(semaphore);
        CRASH_MUST(c, CRASH_WEDGED, rc == 0 || rc == -EAGAIN);
        if (!rc)
                WEFT_MUST(c, weft_semaphore_post(semaphore));
}

/* How many words are gone: at most one, and the one that the victim was told. */
static uint32_t words_gone(struct crash *c)
{
        uint64_t v, there[2] = { 0, 0 };
        bool told = c->note->done && c->note->rc == POP;
        while (weft_queue_pop(words, &v, WEFT_NOW) == 0) {
                CRASH_MUST(c, CRASH_BROKEN, v == ORIGINAL || v == SURVIVORS);
                CRASH_MUST(c, CRASH_DUPLICATED, !there[v == SURVIVORS]);
                CRASH_MUST(c, CRASH_DUPLICATED, !told || v != c->note->value[0]);
                there[v == SURVIVORS] = 1;
        }
        uint64_t gone = is_ready(c, POP) + UINT64_C(1) - there[0] - there[1];
        CRASH_MUST(c, CRASH_LOST, gone <= 1 && (!c->note->done || gone == told));
        return (uint32_t)gone;
}

/* Both come back, one of them for the second time at most. */
static uint32_t leases_broken(struct crash *c)
{
        struct weft_element e;
        uint32_t n = 0, again = 0;
        while (weft_queue_take(leases, &e, WEFT_NOW) == 0) {
                n++;
                again += e.deliveries;
                WEFT_MUST(c, weft_queue_ack(leases, &e));
        }
        CRASH_MUST(c, CRASH_LOST, n >= is_ready(c, TAKE) + 1u);
        CRASH_MUST(c, CRASH_DUPLICATED, n <= is_ready(c, TAKE) + 1u && again <= 1);
        return again;
}

static uint32_t boxes_pushed(struct crash *c)
{
        unsigned char box[BOX];
        uint32_t n = 0, pushed = 0;
        while (weft_queue_pop(boxes, box, WEFT_NOW) == 0) {
                CRASH_MUST(c, CRASH_BROKEN, *box == 1 || *box == PUSHED);
                pushed += *box == PUSHED;
                n++;
        }
        CRASH_MUST(c, CRASH_LOST, n == 2 - (uint32_t)is_ready(c, PUSH) + pushed);
        CRASH_MUST(c, CRASH_LOST, !c->note->done || (c->note->rc == PUSH) == pushed);
        return pushed;
}

static uint32_t mutex_lost(struct crash *c)
{
        int rc = weft_mutex_lock(mutex, WEFT_NOW);
        CRASH_MUST(c, CRASH_WEDGED, rc == 0 || rc == -EOWNERDEAD);
        if (rc)
                WEFT_MUST(c, weft_mutex_consistent(mutex));
        WEFT_MUST(c, weft_mutex_unlock(mutex));
        return rc != 0;
}

static void verify(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->value[1] == 0);
        uint32_t done =
                words_gone(c) + leases_broken(c) + mutex_lost(c) + boxes_pushed(c);
        CRASH_MUST(c, CRASH_DUPLICATED, done <= 1); /* exactly one case */
        int64_t permits = weft_semaphore_value(semaphore);
        CRASH_MUST(c, CRASH_LOST, permits == (is_ready(c, ACQUIRE) ? PERMITS : 0));
        weft_queue_close(words);
        weft_queue_close(leases);
        weft_queue_close(boxes);
        weft_semaphore_close(semaphore);
        weft_mutex_close(mutex);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "words"));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "leases"));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "boxes"));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "semaphore"));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "mutex"));
        weft_kit_nothing_left(c, 0);
}

/* ---- a sleeper beside it ---------------------------------------------------------- */

enum { PATIENCE_MS = 1500 };
enum { WOKE = 4, SLEEPER }; /* places in the note */

static struct weft_wait_shared *not_empty(void)
{
        const struct weft_case c = { .object = words, .op = WEFT_OP_POP };
        struct weft_handle *h = (void *)words;
        return h->kind->waitable->wait(h, &c);
}

/* In a select over the words and the leases. */
static void sleep_and_tell(struct crash *c)
{
        uint64_t v = 0;
        struct weft_element e;
        struct weft_case cases[2] = { { .object = leases, .op = WEFT_OP_TAKE, .to = &e },
                                      { .object = words, .op = WEFT_OP_POP, .to = &v } };
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int rc = weft_select(cases, 2, 0, weft_after(60 * WEFT_SEC));
        c->note->value[WOKE] = rc == 1 && v ? v : 1;
        for (;;)
                pause();
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                sleep_and_tell(c);
        while (weft_wait_waiters(not_empty()) == 0)
                usleep(100);
        usleep(500);
        c->note->value[SLEEPER] = (uint64_t)pid;
}

static void op_push(struct crash *c)
{
        uint64_t v = ORIGINAL;
        c->note->rc = weft_queue_push(words, &v, WEFT_NOW);
}

/* Sleeps on the same queue, for a moment: a wake that it gets and dies with is missed by
 * the other for a re-check. */
static void op_wait(struct crash *c)
{
        uint64_t v = 0;
        struct weft_case cases[2] = {
                { .object = words, .op = WEFT_OP_POP, .to = &v },
                { .object = semaphore, .op = WEFT_OP_ACQUIRE },
        };
        c->note->rc = weft_select(cases, 2, 0, weft_after(2 * WEFT_MSEC));
        c->note->value[0] = v;
}

/* One for the sleeper, and one for the victim, who may have popped the first. */
static void survive_sleeper(struct crash *c)
{
        uint64_t v = SURVIVORS, until = weft_after(PATIENCE_MS * WEFT_MSEC);
        WEFT_MUST(c, weft_queue_push(words, &v, WEFT_NOW));
        WEFT_MUST(c, weft_queue_push(words, &v, WEFT_NOW));
        while (!c->note->value[WOKE] && weft_now() < until)
                usleep(200);
        CRASH_MUST(c, CRASH_WEDGED, c->note->value[WOKE] > 1);
}

static void verify_sleeper(struct crash *c)
{
        uint64_t v, n = 0;
        pid_t pid = (pid_t)c->note->value[SLEEPER];
        struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
                            .events = POLLIN };
        if (p.fd >= 0) {
                kill(pid, SIGKILL);
                (void)poll(&p, 1, -1);
                close(p.fd);
        }
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
        while (weft_queue_pop(words, &v, WEFT_NOW) == 0)
                n++;
        /* Two were pushed, or three; the sleeper has one, the victim one at most. */
        if (c->self->victim == op_wait)
                CRASH_MUST(c, CRASH_LOST,
                           n <= 1 && (!c->note->done || n == (c->note->rc != 0)));
        else
                CRASH_MUST(c, CRASH_LOST, n >= 1 + c->note->done && n <= 2);
        weft_queue_close(words);
        weft_queue_close(leases);
        weft_queue_close(boxes);
        weft_semaphore_close(semaphore);
        weft_mutex_close(mutex);
        weft_kit_whole(c);
}

#define ON(what) (UINT64_C(1) << (what))
#define CASE(name_, prepare_, ready_, ms_) \
        { \
                .name = "select/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_kit, .prepare = (prepare_), .victim = op_select, \
                .survive = survive, .verify = verify, \
                .arg = {(ready_), \
                        (ms_) } \
        }
#define BESIDE(name_, victim_) \
        { \
                .name = "select/" name_, .kit = &weft_kit, .setup = setup_sleeper, \
                .open = open_kit, .prepare = be_calm, .victim = (victim_), \
                .survive = survive_sleeper, .verify = verify_sleeper, \
                .flags = CRASH_KEEP_HOST | CRASH_REAL \
        }

static const struct crash_case cases[] = {
        BESIDE("killed waker", op_push),
        BESIDE("killed neighbour", op_wait),
        CASE("none ready", have_hands, 0, 0),
        CASE("none ready/joining", NULL, 0, 0),
        CASE("none ready/sleeps", be_calm, 0, 2),
        CASE("first ready/pop", have_hands, ON(POP), 0),
        CASE("first ready/joining", NULL, ON(POP), 0),
        CASE("take", have_hands, ON(TAKE), 0),
        CASE("acquire", have_hands, ON(ACQUIRE), 0),
        CASE("lock", have_hands, ON(LOCK), 0),
        CASE("last ready/push", have_hands, ON(PUSH), 0),
        CASE("all ready", have_hands, ON(CASES) - 1, 2),
        CASE("all but pop", have_hands, ON(CASES) - 1 - ON(POP), 0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
