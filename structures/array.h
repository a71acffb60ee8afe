/* structures/array.h -- an open array of this process. */
#ifndef WEFT_STRUCTURES_ARRAY_H
#define WEFT_STRUCTURES_ARRAY_H

#include <weft/array.h>

#include "runtime/object.h"

struct weft_array {
        struct weft_handle handle; /* first: runtime/object.h */
        uint8_t *data;             /* checked at open, like these */
        weft_ref_t ref;
        uint64_t length;
        uint64_t bytes; /* of all elements */
        uint32_t element_bytes;
};

#endif
