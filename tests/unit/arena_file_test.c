#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/arena_shared.h"
#include "tests/child.h"
#include "tests/names.h"

enum { MIB = 1 << 20, NOBODY = 54321, SOMEBODY = 12345 };

static const struct weft_arena_options small = { .max_bytes = 16 * MIB };

static weft_arena_t *memfd_arena(void)
{
        weft_arena_t *a = NULL;
        CHECK(weft_arena_create(NULL, &small, &a) == 0 && a);
        return a;
}

static weft_arena_t *named_arena(const char *name)
{
        weft_arena_t *a = NULL;
        CHECK(weft_arena_create(name, &small, &a) == 0 && a);
        return a;
}

static bool is_there(const char *name)
{
        struct stat st;
        return lstat(path_of_name(name), &st) == 0;
}

/* ---- what is no arena, or not ours --------------------------------------- */

static void assert_refused(const char *name, int code)
{
        weft_arena_t *a;
        for (int flags = WEFT_RDWR; flags <= WEFT_RDONLY; flags++) {
                assert_int_equal(weft_arena_open(name, flags, &a), code);
                assert_null(a);
        }
        assert_int_equal(weft_arena_remove(name), code);
        assert_true(is_there(name));
}

static void symbolic_links_are_refused(void **state)
{
        const char *real = name_of("real"), *link = name_of("link");
        weft_arena_t *a = named_arena(real);

        (void)state;
        char target[4096];
        snprintf(target, sizeof target, "%s", path_of_name(real));
        assert_int_equal(symlink(target, path_of_name(link)), 0);
        assert_refused(link, -ELOOP);
        weft_arena_t *b;
        assert_int_equal(weft_arena_create(link, &small, &b), -EEXIST);
        assert_int_equal(unlink(path_of_name(link)), 0);
        assert_int_equal(symlink("/nowhere", path_of_name(link)), 0);
        assert_refused(link, -ELOOP);
        assert_int_equal(unlink(path_of_name(link)), 0);
        weft_arena_close(a);
        assert_int_equal(weft_arena_remove(real), 0);
}

static void other_files_are_refused_and_not_removed(void **state)
{
        const char *name = name_of("other");
        const char *path = path_of_name(name);
        char zeroes[4096] = { 0 };
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void)state;
        int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
        assert_true(fd >= 0);
        assert_refused(name, -EPROTO); /* empty */
        assert_int_equal(write(fd, "hello\n", 6), 6);
        assert_refused(name, -EPROTO);
        assert_int_equal(ftruncate(fd, 64 * MIB), 0); /* zeroes, as large as you like */
        assert_refused(name, -EPROTO);
        assert_int_equal(pwrite(fd, zeroes, sizeof zeroes, 131072), sizeof zeroes);
        assert_refused(name, -EPROTO);
        close(fd);
        assert_int_equal(unlink(path), 0);

        assert_int_equal(mkdir(path, 0700), 0);
        assert_refused(name, -EPROTO);
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_refused(name, -EPROTO); /* and it does not hang */
        assert_int_equal(unlink(path), 0);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_true(strlen(path) < sizeof address.sun_path);
        memcpy(address.sun_path, path, strlen(path) + 1);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_refused(name, -EPROTO);
        close(fd);
        assert_int_equal(unlink(path), 0);
}

/* Writes over `n` bytes of the arena's header, tries to open, and puts them back. */
static void assert_refuses_header(const char *name, size_t at, const void *bytes,
                                  size_t n)
{
        unsigned char was[64];
        weft_arena_t *a;
        off_t where = (off_t)(131072 + at);
        int fd = open(path_of_name(name), O_RDWR);

        assert_true(fd >= 0 && n <= sizeof was);
        assert_int_equal(pread(fd, was, n, where), n);
        assert_int_equal(pwrite(fd, bytes, n, where), n);
        assert_int_equal(weft_arena_open(name, WEFT_RDWR, &a), -EPROTO);
        assert_int_equal(weft_arena_open(name, WEFT_RDONLY, &a), -EPROTO);
        assert_int_equal(weft_arena_open_fd(fd, WEFT_RDWR, &a), -EPROTO);
        assert_int_equal(pwrite(fd, was, n, where), n);
        close(fd);
}

static void a_corrupt_header_is_refused(void **state)
{
        static const uint64_t values[] = {
                0, 1, 4095, UINT64_MAX, UINT64_C(1) << 40, UINT64_C(0x8000000000000000)
        };
        const char *name = name_of("corrupt");
        weft_arena_t *a = named_arena(name);
        struct stat st;

        (void)state;
        weft_arena_close(a);
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                size_t magic = offsetof(struct weft_arena_shared, magic);
                size_t geometry = offsetof(struct weft_arena_shared, geometry);
                size_t max = offsetof(struct weft_arena_shared, max_bytes);
                assert_refuses_header(name, magic, &values[v], 8);
                assert_refuses_header(name, max, &values[v], 8);
                for (size_t i = 0; i < sizeof(struct weft_geometry_shared); i += 8)
                        assert_refuses_header(name, geometry + i, &values[v], 8);
        }
        uint32_t format = 2;
        assert_refuses_header(name, offsetof(struct weft_arena_shared, format), &format,
                              4);
        /* A file cut short would be SIGBUS, not an error, later. */
        assert_int_equal(stat(path_of_name(name), &st), 0);
        assert_int_equal(truncate(path_of_name(name), st.st_size - 1), 0);
        assert_int_equal(weft_arena_open(name, 0, &a), -EPROTO);
        assert_int_equal(truncate(path_of_name(name), 131072 + 100), 0);
        assert_int_equal(weft_arena_open(name, 0, &a), -EPROTO);
        assert_int_equal(truncate(path_of_name(name), st.st_size + 1), 0);
        assert_int_equal(weft_arena_open(name, 0, &a), -EPROTO);
        assert_int_equal(unlink(path_of_name(name)), 0);
}

static void a_changed_header_does_not_matter_once_open(void **state)
{
        weft_arena_t *a = memfd_arena();
        struct weft_arena_shared good = *a->sh;
        struct weft_arena_info info;
        weft_ref_t ref;

        (void)state;
        memset(&a->sh->geometry, 0xff, sizeof a->sh->geometry);
        a->sh->max_bytes = UINT64_MAX;
        a->sh->keep_bytes = UINT64_MAX;
        assert_int_equal(weft_block_alloc(a, 100000, &ref, NULL), 0);
        assert_int_equal(weft_block_free(a, ref), 0);
        assert_int_equal(weft_arena_info(a, &info), 0);
        assert_int_equal(info.max_bytes, 16 * MIB);
        a->sh->geometry = good.geometry;
        a->sh->max_bytes = good.max_bytes;
        a->sh->keep_bytes = good.keep_bytes;
        check_whole(a);
        weft_arena_close(a);
}

struct expected {
        const char *name;
        int rdwr, rdonly, remove;
};

/* As another user: what becomes of opening and removing. */
static void try_as_nobody(void *context)
{
        const struct expected *e = context;
        weft_arena_t *a;
        CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        CHECK(weft_arena_open(e->name, WEFT_RDWR, &a) == e->rdwr);
        weft_arena_close(a);
        CHECK(weft_arena_open(e->name, WEFT_RDONLY, &a) == e->rdonly);
        weft_arena_close(a);
        CHECK(weft_arena_remove(e->name) == e->remove);
}

static void be_nobody(void *name)
{
        struct weft_arena_info info;
        weft_arena_t *a;
        CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        CHECK(weft_arena_create(name, &small, &a) == 0);
        CHECK(weft_arena_info(a, &info) == 0 && info.uid == NOBODY);
        weft_arena_close(a);
        CHECK(weft_arena_open(name, 0, &a) == 0);
        weft_arena_close(a);
        CHECK(weft_arena_remove(name) == 0);
}

static void owners_are_checked(void **state)
{
        static const struct {
                uid_t uid;
                mode_t mode;
                int rdwr, rdonly, remove;
        } cases[] = {
                { 0, 0600, -EACCES, -EACCES, -EACCES },
                { 0, 0644, -EACCES, 0, -EPERM },
                { 0, 0666, 0, 0, -EPERM }, /* the directory is sticky */
                { SOMEBODY, 0600, -EACCES, -EACCES, -EACCES },
                { SOMEBODY, 0666, -EPERM, -EPERM, -EPERM },
                { NOBODY, 0700, -EPERM, -EPERM, -EPERM },
                { NOBODY, 04600, -EPERM, -EPERM, -EPERM },
                { NOBODY, 0600, 0, 0, 0 },
        };
        (void)state;
        if (geteuid() != 0)
                skip();
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct expected e = { name_of("owner"), cases[i].rdwr, cases[i].rdonly,
                                      cases[i].remove };
                weft_arena_t *a = named_arena(e.name);
                weft_arena_close(a);
                assert_int_equal(chown(path_of_name(e.name), cases[i].uid, 0), 0);
                assert_int_equal(chmod(path_of_name(e.name), cases[i].mode), 0);
                if (child_run(try_as_nobody, &e))
                        fail_msg("case %zu", i);
                bool x = cases[i].mode & 07111;
                assert_int_equal(is_there(e.name), e.remove != 0);
                if (e.remove) { /* root may */
                        assert_int_equal(weft_arena_open(e.name, 0, &a), x ? -EPERM : 0);
                        weft_arena_close(a);
                        assert_int_equal(unlink(path_of_name(e.name)), 0);
                }
        }
        assert_int_equal(child_run(be_nobody, (void *)(uintptr_t)name_of("nobody")), 0);
}

/* ---- descriptors --------------------------------------------------------- */

static void send_fd(int socket, int fd)
{
        char byte = 0, space[CMSG_SPACE(sizeof fd)] = { 0 };
        struct iovec iov = { &byte, 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = space,
                            .msg_controllen = sizeof space };
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
        CHECK(sendmsg(socket, &m, 0) == 1);
}

static int receive_fd(int socket)
{
        int fd;
        char byte, space[CMSG_SPACE(sizeof fd)];
        struct iovec iov = { &byte, 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = space,
                            .msg_controllen = sizeof space };
        CHECK(recvmsg(socket, &m, MSG_CMSG_CLOEXEC) == 1);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        CHECK(c && c->cmsg_type == SCM_RIGHTS);
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        return fd;
}

static void open_what_comes(void *context)
{
        weft_arena_t *a;
        weft_array_t *array;
        int fd = receive_fd(*(int *)context);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &a) == 0);
        CHECK(weft_arena_fd(a) != fd);
        CHECK(close(fd) == 0); /* ours, not the arena's */
        CHECK(weft_array_open(a, "a", &array) == 0);
        CHECK(weft_array_store64(array, 0, 4711) == 0);
        weft_array_close(array);
        weft_arena_close(a);
}

static void a_memfd_travels_over_a_socket(void **state)
{
        struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        weft_array_t *array;
        uint64_t v;
        int ends[2];

        (void)state;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        pid_t pid = child_start(open_what_comes, &ends[1]);
        weft_arena_t *a = memfd_arena();
        assert_string_equal(weft_arena_name(a), "");
        assert_int_equal(weft_array_create(a, "a", &o, &array), 0);
        send_fd(ends[0], weft_arena_fd(a));
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_array_load64(array, 0, &v), 0);
        assert_int_equal(v, 4711);
        assert_true(fcntl(weft_arena_fd(a), F_GETFD) & FD_CLOEXEC);
        assert_int_equal(ftruncate(weft_arena_fd(a), 4096), -1); /* sealed */
        weft_array_close(array);
        check_whole(a);
        weft_arena_close(a);
        close(ends[0]);
        close(ends[1]);
}

static void descriptors_are_checked(void **state)
{
        weft_arena_t *a = memfd_arena(), *b = a;
        char self[64];
        int ends[2];

        (void)state;
        errno = 4711;
        assert_int_equal(weft_arena_open_fd(-1, 0, &b), -EINVAL);
        assert_null(b);
        assert_int_equal(weft_arena_open_fd(1 << 20, 0, &b), -EINVAL);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(a), 2, &b), -EINVAL);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(a), 0, NULL), -EINVAL);
        assert_true(weft_arena_fd(NULL) < 0);
        assert_int_equal(errno, 4711);

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(weft_arena_open_fd(ends[0], WEFT_RDONLY, &b), -EPROTO);
        close(ends[0]);
        close(ends[1]);
        int fd = open("/dev/null", O_RDWR);
        assert_int_equal(weft_arena_open_fd(fd, 0, &b), -EPROTO);
        close(fd);
        fd = memfd_create("none", 0);
        assert_int_equal(fchmod(fd, 0600), 0); /* an executable one is refused as such */
        assert_int_equal(weft_arena_open_fd(fd, 0, &b), -EPROTO);
        close(fd);

        snprintf(self, sizeof self, "/proc/self/fd/%d", weft_arena_fd(a));
        fd = open(self, O_RDONLY);
        assert_true(fd >= 0);
        assert_int_equal(weft_arena_open_fd(fd, WEFT_RDWR, &b), -EACCES);
        assert_int_equal(weft_arena_open_fd(fd, WEFT_RDONLY, &b), 0);
        assert_int_equal(fcntl(weft_arena_fd(b), F_GETFL) & O_ACCMODE, O_RDONLY);
        weft_arena_close(b);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(a), WEFT_RDWR, &b), 0);
        assert_ptr_equal(a, b);
        weft_arena_close(b);
        assert_true(fcntl(fd, F_GETFD) >= 0); /* the caller keeps his */
        close(fd);
        weft_arena_close(a);
}

/* A daemon has closed the first three: what it prints must not go into an arena. */
static void close_the_first_and_open(void *context)
{
        const char *name = name_of("daemon");
        weft_arena_t *a, *b;
        (void)context;
        for (int fd = 0; fd <= 2; fd++)
                close(fd);
        int code = weft_arena_create(name, &small, &a) || weft_arena_fd(a) <= 2 ? 1 : 0;
        if (!code) {
                weft_arena_close(a);
                code = weft_arena_open(name, WEFT_RDONLY, &a) || weft_arena_fd(a) <= 2
                               ? 2
                               : 0;
        }
        if (!code)
                code = weft_arena_create(NULL, &small, &b) || weft_arena_fd(b) <= 2 ? 3
                                                                                    : 0;
        for (int fd = 0; fd <= 2 && !code; fd++)
                code = fcntl(fd, F_GETFD) < 0 ? 0 : 4;
        _exit(code);
}

static void standard_descriptors_stay_free(void **state)
{
        (void)state;
        assert_int_equal(child_run(close_the_first_and_open, NULL), 0);
        assert_int_equal(weft_arena_remove(name_of("daemon")), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(symbolic_links_are_refused),
                cmocka_unit_test(other_files_are_refused_and_not_removed),
                cmocka_unit_test(a_corrupt_header_is_refused),
                cmocka_unit_test(a_changed_header_does_not_matter_once_open),
                cmocka_unit_test(owners_are_checked),
                cmocka_unit_test(a_memfd_travels_over_a_socket),
                cmocka_unit_test(descriptors_are_checked),
                cmocka_unit_test(standard_descriptors_stay_free),
        };

        names_begin();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
