/* weft/ring_inline.h -- the shortest way of weft_ring_push() and weft_ring_pop(), compiled
 * into the caller. <weft/ring.h> includes it; there is nothing here to be called.
 *
 * It is for elements of 8 bytes, for those of 57 to 120 bytes where the compiler sees how
 * long what it is given is, and for the thread that holds the side: all else, and whatever is
 * not as usual, goes on in the library. The protocol is the library's, which is
 * made of these same lines: structures/ring_shared.h explains it, and the edges named here.
 *
 * What a handle looks like up to `struct weft_ring_near`, and what that holds, is compiled
 * in here: whoever changes it gives the functions that end in _2 below another number. A
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
WEFT_API WEFT_CHECK int weft_ring_push_far_2(struct weft_ring *ring, const void *element,
                                             uint64_t deadline);
WEFT_API WEFT_CHECK int weft_ring_pop_far_2(struct weft_ring *ring, void *element,
                                            uint64_t deadline);
WEFT_API WEFT_CHECK int weft_ring_pushed_2(struct weft_ring *ring, uint64_t was);
WEFT_API void weft_ring_popped_2(struct weft_ring *ring);

/* The short way of a side, in this process. `thread` is whose it is, by its number, while it
 * is open; 0 is nobody's. It is open as long as `turn` is what stands in the side:
 * that word is counted up by whoever has to be heard by the holder, and when the side changes
 * hands. `turn` is read before `thread`, and written after that has been 0. What is here is
 * the holder's alone, and 0 in the child of a fork, as if nobody had been here. */
struct weft_ring_near {
        uint64_t turn;
        uint64_t thread;
        uint64_t *side; /* in shared memory, with what lies around it: see below */
        uint64_t at;    /* push: the address at which position 0 would be in this round */
        uint64_t pos;   /* push: the next one; all of its line is free while it is open */
        uint64_t *words; /* shared: 7 and a stamp are a line */
        uint64_t mask;   /* of positions */
        uint64_t tell;   /* the head is told when these bits become 0 */
        uint64_t ahead; /* positions: so far before they are needed lines are asked for */
        /* Elements that are no words: what changes is in shared memory, all of it. */
        uint64_t wide;  /* as `thread` */
        uint64_t bytes; /* of an element alone in its unit, else 0 */
        uint64_t half;  /* bytes: of half a unit, which is two positions */
        uint64_t spare[4];
};

struct weft_ring_view { /* how a handle is made up */
        uint64_t handle[512];
        struct weft_ring_near near[2]; /* by side */
};

enum {
        WEFT_RING_FAR_ = 1, /* not done: the library has to */
        WEFT_RING_WORDS_ = 7,
        WEFT_RING_WIDE_ = 120, /* bytes: with a stamp, two lines */
        WEFT_RING_LOOKS_ = 8,  /* before it is said to be empty: so it is seen at once */
        /* What lies how many words from a side's first one. */
        WEFT_RING_POS_ = 1,
        WEFT_RING_LIMIT_ = 2,
        WEFT_RING_TURN_ = 3,
        WEFT_RING_HEAD_ = 16,   /* pop */
        WEFT_RING_FILLED_ = 24, /* pop */
};

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

/* Is the short way this thread's, and open? Then the side, else NULL. */
WEFT_RING_INLINE_ uint64_t *weft_ring_near_side_(const struct weft_ring_near *near,
                                                 uint64_t *turn)
{
        uint64_t *side;
        *turn = WEFT_RING_GET_(&near->turn);
        WEFT_RING_BARRIER_();
        if (WEFT_RING_RARE_(WEFT_RING_GET_(&near->thread) != weft_thread_number_))
                return 0;
        side = near->side;
        return WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_TURN_]) != *turn) ? 0
                                                                                : side;
}

WEFT_RING_INLINE_ uint64_t *weft_ring_stamp_(uint64_t *word)
{
        return (uint64_t *)((uintptr_t)word | 56);
}

/* The producer has come to the line at `next`. Once in a round of the ring the address of a
 * position changes. The short way goes on only if all of the line is free.
 *
 * The consumer has a line that he has read still in his cache: it is asked for some lines
 * before it is written anew, but not before it has been read. */
WEFT_RING_INLINE_ void weft_ring_next_line_(struct weft_ring_near *near, uint64_t next)
{
        uint64_t *side = near->side, limit = WEFT_RING_GET_(&side[WEFT_RING_LIMIT_]);
        uint64_t ahead = next + near->ahead;
        WEFT_RING_SET_(&side[WEFT_RING_POS_], next);
        near->pos = next;
        if (!(next & near->mask))
                near->at -= (near->mask + 1) * sizeof(uint64_t);
        if (WEFT_RING_RARE_(next + WEFT_RING_WORDS_ > limit))
                WEFT_RING_SET_(&near->thread, 0);
        else if (ahead < limit)
                __asm__ __volatile__("prefetchw %0"
                                     :
                                     : "m"(near->words[ahead & near->mask]));
}

/* Pushes, if the short way is this thread's. What is needed is loaded before the stores.
 *
 * Crash in push: until the stamp nothing has happened, after it all has. */
WEFT_RING_INLINE_ int weft_ring_push_near_(struct weft_ring *ring, const void *element)
{
        struct weft_ring_near *near = &((struct weft_ring_view *)(void *)ring)->near[0];
        uint64_t turn, *side = weft_ring_near_side_(near, &turn), *word, t, value;

        if (!side) /* [T] */
                return WEFT_RING_FAR_;
        t = near->pos;
        word = (uint64_t *)(uintptr_t)(near->at + t * sizeof(uint64_t));
        __builtin_memcpy(&value, element, sizeof value);
        WEFT_RING_BARRIER_();
        WEFT_RING_SET_(word, value);
        WEFT_RING_SET_(weft_ring_stamp_(word), t + 1); /* [P] LP of push */
        if (WEFT_RING_RARE_(((t + 2) & WEFT_RING_WORDS_) == 0))
                weft_ring_next_line_(near, t + 2);
        else
                near->pos = t + 1;
        WEFT_RING_BARRIER_(); /* the other half is membarrier */
        if (WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_TURN_]) != turn)) /* [T] */
                return weft_ring_pushed_2(ring, t);
        return 0;
}

/* The same for elements of so many bytes, which have two lines of their own. */
WEFT_RING_INLINE_ uint64_t *weft_ring_wide_side_(const struct weft_ring_near *near,
                                                 uint64_t bytes, uint64_t *turn)
{
        uint64_t *side;
        *turn = WEFT_RING_GET_(&near->turn);
        WEFT_RING_BARRIER_();
        if (WEFT_RING_RARE_(WEFT_RING_GET_(&near->wide) != weft_thread_number_) ||
            WEFT_RING_RARE_(near->bytes != bytes))
                return 0;
        side = near->side;
        return WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_TURN_]) != *turn) ? 0
                                                                                : side;
}

WEFT_RING_INLINE_ char *weft_ring_unit_(const struct weft_ring_near *near, uint64_t pos)
{
        return (char *)near->words + (pos & near->mask) * near->half;
}

WEFT_RING_INLINE_ uint64_t *weft_ring_unit_stamp_(const struct weft_ring_near *near,
                                                  char *unit)
{
        return (uint64_t *)(void *)(unit + 2 * near->half) - 1;
}

/* Crash in push: until the stamp nothing has happened, after it all has. */
WEFT_RING_INLINE_ int weft_ring_push_wide_(struct weft_ring *ring, const void *element,
                                           uint64_t bytes)
{
        struct weft_ring_near *near = &((struct weft_ring_view *)(void *)ring)->near[0];
        uint64_t turn, *side = weft_ring_wide_side_(near, bytes, &turn), t, limit;
        char *unit;

        if (!side) /* [T] */
                return WEFT_RING_FAR_;
        t = WEFT_RING_GET_(&side[WEFT_RING_POS_]);
        limit = WEFT_RING_GET_(&side[WEFT_RING_LIMIT_]);
        if (WEFT_RING_RARE_(t >= limit))
                return WEFT_RING_FAR_;
        unit = weft_ring_unit_(near, t);
        __builtin_memcpy(unit, element, bytes);
        WEFT_RING_BARRIER_();
        WEFT_RING_SET_(weft_ring_unit_stamp_(near, unit), t + 1); /* [P] LP of push */
        WEFT_RING_SET_(&side[WEFT_RING_POS_], t + 2);
        if (t + 2 + near->ahead < limit) {
                unit = weft_ring_unit_(near, t + 2 + near->ahead);
                __builtin_prefetch(unit, 1);
                __builtin_prefetch(weft_ring_unit_stamp_(near, unit), 1);
        }
        WEFT_RING_BARRIER_(); /* the other half is membarrier */
        if (WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_TURN_]) != turn)) /* [T] */
                return weft_ring_pushed_2(ring, t);
        return 0;
}

/* Crash in pop: until the position is stored nothing has happened. */
WEFT_RING_INLINE_ int weft_ring_pop_wide_(struct weft_ring *ring, void *element,
                                          uint64_t bytes)
{
        struct weft_ring_near *near = &((struct weft_ring_view *)(void *)ring)->near[1];
        uint64_t turn, *side = weft_ring_wide_side_(near, bytes, &turn), h;
        char *unit;
        int looks = WEFT_RING_LOOKS_;

        if (!side) /* [T] */
                return WEFT_RING_FAR_;
        h = WEFT_RING_GET_(&side[WEFT_RING_POS_]);
        unit = weft_ring_unit_(near, h);
        while (WEFT_RING_GET_(weft_ring_unit_stamp_(near, unit)) != h + 1) {
                WEFT_RING_BARRIER_();
                if (!--looks) /* [P] LP of empty */
                        return WEFT_RING_FAR_;
        }
        WEFT_RING_BARRIER_();
        __builtin_memcpy(element, unit, bytes);
        WEFT_RING_BARRIER_();
        WEFT_RING_SET_(&side[WEFT_RING_POS_], h + 2); /* [O] LP of pop */
        if (!((h + 2) & near->tell))
                WEFT_RING_SET_(&side[WEFT_RING_HEAD_], h + 2); /* [O] */
        if (h + 2 + near->ahead < WEFT_RING_GET_(&side[WEFT_RING_FILLED_])) {
                unit = weft_ring_unit_(near, h + 2 + near->ahead);
                __builtin_prefetch(unit, 0);
                __builtin_prefetch(weft_ring_unit_stamp_(near, unit), 0);
        }
        WEFT_RING_BARRIER_(); /* the other half is membarrier */
        if (WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_TURN_]) != turn)) /* [T] */
                weft_ring_popped_2(ring);
        return 0;
}

/* Pops, if the short way is this thread's and something is there. The stamp, which is a
 * position in the line of `word` or of an earlier round, is looked at once for all that is
 * there by then: so a line that is being filled is not asked for more often than need be.
 *
 * Crash in pop: until the position is stored nothing has happened; after it the element is
 * the popper's, and dies with it. */
WEFT_RING_INLINE_ int weft_ring_pop_near_(struct weft_ring *ring, void *element)
{
        struct weft_ring_near *near = &((struct weft_ring_view *)(void *)ring)->near[1];
        uint64_t turn, *side = weft_ring_near_side_(near, &turn), *word, h, stamp, value;

        if (!side) /* [T] */
                return WEFT_RING_FAR_;
        h = WEFT_RING_GET_(&side[WEFT_RING_POS_]);
        word = near->words + (h & near->mask);
        if (WEFT_RING_RARE_(h >= WEFT_RING_GET_(&side[WEFT_RING_LIMIT_]))) {
                int looks = WEFT_RING_LOOKS_;
                for (;;) {
                        stamp = WEFT_RING_GET_(
                                weft_ring_stamp_(word)); /* [P] LP of empty */
                        if (stamp - h - 1 < WEFT_RING_WORDS_)
                                break;
                        WEFT_RING_BARRIER_();
                        if (!--looks)
                                return WEFT_RING_FAR_;
                }
                if (h + near->ahead < WEFT_RING_GET_(&side[WEFT_RING_FILLED_]))
                        __builtin_prefetch(&near->words[(h + near->ahead) & near->mask]);
                WEFT_RING_SET_(&side[WEFT_RING_LIMIT_], stamp);
                WEFT_RING_BARRIER_();
        }
        value = WEFT_RING_GET_(word);
        __builtin_memcpy(element, &value, sizeof value);
        WEFT_RING_BARRIER_();
        if (WEFT_RING_RARE_(((h + 2) & WEFT_RING_WORDS_) == 0)) {
                WEFT_RING_SET_(&side[WEFT_RING_POS_], h + 2); /* [O] LP of pop */
                if (!((h + 2) & near->tell))
                        WEFT_RING_SET_(&side[WEFT_RING_HEAD_], h + 2); /* [O] */
        } else {
                WEFT_RING_SET_(&side[WEFT_RING_POS_], h + 1); /* [O] LP of pop */
        }
        WEFT_RING_BARRIER_(); /* the other half is membarrier */
        if (WEFT_RING_RARE_(WEFT_RING_GET_(&side[WEFT_RING_TURN_]) != turn)) /* [T] */
                weft_ring_popped_2(ring);
        return 0;
}

#if !defined(WEFT_RING_NO_INLINE) && defined(__OPTIMIZE__) && defined(__GNUC__) && \
        defined(__x86_64__)

/* Is it known that an element's pointer points to a word, if not that it is all of it? Then a
 * copy may be what the library gets, and the word itself stays in a register of the caller's. */
#define WEFT_RING_IS_WORD_(element) \
        (__builtin_object_size((element), 0) == sizeof(uint64_t) && \
         __builtin_object_size((element), 2) == sizeof(uint64_t))

/* Is it known to be no word? */
#define WEFT_RING_IS_SMALL_(element) \
        (__builtin_object_size((element), 0) < sizeof(uint64_t))

/* Is it known to be one element that has lines of its own, and is copied in place? */
#define WEFT_RING_IS_WIDE_(element) \
        (__builtin_object_size((element), 0) > sizeof(uint64_t) * WEFT_RING_WORDS_ && \
         __builtin_object_size((element), 0) <= WEFT_RING_WIDE_)

WEFT_RING_INLINE_ int weft_ring_push(struct weft_ring *ring, const void *element,
                                     uint64_t deadline)
{
        if (WEFT_RING_IS_WORD_(element)) {
                uint64_t value, copy;
                int rc;
                __builtin_memcpy(&value, element, sizeof value);
                rc = ring ? weft_ring_push_near_(ring, &value) : WEFT_RING_FAR_;
                if (rc != WEFT_RING_FAR_)
                        return rc;
                copy = value;
                return weft_ring_push_far_2(ring, &copy, deadline);
        }
        if (WEFT_RING_IS_WIDE_(element)) {
                int rc = ring && element
                                 ? weft_ring_push_wide_(ring, element,
                                                        __builtin_object_size(element, 0))
                                 : WEFT_RING_FAR_;
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        if (!WEFT_RING_IS_SMALL_(element) && !WEFT_RING_RARE_(!ring) &&
            !WEFT_RING_RARE_(!element)) {
                int rc = weft_ring_push_near_(ring, element);
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        return weft_ring_push_far_2(ring, element, deadline);
}

WEFT_RING_INLINE_ int weft_ring_pop(struct weft_ring *ring, void *element,
                                    uint64_t deadline)
{
        if (WEFT_RING_IS_WIDE_(element)) {
                int rc = ring && element
                                 ? weft_ring_pop_wide_(ring, element,
                                                       __builtin_object_size(element, 0))
                                 : WEFT_RING_FAR_;
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        if (!WEFT_RING_IS_SMALL_(element) && !WEFT_RING_RARE_(!ring) &&
            !WEFT_RING_RARE_(!element)) {
                int rc = weft_ring_pop_near_(ring, element);
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        return weft_ring_pop_far_2(ring, element, deadline);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
