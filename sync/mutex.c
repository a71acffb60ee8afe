/* sync/mutex.c -- lock, unlock, and what a holder's death leaves. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/block.h"
#include "runtime/waitable.h"
#include "sync/mutex_internal.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE __attribute__((noinline)) /* its registers are not to be saved */

enum { DEPTH_MAX = 1 << 30, SPIN_CALM = 64 };

struct op {
        struct weft_mutex *m;
        struct weft_agent *agent;
        bool (*over)(const void *context); /* NULL: nobody is asked */
        const void *context;
};

static struct weft_mutex_shared *shared(const struct weft_mutex *m)
{
        return m->handle.sh;
}

/* ---- taking it -------------------------------------------------------------- */

static int again(struct weft_mutex *m)
{
        struct weft_mutex_shared *sh = shared(m);
        if (!(m->flags & WEFT_MUTEX_RECURSIVE))
                return -EDEADLK;
        uint32_t depth = weft_load_rlx(&sh->depth);
        if (depth >= DEPTH_MAX)
                return -EOVERFLOW;
        weft_store_rlx(&sh->depth, depth + 1);
        return 0;
}

/* May `sig` take a mutex with this word, which is neither lost nor its own? */
static bool is_for(struct weft_mutex *m, uint64_t word, uint32_t sig)
{
        uint32_t whose = weft_mutex_sig(word);
        if (!whose)
                return true;
        if (!(word & WEFT_MUTEX_OFFERED))
                return false;
        return whose == sig || !m->line || !weft_line_is_in(m->line, whose);
}

/* One try for `agent`, who has entered the handle: 0, -EAGAIN, -EDEADLK, ... as lock.
 *
 * Crash in lock: before the LP nothing has happened; after it the mutex is held, and
 * recovery makes it INCONSISTENT. */
static int try_lock(struct weft_mutex *m, struct weft_agent *agent)
{
        struct weft_mutex_shared *sh = shared(m);
        uint32_t sig = agent->sig;
        uint64_t word = weft_load_rlx(&sh->word);

        for (;;) {
                if (UNLIKELY(word & WEFT_MUTEX_LOST))
                        return -ENOTRECOVERABLE;
                if (weft_mutex_sig(word) == sig && !(word & WEFT_MUTEX_OFFERED))
                        return again(m);
                if (is_for(m, word, sig)) {
                        uint64_t mine = (word & WEFT_MUTEX_INCONSISTENT) | sig;
                        if (LIKELY(weft_cas_acq_rel(&sh->word, &word, mine))) /* [M] LP */
                                return 0;
                        continue;
                }
                if (weft_agent_life(m->handle.arena, weft_mutex_sig(word)) != WEFT_GONE)
                        return -EAGAIN;
                uint64_t seen = word;
                word = weft_load_rlx(&sh->word);
                if (word == seen) /* [edge] hostile bytes: nobody ever held it */
                        return -EAGAIN;
        }
}

static int attempt(void *context)
{
        struct op *op = context;
        int rc = try_lock(op->m, op->agent);
        return rc == -EAGAIN && op->over && op->over(op->context) ? -ECANCELED : rc;
}

/* Gives up what could not be repaired, however often it is locked. */
static int lose(struct weft_mutex *m)
{
        struct weft_mutex_shared *sh = shared(m);
        weft_store_rlx(&sh->depth, 0);
        (void)weft_swap_acq_rel(&sh->word, WEFT_MUTEX_LOST); /* [M] */
        weft_wait_signal(&sh->wait, INT32_MAX);
        return -ENOTRECOVERABLE;
}

/* After a successful try: tells of a holder's death, or repairs. */
static int locked(struct weft_mutex *m, struct weft_agent *agent)
{
        struct weft_mutex_shared *sh = shared(m);
        if (LIKELY(!(weft_load_rlx(&sh->word) & WEFT_MUTEX_INCONSISTENT)))
                return 0;
        if (weft_load_rlx(&sh->depth)) /* locked again, by who was told already */
                return 0;
        if (!m->on_death)
                return -EOWNERDEAD;
        uint32_t sig = agent->sig; /* the callback may fork, or leave */
        int unrepaired = m->on_death(m->context);
        int rc = weft_handle_enter(&m->handle, &agent);
        uint64_t word = weft_load_rlx(&sh->word) & ~WEFT_MUTEX_INCONSISTENT;
        if (rc || agent->sig != sig || word != sig)
                return rc ? rc : -EPERM; /* [edge] it holds it no more */
        if (unrepaired)
                return lose(m);
        (void)weft_swap_acq_rel(&sh->word, sig); /* [M] */
        return 0;
}

/* ---- fair -------------------------------------------------------------------- */

/* Offers the mutex, which `sig` holds, to the first in line; false if there is none. Crash
 * in offer: whoever is in line, or comes, sees whether the offer is void. */
static bool offer(struct weft_mutex *m)
{
        struct weft_mutex_shared *sh = shared(m);
        weft_arena_t *arena = m->handle.arena;
        uint32_t first = weft_line_first(arena, m->line);
        if (!first)
                return false;
        uint64_t offered = WEFT_MUTEX_OFFERED | first;
        (void)weft_swap_acq_rel(&sh->word, offered); /* [M] LP of unlock */
        if (weft_line_is_in(m->line, first))
                weft_wait_wake_bits(&sh->wait, weft_line_bit(first));
        else
                weft_wait_signal(&sh->wait, INT32_MAX); /* void: let all look */
        return true;
}

/* Waits in line. Who leaves without it looks at the word after that: an offer that came in
 * between is taken up after all. */
static int wait_in_line(struct op *op, uint64_t deadline)
{
        struct weft_mutex *m = op->m;
        uint32_t sig = op->agent->sig;
        weft_line_enter(m->line, sig);
        int rc = weft_wait_for_bits(op->agent, &shared(m)->wait, weft_line_bit(sig),
                                    &m->spin, attempt, op, deadline);
        (void)weft_line_leave(m->line, sig);
        if (!rc)
                return 0;
        uint64_t word = weft_load_acq(&shared(m)->word); /* [M] */
        if ((word & ~WEFT_MUTEX_INCONSISTENT) != (WEFT_MUTEX_OFFERED | sig))
                return rc;
        int last = try_lock(m, op->agent);
        return last == -EAGAIN ? rc : last;
}

/* ---- calls ------------------------------------------------------------------- */

static int wait_for_it(struct op *op, uint64_t deadline)
{
        struct weft_mutex *m = op->m;
        int rc = weft_handle_enter(&m->handle, &op->agent);
        if (rc)
                return rc;
        rc = attempt(op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = m->line ? wait_in_line(op, deadline)
                             : weft_wait_for(op->agent, &shared(m)->wait, &m->spin,
                                             attempt, op, deadline);
        return rc ? rc : locked(m, op->agent);
}

/* All that is not as simple as it mostly is. */
static NOINLINE int lock(weft_mutex_t *mutex, uint64_t deadline)
{
        struct op op = { .m = mutex };
        return wait_for_it(&op, deadline);
}

int weft_mutex_lock_unless(weft_mutex_t *m, bool (*over)(const void *context),
                           const void *context, uint64_t deadline)
{
        struct op op = { .m = m, .over = over, .context = context };
        return wait_for_it(&op, deadline);
}

int weft_mutex_lock(weft_mutex_t *mutex, uint64_t deadline)
{
        if (UNLIKELY(!mutex))
                return -EINVAL;
        struct weft_mutex_shared *sh = shared(mutex);
        const struct weft_agent *me = weft_handle_me(&mutex->handle);
        if (UNLIKELY(!me))
                return lock(mutex, deadline);
        uint64_t word = weft_load_rlx(&sh->word);
        if (LIKELY(!word && weft_cas_acq_rel(&sh->word, &word, me->sig))) /* [M] LP */
                return 0;
        return word == me->sig ? again(mutex) : lock(mutex, deadline);
}

int weft_mutex_trylock(weft_mutex_t *mutex)
{
        return weft_mutex_lock(mutex, WEFT_NOW);
}

int weft_mutex_held_once(const struct weft_mutex *m, const struct weft_agent *agent)
{
        struct weft_mutex_shared *sh = shared(m);
        uint64_t word = weft_load_rlx(&sh->word) & ~WEFT_MUTEX_INCONSISTENT;
        return word == agent->sig && !weft_load_rlx(&sh->depth) ? 0 : -EPERM;
}

/* All that is not as simple as it mostly is. */
static NOINLINE int unlock(weft_mutex_t *mutex)
{
        struct weft_agent *agent;
        int rc = weft_handle_enter(&mutex->handle, &agent);
        if (rc)
                return rc;
        struct weft_mutex_shared *sh = shared(mutex);
        uint64_t word = weft_load_rlx(&sh->word);
        if ((word & ~WEFT_MUTEX_INCONSISTENT) != agent->sig)
                return -EPERM;
        uint32_t depth = weft_load_rlx(&sh->depth);
        if (depth) {
                weft_store_rlx(&sh->depth, depth - 1);
                return 0;
        }
        if (UNLIKELY(word & WEFT_MUTEX_INCONSISTENT)) {
                (void)lose(mutex);
                return 0;
        }
        if (mutex->line && offer(mutex))
                return 0;
        (void)weft_swap_acq_rel(&sh->word, 0); /* [M] LP of unlock */
        if (mutex->line)
                weft_wait_signal(&sh->wait, INT32_MAX);
        else
                weft_wait_pass(&sh->wait);
        return 0;
}

/* Crash in unlock: before the LP the mutex is held, and recovery makes it INCONSISTENT;
 * after it, it is free, and who sleeps looks by himself. */
int weft_mutex_unlock(weft_mutex_t *mutex)
{
        if (UNLIKELY(!mutex))
                return -EINVAL;
        struct weft_mutex_shared *sh = shared(mutex);
        const struct weft_agent *me = weft_handle_me(&mutex->handle);
        if (UNLIKELY(!me || mutex->line || weft_load_rlx(&sh->word) != me->sig))
                return unlock(mutex);
        uint32_t depth = weft_load_rlx(&sh->depth);
        if (UNLIKELY(depth)) {
                weft_store_rlx(&sh->depth, depth - 1);
                return 0;
        }
        (void)weft_swap_acq_rel(&sh->word, 0); /* [M] LP of unlock */
        weft_wait_pass(&sh->wait);
        return 0;
}

int weft_mutex_consistent(weft_mutex_t *mutex)
{
        struct weft_agent *agent;
        if (!mutex)
                return -EINVAL;
        int rc = weft_handle_enter(&mutex->handle, &agent);
        if (rc)
                return rc;
        struct weft_mutex_shared *sh = shared(mutex);
        uint64_t word = weft_load_rlx(&sh->word);
        if ((word & ~WEFT_MUTEX_INCONSISTENT) != agent->sig)
                return -EPERM;
        if (!(word & WEFT_MUTEX_INCONSISTENT))
                return -EINVAL;
        (void)weft_swap_acq_rel(&sh->word, agent->sig); /* [M] LP of consistent */
        return 0;
}

int weft_mutex_reset(weft_mutex_t *mutex)
{
        struct weft_agent *agent;
        uint64_t lost = WEFT_MUTEX_LOST;
        if (!mutex)
                return -EINVAL;
        int rc = weft_handle_enter(&mutex->handle, &agent);
        if (rc)
                return rc;
        struct weft_mutex_shared *sh = shared(mutex);
        return weft_cas_acq_rel(&sh->word, &lost, 0) ? 0 : -EBUSY; /* [M] LP of reset */
}

void weft_mutex_on_death(weft_mutex_t *mutex, int (*recover)(void *context),
                         void *context)
{
        if (!mutex)
                return;
        mutex->on_death = recover;
        mutex->context = context;
}

/* ---- the dead ------------------------------------------------------------------ */

/* What agent `sig`, who does nothing any more, left: it goes to the first in line, if there
 * is a line. Crash in recover: the next one finds the word as it was, or as it is to be;
 * an offer to one who is not in line any more is void, and seen by all, who are woken. */
static void settle(weft_arena_t *arena, struct weft_mutex_shared *sh,
                   struct weft_line_shared *line, uint32_t sig)
{
        uint64_t word = weft_load_acq(&sh->word); /* [M] */
        while (weft_mutex_sig(word) == sig) {
                uint64_t left = word & WEFT_MUTEX_INCONSISTENT;
                uint32_t first = line ? weft_line_first(arena, line) : 0;
                if (!(word & WEFT_MUTEX_OFFERED)) {
                        left = WEFT_MUTEX_INCONSISTENT;
                        weft_store_rlx(&sh->depth, 0); /* no other can hold it yet */
                }
                if (first)
                        left |= WEFT_MUTEX_OFFERED | first;
                if (weft_cas_acq_rel(&sh->word, &word, left)) /* [M] */
                        return;
        }
}

static struct weft_line_shared *line_of(weft_arena_t *arena,
                                        const struct weft_mutex_shared *sh)
{
        weft_ref_t ref;
        weft_copy_out(&ref, &sh->line, sizeof ref);
        return ref.v ? weft_at(arena, ref, sizeof(struct weft_line_shared)) : NULL;
}

static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_mutex_shared *sh = o->sh;
        struct weft_line_shared *line = line_of(o->arena, sh);
        if (line)
                (void)weft_line_leave(line, sig);
        settle(o->arena, sh, line, sig);
        weft_wait_reset(&sh->wait);
        return 0;
}

/* ---- the kind --------------------------------------------------------------------- */

/* Does the header make sense? */
static int read_header(weft_arena_t *arena, const struct weft_mutex_shared *sh,
                       uint32_t *flags, struct weft_line_shared **line)
{
        weft_copy_out(flags, &sh->flags, sizeof *flags);
        *line = line_of(arena, sh);
        bool fair = *flags & WEFT_MUTEX_FAIR;
        if (*flags & ~(uint32_t)(WEFT_MUTEX_RECURSIVE | WEFT_MUTEX_FAIR) ||
            fair != (*line != NULL))
                return -EUCLEAN;
        return 0;
}

static int view(struct weft_handle *handle)
{
        struct weft_mutex *m = (struct weft_mutex *)handle;
        m->spin.calm = m->line ? 0 : SPIN_CALM; /* in line, it is one's turn */
        return read_header(handle->arena, shared(m), &m->flags, &m->line);
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_mutex_options *o = options;
        return ((const struct weft_mutex *)handle)->flags == o->flags;
}

bool weft_mutex_is_orphaned(const struct weft_mutex *m)
{
        return weft_load_acq(&shared(m)->word) == WEFT_MUTEX_INCONSISTENT; /* [M] */
}

static void fill_info(weft_arena_t *arena, const struct weft_mutex_shared *sh,
                      struct weft_mutex_info *info)
{
        uint64_t word = weft_load_acq(&sh->word); /* [M] */
        uint32_t sig = word & WEFT_MUTEX_OFFERED ? 0 : weft_mutex_sig(word);
        *info = (struct weft_mutex_info){
                .held = sig != 0,
                .holder_pid = sig ? weft_agent_pid(arena, sig) : 0,
                .depth = sig ? weft_load_rlx(&sh->depth) + 1 : 0,
                .inconsistent = (word & WEFT_MUTEX_INCONSISTENT) != 0,
                .lost = (word & WEFT_MUTEX_LOST) != 0,
                .waiting = weft_wait_waiters(&sh->wait),
        };
        weft_copy_out(&info->flags, &sh->flags, sizeof info->flags);
}

int weft_mutex_info(weft_mutex_t *mutex, struct weft_mutex_info *info)
{
        if (!mutex || !info)
                return -EINVAL;
        fill_info(mutex->handle.arena, shared(mutex), info);
        return 0;
}

static bool busy(struct weft_object *o)
{
        struct weft_mutex_info info;
        fill_info(o->arena, o->sh, &info);
        return info.held || info.waiting;
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        const struct weft_mutex_shared *sh = o->sh;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        struct weft_line_shared *line;
        uint32_t flags;
        weft_ref_t ref;
        int rc = read_header(o->arena, sh, &flags, &line);
        *bytes = sizeof *sh;
        if (rc || !line)
                return rc;
        weft_copy_out(&ref, &sh->line, sizeof ref);
        *bytes += weft_block_bytes(o->arena, ref);
        return weft_block_owner(o->arena, ref).v == owner.v ? 0 : -EUCLEAN;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_mutex_info i;
        struct weft_line_shared *line;
        size_t room = sizeof info->detail;
        if (read_header(o->arena, o->sh, &i.flags, &line)) {
                (void)snprintf(info->detail, room, "corrupt");
                return;
        }
        fill_info(o->arena, o->sh, &i);
        int n = i.lost   ? snprintf(info->detail, room, "not recoverable")
                : i.held ? snprintf(info->detail, room, "held by %u", i.holder_pid)
                         : snprintf(info->detail, room, "free");
        (void)snprintf(info->detail + n, room - (size_t)n, "%s%s%s, %u waiting",
                       i.inconsistent ? ", its holder died" : "",
                       i.flags & WEFT_MUTEX_RECURSIVE ? ", recursive" : "",
                       i.flags & WEFT_MUTEX_FAIR ? ", fair" : "", i.waiting);
}

static void destroy(struct weft_object *o)
{
        const struct weft_mutex_shared *sh = o->sh;
        if (sh->line.v)
                (void)weft_block_free_from(o->agent, sh->line,
                                           weft_owner_make(WEFT_OWNER_OBJECT, o->id));
}

/* Crash in create: the draft owns the blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_mutex_options *o = draft->options;
        struct weft_mutex_shared *sh = draft->sh;
        void *line;
        sh->flags = o->flags;
        if (!(o->flags & WEFT_MUTEX_FAIR))
                return 0;
        int rc = weft_draft_alloc(draft, sizeof(struct weft_line_shared), &sh->line,
                                  &line);
        if (!rc)
                memset(line, 0, sizeof(struct weft_line_shared));
        return rc;
}

/* ---- select ------------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        return c->op == WEFT_OP_LOCK ? &shared((struct weft_mutex *)handle)->wait : NULL;
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_mutex *m = (struct weft_mutex *)handle;
        (void)c;
        int rc = try_lock(m, agent);
        return rc ? rc : locked(m, agent);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct weft_mutex *m = (struct weft_mutex *)handle;
        uint64_t word = weft_load_acq(&shared(m)->word); /* [M] */
        (void)c;
        if (word & WEFT_MUTEX_LOST || is_for(m, word, agent->sig) ||
            weft_mutex_sig(word) == agent->sig) /* or it is told of that at once */
                return 0;
        return weft_agent_life(handle->arena, weft_mutex_sig(word)) == WEFT_GONE
                       ? 0
                       : -EAGAIN;
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

struct weft_kind weft_mutex_kind = {
        .name = "mutex",
        .id = WEFT_MUTEX_KIND_ID,
        .version = WEFT_MUTEX_FORMAT,
        .header_bytes = sizeof(struct weft_mutex_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_mutex),
        .view = view,
        .fits = fits,
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&weft_mutex_kind);
}

/* ---- create, open, close ------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_mutex_options *options, bool or_open,
                weft_mutex_t **mutex)
{
        static const struct weft_mutex_options none;
        const uint32_t known = WEFT_MUTEX_RECURSIVE | WEFT_MUTEX_FAIR;
        if (!options)
                options = &none;
        if (!mutex || options->flags & ~known || options->reserved)
                return -EINVAL;
        return weft_handle_create(arena, name, &weft_mutex_kind, options, init, or_open,
                                  mutex);
}

int weft_mutex_create(weft_arena_t *arena, const char *name,
                      const struct weft_mutex_options *options, weft_mutex_t **mutex)
{
        return make(arena, name, options, false, mutex);
}

int weft_mutex_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_mutex_options *options,
                              weft_mutex_t **mutex)
{
        return make(arena, name, options, true, mutex);
}

int weft_mutex_open(weft_arena_t *arena, const char *name, weft_mutex_t **mutex)
{
        return mutex ? weft_handle_open(arena, name, &weft_mutex_kind, mutex) : -EINVAL;
}

void weft_mutex_close(weft_mutex_t *mutex)
{
        weft_handle_close(mutex);
}
