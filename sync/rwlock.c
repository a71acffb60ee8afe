/* sync/rwlock.c -- read, write, and what a writer's death leaves. */
#include <errno.h>
#include <stdio.h>

#include <weft/rwlock.h>

#include "runtime/waitable.h"
#include "sync/rwlock_shared.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { DEPTH_MAX = 1 << 30 };

struct weft_rwlock {
        struct weft_handle handle; /* first */
        int (*on_death)(void *context);
        void *context;
        struct weft_spin turn;  /* until the word is free */
        struct weft_spin empty; /* until the readers have gone */
};

struct op {
        struct weft_rwlock *rw;
        struct weft_agent *agent;
};

static struct weft_rwlock_shared *shared(const struct weft_rwlock *rw)
{
        return rw->handle.sh;
}

static uint32_t whose(uint64_t word)
{
        return (uint32_t)word;
}

static weft_a64_t *slot_of(const struct weft_rwlock *rw, const struct weft_agent *agent)
{
        return weft_slot_of_seat(&shared(rw)->slots, agent->index);
}

/* How often `sig`, in whose slot this word is, has locked it to read. */
static uint64_t depth_of(uint64_t slot, uint32_t sig)
{
        return LIKELY(!slot) || !weft_slot_is_of(slot, sig) ? 0 : slot & WEFT_SLOT_MASK;
}

static void free_word(struct weft_rwlock_shared *sh, uint64_t left)
{
        (void)weft_swap_acq_rel(&sh->word, left); /* [X] */
        weft_wait_signal(&sh->wait, INT32_MAX);
}

/* The word of agent `sig`, who does nothing any more. */
static void settle_word(struct weft_rwlock_shared *sh, uint32_t sig)
{
        uint64_t word = weft_load_acq(&sh->word), left; /* [X] */
        do {
                if (whose(word) != sig)
                        return;
                left = word & WEFT_RWLOCK_HELD ? WEFT_RWLOCK_INCONSISTENT
                                               : word & WEFT_RWLOCK_INCONSISTENT;
        } while (!weft_cas_acq_rel(&sh->word, &word, left)); /* [X] */
}

/* Somebody else has the word: -EAGAIN, or 0 if he was dead, and it is worth another look. */
static int blocked_by(const struct weft_rwlock *rw, uint64_t word)
{
        if (weft_agent_life(rw->handle.arena, whose(word)) != WEFT_GONE)
                return -EAGAIN;
        settle_word(shared(rw), whose(word)); /* if bytes are hostile: nobody's ever */
        return 0;
}

/* ---- reading ----------------------------------------------------------------- */

static inline void step_back(struct weft_rwlock_shared *sh, weft_a64_t *mine)
{
        (void)weft_swap_acq_rel(mine, 0); /* [R] LP of unlock */
        if (UNLIKELY(weft_wait_waiters(&sh->wait) != 0))
                weft_wait_wake_bits(&sh->wait, WEFT_RWLOCK_EMPTY);
}

/* The word is not 0: why may this agent not read? 0: look again. */
static int refuse_to_read(const struct op *op, uint64_t word)
{
        if (word & WEFT_RWLOCK_LOST)
                return -ENOTRECOVERABLE;
        if (whose(word) == op->agent->sig)
                return -EDEADLK;
        if (whose(word))
                return blocked_by(op->rw, word);
        return word & WEFT_RWLOCK_INCONSISTENT ? -EOWNERDEAD : -EUCLEAN;
}

/* Steps into its slot if the word is 0, and looks again; returns the word: 0, and it reads.
 * Crash in read: in its slot it reads, or holds a writer up as if it did; recovery empties
 * the slot. */
static inline uint64_t step_in(const struct weft_rwlock *rw,
                               const struct weft_agent *agent)
{
        struct weft_rwlock_shared *sh = shared(rw);
        weft_a64_t *mine = slot_of(rw, agent);
        uint64_t word = weft_load_acq(&sh->word); /* [X] */
        if (UNLIKELY(word))
                return word;
        (void)weft_swap_acq_rel(mine, weft_slot_word(agent->sig, 1)); /* [R] */
        word = weft_load_acq(&sh->word);                              /* [X] LP of read */
        if (UNLIKELY(word))
                step_back(sh, mine);
        return word;
}

static int attempt_read(void *context)
{
        const struct op *op = context;
        for (;;) {
                uint64_t word = step_in(op->rw, op->agent);
                if (!word)
                        return 0;
                int rc = refuse_to_read(op, word);
                if (rc)
                        return rc;
        }
}

static int deeper(weft_a64_t *mine)
{
        uint64_t slot = weft_load_rlx(mine);
        if ((slot & WEFT_SLOT_MASK) >= DEPTH_MAX)
                return -EOVERFLOW;
        weft_store_rlx(mine, slot + 1);
        return 0;
}

/* ---- writing ----------------------------------------------------------------- */

/* Does nobody stand in a slot? Exact after a claim. */
static bool is_empty(const struct weft_rwlock *rw)
{
        weft_arena_t *arena = rw->handle.arena;
        uint32_t n = weft_seats_used(arena);
        for (uint32_t i = 0; i < n; i++) {
                uint64_t slot = weft_load_acq(/* [R] */
                                              weft_slot_of_seat(&shared(rw)->slots, i));
                if (slot && weft_agent_life(arena, weft_slot_sig(i, slot)) != WEFT_GONE)
                        return false;
        }
        return true;
}

/* Crash in write: before the claim nothing has happened; claimed, recovery takes it back;
 * after the LP it is held, and recovery makes it INCONSISTENT. */
static int attempt_claim(void *context)
{
        const struct op *op = context;
        struct weft_rwlock_shared *sh = shared(op->rw);
        uint64_t word = weft_load_rlx(&sh->word);
        for (;;) {
                if (UNLIKELY(word & WEFT_RWLOCK_LOST))
                        return -ENOTRECOVERABLE;
                if (UNLIKELY(whose(word) == op->agent->sig))
                        return -EDEADLK;
                if (!whose(word)) {
                        uint64_t mine = (word & WEFT_RWLOCK_INCONSISTENT) |
                                        WEFT_RWLOCK_CLAIMED | op->agent->sig;
                        if (LIKELY(weft_cas_acq_rel(&sh->word, &word, mine))) /* [X] */
                                return 0;
                        continue;
                }
                int rc = blocked_by(op->rw, word);
                if (rc)
                        return rc;
                word = weft_load_rlx(&sh->word);
        }
}

static int attempt_empty(void *context)
{
        const struct op *op = context;
        struct weft_rwlock_shared *sh = shared(op->rw);
        if (!is_empty(op->rw))
                return -EAGAIN;
        uint64_t left = weft_load_rlx(&sh->word) & WEFT_RWLOCK_INCONSISTENT;
        weft_store_rel(&sh->word, left | WEFT_RWLOCK_HELD | op->agent->sig); /* [X] LP */
        return 0;
}

/* It has claimed: waits for the readers to end, or gives up. */
static int wait_until_empty(struct op *op, uint64_t deadline)
{
        struct weft_rwlock *rw = op->rw;
        struct weft_rwlock_shared *sh = shared(rw);
        int rc = attempt_empty(op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_wait_for_bits(op->agent, &sh->wait, WEFT_RWLOCK_EMPTY,
                                        &rw->empty, attempt_empty, op, deadline);
        if (rc)
                free_word(sh, weft_load_rlx(&sh->word) & WEFT_RWLOCK_INCONSISTENT);
        return rc;
}

static int take(struct op *op, uint64_t deadline)
{
        struct weft_rwlock *rw = op->rw;
        struct weft_rwlock_shared *sh = shared(rw);
        if (deadline == WEFT_NOW && !whose(weft_load_rlx(&sh->word)) && !is_empty(rw))
                return -EAGAIN;
        int rc = attempt_claim(op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_wait_for_bits(op->agent, &sh->wait, WEFT_RWLOCK_TURN, &rw->turn,
                                        attempt_claim, op, deadline);
        return rc ? rc : wait_until_empty(op, deadline);
}

/* Gives up what could not be repaired. */
static int lose(struct weft_rwlock *rw)
{
        free_word(shared(rw), WEFT_RWLOCK_LOST);
        return -ENOTRECOVERABLE;
}

/* The agent has it to write: tells of a writer's death, or repairs. */
static int taken(struct op *op)
{
        struct weft_rwlock *rw = op->rw;
        struct weft_rwlock_shared *sh = shared(rw);
        if (LIKELY(!(weft_load_rlx(&sh->word) & WEFT_RWLOCK_INCONSISTENT)))
                return 0;
        if (!rw->on_death)
                return -EOWNERDEAD;
        uint64_t mine = WEFT_RWLOCK_HELD | op->agent->sig;
        int unrepaired = rw->on_death(rw->context); /* it may fork, or leave */
        int rc = weft_handle_enter(&rw->handle, &op->agent);
        uint64_t word = weft_load_rlx(&sh->word) & ~WEFT_RWLOCK_INCONSISTENT;
        if (rc || word != mine || mine != (WEFT_RWLOCK_HELD | op->agent->sig))
                return rc ? rc : -EPERM; /* [edge] it holds it no more */
        if (unrepaired)
                return lose(rw);
        (void)weft_swap_acq_rel(&sh->word, mine); /* [X] */
        return 0;
}

static int lock_to_write(struct op *op, uint64_t deadline)
{
        uint64_t slot = weft_load_rlx(slot_of(op->rw, op->agent));
        if (UNLIKELY(depth_of(slot, op->agent->sig)))
                return -EDEADLK;
        int rc = take(op, deadline);
        return rc ? rc : taken(op);
}

/* ---- from the one to the other -------------------------------------------------- */

/* Crash in downgrade: before the LP it died as the writer, after it as a reader. */
static void become_reader(const struct op *op)
{
        uint64_t one = weft_slot_word(op->agent->sig, 1);
        weft_store_rel(slot_of(op->rw, op->agent), one); /* [R] */
        free_word(shared(op->rw), 0);                    /* LP of downgrade */
}

static int lock_to_read(struct op *op, uint64_t deadline)
{
        struct weft_rwlock *rw = op->rw;
        weft_a64_t *mine = slot_of(rw, op->agent);
        if (depth_of(weft_load_rlx(mine), op->agent->sig))
                return deeper(mine);
        int rc = attempt_read(op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_wait_for_bits(op->agent, &shared(rw)->wait, WEFT_RWLOCK_TURN,
                                        &rw->turn, attempt_read, op, deadline);
        if (rc != -EOWNERDEAD || !rw->on_death)
                return rc;
        /* Repairs, if nobody else has done so meanwhile: as a writer it would wait for those
         * who did and read since, and they perhaps for it. */
        uint64_t word = WEFT_RWLOCK_INCONSISTENT;
        uint64_t claim = WEFT_RWLOCK_INCONSISTENT | WEFT_RWLOCK_CLAIMED | op->agent->sig;
        if (!weft_cas_acq_rel(&shared(rw)->word, &word, claim)) /* [X] */
                return lock_to_read(op, deadline);
        rc = wait_until_empty(op, deadline);
        if (!rc)
                rc = taken(op);
        if (!rc)
                become_reader(op);
        return rc;
}

/* ---- calls ------------------------------------------------------------------- */

int weft_rwlock_read(weft_rwlock_t *rwlock, uint64_t deadline)
{
        struct weft_agent *agent;
        if (!rwlock)
                return -EINVAL;
        int rc = weft_handle_enter(&rwlock->handle, &agent);
        if (UNLIKELY(rc))
                return rc;
        if (LIKELY(!weft_load_rlx(slot_of(rwlock, agent)) && !step_in(rwlock, agent)))
                return 0;
        struct op op = { rwlock, agent };
        return lock_to_read(&op, deadline);
}

int weft_rwlock_write(weft_rwlock_t *rwlock, uint64_t deadline)
{
        struct op op = { .rw = rwlock };
        if (!rwlock)
                return -EINVAL;
        int rc = weft_handle_enter(&rwlock->handle, &op.agent);
        return UNLIKELY(rc) ? rc : lock_to_write(&op, deadline);
}

int weft_rwlock_tryread(weft_rwlock_t *rwlock)
{
        return weft_rwlock_read(rwlock, WEFT_NOW);
}

int weft_rwlock_trywrite(weft_rwlock_t *rwlock)
{
        return weft_rwlock_write(rwlock, WEFT_NOW);
}

/* Does the agent have it to write? Then `word` is the word. */
static bool writes(const struct op *op, uint64_t *word)
{
        *word = weft_load_rlx(&shared(op->rw)->word);
        return (*word & ~WEFT_RWLOCK_INCONSISTENT) == (WEFT_RWLOCK_HELD | op->agent->sig);
}

/* Crash in unlock: before the LP the lock is held, and recovery does what is right then;
 * after it, it is not, and who sleeps looks by himself. */
int weft_rwlock_unlock(weft_rwlock_t *rwlock)
{
        struct weft_agent *agent;
        uint64_t word;
        if (!rwlock)
                return -EINVAL;
        int rc = weft_handle_enter(&rwlock->handle, &agent);
        if (UNLIKELY(rc))
                return rc;
        weft_a64_t *mine = slot_of(rwlock, agent);
        uint64_t slot = weft_load_rlx(mine);
        if (LIKELY(slot == weft_slot_word(agent->sig, 1))) {
                step_back(shared(rwlock), mine);
                return 0;
        }
        if (depth_of(slot, agent->sig)) {
                weft_store_rlx(mine, slot - 1);
                return 0;
        }
        struct op op = { rwlock, agent };
        if (!writes(&op, &word))
                return -EPERM;
        if (UNLIKELY(word & WEFT_RWLOCK_INCONSISTENT))
                (void)lose(rwlock);
        else
                free_word(shared(rwlock), 0); /* LP of unlock */
        return 0;
}

int weft_rwlock_downgrade(weft_rwlock_t *rwlock)
{
        struct op op = { .rw = rwlock };
        uint64_t word;
        if (!rwlock)
                return -EINVAL;
        int rc = weft_handle_enter(&rwlock->handle, &op.agent);
        if (rc)
                return rc;
        if (!writes(&op, &word))
                return -EPERM;
        if (word & WEFT_RWLOCK_INCONSISTENT)
                return -EINVAL;
        become_reader(&op);
        return 0;
}

int weft_rwlock_consistent(weft_rwlock_t *rwlock)
{
        struct op op = { .rw = rwlock };
        uint64_t word;
        if (!rwlock)
                return -EINVAL;
        int rc = weft_handle_enter(&rwlock->handle, &op.agent);
        if (rc)
                return rc;
        if (!writes(&op, &word))
                return -EPERM;
        if (!(word & WEFT_RWLOCK_INCONSISTENT))
                return -EINVAL;
        (void)weft_swap_acq_rel(&shared(rwlock)->word, /* [X] LP of consistent */
                                word & ~WEFT_RWLOCK_INCONSISTENT);
        return 0;
}

int weft_rwlock_reset(weft_rwlock_t *rwlock)
{
        struct weft_agent *agent;
        uint64_t lost = WEFT_RWLOCK_LOST;
        if (!rwlock)
                return -EINVAL;
        int rc = weft_handle_enter(&rwlock->handle, &agent);
        if (rc)
                return rc;
        return weft_cas_acq_rel(&shared(rwlock)->word, &lost, 0) ? 0 /* [X] LP of reset */
                                                                 : -EBUSY;
}

void weft_rwlock_on_death(weft_rwlock_t *rwlock, int (*recover)(void *context),
                          void *context)
{
        if (!rwlock)
                return;
        rwlock->on_death = recover;
        rwlock->context = context;
}

/* ---- the dead ------------------------------------------------------------------ */

/* Crash in recover: the next one finds the word and the slot as they were, or as they are
 * to be. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_rwlock_shared *sh = o->sh;
        weft_a64_t *its = weft_slot_of(&sh->slots, sig);
        if (weft_slot_is_of(weft_load_rlx(its), sig))
                (void)weft_swap_acq_rel(its, 0); /* [R] */
        settle_word(sh, sig);
        weft_wait_reset(&sh->wait);
        return 0;
}

/* ---- looking ------------------------------------------------------------------------ */

static uint32_t count_readers(weft_arena_t *arena, struct weft_rwlock_shared *sh)
{
        uint32_t n = weft_seats_used(arena), readers = 0;
        for (uint32_t i = 0; i < n; i++)
                readers += weft_load_acq(weft_slot_of_seat(&sh->slots, i)) != 0; /* [R] */
        return readers;
}

static void fill_info(weft_arena_t *arena, struct weft_rwlock_shared *sh,
                      struct weft_rwlock_info *info)
{
        uint64_t word = weft_load_acq(&sh->word); /* [X] */
        *info = (struct weft_rwlock_info){
                .readers = count_readers(arena, sh),
                .writing = (word & WEFT_RWLOCK_HELD) != 0,
                .claimed = (word & WEFT_RWLOCK_CLAIMED) != 0,
                .writer_pid = whose(word) ? weft_agent_pid(arena, whose(word)) : 0,
                .inconsistent = (word & WEFT_RWLOCK_INCONSISTENT) != 0,
                .lost = (word & WEFT_RWLOCK_LOST) != 0,
                .waiting = weft_wait_waiters(&sh->wait),
        };
}

int weft_rwlock_info(weft_rwlock_t *rwlock, struct weft_rwlock_info *info)
{
        if (!rwlock || !info)
                return -EINVAL;
        fill_info(rwlock->handle.arena, shared(rwlock), info);
        return 0;
}

static bool busy(struct weft_object *o)
{
        struct weft_rwlock_info i;
        fill_info(o->arena, o->sh, &i);
        return i.readers || i.writing || i.claimed || i.waiting;
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        const struct weft_rwlock_shared *sh = o->sh;
        uint64_t word = weft_load_acq(&sh->word); /* [X] */
        uint64_t flags = word >> 32 << 32 & ~WEFT_RWLOCK_INCONSISTENT;
        *bytes = sizeof *sh;
        if (whose(word))
                return flags == WEFT_RWLOCK_CLAIMED || flags == WEFT_RWLOCK_HELD
                               ? 0
                               : -EUCLEAN;
        return !flags || word == WEFT_RWLOCK_LOST ? 0 : -EUCLEAN;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_rwlock_info i;
        size_t room = sizeof info->detail;
        fill_info(o->arena, o->sh, &i);
        int n = i.lost      ? snprintf(info->detail, room, "not recoverable")
                : i.writing ? snprintf(info->detail, room, "%u writes", i.writer_pid)
                : i.claimed ? snprintf(info->detail, room, "%u read, %u is to write",
                                       i.readers, i.writer_pid)
                : i.readers ? snprintf(info->detail, room, "%u read", i.readers)
                            : snprintf(info->detail, room, "free");
        if (n >= 0 && (size_t)n < room)
                (void)snprintf(info->detail + n, room - (size_t)n, "%s, %u waiting",
                               i.inconsistent ? ", its writer died" : "", i.waiting);
}

/* It owns nothing but its header. */
static void destroy(struct weft_object *o)
{
        (void)o;
}

/* ---- select ------------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_rwlock_shared *sh = handle->sh;
        return c->op == WEFT_OP_READ_LOCK || c->op == WEFT_OP_WRITE_LOCK ? &sh->wait
                                                                         : NULL;
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct op op = { (struct weft_rwlock *)handle, agent };
        return c->op == WEFT_OP_READ_LOCK ? lock_to_read(&op, WEFT_NOW)
                                          : lock_to_write(&op, WEFT_NOW);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        const struct weft_rwlock *rw = (const struct weft_rwlock *)handle;
        uint64_t word = weft_load_acq(&shared(rw)->word); /* [X] */
        if (depth_of(weft_load_rlx(slot_of(rw, agent)), agent->sig) ||
            word & WEFT_RWLOCK_LOST || whose(word) == agent->sig)
                return 0; /* done, or refused: no wait */
        if (whose(word) && weft_agent_life(handle->arena, whose(word)) != WEFT_GONE)
                return -EAGAIN;
        return c->op == WEFT_OP_READ_LOCK || is_empty(rw) ? 0 : -EAGAIN;
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

/* ---- the kind --------------------------------------------------------------------- */

/* Crash in create: the draft owns the block; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        (void)draft; /* zeroes are a free one */
        return 0;
}

static struct weft_kind kind = {
        .name = "rwlock",
        .id = WEFT_RWLOCK_KIND_ID,
        .version = WEFT_RWLOCK_FORMAT,
        .header_bytes = sizeof(struct weft_rwlock_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_rwlock),
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name, bool or_open,
                weft_rwlock_t **rwlock)
{
        if (!rwlock)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, NULL, init, or_open, rwlock);
}

int weft_rwlock_create(weft_arena_t *arena, const char *name, weft_rwlock_t **rwlock)
{
        return make(arena, name, false, rwlock);
}

int weft_rwlock_create_or_open(weft_arena_t *arena, const char *name,
                               weft_rwlock_t **rwlock)
{
        return make(arena, name, true, rwlock);
}

int weft_rwlock_open(weft_arena_t *arena, const char *name, weft_rwlock_t **rwlock)
{
        return rwlock ? weft_handle_open(arena, name, &kind, rwlock) : -EINVAL;
}

void weft_rwlock_close(weft_rwlock_t *rwlock)
{
        weft_handle_close(rwlock);
}
