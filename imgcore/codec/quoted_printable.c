/* Names of UNIX sockets as quoted-printable text (RFC 2045), byte for byte as Python's binascii makes it: soft breaks
 * at 76 columns, '=' and all but printable ASCII escaped, tabs and spaces only before a line's end, line ends kept as
 * such. */
#include <ferry/imgcore/display.h>
#include <string.h>

#define LINE_MAX_COLUMNS 76

struct writer {
    const uint8_t *name;
    size_t size;
    bool crlf; /* how all line ends are written: as the first one is */
    size_t column;
    struct fy_buf *text;
};

/* How many bytes of a line end stand at `at`. */
static size_t line_end_at(const struct writer *writer, size_t at)
{
    const uint8_t *name = writer->name;

    if (at < writer->size && name[at] == '\n')
        return 1;
    return at + 1 < writer->size && name[at] == '\r' && name[at + 1] == '\n' ? 2 : 0;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool must_escape(const struct writer *writer, size_t at)
{
    uint8_t byte = writer->name[at], next = at + 1 < writer->size ? writer->name[at + 1] : 0;

    if (byte > 126 || byte == '=')
        return true;
    /* A dot alone on a line ends a mail. */
    if (byte == '.' && writer->column == 0)
        return next == '\n' || next == '\r' || next == 0;
    if (is_blank(byte))
        return at + 1 == writer->size;
    return byte < ' ' && byte != '\r' && byte != '\n';
}

static int write_line_end(struct writer *writer, struct fy_error *err)
{
    writer->column = 0;
    return writer->crlf ? fy_buf_append(writer->text, "\r\n", 2, err) : fy_buf_append(writer->text, "\n", 1, err);
}

static int write_soft_break(struct writer *writer, struct fy_error *err)
{
    return fy_buf_append(writer->text, "=", 1, err) < 0 ? -1 : write_line_end(writer, err);
}

static int write_escape(struct writer *writer, uint8_t byte, struct fy_error *err)
{
    return fy_buf_printf(writer->text, err, "=%02X", byte);
}

static int write_byte(struct writer *writer, size_t at, struct fy_error *err)
{
    const uint8_t *byte = &writer->name[at];
    bool last_of_line = at + 1 == writer->size || byte[1] == '\n';

    if (must_escape(writer, at)) {
        if (writer->column + 3 >= LINE_MAX_COLUMNS && write_soft_break(writer, err) < 0)
            return -1;
        writer->column += 3;
        return write_escape(writer, *byte, err);
    }
    if (!last_of_line && writer->column + 1 >= LINE_MAX_COLUMNS && write_soft_break(writer, err) < 0)
        return -1;
    writer->column++;
    if (is_blank(*byte) && line_end_at(writer, at + 1))
        return write_escape(writer, *byte, err);
    return fy_buf_append(writer->text, byte, 1, err);
}

static bool first_line_end_is_crlf(const uint8_t *name, size_t size)
{
    const uint8_t *line_end = size > 0 ? memchr(name, '\n', size) : NULL;
    return line_end && line_end > name && line_end[-1] == '\r';
}

int fy_display_format_unix_name(const uint8_t *name, size_t size, struct fy_buf *text, struct fy_error *err)
{
    struct writer writer = {name, size, first_line_end_is_crlf(name, size), 0, text};

    for (size_t at = 0; at < size;) {
        size_t line_end = line_end_at(&writer, at);
        if (line_end ? write_line_end(&writer, err) < 0 : write_byte(&writer, at, err) < 0)
            return -1;
        at += line_end ? line_end : 1;
    }
    return 0;
}

bool fy_display_keeps_unix_name(const uint8_t *name, size_t size)
{
    bool crlf = first_line_end_is_crlf(name, size);

    for (size_t i = 0; i < size; i++)
        if (name[i] == '\n' && (i > 0 && name[i - 1] == '\r') != crlf)
            return false;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What an equals sign at the front of `text` stands for: the number of characters that it takes, and the byte, or -1
 * for none. An equals sign that escapes nothing stands for itself. */
static size_t take_escape(const char *text, size_t size, int *byte)
{
    *byte = -1;
    if (size < 2)
        return size;
    if (text[1] == '\n' || text[1] == '\r') {
        const char *line_end = memchr(text, '\n', size);
        return line_end ? (size_t)(line_end - text) + 1 : size;
    }
    if (size > 2 && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
        *byte = hex_value(text[1]) << 4 | hex_value(text[2]);
        return 3;
    }
    *byte = '=';
    return text[1] == '=' ? 2 : 1;
}

int fy_display_parse_unix_name(const char *text, size_t size, struct fy_buf *name, struct fy_error *err)
{
    for (size_t at = 0; at < size;) {
        int byte = (unsigned char)text[at];
        uint8_t plain;
        at += byte == '=' ? take_escape(text + at, size - at, &byte) : 1;
        plain = (uint8_t)byte;
        if (byte >= 0 && fy_buf_append(name, &plain, 1, err) < 0)
            return -1;
    }
    return 0;
}
