/* codata/function_file.c -- functions out of shared objects: "./x.so:name". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codata/function_internal.h"

static _Thread_local const char *loading;

const char *weft_function_loading(void)
{
        return loading;
}

static bool begins(const char *name, const char *with)
{
        return strncmp(name, with, strlen(with)) == 0;
}

size_t weft_function_file(const char *name)
{
        if (!begins(name, "/") && !begins(name, "./") && !begins(name, "../"))
                return 0;
        const char *end = strrchr(name, ':');
        return end ? (size_t)(end - name) : 0;
}

/* `address` lies in the object that `handle` is of. */
static bool is_in(void *handle, const void *address)
{
        void *map = NULL, *its = NULL;
        Dl_info info;
        return address && !dlinfo(handle, RTLD_DI_LINKMAP, &map) &&
               dladdr1(address, &info, &its, RTLD_DL_LINKMAP) && map == its;
}

/* Code as data: ISO C knows no such cast, POSIX does. */
static const void *code_of(const struct weft_function *f)
{
        const void *at;
        if (f->kind == WEFT_FUNCTION_ITEM)
                memcpy(&at, &f->item, sizeof at);
        else
                memcpy(&at, &f->chunk, sizeof at);
        return at;
}

/* An exported object of that name and size; a function of that name is none. */
static int find_symbol(void *handle, const char *file, const char *symbol,
                       const struct weft_function **its)
{
        const ElfW(Sym) * about;
        void *entry = NULL;
        Dl_info info;
        const void *at = dlsym(handle, symbol);
        if (!at || !is_in(handle, at))
                return weft_function_wrong(-ENOENT, "%s has no function '%s'", file,
                                           symbol);
        if (!dladdr1(at, &info, &entry, RTLD_DL_SYMENT))
                entry = NULL;
        about = entry;
        if (!about || ELF64_ST_TYPE(about->st_info) != STT_OBJECT ||
            about->st_size < sizeof(struct weft_function))
                return weft_function_wrong(
                        -EPROTO, "'%s' in %s is no struct weft_function", symbol, file);
        *its = at;
        return 0;
}

/* It is open: what registers itself in it is known; or was, before we asked for it. */
static int find_in(void *handle, const char *file, const char *symbol, const char *full,
                   const struct weft_function **found)
{
        const struct weft_function *its;
        *found = weft_function_known(full);
        if (*found)
                return 0;
        its = weft_function_known(symbol);
        if (!its || !is_in(handle, code_of(its))) {
                int rc = find_symbol(handle, file, symbol, &its);
                if (rc)
                        return rc;
        }
        return weft_function_enter(its, full, found);
}

/* Its constructors run in this thread, and no lock of ours is held over that. It is never
 * closed: what was found in it stays valid. */
static int load(const char *file, const char *symbol, const char *full,
                const struct weft_function **found)
{
        const char *outer = loading;
        loading = file;
        void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        loading = outer;
        if (!handle) {
                const char *why = dlerror();
                return weft_function_wrong(-EPROTO, "function '%s': %s", symbol,
                                           why ? why : file);
        }
        int rc = find_in(handle, file, symbol, full, found);
        if (rc)
                (void)dlclose(handle);
        return rc;
}

static int load_real(const char *real, const char *symbol,
                     const struct weft_function **found)
{
        char full[WEFT_FUNCTION_NAME_MAX + 1];
        size_t n = strlen(real), m = strlen(symbol);
        if (n + 1 + m >= sizeof full)
                return weft_function_wrong(-ENAMETOOLONG, "function '%.60s' of %s",
                                           symbol, real);
        memcpy(full, real, n);
        full[n] = ':';
        memcpy(full + n + 1, symbol, m + 1);
        *found = weft_function_known(full);
        return *found ? 0 : load(real, symbol, full, found);
}

int weft_function_load(const char *name, const struct weft_function **found)
{
        size_t n = weft_function_file(name);
        char file[PATH_MAX];
        if (n >= sizeof file)
                return weft_function_wrong(-ENAMETOOLONG, "function '%.60s...'", name);
        memcpy(file, name, n);
        file[n] = 0;
        if (!name[n + 1])
                return weft_function_wrong(-EINVAL, "'%s' names no function", name);
        char *real = realpath(file, NULL);
        if (!real)
                return weft_function_wrong(errno == ENOMEM ? -ENOMEM : -ENOENT,
                                           "function '%s': %s: %s", name + n + 1, file,
                                           strerror(errno));
        int rc = load_real(real, name + n + 1, found);
        free(real);
        return rc;
}
