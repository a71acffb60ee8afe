/* weft doctor -- what of this machine is fine for weft, and what to change. */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

enum grade { FINE, NOTE, BAD };
static const char *const grades[] = { "fine", "note", "bad" };

static json_t *findings;
static int worst;

/* One line: what was looked at, what was found, and what to do about it ("" if nothing). */
static void tell(enum grade grade, const char *what, const char *found,
                 const char *advice)
{
        if ((int)grade > worst)
                worst = (int)grade;
        json_array_append_new(findings,
                              json_pack("{s:s, s:s, s:s, s:s}", "what", what, "grade",
                                        grades[grade], "found", found, "advice", advice));
        if (cli.json)
                return;
        printf("%-4s  %-12s %s\n", grades[grade], what, found);
        if (*advice)
                printf("%20s-> %s\n", "", advice);
}

/* The first line of a file of the kernel's, without its end. False if there is none. */
static bool line_of(const char *path, char *line, size_t bytes)
{
        FILE *f = fopen(path, "re");
        if (!f)
                return false;
        bool got = fgets(line, (int)bytes, f) != NULL;
        fclose(f);
        if (got)
                line[strcspn(line, "\n")] = 0;
        return got;
}

/* ---- memory -------------------------------------------------------------- */

enum { TMPFS = 0x01021994, RAMFS = (int)0x858458f6 };

static void look_directory(void)
{
        const char *dir = getenv("WEFT_DIR");
        char found[512];
        struct statfs fs;
        if (!dir || !*dir)
                dir = "/dev/shm";
        if (statfs(dir, &fs) != 0) {
                snprintf(found, sizeof found, "%s: %s", dir, strerror(errno));
                tell(BAD, "directory", found,
                     "mount a tmpfs there, or set WEFT_DIR to a directory on one");
                return;
        }
        uint64_t size = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
        uint64_t room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
        bool memory = fs.f_type == TMPFS || (int)fs.f_type == RAMFS;
        snprintf(found, sizeof found, "%s: %s%s, %s free", dir,
                 memory ? "tmpfs of " : "not a tmpfs, ", cli_bytes(size),
                 cli_bytes(room));
        if (access(dir, R_OK | W_OK | X_OK) != 0)
                tell(BAD, "directory", found,
                     "named arenas cannot be made: not writable");
        else if (!memory)
                tell(NOTE, "directory", found,
                     "arenas will be written back to a disk: set WEFT_DIR to a tmpfs");
        else if (room < UINT64_C(64) << 20)
                tell(BAD, "directory", found,
                     "free some, or: mount -o remount,size=50% "
                     "/dev/shm");
        else if (room < UINT64_C(512) << 20)
                tell(NOTE, "directory", found, "large runs may end with \"no space\"");
        else
                tell(FINE, "directory", found, "");
}

static void look_cgroup(void)
{
        char line[64], found[128];
        if (!line_of("/sys/fs/cgroup/memory.max", line, sizeof line) ||
            !strcmp(line, "max"))
                return;
        uint64_t limit = strtoull(line, NULL, 10);
        snprintf(found, sizeof found, "memory of this control group: at most %s",
                 cli_bytes(limit));
        tell(limit < UINT64_C(256) << 20 ? NOTE : FINE, "cgroup", found,
             limit < UINT64_C(256) << 20 ? "arenas count against it: raise memory.max"
                                         : "");
}

static void look_huge_pages(void)
{
        static const char path[] = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
        char line[128], found[160], chosen[32] = "?";
        if (!line_of(path, line, sizeof line)) {
                tell(NOTE, "huge pages", "this kernel has none for shared memory", "");
                return;
        }
        if (sscanf(line, "%*[^[][%31[^]]", chosen) != 1)
                (void)sscanf(line, "[%31[^]]", chosen);
        snprintf(found, sizeof found, "for shared memory: %s", chosen);
        if (!strcmp(chosen, "always") || !strcmp(chosen, "advise") ||
            !strcmp(chosen, "within_size"))
                tell(FINE, "huge pages", found, "");
        else
                tell(NOTE, "huge pages", found,
                     "large arenas gain a little by: echo advise > /sys/kernel/mm/"
                     "transparent_hugepage/shmem_enabled");
}

/* ---- limits -------------------------------------------------------------- */

static void look_limit(int resource, const char *name, uint64_t least, bool bytes,
                       const char *advice)
{
        struct rlimit limit;
        char found[128];
        if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
                return;
        if (limit.rlim_cur == RLIM_INFINITY)
                snprintf(found, sizeof found, "unlimited");
        else if (bytes)
                snprintf(found, sizeof found, "%s", cli_bytes(limit.rlim_cur));
        else
                snprintf(found, sizeof found, "%llu", (unsigned long long)limit.rlim_cur);
        bool low = limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < least;
        tell(low ? BAD : FINE, name, found, low ? advice : "");
}

static void look_limits(void)
{
        look_limit(RLIMIT_NOFILE, "open files", 64, false, "ulimit -n 1024");
        look_limit(RLIMIT_NPROC, "processes", 64, false, "ulimit -u 1024");
        look_limit(RLIMIT_AS, "addresses", UINT64_C(4) << 30, true,
                   "ulimit -v unlimited: an arena is mapped as large as it may grow");
        look_limit(RLIMIT_FSIZE, "file size", UINT64_C(4) << 30, true,
                   "ulimit -f unlimited: an arena is a file as large as it may grow");
}

/* ---- the kernel ---------------------------------------------------------- */

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static void look_futex(void)
{
        long rc = syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0);
        if (rc == -1 && errno == ENOSYS)
                tell(NOTE, "futex_waitv", "not in this kernel (5.16 has it)",
                     "waiting on several objects then looks at them in turn");
        else if (rc == -1 && errno == EPERM)
                tell(NOTE, "futex_waitv", "forbidden here, by a seccomp filter", "");
        else
                tell(FINE, "futex_waitv", "there", "");
}

static void look_membarrier(void)
{
        long got = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
        if (got < 0)
                tell(NOTE, "membarrier", strerror(errno),
                     "free memory of arenas is then not given back while they are open");
        else if (got & MEMBARRIER_CMD_GLOBAL_EXPEDITED)
                tell(FINE, "membarrier", "global expedited", "");
        else
                tell(NOTE, "membarrier", "without global expedited",
                     "free memory of arenas is then not given back while they are open");
}

static void look_ptrace(void)
{
        char scope[16] = "0", found[160];
        bool yama = line_of("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof scope);
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
                _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
        int status = -1;
        bool works = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
        snprintf(found, sizeof found, "of own children %s%s%s",
                 works ? "works" : "is forbidden", yama ? ", yama scope " : "",
                 yama ? scope : "");
        if (works)
                tell(FINE, "ptrace", found, "");
        else
                tell(NOTE, "ptrace", found, "only the crash tests need it");
}

static void look_kernel(void)
{
        struct utsname u;
        char found[256];
        uname(&u);
        snprintf(found, sizeof found, "%s %s, %s", u.sysname, u.release, u.machine);
        char *dot;
        unsigned long major = strtoul(u.release, &dot, 10);
        unsigned long minor = *dot == '.' ? strtoul(dot + 1, NULL, 10) : 0;
        bool old = major < 5 || (major == 5 && minor < 4);
        tell(old ? NOTE : FINE, "kernel", found, old ? "5.4 or later is tested" : "");
}

/* ---- the machine --------------------------------------------------------- */

static void look_cpus(void)
{
        char found[192];
        weft_topology_t *topo;
        weft_topology_why_t why;
        if (weft_topology_load(&topo, &why) != 0) {
                tell(NOTE, "cpus", why.text, "--pin will not work");
                return;
        }
        weft_topology_info_t info;
        weft_topology_info(topo, &info);
        weft_topology_free(topo);
        snprintf(found, sizeof found,
                 "%d to use: %d cores, %d packages, %d L3 groups, %d memory nodes%s",
                 info.cpus, info.cores, info.packages, info.l3_groups, info.nodes,
                 info.this_machine ? "" : " (not this machine: see HWLOC_SYNTHETIC)");
        tell(info.this_machine ? (info.cpus < 2 ? NOTE : FINE) : NOTE, "cpus", found,
             info.cpus < 2 ? "one cpu: nothing runs side by side" : "");
}

/* The proof of the pudding: an arena, a block, a census. */
static void look_arena(void)
{
        struct weft_arena_options options = { .max_bytes = UINT64_C(16) << 20 };
        weft_arena_t *arena;
        struct weft_census census;
        weft_ref_t ref;
        char found[160];
        int rc = weft_arena_create(NULL, &options, &arena);
        if (!rc) {
                rc = weft_block_alloc(arena, 4096, &ref, NULL);
                if (!rc)
                        rc = weft_block_free(arena, ref);
                if (!rc)
                        rc = weft_arena_check(arena, &census);
                weft_arena_close(arena);
        }
        weft_strerror_of(rc, rc ? "a trial arena" : NULL, found, sizeof found);
        tell(rc ? BAD : FINE, "arena", rc ? found : "made, used, counted, closed",
             rc ? "see what is bad above" : "");
}

int cmd_doctor(int argc, char **argv)
{
        int first = cli_options(argc, argv);
        if (first < 0)
                return -1 - first;
        if (first < argc)
                return cli_usage("doctor takes no names");
        findings = json_array();
        look_kernel();
        look_cpus();
        look_directory();
        look_cgroup();
        look_huge_pages();
        look_limits();
        look_futex();
        look_membarrier();
        look_ptrace();
        look_arena();
        int code = worst == BAD ? CLI_FAILED : CLI_OK;
        json_t *all =
                json_pack("{s:b, s:o}", "fine", code == CLI_OK, "findings", findings);
        if (cli.json) {
                int rc = cli_json(all);
                return code ? code : rc;
        }
        json_decref(all);
        printf("\n%s\n", code    ? "Something has to change first."
                         : worst ? "weft works here; the notes say what could be better."
                                 : "All is fine.");
        int rc = cli_flush();
        return code ? code : rc;
}
