#define _GNU_SOURCE
#include <errno.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/topology.h>

#define BIG "pack:2 l3:2 core:4 pu:2" /* 32 cpus: 2 packages, 4 L3 groups, 16 cores */
#define FLAT "numa:4 core:8 pu:1"     /* 32 cpus: 4 nodes, no packages, no L3 */

static weft_topology_t *load(const char *synthetic)
{
        weft_topology_t *topo = NULL;
        weft_topology_why_t why;

        unsetenv("HWLOC_XMLFILE");
        if (synthetic)
                setenv("HWLOC_SYNTHETIC", synthetic, 1);
        else
                unsetenv("HWLOC_SYNTHETIC");
        errno = 4711;
        assert_int_equal(weft_topology_load(&topo, &why), 0);
        assert_int_equal(errno, 4711);
        assert_string_equal(why.text, "");
        unsetenv("HWLOC_SYNTHETIC");
        return topo;
}

static void assert_placed(const weft_topology_t *topo, const char *how, int n,
                          const int *want)
{
        int got[64];
        weft_topology_why_t why;

        assert_in_range(n, 1, 64);
        assert_int_equal(weft_topology_place(topo, how, n, got, &why), 0);
        assert_string_equal(why.text, "");
        for (int i = 0; i < n; i++)
                if (got[i] != want[i])
                        fail_msg("%s: worker %d is on cpu %d, not on %d", how, i, got[i],
                                 want[i]);
}

#define PLACED(topo, how, ...) \
        assert_placed((topo), (how), \
                      (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)), \
                      (const int[]){ __VA_ARGS__ })

static void assert_refused(const weft_topology_t *topo, const char *how, int code,
                           const char *word)
{
        int cpus[8];
        weft_topology_why_t why;

        assert_int_equal(weft_topology_place(topo, how, 8, cpus, NULL), code);
        assert_int_equal(weft_topology_place(topo, how, 8, cpus, &why), code);
        if (!strstr(why.text, word))
                fail_msg("'%s': the words do not say '%s': %s", how, word, why.text);
}

/* ---- machines that we do not have ---------------------------------------- */

static void assert_info(const char *synthetic, weft_topology_info_t want)
{
        weft_topology_t *topo = load(synthetic);
        weft_topology_info_t got;

        weft_topology_info(topo, &got);
        assert_int_equal(got.cpus, want.cpus);
        assert_int_equal(got.cores, want.cores);
        assert_int_equal(got.packages, want.packages);
        assert_int_equal(got.l3_groups, want.l3_groups);
        assert_int_equal(got.nodes, want.nodes);
        assert_int_equal(got.this_machine, 0);
        weft_topology_free(topo);
}

static void counts_are_those_of_the_machine(void **state)
{
        (void)state;
        /*                cpus, cores, packages, l3 groups, nodes */
        assert_info(BIG, (weft_topology_info_t){ 32, 16, 2, 4, 1, 0 });
        assert_info(FLAT, (weft_topology_info_t){ 32, 32, 4, 4, 4, 0 });
        assert_info("pack:2 numa:2 l3:2 core:2 pu:2",
                    (weft_topology_info_t){ 16 * 2, 16, 2, 8, 4, 0 });
        assert_info("pack:2 numa:2 core:2 pu:1",
                    (weft_topology_info_t){ 8, 8, 2, 4, 4, 0 });
        assert_info("numa:1 pack:2 core:2 pu:1",
                    (weft_topology_info_t){ 4, 4, 2, 2, 1, 0 });
        assert_info("pu:6", (weft_topology_info_t){ 6, 6, 1, 1, 1, 0 });
}

static void a_cpu_is_described(void **state)
{
        weft_topology_t *topo = load(BIG);
        weft_topology_cpu_t c;

        (void)state;
        assert_int_equal(weft_topology_cpu(topo, 27, &c), 0);
        assert_int_equal(c.os, 27);
        assert_int_equal(c.core, 13);
        assert_int_equal(c.package, 1);
        assert_int_equal(c.node, 0);
        assert_int_equal(c.l3, 3);
        assert_int_equal(c.smt, 1);
        assert_int_equal(weft_topology_cpu(topo, 32, &c), -ENOENT);
        assert_int_equal(weft_topology_cpu(topo, -1, &c), -ENOENT);
        assert_int_equal(weft_topology_cpu(topo, 1 << 30, &c), -ENOENT);
        weft_topology_free(topo);

        topo = load(FLAT);
        assert_int_equal(weft_topology_cpu(topo, 17, &c), 0);
        assert_int_equal(c.node, 2);
        assert_int_equal(c.core, 17);
        assert_int_equal(c.smt, 0);
        weft_topology_free(topo);
}

static void caches_are_told_from_near_to_far(void **state)
{
        weft_topology_t *topo =
                load("pack:1 l3:2(size=33554432) l2:2(size=1048576) l1d:2(size=49152) "
                     "core:1 pu:2");
        weft_topology_cache_t c[4];

        (void)state;
        assert_int_equal(weft_topology_caches(topo, 5, c, 4), 3);
        assert_int_equal(c[0].level, 1);
        assert_int_equal(c[0].bytes, 49152);
        assert_int_equal(c[0].cpus, 2);
        assert_int_equal(c[1].level, 2);
        assert_int_equal(c[1].bytes, 1048576);
        assert_int_equal(c[1].cpus, 4);
        assert_int_equal(c[2].level, 3);
        assert_int_equal(c[2].bytes, 33554432);
        assert_int_equal(c[2].cpus, 8);
        assert_int_equal(c[2].line_bytes, 64);

        c[1].level = 99;
        assert_int_equal(weft_topology_caches(topo, 5, c, 1), 3);
        assert_int_equal(c[1].level, 99);
        assert_int_equal(weft_topology_caches(topo, 5, NULL, 0), 3);
        assert_int_equal(weft_topology_caches(topo, 5, NULL, -1), -EINVAL);
        assert_int_equal(weft_topology_caches(topo, 16, c, 4), -ENOENT);
        weft_topology_free(topo);
}

static void spread_goes_far_and_siblings_come_last(void **state)
{
        weft_topology_t *topo = load(BIG);

        (void)state;
        PLACED(topo, "spread", 0);
        PLACED(topo, "spread", 0, 16, 8, 24, 2, 18, 10, 26, 4, 20, 12, 28, 6, 22, 14, 30,
               1, 17, 9, 25, 3, 19, 11, 27, 5, 21, 13, 29, 7, 23, 15, 31, 0, 16, 8);
        weft_topology_free(topo);

        topo = load(FLAT);
        PLACED(topo, "spread", 0, 8, 16, 24, 1, 9, 17, 25, 2);
        weft_topology_free(topo);

        topo = load("pack:2 numa:2 l3:2 core:2 pu:1"); /* nodes within packages */
        PLACED(topo, "spread", 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15);
        weft_topology_free(topo);
}

static void compact_fills_cores_and_groups(void **state)
{
        weft_topology_t *topo = load(BIG);

        (void)state;
        PLACED(topo, "compact", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
               17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 0, 1);
        weft_topology_free(topo);

        topo = load("pack:2 core:2 pu:2(indexes=0,4,2,6,1,5,3,7)");
        PLACED(topo, "compact", 0, 4, 2, 6, 1, 5, 3, 7, 0);
        PLACED(topo, "spread", 0, 1, 2, 3, 4, 5, 6, 7, 0);
        PLACED(topo, "same-l3", 0, 2, 4, 6, 0, 2);
        weft_topology_free(topo);
}

static void same_l3_stays_in_one_group(void **state)
{
        weft_topology_t *topo = load(BIG);

        (void)state;
        PLACED(topo, "same-l3", 0, 2, 4, 6, 1, 3, 5, 7, 0, 2);
        weft_topology_free(topo);

        topo = load(FLAT); /* no L3: a node stands in */
        PLACED(topo, "same-l3", 0, 1, 2, 3, 4, 5, 6, 7, 0);
        weft_topology_free(topo);
}

static void lists_are_taken_as_they_are(void **state)
{
        weft_topology_t *topo = load(BIG);

        (void)state;
        PLACED(topo, "0,2-5,7", 0, 2, 3, 4, 5, 7, 0, 2);
        PLACED(topo, "31", 31, 31, 31);
        PLACED(topo, "9,9,1", 9, 9, 1, 9, 9);
        PLACED(topo, "7-7,3,0-1", 7, 3);
        PLACED(topo, "007", 7);
        weft_topology_free(topo);
}

static void bad_placements_are_named(void **state)
{
        weft_topology_t *topo = load(BIG);
        weft_topology_why_t why;
        char endless[4096];
        int cpu;

        (void)state;
        static const char *const no_list[] = { "0,",    "0,,2", "5-2", "1-",
                                               "3-4-5", "1;2",  "2 3", "0x1",
                                               "1,-2",  "1, 2", "0-",  "1,a",
                                               "2-b",   "7\n",  "1.5", "0,2-5," };
        for (size_t i = 0; i < sizeof no_list / sizeof no_list[0]; i++)
                assert_refused(topo, no_list[i], -EINVAL, no_list[i]);
        static const char *const no_word[] = { "sprad", "",       ",1",     "-1",
                                               " 1",    "SPREAD", "spread " };
        for (size_t i = 0; i < sizeof no_word / sizeof no_word[0]; i++)
                assert_refused(topo, no_word[i], -EINVAL, no_word[i]);
        assert_refused(topo, "0,99999999999999999999", -EINVAL, "99999999999999999999");
        assert_refused(topo, "32", -ENOENT, "cpu 32 does not exist");
        assert_refused(topo, "0-40", -ENOENT, "cpu 32 does not exist");
        assert_refused(topo, "0-31,99999999999", -ENOENT,
                       "cpu 99999999999 does not exist");
        assert_refused(topo, "4294967296", -ENOENT, "cpu 4294967296 does not exist");
        assert_int_equal(weft_topology_place(topo, "0,77", 1, &cpu, &why), -ENOENT);
        assert_int_equal(weft_topology_place(topo, "spread", 0, &cpu, &why), -EINVAL);
        assert_string_equal(why.text, "0 workers cannot be placed");
        assert_int_equal(weft_topology_place(topo, "spread", -3, &cpu, NULL), -EINVAL);

        memset(endless, '1', sizeof endless - 1);
        endless[sizeof endless - 1] = '\0';
        assert_refused(topo, endless, -EINVAL, "is not a list");
        weft_topology_free(topo);
}

static void distance_is_the_nearest_thing_shared(void **state)
{
        weft_topology_t *topo = load("pack:2 l3:2 l2:2 core:2 pu:2");

        (void)state;
        assert_int_equal(weft_topology_between(topo, 3, 3), WEFT_TOPOLOGY_SAME);
        assert_int_equal(weft_topology_between(topo, 0, 1), WEFT_TOPOLOGY_SMT);
        assert_int_equal(weft_topology_between(topo, 0, 2), WEFT_TOPOLOGY_L2);
        assert_int_equal(weft_topology_between(topo, 0, 4), WEFT_TOPOLOGY_L3);
        assert_int_equal(weft_topology_between(topo, 0, 8), WEFT_TOPOLOGY_PACKAGE);
        assert_int_equal(weft_topology_between(topo, 0, 16), WEFT_TOPOLOGY_REMOTE);
        assert_int_equal(weft_topology_between(topo, 16, 0), WEFT_TOPOLOGY_REMOTE);
        assert_int_equal(weft_topology_between(topo, 0, 32), -ENOENT);
        assert_int_equal(weft_topology_between(topo, -1, 0), -ENOENT);
        weft_topology_free(topo);

        topo = load(FLAT); /* a stand-in for an L3 is no L3 */
        assert_int_equal(weft_topology_between(topo, 0, 7), WEFT_TOPOLOGY_PACKAGE);
        assert_int_equal(weft_topology_between(topo, 0, 8), WEFT_TOPOLOGY_REMOTE);
        weft_topology_free(topo);
}

static void another_machine_is_never_acted_on(void **state)
{
        weft_topology_t *topo = load("core:2 pu:1");
        weft_topology_why_t why;
        char page[64];

        (void)state;
        assert_int_equal(weft_topology_pin(topo, 0), -ENOTSUP);
        assert_int_equal(weft_topology_pin(topo, 99), -ENOTSUP);
        assert_int_equal(weft_topology_unpin(topo), -ENOTSUP);
        assert_int_equal(weft_topology_here(topo), -ENOTSUP);
        assert_int_equal(
                weft_topology_bind(topo, page, sizeof page, WEFT_TOPOLOGY_ON, "0", &why),
                -ENOTSUP);
        assert_non_null(strstr(why.text, "this machine"));
        weft_topology_free(topo);
}

/* ---- how a machine is chosen --------------------------------------------- */

static void assert_not_loaded(int code, const char *word)
{
        weft_topology_t *topo = NULL;
        weft_topology_why_t why;

        errno = 4711;
        assert_int_equal(weft_topology_load(&topo, &why), code);
        assert_int_equal(errno, 4711);
        assert_null(topo);
        if (!strstr(why.text, word))
                fail_msg("the words do not say '%s': %s", word, why.text);
        assert_int_equal(weft_topology_load(&topo, NULL), code);
}

static void a_bad_description_is_an_error(void **state)
{
        char path[] = "/tmp/weft_topology_XXXXXX";
        int fd = mkstemp(path);

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "junk", 4), 4);
        close(fd);
        setenv("HWLOC_SYNTHETIC", "bogus:2", 1);
        assert_not_loaded(-EINVAL, "bogus:2");
        unsetenv("HWLOC_SYNTHETIC");
        setenv("HWLOC_XMLFILE", "/nonexistent/machine.xml", 1);
        assert_not_loaded(-ENOENT, "/nonexistent/machine.xml");
        setenv("HWLOC_XMLFILE", path, 1);
        assert_not_loaded(-EINVAL, path);
        unsetenv("HWLOC_XMLFILE");
        unlink(path);
}

/* As lstopo would write it: the first of two L3 groups is the smaller one, and cpu 7
 * is there but may not be used. @N@ stands for a PU. */
static const char uneven[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
        "<topology version=\"2.0\">\n"
        "<object type=\"Machine\" os_index=\"0\" cpuset=\"0x7f\" "
        "complete_cpuset=\"0xff\" "
        "allowed_cpuset=\"0x7f\" nodeset=\"0x1\" complete_nodeset=\"0x1\" "
        "allowed_nodeset=\"0x1\" gp_index=\"1\">\n"
        "<object type=\"NUMANode\" os_index=\"0\" cpuset=\"0x7f\" "
        "complete_cpuset=\"0xff\" "
        "nodeset=\"0x1\" complete_nodeset=\"0x1\" gp_index=\"2\" "
        "local_memory=\"4096\"/>\n"
        "<object type=\"L3Cache\" cpuset=\"0x7\" complete_cpuset=\"0xf\" nodeset=\"0x1\" "
        "complete_nodeset=\"0x1\" gp_index=\"3\" cache_size=\"1024\" depth=\"3\" "
        "cache_linesize=\"64\" cache_associativity=\"8\" cache_type=\"0\">\n"
        "@0@@1@@2@</object>\n"
        "<object type=\"L3Cache\" cpuset=\"0x78\" complete_cpuset=\"0xf8\" "
        "nodeset=\"0x1\" "
        "complete_nodeset=\"0x1\" gp_index=\"4\" cache_size=\"1024\" depth=\"3\" "
        "cache_linesize=\"64\" cache_associativity=\"8\" cache_type=\"0\">\n"
        "@3@@4@@5@@6@</object>\n"
        "</object></topology>\n";

static void write_machine(FILE *file)
{
        for (const char *p = uneven; *p; p++) {
                if (*p != '@') {
                        fputc(*p, file);
                        continue;
                }
                unsigned n = (unsigned)(p[1] - '0');
                fprintf(file,
                        "<object type=\"PU\" os_index=\"%u\" cpuset=\"0x%x\" "
                        "complete_cpuset=\"0x%x\" nodeset=\"0x1\" "
                        "complete_nodeset=\"0x1\" "
                        "gp_index=\"%u\"/>\n",
                        n, 1u << n, 1u << n, 10 + n);
                p += 2;
        }
}

static void a_file_describes_an_uneven_machine(void **state)
{
        char path[] = "/tmp/weft_topology_XXXXXX";
        FILE *file = fdopen(mkstemp(path), "w");
        weft_topology_t *topo = NULL;
        weft_topology_info_t info;

        (void)state;
        assert_non_null(file);
        write_machine(file);
        fclose(file);
        setenv("HWLOC_XMLFILE", path, 1);
        assert_int_equal(weft_topology_load(&topo, NULL), 0);
        unsetenv("HWLOC_XMLFILE");
        unlink(path);

        weft_topology_info(topo, &info);
        assert_int_equal(info.cpus, 7);
        assert_int_equal(info.l3_groups, 2);
        PLACED(topo, "same-l3", 3, 4, 5, 6, 3);
        PLACED(topo, "spread", 0, 3, 1, 4, 2, 5, 6, 0);
        assert_refused(topo, "7", -ENOENT, "cpu 7 may not be used");
        assert_refused(topo, "8", -ENOENT, "cpu 8 does not exist");
        weft_topology_free(topo);
}

static int first_of(const cpu_set_t *set)
{
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
                if (CPU_ISSET((size_t)cpu, set))
                        return cpu;
        return -1;
}

static void a_description_may_claim_to_be_this_machine(void **state)
{
        cpu_set_t mine;
        char machine[64];

        (void)state;
        assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
        int cpu = first_of(&mine);
        (void)snprintf(machine, sizeof machine, "core:1 pu:1(indexes=%d)", cpu);
        setenv("HWLOC_THISSYSTEM", "1", 1);
        weft_topology_t *topo = load(machine);
        unsetenv("HWLOC_THISSYSTEM");

        PLACED(topo, "spread", cpu, cpu);
        assert_int_equal(weft_topology_pin(topo, cpu), 0);
        assert_int_equal(weft_topology_here(topo), cpu);
        assert_int_equal(sched_setaffinity(0, sizeof mine, &mine), 0);
        weft_topology_free(topo);
}

/* ---- this machine -------------------------------------------------------- */

static void this_machine_makes_sense(void **state)
{
        weft_topology_t *topo = load(NULL);
        weft_topology_info_t info;
        weft_topology_cpu_t c;
        weft_topology_cache_t caches[8];
        cpu_set_t mine;

        (void)state;
        weft_topology_info(topo, &info);
        assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
        assert_int_equal(info.cpus, CPU_COUNT(&mine));
        assert_int_equal(info.this_machine, 1);
        assert_in_range(info.cores, 1, info.cpus);
        assert_in_range(info.packages, 1, info.cores);
        assert_in_range(info.l3_groups, 1, info.cores);
        assert_true(info.nodes >= 1);

        int *cpus = calloc((size_t)info.cpus, sizeof *cpus);
        static const char *const ways[] = { "compact", "spread" };
        for (int way = 0; way < 2; way++) {
                assert_int_equal(
                        weft_topology_place(topo, ways[way], info.cpus, cpus, NULL), 0);
                cpu_set_t seen = mine;
                for (int i = 0; i < info.cpus; i++) {
                        assert_true(CPU_ISSET((size_t)cpus[i],
                                              &seen)); /* each exactly once */
                        CPU_CLR((size_t)cpus[i], &seen);
                        assert_int_equal(weft_topology_cpu(topo, cpus[i], &c), 0);
                        assert_true(weft_topology_caches(topo, cpus[i], caches, 8) >= 0);
                }
        }
        free(cpus);
        weft_topology_free(topo);
}

/* NULL, or what did not hold: cmocka's asserts belong to the main thread. */
static void *pin_to_each(void *arg)
{
        const weft_topology_t *topo = arg;
        cpu_set_t before, after;
        int cpus[16]; /* cycling where the machine has fewer, a sample where more */

        if (sched_getaffinity(0, sizeof before, &before))
                return "getaffinity";
        if (weft_topology_place(topo, "spread", 16, cpus, NULL))
                return "place";
        for (int i = 0; i < 16; i++) {
                if (weft_topology_pin(topo, cpus[i]))
                        return "pin";
                if (sched_getcpu() != cpus[i] || weft_topology_here(topo) != cpus[i])
                        return "runs elsewhere";
                if (sched_getaffinity(0, sizeof after, &after) || CPU_COUNT(&after) != 1)
                        return "may run elsewhere";
        }
        if (weft_topology_unpin(topo) || sched_getaffinity(0, sizeof after, &after))
                return "unpin";
        return CPU_EQUAL(&before, &after) ? NULL : "unpin gave another mask";
}

static void pin_really_pins_and_unpin_undoes_it(void **state)
{
        weft_topology_t *topo = load(NULL);
        pthread_t threads[4];

        (void)state;
        assert_null(pin_to_each(topo));
        errno = 4711;
        assert_int_equal(weft_topology_pin(topo, 1 << 20), -ENOENT);
        assert_int_equal(weft_topology_pin(topo, -1), -ENOENT);
        assert_int_equal(errno, 4711);
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, pin_to_each, topo), 0);
        for (int i = 0; i < 4; i++) {
                void *wrong = NULL;
                pthread_join(threads[i], &wrong);
                assert_null(wrong);
        }
        weft_topology_free(topo);
}

/* A process of its own, executed with only `cpu` in its mask: whatever threads the
 * runtime of the test (a sanitizer, say) starts have the same one. */
static int with_one_cpu(int cpu, int forbidden)
{
        weft_topology_t *topo = NULL;
        weft_topology_why_t why;
        weft_topology_info_t info;
        char list[16];
        int got[2];

        if (weft_topology_load(&topo, NULL))
                return 1;
        weft_topology_info(topo, &info);
        if (info.cpus != 1 || info.cores != 1 || info.packages != 1)
                return 2;
        if (weft_topology_place(topo, "spread", 2, got, NULL))
                return 3;
        if (got[0] != cpu || got[1] != cpu)
                return 4;
        if (forbidden >= 0) {
                (void)snprintf(list, sizeof list, "%d", forbidden);
                if (weft_topology_place(topo, list, 1, got, &why) != -ENOENT ||
                    !strstr(why.text, "may not be used"))
                        return 5;
                if (weft_topology_pin(topo, forbidden) != -ENOENT)
                        return 6;
        }
        weft_topology_free(topo);
        return 0;
}

static void exec_with_one_cpu(int cpu, int forbidden)
{
        cpu_set_t one;
        char a[16], b[16];

        CPU_ZERO(&one);
        CPU_SET((size_t)cpu, &one);
        (void)snprintf(a, sizeof a, "%d", cpu);
        (void)snprintf(b, sizeof b, "%d", forbidden);
        if (!sched_setaffinity(0, sizeof one, &one))
                execl("/proc/self/exe", "topology_test", a, b, (char *)NULL);
        _exit(99);
}

static void the_affinity_mask_is_honoured(void **state)
{
        cpu_set_t mine;
        int status;

        (void)state;
        unsetenv("HWLOC_SYNTHETIC");
        assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
        int cpu = first_of(&mine);
        CPU_CLR((size_t)cpu, &mine);
        pid_t child = fork();
        if (!child)
                exec_with_one_cpu(cpu, first_of(&mine));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static int policy_at(void *addr)
{
        int mode = -1;

        if (syscall(SYS_get_mempolicy, &mode, NULL, 0UL, addr,
                    (unsigned long)MPOL_F_ADDR))
                return -1;
        return mode & ~MPOL_MODE_FLAGS;
}

static void assert_bound(const weft_topology_t *topo, char *mem, size_t bytes)
{
        weft_topology_why_t why;

        assert_int_equal(weft_topology_bind(topo, mem, bytes, WEFT_TOPOLOGY_INTERLEAVE,
                                            NULL, &why),
                         0);
        assert_string_equal(why.text, "");
        assert_int_equal(policy_at(mem), MPOL_INTERLEAVE);
        assert_int_equal(policy_at(mem + bytes - 1), MPOL_INTERLEAVE);
        assert_int_equal(weft_topology_bind(topo, mem, bytes, WEFT_TOPOLOGY_FIRST_TOUCH,
                                            NULL, &why),
                         0);
        assert_int_equal(policy_at(mem), MPOL_DEFAULT);
}

static void bind_works_or_says_that_it_cannot(void **state)
{
        weft_topology_t *topo = load(NULL);
        weft_topology_cpu_t here;
        weft_topology_why_t why;
        const size_t bytes = 1 << 20;
        char *mem, node[16];
        int cpu;

        (void)state;
        assert_int_equal(weft_topology_place(topo, "compact", 1, &cpu, NULL), 0);
        assert_int_equal(weft_topology_cpu(topo, cpu, &here), 0);
        (void)snprintf(node, sizeof node, "%d", here.node);
        mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                   0);
        assert_ptr_not_equal(mem, MAP_FAILED);
        memset(mem, 1, bytes / 2); /* pages that are there and pages that are not */

        errno = 4711;
        int rc = weft_topology_bind(topo, mem, bytes, WEFT_TOPOLOGY_ON, node, &why);
        assert_int_equal(errno, 4711);
        if (rc) {
                assert_int_equal(rc, -ENOTSUP);
                assert_string_not_equal(why.text, "");
        } else {
                assert_int_not_equal(policy_at(mem), MPOL_DEFAULT);
                assert_bound(topo, mem, bytes);
        }
        for (size_t i = 0; i < bytes; i++)
                assert_int_equal(mem[i], i < bytes / 2);
        munmap(mem, bytes);
        weft_topology_free(topo);
}

static void assert_not_bound(const weft_topology_t *topo, weft_topology_memory_t policy,
                             const char *nodes, int code, const char *word)
{
        weft_topology_why_t why;
        char *mem = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        assert_ptr_not_equal(mem, MAP_FAILED);
        assert_int_equal(weft_topology_bind(topo, mem, 4096, policy, nodes, NULL), code);
        assert_int_equal(weft_topology_bind(topo, mem, 4096, policy, nodes, &why), code);
        if (!strstr(why.text, word))
                fail_msg("the words do not say '%s': %s", word, why.text);
        munmap(mem, 4096);
}

static void bad_bindings_are_named(void **state)
{
        weft_topology_t *topo = load(NULL);
        weft_topology_why_t why;
        char byte;

        (void)state;
        assert_not_bound(topo, WEFT_TOPOLOGY_ON, "9999", -ENOENT,
                         "node 9999 does not exist");
        assert_not_bound(topo, WEFT_TOPOLOGY_INTERLEAVE, "0-", -EINVAL, "'0-'");
        assert_not_bound(topo, WEFT_TOPOLOGY_ON, "", -EINVAL, "''");
        assert_not_bound(topo, WEFT_TOPOLOGY_ON, "x", -EINVAL, "'x'");
        assert_not_bound(topo, WEFT_TOPOLOGY_FIRST_TOUCH, "0", -EINVAL, "no list");
        assert_not_bound(topo, (weft_topology_memory_t)7, NULL, -EINVAL, "7");
        assert_int_equal(
                weft_topology_bind(topo, NULL, 4096, WEFT_TOPOLOGY_ON, NULL, &why),
                -EINVAL);
        assert_int_equal(weft_topology_bind(topo, &byte, 0, WEFT_TOPOLOGY_ON, NULL, &why),
                         -EINVAL);
        assert_int_equal(
                weft_topology_bind(topo, &byte, SIZE_MAX, WEFT_TOPOLOGY_ON, NULL, &why),
                -EINVAL);

        char *gone = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(gone, 4096);
        errno = 4711;
        int rc = weft_topology_bind(topo, gone, 4096, WEFT_TOPOLOGY_ON, NULL, &why);
        assert_true(rc == -EFAULT || rc == -ENOTSUP);
        assert_int_equal(errno, 4711);
        weft_topology_free(topo);
        weft_topology_free(NULL);
}

static void nothing_is_asked_of_no_topology(void **state)
{
        weft_topology_t *t = NULL;
        weft_topology_why_t why;
        weft_topology_info_t info = { .cpus = 7 };
        weft_topology_cpu_t about;
        weft_topology_cache_t cache;
        int cpus[2], byte = 0;

        (void)state;
        assert_int_equal(weft_topology_load(NULL, &why), -EINVAL);
        assert_true(*why.text);
        weft_topology_info(NULL, &info);
        assert_int_equal(info.cpus, 0);
        assert_int_equal(weft_topology_cpu(NULL, 0, &about), -EINVAL);
        assert_int_equal(weft_topology_caches(NULL, 0, &cache, 1), -EINVAL);
        assert_int_equal(weft_topology_between(NULL, 0, 0), -EINVAL);
        assert_int_equal(weft_topology_place(NULL, "spread", 2, cpus, &why), -EINVAL);
        assert_int_equal(weft_topology_pin(NULL, 0), -EINVAL);
        assert_int_equal(weft_topology_unpin(NULL), -EINVAL);
        assert_int_equal(weft_topology_here(NULL), -EINVAL);
        assert_int_equal(
                weft_topology_bind(NULL, &byte, 1, WEFT_TOPOLOGY_FIRST_TOUCH, NULL, &why),
                -EINVAL);
        assert_int_equal(weft_topology_load(&t, NULL), 0);
        weft_topology_info(t, NULL);
        assert_int_equal(weft_topology_cpu(t, weft_topology_here(t), NULL), -EINVAL);
        assert_int_equal(weft_topology_caches(t, weft_topology_here(t), NULL, 1),
                         -EINVAL);
        assert_int_equal(weft_topology_place(t, NULL, 2, cpus, &why), -EINVAL);
        assert_int_equal(weft_topology_place(t, "spread", 2, NULL, &why), -EINVAL);
        weft_topology_free(t);
}

int main(int argc, char **argv)
{
        if (argc == 3)
                return with_one_cpu(atoi(argv[1]), atoi(argv[2]));
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(counts_are_those_of_the_machine),
                cmocka_unit_test(a_cpu_is_described),
                cmocka_unit_test(caches_are_told_from_near_to_far),
                cmocka_unit_test(spread_goes_far_and_siblings_come_last),
                cmocka_unit_test(compact_fills_cores_and_groups),
                cmocka_unit_test(same_l3_stays_in_one_group),
                cmocka_unit_test(lists_are_taken_as_they_are),
                cmocka_unit_test(bad_placements_are_named),
                cmocka_unit_test(distance_is_the_nearest_thing_shared),
                cmocka_unit_test(another_machine_is_never_acted_on),
                cmocka_unit_test(a_bad_description_is_an_error),
                cmocka_unit_test(a_file_describes_an_uneven_machine),
                cmocka_unit_test(a_description_may_claim_to_be_this_machine),
                cmocka_unit_test(this_machine_makes_sense),
                cmocka_unit_test(pin_really_pins_and_unpin_undoes_it),
                cmocka_unit_test(the_affinity_mask_is_honoured),
                cmocka_unit_test(bind_works_or_says_that_it_cannot),
                cmocka_unit_test(bad_bindings_are_named),
                cmocka_unit_test(nothing_is_asked_of_no_topology),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
