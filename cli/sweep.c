/* What a killed run leaves is removed by the next command of any kind. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

struct others {
        uint32_t tid; /* ours */
        int alive;
};

static int count_other(const struct weft_agent_info *agent, void *context)
{
        struct others *others = context;
        if (!agent->dead &&
            !(agent->pid == (uint32_t)getpid() && agent->tid == others->tid))
                others->alive++;
        return 0;
}

static int nobody_alive(weft_arena_t *arena)
{
        struct others others = { (uint32_t)gettid(), 0 };
        int rc = weft_arena_recover(arena, NULL);
        if (!rc)
                rc = weft_agent_list(arena, count_other, &others);
        return rc ? rc : !others.alive;
}

/* The maker of run-PID-RANDOM: does it run? Asked only to delay a removal or to wait for
 * one: nobody is ever taken for dead because of a pid. */
static bool maker_runs(const char *name)
{
        char path[64], state = 'Z';
        if (strncmp(name, "run-", 4) != 0)
                return false;
        snprintf(path, sizeof path, "/proc/%lu/stat", strtoul(name + 4, NULL, 10));
        FILE *f = fopen(path, "re");
        if (!f)
                return false;
        if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
                state = 'Z';
        fclose(f);
        return state != 'Z' && state != 'X';
}

/* The workers of a supervisor that was killed end, too, but not in the same instant. */
static int nobody_soon(weft_arena_t *arena)
{
        uint64_t until = weft_after(300 * WEFT_MSEC);
        int rc;
        while ((rc = nobody_alive(arena)) == 0 && weft_now() < until)
                usleep(5000);
        return rc;
}

/* A run links its arena a moment before it takes a seat in it, and only then makes objects. So
 * a young one without anybody is looked at twice, and stays if nobody can tell whose it is. */
int cli_deserted(weft_arena_t *arena)
{
        struct weft_arena_info info;
        struct timespec t;
        int rc = weft_arena_info(arena, &info);
        if (!rc)
                rc = nobody_alive(arena);
        if (rc < 0 || !(info.flags & WEFT_ARENA_EPHEMERAL))
                return rc;
        const char *name = weft_arena_name(arena);
        if (rc == 0)
                return strncmp(name, "run-", 4) != 0 || maker_runs(name)
                               ? 0
                               : nobody_soon(arena);
        clock_gettime(CLOCK_REALTIME, &t);
        uint64_t now = (uint64_t)t.tv_sec * WEFT_SEC + (uint64_t)t.tv_nsec;
        if (info.objects || now - info.created_ns > 2 * WEFT_SEC)
                return 1;
        if (strncmp(name, "run-", 4) != 0)
                return 0;
        usleep(50000);
        rc = nobody_alive(arena);
        return rc == 1 && maker_runs(name) ? 0 : rc;
}

static int sweep_one(const char *name, void *context)
{
        (void)context;
        weft_arena_t *arena;
        struct weft_arena_info info;
        if (weft_arena_open(name, WEFT_RDONLY, &arena) != 0)
                return 0;
        int rc = weft_arena_info(arena, &info);
        weft_arena_close(arena);
        if (rc || !(info.flags & WEFT_ARENA_EPHEMERAL))
                return 0;
        if (weft_arena_open(name, WEFT_RDWR, &arena) != 0)
                return 0;
        if (cli_deserted(arena) == 1)
                rc = cli_remove_this(arena, name); /* or somebody else was faster */
        weft_arena_close(arena);
        return 0;
}

static bool is_ephemeral(const char *name)
{
        weft_arena_t *arena;
        struct weft_arena_info info = { 0 };
        if (weft_arena_open(name, WEFT_RDONLY, &arena) != 0)
                return false;
        int rc = weft_arena_info(arena, &info);
        weft_arena_close(arena);
        return !rc && info.flags & WEFT_ARENA_EPHEMERAL;
}

/* Does the supervisor of a run live? He holds this mutex as long as he does, and it is the
 * first object that he makes: where there are others and not that, it is no run. Looked at only:
 * somebody's death here is to be no death of a holder, and the mutex of that name may be
 * another program's. */
static bool is_led(const char *name)
{
        weft_arena_t *arena;
        weft_mutex_t *leader;
        if (weft_arena_open(name, WEFT_RDWR, &arena) != 0)
                return true;
        int rc = weft_mutex_open(arena, CLI_RUN_LEADER, &leader);
        struct weft_mutex_info info = { 0 };
        struct weft_arena_info all;
        if (rc == -ENOENT) {
                rc = weft_arena_info(arena, &all);
                info.held = all.objects != 0;
        } else if (!rc) {
                rc = weft_arena_recover(arena, NULL);
                if (!rc)
                        rc = weft_mutex_info(leader, &info);
                weft_mutex_close(leader);
        }
        weft_arena_close(arena);
        return rc || info.held;
}

void cli_sweep_soon(const char *name)
{
        uint64_t until = weft_after(5 * WEFT_SEC);
        while (is_ephemeral(name) && !is_led(name) && weft_now() < until) {
                sweep_one(name, NULL);
                usleep(5000);
        }
}

void cli_sweep(void)
{
        if (weft_arena_list(sweep_one, NULL) != 0)
                return; /* no directory, no arenas */
}
