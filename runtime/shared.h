/* runtime/shared.h -- what every shared layout is built of. */
#ifndef WEFT_RUNTIME_SHARED_H
#define WEFT_RUNTIME_SHARED_H

#include <assert.h>
#include <stddef.h>

#include <weft/base.h>

#include "runtime/atomic.h"

#define WEFT_LINE 64                    /* bytes kept apart against false sharing */
#define WEFT_PAGE_BYTES UINT64_C(65536) /* the arena's own page: see block_shared.h */
#define WEFT_SYSTEM_PAGE UINT64_C(4096)

/* Pins the layout of a shared type: a failed assert means a new format version. */
#define WEFT_PIN(type, bytes) \
        _Static_assert(sizeof(type) == (bytes), #type " changed size")
#define WEFT_PIN_AT(type, field, at) \
        _Static_assert(offsetof(type, field) == (at), #type "." #field " moved")

/* ---- refs: where a block is, and which of its lives ----------------------- */

#define WEFT_REF_WHERE_BITS 36 /* byte offset in the data pages / 16 */
#define WEFT_GENERATION_MASK ((UINT64_C(1) << 28) - 1)

static inline weft_ref_t weft_ref_make(uint64_t data_offset, uint64_t generation)
{
        return (weft_ref_t){ generation << WEFT_REF_WHERE_BITS | data_offset >> 4 };
}

static inline uint64_t weft_ref_offset(weft_ref_t ref)
{
        return (ref.v & ((UINT64_C(1) << WEFT_REF_WHERE_BITS) - 1)) << 4;
}

static inline uint64_t weft_ref_generation(weft_ref_t ref)
{
        return ref.v >> WEFT_REF_WHERE_BITS;
}

/* ---- owners: 4 bits of what, 32 bits of whom ------------------------------ */

enum weft_owner_kind {
        WEFT_OWNER_FREE = 0,    /* nobody; whom: next free block of its slab */
        WEFT_OWNER_FREED = 1,   /* nobody; freed by another agent than the slab's */
        WEFT_OWNER_AGENT = 2,   /* whom: an agent's signature */
        WEFT_OWNER_OBJECT = 3,  /* whom: an object's id */
        WEFT_OWNER_ARENA = 4,   /* everybody */
        WEFT_OWNER_FREEING = 5, /* span; whom: the agent that is freeing it */
};

static inline weft_owner_t weft_owner_make(enum weft_owner_kind kind, uint32_t whom)
{
        return (weft_owner_t){ (uint64_t)kind << 32 | whom };
}

static inline enum weft_owner_kind weft_owner_kind_of(weft_owner_t owner)
{
        return (enum weft_owner_kind)(owner.v >> 32 & 15);
}

static inline uint32_t weft_owner_whom(weft_owner_t owner)
{
        return (uint32_t)owner.v;
}

/* ---- signatures: which seat, and which of its holders; never 0 ------------ */

#define WEFT_SEAT_BITS 10

static inline uint32_t weft_sig_make(uint32_t seat, uint32_t generation)
{
        return generation << WEFT_SEAT_BITS | seat;
}

static inline uint32_t weft_sig_seat(uint32_t sig)
{
        return sig & ((1u << WEFT_SEAT_BITS) - 1);
}

#endif
