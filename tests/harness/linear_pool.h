/* tests/harness/linear_pool.h -- a model of the pool. */
#ifndef WEFT_TESTS_HARNESS_LINEAR_POOL_H
#define WEFT_TESTS_HARNESS_LINEAR_POOL_H

#include "tests/harness/linear_sync.h"

enum linear_pool_what {
        LINEAR_GET_ONE = LINEAR_DEATH + 1, /* result: the object; refused: none is free */
        LINEAR_PUT_ONE,                    /* value: the object, like these */
        LINEAR_GIVE_ONE,
        LINEAR_CLAIM_ONE, /* refused: it is not in transit; its token may be old */
        LINEAR_RECLAIM_ONE,
};

/* Starts with `capacity` objects, at most LINEAR_OBJECTS, all free. What the dead hold is
 * free at their LINEAR_DEATH; what is in transit stays. */
enum { LINEAR_OBJECTS = 8 };
extern const struct linear_model linear_pool;

void linear_pool_selftest(void);

#endif
