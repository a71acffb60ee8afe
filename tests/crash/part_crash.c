/* tests/crash/part_crash.c -- an object made of others: made, opened, closed and removed by
 * those who die of it. It is there with all its parts, or with none. */
#include <errno.h>
#include <string.h>

#include <weft/object.h>

#include "tests/harness/weft_kit.h"
#include "tests/part_kind.h"

static struct weft_element hand;

static struct whole *whole_of(const struct crash *c)
{
        return c->handle;
}

static int make(struct crash *c, bool or_open)
{
        const struct weft_queue_options o = { 4, WHOLE_BYTES, WEFT_QUEUE_LEASE };
        struct whole *w = NULL;
        int rc = weft_handle_create(arena_of(c), "w", &whole_kind, &o, whole_init,
                                    or_open, &w);
        c->handle = w;
        return rc;
}

static void push(struct crash *c, uint8_t x)
{
        uint8_t e[WHOLE_BYTES];
        memset(e, x, sizeof e);
        WEFT_MUST(c, weft_queue_push(whole_of(c)->queue, e, WEFT_NOW));
        WEFT_MUST(c, weft_broadcast_publish(whole_of(c)->broadcast, e, WEFT_NOW));
}

static uint8_t pop(struct crash *c)
{
        uint8_t e[WHOLE_BYTES];
        WEFT_MUST(c, weft_queue_pop(whole_of(c)->queue, e, WEFT_NOW));
        return e[0];
}

static void setup(struct crash *c)
{
        weft_kit_create(c);
        WEFT_MUST(c, make(c, false));
        push(c, 1);
        push(c, 2);
        weft_agent_leave(arena_of(c));
}

static void open_whole(struct crash *c)
{
        struct whole *w;
        weft_kit_open(c);
        WEFT_MUST(c, weft_handle_open(arena_of(c), "w", &whole_kind, &w));
        c->handle = w;
}

/* The victim finds it, and takes its name away. */
static void open_if_there(struct crash *c)
{
        struct whole *w;
        weft_kit_open(c);
        int rc = weft_handle_open(arena_of(c), "w", &whole_kind, &w);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        c->handle = w;
}

/* He holds something of each part. */
static void prepare_holding(struct crash *c)
{
        struct whole *w = whole_of(c);
        weft_subscriber_t *s;
        void *at;
        WEFT_MUST(c, weft_queue_take(w->queue, &hand, WEFT_NOW));
        WEFT_MUST(c, weft_broadcast_subscribe(w->broadcast, 0, 0, &s));
        WEFT_MUST(c, weft_broadcast_loan(w->broadcast, &at, WEFT_NOW));
}

static void op_create(struct crash *c)
{
        c->note->rc = make(c, false);
}

static void op_open(struct crash *c)
{
        struct whole *w;
        c->note->rc = weft_handle_open(arena_of(c), "w", &whole_kind, &w);
}

static void op_close(struct crash *c)
{
        weft_handle_close(whole_of(c));
}

static void op_remove(struct crash *c)
{
        c->note->rc = weft_object_remove(arena_of(c), "w");
}

/* Somebody closes what he has removed: that frees it all. */
static void prepare_removed(struct crash *c)
{
        WEFT_MUST(c, weft_object_remove(arena_of(c), "w"));
}

static void survive_create(struct crash *c)
{
        WEFT_MUST(c, make(c, true));
        push(c, 5);
        CRASH_MUST(c, CRASH_BROKEN, pop(c) == 5);
}

static void survive_use(struct crash *c)
{
        push(c, 3);
}

/* By the name it is there as a whole, or not at all. */
static void survive_remove(struct crash *c)
{
        WEFT_MUST(c, make(c, true));
        push(c, 3);
}

static void end(struct crash *c)
{
        weft_kit_whole(c);
        int rc = weft_object_remove(arena_of(c), "w");
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        weft_handle_close(whole_of(c));
        weft_kit_nothing_left(c, 0);
}

static void verify(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, c->note->rc == 0 || c->note->rc == -EEXIST);
        end(c);
}

/* What was there is there: 1, 2 and the survivor's 3, each once, whoever had it in hand. */
static void verify_use(struct crash *c)
{
        bool seen[4] = { false };
        struct weft_queue_info info;
        struct weft_broadcast_info b;
        for (int i = 0; i < 3; i++) {
                uint8_t x = pop(c);
                CRASH_MUST(c, CRASH_BROKEN, x >= 1 && x <= 3);
                CRASH_MUST(c, CRASH_DUPLICATED, !seen[x]);
                seen[x] = true;
        }
        WEFT_MUST(c, weft_queue_info(whole_of(c)->queue, &info));
        CRASH_MUST(c, CRASH_LEAKED, info.length == 0 && info.leased == 0);
        WEFT_MUST(c, weft_broadcast_info(whole_of(c)->broadcast, &b));
        CRASH_MUST(c, CRASH_LEAKED, b.subscribers == 0);
        for (int i = 0; i < 8; i++) {
                uint8_t e[WHOLE_BYTES] = { 0 };
                WEFT_MUST(c, weft_broadcast_publish(whole_of(c)->broadcast, e, WEFT_NOW));
        }
        end(c);
}

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, verify_) \
        { \
                .name = "part/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_) \
        }

static const struct crash_case cases[] = {
        CASE("create", weft_kit_create, weft_kit_open, weft_kit_join, op_create,
             survive_create, verify),
        CASE("create/joining", weft_kit_create, weft_kit_open, NULL, op_create,
             survive_create, verify),
        CASE("open", setup, weft_kit_open, weft_kit_join, op_open, survive_remove,
             verify),
        CASE("close", setup, open_whole, weft_kit_join, op_close, survive_use,
             verify_use),
        CASE("close/holding", setup, open_whole, prepare_holding, op_close, survive_use,
             verify_use),
        CASE("remove", setup, weft_kit_open, weft_kit_join, op_remove, survive_remove,
             verify),
        CASE("destroy", setup, open_if_there, prepare_removed, op_close, survive_remove,
             verify),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
