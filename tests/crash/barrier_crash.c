/* tests/crash/barrier_crash.c -- barriers: every operation, in the states that matter.
 *
 * Three act: a host, who lives until all are settled; the victim; a survivor. What they do
 * is a script, which is played again on a plain model of a barrier, in every order that
 * can have been: the victim's operation happened before the survivor's, or after, or not
 * at all, and the dead were settled whenever. What the barrier says of itself in the end
 * and what everybody was told must be what one of these orders gives. */
#include <errno.h>
#include <string.h>

#include <weft/barrier.h>
#include <weft/object.h>

#include "sync/barrier_internal.h"
#include "tests/harness/weft_kit.h"

enum what { NOTHING, ARRIVE, WAIT, LOOK, JOIN, LEAVE, RESET, CLOSE, BREAK, PHASE };

enum { STEPS_MAX = 3 };

struct script {
        uint32_t flags, parties;
        enum what host[STEPS_MAX];   /* DIE: and it is settled before the victim begins */
        enum what before[STEPS_MAX]; /* the victim, before its operation */
        enum what victim, survivor;
};

static const struct script *script_of(const struct crash *c)
{
        return c->self->more;
}

static weft_barrier_t *barrier_of(const struct crash *c)
{
        return c->handle;
}

/* ---- the model ------------------------------------------------------------------- */

enum { HOST, VICTIM, SURVIVOR, CORPSE, ALL };

struct model {
        uint64_t phase;
        uint32_t flags, parties, taken, arrived, broken;
        uint32_t well; /* bit i: phase i has ended, and not by a reset */
        struct {
                bool member, arrived, owed;
                uint64_t phase;
        } who[ALL];
};

static void next_phase(struct model *m, bool well)
{
        m->well |= (uint32_t)well << m->phase;
        m->phase++;
        m->arrived = 0;
        if (m->flags & WEFT_BARRIER_ANONYMOUS)
                m->taken = 0;
}

static bool turn(struct model *m)
{
        if (m->broken || !m->parties || m->arrived < m->parties)
                return false;
        next_phase(m, true);
        return true;
}

static bool is_in(const struct model *m, int i)
{
        return m->who[i].member &&
               (!(m->flags & WEFT_BARRIER_ANONYMOUS) || m->who[i].phase == m->phase);
}

static bool has_arrived(const struct model *m, int i)
{
        return is_in(m, i) && m->who[i].arrived && m->who[i].phase == m->phase;
}

static void go(struct model *m, int i)
{
        m->arrived -= has_arrived(m, i);
        m->taken--;
        m->who[i].member = false;
}

static int model_arrive(struct model *m, int i, bool stays)
{
        if (m->broken)
                return -EOWNERDEAD;
        if (has_arrived(m, i))
                return 0;
        if (!is_in(m, i) && m->taken == m->parties)
                return -EPERM;
        m->taken += !is_in(m, i);
        m->who[i].member = m->who[i].arrived = true;
        m->who[i].phase = m->phase;
        m->who[i].owed = !stays;
        m->arrived++;
        if (!turn(m))
                return 0;
        m->who[i].owed = false;
        return 1;
}

static int model_look(struct model *m, int i)
{
        uint64_t phase = m->who[i].phase;
        bool ended = m->phase > phase;
        m->who[i].owed = !ended && !m->broken;
        if (ended)
                return m->well >> phase & 1 ? 0 : -EOWNERDEAD;
        return m->broken ? -EOWNERDEAD : -EAGAIN;
}

static int model_leave(struct model *m, int i)
{
        if (!is_in(m, i))
                return -EPERM;
        go(m, i);
        m->parties--;
        (void)turn(m);
        return 0;
}

static int model_join(struct model *m, int i)
{
        if (m->broken)
                return -EOWNERDEAD;
        if (is_in(m, i))
                return -EEXIST;
        m->parties++;
        m->taken++;
        m->who[i].member = true;
        m->who[i].arrived = false;
        m->who[i].phase = m->phase;
        return 0;
}

static int model_reset(struct model *m)
{
        if (!m->broken)
                return m->arrived ? -EBUSY : 0;
        m->broken = 0;
        next_phase(m, false);
        return 0;
}

static int model_die(struct model *m, int i)
{
        if (!is_in(m, i))
                return 0;
        if (m->flags & WEFT_BARRIER_SHRINK)
                return model_leave(m, i);
        go(m, i);
        m->broken = 1;
        return 0;
}

static int model_do(struct model *m, int i, enum what what)
{
        int rc;
        switch (what) {
        case ARRIVE:
                return model_arrive(m, i, false);
        case WAIT:
                rc = m->who[i].owed ? 0 : model_arrive(m, i, true);
                return rc ? rc : model_look(m, i);
        case LOOK:
                return model_look(m, i);
        case JOIN:
                return model_join(m, i);
        case LEAVE:
                return model_leave(m, i);
        case RESET:
                return model_reset(m);
        case PHASE: /* of phase 0 */
                if (m->phase > 0)
                        return m->well & 1 ? 0 : -EOWNERDEAD;
                return m->broken ? -EOWNERDEAD : -EAGAIN;
        case CLOSE:
                return model_die(m, i);
        case BREAK:
                (void)model_join(m, CORPSE);
                return model_die(m, CORPSE);
        default:
                return 0;
        }
}

/* ---- the real thing ---------------------------------------------------------------- */

static void join_barrier(struct crash *c)
{
        WEFT_MUST(c, weft_barrier_join(barrier_of(c)));
}

static int really_do(struct crash *c, enum what what)
{
        uint64_t phase;
        switch (what) {
        case ARRIVE:
                return weft_barrier_arrive(barrier_of(c), &phase);
        case WAIT:
                return weft_barrier_wait(barrier_of(c), WEFT_NOW);
        case JOIN:
                return weft_barrier_join(barrier_of(c));
        case LEAVE:
                return weft_barrier_leave(barrier_of(c));
        case RESET:
                return weft_barrier_reset(barrier_of(c));
        case PHASE:
                return weft_barrier_wait_phase(barrier_of(c), 0, WEFT_NOW);
        case CLOSE:
                weft_barrier_close(barrier_of(c));
                return 0;
        case BREAK: /* somebody joins, dies, and is settled */
                weft_kit_corpse(c, join_barrier);
                return weft_arena_recover(arena_of(c), NULL);
        default:
                return 0;
        }
}

static void setup(struct crash *c)
{
        const struct script *s = script_of(c);
        struct weft_barrier_options o = { .parties = s->parties, .flags = s->flags };
        weft_barrier_t *b;
        weft_kit_create(c);
        WEFT_MUST(c, weft_barrier_create(arena_of(c), "b", &o, &b));
        c->handle = b;
        for (int i = 0; i < STEPS_MAX; i++)
                (void)really_do(c, s->host[i]);
}

static void open_barrier(struct crash *c)
{
        weft_barrier_t *b;
        weft_kit_open(c);
        WEFT_MUST(c, weft_barrier_open(arena_of(c), "b", &b));
        c->handle = b;
}

static void prepare(struct crash *c)
{
        for (int i = 0; i < STEPS_MAX; i++)
                (void)really_do(c, script_of(c)->before[i]);
}

static void operate(struct crash *c)
{
        c->note->rc = really_do(c, script_of(c)->victim);
}

/* It sleeps, and gives up. */
static void operate_asleep(struct crash *c)
{
        weft_store_rlx(&barrier_of(c)->spin.budget, 32);
        int rc = weft_barrier_wait(barrier_of(c), weft_after(2 * WEFT_MSEC));
        c->note->rc = rc == -ETIMEDOUT ? -EAGAIN : rc;
}

static void survive(struct crash *c)
{
        c->word[0] = (uint64_t)(int64_t)really_do(c, script_of(c)->survivor);
}

/* ---- which order explains it? -------------------------------------------------------- */

struct order {
        const struct crash *c;
        struct weft_barrier_info is;
        int steps; /* of the victim's operation that are known or may be */
        char seen[160];
};

struct play {
        struct model m;
        int done; /* steps of the victim's operation */
        int victim_rc, survivor_rc;
        bool over, victim_dead, host_dead, survived;
};

static bool matches(const struct order *o, const struct play *p)
{
        const struct model *m = &p->m;
        const struct crash *c = o->c;
        if (c->note->done && c->note->rc != p->victim_rc)
                return false;
        return (int64_t)c->word[0] == p->survivor_rc && o->is.phase == m->phase &&
               o->is.parties == m->parties && o->is.taken == m->taken &&
               o->is.arrived == m->arrived && o->is.broken == m->broken;
}

static bool explained(const struct order *o, const struct play *p);

/* One step of the victim's: a wait arrives, then looks; between these others may act. */
static bool victim_steps(const struct order *o, struct play p)
{
        enum what what = script_of(o->c)->victim;
        if (what == WAIT && p.done == 0) {
                p.victim_rc = p.m.who[VICTIM].owed ? 0 : model_arrive(&p.m, VICTIM, true);
                p.over = p.victim_rc != 0;
        } else {
                p.victim_rc = model_do(&p.m, VICTIM, what == WAIT ? LOOK : what);
                p.over = true;
        }
        p.done++;
        return explained(o, &p);
}

static bool explained(const struct order *o, const struct play *p)
{
        if (p->victim_dead && p->host_dead && p->survived)
                return matches(o, p);
        if (!p->victim_dead && !p->over && victim_steps(o, *p))
                return true;
        if (!p->victim_dead && (p->over || !o->c->note->done)) {
                struct play next = *p;
                next.victim_dead = true;
                (void)model_die(&next.m, VICTIM);
                if (explained(o, &next))
                        return true;
        }
        if (!p->host_dead) {
                struct play next = *p;
                next.host_dead = true;
                (void)model_die(&next.m, HOST);
                if (explained(o, &next))
                        return true;
        }
        if (!p->survived) {
                struct play next = *p;
                next.survived = true;
                next.survivor_rc = model_do(&next.m, SURVIVOR, script_of(o->c)->survivor);
                if (explained(o, &next))
                        return true;
        }
        return false;
}

static void must_be_explained(struct crash *c)
{
        const struct script *s = script_of(c);
        struct order o = { .c = c };
        struct play p = { .m = { .flags = s->flags, .parties = s->parties } };
        WEFT_MUST(c, weft_barrier_info(barrier_of(c), &o.is));
        for (int i = 0; i < STEPS_MAX; i++)
                (void)model_do(&p.m, HOST, s->host[i]);
        for (int i = 0; i < STEPS_MAX; i++)
                (void)model_do(&p.m, VICTIM, s->before[i]);
        if (!explained(&o, &p))
                crash_fail(c, CRASH_BROKEN,
                           "no order explains phase %llu, parties %u, taken %u, arrived "
                           "%u, broken %u, victim %lld (done %d), survivor %lld",
                           (unsigned long long)o.is.phase, o.is.parties, o.is.taken,
                           o.is.arrived, o.is.broken, (long long)c->note->rc,
                           (int)c->note->done, (long long)c->word[0]);
}

/* ---- afterwards ----------------------------------------------------------------------- */

/* The survivor alone crosses what is left of it. */
static void must_cross(struct crash *c)
{
        weft_barrier_t *b = barrier_of(c);
        struct weft_barrier_info i;
        WEFT_MUST(c, weft_barrier_info(b, &i));
        CRASH_MUST(c, CRASH_LEAKED, i.waiting == 0);
        if (i.broken)
                WEFT_MUST(c, weft_barrier_reset(b));
        int rc = weft_barrier_leave(b);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EPERM);
        WEFT_MUST(c, weft_barrier_info(b, &i));
        CRASH_MUST(c, CRASH_LEAKED, i.taken == 0 && i.arrived == 0 && !i.broken);
        weft_barrier_close(b); /* and with it what an anonymous one is still owed */
        WEFT_MUST(c, weft_barrier_open(arena_of(c), "b", &b));
        c->handle = b;
        if (i.parties == 0)
                WEFT_MUST(c, weft_barrier_join(b));
        if (i.parties > 1)
                return;
        for (int k = 0; k < 3; k++)
                CRASH_MUST(c, CRASH_WEDGED, weft_barrier_wait(b, WEFT_NOW) == 1);
        WEFT_MUST(c, weft_barrier_info(b, &i));
        CRASH_MUST(c, CRASH_BROKEN, i.parties == 1 && i.arrived == 0 && !i.broken);
}

static void verify(struct crash *c)
{
        must_be_explained(c);
        must_cross(c);
        weft_barrier_close(barrier_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "b"));
        weft_kit_nothing_left(c, 0);
}

/* ---- made and opened -------------------------------------------------------------------- */

static const struct weft_barrier_options of_one = { .parties = 1 };

static void setup_bare(struct crash *c)
{
        weft_kit_create(c);
}

static void op_create(struct crash *c)
{
        weft_barrier_t *b;
        c->note->rc = weft_barrier_create(arena_of(c), "b", &of_one, &b);
}

static void op_open(struct crash *c)
{
        weft_barrier_t *b;
        c->note->rc = weft_barrier_open(arena_of(c), "b", &b);
}

static void survive_made(struct crash *c)
{
        weft_barrier_t *b;
        WEFT_MUST(c, weft_barrier_create_or_open(arena_of(c), "b", &of_one, &b));
        CRASH_MUST(c, CRASH_WEDGED, weft_barrier_wait(b, WEFT_NOW) == 1);
        WEFT_MUST(c, weft_barrier_leave(b));
        WEFT_MUST(c, weft_barrier_join(b));
        c->handle = b;
}

static void verify_made(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        CRASH_MUST(c, CRASH_WEDGED, weft_barrier_wait(barrier_of(c), WEFT_NOW) == 1);
        weft_barrier_close(barrier_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "b"));
        weft_kit_nothing_left(c, 0);
}

/* ---- the table --------------------------------------------------------------------------- */

#define MADE(name_, setup_, prepare_, victim_, script_) \
        { \
                .name = "barrier/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = weft_kit_open, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive_made, .verify = verify_made, .more = (script_) \
        }

#define PLAY(name_, flags_, operate_, ...) \
        { \
                .name = "barrier/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_barrier, .prepare = prepare, .victim = (operate_), \
                .survive = survive, .verify = verify, .flags = (flags_), \
                .more = &(const struct script) \
                { \
                        __VA_ARGS__ \
                } \
        }
#define ALONE(name_, ...) PLAY(name_, 0, operate, __VA_ARGS__)
#define HOSTED(name_, ...) PLAY(name_, CRASH_KEEP_HOST, operate, __VA_ARGS__)

#define SHRINK .flags = WEFT_BARRIER_SHRINK
#define ANONYMOUS .flags = WEFT_BARRIER_ANONYMOUS
#define BOTH .flags = WEFT_BARRIER_SHRINK | WEFT_BARRIER_ANONYMOUS

static const struct crash_case cases[] = {
        MADE("create/absent", setup_bare, weft_kit_join, op_create, NULL),
        MADE("open/there", setup, NULL, op_open,
             (&(const struct script){ .parties = 1 })),

        /* Nobody there; the victim has no seat yet. */
        ALONE("wait/first", .parties = 3, .victim = WAIT, .survivor = WAIT),
        ALONE("wait/first/shrink", SHRINK, .parties = 2, .victim = WAIT,
              .survivor = WAIT),
        ALONE("wait/first/anonymous", ANONYMOUS, .parties = 3, .victim = WAIT,
              .survivor = WAIT),
        ALONE("arrive/first", .parties = 2, .victim = ARRIVE, .survivor = WAIT),
        PLAY("wait/asleep", 0, operate_asleep, .parties = 3, .before = { JOIN },
             .victim = WAIT, .survivor = WAIT),
        ALONE("wait/again", SHRINK, .parties = 2, .before = { WAIT }, .victim = WAIT,
              .survivor = WAIT),
        HOSTED("wait/all taken", .parties = 1, .host = { WAIT }, .victim = WAIT,
               .survivor = WAIT),

        /* The last to arrive. */
        HOSTED("wait/last", .parties = 2, .host = { WAIT }, .victim = WAIT,
               .survivor = PHASE),
        HOSTED("wait/last/shrink", SHRINK, .parties = 2, .host = { WAIT }, .victim = WAIT,
               .survivor = PHASE),
        HOSTED("wait/last/anonymous", ANONYMOUS, .parties = 2, .host = { WAIT },
               .victim = WAIT, .survivor = WAIT),
        HOSTED("wait/last but one", .parties = 3, .host = { WAIT }, .victim = WAIT,
               .survivor = WAIT),
        HOSTED("arrive/last/anonymous shrink", BOTH, .parties = 2, .host = { WAIT },
               .victim = ARRIVE, .survivor = WAIT),

        /* Its phase has turned; it dies as a member in the next. */
        ALONE("wait/ended", .parties = 1, .before = { WAIT, WAIT }, .victim = WAIT,
              .survivor = JOIN),
        ALONE("wait_phase/now", SHRINK, .parties = 2, .before = { ARRIVE },
              .victim = PHASE, .survivor = WAIT),

        ALONE("wait/broken", .parties = 3, .before = { WAIT, BREAK }, .victim = WAIT,
              .survivor = WAIT),
        ALONE("join", .parties = 1, .victim = JOIN, .survivor = WAIT),
        ALONE("join/shrink", SHRINK, .parties = 0, .victim = JOIN, .survivor = JOIN),
        ALONE("join/anonymous", ANONYMOUS, .parties = 1, .victim = JOIN,
              .survivor = WAIT),
        ALONE("join/broken", .parties = 2, .before = { BREAK }, .victim = JOIN,
              .survivor = RESET),
        ALONE("leave", .parties = 2, .before = { JOIN }, .victim = LEAVE,
              .survivor = WAIT),
        HOSTED("leave/last", .parties = 1, .before = { JOIN }, .host = { JOIN, ARRIVE },
               .victim = LEAVE, .survivor = WAIT),
        ALONE("leave/last/shrink", SHRINK, .parties = 1, .before = { JOIN },
              .victim = LEAVE, .survivor = WAIT),
        HOSTED("leave/arrived", SHRINK, .parties = 3, .host = { WAIT },
               .before = { WAIT }, .victim = LEAVE, .survivor = WAIT),
        ALONE("leave/broken", .parties = 3, .before = { WAIT, BREAK }, .victim = LEAVE,
              .survivor = JOIN),
        ALONE("reset/broken", .parties = 2, .before = { WAIT, BREAK }, .victim = RESET,
              .survivor = PHASE),
        ALONE("reset/broken/anonymous", ANONYMOUS, .parties = 2,
              .before = { WAIT, BREAK }, .victim = RESET, .survivor = RESET),
        ALONE("reset/whole", .parties = 2, .before = { JOIN }, .victim = RESET,
              .survivor = JOIN),
        HOSTED("close/member", .parties = 2, .host = { ARRIVE }, .before = { JOIN },
               .victim = CLOSE, .survivor = WAIT),
        ALONE("close/shrink", SHRINK, .parties = 2, .before = { WAIT }, .victim = CLOSE,
              .survivor = WAIT),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
