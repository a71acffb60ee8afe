#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/topology_parts.h"

/* ---- lists --------------------------------------------------------------- */

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* 15 digits are more than any machine has and less than overflows. */
static bool take_number(const char **at, long long *number)
{
        const char *p = *at;

        *number = 0;
        for (; is_digit(*p) && p - *at < 15; p++)
                *number = *number * 10 + (*p - '0');
        if (p == *at || is_digit(*p))
                return false;
        *at = p;
        return true;
}

/* Takes "7" or "2-5", and the comma behind it if more follows. */
static bool take_range(struct weft_topology_list *list)
{
        const char *p = list->rest;

        if (!take_number(&p, &list->next))
                return false;
        list->last = list->next;
        if (*p == '-') {
                p++;
                if (!take_number(&p, &list->last) || list->last < list->next)
                        return false;
        }
        if (*p == ',' && is_digit(p[1]))
                p++;
        else if (*p)
                return false;
        list->rest = p;
        return true;
}

int weft_topology_list_next(struct weft_topology_list *list, long long *number)
{
        if (list->next > list->last) {
                if (!*list->rest)
                        return 0;
                if (!take_range(list))
                        return -EINVAL;
        }
        *number = list->next++;
        return 1;
}

/* ---- orders, worked out at load ------------------------------------------ */

/* What spreading keeps even, the most important first: no core gets its second
 * worker before all have one, and so on down to the clusters within an L3. */
static const int spread_by[] = { WEFT_KIND_CORE, WEFT_KIND_PACKAGE, WEFT_KIND_NODE,
                                 WEFT_KIND_L3, WEFT_KIND_L2 };
enum { SPREAD_BY = sizeof spread_by / sizeof spread_by[0] };

/* `load` counts the workers that each object has: `cpus` counters for each kind. */
static bool is_emptier(const weft_topology_t *topo, const int *load,
                       const struct weft_topology_slot *a,
                       const struct weft_topology_slot *b)
{
        for (int i = 0; i < SPREAD_BY; i++) {
                int kind = spread_by[i];
                const int *of = load + (size_t)kind * (size_t)topo->info.cpus;
                if (of[a->id[kind]] != of[b->id[kind]])
                        return of[a->id[kind]] < of[b->id[kind]];
        }
        return false;
}

/* Gives one cpu after another to the emptiest place. That is quadratic, but needs no
 * assumption about how packages, nodes and caches nest. */
static void fill_spread(weft_topology_t *topo, int *load, bool *taken)
{
        int cpus = topo->info.cpus;

        for (int n = 0; n < cpus; n++) {
                int best = -1;
                for (int i = 0; i < cpus; i++)
                        if (!taken[i] &&
                            (best < 0 ||
                             is_emptier(topo, load, &topo->slot[i], &topo->slot[best])))
                                best = i;
                taken[best] = true;
                topo->spread[n] = weft_topology_os(topo->slot[best].pu);
                for (int kind = 0; kind < WEFT_KINDS; kind++)
                        load[kind * cpus + topo->slot[best].id[kind]]++;
        }
}

static int largest_l3(const weft_topology_t *topo, int *members)
{
        int best = 0;

        for (int i = 0; i < topo->info.cpus; i++)
                members[topo->slot[i].id[WEFT_KIND_L3]]++;
        for (int group = 1; group < topo->info.l3_groups; group++)
                if (members[group] > members[best])
                        best = group;
        return best;
}

/* All first threads of the group's cores, then all second threads, ... */
static void fill_same_l3(weft_topology_t *topo, int group, int members)
{
        for (int smt = 0; topo->same_l3_cpus < members; smt++)
                for (int i = 0; i < topo->info.cpus; i++) {
                        const struct weft_topology_slot *s = &topo->slot[i];
                        if (s->id[WEFT_KIND_L3] == group && s->smt == smt)
                                topo->same_l3[topo->same_l3_cpus++] =
                                        weft_topology_os(s->pu);
                }
}

int weft_topology_orders(weft_topology_t *topo)
{
        size_t cpus = (size_t)topo->info.cpus;
        int *load = calloc(cpus * WEFT_KINDS, sizeof *load);
        int *members = calloc(cpus, sizeof *members);
        bool *taken = calloc(cpus, sizeof *taken);
        int rc = -ENOMEM;

        topo->spread = calloc(cpus, sizeof *topo->spread);
        topo->same_l3 = calloc(cpus, sizeof *topo->same_l3);
        if (load && members && taken && topo->spread && topo->same_l3) {
                fill_spread(topo, load, taken);
                int group = largest_l3(topo, members);
                fill_same_l3(topo, group, members[group]);
                rc = 0;
        }
        free(taken);
        free(members);
        free(load);
        return rc;
}

/* ---- place --------------------------------------------------------------- */

static void place_in_order(const int *order, int length, int n, int *cpus)
{
        for (int i = 0; i < n; i++)
                cpus[i] = order[i % length];
}

static void place_compact(const weft_topology_t *topo, int n, int *cpus)
{
        for (int i = 0; i < n; i++)
                cpus[i] = weft_topology_os(topo->slot[i % topo->info.cpus].pu);
}

static int no_such_cpu(const weft_topology_t *topo, long long cpu,
                       weft_topology_why_t *why)
{
        hwloc_const_bitmap_t all = hwloc_topology_get_complete_cpuset(topo->hw);

        if (cpu < topo->os_end && hwloc_bitmap_isset(all, (unsigned)cpu))
                return weft_topology_say(why, -ENOENT,
                                         "cpu %lld may not be used by this process", cpu);
        return weft_topology_say(why, -ENOENT, "cpu %lld does not exist", cpu);
}

/* The whole list is checked, even if `n` needs only its beginning. */
static int place_list(const weft_topology_t *topo, const char *text, int n, int *cpus,
                      weft_topology_why_t *why)
{
        struct weft_topology_list list = WEFT_TOPOLOGY_LIST(text);
        long long cpu;
        int listed = 0, rc;

        while ((rc = weft_topology_list_next(&list, &cpu)) > 0) {
                if (!weft_topology_find(topo, cpu))
                        return no_such_cpu(topo, cpu, why);
                if (listed < n)
                        cpus[listed++] = (int)cpu;
        }
        if (rc)
                return weft_topology_say(
                        why, rc, "'%.60s' is not a list of cpus such as 0,2-5,7", text);
        for (int i = listed; i < n; i++)
                cpus[i] = cpus[i - listed];
        return 0;
}

int weft_topology_place(const weft_topology_t *topo, const char *how, int n, int *cpus,
                        weft_topology_why_t *why)
{
        if (n < 1)
                return weft_topology_say(why, -EINVAL, "%d workers cannot be placed", n);
        if (!topo || !how || !cpus)
                return weft_topology_say(why, -EINVAL, "a pointer is NULL");
        (void)weft_topology_say(why, 0, "%s", "");
        if (is_digit(how[0]))
                return place_list(topo, how, n, cpus, why);
        if (!strcmp(how, "spread"))
                place_in_order(topo->spread, topo->info.cpus, n, cpus);
        else if (!strcmp(how, "compact"))
                place_compact(topo, n, cpus);
        else if (!strcmp(how, "same-l3"))
                place_in_order(topo->same_l3, topo->same_l3_cpus, n, cpus);
        else
                return weft_topology_say(why, -EINVAL,
                                         "'%.60s' is not spread, compact, same-l3 or a "
                                         "list such as 0,2-5,7",
                                         how);
        return 0;
}
