/* stack.pml -- a top that is changed by signed CAS16s, and the evidence on who made which.
 * structures/stack_internal.h (weft_stack_change), stack_node.c (weft_stack_file,
 * has_happened); what a change does to nodes follows from whether it was made.
 *
 * Three seats, and one word of evidence on the top's line, for which all compete. Actors 0,
 * 1 and 2 make OPS changes each; any of them may die anywhere. One who settles takes one
 * dead for settled after he looked in three places, while the others go on; then actor 3
 * takes that seat over. At any moment at all everybody else is dead, and all are
 * settled. One atomic {} is one access to shared memory.
 *
 *   OPS0     changes of actor 0, OPS of each other one
 * Shown: settling finds what happened, always.
 */
#define NS 3
#ifndef OPS0
#define OPS0 2
#endif
#ifndef OPS
#define OPS 1
#endif
#define HI(tag, seat) ((tag) * 4 + (seat))
#define TAG(hi) ((hi) / 4)
#define WHO(hi) ((hi) % 4)

byte top;       /* a `hi` */
byte line;      /* a `hi`; 0: none */
byte desk[NS];  /* the same: filed there */
byte intent[NS]; /* the `hi` to be made; 0: none */
bool dead[4];
bool over;

byte made[NS]; /* ghost: the last change of each seat */

inline file_in_desk(x)
{
        old2 = desk[WHO(x)];
        do
        :: old2 >= x -> break
        :: else ->
                atomic {
                        if
                        :: desk[WHO(x)] == old2 -> desk[WHO(x)] = x; old2 = x
                        :: else -> old2 = desk[WHO(x)]
                        fi
                }
        od
}

inline file(x)
{
        old = line;
        do
        :: WHO(old) == WHO(x) && old >= x -> break
        :: else ->
#ifndef BUG_NO_MOVE
                if
                :: old && WHO(old) != WHO(x) -> file_in_desk(old)
                :: else -> skip
                fi;
#endif
#ifdef BUG_BLIND_LINE
                atomic { line = x; break }
#else
                atomic {
                        if
                        :: line == old -> line = x; break
                        :: else -> old = line
                        fi
                }
#endif
        od
}

proctype actor(byte a; byte s) provided (!over && !dead[a])
{
        byte n = 0, seen, old, old2;
        do
        :: n == (a == 0 -> OPS0 : OPS) -> break
        :: n < (a == 0 -> OPS0 : OPS) ->
                seen = top;
                intent[s] = HI(TAG(seen) + 1, s);
#if !defined(BUG_NO_FILING) && !defined(BUG_FILED_LATE)
                if
                :: WHO(seen) != s -> file(seen)
                :: else -> skip
                fi;
#endif
                atomic {
                        if
                        :: top == seen ->
                                top = HI(TAG(seen) + 1, s);
                                made[s] = top;
                                n++
                        :: else -> seen = 255 /* somebody else made one */
                        fi;
#ifndef BUG_FILED_LATE
                        seen = 0;
#endif
                        old = 0; old2 = 0
                };
#ifdef BUG_FILED_LATE
                if
                :: seen != 255 && WHO(seen) != s -> file(seen)
                :: else -> skip
                fi;
#endif
        od
}

/* Each look is an access of its own. */
inline look(s, found)
{
        found = false;
#ifdef BUG_LOOKED_BACKWARDS
        if :: desk[s] == intent[s] -> found = true :: else -> skip fi;
        if :: line == intent[s] -> found = true :: else -> skip fi;
        if :: top == intent[s] -> found = true :: else -> skip fi;
#else
        if :: top == intent[s] -> found = true :: else -> skip fi;
        if :: line == intent[s] -> found = true :: else -> skip fi;
        if :: desk[s] == intent[s] -> found = true :: else -> skip fi;
#endif
}

proctype settler() provided (!over)
{
        byte s;
        bool found;
        select (s : 0 .. 2);
        dead[s] = true;
        if
        :: intent[s] ->
                look(s, found);
                assert(found == (made[s] == intent[s]));
                intent[s] = 0
        :: else -> skip
        fi;
        run actor(3, s)
}

/* Everybody is dead, at any moment: nobody else moves any more. */
active proctype last()
{
        byte s = 0;
        bool found;
        atomic {
                run actor(0, 0);
                run actor(1, 1);
                run actor(2, 2);
                run settler()
        };
        atomic {
                over = true;
                do
                :: s < NS ->
                        if
                        :: intent[s] ->
                                look(s, found);
                                assert(found == (made[s] == intent[s]))
                        :: else -> skip
                        fi;
                        s++
                :: else -> break
                od
        }
}
