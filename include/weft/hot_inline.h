/* weft/hot_inline.h -- the shortest way of weft_hot_emit() and weft_hot_next(), compiled into
 * the caller: the ring's, see <weft/broadcast_inline.h>. <weft/hot.h> includes it; there is
 * nothing here to be called.
 *
 * WEFT_HOT_NO_INLINE, defined before <weft/hot.h>, leaves it out.
 */
#ifndef WEFT_HOT_INLINE_H
#define WEFT_HOT_INLINE_H

#include <weft/base.h>
#include <weft/broadcast_inline.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weft_hot;
struct weft_hot_subscriber;

/* The rest of what is done here. Not to be called. */
WEFT_API WEFT_CHECK int weft_hot_emit_far_1(struct weft_hot *hot, const void *item,
                                            uint64_t deadline);
WEFT_API WEFT_CHECK int weft_hot_next_far_1(struct weft_hot_subscriber *subscriber,
                                            void *item, uint64_t *sequence,
                                            uint64_t *lost, uint64_t deadline);

struct weft_hot_view_ { /* how a handle is made up, and a subscription */
        uint64_t handle[8];
        void *ring; /* a handle on it, or a subscription */
};

#if !defined(WEFT_HOT_NO_INLINE) && !defined(WEFT_BROADCAST_NO_INLINE) && \
        defined(__OPTIMIZE__) && defined(__GNUC__) && defined(__x86_64__)

WEFT_CAST_INLINE_ int weft_hot_emit(struct weft_hot *hot, const void *item,
                                    uint64_t deadline)
{
        struct weft_hot_view_ *view = (struct weft_hot_view_ *)(void *)hot;
        if (WEFT_CAST_IS_WORD_(item)) {
                uint64_t value, copy;
                int rc;
                __builtin_memcpy(&value, item, sizeof value);
                rc = hot ? weft_broadcast_publish_near_(
                                   (struct weft_broadcast *)view->ring, &value)
                         : WEFT_CAST_FAR_;
                if (rc != WEFT_CAST_FAR_)
                        return rc;
                copy = value;
                return weft_hot_emit_far_1(hot, &copy, deadline);
        }
        if (!WEFT_CAST_IS_SMALL_(item) && !WEFT_CAST_RARE_(!hot) &&
            !WEFT_CAST_RARE_(!item)) {
                int rc = weft_broadcast_publish_near_((struct weft_broadcast *)view->ring,
                                                      item);
                if (rc != WEFT_CAST_FAR_)
                        return rc;
        }
        return weft_hot_emit_far_1(hot, item, deadline);
}

WEFT_CAST_INLINE_ int weft_hot_next(struct weft_hot_subscriber *subscriber, void *item,
                                    uint64_t *sequence, uint64_t *lost, uint64_t deadline)
{
        struct weft_hot_view_ *view = (struct weft_hot_view_ *)(void *)subscriber;
        int known = subscriber && item && !WEFT_CAST_IS_SMALL_(item);
        uint64_t number = 0, its_number = 0, its_lost = 0;
        int rc = WEFT_CAST_FAR_;

        if (!WEFT_CAST_IS_WORD_(item)) {
                if (!WEFT_CAST_RARE_(!known))
                        rc = weft_broadcast_next_near_(
                                (struct weft_subscriber *)view->ring, item, sequence,
                                lost);
                return rc != WEFT_CAST_FAR_
                               ? 1
                               : weft_hot_next_far_1(subscriber, item, sequence, lost,
                                                     deadline);
        }
        if (!WEFT_CAST_RARE_(!known))
                rc = weft_broadcast_next_near_((struct weft_subscriber *)view->ring, item,
                                               sequence ? &number : 0, 0);
        if (!WEFT_CAST_RARE_(rc == WEFT_CAST_FAR_)) {
                if (lost)
                        *lost = 0;
        } else {
                rc = weft_hot_next_far_1(subscriber, item, &its_number, &its_lost,
                                         deadline);
                if (lost)
                        *lost = its_lost;
                if (rc != 1)
                        return rc;
                number = its_number;
        }
        if (sequence)
                *sequence = number;
        return 1;
}
#endif

#ifdef __cplusplus
}
#endif
#endif
