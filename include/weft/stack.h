/* weft/stack.h -- LIFO stack, many pushers, many poppers, many processes.
 *
 * Elements of 1 B to 1 MiB, as many as the arena has room for, or as `capacity` says.
 * Memory is taken as it grows, an eighth of what there is at a time, kept for the elements
 * to come, and given back with the stack.
 *
 * Progress  lock-free: whoever is stopped or killed at any instruction, the others go
 *           on. Waiting happens only where a deadline says so.
 * Order     linearizable LIFO: the newest element comes out first.
 * Crash     a push has happened or it has not. A popped element belongs to its popper:
 *           if that dies, it is gone; so is what a drain took and had not handed out.
 *           Memory in the hands of the dead comes back.
 * Threads   a handle may be used by all threads of a process.
 * Errors    -EAGAIN, -ETIMEDOUT full or empty; -EPIPE shut down (and empty);
 *           -ENOSPC push: no memory for one more, said at once, as others may not free any;
 *           pop: none for this thread's first call (seats from 32 on); nothing is changed;
 *           -EBUSY a drain in a drain's callback; -EROFS; -EUCLEAN; -EMFILE no seat left;
 *           -ENOENT the object was removed while this process had no living agent; -EINVAL
 * Source    Treiber, Systems Programming: Coping with Parallelism (IBM RJ 5118, 1986), with
 *           a tag; each change is signed, and who overwrites a sign files it for recovery:
 *           in the spirit of detectable CAS (Ben-Baruch, Hendler, Rusanovsky, DISC 2020).
 */
#ifndef WEFT_STACK_H
#define WEFT_STACK_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_stack weft_stack_t; /* process-local handle */

#define WEFT_STACK_CAPACITY_MAX ((UINT64_C(1) << 31) - 1)
#define WEFT_STACK_ELEMENT_MAX (UINT32_C(1) << 20)

struct weft_stack_options {
        uint64_t
                capacity; /* elements, exactly; 0: only memory is the limit. None of it is
                              set aside at once */
        uint32_t element_bytes; /* 1 to WEFT_STACK_ELEMENT_MAX */
        uint32_t flags;         /* 0 */
};

/* Makes a stack under `name` and opens it. -EEXIST, -EINVAL, -ENOSPC, -EMFILE, names as
 * in <weft/object.h>. */
WEFT_API WEFT_CHECK int weft_stack_create(weft_arena_t *arena, const char *name,
                                          const struct weft_stack_options *options,
                                          weft_stack_t **stack);

/* Opens one. -ENOENT; -EPROTO if the name is of another kind or format. */
WEFT_API WEFT_CHECK int weft_stack_open(weft_arena_t *arena, const char *name,
                                        weft_stack_t **stack);

/* Opens it, or makes it if it is not there. An existing one must have the same element
 * size, else -EPROTO; its capacity may differ. */
WEFT_API WEFT_CHECK int
weft_stack_create_or_open(weft_arena_t *arena, const char *name,
                          const struct weft_stack_options *options, weft_stack_t **stack);

/* Ends this handle. NULL is allowed. Close it before its arena. */
WEFT_API void weft_stack_close(weft_stack_t *stack);

/* The owner to weft_block_give() a block to that should go when the stack goes. */
WEFT_API weft_owner_t weft_stack_owner(const weft_stack_t *stack);

/* Copies one element in, or out. Waits until `deadline` while there are `capacity`
 * elements, or none. */
WEFT_API WEFT_CHECK int weft_stack_push(weft_stack_t *stack, const void *element,
                                        uint64_t deadline);
WEFT_API WEFT_CHECK int weft_stack_pop(weft_stack_t *stack, void *element,
                                       uint64_t deadline);

/* Up to `n` elements in one call: waits for the first as above, then takes what goes
 * without waiting. Returns how many went, >= 1, or an error; n == 0 returns 0. Up to 32 of
 * them (fewer of more than 2 KiB) go in one step, with nobody's between: where n is not more
 * than that, and there is room for all, all of them. The last one pushed is the top; the
 * first one popped was. */
WEFT_API WEFT_CHECK int64_t weft_stack_push_n(weft_stack_t *stack, const void *elements,
                                              size_t n, uint64_t deadline);
WEFT_API WEFT_CHECK int64_t weft_stack_pop_n(weft_stack_t *stack, void *elements,
                                             size_t n, uint64_t deadline);

/* Copies the top element out and leaves it there. Never waits: -EAGAIN, or -EPIPE, when
 * there is none. Works read-only. */
WEFT_API WEFT_CHECK int weft_stack_peek(weft_stack_t *stack, void *element);

/*
 * Takes all there is, in one step, and hands it to `each`, the newest first; with NULL, to
 * nobody. Returns how many it handed out, 0 when there were none. `element` is the
 * caller's own until `each` returns, aligned to 16 (8 for up to 8 bytes). If that is not 0,
 * it was the last one: the rest is dropped, as if popped. `each` may push and pop here, but
 * not drain.
 */
WEFT_API WEFT_CHECK int64_t weft_stack_drain(weft_stack_t *stack,
                                             int (*each)(void *element, void *context),
                                             void *context);

/* Elements in it now; >= 0. Works read-only. */
WEFT_API WEFT_CHECK int64_t weft_stack_length(weft_stack_t *stack);

/* No more pushes: they get -EPIPE. Pops empty it, then get -EPIPE. For ever, for everyone;
 * idempotent. Wakes all who wait. */
WEFT_API WEFT_CHECK int weft_stack_shutdown(weft_stack_t *stack);

struct weft_stack_info {
        uint64_t capacity; /* 0: only memory is the limit */
        uint64_t length;   /* elements in it */
        uint64_t
                nodes; /* places for an element that were ever used: the sum of length, */
        uint64_t held; /* those that agents keep at hand, */
        uint64_t idle; /* and those that anybody may use next */
        uint32_t element_bytes;
        uint32_t flags;
        uint32_t shut;    /* 1 after weft_stack_shutdown() */
        uint32_t waiting; /* agents asleep here */
};

/* A snapshot; exact while nobody changes the stack. Takes time for each place that is
 * idle. Works read-only. */
WEFT_API WEFT_CHECK int weft_stack_info(weft_stack_t *stack,
                                        struct weft_stack_info *info);

#ifdef __cplusplus
}
#endif
#endif
