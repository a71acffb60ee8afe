/* tests/fuzz/model.h -- the arena that each input gets a copy of. */
#ifndef WEFT_TESTS_FUZZ_MODEL_H
#define WEFT_TESTS_FUZZ_MODEL_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/arena.h"
#include "runtime/arena_file.h"
#include "tests/check.h"

static struct {
        int fd;
        uint64_t bytes;
} model;

static inline void model_keep(weft_arena_t *arena)
{
        model.bytes = WEFT_SEATS_BYTES + arena->geo.arena_bytes;
        model.fd = dup(weft_arena_fd(arena));
        CHECK(model.fd >= 0);
}

/* A copy with the same holes. */
static inline int model_copy(void)
{
        static char buffer[1 << 16];
        int fd = memfd_create("fuzz", MFD_CLOEXEC);
        CHECK(fd >= 0 && fchmod(fd, 0600) == 0 && ftruncate(fd, (off_t)model.bytes) == 0);
        off_t from = lseek(model.fd, 0, SEEK_DATA);
        while (from >= 0) {
                off_t to = lseek(model.fd, from, SEEK_HOLE);
                while (from < to) {
                        size_t n = (size_t)(to - from);
                        n = n < sizeof buffer ? n : sizeof buffer;
                        CHECK(pread(model.fd, buffer, n, from) == (ssize_t)n);
                        CHECK(pwrite(fd, buffer, n, from) == (ssize_t)n);
                        from += (off_t)n;
                }
                from = lseek(model.fd, to, SEEK_DATA);
        }
        return fd;
}

/* Writes over the arena's bytes: not over the seat table, which is trusted. */
static inline void model_write(int fd, uint64_t at, uint64_t value, size_t bytes)
{
        CHECK(pwrite(fd, &value, bytes, (off_t)(WEFT_SEATS_BYTES + at)) ==
              (ssize_t)bytes);
}

#endif
