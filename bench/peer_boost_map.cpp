// bench/peer_boost_map.cpp -- an unordered_map in Boost's managed shared memory.
#include "bench/peer_map.h"

#ifdef BENCH_HAVE_BOOST
#include <boost/functional/hash.hpp>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/unordered_map.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unistd.h>

namespace bi = boost::interprocess;

using entry = std::pair<const uint64_t, uint64_t>;
using allocator = bi::allocator<entry, bi::managed_shared_memory::segment_manager>;
using map = boost::unordered_map<uint64_t, uint64_t, boost::hash<uint64_t>,
                                 std::equal_to<uint64_t>, allocator>;
using locked = bi::scoped_lock<bi::interprocess_mutex>;

static std::unique_ptr<bi::managed_shared_memory> segment;
static map *table;
static bi::interprocess_mutex *mutex;

const char *peer_boost_map_make(size_t bytes)
{
        const std::string name = "weft-bench-map." + std::to_string(getpid());
        try {
                bi::shared_memory_object::remove(name.c_str());
                segment = std::make_unique<bi::managed_shared_memory>(
                        bi::create_only, name.c_str(), bytes);
                bi::shared_memory_object::remove(name.c_str());
                mutex = segment->construct<bi::interprocess_mutex>("mutex")();
                table = segment->construct<map>("map")(
                        16, boost::hash<uint64_t>(), std::equal_to<uint64_t>(),
                        allocator(segment->get_segment_manager()));
        } catch (const std::exception &) {
                bi::shared_memory_object::remove(name.c_str());
                return "no unordered_map in managed_shared_memory";
        }
        return nullptr;
}

int peer_boost_map_get(uint64_t key, uint64_t *value)
{
        locked lock(*mutex);
        const auto found = table->find(key);
        if (found == table->end())
                return 0;
        *value = found->second;
        return 1;
}

int peer_boost_map_put(uint64_t key, uint64_t value)
{
        try {
                locked lock(*mutex);
                (*table)[key] = value;
        } catch (const std::exception &) {
                return 0;
        }
        return 1;
}
#else
const char *peer_boost_map_make(size_t)
{
        return "built without Boost (libboost-dev)";
}

int peer_boost_map_get(uint64_t, uint64_t *)
{
        return 0;
}

int peer_boost_map_put(uint64_t, uint64_t)
{
        return 0;
}
#endif
