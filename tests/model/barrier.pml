/* barrier.pml -- parties that join, arrive, leave and die; phases that turn; breaking.
 * sync/barrier.c: begin, finish, the steps, weft_barrier_look, attempt, fate, told,
 * weft_barrier_wait, join, leave, reset, bury.
 *
 * A change of the value and an account is one step, as ledger.pml shows; what is read for
 * it is read before, in steps of its own, and the number of the last change is compared.
 * Of a phase the value has one bit, and `recent` is moved on at every phase (one of 20
 * bits, and of 2^16 phases, in the code). Each actor goes on until phase LAST_PHASE is
 * over, and leaves.
 *
 *   PARTIES     places at the start; 0: everybody joins first
 *   JOINED      the first actors have taken them
 *   ACTORS      how many
 *   SHRINK, ANONYMOUS
 *   KILLS       so many are found dead, wherever they have got to, by who waits
 *   IMPATIENT   a bit for each who may give up waiting, once, and then waits on
 *   EARLY       a bit for each who arrives first and waits then
 *   RESETS      who is told that it is broken resets it and goes on; the last actor, if
 *               there are more than places, comes then and takes the free one (else the
 *               others wait for it, rightly). Without RESETS he leaves.
 * The event count as in mutex.pml. Shown: at each turn all the members have arrived, and
 * who is told of its end had; each arrival is told of once; nobody is left asleep.
 */
#ifndef ACTORS
#define ACTORS 3
#endif
#ifndef PARTIES
#define PARTIES 0
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef IMPATIENT
#define IMPATIENT 0
#endif
#ifndef EARLY
#define EARLY 0
#endif
#ifndef LAST_PHASE
#define LAST_PHASE 2
#endif
#define LAST ACTORS
#define BEHIND_MAX 1

/* the cell: one CAS16. Its phase bit is phase & 1, which is all that anybody reads of it */
byte number, phase, parties = PARTIES, taken, arrived, fates;
bool broken;
byte recent;

/* accounts, which change together with the cell; `owed` is the owner's own */
bool member[ACTORS], here[ACTORS], owed[ACTORS];
byte since[ACTORS];

bool counted[ACTORS]; /* in the event count, and not woken since */

/* seats, as agent.pml proves them */
bool dead[ACTORS], settled[ACTORS];
byte settler[ACTORS]; /* actor + 1 */
byte over, kills;
bool ending;

/* ghosts */
byte crossed[ACTORS]; /* the last phase that it has been told of, + 1 */
byte reset;           /* a bit for each phase that ended so */

#define CAN_SETTLE(a) \
        ((a) != me && !settled[a] && (dead[a] || kills < KILLS || ending) && \
         (settler[a] == 0 || dead[settler[a] - 1] || ending))

#ifdef ANONYMOUS
#define IS_MEMBER(a) (member[a] && since[a] == p)
#else
#define IS_MEMBER(a) (member[a])
#endif
#define HAS_ARRIVED(a) (here[a] && since[a] == p)

/* A look now would find something. */
#ifdef BUG_NOT_TOLD
#define WORTH (phase > want)
#else
#define WORTH (phase > want || broken)
#endif

inline seize(a)
{
        x = a;
        settler[x] = me + 1;
        if
        :: !dead[x] -> dead[x] = 1; kills++; counted[x] = 0
        :: else
        fi
}

inline wake_all()
{
        atomic {
                i = 0;
                do
                :: i < ACTORS -> counted[i] = 0; i++
                :: else -> break
                od;
                i = 0
        }
}

/* op->recent, the cell, begin(): p is the phase in full; again: LOOK_AGAIN. */
inline read_cell()
{
        r = recent;
        atomic { n = number; p = r + ((phase - r) & 1) };
#ifndef BUG_RECENT_ONCE
        atomic { again = (recent != r) };
        if
        :: atomic { !again && p - r >= BEHIND_MAX -> skip };
                atomic {
                        if
                        :: recent == r -> recent = p
                        :: else
                        fi;
                        again = 1
                }
        :: atomic { again || p - r < BEHIND_MAX -> skip }
        fi;
#endif
        r = 0
}

inline next_phase(f)
{
        /* the truth: those who are members are those who are here */
        i = 0;
        do
        :: i < ACTORS ->
                assert(f || !IS_MEMBER(i) || HAS_ARRIVED(i));
                i++
        :: else -> break
        od;
        i = 0;
        reset = reset | (f << phase);
        phase++;
        fates = (fates << 1 | f) & 3;
        arrived = 0;
#ifdef ANONYMOUS
        taken = 0;
#endif
        turned = 1
}

/* finish(), in the step of the change */
inline finish()
{
        number++;
        if
        :: !broken && parties && arrived == parties -> next_phase(0)
        :: else -> turned = 0
        fi
}

inline census()
{
        i = 0; k = 0; t = 0;
        do
        :: i < ACTORS ->
#ifdef ANONYMOUS
                k = k + (member[i] && since[i] == phase);
#else
                k = k + member[i];
#endif
                t = t + (here[i] && since[i] == phase);
                i++
        :: else -> break
        od;
        assert(k == taken && t == arrived && taken <= parties);
        i = 0; k = 0; t = 0
}

#define CHANGED (number == n)

/* arrive(): rc 0, 1 it turned, 2 -EPERM, 3 -EOWNERDEAD. `want` is what to wait for. */
inline arrive(early)
{
        do
        :: read_cell();
                if
                :: atomic { again -> skip }
                :: atomic { !again && broken && CHANGED -> rc = 3; break }
                :: atomic { !again && HAS_ARRIVED(me) -> want = p; rc = 0; break }
                :: atomic { !again && !HAS_ARRIVED(me) && !IS_MEMBER(me) &&
                            taken == parties && CHANGED -> rc = 2; break }
                :: atomic { !again && !HAS_ARRIVED(me) -> skip };
                        atomic { /* LP */
                                if
                                :: CHANGED && !broken && (IS_MEMBER(me) || taken < parties) ->
                                        assert(p == phase);
                                        want = p;
                                        if
                                        :: !IS_MEMBER(me) -> taken++
                                        :: else
                                        fi;
                                        /* it knows how its arrival before this ended */
                                        assert(!here[me] || crossed[me] > since[me] ||
                                               reset >> since[me] & 1);
                                        arrived++;
                                        member[me] = 1; here[me] = 1; since[me] = p;
                                        finish();
                                        owed[me] = early && !turned;
                                        rc = turned;
                                        census();
                                        break
                                :: else
                                fi
                        }
                fi
        od;
        atomic { n = 0; p = 0; again = 0 };
        if
        :: atomic { turned -> turned = 0 };
#ifndef BUG_NO_WAKE
                wake_all()
#else
                skip
#endif
        :: atomic { !turned -> skip }
        fi
}

inline join()
{
        do
        :: read_cell();
                if
                :: atomic { again -> skip }
                :: atomic { !again && broken && CHANGED -> rc = 3; break }
                :: atomic { !again -> skip };
                        atomic {
                                if
                                :: CHANGED && !broken ->
                                        parties++; taken++; number++;
                                        member[me] = 1; since[me] = p;
                                        census();
                                        rc = 0;
                                        break
                                :: else
                                fi
                        }
                fi
        od;
        atomic { n = 0; p = 0; again = 0 }
}

/* step_leave, or step_die for the dead `who`. */
inline go(who, died)
{
        do
        :: read_cell();
                if
                :: atomic { again -> skip }
                :: atomic { !again -> skip };
                        atomic {
                                if
                                :: CHANGED ->
                                        if
                                        :: IS_MEMBER(who) ->
                                                taken--;
#ifdef BUG_STILL_HERE
                                                arrived = arrived - (died -> 0 : HAS_ARRIVED(who));
#else
                                                arrived = arrived - HAS_ARRIVED(who);
#endif
#ifdef SHRINK
                                                parties--
#else
                                                if
                                                :: died -> broken = 1
                                                :: else -> parties--
                                                fi
#endif
                                        :: else -> assert(died)
                                        fi;
                                        member[who] = 0; here[who] = 0; since[who] = 0; owed[who] = 0;
#ifdef BUG_DEATH_TURNS_NOT
                                        if
                                        :: !died -> finish()
                                        :: else -> number++
                                        fi;
#else
                                        finish();
#endif
                                        census();
                                        break
                                :: else
                                fi
                        }
                fi
        od;
        atomic { n = 0; p = 0; again = 0 };
        if
        :: atomic { turned || died -> turned = 0 };
                wake_all() /* weft_wait_reset(), for the dead */
        :: atomic { !turned && !died -> skip }
        fi
}

/* weft_barrier_bury() of x */
inline recover()
{
        if
        :: atomic { member[x] || here[x] -> skip };
                go(x, true)
        :: atomic { !member[x] && !here[x] -> skip };
                wake_all()
        fi;
        atomic { settled[x] = 1; settler[x] = 0; x = 0 }
}

/* attempt(): rc 0 it has ended, 1 wait, 3 -EOWNERDEAD. */
inline look()
{
        do
        :: r = recent;
                atomic { p = r + ((phase - r) & 1); k = fates; t = broken };
#ifdef BUG_RECENT_ONCE
                break
#else
                if
                :: atomic { recent == r -> break }
                :: atomic { recent != r -> skip }
                fi
#endif
        od;
        atomic {
                if
                :: p > want && p - want <= 2 -> /* fate() */
#ifdef BUG_NO_FATE
                        rc = 0;
#else
                        rc = (k >> (p - want - 1) & 1 -> 3 : 0);
#endif
                        assert((rc == 3) == (reset >> want & 1))
                :: p > want && p - want > 2 -> rc = (k == 3 -> 3 : 0)
#ifdef BUG_NOT_TOLD
                :: p <= want -> rc = 1
#else
                :: p <= want -> rc = (t -> 3 : 1)
#endif
                fi;
                r = 0; p = 0; k = 0; t = 0
        }
}

/* weft_wait_for(), told(): rc as above, 1 -ETIMEDOUT. */
inline wait_on()
{
        do
        :: counted[me] = 1;
                look();
                if
                :: atomic { rc != 1 -> counted[me] = 0; break }
                :: atomic { rc == 1 && !counted[me] -> skip }
#if KILLS > 0
                :: atomic { rc == 1 && counted[me] && WORTH -> skip }
                :: atomic { rc == 1 && counted[me] && CAN_SETTLE(0) -> seize(0) }; recover()
#if ACTORS > 1
                :: atomic { rc == 1 && counted[me] && CAN_SETTLE(1) -> seize(1) }; recover()
#endif
#if ACTORS > 2
                :: atomic { rc == 1 && counted[me] && CAN_SETTLE(2) -> seize(2) }; recover()
#endif
#endif
                :: atomic { rc == 1 && counted[me] && hasty -> hasty = 0; counted[me] = 0; break }
                fi
        od;
        if
        :: atomic { here[me] && since[me] == want -> owed[me] = (rc == 1) }
        :: atomic { !(here[me] && since[me] == want) -> skip }
        fi
}

inline clear()
{
        r = 0; n = 0; p = 0; x = 0; i = 0; k = 0; t = 0; want = 0; rc = 0; again = 0; turned = 0;
        hasty = 0; over++
}

proctype party(byte me)
{
        byte r, n, p, x, i, k, t, want, rc;
        bool again, turned, hasty = (IMPATIENT >> me) & 1;
        {
#if defined(RESETS) && ACTORS > PARTIES
                if /* the last one waits for the place of a dead one */
                :: atomic { me == ACTORS - 1 && reset -> skip }
                :: atomic { me == ACTORS - 1 && !reset && over == ACTORS - 1 -> rc = 2 }
                :: atomic { me != ACTORS - 1 -> skip }
                fi;
#endif
#if PARTIES == 0
                join();
#endif
                do
                :: atomic { rc >= 2 -> break }
                :: atomic { rc < 2 && crossed[me] > LAST_PHASE -> break }
                :: atomic { rc < 2 && crossed[me] <= LAST_PHASE -> skip };
                        /* weft_barrier_wait() */
                        if
#ifndef BUG_NOT_OWED
                        :: atomic { owed[me] -> want = since[me]; rc = 0 }
                        :: atomic { !owed[me] -> skip };
#else
                        :: skip;
#endif
                                arrive((EARLY >> me) & 1)
                        fi;
                        if
                        :: atomic { rc >= 1 -> skip }
                        :: atomic { rc == 0 -> skip };
                                wait_on();
                                if
                                :: atomic { rc == 1 -> rc = 4 } /* -ETIMEDOUT: waits on */
                                :: atomic { rc != 1 -> skip }
                                fi
                        fi;
                        if
                        :: atomic { rc == 4 -> rc = 0; want = 0 }
                        :: atomic { rc < 2 ->
                                /* told that `want` has ended, for the first time */
                                assert(crossed[me] <= want && phase > want);
                                crossed[me] = want + 1; rc = 0; want = 0
                           }
#ifdef RESETS
                        :: atomic { rc == 3 -> rc = 0; want = 0 };
                                do /* weft_barrier_reset() */
                                :: read_cell();
                                        if
                                        :: atomic { again -> skip }
                                        :: atomic { !again && !broken && CHANGED -> break }
                                        :: atomic { !again && broken -> skip };
                                                atomic {
                                                        if
                                                        :: CHANGED && broken ->
                                                                broken = 0; number++;
                                                                next_phase(1);
                                                                census();
                                                                break
                                                        :: else
                                                        fi
                                                }
                                        fi
                                od;
                                atomic { turned = 0; n = 0; p = 0; again = 0 };
                                wake_all()
                        :: atomic { rc == 2 -> skip }
#else
                        :: atomic { rc == 2 || rc == 3 -> skip }
#endif
                        fi
                od;
                if
                :: atomic { member[me] -> skip };
#ifdef ANONYMOUS
                        skip
#else
                        go(me, false)
#endif
                :: atomic { !member[me] -> skip }
                fi;
                atomic { clear() }
        } unless { atomic { dead[me] -> clear() } }
}

/* Nobody moves any more. */
proctype last_one()
{
        byte me = LAST, r, n, p, x, i, k, t;
        bool again, turned;
        atomic {
                if
                :: timeout ->
#if !defined(RESETS) || ACTORS > PARTIES
                        i = 0;
                        do
                        :: i < ACTORS -> assert(!counted[i]); i++ /* asleep for ever */
                        :: else -> break
                        od;
                        i = 0;
                        assert(over == ACTORS)
#else
                        skip
#endif
                :: over < ACTORS && over + KILLS - kills >= ACTORS
                fi;
                ending = 1;
                do
                :: CAN_SETTLE(0) -> seize(0); recover()
                :: CAN_SETTLE(1) -> seize(1); recover()
#if ACTORS > 2
                :: CAN_SETTLE(2) -> seize(2); recover()
                :: !CAN_SETTLE(0) && !CAN_SETTLE(1) && !CAN_SETTLE(2) -> break
#else
                :: !CAN_SETTLE(0) && !CAN_SETTLE(1) -> break
#endif
                od;
                census();
                assert(taken == 0 && arrived == 0)
        }
}

init
{
        byte i;
        atomic {
#ifdef JOINED
                do
                :: i < PARTIES -> member[i] = 1; taken++; i++
                :: else -> break
                od;
                i = 0;
#endif
                do
                :: i < ACTORS -> run party(i); i++
                :: else -> break
                od;
                run last_one()
        }
}
