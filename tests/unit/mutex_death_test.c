/* What becomes of a mutex whose holder dies. */
#define _GNU_SOURCE
#include "tests/unit/mutex_kit.h"

/* ---- the holder's death -------------------------------------------------- */

static void the_next_one_is_told_and_repairs(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                weft_mutex_t *m = make(all_flags[i]);
                holder_dies(m);
                assert_int_equal(weft_mutex_trylock(m), -EOWNERDEAD);
                struct weft_mutex_info info = info_of(m);
                assert_int_equal(info.held, 1);
                assert_int_equal(info.depth, 1);
                assert_int_equal(info.inconsistent, 1);
                if (all_flags[i] & WEFT_MUTEX_RECURSIVE) { /* told once */
                        assert_int_equal(weft_mutex_trylock(m), 0);
                        assert_int_equal(weft_mutex_unlock(m), 0);
                }
                assert_int_equal(of(A_THREAD, m, weft_mutex_consistent), -EPERM);
                assert_int_equal(weft_mutex_consistent(m), 0);
                assert_int_equal(info_of(m).inconsistent, 0);
                assert_int_equal(weft_mutex_consistent(m), -EINVAL);
                assert_int_equal(weft_mutex_reset(m), -EBUSY);
                assert_int_equal(weft_mutex_unlock(m), 0);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
                assert_int_equal(weft_mutex_unlock(m), 0);
                drop(m);
        }
}

static void lock_deep_and_die(void *m)
{
        for (int i = 0; i < 3; i++)
                CHECK(weft_mutex_lock(m, WEFT_NEVER) == 0);
        raise(SIGKILL);
}

static void the_depth_of_the_dead_is_forgotten(void **state)
{
        weft_mutex_t *m = make(WEFT_MUTEX_RECURSIVE);

        (void)state;
        assert_int_equal(child_run(lock_deep_and_die, m), -SIGKILL);
        assert_int_equal(weft_mutex_trylock(m), -EOWNERDEAD);
        assert_int_equal(info_of(m).depth, 1);
        assert_int_equal(weft_mutex_consistent(m), 0);
        assert_int_equal(weft_mutex_unlock(m), 0);
        assert_int_equal(of(A_PROCESS, m, lock_and_unlock), 0);
        drop(m);
}

static void told_and_die(void *m)
{
        CHECK(weft_mutex_trylock(m) == -EOWNERDEAD);
        raise(SIGKILL);
}

static void who_dies_repairing_is_followed(void **state)
{
        weft_mutex_t *m = make(0);

        (void)state;
        holder_dies(m);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_run(told_and_die, m), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        struct weft_mutex_info info = info_of(m);
        assert_int_equal(info.held, 0);
        assert_int_equal(info.inconsistent, 1);
        assert_int_equal(weft_mutex_reset(m), -EBUSY); /* recoverable still */
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), -EOWNERDEAD);
        assert_int_equal(weft_mutex_consistent(m), 0);
        assert_int_equal(weft_mutex_unlock(m), 0);
        drop(m);
}

static void unrepaired_is_lost_until_reset(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                weft_mutex_t *m = make(all_flags[i]);
                holder_dies(m);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), -EOWNERDEAD);
                assert_int_equal(weft_mutex_unlock(m), 0);
                struct weft_mutex_info info = info_of(m);
                assert_int_equal(info.lost, 1);
                assert_int_equal(info.held, 0);
                assert_int_equal(weft_mutex_trylock(m), -ENOTRECOVERABLE);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), -ENOTRECOVERABLE);
                assert_int_equal(of(A_PROCESS, m, lock_and_unlock), -ENOTRECOVERABLE);
                assert_int_equal(weft_mutex_unlock(m), -EPERM);
                assert_int_equal(weft_mutex_consistent(m), -EPERM);
                assert_int_equal(of(A_PROCESS, m, weft_mutex_reset), 0);
                assert_int_equal(weft_mutex_reset(m), -EBUSY);
                assert_int_equal(info_of(m).lost, 0);
                assert_int_equal(weft_mutex_trylock(m), 0);
                assert_int_equal(weft_mutex_unlock(m), 0);
                drop(m);
        }
}

static void wait_and_lose(void *m)
{
        CHECK(weft_mutex_lock(m, WEFT_NEVER) == -ENOTRECOVERABLE);
}

static void sleepers_hear_that_it_is_lost(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                weft_mutex_t *m = make(all_flags[i]);
                pid_t pid[3];
                holder_dies(m);
                assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), -EOWNERDEAD);
                for (int k = 0; k < 3; k++)
                        pid[k] = child_start(wait_and_lose, m);
                wait_for_sleepers(m, 3);
                assert_int_equal(weft_mutex_unlock(m), 0);
                for (int k = 0; k < 3; k++)
                        assert_int_equal(child_end(pid[k]), 0);
                assert_int_equal(weft_mutex_reset(m), 0);
                assert_int_equal(of(A_CHILD, m, lock_and_unlock), 0);
                drop(m);
        }
}

static void inherit(void *context)
{
        struct other *o = context;
        int rc = weft_mutex_lock(o->m, WEFT_NEVER);
        if (rc) {
                CHECK(rc == -EOWNERDEAD && weft_mutex_consistent(o->m) == 0);
                ++*o->rc;
        }
        CHECK(weft_mutex_unlock(o->m) == 0);
}

static void sleepers_inherit_it(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                struct other o = { .m = make(all_flags[i]),
                                   .rc = common_make(sizeof(int)) };
                pid_t pid[3];
                struct holder h = holder_start(o.m);
                for (int k = 0; k < 3; k++)
                        pid[k] = child_start(inherit, &o);
                wait_for_sleepers(o.m, 3);
                holder_kill(&h);
                for (int k = 0; k < 3; k++)
                        assert_int_equal(child_end(pid[k]), 0);
                assert_int_equal(*o.rc, 1); /* one of them was told */
                munmap(o.rc, sizeof(int));
                drop(o.m);
        }
}

/* ---- a recovery function -------------------------------------------------- */

struct repair {
        weft_mutex_t *m;
        int calls, says, locked;
};

static int repair(void *context)
{
        struct repair *r = context;
        r->calls++;
        r->locked = weft_mutex_trylock(r->m); /* held, and so: */
        return r->says;
}

static void a_function_repairs(void **state)
{
        struct repair r = { .m = make(0) };

        (void)state;
        weft_mutex_on_death(r.m, repair, &r);
        assert_int_equal(weft_mutex_trylock(r.m), 0);
        assert_int_equal(weft_mutex_unlock(r.m), 0);
        assert_int_equal(r.calls, 0); /* nobody has died */
        holder_dies(r.m);
        assert_int_equal(weft_mutex_lock(r.m, WEFT_NEVER), 0);
        assert_int_equal(r.calls, 1);
        assert_int_equal(r.locked, -EDEADLK);
        assert_int_equal(info_of(r.m).inconsistent, 0);
        assert_int_equal(weft_mutex_consistent(r.m), -EINVAL);
        assert_int_equal(weft_mutex_unlock(r.m), 0);
        assert_int_equal(of(A_PROCESS, r.m, lock_and_unlock), 0);
        weft_mutex_on_death(r.m, NULL, NULL); /* be told again */
        holder_dies(r.m);
        assert_int_equal(weft_mutex_trylock(r.m), -EOWNERDEAD);
        assert_int_equal(weft_mutex_consistent(r.m), 0);
        assert_int_equal(weft_mutex_unlock(r.m), 0);
        assert_int_equal(r.calls, 1);
        drop(r.m);
}

static void a_recursive_one_may_be_locked_in_its_repair(void **state)
{
        struct repair r = { .m = make(WEFT_MUTEX_RECURSIVE) };

        (void)state;
        weft_mutex_on_death(r.m, repair, &r);
        holder_dies(r.m);
        assert_int_equal(weft_mutex_lock(r.m, WEFT_NEVER), 0);
        assert_int_equal(r.calls, 1);
        assert_int_equal(r.locked, 0);
        assert_int_equal(info_of(r.m).depth, 2);
        assert_int_equal(weft_mutex_unlock(r.m), 0);
        assert_int_equal(weft_mutex_unlock(r.m), 0);
        assert_int_equal(of(A_PROCESS, r.m, lock_and_unlock), 0);
        drop(r.m);
}

static int leave(void *context)
{
        (void)context;
        weft_agent_leave(arena);
        return 0;
}

static int say_so(void *context)
{
        return weft_mutex_consistent(context);
}

static void a_function_may_leave_or_say_so_itself(void **state)
{
        weft_mutex_t *m = make(0);

        (void)state;
        weft_mutex_on_death(m, leave, NULL);
        holder_dies(m);
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), -EPERM);
        assert_int_equal(info_of(m).held, 0);
        assert_int_equal(info_of(m).inconsistent, 1);
        weft_mutex_on_death(m, say_so, m);
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
        assert_int_equal(info_of(m).inconsistent, 0);
        assert_int_equal(weft_mutex_unlock(m), 0);
        drop(m);
}

static void a_function_gives_up(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                struct repair r = { .m = make(all_flags[i]), .says = -1 };
                weft_mutex_on_death(r.m, repair, &r);
                holder_dies(r.m);
                assert_int_equal(weft_mutex_lock(r.m, WEFT_NEVER), -ENOTRECOVERABLE);
                assert_int_equal(r.calls, 1);
                assert_int_equal(info_of(r.m).lost, 1);
                assert_int_equal(info_of(r.m).held, 0);
                assert_int_equal(weft_mutex_unlock(r.m), -EPERM);
                assert_int_equal(weft_mutex_lock(r.m, WEFT_NEVER), -ENOTRECOVERABLE);
                assert_int_equal(of(A_PROCESS, r.m, lock_and_unlock), -ENOTRECOVERABLE);
                assert_int_equal(r.calls, 1);
                assert_int_equal(weft_mutex_reset(r.m), 0);
                assert_int_equal(weft_mutex_lock(r.m, WEFT_NEVER), 0);
                assert_int_equal(info_of(r.m).depth, 1);
                assert_int_equal(weft_mutex_unlock(r.m), 0);
                drop(r.m);
        }
}

/* ---- ends that are deaths ------------------------------------------------- */

static int just_lock(weft_mutex_t *m)
{
        return weft_mutex_lock(m, WEFT_NEVER);
}

static int lock_and_leave(weft_mutex_t *m)
{
        int rc = weft_mutex_lock(m, WEFT_NEVER);
        weft_agent_leave(arena);
        return rc;
}

static void must_be_inherited(weft_mutex_t *m)
{
        assert_int_equal(weft_mutex_trylock(m), -EOWNERDEAD);
        assert_int_equal(weft_mutex_consistent(m), 0);
        assert_int_equal(weft_mutex_unlock(m), 0);
}

static void whoever_ends_holding_it_has_died(void **state)
{
        (void)state;
        for (int i = 0; i < FLAGS; i++) {
                weft_mutex_t *m = make(all_flags[i]);
                assert_int_equal(of(A_THREAD, m, just_lock), 0); /* ends then */
                must_be_inherited(m);
                assert_int_equal(of(A_CHILD, m, just_lock), 0); /* _exit */
                must_be_inherited(m);
                assert_int_equal(of(A_PROCESS, m, just_lock), 0); /* closes */
                must_be_inherited(m);
                assert_int_equal(lock_and_leave(m), 0);
                must_be_inherited(m);
                drop(m);
        }
}

static void *open_lock_close(void *rc)
{
        weft_arena_t *again;
        weft_mutex_t *m;
        CHECK(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDWR, &again) == 0);
        CHECK(weft_mutex_open(again, "m", &m) == 0);
        *(int *)rc = weft_mutex_lock(m, WEFT_NEVER);
        weft_mutex_close(m);
        weft_arena_close(again);
        return NULL;
}

/* The last handle of a process is closed by another thread than the one that holds it. */
static void close_while_a_thread_holds(void *unused)
{
        weft_mutex_t *m;
        (void)unused;
        CHECK(weft_mutex_open(arena, "m", &m) == 0);
        CHECK(weft_mutex_lock(m, WEFT_NEVER) == 0);
        weft_mutex_close(m); /* the handle that was inherited is a handle too */
        CHECK(weft_mutex_open(arena, "m", &m) == 0);
        CHECK(weft_mutex_trylock(m) == -EDEADLK);
}

static void only_the_last_handle_counts(void **state)
{
        weft_mutex_t *m = make(0);
        pthread_t thread;
        int rc = 1;

        (void)state;
        assert_int_equal(pthread_create(&thread, NULL, open_lock_close, &rc), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(rc, 0);
        must_be_inherited(m); /* its thread has ended, all the same */
        assert_int_equal(child_run(close_while_a_thread_holds, NULL), 0);
        must_be_inherited(m);
        assert_int_equal(weft_mutex_lock(m, WEFT_NEVER), 0);
        weft_mutex_close(m); /* now it is the last */
        assert_int_equal(weft_mutex_open(arena, "m", &m), 0);
        must_be_inherited(m);
        drop(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_next_one_is_told_and_repairs),
                TEST(the_depth_of_the_dead_is_forgotten),
                TEST(who_dies_repairing_is_followed),
                TEST(unrepaired_is_lost_until_reset),
                TEST(sleepers_hear_that_it_is_lost),
                TEST(sleepers_inherit_it),
                TEST(a_function_repairs),
                TEST(a_recursive_one_may_be_locked_in_its_repair),
                TEST(a_function_may_leave_or_say_so_itself),
                TEST(a_function_gives_up),
                TEST(whoever_ends_holding_it_has_died),
                TEST(only_the_last_handle_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
