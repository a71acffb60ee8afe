/* tests/crash/selftest_crash.c -- a harness that cannot fail proves nothing.
 *
 * Structures that are known to be wrong, each in its own way, go through the sweeps, which
 * must find just that; and one that is right, in which they must find nothing. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/atomic.h"
#include "tests/check.h"
#include "tests/harness/crash.h"
#include "tests/harness/step.h"

enum { CELLS = 4, BYTES = 4096, BLOCKS = 4 };

/* All of them lie in one page. */
struct page {
        struct { /* Vyukov's bounded queue: take a ticket, then write, then say so */
                weft_a64_t head, tail;
                struct {
                        weft_a64_t seq, value;
                } cell[CELLS];
        } queue;
        struct { /* a counter under a lock that is not robust */
                weft_a32_t lock;
                weft_a64_t value;
        } counter;
        struct { /* a block is taken in two steps that nothing connects */
                weft_a64_t free_bits;
                weft_a64_t owner[BLOCKS];
        } blocks;
        weft_a64_t mailbox; /* read, then emptied */
        struct {            /* a log that recovery replays, but not idempotently */
                weft_a64_t intent, balance;
        } account;
        weft_a64_t sum; /* one locked add: nothing is wrong with it */
};

static struct page *page_of(const struct crash *c)
{
        return c->arena;
}

static void map_page(struct crash *c)
{
        c->arena = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
        CHECK(c->arena != MAP_FAILED);
}

static bool queue_push(struct page *p, uint64_t value);

static void setup(struct crash *c)
{
        c->fd = memfd_create("selftest", MFD_CLOEXEC);
        CHECK(c->fd >= 0 && ftruncate(c->fd, BYTES) == 0);
        map_page(c);
        struct page *p = page_of(c);
        for (uint64_t i = 0; i < CELLS; i++)
                p->queue.cell[i].seq.raw = i;
        for (uint64_t i = 0; i < c->self->arg[0]; i++)
                CHECK(queue_push(p, i + 1));
        p->blocks.free_bits.raw = (1u << BLOCKS) - 1;
        p->mailbox.raw = 7;
}

/* ---- the naive queue ----------------------------------------------------- */

static bool queue_push(struct page *p, uint64_t value)
{
        uint64_t pos = weft_load_rlx(&p->queue.tail);
        for (;;) {
                uint64_t seq = weft_load_acq(&p->queue.cell[pos % CELLS].seq);
                if (seq < pos)
                        return false;
                if (seq > pos)
                        pos = weft_load_rlx(&p->queue.tail);
                else if (weft_cas_rlx(&p->queue.tail, &pos, pos + 1))
                        break;
        }
        weft_store_rlx(&p->queue.cell[pos % CELLS].value, value);
        weft_store_rel(&p->queue.cell[pos % CELLS].seq, pos + 1);
        return true;
}

static bool queue_pop(struct page *p, uint64_t *value)
{
        uint64_t pos = weft_load_rlx(&p->queue.head);
        for (;;) {
                uint64_t seq = weft_load_acq(&p->queue.cell[pos % CELLS].seq);
                if (seq < pos + 1)
                        return false;
                if (seq > pos + 1)
                        pos = weft_load_rlx(&p->queue.head);
                else if (weft_cas_rlx(&p->queue.head, &pos, pos + 1))
                        break;
        }
        *value = weft_load_rlx(&p->queue.cell[pos % CELLS].value);
        weft_store_rel(&p->queue.cell[pos % CELLS].seq, pos + CELLS);
        return true;
}

static void victim_push(struct crash *c)
{
        c->note->rc = queue_push(page_of(c), 100);
}

static void victim_pop(struct crash *c)
{
        uint64_t value;
        c->note->rc = queue_pop(page_of(c), &value);
}

/* Puts one in and takes one out, in the order that the fill allows. */
static void survive_queue(struct crash *c)
{
        uint64_t value;
        bool full = c->self->arg[0] == CELLS;
        if (full)
                CRASH_MUST(c, CRASH_WEDGED, queue_pop(page_of(c), &value));
        CRASH_MUST(c, CRASH_WEDGED, queue_push(page_of(c), 200));
        if (!full)
                CRASH_MUST(c, CRASH_WEDGED, queue_pop(page_of(c), &value));
}

/* ---- the lock ------------------------------------------------------------ */

static void victim_count(struct crash *c)
{
        struct page *p = page_of(c);
        uint32_t nobody = 0;
        while (!weft_cas_acq(&p->counter.lock, &nobody, 1))
                nobody = 0;
        weft_store_rlx(&p->counter.value, weft_load_rlx(&p->counter.value) + 1);
        weft_store_rel(&p->counter.lock, 0);
}

/* ---- the blocks, the mailbox, the account, the sum ------------------------ */

static void victim_take(struct crash *c)
{
        struct page *p = page_of(c);
        (void)weft_and_acq_rel(&p->blocks.free_bits, ~UINT64_C(1));
        weft_store_rlx(&p->blocks.owner[0], 1);
}

static void verify_blocks(struct crash *c)
{
        struct page *p = page_of(c);
        for (int i = 0; i < BLOCKS; i++)
                if (!(p->blocks.free_bits.raw >> i & 1) && !p->blocks.owner[i].raw)
                        crash_fail(c, CRASH_LEAKED, "block %d is nobody's", i);
}

static void victim_read_mail(struct crash *c)
{
        struct page *p = page_of(c);
        c->note->value[0] = weft_load_rlx(&p->mailbox); /* acknowledged */
        weft_store_rlx(&p->mailbox, 0);
}

static void victim_lose_mail(struct crash *c)
{
        struct page *p = page_of(c);
        uint64_t mail = weft_load_rlx(&p->mailbox);
        weft_store_rlx(&p->mailbox, 0);
        c->note->value[0] = mail;
}

static void verify_mail(struct crash *c)
{
        struct page *p = page_of(c);
        if (p->mailbox.raw && c->note->value[0])
                crash_fail(c, CRASH_DUPLICATED, "the mail is read, and there");
        if (!p->mailbox.raw && !c->note->value[0])
                crash_fail(c, CRASH_LOST, "the mail is gone");
}

static void victim_pay(struct crash *c)
{
        struct page *p = page_of(c);
        weft_store_rlx(&p->account.intent, 5);
        (void)weft_add_rlx(&p->account.balance, 5);
        weft_store_rlx(&p->account.intent, 0);
}

/* Means to finish the payment. Right for a death right before it, only. */
static uint32_t replay(struct crash *c)
{
        struct page *p = page_of(c);
        uint64_t intent = weft_load_rlx(&p->account.intent);
        if (!intent)
                return 0;
        if (weft_load_rlx(&p->account.balance) % 10 == 0)
                (void)weft_add_rlx(&p->account.balance, intent);
        (void)weft_add_rlx(&p->account.balance, 10); /* a fee, charged each time */
        weft_store_rlx(&p->account.intent, 0);
        return 1;
}

static void verify_account(struct crash *c)
{
        uint64_t balance = page_of(c)->account.balance.raw;
        if (balance > 15)
                crash_fail(c, CRASH_DUPLICATED, "charged twice: %d", (int)balance);
}

static void victim_add(struct crash *c)
{
        c->note->value[0] = weft_add_acq_rel(&page_of(c)->sum, 1) + 1;
}

static void survive_add(struct crash *c)
{
        (void)weft_add_acq_rel(&page_of(c)->sum, 1);
}

static void verify_add(struct crash *c)
{
        uint64_t sum = page_of(c)->sum.raw;
        CRASH_MUST(c, CRASH_LOST, sum >= 1 + (c->note->done != 0));
        CRASH_MUST(c, CRASH_DUPLICATED, sum <= 2);
}

/* ---- what must be found -------------------------------------------------- */

static const struct crash_kit plain = { 0 };
static const struct crash_kit with_log = { .recover = replay };

enum { KILL = 1, STOP = 2, RECOVER = 4 };

#define CASE(name_, kit_, victim_, survive_, verify_, flags_, fill) \
        { \
                .name = (name_), .kit = &(kit_), .setup = setup, .open = map_page, \
                .victim = (victim_), .survive = (survive_), .verify = (verify_), \
                .flags = (flags_), .bound_ms = 200, \
                .arg = {(fill) } \
        }

static const struct {
        struct crash_case it;
        unsigned sweeps; /* that must find it; the others must find nothing */
        enum crash_verdict verdict;
} wrong[] = {
        { CASE("vyukov/push/empty", plain, victim_push, survive_queue, NULL, 0, 0),
          KILL | STOP, CRASH_WEDGED },
        { CASE("vyukov/push/middle", plain, victim_push, survive_queue, NULL, 0, 2), 0,
          CRASH_FINE }, /* others' elements hide it */
        { CASE("vyukov/pop/middle", plain, victim_pop, survive_queue, NULL, 0, 2), 0,
          CRASH_FINE },
        { CASE("vyukov/pop/full", plain, victim_pop, survive_queue, NULL, 0, 4),
          KILL | STOP, CRASH_WEDGED },
        { CASE("lock/count", plain, victim_count, victim_count, NULL, 0, 0), KILL | STOP,
          CRASH_WEDGED },
        { CASE("blocks/take", plain, victim_take, NULL, verify_blocks, 0, 0), KILL,
          CRASH_LEAKED },
        { CASE("mailbox/read", plain, victim_read_mail, NULL, verify_mail, 0, 0), KILL,
          CRASH_DUPLICATED },
        { CASE("mailbox/lose", plain, victim_lose_mail, NULL, verify_mail, 0, 0), KILL,
          CRASH_LOST },
        { CASE("account/pay", with_log, victim_pay, NULL, verify_account, CRASH_NO_STOP,
               0),
          RECOVER, CRASH_DUPLICATED },
        { CASE("account/alive", with_log, victim_pay, NULL, NULL, CRASH_NO_RECOVER, 0),
          STOP, CRASH_BROKEN },
        { CASE("sum/add", plain, victim_add, survive_add, verify_add, 0, 0), 0,
          CRASH_FINE },
};

static void expect(const struct crash_case *it, const char *sweep, bool wanted,
                   enum crash_verdict verdict, const struct crash_count *count)
{
        uint64_t bad = 0;
        for (int v = CRASH_FINE + 1; v < CRASH_VERDICTS; v++)
                bad += count->bad[v];
        if (wanted ? !count->bad[verdict] || count->bad[verdict] != bad : bad) {
                fprintf(stderr,
                        "%s: the %s sweep found %llu of %llu runs bad, %llu as "
                        "expected\n",
                        it->name, sweep, (unsigned long long)bad,
                        (unsigned long long)count->runs,
                        wanted ? (unsigned long long)count->bad[verdict] : 0ull);
                exit(1);
        }
}

/* ---- loops that are passed at once ----------------------------------------- */

enum { WORDS = 1000, CHANGES_MAX = 16 };

__attribute__((noinline)) static bool is_marked(const uint64_t *word)
{
        return *(const volatile uint64_t *)word == 1;
}

/* Few rounds store something: soon, in the middle, twice in a row, and in the last. */
static void victim_scan(struct crash *c)
{
        uint64_t *words = c->arena, marked = 0;
        for (size_t i = 0; i < WORDS; i++)
                if (is_marked(&words[i]))
                        words[i] = 2;
        for (size_t i = 0; i < WORDS; i++)
                for (size_t k = i; k < i + 3 && k < WORDS; k++)
                        marked += words[k] == 2;
        words[WORDS] = marked;
}

struct changes {
        uint64_t at[CHANGES_MAX], steps;
        size_t n;
};

static struct changes scan(bool flies)
{
        struct changes seen = { .n = 0 };
        struct tracee t;
        uint64_t *words = mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct crash_note note = { 0 };
        struct crash c = { .note = &note, .arena = words };
        CHECK(words != MAP_FAILED);
        words[3] = words[500] = words[501] = words[WORDS - 1] = 1;
        CHECK(tracee_start(&t, &c, NULL, victim_scan) == TRACEE_GOES);
        if (flies)
                tracee_flies(&t);
        enum tracee_state state;
        uint64_t was = 4; /* the sum of all words */
        do {
                uint64_t sum = 0;
                state = tracee_step(&t);
                CHECK(state != TRACEE_DIED);
                for (size_t i = 0; i <= WORDS; i++)
                        sum += words[i];
                if (sum != was) {
                        CHECK(seen.n < CHANGES_MAX && t.wrote.what == WRITES_AT);
                        seen.at[seen.n++] = was = sum;
                }
        } while (state == TRACEE_GOES);
        seen.steps = t.steps;
        tracee_kill(&t);
        munmap(words, 2 * BYTES);
        return seen;
}

/* The same is stored in the same order, and it takes far fewer steps. */
static void expect_flights(void)
{
        struct changes all = scan(false), flown = scan(true);
        printf("a loop of %llu steps: %llu when it is passed at once\n",
               (unsigned long long)all.steps, (unsigned long long)flown.steps);
        CHECK(all.n == 5 && all.at[4] > 8); /* four marks, and how many were found */
        CHECK(flown.n == all.n && memcmp(flown.at, all.at, sizeof all.at) == 0);
        CHECK(flown.steps < all.steps / 4);
}

#define SECONDS_MIN 0.5 /* for an operation: that much it takes to find all */

int main(int argc, char **argv)
{
        struct crash_options options;
        int rc = crash_begin(argv);
        if (rc)
                return rc;
        crash_options_read(&options, argc, argv);
        options.quiet = !options.verbose;
        size_t n = sizeof wrong / sizeof *wrong;
        options.seconds = crash_seconds(n) / (double)n;
        if (options.seconds < SECONDS_MIN)
                options.seconds = SECONDS_MIN;
        expect_flights();
        for (size_t i = 0; i < n; i++) {
                const struct crash_case *it = &wrong[i].it;
                struct crash_result r;
                if (options.filter && !strstr(it->name, options.filter))
                        continue;
                crash_sweep(it, &options, &r);
                printf("%-20s %3llu of %3llu kill points bad, %3llu of %3llu stops, %llu "
                       "of "
                       "%llu recoveries\n",
                       it->name, (unsigned long long)r.kill_points_bad,
                       (unsigned long long)r.steps + 1,
                       (unsigned long long)r.stop.bad[wrong[i].verdict],
                       (unsigned long long)r.stop.runs,
                       (unsigned long long)r.recover.bad[wrong[i].verdict],
                       (unsigned long long)r.recover.runs);
                fflush(stdout);
                expect(it, "kill", wrong[i].sweeps & KILL, wrong[i].verdict, &r.kill);
                expect(it, "real kill", wrong[i].sweeps & KILL, wrong[i].verdict,
                       &r.real);
                expect(it, "stop", wrong[i].sweeps & STOP, wrong[i].verdict, &r.stop);
                if (it->kit->recover)
                        expect(it, "recovery", wrong[i].sweeps & RECOVER,
                               wrong[i].verdict, &r.recover);
        }
        return 0;
}
