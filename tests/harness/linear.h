/* tests/harness/linear.h -- was that a queue? Recorded histories, and a checker.
 *
 * Every operation is stamped before it begins and after it has returned, by one counter
 * for all processes. A history is linearizable if its operations can be put in an order
 * that a bounded FIFO queue could have answered so, each at a moment between its stamps.
 * One that has not returned, because its process was killed, may have happened at any
 * moment after its first stamp, or never.
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

enum linear_what { LINEAR_PUSH, LINEAR_POP };
enum linear_answer { LINEAR_DONE, LINEAR_REFUSED /* full, or empty */ };

struct linear_event {
        uint64_t from, to; /* stamps; to == 0: it has not returned */
        uint64_t value;    /* unique among the pushes; of a pop, what came */
        uint8_t what, answer;
        uint8_t process;
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
struct linear_event *linear_begin(struct linear_log *log, unsigned process,
                                  enum linear_what what, uint64_t value);
void linear_end(struct linear_log *log, struct linear_event *event,
                enum linear_answer answer, uint64_t value);

/* ---- checking ------------------------------------------------------------ */

struct linear_history {
        struct linear_event event[LINEAR_EVENTS];
        size_t n;
        uint64_t capacity;
};

/* All events of the log. False when they are too many for a check. */
bool linear_history_of(const struct linear_log *log, uint64_t capacity,
                       struct linear_history *history);

/* The queue is empty at the beginning. */
bool linear_is_queue(const struct linear_history *history);
void linear_print(const struct linear_history *history, FILE *to);

/* The checker must accept and reject what it is known to. Aborts otherwise. */
void linear_selftest(void);

#endif
