/* codata/group.c -- the group as an object: create, open, drain, stop, info. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "codata/group_internal.h"
#include "runtime/part.h"
#include "runtime/waitable.h"

enum {
        CAPACITY = 256,
        INPUT = 4096,
        OUTPUT = 4096,
        RETRIES = 3
}; /* where nothing is asked for */

#define PART(kind_, field) \
        { \
                (kind_), (uint32_t)offsetof(struct weft_group_shared, field) \
        }
static const struct weft_part tasks = PART(WEFT_QUEUE_KIND_ID, tasks);
static const struct weft_part workers = PART(WEFT_SEMAPHORE_KIND_ID, workers);
static const struct weft_part stop = PART(WEFT_EVENT_KIND_ID, stop);
static const struct weft_part ended = PART(WEFT_EVENT_KIND_ID, ended);
static const struct weft_part *const parts[] = { &tasks, &workers, &stop, &ended };
enum { PARTS = sizeof parts / sizeof *parts };

/* ---- its shape ------------------------------------------------------------- */

static struct weft_group_options asked_for(const struct weft_group_options *options)
{
        struct weft_group_options o = { 0 };
        if (options)
                o = *options;
        o.capacity = o.capacity ? o.capacity : CAPACITY;
        o.input_max = o.input_max ? o.input_max : INPUT;
        o.output_max = o.output_max ? o.output_max : OUTPUT;
        o.retries = o.flags & WEFT_GROUP_ONCE ? 0 : o.retries ? o.retries : RETRIES;
        return o;
}

static bool is_sane(uint32_t input_max, uint32_t output_max, uint32_t flags)
{
        return input_max && input_max <= WEFT_GROUP_INPUT_MAX && output_max &&
               output_max <= WEFT_GROUP_OUTPUT_MAX &&
               !(flags & ~(uint32_t)(WEFT_GROUP_LOAD | WEFT_GROUP_ONCE));
}

static void drop(struct weft_handle *handle)
{
        struct weft_group *group = (void *)handle;
        weft_part_close(group->tasks);
        weft_part_close(group->workers);
        weft_part_close(group->stop);
        weft_part_close(group->ended);
}

static int open_parts(struct weft_group *group)
{
        int rc = weft_part_open(&group->handle, tasks, &group->tasks);
        if (!rc)
                rc = weft_part_open(&group->handle, workers, &group->workers);
        if (!rc)
                rc = weft_part_open(&group->handle, stop, &group->stop);
        if (!rc)
                rc = weft_part_open(&group->handle, ended, &group->ended);
        return rc;
}

static int view(struct weft_handle *handle)
{
        struct weft_group *group = (void *)handle;
        const struct weft_group_shared *sh = handle->sh;
        struct weft_queue_info info;

        group->input_max = sh->input_max;
        group->output_max = sh->output_max;
        group->retries = sh->retries;
        group->flags = sh->flags;
        if (!is_sane(group->input_max, group->output_max, group->flags))
                return -EUCLEAN;
        int rc = open_parts(group);
        if (!rc)
                rc = weft_queue_info(group->tasks, &info);
        if (!rc && (info.element_bytes != weft_task_bytes(group->input_max) ||
                    info.flags != WEFT_QUEUE_LEASE))
                rc = -EUCLEAN;
        if (rc)
                drop(handle);
        return rc;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_group *group = (const void *)handle;
        const struct weft_group_options *o = options;
        return group->input_max == o->input_max && group->output_max == o->output_max &&
               group->retries == o->retries && group->flags == o->flags;
}

/* Crash in create: the draft owns the blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        struct weft_group_shared *sh = draft->sh;
        const struct weft_group_options *o = draft->options;
        struct weft_queue_options queue = { .capacity = o->capacity,
                                            .element_bytes =
                                                    weft_task_bytes(o->input_max),
                                            .flags = WEFT_QUEUE_LEASE };
        struct weft_semaphore_options seats = { .value = WEFT_AGENTS_MAX,
                                                .maximum = WEFT_AGENTS_MAX,
                                                .flags = WEFT_SEMAPHORE_OWNED };
        struct weft_event_options event = { 0 };

        sh->input_max = o->input_max;
        sh->output_max = o->output_max;
        sh->retries = o->retries;
        sh->flags = o->flags;
        int rc = weft_part_init(draft, tasks, &queue);
        if (!rc)
                rc = weft_part_init(draft, workers, &seats);
        if (!rc)
                rc = weft_part_init(draft, stop, &event);
        if (!rc)
                rc = weft_part_init(draft, ended, &event);
        return rc;
}

/* ---- what the directory asks --------------------------------------------------- */

/* Crash in recover: that of the parts. */
static int recover(struct weft_object *o, uint32_t sig)
{
        int rc = 0;
        for (int i = 0; i < PARTS; i++) {
                int its = weft_part_recover(o, *parts[i], sig);
                rc = rc ? rc : its;
        }
        return rc;
}

static void destroy(struct weft_object *o)
{
        for (int i = 0; i < PARTS; i++)
                weft_part_destroy(o, *parts[i]);
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        const struct weft_group_shared *sh = o->sh;
        int rc = is_sane(sh->input_max, sh->output_max, sh->flags) ? 0 : -EUCLEAN;
        *bytes = sizeof *sh;
        for (int i = 0; !rc && i < PARTS; i++)
                rc = weft_part_check(o, *parts[i], bytes);
        return rc;
}

/* ---- looking --------------------------------------------------------------------- */

int weft_group_info(weft_group_t *group, struct weft_group_info *info)
{
        struct weft_queue_info queue;
        struct weft_semaphore_info seats;
        if (!group || !info)
                return -EINVAL;
        const struct weft_group_shared *sh = weft_group_of(group);
        int rc = weft_queue_info(group->tasks, &queue);
        if (!rc)
                rc = weft_semaphore_info(group->workers, &seats);
        if (rc)
                return rc;
        uint64_t out = queue.length + queue.leased;
        *info = (struct weft_group_info){
                .capacity = queue.capacity,
                .input_max = group->input_max,
                .output_max = group->output_max,
                .retries = group->retries,
                .flags = group->flags,
                .submitted = queue.pushed,
                .queued = queue.length,
                .in_hand = queue.leased,
                .finished = queue.pushed > out ? queue.pushed - out : 0,
                .failed = weft_tally_get(&sh->failed),
                .retried = weft_tally_get(&sh->retried),
                .restarted = weft_tally_get(&sh->restarted),
                .given_up = (uint32_t)weft_tally_get(&sh->given_up),
                .workers = seats.holders,
                .drained = queue.shut,
                .stopped = weft_event_is_set(group->stop) > 0,
        };
        return 0;
}

static void describe(struct weft_object *o, struct weft_object_info *object)
{
        const struct weft_group_shared *sh = o->sh;
        char queue[100], state[100], seats[100];
        weft_part_describe(o, tasks, queue, sizeof queue);
        weft_part_describe(o, stop, state, sizeof state);
        weft_part_describe(o, workers, seats, sizeof seats);
        bool stopped = strncmp(state, "set", 3) == 0;
        const char *alive = strstr(seats, "held by "); /* as the semaphore has it */
        (void)snprintf(object->detail, sizeof object->detail,
                       "%lu workers; tasks: %s; %" PRIu64 " failed, %" PRIu64
                       " retried, %" PRIu64 " restarts%s%s",
                       alive ? strtoul(alive + strlen("held by "), NULL, 10) : 0, queue,
                       weft_tally_get(&sh->failed), weft_tally_get(&sh->retried),
                       weft_tally_get(&sh->restarted), stopped ? ", stopped" : "",
                       weft_tally_get(&sh->given_up) ? ", given up" : "");
}

/* ---- draining, stopping -------------------------------------------------------------- */

/* What info counts may be between a cell and a hand; whoever tries to take knows. What he got
 * after all he gives back: it comes first again. Crash: likewise. */
bool weft_group_is_over(struct weft_group *group)
{
        struct weft_queue_info info;
        struct weft_element element;
        if (weft_queue_info(group->tasks, &info) || !info.shut || info.length ||
            info.leased)
                return false;
        int rc = weft_queue_take(group->tasks, &element, WEFT_NOW);
        if (!rc)
                (void)!weft_queue_nack(group->tasks, &element);
        return rc == -EPIPE;
}

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_group_shared *sh = handle->sh;
        return c->op == WEFT_OP_WAIT ? &sh->ended.wait : NULL;
}

/* The last worker may have died before he said so: who waits looks for himself. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        (void)agent;
        (void)c;
        return weft_group_is_over((void *)handle) ? 0 : -EAGAIN;
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        (void)agent;
        (void)c;
        return weft_group_is_over((void *)handle) ? 0 : -EAGAIN;
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

/* Crash in drain: it is shut, or not. */
int weft_group_drain(weft_group_t *group, uint64_t deadline)
{
        struct weft_case done = { .object = group, .op = WEFT_OP_WAIT };
        if (!group)
                return -EINVAL;
        int rc = weft_queue_shutdown(group->tasks); /* LP of drain: its shutdown */
        if (!rc)
                rc = weft_select(&done, 1, 0, deadline);
        return rc < 0 ? rc : 0;
}

int weft_group_stop(weft_group_t *group)
{
        return group ? weft_event_set(group->stop) : -EINVAL;
}

int weft_group_resume(weft_group_t *group)
{
        return group ? weft_event_clear(group->stop) : -EINVAL;
}

/* ---- the kind --------------------------------------------------------------------------- */

static struct weft_kind kind = {
        .name = "group",
        .id = WEFT_GROUP_KIND_ID,
        .version = WEFT_GROUP_FORMAT,
        .header_bytes = sizeof(struct weft_group_shared),
        .recover = recover,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_group),
        .view = view,
        .drop = drop,
        .fits = fits,
        .init = init,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_group_options *options, bool or_open,
                weft_group_t **group)
{
        struct weft_group_options o = asked_for(options);
        if (!group)
                return -EINVAL;
        *group = NULL;
        if (!is_sane(o.input_max, o.output_max, o.flags) ||
            o.capacity > WEFT_QUEUE_CAPACITY_MAX)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, &o, init, or_open, group);
}

int weft_group_create(weft_arena_t *arena, const char *name,
                      const struct weft_group_options *options, weft_group_t **group)
{
        return make(arena, name, options, false, group);
}

int weft_group_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_group_options *options,
                              weft_group_t **group)
{
        return make(arena, name, options, true, group);
}

int weft_group_open(weft_arena_t *arena, const char *name, weft_group_t **group)
{
        return group ? weft_handle_open(arena, name, &kind, group) : -EINVAL;
}

void weft_group_close(weft_group_t *group)
{
        if (group)
                weft_crews_end(group);
        weft_handle_close(group);
}
