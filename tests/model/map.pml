/* map.pml -- one key of the map: claimed, proposed, decided, removed, moved to another table.
 * structures/map_shared.h (PROPOSALS, MOVING), structures/map_table.c, map_claim.h, map_move.c.
 *
 * One chain in T, slots 0 .. S-1, and one in T2, slots S .. 2S-1, each in a bucket of its own;
 * all slots are of this one key, or have had no key yet; with REUSE another one comes by. OP0,
 * OP1, OP2 say what actors 0 to 2 do, one after the other, from the right: a digit each, 1
 * insert, 2 remove, 3 get, 4 resize and move, 5 resize and move slot 0 alone, as a part of
 * another key's chain, 6 put another key into the first slot and take it out again (REUSE). Who
 * inserts goes the short way, a claim alone, and after a refusal the long way, a proposal; those
 * in LONG (bit i: actor i) the long way from the first. With SHY who claims first gives way to
 * everybody once. BEFORE: the key is there at first. With KILL an actor may die between any two
 * steps; actor 3 recovers it.
 *
 * Shown: the key is never a member twice; what was inserted is there until it is removed;
 * who is told "there" or "not there" is told what was so at one moment of his call; no insert
 * or remove counts twice; no version comes again; no slot stays somebody's; no call goes on
 * for ever, which would need ever more versions. Who is stopped for ever ends where he stands,
 * so each claim holds for the others. One atomic {} is one access to shared memory, with the
 * local steps after it; a plain store is seen at any time until its actor's next locked step.
 */
#ifndef S
#define S 2
#endif
#ifndef BEFORE
#define BEFORE 0
#endif
#ifndef OP0
#define OP0 1
#endif
#ifndef OP1
#define OP1 1
#endif
#ifndef OP2
#define OP2 4
#endif
#ifndef LONG
#define LONG 0
#endif
#ifdef SHY
#define FIRST 0
#else
#define FIRST 1
#endif
#define N (2 * S)
#define MOST 30 /* versions of a slot */

#define EMPTY 0
#define CLAIM 1
#define TENT 2
#define COPY 3
#define LOST 4
#define MEMBER 5
#define FROZEN 6
#define MOVED 7
#define DEAD 8
#define OTHERS_CLAIM 9 /* another key's */
#define OTHERS_MEMBER 10

/* A meta is one word: state, seat, version. The value beside it is the key in a CLAIM, and
 * another one in all that it becomes. */
#define META(state, seat, version) ((version) * 64 + (seat) * 16 + (state))
#define STATE(meta) ((meta) % 16)
#define SEAT(meta) (((meta) / 16) % 4)
#define VERSION(meta) ((meta) / 64)
#define AS(meta, state) ((meta) - STATE(meta) + (state))
#define PROPOSED(meta) (STATE(meta) == TENT || STATE(meta) == COPY)
#define OPEN(meta, seat) (SEAT(meta) == seat && STATE(meta) >= CLAIM && STATE(meta) <= LOST)
#define LARGER(a, b) ((a) > (b) -> (a) : (b))

short cell[N];
bool key[N]; /* the key word is the key; without REUSE it stays so */
bool sealed;
byte reach[2], floor[2];
byte root;      /* 0: T; 1: T, T2; 2: T2 */
byte buffer[4]; /* a plain store: of the key of slot i, i + 1; MOVED, N more; another key */
byte desk[3];   /* slot + 1 */
#ifdef KILL
bool dead[3];
#define ALIVE provided (!dead[me])
#else
#define ALIVE
#endif

/* what is true */
bool present = BEFORE;
byte last = BEFORE * 3;        /* the largest version so far */
bool was_there[3], was_not[3]; /* at a moment of the present call */
bool did[3];                   /* inserted, in the present call */

inline note()
{
        was_there[0] = was_there[0] || present;
        was_there[1] = was_there[1] || present;
        was_there[2] = was_there[2] || present;
        was_not[0] = was_not[0] || !present;
        was_not[1] = was_not[1] || !present;
        was_not[2] = was_not[2] || !present
}

#define HAS_NONE(seat) \
        (!OPEN(cell[0], seat) && !OPEN(cell[S - 1], seat) && !OPEN(cell[S], seat) && \
         !OPEN(cell[N - 1], seat))

/* ---- words ------------------------------------------------------------------------- */

inline drain(x)
{
        if
        :: buffer[x] > 2 * N -> key[buffer[x] - 2 * N - 1] = 0
        :: buffer[x] > N && buffer[x] <= 2 * N -> cell[buffer[x] - N - 1] = AS(cell[buffer[x] - N - 1], MOVED)
        :: buffer[x] && buffer[x] <= N -> key[buffer[x] - 1] = 1
        :: else
        fi;
        buffer[x] = 0
}

/* {slot, from} -> to; ok. What becomes a member or ceases to be one is an LP. */
inline cas(slot, from, to, copied)
{
        drain(me);
        ok = (cell[slot] == from);
        if
        :: ok ->
                assert(VERSION(to) < MOST);
                if
                :: STATE(to) == MEMBER ->
                        assert(STATE(cell[S]) != MEMBER && STATE(cell[N - 1]) != MEMBER);
                        if
                        :: copied -> assert(slot >= S && present)
                        :: else ->
                                assert(!present && !did[SEAT(from)]);
                                present = 1; did[SEAT(from)] = 1; note()
                        fi;
                        assert(key[slot]);
                        assert(VERSION(to) > last);
                        last = VERSION(to)
                :: STATE(from) == MEMBER && STATE(to) == EMPTY ->
                        assert(present); present = 0; note()
                :: else
                fi;
                cell[slot] = to
        :: else
        fi
}

/* m: what slot i has of the key, 0: nothing. */
inline match(i)
{
#ifndef REUSE
        atomic { m = (key[i] -> cell[i] : 0) } /* as if in one moment: the key stays */
#else
        do
        :: atomic { is = key[i] };
           if
           :: !is -> m = 0; break
           :: else -> atomic { m = cell[i] };
                   if
                   :: STATE(m) < TENT || STATE(m) == LOST || STATE(m) == OTHERS_CLAIM ->
                           m = 0; break
                   :: else ->
#ifndef BUG_MATCH_ONCE
                           atomic { is = (key[i] && cell[i] == m) };
#endif
                           if
                           :: is -> assert(STATE(m) != OTHERS_MEMBER); break
                           :: else
                           fi
                   fi
           fi
        od;
        is = 0
#endif
}

inline look_control()
{
        atomic { top = base + reach[base / S]; i = base; bad = (base == 0 && sealed) }
}

/* The control word that was looked at before the claim. */
inline look_control_again()
{
#ifdef BUG_CONTROL_FIRST
        i = base; bad = 0
#else
        look_control()
#endif
}

inline look_floor()
{
        atomic { v = LARGER(v, floor[base / S]) }
}

/* ---- looking ------------------------------------------------------------------------- */

/* Looks for the key in the table at `base`: at, with meta m; or again. The control word is
 * looked at after the first slot. */
inline find()
{
        at = base; again = 0; top = base;
        do
        :: at <= top ->
                match(at);
                if
                :: STATE(m) == MEMBER || STATE(m) == FROZEN -> break
                :: else ->
                        again = again || STATE(m) == MOVED || STATE(m) == DEAD;
                        if
                        :: at == base ->
                                atomic { top = base + reach[base / S];
                                        again = again || (base == 0 && sealed) }
                        :: else
                        fi;
                        at++
                fi
        :: else -> at = base + S; break
        od;
        top = 0
}

/* Looks at the chain, with l in it, a claim or a proposal: bad, if that is to be refused; or
 * l is one that lies before it. */
inline look(claimed)
{
        if
        :: claimed -> look_control_again()
        :: else -> look_control()
        fi;
        do
        :: bad || i > top -> break
        :: !bad && i <= top && i == l -> i++
        :: !bad && i <= top && i != l ->
#ifdef BUG_KEY_FIRST
                atomic { ok = key[i] };
                atomic { m = (ok || STATE(cell[i]) == CLAIM -> cell[i] : 0); ok = 0 };
#else
#ifdef BUG_NO_KEY
                m = 0;
#else
                atomic { m = cell[i] }; /* the value: is it the key? */
#endif
                if
                :: STATE(m) != CLAIM -> match(i)
                :: else
                fi;
#endif
                do
                :: STATE(m) == CLAIM ->
#ifdef BUG_TENT_BLIND
                        if
                        :: !claimed -> i++; break
                        :: else
                        fi;
#endif
                        atomic { cas(i, m, AS(m, LOST), 0); m = cell[i] };
                        if
#ifdef BUG_LOOK_ON
                        :: ok -> atomic { m = cell[i] }
#else
                        :: ok -> i++; break
#endif
                        :: !ok && STATE(m) != CLAIM -> match(i)
                        :: else
                        fi
                :: PROPOSED(m) && claimed ->
#ifdef BUG_OVER_TENT
                        i++; break
#else
                        bad = 1; break
#endif
                :: PROPOSED(m) && !claimed && i < l -> l = i; lm = m; look_control(); break
                :: PROPOSED(m) && !claimed && i > l ->
#ifdef BUG_SKIP_LATER
                        i++; break
#else
                        atomic { cas(i, m, AS(m, LOST), 0) };
                        if
                        :: ok -> i++; break
                        :: else -> match(i)
                        fi
#endif
                :: STATE(m) == MEMBER || STATE(m) == FROZEN -> bad = 1; break
                :: STATE(m) == MOVED || STATE(m) == DEAD ->
#ifdef BUG_UNAWARE
                        i++; break
#else
                        bad = 1; break
#endif
                :: STATE(m) == EMPTY || STATE(m) == LOST -> i++; break
                od
        od;
        atomic { m = 0; i = 0; top = 0; ok = 0 }
}

/* What is proposed is a copy: is the key FROZEN in T still? v, its version. */
inline look_before()
{
        bad = 1; i = 0;
        do
        :: i < S ->
                atomic {
                        if
                        :: STATE(cell[i]) == FROZEN -> v = VERSION(cell[i]); bad = 0
                        :: else
                        fi;
                        i++
                }
        :: i == S -> break
        od;
        i = 0
}

/* ---- the long way --------------------------------------------------------------------- */

/* DECIDE: l with meta lm is a proposal in the table whose slots begin at `base`; back when
 * mine, with meta mm, is none any more, but m. */
inline decide()
{
        l = mine; lm = mm;
        do
        :: look(0);
           if
           :: STATE(lm) == COPY && !bad -> look_before();
#ifdef BUG_LATE_COPY
                   bad = 0
#endif
           :: else
           fi;
           if
           :: !bad -> look_floor()
           :: else
           fi;
           atomic {
                   if
                   :: bad -> cas(l, lm, AS(lm, LOST), 0)
                   :: else -> v = LARGER(v, VERSION(lm)) + 1;
                           cas(l, lm, META(MEMBER, 0, v), (STATE(lm) == COPY))
                   fi;
                   m = cell[mine];
                   l = mine; lm = mm; v = 0; bad = 0
           };
           if
           :: m != mm -> break
           :: else
           fi
        od;
        l = 0; lm = 0
}

/* What is not DEAD becomes EMPTY. */
inline withdraw()
{
        do
        :: STATE(mm) == DEAD -> break
        :: else ->
                atomic { cas(mine, mm, META(EMPTY, 0, VERSION(mm) + 1), 0); mm = cell[mine] };
                if
                :: ok -> break
                :: else
                fi
        od
}

inline propose_claimed(kind)
{
        atomic { cas(mine, mm, META(kind, me, VERSION(mm)), 0); mm = cell[mine] };
        if
        :: ok ->
                decide();
#ifdef BUG_MISJUDGED
                made = (STATE(m) == MEMBER);
#else
                made = !(m == AS(mm, LOST) || m == AS(mm, DEAD));
#endif
                if
                :: m == AS(mm, LOST) -> mm = m; withdraw()
                :: else
                fi;
                m = 0
#ifndef BUG_LEFT_LOST
        :: !ok && STATE(mm) != DEAD -> withdraw()
#endif
        :: else
        fi
}

/* ---- the short way ---------------------------------------------------------------------- */

/* Gives way to whoever may have, or want, the key. */
inline has_rival()
{
        look_control();
        do
        :: bad || i > top -> break
        :: !bad && i <= top && i == mine -> i++
        :: !bad && i <= top && i != mine ->
                atomic { bad = (STATE(cell[i]) == CLAIM) };
                atomic { bad = bad || key[i]; i++ }
        od;
        i = 0; top = 0
}

inline look_at_source(kind)
{
        if
        :: kind == COPY && !bad -> atomic { bad = (cell[s] != f) }
        :: else
        fi
}

/* A claim becomes a member by itself, if nobody else is seen to want the same. */
inline decide_claim(kind)
{
        bad = 0;
#ifdef BUG_FLOOR_FIRST
        look_floor();
#endif
#ifdef BUG_SOURCE_FIRST
        look_at_source(kind);
#endif
#ifdef SHY
        if
        :: way == 0 -> has_rival()
        :: else -> l = mine; look(1); l = 0
        fi;
#else
#ifndef BUG_NO_LOOK
        if
        :: !bad -> l = mine; look(1); l = 0
        :: else
        fi;
#endif
#endif
#ifndef BUG_SOURCE_FIRST
#ifndef BUG_LATE_CLAIM
        look_at_source(kind);
#endif
#endif
        if
        :: !bad ->
#ifndef BUG_FLOOR_FIRST
                look_floor();
#endif
                atomic {
                        v = LARGER(v, VERSION(mm));
                        if
#ifndef BUG_OLD_VERSION
                        :: kind == COPY -> v = LARGER(v, VERSION(f))
#endif
                        :: else
                        fi;
                        cas(mine, mm, META(MEMBER, 0, v + 1), (kind == COPY));
                        made = ok; mm = cell[mine]
                }
        :: else
        fi;
        v = 0;
        if
        :: !made ->
#ifndef BUG_SHORT_AGAIN
                way++;
#endif
                withdraw()
        :: else
        fi
}

/* Wants to put `kind` into the table at `base`: made tells whether it is there now. */
inline propose(kind)
{
        made = 0; mine = base;
        do
        :: mine < base + S ->
                atomic { mm = cell[mine] };
                if
                :: STATE(mm) == EMPTY -> break
                :: else -> mine++
                fi
        :: mine == base + S -> break
        od;
        ok = (mine < base + S);
        if
        :: ok && mine > base ->
                atomic { ok = !(base == 0 && sealed);
                        if
                        :: ok -> reach[base / S] = LARGER(reach[base / S], mine - base)
                        :: else
                        fi }
        :: else
        fi;
#ifdef BUG_CONTROL_FIRST
        atomic { top = base + reach[base / S] };
#endif
        if
        :: ok ->
                desk[me] = mine + 1;
                atomic { cas(mine, mm, META(CLAIM, me, VERSION(mm) + 1), 0);
                        buffer[me] = (ok -> mine + 1 : 0);
                        mm = META(CLAIM, me, VERSION(mm) + 1) };
                if
                :: ok && way < 2 -> decide_claim(kind)
                :: ok && way == 2 -> propose_claimed(kind)
                :: else
                fi;
                desk[me] = 0
        :: else
        fi;
        atomic { mm = 0; bad = 0; ok = 0; top = 0 }
}

/* ---- moving ------------------------------------------------------------------------------ */

/* Copies f, FROZEN in slot s; a copy of one who comes late must not be made. */
inline copy()
{
        base = S; kept = way; way = (LONG & (1 << me) -> 2 : 1);
        do
        :: propose(COPY);
           if
           :: made -> break
           :: else -> /* has somebody else copied it? */
                   find();
                   if
                   :: at < base + S -> break
                   :: else ->
                           atomic { ok = (cell[s] != f) };
                           if
                           :: ok -> break
                           :: else
                           fi
                   fi
           fi
        od;
        atomic { way = kept; kept = 0; made = 0; m = 0; at = 0; mine = 0; again = 0 }
}

/* Moves the chain, or only what lies in its first bucket. */
inline move()
{
        atomic { s = 0;
                if
                :: op != 5 -> sealed = 1; upto = reach[0]
                :: else -> upto = 0
                fi };
        do
        :: s <= upto ->
                atomic { f = cell[s] };
                if
                :: STATE(f) == MOVED || STATE(f) == DEAD -> s++
                :: STATE(f) == EMPTY || STATE(f) == OTHERS_MEMBER ->
                        atomic { cas(s, f, AS(f, MOVED), 0) }
                :: STATE(f) == OTHERS_CLAIM -> atomic { cas(s, f, AS(f, DEAD), 0) }
                :: OPEN(f, SEAT(f)) -> atomic { cas(s, f, AS(f, DEAD), 0) }
                :: STATE(f) == MEMBER -> atomic { cas(s, f, AS(f, FROZEN), 0) }
                :: STATE(f) == FROZEN ->
#ifdef BUG_MOVED_FIRST
                        atomic { drain(me); buffer[me] = N + s + 1 };
                        copy();
#else
                        copy();
                        atomic { drain(me); buffer[me] = N + s + 1 };
#endif
                        s++
                fi
        :: s > upto -> break
        od;
        atomic { f = 0; s = 0; ok = 0 };
        if
        :: op != 5 ->
                atomic { v = floor[0] };
#ifdef BUG_NO_FLOORS
                v = 0;
#endif
                atomic { drain(me); floor[1] = LARGER(floor[1], v); v = 0; upto = 0 };
                atomic { if :: root == 1 -> root = 2 :: else fi }
        :: else
        fi
}

/* Another key comes to the first slot, and goes. */
inline reuse()
{
        atomic { base = (root == 2 -> S : 0) };
        atomic { mm = cell[base]; ok = (STATE(mm) == EMPTY) };
        if
        :: ok -> atomic { cas(base, mm, META(OTHERS_CLAIM, me, VERSION(mm) + 1), 0);
                        buffer[me] = (ok -> 2 * N + base + 1 : 0);
                        mm = META(OTHERS_CLAIM, me, VERSION(mm) + 1) }
        :: else
        fi;
        if
        :: ok -> atomic { cas(base, mm, META(OTHERS_MEMBER, 0, VERSION(mm) + 1), 0);
                        mm = META(OTHERS_MEMBER, 0, VERSION(mm) + 1) }
        :: else
        fi;
        if
        :: ok -> atomic { cas(base, mm, META(EMPTY, 0, VERSION(mm) + 1), 0) }
        :: else
        fi;
        mm = 0
}

/* ---- calls --------------------------------------------------------------------------------- */

proctype actor(byte me; byte todo) ALIVE
{
        byte op, base, mine, i, l, s, at, r, v, top, upto, way, kept;
        short m, mm, lm, f;
        bool ok, bad, made, again;
#ifdef REUSE
        bool is;
#endif

        do
        :: todo == 0 -> break
        :: else ->
                atomic { was_there[me] = present; was_not[me] = !present; did[me] = 0;
                        way = (LONG & (1 << me) -> 2 : FIRST) };
                op = todo % 10;
                do
                :: atomic {
                        if
                        :: (op == 4 || op == 5) && root == 0 -> root = 1
                        :: else
                        fi;
                        r = root };
                   if
                   :: r == 1 && op != 3 && op != 6 -> move()
#ifdef REUSE
                   :: op == 6 -> reuse()
#endif
                   :: else
                   fi;
                   if
                   :: op >= 4 -> break
                   :: op == 3 -> base = (r == 2 -> S : 0)
                   :: else -> base = (r == 0 -> 0 : S)
                   fi;
                   r = 0;
                   do
                   :: find();
                      if
                      :: op == 3 && at == base + S && again && base == 0 -> base = S
                      :: else -> break
                      fi
                   od;
                   if
                   :: op == 3 ->
                           assert(at == base + S || was_there[me]);
                           assert(at != base + S || was_not[me]);
                           break
                   :: op == 2 && at < base + S && STATE(m) == MEMBER ->
                           atomic { floor[base / S] = LARGER(floor[base / S], VERSION(m)) };
                           atomic { cas(at, m, META(EMPTY, 0, VERSION(m) + 1), 0) };
                           if
                           :: ok -> break
                           :: else
                           fi
                   :: op == 1 && at < base + S && STATE(m) == MEMBER ->
                           assert(was_there[me] && !did[me]); break
                   :: op == 2 && at == base + S && !again ->
                           assert(was_not[me]); break
                   :: op == 1 && at == base + S && !again ->
                           m = 0; at = 0;
                           propose(TENT);
                           if
                           :: made -> assert(did[me]); break
                           :: !made && mine == base + S -> break /* it is full */
                           :: else
                           fi
                   :: else
                   fi
                od;
                atomic {
                        assert(HAS_NONE(me));
                        todo = todo / 10;
                        base = 0; mine = 0; at = 0; r = 0; way = 0; m = 0;
                        op = 0; ok = 0; made = 0; again = 0
                }
        od
}

/* What is stored is seen at some time. */
proctype stored()
{
        do
        :: atomic { buffer[0] -> drain(0) }
        :: atomic { buffer[1] -> drain(1) }
        :: atomic { buffer[2] -> drain(2) }
        od
}

#ifdef KILL
proctype recoverer()
{
        byte me = 3, x, i;
        short m;
        bool ok;
        if
        :: x = 0
        :: x = 1
        :: x = 2
        fi;
        atomic { dead[x] = 1; drain(x) }; /* wherever he is */
        if
        :: desk[x] ->
                i = desk[x] - 1;
                do
                :: atomic { m = cell[i] };
                   if
                   :: OPEN(m, x) ->
                           atomic { cas(i, m, META(EMPTY, 0, VERSION(m) + 1), 0);
                                   if
                                   :: ok -> break
                                   :: else
                                   fi }
                   :: else -> break
                   fi
                od;
                desk[x] = 0
        :: else
        fi;
        assert(HAS_NONE(x))
}
#endif

init
{
        atomic {
                if
                :: BEFORE -> cell[0] = META(MEMBER, 0, 3); key[0] = 1
                :: else
                fi;
                run actor(0, OP0);
                run actor(1, OP1);
                run actor(2, OP2);
                run stored();
#ifdef KILL
                run recoverer()
#endif
        }
}
