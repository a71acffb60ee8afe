/* Values on the command line: see value.h. */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

static const struct {
        const char *name;
        struct value_format format;
} names[] = {
        { "auto", { VALUE_AUTO, 0 } },    { "text", { VALUE_TEXT, 0 } },
        { "hex", { VALUE_HEX, 0 } },      { "raw", { VALUE_RAW, 0 } },
        { "u8", { VALUE_UNSIGNED, 1 } },  { "u16", { VALUE_UNSIGNED, 2 } },
        { "u32", { VALUE_UNSIGNED, 4 } }, { "u64", { VALUE_UNSIGNED, 8 } },
        { "i8", { VALUE_SIGNED, 1 } },    { "i16", { VALUE_SIGNED, 2 } },
        { "i32", { VALUE_SIGNED, 4 } },   { "i64", { VALUE_SIGNED, 8 } },
        { "f32", { VALUE_FLOAT, 4 } },    { "f64", { VALUE_FLOAT, 8 } },
};

int value_format_parse(const char *name, struct value_format *format)
{
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (!strcmp(names[i].name, name)) {
                        *format = names[i].format;
                        return 0;
                }
        return -EINVAL;
}

struct value_format value_format_for(struct value_format format, size_t fixed)
{
        if (format.form != VALUE_AUTO)
                return format;
        if (fixed == 1 || fixed == 2 || fixed == 4 || fixed == 8)
                return (struct value_format){ VALUE_UNSIGNED, fixed };
        return format;
}

/* ---- to people -------------------------------------------------------------------- */

size_t value_character(const unsigned char *s, size_t n)
{
        size_t more = *s < 0x80   ? 0
                      : *s < 0xc2 ? n
                      : *s < 0xe0 ? 1
                      : *s < 0xf0 ? 2
                      : *s < 0xf5 ? 3
                                  : n;
        if (more >= n || *s < 0x20 || *s == 0x7f)
                return 0;
        for (size_t i = 1; i <= more; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
            (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f) ||
            (*s == 0xc2 && s[1] < 0xa0)) /* too long, no characters, or controls */
                return 0;
        return more + 1;
}

/* Less the zeroes at the end of a text in an element of a fixed size. */
static size_t text_bytes(const void *bytes, size_t n, size_t fixed)
{
        const char *s = bytes;
        while (fixed && n && !s[n - 1])
                n--;
        return n;
}

static bool is_text(const void *bytes, size_t n)
{
        const unsigned char *s = bytes;
        for (size_t i = 0, k; i < n; i += k) {
                k = value_character(s + i, n - i);
                if (!k && s[i] != '\n' && s[i] != '\t')
                        return false;
                k = k ? k : 1;
        }
        return true;
}

/* What AUTO becomes when the bytes are known. */
static struct value_format settle(struct value_format format, size_t fixed,
                                  const void *bytes, size_t n)
{
        format = value_format_for(format, fixed);
        if (format.form == VALUE_AUTO)
                format.form = is_text(bytes, text_bytes(bytes, n, fixed)) ? VALUE_TEXT
                                                                          : VALUE_HEX;
        if (format.unit && n % format.unit)
                format = (struct value_format){ VALUE_HEX, 0 }; /* no such numbers */
        return format;
}

static void print_text(const unsigned char *s, size_t n)
{
        for (size_t i = 0, k; i < n; i += k) {
                k = value_character(s + i, n - i);
                if (k && s[i] != '\\') {
                        fwrite(s + i, 1, k, stdout);
                        continue;
                }
                k = 1;
                switch (s[i]) {
                case '\\':
                        fputs("\\\\", stdout);
                        break;
                case '\n':
                        fputs("\\n", stdout);
                        break;
                case '\t':
                        fputs("\\t", stdout);
                        break;
                case '\r':
                        fputs("\\r", stdout);
                        break;
                default:
                        printf("\\x%02x", s[i]);
                }
        }
}

static uint64_t unsigned_at(const unsigned char *at, size_t unit)
{
        uint64_t v = 0; /* x86-64: the low bytes come first */
        memcpy(&v, at, unit);
        return v;
}

static int64_t signed_at(const unsigned char *at, size_t unit)
{
        unsigned shift = 64 - 8 * (unsigned)unit;
        return (int64_t)(unsigned_at(at, unit) << shift) >> shift;
}

static double float_at(const unsigned char *at, size_t unit)
{
        float f;
        double d;
        if (unit == sizeof d) {
                memcpy(&d, at, sizeof d);
                return d;
        }
        memcpy(&f, at, sizeof f);
        return (double)f;
}

static void print_number(struct value_format format, const unsigned char *at)
{
        if (format.form == VALUE_UNSIGNED)
                printf("%llu", (unsigned long long)unsigned_at(at, format.unit));
        else if (format.form == VALUE_SIGNED)
                printf("%lld", (long long)signed_at(at, format.unit));
        else
                printf("%.*g", format.unit == 8 ? 17 : 9, float_at(at, format.unit));
}

void value_print(struct value_format format, size_t fixed, const void *bytes, size_t n)
{
        const unsigned char *s = bytes;
        format = settle(format, fixed, bytes, n);
        switch (format.form) {
        case VALUE_RAW:
                fwrite(bytes, 1, n, stdout);
                break;
        case VALUE_HEX:
                for (size_t i = 0; i < n; i++)
                        printf("%02x", s[i]);
                break;
        case VALUE_AUTO:
        case VALUE_TEXT:
                print_text(s, text_bytes(bytes, n, fixed));
                break;
        default:
                for (size_t i = 0; i < n; i += format.unit) {
                        if (i)
                                putchar(' ');
                        print_number(format, s + i);
                }
        }
}

/* ---- to programs -------------------------------------------------------------------- */

static json_t *json_number(struct value_format format, const unsigned char *at)
{
        uint64_t v = unsigned_at(at, format.unit);
        char text[24];
        if (format.form == VALUE_FLOAT) {
                json_t *real = json_real(float_at(at, format.unit));
                return real ? real : json_null(); /* not finite */
        }
        if (format.form == VALUE_SIGNED)
                return json_integer((json_int_t)signed_at(at, format.unit));
        if (v <= INT64_MAX)
                return json_integer((json_int_t)v);
        snprintf(text, sizeof text, "%llu", (unsigned long long)v);
        return json_string(text); /* more than an integer of JSON can be relied on for */
}

static json_t *json_hex(const unsigned char *s, size_t n)
{
        char *text = malloc(2 * n + 1);
        json_t *json;
        if (!text)
                return json_null();
        for (size_t i = 0; i < n; i++)
                snprintf(text + 2 * i, 3, "%02x", s[i]);
        json = json_stringn(text, 2 * n);
        free(text);
        return json;
}

json_t *value_json(struct value_format format, size_t fixed, const void *bytes, size_t n)
{
        const unsigned char *s = bytes;
        json_t *all;

        bool known = format.form == VALUE_HEX;
        format = settle(format, fixed, bytes, n);
        if (format.form == VALUE_HEX && known)
                return json_hex(s, n);
        if (!format.unit)
                return cli_json_text(bytes, format.form == VALUE_TEXT
                                                    ? text_bytes(bytes, n, fixed)
                                                    : n);
        if (n == format.unit)
                return json_number(format, s);
        all = json_array();
        for (size_t i = 0; i < n; i += format.unit)
                json_array_append_new(all, json_number(format, s + i));
        return all;
}

/* ---- from people --------------------------------------------------------------------- */

static bool fits_signed(long long v, size_t unit)
{
        int64_t most = INT64_MAX >> (64 - 8 * unit);
        return v <= most && v >= -most - 1;
}

/* 0x10 is 16, and 010 is 10. */
static int base_of(const char *text)
{
        text += *text == '-' || *text == '+';
        return text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10;
}

/* One number at `text`; where it ends, or NULL. */
static char *parse_number(struct value_format format, char *text, unsigned char *to)
{
        char *end = NULL;
        errno = 0;
        if (format.form == VALUE_UNSIGNED) {
                unsigned long long v = strtoull(text, &end, base_of(text));
                if (*text == '-' || (format.unit < 8 && v >> 8 * format.unit))
                        return NULL;
                memcpy(to, &v, format.unit);
        } else if (format.form == VALUE_SIGNED) {
                long long v = strtoll(text, &end, base_of(text));
                if (!fits_signed(v, format.unit))
                        return NULL;
                memcpy(to, &v, format.unit);
        } else if (format.unit == sizeof(double)) {
                double v = strtod(text, &end);
                memcpy(to, &v, sizeof v);
        } else {
                float v = strtof(text, &end);
                memcpy(to, &v, sizeof v);
        }
        bool far = errno == ERANGE && format.form != VALUE_FLOAT;
        return far || end == text ? NULL : end;
}

static const char *const forms[] = {
        [VALUE_UNSIGNED] = "u", [VALUE_SIGNED] = "i", [VALUE_FLOAT] = "f"
};

static int parse_numbers(struct value_format format, size_t fixed, char *text,
                         struct value *value)
{
        static const char blanks[] = " \t\r\n";
        unsigned char *to = value->bytes;
        for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
                char *end = parse_number(format, text, to + value->n);
                if (!end || (*end && !strchr(blanks, *end)))
                        return cli_usage("'%.*s' is no %s%zu", (int)strcspn(text, blanks),
                                         text, forms[format.form], 8 * format.unit);
                value->n += format.unit;
                text = end;
        }
        if (!value->n)
                return cli_usage("a number is missing");
        if (fixed && value->n != fixed)
                return cli_usage("%zu bytes are wanted, which is %zu numbers of %zu",
                                 fixed, fixed / format.unit, format.unit);
        return CLI_OK;
}

static int parse_hex(size_t fixed, const char *text, size_t n, struct value *value)
{
        unsigned char *to = value->bytes;
        for (size_t i = 0; i < n; i += 2) {
                char pair[3] = { text[i], i + 1 < n ? text[i + 1] : 0, 0 }, *end;
                long byte = strtol(pair, &end, 16);
                if (end != pair + 2 || pair[0] == '-' || pair[0] == '+' || pair[0] == ' ')
                        return cli_usage("'%.40s' is no hex: two digits for each byte",
                                         text);
                to[value->n++] = (unsigned char)byte;
        }
        if (fixed && value->n != fixed)
                return cli_usage("%zu bytes are wanted, not %zu", fixed, value->n);
        return CLI_OK;
}

static int parse_bytes(enum value_form form, size_t fixed, const char *text, size_t n,
                       struct value *value)
{
        if (fixed && n > fixed)
                return cli_usage("%zu bytes are more than the %zu of an element", n,
                                 fixed);
        if (fixed && n < fixed && form == VALUE_RAW)
                return cli_usage("%zu bytes are wanted, not %zu", fixed, n);
        memcpy(value->bytes, text, n);
        value->n = fixed ? fixed : n; /* zeroed */
        return CLI_OK;
}

int value_parse(struct value_format format, size_t fixed, const char *text, size_t n,
                struct value *value)
{
        format = value_format_for(format, fixed);
        size_t room = 8 * (n + 1) > fixed ? 8 * (n + 1) : fixed;
        char *copy = NULL;
        int code;

        if (format.unit && memchr(text, 0, n))
                return cli_usage("a zero byte is in '%s': no %s%zu", text,
                                 forms[format.form], 8 * format.unit);
        *value = (struct value){ .bytes = calloc(1, room) };
        if (format.unit)
                copy = strndup(text, n); /* what does not end with 0 is a line of input */
        if (!value->bytes || (format.unit && !copy))
                code = cli_fail_rc(-ENOMEM, NULL);
        else if (format.unit)
                code = parse_numbers(format, fixed, copy, value);
        else if (format.form == VALUE_HEX)
                code = parse_hex(fixed, text, n, value);
        else
                code = parse_bytes(format.form, fixed, text, n, value);
        free(copy);
        if (code) {
                free(value->bytes);
                *value = (struct value){ 0 };
        }
        return code;
}

static int input_failed(void)
{
        return cli_fail(CLI_FAILED, "cannot read the standard input");
}

int value_read(struct value_format format, size_t fixed, const char *argument,
               struct value *value)
{
        char *text = NULL;
        size_t n = 0, room = 0;

        if (strcmp(argument, "-") != 0)
                return value_parse(format, fixed, argument, strlen(argument), value);
        do {
                if (n == room) {
                        char *more = realloc(text, room = room ? 2 * room : 4096);
                        if (!more) {
                                free(text);
                                return cli_fail_rc(-ENOMEM, NULL);
                        }
                        text = more;
                }
                n += fread(text + n, 1, room - n, stdin);
        } while (!feof(stdin) && !ferror(stdin));
        if (format.form != VALUE_RAW && n && text[n - 1] == '\n')
                n--;
        int code = ferror(stdin) ? input_failed()
                                 : value_parse(format, fixed, text, n, value);
        free(text);
        return code;
}

int value_each_line(struct value_format format, size_t fixed,
                    int (*each)(const struct value *value, void *context), void *context)
{
        bool raw = format.form == VALUE_RAW && fixed;
        size_t room = raw ? fixed : 0;
        char *text = raw ? malloc(room) : NULL;
        int code = raw && !text ? cli_fail_rc(-ENOMEM, NULL) : CLI_OK;
        while (!code) {
                struct value value;
                ssize_t n = raw ? (ssize_t)fread(text, 1, fixed, stdin)
                                : getline(&text, &room, stdin);
                if (n <= 0)
                        break;
                if (!raw && text[n - 1] == '\n')
                        n--;
                code = value_parse(format, fixed, text, (size_t)n, &value);
                if (!code)
                        code = each(&value, context);
                free(value.bytes);
        }
        free(text);
        return !code && ferror(stdin) ? input_failed() : code;
}
