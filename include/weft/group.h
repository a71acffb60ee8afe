/* weft/group.h -- worker groups: processes or threads that run functions for others.
 *
 * A group is a queue of tasks under a name. A task names a function (weft/function.h) and
 * brings its input; whoever knows the arena and the name may submit one, and any process
 * that knows the functions may work: weft_group_work(), or let workers be started for it,
 * who are pinned, watched, and replaced when they die: weft_group_spawn().
 *
 * A task is leased to who runs it. If that one dies, another runs it again: at least once,
 * so a task must do no harm when it is run twice. One that has been begun `retries` times more
 * than once and killed every worker it met is given up with -EOWNERDEAD.
 *
 * Progress  submit and taking a task as the queue: lock-free; waiting where a deadline says
 *           so. spawn and close of a spawner take a lock of this process and wait for threads.
 * Order     first in, first begun; what is run again comes before what never was.
 * Crash     a submitted task is done, failed or waits: it is never lost. Workers killed at
 *           any instruction are replaced; memory in their hands comes back.
 * Threads   any. A worker is a thread, with a seat in the arena.
 * fork      the child of a spawner may submit and work; who spawned is its parent.
 * Errors    -EAGAIN, -ETIMEDOUT no room for a task, or not all done; -EPIPE drained: no more
 *           tasks; -ENOENT no such function here; -EPROTO input that is not what the function
 *           takes; -EOVERFLOW more input than `input_max`; -ENOSPC; -EROFS; -EUCLEAN; -EMFILE no
 *           seat left; -EINVAL. weft_function_detail() has the names
 * Source    leases and at-least-once as in Ghemawat, MapReduce (OSDI 2004); restarts with a
 *           limit in a time: Armstrong, Making reliable distributed systems (2003).
 */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_group weft_group_t;   /* process-local handle */
typedef struct weft_future weft_future_t; /* <weft/future.h> */

#define WEFT_GROUP_INPUT_MAX (UINT32_C(128) << 10)
#define WEFT_GROUP_OUTPUT_MAX (UINT32_C(1) << 30)
#define WEFT_GROUP_WORKERS_MAX 1000

enum {
        /* Workers load the files that tasks name ("/x.so:f"). Without it they do so only in an
         * arena that nobody but its owner may write, and whose owner they are. */
        WEFT_GROUP_LOAD = 1,
        WEFT_GROUP_ONCE = 2, /* no task is begun twice */
};

struct weft_group_options {
        uint64_t capacity;   /* tasks that wait; 0 is 256; rounded up to a power of two */
        uint32_t input_max;  /* bytes of a task's input and argument; 0 is 4096 */
        uint32_t output_max; /* bytes of a result; 0 is 4096 */
        uint32_t retries; /* how often a task is begun again when a worker has died in it;
                                0 is 3 */
        uint32_t flags;   /* WEFT_GROUP_... */
};

/* Makes a group under `name` and opens it; opens one; does either (-EPROTO if one is there
 * whose input_max, output_max, retries or flags differ). `options` may be NULL. The memory of
 * capacity * (input_max + 0.5 KiB) is committed now. Names as in <weft/object.h>. */
WEFT_API WEFT_CHECK int weft_group_create(weft_arena_t *arena, const char *name,
                                          const struct weft_group_options *options,
                                          weft_group_t **group);
WEFT_API WEFT_CHECK int weft_group_open(weft_arena_t *arena, const char *name,
                                        weft_group_t **group);
WEFT_API WEFT_CHECK int
weft_group_create_or_open(weft_arena_t *arena, const char *name,
                          const struct weft_group_options *options, weft_group_t **group);

/* Ends this handle. The workers that were spawned through it end after the task that they
 * have in hand, and are waited for: for ever, if that never ends. NULL is allowed. */
WEFT_API void weft_group_close(weft_group_t *group);

/* ---- tasks ------------------------------------------------------------------- */

/*
 * Has `function` run by a worker, over the items at `input`, `bytes` long. The function must be
 * known here: its types are checked now, and by the worker, who knows it by its name. Waits
 * until `deadline` while there is no room. `result` may be NULL: nobody wants to know. Else it
 * becomes an anonymous future (close it) that gets what the function gave, or its error;
 * -ENOENT: the worker does not know it, -EPROTO: with other types, -EOVERFLOW: more than
 * output_max, -EOWNERDEAD: the last of its workers died in it.
 */
WEFT_API WEFT_CHECK int weft_submit(weft_group_t *group, const char *function,
                                    const void *input, size_t bytes,
                                    weft_future_t **result, uint64_t deadline);

/* Has it run with the value of `dependency` for its input, once that is there, and `bytes` of
 * argument. If the dependency fails, so does the result, with its error, and the function is not
 * run. No worker waits for it: they go on with other tasks. Keep the dependency open until the
 * result is there: with its last handle it goes, and the result fails with -ENOENT. */
WEFT_API WEFT_CHECK int weft_submit_after(weft_group_t *group, weft_future_t *dependency,
                                          const char *function, const void *argument,
                                          size_t bytes, weft_future_t **result,
                                          uint64_t deadline);

/* The whole of it: a closure over input, perhaps after a dependency, whose value then is the
 * input. */
struct weft_task {
        const char *function;
        const void *input;
        size_t input_bytes;
        const void *argument;
        size_t argument_bytes;
        weft_future_t *after; /* or NULL */
        uint64_t reserved[2]; /* 0 */
};
WEFT_API WEFT_CHECK int weft_submit_task(weft_group_t *group,
                                         const struct weft_task *task,
                                         weft_future_t **result, uint64_t deadline);

/* ---- workers ----------------------------------------------------------------- */

/* The caller becomes a worker: runs tasks until the group is drained or stopped (0), or until
 * `deadline`, which cuts no task short (-ETIMEDOUT; WEFT_NOW: what is there, then -EAGAIN). */
WEFT_API WEFT_CHECK int weft_group_work(weft_group_t *group, uint64_t deadline);

enum {
        WEFT_GROUP_THREADS =
                1, /* threads of this process; else processes, forked from it */
        /* Processes go on when the spawner has died. Else they die with it (the kernel kills
         * them; what they had in hand is run again by others). */
        WEFT_GROUP_OUTLIVE = 2,
};

struct weft_group_workers {
        uint32_t n;
        uint32_t flags;
        /* A process that died, or failed, is replaced; but not more than `restarts` of them
         * within `window_ns` (0 is 10 s): then none is, any more, and info tells. */
        uint32_t restarts;
        uint32_t reserved; /* 0 */
        uint64_t window_ns;
        const char *pin; /* NULL: not; else where, as in weft_topology_place() */
};

/*
 * Starts workers. They belong to this handle and end when it is closed, or when the group is
 * drained or stopped. A thread of this process watches over them; it forks, so that a worker
 * has nothing of the caller's thread but its signal mask: it runs no atexit() handlers,
 * flushes no streams and ends with _exit(). As after any fork(), locks that other threads
 * held are held in it for ever: have the functions that workers run take none but weft's.
 * Only the caller's own children are ever waited for, and none is killed.
 * -EINVAL; -ENOENT `pin` names a cpu that is not there; -EAGAIN, -ENOMEM from fork or thread.
 */
WEFT_API WEFT_CHECK int weft_group_spawn(weft_group_t *group,
                                         const struct weft_group_workers *workers);

/* ---- the whole --------------------------------------------------------------- */

/* No more tasks, for ever, for everyone: submitting is -EPIPE. Waits until all have been done;
 * then the workers end. With WEFT_NOW it is the same but for the waiting: -EAGAIN, not yet. */
WEFT_API WEFT_CHECK int weft_group_drain(weft_group_t *group, uint64_t deadline);

/* Workers end after the task that they have in hand. What waits stays, and may be submitted
 * to, until weft_group_resume(): then new workers take it up. Idempotent. */
WEFT_API WEFT_CHECK int weft_group_stop(weft_group_t *group);
WEFT_API WEFT_CHECK int weft_group_resume(weft_group_t *group);

struct weft_group_info {
        uint64_t capacity;
        uint32_t input_max, output_max;
        uint32_t retries, flags;
        uint64_t submitted; /* ever */
        uint64_t queued;    /* not begun, or to be run again */
        uint64_t in_hand;  /* being run, or waiting for a dependency in a worker's hand */
        uint64_t finished; /* ever: submitted = queued + in_hand + finished */
        uint64_t
                failed; /* of them, with an error. Who is killed as he tells it is counted
                               twice: not exact under kills, but never too low */
        uint64_t retried;   /* runs that were begun again */
        uint64_t restarted; /* workers that were replaced */
        uint32_t given_up;  /* crews of workers that died too often */
        uint32_t workers;   /* alive; the dead count until they are found dead */
        uint32_t drained;   /* 1: no more tasks are taken */
        uint32_t stopped;   /* 1: until it is resumed */
};

/* A snapshot; exact while nobody changes the group. Works read-only. In a select,
 * WEFT_OP_WAIT is ready when the group has been drained and all is done. */
WEFT_API WEFT_CHECK int weft_group_info(weft_group_t *group,
                                        struct weft_group_info *info);

#ifdef __cplusplus
}
#endif
#endif
