/* tests/harness/grid.c -- see grid.h. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/harness/grid.h"
#include "tests/harness/sweep.h"

/* Done whatever the time; and no more than that. */
enum { ROWS_MIN = 6, COPIES_MIN = 40, COPIES_THEN = 7, REAL_MIN = 6 };
enum { BETWEEN_MAX = 300 };
enum { IDLE = 1000, END_MS = 10000 };

enum { GRID_WEIGHS = 4 }; /* as much time as so many operations of a sweep */

static uint64_t lot = 1; /* the seed, and then what has become of it */

static uint64_t draw(uint64_t n) /* xorshift */
{
        lot ^= lot << 13;
        lot ^= lot >> 7;
        lot ^= lot << 17;
        return n ? lot % n : 0;
}

static void shuffle(size_t *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                list[i] = i;
        for (size_t i = n; i > 1; i--) {
                size_t k = draw(i), was = list[i - 1];
                list[i - 1] = list[k];
                list[k] = was;
        }
}

/* Where a party stands: after instruction k, which was `at`; `next` is to come, and
 * instruction `to` is the last before shared memory changes again. */
struct place {
        uint64_t k, at, next, to;
};

struct cell {
        struct place a, b;
};

/* Of one trace. */
struct row {
        struct place *at;
        size_t n, room;
        uint64_t news; /* the last k at which there was something new */
};

struct grid {
        struct sweep sweep; /* first; of A */
        const struct grid_case *self;
        struct grid_result *result;
        struct points points_b; /* of the trace going on */
        struct row row;         /* the same */
        struct row row_a;
        double until; /* from then on of a row COPIES_MIN copies, and each COPIES_THENth; */
        size_t copies; /* so many have been made */
        struct cell *cells;
        size_t n, room;
        struct place a;           /* where A stands */
        pid_t pid_a, pid_b, host; /* of the trace going on */
        const struct crash_note *note_a;
};

/* ---- two parties ----------------------------------------------------------- */

struct party {
        struct tracee t;
        struct crash_told *told;
        struct crash_note *note;
};

struct stage {
        struct scene scene;
        struct party a, b;
};

static const struct grid_case *grid_of(const struct crash *c)
{
        return (const struct grid_case *)(const void *)c->self; /* its first member */
}

static void b_before(struct crash *c)
{
        const struct grid_case *g = grid_of(c);
        if (*c->dir)
                setenv("WEFT_DIR", c->dir, 1);
        if (g->a.open)
                g->a.open(c);
        if (g->prepare_b)
                g->prepare_b(c);
}

static void b_operation(struct crash *c)
{
        grid_of(c)->b(c);
}

static void *shared(size_t n)
{
        void *at =
                mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(at != MAP_FAILED);
        return at;
}

static void stage_drop(struct grid *g, struct stage *s)
{
        if (g->self->b) {
                tracee_kill(&s->b.t);
                munmap(s->b.note, sizeof *s->b.note);
                munmap(s->b.told, sizeof *s->b.told);
        }
        sweep_victim_end(&s->scene, &s->a.t, s->a.told);
}

/* Both are ready to begin. False: that failed, and is recorded. */
static bool stage_set(struct grid *g, struct stage *s)
{
        *s = (struct stage){ 0 };
        if (!sweep_victim(&g->sweep, &s->scene, &s->a.t, &s->a.told))
                return false;
        s->a.note = s->scene.note;
        if (!g->self->b)
                return true;
        s->b.told = shared(sizeof *s->b.told);
        s->b.note = shared(sizeof *s->b.note);
        struct crash c = scene_view(&s->scene);
        c.note = s->b.note;
        c.other = s->a.note;
        c.told = s->b.told;
        fflush(NULL);
        if (tracee_start(&s->b.t, &c, b_before, b_operation) == TRACEE_GOES) {
                if (sweep_flies(&g->sweep))
                        tracee_flies(&s->b.t);
                return true;
        }
        sweep_record(&g->sweep, &g->result->copied, "party B", 0, 0, CRASH_BROKEN,
                     *s->b.told->text ? s->b.told->text : "died before its operation");
        stage_drop(g, s);
        return false;
}

/* It died by itself. */
static void record_death(struct grid *g, struct crash_count *count, const char *who,
                         const struct party *p)
{
        sweep_record(&g->sweep, count, who, p->t.steps, p->t.last, CRASH_BROKEN,
                     *p->told->text ? p->told->text : "died by itself");
}

/* ---- both are killed, on copies --------------------------------------------- */

/* What to call an experiment, up to B's instruction. */
static void name_it(const struct grid *g, const struct place *a, const char *fate_a,
                    const char *fate_b, char *text, size_t n)
{
        if (g->self->b)
                snprintf(text, n, "A %s after instruction %llu, at %s; B %s after",
                         fate_a, (unsigned long long)a->k, tracee_where(a->at), fate_b);
        else
                snprintf(text, n, "A %s after", fate_a);
}

struct copy {
        struct grid *grid;
        struct cell cell;
};

static void copy_done(void *context, enum crash_verdict verdict, enum job_phase phase,
                      const char *text)
{
        struct copy *x = context;
        struct grid *g = x->grid;
        char what[512] = "";
        (void)phase;
        if (verdict != CRASH_FINE)
                name_it(g, &x->cell.a, "killed", "killed", what, sizeof what);
        const struct place *last = g->self->b ? &x->cell.b : &x->cell.a;
        sweep_record(&g->sweep, &g->result->copied, what, last->k, last->at, verdict,
                     text);
        free(x);
}

static void kill_on_copy(struct grid *g, const struct point *p, const struct cell *cell,
                         enum job_kind kind)
{
        struct copy *x = malloc(sizeof *x);
        CHECK(x);
        *x = (struct copy){ g, *cell };
        struct crash_note a = *g->note_a, b = p->note;
        struct job_order order = { .self = &g->self->a,
                                   .kind = kind,
                                   .note = g->self->b ? &a : &b,
                                   .other = g->self->b ? &b : NULL,
                                   .victim = g->pid_a,
                                   .second = g->pid_b,
                                   .host = g->host,
                                   .done = copy_done,
                                   .context = x };
        image_make(p->image, &order.world);
        job_start(&order);
}

static bool wanted(uint64_t k, uint64_t from, uint64_t to)
{
        return k >= from && k <= to;
}

/* The party that is traced has changed something. What is not new for survivors may still be
 * another place for itself. */
static void place_met(struct sweep *s, struct point *p, uint64_t k, bool is_new)
{
        struct grid *g = (struct grid *)s;
        struct row *row = &g->row;
        if (row->n == row->room) {
                row->room = row->room ? row->room * 2 : 64;
                row->at = realloc(row->at, row->room * sizeof *row->at);
                CHECK(row->at);
        }
        if (row->n)
                row->at[row->n - 1].to = k - 1;
        row->at[row->n++] =
                (struct place){ k, is_new ? p->at : 0, is_new ? p->next : 0, k };
        if (is_new)
                row->news = k;
}

static bool is_asked_for(const struct grid *g, uint64_t k) /* of who comes last */
{
        const struct crash_options *o = g->sweep.options;
        return g->self->b ? wanted(k, o->from_b, o->to_b) : wanted(k, o->from, o->to);
}

static bool is_due(struct grid *g) /* a copy */
{
        return g->sweep.options->full || g->copies++ < COPIES_MIN ||
               g->copies % COPIES_THEN == 0 || sweep_now() < g->until;
}

/* The one who comes last, B if there is one, has made a state. */
static void cell_met(struct sweep *s, struct point *p, uint64_t k, bool is_new)
{
        struct grid *g = (struct grid *)s;
        unsigned fates = g->self->fates ? g->self->fates : GRID_ALL;
        place_met(s, p, k, is_new);
        if (!is_new || !is_asked_for(g, k))
                return;
        struct place here = g->row.at[g->row.n - 1];
        struct cell cell = { g->self->b ? g->a : here, here };
        g->result->cells++;
        if (p->image && !(s->self->flags & CRASH_REAL) &&
            fates & GRID_BIT(GRID_KILLED, GRID_KILLED) && is_due(g))
                kill_on_copy(g, p, &cell, g->result->cells % 2 ? JOB_EARLY : JOB_LATE);
}

/* Makes cells of the row: with A where it stands, or A itself. */
static void keep_cells(struct grid *g)
{
        for (size_t i = 0; i < g->row.n; i++) {
                struct place here = g->row.at[i];
                if (!is_asked_for(g, here.k))
                        continue;
                if (g->n == g->room) {
                        g->room = g->room ? g->room * 2 : 256;
                        g->cells = realloc(g->cells, g->room * sizeof *g->cells);
                        CHECK(g->cells);
                }
                g->cells[g->n++] = (struct cell){ g->self->b ? g->a : here, here };
        }
}

/* To its end, or until it waits for the other. False: it died. */
static bool trace(struct grid *g, struct stage *s, struct party *p, struct points *points,
                  void (*met)(struct sweep *, struct point *, uint64_t, bool))
{
        g->row.n = 0;
        g->row.news = 0;
        g->copies = 0;
        (void)sweep_trace(&g->sweep, &p->t, &s->scene.world, p->note, points, met);
        if (g->row.n)
                g->row.at[g->row.n - 1].to = p->t.steps;
        return p->t.pid != 0;
}

/* Finds the points i. */
static bool trace_a(struct grid *g)
{
        struct stage s;
        if (!stage_set(g, &s))
                return false;
        g->pid_a = s.a.t.pid;
        g->host = s.scene.host;
        g->note_a = s.a.note;
        bool fine =
                trace(g, &s, &s.a, &g->sweep.points, g->self->b ? place_met : cell_met);
        jobs_wait();
        if (!fine)
                record_death(g, &g->result->copied, "A alone died after", &s.a);
        g->result->steps_a = g->row.news;
        g->result->points_a = g->sweep.points.n;
        if (g->self->b) {
                g->row_a = g->row;
                g->row = (struct row){ 0 };
        } else {
                keep_cells(g);
        }
        stage_drop(g, &s);
        return fine;
}

/* A stands at i; B makes the row's cells. */
static void trace_row(struct grid *g, const struct place *i)
{
        struct stage s;
        if (!stage_set(g, &s))
                return;
        sweep_step_to(&g->sweep, &s.a.t, i->k, i->next);
        g->a = *i;
        g->pid_a = s.a.t.pid;
        g->pid_b = s.b.t.pid;
        g->host = s.scene.host;
        g->note_a = s.a.note;
        if (!trace(g, &s, &s.b, &g->points_b, cell_met))
                record_death(g, &g->result->copied, "B died after", &s.b);
        jobs_wait();
        keep_cells(g);
        if (g->result->steps_b < g->row.news)
                g->result->steps_b = g->row.news;
        points_free(&g->points_b);
        stage_drop(g, &s);
}

static void trace_rows(struct grid *g)
{
        const struct crash_options *o = g->sweep.options;
        size_t n = g->row_a.n, rows = 0, *order = calloc(n + 1, sizeof *order);
        CHECK(order);
        shuffle(order, n);
        for (size_t i = 0; i < n && (rows < ROWS_MIN || sweep_now() < g->until); i++) {
                const struct place *p = &g->row_a.at[order[i]];
                if (!wanted(p->k, o->from, o->to))
                        continue;
                trace_row(g, p);
                rows++;
        }
        free(order);
}

/* ---- real fates --------------------------------------------------------------- */

struct real {
        struct grid *grid;
        struct crash_count *count;
        const struct cell *cell;
        const uint8_t *fate;
};

static const char *const fate_name[] = { "killed", "going on", "standing" };

static void real_done(void *context, enum crash_verdict verdict, enum job_phase phase,
                      const char *text)
{
        struct real *r = context;
        const struct place *last = r->grid->self->b ? &r->cell->b : &r->cell->a;
        char what[512] = "";
        (void)phase;
        if (verdict != CRASH_FINE)
                name_it(r->grid, &r->cell->a, fate_name[r->fate[0]],
                        fate_name[r->fate[1]], what, sizeof what);
        sweep_record(&r->grid->sweep, r->count, what, last->k, last->at, verdict, text);
}

static void deal(struct party *p, uint8_t fate)
{
        if (fate == GRID_KILLED)
                tracee_kill(&p->t);
        else if (fate == GRID_GOES_ON)
                tracee_go(&p->t);
}

/* Who is not dead ends its operation. False: it did not. */
static bool see_it_end(const struct grid *g, struct party *p, uint8_t fate)
{
        unsigned ms = g->self->a.bound_ms ? g->self->a.bound_ms : END_MS;
        return fate == GRID_KILLED ||
               tracee_ended(&p->t, (ms + 999) / 1000) == TRACEE_ENDED;
}

static void go_if_it_stood(struct party *p, uint8_t fate)
{
        if (fate == GRID_STANDS)
                tracee_go(&p->t);
}

static void blame(struct real *r, const char *who, const struct party *p)
{
        char text[512];
        if (*p->told->text)
                snprintf(text, sizeof text, "%s: %.400s", who, p->told->text);
        else
                snprintf(text, sizeof text, "%s has not come to its end", who);
        real_done(r, *p->told->text ? (enum crash_verdict)p->told->verdict : CRASH_WEDGED,
                  JOB_DONE, text);
}

static void play(struct grid *g, struct stage *s, struct real *r, const uint8_t *fate)
{
        bool has_b = g->self->b != NULL;
        struct job_order order = { .self = &g->self->a,
                                   .kind = JOB_GRID,
                                   .world = s->scene.world,
                                   .note = s->a.note,
                                   .other = has_b ? s->b.note : NULL,
                                   .host = s->scene.host,
                                   .fate = { fate[0], fate[1] },
                                   .dead = g->self->dead,
                                   .done = real_done,
                                   .context = r };
        if (fate[0] != GRID_KILLED || (has_b && fate[1] != GRID_KILLED))
                order.ended = g->self->ended;
        struct job *job = job_start_halting(&order);
        bool fine = job_halted(job);
        deal(&s->a, fate[0]);
        if (has_b)
                deal(&s->b, fate[1]);
        if (fine) {
                job_go_on(job);
                fine = job_halted(job);
        }
        go_if_it_stood(&s->a, fate[0]);
        if (has_b)
                go_if_it_stood(&s->b, fate[1]);
        if (fine && !see_it_end(g, &s->a, fate[0]))
                blame(r, "A", &s->a);
        if (fine && has_b && !see_it_end(g, &s->b, fate[1]))
                blame(r, "B", &s->b);
        if (fine && order.ended) {
                job_go_on(job);
                (void)job_halted(job);
        }
        tracee_kill(&s->a.t);
        if (has_b)
                tracee_kill(&s->b.t);
        job_finish(job);
}

/* Steps a party there, and notes where that was. */
static void put(struct grid *g, struct party *p, struct place *at)
{
        sweep_step_to(&g->sweep, &p->t, at->k, at->next);
        at->k = p->t.steps;
        at->at = p->t.last;
}

static void try_cell(struct grid *g, struct cell cell, const uint8_t *fate)
{
        struct stage s;
        if (!stage_set(g, &s))
                return;
        struct real r = { g, &g->result->real[fate[0]][fate[1]], &cell, fate };
        put(g, &s.a, &cell.a);
        if (g->self->b)
                put(g, &s.b, &cell.b);
        play(g, &s, &r, fate);
        stage_drop(g, &s);
}

/* How many instructions away the next change is: so likely it is drawn. */
static uint64_t width(const struct place *p)
{
        enum { WIDE = 200 };
        uint64_t n = p->to - p->k + 1;
        return n < WIDE ? n : WIDE;
}

/* Anywhere up to the next change, if it makes a difference. */
static void move(struct place *p, uint8_t fate)
{
        if (fate == GRID_KILLED || p->to <= p->k)
                return;
        p->k += draw(p->to - p->k + 1);
        p->next = 0;
}

static struct cell draw_cell(const struct grid *g, const uint8_t *fate)
{
        uint64_t all = 0, sum = 0;
        size_t i = 0;
        for (size_t k = 0; k < g->n; k++)
                all += width(&g->cells[k].a) * width(&g->cells[k].b);
        uint64_t at = draw(all);
        for (; i + 1 < g->n; i++) {
                sum += width(&g->cells[i].a) * width(&g->cells[i].b);
                if (at < sum)
                        break;
        }
        struct cell cell = g->cells[i];
        move(&cell.a, fate[0]);
        move(&cell.b, fate[1]);
        return cell;
}

static unsigned fates_of(const struct grid *g, uint8_t (*list)[2])
{
        unsigned fates = g->self->fates ? g->self->fates : GRID_ALL, n = 0;
        for (uint8_t a = 0; a < GRID_FATES; a++)
                for (uint8_t b = 0; b < (g->self->b ? GRID_FATES : 1); b++)
                        if (fates & GRID_BIT(a, b)) {
                                list[n][0] = a;
                                list[n++][1] = b;
                        }
        return n;
}

/* The cells as they are, and as many drawn from between them. */
static void try_cells(struct grid *g, double until)
{
        uint8_t list[GRID_FATES * GRID_FATES][2];
        unsigned some = fates_of(g, list);
        size_t n = g->n * some, *order = calloc(n + 1, sizeof *order);
        CHECK(order);
        shuffle(order, n);
        for (size_t i = 0; n && (i < n || i < BETWEEN_MAX); i++) {
                if (i >= REAL_MIN && !g->sweep.options->full && sweep_now() > until)
                        break;
                if (i < n)
                        try_cell(g, g->cells[order[i] / some], list[order[i] % some]);
                const uint8_t *fate = list[draw(some)];
                if (i < BETWEEN_MAX)
                        try_cell(g, draw_cell(g, fate), fate);
        }
        free(order);
}

/* ---- running them ---------------------------------------------------------------- */

void grid_sweep(const struct grid_case *self, const struct crash_options *options,
                struct grid_result *result)
{
        struct crash_result of_sweep = { 0 };
        struct grid g = { .sweep = { .self = &self->a,
                                     .options = options,
                                     .result = &of_sweep,
                                     .idle = self->idle ? self->idle : IDLE },
                          .self = self,
                          .result = result };
        double begun = sweep_now();
        *result = (struct grid_result){ 0 };
        g.until = begun + 0.5 * options->seconds;
        if (trace_a(&g)) {
                if (self->b)
                        trace_rows(&g);
                try_cells(&g, begun + options->seconds);
        }
        /* What tracing and setting up had to complain of. */
        for (int v = 0; v < CRASH_VERDICTS; v++)
                result->copied.bad[v] += of_sweep.kill.bad[v];
        result->drift = of_sweep.drift;
        result->seconds = sweep_now() - begun;
        points_free(&g.sweep.points);
        image_free(g.sweep.start);
        free(g.cells);
        free(g.row.at);
        free(g.row_a.at);
}

static uint64_t bad_in(const struct grid_result *r, int verdict)
{
        uint64_t n = r->copied.bad[verdict];
        for (int i = 0; i < GRID_FATES * GRID_FATES; i++)
                n += r->real[i / GRID_FATES][i % GRID_FATES].bad[verdict];
        return n;
}

uint64_t grid_bad(const struct grid_result *r)
{
        uint64_t n = 0;
        for (int v = CRASH_FINE + 1; v < CRASH_VERDICTS; v++)
                n += bad_in(r, v);
        return n;
}

#define N(x) ((unsigned long long)(x))

/* Real runs by who was killed: both, A, B, neither. */
static void print(const struct grid_case *self, const struct grid_result *r)
{
        uint64_t runs[4] = { 0 };
        for (int a = 0; a < GRID_FATES; a++)
                for (int b = 0; b < GRID_FATES; b++)
                        runs[(a != GRID_KILLED) * 2 + (self->b && b != GRID_KILLED)] +=
                                r->real[a][b].runs;
        printf("%-34s %5llu %5llu %5llu %6llu %6llu %4llu %4llu %4llu %4llu   "
               "%llu %llu %llu %llu %llu  %5.1fs",
               self->a.name, N(r->steps_a), N(r->steps_b), N(r->points_a), N(r->cells),
               N(r->copied.runs), N(runs[0]), N(runs[1]), N(runs[2]), N(runs[3]),
               N(bad_in(r, CRASH_WEDGED)), N(bad_in(r, CRASH_LEAKED)),
               N(bad_in(r, CRASH_LOST)), N(bad_in(r, CRASH_DUPLICATED)),
               N(bad_in(r, CRASH_BROKEN)), r->seconds);
        printf(r->drift ? "  drift %llu\n" : "\n", N(r->drift));
        fflush(stdout);
}

int grid_main(int argc, char **argv, const struct grid_case *cases, size_t n)
{
        const char *seed = getenv("WEFT_SEED");
        struct crash_options options;
        size_t left = 0, failed = 0, ran = 0;
        int rc = crash_begin(argv);
        if (rc)
                return rc;
        crash_options_read(&options, argc, argv);
        for (size_t i = 0; i < n; i++)
                left += !options.filter || strstr(cases[i].a.name, options.filter);
        lot = seed ? strtoull(seed, NULL, 0)
                   : (uint64_t)getpid() << 20 ^ (uint64_t)time(NULL);
        lot |= 1;
        printf("WEFT_SEED=%llu\n", N(lot));
        printf("%-34s %5s %5s %5s %6s %6s %4s %4s %4s %4s   %s\n", "parties A, B", "in A",
               "in B", "i", "(i, j)", "copies", "both", "A", "B", "none",
               "wedged leaked lost duplicated broken");
        double end = sweep_now() + crash_seconds(left * GRID_WEIGHS);
        for (size_t i = 0; i < n; i++) {
                struct grid_result result;
                if (options.filter && !strstr(cases[i].a.name, options.filter))
                        continue;
                double rest = end - sweep_now();
                options.seconds = (rest > 0 ? rest : 0.1) / (double)left--;
                grid_sweep(&cases[i], &options, &result);
                print(&cases[i], &result);
                failed += grid_bad(&result) != 0;
                ran++;
        }
        printf("%zu grids, %zu failed\n", ran, failed);
        return failed || !ran;
}
