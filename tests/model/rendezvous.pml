/* rendezvous.pml -- offers that hang on one word, selects on both sides, boxes, and the dead.
 * runtime/meet.h (all of it), structures/rendezvous.c (offers, give_to, take_from, take_up,
 * offer, fetch, look_and_come, meet), structures/rendezvous_box.c (pack, is_in_use),
 * sync/select.c (offer_all, meet, is_ready, try_offered).
 *
 * Two objects; an actor wants a set of cases: bit 2 * object + side, 0 gives, 1 takes. One
 * case is a push or a pop, several are a select, which is the same but for the loop over
 * them. Each actor makes OPS operations; a bit in IMPATIENT makes one give up waiting at any
 * time. Up to KILLS of them die, at any step, are settled at any later time, and another
 * sits down in the seat, who wants AFTER. With NB, elements lie in boxes, NB in each desk;
 * else they are what is left in the word. An element is told by its number.
 *
 * Two who see each other take their offers back and try; how often, TRIES bounds: a run in
 * which somebody does it once more is not followed.
 *
 * One atomic {} is one access to shared memory, with the local steps after it. To wake a
 * sleeper is what wait.pml shows of it: who sleeps here looks at his word for ever.
 */
#define NA 3
#ifndef WANTS0
#define WANTS0 1
#endif
#ifndef WANTS1
#define WANTS1 2
#endif
#ifndef WANTS2
#define WANTS2 3
#endif
#ifndef AFTER
#define AFTER 8
#endif
#ifndef OPS
#define OPS 1
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef IMPATIENT
#define IMPATIENT 0
#endif

#ifndef TRIES
#define TRIES 1
#endif

#define IDLE 0
#define OPEN 1
#define MET 2

/* the seats */
byte state[NA], ver[NA], at[NA], left[NA];
bool dead[NA];

/* the desks */
byte off_v[12];   /* offer[side] of two objects: 4 for each actor */
#ifdef NB
byte off_box[NA];
byte content[6], given_to[6], given_v[6]; /* 2 for each actor */
#define BOX(a, k) ((a) * 2 + (k))
#define LEFT(a, k) ((a) * 2 + (k) + 1)
#define IN_USE(a, k) \
        (given_v[BOX(a, k)] && state[given_to[BOX(a, k)]] == MET && \
         ver[given_to[BOX(a, k)]] == given_v[BOX(a, k)] && \
         left[given_to[BOX(a, k)]] == LEFT(a, k))
#endif
bool shut;
byte kills;
bool pruned; /* somebody has taken his offer back more than TRIES times */

/* ghosts: of the operation going on */
byte met[NA];  /* how often it has met somebody */
byte due[NA];  /* what it is to get */
byte mine[NA]; /* the element that it has to give */

#define MAY_DIE \
        if \
        :: true \
        :: kills < KILLS -> kills++; goto died \
        fi

#ifdef NB
/* A box of one's own that nobody has still to read, with the element in it. */
inline pack()
{
        k = 0;
        do
        :: atomic { box != 255 -> break }
#ifndef BUG_BOX_REUSED
        :: atomic { box == 255 && k < NB && IN_USE(me, k) -> k++ }
        :: atomic { box == 255 && k < NB && !IN_USE(me, k) -> box = k }
#else
        :: atomic { box == 255 && k < NB -> box = k }
#endif
        :: atomic { box == 255 && k == NB -> break } /* the code would grow */
        od;
        if
        :: box != 255 && !packed ->
                MAY_DIE;
                atomic { given_v[BOX(me, box)] = 0; content[BOX(me, box)] = 0 };
                MAY_DIE;
                atomic { content[BOX(me, box)] = mine[me]; packed = true }
        :: else
        fi
}
#endif

/* What p offers that fits: `its`, or 255. Its word is read before its desk. */
inline see(p)
{
        its = 255;
        atomic {
                seen_s = state[p]; seen_v = ver[p]
        };
        if
        :: seen_s == OPEN ->
                atomic {
                        b = 0;
                        do
                        :: b < 4 && its == 255 && (wants >> b & 1) &&
                           off_v[p * 4 + (b ^ 1)] == seen_v -> its = b ^ 1
                        :: else -> b++
                        :: b >= 4 || its != 255 -> break
                        od;
                        b = 0
                };
                if
                :: atomic { dead[p] -> its = 255 }
                :: atomic { !dead[p] -> skip }
                fi
        :: else
        fi
}

#ifdef BUG_BLIND
#define AS_SEEN(p) (state[p] == OPEN)
#else
#define AS_SEEN(p) (state[p] == OPEN && ver[p] == seen_v)
#endif

inline ghost_meeting(p)
{
        met[me]++; met[p]++;
        if
        :: its & 1 -> due[p] = mine[me]
        :: else -> due[me] = mine[p]
        fi;
        done = true
}

/* Takes up case `its` of p. */
inline take_up(p)
{
        MAY_DIE;
        if
        :: its & 1 -> /* it takes */
#ifdef NB
                pack();
                if
                :: box != 255 ->
#ifndef BUG_GIVEN_LATE
                        atomic {
                                given_to[BOX(me, box)] = p; given_v[BOX(me, box)] = seen_v
                        };
#endif
                        MAY_DIE;
                        atomic {
                                if
                                :: AS_SEEN(p) ->
                                        state[p] = MET; at[p] = its; left[p] = LEFT(me, box);
                                        ghost_meeting(p)
                                :: else
                                fi
                        };
#ifdef BUG_GIVEN_LATE
                        MAY_DIE;
                        atomic {
                                given_to[BOX(me, box)] = p; given_v[BOX(me, box)] = seen_v
                        }
#endif
                :: else
                fi
#else
                atomic {
                        if
                        :: AS_SEEN(p) ->
                                state[p] = MET; at[p] = its; left[p] = mine[me];
                                ghost_meeting(p)
                        :: else
                        fi
                }
#endif
        :: else -> /* it gives */
#ifdef NB
#ifndef BUG_COPY_LATE
                atomic { k = off_box[p] };
                atomic { got = content[BOX(p, k)] };
#endif
#else
                atomic { got = mine[p] }; /* its gift: constant while it is open */
#endif
                MAY_DIE;
                atomic {
                        if
                        :: AS_SEEN(p) ->
                                state[p] = MET; at[p] = its; left[p] = 0;
                                ghost_meeting(p)
                        :: else
                        fi
                };
#ifdef BUG_COPY_LATE
                atomic { k = off_box[p] };
                atomic { got = content[BOX(p, k)] };
#endif
                if
                :: done -> assert(got == due[me]); got = 0
                :: else -> got = 0
                fi
        fi
}

/* Looks at all others, and takes up what fits. */
inline try_all()
{
        p = 0;
        do
        :: p < NA && !done ->
                if
                :: p != me && !shut ->
                        see(p);
                        if
                        :: its != 255 -> take_up(p)
                        :: else
                        fi;
                        its = 255; seen_v = 0; seen_s = 0
                :: else
                fi;
                p++
        :: p == NA || done -> break
        od;
        p = 0
}

/* It has been met: fetches what was left, and ends the offer. */
inline fetch()
{
        atomic { its = at[me]; seen_v = left[me] };
        assert(wants >> its & 1);
        MAY_DIE;
#ifdef BUG_END_EARLY
        atomic { state[me] = IDLE };
#endif
        if
        :: its & 1 ->
#ifdef NB
                got = content[seen_v - 1]; /* one load; torn, if it is being written */
#else
                got = seen_v;
#endif
                assert(got == due[me])
        :: else
        fi;
        MAY_DIE;
        atomic { state[me] = IDLE; got = 0; its = 255; seen_v = 0; done = true }
}

inline offer_all()
{
#ifdef NB
        if
        :: wants & 5 -> pack()
        :: else
        fi;
        MAY_DIE;
        atomic { if :: wants & 5 -> off_box[me] = box :: else fi };
#endif
        k = 0;
        do
        :: k < 4 ->
                if
                :: wants >> k & 1 ->
                        MAY_DIE;
                        atomic { off_v[me * 4 + k] = ver[me] + 1 }
                :: else
                fi;
                k++
        :: k == 4 -> k = 0; break
        od;
        MAY_DIE;
        atomic { ver[me]++; state[me] = OPEN }
}

active [NA] proctype actor()
{
        byte me = _pid, wants, ops, p, its = 255, b, k, seen_s, seen_v, got, box = 255, tries;
        bool done, packed;
        wants = (me == 0 -> WANTS0 : (me == 1 -> WANTS1 : WANTS2));

begin:
        do
        :: ops == OPS || wants == 0 -> goto end
        :: ops < OPS && wants == 16 -> atomic { shut = true; ops++ }
        :: ops < OPS && wants != 0 && wants != 16 ->
                ops++;
                atomic {
                        met[me] = 0; due[me] = 0; done = false; box = 255; packed = false;
                        mine[me] = me * 3 + ops
                };
again:
                try_all();
                if
                :: done -> goto over
                :: !done && shut -> goto over
                :: else
                fi;
#ifdef NB
                if
                :: (wants & 5) && box == 255 ->
                        pack();
                        if
                        :: box == 255 -> goto over /* no memory */
                        :: else
                        fi
                :: else
                fi;
#endif
                offer_all();
look: /* who else has an offer open; then asleep */
#ifndef BUG_NO_LOOK
                p = 0;
                do
                :: p < NA ->
                        if
                        :: p != me ->
                                see(p);
                                seen_v = 0; seen_s = 0;
                                if
                                :: its != 255 -> its = 255; break
                                :: else
                                fi
                        :: else
                        fi;
                        p++
                :: p == NA -> break
                od;
#else
                p = NA;
#endif
                if
                :: p < NA -> /* at once, or after a moment, in which it may be met */
                        p = 0;
#ifdef BUG_NOT_BACK
                        try_all();
#endif
                        goto back
                :: p == NA -> p = 0
                fi;
                if
                :: atomic { state[me] == MET -> skip }; fetch(); goto over
                :: (IMPATIENT >> me & 1) || shut -> goto give_up
                fi;
back:
                MAY_DIE;
                if
                :: atomic { tries == TRIES -> pruned = true }; false
                :: tries < TRIES -> tries++
                fi;
                if
                :: atomic { state[me] == OPEN -> state[me] = IDLE }; goto again
                :: atomic { state[me] == MET -> skip }; fetch(); goto over
                fi;
give_up:
                MAY_DIE;
                if
                :: atomic { state[me] == OPEN -> state[me] = IDLE }; goto over
                :: atomic { state[me] == MET -> skip }; fetch(); goto over
                fi;
over:
                assert(met[me] == done); /* exactly once, or nothing has happened */
                atomic { done = false; box = 255; packed = false; its = 255; k = 0; p = 0;
                         tries = 0 }
        od;

died:
        atomic { dead[me] = true; done = false; box = 255; packed = false; its = 255; k = 0;
                 p = 0; b = 0; got = 0; seen_v = 0; seen_s = 0; ops = OPS - 1; wants = AFTER;
                 tries = 0 };
        /* weft_meet_forget(), and then the next one sits down */
        atomic {
                state[me] = IDLE;
#ifndef BUG_SAME_VERSION
                ver[me]++;
#endif
                dead[me] = false
        };
        goto begin;
end:
        skip
}

#define FITS(a, b, its) \
        (off_v[(a) * 4 + (its)] == ver[a] && off_v[(b) * 4 + ((its) ^ 1)] == ver[b])
#define MISS(a, b) \
        (state[a] == OPEN && state[b] == OPEN && \
         (FITS(a, b, 0) || FITS(a, b, 1) || FITS(a, b, 2) || FITS(a, b, 3)))

/* Nobody can go on: then no two are left who could have met. */
active proctype watch()
{
        timeout -> assert(pruned || (!MISS(0, 1) && !MISS(0, 2) && !MISS(1, 2)))
}
