/* tests/harness/linear_channel.h -- what a channel can answer: a bounded FIFO that has an end, and
 * drops.
 *
 * A drop is an operation of its own, between others: linear_channel_drops() adds those that
 * an operation may have done, as events of its time that happened or not. */
#ifndef WEFT_TESTS_HARNESS_LINEAR_CHANNEL_H
#define WEFT_TESTS_HARNESS_LINEAR_CHANNEL_H

#include "tests/harness/linear.h"

enum {
        LINEAR_SEND = LINEAR_PUSH,
        LINEAR_RECV = LINEAR_POP,
        LINEAR_DROP = LINEAR_MORE,
        LINEAR_SHUTDOWN, /* `value` is the reason */
        LINEAR_CANCEL,   /* likewise */
        LINEAR_REASON,   /* `value` is what it was */
};
enum {
        LINEAR_ENDED = LINEAR_ANSWERS, /* -EPIPE */
        LINEAR_CANCELLED,              /* -ECANCELED */
};

/* history->flags is the policy, enum weft_channel_policy. */
extern const struct linear_model linear_channel;

/* False when they are too many for a check. */
bool linear_channel_drops(struct linear_history *history);

void linear_channel_selftest(void);

#endif
