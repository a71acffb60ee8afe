/* runtime/atomic.h -- the one door to atomic operations.
 *
 * The order is in the name, so that a reader sees it and grep finds it:
 *
 *   weft_load_{rlx,acq}(p)             weft_store_{rlx,rel}(p, v)
 *   weft_cas_{rlx,acq,rel,acq_rel}(p, &expect, v)     strong; updates expect
 *   weft_swap_acq_rel(p, v)            weft_add_{rlx,acq_rel}(p, v)   old value
 *   weft_or_acq_rel(p, v), weft_and_acq_rel(p, v)     old value (or: bit sets)
 *   weft_cas16_acq_rel(p, &expect, v)  16 bytes; updates expect
 *   weft_choose_acq(p, word, &a, b)    a if *p is that word, else b
 *   weft_is_{rlx,acq}(p, word)         is *p that word?
 *   weft_is_zero_acq(p)                is *p 0?
 *   weft_has_high_rlx(p, bits)         has the upper half of *p any of these bits?
 *   weft_fence_seq(), weft_pause()
 *
 * on weft_a32_t, weft_a64_t and weft_a128_t, which nothing else may read or write.
 * Concurrency Kit's ck_pr does the work. Under ThreadSanitizer, which cannot see into
 * inline assembly, the compiler's own C11 atomics do.
 */
#ifndef WEFT_RUNTIME_ATOMIC_H
#define WEFT_RUNTIME_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <ck_pr.h>

#if defined(__SANITIZE_THREAD__)
#define WEFT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_TSAN 1
#endif
#endif
#ifdef WEFT_TSAN
#include <sanitizer/tsan_interface.h>
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#define WEFT_IGNORE_READS_BEGIN() AnnotateIgnoreReadsBegin(__FILE__, __LINE__)
#define WEFT_IGNORE_READS_END() AnnotateIgnoreReadsEnd(__FILE__, __LINE__)
#else /* ThreadSanitizer must not see reads in between: of what may go, checked after */
#define WEFT_IGNORE_READS_BEGIN() ((void)0)
#define WEFT_IGNORE_READS_END() ((void)0)
#endif

typedef struct {
        uint32_t raw;
} weft_a32_t;

typedef struct {
        uint64_t raw;
} weft_a64_t;

/* Two words that change together. `lo` alone may be loaded as a hint. */
typedef union {
        _Alignas(16) uint64_t raw[2];
        struct {
                weft_a64_t lo, hi;
        };
} weft_a128_t;

struct weft_pair {
        _Alignas(16) uint64_t lo;
        uint64_t hi;
};

#ifdef WEFT_TSAN

#define weft_load_rlx(p) __atomic_load_n(&(p)->raw, __ATOMIC_RELAXED)
#define weft_load_acq(p) __atomic_load_n(&(p)->raw, __ATOMIC_ACQUIRE)
#define weft_store_rlx(p, v) __atomic_store_n(&(p)->raw, (v), __ATOMIC_RELAXED)
#define weft_store_rel(p, v) __atomic_store_n(&(p)->raw, (v), __ATOMIC_RELEASE)
#define WEFT_CAS(p, e, v, ok, fail) \
        __atomic_compare_exchange_n(&(p)->raw, (e), (v), false, ok, fail)
#define weft_cas_rlx(p, e, v) WEFT_CAS(p, e, v, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define weft_cas_acq(p, e, v) WEFT_CAS(p, e, v, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)
#define weft_cas_rel(p, e, v) WEFT_CAS(p, e, v, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define weft_cas_acq_rel(p, e, v) WEFT_CAS(p, e, v, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)
#define weft_swap_acq_rel(p, v) __atomic_exchange_n(&(p)->raw, (v), __ATOMIC_SEQ_CST)
#define weft_add_rlx(p, v) __atomic_fetch_add(&(p)->raw, (v), __ATOMIC_RELAXED)
#define weft_add_acq_rel(p, v) __atomic_fetch_add(&(p)->raw, (v), __ATOMIC_SEQ_CST)
#define weft_or_acq_rel(p, v) __atomic_fetch_or(&(p)->raw, (v), __ATOMIC_SEQ_CST)
#define weft_and_acq_rel(p, v) __atomic_fetch_and(&(p)->raw, (v), __ATOMIC_SEQ_CST)
#define weft_fence_seq() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define weft_pause() __builtin_ia32_pause()

#else /* Concurrency Kit */

#define WEFT_TYPED(p, op) \
        _Generic((p), weft_a32_t *: op##_32, const weft_a32_t *: op##_32, \
                 weft_a64_t *: op##_64, const weft_a64_t *: op##_64)

/* On x86 every load acquires and every store releases once the compiler keeps its
 * order, and every locked operation is a full fence; ck_pr's fences say just that. */
#define WEFT_DOOR(bits) \
        static inline uint##bits##_t weft_load_rlx_##bits(const weft_a##bits##_t *p) \
        { \
                return ck_pr_load_##bits(&p->raw); \
        } \
        static inline uint##bits##_t weft_load_acq_##bits(const weft_a##bits##_t *p) \
        { \
                uint##bits##_t v = ck_pr_load_##bits(&p->raw); \
                ck_pr_fence_acquire(); \
                return v; \
        } \
        static inline void weft_store_rlx_##bits(weft_a##bits##_t *p, uint##bits##_t v) \
        { \
                ck_pr_store_##bits(&p->raw, v); \
        } \
        static inline void weft_store_rel_##bits(weft_a##bits##_t *p, uint##bits##_t v) \
        { \
                ck_pr_fence_release(); \
                ck_pr_store_##bits(&p->raw, v); \
        } \
        static inline bool weft_cas_##bits(weft_a##bits##_t *p, uint##bits##_t *e, \
                                           uint##bits##_t v) \
        { \
                return ck_pr_cas_##bits##_value(&p->raw, *e, v, e); \
        } \
        static inline uint##bits##_t weft_swap_##bits(weft_a##bits##_t *p, \
                                                      uint##bits##_t v) \
        { \
                return ck_pr_fas_##bits(&p->raw, v); \
        } \
        static inline uint##bits##_t weft_add_##bits(weft_a##bits##_t *p, \
                                                     uint##bits##_t v) \
        { \
                return ck_pr_faa_##bits(&p->raw, v); \
        } \
        static inline uint##bits##_t weft_or_##bits(weft_a##bits##_t *p, \
                                                    uint##bits##_t v) \
        { \
                uint##bits##_t old = ck_pr_load_##bits(&p->raw); \
                while (!ck_pr_cas_##bits##_value(&p->raw, old, old | v, &old)) \
                        ; \
                return old; \
        } \
        static inline uint##bits##_t weft_and_##bits(weft_a##bits##_t *p, \
                                                     uint##bits##_t v) \
        { \
                uint##bits##_t old = ck_pr_load_##bits(&p->raw); \
                while (!ck_pr_cas_##bits##_value(&p->raw, old, old & v, &old)) \
                        ; \
                return old; \
        }

WEFT_DOOR(32)
WEFT_DOOR(64)

#define weft_load_rlx(p) WEFT_TYPED(p, weft_load_rlx)(p)
#define weft_load_acq(p) WEFT_TYPED(p, weft_load_acq)(p)
#define weft_store_rlx(p, v) WEFT_TYPED(p, weft_store_rlx)((p), (v))
#define weft_store_rel(p, v) WEFT_TYPED(p, weft_store_rel)((p), (v))
#define weft_cas_rlx(p, e, v) WEFT_TYPED(p, weft_cas)((p), (e), (v))
#define weft_cas_acq(p, e, v) weft_cas_rlx(p, e, v)
#define weft_cas_rel(p, e, v) weft_cas_rlx(p, e, v)
#define weft_cas_acq_rel(p, e, v) weft_cas_rlx(p, e, v)
#define weft_swap_acq_rel(p, v) WEFT_TYPED(p, weft_swap)((p), (v))
#define weft_add_rlx(p, v) WEFT_TYPED(p, weft_add)((p), (v))
#define weft_add_acq_rel(p, v) weft_add_rlx(p, v)
#define weft_or_acq_rel(p, v) WEFT_TYPED(p, weft_or)((p), (v))
#define weft_and_acq_rel(p, v) WEFT_TYPED(p, weft_and)((p), (v))
#define weft_fence_seq() ck_pr_fence_memory()
#define weft_pause() ck_pr_stall()

#endif

/* `*then` if *p is `word`, else `other`; never by a branch, which would be guessed wrong when it is a
 * guess, and cost the whole wait for memory. `then` is not shared. */
static inline __attribute__((always_inline)) uint64_t
weft_choose_acq(const weft_a64_t *p, uint64_t word, const uint64_t *then, uint64_t other)
{
#ifdef WEFT_TSAN
        return weft_load_acq(p) == word ? *then : other;
#else
        __asm__ __volatile__("cmpq %2, %3\n\tcmoveq %1, %0"
                             : "+r"(other)
                             : "m"(*then), "m"(p->raw), "r"(word)
                             : "cc");
        return other;
#endif
}

/* Is it that, still? In one instruction with the jump. */
static inline __attribute__((always_inline)) bool weft_is_acq(const weft_a64_t *p,
                                                              uint64_t word)
{
#ifdef WEFT_TSAN
        return weft_load_acq(p) == word;
#else
        __asm__ goto("cmpq %1, %0\n\tjne %l[other]"
                     :
                     : "m"(p->raw), "r"(word)
                     : "cc", "memory"
                     : other);
        return true;
other:
        return false;
#endif
}

#define weft_is_rlx(p, word) weft_is_acq(p, word)

/* Likewise, is it 0? */
static inline __attribute__((always_inline)) bool weft_is_zero_acq(const weft_a32_t *p)
{
#ifdef WEFT_TSAN
        return !weft_load_acq(p);
#else
        __asm__ goto("cmpl $0, %0\n\tjne %l[other]"
                     :
                     : "m"(p->raw)
                     : "cc", "memory"
                     : other);
        return true;
other:
        return false;
#endif
}

/* Likewise, has the upper half any of these bits? */
static inline __attribute__((always_inline)) bool weft_has_high_rlx(const weft_a64_t *p,
                                                                    uint32_t bits)
{
#ifdef WEFT_TSAN
        return weft_load_rlx(p) >> 32 & bits;
#else
        const uint32_t *high = (const uint32_t *)(const void *)&p->raw + 1;
        __asm__ goto("testl %1, %0\n\tjne %l[some]"
                     :
                     : "m"(*high), "ir"(bits)
                     : "cc", "memory"
                     : some);
        return false;
some:
        return true;
#endif
}

/* ThreadSanitizer's own 16-byte operations hold a lock of this process alone, so that two
 * processes undo each other's: it is told of the real one instead. Not ck_pr's: rbx, which the
 * instruction wants and a function must keep, is kept in a register and not on the stack, and
 * the answer is left in the flags. */
static inline __attribute__((always_inline)) bool
weft_cas16_acq_rel(weft_a128_t *p, struct weft_pair *expect, struct weft_pair v)
{
        bool done;
#ifdef WEFT_TSAN
        __tsan_release(p);
#endif
        __asm__ __volatile__("xchgq %%rbx, %[lo]\n\t"
                             "lock cmpxchg16b (%[at])\n\t"
                             "movq %[lo], %%rbx"
                             : [lo] "+&r"(v.lo), "=@ccz"(done), "+a"(expect->lo),
                               "+d"(expect->hi)
                             : [at] "S"(p), "c"(v.hi)
                             : "memory");
#ifdef WEFT_TSAN
        __tsan_acquire(p);
#endif
        return done;
}

/* Plain bytes into and out of shared memory, for readers that validate afterwards. A
 * crash may leave any part of them written. Under ThreadSanitizer they go word by
 * word as relaxed atomics, because such a race is meant. */
static inline void weft_copy_raw(void *to, const void *from, size_t n)
{
#ifdef WEFT_TSAN
        unsigned char *t = to;
        const unsigned char *f = from;
        for (size_t i = 0; i < n; i++)
                __atomic_store_n(t + i, __atomic_load_n(f + i, __ATOMIC_RELAXED),
                                 __ATOMIC_RELAXED);
#else
        memcpy(to, from, n);
#endif
}

static inline void weft_copy_in(void *shared, const void *local, size_t n)
{
        weft_copy_raw(shared, local, n);
}

static inline void weft_copy_out(void *local, const void *shared, size_t n)
{
        weft_copy_raw(local, shared, n);
}

#endif
