/* weft/wait.h -- deadlines: absolute CLOCK_MONOTONIC nanoseconds.
 *
 * Every call of weft that may wait takes one. They are absolute, so that they
 * compose: compute one, pass it to ten calls, and all ten end by it. CLOCK_MONOTONIC
 * is one clock for all processes of a machine, so a deadline may travel too.
 *
 * Blocking  a waiting call spins for a moment where that can pay, then sleeps on a
 *           shared futex; it looks again at least every 50 ms, so that a waker that
 *           died between its change and its wake costs a moment, never a hang.
 * Threads   all calls here are safe from any thread and from signal handlers.
 */
#ifndef WEFT_WAIT_H
#define WEFT_WAIT_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_NOW UINT64_C(0)  /* try: never wait; what would wait is -EAGAIN */
#define WEFT_NEVER UINT64_MAX /* wait for as long as it takes */
#define WEFT_MSEC UINT64_C(1000000)
#define WEFT_SEC UINT64_C(1000000000)

/* The present time, in nanoseconds of CLOCK_MONOTONIC. Wait-free. */
WEFT_API uint64_t weft_now(void);

/* The deadline `ns` nanoseconds from now; WEFT_NEVER if that does not fit. */
WEFT_API uint64_t weft_after(uint64_t ns);

#ifdef __cplusplus
}
#endif
#endif
