/* tests/harness/linear_play.h -- plays rounds of recorded histories: see linear.h.
 *
 * Many short rounds: a few processes operate on an object for a while. In most rounds one
 * more, process 0, is stepped to a random instruction first; it stands there while the
 * others run, and is killed before or after that, or goes on. Then the round's history is
 * checked. What is random comes from $WEFT_SEED; $WEFT_STRESS_SECONDS is how long.
 */
#ifndef WEFT_TESTS_HARNESS_LINEAR_PLAY_H
#define WEFT_TESTS_HARNESS_LINEAR_PLAY_H

#include <weft/arena.h>

#include "tests/harness/linear.h"

struct linear_game {
        int rounds, seconds; /* at most */
        int arena_rounds;    /* then it must be empty, and another is made */
        uint64_t arena_bytes;
        unsigned workers;          /* processes 1 to that; the next one is free */
        bool joins;                /* three of four victims are agents at the start */
        unsigned death;            /* the event of one who ends; 0: that is no event */
        void (*make)(bool victim); /* the round's object, "x"; is anybody stepped? */
        uint64_t (*steps)(void);   /* how far the victim is stepped */
        void (*operate)(unsigned process);
        void (*check)(void); /* what they left, and the history */
        void (*close)(void);
};

extern weft_arena_t *play_arena;    /* of the round */
extern struct linear_log *play_log; /* of the round */

uint64_t play_random(void); /* differs from process to process */

/* Says what came of it. For main() to return. */
int play_rounds(const struct linear_game *game);

struct linear_event *play_begin(unsigned process, unsigned what, uint64_t value,
                                uint64_t extra);

/* Whoever is dead is recovered; so his death has an end. */
void play_settle(void);

/* Aborts if it could not have gone like this. `of` says more about the round. */
void play_check(const struct linear_model *model, const struct linear_history *history,
                const char *of);
/* The same of all events, with the other members of `made`. */
void play_check_all(const struct linear_model *model, const struct linear_history *made,
                    const char *of);

#endif
