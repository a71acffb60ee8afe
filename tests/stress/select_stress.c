/* tests/stress/select_stress.c -- tokens that go round by select, under SIGKILL.
 *
 * A crew selects over everything at once: words to pop, elements to take on lease, permits
 * to acquire; what it got it gives back, words by a select over pushes. A word that a
 * process held when it was killed is gone, and replaced by a new one: at the end each is
 * there once, and no more are missing than were killed. Elements on lease and owned
 * permits come back from the dead: all of them are there, once. And nobody may sleep for
 * long while there is something.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/queue.h>
#include <weft/select.h>
#include <weft/semaphore.h>

#include "runtime/atomic.h"
#include "tests/soak.h"

enum { QUEUES = 3, CAPACITY = 16, CREW = 5, THREADS = 4, LEASES = 1, PERMITS = 1 };
enum { WORDS = 2, LONG = 30 }; /* so few that most of the crew sleep */
#ifdef WEFT_TSAN
enum { ROUNDS = 4000 };
#else
enum { ROUNDS = 40000 };
#endif

static weft_arena_t *arena;
static weft_queue_t *queue[QUEUES], *leases;
static weft_semaphore_t *semaphore;
static weft_a64_t *rounds; /* of all processes */

static void open_all(void)
{
        const struct weft_queue_options words = { .capacity = CAPACITY,
                                                  .element_bytes = 8 };
        const struct weft_queue_options on_lease = { 4, 8, WEFT_QUEUE_LEASE };
        const struct weft_semaphore_options permits = { PERMITS, PERMITS,
                                                        WEFT_SEMAPHORE_OWNED, 0 };
        char name[8];
        for (int i = 0; i < QUEUES; i++) {
                snprintf(name, sizeof name, "q%d", i);
                CHECK(weft_queue_create_or_open(arena, name, &words, &queue[i]) == 0);
        }
        CHECK(weft_queue_create_or_open(arena, "leases", &on_lease, &leases) == 0);
        CHECK(weft_semaphore_create_or_open(arena, "s", &permits, &semaphore) == 0);
}

static void close_all(void)
{
        for (int i = 0; i < QUEUES; i++)
                weft_queue_close(queue[i]);
        weft_queue_close(leases);
        weft_semaphore_close(semaphore);
}

static int must_select(struct weft_case *cases, size_t n)
{
        int i = weft_select(cases, n, 0, weft_after(LONG * WEFT_SEC));
        if (i < 0)
                fprintf(stderr, "select: %d\n", i);
        CHECK(i >= 0 && cases[i].result == 0);
        return i;
}

static void give_word(uint64_t word)
{
        struct weft_case cases[QUEUES];
        for (int i = 0; i < QUEUES; i++)
                cases[i] = (struct weft_case){ .object = queue[i],
                                               .op = WEFT_OP_PUSH,
                                               .from = &word };
        (void)must_select(cases, QUEUES);
}

static void one_round(void)
{
        uint64_t word = 0;
        struct weft_element e;
        struct weft_case cases[QUEUES + 2];
        for (int i = 0; i < QUEUES; i++)
                cases[i] = (struct weft_case){ .object = queue[i],
                                               .op = WEFT_OP_POP,
                                               .to = &word };
        cases[QUEUES] =
                (struct weft_case){ .object = leases, .op = WEFT_OP_TAKE, .to = &e };
        cases[QUEUES + 1] =
                (struct weft_case){ .object = semaphore, .op = WEFT_OP_ACQUIRE };
        switch (must_select(cases, QUEUES + 2)) {
        case QUEUES:
                CHECK(weft_queue_nack(leases, &e) == 0);
                break;
        case QUEUES + 1:
                CHECK(weft_semaphore_post(semaphore) == 0);
                break;
        default:
                CHECK(word);
                give_word(word);
                break;
        }
        (void)weft_add_rlx(rounds, 1);
}

static void work(void *context)
{
        (void)context;
        arena = child_reopen(arena, WEFT_RDWR);
        open_all();
        for (;;)
                one_round();
}

/* ---- counting ------------------------------------------------------------------- */

/* How many words are there, of those numbered 1 to `made`: each once. */
static uint64_t count_words(uint64_t made)
{
        uint8_t *seen = calloc(made + 1, 1);
        uint64_t n = 0, word;
        CHECK(seen);
        for (int i = 0; i < QUEUES; i++)
                while (weft_queue_pop(queue[i], &word, WEFT_NOW) == 0) {
                        CHECK(word && word <= made && !seen[word]);
                        seen[word] = 1;
                        n++;
                }
        free(seen);
        return n;
}

static void count_leases(void)
{
        struct weft_element e;
        uint64_t word, seen = 0;
        for (int i = 0; i < LEASES; i++) {
                CHECK(weft_queue_take(leases, &e, WEFT_NOW) == 0);
                memcpy(&word, e.at, sizeof word);
                CHECK(word < LEASES && !(seen >> word & 1));
                seen |= UINT64_C(1) << word;
                CHECK(weft_queue_ack(leases, &e) == 0);
        }
        CHECK(weft_queue_take(leases, &e, WEFT_NOW) == -EAGAIN);
}

static void begin(uint64_t words)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        open_all();
        for (uint64_t i = 0; i < LEASES; i++)
                CHECK(weft_queue_push(leases, &i, WEFT_NOW) == 0);
        for (uint64_t i = 1; i <= words; i++)
                give_word(i);
        weft_store_rlx(rounds, 0);
}

static uint64_t end(uint64_t made)
{
        (void)recover_count(arena);
        uint64_t words = count_words(made);
        count_leases();
        CHECK(weft_semaphore_value(semaphore) == PERMITS);
        close_all();
        check_whole(arena);
        weft_arena_close(arena);
        return words;
}

/* ---- processes ---------------------------------------------------------------------- */

/* All work: else somebody sleeps though there is something. */
static void until_they_work(void)
{
        uint64_t from = weft_load_rlx(rounds), until = weft_after(LONG * WEFT_SEC);
        while (weft_load_rlx(rounds) < from + CREW) {
                CHECK(weft_now() < until);
                usleep(100);
        }
}

/* In the queues, and in hands: more only while some move meanwhile. */
static uint64_t words_at_most(void)
{
        struct weft_queue_info info;
        uint64_t n = CREW;
        for (int i = 0; i < QUEUES; i++) {
                CHECK(weft_queue_info(queue[i], &info) == 0);
                n += info.length;
        }
        return n;
}

static void processes(void)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(4), made = WORDS;
        begin(made);
        soak_begin(&s);
        do {
                soak_step(&s);
                until_they_work();
                if (words_at_most() < CREW + WORDS)
                        give_word(++made);
        } while (weft_now() < until);
        soak_end(&s);
        uint64_t words = end(made);
        printf("select: %llu rounds, %u kills, %u stops, %llu of %llu words lost\n",
               (unsigned long long)weft_load_rlx(rounds), s.kills, s.stops,
               (unsigned long long)(made - words), (unsigned long long)made);
        CHECK(made - words <= s.kills + CREW);
}

/* ---- threads, of which nobody dies ------------------------------------------------------ */

static void *thread(void *context)
{
        (void)context;
        for (int i = 0; i < ROUNDS; i++)
                one_round();
        return NULL;
}

static void threads(void)
{
        pthread_t t[THREADS];
        const uint64_t all = QUEUES * CAPACITY - 1; /* pushes wait too */
        begin(all);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_create(&t[i], NULL, thread, NULL) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(t[i], NULL) == 0);
        CHECK(weft_load_rlx(rounds) == (uint64_t)THREADS * ROUNDS);
        CHECK(end(all) == all);
}

int main(void)
{
        rounds = common_make(sizeof *rounds);
        threads();
        processes();
        return 0;
}
