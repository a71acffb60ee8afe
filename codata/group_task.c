/* codata/group_task.c -- submitting: a task becomes an element of the queue. */
#include "codata/group_internal.h"
#include "codata/group_result.h"

/* What is submitted, looked at. */
struct submission {
        const struct weft_task *task;
        const struct weft_function *function;
        struct weft_task_shared header;
};

static int say_input(const struct weft_function *f, size_t bytes)
{
        if (!f->in.bytes)
                return weft_function_wrong(-EPROTO,
                                           "function '%.200s' takes nothing, not %zu B",
                                           f->name, bytes);
        return weft_function_wrong(-EPROTO,
                                   "function '%.200s' takes items of %u B, not %zu B",
                                   f->name, f->in.bytes, bytes);
}

static bool is_whole(const struct weft_task *task)
{
        return task && task->function && (task->input || !task->input_bytes) &&
               (task->argument || !task->argument_bytes) &&
               !(task->after && task->input_bytes) && !task->reserved[0] &&
               !task->reserved[1];
}

static int look_at(const struct weft_group *group, const struct weft_task *task,
                   struct submission *s)
{
        const struct weft_function *f;
        if (!is_whole(task))
                return -EINVAL;
        int rc = weft_function_find(task->function, &f);
        if (rc)
                return rc;
        if (!task->after &&
            (f->in.bytes ? task->input_bytes % f->in.bytes : task->input_bytes))
                return say_input(f, task->input_bytes);
        if (task->argument_bytes > group->input_max ||
            task->input_bytes > group->input_max ||
            weft_task_padded((uint32_t)task->argument_bytes) +
                            (uint32_t)task->input_bytes >
                    weft_task_padded(group->input_max))
                return weft_function_wrong(-EOVERFLOW,
                                           "function '%.200s': %zu B of input, %zu B of "
                                           "argument, and tasks have %u B",
                                           f->name, task->input_bytes,
                                           task->argument_bytes, group->input_max);
        *s = (struct submission){
                .task = task,
                .function = f,
                .header = { .name_bytes = (uint32_t)strlen(f->name) + 1,
                            .argument_bytes = (uint32_t)task->argument_bytes,
                            .input_bytes = (uint32_t)task->input_bytes,
                            .in_bytes = f->in.bytes,
                            .in_align = f->in.align,
                            .in_tag = f->in.tag,
                            .out_tag = f->out.tag,
                            .out_bytes = f->out.bytes,
                            .out_align = f->out.align },
        };
        return 0;
}

static void fill(const struct submission *s, uint8_t *at)
{
        const struct weft_task_shared *h = &s->header;
        memcpy(at, h, sizeof *h);
        at += WEFT_TASK_NAME_AT;
        memcpy(at, s->function->name, h->name_bytes);
        at += weft_task_padded(h->name_bytes);
        if (h->argument_bytes)
                memcpy(at, s->task->argument, h->argument_bytes);
        at += weft_task_padded(h->argument_bytes);
        if (h->input_bytes)
                memcpy(at, s->task->input, h->input_bytes);
}

/* Crash in submit: the loan comes back, or the task is in the queue. Nobody hears of its
 * result then, and the future goes with its only handle. */
static int push(struct weft_group *group, const struct submission *s, uint64_t deadline)
{
        struct weft_element element;
        int rc = weft_queue_loan(group->tasks, &element);
        if (rc)
                return rc;
        fill(s, element.at);
        rc = weft_queue_commit(group->tasks, &element, deadline); /* LP: its push */
        if (rc)
                (void)!weft_queue_release(group->tasks, &element);
        return rc;
}

int weft_submit_task(weft_group_t *group, const struct weft_task *task,
                     weft_future_t **result, uint64_t deadline)
{
        struct submission s;
        weft_future_t *future = NULL;
        if (result)
                *result = NULL;
        if (!group)
                return -EINVAL;
        int rc = look_at(group, task, &s);
        if (!rc && task->after)
                rc = weft_dependency_look(s.function, task->after, &s.header.after);
        if (!rc && result)
                rc = weft_result_make(group, s.function, &future, &s.header.token);
        if (rc)
                return rc;
        rc = push(group, &s, deadline);
        if (rc)
                weft_future_close(future);
        else if (result)
                *result = future;
        return rc;
}

int weft_submit(weft_group_t *group, const char *function, const void *input,
                size_t bytes, weft_future_t **result, uint64_t deadline)
{
        struct weft_task task = { .function = function,
                                  .input = input,
                                  .input_bytes = bytes };
        return weft_submit_task(group, &task, result, deadline);
}

int weft_submit_after(weft_group_t *group, weft_future_t *dependency,
                      const char *function, const void *argument, size_t bytes,
                      weft_future_t **result, uint64_t deadline)
{
        struct weft_task task = { .function = function,
                                  .argument = argument,
                                  .argument_bytes = bytes,
                                  .after = dependency };
        if (!dependency) {
                if (result)
                        *result = NULL;
                return -EINVAL;
        }
        return weft_submit_task(group, &task, result, deadline);
}
