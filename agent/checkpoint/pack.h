/* Files as the store keeps them: plain, or in chunks that are compressed, encrypted, or both.
 *
 *     PLAIN               the bytes, with holes for zeros; CRIU reads them where they are
 *     compressed          NAME.zst: zstd's seekable format, a frame for each 256 KiB; `zstd -d` reads it
 *     encrypted           NAME.sealed: "FYSEAL01", salt, sealed chunks (of 256 KiB, compressed or not), the sealed seek
 *                         table, its length (u32)
 *
 * Written and read in order or anywhere, with a chunk in memory. What is stored is hashed on the way, a SHA-256 for
 * each 1 MiB: by these hashes damage is named, and a copy fetches what it lacks. Private to the store. */
#ifndef FERRY_CHECKPOINT_PACK_H
#define FERRY_CHECKPOINT_PACK_H

#include <ferry/checkpoint.pb-c.h>
#include <ferry/checkpoint/key.h>
#include <ferry/checkpoint/store.h>
#include <stdbool.h>

#define PACK_CHUNK_BYTES (256u * 1024u)

struct pack_form {
    bool packed, compressed;
    const struct fy_checkpoint_key *key; /* NULL: not encrypted */
};

/* As the record says; FY_E_DENIED when it needs a key that is not `key`. */
int pack_form_of(const Ferry__Checkpoint__Record *record, const struct fy_checkpoint_key *key, struct pack_form *form,
                 struct fy_error *err);
/* "", ".zst" or ".sealed". */
const char *pack_suffix(const Ferry__Checkpoint__Record *record);
/* Name of the stored file, to be freed. */
char *pack_stored_name(const Ferry__Checkpoint__Record *record, const char *path, struct fy_error *err);

struct pack_writer;

/* Creates `path` and the suffix in `dir_fd`. */
int pack_create(int dir_fd, const char *path, const struct pack_form *form, struct pack_writer **writer,
                struct fy_error *err);
int pack_write(struct pack_writer *writer, const void *data, size_t size, struct fy_error *err);
/* Fills `file` (its strings and chunks are malloc'ed), closes and frees. */
int pack_finish(struct pack_writer *writer, Ferry__Checkpoint__File *file, struct fy_error *err);
/* The file stays as it is. NULL is legal. */
void pack_abort(struct pack_writer *writer);

struct pack_reader;

/* `file` is borrowed. */
int pack_open(int dir_fd, const Ferry__Checkpoint__File *file, const struct pack_form *form,
              struct pack_reader **reader, struct fy_error *err);
/* Exactly `size` bytes at `offset` of the content. FY_E_VERIFY names the file when it is damaged. */
int pack_read(struct pack_reader *reader, uint64_t offset, void *data, size_t size, struct fy_error *err);
void pack_close(struct pack_reader *reader);
/* Which bytes of the content are in a range of the stored file: from range[0] up to range[1]. -1 when it cannot be
 * told. */
int pack_plain_range(int dir_fd, const Ferry__Checkpoint__File *file, const struct pack_form *form,
                     uint64_t stored_offset, uint64_t stored_bytes, uint64_t range[2]);

#endif
