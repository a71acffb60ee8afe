/* tests/crash/grid_crash.c -- a grid that cannot fail proves nothing.
 *
 * Hand-offs that are known to be wrong, each only where two meet in the middle of it: the
 * grid must find them, by the right fates and with the right verdict. In those that are
 * right it must find nothing. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/atomic.h"
#include "tests/check.h"
#include "tests/harness/grid.h"

enum { BYTES = 4096, CAREFUL = 1 };

struct page {
        weft_a32_t flag, sleeps, woken; /* a hand-off with a sleeper */
        weft_a32_t lock, inside, most;  /* a lock, and how many had it at once */
        weft_a64_t sum;
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

static void setup(struct crash *c)
{
        c->fd = memfd_create("grid", MFD_CLOEXEC);
        CHECK(c->fd >= 0 && ftruncate(c->fd, BYTES) == 0);
}

static bool is_careful(const struct crash *c)
{
        return c->self->arg[0] == CAREFUL;
}

/* ---- wakes ---------------------------------------------------------------------- */

static void wake(struct crash *c)
{
        struct page *p = page_of(c);
        (void)weft_swap_acq_rel(&p->flag, 1);
        if (weft_load_acq(&p->sleeps))
                (void)weft_swap_acq_rel(&p->woken, 1);
}

/* The careless one does not look again when it has said that it sleeps. */
static void wait_for_it(struct crash *c)
{
        struct page *p = page_of(c);
        if (weft_load_acq(&p->flag))
                return;
        (void)weft_swap_acq_rel(&p->sleeps, 1);
        if (is_careful(c) && weft_load_acq(&p->flag))
                return;
        while (!weft_load_acq(&p->woken))
                usleep(100);
}

/* ---- locks ---------------------------------------------------------------------- */

/* The careless take their time between looking and doing. */
static void think(const struct crash *c)
{
        for (volatile int i = 0; !is_careful(c) && i < 8; i++)
                ;
}

static void get_lock(struct crash *c)
{
        struct page *p = page_of(c);
        uint32_t nobody = 0;
        while (is_careful(c) && !weft_cas_acq_rel(&p->lock, &nobody, 1)) {
                nobody = 0;
                usleep(100);
        }
        while (!is_careful(c) && weft_load_acq(&p->lock))
                usleep(100);
        think(c);
        weft_store_rel(&p->lock, 1);
        if (weft_add_acq_rel(&p->inside, 1) == 1)
                weft_store_rel(&p->most, 2);
        (void)weft_add_acq_rel(&p->inside, UINT32_MAX);
        weft_store_rel(&p->lock, 0);
}

static void verify_lock(struct crash *c)
{
        CRASH_MUST(c, CRASH_DUPLICATED, weft_load_acq(&page_of(c)->most) < 2);
}

/* ---- sums ----------------------------------------------------------------------- */

static void add(struct crash *c)
{
        struct page *p = page_of(c);
        if (is_careful(c))
                (void)weft_add_acq_rel(&p->sum, 1);
        uint64_t seen = weft_load_acq(&p->sum);
        think(c);
        if (!is_careful(c))
                weft_store_rel(&p->sum, seen + 1);
        c->note->value[0] = 1;
}

static void verify_sum(struct crash *c)
{
        uint64_t done = c->note->value[0] + c->other->value[0];
        uint64_t sum = weft_load_acq(&page_of(c)->sum);
        CRASH_MUST(c, CRASH_LOST, sum >= done);
        CRASH_MUST(c, CRASH_DUPLICATED, sum <= 2);
}

/* While B stands, A is to come to its end. */
static void survive(struct crash *c)
{
        bool wait = c->fate[0] == GRID_GOES_ON && c->fate[1] == GRID_STANDS;
        for (int i = 0; i < 100 && wait && !c->note->done; i++)
                usleep(1000);
}

/* ---- and what the grid finds ------------------------------------------------------ */

static const struct crash_kit kit;

#define PAIR(name_, careful, a_, b_, verify_) \
        { \
                .a = { .name = name_, \
                       .kit = &kit, \
                       .setup = setup, \
                       .open = map_page, \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = (verify_), \
                       .bound_ms = 300, \
                       .arg = { careful } }, \
                .b = (b_), .idle = 200 \
        }

static const struct {
        struct grid_case grid;
        enum crash_verdict verdict; /* FINE: nothing is found */
        enum grid_fate a, b;        /* where it is found, perhaps among others */
} known[] = {
        { PAIR("wake", 0, wake, wait_for_it, NULL), CRASH_WEDGED, GRID_GOES_ON,
          GRID_STANDS },
        { PAIR("lock", 0, get_lock, get_lock, verify_lock), CRASH_DUPLICATED,
          GRID_GOES_ON, GRID_STANDS },
        { PAIR("lock, not robust", CAREFUL, get_lock, get_lock, verify_lock),
          CRASH_WEDGED, GRID_KILLED, GRID_GOES_ON },
        { PAIR("sum", 0, add, add, verify_sum), CRASH_LOST, GRID_GOES_ON, GRID_STANDS },
        { PAIR("sum, one dies", 0, add, add, verify_sum), CRASH_LOST, GRID_GOES_ON,
          GRID_KILLED },
        { PAIR("sum, right", CAREFUL, add, add, verify_sum), CRASH_FINE, 0, 0 },
        { PAIR("wake, right", CAREFUL, wake, wait_for_it, NULL), CRASH_FINE, 0, 0 },
};

int main(int argc, char **argv)
{
        struct crash_options options;
        int wrong = 0, rc = crash_begin(argv);
        if (rc)
                return rc;
        crash_options_read(&options, argc, argv);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
                struct grid_case grid = known[i].grid;
                struct grid_result r;
                options.quiet = !options.verbose && known[i].verdict;
                if (!known[i].verdict)
                        grid.a.bound_ms = 0; /* patience, where nothing is to be found */
                /* One who waits for a wake that nobody gives waits by nature. */
                if (known[i].verdict == CRASH_FINE && grid.a.victim == wake)
                        grid.fates = GRID_BIT(GRID_KILLED, GRID_KILLED) |
                                     GRID_BIT(GRID_GOES_ON, GRID_GOES_ON) |
                                     GRID_BIT(GRID_GOES_ON, GRID_STANDS) |
                                     GRID_BIT(GRID_STANDS, GRID_STANDS);
                else if (known[i].verdict != CRASH_FINE)
                        grid.fates = GRID_BIT(known[i].a, known[i].b);
                bool as_known = false;
                /* Some windows are a few instructions wide: what is drawn may miss them, the
                 * more so on a slow machine, which gets more time. */
                for (int tries = 0; tries < 6 && !as_known; tries++) {
                        options.seconds = 2 << tries;
                        grid_sweep(&grid, &options, &r);
                        uint64_t bad =
                                r.real[known[i].a][known[i].b].bad[known[i].verdict];
                        as_known = known[i].verdict ? bad > 0 : grid_bad(&r) == 0;
                        if (!known[i].verdict)
                                break;
                }
                printf("%-20s %4llu (i, j), %4llu bad: %s\n", grid.a.name,
                       (unsigned long long)r.cells, (unsigned long long)grid_bad(&r),
                       as_known ? "as it should" : "WRONG");
                fflush(stdout);
                wrong += !as_known;
        }
        return wrong != 0;
}
