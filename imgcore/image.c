/* The reader of one image file: magic, entries, end. A window over the file is moved along as the entries need it. */
#include "image_private.h"
#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC_COMMON 0x54564319u
#define MAGIC_SERVICE 0x55105940u
#define WINDOW_BYTES ((size_t)64 << 10)

static uint32_t word_at(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

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

const ProtobufCMessage *fy_image_decode(struct fy_image *image, const ProtobufCMessageDescriptor *descriptor,
                                        uint64_t *offset, struct fy_error *err)
{
    const uint8_t *data = fy_image_look(image, *offset, 4, "a size word", err);
    const ProtobufCMessage *message;
    const char *fault;
    size_t size, fault_at = 0;

    if (!data)
        return NULL;
    size = word_at(data);
    if (size > image->limits.entry_bytes) {
        (void)fy_error_set(err, FY_E_LIMIT, "%s: entry %" PRIu64 " at byte %" PRIu64 ": says %zu bytes, more than %zu",
                           image->name, image->count, *offset, size, image->limits.entry_bytes);
        return NULL;
    }
    data = fy_image_look(image, *offset + 4, size, descriptor->name, err);
    if (!data)
        return NULL;
    fault = fy_wire_check(descriptor, data, size, image->limits.depth, &fault_at);
    if (fault) {
        (void)fy_image_fault(image, *offset + 4 + fault_at, err, "%s, in a %s", fault, descriptor->name);
        return NULL;
    }
    message = protobuf_c_message_unpack(descriptor, &image->arena.allocator, size, data);
    if (!message && image->arena.over_limit)
        (void)fy_error_set(err, FY_E_LIMIT, "%s: entry %" PRIu64 " at byte %" PRIu64 ": needs more than %zu bytes",
                           image->name, image->count, *offset, image->limits.memory_bytes);
    else if (!message)
        (void)fy_image_fault(image, *offset, err, "not a whole %s", descriptor->name);
    *offset += 4 + size;
    return message;
}

int fy_image_next(struct fy_image *image, struct fy_image_entry *entry, struct fy_error *err)
{
    const ProtobufCMessageDescriptor *descriptor = image->count == 0 ? image->type->first : image->type->rest;
    uint64_t begin = image->offset_bytes, offset = begin, payload_bytes = 0;
    const ProtobufCMessage *message;

    if (begin == image->size_bytes) {
        if (image->count == 0 && image->type->rest != image->type->first)
            return fy_image_fault(image, begin, err, "the %s is missing", image->type->first->name);
        return 0;
    }
    if (image->last)
        return fy_image_fault(image, begin, err, "%" PRIu64 " bytes where the file should end",
                              image->size_bytes - begin);
    fy_arena_reset(&image->arena);
    message = fy_image_decode(image, descriptor, &offset, err);
    if (!message || fy_image_measure_payload(image, message, offset, &payload_bytes, err) < 0)
        return -1;
    if (payload_bytes > image->size_bytes - offset)
        return fy_image_fault(image, begin, err, "%" PRIu64 " bytes of content belong to it, but the file has %" PRIu64,
                              payload_bytes, image->size_bytes - offset);
    *entry = (struct fy_image_entry){.message = message,
                                     .number = image->count,
                                     .offset_bytes = begin,
                                     .payload_offset_bytes = offset,
                                     .payload_bytes = payload_bytes};
    image->offset_bytes = offset + payload_bytes;
    image->count++;
    image->last = image->last || !image->type->rest;
    return 1;
}

static const char *magic_text(uint32_t magic, char text[48])
{
    const char *name = fy_catalogue_magic_name(magic);

    if (name)
        (void)snprintf(text, 48, "that of %s", name);
    else
        (void)snprintf(text, 48, "0x%08" PRIx32, magic);
    return text;
}

/* The inventory never has a common magic, since it is what says which form the others have. */
static bool framing_fits(const struct fy_image *image)
{
    if (image->framing == FY_FRAMING_V1_0)
        return true;
    if (image->type->kind == FY_IMAGE_INVENTORY)
        return false;
    return (image->framing == FY_FRAMING_SERVICE) == fy_catalogue_is_service(image->type);
}

static int check_magic(struct fy_image *image, struct fy_error *err)
{
    const uint8_t *data = fy_image_look(image, 0, 4, "a magic", err);
    uint32_t magic;
    char text[48];

    if (!data)
        return -1;
    magic = word_at(data);
    image->offset_bytes = 4;
    if (magic == MAGIC_COMMON || magic == MAGIC_SERVICE) {
        image->framing = magic == MAGIC_COMMON ? FY_FRAMING_V1_1 : FY_FRAMING_SERVICE;
        data = fy_image_look(image, 4, 4, "a second magic", err);
        if (!data)
            return -1;
        magic = word_at(data);
        image->offset_bytes = 8;
    }
    if (magic != image->type->magic)
        return fy_error_set(err, FY_E_FORMAT, "%s: the magic is %s, not that of %s", image->name,
                            magic_text(magic, text), image->type->name);
    if (!framing_fits(image))
        return fy_error_set(err, FY_E_FORMAT, "%s: the first magic does not belong before that of %s", image->name,
                            image->type->name);
    return 0;
}

static int open_regular(struct fy_image *image, int dir_fd, struct fy_error *err)
{
    struct stat status;

    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    image->fd = openat(dir_fd, image->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (image->fd < 0 && errno == ELOOP)
        return fy_error_set(err, FY_E_FORMAT, "%s: is a symbolic link, not a file", image->name);
    if (image->fd < 0 || fstat(image->fd, &status) < 0)
        return fy_error_errno(err, errno, "%s", image->name);
    if (!S_ISREG(status.st_mode))
        return fy_error_set(err, FY_E_FORMAT, "%s: is not a regular file", image->name);
    image->size_bytes = (uint64_t)status.st_size;
    return 0;
}

static struct fy_image *image_new(const char *name, const struct fy_image_limits *limits, struct fy_error *err)
{
    static const struct fy_image_limits standard = FY_IMAGE_LIMITS_DEFAULT;
    const struct fy_image_type *type = fy_catalogue_find(name, NULL);
    struct fy_image *image;

    if (!type || type->magic == 0) {
        (void)fy_error_set(err, FY_E_USAGE, "%s: is not the name of an image with entries", name);
        return NULL;
    }
    image = calloc(1, sizeof(*image));
    if (image)
        image->name = strdup(name);
    if (!image || !image->name) {
        (void)fy_error_set(err, FY_E_NOMEM, "%s: no memory for opening it", name);
        free(image);
        return NULL;
    }
    image->type = type;
    image->fd = -1;
    image->limits = limits ? *limits : standard;
    fy_arena_init(&image->arena, image->limits.memory_bytes);
    return image;
}

int fy_image_open(int dir_fd, const char *name, const struct fy_image_limits *limits, struct fy_image **image,
                  struct fy_error *err)
{
    struct fy_image *made = image_new(name, limits, err);

    if (!made)
        return -1;
    if (open_regular(made, dir_fd, err) < 0 || check_magic(made, err) < 0) {
        fy_image_free(made);
        return -1;
    }
    *image = made;
    return 0;
}

void fy_image_free(struct fy_image *image)
{
    if (!image)
        return;
    if (image->fd >= 0)
        (void)close(image->fd);
    fy_arena_done(&image->arena);
    free(image->window);
    free(image->name);
    free(image);
}

const struct fy_image_type *fy_image_type(const struct fy_image *image)
{
    return image->type;
}

enum fy_image_framing fy_image_framing(const struct fy_image *image)
{
    return image->framing;
}

uint64_t fy_image_size_bytes(const struct fy_image *image)
{
    return image->size_bytes;
}
