/* codata/group_internal.h -- what the files of the group share. */
#ifndef WEFT_CODATA_GROUP_INTERNAL_H
#define WEFT_CODATA_GROUP_INTERNAL_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <weft/event.h>
#include <weft/group.h>
#include <weft/queue.h>
#include <weft/select.h>
#include <weft/semaphore.h>

#include "codata/function.h"
#include "codata/group_shared.h"
#include "runtime/object.h"

struct weft_crew;

struct weft_group {
        struct weft_handle handle; /* first */
        weft_queue_t *tasks;       /* the parts */
        weft_semaphore_t *workers;
        weft_event_t *stop, *ended;
        uint32_t input_max, output_max, retries, flags; /* as created, checked */
        struct weft_crew *crews; /* of workers spawned here: group_crew.c */
};

static inline struct weft_group_shared *weft_group_of(const struct weft_group *group)
{
        return group->handle.sh;
}

static inline uint32_t weft_task_padded(uint32_t bytes)
{
        return (bytes + 15) & ~UINT32_C(15);
}

/* Where a task's name begins, and the bytes of an element. */
#define WEFT_TASK_NAME_AT 80
static inline uint32_t weft_task_bytes(uint32_t input_max)
{
        return WEFT_TASK_NAME_AT + WEFT_TASK_NAME_BYTES + weft_task_padded(input_max);
}

/* As weft_group_work(), until `leave` is set, if that is not NULL. */
WEFT_CHECK int weft_group_work_until(struct weft_group *group, uint64_t deadline,
                                     const struct weft_tally_shared *leave);

/* Has it been drained, and is all done? */
bool weft_group_is_over(struct weft_group *group);

/* Ends the workers that were spawned through the handle; waits for them. */
void weft_crews_end(struct weft_group *group);

#endif
