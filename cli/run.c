/* weft run -- a pipeline over files or the standard input, on every core. */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_supervise.h"

#define CHUNK_BOUND (UINT64_C(1) << 30)
enum { RESTARTS_USUAL = 100, RESTARTS_MOST = 1000000 };

static int bytes_option(const char *name, const char *text, uint64_t least, uint64_t most,
                        uint64_t *bytes)
{
        if (cli_parse_bytes(text, bytes) || *bytes < least || *bytes > most)
                return cli_usage(
                        "%s %s: a number of bytes from %s to %s, such as 512K or 4M",
                        name, text, cli_bytes(least), cli_bytes(most));
        return CLI_OK;
}

static int take_option(struct run_options *o, int option)
{
        switch (option) {
        case 'p':
                o->pin = optarg;
                return CLI_OK;
        case 'c':
                return bytes_option("--chunk", optarg, 1, CHUNK_BOUND, &o->chunk_bytes);
        case 'm':
                return bytes_option("--memory", optarg, RUN_MEMORY_LEAST, WEFT_ARENA_MAX,
                                    &o->memory_bytes);
        case 'r':
                return cli_parse_number(optarg, 0, RESTARTS_MOST, &o->restarts)
                               ? cli_usage("--restarts %s: a number from 0 to %d", optarg,
                                           RESTARTS_MOST)
                               : CLI_OK;
        case 'n':
                o->name = optarg;
                return CLI_OK;
        case 'v':
                o->verbose = true;
                return CLI_OK;
        case 'j':
                cli.json = true;
                return CLI_OK;
        case ':':
                return cli_usage("%s needs a value", "that option");
        default:
                return -1;
        }
}

/* 0, an exit code, or -1: help was printed. */
static int parse_options(int argc, char **argv, struct run_options *o)
{
        static const struct option options[] = {
                { "pin", required_argument, NULL, 'p' },
                { "chunk", required_argument, NULL, 'c' },
                { "memory", required_argument, NULL, 'm' },
                { "restarts", required_argument, NULL, 'r' },
                { "name", required_argument, NULL, 'n' },
                { "verbose", no_argument, NULL, 'v' },
                { "json", no_argument, NULL, 'j' },
                { "help", no_argument, NULL, 'h' },
                { NULL, 0, NULL, 0 },
        };
        int c;
        opterr = 0;
        while ((c = getopt_long(argc, argv, ":vjh", options, NULL)) != -1) {
                if (c == 'h') {
                        int code = cli_help();
                        return code ? code : -1;
                }
                if (c == ':')
                        return cli_usage("%s needs a value", argv[optind - 1]);
                int rc = take_option(o, c);
                if (rc)
                        return rc > 0 ? rc
                                      : cli_usage("there is no option %s",
                                                  argv[optind - 1]);
        }
        if (optind == argc)
                return cli_usage("no pipeline given");
        if (argc - optind > 1)
                return cli_usage("one pipeline at a time: quote it, '%s ...'",
                                 argv[optind]);
        o->pipeline = argv[optind];
        return CLI_OK;
}

/* From the first worker to the last byte of the result. */
static int work(struct run *run)
{
        run->code = run_result_begin(run);
        if (!run->code)
                run->code = run_supervise(run);
        if (!run->code && run->pipeline.counts)
                run->code = run_result_counts(run);
        int rc = run_result_end(run);
        return run->code ? run->code : rc;
}

static int run_pipeline(struct run *run)
{
        run->started = weft_now();
        int code = run_parse(run->options.pipeline, &run->pipeline);
        if (!code)
                code = run_files_find(&run->pipeline, &run->files);
        if (!code) {
                run_signals_catch();
                code = run_setup(run);
                if (!code) {
                        run->result.json = cli.json;
                        cli.json = false; /* from here on errors go into that object */
                        code = work(run);
                }
                run->code = code;
                if (run->options.verbose && !code)
                        run_progress_summary(run);
                run_teardown(run);
        }
        run_files_free(&run->files);
        run_pipeline_free(&run->pipeline);
        return code ? code : run->interrupted ? CLI_INTERRUPTED : CLI_OK;
}

int cmd_run(int argc, char **argv)
{
        static struct run run = { .options = { .restarts = RESTARTS_USUAL } };
        int code = parse_options(argc, argv, &run.options);
        if (code)
                return code < 0 ? CLI_OK : code;
        code = run_pipeline(&run);
        if (run.result.pipe_closed) { /* the end that a reader's end has for any filter */
                signal(SIGPIPE, SIG_DFL);
                raise(SIGPIPE);
        }
        return code;
}
