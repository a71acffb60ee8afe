/* codata/function_table.c -- what is known in this process, by name.
 *
 * A table of liburcu (rculfhash). What was once in it is never freed, nor are its buckets,
 * which are as many from the beginning: so whoever looks needs no read-side section, no
 * registration of his thread and nothing at fork(), and is never in the way of anybody.
 * Those who change it do so one at a time, under a lock of this process.
 *
 * A record that was unregistered stays, with its node, and is put back when the same
 * function comes again under the same name. Who stands on that node meanwhile goes on from it
 * to what follows in the order of hashes, before and after alike; and only those who change
 * the table ever unlink, of whom there is one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <urcu/urcu-memb.h>

#include <urcu/rculfhash.h>

#include "codata/function_internal.h"

/* ThreadSanitizer does not see what liburcu does: each record is handed over by itself. */
#ifdef WEFT_TSAN
#include <sanitizer/tsan_interface.h>
#define HAND_OVER(at) __tsan_release(at)
#define TAKE_OVER(at) __tsan_acquire((void *)(uintptr_t)(at))
#else
#define HAND_OVER(at) ((void)(at))
#define TAKE_OVER(at) ((void)(at))
#endif

enum { BUCKETS = 1024, ITEM_MAX = 1 << 30, ALIGN_MAX = 4096 };

struct record {
        struct cds_lfht_node node;
        struct weft_function function; /* constant, as `name` */
        struct record *next;           /* of all; this and `uses` are under the lock */
        uint32_t uses;                 /* 0: unregistered */
        char name[];
};

struct type_name {
        struct cds_lfht_node node;
        uint64_t tag;
        char name[];
};

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t began = PTHREAD_ONCE_INIT;
static struct cds_lfht *functions, *types; /* constant once begun */
static struct record *records;             /* all that were ever made */

static void lock(void)
{
        pthread_mutex_lock(&changing);
}

static void unlock(void)
{
        pthread_mutex_unlock(&changing);
}

static struct cds_lfht *table_make(void)
{
        return cds_lfht_new_flavor(BUCKETS, BUCKETS, BUCKETS, 0, &urcu_memb_flavor, NULL);
}

static void begin(void)
{
        functions = table_make();
        types = table_make();
        if (!functions || !types || pthread_atfork(lock, unlock, unlock))
                abort(); /* before main() has begun, and out of memory */
}

static bool is_there(void)
{
        (void)pthread_once(&began, begin);
        return true;
}

/* FNV-1a, then mixed (Steele, Lea, Flood: SplitMix, OOPSLA 2014). */
static uint64_t hash_of(const char *name)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
        hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
        return hash ^ hash >> 31;
}

/* ---- looking ------------------------------------------------------------------ */

static struct record *record_of(struct cds_lfht_node *node)
{
        return (void *)((char *)node - offsetof(struct record, node));
}

static int has_name(struct cds_lfht_node *node, const void *name)
{
        const struct record *r = record_of(node);
        TAKE_OVER(r);
        return strcmp(r->name, name) == 0;
}

static struct record *look(const char *name, uint64_t hash)
{
        struct cds_lfht_iter at;
        cds_lfht_lookup(functions, hash, has_name, name, &at);
        struct cds_lfht_node *node = cds_lfht_iter_get_node(&at);
        return node ? record_of(node) : NULL;
}

const struct weft_function *weft_function_known(const char *name)
{
        const struct record *r = is_there() ? look(name, hash_of(name)) : NULL;
        return r ? &r->function : NULL;
}

/* ---- changing ----------------------------------------------------------------- */

static bool same_type(const struct weft_type *a, const struct weft_type *b)
{
        return a->bytes == b->bytes && a->align == b->align && a->tag == b->tag;
}

static bool same(const struct weft_function *a, const struct weft_function *b)
{
        return a->kind == b->kind && a->item == b->item && a->chunk == b->chunk &&
               same_type(&a->in, &b->in) && same_type(&a->out, &b->out);
}

/* One that was known under this name before, and is not now. */
static struct record *forgotten(const struct weft_function *function, const char *as)
{
        for (struct record *r = records; r; r = r->next)
                if (!r->uses && same(&r->function, function) && strcmp(r->name, as) == 0)
                        return r;
        return NULL;
}

static struct record *record_make(const struct weft_function *function, const char *as)
{
        size_t bytes = strlen(as) + 1;
        struct record *r = calloc(1, sizeof *r + bytes);
        if (!r)
                return NULL;
        memcpy(r->name, as, bytes);
        r->function = *function;
        r->function.name = r->name;
        r->next = records;
        records = r;
        return r;
}

static int enter(const struct weft_function *function, const char *as, struct record **r)
{
        uint64_t hash = hash_of(as);
        *r = look(as, hash);
        if (*r) {
                if (!same(&(*r)->function, function))
                        return weft_function_wrong(
                                -EEXIST, "another function has the name '%s'", as);
                (*r)->uses++;
                return 0;
        }
        *r = forgotten(function, as);
        if (!*r)
                *r = record_make(function, as);
        if (!*r)
                return weft_function_wrong(-ENOMEM, "no memory for function '%s'", as);
        (*r)->uses = 1;
        HAND_OVER(*r);
        cds_lfht_node_init(&(*r)->node);
        cds_lfht_add(functions, hash, &(*r)->node);
        return 0;
}

static bool good_type(const struct weft_type *type)
{
        return type->bytes <= ITEM_MAX && type->align <= ALIGN_MAX &&
               !(type->align & (type->align - 1));
}

static bool good(const struct weft_function *f)
{
        if (!good_type(&f->in) || !good_type(&f->out))
                return false;
        return f->kind == WEFT_FUNCTION_ITEM
                       ? f->item && !f->chunk
                       : f->kind == WEFT_FUNCTION_CHUNK && f->chunk && !f->item;
}

static int good_name(const char *name)
{
        size_t n = strlen(name);
        if (n > WEFT_FUNCTION_NAME_MAX)
                return weft_function_wrong(-ENAMETOOLONG, "function '%.60s...'", name);
        if (!n)
                return weft_function_wrong(-EINVAL, "a function without a name");
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
                        return weft_function_wrong(
                                -EINVAL, "a function's name with control characters");
        return 0;
}

int weft_function_enter(const struct weft_function *function, const char *as,
                        const struct weft_function **found)
{
        struct record *r = NULL;
        int rc = good_name(as);
        if (rc)
                return rc;
        if (!good(function))
                return weft_function_wrong(
                        -EINVAL, "function '%s': its kind, types or code make no sense",
                        as);
        (void)is_there();
        lock();
        rc = enter(function, as, &r);
        unlock();
        if (!rc && found)
                *found = &r->function;
        return rc;
}

int weft_function_register(const struct weft_function *function)
{
        char full[WEFT_FUNCTION_NAME_MAX + 2];
        const char *file = weft_function_loading();
        if (!function || !function->name)
                return weft_function_wrong(-EINVAL, "no function, or no name");
        if (*function->name == '.' || *function->name == '/')
                return weft_function_wrong(-EINVAL, "'%.80s' would be a file's name",
                                           function->name);
        if (!file)
                return weft_function_enter(function, function->name, NULL);
        int n = snprintf(full, sizeof full, "%s:%s", file, function->name);
        if (n < 0 || (size_t)n >= sizeof full)
                return weft_function_wrong(-ENAMETOOLONG, "function '%.60s' of %s",
                                           function->name, file);
        return weft_function_enter(function, full, NULL);
}

int weft_function_unregister(const struct weft_function *function)
{
        int rc = 0;
        if (!function || !function->name)
                return weft_function_wrong(-EINVAL, "no function, or no name");
        (void)is_there();
        lock();
        struct record *r = look(function->name, hash_of(function->name));
        if (!r || !same(&r->function, function))
                rc = -ENOENT;
        else if (--r->uses == 0)
                (void)cds_lfht_del(functions, &r->node);
        unlock();
        return rc ? weft_function_wrong(rc, "no such function '%.200s'", function->name)
                  : 0;
}

void weft_function_constructed_(const struct weft_function *function, int begins)
{
        int rc = begins ? weft_function_register(function) : 0;
        if (!begins)
                (void)!weft_function_unregister(function);
        if (rc)
                (void)fprintf(stderr, "weft: %s\n", weft_function_detail());
}

/* ---- all of them -------------------------------------------------------------- */

int weft_function_list(int (*each)(const struct weft_function *function, void *context),
                       void *context)
{
        size_t n = 0;
        int rc = 0;
        if (!each)
                return weft_function_wrong(-EINVAL, "nobody to tell");
        (void)is_there();
        lock();
        for (const struct record *r = records; r; r = r->next)
                n += r->uses != 0;
        const struct weft_function **all = calloc(n ? n : 1, sizeof *all);
        size_t i = 0;
        for (const struct record *r = records; all && r; r = r->next)
                if (r->uses)
                        all[i++] = &r->function;
        unlock();
        if (!all)
                return weft_function_wrong(-ENOMEM, "no memory for %zu functions", n);
        for (i = 0; !rc && i < n; i++)
                rc = each(all[i], context);
        free(all);
        return rc;
}

/* ---- names of types ------------------------------------------------------------ */

static int has_tag(struct cds_lfht_node *node, const void *tag)
{
        const struct type_name *t =
                (void *)((char *)node - offsetof(struct type_name, node));
        uint64_t its;
        TAKE_OVER(t);
        memcpy(&its, tag, sizeof its);
        return t->tag == its;
}

const char *weft_type_name(uint64_t tag)
{
        struct cds_lfht_iter at;
        (void)is_there();
        cds_lfht_lookup(types, tag, has_tag, &tag, &at);
        struct cds_lfht_node *node = cds_lfht_iter_get_node(&at);
        if (!node)
                return NULL;
        const struct type_name *t =
                (void *)((char *)node - offsetof(struct type_name, node));
        return t->name;
}

/* Its name is kept for messages; where there is no memory, the number has to do. */
uint64_t weft_type_tag(const char *name)
{
        uint64_t tag = name ? hash_of(name) : 0;
        if (!name)
                return 0;
        tag += !tag;
        if (weft_type_name(tag))
                return tag;
        size_t bytes = strlen(name) + 1;
        struct type_name *t = calloc(1, sizeof *t + bytes);
        if (!t)
                return tag;
        memcpy(t->name, name, bytes);
        t->tag = tag;
        lock();
        if (!weft_type_name(tag)) {
                HAND_OVER(t);
                cds_lfht_node_init(&t->node);
                cds_lfht_add(types, tag, &t->node);
                t = NULL;
        }
        unlock();
        free(t);
        return tag;
}
