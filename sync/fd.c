/* sync/fd.c -- a file descriptor that tells when something may be possible.
 *
 * A helper thread sleeps on the wait words of up to WATCHES objects and on one of this
 * process, `control`, and writes the eventfds of those that look ready. The table is
 * behind one lock; the helper works on a copy of it. Who changes the table raises
 * `version`, wakes the helper and waits until it has answered: then it neither sleeps on
 * nor looks at what was closed, nor writes to its descriptor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <weft/fd.h>

#include "runtime/waitable.h"

enum { WATCHES = WEFT_WAIT_MANY - 1, STACK_BYTES = 256 << 10 };

enum state { FREE, NEW, ON, REFUSED, GOING, GONE }; /* NEW, GOING: the helper is asked */

struct watch {
        enum state state;
        int fd;
        int rc; /* REFUSED: why */
        struct weft_case what;
};

struct helper {
        struct helper *next;
        pthread_t thread;
        struct weft_wait_shared control;
        uint64_t version; /* of what follows */
        uint32_t used;    /* watches not FREE */
        bool ends;
        bool orphan; /* of our parent: nobody serves it here */
        struct watch watches[WATCHES];
};

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER; /* all below, and helpers */
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static struct helper *helpers;

/* ---- in the helper --------------------------------------------------------------------- */

/* What the helper knows of a watch: its own. */
struct look {
        struct watch *watch;
        enum state state; /* as the helper found it, then as it made it */
        int fd, rc;
        struct weft_case what;
        struct weft_handle *handle;
        struct weft_agent *agent;
        bool moved; /* somebody was woken there: it may have been the helper */
};

struct list {
        struct helper *helper;
        uint64_t version;
        uint32_t n;
        bool ends;
        struct look looks[WATCHES];
        struct weft_wait_one ones[WATCHES + 1];
        struct pollfd ready[WATCHES];
};

/*
 * Who changes the object wakes one sleeper, and it may have been the helper, who takes
 * nothing: the wake goes on to the next. Once for each time that the word has moved, so
 * the helpers of several processes come to an end with it.
 */
static bool look_at(struct look *l, struct weft_wait_one *one)
{
        const struct weft_waitable *kind = l->handle->kind->waitable;
        bool moved = l->moved;
        l->moved = false;
        if (kind->look(l->handle, l->agent, &l->what) == -EAGAIN)
                return false;
        if (moved)
                weft_wait_pass_on(one->wait);
        if (l->what.op == WEFT_OP_CHANGE) /* what is new from now on: its `n` */
                (void)kind->attempt(l->handle, l->agent, &l->what);
        return true;
}

/* Once an edge: whoever has not read it yet will do so before he looks at the object. */
static void look_at_all(struct list *list)
{
        static const uint64_t one = 1;
        uint32_t ready = 0;
        for (uint32_t i = 0; i < list->n; i++)
                if (look_at(&list->looks[i], &list->ones[i]))
                        list->ready[ready++] = (struct pollfd){ .fd = list->looks[i].fd,
                                                                .events = POLLIN };
        if (!ready || poll(list->ready, ready, 0) < 0)
                return;
        for (uint32_t i = 0; i < ready; i++)
                if (!(list->ready[i].revents & POLLIN) &&
                    write(list->ready[i].fd, &one, sizeof one) < 0)
                        continue; /* full: it is readable */
}

static bool is_asked(const struct list *list)
{
        pthread_mutex_lock(&table);
        bool asked = list->helper->version != list->version;
        pthread_mutex_unlock(&table);
        return asked;
}

/* Until the table changes. Whoever has changed it sees the helper counted, or the helper
 * sees the change. */
static void serve(struct list *list)
{
        struct weft_wait_one *ones = list->ones;
        uint32_t n = list->n;
        bool asked = false;
        ones[n] = (struct weft_wait_one){ .wait = &list->helper->control };
        while (!asked) {
                weft_wait_any_in(ones, n + 1);
                look_at_all(list);
                asked = is_asked(list);
                if (!asked)
                        weft_wait_any_sleep(ones, n + 1, WEFT_NEVER);
                weft_wait_any_out(ones, n + 1);
                for (uint32_t i = 0; i < n; i++)
                        list->looks[i].moved |= weft_wait_any_moved(&ones[i]);
                weft_wait_any_settle(ones, n, weft_now());
        }
}

static void read_table(struct list *list)
{
        struct helper *h = list->helper;
        list->n = 0;
        pthread_mutex_lock(&table);
        list->version = h->version;
        list->ends = h->ends;
        for (uint32_t i = 0; i < WATCHES; i++) {
                struct watch *w = &h->watches[i];
                if (w->state != NEW && w->state != ON && w->state != GOING)
                        continue;
                list->looks[list->n++] = (struct look){
                        .watch = w,
                        .state = w->state,
                        .fd = w->fd,
                        .what = w->what,
                        .handle = w->what.object,
                };
        }
        pthread_mutex_unlock(&table);
}

/* Takes the helper's seat, if it has none there. */
static int enter(struct look *l, struct weft_wait_one *one)
{
        int rc = weft_handle_enter(l->handle, &l->agent);
        if (rc)
                return rc;
        *one = (struct weft_wait_one){
                .wait = l->handle->kind->waitable->wait(l->handle, &l->what),
                .agent = l->agent,
        };
        return one->wait ? 0 : -EPROTO;
}

/* Of an arena where it has nothing more to do. Its handle is open still: nobody closes it
 * before he has his answer. */
static void leave_arena(const struct list *list, const struct look *gone)
{
        for (uint32_t i = 0; i < list->n; i++)
                if (list->looks[i].state == ON &&
                    list->looks[i].handle->arena == gone->handle->arena)
                        return;
        weft_agent_leave(gone->handle->arena);
}

/* It cannot be watched any more: whoever looks is told why by the object itself. */
static void tell_of_the_end(const struct look *l)
{
        static const uint64_t one = 1;
        if (write(l->fd, &one, sizeof one) < 0)
                return; /* full: it is readable */
}

/* Tells those who asked; keeps what goes on. */
static void answer(struct list *list)
{
        uint32_t n = list->n, kept = 0;
        pthread_mutex_lock(&table);
        for (uint32_t i = 0; i < n; i++) {
                struct look *l = &list->looks[i];
                if (l->watch->state == NEW || l->state == GONE) {
                        l->watch->state = l->state;
                        l->watch->rc = l->rc;
                }
                if (l->state == ON && !l->rc) {
                        list->looks[kept] = *l;
                        list->ones[kept++] = list->ones[i];
                } else if (l->state == ON && l->watch->state == ON) {
                        tell_of_the_end(l);
                }
        }
        list->n = kept;
        pthread_cond_broadcast(&answered);
        pthread_mutex_unlock(&table);
}

/* Does what the table asks for. What was ON is entered anew: a change of its agent would
 * else go unnoticed. */
static void obey(struct list *list)
{
        uint32_t n = list->n;
        for (uint32_t i = 0; i < n; i++) {
                struct look *l = &list->looks[i];
                if (l->state == GOING) {
                        l->state = GONE;
                        continue;
                }
                l->rc = enter(l, &list->ones[i]);
                if (l->state == NEW)
                        l->state = l->rc ? REFUSED : ON;
        }
        for (uint32_t i = 0; i < n; i++)
                if (list->looks[i].state != ON)
                        leave_arena(list, &list->looks[i]);
        answer(list);
}

static void *help(void *helper)
{
        struct list list;
        list.helper = helper;
        for (;;) {
                read_table(&list);
                if (list.ends)
                        return NULL; /* its seats go with the thread */
                obey(&list);
                serve(&list);
        }
}

/* ---- asking it ----------------------------------------------------------------------------- */

static void ask(struct helper *h)
{
        h->version++;
        weft_wait_signal(&h->control, 1);
}

static struct helper *new_helper(void)
{
        pthread_attr_t attr;
        sigset_t all, was;
        struct helper *h = calloc(1, sizeof *h);
        if (!h || pthread_attr_init(&attr)) {
                free(h);
                return NULL;
        }
        sigfillset(&all); /* signals are for the program's own threads */
        pthread_sigmask(SIG_SETMASK, &all, &was);
        int rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
        if (!rc)
                rc = pthread_create(&h->thread, &attr, help, h);
        pthread_sigmask(SIG_SETMASK, &was, NULL);
        pthread_attr_destroy(&attr);
        if (rc) {
                free(h);
                return NULL;
        }
        (void)pthread_setname_np(h->thread, "weft-fd");
        h->next = helpers;
        helpers = h;
        return h;
}

static struct helper *helper_with_room(void)
{
        for (struct helper *h = helpers; h; h = h->next)
                if (!h->orphan && h->used < WATCHES)
                        return h;
        return new_helper();
}

static struct watch *free_watch(struct helper *h)
{
        struct watch *w = h->watches;
        while (w->state != FREE)
                w++;
        h->used++;
        return w;
}

/* The helper has done with it. The last one ends the helper; the table is unlocked. */
static void drop(struct helper *h, struct watch *w)
{
        *w = (struct watch){ 0 };
        bool last = --h->used == 0;
        if (last) {
                struct helper **at = &helpers;
                while (*at != h)
                        at = &(*at)->next;
                *at = h->next;
                h->ends = true;
                if (!h->orphan)
                        ask(h);
        }
        pthread_mutex_unlock(&table);
        if (!last)
                return;
        if (!h->orphan)
                pthread_join(h->thread, NULL);
        free(h);
}

/* Hands `what` to a helper, and waits for its answer. */
static int watch(const struct weft_case *what, int fd)
{
        pthread_mutex_lock(&table);
        struct helper *h = helper_with_room();
        if (!h) {
                pthread_mutex_unlock(&table);
                return -ENOMEM;
        }
        struct watch *w = free_watch(h);
        *w = (struct watch){ .state = NEW, .fd = fd, .what = *what };
        ask(h);
        while (w->state == NEW)
                pthread_cond_wait(&answered, &table);
        int rc = w->rc;
        if (rc)
                drop(h, w);
        else
                pthread_mutex_unlock(&table);
        return rc;
}

/* WEFT_OP_NOTIFIED is about the agent that enrolled, which the helper is not. */
static int check(const struct weft_handle *handle, enum weft_op op)
{
        if (!handle)
                return -EINVAL;
        return handle->kind->waitable && op != WEFT_OP_NOTIFIED ? 0 : -EPROTO;
}

/* Crash in fd, fd_close: nothing is left: descriptors and threads go with the process. */
int weft_fd(void *object, enum weft_op op, uint64_t n)
{
        struct weft_case what = { .object = object, .op = op, .n = n };
        int rc = check(object, op), saved = errno;
        if (rc)
                return rc;
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        rc = fd < 0 ? (errno == ENOMEM ? -ENOMEM : -EMFILE) : watch(&what, fd);
        if (rc && fd >= 0)
                close(fd);
        errno = saved;
        return rc ? rc : fd;
}

static struct watch *find(int fd, struct helper **whose)
{
        for (struct helper *h = helpers; h; h = h->next)
                for (uint32_t i = 0; i < WATCHES; i++)
                        if (h->watches[i].state == ON && h->watches[i].fd == fd) {
                                *whose = h;
                                return &h->watches[i];
                        }
        return NULL;
}

/* Of several who close the same one, one finds it. */
int weft_fd_close(int fd)
{
        struct helper *h = NULL;
        int saved = errno;
        pthread_mutex_lock(&table);
        struct watch *w = find(fd, &h);
        if (!w) {
                pthread_mutex_unlock(&table);
                return -EINVAL;
        }
        w->state = h->orphan ? GONE : GOING;
        if (!h->orphan)
                ask(h);
        while (w->state == GOING)
                pthread_cond_wait(&answered, &table);
        close(fd);
        drop(h, w);
        errno = saved;
        return 0;
}

/* ---- fork -------------------------------------------------------------------------------------- */

static void before_fork(void)
{
        pthread_mutex_lock(&table);
}

static void in_parent(void)
{
        pthread_mutex_unlock(&table);
}

/* The child has no helper. It keeps a list of the descriptors, so that it can close them;
 * those that a thread of the parent was about to get, or to close, are closed now. */
static void in_child(void)
{
        struct helper **at = &helpers;
        answered = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
        while (*at) {
                struct helper *h = *at;
                h->orphan = true;
                for (uint32_t i = 0; i < WATCHES; i++) {
                        struct watch *w = &h->watches[i];
                        if (w->state == FREE || w->state == ON)
                                continue;
                        close(w->fd);
                        *w = (struct watch){ 0 };
                        h->used--;
                }
                if (h->used) {
                        at = &h->next;
                } else {
                        *at = h->next;
                        free(h);
                }
        }
        pthread_mutex_unlock(&table);
}

__attribute__((constructor)) static void expect_forks(void)
{
        if (pthread_atfork(before_fork, in_parent, in_child))
                abort();
}
