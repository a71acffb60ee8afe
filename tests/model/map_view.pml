/* map_view.pml -- entries in blocks, and who reads them where they lie: structures/map_entry.c,
 * map_view.c, what map_block.c does of it.
 *
 * One key: its slot names a block, and a version, which change together and are read one by
 * one. Actors 0 and 1 put and remove, actor 2 views; the slot's own protocol is map.pml's.
 * A settler takes one of them for dead, wherever that one has got to, while the others go on.
 * At any moment at all everybody is dead, and all are settled: then a block is the map's if
 * and only if the slot names it. A ref has a generation. One atomic {} is one access to
 * shared memory.
 *
 *   OPS0, OPS1  masks with a 1 on top: a bit 0 puts, 1 removes
 *   VIEWS       so many by actor 2
 *   IDLE        who replaces keeps the block for his next entry
 *   NB          blocks
 *   KILLS       somebody settles one of them, too
 */
#ifndef OPS0
#define OPS0 4
#endif
#ifndef OPS1
#define OPS1 1
#endif
#ifndef VIEWS
#define VIEWS 1
#endif
#ifdef IDLE
#define KEEP true
#else
#define KEEP false
#endif
#ifndef NB
#define NB 3
#endif
#define MAP 7 /* an owner; actor a is a + 1, nobody 0 */

byte slot, version; /* one CAS */
byte owner[NB], gen[NB], data[NB];
byte fresh[3], old[3], idle[3], place; /* on the desks */
bool viewed;
bool dead[3], over;
byte value_of[16], made; /* ghost: of each version; so far */
byte pinned;             /* ghost: what is viewed */

#define REF(b) (1 + (b) + NB * gen[b])
#define WHERE(r) (((r) - 1) % NB)
#define IS(r) ((r) && gen[WHERE(r)] == ((r) - 1) / NB)

inline free_from(r, who)
{
        atomic {
                if
                :: IS(r) && owner[WHERE(r)] == who ->
                        assert(r != pinned);
                        owner[WHERE(r)] = 0;
                        gen[WHERE(r)]++;
                        data[WHERE(r)] = 0
                :: else -> skip
                fi
        }
}

/* weft_map_viewed(): the places are looked at after it was taken out. */
inline look_who_views(r)
{
#ifdef BUG_NO_LOOK
        seen = false
#else
        atomic { seen = viewed };
        if
        :: seen -> seen = (place == r)
        :: else -> skip
        fi
#endif
}

inline dispose(r)
{
        look_who_views(r);
        if
        :: !seen -> free_from(r, MAP)
        :: else -> skip
        fi;
        seen = false
}

inline dispose_unless_linked(r)
{
        atomic { seen = IS(r) };
        if
        :: seen -> atomic { seen = (slot == r) }
        :: else -> skip
        fi;
        if
        :: !seen -> dispose(r)
        :: else -> seen = false
        fi
}

/* weft_map_entry_make() */
inline make()
{
        atomic {
                r = idle[a];
                idle[a] = 0
        };
        if
        :: !r -> atomic {
                b = 0;
                do
                :: b < NB && owner[b] -> b++
                :: else -> break
                od;
                assert(b < NB);
                owner[b] = a + 1;
                r = REF(b);
                b = 0
           }
        :: else -> skip
        fi;
        atomic { made++; v = made; assert(owner[WHERE(r)] == a + 1); data[WHERE(r)] = v };
#ifdef BUG_PASSED_FIRST
        atomic { owner[WHERE(r)] = MAP };
        fresh[a] = r
#else
        fresh[a] = r;
        atomic { owner[WHERE(r)] = MAP }
#endif
}

/* put_away() */
inline put_away(r_)
{
        look_who_views(r_);
        if
        :: seen -> skip
        :: !seen && KEEP && !idle[a] ->
                atomic { /* weft_block_renew() */
                        if
                        :: IS(r_) && owner[WHERE(r_)] == MAP ->
                                assert(r_ != pinned);
                                gen[WHERE(r_)]++;
                                owner[WHERE(r_)] = a + 1;
                                data[WHERE(r_)] = 0;
                                b = REF(WHERE(r_))
                        :: else -> skip
                        fi
                };
                if
                :: b -> atomic { idle[a] = b; b = 0 }
                :: else -> free_from(r_, MAP)
                fi
        :: else -> free_from(r_, MAP)
        fi;
        seen = false
}

proctype writer(byte a; byte ops) provided (!over && !dead[a])
{
        byte r, b, v, was, ver;
        bool seen, done;
        do
        :: ops > 1 ->
                if
                :: !(ops & 1) -> make()
                :: else -> skip
                fi;
                do
                :: atomic { was = slot; ver = version };
                        if
                        :: (ops & 1) && !was -> break
                        :: else -> skip
                        fi;
#ifndef BUG_OLD_LATE
                        old[a] = was;
#endif
                        atomic { /* LP */
                                if
                                :: slot == was && version == ver ->
                                        slot = ((ops & 1) -> 0 : r);
                                        version++;
                                        value_of[version] = v;
                                        done = true
                                :: else -> skip
                                fi
                        };
                        if
                        :: done -> break
                        :: else -> skip
                        fi
                od;
#ifdef BUG_OLD_LATE
                old[a] = was;
#endif
                if
                :: done && was -> put_away(was)
                :: else -> skip
                fi;
                old[a] = 0;
                fresh[a] = 0;
                atomic { ops = ops / 2; done = false; r = 0; v = 0; was = 0; ver = 0 }
        :: else -> break
        od
}

inline end_place(d)
{
#ifndef BUG_NOT_OLD
        old[d] = place;
#endif
        r = place;
#ifdef BUG_END_NO_FENCE /* the look comes before the store is seen */
        atomic { seen = IS(r) && slot == r };
        place = 0;
        if
        :: !seen -> dispose(r)
        :: else -> seen = false
        fi;
#else
        place = 0;
        dispose_unless_linked(r);
#endif
        old[d] = 0;
        r = 0
}

proctype viewer() provided (!over && !dead[2])
{
        byte n, r, ver;
        bool seen;
        do
        :: n < VIEWS ->
                atomic { r = slot; ver = version };
                if
                :: r ->
                        viewed = true;
#ifndef BUG_NO_FENCE
                        place = r;
#endif
#ifdef BUG_NO_SECOND_LOOK
                        atomic { true ->
#else
                        atomic {
                                if
                                :: slot == r && version == ver ->
#endif
#ifdef BUG_NO_SECOND_LOOK
                                pinned = r };
#else
                                        pinned = r
                                :: else -> skip
                                fi
                        };
#endif
#ifdef BUG_NO_FENCE /* the store is seen after the look */
                        place = r;
#endif
                        if
                        :: pinned == r ->
                                atomic { assert(IS(r) && data[WHERE(r)] == value_of[ver]) };
                                atomic { pinned = 0 }
                        :: else -> skip
                        fi;
                        end_place(2)
                :: else -> skip
                fi;
                atomic { n++; r = 0; ver = 0 }
        :: else -> break
        od
}

/* weft_map_entries_recover(), then the agent's blocks. */
inline settle_word(word)
{
        r = word;
        if
        :: r -> dispose_unless_linked(r)
        :: else -> skip
        fi;
        word = 0;
        r = 0
}

inline settle(a)
{
        settle_word(old[a]);
#ifndef BUG_FRESH_FORGOTTEN
        settle_word(fresh[a]);
#endif
#ifndef BUG_VIEWS_STAY
        if
        :: a == 2 && place -> end_place(2)
        :: else -> skip
        fi;
#endif
        free_from(idle[a], a + 1);
        idle[a] = 0;
        b = 0;
        do
        :: b == NB -> break
        :: else -> atomic {
                if
                :: owner[b] == a + 1 -> owner[b] = 0; gen[b]++; data[b] = 0
                :: else -> skip
                fi;
                b++ }
        od;
        b = 0
}

#ifdef KILLS
proctype settler() provided (!over)
{
        byte a, r, b;
        bool seen;
        select (a : 0 .. 2);
        atomic {
                dead[a] = true;
                if
                :: a == 2 -> pinned = 0
                :: else -> skip
                fi
        };
        settle(a)
}
#endif

/* Everybody is dead, at any moment. */
active proctype last()
{
        byte a, r, b;
        bool seen;
        atomic {
                owner[0] = MAP;
                data[0] = 1;
                made = 1;
                slot = REF(0);
                value_of[0] = 1;
                run writer(0, OPS0);
                run writer(1, OPS1);
                run viewer();
#ifdef KILLS
                run settler()
#endif
        };
        over = true;
        d_step {
                pinned = 0;
                do
                :: a == 3 -> break
                :: else -> settle(a); a++
                od;
                do
                :: b == NB -> break
                :: else ->
                        assert(!owner[b] || owner[b] == MAP && slot == REF(b));
                        b++
                od;
                assert(!slot || IS(slot) && owner[WHERE(slot)] == MAP &&
                               data[WHERE(slot)] == value_of[version])
        }
}
