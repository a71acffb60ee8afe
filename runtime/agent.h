/* runtime/agent.h -- this thread's seat in an arena. */
#ifndef WEFT_RUNTIME_AGENT_H
#define WEFT_RUNTIME_AGENT_H

#include <weft/agent.h>

#include "runtime/agent_shared.h"
#include "runtime/arena.h"

struct weft_block_cache;

struct weft_agent {
        weft_arena_t *arena;
        struct weft_seat_shared *seat;
        uint32_t sig;       /* how it signs: see shared.h */
        uint32_t index;     /* of the seat */
        uint64_t looked_ns; /* when it last looked for the dead */
        uint32_t polls;     /* tries that found nothing: see weft_agent_polled() */
        struct weft_block_cache
                *blocks;         /* its slabs: block.c; NULL until the first use */
        weft_a64_t *touched;     /* bit i: pinned directory entry i */
        const weft_a64_t *mark;  /* its own: see weft_am_i() */
        struct weft_agent *next; /* of this process in this arena */
        struct weft_agent *mine; /* of this thread in other arenas */
};

/* For a kind whose calls are short: which handle this thread came with last, by its number, and
 * what it took to find out. The agent has touched its object. */
struct weft_last {
        uint64_t handle; /* 0: none */
        uint64_t of[4];  /* the kind's */
};

/* Who this thread was last. Valid while the serial is the arena's; a fork clears
 * `alive` by MADV_WIPEONFORK, so that a child never speaks as its parent. */
struct weft_me {
        uint64_t serial;
        struct weft_agent *agent;
        const weft_a64_t *mark; /* the agent's; of nobody while this is nobody */
        struct weft_last last;  /* of that agent: 0 whenever he becomes another one */
};
extern _Thread_local struct weft_me weft_me __attribute__((tls_model("initial-exec")));
extern __attribute__((visibility("hidden")))
weft_a64_t *weft_alive; /* not 0 in the process that set it; 0 in its children */

/* A number that this process has, and none of its parents: a pid may be another's, too, in
 * another pid namespace. */
uint64_t weft_process(void);

/*
 * A mark is a number that no other agent of this process, of those of its parents that it knows
 * of, and of its children ever had; and it lies where a fork leaves 0. So one comparison with
 * what was noted tells a thread that it was there before, as this agent: that he has not left
 * since, that it works in his arena, and that it is the same process.
 */
#define WEFT_NOBODY UINT64_MAX /* no mark is this */

static inline uint64_t weft_agent_mark(const struct weft_agent *agent)
{
        uint64_t mark = weft_load_rlx(agent->mark);
        return mark ? mark : WEFT_NOBODY;
}

static inline bool weft_am_i(const weft_a64_t *noted)
{
        return weft_is_rlx(noted, weft_load_rlx(weft_me.mark));
}

/* Finds or takes this thread's seat. -EMFILE, -EROFS, -ENOMEM. */
WEFT_CHECK int weft_agent_find(weft_arena_t *arena, struct weft_agent **agent);

static inline int weft_agent_self(weft_arena_t *arena, struct weft_agent **agent)
{
        if (__builtin_expect(weft_me.serial == arena->serial && weft_alive->raw, 1)) {
                *agent = weft_me.agent;
                return 0;
        }
        return weft_agent_find(arena, agent);
}

/* Between these the agent may read pages that it does not own: nobody punches them.
 * Never held over a wait. Nests. */
static inline void weft_read_begin(struct weft_agent *agent)
{
        weft_store_rlx(&agent->seat->reading, weft_load_rlx(&agent->seat->reading) + 1);
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
}

static inline void weft_read_end(struct weft_agent *agent)
{
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        uint64_t reading = weft_load_rlx(&agent->seat->reading) - 1;
        if (!(reading & WEFT_READING_DEPTH))
                reading += WEFT_READING_DEPTH + 1;      /* one more that is over */
        weft_store_rel(&agent->seat->reading, reading); /* [R] */
}

/* The same for who calls nothing in between, and so knows at the end what stood there at the
 * beginning: that, and where. */
static inline __attribute__((always_inline)) uint64_t weft_read_open(weft_a64_t *reading)
{
        uint64_t was = weft_load_rlx(reading);
        weft_store_rlx(reading, was + 1);
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        return was;
}

/* What it will say after that: who is in a hurry asks early. */
static inline uint64_t weft_read_after(uint64_t was)
{
        return was & WEFT_READING_DEPTH ? was : was + WEFT_READING_DEPTH + 1;
}

static inline __attribute__((always_inline)) void weft_read_shut_to(weft_a64_t *reading,
                                                                    uint64_t after)
{
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        weft_store_rel(reading, after); /* [R] */
}

static inline __attribute__((always_inline)) void weft_read_shut(weft_a64_t *reading,
                                                                 uint64_t was)
{
        weft_read_shut_to(reading, weft_read_after(was));
}

/* A fence in every thread that runs in a process which has registered for it, as all do
 * that could (arena->registered): what each of them stored before it is seen now, and each
 * sees now what was stored here. For the rare side of a Dekker pair whose other side is
 * plain. False: this kernel, or a filter, does not let us. */
bool weft_fence_everybody(void);

/* The same, or long enough for any store to have arrived: 1 ms. */
void weft_fence_for_sure(void);

/* True when nobody can be inside weft_read_begin() .. end() begun before this call (the
 * caller's own, by `me`, apart), nor will see what the caller hid before it. False is
 * "cannot tell": do not punch. Never waits. */
bool weft_no_readers(weft_arena_t *arena, const struct weft_agent *me);

/* Seats that were ever taken: those from here on never were. At most WEFT_AGENTS_MAX. */
static inline uint32_t weft_seats_used(const weft_arena_t *arena)
{
        uint32_t n = weft_load_acq(&arena->sh->seats_used); /* [F] */
        return n > WEFT_AGENTS_MAX ? WEFT_AGENTS_MAX : n;
}

/* The process of the agent that signed `sig`, as it saw itself; 0 if it is gone. */
uint32_t weft_agent_pid(const weft_arena_t *arena, uint32_t sig);

/* A grace period: over when all who were reading as it began have ended that reading. For
 * what is kept from reuse until nobody can still change it (a table that was retired): the
 * caller has hidden it. Kept by whoever waits for it; if he dies, the next one begins his
 * own. begin: false is "cannot tell", try later. over: never waits. The caller's own
 * reading counts. */
struct weft_grace {
        uint32_t n;                        /* seats that are still waited for */
        uint32_t seats[WEFT_AGENTS_MAX];   /* which, */
        uint64_t reading[WEFT_AGENTS_MAX]; /* and what each of them had there */
};
WEFT_CHECK bool weft_grace_begin(weft_arena_t *arena, struct weft_grace *grace);
WEFT_CHECK bool weft_grace_over(weft_arena_t *arena, struct weft_grace *grace);

enum weft_life { WEFT_ALIVE, WEFT_GONE };

/* Is the agent that signed `sig` alive? If it is proved dead it is settled here and now:
 * WEFT_GONE means that its signature is nowhere any more. 18 ns when alive. */
enum weft_life weft_agent_life(weft_arena_t *arena, uint32_t sig);

/* Has this agent of this process a thread that lives? One that vanished without a word (a bare
 * exit system call) stays among them; and while another process settles it, its seat is
 * about to be somebody else's. */
bool weft_agent_lives(const struct weft_agent *agent);

/* Is this thread who libc takes it for? See agent.c. */
bool weft_libc_knows_us(void);

/* Gives this process's mapping of the arena up once nobody in it uses it any more; the
 * registry is locked. True if it is gone. */
bool weft_arena_retire(weft_arena_t *arena);

/* In a child after fork(): forgets the parent's agents of every arena. Registry locked. */
void weft_arenas_forget_agents(void);

/* The first word of its mutex: 0, or the thread that holds it, and FUTEX_WAITERS; and, once
 * the kernel has seen that one die, bit 30. */
#define WEFT_LIFE_DIED UINT32_C(0x40000000)
#define WEFT_LIFE_THREAD UINT32_C(0x3fffffff)

static inline uint32_t weft_seat_life(const struct weft_seat_shared *seat)
{
        const void *life = seat->life;
        return weft_load_rlx((const weft_a32_t *)life);
}

/* Does the thread that sat down there live, as one look tells? Its life may be in the hands
 * of another, who settles it. */
static inline bool weft_seat_alive(const struct weft_seat_shared *seat)
{
        uint32_t life = weft_seat_life(seat);
        return !(life & WEFT_LIFE_DIED) &&
               (life & WEFT_LIFE_THREAD) == weft_load_rlx(&seat->tid);
}

/* Is seat i taken, and by the dead, as far as one look tells? */
bool weft_seat_peek(const struct weft_seat_shared *seat, struct weft_agent_info *info);

/* Settles all dead agents; returns how many. What waiters do while they wait. */
uint32_t weft_agents_settle(weft_arena_t *arena, struct weft_recovery *report);

/* The same for a waiter that comes by often: not more than every WEFT_WAIT_RECHECK_NS. */
void weft_agents_settle_sometimes(struct weft_agent *agent, uint64_t now);

/* For who tries, finds nothing and does not wait: a program that only polls must hear of
 * deaths, too. Every so many tries it does what waiters do. */
void weft_agent_look(struct weft_agent *agent);

static inline void weft_agent_polled(struct weft_agent *agent)
{
        if (__builtin_expect(++agent->polls % 32 == 0, 0))
                weft_agent_look(agent);
}

#endif
