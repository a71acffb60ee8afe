/* tests/crash/element_kit.h -- elements with numbers, and which of them have been got.
 *
 * Each element is its number again and again, so that one that is torn is seen. The test
 * defines bytes_of(): how many bytes a case's elements have, a multiple of 8. */
#ifndef WEFT_TESTS_CRASH_ELEMENT_KIT_H
#define WEFT_TESTS_CRASH_ELEMENT_KIT_H

#include <string.h>

#include "tests/harness/weft_kit.h"

static uint32_t bytes_of(const struct crash *c);

static inline void element_fill(const struct crash *c, void *at, uint64_t number)
{
        for (uint32_t i = 0; i < bytes_of(c); i += 8)
                memcpy((char *)at + i, &number, 8);
}

static inline uint64_t element_read(struct crash *c, const void *at)
{
        uint64_t first, v;
        uint32_t step = bytes_of(c) > 4096 ? 4096 : 8; /* each step costs a while */
        memcpy(&first, at, 8);
        for (uint32_t i = 8; i < bytes_of(c); i += step) {
                memcpy(&v, (const char *)at + i, 8);
                CRASH_MUST(c, CRASH_BROKEN, v == first);
        }
        return first;
}

/* What this survivor has got. */
enum { KEPT_MOST = 128 };
static struct {
        uint64_t got[KEPT_MOST];
        int n;
} memory;

static inline void keep(struct crash *c, uint64_t number)
{
        CRASH_MUST(c, CRASH_DUPLICATED, memory.n < KEPT_MOST);
        memory.got[memory.n++] = number;
}

/* How often he has got it, and the victim says that it has, in value[1] to value[noted]. */
static inline int times_got(const struct crash *c, uint64_t number, int noted)
{
        int n = 0;
        for (int i = 0; i < memory.n; i++)
                n += memory.got[i] == number;
        for (int i = 1; i <= noted; i++)
                n += c->note->value[i] == number;
        return n;
}

static inline int at_most_once(struct crash *c, uint64_t number, int noted)
{
        int times = times_got(c, number, noted);
        if (times > 1)
                crash_fail(c, CRASH_DUPLICATED, "element %d is there %d times",
                           (int)number, times);
        return times;
}

#endif
