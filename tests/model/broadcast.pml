/* broadcast.pml -- one producer, who locks nothing, and subscribers: structures/broadcast_one.c,
 * broadcast_next.c, broadcast.c (the limit, the end), <weft/broadcast_inline.h>, recover in
 * broadcast_kind.c.
 *
 * STORES go through a store buffer of SB places and come to memory later, in order. A locked
 * operation waits until its own buffer is empty, membarrier until each other one has been. Who
 * dies leaves his to memory.
 *
 * Actors 0 and 1 want to be the producer, 2 and 3 subscribe; actor 4 shuts it down.
 *
 *   (lines)         U lines of W words, N elements retained, as in a BLOCK ring of words
 *   CELLS           N units of one, each its stamp and one word; DROP: nobody is waited for
 *   PUBS, PUBS1     so many are published by 0 and 1; those in BATCHES BATCH at once
 *   LEAVES          after those in this mask the seat is given up
 *   HANDLES         the producers go on by any of so many
 *   NEXTS, NEXTS1   so many are read by 2 and 3; GET: at once
 *   NEWEST          who is in this mask begins there; the others at the oldest
 *   SEEKS           whoever is in this mask begins anew after his first
 *   LIVES           so often a subscriber comes
 *   WAITS           who is in this mask waits; the others try and go on
 *   VICTIM          dies, anywhere, and is settled, by one who dies
 *   SHUTS           actor 4 is there
 *
 * Shown: each position is published once, in order; a subscriber gets them one after the
 * other, each as it was published, and none but of a DROP ring is gone before he has passed
 * it; what he counts as lost was replaced; after -EPIPE nothing is published; in the end
 * nobody sleeps who has something to do.
 */
#ifndef W
#define W 2
#endif
#ifndef N
#define N 2
#endif
#ifdef CELLS
#undef W
#define W 1
#define Q 1
#define U N
#else
#ifndef U
#define U 2
#endif
#if W == 1
#define Q 2
#else
#define Q 4 /* of a line */
#endif
#endif
#ifndef SB
#define SB 2
#endif
#ifndef PUBS
#define PUBS 3
#endif
#ifndef PUBS1
#define PUBS1 0
#endif
#ifndef BATCHES
#define BATCHES 0
#endif
#ifndef BATCH
#define BATCH 3
#endif
#ifndef LEAVES
#define LEAVES 0
#endif
#ifndef HANDLES
#define HANDLES 1
#endif
#ifndef NEXTS
#define NEXTS 3
#endif
#ifndef NEXTS1
#define NEXTS1 0
#endif
#ifndef GET
#define GET 1
#endif
#ifndef NEWEST
#define NEWEST 0
#endif
#ifndef SEEKS
#define SEEKS 0
#endif
#ifndef LIVES
#define LIVES 1
#endif
#ifndef WAITS
#define WAITS 0
#endif
#define IS_IN(mask, n) (((mask) >> (n)) & 1)
#define CLOSER 4

/* Positions: stamp.h. */
#define FIRST (U * Q)
#define UNIT(p) (((p) / Q) % U)
#define NORMAL(p) ((p) % Q < W -> (p) : ((p) / Q + 1) * Q)
#define SEQ(p) (((p) / Q - U) * W + (p) % Q)
#define POS(seq) ((U + (seq) / W) * Q + (seq) % W)
#define OLDEST(t) (SEQ(t) <= N -> FIRST : POS(SEQ(t) - N))
#define ENDLESS 255

/* ---- memory ------------------------------------------------------------------------- */

#define STAMP(p) UNIT(p)
#define DATA(p) (U + UNIT(p) * W + (p) % Q)
#define TAIL (U + U * W)
#define TOLD(a) (TAIL + 1 + (a) - 2)
#define CURSOR(a) (TAIL + 3 + (a) - 2)
byte mem[U + U * W + 5];
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
        byte i;
end:    do
        :: d_step {
                buffered[me] > 0 ->
                mem[where[me * SB]] = what[me * SB];
                do
                :: i + 1 < SB ->
                        where[me * SB + i] = where[me * SB + i + 1];
                        what[me * SB + i] = what[me * SB + i + 1];
                        i++
                :: else -> break
                od;
                i = 0;
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
        buffered[0] == 0;
        buffered[1] == 0;
        buffered[2] == 0;
        buffered[3] == 0
}

/* What is changed by locked operations alone. */
byte producer_is; /* who + 1 */
byte lo, version;
bool shut;
#define FREE 0
#define JOINING 1
#define HERE 2
byte seat[4];

inline unsettle()
{
        version++;
        lo = 0
}

/* ---- who sleeps: wait.pml ------------------------------------------------------------- */

#define NOT_EMPTY 0
#define NOT_FULL 1
byte seq[2], waiters[2], epoch[2];
bool sleeping[4], woken[4];

inline rouse(a)
{
        if
        :: sleeping[a] -> sleeping[a] = 0; woken[a] = 1
        :: else -> skip
        fi
}

inline wake_sleepers(w)
{
        atomic { rouse(2 - 2 * w); rouse(3 - 2 * w) }
}

/* weft_wait_signal() */
inline signal(w)
{
        if
        :: atomic { waiters[w] -> skip };
                if
                :: atomic { EMPTY && waiters[w] -> seq[w]++ };
                        wake_sleepers(w)
                :: atomic { EMPTY && !waiters[w] -> skip }
                fi
        :: atomic { !waiters[w] -> skip }
        fi
}

/* weft_wait_count_in() where states change by plain stores */
inline count_in(w)
{
        atomic { EMPTY -> waiters[w]++; s = seq[w]; e = epoch[w] };
        atomic {
#ifndef BUG_SLEEP_NO_ORDER
                order_everybody();
#endif
                how = 1
        }
}

inline count_out(w)
{
        atomic {
                EMPTY ->
                if
                :: epoch[w] == e && waiters[w] > 0 -> waiters[w]--
                :: else -> skip
                fi;
                s = 0;
                e = 0;
                how = 0
        }
}

/* After -EAGAIN. Who need not try again leaves the loop. */
inline wait_more(w)
{
        if
        :: !IS_IN(WAITS, me) -> break
        :: IS_IN(WAITS, me) && !how -> count_in(w)
        :: IS_IN(WAITS, me) && how ->
                if
                :: atomic { seq[w] == s -> sleeping[me] = 1 };
                        atomic { woken[me] -> woken[me] = 0 }
                :: atomic { seq[w] != s -> skip }
                fi;
                count_out(w)
        fi
}

/* ---- ghosts ------------------------------------------------------------------------- */

#define MOST 12
byte published;     /* the next one's sequence */
bool by_one[MOST];  /* it was actor 1 */
byte at[4];         /* of the subscribers: what they want next */
bool ended, dead[5], over[5], settled;
#define VALUE(p, a) (1 + SEQ(p) + 64 * (a))

inline is_published(p_)
{
        assert(!ended);
        assert(SEQ(p_) == published);
        by_one[published] = me;
        published++
}

/* No further than the limit, but for what was under way, which the old one allowed. */
inline is_allowed(p_)
{
#ifndef DROP
        assert(!at[2] || SEQ(p_) <= SEQ(at[2]) + N);
        assert(!at[3] || SEQ(p_) <= SEQ(at[3]) + N)
#else
        skip
#endif
}

/* ---- walking ------------------------------------------------------------------------- */

#define AGAIN 1
#define PIPE 2
#define IS_THERE(stamp, p) ((stamp) > 2 * (p) && (stamp) / 2 / Q == (p) / Q)
#define IS_GONE(stamp, p) ((stamp) / 2 / Q > (p) / Q)
#define BEYOND(stamp) NORMAL(((stamp) + 1) / 2)
#define BACK(p) ((p) % Q -> 2 * (p) - 1 : 2 * (p) - 2)

inline walk(t_)
{
        do
        :: atomic { mem[STAMP(t_)] > 2 * t_ -> t_ = BEYOND(mem[STAMP(t_)]) }
        :: atomic { mem[STAMP(t_)] <= 2 * t_ -> break }
        od
}

/* ---- the producers --------------------------------------------------------------------- */

/* weft_broadcast_room(): for position p. What they told is looked at first. */
inline look_at(a)
{
        if
        :: atomic { seat[a] == HERE -> x = (told -> mem[TOLD(a)] : mem[CURSOR(a)]) };
                atomic { least = (x < least -> x : least); x = 0 }
        :: atomic { seat[a] != HERE -> skip }
        fi
}

inline room()
{
        told = true;
        do
        :: atomic { shut -> rc = PIPE; break }
        :: atomic { !shut -> v = version; rc = AGAIN; least = ENDLESS };
           atomic { l = lo };
           if
           :: p < l -> rc = 0; break
           :: else -> skip
           fi;
#ifndef DROP
           look_at(2);
#if NEXTS1
           look_at(3);
#endif
           atomic {
                if
                :: least != ENDLESS -> least = POS(SEQ(least) + N)
                :: else -> skip
                fi;
                if
                :: p >= least && !told -> break
                :: p >= least && told -> told = false; goto NEXT_LOOK
                :: else -> skip
                fi
           };
#endif
           atomic {
                EMPTY ->
                if
#ifdef BUG_VERSION_IGNORED
                :: true ->
#else
                :: version == v && lo == l && !shut ->
#endif
                        lo = least; rc = 0; break
                :: else -> skip
                fi
           };
NEXT_LOOK: skip
        od;
        atomic { v = 0; l = 0; least = 0; told = false }
}

inline settle()
{
        near[hand] = false;
        if
        :: atomic { npos[hand] && version == nturn[hand] -> skip }
        :: atomic { !(npos[hand] && version == nturn[hand]) && EMPTY ->
                unsettle();
                nturn[hand] = version;
                p = mem[TAIL] };
                walk(p);
                atomic { npos[hand] = p; p = 0 }
        fi
}

/* sit(): the seat is taken, or rc says why not. */
inline sit()
{
        rc = 0;
        if
        :: atomic { producer_is == me + 1 -> skip }; settle()
        :: atomic { producer_is != me + 1 -> skip };
           if
           :: atomic { shut -> rc = PIPE }
           :: atomic { !shut -> skip };
              atomic { EMPTY && producer_is == 0 -> producer_is = me + 1; npos[hand] = 0 };
              settle();
#ifndef BUG_NOT_TAKEN_BACK
              atomic {
                p = npos[hand];
                if
                :: mem[STAMP(p)] == 2 * p -> x = BACK(p); store(STAMP(p), x)
                :: else -> skip
                fi;
                x = 0
              };
#endif
              atomic { store(TAIL, npos[hand]); p = 0 }
           fi
        fi
}

/* resign, recover */
inline leave()
{
#ifndef BUG_NO_DRAW
        atomic { EMPTY -> unsettle() };
#endif
        atomic { EMPTY -> producer_is = 0 }
}

/* Of a batch: as much as goes into one unit. `left` counts down. */
inline put_some()
{
        do
#ifdef BUG_BATCH_LOOKS_ONCE
        :: atomic { p = npos[hand]; l = (l -> l : lo) };
#else
        :: atomic { p = npos[hand]; l = lo };
#endif
           if
           :: p >= l -> room();
                if
                :: rc -> break
                :: else -> skip
                fi
           :: else ->
                atomic {
                        end_ = W - p % Q;
                        end_ = p + (left < end_ -> left : end_);
                        end_ = (end_ < l -> end_ : l);
#ifndef BUG_NOT_OPENED
                        x = 2 * p;
                        store(STAMP(p), x);
#endif
                        x = 0
                };
                if
#ifdef BUG_NO_SECOND_LOOK
                :: atomic { true ->
#else
                :: atomic { end_ > lo -> x = BACK(p); store(STAMP(p), x); x = 0; end_ = 0;
                        l = 0 }
                :: atomic { end_ <= lo ->
#endif
                        x = p;
                        do
                        :: x < end_ -> v = VALUE(x, me); store(DATA(x), v); x++
                        :: else -> break
                        od;
                        v = 0
                   };
                   atomic {
                        left = left - (end_ - p);
                        is_allowed(p);
                        x = 2 * end_ - 1;
                        store(STAMP(p), x);
                        do
                        :: p < end_ -> is_published(p); p++
                        :: else -> break
                        od;
                        x = 0;
                        npos[hand] = NORMAL(p);
                        p = 0; end_ = 0
                   };
                   atomic { store(TAIL, npos[hand]) };
                   if
                   :: left == 0 -> break
                   :: else -> skip
                   fi
                fi
           fi
        od;
        atomic { p = 0; l = 0 }
}

inline open_near()
{
        atomic { near[hand] = ((npos[hand] / Q) * Q + W <= lo) }
}

proctype producer(byte me; byte ops)
{
        byte n, hand, p, l, v, x, end_, least, left, rc, s, e, how, was;
        bool told;
        byte npos[HANDLES], nturn[HANDLES];
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
                        rc = AGAIN;
                        if
                        :: atomic { !IS_IN(BATCHES, n) && near[hand] &&
                                    version == nturn[hand] -> p = npos[hand] };
#ifndef BUG_NOT_OPENED
                           atomic { x = 2 * p; store(STAMP(p), x); x = 0 };
#endif
                           if
#ifdef BUG_NEAR_NO_SECOND_LOOK
                           :: atomic { true ->
#else
                           :: atomic { version != nturn[hand] ->
                                x = BACK(p); store(STAMP(p), x); x = 0; p = 0 }
                           :: atomic { version == nturn[hand] ->
#endif
                                x = VALUE(p, me); store(DATA(p), x); x = 0 };
                              atomic {
                                x = 2 * p + 1;
                                store(STAMP(p), x);
                                is_allowed(p);
                                is_published(p);
                                x = 0;
                                p = NORMAL(p + 1);
                                npos[hand] = p;
                                rc = 0
                              };
                              if
                              :: p % Q == 0 -> atomic {
                                store(TAIL, p);
#ifdef BUG_LINE_NOT_FREE
                                near[hand] = (p < lo)
#else
                                near[hand] = (p + W <= lo)
#endif
                                }
                              :: else -> skip
                              fi;
                              p = 0;
                              signal(NOT_EMPTY)
                           fi
                        :: atomic { !(!IS_IN(BATCHES, n) && near[hand] &&
                                      version == nturn[hand]) -> skip }
                        fi;
                        if
                        :: rc ->
                           left = (IS_IN(BATCHES, n) -> BATCH : 1);
                           do
                           :: sit();
                              if
                              :: rc -> break
                              :: else -> skip
                              fi;
                              was = left;
                              put_some();
                              if
                              :: was != left -> rc = 0; open_near(); signal(NOT_EMPTY); break
                              :: was == left && rc == PIPE ->
#ifndef BUG_END_NOT_TOLD
                                signal(NOT_EMPTY);
#endif
                                break
                              :: was == left && rc == AGAIN -> wait_more(NOT_FULL)
                              fi
                           od;
                           if
                           :: how -> count_out(NOT_FULL)
                           :: else -> skip
                           fi
                        :: else -> skip
                        fi;
                        if
                        :: IS_IN(LEAVES, n) && producer_is == me + 1 -> leave()
                        :: else -> skip
                        fi;
                        atomic { n++; rc = 0; left = 0; was = 0 }
                :: else -> break
                od
        } unless { dead[me] -> skip };
        atomic {
                n = 0; hand = 0; p = 0; l = 0; v = 0; x = 0; end_ = 0; least = 0; left = 0;
                rc = 0; s = 0; e = 0; how = 0; was = 0; told = 0;
                npos[0] = 0; nturn[0] = 0; near[0] = 0;
#if HANDLES > 1
                npos[1] = 0; nturn[1] = 0; near[1] = 0;
#endif
                sleeping[me] = 0; woken[me] = 0;
                over[me] = 1
        }
}

/* ---- the subscribers ----------------------------------------------------------------------- */

inline survey()
{
        walk(t);
        atomic {
                x = OLDEST(t);
                x = (x < t && IS_GONE(mem[STAMP(x)], x) -> NORMAL(x + 1) : x)
        }
}

inline tell(cursor_)
{
        store(TOLD(me), cursor_);
        store(CURSOR(me), cursor_)
}

inline place()
{
        near = false;
        at[me] = 0;
        t = mem[TAIL];
        survey();
        p = (IS_IN(NEWEST, me) && t > x -> t : x);
        atomic { tell(p) };
        if
        :: seat[me] != HERE -> atomic { EMPTY -> seat[me] = HERE }
        :: else -> skip
        fi;
#ifndef DROP
#ifndef BUG_JOIN_NO_DRAW
        atomic { EMPTY -> unsettle() };
#endif
#ifndef BUG_JOIN_NO_ORDER
        atomic { order_everybody() };
#endif
        survey();
#ifdef BUG_JOIN_NO_SURVEY
        x = 0;
#endif
        p = (x > p -> x : p);
        atomic { tell(p) };
        signal(NOT_FULL);
#endif
        atomic { spared = NORMAL(p + 1); until = 0; at[me] = p; t = 0; x = 0 }
}

/* copied, from p to k */
inline advance()
{
        at[me] = k;
        store(CURSOR(me), k);
        if
        :: k % Q == 0 -> store(TOLD(me), k)
        :: else -> skip
        fi;
        p = k; k = 0
}

inline is_right()
{
        assert(SEQ(k) < published && x == VALUE(k, by_one[SEQ(k)]));
        k = NORMAL(k + 1)
}

/* Position p is gone. */
inline skip_on()
{
        atomic { t = mem[TAIL]; x = BEYOND(mem[STAMP(p)]); t = (x > t -> x : t); x = 0 };
        walk(t);
        atomic {
                x = OLDEST(t);
                x = (x <= p -> NORMAL(p + 1) : x);
#ifndef DROP
#ifdef CELLS
                assert(x == spared); /* the first one may be */
#else
                assert(false);
#endif
#endif
                assert(POS(SEQ(x)) == x);
                assert(SEQ(x) - 1 + N <= published);
                p = x;
                at[me] = x;
                x = 0;
                t = 0
        }
}

/* at_end() */
inline is_end()
{
        if
        :: atomic { !shut -> rc = AGAIN }
        :: atomic { shut -> skip };
#ifndef BUG_END_NO_ORDER
           atomic { order_everybody() };
#endif
           t = mem[TAIL];
           walk(t);
           if
           :: atomic { mem[STAMP(t)] == 2 * t -> x = 1 }
           :: atomic { mem[STAMP(t)] != 2 * t -> x = 0 }
           fi;
           if
#ifndef BUG_NOT_UNDER_WAY
           :: atomic { x && producer_is -> rc = AGAIN; x = 0 }
           :: atomic { !(x && producer_is) -> x = 0 };
#else
           :: x = 0;
#endif
              atomic { rc = (mem[STAMP(p)] > 2 * p -> 0 : PIPE) }
           fi;
           t = 0
        fi
}

proctype subscriber(byte me; byte ops)
{
        byte n, life, p, t, k, x, v, rc, spared, until, s, e, how, left, got0, got1;
        bool near;
        {
                do
                :: life < LIVES ->
                   atomic { EMPTY && seat[me] == FREE -> seat[me] = JOINING };
                   place();
                   do
                   :: n < ops ->
                        rc = AGAIN;
#ifndef CELLS
                        if
                        :: near && p >= until -> /* the short way */
                                atomic {
                                        x = (mem[STAMP(p)] + 1) / 2;
                                        if
                                        :: x > p && x - p <= W -> until = x; rc = 0
                                        :: else -> skip
                                        fi;
                                        x = 0
                                }
                        :: near && p < until -> rc = 0
                        :: else -> skip
                        fi;
                        if
                        :: !rc ->
                                atomic { x = mem[DATA(p)]; k = p; is_right(); x = 0;
                                advance() };
                                signal(NOT_FULL)
                        :: else -> skip
                        fi;
#endif
                        left = GET;
                        do
                        :: rc && rc != PIPE ->
                           do /* find_next() */
                           :: atomic { v = mem[STAMP(p)];
                                if
                                :: IS_THERE(v, p) -> rc = 0; break
                                :: else -> skip
                                fi };
                              if
                              :: IS_GONE(v, p) -> v = 0; skip_on()
                              :: else -> v = 0; is_end();
                                if
                                :: rc -> break
                                :: else -> skip
                                fi
                              fi
                           od;
                           if
                           :: rc -> v = 0
                           :: else ->
                                /* one, and what follows in its unit */
                                atomic {
                                        v = (v + 1) / 2;
                                        v = (v - p > left -> p + left : v);
                                        k = p
                                };
                                do
                                :: k < v -> atomic {
                                        x = mem[DATA(k)];
                                        if
                                        :: k == p -> got0 = x /* looked at below */
                                        :: else -> got1 = x
                                        fi;
                                        x = 0;
                                        k++ }
                                :: else -> break
                                od;
                                if
                                :: atomic { !IS_THERE(mem[STAMP(p)], p) -> rc = AGAIN }
#ifdef BUG_NO_RECHECK
                                :: atomic { true ->
#else
                                :: atomic { IS_THERE(mem[STAMP(p)], p) ->
#endif
                                        k = p;
                                        x = got0; is_right();
                                        if
                                        :: v - p > 1 -> x = got1; is_right()
                                        :: else -> skip
                                        fi;
                                        x = 0;
                                        advance() };
                                   signal(NOT_FULL)
                                fi;
                                atomic { k = 0; v = 0; got0 = 0; got1 = 0 };
                                if
                                :: rc -> goto AGAIN_1
                                :: else -> skip
                                fi
                           fi;
                           if
                           :: rc == AGAIN -> wait_more(NOT_EMPTY)
                           :: else -> skip
                           fi;
AGAIN_1:                   skip
                        :: else -> break
                        od;
                        if
                        :: how -> count_out(NOT_EMPTY)
                        :: else -> skip
                        fi;
                        if
                        :: rc == PIPE -> atomic {
                                ended = 1;
                                assert(SEQ(p) >= published) }
                        :: rc == 0 -> near = true
                        :: else -> skip
                        fi;
                        if
                        :: n == 0 && IS_IN(SEEKS, me) -> place()
                        :: else -> skip
                        fi;
                        atomic { n++; rc = 0; left = 0 }
                   :: else -> break
                   od;
                   atomic { EMPTY -> seat[me] = FREE; at[me] = 0 };
                   signal(NOT_FULL);
                   atomic { life++; n = 0; p = 0; near = 0; until = 0; spared = 0 }
                :: else -> break
                od
        } unless { dead[me] -> skip };
        atomic {
                n = 0; life = 0; p = 0; t = 0; k = 0; x = 0; v = 0; rc = 0; spared = 0;
                until = 0; s = 0; e = 0; how = 0; left = 0; got0 = 0; got1 = 0; near = 0; at[me] = 0;
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
                atomic { shut = 1; unsettle() }; /* LP of shutdown */
                signal(NOT_EMPTY);
                signal(NOT_FULL)
        } unless { dead[CLOSER] -> skip };
        over[CLOSER] = 1
}
#endif

#ifdef VICTIM
inline reset(w)
{
        atomic { epoch[w]++; seq[w]++; waiters[w] = 0 };
        wake_sleepers(w)
}

/* recover(); who does it may die, and another one begins anew. */
proctype reaper()
{
        byte me = CLOSER;
        bool once_more;
        atomic { !over[VICTIM] -> dead[VICTIM] = 1 };
        over[VICTIM];
#if VICTIM < CLOSER
        buffered[VICTIM] == 0;
#endif
BEGIN:
#if VICTIM < 2
        if
        :: producer_is == VICTIM + 1 -> leave()
        :: else -> skip
        fi;
#elif VICTIM < CLOSER
        seat[VICTIM] = FREE;
#endif
        if
        :: !once_more -> once_more = 1; goto BEGIN
        :: once_more = 1
        fi;
        reset(NOT_FULL);
        reset(NOT_EMPTY);
        settled = 1
}
#endif

/* What is left when nobody moves any more. */
proctype last_one()
{
        byte t, least = ENDLESS;
        atomic {
                timeout ->
                t = POS(published);
                if
                :: seat[2] == HERE && mem[CURSOR(2)] < least -> least = mem[CURSOR(2)]
                :: else -> skip
                fi;
                if
                :: seat[3] == HERE && mem[CURSOR(3)] < least -> least = mem[CURSOR(3)]
                :: else -> skip
                fi;
                assert(!sleeping[2] || !shut && at[2] == t);
                assert(!sleeping[3] || !shut && at[3] == t);
                assert(!sleeping[0] && !sleeping[1] ||
                       !shut && least != ENDLESS && t >= POS(SEQ(least) + N))
        }
}

init
{
        byte i;
        atomic {
                do
                :: i < U -> mem[i] = 2 * (i * Q + W) - 1; i++
                :: else -> break
                od;
                i = 0;
                mem[TAIL] = FIRST;
                lo = ENDLESS;
                run drain(0);
                run producer(0, PUBS);
#if NEXTS
                run drain(2);
                run subscriber(2, NEXTS);
#endif
#if PUBS1
                run drain(1);
                run producer(1, PUBS1);
#endif
#if NEXTS1
                run drain(3);
                run subscriber(3, NEXTS1);
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
