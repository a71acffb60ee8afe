/* weft/signal.h -- one versioned value that everybody sees, and may wait to see change.
 *
 * Not a Unix signal: the cell of reactive programming. Each set makes a new version.
 *
 * Progress  lock-free (P2): a stopped or dead writer is stepped over. Readers write
 *           nothing, and work read-only.
 * Order     linearizable; versions count up by one a set.
 * Crash     a set has happened or it has not. A torn value is never seen.
 * Threads   any.
 * Errors    -EAGAIN compare-and-set: another version; wait: unchanged, WEFT_NOW
 *           -ETIMEDOUT; -ENOSPC no memory for this agent's first set; -EINVAL
 *           -ECANCELED update: the function said no; -EROFS; those of <weft/object.h>
 * Source    a swap of buffers whose outcome recovery can tell: sync/ledger_shared.h.
 */
#ifndef WEFT_SIGNAL_H
#define WEFT_SIGNAL_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_signal weft_signal_t; /* process-local handle */

#define WEFT_SIGNAL_BYTES_MAX 4096

struct weft_signal_options {
        uint32_t bytes;    /* of the value: 1 to WEFT_SIGNAL_BYTES_MAX */
        uint32_t flags;    /* 0 */
        const void *value; /* the first one; NULL: zeroes */
};

/* Makes one under `name`, with version 1; opens one; does either (-EPROTO if the sizes
 * differ). */
WEFT_API WEFT_CHECK int weft_signal_create(weft_arena_t *arena, const char *name,
                                           const struct weft_signal_options *options,
                                           weft_signal_t **signal);
WEFT_API WEFT_CHECK int weft_signal_open(weft_arena_t *arena, const char *name,
                                         weft_signal_t **signal);
WEFT_API WEFT_CHECK int
weft_signal_create_or_open(weft_arena_t *arena, const char *name,
                           const struct weft_signal_options *options,
                           weft_signal_t **signal);
WEFT_API void weft_signal_close(weft_signal_t *signal);

/* Bytes of the value. */
WEFT_API uint32_t weft_signal_bytes(const weft_signal_t *signal);

/* Copies the value out. `version` may be NULL. */
WEFT_API WEFT_CHECK int weft_signal_get(weft_signal_t *signal, void *value,
                                        uint64_t *version);

WEFT_API WEFT_CHECK int weft_signal_set(weft_signal_t *signal, const void *value,
                                        uint64_t *version);

/* Sets it if its version is still `*version`; then that is the new one, and otherwise
 * (-EAGAIN) the one that is there. */
WEFT_API WEFT_CHECK int weft_signal_compare_and_set(weft_signal_t *signal,
                                                    const void *value, uint64_t *version);

/* Changes a copy of the value by `function`, which may be called several times and returns
 * 0, or anything else to leave the value as it is (-ECANCELED). */
WEFT_API WEFT_CHECK int weft_signal_update(weft_signal_t *signal,
                                           int (*function)(void *value, void *context),
                                           void *context, uint64_t *version);

/* Waits until its version is not `*version`; copies the value out (`value` may be NULL)
 * and its version. Versions in between may have been missed. */
WEFT_API WEFT_CHECK int weft_signal_wait_change(weft_signal_t *signal, void *value,
                                                uint64_t *version, uint64_t deadline);

struct weft_signal_info {
        uint64_t version;
        uint32_t bytes;
        uint32_t waiting; /* who sleep; the dead count until they are settled */
};

/* Works read-only. */
WEFT_API WEFT_CHECK int weft_signal_info(weft_signal_t *signal,
                                         struct weft_signal_info *info);

#ifdef __cplusplus
}
#endif
#endif
