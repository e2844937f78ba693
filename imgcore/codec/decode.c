/* The JSON document of an image: one entry after the other, each printed while it is looked at. */
#include "decode_private.h"
#include <ferry/imgcore/decode.h>
#include <inttypes.h>
#include <stdlib.h>

enum { INVENTORY_IMG_VERSION = 1, PAGEMAP_ENTRY_FLAGS = 4, PAGEMAP_ENTRY_LAST = 5 };
#define IMG_VERSION_COMPRESSED 3
#define PAGE_FLAG_ALIGNED 8 /* written by CRIU versions that may compress pages, only */

/* ---- images that a later CRIU wrote ---- */

static bool is_compressed(const struct fy_image_raw *entry)
{
    struct fy_wire wire = {entry->data, entry->data + entry->size};
    struct fy_wire_field field;

    while (wire.at < wire.end && !fy_wire_next(&wire, &field))
        if (field.tag > PAGEMAP_ENTRY_LAST || (field.tag == PAGEMAP_ENTRY_FLAGS && field.value & PAGE_FLAG_ALIGNED))
            return true;
    return false;
}

/* Their schema is not ours, and was still changing when this was written. */
static int refuse_compressed(const struct decoder *decoder, const char *label, const struct fy_image_raw *entry,
                             struct fy_error *err)
{
    enum fy_image_kind kind = fy_image_type(decoder->image)->kind;
    uint64_t version;

    if (kind == FY_IMAGE_INVENTORY) {
        version = fy_wire_number(entry->descriptor, entry->data, entry->size, INVENTORY_IMG_VERSION);
        if (version < IMG_VERSION_COMPRESSED)
            return 0;
        return fy_error_set(err, FY_E_UNSUPPORTED,
                            "%s: is of a set with img_version %" PRIu64
                            ", whose pages may be compressed; 1 and 2 are known",
                            label, version);
    }
    if (kind != FY_IMAGE_PAGEMAP || entry->number == 0 || !is_compressed(entry))
        return 0;
    return fy_error_set(err, FY_E_UNSUPPORTED,
                        "%s: entry %" PRIu64 " at byte %" PRIu64 ": is of compressed pages, which are not known here",
                        label, entry->number, entry->offset_bytes);
}

/* ---- the document ---- */

static int print_entry(struct decoder *decoder, const struct fy_image_raw *entry, struct fy_error *err)
{
    const struct shape *shape = fy_shape_of(&decoder->shapes, entry->descriptor, false, err);
    struct emit *emit = &decoder->emit;
    bool is_canonical;

    if (!shape)
        return -1;
    is_canonical = fy_decode_is_canonical(shape, entry->data, entry->size);
    fy_emit_item(emit);
    fy_emit_open(emit, '{');
    fy_decode_members(decoder, shape, entry->data, entry->size, is_canonical);
    if (!is_canonical) {
        fy_emit_key(emit, "@wire");
        fy_emit_base64(emit, entry->data, entry->size);
    }
    if (fy_decode_payload(decoder, entry, err) < 0)
        return -1;
    fy_emit_close(emit, '}');
    return emit->failed ? -1 : 0;
}

/* Looks at all entries before the first is printed, so that nothing is written of a damaged file. */
static int check_entries(struct decoder *decoder, const char *label, struct fy_error *err)
{
    struct fy_image_raw entry;
    int result;

    while ((result = fy_image_next_raw(decoder->image, &entry, err)) > 0)
        if (refuse_compressed(decoder, label, &entry, err) < 0)
            return -1;
    fy_image_rewind(decoder->image);
    return result;
}

static int print_entries(struct decoder *decoder, struct fy_error *err)
{
    struct fy_image_raw entry;
    int result;

    fy_emit_open(&decoder->emit, '[');
    while ((result = fy_image_next_raw(decoder->image, &entry, err)) > 0)
        if (print_entry(decoder, &entry, err) < 0)
            return -1;
    fy_emit_close(&decoder->emit, ']');
    return result;
}

static int print_document(struct decoder *decoder, struct fy_error *err)
{
    const struct fy_image_type *type = fy_image_type(decoder->image);
    struct emit *emit = &decoder->emit;

    fy_emit_open(emit, '{');
    fy_emit_key(emit, "magic");
    fy_emit_plain_string(emit, type->name);
    /* The inventory has one magic in either framing. */
    if (fy_image_framing(decoder->image) == FY_FRAMING_V1_0 && type->kind != FY_IMAGE_INVENTORY) {
        fy_emit_key(emit, "@framing");
        fy_emit_plain_string(emit, "v1.0");
    }
    fy_emit_key(emit, "entries");
    if (print_entries(decoder, err) < 0)
        return -1;
    fy_emit_close(emit, '}');
    return fy_emit_end(emit);
}

static struct decoder *decoder_new(int fd, const char *label, const struct fy_decode_options *options,
                                   struct fy_error *err)
{
    static const struct fy_image_limits standard = FY_IMAGE_LIMITS_DEFAULT;
    const struct fy_image_limits *limits = options->limits ? options->limits : &standard;
    struct decoder *decoder = calloc(1, sizeof(*decoder));

    if (!decoder) {
        (void)fy_error_set(err, FY_E_NOMEM, "%s: no memory for decoding it", label);
        return NULL;
    }
    decoder->no_payload = options->no_payload;
    fy_buf_init(&decoder->text, limits->memory_bytes);
    fy_buf_init(&decoder->ranges, limits->memory_bytes);
    if (fy_image_open_fd(fd, label, limits, &decoder->image, err) < 0) {
        free(decoder);
        return NULL;
    }
    return decoder;
}

static void decoder_free(struct decoder *decoder)
{
    fy_image_free(decoder->image);
    fy_shapes_done(&decoder->shapes);
    fy_buf_done(&decoder->text);
    fy_buf_done(&decoder->ranges);
    free(decoder);
}

int fy_image_decode_json(int fd, const char *label, const struct fy_decode_options *options, fy_write_fn *write,
                         void *data, struct fy_error *err)
{
    static const struct fy_decode_options standard;
    struct fy_error unwanted = FY_ERROR_INIT;
    struct decoder *decoder;
    int result;

    if (!options)
        options = &standard;
    if (!err)
        err = &unwanted;
    decoder = decoder_new(fd, label, options, err);
    if (!decoder)
        return -1;
    fy_emit_begin(&decoder->emit, options->pretty, write, data, err);
    result = check_entries(decoder, label, err) < 0 ? -1 : print_document(decoder, err);
    decoder_free(decoder);
    return result;
}

/* ---- counting ---- */

int fy_image_info(int fd, const char *label, const struct fy_image_limits *limits, struct fy_image_info *info,
                  struct fy_error *err)
{
    struct fy_image *image;
    uint64_t count = 0;
    int result;

    if (fy_image_open_fd(fd, label, limits, &image, err) < 0)
        return -1;
    result = fy_image_count(image, &count, err);
    if (result == 0) {
        const struct fy_image_type *type = fy_image_type(image);
        *info = (struct fy_image_info){type->name, count - (type->kind == FY_IMAGE_PAGEMAP && count > 0)};
    }
    fy_image_free(image);
    return result;
}
