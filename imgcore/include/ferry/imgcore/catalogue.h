/* The catalogue of image types: everything that CRIU puts into an image directory, by file name.
 *
 * One row a file-name pattern: what it is called, which magic it begins with, and what its entries are. Rows without a
 * magic are files that are not in CRIU's own format; only their names are known here. */
#ifndef FERRY_IMGCORE_CATALOGUE_H
#define FERRY_IMGCORE_CATALOGUE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What follows an entry in the file beside the next entry. */
enum fy_image_payload {
    FY_PAYLOAD_NONE,
    FY_PAYLOAD_PIPE_DATA,
    FY_PAYLOAD_SOCKET_PACKET,
    FY_PAYLOAD_TCP_STREAM,
    FY_PAYLOAD_BPF_MAP,
    FY_PAYLOAD_GHOST_FILE,
    FY_PAYLOAD_IPC_SEMAPHORES,
    FY_PAYLOAD_IPC_MESSAGES,
    FY_PAYLOAD_IPC_SEGMENT,
};

/* In a pattern %u is a decimal number and %x a hexadecimal one, both without leading zeros; * is anything. */
enum fy_image_kind {
#define IMAGE(kind, name, magic, pattern, message, shape, payload) FY_IMAGE_##kind,
#define LEGACY_FILES(kind, magic, pattern, message, fd_type) FY_IMAGE_##kind,
#define FOREIGN(kind, pattern) FY_IMAGE_##kind,
#include <ferry/imgcore/catalogue_rows.inc>
    FY_IMAGE_KIND_COUNT
};

struct fy_image_type {
    enum fy_image_kind kind;
    const char *name;    /* as crit calls it, "CORE"; of a foreign file what it holds */
    uint32_t magic;      /* 0: not in CRIU's format */
    const char *pattern; /* of the file name */
    /* Of the first entry, and of all others; `rest` is NULL when there is only one. */
    const ProtobufCMessageDescriptor *first;
    const ProtobufCMessageDescriptor *rest;
    enum fy_image_payload payload;
    /* Type (FD_TYPES__…) of the open files that this image holds; 0: none, or files.img, which holds all. */
    int fd_type;
};

/* The row whose pattern `file_name` matches, and the number in the name (0 if it has none; `id` may be NULL).
 * NULL: not a file of CRIU's. */
const struct fy_image_type *fy_catalogue_find(const char *file_name, uint64_t *id);
/* The row of `kind`, which is below FY_IMAGE_KIND_COUNT. */
const struct fy_image_type *fy_catalogue_get(enum fy_image_kind kind);
/* The first row with that magic (some file names share one), or NULL. */
const struct fy_image_type *fy_catalogue_by_magic(uint32_t magic);
/* The first row with entries that crit calls `name`, or NULL. */
const struct fy_image_type *fy_catalogue_by_name(const char *name);
/* Name of the type with that magic, or NULL. */
const char *fy_catalogue_magic_name(uint32_t magic);
/* Whether files of the type begin with the magic of CRIU's statistics and caches. */
bool fy_catalogue_is_service(const struct fy_image_type *type);

#endif
