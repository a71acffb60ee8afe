/* tests/harness/linear.h -- could it have gone like this? Recorded histories, and a checker.
 *
 * Every operation is stamped before it begins and after it has returned, by one counter
 * for all processes. A history is linearizable if its operations can be put in an order
 * that a model could have answered so, each at a moment between its stamps.
 * One that has not returned, because its process was killed, may have happened at any
 * moment after its first stamp, or never.
 *
 * A model is a state to begin with and a step, which takes an event and accepts or refuses
 * it. That of a bounded FIFO queue is here, those of sync/ in linear_sync.h.
 *
 * Source: Wing and Gong (JPDC 1993), with the memo of Lowe (CCPE 2017).
 */
#ifndef WEFT_TESTS_HARNESS_LINEAR_H
#define WEFT_TESTS_HARNESS_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { LINEAR_EVENTS = 64, LINEAR_PROCESSES = 8, LINEAR_CAPACITY = 32 };
enum { LINEAR_STATE = 56 }; /* bytes of a model's state at most */

enum linear_what {
        LINEAR_PUSH,
        LINEAR_POP,
        LINEAR_MORE /* other models' from here on */
};
enum linear_answer {
        LINEAR_DONE,
        LINEAR_REFUSED, /* full, empty, too few, held, changed */
        LINEAR_ANSWERS  /* other models' from here on */
};

struct linear_event {
        uint64_t from, to; /* stamps; to == 0: it has not returned */
        uint64_t value;    /* unique among the pushes; of a pop, what came */
        uint8_t what, answer;
        uint8_t process;
        uint8_t key;            /* of a map */
        uint64_t extra, result; /* what else other models' take and return */
        uint64_t by;            /* not 0: if it has not returned, it is over since then */
};

/* ---- recording: in memory that the processes share ----------------------- */

struct linear_log {
        _Alignas(64) uint64_t stamp;
        struct {
                uint32_t n;
                struct linear_event event[LINEAR_EVENTS];
        } of[LINEAR_PROCESSES];
};

struct linear_log *linear_log_new(void);
void linear_log_clear(struct linear_log *log);

/* NULL when the process's part is full. */
struct linear_event *linear_begin_with(struct linear_log *log, unsigned process,
                                       unsigned what, uint64_t value, uint64_t extra);
void linear_end(struct linear_log *log, struct linear_event *event,
                enum linear_answer answer, uint64_t value);

/* Whoever has not returned is dead and settled: what he did not do by now he never will. */
void linear_settled(struct linear_log *log);

/* ---- checking ------------------------------------------------------------ */

struct linear_history {
        struct linear_event event[LINEAR_EVENTS];
        size_t n;
        uint64_t capacity; /* or a maximum */
        uint64_t start;    /* what a model begins with */
        uint32_t flags;
};

/* All events of the log. False when they are too many for a check. */
bool linear_history_of(const struct linear_log *log, uint64_t capacity,
                       struct linear_history *history);

struct linear_model {
        const char *name;
        size_t bytes; /* of the state: all of them count, so no padding */
        /* `state` is zeroes; NULL: it stays so. */
        void (*begin)(const struct linear_history *h, void *state);
        /* Does to `state` what event `e` did; false if it cannot have answered so there. One
         * that has not returned (to == 0) would have answered what it would. */
        bool (*step)(const struct linear_history *h, const struct linear_event *e,
                     void *state);
        void (*tell)(const struct linear_event *e, FILE *to); /* what, and its values */
};

bool linear_check(const struct linear_model *model, const struct linear_history *history);
void linear_print_as(const struct linear_model *model,
                     const struct linear_history *history, FILE *to);

/* A history that the checker must accept, or reject. */
struct linear_known {
        const char *why;
        bool good;
        uint64_t start;
        uint32_t flags;
        size_t n;
        struct linear_event event[8];
};

/* Aborts if the checker is wrong about one. */
void linear_test(const struct linear_model *model, uint64_t capacity,
                 const struct linear_known *known, size_t n);

/* ---- the queue: empty at the beginning ------------------------------------ */

extern const struct linear_model linear_queue;
void linear_selftest(void);

#endif
