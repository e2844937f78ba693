/* The manifest object: what is in it, and its root. */
#include "manifest_private.h"
#include <ferry/base/cleanup.h>
#include <string.h>

static void add_entry(struct hasher *hasher, const struct entry *entry)
{
    size_t name_bytes = strlen(entry->name);

    fy_hash_add_number(hasher, entry->target ? FERRY__MANIFEST__KIND__LINK : FERRY__MANIFEST__KIND__FILE, 1);
    fy_hash_add_number(hasher, name_bytes, 4);
    fy_hash_add(hasher, entry->name, name_bytes);
    fy_hash_add_number(hasher, entry->size_bytes, 8);
    fy_hash_add(hasher, entry->root.bytes, sizeof(entry->root));
}

int fy_manifest_compute_root(const struct fy_manifest *manifest, struct hasher *hasher, struct hash *root,
                             struct fy_error *err)
{
    struct hash list;

    fy_hash_begin(hasher, HASH_LIST);
    fy_hash_add_number(hasher, manifest->entries.count, 8);
    for (size_t i = 0; i < manifest->entries.count; i++)
        add_entry(hasher, &manifest->entries.items[i]);
    if (fy_hash_end(hasher, &list, err) < 0)
        return -1;
    fy_hash_begin(hasher, HASH_SET);
    fy_hash_add(hasher, list.bytes, sizeof(list));
    fy_hash_add(hasher, manifest->facts_wire, manifest->facts_wire_size);
    return fy_hash_end(hasher, root, err);
}

int fy_manifest_add_signature(struct fy_manifest *manifest, const void *data, size_t size, struct fy_error *err)
{
    struct signature signature = {.data = malloc(size ? size : 1), .size = size};

    if (manifest->signatures.count >= SIGNATURES_MAX || size > SIGNATURE_MAX_BYTES) {
        free(signature.data);
        return fy_error_set(err, FY_E_LIMIT, "a manifest holds up to %d signatures of %u bytes", SIGNATURES_MAX,
                            SIGNATURE_MAX_BYTES);
    }
    if (!signature.data)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a signature");
    memcpy(signature.data, data, size);
    if (vector_push(&manifest->signatures, err, signature) == 0)
        return 0;
    free(signature.data);
    return -1;
}

void fy_manifest_free(struct fy_manifest *manifest)
{
    if (!manifest)
        return;
    for (size_t i = 0; i < manifest->entries.count; i++) {
        free(manifest->entries.items[i].name);
        free(manifest->entries.items[i].target);
        free(manifest->entries.items[i].chunks);
    }
    for (size_t i = 0; i < manifest->signatures.count; i++)
        free(manifest->signatures.items[i].data);
    if (manifest->facts)
        ferry__manifest__facts__free_unpacked(manifest->facts, NULL);
    free(manifest->entries.items);
    free(manifest->signatures.items);
    free(manifest->facts_wire);
    free(manifest);
}

const uint8_t *fy_manifest_root(const struct fy_manifest *manifest)
{
    return manifest->root.bytes;
}

void fy_manifest_root_line(const struct fy_manifest *manifest, char line[FY_MANIFEST_ROOT_LINE_SIZE])
{
    char *end = stpcpy(line, MANIFEST_HASH ":");

    for (size_t i = 0; i < sizeof(manifest->root); i++, end += 2)
        (void)snprintf(end, 3, "%02x", manifest->root.bytes[i]);
    (void)strcpy(end, "\n");
}

const Ferry__Manifest__Facts *fy_manifest_facts(const struct fy_manifest *manifest)
{
    return manifest->facts;
}

size_t fy_manifest_count(const struct fy_manifest *manifest)
{
    return manifest->entries.count;
}

struct fy_manifest_entry fy_manifest_get(const struct fy_manifest *manifest, size_t index)
{
    const struct entry *entry = &manifest->entries.items[index];

    return (struct fy_manifest_entry){.name = entry->name,
                                      .target = entry->target,
                                      .size_bytes = entry->size_bytes,
                                      .root = entry->root.bytes,
                                      .chunk_count = fy_chunks_of(entry->size_bytes)};
}

static int compare_entries(const void *left, const void *right)
{
    return strcmp(((const struct entry *)left)->name, ((const struct entry *)right)->name);
}

ptrdiff_t fy_manifest_find(const struct fy_manifest *manifest, const char *name)
{
    const struct entry key = {.name = (char *)(uintptr_t)name};
    const struct entry *found = vector_find(&manifest->entries, &key, compare_entries);

    return found ? found - manifest->entries.items : -1;
}

uint64_t fy_manifest_total_bytes(const struct fy_manifest *manifest)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < manifest->entries.count; i++)
        if (!manifest->entries.items[i].target)
            bytes += manifest->entries.items[i].size_bytes; /* at most CHUNKS_MAX chunks, so no overflow */
    return bytes;
}

const struct hash *fy_entry_chunk(const struct entry *entry, uint64_t index)
{
    return entry->chunks ? &entry->chunks[index] : &entry->root;
}
