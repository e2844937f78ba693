/* From a directory to a manifest: list, hash, gather facts, compute the root. */
#include "facts.h"
#include "hash_files.h"
#include "listing.h"
#include "manifest_private.h"
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <string.h>

static int refuse(const struct item *item, struct fy_error *err)
{
    (void)fy_error_set(err, FY_E_UNSUPPORTED, "%s is %s: an image set has regular files and the link `parent` only",
                       item->name, item->kind_name);
    return fy_error_next(err, "Move it out of the directory.");
}

/* Entries with room for the hashes of their chunks. The names are taken out of the listing. */
static int make_entries(struct fy_manifest *manifest, struct listing *listing, struct fy_error *err)
{
    uint64_t chunks = 0;

    for (size_t i = 0; i < listing->items.count; i++) {
        struct item *item = &listing->items.items[i];
        uint64_t count = fy_chunks_of(item->size_bytes);
        struct entry entry = {.size_bytes = item->size_bytes};
        if (item->kind == ITEM_OTHER)
            return refuse(item, err);
        chunks += count > CHUNKS_MAX ? CHUNKS_MAX + 1u : count > 1 ? count : 0;
        if (chunks > CHUNKS_MAX)
            return fy_error_set(err, FY_E_LIMIT, "%s: the files are larger than 4 TiB together", item->name);
        if (count > 1 && !(entry.chunks = calloc(count, sizeof(struct hash))))
            return fy_error_set(err, FY_E_NOMEM, "no memory for %" PRIu64 " hashes", count);
        if (vector_push(&manifest->entries, err, entry) < 0) {
            free(entry.chunks);
            return -1;
        }
        manifest->entries.items[i].name = fy_take(item->name);
        manifest->entries.items[i].target = fy_take(item->target);
    }
    return 0;
}

static int hash_contents(struct fy_manifest *manifest, int dir_fd, unsigned threads, struct fy_error *err)
{
    size_t count = 0;
    FY_AUTO_FREE struct hash_job *jobs = calloc(manifest->entries.count + 1, sizeof(*jobs));

    if (!jobs)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the files of an image set");
    for (size_t i = 0; i < manifest->entries.count; i++) {
        struct entry *entry = &manifest->entries.items[i];
        if (!entry->target)
            jobs[count++] =
                (struct hash_job){entry->name, entry->size_bytes, entry->chunks ? entry->chunks : &entry->root};
    }
    return fy_hash_files(dir_fd, jobs, count, threads, err);
}

static int compute_roots(struct fy_manifest *manifest, struct hasher *hasher, struct fy_error *err)
{
    for (size_t i = 0; i < manifest->entries.count; i++) {
        struct entry *entry = &manifest->entries.items[i];
        int result = 0;
        if (entry->target)
            result = fy_hash_chunk(hasher, entry->target, entry->size_bytes, &entry->root, err);
        else if (entry->chunks)
            result = fy_hash_tree(hasher, entry->chunks, fy_chunks_of(entry->size_bytes), &entry->root, err);
        if (result < 0)
            return -1;
    }
    return fy_manifest_compute_root(manifest, hasher, &manifest->root, err);
}

/* The manifest of the level before, if it has one, is part of what this one says: a signature covers the whole chain.
 */
static int bind_parent(Ferry__Manifest__Facts *facts, const struct listing *listing, int dir_fd, struct fy_error *err)
{
    struct fy_manifest *before = NULL;
    struct fy_error error = FY_ERROR_INIT;
    bool has_link = false;

    for (size_t i = 0; i < listing->items.count; i++)
        has_link |= listing->items.items[i].kind == ITEM_LINK;
    FY_AUTO_CLOSE int fd = has_link ? openat(dir_fd, PARENT_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    if (fy_manifest_read(fd, FY_MANIFEST_NAME, &before, &error) < 0) {
        if (error.code == FY_E_NOT_FOUND)
            return 0;
        fy_error_propagate(err, &error);
        return fy_error_wrap(err, PARENT_NAME);
    }
    facts->parent_root.data = malloc(FY_MANIFEST_HASH_BYTES);
    if (facts->parent_root.data) {
        memcpy(facts->parent_root.data, before->root.bytes, FY_MANIFEST_HASH_BYTES);
        facts->parent_root.len = FY_MANIFEST_HASH_BYTES;
        facts->has_parent_root = true;
    }
    fy_manifest_free(before);
    return facts->has_parent_root ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
}

static int pack_facts(struct fy_manifest *manifest, struct fy_error *err)
{
    size_t size = ferry__manifest__facts__get_packed_size(manifest->facts);

    if (size > FACTS_MAX_BYTES)
        return fy_error_set(err, FY_E_LIMIT, "the facts of the set take %zu bytes, more than %u", size,
                            FACTS_MAX_BYTES);
    manifest->facts_wire = malloc(size + 1);
    if (!manifest->facts_wire)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
    manifest->facts_wire_size = ferry__manifest__facts__pack(manifest->facts, manifest->facts_wire);
    return 0;
}

static int fill(struct fy_manifest *manifest, struct listing *listing, int dir_fd,
                const struct fy_manifest_options *options, struct fy_error *err)
{
    struct hasher hasher;
    int result;

    if (fy_facts_gather(dir_fd, listing, options, &manifest->facts, err) < 0 ||
        bind_parent(manifest->facts, listing, dir_fd, err) < 0 || pack_facts(manifest, err) < 0 ||
        make_entries(manifest, listing, err) < 0 || hash_contents(manifest, dir_fd, options->threads, err) < 0 ||
        fy_hasher_init(&hasher, err) < 0)
        return -1;
    result = compute_roots(manifest, &hasher, err);
    fy_hasher_done(&hasher);
    return result;
}

int fy_manifest_create(int dir_fd, const struct fy_manifest_options *options, struct fy_manifest **manifest,
                       struct fy_error *err)
{
    static const struct fy_manifest_options defaults;
    struct fy_manifest *made = calloc(1, sizeof(*made));
    struct listing listing;
    int result;

    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a manifest");
    result = fy_listing_read(&listing, dir_fd, err);
    if (result == 0)
        result = fill(made, &listing, dir_fd, options ? options : &defaults, err);
    fy_listing_done(&listing);
    if (result == 0)
        *manifest = fy_take(made);
    fy_manifest_free(made);
    return result;
}
