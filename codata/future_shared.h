/* codata/future_shared.h -- a future as it lies in shared memory.
 *
 * What changes is the cell (sync/cell_shared.h). All else is constant. One that is
 * computed from another has the token of its source, and a recipe: a block that the future
 * owns, with the function's name and its argument. Its depth is one more than its source's,
 * so that chains end.
 *
 * Who has it open has its source open, too, as long as it has not ended: so the source is
 * there. Its claim is that of who computes, and a dead one leaves it EMPTY.
 */
#ifndef WEFT_CODATA_FUTURE_SHARED_H
#define WEFT_CODATA_FUTURE_SHARED_H

#include "sync/cell_shared.h"

#define WEFT_FUTURE_KIND_ID 0x66757472u /* "futr" */
#define WEFT_FUTURE_FORMAT 1

struct weft_future_shared {
        struct weft_cell_shared cell;
        uint64_t type_tag;
        uint32_t type_bytes;
        uint32_t type_align;
        uint64_t source; /* token, or 0 */
        weft_ref_t recipe;
        uint32_t depth;
        uint32_t flags; /* 0 */
        uint64_t spare[3];
};
WEFT_PIN(struct weft_future_shared, 128);
WEFT_PIN_AT(struct weft_future_shared, type_tag, 64);

/* A name without a final 0, and from the next multiple of 16 on the argument. */
struct weft_recipe_shared {
        uint32_t name_bytes;
        uint32_t argument_bytes;
        uint64_t spare;
};
WEFT_PIN(struct weft_recipe_shared, 16);

#endif
