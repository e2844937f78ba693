/* Packing and unpacking of blocks. */
#include "block.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const uint8_t zero_piece[FY_PIECE_BYTES];

static uint32_t piece_count(uint32_t raw_bytes)
{
    return (raw_bytes + FY_PIECE_BYTES - 1) / FY_PIECE_BYTES;
}

static uint32_t piece_size(uint32_t raw_bytes, uint32_t piece)
{
    uint32_t left = raw_bytes - piece * FY_PIECE_BYTES;
    return left < FY_PIECE_BYTES ? left : FY_PIECE_BYTES;
}

static bool is_present(const struct fy_block *block, uint32_t piece)
{
    return !block->sparse || (block->present[piece / 8] >> (piece % 8) & 1);
}

void fy_block_pack(struct fy_block *block, uint8_t *data)
{
    block->xxh3 = XXH3_64bits(data, block->raw_bytes);
    block->body_bytes = 0;
    memset(block->present, 0, sizeof block->present);
    for (uint32_t piece = 0; piece < piece_count(block->raw_bytes); piece++) {
        uint32_t size = piece_size(block->raw_bytes, piece);
        const uint8_t *from = data + (size_t)piece * FY_PIECE_BYTES;
        if (memcmp(from, zero_piece, size) == 0)
            continue;
        block->present[piece / 8] |= (uint8_t)(1u << (piece % 8));
        if (from != data + block->body_bytes)
            memmove(data + block->body_bytes, from, size);
        block->body_bytes += size;
    }
    block->sparse = block->body_bytes != block->raw_bytes;
}

int fy_block_check(const struct fy_block *block, size_t body_bytes, struct fy_error *err)
{
    if (block->raw_bytes == 0 || block->raw_bytes > FY_BLOCK_BYTES)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk of %u bytes (1 to %u are allowed)", block->raw_bytes,
                            FY_BLOCK_BYTES);
    size_t expected = 0;
    for (uint32_t piece = 0; piece < piece_count(block->raw_bytes); piece++)
        expected += is_present(block, piece) ? piece_size(block->raw_bytes, piece) : 0;
    if (expected != body_bytes)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk's body has %zu bytes where its bitmap says %zu", body_bytes,
                            expected);
    return 0;
}

static int check_hash(const struct fy_block *block, const uint8_t *body, const char *name, struct fy_error *err)
{
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    for (uint32_t piece = 0; piece < piece_count(block->raw_bytes); piece++) {
        uint32_t size = piece_size(block->raw_bytes, piece);
        bool present = is_present(block, piece);
        (void)XXH3_64bits_update(&state, present ? body : zero_piece, size);
        body += present ? size : 0;
    }
    if (XXH3_64bits_digest(&state) == block->xxh3)
        return 0;
    fy_error_set(err, FY_E_VERIFY, "%s: the block at offset %llu arrived damaged (hash differs)", name,
                 (unsigned long long)block->offset);
    return fy_error_next(err, "start the migration again; if it happens twice, check the memory of both hosts");
}

static int write_run(int fd, const uint8_t *data, size_t size, uint64_t offset, const char *name, struct fy_error *err)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            (void)fy_error_errno(err, errno, "writing %s at offset %llu", name, (unsigned long long)offset);
            return fy_error_next(err,
                                 "make room on the file system of run_dir at the destination (a tmpfs: enlarge it)");
        }
        data += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int fy_block_write(const struct fy_block *block, const uint8_t *body, int fd, const char *name, struct fy_error *err)
{
    if (check_hash(block, body, name, err) < 0)
        return -1;
    uint32_t pieces = piece_count(block->raw_bytes);
    for (uint32_t piece = 0; piece < pieces;) {
        if (!is_present(block, piece)) {
            piece++;
            continue;
        }
        uint32_t first = piece;
        size_t size = 0;
        for (; piece < pieces && is_present(block, piece); piece++)
            size += piece_size(block->raw_bytes, piece);
        if (write_run(fd, body, size, block->offset + (uint64_t)first * FY_PIECE_BYTES, name, err) < 0)
            return -1;
        body += size;
    }
    return 0;
}

uint64_t fy_block_record(const struct fy_block *block, uint32_t file)
{
    const uint64_t words[] = {htole64(file), htole64(block->offset), htole64(block->raw_bytes), htole64(block->xxh3)};
    return htole64(XXH3_64bits(words, sizeof words));
}
