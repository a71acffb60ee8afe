/* cell.pml -- a cell that is written once in each of its versions, and the block of its value.
 * sync/cell.c: weft_cell_claim, weft_cell_set (of a value that needs a block),
 * weft_cell_cancel, weft_cell_reset, weft_cell_get, weft_cell_recover.
 *
 * Actors 0 and 1 claim and set, actor 2 resets and cancels. One who settles takes any
 * of them for dead, wherever that one has got to, while the others go on. At any moment at
 * all everybody is dead, and all are settled: then a block is the object's if and only if
 * the cell has it. Both words are changed by one CAS, and read one by one; who owns a block
 * passes it on by a load and a store. One atomic {} is one access to shared memory.
 *
 *   SETS, OPS   operations of each setter, of actor 2
 *   NB          blocks
 *   KILLS       somebody settles one of them, too
 *   READS       somebody reads
 */
#ifndef SETS
#define SETS 1
#endif
#ifndef OPS
#define OPS 2
#endif
#ifndef NB
#define NB 2   /* blocks */
#endif
#define OBJ 7  /* an owner; actor a is a + 1, nobody 0 */

#define EMPTY 0
#define CLAIMED 1
#define BLOCK 3
#define CANCELED 5
#define CLEARING 6
#define LO(version, state, what) ((version) * 64 + (state) * 8 + (what))
#define VERSION(l) ((l) / 64)
#define STATE(l) (((l) / 8) % 8)
#define WHAT(l) ((l) % 8)
#ifdef BUG_NO_VERSION
#define NEXT(l) LO(VERSION(l), EMPTY, 0)
#else
#define NEXT(l) LO(VERSION(l) + 1, EMPTY, 0)
#endif

short lo;
byte hi; /* 0, or the ref of a block: 1 + where + NB * generation */
byte owner[NB], gen[NB], data[NB];
bool dead[3], over;

byte made;            /* ghost: values so far */
byte value_of[16];    /* ghost: of each version */

#define WHERE(r) (((r) - 1) % NB)
#define GEN(r) (((r) - 1) / NB)
#define OWNER(r) (gen[WHERE(r)] == GEN(r) -> owner[WHERE(r)] : 0)

/* l and h become what is there; `done` tells. */
inline cas(to_lo, to_hi)
{
        atomic {
                if
                :: lo == l && hi == h -> lo = to_lo; hi = to_hi; done = true
                :: else -> done = false
                fi
        }
}

inline look()
{
        do
        :: l = lo;
           h = hi;
           if
#ifdef BUG_TORN_LOOK
           :: true -> break
#else
           :: lo == l -> break
           :: else -> skip
#endif
           fi
        od
}

inline free_from(r, who)
{
        atomic {
                if
                :: OWNER(r) == who -> owner[WHERE(r)] = 0; gen[WHERE(r)]++
                :: else -> skip
                fi
        }
}

inline clear()
{
        free_from(h, OBJ);
        cas(NEXT(l), 0)
}

proctype setter(byte a) provided (!over && !dead[a])
{
        short l;
        byte h, b, r, n = 0, v;
        bool done;
        do
        :: n == SETS -> break
        :: n < SETS ->
                n++;
                look();
                if
                :: STATE(l) == CLEARING -> clear(); look()
                :: else -> skip
                fi;
                if
                :: STATE(l) != EMPTY -> goto NEXT_ONE
                :: else -> skip
                fi;
                cas(LO(VERSION(l), CLAIMED, a + 1), 0);
                if
                :: !done -> goto NEXT_ONE
                :: else -> skip
                fi;
                atomic {
                        b = 0;
                        do
                        :: b < NB && owner[b] -> b++
                        :: else -> break
                        od;
                        if
                        :: b == NB -> b = 0; goto NEXT_ONE
                        :: else -> skip
                        fi;
                        owner[b] = a + 1;
                        r = 1 + b + NB * gen[b];
                        made++;
                        v = made
                };
#ifndef BUG_FILLED_LATE
                data[b] = 0;
                data[b] = v;
#endif
                atomic {
                        l = LO(VERSION(l), CLAIMED, a + 1);
                        h = 0;
#ifdef BUG_BLIND_SET
                        lo = LO(VERSION(l), BLOCK, 0);
                        hi = r;
                        done = true;
#else
                        if
                        :: lo == l && hi == h ->
                                lo = LO(VERSION(l), BLOCK, 0);
                                hi = r;
                                done = true
                        :: else -> done = false
                        fi;
#endif
                        if
                        :: done ->
                                assert(!value_of[VERSION(l)]);
                                value_of[VERSION(l)] = v
                        :: else -> skip
                        fi
                };
#ifdef BUG_FILLED_LATE
                data[b] = v;
#endif
                if
                :: done ->
                        atomic { done = OWNER(r) == a + 1 };
                        if
                        :: done -> owner[b] = OBJ
                        :: else -> skip
                        fi
                :: else -> free_from(r, a + 1)
                fi;
NEXT_ONE:       atomic { l = 0; h = 0; b = 0; r = 0; v = 0; done = false }
        od
}

proctype reader() provided (!over)
{
        short l;
        byte h, d;
        look();
        if
        :: STATE(l) == BLOCK ->
                d = data[WHERE(h)];
#ifdef BUG_NO_RECHECK
                assert(d == value_of[VERSION(l)])
#else
                atomic { assert(lo != l || d == value_of[VERSION(l)]) }
#endif
        :: else -> skip
        fi
}

proctype other() provided (!over && !dead[2])
{
        short l;
        byte h, n = 0, d;
        bool done;
        do
        :: n == OPS -> break
        :: n < OPS ->
                n++;
                look();
                if
                :: STATE(l) == BLOCK -> /* reset */
                        d = OWNER(h);
                        if
                        :: d == 1 || d == 2 ->
#ifdef BUG_STEAL
                                free_from(h, d);
                                cas(NEXT(l), 0)
#else
                                skip /* -EBUSY */
#endif
                        :: else ->
#ifdef BUG_NO_CLEARING
                                cas(NEXT(l), 0);
                                if
                                :: done -> free_from(h, OBJ)
                                :: else -> skip
                                fi
#else
                                cas(LO(VERSION(l), CLEARING, 0), h);
                                if
                                :: done -> l = LO(VERSION(l), CLEARING, 0); clear()
                                :: else -> skip
                                fi
#endif
                        fi
                :: STATE(l) == CANCELED -> cas(NEXT(l), 0)
                :: STATE(l) == CLEARING -> clear()
                :: STATE(l) == CLAIMED || STATE(l) == EMPTY -> /* cancel */
                        cas(LO(VERSION(l), CANCELED, 0), 0)
                :: STATE(l) == CLAIMED || STATE(l) == EMPTY -> skip
                fi;
                atomic { l = 0; h = 0; d = 0; done = false }
        od
}

/* What a left: in the cell, then its blocks. */
inline settle(a)
{
        look();
        if
        :: STATE(l) == BLOCK ->
#ifndef BUG_NOT_PASSED_ON
                atomic {
                        if
                        :: OWNER(h) == a + 1 -> owner[WHERE(h)] = OBJ
                        :: else -> skip
                        fi
                }
#else
                skip
#endif
        :: STATE(l) == CLEARING -> clear()
        :: STATE(l) == CLAIMED && WHAT(l) == a + 1 -> cas(LO(VERSION(l), EMPTY, 0), 0)
        :: else -> skip
        fi;
        b = 0;
        do
        :: b == NB -> break
        :: b < NB ->
                atomic {
                        if
                        :: owner[b] == a + 1 -> owner[b] = 0; gen[b]++
                        :: else -> skip
                        fi;
                        b++
                }
        od
}

proctype settler() provided (!over)
{
        short l;
        byte h, b, a;
        bool done;
        select (a : 0 .. 2);
        dead[a] = true;
        settle(a)
}

/* Everybody is dead, at any moment. */
active proctype last()
{
        short l;
        byte h, b, a = 0;
        bool done;
        atomic {
                run setter(0);
                run setter(1);
                run other();
#ifdef KILLS
                run settler();
#endif
#ifdef READS
                run reader()
#endif
        };
        over = true;
        d_step {
                do
                :: a == 3 -> break
                :: else -> settle(a); a++
                od;
                look();
                if
                :: STATE(l) == CLEARING -> clear(); look()
                :: else -> skip
                fi;
                assert(STATE(l) != CLAIMED);
                b = 0;
                do
                :: b == NB -> break
                :: else ->
                        assert(!owner[b] || (owner[b] == OBJ && STATE(l) == BLOCK &&
                                             WHERE(h) == b && GEN(h) == gen[b]));
                        b++
                od;
                assert(STATE(l) != BLOCK ||
                       (OWNER(h) == OBJ && data[WHERE(h)] == value_of[VERSION(l)]));
        }
}
