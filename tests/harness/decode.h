/* tests/harness/decode.h -- what the next instruction of a process may write. */
#ifndef WEFT_TESTS_HARNESS_DECODE_H
#define WEFT_TESTS_HARNESS_DECODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/user.h>

enum decode_what {
        WRITES_NOTHING, /* but registers and, perhaps, the stack */
        WRITES_AT,      /* up to WRITES_BYTES bytes from `address` on */
        WRITES_ANY,     /* not known here: look everywhere */
        SYSTEM_CALL,    /* the same, and files may come and go */
};

enum { WRITES_BYTES = 16 };

struct decode {
        enum decode_what what;
        uint64_t address;
};

/* `r->rip` lies in program text that this process has at the same address: a fork. */
struct decode decode_next(const struct user_regs_struct *r);

/* The length of a repeated string store; 0 if it is none. It writes `*bytes` at rdi. */
unsigned decode_repeated_store(const struct user_regs_struct *r, uint64_t *bytes);

#endif
