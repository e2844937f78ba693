/* The manifest of an image set: every file with its size and hash, and the facts that a destination needs.
 *
 * CRIU's images have no checksum. A manifest says what the directory held when it was made: each regular file but the
 * manifest itself (logs and statistics too, modes not), and the link `parent` with its target. What the link leads to
 * is a set of its own, with a manifest of its own. proto/ferry/manifest.proto describes file and hashes.
 *
 * Files are hashed in chunks of 1 MiB that form a tree, so that they are hashed on all processors, and any chunk can be
 * checked by itself while it arrives. The hash is SHA-256, because a signature over it needs collision resistance, and
 * because processors have instructions for it: 2.0 GB/s on a core where SHA-512/256 makes 1.2 and BLAKE2b 1.4.
 *
 * Limits: 1,000,000 files, 4 TiB (whose chunk hashes take 128 MiB); FY_E_LIMIT beyond. A manifest that was read does
 * not change: any number of threads may use it. */
#ifndef FERRY_IMGCORE_MANIFEST_H
#define FERRY_IMGCORE_MANIFEST_H

#include <ferry/base/error.h>
#include <ferry/manifest.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_MANIFEST_NAME "ferry.manifest"
#define FY_MANIFEST_CHUNK_BYTES 1048576u
#define FY_MANIFEST_HASH_BYTES 32
/* "sha256:", 64 hexadecimal digits, newline, NUL. */
#define FY_MANIFEST_ROOT_LINE_SIZE 73

struct fy_manifest;

struct fy_manifest_options {
    unsigned threads; /* 0: one a processor */
    /* What the images do not say; NULL and 0: not known. */
    const char *label, *host, *kernel, *criu_version;
    uint64_t created_us; /* since 1970-01-01 UTC */
};

struct fy_manifest_entry {
    const char *name;
    const char *target; /* of the link `parent`; NULL: a regular file */
    uint64_t size_bytes;
    const uint8_t *root;  /* FY_MANIFEST_HASH_BYTES */
    uint64_t chunk_count; /* at least 1 */
};

/* Hashes the set in `dir_fd`. Anything but regular files and the link `parent` is FY_E_UNSUPPORTED, with its name; an
 * image whose facts cannot be read is what fy_image_next says, because a manifest would seal the damage. A file that
 * changes meanwhile is FY_E_BUSY. `options` may be NULL. */
int fy_manifest_create(int dir_fd, const struct fy_manifest_options *options, struct fy_manifest **manifest,
                       struct fy_error *err);
/* Writes `name` in `dir_fd`, beside the old one and then in its place; on the disk when this returns. */
int fy_manifest_write(const struct fy_manifest *manifest, int dir_fd, const char *name, struct fy_error *err);
/* Reads `name` in `dir_fd`, which may be hostile. FY_E_NOT_FOUND; FY_E_FORMAT and FY_E_LIMIT when it is not a manifest
 * or not a sound one: all hashes of hashes are computed again. */
int fy_manifest_read(int dir_fd, const char *name, struct fy_manifest **manifest, struct fy_error *err);
/* NULL is legal. */
void fy_manifest_free(struct fy_manifest *manifest);

/* The root over everything, FY_MANIFEST_HASH_BYTES. */
const uint8_t *fy_manifest_root(const struct fy_manifest *manifest);
/* The line that is signed. */
void fy_manifest_root_line(const struct fy_manifest *manifest, char line[FY_MANIFEST_ROOT_LINE_SIZE]);
const Ferry__Manifest__Facts *fy_manifest_facts(const struct fy_manifest *manifest);
size_t fy_manifest_count(const struct fy_manifest *manifest);
/* In ascending order of names; `index` is below the count. */
struct fy_manifest_entry fy_manifest_get(const struct fy_manifest *manifest, size_t index);
/* Index of the entry, or -1. */
ptrdiff_t fy_manifest_find(const struct fy_manifest *manifest, const char *name);
/* Of all regular files. */
uint64_t fy_manifest_total_bytes(const struct fy_manifest *manifest);

/* ---- comparing with a directory ---- */

enum fy_manifest_difference_kind {
    FY_DIFFERENCE_CHANGED, /* other bytes; `first_byte` and `byte_count` say where */
    FY_DIFFERENCE_SIZE,    /* `expected_bytes`, `found_bytes` */
    FY_DIFFERENCE_MISSING,
    FY_DIFFERENCE_EXTRA, /* not in the manifest */
    FY_DIFFERENCE_KIND,  /* not a regular file, or not a link */
    FY_DIFFERENCE_LINK,  /* leads elsewhere: `expected_target`, `found_target` */
};

struct fy_manifest_difference {
    enum fy_manifest_difference_kind kind;
    const char *name;
    uint64_t first_byte, byte_count; /* the first run of chunks that are not right */
    uint64_t wrong_chunks;           /* in all of the file */
    uint64_t expected_bytes, found_bytes;
    const char *expected_target, *found_target;
};

/* Valid only during the call; sorted by name. */
typedef void fy_manifest_difference_cb(const struct fy_manifest_difference *difference, void *data);

/* Reads all files of `dir_fd` that the manifest names and have the right size, with `threads` threads (0: one a
 * processor). `count` gets the number of differences; 0 is equality to the last byte. -1 only if it could not be
 * judged, because reading failed or a file changed meanwhile. */
int fy_manifest_compare(const struct fy_manifest *manifest, int dir_fd, unsigned threads,
                        fy_manifest_difference_cb *callback, void *data, size_t *count, struct fy_error *err);

/* ---- while a file arrives ---- */

struct fy_manifest_stream;

/* For one file of the manifest, which must stay until this one is freed. FY_E_NOT_FOUND. */
int fy_manifest_stream_new(const struct fy_manifest *manifest, const char *name, struct fy_manifest_stream **stream,
                           struct fy_error *err);
/* Checks whole chunks: `offset` is a multiple of the chunk's size, and so is `size` unless it ends the file. Chunks may
 * come in any order, and again. `data` NULL: zeros. FY_E_VERIFY names the bytes that are wrong; they may be sent again.
 * Not to be called for the same stream by two threads at once. */
int fy_manifest_stream_feed(struct fy_manifest_stream *stream, uint64_t offset, const void *data, size_t size,
                            struct fy_error *err);
/* 0 when every chunk has come and was right; else FY_E_VERIFY names the first bytes that are missing. */
int fy_manifest_stream_finish(const struct fy_manifest_stream *stream, struct fy_error *err);
void fy_manifest_stream_free(struct fy_manifest_stream *stream);

#endif
