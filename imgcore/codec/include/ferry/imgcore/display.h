/* How the fields of images are shown in pretty JSON, and how that text is read back.
 *
 * The schema marks about a hundred fields: an address is better read as "0x7f00...", a device as "8:1". The marks are
 * options of CRIU's .proto files that the generated code does not carry, so they stand in display_rows.inc. The texts
 * are those of CRIU's own tool, crit 4.2.1 (lib/pycriu/images/pb2dict.py), so that files go from one tool to the other.
 */
#ifndef FERRY_IMGCORE_DISPLAY_H
#define FERRY_IMGCORE_DISPLAY_H

#include <ferry/base/buf.h>
#include <ferry/base/error.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fy_display_rule {
    FY_DISPLAY_HEX,         /* "0x1f"; on a message: every number in it, at any depth */
    FY_DISPLAY_ADDRESS,     /* repeated words as one IP address */
    FY_DISPLAY_FLAGS,       /* "A | B | 0x80" */
    FY_DISPLAY_DEVICE,      /* "8:1" in the kernel's encoding: the minor number is the low 20 bits */
    FY_DISPLAY_USER_DEVICE, /* "8:1" in the encoding of stat(2) */
    FY_DISPLAY_WORD,        /* a name for the number; a number that has none stays one */
    FY_DISPLAY_UNIX_NAME,   /* bytes as quoted-printable text; in plain JSON too */
};

struct fy_display_word {
    const char *name;
    uint32_t value;
};

struct fy_display {
    enum fy_display_rule rule;
    const char *word_list; /* as the schema calls it, "mmap.prot"; NULL when the rule needs none */
    const struct fy_display_word *words;
    size_t word_count;
};

/* Every integer type of protobuf. Zero is not negative. */
struct fy_integer {
    uint64_t magnitude;
    bool negative;
};

/* The rule of a field, or NULL: it is shown as it is. Searches a table: ask once a field, not once a value. */
const struct fy_display *fy_display_find(const ProtobufCMessageDescriptor *message, const char *field);
/* The rule of numbers within a message that is marked as hexadecimal. */
const struct fy_display *fy_display_hex(void);

/* Longest text of a number, with its NUL: that of a list of flags. */
#define FY_DISPLAY_TEXT_SIZE 512
/* The text of a number (any rule but ADDRESS and UNIX_NAME) and its length. ASCII that JSON need not escape.
 * -1: shown as a plain number. */
int fy_display_format(const struct fy_display *display, struct fy_integer value, char text[FY_DISPLAY_TEXT_SIZE]);
/* The number that a text stands for: what fy_display_format writes, and a number with an optional sign and base prefix
 * (0x, 0o, 0b) for every rule. `display` may be NULL. False: it is neither; `value` is then untouched.
 * Whether the number fits the field is for the caller to see. */
bool fy_display_parse(const struct fy_display *display, const char *text, size_t size, struct fy_integer *value);

#define FY_DISPLAY_ADDRESS_SIZE 48
/* The address that `count` words in network order make, and its length; -1 when they make none (not 1 or 4 words). */
int fy_display_format_address(const uint32_t *words, size_t count, char text[FY_DISPLAY_ADDRESS_SIZE]);
/* How many words the address has, 1 or 4; 0: it is not one. */
size_t fy_display_parse_address(const char *text, size_t size, uint32_t words[4]);

/* Appends the name of a UNIX socket as quoted-printable text, as Python's quopri.encodestring does; ASCII. */
int fy_display_format_unix_name(const uint8_t *name, size_t size, struct fy_buf *text, struct fy_error *err);
/* Appends the name that the text stands for; any text is one. */
int fy_display_parse_unix_name(const char *text, size_t size, struct fy_buf *name, struct fy_error *err);
/* Whether the text of the name gives the same name back: line ends of two sorts in one name are made one. */
bool fy_display_keeps_unix_name(const uint8_t *name, size_t size);

#endif
