/* runtime/object.c -- objects: create, open, close, remove, settle. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/block.h"
#include "runtime/object_table.h"

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

static struct weft_kind *kind_of(const struct weft_entry_shared *e)
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

static void *header_at(weft_arena_t *arena, const struct weft_entry_shared *e,
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
        struct weft_kind *kind = kind_of(e);
        uint32_t id = weft_entry_id(index, state);
        struct weft_object o = { .arena = arena, .agent = agent, .id = id };

        weft_chain_clean(arena, e->hash); /* nobody finds it in its chain any more */
        o.sh = kind ? header_at(arena, e, kind) : NULL;
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

/*
 * Called by whoever may have been the last to know a removed object. A DOOMED one is taken
 * over: its doomer may be stopped, and his CAS fails then.
 * Crash in free_if_unused: DOOMED by the dead: who settles him calls this again.
 */
static void free_if_unused(struct weft_agent *agent, uint32_t index)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        uint64_t state = weft_load_acq(&e->state); /* [S] */

        while ((weft_state_what(state) == WEFT_ENTRY_REMOVED ||
                weft_state_what(state) == WEFT_ENTRY_DOOMED) &&
               !weft_entry_pins(e)) {
                uint64_t doomed = with_what(state, agent->sig, WEFT_ENTRY_DOOMED);
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
                uint64_t removed = with_what(state, 0, WEFT_ENTRY_REMOVED);
                if (weft_cas_acq_rel(&e->state, &state, removed)) /* [S] */
                        state = removed;
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

static bool touches(const struct weft_agent *agent, uint32_t index)
{
        return weft_load_rlx(&agent->touched[index / 64]) >> index % 64 & 1;
}

/* Is this life of the object there, for those who have it open? Undooms it. The caller has
 * pinned it. */
static bool still_there(struct weft_handle *handle)
{
        struct weft_entry_shared *e = weft_entry_at(handle->arena, handle->index);
        uint64_t state = weft_load_acq(&e->state); /* [S] */
        while (weft_entry_id(handle->index, state) == handle->id) {
                enum weft_entry_what what = weft_state_what(state);
                if (what == WEFT_ENTRY_LIVE || what == WEFT_ENTRY_REMOVED)
                        return true;
                if (what != WEFT_ENTRY_DOOMED)
                        return false;
                uint64_t removed = with_what(state, 0, WEFT_ENTRY_REMOVED);
                if (weft_cas_acq_rel(&e->state, &state, removed)) /* [S] */
                        return true;
        }
        return false;
}

/* A further agent of a process that has the object open; `me` is the caller's own. */
int weft_handle_pin(struct weft_handle *handle, struct weft_agent *agent,
                    struct weft_agent *me)
{
        if (handle->index >= handle->arena->geo.entries)
                return -ENOENT; /* found gone once: see pin_open_handles() */
        struct weft_entry_shared *e = weft_entry_at(handle->arena, handle->index);
        if (touches(agent, handle->index))
                return 0;
        weft_entry_pin(e, agent->index);
        if (still_there(handle)) {
                touch(agent, handle->index);
                return 0;
        }
        weft_entry_unpin(e, agent->index);
        free_if_unused(me, handle->index);
        return -ENOENT;
}

/* The registry is locked, and stays so from the pin to here: a sibling that closes another
 * handle of this object sees this one, or is done before the pin. */
static void hold(struct weft_handle *handle)
{
        handle->next = handle->arena->handles;
        handle->arena->handles = handle;
}

static int fill_handle(weft_arena_t *arena, struct weft_kind *kind, uint32_t index,
                       uint64_t state, struct weft_handle *handle)
{
        const struct weft_entry_shared *e = weft_entry_at(arena, index);
        if (kind_of(e) != kind)
                return -EPROTO;
        *handle = (struct weft_handle){
                .arena = arena,
                .kind = kind,
                .sh = header_at(arena, e, kind),
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
        bool had = touches(agent, index);
        weft_entry_pin(e, agent->index);
        uint64_t now = weft_load_acq(&e->state); /* [S] LP of open */
        if (!same_life(now, state) || weft_state_what(now) != WEFT_ENTRY_LIVE)
                rc = now == state ? -EUCLEAN : -ENOENT; /* it was found: it was LIVE */
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
                free_if_unused(agent, index);
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

/* Settles and unpins one of this process's agents, `of`, for an object that is closed. A
 * thread may have vanished without a word (a bare exit system call); then it is settled as
 * the dead are, if it has not been, and its seat may be somebody else's by now. */
static void let_go(struct weft_agent *me, struct weft_agent *of,
                   struct weft_handle *handle)
{
        if (!touches(of, handle->index))
                return;
        if (of != me && weft_agent_life(handle->arena, of->sig) == WEFT_GONE) {
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
        bool last = true;
        for (struct weft_handle **at = &handle->arena->handles; *at; at = &(*at)->next)
                if (*at == handle) {
                        *at = handle->next;
                        break;
                }
        for (struct weft_handle *h = handle->arena->handles; h; h = h->next)
                last &= h->id != handle->id;
        return last;
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
                free_if_unused(me, handle->index);
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

static int draft(struct weft_agent *agent, const struct weft_name *n,
                 struct weft_kind *kind, const void *options,
                 int (*init)(struct weft_draft *draft), uint32_t index, uint64_t state)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        struct weft_draft d = {
                .arena = agent->arena,
                .agent = agent,
                .owner = owner_of(weft_entry_id(index, state)),
                .options = options,
        };
        weft_ref_t header;

        char name[sizeof e->name] = { 0 };
        memcpy(name, n->bytes, n->length);
        /* Who is late in looking at the entry's earlier life may be reading it now. */
        weft_copy_in(&e->kind, &kind->id, sizeof e->kind);
        weft_copy_in(&e->version, &kind->version, sizeof e->version);
        weft_store_rlx(&e->given, 0);
        weft_copy_in(&e->hash, &n->hash, sizeof e->hash);
        weft_copy_in(&e->name_bytes, &n->length, sizeof e->name_bytes);
        weft_copy_in(e->name, name, sizeof e->name);
        int rc = weft_draft_alloc(&d, kind->header_bytes, &header, &d.sh);
        if (rc)
                return rc;
        memset(d.sh, 0, kind->header_bytes);
        weft_store_rel(&e->header, header.v); /* [S] */
        rc = init(&d);
        if (!rc)
                weft_entry_pin(e, agent->index);
        return rc;
}

/* Searches and inserts until the one or the other is done: 0, or 1 if it is there. */
static int insert(weft_arena_t *arena, const struct weft_name *n, uint32_t index,
                  uint64_t state, uint32_t *there, uint64_t *there_state)
{
        uint64_t head;
        do {
                if (weft_entry_find(arena, n, there, there_state, &head) == 0)
                        return 1;
        } while (weft_entry_insert(arena, index, state, head) == -EAGAIN);
        return 0;
}

/*
 * Crash in create: the entry names us in CLAIMED. If it is in its chain the object was
 * made and is whole; if not, whoever settles us undoes the draft.
 */
static int create(struct weft_agent *agent, const struct weft_name *n,
                  struct weft_kind *kind, const void *options,
                  int (*init)(struct weft_draft *draft), struct weft_handle *handle)
{
        weft_arena_t *arena = agent->arena;
        uint32_t index, there;
        uint64_t state, head, there_state;

        if (weft_entry_find(arena, n, &there, &there_state, &head) == 0)
                return -EEXIST; /* before the work, not instead of the check below */
        int rc = weft_entry_claim(agent, &index, &state);
        if (rc)
                return rc;
        rc = draft(agent, n, kind, options, init, index, state);
        if (!rc && insert(arena, n, index, state, &there, &there_state))
                rc = -EEXIST;
        if (rc) {
                undo_draft(agent, index, state);
                return rc;
        }
        weft_registry_lock();
        touch(agent, index);
        rc = fill_handle(arena, kind, index, state, handle);
        if (!rc)
                hold(handle);
        weft_registry_unlock();
        return rc;
}

int weft_object_create(weft_arena_t *arena, const char *name, struct weft_kind *kind,
                       const void *options, int (*init)(struct weft_draft *draft),
                       bool or_open, struct weft_handle *handle)
{
        struct weft_agent *agent;
        struct weft_name n;
        if (!arena)
                return -EINVAL;
        int rc = weft_name_make(name, &n);
        if (!rc)
                rc = weft_agent_self(arena, &agent);
        while (!rc) {
                rc = create(agent, &n, kind, options, init, handle);
                if (rc != -EEXIST || !or_open)
                        return rc;
                rc = weft_object_open(arena, name, kind, handle);
                if (rc != -ENOENT)
                        return rc ? rc : 1;
                rc = 0; /* removed in between: make it then */
        }
        return rc;
}

/* ---- remove -------------------------------------------------------------- */

/* Keeps an object as it is while it is looked at: pins it, if this agent has not. */
static bool hold_still(struct weft_agent *agent, uint32_t index)
{
        if (!agent)
                return false; /* read-only: what it reads, it checks */
        bool ours = !touches(agent, index);
        if (ours)
                weft_entry_pin(weft_entry_at(agent->arena, index), agent->index);
        weft_read_begin(agent);
        return ours;
}

static void let_move(struct weft_agent *agent, uint32_t index, bool ours)
{
        if (!agent)
                return;
        weft_read_end(agent);
        if (ours) {
                weft_entry_unpin(weft_entry_at(agent->arena, index), agent->index);
                free_if_unused(agent, index);
        }
}

/* Is a LIVE object in use in a way that its kind protects? The dead do not count. */
static bool is_busy(struct weft_agent *agent, uint32_t index, uint64_t state)
{
        weft_arena_t *arena = agent->arena;
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        struct weft_kind *kind = kind_of(e);
        if (!kind || !kind->busy)
                return false;
        bool ours = hold_still(agent, index), busy = false;
        if (weft_load_acq(&e->state) == state) { /* [S] */
                struct weft_object o = { arena, agent, weft_entry_id(index, state),
                                         header_at(arena, e, kind) };
                WEFT_IGNORE_READS_BEGIN();
                busy = o.sh && kind->busy(&o);
                if (busy && weft_agents_settle(arena, NULL))
                        busy = kind->busy(&o);
                WEFT_IGNORE_READS_END();
        }
        let_move(agent, index, ours);
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
                        free_if_unused(agent, index);
                        return 0;
                }
        }
        return rc;
}

/* ---- settling an agent ---------------------------------------------------- */

static int settle_pinned(struct weft_agent *agent, uint32_t index, uint64_t state)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        enum weft_entry_what what = weft_state_what(state);
        if (what == WEFT_ENTRY_LIVE || what == WEFT_ENTRY_REMOVED ||
            what == WEFT_ENTRY_DOOMED) {
                struct weft_kind *kind = kind_of(e);
                if (!kind)
                        return -EPROTO;
                struct weft_object o = {
                        .arena = agent->arena,
                        .agent = agent,
                        .id = weft_entry_id(index, state),
                        .sh = header_at(agent->arena, e, kind),
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
                free_if_unused(agent, index); /* also what a closer left, who died */
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

/* ---- looking ------------------------------------------------------------- */

static void describe(weft_arena_t *arena, struct weft_agent *agent, uint32_t index,
                     uint64_t state, struct weft_object_info *info)
{
        const struct weft_entry_shared *e = weft_entry_at(arena, index);
        struct weft_kind *kind = kind_of(e);

        memset(info, 0, sizeof *info);
        weft_copy_out(info->name, e->name, sizeof info->name - 1);
        weft_copy_out(&info->version, &e->version, sizeof info->version);
        info->holders = weft_entry_pins(e);
        if (!kind) {
                uint32_t id;
                weft_copy_out(&id, &e->kind, sizeof id);
                snprintf(info->kind, sizeof info->kind, "?%u", (unsigned)id);
                return;
        }
        snprintf(info->kind, sizeof info->kind, "%s", kind->name);
        struct weft_object o = { arena, agent, weft_entry_id(index, state),
                                 header_at(arena, e, kind) };
        if (!o.sh)
                return;
        if (kind->describe)
                kind->describe(&o, info);
        if (kind->check)
                (void)kind->check(&o, &info->bytes);
}

/* Copies out what is said of an entry that was seen as `state`; false if that is not
 * LIVE, or was it no more when done. */
static bool look_at(weft_arena_t *arena, struct weft_agent *agent, uint32_t index,
                    uint64_t state, struct weft_object_info *info)
{
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        if (weft_state_what(state) != WEFT_ENTRY_LIVE)
                return false;
        bool ours = hold_still(agent, index);
        bool there = weft_load_acq(&e->state) == state; /* [S] */
        if (there) {
                /* [edge] A sibling thread that closes may take our pin along. */
                WEFT_IGNORE_READS_BEGIN();
                describe(arena, agent, index, state, info);
                WEFT_IGNORE_READS_END();
        }
        there = there && weft_load_acq(&e->state) == state; /* [S] */
        let_move(agent, index, ours);
        return there;
}

static int looker(weft_arena_t *arena, struct weft_agent **agent)
{
        *agent = NULL;
        return arena->readonly ? 0 : weft_agent_self(arena, agent);
}

int weft_object_list(weft_arena_t *arena,
                     int (*each)(const struct weft_object_info *object, void *context),
                     void *context)
{
        struct weft_agent *agent;
        if (!arena || !each)
                return -EINVAL;
        int rc = looker(arena, &agent);
        uint32_t n = weft_entries_ready(arena);
        for (uint32_t i = 0; i < n && !rc; i++) {
                struct weft_object_info info;
                uint64_t state = weft_load_acq(&weft_entry_at(arena, i)->state); /* [S] */
                if (look_at(arena, agent, i, state, &info))
                        rc = each(&info, context);
        }
        return rc;
}

int weft_object_stat(weft_arena_t *arena, const char *name, struct weft_object_info *info)
{
        struct weft_agent *agent;
        struct weft_name n;
        uint32_t index;
        uint64_t state, head;

        if (!arena || !info)
                return -EINVAL;
        int rc = weft_name_make(name, &n);
        if (!rc)
                rc = looker(arena, &agent);
        while (!rc) {
                rc = weft_entry_find(arena, &n, &index, &state, &head);
                if (!rc && weft_state_what(state) != WEFT_ENTRY_LIVE)
                        rc = -ENOENT; /* read-only, and its creator has not said so */
                if (!rc && look_at(arena, agent, index, state, info))
                        break; /* else it has changed, or gone: look again */
        }
        return rc;
}

bool weft_object_there(weft_arena_t *arena, weft_owner_t owner)
{
        uint32_t id = weft_owner_whom(owner), index = id & 0xffff;
        if (index >= weft_entries_ready(arena))
                return false;
        uint64_t state = weft_load_acq(&weft_entry_at(arena, index)->state); /* [S] */
        return weft_entry_id(index, state) == id &&
               weft_state_what(state) != WEFT_ENTRY_FREE;
}

uint32_t weft_objects_count(weft_arena_t *arena)
{
        uint32_t n = weft_entries_ready(arena), live = 0;
        for (uint32_t i = 0; i < n; i++) {
                uint64_t state = weft_load_acq(&weft_entry_at(arena, i)->state); /* [S] */
                live += weft_state_what(state) == WEFT_ENTRY_LIVE;
        }
        return live;
}

/* 1 if it is whole, 0 if not, or -1 if it is none. */
static int is_whole(weft_arena_t *arena, struct weft_agent *agent, uint32_t index)
{
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        uint64_t state = weft_load_acq(&e->state), bytes; /* [S] */
        struct weft_kind *kind = kind_of(e);
        if (weft_state_what(state) != WEFT_ENTRY_LIVE)
                return -1;
        struct weft_object o = { arena, agent, weft_entry_id(index, state),
                                 kind ? header_at(arena, e, kind) : NULL };
        bool whole = o.sh && (!kind->check || kind->check(&o, &bytes) == 0);
        return weft_load_acq(&e->state) == state ? whole : -1; /* [S] */
}

int weft_objects_check(weft_arena_t *arena, uint32_t *corrupt)
{
        struct weft_agent *agent;
        int rc = looker(arena, &agent);
        if (rc)
                return rc;
        uint32_t n = weft_entries_ready(arena);
        for (uint32_t i = 0; i < n; i++) {
                uint64_t state = weft_load_acq(&weft_entry_at(arena, i)->state); /* [S] */
                if (weft_state_what(state) != WEFT_ENTRY_LIVE)
                        continue;
                bool ours = hold_still(agent, i);
                *corrupt += is_whole(arena, agent, i) == 0;
                let_move(agent, i, ours);
        }
        return 0;
}
