/* tests/harness/sweep_recover.c -- the deaths of those who settle the dead. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/check.h"
#include "tests/harness/sweep.h"

enum { DEPTH_MAX = 2, DEEPER_EACH = 3, RECOVER_MIN = 1, LATE_SECONDS = 1, SAMPLE = 4 };

/* One level of it: a recoverer of `origin`, being stepped. */
struct level {
        struct crash_note *note; /* of the first victim */
        uint64_t origin_k;
        pid_t victim; /* whom the recoverer at this level settles: dead already */
        pid_t recoverer;
        double until;
        int depth;
        uint64_t states; /* that the recoverer has made */
};

static struct level *level; /* of the trace going on */

static void recover_before(struct crash *c)
{
        if (*c->dir)
                setenv("WEFT_DIR", c->dir, 1);
        if (c->self->open)
                c->self->open(c);
}

static void recover_op(struct crash *c)
{
        (void)c->self->kit->recover(c);
}

static void recover_done(void *context, enum crash_verdict verdict, enum job_phase phase,
                         const char *text)
{
        struct point *p = context;
        struct sweep *s = p->sweep;
        char what[96];
        (void)phase;
        bool deeper = p->count == &s->result->deeper;
        snprintf(what, sizeof what,
                 "killed after instruction %llu, its %srecoverer after",
                 (unsigned long long)p->origin->k, deeper ? "recoverer's " : "");
        sweep_record(s, p->count, what, p->k, p->at, verdict, text);
}

static const struct point *origin_now;

/* When time is over the rest of the recovery is sampled, each time others of its states. */
static bool is_due(void)
{
        double now = sweep_now();
        bool picked = (level->states++ + level->origin_k) % SAMPLE == 0;
        return now < level->until || (picked && now < level->until + LATE_SECONDS);
}

static void recover_met(struct sweep *s, struct point *p, uint64_t k, bool is_new)
{
        (void)k;
        if (!is_new || !p->image || !is_due())
                return;
        p->count = level->depth == 1 ? &s->result->recover : &s->result->deeper;
        p->origin = origin_now;
        struct job_order order = { .self = s->self,
                                   .kind = JOB_EARLY,
                                   .note = level->note,
                                   .victim = level->recoverer,
                                   .host = s->host,
                                   .done = recover_done,
                                   .context = p };
        image_make(p->image, &order.world);
        job_start(&order);
}

/* In a world like `image`, `victim` dies; its recoverer dies everywhere. */
static void sweep_level(struct sweep *s, const struct image *image, pid_t victim,
                        struct level *l)
{
        struct world world;
        struct tracee t;
        struct points points = { 0 };
        struct crash_told *told;
        struct crash_note *note; /* the recoverer's own: means nothing */

        image_make(image, &world);
        told = mmap(NULL, sizeof *told + sizeof *note, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(told != MAP_FAILED);
        note = &told->note;
        struct crash c = { .self = s->self,
                           .fd = world.fd,
                           .dir = world.dir,
                           .note = note,
                           .told = told };
        fflush(NULL);
        /* It has the arena open when the victim dies: opening settles the dead. */
        if (tracee_start(&t, &c, recover_before, recover_op) != TRACEE_GOES) {
                sweep_record(s, &s->result->recover, "recoverer of", l->origin_k, 0,
                             CRASH_BROKEN, *told->text ? told->text : "did not start");
                goto out;
        }
        if (sweep_flies(s))
                tracee_flies(&t);
        world_bury(&world, s->self->kit, (uint32_t)victim);
        l->recoverer = t.pid;
        level = l;
        if (!sweep_trace(s, &t, &world, note, &points, recover_met) &&
            sweep_now() < l->until)
                sweep_record(s, &s->result->recover, "recoverer died by itself after",
                             t.steps, t.last, CRASH_BROKEN,
                             *told->text ? told->text : "recoverer");
        jobs_wait();
        for (size_t i = 0; i < points.n && i < DEEPER_EACH && l->depth < DEPTH_MAX; i++) {
                if (sweep_now() > l->until)
                        break;
                struct level next = { .note = l->note,
                                      .origin_k = l->origin_k,
                                      .until = l->until,
                                      .depth = l->depth + 1 };
                const struct point *p =
                        points.at[sweep_spread(i + l->origin_k, points.n)];
                if (!p->image)
                        continue;
                sweep_level(s, p->image, l->recoverer, &next);
        }
out:
        tracee_kill(&t);
        points_free(&points);
        munmap(told, sizeof *told + sizeof *note);
        world_drop(&world);
}

void sweep_recover(struct sweep *s, double until)
{
        if (s->self->flags & (CRASH_NO_RECOVER | CRASH_REAL) || !s->self->kit->recover)
                return;
        size_t n = s->points.n;
        double now = sweep_now();
        s->give_up = s->options->full ? 0 : (until > now ? until : now) + LATE_SECONDS;
        for (size_t i = 0; i < n && (i < (s->options->hurried ? 0 : RECOVER_MIN) ||
                                     sweep_now() < until);
             i++) {
                struct point *p = s->points.at[sweep_spread(i, n)];
                if (!p->image || p->k < s->options->from || p->k > s->options->to)
                        continue;
                struct level l = {
                        .note = &p->note, .origin_k = p->k, .until = until, .depth = 1
                };
                origin_now = p;
                sweep_level(s, p->image, s->victim, &l);
        }
}
