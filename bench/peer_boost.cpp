// bench/peer_boost.cpp -- the allocator of Boost.Interprocess, as it comes.
#include "bench/peer_alloc.h"

#ifdef BENCH_HAVE_BOOST
#include <boost/interprocess/managed_shared_memory.hpp>
#include <memory>
#include <string>
#include <unistd.h>

namespace bi = boost::interprocess;

static std::unique_ptr<bi::managed_shared_memory> segment;

const char *peer_boost_make(size_t bytes)
{
        const std::string name = "weft-bench." + std::to_string(getpid());
        try {
                bi::shared_memory_object::remove(name.c_str());
                segment = std::make_unique<bi::managed_shared_memory>(
                        bi::create_only, name.c_str(), bytes);
                bi::shared_memory_object::remove(name.c_str());
        } catch (const std::exception &) {
                bi::shared_memory_object::remove(name.c_str());
                return "managed_shared_memory cannot be made";
        }
        return nullptr;
}

void peer_boost_drop()
{
        segment.reset();
}

void *peer_boost_alloc(size_t bytes)
{
        return segment->allocate(bytes, std::nothrow);
}

void peer_boost_free(void *at)
{
        segment->deallocate(at);
}
#else
const char *peer_boost_make(size_t)
{
        return "built without Boost (libboost-dev)";
}

void peer_boost_drop()
{
}

void *peer_boost_alloc(size_t)
{
        return nullptr;
}

void peer_boost_free(void *)
{
}
#endif
