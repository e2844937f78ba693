/* A manifest in memory, as the parts of this folder share it. */
#ifndef FERRY_MANIFEST_PRIVATE_H
#define FERRY_MANIFEST_PRIVATE_H

#include "../vector.h"
#include "tree.h"
#include <ferry/imgcore/manifest.h>

#define PARENT_NAME "parent"
#define MANIFEST_NEW_SUFFIX ".new"
#define MANIFEST_MAGIC "FYMANIF1"
#define MANIFEST_MAGIC_BYTES 8
#define MANIFEST_VERSION 1
#define MANIFEST_HASH "sha256"

#define ENTRIES_MAX 1000000
#define CHUNKS_MAX (4u << 20) /* of all files: 4 TiB */
#define FACTS_MAX_BYTES (16u << 20)
#define SIGNATURES_MAX 16
#define SIGNATURE_MAX_BYTES 4096u

struct entry {
    char *name;
    char *target; /* of a link */
    uint64_t size_bytes;
    struct hash root;
    struct hash *chunks; /* NULL when there is only one, whose hash is the root */
};

struct signature {
    uint8_t *data;
    size_t size;
};

struct fy_manifest {
    VECTOR(struct entry) entries; /* sorted by name */
    Ferry__Manifest__Facts *facts;
    uint8_t *facts_wire; /* as it stands in the file and is hashed */
    size_t facts_wire_size;
    VECTOR(struct signature) signatures;
    struct hash root;
};

/* The root over the entries and the facts as they are. */
int fy_manifest_compute_root(const struct fy_manifest *manifest, struct hasher *hasher, struct hash *root,
                             struct fy_error *err);
/* Copies an SSHSIG blob into the manifest. */
int fy_manifest_add_signature(struct fy_manifest *manifest, const void *data, size_t size, struct fy_error *err);
/* The hash of one chunk of an entry. */
const struct hash *fy_entry_chunk(const struct entry *entry, uint64_t index);

#endif
