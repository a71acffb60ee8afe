/* map.pml -- one key of the map: proposed, decided, removed, moved to another table.
 * structures/map_shared.h (PROPOSALS, MOVING), structures/map_table.c, map_move.c.
 *
 * One chain in T, slots 0 .. S-1, and one in T2, slots S .. 2S-1; all slots are of this one
 * key. OP0, OP1, OP2 say what actors 0 to 2 do, one after the other, from the right: a digit
 * each, 1 insert, 2 remove, 3 get, 4 resize and move. BEFORE: the key is there at first.
 * With KILL an actor may die between any two steps; actor 3 recovers it.
 *
 * Shown: the key is never a member twice; what was inserted is there until it is removed;
 * who is told "there" or "not there" is told what was so at one moment of his call; no insert
 * or remove counts twice. Who is stopped for ever ends where he stands, so each claim holds
 * for the others. One atomic {} is one access to shared memory, with the local steps after it.
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
#define N (2 * S)

#define EMPTY 0
#define CLAIM 1
#define TENT 2
#define COPY 3
#define LOST 4
#define MEMBER 5
#define FROZEN 6
#define MOVED 7
#define DEAD 8

/* A meta is one word: state, seat, version. */
#define META(state, seat, version) ((version) * 64 + (seat) * 16 + (state))
#define STATE(meta) ((meta) % 16)
#define SEAT(meta) (((meta) / 16) % 4)
#define VERSION(meta) ((meta) / 64)
#define PROPOSED(meta) (STATE(meta) == TENT || STATE(meta) == COPY)

short cell[N];
bool sealed;
byte root;    /* 0: T; 1: T, T2; 2: T2 */
byte desk[3]; /* slot + 1 */
bool dead[3];
bool killed;

/* what is true */
bool present = BEFORE;
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

/* {slot, from} -> to; ok. What becomes a member or ceases to be one is an LP. */
inline cas(slot, from, to)
{
        ok = (cell[slot] == from);
        if
        :: ok ->
                if
                :: STATE(to) == MEMBER && STATE(from) == TENT ->
                        assert(!present && !did[SEAT(from)]);
                        present = 1; did[SEAT(from)] = 1; note()
                :: STATE(to) == MEMBER && STATE(from) == COPY -> assert(slot >= S && present)
                :: STATE(from) == MEMBER && STATE(to) == EMPTY ->
                        assert(present); present = 0; note()
                :: else
                fi;
                cell[slot] = to
        :: else
        fi
}

/* DECIDE: l with meta lm is a proposal in the table whose slots begin at `base`; back when
 * mine, with meta mm, is none any more. */
inline decide()
{
        l = mine; lm = mm;
        do
        :: bad = 0; i = base;
           do
           :: i < base + S && i == l -> i++
           :: i < base + S && i != l ->
                   atomic { m = cell[i] };
                   if
                   :: PROPOSED(m) && i < l -> l = i; lm = m; bad = 0; i = base
                   :: PROPOSED(m) && i > l ->
#ifndef BUG_SKIP_LATER
                           atomic { cas(i, m, META(LOST, SEAT(m), VERSION(m)));
                                   if
                                   :: ok -> i++
                                   :: else
                                   fi }
#else
                           i++
#endif
                   :: !PROPOSED(m) ->
                           if
                           :: STATE(m) == MEMBER || STATE(m) == FROZEN -> bad = 1
#ifndef BUG_UNAWARE
                           :: STATE(m) == MOVED || STATE(m) == DEAD -> bad = 1
#endif
                           :: else
                           fi;
                           i++
                   fi
           :: i == base + S -> break
           od;
           if
#ifndef BUG_UNAWARE
           :: base == 0 -> atomic { bad = bad || sealed }
#endif
           :: base != 0 && STATE(lm) == COPY && !bad ->
#ifndef BUG_LATE_COPY
                   bad = 1; i = 0;
                   do
                   :: i < S ->
                           atomic { bad = bad && STATE(cell[i]) != FROZEN; i++ }
                   :: i == S -> break
                   od
#else
                   skip
#endif
           :: else
           fi;
           atomic {
                   if
                   :: bad -> cas(l, lm, META(LOST, SEAT(lm), VERSION(lm)))
                      :: else -> cas(l, lm, META(MEMBER, 0, VERSION(lm) + 1))
                   fi;
                   m = cell[mine];
                   l = mine; lm = mm
           };
           if
           :: m != mm -> break
           :: else
           fi
        od
}

/* Proposes `kind` in the table at `base`: made tells whether it is there now. */
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
        if
        :: mine < base + S ->
                desk[me] = mine + 1;
                atomic { cas(mine, mm, META(CLAIM, me, VERSION(mm) + 1));
                        mm = META(CLAIM, me, VERSION(mm) + 1) };
                if
                :: ok ->
                        atomic { cas(mine, mm, META(kind, me, VERSION(mm)));
                                mm = META(kind, me, VERSION(mm)) };
                        if
                        :: ok ->
                                decide();
#ifndef BUG_MISJUDGED
                                made = !(m == META(LOST, me, VERSION(mm)) ||
                                         m == META(DEAD, me, VERSION(mm)));
#else
                                made = (STATE(m) == MEMBER);
#endif
                                if
                                :: m == META(LOST, me, VERSION(mm)) ->
                                        atomic { cas(mine, m, META(EMPTY, 0, VERSION(m) + 1)) }
                                :: else
                                fi
                        :: else
                        fi
                :: else
                fi;
                desk[me] = 0
        :: else
        fi
}

/* Moves the chain; a copy of one who comes late must not be made. */
inline move()
{
        atomic { sealed = 1; s = 0 };
        do
        :: s < S ->
                atomic { f = cell[s] };
                if
                :: STATE(f) == MOVED || STATE(f) == DEAD -> s++
                :: STATE(f) == EMPTY -> atomic { cas(s, f, META(MOVED, 0, VERSION(f))) }
                :: STATE(f) == CLAIM || STATE(f) == LOST || PROPOSED(f) ->
                        atomic { cas(s, f, META(DEAD, SEAT(f), VERSION(f))) }
                :: STATE(f) == MEMBER -> atomic { cas(s, f, META(FROZEN, 0, VERSION(f))) }
                :: STATE(f) == FROZEN ->
                        i = S; bad = 0; /* is it there already? */
                        do
                        :: i < N -> atomic { bad = bad || STATE(cell[i]) == MEMBER; i++ }
                        :: i == N -> break
                        od;
                        if
                        :: bad -> made = 1
                        :: else -> base = S; propose(COPY)
                        fi;
                        if
                        :: made -> atomic { cas(s, f, META(MOVED, 0, VERSION(f))); s++ }
                        :: else
                        fi
                fi
        :: s == S -> break
        od;
        atomic { if :: root == 1 -> root = 2 :: else fi }
}

/* Looks for the key in the table at `base`: at, with meta m; or again. */
inline find()
{
        at = base; again = 0;
        do
        :: at < base + S ->
                atomic { m = cell[at] };
                if
                :: STATE(m) == MEMBER || STATE(m) == FROZEN -> break
                :: STATE(m) == MOVED || STATE(m) == DEAD -> again = 1; at++
                :: else -> at++
                fi
        :: at == base + S -> break
        od
}

proctype actor(byte me; byte todo) provided (!dead[me])
{
        byte base, mine, i, l, s, at, r;
        short m, mm, lm, f;
        bool ok, bad, made, again;

        do
        :: todo == 0 -> break
        :: else ->
                atomic { was_there[me] = present; was_not[me] = !present; did[me] = 0;
                        r = root };
                do
                :: todo % 10 == 4 -> /* resize */
                        atomic { if :: root == 0 -> root = 1 :: else fi; r = root };
                        if
                        :: r == 1 -> move()
                        :: else
                        fi;
                        break
                :: todo % 10 == 3 -> /* get */
                        atomic { r = root };
                        base = (r == 2 -> S : 0);
                        find();
                        if
                        :: at == base + S && again ->
                                if
                                :: base == 0 -> base = S; find()
                                :: else
                                fi
                        :: else
                        fi;
                        assert(at == base + S || was_there[me]);
                        assert(at != base + S || was_not[me]);
                        break
                :: todo % 10 < 3 ->
                        atomic { r = root };
                        if
                        :: r == 1 -> move()
                        :: else
                        fi;
                        base = (r == 0 -> 0 : S);
                        find();
                        if
                        :: at < base + S && todo % 10 == 2 && STATE(m) == MEMBER ->
                                atomic { cas(at, m, META(EMPTY, 0, VERSION(m) + 1)) };
                                if
                                :: ok -> break
                                :: else
                                fi
                        :: at < base + S && todo % 10 == 1 && STATE(m) == MEMBER ->
                                assert(was_there[me] && !did[me]); break
                        :: at == base + S && !again && todo % 10 == 2 ->
                                assert(was_not[me]); break
                        :: at == base + S && !again && todo % 10 == 1 ->
                                propose(TENT);
                                if
                                :: made -> assert(did[me]); break
                                :: mine == base + S -> break /* it is full */
                                :: else
                                fi
                        :: else
                        fi
                od;
                todo = todo / 10
        od
}

#ifdef KILL
proctype recoverer()
{
        byte x, i;
        short m;
        bool ok;
        if
        :: x = 0
        :: x = 1
        :: x = 2
        fi;
        dead[x] = 1; /* wherever he is */
        if
        :: desk[x] ->
                i = desk[x] - 1;
                do
                :: atomic { m = cell[i] };
                   if
                   :: SEAT(m) == x && (STATE(m) == CLAIM || PROPOSED(m) || STATE(m) == LOST) ->
                           atomic { cas(i, m, META(EMPTY, 0, VERSION(m) + 1));
                                   if
                                   :: ok -> break
                                   :: else
                                   fi }
                   :: else -> break
                   fi
                od;
                desk[x] = 0
        :: else
        fi
}
#endif

init
{
        atomic {
                if
                :: BEFORE -> cell[0] = META(MEMBER, 0, 1)
                :: else
                fi;
                run actor(0, OP0);
                run actor(1, OP1);
                run actor(2, OP2);
#ifdef KILL
                run recoverer()
#endif
        }
}
