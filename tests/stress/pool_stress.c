/* Pools: all live, by processes and by threads on one mapping; objects passed on by their
 * tokens; then those who hold, give, claim and inspect are killed and stopped at random: an
 * object is never in two hands, and at the end each is somewhere, once. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/agent.h>
#include <weft/object.h>
#include <weft/pool.h>

#include "tests/soak.h"

enum { WORKERS = 4, ROUNDS = 30000, CREW = 6, COUNT = 40, MOST = 60, BYTES = 72 };
enum { HAND = 8, MAIL = 16 };

static weft_arena_t *arena;

/* Beside the arena. */
struct told {
        uint64_t mail[MAIL]; /* tokens on their way; 0: none */
        uint64_t done[CREW];
        uint64_t passed, inspected;
        uint32_t rounds;
};

static struct told *told;

static weft_pool_t *make(uint32_t count, uint32_t max, uint32_t flags)
{
        struct weft_pool_options o = { BYTES, count, max, flags, 0 };
        weft_pool_t *p;
        CHECK(weft_pool_create(arena, "p", &o, &p) == 0);
        memset(told, 0, sizeof *told);
        return p;
}

static weft_pool_t *open_pool(void)
{
        weft_pool_t *p;
        CHECK(weft_pool_open(arena, "p", &p) == 0);
        return p;
}

static struct weft_pool_census census_of(weft_pool_t *p)
{
        struct weft_pool_census n;
        CHECK(weft_pool_census(p, &n, NULL, NULL) == 0);
        CHECK(n.total == n.free + n.held + n.transit + n.quarantined + n.inspected);
        return n;
}

/* Nobody else is there: all that is free is found. */
static void must_all_be_there(weft_pool_t *p, uint32_t most)
{
        static struct weft_pool_object all[MOST + 1];
        CHECK(weft_pool_reclaim_all(p) >= 0);
        struct weft_pool_census n = census_of(p);
        CHECK(n.free == n.total && n.total <= most);
        CHECK(weft_pool_get_n(p, all, n.total, WEFT_NOW) == (int64_t)n.total);
        if (n.total == most)
                CHECK(weft_pool_get(p, &all[most], WEFT_NOW) == -EAGAIN);
        CHECK(weft_pool_put_n(p, all, n.total) == (int64_t)n.total);
}

static void drop(weft_pool_t *p, uint32_t most)
{
        (void)recover_count(arena);
        check_whole(arena);
        must_all_be_there(p, most);
        CHECK(weft_object_remove(arena, "p") == 0);
        weft_pool_close(p);
        (void)recover_count(arena);
        check_whole(arena);
}

/* ---- what one does -------------------------------------------------------------- */

struct hand {
        weft_pool_t *p;
        uint64_t random, mark; /* whoever holds an object writes his mark on it */
        struct weft_pool_object object[HAND];
        uint32_t n;
};

static void write_on(const struct weft_pool_object *o, uint64_t mark)
{
        uint64_t *words = o->at;
        for (int i = 0; i < BYTES / 8; i++)
                words[i] = mark + (uint64_t)i;
}

static void must_be_mine(const struct weft_pool_object *o, uint64_t mark)
{
        const uint64_t *words = o->at;
        for (int i = 0; i < BYTES / 8; i++)
                CHECK(words[i] == mark + (uint64_t)i);
}

static struct weft_pool_object let_go(struct hand *h)
{
        uint32_t i = (uint32_t)(soak_random(&h->random) % h->n);
        struct weft_pool_object o = h->object[i];
        must_be_mine(&o, h->mark);
        h->object[i] = h->object[--h->n];
        return o;
}

static void get(struct hand *h, uint64_t deadline)
{
        struct weft_pool_object *o = &h->object[h->n];
        int rc = weft_pool_get(h->p, o, deadline);
        CHECK(rc == 0 || rc == (deadline == WEFT_NOW ? -EAGAIN : -ETIMEDOUT));
        if (rc) { /* letters that nobody came for */
                if (soak_random(&h->random) % 16 == 0)
                        CHECK(weft_pool_reclaim_all(h->p) >= 0);
                return;
        }
        write_on(o, h->mark);
        h->n++;
}

static void put(struct hand *h)
{
        struct weft_pool_object o = let_go(h);
        CHECK(weft_pool_put(h->p, o.token) == 0);
        if (soak_random(&h->random) % 8 == 0)
                CHECK(weft_pool_put(h->p, o.token) == -ENOENT);
}

/* The token first, then the object. One whose letter is thrown away is reclaimed. */
static void give(struct hand *h)
{
        struct weft_pool_object o = let_go(h);
        uint64_t *box = &told->mail[soak_random(&h->random) % MAIL];
        uint64_t was = __atomic_exchange_n(box, o.token, __ATOMIC_ACQ_REL);
        CHECK(weft_pool_give(h->p, o.token) == 0);
        int rc = was ? weft_pool_reclaim(h->p, was) : 0;
        CHECK(rc == 0 || rc == -ENOENT || rc == -EPERM);
}

static void claim(struct hand *h)
{
        struct weft_pool_object *o = &h->object[h->n];
        uint64_t *box = &told->mail[soak_random(&h->random) % MAIL];
        uint64_t token = __atomic_exchange_n(box, 0, __ATOMIC_ACQ_REL);
        if (!token)
                return;
        int rc = weft_pool_claim(h->p, token, o,
                                 soak_random(&h->random) % 2 ? WEFT_NOW
                                                             : weft_after(WEFT_MSEC));
        CHECK(rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT || rc == -ENOENT ||
              rc == -EOWNERDEAD);
        if (rc)
                return; /* nobody will come for it: reclaimed in the end */
        uint64_t mark = *(uint64_t *)o->at;
        must_be_mine(o, mark); /* whole, as the giver left it */
        write_on(o, h->mark);
        h->n++;
        (void)__atomic_fetch_add(&told->passed, 1, __ATOMIC_RELAXED);
}

static void do_something(struct hand *h)
{
        uint64_t what = soak_random(&h->random) % 32;
        if (what < 12 && h->n < HAND)
                get(h, h->n ? WEFT_NOW : weft_after(WEFT_MSEC));
        else if (what < 24 && h->n)
                put(h);
        else if (what < 27 && h->n)
                give(h);
        else if (what < 30 && h->n < HAND)
                claim(h);
        else if (what == 30)
                (void)sched_yield();
}

static void come_and_go(uint64_t i)
{
        struct hand h = { .p = open_pool(), .random = (uint64_t)getpid() * 7 + i + 1 };
        h.mark = (h.random << 8 | i) << 8;
        for (int n = 0; n < (int)told->rounds; n++)
                do_something(&h);
        while (h.n)
                put(&h);
        weft_pool_close(h.p);
}

static void come_elsewhere(void *i)
{
        arena = child_reopen(arena, WEFT_RDWR);
        come_and_go((uintptr_t)i);
}

static void *come_here(void *i)
{
        come_and_go((uintptr_t)i);
        return NULL;
}

static void all_live(uint32_t count, uint32_t max, uint32_t rounds)
{
        weft_pool_t *p = make(count, max, 0);
        uint32_t most = max ? max : count;
        pid_t pid[WORKERS];
        pthread_t thread[WORKERS];

        told->rounds = rounds;
        for (uintptr_t i = 0; i < WORKERS; i++)
                pid[i] = child_start(come_elsewhere, (void *)i);
        for (int i = 0; i < WORKERS; i++)
                CHECK(child_end(pid[i]) == 0);
        (void)recover_count(arena);
        must_all_be_there(p, most);
        CHECK(told->passed > 0);
        /* Threads on one mapping: ThreadSanitizer is blind between two. */
        for (uintptr_t i = 0; i < WORKERS; i++)
                CHECK(pthread_create(&thread[i], NULL, come_here, (void *)i) == 0);
        for (int i = 0; i < WORKERS; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
        drop(p, most);
}

/* ---- some die ---------------------------------------------------------------- */

/* Who died in the middle of writing left two marks; one of his is repaired. */
static int look(const struct weft_pool_object *object, void *context)
{
        struct hand *h = context;
        write_on(object, h->mark);
        (void)__atomic_fetch_add(&told->inspected, 1, __ATOMIC_RELAXED);
        return soak_random(&h->random) % 4 ? WEFT_POOL_FREE : WEFT_POOL_KEEP;
}

static void work(void *context)
{
        const uintptr_t i = (uintptr_t)context;
        struct hand h = { .p = open_pool(), .random = (uint64_t)getpid() * 7 + i + 1 };
        h.mark = (h.random << 8 | i) << 8;
        weft_pool_on_death(h.p, look, &h);
        for (;; told->done[i]++) {
                do_something(&h);
                if (soak_random(&h.random) % 4096 == 0)
                        CHECK(weft_pool_inspect(h.p, look, &h) >= 0);
                if (soak_random(&h.random) % 4096 == 0)
                        CHECK(weft_pool_reclaim_all(h.p) >= 0);
                if (soak_random(&h.random) % 4096 == 0)
                        weft_agent_leave(arena), h.n = 0; /* with what it holds */
        }
}

static int free_it(const struct weft_pool_object *object, void *context)
{
        (void)object, (void)context;
        return WEFT_POOL_FREE;
}

static void kills(uint64_t seconds, uint32_t count, uint32_t max, uint32_t flags)
{
        weft_pool_t *p = make(count, max, flags);
        struct soak crew[CREW];
        uint64_t random = (uint64_t)getpid() * 77, until = soak_until(seconds);

        for (uintptr_t i = 0; i < CREW; i++) {
                crew[i] = (struct soak){ .work = work,
                                         .context = (void *)i,
                                         .crew = 1,
                                         .random = random + i + 1 };
                soak_begin(&crew[i]);
        }
        while (weft_now() < until) {
                soak_step(&crew[soak_random(&random) % CREW]);
                (void)census_of(p);
        }
        for (int i = 0; i < CREW; i++) {
                CHECK(told->done[i] > 0);
                soak_end(&crew[i]);
        }
        (void)recover_count(arena);
        struct weft_pool_census n = census_of(p);
        CHECK(n.held == 0 && n.inspected == 0 && n.dead == 0);
        CHECK(n.quarantined == 0 || flags);
        CHECK(weft_pool_inspect(p, free_it, NULL) == (int64_t)n.quarantined);
        CHECK(!flags || told->inspected > 0);
        drop(p, max ? max : count);
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        struct weft_census census;
        told = common_make(sizeof *told);
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        all_live(COUNT, 0, ROUNDS);
        all_live(5, MOST, ROUNDS);
        all_live(3, 0, ROUNDS / 50); /* mostly there is none */
        kills(1, 20, 0, 0);
        kills(1, 2, MOST, 0);
        kills(2, 20, 0, WEFT_POOL_QUARANTINE);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
        return 0;
}
