/* cli/run_feed.h -- the source, a thread of the supervisor: makes chunks, keeps
 * back-pressure. */
#ifndef WEFT_CLI_RUN_FEED_H
#define WEFT_CLI_RUN_FEED_H

#include <pthread.h>

#include "cli/run.h"

struct run_feed {
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t moved;
        weft_arena_t *arena;
        const struct run_plan *plan;
        weft_queue_t *first, *done;
        struct run_ledger ledger;
        uint64_t limit_bytes; /* in flight */
        int wake;             /* eventfd: ends a wait for the standard input */

        /* Under the lock. */
        uint64_t fed, fed_bytes, in_flight, in_flight_bytes;
        bool stop;  /* no new chunks */
        bool ended; /* no more will come */
        char error[256];
};

struct run_feed_state {
        uint64_t fed, fed_bytes, in_flight;
        bool ended;
        const char *error; /* NULL: none */
};

/* 0 or a weft error. Queues and plan stay the caller's. At its end, the thread pushes
 * RUN_DONE to `done`, only to wake who waits there. */
int run_feed_start(struct run_feed *f, weft_arena_t *arena, const struct run_plan *plan,
                   weft_queue_t *first, weft_queue_t *done, uint64_t limit_bytes);

/* A chunk of so many bytes is complete. */
void run_feed_complete(struct run_feed *f, uint64_t bytes);
struct run_feed_state run_feed_look(struct run_feed *f);

/* Begins no new chunk; what was read is still fed. */
void run_feed_stop(struct run_feed *f);

/* Stops and waits for the thread. */
void run_feed_end(struct run_feed *f);

#endif
