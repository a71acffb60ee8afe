/* weft/function.h -- functions that travel: known by name in every process.
 *
 * A function pointer means nothing in another process. A function that travels has a name,
 * the types of what goes in and comes out, and a kind; each process registers it, by a
 * constructor macro or a call, or has it loaded from a file: "./x.so:name". A closure is a
 * name and some bytes of argument.
 *
 * The one ABI is that of a chunk: a function over n items. A function of one item is run
 * through an adapter.
 *
 * Progress  find and list are wait-free from a thread's first one on, while no file has to
 *           be loaded; register and unregister take a lock of this process, and so does
 *           loading, which calls dlopen().
 * Crash     nothing is shared: it dies with the process. After fork() the child has what
 *           the parent had.
 * Threads   any. What was found stays valid as long as the process lives, and may be called
 *           as long as its code is there.
 * Errors    -ENOENT no such name, or no such file; -EPROTO types that do not fit, a file that
 *           cannot be loaded, or an exported symbol that is no function; -EEXIST another one
 *           has the name; -EINVAL, -ENAMETOOLONG, -ENOMEM. weft_function_detail() tells which
 *           name, file or type
 * Source    the table: Shalev and Shavit, Split-ordered lists (J. ACM 2006), in liburcu.
 */
#ifndef WEFT_FUNCTION_H
#define WEFT_FUNCTION_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- types ------------------------------------------------------------------ */

struct weft_type {
        uint32_t bytes; /* of one item; 1: bytes, as many as there are; 0: nothing */
        uint32_t align; /* a power of two; 0 is 1 */
        uint64_t tag;   /* which type of that size; 0 matches any */
};

/* The tag of a type of this name: never 0, the same in every process. */
WEFT_API uint64_t weft_type_tag(const char *name);

static inline struct weft_type weft_type_make(size_t bytes, size_t align,
                                              const char *name)
{
        struct weft_type type = { (uint32_t)bytes, (uint32_t)align, 0 };
        if (name)
                type.tag = weft_type_tag(name);
        return type;
}

/* The type T, as WEFT_TYPE(struct point, "point"); with NULL for a name it matches any of
 * its size. */
#ifdef __cplusplus
#define WEFT_TYPE(T, name) weft_type_make(sizeof(T), alignof(T), name)
#else
#define WEFT_TYPE(T, name) weft_type_make(sizeof(T), _Alignof(T), name)
#endif
#define WEFT_TYPE_BYTES weft_type_make(1, 1, NULL) /* bytes, as many as there are */
#define WEFT_TYPE_NONE weft_type_make(0, 0, NULL)  /* nothing goes in, or comes out */

/* ---- functions -------------------------------------------------------------- */

/* `n` items in; at most `room` items out: how many, or a negated error number.
 * -EOVERFLOW: `room` is too small; then nothing has been done that a second call, with
 * more room, would do again. `argument` is the closure's, or NULL. */
typedef int64_t weft_chunk_fn(const void *in, size_t n, void *out, size_t room,
                              const void *argument);

/* One item in. 0: one has been written to `out`; 1: none (a filter); or a negated error
 * number. */
typedef int weft_item_fn(const void *in, void *out, const void *argument);

enum weft_function_kind {
        WEFT_FUNCTION_ITEM = 1,
        WEFT_FUNCTION_CHUNK = 2,
};

#define WEFT_FUNCTION_NAME_MAX 255 /* bytes, without the final 0 */

struct weft_function {
        const char *name;
        uint32_t kind; /* enum weft_function_kind: which of the two below it is */
        struct weft_type in, out;
        weft_item_fn *item;
        weft_chunk_fn *chunk;
};

/*
 * Makes it known in this process. What `function` points to is copied, the name too. A name
 * is 1 to WEFT_FUNCTION_NAME_MAX bytes without control characters and does not begin with '.'
 * or '/'. The very same function may be registered again: it is then known until it has
 * been unregistered as often. -EEXIST: another one has the name.
 *
 * In a constructor of a file that weft_function_find() loads it becomes known as
 * "/that/file.so:name", and so does not meet the names of others.
 */
WEFT_API WEFT_CHECK int weft_function_register(const struct weft_function *function);

/* Makes it unknown. -ENOENT. */
WEFT_API WEFT_CHECK int weft_function_unregister(const struct weft_function *function);

/*
 * At file scope: registers `fn` under `name`, a string, before main() or when the shared
 * object that it stands in is loaded, and unregisters it when that is unloaded. What cannot
 * be registered (its name is taken) is told on standard error; it is then not known.
 *
 *   static int half(const void *in, void *out, const void *argument) { ... }
 *   WEFT_FUNCTION_ITEM("half", half, WEFT_TYPE(int, "int"), WEFT_TYPE(int, "int"))
 */
#define WEFT_FUNCTION_ITEM(name, fn, in, out) \
        WEFT_FUNCTION_AT_(__COUNTER__, name, WEFT_FUNCTION_ITEM, in, out, fn, NULL)
#define WEFT_FUNCTION_CHUNK(name, fn, in, out) \
        WEFT_FUNCTION_AT_(__COUNTER__, name, WEFT_FUNCTION_CHUNK, in, out, NULL, fn)

/* private to the macros */
#define WEFT_FUNCTION_AT_(number, name, kind, in, out, item, chunk) \
        WEFT_FUNCTION_ON_(number, name, kind, in, out, item, chunk)
#define WEFT_FUNCTION_ON_(number, name, kind, in, out, item, chunk) \
        __attribute__((constructor)) static void weft_function_begin_##number(void) \
        { \
                struct weft_function function_ = { name, kind, in, out, item, chunk }; \
                weft_function_constructed_(&function_, 1); \
        } \
        __attribute__((destructor)) static void weft_function_end_##number(void) \
        { \
                struct weft_function function_ = { name, kind, in, out, item, chunk }; \
                weft_function_constructed_(&function_, 0); \
        }
WEFT_API void weft_function_constructed_(const struct weft_function *function,
                                         int begins);

/*
 * Finds one by name. A name that begins with "./", "../" or "/" has a file before its last
 * ':', a shared object, which is loaded if it has not been (RTLD_NOW | RTLD_LOCAL) and stays.
 * There it is what the file registers under the name, or else an exported
 * `struct weft_function` of that name, which needs nothing of this library. Its full name,
 * (*function)->name, has the file's real path and is understood in any working directory.
 */
WEFT_API WEFT_CHECK int weft_function_find(const char *name,
                                           const struct weft_function **function);

/* Does it take `in` and give `out`? NULL is not asked for. Sizes must be equal, and tags,
 * unless one is 0; and what the function asks of alignment must be given, and of `out` what
 * the caller asks. -EPROTO: the detail names both. */
WEFT_API WEFT_CHECK int weft_function_check(const struct weft_function *function,
                                            const struct weft_type *in,
                                            const struct weft_type *out);

/* Runs it over `n` items at `in`, with room for `room` items at `out`: how many came out, or
 * an error: its own, and what is at `out` then means nothing. A function of one item needs
 * room for as many as go in, else -EOVERFLOW; with no input type it is called n times. */
WEFT_API WEFT_CHECK int64_t weft_function_call(const struct weft_function *function,
                                               const void *in, size_t n, void *out,
                                               size_t room, const void *argument);

/* Calls `each` for all that are known, in no order. A non-zero return of `each` ends it and
 * is returned. -ENOMEM. */
WEFT_API WEFT_CHECK int
weft_function_list(int (*each)(const struct weft_function *function, void *context),
                   void *context);

/* What was wrong in this thread's last call here that failed, and of calls that find
 * functions for others (weft_submit() and so on): one line, with the names. Valid until the
 * thread's next one. */
WEFT_API const char *weft_function_detail(void);

#ifdef __cplusplus
}
#endif
#endif
