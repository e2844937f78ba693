/* A cache of hashes: sets of a few entries; the hash chooses the set. */
#include "page_table.h"

#include "hash.h"

#include <stdlib.h>
#include <sys/random.h>
#include <uv.h>

/* 8 MiB for 262,144 pages, which is 1 GiB of different ones. */
#define SET_BITS 16u
#define WAYS 4u

struct entry {
    XXH128_hash_t hash;
    struct fy_block_ref place;
    uint32_t chunk; /* number plus one; 0: empty */
};

struct fy_page_table {
    uv_mutex_t lock;
    uint64_t secret;
    uint32_t kept_chunks;
    struct entry (*sets)[WAYS];
};

struct fy_page_table *fy_page_table_new(void)
{
    struct fy_page_table *table = calloc(1, sizeof *table);
    if (table)
        table->sets = calloc(1u << SET_BITS, sizeof *table->sets);
    bool is_ready = table && table->sets && getrandom(&table->secret, sizeof table->secret, 0) > 0;
    if (!is_ready || uv_mutex_init(&table->lock) != 0) {
        if (table)
            free(table->sets);
        free(table);
        return NULL;
    }
    return table;
}

void fy_page_table_free(struct fy_page_table *table)
{
    if (!table)
        return;
    uv_mutex_destroy(&table->lock);
    free(table->sets);
    free(table);
}

static bool is_same(const struct entry *entry, const XXH128_hash_t *hash)
{
    return entry->chunk != 0 && entry->hash.low64 == hash->low64 && entry->hash.high64 == hash->high64;
}

static bool look_up(struct fy_page_table *table, uint32_t number, const XXH128_hash_t *hash, struct fy_block_ref *place)
{
    struct entry *set = table->sets[hash->low64 & ((1u << SET_BITS) - 1)];
    struct entry *oldest = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (is_same(&set[i], hash)) {
            bool is_kept = set[i].chunk <= table->kept_chunks;
            if (is_kept)
                *place = set[i].place;
            return is_kept; /* else it is on its way, and the first to come is as good as any */
        }
        if (set[i].chunk < oldest->chunk)
            oldest = &set[i];
    }
    *oldest = (struct entry){.hash = *hash, .place = *place, .chunk = number + 1};
    return false;
}

void fy_page_table_look(struct fy_page_table *table, uint32_t number, const uint8_t *const *pages,
                        struct fy_block_ref *places, bool *found, size_t count)
{
    XXH128_hash_t hashes[FY_BLOCK_PIECES];
    const struct fy_hash *hash = fy_hash();
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash->page(pages[i], FY_PIECE_BYTES, table->secret);
    uv_mutex_lock(&table->lock);
    for (size_t i = 0; i < count; i++)
        found[i] = look_up(table, number, &hashes[i], &places[i]);
    uv_mutex_unlock(&table->lock);
}

void fy_page_table_kept(struct fy_page_table *table, uint32_t chunks)
{
    uv_mutex_lock(&table->lock);
    table->kept_chunks = chunks;
    uv_mutex_unlock(&table->lock);
}
