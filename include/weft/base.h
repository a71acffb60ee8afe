/* weft/base.h -- the types and marks that every public header shares. */
#ifndef WEFT_BASE_H
#define WEFT_BASE_H

#include <stddef.h>
#include <stdint.h>

#define WEFT_API __attribute__((visibility("default")))
#define WEFT_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A pointer that every process understands: where a block starts and which of
 * the block's lives is meant. 0 is none. A ref whose block has been freed since
 * is noticed (-ENOENT, or NULL from weft_at()), never followed; the life is
 * counted in 28 bits. It is a struct so that it cannot be mistaken for a pointer,
 * a length or an id. Copy it by value, into shared memory too.
 */
typedef struct {
        uint64_t v;
} weft_ref_t;

#ifdef __cplusplus
#define WEFT_REF_NONE (weft_ref_t{ 0 })
#else
#define WEFT_REF_NONE ((weft_ref_t){ 0 })
#endif

/*
 * Who owns a block: an agent (it comes back when the agent dies), an object (it
 * goes when the object goes) or the arena (it stays until somebody frees it).
 */
typedef struct {
        uint64_t v;
} weft_owner_t;

/* Process-local handle of one shared-memory arena: <weft/arena.h>. */
typedef struct weft_arena weft_arena_t;

/* How to open what others created. */
enum {
        WEFT_RDWR = 0,
        WEFT_RDONLY = 1, /* PROT_READ mapping: every change is -EROFS */
};

/* For <weft/ring_inline.h> and its like, not to be used or written: who this thread is. No
 * other thread of this process ever has this number, nor this one any more when it has joined
 * or left an arena; it is never 0, nor another thread's because it lies where that one lay. */
extern WEFT_API
        __attribute__((tls_model("initial-exec"))) __thread uint64_t weft_thread_number_;

#ifdef __cplusplus
}
#endif
#endif
