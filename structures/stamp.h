/* structures/stamp.h -- elements in stamped units: positions, and where they lie.
 *
 * A unit is a few elements and, at its end, one stamp. Small elements share a line of 64
 * bytes with it: 7 of 8 bytes, 56 of 1 byte; larger ones are alone with theirs, in whole
 * lines. A position
 * is the number of a unit, counted for ever, and below it the index of an element in the
 * unit, which takes `shift` bits. Position p lies in unit p >> shift & mask.
 *
 * The stamp of a unit says how far it has been filled: it is the position after the last
 * element that is there. So one load tells whether an element is there, and one store makes
 * all that were written into a unit be there.
 */
#ifndef WEFT_STRUCTURES_STAMP_H
#define WEFT_STRUCTURES_STAMP_H

#include "runtime/shared.h"

#define WEFT_STAMP_BYTES 8
#define WEFT_STAMP_MAX (UINT64_C(1) << 60) /* positions are below */

struct weft_units {
        uint64_t mask;   /* units - 1 */
        uint64_t stride; /* bytes of a unit */
        uint64_t low;    /* (1 << shift) - 1 */
        uint32_t shift;  /* bits of a position that are an index */
        uint32_t per;    /* elements in a unit */
        uint32_t bytes;  /* of an element */
        uint32_t spare;
};

/* The shape of units for elements of `bytes`; how many there are is the caller's. */
static inline struct weft_units weft_units_of(uint32_t bytes)
{
        uint32_t line = WEFT_LINE - WEFT_STAMP_BYTES;
        struct weft_units u = { .per = bytes <= line ? line / bytes : 1, .bytes = bytes };
        u.stride = bytes <= line ? WEFT_LINE
                                 : ((uint64_t)bytes + WEFT_STAMP_BYTES + WEFT_LINE - 1) /
                                           WEFT_LINE * WEFT_LINE;
        while (UINT32_C(1) << u.shift <= u.per)
                u.shift++;
        u.low = (UINT64_C(1) << u.shift) - 1;
        return u;
}

/* A unit is filled anew when all of it has been read: so these are sure to find room. */
static inline uint64_t weft_units_capacity(const struct weft_units *u)
{
        return u->mask * u->per + 1;
}

static inline uint64_t weft_units_first(const struct weft_units *u)
{
        return (u->mask + 1) << u->shift;
}

static inline uint8_t *weft_unit_at(const struct weft_units *u, uint8_t *base,
                                    uint64_t pos)
{
        return base + (pos >> u->shift & u->mask) * u->stride;
}

static inline weft_a64_t *weft_unit_stamp(const struct weft_units *u, uint8_t *base,
                                          uint64_t pos)
{
        return (weft_a64_t *)(void *)(weft_unit_at(u, base, pos) + u->stride -
                                      WEFT_STAMP_BYTES);
}

static inline bool weft_pos_is_sane(const struct weft_units *u, uint64_t pos)
{
        return pos < WEFT_STAMP_MAX && (pos & u->low) < u->per;
}

/* From the end of a unit to the beginning of the next. */
static inline uint64_t weft_pos_normal(const struct weft_units *u, uint64_t pos)
{
        return (pos & u->low) < u->per ? pos : (pos | u->low) + 1;
}

/* How many elements are in [from, to). */
static inline uint64_t weft_pos_count(const struct weft_units *u, uint64_t from,
                                      uint64_t to)
{
        return ((to >> u->shift) - (from >> u->shift)) * u->per + (to & u->low) -
               (from & u->low);
}

/* What stands `capacity` elements behind `pos`: where a ring is full whose head that is. */
static inline uint64_t weft_pos_limit(const struct weft_units *u, uint64_t pos)
{
        return weft_pos_normal(u, pos + (u->mask << u->shift) + 1);
}

/* How many elements from `pos` on are there in its unit, by the stamp: 0 is none, or none
 * that can be. */
static inline uint64_t weft_stamp_ahead(const struct weft_units *u, uint64_t stamp,
                                        uint64_t pos)
{
        uint64_t n = stamp - pos;
        return n <= u->per - (pos & u->low) ? n : 0;
}

/* Nothing at `pos` yet: is this what its unit's stamp is then? */
static inline bool weft_stamp_is_before(const struct weft_units *u, uint64_t stamp,
                                        uint64_t pos)
{
        if (pos & u->low)
                return stamp == pos;
        return stamp == pos - weft_units_first(u) + u->per;
}

#endif
