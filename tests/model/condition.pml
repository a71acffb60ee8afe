/* condition.pml -- waiting in line for a notification, under a mutex; and the dead.
 * sync/condition.c (wait, wait_in_line, is_bereft, notify_one, recover), sync/line.c
 * (enter, leave, call, settle).
 *
 * A monitor: actors 0 and 1 wait until there is an item, and take it; actor 2 brings ITEMS
 * and notifies of each, holding the mutex. A bit in IMPATIENT makes a waiter give up at
 * any time. Actor 3 comes by and settles. Whoever looks at another's life may find it ended, wherever that one has got
 * to, settling included: up to KILLS of them.
 *
 * The mutex is what mutex.pml shows of it: one holder, the next is told of a dead one. The
 * event count as in that model, too; with RECHECK sleepers also wake by themselves when
 * there is something to find. Shown: in the end nobody sleeps while there is an item, and
 * whoever recovers may die anywhere. One atomic {} is one access to shared memory, with
 * the local steps after it.
 */
#define NA 4
#define LAST NA
#ifndef ITEMS
#define ITEMS 1
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef IMPATIENT
#define IMPATIENT 0
#endif

byte mutex; /* actor + 1 */
bool inconsistent;
byte items;

/* the line; a slot is one word. 0 is nobody, else the ticket */
byte slot[2];
bool called[2];
byte ticket = 1;
bool counted[2]; /* in the event count, and not woken since */

/* seats, as agent.pml proves them */
bool dead[NA], settled[NA];
byte settler[NA]; /* actor + 1 */
byte over;
byte kills;
bool ending; /* all are dead now */

#define CAN_SETTLE(a) \
        ((a) != me && !settled[a] && (dead[a] || kills < KILLS || ending) && \
         (settler[a] == 0 || dead[settler[a] - 1] || ending))

#ifdef BUG_NOT_BEREFT
#define BEREFT false
#else
#define BEREFT (mutex == 0 && inconsistent)
#endif

/* Finds him dead, and gets hold of his life. */
inline seize(a)
{
        x = a;
        settler[x] = me + 1;
        if
        :: !dead[x] ->
                dead[x] = 1; kills++;
                if
                :: x < 2 -> counted[x] = 0 /* the kernel forgets it */
                :: else
                fi
        :: else
        fi
}

/* weft_line_call(): the oldest who is in and not called, seat by seat. */
inline call()
{
        do
        :: atomic {
                   t = (slot[0] && !called[0] -> slot[0] : 0);
                   first = (t -> 1 : 0)
           };
           atomic {
                   if
                   :: slot[1] && !called[1] && (!t || slot[1] < t) -> first = 2; t = slot[1]
                   :: else
                   fi
           };
           if
           :: atomic { !first -> break }
           :: atomic { first -> skip };
                   atomic { /* LP */
                           if
                           :: slot[first - 1] == t && !called[first - 1] ->
                                   called[first - 1] = 1; break
                           :: else
                           fi
                   }
           fi
        od;
        t = 0
}

/* weft_line_settle() for x */
inline settle_line()
{
        passed = 0;
        u = (slot[x] -> 1 + called[x] : 0);
        do
        :: atomic { u == 0 -> break }
        :: atomic { u != 0 -> skip };
#ifndef BUG_NOT_PASSED
#ifndef BUG_LEFT_FIRST
                if
                :: atomic { u == 2 && !passed -> skip };
                        call();
                        atomic { passed = 1; first = 0 }
                :: atomic { u != 2 || passed -> skip }
                fi;
#endif
#endif
                atomic {
                        if
#ifdef BUG_BLIND
                        :: true ->
#else
                        :: u == 1 + called[x] ->
#endif
                                slot[x] = 0; called[x] = 0; break
                        :: else -> u = 1 + called[x]
                        fi
                }
        od;
#ifdef BUG_LEFT_FIRST
        if
        :: atomic { u == 2 -> skip };
                call();
                first = 0
        :: atomic { u != 2 -> skip }
        fi;
#endif
        atomic { passed = 0; u = 0 }
}

/* The objects of x, in the order of the directory, whichever that is. */
inline settle_mutex()
{
        atomic {
                if
                :: mutex == x + 1 -> mutex = 0; inconsistent = 1
                :: else
                fi
        }
}

inline recover()
{
#ifdef MUTEX_LAST
        if
        :: atomic { x < 2 -> skip }; settle_line()
        :: atomic { x >= 2 -> skip }
        fi;
#else
        settle_mutex();
        if
        :: atomic { x < 2 -> skip }; settle_line()
        :: atomic { x >= 2 -> skip }
        fi;
#endif
        atomic { counted[0] = 0; counted[1] = 0 }; /* weft_wait_reset() */
#ifdef MUTEX_LAST
        settle_mutex();
#endif
        atomic { settled[x] = 1; settler[x] = 0; x = 0 }
}

/* weft_condition_notify_all() */
inline call_all()
{
        atomic { called[0] = slot[0] != 0 };
        atomic { called[1] = slot[1] != 0 };
        atomic { counted[0] = 0; counted[1] = 0 }
}

/* weft_mutex_lock(): waits for as long as it takes. Who is told of a death repairs: the
 * dead may have changed something and not said so, and only he knows who is told. */
inline lock()
{
        do
        :: atomic { mutex == 0 && !inconsistent -> mutex = me + 1; break }
        :: atomic { mutex == 0 && inconsistent -> mutex = me + 1 };
#ifndef BUG_SILENT
                call_all();
#endif
                inconsistent = 0; /* weft_mutex_consistent() */
                break
        :: atomic { mutex != 0 && mutex != me + 1 && CAN_SETTLE(mutex - 1) -> seize(mutex - 1) };
                recover()
        od
}

inline end()
{
        t = 0; u = 0; x = 0; first = 0; passed = 0; got = 0;
        over++
}

proctype waiter(byte me)
{
        byte t, u, x, first;
        bool passed, got, late;
        {
                lock();
                do
                :: atomic { items > 0 -> items--; break }
                :: atomic { items == 0 -> skip };
#ifdef BUG_UNLOCK_FIRST
                        mutex = 0;
#endif
                        atomic { t = ticket; ticket++ }; /* weft_line_enter() */
                        atomic { slot[me] = t; called[me] = 0; t = 0 };
#ifndef BUG_UNLOCK_FIRST
                        mutex = 0;
#endif
                        do /* wait_in_line() */
                        :: counted[me] = 1;
                                if
                                :: atomic { called[me] -> counted[me] = 0; break }
                                :: atomic { !called[me] -> skip };
                                        if
                                        :: atomic { !counted[me] -> skip }
#ifdef RECHECK
                                        :: atomic { counted[me] && (called[me] || BEREFT) ->
                                                    counted[me] = 0; break }
                                        :: atomic { counted[me] && CAN_SETTLE(0) -> seize(0) }; recover()
                                        :: atomic { counted[me] && CAN_SETTLE(1) -> seize(1) }; recover()
                                        :: atomic { counted[me] && CAN_SETTLE(2) -> seize(2) }; recover()
                                        :: atomic { counted[me] && CAN_SETTLE(3) -> seize(3) }; recover()
#endif
                                        :: atomic { counted[me] && (IMPATIENT >> me) & 1 ->
                                                    counted[me] = 0; late = 1; break }
                                        fi
                                fi
                        od;
#ifdef BUG_LEFT_EARLY
                        atomic { got = called[me]; slot[me] = 0; called[me] = 0 };
                        lock();
#else
                        lock();
                        atomic { got = called[me]; slot[me] = 0; called[me] = 0 }; /* weft_line_leave() */
#endif
#ifdef BUG_LATE_IS_LATE
                        got = 0;
#endif
                        if
                        :: atomic { late && !got -> break } /* -ETIMEDOUT */
                        :: atomic { !late || got -> got = 0; late = 0 }
                        fi
                od;
                mutex = 0;
                atomic { end() }
        } unless { atomic { dead[me] -> end(); late = 0 } }
}

proctype bringer(byte me)
{
        byte t, u, x, first, n;
        bool passed, got;
        {
                do
                :: atomic { n < ITEMS -> n++ };
                        lock();
                        items++;
                        call(); /* notify_one() */
                        if
                        :: atomic { first -> counted[first - 1] = 0; first = 0 }
                        :: atomic { !first -> skip }
                        fi;
                        mutex = 0
                :: atomic { n == ITEMS -> n = 0; end(); break }
                od
        } unless { atomic { dead[me] -> n = 0; end() } }
}

proctype opener(byte me)
{
        byte t, u, x, first;
        bool passed, got;
        {
                if
                :: atomic { CAN_SETTLE(0) -> seize(0) }; recover()
                :: atomic { CAN_SETTLE(1) -> seize(1) }; recover()
                :: atomic { CAN_SETTLE(2) -> seize(2) }; recover()
                :: atomic { skip }
                fi;
                atomic { end() }
        } unless { atomic { dead[me] -> end() } }
}

/* Nobody moves any more. Who sleeps would sleep for ever: rightly, if there is nothing. */
proctype last_one()
{
        byte me = LAST, t, u, x, first;
        bool passed;
        atomic {
                if
                :: timeout ->
                        assert(over + counted[0] + counted[1] == NA);
                        assert(items == 0 || !(counted[0] || counted[1]))
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
                assert(mutex == 0 && !slot[0] && !slot[1])
        }
}

init
{
        atomic { run waiter(0); run waiter(1); run bringer(2); run opener(3); run last_one() }
}
