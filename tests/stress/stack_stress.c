/* tests/stress/stack_stress.c -- the stack under load, and under SIGKILL and SIGSTOP.
 *
 * Every element says who pushed it, as its how manyth, and carries a checksum. Without
 * kills all come out once. With kills, each comes out at most once, and what is missing is
 * no more than the killed had in hand; in the end each node is somewhere. */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/stack.h>
#include <weft/weft.h>

#include "runtime/atomic.h"
#include "tests/soak.h"

enum { WORKERS = 4, MOST = 256, CAPACITY = 300, BATCH = 48 };

#ifdef WEFT_TSAN
enum { COUNT = 8000, PROCESSES = 0 };
#else
enum { COUNT = 60000, PROCESSES = 1 };
#endif
enum { TAGS = 1 << 26 };

struct notes {
        weft_a64_t pushed, popped; /* certainly */
        weft_a64_t lives;
        weft_a64_t next; /* tags given out */
        weft_a32_t seen[TAGS / 32];
};

static weft_arena_t *arena;
static weft_stack_t *shared;
static struct notes *notes;
static uint32_t bytes;

static void make_element(uint8_t *e, uint64_t tag)
{
        uint64_t sum = tag;
        memcpy(e, &tag, 8);
        for (uint32_t at = 8; at + 8 <= bytes; at += 8) {
                sum = sum * UINT64_C(6364136223846793005) + 1442695040888963407u;
                memcpy(e + at, &sum, 8);
        }
}

static uint64_t check_element(const uint8_t *e)
{
        uint8_t want[MOST];
        uint64_t tag;
        memcpy(&tag, e, 8);
        CHECK(tag < TAGS);
        make_element(want, tag);
        CHECK(memcmp(e, want, bytes) == 0);
        return tag;
}

static void took(const uint8_t *e)
{
        uint64_t tag = check_element(e);
        uint32_t bit = 1u << tag % 32;
        CHECK(!(weft_or_acq_rel(&notes->seen[tag / 32], bit) & bit)); /* never again */
        (void)weft_add_rlx(&notes->popped, 1);
}

static int took_it(void *element, void *context)
{
        (void)context;
        took(element);
        return 0;
}

/* One of everything, by lot. */
static bool do_something(weft_stack_t *s, uint64_t *random)
{
        static _Thread_local uint8_t e[BATCH * MOST];
        uint64_t lot = soak_random(random), n = 1 + lot / 64 % BATCH;
        int64_t did;
        if (lot % 64 >= 34) { /* more than go out, as some take all */
                uint64_t tag = weft_add_rlx(&notes->next, n);
                if (tag + n > TAGS)
                        return false;
                for (uint64_t i = 0; i < n; i++)
                        make_element(e + i * bytes, tag + i);
                if (lot % 2) {
                        int rc = weft_stack_push(s, e, WEFT_NOW);
                        CHECK(rc == 0 || rc == -EAGAIN);
                        did = !rc;
                } else {
                        did = weft_stack_push_n(s, e, n, WEFT_NOW);
                        CHECK(did > 0 || did == -EAGAIN);
                }
                if (did > 0)
                        (void)weft_add_rlx(&notes->pushed, (uint64_t)did);
        } else if (lot % 64 >= 9) {
                if (lot % 2) {
                        int rc = weft_stack_pop(s, e, WEFT_NOW);
                        CHECK(rc == 0 || rc == -EAGAIN);
                        did = !rc;
                } else {
                        did = weft_stack_pop_n(s, e, n, WEFT_NOW);
                        CHECK(did > 0 || did == -EAGAIN);
                }
                for (int64_t i = 0; i < did; i++)
                        took(e + (uint64_t)i * bytes);
        } else if (lot % 64 == 0) {
                CHECK(weft_stack_drain(s, took_it, NULL) >= 0);
        } else {
                int rc = weft_stack_peek(s, e);
                CHECK(rc == 0 || rc == -EAGAIN);
                if (rc == 0)
                        (void)check_element(e);
        }
        return true;
}

static void work(weft_stack_t *s, uint64_t turns)
{
        uint64_t random = (weft_add_rlx(&notes->lives, 1) + 1) * 0x9e3779b97f4a7c15u;
        while (turns-- && do_something(s, &random))
                ;
}

static void as_process(void *context)
{
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_stack_t *s;
        CHECK(weft_stack_open(a, "s", &s) == 0);
        work(s, context ? UINT64_MAX : COUNT);
        if (context)
                for (;;)
                        pause(); /* no tags are left: to be killed */
        weft_stack_close(s);
        weft_arena_close(a);
}

static void *as_thread(void *unused)
{
        (void)unused;
        work(shared, COUNT);
        return NULL;
}

static void begin(uint32_t element_bytes, uint64_t capacity)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        struct weft_stack_options so = { capacity, element_bytes, 0 };
        bytes = element_bytes;
        memset(notes, 0, sizeof *notes);
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_stack_create(arena, "s", &so, &shared) == 0);
}

/* `doubt`: elements that the killed had in hand, at most, as they pushed or popped. */
static void end(uint64_t doubt)
{
        struct weft_stack_info info;
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(weft_stack_drain(shared, took_it, NULL) >= 0);
        CHECK(weft_stack_info(shared, &info) == 0);
        CHECK(info.length == 0 && info.held <= 64 && info.held + info.idle == info.nodes);
        uint64_t in = weft_load_rlx(&notes->pushed), out = weft_load_rlx(&notes->popped);
        CHECK(in <= out + doubt && out <= in + doubt);
        weft_stack_close(shared);
        CHECK(weft_object_remove(arena, "s") == 0);
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
}

static void crowd(uint32_t element_bytes, uint64_t capacity, bool threads)
{
        pthread_t t[WORKERS];
        pid_t pid[WORKERS];
        begin(element_bytes, capacity);
        for (int i = 0; i < WORKERS; i++)
                if (threads)
                        CHECK(pthread_create(&t[i], NULL, as_thread, NULL) == 0);
                else
                        pid[i] = child_start(as_process, NULL);
        for (int i = 0; i < WORKERS; i++)
                if (threads)
                        CHECK(pthread_join(t[i], NULL) == 0);
                else
                        CHECK(child_end(pid[i]) == 0);
        end(0);
}

/* A drain's dead may have had everything in hand. */
static void massacre(uint32_t element_bytes, uint64_t seconds)
{
        struct soak soak = { .work = as_process, .context = &soak, .crew = WORKERS };
        uint64_t until = soak_until(seconds);
        begin(element_bytes, CAPACITY);
        soak_begin(&soak);
        while (weft_now() < until && weft_load_rlx(&notes->next) < TAGS) {
                soak_step(&soak);
                if (soak.kills % 16 == 0)
                        (void)recover_count(arena);
        }
        soak_end(&soak);
        printf("%u B: %llu in, %llu out, %u killed, %u stopped\n", element_bytes,
               (unsigned long long)weft_load_rlx(&notes->pushed),
               (unsigned long long)weft_load_rlx(&notes->popped), soak.kills, soak.stops);
        end((uint64_t)(soak.kills + WORKERS) * CAPACITY);
}

int main(void)
{
        notes = common_make(sizeof *notes);
        for (int threads = 1; threads >= !PROCESSES; threads--) {
                crowd(8, 0, threads);
                crowd(8, CAPACITY, threads);
                crowd(MOST, 40, threads);
        }
        if (PROCESSES) {
                massacre(8, 2);
                massacre(MOST, 2);
        }
        return 0;
}
