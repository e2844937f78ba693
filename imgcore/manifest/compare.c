/* A manifest against a directory: names and sizes first, then the content of what has the right size. */
#include "hash_files.h"
#include "listing.h"
#include "manifest_private.h"
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <string.h>

/* An entry and the item of the same name; either may be missing. */
struct pair {
    const struct entry *entry;
    const struct item *item;
    struct hash *found; /* hashes of the item's chunks, if it was read */
};

struct comparison {
    struct pair *pairs; /* sorted by name */
    size_t count;
    struct hash *hashes; /* of all items that are read, one after the other */
    fy_manifest_difference_cb *callback;
    void *data;
    size_t differences;
};

static void match(struct comparison *comparison, const struct fy_manifest *manifest, const struct listing *listing)
{
    size_t e = 0, i = 0;

    while (e < manifest->entries.count || i < listing->items.count) {
        const struct entry *entry = e < manifest->entries.count ? &manifest->entries.items[e] : NULL;
        const struct item *item = i < listing->items.count ? &listing->items.items[i] : NULL;
        int order = !entry ? 1 : !item ? -1 : strcmp(entry->name, item->name);
        comparison->pairs[comparison->count++] =
            (struct pair){.entry = order <= 0 ? entry : NULL, .item = order >= 0 ? item : NULL};
        e += order <= 0;
        i += order >= 0;
    }
}

static bool is_to_be_read(const struct pair *pair)
{
    return pair->entry && pair->item && !pair->entry->target && pair->item->kind == ITEM_FILE &&
           pair->entry->size_bytes == pair->item->size_bytes;
}

static int read_items(struct comparison *comparison, int dir_fd, unsigned threads, struct fy_error *err)
{
    FY_AUTO_FREE struct hash_job *jobs = calloc(comparison->count + 1, sizeof(*jobs));
    uint64_t chunks = 0;
    size_t count = 0;

    for (size_t i = 0; i < comparison->count; i++)
        chunks += is_to_be_read(&comparison->pairs[i]) ? fy_chunks_of(comparison->pairs[i].entry->size_bytes) : 0;
    comparison->hashes = calloc(chunks + 1, sizeof(struct hash));
    if (!jobs || !comparison->hashes)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %" PRIu64 " hashes", chunks);
    chunks = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        struct pair *pair = &comparison->pairs[i];
        if (!is_to_be_read(pair))
            continue;
        pair->found = comparison->hashes + chunks;
        jobs[count++] = (struct hash_job){pair->item->name, pair->item->size_bytes, pair->found};
        chunks += fy_chunks_of(pair->item->size_bytes);
    }
    return fy_hash_files(dir_fd, jobs, count, threads, err);
}

/* The first run of wrong chunks, and how many are wrong in all. */
static bool compare_chunks(const struct pair *pair, struct fy_manifest_difference *difference)
{
    uint64_t size = pair->entry->size_bytes, first = 0, run = 0, wrong = 0;

    for (uint64_t i = 0; i < fy_chunks_of(size); i++) {
        if (memcmp(fy_entry_chunk(pair->entry, i), &pair->found[i], sizeof(struct hash)) == 0)
            continue;
        if (wrong++ == 0)
            first = i;
        run += i == first + run;
    }
    difference->kind = FY_DIFFERENCE_CHANGED;
    difference->wrong_chunks = wrong;
    difference->first_byte = first * FY_MANIFEST_CHUNK_BYTES;
    difference->byte_count = run * FY_MANIFEST_CHUNK_BYTES;
    if (difference->byte_count > size - difference->first_byte)
        difference->byte_count = size - difference->first_byte;
    return wrong > 0;
}

static bool compare_both(const struct pair *pair, struct fy_manifest_difference *difference)
{
    const struct entry *entry = pair->entry;
    const struct item *item = pair->item;

    difference->expected_bytes = entry->size_bytes;
    difference->found_bytes = item->size_bytes;
    difference->expected_target = entry->target;
    difference->found_target = item->target;
    if (item->kind != (entry->target ? ITEM_LINK : ITEM_FILE)) {
        difference->kind = FY_DIFFERENCE_KIND;
        return true;
    }
    if (entry->target) {
        difference->kind = FY_DIFFERENCE_LINK;
        return strcmp(entry->target, item->target) != 0;
    }
    if (entry->size_bytes != item->size_bytes) {
        difference->kind = FY_DIFFERENCE_SIZE;
        return true;
    }
    return compare_chunks(pair, difference);
}

static void judge(struct comparison *comparison, const struct pair *pair)
{
    struct fy_manifest_difference difference = {.name = pair->entry ? pair->entry->name : pair->item->name};

    if (!pair->item)
        difference.kind = FY_DIFFERENCE_MISSING;
    else if (!pair->entry)
        difference.kind = FY_DIFFERENCE_EXTRA;
    else if (!compare_both(pair, &difference))
        return;
    comparison->differences++;
    if (comparison->callback)
        comparison->callback(&difference, comparison->data);
}

static int compare(struct comparison *comparison, const struct fy_manifest *manifest, const struct listing *listing,
                   int dir_fd, unsigned threads, struct fy_error *err)
{
    comparison->pairs = calloc(manifest->entries.count + listing->items.count + 1, sizeof(*comparison->pairs));
    if (!comparison->pairs)
        return fy_error_set(err, FY_E_NOMEM, "no memory to compare an image set");
    match(comparison, manifest, listing);
    if (read_items(comparison, dir_fd, threads, err) < 0)
        return -1;
    for (size_t i = 0; i < comparison->count; i++)
        judge(comparison, &comparison->pairs[i]);
    return 0;
}

int fy_manifest_compare(const struct fy_manifest *manifest, int dir_fd, unsigned threads,
                        fy_manifest_difference_cb *callback, void *data, size_t *count, struct fy_error *err)
{
    struct comparison comparison = {.callback = callback, .data = data};
    struct listing listing;
    int result = fy_listing_read(&listing, dir_fd, err);

    if (result == 0)
        result = compare(&comparison, manifest, &listing, dir_fd, threads, err);
    if (result == 0)
        *count = comparison.differences;
    free(comparison.pairs);
    free(comparison.hashes);
    fy_listing_done(&listing);
    return result;
}
