/* Mutexes: a record of many words that is changed in small steps by whoever holds it. All
 * live; then some are killed and stopped at random, and the next one repairs, or the
 * mutex's function does, or it is lost and reset; then threads on one mapping. Nobody may
 * ever see half a change, and whoever waits for long has been forgotten. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/array.h>
#include <weft/mutex.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { WORKERS = 4, ROUNDS = 2500, CREW = 4, PATIENCE = 30 /* s */ };

/* The record. Whole: nobody inside; WHO is 0; the copies are the same number, which is the
 * sum of what the workers did. */
enum { INSIDE, WHO, COPY, COPIES = 8, DID = COPY + COPIES, LENGTH = DID + WORKERS };

static weft_arena_t *arena;

/* Beside the arena: what each was told. */
struct told {
        uint64_t done[WORKERS]; /* unlocked that often */
        uint64_t repairs, calls, losses;
};

static struct told *told;

struct worker {
        weft_mutex_t *mutex;
        weft_array_t *words;
        volatile uint64_t *record; /* plain: the steps in their order, no more */
        uint64_t i, random;
        bool recursive;
};

static void count(uint64_t *counter)
{
        (void)__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static uint64_t all_done(const volatile uint64_t *r)
{
        uint64_t sum = 0;
        for (int i = 0; i < WORKERS; i++)
                sum += r[DID + i];
        return sum;
}

static void must_be_whole(const volatile uint64_t *r)
{
        CHECK(r[INSIDE] == 0 && r[WHO] == 0);
        for (int i = 1; i < COPIES; i++)
                CHECK(r[COPY + i] == r[COPY]);
        CHECK(all_done(r) == r[COPY]);
}

/* Now and then it is somebody else's turn on this cpu. */
static void dawdle(struct worker *w)
{
        if (soak_random(&w->random) % 64 == 0)
                (void)sched_yield();
}

static void change(struct worker *w)
{
        volatile uint64_t *r = w->record;
        must_be_whole(r);
        r[INSIDE] = 1 + w->i;
        r[WHO] = 1 + w->i;
        for (int i = 0; i < COPIES; i++) {
                r[COPY + i] = r[COPY + i] + 1;
                dawdle(w);
        }
        r[DID + w->i] = r[DID + w->i] + 1;
        dawdle(w);
        CHECK(r[INSIDE] == 1 + w->i);
        r[WHO] = 0;
        r[INSIDE] = 0;
}

/* One change is half done, and none else: it is brought to its end. May be killed. */
static void repair(volatile uint64_t *r)
{
        uint64_t number = r[COPY], who = r[WHO], at = 0;
        CHECK(r[INSIDE] <= WORKERS && who <= WORKERS);
        CHECK(who == 0 || who == r[INSIDE]);
        while (at < COPIES && r[COPY + at] == number)
                at++;
        for (uint64_t i = at; i < COPIES; i++)
                CHECK(r[COPY + i] == number - 1);
        for (uint64_t i = at; i < COPIES; i++)
                r[COPY + i] = number;
        if (all_done(r) != number) {
                CHECK(who);
                r[DID + who - 1] = r[DID + who - 1] + 1;
        }
        r[WHO] = 0;
        r[INSIDE] = 0;
        must_be_whole(r);
}

/* The handle's function. Now and then it refuses. */
static int repair_called(void *context)
{
        struct worker *w = context;
        repair(w->record);
        count(&told->calls);
        return soak_random(&w->random) % 16 == 0;
}

/* ---- holding it -------------------------------------------------------------- */

static void open_worker(struct worker *w, uint64_t i)
{
        struct weft_mutex_info info;
        *w = (struct worker){ .i = i, .random = ((uint64_t)getpid() << 8) + i + 1 };
        CHECK(weft_mutex_open(arena, "m", &w->mutex) == 0);
        CHECK(weft_array_open(arena, "record", &w->words) == 0);
        w->record = weft_array_span(w->words, 0, LENGTH);
        CHECK(w->record);
        CHECK(weft_mutex_info(w->mutex, &info) == 0);
        w->recursive = info.flags & WEFT_MUTEX_RECURSIVE;
}

static void close_worker(struct worker *w)
{
        weft_mutex_close(w->mutex);
        weft_array_close(w->words);
}

/* Holding it, or false: it was given up, and is a new one. */
static bool get(struct worker *w, int rc)
{
        if (rc == 0)
                return true;
        if (rc == -ENOTRECOVERABLE) {
                rc = weft_mutex_reset(w->mutex);
                CHECK(rc == 0 || rc == -EBUSY);
                return false;
        }
        CHECK(rc == -EOWNERDEAD);
        repair(w->record);
        count(&told->repairs);
        if (soak_random(&w->random) % 16 == 0) {
                count(&told->losses);
                CHECK(weft_mutex_unlock(w->mutex) == 0); /* and says nothing: lost */
                return false;
        }
        CHECK(weft_mutex_consistent(w->mutex) == 0);
        return true;
}

static void lock(struct worker *w)
{
        int rc;
        if (soak_random(&w->random) % 8 == 0) {
                rc = weft_mutex_trylock(w->mutex);
                if (rc != -EAGAIN && get(w, rc))
                        return;
        }
        do {
                rc = weft_mutex_lock(w->mutex, weft_after(PATIENCE * WEFT_SEC));
        } while (!get(w, rc));
}

static void work_once(struct worker *w)
{
        bool twice = w->recursive && soak_random(&w->random) % 2;
        lock(w);
        if (twice)
                CHECK(weft_mutex_lock(w->mutex, WEFT_NOW) == 0);
        else if (!w->recursive)
                CHECK(weft_mutex_trylock(w->mutex) == -EDEADLK);
        change(w);
        if (twice) {
                CHECK(weft_mutex_unlock(w->mutex) == 0);
                must_be_whole(w->record);
        }
        CHECK(weft_mutex_unlock(w->mutex) == 0);
        told->done[w->i]++;
}

/* ---- all live -------------------------------------------------------------- */

static void work(uint64_t i)
{
        struct worker w;
        open_worker(&w, i);
        for (int n = 0; n < ROUNDS; n++)
                work_once(&w);
        close_worker(&w);
}

static void work_elsewhere(void *i)
{
        arena = child_reopen(arena, WEFT_RDWR);
        work((uintptr_t)i);
}

static void *work_here(void *i)
{
        work((uintptr_t)i);
        return NULL;
}

static void must_have_done(uint64_t all)
{
        struct worker w;
        struct weft_mutex_info info;
        open_worker(&w, 0);
        CHECK(weft_mutex_lock(w.mutex, WEFT_NOW) == 0);
        must_be_whole(w.record);
        CHECK(w.record[COPY] == all);
        CHECK(weft_mutex_unlock(w.mutex) == 0);
        CHECK(weft_mutex_info(w.mutex, &info) == 0);
        CHECK(!info.held && !info.inconsistent && !info.lost && !info.waiting);
        close_worker(&w);
}

/* ---- some die ---------------------------------------------------------------- */

/* The last of the crew has a function that repairs. */
static void work_for_ever(void *i)
{
        struct worker w;
        open_worker(&w, (uintptr_t)i);
        if ((uintptr_t)i == CREW - 1)
                weft_mutex_on_death(w.mutex, repair_called, &w);
        for (;;)
                work_once(&w);
}

/* Has everything been there that is to be shown? */
static bool seen_all(const uint64_t *before, const struct worker *w)
{
        for (int i = 0; i < WORKERS; i++)
                if (w->record[DID + i] == before[i])
                        return false;
        return __atomic_load_n(&told->repairs, __ATOMIC_RELAXED) &&
               __atomic_load_n(&told->calls, __ATOMIC_RELAXED);
}

/* Who was killed may have done one change more than it was told of. */
static void kills(uint64_t seconds)
{
        struct soak crew[CREW];
        struct worker w;
        uint64_t until = soak_until(seconds), latest, before[WORKERS];

        memset(told, 0, sizeof *told);
        open_worker(&w, 0);
        for (int i = 0; i < WORKERS; i++)
                before[i] = w.record[DID + i];
        for (uintptr_t i = 0; i < CREW; i++) {
                crew[i] = (struct soak){ .work = work_for_ever,
                                         .context = (void *)i,
                                         .crew = 1,
                                         .random = (uint64_t)getpid() * 77 + i + 1 };
                soak_begin(&crew[i]);
        }
        latest = until + PATIENCE * WEFT_SEC; /* where children start slowly */
        while (weft_now() < until || (!seen_all(before, &w) && weft_now() < latest))
                soak_step(&crew[soak_random(&w.random) % CREW]);
        for (int i = 0; i < CREW; i++)
                soak_end(&crew[i]);
        lock(&w);
        must_be_whole(w.record);
        for (int i = 0; i < WORKERS; i++) {
                uint64_t did = w.record[DID + i] - before[i];
                CHECK(did >= told->done[i]);
                CHECK(did <= told->done[i] + crew[i].kills + 1);
                CHECK(did > 0);
        }
        CHECK(weft_mutex_unlock(w.mutex) == 0);
        CHECK(told->repairs > 0 && told->calls > 0);
        (void)recover_count(arena);
        check_whole(arena);
        must_have_done(w.record[COPY]);
        close_worker(&w);
}

/* ---- every kind ------------------------------------------------------------------- */

static void all(uint32_t flags)
{
        struct weft_mutex_options m = { .flags = flags };
        struct weft_array_options o = { .length = LENGTH, .element_bytes = 8 };
        weft_mutex_t *mutex;
        weft_array_t *words;
        pthread_t thread[WORKERS];
        pid_t pid[WORKERS];

        CHECK(weft_mutex_create(arena, "m", &m, &mutex) == 0);
        CHECK(weft_array_create(arena, "record", &o, &words) == 0);
        for (uintptr_t i = 0; i < WORKERS; i++)
                pid[i] = child_start(work_elsewhere, (void *)i);
        for (int i = 0; i < WORKERS; i++)
                CHECK(child_end(pid[i]) == 0);
        must_have_done((uint64_t)WORKERS * ROUNDS);

        /* Threads on one mapping: ThreadSanitizer is blind between two. */
        for (uintptr_t i = 0; i < WORKERS; i++)
                CHECK(pthread_create(&thread[i], NULL, work_here, (void *)i) == 0);
        for (int i = 0; i < WORKERS; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
        must_have_done((uint64_t)2 * WORKERS * ROUNDS);

        kills(1);

        CHECK(weft_object_remove(arena, "m") == 0);
        CHECK(weft_object_remove(arena, "record") == 0);
        weft_mutex_close(mutex);
        weft_array_close(words);
        check_whole(arena);
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        struct weft_census census;
        told = common_make(sizeof *told);
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        all(0);
        all(WEFT_MUTEX_FAIR);
        all(WEFT_MUTEX_RECURSIVE);
        all(WEFT_MUTEX_RECURSIVE | WEFT_MUTEX_FAIR);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
        return 0;
}
