/* cli/thing.h -- what cat, get, put, del, push, pop, send, recv and tap share. Each kind of object that
 * holds something is one file and one record: cli/thing_X.c. */
#ifndef WEFT_CLI_THING_H
#define WEFT_CLI_THING_H

#include "cli/value.h"

/* Options: a verb says which it takes. */
enum {
        THING_FORMAT = 1 << 0,
        THING_KEY_FORMAT = 1 << 1,
        THING_N = 1 << 2,
        THING_FROM = 1 << 3,
        THING_TIMEOUT = 1 << 4,
        THING_CREATE = 1 << 5, /* and those of what is made */
        THING_CLOSE = 1 << 6,
        THING_RATE = 1 << 7,
};

/* Where a tap begins. */
enum thing_place { THING_NEW, THING_OLDEST, THING_NUMBER };

/* What --create may be told of what is made: a kind says which it takes. */
enum {
        MAKE_CAPACITY = 1 << 0,
        MAKE_LENGTH = 1 << 1,
        MAKE_ELEMENT_BYTES = 1 << 2,
        MAKE_KEY_BYTES = 1 << 3,
        MAKE_LEASE = 1 << 4,
        MAKE_RENDEZVOUS = 1 << 5,
        MAKE_POLICY = 1 << 6,
};

struct thing_make { /* --create */
        const char *kind;
        unsigned said;
        uint64_t capacity, length, element_bytes, key_bytes; /* 0: not said */
        bool lease, meets;
        uint32_t policy;
};

struct thing_call {
        const struct thing_kind *kind;
        const struct thing_verb *verb;
        const char *operand; /* ARENA/NAME */
        char arena_name[WEFT_ARENA_NAME_MAX + 1];
        const char *name;
        weft_arena_t *arena;
        bool made; /* the arena, by us */
        void *handle;
        char **argv; /* what follows ARENA/NAME */
        int argc;
        unsigned options;
        struct value_format format, key_format;
        uint64_t n, from, deadline;
        enum thing_place place; /* NUMBER: `from` */
        struct thing_make make;
        bool closes; /* for `reason` */
        uint32_t reason;
        int (*result)(struct thing_call *c,
                      int rc); /* of an element; or thing_result() */
        /* What is listed. */
        json_t *rows;
        uint64_t listed;
};

/* What a kind cannot do is NULL. All return an exit code, and have said why. */
struct thing_kind {
        const char *name; /* as the directory has it */
        int (*open)(weft_arena_t *arena, const char *name, void **handle); /* or -errno */
        void (*close)(void *handle);
        int (*create)(struct thing_call *c, void **handle); /* or opens; -errno */
        unsigned makes;                                     /* MAKE_... */
        int (*stat)(weft_arena_t *arena, const char *name, json_t *into); /* or -errno */
        int (*cat)(struct thing_call *c);
        int (*get)(struct thing_call *c);
        int (*put)(struct thing_call *c);
        int (*del)(struct thing_call *c);
        int (*push)(struct thing_call *c);
        int (*pop)(struct thing_call *c);
        int (*tap)(struct thing_call *c);
        int (*send)(struct thing_call *c);
        int (*recv)(struct thing_call *c);
        const struct numbered *numbered; /* numbered.h */
};

/* The kind of that name, or NULL. */
const struct thing_kind *thing_find(const char *name);

extern const struct thing_kind thing_array;
extern const struct thing_kind thing_broadcast;
extern const struct thing_kind thing_channel;
extern const struct thing_kind thing_future;
extern const struct thing_kind thing_hot;
extern const struct thing_kind thing_lazy;
extern const struct thing_kind thing_map;
extern const struct thing_kind thing_pool;
extern const struct thing_kind thing_queue;
extern const struct thing_kind thing_ring;
extern const struct thing_kind thing_set;
extern const struct thing_kind thing_stack;

/* What a channel does when it is full, by its name; or -1. */
int thing_policy(const char *name);

/* One line of what is listed: a key (NULL: none) and a value (NULL: none), or an element and
 * its number. Non-zero: as many as -n said have been. */
int thing_row_of(struct thing_call *c, const void *key, size_t key_bytes,
                 size_t key_fixed, const void *value, size_t bytes, size_t fixed);
int thing_row_at(struct thing_call *c, uint64_t index, const void *value, size_t bytes,
                 size_t fixed);

/* When all is listed: {"name", "kind", "<what>": rows}. */
int thing_listed(struct thing_call *c, const char *what);

/* One value: printed with an end of line unless it is raw; {"name", "value"}. */
int thing_value(struct thing_call *c, const void *value, size_t bytes, size_t fixed);

/* {"name", "done": true}. */
int thing_done(struct thing_call *c);

/* What an error code of weft means: an exit code, said. `which` is the key, or NULL. */
int thing_result(struct thing_call *c, int rc, const char *which);

/* The first argument as a key: as value_parse(), and of a length that keys may have. */
int thing_key(struct thing_call *c, struct value_format format, size_t fixed,
              struct value *key);

/* Elements that are pushed and popped: alike for all that can; of `fixed` bytes, or (0)
 * each of its own length, up to `room`. `push` is 0 or an error code; `pop` the length or an
 * error code. `done` (may be NULL) is called when what was popped has been written out. */
int thing_push_all(struct thing_call *c, size_t fixed,
                   int (*push)(struct thing_call *c, const void *element, size_t bytes,
                               uint64_t deadline));
int thing_pop_all(struct thing_call *c, size_t fixed, size_t room,
                  int64_t (*pop)(struct thing_call *c, void *element, size_t room,
                                 uint64_t deadline),
                  int (*done)(struct thing_call *c));

/* The same of what leases: acknowledged when it has been written out. thing_lease.c */
struct weft_element;
typedef int thing_take_fn(void *handle, struct weft_element *element, uint64_t deadline);
typedef int thing_ack_fn(void *handle, struct weft_element *element);
int thing_pop_leased(struct thing_call *c, size_t bytes, thing_take_fn *take,
                     thing_ack_fn *ack);

#endif
