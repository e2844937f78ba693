/* Sending of an image set.
 *
 *     next block -> slot -> thread pool (read, hash, pack) -> slot ready -> sent in slot order -> slot free
 *
 * Slots are a ring: `first` is the oldest block not yet sent, `used` blocks are under way. */
#include "send_set.h"

#include "block.h"
#include "image_files.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <string.h>

#define SLOTS 6u

struct slot {
    uv_work_t work;
    struct fy_send_set *send;
    size_t file;
    struct fy_block block; /* raw_bytes 0: an empty file */
    uint8_t *data;
    bool ready;
    struct fy_error error;
};

struct fy_send_set {
    uv_loop_t *loop;
    struct fy_session *session;
    fy_send_set_cb done;
    void *data;
    int dir_fd;
    struct fy_image_files files;
    size_t next_file; /* of the next block to read */
    uint64_t next_offset;
    struct slot slots[SLOTS];
    unsigned first;
    unsigned used;
    unsigned working;  /* slots that a thread has */
    XXH3_state_t tree; /* of the file whose blocks are being sent */
    uv_idle_t starter; /* the first blocks are taken from the loop, so that `done` never fires within start */
    bool set_end_sent;
    bool closing;
    struct fy_error error;
};

static void advance(struct fy_send_set *send);

static int read_block(int dir_fd, const char *name, struct slot *slot)
{
    FY_AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(&slot->error, errno, "opening image %s", name);
    size_t have = 0;
    while (have < slot->block.raw_bytes) {
        ssize_t n = pread(fd, slot->data + have, slot->block.raw_bytes - have, (off_t)(slot->block.offset + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fy_error_errno(&slot->error, errno, "reading image %s", name);
        if (n == 0)
            return fy_error_set(&slot->error, FY_E_IO, "image %s became shorter while it was read", name);
        have += (size_t)n;
    }
    return 0;
}

static void work(uv_work_t *request)
{
    struct slot *slot = fy_container_of(request, struct slot, work);
    struct fy_send_set *send = slot->send;
    if (slot->block.raw_bytes == 0)
        return;
    slot->data = malloc(slot->block.raw_bytes);
    if (!slot->data) {
        fy_error_set(&slot->error, FY_E_NOMEM, "no memory for a block of %u bytes", slot->block.raw_bytes);
        return;
    }
    if (read_block(send->dir_fd, send->files.items[slot->file].name, slot) == 0)
        fy_block_pack(&slot->block, slot->data);
}

static void worked(uv_work_t *request, int status)
{
    (void)status; /* never cancelled: a block takes less than a millisecond */
    struct slot *slot = fy_container_of(request, struct slot, work);
    struct fy_send_set *send = slot->send;
    send->working--;
    slot->ready = true;
    fy_error_propagate(&send->error, &slot->error);
    advance(send);
}

static void take_next_block(struct fy_send_set *send)
{
    struct slot *slot = &send->slots[(send->first + send->used) % SLOTS];
    const struct fy_image_file *file = &send->files.items[send->next_file];
    uint64_t left = file->size_bytes - send->next_offset;
    *slot = (struct slot){.send = send, .file = send->next_file};
    slot->block.offset = send->next_offset;
    slot->block.raw_bytes = left < FY_BLOCK_BYTES ? (uint32_t)left : FY_BLOCK_BYTES;
    send->next_offset += slot->block.raw_bytes;
    if (send->next_offset == file->size_bytes) {
        send->next_file++;
        send->next_offset = 0;
    }
    send->used++;
    send->working++;
    if (uv_queue_work(send->loop, &slot->work, work, worked) != 0) {
        send->working--;
        slot->ready = true;
        fy_error_set(&send->error, FY_E_NOMEM, "the thread pool takes no work");
    }
}

static int send_file_begin(struct fy_send_set *send, const struct fy_image_file *file, struct fy_error *err)
{
    (void)XXH3_64bits_reset(&send->tree);
    Ferry__Peer__FileBegin begin = FERRY__PEER__FILE_BEGIN__INIT;
    begin.name = file->name;
    begin.size_bytes = file->size_bytes;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(file_begin, FERRY__PEER__FRAME__KIND_FILE_BEGIN, &begin);
    return fy_session_send(send->session, &frame, NULL, 0, err);
}

static int send_chunk(struct fy_send_set *send, struct slot *slot, struct fy_error *err)
{
    const struct fy_block *block = &slot->block;
    Ferry__Peer__Chunk chunk = FERRY__PEER__CHUNK__INIT;
    chunk.offset = block->offset;
    chunk.raw_bytes = block->raw_bytes;
    chunk.xxh3 = block->xxh3;
    chunk.has_present = block->sparse;
    chunk.present = (ProtobufCBinaryData){.len = FY_BITMAP_BYTES, .data = slot->block.present};
    fy_block_tree_update(&send->tree, block->xxh3);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &chunk);
    return fy_session_send(send->session, &frame, fy_take(slot->data), block->body_bytes, err);
}

static int send_file_end(struct fy_send_set *send, struct fy_error *err)
{
    Ferry__Peer__FileEnd end = FERRY__PEER__FILE_END__INIT;
    end.xxh3 = XXH3_64bits_digest(&send->tree);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(file_end, FERRY__PEER__FRAME__KIND_FILE_END, &end);
    return fy_session_send(send->session, &frame, NULL, 0, err);
}

static int send_set_end(struct fy_send_set *send, struct fy_error *err)
{
    send->set_end_sent = true;
    Ferry__Peer__SetEnd end = FERRY__PEER__SET_END__INIT;
    end.files = (uint32_t)send->files.count;
    end.bytes = send->files.total_bytes;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(set_end, FERRY__PEER__FRAME__KIND_SET_END, &end);
    return fy_session_send(send->session, &frame, NULL, 0, err);
}

static int send_slot(struct fy_send_set *send, struct slot *slot, struct fy_error *err)
{
    const struct fy_image_file *file = &send->files.items[slot->file];
    if (slot->block.offset == 0 && send_file_begin(send, file, err) < 0)
        return -1;
    if (slot->block.raw_bytes > 0 && send_chunk(send, slot, err) < 0)
        return -1;
    if (slot->block.offset + slot->block.raw_bytes == file->size_bytes)
        return send_file_end(send, err);
    return 0;
}

static void flush_ready(struct fy_send_set *send)
{
    while (send->used > 0 && send->slots[send->first].ready && !fy_error_is_set(&send->error) && send->session->link &&
           !fy_link_congested(send->session->link)) {
        struct slot *slot = &send->slots[send->first];
        if (send_slot(send, slot, &send->error) < 0)
            return;
        send->first = (send->first + 1) % SLOTS;
        send->used--;
    }
}

static void starter_closed(uv_handle_t *handle)
{
    struct fy_send_set *send = fy_container_of(handle, struct fy_send_set, starter);
    fy_send_set_cb done = send->done;
    void *data = send->data;
    struct fy_error error = send->error;
    uint64_t bytes = send->files.total_bytes;
    for (unsigned i = 0; i < SLOTS; i++)
        free(send->slots[i].data);
    fy_image_files_done(&send->files);
    (void)close(send->dir_fd);
    free(send);
    done(fy_error_is_set(&error) ? &error : NULL, bytes, data);
}

static void finish(struct fy_send_set *send)
{
    if (send->closing || send->working > 0)
        return;
    send->closing = true;
    uv_close((uv_handle_t *)&send->starter, starter_closed);
}

static void advance(struct fy_send_set *send)
{
    if (send->closing)
        return;
    if (!send->session->link)
        fy_error_set(&send->error, FY_E_UNREACHABLE, "the link went down while images were sent");
    flush_ready(send);
    if (fy_error_is_set(&send->error)) {
        finish(send);
        return;
    }
    while (send->used < SLOTS && send->next_file < send->files.count && !fy_error_is_set(&send->error))
        take_next_block(send);
    if (send->used > 0)
        return;
    if (!send->set_end_sent)
        (void)send_set_end(send, &send->error);
    finish(send);
}

static void start_from_loop(uv_idle_t *starter)
{
    struct fy_send_set *send = fy_container_of(starter, struct fy_send_set, starter);
    (void)uv_idle_stop(starter);
    advance(send);
}

int fy_send_set_start(uv_loop_t *loop, const char *directory, struct fy_session *session, fy_send_set_cb done,
                      void *data, struct fy_send_set **send, struct fy_error *err)
{
    struct fy_send_set *new = calloc(1, sizeof *new);
    if (!new)
        return fy_error_set(err, FY_E_NOMEM, "no memory for sending images");
    *new = (struct fy_send_set){.loop = loop, .session = session, .done = done, .data = data};
    new->dir_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (new->dir_fd < 0) {
        fy_error_errno(err, errno, "opening image directory %s", directory);
        free(new);
        return -1;
    }
    if (fy_image_files_list(new->dir_fd, &new->files, err) < 0) {
        (void)close(new->dir_fd);
        free(new);
        return -1;
    }
    (void)uv_idle_init(loop, &new->starter);
    (void)uv_idle_start(&new->starter, start_from_loop);
    *send = new;
    return 0;
}

void fy_send_set_drained(struct fy_send_set *send)
{
    advance(send);
}

void fy_send_set_stop(struct fy_send_set *send)
{
    fy_error_set(&send->error, FY_E_CANCELLED, "sending of the image set was stopped");
    advance(send);
}

uint64_t fy_send_set_total_bytes(const struct fy_send_set *send)
{
    return send->files.total_bytes;
}
