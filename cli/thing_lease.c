/* Popping under a lease: it lasts until the element has been written out, so that if this
 * process is killed before, somebody else gets it. An element in hand is not moved. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/thing.h"

struct in_hand {
        struct weft_element element;
        struct in_hand *next;
};

/* One call is under way at a time. */
static struct {
        thing_take_fn *take;
        thing_ack_fn *ack;
        struct in_hand *first;
} lease;

static int64_t take_element(struct thing_call *c, void *to, size_t room,
                            uint64_t deadline)
{
        struct in_hand *hand = calloc(1, sizeof *hand);
        int rc = hand ? lease.take(c->handle, &hand->element, deadline) : -ENOMEM;
        if (rc) {
                free(hand);
                return rc;
        }
        memcpy(to, hand->element.at, room);
        hand->next = lease.first;
        lease.first = hand;
        return (int64_t)room;
}

static int ack_all(struct thing_call *c)
{
        while (lease.first) {
                struct in_hand *hand = lease.first;
                int rc = lease.ack(c->handle, &hand->element);
                lease.first = hand->next;
                free(hand);
                if (rc)
                        return thing_result(c, rc, NULL);
        }
        return CLI_OK;
}

int thing_pop_leased(struct thing_call *c, size_t bytes, thing_take_fn *take,
                     thing_ack_fn *ack)
{
        lease.take = take;
        lease.ack = ack;
        return thing_pop_all(c, bytes, bytes, take_element, ack_all);
}
