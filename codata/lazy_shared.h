/* codata/lazy_shared.h -- a lazy as it lies in shared memory.
 *
 * What changes is the cell (sync/cell_shared.h): who computes has claimed it, and a dead
 * claimer leaves it EMPTY. All else is constant, in blocks that the lazy owns: the recipe, and
 * for one that is mapped from another that one's name, as a recipe without argument.
 *
 * Circles. Who computes x, and in it forces y, writes y's token into the needs of x's cell
 * before he computes or waits for y, and 0 afterwards. So from any lazy that is being
 * computed leads a chain of needs to the one that its computer waits for, if he does.
 * Before he sleeps on y he follows the chain from y on: if it comes to a lazy that he
 * claims himself, he would wait for himself. The needs are written by locked operations,
 * which have one order: in a circle of agents that all wait, the one who wrote last finds
 * all the others' needs written, and their claims standing, for they wait. He is told. The
 * others find the circle broken, or, if they looked while he wrote, look again every
 * 50 ms. A chain that changes while it is followed is none: it is followed twice, and both
 * walks must meet the same claims.
 */
#ifndef WEFT_CODATA_LAZY_SHARED_H
#define WEFT_CODATA_LAZY_SHARED_H

#include "sync/cell_shared.h"

#define WEFT_LAZY_KIND_ID 0x6c617a79u /* "lazy" */
#define WEFT_LAZY_FORMAT 1

struct weft_lazy_shared {
        struct weft_cell_shared cell;
        weft_ref_t recipe;
        weft_ref_t source; /* none: the function gets the recipe's bytes */
        uint64_t spare[6];
};
WEFT_PIN(struct weft_lazy_shared, 128);
WEFT_PIN_AT(struct weft_lazy_shared, recipe, 64);

#endif
