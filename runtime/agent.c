/* runtime/agent.c -- seats: joining, leaving, dying. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/block.h"
#include "runtime/meet.h"
#include "runtime/object.h"
#include "runtime/wait.h"

static const weft_a64_t nobody; /* a mark that is nobody's */
#define NOBODY ((struct weft_me){ .mark = &nobody })
_Thread_local struct weft_me weft_me = { .mark = &nobody };
static _Thread_local struct weft_agent *mine; /* this thread's agents, in all arenas */

enum { NO_NUMBER = 1 }; /* of who has never joined: nobody notes it down */
__attribute__((tls_model("initial-exec"))) __thread uint64_t weft_thread_number_ =
        NO_NUMBER;
static weft_a64_t numbers = { NO_NUMBER };

/* What was noted by the one before is no longer this thread's. */
static void renew_number(void)
{
        weft_thread_number_ = weft_add_rlx(&numbers, 1) + 1;
}

/* ---- this process --------------------------------------------------------- */

static weft_a64_t never_alive; /* 0: before the constructor, nobody is who he was */
static uint64_t processes; /* from the first parent that had the library to this one */
weft_a64_t *weft_alive = &never_alive;
static weft_a64_t *marks = &never_alive; /* those that are given, beside weft_alive */
static uint32_t marks_max;
static uint64_t last_mark;
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_end;

/* A child has one thread, the parent's seats are the parent's, and its own cache of
 * them was wiped by the kernel. */
static void forget_parent(void)
{
        if (weft_alive->raw)
                return;
        weft_arenas_forget_agents();
        mine = NULL;
        weft_me = NOBODY;
        renew_number();
        weft_alive->raw = ++processes;
}

void weft_registry_lock(void)
{
        pthread_mutex_lock(&registry);
        forget_parent();
}

void weft_registry_unlock(void)
{
        pthread_mutex_unlock(&registry);
}

uint64_t weft_process(void)
{
        if (!weft_alive->raw) {
                weft_registry_lock(); /* forgets the parent */
                weft_registry_unlock();
        }
        return weft_alive->raw;
}

static void leave_one(struct weft_agent *agent);

static void leave_all(void *unused)
{
        (void)unused;
        if (!weft_alive->raw)
                return;
        while (mine)
                leave_one(mine);
}

/* The child of a fork() has the thread that forked, whose cache of agents is to go. */
static void after_fork(void)
{
        forget_parent();
        pthread_mutex_unlock(&registry);
}

/* Before other constructors, which may use weft. */
__attribute__((constructor(101))) static void process_begin(void)
{
        size_t bytes = 2 * (size_t)sysconf(_SC_PAGESIZE);
        void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED || madvise(page, bytes, MADV_WIPEONFORK))
                abort(); /* no memory, or a kernel before 4.14: nothing can be promised */
        weft_alive = page;
        weft_alive->raw = ++processes;
        marks = weft_alive + 1;
        marks_max = (uint32_t)(bytes / sizeof *marks) - 1;
        if (pthread_key_create(&thread_end, leave_all) ||
            pthread_atfork(weft_registry_lock, weft_registry_unlock, after_fork))
                abort();
}

/* exit() runs no thread-end hooks: the thread that calls it leaves here. */
__attribute__((destructor)) static void process_end(void)
{
        leave_all(NULL);
}

/* ---- lives --------------------------------------------------------------- */

static pthread_mutex_t *life_of(struct weft_seat_shared *seat)
{
        return (pthread_mutex_t *)(void *)seat->life;
}

static uint64_t held(uint32_t generation)
{
        return (uint64_t)generation << 8 | WEFT_SEAT_HELD;
}

static bool is_held(uint64_t state)
{
        return (state & 0xff) == WEFT_SEAT_HELD;
}

static uint32_t generation_of(uint64_t state)
{
        return (uint32_t)(state >> 8) & ((1u << (32 - WEFT_SEAT_BITS)) - 1);
}

/*
 * Frees the seat of the dead or leaving `agent`; the caller holds its life and is the
 * only one who speaks for it. Objects first: what they find decides what its blocks are.
 *
 * Crash in settle: the life passes on with EOWNERDEAD, state is still HELD, and the next
 * one begins anew: every step finds done what was done.
 */
static int settle(struct weft_agent *agent)
{
        /* All that is called here acts as him: who asks for this thread's agent must not
         * get, or even take, another seat. */
        struct weft_me was = weft_me;
        weft_me = (struct weft_me){ .serial = agent->arena->serial,
                                    .agent = agent,
                                    .mark = &nobody };
        weft_meet_forget(&agent->seat->meet);
        int rc = weft_objects_settle(agent);
        if (!rc)
                weft_block_settle(agent);
        weft_me = was;
        if (rc)
                return rc;
        weft_store_rlx(&agent->seat->reading, 0);
        weft_store_rel(&agent->seat->state, /* [L] LP: the signature is nowhere now */
                       (uint64_t)(agent->sig >> WEFT_SEAT_BITS) << 8 | WEFT_SEAT_FREE);
        return 0;
}

static bool is_held_alive(uint32_t life)
{
        return life && !(life & WEFT_LIFE_DIED);
}

/* Is this thread who libc takes it for? The child of a bare clone system call is its parent to
 * libc: it would put that one's number into the lives that it holds, so that its death would
 * be nobody's, and tangle the parent's list of such mutexes with its own. */
bool weft_libc_knows_us(void)
{
        pthread_mutex_t probe = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP; /* not elided */
        pthread_mutex_lock(&probe);
        bool knows = probe.__data.__owner == gettid();
        pthread_mutex_unlock(&probe);
        return knows;
}

/* Gets hold of a life that its holder has let go, by death or otherwise. Looks first:
 * that is cheaper, and who is killed in a trylock of what another thread of the same
 * number, in another pid namespace, holds would have the kernel take that one for dead. */
static bool seize(struct weft_seat_shared *seat)
{
        if (is_held_alive(weft_seat_life(seat)) || !weft_libc_knows_us())
                return false;
        int rc = pthread_mutex_trylock(life_of(seat));
        if (rc == EOWNERDEAD)
                rc = pthread_mutex_consistent(life_of(seat));
        return rc == 0;
}

/* The life is ours: makes the seat FREE if it is not. */
static int settle_seat(weft_arena_t *arena, uint32_t index)
{
        struct weft_seat_shared *seat = &arena->seats[index];
        uint64_t state = weft_load_acq(&seat->state); /* [L] */
        if (!is_held(state))
                return 0;
        (void)weft_process(); /* who acts for the dead is nobody's child */
        struct weft_agent dead = {
                .arena = arena,
                .seat = seat,
                .sig = weft_sig_make(index, generation_of(state)),
                .index = index,
        };
        int rc = settle(&dead);
        weft_block_cache_drop(&dead);
        return rc;
}

bool weft_agent_lives(const struct weft_agent *agent)
{
        return weft_seat_alive(agent->seat) &&
               weft_agent_life(agent->arena, agent->sig) == WEFT_ALIVE;
}

enum weft_life weft_agent_life(weft_arena_t *arena, uint32_t sig)
{
        uint32_t index = weft_sig_seat(sig);
        struct weft_seat_shared *seat = &arena->seats[index];
        if (weft_load_acq(&seat->state) != held(sig >> WEFT_SEAT_BITS)) /* [L] */
                return WEFT_GONE;
        if (!seize(seat))
                return WEFT_ALIVE; /* or being settled by somebody alive */
        int rc = settle_seat(arena, index);
        pthread_mutex_unlock(life_of(seat));
        return rc ? WEFT_ALIVE : WEFT_GONE;
}

uint32_t weft_agents_settle(weft_arena_t *arena, struct weft_recovery *report)
{
        struct weft_recovery none = { 0 };
        struct weft_recovery *r = report ? report : &none;
        uint32_t n = weft_seats_used(arena);

        for (uint32_t i = 0; i < n; i++) {
                struct weft_seat_shared *seat = &arena->seats[i];
                if (!is_held(weft_load_acq(&seat->state))) /* [L] */
                        continue;
                if (!seize(seat)) {
                        r->alive++;
                        continue;
                }
                if (is_held(weft_load_acq(&seat->state))) { /* [L] */
                        if (settle_seat(arena, i))
                                r->failed++;
                        else
                                r->settled++;
                }
                pthread_mutex_unlock(life_of(seat));
        }
        return r->settled;
}

void weft_agents_settle_sometimes(struct weft_agent *agent, uint64_t now)
{
        if (now - agent->looked_ns < WEFT_WAIT_RECHECK_NS)
                return;
        agent->looked_ns = now;
        (void)weft_agents_settle(agent->arena, NULL);
}

void weft_agent_look(struct weft_agent *agent)
{
        weft_agents_settle_sometimes(agent, weft_now());
}

/* ---- joining ------------------------------------------------------------- */

/* The life is ours and the seat is settled: the next generation begins. Crash before
 * LP: EOWNERDEAD on a FREE seat, which the next one who looks takes as it is. */
static void sit_down(weft_arena_t *arena, uint32_t index, struct weft_agent *agent)
{
        struct weft_seat_shared *seat = &arena->seats[index];
        uint32_t generation = generation_of(weft_load_rlx(&seat->state) + (1 << 8));
        if (!generation)
                generation = 1;
        agent->arena = arena;
        agent->seat = seat;
        agent->index = index;
        agent->sig = weft_sig_make(index, generation);
        weft_store_rlx(&seat->pid, (uint32_t)getpid());
        weft_store_rlx(&seat->tid, (uint32_t)gettid());
        weft_store_rlx(&seat->reading, 0);
        weft_store_rel(&seat->state, held(generation)); /* [L] LP of join */
}

/* Counted before it is taken, so that no scan misses a taken seat. */
static void count_seat(weft_arena_t *arena, uint32_t index)
{
        uint32_t n = weft_load_acq(&arena->sh->seats_used); /* [F] */
        while (n <= index)
                if (weft_cas_acq_rel(&arena->sh->seats_used, &n, index + 1)) /* [F] */
                        return;
}

static bool try_seat(weft_arena_t *arena, uint32_t index, bool dead_too,
                     struct weft_agent *agent)
{
        struct weft_seat_shared *seat = &arena->seats[index];
        if (is_held(weft_load_acq(&seat->state)) && !dead_too) /* [L] */
                return false;
        count_seat(arena, index);
        if (!seize(seat))
                return false;
        if (settle_seat(arena, index)) {
                pthread_mutex_unlock(life_of(seat));
                return false;
        }
        sit_down(arena, index, agent);
        return true;
}

static int find_seat(weft_arena_t *arena, struct weft_agent *agent)
{
        for (int dead_too = 0; dead_too < 2; dead_too++)
                for (uint32_t i = 0; i < WEFT_AGENTS_MAX; i++)
                        if (try_seat(arena, i, dead_too, agent))
                                return 0;
        return -EMFILE;
}

/* A mark for an agent; if this process has very many of them, nobody's: then it takes the
 * long ways. The registry is locked. */
static const weft_a64_t *give_mark(void)
{
        for (uint32_t i = 0; i < marks_max; i++)
                if (!weft_load_rlx(&marks[i])) {
                        weft_store_rlx(&marks[i], ++last_mark);
                        return &marks[i];
                }
        return &nobody;
}

static void take_mark(const weft_a64_t *mark)
{
        if (mark != &nobody)
                weft_store_rlx(&marks[mark - marks], 0);
}

/* What this process had open while it had no agent may be gone, and another object in
 * its place. */
static void pin_open_handles(struct weft_agent *agent)
{
        for (struct weft_handle *h = agent->arena->handles; h; h = h->next)
                if (weft_handle_pin(h, agent, agent))
                        weft_handle_strand(h);
}

static int join(weft_arena_t *arena, struct weft_agent **out)
{
        if (!weft_libc_knows_us())
                return -ENOTSUP;
        struct weft_agent *agent = calloc(1, sizeof *agent);
        size_t words = arena->geo.entries / 64 + 1; /* one bit more than entries */
        if (agent)
                agent->touched = calloc(words, sizeof *agent->touched);
        int rc = agent && agent->touched ? 0 : -ENOMEM;
        if (!rc &&
            pthread_setspecific(thread_end, agent)) /* its end would go unnoticed */
                rc = -ENOMEM;
        if (!rc)
                rc = find_seat(arena, agent);
        if (rc) {
                (void)pthread_setspecific(thread_end, mine);
                if (agent)
                        free(agent->touched);
                free(agent);
                return rc;
        }
        agent->mine = mine;
        mine = agent;
        renew_number();
        weft_registry_lock();
        agent->mark = give_mark();
        bool first = true;
        for (const struct weft_agent *a = arena->agents; a && first; a = a->next)
                first = !weft_agent_lives(a);
        agent->next = arena->agents;
        arena->agents = agent;
        if (first)
                pin_open_handles(agent);
        weft_registry_unlock();
        *out = agent;
        return 0;
}

int weft_agent_find(weft_arena_t *arena, struct weft_agent **out)
{
        if (arena->readonly)
                return -EROFS;
        (void)weft_process();
        struct weft_agent *agent = mine;
        while (agent && agent->arena != arena)
                agent = agent->mine;
        if (!agent) {
                int saved = errno;
                int rc = join(arena, &agent);
                errno = saved;
                if (rc)
                        return rc;
        }
        weft_me = (struct weft_me){ .serial = arena->serial,
                                    .agent = agent,
                                    .mark = agent->mark };
        *out = agent;
        return 0;
}

/* ---- leaving ------------------------------------------------------------- */

/* Handles outlive the thread that opened them: a sibling takes the pins over, before
 * ours go. One who lives: who has vanished without a word is among them still. */
static void pass_pins_on(struct weft_agent *agent)
{
        struct weft_agent *sibling = agent->arena->agents;
        while (sibling && (sibling == agent || !weft_agent_lives(sibling)))
                sibling = sibling->next;
        if (!sibling)
                return;
        for (struct weft_handle *h = agent->arena->handles; h; h = h->next)
                (void)weft_handle_pin(h, sibling, agent);
}

static void leave_one(struct weft_agent *agent)
{
        weft_arena_t *arena = agent->arena;

        weft_registry_lock();
        arena->leaving++; /* it stays mapped until we are through */
        pass_pins_on(agent);
        for (struct weft_agent **at = &arena->agents; *at; at = &(*at)->next)
                if (*at == agent) {
                        *at = agent->next;
                        break;
                }
        weft_registry_unlock();
        for (struct weft_agent **at = &mine; *at; at = &(*at)->mine)
                if (*at == agent) {
                        *at = agent->mine;
                        break;
                }
        weft_me = NOBODY;
        renew_number();

        (void)settle(agent); /* if it cannot, the seat stays HELD: dead, unsettled */
        weft_block_cache_drop(agent);
        pthread_mutex_unlock(life_of(agent->seat));
        const weft_a64_t *mark = agent->mark;
        free(agent->touched);
        free(agent);

        weft_registry_lock();
        take_mark(mark);
        arena->leaving--;
        (void)weft_arena_retire(arena);
        weft_registry_unlock();
}

int weft_agent_join(weft_arena_t *arena)
{
        struct weft_agent *agent;
        return arena ? weft_agent_self(arena, &agent) : -EINVAL;
}

void weft_agent_leave(weft_arena_t *arena)
{
        if (!arena || !weft_alive->raw)
                return;
        for (struct weft_agent *agent = mine; agent; agent = agent->mine)
                if (agent->arena == arena) {
                        leave_one(agent);
                        return;
                }
}

/* ---- looking ------------------------------------------------------------- */

/* Looks into the mutex without touching it, as the kernel marks it at a death: bit 30 of
 * its first word. Held by nobody at all though HELD: dead, and not yet settled. */
bool weft_seat_peek(const struct weft_seat_shared *seat, struct weft_agent_info *info)
{
        uint64_t state = weft_load_acq(&seat->state); /* [L] */
        if (!is_held(state))
                return false;
        info->generation = generation_of(state);
        info->pid = weft_load_rlx(&seat->pid);
        info->tid = weft_load_rlx(&seat->tid);
        info->dead = !is_held_alive(weft_seat_life(seat));
        info->reserved = 0;
        return true;
}

uint32_t weft_agent_pid(const weft_arena_t *arena, uint32_t sig)
{
        const struct weft_seat_shared *seat = &arena->seats[weft_sig_seat(sig)];
        uint64_t want = held(sig >> WEFT_SEAT_BITS);
        if (weft_load_acq(&seat->state) != want) /* [L] */
                return 0;
        return weft_load_rlx(&seat->pid);
}

int weft_agent_list(weft_arena_t *arena,
                    int (*each)(const struct weft_agent_info *agent, void *context),
                    void *context)
{
        if (!arena || !each)
                return -EINVAL;
        uint32_t n = weft_seats_used(arena);
        int rc = 0;
        for (uint32_t i = 0; i < n && !rc; i++) {
                struct weft_agent_info info = { .seat = i };
                if (weft_seat_peek(&arena->seats[i], &info))
                        rc = each(&info, context);
        }
        return rc;
}

/* ---- readers ------------------------------------------------------------- */

bool weft_fence_everybody(void)
{
        int saved = errno;
        long rc = syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
        errno = saved;
        return !rc;
}

void weft_fence_for_sure(void)
{
        const struct timespec stores_arrive = { 0, 1000000 };
        if (!weft_fence_everybody())
                (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &stores_arrive, NULL);
}

/* All that was stored before is seen by who reads from now on, and the other way round. */
static bool is_ordered(const weft_arena_t *arena)
{
        return weft_fence_everybody() && arena->registered;
}

/* What seat i has in `reading` if its holder is reading; else 0. */
static uint64_t reading_at(const weft_arena_t *arena, uint32_t i)
{
        const struct weft_seat_shared *seat = &arena->seats[i];
        if (!is_held(weft_load_acq(&seat->state))) /* [L] */
                return 0;
        uint64_t reading = weft_load_acq(&seat->reading); /* [R] */
        return reading & WEFT_READING_DEPTH ? reading : 0;
}

/* The caller has hidden what it will punch. After the barrier every reader either has
 * been seen to be reading, or will see that it is hidden. */
bool weft_no_readers(weft_arena_t *arena, const struct weft_agent *me)
{
        if (!is_ordered(arena))
                return false;
        uint32_t n = weft_seats_used(arena);
        for (uint32_t i = 0; i < n; i++)
                if ((!me || i != me->index) && reading_at(arena, i))
                        return false;
        return true;
}

bool weft_grace_begin(weft_arena_t *arena, struct weft_grace *grace)
{
        if (!is_ordered(arena))
                return false;
        uint32_t n = weft_seats_used(arena);
        grace->n = 0;
        for (uint32_t i = 0; i < n; i++) {
                uint64_t reading = reading_at(arena, i);
                if (reading) {
                        grace->seats[grace->n] = i;
                        grace->reading[grace->n++] = reading;
                }
        }
        return true;
}

/* Who reads anew has another number there: he began after what is waited for was hidden.
 * But he may be in a reading within that one, whose number is the same: then it only takes
 * longer. */
bool weft_grace_over(weft_arena_t *arena, struct weft_grace *grace)
{
        uint32_t left = 0;
        for (uint32_t i = 0; i < grace->n; i++) {
                uint32_t seat = grace->seats[i];
                uint64_t now = reading_at(arena, seat);
                if (now && (now | WEFT_READING_DEPTH) ==
                                   (grace->reading[i] | WEFT_READING_DEPTH)) {
                        grace->seats[left] = seat;
                        grace->reading[left++] = grace->reading[i];
                }
        }
        grace->n = left;
        return !left;
}
