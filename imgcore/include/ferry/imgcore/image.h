/* Reading one image file, entry by entry, with bounded memory whatever the file says.
 *
 * Only regular files directly in the given directory are opened; links are not followed. Every length in the file is
 * compared with what is left of the file and with the limits before anything is allocated. Errors name the file, the
 * entry and its byte offset: FY_E_FORMAT for content that is wrong, FY_E_LIMIT for what is beyond the limits,
 * FY_E_NOT_FOUND and FY_E_IO from the file system. */
#ifndef FERRY_IMGCORE_IMAGE_H
#define FERRY_IMGCORE_IMAGE_H

#include <ferry/base/error.h>
#include <ferry/imgcore/catalogue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fy_image_limits {
    size_t entry_bytes;  /* of the encoded entry, without payload */
    size_t memory_bytes; /* of the decoded entry */
    unsigned depth;      /* of messages in messages */
};

/* Far above what CRIU writes: its largest entries are the mm of a task and the cgroups. */
#define FY_IMAGE_LIMITS_DEFAULT                                                                                        \
    {                                                                                                                  \
        .entry_bytes = 64 << 20, .memory_bytes = 192 << 20, .depth = 64                                                \
    }

enum fy_image_framing {
    FY_FRAMING_V1_0,    /* the type's magic only */
    FY_FRAMING_V1_1,    /* a magic common to all images, then the type's */
    FY_FRAMING_SERVICE, /* a magic common to statistics and caches, then the type's */
};

struct fy_image;

struct fy_image_entry {
    const ProtobufCMessage *message; /* its descriptor says which; valid until the next call on the image */
    uint64_t number;                 /* counted from 0 */
    uint64_t offset_bytes;           /* in the file, of the entry's size word */
    uint64_t payload_offset_bytes;
    uint64_t payload_bytes;
};

/* An entry as it stands in the file. */
struct fy_image_raw {
    const ProtobufCMessageDescriptor *descriptor;
    const uint8_t *data; /* the encoded message, well formed; valid until the next call on the image */
    size_t size;
    uint64_t number;       /* counted from 0 */
    uint64_t offset_bytes; /* in the file, of the entry's size word */
    uint64_t payload_offset_bytes;
    uint64_t payload_bytes;
};

/* Opens `name` in `dir_fd` and checks its magic. `limits` may be NULL for the default. A name that is not in the
 * catalogue, or whose row has no magic, is FY_E_USAGE. */
int fy_image_open(int dir_fd, const char *name, const struct fy_image_limits *limits, struct fy_image **image,
                  struct fy_error *err);
/* The image in `fd`, a regular file that stays the caller's; the type is that of its magic (of those that share one,
 * the catalogue's first). `label` names it in errors. FY_E_UNSUPPORTED: it is no image with entries. */
int fy_image_open_fd(int fd, const char *label, const struct fy_image_limits *limits, struct fy_image **image,
                     struct fy_error *err);
void fy_image_free(struct fy_image *image);
/* 1 and the next entry; 0 at the end of the file, which is then known to be whole to its last byte; -1 with an error.
 */
int fy_image_next(struct fy_image *image, struct fy_image_entry *entry, struct fy_error *err);

/* What fy_image_next disliked when it said FY_E_FORMAT. */
enum fy_image_flaw {
    FY_IMAGE_FLAW_FORM,     /* it is cut off, or not well formed */
    FY_IMAGE_FLAW_FIELD,    /* a field that must be there is not */
    FY_IMAGE_FLAW_TRAILING, /* the only entry is followed by something */
};
enum fy_image_flaw fy_image_flaw(const struct fy_image *image);

/* As fy_image_next, but only frames are looked at: an entry may lack fields that it must have, a file may have no
 * entry, or more than its type has. A ghost file without chunks has all the rest as payload. Not to be mixed with
 * fy_image_next. */
int fy_image_next_raw(struct fy_image *image, struct fy_image_raw *entry, struct fy_error *err);
/* Back to before the first entry. */
void fy_image_rewind(struct fy_image *image);
/* How many entries the whole file has, from their sizes alone: entries that no payload follows are not looked into. To
 * be called instead of the above. */
int fy_image_count(struct fy_image *image, uint64_t *count, struct fy_error *err);
/* Exactly `size` bytes at `offset` of the file, for payloads. */
int fy_image_read(const struct fy_image *image, uint64_t offset, void *data, size_t size, struct fy_error *err);

const struct fy_image_type *fy_image_type(const struct fy_image *image);
enum fy_image_framing fy_image_framing(const struct fy_image *image);
/* Size of the file when it was opened. */
uint64_t fy_image_size_bytes(const struct fy_image *image);

#endif
