#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/topology_parts.h"

int weft_topology_say(weft_topology_why_t *why, int code, const char *format, ...)
{
        if (why) {
                va_list args;
                va_start(args, format);
                (void)vsnprintf(why->text, sizeof why->text, format, args);
                va_end(args);
        }
        return code;
}

const struct weft_topology_slot *weft_topology_find(const weft_topology_t *topo,
                                                    long long cpu)
{
        if (!topo || cpu < 0 || cpu >= topo->os_end || topo->slot_of[cpu] < 0)
                return NULL;
        return &topo->slot[topo->slot_of[cpu]];
}

/* ---- load: which machine ------------------------------------------------- */

static const char *setting(const char *name)
{
        const char *value = getenv(name); // NOLINT(concurrency-mt-unsafe)
        return value && *value ? value : NULL;
}

/* hwloc reads these variables itself, but passes over a bad one in silence and
 * answers for this machine instead of the one that was meant. */
static int choose_machine(hwloc_topology_t hw, weft_topology_why_t *why)
{
        const char *synthetic = setting("HWLOC_SYNTHETIC");
        const char *file = setting("HWLOC_XMLFILE");

        errno = 0;
        if (synthetic) {
                if (hwloc_topology_set_synthetic(hw, synthetic))
                        return weft_topology_say(
                                why, -EINVAL,
                                "HWLOC_SYNTHETIC=%.80s describes no machine", synthetic);
        } else if (file) {
                if (hwloc_topology_set_xml(hw, file))
                        return weft_topology_say(
                                why, errno ? -errno : -EINVAL,
                                "HWLOC_XMLFILE=%.80s cannot be read as a machine", file);
        }
        return 0;
}

/* Some of hwloc's readers of XML look into the file only now. */
static int cannot_load(weft_topology_why_t *why)
{
        int rc = errno ? -errno : -EINVAL;
        const char *file = setting("HWLOC_XMLFILE");
        if (file && !setting("HWLOC_SYNTHETIC"))
                return weft_topology_say(
                        why, -EINVAL, "HWLOC_XMLFILE=%.80s cannot be read as a machine",
                        file);
        return weft_topology_say(why, rc, "the topology of this machine cannot be read");
}

static int load_machine(weft_topology_t *topo, weft_topology_why_t *why)
{
        /* The x86 part of hwloc would run this thread on every cpu in turn. */
        const unsigned long flags = HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
                                    HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
                                    HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                                    HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;

        if (hwloc_topology_init(&topo->hw)) {
                topo->hw = NULL; /* it may have been set before it failed */
                return weft_topology_say(why, -ENOMEM, "no memory for the topology");
        }
        int rc = choose_machine(topo->hw, why);
        if (rc)
                return rc;
        errno = 0;
        if (hwloc_topology_set_flags(topo->hw, flags) || hwloc_topology_load(topo->hw))
                return cannot_load(why);
        topo->info.this_machine = hwloc_topology_is_thissystem(topo->hw) != 0;
        return 0;
}

/* ---- load: what is usable ------------------------------------------------ */

/* The affinity of the process: of all its threads together, or of this one where
 * the others cannot be listed. */
static int read_affinity(weft_topology_t *topo)
{
        hwloc_const_bitmap_t all = hwloc_topology_get_complete_cpuset(topo->hw);

        topo->had = hwloc_bitmap_dup(all);
        if (!topo->had)
                return -ENOMEM;
        if (!topo->info.this_machine)
                return 0;
        if (hwloc_get_cpubind(topo->hw, topo->had, HWLOC_CPUBIND_PROCESS) &&
            hwloc_get_cpubind(topo->hw, topo->had, HWLOC_CPUBIND_THREAD))
                return hwloc_bitmap_copy(topo->had, all) ? -ENOMEM : 0;
        return hwloc_bitmap_and(topo->had, topo->had, all) ? -ENOMEM : 0;
}

static bool usable(const weft_topology_t *topo, hwloc_obj_t pu)
{
        hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(topo->hw);
        return hwloc_bitmap_isset(allowed, pu->os_index) &&
               hwloc_bitmap_isset(topo->had, pu->os_index);
}

static hwloc_obj_t or_else(hwloc_obj_t object, hwloc_obj_t instead)
{
        return object ? object : instead;
}

/* The objects around a cpu, with a stand-in for each that is not there. */
static void fill_objects(const weft_topology_t *topo, struct weft_topology_slot *s)
{
        hwloc_topology_t hw = topo->hw;
        int near = hwloc_bitmap_first(s->pu->nodeset);
        hwloc_obj_t node =
                near < 0 ? NULL : hwloc_get_numanode_obj_by_os_index(hw, (unsigned)near);
        hwloc_obj_t package =
                hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_PACKAGE, s->pu);
        hwloc_obj_t l3 = hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_L3CACHE, s->pu);
        hwloc_obj_t l2 = hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_L2CACHE, s->pu);
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_CORE, s->pu);

        node = or_else(node, hwloc_get_root_obj(hw));
        package = or_else(package, node);
        s->has_l3 = l3 != NULL;
        if (!l3)
                l3 = hwloc_bitmap_isincluded(node->cpuset, package->cpuset) ? node
                                                                            : package;
        core = or_else(core, s->pu);
        s->object[WEFT_KIND_CORE] = core;
        s->object[WEFT_KIND_L2] = or_else(l2, core);
        s->object[WEFT_KIND_L3] = l3;
        s->object[WEFT_KIND_NODE] = node;
        s->object[WEFT_KIND_PACKAGE] = package;
}

/* Numbers objects as they are first met. Cpus close in number are close in the
 * machine, so looking backwards finds a known object almost at once. */
static int number_object(weft_topology_t *topo, int slot, int kind)
{
        hwloc_obj_t object = topo->slot[slot].object[kind];

        for (int i = slot - 1; i >= 0; i--)
                if (topo->slot[i].object[kind] == object)
                        return topo->slot[i].id[kind];
        return topo->kinds[kind]++;
}

static void add_slot(weft_topology_t *topo, hwloc_obj_t pu)
{
        int at = topo->info.cpus++;
        struct weft_topology_slot *s = &topo->slot[at];

        s->pu = pu;
        fill_objects(topo, s);
        for (int kind = 0; kind < WEFT_KINDS; kind++)
                s->id[kind] = number_object(topo, at, kind);
        for (int i = at - 1; i >= 0; i--) {
                if (topo->slot[i].id[WEFT_KIND_CORE] != s->id[WEFT_KIND_CORE])
                        break;
                s->smt++;
        }
        topo->slot_of[weft_topology_os(pu)] = at;
}

static int fill_slots(weft_topology_t *topo, weft_topology_why_t *why)
{
        int pus = hwloc_get_nbobjs_by_type(topo->hw, HWLOC_OBJ_PU);
        int last = hwloc_bitmap_last(hwloc_topology_get_complete_cpuset(topo->hw));

        if (pus < 1 || last < 0)
                return weft_topology_say(why, -ENOENT, "there are no cpus");
        topo->os_end = last + 1;
        topo->slot = calloc((size_t)pus, sizeof *topo->slot);
        topo->slot_of = calloc((size_t)topo->os_end, sizeof *topo->slot_of);
        if (!topo->slot || !topo->slot_of)
                return weft_topology_say(why, -ENOMEM, "no memory for %d cpus", pus);
        for (int os = 0; os < topo->os_end; os++)
                topo->slot_of[os] = -1;
        for (int i = 0; i < pus; i++) {
                hwloc_obj_t pu =
                        hwloc_get_obj_by_type(topo->hw, HWLOC_OBJ_PU, (unsigned)i);
                if (usable(topo, pu))
                        add_slot(topo, pu);
        }
        if (!topo->info.cpus)
                return weft_topology_say(why, -ENOENT,
                                         "this process may use none of the %d cpus", pus);
        return 0;
}

static void fill_info(weft_topology_t *topo)
{
        hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_nodeset(topo->hw);

        topo->info.cores = topo->kinds[WEFT_KIND_CORE];
        topo->info.packages = topo->kinds[WEFT_KIND_PACKAGE];
        topo->info.l3_groups = topo->kinds[WEFT_KIND_L3];
        topo->info.nodes = hwloc_bitmap_weight(allowed);
}

static int load_all(weft_topology_t *topo, weft_topology_why_t *why)
{
        int rc = load_machine(topo, why);
        if (rc)
                return rc;
        if (read_affinity(topo))
                return weft_topology_say(why, -ENOMEM, "no memory for the topology");
        rc = fill_slots(topo, why);
        if (rc)
                return rc;
        fill_info(topo);
        if (weft_topology_orders(topo))
                return weft_topology_say(why, -ENOMEM, "no memory for the topology");
        return 0;
}

int weft_topology_load(weft_topology_t **topo, weft_topology_why_t *why)
{
        int saved = errno;
        if (!topo)
                return weft_topology_say(why, -EINVAL, "nowhere to put the topology");
        *topo = NULL;
        weft_topology_t *t = calloc(1, sizeof *t);
        int rc = weft_topology_say(why, t ? 0 : -ENOMEM, "%s", t ? "" : "no memory");

        if (t)
                rc = load_all(t, why);
        if (rc)
                weft_topology_free(t);
        else
                *topo = t;
        errno = saved;
        return rc;
}

void weft_topology_free(weft_topology_t *topo)
{
        if (!topo)
                return;
        int saved = errno;
        free(topo->same_l3);
        free(topo->spread);
        free(topo->slot_of);
        free(topo->slot);
        hwloc_bitmap_free(topo->had);
        if (topo->hw)
                hwloc_topology_destroy(topo->hw);
        free(topo);
        errno = saved;
}

/* ---- what there is ------------------------------------------------------- */

void weft_topology_info(const weft_topology_t *topo, weft_topology_info_t *info)
{
        if (!info)
                return;
        *info = topo ? topo->info : (weft_topology_info_t){ 0 };
}

int weft_topology_cpu(const weft_topology_t *topo, int cpu, weft_topology_cpu_t *about)
{
        const struct weft_topology_slot *s = weft_topology_find(topo, cpu);

        if (!topo || !about)
                return -EINVAL;
        if (!s)
                return -ENOENT;
        about->os = cpu;
        about->core = s->id[WEFT_KIND_CORE];
        about->package = s->id[WEFT_KIND_PACKAGE];
        about->node = weft_topology_os(s->object[WEFT_KIND_NODE]);
        about->l3 = s->id[WEFT_KIND_L3];
        about->smt = s->smt;
        return 0;
}

static int usable_under(const weft_topology_t *topo, hwloc_obj_t object)
{
        int n = 0;

        for (int i = 0; i < topo->info.cpus; i++)
                n += hwloc_bitmap_isset(object->cpuset, topo->slot[i].pu->os_index);
        return n;
}

int weft_topology_caches(const weft_topology_t *topo, int cpu,
                         weft_topology_cache_t *caches, int max)
{
        const struct weft_topology_slot *s = weft_topology_find(topo, cpu);
        int n = 0;

        if (!topo || max < 0 || (max && !caches))
                return -EINVAL;
        if (!s)
                return -ENOENT;
        for (hwloc_obj_t o = s->pu->parent; o; o = o->parent) {
                if (!hwloc_obj_type_is_dcache(o->type))
                        continue;
                if (n < max)
                        caches[n] = (weft_topology_cache_t){
                                .bytes = o->attr->cache.size,
                                .line_bytes = o->attr->cache.linesize,
                                .level = (int)o->attr->cache.depth,
                                .cpus = usable_under(topo, o),
                        };
                n++;
        }
        return n;
}

int weft_topology_between(const weft_topology_t *topo, int a, int b)
{
        const struct weft_topology_slot *x = weft_topology_find(topo, a);
        const struct weft_topology_slot *y = weft_topology_find(topo, b);

        if (!topo)
                return -EINVAL;
        if (!x || !y)
                return -ENOENT;
        if (x == y)
                return WEFT_TOPOLOGY_SAME;
        if (x->id[WEFT_KIND_CORE] == y->id[WEFT_KIND_CORE])
                return WEFT_TOPOLOGY_SMT;
        if (x->id[WEFT_KIND_L2] == y->id[WEFT_KIND_L2])
                return WEFT_TOPOLOGY_L2;
        if (x->has_l3 && x->id[WEFT_KIND_L3] == y->id[WEFT_KIND_L3])
                return WEFT_TOPOLOGY_L3;
        if (x->id[WEFT_KIND_PACKAGE] == y->id[WEFT_KIND_PACKAGE])
                return WEFT_TOPOLOGY_PACKAGE;
        return WEFT_TOPOLOGY_REMOTE;
}

/* ---- this thread --------------------------------------------------------- */

static int run_on(const weft_topology_t *topo, hwloc_const_bitmap_t cpus)
{
        int saved = errno;
        int rc = hwloc_set_cpubind(topo->hw, cpus, HWLOC_CPUBIND_THREAD) ? -errno : 0;

        errno = saved;
        return rc == -ENOSYS ? -ENOTSUP : rc;
}

int weft_topology_pin(const weft_topology_t *topo, int cpu)
{
        const struct weft_topology_slot *s = weft_topology_find(topo, cpu);

        if (!topo)
                return -EINVAL;
        if (!topo->info.this_machine)
                return -ENOTSUP;
        return s ? run_on(topo, s->pu->cpuset) : -ENOENT;
}

int weft_topology_unpin(const weft_topology_t *topo)
{
        if (!topo)
                return -EINVAL;
        return topo->info.this_machine ? run_on(topo, topo->had) : -ENOTSUP;
}

int weft_topology_here(const weft_topology_t *topo)
{
        if (!topo)
                return -EINVAL;
        if (!topo->info.this_machine)
                return -ENOTSUP;
        int saved = errno;
        int cpu = sched_getcpu();
        int rc = cpu < 0 ? -ENOTSUP : cpu;
        errno = saved;
        return rc;
}
