/* wait.pml -- the event count: count in, look, sleep; change, look, wake; reset.
 * runtime/wait.c, wait.h (weft_wait_signal).
 *
 * `items` is what is waited for: a waker adds one, a waiter takes one. WAITERS waiters
 * want one item each, WAKERS wakers bring one each. The kernel's part of a futex is one
 * step: compare and sleep; wake up to n that sleep, no matter which.
 *
 *   DEATHS   so many may die, anywhere; each is settled, in the end, by a reset
 *   RECHECK  sleepers also wake by themselves, at any time (the bounded re-check)
 *   LOCK     the one item is a lock: who has it gives it back, and calls one (`called`,
 *            weft_wait_pass); WAKERS is 0
 * Without RECHECK a sleeper that nobody wakes is a deadlock, which the search reports:
 * so without deaths no wake is lost, and with deaths none is once the dead are settled.
 */
#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef WAKERS
#define WAKERS 2
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#define NA (WAITERS + WAKERS)

/* word: changed by one CAS */
byte seq, waiters, epoch;
bool called;
#ifdef LOCK
byte items = 1;
#else
byte items;
#endif

/* the kernel */
bool sleeping[NA], woken[NA];

bool dead[NA], over[NA];
byte deaths, unsettled;

/* ghost: who is counted in which epoch: epoch + 1 */
byte counted[NA];

inline count_check()
{
        k = 0; n = 0;
        do
        :: k < NA ->
                if
                :: counted[k] == epoch + 1 -> n++
                :: else
                fi;
                k++
        :: else -> break
        od;
        assert(waiters == n); /* the truth: no less, or a wake is lost; no more, or too many */
        k = 0; n = 0
}

/* FUTEX_WAKE of up to `many`, whichever. */
inline wake_one(k)
{
        sleeping[k] = 0; woken[k] = 1; n++
}

inline futex_wake(many)
{
        atomic {
                do
                :: n < many && sleeping[0] -> wake_one(0)
                :: n < many && sleeping[1] -> wake_one(1)
#if WAITERS > 2
                :: n < many && sleeping[2] -> wake_one(2)
#endif
                :: else -> break
                od;
                n = 0
        }
}

inline take()
{
        atomic {
                if
                :: items > 0 -> items--; got = 1
                :: else
                fi
        }
}

proctype waiter(byte me)
{
        byte s, e, got, k, n;
        {
                do
                :: take();
                        if
                        :: got -> break
                        :: else
                        fi;
                        atomic { /* count_in() */
                                s = seq;
                                e = epoch;
#ifndef BUG_NOT_COUNTED
                                waiters++;
                                counted[me] = epoch + 1;
#endif
                                count_check()
                        };
#ifndef BUG_NO_SECOND_LOOK
                        take();
#endif
                        if
                        :: !got ->
                                /* sleep_while(): the kernel compares */
                                atomic {
                                        if
#ifdef BUG_NO_COMPARE
                                        :: true -> sleeping[me] = 1
#else
                                        :: seq == s -> sleeping[me] = 1
                                        :: else -> woken[me] = 1
#endif
                                        fi
                                };
                                if
                                :: atomic { woken[me] -> woken[me] = 0 }
#ifdef RECHECK
                                :: atomic { sleeping[me] -> sleeping[me] = 0 }
#endif
                                fi
                        :: else
                        fi;
                        atomic { /* count_out() */
                                if
#ifdef BUG_NO_EPOCH
                                :: true ->
                                        waiters = (waiters > 0 -> waiters - 1 : 0);
                                        counted[me] = 0
#else
                                :: epoch == e && waiters > 0 ->
                                        waiters--; counted[me] = 0;
#ifndef BUG_CALLED_STAYS
                                        called = 0
#endif
                                :: else -> counted[me] = 0
#endif
                                fi;
                                count_check();
                                s = 0; e = 0
                        };
                        if
                        :: got -> break
                        :: else
                        fi
                od;
#ifdef LOCK
                items++; /* unlock: a locked operation; then weft_wait_pass() */
                if
                :: atomic { waiters != 0 && !called -> skip };
                        do
                        :: atomic { waiters == 0 || called -> break }
                        :: atomic { waiters != 0 && !called -> seq++; called = 1 };
                                futex_wake(1);
                                break
                        od
                :: atomic { waiters == 0 || called -> skip }
                fi
#endif
        } unless { dead[me] -> skip };
        atomic { /* the kernel forgets a dead sleeper */
                sleeping[me] = 0; woken[me] = 0; got = 0; s = 0; e = 0; k = 0; n = 0;
                over[me] = 1
        }
}

proctype waker(byte me)
{
        byte n;
        {
#ifdef BUG_SIGNAL_FIRST
                if
                :: atomic { waiters != 0 -> seq++ };
                        futex_wake(1)
                :: atomic { waiters == 0 -> skip }
                fi;
                items++
#else
                items++; /* a locked operation */
                if /* weft_wait_signal() */
                :: atomic { waiters != 0 -> skip };
                        do /* weft_wait_wake() */
                        :: atomic { waiters == 0 -> break }
                        :: atomic {
                                   waiters != 0 ->
#ifndef BUG_NO_BUMP
                                   seq++
#endif
                           };
                                futex_wake(1);
                                break
                        od
                :: atomic { waiters == 0 -> skip }
                fi
#endif
        } unless { dead[me] -> skip };
        atomic { n = 0; over[me] = 1 }
}

#if DEATHS > 0
proctype killer()
{
        byte v;
        do
        :: deaths < DEATHS ->
                atomic {
                        v = 0;
                        do
                        :: v < NA - 1 -> v++
                        :: break
                        od;
                        if
                        :: !dead[v] && !over[v] -> dead[v] = 1; deaths++; unsettled++
                        :: else
                        fi;
                        v = 0
                }
        :: break
        od
}

/* Settles the dead. No recoverer dies here: the next one would reset once more. */
proctype recoverer()
{
        byte k, n;
end:    do
        :: atomic { unsettled > 0 -> unsettled-- };
#ifdef BUG_NO_RESET
                skip
#else
                atomic { /* weft_wait_reset() */
#ifndef BUG_NO_EPOCH
                        epoch++;
#endif
                        waiters = 0;
                        called = 0;
#ifndef BUG_RESET_NO_BUMP
                        seq++
#endif
#ifdef BUG_NO_EPOCH
                        k = 0;
                        do
                        :: k < NA -> counted[k] = 0; k++
                        :: else -> break
                        od;
                        k = 0
#endif
                };
                futex_wake(NA)
#endif
        od
}
#endif

/* What is left when nobody moves any more. */
proctype last_one()
{
        byte i, asleep;
        atomic { /* each waiter has an item, or sleeps rightly, or is dead */
                timeout ->
                i = 0;
                do
                :: i < WAITERS ->
                        assert(over[i] || (sleeping[i] && items == 0));
                        assert(!sleeping[i] || (counted[i] == epoch + 1));
                        asleep = asleep + (sleeping[i] -> 1 : 0);
                        i++
                :: else -> break
                od;
                /* the dead forgotten, the count is that of the sleepers: 0 when all are
                 * done (who died after the last reset would be settled by the next) */
                assert(unsettled > 0 || waiters == asleep)
        }
}

init
{
        byte i;
        atomic {
                i = 0;
                do
                :: i < WAITERS -> run waiter(i); i++
                :: i >= WAITERS && i < NA -> run waker(i); i++
                :: i == NA -> break
                od;
#if DEATHS > 0
                run killer();
                run recoverer();
#endif
                run last_one()
        }
}
