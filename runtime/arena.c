/* runtime/arena.c -- creating, opening, closing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent.h"
#include "runtime/arena_file.h"
#include "runtime/block.h"
#include "runtime/object.h"

static weft_arena_t *arenas; /* open in this process; under the registry lock */
static uint64_t serials;

_Static_assert(WEFT_AGENTS_MAX_ == WEFT_AGENTS_MAX, "one number, two headers");
_Static_assert(sizeof(struct weft_seat_shared) * WEFT_AGENTS_MAX == WEFT_SEATS_BYTES,
               "the seat table fills its part of the file");

/* ---- mapping ------------------------------------------------------------- */

static int map(weft_arena_t *a)
{
        int prot = a->readonly ? PROT_READ : PROT_READ | PROT_WRITE; /* P7 */
        int flags = MAP_SHARED | MAP_NORESERVE;

        a->base = weft_map_aligned(a->fd, WEFT_SEATS_BYTES, a->geo.arena_bytes, prot,
                                   flags);
        if (a->base == MAP_FAILED)
                return -errno;
        void *seats = mmap(NULL, WEFT_SEATS_BYTES, prot, flags, a->fd, 0);
        if (seats == MAP_FAILED) {
                int err = -errno;
                munmap(a->base, a->geo.arena_bytes);
                return err;
        }
        a->sh = (struct weft_arena_shared *)(void *)a->base;
        a->seats = seats;
        /* Other people's data is never in this process's core dump. */
        (void)madvise(a->base, a->geo.arena_bytes, MADV_DONTDUMP);
        (void)madvise(seats, WEFT_SEATS_BYTES, MADV_DONTDUMP);
        return 0;
}

static void unmap(weft_arena_t *a)
{
        munmap(a->base, a->geo.arena_bytes);
        munmap(a->seats, WEFT_SEATS_BYTES);
        close(a->fd);
        free(a);
}

bool weft_arena_retire(weft_arena_t *a)
{
        if (a->opens || a->agents || a->leaving)
                return false;
        for (weft_arena_t **at = &arenas; *at; at = &(*at)->next)
                if (*at == a) {
                        *at = a->next;
                        break;
                }
        unmap(a);
        return true;
}

void weft_arenas_forget_agents(void)
{
        for (weft_arena_t *a = arenas; a; a = a->next) {
                a->leaving = 0;
                for (struct weft_agent *agent; (agent = a->agents);) {
                        a->agents = agent->next;
                        weft_block_cache_drop(agent);
                        free(agent->touched);
                        free(agent);
                }
        }
}

/* Who cannot be reached by membarrier shows himself as read-only clients do. */
static int show_up(weft_arena_t *a)
{
        if (!a->readonly) {
                int saved = errno;
                a->registered =
                        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
                                0, 0) == 0;
                errno = saved;
                if (a->registered)
                        return 0;
        }
        return weft_file_lock_shared(a->fd);
}

static int attach(int fd, const char *name, bool readonly,
                  const struct weft_geometry_shared *geo, uint64_t keep_bytes,
                  weft_arena_t **out)
{
        weft_arena_t *a = calloc(1, sizeof *a);
        if (!a)
                return -ENOMEM;
        a->fd = fd;
        a->readonly = readonly;
        a->geo = *geo;
        a->keep_pages = keep_bytes / WEFT_PAGE_BYTES;
        a->opens = 1;
        a->serial = ++serials;
        if (name)
                strcpy(a->name, name); /* checked: fits */
        int rc = show_up(a);
        if (!rc)
                rc = map(a);
        if (rc) {
                free(a);
                return rc;
        }
        a->next = arenas;
        arenas = a;
        *out = a;
        return 0;
}

/* ---- create -------------------------------------------------------------- */

static int check_options(const struct weft_arena_options *options,
                         struct weft_arena_options *o)
{
        *o = options ? *options : (struct weft_arena_options){ 0 };
        if (!o->max_bytes)
                o->max_bytes = UINT64_C(1) << 30;
        if (!o->keep_bytes)
                o->keep_bytes = UINT64_C(8) << 20;
        if (!o->max_objects)
                o->max_objects = 4096;
        if (!o->mode)
                o->mode = 0600;
        if (o->max_bytes < WEFT_ARENA_MIN || o->max_bytes > WEFT_ARENA_MAX ||
            o->max_objects > 65536 || o->mode & ~0666u || !(o->mode & 0200) ||
            o->flags & ~(unsigned)(WEFT_ARENA_COMMIT_ALL | WEFT_ARENA_EPHEMERAL |
                                   WEFT_ARENA_LARGE_PAGES) ||
            o->reserved)
                return -EINVAL;
        o->max_bytes =
                (o->max_bytes + WEFT_PAGE_BYTES - 1) / WEFT_PAGE_BYTES * WEFT_PAGE_BYTES;
        if (o->flags & WEFT_ARENA_COMMIT_ALL)
                o->keep_bytes = UINT64_MAX;
        return 0;
}

static int init_lives(struct weft_seat_shared *seats)
{
        pthread_mutexattr_t attr;
        int rc = pthread_mutexattr_init(&attr);
        if (rc)
                return -rc;
        pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
        for (uint32_t i = 0; i < WEFT_AGENTS_MAX && !rc; i++)
                rc = pthread_mutex_init((pthread_mutex_t *)(void *)seats[i].life, &attr);
        pthread_mutexattr_destroy(&attr);
        return -rc;
}

/* Everything before the regions is committed now, the entries apart, which have a
 * frontier of their own. */
static int commit_tables(weft_arena_t *a, uint32_t flags)
{
        int rc = weft_file_commit(a->fd, 0, WEFT_SEATS_BYTES);
        if (!rc)
                rc = weft_arena_commit(a, 0, a->geo.entries_at);
        if (!rc)
                rc = weft_arena_commit(a, a->geo.summaries_at,
                                       a->geo.regions_at - a->geo.summaries_at);
        if (!rc && flags & WEFT_ARENA_COMMIT_ALL)
                rc = weft_arena_commit(a, 0, a->geo.arena_bytes);
        return rc;
}

static int build(weft_arena_t *a, const struct weft_arena_options *o)
{
        struct timespec now;
        int rc = commit_tables(a, o->flags);
        if (rc)
                return rc;
        rc = init_lives(a->seats);
        if (rc)
                return rc;
        clock_gettime(CLOCK_REALTIME, &now);
        a->sh->format = WEFT_ARENA_FORMAT;
        a->sh->flags = o->flags;
        a->sh->max_bytes = o->max_bytes;
        a->sh->keep_bytes = o->keep_bytes;
        a->sh->created_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        a->sh->geometry = a->geo;
        weft_store_rel(&a->sh->magic, WEFT_ARENA_MAGIC); /* [M] */
        return 0;
}

/* Crash in create: before it has its name the file is unnamed and goes with the process.
 * A memfd goes with its last descriptor. */
int weft_arena_create(const char *name, const struct weft_arena_options *options,
                      weft_arena_t **arena)
{
        struct weft_arena_options o;
        struct weft_geometry_shared geo;
        int saved = errno;

        if (!arena)
                return -EINVAL;
        *arena = NULL;
        int rc = name ? weft_file_check_name(name) : 0;
        if (!rc)
                rc = check_options(options, &o);
        if (rc)
                return rc;
        weft_geometry(o.max_bytes, o.max_objects, &geo);
        int fd = weft_file_make(name, WEFT_SEATS_BYTES + geo.arena_bytes, o.mode);
        if (fd < 0) {
                errno = saved;
                return fd;
        }
        weft_registry_lock();
        weft_arena_t *a;
        rc = attach(fd, name, false, &geo, o.keep_bytes, &a);
        if (rc) {
                close(fd);
        } else {
                rc = build(a, &o);
                if (!rc && name)
                        rc = weft_file_publish(fd, name);
                if (rc) {
                        a->opens = 0;
                        (void)weft_arena_retire(a);
                }
        }
        weft_registry_unlock();
        if (!rc)
                *arena = a;
        errno = saved;
        return rc;
}

/* ---- open, close --------------------------------------------------------- */

/* Recomputed from two numbers, and compared: so nothing in it need be believed. */
static int check_header(int fd, const struct weft_arena_shared *header, uint64_t *keep)
{
        struct weft_geometry_shared geo;
        struct stat st;

        if (header->max_bytes < WEFT_ARENA_MIN || header->max_bytes > WEFT_ARENA_MAX ||
            header->max_bytes % WEFT_PAGE_BYTES || !header->geometry.entries ||
            header->geometry.entries > 65536)
                return -EPROTO;
        weft_geometry(header->max_bytes, header->geometry.entries, &geo);
        if (memcmp(&geo, &header->geometry, sizeof geo) != 0)
                return -EPROTO;
        if (fstat(fd, &st))
                return -errno;
        if ((uint64_t)st.st_size != WEFT_SEATS_BYTES + geo.arena_bytes)
                return -EPROTO;
        *keep = header->keep_bytes;
        return 0;
}

static weft_arena_t *open_already(int fd, bool readonly)
{
        struct stat a, b;
        if (fstat(fd, &a))
                return NULL;
        for (weft_arena_t *at = arenas; at; at = at->next)
                if (at->opens && at->readonly == readonly && !fstat(at->fd, &b) &&
                    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
                        return at;
        return NULL;
}

/* Takes `fd` over, whatever comes of it. */
static int open_file(int fd, const char *name, int flags, weft_arena_t **arena)
{
        struct weft_arena_shared header;
        bool readonly = flags & WEFT_RDONLY;
        uint64_t keep = 0;
        int rc = weft_file_header(fd, &header); /* [M] by the kernel's copy */
        if (!rc)
                rc = check_header(fd, &header, &keep);
        if (rc) {
                close(fd);
                return rc;
        }
        weft_registry_lock();
        weft_arena_t *a = open_already(fd, readonly);
        bool fresh = !a;
        if (a) {
                a->opens++;
                close(fd);
        } else {
                rc = attach(fd, name, readonly, &header.geometry, keep, &a);
                if (rc)
                        close(fd);
        }
        weft_registry_unlock();
        if (rc)
                return rc;
        /* [M] */
        if (fresh && weft_load_acq(&a->sh->magic) != WEFT_ARENA_MAGIC)
                rc = -EPROTO;
        if (rc) {
                weft_arena_close(a);
                return rc;
        }
        if (fresh && !readonly)
                (void)weft_agents_settle(a, NULL); /* an opener settles the dead */
        *arena = a;
        return 0;
}

int weft_arena_open(const char *name, int flags, weft_arena_t **arena)
{
        if (!arena || flags & ~WEFT_RDONLY)
                return -EINVAL;
        *arena = NULL;
        int saved = errno;
        int rc = weft_file_open(name, flags);
        if (rc >= 0)
                rc = open_file(rc, name, flags, arena);
        errno = saved;
        return rc;
}

int weft_arena_open_fd(int fd, int flags, weft_arena_t **arena)
{
        if (!arena || flags & ~WEFT_RDONLY)
                return -EINVAL;
        *arena = NULL;
        int saved = errno, rc;
        int mode = fcntl(fd, F_GETFL);
        if (mode < 0) {
                rc = -EINVAL;
        } else if (!(flags & WEFT_RDONLY) && (mode & O_ACCMODE) != O_RDWR) {
                rc = -EACCES;
        } else {
                rc = weft_file_check(fd);
                if (!rc)
                        rc = weft_file_again(fd, flags);
                if (rc >= 0)
                        rc = open_file(rc, NULL, flags, arena);
        }
        errno = saved;
        return rc;
}

int weft_arena_fd(const weft_arena_t *arena)
{
        return arena ? arena->fd : -EINVAL;
}

const char *weft_arena_name(const weft_arena_t *arena)
{
        return arena ? arena->name : "";
}

/* Crash in close: as any death: the seats are settled by others. */
void weft_arena_close(weft_arena_t *arena)
{
        if (!arena)
                return;
        int saved = errno;
        weft_registry_lock();
        bool last = arena->opens == 1;
        if (!last)
                arena->opens--;
        weft_registry_unlock();
        if (last) {
                /* Other threads' seats go when those threads end; the seat table stays
                 * mapped until then, for libc's list runs through it. */
                weft_agent_leave(arena);
                weft_registry_lock();
                arena->opens--;
                (void)weft_arena_retire(arena);
                weft_registry_unlock();
        }
        errno = saved;
}

int weft_arena_remove(const char *name)
{
        int saved = errno;
        int rc = weft_file_remove(name);
        errno = saved;
        return rc;
}
