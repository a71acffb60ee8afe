// bench/peer_stack.cpp -- the lock-free stack of Boost, with a fixed capacity.
#include "bench/peer_stack.h"

#ifdef BENCH_HAVE_BOOST
#include <boost/lockfree/stack.hpp>
#include <new>

using Stack =
        boost::lockfree::stack<uint64_t, boost::lockfree::capacity<PEER_STACK_CAPACITY>>;

size_t peer_boost_stack_bytes()
{
        return sizeof(Stack);
}

void peer_boost_stack_make(void *at)
{
        new (at) Stack();
}

bool peer_boost_stack_push(void *at, uint64_t x)
{
        return static_cast<Stack *>(at)->bounded_push(x);
}

bool peer_boost_stack_pop(void *at, uint64_t *x)
{
        return static_cast<Stack *>(at)->pop(*x);
}
#else
size_t peer_boost_stack_bytes()
{
        return 0;
}

void peer_boost_stack_make(void *)
{
}

bool peer_boost_stack_push(void *, uint64_t)
{
        return false;
}

bool peer_boost_stack_pop(void *, uint64_t *)
{
        return false;
}
#endif
