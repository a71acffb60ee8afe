/* weft/weft.h -- everything, but the macros of <weft/stream_inline.h>. */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <weft/agent.h>
#include <weft/arena.h>
#include <weft/array.h>
#include <weft/barrier.h>
#include <weft/block.h>
#include <weft/broadcast.h>
#include <weft/channel.h>
#include <weft/condition.h>
#include <weft/error.h>
#include <weft/event.h>
#include <weft/fd.h>
#include <weft/function.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/hot.h>
#include <weft/latch.h>
#include <weft/lazy.h>
#include <weft/map.h>
#include <weft/mutex.h>
#include <weft/object.h>
#include <weft/once.h>
#include <weft/pool.h>
#include <weft/queue.h>
#include <weft/rendezvous.h>
#include <weft/ring.h>
#include <weft/rwlock.h>
#include <weft/select.h>
#include <weft/semaphore.h>
#include <weft/set.h>
#include <weft/signal.h>
#include <weft/stack.h>
#include <weft/stream.h>
#include <weft/stream_join.h>
#include <weft/stream_time.h>
#include <weft/stream_window.h>
#include <weft/topology.h>
#include <weft/wait.h>

#endif
