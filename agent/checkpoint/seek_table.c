/* Reading and writing seek tables. */
#include "seek_table.h"

#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>
#include <string.h>

#define SKIPPABLE_MAGIC 0x184D2A5Eu
#define SEEKABLE_MAGIC 0x8F92EAB1u

int seek_table_add(struct seek_table *table, uint32_t stored_bytes, uint32_t plain_bytes, struct fy_error *err)
{
    if (fy_array_room(&table->chunks, &table->capacity, table->count, sizeof *table->chunks, "the table of a file",
                      err) < 0)
        return -1;
    const struct seek_chunk *last = table->count ? &table->chunks[table->count - 1] : NULL;
    table->chunks[table->count++] =
        (struct seek_chunk){last ? last->stored_offset + last->stored_bytes : 0, stored_bytes, plain_bytes};
    return 0;
}

static int put32(struct fy_buf *out, uint32_t value, struct fy_error *err)
{
    return fy_buf_append(out, &value, sizeof value, err);
}

int seek_table_write(const struct seek_table *table, struct fy_buf *out, struct fy_error *err)
{
    const uint8_t descriptor = 0; /* no checksums: there are better ones */
    if (table->count > (UINT32_MAX - SEEK_FOOTER_BYTES) / SEEK_ENTRY_BYTES)
        return fy_error_set(err, FY_E_LIMIT, "a file of %zu chunks", table->count);
    if (put32(out, SKIPPABLE_MAGIC, err) < 0 ||
        put32(out, (uint32_t)(table->count * SEEK_ENTRY_BYTES + SEEK_FOOTER_BYTES), err) < 0)
        return -1;
    for (size_t i = 0; i < table->count; i++) {
        if (put32(out, table->chunks[i].stored_bytes, err) < 0 || put32(out, table->chunks[i].plain_bytes, err) < 0)
            return -1;
    }
    if (put32(out, (uint32_t)table->count, err) < 0 || fy_buf_append(out, &descriptor, 1, err) < 0)
        return -1;
    return put32(out, SEEKABLE_MAGIC, err);
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

int64_t seek_table_count(const uint8_t footer[SEEK_FOOTER_BYTES])
{
    return get32(footer + 5) == SEEKABLE_MAGIC && footer[4] == 0 ? (int64_t)get32(footer) : -1;
}

static int check_sums(struct seek_table *table, uint32_t chunk_bytes, uint64_t plain_bytes, uint64_t stored_offset,
                      struct fy_error *err)
{
    uint64_t left = plain_bytes;
    for (size_t i = 0; i < table->count; i++) {
        uint64_t expected = left < chunk_bytes ? left : chunk_bytes;
        table->chunks[i].stored_offset += stored_offset;
        if (table->chunks[i].plain_bytes != expected || expected == 0)
            return fy_error_set(err, FY_E_FORMAT, "its table does not fit its content");
        left -= expected;
    }
    return left == 0 ? 0 : fy_error_set(err, FY_E_FORMAT, "its table does not fit its content");
}

int seek_table_parse(struct seek_table *table, const uint8_t *data, size_t size, uint32_t chunk_bytes,
                     uint64_t plain_bytes, uint64_t stored_offset, struct fy_error *err)
{
    *table = (struct seek_table){0};
    int64_t count =
        size >= SEEK_FRAME_BYTES + SEEK_FOOTER_BYTES ? seek_table_count(data + size - SEEK_FOOTER_BYTES) : -1;
    if (count < 0 || size != SEEK_FRAME_BYTES + (uint64_t)count * SEEK_ENTRY_BYTES + SEEK_FOOTER_BYTES ||
        get32(data) != SKIPPABLE_MAGIC)
        return fy_error_set(err, FY_E_FORMAT, "it has no table of its chunks");
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *entry = data + SEEK_FRAME_BYTES + (uint64_t)i * SEEK_ENTRY_BYTES;
        if (seek_table_add(table, get32(entry), get32(entry + 4), err) < 0)
            return -1;
    }
    return check_sums(table, chunk_bytes, plain_bytes, stored_offset, err);
}

void seek_table_done(struct seek_table *table)
{
    free(table->chunks);
    *table = (struct seek_table){0};
}
