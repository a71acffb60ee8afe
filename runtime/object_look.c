/* runtime/object_look.c -- objects as people and checks see them: list, stat, count, check. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/object_internal.h"

/* Keeps an object as it is while it is looked at: pins it, if this agent has not. */
bool weft_entry_hold(struct weft_agent *agent, uint32_t index)
{
        if (!agent)
                return false; /* read-only: what it reads, it checks */
        bool ours = !weft_entry_touched(agent, index);
        if (ours)
                weft_entry_pin(weft_entry_at(agent->arena, index), agent->index);
        weft_read_begin(agent);
        return ours;
}

void weft_entry_let_go(struct weft_agent *agent, uint32_t index, bool ours)
{
        if (!agent)
                return;
        weft_read_end(agent);
        if (ours) {
                weft_entry_unpin(weft_entry_at(agent->arena, index), agent->index);
                weft_entry_free_if_unused(agent, index);
        }
}

/* Is the life that was seen as `state` there still, under its name? */
bool weft_entry_is_there(const struct weft_entry_shared *e, uint64_t state)
{
        uint64_t now = weft_load_acq(&e->state); /* [S] */
        return weft_state_incarnation(now) == weft_state_incarnation(state) &&
               weft_state_is_there(now);
}

/* ---- looking ------------------------------------------------------------- */

static void describe(weft_arena_t *arena, struct weft_agent *agent, uint32_t index,
                     uint64_t state, struct weft_object_info *info)
{
        const struct weft_entry_shared *e = weft_entry_at(arena, index);
        struct weft_kind *kind = weft_entry_kind(e);

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
                                 weft_entry_header(arena, e, kind) };
        if (!o.sh)
                return;
        if (kind->describe)
                kind->describe(&o, info);
        if (kind->check)
                (void)kind->check(&o, &info->bytes);
}

/* Copies out what is said of an entry that was seen as `state`; false if that is not
 * there, or was no more when done. */
static bool look_at(weft_arena_t *arena, struct weft_agent *agent, uint32_t index,
                    uint64_t state, struct weft_object_info *info)
{
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        if (!weft_state_is_there(state))
                return false;
        bool ours = weft_entry_hold(agent, index);
        bool there = weft_entry_is_there(e, state);
        if (there) {
                /* [edge] A sibling thread that closes may take our pin along. */
                WEFT_IGNORE_READS_BEGIN();
                describe(arena, agent, index, state, info);
                WEFT_IGNORE_READS_END();
        }
        there = there && weft_entry_is_there(e, state);
        weft_entry_let_go(agent, index, ours);
        return there;
}

static int looker(weft_arena_t *arena, struct weft_agent **agent)
{
        *agent = NULL;
        return arena->readonly ? 0 : weft_agent_self(arena, agent);
}

int weft_handle_name(const struct weft_handle *handle, char *name)
{
        const struct weft_entry_shared *e =
                weft_entry_at(handle->arena, handle->id & 0xffff);
        memset(name, 0, WEFT_OBJECT_NAME_MAX + 1);
        weft_copy_out(name, e->name, WEFT_OBJECT_NAME_MAX);
        uint64_t state = weft_load_acq(&e->state); /* [S] */
        bool there = weft_entry_id(handle->id & 0xffff, state) == handle->id &&
                     weft_state_is_there(state);
        return there && *name ? 0 : -ENOENT;
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
                const struct weft_entry_shared *e = weft_entry_at(arena, i);
                uint64_t state = weft_load_acq(&e->state); /* [S] */
                bool named = !(weft_load_rlx(&e->flags) & WEFT_ENTRY_ANONYMOUS);
                if (named && look_at(arena, agent, i, state, &info))
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
                if (!rc && !weft_state_is_there(state))
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
                live += weft_state_is_there(state);
        }
        return live;
}

/* 1 if it is whole, 0 if not, or -1 if it is none. */
static int is_whole(weft_arena_t *arena, struct weft_agent *agent, uint32_t index)
{
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        uint64_t state = weft_load_acq(&e->state), bytes; /* [S] */
        struct weft_kind *kind = weft_entry_kind(e);
        if (!weft_state_is_there(state))
                return -1;
        struct weft_object o = { arena, agent, weft_entry_id(index, state),
                                 kind ? weft_entry_header(arena, e, kind) : NULL };
        bool whole = o.sh && (!kind->check || kind->check(&o, &bytes) == 0);
        return weft_entry_is_there(e, state) ? whole : -1;
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
                if (!weft_state_is_there(state))
                        continue;
                bool ours = weft_entry_hold(agent, i);
                *corrupt += is_whole(arena, agent, i) == 0;
                weft_entry_let_go(agent, i, ours);
        }
        return 0;
}
