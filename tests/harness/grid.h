/* tests/harness/grid.h -- two parties that meet in the middle of their operations, and a
 * third who has to live with what becomes of them.
 *
 * A sweep has one victim and survivors that run. Here party A is stepped to its instruction
 * i and stands there; then party B is stepped to j, and stands; then each has its fate, and
 * a survivor goes to work. The points i are those after which shared memory has changed,
 * and so, for each i, are the points j; and for who is not killed, who may have looked at
 * something since, also instructions drawn from between two of them.
 *
 *   A, B       open, prepare; then A is stepped, then B
 *   survivor   open, survive (beside those who go on), ended (when they have, and live
 *              still), recover, verify (when all are dead)
 *
 * That both are killed is tried on copies, everywhere; the other fates by real processes, at
 * points drawn by lot (WEFT_SEED), as time allows. A party may wait for the other: a trace
 * ends when it makes nothing new. Who goes on must come to the end of his operation.
 * Without a party B it is a sweep over A with these fates. To have B come first, exchange
 * them.
 */
#ifndef WEFT_TESTS_HARNESS_GRID_H
#define WEFT_TESTS_HARNESS_GRID_H

#include "tests/harness/crash.h"

enum grid_fate {
        GRID_KILLED,
        GRID_GOES_ON, /* to the end of its operation, beside the survivor */
        GRID_STANDS,  /* until survive() is through; it goes on then */
        GRID_FATES
};

#define GRID_BIT(a, b) (1u << (GRID_FATES * (a) + (b)))
#define GRID_ALL 0x1ffu
#define GRID_NO_STAND /* where one who stands holds up all by nature */ \
        (GRID_BIT(GRID_KILLED, GRID_KILLED) | GRID_BIT(GRID_KILLED, GRID_GOES_ON) | \
         GRID_BIT(GRID_GOES_ON, GRID_KILLED) | GRID_BIT(GRID_GOES_ON, GRID_GOES_ON))

struct grid_case {
        struct crash_case a; /* party A is its victim; the rest is shared */
        void (*prepare_b)(struct crash *c); /* before A's operation; may be NULL */
        void (*b)(struct crash *c);         /* NULL: there is no party B */
        void (*ended)(struct crash *c);     /* may be NULL; not if both are killed */
        unsigned fates;                     /* bits; 0 is GRID_ALL */
        uint64_t idle; /* a trace ends after so many steps without news; 0 is 1000 */
        unsigned dead; /* so many others may be found dead: corpses of `prepare` */
};

struct grid_result {
        uint64_t steps_a, steps_b; /* of the longest traces, while they made something */
        uint64_t points_a, cells;  /* distinct points i, and pairs (i, j) */
        struct crash_count copied; /* both killed, on copies */
        struct crash_count real[GRID_FATES][GRID_FATES];
        uint64_t drift;
        double seconds;
};

void grid_sweep(const struct grid_case *the_case, const struct crash_options *options,
                struct grid_result *result);
uint64_t grid_bad(const struct grid_result *result);

/* main() of a test: all cases; 0 when none failed, 1, or 77. */
int grid_main(int argc, char **argv, const struct grid_case *cases, size_t n);

#endif
