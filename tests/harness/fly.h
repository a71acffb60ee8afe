/* tests/harness/fly.h -- loops that write nothing, which need not be stepped. */
#ifndef WEFT_TESTS_HARNESS_FLY_H
#define WEFT_TESTS_HARNESS_FLY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What is known of the instructions that a process has come by. A loop of which every way
 * out is known and in which nothing is stored is passed at once, by breakpoints at the ways
 * out: survivors meet the same memory all along. A first few rounds are stepped.
 */
struct flights;

enum { FLY_EXITS = 4 }; /* so many breakpoints there are */

struct flights *flights_make(void);
void flights_free(struct flights *f);

/* The instruction at `rip` is to be stepped. `quiet`: it stores nothing, whatever the
 * registers hold. How many ways out there are, if it is in a loop that can be passed: 0 if
 * not. Forks have the text at the same address. */
unsigned flights_ways_out(struct flights *f, uint64_t rip, bool quiet, uint64_t *exits);

/* It has been stepped, and `next` is to come. */
void flights_stepped(struct flights *f, uint64_t rip, uint64_t next);

#endif
