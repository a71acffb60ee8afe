#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli/run_feed.h"
#include "cli/run_scan.h"

enum { FLUSH_MS = 50 }; /* a slow writer's bytes wait no longer than this for more */

static void set_error(struct run_feed *f, const char *what, const char *why)
{
        pthread_mutex_lock(&f->lock);
        if (!f->error[0])
                snprintf(f->error, sizeof f->error, "%s: %s", what, why);
        pthread_mutex_unlock(&f->lock);
}

/* Waits until a chunk of so many bytes may be in flight, too. False: stop. */
static bool wait_room(struct run_feed *f, uint64_t bytes)
{
        pthread_mutex_lock(&f->lock);
        while (!f->stop && f->in_flight &&
               (f->in_flight >= RUN_IN_FLIGHT_MAX ||
                f->in_flight_bytes + bytes > f->limit_bytes))
                pthread_cond_wait(&f->moved, &f->lock);
        bool go = !f->stop;
        pthread_mutex_unlock(&f->lock);
        return go;
}

static bool stopped(struct run_feed *f)
{
        pthread_mutex_lock(&f->lock);
        bool stop = f->stop;
        pthread_mutex_unlock(&f->lock);
        return stop;
}

/* The next chunk's place in the ledger. 0 or a weft error. */
static int begin_chunk(struct run_feed *f, uint64_t chunk, uint64_t bytes,
                       struct run_entry *e)
{
        int rc = 0;
        if (chunk >= RUN_CHUNKS_MAX) {
                set_error(f, "too many chunks", "give a larger --chunk");
                return -ENOSPC;
        }
        if (chunk % RUN_SEGMENT == 0)
                rc = run_ledger_make(&f->ledger, chunk / RUN_SEGMENT);
        if (!rc)
                rc = run_ledger_at(&f->ledger, chunk, e);
        if (rc)
                set_error(f, "the ledger", weft_strerror(rc));
        else
                run_entry_store(*e, RUN_LEDGER_BYTES, bytes);
        return rc;
}

/* Counted before it is pushed: it may be complete before the push returns. */
static int push_chunk(struct run_feed *f, uint64_t chunk, uint64_t bytes)
{
        pthread_mutex_lock(&f->lock);
        f->fed++;
        f->fed_bytes += bytes;
        f->in_flight++;
        f->in_flight_bytes += bytes;
        pthread_mutex_unlock(&f->lock);
        int rc = weft_queue_push(f->first, &chunk, WEFT_NEVER);
        if (rc && rc != -EPIPE) /* shut: the run was given up */
                set_error(f, "the first queue", weft_strerror(rc));
        return rc;
}

static void feed_files(struct run_feed *f)
{
        const struct run_plan *plan = f->plan;
        uint64_t chunk = 0;
        for (uint64_t at = 0; at < plan->input_bytes; at += plan->chunk_bytes, chunk++) {
                uint64_t left = plan->input_bytes - at;
                uint64_t bytes = left < plan->chunk_bytes ? left : plan->chunk_bytes;
                struct run_entry e;
                if (!wait_room(f, bytes) || begin_chunk(f, chunk, bytes, &e) ||
                    push_chunk(f, chunk, bytes))
                        return;
        }
}

/* ---- standard input -------------------------------------------------------------- */

/* Bytes that were read: a block in the arena, in the hands of this thread. */
struct intake {
        weft_ref_t ref;
        char *data;
        uint64_t bytes, room;
        uint64_t chunk; /* the next one's number */
        bool words;     /* any byte that is no letter ends an item */
        bool eof;
};

static int intake_alloc(struct run_feed *f, struct intake *in, uint64_t room)
{
        void *at;
        int rc = weft_block_alloc(f->arena, sizeof(struct run_block) + room, &in->ref,
                                  &at);
        if (rc) {
                set_error(f, "memory for the standard input", weft_strerror(rc));
                in->ref = WEFT_REF_NONE;
                return rc;
        }
        in->data = (char *)at + sizeof(struct run_block);
        in->room = room;
        return 0;
}

static void intake_free(struct run_feed *f, struct intake *in)
{
        run_block_free(f->arena, in->ref.v);
        in->ref = WEFT_REF_NONE;
}

/* How many of the bytes are whole items. */
static uint64_t whole(const struct intake *in)
{
        if (in->eof)
                return in->bytes;
        if (!in->words) {
                const char *newline =
                        in->bytes ? memrchr(in->data, '\n', in->bytes) : NULL;
                return newline ? (uint64_t)(newline + 1 - in->data) : 0;
        }
        uint64_t n = in->bytes;
        while (n && run_is_letter((unsigned char)in->data[n - 1]))
                n--;
        return n;
}

/* Feeds `in`, whose first `bytes` bytes are whole items; what is behind them moves into a
 * new block. A block much too large for its bytes is replaced by a small one. */
static int feed_block(struct run_feed *f, struct intake *in, uint64_t bytes)
{
        struct run_block head = { .form = RUN_BYTES, .bytes = bytes };
        struct intake next = *in;
        struct run_entry e;
        if (bytes < in->room / 2) {
                struct intake small = *in;
                if (intake_alloc(f, &small, bytes))
                        return -ENOSPC;
                memcpy(small.data, in->data, bytes);
                memmove(in->data, in->data + bytes, in->bytes - bytes);
                next.ref = small.ref;
                next.data = small.data;
        } else {
                if (intake_alloc(f, in,
                                 f->plan->chunk_bytes > in->bytes - bytes
                                         ? f->plan->chunk_bytes
                                         : 2 * (in->bytes - bytes)))
                        return -ENOSPC;
                memcpy(in->data, next.data + bytes, in->bytes - bytes);
        }
        in->bytes -= bytes;
        uint64_t chunk = in->chunk++;
        memcpy(next.data - sizeof head, &head, sizeof head);
        int rc = begin_chunk(f, chunk, bytes, &e);
        if (!rc) {
                run_entry_store(e, f->ledger.out[0], next.ref.v);
                rc = weft_block_give(f->arena, next.ref, weft_array_owner(e.array));
        }
        return rc ? rc : push_chunk(f, chunk, bytes);
}

/* A single item fills the block: a larger one, up to the bound on bytes in flight. */
static int enlarge(struct run_feed *f, struct intake *in)
{
        struct intake larger = *in;
        if (in->room >= f->limit_bytes) {
                set_error(f, "standard input",
                          in->words ? "a word is longer than --memory allows"
                                    : "a line is longer than --memory allows");
                return -ENOSPC;
        }
        int rc = intake_alloc(f, &larger, 2 * in->room);
        if (rc)
                return rc;
        memcpy(larger.data, in->data, in->bytes);
        intake_free(f, in);
        *in = larger;
        return 0;
}

/* Waits for input, at most `ms` milliseconds, or for a stop. True: it can be read. */
static bool readable(struct run_feed *f, int ms)
{
        struct pollfd p[2] = { { .fd = 0, .events = POLLIN },
                               { .fd = f->wake, .events = POLLIN } };
        int n;
        do
                n = poll(p, 2, ms);
        while (n < 0 && errno == EINTR);
        return n > 0 && !p[1].revents && p[0].revents;
}

/* Reads until the block is full, the input pauses or ends. 0, or -1 after an error. */
static int intake_read(struct run_feed *f, struct intake *in)
{
        while (in->bytes < in->room && !in->eof) {
                if (!readable(f, in->bytes ? FLUSH_MS : -1)) {
                        in->eof = stopped(f);
                        return 0;
                }
                ssize_t n = read(0, in->data + in->bytes, in->room - in->bytes);
                if (n < 0 && errno != EINTR && errno != EAGAIN) {
                        set_error(f, "standard input", strerror(errno));
                        return -1;
                }
                in->bytes += n > 0 ? (uint64_t)n : 0;
                in->eof = n == 0;
        }
        return 0;
}

/* Feeds what was read, as far as it is whole items. 0 or an error that was noted. */
static int intake_feed(struct run_feed *f, struct intake *in)
{
        uint64_t bytes = whole(in);
        if (!bytes && in->bytes == in->room)
                return enlarge(f, in);
        if (!bytes &&
            in->bytes) { /* half an item, and nobody writes: wait, however long */
                in->eof = !readable(f, -1) && stopped(f);
                bytes = whole(in);
        }
        if (!bytes)
                return 0;
        (void)wait_room(f, bytes); /* after a stop, what was read goes in all the same */
        return feed_block(f, in, bytes);
}

static void feed_standard_input(struct run_feed *f)
{
        struct intake in = { .words = f->plan->stage[0].op == RUN_WORDS };
        if (intake_alloc(f, &in, f->plan->chunk_bytes))
                return;
        while (intake_read(f, &in) == 0 && intake_feed(f, &in) == 0 && !in.eof)
                ;
        intake_free(f, &in);
}

/* ---- the thread ------------------------------------------------------------------ */

static void *feed(void *context)
{
        struct run_feed *f = context;
        if (f->plan->standard_input)
                feed_standard_input(f);
        else
                feed_files(f);
        run_ledger_close(&f->ledger);
        pthread_mutex_lock(&f->lock);
        f->ended = true;
        pthread_mutex_unlock(&f->lock);
        int rc = weft_queue_push(f->done, &(uint64_t){ RUN_DONE }, WEFT_NOW);
        (void)rc; /* full: then nobody waits there */
        return NULL;
}

int run_feed_start(struct run_feed *f, weft_arena_t *arena, const struct run_plan *plan,
                   weft_queue_t *first, weft_queue_t *done, uint64_t limit_bytes)
{
        memset(f, 0, sizeof *f);
        pthread_mutex_init(&f->lock, NULL);
        pthread_cond_init(&f->moved, NULL);
        f->arena = arena;
        f->plan = plan;
        f->first = first;
        f->done = done;
        f->limit_bytes = limit_bytes;
        run_ledger_init(&f->ledger, arena, plan);
        f->wake = eventfd(0, EFD_CLOEXEC);
        if (f->wake < 0)
                return -errno;
        sigset_t all, old; /* signals are the main thread's */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        int rc = pthread_create(&f->thread, NULL, feed, f);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (rc)
                close(f->wake);
        return -rc;
}

void run_feed_complete(struct run_feed *f, uint64_t bytes)
{
        pthread_mutex_lock(&f->lock);
        f->in_flight--;
        f->in_flight_bytes -= bytes;
        pthread_cond_signal(&f->moved);
        pthread_mutex_unlock(&f->lock);
}

struct run_feed_state run_feed_look(struct run_feed *f)
{
        pthread_mutex_lock(&f->lock);
        struct run_feed_state state = { f->fed, f->fed_bytes, f->in_flight, f->ended,
                                        f->error[0] ? f->error : NULL };
        pthread_mutex_unlock(&f->lock);
        return state;
}

void run_feed_stop(struct run_feed *f)
{
        pthread_mutex_lock(&f->lock);
        f->stop = true;
        pthread_cond_broadcast(&f->moved);
        pthread_mutex_unlock(&f->lock);
        if (write(f->wake, &(uint64_t){ 1 }, 8) != 8)
                return; /* it is set already */
}

void run_feed_end(struct run_feed *f)
{
        run_feed_stop(f);
        pthread_join(f->thread, NULL);
        close(f->wake);
        pthread_cond_destroy(&f->moved);
        pthread_mutex_destroy(&f->lock);
}
