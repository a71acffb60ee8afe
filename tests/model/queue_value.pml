/* queue_value.pml -- elements in cells: push, pop, hints, shutdown. structures/queue.c.
 *
 * N = 2 cells. Pushers and poppers make a few operations each with WEFT_NOW; one actor may
 * shut the queue down; each may stop for ever between any two steps (death and SIGSTOP are
 * the same here: nothing is owned, nothing is settled). The ghost queue holds the order of
 * the linearization points.
 */
#ifndef PUSHERS
#define PUSHERS 2
#endif
#ifndef POPPERS
#define POPPERS 2
#endif
#ifndef PUSHES
#define PUSHES 2 /* of each */
#endif
#ifndef POPS
#define POPS 2
#endif
#define N 2
#define MAXV (PUSHERS * PUSHES)

#define CLOSED 128
#define PHASE(lo) ((lo) & 127)

byte lo[N], hi[N];     /* cells: one CAS16 each */
byte tail_hint, head_hint;
bool closing;

/* ghosts */
byte fifo[MAXV + 1], first, next; /* what was pushed; popped are those below first */
bool sealed;

#define CELL(p) ((p) % N)

/* find_tail, one look: rc 0: it awaits position pos; 1: look again; 2 full; 3 sealed. The
 * load is the LP of full and sealed; what follows is local. */
inline look_tail()
{
        atomic {
                l = lo[CELL(pos)];
                assert(PHASE(l) / 2 % N == pos % N && PHASE(l) / 2 >= N);
                if
                :: l == 2 * pos -> rc = 0
                :: PHASE(l) == 2 * (pos - N) + 1 -> rc = 2; assert(next - first == N)
                :: else ->
                        assert(PHASE(l) > 2 * pos || (l & CLOSED)); /* never lags */
                        if
                        :: l & CLOSED -> pos = PHASE(l) / 2; rc = 3
                        :: else ->
                                pos = ((l & 1) -> PHASE(l) / 2 + 1 : PHASE(l) / 2 - N + 1);
                                rc = 1
                        fi
                fi;
                if
                :: rc -> l = 0
                :: else
                fi
        };
        if
        :: atomic { rc == 1 && tail_hint > pos -> pos = tail_hint } /* ahead() */
        :: atomic { !(rc == 1 && tail_hint > pos) -> skip }
        fi
}

inline look_head()
{
        atomic {
                l = lo[CELL(pos)];
                assert(PHASE(l) / 2 % N == pos % N && PHASE(l) / 2 >= N);
                if
                :: l == 2 * pos + 1 -> rc = 0
                :: PHASE(l) == 2 * pos ->
                        assert(first == next); /* LP of empty, drained */
                        rc = ((l & CLOSED) -> 3 : 2)
                :: else ->
                        assert(PHASE(l) / 2 > pos);
                        pos = PHASE(l) / 2 - N + 1;
                        rc = 1
                fi;
                if
                :: rc -> l = 0
                :: else
                fi
        };
        if
        :: atomic { rc == 1 && head_hint > pos -> pos = head_hint }
        :: atomic { !(rc == 1 && head_hint > pos) -> skip }
        fi
}

inline publish(hint, value)
{
        if
        :: atomic { hint < value -> hint = value }
        :: skip
        fi
}

inline seal()
{
        do
        :: look_tail();
                if
                :: rc > 1 -> break
                :: rc == 1 -> skip
                :: else ->
                        h = hi[CELL(pos)];
                        atomic {
                                if
                                :: lo[CELL(pos)] == l && hi[CELL(pos)] == h ->
                                        lo[CELL(pos)] = l | CLOSED;
                                        assert(!sealed); /* sealed once, at the end */
                                        sealed = 1;
                                        break
                                :: else -> l = 0; h = 0
                                fi
                        }
                fi
        od
}

proctype pusher(byte me)
{
        byte pos = N, l, h, rc, k;
        do
        :: k < PUSHES ->
                if
                :: closing -> break /* -EPIPE */
                :: !closing -> skip
                fi;
                do
                :: look_tail();
                        if
                        :: atomic { rc > 1 -> break }
                        :: atomic { rc == 1 -> skip }
                        :: atomic { rc == 0 -> skip };
                                h = hi[CELL(pos)];
#ifdef BUG_TICKET /* claims with one store, writes with another */
                                atomic { lo[CELL(pos)] == l -> lo[CELL(pos)] = 2 * pos + 1 };
                                hi[CELL(pos)] = me * PUSHES + k + 1;
                                atomic { fifo[next] = me * PUSHES + k + 1; next++; break }
#else
                                atomic { /* LP of push */
                                        if
#ifdef BUG_NO_PHASE /* the CAS compares the data alone */
                                        :: hi[CELL(pos)] == h ->
#else
                                        :: lo[CELL(pos)] == l && hi[CELL(pos)] == h ->
#endif
                                                lo[CELL(pos)] = 2 * pos + 1;
                                                hi[CELL(pos)] = me * PUSHES + k + 1;
                                                assert(!sealed);
                                                fifo[next] = me * PUSHES + k + 1;
                                                next++;
                                                break
                                        :: else -> l = 0; h = 0
                                        fi
                                }
#endif
                        fi
                od;
                if
                :: rc == 0 -> pos++;
#ifdef BUG_HINT /* the hint is not held back to what was passed */
                        publish(tail_hint, pos + 1)
#else
                        publish(tail_hint, pos)
#endif
                :: rc == 3 -> break
                :: else
                fi;
                atomic { k++; l = 0; h = 0; rc = 0 }
        :: else -> break
        od;
        atomic { k = 0; l = 0; h = 0; rc = 0; pos = 0 }
}

proctype popper(byte me)
{
        byte pos = N, was, l, h, rc, k;
        do
        :: k < POPS ->
                do
#ifdef BUG_TICKET
                :: skip;
again:                  look_head();
#else
                :: look_head();
#endif
                        if
                        :: atomic { rc == 2 && !closing -> break }
                        :: atomic { rc == 2 && closing -> was = pos };
                                seal(); /* weft_queue_at_end() */
                                atomic { pos = was; was = 0 }
                        :: atomic { rc == 3 -> break }
                        :: atomic { rc == 1 -> skip }
                        :: atomic { rc == 0 -> skip };
                                h = hi[CELL(pos)];
#ifdef BUG_TICKET /* and who pops waits for it */
                                if
                                :: h == 0 -> goto again
                                :: else
                                fi;
#endif
                                atomic { /* LP of pop */
                                        if
                                        :: lo[CELL(pos)] == l && hi[CELL(pos)] == h ->
                                                lo[CELL(pos)] = 2 * (pos + N);
                                                hi[CELL(pos)] = 0;
                                                assert(first < next && fifo[first] == h);
                                                first++;
                                                break
                                        :: else -> l = 0; h = 0
                                        fi
                                }
                        fi
                od;
                if
                :: rc == 0 -> pos++; publish(head_hint, pos)
                :: rc == 3 ->
                        assert(sealed && first == next); /* nothing pushed is lost */
                        break
                :: else
                fi;
                atomic { k++; l = 0; h = 0; rc = 0 }
        :: else -> break
        od;
        atomic { k = 0; l = 0; h = 0; rc = 0; pos = 0 }
}

#ifdef SHUTDOWN
proctype closer()
{
        byte pos = N, l, h, rc;
        closing = 1; /* LP of shutdown */
        if
        :: skip; seal()
        :: skip /* dies before it seals */
        fi
}
#endif

init
{
        byte i;
        atomic {
                lo[0] = 2 * N; lo[1] = 2 * (N + 1);
                tail_hint = N; head_hint = N;
                i = 0;
                do
                :: i < PUSHERS -> run pusher(i); i++
                :: else -> break
                od;
                i = 0;
                do
                :: i < POPPERS -> run popper(i); i++
                :: else -> break
                od;
#ifdef SHUTDOWN
                run closer()
#endif
        }
}
