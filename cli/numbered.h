/* cli/numbered.h -- cat, push and tap of what numbers its items and keeps the latest for whoever
 * subscribes: broadcasts and hot streams. */
#ifndef WEFT_CLI_NUMBERED_H
#define WEFT_CLI_NUMBERED_H

#include "cli/thing.h"

struct numbered_state {
        uint64_t sent, lost, lag;
        uint32_t bytes; /* of an item */
        int error;      /* with which it has ended; or 0 */
};

/* The same calls under one name. All but `next` are 0 or an error code. */
struct numbered {
        const char *sent; /* what its count of items is called */
        int (*state)(void *handle, struct numbered_state *state);
        int (*send)(void *handle, const void *item, uint64_t deadline);
        int (*subscribe)(void *handle, enum thing_place place, uint64_t from,
                         void **subscriber);
        void (*unsubscribe)(void *subscriber);
        /* 1; 0 at the end; or an error code. */
        int (*next)(void *subscriber, void *item, uint64_t *sequence, uint64_t *lost,
                    uint64_t deadline);
};

/* For a kind that has `numbered`. cat shows what is retained, and takes nothing. */
int numbered_cat(struct thing_call *c);
int numbered_push(struct thing_call *c);
int numbered_tap(struct thing_call *c);

#endif
