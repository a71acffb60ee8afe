/* weft/ring_inline.h -- the shortest way of weft_ring_push() and weft_ring_pop(), compiled
 * into the caller. <weft/ring.h> includes it; there is nothing here to be called.
 *
 * It is for elements of 8 bytes, and for the thread that holds the side: all else, and
 * whatever is not as usual, goes on in the library. The protocol is the library's, which is
 * made of these same lines: structures/ring_shared.h explains it, and the edges named here.
 *
 * What a handle looks like up to `struct weft_ring_near`, and what that holds, is compiled
 * in here: whoever changes it gives the functions that end in _1 below another number. A
 * program that was built before does then not start with that library, and none goes wrong.
 *
 * WEFT_RING_NO_INLINE, defined before <weft/ring.h>, leaves it out. Without optimization,
 * and with other compilers, it is out anyway.
 */
#ifndef WEFT_RING_INLINE_H
#define WEFT_RING_INLINE_H

#include <stdint.h>

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weft_ring;

/* The rest of what is done here. Not to be called. */
WEFT_API WEFT_CHECK int weft_ring_push_far_1(struct weft_ring *ring, const void *element,
                                             uint64_t deadline);
WEFT_API WEFT_CHECK int weft_ring_pop_far_1(struct weft_ring *ring, void *element,
                                            uint64_t deadline);
WEFT_API WEFT_CHECK int weft_ring_pushed_1(struct weft_ring *ring, uint64_t was);
WEFT_API WEFT_CHECK int weft_ring_popped_1(struct weft_ring *ring);

/* Who may take the short way on a side: a thread, by its thread pointer, and what stands in
 * the seat when it is his. While that stands there he lives, and no other thread has his
 * pointer. It is written by who holds the seat, `seat` last; so `seat` is read first. All is 0
 * in the child of a fork, and 0 is nobody's thread. */
struct weft_ring_key {
        uint64_t thread;
        uint64_t seat;
};

/* What a handle knows of a side, if elements are words; constant. */
struct weft_ring_near {
        struct weft_ring_key *key;
        uint64_t *side;  /* in shared memory, with what lies around it: see below */
        uint64_t *words; /* shared: 7 and a stamp are a line */
        uint64_t mask;   /* of positions */
        uint64_t tell;   /* the head is told when these bits become 0 */
};

struct weft_ring_view { /* how a handle begins */
        uint64_t handle[8];
        struct weft_ring_near near[2]; /* by side */
};

enum {
        WEFT_RING_FAR_ = 1, /* not done: the library has to */
        WEFT_RING_WORDS_ = 7,
        WEFT_RING_AHEAD_ = 48, /* positions: 6 lines */
        /* What lies how many words from a side's first one. */
        WEFT_RING_SEAT_ = 0,
        WEFT_RING_POS_ = 1,
        WEFT_RING_LIMIT_ = 2,
        WEFT_RING_CLOSING_ = -8,   /* push */
        WEFT_RING_NOT_EMPTY_ = -6, /* push */
        WEFT_RING_NOT_FULL_ = -20, /* pop */
        WEFT_RING_HEAD_ = 16,      /* pop */
};
#define WEFT_RING_WAITERS_ (UINT64_C(0x7ffff) << 32)

/* The door to shared memory, for this file alone. On x86 a load acquires and a store
 * releases where the compiler keeps the order, for which there are barriers; it has no reason
 * to cut these in two. */
#if defined(__SANITIZE_THREAD__)
#define WEFT_RING_TSAN_
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_RING_TSAN_
#endif
#endif
#ifdef WEFT_RING_TSAN_
#define WEFT_RING_GET_(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define WEFT_RING_SET_(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#else
#define WEFT_RING_GET_(p) (*(p))
#define WEFT_RING_SET_(p, v) ((void)(*(volatile uint64_t *)(p) = (v)))
#endif
#define WEFT_RING_INLINE_ \
        extern inline __attribute__((gnu_inline, always_inline, artificial))
#define WEFT_RING_BARRIER_() __asm__ __volatile__("" : : : "memory")
#define WEFT_RING_RARE_(x) __builtin_expect(!!(x), 0)

WEFT_RING_INLINE_ uint64_t weft_ring_thread_(void)
{
        uint64_t thread;
        __asm__("mov %%fs:0, %0" : "=r"(thread));
        return thread;
}

/* Does this thread hold the side, of a ring of words? */
WEFT_RING_INLINE_ int weft_ring_is_near_(const struct weft_ring_near *near)
{
        uint64_t seat = WEFT_RING_GET_(&near->key->seat);
        WEFT_RING_BARRIER_();
        return !WEFT_RING_RARE_(WEFT_RING_GET_(&near->side[WEFT_RING_SEAT_]) != seat) &&
               !WEFT_RING_RARE_(WEFT_RING_GET_(&near->key->thread) !=
                                weft_ring_thread_());
}

WEFT_RING_INLINE_ uint64_t *weft_ring_stamp_(uint64_t *word)
{
        return (uint64_t *)((uintptr_t)word | 56);
}

/* The consumer has a line that he has read still in his cache: it is asked for some lines
 * before it is written anew, but not before it has been read. */
WEFT_RING_INLINE_ void weft_ring_fetch_(const struct weft_ring_near *near, uint64_t pos)
{
        if (pos < WEFT_RING_GET_(&near->side[WEFT_RING_LIMIT_]))
                __asm__ __volatile__("prefetchw %0"
                                     :
                                     : "m"(near->words[pos & near->mask]));
}

/* Pushes, if this thread holds the side, and there is room by what it knows. What is needed
 * is loaded before the stores; and the end of a line is a branch, for each call waits for the
 * position that the last one stored.
 *
 * Crash in push: until the stamp nothing has happened, after it all has. */
WEFT_RING_INLINE_ int weft_ring_push_near_(struct weft_ring *ring, const void *element)
{
        const struct weft_ring_near *near =
                &((const struct weft_ring_view *)(const void *)ring)->near[0];
        uint64_t *side = near->side, *word, t, value;

        if (!weft_ring_is_near_(near) ||
            WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_CLOSING_]))) /* [C] */
                return WEFT_RING_FAR_;
        t = WEFT_RING_GET_(&side[WEFT_RING_POS_]);
        if (WEFT_RING_RARE_(t >= WEFT_RING_GET_(&side[WEFT_RING_LIMIT_])))
                return WEFT_RING_FAR_;
        word = near->words + (t & near->mask);
        __builtin_memcpy(&value, element, sizeof value);
        WEFT_RING_BARRIER_();
        WEFT_RING_SET_(word, value);
        WEFT_RING_SET_(weft_ring_stamp_(word), t + 1); /* [P] LP of push */
        if (WEFT_RING_RARE_(((t + 1) & WEFT_RING_WORDS_) == WEFT_RING_WORDS_)) {
                WEFT_RING_SET_(&side[WEFT_RING_POS_], t + 2);
                weft_ring_fetch_(near, t + WEFT_RING_AHEAD_);
        } else {
                WEFT_RING_SET_(&side[WEFT_RING_POS_], t + 1);
        }
        WEFT_RING_BARRIER_(); /* the other half is membarrier */
        if (WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_NOT_EMPTY_]) &
                            WEFT_RING_WAITERS_) ||
            WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_CLOSING_]))) /* [W] [C] */
                return weft_ring_pushed_1(ring, t);
        return 0;
}

/* Pops, if this thread holds the side and something is there. The stamp, which is a position
 * in the line of `word` or of an earlier round, is looked at once for all that is there by
 * then: so a line that is being filled is not asked for more often than need be.
 *
 * Crash in pop: until the position is stored nothing has happened; after it the element is
 * the popper's, and dies with it. */
WEFT_RING_INLINE_ int weft_ring_pop_near_(struct weft_ring *ring, void *element)
{
        const struct weft_ring_near *near =
                &((const struct weft_ring_view *)(const void *)ring)->near[1];
        uint64_t *side = near->side, *word, h, stamp, value;

        if (!weft_ring_is_near_(near))
                return WEFT_RING_FAR_;
        h = WEFT_RING_GET_(&side[WEFT_RING_POS_]);
        word = near->words + (h & near->mask);
        if (WEFT_RING_RARE_(h >= WEFT_RING_GET_(&side[WEFT_RING_LIMIT_]))) {
                stamp = WEFT_RING_GET_(weft_ring_stamp_(word)); /* [P] LP of empty */
                if (WEFT_RING_RARE_(stamp - h - 1 >= WEFT_RING_WORDS_))
                        return WEFT_RING_FAR_;
                WEFT_RING_SET_(&side[WEFT_RING_LIMIT_], stamp);
                WEFT_RING_BARRIER_();
        }
        value = WEFT_RING_GET_(word);
        __builtin_memcpy(element, &value, sizeof value);
        WEFT_RING_BARRIER_();
        if (WEFT_RING_RARE_(((h + 1) & WEFT_RING_WORDS_) == WEFT_RING_WORDS_)) {
                WEFT_RING_SET_(&side[WEFT_RING_POS_], h + 2); /* [O] LP of pop */
                if (!((h + 2) & near->tell))
                        WEFT_RING_SET_(&side[WEFT_RING_HEAD_], h + 2); /* [O] */
        } else {
                WEFT_RING_SET_(&side[WEFT_RING_POS_], h + 1); /* [O] LP of pop */
        }
        WEFT_RING_BARRIER_(); /* the other half is membarrier */
        if (WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_NOT_FULL_]) &
                            WEFT_RING_WAITERS_)) /* [W] */
                return weft_ring_popped_1(ring);
        return 0;
}

#if !defined(WEFT_RING_NO_INLINE) && defined(__OPTIMIZE__) && defined(__GNUC__) && \
        defined(__x86_64__)

WEFT_RING_INLINE_ int weft_ring_push(struct weft_ring *ring, const void *element,
                                     uint64_t deadline)
{
        if (!WEFT_RING_RARE_(!ring) && !WEFT_RING_RARE_(!element)) {
                int rc = weft_ring_push_near_(ring, element);
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        return weft_ring_push_far_1(ring, element, deadline);
}

WEFT_RING_INLINE_ int weft_ring_pop(struct weft_ring *ring, void *element,
                                    uint64_t deadline)
{
        if (!WEFT_RING_RARE_(!ring) && !WEFT_RING_RARE_(!element)) {
                int rc = weft_ring_pop_near_(ring, element);
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        return weft_ring_pop_far_1(ring, element, deadline);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
