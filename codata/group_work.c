/* codata/group_work.c -- a worker: takes tasks, runs them, tells what came of them. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/error.h>

#include "codata/group_result.h"

enum {
        HELD_MAX = 1024, /* tasks that wait for a dependency in one worker's hand */
        WATCHED = 100,   /* of them, so many are in a select; the others are looked at */
        LOOK_EVERY = 16, /* tasks */
        ALIGN = 4096,    /* the most that a type may ask for */
};
#define SLICE_NS (50 * WEFT_MSEC)

/* A task in hand: where it is, what it says, judged. */
struct task {
        struct weft_element element;
        volatile struct weft_task_shared
                *at; /* in the element, ours alone; in this order */
        const struct weft_function *function;
        const uint8_t *argument, *input; /* in the element */
        uint64_t token, after;
        uint32_t argument_bytes, input_bytes;
        weft_future_t *result, *dependency; /* while they are open */
        struct task *next;                  /* of those held */
};

struct worker {
        struct weft_group *group;
        const struct weft_tally_shared *leave; /* or NULL */
        bool may_load;
        int error;          /* no memory: tasks are for others */
        bool quit;          /* its functions go: this process exits */
        struct task *spare; /* for the next one */
        uint32_t held;      /* tasks that wait for their dependencies, */
        struct task *all;   /* in a ring: the last one */
        uint8_t *out;       /* output_max bytes */
        uint8_t *scratch;   /* input that must be aligned to more than an element is */
        uint64_t scratch_bytes;
};

/* ---- process ends -------------------------------------------------------------- */

static struct weft_tally_shared exiting;
static pthread_once_t watching = PTHREAD_ONCE_INIT;

static void note_exit(void)
{
        (void)weft_tally_set_once(&exiting, 1);
}

static void watch_exit(void)
{
        (void)!atexit(note_exit);
}

/* Has this process begun to exit? Its functions go then, one by one. */
static bool is_exiting(void)
{
        return weft_tally_get(&exiting) != 0;
}

/* ---- judging -------------------------------------------------------------------- */

/* Who else than the arena's owner, if that is us, may have named the file? */
static bool may_load(const struct weft_group *group)
{
        struct stat st;
        int saved = errno, rc;
        if (group->flags & WEFT_GROUP_LOAD)
                return true;
        rc = fstat(weft_arena_fd(group->handle.arena), &st);
        errno = saved;
        return rc == 0 && !(st.st_mode & 022) && st.st_uid == geteuid();
}

/* Reads each word once; the element's bytes may be anything. */
static int judge(const struct weft_group *group, struct task *t, char *name,
                 struct weft_task_shared *h)
{
        const uint8_t *at = t->element.at;
        t->at = t->element.at;
        memcpy(h, at, sizeof *h);
        uint32_t room = weft_task_padded(group->input_max);
        if (!h->name_bytes || h->name_bytes > WEFT_TASK_NAME_BYTES ||
            h->argument_bytes > room ||
            h->input_bytes > room - weft_task_padded(h->argument_bytes))
                return -EUCLEAN;
        at += WEFT_TASK_NAME_AT;
        memcpy(name, at, h->name_bytes);
        name[h->name_bytes - 1] = 0;
        t->token = h->token;
        t->after = h->after;
        t->argument = at += weft_task_padded(h->name_bytes);
        t->argument_bytes = h->argument_bytes;
        t->input = at + weft_task_padded(h->argument_bytes);
        t->input_bytes = h->input_bytes;
        return 0;
}

/* As the submitter took it to be. */
static int find(const struct worker *w, struct task *t, const char *name,
                const struct weft_task_shared *h)
{
        struct weft_type in = { h->in_bytes, h->in_align, h->in_tag };
        struct weft_type out = { h->out_bytes, h->out_align, h->out_tag };
        int rc = w->may_load ? weft_function_find(name, &t->function)
                             : weft_function_find_known(name, &t->function);
        return rc ? rc : weft_function_check(t->function, &in, &out);
}

/* ---- ending a task ---------------------------------------------------------------- */

static void acknowledge(struct worker *w, struct task *t, bool failed)
{
        if (failed)
                weft_tally_add(&weft_group_of(w->group)->failed, 1);
        (void)!weft_queue_ack(w->group->tasks, &t->element);
}

/* What the future may hold. */
static int error_of(int64_t rc)
{
        if (rc >= 0)
                return 0;
        if (rc == -EAGAIN)
                return -ECANCELED; /* "not yet" is no end */
        return rc < -4095 ? -EINVAL : (int)rc;
}

/* Crash: see group_shared.h. */
static void finish(struct worker *w, struct task *t, int64_t rc, uint64_t bytes)
{
        int error = error_of(rc);
        t->at->result = error;
        t->at->state = WEFT_TASK_TELLING;
        error = weft_result_tell(t->result, error, w->out, bytes);
        t->at->result = error;
        t->at->state = WEFT_TASK_TOLD;
        acknowledge(w, t, error != 0);
        weft_future_close(t->result);
        t->result = NULL;
}

/* ---- running ---------------------------------------------------------------------- */

/* Input must lie as the function wants it. */
static const void *aligned(struct worker *w, const struct weft_function *f,
                           const void *input, uint64_t bytes)
{
        if (f->in.align <= 1 || !((uintptr_t)input & (f->in.align - 1)))
                return input;
        if (w->scratch_bytes < bytes) {
                free(w->scratch);
                w->scratch_bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
                w->scratch = aligned_alloc(ALIGN, w->scratch_bytes);
        }
        if (!w->scratch) {
                w->scratch_bytes = 0;
                return NULL;
        }
        return memcpy(w->scratch, input, bytes);
}

static int64_t call(struct worker *w, const struct task *t, const void *input,
                    uint64_t bytes)
{
        const struct weft_function *f = t->function;
        size_t n = f->in.bytes ? bytes / f->in.bytes : 1;
        size_t room = f->out.bytes ? w->group->output_max / f->out.bytes : 0;
        if (f->in.bytes ? bytes % f->in.bytes : bytes)
                return -EPROTO;
        const void *in = aligned(w, f, input, bytes);
        if (!in && bytes)
                return -ENOMEM;
        int64_t came = weft_function_call(f, in, n, w->out, room,
                                          t->argument_bytes ? t->argument : NULL);
        if (came > 0 && f->out.bytes && (uint64_t)came > room)
                return -EOVERFLOW;
        return came;
}

/* Begun; may it be? Whoever wrote `runs` and is not there any more has died in it. */
static bool begin(struct worker *w, struct task *t)
{
        uint32_t runs = t->at->runs;
        if (runs > w->group->retries)
                return false;
        if (runs)
                weft_tally_add(&weft_group_of(w->group)->retried, 1);
        t->at->runs = runs + 1;
        return true;
}

static void run(struct worker *w, struct task *t, const void *input, uint64_t bytes)
{
        int64_t came = -EOWNERDEAD;
        if (begin(w, t))
                came = call(w, t, input, bytes);
        finish(w, t, came, came > 0 ? (uint64_t)came * t->function->out.bytes : 0);
}

/* ---- dependencies ------------------------------------------------------------------ */

static void hold(struct worker *w, struct task *t)
{
        if (w->all) {
                t->next = w->all->next;
                w->all->next = t;
        } else {
                t->next = t;
        }
        w->all = t;
        w->held++;
}

/* Takes the one after `before` out. */
static struct task *let_go(struct worker *w, struct task *before)
{
        struct task *t = before->next;
        before->next = t->next;
        if (t == w->all)
                w->all = t == before ? NULL : before;
        w->held--;
        return t;
}

static void task_free(struct task *t)
{
        weft_future_close(t->dependency);
        weft_future_close(t->result);
        free(t);
}

/* Runs it if its dependency has ended: false if not. */
static bool try_held(struct worker *w, struct task *t)
{
        const void *at = NULL;
        int64_t bytes = weft_future_view(t->dependency, &at, WEFT_NOW);
        if (bytes == -EAGAIN)
                return false;
        if (bytes < 0)
                finish(w, t, bytes, 0);
        else
                run(w, t, at, (uint64_t)bytes);
        return true;
}

/* Looks at all that wait: how many were run. */
static uint32_t try_all_held(struct worker *w)
{
        uint32_t ran = 0;
        struct task *before = w->all;
        for (uint32_t left = w->held; left; left--) {
                if (try_held(w, before->next)) {
                        task_free(let_go(w, before));
                        ran++;
                } else {
                        before = before->next;
                }
        }
        return ran;
}

/* What waited comes back for others. */
static void give_back_held(struct worker *w)
{
        while (w->held) {
                struct task *t = let_go(w, w->all);
                (void)!weft_queue_nack(w->group->tasks, &t->element);
                task_free(t);
        }
}

/* ---- a task ------------------------------------------------------------------------- */

/* A task that must wait is held; true: `t` is not the caller's any more. */
static bool open_dependency(struct worker *w, struct task *t)
{
        int rc = weft_future_open_token(w->group->handle.arena, t->after, &t->dependency);
        if (rc) {
                finish(w, t, rc, 0);
        } else if (!try_held(w, t)) {
                hold(w, t);
                return true;
        }
        weft_future_close(t->dependency);
        t->dependency = NULL;
        return false;
}

/* One that nobody can run here now, for this process ends. */
static bool is_leaving(const struct worker *w)
{
        return is_exiting() || (w->leave && weft_tally_get(w->leave));
}

/* Who wanted the result has canceled it; or who ran it before us died as he told it. Then
 * `result` is what came of it. Where nobody has the future any more the one before us may have
 * been the last to tell; but then he wrote what it was. */
static bool has_ended(struct task *t, const struct weft_task_shared *h, int *result)
{
        bool telling = h->state == WEFT_TASK_TELLING;
        *result = h->result;
        if (h->state == WEFT_TASK_TOLD)
                return true;
        if (weft_result_has_ended(t->result, result))
                return true;
        return telling && (!t->result || h->result < 0);
}

static void give_back(struct worker *w, struct task *t)
{
        (void)!weft_queue_nack(w->group->tasks, &t->element);
}

/* True: `t` is held. */
static bool do_task(struct worker *w, struct task *t)
{
        char name[WEFT_TASK_NAME_BYTES];
        struct weft_task_shared h;
        int result, rc = judge(w->group, t, name, &h);
        if (rc) {
                finish(w, t, rc, 0);
                return false;
        }
        w->error = weft_result_open(w->group, t->token, &t->result);
        if (w->error) {
                give_back(w, t);
                return false;
        }
        if (has_ended(t, &h, &result)) {
                finish(w, t, result, 0);
                return false;
        }
        rc = find(w, t, name, &h);
        if (rc == -ENOENT && is_leaving(w)) {
                w->quit = true;
                give_back(w, t);
        } else if (rc) {
                finish(w, t, rc, 0);
        } else if (t->after) {
                return open_dependency(w, t);
        } else {
                run(w, t, t->input, t->input_bytes);
        }
        weft_future_close(t->result);
        t->result = NULL;
        return false;
}

/* ---- the loop ------------------------------------------------------------------------- */

static bool must_end(const struct worker *w)
{
        return weft_event_is_set(w->group->stop) == 1 ||
               (w->leave && weft_tally_get(w->leave));
}

/* An element into the spare one. 1: there it is; 0: look again; -EPIPE, ... */
static int wait_for_more(struct worker *w, bool takes, uint64_t deadline)
{
        struct weft_case cases[2 + WATCHED];
        uint32_t n = 0;
        uint64_t slice = weft_after(SLICE_NS);
        struct task *t = w->all;
        memset(cases, 0, sizeof cases);
        cases[n++] = (struct weft_case){ .object = w->group->stop, .op = WEFT_OP_WAIT };
        for (uint32_t i = 0; i < w->held && i < WATCHED; i++, t = t->next)
                cases[n++] = (struct weft_case){ .object = t->next->dependency,
                                                 .op = WEFT_OP_WAIT };
        if (w->held > WATCHED)
                w->all = t; /* the next ones next time */
        if (takes)
                cases[n++] = (struct weft_case){ .object = w->group->tasks,
                                                 .op = WEFT_OP_TAKE,
                                                 .to = &w->spare->element };
        if ((w->leave || !takes || w->held > WATCHED) && slice < deadline)
                deadline = slice;
        int rc = weft_select(cases, n, WEFT_SELECT_PRIORITY, deadline);
        if (rc < 0)
                return rc == -ETIMEDOUT ? 0 : rc;
        if (cases[rc].op != WEFT_OP_TAKE)
                return 0;
        return cases[rc].result ? cases[rc].result : 1;
}

/* The same, without waiting if that can be. */
static int next_task(struct worker *w, uint64_t deadline)
{
        if (!w->spare)
                w->spare = calloc(1, sizeof *w->spare);
        if (!w->spare)
                return -ENOMEM;
        int rc = -EAGAIN;
        if (w->held < HELD_MAX)
                rc = weft_queue_take(w->group->tasks, &w->spare->element, WEFT_NOW);
        if (!rc)
                return 1;
        bool takes = rc != -ENOSPC && w->held < HELD_MAX;
        if (rc != -EAGAIN && rc != -ENOSPC)
                return rc;
        if (w->held && try_all_held(w))
                return 0;
        if (deadline == WEFT_NOW)
                return -EAGAIN;
        if (deadline != WEFT_NEVER && weft_now() >= deadline)
                return -ETIMEDOUT;
        return wait_for_more(w, takes, deadline);
}

static int work(struct worker *w, uint64_t deadline)
{
        bool timed = deadline != WEFT_NOW && deadline != WEFT_NEVER;
        for (uint32_t n = 0; !w->quit; n++) {
                if (must_end(w))
                        return 0;
                if (n % LOOK_EVERY == LOOK_EVERY - 1) {
                        if (timed && weft_now() >= deadline)
                                return -ETIMEDOUT;
                        if (w->held)
                                (void)try_all_held(w);
                }
                int rc = next_task(w, deadline);
                if (rc == -EPIPE) {
                        (void)!weft_event_set(w->group->ended);
                        return 0;
                }
                if (rc < 0)
                        return rc;
                if (rc && do_task(w, w->spare))
                        w->spare = NULL;
                if (w->error)
                        return w->error;
        }
        return 0;
}

static int begin_work(struct worker *w)
{
        size_t bytes = ((size_t)w->group->output_max + ALIGN - 1) / ALIGN * ALIGN;
        (void)pthread_once(&watching, watch_exit);
        w->may_load = may_load(w->group);
        int rc = weft_semaphore_try(w->group->workers);
        if (rc)
                return rc == -EAGAIN ? -EMFILE : rc;
        w->out = aligned_alloc(ALIGN, bytes);
        if (w->out)
                return 0;
        (void)!weft_semaphore_post(w->group->workers);
        return -ENOMEM;
}

int weft_group_work_until(struct weft_group *group, uint64_t deadline,
                          const struct weft_tally_shared *leave)
{
        struct worker w = { .group = group, .leave = leave };
        int rc = begin_work(&w);
        if (rc)
                return rc;
        rc = work(&w, deadline);
        give_back_held(&w);
        (void)!weft_semaphore_post(group->workers);
        free(w.spare);
        free(w.out);
        free(w.scratch);
        return rc;
}

int weft_group_work(weft_group_t *group, uint64_t deadline)
{
        return group ? weft_group_work_until(group, deadline, NULL) : -EINVAL;
}
