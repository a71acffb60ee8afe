/* tests/harness/job.c -- hosts, survivors, and the watchdog over them. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/harness/grid.h"
#include "tests/harness/job.h"
#include "tests/harness/step.h"

enum { JOBS = 3, DEFAULT_BOUND_MS = 5000, HOST_MS = 20000 };
enum { LONGER_MOST = 5 }; /* on a machine that has no time for a survivor */

static int64_t now_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *shared(size_t n)
{
        void *at =
                mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(at != MAP_FAILED);
        return at;
}

static int open_pidfd(pid_t pid)
{
        return (int)syscall(SYS_pidfd_open, pid, 0);
}

_Noreturn void crash_fail(struct crash *c, enum crash_verdict verdict, const char *format,
                          ...)
{
        va_list list;
        va_start(list, format);
        if (c->told) {
                vsnprintf(c->told->text, sizeof c->told->text, format, list);
                c->told->verdict = verdict;
        } else {
                vfprintf(stderr, format, list);
                fputc('\n', stderr);
        }
        va_end(list);
        _exit(1);
}

/* ---- hosts --------------------------------------------------------------- */

static bool send_fd(int socket, int fd)
{
        char byte = 0, control[CMSG_SPACE(sizeof fd)] = { 0 };
        struct iovec io = { &byte, 1 };
        struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
        if (fd >= 0) {
                m.msg_control = control;
                m.msg_controllen = sizeof control;
                struct cmsghdr *h = CMSG_FIRSTHDR(&m);
                h->cmsg_level = SOL_SOCKET;
                h->cmsg_type = SCM_RIGHTS;
                h->cmsg_len = CMSG_LEN(sizeof fd);
                memcpy(CMSG_DATA(h), &fd, sizeof fd);
        }
        return sendmsg(socket, &m, MSG_NOSIGNAL) == 1;
}

/* False at the sender's end; *fd is -1 if none came. */
static bool receive_fd(int socket, int *fd)
{
        char byte, control[CMSG_SPACE(sizeof *fd)] = { 0 };
        struct iovec io = { &byte, 1 };
        struct msghdr m = { .msg_iov = &io,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control };
        *fd = -1;
        if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) != 1)
                return false;
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        if (h && h->cmsg_type == SCM_RIGHTS)
                memcpy(fd, CMSG_DATA(h), sizeof *fd);
        return true;
}

struct crash scene_view(const struct scene *s)
{
        return (struct crash){
                .self = s->self, .fd = s->world.fd, .dir = s->world.dir, .note = s->note
        };
}

static void enter(const struct world *w)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (*w->dir)
                setenv("WEFT_DIR", w->dir, 1);
}

static void host_main(struct scene *s, struct crash_told *told, int socket)
{
        struct crash c = scene_view(s);
        enter(&s->world);
        cpu_roam();
        c.told = told;
        s->self->setup(&c);
        CHECK(send_fd(socket, c.fd));
        while (s->self->flags & CRASH_KEEP_HOST)
                pause();
        exit(0); /* in order: whatever it holds is given back */
}

/* Waits for a child's end, with an end to its patience: false, and it is killed. */
static bool ended_well(pid_t pid)
{
        int status, fd = open_pidfd(pid);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        bool late = poll(&p, 1, HOST_MS) == 0;
        if (late)
                kill(pid, SIGKILL);
        close(fd);
        return waitpid(pid, &status, 0) == pid && status == 0;
}

bool scene_set(struct scene *s, const struct crash_case *self)
{
        int pair[2];
        struct crash_told *told = shared(sizeof *told);
        *s = (struct scene){ .self = self, .world = { .fd = -1 } };
        s->note = shared(sizeof *s->note);
        if (self->flags & CRASH_DIR)
                CHECK(world_make_dir(&s->world) == 0);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        fflush(NULL);
        s->host = fork();
        CHECK(s->host >= 0);
        if (s->host == 0) {
                close(pair[0]);
                host_main(s, told, pair[1]);
        }
        close(pair[1]);
        struct pollfd p = { .fd = pair[0], .events = POLLIN };
        bool fine = poll(&p, 1, HOST_MS) == 1 && receive_fd(pair[0], &s->world.fd);
        close(pair[0]);
        if (!fine || !(self->flags & CRASH_KEEP_HOST)) {
                fine = ended_well(s->host) && fine;
                s->host = 0;
        }
        if (!fine)
                fprintf(stderr, "%s: setup failed: %s\n", self->name,
                        *told->text ? told->text : "no reason given");
        munmap(told, sizeof *told);
        if (!fine)
                scene_drop(s);
        return fine;
}

void scene_again(struct scene *s, const struct crash_case *self,
                 const struct image *image, const struct crash_note *note)
{
        *s = (struct scene){ .self = self };
        s->note = shared(sizeof *s->note);
        *s->note = *note;
        image_make(image, &s->world);
}

void scene_drop(struct scene *s)
{
        if (s->host) {
                kill(s->host, SIGKILL);
                (void)waitpid(s->host, NULL, 0);
        }
        world_drop(&s->world);
        munmap(s->note, sizeof *s->note);
}

/* ---- a survivor's life --------------------------------------------------- */

struct job {
        pid_t pid;
        int pidfd;
        int pipe[2][2]; /* survived: to us; go on: to it. Those that halt only */
        int64_t until;
        unsigned longer; /* so often it was given more time */
        struct crash_told *told;
        struct job_order order;
};

static bool copied(const struct job *j)
{
        return j->order.kind == JOB_EARLY || j->order.kind == JOB_LATE;
}

/* The host dies now, and its death is complete when this returns. */
static void end_host(struct job *j)
{
        if (!j->order.host)
                return;
        if (copied(j)) {
                world_bury(&j->order.world, j->order.self->kit, (uint32_t)j->order.host);
                return;
        }
        struct pollfd p = { .fd = open_pidfd(j->order.host), .events = POLLIN };
        if (p.fd < 0)
                return; /* dead and gone */
        kill(j->order.host, SIGKILL);
        (void)poll(&p, 1, -1);
        close(p.fd);
}

static void halt(struct job *j)
{
        char byte = 0;
        CHECK(write(j->pipe[0][1], &byte, 1) == 1);
        CHECK(read(j->pipe[1][0], &byte, 1) == 1);
}

static uint32_t recover(struct crash *c)
{
        return c->self->kit->recover ? c->self->kit->recover(c) : 0;
}

static void bury_victims(struct job *j)
{
        struct job_order *o = &j->order;
        world_bury(&o->world, o->self->kit, (uint32_t)o->victim);
        world_bury(&o->world, o->self->kit, (uint32_t)o->second);
}

static void open_when_due(struct job *j, struct crash *c)
{
        const struct job_order *o = &j->order;
        if (o->kind == JOB_LATE)
                bury_victims(j);
        if (o->self->open)
                o->self->open(c);
        if (o->kind == JOB_EARLY)
                bury_victims(j);
        if (o->kind == JOB_REAL || o->kind == JOB_GRID)
                halt(j);
}

/* Nobody alive may be found dead; of the dead, some may have been settled before. */
static void recover_beside_the_living(struct job *j, struct crash *c)
{
        uint32_t dead = j->order.dead;
        for (int i = 0; i < 2 && j->order.kind == JOB_GRID; i++)
                dead += j->order.fate[i] == GRID_KILLED && (i == 0 || j->order.other);
        if (recover(c) > dead)
                crash_fail(c, CRASH_BROKEN, "a stopped victim was taken for dead");
}

static void survivor_main(struct job *j)
{
        const struct crash_case *self = j->order.self;
        struct crash c = { .self = self,
                           .fd = j->order.world.fd,
                           .dir = j->order.world.dir,
                           .note = copied(j) ? &j->told->note : j->order.note,
                           .other = copied(j) ? &j->told->other : j->order.other,
                           .how = j->order.kind == JOB_STOP ? CRASH_STOPPED
                                                            : CRASH_KILLED,
                           .fate = { j->order.fate[0], j->order.fate[1] },
                           .told = j->told };
        enter(&j->order.world);
        cpu_roam();
        open_when_due(j, &c);
        j->told->phase = JOB_SURVIVES;
        if (self->survive)
                self->survive(&c);
        if (j->order.kind == JOB_STOP || j->order.kind == JOB_GRID) {
                recover_beside_the_living(j, &c);
                halt(j);
        }
        if (j->order.ended) {
                j->order.ended(&c);
                halt(j);
        }
        j->told->phase = JOB_RECOVERS;
        end_host(j);
        (void)recover(&c);
        j->told->phase = JOB_VERIFIES;
        if (self->verify)
                self->verify(&c);
        j->told->phase = JOB_DONE;
        _exit(0);
}

/* ---- watching over them -------------------------------------------------- */

static struct job *running[JOBS];

static unsigned bound_ms(const struct job *j)
{
        return j->order.self->bound_ms ? j->order.self->bound_ms : DEFAULT_BOUND_MS;
}

static struct job *start(const struct job_order *order)
{
        struct job *j = calloc(1, sizeof *j);
        CHECK(j);
        j->order = *order;
        j->told = shared(sizeof *j->told);
        j->told->note = *order->note;
        if (order->other)
                j->told->other = *order->other;
        if (!copied(j))
                CHECK(pipe(j->pipe[0]) == 0 && pipe(j->pipe[1]) == 0);
        j->until = now_ms() + bound_ms(j);
        fflush(NULL);
        j->pid = fork();
        CHECK(j->pid >= 0);
        if (j->pid == 0)
                survivor_main(j);
        j->pidfd = open_pidfd(j->pid);
        CHECK(j->pidfd >= 0);
        return j;
}

static const char *phase_name(enum job_phase phase)
{
        static const char *const names[] = { "opening", "survive", "recover", "verify",
                                             "done" };
        return names[phase];
}

/* It has ended, or is ended here because its time is over. */
static void end(struct job *j)
{
        int status;
        char text[sizeof j->told->text + 64];
        bool late = waitpid(j->pid, &status, WNOHANG) != j->pid;
        if (late) {
                kill(j->pid, SIGKILL);
                CHECK(waitpid(j->pid, &status, 0) == j->pid);
        }
        enum job_phase phase = (enum job_phase)j->told->phase;
        enum crash_verdict verdict = (enum crash_verdict)j->told->verdict;
        snprintf(text, sizeof text, "%s", j->told->text);
        if (verdict == CRASH_FINE && late) {
                verdict = CRASH_WEDGED;
                snprintf(text, sizeof text, "no end in %s", phase_name(phase));
        } else if (verdict == CRASH_FINE && (status || phase != JOB_DONE)) {
                verdict = CRASH_BROKEN;
                snprintf(text, sizeof text, "survivor ended in %s with status 0x%x",
                         phase_name(phase), (unsigned)status);
        }
        j->order.done(j->order.context, verdict, phase, text);
        if (copied(j))
                world_drop(&j->order.world);
        for (int i = 0; i < 4 && !copied(j); i++)
                close(j->pipe[i / 2][i % 2]);
        close(j->pidfd);
        munmap(j->told, sizeof *j->told);
        free(j);
}

/* It would go on if it were let: it can run, or waits for memory, and has had less than half
 * of the time. Who is wedged sleeps, or has spun all the time. */
static bool is_starved(const struct job *j)
{
        char path[64], state = 0;
        unsigned long user = 0, system = 0;
        snprintf(path, sizeof path, "/proc/%d/stat", (int)j->pid);
        FILE *f = fopen(path, "r");
        if (f &&
            fscanf(f, "%*d (%*[^)]) %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                   &state, &user, &system) != 3)
                state = 0;
        if (f)
                fclose(f);
        uint64_t ms = (uint64_t)(user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
        return (state == 'R' || state == 'D') && ms < bound_ms(j) / 2;
}

static int left_ms(struct job *j)
{
        int64_t ms = j->until - now_ms();
        if (ms <= 0 && j->longer < LONGER_MOST && is_starved(j)) {
                j->longer++;
                ms = bound_ms(j);
                j->until = now_ms() + ms;
        }
        return ms < 0 ? 0 : (int)ms;
}

static void poll_for(struct job *j, struct pollfd *p, nfds_t n)
{
        while (poll(p, n, left_ms(j)) == 0 && left_ms(j) > 0)
                ;
}

/* Ends at least one job, if any is running. */
static void wait_for_one(void)
{
        struct pollfd p[JOBS];
        struct job *at[JOBS];
        nfds_t n = 0;
        int ms = -1;
        for (int i = 0; i < JOBS; i++)
                if (running[i]) {
                        int left = left_ms(running[i]);
                        ms = ms < 0 || left < ms ? left : ms;
                        p[n] = (struct pollfd){ .fd = running[i]->pidfd,
                                                .events = POLLIN };
                        at[n++] = running[i];
                }
        if (!n)
                return;
        (void)poll(p, n, ms);
        for (nfds_t k = 0; k < n; k++)
                for (int i = 0; i < JOBS; i++)
                        if (running[i] == at[k] &&
                            (p[k].revents || left_ms(at[k]) == 0)) {
                                running[i] = NULL;
                                end(at[k]);
                        }
}

void job_start(const struct job_order *order)
{
        for (;;) {
                for (int i = 0; i < JOBS; i++)
                        if (!running[i]) {
                                running[i] = start(order);
                                return;
                        }
                wait_for_one();
        }
}

void jobs_wait(void)
{
        for (int i = 0; i < JOBS; i++)
                while (running[i])
                        wait_for_one();
}

struct job *job_start_halting(const struct job_order *order)
{
        return start(order);
}

bool job_halted(struct job *j)
{
        struct pollfd p[2] = { { .fd = j->pipe[0][0], .events = POLLIN },
                               { .fd = j->pidfd, .events = POLLIN } };
        poll_for(j, p, 2);
        return p[0].revents & POLLIN;
}

void job_go_on(struct job *j)
{
        char byte;
        CHECK(read(j->pipe[0][0], &byte, 1) == 1);
        j->until = now_ms() + bound_ms(j);
        CHECK(write(j->pipe[1][1], &byte, 1) == 1);
}

void job_finish(struct job *j)
{
        char byte = 0;
        struct pollfd p = { .fd = j->pidfd, .events = POLLIN };
        CHECK(write(j->pipe[1][1], &byte, 1) == 1);
        poll_for(j, &p, 1);
        end(j);
}
