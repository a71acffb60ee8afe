/* runtime/arena_info.c -- what an arena says of itself, and its repair. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/agent.h"
#include "runtime/arena_file.h"
#include "runtime/block.h"
#include "runtime/object.h"

static int count_agent(const struct weft_agent_info *agent, void *context)
{
        struct weft_arena_info *info = context;
        info->agents++;
        info->dead += agent->dead;
        return 0;
}

int weft_arena_info(weft_arena_t *arena, struct weft_arena_info *info)
{
        struct stat st;
        uint64_t pages, used, table;

        if (!arena || !info)
                return -EINVAL;
        int saved = errno;
        if (fstat(arena->fd, &st)) {
                int err = -errno;
                errno = saved;
                return err;
        }
        memset(info, 0, sizeof *info);
        weft_block_usage(arena, &pages, &used, &table);
        info->max_bytes = arena->geo.pages * WEFT_PAGE_BYTES;
        info->committed_bytes = (uint64_t)st.st_blocks * 512;
        info->used_bytes = used;
        info->free_bytes = pages > used ? pages - used : 0;
        info->table_bytes =
                info->committed_bytes > pages ? info->committed_bytes - pages : 0;
        info->objects = weft_objects_count(arena);
        info->max_objects = arena->geo.entries;
        info->mode = st.st_mode & 0777;
        info->uid = st.st_uid;
        info->flags = arena->sh->flags;
        info->format = arena->sh->format;
        info->created_ns = arena->sh->created_ns;
        return weft_agent_list(arena, count_agent, info);
}

int64_t weft_arena_trim(weft_arena_t *arena)
{
        struct weft_agent *agent;
        int rc = arena ? weft_agent_self(arena, &agent) : -EINVAL;
        return rc ? rc : weft_block_trim(agent);
}

int weft_arena_recover(weft_arena_t *arena, struct weft_recovery *report)
{
        struct weft_recovery mine = { 0 };
        if (!arena)
                return -EINVAL;
        if (arena->readonly)
                return -EROFS;
        if (!weft_libc_knows_us())
                return -ENOTSUP;
        weft_agents_settle(arena, &mine);
        if (report)
                *report = mine;
        return 0;
}

static bool agent_there(weft_arena_t *arena, uint32_t sig)
{
        struct weft_agent_info info;
        const struct weft_seat_shared *seat = &arena->seats[weft_sig_seat(sig)];
        return weft_seat_peek(seat, &info) && info.generation == sig >> WEFT_SEAT_BITS;
}

static bool owner_there(weft_arena_t *arena, weft_owner_t owner)
{
        switch (weft_owner_kind_of(owner)) {
        case WEFT_OWNER_AGENT:
        case WEFT_OWNER_FREEING:
                return agent_there(arena, weft_owner_whom(owner));
        case WEFT_OWNER_OBJECT:
                return weft_object_there(arena, owner);
        default:
                return true;
        }
}

int weft_arena_check(weft_arena_t *arena, struct weft_census *census)
{
        if (!arena || !census)
                return -EINVAL;
        memset(census, 0, sizeof *census);
        struct weft_agent
                *agent; /* who has no seat cannot keep pages from being punched */
        int rc = arena->readonly ? 0 : weft_agent_self(arena, &agent);
        if (rc)
                return rc;
        weft_block_census(arena, owner_there, census);
        rc = weft_objects_check(arena, &census->corrupt);
        if (rc)
                return rc;
        bool whole = !census->orphans && !census->lost_pages && !census->corrupt &&
                     census->free_bytes + census->agent_bytes + census->object_bytes +
                                     census->arena_bytes ==
                             census->data_bytes;
        return whole ? 0 : -EUCLEAN;
}
