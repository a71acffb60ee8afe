/* agent.pml -- seats: joining, leaving, dying, settling. runtime/agent.c.
 *
 * Two seats; two agents that take them, an opener without a seat that settles the dead, a
 * killer that stops any of them for ever between any two steps, and a last opener, who
 * comes when nobody else moves any more. One atomic {} is one access to shared memory,
 * with the local steps after it.
 */
#ifndef NS
#define NS 2 /* seats */
#endif
#define NA 3 /* actors: 0 and 1 take seats, 2 only settles */
#ifndef LIVES
#define LIVES 1 /* how often an agent may join */
#endif
#ifndef KILLS
#define KILLS 2
#endif
#define LAST NA /* the last opener: never killed */

/* a seat */
byte state[NS];  /* generation * 2 + held */
byte owner[NS];  /* of its life: actor + 1; 0 is nobody */
bool odead[NS];  /* the life passes on with EOWNERDEAD, and is not consistent */
bool spoilt[NS]; /* ENOTRECOVERABLE */
#define HELD(s) (state[s] & 1)
#define GEN(s) (state[s] >> 1)

/* Where signatures of seat s may be: the generation that signed; 0 is nobody's. */
byte object[NS];  /* in a directory entry, a queue's hand: objects settle it */
byte reclaim[NS]; /* what a settler claims in the dead's name */
byte blocks[NS];

/* ghosts */
bool dead[NA];
bool over[NA];
byte sits[NS];    /* who took the seat as it is: actor + 1 */
byte settler[NS]; /* who settles it now: actor + 1 */
byte kills;

/* seize(): got is 1 or 0. Between EOWNERDEAD and consistent one may die. */
inline seize(s, got)
{
        atomic {
                if
#ifdef BUG_BY_TIME /* "it has not moved for a while, so it is dead" */
                :: owner[s] != 0 -> owner[s] = me + 1; got = 1
#else
                :: owner[s] != 0 || spoilt[s] -> got = 0
#endif
                :: else -> owner[s] = me + 1; got = 1
                fi
        };
#ifndef BUG_NOT_CONSISTENT
        if
        :: atomic { got && odead[s] -> odead[s] = 0 }
        :: atomic { !(got && odead[s]) -> skip }
        fi
#endif
}

inline unlock(s)
{
        atomic {
                spoilt[s] = spoilt[s] || odead[s];
                owner[s] = 0
        }
}

/* settle(): the caller holds the life. `knows`: all kinds are known in this process. */
inline settle(s, knows, ok)
{
        atomic {
                assert(settler[s] == 0); /* never two at once */
                assert(sits[s] == 0 || sits[s] == me + 1 || dead[sits[s] - 1]);
                settler[s] = me + 1;
#ifdef BUG_STATE_FIRST
                state[s] = GEN(s) * 2;
#endif
#ifdef BUG_BLOCKS_FIRST
                blocks[s] = 0;
#endif
                ok = knows || !object[s]
        };
        if
        :: atomic {
                   ok && object[s] ->
                   assert(blocks[s]); /* what objects find decides whose they are */
                   reclaim[s] = GEN(s) /* signs as the dead */
           };
           object[s] = 0
        :: atomic { !(ok && object[s]) -> skip }
        fi;
        reclaim[s] = 0;
        if
        :: atomic { ok -> assert(!object[s]); blocks[s] = 0 };
           atomic { settler[s] = 0; sits[s] = 0; state[s] = GEN(s) * 2 } /* LP */
        :: atomic { !ok -> settler[s] = 0 }
        fi
}

inline settle_seat(s, knows, ok)
{
        if
        :: atomic { !HELD(s) -> ok = 1 }
        :: atomic { HELD(s) -> ok = 0 };
                settle(s, knows, ok)
        fi
}

/* weft_agents_settle() */
inline settle_all(t, knows, got, ok)
{
        t = 0;
        do
        :: atomic { t < NS && !HELD(t) -> t++ }
        :: atomic { t < NS && HELD(t) -> skip };
                seize(t, got);
                if
                :: atomic { got -> got = 0 };
                        settle_seat(t, knows, ok);
                        unlock(t)
                :: atomic { !got -> skip }
                fi;
                atomic { t++; ok = 0 }
        :: atomic { t >= NS -> t = 0; break }
        od
}

/* Dying: the kernel lets go of one life after the other. */
inline die(t)
{
        t = 0;
        do
        :: t < NS ->
                atomic {
                        if
                        :: owner[t] == me + 1 -> owner[t] = 0; odead[t] = 1
                        :: else
                        fi;
                        if
                        :: settler[t] == me + 1 -> settler[t] = 0
                        :: else
                        fi;
                        do
                        :: t++;
                                if
                                :: t >= NS || owner[t] == me + 1 -> break
                                :: else
                                fi
                        od
                }
        :: else -> break
        od
}

proctype agent(byte me)
{
        byte s, t, got, ok, lives, pass, sig;
        {
                do
                :: atomic { lives < LIVES -> lives++; pass = 0; s = 0 };
                        /* find_seat(): free ones first, then those of the dead */
                        do
                        :: atomic { pass < 2 && s < NS && HELD(s) && pass == 0 -> s++ }
                        :: atomic { pass < 2 && s < NS && !(HELD(s) && pass == 0) -> skip };
                                seize(s, got);
                                if
                                :: atomic { got -> got = 0; ok = 1 };
#ifndef BUG_NOT_SETTLED
                                        settle_seat(s, me == 0, ok);
#endif
                                        if
                                        :: atomic { ok -> break }
                                        :: atomic { !ok -> skip };
                                                unlock(s);
                                                s++
                                        fi
                                :: atomic { !got -> s++ }
                                fi
                        :: atomic { pass < 2 && s == NS -> pass++; s = 0 }
                        :: atomic { pass == 2 -> break }
                        od;
                        if
                        :: atomic { pass == 2 -> break } /* -EMFILE */
                        :: atomic { pass < 2 -> ok = 0; pass = 0 }
                        fi;
                        atomic { /* sit_down() */
                                assert(!object[s] && !reclaim[s] && !blocks[s]);
                                sits[s] = me + 1;
                                state[s] = (GEN(s) + 1) * 2 + 1 /* LP of join */
                        };
                        blocks[s] = GEN(s); /* signs this and that */
                        object[s] = GEN(s);
                        if
                        :: skip
                        :: settle_all(t, me == 0, got, ok)
                        :: atomic { HELD(NS - 1 - s) -> t = NS - 1 - s; sig = GEN(t) };
                                /* weft_agent_life() of a signature that it met */
                                if
                                :: atomic { !HELD(t) || GEN(t) != sig -> ok = 1 }
                                :: atomic { HELD(t) && GEN(t) == sig -> skip };
                                        seize(t, got);
                                        if
                                        :: atomic { got -> got = 0 };
                                                settle_seat(t, me == 0, ok);
                                                unlock(t)
                                        :: atomic { !got -> skip }
                                        fi
                                fi;
                                atomic { /* WEFT_GONE: it is nowhere any more */
                                        assert(!ok || (object[t] != sig &&
                                               reclaim[t] != sig && blocks[t] != sig));
                                        t = 0; sig = 0; ok = 0
                                }
                        fi;
                        settle(s, me == 0, ok); /* leave_one() */
                        atomic {
                                if
                                :: !ok -> sits[s] = 0
                                :: else
                                fi;
                                ok = 0
                        };
                        unlock(s)
                :: break
                od
        } unless { dead[me] -> die(t) };
        atomic { s = 0; t = 0; got = 0; ok = 0; lives = 0; pass = 0; sig = 0; over[me] = 1 }
}

proctype opener(byte me)
{
        byte t, got, ok;
        { settle_all(t, true, got, ok) } unless { dead[me] -> die(t) };
        atomic { t = 0; got = 0; ok = 0; over[me] = 1 }
}

/* SIGKILL at any point; SIGSTOP for ever is an agent that is never chosen again. */
proctype killer()
{
        do
        :: atomic { kills < KILLS && !dead[0] && !over[0] -> dead[0] = 1; kills++ }
        :: atomic { kills < KILLS && !dead[1] && !over[1] -> dead[1] = 1; kills++ }
        :: atomic { kills < KILLS && !dead[2] && !over[2] -> dead[2] = 1; kills++ }
        :: break
        od
}

proctype last_one()
{
        byte me = LAST, t, got, ok;
        over[0] && over[1] && over[2];
        settle_all(t, true, got, ok);
        do
        :: t < NS ->
                atomic {
                        assert(!HELD(t) && owner[t] == 0 && !spoilt[t]); /* none leaks */
                        assert(!object[t] && !reclaim[t] && !blocks[t]);
                        t++
                }
        :: else -> break
        od
}

init
{
        atomic { run agent(0); run agent(1); run opener(2); run killer(); run last_one() }
}
