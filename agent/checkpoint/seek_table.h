/* The table at the end of a packed file, in the form of zstd's seekable format (a skippable frame): how long each chunk
 * is stored and plain. Private to the store. */
#ifndef FERRY_CHECKPOINT_SEEK_TABLE_H
#define FERRY_CHECKPOINT_SEEK_TABLE_H

#include <ferry/base/buf.h>

struct seek_chunk {
    uint64_t stored_offset;
    uint32_t stored_bytes, plain_bytes;
};

struct seek_table {
    struct seek_chunk *chunks;
    size_t count, capacity;
};

#define SEEK_FRAME_BYTES 8u  /* before the entries */
#define SEEK_FOOTER_BYTES 9u /* behind them */
#define SEEK_ENTRY_BYTES 8u

int seek_table_add(struct seek_table *table, uint32_t stored_bytes, uint32_t plain_bytes, struct fy_error *err);
int seek_table_write(const struct seek_table *table, struct fy_buf *out, struct fy_error *err);
/* The number of entries that a footer names; -1: it is none. */
int64_t seek_table_count(const uint8_t footer[SEEK_FOOTER_BYTES]);
/* From the whole frame. Chunks are expected to be of `chunk_bytes` but for the last, `plain_bytes` in all, and to begin
 * at `stored_offset`. FY_E_FORMAT. */
int seek_table_parse(struct seek_table *table, const uint8_t *data, size_t size, uint32_t chunk_bytes,
                     uint64_t plain_bytes, uint64_t stored_offset, struct fy_error *err);
void seek_table_done(struct seek_table *table);

#endif
