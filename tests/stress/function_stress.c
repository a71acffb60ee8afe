/* tests/stress/function_stress.c -- functions looked up while others come and go.
 *
 * What is there all the time is found every time; what comes and goes is found or not, and is
 * what it says; children forked in the middle of it look, and change things, too. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>

#include <weft/function.h>

#include "tests/soak.h"

enum { STABLE = 200, LOOKERS = 3, CHANGERS = 2, MOVING = 64 };

static pthread_barrier_t all;
static bool over; /* told by __atomic */
static uint64_t looks, changes;

static int same(const void *in, void *out, const void *argument)
{
        (void)argument;
        memcpy(out, in, 4);
        return 0;
}

static int other(const void *in, void *out, const void *argument)
{
        (void)argument;
        memcpy(out, in, 4);
        return 1;
}

static struct weft_function make(const char *kind, unsigned i, char *name)
{
        (void)snprintf(name, 32, "%s %u", kind, i);
        return (struct weft_function){ name,        WEFT_FUNCTION_ITEM,   { 4, 4, i },
                                       { 4, 4, 0 }, i % 2 ? same : other, NULL };
}

static void look_at(const char *kind, unsigned i, bool must)
{
        char name[32];
        const struct weft_function *f, want = make(kind, i, name);
        int rc = weft_function_find(name, &f);
        CHECK(rc == 0 || (rc == -ENOENT && !must));
        if (rc)
                return;
        CHECK(strcmp(f->name, name) == 0 && f->in.tag == i && f->item == want.item);
}

static void look_round(uint64_t *random)
{
        for (int i = 0; i < 50; i++) {
                look_at("stable", (unsigned)(soak_random(random) % STABLE), true);
                look_at("moving", (unsigned)(soak_random(random) % MOVING), false);
        }
        __atomic_add_fetch(&looks, 100, __ATOMIC_RELAXED);
}

/* Each changer has names of its own, so that it knows what must be there. */
static void change_round(unsigned who, uint64_t *random, bool *is_there)
{
        char name[32];
        unsigned i =
                (unsigned)(soak_random(random) % (MOVING / CHANGERS)) * CHANGERS + who;
        struct weft_function f = make("moving", i, name);
        look_at("moving", i, is_there[i]);
        int rc = is_there[i] ? weft_function_unregister(&f) : weft_function_register(&f);
        CHECK(rc == 0);
        is_there[i] = !is_there[i];
        if (!is_there[i]) {
                const struct weft_function *found;
                CHECK(weft_function_find(name, &found) == -ENOENT);
        }
        __atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
}

static void *look_on(void *context)
{
        uint64_t random = (uintptr_t)context * 2654435761u | 1;
        (void)pthread_barrier_wait(&all);
        while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
                look_round(&random);
        return NULL;
}

static void *change_on(void *context)
{
        static bool is_there[CHANGERS][MOVING];
        unsigned who = (unsigned)(uintptr_t)context;
        uint64_t random = who * 2654435761u | 1;
        (void)pthread_barrier_wait(&all);
        while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
                change_round(who, &random, is_there[who]);
        for (unsigned i = 0; i < MOVING; i++) {
                char name[32];
                struct weft_function f = make("moving", i, name);
                if (is_there[who][i])
                        CHECK(weft_function_unregister(&f) == 0);
        }
        return NULL;
}

static int must_be_one(const struct weft_function *f, void *context)
{
        int *n = context;
        ++*n;
        CHECK(strncmp(f->name, "stable ", 7) == 0 || strncmp(f->name, "moving ", 7) == 0);
        return 0;
}

/* The changers of the parent stood anywhere; here they are not. */
static void child(void *unused)
{
        struct weft_function f;
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        char name[32];
        int n = 0;
        (void)unused;
        look_round(&random);
        for (unsigned i = 0; i < 20; i++) {
                f = make("child's", i, name);
                CHECK(weft_function_register(&f) == 0);
                look_at("child's", i, true);
                CHECK(weft_function_unregister(&f) == 0);
        }
        CHECK(weft_function_list(must_be_one, &n) == 0);
        CHECK(n >= STABLE && n <= STABLE + MOVING);
}

int main(void)
{
        pthread_t id[LOOKERS + CHANGERS];
        uint64_t until = soak_until(3);
        unsigned children = 0;
        char name[32];

        for (unsigned i = 0; i < STABLE; i++) {
                struct weft_function f = make("stable", i, name);
                CHECK(weft_function_register(&f) == 0);
        }
        CHECK(pthread_barrier_init(&all, NULL, LOOKERS + CHANGERS) == 0);
        for (uintptr_t i = 0; i < LOOKERS + CHANGERS; i++)
                CHECK(pthread_create(&id[i], NULL, i < LOOKERS ? look_on : change_on,
                                     (void *)(i < LOOKERS ? i + 1 : i - LOOKERS)) == 0);
        do {
                CHECK(child_run(child, NULL) == 0);
                children++;
        } while (weft_now() < until);
        __atomic_store_n(&over, true, __ATOMIC_RELAXED);
        for (int i = 0; i < LOOKERS + CHANGERS; i++)
                CHECK(pthread_join(id[i], NULL) == 0);
        CHECK(looks && changes);
        int n = 0;
        CHECK(weft_function_list(must_be_one, &n) == 0 && n == STABLE);
        pthread_barrier_destroy(&all);
        printf("function: %llu looks, %llu changes, %u children\n",
               (unsigned long long)looks, (unsigned long long)changes, children);
        return 0;
}
