/* bench/peer_message.h -- messages by the kernel and by a library for them. */
#ifndef WEFT_BENCH_PEER_MESSAGE_H
#define WEFT_BENCH_PEER_MESSAGE_H

#include "bench/flow.h"

/* A socketpair of packets; ZeroMQ, PUSH and PULL by ipc. They wait in their own way only. */
extern const struct flow_queue flow_socketpair, flow_zmq;

#endif
