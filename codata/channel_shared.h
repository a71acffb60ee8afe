/* codata/channel_shared.h -- the channel as it lies in shared memory.
 *
 * What is buffered lies in its queue; a rendezvous meets in its other part, and the queue is
 * all zeroes then (and the other way about). There are four things more.
 *
 *   end        0, or ENDED | reason: set once, so the first reason stays
 *   cancelled  0, or 1: set once, after `end`
 *   lost_*, refused   counts
 *
 * THE END is when the part is shut: LP of shutdown, and of a cancel unless it was shut
 * before. `end` and `cancelled` are set before that, so whoever is told -EPIPE finds the
 * reason there; and whoever finds them there before shuts the part himself: who asks for the
 * reason, who receives from what is cancelled, and recovery, after any death. A shutter who
 * is stopped in between holds up nobody, and changes nothing until then.
 *
 * A CANCELLED channel gives nothing to who comes: he drops what is there, counts it, and is
 * told so. Who was on his way may get an element still: he was there before.
 *
 * A DROP takes one element out as any receiver would, lets it go, counts it. Who is killed
 * before he has counted it has dropped one that is not; of a channel that leases only after
 * he let it go: until then it comes back.
 *
 *   sent      pushed + lost_newest        received  popped - lost_buffered
 *   dropped   lost_newest + lost_buffered
 *
 * It has no atomics of its own: [W] of structures/tally_shared.h orders `end` and `cancelled`.
 */
#ifndef WEFT_CODATA_CHANNEL_SHARED_H
#define WEFT_CODATA_CHANNEL_SHARED_H

#include "structures/queue_shared.h"
#include "structures/rendezvous_shared.h"
#include "structures/tally_shared.h"

#define WEFT_CHANNEL_KIND_ID 0x6368616eu /* "chan" */
#define WEFT_CHANNEL_FORMAT 1
_Static_assert(WEFT_QUEUE_FORMAT == 1 && WEFT_RENDEZVOUS_FORMAT == 1,
               "a part's new format is the whole's");

#define WEFT_CHANNEL_ENDED (UINT64_C(1) << 32)

struct weft_channel_shared {
        _Alignas(WEFT_LINE) uint64_t tag; /* constant after create, */
        uint32_t element_bytes;           /* like these */
        uint32_t policy;
        uint32_t flags;
        uint32_t meets;               /* 1: a rendezvous */
        struct weft_tally_shared end; /* rarely written */
        struct weft_tally_shared cancelled;
        uint64_t spare[3];
        struct weft_tally_shared lost_newest; /* written by who drops */
        struct weft_tally_shared lost_buffered;
        struct weft_tally_shared refused;
        uint64_t spare2[5];
        struct weft_queue_shared queue;
        struct weft_rendezvous_shared rendezvous;
};
WEFT_PIN(struct weft_channel_shared, 1344);
WEFT_PIN_AT(struct weft_channel_shared, lost_newest, 64);
WEFT_PIN_AT(struct weft_channel_shared, queue, 128);
WEFT_PIN_AT(struct weft_channel_shared, rendezvous, 704);

#endif
