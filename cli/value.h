/* cli/value.h -- bytes as people and programs read them: numbers, text, hex. */
#ifndef WEFT_CLI_VALUE_H
#define WEFT_CLI_VALUE_H

#include "cli/cli.h"

enum value_form {
        VALUE_AUTO, /* by the size: u8, u16, u32, u64; else text, or hex if it is none */
        VALUE_TEXT,
        VALUE_HEX,
        VALUE_RAW,
        VALUE_UNSIGNED,
        VALUE_SIGNED,
        VALUE_FLOAT,
};

struct value_format {
        enum value_form form;
        size_t unit; /* bytes of a number */
};

/* "u32", "text", ...: 0, or -EINVAL. */
int value_format_parse(const char *name, struct value_format *format);

/* Names of all formats, for messages. */
#define VALUE_FORMATS "u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 text hex raw"

/* What AUTO is for values that all have so many bytes; 0: each has its own length. */
struct value_format value_format_for(struct value_format format, size_t fixed);

/* Writes it to stdout, in one line and with no end of line; raw: as it is. Numbers are
 * parted by blanks; text that is shorter than a `fixed` size ends at its zeroes. */
void value_print(struct value_format format, size_t fixed, const void *bytes, size_t n);

/* The same for programs. Never NULL. */
json_t *value_json(struct value_format format, size_t fixed, const void *bytes, size_t n);

/* Bytes in memory of their own. */
struct value {
        void *bytes;
        size_t n;
};

/* The bytes of a character of UTF-8 that can be shown, at `s`; 0 if there is none. */
size_t value_character(const unsigned char *s, size_t n);

/* From an argument, or from what was read, `n` bytes; as long as `fixed`, if that is not
 * 0: text may be shorter. 0, or CLI_USAGE after saying what is wrong with it. */
int value_parse(struct value_format format, size_t fixed, const char *text, size_t n,
                struct value *value);

/* From an argument, or with "-" all of the standard input, less the last end of line unless
 * raw. 0 or an exit code. */
int value_read(struct value_format format, size_t fixed, const char *argument,
               struct value *value);

/* For each line of the standard input, or with raw each `fixed` bytes, until `each`
 * returns an exit code that is not 0, which is returned. */
int value_each_line(struct value_format format, size_t fixed,
                    int (*each)(const struct value *value, void *context), void *context);

#endif
