/* structures/broadcast_next.c -- subscribers: next, take, seek, subscribe. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "structures/broadcast_internal.h"

/* What one call brings. */
struct get {
        struct weft_subscriber *s;
        uint8_t *to;     /* elements; NULL: in place, */
        const void **at; /* here */
        size_t n, done;
        uint64_t first; /* position */
};

/* ---- what is there ------------------------------------------------------------------------ */

static uint64_t stamp_of(const struct weft_broadcast_view *v, uint64_t p)
{
        uint64_t stamp = weft_load_acq(weft_broadcast_stamp(v, p)); /* [P] */
        return stamp & ~WEFT_BROADCAST_SEALED;
}

/* Has what was read of position p been p's? */
static inline bool is_still(const struct weft_broadcast_view *v, uint64_t p)
{
        __atomic_signal_fence(
                __ATOMIC_SEQ_CST); /* loads are not reordered, but compiled */
        return weft_broadcast_is_here(v, stamp_of(v, p), p);
}

/* Where the element of position p lies, if p is still there; or NULL. */
static void *element_at(struct weft_broadcast_view *v, uint64_t p)
{
        if (!v->boxes)
                return weft_broadcast_place(v, p);
        return weft_broadcast_box(v, weft_load_rlx(weft_broadcast_what(v, p)));
}

/* 0, -ENOENT: it is gone, -EUCLEAN. */
static inline int copy_out(struct weft_broadcast_view *v, uint64_t p, uint8_t *to)
{
        if (weft_broadcast_is_small(v)) {
                uint64_t value = weft_load_rlx(weft_broadcast_what(v, p));
                if (!is_still(v, p))
                        return -ENOENT;
                weft_broadcast_store(v, to, value);
                return 0;
        }
        void *at = element_at(v, p);
        if (at)
                weft_broadcast_copy_torn(to, at, v->element_bytes);
        if (!is_still(v, p))
                return -ENOENT;
        return at ? 0 : -EUCLEAN;
}

/* Nothing is there, and it is not shut: the guard is asked. What he says counts if that is
 * still so: what he knows of may have come after it. -EPIPE: it is shut. */
static int ask_guard(struct weft_subscriber *s, uint64_t p)
{
        struct weft_broadcast_view *v = &s->v;
        int rc = s->guard ? s->guard(s->guarded) : -EAGAIN;
        if (WEFT_LIKELY(rc == -EAGAIN))
                return rc;
        if (weft_broadcast_is_shut(v))
                return -EPIPE;
        return stamp_of(v, p) > 2 * p ? 0 : rc;
}

/* Is the ONE producer in the midst of publishing? Or why that cannot be told, in `*rc`. */
static bool is_under_way(const struct weft_broadcast_view *v, uint64_t *tail, int *rc)
{
        *rc = weft_broadcast_tail(v, tail);
        return !*rc && stamp_of(v, *tail) == 2 * *tail &&
               weft_load_acq(&v->sh->producer); /* [S] */
}

/* Position p is not there, nor gone. -EAGAIN; it is shut: -EPIPE if it will never come, 0
 * if it has come meanwhile; or what the guard says. */
static int at_end(struct weft_subscriber *s, uint64_t p)
{
        struct weft_broadcast_view *v = &s->v;
        if (WEFT_LIKELY(!weft_broadcast_is_shut(v))) {
                int rc = ask_guard(s, p);
                if (WEFT_LIKELY(rc != -EPIPE))
                        return rc;
        }
        uint64_t t = weft_broadcast_hint(v);
        int rc = 0;
        if (v->one) {
                if (is_under_way(v, &t, &rc))
                        return -EAGAIN;
                weft_fence_for_sure();
                if (is_under_way(v, &t, &rc))
                        return -EAGAIN;
        } else if (s->seat) {
                rc = weft_broadcast_seal(v);
        } else {
                rc = weft_broadcast_tail(v, &t);
                if (!rc && !(weft_load_acq(weft_broadcast_stamp(v, t)) & /* [P] */
                             WEFT_BROADCAST_SEALED))
                        return -EAGAIN; /* who may write will seal it */
        }
        if (rc)
                return rc;
        return stamp_of(v, p) > 2 * p ? 0 : -EPIPE;
}

/* ---- the short way ------------------------------------------------------------------------- */

static void close_near(struct weft_subscriber *s)
{
        weft_store_rel(&s->thread, 0); /* [O] */
}

/* The next ones may go the short way, if all is as usual. By the thread whose it is. */
static void open_near(struct weft_subscriber *s)
{
        struct weft_broadcast_view *v = &s->v;
        struct weft_subscriber_near *near = &s->near;
        if (!s->wiped || !v->lines || v->element_bytes != sizeof(uint64_t) || v->fences ||
            s->taken || s->unseen || near->pos < s->kept)
                return;
        near->word = s->word;
        near->seat = &s->seat->word.raw;
        near->version = &v->sh->limit.hi.raw;
        near->mask = v->first - 1;
        near->at = (uintptr_t)v->cells - (near->pos & ~near->mask) * sizeof(uint64_t);
        near->base = near->pos - weft_broadcast_sequence(v, near->pos);
        near->tell = s->step - 1;
        weft_store_rel(&s->thread, weft_thread_number_); /* [O] */
}

/* ---- going on ------------------------------------------------------------------------------ */

static void lose(struct weft_subscriber *s, uint64_t from, uint64_t to)
{
        if (from < s->spared)
                from = s->spared;
        if (from >= to)
                return;
        uint64_t gone = weft_pos_count(&s->v.units, from, to);
        uint64_t all = weft_load_rlx(&s->lost) + gone;
        weft_store_rlx(&s->lost, all);
        s->unseen += gone;
        if (s->seat)
                weft_store_rlx(&s->seat->lost, all);
}

/* Position p is gone: where to go on. The oldest one may go at once, too: who has tried
 * that leaves a margin. */
static uint64_t skip(struct weft_subscriber *s, uint64_t p, uint32_t tries)
{
        struct weft_broadcast_view *v = &s->v;
        uint64_t t = weft_broadcast_hint(v);
        uint64_t known = weft_broadcast_beyond(v, stamp_of(v, p)); /* or was */
        if (known < WEFT_BROADCAST_POSITION_MAX && known > t)
                t = known;
        if (weft_broadcast_walk(v, &t, WEFT_BROADCAST_STRIDES))
                t = known; /* what it came upon is told by who gets there */
        uint64_t to = weft_broadcast_oldest(v, t);
        for (uint64_t i = 0; tries > 2 && i <= v->capacity / 8; i++)
                to = weft_broadcast_after(v, to);
        if (to <= p)
                to = weft_broadcast_after(v, p);
        close_near(s);
        lose(s, p, to);
        weft_broadcast_set_pos(s, to);
        return to;
}

/* The short way: somebody sleeps who waits for room. */
void weft_broadcast_passed_1(weft_subscriber_t *subscriber)
{
        weft_wait_signal(&subscriber->v.sh->not_full, INT32_MAX);
}

/* Finds the next one that is there; counts those that are not there any more. */
static int find_next(struct weft_subscriber *s, uint64_t *pos, uint32_t *tries)
{
        struct weft_broadcast_view *v = &s->v;
        uint64_t p = weft_broadcast_pos(s);
        for (;;) {
                uint64_t stamp = stamp_of(v, p);
                if (WEFT_LIKELY(weft_broadcast_is_here(v, stamp, p))) {
                        *pos = p;
                        return 0;
                }
                if (stamp >= 2 * WEFT_BROADCAST_POSITION_MAX)
                        return -EUCLEAN;
                if (weft_broadcast_is_gone(v, stamp, p)) {
                        p = skip(s, p, (*tries)++);
                        continue;
                }
                int rc = at_end(s, p);
                if (rc)
                        return rc;
        }
}

static int get_one(struct get *g)
{
        struct weft_subscriber *s = g->s;
        struct weft_broadcast_view *v = &s->v;
        uint64_t p;
        for (uint32_t tries = 0;; tries++) {
                int rc = find_next(s, &p, &tries);
                if (rc)
                        return rc;
                g->first = p;
                if (!g->to) {
                        *g->at = element_at(v, p);
                        if (is_still(v, p))
                                return *g->at ? 0 : -EUCLEAN;
                        continue;
                }
                rc = copy_out(v, p, g->to); /* LP of next */
                if (!rc)
                        weft_broadcast_advance(s, p, weft_broadcast_after(v, p));
                if (rc != -ENOENT)
                        return rc;
        }
}

/* k words of a line from p on. */
static void copy_words(const struct weft_broadcast_view *v, uint64_t p, uint8_t *to,
                       uint64_t k)
{
        const weft_a64_t *from = weft_broadcast_what(v, p);
        if (v->element_bytes == sizeof(uint64_t) && k == WEFT_CAST_WORDS_)
                weft_broadcast_copy_torn(to, (const uint8_t *)from,
                                         WEFT_CAST_WORDS_ * sizeof(uint64_t));
        else
                for (; k--; to += v->element_bytes)
                        weft_broadcast_store(v, to, weft_load_rlx(from++));
}

/* What follows in lines, as far as it is there; passed when all of it has been read. */
static void get_lines(struct get *g)
{
        struct weft_subscriber *s = g->s;
        const struct weft_broadcast_view *v = &s->v;
        uint64_t was = weft_broadcast_pos(s), p = was, k;
        for (; g->done < g->n; g->done += k) {
                uint64_t stamp = stamp_of(v, p);
                if (!weft_broadcast_is_here(v, stamp, p))
                        break;
                k = weft_broadcast_beyond(v, stamp) - p; /* beyond the line: it is full */
                uint64_t left = v->units.per - (p & v->units.low), most = g->n - g->done;
                k = k < left ? k : left;
                k = k < most ? k : most;
                copy_words(v, p, g->to + g->done * v->element_bytes, k);
                if (p < s->kept && !is_still(v, p))
                        break;
                p = weft_pos_normal(&v->units, p + k);
        }
        if (p != was)
                weft_broadcast_advance(s, was, p); /* LP of next */
}

/* What follows in cells, one of them. */
static bool get_cell(struct get *g)
{
        struct weft_subscriber *s = g->s;
        uint64_t p = weft_broadcast_pos(s);
        if (!is_still(&s->v, p) ||
            copy_out(&s->v, p, g->to + g->done * s->v.element_bytes))
                return false;
        weft_broadcast_advance(s, p, p + 1);
        g->done++;
        return true;
}

/* The first as it comes, then what follows it. */
static int attempt_get(void *context)
{
        struct get *g = context;
        int rc = get_one(g);
        if (rc)
                return rc;
        g->done = 1;
        if (g->s->v.lines && g->n > 1)
                get_lines(g);
        while (!g->s->v.lines && g->done < g->n && get_cell(g))
                ;
        return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Read-only: nobody can know that he waits. */
static int look_on(struct get *g, uint64_t deadline)
{
        for (uint32_t round = 0;; round++) {
                int rc = attempt_get(g);
                if (rc != -EAGAIN || deadline == WEFT_NOW)
                        return rc;
                uint64_t now = weft_now(), then = now + WEFT_MSEC;
                if (now >= deadline)
                        return -ETIMEDOUT;
                if (round < 64) {
                        weft_pause();
                        continue;
                }
                if (deadline < then)
                        then = deadline;
                struct timespec t = { (time_t)(then / WEFT_SEC),
                                      (long)(then % WEFT_SEC) };
                (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        }
}

/* Is the subscription this thread's to use? */
static int enter(struct weft_subscriber *s, struct weft_agent **agent)
{
        *agent = NULL;
        if (!s->seat)
                return 0;
        int rc = weft_handle_enter(&s->handle, agent);
        return rc ? rc : (*agent)->sig == s->sig ? 0 : -EPERM;
}

static int get(struct get *g, uint64_t *sequence, uint64_t *lost, uint64_t deadline)
{
        struct weft_subscriber *s = g->s;
        struct weft_agent *agent;
        int rc = enter(s, &agent);
        if (lost) /* for who adds up what he is told, whatever comes of it */
                *lost = 0;
        if (rc)
                return rc;
        if (s->taken)
                return -EBUSY;
        if (!agent)
                rc = look_on(g, deadline);
        else
                rc = attempt_get(g);
        if (agent && rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_wait_for(agent, &s->v.sh->not_empty, &s->spin, attempt_get, g,
                                   deadline);
        else if (agent && rc == -EAGAIN)
                weft_agent_polled(agent);
        if (rc && rc != -EPIPE)
                return rc;
        if (lost)
                *lost = s->unseen;
        s->unseen = 0;
        open_near(s);
        if (!rc && sequence)
                *sequence = weft_broadcast_sequence(&s->v, g->first);
        return rc;
}

/* ---- the calls --------------------------------------------------------------------------------- */

static __attribute__((noinline)) int next_any(struct weft_subscriber *s, void *element,
                                              uint64_t *sequence, uint64_t *lost,
                                              uint64_t deadline)
{
        struct get g = { .s = s, .to = element, .n = 1 };
        return s && element ? get(&g, sequence, lost, deadline) : -EINVAL;
}

int weft_broadcast_next(weft_subscriber_t *subscriber, void *element, uint64_t *sequence,
                        uint64_t *lost, uint64_t deadline)
{
        if (WEFT_LIKELY(subscriber && element) &&
            weft_broadcast_get_short(subscriber, element, sequence, lost))
                return 0;
        return next_any(subscriber, element, sequence, lost, deadline);
}

int weft_broadcast_next_far_1(weft_subscriber_t *subscriber, void *element,
                              uint64_t *sequence, uint64_t *lost, uint64_t deadline)
{
        if (subscriber && element && !subscriber->v.lines &&
            weft_broadcast_get_cell(subscriber, element, sequence, lost))
                return 0;
        return next_any(subscriber, element, sequence, lost, deadline);
}

int64_t weft_broadcast_next_n(weft_subscriber_t *subscriber, void *elements, size_t n,
                              uint64_t *sequence, uint64_t *lost, uint64_t deadline)
{
        struct get g = { .s = subscriber, .to = elements, .n = n };
        if (!subscriber || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        int rc = n ? get(&g, sequence, lost, deadline) : 0;
        return rc ? rc : (int64_t)g.done;
}

int weft_broadcast_take(weft_subscriber_t *subscriber, const void **at,
                        uint64_t *sequence, uint64_t *lost, uint64_t deadline)
{
        struct get g = { .s = subscriber, .at = at };
        if (!subscriber || !at)
                return -EINVAL;
        int rc = get(&g, sequence, lost, deadline);
        if (rc)
                return rc;
        subscriber->taken = 1;
        close_near(subscriber);
        return 0;
}

int weft_broadcast_release(weft_subscriber_t *subscriber)
{
        struct weft_subscriber *s = subscriber;
        struct weft_agent *agent;
        int rc = s ? enter(s, &agent) : -EINVAL;
        if (rc)
                return rc;
        if (!s->taken)
                return -EINVAL;
        s->taken = 0;
        uint64_t p = weft_broadcast_pos(s);
        bool still = is_still(&s->v, p);
        uint64_t next = weft_broadcast_after(&s->v, p);
        if (!still)
                lose(s, p, next);
        weft_broadcast_advance(s, p, next);
        return still ? 0 : -ENOENT;
}

int weft_broadcast_try_next(struct weft_subscriber *s, void *element, uint64_t *sequence)
{
        return next_any(s, element, sequence, NULL, WEFT_NOW);
}

int weft_broadcast_look_for_next(struct weft_subscriber *s)
{
        uint64_t p = weft_broadcast_pos(s);
        if (stamp_of(&s->v, p) > 2 * p)
                return 0;
        return at_end(s, p) == -EAGAIN ? -EAGAIN : 0;
}

/* ---- where to begin ---------------------------------------------------------------------------- */

/* Where the tail is, and the oldest that is there; one may be half replaced for good. */
static int survey(const struct weft_broadcast_view *v, uint64_t *t, uint64_t *oldest)
{
        int rc = weft_broadcast_tail(v, t);
        if (rc)
                return rc;
        *oldest = weft_broadcast_oldest(v, *t);
        if (*oldest < *t && weft_broadcast_is_gone(v, stamp_of(v, *oldest), *oldest))
                *oldest = weft_broadcast_after(v, *oldest);
        return 0;
}

static void show(struct weft_subscriber *s, uint64_t cursor)
{
        weft_store_rel(&s->seat->told, cursor);   /* [N] */
        weft_store_rel(&s->seat->cursor, cursor); /* [N] */
}

/* The seat is ours: it shows what must not be overtaken. See LIMIT in broadcast_shared.h. */
static int take_place(struct weft_subscriber *s, uint64_t *cursor, uint64_t *t)
{
        const struct weft_broadcast_view *v = &s->v;
        uint64_t here = weft_broadcast_word(weft_broadcast_generation(s->word),
                                            WEFT_BROADCAST_HERE, s->sig);
        uint64_t oldest;
        show(s, *cursor);
        if (s->word != here) {
                if (!weft_cas_acq_rel(&s->seat->word, &s->word, here)) /* [J] */
                        return -EUCLEAN;
                s->word = here;
        }
        if (!v->blocks)
                return 0;
        weft_broadcast_unsettle(v, false); /* LP of subscribe, seek */
        if (v->one && !weft_fence_everybody())
                return -ENOTSUP;
        int rc = survey(v, t, &oldest);
        if (rc)
                return rc;
        if (oldest > *cursor)
                *cursor = oldest;
        show(s, *cursor);
        weft_wait_signal(&v->sh->not_full, INT32_MAX);
        return 0;
}

static int place(struct weft_subscriber *s, enum weft_broadcast_from from,
                 uint64_t sequence)
{
        const struct weft_broadcast_view *v = &s->v;
        uint64_t t = weft_broadcast_hint(v), oldest;
        close_near(s);
        s->kept = UINT64_MAX; /* nothing is, if this comes to no good end */
        s->near.until = 0;
        int rc = survey(v, &t, &oldest);
        if (rc)
                return rc;
        uint64_t want = weft_broadcast_position(v, sequence);
        if (from != WEFT_BROADCAST_SEQUENCE)
                want = from == WEFT_BROADCAST_OLDEST ? oldest : t;
        uint64_t cursor = want > oldest ? want : oldest;
        if (s->seat)
                rc = take_place(s, &cursor, &t);
        if (rc)
                return rc;
        bool named = from == WEFT_BROADCAST_SEQUENCE;
        s->spared = named || !s->seat || !v->blocks ? 0 : weft_broadcast_after(v, cursor);
        if (s->seat && v->lines)
                s->kept = cursor;
        s->unseen = 0;
        if (named && want < cursor) /* also what lies there still, by chance */
                lose(s, want, cursor);
        weft_broadcast_set_pos(s, cursor);
        return 0;
}

static bool is_place(enum weft_broadcast_from from, uint64_t sequence)
{
        return from == WEFT_BROADCAST_OLDEST || from == WEFT_BROADCAST_NEWEST ||
               (from == WEFT_BROADCAST_SEQUENCE &&
                sequence < WEFT_BROADCAST_POSITION_MAX / 2);
}

int weft_broadcast_seek(weft_subscriber_t *subscriber, enum weft_broadcast_from from,
                        uint64_t sequence)
{
        struct weft_agent *agent;
        if (!subscriber || !is_place(from, sequence))
                return -EINVAL;
        int rc = enter(subscriber, &agent);
        if (rc)
                return rc;
        return subscriber->taken ? -EBUSY : place(subscriber, from, sequence);
}

int64_t weft_broadcast_lag(weft_subscriber_t *subscriber)
{
        if (!subscriber)
                return -EINVAL;
        uint64_t t = weft_broadcast_hint(&subscriber->v);
        int rc = weft_broadcast_tail(&subscriber->v, &t);
        uint64_t p = weft_broadcast_pos(subscriber);
        if (rc)
                return rc;
        return t > p ? (int64_t)weft_pos_count(&subscriber->v.units, p, t) : 0;
}

uint64_t weft_broadcast_lost(const weft_subscriber_t *subscriber)
{
        return subscriber ? weft_load_rlx(&subscriber->lost) : 0;
}

/* ---- coming and going ---------------------------------------------------------------------------- */

static void count_seat(const struct weft_broadcast_view *v, uint32_t i)
{
        uint32_t n = weft_load_acq(&v->sh->seats_used); /* [J] */
        while (n <= i)
                if (weft_cas_acq_rel(&v->sh->seats_used, &n, i + 1)) /* [J] */
                        return;
}

/* Crash in claim: a seat says whose it is; JOINING, it holds nobody up. */
static bool claim(struct weft_subscriber *s)
{
        const struct weft_broadcast_view *v = &s->v;
        for (uint32_t i = 0; i < v->subscribers; i++) {
                uint64_t word = weft_load_acq(&v->seats[i].word); /* [J] */
                if (weft_broadcast_state(word) != WEFT_BROADCAST_FREE)
                        continue;
                count_seat(v, i);
                s->word = weft_broadcast_word(weft_broadcast_generation(word) + 1,
                                              WEFT_BROADCAST_JOINING, s->sig);
                if (!weft_cas_acq_rel(&v->seats[i].word, &word, s->word)) /* [J] LP */
                        continue;
                s->seat = &v->seats[i];
                weft_store_rlx(&s->seat->lost, 0);
                return true;
        }
        return false;
}

static int sit(struct weft_subscriber *s, struct weft_agent *agent)
{
        s->sig = agent->sig;
        if (claim(s))
                return 0;
        (void)weft_agents_settle(agent->arena, NULL);
        return claim(s) ? 0 : -EMFILE;
}

/* True: a fork wipes the page, or not again. */
static bool advise(struct weft_subscriber *s, int advice)
{
        int saved = errno;
        bool done = madvise(&s->thread, WEFT_BROADCAST_PAGE, advice) == 0;
        errno = saved;
        return done;
}

static struct weft_subscriber *make(void)
{
        int saved = errno;
        struct weft_subscriber *s = aligned_alloc(WEFT_BROADCAST_PAGE, sizeof *s);
        errno = saved;
        if (s) {
                memset(s, 0, sizeof *s);
                s->wiped = advise(s, MADV_WIPEONFORK);
        }
        return s;
}

/* Memory goes back to where it was had as it came. */
static void unmake(struct weft_subscriber *s)
{
        if (s->wiped)
                (void)advise(s, MADV_KEEPONFORK);
        free(s);
}

/* A power of two, and a unit at least. */
static uint64_t step_of(const struct weft_broadcast_view *v)
{
        uint64_t step = v->units.low + 1;
        while (step * WEFT_BROADCAST_TELLS < v->span)
                step *= 2;
        return step;
}

int weft_broadcast_subscribe(weft_broadcast_t *broadcast, enum weft_broadcast_from from,
                             uint64_t sequence, weft_subscriber_t **subscriber)
{
        struct weft_agent *agent;
        if (!broadcast || !subscriber || !is_place(from, sequence))
                return -EINVAL;
        *subscriber = NULL;
        bool readonly = broadcast->handle.arena->readonly;
        int rc = readonly ? 0 : weft_handle_enter(&broadcast->handle, &agent);
        if (rc)
                return rc;
        struct weft_subscriber *s = make();
        if (!s)
                return -ENOMEM;
        s->handle = broadcast->handle;
        s->handle.kind = &weft_subscriber_kind;
        s->handle.next = NULL;
        s->serial = broadcast->serial;
        s->process = weft_process();
        s->v = broadcast->v;
        s->step = step_of(&s->v);
        if (!readonly)
                rc = sit(s, agent);
        if (!rc)
                rc = place(s, from, sequence);
        if (rc)
                weft_broadcast_unsubscribe(s);
        else
                *subscriber = s;
        return rc;
}

/* Crash in unsubscribe: its seat is freed, or its recovery does it. */
void weft_broadcast_unsubscribe(weft_subscriber_t *subscriber)
{
        struct weft_subscriber *s = subscriber;
        if (!s)
                return;
        if (s->seat && s->process == weft_process() &&
            weft_broadcast_leave(s->seat, s->word))
                weft_wait_signal(&s->v.sh->not_full, INT32_MAX);
        unmake(s);
}
