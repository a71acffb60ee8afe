/* bench/fd_bench.c -- an event loop hears of an element. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/sync_peers.h"

static int make(struct sync_set *set)
{
        struct weft_queue_options options = { .capacity = 1024, .element_bytes = 8 };
        weft_queue_t *queue = NULL;
        int rc = weft_queue_create(set->arena, "bench", &options, &queue);
        set->object[0] = queue;
        return bench_weft(rc, "weft_queue_create");
}

static void drop(struct sync_set *set)
{
        weft_queue_close(set->object[0]);
}

static int event_fd = -1; /* of the peer: inherited by its processes */

static int make_eventfd(struct sync_set *set)
{
        (void)set;
        event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return event_fd < 0 ? bench_cannot("no eventfd") : 0;
}

static void drop_eventfd(struct sync_set *set)
{
        (void)set;
        close(event_fd);
}

static void until_readable(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        uint64_t told;
        BENCH_CHECK(poll(&p, 1, -1) == 1);
        /* It may say so once too often. */
        ssize_t n = read(fd, &told, sizeof told);
        BENCH_CHECK(n == sizeof told || n < 0);
}

/* ---- ours: the descriptor is made by the process that polls it ---------------------- */

static void weft_call(const struct sync_set *set, uint64_t i, uint64_t now)
{
        (void)i;
        SYNC_MUST(weft_queue_push(set->object[0], &now, WEFT_NEVER));
}

static uint64_t weft_answer(const struct sync_set *set)
{
        static int fd = -1;
        uint64_t x = 0;
        int rc;
        if (fd < 0) {
                fd = weft_fd(set->object[0], WEFT_OP_POP, 0);
                SYNC_MUST(fd);
        }
        while ((rc = weft_queue_pop(set->object[0], &x, WEFT_NOW)) == -EAGAIN)
                until_readable(fd);
        SYNC_MUST(rc);
        return x;
}

/* ---- the peer ----------------------------------------------------------------------- */

static void peer_call(const struct sync_set *set, uint64_t i, uint64_t now)
{
        uint64_t one = 1;
        (void)i;
        atomic_store(&set->sh->stamp, now);
        BENCH_CHECK(write(event_fd, &one, sizeof one) == sizeof one);
}

static uint64_t peer_answer(const struct sync_set *set)
{
        uint64_t x;
        while (!(x = atomic_exchange(&set->sh->stamp, 0)))
                until_readable(event_fd);
        return x;
}

SYNC_CALLS(weft_calls, weft_call, weft_answer)
SYNC_CALLS(peer_calls, peer_call, peer_answer)

static const struct sync_kind weft_kind = {
        make, drop, weft_calls, sync_verify_trips, SYNC_VALUE_1, 2, false, 0
};
static const struct sync_kind peer_kind = { make_eventfd, drop_eventfd,
                                            peer_calls,   sync_verify_trips,
                                            SYNC_VALUE_1, 2,
                                            false,        0 };
static const struct bench_side weft = { "weft", sync_sample, &weft_kind, NULL };
static const struct bench_side peer = { "eventfd", sync_sample, &peer_kind, NULL };

static const struct bench_row rows[] = {
        { "fd.wake", "a push wakes who polls a queue's descriptor", "ns", &weft, &peer,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(fd, rows);
