/* The bytes of one stored file on their way to the disk, with the hash of each 1 MiB. Private to the store. */
#ifndef FERRY_CHECKPOINT_STORED_OUTPUT_H
#define FERRY_CHECKPOINT_STORED_OUTPUT_H

#include <ferry/base/error.h>
#include <ferry/checkpoint/store.h>
#include <openssl/evp.h>
#include <stdbool.h>

struct stored_output {
    int fd;
    const char *name; /* for errors */
    bool sparse;      /* zeros may become holes */
    uint64_t size_bytes;
    uint8_t *chunks; /* FY_STORED_HASH_BYTES each */
    size_t chunk_count, chunk_capacity;
    EVP_MD_CTX *hash; /* of the chunk that is not full yet */
};

int stored_output_init(struct stored_output *output, int fd, const char *name, bool sparse, struct fy_error *err);
int stored_output_write(struct stored_output *output, const void *data, size_t size, struct fy_error *err);
/* Sets the file's size, and completes the last hash. */
int stored_output_finish(struct stored_output *output, struct fy_error *err);
/* The descriptor stays the caller's. */
void stored_output_done(struct stored_output *output);

#endif
