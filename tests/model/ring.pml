/* ring.pml -- one producer, one consumer, no locked instruction: structures/ring.c,
 * ring_seat.c, ring_wait.c, ring_select.c, recover in ring_object.c, <weft/ring_inline.h>.
 *
 * STORES. What the other side reads is written through a store buffer of SB places and comes
 * to memory later, in order. A locked operation waits until its own buffer is empty,
 * membarrier until each other one has been. Who dies leaves his to memory. What only the
 * holder of a side reads, or his successor, is written at once; and an element is, for nobody
 * may look at its place before the stamp: one who did would find another value.
 *
 * U units of W elements. Producer 0 and consumer 2, with successors 1 and 3, who are rivals
 * for the seat as well; actor 4 shuts it down.
 *
 *   PUSHES, POPS    operations of actors 0 and 2; PUSHES1, POPS1 of the successors
 *   BATCHES         those of the producers that are in this mask push BATCH
 *   POP_N           a pop takes up to so many
 *   LEAVES          after the operations in this mask the side is given up; taken again later
 *   HANDLES         the producers go on by any of so many
 *   WAITS           who is in this mask waits; SELECTS: as select does; the others try and
 *                   go on
 *   TIMEOUTS        so often a sleep ends by itself
 *   VICTIM          dies, anywhere, and is settled, by one who dies
 *   SHUTS           actor 4 is there
 *   TELL            units from one telling of the head to the next
 *
 * Shown: what is popped has been pushed, in that order, and once; what was acknowledged is
 * popped or still there, shut down or not; who was told -EPIPE pushed nothing that is popped;
 * in the end nobody sleeps who has something to do.
 */
#ifndef U
#define U 2
#endif
#ifndef W
#define W 2
#endif
#ifndef SB
#define SB 2
#endif
#ifndef PUSHES
#define PUSHES 4
#endif
#ifndef POPS
#define POPS 4
#endif
#ifndef PUSHES1
#define PUSHES1 0
#endif
#ifndef POPS1
#define POPS1 0
#endif
#ifndef BATCHES
#define BATCHES 0
#endif
#ifndef BATCH
#define BATCH 5
#endif
#ifndef POP_N
#define POP_N 1
#endif
#ifndef LEAVES
#define LEAVES 0
#endif
#ifndef HANDLES
#define HANDLES 1
#endif
#ifndef WAITS
#define WAITS 0
#endif
#ifndef SELECTS
#define SELECTS 0
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 0
#endif
#ifndef TELL
#define TELL 1
#endif
#ifdef VICTIM
#define CUT }; atomic { /* here he may die, too */
#else
#define CUT
#endif
#define IS_IN(mask, n) (((mask) >> (n)) & 1)

#define CLOSER 4

/* Positions: stamp.h. */
#if W == 1
#define Q 2 /* of a unit */
#else
#define Q 4
#endif
#define UNIT(p) (((p) / Q) % U)
#define NORMAL(p) ((p) % Q < W -> (p) : ((p) / Q + 1) * Q)
#define LIMIT(h) NORMAL((h) + (U - 1) * Q + 1)
#define DATA(p) (UNIT(p) * W + (p) % Q)
#define AHEAD(stamp, p) ((stamp) > (p) && (stamp) - (p) <= W - (p) % Q -> (stamp) - (p) : 0)
#define CLOSED 128
#define OPEN_POS(p) ((p) & 127)

/* ---- memory ------------------------------------------------------------------------- */

#define STAMP(p) UNIT(p)
#define POP_POS U
#define HEAD (U + 1)
byte mem[U + 2]; /* of the consumers' words: as others see them */
byte data[U * W], push_pos, push_limit, pop_pos, pop_limit; /* pop_pos: as he sees it */
byte buffered[5], where[4 * SB], what[4 * SB];
#define EMPTY (buffered[me] == 0) /* for what is locked */

inline store(to, what_is)
{
        buffered[me] < SB ->
        where[me * SB + buffered[me]] = to;
        what[me * SB + buffered[me]] = what_is;
        buffered[me]++
}

proctype drain(byte me)
{
end:    do
        :: d_step {
                buffered[me] > 0 ->
                mem[where[me * SB]] = what[me * SB];
#if SB > 1
                where[me * SB] = where[me * SB + 1];
                what[me * SB] = what[me * SB + 1];
#endif
#if SB > 2
                where[me * SB + 1] = where[me * SB + 2];
                what[me * SB + 1] = what[me * SB + 2];
#endif
                where[me * SB + SB - 1] = 0;
                what[me * SB + SB - 1] = 0;
                buffered[me]--
           }
        od
}

/* membarrier */
inline order_everybody()
{
        EMPTY;
        buffered[0] == 0 && buffered[1] == 0;
        buffered[2] == 0 && buffered[3] == 0
}

/* What is changed by locked operations alone. A turn is told by the handle that drew it last,
 * 0 if that was somebody else: so "is it mine" is one comparison, as it is there. */
#define PUSH 0
#define POP 1
byte seat[2], turn[2];
bool closing;
byte seal;

inline draw(side)
{
        atomic { EMPTY -> turn[side] = 0 }
}

/* ---- who sleeps: wait.pml ------------------------------------------------------------- */

#define NOT_EMPTY 0
#define NOT_FULL 1
byte seq[2], waiters[2], epoch[2];
bool called[2];
bool sleeping[4], woken[4];
byte timeouts;

inline rouse(a)
{
        sleeping[a] = 0; woken[a] = 1
}

inline wake_sleepers(w, one) /* of two */
{
        atomic {
                if
                :: sleeping[2 - 2 * w] -> rouse(2 - 2 * w);
                        if
                        :: !one && sleeping[3 - 2 * w] -> rouse(3 - 2 * w)
                        :: else -> skip
                        fi
                :: sleeping[3 - 2 * w] && (one || !sleeping[2 - 2 * w]) -> rouse(3 - 2 * w)
                :: !sleeping[2 - 2 * w] && !sleeping[3 - 2 * w] -> skip
                fi
        }
}

/* weft_wait_wake(), and weft_wait_call() if `one` */
inline wake(w, one)
{
        if
        :: atomic { EMPTY && waiters[w] && !(one && called[w]) ->
                seq[w]++;
                called[w] = called[w] | one
           };
           wake_sleepers(w, one)
        :: atomic { EMPTY && !(waiters[w] && !(one && called[w])) -> skip }
        fi
}

/* Is somebody counted? weft_ring_wake(): a fence, then the count. */
inline look_and_wake(w)
{
        if
        :: atomic { waiters[w] -> skip };
                if
                :: atomic { EMPTY && waiters[w] == 1 -> skip };
                        wake(w, true)
                :: atomic { EMPTY && waiters[w] != 1 -> skip };
                        wake(w, false)
                fi
        :: atomic { !waiters[w] -> skip }
        fi
}

inline count_out(w)
{
        atomic {
                EMPTY ->
                if
                :: epoch[w] == e && waiters[w] > 0 ->
                        waiters[w]--;
#ifndef BUG_CALLED_STAYS
                        called[w] = 0
#endif
                :: else -> skip
                fi;
                s = 0;
                e = 0;
                how = 0
        }
}

inline sleep(w)
{
        if
        :: atomic { seq[w] == s -> sleeping[me] = 1 };
                if
                :: atomic { woken[me] -> woken[me] = 0 }
                :: atomic { sleeping[me] && timeouts < TIMEOUTS ->
                        sleeping[me] = 0; timeouts++ }
                fi
        :: atomic { seq[w] != s -> skip }
        fi
}

/* After -EAGAIN: counted in, ordered, asleep. Who need not try again leaves the loop. */
#define COUNTED 1
#define ORDERED 2
#define WORD(w) (1 + seq[w] + 16 * epoch[w] + 64 * waiters[w])
#if SELECTS
#define SELECTING IS_IN(SELECTS, me)
#else
#define SELECTING false
#endif

inline wait_more(w, side)
{
        if
        :: !SELECTING && !IS_IN(WAITS, me) -> break
        :: SELECTING || IS_IN(WAITS, me) ->
                if
                :: how == 0 ->
#ifdef BUG_DRAW_FIRST
                        draw(side);
#endif
                        atomic {
                                EMPTY -> waiters[w]++; s = seq[w]; e = epoch[w];
                                how = COUNTED;
#ifndef BUG_MEMO_KEPT
                                ordered = 0
#endif
                        };
#if !defined(BUG_DRAW_FIRST) && !defined(BUG_NO_DRAW)
                        if
                        :: !SELECTING -> draw(side)
                        :: else -> skip
                        fi
#endif
                :: how == COUNTED && SELECTING -> /* weft_ring_order() */
                        if
                        :: atomic { waiters[w] -> x = WORD(w) };
                                draw(side);
                                if
                                :: x != ordered -> atomic { order_everybody(); ordered = x }
                                :: else -> skip
                                fi;
                                x = 0
                        :: atomic { !waiters[w] -> skip }
                        fi;
                        how = ORDERED
                :: how == COUNTED && !SELECTING && seq[w] == s ->
                        atomic {
#ifndef BUG_NO_ORDER
                                order_everybody();
#endif
                                how = ORDERED
                        }
                :: how == ORDERED && (SELECTING || seq[w] == s) ->
                        sleep(w);
                        if
                        :: SELECTING -> count_out(w)
                        :: else -> skip
                        fi
                :: how && !SELECTING && seq[w] != s -> count_out(w)
                fi
        fi
}

/* ---- ghosts ------------------------------------------------------------------------- */

#define BIT(v) (1 << (v))
byte value, last; /* of elements: they count up */
short acked, refused, popped;
bool ended;
bool dead[5], over[5], settled;

inline is_popped(v_)
{
        assert(v_ > last);                          /* in order, and once */
        assert(!(refused & BIT(v_)));
        assert(!(acked & (BIT(v_) - 1) & ~popped)); /* and nothing left out */
        popped = popped | BIT(v_);
        last = v_
}

inline is_acked(v_)
{
        assert(popped & BIT(v_) || (v_ > last && !ended));
        acked = acked | BIT(v_)
}

inline is_refused(v_)
{
        assert(!(popped & BIT(v_)));
        refused = refused | BIT(v_)
}

/* ---- the producers --------------------------------------------------------------------- */

#define AGAIN 1
#define PIPE 2
#define ID (me * 2 + hand + 1)

/* Where the stamps end. Nobody else writes them, and the buffer is empty. */
inline find_tail(p)
{
        do
        :: AHEAD(mem[STAMP(p)], p) -> p = NORMAL(p + AHEAD(mem[STAMP(p)], p))
        :: else -> break
        od
}

inline take_push()
{
        atomic { EMPTY && seat[PUSH] == 0 -> seat[PUSH] = me + 1 };
        atomic {
                EMPTY ->
                turn[PUSH] = 0;
                CUT
#ifdef BUG_NO_WALK
                skip;
#else
                find_tail(push_pos);
#endif
                CUT
                push_limit = 0
        }
}

/* weft_ring_settle() */
inline settle()
{
        if
        :: atomic { turn[PUSH] == ID -> push_pos = npos[hand] }
#ifdef BUG_NO_OTHER_HANDLE
        :: atomic { turn[PUSH] != ID -> push_pos = npos[hand];
#else
        :: atomic { turn[PUSH] != ID && EMPTY -> turn[PUSH] = ID;
#endif
                CUT
                npos[hand] = push_pos;
#ifndef BUG_NO_WALK
                find_tail(npos[hand]);
#endif
                push_pos = npos[hand]
           }
        fi
}

/* Is there room behind the head x for the tail t? */
inline try_head()
{
        if
        :: x > t || t >= LIMIT(x) -> rc = AGAIN
        :: else ->
                rc = 0;
#ifndef BUG_BATCH_FAR
                push_pos = t;
#endif
                push_limit = LIMIT(x)
        fi;
        x = 0
}

inline find_room()
{
        atomic { x = mem[HEAD]; try_head() };
        if
        :: rc -> atomic {
                x = OPEN_POS(mem[POP_POS]);
                assert(x <= t && t <= LIMIT(x)); /* else -EUCLEAN */
                try_head()
           }
        :: else -> skip
        fi
}

/* After the LP: what lies before `t` counts, or does not. */
inline pushed()
{
        push_pos = t;
        npos[hand] = t;
        look_and_wake(NOT_EMPTY);
        if
        :: atomic { !closing -> skip }
        :: atomic { closing -> skip };
#ifndef BUG_NO_SEAL
           atomic {
                EMPTY ->
                if
                :: seal == 0 -> seal = t
                :: seal && seal >= t -> skip
                :: seal && seal < t -> t = (seal > was -> seal : was)
                fi
           }
#endif
        fi;
        atomic {
                do
                :: v < value && was < t -> v++; is_acked(v); was = NORMAL(was + 1)
                :: v < value && was >= t -> v++; is_refused(v) /* or never tried */
                :: else -> break
                od;
                v = 0; t = 0; was = 0
        }
}

/* push_elements(): `left` of them, the last of which is `value`. */
inline push_elements()
{
        if
        :: atomic { closing -> rc = PIPE;
                v = value - left;
                do
                :: v < value -> v++; is_refused(v)
                :: else -> break
                od;
                v = 0 }
        :: atomic { !closing -> rc = 0; was = push_pos; t = was; v = value - left };
           do
           :: left && !rc ->
                if
                :: t >= push_limit -> find_room()
                :: else -> skip
                fi;
                if
                :: rc -> break
                :: else -> skip
                fi;
                atomic {
                        k = W - t % Q;
                        k = (k < left -> k : left);
                        k = (k < push_limit - t -> k : push_limit - t);
#ifdef BUG_STAMP_FIRST
                        store(STAMP(t), t + k)
                };
                atomic {
#endif
                        x = 0;
                        do
                        :: x < k -> data[DATA(t + x)] = value - left + 1 + x; x++
                        :: else -> break
                        od;
                        x = 0;
#ifndef BUG_STAMP_FIRST
                        store(STAMP(t), t + k);
#endif
                        t = NORMAL(t + k); left = left - k; k = 0
                }
           :: else -> break
           od;
           if
           :: t != was -> rc = 0; pushed()
           :: else -> atomic { v = 0; t = 0; was = 0 }
           fi
        fi
}

inline open_near_push()
{
        if
        :: atomic { turn[PUSH] == ID -> skip }
        :: atomic { turn[PUSH] != ID && EMPTY -> turn[PUSH] = ID }
        fi;
        if
#ifdef BUG_NOT_LOOKED
        :: atomic { true ->
#else
        :: atomic { waiters[NOT_EMPTY] -> skip }
        :: atomic { !waiters[NOT_EMPTY] ->
#endif
                near[hand] = !closing &&
                        (npos[hand] / Q) * Q + W <= push_limit
           }
        fi
}

proctype producer(byte me; byte ops)
{
        byte n, hand, left, t, was, k, x, v, rc, s, e, how, ordered;
        byte npos[HANDLES];
        bool near[HANDLES];
        {
                do
                :: n < ops ->
#if HANDLES > 1
                        if
                        :: hand = 0
                        :: hand = 1
                        fi;
#endif
                        if
                        :: atomic { !IS_IN(BATCHES, n) && near[hand] && turn[PUSH] == ID ->
                                /* the short way */
                                was = npos[hand];
                                t = was;
                                v = value;
                                value++
                           };
                           atomic {
#ifdef BUG_STAMP_FIRST
                                store(STAMP(t), t + 1)
                           };
                           atomic {
                                data[DATA(t)] = value;
#else
                                data[DATA(t)] = value;
                                store(STAMP(t), t + 1);
#endif
                                CUT
                                t = NORMAL(t + 1);
                                npos[hand] = t;
                                if
                                :: t % Q == 0 ->
                                        push_pos = t;
#ifndef BUG_LINE_NOT_FREE
                                        near[hand] = (t + W <= push_limit)
#endif
                                :: else -> skip
                                fi
                           };
                           if
#ifdef BUG_NO_LAST_LOOK
                           :: atomic { true ->
#else
                           :: atomic { turn[PUSH] == ID ->
#endif
                                is_acked(value); v = 0; t = 0; was = 0 }
                           :: atomic { turn[PUSH] != ID -> near[hand] = 0 };
                              pushed()
                           fi
                        :: atomic { !(!IS_IN(BATCHES, n) && near[hand] &&
                                      turn[PUSH] == ID) ->
                                near[hand] = 0 };
                           if
                           :: seat[PUSH] != me + 1 -> take_push()
                           :: else -> skip
                           fi;
                           atomic {
                                left = (IS_IN(BATCHES, n) -> BATCH : 1);
                                value = value + left
                           };
                           settle();
                           do
                           :: push_elements();
                              if
                              :: rc == AGAIN -> wait_more(NOT_FULL, POP)
                              :: else -> break
                              fi
                           od;
                           if
                           :: how -> count_out(NOT_FULL)
                           :: else -> skip
                           fi;
                           if
                           :: rc == 0 && !IS_IN(BATCHES, n) -> open_near_push()
                           :: else -> skip
                           fi;
                           atomic { left = 0; rc = 0 }
                        fi;
                        if
                        :: IS_IN(LEAVES, n) && seat[PUSH] == me + 1 ->
                                draw(PUSH);
                                atomic { EMPTY -> seat[PUSH] = 0 }
                        :: else -> skip
                        fi;
                        n++
                :: else -> break
                od
        } unless { dead[me] -> skip };
        atomic { /* the kernel forgets a dead sleeper */
                n = 0; hand = 0; left = 0; t = 0; was = 0; k = 0; x = 0; v = 0;
                rc = 0; s = 0; e = 0; how = 0; ordered = 0; npos[0] = 0; near[0] = 0;
#if HANDLES > 1
                npos[1] = 0; near[1] = 0;
#endif
                sleeping[me] = 0; woken[me] = 0;
                over[me] = 1
        }
}

/* ---- the consumers ----------------------------------------------------------------------- */

#define SIDE_ID (me + 1)

inline set_pos(p)
{
        store(POP_POS, p);
        pop_pos = p
}

inline take_pop()
{
        atomic { EMPTY && seat[POP] == 0 -> seat[POP] = me + 1 };
        draw(POP);
        atomic {
                pop_limit = 0;
                if
#ifndef BUG_NO_LOOK_AT_SEAL
                :: seal && pop_pos >= seal -> h = pop_pos | CLOSED; set_pos(h); h = 0
                :: !(seal && pop_pos >= seal) -> store(HEAD, pop_pos)
#else
                :: true -> store(HEAD, pop_pos)
#endif
                fi
        }
}

inline are_popped(n_)
{
        k = 0;
        do
        :: k < n_ -> is_popped(got[k]); got[k] = 0; k++
        :: else -> break
        od;
        k = 0
}

inline tell_head()
{
        if
        :: ((h ^ was) >= TELL * Q) -> store(HEAD, h)
        :: else -> skip
        fi;
        h = 0;
        was = 0
}

/* pop_elements() */
inline pop_elements()
{
        atomic { rc = 0; was = pop_pos; h = was; left = POP_N };
        if
        :: h & CLOSED -> assert(seal); rc = PIPE
        :: else ->
           do
           :: left ->
                atomic { k = AHEAD(mem[STAMP(h)], h); k = (k < left -> k : left) };
                if
                :: !k -> rc = (h == was -> AGAIN : 0); break
                :: else ->
                        do
                        :: k -> atomic { got[POP_N - left] = data[DATA(h)];
                                k--; left--; h = NORMAL(h + 1) }
                        :: else -> break
                        od
                fi
           :: else -> break
           od
        fi;
        if
        :: !rc ->
                atomic { set_pos(h); are_popped(POP_N - left); CUT tell_head() };
                look_and_wake(NOT_FULL)
        :: else -> skip
        fi;
        atomic { h = 0; was = 0; left = 0 }
}

/* end(), the rest: it has been ordered, has looked once more, and there is nothing. */
inline at_end()
{
        atomic {
                EMPTY ->
                if
                :: seal == 0 -> seal = pop_pos; rc = PIPE
                :: seal && seal <= pop_pos -> rc = PIPE
                :: seal > pop_pos -> assert(fin == 1); fin = 2 /* it is there */
                fi
        };
        if
        :: rc == PIPE ->
                atomic {
#ifdef BUG_NOT_CLOSED
                        skip
#else
                        h = pop_pos | CLOSED;
                        set_pos(h);
                        h = 0
#endif
                }
        :: else -> skip
        fi
}

proctype consumer(byte me; byte ops)
{
        byte n, h, was, left, k, x, rc, s, e, how, ordered, fin;
        byte got[POP_N];
        bool near;
        {
                do
                :: n < ops ->
                        rc = AGAIN;
                        if /* the short way */
                        :: atomic { near && turn[POP] == SIDE_ID ->
                                h = pop_pos;
                                rc = (h >= pop_limit -> AGAIN : 0)
                           };
                           if
                           :: rc -> atomic {
                                k = mem[STAMP(h)];
                                if
                                :: k > h && k - h <= W -> pop_limit = k; rc = 0
                                :: else -> skip
                                fi;
                                k = 0
                              }
                           :: else -> skip
                           fi;
                           if
                           :: !rc ->
                              atomic {
                                was = h;
                                h = NORMAL(h + 1);
#ifdef BUG_POS_FIRST
                                set_pos(h)
                              };
                              atomic {
                                got[0] = data[DATA(was)];
                                are_popped(1);
#else
                                got[0] = data[DATA(was)]
                              };
                              atomic {
                                set_pos(h);
                                are_popped(1);
#endif
                                CUT
                                tell_head()
                              };
                              if
                              :: atomic { turn[POP] == SIDE_ID -> skip }
                              :: atomic { turn[POP] != SIDE_ID -> near = 0 };
                                 look_and_wake(NOT_FULL)
                              fi
                           :: else -> h = 0
                           fi
                        :: atomic { !(near && turn[POP] == SIDE_ID) -> near = 0 }
                        fi;
                        if
                        :: rc ->
                           if
                           :: seat[POP] != me + 1 -> take_pop()
                           :: else -> skip
                           fi;
                           do
                           :: pop_elements();
                              if
                              :: rc != AGAIN -> break
                              :: rc == AGAIN && !fin ->
                                if
                                :: atomic { closing -> skip };
#ifndef BUG_NOT_HEARD
                                        draw(PUSH);
#endif
                                        atomic {
#ifndef BUG_END_NO_ORDER
                                                order_everybody();
#endif
                                                fin = 1
                                        }
                                :: atomic { !closing -> skip };
                                        wait_more(NOT_EMPTY, PUSH)
                                fi
                              :: rc == AGAIN && fin -> at_end();
                                if
                                :: rc == PIPE -> break
                                :: else -> skip
                                fi
                              fi
                           od;
                           if
                           :: how -> count_out(NOT_EMPTY)
                           :: else -> skip
                           fi;
                           if
                           :: rc == PIPE -> atomic {
                                ended = 1;
                                assert(seal && !(acked & ~popped)) }
                           :: rc == 0 && POP_N == 1 -> /* weft_ring_open_near() */
                                if
                                :: atomic { turn[POP] == SIDE_ID -> skip }
                                :: atomic { turn[POP] != SIDE_ID && EMPTY ->
                                        turn[POP] = SIDE_ID }
                                fi;
                                near = !waiters[NOT_FULL]
                           :: else -> skip
                           fi
                        :: else -> skip
                        fi;
                        if
                        :: IS_IN(LEAVES, n) && seat[POP] == me + 1 ->
                                draw(POP);
                                atomic { EMPTY -> seat[POP] = 0 }
                        :: else -> skip
                        fi;
                        atomic { n++; rc = 0; fin = 0 }
                :: else -> break
                od
        } unless { dead[me] -> skip };
        atomic {
                n = 0; h = 0; was = 0; left = 0; x = 0; rc = 0; s = 0; e = 0;
                how = 0; ordered = 0; fin = 0; near = 0; k = 0;
                do
                :: k < POP_N -> got[k] = 0; k++
                :: else -> break
                od;
                k = 0;
                sleeping[me] = 0; woken[me] = 0;
                over[me] = 1
        }
}

/* ---- shutdown, death ----------------------------------------------------------------------- */

#ifdef SHUTS
proctype closer()
{
        byte me = CLOSER;
        {
                closing = 1; /* LP of shutdown */
#ifndef BUG_NOT_HEARD
                turn[PUSH] = 0;
#endif
                if
                :: waiters[NOT_EMPTY] -> wake(NOT_EMPTY, false)
                :: !waiters[NOT_EMPTY] -> skip
                fi;
                if
                :: waiters[NOT_FULL] -> wake(NOT_FULL, false)
                :: !waiters[NOT_FULL] -> skip
                fi
        } unless { dead[CLOSER] -> skip };
        over[CLOSER] = 1
}
#endif

#ifdef VICTIM
/* recover(); who does it may die, and another one begins anew. */
inline give_up(side)
{
        if
        :: atomic { seat[side] == VICTIM + 1 -> skip };
           turn[side] = 0;
           seat[side] = 0
        :: atomic { seat[side] != VICTIM + 1 -> skip }
        fi
}

inline reset(w)
{
#ifndef BUG_NO_RESET
        atomic { epoch[w]++; seq[w]++; waiters[w] = 0; called[w] = 0 };
        wake_sleepers(w, false)
#else
        skip
#endif
}

proctype reaper()
{
        bool once_more;
        atomic { !over[VICTIM] -> dead[VICTIM] = 1 };
        over[VICTIM];
#if VICTIM < CLOSER
        buffered[VICTIM] == 0;
#endif
again:  give_up(PUSH);
        give_up(POP);
        if
        :: !once_more -> once_more = 1; goto again
        :: once_more = 1
        fi;
        reset(NOT_EMPTY);
        reset(NOT_FULL);
        settled = 1
}
#endif

/* What is left when nobody moves any more. */
proctype last_one()
{
        byte h, t, a;
        atomic {
                timeout ->
                h = OPEN_POS(pop_pos);
                assert(h == OPEN_POS(mem[POP_POS]));
                t = push_pos;
                find_tail(t);
                assert(h <= t && t <= LIMIT(h));
                assert(!sleeping[0] && !sleeping[1] || !closing && t == LIMIT(h));
                assert(!sleeping[2] && !sleeping[3] || !closing && t == h);
                do
                :: h < t && (!seal || h < seal) -> a = data[DATA(h)]; is_popped(a);
                        h = NORMAL(h + 1)
                :: else -> break
                od;
                assert(!(acked & ~popped))
        }
}

init
{
        byte i;
        atomic {
                do
                :: i < U -> mem[i] = i * Q + W; i++
                :: else -> break
                od;
                i = 0;
                push_pos = U * Q;
                pop_pos = U * Q;
                mem[POP_POS] = U * Q;
                mem[HEAD] = U * Q;
                run drain(0);
                run drain(2);
                run producer(0, PUSHES);
                run consumer(2, POPS);
#if PUSHES1
                run drain(1);
                run producer(1, PUSHES1);
#endif
#if POPS1
                run drain(3);
                run consumer(3, POPS1);
#endif
#ifdef SHUTS
                run closer();
#endif
#ifdef VICTIM
                run reaper();
#endif
                run last_one()
        }
}
