/* codata/group_shared.h -- the group as it lies in shared memory.
 *
 * A queue of tasks, which leases; a semaphore of which each worker holds a permit, so that it
 * tells how many are alive; an event that says that workers shall end, and one that is set when
 * all is done. All that changes is theirs, but for some tallies.
 *
 * submitted = pushed; finished = pushed - length - leased: exact, whoever dies.
 *
 * A TASK is an element: struct weft_task_shared, then the function's name, the argument and the
 * input, each from a multiple of 16 on. The task is his who holds the lease, and nobody else's:
 * he writes `runs` and `state` in it, and whoever gets it after his death finds them.
 *
 *   take; runs++; the function; state = TELLING; its result into the future; state = TOLD;
 *   failed++; ack
 *
 * Crash before the function: run again. In it, or before TELLING: run again, if runs allows.
 * After TELLING: run again only if the future is there and is not set; one is set only once. It
 * may have gone: told, read and closed. After TOLD: only counted and acknowledged. Between
 * failed++ and ack: counted twice.
 */
#ifndef WEFT_CODATA_GROUP_SHARED_H
#define WEFT_CODATA_GROUP_SHARED_H

#include "structures/queue_shared.h"
#include "structures/tally_shared.h"
#include "sync/event_shared.h"
#include "sync/semaphore_shared.h"

#define WEFT_GROUP_KIND_ID 0x6772756fu /* "gruo" */
#define WEFT_GROUP_FORMAT 1
_Static_assert(WEFT_QUEUE_FORMAT == 1 && WEFT_SEMAPHORE_FORMAT == 1 &&
                       WEFT_EVENT_FORMAT == 1,
               "a part's new format is the whole's");

#define WEFT_TASK_NAME_BYTES 256 /* the name's part of an element, its final 0 included */
#define WEFT_TASK_TELLING 0x74656c6cu
#define WEFT_TASK_TOLD 0x746f6c64u

struct weft_task_shared {
        uint64_t token; /* of the result's future; 0: nobody wants to know */
        uint64_t after; /* of the dependency; 0: the input is here */
        uint32_t name_bytes, argument_bytes, input_bytes; /* the name with its final 0 */
        uint32_t runs;                                    /* how often it was begun */
        uint32_t state; /* TELLING: the future is being set; TOLD: it is; else 0 */
        int32_t result; /* then: what to; 0 or a negated error number */
        uint32_t in_bytes, in_align; /* what the submitter took the function for: */
        uint64_t in_tag;
        uint64_t out_tag;
        uint32_t out_bytes, out_align;
};
WEFT_PIN(struct weft_task_shared, 72);

struct weft_group_shared {
        _Alignas(WEFT_LINE) uint32_t input_max; /* constant after create, like these: */
        uint32_t output_max;
        uint32_t retries;
        uint32_t flags;
        uint64_t spare[6];
        struct weft_tally_shared failed; /* rarely written, like these: */
        struct weft_tally_shared retried;
        struct weft_tally_shared restarted;
        struct weft_tally_shared given_up;
        uint64_t spare2[4];
        struct weft_semaphore_shared workers;
        struct weft_event_shared stop;
        struct weft_event_shared ended;
        _Alignas(WEFT_LINE) struct weft_queue_shared tasks;
};
WEFT_PIN(struct weft_group_shared, 896);
WEFT_PIN_AT(struct weft_group_shared, failed, 64);
WEFT_PIN_AT(struct weft_group_shared, workers, 128);
WEFT_PIN_AT(struct weft_group_shared, stop, 192);
WEFT_PIN_AT(struct weft_group_shared, ended, 256);
WEFT_PIN_AT(struct weft_group_shared, tasks, 320);

#endif
