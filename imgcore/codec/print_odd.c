/* An odd message as the members of a JSON object: known fields by tag, each looked for in the encoded bytes when its
 * turn has come, so that no tree is built. What protobuf does with such messages is done here: the last value of a
 * field counts, parts of a message are merged, packed values are several ones. */
#include "decode_private.h"

/* A message: ranges decoder->ranges[first .. first + count). They are looked up anew each time, since they may move. */
struct view {
    const struct shape *shape;
    size_t first;
    size_t count;
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

static void begin_field(struct cursor *cursor)
{
    cursor->range = 0;
    cursor->wire = cursor->packed = (struct fy_wire){NULL, NULL};
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

static bool next_value(struct cursor *cursor, const struct shape_field *field, struct fy_wire_field *found)
{
    while (!next_packed(cursor, field, found)) {
        cursor->packed = (struct fy_wire){NULL, NULL};
        if (!next_any(cursor, found))
            return false;
        if (found->tag != field->field->id || fy_shape_match(cursor->view->shape, found) != field)
            continue;
        if (!fy_shape_is_packed(field, found))
            return true;
        cursor->packed = (struct fy_wire){found->bytes, found->bytes + found->value};
    }
    return true;
}

/* ---- fields ---- */

/* The message that the ranges from `first` on are. */
static void print_object(struct decoder *decoder, const struct shape *shape, size_t first)
{
    const struct view view = {shape, first, range_count(decoder) - first};

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
    }
    if (!is_there)
        return;
    fy_emit_known_key(&decoder->emit, &field->key);
    if (field->inner)
        print_object(decoder, field->inner, first);
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
            fy_emit_known_key(&decoder->emit, &field->key);
            fy_emit_open(&decoder->emit, '[');
            is_open = true;
        }
        fy_emit_item(&decoder->emit);
        if (!field->inner) {
            fy_decode_scalar(decoder, field, &found);
            continue;
        }
        push_range(decoder, found.bytes, (size_t)found.value);
        print_object(decoder, field->inner, first);
    }
    if (is_open)
        fy_emit_close(&decoder->emit, ']');
}

static bool print_address(struct cursor *cursor, const struct shape_field *field)
{
    uint32_t words[ADDRESS_WORDS_MAX];
    struct fy_wire_field found;
    size_t count = 0;

    for (begin_field(cursor); count < ADDRESS_WORDS_MAX && next_value(cursor, field, &found);)
        words[count++] = (uint32_t)found.value;
    return fy_decode_address(&cursor->decoder->emit, field, words, count);
}

static void print_field(struct cursor *cursor, const struct shape_field *field)
{
    if (!field->is_repeated)
        print_singular(cursor, field);
    else if (!fy_decode_may_be_address(&cursor->decoder->emit, field) || !print_address(cursor, field))
        print_repeated(cursor, field);
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
        fy_decode_unknown(emit, &found);
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

void fy_decode_odd(struct decoder *decoder, const struct shape *shape, const uint8_t *data, size_t size)
{
    struct view view = {.shape = shape, .first = range_count(decoder)};

    push_range(decoder, data, size);
    view.count = range_count(decoder) - view.first;
    print_view(decoder, &view);
    pop_ranges(decoder, view.first);
}
