/* tests/stress/rendezvous_stress.c -- pushes, pops and selects in crowds, and under SIGKILL
 * and SIGSTOP.
 *
 * Every element has a tag of its own and carries a checksum. What its giver was told, and
 * whether somebody got it, is noted. Nothing comes out twice; what was refused never comes
 * out; what was acknowledged does, unless somebody died who was about to note it. */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/rendezvous.h>
#include <weft/weft.h>

#include "runtime/atomic.h"
#include "tests/soak.h"

enum { WORKERS = 5, MOST = 200, PLACES = 2, LIVES = 1 << 16 };

#ifdef WEFT_TSAN
enum { COUNT = 1500, PROCESSES = 0 };
#else
enum { COUNT = 4000, PROCESSES = 1 };
#endif
enum { TAGS = 1 << 24 };
enum { ACKNOWLEDGED = 1, REFUSED = 2, RECEIVED = 4 }; /* of a tag */

struct notes {
        weft_a64_t next; /* tags given out */
        weft_a64_t lives;
        weft_a64_t ending;        /* all are to go home */
        weft_a32_t taking[LIVES]; /* 1: it may get something that is not noted yet */
        weft_a32_t of[TAGS / 8];  /* four bits a tag */
};

static weft_arena_t *arena;
static weft_rendezvous_t *place[PLACES];
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

static void note(uint64_t tag, uint32_t what)
{
        uint32_t shift = tag % 8 * 4;
        uint32_t was = weft_or_acq_rel(&notes->of[tag / 8], what << shift) >> shift & 15;
        CHECK(!(was & what));
        CHECK(what != RECEIVED || !(was & REFUSED));
        CHECK(what != REFUSED || !(was & RECEIVED));
}

static void took(const uint8_t *e)
{
        uint8_t want[MOST];
        uint64_t tag;
        memcpy(&tag, e, 8);
        CHECK(tag < weft_load_rlx(&notes->next));
        make_element(want, tag);
        CHECK(memcmp(e, want, bytes) == 0);
        note(tag, RECEIVED);
}

static bool is_no(int rc)
{
        return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EPIPE;
}

/* One push, pop or select of both, here or there. */
static void act(uint64_t random, weft_a32_t *taking)
{
        uint64_t tag = weft_add_rlx(&notes->next, 1);
        uint8_t e[MOST], got[MOST];
        weft_rendezvous_t *there = place[random >> 8 & 1], *here = place[random >> 9 & 1];
        struct weft_case cases[2] = {
                { .object = there, .op = WEFT_OP_PUSH, .from = e },
                { .object = here, .op = WEFT_OP_POP, .to = got },
        };
        uint64_t deadline = random >> 10 & 3 ? weft_after(random % 700000) : WEFT_NOW;
        bool pushed = false, popped = false;
        CHECK(tag < TAGS);
        make_element(e, tag);
        int rc;
        switch (random >> 16 & 3) {
        case 0:
                rc = weft_rendezvous_push(there, e, deadline);
                pushed = rc == 0;
                break;
        case 1:
                weft_store_rel(taking, 1);
                rc = weft_rendezvous_pop(here, got, deadline);
                popped = rc == 0;
                break;
        default:
                weft_store_rel(taking, 1);
                rc = weft_select(cases, 2, 0, deadline);
                if (rc >= 0) {
                        CHECK(cases[rc].result == 0 || cases[rc].result == -EPIPE);
                        pushed = rc == 0 && cases[0].result == 0;
                        popped = rc == 1 && cases[1].result == 0;
                        rc = 0;
                }
        }
        CHECK(rc == 0 || is_no(rc));
        if (popped)
                took(got);
        weft_store_rel(taking, 0);
        note(tag, pushed ? ACKNOWLEDGED : REFUSED);
}

static void work(uint64_t count)
{
        uint64_t life = weft_add_rlx(&notes->lives, 1);
        uint64_t random = (life + 1) * 2654435761u ^ (uint64_t)getpid() << 20;
        CHECK(life < LIVES);
        for (uint64_t i = 0; i < count && !weft_load_acq(&notes->ending); i++)
                act(soak_random(&random), &notes->taking[life]);
}

static void *as_thread(void *unused)
{
        (void)unused;
        work(COUNT);
        return NULL;
}

static void as_process(void *endless)
{
        work(endless ? UINT64_MAX : COUNT);
        if (endless)
                for (;;)
                        pause();
}

/* ---- a run --------------------------------------------------------------------------- */

static void begin(uint32_t element_bytes)
{
        struct weft_arena_options a = { .max_bytes = 64 << 20 };
        struct weft_rendezvous_options o = { element_bytes, 0 };
        bytes = element_bytes;
        memset(notes, 0, offsetof(struct notes, of));
        CHECK(madvise(notes, sizeof *notes, MADV_REMOVE) == 0);
        CHECK(weft_arena_create(NULL, &a, &arena) == 0);
        CHECK(weft_rendezvous_create(arena, "0", &o, &place[0]) == 0);
        CHECK(weft_rendezvous_create(arena, "1", &o, &place[1]) == 0);
}

/* Everybody has gone, or died. */
static void end(const char *what)
{
        uint64_t n = weft_load_rlx(&notes->next), acknowledged = 0, missing = 0,
                 extra = 0;
        uint64_t doubt = 0, lives = weft_load_rlx(&notes->lives);
        struct weft_rendezvous_info info;
        (void)recover_count(arena);
        check_whole(arena);
        for (int i = 0; i < PLACES; i++) {
                CHECK(weft_rendezvous_info(place[i], &info) == 0);
                CHECK(!info.pushing && !info.popping);
                weft_rendezvous_close(place[i]);
        }
        for (uint64_t i = 0; i < lives; i++)
                doubt += weft_load_rlx(&notes->taking[i]);
        for (uint64_t tag = 0; tag < n; tag++) {
                uint32_t of = weft_load_rlx(&notes->of[tag / 8]) >> tag % 8 * 4 & 15;
                CHECK((of & (REFUSED | RECEIVED)) != (REFUSED | RECEIVED));
                acknowledged += of & ACKNOWLEDGED ? 1 : 0;
                missing += (of & (ACKNOWLEDGED | RECEIVED)) == ACKNOWLEDGED;
                extra += (of & (ACKNOWLEDGED | RECEIVED)) == RECEIVED;
        }
        printf("%u B, %s: %llu handed over, %llu died with theirs, %llu giving\n", bytes,
               what, (unsigned long long)acknowledged, (unsigned long long)missing,
               (unsigned long long)extra);
        CHECK(missing <= doubt && extra <= lives);
        CHECK(acknowledged > 100);
        CHECK(weft_object_remove(arena, "0") == 0);
        CHECK(weft_object_remove(arena, "1") == 0);
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
}

static void crowd(uint32_t element_bytes, bool threads)
{
        pthread_t t[WORKERS];
        pid_t pid[WORKERS];
        begin(element_bytes);
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
        end(threads ? "threads" : "processes");
}

static void massacre(uint32_t element_bytes, uint64_t seconds)
{
        struct soak soak = { .work = as_process, .context = &soak, .crew = WORKERS };
        uint64_t until = soak_until(seconds);
        begin(element_bytes);
        soak_begin(&soak);
        while (weft_now() < until && weft_load_rlx(&notes->next) < TAGS / 2 &&
               weft_load_rlx(&notes->lives) < LIVES - WORKERS) {
                soak_step(&soak);
                if (soak.kills % 16 == 0)
                        (void)recover_count(arena);
        }
        weft_store_rel(&notes->ending, 1);
        usleep(5000);
        soak_end(&soak);
        printf("%u killed, %u stopped: ", soak.kills, soak.stops);
        end("killed");
}

int main(void)
{
        notes = common_make(sizeof *notes);
        for (int threads = 1; threads >= !PROCESSES; threads--) {
                crowd(8, threads);
                crowd(16, threads);
                crowd(24, threads);
                crowd(MOST, threads);
        }
        if (PROCESSES) {
                massacre(8, 1);
                massacre(24, 1);
                massacre(MOST, 1);
        }
        return 0;
}
