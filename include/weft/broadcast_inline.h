/* weft/broadcast_inline.h -- the shortest way of weft_broadcast_publish() and
 * weft_broadcast_next(), compiled into the caller. <weft/broadcast.h> includes it; there is
 * nothing here to be called.
 *
 * It is for elements of 8 bytes in a BLOCK ring of ONE producer, for the thread that has the
 * producer's seat, and for subscribers: all else, and whatever is not as usual, goes on in the
 * library. The protocol is the library's, which is made of these same lines:
 * structures/broadcast_shared.h explains it, and the edges named here.
 *
 * What handles look like up to the structs `near`, and what those hold, is compiled in here:
 * whoever changes it gives the functions that end in _1 below another number. A program that
 * was built before does then not start with that library, and none goes wrong.
 *
 * WEFT_BROADCAST_NO_INLINE, defined before <weft/broadcast.h>, leaves it out. Without
 * optimization, and with other compilers, it is out anyway.
 */
#ifndef WEFT_BROADCAST_INLINE_H
#define WEFT_BROADCAST_INLINE_H

#include <stdint.h>

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weft_broadcast;
struct weft_subscriber;

/* The rest of what is done here. Not to be called. */
WEFT_API WEFT_CHECK int weft_broadcast_publish_far_1(struct weft_broadcast *broadcast,
                                                     const void *element,
                                                     uint64_t deadline);
WEFT_API WEFT_CHECK int weft_broadcast_next_far_1(struct weft_subscriber *subscriber,
                                                  void *element, uint64_t *sequence,
                                                  uint64_t *lost, uint64_t deadline);
WEFT_API void weft_broadcast_retracted_1(struct weft_broadcast *broadcast);
WEFT_API void weft_broadcast_published_1(struct weft_broadcast *broadcast);
WEFT_API void weft_broadcast_passed_1(struct weft_subscriber *subscriber);

/* The short way of the one producer, in this process: see broadcast_shared.h. `thread` is
 * whose it is, by its number, while it is open; 0 is nobody's. It is open as long as
 * the limit's version is `turn`. That is read before `thread`, and written after that has been
 * 0. What is here is the producer's alone, and 0 in the child of a fork. */
struct weft_broadcast_near {
        uint64_t turn;
        uint64_t thread;   /* in lines */
        uint64_t *version; /* in shared memory, with what lies around it: see below */
        uint64_t at;       /* the address at which position 0 would be in this round */
        uint64_t pos;      /* the next one, if `turn` stands; 0: not known */
        uint64_t *words;   /* shared: 7 and a stamp are a line */
        uint64_t mask;     /* of positions */
        uint64_t ahead; /* positions: so far before they are needed lines are asked for */
        uint64_t cells; /* `thread`, in cells: for the library */
        uint64_t spare[7];
};

struct weft_broadcast_view_ { /* how a handle is made up */
        uint64_t handle[512];
        struct weft_broadcast_near near;
};

/* That of a subscriber. It is open while `thread` is his, and his seat still has `word`. */
struct weft_subscriber_near {
        uint64_t pos;   /* wanted next */
        uint64_t until; /* positions below were there when `pos` came to their line */
        uint64_t word;
        uint64_t *seat; /* shared */
        uint64_t at;    /* like the producer's, */
        uint64_t *version;
        uint64_t base; /* of `pos` in its line: what it is more than its sequence */
        uint64_t mask;
        uint64_t tell; /* the cursor is told when these bits become 0 */
        uint64_t spare[7];
};

struct weft_subscriber_view_ {
        uint64_t subscriber[448];
        struct weft_subscriber_near near;
        uint64_t rest[48];
        uint64_t thread; /* 0 in the child of a fork */
};

enum {
        WEFT_CAST_FAR_ = 1, /* not done: the library has to */
        WEFT_CAST_WORDS_ = 7,
        /* What lies how many words from the version. */
        WEFT_CAST_LO_ = -1,
        WEFT_CAST_NOT_EMPTY_ = 1,
        WEFT_CAST_NOT_FULL_ = 3,
        WEFT_CAST_SLEEPERS_ = 0x7ffff, /* of such a word's upper half */
        WEFT_CAST_TAIL_ = 15,
        /* Of a seat's words. */
        WEFT_CAST_TOLD_ = 1,
        WEFT_CAST_CURSOR_ = 8,
};

/* The door to shared memory, for this file alone. On x86 a load acquires and a store
 * releases where the compiler keeps the order, for which there are barriers; it has no reason
 * to cut these in two. */
#if defined(__SANITIZE_THREAD__)
#define WEFT_CAST_TSAN_
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_CAST_TSAN_
#endif
#endif
#ifdef WEFT_CAST_TSAN_
#define WEFT_CAST_GET_(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define WEFT_CAST_SET_(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#else
#define WEFT_CAST_GET_(p) (*(p))
#define WEFT_CAST_SET_(p, v) ((void)(*(volatile uint64_t *)(p) = (v)))
#endif
#define WEFT_CAST_INLINE_ \
        extern inline __attribute__((gnu_inline, always_inline, artificial))
#define WEFT_CAST_BARRIER_() __asm__ __volatile__("" : : : "memory")
#define WEFT_CAST_RARE_(x) __builtin_expect(!!(x), 0)

WEFT_CAST_INLINE_ uint64_t *weft_cast_stamp_(uint64_t *word)
{
        return (uint64_t *)((uintptr_t)word | 56);
}

/* Does anybody sleep at that word? */
WEFT_CAST_INLINE_ uint32_t weft_cast_sleepers_(uint64_t *word)
{
        return WEFT_CAST_GET_((uint32_t *)(void *)word + 1) & WEFT_CAST_SLEEPERS_;
}

/* The producer has come to the line at `next`. Once in a round of the ring the address of a
 * position changes. The short way goes on only if all of the line is below the limit.
 *
 * Subscribers have a line that they have read still in their caches: it is asked for some
 * lines before it is written anew, but not before it has been read. */
WEFT_CAST_INLINE_ void weft_cast_next_line_(struct weft_broadcast_near *near,
                                            uint64_t next)
{
        uint64_t *version = near->version, lo = WEFT_CAST_GET_(&version[WEFT_CAST_LO_]);
        uint64_t ahead = next + near->ahead;
        near->pos = next;
        WEFT_CAST_SET_(&version[WEFT_CAST_TAIL_], next); /* [H] */
        if (!(next & near->mask))
                near->at -= (near->mask + 1) * sizeof(uint64_t);
        if (WEFT_CAST_RARE_(next + WEFT_CAST_WORDS_ > lo))
                WEFT_CAST_SET_(&near->thread, 0); /* [O] */
        else if (ahead < lo)
                __asm__ __volatile__("prefetchw %0"
                                     :
                                     : "m"(near->words[ahead & near->mask]));
}

/* Publishes, if the short way is this thread's.
 *
 * Crash in publish: until the last stamp nothing has happened, and who sits down next takes
 * it back; after it all has. */
WEFT_CAST_INLINE_ int weft_broadcast_publish_near_(struct weft_broadcast *broadcast,
                                                   const void *element)
{
        struct weft_broadcast_near *near =
                &((struct weft_broadcast_view_ *)(void *)broadcast)->near;
        uint64_t turn = WEFT_CAST_GET_(&near->turn), *version, *word, p, value; /* [O] */

        WEFT_CAST_BARRIER_();
        if (WEFT_CAST_RARE_(WEFT_CAST_GET_(&near->thread) != weft_thread_number_))
                return WEFT_CAST_FAR_;
        version = near->version;
        if (WEFT_CAST_RARE_(WEFT_CAST_GET_(version) != turn)) /* [L] */
                return WEFT_CAST_FAR_;
        p = near->pos;
        word = (uint64_t *)(uintptr_t)(near->at + p * sizeof(uint64_t));
        __builtin_memcpy(&value, element, sizeof value);
        WEFT_CAST_SET_(weft_cast_stamp_(word), 2 * p);
        WEFT_CAST_BARRIER_(); /* the other half is membarrier */
        if (WEFT_CAST_RARE_(WEFT_CAST_GET_(version) != turn)) { /* [L] */
                weft_broadcast_retracted_1(broadcast);
                return WEFT_CAST_FAR_;
        }
        WEFT_CAST_SET_(word, value);
        WEFT_CAST_SET_(weft_cast_stamp_(word), 2 * p + 1); /* [P] LP of publish */
        if (WEFT_CAST_RARE_(((p + 2) & WEFT_CAST_WORDS_) == 0))
                weft_cast_next_line_(near, p + 2);
        else
                near->pos = p + 1;
        WEFT_CAST_BARRIER_(); /* the other half is membarrier */
        if (WEFT_CAST_RARE_(weft_cast_sleepers_(&version[WEFT_CAST_NOT_EMPTY_])))
                weft_broadcast_published_1(broadcast);
        return 0;
}

/* Gets what is next, if the short way is this thread's and something is there. The stamp is
 * looked at once for all that is there by then: so a line that is being filled is not asked
 * for more often than need be. Nothing is replaced before it is passed.
 *
 * Crash in next: what was read counts for nobody: its subscription goes, too. */
WEFT_CAST_INLINE_ int weft_broadcast_next_near_(struct weft_subscriber *subscriber,
                                                void *element, uint64_t *sequence,
                                                uint64_t *lost)
{
        struct weft_subscriber_view_ *s =
                (struct weft_subscriber_view_ *)(void *)subscriber;
        struct weft_subscriber_near *near = &s->near;
        uint64_t *seat, *word, p, stamp, value;

        if (WEFT_CAST_RARE_(WEFT_CAST_GET_(&s->thread) != weft_thread_number_))
                return WEFT_CAST_FAR_;
        seat = near->seat;
        if (WEFT_CAST_RARE_(WEFT_CAST_GET_(seat) != near->word)) /* [J] */
                return WEFT_CAST_FAR_;
        p = near->pos;
        word = (uint64_t *)(uintptr_t)(near->at + p * sizeof(uint64_t));
        if (WEFT_CAST_RARE_(p >= near->until)) {
                stamp = WEFT_CAST_GET_(weft_cast_stamp_(word)) + 1; /* [P] LP of empty */
                if (WEFT_CAST_RARE_(stamp / 2 - p - 1 >= WEFT_CAST_WORDS_))
                        return WEFT_CAST_FAR_;
                near->until = stamp / 2;
                WEFT_CAST_BARRIER_();
        }
        value = WEFT_CAST_GET_(word);
        __builtin_memcpy(element, &value, sizeof value);
        if (sequence)
                *sequence = p - near->base;
        if (lost)
                *lost = 0;
        WEFT_CAST_BARRIER_();
        if (WEFT_CAST_RARE_(((p + 2) & WEFT_CAST_WORDS_) == 0)) {
                WEFT_CAST_SET_(&near->pos, p + 2);
                WEFT_CAST_SET_(&seat[WEFT_CAST_CURSOR_], p + 2); /* [N] LP of room */
                near->base++;
                if (!((p + 2) & near->mask))
                        near->at -= (near->mask + 1) * sizeof(uint64_t);
                if (!((p + 2) & near->tell))
                        WEFT_CAST_SET_(&seat[WEFT_CAST_TOLD_], p + 2); /* [N] */
        } else {
                WEFT_CAST_SET_(&near->pos, p + 1);
                WEFT_CAST_SET_(&seat[WEFT_CAST_CURSOR_], p + 1); /* [N] LP of room */
        }
        WEFT_CAST_BARRIER_(); /* the other half is membarrier */
        if (WEFT_CAST_RARE_(weft_cast_sleepers_(&near->version[WEFT_CAST_NOT_FULL_])))
                weft_broadcast_passed_1(subscriber);
        return 0;
}

#if !defined(WEFT_BROADCAST_NO_INLINE) && defined(__OPTIMIZE__) && defined(__GNUC__) && \
        defined(__x86_64__)

/* Is it known that an element's pointer points to a word, if not that it is all of it? Then a
 * copy may be what the library gets, and the word itself stays in a register of the caller's. */
#define WEFT_CAST_IS_WORD_(element) \
        (__builtin_object_size((element), 0) == sizeof(uint64_t) && \
         __builtin_object_size((element), 2) == sizeof(uint64_t))

/* Is it known to be no word? */
#define WEFT_CAST_IS_SMALL_(element) \
        (__builtin_object_size((element), 0) < sizeof(uint64_t))

WEFT_CAST_INLINE_ int weft_broadcast_publish(struct weft_broadcast *broadcast,
                                             const void *element, uint64_t deadline)
{
        if (WEFT_CAST_IS_WORD_(element)) {
                uint64_t value, copy;
                int rc;
                __builtin_memcpy(&value, element, sizeof value);
                rc = broadcast ? weft_broadcast_publish_near_(broadcast, &value)
                               : WEFT_CAST_FAR_;
                if (rc != WEFT_CAST_FAR_)
                        return rc;
                copy = value;
                return weft_broadcast_publish_far_1(broadcast, &copy, deadline);
        }
        if (!WEFT_CAST_IS_SMALL_(element) && !WEFT_CAST_RARE_(!broadcast) &&
            !WEFT_CAST_RARE_(!element)) {
                int rc = weft_broadcast_publish_near_(broadcast, element);
                if (rc != WEFT_CAST_FAR_)
                        return rc;
        }
        return weft_broadcast_publish_far_1(broadcast, element, deadline);
}

/* Of words, what is told besides is told by way of copies: nobody's pointer to it goes to the
 * library. The element's does, for a ring may have shorter ones. */
WEFT_CAST_INLINE_ int weft_broadcast_next(struct weft_subscriber *subscriber,
                                          void *element, uint64_t *sequence,
                                          uint64_t *lost, uint64_t deadline)
{
        int known = subscriber && element && !WEFT_CAST_IS_SMALL_(element);
        uint64_t number = 0, its_number = 0, its_lost = 0;
        int rc = WEFT_CAST_FAR_;

        if (!WEFT_CAST_IS_WORD_(element)) {
                if (!WEFT_CAST_RARE_(!known))
                        rc = weft_broadcast_next_near_(subscriber, element, sequence,
                                                       lost);
                return rc != WEFT_CAST_FAR_
                               ? rc
                               : weft_broadcast_next_far_1(subscriber, element, sequence,
                                                           lost, deadline);
        }
        if (!WEFT_CAST_RARE_(!known))
                rc = weft_broadcast_next_near_(subscriber, element,
                                               sequence ? &number : 0, 0);
        if (!WEFT_CAST_RARE_(rc == WEFT_CAST_FAR_)) {
                if (lost)
                        *lost = 0;
        } else {
                rc = weft_broadcast_next_far_1(subscriber, element, &its_number,
                                               &its_lost, deadline);
                if (lost)
                        *lost = its_lost;
                if (rc < 0)
                        return rc;
                number = its_number;
        }
        if (sequence)
                *sequence = number;
        return 0;
}
#endif

#ifdef __cplusplus
}
#endif
#endif
