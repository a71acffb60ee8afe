/* The plan: what every worker has to know, in one array that never changes. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/run.h"

static uint64_t put_string(char *base, uint64_t *at, const char *text)
{
        uint64_t here = *at;
        size_t bytes = strlen(text) + 1;
        memcpy(base + here, text, bytes);
        *at += bytes;
        return here;
}

static uint64_t plan_bytes(const struct run_plan *head, const struct run_pipeline *p,
                           const struct run_files *files)
{
        uint64_t bytes = sizeof *head + files->n * sizeof *files->file;
        for (size_t i = 0; i < files->n; i++)
                bytes += strlen(files->path[i]) + 1;
        for (uint32_t s = 0; s < p->stages; s++)
                bytes += p->stage[s].pattern ? strlen(p->stage[s].pattern) + 1 : 0;
        return bytes;
}

int run_plan_create(weft_arena_t *arena, const struct run_plan *head,
                    const struct run_pipeline *p, const struct run_files *files,
                    weft_array_t **array)
{
        struct weft_array_options options = { .length = plan_bytes(head, p, files),
                                              .element_bytes = 1 };
        int rc = weft_array_create(arena, "plan", &options, array);
        if (rc)
                return rc;
        char *base = weft_array_span(*array, 0, options.length);
        struct run_plan plan = *head;
        uint64_t at = sizeof plan + files->n * sizeof *files->file;
        plan.magic = RUN_PLAN_MAGIC;
        plan.bytes = options.length;
        plan.files = files->n;
        plan.files_at = sizeof plan;
        for (uint32_t s = 0; s < p->stages; s++)
                if (p->stage[s].pattern)
                        plan.stage[s].pattern_at =
                                put_string(base, &at, p->stage[s].pattern);
        for (size_t i = 0; i < files->n; i++) {
                struct run_file file = files->file[i];
                file.path_at = put_string(base, &at, files->path[i]);
                memcpy(base + sizeof plan + i * sizeof file, &file, sizeof file);
        }
        memcpy(base, &plan, sizeof plan);
        return 0;
}

int run_plan_open(weft_arena_t *arena, weft_array_t **array, const struct run_plan **plan)
{
        int rc = weft_array_open(arena, "plan", array);
        if (rc)
                return rc;
        uint64_t bytes = weft_array_length(*array);
        if (weft_array_element_bytes(*array) != 1 || bytes < sizeof **plan)
                return -EPROTO;
        *plan = weft_array_span(*array, 0, bytes);
        if (!*plan || (*plan)->magic != RUN_PLAN_MAGIC || (*plan)->bytes != bytes ||
            !(*plan)->stages || (*plan)->stages > RUN_STAGES_MAX ||
            (*plan)->files > bytes / sizeof(struct run_file) || !(*plan)->chunk_bytes)
                return -EPROTO;
        return 0;
}

const struct run_file *run_plan_files(const struct run_plan *plan)
{
        return (const struct run_file *)(const void *)((const char *)plan +
                                                       plan->files_at);
}

const char *run_plan_string(const struct run_plan *plan, uint64_t at)
{
        const char *text = (const char *)plan + at;
        if (at >= plan->bytes || !memchr(text, 0, plan->bytes - at))
                return "?";
        return text;
}

const char *run_queue_name(const struct run_plan *plan, uint32_t s, uint32_t lane)
{
        static char name[48];
        const struct run_plan_stage *stage = &plan->stage[s];
        const char *op = run_op_name((enum run_op)stage->op);
        if (stage->lanes > 1)
                snprintf(name, sizeof name, "%u.%s/%u", s, op, lane);
        else
                snprintf(name, sizeof name, "%u.%s", s, op);
        return name;
}
