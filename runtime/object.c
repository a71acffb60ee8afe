/* runtime/object.c -- objects: create, open, close, remove, settle. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/block.h"
#include "runtime/object_internal.h"

/* ---- kinds --------------------------------------------------------------- */

static struct weft_kind *kinds;

/* From constructors only: before there are threads. */
void weft_kind_register(struct weft_kind *kind)
{
        kind->next = kinds;
        kinds = kind;
}

struct weft_kind *weft_kind_of(uint32_t id)
{
        struct weft_kind *k = kinds;
        while (k && k->id != id)
                k = k->next;
        return k;
}

struct weft_kind *weft_entry_kind(const struct weft_entry_shared *e)
{
        uint32_t id, version;
        weft_copy_out(&id, &e->kind, sizeof id);
        weft_copy_out(&version, &e->version, sizeof version);
        for (struct weft_kind *k = kinds; k; k = k->next)
                if (k->id == id && k->version == version)
                        return k;
        return NULL;
}

/* Somebody gives an object a block that its kind does not know of. */
void weft_object_given(weft_arena_t *arena, weft_owner_t owner)
{
        uint32_t index = weft_owner_whom(owner) & 0xffff;
        if (index < weft_entries_ready(arena))
                weft_store_rlx(&weft_entry_at(arena, index)->given, 1);
}

static weft_owner_t owner_of(uint32_t id)
{
        return weft_owner_make(WEFT_OWNER_OBJECT, id);
}

void *weft_entry_header(weft_arena_t *arena, const struct weft_entry_shared *e,
                        const struct weft_kind *kind)
{
        weft_ref_t ref = { weft_load_acq(&e->header) }; /* [S] */
        return weft_at(arena, ref, kind->header_bytes);
}

static bool same_life(uint64_t a, uint64_t b)
{
        return weft_state_incarnation(a) == weft_state_incarnation(b);
}

/* ---- freeing what was removed --------------------------------------------- */

/*
 * The entry is RECLAIMED by agent->sig: nobody has it open, nobody can open it. Frees it.
 * Crash in free: the signature stays, and who settles the dead calls this again; freed
 * blocks are noticed by their refs.
 */
static void free_object(struct weft_agent *agent, uint32_t index, uint64_t state)
{
        weft_arena_t *arena = agent->arena;
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        struct weft_kind *kind = weft_entry_kind(e);
        uint32_t id = weft_entry_id(index, state);
        struct weft_object o = { .arena = arena, .agent = agent, .id = id };

        if (!(weft_load_rlx(&e->flags) & WEFT_ENTRY_ANONYMOUS))
                weft_chain_clean(arena, e->hash); /* nobody finds it there any more */
        o.sh = kind ? weft_entry_header(arena, e, kind) : NULL;
        if (o.sh)
                kind->destroy(&o);
        if (!o.sh || weft_load_rlx(&e->given))
                weft_block_free_all(agent, owner_of(id));
        weft_ref_t header = { weft_load_acq(&e->header) }; /* [S] */
        (void)weft_block_free_from(agent, header, owner_of(id));
        weft_store_rlx(&e->header, 0);
        weft_store_rel(
                &e->state, /* [S] LP of free */
                weft_state_make(weft_state_incarnation(state), 0, WEFT_ENTRY_FREE));
}

static uint64_t with_what(uint64_t state, uint32_t sig, enum weft_entry_what what)
{
        return weft_state_make(weft_state_incarnation(state), sig, what);
}

/* Does it go when nobody has it open? Flags that are another life's make the CAS fail. */
static bool goes_unused(const struct weft_entry_shared *e, uint64_t state)
{
        switch (weft_state_what(state)) {
        case WEFT_ENTRY_REMOVED:
        case WEFT_ENTRY_DOOMED:
        case WEFT_ENTRY_FADING:
                return true;
        case WEFT_ENTRY_LIVE:
                return weft_load_rlx(&e->flags) & WEFT_ENTRY_TRANSIENT;
        default:
                return false;
        }
}

/* On its way out, signed; and back again. */
static uint64_t going(uint64_t state, uint32_t sig)
{
        return with_what(state, sig,
                         weft_state_is_there(state) ? WEFT_ENTRY_FADING
                                                    : WEFT_ENTRY_DOOMED);
}

static uint64_t kept(uint64_t state)
{
        return with_what(state, 0,
                         weft_state_is_there(state) ? WEFT_ENTRY_LIVE
                                                    : WEFT_ENTRY_REMOVED);
}

/*
 * Called by whoever may have been the last to know an object. One that is going already is
 * taken over: who began may be stopped, and his CAS fails then.
 * Crash in free_if_unused: DOOMED or FADING by the dead: who settles him calls this again.
 */
void weft_entry_free_if_unused(struct weft_agent *agent, uint32_t index)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        uint64_t state = weft_load_acq(&e->state); /* [S] */

        while (goes_unused(e, state) && !weft_entry_pins(e)) {
                uint64_t doomed = going(state, agent->sig);
                if (!weft_cas_acq_rel(&e->state, &state, doomed)) /* [S] */
                        return; /* somebody else sees to it */
                state = doomed;
                if (!weft_entry_pins(e)) {
                        uint64_t ours =
                                with_what(state, agent->sig, WEFT_ENTRY_RECLAIMED);
                        if (weft_cas_acq_rel(&e->state, &state, ours)) /* [S] */
                                free_object(agent, index, ours);
                        return; /* or kept alive by one who pins it: he will free it */
                }
                /* Pinned in between: put it back, and look again, for that one may have
                 * gone meanwhile and left the freeing to us. */
                uint64_t back = kept(state);
                if (weft_cas_acq_rel(&e->state, &state, back)) /* [S] */
                        state = back;
        }
}

/* ---- handles ------------------------------------------------------------- */

static void touch(struct weft_agent *agent, uint32_t index)
{
        (void)weft_or_acq_rel(&agent->touched[index / 64], /* [P] */
                              UINT64_C(1) << index % 64);
}

static void untouch(struct weft_agent *agent, uint32_t index)
{
        (void)weft_and_acq_rel(&agent->touched[index / 64], /* [P] */
                               ~(UINT64_C(1) << index % 64));
}

bool weft_entry_touched(const struct weft_agent *agent, uint32_t index)
{
        return weft_load_rlx(&agent->touched[index / 64]) >> index % 64 & 1;
}

static bool is_going(uint64_t state)
{
        return weft_state_what(state) == WEFT_ENTRY_DOOMED ||
               weft_state_what(state) == WEFT_ENTRY_FADING;
}

/* The caller has pinned it: it does not go. What it is then, or has become meanwhile. */
static uint64_t undoom(struct weft_entry_shared *e, uint64_t state)
{
        uint64_t back = kept(state);
        return weft_cas_acq_rel(&e->state, &state, back) ? back : state; /* [S] */
}

/* Is this life of the object there, for those who have it open? Undooms it. The caller has
 * pinned it. */
static bool still_there(const struct weft_handle *handle, uint32_t index)
{
        struct weft_entry_shared *e = weft_entry_at(handle->arena, index);
        uint64_t state = weft_load_acq(&e->state); /* [S] */
        while (weft_entry_id(index, state) == handle->id) {
                enum weft_entry_what what = weft_state_what(state);
                if (what == WEFT_ENTRY_LIVE || what == WEFT_ENTRY_REMOVED)
                        return true;
                if (!is_going(state))
                        return false;
                state = undoom(e, state);
        }
        return false;
}

/* A further agent of a process that has the object open; `me` is the caller's own. */
int weft_handle_pin(struct weft_handle *handle, struct weft_agent *agent,
                    struct weft_agent *me)
{
        uint32_t index = handle->index; /* once: it may be stranded meanwhile */
        if (index >= handle->arena->geo.entries)
                return -ENOENT; /* found gone once: see pin_open_handles() */
        struct weft_entry_shared *e = weft_entry_at(handle->arena, index);
        if (weft_entry_touched(agent, index))
                return 0;
        weft_entry_pin(e, agent->index);
        if (still_there(handle, index)) {
                touch(agent, index);
                return 0;
        }
        weft_entry_unpin(e, agent->index);
        weft_entry_free_if_unused(me, index);
        return -ENOENT;
}

/* Its object has gone: it gets an index that nobody ever touches, so every use is told. */
void weft_handle_strand(struct weft_handle *handle)
{
        handle->index = handle->arena->geo.entries;
        for (struct weft_handle *part = handle->parts; part; part = part->next)
                weft_handle_strand(part);
}

/* The registry is locked, and stays so from the pin to here: a sibling that closes another
 * handle of this object sees this one, or is done before the pin.
 *
 * [edge] There may be a handle of what was in this entry before: its pin has gone with a thread
 * that vanished without a word, so nobody here knew that it had to be looked for. */
static void hold(struct weft_handle *handle)
{
        struct weft_handle **first = &handle->arena->handles;
        for (struct weft_handle *h = *first; h; h = h->next)
                if (h->index == handle->index && h->id != handle->id)
                        weft_handle_strand(h);
        handle->next = *first;
        handle->from = first;
        if (*first)
                (*first)->from = &handle->next;
        *first = handle;
}

static int fill_handle(weft_arena_t *arena, struct weft_kind *kind, uint32_t index,
                       uint64_t state, struct weft_handle *handle)
{
        const struct weft_entry_shared *e = weft_entry_at(arena, index);
        if (weft_entry_kind(e) != kind)
                return -EPROTO;
        *handle = (struct weft_handle){
                .arena = arena,
                .kind = kind,
                .sh = weft_entry_header(arena, e, kind),
                .id = weft_entry_id(index, state),
                .index = index,
        };
        return handle->sh ? 0 : -EUCLEAN;
}

/* Read-only: no seat, no pin; what it reads, it checks. */
static int open_unpinned(weft_arena_t *arena, uint32_t index, uint64_t state,
                         struct weft_kind *kind, struct weft_handle *handle)
{
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        weft_registry_lock();
        int rc = fill_handle(arena, kind, index, state, handle);
        if (rc && weft_load_acq(&e->state) != state) /* [S] */
                rc = -ENOENT;                        /* freed meanwhile */
        if (!rc)
                hold(handle);
        weft_registry_unlock();
        return rc;
}

/* Pins first, then looks whether it is still there: object_shared.h. */
static int open_entry(weft_arena_t *arena, struct weft_agent *agent, uint32_t index,
                      uint64_t state, struct weft_kind *kind, struct weft_handle *handle)
{
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        int rc = 0;

        weft_registry_lock();
        bool had = weft_entry_touched(agent, index);
        weft_entry_pin(e, agent->index);
        uint64_t now = weft_load_acq(&e->state); /* [S] LP of open */
        while (same_life(now, state) && weft_state_what(now) == WEFT_ENTRY_FADING)
                now = undoom(e, now); /* or this, of one that was about to go */
        if (!same_life(now, state) || weft_state_what(now) != WEFT_ENTRY_LIVE)
                rc = now == state ? -EUCLEAN : -ENOENT; /* it was found: it was there */
        if (!rc)
                rc = fill_handle(arena, kind, index, now, handle);
        if (!rc) {
                touch(agent, index);
                hold(handle);
        } else if (!had) {
                weft_entry_unpin(e, agent->index);
        }
        weft_registry_unlock();
        if (rc)
                weft_entry_free_if_unused(agent, index);
        return rc;
}

int weft_object_open(weft_arena_t *arena, const char *name, struct weft_kind *kind,
                     struct weft_handle *handle)
{
        struct weft_agent *agent = NULL;
        struct weft_name n;
        uint32_t index;
        uint64_t state, head;

        if (!arena)
                return -EINVAL;
        int rc = weft_name_make(name, &n);
        if (!rc && !arena->readonly)
                rc = weft_agent_self(arena, &agent);
        if (!rc)
                rc = weft_entry_find(arena, &n, &index, &state, &head);
        if (rc)
                return rc;
        return agent ? open_entry(arena, agent, index, state, kind, handle)
                     : open_unpinned(arena, index, state, kind, handle);
}

int weft_object_open_token(weft_arena_t *arena, uint64_t token, struct weft_kind *kind,
                           struct weft_handle *handle)
{
        struct weft_agent *agent = NULL;
        uint32_t index = token & 0xffff;
        if (!arena)
                return -EINVAL;
        int rc = arena->readonly ? 0 : weft_agent_self(arena, &agent);
        if (rc)
                return rc;
        if (index >= weft_entries_ready(arena))
                return -ENOENT;
        uint64_t state = weft_load_acq(&weft_entry_at(arena, index)->state); /* [S] */
        if (weft_entry_token(index, state) != token || !weft_state_is_there(state))
                return -ENOENT;
        return agent ? open_entry(arena, agent, index, state, kind, handle)
                     : open_unpinned(arena, index, state, kind, handle);
}

uint64_t weft_object_token(const struct weft_handle *handle)
{
        uint32_t index =
                handle->id & 0xffff; /* this life does not end while it is open */
        const struct weft_entry_shared *e = weft_entry_at(handle->arena, index);
        return weft_entry_token(index, weft_load_acq(&e->state)); /* [S] */
}

/* Settles and unpins one of this process's agents, `of`, for an object that is closed. A
 * thread may have vanished without a word (a bare exit system call); then it is settled as
 * the dead are, if it has not been, and its seat may be somebody else's by now. */
static void let_go(struct weft_agent *me, struct weft_agent *of,
                   struct weft_handle *handle)
{
        if (!weft_entry_touched(of, handle->index))
                return;
        if (of != me && !weft_agent_lives(of)) {
                untouch(of, handle->index);
                return;
        }
        struct weft_object o = { handle->arena, me, handle->id, handle->sh };
        (void)handle->kind->recover(&o, of->sig);
        untouch(of, handle->index);
        weft_entry_unpin(weft_entry_at(handle->arena, handle->index), of->index);
}

/* Takes the handle off the list; true if it was the last of its object. */
static bool let_handle_go(struct weft_handle *handle)
{
        *handle->from = handle->next;
        if (handle->next)
                handle->next->from = handle->from;
        for (struct weft_handle *h = handle->arena->handles; h; h = h->next)
                if (h->id == handle->id)
                        return false;
        return true;
}

/* Needs a seat to act, if anybody here has pinned the object. If there is none to be had
 * the pins go when their agents do. */
void weft_object_close(struct weft_handle *handle)
{
        weft_arena_t *arena = handle->arena;
        struct weft_agent *me = NULL;
        bool seatless = false;

        weft_registry_lock();
        while (arena->agents && !me && !seatless) {
                weft_registry_unlock();
                seatless = weft_agent_self(arena, &me) != 0;
                weft_registry_lock();
        }
        bool act = let_handle_go(handle) && me && handle->index < arena->geo.entries;
        for (struct weft_agent *a = arena->agents; a && act; a = a->next)
                let_go(me, a, handle);
        weft_registry_unlock();
        if (act)
                weft_entry_free_if_unused(me, handle->index);
}

/* ---- create -------------------------------------------------------------- */

int weft_draft_alloc(struct weft_draft *draft, uint64_t bytes, weft_ref_t *ref, void **at)
{
        int rc = weft_block_alloc(draft->arena, bytes, ref, at);
        if (rc)
                return rc;
        return weft_block_pass(draft->arena, *ref,
                               weft_owner_make(WEFT_OWNER_AGENT, draft->agent->sig),
                               draft->owner);
}

/* Undoes what CLAIMED `state` began: blocks of the object to be, and the entry. Repeatable. */
static void undo_draft(struct weft_agent *agent, uint32_t index, uint64_t state)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        weft_entry_unpin(e, agent->index);
        weft_block_free_all(agent, owner_of(weft_entry_id(index, state)));
        weft_store_rlx(&e->header, 0);
        weft_store_rel(
                &e->state, /* [S] */
                weft_state_make(weft_state_incarnation(state), 0, WEFT_ENTRY_FREE));
}

/* What is to be made. */
struct wish {
        struct weft_name name; /* nothing: anonymous */
        struct weft_kind *kind;
        const void *options;
        int (*init)(struct weft_draft *draft);
        uint32_t flags; /* WEFT_ENTRY_... */
};

static int draft(struct weft_agent *agent, const struct wish *w, uint32_t index,
                 uint64_t state)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        struct weft_draft d = {
                .arena = agent->arena,
                .agent = agent,
                .owner = owner_of(weft_entry_id(index, state)),
                .options = w->options,
        };
        const struct weft_kind *kind = w->kind;
        const struct weft_name *n = &w->name;
        weft_ref_t header;

        char name[sizeof e->name] = { 0 };
        if (n->length)
                memcpy(name, n->bytes, n->length);
        /* Who is late in looking at the entry's earlier life may be reading it now. */
        weft_copy_in(&e->kind, &kind->id, sizeof e->kind);
        weft_copy_in(&e->version, &kind->version, sizeof e->version);
        weft_store_rlx(&e->given, 0);
        weft_store_rlx(&e->flags, w->flags);
        weft_copy_in(&e->hash, &n->hash, sizeof e->hash);
        weft_copy_in(&e->name_bytes, &n->length, sizeof e->name_bytes);
        weft_copy_in(e->name, name, n->length ? sizeof e->name : 1);
        int rc = weft_draft_alloc(&d, kind->header_bytes, &header, &d.sh);
        if (rc)
                return rc;
        memset(d.sh, 0, kind->header_bytes);
        weft_store_rel(&e->header, header.v); /* [S] */
        rc = w->init(&d);
        if (!rc)
                weft_entry_pin(e, agent->index);
        return rc;
}

/* Has somebody the name? What nobody has open and goes then has not: it is helped. */
static bool is_taken(struct weft_agent *agent, const struct weft_name *n, uint64_t *head)
{
        uint32_t index;
        uint64_t state;
        if (weft_entry_find(agent->arena, n, &index, &state, head))
                return false;
        const struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        if (!goes_unused(e, state) || weft_entry_pins(e))
                return true;
        weft_entry_free_if_unused(agent, index);
        return weft_entry_find(agent->arena, n, &index, &state, head) == 0;
}

/* Searches and inserts until the one or the other is done: 0, or -EEXIST. */
static int insert(struct weft_agent *agent, const struct weft_name *n, uint32_t index,
                  uint64_t state)
{
        uint64_t head;
        do {
                if (is_taken(agent, n, &head))
                        return -EEXIST;
        } while (weft_entry_insert(agent->arena, index, state, head) == -EAGAIN);
        return 0;
}

static int publish(struct weft_agent *agent, const struct wish *w, uint32_t index,
                   uint64_t state)
{
        if (w->name.length)
                return insert(agent, &w->name, index, state);
        (void)weft_entry_help_live(weft_entry_at(agent->arena, index), state); /* LP */
        return 0;
}

/*
 * Crash in create: the entry names us in CLAIMED. If it is in its chain the object was
 * made and is whole; if not, whoever settles us undoes the draft.
 */
static int create(struct weft_agent *agent, const struct wish *w,
                  struct weft_handle *handle)
{
        weft_arena_t *arena = agent->arena;
        uint32_t index;
        uint64_t state, head;

        if (w->name.length && is_taken(agent, &w->name, &head))
                return -EEXIST; /* before the work, not instead of the check below */
        int rc = weft_entry_claim(agent, &index, &state);
        if (rc)
                return rc;
        rc = draft(agent, w, index, state);
        if (!rc)
                rc = publish(agent, w, index, state);
        if (rc) {
                undo_draft(agent, index, state);
                return rc;
        }
        weft_registry_lock();
        touch(agent, index);
        rc = fill_handle(arena, w->kind, index, state, handle);
        if (!rc)
                hold(handle);
        weft_registry_unlock();
        return rc;
}

int weft_object_create(weft_arena_t *arena, const char *name, struct weft_kind *kind,
                       const void *options, int (*init)(struct weft_draft *draft),
                       uint32_t flags, struct weft_handle *handle)
{
        struct weft_agent *agent;
        struct wish w = { .kind = kind, .options = options, .init = init };
        if (!arena)
                return -EINVAL;
        if (flags & WEFT_OBJECT_ANONYMOUS)
                w.flags = WEFT_ENTRY_TRANSIENT | WEFT_ENTRY_ANONYMOUS;
        else if (flags & WEFT_OBJECT_TRANSIENT)
                w.flags = WEFT_ENTRY_TRANSIENT;
        int rc = flags & WEFT_OBJECT_ANONYMOUS ? 0 : weft_name_make(name, &w.name);
        if (!rc)
                rc = weft_agent_self(arena, &agent);
        if (rc == -EROFS && flags & WEFT_OBJECT_OR_OPEN) { /* one of both is possible */
                rc = weft_object_open(arena, name, kind, handle);
                return !rc ? 1 : rc == -ENOENT ? -EROFS : rc;
        }
        while (!rc) {
                rc = create(agent, &w, handle);
                if (rc != -EEXIST || !(flags & WEFT_OBJECT_OR_OPEN))
                        return rc;
                rc = weft_object_open(arena, name, kind, handle);
                if (rc != -ENOENT)
                        return rc ? rc : 1;
                rc = 0; /* removed in between: make it then */
        }
        return rc;
}

/* ---- remove -------------------------------------------------------------- */

/* Is an object in use in a way that its kind protects? The dead do not count. */
static bool is_busy(struct weft_agent *agent, uint32_t index, uint64_t state)
{
        weft_arena_t *arena = agent->arena;
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        struct weft_kind *kind = weft_entry_kind(e);
        if (!kind || !kind->busy)
                return false;
        bool ours = weft_entry_hold(agent, index), busy = false;
        if (weft_entry_is_there(e, state)) {
                struct weft_object o = { arena, agent, weft_entry_id(index, state),
                                         weft_entry_header(arena, e, kind) };
                WEFT_IGNORE_READS_BEGIN();
                busy = o.sh && kind->busy(&o);
                if (busy && weft_agents_settle(arena, NULL))
                        busy = kind->busy(&o);
                WEFT_IGNORE_READS_END();
        }
        weft_entry_let_go(agent, index, ours);
        return busy;
}

/* Crash in remove: after LP the name is gone; the memory goes with the last pin, or when
 * the dead is settled. */
int weft_object_remove(weft_arena_t *arena, const char *name)
{
        struct weft_agent *agent;
        struct weft_name n;
        uint32_t index;
        uint64_t state, head;

        if (!arena)
                return -EINVAL;
        int rc = weft_name_make(name, &n);
        if (!rc)
                rc = weft_agent_self(arena, &agent);
        while (!rc) {
                rc = weft_entry_find(arena, &n, &index, &state, &head);
                if (rc)
                        return rc;
                if (is_busy(agent, index, state))
                        return -EBUSY;
                struct weft_entry_shared *e = weft_entry_at(arena, index);
                uint64_t gone = weft_state_make(weft_state_incarnation(state), 0,
                                                WEFT_ENTRY_REMOVED);
                if (weft_cas_acq_rel(&e->state, &state, gone)) { /* [S] LP of remove */
                        weft_chain_clean(arena, n.hash);
                        weft_entry_free_if_unused(agent, index);
                        return 0;
                }
        }
        return rc;
}

/* ---- settling an agent ---------------------------------------------------- */

static int settle_pinned(struct weft_agent *agent, uint32_t index, uint64_t state)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        while (is_going(state)) /* who began may not have seen this pin */
                state = undoom(e, state);
        if (weft_state_what(state) == WEFT_ENTRY_LIVE ||
            weft_state_what(state) == WEFT_ENTRY_REMOVED) {
                struct weft_kind *kind = weft_entry_kind(e);
                if (!kind)
                        return -EPROTO;
                struct weft_object o = {
                        .arena = agent->arena,
                        .agent = agent,
                        .id = weft_entry_id(index, state),
                        .sh = weft_entry_header(agent->arena, e, kind),
                };
                if (o.sh)
                        (void)kind->recover(&o,
                                            agent->sig); /* corrupt: nothing to save */
        }
        weft_entry_unpin(e, agent->index);
        return 0;
}

static int settle_entry(struct weft_agent *agent, uint32_t index)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        uint64_t state = weft_load_acq(&e->state); /* [S] */
        bool ours = weft_state_sig(state) == agent->sig;
        int rc = 0;

        if (ours && weft_state_what(state) == WEFT_ENTRY_CLAIMED) {
                /* Not in its chain, and still CLAIMED afterwards: it never was, for only
                 * he could have put it there. */
                bool linked = weft_entry_linked(agent->arena, index, state);
                uint64_t now = weft_load_acq(&e->state); /* [S] */
                if (!linked && now == state) {
                        undo_draft(agent, index, state);
                        return 0;
                }
                state = now;
        } else if (ours && weft_state_what(state) == WEFT_ENTRY_RECLAIMED) {
                weft_entry_unpin(e, agent->index);
                free_object(agent, index, state);
                return 0;
        }
        if (weft_entry_pinned_by(e, agent->index))
                rc = settle_pinned(agent, index, state);
        if (!rc)
                weft_entry_free_if_unused(agent,
                                          index); /* also what a closer left, who died */
        return rc;
}

/* Crash in settle: every entry is settled by what it says; so it is begun again. */
int weft_objects_settle(struct weft_agent *agent)
{
        uint32_t n = weft_entries_ready(agent->arena);
        int rc = 0;
        for (uint32_t i = 0; i < n; i++) {
                int one = settle_entry(agent, i);
                rc = rc ? rc : one;
        }
        return rc;
}
