#include <errno.h>
#include <stdint.h>

#include "runtime/topology_parts.h"

static int no_such_node(const weft_topology_t *topo, long long node,
                        weft_topology_why_t *why)
{
        hwloc_const_bitmap_t all = hwloc_topology_get_complete_nodeset(topo->hw);

        if (node <= hwloc_bitmap_last(all) && hwloc_bitmap_isset(all, (unsigned)node))
                return weft_topology_say(
                        why, -ENOENT, "node %lld may not be used by this process", node);
        return weft_topology_say(why, -ENOENT, "node %lld does not exist", node);
}

static int add_nodes(const weft_topology_t *topo, const char *text, hwloc_nodeset_t set,
                     weft_topology_why_t *why)
{
        hwloc_const_nodeset_t allowed = hwloc_topology_get_allowed_nodeset(topo->hw);
        struct weft_topology_list list = WEFT_TOPOLOGY_LIST(text);
        long long node;
        int rc;

        while ((rc = weft_topology_list_next(&list, &node)) > 0) {
                if (node > hwloc_bitmap_last(allowed) ||
                    !hwloc_bitmap_isset(allowed, (unsigned)node))
                        return no_such_node(topo, node, why);
                if (hwloc_bitmap_set(set, (unsigned)node))
                        return weft_topology_say(why, -ENOMEM, "no memory");
        }
        if (rc || !*text)
                return weft_topology_say(why, -EINVAL,
                                         "'%.60s' is not a list of nodes such as 0,2-3",
                                         text);
        return 0;
}

static int policy_of(weft_topology_memory_t policy, const char *nodes,
                     hwloc_membind_policy_t *hw_policy, weft_topology_why_t *why)
{
        switch (policy) {
        case WEFT_TOPOLOGY_FIRST_TOUCH:
                *hw_policy = HWLOC_MEMBIND_DEFAULT;
                return nodes ? weft_topology_say(why, -EINVAL,
                                                 "first touch takes no list of nodes")
                             : 0;
        case WEFT_TOPOLOGY_ON:
                *hw_policy = HWLOC_MEMBIND_BIND;
                return 0;
        case WEFT_TOPOLOGY_INTERLEAVE:
                *hw_policy = HWLOC_MEMBIND_INTERLEAVE;
                return 0;
        }
        return weft_topology_say(why, -EINVAL, "%d is no memory policy", (int)policy);
}

/* Not STRICT, so that a full node means memory from another one. mbind() says EPERM
 * only where a sandbox forbids it. */
static int bind_range(const weft_topology_t *topo, void *addr, size_t bytes,
                      hwloc_const_nodeset_t set, hwloc_membind_policy_t policy,
                      weft_topology_why_t *why)
{
        const int flags = HWLOC_MEMBIND_BYNODESET | HWLOC_MEMBIND_MIGRATE;

        if (!hwloc_set_area_membind(topo->hw, addr, bytes, set, policy, flags))
                return 0;
        int rc = -errno;
        if (rc == -ENOSYS || rc == -EXDEV || rc == -EPERM)
                return weft_topology_say(why, -ENOTSUP,
                                         "memory cannot be bound to nodes here");
        return weft_topology_say(why, rc, "the kernel refused to bind this range");
}

static int bind_nodes(const weft_topology_t *topo, void *addr, size_t bytes,
                      hwloc_membind_policy_t policy, const char *nodes,
                      weft_topology_why_t *why)
{
        if (!nodes)
                return bind_range(topo, addr, bytes,
                                  hwloc_topology_get_allowed_nodeset(topo->hw), policy,
                                  why);
        hwloc_nodeset_t set = hwloc_bitmap_alloc();
        if (!set)
                return weft_topology_say(why, -ENOMEM, "no memory");
        int rc = add_nodes(topo, nodes, set, why);
        if (!rc)
                rc = bind_range(topo, addr, bytes, set, policy, why);
        hwloc_bitmap_free(set);
        return rc;
}

int weft_topology_bind(const weft_topology_t *topo, void *addr, size_t bytes,
                       weft_topology_memory_t policy, const char *nodes,
                       weft_topology_why_t *why)
{
        hwloc_membind_policy_t hw_policy = HWLOC_MEMBIND_DEFAULT;

        (void)weft_topology_say(why, 0, "%s", "");
        if (!topo)
                return weft_topology_say(why, -EINVAL, "there is no topology");
        if (!topo->info.this_machine)
                return weft_topology_say(why, -ENOTSUP,
                                         "the topology is not that of this machine");
        if (!addr || !bytes || bytes > UINTPTR_MAX - (uintptr_t)addr)
                return weft_topology_say(why, -EINVAL, "%zu bytes at %p are no range",
                                         bytes, addr);
        int rc = policy_of(policy, nodes, &hw_policy, why);
        if (rc)
                return rc;
        int saved = errno;
        rc = bind_nodes(topo, addr, bytes, hw_policy, nodes, why);
        errno = saved;
        return rc;
}
