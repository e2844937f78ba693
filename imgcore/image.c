/* The reader of one image file: its entries, one after the other. A window over the file is moved along as they need
 * it. */
#include "image_private.h"
#include "wire.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_BYTES ((size_t)64 << 10)

int fy_image_fault(const struct fy_image *image, uint64_t offset, struct fy_error *err, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return fy_error_set(err, FY_E_FORMAT, "%s: entry %" PRIu64 " at byte %" PRIu64 ": %s", image->name, image->count,
                        offset, text);
}

/* Reads exactly `size` bytes; a file that has become shorter since it was opened is an error of its own. */
static int read_at(const struct fy_image *image, uint8_t *data, size_t size, uint64_t offset, struct fy_error *err)
{
    while (size > 0) {
        ssize_t got = pread(image->fd, data, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fy_error_errno(err, errno, "%s: read at byte %" PRIu64, image->name, offset);
        if (got == 0)
            return fy_error_set(err, FY_E_IO, "%s: became shorter while it was read, at byte %" PRIu64, image->name,
                                offset);
        data += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

/* Moves the window so that it begins at `offset` and holds at least `size` bytes, which the file has. */
static int move_window(struct fy_image *image, uint64_t offset, size_t size, struct fy_error *err)
{
    uint64_t left = image->size_bytes - offset;
    size_t wanted = size > WINDOW_BYTES ? size : WINDOW_BYTES;

    if (wanted > left)
        wanted = (size_t)left;
    if (wanted > image->window_capacity) {
        uint8_t *bigger = realloc(image->window, wanted);
        if (!bigger)
            return fy_error_set(err, FY_E_NOMEM, "%s: no memory for %zu bytes", image->name, wanted);
        image->window = bigger;
        image->window_capacity = wanted;
    }
    image->window_size = 0;
    if (read_at(image, image->window, wanted, offset, err) < 0)
        return -1;
    image->window_offset = offset;
    image->window_size = wanted;
    return 0;
}

const uint8_t *fy_image_look(struct fy_image *image, uint64_t offset, size_t size, const char *what,
                             struct fy_error *err)
{
    if (offset > image->size_bytes || size > image->size_bytes - offset) {
        (void)fy_image_fault(image, offset, err, "%s of %zu bytes, but the file ends after %" PRIu64, what, size,
                             offset > image->size_bytes ? 0 : image->size_bytes - offset);
        return NULL;
    }
    if (offset < image->window_offset || offset - image->window_offset > image->window_size ||
        size > image->window_size - (size_t)(offset - image->window_offset))
        if (move_window(image, offset, size, err) < 0)
            return NULL;
    return image->window + (offset - image->window_offset);
}

int fy_image_frame(struct fy_image *image, uint64_t offset, struct fy_image_raw *entry, struct fy_error *err)
{
    const char *what = entry->descriptor->name, *fault;
    const uint8_t *data = fy_image_look(image, offset, 4, "a size word", err);
    size_t size, fault_at = 0;

    if (!data)
        return -1;
    size = fy_image_word(data);
    if (size > image->limits.entry_bytes)
        return fy_error_set(err, FY_E_LIMIT, "%s: entry %" PRIu64 " at byte %" PRIu64 ": says %zu bytes, more than %zu",
                            image->name, image->count, offset, size, image->limits.entry_bytes);
    data = fy_image_look(image, offset + 4, size, what, err);
    if (!data)
        return -1;
    fault = fy_wire_check(entry->descriptor, data, size, image->limits.depth, &fault_at);
    if (fault)
        return fy_image_fault(image, offset + 4 + fault_at, err, "%s, in a %s", fault, what);
    entry->data = data;
    entry->size = size;
    entry->offset_bytes = offset;
    entry->payload_offset_bytes = offset + 4 + size;
    return 0;
}

static void report_missing_field(struct fy_image *image, const struct fy_image_raw *entry, struct fy_error *err)
{
    const ProtobufCMessageDescriptor *where;
    const ProtobufCFieldDescriptor *field = fy_wire_find_missing(entry->descriptor, entry->data, entry->size, &where);

    image->flaw = field ? FY_IMAGE_FLAW_FIELD : FY_IMAGE_FLAW_FORM;
    if (field)
        (void)fy_image_fault(image, entry->offset_bytes, err, "%s is missing in %s: not a whole %s", field->name,
                             where->name, entry->descriptor->name);
    else
        (void)fy_image_fault(image, entry->offset_bytes, err, "a field is of another type: not a whole %s",
                             entry->descriptor->name);
}

const ProtobufCMessage *fy_image_unpack(struct fy_image *image, const struct fy_image_raw *entry, struct fy_error *err)
{
    const ProtobufCMessage *message =
        protobuf_c_message_unpack(entry->descriptor, &image->arena.allocator, entry->size, entry->data);

    if (!message && image->arena.over_limit)
        (void)fy_error_set(err, FY_E_LIMIT, "%s: entry %" PRIu64 " at byte %" PRIu64 ": needs more than %zu bytes",
                           image->name, image->count, entry->offset_bytes, image->limits.memory_bytes);
    else if (!message)
        report_missing_field(image, entry, err);
    return message;
}

int fy_image_next(struct fy_image *image, struct fy_image_entry *entry, struct fy_error *err)
{
    struct fy_image_raw raw = {.descriptor = image->count == 0 ? image->type->first : image->type->rest};
    uint64_t begin = image->offset_bytes;
    const ProtobufCMessage *message;

    if (begin == image->size_bytes) {
        if (image->count == 0 && image->type->rest != image->type->first)
            return fy_image_fault(image, begin, err, "the %s is missing", image->type->first->name);
        return 0;
    }
    if (image->last)
        image->flaw = FY_IMAGE_FLAW_TRAILING;
    if (image->last)
        return fy_image_fault(image, begin, err, "%" PRIu64 " bytes where the file should end",
                              image->size_bytes - begin);
    image->strict = true;
    fy_arena_reset(&image->arena);
    if (fy_image_frame(image, begin, &raw, err) < 0)
        return -1;
    message = fy_image_unpack(image, &raw, err);
    if (!message || fy_image_measure_payload(image, &raw, err) < 0)
        return -1;
    *entry = (struct fy_image_entry){.message = message,
                                     .number = image->count,
                                     .offset_bytes = begin,
                                     .payload_offset_bytes = raw.payload_offset_bytes,
                                     .payload_bytes = raw.payload_bytes};
    image->offset_bytes = raw.payload_offset_bytes + raw.payload_bytes;
    image->count++;
    image->last = image->last || !image->type->rest;
    return 1;
}

int fy_image_next_raw(struct fy_image *image, struct fy_image_raw *entry, struct fy_error *err)
{
    bool first = image->count == 0 || !image->type->rest;
    struct fy_image_raw raw = {.descriptor = first ? image->type->first : image->type->rest, .number = image->count};

    if (image->offset_bytes == image->size_bytes)
        return 0;
    if (fy_image_frame(image, image->offset_bytes, &raw, err) < 0 || fy_image_measure_payload(image, &raw, err) < 0)
        return -1;
    /* Of a ghost file without chunks all that follows is content, also where there should be none. */
    if (image->last)
        raw.payload_bytes = image->size_bytes - raw.payload_offset_bytes;
    raw.data = fy_image_look(image, raw.offset_bytes + 4, raw.size, raw.descriptor->name, err);
    if (!raw.data)
        return -1;
    image->offset_bytes = raw.payload_offset_bytes + raw.payload_bytes;
    image->count++;
    *entry = raw;
    return 1;
}

/* From size word to size word, without a look at what lies between. */
static int count_frames(struct fy_image *image, uint64_t *count, struct fy_error *err)
{
    uint64_t left;

    while ((left = image->size_bytes - image->offset_bytes) > 0) {
        const uint8_t *data = fy_image_look(image, image->offset_bytes, 4, "a size word", err);
        uint64_t size = data ? fy_image_word(data) : 0;
        if (!data)
            return -1;
        if (size > left - 4)
            return fy_image_fault(image, image->offset_bytes + 4, err,
                                  "an entry of %" PRIu64 " bytes, but the file ends after %" PRIu64, size, left - 4);
        image->offset_bytes += 4 + size;
        image->count++;
    }
    *count = image->count;
    return 0;
}

int fy_image_count(struct fy_image *image, uint64_t *count, struct fy_error *err)
{
    struct fy_image_raw entry;
    int result;

    fy_image_rewind(image);
    if (image->type->payload == FY_PAYLOAD_NONE)
        return count_frames(image, count, err);
    while ((result = fy_image_next_raw(image, &entry, err)) > 0)
        continue;
    if (result == 0)
        *count = image->count;
    return result;
}

void fy_image_rewind(struct fy_image *image)
{
    image->offset_bytes = image->begin_bytes;
    image->count = 0;
    image->last = false;
}

int fy_image_read(const struct fy_image *image, uint64_t offset, void *data, size_t size, struct fy_error *err)
{
    return read_at(image, data, size, offset, err);
}
