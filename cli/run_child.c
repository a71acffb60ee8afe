/* Worker processes: started, reaped, started again, ended. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run_supervise.h"

static const char *child_name(const struct run *run, const struct run_child *child)
{
        static char name[48];
        snprintf(name, sizeof name, "worker %s/%u",
                 run_op_name(run->pipeline.stage[child->stage].op), child->number);
        return name;
}

/* A worker reads no terminal and writes only to stderr; Ctrl-C is the supervisor's. */
static int spawn(struct run *run, struct run_child *child, char **argv)
{
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        sigset_t blocked, defaults;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGINT);
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &blocked);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        int rc = child->cpu < 0 ? 0 : weft_topology_pin(run->topology, child->cpu);
        if (rc)
                rc = cli_fail(CLI_FAILED, "cannot pin to cpu %d: %s", child->cpu,
                              weft_strerror(rc));
        else if ((rc = posix_spawn(&child->pid, "/proc/self/exe", &files, &attributes,
                                   argv, environ)))
                rc = cli_fail(CLI_FAILED, "cannot start %s: %s", child_name(run, child),
                              strerror(rc));
        if (child->cpu >= 0 && weft_topology_unpin(run->topology) != 0)
                cli_warn("cannot unpin");
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&files);
        return rc;
}

static int start(struct run *run, struct run_child *child)
{
        char stage[16], number[16], incarnation[24], parent[16];
        char *argv[] = { (char[]){ "weft" },
                         (char[]){ "run-worker" },
                         run->name,
                         stage,
                         number,
                         incarnation,
                         parent,
                         NULL };
        child->incarnation = run->next_incarnation++;
        snprintf(stage, sizeof stage, "%u", child->stage);
        snprintf(number, sizeof number, "%u", child->number);
        snprintf(incarnation, sizeof incarnation, "%llu",
                 (unsigned long long)child->incarnation);
        snprintf(parent, sizeof parent, "%ld", (long)getpid());
        child->pid = 0;
        int rc = spawn(run, child, argv);
        if (rc)
                child->pid = 0;
        return rc;
}

static int place(struct run *run, int *cpus)
{
        weft_topology_why_t why;
        int rc = weft_topology_load(&run->topology, &why);
        if (!rc)
                rc = weft_topology_place(run->topology, run->options.pin,
                                         (int)run->children, cpus, &why);
        return rc ? cli_fail(CLI_FAILED, "--pin %s: %s", run->options.pin, why.text)
                  : CLI_OK;
}

int run_children_start(struct run *run)
{
        int cpus[RUN_WORKERS_MAX] = { 0 };
        int rc = CLI_OK;
        run->next_incarnation = 1;
        for (uint32_t s = 0; s < run->pipeline.stages; s++)
                for (uint32_t n = 0; n < run->pipeline.stage[s].workers; n++)
                        run->child[run->children++] =
                                (struct run_child){ .stage = s, .number = n, .cpu = -1 };
        if (run->options.pin)
                rc = place(run, cpus);
        for (uint32_t i = 0; i < run->children && !rc; i++) {
                if (run->options.pin)
                        run->child[i].cpu = cpus[i];
                rc = start(run, &run->child[i]);
        }
        return rc;
}

/* Now, and not before, nothing that this incarnation began can go on. */
static int bury(struct run *run, const struct run_child *child)
{
        int rc = weft_array_store64(run->gone, child->incarnation, 1);
        if (!rc)
                rc = weft_arena_recover(run->arena, NULL); /* its leases come back now */
        return rc ? cli_fail_rc(rc, run->name) : CLI_OK;
}

static int replace(struct run *run, struct run_child *child, int status)
{
        char cause[sizeof cli.warned];
        if (WIFEXITED(status)) {
                int64_t n = weft_future_try(run->cause, cause, sizeof cause - 1);
                if (n <= 0)
                        return cli_fail(CLI_FAILED, "%s gave up (exit code %d)",
                                        child_name(run, child), WEXITSTATUS(status));
                cause[n] = 0;
                return cli_fail(CLI_FAILED, "%s gave up: %s", child_name(run, child),
                                cause);
        }
        if (run->restarts == run->options.restarts)
                return cli_fail(
                        CLI_FAILED,
                        "%s was killed by signal %d (%s), and workers were started "
                        "again %llu times already: giving up (see --restarts)",
                        child_name(run, child), WTERMSIG(status),
                        strsignal(WTERMSIG(status)), (unsigned long long)run->restarts);
        run->restarts++;
        if (run->options.verbose)
                cli_warn("%s was killed by signal %d: starting it again",
                         child_name(run, child), WTERMSIG(status));
        int rc = bury(run, child);
        return rc ? rc : start(run, child);
}

int run_children_reap(struct run *run)
{
        int rc = CLI_OK;
        for (uint32_t i = 0; i < run->children && !rc; i++) {
                int status;
                if (!run->child[i].pid ||
                    waitpid(run->child[i].pid, &status, WNOHANG) <= 0)
                        continue;
                run->child[i].pid = 0;
                rc = replace(run, &run->child[i], status);
        }
        return rc;
}

static bool all_ended(struct run *run)
{
        bool ended = true;
        for (uint32_t i = 0; i < run->children; i++) {
                if (run->child[i].pid && waitpid(run->child[i].pid, NULL, WNOHANG) != 0)
                        run->child[i].pid = 0;
                ended = ended && !run->child[i].pid;
        }
        return ended;
}

/* Workers whose queues are shut end by themselves: in a moment, or they are stopped. */
void run_children_end(struct run *run, bool kill_them)
{
        uint64_t deadline = weft_after(kill_them ? 0 : 2 * WEFT_SEC);
        while (!all_ended(run) && weft_now() < deadline)
                usleep(500);
        for (uint32_t i = 0; i < run->children; i++)
                if (run->child[i].pid)
                        kill(run->child[i].pid, SIGKILL);
        for (uint32_t i = 0; i < run->children; i++)
                while (run->child[i].pid && waitpid(run->child[i].pid, NULL, 0) < 0 &&
                       errno == EINTR)
                        ;
        weft_topology_free(run->topology);
        run->topology = NULL;
}
