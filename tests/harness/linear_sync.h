/* tests/harness/linear_sync.h -- models of the semaphore, the mutex and the signal. */
#ifndef WEFT_TESTS_HARNESS_LINEAR_SYNC_H
#define WEFT_TESTS_HARNESS_LINEAR_SYNC_H

#include "tests/harness/linear.h"

enum linear_sync_what {
        LINEAR_WAIT = LINEAR_MORE, /* value: how many permits */
        LINEAR_POST,               /* the same */
        LINEAR_VALUE,              /* value: what was told */
        LINEAR_LOCK,               /* with or without a deadline; not recursive */
        LINEAR_UNLOCK,
        LINEAR_CONSISTENT,
        LINEAR_RESET,
        LINEAR_GET, /* value and result: what came, and its version */
        LINEAR_SET, /* value; result: the new version */
        LINEAR_CAS, /* the same, if the version is `extra`; refused: result is what it is */
        /* Process `value` dies. What it leaves is settled at one moment, between when it
         * was killed and when somebody has settled all; it does nothing after that. */
        LINEAR_DEATH,
};

enum {
        LINEAR_INHERITED = LINEAR_ANSWERS, /* -EOWNERDEAD */
        LINEAR_LOST,                       /* -ENOTRECOVERABLE */
};

enum { LINEAR_OWNED = 1 }; /* flags of a history */

/* Starts with `start` permits; `capacity` is its maximum; flags: LINEAR_OWNED. */
extern const struct linear_model linear_semaphore;

/* Starts free. */
extern const struct linear_model linear_mutex;

/* Starts with the value `start`, version 1. */
extern const struct linear_model linear_signal;

/* Each must accept and reject what it is known to. Aborts otherwise. */
void linear_sync_selftest(void);

#endif
