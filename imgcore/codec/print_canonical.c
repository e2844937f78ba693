/* A canonical message as the members of a JSON object. Its fields stand in the order of their tags, each in one place,
 * and unknown ones last: one pass over the bytes prints them as they come. */
#include "decode_private.h"

/* Where the pass is. */
struct pass {
    struct decoder *decoder;
    const struct shape *shape;
    struct fy_wire wire;
    bool in_list; /* of the values of a repeated field, or of what is unknown */
};

static void open_list(struct pass *pass)
{
    fy_emit_open(&pass->decoder->emit, '[');
    pass->in_list = true;
}

static void close_list(struct pass *pass)
{
    if (pass->in_list)
        fy_emit_close(&pass->decoder->emit, ']');
    pass->in_list = false;
}

static void print_value(struct pass *pass, const struct shape_field *field, const struct fy_wire_field *found)
{
    struct emit *emit = &pass->decoder->emit;

    if (!field->inner) {
        fy_decode_scalar(pass->decoder, field, found);
        return;
    }
    fy_emit_open(emit, '{');
    fy_decode_canonical(pass->decoder, field->inner, found->bytes, (size_t)found->value);
    fy_emit_close(emit, '}');
}

/* All values of `field`, of which `found` is the first, if together they make an address. */
static bool print_address(struct pass *pass, const struct shape_field *field, const struct fy_wire_field *found)
{
    uint32_t words[ADDRESS_WORDS_MAX] = {(uint32_t)found->value};
    struct fy_wire wire = pass->wire, after = wire;
    struct fy_wire_field next;
    size_t count = 1;

    while (count < ADDRESS_WORDS_MAX && wire.at < wire.end && !fy_wire_next(&wire, &next) &&
           next.tag == field->field->id) {
        words[count++] = (uint32_t)next.value;
        after = wire;
    }
    if (!fy_decode_address(&pass->decoder->emit, field, words, count))
        return false;
    pass->wire = after;
    return true;
}

/* The first value of a field, with its key. */
static void print_first(struct pass *pass, const struct shape_field *field, const struct fy_wire_field *found)
{
    struct emit *emit = &pass->decoder->emit;

    close_list(pass);
    if (field->is_repeated && fy_decode_may_be_address(emit, field) && print_address(pass, field, found))
        return;
    fy_emit_known_key(emit, &field->key);
    if (field->is_repeated) {
        open_list(pass);
        fy_emit_item(emit);
    }
    print_value(pass, field, found);
}

static void print_unknown(struct pass *pass, const struct fy_wire_field *found, bool is_first)
{
    struct emit *emit = &pass->decoder->emit;

    if (is_first) {
        close_list(pass);
        fy_emit_key(emit, "@unknown");
        open_list(pass);
    }
    fy_decode_unknown(emit, found);
}

/* The recursion is as deep as messages nest, which the reader has limited. */
void fy_decode_canonical(struct decoder *decoder, const struct shape *shape, const uint8_t *data, size_t size)
{
    struct pass pass = {.decoder = decoder, .shape = shape, .wire = {data, data + size}};
    const struct shape_field *before = NULL;
    bool had_unknown = false;
    struct fy_wire_field found;

    while (pass.wire.at < pass.wire.end && !fy_wire_next(&pass.wire, &found)) {
        const struct shape_field *field = fy_shape_match(shape, &found);
        if (!field) {
            print_unknown(&pass, &found, !had_unknown);
            had_unknown = true;
        } else if (field != before) {
            print_first(&pass, field, &found);
        } else {
            fy_emit_item(&decoder->emit);
            print_value(&pass, field, &found);
        }
        before = field;
    }
    close_list(&pass);
}
