#define _GNU_SOURCE
#include "tests/unit/mutex_kit.h"

/* ---- making -------------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
        struct weft_mutex_options o = { .flags = 4 };
        struct weft_mutex_info info;
        weft_mutex_t *m = (weft_mutex_t *)(void *)&o;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_mutex_create(arena, "m", &o, &m), -EINVAL);
        o = (struct weft_mutex_options){ .reserved = 1 };
        assert_int_equal(weft_mutex_create_or_open(arena, "m", &o, &m), -EINVAL);
        o.reserved = 0;
        assert_int_equal(weft_mutex_create(NULL, "m", &o, &m), -EINVAL);
        assert_int_equal(weft_mutex_create(arena, NULL, &o, &m), -EINVAL);
        assert_int_equal(weft_mutex_create(arena, "m", &o, NULL), -EINVAL);
        assert_int_equal(weft_mutex_open(arena, "m", NULL), -EINVAL);
        assert_int_equal(weft_mutex_open(NULL, "m", &m), -EINVAL);
        assert_int_equal(weft_mutex_open(arena, "m", &m), -ENOENT);
        assert_null(m);
        assert_int_equal(weft_mutex_lock(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_mutex_trylock(NULL), -EINVAL);
        assert_int_equal(weft_mutex_unlock(NULL), -EINVAL);
        assert_int_equal(weft_mutex_consistent(NULL), -EINVAL);
        assert_int_equal(weft_mutex_reset(NULL), -EINVAL);
        assert_int_equal(weft_mutex_info(NULL, &info), -EINVAL);
        weft_mutex_on_death(NULL, NULL, NULL);
        weft_mutex_close(NULL);
        m = make(0);
        assert_int_equal(weft_mutex_info(m, NULL), -EINVAL);
        drop(m);
        assert_int_equal(errno, 4711);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_mutex_options fair = { .flags = WEFT_MUTEX_FAIR };
        struct weft_array_options array = { .length = 1, .element_bytes = 8 };
        weft_mutex_t *m = make(WEFT_MUTEX_FAIR), *n, *same;
        weft_array_t *a;

        (void)state;
        assert_int_equal(weft_mutex_create(arena, "m", &fair, &n), -EEXIST);
        assert_null(n);
        assert_int_equal(weft_mutex_create_or_open(arena, "m", NULL, &n), -EPROTO);
        assert_null(n);
        assert_int_equal(weft_mutex_create_or_open(arena, "m", &fair, &n), 0);
        assert_int_equal(weft_mutex_open(arena, "m", &same), 0);
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
        assert_int_equal(weft_mutex_trylock(n), -EDEADLK);
        assert_int_equal(weft_mutex_unlock(n), 0); /* any handle of its holder's */
        weft_mutex_close(n);
        assert_int_equal(weft_mutex_trylock(same), 0);
        weft_mutex_close(same); /* not the last handle here: nothing is lost */
        assert_int_equal(weft_mutex_unlock(m), 0);
        drop(m);
        assert_int_equal(weft_mutex_create_or_open(arena, "m", NULL, &n), 0);
        assert_int_equal(info_of(n).flags, 0);
        drop(n);
        assert_int_equal(weft_array_create(arena, "m", &array, &a), 0);
        assert_int_equal(weft_mutex_open(arena, "m", &n), -EPROTO);
        assert_int_equal(weft_mutex_create_or_open(arena, "m", NULL, &n), -EPROTO);
        assert_int_equal(weft_object_remove(arena, "m"), 0);
        weft_array_close(a);
        assert_int_equal(object_bytes(), 0);
}

/* ---- locking ------------------------------------------------------------- */

static void locked_and_unlocked(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                weft_mutex_t *m = make(all_flags[i]);
                assert_int_equal(weft_mutex_unlock(m), -EPERM);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
                struct weft_mutex_info info = info_of(m);
                assert_int_equal(info.flags, all_flags[i]);
                assert_int_equal(info.held, 1);
                assert_int_equal(info.holder_pid, getpid());
                assert_int_equal(info.depth, 1);
                assert_int_equal(info.inconsistent, 0);
                assert_int_equal(info.lost, 0);
                assert_int_equal(info.waiting, 0);
                assert_int_equal(info.reserved, 0);
                assert_int_equal(weft_mutex_consistent(m), -EINVAL);
                assert_int_equal(weft_mutex_unlock(m), 0);
                assert_int_equal(weft_mutex_unlock(m), -EPERM);
                assert_int_equal(weft_mutex_consistent(m), -EPERM);
                assert_int_equal(weft_mutex_trylock(m), 0);
                assert_int_equal(weft_mutex_unlock(m), 0);
                info = info_of(m);
                assert_int_equal(info.held + info.holder_pid + info.depth, 0);
                assert_int_equal(weft_mutex_lock(m, 1), 0); /* late, but free */
                assert_int_equal(weft_mutex_unlock(m), 0);
                drop(m);
        }
        assert_int_equal(object_bytes(), 0);
}

static void recursion_is_counted(void **state)
{
        (void)state;
        for (uint32_t fair = 0; fair <= WEFT_MUTEX_FAIR; fair += WEFT_MUTEX_FAIR) {
                weft_mutex_t *m = make(fair | WEFT_MUTEX_RECURSIVE);
                for (uint32_t i = 1; i <= 5; i++) {
                        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
                        assert_int_equal(info_of(m).depth, i);
                }
                for (uint32_t i = 5; i >= 1; i--) {
                        assert_int_equal(info_of(m).depth, i);
                        assert_int_equal(of(A_PROCESS, m, weft_mutex_trylock), -EAGAIN);
                        assert_int_equal(weft_mutex_unlock(m), 0);
                }
                assert_int_equal(weft_mutex_unlock(m), -EPERM);
                assert_int_equal(of(A_PROCESS, m, lock_and_unlock), 0);
                drop(m);
        }
}

static void recursion_has_an_end(void **state)
{
        weft_mutex_t *m = make(WEFT_MUTEX_RECURSIVE);
        struct weft_mutex_shared *sh = m->handle.sh;

        (void)state;
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
        sh->depth.raw = (1u << 30) - 1;
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), -EOVERFLOW);
        assert_int_equal(sh->depth.raw, 1u << 30);
        sh->depth.raw = 0;
        assert_int_equal(weft_mutex_unlock(m), 0);
        drop(m);
}

static void twice_is_a_deadlock(void **state)
{
        (void)state;
        for (uint32_t fair = 0; fair <= WEFT_MUTEX_FAIR; fair += WEFT_MUTEX_FAIR) {
                weft_mutex_t *m = make(fair);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), -EDEADLK);
                assert_int_equal(weft_mutex_trylock(m), -EDEADLK);
                assert_int_equal(info_of(m).depth, 1);
                assert_int_equal(weft_mutex_unlock(m), 0);
                drop(m);
        }
}

static void strangers_are_refused(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                weft_mutex_t *m = make(all_flags[i]);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
                for (enum who who = A_PROCESS; who < WHO; who++) {
                        assert_int_equal(of(who, m, weft_mutex_unlock), -EPERM);
                        assert_int_equal(of(who, m, weft_mutex_consistent), -EPERM);
                        assert_int_equal(of(who, m, weft_mutex_reset), -EBUSY);
                        assert_int_equal(of(who, m, weft_mutex_trylock), -EAGAIN);
                        assert_int_equal(of(who, m, lock_for_10_ms), -ETIMEDOUT);
                        assert_int_equal(of(who, m, lock_long_ago), -ETIMEDOUT);
                }
                struct weft_mutex_info info = info_of(m);
                assert_int_equal(info.held, 1);
                assert_int_equal(info.holder_pid, getpid());
                assert_int_equal(info.waiting, 0);
                assert_int_equal(weft_mutex_unlock(m), 0);
                for (enum who who = A_PROCESS; who < WHO; who++)
                        assert_int_equal(of(who, m, lock_and_unlock), 0);
                drop(m);
        }
}

static void what_a_process_holds_others_see(void **state)
{
        weft_mutex_t *m = make(0);
        struct holder h = holder_start(m);

        (void)state;
        assert_int_equal(info_of(m).holder_pid, h.pid);
        assert_int_equal(weft_mutex_trylock(m), -EAGAIN);
        assert_int_equal(weft_mutex_unlock(m), -EPERM);
        holder_end(&h);
        assert_int_equal(weft_mutex_trylock(m), 0);
        assert_int_equal(weft_mutex_unlock(m), 0);
        drop(m);
}

/* A wake that is lost costs 50 ms: then this takes longer than a test may. */
struct handing {
        weft_mutex_t *m;
        struct gate come, gone;
};
enum { HANDINGS = 2000 };

static void take_and_give(void *context)
{
        struct handing *h = context;
        for (int i = 0; i < HANDINGS; i++) {
                gate_pass(&h->come);
                CHECK(lock_and_unlock(h->m) == 0);
                gate_open(&h->gone, 1);
        }
}

static void no_wake_is_lost(void **state)
{
        (void)state;
        for (uint32_t fair = 0; fair <= WEFT_MUTEX_FAIR; fair += WEFT_MUTEX_FAIR) {
                struct handing h = { make(fair), gate_make(), gate_make() };
                pid_t pid = child_start(take_and_give, &h);
                for (int i = 0; i < HANDINGS; i++) {
                        assert_int_equal(weft_mutex_lock(h.m, WEFT_NEVER), 0);
                        gate_open(&h.come, 1);
                        wait_for_sleepers(h.m, 1);
                        assert_int_equal(weft_mutex_unlock(h.m), 0);
                        gate_pass(&h.gone);
                }
                assert_int_equal(child_end(pid), 0);
                gate_drop(&h.come);
                gate_drop(&h.gone);
                drop(h.m);
        }
}

/* ---- first come, first served -------------------------------------------- */

enum { CUSTOMERS = 5 };

struct counter {
        weft_mutex_t *m;
        volatile uint32_t *served; /* [0]: how many; then who. Only the holder writes */
        uint32_t me;
        uint64_t deadline;
};

static void be_served(void *context)
{
        struct counter *c = context;
        int rc = weft_mutex_lock(c->m, c->deadline);
        if (rc == -ETIMEDOUT)
                _exit(2);
        CHECK(rc == 0);
        c->served[++c->served[0]] = c->me;
        CHECK(weft_mutex_unlock(c->m) == 0);
}

static void first_come_first_served(void **state)
{
        struct counter c = { .m = make(WEFT_MUTEX_FAIR),
                             .served = common_make(64),
                             .deadline = WEFT_NEVER };
        pid_t pid[CUSTOMERS];

        (void)state;
        for (int round = 0; round < 5; round++) {
                c.served[0] = 0;
                assert_int_equal(weft_mutex_lock(c.m, WEFT_NEVER), 0);
                for (uint32_t i = 0; i < CUSTOMERS; i++) {
                        c.me = i;
                        pid[i] = child_start(be_served, &c);
                        wait_for_sleepers(c.m, i + 1);
                }
                assert_int_equal(weft_mutex_unlock(c.m), 0);
                /* Whoever comes now comes last. */
                assert_int_equal(weft_mutex_lock(c.m, WEFT_NEVER), 0);
                assert_int_equal(c.served[0], CUSTOMERS);
                assert_int_equal(weft_mutex_unlock(c.m), 0);
                for (uint32_t i = 0; i < CUSTOMERS; i++) {
                        assert_int_equal(child_end(pid[i]), 0);
                        assert_int_equal(c.served[1 + i], i);
                }
        }
        munmap((void *)(uintptr_t)c.served, 64);
        drop(c.m);
}

static void trylock_does_not_jump_the_line(void **state)
{
        weft_mutex_t *m = make(WEFT_MUTEX_FAIR);
        struct counter c = { .m = m, .served = common_make(64), .deadline = WEFT_NEVER };

        (void)state;
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
        pid_t pid = child_start(be_served, &c);
        wait_for_sleepers(m, 1);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        usleep(1000);
        assert_int_equal(weft_mutex_unlock(m), 0); /* offered to one who stands still */
        assert_int_equal(weft_mutex_trylock(m), -EAGAIN);
        struct weft_mutex_info info = info_of(m);
        assert_int_equal(info.held, 0);
        assert_int_equal(info.holder_pid, 0);
        assert_int_equal(weft_mutex_lock(m, weft_after(10 * WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(c.served[0], 0);
        assert_int_equal(kill(pid, SIGCONT), 0);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(c.served[0], 1);
        assert_int_equal(weft_mutex_trylock(m), 0);
        assert_int_equal(weft_mutex_unlock(m), 0);
        munmap((void *)(uintptr_t)c.served, 64);
        drop(m);
}

static void the_dead_and_the_tired_leave_the_line(void **state)
{
        struct counter c = { .m = make(WEFT_MUTEX_FAIR), .served = common_make(64) };
        pid_t pid[CUSTOMERS];

        (void)state;
        assert_int_equal(weft_mutex_lock(c.m, WEFT_NEVER), 0);
        for (uint32_t i = 0; i < CUSTOMERS; i++) {
                c.me = i;
                c.deadline = i == 2 ? weft_after(20 * WEFT_MSEC) : WEFT_NEVER;
                pid[i] = child_start(be_served, &c);
                wait_for_sleepers(c.m, i == 3 ? 3 : i == 4 ? 4 : i + 1);
                if (i == 2)
                        assert_int_equal(child_end(pid[2]), 2);
        }
        assert_int_equal(child_kill(pid[0]), -SIGKILL); /* the first, and one within */
        assert_int_equal(child_kill(pid[3]), -SIGKILL);
        assert_int_equal(weft_mutex_unlock(c.m), 0);
        assert_int_equal(weft_mutex_lock(c.m, WEFT_NEVER), 0);
        assert_int_equal(child_end(pid[1]), 0);
        assert_int_equal(weft_mutex_unlock(c.m), 0);
        assert_int_equal(child_end(pid[4]), 0);
        assert_int_equal(c.served[0], 2);
        assert_int_equal(c.served[1], 1);
        assert_int_equal(c.served[2], 4);
        munmap((void *)(uintptr_t)c.served, 64);
        drop(c.m);
}

/* ---- looking, removing ---------------------------------------------------- */

static void read_only_looks_alone(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                weft_mutex_t *m = make(all_flags[i]), *r, *none;
                struct weft_mutex_options o = { .flags = all_flags[i] };
                struct weft_object_info about;
                weft_arena_t *ro;
                assert_int_equal(
                        weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
                assert_int_equal(weft_mutex_open(ro, "m", &r), 0);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
                struct weft_mutex_info info = info_of(r);
                assert_int_equal(info.held, 1);
                assert_int_equal(info.holder_pid, getpid());
                assert_int_equal(info.flags, all_flags[i]);
                assert_int_equal(weft_mutex_lock(r, WEFT_NEVER), -EROFS);
                assert_int_equal(weft_mutex_trylock(r), -EROFS);
                assert_int_equal(weft_mutex_unlock(r), -EROFS);
                assert_int_equal(weft_mutex_consistent(r), -EROFS);
                assert_int_equal(weft_mutex_reset(r), -EROFS);
                assert_int_equal(weft_mutex_create(ro, "n", &o, &none), -EROFS);
                assert_int_equal(weft_object_stat(ro, "m", &about), 0);
                assert_non_null(strstr(about.detail, "held by "));
                assert_int_equal(weft_mutex_unlock(m), 0);
                holder_dies(m);
                info = info_of(r); /* it can tell, but not repair */
                assert_int_equal(info.held, 1);
                assert_int_equal(info.inconsistent, 0);
                weft_mutex_close(r);
                weft_arena_close(ro);
                drop(m);
        }
}

static void wait_for_it(void *m)
{
        CHECK(weft_mutex_lock(m, WEFT_NEVER) == 0);
        CHECK(weft_mutex_unlock(m) == 0);
}

static void a_busy_one_is_not_removed(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                weft_mutex_t *m = make(all_flags[i]);
                struct holder h = holder_start(m);
                assert_int_equal(weft_object_remove(arena, "m"), -EBUSY);
                pid_t waiter = child_start(wait_for_it, m);
                wait_for_sleepers(m, 1);
                assert_int_equal(weft_object_remove(arena, "m"), -EBUSY);
                holder_end(&h);
                assert_int_equal(child_end(waiter), 0);
                assert_int_equal(weft_mutex_trylock(m), 0);
                assert_int_equal(weft_object_remove(arena, "m"), -EBUSY); /* by oneself */
                assert_int_equal(weft_mutex_unlock(m), 0);
                h = holder_start(m);
                waiter = child_start(wait_for_it, m);
                wait_for_sleepers(m, 1);
                holder_kill(&h);
                assert_int_equal(child_kill(waiter), -SIGKILL);
                assert_int_equal(weft_object_remove(arena, "m"), 0);  /* by the dead */
                assert_int_equal(weft_mutex_trylock(m), -EOWNERDEAD); /* open still */
                weft_mutex_close(m);
                assert_int_equal(object_bytes(), 0);
        }
}

static const char *detail(void)
{
        static struct weft_object_info about;
        CHECK(weft_object_stat(arena, "m", &about) == 0);
        CHECK(strcmp(about.kind, "mutex") == 0 && about.version == WEFT_MUTEX_FORMAT);
        return about.detail;
}

static void a_mutex_says_how_it_is(void **state)
{
        weft_mutex_t *m = make(0);
        struct weft_object_info about;
        char text[64];

        (void)state;
        snprintf(text, sizeof text, "held by %u, 0 waiting", (unsigned)getpid());
        assert_string_equal(detail(), "free, 0 waiting");
        assert_int_equal(weft_mutex_trylock(m), 0);
        assert_string_equal(detail(), text);
        pid_t pid = child_start(wait_for_it, m);
        wait_for_sleepers(m, 1);
        assert_non_null(strstr(detail(), ", 1 waiting"));
        assert_int_equal(weft_mutex_unlock(m), 0);
        assert_int_equal(child_end(pid), 0);
        holder_dies(m);
        (void)recover_count(arena);
        assert_string_equal(detail(), "free, its holder died, 0 waiting");
        assert_int_equal(weft_mutex_trylock(m), -EOWNERDEAD);
        snprintf(text, sizeof text, "held by %u, its holder died, 0 waiting",
                 (unsigned)getpid());
        assert_string_equal(detail(), text);
        assert_int_equal(weft_mutex_unlock(m), 0);
        assert_string_equal(detail(), "not recoverable, 0 waiting");
        drop(m);
        m = make(WEFT_MUTEX_FAIR | WEFT_MUTEX_RECURSIVE);
        assert_string_equal(detail(), "free, recursive, fair, 0 waiting");
        assert_int_equal(weft_object_stat(arena, "m", &about), 0);
        assert_int_equal(about.holders, 1);
        assert_true(about.bytes >=
                    sizeof(struct weft_mutex_shared) + sizeof(struct weft_line_shared));
        drop(m);
}

/* ---- hostile bytes --------------------------------------------------------- */

static void a_corrupt_header_is_told(void **state)
{
        weft_mutex_t *m = make(WEFT_MUTEX_FAIR), *n;
        weft_array_t *a;
        struct weft_array_options array = { .length = 2000, .element_bytes = 8 };
        struct weft_mutex_shared *sh = m->handle.sh, good = *sh, bad[7];
        struct weft_census census;

        (void)state;
        assert_int_equal(weft_array_create(arena, "a", &array, &a), 0);
        for (size_t i = 0; i < 7; i++)
                bad[i] = good;
        bad[0].flags = 0; /* and a line all the same */
        bad[1].flags = 4 | WEFT_MUTEX_FAIR;
        bad[2].flags = UINT32_MAX;
        bad[3].line = WEFT_REF_NONE;
        bad[4].line.v = UINT64_MAX;
        bad[5].line.v += UINT64_C(1) << 36; /* another life */
        bad[6].line.v ^= 1;                 /* between blocks */
        for (size_t i = 0; i < 7; i++) {
                *sh = bad[i];
                if (i < 6) { /* what opens it cannot know everything */
                        assert_int_equal(weft_mutex_open(arena, "m", &n), -EUCLEAN);
                        assert_null(n);
                        assert_string_equal(detail(), "corrupt");
                }
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
                assert_int_equal(census.corrupt, 1);
        }
        *sh = good;
        assert_int_equal(weft_mutex_open(arena, "m", &n), 0);
        sh->flags = 77; /* a handle believes what it read when it was opened */
        assert_int_equal(weft_mutex_lock(n, WEFT_NEVER), 0);
        assert_int_equal(weft_mutex_unlock(n), 0);
        *sh = good;
        weft_mutex_close(n);
        assert_int_equal(weft_object_remove(arena, "a"), 0);
        weft_array_close(a);
        drop(m);
        assert_int_equal(object_bytes(), 0);
}

/* Words that nobody wrote: no crash, no endless loop. */
static void a_corrupt_word_does_no_harm(void **state)
{
        static const uint64_t words[] = {
                UINT64_MAX,
                1, /* generation 0 of seat 1: nobody, ever */
                UINT32_MAX,
                WEFT_MUTEX_OFFERED | UINT32_MAX,
                WEFT_MUTEX_OFFERED,
                WEFT_MUTEX_LOST | 1,
                WEFT_MUTEX_INCONSISTENT | 5,
                UINT64_C(1) << 63,
        };
        weft_mutex_t *m = make(WEFT_MUTEX_FAIR);
        struct weft_mutex_shared *sh = m->handle.sh;
        struct weft_line_shared *line = m->line;

        (void)state;
        for (int full = 0; full < 2; full++)
                for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                        if (full)
                                memset(&line->slots, 0xff, sizeof line->slots);
                        sh->word.raw = words[i];
                        int rc = weft_mutex_lock(m, weft_after(WEFT_MSEC));
                        if (rc == 0 || rc == -EOWNERDEAD)
                                rc = weft_mutex_unlock(m);
                        rc = weft_mutex_reset(m);
                        CHECK(rc == 0 || rc == -EBUSY);
                        (void)info_of(m);
                        (void)detail();
                }
        memset(&line->slots, 0, sizeof line->slots);
        sh->word.raw = 0;
        assert_int_equal(weft_mutex_trylock(m), 0);
        assert_int_equal(weft_mutex_unlock(m), 0);
        drop(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_arguments_are_refused),
                TEST(opening_shares_and_checks),
                TEST(locked_and_unlocked),
                TEST(recursion_is_counted),
                TEST(recursion_has_an_end),
                TEST(twice_is_a_deadlock),
                TEST(strangers_are_refused),
                TEST(what_a_process_holds_others_see),
                TEST(no_wake_is_lost),
                TEST(first_come_first_served),
                TEST(trylock_does_not_jump_the_line),
                TEST(the_dead_and_the_tired_leave_the_line),
                TEST(read_only_looks_alone),
                TEST(a_busy_one_is_not_removed),
                TEST(a_mutex_says_how_it_is),
                TEST(a_corrupt_header_is_told),
                TEST(a_corrupt_word_does_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
