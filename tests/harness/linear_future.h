/* tests/harness/linear_future.h -- a model of the future: a register that is written once. */
#ifndef WEFT_TESTS_HARNESS_LINEAR_FUTURE_H
#define WEFT_TESTS_HARNESS_LINEAR_FUTURE_H

#include "tests/harness/linear.h"

/* `result` of all: 0, or minus the error; of one that has not returned it means nothing. */
enum linear_future_what {
        LINEAR_FUTURE_SET = LINEAR_MORE, /* value */
        LINEAR_FUTURE_FAIL,              /* value: the error, positive */
        LINEAR_FUTURE_CANCEL,
        LINEAR_FUTURE_PRODUCE,
        LINEAR_FUTURE_ABANDON,
        LINEAR_FUTURE_GET,   /* value: what came */
        LINEAR_FUTURE_DEATH, /* of process `value` */
};

/* Starts open. */
extern const struct linear_model linear_future;

/* It must accept and reject what it is known to. Aborts otherwise. */
void linear_future_selftest(void);

#endif
