/* structures/rendezvous.h -- the rendezvous for the rooms above: as a part of an object.
 *
 * Who has a struct weft_rendezvous_shared in a header of its own, on a line of its own, calls
 * `init` with a draft whose `sh` is that part, fills a struct weft_rendezvous with its own
 * handle's members, `sh` the part again, and calls weft_rendezvous_kind.view(); and so on with
 * the kind's other functions, and with those of <weft/rendezvous.h>, of
 * weft_rendezvous_waitable and of weft_rendezvous_meeting().
 */
#ifndef WEFT_STRUCTURES_RENDEZVOUS_H
#define WEFT_STRUCTURES_RENDEZVOUS_H

#include <weft/rendezvous.h>

#include "runtime/desk.h"
#include "runtime/waitable.h"
#include "structures/rendezvous_shared.h"

struct weft_rendezvous {
        struct weft_handle handle; /* first */
        struct weft_spin spin[WEFT_SIDES];
        uint32_t element_bytes;
        uint32_t lead;      /* bytes of a box before its element */
        uint64_t box_bytes; /* of a chunk's */
        uint64_t key;       /* of this place, in a seat's word */
        struct weft_desks desks;
};

extern struct weft_kind weft_rendezvous_kind;
extern const struct weft_waitable weft_rendezvous_waitable;
const struct weft_meeting *weft_rendezvous_meeting(struct weft_handle *handle);

WEFT_CHECK int weft_rendezvous_init(struct weft_draft *draft);

#endif
