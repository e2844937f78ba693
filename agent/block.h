/* A block of an image file on its way: at most 1 MiB, hashed, without the pieces that are all zero or that the peer has
 * already. Pure; runs on any thread.
 *
 *     raw bytes ─┬─ fy_block_sort() ──> bitmaps, references
 *                └─ fy_block_gather() ──> plain bytes ── fy_codec_pack() ──> body
 *     body ── fy_codec_unpack() ──> plain bytes ─┬─ fy_block_verify() ── fy_block_write() ──> file
 *     references ── fy_block_read_known() ───────┘ */
#ifndef FERRY_AGENT_BLOCK_H
#define FERRY_AGENT_BLOCK_H

#include "codec.h"

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_BLOCK_BYTES (1024u * 1024u)
#define FY_PIECE_BYTES 4096u
#define FY_BLOCK_PIECES (FY_BLOCK_BYTES / FY_PIECE_BYTES)
#define FY_BITMAP_BYTES (FY_BLOCK_PIECES / 8u)
/* A reference on the wire: file and piece, each a little-endian u32. */
#define FY_REF_BYTES 8u

/* A piece of a file of the set: `piece` times 4096 bytes from its beginning. */
struct fy_block_ref {
    uint32_t file;
    uint32_t piece;
};

struct fy_block {
    uint64_t offset;                           /* in the file */
    uint32_t raw_bytes;                        /* 1 … FY_BLOCK_BYTES */
    uint64_t xxh3;                             /* of the raw bytes */
    uint8_t present[FY_BITMAP_BYTES];          /* pieces that are in the body, lowest bit first */
    uint8_t again[FY_BITMAP_BYTES];            /* pieces that equal one which the peer has; all others are zero */
    struct fy_block_ref refs[FY_BLOCK_PIECES]; /* one for each bit of `again`, in order */
    uint32_t ref_count;
    uint32_t plain_bytes; /* length of the present pieces together */
    enum fy_encoding encoding;
};

/* References to and from the wire. `to` has room for FY_BLOCK_PIECES of them; returns the bytes used. FY_E_PROTOCOL for
 * a length that can't be. */
size_t fy_block_put_refs(const struct fy_block *block, uint8_t *to);
int fy_block_get_refs(struct fy_block *block, const uint8_t *from, size_t size, struct fy_error *err);

struct fy_page_table;

/* Hashes the `block->raw_bytes` at `data` and finds what need not be sent. The block is the chunk `number`, of the file
 * numbered `file`; `table` may be NULL. Fills all of `block` but its encoding. */
void fy_block_sort(struct fy_block *block, const uint8_t *data, uint32_t file, uint32_t number,
                   struct fy_page_table *table);
/* The `block->plain_bytes` that are to be sent, of a block that is sorted. `plain` may be `data`. */
void fy_block_gather(const struct fy_block *block, const uint8_t *data, uint8_t *plain);
/* Whether nothing is left out. */
bool fy_block_is_full(const struct fy_block *block);

/* Checks that the fields fit together and match `body_bytes`, before anything is read or allocated; fills
 * `plain_bytes`. FY_E_PROTOCOL. */
int fy_block_check(struct fy_block *block, size_t body_bytes, struct fy_error *err);

/* The pieces of a block that are not zero: those of `present` and those of `again`, each in their order. */
struct fy_block_parts {
    const uint8_t *plain;
    const uint8_t *known; /* may be NULL where there is none */
};

/* Reads `count` pieces of one of our own files of the set, which begin at the one referred to. */
typedef int (*fy_block_read)(void *data, const struct fy_block_ref *first, uint32_t count, uint8_t *to,
                             struct fy_error *err);
/* Reads all that is referred to into `known`, which has room for it. What `read` fails with. */
int fy_block_read_known(const struct fy_block *block, fy_block_read read, void *data, uint8_t *known,
                        struct fy_error *err);
/* Checks the hash of the raw bytes. FY_E_VERIFY. */
int fy_block_verify(const struct fy_block *block, const struct fy_block_parts *parts, const char *name,
                    struct fy_error *err);
/* Writes what is not zero to `fd`; the rest stays a hole. FY_E_NOSPACE, FY_E_IO. */
int fy_block_write(const struct fy_block *block, const struct fy_block_parts *parts, int fd, const char *name,
                   struct fy_error *err);
/* What the hash of a set is made of, one word for each chunk: where the block belongs and what is in it. */
uint64_t fy_block_record(const struct fy_block *block, uint32_t file);
/* The hash of a set with one more record; that of none is 0. */
uint64_t fy_block_chain(uint64_t digest, uint64_t record);

#endif
