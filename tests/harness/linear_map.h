/* tests/harness/linear_map.h -- a model of a map: each key for itself.
 *
 * Keys have nothing to do with each other, so a history is linearizable if the events of
 * each key are. An event says which key it is about.
 */
#ifndef WEFT_TESTS_HARNESS_LINEAR_MAP_H
#define WEFT_TESTS_HARNESS_LINEAR_MAP_H

#include "tests/harness/linear.h"

/* Refused stands for: not there; of insert: it is; of cas: another version. */
enum linear_map_what {
        LINEAR_MAP_GET = LINEAR_MORE, /* value, and result: its version (0: not told) */
        LINEAR_MAP_PUT,               /* value */
        LINEAR_MAP_INSERT,            /* value */
        LINEAR_MAP_REPLACE,           /* value */
        LINEAR_MAP_REMOVE,
        LINEAR_MAP_CAS, /* value, if the version is `extra`; result: what it is now */
        LINEAR_MAP_REMOVE_IF,     /* the same, without a value */
        LINEAR_MAP_ADD,           /* value is added; result: the sum */
        LINEAR_MAP_GET_OR_INSERT, /* value; refused: result is the value that was there */
};

/* One key, not there at the beginning. A version may become larger by itself if the history
 * has this flag. */
enum { LINEAR_MAP_GROWS = 1 };

extern const struct linear_model linear_map_key;

/* All events of the log that are about `key`. False when they are too many for a check. */
bool linear_history_of_key(const struct linear_log *log, unsigned key,
                           struct linear_history *history);

void linear_map_selftest(void);

#endif
