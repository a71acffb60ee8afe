/* object.pml -- the directory: create, open, close, remove, settle; one chain of entries
 * that are reused. runtime/object.c, runtime/object_table.c.
 *
 * Two entries, one bucket, two names. Actors 0, 1 and 2, an agent of a process of its own
 * each; actor 2 also settles the dead. Whoever settles decides that an actor is dead,
 * wherever that one has got to: it never moves again. At any moment the last actor may come,
 * when everybody else is dead; he settles them and looks whether all is whole. One
 * atomic {} is one access to shared memory, with the local steps after it.
 *
 *   OPS0, OPS1, OPS2    operations of each actor
 *   KIND0, KIND1, KIND2 bits: 1 create, 2 open, 4 close, 8 remove, 16 settle (2 only),
 *                       32 its only thread ends, and another one uses the handle
 *   NAMES               1 or 2
 *   PRE                 1: name 1 is there at the beginning
 *   TRANSIENT           objects go with their last pin
 */
#define E 2
#define NA 3
#ifndef NAMES
#define NAMES 1
#endif
#ifndef PRE
#define PRE 0
#endif

/* state: incarnation (3) | signature: actor + 1 (2) | what (3) */
#define FREE 0
#define CLAIMED 1
#define LIVE 2
#define REMOVED 3
#define RECLAIMED 4
#define DOOMED 5
#define FADING 6
#define WHAT(s) ((s) & 7)
#define SIG(s) (((s) >> 3) & 3)
#define INC(s) ((s) >> 5)
#define STATE(inc, sig, what) (((inc) << 5) | ((sig) << 3) | (what))
#define GONE(s) (WHAT(s) >= REMOVED && WHAT(s) != FADING)
#ifdef TRANSIENT
#define UNUSED(s) (WHAT(s) == REMOVED || WHAT(s) == DOOMED || WHAT(s) == FADING || WHAT(s) == LIVE)
#else
#define UNUSED(s) (WHAT(s) == REMOVED || WHAT(s) == DOOMED)
#endif
#define GOING(s) (WHAT(s) == DOOMED || WHAT(s) == FADING)
#define KEPT(s) STATE(INC(s), 0, (WHAT(s) == FADING -> LIVE : REMOVED))

/* link: incarnation (3) | tag (3) | index + 1 (2) | mark (1) */
#define MARK(l) ((l) & 1)
#define INDEX(l) (((l) >> 1) & 3)
#define TAG(l) (((l) >> 3) & 7)
#define LINC(l) ((l) >> 6)
#define BARE(l) ((l) & (3 << 1 | 7 << 6)) /* without tag and mark */
#define LINK(inc, i) (((inc) << 6) | ((i) + 1) << 1)
#ifdef BUG_NO_TAG
#define TAGGED(inc) 0
#else
#define TAGGED(inc) ((inc) << 3)
#endif

byte state[E];
short next[E], bucket;
byte pins[E]; /* a bit for each actor */
byte name[E];

/* ghosts */
byte memory[E]; /* 0 none, 1 whole, 2 partly freed */
byte named[NAMES + 1];
byte holds[NA]; /* index + 1 of the object that a living actor has open */
bool dead[NA], held[NA];

#define BIT(a) (1 << (a))
#define HELD_BY(a, i) (!dead[a] && holds[a] == (i) + 1)
#define NOBODY_HAS(i) (!HELD_BY(0, i) && !HELD_BY(1, i) && !HELD_BY(2, i))

/* What walk() is for, and where it returns to. */
#define W_FIND 0
#define W_LINK 1
#define W_CLEAN 2

inline body()
{
        do
        :: atomic { /* chooses what to do next */
                   ops > 0 ->
                   ops--;
                   as = me;
                   if
                   :: kind & 1 -> op = 1
                   :: (kind & 2) && me < NA && !mine -> op = 2
                   :: (kind & 4) && mine -> op = 4
                   :: kind & 8 -> op = 8
                   :: kind & 16 -> op = 16
                   :: (kind & 32) && mine -> op = 32
                   :: me < NA -> ops = 0; op = 0 /* leaves it at that */
                   fi;
                   n = 1;
                   if
                   :: op == 1 || op == 2 || op == 8 ->
                        if
                        :: n = 1
#if NAMES > 1
                        :: n = 2
#endif
                        fi
                   :: else -> skip
                   fi
           };
                if
                :: atomic { op == 1 -> goto CREATE }
                :: atomic { op == 2 -> goto OPEN }
                :: atomic { op == 4 -> goto CLOSE }
                :: atomic { op == 8 -> goto REMOVE }
                :: atomic { op == 16 -> goto SETTLE }
                :: atomic { op == 32 -> goto AGAIN }
                :: atomic { op == 0 -> skip }
                fi;
DONE:           atomic {
                        op = 0; n = 0; i = 0; s = 0; from = 0; ftag = 0; link = 0; head = 0;
                        nx = 0; want = 0; wkind = 0; wret = 0; fret = 0; found = 0; e = 0;
                        st = 0; t = 0; as = 0
                }
        :: ops == 0 -> break
        od;
        goto OVER;

/* ---- walk_once(): in wkind, want, wret; out found, i, s, head ---------------- */
WALK:   atomic {
                from = 0; ftag = 0; found = 0;
                link = BARE(bucket);
                head = link
        };
        do
        :: atomic { INDEX(link) == 0 -> goto WALKED }
        :: atomic { /* look() */
                   INDEX(link) != 0 ->
                   i = INDEX(link) - 1;
                   s = state[i];
                   if
                   :: INC(s) != LINC(link) || WHAT(s) == FREE -> goto WALK
                   :: else
                   fi
           };
                if
                :: atomic { GONE(s) -> nx = next[i] }; /* unlink_here() */
                        do
                        :: atomic { MARK(nx) -> break }
                        :: atomic { !MARK(nx) && TAG(nx) != TAG(TAGGED(INC(s))) -> goto WALK }
                        :: atomic { !MARK(nx) && TAG(nx) == TAG(TAGGED(INC(s))) -> skip };
                                atomic {
                                        if
                                        :: next[i] == nx -> nx = nx | 1; next[i] = nx
                                        :: else -> nx = next[i]
                                        fi
                                }
                        od;
                        if
                        :: atomic { TAG(nx) != TAG(TAGGED(INC(s))) -> goto WALK }
                        :: atomic { TAG(nx) == TAG(TAGGED(INC(s))) -> skip }
                        fi;
                        atomic {
                                if
                                :: from == 0 && bucket == link -> bucket = BARE(nx)
                                :: from != 0 && next[from - 1] == (link | ftag) ->
                                        next[from - 1] = BARE(nx) | ftag
                                :: else -> goto WALK
                                fi;
                                if
                                :: head == link -> head = BARE(nx)
                                :: else
                                fi;
                                link = BARE(nx);
                                nx = 0
                        }
                :: atomic { !GONE(s) -> skip };
                        if /* visit */
                        :: atomic { wkind == W_FIND && name[i] == want -> skip };
                                atomic {
                                        if
                                        :: INC(state[i]) == LINC(link) && !GONE(state[i]) ->
                                                found = 1; goto WALKED
                                        :: else
                                        fi
                                }
                        :: atomic { wkind == W_FIND && name[i] != want -> skip }
                        :: atomic { wkind == W_LINK && link == want -> found = 1; goto WALKED }
                        :: atomic { wkind == W_LINK && link != want -> skip }
                        :: atomic { wkind == W_CLEAN -> skip }
                        fi;
                        nx = next[i]; /* step() */
                        atomic {
                                s = state[i];
                                if
                                :: INC(s) != LINC(link) -> goto WALK
                                :: else -> from = i + 1; ftag = TAGGED(INC(s));
                                        link = BARE(nx); nx = 0
                                fi
                        }
                fi
        od;
WALKED: atomic { link = 0; nx = 0; from = 0; ftag = 0 };
        if /* who found it makes it LIVE: help_live() */
        :: atomic { found && WHAT(s) == CLAIMED -> skip };
                atomic {
                        if
                        :: state[i] == s -> s = STATE(INC(s), 0, LIVE); state[i] = s
                        :: else ->
                                if /* of another life by now: look again */
                                :: wkind == W_FIND && INC(state[i]) != INC(s) ->
                                        s = 0; goto WALK
                                :: else -> s = state[i]
                                fi
                        fi
                }
        :: atomic { !(found && WHAT(s) == CLAIMED) -> skip }
        fi;
        atomic { want = 0; wkind = 0 };
        if
        :: atomic { wret == 1 -> goto CREATE1 }
        :: atomic { wret == 2 -> goto CREATE2 }
        :: atomic { wret == 3 -> goto OPEN1 }
        :: atomic { wret == 4 -> goto REMOVE1 }
        :: atomic { wret == 5 -> goto REMOVE2 }
        :: atomic { wret == 6 -> goto FREE1 }
        :: atomic { wret == 7 -> goto SETTLE1 }
        fi;

/* ---- free_if_unused(e) as agent `as`: in e, as, fret -------------------------- */
FREEIF: st = state[e];
        do
        :: atomic { !UNUSED(st) -> goto FREED }
        :: atomic { UNUSED(st) -> skip };
                if
                :: atomic { pins[e] != 0 -> goto FREED }
                :: atomic { pins[e] == 0 -> skip }
                fi;
                atomic {
                        if
                        :: state[e] == st ->
                                st = STATE(INC(st), as + 1, (GONE(st) -> DOOMED : FADING));
                                state[e] = st
                        :: else -> goto FREED
                        fi
                };
                if
#ifdef BUG_NO_LOOK
                :: atomic { true -> skip };
#else
                :: atomic { pins[e] == 0 -> skip };
#endif
                        atomic {
                                if
#ifdef BUG_BLIND_RECLAIM /* does not see that it has been undoomed */
                                :: true ->
#else
                                :: state[e] == st ->
#endif
                                        if /* and its name is gone */
                                        :: WHAT(st) == FADING -> named[name[e]]--
                                        :: else
                                        fi;
                                        st = STATE(INC(st), as + 1, RECLAIMED);
                                        state[e] = st;
                                        goto DOOM
                                :: else -> goto FREED
                                fi
                        }
#ifndef BUG_NO_LOOK
                :: atomic { pins[e] != 0 -> skip };
                        atomic {
                                if
                                :: state[e] == st -> st = KEPT(st); state[e] = st
                                :: else -> st = state[e]
                                fi
                        }
#endif
#ifdef BUG_NO_SECOND_LOOK
                        goto FREED
#endif
                fi
        od;
DOOM:   atomic { wkind = W_CLEAN; wret = 6 }; /* free_object(): RECLAIMED by `as` */
        goto WALK;
FREE1:  atomic { assert(NOBODY_HAS(e)); memory[e] = 2; s = 0; head = 0; i = 0 }; /* destroy */
        memory[e] = 0;
        atomic { assert(NOBODY_HAS(e)); state[e] = STATE(INC(st), 0, FREE) }; /* LP of free */
FREED:  atomic { st = 0; s = 0; head = 0; i = 0; found = 0 };
        if
        :: atomic { fret == 1 -> goto DONE }
        :: atomic { fret == 2 -> goto SETTLE3 }
        :: atomic { fret == 3 -> goto AGAIN1 }
        fi;

/* ---- create ----------------------------------------------------------------- */
CREATE: atomic { wkind = W_FIND; want = n; wret = 1 };
        goto WALK;
CREATE1:
        if
        :: atomic { found -> goto DONE } /* -EEXIST */
        :: atomic { !found -> e = 0 }
        fi;
        do
        :: atomic { e < E && WHAT(state[e]) == FREE -> st = state[e] };
                atomic {
                        if
                        :: state[e] == st -> /* LP of claim */
                                st = STATE((INC(st) + 1) & 7, me + 1, CLAIMED);
                                state[e] = st;
                                break
                        :: else -> e++
                        fi
                }
        :: atomic { e < E && WHAT(state[e]) != FREE -> e++ }
        :: atomic { e == E -> goto DONE } /* -EMFILE */
        od;
        atomic { assert(memory[e] == 0); name[e] = n }; /* draft() */
        memory[e] = 1;
        pins[e] = pins[e] | BIT(me);
        do
        :: atomic { wkind = W_FIND; want = n; wret = 2 };
                goto WALK;
CREATE2:        if
                :: atomic { found -> goto UNDO } /* -EEXIST after all */
                :: atomic { !found -> skip }
                fi;
                next[e] = head | TAGGED(INC(st));
                atomic {
                        if
#ifdef BUG_BLIND_INSERT
                        :: true -> head = bucket; next[e] = head | TAGGED(INC(st));
#else
                        :: bucket == head ->
#endif
                                bucket = LINK(INC(st), e); /* LP of create */
                                assert(named[n] == 0); /* never there twice */
                                named[n]++;
                                break
                        :: else
                        fi
                }
        od;
        atomic { /* help_live() */
                if
                :: state[e] == st -> state[e] = STATE(INC(st), 0, LIVE)
                :: else
                fi;
                if
                :: mine -> skip
                :: else -> holds[me] = e + 1; mine = e + 1; minc = INC(st)
                fi
        };
        if /* one handle an actor is enough: a further one is closed at once */
        :: atomic { mine != e + 1 || minc != INC(st) -> pins[e] = pins[e] & ~BIT(me); fret = 1 };
                goto FREEIF
        :: atomic { !(mine != e + 1 || minc != INC(st)) -> goto DONE }
        fi;

/* undo_draft(): entry e, CLAIMED by `as` */
UNDO:   pins[e] = pins[e] & ~BIT(as);
        atomic { assert(NOBODY_HAS(e)); memory[e] = 0 };
        state[e] = STATE(INC(st), 0, FREE);
        if
        :: atomic { op == 16 -> goto SETTLE3 }
        :: atomic { op != 16 -> goto DONE }
        fi;

/* ---- open, close ------------------------------------------------------------ */
OPEN:   atomic { wkind = W_FIND; want = n; wret = 3 };
        goto WALK;
OPEN1:  if
        :: atomic { !found || GONE(s) -> goto DONE } /* -ENOENT */
        :: atomic { found && !GONE(s) -> e = i; st = s }
        fi;
#ifdef BUG_LOOK_THEN_PIN
        atomic { s = state[e] };
        pins[e] = pins[e] | BIT(me);
        atomic {
#else
        pins[e] = pins[e] | BIT(me);
OPEN2:  atomic {
                s = state[e]; /* LP of open */
#endif
                if
                :: INC(s) == INC(st) && WHAT(s) == LIVE ->
                        assert(memory[e] == 1);
                        holds[me] = e + 1; mine = e + 1; minc = INC(s);
                        goto DONE
                :: else
                fi
        };
#if defined(TRANSIENT) && !defined(BUG_LOOK_THEN_PIN)
        if
        :: atomic { INC(s) == INC(st) && WHAT(s) == FADING -> skip };
                atomic {
                        if
                        :: state[e] == s -> state[e] = KEPT(s)
                        :: else
                        fi
                };
                goto OPEN2
        :: atomic { !(INC(s) == INC(st) && WHAT(s) == FADING) -> skip }
        fi;
#endif
        atomic { pins[e] = pins[e] & ~BIT(me); fret = 1 };
        goto FREEIF;

CLOSE:  atomic { assert(memory[mine - 1] == 1); e = mine - 1; holds[me] = 0; mine = 0; minc = 0 };
        atomic { pins[e] = pins[e] & ~BIT(me); fret = 1 };
        goto FREEIF;

/* Its only thread ends and takes the pin along; the handle stays. Then another thread of
 * it comes: weft_handle_pin(). */
AGAIN:  atomic { e = mine - 1; holds[me] = 0 };
        atomic { pins[e] = pins[e] & ~BIT(me); fret = 3 };
        goto FREEIF;
AGAIN1: pins[e] = pins[e] | BIT(me);
        s = state[e];
        do /* still_there() */
        :: atomic { INC(s) == minc && (WHAT(s) == LIVE || WHAT(s) == REMOVED) ->
                    assert(memory[e] == 1);
                    holds[me] = e + 1;
                    goto DONE }
        :: atomic { INC(s) == minc && GOING(s) -> skip };
                atomic {
                        if
                        :: state[e] == s -> s = KEPT(s); state[e] = s
                        :: else -> s = state[e]
                        fi
                }
        :: atomic { INC(s) != minc || WHAT(s) < LIVE || WHAT(s) == RECLAIMED ->
                    mine = 0; minc = 0; break } /* -ENOENT */
        od;
        atomic { pins[e] = pins[e] & ~BIT(me); fret = 1 };
        goto FREEIF;

/* ---- remove ----------------------------------------------------------------- */
REMOVE: atomic { wkind = W_FIND; want = n; wret = 4 };
        goto WALK;
REMOVE1:
        if
        :: atomic { !found || GONE(s) -> goto DONE }
        :: atomic { found && !GONE(s) -> e = i }
        fi;
        atomic {
                if
                :: state[e] == s ->
                        state[e] = STATE(INC(s), 0, REMOVED); /* LP of remove */
                        named[n]--
                :: else -> goto REMOVE
                fi;
                wkind = W_CLEAN; wret = 5
        };
        goto WALK;
REMOVE2:
        fret = 1;
        goto FREEIF;

/* ---- weft_objects_settle(): actor t is dead, or leaves ------------------------ */
SETTLE: t = 0;
        do
        :: atomic { t == NA -> goto DONE }
        :: atomic { t < NA && (t == me || !held[t]) -> t++ }
        :: atomic { t < NA && t != me && held[t] && me < NA -> t++ } /* that one lives */
        :: atomic { t < NA && t != me && held[t] -> dead[t] = 1; as = t; e = 0 };
                do
                :: atomic { e == E -> break }
                :: atomic { e < E -> st = state[e] };
                        if
                        :: atomic { SIG(st) == as + 1 && WHAT(st) == CLAIMED ->
                                    wkind = W_LINK; want = LINK(INC(st), e); wret = 7 };
                                goto WALK;
SETTLE1:                        if
#ifdef BUG_BLIND_UNDO /* it may have been made LIVE, removed and unlinked meanwhile */
                                :: atomic { !found -> goto UNDO }
                                :: atomic { found -> found = 0 }
#else
                                :: atomic { !found && state[e] == st -> goto UNDO }
                                :: atomic { !(!found && state[e] == st) -> found = 0 }
#endif
                                fi;
                                st = state[e]
                        :: atomic { SIG(st) == as + 1 && WHAT(st) == RECLAIMED ->
                                    pins[e] = pins[e] & ~BIT(as); fret = 2 };
                                goto DOOM
                        :: atomic { SIG(st) != as + 1 || WHAT(st) < CLAIMED ||
                                    WHAT(st) == LIVE || WHAT(st) == REMOVED ||
                                    GOING(st) -> skip }
                        fi;
                        if /* settle_pinned() */
                        :: atomic { pins[e] & BIT(as) -> skip };
#ifndef BUG_RECOVER_DOOMED
                                do /* its doomer did not see this pin, perhaps */
                                :: atomic { GOING(st) -> skip };
                                        atomic {
                                                if
                                                :: state[e] == st ->
                                                        st = KEPT(st);
                                                        state[e] = st
                                                :: else -> st = state[e]
                                                fi
                                        }
                                :: atomic { !GOING(st) -> break }
                                od;
#endif
                                if
                                :: atomic { WHAT(st) == LIVE || WHAT(st) == REMOVED ||
                                            GOING(st) ->
                                            assert(memory[e] == 1) } /* recover() */
                                :: atomic { WHAT(st) < LIVE || WHAT(st) == RECLAIMED -> skip }
                                fi;
                                pins[e] = pins[e] & ~BIT(as)
                        :: atomic { !(pins[e] & BIT(as)) -> skip }
                        fi;
                        fret = 2;
                        goto FREEIF;
SETTLE3:                e++
                od;
                atomic { held[t] = 0; as = me; t++ }
        od;
OVER:   skip
}

#define LOCALS \
        byte op, n, i, s, from, wkind, wret, fret, e, st, t, as, mine, minc; \
        short ftag, link, head, nx, want; \
        bool found

proctype actor(byte me; byte ops; byte kind) provided (!dead[_pid - 1])
{
        LOCALS;
        body()
}

/* All others are dead now. Nothing is left half made or half gone. */
proctype last_one()
{
        byte me = NA, ops = 1, kind = 16;
        LOCALS;
        atomic {
                dead[0] = 1; dead[1] = 1; dead[2] = 1;
                body();
                e = 0;
                do
                :: e < E ->
                        assert(pins[e] == 0);
#ifdef TRANSIENT
                        assert(WHAT(state[e]) == FREE);
#else
                        assert(WHAT(state[e]) == FREE || WHAT(state[e]) == LIVE);
#endif
                        assert(memory[e] == (WHAT(state[e]) == LIVE -> 1 : 0));
                        if
                        :: WHAT(state[e]) == LIVE ->
                                named[name[e]]--; /* and it is in the chain */
                                assert(bucket == LINK(INC(state[e]), e) ||
                                       (INDEX(bucket) == 2 - e &&
                                        BARE(next[1 - e]) == LINK(INC(state[e]), e)))
                        :: else
                        fi;
                        e++
                :: else -> break
                od;
                assert(named[1] == 0);
#if NAMES > 1
                assert(named[2] == 0)
#endif
        }
}

init
{
        atomic {
#if PRE
                state[0] = STATE(1, 0, LIVE);
                memory[0] = 1;
                name[0] = 1;
                next[0] = TAGGED(1);
                bucket = LINK(1, 0);
                named[1] = 1;
#endif
                held[0] = 1; held[1] = 1; held[2] = 1;
                run actor(0, OPS0, KIND0);
                run actor(1, OPS1, KIND1);
                run actor(2, OPS2, KIND2);
                run last_one()
        }
}
