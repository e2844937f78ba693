/* A block of an image file on its way: at most 1 MiB, hashed, its all-zero pieces left out. Pure; runs on any thread.
 */
#ifndef FERRY_AGENT_BLOCK_H
#define FERRY_AGENT_BLOCK_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Header-only, so that a hash state can be embedded and the loops are compiled for what they are used for. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#define FY_BLOCK_BYTES (1024u * 1024u)
#define FY_PIECE_BYTES 4096u
#define FY_BLOCK_PIECES (FY_BLOCK_BYTES / FY_PIECE_BYTES)
#define FY_BITMAP_BYTES (FY_BLOCK_PIECES / 8u)

struct fy_block {
    uint64_t offset;                  /* in the file */
    uint32_t raw_bytes;               /* 1 … FY_BLOCK_BYTES */
    uint64_t xxh3;                    /* of the raw bytes */
    bool sparse;                      /* `present` is meaningful; else every piece is there */
    uint8_t present[FY_BITMAP_BYTES]; /* pieces in the body, lowest bit first */
    uint32_t body_bytes;
};

/* Hashes the `block->raw_bytes` in `data` and moves the pieces that are not zero to its front; fills the rest of
 * `block`. */
void fy_block_pack(struct fy_block *block, uint8_t *data);
/* Checks that the fields fit together and match `body_bytes`, before anything is read. FY_E_PROTOCOL. */
int fy_block_check(const struct fy_block *block, size_t body_bytes, struct fy_error *err);
/* Checks the hash and writes the pieces to `fd`; what is zero stays a hole. FY_E_VERIFY, FY_E_NOSPACE, FY_E_IO. */
int fy_block_write(const struct fy_block *block, const uint8_t *body, int fd, const char *name, struct fy_error *err);
/* What the hash of a set is made of, one word for each chunk: where the block belongs and what is in it. */
uint64_t fy_block_record(const struct fy_block *block, uint32_t file);

#endif
