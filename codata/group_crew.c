/* codata/group_crew.c -- workers that were spawned: started, watched, replaced, ended.
 *
 * Each call of weft_group_spawn() makes a crew, with a thread of its own that starts the
 * workers, as processes or threads, and stays as long as any of them. It is that thread, not the
 * caller, who forks: the kernel ties "dies with its parent" to the thread that forked. A page
 * that the crew and its workers share tells them to leave.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/topology.h>

#include "codata/group_internal.h"

enum {
        BLIND_MS = 20, /* without pidfd_open() it looks this often */
        AGAIN_MS = 10, /* when a fork failed, it tries again after so long */
        RESTARTS_MAX = 4096,
};
#define WINDOW_NS (10 * WEFT_SEC)

struct page {
        struct weft_tally_shared leave;
};

struct member {
        pid_t pid;        /* 0: not there (any more) */
        int fd;           /* its pidfd; or -1 */
        bool missing;     /* shall be started again */
        pthread_t thread; /* of a crew of threads */
        struct weft_crew *crew;
        int cpu; /* or -1 */
};

struct weft_crew {
        struct weft_group *group;
        struct weft_crew *next; /* of the group's handle */
        struct page *page;      /* shared with its workers */
        weft_topology_t *topology;
        pthread_t thread; /* the supervisor */
        uint64_t owner;   /* whose process it is: a child of a fork has none; */
        pid_t pid;        /* and its pid */
        int call;         /* eventfd: the supervisor shall look at the page */
        int told;         /* eventfd: all have been started, or not: */
        int rc;
        sigset_t mask; /* the spawner's */
        uint32_t flags, restarts;
        uint64_t window_ns;
        uint64_t *deaths; /* when the last `restarts` were replaced, in a ring */
        uint64_t replaced;
        bool given_up;
        uint32_t n;
        struct member member[];
};

static pthread_mutex_t crews = PTHREAD_MUTEX_INITIALIZER; /* the lists of all handles */

static void lock(void)
{
        pthread_mutex_lock(&crews);
}

static void unlock(void)
{
        pthread_mutex_unlock(&crews);
}

/* Who forks while another thread is at it: the child may spawn, too. */
__attribute__((constructor)) static void watch_forks(void)
{
        if (pthread_atfork(lock, unlock, unlock))
                abort();
}

static bool must_leave(const struct weft_crew *crew)
{
        return weft_tally_get(&crew->page->leave) != 0;
}

static void poke(int fd)
{
        uint64_t one = 1;
        ssize_t n;
        do
                n = write(fd, &one, sizeof one);
        while (n < 0 && errno == EINTR);
}

/* ---- workers ------------------------------------------------------------------- */

/* In the child. The parent's other threads are not here, nor is anything run that they left
 * to be run at the end. */
_Noreturn static void be_process(struct member *m)
{
        struct weft_crew *crew = m->crew;
        if (!(crew->flags & WEFT_GROUP_OUTLIVE)) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != crew->pid)
                        _exit(0); /* it has died meanwhile */
        }
        if (m->cpu >= 0 && weft_topology_pin(crew->topology, m->cpu))
                _exit(1);
        (void)pthread_sigmask(SIG_SETMASK, &crew->mask, NULL);
        int rc = weft_group_work_until(crew->group, WEFT_NEVER, &crew->page->leave);
        _exit(rc ? 1 : 0);
}

static void *be_thread(void *context)
{
        struct member *m = context;
        struct weft_crew *crew = m->crew;
        if (m->cpu >= 0)
                (void)!weft_topology_pin(crew->topology, m->cpu);
        (void)!weft_group_work_until(crew->group, WEFT_NEVER, &crew->page->leave);
        return NULL;
}

static int start(struct member *m)
{
        struct weft_crew *crew = m->crew;
        m->fd = -1;
        if (crew->flags & WEFT_GROUP_THREADS) {
                int rc = pthread_create(&m->thread, NULL, be_thread, m);
                m->pid = rc ? 0 : 1;
                return -rc;
        }
        pid_t pid = fork();
        if (!pid)
                be_process(m);
        if (pid < 0)
                return -errno;
        m->pid = pid;
        m->fd = (int)syscall(SYS_pidfd_open, pid, 0);
        return 0;
}

/* ---- watching ------------------------------------------------------------------- */

/* Has it ended? `died`: otherwise than by its own decision. Only this child is asked for. If
 * somebody else has waited for it, nobody knows how it ended. */
static bool reap(struct member *m, bool *died)
{
        siginfo_t info = { 0 };
        int rc;
        do
                rc = waitid(P_PID, (id_t)m->pid, &info, WEXITED | WNOHANG);
        while (rc < 0 && errno == EINTR);
        if (!rc && !info.si_pid)
                return false;
        *died = rc < 0 || info.si_code != CLD_EXITED || info.si_status != 0;
        if (m->fd >= 0)
                (void)close(m->fd);
        m->fd = -1;
        m->pid = 0;
        return true;
}

static bool is_over(const struct weft_crew *crew)
{
        return must_leave(crew) || weft_event_is_set(crew->group->stop) == 1 ||
               weft_group_is_over(crew->group);
}

/* May one more be replaced? Not when `restarts` have been, within the window. */
static bool may_replace(struct weft_crew *crew)
{
        uint64_t now = weft_now();
        if (!crew->restarts)
                return false;
        uint64_t *oldest = &crew->deaths[crew->replaced % crew->restarts];
        if (crew->replaced >= crew->restarts && now - *oldest < crew->window_ns)
                return false;
        *oldest = now;
        crew->replaced++;
        return true;
}

static void give_up(struct weft_crew *crew)
{
        if (!crew->given_up && crew->restarts)
                weft_tally_add(&weft_group_of(crew->group)->given_up, 1);
        crew->given_up = true;
}

/* One has died. Its lease comes back when it is found dead: now. */
static void mourn(struct member *m)
{
        struct weft_crew *crew = m->crew;
        (void)!weft_arena_recover(crew->group->handle.arena, NULL);
        if (is_over(crew) || crew->given_up)
                return;
        if (may_replace(crew))
                m->missing = true;
        else
                give_up(crew);
}

static void replace(struct member *m)
{
        struct weft_crew *crew = m->crew;
        if (is_over(crew)) {
                m->missing = false;
        } else if (start(m) == 0) {
                m->missing = false;
                weft_tally_add(&weft_group_of(crew->group)->restarted, 1);
        } else if (!may_replace(crew)) {
                m->missing = false;
                give_up(crew);
        }
}

/* Sleeps until one has ended, or it is called. */
static void watch(struct weft_crew *crew, struct pollfd *fds)
{
        uint64_t calls;
        nfds_t n = 0;
        int ms = -1;
        fds[n++] = (struct pollfd){ .fd = crew->call, .events = POLLIN };
        for (uint32_t i = 0; i < crew->n; i++) {
                const struct member *m = &crew->member[i];
                if (m->missing)
                        ms = AGAIN_MS;
                else if (m->pid && m->fd < 0)
                        ms = ms < 0 ? BLIND_MS : ms;
                else if (m->pid)
                        fds[n++] = (struct pollfd){ .fd = m->fd, .events = POLLIN };
        }
        if (poll(fds, n, ms) > 0 && fds[0].revents)
                (void)!read(crew->call, &calls, sizeof calls);
}

static void watch_processes(struct weft_crew *crew)
{
        struct pollfd fds[1 + WEFT_GROUP_WORKERS_MAX];
        for (;;) {
                uint32_t there = 0;
                for (uint32_t i = 0; i < crew->n; i++) {
                        struct member *m = &crew->member[i];
                        bool died = false;
                        if (m->pid && reap(m, &died) && died)
                                mourn(m);
                        if (m->missing)
                                replace(m);
                        there += m->pid || m->missing;
                }
                if (!there)
                        return;
                watch(crew, fds);
        }
}

static void watch_threads(struct weft_crew *crew)
{
        for (uint32_t i = 0; i < crew->n; i++)
                if (crew->member[i].pid)
                        (void)pthread_join(crew->member[i].thread, NULL);
}

static void *supervise(void *context)
{
        struct weft_crew *crew = context;
        for (uint32_t i = 0; i < crew->n && !crew->rc; i++)
                crew->rc = start(&crew->member[i]);
        if (crew->rc)
                (void)weft_tally_set_once(&crew->page->leave, 1);
        poke(crew->told);
        if (crew->flags & WEFT_GROUP_THREADS)
                watch_threads(crew);
        else
                watch_processes(crew);
        return NULL;
}

/* ---- making and ending ------------------------------------------------------------ */

static void crew_free(struct weft_crew *crew)
{
        if (crew->page)
                (void)munmap(crew->page, sizeof *crew->page);
        if (crew->call >= 0)
                (void)close(crew->call);
        if (crew->told >= 0)
                (void)close(crew->told);
        weft_topology_free(crew->topology);
        free(crew->deaths);
        free(crew);
}

static int place(struct weft_crew *crew, const char *how)
{
        int *cpus = calloc(crew->n, sizeof *cpus);
        if (!cpus)
                return -ENOMEM;
        int rc = weft_topology_load(&crew->topology, NULL);
        if (!rc)
                rc = weft_topology_place(crew->topology, how, (int)crew->n, cpus, NULL);
        for (uint32_t i = 0; !rc && i < crew->n; i++)
                crew->member[i].cpu = cpus[i];
        free(cpus);
        return rc;
}

static int fill(struct weft_crew *crew, struct weft_group *group,
                const struct weft_group_workers *workers)
{
        crew->group = group;
        crew->owner = weft_process();
        crew->pid = getpid();
        crew->n = workers->n;
        crew->flags = workers->flags;
        crew->restarts =
                workers->restarts < RESTARTS_MAX ? workers->restarts : RESTARTS_MAX;
        crew->window_ns = workers->window_ns ? workers->window_ns : WINDOW_NS;
        for (uint32_t i = 0; i < crew->n; i++) {
                crew->member[i].crew = crew;
                crew->member[i].cpu = -1;
        }
        crew->call = eventfd(0, EFD_CLOEXEC);
        crew->told = eventfd(0, EFD_CLOEXEC);
        if (crew->call < 0 || crew->told < 0)
                return -errno;
        void *page = mmap(NULL, sizeof *crew->page, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
                return -errno;
        crew->page = page;
        if (crew->restarts) {
                crew->deaths = calloc(crew->restarts, sizeof *crew->deaths);
                if (!crew->deaths)
                        return -ENOMEM;
        }
        return workers->pin ? place(crew, workers->pin) : 0;
}

static int crew_make(struct weft_group *group, const struct weft_group_workers *workers,
                     struct weft_crew **out)
{
        struct weft_crew *crew =
                calloc(1, sizeof *crew + workers->n * sizeof *crew->member);
        if (!crew)
                return -ENOMEM;
        crew->call = crew->told = -1;
        int rc = fill(crew, group, workers);
        if (rc)
                crew_free(crew);
        else
                *out = crew;
        return rc;
}

/* The supervisor answers no signals; its workers get the spawner's mask. */
static int crew_start(struct weft_crew *crew)
{
        sigset_t all;
        uint64_t told;
        sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &crew->mask);
        int rc = -pthread_create(&crew->thread, NULL, supervise, crew);
        (void)pthread_sigmask(SIG_SETMASK, &crew->mask, NULL);
        if (rc)
                return rc;
        while (read(crew->told, &told, sizeof told) < 0 && errno == EINTR)
                continue;
        if (crew->rc)
                (void)pthread_join(crew->thread, NULL);
        return crew->rc;
}

int weft_group_spawn(weft_group_t *group, const struct weft_group_workers *workers)
{
        struct weft_crew *crew;
        int saved = errno;
        if (!group || !workers || !workers->n || workers->n > WEFT_GROUP_WORKERS_MAX ||
            workers->flags & ~(uint32_t)(WEFT_GROUP_THREADS | WEFT_GROUP_OUTLIVE) ||
            workers->reserved)
                return -EINVAL;
        if (group->handle.arena->readonly)
                return -EROFS;
        int rc = crew_make(group, workers, &crew);
        if (!rc) {
                rc = crew_start(crew);
                if (rc)
                        crew_free(crew);
        }
        if (!rc) {
                lock();
                crew->next = group->crews;
                group->crews = crew;
                unlock();
        }
        errno = saved;
        return rc;
}

void weft_crews_end(struct weft_group *group)
{
        struct weft_crew *crew;
        for (crew = group->crews; crew; crew = crew->next)
                if (crew->owner == weft_process()) {
                        (void)weft_tally_set_once(&crew->page->leave, 1);
                        poke(crew->call);
                }
        /* Who sleeps would find it at his next look; let that be now. */
        if (group->crews)
                (void)!weft_event_pulse(group->stop);
        while ((crew = group->crews)) {
                group->crews = crew->next;
                if (crew->owner != weft_process())
                        continue; /* a child's copy: its parent's to end */
                (void)pthread_join(crew->thread, NULL);
                crew_free(crew);
        }
}
