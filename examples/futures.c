/* examples/futures.c -- futures across processes: all, any, then.
 *
 *   futures
 *
 * A crew of processes is sent tokens and sets what they stand for. One of them is told to
 * promise and is killed: who waits for it is told. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/arena.h>
#include <weft/error.h>
#include <weft/future.h>
#include <weft/queue.h>

enum { CREW = 4, TASKS = 16 };

struct task {
        uint64_t token; /* of the future that wants the answer; 0: go home */
        int64_t number; /* to be squared; negative: promise, and wait to be killed */
};

static weft_arena_t *arena;
static weft_queue_t *tasks;

static void must(int64_t rc, const char *what)
{
        if (rc < 0) {
                fprintf(stderr, "futures: %s: %s\n", what, weft_strerror((int)rc));
                _exit(1);
        }
}

/* ---- what comes next: functions known by name ------------------------------------------ */

static int half(const void *in, void *out, const void *argument)
{
        int64_t n;
        (void)argument;
        memcpy(&n, in, sizeof n);
        n /= 2;
        memcpy(out, &n, sizeof n);
        return 0;
}

static int64_t in_words(const void *in, size_t n, void *out, size_t room,
                        const void *argument)
{
        int64_t number;
        (void)n;
        memcpy(&number, in, sizeof number);
        int length =
                snprintf(out, room, "%s %lld", (const char *)argument, (long long)number);
        return (size_t)length < room ? length + 1 : -EOVERFLOW;
}

WEFT_FUNCTION_ITEM("half", half, WEFT_TYPE(int64_t, "number"),
                   WEFT_TYPE(int64_t, "number"))
WEFT_FUNCTION_CHUNK("in words", in_words, WEFT_TYPE(int64_t, "number"), WEFT_TYPE_BYTES)

/* ---- the crew ------------------------------------------------------------------------------ */

static void work(void)
{
        struct task task;
        for (;;) {
                weft_future_t *f;
                must(weft_queue_pop(tasks, &task, WEFT_NEVER), "pop");
                if (!task.token)
                        _exit(0);
                int rc = weft_future_open_token(arena, task.token, &f);
                if (rc == -ENOENT)
                        continue; /* nobody wants to know any more */
                must(rc, "open");
                if (task.number < 0) {
                        must(weft_future_produce(f), "promise");
                        raise(SIGKILL);
                }
                task.number *= task.number;
                rc = weft_future_set(f, &task.number, sizeof task.number);
                if (rc != -ECANCELED)
                        must(rc, "set");
                weft_future_close(f);
        }
}

static weft_future_t *ask(int64_t number)
{
        struct weft_future_options options = { .type = WEFT_TYPE(int64_t, "number") };
        weft_future_t *f;
        must(weft_future_create(arena, NULL, &options, &f), "future");
        struct task task = { weft_future_token(f), number };
        must(weft_queue_push(tasks, &task, WEFT_NEVER), "push");
        return f;
}

static int64_t number_of(weft_future_t *f)
{
        int64_t n = 0;
        must(weft_future_get(f, &n, sizeof n, WEFT_NEVER), "get");
        return n;
}

/* ---- what is asked of them ---------------------------------------------------------------- */

static void all_of_them(void)
{
        weft_future_t *f[TASKS];
        int64_t sum = 0;
        for (int i = 0; i < TASKS; i++)
                f[i] = ask(i);
        must(weft_future_all(f, TASKS, WEFT_NEVER), "all");
        for (int i = 0; i < TASKS; i++) {
                sum += number_of(f[i]);
                weft_future_close(f[i]);
        }
        printf("all: the squares below %d add up to %lld\n", TASKS, (long long)sum);
}

/* Nobody is asked for the first; the second is there. */
static void any_of_them(void)
{
        weft_future_t *f[2];
        must(weft_future_create(arena, NULL, NULL, &f[0]), "future");
        f[1] = ask(7);
        int which = weft_future_any(f, 2, WEFT_NEVER);
        must(which, "any");
        printf("any: number %d says %lld\n", which, (long long)number_of(f[which]));
        must(weft_future_cancel(f[0]), "cancel");
        weft_future_close(f[0]);
        weft_future_close(f[1]);
}

static void what_comes_next(void)
{
        weft_future_t *f = ask(8), *halved, *said;
        char words[64];
        must(weft_future_then(f, "half", NULL, 0, NULL, &halved), "then");
        must(weft_future_then(halved, "in words", "that is", 8, NULL, &said), "then");
        must(weft_future_get(said, words, sizeof words, WEFT_NEVER), "get");
        printf("then: %s\n", words);
        weft_future_close(f);
        weft_future_close(halved);
        weft_future_close(said);
}

static void a_broken_promise(void)
{
        weft_future_t *f = ask(-1), *next;
        int64_t n;
        must(weft_future_then(f, "half", NULL, 0, NULL, &next), "then");
        int64_t rc = weft_future_get(next, &n, sizeof n, WEFT_NEVER);
        printf("promise: %s\n", rc == -EOWNERDEAD ? "its owner died" : "?");
        weft_future_close(f);
        weft_future_close(next);
}

int main(void)
{
        struct weft_queue_options options = { .capacity = 64,
                                              .element_bytes = sizeof(struct task) };
        pid_t parent = getpid(), pids[CREW + 1];
        must(weft_arena_create(NULL, NULL, &arena), "arena");
        must(weft_queue_create(arena, "tasks", &options, &tasks), "queue");
        for (int i = 0; i <= CREW; i++) {
                pids[i] = fork();
                if (pids[i] == 0) {
                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        if (getppid() != parent)
                                _exit(1);
                        work();
                }
        }
        all_of_them();
        any_of_them();
        what_comes_next();
        a_broken_promise();
        struct task home = { 0 };
        for (int i = 0; i < CREW; i++)
                must(weft_queue_push(tasks, &home, WEFT_NEVER), "push");
        int killed = 0, failed = 0;
        for (int i = 0; i <= CREW; i++) {
                int status;
                if (waitpid(pids[i], &status, 0) != pids[i])
                        failed++;
                else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
                        killed++;
                else
                        failed += status != 0;
        }
        struct weft_arena_info info;
        must(weft_arena_info(arena, &info), "info");
        printf("%d of %d left, and %u futures\n", CREW + 1 - killed, CREW + 1,
               info.objects - 1);
        weft_queue_close(tasks);
        weft_arena_close(arena);
        return failed != 0;
}
