/* sync/barrier.c -- arriving, joining, leaving, resetting; waiting; the dead. */
#include <errno.h>

#include "sync/barrier_internal.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define PHASE_BITS 20
#define PHASE_MASK ((UINT64_C(1) << PHASE_BITS) - 1)
#define FATES_BITS 10
#define FATES_MASK ((1u << FATES_BITS) - 1)
#define COUNT_BITS 11
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
#define FATES_SHIFT PHASE_BITS
#define PARTIES_SHIFT (FATES_SHIFT + FATES_BITS)
#define TAKEN_SHIFT (PARTIES_SHIFT + COUNT_BITS)
#define ARRIVED_SHIFT (TAKEN_SHIFT + COUNT_BITS)
#define BROKEN_SHIFT (ARRIVED_SHIFT + COUNT_BITS)
_Static_assert(BROKEN_SHIFT == 63, "the fields fill the word");

#define BEHIND_MAX (UINT64_C(1) << 16) /* of `recent`, when a phase turns */

/* An account. */
#define MEMBER UINT64_C(1)
#define ARRIVED UINT64_C(2)
#define OWED UINT64_C(4)
#define ACCOUNT_SHIFT 3

/* What a step says beside errors. */
enum { UNCHANGED = 1, LOOK_AGAIN = 2 };

struct op {
        struct weft_barrier_shared *sh;
        const struct weft_ledger *ledger;
        struct weft_spin *spin;
        struct weft_agent *agent;
        uint32_t flags;
        bool turned;     /* this change turned the phase */
        uint64_t phase;  /* to wait for */
        uint64_t owed;   /* OWED, if it will not wait now */
        uint64_t recent; /* before the cell was read */
};

/* ---- the word ---------------------------------------------------------------------- */

static uint64_t extend(uint64_t value, uint64_t recent)
{
        return recent + ((value - recent) & PHASE_MASK);
}

static void unpack(uint64_t value, uint64_t recent, struct weft_barrier_state *s)
{
        s->phase = extend(value, recent);
        s->fates = (uint32_t)(value >> FATES_SHIFT) & FATES_MASK;
        s->parties = (uint32_t)(value >> PARTIES_SHIFT & COUNT_MASK);
        s->taken = (uint32_t)(value >> TAKEN_SHIFT & COUNT_MASK);
        s->arrived = (uint32_t)(value >> ARRIVED_SHIFT & COUNT_MASK);
        s->broken = (uint32_t)(value >> BROKEN_SHIFT);
}

uint64_t weft_barrier_pack(const struct weft_barrier_state *s)
{
        return (s->phase & PHASE_MASK) | (uint64_t)s->fates << FATES_SHIFT |
               (uint64_t)s->parties << PARTIES_SHIFT | (uint64_t)s->taken << TAKEN_SHIFT |
               (uint64_t)s->arrived << ARRIVED_SHIFT |
               (uint64_t)s->broken << BROKEN_SHIFT;
}

bool weft_barrier_whole(const struct weft_barrier_state *s)
{
        return s->arrived <= s->taken && s->taken <= s->parties &&
               s->parties <= WEFT_BARRIER_PARTIES_MAX;
}

void weft_barrier_look(struct weft_barrier_shared *sh, struct weft_barrier_state *s)
{
        uint64_t recent, value, after = weft_load_acq(&sh->recent); /* [N] */
        do {
                recent = after;
                value = weft_load_acq(&sh->cell.lo); /* [B] */
                after = weft_load_acq(&sh->recent);  /* [N] */
        } while (UNLIKELY(after != recent));
        unpack(value, recent, s);
}

/* ---- steps of the ledger ------------------------------------------------------------ */

static uint64_t phase_of(uint64_t account)
{
        return account >> ACCOUNT_SHIFT;
}

static uint64_t account_make(uint64_t what, uint64_t phase)
{
        return what | phase << ACCOUNT_SHIFT;
}

static bool is_member(const struct op *op, uint64_t account,
                      const struct weft_barrier_state *s)
{
        return account & MEMBER &&
               (!(op->flags & WEFT_BARRIER_ANONYMOUS) || phase_of(account) == s->phase);
}

static bool has_arrived(uint64_t account, const struct weft_barrier_state *s)
{
        return account & ARRIVED && phase_of(account) == s->phase;
}

/* Every step begins with this. What is made of the phase in full by a step that read too
 * late does no harm: its change fails; but no answer is given upon it, and `recent` is not
 * moved by it. */
static int begin(struct op *op, uint64_t value, struct weft_barrier_state *s)
{
        uint64_t recent = weft_load_acq(&op->sh->recent); /* [N] */
        if (UNLIKELY(recent != op->recent))
                return LOOK_AGAIN;
        unpack(value, recent, s);
        if (UNLIKELY(!weft_barrier_whole(s)))
                return -EUCLEAN;
        if (LIKELY(s->phase - recent < BEHIND_MAX))
                return 0;
        (void)weft_cas_acq_rel(&op->sh->recent, &recent, s->phase); /* [N] */
        return LOOK_AGAIN;
}

static void next_phase(const struct op *op, struct weft_barrier_state *s, uint32_t fate)
{
        s->phase++;
        s->fates = (s->fates << 1 | fate) & FATES_MASK;
        s->arrived = 0;
        if (op->flags & WEFT_BARRIER_ANONYMOUS)
                s->taken = 0;
}

/* The change is as `s` says now, but for the phase that it may have completed. */
static int finish(struct op *op, struct weft_barrier_state *s, uint64_t *value)
{
        op->turned = !s->broken && s->parties && s->arrived == s->parties;
        if (op->turned)
                next_phase(op, s, 0);
        *value = weft_barrier_pack(s);
        return 0;
}

static int step_arrive(uint64_t *value, uint64_t *now, void *context)
{
        struct op *op = context;
        struct weft_barrier_state s;
        int rc = begin(op, *value, &s);
        if (UNLIKELY(rc))
                return rc;
        if (UNLIKELY(s.broken))
                return -EOWNERDEAD;
        op->phase = s.phase;
        op->turned = false;
        if (has_arrived(*now, &s))
                return UNCHANGED;
        if (!is_member(op, *now, &s) && s.taken++ == s.parties)
                return -EPERM;
        s.arrived++;
        (void)finish(op, &s, value);
        *now = account_make(MEMBER | ARRIVED | (op->turned ? 0 : op->owed), op->phase);
        return 0;
}

static int step_join(uint64_t *value, uint64_t *now, void *context)
{
        struct op *op = context;
        struct weft_barrier_state s;
        int rc = begin(op, *value, &s);
        if (rc)
                return rc;
        if (s.broken)
                return -EOWNERDEAD;
        if (is_member(op, *now, &s))
                return -EEXIST;
        if (s.parties == WEFT_BARRIER_PARTIES_MAX)
                return -EOVERFLOW;
        s.parties++;
        s.taken++;
        *now = account_make(MEMBER, s.phase);
        *value = weft_barrier_pack(&s);
        return 0;
}

/* A member's place becomes free, as if it had not arrived. */
static int vacate(uint64_t account, struct weft_barrier_state *s)
{
        bool arrived = has_arrived(account, s);
        if (!s->taken || (arrived && !s->arrived))
                return -EUCLEAN;
        s->taken--;
        s->arrived -= arrived;
        return 0;
}

static int step_leave(uint64_t *value, uint64_t *now, void *context)
{
        struct op *op = context;
        struct weft_barrier_state s;
        int rc = begin(op, *value, &s);
        if (rc)
                return rc;
        if (!is_member(op, *now, &s))
                return -EPERM;
        rc = vacate(*now, &s);
        if (rc)
                return rc;
        s.parties--;
        *now = 0;
        return finish(op, &s, value);
}

static int step_reset(uint64_t *value, uint64_t *now, void *context)
{
        struct op *op = context;
        struct weft_barrier_state s;
        int rc = begin(op, *value, &s);
        (void)now;
        if (rc)
                return rc;
        if (!s.broken)
                return s.arrived ? -EBUSY : UNCHANGED;
        s.broken = 0;
        next_phase(op, &s, 1);
        *value = weft_barrier_pack(&s);
        return 0;
}

/* For a member that is no more: as leave, or the barrier breaks. */
static int step_die(uint64_t *value, uint64_t *now, void *context)
{
        struct op *op = context;
        struct weft_barrier_state s;
        int rc = begin(op, *value, &s);
        if (rc)
                return rc;
        bool member = is_member(op, *now, &s);
        if (member)
                rc = vacate(*now, &s);
        if (rc)
                return rc;
        *now = 0;
        if (member && op->flags & WEFT_BARRIER_SHRINK)
                s.parties--;
        else if (member)
                s.broken = 1;
        return finish(op, &s, value);
}

static inline __attribute__((always_inline)) int change(struct op *op, uint32_t seat,
                                                        weft_ledger_step *step)
{
        int rc;
        do {
                op->recent = weft_load_acq(&op->sh->recent); /* [N] */
                rc = weft_ledger_change(op->ledger, seat, step, op);
        } while (UNLIKELY(rc == LOOK_AGAIN));
        return rc;
}

/* ---- waiting -------------------------------------------------------------------------- */

/* How a phase before this one ended. Those long past are taken for well ended, unless
 * resets are all that is remembered: then a member that slept has missed one. */
static int fate(const struct weft_barrier_state *s, uint64_t phase)
{
        uint64_t ago = s->phase - phase - 1;
        uint32_t reset = ago < FATES_BITS ? s->fates >> ago & 1 : s->fates == FATES_MASK;
        return UNLIKELY(reset) ? -EOWNERDEAD : 0;
}

static int attempt(void *context)
{
        const struct op *op = context;
        struct weft_barrier_state s;
        weft_barrier_look(op->sh, &s); /* LP of wait */
        if (s.phase > op->phase)
                return fate(&s, op->phase);
        return s.broken ? -EOWNERDEAD : -EAGAIN;
}

/* Notes whether the agent, if it has arrived in op->phase, is still to be told of its end.
 * Crash in wait: it has arrived or not; this bit matters to itself alone. */
static int told(const struct op *op, int rc)
{
        uint32_t seat = op->agent->index;
        uint64_t account = weft_ledger_now(op->ledger, seat);
        if (!(account & ARRIVED) || phase_of(account) != op->phase)
                return rc;
        uint64_t owed = rc == -EAGAIN || rc == -ETIMEDOUT ? OWED : 0;
        if (UNLIKELY((account & OWED) != owed))
                weft_ledger_note(op->ledger, seat, account ^ OWED);
        return rc;
}

static int wait_for(struct op *op, uint64_t deadline)
{
        return told(op, weft_wait_for(op->agent, &op->sh->wait, op->spin, attempt, op,
                                      deadline));
}

/* ---- calls ---------------------------------------------------------------------------- */

static int enter(struct weft_barrier *b, struct op *op)
{
        *op = (struct op){
                .sh = weft_barrier_shared_of(b),
                .ledger = &b->ledger,
                .spin = &b->spin,
                .flags = b->flags,
        };
        return weft_handle_enter(&b->handle, &op->agent);
}

static void wake_all(const struct op *op)
{
        weft_wait_signal(&op->sh->wait, INT32_MAX);
}

/* Crash in arrive: before the LP nothing has happened; after it the party had arrived, and
 * who sleeps looks by himself. In both cases recovery deals with its place. */
static int arrive(struct op *op)
{
        int rc = change(op, op->agent->index, step_arrive);
        if (rc && rc != UNCHANGED)
                return rc;
        if (op->turned)
                wake_all(op);
        return op->turned;
}

int weft_barrier_wait(weft_barrier_t *barrier, uint64_t deadline)
{
        struct op op;
        if (!barrier)
                return -EINVAL;
        int rc = enter(barrier, &op);
        if (UNLIKELY(rc))
                return rc;
        uint64_t account = weft_ledger_now(op.ledger, op.agent->index);
        if (UNLIKELY(account & OWED))
                op.phase = phase_of(account);
        else
                rc = arrive(&op);
        return rc ? rc : wait_for(&op, deadline);
}

int weft_barrier_arrive(weft_barrier_t *barrier, uint64_t *phase)
{
        struct op op;
        if (!barrier || !phase)
                return -EINVAL;
        int rc = enter(barrier, &op);
        if (rc)
                return rc;
        op.owed = OWED;
        rc = arrive(&op);
        if (rc >= 0)
                *phase = op.phase;
        return rc;
}

int weft_barrier_wait_phase(weft_barrier_t *barrier, uint64_t phase, uint64_t deadline)
{
        struct op op;
        if (!barrier)
                return -EINVAL;
        int rc = enter(barrier, &op);
        op.phase = phase;
        return rc ? rc : wait_for(&op, deadline);
}

/* Crash in join: before the LP nothing has happened; after it the dead has a place. */
int weft_barrier_join(weft_barrier_t *barrier)
{
        struct op op;
        if (!barrier)
                return -EINVAL;
        int rc = enter(barrier, &op);
        return rc ? rc : change(&op, op.agent->index, step_join);
}

/* Crash in leave: before the LP it dies as a member, after it as nobody. */
int weft_barrier_leave(weft_barrier_t *barrier)
{
        struct op op;
        if (!barrier)
                return -EINVAL;
        int rc = enter(barrier, &op);
        if (!rc)
                rc = change(&op, op.agent->index, step_leave);
        if (!rc && op.turned)
                wake_all(&op);
        return rc;
}

/* Crash in reset: it is broken still, or whole. */
int weft_barrier_reset(weft_barrier_t *barrier)
{
        struct op op;
        if (!barrier)
                return -EINVAL;
        int rc = enter(barrier, &op);
        if (!rc)
                rc = change(&op, op.agent->index, step_reset);
        if (!rc)
                wake_all(&op);
        return rc == UNCHANGED ? 0 : rc;
}

/* ---- the dead --------------------------------------------------------------------------- */

/* Crash in recover: what the dead leaves is one change, made as the dead. */
int weft_barrier_bury(struct weft_barrier_shared *sh, const struct weft_ledger *l,
                      uint32_t flags, uint32_t seat)
{
        struct op op = { .sh = sh, .ledger = l, .flags = flags };
        int rc = 0;
        weft_ledger_settle(l, seat);
        if (weft_ledger_now(l, seat))
                rc = change(&op, seat, step_die);
        weft_wait_reset(&sh->wait);
        return rc;
}

/* ---- select ------------------------------------------------------------------------------ */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_barrier_shared *sh = handle->sh;
        return c->op == WEFT_OP_PHASE ? &sh->wait : NULL;
}

static struct op op_of(struct weft_handle *handle, struct weft_agent *agent,
                       const struct weft_case *c)
{
        struct weft_barrier *b = (struct weft_barrier *)handle;
        return (struct op){
                .sh = handle->sh, .ledger = &b->ledger, .agent = agent, .phase = c->n
        };
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct op op = op_of(handle, agent, c);
        int rc = attempt(&op);
        return rc == -EAGAIN ? rc : told(&op, rc);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct op op = op_of(handle, agent, c);
        return attempt(&op) == -EAGAIN ? -EAGAIN : 0;
}

const struct weft_waitable weft_barrier_waitable = { wait_of, do_case, look };
