/* What the reader of an image shares with the measuring of payloads. */
#ifndef FERRY_IMGCORE_IMAGE_PRIVATE_H
#define FERRY_IMGCORE_IMAGE_PRIVATE_H

#include "arena.h"
#include <ferry/imgcore/image.h>

struct fy_image {
    const struct fy_image_type *type;
    char *name;
    int fd;
    enum fy_image_framing framing;
    struct fy_image_limits limits;
    uint64_t size_bytes;
    uint64_t begin_bytes;  /* of the first entry */
    uint64_t offset_bytes; /* of what comes next */
    uint64_t count;        /* entries read so far */
    bool last;             /* nothing may follow */
    bool strict;           /* entries are unpacked: nothing that must be there may be missing */
    enum fy_image_flaw flaw;
    /* The part of the file that is in memory. */
    uint8_t *window;
    size_t window_capacity;
    size_t window_size;
    uint64_t window_offset;
    struct fy_arena arena;
};

static inline uint32_t fy_image_word(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

/* `size` bytes of the file at `offset`, valid until the next call. `what` names them in errors. */
const uint8_t *fy_image_look(struct fy_image *image, uint64_t offset, size_t size, const char *what,
                             struct fy_error *err);
/* Fills data, size and the offsets of `entry`, whose descriptor is set, from the size word at `offset`; the message is
 * well formed. `data` is valid until the next look. */
int fy_image_frame(struct fy_image *image, uint64_t offset, struct fy_image_raw *entry, struct fy_error *err);
/* The message that stands in `entry`. */
const ProtobufCMessage *fy_image_unpack(struct fy_image *image, const struct fy_image_raw *entry, struct fy_error *err);
/* FY_E_FORMAT with file, entry and offset in front. Returns -1. */
__attribute__((format(printf, 4, 5))) int fy_image_fault(const struct fy_image *image, uint64_t offset,
                                                         struct fy_error *err, const char *format, ...);
/* Sets how many bytes of payload follow `entry`, which the file has. Looks at other places. Decides too whether the
 * entry is the last one of a ghost file. */
int fy_image_measure_payload(struct fy_image *image, struct fy_image_raw *entry, struct fy_error *err);

#endif
