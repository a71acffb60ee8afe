/* tests/harness/decode.c -- enough of x86-64 to know most stores.
 *
 * It knows the common instructions of compiled integer code, and says WRITES_ANY to all
 * others. It may err to that side only; sweep_trace() checks that it does. */
#define _GNU_SOURCE
#include <string.h>

#include "tests/harness/decode.h"

/* An instruction being read. */
struct text {
        const unsigned char *at;
        const struct user_regs_struct *r;
        bool rex_x, rex_b, segment;
};

static const struct decode nothing = { WRITES_NOTHING, 0 }, any = { WRITES_ANY, 0 };

static uint64_t reg(const struct user_regs_struct *r, unsigned i)
{
        const unsigned long long v[16] = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp,
                                           r->rsi, r->rdi, r->r8,  r->r9,  r->r10, r->r11,
                                           r->r12, r->r13, r->r14, r->r15 };
        return v[i & 15];
}

static uint64_t displacement(const unsigned char *at, unsigned mod)
{
        int32_t wide = 0;
        int8_t narrow;
        if (mod == 1) {
                memcpy(&narrow, at, 1);
                return (uint64_t)(int64_t)narrow;
        }
        memcpy(&wide, at, 4);
        return (uint64_t)(int64_t)wide;
}

/* At -O0 rbp is the frame's, and holds all that a loop counts. */
static bool in_frame(const struct text *t, unsigned mod, unsigned rm)
{
#ifdef __OPTIMIZE__
        (void)t, (void)mod, (void)rm;
        return false;
#else
        enum { STACK = 1 << 20 };
        return (mod == 1 || mod == 2) && rm == 5 && !t->rex_b &&
               t->r->rbp - t->r->rsp < STACK;
#endif
}

/* The operand that a ModRM byte names is written. */
static struct decode to_operand(const struct text *t)
{
        const unsigned char *at = t->at;
        unsigned mod = *at >> 6, rm = *at & 7;
        uint64_t address = 0;
        at++;
        if (mod == 3)
                return nothing;
        if (mod == 0 && rm == 5)
                return nothing; /* by rip: the program's own variables */
        if (t->segment)
                return nothing; /* by fs: the thread's own */
        if (in_frame(t, mod, rm))
                return nothing;
        if (rm == 4) {
                unsigned index = (*at >> 3 & 7) | (t->rex_x ? 8u : 0), scale = *at >> 6;
                unsigned base = *at & 7;
                at++;
                if (base == 4 && !t->rex_b && index == 4)
                        return nothing; /* by rsp: the stack */
                if (index != 4)
                        address += reg(t->r, index) << scale;
                if (mod == 0 && base == 5)
                        return (struct decode){ WRITES_AT,
                                                address + displacement(at, 2) };
                address += reg(t->r, base | (t->rex_b ? 8u : 0));
        } else {
                address += reg(t->r, rm | (t->rex_b ? 8u : 0));
        }
        if (mod)
                address += displacement(at, mod);
        return (struct decode){ WRITES_AT, address };
}

static bool between(unsigned op, unsigned from, unsigned to)
{
        return op >= from && op <= to;
}

/* Two-byte opcodes; t->at is behind them. */
static struct decode two_bytes(const struct text *t, unsigned op)
{
        unsigned sub = *t->at >> 3 & 7;
        if (op == 0x05)
                return (struct decode){ SYSTEM_CALL, 0 };
        if (between(op, 0x40, 0x4f) || between(op, 0x80, 0x8f) || op == 0xb6 ||
            op == 0xb7 || op == 0xbe || op == 0xbf || op == 0x1f || op == 0x1e ||
            op == 0xaf || op == 0xa3 || op == 0x10 || op == 0x28 || op == 0x6f ||
            op == 0xbc || op == 0xbd || op == 0xa2 || op == 0x6e || op == 0x6c ||
            op == 0xef || op == 0x57 || op == 0x16 || op == 0x31)
                return nothing; /* cmov, jcc, movzx, nop, imul, bt, loads, bsf, rdtsc, ... */
        if (op == 0x11 || op == 0x29 || op == 0x7f || op == 0xd6 || op == 0x13 ||
            op == 0x17 || op == 0xb0 || op == 0xb1 || op == 0xc0 || op == 0xc1 ||
            op == 0xab || op == 0xb3 || op == 0xbb || between(op, 0x90, 0x9f) ||
            (op == 0xba && sub >= 5) || (op == 0xc7 && sub == 1))
                return to_operand(t); /* vector stores, cmpxchg, xadd, bts, setcc, ... */
        return op == 0xba ? nothing : any;
}

/* One-byte opcodes that write at most a register or the stack. */
static bool harmless(unsigned op)
{
        if (op < 0x40) /* arithmetic: to a register; cmp */
                return between(op & 7, 2, 5) || between(op, 0x38, 0x3b);
        return between(op, 0x50, 0x5f) || op == 0x63 || between(op, 0x68, 0x6b) ||
               between(op, 0x70, 0x7f) || op == 0x84 || op == 0x85 || op == 0x8a ||
               op == 0x8b || op == 0x8d || op == 0x90 || op == 0x98 || op == 0x99 ||
               op == 0xa8 || op == 0xa9 || between(op, 0xb0, 0xbf) || op == 0xc3 ||
               op == 0xc9 || op == 0xe8 || op == 0xe9 || op == 0xeb;
}

static struct decode one_byte(const struct text *t, unsigned op)
{
        unsigned sub = *t->at >> 3 & 7;
        if (harmless(op))
                return nothing;
        if (op < 0x40)
                return (op & 6) == 0 ? to_operand(t) : any;
        if (op == 0x86 || op == 0x87 || op == 0x88 || op == 0x89 || op == 0xc0 ||
            op == 0xc1 || op == 0xc6 || op == 0xc7 || between(op, 0xd0, 0xd3))
                return to_operand(t);
        if (op == 0x80 || op == 0x81 || op == 0x83) /* 7: cmp */
                return sub == 7 ? nothing : to_operand(t);
        if (op == 0xf6 || op == 0xf7) /* 2, 3: not, neg; test, mul, div */
                return sub == 2 || sub == 3 ? to_operand(t) : nothing;
        if (op == 0xfe || op == 0xff) /* 0, 1: inc, dec; call, jmp, push */
                return sub <= 1 ? to_operand(t) : nothing;
        return any;
}

struct decode decode_next(const struct user_regs_struct *r)
{
        struct text t = { .r = r };
        uint64_t rip = r->rip;
        memcpy(&t.at, &rip, sizeof t.at);
        for (;; t.at++) {
                if (*t.at == 0x64 || *t.at == 0x65)
                        t.segment = true;
                else if (*t.at != 0x66 && *t.at != 0xf2 && *t.at != 0xf3 &&
                         *t.at != 0xf0 && *t.at != 0x2e && *t.at != 0x3e)
                        break; /* 2e, 3e: hints, and what assemblers fill up with */
        }
        if ((*t.at & 0xf0) == 0x40) {
                t.rex_x = *t.at & 2;
                t.rex_b = *t.at & 1;
                t.at++;
        }
        unsigned op = *t.at++;
        if (op != 0x0f)
                return one_byte(&t, op);
        op = *t.at++;
        return two_bytes(&t, op);
}

unsigned decode_repeated_store(const struct user_regs_struct *r, uint64_t *bytes)
{
        const unsigned char *at;
        uint64_t rip = r->rip;
        memcpy(&at, &rip, sizeof at);
        if (*at != 0xf3)
                return 0;
        bool rex = (at[1] & 0xf0) == 0x40;
        unsigned n = rex ? 2 : 1, op = at[n];
        if (op != 0xa4 && op != 0xa5 && op != 0xaa && op != 0xab)
                return 0;
        *bytes = r->rcx * (!(op & 1) ? 1 : rex ? 8 : 4);
        return n + 1;
}
