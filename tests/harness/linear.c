/* tests/harness/linear.c -- see linear.h. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/check.h"
#include "tests/harness/linear.h"

/* ---- recording ----------------------------------------------------------- */

struct linear_log *linear_log_new(void)
{
        void *at = mmap(NULL, sizeof(struct linear_log), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(at != MAP_FAILED);
        return at;
}

void linear_log_clear(struct linear_log *log)
{
        log->stamp = 0;
        for (int i = 0; i < LINEAR_PROCESSES; i++)
                log->of[i].n = 0;
}

static uint64_t next_stamp(struct linear_log *log)
{
        return __atomic_add_fetch(&log->stamp, 1, __ATOMIC_SEQ_CST);
}

struct linear_event *linear_begin_with(struct linear_log *log, unsigned process,
                                       unsigned what, uint64_t value, uint64_t extra)
{
        uint32_t n = log->of[process].n;
        if (n == LINEAR_EVENTS)
                return NULL;
        struct linear_event *e = &log->of[process].event[n];
        *e = (struct linear_event){ .value = value,
                                    .extra = extra,
                                    .what = (uint8_t)what,
                                    .process = (uint8_t)process };
        e->from = next_stamp(log);
        __atomic_store_n(&log->of[process].n, n + 1, __ATOMIC_SEQ_CST);
        return e;
}

void linear_end(struct linear_log *log, struct linear_event *e, enum linear_answer answer,
                uint64_t value)
{
        e->value = value;
        e->answer = (uint8_t)answer;
        __atomic_store_n(&e->to, next_stamp(log), __ATOMIC_SEQ_CST);
}

void linear_settled(struct linear_log *log)
{
        uint64_t now = next_stamp(log);
        for (int p = 0; p < LINEAR_PROCESSES; p++)
                for (uint32_t i = 0; i < log->of[p].n; i++)
                        if (!log->of[p].event[i].to)
                                log->of[p].event[i].by = now;
}

bool linear_history_of(const struct linear_log *log, uint64_t capacity,
                       struct linear_history *h)
{
        h->n = 0;
        h->capacity = capacity;
        h->start = h->flags = 0;
        for (int p = 0; p < LINEAR_PROCESSES; p++)
                for (uint32_t i = 0; i < log->of[p].n; i++) {
                        if (h->n == LINEAR_EVENTS)
                                return false;
                        h->event[h->n++] = log->of[p].event[i];
                }
        return capacity <= LINEAR_CAPACITY;
}

/* ---- checking ------------------------------------------------------------ */

/* What has been put in order so far, and the model's state after it. */
struct state {
        uint64_t done; /* bit i: event i */
        _Alignas(8) uint8_t of[LINEAR_STATE];
};

struct memo {
        struct state *at;
        size_t n, room;
};

struct search {
        const struct linear_model *model;
        const struct linear_history *h;
        struct memo memo;
        uint64_t must; /* events that have returned */
};

static uint64_t hash_of(const struct state *s)
{
        uint64_t x = s->done * UINT64_C(0x9e3779b97f4a7c15), word;
        for (size_t i = 0; i < LINEAR_STATE; i += sizeof word) {
                memcpy(&word, s->of + i, sizeof word);
                x = (x ^ word) * UINT64_C(0x100000001b3);
        }
        return x ^ x >> 32;
}

/* A slot is free while its state has done nothing: the first state is never put in. */
static bool memo_insert(struct memo *m, const struct state *s)
{
        if (m->n * 2 >= m->room) {
                struct memo old = *m;
                m->room = old.room ? old.room * 2 : 1024;
                m->n = 0;
                m->at = calloc(m->room, sizeof *m->at);
                CHECK(m->at);
                for (size_t i = 0; i < old.room; i++)
                        if (old.at[i].done)
                                (void)memo_insert(m, &old.at[i]);
                free(old.at);
        }
        size_t i = hash_of(s) % m->room;
        for (; m->at[i].done; i = (i + 1) % m->room)
                if (memcmp(&m->at[i], s, sizeof *s) == 0)
                        return false;
        m->at[i] = *s;
        m->n++;
        return true;
}

/* Has one that began when `i` was over already been put in order? */
static bool is_too_late(const struct linear_history *h, const struct state *s, size_t i)
{
        const struct linear_event *e = &h->event[i];
        for (size_t k = 0; !e->to && e->by && k < h->n; k++)
                if (s->done >> k & 1 && h->event[k].from > e->by)
                        return true;
        return false;
}

/* Can event `i` come next? No, if another has returned before this one began. */
static bool search(struct search *x, const struct state *s)
{
        const struct linear_history *h = x->h;
        uint64_t first_end = UINT64_MAX;
        if ((s->done & x->must) == x->must)
                return true;
        for (size_t i = 0; i < h->n; i++)
                if (!(s->done >> i & 1) && h->event[i].to && h->event[i].to < first_end)
                        first_end = h->event[i].to;
        for (size_t i = 0; i < h->n; i++) {
                struct state next = *s;
                if (s->done >> i & 1 || h->event[i].from > first_end ||
                    is_too_late(h, s, i) || !x->model->step(h, &h->event[i], next.of))
                        continue;
                next.done |= UINT64_C(1) << i;
                if (memo_insert(&x->memo, &next) && search(x, &next))
                        return true;
        }
        return false;
}

bool linear_check(const struct linear_model *model, const struct linear_history *h)
{
        struct search x = { .model = model, .h = h };
        struct state begin = { 0 };
        CHECK(model->bytes <= LINEAR_STATE && h->n <= LINEAR_EVENTS);
        for (size_t i = 0; i < h->n; i++)
                if (h->event[i].to)
                        x.must |= UINT64_C(1) << i;
        if (model->begin)
                model->begin(h, begin.of);
        bool yes = search(&x, &begin);
        free(x.memo.at);
        return yes;
}

static int by_from(const void *a, const void *b)
{
        const struct linear_event *x = a, *y = b;
        return x->from < y->from ? -1 : x->from > y->from;
}

void linear_print_as(const struct linear_model *model, const struct linear_history *h,
                     FILE *to)
{
        struct linear_history sorted = *h;
        qsort(sorted.event, sorted.n, sizeof *sorted.event, by_from);
        fprintf(to, "%s, capacity %llu, from %llu, flags %u\n", model->name,
                (unsigned long long)h->capacity, (unsigned long long)h->start, h->flags);
        for (size_t i = 0; i < sorted.n; i++) {
                const struct linear_event *e = &sorted.event[i];
                fprintf(to, "  %4llu..%-4llu process %u ", (unsigned long long)e->from,
                        (unsigned long long)e->to, e->process);
                model->tell(e, to);
                fprintf(to, "%s\n",
                        !e->to                        ? "  killed"
                        : e->answer == LINEAR_REFUSED ? "  refused"
                                                      : "");
        }
}

void linear_test(const struct linear_model *model, uint64_t capacity,
                 const struct linear_known *known, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct linear_history h = { .n = known[i].n,
                                            .capacity = capacity,
                                            .start = known[i].start,
                                            .flags = known[i].flags };
                memcpy(h.event, known[i].event, sizeof known[i].event);
                if (linear_check(model, &h) == known[i].good)
                        continue;
                fprintf(stderr, "the checker is wrong about '%s'\n", known[i].why);
                linear_print_as(model, &h, stderr);
                abort();
        }
}

/* ---- the queue ------------------------------------------------------------ */

struct queue {
        uint8_t n;
        uint8_t item[LINEAR_CAPACITY]; /* the events that pushed them */
};

static bool apply_push(const struct linear_history *h, const struct linear_event *e,
                       struct queue *q)
{
        if (e->to && e->answer == LINEAR_REFUSED)
                return q->n == h->capacity;
        if (q->n == h->capacity)
                return false;
        q->item[q->n++] = (uint8_t)(e - h->event);
        return true;
}

static bool apply_pop(const struct linear_history *h, const struct linear_event *e,
                      struct queue *q)
{
        if (e->to && e->answer == LINEAR_REFUSED)
                return q->n == 0;
        if (q->n == 0 || (e->to && h->event[q->item[0]].value != e->value))
                return false;
        memmove(q->item, q->item + 1, --q->n);
        q->item[q->n] = 0;
        return true;
}

static bool step_queue(const struct linear_history *h, const struct linear_event *e,
                       void *state)
{
        return e->what == LINEAR_PUSH ? apply_push(h, e, state) : apply_pop(h, e, state);
}

static void tell_queue(const struct linear_event *e, FILE *to)
{
        fprintf(to, "%s %llu", e->what == LINEAR_PUSH ? "push" : "pop ",
                (unsigned long long)e->value);
}

const struct linear_model linear_queue = {
        .name = "queue",
        .bytes = sizeof(struct queue),
        .step = step_queue,
        .tell = tell_queue,
};

/* ---- its own test -------------------------------------------------------- */

#define PUSH(v, f, t) \
        { \
                .from = f, .to = t, .value = v, .what = LINEAR_PUSH \
        }
#define POP(v, f, t) \
        { \
                .from = f, .to = t, .value = v, .what = LINEAR_POP \
        }
#define FULL(v, f, t) \
        { \
                .from = f, .to = t, .value = v, .what = LINEAR_PUSH, \
                .answer = LINEAR_REFUSED \
        }
#define EMPTY(f, t) \
        { \
                .from = f, .to = t, .what = LINEAR_POP, .answer = LINEAR_REFUSED \
        }

static const struct linear_known known[] = {
        { "in order",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(1, 5, 6), POP(2, 7, 8) } },
        { "swapped",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(2, 5, 6), POP(1, 7, 8) } },
        { "pushes overlap",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 4), PUSH(2, 2, 3), POP(2, 5, 6), POP(1, 7, 8) } },
        { "pops overlap",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(2, 5, 8), POP(1, 6, 7) } },
        { "duplicated", false, 0, 0, 3, { PUSH(1, 1, 2), POP(1, 3, 4), POP(1, 5, 6) } },
        { "lost", false, 0, 0, 3, { PUSH(1, 1, 2), EMPTY(3, 4), POP(1, 5, 6) } },
        { "lost for ever", false, 0, 0, 2, { PUSH(1, 1, 2), EMPTY(3, 4) } },
        { "empty meanwhile",
          true,
          0,
          0,
          3,
          { PUSH(1, 1, 4), EMPTY(2, 3), POP(1, 5, 6) } },
        { "from nowhere", false, 0, 0, 2, { PUSH(1, 1, 2), POP(2, 3, 4) } },
        { "before it was pushed", false, 0, 0, 2, { POP(1, 1, 2), PUSH(1, 3, 4) } },
        { "full", true, 0, 0, 3, { PUSH(1, 1, 2), PUSH(2, 3, 4), FULL(3, 5, 6) } },
        { "full but not", false, 0, 0, 2, { PUSH(1, 1, 2), FULL(3, 3, 4) } },
        { "too many", false, 0, 0, 3, { PUSH(1, 1, 2), PUSH(2, 3, 4), PUSH(3, 5, 6) } },
        { "killed push that was", true, 0, 0, 2, { PUSH(1, 1, 0), POP(1, 3, 4) } },
        { "killed push that was not", true, 0, 0, 2, { PUSH(1, 1, 0), EMPTY(3, 4) } },
        { "killed push, late",
          true,
          0,
          0,
          3,
          { PUSH(1, 1, 0), EMPTY(3, 4), POP(1, 5, 6) } },
        { "killed push, come and gone",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 0), POP(1, 3, 4), EMPTY(5, 6), POP(1, 7, 8) } },
        { "killed pop that was",
          true,
          0,
          0,
          3,
          { PUSH(1, 1, 2), POP(0, 3, 0), EMPTY(5, 6) } },
        { "killed pop took two",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(0, 5, 0), EMPTY(7, 8) } },
        { "killed pop took the second, later",
          true,
          0,
          0,
          5,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(0, 5, 0), POP(1, 7, 8), EMPTY(9, 10) } },
        { "killed pop came too late to take it",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), EMPTY(3, 4), POP(0, 5, 0), EMPTY(7, 8) } },
};

void linear_selftest(void)
{
        linear_test(&linear_queue, 2, known, sizeof known / sizeof *known);
}
