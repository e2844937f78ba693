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
    uint64_t offset_bytes; /* of what comes next */
    uint64_t count;        /* entries read so far */
    bool last;             /* nothing may follow */
    /* The part of the file that is in memory. */
    uint8_t *window;
    size_t window_capacity;
    size_t window_size;
    uint64_t window_offset;
    struct fy_arena arena;
};

/* `size` bytes of the file at `offset`, valid until the next call. `what` names them in errors. */
const uint8_t *fy_image_look(struct fy_image *image, uint64_t offset, size_t size, const char *what,
                             struct fy_error *err);
/* A size word and the message after it, at `*offset`, which is moved behind them. */
const ProtobufCMessage *fy_image_decode(struct fy_image *image, const ProtobufCMessageDescriptor *descriptor,
                                        uint64_t *offset, struct fy_error *err);
/* FY_E_FORMAT with file, entry and offset in front. Returns -1. */
__attribute__((format(printf, 4, 5))) int fy_image_fault(const struct fy_image *image, uint64_t offset,
                                                         struct fy_error *err, const char *format, ...);
/* How many bytes of payload follow the entry `message` at `offset`; compared with what is left of the file by the
 * caller. Decides too whether the entry is the last one of a ghost file. */
int fy_image_measure_payload(struct fy_image *image, const ProtobufCMessage *message, uint64_t offset, uint64_t *bytes,
                             struct fy_error *err);

#endif
