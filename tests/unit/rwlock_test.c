#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/object.h>
#include <weft/rwlock.h>

#include "runtime/waitable.h"
#include "sync/rwlock_shared.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */
static weft_rwlock_t *lock; /* in it */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        (void)state;
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        return weft_rwlock_create(arena, "l", &lock);
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "l") == 0); /* nobody has it, or waits */
        weft_rwlock_close(lock);
        weft_arena_close(arena);
        return 0;
}

static struct weft_rwlock_info info_now(void)
{
        struct weft_rwlock_info info;
        CHECK(weft_rwlock_info(lock, &info) == 0);
        return info;
}

static void until_waiting(uint32_t n)
{
        while (info_now().waiting != n)
                usleep(200);
}

static uint64_t patience(void)
{
        return weft_after(60 * WEFT_SEC);
}

static uint64_t soon(void)
{
        return weft_after(5 * WEFT_MSEC);
}

/* ---- children: each takes it, says so, and lets go when it may -------------------- */

static struct gate taken, may_go;
static volatile uint32_t *inside; /* common: [0] readers, [1] writers */

static void gates(void)
{
        taken = gate_make();
        may_go = gate_make();
        inside = common_make(4096);
}

static void drop_gates(void)
{
        gate_drop(&taken);
        gate_drop(&may_go);
        munmap((void *)(uintptr_t)inside, 4096);
}

static void stay(int who)
{
        __atomic_add_fetch(&inside[who], 1, __ATOMIC_SEQ_CST);
        CHECK(who == 0 ? inside[1] == 0 : inside[0] == 0 && inside[1] == 1);
        gate_open(&taken, 1);
        gate_pass(&may_go);
        __atomic_sub_fetch(&inside[who], 1, __ATOMIC_SEQ_CST);
        CHECK(weft_rwlock_unlock(lock) == 0);
}

static void read_and_stay(void *unused)
{
        (void)unused;
        CHECK(weft_rwlock_read(lock, patience()) == 0);
        stay(0);
}

static void write_and_stay(void *unused)
{
        (void)unused;
        CHECK(weft_rwlock_write(lock, patience()) == 0);
        stay(1);
}

/* One that has it. */
static pid_t reader(void)
{
        pid_t pid = child_start(read_and_stay, NULL);
        gate_pass(&taken);
        return pid;
}

static pid_t writer(void)
{
        pid_t pid = child_start(write_and_stay, NULL);
        gate_pass(&taken);
        return pid;
}

/* A writer dies that had it. */
static void die_writing(void)
{
        assert_int_equal(child_kill(writer()), -SIGKILL);
        inside[1] = 0;
}

/* ---- making -------------------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
        struct weft_rwlock_info info;
        weft_rwlock_t *l = lock;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_rwlock_create(arena, "m", NULL), -EINVAL);
        assert_int_equal(weft_rwlock_create(NULL, "m", &l), -EINVAL);
        assert_null(l);
        assert_int_equal(weft_rwlock_create(arena, "l", &l), -EEXIST);
        assert_int_equal(weft_rwlock_open(arena, "m", &l), -ENOENT);
        assert_int_equal(weft_rwlock_open(arena, "l", NULL), -EINVAL);
        assert_int_equal(weft_rwlock_create_or_open(arena, "l", &l), 0);
        weft_rwlock_close(l);
        assert_int_equal(weft_rwlock_read(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rwlock_write(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rwlock_tryread(NULL), -EINVAL);
        assert_int_equal(weft_rwlock_trywrite(NULL), -EINVAL);
        assert_int_equal(weft_rwlock_unlock(NULL), -EINVAL);
        assert_int_equal(weft_rwlock_downgrade(NULL), -EINVAL);
        assert_int_equal(weft_rwlock_consistent(NULL), -EINVAL);
        assert_int_equal(weft_rwlock_reset(NULL), -EINVAL);
        assert_int_equal(weft_rwlock_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_rwlock_info(lock, NULL), -EINVAL);
        weft_rwlock_on_death(NULL, NULL, NULL);
        weft_rwlock_close(NULL);
        assert_int_equal(errno, 4711);
}

static void who_has_nothing_gives_nothing_back(void **state)
{
        (void)state;
        assert_int_equal(weft_rwlock_unlock(lock), -EPERM);
        assert_int_equal(weft_rwlock_downgrade(lock), -EPERM);
        assert_int_equal(weft_rwlock_consistent(lock), -EPERM);
        assert_int_equal(weft_rwlock_reset(lock), -EBUSY);
        assert_int_equal(weft_rwlock_read(lock, WEFT_NEVER), 0);
        assert_int_equal(weft_rwlock_downgrade(lock), -EPERM);
        assert_int_equal(weft_rwlock_consistent(lock), -EPERM);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), -EPERM);
        assert_int_equal(weft_rwlock_write(lock, WEFT_NEVER), 0);
        assert_int_equal(weft_rwlock_consistent(lock), -EINVAL);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), -EPERM);
}

/* ---- who keeps whom out ----------------------------------------------------------- */

static void readers_share_and_keep_writers_out(void **state)
{
        pid_t pid[3];

        (void)state;
        gates();
        for (int i = 0; i < 3; i++)
                pid[i] = reader();
        assert_int_equal(info_now().readers, 3);
        assert_int_equal(weft_object_remove(arena, "l"), -EBUSY);
        assert_int_equal(weft_rwlock_trywrite(lock), -EAGAIN);
        assert_int_equal(info_now().claimed, 0);
        assert_int_equal(weft_rwlock_write(lock, soon()), -ETIMEDOUT);
        assert_int_equal(info_now().claimed, 0);
        assert_int_equal(weft_rwlock_tryread(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        gate_open(&may_go, 3);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_end(pid[i]), 0);
        assert_int_equal(weft_rwlock_trywrite(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        drop_gates();
}

static void a_writer_keeps_all_out(void **state)
{
        struct weft_object_info object;
        char detail[64];

        (void)state;
        gates();
        pid_t pid = writer();
        assert_int_equal(info_now().writing, 1);
        assert_int_equal(info_now().claimed, 0);
        assert_int_equal(info_now().writer_pid, (uint32_t)pid);
        assert_int_equal(weft_object_remove(arena, "l"), -EBUSY);
        assert_int_equal(weft_object_stat(arena, "l", &object), 0);
        snprintf(detail, sizeof detail, "%d writes, 0 waiting", (int)pid);
        assert_string_equal(object.detail, detail);
        assert_int_equal(weft_rwlock_tryread(lock), -EAGAIN);
        assert_int_equal(weft_rwlock_trywrite(lock), -EAGAIN);
        assert_int_equal(weft_rwlock_read(lock, soon()), -ETIMEDOUT);
        assert_int_equal(weft_rwlock_write(lock, soon()), -ETIMEDOUT);
        assert_int_equal(weft_rwlock_unlock(lock), -EPERM);
        gate_open(&may_go, 1);
        assert_int_equal(weft_rwlock_read(lock, patience()), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_object_stat(arena, "l", &object), 0);
        assert_string_equal(object.detail, "free, 0 waiting");
        drop_gates();
}

/* It comes to no reader's harm that it looks again: three sleep, and all get in. */
static void all_who_sleep_get_in(void **state)
{
        pid_t pid[6];

        (void)state;
        gates();
        assert_int_equal(weft_rwlock_write(lock, WEFT_NOW), 0);
        for (int i = 0; i < 6; i++)
                pid[i] = child_start(i % 2 ? write_and_stay : read_and_stay, NULL);
        until_waiting(6);
        gate_open(&may_go, 6);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        for (int i = 0; i < 6; i++)
                assert_int_equal(child_end(pid[i]), 0);
        drop_gates();
}

static void a_waiting_writer_keeps_new_readers_out(void **state)
{
        struct weft_object_info object;
        char detail[64];

        (void)state;
        gates();
        assert_int_equal(weft_rwlock_read(lock, WEFT_NOW), 0);
        pid_t pid = child_start(write_and_stay, NULL);
        until_waiting(1);
        assert_int_equal(info_now().claimed, 1);
        assert_int_equal(weft_object_stat(arena, "l", &object), 0);
        snprintf(detail, sizeof detail, "1 read, %d is to write, 1 waiting", (int)pid);
        assert_string_equal(object.detail, detail);
        pid_t late = child_start(read_and_stay, NULL);
        until_waiting(2);
        assert_int_equal(info_now().readers, 1);
        assert_int_equal(weft_rwlock_read(lock, WEFT_NOW), 0); /* deeper */
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(info_now().claimed, 1);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        gate_pass(&taken); /* the writer, though the reader looks as often */
        assert_int_equal(info_now().writing, 1);
        gate_open(&may_go, 2);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(child_end(late), 0);
        drop_gates();
}

static void try_to_write_a_moment(void *unused)
{
        (void)unused;
        CHECK(weft_rwlock_write(lock, weft_after(30 * WEFT_MSEC)) == -ETIMEDOUT);
}

static void a_writer_that_gives_up_lets_readers_in(void **state)
{
        (void)state;
        gates();
        pid_t pid = reader();
        pid_t impatient = child_start(try_to_write_a_moment, NULL);
        while (!info_now().claimed)
                usleep(200);
        assert_int_equal(weft_rwlock_read(lock, patience()), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(child_end(impatient), 0);
        gate_open(&may_go, 1);
        assert_int_equal(child_end(pid), 0);
        drop_gates();
}

static void reading_nests(void **state)
{
        (void)state;
        for (int i = 0; i < 100; i++)
                assert_int_equal(weft_rwlock_read(lock, WEFT_NOW), 0);
        assert_int_equal(info_now().readers, 1);
        assert_int_equal(weft_rwlock_write(lock, WEFT_NEVER), -EDEADLK);
        for (int i = 0; i < 99; i++)
                assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(info_now().readers, 1);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(info_now().readers, 0);
        assert_int_equal(weft_rwlock_unlock(lock), -EPERM);
        weft_a64_t *mine =
                &((struct weft_rwlock_shared *)((struct weft_handle *)lock)->sh)
                         ->slots.word[0];
        assert_int_equal(weft_rwlock_read(lock, WEFT_NOW), 0);
        uint64_t was = mine->raw;
        assert_int_equal(was & WEFT_SLOT_MASK, 1);
        mine->raw = was + (1 << 30) - 1;
        assert_int_equal(weft_rwlock_read(lock, WEFT_NOW), -EOVERFLOW);
        mine->raw = was;
        assert_int_equal(weft_rwlock_unlock(lock), 0);
}

static void writing_does_not_nest(void **state)
{
        (void)state;
        assert_int_equal(weft_rwlock_write(lock, WEFT_NOW), 0);
        assert_int_equal(weft_rwlock_write(lock, WEFT_NEVER), -EDEADLK);
        assert_int_equal(weft_rwlock_read(lock, WEFT_NEVER), -EDEADLK);
        assert_int_equal(info_now().writing, 1);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(info_now().writing, 0);
}

static void the_writer_becomes_a_reader(void **state)
{
        (void)state;
        gates();
        assert_int_equal(weft_rwlock_write(lock, WEFT_NOW), 0);
        pid_t pid = child_start(read_and_stay, NULL);
        until_waiting(1);
        assert_int_equal(weft_rwlock_downgrade(lock), 0);
        gate_pass(&taken);
        assert_int_equal(info_now().readers, 2);
        assert_int_equal(info_now().writing, 0);
        assert_int_equal(weft_rwlock_downgrade(lock), -EPERM);
        gate_open(&may_go, 1);
        assert_int_equal(child_end(pid), 0);
        pid = child_start(write_and_stay, NULL);
        until_waiting(1);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        gate_open(&may_go, 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_rwlock_unlock(lock), -EPERM);
        drop_gates();
}

/* ---- the dead ---------------------------------------------------------------------- */

static void dead_readers_hold_nobody_up(void **state)
{
        (void)state;
        gates();
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_kill(reader()), -SIGKILL);
        inside[0] = 0;
        assert_int_equal(info_now().readers, 3); /* or so it seems */
        assert_int_equal(weft_rwlock_trywrite(lock), 0);
        assert_int_equal(info_now().readers, 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        /* One that dies while the writer sleeps. */
        pid_t dying = reader(), other = reader();
        pid_t pid = child_start(write_and_stay, NULL);
        until_waiting(1);
        assert_int_equal(child_kill(dying), -SIGKILL);
        usleep(60000);
        assert_int_equal(info_now().writing, 0);
        inside[0] = 1;
        gate_open(&may_go, 1);
        assert_int_equal(child_end(other), 0);
        gate_pass(&taken);
        gate_open(&may_go, 1);
        assert_int_equal(child_end(pid), 0);
        drop_gates();
}

static void a_writer_that_dies_waiting_leaves_no_trace(void **state)
{
        (void)state;
        gates();
        pid_t pid = reader();
        pid_t dying = child_start(write_and_stay, NULL);
        until_waiting(1);
        assert_int_equal(info_now().claimed, 1);
        assert_int_equal(child_kill(dying), -SIGKILL);
        assert_int_equal(weft_rwlock_tryread(lock), 0);
        assert_int_equal(info_now().claimed, 0);
        assert_int_equal(info_now().inconsistent, 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        gate_open(&may_go, 1);
        assert_int_equal(child_end(pid), 0);
        drop_gates();
}

static void the_next_writer_is_told_and_repairs(void **state)
{
        struct weft_object_info object;

        (void)state;
        gates();
        die_writing();
        assert_int_equal(weft_rwlock_tryread(lock), -EOWNERDEAD);
        assert_int_equal(weft_rwlock_read(lock, WEFT_NEVER), -EOWNERDEAD);
        assert_int_equal(weft_rwlock_unlock(lock), -EPERM); /* holds nothing */
        assert_int_equal(info_now().inconsistent, 1);
        assert_int_equal(weft_object_stat(arena, "l", &object), 0);
        assert_string_equal(object.detail, "free, its writer died, 0 waiting");
        assert_int_equal(weft_rwlock_trywrite(lock), -EOWNERDEAD);
        assert_int_equal(weft_rwlock_write(lock, WEFT_NEVER), -EDEADLK); /* it holds it */
        assert_int_equal(weft_rwlock_downgrade(lock), -EINVAL);
        assert_int_equal(info_now().inconsistent, 1);
        assert_int_equal(weft_rwlock_consistent(lock), 0);
        assert_int_equal(weft_rwlock_consistent(lock), -EINVAL);
        assert_int_equal(info_now().inconsistent, 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(weft_rwlock_tryread(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        drop_gates();
}

static void repair_and_die(void *unused)
{
        (void)unused;
        CHECK(weft_rwlock_write(lock, patience()) == -EOWNERDEAD);
        raise(SIGKILL);
}

static void who_dies_repairing_leaves_it_to_the_next(void **state)
{
        (void)state;
        gates();
        die_writing();
        for (int i = 0; i < 2; i++)
                assert_int_equal(child_run(repair_and_die, NULL), -SIGKILL);
        assert_int_equal(weft_rwlock_trywrite(lock), -EOWNERDEAD);
        assert_int_equal(weft_rwlock_consistent(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        drop_gates();
}

static void what_nobody_repairs_is_lost(void **state)
{
        struct weft_object_info object;

        (void)state;
        gates();
        die_writing();
        assert_int_equal(weft_rwlock_trywrite(lock), -EOWNERDEAD);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(info_now().lost, 1);
        assert_int_equal(weft_rwlock_write(lock, WEFT_NEVER), -ENOTRECOVERABLE);
        assert_int_equal(weft_rwlock_read(lock, WEFT_NEVER), -ENOTRECOVERABLE);
        assert_int_equal(weft_rwlock_unlock(lock), -EPERM);
        assert_int_equal(weft_object_stat(arena, "l", &object), 0);
        assert_string_equal(object.detail, "not recoverable, 0 waiting");
        check_whole(arena);
        assert_int_equal(weft_rwlock_reset(lock), 0);
        assert_int_equal(weft_rwlock_reset(lock), -EBUSY);
        assert_int_equal(weft_rwlock_tryread(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        drop_gates();
}

static int repairs, verdict;

static int repair(void *context)
{
        repairs++;
        CHECK(info_now().writing == 1 && info_now().inconsistent == 1);
        CHECK(weft_rwlock_read(lock, WEFT_NEVER) == -EDEADLK);
        return *(int *)context;
}

static void a_function_repairs(void **state)
{
        (void)state;
        repairs = verdict = 0;
        gates();
        weft_rwlock_on_death(lock, repair, &verdict);
        die_writing();
        assert_int_equal(weft_rwlock_trywrite(lock), 0);
        assert_int_equal(repairs, 1);
        assert_int_equal(info_now().inconsistent, 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        /* Readers too: as the writer, and then they have what they asked for. */
        weft_rwlock_on_death(lock, NULL, NULL);
        die_writing();
        weft_rwlock_on_death(lock, repair, &verdict);
        assert_int_equal(weft_rwlock_tryread(lock), 0);
        assert_int_equal(repairs, 2);
        assert_int_equal(info_now().readers, 1);
        assert_int_equal(info_now().writing, 0);
        pid_t pid = reader();
        gate_open(&may_go, 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        /* It cannot. */
        die_writing();
        verdict = 1;
        assert_int_equal(weft_rwlock_read(lock, WEFT_NEVER), -ENOTRECOVERABLE);
        assert_int_equal(repairs, 3);
        assert_int_equal(info_now().lost, 1);
        assert_int_equal(weft_rwlock_reset(lock), 0);
        drop_gates();
}

static void sleepers_find_the_dead_writer(void **state)
{
        (void)state;
        gates();
        pid_t dying = writer();
        weft_rwlock_on_death(lock, repair, &verdict);
        verdict = 0;
        pid_t pid[4];
        for (int i = 0; i < 4; i++)
                pid[i] = child_start(i % 2 ? write_and_stay : read_and_stay, NULL);
        until_waiting(4);
        inside[1] = 0;
        assert_int_equal(child_kill(dying), -SIGKILL);
        gate_open(&may_go, 4);
        for (int i = 0; i < 4; i++)
                assert_int_equal(child_end(pid[i]), 0);
        drop_gates();
}

/* ---- threads, forks, handles --------------------------------------------------------- */

static void *end_holding(void *to_write)
{
        CHECK((to_write ? weft_rwlock_trywrite(lock) : weft_rwlock_tryread(lock)) == 0);
        return NULL;
}

static void a_thread_that_ends_is_as_one_that_dies(void **state)
{
        pthread_t thread;

        (void)state;
        assert_int_equal(pthread_create(&thread, NULL, end_holding, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(weft_rwlock_trywrite(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(pthread_create(&thread, NULL, end_holding, lock), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(weft_rwlock_trywrite(lock), -EOWNERDEAD);
        assert_int_equal(weft_rwlock_consistent(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
}

static void hold_nothing(void *unused)
{
        (void)unused;
        CHECK(weft_rwlock_unlock(lock) == -EPERM);
        CHECK(weft_rwlock_trywrite(lock) == -EAGAIN);
}

static void a_forked_child_holds_nothing(void **state)
{
        (void)state;
        assert_int_equal(weft_rwlock_read(lock, WEFT_NOW), 0);
        assert_int_equal(child_run(hold_nothing, NULL), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(weft_rwlock_write(lock, WEFT_NOW), 0);
        assert_int_equal(child_run(hold_nothing, NULL), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
}

static void elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_rwlock_t *l;

        (void)unused;
        CHECK(weft_rwlock_open(there, "l", &l) == 0);
        CHECK(weft_rwlock_trywrite(l) == -EAGAIN);
        CHECK(weft_rwlock_tryread(l) == 0);
        weft_rwlock_close(l); /* and what it has is gone */
        CHECK(weft_rwlock_open(there, "l", &l) == 0);
        CHECK(weft_rwlock_unlock(l) == -EPERM);
        CHECK(weft_rwlock_tryread(l) == 0);
        CHECK(weft_rwlock_unlock(l) == 0);
        weft_rwlock_close(l);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        (void)state;
        assert_int_equal(weft_rwlock_tryread(lock), 0);
        assert_int_equal(child_run(elsewhere, NULL), 0);
        assert_int_equal(info_now().readers, 1);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
}

static void read_only_looks(void **state)
{
        struct weft_rwlock_info info;
        weft_arena_t *ro;
        weft_rwlock_t *r;

        (void)state;
        assert_int_equal(weft_rwlock_tryread(lock), 0);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_rwlock_create(ro, "m", &r), -EROFS);
        assert_int_equal(weft_rwlock_open(ro, "l", &r), 0);
        assert_int_equal(weft_rwlock_info(r, &info), 0);
        assert_int_equal(info.readers, 1);
        assert_int_equal(weft_rwlock_tryread(r), -EROFS);
        assert_int_equal(weft_rwlock_trywrite(r), -EROFS);
        assert_int_equal(weft_rwlock_unlock(r), -EROFS);
        assert_int_equal(weft_rwlock_downgrade(r), -EROFS);
        assert_int_equal(weft_rwlock_consistent(r), -EROFS);
        assert_int_equal(weft_rwlock_reset(r), -EROFS);
        weft_rwlock_close(r);
        weft_arena_close(ro);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
}

/* ---- select ------------------------------------------------------------------------- */

static void select_takes_it_or_leaves_it(void **state)
{
        struct weft_handle *h = (struct weft_handle *)lock;
        const struct weft_waitable *w = h->kind->waitable;
        struct weft_case r = { .object = lock, .op = WEFT_OP_READ_LOCK };
        struct weft_case c = { .object = lock, .op = WEFT_OP_WRITE_LOCK };
        struct weft_agent *agent;

        (void)state;
        gates();
        assert_int_equal(weft_handle_enter(h, &agent), 0);
        assert_non_null(w->wait(h, &r));
        assert_non_null(w->wait(h, &c));
        pid_t pid = reader();
        assert_int_equal(w->look(h, agent, &c), -EAGAIN);
        assert_int_equal(w->attempt(h, agent, &c), -EAGAIN);
        assert_int_equal(info_now().claimed, 0); /* nobody is kept out by that */
        assert_int_equal(w->look(h, agent, &r), 0);
        assert_int_equal(info_now().readers, 1);
        assert_int_equal(w->attempt(h, agent, &r), 0);
        assert_int_equal(info_now().readers, 2);
        assert_int_equal(w->look(h, agent, &c), 0); /* -EDEADLK is no wait */
        assert_int_equal(w->attempt(h, agent, &c), -EDEADLK);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        gate_open(&may_go, 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(w->look(h, agent, &c), 0);
        assert_int_equal(w->attempt(h, agent, &c), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        pid = writer();
        assert_int_equal(w->look(h, agent, &r), -EAGAIN);
        assert_int_equal(w->attempt(h, agent, &r), -EAGAIN);
        assert_int_equal(w->attempt(h, agent, &c), -EAGAIN);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(w->look(h, agent, &r), 0);
        assert_int_equal(w->attempt(h, agent, &r), -EOWNERDEAD);
        assert_int_equal(w->look(h, agent, &c), 0);
        assert_int_equal(w->attempt(h, agent, &c), -EOWNERDEAD);
        assert_int_equal(weft_rwlock_consistent(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        c.op = WEFT_OP_LOCK;
        assert_null(w->wait(h, &c));
        drop_gates();
}

/* ---- hostile bytes --------------------------------------------------------------------- */

static void corrupt_bytes_are_told(void **state)
{
        struct weft_rwlock_shared *sh = ((struct weft_handle *)lock)->sh;
        static const uint64_t bad[] = { UINT64_C(1) << 32, UINT64_C(3) << 32 | 4711 << 10,
                                        UINT64_C(1) << 33, UINT64_C(1) << 60,
                                        UINT64_MAX,        5,
                                        UINT64_C(9) << 32 };
        struct weft_census census;

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                sh->word.raw = bad[i];
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
                for (int k = 0; k < 4; k++) {
                        int rc = k % 2 ? weft_rwlock_read(lock, soon())
                                       : weft_rwlock_write(lock, soon());
                        if (rc == 0 || rc == -EOWNERDEAD)
                                rc = weft_rwlock_unlock(lock);
                }
        }
        /* Slots of who never was, or sat there earlier, are nothing. */
        sh->word.raw = 0;
        for (uint32_t i = 0; i < WEFT_AGENTS_MAX; i++)
                weft_slot_of_seat(&sh->slots, i)->raw = weft_slot_word(4711 << 10 | i, i);
        assert_int_equal(weft_rwlock_write(lock, soon()), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        assert_int_equal(weft_rwlock_tryread(lock), 0);
        assert_int_equal(weft_rwlock_unlock(lock), 0);
        memset(sh, 0, sizeof *sh);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_arguments_are_refused),
                TEST(who_has_nothing_gives_nothing_back),
                TEST(readers_share_and_keep_writers_out),
                TEST(a_writer_keeps_all_out),
                TEST(all_who_sleep_get_in),
                TEST(a_waiting_writer_keeps_new_readers_out),
                TEST(a_writer_that_gives_up_lets_readers_in),
                TEST(reading_nests),
                TEST(writing_does_not_nest),
                TEST(the_writer_becomes_a_reader),
                TEST(dead_readers_hold_nobody_up),
                TEST(a_writer_that_dies_waiting_leaves_no_trace),
                TEST(the_next_writer_is_told_and_repairs),
                TEST(who_dies_repairing_leaves_it_to_the_next),
                TEST(what_nobody_repairs_is_lost),
                TEST(a_function_repairs),
                TEST(sleepers_find_the_dead_writer),
                TEST(a_thread_that_ends_is_as_one_that_dies),
                TEST(a_forked_child_holds_nothing),
                TEST(two_processes_at_two_addresses),
                TEST(read_only_looks),
                TEST(select_takes_it_or_leaves_it),
                TEST(corrupt_bytes_are_told),
        };
        return cmocka_run_group_tests_name("rwlock", tests, NULL, NULL);
}
