/* weft/topology.h -- the machine: its cpus and caches, where to put workers and
 * memory.
 *
 * A cpu is a hardware thread, named by the number that the operating system gives
 * it (as in taskset, numactl and /proc/cpuinfo), and so is a NUMA node. Cores,
 * packages and L3 groups are numbered from 0 to their count - 1, in the order of
 * the machine. Only the cpus that this process may use are ever counted or chosen:
 * those of its cpuset (a container's, say) and of its affinity mask (taskset).
 *
 * What a machine does not report is filled in, so that callers need no special
 * cases: without packages, each NUMA node counts as one; without an L3, the cpus of
 * one NUMA node or of one package, whichever is smaller, count as an L3 group;
 * without cores, each cpu is one.
 *
 * HWLOC_SYNTHETIC and HWLOC_XMLFILE, if set and not empty when a topology is
 * loaded, put another machine in the place of this one: a description such as
 * "pack:2 l3:2 core:4 pu:2", or a file written by lstopo. The first wins. There,
 * everything works but what would act on this machine (pin, unpin, here, bind):
 * that is -ENOTSUP, unless HWLOC_THISSYSTEM=1 says that it is this machine after all.
 *
 * Progress  wait-free but for load and free (files, memory), pin, unpin and bind
 *           (one or two system calls). Nothing here waits for another process.
 * Crash     no shared state: nothing to recover. A pin dies with its thread; what
 *           bind() did to shared memory stays with the memory.
 * Threads   a handle never changes between load and free: any number of threads may
 *           use it at once. After fork the child may use its copy.
 */
#ifndef WEFT_TOPOLOGY_H
#define WEFT_TOPOLOGY_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_topology weft_topology_t; /* process-local handle */

/* What was wrong, in words for the user: one line, without a full stop. Wherever
 * one is asked for it may be NULL; it is empty after a success. */
typedef struct {
        char text[160];
} weft_topology_why_t;

/* Looks at the machine as it is now, and at what this process may use now: load
 * before you pin, for a pinned process may use no more than it is pinned to. Takes
 * some milliseconds; the calling thread is not moved about. The caller owns `*topo`
 * until weft_topology_free().
 *   -EINVAL  HWLOC_SYNTHETIC or HWLOC_XMLFILE describes no machine; of all: a NULL pointer
 *   -ENOENT  there is no such file, or no cpu that this process may use
 *   -ENOMEM  no local memory
 * or the code of the system call that failed. */
WEFT_API WEFT_CHECK int weft_topology_load(weft_topology_t **topo,
                                           weft_topology_why_t *why);

/* NULL is allowed. Pins and memory stay as they are. */
WEFT_API void weft_topology_free(weft_topology_t *topo);

/* ---- what there is ------------------------------------------------------- */

typedef struct {
        int cpus;
        int cores;    /* with at least one usable cpu, as the next two */
        int packages; /* sockets */
        int l3_groups;
        int nodes;        /* NUMA nodes whose memory may be used, with cpus or without */
        int this_machine; /* 0: another one, so pin and bind are -ENOTSUP */
} weft_topology_info_t;

/* Every count but this_machine is at least 1. */
WEFT_API void weft_topology_info(const weft_topology_t *topo, weft_topology_info_t *info);

typedef struct {
        int os; /* the cpu's own number */
        int core;
        int package;
        int node; /* by the operating system's number */
        int l3;
        int smt; /* 0 for the first usable cpu of its core, 1 for the second, ... */
} weft_topology_cpu_t;

/* Describes cpu `cpu`. (To visit all: place info.cpus workers "compact".)
 *   -ENOENT  there is no such cpu, or this process may not use it */
WEFT_API WEFT_CHECK int weft_topology_cpu(const weft_topology_t *topo, int cpu,
                                          weft_topology_cpu_t *about);

typedef struct {
        uint64_t bytes;      /* its size, 0 if unknown */
        uint32_t line_bytes; /* what it moves at a time, 0 if unknown */
        int level;           /* 1, 2, ... */
        int cpus;            /* usable cpus that share it, this one included */
} weft_topology_cache_t;

/* The data caches of one cpu, from the nearest to the farthest. Writes at most
 * `max` of them to `caches` (which may be NULL if `max` is 0) and returns how many
 * there are.
 *   -ENOENT  as weft_topology_cpu()    -EINVAL  `max` is negative */
WEFT_API WEFT_CHECK int weft_topology_caches(const weft_topology_t *topo, int cpu,
                                             weft_topology_cache_t *caches, int max);

/* How far apart two cpus are: the nearest thing that they share. A greater value is
 * farther, so that `between <= WEFT_TOPOLOGY_L3` reads as it should. */
typedef enum {
        WEFT_TOPOLOGY_SAME,    /* one and the same cpu: it cannot run both */
        WEFT_TOPOLOGY_SMT,     /* two threads of one core */
        WEFT_TOPOLOGY_L2,      /* two cores with one L2 */
        WEFT_TOPOLOGY_L3,      /* a real L3; a group that was filled in is a package */
        WEFT_TOPOLOGY_PACKAGE, /* one package */
        WEFT_TOPOLOGY_REMOTE,
} weft_topology_between_t;

/* A weft_topology_between_t, or -ENOENT as weft_topology_cpu(). */
WEFT_API WEFT_CHECK int weft_topology_between(const weft_topology_t *topo, int a, int b);

/* ---- where to put workers ------------------------------------------------ */

/* Chooses a cpu for each of `n` workers: cpus[i] for worker i. `how` is one of
 *   spread    as far apart as it goes: over packages, then nodes, L3 groups and cores;
 *             a core gets a second worker only when every core has one
 *   compact   as close together as it goes: the cpus of one core, then the cores of
 *             one L3 group, then the next group
 *   same-l3   all in the L3 group with the most cpus (the first of equals), its cores
 *             first, then their other threads
 *   a list    such as 0,2-5,7: these cpus in this order
 * The same machine gives the same answer every time. With more workers than cpus it
 * starts again from the first.
 *   -EINVAL  `n` is less than 1, or `how` is none of these
 *   -ENOENT  the list names a cpu that does not exist or may not be used
 * What `cpus` holds after an error is unspecified. */
WEFT_API WEFT_CHECK int weft_topology_place(const weft_topology_t *topo, const char *how,
                                            int n, int *cpus, weft_topology_why_t *why);

/* Keeps the calling thread on `cpu`. Threads and processes that it starts inherit it.
 *   -ENOENT   as weft_topology_cpu()    -ENOTSUP  not this machine
 * or what the kernel says: -EINVAL if the cpu was taken away since the load. */
WEFT_API WEFT_CHECK int weft_topology_pin(const weft_topology_t *topo, int cpu);

/* Lets the calling thread run wherever this process might when `topo` was loaded.
 *   -ENOTSUP  not this machine */
WEFT_API WEFT_CHECK int weft_topology_unpin(const weft_topology_t *topo);

/* The cpu that the calling thread runs on: true when read, and for longer only if the
 * thread is pinned. No system call where the C library has a faster way.
 *   -ENOTSUP  not this machine */
WEFT_API WEFT_CHECK int weft_topology_here(const weft_topology_t *topo);

/* ---- where to put memory ------------------------------------------------- */

typedef enum {
        WEFT_TOPOLOGY_FIRST_TOUCH, /* the system's default: the node of who touches it */
        WEFT_TOPOLOGY_ON,          /* on these nodes */
        WEFT_TOPOLOGY_INTERLEAVE,  /* page by page over these nodes in turn */
} weft_topology_memory_t;

/* Says from which nodes the pages of [addr, addr + bytes) shall come. Whole pages: a
 * page that the range only touches is included. `nodes` is a list such as "0" or
 * "0,2-3", or NULL for all (the only choice for WEFT_TOPOLOGY_FIRST_TOUCH).
 *
 * In shared memory it holds for every process that maps it. Pages that are there
 * already move if only this process maps them. It is a wish: when those nodes are
 * full, memory comes from another one, instead of a death by SIGBUS.
 *   -EINVAL   a bad policy or list, or the range is no range
 *   -ENOENT   the list names a node that does not exist or may not be used
 *   -EFAULT   part of the range is not mapped
 *   -ENOTSUP  not this machine, or the kernel (or a sandbox) has no such call */
WEFT_API WEFT_CHECK int weft_topology_bind(const weft_topology_t *topo, void *addr,
                                           size_t bytes, weft_topology_memory_t policy,
                                           const char *nodes, weft_topology_why_t *why);

#ifdef __cplusplus
}
#endif
#endif
