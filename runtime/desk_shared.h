/* runtime/desk_shared.h -- a record for each seat in an object, as it lies in the arena.
 *
 * A desk is what one agent writes down in one object: what it is about to do, what it
 * keeps there. Nobody claims a desk: it belongs to the seat, so to whoever holds the seat,
 * and after his death to his one recoverer; the next holder of the seat finds what they
 * left, which is what the object's kind says it must be at rest. Others may read it.
 *
 * Desks are zeroed, as long as the kind wants them, a multiple of a line, and come in
 * segments of 32 when the first of those seats needs one.
 *
 * Edges (release -> acquire)
 *   [S] grow -> at   a segment is whole before its ref
 *   [L] find -> at   where segments are: a cache of this process's threads
 */
#ifndef WEFT_RUNTIME_DESK_SHARED_H
#define WEFT_RUNTIME_DESK_SHARED_H

#include "runtime/shared.h"

#define WEFT_DESK_SEGMENTS 32
#define WEFT_DESK_SEATS 32 /* in a segment */

struct weft_desks_shared {
        weft_a64_t segments[WEFT_DESK_SEGMENTS]; /* refs; 0 while not there */
};
WEFT_PIN(struct weft_desks_shared, 256);

#endif
