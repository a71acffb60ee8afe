/* queue_box.pml -- elements in boxes: swaps, intents, stamps, recovery, leases, the end.
 * structures/queue_box.c, queue_hand.c, queue_kind.c (recover).
 *
 * N = 2 cells, H = 3 hands, N + H boxes. Actors 0, 1 and 2 push, pop, take; actor 2 also
 * settles the dead. Whoever settles decides that an actor is dead, wherever that one has
 * got to: it never moves again. At any moment at all the last actor may come: everybody
 * else is dead then, also who was just settling; he settles them in some order and
 * counts everything. One atomic {} is one access to shared memory, with the local steps
 * after it.
 *
 *   OPS0, OPS1, OPS2    operations of each actor
 *   KIND0, KIND1, KIND2 bits: 1 push, 2 pop, 4 settle the dead (2 only), 8 pop by peeking
 *   FILL                elements there at the beginning (0 to N)
 *   LEASE               pops are leases: acknowledged, or given back
 *   SHUTDOWN            `closing` is set, by nobody in particular, at any time
 */
#define N 2
#define H 3
#define NA 3
#define BOXES (N + H)
#ifndef FILL
#define FILL 0
#endif
#define MAXV (OPS0 + OPS1 + OPS2 + FILL)

#define CLOSED 128
#define PHASE(l) ((l) & 127)
#define CELL(p) ((p) % N)

#define FREE 0
#define HELD 1
#define LEASED 3
#define RETURNED 4

byte lo[N], hi[N];      /* cells */
byte word_state[H], word_sig[H], word_n[H]; /* a hand's word, one CAS; sig: actor + 1 */
byte box[H];
byte phase[H];          /* intent */
byte gives[H], takes[H]; /* one word */
byte stamp[BOXES];
byte content[BOXES];    /* the element in a box */
byte returned;          /* version * 2 + flag */
bool closing;

/* seats, as agent.pml proves them: one settles at a time */
bool held[NA]; /* not settled yet */
bool dead[NA];
byte over; /* ghost: who has left of himself */

/* ghosts */
bool happened[H];       /* the CAS of the open intent */
byte fifo[MAXV + 2], first, next;
byte acked[MAXV + 2];   /* elements delivered for good, or lost with their popper */
byte given[MAXV + 2];   /* times an element went back */
bool sealed;
byte returning;         /* RETURNED hands whose flag is not raised yet, at most */

/* Nobody else may see box b as his: called by who writes into it. */
inline check_mine(b)
{
        assert(hi[0] != b && hi[1] != b);
        i = 0;
        do
        :: i < H ->
                assert(i == a || (phase[i] && happened[i] -> takes[i] : box[i]) != b);
                i++
        :: else -> break
        od;
        i = 0
}

/* The swap of hand a at phase l for box h; f: the phase that it makes. */
inline swap(f)
{
        atomic { gives[a] = box[a]; takes[a] = h; happened[a] = 0 };
#ifdef BUG_NO_INTENT
        skip;
#else
        phase[a] = l;
#endif
        atomic { /* LP of push, take, large pop */
                if
                :: lo[CELL(l / 2)] == l && hi[CELL(l / 2)] == h ->
                        lo[CELL(l / 2)] = f;
                        hi[CELL(l / 2)] = gives[a];
                        happened[a] = 1;
                        if
                        :: l & 1 ->
                                assert(first < next && fifo[first] == content[h]); /* FIFO */
#ifndef LEASE
                                acked[content[h]]++;
#endif
                                first++
                        :: else ->
                                assert(!sealed);
                                fifo[next] = content[gives[a]];
                                next++
                        fi;
                        rc = 0
                :: else -> rc = 1
                fi
        };
        if
        :: atomic { rc == 0 -> skip };
#ifdef BUG_NO_STAMP
                skip;
#else
                stamp[h] = l;
#endif
#ifdef BUG_CLOSED_EARLY /* the intent is closed before the hand has the box */
                phase[a] = 0;
#endif
                box[a] = h;
#ifdef LEASE
                if
                :: atomic { l & 1 -> word_state[a] = LEASED; word_n[a] = 0 }
                :: atomic { !(l & 1) -> skip }
                fi;
#endif
                atomic { phase[a] = 0; gives[a] = 0; takes[a] = 0; happened[a] = 0 }
        :: atomic { rc != 0 -> phase[a] = 0; gives[a] = 0; takes[a] = 0 }
        fi
}

/* The first position that awaits its push, or its pop: exact, as queue_value.pml proves;
 * here a walk is one look at the right cell. rc 0, 2 full or empty, 3 sealed. */
inline look_tail()
{
        atomic {
                pos = next + N;
                l = lo[CELL(pos)];
                if
                :: l == 2 * pos -> rc = 0
                :: l & CLOSED -> rc = 3
                :: else -> rc = 2
                fi
        }
}

inline look_head()
{
        atomic {
                pos = first + N;
                l = lo[CELL(pos)];
                if
                :: l == 2 * pos + 1 -> rc = 0
                :: l & CLOSED -> rc = 3
                :: else -> rc = 2
                fi
        }
}

inline push()
{
        if
        :: atomic { closing -> rc = 3 }
        :: atomic { !closing -> check_mine(box[a]); content[box[a]] = base + ops + 1 };
                do
                :: look_tail();
                        if
                        :: atomic { rc -> break }
                        :: atomic { !rc -> skip };
                                h = hi[CELL(pos)]; /* torn: not of the same instant */
                                swap(2 * pos + 1);
                                if
                                :: atomic { !rc -> break }
                                :: atomic { rc -> skip }
                                fi
                        fi
                od
        fi
}

inline seal()
{
        do
        :: look_tail();
                if
                :: atomic { rc -> break }
                :: atomic { !rc -> h = hi[CELL(pos)] };
                        atomic {
                                if
                                :: lo[CELL(pos)] == l && hi[CELL(pos)] == h ->
                                        lo[CELL(pos)] = l | CLOSED; sealed = 1; break
                                :: else
                                fi
                        }
                fi
        od
}

/* has_happened(): did the CAS of the intent {ph, gives gv} happen? rc 1 or 0. */
inline has_happened(ph, gv)
{
        f = (ph & 1 -> ph - 1 + 2 * N : ph + 1); /* the phase that it made */
        atomic { m = PHASE(lo[CELL(ph / 2)]); rc = (m <= ph -> 0 : 2) };
        if
        :: atomic { rc == 2 && hi[CELL(ph / 2)] == gv -> rc = 1 }
        :: atomic { !(rc == 2 && hi[CELL(ph / 2)] == gv) -> skip }
        fi;
#ifdef BUG_STAMP_FIRST
        if
        :: atomic { rc == 2 && stamp[gv] >= f -> rc = 1 }
        :: atomic { !(rc == 2 && stamp[gv] >= f) -> skip }
        fi;
#endif
#ifndef BUG_NO_SCAN
        i = 0;
        do /* somebody_takes() */
        :: atomic { rc == 2 && i < H && phase[i] < f -> i++ }
        :: atomic { rc == 2 && i < H && phase[i] >= f -> m = phase[i] };
                if
                :: atomic { takes[i] != gv -> i++ }
                :: atomic { takes[i] == gv -> skip };
                        atomic {
                                if
                                :: phase[i] == m -> rc = 1
                                :: else -> i++
                                fi
                        }
                fi
        :: atomic { rc != 2 || i == H -> i = 0; break }
        od;
#endif
#ifndef BUG_STAMP_FIRST
        if
        :: atomic { rc == 2 && stamp[gv] >= f -> rc = 1 }
        :: atomic { !(rc == 2 && stamp[gv] >= f) -> skip }
        fi;
#endif
        atomic { rc = (rc == 1 -> 1 : 0); m = 0; f = 0 }
}

/* weft_queue_drained(): one pass over the hands; rc 3: the end. Those whose intents it
 * looks at may be alive. */
inline drained()
{
        j = 0;
        do
        :: atomic { j < H -> skip };
#ifdef BUG_WORD_FIRST
                atomic { rc = (word_state[j] == LEASED || word_state[j] == RETURNED -> 2 : 3) };
                t = phase[j];
                b = gives[j];
#else
                t = phase[j];
                b = gives[j];
                atomic { rc = (word_state[j] == LEASED || word_state[j] == RETURNED -> 2 : 3) };
#endif
                if
                :: atomic { rc == 3 && (t & 1) -> skip };
                        has_happened(t, b);
                        rc = (rc -> 2 : 3)
                :: atomic { !(rc == 3 && (t & 1)) -> skip }
                fi;
                atomic {
                        if
                        :: rc == 2 -> break
                        :: else -> j++
                        fi
                }
        :: atomic { j == H -> rc = 3; break }
        od;
        atomic { j = 0; t = 0; b = 0 }
}

/* A taker finds element content[box[a]] in his hand a. */
inline delivered()
{
        assert(!acked[content[box[a]]]);
        assert(word_n[a] == given[content[box[a]]])
}

inline end_take()
{
#ifdef LEASE
        delivered();
        if
        :: atomic { /* LP of ack */
                   assert(word_state[a] == LEASED && word_sig[a] == me + 1);
                   word_state[a] = HELD; word_n[a] = 0;
                   acked[content[box[a]]]++
           }
        :: atomic { /* nack */
                   word_state[a] = RETURNED; word_sig[a] = 0; word_n[a]++;
                   given[content[box[a]]]++; returning++
           };
                atomic { returned = (returned | 1) + 2; returning = 0 }; /* LP of nack */
                a = H /* that hand is nobody's now */
        fi
#else
        skip
#endif
}

/* The flag is down: nothing is RETURNED, or somebody is about to raise it. */
inline no_returned()
{
        i = 0;
        do
        :: i < H -> returning = returning + 16 * (word_state[i] == RETURNED -> 1 : 0); i++
        :: else -> break
        od;
        i = H;
        assert(returning / 16 <= returning % 16);
        returning = returning % 16
}

/* weft_queue_take_returned(): j is the hand, or H. The hand a stays as it is. */
inline take_returned()
{
        j = H;
        if
        :: atomic { !(returned & 1) -> skip }
        :: atomic { returned & 1 -> m = returned; i = 0 };
                do
                :: atomic { i < H && word_state[i] == RETURNED ->
                            word_state[i] = LEASED; word_sig[i] = me + 1; j = i; break }
                :: atomic { i < H && word_state[i] != RETURNED -> i++ }
                :: atomic { i == H -> skip };
                        atomic {
                                if
#ifdef BUG_FLAG_BLIND
                                :: true -> returned = m & 254;
#else
                                :: returned == m -> returned = m & 254;
#endif
                                        no_returned()
                                :: else
                                fi
                        };
                        break
                od;
                atomic { i = 0; m = 0 }
        fi
}

inline pop()
{
        rc = 1;
#ifdef LEASE
        take_returned();
        if
        :: atomic { j < H -> b = a; a = j; rc = 0 }; /* that hand now; ours is put aside */
                end_take();
                atomic {
                        if
                        :: a < H -> word_state[a] = FREE; word_sig[a] = 0
                        :: else
                        fi;
                        a = b; b = 0
                }
        :: atomic { j == H -> skip }
        fi;
        j = 0;
#endif
        do
        :: atomic { rc == 0 -> break }
        :: atomic { rc != 0 -> skip };
                look_head();
                if
                :: atomic { rc == 2 && !closing -> break }
                :: atomic { rc == 2 && closing -> skip };
                        seal();
                        rc = 2;
                        break /* and looks again at its next operation */
                :: atomic { rc == 3 -> skip };
                        drained();
                        if
                        :: atomic { rc == 3 -> ended() }
                        :: atomic { rc != 3 -> skip }
                        fi;
                        break
                :: atomic { rc == 0 -> h = hi[CELL(pos)] };
                        swap(2 * (pos + N));
                        if
                        :: atomic { rc == 0 -> skip };
                                end_take();
                                break
                        :: atomic { rc != 0 -> skip }
                        fi
                fi
        od
}

/* -EPIPE to a popper: everything that was pushed has been delivered for good. */
inline ended()
{
        assert(sealed && first == next);
        i = 0;
        do
        :: i < next -> assert(acked[fifo[i]]); i++
        :: else -> break
        od;
        i = 0
}

/* A pop that leaves the box in its cell and settles nothing. */
inline peek()
{
        do
        :: look_head();
                if
                :: atomic { rc -> break }
                :: atomic { !rc -> h = hi[CELL(pos)] };
                        m = content[h]; /* may be another's by now */
                        atomic {
                                if
                                :: lo[CELL(pos)] == l && hi[CELL(pos)] == h ->
                                        lo[CELL(pos)] = 2 * (pos + N);
                                        assert(fifo[first] == m);
                                        acked[m]++;
                                        first++;
                                        break
                                :: else
                                fi
                        }
                fi
        od;
        m = 0
}

/* settle_hand() and give_up() of hand j, of the dead. */
inline settle_hand(j)
{
        if
        :: atomic { phase[j] != 0 -> l = phase[j] };
                has_happened(l, gives[j]);
                assert(rc == happened[j]);
                if
                :: atomic { rc == 1 -> skip };
#ifndef BUG_SETTLE_NO_STAMP
                        stamp[takes[j]] = l;
#endif
                        box[j] = takes[j];
#ifdef LEASE
                        if
                        :: atomic { l & 1 -> word_state[j] = LEASED; word_n[j] = 0 }
                        :: atomic { !(l & 1) -> skip }
                        fi;
#endif
                        atomic { phase[j] = 0; gives[j] = 0; takes[j] = 0; happened[j] = 0 }
                :: atomic { rc == 0 -> phase[j] = 0; gives[j] = 0; takes[j] = 0 }
                fi
        :: atomic { phase[j] == 0 -> skip }
        fi;
        if
        :: atomic { /* LP of redelivery */
                   word_state[j] == LEASED ->
                   word_state[j] = RETURNED; word_sig[j] = 0; word_n[j]++;
                   given[content[box[j]]]++; returning++
           }
        :: atomic { word_state[j] != LEASED -> word_state[j] = FREE; word_sig[j] = 0 }
        fi
}

/* Actor t is dead and its life ours: settles it. */
inline settle(t)
{
        j = 0;
        do
        :: atomic { j < H && word_sig[j] == t + 1 -> skip };
                settle_hand(j);
                j++
        :: atomic { j < H && word_sig[j] != t + 1 -> j++ }
        :: atomic { j == H -> j = 0; l = 0; rc = 0; break }
        od;
#ifdef LEASE
#ifndef BUG_NO_FLAG
        atomic { returned = (returned | 1) + 2; returning = 0 };
#endif
#endif
        held[t] = 0
}

inline settle_some()
{
        t = 0;
        do
        :: atomic { t < NA && t != me && held[t] -> dead[t] = 1 };
                settle(t);
                t++
        :: atomic { t < NA && !(t != me && held[t]) -> t++ }
        :: atomic { t < NA && t != me && held[t] -> t++ } /* that one lives */
        :: atomic { t == NA -> t = 0; break }
        od
}

proctype actor(byte me; byte ops; byte kind; byte base) provided (!dead[_pid - 1])
{
        byte a = me, b, i, j, t, m, f, l, h, pos, rc;
        do
        :: atomic { ops > 0 && (kind & 1) -> ops-- };
                push();
                atomic { l = 0; h = 0; pos = 0; rc = 0 }
        :: atomic { ops > 0 && (kind & 2) -> ops-- };
                pop();
                atomic { l = 0; h = 0; pos = 0; rc = 0; b = 0; i = 0; j = 0; m = 0 };
                if
                :: atomic { a == H -> break } /* its only hand is RETURNED */
                :: atomic { a != H -> skip }
                fi
        :: atomic { ops > 0 && (kind & 8) -> ops-- };
                peek();
                atomic { l = 0; h = 0; pos = 0; rc = 0 }
        :: atomic { ops > 0 && (kind & 4) -> ops-- };
                settle_some();
                atomic { l = 0; h = 0; pos = 0; rc = 0; i = 0; j = 0; m = 0 }
        :: atomic { /* works with a hand that one of the dead had: grip_more() */
                   ops > 0 && me == 2 && a == me && word_state[0] == FREE ->
                   word_state[0] = HELD;
                   word_sig[0] = me + 1;
                   a = 0
           }
        :: break
        od;
        over++
}

#ifdef SHUTDOWN
proctype closer()
{
        closing = 1
}
#endif

/* Each box is in one place then, and each element in one box, or delivered. */
proctype last_one()
{
        byte me = NA, i, j, t, m, f, l, rc, seen[BOXES], there[MAXV + 2];
        bool down;
        atomic {
#ifndef LEASE /* else nobody can have left anything */
                phase[0] || phase[1] || phase[2] || dead[0] || dead[1] || over == 3;
#endif
                dead[0] = 1; dead[1] = 1; dead[2] = 1;
                if
                :: down = 1; t = NA - 1
                :: down = 0
                fi;
                do
                :: t < NA ->
                        if
                        :: held[t] -> settle(t)
                        :: else
                        fi;
                        t = (down -> (t == 0 -> NA : t - 1) : t + 1)
                :: else -> break
                od;
                i = 0;
                do
                :: i < N -> seen[hi[i]]++; i++
                :: else -> break
                od;
                i = 0;
                do
                :: i < H ->
                        seen[box[i]]++;
                        assert(phase[i] == 0);
                        if
                        :: word_state[i] == RETURNED -> there[content[box[i]]]++
                        :: else -> assert(word_state[i] == FREE)
                        fi;
                        i++
                :: else -> break
                od;
                i = 0;
                do
                :: i < BOXES -> assert(seen[i] == 1); i++ /* none lost, none twice */
                :: else -> break
                od;
                i = first;
                do
                :: i < next ->
                        assert(lo[CELL(i + N)] == 2 * (i + N) + 1);
                        assert(content[hi[CELL(i + N)]] == fifo[i]);
                        there[fifo[i]]++;
                        i++
                :: else -> break
                od;
                i = 0;
                do
                :: i < next -> assert(there[fifo[i]] + acked[fifo[i]] == 1); i++
                :: else -> break
                od;
#ifdef LEASE
                i = 0; /* who returned also says so */
                do
                :: i < H -> assert(word_state[i] != RETURNED || (returned & 1)); i++
                :: else -> break
                od
#endif
        }
}

init
{
        byte i;
        atomic {
                i = 0;
                do
                :: i < N ->
                        lo[i] = 2 * (i + N);
                        hi[i] = i;
                        i++
                :: else -> break
                od;
                i = 0;
                do
                :: i < FILL ->
                        lo[i] = lo[i] + 1;
                        content[i] = MAXV - i;
                        fifo[next] = MAXV - i;
                        next++;
                        i++
                :: else -> break
                od;
                i = 0;
                do
                :: i < H ->
                        box[i] = N + i;
                        word_state[i] = HELD;
                        word_sig[i] = i + 1;
                        held[i] = 1;
                        i++
                :: else -> break
                od;
                i = 0;
                run actor(0, OPS0, KIND0, 0);
                run actor(1, OPS1, KIND1, OPS0);
                run actor(2, OPS2, KIND2, OPS0 + OPS1);
#ifdef SHUTDOWN
                run closer();
#endif
                run last_one()
        }
}
