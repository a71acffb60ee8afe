/* cli/run_function.h -- the stage './FILE.so:FUNCTION=ARGUMENT': a function of bytes, called
 * for each item. */
#ifndef WEFT_CLI_RUN_FUNCTION_H
#define WEFT_CLI_RUN_FUNCTION_H

#include "cli/run.h"

struct weft_function;

struct run_function {
        const struct weft_function *function;
        const char *argument; /* a string, or NULL */
        char *out;
        size_t room;
};

/* Reads what stands behind the file: `stage` becomes what the plan says of it, to be freed.
 * 0, or an exit code after a message. */
int run_function_read(const char *file, const char *behind, char **stage);

/* In the worker: finds it. After a message, an error. */
int run_function_open(struct run_function *f, const char *stage);
void run_function_close(struct run_function *f);

/* Calls it for one item: how many bytes have come out, at f->out, with 8 to read behind
 * them; 0: none; or an error, after a message. */
int64_t run_function_call(struct run_function *f, const char *item, size_t bytes);

#endif
