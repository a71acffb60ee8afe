/* examples/csp_pool.c -- a pool of worker processes, told by channels what to do, and when to
 * quit; one of them may be killed in the middle.
 *
 *   csp_pool [--kill]
 *
 * Each worker selects: it is told to quit, or there is a job, or for a while there is neither.
 * A job is leased: when its worker dies before it is acknowledged, another one gets it. So
 * a result may come twice, and none is missing. The coordinator selects too, with jobs to
 * give and results to take: it never waits for the one while it could do the other. To
 * quit is to end a channel into which nobody sends: all who look at it see that. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/arena.h>
#include <weft/channel.h>
#include <weft/error.h>
#include <weft/select.h>

enum { WORKERS = 4, JOBS = 400, DONE = 1 };
#define IDLE_NS (20 * WEFT_MSEC)

struct job {
        uint32_t id, limit;
};

struct result {
        uint32_t id, worker, longest, redone;
};

static weft_arena_t *arena;
static weft_channel_t *jobs, *results, *quit;

static int must(int rc, const char *call)
{
        if (rc >= 0)
                return rc;
        fprintf(stderr, "csp_pool: %s: %s\n", call, weft_strerror(rc));
        exit(1);
}
#define MUST(call) must((call), #call)

/* The longest Collatz sequence that begins below `limit`. */
static uint32_t work(uint32_t limit)
{
        uint32_t longest = 0;
        for (uint32_t start = 1; start < limit; start++) {
                uint32_t length = 1;
                for (uint64_t n = start; n != 1; n = n % 2 ? 3 * n + 1 : n / 2)
                        length++;
                if (length > longest)
                        longest = length;
        }
        return longest;
}

static struct job job_of(uint32_t id)
{
        return (struct job){ id, 200 + id * 7 };
}

/* ---- a worker ------------------------------------------------------------------------ */

static void do_job(uint32_t me, struct weft_element *element)
{
        const struct job *job = element->at;
        struct result result = { job->id, me, work(job->limit), element->deliveries };
        MUST(weft_channel_send(results, &result, WEFT_NEVER));
        MUST(weft_channel_ack(jobs, element)); /* now nobody else will do it */
}

static void be_worker(uint32_t me)
{
        struct weft_element element;
        uint64_t unused;
        unsigned idle = 0;
        struct weft_case cases[] = {
                { .object = quit, .op = WEFT_OP_RECV, .to = &unused },
                { .object = jobs, .op = WEFT_OP_TAKE, .to = &element },
        };
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
                int which =
                        weft_select(cases, 2, WEFT_SELECT_PRIORITY, weft_after(IDLE_NS));
                if (which == -ETIMEDOUT) {
                        idle++; /* here it could do something else */
                        continue;
                }
                if (MUST(which) == 0)
                        break;
                if (cases[1].result == -EPIPE) { /* all are done: nothing but to quit */
                        cases[1].op = WEFT_OP_NONE;
                        continue;
                }
                MUST(cases[1].result);
                do_job(me, &element);
        }
        uint32_t reason;
        MUST(weft_channel_reason(quit, &reason));
        exit(reason == DONE ? 0 : 1);
}

/* ---- the coordinator --------------------------------------------------------------------- */

struct tally {
        uint32_t longest[JOBS];
        bool have[JOBS];
        uint32_t done, twice, redone;
};

static void take_result(struct tally *t, const struct result *r)
{
        t->redone += r->redone > 0;
        t->twice += t->have[r->id];
        t->done += !t->have[r->id];
        t->have[r->id] = true;
        t->longest[r->id] = r->longest;
}

/* Both at once, until there is no more to give, and nothing more to come. */
static void coordinate(struct tally *t, pid_t victim)
{
        struct job job = job_of(0);
        struct result result;
        struct weft_case cases[] = {
                { .object = jobs, .op = WEFT_OP_SEND, .from = &job },
                { .object = results, .op = WEFT_OP_RECV, .to = &result },
        };
        while (t->done < JOBS) {
                int which = MUST(weft_select(cases, 2, 0, WEFT_NEVER));
                MUST(cases[which].result);
                if (which == 1) {
                        take_result(t, &result);
                        if (t->done == JOBS / 4 && victim)
                                kill(victim, SIGKILL);
                } else if (job.id + 1 < JOBS) {
                        job = job_of(job.id + 1);
                } else {
                        cases[0].op = WEFT_OP_NONE;
                        MUST(weft_channel_shutdown(jobs, DONE));
                }
        }
}

static weft_channel_t *make(const char *name, uint64_t capacity, uint32_t bytes,
                            uint32_t flags)
{
        struct weft_channel_options o = { .capacity = capacity,
                                          .element_bytes = bytes,
                                          .flags = flags };
        weft_channel_t *channel;
        MUST(weft_channel_create(arena, name, &o, &channel));
        return channel;
}

int main(int argc, char **argv)
{
        static struct tally tally;
        bool kills = argc == 2 && strcmp(argv[1], "--kill") == 0;
        pid_t pid[WORKERS];
        int well = 0, status;
        if (argc != 1 + kills) {
                fprintf(stderr, "usage: csp_pool [--kill]\n");
                return 2;
        }
        MUST(weft_arena_create(NULL, NULL, &arena)); /* gone with its processes */
        jobs = make("jobs", 16, sizeof(struct job), WEFT_CHANNEL_LEASE);
        results = make("results", 16, sizeof(struct result), 0);
        quit = make("quit", 0, sizeof(uint64_t), 0);
        fflush(NULL);
        for (uint32_t w = 0; w < WORKERS; w++)
                if ((pid[w] = fork()) == 0)
                        be_worker(w);
        coordinate(&tally, kills ? pid[WORKERS / 2] : 0);
        MUST(weft_channel_shutdown(quit, DONE));
        for (int w = 0; w < WORKERS; w++)
                well += waitpid(pid[w], &status, 0) == pid[w] && WIFEXITED(status) &&
                        WEXITSTATUS(status) == 0;
        bool same = true;
        for (uint32_t id = 0; id < JOBS; id++)
                same &= tally.longest[id] == work(job_of(id).limit);
        printf("%u of %u jobs done by %d workers who quit; %u done again, %u results "
               "came "
               "twice: %s\n",
               tally.done, (unsigned)JOBS, well, tally.redone, tally.twice,
               same ? "right" : "wrong");
        return !same || well != WORKERS - kills;
}
