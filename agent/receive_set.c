/* Receiving of an image set.
 *
 *     Chunk -> checked, file created at the first -> thread pool (hash, write) -> kept
 *     FileEnd -> file gets its size          SetEnd -> when nothing is missing: does all of it add up?
 *
 * `done` waits until no thread works for it any more. */
#include "receive_set.h"

#include "arrivals.h"
#include "block.h"
#include "image_files.h"
#include "receive_files.h"
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/spare.h>
#include <string.h>

#define REPORT_EVERY_BYTES (2u * 1024u * 1024u)
/* Chunks. */
#define LOOK_AT_MEMORY_EVERY 8u

struct write_request {
    uv_work_t work;
    struct fy_receive_set *receive;
    const char *name; /* the file's, which the table of files keeps */
    uint32_t number;  /* of the chunk in the set */
    uint64_t token;   /* of the frame in its session */
    struct fy_block block;
    uint8_t *body; /* NULL: none */
    size_t body_bytes;
    const char **ref_names; /* of the files that are referred to, one for each reference */
    struct fy_error error;
};

struct fy_receive_set {
    uv_loop_t *loop;
    const struct fy_receive_set_events *events;
    void *data;
    int dir_fd;
    struct fy_receive_files files;
    struct fy_arrivals chunks;
    struct {
        bool came;
        uint32_t files;
        uint32_t chunks;
        uint64_t bytes;
        uint64_t xxh3;
    } end;      /* what the end of the set says */
    bool whole; /* all that the end of the set says is there, or on its way into its file */
    uint64_t reported_bytes;
    unsigned waiting; /* blocks that a thread has */
    bool closing;
    uv_idle_t closer; /* a handle to close, so that `done` comes from the loop */
    struct fy_error error;
};

static void closed(uv_handle_t *handle)
{
    struct fy_receive_set *receive = fy_container_of(handle, struct fy_receive_set, closer);
    const struct fy_receive_set_events *events = receive->events;
    void *data = receive->data;
    struct fy_error error = receive->error;
    fy_receive_files_done(&receive->files);
    fy_arrivals_done(&receive->chunks);
    fy_spare_drop();
    (void)close(receive->dir_fd);
    free(receive);
    events->done(fy_error_is_set(&error) ? &error : NULL, data);
}

static void report(struct fy_receive_set *receive)
{
    receive->reported_bytes = receive->chunks.kept_bytes;
    receive->events->received(receive->chunks.kept, receive->chunks.kept_bytes, receive->data);
}

static void finish_if_over(struct fy_receive_set *receive)
{
    bool over = receive->whole || fy_error_is_set(&receive->error);
    if (!over || receive->waiting > 0 || receive->closing)
        return;
    receive->closing = true;
    if (!fy_error_is_set(&receive->error))
        report(receive);
    uv_close((uv_handle_t *)&receive->closer, closed);
}

/* ---- in the thread pool ---- */

static int read_known(void *data, const struct fy_block_ref *first, uint32_t count, uint8_t *to, struct fy_error *err)
{
    struct write_request *write = data;
    const char *name = write->ref_names[first - write->block.refs];
    size_t size = (size_t)count * FY_PIECE_BYTES;
    FY_AUTO_CLOSE int fd = openat(write->receive->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "opening %s", name);
    ssize_t n = pread(fd, to, size, (off_t)first->piece * FY_PIECE_BYTES);
    if (n < 0)
        return fy_error_errno(err, errno, "reading %s", name);
    if ((size_t)n != size)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk of %s refers to what %s does not have", write->name, name);
    return 0;
}

/* The pieces that came, unpacked into a buffer of the pool if they were packed, and those that are referred to. */
static int gather(struct write_request *write, uint8_t *plain, uint8_t *known, struct fy_block_parts *parts)
{
    const struct fy_block *block = &write->block;
    *parts = (struct fy_block_parts){.plain = plain ? plain : write->body, .known = known};
    if (plain &&
        fy_codec_unpack(block->encoding, write->body, write->body_bytes, plain, block->plain_bytes, &write->error) < 0)
        return -1;
    return known ? fy_block_read_known(block, read_known, write, known, &write->error) : 0;
}

static void write_block(struct write_request *write, const struct fy_block_parts *parts)
{
    FY_AUTO_CLOSE int fd = openat(write->receive->dir_fd, write->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        fy_error_errno(&write->error, errno, "opening %s for writing", write->name);
    else
        (void)fy_block_write(&write->block, parts, fd, write->name, &write->error);
}

static void keep(struct write_request *write, uint8_t *plain, uint8_t *known)
{
    const struct fy_receive_set *receive = write->receive;
    const struct fy_block *block = &write->block;
    bool in_memory = write->number % LOOK_AT_MEMORY_EVERY == 0;
    struct fy_block_parts parts;
    if (gather(write, plain, known, &parts) < 0 || fy_block_verify(block, &parts, write->name, &write->error) < 0 ||
        fy_storage_check(receive->dir_fd, block->raw_bytes, in_memory, &write->error) < 0)
        return;
    write_block(write, &parts);
}

static void work(uv_work_t *request)
{
    struct write_request *write = fy_container_of(request, struct write_request, work);
    bool is_packed = write->block.encoding != FY_ENCODING_PLAIN;
    bool has_refs = write->block.ref_count > 0;
    uint8_t *plain = is_packed ? fy_spare_take(write->block.plain_bytes) : NULL;
    uint8_t *known = has_refs ? fy_spare_take((size_t)write->block.ref_count * FY_PIECE_BYTES) : NULL;
    if ((is_packed && !plain) || (has_refs && !known))
        fy_error_set(&write->error, FY_E_NOMEM, "no memory for a block of images");
    else
        keep(write, plain, known);
    fy_spare_give(known);
    fy_spare_give(plain);
}

static void free_request(struct write_request *write)
{
    free(write->ref_names);
    fy_spare_give(write->body);
    free(write);
}

static void worked(uv_work_t *request, int status)
{
    (void)status; /* never cancelled */
    struct write_request *write = fy_container_of(request, struct write_request, work);
    struct fy_receive_set *receive = write->receive;
    receive->waiting--;
    fy_error_propagate(&receive->error, &write->error);
    if (!fy_error_is_set(&write->error)) {
        fy_arrivals_keep(&receive->chunks, write->number);
        receive->events->kept(write->token, receive->data);
    }
    free_request(write);
    if (!fy_error_is_set(&receive->error) && receive->chunks.kept_bytes - receive->reported_bytes >= REPORT_EVERY_BYTES)
        report(receive);
    finish_if_over(receive);
}

/* ---- frames ---- */

static int take_bitmap(const ProtobufCBinaryData *from, uint8_t *to, struct fy_error *err)
{
    if (from->len != FY_BITMAP_BYTES)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk's bitmap of %zu bytes", from->len);
    memcpy(to, from->data, FY_BITMAP_BYTES);
    return 0;
}

/* Every piece of the block, for a chunk without a bitmap. */
static void fill_bitmap(struct fy_block *block)
{
    for (uint32_t piece = 0; piece < FY_BLOCK_PIECES && piece * FY_PIECE_BYTES < block->raw_bytes; piece++)
        block->present[piece / 8] |= (uint8_t)(1u << (piece % 8));
}

static int read_chunk(struct fy_block *block, const Ferry__Peer__Chunk *chunk, size_t body_bytes, struct fy_error *err)
{
    block->offset = chunk->offset;
    block->raw_bytes = chunk->raw_bytes;
    block->xxh3 = chunk->xxh3;
    block->encoding = chunk->encoding;
    if (!chunk->has_present)
        fill_bitmap(block);
    else if (take_bitmap(&chunk->present, block->present, err) < 0)
        return -1;
    if (chunk->has_again && take_bitmap(&chunk->again, block->again, err) < 0)
        return -1;
    if (chunk->has_refs && fy_block_get_refs(block, chunk->refs.data, chunk->refs.len, err) < 0)
        return -1;
    return fy_block_check(block, body_bytes, err);
}

static int name_refs(struct write_request *write, struct fy_error *err)
{
    const struct fy_block *block = &write->block;
    if (block->ref_count == 0)
        return 0;
    write->ref_names = calloc(block->ref_count, sizeof(const char *));
    if (!write->ref_names)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a block of images");
    for (uint32_t i = 0; i < block->ref_count; i++) {
        write->ref_names[i] = fy_receive_files_name(&write->receive->files, block->refs[i].file);
        if (!write->ref_names[i])
            return fy_error_set(err, FY_E_PROTOCOL, "a chunk refers to file %u, of which nothing has come",
                                block->refs[i].file);
    }
    return 0;
}

static struct write_request *new_request(struct fy_receive_set *receive, const Ferry__Peer__Chunk *chunk,
                                         const struct fy_frame *raw, struct fy_error *err)
{
    struct write_request *write = calloc(1, sizeof *write);
    if (!write) {
        fy_error_set(err, FY_E_NOMEM, "no memory for a block of images");
        return NULL;
    }
    write->receive = receive;
    write->number = chunk->number;
    write->body_bytes = raw->body_bytes;
    if (read_chunk(&write->block, chunk, raw->body_bytes, err) < 0 || name_refs(write, err) < 0)
        goto failed;
    if (raw->body_bytes == 0 || (write->body = fy_frame_take_body(raw)))
        return write;
    fy_error_set(err, FY_E_NOMEM, "no memory for a block of images");
failed:
    free_request(write);
    return NULL;
}

static int place(struct fy_receive_set *receive, struct write_request *write, const Ferry__Peer__Chunk *chunk,
                 struct fy_error *err)
{
    write->name =
        fy_receive_files_block(&receive->files, chunk->file, chunk->name, chunk->offset, chunk->raw_bytes, err);
    if (!write->name)
        return -1;
    return fy_arrivals_add(&receive->chunks, chunk->number, chunk->raw_bytes,
                           fy_block_record(&write->block, chunk->file), err);
}

static int take_chunk(struct fy_receive_set *receive, uint64_t token, const Ferry__Peer__Chunk *chunk,
                      const struct fy_frame *raw, struct fy_error *err)
{
    struct write_request *write = new_request(receive, chunk, raw, err);
    if (!write)
        return -1;
    write->token = token;
    if (place(receive, write, chunk, err) < 0) {
        free_request(write);
        return -1;
    }
    if (uv_queue_work(receive->loop, &write->work, work, worked) != 0) {
        free_request(write);
        return fy_error_set(err, FY_E_NOMEM, "the thread pool takes no work");
    }
    receive->waiting++;
    return 0;
}

static int take_set_end(struct fy_receive_set *receive, const Ferry__Peer__SetEnd *end, struct fy_error *err)
{
    if (receive->end.came)
        return fy_error_set(err, FY_E_PROTOCOL, "the image set ends twice");
    receive->end.came = true;
    receive->end.files = end->files;
    receive->end.chunks = end->chunks;
    receive->end.bytes = end->bytes;
    receive->end.xxh3 = end->xxh3;
    return 0;
}

/* When everything that the end of the set announces has come, it either adds up or never will. */
static int check_whole(struct fy_receive_set *receive, struct fy_error *err)
{
    if (!receive->end.came || receive->chunks.arrived < receive->end.chunks ||
        receive->files.ended < receive->end.files)
        return 0;
    if (!fy_arrivals_are(&receive->chunks, receive->end.chunks) ||
        !fy_receive_files_are(&receive->files, receive->end.files, receive->end.bytes))
        return fy_error_set(err, FY_E_PROTOCOL,
                            "the image set ends with %u files, %u chunks and %llu bytes, and what came is not that",
                            receive->end.files, receive->end.chunks, (unsigned long long)receive->end.bytes);
    if (fy_arrivals_digest(&receive->chunks) != receive->end.xxh3) {
        fy_error_set(err, FY_E_VERIFY, "the image set arrived otherwise than the source sent it (its hash differs)");
        return fy_error_next(err, "start the migration again; if it happens twice, check the memory of both hosts");
    }
    receive->whole = true;
    return 0;
}

static int take_frame(struct fy_receive_set *receive, const Ferry__Peer__Frame *frame, struct fy_error *err)
{
    switch (frame->kind_case) {
    case FERRY__PEER__FRAME__KIND_FILE_END:
        return fy_receive_files_end(&receive->files, frame->file_end->file, frame->file_end->name,
                                    frame->file_end->size_bytes, err);
    case FERRY__PEER__FRAME__KIND_SET_END:
        return take_set_end(receive, frame->set_end, err);
    default:
        return fy_error_set(err, FY_E_PROTOCOL, "a frame of kind %d arrived while images were due",
                            (int)frame->kind_case);
    }
}

/* On its way out, what still arrives no longer counts. */
static bool takes_more(struct fy_receive_set *receive)
{
    if (fy_error_is_set(&receive->error) || receive->closing)
        return false;
    if (receive->whole)
        fy_error_set(&receive->error, FY_E_PROTOCOL, "the peer sent more after the end of the image set");
    return !receive->whole;
}

static void taken(struct fy_receive_set *receive, int result)
{
    if (result == 0)
        (void)check_whole(receive, &receive->error);
    finish_if_over(receive);
}

void fy_receive_set_frame(struct fy_receive_set *receive, const Ferry__Peer__Frame *frame)
{
    if (takes_more(receive))
        taken(receive, take_frame(receive, frame, &receive->error));
}

void fy_receive_set_data(struct fy_receive_set *receive, uint64_t number, const Ferry__Peer__Frame *frame,
                         const struct fy_frame *raw)
{
    if (!takes_more(receive))
        return;
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_CHUNK)
        taken(receive, take_chunk(receive, number, frame->chunk, raw, &receive->error));
    else
        taken(receive, fy_error_set(&receive->error, FY_E_PROTOCOL, "a frame of kind %d arrived where chunks were due",
                                    (int)frame->kind_case));
}

void fy_receive_set_stop(struct fy_receive_set *receive, const struct fy_error *why)
{
    fy_error_propagate(&receive->error, why);
    finish_if_over(receive);
}

/* Each file has at most one block that is not full, and each block at least one byte. */
static uint32_t most_chunks(uint64_t limit_bytes)
{
    uint64_t most = limit_bytes / FY_BLOCK_BYTES + FY_MAX_IMAGE_FILES;
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

int fy_receive_set_start(uv_loop_t *loop, const char *directory, uint64_t limit_bytes,
                         const struct fy_receive_set_events *events, void *data, struct fy_receive_set **receive,
                         struct fy_error *err)
{
    struct fy_receive_set *new = calloc(1, sizeof *new);
    if (!new)
        return fy_error_set(err, FY_E_NOMEM, "no memory for receiving images");
    *new = (struct fy_receive_set){.loop = loop, .events = events, .data = data};
    new->dir_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (new->dir_fd < 0) {
        fy_error_errno(err, errno, "opening image directory %s", directory);
        free(new);
        return -1;
    }
    new->files = (struct fy_receive_files){.dir_fd = new->dir_fd, .limit_bytes = limit_bytes};
    new->chunks.limit = most_chunks(limit_bytes);
    (void)uv_idle_init(loop, &new->closer);
    *receive = new;
    return 0;
}
