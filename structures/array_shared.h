/* structures/array_shared.h -- the array as it lies in shared memory.
 *
 * The header and one data block of length * element_bytes bytes, element i at
 * i * element_bytes. Both belong to the object. All but the elements is constant from
 * the moment the directory makes the object; each process checks and copies it.
 *
 * Elements of 4 and 8 bytes are atomic words, aligned because blocks are; all others are
 * plain bytes, ordered by whatever their users bring.
 *
 * Edges (release -> acquire)
 *   [E] store, add, cas -> load, add, cas   what was written before an element changed is
 *                        seen by whoever sees the change
 */
#ifndef WEFT_STRUCTURES_ARRAY_SHARED_H
#define WEFT_STRUCTURES_ARRAY_SHARED_H

#include "runtime/shared.h"

#define WEFT_ARRAY_KIND UINT32_C(0x79617261) /* "aray" */
#define WEFT_ARRAY_VERSION 1
#define WEFT_ARRAY_ELEMENT_MAX (UINT32_C(1) << 20)

struct weft_array_shared {
        weft_ref_t data;
        uint64_t length;
        uint32_t element_bytes;
        uint32_t reserved;
        uint64_t spare[5];
};
WEFT_PIN(struct weft_array_shared, 64);
WEFT_PIN_AT(struct weft_array_shared, element_bytes, 16);

#endif
