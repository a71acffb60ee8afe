/* tests/stress/channel_stress.c -- the channel under load, under SIGKILL and SIGSTOP.
 *
 * Every element says who sent it, as its how manyth. A life is one process's from its start
 * to its kill; each sender's elements must come in order; what was sent must be received
 * or counted as dropped, but for what the killed had in hand; what was leased and not
 * acknowledged must come again.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/channel.h>
#include <weft/weft.h>

#include "runtime/atomic.h"
#include "tests/soak.h"

enum { CAPACITY = 16, LIVES = 4096, EACH = 2048, MOST = 64, CREW = 6 };
enum { COUNT = 60000 };

/* What the processes tell each other beside the channel. */
struct notes {
        weft_a64_t lives;
        weft_a64_t sent[LIVES]; /* elements that this life has certainly sent */
        weft_a64_t received;
        weft_a64_t ended; /* lives that were told so */
        weft_a32_t acking[LIVES][EACH];
        weft_a32_t acked[LIVES][EACH];
};

static weft_arena_t *arena;
static weft_channel_t *shared;
static struct notes *notes;
static struct weft_channel_options options;

static weft_channel_t *begin(uint64_t capacity, uint32_t bytes, uint32_t policy,
                             uint32_t flags)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        options = (struct weft_channel_options){ .capacity = capacity,
                                                 .tag = 1,
                                                 .element_bytes = bytes,
                                                 .policy = policy,
                                                 .flags = flags };
        memset(notes, 0, sizeof *notes);
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_channel_create(arena, "c", &options, &shared) == 0);
        return shared;
}

/* All that was there is gone with it. */
static void end(void)
{
        struct weft_census census;
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "c") == 0);
        weft_channel_close(shared);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
}

/* ---- elements ------------------------------------------------------------------- */

static void fill(uint8_t *e, uint64_t life, uint64_t i)
{
        for (uint32_t at = 0; at < options.element_bytes; at += 8)
                memcpy(e + at, &(uint64_t){ life << 32 | i }, 8);
}

static uint64_t read_element(const uint8_t *e)
{
        uint64_t first, x;
        memcpy(&first, e, 8);
        for (uint32_t at = 8; at < options.element_bytes; at += 8) {
                memcpy(&x, e + at, 8);
                CHECK(x == first);
        }
        CHECK(first >> 32 < LIVES);
        return first;
}

/* Of one life's elements a later one comes later. */
static void check_order(uint32_t *next, uint64_t x)
{
        CHECK((uint32_t)x >= next[x >> 32]);
        next[x >> 32] = (uint32_t)x + 1;
}

/* ---- a crew that is killed --------------------------------------------------------- */

static bool is_over(int64_t rc)
{
        CHECK(rc >= 0 || rc == -EPIPE || rc == -ECANCELED || rc == -EAGAIN);
        return rc == -EPIPE || rc == -ECANCELED;
}

static void send_until_killed(weft_channel_t *ch, uint64_t life)
{
        uint8_t e[MOST], more[MOST];
        uint64_t sent = 0;
        int64_t rc = 0;
        for (uint64_t i = 0; i < EACH && !is_over(rc); i++) {
                struct weft_case c = { .object = ch, .op = WEFT_OP_SEND, .from = e };
                struct weft_element el;
                fill(e, life, i);
                fill(more, life, i);
                if (i % 8 == 7) {
                        rc = weft_select(&c, 1, 0, WEFT_NEVER);
                        CHECK(rc == 0);
                        rc = c.result;
                } else if (i % 8 == 6 && options.capacity) {
                        CHECK(weft_channel_loan(ch, &el) == 0);
                        memcpy(el.at, e, options.element_bytes);
                        rc = weft_channel_commit(ch, &el, WEFT_NEVER);
                        if (rc)
                                CHECK(weft_channel_release(ch, &el) == 0);
                } else if (i % 8 == 5) {
                        rc = weft_channel_send_n(ch, more, 1, WEFT_NEVER);
                        rc = rc > 0 ? 0 : rc;
                } else {
                        rc = weft_channel_send(ch, e, WEFT_NEVER);
                }
                if (!rc)
                        weft_store_rlx(&notes->sent[life], ++sent);
        }
}

static void recv_until_killed(weft_channel_t *ch)
{
        static uint32_t next[LIVES];
        uint8_t e[MOST];
        for (uint64_t i = 0;; i++) {
                struct weft_case c = { .object = ch, .op = WEFT_OP_RECV, .to = e };
                int64_t rc;
                if (i % 4 == 3) {
                        rc = weft_select(&c, 1, 0, WEFT_NEVER);
                        CHECK(rc == 0);
                        rc = c.result;
                } else if (i % 4 == 2) {
                        rc = weft_channel_recv_n(ch, e, 1, WEFT_NEVER);
                        rc = rc > 0 ? 0 : rc;
                } else {
                        rc = weft_channel_recv(ch, e, WEFT_NEVER);
                }
                if (is_over(rc))
                        return;
                check_order(next, read_element(e));
                (void)weft_add_rlx(&notes->received, 1);
        }
}

/* Never acknowledged is given again, acknowledged never. */
static void take_until_killed(weft_channel_t *ch)
{
        struct weft_element el;
        int rc;
        while ((rc = weft_channel_take(ch, &el, WEFT_NEVER)) == 0) {
                uint64_t x = read_element(el.at), life = x >> 32, i = (uint32_t)x;
                CHECK(!weft_load_rlx(&notes->acked[life][i]));
                if (i % 13 == 0 && el.deliveries == 0) {
                        CHECK(weft_channel_nack(ch, &el) == 0);
                        continue;
                }
                weft_store_rlx(&notes->acking[life][i], 1);
                CHECK(weft_channel_ack(ch, &el) == 0);
                weft_store_rlx(&notes->acked[life][i], 1);
                (void)weft_add_rlx(&notes->received, 1);
        }
        CHECK(is_over(rc));
}

/* A life: half of them send. When all is over, it waits for its end. */
static void live(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = NULL;
        uint64_t life = weft_add_rlx(&notes->lives, 1);
        CHECK(life < LIVES);
        CHECK(weft_channel_open(a, "c", options.element_bytes, 1, &ch) == 0);
        if (life % 2)
                send_until_killed(ch, life);
        else if (options.flags & WEFT_CHANNEL_LEASE)
                take_until_killed(ch);
        else
                recv_until_killed(ch);
        (void)weft_add_rlx(&notes->ended, 1);
        for (;;)
                pause();
}

static uint64_t all_sent(void)
{
        uint64_t sum = 0;
        for (int i = 0; i < LIVES; i++)
                sum += weft_load_rlx(&notes->sent[i]);
        return sum;
}

/* What is left, by one who is not killed. */
static void drain(void)
{
        uint8_t e[MOST];
        struct weft_element el;
        int rc;
        if (options.flags & WEFT_CHANNEL_LEASE) {
                while ((rc = weft_channel_take(shared, &el, WEFT_NEVER)) == 0) {
                        uint64_t x = read_element(el.at);
                        CHECK(!weft_load_rlx(&notes->acked[x >> 32][(uint32_t)x]));
                        CHECK(weft_channel_ack(shared, &el) == 0);
                        weft_store_rlx(&notes->acked[x >> 32][(uint32_t)x], 1);
                }
        } else {
                while ((rc = weft_channel_recv(shared, e, WEFT_NEVER)) == 0) {
                        (void)read_element(e);
                        (void)weft_add_rlx(&notes->received, 1);
                }
        }
        CHECK(is_over(rc));
}

/* Everything certainly sent was acknowledged, or its taker was killed on the way there. */
static void check_acknowledged(void)
{
        for (uint64_t life = 0; life < LIVES; life++)
                for (uint64_t i = 0; i < weft_load_rlx(&notes->sent[life]); i++)
                        CHECK(weft_load_rlx(&notes->acked[life][i]) ||
                              weft_load_rlx(&notes->acking[life][i]));
}

/* Kills may hide one element each: sent and not noted, or received, or dropped. */
static void check_counts(uint64_t kills)
{
        struct weft_channel_info info;
        CHECK(weft_channel_info(shared, &info) == 0);
        uint64_t sent = all_sent(), got = weft_load_rlx(&notes->received);
        CHECK(info.length == 0 && info.leased == 0);
        if (!options.capacity) { /* nobody knows of what the killed were just doing */
                CHECK(sent <= got + kills && got <= sent + kills);
                return;
        }
        CHECK(info.sent >= sent && info.sent <= sent + kills);
        if (options.flags & WEFT_CHANNEL_LEASE) {
                check_acknowledged();
                return;
        }
        CHECK(info.sent >= got + info.dropped);
        CHECK(info.sent <= got + info.dropped + kills);
}

static void massacre(uint64_t capacity, uint32_t bytes, uint32_t policy, uint32_t flags,
                     int steps)
{
        struct soak s = { .work = live, .crew = CREW };
        weft_channel_t *ch = begin(capacity, bytes, policy, flags);
        soak_begin(&s);
        for (int i = 0; i < steps; i++) {
                soak_step(&s);
                if (i % 20 == 0) /* else who waits and newcomers do it */
                        (void)recover_count(arena);
        }
        CHECK(weft_channel_shutdown(ch, 1) == 0);
        soak_end(&s);
        (void)recover_count(arena);
        drain();
        check_counts(s.kills + CREW);
        printf("capacity %u, %u B, policy %u, flags %u: %llu sent, %u kills, %u stops\n",
               (unsigned)capacity, bytes, policy, flags, (unsigned long long)all_sent(),
               s.kills, s.stops);
        end();
}

/* ---- an end, again and again --------------------------------------------------------- */

/* Whoever works when it ends comes to an end, whoever is killed in the midst of it. */
static void end_itself(void *context)
{
        bool cancels = *(bool *)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = NULL;
        CHECK(weft_channel_open(a, "c", 0, 0, &ch) == 0);
        CHECK((cancels ? weft_channel_cancel(ch, 5) : weft_channel_shutdown(ch, 5)) == 0);
        weft_channel_close(ch);
        weft_arena_close(a);
}

static void endings(uint64_t capacity, uint32_t flags, int rounds)
{
        struct soak s = { .work = live, .crew = 4 };
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        for (int i = 0; i < rounds; i++) {
                bool cancels = i % 2;
                uint32_t reason = 0;
                begin(capacity, 8, WEFT_CHANNEL_BLOCK, flags);
                soak_begin(&s);
                usleep((useconds_t)(soak_random(&random) % 3000));
                pid_t one = child_start(end_itself, &cancels);
                if (i % 4 < 2) { /* killed in it, or before or after */
                        usleep((useconds_t)(soak_random(&random) % 600));
                        int rc = child_kill(one);
                        CHECK(rc == 0 || rc == -SIGKILL);
                        CHECK((cancels ? weft_channel_cancel(shared, 6)
                                       : weft_channel_shutdown(shared, 6)) == 0);
                } else {
                        CHECK(child_end(one) == 0);
                }
                /* Senders and receivers all come to their end. */
                while (weft_load_rlx(&notes->ended) < 4)
                        usleep(100);
                CHECK(weft_channel_reason(shared, &reason) == 0);
                CHECK(reason == 5 || reason == 6);
                soak_end(&s);
                (void)recover_count(arena);
                end();
        }
}

/* ---- threads of one process --------------------------------------------------------------- */

enum { THREADS = 4 };

static void *as_thread(void *context)
{
        uint64_t i = *(uint64_t *)context;
        static uint32_t next[THREADS][LIVES];
        uint8_t e[MOST];
        int rc = 0;
        for (uint64_t n = 0; i < THREADS / 2 && n < COUNT / 10; n++) {
                fill(e, i, n);
                CHECK(weft_channel_send(shared, e, WEFT_NEVER) == 0);
        }
        if (i < THREADS / 2) {
                if (weft_add_acq_rel(&notes->ended, 1) + 1 == THREADS / 2) /* [T] tests */
                        CHECK(weft_channel_shutdown(shared, 3) == 0);
                return NULL;
        }
        memset(next[i], 0, sizeof next[i]);
        while ((rc = weft_channel_recv(shared, e, WEFT_NEVER)) == 0) {
                check_order(next[i], read_element(e));
                (void)weft_add_rlx(&notes->received, 1);
        }
        CHECK(rc == -EPIPE);
        return NULL;
}

static void threads(uint64_t capacity, uint32_t bytes, uint32_t flags)
{
        uint64_t who[THREADS];
        pthread_t t[THREADS];
        begin(capacity, bytes, WEFT_CHANNEL_BLOCK, flags);
        for (uint64_t i = 0; i < THREADS; i++) {
                who[i] = i;
                CHECK(pthread_create(&t[i], NULL, as_thread, &who[i]) == 0);
        }
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(t[i], NULL) == 0);
        CHECK(weft_load_rlx(&notes->received) == THREADS / 2 * (COUNT / 10));
        end();
}

/* ThreadSanitizer sees threads only; and its 16-byte CAS is atomic within one process. */
#ifdef WEFT_TSAN
enum { PROCESSES = 0 };
#else
enum { PROCESSES = 1 };
#endif

int main(void)
{
        notes = common_make(sizeof *notes);
        threads(CAPACITY, 8, 0);
        threads(CAPACITY, MOST, WEFT_CHANNEL_LEASE);
        threads(0, MOST, 0);
        if (!PROCESSES)
                return 0;
        for (uint32_t policy = 0; policy <= WEFT_CHANNEL_LATEST; policy++) {
                massacre(CAPACITY, policy % 2 ? 8 : MOST, policy, 0, 80);
                if (policy == WEFT_CHANNEL_BLOCK)
                        massacre(CAPACITY, 8, policy, 0, 80);
        }
        massacre(CAPACITY, MOST, WEFT_CHANNEL_BLOCK, WEFT_CHANNEL_LEASE, 120);
        massacre(0, 8, WEFT_CHANNEL_BLOCK, 0, 80);
        massacre(0, MOST, WEFT_CHANNEL_BLOCK, 0, 80);
        endings(CAPACITY, 0, 40);
        endings(CAPACITY, WEFT_CHANNEL_LEASE, 20);
        endings(0, 0, 40);
        return 0;
}
