/* runtime/topology_parts.h -- the loaded topology, as its source files share it.
 *
 * After load it is constant. All that placement needs was worked out there, so that
 * every later question is a look into an array. */
#ifndef WEFT_RUNTIME_TOPOLOGY_PARTS_H
#define WEFT_RUNTIME_TOPOLOGY_PARTS_H

#include <hwloc.h>
#include <stdbool.h>

#include <weft/topology.h>

/* What a cpu can share with others. */
enum weft_topology_kind {
        WEFT_KIND_CORE,
        WEFT_KIND_L2,
        WEFT_KIND_L3,
        WEFT_KIND_NODE,
        WEFT_KIND_PACKAGE,
        WEFT_KINDS,
};

/* One usable cpu. Two cpus share a kind if they have the same object there; ids
 * number those objects from 0. */
struct weft_topology_slot {
        hwloc_obj_t pu;
        hwloc_obj_t object[WEFT_KINDS];
        int id[WEFT_KINDS];
        int smt;
        bool has_l3; /* object[WEFT_KIND_L3] is a cache, not a stand-in */
};

struct weft_topology {
        hwloc_topology_t hw;
        hwloc_bitmap_t had;              /* what the process might use at load */
        struct weft_topology_slot *slot; /* in machine order: neighbours are close */
        int *slot_of;                    /* by os number; -1 is no usable cpu */
        int os_end;                      /* entries of slot_of */
        int kinds[WEFT_KINDS];           /* how many objects of each */
        int *spread;                     /* os numbers, in the order of use */
        int *same_l3;
        int same_l3_cpus;
        weft_topology_info_t info;
};

/* An os number of an object; hwloc's are unsigned but never that large. */
static inline int weft_topology_os(hwloc_obj_t object)
{
        return (int)object->os_index;
}

/* The slot of a usable cpu, or NULL. */
const struct weft_topology_slot *weft_topology_find(const weft_topology_t *topo,
                                                    long long cpu);

/* Works out topo->spread and topo->same_l3. */
WEFT_CHECK int weft_topology_orders(weft_topology_t *topo);

/* Writes the words, if anybody wants them, and returns `code`. */
__attribute__((format(printf, 3, 4))) int
weft_topology_say(weft_topology_why_t *why, int code, const char *format, ...);

/* A walk over the numbers of a list such as "0,2-5,7". */
struct weft_topology_list {
        const char *rest;
        long long next; /* of the range being walked; */
        long long last; /* past it when next > last */
};

#define WEFT_TOPOLOGY_LIST(text) ((struct weft_topology_list){ (text), 1, 0 })

/* 1 and the next number, 0 at the end, -EINVAL if it is no list. */
WEFT_CHECK int weft_topology_list_next(struct weft_topology_list *list,
                                       long long *number);

#endif
