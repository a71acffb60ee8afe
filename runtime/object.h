/* runtime/object.h -- what a kind of object must bring, and what it gets. */
#ifndef WEFT_RUNTIME_OBJECT_H
#define WEFT_RUNTIME_OBJECT_H

#include <weft/object.h>

#include "runtime/agent.h"

struct weft_draft;
struct weft_handle;
struct weft_meeting;
struct weft_waitable;

/* An object's id: directory index and incarnation, never 0. Its blocks are owned by
 * weft_owner_make(WEFT_OWNER_OBJECT, id). */
struct weft_object {
        weft_arena_t *arena;
        struct weft_agent *agent; /* who acts; NULL when read-only */
        uint32_t id;
        void *sh; /* its shared header, `header_bytes` long */
};

/* One record a kind, registered by a constructor in the kind's file. */
struct weft_kind {
        const char *name;      /* at most 15 bytes */
        uint32_t id;           /* unique, in shared memory */
        uint32_t version;      /* of the shared layout */
        uint32_t header_bytes; /* of the shared header */

        /* Returns what agent `sig`, dead or leaving or closing, left in the object, and
         * wakes everybody who waits there. Signs as `sig`, frees blocks as `o->agent` (the
         * dead itself, or a sibling thread that closes). Idempotent. Called for the
         * objects that `sig` touched. 0 or -EUCLEAN. */
        int (*recover)(struct weft_object *o, uint32_t sig);

        /* Frees what the object owns, the header apart, which the directory frees. Nobody
         * has it open. Idempotent: may be begun again after a death in it; so free
         * with weft_block_free_from(). */
        void (*destroy)(struct weft_object *o);

        /* 0 if its invariants hold, -EUCLEAN; `bytes` is what it owns, if it can tell. */
        int (*check)(struct weft_object *o, uint64_t *bytes);

        /* Fills `detail` (and what it likes) for people. Read-only. */
        void (*describe)(struct weft_object *o, struct weft_object_info *info);

        /* The rest may be left out. In this process: the size of a handle, of which struct
         * weft_handle is the first member, and what fills the rest of it, believing nothing
         * that it has not checked: 0 or -EUCLEAN. */
        size_t handle_bytes;
        size_t handle_align; /* 0: a line */
        int (*view)(struct weft_handle *handle);

        /* Before the handle is closed and freed: what `view` took of this process. */
        void (*drop)(struct weft_handle *handle);

        /* For who is a part of others (runtime/part.h): as given to weft_object_create(). */
        int (*init)(struct weft_draft *draft);

        /* Likewise: what its shutdown does, by whoever recovers, for one who died before he
         * came to it. Idempotent. 0 or -EUCLEAN. */
        int (*shut)(struct weft_object *o);

        /* Is what was there already what `options` ask for? */
        bool (*fits)(const struct weft_handle *handle, const void *options);

        /* Does anybody wait on it, or hold it? Then its name is not removed. */
        bool (*busy)(struct weft_object *o);

        const struct weft_waitable *waitable; /* for select: runtime/waitable.h */

        /* How this object's cases meet partners, or NULL: they need none. If they do, the
         * waitable's `wait` is for who only looks; others sleep in their seats. */
        const struct weft_meeting *(*meeting)(struct weft_handle *handle);

        struct weft_kind *next; /* the registry's */
};
void weft_kind_register(struct weft_kind *kind);

/* The kind with this id, or NULL. */
struct weft_kind *weft_kind_of(uint32_t id);

/* An open object of this process: the first member of every module's handle. */
struct weft_handle {
        weft_arena_t *arena;
        struct weft_kind *kind;
        void *sh; /* the shared header */
        uint32_t id;
        uint32_t index;                   /* id's directory index */
        struct weft_handle *next, **from; /* the arena's list: the link that leads here */
        struct weft_handle *parts; /* runtime/part.h: a list likewise, under that lock */
        uint64_t number; /* no other handle of this process had it, ever; not 0 */
};

static inline weft_owner_t weft_handle_owner(const struct weft_handle *handle)
{
        return weft_owner_make(WEFT_OWNER_OBJECT, handle->id);
}

/* What a creator works with, before anybody else can see the object. */
struct weft_draft {
        weft_arena_t *arena;
        struct weft_agent *agent;
        weft_owner_t owner; /* the object to be */
        void *sh;           /* its zeroed header */
        const void *options;
};

/* Takes a block for the object to be: owned by it at once. Not zeroed. */
WEFT_CHECK int weft_draft_alloc(struct weft_draft *draft, uint64_t bytes, weft_ref_t *ref,
                                void **at);

enum {
        WEFT_OBJECT_OR_OPEN = 1,   /* an existing one of this kind is opened instead */
        WEFT_OBJECT_TRANSIENT = 2, /* goes with its last pin: object_shared.h */
        WEFT_OBJECT_ANONYMOUS = 4, /* and has no name: only its token finds it */
};

/*
 * Makes an object: claims an entry, has `init` build it, publishes it whole. `init`
 * returns 0 or an error, upon which all is undone. Fills `handle`. -EEXIST, ...
 * 1 is returned when it was opened.
 */
WEFT_CHECK int weft_object_create(weft_arena_t *arena, const char *name,
                                  struct weft_kind *kind, const void *options,
                                  int (*init)(struct weft_draft *draft), uint32_t flags,
                                  struct weft_handle *handle);

/* Finds it, checks kind and version, pins it (unless read-only), fills `handle`. The
 * module checks its header next, and calls weft_object_close() if it does not like it. */
WEFT_CHECK int weft_object_open(weft_arena_t *arena, const char *name,
                                struct weft_kind *kind, struct weft_handle *handle);

/* The same by its token, a number that is never given to another object: -ENOENT when it
 * has gone, or was removed. */
WEFT_CHECK int weft_object_open_token(weft_arena_t *arena, uint64_t token,
                                      struct weft_kind *kind, struct weft_handle *handle);

/* Of an open one; never 0. */
uint64_t weft_object_token(const struct weft_handle *handle);

/* The name of an open one: WEFT_OBJECT_NAME_MAX bytes and a 0. -ENOENT: it was removed, or
 * has none. */
WEFT_CHECK int weft_handle_name(const struct weft_handle *handle, char *name);

/* Unpins; frees a removed or a transient object when this was the last. */
void weft_object_close(struct weft_handle *handle);

/*
 * A handle of kind->handle_bytes, made, opened and viewed. `options` go to `init`; of an
 * existing one (WEFT_OBJECT_OR_OPEN) they must fit: else -EPROTO. `handle` becomes NULL on errors.
 */
WEFT_CHECK int weft_handle_create(weft_arena_t *arena, const char *name,
                                  struct weft_kind *kind, const void *options,
                                  int (*init)(struct weft_draft *draft), uint32_t flags,
                                  void *handle);
WEFT_CHECK int weft_handle_open(weft_arena_t *arena, const char *name,
                                struct weft_kind *kind, void *handle);
WEFT_CHECK int weft_handle_open_token(weft_arena_t *arena, uint64_t token,
                                      struct weft_kind *kind, void *handle);

/* For a new handle. */
uint64_t weft_handle_number(void);

/* Room for one, zeroed, to be freed; or NULL. */
void *weft_handle_alloc(const struct weft_kind *kind);

/* Closes and frees it; NULL is fine. Crash in close: the pins go when the agents are
 * settled. */
void weft_handle_close(void *handle);

/* Who enters it again, on the short way of an operation: this thread's agent, or NULL, and
 * weft_handle_enter() will tell why. It leaves nothing to be stored before a locked
 * operation, which would wait for that. */
static inline const struct weft_agent *weft_handle_me(const struct weft_handle *handle)
{
        const struct weft_agent *me = weft_me.agent;
        uint32_t i = handle->index;
        bool known = weft_me.serial == handle->arena->serial && weft_alive->raw &&
                     weft_load_rlx(&me->touched[i / 64]) >> i % 64 & 1;
        return __builtin_expect(known, 1) ? me : NULL;
}

/* The object has gone: so whoever uses the handle, or one of its parts', is told. The registry
 * is locked. */
void weft_handle_strand(struct weft_handle *handle);

/* Pins the object for `agent`, whom `me` is or acts for: 0; -ENOENT. */
int weft_handle_pin(struct weft_handle *handle, struct weft_agent *agent,
                    struct weft_agent *me);

/* Every operation begins with this: finds this thread's agent and makes sure that the
 * object will be recovered when it dies. -ENOENT when the object has gone. */
static inline int weft_handle_enter(struct weft_handle *handle, struct weft_agent **agent)
{
        int rc = weft_agent_self(handle->arena, agent);
        if (__builtin_expect(rc != 0, 0))
                return rc;
        uint32_t i = handle->index;
        if (__builtin_expect(weft_load_rlx(&(*agent)->touched[i / 64]) >> i % 64 & 1, 1))
                return 0;
        return weft_handle_pin(handle, *agent, *agent);
}

/* For agent.c: settles all objects for a dead or leaving agent; 0, or -EPROTO when one
 * is of no kind known in this process (the seat then stays unsettled). */
WEFT_CHECK int weft_objects_settle(struct weft_agent *agent);

/* For block.c: `owner`, an object, is being given a block that its kind does not know;
 * to be called before the block is handed over. */
void weft_object_given(weft_arena_t *arena, weft_owner_t owner);

/* True if the object with this owner word is there. */
bool weft_object_there(weft_arena_t *arena, weft_owner_t owner);

/* Runs every object's check; tells how many failed. */
WEFT_CHECK int weft_objects_check(weft_arena_t *arena, uint32_t *corrupt);
uint32_t weft_objects_count(weft_arena_t *arena);

/* Sizes of the directory's tables. */
uint64_t weft_objects_bucket_bytes(void);
uint64_t weft_objects_entry_bytes(void);

#endif
