/* Where the bytes of an archive go: to a descriptor, or as data into another archive; counted, and hashed if wanted.
 * Private to the library. */
#ifndef FERRY_ARCHIVE_SINK_H
#define FERRY_ARCHIVE_SINK_H

#include <archive.h>
#include <ferry/base/error.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#define SINK_HEX_SIZE 65

struct sink {
    int fd;               /* -1: into `next` */
    struct archive *next; /* has one entry, whose data this is */
    EVP_MD_CTX *hash;     /* NULL: not hashed */
    uint64_t bytes;
    bool given_up;       /* nothing more is taken */
    struct fy_error err; /* why the last write failed */
};

/* SHA-256. */
int sink_begin_hash(struct sink *sink, struct fy_error *err);
/* Hexadecimal digits of all that was written; the hash is over. */
int sink_end_hash(struct sink *sink, char hex[SINK_HEX_SIZE], struct fy_error *err);
int sink_write(struct sink *sink, const void *data, size_t size, struct fy_error *err);
/* Frees what is the sink's own: not the descriptor, not the archive. */
void sink_done(struct sink *sink);
/* libarchive's callback; `data` is the sink. */
la_ssize_t sink_take(struct archive *archive, void *data, const void *bytes, size_t size);

#endif
