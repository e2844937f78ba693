/* Copies of checkpoints on another host: what is stored travels as it is, chunk by chunk, and only what the other side
 * has not.
 *
 *     sender                                       receiver
 *     fy_checkpoint_copy_record  -- record -->     fy_checkpoint_copy_begin: have it, need its parent first, or want
 *                                <- wanted --      these chunks
 *     fy_checkpoint_copy_read    -- chunk -->      fy_checkpoint_copy_chunk, each checked by its hash
 *                                                  fy_checkpoint_copy_finish: all there; published, and verified
 *
 * What has arrived when a copy is given up is kept in STORE/.part-ID, and found again. It is swept when nobody has come
 * back to it for a week. All functions block. */
#ifndef FERRY_CHECKPOINT_COPY_H
#define FERRY_CHECKPOINT_COPY_H

#include <ferry/checkpoint/store.h>

#define FY_COPY_RECORD_LIMIT ((size_t)16 << 20)

/* ---- sending ---- */

struct fy_checkpoint_copy_source;

int fy_checkpoint_copy_open(const struct fy_checkpoint_store *store, const char *id,
                            struct fy_checkpoint_copy_source **source, struct fy_error *err);
/* NULL is legal. */
void fy_checkpoint_copy_close(struct fy_checkpoint_copy_source *source);
/* The packed record, valid as long as the source. */
const uint8_t *fy_checkpoint_copy_record(const struct fy_checkpoint_copy_source *source, size_t *size);
const char *fy_checkpoint_copy_parent(const struct fy_checkpoint_copy_source *source); /* NULL: none */
uint64_t fy_checkpoint_copy_count(const struct fy_checkpoint_copy_source *source);
uint64_t fy_checkpoint_copy_bytes(const struct fy_checkpoint_copy_source *source);
/* Chunk `index` into `buffer` of FY_STORED_CHUNK_BYTES. FY_E_VERIFY: it is damaged here, and is not passed on. */
int fy_checkpoint_copy_read(struct fy_checkpoint_copy_source *source, uint64_t index, void *buffer, size_t *size,
                            struct fy_error *err);

/* ---- receiving ---- */

struct fy_checkpoint_copy;

enum fy_copy_answer {
    FY_COPY_HAVE,         /* nothing is to be sent */
    FY_COPY_NEEDS_PARENT, /* that one first */
    FY_COPY_WANT,         /* the chunks whose bits are set in `wanted`, lowest bit first */
};

/* `record` may be hostile. `copy` is only made for FY_COPY_WANT; `wanted` is to be freed. FY_E_DENIED when there is a
 * checkpoint of that id that did not come from a peer, or holds something else; FY_E_NOSPACE. */
int fy_checkpoint_copy_begin(const struct fy_checkpoint_store *store, const char *id, const void *record, size_t size,
                             enum fy_copy_answer *answer, uint8_t **wanted, uint64_t *count,
                             struct fy_checkpoint_copy **copy, struct fy_error *err);
int fy_checkpoint_copy_chunk(struct fy_checkpoint_copy *copy, uint64_t index, const void *data, size_t size,
                             struct fy_error *err);
/* FY_E_PROTOCOL when something is missing; FY_E_VERIFY when it is all as was sent, and is not whole. */
int fy_checkpoint_copy_finish(struct fy_checkpoint_copy *copy, const char *from, struct fy_error *err);
/* NULL is legal. */
void fy_checkpoint_copy_free(struct fy_checkpoint_copy *copy);

#endif
