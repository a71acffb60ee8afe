#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/error.h>

/* Every code that <weft/error.h> lists. */
static const int codes[] = {
        -EAGAIN,       -ETIMEDOUT, -EPIPE,   -EOWNERDEAD, -ENOENT,          -EEXIST,
        -EPROTO,       -EUCLEAN,   -EROFS,   -ENOSPC,     -EMFILE,          -EINVAL,
        -ENAMETOOLONG, -EILSEQ,    -EPERM,   -EACCES,     -ELOOP,           -EBUSY,
        -ENOMEM,       -ENOTSUP,   -EDEADLK, -EOVERFLOW,  -ENOTRECOVERABLE, -ECANCELED,
        -ESTALE,       -EALREADY,  -ETIME,   -ENFILE,
};
enum { N = sizeof codes / sizeof *codes };

static void every_code_has_words_of_its_own(void **state)
{
        const char *unknown = weft_strerror(-4095);

        (void)state;
        errno = 4711;
        assert_non_null(unknown);
        assert_true(*unknown);
        for (int i = 0; i < N; i++) {
                const char *words = weft_strerror(codes[i]);
                assert_non_null(words);
                assert_true(strlen(words) > 2 && strlen(words) < 60);
                assert_string_not_equal(words, unknown);
                assert_null(strchr(words, '\n'));
                for (int j = 0; j < i; j++)
                        assert_string_not_equal(words, weft_strerror(codes[j]));
        }
        assert_string_equal(weft_strerror(0), weft_strerror(5)); /* a count is no error */
        assert_string_not_equal(weft_strerror(0), unknown);
        static const int odd[] = { -1000000, INT32_MIN, -4095 };
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
                assert_string_equal(weft_strerror(odd[i]), unknown);
        assert_int_equal(errno, 4711);
}

static void what_the_system_says_goes_through(void **state)
{
        (void)state;
        assert_string_equal(weft_strerror(-EISDIR), strerror(EISDIR));
        assert_string_equal(weft_strerror(-EIO), strerror(EIO));
}

/* How many codes a list in `file` has: lines that begin with `mark`. */
static int listed_in(const char *file, const char *mark)
{
        const char *tree = getenv("WEFT_SOURCE_DIR");
        char path[4096], line[512];
        int listed = 0;

        snprintf(path, sizeof path, "%s/%s", tree ? tree : ".", file);
        FILE *f = fopen(path, "r");
        if (!f)
                skip();
        while (fgets(line, sizeof line, f))
                if (strncmp(line, mark, strlen(mark)) == 0)
                        for (const char *at = strstr(line, "-E"); at && at < line + 24;
                             at = strstr(at + 2, "-E"))
                                listed++;
        fclose(f);
        return listed;
}

/* The header's list, the manual's and the one above: the header is the contract. */
static void the_header_lists_the_same_codes(void **state)
{
        (void)state;
        assert_int_equal(listed_in("include/weft/error.h", " *   -E"), N);
        assert_int_equal(listed_in("docs/weft_error.3", ".It Er -E"), N);
}

static void words_may_say_what_it_happened_to(void **state)
{
        char buffer[64], small[8];

        (void)state;
        errno = 4711;
        assert_ptr_equal(weft_strerror_of(-ENOENT, "queue 'jobs'", buffer, sizeof buffer),
                         buffer);
        assert_string_equal(buffer, "queue 'jobs': not there");
        (void)weft_strerror_of(-ENOENT, NULL, buffer, sizeof buffer);
        assert_string_equal(buffer, weft_strerror(-ENOENT));
        (void)weft_strerror_of(-ENOENT, "", buffer, sizeof buffer);
        assert_string_equal(buffer, weft_strerror(-ENOENT));
        memset(small, 'x', sizeof small);
        (void)weft_strerror_of(-ENOENT, "queue 'jobs'", small, 7);
        assert_string_equal(small, "queue "); /* cut short, ended, and no further */
        assert_int_equal(small[7], 'x');
        (void)weft_strerror_of(-ENOENT, "queue", small, 1);
        assert_string_equal(small, "");
        assert_string_equal(weft_strerror_of(-EPIPE, "q", NULL, 0),
                            weft_strerror(-EPIPE));
        assert_string_equal(weft_strerror_of(-EPIPE, "q", small, 0),
                            weft_strerror(-EPIPE));
        assert_int_equal(errno, 4711);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_code_has_words_of_its_own),
                cmocka_unit_test(what_the_system_says_goes_through),
                cmocka_unit_test(the_header_lists_the_same_codes),
                cmocka_unit_test(words_may_say_what_it_happened_to),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
