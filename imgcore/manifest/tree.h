/* The hashes of a manifest: what is hashed how stands in proto/ferry/manifest.proto. */
#ifndef FERRY_MANIFEST_TREE_H
#define FERRY_MANIFEST_TREE_H

#include <ferry/imgcore/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash {
    uint8_t bytes[FY_MANIFEST_HASH_BYTES];
};

enum hash_domain { HASH_CHUNK = 0, HASH_NODE = 1, HASH_LIST = 2, HASH_SET = 3 };

/* One computation at a time; each thread has its own. A failure of the library is kept until fy_hash_end. */
struct hasher {
    struct evp_md_st *md;
    struct evp_md_ctx_st *context;
    bool failed;
};

int fy_hasher_init(struct hasher *hasher, struct fy_error *err);
void fy_hasher_done(struct hasher *hasher);
void fy_hash_begin(struct hasher *hasher, enum hash_domain domain);
void fy_hash_add(struct hasher *hasher, const void *data, size_t size);
void fy_hash_add_number(struct hasher *hasher, uint64_t number, unsigned bytes);
int fy_hash_end(struct hasher *hasher, struct hash *hash, struct fy_error *err);

int fy_hash_chunk(struct hasher *hasher, const void *data, size_t size, struct hash *hash, struct fy_error *err);
/* Of a chunk of `size` zeros. */
int fy_hash_zeros(struct hasher *hasher, size_t size, struct hash *hash, struct fy_error *err);
/* The top of the tree over `count` chunks (at least one). */
int fy_hash_tree(struct hasher *hasher, const struct hash *chunks, size_t count, struct hash *root,
                 struct fy_error *err);

/* How many chunks a file has: an empty one has one. */
uint64_t fy_chunks_of(uint64_t size_bytes);
/* Size of chunk `index` of such a file. */
size_t fy_chunk_size(uint64_t size_bytes, uint64_t index);

#endif
