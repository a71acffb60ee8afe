/* cli/sync.h -- what sem, event, latch and barrier share: one form for all of them,
 * weft KIND ARENA/NAME VERB [OPTION...] [ARGUMENT...]. */
#ifndef WEFT_CLI_SYNC_H
#define WEFT_CLI_SYNC_H

#include "cli/cli.h"

/* Exit codes of their own; documented in weft(1). */
enum {
        SYNC_NO = 1,          /* try: too few; test: not set */
        SYNC_DIED = 4,        /* -EOWNERDEAD */
        SYNC_TIMED_OUT = 124, /* as timeout(1) */
        SYNC_CANNOT_RUN = 126,
        SYNC_NO_COMMAND = 127,
};

/* Options: a verb says which it takes. */
enum {
        SYNC_EXIST_OK = 1 << 0,
        SYNC_OWNED = 1 << 1,
        SYNC_MAX = 1 << 2,
        SYNC_PERMITS = 1 << 3, /* -n */
        SYNC_TIMEOUT = 1 << 4,
        SYNC_AUTO = 1 << 5,
        SYNC_SET = 1 << 6,
        SYNC_SHRINK = 1 << 7,
        SYNC_MEMBERS = 1 << 8,
        SYNC_JSON = 1 << 9,
};

/* One command line, read. */
struct sync_call {
        const struct sync_kind *kind;
        const struct sync_verb *verb;
        const char *operand; /* ARENA/NAME as it was given */
        char arena_name[WEFT_ARENA_NAME_MAX + 1];
        const char *name; /* of the object */
        weft_arena_t *arena;
        bool made;         /* the arena, by us */
        void *handle;      /* of the kind's type; NULL: create */
        unsigned options;  /* that were given */
        uint64_t n, max;   /* -n (else 1), --max (else 0) */
        uint64_t deadline; /* --timeout, else WEFT_NEVER */
        uint64_t number;   /* the verb's argument (else 1) */
        int argc;          /* what follows VERB */
        char **argv;
        int die_by; /* at the very end: this signal */
};

/* What has to be there before the verb runs. */
enum sync_how {
        SYNC_USE,  /* the object */
        SYNC_LOOK, /* the object; reading is enough */
        SYNC_MAKE, /* the arena, which is made if it is not there */
};

struct sync_verb {
        const char *name;                  /* NULL ends the list */
        int (*run)(struct sync_call *c);   /* an exit code */
        int (*parse)(struct sync_call *c); /* its argument, before anything is made */
        enum sync_how how;
        unsigned options;
        int least, most;       /* arguments; most < 0: any number, and a COMMAND */
        const char *arguments; /* for messages: "VALUE" */
};

struct sync_kind {
        const char *name; /* as the directory has it: "semaphore" */
        const char *died; /* what -EOWNERDEAD means here */
        int (*open)(weft_arena_t *arena, const char *name, void **handle);
        void (*close)(void *handle);
        const struct sync_verb *verbs;
};

/* Reads the command line, opens what it needs, runs the verb, closes. An exit code. */
int sync_main(const struct sync_kind *kind, int argc, char **argv);

/* `weft KIND ARENA/NAME info`: as weft stat. */
int sync_info(struct sync_call *c);

/* Create: `make` is called with or_open false, and then, if the name is taken and
 * --exist-ok was given, once more with true. */
int sync_create(struct sync_call *c, const void *options,
                int (*make)(struct sync_call *c, const void *options, bool or_open));

/* For parse: the verb's argument, if there is one, becomes c->number. 0, or CLI_USAGE after
 * saying so. */
int sync_argument(struct sync_call *c, uint64_t least, uint64_t most);

/* A call that may wait has returned: from now on no signal ends the command, so that
 * what was got is not lost between here and the exit code that tells of it. */
void sync_waited(void);

/* For a child: the signals as they were before sync_waited(). */
void sync_signals_restore(void);

/* Done: CLI_OK. With --json {"name", "done": true} and `fields`, which it drops (NULL:
 * none). */
int sync_done(struct sync_call *c, json_t *fields);

/* Not so: SYNC_NO, and in JSON "done": false. */
int sync_no(struct sync_call *c);

/* Prints a number, or an object with it as `key`. */
int sync_number(struct sync_call *c, const char *key, uint64_t value);

/* Done or what an error code of weft means for this kind: an exit code. */
int sync_result(struct sync_call *c, int rc);

/* Runs c->argv until it ends, and passes signals on to it. Its exit code; c->die_by is
 * set if a signal killed it. */
int sync_run_command(struct sync_call *c);

/* "1.5", "500ms", "2s", "1m", "1h" as nanoseconds: 0, or -EINVAL. */
int sync_parse_time(const char *text, uint64_t *ns);

#endif
