/* tests/harness/world.c -- images of sparse files.
 *
 * Only data is ever read: reading a hole of a mapped tmpfs file would fill it. Pages of
 * zeroes count as holes: a mere load makes the one of the other. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/harness/world.h"

enum { PAGE = 4096 };

struct page {
        uint32_t refs;
        uint64_t hash;
        unsigned char bytes[PAGE];
};

struct image_file {
        char name[WORLD_NAME];
        uint64_t bytes;
        mode_t mode;
        size_t pages;
        struct page **page; /* NULL is a hole */
};

struct image {
        uint32_t refs;
        unsigned files;
        struct image_file file[WORLD_FILES];
        uint64_t hash;
};

struct view_file {
        char name[WORLD_NAME];
        int fd;
        unsigned char *at;
        struct stat st;
};

/* A mapping of file[i] in the process that is watched. */
struct view_range {
        uint64_t from, to, offset;
        unsigned file;
};

struct view {
        const struct world *world;
        unsigned files, ranges;
        struct view_file file[WORLD_FILES];
        struct view_range range[4 * WORLD_FILES];
};

/* ---- worlds -------------------------------------------------------------- */

int world_make_dir(struct world *w)
{
        static const char template[] = "/dev/shm/weft-crash.XXXXXX";
        w->fd = -1;
        memcpy(w->dir, template, sizeof template);
        return mkdtemp(w->dir) ? 0 : -errno;
}

static void world_path(const struct world *w, const char *name, char *path, size_t n)
{
        CHECK(snprintf(path, n, "%s/%s", w->dir, name) < (int)n);
}

/* Calls `each` for every file's path; `each` may remove it. */
static void each_file(const struct world *w,
                      void (*each)(const char *name, const char *path, void *context),
                      void *context)
{
        char path[2 * WORLD_NAME + 256];
        DIR *dir = opendir(w->dir);
        CHECK(dir);
        for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
                if (e->d_name[0] == '.')
                        continue;
                world_path(w, e->d_name, path, sizeof path);
                each(e->d_name, path, context);
        }
        closedir(dir);
}

static void remove_file(const char *name, const char *path, void *context)
{
        (void)name, (void)context;
        unlink(path);
}

void world_drop(struct world *w)
{
        if (w->fd >= 0)
                close(w->fd);
        if (*w->dir) {
                each_file(w, remove_file, NULL);
                rmdir(w->dir);
        }
        w->fd = -1;
        *w->dir = 0;
}

void world_bury(struct world *w, const struct crash_kit *kit, uint32_t tid)
{
        if (!kit->bury || !tid)
                return;
        struct view *v = view_open(w);
        for (unsigned i = 0; i < v->files; i++) {
                struct view_file *f = &v->file[i];
                size_t n = (size_t)f->st.st_size;
                void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
                CHECK(at != MAP_FAILED);
                kit->bury(at, n, tid);
                munmap(at, n);
        }
        view_close(v);
}

/* ---- views --------------------------------------------------------------- */

static void view_add(struct view *v, const char *name, int fd)
{
        CHECK(v->files < WORLD_FILES && strlen(name) < WORLD_NAME);
        struct view_file *f = &v->file[v->files++];
        strcpy(f->name, name);
        f->fd = fd;
        f->at = NULL;
        CHECK(fstat(fd, &f->st) == 0);
        if (f->st.st_size == 0)
                return;
        f->at = mmap(NULL, (size_t)f->st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        CHECK(f->at != MAP_FAILED);
}

static void view_add_path(const char *name, const char *path, void *context)
{
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0)
                view_add(context, name, fd);
}

static void view_clear(struct view *v)
{
        for (unsigned i = 0; i < v->files; i++) {
                if (v->file[i].at)
                        munmap(v->file[i].at, (size_t)v->file[i].st.st_size);
                close(v->file[i].fd);
        }
        v->files = 0;
}

static int by_name(const void *a, const void *b)
{
        const struct view_file *x = a, *y = b;
        return strcmp(x->name, y->name);
}

static void view_fill(struct view *v)
{
        if (v->world->fd >= 0) {
                int fd = fcntl(v->world->fd, F_DUPFD_CLOEXEC, 3);
                CHECK(fd >= 0);
                view_add(v, "", fd);
        } else {
                each_file(v->world, view_add_path, v);
                qsort(v->file, v->files, sizeof *v->file, by_name);
        }
}

void view_refresh(struct view *v)
{
        struct stat st;
        if (v->world->fd >= 0 && fstat(v->world->fd, &st) == 0 &&
            st.st_size == v->file[0].st.st_size)
                return;
        view_clear(v);
        view_fill(v);
}

struct view *view_open(const struct world *w)
{
        struct view *v = calloc(1, sizeof *v);
        CHECK(v);
        v->world = w;
        view_fill(v);
        return v;
}

void view_close(struct view *v)
{
        view_clear(v);
        free(v);
}

/* ---- images -------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t x)
{
        h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
        return h ^ h >> 29;
}

static uint64_t hash_bytes(const void *bytes, size_t n)
{
        const unsigned char *at = bytes;
        uint64_t h = n, x;
        for (; n >= 8; n -= 8, at += 8) {
                memcpy(&x, at, 8);
                h = mix(h, x);
        }
        for (; n; n--)
                h = mix(h, *at++);
        return h;
}

/* The next stretch of pages with data, from page `at` on. */
static bool next_data(const struct view_file *f, size_t at, size_t *from, size_t *to)
{
        off_t a = lseek(f->fd, (off_t)(at * PAGE), SEEK_DATA);
        if (a < 0)
                return false;
        off_t b = lseek(f->fd, a, SEEK_HOLE);
        *from = (size_t)a / PAGE;
        *to = b < 0 ? *from + 1 : ((size_t)b + PAGE - 1) / PAGE;
        return true;
}

static bool holes_in(const struct image_file *o, size_t from, size_t to)
{
        for (size_t i = from; i < to; i++)
                if (o->page[i])
                        return false;
        return true;
}

static const unsigned char zeroes[PAGE];

static bool page_same(const struct page *was, const unsigned char *at)
{
        return memcmp(was ? was->bytes : zeroes, at, PAGE) == 0;
}

static bool file_same(const struct view_file *f, const struct image_file *o)
{
        struct stat st;
        size_t at = 0, from, to;
        if (strcmp(f->name, o->name) != 0 || (uint64_t)f->st.st_size != o->bytes)
                return false;
        if (fstat(f->fd, &st) || st.st_mode != o->mode)
                return false;
        for (; f->at && next_data(f, at, &from, &to); at = to) {
                if (!holes_in(o, at, from))
                        return false;
                for (size_t i = from; i < to; i++)
                        if (!page_same(o->page[i], f->at + i * PAGE))
                                return false;
        }
        return holes_in(o, at, o->pages);
}

static struct page *page_take(const unsigned char *at, struct page *before)
{
        if (page_same(before, at)) {
                if (before)
                        before->refs++;
                return before;
        }
        if (memcmp(zeroes, at, PAGE) == 0)
                return NULL;
        struct page *p = malloc(sizeof *p);
        CHECK(p);
        p->refs = 1;
        memcpy(p->bytes, at, PAGE);
        p->hash = hash_bytes(p->bytes, PAGE);
        return p;
}

static void file_take(const struct view_file *f, const struct image_file *before,
                      struct image_file *o)
{
        struct stat st;
        size_t at = 0, from, to;
        CHECK(fstat(f->fd, &st) == 0);
        memcpy(o->name, f->name, sizeof o->name);
        o->bytes = (uint64_t)f->st.st_size;
        o->mode = st.st_mode;
        o->pages = (o->bytes + PAGE - 1) / PAGE;
        o->page = calloc(o->pages + 1, sizeof *o->page);
        CHECK(o->page);
        for (; f->at && next_data(f, at, &from, &to); at = to)
                for (size_t i = from; i < to; i++) {
                        struct page *b =
                                before && i < before->pages ? before->page[i] : NULL;
                        o->page[i] = page_take(f->at + i * PAGE, b);
                }
}

static uint64_t file_hash(const struct image_file *o)
{
        uint64_t h = mix(hash_bytes(o->name, strlen(o->name)), o->bytes);
        h = mix(h, o->mode);
        for (size_t i = 0; i < o->pages; i++)
                if (o->page[i])
                        h += mix(i, o->page[i]->hash);
        return h;
}

struct image *view_take(struct view *v, const struct image *before)
{
        bool same = before && before->files == v->files;
        for (unsigned i = 0; same && i < v->files; i++)
                same = file_same(&v->file[i], &before->file[i]);
        if (same)
                return NULL;
        struct image *image = calloc(1, sizeof *image);
        CHECK(image);
        image->refs = 1;
        image->files = v->files;
        for (unsigned i = 0; i < v->files; i++) {
                const struct image_file *b =
                        before && i < before->files ? &before->file[i] : NULL;
                file_take(&v->file[i], b, &image->file[i]);
                image->hash = mix(image->hash, file_hash(&image->file[i]));
        }
        return image;
}

void view_find(struct view *v, pid_t pid)
{
        char path[64], line[512];
        snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
        FILE *f = fopen(path, "r");
        v->ranges = 0;
        while (f && fgets(line, sizeof line, f)) {
                unsigned long long from, to, offset, inode;
                unsigned major, minor;
                if (sscanf(line, "%llx-%llx %*s %llx %x:%x %llu", &from, &to, &offset,
                           &major, &minor, &inode) != 6)
                        continue;
                for (unsigned i = 0; i < v->files; i++)
                        if (v->file[i].st.st_ino == inode &&
                            v->file[i].st.st_dev == makedev(major, minor)) {
                                CHECK(v->ranges < sizeof v->range / sizeof *v->range);
                                v->range[v->ranges++] =
                                        (struct view_range){ from, to, offset, i };
                        }
        }
        if (f)
                fclose(f);
}

static struct image *image_clone(const struct image *from)
{
        struct image *image = malloc(sizeof *image);
        CHECK(image);
        *image = *from;
        image->refs = 1;
        for (unsigned i = 0; i < image->files; i++) {
                struct image_file *o = &image->file[i];
                o->page = malloc((o->pages + 1) * sizeof *o->page);
                CHECK(o->page);
                memcpy(o->page, from->file[i].page, (o->pages + 1) * sizeof *o->page);
                for (size_t p = 0; p < o->pages; p++)
                        if (o->page[p])
                                o->page[p]->refs++;
        }
        return image;
}

/* Page `i` of a file has perhaps changed. */
static struct image *take_page(struct view *v, const struct image *before, unsigned file,
                               size_t i)
{
        struct page *was = before->file[file].page[i];
        const unsigned char *at = v->file[file].at + i * PAGE;
        if (page_same(was, at))
                return NULL;
        struct image *image = image_clone(before);
        struct image_file *o = &image->file[file];
        o->page[i] = page_take(at, NULL);
        if (was)
                was->refs--; /* `before` has it still */
        image->hash = 0;
        for (unsigned k = 0; k < image->files; k++)
                image->hash = mix(image->hash, file_hash(&image->file[k]));
        return image;
}

struct image *view_take_at(struct view *v, const struct image *before, uint64_t address,
                           uint64_t n)
{
        for (unsigned i = 0; i < v->ranges; i++) {
                const struct view_range *r = &v->range[i];
                if (address + n <= r->from || address >= r->to)
                        continue;
                uint64_t at = address < r->from ? r->from : address;
                uint64_t end = address + n > r->to ? r->to : address + n;
                size_t a = (at - r->from + r->offset) / PAGE;
                size_t b = (end - 1 - r->from + r->offset) / PAGE;
                if (before->files != v->files || b >= before->file[r->file].pages)
                        return view_take(v, before);
                struct image *image = take_page(v, before, r->file, a);
                return image || a == b ? image : take_page(v, before, r->file, b);
        }
        return NULL;
}

uint64_t image_hash(const struct image *image)
{
        return image->hash;
}

struct image *image_share(struct image *image)
{
        image->refs++;
        return image;
}

void image_free(struct image *image)
{
        if (!image || --image->refs)
                return;
        for (unsigned i = 0; i < image->files; i++) {
                struct image_file *o = &image->file[i];
                for (size_t p = 0; p < o->pages; p++)
                        if (o->page[p] && --o->page[p]->refs == 0)
                                free(o->page[p]);
                free(o->page);
        }
        free(image);
}

static void file_make(const struct image_file *o, int fd)
{
        CHECK(fchmod(fd, o->mode & 07777) == 0 && ftruncate(fd, (off_t)o->bytes) == 0);
        for (size_t i = 0; i < o->pages; i++)
                if (o->page[i])
                        CHECK(pwrite(fd, o->page[i]->bytes, PAGE, (off_t)(i * PAGE)) ==
                              PAGE);
}

void image_make(const struct image *image, struct world *w)
{
        char path[2 * WORLD_NAME + 256];
        if (image->files == 1 && !*image->file[0].name) {
                *w->dir = 0;
                w->fd = memfd_create("crash", MFD_CLOEXEC | MFD_ALLOW_SEALING);
                CHECK(w->fd >= 0);
                file_make(&image->file[0], w->fd);
                return;
        }
        CHECK(world_make_dir(w) == 0);
        for (unsigned i = 0; i < image->files; i++) {
                world_path(w, image->file[i].name, path, sizeof path);
                int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                CHECK(fd >= 0);
                file_make(&image->file[i], fd);
                close(fd);
        }
}
