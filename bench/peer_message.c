/* bench/peer_message.c -- a socketpair, and ZeroMQ over ipc. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/peer_message.h"

/* ---- a socketpair -------------------------------------------------------------- */

static int socketpair_make(void **queue)
{
        int *fd = malloc(2 * sizeof *fd);
        if (!fd || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd)) {
                free(fd);
                return bench_cannot("no socketpair");
        }
        *queue = fd;
        return 0;
}

static void socketpair_drop(void *queue)
{
        int *fd = queue;
        close(fd[0]);
        close(fd[1]);
        free(fd);
}

BENCH_INLINE void socketpair_push(void *queue, uint64_t x, enum flow_wait wait)
{
        (void)wait;
        BENCH_CHECK(send(((int *)queue)[1], &x, sizeof x, 0) == sizeof x);
}

BENCH_INLINE uint64_t socketpair_pop(void *queue, enum flow_wait wait)
{
        uint64_t x;
        (void)wait;
        BENCH_CHECK(recv(((int *)queue)[0], &x, sizeof x, 0) == sizeof x);
        return x;
}

FLOW_QUEUE(flow_socketpair, socketpair_make, socketpair_drop, socketpair_push,
           socketpair_pop);

/* ---- ZeroMQ ---------------------------------------------------------------------- */

#ifdef BENCH_HAVE_ZMQ
#include <zmq.h>

/* A socket belongs to the process that made it: each worker makes its own, when it first
 * sends or receives. The name is abstract: there is no file to remove. */
struct messages {
        char endpoint[64];
        void *in, *out;
};
static void *context;

static int zmq_make(void **queue)
{
        static unsigned number;
        struct messages *m = calloc(1, sizeof *m);
        if (!m)
                return bench_cannot("no memory");
        (void)snprintf(m->endpoint, sizeof m->endpoint, "ipc://@weft-bench-%d-%u",
                       (int)getpid(), number++);
        *queue = m;
        return 0;
}

static void zmq_drop(void *queue)
{
        free(queue);
}

static void *open_socket(const char *endpoint, int type)
{
        const int most = FLOW_CAPACITY;
        if (!context)
                context = zmq_ctx_new();
        void *socket = context ? zmq_socket(context, type) : NULL;
        if (!socket || zmq_setsockopt(socket, ZMQ_SNDHWM, &most, sizeof most) ||
            zmq_setsockopt(socket, ZMQ_RCVHWM, &most, sizeof most) ||
            (type == ZMQ_PULL ? zmq_bind(socket, endpoint)
                              : zmq_connect(socket, endpoint)))
                bench_give_up("ZeroMQ: %s", zmq_strerror(zmq_errno()));
        return socket;
}

BENCH_INLINE void zmq_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct messages *m = queue;
        (void)wait;
        if (__builtin_expect(!m->out, 0))
                m->out = open_socket(m->endpoint, ZMQ_PUSH);
        BENCH_CHECK(zmq_send(m->out, &x, sizeof x, 0) == sizeof x);
}

BENCH_INLINE uint64_t zmq_pop(void *queue, enum flow_wait wait)
{
        struct messages *m = queue;
        uint64_t x;
        (void)wait;
        if (__builtin_expect(!m->in, 0))
                m->in = open_socket(m->endpoint, ZMQ_PULL);
        BENCH_CHECK(zmq_recv(m->in, &x, sizeof x, 0) == sizeof x);
        return x;
}

/* What was sent is still on its way: it goes before the process does. */
static void leave(struct messages *m)
{
        if (m->in)
                zmq_close(m->in);
        if (m->out)
                zmq_close(m->out);
}

static void zmq_stream(struct bench_worker *worker, void *flow)
{
        struct flow *f = flow;
        flow_stream(worker, f, FLOW_BLOCK, zmq_push, zmq_pop);
        leave(f->queue);
        zmq_ctx_term(context);
}

static void zmq_trip(struct bench_worker *worker, void *flow)
{
        struct flow *f = flow;
        void *const *queue = f->queue;
        flow_trip(worker, f, FLOW_BLOCK, zmq_push, zmq_pop);
        leave(queue[0]);
        leave(queue[1]);
        zmq_ctx_term(context);
}

const struct flow_queue flow_zmq = {
        zmq_make, zmq_drop, zmq_stream, NULL, zmq_trip, NULL
};
#else
static int zmq_make(void **queue)
{
        (void)queue;
        return bench_cannot("built without libzmq3-dev");
}

const struct flow_queue flow_zmq = { zmq_make, NULL, NULL, NULL, NULL, NULL };
#endif
