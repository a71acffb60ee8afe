/* cli/stat.h -- facts about objects, a line or a JSON member each. */
#ifndef WEFT_CLI_STAT_H
#define WEFT_CLI_STAT_H

#include "cli/cli.h"

void stat_number(json_t *into, const char *key, uint64_t value, bool bytes);
void stat_words(json_t *into, const char *key, const char *value);

/* What there is to say of a mutex, a semaphore and so on; nothing of other kinds. 0 or an
 * error of weft. */
int stat_sync(weft_arena_t *arena, const char *kind, const char *name, json_t *into);

/* `weft stat OPERAND` where the arena is open already. An exit code. */
int cli_stat_object(weft_arena_t *arena, const char *operand, const char *name);

#endif
