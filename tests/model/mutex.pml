/* mutex.pml -- the FAIR mutex: the line, offers that may be void, and the dead.
 * sync/mutex.c (weft_mutex_attempt, is_for, offer, wait_in_line, unlock, recover, settle),
 * sync/line.c (enter, leave, is_in, find_first).
 *
 * Actors 0, 1 and 2 lock and unlock; a bit in IMPATIENT makes one give up at any time
 * while it waits. Actor 3 settles whoever died in seat 0, and takes it over. Whoever looks
 * at another's life may find it ended, wherever that one has got to, settling included:
 * up to KILLS of them. (He died at some time before, and nobody has looked since.)
 *
 * The event count is what wait.pml shows of it: who is counted in and has looked since
 * sleeps until somebody wakes it; a wake is one step. With RECHECK a sleeper also wakes by
 * itself when there is something to find: so a run in which somebody living stays asleep
 * is a wedge. Without it, and without deaths, it is a wake that was lost.
 * One atomic {} is one access to shared memory, with the local steps after it.
 */
#define NA 4
#ifndef NS
#define NS 3 /* seats in use */
#endif
#define SEAT(a) ((a) == 3 -> 0 : (a))
#define LAST NA

#ifndef KILLS
#define KILLS 0
#endif
#ifndef IMPATIENT
#define IMPATIENT 0
#endif

/* the word */
byte whose; /* actor + 1 */
bool offered, inconsistent;

/* the line: a slot is one word */
byte slot_sig[NS], slot_ticket[NS]; /* 0: not in */
byte ticket = 1;

bool counted[NA]; /* in the event count, and not woken since */

/* seats, as agent.pml proves them */
bool dead[NA], sits[NA];
byte settler[NA]; /* actor + 1 */
byte over;
byte kills;
bool ending; /* all are dead now */

/* ghosts */
byte holder; /* actor + 1 */
bool owed;   /* a holder has died, and nobody has been told and repaired */

#ifdef BUG_NO_GENERATION /* a slot says that somebody is in, not who */
#define IS_IN(sig) (slot_sig[SEAT((sig) - 1)] != 0)
#else
#define IS_IN(sig) (slot_sig[SEAT((sig) - 1)] == (sig))
#endif

#ifdef BUG_NO_VOID
#define IS_VOID(sig) false
#else
#define IS_VOID(sig) (!IS_IN(sig))
#endif

#define CAN_SETTLE(a) \
        ((a) != me && sits[a] && \
         (dead[a] || kills < KILLS || ending) && (settler[a] == 0 || dead[settler[a] - 1] || ending))

/* Finds him dead, and gets hold of his life: seize(). */
inline seize(a)
{
        x = a;
        settler[x] = me + 1;
        if
        :: !dead[x] ->
                dead[x] = 1; kills++;
                counted[x] = 0; /* the kernel forgets it */
                if
                :: holder == x + 1 -> holder = 0; owed = 1
                :: else
                fi
        :: else
        fi
}

/* Would a look now find the mutex, or somebody to settle? */
#define WORTH \
        (whose == 0 || (offered && (whose == me + 1 || IS_VOID(whose))) || \
         CAN_SETTLE(0) || CAN_SETTLE(1) || CAN_SETTLE(2) || CAN_SETTLE(3))

inline read_word()
{
        s = whose; o = offered; i = inconsistent
}

inline write_word(sig, off, inc)
{
        whose = sig; offered = off; inconsistent = inc
}

inline wake_all()
{
        atomic { counted[0] = 0; counted[1] = 0; counted[2] = 0; counted[3] = 0 }
}

/* weft_line_first(): the oldest, seat by seat. */
inline find_first()
{
        first = 0;
        k = 0;
        do
        :: atomic {
                   k < NS ->
                   if
                   :: slot_sig[k] && (!first || slot_ticket[k] < best) ->
                           first = slot_sig[k]; best = slot_ticket[k]
                   :: else
                   fi;
                   k++
           }
        :: atomic { k == NS -> k = 0; best = 0; break }
        od
}

/* recover() for actor x, whose life is ours. */
inline recover()
{
#ifndef BUG_NOT_LEFT
        atomic { /* weft_line_leave() */
                if
                :: slot_sig[SEAT(x)] == x + 1 -> slot_sig[SEAT(x)] = 0; slot_ticket[SEAT(x)] = 0
                :: else
                fi
        };
#endif
#ifndef BUG_WORD_LEFT
        read_word(); /* settle() */
        do
        :: atomic { s != x + 1 -> break }
        :: atomic { s == x + 1 -> skip };
                find_first();
                atomic {
                        if
                        :: whose == s && offered == o && inconsistent == i ->
#ifdef BUG_DROPPED
                                i = !o;
#elif !defined(BUG_FORGOTTEN)
                                i = i || !o;
#endif
                                write_word(first, first != 0, i);
                                break
                        :: else -> read_word()
                        fi
                }
        od;
#endif
        wake_all(); /* weft_wait_reset() */
        atomic { sits[x] = 0; settler[x] = 0; s = 0; o = 0; i = 0; first = 0; x = 0 }
}

/* weft_mutex_attempt(): got is 1, or 0 for -EAGAIN. */
inline attempt()
{
        atomic { read_word(); got = 0 };
        do
        :: atomic { s == 0 || (o && s == me + 1) -> skip };
take:           atomic { /* LP of lock */
                        if
#ifdef BUG_BLIND_TAKE
                        :: true ->
#else
                        :: whose == s && offered == o && inconsistent == i ->
#endif
                                assert(holder == 0);   /* mutual exclusion */
                                assert(i == owed);     /* who is to be told is told */
                                holder = me + 1;
                                write_word(me + 1, 0, i);
                                got = 1;
                                break
                        :: else -> read_word()
                        fi
                }
        :: atomic { s && o && s != me + 1 && IS_VOID(s) -> skip }; /* is_for() */
                goto take
        :: atomic { s && s != me + 1 && !(o && IS_VOID(s)) -> skip };
                /* weft_agent_life() */
                if
                :: atomic { sits[s - 1] && !dead[s - 1] -> break } /* alive */
                :: atomic { sits[s - 1] && dead[s - 1] && !CAN_SETTLE(s - 1) -> break }
                :: atomic { CAN_SETTLE(s - 1) -> seize(s - 1) };
                        recover();
                        read_word() /* it has changed */
                :: atomic { !sits[s - 1] -> /* gone: it cannot be there any more */
                            if
                            :: whose == s && offered == o && inconsistent == i -> break
                            :: else -> read_word()
                            fi }
                fi
        od;
        atomic { s = 0; o = 0; i = 0 }
}

inline leave()
{
        atomic { slot_sig[SEAT(me)] = 0; slot_ticket[SEAT(me)] = 0 }
}

inline lock()
{
        ph = 0;
        do
        :: attempt();
                if
                :: atomic { got -> break }
                :: atomic { !got && ph == 2 -> break }
                :: atomic { !got && ph == 0 -> tk = ticket; ticket++ };
                        atomic { slot_sig[SEAT(me)] = me + 1; slot_ticket[SEAT(me)] = tk; tk = 0 };
                        atomic { counted[me] = 1; ph = 1 }
                :: atomic { !got && ph == 1 -> skip };
                        if
                        :: atomic { !counted[me] -> counted[me] = 1 }
#ifdef RECHECK
                        :: atomic { counted[me] && WORTH -> skip };
                                if /* weft_agents_settle_sometimes() */
                                :: atomic { CAN_SETTLE(0) -> seize(0) }; recover()
                                :: atomic { CAN_SETTLE(1) -> seize(1) }; recover()
                                :: atomic { CAN_SETTLE(2) -> seize(2) }; recover()
                                :: atomic { CAN_SETTLE(3) -> seize(3) }; recover()
                                :: atomic { skip }
                                fi;
                                counted[me] = 1
#endif
                        :: atomic { counted[me] && (IMPATIENT >> me) & 1 -> counted[me] = 0; ph = 2 };
#ifdef BUG_LOOK_FIRST
                                atomic { got = (whose == me + 1 && offered) };
                                leave();
                                atomic {
#else
                                leave();
                                atomic {
                                        got = (whose == me + 1 && offered);
#endif
#ifdef BUG_NO_LAST_LOOK
                                        got = 0;
#endif
                                        if
                                        :: !got -> break
                                        :: else -> got = 0
                                        fi
                                }
                        fi
                fi
        od;
        if
        :: atomic { got && ph == 1 -> counted[me] = 0 };
                leave()
        :: atomic { !(got && ph == 1) -> skip }
        fi;
        ph = 0
}

inline unlock()
{
        if
        :: atomic { inconsistent -> write_word(me + 1, 0, 0); owed = 0 } /* consistent() */
        :: atomic { !inconsistent -> skip }
        fi;
        find_first(); /* offer() */
        if
        :: atomic { first -> assert(holder == me + 1); holder = 0; write_word(first, 1, 0) };
#ifdef BUG_NO_SECOND_LOOK
                atomic { counted[first - 1] = 0; first = 0 }
#else
                if
                :: atomic { IS_IN(first) -> skip };
                        atomic { counted[first - 1] = 0; first = 0 }
                :: atomic { !IS_IN(first) -> first = 0 };
                        wake_all()
                fi
#endif
        :: atomic { !first -> assert(holder == me + 1); holder = 0; write_word(0, 0, 0) };
                wake_all()
        fi
}

inline end()
{
        s = 0; k = 0; first = 0; best = 0; tk = 0; x = 0; ph = 0; o = 0; i = 0; got = 0;
        locks = 0;
        over++
}

proctype locker(byte me; byte locks)
{
        byte s, k, first, best, tk, x, ph;
        bool o, i, got;
        {
                if
                :: atomic { me == 3 && locks && CAN_SETTLE(0) -> seize(0) };
                        recover();
                        sits[3] = 1
                :: atomic { me == 3 && locks && dead[0] && !sits[0] -> sits[3] = 1 }
                :: atomic { me != 3 && locks -> sits[me] = 1 }
                :: atomic { !locks -> skip }
                :: atomic { me == 3 -> locks = 0 } /* or there is no such one */
                fi;
                do
                :: atomic { locks > 0 -> locks-- };
                        lock();
                        if
                        :: atomic { got -> got = 0 };
                                unlock()
                        :: atomic { !got -> skip }
                        fi
                :: atomic { locks == 0 -> end(); break }
                od
        } unless { atomic { dead[me] -> end() } }
}

/* Nobody moves any more: all are done, or dead, some unnoticed. Who sleeps would sleep for
 * ever. Whatever the dead left is settled then. */
proctype last_one()
{
        byte me = LAST, s, k, first, best, x;
        bool o, i;
        atomic {
                if
                :: timeout ->
                        assert(!counted[0] && !counted[1] && !counted[2] && !counted[3]);
                        assert(over == NA)
                :: over < NA && over + KILLS - kills >= NA
                fi;
                ending = 1;
                do
                :: CAN_SETTLE(0) -> seize(0); recover()
                :: CAN_SETTLE(1) -> seize(1); recover()
                :: CAN_SETTLE(2) -> seize(2); recover()
                :: CAN_SETTLE(3) -> seize(3); recover()
                :: !CAN_SETTLE(0) && !CAN_SETTLE(1) && !CAN_SETTLE(2) && !CAN_SETTLE(3) -> break
                od;
                assert(whose == 0 || (offered && !IS_IN(whose)));
                assert(inconsistent == owed);
                assert(slot_sig[0] == 0 && slot_sig[1] == 0 && slot_sig[NS - 1] == 0)
        }
}

init
{
        atomic {
                run locker(0, LOCKS0);
                run locker(1, LOCKS1);
                run locker(2, LOCKS2);
                run locker(3, LOCKS3);
                run last_one()
        }
}
