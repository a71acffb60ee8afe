/* structures/rendezvous.c -- a push and a pop meet. */
#include <string.h>

#include "structures/rendezvous_internal.h"

enum {
        ROUNDS = 8,    /* of looking, taking back, trying, in one attempt */
        PATIENCE = 64, /* pauses of who lets the other come first */
};

/* ---- who is there ------------------------------------------------------------------ */

/* An offer as it was seen. */
struct found {
        struct weft_meet_shared *meet;
        struct weft_rendezvous_desk_shared *desk; /* LISTED there; else NULL */
        struct weft_pair seen;
        uint32_t seat;
        uint32_t at; /* its case */
};

/* Written down here, under the version that was seen open? */
static bool is_listed(struct weft_rendezvous *r, enum weft_rendezvous_side side,
                      struct found *f)
{
        f->desk = weft_desk_at(&r->desks, f->seat);
        if (!f->desk)
                return false;
        uint64_t offer = weft_load_rlx(&f->desk->offer[side]);
        f->at = (uint32_t)offer & ((1u << WEFT_RENDEZVOUS_CASE_BITS) - 1);
        return offer >> WEFT_RENDEZVOUS_CASE_BITS == weft_meet_version(f->seen.lo);
}

/* Does seat f->seat offer that side here, and live? */
static inline bool offers(struct weft_rendezvous *r, enum weft_rendezvous_side side,
                          struct found *f)
{
        struct weft_seat_shared *seat = &r->handle.arena->seats[f->seat];
        f->meet = &seat->meet;
        f->desk = NULL;
        f->at = 0;
        if (!weft_meet_see(f->meet, &f->seen))
                return false;
        if (f->seen.hi != (r->key | 2 | side) &&
            (f->seen.hi != WEFT_MEET_LISTED || !is_listed(r, side, f)))
                return false;
        return weft_seat_alive(seat);
}

/* Looks at all who offer that side, from seat `from` on and around, until `each` has
 * something to say: not -EAGAIN. */
static inline int look_around(struct weft_rendezvous *r, uint32_t me,
                              enum weft_rendezvous_side side, uint32_t from,
                              int (*each)(void *context, struct found *f), void *context)
{
        weft_a64_t *bits = weft_rendezvous_sh(r)->bits[side];
        uint32_t words = (weft_seats_used(r->handle.arena) + 63) / 64;
        uint32_t first = from / 64 < words ? from / 64 : 0, w = first;
        uint64_t before = (UINT64_C(1) << from % 64) - 1;
        for (uint32_t i = 0; i <= words; i++) {
                uint64_t there = weft_load_acq(&bits[w]); /* [F] */
                if (w == me / 64)
                        there &= ~(UINT64_C(1) << me % 64);
                if (w == first)
                        there &= i ? before : ~before;
                for (; there; there &= there - 1) {
                        struct found f;
                        f.seat = w * 64 + (uint32_t)__builtin_ctzll(there);
                        if (!offers(r, side, &f))
                                continue;
                        int rc = each(context, &f);
                        if (rc != -EAGAIN)
                                return rc;
                }
                if (++w == words)
                        w = 0;
        }
        return -EAGAIN;
}

static int tell_seat(void *unused, struct found *f)
{
        (void)unused;
        return (int)f->seat;
}

int weft_rendezvous_partner(struct weft_rendezvous *r, uint32_t me,
                            enum weft_rendezvous_side side)
{
        return look_around(r, me, weft_rendezvous_other(side), me, tell_seat, NULL);
}

/* ---- taking up an offer ------------------------------------------------------------- */

/* For one who takes. Crash in claim: the element is in the box, and the word says so, or it
 * does not. */
static int give_to(struct weft_rendezvous_op *op, struct found *f)
{
        uint32_t bytes = op->r->element_bytes;
        weft_a64_t *given;
        uint64_t left = 0;
        if (WEFT_LIKELY(bytes <= WEFT_RENDEZVOUS_WORD)) {
                memcpy(&left, op->from, bytes);
        } else {
                int rc = weft_rendezvous_pack(op);
                if (rc)
                        return rc;
                if (!weft_rendezvous_box(op->r, op->desk, (uint32_t)op->box, &given))
                        return -EUCLEAN;
                left = (uint64_t)op->box << WEFT_SEAT_BITS | op->agent->index;
                weft_store_rlx(given,
                               weft_meet_version(f->seen.lo) << WEFT_SEAT_BITS | f->seat);
        }
        if (!weft_meet_claim(f->meet, f->seen, f->at, left))
                return -EAGAIN;
        op->box = WEFT_RENDEZVOUS_NO_BOX;
        return 0;
}

/* From one who gives. What is read may change meanwhile: then the claim fails. */
static int take_from(struct weft_rendezvous_op *op, struct found *f)
{
        uint32_t bytes = op->r->element_bytes;
        weft_a64_t *given;
        if (!f->desk) {
                uint64_t gift[WEFT_MEET_GIFT_BYTES / 8];
                if (bytes > sizeof gift)
                        return -EUCLEAN;
                gift[0] = weft_load_rlx(&f->meet->gift[0]);
                gift[1] = bytes > 8 ? weft_load_rlx(&f->meet->gift[1]) : 0;
                memcpy(op->to, gift, bytes);
        } else {
                uint32_t k = weft_load_rlx(&f->desk->box);
                const void *at = weft_rendezvous_box(op->r, f->desk, k, &given);
                if (!at) /* it is no box, or not any more */
                        return weft_meet_stands(f->meet, f->seen) ? -EUCLEAN : -EAGAIN;
                weft_copy_out(op->to, at, bytes);
        }
        return weft_meet_claim(f->meet, f->seen, f->at, 0) ? 0 : -EAGAIN;
}

static int take_up(void *context, struct found *f)
{
        struct weft_rendezvous_op *op = context;
        int rc = op->side == WEFT_GIVES ? give_to(op, f) : take_from(op, f);
        if (rc)
                return rc;
        struct weft_rendezvous_desk_shared *desk = op->desk;
        weft_store_rlx(&desk->met, weft_load_rlx(&desk->met) + 1);
        weft_store_rlx(&desk->turn, f->seat + 1);
        return 0;
}

/* Takes up an offer of the other side: -EAGAIN if there is none; -EPIPE. */
static int meet_one(struct weft_rendezvous_op *op)
{
        if (WEFT_UNLIKELY(weft_rendezvous_is_shut(op->r)))
                return -EPIPE;
        uint32_t from =
                (uint32_t)weft_load_rlx(&op->desk->turn) % (WEFT_RENDEZVOUS_WORDS * 64);
        return look_around(op->r, op->agent->index, weft_rendezvous_other(op->side), from,
                           take_up, op);
}

/* ---- offering ------------------------------------------------------------------------- */

void weft_rendezvous_list(struct weft_rendezvous_op *op)
{
        uint32_t me = op->agent->index;
        weft_a64_t *bits = &weft_rendezvous_sh(op->r)->bits[op->side][me / 64];
        uint64_t mine = UINT64_C(1) << me % 64;
        if (WEFT_UNLIKELY(!(weft_load_rlx(bits) & mine)))
                (void)weft_or_acq_rel(bits, mine); /* [F] */
}

void weft_rendezvous_tell(struct weft_rendezvous *r, enum weft_rendezvous_side side)
{
        weft_wait_signal(&weft_rendezvous_sh(r)->looking[side], INT32_MAX);
}

int weft_rendezvous_write(struct weft_rendezvous_op *op, uint32_t at)
{
        uint64_t version = weft_meet_next(op->agent);
        if (op->side == WEFT_GIVES) {
                int rc = weft_rendezvous_pack(op);
                if (rc)
                        return rc;
                weft_store_rlx(&op->desk->box, (uint32_t)op->box);
        }
        weft_store_rlx(&op->desk->offer[op->side],
                       version << WEFT_RENDEZVOUS_CASE_BITS | at);
        return 0;
}

/* In the seat if it fits there. */
static int write_alone(struct weft_rendezvous_op *op, uint64_t *what)
{
        uint32_t bytes = op->r->element_bytes;
        *what = op->r->key | 2 | op->side;
        if (op->side == WEFT_TAKES)
                return 0;
        if (bytes > WEFT_MEET_GIFT_BYTES) {
                *what = WEFT_MEET_LISTED;
                return weft_rendezvous_write(op, 0);
        }
        uint64_t gift[WEFT_MEET_GIFT_BYTES / 8] = { 0 };
        memcpy(gift, op->from, bytes);
        weft_store_rlx(&op->agent->seat->meet.gift[0], gift[0]);
        if (bytes > 8)
                weft_store_rlx(&op->agent->seat->meet.gift[1], gift[1]);
        return 0;
}

static int offer(struct weft_rendezvous_op *op)
{
        uint64_t what;
        int rc = write_alone(op, &what);
        if (rc)
                return rc;
        weft_rendezvous_list(op);
        weft_meet_open(op->agent, what);
        op->open = true;
        op->looked = false;
        weft_rendezvous_tell(op->r, op->side);
        return 0;
}

/* Crash in fetch: what was left goes with it; the word ends with its settling. */
int weft_rendezvous_fetch(struct weft_rendezvous_op *op, uint64_t left)
{
        struct weft_rendezvous *r = op->r;
        int rc = 0;
        if (op->side == WEFT_TAKES && r->element_bytes <= WEFT_RENDEZVOUS_WORD) {
                memcpy(op->to, &left, r->element_bytes);
        } else if (op->side == WEFT_TAKES) {
                struct weft_rendezvous_desk_shared *desk =
                        weft_desk_at(&r->desks, weft_sig_seat((uint32_t)left));
                uint64_t k = left >> WEFT_SEAT_BITS;
                weft_a64_t *given;
                const void *at =
                        desk && k <= UINT32_MAX
                                ? weft_rendezvous_box(r, desk, (uint32_t)k, &given)
                                : NULL;
                if (at)
                        weft_copy_out(op->to, at, r->element_bytes);
                else
                        rc = -EUCLEAN;
        }
        weft_meet_end(op->agent);
        op->open = false;
        op->box = WEFT_RENDEZVOUS_NO_BOX;
        return rc;
}

/* ---- waiting ---------------------------------------------------------------------------- */

/* Its offer is open and it has not seen yet who else has one. Of two who see each other the
 * one in the lower seat comes, the other lets it, for a moment. */
static int look_and_come(struct weft_rendezvous_op *op)
{
        uint64_t left;
        for (int round = 0; round < ROUNDS; round++) {
                int partner = weft_rendezvous_partner(op->r, op->agent->index, op->side);
                if (partner < 0) {
                        op->looked = true;
                        return -EAGAIN;
                }
                bool waits = (uint32_t)partner < op->agent->index;
                for (int i = 0; waits && i < PATIENCE; i++) {
                        if (weft_meet_met(op->agent, &left) >= 0)
                                break;
                        weft_pause();
                }
                if (!weft_meet_take_back(op->agent))
                        return weft_meet_met(op->agent, &left) < 0
                                       ? -EUCLEAN
                                       : weft_rendezvous_fetch(op, left);
                op->open = false;
                int rc = meet_one(op);
                if (rc == -EAGAIN)
                        rc = offer(op);
                if (rc || !op->open)
                        return rc;
        }
        return -EAGAIN;
}

static int attempt(void *context)
{
        struct weft_rendezvous_op *op = context;
        uint64_t left;
        if (weft_meet_met(op->agent, &left) >= 0)
                return weft_rendezvous_fetch(op, left);
        if (WEFT_UNLIKELY(weft_rendezvous_is_shut(op->r)))
                return -EPIPE;
        return WEFT_LIKELY(op->looked) ? -EAGAIN : look_and_come(op);
}

/* Crash in push, pop: before the LP, which is the claim, by it or by its partner, nothing has
 * happened. */
static int meet(struct weft_rendezvous_op *op, uint64_t deadline)
{
        uint64_t left;
        int rc = meet_one(op);
        if (rc != -EAGAIN)
                return rc;
        if (deadline == WEFT_NOW) {
                weft_agent_polled(op->agent);
                return rc;
        }
        rc = offer(op);
        if (!rc)
                rc = weft_wait_for(op->agent, &op->agent->seat->meet.wait,
                                   &op->r->spin[op->side], attempt, op, deadline);
        if (op->open && !weft_meet_take_back(op->agent)) /* LP, if it gives up */
                rc = weft_meet_met(op->agent, &left) < 0
                             ? -EUCLEAN
                             : weft_rendezvous_fetch(op, left);
        return rc;
}

/* ---- the calls ----------------------------------------------------------------------------- */

int weft_rendezvous_begin(struct weft_rendezvous *r, struct weft_rendezvous_op *op)
{
        void *desk;
        int rc = weft_handle_enter(&r->handle, &op->agent);
        if (WEFT_LIKELY(!rc))
                rc = weft_desk_get(&r->desks, op->agent, &desk);
        if (WEFT_UNLIKELY(rc))
                return rc;
        op->r = r;
        op->desk = desk;
        op->box = WEFT_RENDEZVOUS_NO_BOX;
        op->open = false;
        return 0;
}

int weft_rendezvous_push(weft_rendezvous_t *rendezvous, const void *element,
                         uint64_t deadline)
{
        struct weft_rendezvous_op op = { .side = WEFT_GIVES, .from = element };
        if (!rendezvous || !element)
                return -EINVAL;
        int rc = weft_rendezvous_begin(rendezvous, &op);
        return WEFT_LIKELY(!rc) ? meet(&op, deadline) : rc;
}

int weft_rendezvous_pop(weft_rendezvous_t *rendezvous, void *element, uint64_t deadline)
{
        struct weft_rendezvous_op op = { .side = WEFT_TAKES, .to = element };
        if (!rendezvous || !element)
                return -EINVAL;
        int rc = weft_rendezvous_begin(rendezvous, &op);
        return WEFT_LIKELY(!rc) ? meet(&op, deadline) : rc;
}

int64_t weft_rendezvous_push_n(weft_rendezvous_t *rendezvous, const void *elements,
                               size_t n, uint64_t deadline)
{
        const uint8_t *at = elements;
        if (!rendezvous || (!elements && n))
                return -EINVAL;
        for (size_t i = 0; i < n; i++, at += rendezvous->element_bytes) {
                int rc = weft_rendezvous_push(rendezvous, at, i ? WEFT_NOW : deadline);
                if (rc)
                        return i ? (int64_t)i : rc;
        }
        return (int64_t)n;
}

int64_t weft_rendezvous_pop_n(weft_rendezvous_t *rendezvous, void *elements, size_t n,
                              uint64_t deadline)
{
        uint8_t *at = elements;
        if (!rendezvous || (!elements && n))
                return -EINVAL;
        for (size_t i = 0; i < n; i++, at += rendezvous->element_bytes) {
                int rc = weft_rendezvous_pop(rendezvous, at, i ? WEFT_NOW : deadline);
                if (rc)
                        return i ? (int64_t)i : rc;
        }
        return (int64_t)n;
}

/* Crash in shutdown: before the LP nothing; after it, who sleeps looks by himself. */
void weft_rendezvous_shut(weft_arena_t *arena, struct weft_rendezvous_shared *sh)
{
        (void)weft_swap_acq_rel(&sh->shut, 1); /* [S] LP of shutdown */
        uint32_t seats = weft_seats_used(arena);
        for (int side = 0; side < WEFT_SIDES; side++) {
                for (uint32_t i = 0; i < seats; i++)
                        if (weft_load_acq(&sh->bits[side][i / 64]) >> i % 64 &
                            1) /* [F] */
                                weft_wait_signal(&arena->seats[i].meet.wait, 1);
                weft_wait_signal(&sh->looking[side], INT32_MAX);
        }
}

int weft_rendezvous_shutdown(weft_rendezvous_t *rendezvous)
{
        struct weft_agent *agent;
        if (!rendezvous)
                return -EINVAL;
        int rc = weft_handle_enter(&rendezvous->handle, &agent);
        if (!rc)
                weft_rendezvous_shut(rendezvous->handle.arena,
                                     weft_rendezvous_sh(rendezvous));
        return rc;
}
