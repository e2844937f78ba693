/* Sending of an image set.
 *
 *     listing -> files -> next block -> slot -> thread pool (read, hash, pack) -> slot ready -> sent in slot order ->
 * free
 *
 * The directory is listed in the thread pool, again and again while it grows, one last time when it is complete. Slots
 * are a ring: `first` is the oldest block not yet sent, `used` blocks are under way. */
#include "send_set.h"

#include "block.h"
#include "send_files.h"
#include "sent_chunks.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <string.h>

#define SLOTS 6u
/* CRIU writes a block of 1 MiB in less than a millisecond; listing takes some microseconds a file. */
#define LISTING_PAUSE_MS 3u

enum listing {
    LISTING_GROWING, /* CRIU writes */
    LISTING_LAST,    /* the set is complete and has to be listed once more */
    LISTING_OVER,
};

struct slot {
    uv_work_t work;
    struct fy_send_set *send;
    struct fy_send_block place;
    struct fy_block block;
    uint8_t *data;
    bool ready;
    struct fy_error error;
};

struct fy_send_set {
    uv_loop_t *loop;
    struct fy_session *session;
    const struct fy_send_set_events *events;
    void *data;
    int dir_fd;

    enum listing listing;
    uv_timer_t pause; /* until the next listing */
    uv_work_t list_work;
    bool list_working;
    bool list_is_last;           /* the one that works was started when the set was complete */
    struct fy_image_files found; /* by it */
    struct fy_error list_error;

    struct fy_send_files files;
    struct slot slots[SLOTS];
    unsigned first;
    unsigned used;
    unsigned working; /* slots that a thread has */

    struct fy_sent_chunks chunks;
    XXH3_state_t digest; /* over the records of the chunks sent */
    bool queued;         /* everything, also the end of the set */
    bool closing;
    struct fy_error error;
};

static void advance(struct fy_send_set *send);

/* ---- blocks ---- */

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
    if (read_block(send->dir_fd, slot->place.file->name, slot) == 0)
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

static void take_blocks(struct fy_send_set *send)
{
    struct fy_send_block place;
    while (send->used < SLOTS && !fy_error_is_set(&send->error) && fy_send_files_next(&send->files, &place)) {
        struct slot *slot = &send->slots[(send->first + send->used) % SLOTS];
        *slot = (struct slot){.send = send, .place = place};
        slot->block.offset = place.offset;
        slot->block.raw_bytes = place.raw_bytes;
        send->used++;
        send->working++;
        if (uv_queue_work(send->loop, &slot->work, work, worked) == 0)
            continue;
        send->working--;
        slot->ready = true;
        fy_error_set(&send->error, FY_E_NOMEM, "the thread pool takes no work");
    }
}

/* ---- the link ---- */

static int send_chunk(struct fy_send_set *send, struct slot *slot, struct fy_error *err)
{
    const struct fy_block *block = &slot->block;
    const struct fy_send_file *file = slot->place.file;
    if (fy_sent_chunks_reserve(&send->chunks, err) < 0)
        return -1;
    Ferry__Peer__Chunk chunk = FERRY__PEER__CHUNK__INIT;
    chunk.number = send->chunks.count;
    chunk.file = file->number;
    chunk.name = file->name;
    chunk.offset = block->offset;
    chunk.raw_bytes = block->raw_bytes;
    chunk.xxh3 = block->xxh3;
    chunk.has_present = block->sparse;
    chunk.present = (ProtobufCBinaryData){.len = FY_BITMAP_BYTES, .data = slot->block.present};
    Ferry__Peer__Frame frame = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &chunk);
    if (fy_session_send(send->session, &frame, fy_take(slot->data), block->body_bytes, err) < 0)
        return -1;
    uint64_t record = fy_block_record(block, file->number);
    (void)XXH3_64bits_update(&send->digest, &record, sizeof record);
    fy_sent_chunks_add(&send->chunks,
                       &(struct fy_sent_chunk){.file = file, .offset = block->offset, .raw_bytes = block->raw_bytes});
    return 0;
}

static int send_file_end(struct fy_send_set *send, const struct fy_send_file *file, struct fy_error *err)
{
    Ferry__Peer__FileEnd end = FERRY__PEER__FILE_END__INIT;
    end.file = file->number;
    end.name = file->name;
    end.size_bytes = file->size_bytes;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(file_end, FERRY__PEER__FRAME__KIND_FILE_END, &end);
    return fy_session_send(send->session, &frame, NULL, 0, err);
}

static int send_set_end(struct fy_send_set *send, struct fy_error *err)
{
    Ferry__Peer__SetEnd end = FERRY__PEER__SET_END__INIT;
    end.files = (uint32_t)send->files.count;
    end.bytes = send->files.total_bytes;
    end.chunks = send->chunks.count;
    end.xxh3 = XXH3_64bits_digest(&send->digest);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(set_end, FERRY__PEER__FRAME__KIND_SET_END, &end);
    return fy_session_send(send->session, &frame, NULL, 0, err);
}

static int send_slot(struct fy_send_set *send, struct slot *slot, struct fy_error *err)
{
    if (slot->block.raw_bytes > 0 && send_chunk(send, slot, err) < 0)
        return -1;
    return slot->place.last ? send_file_end(send, slot->place.file, err) : 0;
}

static bool link_takes_more(const struct fy_send_set *send)
{
    return fy_session_is_open(send->session) && !fy_session_congested(send->session);
}

static void flush_ready(struct fy_send_set *send)
{
    while (send->used > 0 && send->slots[send->first].ready && !fy_error_is_set(&send->error) &&
           link_takes_more(send)) {
        struct slot *slot = &send->slots[send->first];
        if (send_slot(send, slot, &send->error) < 0)
            return;
        send->first = (send->first + 1) % SLOTS;
        send->used--;
    }
}

/* ---- listings ---- */

static void list(uv_work_t *request)
{
    struct fy_send_set *send = fy_container_of(request, struct fy_send_set, list_work);
    if (send->list_is_last)
        (void)fy_image_files_list(send->dir_fd, &send->found, &send->list_error);
    else
        (void)fy_image_files_list_growing(send->dir_fd, &send->found, &send->list_error);
}

static void pause_over(uv_timer_t *timer)
{
    struct fy_send_set *send = fy_container_of(timer, struct fy_send_set, pause);
    advance(send);
}

static void listed(uv_work_t *request, int status)
{
    (void)status;
    struct fy_send_set *send = fy_container_of(request, struct fy_send_set, list_work);
    send->list_working = false;
    fy_error_propagate(&send->error, &send->list_error);
    if (!fy_error_is_set(&send->error) &&
        fy_send_files_update(&send->files, &send->found, send->list_is_last, &send->error) == 0 && send->list_is_last)
        send->listing = LISTING_OVER;
    fy_image_files_done(&send->found);
    if (send->listing == LISTING_GROWING)
        (void)uv_timer_start(&send->pause, pause_over, LISTING_PAUSE_MS, 0);
    advance(send);
}

static void start_listing(struct fy_send_set *send)
{
    if (send->listing == LISTING_OVER || send->list_working || uv_is_active((uv_handle_t *)&send->pause))
        return;
    send->list_is_last = send->listing == LISTING_LAST;
    send->list_working = uv_queue_work(send->loop, &send->list_work, list, listed) == 0;
    if (!send->list_working)
        fy_error_set(&send->error, FY_E_NOMEM, "the thread pool takes no work");
}

/* ---- the end ---- */

static void pause_closed(uv_handle_t *handle)
{
    struct fy_send_set *send = fy_container_of(handle, struct fy_send_set, pause);
    const struct fy_send_set_events *events = send->events;
    void *data = send->data;
    struct fy_error error = send->error;
    for (unsigned i = 0; i < SLOTS; i++)
        free(send->slots[i].data);
    fy_send_files_done(&send->files);
    fy_sent_chunks_done(&send->chunks);
    (void)close(send->dir_fd);
    free(send);
    events->done(fy_error_is_set(&error) ? &error : NULL, data);
}

static bool is_kept(const struct fy_send_set *send)
{
    return send->queued && send->chunks.kept == send->chunks.count;
}

static void finish_if_over(struct fy_send_set *send)
{
    bool over = is_kept(send) || fy_error_is_set(&send->error);
    if (!over || send->closing || send->working > 0 || send->list_working)
        return;
    send->closing = true;
    uv_close((uv_handle_t *)&send->pause, pause_closed);
}

static void end_set(struct fy_send_set *send)
{
    if (send_set_end(send, &send->error) < 0)
        return;
    send->queued = true;
    send->events->queued(send->data);
}

static void advance(struct fy_send_set *send)
{
    if (send->closing)
        return;
    if (!send->queued && !fy_session_is_open(send->session))
        fy_error_set(&send->error, FY_E_UNREACHABLE, "the link went down while images were sent");
    flush_ready(send);
    if (!fy_error_is_set(&send->error))
        start_listing(send);
    take_blocks(send);
    if (send->listing == LISTING_OVER && send->used == 0 && !send->queued && !fy_error_is_set(&send->error))
        end_set(send);
    finish_if_over(send);
}

/* ---- the owner's side ---- */

int fy_send_set_start(uv_loop_t *loop, const char *directory, struct fy_session *session,
                      const struct fy_send_set_events *events, void *data, struct fy_send_set **send,
                      struct fy_error *err)
{
    struct fy_send_set *new = calloc(1, sizeof *new);
    if (!new)
        return fy_error_set(err, FY_E_NOMEM, "no memory for sending images");
    *new = (struct fy_send_set){.loop = loop, .session = session, .events = events, .data = data};
    new->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (new->dir_fd < 0) {
        fy_error_errno(err, errno, "opening image directory %s", directory);
        free(new);
        return -1;
    }
    (void)XXH3_64bits_reset(&new->digest);
    (void)uv_timer_init(loop, &new->pause);
    (void)uv_timer_start(&new->pause, pause_over, 0, 0);
    *send = new;
    return 0;
}

void fy_send_set_complete(struct fy_send_set *send)
{
    send->listing = LISTING_LAST;
    (void)uv_timer_start(&send->pause, pause_over, 0, 0);
}

void fy_send_set_drained(struct fy_send_set *send)
{
    advance(send);
}

int fy_send_set_acknowledged(struct fy_send_set *send, const Ferry__Peer__Received *received, struct fy_error *err)
{
    if (fy_sent_chunks_acknowledge(&send->chunks, received->chunks, received->bytes, err) < 0)
        return -1;
    finish_if_over(send);
    return 0;
}

void fy_send_set_stop(struct fy_send_set *send)
{
    fy_error_set(&send->error, FY_E_CANCELLED, "sending of the image set was stopped");
    finish_if_over(send);
}

void fy_send_set_get_stats(const struct fy_send_set *send, struct fy_send_set_stats *stats)
{
    *stats = (struct fy_send_set_stats){
        .total_bytes = send->listing == LISTING_OVER ? send->files.total_bytes : 0,
        .kept_bytes = send->chunks.kept_bytes,
        .is_kept = is_kept(send),
    };
}
