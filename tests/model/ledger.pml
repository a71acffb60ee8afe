/* ledger.pml -- a value and accounts that change together; filing; settling the dead.
 * sync/ledger.h (weft_ledger_change, weft_ledger_file), ledger.c (was_made,
 * weft_ledger_settle), and what an owned semaphore's recovery makes of them.
 *
 * Three seats. Actors 0, 1 and 2 take one from the value and give one back. Who may
 * settle takes anybody else for dead, wherever that one has got to, and so may others take
 * him for dead, who then settle both. Actor 3 comes late and takes seat 0 over, if its
 * holder has been settled. At any moment at all the last actor may come: everybody else is
 * dead then; he settles them in some order and counts. One atomic {} is one access to
 * shared memory, with the local steps after it; the two loads of the cell are two.
 *
 *   OPS0 .. OPS3     operations of each actor
 *   SETTLES          bit a: actor a may settle others
 *   VALUE            at the start
 * Shown: settling finds what happened, always; in the end the value and the accounts are
 * what they would be if each change had been made in one step, once.
 */
#define NA 4
#define NS 3
#ifndef VALUE
#define VALUE 2
#endif
#define LAST NA
#define SEAT(a) ((a) == 3 -> 0 : (a))

/* the cell: one CAS16 */
byte value = VALUE;
byte number, maker; /* hi: one load */

byte now[NS], next[NS], tried[NS], filed[NS];

/* seats, as agent.pml proves them */
byte sits[NS];    /* actor + 1 */
byte settler[NS]; /* actor + 1 */
bool dead[NA];
byte over;

/* ghosts */
bool made[NS];    /* the open change */
byte truth[NS];   /* what each account is, as of the CAS */

/* weft_ledger_change() for seat s; what: 0 take, 1 give back, 2 give all. */
inline change(s)
{
        do
        :: lo = value;
                atomic { hi = number; who = maker };
                atomic { /* the step; one's own account is one's own */
                        after = lo; then = now[s];
                        if
                        :: what == 0 && lo > 0 -> after--; then++; rc = 0
                        :: what == 1 && then > 0 -> after++; then--; rc = 0
                        :: what == 2 -> after = after + then; then = 0; rc = 0
                        :: else -> rc = 1
                        fi
                };
                if
                :: atomic { rc -> break }
                :: atomic { !rc -> skip };
#if !defined(BUG_NO_FILING) && !defined(BUG_FILED_LATE)
                        if /* weft_ledger_file() */
                        :: atomic { tried[who] != hi || hi == 0 -> skip }
                        :: atomic { tried[who] == hi && hi != 0 -> skip };
#ifdef BUG_NO_MAX
                                filed[who] = hi
#else
                                atomic { filed[who] = (filed[who] < hi -> hi : filed[who]) }
#endif
                        fi;
#endif
#ifndef BUG_NEXT_LATE
                        next[s] = then;
#endif
                        atomic { tried[s] = hi + 1; made[s] = 0 };
                        atomic { /* LP */
                                if
#ifdef BUG_VALUE_ONLY /* nothing in the cell says that it changed and changed back */
                                :: value == lo ->
#else
                                :: value == lo && number == hi && maker == who ->
#endif
                                        value = after; number = hi + 1; maker = s;
                                        made[s] = 1;
                                        truth[s] = then;
                                        rc = 0
                                :: else -> rc = 1
                                fi
                        };
                        if
                        :: atomic { rc -> skip }
                        :: atomic { !rc -> skip };
#ifdef BUG_NEXT_LATE
                                next[s] = then;
#endif
#ifdef BUG_FILED_LATE
                                if
                                :: atomic { tried[who] != hi || hi == 0 -> skip }
                                :: atomic { tried[who] == hi && hi != 0 -> skip };
                                        atomic { filed[who] = (filed[who] < hi -> hi : filed[who]) }
                                fi;
#endif
#ifndef BUG_CLOSED_EARLY
                                now[s] = then;
#endif
                                break
                        fi
                fi
        od;
        tried[s] = 0;
#ifdef BUG_CLOSED_EARLY
        if
        :: atomic { !rc -> now[s] = then }
        :: atomic { rc -> skip }
        fi;
#endif
        atomic { lo = 0; hi = 0; who = 0; after = 0; then = 0; rc = 0; what = 0 }
}

/* weft_ledger_settle() of seat s */
inline settle_open(s)
{
        hi = tried[s];
        if
        :: atomic { hi == 0 -> skip }
        :: atomic { hi != 0 -> skip };
#ifdef BUG_FILED_FIRST
                rc = (filed[s] >= hi -> 1 : 0);
                if
                :: atomic { rc -> skip }
                :: atomic { !rc -> rc = (number == hi && maker == s -> 1 : 0) }
                fi;
#else
                rc = (number == hi && maker == s -> 1 : 0);
                if
                :: atomic { rc -> skip }
                :: atomic { !rc -> rc = (filed[s] >= hi -> 1 : 0) }
                fi;
#endif
                atomic { assert(rc == made[s]); lo = next[s] };
                if
                :: atomic { rc -> now[s] = lo }
                :: atomic { !rc -> skip }
                fi;
                tried[s] = 0
        fi;
        atomic { hi = 0; lo = 0; rc = 0 }
}

/* The life of seat s is ours: what it left, and then the seat is free. */
inline recover(s)
{
#ifndef BUG_NOT_SETTLED
        settle_open(s);
#endif
        if
        :: atomic { now[s] > 0 -> what = 2 };
                change(s)
        :: atomic { now[s] == 0 -> skip }
        fi;
        atomic { settler[s] = 0; sits[s] = 0; t = 0 }
}

#define MAY_SETTLE(s) \
        ((SETTLES >> me) & 1 && sits[s] && sits[s] != me + 1 && \
         (settler[s] == 0 || dead[settler[s] - 1]))

/* Whoever sits there dies now, if he has not. */
inline seize(s)
{
        t = s; settler[s] = me + 1; dead[sits[s] - 1] = 1
}

proctype actor(byte me; byte ops) provided (!dead[me])
{
        byte s = SEAT(me), t, what, lo, hi, who, after, then, rc;
        if
        :: atomic { me < 3 && ops > 0 -> sits[s] = me + 1 }
        :: atomic { me == 3 && ops > 0 && sits[0] == 0 && dead[0] -> sits[s] = me + 1 }
        :: atomic { ops == 0 -> skip }
        fi;
        do
        :: atomic { ops > 0 -> ops--; what = 0 }; change(s)
        :: atomic { ops > 0 && now[s] > 0 -> ops--; what = 1 }; change(s)
        :: atomic { ops > 0 && MAY_SETTLE(0) -> ops--; seize(0) }; recover(t)
        :: atomic { ops > 0 && MAY_SETTLE(1) -> ops--; seize(1) }; recover(t)
        :: atomic { ops > 0 && MAY_SETTLE(2) -> ops--; seize(2) }; recover(t)
        :: break
        od;
        over++
}

proctype last_one()
{
        byte me = LAST, s, t, what, lo, hi, who, after, then, rc;
        bool down;
        atomic {
                /* nobody can have left anything else */
                tried[0] || tried[1] || tried[2] || over == NA;
                dead[0] = 1; dead[1] = 1; dead[2] = 1; dead[3] = 1;
                if
                :: down = 1; s = NS - 1
                :: down = 0
                fi;
                do
                :: s < NS ->
                        if
                        :: sits[s] -> recover(s)
                        :: else
                        fi;
                        s = (down -> (s == 0 -> NS : s - 1) : s + 1)
                :: else -> break
                od;
                s = 0;
                do
                :: s < NS ->
                        assert(truth[s] == 0 && now[s] == 0 && tried[s] == 0);
                        s++
                :: else -> break
                od;
                assert(value == VALUE) /* each permit once */
        }
}

init
{
        atomic {
                run actor(0, OPS0);
                run actor(1, OPS1);
                run actor(2, OPS2);
                run actor(3, OPS3);
                run last_one()
        }
}
