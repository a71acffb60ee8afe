/* The result of a run, on stdout: plain, or one JSON object with a summary. */
#define _GNU_SOURCE
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_supervise.h"

/* ---- bytes ---------------------------------------------------------------------- */

/* Waits for a slow reader, but not when we were told to end. */
static int put(struct run *run, const char *text, size_t bytes)
{
        while (bytes) {
                ssize_t n = write(1, text, bytes);
                if (n >= 0) {
                        text += n;
                        bytes -= (size_t)n;
                } else if (errno == EPIPE) {
                        run->result.broken = run->result.pipe_closed = true;
                        return CLI_FAILED; /* as with any filter, without a word */
                } else if (errno != EINTR) {
                        run->result.broken = true;
                        return cli_fail(CLI_FAILED, "standard output: %s",
                                        strerror(errno));
                } else if (run_signals_terminated() || run_signals_interrupts() > 1) {
                        run->result.broken = true;
                        return run_signals_terminated()
                                       ? cli_fail(CLI_TERMINATED, "terminated")
                                       : cli_fail(CLI_INTERRUPTED, "cancelled");
                }
        }
        return CLI_OK;
}

int run_result_flush(struct run *run)
{
        struct run_result *r = &run->result;
        if (r->broken)
                return CLI_FAILED;
        if (!r->bytes)
                return CLI_OK;
        run_progress_clear();
        int rc = put(run, r->buffer, r->bytes);
        r->bytes = 0;
        return rc;
}

int run_result_text(struct run *run, const char *text, size_t bytes)
{
        struct run_result *r = &run->result;
        if (bytes > sizeof r->buffer - r->bytes) {
                int rc = run_result_flush(run);
                if (rc)
                        return rc;
        }
        if (bytes > sizeof r->buffer)
                return put(run, text, bytes);
        memcpy(r->buffer + r->bytes, text, bytes);
        r->bytes += bytes;
        return CLI_OK;
}

static int text(struct run *run, const char *s)
{
        return run_result_text(run, s, strlen(s));
}

int run_result_json_text(struct run *run, const char *s, size_t bytes)
{
        json_t *value = cli_json_text(s, bytes);
        char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        int rc = dump ? text(run, dump) : cli_fail(CLI_FAILED, "out of memory");
        free(dump);
        json_decref(value);
        return rc;
}

/* ---- items ------------------------------------------------------------------------ */

int run_result_begin(struct run *run)
{
        return run->result.json ? text(run, "{\n  \"result\": [") : CLI_OK;
}

static int json_items(struct run *run, const char *data, const char *end)
{
        int rc = CLI_OK;
        while (data < end && !rc) {
                const char *stop = memchr(data, '\n', (size_t)(end - data));
                if (!stop)
                        stop = end;
                rc = text(run, run->result.items++ ? ",\n    " : "\n    ");
                if (!rc)
                        rc = run_result_json_text(run, data, (size_t)(stop - data));
                data = stop + 1;
        }
        return rc;
}

/* The end of the first `n` items, or NULL if there are fewer. */
static const char *after_items(const char *data, const char *end, uint64_t n)
{
        for (; n; n--) {
                const char *newline = memchr(data, '\n', (size_t)(end - data));
                if (!newline)
                        return NULL;
                data = newline + 1;
        }
        return data;
}

int run_result_items(struct run *run, const struct run_block *block)
{
        const char *data = run_block_data(block), *end = data + block->bytes;
        assert(data);
        uint64_t items = block->items;
        if (run->pipeline.end == RUN_TOP) {
                uint64_t left = run->pipeline.top - run->result.items;
                if (items >= left) {
                        const char *stop = after_items(data, end, left);
                        end = stop ? stop : end;
                        items = left;
                        run->enough = true;
                }
        }
        if (run->result.json)
                return json_items(run, data, end);
        run->result.items += items;
        return run_result_text(run, data, (size_t)(end - data));
}

/* ---- the end ------------------------------------------------------------------------ */

static json_t *summary(const struct run *run)
{
        double seconds = (double)(weft_now() - run->started) / (double)WEFT_SEC;
        json_t *s = json_object();
        json_object_set_new(
                s, "pipeline",
                cli_json_text(run->options.pipeline, strlen(run->options.pipeline)));
        json_object_set_new(s, "arena", json_string(run->name));
        json_object_set_new(s, "files", json_integer((json_int_t)run->files.n));
        json_object_set_new(s, "bytes", json_integer((json_int_t)run->complete_bytes));
        json_object_set_new(s, "chunks", json_integer((json_int_t)run->complete));
        json_object_set_new(s, "chunk_bytes",
                            json_integer((json_int_t)run->plan->chunk_bytes));
        json_object_set_new(s, "items", json_integer((json_int_t)run->result.items));
        if (run->pipeline.counts)
                json_object_set_new(s, "counted",
                                    json_integer((json_int_t)run->result.counted));
        json_object_set_new(s, "seconds", json_real(seconds));
        json_object_set_new(s, "bytes_per_second",
                            json_real((double)run->complete_bytes / seconds));
        json_object_set_new(s, "workers", json_integer((json_int_t)run->children));
        json_object_set_new(s, "restarts", json_integer((json_int_t)run->restarts));
        json_object_set_new(s, "interrupted", json_boolean(run->interrupted));
        return s;
}

/* Closes the array of results and adds what else there is to say. */
static int end_json(struct run *run)
{
        int code = run->code ? run->code : run->interrupted ? CLI_INTERRUPTED : CLI_OK;
        json_t *tail = json_pack("{s:o, s:i}", "summary", summary(run), "exit", code);
        if (run->code)
                json_object_set_new(tail, "error",
                                    cli_json_text(cli.error, strlen(cli.error)));
        char *dump = json_dumps(tail, JSON_INDENT(2));
        json_decref(tail);
        if (!dump)
                return cli_fail(CLI_FAILED, "out of memory");
        int rc = text(run, run->result.items ? "\n  ],\n" : "],\n");
        if (!rc) /* from the second line on: the brace is open already */
                rc = text(run, dump + 2);
        free(dump);
        return rc ? rc : text(run, "\n");
}

int run_result_end(struct run *run)
{
        if (run->result.broken)
                return CLI_FAILED;
        int rc = run->result.json ? end_json(run) : CLI_OK;
        return rc ? rc : run_result_flush(run);
}
