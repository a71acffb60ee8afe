/* structures/rendezvous_internal.h -- what the files of the rendezvous share. */
#ifndef WEFT_STRUCTURES_RENDEZVOUS_INTERNAL_H
#define WEFT_STRUCTURES_RENDEZVOUS_INTERNAL_H

#include <errno.h>

#include <weft/rendezvous.h>

#include "runtime/block.h"
#include "runtime/desk.h"
#include "runtime/meet.h"
#include "runtime/waitable.h"
#include "structures/rendezvous_shared.h"

/* A handle; as a part of another object's too (runtime/part.h). */
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

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
        WEFT_RENDEZVOUS_WORD = sizeof(uint64_t), /* elements that a word can carry */
        WEFT_RENDEZVOUS_NO_BOX = -1,
};

/* One push or pop, by its own side. */
struct weft_rendezvous_op {
        struct weft_rendezvous *r;
        struct weft_agent *agent;
        struct weft_rendezvous_desk_shared *desk;
        enum weft_rendezvous_side side;
        const void *from; /* GIVES */
        void *to;         /* TAKES */
        int box;          /* of its desk: has the element in it already; or NO_BOX */
        bool open;        /* its offer is, as far as it knows, */
        bool looked;      /* and it has looked since */
};

static inline struct weft_rendezvous_shared *
weft_rendezvous_sh(const struct weft_rendezvous *r)
{
        return r->handle.sh;
}

static inline bool weft_rendezvous_is_shut(const struct weft_rendezvous *r)
{
        return weft_load_acq(&weft_rendezvous_sh(r)->shut) != 0; /* [S] */
}

static inline enum weft_rendezvous_side
weft_rendezvous_other(enum weft_rendezvous_side side)
{
        return side == WEFT_GIVES ? WEFT_TAKES : WEFT_GIVES;
}

/* ---- boxes: rendezvous_box.c ----------------------------------------------------- */

/* The checked size of things, from the header. -EUCLEAN. */
WEFT_CHECK int weft_rendezvous_shape(struct weft_rendezvous *r);

/* Box `k` of a desk: its element, and what it says of whom it was given to; or NULL. */
void *weft_rendezvous_box(struct weft_rendezvous *r,
                          struct weft_rendezvous_desk_shared *desk, uint32_t k,
                          weft_a64_t **given);

/* One of its own that is not in use, with the op's element in it. -ENOSPC, -EUCLEAN. */
WEFT_CHECK int weft_rendezvous_pack(struct weft_rendezvous_op *op);

/* Hands over the chunks that the agent `sig`, whose desk it is, had not handed over. */
WEFT_CHECK int weft_rendezvous_pass_chunks(struct weft_rendezvous *r,
                                           struct weft_rendezvous_desk_shared *desk,
                                           uint32_t sig);

/* Bytes of all chunks, or -EUCLEAN; frees them. */
int64_t weft_rendezvous_chunks_bytes(struct weft_rendezvous *r);
void weft_rendezvous_chunks_free(struct weft_rendezvous *r, struct weft_agent *agent);

/* ---- meeting: rendezvous.c --------------------------------------------------------- */

/* Fills in who acts: enters. */
WEFT_CHECK int weft_rendezvous_begin(struct weft_rendezvous *r,
                                     struct weft_rendezvous_op *op);

/* A seat that offers the other side, or -EAGAIN. */
WEFT_CHECK int weft_rendezvous_partner(struct weft_rendezvous *r, uint32_t me,
                                       enum weft_rendezvous_side side);

/* Makes its offer found: its bit, and who only looks. */
void weft_rendezvous_list(struct weft_rendezvous_op *op);
void weft_rendezvous_tell(struct weft_rendezvous *r, enum weft_rendezvous_side side);

/* What shutdown does. */
void weft_rendezvous_shut(weft_arena_t *arena, struct weft_rendezvous_shared *sh);

/* Writes the offer down in the desk, as case `at` of the version to come. */
WEFT_CHECK int weft_rendezvous_write(struct weft_rendezvous_op *op, uint32_t at);

/* It has been met, and this was left: fetches it, and ends the offer. */
WEFT_CHECK int weft_rendezvous_fetch(struct weft_rendezvous_op *op, uint64_t left);

#endif
