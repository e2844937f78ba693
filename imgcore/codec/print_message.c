/* A message as the members of a JSON object: known fields by tag, each read out of the encoded bytes when its turn has
 * come, so that no tree is built. What protobuf does with odd messages is done here too: the last value of a field
 * counts, parts of a message are merged, packed values are several ones. */
#include "decode_private.h"

#define ADDRESS_WORDS_MAX 5 /* one more than the longest address has */

/* A message: ranges decoder->ranges[first .. first + count). They are looked up anew each time, since they may move. */
struct view {
    const struct shape *shape;
    size_t first;
    size_t count;
    bool is_canonical;
};

/* Goes over the values of one field after the other. */
struct cursor {
    struct decoder *decoder;
    const struct view *view;
    size_t range; /* index in the view */
    struct fy_wire wire;
    /* Of a field with packed values, those that are left of the last one found. */
    struct fy_wire packed;
};

static void print_view(struct decoder *decoder, const struct view *view);

/* ---- ranges ---- */

static const struct range *range_at(const struct decoder *decoder, size_t index)
{
    return (const struct range *)(const void *)decoder->ranges.data + index;
}

static size_t range_count(const struct decoder *decoder)
{
    return decoder->ranges.size / sizeof(struct range);
}

static void push_range(struct decoder *decoder, const uint8_t *data, size_t size)
{
    const struct range range = {data, size};

    if (size > 0 && !decoder->emit.failed &&
        fy_buf_append(&decoder->ranges, &range, sizeof(range), decoder->emit.err) < 0)
        decoder->emit.failed = true;
}

static void pop_ranges(struct decoder *decoder, size_t count)
{
    decoder->ranges.size = count * sizeof(struct range);
}

/* ---- finding values ---- */

static void rewind_cursor(struct cursor *cursor)
{
    cursor->range = 0;
    cursor->wire = (struct fy_wire){NULL, NULL};
}

/* The next field in the bytes, whatever it is. */
static bool next_any(struct cursor *cursor, struct fy_wire_field *found)
{
    while (cursor->wire.at == cursor->wire.end) {
        const struct range *range;
        if (cursor->range == cursor->view->count || cursor->decoder->emit.failed)
            return false;
        range = range_at(cursor->decoder, cursor->view->first + cursor->range++);
        cursor->wire = (struct fy_wire){range->data, range->data + range->size};
    }
    return !fy_wire_next(&cursor->wire, found);
}

static bool next_packed(struct cursor *cursor, const struct shape_field *field, struct fy_wire_field *found)
{
    bool minimal;

    if (cursor->packed.at == cursor->packed.end)
        return false;
    found->type = (enum fy_wire_type)field->wire_type;
    if (field->wire_type == FY_WIRE_VARINT)
        return fy_wire_take_varint(&cursor->packed, &found->value, &minimal);
    return fy_wire_take_fixed(&cursor->packed, 8, &found->value);
}

/* The next value of `field`. In a canonical message it stands at the cursor or nowhere. */
static bool next_value(struct cursor *cursor, const struct shape_field *field, struct fy_wire_field *found)
{
    for (;;) {
        struct fy_wire before = cursor->wire;
        if (next_packed(cursor, field, found))
            return true;
        cursor->packed = (struct fy_wire){NULL, NULL};
        if (!next_any(cursor, found))
            return false;
        if (cursor->view->is_canonical) {
            if (found->tag == field->field->id && fy_shape_match(cursor->view->shape, found) == field)
                return true;
            if (before.at)
                cursor->wire = before;
            else
                rewind_cursor(cursor);
            return false;
        }
        if (found->tag != field->field->id || fy_shape_match(cursor->view->shape, found) != field)
            continue;
        if (!fy_shape_is_packed(field, found))
            return true;
        cursor->packed = (struct fy_wire){found->bytes, found->bytes + found->value};
    }
}

static void begin_field(struct cursor *cursor)
{
    cursor->packed = (struct fy_wire){NULL, NULL};
    if (!cursor->view->is_canonical)
        rewind_cursor(cursor);
}

/* ---- fields ---- */

/* The message that the ranges from `first` on are. */
static void print_object(struct decoder *decoder, const struct shape *shape, size_t first, bool is_canonical)
{
    const struct view view = {shape, first, range_count(decoder) - first, is_canonical};

    fy_emit_open(&decoder->emit, '{');
    print_view(decoder, &view);
    fy_emit_close(&decoder->emit, '}');
    pop_ranges(decoder, first);
}

/* A field that may be there once: the last value counts, but all parts of a message. */
static void print_singular(struct cursor *cursor, const struct shape_field *field)
{
    struct decoder *decoder = cursor->decoder;
    size_t first = range_count(decoder);
    struct fy_wire_field found, last;
    bool is_there = false;

    for (begin_field(cursor); next_value(cursor, field, &found); is_there = true) {
        last = found;
        if (field->inner)
            push_range(decoder, found.bytes, (size_t)found.value);
        if (cursor->view->is_canonical) {
            is_there = true;
            break;
        }
    }
    if (!is_there)
        return;
    fy_emit_key(&decoder->emit, field->field->name);
    if (field->inner)
        print_object(decoder, field->inner, first, cursor->view->is_canonical);
    else
        fy_decode_scalar(decoder, field, &last);
}

static void print_repeated(struct cursor *cursor, const struct shape_field *field)
{
    struct decoder *decoder = cursor->decoder;
    struct fy_wire_field found;
    bool is_open = false;

    for (begin_field(cursor); next_value(cursor, field, &found);) {
        size_t first = range_count(decoder);
        if (!is_open) {
            fy_emit_key(&decoder->emit, field->field->name);
            fy_emit_open(&decoder->emit, '[');
            is_open = true;
        }
        fy_emit_item(&decoder->emit);
        if (!field->inner) {
            fy_decode_scalar(decoder, field, &found);
            continue;
        }
        push_range(decoder, found.bytes, (size_t)found.value);
        print_object(decoder, field->inner, first, cursor->view->is_canonical);
    }
    if (is_open)
        fy_emit_close(&decoder->emit, ']');
}

/* Words that make an address are a list of that one text. False: they make none, and nothing is printed. */
static bool print_address(struct cursor *cursor, const struct shape_field *field)
{
    struct emit *emit = &cursor->decoder->emit;
    struct cursor before = *cursor;
    uint32_t words[ADDRESS_WORDS_MAX];
    char text[FY_DISPLAY_ADDRESS_SIZE];
    struct fy_wire_field found;
    size_t count = 0;

    for (begin_field(cursor); count < ADDRESS_WORDS_MAX && next_value(cursor, field, &found);)
        words[count++] = (uint32_t)found.value;
    if (fy_display_format_address(words, count, text) < 0) {
        *cursor = before;
        return false;
    }
    fy_emit_key(emit, field->field->name);
    fy_emit_open(emit, '[');
    fy_emit_item(emit);
    fy_emit_plain_string(emit, text);
    fy_emit_close(emit, ']');
    return true;
}

static void print_field(struct cursor *cursor, const struct shape_field *field)
{
    bool is_address = field->display && field->display->rule == FY_DISPLAY_ADDRESS;

    if (!field->is_repeated)
        print_singular(cursor, field);
    else if (!is_address || !cursor->decoder->emit.pretty || !print_address(cursor, field))
        print_repeated(cursor, field);
}

static void print_unknown(struct emit *emit, const struct fy_wire_field *found)
{
    static const char *const types[] = {[FY_WIRE_VARINT] = "varint",
                                        [FY_WIRE_FIXED64] = "fixed64",
                                        [FY_WIRE_BYTES] = "bytes",
                                        [FY_WIRE_FIXED32] = "fixed32"};

    fy_emit_item(emit);
    fy_emit_open(emit, '{');
    fy_emit_key(emit, "tag");
    fy_emit_unsigned(emit, found->tag);
    fy_emit_key(emit, "type");
    fy_emit_plain_string(emit, types[found->type]);
    fy_emit_key(emit, "value");
    if (found->type == FY_WIRE_BYTES)
        fy_emit_base64(emit, found->bytes, (size_t)found->value);
    else
        fy_emit_unsigned(emit, found->value);
    fy_emit_close(emit, '}');
}

/* What belongs to no field, in the order of the bytes. */
static void print_unknown_fields(struct cursor *cursor)
{
    struct emit *emit = &cursor->decoder->emit;
    struct fy_wire_field found;
    bool is_open = false;

    for (begin_field(cursor); next_any(cursor, &found);) {
        if (fy_shape_match(cursor->view->shape, &found))
            continue;
        if (!is_open) {
            fy_emit_key(emit, "@unknown");
            fy_emit_open(emit, '[');
            is_open = true;
        }
        print_unknown(emit, &found);
    }
    if (is_open)
        fy_emit_close(emit, ']');
}

/* The recursion is as deep as messages nest, which the reader has limited. */
static void print_view(struct decoder *decoder, const struct view *view)
{
    struct cursor cursor = {.decoder = decoder, .view = view};

    for (unsigned i = 0; i < view->shape->count; i++)
        print_field(&cursor, &view->shape->fields[i]);
    print_unknown_fields(&cursor);
}

void fy_decode_members(struct decoder *decoder, const struct shape *shape, const uint8_t *data, size_t size,
                       bool is_canonical)
{
    struct view view = {.shape = shape, .first = range_count(decoder), .is_canonical = is_canonical};

    push_range(decoder, data, size);
    view.count = range_count(decoder) - view.first;
    print_view(decoder, &view);
    pop_ranges(decoder, view.first);
}
