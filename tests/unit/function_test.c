/* tests/unit/function_test.c -- functions by name: registered, loaded, checked, called. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include <weft/function.h>

#include "tests/child.h"

static char here[PATH_MAX]; /* where the files of functions are */

static int half(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(int *)out = *(const int *)in / 2;
        return 0;
}
WEFT_FUNCTION_ITEM("half", half, WEFT_TYPE(int, "int"), WEFT_TYPE(int, "int"))

static int odd(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(int *)out = *(const int *)in;
        return *(const int *)in < 0 ? -ERANGE : *(const int *)in % 2 == 0;
}

static int64_t sum(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        const int *from = in;
        int total = argument ? *(const int *)argument : 0;
        if (!room)
                return -EOVERFLOW;
        for (size_t i = 0; i < n; i++)
                total += from[i];
        memcpy(out, &total, sizeof total);
        return 1;
}

static struct weft_function item_function(const char *name, weft_item_fn *fn)
{
        return (struct weft_function){ name,
                                       WEFT_FUNCTION_ITEM,
                                       WEFT_TYPE(int, "int"),
                                       WEFT_TYPE(int, "int"),
                                       fn,
                                       NULL };
}

static struct weft_function chunk_function(const char *name, weft_chunk_fn *fn)
{
        return (struct weft_function){ name,
                                       WEFT_FUNCTION_CHUNK,
                                       WEFT_TYPE(int, "int"),
                                       WEFT_TYPE(int, "int"),
                                       NULL,
                                       fn };
}

static const struct weft_function *found(const char *name)
{
        const struct weft_function *f = NULL;
        int rc = weft_function_find(name, &f);
        if (rc)
                fprintf(stderr, "%s: %d %s\n", name, rc, weft_function_detail());
        CHECK(rc == 0 && f);
        return f;
}

static int not_found(const char *name)
{
        const struct weft_function *f = found("half");
        int rc = weft_function_find(name, &f);
        CHECK(rc < 0 && !f);
        return rc;
}

static bool told(const char *text)
{
        return strstr(weft_function_detail(), text) != NULL;
}

/* ---- registering ----------------------------------------------------------------- */

static void a_macro_registers(void **state)
{
        const struct weft_function *f = found("half");
        int in[] = { 4, 10, 7 }, out[3];
        (void)state;
        assert_string_equal(f->name, "half");
        assert_int_equal(f->in.bytes, sizeof(int));
        assert_int_equal(f->in.tag, weft_type_tag("int"));
        assert_int_equal(weft_function_call(f, in, 3, out, 3, NULL), 3);
        assert_true(out[0] == 2 && out[1] == 5 && out[2] == 3);
}

static void a_name_is_one_function(void **state)
{
        struct weft_function f = item_function("f", half), g = item_function("f", odd);
        char name[] = "kept";
        (void)state;
        assert_int_equal(not_found("f"), -ENOENT);
        assert_true(told("'f'"));
        assert_int_equal(weft_function_register(&f), 0);
        assert_int_equal(weft_function_register(&g), -EEXIST);
        assert_true(told("'f'"));
        assert_int_equal(weft_function_unregister(&g), -ENOENT);
        const struct weft_function *known = found("f");
        assert_int_equal(weft_function_register(&f), 0); /* the very same: counted */
        assert_int_equal(weft_function_unregister(&f), 0);
        assert_ptr_equal(found("f"), known);
        assert_int_equal(weft_function_unregister(&f), 0);
        assert_int_equal(weft_function_unregister(&f), -ENOENT);
        assert_int_equal(not_found("f"), -ENOENT);
        assert_string_equal(known->name, "f"); /* valid still */
        assert_ptr_equal(known->item, half);
        assert_int_equal(weft_function_register(&g), 0);
        assert_ptr_not_equal(found("f"), known);
        assert_int_equal(weft_function_unregister(&g), 0);
        for (int i = 0; i < 100; i++) { /* what comes back takes no memory anew */
                assert_int_equal(weft_function_register(&f), 0);
                assert_ptr_equal(found("f"), known);
                assert_int_equal(weft_function_unregister(&f), 0);
        }
        f.name = name;
        assert_int_equal(weft_function_register(&f), 0);
        name[0] = 'x';
        assert_string_equal(found("kept")->name, "kept"); /* it was copied */
        name[0] = 'k';
        assert_int_equal(weft_function_unregister(&f), 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
        static char text[WEFT_FUNCTION_NAME_MAX + 2];
        struct weft_function f = item_function("f", half);
        static const char *const bad[] = { "", "./f", "/f", ".f", "a\nb", "a\x7f" };
        const struct weft_function *out;
        (void)state;
        assert_int_equal(weft_function_register(NULL), -EINVAL);
        assert_int_equal(weft_function_unregister(NULL), -EINVAL);
        assert_int_equal(weft_function_find(NULL, &out), -EINVAL);
        assert_int_equal(weft_function_find("f", NULL), -EINVAL);
        assert_int_equal(weft_function_list(NULL, NULL), -EINVAL);
        assert_int_equal(weft_function_check(NULL, NULL, NULL), -EINVAL);
        assert_int_equal(weft_function_call(NULL, NULL, 0, NULL, 0, NULL), -EINVAL);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                f.name = bad[i];
                assert_int_equal(weft_function_register(&f), -EINVAL);
        }
        memset(text, 'n', sizeof text - 1);
        f.name = text;
        assert_int_equal(weft_function_register(&f), -ENAMETOOLONG);
        text[WEFT_FUNCTION_NAME_MAX] = 0;
        assert_int_equal(weft_function_register(&f), 0);
        assert_int_equal(weft_function_unregister(&f), 0);
        f = item_function("f", NULL);
        assert_int_equal(weft_function_register(&f), -EINVAL);
        f = item_function("f", half);
        f.kind = 3;
        assert_int_equal(weft_function_register(&f), -EINVAL);
        f.kind = WEFT_FUNCTION_CHUNK;
        assert_int_equal(weft_function_register(&f), -EINVAL);
        f = item_function("f", half);
        f.in.align = 3;
        assert_int_equal(weft_function_register(&f), -EINVAL);
        f = item_function("f", half);
        f.out.bytes = UINT32_MAX;
        assert_int_equal(weft_function_register(&f), -EINVAL);
        assert_int_equal(not_found("f"), -ENOENT);
}

static int count(const struct weft_function *f, void *context)
{
        int *n = context;
        assert_ptr_equal(found(f->name), f);
        return ++*n < 0;
}

static int stop(const struct weft_function *f, void *context)
{
        (void)context;
        return f ? 7 : 0;
}

static void all_are_listed(void **state)
{
        struct weft_function f = chunk_function("sum", sum);
        int before = 0, n = 0;
        (void)state;
        assert_int_equal(weft_function_list(count, &before), 0);
        assert_true(before >= 1);
        assert_int_equal(weft_function_register(&f), 0);
        assert_int_equal(weft_function_list(count, &n), 0);
        assert_int_equal(n, before + 1);
        assert_int_equal(weft_function_unregister(&f), 0);
        n = 0;
        assert_int_equal(weft_function_list(count, &n), 0);
        assert_int_equal(n, before);
        assert_int_equal(weft_function_list(stop, NULL), 7);
}

/* ---- calling ----------------------------------------------------------------------- */

static void items_and_chunks_are_called_alike(void **state)
{
        struct weft_function f = item_function("odd", odd);
        struct weft_function g = chunk_function("sum", sum);
        int in[] = { 1, 2, 3, 4, 5 }, out[5], more = 100;
        (void)state;
        assert_int_equal(weft_function_call(&f, in, 5, out, 5, NULL), 3);
        assert_true(out[0] == 1 && out[1] == 3 && out[2] == 5);
        assert_int_equal(weft_function_call(&f, in, 5, out, 4, NULL), -EOVERFLOW);
        assert_int_equal(weft_function_call(&f, NULL, 0, NULL, 0, NULL), 0);
        assert_int_equal(weft_function_call(&f, NULL, 1, out, 1, NULL), -EINVAL);
        assert_int_equal(weft_function_call(&f, in, 1, NULL, 1, NULL), -EINVAL);
        in[2] = -1;
        assert_int_equal(weft_function_call(&f, in, 5, out, 5, NULL), -ERANGE);
        assert_true(told("'odd'"));
        assert_int_equal(weft_function_call(&g, in, 2, out, 1, &more), 1);
        assert_int_equal(out[0], 103);
        assert_int_equal(weft_function_call(&g, in, 2, out, 0, NULL), -EOVERFLOW);
}

static int64_t boasts(const void *in, size_t n, void *out, size_t room,
                      const void *argument)
{
        (void)in, (void)n, (void)out, (void)argument;
        return (int64_t)room + 1;
}

static void more_than_there_was_room_for_is_no_answer(void **state)
{
        struct weft_function f = chunk_function("boasts", boasts);
        int in[2] = { 1, 2 }, out[2];
        (void)state;
        assert_int_equal(weft_function_call(&f, in, 2, out, 2, NULL), -EPROTO);
        assert_true(told("'boasts'"));
}

static int one_more(const void *in, void *out, const void *argument)
{
        int *n = *(int *const *)argument;
        ++*n;
        assert_true(!in || *(const int *)in == *n);
        if (out)
                *(int *)out = *n;
        return 0;
}

static int too_much(const void *in, void *out, const void *argument)
{
        (void)in, (void)out, (void)argument;
        return 2;
}

static void nothing_may_go_in_or_come_out(void **state)
{
        struct weft_function source = item_function("source", one_more);
        struct weft_function sink = source;
        int n = 0, *argument = &n, out[3], in[] = { 4, 5, 6 };
        (void)state;
        source.in = WEFT_TYPE_NONE;
        sink.out = WEFT_TYPE_NONE;
        assert_int_equal(weft_function_call(&source, NULL, 3, out, 3, &argument), 3);
        assert_true(out[0] == 1 && out[2] == 3);
        assert_int_equal(weft_function_call(&sink, in, 3, NULL, 0, &argument), 3);
        assert_int_equal(n, 6);
        sink.item = too_much;
        assert_int_equal(weft_function_call(&sink, in, 3, NULL, 0, NULL), -EINVAL);
}

static void types_must_fit(void **state)
{
        struct weft_function f = item_function("half", half);
        struct weft_type its = WEFT_TYPE(int, "int"), any = WEFT_TYPE(int, NULL),
                         other = WEFT_TYPE(unsigned, "unsigned"),
                         larger = WEFT_TYPE(double, "double"), none = WEFT_TYPE_NONE;
        (void)state;
        assert_int_equal(weft_function_check(&f, NULL, NULL), 0);
        assert_int_equal(weft_function_check(&f, &its, &its), 0);
        assert_int_equal(weft_function_check(&f, &any, &any), 0);
        assert_int_equal(weft_function_check(&f, &other, NULL), -EPROTO);
        assert_true(told("'half'") && told("takes int (4 B") && told("unsigned (4 B"));
        assert_int_equal(weft_function_check(&f, &its, &larger), -EPROTO);
        assert_true(told("gives int") && told("double (8 B"));
        assert_int_equal(weft_function_check(&f, &none, NULL), -EPROTO);
        assert_true(told("not nothing"));
        any.align = 1; /* less than an int asks for */
        assert_int_equal(weft_function_check(&f, &any, NULL), -EPROTO);
        assert_int_equal(weft_function_check(&f, NULL, &any), 0);
        any.align = 8;
        assert_int_equal(weft_function_check(&f, &any, NULL), 0);
        assert_int_equal(weft_function_check(&f, NULL, &any), -EPROTO);
        f.in.tag = 12345; /* of a name that nobody has said here */
        assert_int_equal(weft_function_check(&f, &its, NULL), -EPROTO);
        assert_true(told("tag 3039"));
        assert_int_equal(weft_type_tag(NULL), 0);
        assert_true(weft_type_tag("") != 0 && weft_type_tag("a") != weft_type_tag("b"));
}

/* ---- files ------------------------------------------------------------------------- */

static int call(const struct weft_function *f, int x, const void *argument)
{
        int out = 0;
        CHECK(weft_function_call(f, &x, 1, &out, 1, argument) == 1);
        return out;
}

static void files_have_functions(void **state)
{
        char name[2 * PATH_MAX];
        int more = 5;
        (void)state;
        CHECK(chdir(here) == 0);
        const struct weft_function *twice = found("./registered.so:twice");
        assert_int_equal(call(twice, 21, NULL), 42);
        (void)snprintf(name, sizeof name, "%s/registered.so:twice", here);
        assert_string_equal(twice->name, name);
        assert_int_equal(not_found("twice"), -ENOENT); /* not by its bare name */
        assert_int_equal(call(found("./registered.so:add"), 1, &more), 6);
        const struct weft_function *thrice = found("./exported.so:twice");
        assert_int_equal(call(thrice, 21, NULL), 63);
        CHECK(chdir("/") == 0);
        assert_ptr_equal(found(name), twice);
        assert_ptr_equal(found(thrice->name), thrice);
}

static void files_may_be_wrong(void **state)
{
        static char name[WEFT_FUNCTION_NAME_MAX + 100];
        errno = 1234;
        (void)state;
        CHECK(chdir(here) == 0);
        assert_int_equal(not_found("./none.so:f"), -ENOENT);
        assert_true(told("./none.so") && told("'f'"));
        assert_int_equal(not_found("./registered.so:f"), -ENOENT);
        assert_true(told("registered.so") && told("'f'"));
        assert_int_equal(not_found("./exported.so:no_function"), -EPROTO);
        assert_true(told("exported.so") && told("'no_function'"));
        assert_int_equal(not_found("./exported.so:nonsense"), -EINVAL);
        assert_int_equal(not_found("./exported.so:getenv"),
                         -ENOENT); /* the C library's */
        assert_int_equal(not_found("./exported.so:"), -EINVAL);
        assert_int_equal(not_found("./exported.so"), -ENOENT);
        assert_int_equal(not_found("./function_test:f"), -EPROTO); /* a program */
        assert_int_equal(not_found("/:f"), -EPROTO);
        assert_int_equal(not_found("exported.so:twice"), -ENOENT); /* no path */
        (void)snprintf(name, sizeof name, "./exported.so:%0*d", WEFT_FUNCTION_NAME_MAX,
                       0);
        assert_int_equal(not_found(name), -ENAMETOOLONG);
        static char path[2 * PATH_MAX];
        memset(path, '/', sizeof path - 1);
        path[sizeof path - 3] = ':';
        assert_int_equal(not_found(path), -ENAMETOOLONG);
        assert_int_equal(errno, 1234);
}

/* Somebody else has loaded it: its functions are known by their bare names, and by its. */
static void load_by_hand(void *unused)
{
        (void)unused;
        CHECK(chdir(here) == 0);
        void *file = dlopen("./registered.so", RTLD_NOW | RTLD_LOCAL);
        CHECK(file != NULL);
        CHECK(call(found("twice"), 4, NULL) == 8);
        const struct weft_function *f = found("./registered.so:twice");
        CHECK(call(f, 4, NULL) == 8 && strchr(f->name, '/'));
        CHECK(dlclose(file) == 0);
        CHECK(call(f, 4, NULL) == 8);
}

static void load_and_unload(void *unused)
{
        const struct weft_function *f;
        (void)unused;
        CHECK(chdir(here) == 0);
        void *file = dlopen("./registered.so", RTLD_NOW | RTLD_LOCAL);
        CHECK(file != NULL && found("add"));
        CHECK(dlclose(file) == 0);
        CHECK(weft_function_find("add", &f) == -ENOENT);
}

static void files_may_be_loaded_by_hand(void **state)
{
        (void)state;
        assert_int_equal(child_run(load_by_hand, NULL), 0);
        assert_int_equal(child_run(load_and_unload, NULL), 0);
}

/* ---- forks and threads ----------------------------------------------------------------- */

static void in_a_child(void *unused)
{
        struct weft_function f = item_function("half", odd);
        (void)unused;
        CHECK(call(found("half"), 4, NULL) == 2);
        CHECK(weft_function_register(&f) == -EEXIST);
        f.name = "odd";
        CHECK(weft_function_register(&f) == 0 && found("odd"));
        CHECK(chdir(here) == 0);
        CHECK(call(found("./registered.so:twice"), 4, NULL) == 8);
}

static void a_child_has_what_its_parent_had(void **state)
{
        (void)state;
        assert_int_equal(child_run(in_a_child, NULL), 0);
        assert_int_equal(not_found("odd"), -ENOENT);
}

static void *fail_elsewhere(void *unused)
{
        (void)unused;
        CHECK(weft_function_detail()[0] == 0);
        CHECK(not_found("elsewhere") == -ENOENT);
        return NULL;
}

static void details_are_the_threads_own(void **state)
{
        pthread_t t;
        (void)state;
        assert_int_equal(not_found("missing"), -ENOENT);
        CHECK(pthread_create(&t, NULL, fail_elsewhere, NULL) == 0);
        CHECK(pthread_join(t, NULL) == 0);
        assert_true(told("'missing'"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_macro_registers),
                cmocka_unit_test(a_name_is_one_function),
                cmocka_unit_test(what_makes_no_sense_is_refused),
                cmocka_unit_test(all_are_listed),
                cmocka_unit_test(items_and_chunks_are_called_alike),
                cmocka_unit_test(more_than_there_was_room_for_is_no_answer),
                cmocka_unit_test(nothing_may_go_in_or_come_out),
                cmocka_unit_test(types_must_fit),
                cmocka_unit_test(files_may_be_loaded_by_hand), /* before they are */
                cmocka_unit_test(files_have_functions),
                cmocka_unit_test(files_may_be_wrong),
                cmocka_unit_test(a_child_has_what_its_parent_had),
                cmocka_unit_test(details_are_the_threads_own),
        };
        ssize_t n = readlink("/proc/self/exe", here, sizeof here - 1);
        CHECK(n > 0);
        *strrchr(here, '/') = 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
