/* tests/stress/pool_linear_stress.c -- the pool is linearizable, whoever dies: that none is
 * free is true when it is said.
 *
 * As queue_linear_stress: many short rounds, in most of which one process is stepped to a
 * random instruction, stands there while the others run, and is killed or goes on. All of
 * them die in the end, holding what they hold; what they left comes back once. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/pool.h>

#include "structures/pool_internal.h"
#include "tests/child.h"
#include "tests/harness/linear_play.h"
#include "tests/harness/linear_pool.h"

enum { WORKERS = 3, OPERATIONS = 5, LAST = WORKERS + 1 }; /* who comes after them */
enum { MOST = 4 };

static void end(struct linear_event *e, unsigned answer)
{
        linear_end(play_log, e, (enum linear_answer)answer, e->value);
}

/* What a process has; its tokens. */
struct player {
        unsigned process, i;
        uint32_t has;
        struct weft_pool_object object[MOST];
};

static weft_pool_t *pool; /* of the round */
static weft_a64_t *mail;  /* tokens that were given, by object */

static void get(struct player *p)
{
        struct weft_pool_object *o = &p->object[p->has];
        struct linear_event *e = play_begin(p->process, LINEAR_GET_ONE, 0, 0);
        int rc = weft_pool_get(pool, o, play_random() % 3 ? WEFT_NOW : 1);
        CHECK(rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT);
        e->result = rc ? 0 : o->index;
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
        p->has += !rc;
}

static struct weft_pool_object lose(struct player *p)
{
        uint32_t i = (uint32_t)(play_random() % p->has);
        struct weft_pool_object o = p->object[i];
        p->object[i] = p->object[--p->has];
        return o;
}

static void put(struct player *p)
{
        struct weft_pool_object o = lose(p);
        struct linear_event *e = play_begin(p->process, LINEAR_PUT_ONE, o.index, 0);
        CHECK(weft_pool_put(pool, o.token) == 0);
        end(e, LINEAR_DONE);
}

/* Its token is told first, as it should be. */
static void give(struct player *p)
{
        struct weft_pool_object o = lose(p);
        weft_store_rel(&mail[o.index], o.token);
        struct linear_event *e = play_begin(p->process, LINEAR_GIVE_ONE, o.index, 0);
        CHECK(weft_pool_give(pool, o.token) == 0);
        end(e, LINEAR_DONE);
}

static void claim(struct player *p)
{
        uint32_t i = play_random() % MOST;
        uint64_t token = weft_load_acq(&mail[i]);
        struct linear_event *e = play_begin(p->process, LINEAR_CLAIM_ONE, i, 0);
        int rc = weft_pool_claim(pool, token, &p->object[p->has], WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN || rc == -ENOENT || rc == -EDEADLK);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
        p->has += !rc;
}

static void reclaim(struct player *p)
{
        uint32_t i = play_random() % MOST;
        uint64_t token = weft_load_acq(&mail[i]);
        struct linear_event *e = play_begin(p->process, LINEAR_RECLAIM_ONE, i, 0);
        int rc = weft_pool_reclaim(pool, token);
        CHECK(rc == 0 || rc == -EPERM || rc == -ENOENT);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
}

static void play_once(struct player *p)
{
        uint32_t what = play_random() % 16;
        if (p->has && what < 5)
                put(p);
        else if (p->has && what < 7)
                give(p);
        else if (p->has < MOST && what < 13)
                get(p);
        else if (p->has < MOST && what < 15)
                claim(p);
        else if (what == 15)
                reclaim(p);
}

/* All that is free, and puts it back. */
static void finish(struct player *p)
{
        uint32_t had;
        do {
                had = p->has;
                if (had < MOST)
                        get(p);
        } while (p->has > had);
        while (p->has)
                put(p);
}

static void operate(unsigned process)
{
        struct player p = { .process = process };
        for (p.i = 0; p.i < OPERATIONS; p.i++)
                play_once(&p);
}

/* ---- a round ------------------------------------------------------------------------- */

static struct weft_pool_options options;

static void make(bool victim)
{
        (void)victim;
        options = (struct weft_pool_options){
                .object_bytes = 64,
                .count = 1 + (uint32_t)(play_random() % MOST),
        };
        memset(mail, 0, MOST * sizeof *mail);
        CHECK(weft_pool_create(play_arena, "x", &options, &pool) == 0);
        pool->spin_free.budget.raw = 1; /* who is stepped shall come to sleep, too */
}

static uint64_t steps(void)
{
        return play_random() % 1200;
}

static void check(void)
{
        struct linear_history made = { .capacity = options.count };
        struct player last = { .process = LAST, .i = OPERATIONS };
        if (play_random() % 2) /* with the dead settled, or not yet */
                finish(&last);
        play_settle();
        finish(&last);
        play_check_all(&linear_pool, &made, "all");
}

static void close_pool(void)
{
        weft_pool_close(pool);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 4000,
                .seconds = 6,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .joins = true,
                .death = LINEAR_DEATH,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_pool,
        };
        linear_pool_selftest();
        mail = common_make(MOST * sizeof *mail);
        return play_rounds(&game);
}
