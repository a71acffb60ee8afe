/* codata/hot_drive.c -- a cold stream drives a hot one: by its caller, or a thread. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "codata/hot_internal.h"
#include "codata/stream_internal.h"

#define SLICE (20 * WEFT_MSEC) /* a thread looks this often whether it is to end */

/* ---- drive -------------------------------------------------------------------------- */

/* How it has ended, for who finds that it has. */
static int end_of(weft_hot_t *hot)
{
        int error;
        return weft_hot_end(weft_hot_sh(hot), &error) ? error : -EUCLEAN;
}

/* Until as many are behind `cold` as were emitted: 0; 1: it has no more; or as a pull. */
static int64_t skip(weft_stream_t *cold, uint64_t *n, uint64_t emitted, uint64_t deadline)
{
        while (*n < emitted) {
                void *items = NULL;
                int64_t got = weft_stream_sip(cold, &items, deadline);
                if (got <= 0)
                        return got ? got : 1;
                uint64_t left = emitted - *n, all = (uint64_t)got;
                uint64_t old = left < all ? left : all;
                *n += old;
                weft_stream_put_back(cold, old, all - old);
        }
        return 0;
}

/* The seat is ours. How `cold` has ended (*over), or what kept us from emitting. */
static int run(weft_hot_t *hot, weft_stream_t *cold, uint64_t *n, uint64_t emitted,
               uint64_t deadline, bool *over)
{
        int64_t rc = skip(cold, n, emitted, deadline);
        *over = rc != 0;
        while (!rc) {
                void *items = NULL;
                rc = weft_stream_sip(cold, &items, deadline);
                *over = rc <= 0;
                if (*over)
                        break;
                rc = weft_hot_emit_chunk(hot, cold, items, (size_t)rc, n, deadline);
        }
        return rc > 0 ? 0 : (int)rc;
}

/* Ends the hot stream as the run has ended, unless it goes on. */
static int conclude(weft_hot_t *hot, int rc, bool over)
{
        if (weft_stream_later(rc) || (rc == -EBUSY && !over))
                return rc;
        if (rc == -EPIPE && !over) /* somebody else has ended it */
                return end_of(hot);
        int ended = weft_hot_finish(hot, rc);
        return ended == -EALREADY ? end_of(hot) : ended ? ended : rc;
}

static int seated(weft_hot_t *hot, weft_stream_t *cold, uint64_t *n, uint64_t emitted,
                  uint64_t deadline)
{
        bool over = false;
        int rc = run(hot, cold, n, emitted, deadline, &over);
        return conclude(hot, rc, over);
}

/* Crash in drive: as in claim, emit, finish, yield. */
int weft_hot_drive(weft_hot_t *hot, weft_stream_t *cold, uint64_t *n, uint32_t flags,
                   uint64_t deadline)
{
        uint64_t unasked = 0, emitted = 0;
        struct weft_hot_info info;
        int rc = weft_hot_refuses("drive", hot, cold);
        if (!rc && flags & ~(uint32_t)WEFT_HOT_SKIP)
                rc = -EINVAL;
        if (rc)
                return (int)weft_stream_sunk(cold, rc);
        rc = weft_hot_claim(hot, &emitted, deadline);
        bool kept = rc == -EDEADLK;
        if (kept) {
                rc = weft_hot_info(hot, &info);
                emitted = info.emitted;
        }
        if (rc == -EPIPE)
                return (int)weft_stream_sunk(cold, end_of(hot));
        if (rc)
                return (int)weft_stream_sunk(cold, rc);
        rc = seated(hot, cold, n ? n : &unasked, flags & WEFT_HOT_SKIP ? emitted : 0,
                    deadline);
        if (!kept)
                (void)!weft_hot_yield(hot);
        return (int)weft_stream_sunk(cold, rc);
}

/* ---- share ------------------------------------------------------------------------------ */

struct weft_hot_share {
        weft_hot_t *hot;
        weft_stream_t *cold;
        uint64_t process; /* whose the thread is */
        uint32_t flags;
        pthread_t thread;
        struct weft_tally_shared stop; /* in this process alone */
        int rc;
};

static bool is_stopped(const void *share)
{
        return weft_tally_get(&((const struct weft_hot_share *)share)->stop);
}

static void *drive(void *context)
{
        struct weft_hot_share *share = context;
        uint64_t n = 0;
        int rc = weft_hot_claim_unless(share->hot, NULL, is_stopped, share, WEFT_NEVER);
        bool sits = rc == 0;
        do {
                if (sits)
                        rc = weft_hot_drive(share->hot, share->cold, &n, share->flags,
                                            weft_after(SLICE));
        } while (sits && weft_stream_later(rc) && !is_stopped(share));
        if (!sits || weft_stream_later(rc))
                weft_stream_free(share->cold);
        if (sits)
                (void)!weft_hot_yield(share->hot);
        share->rc = rc == -EPIPE            ? end_of(share->hot)
                    : weft_stream_later(rc) ? -ECANCELED
                                            : rc;
        return NULL;
}

/* Signals are for the program's own threads. */
static int start(struct weft_hot_share *share)
{
        sigset_t all, was;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &was);
        int rc = pthread_create(&share->thread, NULL, drive, share);
        pthread_sigmask(SIG_SETMASK, &was, NULL);
        if (!rc)
                (void)pthread_setname_np(share->thread, "weft-hot");
        return rc ? -ENOMEM : 0;
}

static int open_for(weft_stream_t *cold, weft_arena_t *arena, const char *name,
                    const struct weft_hot_options *options, weft_hot_t **hot)
{
        if (!cold || !hot || !options)
                return -EINVAL;
        struct weft_hot_options o = *options;
        if (!o.element_bytes)
                o.element_bytes = weft_stream_item_bytes(cold);
        int rc = weft_stream_broken(cold) ? cold->over
                                          : weft_hot_create_or_open(arena, name, &o, hot);
        return rc ? rc : weft_hot_refuses("share", *hot, cold);
}

int weft_stream_share(weft_stream_t *cold, weft_arena_t *arena, const char *name,
                      const struct weft_hot_options *options, uint32_t flags,
                      weft_hot_t **hot)
{
        struct weft_hot_share *share = NULL;
        if (hot)
                *hot = NULL;
        int saved = errno;
        int rc = flags & ~(uint32_t)WEFT_HOT_SKIP
                         ? -EINVAL
                         : open_for(cold, arena, name, options, hot);
        if (!rc) {
                share = calloc(1, sizeof *share);
                rc = share ? 0 : -ENOMEM;
        }
        if (!rc) {
                share->hot = *hot;
                share->cold = cold;
                share->process = weft_process();
                share->flags = flags;
                rc = start(share);
        }
        errno = saved;
        if (!rc) {
                (*hot)->share = share;
                return 0;
        }
        free(share);
        weft_stream_free(cold);
        if (hot) {
                weft_hot_close(*hot);
                *hot = NULL;
        }
        return rc;
}

/* A child of the process that shares has no such thread, and leaves its stream alone. */
int weft_hot_unshare(weft_hot_t *hot)
{
        struct weft_hot_share *share = hot ? hot->share : NULL;
        int rc = -EINVAL;
        if (!share)
                return rc;
        hot->share = NULL;
        if (share->process == weft_process()) {
                (void)weft_tally_set_once(&share->stop, 1);
                pthread_join(share->thread, NULL);
                rc = share->rc;
        }
        free(share);
        return rc;
}
