/* tests/harness/sweep.c -- tracing a victim, and the sweeps of its deaths. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/harness/sweep.h"

enum { TOLD_MAX = 4, REAL_MAX = 40, IMAGES_MAX = 8000 };

/* Done whatever the time: so a slow machine has shown something, too. A kill then has a
 * survivor of one kind alone. */
enum { KILL_MIN = 100, REAL_MIN = 2, STOP_MIN = 8, STOP_MIN_LONG = 3, LONG = 20000 };

double sweep_now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t gcd(size_t a, size_t b)
{
        while (b) {
                size_t r = a % b;
                a = b;
                b = r;
        }
        return a;
}

size_t sweep_spread(size_t i, size_t n)
{
        size_t stride = n * 618 / 1000 | 1;
        while (n > 2 && gcd(stride, n) != 1)
                stride += 2;
        return n ? (i % n) * (stride % n) % n : 0;
}

static const char *verdict_name(enum crash_verdict verdict)
{
        static const char *const names[] = { "fine", "wedged",     "leaked",
                                             "lost", "duplicated", "broken" };
        return verdict < CRASH_VERDICTS ? names[verdict] : "?";
}

void sweep_record(struct sweep *s, struct crash_count *count, const char *what,
                  uint64_t k, uint64_t at, enum crash_verdict verdict, const char *text)
{
        count->runs++;
        if (verdict == CRASH_FINE)
                return;
        count->bad[verdict]++;
        if (s->options->quiet || (s->told++ >= TOLD_MAX && !s->options->verbose))
                return;
        printf("    %s: %s %llu, at %s: %s: %s\n", s->self->name, what,
               (unsigned long long)k, tracee_where(at), verdict_name(verdict), text);
        fflush(stdout);
}

/* ---- points -------------------------------------------------------------- */

static bool hash_seen(struct points *p, uint64_t hash)
{
        if (p->n * 2 >= p->slots) {
                size_t slots = p->slots ? p->slots * 2 : 1024;
                uint64_t *hashes = calloc(slots, sizeof *hashes);
                CHECK(hashes);
                for (size_t i = 0; i < p->n; i++) {
                        size_t at = p->at[i]->hash % slots;
                        while (hashes[at])
                                at = (at + 1) % slots;
                        hashes[at] = p->at[i]->hash;
                }
                free(p->hashes);
                p->hashes = hashes;
                p->slots = slots;
        }
        size_t at = hash % p->slots;
        while (p->hashes[at] && p->hashes[at] != hash)
                at = (at + 1) % p->slots;
        if (p->hashes[at])
                return true;
        p->hashes[at] = hash;
        return false;
}

static uint64_t hash_of(const struct image *image, const struct crash_note *note)
{
        uint64_t h = image_hash(image), word[sizeof *note / 8];
        memcpy(word, (const void *)note, sizeof word);
        for (size_t i = 0; i < sizeof word / 8; i++)
                h = (h ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 31);
        return h | 1;
}

/* Finds or adds the state; true if it is new. */
static bool point_of(struct points *p, struct image *image, const struct crash_note *note,
                     struct point **out)
{
        uint64_t hash = hash_of(image, note);
        if (hash_seen(p, hash)) {
                for (size_t i = p->n; i-- > 0;)
                        if (p->at[i]->hash == hash)
                                *out = p->at[i];
                return false;
        }
        if (p->n == p->room) {
                p->room = p->room ? p->room * 2 : 64;
                p->at = realloc(p->at, p->room * sizeof *p->at);
                CHECK(p->at);
        }
        struct point *point = calloc(1, sizeof *point);
        CHECK(point);
        point->hash = hash;
        point->image = p->n < IMAGES_MAX ? image_share(image) : NULL;
        point->note = *note;
        p->at[p->n++] = *out = point;
        return true;
}

void points_free(struct points *p)
{
        for (size_t i = 0; i < p->n; i++) {
                image_free(p->at[i]->image);
                free(p->at[i]);
        }
        free(p->at);
        free(p->hashes);
        *p = (struct points){ 0 };
}

/* ---- tracing ------------------------------------------------------------- */

/* The image after a step, or NULL if it is as before. */
static struct image *look(struct sweep *s, struct view *view, const struct tracee *t,
                          const struct image *before)
{
        enum decode_what what = s->options->full ? WRITES_ANY : t->wrote.what;
        if (t->wrote.what == SYSTEM_CALL) {
                view_refresh(view);
                view_find(view, t->pid);
        }
        switch (what) {
        case WRITES_NOTHING:
                return NULL;
        case WRITES_AT:
                return view_take_at(view, before, t->wrote.address, WRITES_BYTES);
        default:
                return view_take(view, before);
        }
}

static bool out_of_time(const struct sweep *s)
{
        return s->give_up > 0 && sweep_now() > s->give_up;
}

bool sweep_trace(struct sweep *s, struct tracee *t, const struct world *world,
                 const struct crash_note *note, struct points *points,
                 void (*met)(struct sweep *s, struct point *p, uint64_t k, bool is_new))
{
        struct view *view = view_open(world);
        struct image *image = view_take(view, NULL), *after;
        struct crash_note seen = *note;
        enum tracee_state state = TRACEE_GOES;
        bool changed = true;
        uint64_t newest = t->steps;
        view_find(view, t->pid);
        for (;;) {
                if (changed) {
                        struct point *p = NULL;
                        bool is_new = point_of(points, image, &seen, &p);
                        if (is_new) {
                                newest = t->steps;
                                p->sweep = s;
                                p->k = t->steps;
                                p->at = t->last;
                                p->next = t->rip;
                        }
                        met(s, p, t->steps, is_new);
                }
                if (state != TRACEE_GOES || (t->steps % 512 == 0 && out_of_time(s)) ||
                    (s->idle && t->steps - newest > s->idle))
                        break;
                state = tracee_step(t);
                changed = false;
                if (state == TRACEE_DIED)
                        break;
                after = look(s, view, t, image);
                if (after) {
                        image_free(image);
                        image = after;
                        changed = true;
                }
                if (memcmp((const void *)&seen, (const void *)note, sizeof seen) != 0) {
                        seen = *note;
                        changed = true;
                }
        }
        after = s->self->flags & CRASH_REAL ? NULL : view_take(view, image);
        if (after) /* the harness is wrong, not the library */
                sweep_record(s, &s->result->kill, "by instruction", t->steps, t->last,
                             CRASH_BROKEN, "decode.c has missed a store");
        image_free(after);
        image_free(image);
        view_close(view);
        return state == TRACEE_ENDED;
}

static void victim_before(struct crash *c)
{
        if (*c->dir)
                setenv("WEFT_DIR", c->dir, 1);
        if (c->self->open)
                c->self->open(c);
        if (c->self->prepare)
                c->self->prepare(c);
}

bool sweep_flies(const struct sweep *s)
{
        return !s->options->full;
}

/* From here on runs begin with what this one began with. */
static void keep_start(struct sweep *s, const struct scene *scene)
{
        if (scene->host || s->self->flags & (CRASH_DIR | CRASH_REAL))
                return;
        struct view *view = view_open(&scene->world);
        s->start = view_take(view, NULL);
        s->start_note = *scene->note;
        view_close(view);
}

bool sweep_victim(struct sweep *s, struct scene *scene, struct tracee *t,
                  struct crash_told **told)
{
        if (s->start) {
                scene_again(scene, s->self, s->start, &s->start_note);
        } else if (!scene_set(scene, s->self)) {
                sweep_record(s, &s->result->kill, "setup", 0, 0, CRASH_BROKEN,
                             "setup failed");
                return false;
        }
        if (!s->start)
                keep_start(s, scene);
        *told = mmap(NULL, sizeof **told, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(*told != MAP_FAILED);
        struct crash c = scene_view(scene);
        c.told = *told;
        fflush(NULL);
        if (tracee_start(t, &c, victim_before, s->self->victim) == TRACEE_GOES) {
                if (sweep_flies(s))
                        tracee_flies(t);
                return true;
        }
        sweep_record(s, &s->result->kill, "open", 0, 0, CRASH_BROKEN,
                     *(*told)->text ? (*told)->text
                                    : "the victim died before its operation");
        sweep_victim_end(scene, t, *told);
        return false;
}

void sweep_victim_end(struct scene *scene, struct tracee *t, struct crash_told *told)
{
        tracee_kill(t);
        scene_drop(scene);
        munmap(told, sizeof *told);
}

/* ---- the kill sweep, on copies ------------------------------------------- */

static bool wanted(const struct sweep *s, uint64_t k)
{
        return k >= s->options->from && k <= s->options->to;
}

static void kill_done(void *context, enum crash_verdict verdict, enum job_phase phase,
                      const char *text)
{
        struct point *p = context;
        (void)phase;
        p->bad |= verdict != CRASH_FINE;
        sweep_record(p->sweep, &p->sweep->result->kill, "killed after instruction", p->k,
                     p->at, verdict, text);
}

static void kill_met(struct sweep *s, struct point *p, uint64_t k, bool is_new)
{
        (void)is_new;
        if (s->span_count % 64 == 0) {
                s->spans = realloc(s->spans, (s->span_count + 64) * sizeof *s->spans);
                CHECK(s->spans);
        }
        s->spans[s->span_count++] = (struct span){ k, p };
}

static void kill_at(struct sweep *s, struct point *p, enum job_kind kind)
{
        struct job_order order = { .self = s->self,
                                   .kind = kind,
                                   .note = &p->note,
                                   .victim = s->victim,
                                   .host = s->host,
                                   .done = kill_done,
                                   .context = p };
        image_make(p->image, &order.world);
        job_start(&order);
}

static void kill_everywhere(struct sweep *s, double until)
{
        size_t n = s->points.n;
        for (size_t i = 0; i < n; i++) {
                struct point *p = s->points.at[sweep_spread(i, n)];
                bool in_time = s->options->full || sweep_now() < until;
                if (!in_time && i >= KILL_MIN)
                        break;
                if (!p->image || !wanted(s, p->k))
                        continue;
                if (in_time || i % 2)
                        kill_at(s, p, JOB_EARLY);
                if (in_time || i % 2 == 0)
                        kill_at(s, p, JOB_LATE);
        }
        jobs_wait();
}

void sweep_kill(struct sweep *s, double until)
{
        struct scene scene;
        struct tracee t;
        struct crash_told *told;
        if (!sweep_victim(s, &scene, &t, &told))
                return;
        s->victim = t.pid;
        s->host = scene.host;
        bool ended = sweep_trace(s, &t, &scene.world, scene.note, &s->points, kill_met);
        s->result->steps = t.steps;
        s->result->states = s->points.n;
        if (!ended)
                sweep_record(s, &s->result->kill, "died by itself after", t.steps, t.last,
                             CRASH_BROKEN, *told->text ? told->text : "victim");
        if (!(s->self->flags & CRASH_REAL))
                kill_everywhere(s, until);
        for (size_t i = 0; i < s->span_count; i++) {
                uint64_t to = i + 1 < s->span_count ? s->spans[i + 1].k : t.steps + 1;
                if (s->spans[i].point->bad)
                        s->result->kill_points_bad += to - s->spans[i].k;
        }
        sweep_victim_end(&scene, &t, told);
}

/* ---- real kills ---------------------------------------------------------- */

struct real {
        struct sweep *sweep;
        struct crash_count *count;
        const char *what;
        uint64_t k, at;
};

static void real_done(void *context, enum crash_verdict verdict, enum job_phase phase,
                      const char *text)
{
        struct real *r = context;
        (void)phase;
        sweep_record(r->sweep, r->count, r->what, r->k, r->at, verdict, text);
}

static struct job *halting(struct real *r, enum job_kind kind, const struct scene *scene)
{
        struct job_order order = { .self = r->sweep->self,
                                   .kind = kind,
                                   .world = scene->world,
                                   .note = scene->note,
                                   .host = scene->host,
                                   .done = real_done,
                                   .context = r };
        return job_start_halting(&order);
}

/* To instruction `k`, before which `next` should come (0: unknown). malloc() and the like
 * may have taken some more or fewer: then to the next one like it. */
void sweep_step_to(struct sweep *s, struct tracee *t, uint64_t k, uint64_t next)
{
        enum { NEAR = 300 };
        enum tracee_state state = tracee_step_to(t, k);
        while (state == TRACEE_GOES && next && t->rip != next && t->steps < k + NEAR)
                state = tracee_step(t);
        if (state == TRACEE_DIED || (next && t->rip != next))
                s->result->drift++;
}

static void kill_for_real(struct sweep *s, uint64_t k, uint64_t next)
{
        struct scene scene;
        struct tracee t;
        struct crash_told *told;
        if (!sweep_victim(s, &scene, &t, &told))
                return;
        sweep_step_to(s, &t, k, next);
        struct real r = { s, &s->result->real, "really killed after instruction", k,
                          t.last };
        struct job *job = halting(&r, JOB_REAL, &scene);
        (void)job_halted(job);
        tracee_kill(&t);
        job_finish(job);
        sweep_victim_end(&scene, &t, told);
}

void sweep_real(struct sweep *s, double until)
{
        size_t n = s->points.n, limit = n < REAL_MAX ? n : REAL_MAX;
        if (s->self->flags & CRASH_REAL)
                limit = n;
        if (s->options->full) {
                for (uint64_t k = 0; k <= s->result->steps; k++)
                        if (wanted(s, k))
                                kill_for_real(s, k, 0);
                return;
        }
        for (size_t i = 0; i < limit && (i < (s->options->hurried ? 1 : REAL_MIN) ||
                                         sweep_now() < until);
             i++) {
                struct point *p = s->points.at[sweep_spread(i, n)];
                if (wanted(s, p->k))
                        kill_for_real(s, p->k, p->next);
        }
}

/* ---- the stop sweep ------------------------------------------------------ */

static void stop_at(struct sweep *s, uint64_t k)
{
        struct scene scene;
        struct tracee t;
        struct crash_told *told;
        if (!sweep_victim(s, &scene, &t, &told))
                return;
        (void)tracee_step_to(&t, k);
        struct real r = { s, &s->result->stop, "stopped after instruction", k, t.last };
        struct job *job = halting(&r, JOB_STOP, &scene);
        if (job_halted(job) && tracee_finish(&t) == TRACEE_DIED)
                sweep_record(s, r.count, "died after it was stopped at", k, r.at,
                             CRASH_BROKEN, *told->text ? told->text : "victim");
        tracee_kill(&t);
        job_finish(job);
        sweep_victim_end(&scene, &t, told);
}

/* All instructions of a short operation; of a long one those around each change of
 * shared memory, and an even sample. */
static size_t stop_list(const struct sweep *s, uint64_t **list)
{
        enum { SHORT = 400, AROUND = 2, SAMPLE = 200 };
        uint64_t steps = s->result->steps;
        bool *want = calloc(steps + 1, sizeof *want);
        *list = calloc(steps + 1, sizeof **list);
        CHECK(want && *list);
        bool all = steps <= SHORT || s->options->full;
        for (uint64_t k = 0; k <= steps; k++)
                want[k] = all || k % (steps / SAMPLE + 1) == 0;
        for (size_t i = 0; i < s->span_count; i++)
                for (uint64_t d = 0; d <= 2 * AROUND; d++) {
                        uint64_t k = s->spans[i].k + d;
                        if (k >= AROUND && k - AROUND <= steps)
                                want[k - AROUND] = true;
                }
        size_t n = 0;
        for (uint64_t k = 0; k <= steps; k++)
                if (want[k] && wanted(s, k))
                        (*list)[n++] = k;
        free(want);
        return n;
}

void sweep_stop(struct sweep *s, double until)
{
        if (s->self->flags & CRASH_NO_STOP)
                return;
        uint64_t *list;
        size_t n = stop_list(s, &list);
        size_t least = s->options->hurried       ? 1
                       : s->result->steps > LONG ? STOP_MIN_LONG
                                                 : STOP_MIN;
        for (size_t i = 0;
             i < n && (s->options->full || i < least || sweep_now() < until); i++)
                stop_at(s, list[sweep_spread(i, n)]);
        free(list);
}
