/* runtime/object_table.h -- the directory's entries and chains. */
#ifndef WEFT_RUNTIME_OBJECT_TABLE_H
#define WEFT_RUNTIME_OBJECT_TABLE_H

#include "runtime/object.h"
#include "runtime/object_shared.h"

static inline enum weft_entry_what weft_state_what(uint64_t state)
{
        return (enum weft_entry_what)(state & 0xff);
}

static inline uint32_t weft_state_sig(uint64_t state)
{
        return (uint32_t)(state >> 8);
}

static inline uint32_t weft_state_incarnation(uint64_t state)
{
        return (uint32_t)(state >> 40);
}

static inline uint64_t weft_state_make(uint32_t incarnation, uint32_t sig,
                                       enum weft_entry_what what)
{
        return (uint64_t)incarnation << 40 | (uint64_t)sig << 8 | (uint64_t)what;
}

/* What an object's blocks name as their owner. The directory never lets the low half of an
 * incarnation be 0, so an id is never 0. */
static inline uint32_t weft_entry_id(uint32_t index, uint64_t state)
{
        return (weft_state_incarnation(state) & 0xffff) << 16 | index;
}

uint32_t weft_entries_ready(const weft_arena_t *arena);
struct weft_entry_shared *weft_entry_at(const weft_arena_t *arena, uint32_t index);

static inline uint64_t weft_entry_token(uint32_t index, uint64_t state)
{
        return (uint64_t)weft_state_incarnation(state) << 16 | index;
}

/* Named, or to be found by its token, and not removed. */
static inline bool weft_state_is_there(uint64_t state)
{
        return weft_state_what(state) == WEFT_ENTRY_LIVE ||
               weft_state_what(state) == WEFT_ENTRY_FADING;
}

struct weft_name {
        const char *bytes;
        uint32_t length;
        uint64_t hash;
};

/* Checks and hashes a name: -EINVAL, -ENAMETOOLONG, -EILSEQ. */
WEFT_CHECK int weft_name_make(const char *bytes, struct weft_name *name);

/* Takes a free entry: CLAIMED by `agent`. -EMFILE, -ENOSPC. */
WEFT_CHECK int weft_entry_claim(struct weft_agent *agent, uint32_t *index,
                                uint64_t *state);

/* Looks a name up; 0 with its index and the LIVE state seen, or -ENOENT. Unlinks what it
 * finds removed (not when read-only). *head is the chain's first link as searched. */
WEFT_CHECK int weft_entry_find(weft_arena_t *arena, const struct weft_name *name,
                               uint32_t *index, uint64_t *state, uint64_t *head);

/* Puts a claimed entry, its name written, at the head of its chain. -EAGAIN when the chain
 * has changed since `head` was seen. */
WEFT_CHECK int weft_entry_insert(weft_arena_t *arena, uint32_t index, uint64_t state,
                                 uint64_t head);

/* Makes what is seen as CLAIMED LIVE, if that is still so: what it is then. For who knows
 * that it was created. */
uint64_t weft_entry_help_live(struct weft_entry_shared *entry, uint64_t state);

/* Is this very incarnation in its chain? Makes it LIVE if so. */
bool weft_entry_linked(weft_arena_t *arena, uint32_t index, uint64_t state);

/* Unlinks all removed entries of the chain of this hash. */
void weft_chain_clean(weft_arena_t *arena, uint64_t hash);

void weft_entry_pin(struct weft_entry_shared *entry, uint32_t seat);
void weft_entry_unpin(struct weft_entry_shared *entry, uint32_t seat);
bool weft_entry_pinned_by(const struct weft_entry_shared *entry, uint32_t seat);
uint32_t weft_entry_pins(const struct weft_entry_shared *entry);

#endif
