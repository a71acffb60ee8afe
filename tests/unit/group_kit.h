/* tests/unit/group_kit.h -- what the unit tests of the group share: functions, and a page in
 * which all processes see what has been run. */
#ifndef WEFT_TESTS_UNIT_GROUP_KIT_H
#define WEFT_TESTS_UNIT_GROUP_KIT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include <weft/function.h>
#include <weft/group.h>
#include <weft/object.h>

#include "tests/child.h"

enum { TASKS_MOST = 4096 };

struct page { /* by __atomic alone */
        uint32_t runs[TASKS_MOST];
        uint32_t done[TASKS_MOST];
        uint32_t total;
        uint32_t atexit_ran;
        uint32_t wait; /* functions that wait do so while it is set */
        int pid;       /* of who ran the last one */
};

static struct page *page;
static weft_arena_t *arena; /* fresh for every test */

static inline uint32_t seen(const uint32_t *at)
{
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

static inline void count(uint32_t *at)
{
        __atomic_add_fetch(at, 1, __ATOMIC_SEQ_CST);
}

static inline void set(uint32_t *at, uint32_t to)
{
        __atomic_store_n(at, to, __ATOMIC_SEQ_CST);
}

/* ---- what workers do ------------------------------------------------------------ */

static inline uint32_t begun(const void *in)
{
        uint32_t i;
        memcpy(&i, in, sizeof i);
        CHECK(i < TASKS_MOST);
        count(&page->runs[i]);
        __atomic_store_n(&page->pid, getpid(), __ATOMIC_SEQ_CST);
        return i;
}

static inline void ended(uint32_t i)
{
        count(&page->done[i]);
        count(&page->total);
}

static inline int mark(const void *in, void *out, const void *argument)
{
        uint32_t i = begun(in);
        (void)argument;
        ended(i);
        memcpy(out, &i, sizeof i);
        return 0;
}
#define NUMBER WEFT_TYPE(uint32_t, "number")
WEFT_FUNCTION_ITEM("mark", mark, NUMBER, NUMBER)

static inline int die(const void *in, void *out, const void *argument)
{
        (void)begun(in), (void)out, (void)argument;
        raise(SIGKILL);
        return 0;
}
WEFT_FUNCTION_ITEM("die", die, NUMBER, NUMBER)

/* The first time it is run. */
static inline int die_once(const void *in, void *out, const void *argument)
{
        uint32_t i = begun(in);
        (void)argument;
        if (seen(&page->runs[i]) == 1)
                raise(SIGKILL);
        ended(i);
        memcpy(out, &i, sizeof i);
        return 0;
}
WEFT_FUNCTION_ITEM("die once", die_once, NUMBER, NUMBER)

static inline int refuse(const void *in, void *out, const void *argument)
{
        (void)begun(in), (void)out, (void)argument;
        return -ERANGE;
}
WEFT_FUNCTION_ITEM("fail", refuse, NUMBER, NUMBER)

static inline int wait_on(const void *in, void *out, const void *argument)
{
        uint32_t i = begun(in);
        (void)argument;
        while (seen(&page->wait))
                usleep(200);
        ended(i);
        memcpy(out, &i, sizeof i);
        return 0;
}
WEFT_FUNCTION_ITEM("wait", wait_on, NUMBER, NUMBER)

/* ---- around it ------------------------------------------------------------------- */

static inline int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        (void)state;
        if (!page)
                page = common_make(sizeof *page);
        memset(page, 0, sizeof *page);
        return weft_arena_create(NULL, &o, &arena);
}

static inline int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static inline weft_group_t *make_with(struct weft_group_options o)
{
        weft_group_t *g = NULL;
        CHECK(weft_group_create(arena, "g", &o, &g) == 0 && g);
        return g;
}

static inline weft_group_t *make(void)
{
        return make_with((struct weft_group_options){ 0 });
}

static inline struct weft_group_info info_of(weft_group_t *g)
{
        struct weft_group_info info;
        CHECK(weft_group_info(g, &info) == 0);
        return info;
}

static inline int submit(weft_group_t *g, const char *function, uint32_t i)
{
        return weft_submit(g, function, &i, sizeof i, NULL, weft_after(10 * WEFT_SEC));
}

static inline int spawn(weft_group_t *g, uint32_t n, uint32_t flags, uint32_t restarts)
{
        struct weft_group_workers w = { .n = n, .flags = flags, .restarts = restarts };
        return weft_group_spawn(g, &w);
}

static inline int drain(weft_group_t *g)
{
        return weft_group_drain(g, weft_after(20 * WEFT_SEC));
}

/* Its end: the census is exact after it. */
static inline void drop(weft_group_t *g)
{
        weft_group_close(g);
        CHECK(weft_object_remove(arena, "g") == 0);
}

static inline void until(const uint32_t *at, uint32_t n)
{
        for (int i = 0; seen(at) < n; i++) {
                CHECK(i < 100000);
                usleep(200);
        }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
