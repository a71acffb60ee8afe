/* bench/peer_mimalloc.c -- mimalloc, loaded instead of linked: linked, it would take
 * the place of malloc in the whole program. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include "bench/peer_alloc.h"

static void *symbol(void *library, const char *name)
{
        return library ? dlsym(library, name) : NULL;
}

const char *peer_mimalloc_load(struct peer_mimalloc *mi)
{
        static void *library;
        if (!library)
                library = dlopen("libmimalloc.so.2", RTLD_NOW | RTLD_LOCAL);
        if (!library)
                library = dlopen("libmimalloc.so", RTLD_NOW | RTLD_LOCAL);
        void *alloc = symbol(library, "mi_malloc"), *drop = symbol(library, "mi_free");
        if (!alloc || !drop)
                return "no libmimalloc (libmimalloc2.0)";
        memcpy(&mi->alloc, &alloc, sizeof alloc); /* ISO C has no such cast */
        memcpy(&mi->free, &drop, sizeof drop);
        return NULL;
}
