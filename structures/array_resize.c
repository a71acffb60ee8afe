/* structures/array_resize.c -- an array gets another block: array_shared.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <time.h>

#include <weft/arena.h>
#include <weft/wait.h>

#include "runtime/block.h"
#include "structures/array.h"

enum {
        CHUNK = 1 << 18,  /* bytes copied from look to look */
        LOOKS = 256,      /* at one who is busy, before it is tried again */
        EAGER = 64,       /* looks at a frozen array, before one sleeps in between */
        PATIENCE_MS = 20, /* without progress, before one thaws */
        MOST_TRIES = 64,  /* with WEFT_NOW, against who thaws */
};

static struct weft_array_shared *shared(const struct weft_array *array)
{
        return array->handle.sh;
}

static weft_owner_t owner_of(const struct weft_object *o)
{
        return weft_owner_make(WEFT_OWNER_OBJECT, o->id);
}

static void doze(uint64_t ns)
{
        struct timespec t = { .tv_nsec = (long)ns };
        int saved = errno;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
        errno = saved;
}

static bool thaw(struct weft_array_shared *sh, uint64_t frozen)
{
        uint64_t next = (frozen & ~WEFT_ARRAY_FROZEN) + WEFT_ARRAY_NEXT;
        return weft_cas_acq_rel(&sh->now.lo, &frozen, next); /* [N] LP of thaw */
}

/* ---- views ---------------------------------------------------------------- */

void weft_array_view(const struct weft_array *array, struct weft_array_view *view)
{
        uint64_t seq;
        do {
                seq = weft_load_acq(&array->seq);                               /* [V] */
                view->data = (uint8_t *)(uintptr_t)weft_load_acq(&array->data); /* [V] */
                view->length = weft_load_acq(&array->length);                   /* [V] */
                view->ref.v = weft_load_acq(&array->ref);                       /* [V] */
                view->generation = weft_load_rlx(&array->seq);
                if (!seq)
                        weft_pause();
        } while (!seq || seq != view->generation);
}

/* All handles of this process on this array together: from which generation to which. */
void weft_array_pins(struct weft_array *array, uint64_t generation)
{
        uint64_t from = UINT32_MAX, to = 0;
        struct weft_handle *h;

        for (h = array->handle.arena->handles; h; h = h->next) {
                if (h->id != array->handle.id || h->kind != array->handle.kind)
                        continue;
                uint64_t its = weft_load_rlx(&((struct weft_array *)h)->seq);
                if (h == &array->handle)
                        its = generation;
                if (!its)
                        continue; /* not viewed yet, or about to be closed */
                from = its < from ? its : from;
                to = its > to ? its : to;
        }
        for (h = array->handle.arena->handles; h && to; h = h->next)
                if (h->id == array->handle.id && h->kind == array->handle.kind)
                        weft_store_rel(&((struct weft_array *)h)->pin, /* [V] */
                                       from << 32 | to);
}

void weft_array_show(struct weft_array *array, const struct weft_array_view *view)
{
        if (weft_load_rlx(&array->seq) >= view->generation)
                return;
        (void)weft_swap_acq_rel(&array->seq, 0);                       /* [V] */
        weft_store_rel(&array->data, (uint64_t)(uintptr_t)view->data); /* [V] */
        weft_store_rel(&array->length, view->length);                  /* [V] */
        weft_store_rel(&array->ref, view->ref.v);                      /* [V] */
        weft_array_pins(array, view->generation);      /* before anybody can use it */
        weft_store_rel(&array->seq, view->generation); /* [V] */
}

/* ---- blocks that were the array once --------------------------------------- */

static void desks_of(struct weft_object *o, struct weft_desks *desks)
{
        struct weft_array_shared *sh = o->sh;
        weft_desks_view(desks, o->arena, &sh->desks, owner_of(o),
                        sizeof(struct weft_array_desk_shared));
}

static bool is_pinned(struct weft_object *o, struct weft_desks *desks,
                      uint64_t generation)
{
        uint32_t seats = weft_seats_used(o->arena);
        for (uint32_t i = 0; i < seats; i++) {
                struct weft_array_desk_shared *desk = weft_desk_at(desks, i);
                uint64_t pin = desk ? weft_load_acq(&desk->pin) : 0; /* [G] */
                if (generation - (pin >> 32) <= (uint32_t)pin - (pin >> 32) && pin)
                        return true;
        }
        return false;
}

/* Is the block that `ref` leads to in use? It may be freed by another, as one looks. */
static bool is_used(struct weft_object *o, struct weft_desks *desks, weft_ref_t ref)
{
        struct weft_array_block_shared copy;
        bool there = false;

        weft_read_begin(o->agent);
        const void *at = weft_at(o->arena, ref, sizeof copy);
        if (at) {
                weft_copy_out(&copy, at, sizeof copy);
                there = weft_at(o->arena, ref, sizeof copy) == at;
        }
        weft_read_end(o->agent);
        return there && is_pinned(o, desks, copy.generation);
}

/*
 * Frees blocks that were the array once and that nobody can be using.
 *
 * Crash in sweep: a block that is freed is not freed again, its ref being of that life.
 */
static void sweep(struct weft_object *o)
{
        struct weft_array_shared *sh = o->sh;
        struct weft_desks desks;
        bool viewed = false;

        for (uint32_t i = 0; i < WEFT_ARRAY_RETIRED; i++) {
                weft_ref_t ref = { weft_load_acq(&sh->retired[i]) }; /* [R] */
                if (!ref.v || weft_load_acq(&sh->now.hi) == ref.v)   /* [N] */
                        continue;
                if (!viewed)
                        desks_of(o, &desks);
                viewed = true;
                if (is_used(o, &desks, ref))
                        continue;
                (void)weft_block_free_from(o->agent, ref, owner_of(o));
                (void)weft_cas_acq_rel(&sh->retired[i], &ref.v, 0); /* [R] */
        }
}

static bool is_retired(const struct weft_array_shared *sh, uint64_t ref)
{
        for (uint32_t i = 0; i < WEFT_ARRAY_RETIRED; i++)
                if (weft_load_acq(&sh->retired[i]) == ref) /* [R] */
                        return true;
        return false;
}

/* Puts what is the array now among those that were. If it is no longer when it gets there,
 * a sweep takes it out again. False: no room. */
static bool retire(struct weft_array_shared *sh, uint64_t ref)
{
        if (is_retired(sh, ref))
                return true;
        for (uint32_t i = 0; i < WEFT_ARRAY_RETIRED; i++) {
                uint64_t none = 0;
                if (weft_cas_acq_rel(&sh->retired[i], &none, ref)) /* [R] */
                        return true;
        }
        return false;
}

uint64_t weft_array_others(struct weft_object *o, struct weft_agent *agent)
{
        struct weft_array_shared *sh = o->sh;
        struct weft_desks desks;
        uint64_t now = weft_array_now(sh).hi, bytes = 0, ref;
        uint32_t seats = weft_seats_used(o->arena);

        desks_of(o, &desks);
        for (uint32_t i = 0; i < WEFT_ARRAY_RETIRED + seats; i++) {
                struct weft_array_desk_shared *desk = NULL;
                if (i >= WEFT_ARRAY_RETIRED)
                        desk = weft_desk_at(&desks, i - WEFT_ARRAY_RETIRED);
                if (i < WEFT_ARRAY_RETIRED)
                        ref = weft_load_acq(&sh->retired[i]); /* [R] */
                else
                        ref = desk ? weft_load_acq(&desk->draft) : 0; /* [D] */
                weft_ref_t r = { ref };
                if (!ref || ref == now ||
                    weft_block_owner(o->arena, r).v != owner_of(o).v)
                        continue;
                bytes += weft_block_bytes(o->arena, r);
                if (agent)
                        (void)weft_block_free_from(agent, r, owner_of(o));
        }
        return bytes;
}

/* Idempotent: what is done at a desk is gone from it. */
int weft_array_recover(struct weft_object *o, uint32_t sig)
{
        struct weft_array_shared *sh = o->sh;
        struct weft_desks desks;

        desks_of(o, &desks);
        int rc = weft_desks_recover(&desks, sig);
        struct weft_array_desk_shared *desk = weft_desk_at(&desks, weft_sig_seat(sig));
        if (!desk)
                return rc;
        uint64_t frozen = weft_load_acq(&desk->frozen); /* [D] */
        if (frozen & WEFT_ARRAY_FROZEN)
                (void)thaw(sh, frozen);
        weft_store_rlx(&desk->frozen, 0);
        weft_ref_t draft = { weft_load_acq(&desk->draft) };     /* [D] */
        if (draft.v && weft_load_acq(&sh->now.hi) != draft.v && /* [N] */
            !is_retired(sh, draft.v))
                (void)weft_block_free_from(o->agent, draft, owner_of(o));
        weft_store_rlx(&desk->draft, 0);
        weft_store_rel(&desk->busy, 0); /* [B] */
        weft_store_rel(&desk->pin, 0);  /* [G] */
        sweep(o);
        return rc;
}

/* ---- getting ready ---------------------------------------------------------- */

/* Waits until the array is not frozen as `frozen` any more; sees to it when that takes too
 * long. Nobody need be alive for that. */
static void wait_for_thaw(struct weft_array_shared *sh, uint64_t frozen)
{
        uint64_t progress = weft_load_rlx(&sh->progress), since = weft_now();
        for (uint32_t i = 0; weft_load_acq(&sh->now.lo) == frozen; i++) { /* [N] */
                if (i < EAGER) {
                        for (uint32_t k = 0; k < i; k++)
                                weft_pause();
                        continue;
                }
                doze(50000);
                uint64_t is = weft_load_rlx(&sh->progress), now = weft_now();
                if (is != progress)
                        since = now;
                else if (now - since > PATIENCE_MS * WEFT_MSEC)
                        (void)thaw(sh, frozen);
                progress = is;
        }
}

_Thread_local struct weft_array_here weft_array_here[WEFT_ARRAY_HERE]
        __attribute__((tls_model("initial-exec"), aligned(WEFT_LINE)));

/* At this thread's desk, with the process's pins on it. What the thread knew of arrays is
 * forgotten when they change: another handle may have held what is not pinned now. */
struct sitting {
        struct weft_agent *agent;
        struct weft_array_desk_shared *desk;
        struct weft_array_view view; /* pinned */
};

static int sit_down(struct weft_array *array, struct sitting *s)
{
        uint64_t pin;
        void *at;
        int rc = weft_handle_enter(&array->handle, &s->agent);
        if (!rc)
                rc = weft_desk_get(&array->desks, s->agent, &at);
        if (rc)
                return rc;
        s->desk = at;
        do {
                pin = weft_load_acq(&array->pin); /* [V] */
                if (weft_load_rlx(&s->desk->pin) != pin) {
                        memset(weft_array_here, 0, sizeof weft_array_here);
                        weft_store_rel(&s->desk->pin, pin); /* [G] */
                        weft_fence_seq();                   /* [G] */
                }
                weft_array_view(array, &s->view);
        } while (weft_load_acq(&array->pin) != pin); /* [V] */
        return 0;
}

static struct weft_object object_of(struct weft_array *array, struct weft_agent *agent)
{
        return (struct weft_object){ .arena = array->handle.arena,
                                     .agent = agent,
                                     .id = array->handle.id,
                                     .sh = array->handle.sh };
}

/* A read-only handle holds nothing: is the object there at all? */
static int is_there(const struct weft_array *array)
{
        return weft_object_there(array->handle.arena, weft_handle_owner(&array->handle))
                       ? 0
                       : -ENOENT;
}

static bool has(const struct weft_array_view *view, uint64_t from, uint64_t n)
{
        return from <= view->length && n <= view->length - from;
}

static void remember(const struct weft_array *array, const struct sitting *s,
                     uint64_t word)
{
        weft_array_here[array->key % WEFT_ARRAY_HERE] = (struct weft_array_here){
                .key = array->key,
                .serial = array->handle.arena->serial,
                .word = word,
                .length = s->view.length,
                .data = s->view.data,
                .now = &shared(array)->now.lo,
                .desk = s->desk,
                .sig = s->agent->sig,
                .element_bytes = array->element_bytes,
        };
}

int weft_array_ready(struct weft_array *array, uint64_t from, uint64_t n, uint32_t bytes,
                     bool change)
{
        struct sitting s;

        if (!array)
                return -EINVAL;
        if (bytes && bytes != array->element_bytes)
                return -EPROTO;
        int rc = sit_down(array, &s);
        if (rc)
                return rc;
        struct weft_pair now = weft_array_now(shared(array));
        if (now.hi != s.view.ref.v)
                return -ESTALE;
        if (!has(&s.view, from, n))
                return -EINVAL;
        remember(array, &s, now.lo & ~WEFT_ARRAY_FROZEN);
        if (now.lo & WEFT_ARRAY_FROZEN && change)
                wait_for_thaw(shared(array), now.lo);
        return 0;
}

int weft_array_peek(struct weft_array *array, uint64_t from, uint64_t n, uint32_t bytes,
                    struct weft_array_view *view)
{
        if (!array)
                return -EINVAL;
        if (bytes && bytes != array->element_bytes)
                return -EPROTO;
        weft_array_view(array, view);
        if (has(view, from, n))
                return 0;
        int rc = weft_array_peeked(array, view);
        return rc ? rc : -EINVAL;
}

int weft_array_peeked(struct weft_array *array, const struct weft_array_view *view)
{
        uint64_t bytes = sizeof(struct weft_array_block_shared) +
                         weft_array_bytes(view->length, array->element_bytes);
        const void *block = weft_at(array->handle.arena, view->ref, bytes);
        uint64_t now = weft_load_acq(&shared(array)->now.hi); /* [N] */
        int rc = block ? 0 : is_there(array); /* looked at after what it may go with */
        if (rc)
                return rc;
        if (now != view->ref.v)
                return -ESTALE;
        return block ? 0 : -EUCLEAN;
}

static int refresh_readonly(struct weft_array *array)
{
        struct weft_array_view view;
        int rc = is_there(array);
        if (!rc && weft_array_look(array->handle.arena, NULL, shared(array), &view))
                rc = is_there(array) ? -ENOENT : -EUCLEAN;
        if (rc)
                return rc;
        weft_registry_lock();
        weft_array_show(array, &view);
        weft_registry_unlock();
        return 0;
}

static int refresh(struct weft_array *array)
{
        struct weft_array_view view;
        struct sitting s;
        int rc = sit_down(array, &s);
        while (!rc) {
                rc = weft_array_look(array->handle.arena, s.agent, shared(array), &view);
                if (rc)
                        break;
                weft_registry_lock();
                weft_array_show(array, &view);
                weft_registry_unlock();
                rc = sit_down(array, &s);
                if (!rc &&
                    weft_load_acq(&shared(array)->now.hi) == view.ref.v) { /* [N] */
                        struct weft_object o = object_of(array, s.agent);
                        sweep(&o);
                        break;
                }
        }
        return rc;
}

int weft_array_refresh(weft_array_t *array)
{
        if (!array)
                return -EINVAL;
        uint64_t before = weft_array_generation(array);
        int rc = array->handle.arena->readonly ? refresh_readonly(array) : refresh(array);
        return rc ? rc : weft_array_generation(array) != before;
}

/* ---- resize ------------------------------------------------------------------ */

struct resize {
        struct weft_array *array;
        struct sitting at; /* its view is the old one */
        uint8_t *block;    /* the new one */
        weft_ref_t ref;
        uint64_t length, bytes; /* of it; and how many bytes are copied into it */
};

/* After freezing: is nobody in the middle of a change, nor will be? */
static bool is_quiet(struct resize *r)
{
        weft_arena_t *arena = r->array->handle.arena;
        uint32_t seats = weft_seats_used(arena);
        for (uint32_t i = 0; i < seats; i++) {
                struct weft_array_desk_shared *desk = weft_desk_at(&r->array->desks, i);
                uint64_t busy = desk ? weft_load_acq(&desk->busy) : 0; /* [B] */
                for (uint32_t k = 0; busy && k < LOOKS; k++) {
                        weft_pause();
                        busy = weft_load_acq(&desk->busy); /* [B] */
                }
                if (!busy || weft_sig_seat((uint32_t)busy) != i)
                        continue; /* or nobody signs so there */
                if (weft_agent_life(arena, (uint32_t)busy) != WEFT_GONE)
                        return false;
                (void)weft_cas_acq_rel(&desk->busy, &busy, 0); /* [B] */
        }
        return true;
}

/* False: somebody has thawed. */
static bool copy(struct resize *r, uint64_t frozen)
{
        struct weft_array_shared *sh = shared(r->array);
        const uint8_t *from = r->at.view.data;
        uint8_t *to = r->block + sizeof(struct weft_array_block_shared);
        for (uint64_t at = 0; at < r->bytes; at += CHUNK) {
                uint64_t left = r->bytes - at;
                weft_copy_in(to + at, from + at, left < CHUNK ? left : CHUNK);
                (void)weft_add_rlx(&sh->progress, 1);
                if (weft_load_acq(&sh->now.lo) != frozen) /* [N] */
                        return false;
        }
        return true;
}

/* All by ourselves: what is copied is given up when another thaws. 0, -EAGAIN when someone
 * is in the way, -EINTR when it was thawed. */
static int freeze_and_publish(struct resize *r, struct weft_pair now)
{
        struct weft_array_shared *sh = shared(r->array);
        uint64_t frozen = now.lo | WEFT_ARRAY_FROZEN;
        struct weft_grace grace;

        weft_store_rel(&r->at.desk->frozen, frozen);         /* [D] */
        if (!weft_cas_acq_rel(&sh->now.lo, &now.lo, frozen)) /* [N] */
                return -EINTR;
        int rc = weft_grace_begin(r->array->handle.arena, &grace) ? 0 : -ENOTSUP;
        if (!rc && !is_quiet(r))
                rc = -EAGAIN;
        if (!rc && !copy(r, frozen))
                rc = -EINTR;
        struct weft_pair expect = { frozen, now.hi };
        struct weft_pair next = { now.lo + WEFT_ARRAY_NEXT, r->ref.v };
        if (!rc && !weft_cas16_acq_rel(&sh->now, &expect, next)) /* [N] LP of resize */
                rc = -EINTR;
        if (rc)
                (void)thaw(sh, frozen);
        return rc;
}

static int try_resize(struct resize *r)
{
        struct weft_array_shared *sh = shared(r->array);
        struct weft_object o = object_of(r->array, r->at.agent);
        struct weft_pair now = weft_array_now(sh);

        if (now.hi != r->at.view.ref.v)
                return -ESTALE;
        if (now.lo & WEFT_ARRAY_FROZEN) {
                wait_for_thaw(sh, now.lo);
                return -EINTR;
        }
        if (!retire(sh, now.hi)) {
                sweep(&o);
                if (!retire(sh, now.hi))
                        return -EBUSY;
        }
        int rc = freeze_and_publish(r, now);
        weft_store_rel(&r->at.desk->frozen, 0); /* [D] */
        return rc;
}

static int try_until(struct resize *r, uint64_t deadline)
{
        for (uint32_t thawed = 0;;) {
                int rc = try_resize(r);
                if (rc == -EBUSY && weft_agents_settle(r->at.agent->arena, NULL))
                        rc = try_resize(r);
                if (rc != -EAGAIN && rc != -EINTR)
                        return rc;
                if (deadline == WEFT_NOW && (rc == -EAGAIN || ++thawed > MOST_TRIES))
                        return -EAGAIN;
                if (deadline != WEFT_NOW && weft_now() >= deadline)
                        return -ETIMEDOUT;
                if (rc == -EAGAIN)
                        doze(WEFT_MSEC);
        }
}

/* The new block is the object's, and at our desk, before it is anything else. */
static int make_block(struct resize *r)
{
        weft_arena_t *arena = r->array->handle.arena;
        uint64_t all = weft_array_bytes(r->length, r->array->element_bytes);
        struct weft_array_block_shared *block;
        void *at;

        if (!all)
                return -ENOSPC;
        int rc = weft_block_alloc(arena, sizeof *block + all, &r->ref, &at);
        if (rc)
                return rc;
        memset(at, 0, sizeof *block + all); /* all its pages are there from now on */
        block = at;
        block->length = r->length;
        block->generation = r->at.view.generation + 1;
        r->block = at;
        uint64_t had = weft_array_bytes(r->at.view.length, r->array->element_bytes);
        r->bytes = all < had ? all : had;
        weft_store_rel(&r->at.desk->draft, r->ref.v); /* [D] */
        return weft_block_pass(arena, r->ref,
                               weft_owner_make(WEFT_OWNER_AGENT, r->at.agent->sig),
                               weft_handle_owner(&r->array->handle));
}

static int resize(struct resize *r, uint64_t deadline)
{
        int rc = make_block(r);
        if (!rc)
                rc = try_until(r, deadline);
        if (rc && r->ref.v)
                (void)weft_block_free_from(r->at.agent, r->ref,
                                           weft_handle_owner(&r->array->handle));
        weft_store_rel(&r->at.desk->draft, 0); /* [D] */
        return rc;
}

int weft_array_resize(weft_array_t *array, uint64_t length, uint64_t deadline)
{
        struct resize r = { .array = array, .length = length };
        int rc = array && length ? 0 : -EINVAL;

        if (!rc)
                rc = sit_down(array, &r.at);
        if (rc)
                return rc;
        if (weft_array_now(shared(array)).hi != r.at.view.ref.v)
                return -ESTALE;
        if (length == r.at.view.length)
                return 0;
        if (r.at.view.generation >= UINT32_MAX)
                return -EOVERFLOW;
        rc = resize(&r, deadline);
        if (rc)
                return rc;
        rc = weft_array_refresh(array);
        return rc < 0 ? rc : 0;
}
