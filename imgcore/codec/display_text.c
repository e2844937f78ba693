/* Numbers as the text that their rule makes of them, and back. */
#include <arpa/inet.h>
#include <ferry/imgcore/display.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define KERNEL_MINOR_BITS 20
#define KERNEL_MAJOR_MAX 0xfffu
#define KERNEL_MINOR_MAX 0xfffffu

/* ---- to text ---- */

static int format_flags(const struct fy_display *display, uint64_t value, char text[FY_DISPLAY_TEXT_SIZE])
{
    uint64_t rest = value;
    char *end = text, *limit = text + FY_DISPLAY_TEXT_SIZE;

    for (size_t i = 0; i < display->word_count; i++) {
        const struct fy_display_word *word = &display->words[i];
        if (!(value & word->value))
            continue;
        end += snprintf(end, (size_t)(limit - end), "%s%s", end > text ? " | " : "", word->name);
        rest &= ~(uint64_t)word->value;
    }
    if (rest)
        end += snprintf(end, (size_t)(limit - end), "%s0x%" PRIx64, end > text ? " | " : "", rest);
    *end = '\0';
    return (int)(end - text);
}

/* By hand: of a large pagemap, formatting addresses would take most of the time. */
static int format_hex(struct fy_integer value, char text[FY_DISPLAY_TEXT_SIZE])
{
    char reversed[16], *to = text;
    int count = 0;

    do {
        reversed[count++] = "0123456789abcdef"[value.magnitude & 15];
        value.magnitude >>= 4;
    } while (value.magnitude > 0);
    to = stpcpy(to, value.negative ? "-0x" : "0x");
    while (count > 0)
        *to++ = reversed[--count];
    *to = '\0';
    return (int)(to - text);
}

static int format_device(uint64_t major_number, uint64_t minor_number, char text[FY_DISPLAY_TEXT_SIZE])
{
    return snprintf(text, FY_DISPLAY_TEXT_SIZE, "%" PRIu64 ":%" PRIu64, major_number, minor_number);
}

static int format_word(const struct fy_display *display, struct fy_integer value, char text[FY_DISPLAY_TEXT_SIZE])
{
    for (size_t i = 0; i < display->word_count; i++)
        if (!value.negative && display->words[i].value == value.magnitude)
            return snprintf(text, FY_DISPLAY_TEXT_SIZE, "%s", display->words[i].name);
    return -1;
}

int fy_display_format(const struct fy_display *display, struct fy_integer value, char text[FY_DISPLAY_TEXT_SIZE])
{
    uint64_t number = value.magnitude;

    switch (display->rule) {
    case FY_DISPLAY_HEX:
        return format_hex(value, text);
    case FY_DISPLAY_FLAGS:
        return format_flags(display, number, text);
    case FY_DISPLAY_DEVICE:
        return format_device(number >> KERNEL_MINOR_BITS, number & KERNEL_MINOR_MAX, text);
    case FY_DISPLAY_USER_DEVICE:
        return format_device(major(number), minor(number), text);
    case FY_DISPLAY_WORD:
        return format_word(display, value, text);
    case FY_DISPLAY_ADDRESS:
    case FY_DISPLAY_UNIX_NAME:
        break;
    }
    return -1;
}

/* ---- from text ---- */

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

/* The base that the text's prefix says, and the prefix taken off. */
static unsigned take_base(const char **text, size_t *size)
{
    unsigned base = 10;

    if (*size < 2 || (*text)[0] != '0')
        return base;
    switch ((*text)[1] | 0x20) {
    case 'x':
        base = 16;
        break;
    case 'o':
        base = 8;
        break;
    case 'b':
        base = 2;
        break;
    default:
        return base;
    }
    *text += 2;
    *size -= 2;
    return base;
}

static bool parse_number(const char *text, size_t size, struct fy_integer *value)
{
    bool negative = size > 0 && *text == '-';
    uint64_t number = 0;
    unsigned base;

    if (size > 0 && (*text == '-' || *text == '+')) {
        text++;
        size--;
    }
    base = take_base(&text, &size);
    /* "017" is 17 to some and 15 to others. */
    if (size == 0 || (base == 10 && size > 1 && *text == '0'))
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned digit = digit_value(text[i]);
        if (digit >= base || __builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *value = (struct fy_integer){number, negative && number != 0};
    return true;
}

static bool parse_word(const struct fy_display *display, const char *text, size_t size, struct fy_integer *value)
{
    for (size_t i = 0; i < display->word_count; i++) {
        const char *name = display->words[i].name;
        if (strlen(name) != size || memcmp(name, text, size) != 0)
            continue;
        *value = (struct fy_integer){display->words[i].value, false};
        return true;
    }
    return parse_number(text, size, value);
}

static void trim(const char **text, size_t *size)
{
    while (*size > 0 && **text == ' ') {
        ++*text;
        --*size;
    }
    while (*size > 0 && (*text)[*size - 1] == ' ')
        --*size;
}

static bool parse_flags(const struct fy_display *display, const char *text, size_t size, struct fy_integer *value)
{
    uint64_t flags = 0;

    for (const char *end = text + size; size > 0;) {
        const char *bar = memchr(text, '|', (size_t)(end - text));
        const char *word = text;
        size_t word_size = (size_t)((bar ? bar : end) - text);
        struct fy_integer flag;
        trim(&word, &word_size);
        if (!parse_word(display, word, word_size, &flag) || flag.negative)
            return false;
        flags |= flag.magnitude;
        if (!bar)
            break;
        text = bar + 1;
    }
    *value = (struct fy_integer){flags, false};
    return true;
}

static bool parse_device(const struct fy_display *display, const char *text, size_t size, struct fy_integer *value)
{
    const char *colon = memchr(text, ':', size);
    struct fy_integer major_number, minor_number;

    if (!colon)
        return parse_number(text, size, value);
    if (!parse_number(text, (size_t)(colon - text), &major_number) ||
        !parse_number(colon + 1, (size_t)(text + size - colon - 1), &minor_number) || major_number.negative ||
        minor_number.negative || major_number.magnitude > KERNEL_MAJOR_MAX || minor_number.magnitude > KERNEL_MINOR_MAX)
        return false;
    *value = (struct fy_integer){0};
    if (display->rule == FY_DISPLAY_DEVICE)
        value->magnitude = major_number.magnitude << KERNEL_MINOR_BITS | minor_number.magnitude;
    else
        value->magnitude = makedev((unsigned)major_number.magnitude, (unsigned)minor_number.magnitude);
    return true;
}

bool fy_display_parse(const struct fy_display *display, const char *text, size_t size, struct fy_integer *value)
{
    if (!display)
        return parse_number(text, size, value);
    switch (display->rule) {
    case FY_DISPLAY_FLAGS:
        return parse_flags(display, text, size, value);
    case FY_DISPLAY_DEVICE:
    case FY_DISPLAY_USER_DEVICE:
        return parse_device(display, text, size, value);
    case FY_DISPLAY_WORD:
        return parse_word(display, text, size, value);
    case FY_DISPLAY_HEX:
    case FY_DISPLAY_ADDRESS:
    case FY_DISPLAY_UNIX_NAME:
        break;
    }
    return parse_number(text, size, value);
}

/* ---- addresses ---- */

/* Begin of the longest run of zero groups, at least two of them; 8: none. The first of equals. */
static unsigned longest_run(const unsigned groups[8], unsigned *length)
{
    unsigned best = 8;

    *length = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned run = 0;
        while (i + run < 8 && groups[i + run] == 0)
            run++;
        if (run > *length) {
            *length = run;
            best = i;
        }
        i += run;
    }
    return best;
}

/* inet_ntop writes some addresses with a dotted tail, which crit's does not. */
static int format_ipv6(const uint8_t bytes[16], char text[FY_DISPLAY_ADDRESS_SIZE])
{
    unsigned groups[8], run, gap;
    int at = 0;

    for (unsigned i = 0; i < 8; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    gap = longest_run(groups, &run);
    for (unsigned i = 0; i < 8; i++) {
        if (i == gap) {
            at += snprintf(text + at, FY_DISPLAY_ADDRESS_SIZE - (size_t)at, "::");
            i += run - 1;
            continue;
        }
        at += snprintf(text + at, FY_DISPLAY_ADDRESS_SIZE - (size_t)at, "%s%x", i > 0 && i != gap + run ? ":" : "",
                       groups[i]);
    }
    return at;
}

int fy_display_format_address(const uint32_t *words, size_t count, char text[FY_DISPLAY_ADDRESS_SIZE])
{
    uint8_t bytes[16];

    if (count != 1 && count != 4)
        return -1;
    for (size_t i = 0; i < 4 * count; i++)
        bytes[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
    if (count == 4)
        return format_ipv6(bytes, text);
    return snprintf(text, FY_DISPLAY_ADDRESS_SIZE, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

size_t fy_display_parse_address(const char *text, size_t size, uint32_t words[4])
{
    char copy[FY_DISPLAY_ADDRESS_SIZE];
    uint8_t bytes[16];
    size_t count;

    if (size >= sizeof(copy) || memchr(text, '\0', size))
        return 0;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1)
        count = 1;
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        count = 4;
    else
        return 0;
    for (size_t i = 0; i < count; i++)
        words[i] = (uint32_t)bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 | (uint32_t)bytes[4 * i + 2] << 16 |
                   (uint32_t)bytes[4 * i + 3] << 24;
    return count;
}
