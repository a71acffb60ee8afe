/* tests/harness/fly.c -- see fly.h. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "tests/harness/fly.h"

enum { ROUNDS = 8, REGION_MAX = 512, DEEP = 6, SLOTS = 1024 };

enum kind { STRAIGHT, JUMP, BRANCH, CALL, RETURN, LOUD };

struct known {
        uint64_t rip;    /* 0: none */
        uint64_t after;  /* the instruction behind it; 0 is unknown */
        uint64_t target; /* of JUMP, BRANCH, CALL */
        uint32_t visits, next_try;
        enum kind kind;
};

struct flights {
        struct known *slot;
        size_t slots, n;
};

/* A place in a loop: with whom to go back to. */
struct spot {
        uint64_t rip, back[DEEP];
        unsigned depth;
};

struct region {
        struct spot at[REGION_MAX];
        size_t n;
        uint64_t *exits;
        unsigned exit_count;
        bool fits, round;
};

struct flights *flights_make(void)
{
        struct flights *f = calloc(1, sizeof *f);
        CHECK(f);
        f->slots = SLOTS;
        f->slot = calloc(f->slots, sizeof *f->slot);
        CHECK(f->slot);
        return f;
}

void flights_free(struct flights *f)
{
        if (f)
                free(f->slot);
        free(f);
}

static struct known *find(const struct flights *f, uint64_t rip)
{
        size_t i = (rip * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (f->slots - 1);
        while (f->slot[i].rip && f->slot[i].rip != rip)
                i = (i + 1) & (f->slots - 1);
        return &f->slot[i];
}

static void grow(struct flights *f)
{
        struct flights larger = { .slots = f->slots * 2, .n = f->n };
        larger.slot = calloc(larger.slots, sizeof *larger.slot);
        CHECK(larger.slot);
        for (size_t i = 0; i < f->slots; i++)
                if (f->slot[i].rip)
                        *find(&larger, f->slot[i].rip) = f->slot[i];
        free(f->slot);
        *f = larger;
}

/* ---- one instruction ------------------------------------------------------- */

static void jumps(struct known *k, enum kind kind, const unsigned char *at,
                  const unsigned char *distance, size_t bytes)
{
        int32_t wide = 0;
        int8_t narrow;
        memcpy(&narrow, distance, 1);
        if (bytes == 4)
                memcpy(&wide, distance, 4);
        else
                wide = narrow;
        k->kind = kind;
        k->after = k->rip + (uint64_t)(distance - at) + bytes;
        k->target = k->after + (uint64_t)(int64_t)wide;
}

/* How it goes on from there. Prefixes: bnd and notrack, and hints. */
static void decode(struct known *k, bool quiet)
{
        const unsigned char *at, *op;
        memcpy(&at, &k->rip, sizeof at);
        for (op = at; *op == 0xf2 || *op == 0x2e || *op == 0x3e; op++)
                ;
        if (!quiet)
                k->kind = LOUD;
        else if (*op >= 0x70 && *op <= 0x7f)
                jumps(k, BRANCH, at, op + 1, 1);
        else if (op[0] == 0x0f && op[1] >= 0x80 && op[1] <= 0x8f)
                jumps(k, BRANCH, at, op + 2, 4);
        else if (*op == 0xeb || *op == 0xe9)
                jumps(k, JUMP, at, op + 1, *op == 0xeb ? 1 : 4);
        else if (*op == 0xe8)
                jumps(k, CALL, at, op + 1, 4);
        else if (*op == 0xc3)
                k->kind = RETURN;
        else if (*op == 0xff || ((*op & 0xf0) == 0x40 && op[1] == 0xff))
                k->kind = LOUD; /* it goes to where a register says */
        else
                k->kind = STRAIGHT;
}

void flights_stepped(struct flights *f, uint64_t rip, uint64_t next)
{
        struct known *k = find(f, rip);
        if (k->rip && k->kind == STRAIGHT)
                k->after = next;
}

/* ---- loops ----------------------------------------------------------------- */

static void add(struct region *r, struct spot s, uint64_t rip)
{
        s.rip = rip;
        r->round |= r->n > 0 && s.rip == r->at[0].rip && s.depth == 0;
        for (size_t i = 0; i < r->n; i++)
                if (r->at[i].rip == s.rip && r->at[i].depth == s.depth &&
                    memcmp(r->at[i].back, s.back, s.depth * sizeof *s.back) == 0)
                        return;
        r->fits &= r->n < REGION_MAX;
        if (r->fits)
                r->at[r->n++] = s;
}

static void add_exit(struct region *r, uint64_t rip)
{
        for (unsigned i = 0; i < r->exit_count; i++)
                if (r->exits[i] == rip)
                        return;
        r->fits &= r->exit_count < FLY_EXITS;
        if (r->fits)
                r->exits[r->exit_count++] = rip;
}

static void follow(const struct flights *f, struct region *r, struct spot s)
{
        const struct known *k = find(f, s.rip);
        switch (k->rip ? k->kind : LOUD) {
        case STRAIGHT:
                if (!k->after)
                        break;
                add(r, s, k->after);
                return;
        case JUMP:
                add(r, s, k->target);
                return;
        case BRANCH:
                add(r, s, k->after);
                add(r, s, k->target);
                return;
        case CALL:
                if (s.depth == DEEP)
                        break;
                s.back[s.depth++] = k->after;
                add(r, s, k->target);
                return;
        case RETURN:
                if (!s.depth)
                        break;
                s.depth--;
                add(r, s, s.back[s.depth]);
                return;
        case LOUD:
                break;
        }
        add_exit(r, s.rip);
}

unsigned flights_ways_out(struct flights *f, uint64_t rip, bool quiet, uint64_t *exits)
{
        struct known *k = find(f, rip);
        if (!k->rip) {
                if (f->n * 2 >= f->slots) {
                        grow(f);
                        k = find(f, rip);
                }
                *k = (struct known){ .rip = rip, .next_try = ROUNDS };
                f->n++;
                decode(k, quiet);
        }
        if (++k->visits < k->next_try || k->kind == LOUD)
                return 0;
        struct region r = { .exits = exits, .fits = true };
        add(&r, (struct spot){ .rip = rip }, rip);
        for (size_t i = 0; i < r.n && r.fits; i++)
                follow(f, &r, r.at[i]);
        if (r.fits && r.round && r.exit_count) {
                k->next_try = k->visits + ROUNDS;
                return r.exit_count;
        }
        k->next_try = k->visits * 2;
        return 0;
}
