/* structures/pool_hint.c -- where FREE objects are: bits, doubt, and proof that none is. */
#include "structures/pool_internal.h"

static uint32_t bits_of(uint64_t group)
{
        return (uint32_t)group;
}

/* Is there anything to look for in it? */
static bool is_promising(uint64_t group)
{
        return (group & (WEFT_POOL_DOUBT | UINT32_MAX)) != 0;
}

/* ---- setting and clearing ------------------------------------------------------ */

static void show_in_summary(const struct weft_pool_part *part, uint32_t g)
{
        weft_a64_t *word = &part->summary[g / 64];
        if (!(weft_load_acq(word) >> g % 64 & 1))                   /* [H] */
                (void)weft_or_acq_rel(word, UINT64_C(1) << g % 64); /* [H] */
}

/* Nobody sees what was hidden for a moment unless he looks: those who sleep are told. */
static void hide_in_summary(struct weft_pool_view *v, const struct weft_pool_part *part,
                            uint32_t g)
{
        weft_a64_t *word = &part->summary[g / 64];
        if (!(weft_load_rlx(word) >> g % 64 & 1))
                return;
        (void)weft_and_acq_rel(word, ~(UINT64_C(1) << g % 64)); /* [H] */
        if (!is_promising(weft_load_acq(&part->groups[g])))     /* [H] */
                return;
        show_in_summary(part, g);
        weft_wait_signal(&v->sh->free, INT32_MAX);
}

/* Crash in hint: the word is FREE and its bit is not set: recovery sets it. */
void weft_pool_hint_far(struct weft_pool_view *v, const struct weft_pool_part *part,
                        uint32_t i)
{
        (void)v;
        uint32_t g = i / WEFT_POOL_GROUP;
        uint64_t bit = UINT64_C(1) << i % WEFT_POOL_GROUP;
        uint64_t group = weft_load_acq(&part->groups[g]); /* [H] */
        do {
                if (group & bit)
                        return;
        } while (!weft_cas_acq_rel(&part->groups[g], &group, /* [H] LP of put, if late */
                                   (group | bit) + WEFT_POOL_VERSION));
        show_in_summary(part, g);
}

static uint32_t free_among(struct weft_pool_view *v, const struct weft_pool_part *part,
                           uint32_t g, uint32_t which)
{
        uint32_t found = 0;
        for (; which; which &= which - 1) {
                uint32_t bit = (uint32_t)__builtin_ctz(which);
                uint32_t i = g * WEFT_POOL_GROUP + bit;
                if (i < part->count && weft_pool_is_free(weft_load_acq(
                                               weft_pool_word_at(v, part, i)))) /* [F] */
                        found |= UINT32_C(1) << bit;
        }
        return found;
}

/* Sets the bits of all that are FREE and have none, in one step; takes doubt away. */
static void make_true(struct weft_pool_view *v, const struct weft_pool_part *part,
                      uint32_t g, bool only_doubt)
{
        uint64_t group = weft_load_acq(&part->groups[g]), next; /* [H] */
        uint32_t found;
        do {
                if (only_doubt && !(group & WEFT_POOL_DOUBT))
                        return;
                found = free_among(v, part, g, ~bits_of(group));
                next = (group & ~WEFT_POOL_DOUBT) | found;
                if (found)
                        next += WEFT_POOL_VERSION;
                if (next == group)
                        break;
        } while (!weft_cas_acq_rel(&part->groups[g], &group, next)); /* [H] */
        if (is_promising(next))
                show_in_summary(part, g);
        if (found)
                weft_wait_signal(&v->sh->free, INT32_MAX);
}

void weft_pool_hint_group(struct weft_pool_view *v, const struct weft_pool_part *part,
                          uint32_t group)
{
        make_true(v, part, group, false);
}

/* The bits of `wrong` were set, and their objects not FREE. Crash in clear: doubt is left,
 * and whoever comes by resolves it. */
static void clear_wrong(struct weft_pool_view *v, const struct weft_pool_part *part,
                        uint32_t g, uint64_t group, uint32_t wrong)
{
        uint64_t cleared = (group & ~(uint64_t)wrong) | WEFT_POOL_DOUBT;
        if (weft_cas_acq_rel(&part->groups[g], &group, cleared)) /* [H] */
                make_true(v, part, g, true);
}

/* ---- searching -------------------------------------------------------------------- */

enum { AHEAD = 15 };

/* Those in `bits`, behind the object `i` that was taken, are likely to be got next: notes
 * some that are FREE, the nearest last. */
static void look_ahead(struct weft_pool_op *op, const struct weft_pool_part *part,
                       uint32_t i, uint32_t bits)
{
        struct weft_pool_view *v = &op->p->v;
        struct weft_pool_desk_shared *desk = op->desk;
        uint32_t found[AHEAD], n = 0, base = i / WEFT_POOL_GROUP * WEFT_POOL_GROUP;
        for (; bits && n < AHEAD; bits &= bits - 1) {
                uint32_t next = base + (uint32_t)__builtin_ctz(bits);
                if (next >= part->count)
                        break;
                i = next;
                if (weft_pool_is_free(weft_load_rlx(weft_pool_word_at(v, part, i))))
                        found[n++] = part->first + i;
        }
        weft_store_rlx(&desk->from, part->first + i + 2);
        for (uint32_t k = 0; k < n; k++)
                weft_store_rlx(&desk->cache[k], found[n - 1 - k]);
        weft_store_rlx(&desk->cached, n);
}

/* In group g, from object `from` of it on. What is wrong there is cleared. */
static bool take_in_group(struct weft_pool_op *op, const struct weft_pool_part *part,
                          uint32_t g, uint32_t from)
{
        struct weft_pool_view *v = &op->p->v;
        uint64_t group = weft_load_acq(&part->groups[g]); /* [H] */
        for (int round = 0; round < 2; round++) {
                uint32_t bits = bits_of(group) & (UINT32_MAX << from), wrong = 0;
                for (; bits; bits &= bits - 1) {
                        uint32_t bit = (uint32_t)__builtin_ctz(bits);
                        uint32_t i = g * WEFT_POOL_GROUP + bit;
                        if (i < part->count && weft_pool_take(op, part, i)) {
                                if (op->desk)
                                        look_ahead(op, part, i, bits & (bits - 1));
                                return true;
                        }
                        wrong |= UINT32_C(1) << bit;
                }
                if (wrong)
                        clear_wrong(v, part, g, group, wrong);
                else if (group & WEFT_POOL_DOUBT)
                        make_true(v, part, g, true);
                else
                        return false;
                group = weft_load_acq(&part->groups[g]); /* [H] */
                from = 0;
        }
        return false;
}

/* The first group from g on that the summary shows. */
static uint32_t next_group(const struct weft_pool_part *part, uint32_t g, uint32_t end)
{
        while (g < end) {
                uint64_t shown = weft_load_acq(&part->summary[g / 64]); /* [H] */
                shown = shown >> g % 64 << g % 64;
                if (shown)
                        return g / 64 * 64 + (uint32_t)__builtin_ctzll(shown);
                g = (g | 63) + 1;
        }
        return g;
}

/* Objects `from` to `to` of a segment, those beside them in their groups, too. */
static bool take_between(struct weft_pool_op *op, const struct weft_pool_part *part,
                         uint32_t from, uint32_t to)
{
        uint32_t end = weft_pool_groups(to), first = from / WEFT_POOL_GROUP;
        for (uint32_t g = next_group(part, first, end); g < end;
             g = next_group(part, g + 1, end)) {
                if (take_in_group(op, part, g, g == first ? from % WEFT_POOL_GROUP : 0))
                        return true;
                if (!is_promising(weft_load_acq(&part->groups[g]))) /* [H] */
                        hide_in_summary(&op->p->v, part, g);
        }
        return false;
}

/* Agents begin apart from each other, then go on where they were. */
static uint32_t begin_at(const struct weft_pool_op *op)
{
        uint32_t from = op->desk ? weft_load_rlx(&op->desk->from) : 0;
        if (from && from - 1 < op->p->v.max_count)
                return from - 1;
        uint32_t scattered = op->agent->index * UINT32_C(2654435769);
        uint32_t at = (uint32_t)((uint64_t)scattered * op->p->v.part.count >> 32);
        return at / WEFT_POOL_GROUP * WEFT_POOL_GROUP;
}

static int take_cached(struct weft_pool_op *op)
{
        struct weft_pool_desk_shared *desk = op->desk;
        uint32_t n = desk ? weft_load_rlx(&desk->cached) : 0;
        int rc = -EAGAIN;
        if (n > WEFT_POOL_CACHE)
                n = 0;
        while (n && rc) {
                struct weft_pool_part part;
                uint32_t i, index = weft_load_rlx(&desk->cache[--n]);
                if (weft_pool_find(&op->p->v, index, &part, &i) &&
                    weft_pool_take(op, &part, i))
                        rc = 0;
        }
        if (desk)
                weft_store_rlx(&desk->cached, n);
        return rc;
}

int weft_pool_search(struct weft_pool_op *op)
{
        struct weft_pool_view *v = &op->p->v;
        struct weft_pool_part part, first;
        uint32_t at;

        if (!take_cached(op))
                return 0;
        if (!weft_pool_find(v, begin_at(op), &first, &at)) {
                first = v->part;
                at = 0;
        }
        bool taken = take_between(op, &first, at, first.count);
        for (uint32_t k = 0; !taken && weft_pool_part(v, k, &part); k++)
                if (part.first != first.first)
                        taken = take_between(op, &part, 0, part.count);
        if (!taken && at)
                taken = take_between(op, &first, 0, at);
        return taken ? 0 : -EAGAIN;
}

/* One pass over all groups: 0 if it took an object; -EAGAIN with the sum of what must not
 * have changed in the next pass. */
static int pass_over(struct weft_pool_op *op, uint64_t *sum, bool *quiet)
{
        struct weft_pool_view *v = &op->p->v;
        struct weft_pool_part part;
        *sum = 0;
        *quiet = true;
        for (uint32_t k = 0; weft_pool_part(v, k, &part); k++) {
                *sum += WEFT_POOL_VERSION;
                for (uint32_t g = 0; g < weft_pool_groups(part.count); g++) {
                        uint64_t group = weft_load_acq(&part.groups[g]); /* [H] */
                        if (WEFT_UNLIKELY(is_promising(group))) {
                                show_in_summary(&part, g);
                                if (take_in_group(op, &part, g, 0))
                                        return 0;
                                group = weft_load_acq(&part.groups[g]); /* [H] */
                                *quiet &= !is_promising(group);
                        }
                        *sum += group;
                }
        }
        return -EAGAIN;
}

int weft_pool_search_all(struct weft_pool_op *op)
{
        uint64_t before, sum;
        bool quiet_before, quiet;
        int rc = weft_pool_search(op);
        if (rc)
                rc = pass_over(op, &before, &quiet_before);
        while (rc) {
                rc = pass_over(op, &sum, &quiet);
                if (rc && quiet && quiet_before && sum == before)
                        return rc; /* LP of none is free: between these two passes */
                before = sum;
                quiet_before = quiet;
        }
        return rc;
}

bool weft_pool_any_free(struct weft_pool_view *v)
{
        struct weft_pool_part part;
        for (uint32_t k = 0; weft_pool_part(v, k, &part); k++)
                for (uint32_t g = 0; g < weft_pool_groups(part.count); g++) {
                        uint64_t group = weft_load_acq(&part.groups[g]); /* [H] */
                        uint32_t which =
                                group & WEFT_POOL_DOUBT ? UINT32_MAX : bits_of(group);
                        if (which && free_among(v, &part, g, which))
                                return true;
                }
        return false;
}
