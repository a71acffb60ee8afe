/* tests/unit/broadcast_fd_test.c -- descriptors of a broadcast ring and of subscriptions. */
#define _GNU_SOURCE
#include <poll.h>

#include <weft/fd.h>

#include "tests/unit/broadcast_kit.h"

enum { PATIENCE_MS = 20000 };

static struct gate ready, go;
static weft_broadcast_t *inherited;

static bool is_readable(int fd, int ms)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, ms) == 1;
}

static void take_edge(int fd)
{
        uint64_t edges;
        CHECK(is_readable(fd, PATIENCE_MS));
        CHECK(read(fd, &edges, sizeof edges) == sizeof edges);
}

static void publish_in_turn(void *context)
{
        (void)context;
        for (uint64_t i = 0; i < 3; i++) {
                put(inherited, i);
                gate_open(&ready, 1);
                gate_pass(&go);
        }
        CHECK(weft_broadcast_shutdown(inherited) == 0);
}

/* What is there instead of more, when `to` have been read. */
static void read_by_fd(int fd, weft_subscriber_t *s, uint64_t *at, uint64_t to, int what)
{
        uint8_t e[LARGE];
        uint64_t sequence;
        for (;;) {
                int rc = weft_broadcast_next(s, e, &sequence, NULL, WEFT_NOW);
                if (rc == 0)
                        CHECK(sequence == (*at)++);
                else if (rc == what && *at == to)
                        return;
                else
                        take_edge(fd);
        }
}

static void a_descriptor_tells_what_is_published_elsewhere(void **state)
{
        (void)state;
#ifdef WEFT_TSAN /* it knows no threads in the child of a process with threads */
        skip();
#endif
        ready = gate_make();
        go = gate_make();
        EACH_MODE(m)
        {
                uint64_t at = 0;
                inherited = make("b", 4, m->bytes, m->policy, m->flags);
                pid_t pid = child_start(publish_in_turn, NULL);
                gate_pass(&ready);
                weft_subscriber_t *s = join(inherited, OLDEST, 0);
                CHECK(weft_fd(s, WEFT_OP_WAIT, 0) == -EPROTO);
                int fd = weft_fd(s, WEFT_OP_POP, 0);
                CHECK(fd >= 0);
                for (uint64_t i = 1; i <= 3; i++) {
                        read_by_fd(fd, s, &at, i, -EAGAIN);
                        gate_open(&go, 1);
                        if (i < 3)
                                gate_pass(&ready);
                }
                read_by_fd(fd, s, &at, 3, -EPIPE);
                CHECK(is_readable(fd, PATIENCE_MS)); /* it is ready for ever */
                CHECK(weft_fd_close(fd) == 0);
                assert_int_equal(child_end(pid), 0);
                weft_broadcast_unsubscribe(s);
                drop(inherited, "b");
        }
        gate_drop(&ready);
        gate_drop(&go);
}

static void a_descriptor_tells_when_there_is_room(void **state)
{
        (void)state;
        weft_broadcast_t *b = make("b", 4, 8, BLOCK, MANY);
        weft_subscriber_t *s = join(b, OLDEST, 0);
        put_all(b, 0, 4);
        int fd = weft_fd(b, WEFT_OP_PUSH, 0);
        CHECK(fd >= 0 && !is_readable(fd, 1));
        get_all(s, 0, 1);
        take_edge(fd);
        put(b, 4);
        CHECK(weft_fd_close(fd) == 0);
        weft_broadcast_unsubscribe(s);
        drop(b, "b");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_descriptor_tells_what_is_published_elsewhere),
                TEST(a_descriptor_tells_when_there_is_room),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
