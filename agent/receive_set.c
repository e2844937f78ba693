/* Receiving of an image set.
 *
 *     FileBegin -> file created at its full size -> Chunk … -> thread pool (hash, write) -> FileEnd -> … -> SetEnd
 *
 * `done` waits until no thread works for it any more. */
#include "receive_set.h"

#include "block.h"
#include "image_files.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

#define MAX_BLOCKS_WAITING 16u
#define RESUME_BELOW 8u
#define REPORT_EVERY_BYTES (8u * 1024u * 1024u)

struct write_request {
    uv_work_t work;
    struct fy_receive_set *receive;
    char *name;
    struct fy_block block;
    uint8_t *body;
    struct fy_error error;
};

struct fy_receive_set {
    uv_loop_t *loop;
    const struct fy_receive_set_events *events;
    void *data;
    int dir_fd;
    uint64_t limit_bytes;
    char *file_name; /* of the file that is open; NULL between files */
    uint64_t file_bytes;
    uint64_t file_offset; /* where the next chunk must begin */
    XXH3_state_t tree;
    uint32_t files;
    uint64_t announced_bytes; /* sum of the sizes of all files begun */
    uint64_t written_bytes;
    uint64_t reported_bytes;
    unsigned waiting; /* blocks that a thread has */
    bool paused;
    bool set_end;
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
    free(receive->file_name);
    (void)close(receive->dir_fd);
    free(receive);
    events->done(fy_error_is_set(&error) ? &error : NULL, data);
}

static void finish_if_over(struct fy_receive_set *receive)
{
    bool over = receive->set_end || fy_error_is_set(&receive->error);
    if (!over || receive->waiting > 0 || receive->closing)
        return;
    receive->closing = true;
    if (!fy_error_is_set(&receive->error))
        receive->events->received(receive->written_bytes, receive->data);
    uv_close((uv_handle_t *)&receive->closer, closed);
}

static void relieve(struct fy_receive_set *receive)
{
    if (!receive->paused || receive->waiting >= RESUME_BELOW)
        return;
    receive->paused = false;
    receive->events->pressure(false, receive->data);
}

static void work(uv_work_t *request)
{
    struct write_request *write = fy_container_of(request, struct write_request, work);
    FY_AUTO_CLOSE int fd = openat(write->receive->dir_fd, write->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        fy_error_errno(&write->error, errno, "opening %s for writing", write->name);
    else
        (void)fy_block_write(&write->block, write->body, fd, write->name, &write->error);
}

static void free_request(struct write_request *write)
{
    free(write->name);
    free(write->body);
    free(write);
}

static void worked(uv_work_t *request, int status)
{
    (void)status; /* never cancelled */
    struct write_request *write = fy_container_of(request, struct write_request, work);
    struct fy_receive_set *receive = write->receive;
    receive->waiting--;
    fy_error_propagate(&receive->error, &write->error);
    if (!fy_error_is_set(&write->error))
        receive->written_bytes += write->block.raw_bytes;
    free_request(write);
    if (!fy_error_is_set(&receive->error) && receive->written_bytes - receive->reported_bytes >= REPORT_EVERY_BYTES) {
        receive->reported_bytes = receive->written_bytes;
        receive->events->received(receive->written_bytes, receive->data);
    }
    relieve(receive);
    finish_if_over(receive);
}

static int check_begin(const struct fy_receive_set *receive, const Ferry__Peer__FileBegin *begin, struct fy_error *err)
{
    if (receive->file_name)
        return fy_error_set(err, FY_E_PROTOCOL, "a file begins before %s has ended", receive->file_name);
    if (!fy_fs_is_plain_name(begin->name))
        return fy_error_set(err, FY_E_PROTOCOL, "the peer sent a file name that is not allowed");
    if (receive->files == FY_MAX_IMAGE_FILES)
        return fy_error_set(err, FY_E_LIMIT, "the peer sends more than %u files", FY_MAX_IMAGE_FILES);
    if (begin->size_bytes > receive->limit_bytes - receive->announced_bytes) {
        fy_error_set(err, FY_E_NOSPACE, "%s of %llu bytes does not fit into the %llu bytes left for this image set",
                     begin->name, (unsigned long long)begin->size_bytes,
                     (unsigned long long)(receive->limit_bytes - receive->announced_bytes));
        return fy_error_next(err, "make room on the file system of run_dir at the destination (a tmpfs: enlarge it)");
    }
    return 0;
}

static int begin_file(struct fy_receive_set *receive, const Ferry__Peer__FileBegin *begin, struct fy_error *err)
{
    if (check_begin(receive, begin, err) < 0)
        return -1;
    FY_AUTO_CLOSE int fd =
        openat(receive->dir_fd, begin->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer sends %s twice", begin->name);
    if (fd < 0)
        return fy_error_errno(err, errno, "creating %s", begin->name);
    if (ftruncate(fd, (off_t)begin->size_bytes) < 0)
        return fy_error_errno(err, errno, "giving %s its size", begin->name);
    receive->file_name = strdup(begin->name);
    if (!receive->file_name)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a file name");
    receive->files++;
    receive->announced_bytes += begin->size_bytes;
    receive->file_bytes = begin->size_bytes;
    receive->file_offset = 0;
    (void)XXH3_64bits_reset(&receive->tree);
    return 0;
}

static int check_chunk(const struct fy_receive_set *receive, const Ferry__Peer__Chunk *chunk, struct fy_error *err)
{
    if (!receive->file_name)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk arrived outside of any file");
    if (chunk->offset != receive->file_offset || chunk->raw_bytes > receive->file_bytes - chunk->offset)
        return fy_error_set(err, FY_E_PROTOCOL, "%s: a chunk at %llu where %llu was due, or past the file's end",
                            receive->file_name, (unsigned long long)chunk->offset,
                            (unsigned long long)receive->file_offset);
    if (chunk->has_present && chunk->present.len != FY_BITMAP_BYTES)
        return fy_error_set(err, FY_E_PROTOCOL, "a chunk's bitmap of %zu bytes", chunk->present.len);
    return 0;
}

static struct write_request *new_request(struct fy_receive_set *receive, const Ferry__Peer__Chunk *chunk,
                                         const uint8_t *body, size_t body_bytes, struct fy_error *err)
{
    struct write_request *write = calloc(1, sizeof *write);
    if (!write)
        goto no_memory;
    write->receive = receive;
    write->block = (struct fy_block){
        .offset = chunk->offset, .raw_bytes = chunk->raw_bytes, .xxh3 = chunk->xxh3, .sparse = chunk->has_present};
    if (chunk->has_present)
        memcpy(write->block.present, chunk->present.data, FY_BITMAP_BYTES);
    if (fy_block_check(&write->block, body_bytes, err) < 0) {
        free(write);
        return NULL;
    }
    write->name = strdup(receive->file_name);
    write->body = malloc(body_bytes ? body_bytes : 1);
    if (!write->name || !write->body) {
        free_request(write);
        goto no_memory;
    }
    if (body_bytes > 0)
        memcpy(write->body, body, body_bytes);
    return write;
no_memory:
    fy_error_set(err, FY_E_NOMEM, "no memory for a block of images");
    return NULL;
}

static int take_chunk(struct fy_receive_set *receive, const Ferry__Peer__Chunk *chunk, const uint8_t *body,
                      size_t body_bytes, struct fy_error *err)
{
    if (check_chunk(receive, chunk, err) < 0)
        return -1;
    struct write_request *write = new_request(receive, chunk, body, body_bytes, err);
    if (!write)
        return -1;
    if (uv_queue_work(receive->loop, &write->work, work, worked) != 0) {
        free_request(write);
        return fy_error_set(err, FY_E_NOMEM, "the thread pool takes no work");
    }
    fy_block_tree_update(&receive->tree, chunk->xxh3);
    receive->file_offset += chunk->raw_bytes;
    receive->waiting++;
    if (receive->waiting >= MAX_BLOCKS_WAITING && !receive->paused) {
        receive->paused = true;
        receive->events->pressure(true, receive->data);
    }
    return 0;
}

static int end_file(struct fy_receive_set *receive, const Ferry__Peer__FileEnd *end, struct fy_error *err)
{
    if (!receive->file_name || receive->file_offset != receive->file_bytes)
        return fy_error_set(err, FY_E_PROTOCOL, "%s ends after %llu of %llu bytes",
                            receive->file_name ? receive->file_name : "no file",
                            (unsigned long long)receive->file_offset, (unsigned long long)receive->file_bytes);
    if (XXH3_64bits_digest(&receive->tree) != end->xxh3)
        return fy_error_set(err, FY_E_VERIFY, "%s: its hash differs from what the source computed", receive->file_name);
    free(fy_take(receive->file_name));
    return 0;
}

static int end_set(struct fy_receive_set *receive, const Ferry__Peer__SetEnd *end, struct fy_error *err)
{
    if (receive->file_name || end->files != receive->files || end->bytes != receive->announced_bytes)
        return fy_error_set(err, FY_E_PROTOCOL, "the image set ends with %u files where %u were announced",
                            receive->files, end->files);
    receive->set_end = true;
    return 0;
}

void fy_receive_set_frame(struct fy_receive_set *receive, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct fy_error *err = &receive->error;
    if (fy_error_is_set(err) || receive->closing)
        return; /* on its way out: what still arrives no longer counts */
    if (receive->set_end)
        fy_error_set(err, FY_E_PROTOCOL, "the peer sent more after the end of the image set");
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_CHUNK)
        (void)take_chunk(receive, frame->chunk, body, body_bytes, err);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_FILE_BEGIN)
        (void)begin_file(receive, frame->file_begin, err);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_FILE_END)
        (void)end_file(receive, frame->file_end, err);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_SET_END)
        (void)end_set(receive, frame->set_end, err);
    else
        fy_error_set(err, FY_E_PROTOCOL, "a frame of kind %d arrived while images were due", (int)frame->kind_case);
    finish_if_over(receive);
}

void fy_receive_set_stop(struct fy_receive_set *receive, const struct fy_error *why)
{
    fy_error_propagate(&receive->error, why);
    finish_if_over(receive);
}

int fy_receive_set_start(uv_loop_t *loop, const char *directory, uint64_t limit_bytes,
                         const struct fy_receive_set_events *events, void *data, struct fy_receive_set **receive,
                         struct fy_error *err)
{
    struct fy_receive_set *new = calloc(1, sizeof *new);
    if (!new)
        return fy_error_set(err, FY_E_NOMEM, "no memory for receiving images");
    *new = (struct fy_receive_set){.loop = loop, .events = events, .data = data, .limit_bytes = limit_bytes};
    new->dir_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (new->dir_fd < 0) {
        fy_error_errno(err, errno, "opening image directory %s", directory);
        free(new);
        return -1;
    }
    (void)uv_idle_init(loop, &new->closer);
    *receive = new;
    return 0;
}
