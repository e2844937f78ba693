/* Text for people: the nearest known word, sizes and durations, and outside text made harmless. */
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/base/utf8.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORD 64 /* longer words are never a misspelt key */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edits (insert, delete, replace, swap two neighbours) that turn `a` into `b`, case ignored. Both within MAX_WORD. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][MAX_WORD + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = last[j - 1] + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            row[j] = smaller(replaced, smaller(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_length];
}

const char *fy_text_nearest(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    if (!length || length > MAX_WORD)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(words[i]);
        if (other > MAX_WORD)
            continue;
        size_t distance = edit_distance(word, length, words[i], other);
        if (distance < best && distance * 3 <= (length > other ? length : other)) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

void fy_text_bytes(uint64_t bytes, char text[FY_TEXT_SIZE])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        (void)snprintf(text, FY_TEXT_SIZE, "%u B", (unsigned)bytes);
        return;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]) { /* would be shown as 1024.0 */
        value /= 1024;
        unit++;
    }
    (void)snprintf(text, FY_TEXT_SIZE, "%.1f %s", value, units[unit]);
}

void fy_text_duration(uint64_t ns, char text[FY_TEXT_SIZE])
{
    const uint64_t ms = 1000000, s = 1000 * ms;
    if (ns > UINT64_MAX - s)
        ns = UINT64_MAX - s; /* so that rounding cannot overflow */
    uint64_t tenths_ms = (ns + ms / 20) / (ms / 10), whole_ms = (ns + ms / 2) / ms;
    uint64_t tenths_s = (ns + s / 20) / (s / 10), whole_s = (ns + s / 2) / s;
    if (tenths_ms < 100)
        (void)snprintf(text, FY_TEXT_SIZE, "%u.%u ms", (unsigned)(tenths_ms / 10), (unsigned)(tenths_ms % 10));
    else if (whole_ms < 1000)
        (void)snprintf(text, FY_TEXT_SIZE, "%u ms", (unsigned)whole_ms);
    else if (tenths_s < 600)
        (void)snprintf(text, FY_TEXT_SIZE, "%u.%u s", (unsigned)(tenths_s / 10), (unsigned)(tenths_s % 10));
    else if (whole_s < 3600)
        (void)snprintf(text, FY_TEXT_SIZE, "%um%02us", (unsigned)(whole_s / 60), (unsigned)(whole_s % 60));
    else
        (void)snprintf(text, FY_TEXT_SIZE, "%uh%02um", (unsigned)(whole_s / 3600), (unsigned)(whole_s / 60 % 60));
}

bool fy_text_parse_uint(const char *text, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (sum > max / 10 || digit > max - sum * 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

/* C0, DEL, C1, line and paragraph separators, and the marks that make a terminal show text in another order. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

char *fy_text_printable(const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    if (!copy)
        return NULL;
    size_t out = 0;
    for (size_t in = 0; in < size;) {
        uint32_t c = 0;
        size_t length = fy_utf8_next(text + in, size - in, &c);
        if (!length || is_control(c)) {
            copy[out++] = '?';
        } else {
            memcpy(copy + out, text + in, length);
            out += length;
        }
        in += length ? length : 1;
    }
    copy[out] = '\0';
    return copy;
}

void fy_text_copy_printable(char *to, size_t to_size, const char *text)
{
    FY_AUTO_FREE char *copy = text ? fy_text_printable(text, strnlen(text, to_size - 1)) : NULL;
    (void)snprintf(to, to_size, "%s", copy ? copy : text ? "?" : "");
}
