/* SHA-256 of OpenSSL over chunks, pairs of hashes, and lists. */
#include "tree.h"
#include <openssl/evp.h>
#include <string.h>

/* Levels of a tree over 2^64 chunks. */
#define LEVELS_MAX 65

int fy_hasher_init(struct hasher *hasher, struct fy_error *err)
{
    *hasher = (struct hasher){.md = EVP_MD_fetch(NULL, "SHA256", NULL), .context = EVP_MD_CTX_new()};
    if (hasher->md && hasher->context)
        return 0;
    fy_hasher_done(hasher);
    return fy_error_set(err, FY_E_NOMEM, "OpenSSL gives no SHA-256");
}

void fy_hasher_done(struct hasher *hasher)
{
    EVP_MD_CTX_free(hasher->context);
    EVP_MD_free(hasher->md);
    *hasher = (struct hasher){0};
}

void fy_hash_begin(struct hasher *hasher, enum hash_domain domain)
{
    uint8_t first = (uint8_t)domain;

    hasher->failed = EVP_DigestInit_ex2(hasher->context, hasher->md, NULL) != 1;
    fy_hash_add(hasher, &first, 1);
}

void fy_hash_add(struct hasher *hasher, const void *data, size_t size)
{
    if (EVP_DigestUpdate(hasher->context, data, size) != 1)
        hasher->failed = true;
}

void fy_hash_add_number(struct hasher *hasher, uint64_t number, unsigned bytes)
{
    uint8_t data[8];

    for (unsigned i = 0; i < bytes; i++)
        data[i] = (uint8_t)(number >> (8 * i));
    fy_hash_add(hasher, data, bytes);
}

int fy_hash_end(struct hasher *hasher, struct hash *hash, struct fy_error *err)
{
    if (EVP_DigestFinal_ex(hasher->context, hash->bytes, NULL) == 1 && !hasher->failed)
        return 0;
    return fy_error_set(err, FY_E_INTERNAL, "OpenSSL failed to compute SHA-256");
}

int fy_hash_chunk(struct hasher *hasher, const void *data, size_t size, struct hash *hash, struct fy_error *err)
{
    fy_hash_begin(hasher, HASH_CHUNK);
    fy_hash_add(hasher, data, size);
    return fy_hash_end(hasher, hash, err);
}

int fy_hash_zeros(struct hasher *hasher, size_t size, struct hash *hash, struct fy_error *err)
{
    static const uint8_t zeros[4096];

    fy_hash_begin(hasher, HASH_CHUNK);
    for (size_t left = size, part; left > 0; left -= part) {
        part = left < sizeof(zeros) ? left : sizeof(zeros);
        fy_hash_add(hasher, zeros, part);
    }
    return fy_hash_end(hasher, hash, err);
}

static int hash_node(struct hasher *hasher, const struct hash pair[2], struct hash *into, struct fy_error *err)
{
    fy_hash_begin(hasher, HASH_NODE);
    fy_hash_add(hasher, pair, 2 * sizeof(*pair));
    return fy_hash_end(hasher, into, err);
}

/* Keeps one finished tree for each bit of the number of chunks so far, largest first; two of a size become one. What is
 * left at the end is joined from the smallest on, which is the same as handing odd ones up level by level. */
int fy_hash_tree(struct hasher *hasher, const struct hash *chunks, size_t count, struct hash *root,
                 struct fy_error *err)
{
    struct hash stack[LEVELS_MAX];
    size_t depth = 0;

    for (size_t i = 0; i < count; i++) {
        stack[depth++] = chunks[i];
        for (size_t done = i + 1; done % 2 == 0; done /= 2, depth--)
            if (hash_node(hasher, &stack[depth - 2], &stack[depth - 2], err) < 0)
                return -1;
    }
    for (; depth > 1; depth--)
        if (hash_node(hasher, &stack[depth - 2], &stack[depth - 2], err) < 0)
            return -1;
    *root = stack[0];
    return 0;
}

uint64_t fy_chunks_of(uint64_t size_bytes)
{
    return size_bytes ? (size_bytes - 1) / FY_MANIFEST_CHUNK_BYTES + 1 : 1;
}

size_t fy_chunk_size(uint64_t size_bytes, uint64_t index)
{
    uint64_t left = size_bytes - index * FY_MANIFEST_CHUNK_BYTES;

    return left < FY_MANIFEST_CHUNK_BYTES ? (size_t)left : FY_MANIFEST_CHUNK_BYTES;
}
