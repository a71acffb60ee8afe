/* runtime/object_table.c -- entries and chains of the directory. */
#include <errno.h>
#include <string.h>

#include "runtime/object_table.h"

#define MARK UINT64_C(1)
#define TAG (UINT64_C(0x3fffff) << 18)

/* The tag of an entry's own link word: who is late with a CAS on its earlier life fails. */
static uint64_t tag_of(uint64_t state)
{
        return (uint64_t)weft_state_incarnation(state) << 18 & TAG;
}

static uint64_t link_make(uint32_t index, uint32_t incarnation)
{
        return (uint64_t)incarnation << 40 | (uint64_t)(index + 1) << 1;
}

static uint32_t link_index(uint64_t link) /* + 1; 0 is the end */
{
        return (uint32_t)(link >> 1) & 0x1ffff;
}

static uint32_t link_incarnation(uint64_t link)
{
        return (uint32_t)(link >> 40);
}

uint64_t weft_objects_bucket_bytes(void)
{
        return WEFT_BUCKETS * sizeof(weft_a64_t);
}

uint64_t weft_objects_entry_bytes(void)
{
        return sizeof(struct weft_entry_shared);
}

uint32_t weft_entries_ready(const weft_arena_t *arena)
{
        uint32_t n = weft_load_acq(&arena->sh->entries_ready); /* [F] */
        return n > arena->geo.entries ? arena->geo.entries : n;
}

struct weft_entry_shared *weft_entry_at(const weft_arena_t *arena, uint32_t index)
{
        return (struct weft_entry_shared *)(void *)(arena->base + arena->geo.entries_at) +
               index;
}

static weft_a64_t *bucket_of(const weft_arena_t *arena, uint64_t hash)
{
        return (weft_a64_t *)(void *)(arena->base + arena->geo.buckets_at) +
               hash % WEFT_BUCKETS;
}

/* ---- names --------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at s, 0 if it is none (overlong, surrogate, cut short), or
 * if it is a control character. RFC 3629. */
static uint32_t utf8_bytes(const unsigned char *s)
{
        if (s[0] < 0x80)
                return s[0] >= 0x20 && s[0] != 0x7f;
        uint32_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
        uint32_t c = s[0] & (0x7fu >> n);
        if (s[0] < 0xc2 || s[0] > 0xf4)
                return 0;
        for (uint32_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ||
            (c >= 0x80 && c < 0xa0))
                return 0;
        return n;
}

int weft_name_make(const char *bytes, struct weft_name *name)
{
        if (!bytes || !*bytes)
                return -EINVAL;
        size_t length = strlen(bytes);
        if (length > WEFT_OBJECT_NAME_MAX)
                return -ENAMETOOLONG;
        for (size_t i = 0; i < length;) {
                uint32_t n = utf8_bytes((const unsigned char *)bytes + i);
                if (!n)
                        return -EILSEQ;
                i += n;
        }
        uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
        for (size_t i = 0; i < length; i++)
                hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
        *name = (struct weft_name){ bytes, (uint32_t)length, hash ^ hash >> 32 };
        return 0;
}

/* The entry may be another object's by now: copied out, judged by its state afterwards. */
static bool same_name(const struct weft_entry_shared *e, const struct weft_name *name)
{
        char bytes[WEFT_OBJECT_NAME_MAX];
        uint64_t hash;
        uint32_t length;

        weft_copy_out(&hash, &e->hash, sizeof hash);
        weft_copy_out(&length, &e->name_bytes, sizeof length);
        if (hash != name->hash || length != name->length || length > sizeof bytes)
                return false;
        weft_copy_out(bytes, e->name, length);
        return memcmp(bytes, name->bytes, length) == 0;
}

/* ---- claiming ------------------------------------------------------------ */

static bool try_claim(struct weft_agent *agent, uint32_t index, uint64_t *state)
{
        struct weft_entry_shared *e = weft_entry_at(agent->arena, index);
        uint64_t was = weft_load_acq(&e->state); /* [S] */
        if (weft_state_what(was) != WEFT_ENTRY_FREE)
                return false;
        uint32_t incarnation = (weft_state_incarnation(was) + 1) & 0xffffff;
        if (!(incarnation & 0xffff))
                incarnation++;
        uint64_t claimed = weft_state_make(incarnation, agent->sig, WEFT_ENTRY_CLAIMED);
        if (!weft_cas_acq_rel(&e->state, &was, claimed)) /* [S] LP of claim */
                return false;
        *state = claimed;
        return true;
}

/* Commits the next few entries. Several may do so at once. */
static int more_entries(weft_arena_t *arena, uint32_t ready)
{
        uint32_t more = ready + 64 < arena->geo.entries ? ready + 64 : arena->geo.entries;
        if (more <= ready)
                return -EMFILE;
        uint64_t bytes = sizeof(struct weft_entry_shared);
        int rc = weft_arena_commit(arena, arena->geo.entries_at + ready * bytes,
                                   (more - ready) * bytes);
        if (rc)
                return rc;
        weft_cas_acq_rel(&arena->sh->entries_ready, &ready, more); /* [F] */
        return 0;
}

static bool claim_any(struct weft_agent *agent, uint32_t ready, uint32_t *index,
                      uint64_t *state)
{
        weft_arena_t *arena = agent->arena;
        uint32_t hint = weft_load_rlx(&arena->sh->entry_hint);
        for (uint32_t i = 0; i < ready; i++) {
                *index = (uint32_t)(((uint64_t)hint + i) % ready);
                if (try_claim(agent, *index, state)) {
                        weft_store_rlx(&arena->sh->entry_hint, *index + 1);
                        return true;
                }
        }
        return false;
}

/* When all are taken, what the dead hold is settled first: that may free some. */
int weft_entry_claim(struct weft_agent *agent, uint32_t *index, uint64_t *state)
{
        weft_arena_t *arena = agent->arena;
        for (bool settled = false;;) {
                uint32_t ready = weft_entries_ready(arena);
                if (claim_any(agent, ready, index, state))
                        return 0;
                int rc = more_entries(arena, ready);
                if (rc && (settled || !weft_agents_settle(arena, NULL)))
                        return rc;
                settled = rc != 0;
                weft_store_rlx(&arena->sh->entry_hint, ready);
        }
}

/* ---- chains -------------------------------------------------------------- */

/* Whoever finds a claimed entry in its chain knows that it was created. */
uint64_t weft_entry_help_live(struct weft_entry_shared *e, uint64_t state)
{
        uint64_t live =
                weft_state_make(weft_state_incarnation(state), 0, WEFT_ENTRY_LIVE);
        if (weft_state_what(state) != WEFT_ENTRY_CLAIMED)
                return state;
        return weft_cas_acq_rel(&e->state, &state, live) ? live : state; /* [S] */
}

/* A place in a chain: the word that links to `link`, which is entry e in `state`. */
struct cursor {
        weft_a64_t *from;
        uint64_t from_tag; /* 0 for a bucket */
        uint64_t link;     /* without tag and mark */
        uint32_t index;
        struct weft_entry_shared *e;
        uint64_t state;
};

/* Marks a removed entry's link, so that it stays as it is, and swings the one before. */
/* On success c->link is what comes next: what we installed, not what is there by now, for
 * the entry before may have been recycled since. */
static bool unlink_here(struct cursor *c)
{
        uint64_t next = weft_load_acq(&c->e->next); /* [N] */
        while (!(next & MARK)) {
                if ((next & TAG) != tag_of(c->state))
                        return false;                                  /* recycled */
                if (weft_cas_acq_rel(&c->e->next, &next, next | MARK)) /* [N] */
                        next |= MARK;
        }
        if ((next & TAG) != tag_of(c->state))
                return false;
        uint64_t link = c->link | c->from_tag;
        uint64_t fresh = (next & ~(MARK | TAG)) | c->from_tag;
        if (!weft_cas_acq_rel(c->from, &link, fresh)) /* [N] */
                return false;
        c->link = fresh & ~(MARK | TAG);
        return true;
}

/* Loads the entry that c->link names; false if the chain changed under us. */
static bool look(weft_arena_t *arena, struct cursor *c)
{
        c->index = link_index(c->link) - 1;
        if (c->index >= weft_entries_ready(arena))
                return false;
        c->e = weft_entry_at(arena, c->index);
        c->state = weft_load_acq(&c->e->state); /* [S] */
        return weft_state_incarnation(c->state) == link_incarnation(c->link) &&
               weft_state_what(c->state) != WEFT_ENTRY_FREE &&
               weft_state_what(c->state) <= WEFT_ENTRY_FADING;
}

static bool is_gone(uint64_t state)
{
        enum weft_entry_what what = weft_state_what(state);
        return what >= WEFT_ENTRY_REMOVED && what != WEFT_ENTRY_FADING;
}

/* Goes on to the next entry; false if the one we stand on was recycled under us. */
static bool step(struct cursor *c)
{
        uint64_t next = weft_load_acq(&c->e->next);   /* [N] */
        uint64_t state = weft_load_acq(&c->e->state); /* [S] */
        if (weft_state_incarnation(state) != link_incarnation(c->link))
                return false;
        c->from = &c->e->next;
        c->from_tag = tag_of(state);
        c->link = next & ~(MARK | TAG);
        return true;
}

enum walk { WALK_END, WALK_STOPPED, WALK_AGAIN };

/* One pass over the chain of `hash`, unlinking what was removed; `visit` stops it. */
static enum walk walk_once(weft_arena_t *arena, uint64_t hash, struct cursor *c,
                           uint64_t *head, bool (*visit)(struct cursor *, const void *),
                           const void *context)
{
        c->from = bucket_of(arena, hash);
        c->from_tag = 0;
        *head = weft_load_acq(c->from);  /* [N] */
        c->link = *head & ~(MARK | TAG); /* a bucket has neither, but who knows */
        for (uint32_t n = 0; link_index(c->link); n++) {
                if (n > arena->geo.entries)
                        return WALK_END; /* a loop: hostile bytes */
                if (!look(arena, c))
                        return WALK_AGAIN;
                if (is_gone(c->state) && !arena->readonly) {
                        uint64_t was = c->link;
                        if (!unlink_here(c))
                                return WALK_AGAIN;
                        if (*head == was)
                                *head = c->link;
                        continue;
                }
                if (visit(c, context))
                        return WALK_STOPPED;
                if (!step(c))
                        return WALK_AGAIN;
        }
        return WALK_END;
}

/* Each pass that must be made again was foiled by another's progress, or by bytes that
 * make no sense. Those do not change: it ends when it is foiled by the very same words
 * again and again. */
static bool walk(weft_arena_t *arena, uint64_t hash, struct cursor *c, uint64_t *head,
                 bool (*visit)(struct cursor *, const void *), const void *context)
{
        struct cursor last = { 0 };
        *c = last;
        for (uint32_t passes = 0, same = 0; passes < 1000000 && same < 64; passes++) {
                enum walk w = walk_once(arena, hash, c, head, visit, context);
                if (w != WALK_AGAIN)
                        return w == WALK_STOPPED;
                bool again = c->from == last.from && c->link == last.link &&
                             c->state == last.state;
                same = again ? same + 1 : 0;
                last = *c;
        }
        return false;
}

static bool is_named(struct cursor *c, const void *context)
{
        const struct weft_name *name = context;
        if (is_gone(c->state) || !same_name(c->e, name))
                return false;
        uint64_t state = weft_load_acq(&c->e->state); /* [S] the name was of this life */
        return weft_state_incarnation(state) == link_incarnation(c->link) &&
               !is_gone(state);
}

int weft_entry_find(weft_arena_t *arena, const struct weft_name *name, uint32_t *index,
                    uint64_t *state, uint64_t *head)
{
        struct cursor c;
        do {
                if (!walk(arena, name->hash, &c, head, is_named, name))
                        return -ENOENT;
                *index = c.index;
                *state = arena->readonly ? c.state : weft_entry_help_live(c.e, c.state);
                /* Of another life by now? Then it is another object: look again. */
        } while (weft_state_incarnation(*state) != link_incarnation(c.link));
        return is_gone(*state) ? -ENOENT : 0;
}

int weft_entry_insert(weft_arena_t *arena, uint32_t index, uint64_t state, uint64_t head)
{
        struct weft_entry_shared *e = weft_entry_at(arena, index);
        weft_store_rel(&e->next, (head & ~(MARK | TAG)) | tag_of(state)); /* [N] */
        uint64_t link = link_make(index, weft_state_incarnation(state));
        if (!weft_cas_acq_rel(bucket_of(arena, e->hash), &head, link)) /* [N] LP create */
                return -EAGAIN;
        (void)weft_entry_help_live(e, state);
        return 0;
}

static bool is_link(struct cursor *c, const void *context)
{
        const uint64_t *link = context;
        return c->link == *link;
}

bool weft_entry_linked(weft_arena_t *arena, uint32_t index, uint64_t state)
{
        struct cursor c;
        uint64_t head, link = link_make(index, weft_state_incarnation(state));
        if (!walk(arena, weft_entry_at(arena, index)->hash, &c, &head, is_link, &link))
                return false;
        (void)weft_entry_help_live(c.e, c.state);
        return true;
}

static bool never(struct cursor *c, const void *context)
{
        (void)c, (void)context;
        return false;
}

void weft_chain_clean(weft_arena_t *arena, uint64_t hash)
{
        struct cursor c;
        uint64_t head;
        (void)walk(arena, hash, &c, &head, never, NULL);
}

/* ---- pins ---------------------------------------------------------------- */

void weft_entry_pin(struct weft_entry_shared *entry, uint32_t seat)
{
        (void)weft_or_acq_rel(&entry->pins[seat / 64], UINT64_C(1)
                                                               << seat % 64); /* [P] */
}

void weft_entry_unpin(struct weft_entry_shared *entry, uint32_t seat)
{
        (void)weft_and_acq_rel(&entry->pins[seat / 64], /* [P] */
                               ~(UINT64_C(1) << seat % 64));
}

bool weft_entry_pinned_by(const struct weft_entry_shared *entry, uint32_t seat)
{
        return weft_load_acq(&entry->pins[seat / 64]) >> seat % 64 & 1; /* [P] */
}

uint32_t weft_entry_pins(const struct weft_entry_shared *entry)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < WEFT_PIN_WORDS; i++)
                n += (uint32_t)__builtin_popcountll(
                        weft_load_acq(&entry->pins[i])); /* [P] */
        return n;
}
