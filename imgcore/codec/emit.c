/* Writing JSON into a buffer that is handed on whenever it is full. */
#include "emit.h"
#include <ferry/base/utf8.h>
#include <string.h>

#define INDENT 4
#define LINE_BYTES 57 /* give 76 characters */
#define UINT64_DIGITS 20

static void flush(struct emit *emit)
{
    if (!emit->failed && emit->used > 0 && emit->write(emit->data, emit->buffer, emit->used, emit->err) < 0)
        emit->failed = true;
    emit->used = 0;
}

void fy_emit_begin(struct emit *emit, bool pretty, fy_write_fn *write, void *data, struct fy_error *err)
{
    emit->write = write;
    emit->data = data;
    emit->err = err;
    emit->pretty = pretty;
    emit->failed = false;
    emit->depth = 0;
    emit->used = 0;
}

int fy_emit_end(struct emit *emit)
{
    flush(emit);
    return emit->failed ? -1 : 0;
}

void fy_emit_over(struct emit *emit, const char *text, size_t size)
{
    size_t room = fy_emit_room(emit);

    while (size > room) {
        memcpy(emit->buffer + emit->used, text, room);
        emit->used += room;
        text += room;
        size -= room;
        flush(emit);
        room = sizeof(emit->buffer);
    }
    memcpy(emit->buffer + emit->used, text, size);
    emit->used += size;
}

static void emit_char(struct emit *emit, char c)
{
    if (emit->used == sizeof(emit->buffer))
        flush(emit);
    emit->buffer[emit->used++] = c;
}

static void new_line(struct emit *emit)
{
    static const char spaces[] = "\n                                ";

    fy_emit_raw(emit, spaces, 1);
    for (size_t left = (size_t)emit->depth * INDENT; left > 0;) {
        size_t part = left < sizeof(spaces) - 2 ? left : sizeof(spaces) - 2;
        fy_emit_raw(emit, spaces + 1, part);
        left -= part;
    }
}

void fy_emit_item(struct emit *emit)
{
    bool *has_item = &emit->has_item[emit->depth];

    if (*has_item)
        fy_emit_raw(emit, ", ", emit->pretty ? 1 : 2);
    *has_item = true;
    if (emit->pretty)
        new_line(emit);
}

void fy_emit_key(struct emit *emit, const char *key)
{
    fy_emit_item(emit);
    fy_emit_plain_string(emit, key);
    fy_emit_raw(emit, ": ", 2);
}

struct emit_key fy_emit_known_key_make(const char *name)
{
    struct emit_key key = {.name = name};
    size_t length = strlen(name);

    if (length + 6 > sizeof(key.text))
        return key;
    key.size = length + 6;
    memcpy(key.text, ", \"", 3);
    memcpy(key.text + 3, name, length);
    memcpy(key.text + 3 + length, "\": ", 3);
    return key;
}

void fy_emit_open(struct emit *emit, char bracket)
{
    emit_char(emit, bracket);
    /* The depth of messages is bounded by whoever walks them; this is the last resort. */
    if (emit->depth + 1 == EMIT_DEPTH_MAX) {
        if (!emit->failed)
            (void)fy_error_set(emit->err, FY_E_LIMIT, "messages are nested too deeply");
        emit->failed = true;
        return;
    }
    emit->has_item[++emit->depth] = false;
}

void fy_emit_close(struct emit *emit, char bracket)
{
    bool has_item = emit->has_item[emit->depth];

    if (emit->depth > 0)
        emit->depth--;
    if (has_item && emit->pretty)
        new_line(emit);
    emit_char(emit, bracket);
}

/* Two digits at a time, from the last on. */
void fy_emit_unsigned(struct emit *emit, uint64_t value)
{
    static const char pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
        "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    char text[UINT64_DIGITS], *end = text + sizeof(text), *at = end;

    for (; value >= 100; value /= 100)
        memcpy(at -= 2, pairs + 2 * (value % 100), 2);
    if (value >= 10)
        memcpy(at -= 2, pairs + 2 * value, 2);
    else
        *--at = (char)('0' + value);
    fy_emit_raw(emit, at, (size_t)(end - at));
}

void fy_emit_plain_string(struct emit *emit, const char *text)
{
    emit_char(emit, '"');
    fy_emit_raw(emit, text, strlen(text));
    emit_char(emit, '"');
}

/* ---- strings ---- */

static void emit_unit(struct emit *emit, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    const char text[6] = {
        '\\', 'u', digits[unit >> 12 & 15], digits[unit >> 8 & 15], digits[unit >> 4 & 15], digits[unit & 15]};

    fy_emit_raw(emit, text, sizeof(text));
}

static void emit_code_point(struct emit *emit, uint32_t code)
{
    static const char escaped[] = "\"\\\n\r\t\f\b", letters[] = "\"\\nrtfb";
    const char *found = code > 0 && code < 0x80 ? strchr(escaped, (int)code) : NULL;

    if (found) {
        emit_char(emit, '\\');
        emit_char(emit, letters[found - escaped]);
    } else if (code >= 0x10000) {
        emit_unit(emit, 0xd800 + ((code - 0x10000) >> 10));
        emit_unit(emit, 0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
        emit_unit(emit, code);
    }
}

static bool is_plain(uint8_t byte)
{
    return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
}

void fy_emit_string(struct emit *emit, const uint8_t *bytes, size_t size)
{
    emit_char(emit, '"');
    for (size_t at = 0; at < size;) {
        size_t plain = 0, length;
        uint32_t code;
        while (at + plain < size && is_plain(bytes[at + plain]))
            plain++;
        fy_emit_raw(emit, (const char *)bytes + at, plain);
        at += plain;
        if (at == size)
            break;
        length = fy_utf8_next((const char *)bytes + at, size - at, &code);
        emit_code_point(emit, length ? code : 0xdc00u + bytes[at]);
        at += length ? length : 1;
    }
    emit_char(emit, '"');
}

/* ---- base64 ---- */

void fy_emit_base64_begin(struct emit *emit)
{
    emit_char(emit, '"');
}

/* Three bytes, or the last one or two, as four characters. */
static void encode_group(const uint8_t *bytes, size_t size, char text[4])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t group = (uint32_t)bytes[0] << 16;

    if (size > 1)
        group |= (uint32_t)bytes[1] << 8;
    if (size > 2)
        group |= bytes[2];
    text[0] = letters[group >> 18];
    text[1] = letters[group >> 12 & 63];
    text[2] = size > 1 ? letters[group >> 6 & 63] : '=';
    text[3] = size > 2 ? letters[group & 63] : '=';
}

void fy_emit_base64_piece(struct emit *emit, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        char line[4 * ((LINE_BYTES + 2) / 3) + 2];
        size_t part = size < LINE_BYTES ? size : LINE_BYTES, used = 0;
        for (size_t at = 0; at < part; at += 3, used += 4)
            encode_group(bytes + at, part - at, line + used);
        memcpy(line + used, "\\n", 2);
        fy_emit_raw(emit, line, used + 2);
        bytes += part;
        size -= part;
    }
}

void fy_emit_base64_end(struct emit *emit)
{
    emit_char(emit, '"');
}

void fy_emit_base64(struct emit *emit, const uint8_t *bytes, size_t size)
{
    fy_emit_base64_begin(emit);
    fy_emit_base64_piece(emit, bytes, size);
    fy_emit_base64_end(emit);
}
