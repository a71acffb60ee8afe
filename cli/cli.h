/* cli/cli.h -- what the commands share: errors, exit codes, JSON, sizes. */
#ifndef WEFT_CLI_CLI_H
#define WEFT_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>
#include <weft/weft.h>

/* Exit codes; documented in weft(1). */
enum {
        CLI_OK = 0,
        CLI_FAILED = 1,    /* it did not work; check: something is not whole */
        CLI_USAGE = 2,     /* the command line or the pipeline is wrong */
        CLI_NOT_THERE = 3, /* no such arena, object or file */
        CLI_INTERRUPTED = 130,
        CLI_TERMINATED = 143,
};

/* One invocation: what to call ourselves in messages, and how to talk. */
struct cli {
        const char *command; /* "ls" */
        bool json;
        char error[1024];  /* what the last failure said */
        char warned[1024]; /* what was warned of first */
};
extern struct cli cli;

#define CLI_PRINTF(n) __attribute__((format(printf, (n), (n) + 1)))

/* "weft ls: ..." on stderr. */
void cli_warn(const char *format, ...) CLI_PRINTF(1);

/* The same, and {"error", "exit"} on stdout with --json. Returns `code`. */
int cli_fail(int code, const char *format, ...) CLI_PRINTF(2);

/* Fails with the words for a weft error code about `what`: CLI_NOT_THERE for
 * -ENOENT, else CLI_FAILED. */
int cli_fail_rc(int rc, const char *what);

/* The same of an arena that cannot be opened, or removed: what is no arena is called so. */
int cli_fail_arena(int rc, const char *name);
const char *cli_arena_error(int rc);

/* Takes the name of an arena away that is open for writing; -ENOENT if it has gone, or is
 * that of another one by now: a run may be started again under the name of one that has died,
 * as soon as somebody else has removed that. */
int cli_remove_this(weft_arena_t *arena, const char *name);

/* Takes the name of an arena away that was made for the sake of something that could then
 * not be made in it: a full tmpfs may have room for the one and not for the other. Not if
 * somebody else has come to it meanwhile. */
void cli_unmake_arena(weft_arena_t *arena, const char *name);

/* Wrong usage: says so and where to look. Returns CLI_USAGE. */
int cli_usage(const char *format, ...) CLI_PRINTF(1);

/* Prints the usage of the command: what cli_flush() says. */
int cli_help(void);

/* Reads the options of a command that has none but --json (and --help). Returns the
 * index of the first operand, or -1 - exit code. */
int cli_options(int argc, char **argv);

/* Prints a JSON value on stdout, a line of its own, and drops it. CLI_OK or what
 * cli_flush() says. */
int cli_json(json_t *value);

/* A JSON string of any bytes: {"hex": "ff00"} for what is not UTF-8. */
json_t *cli_json_text(const char *text, size_t bytes);

/* A name as it can be shown on a line of its own: what is no character of UTF-8, and controls,
 * are \xff. In one of a few rotating buffers; cut short if it is longer. */
const char *cli_shown(const char *name);

/* Flushes stdout: CLI_OK, or CLI_FAILED with a message. */
int cli_flush(void);

/* "12.3 MiB" in one of a few rotating buffers. */
const char *cli_bytes(uint64_t bytes);

/* "64K", "4M", "1GiB", "512": 0, or -EINVAL. */
int cli_parse_bytes(const char *text, uint64_t *bytes);

/* A whole number in [least, most]: 0, or -EINVAL. */
int cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *value);

/* ARENA[/OBJECT]: copies the arena's name; `*object` is NULL or what follows '/'. */
int cli_split(const char *operand, char arena[WEFT_ARENA_NAME_MAX + 1],
              const char **object);

/* "directory of arenas /dev/shm": for messages. */
const char *cli_directory(void);

/* Nobody alive in an open arena but we ourselves? Settles the dead first. 1 yes, 0 no,
 * or an error. */
int cli_deserted(weft_arena_t *arena);

/* Removes ephemeral arenas that nobody alive is in: those whose run was killed. */
void cli_sweep(void);

/* The same of one name, which may be that of a run that was killed a moment ago, with workers
 * that are still ending: waits for that, if its supervisor is dead. He holds a mutex. */
#define CLI_RUN_LEADER "leader"
void cli_sweep_soon(const char *name);

int cmd_run(int argc, char **argv);
int cmd_run_worker(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_rm(int argc, char **argv);
int cmd_clean(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_sem(int argc, char **argv);
int cmd_event(int argc, char **argv);
int cmd_latch(int argc, char **argv);
int cmd_barrier(int argc, char **argv);
int cmd_cat(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_put(int argc, char **argv);
int cmd_del(int argc, char **argv);
int cmd_push(int argc, char **argv);
int cmd_pop(int argc, char **argv);
int cmd_tap(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_recv(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* The usage line of a command, as `weft help` prints it. */
const char *cli_synopsis(const char *command);

#endif
