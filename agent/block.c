/* Taking blocks apart and putting them together. */
#include "block.h"

#include "hash.h"
#include "page_table.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const uint8_t zero_piece[FY_PIECE_BYTES];

static uint32_t piece_count(const struct fy_block *block)
{
    return (block->raw_bytes + FY_PIECE_BYTES - 1) / FY_PIECE_BYTES;
}

static uint32_t piece_size(const struct fy_block *block, uint32_t piece)
{
    uint32_t left = block->raw_bytes - piece * FY_PIECE_BYTES;
    return left < FY_PIECE_BYTES ? left : FY_PIECE_BYTES;
}

static bool has_bit(const uint8_t *bitmap, uint32_t piece)
{
    return bitmap[piece / 8] >> (piece % 8) & 1;
}

static void set_bit(uint8_t *bitmap, uint32_t piece)
{
    bitmap[piece / 8] |= (uint8_t)(1u << (piece % 8));
}

size_t fy_block_put_refs(const struct fy_block *block, uint8_t *to)
{
    for (uint32_t i = 0; i < block->ref_count; i++) {
        uint32_t words[] = {htole32(block->refs[i].file), htole32(block->refs[i].piece)};
        memcpy(to + (size_t)i * FY_REF_BYTES, words, FY_REF_BYTES);
    }
    return (size_t)block->ref_count * FY_REF_BYTES;
}

int fy_block_get_refs(struct fy_block *block, const uint8_t *from, size_t size, struct fy_error *err)
{
    if (size % FY_REF_BYTES != 0 || size / FY_REF_BYTES > FY_BLOCK_PIECES)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk's references have %zu bytes", size);
    block->ref_count = (uint32_t)(size / FY_REF_BYTES);
    for (uint32_t i = 0; i < block->ref_count; i++) {
        uint32_t words[2];
        memcpy(words, from + (size_t)i * FY_REF_BYTES, FY_REF_BYTES);
        block->refs[i] = (struct fy_block_ref){.file = le32toh(words[0]), .piece = le32toh(words[1])};
    }
    return 0;
}

/* ---- apart ---- */

static void find_known(struct fy_block *block, const uint8_t *data, uint32_t file, uint32_t number,
                       struct fy_page_table *table)
{
    const uint8_t *pages[FY_BLOCK_PIECES] = {0};
    uint32_t pieces[FY_BLOCK_PIECES];
    struct fy_block_ref places[FY_BLOCK_PIECES];
    bool found[FY_BLOCK_PIECES];
    uint32_t first = (uint32_t)(block->offset / FY_PIECE_BYTES);
    size_t count = 0;
    for (uint32_t piece = 0; piece < block->raw_bytes / FY_PIECE_BYTES; piece++) {
        if (!has_bit(block->present, piece))
            continue;
        pages[count] = data + (size_t)piece * FY_PIECE_BYTES;
        places[count] = (struct fy_block_ref){.file = file, .piece = first + piece};
        pieces[count++] = piece;
    }
    fy_page_table_look(table, number, pages, places, found, count);
    for (size_t i = 0; i < count; i++) {
        if (!found[i])
            continue;
        block->present[pieces[i] / 8] &= (uint8_t) ~(1u << (pieces[i] % 8));
        set_bit(block->again, pieces[i]);
        block->refs[block->ref_count++] = places[i];
    }
}

/* Files beyond that are not referred to, so that the number of a piece has 32 bits. */
static bool can_be_referred_to(const struct fy_block *block)
{
    return block->offset / FY_PIECE_BYTES <= UINT32_MAX - FY_BLOCK_PIECES;
}

void fy_block_sort(struct fy_block *block, const uint8_t *data, uint32_t file, uint32_t number,
                   struct fy_page_table *table)
{
    block->xxh3 = fy_hash()->bytes(data, block->raw_bytes);
    block->ref_count = 0;
    block->plain_bytes = 0;
    memset(block->present, 0, sizeof block->present);
    memset(block->again, 0, sizeof block->again);
    for (uint32_t piece = 0; piece < piece_count(block); piece++)
        if (memcmp(data + (size_t)piece * FY_PIECE_BYTES, zero_piece, piece_size(block, piece)) != 0)
            set_bit(block->present, piece);
    if (table && can_be_referred_to(block))
        find_known(block, data, file, number, table);
    for (uint32_t piece = 0; piece < piece_count(block); piece++)
        block->plain_bytes += has_bit(block->present, piece) ? piece_size(block, piece) : 0;
}

void fy_block_gather(const struct fy_block *block, const uint8_t *data, uint8_t *plain)
{
    for (uint32_t piece = 0; piece < piece_count(block); piece++) {
        if (!has_bit(block->present, piece))
            continue;
        memmove(plain, data + (size_t)piece * FY_PIECE_BYTES, piece_size(block, piece));
        plain += piece_size(block, piece);
    }
}

bool fy_block_is_full(const struct fy_block *block)
{
    return block->plain_bytes == block->raw_bytes;
}

/* ---- together ---- */

static int check_bitmaps(struct fy_block *block, struct fy_error *err)
{
    uint32_t again = 0;
    block->plain_bytes = 0;
    for (uint32_t piece = 0; piece < FY_BLOCK_PIECES; piece++) {
        bool present = has_bit(block->present, piece);
        bool known = has_bit(block->again, piece);
        if ((present && known) || ((present || known) && piece >= piece_count(block)) ||
            (known && piece_size(block, piece) != FY_PIECE_BYTES))
            return fy_error_set(err, FY_E_PROTOCOL, "a chunk of %u bytes whose bitmaps contradict each other at %u",
                                block->raw_bytes, piece);
        block->plain_bytes += present ? piece_size(block, piece) : 0;
        again += known;
    }
    if (again != block->ref_count)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk has %u references where its bitmap says %u", block->ref_count,
                            again);
    return 0;
}

int fy_block_check(struct fy_block *block, size_t body_bytes, struct fy_error *err)
{
    if (block->raw_bytes == 0 || block->raw_bytes > FY_BLOCK_BYTES)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk of %u bytes (1 to %u are allowed)", block->raw_bytes,
                            FY_BLOCK_BYTES);
    if (check_bitmaps(block, err) < 0)
        return -1;
    if (block->encoding >= FY_ENCODING_COUNT)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk of encoding %u, which this version does not know",
                            (unsigned)block->encoding);
    bool packed = block->encoding != FY_ENCODING_PLAIN;
    if (packed ? body_bytes == 0 || body_bytes >= block->plain_bytes : body_bytes != block->plain_bytes)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk's body has %zu bytes where its bitmap says %u", body_bytes,
                            block->plain_bytes);
    return 0;
}

/* How many references from `ref` on are to pieces in a row, for places in a row. */
static uint32_t run_of_refs(const struct fy_block *block, uint32_t ref, uint32_t piece)
{
    const struct fy_block_ref *first = &block->refs[ref];
    uint32_t count = 1;
    while (ref + count < block->ref_count && piece + count < FY_BLOCK_PIECES && has_bit(block->again, piece + count) &&
           first[count].file == first->file && first->piece <= UINT32_MAX - count &&
           first[count].piece == first->piece + count)
        count++;
    return count;
}

int fy_block_read_known(const struct fy_block *block, fy_block_read read, void *data, uint8_t *known,
                        struct fy_error *err)
{
    uint32_t ref = 0;
    for (uint32_t piece = 0; ref < block->ref_count;) {
        uint32_t count = 1;
        if (has_bit(block->again, piece)) {
            count = run_of_refs(block, ref, piece);
            if (read(data, &block->refs[ref], count, known + (size_t)ref * FY_PIECE_BYTES, err) < 0)
                return -1;
            ref += count;
        }
        piece += count;
    }
    return 0;
}

/* Goes over the raw bytes from their beginning. */
struct walk {
    const struct fy_block *block;
    struct fy_block_parts left; /* where the rest of them is */
    uint32_t piece;
};

/* Pieces in a row that lie together, or are all zero. */
struct run {
    const uint8_t *data; /* NULL: zero */
    size_t offset;       /* in the raw bytes */
    size_t size;
};

static bool next_run(struct walk *walk, struct run *run)
{
    const struct fy_block *block = walk->block;
    uint32_t pieces = piece_count(block);
    if (walk->piece == pieces)
        return false;
    bool present = has_bit(block->present, walk->piece);
    bool known = has_bit(block->again, walk->piece);
    *run = (struct run){.offset = (size_t)walk->piece * FY_PIECE_BYTES};
    for (; walk->piece < pieces && has_bit(block->present, walk->piece) == present &&
           has_bit(block->again, walk->piece) == known;
         walk->piece++)
        run->size += piece_size(block, walk->piece);
    if (present) {
        run->data = walk->left.plain;
        walk->left.plain += run->size;
    } else if (known) {
        run->data = walk->left.known;
        walk->left.known += run->size;
    }
    return true;
}

static void hash_run(const struct fy_hash *hash, XXH3_state_t *state, const struct run *run)
{
    if (run->data) {
        hash->more(state, run->data, run->size);
        return;
    }
    size_t size;
    for (size_t left = run->size; left > 0; left -= size) {
        size = left < FY_PIECE_BYTES ? left : FY_PIECE_BYTES;
        hash->more(state, zero_piece, size);
    }
}

int fy_block_verify(const struct fy_block *block, const struct fy_block_parts *parts, const char *name,
                    struct fy_error *err)
{
    struct walk walk = {.block = block, .left = *parts};
    struct run run;
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    while (next_run(&walk, &run))
        hash_run(fy_hash(), &state, &run);
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

int fy_block_write(const struct fy_block *block, const struct fy_block_parts *parts, int fd, const char *name,
                   struct fy_error *err)
{
    struct walk walk = {.block = block, .left = *parts};
    struct run run;
    while (next_run(&walk, &run))
        if (run.data && write_run(fd, run.data, run.size, block->offset + run.offset, name, err) < 0)
            return -1;
    return 0;
}

uint64_t fy_block_record(const struct fy_block *block, uint32_t file)
{
    const uint64_t words[] = {htole64(file), htole64(block->offset), htole64(block->raw_bytes), htole64(block->xxh3)};
    return XXH3_64bits(words, sizeof words);
}

uint64_t fy_block_chain(uint64_t digest, uint64_t record)
{
    const uint64_t words[] = {htole64(digest), htole64(record)};
    return XXH3_64bits(words, sizeof words);
}
