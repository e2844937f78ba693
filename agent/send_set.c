/* Sending of an image set.
 *
 *     listing -> files -> next block -> slot -> thread pool (read, hash, pack) -> slot ready -> sent in slot order ->
 * free
 *
 * The directory is listed in the thread pool, again and again while it grows, one last time when it is complete. Slots
 * are a ring: `first` is the oldest block not yet sent, `used` blocks are under way. */
#include "send_set.h"

#include "block.h"
#include "effort.h"
#include "pace.h"
#include "page_table.h"
#include "punch.h"
#include "send_files.h"
#include "sent_chunks.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/spare.h>
#include <string.h>

#define SLOTS 4u
/* CRIU writes a block of 1 MiB in less than a millisecond; listing takes some microseconds a file. */
#define LISTING_PAUSE_MS 3u
/* What a session holds at most. */
#define STARVED_AFTER_BYTES (16u * 1024u * 1024u)

enum listing {
    LISTING_GROWING, /* CRIU writes */
    LISTING_LAST,    /* the set is complete and has to be listed once more */
    LISTING_OVER,
};

struct slot {
    uv_work_t work;
    struct fy_send_set *send;
    struct fy_send_block place;
    uint32_t number; /* of the chunk */
    struct fy_block block;
    uint8_t *data; /* what is read, FY_BLOCK_BYTES; NULL: to be taken */
    struct fy_codec *codec;
    enum fy_effort effort;
    uint64_t packed_ns; /* of a processor */
    uint8_t *body;
    size_t body_bytes;
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
    unsigned working;     /* slots that a thread has */
    uint32_t next_number; /* of a chunk */
    struct fy_page_table *table;

    struct fy_effort_model effort;
    struct fy_processors processors;
    struct fy_pace pace;
    uint64_t congested_since_ns; /* 0: the link takes what comes */
    uint64_t congested_at_bytes; /* what it had sent by then */
    uint64_t taken_bytes;        /* by the link since it last had enough */
    uint64_t taken_since_ns;
    struct fy_page_counts counts;

    struct fy_sent_chunks chunks;
    struct fy_punch punch;
    uint64_t digest; /* of the records of the chunks sent */
    bool queued;     /* everything, also the end of the set */
    bool closing;
    struct fy_error error;
};

static void advance(struct fy_send_set *send);

/* ---- blocks ---- */

static void no_memory(struct slot *slot)
{
    fy_error_set(&slot->error, FY_E_NOMEM, "no memory for a block of %u bytes", FY_BLOCK_BYTES);
}

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

/* What is to be sent: in the buffer that it was read into, when that is all of it. */
static uint8_t *gather(struct slot *slot)
{
    if (fy_block_is_full(&slot->block))
        return fy_take(slot->data);
    uint8_t *plain = fy_spare_take(slot->block.plain_bytes);
    if (plain)
        fy_block_gather(&slot->block, slot->data, plain);
    return plain;
}

static void pack(struct slot *slot)
{
    struct fy_send_set *send = slot->send;
    struct fy_block *block = &slot->block;
    fy_block_sort(block, slot->data, slot->place.file->number, slot->number, send->table);
    block->encoding = FY_ENCODING_PLAIN;
    if (block->plain_bytes == 0)
        return;
    uint8_t *plain = gather(slot);
    if (!plain) {
        no_memory(slot);
        return;
    }
    uint64_t start_ns = fy_clock_thread_ns();
    block->encoding =
        fy_codec_pack(&slot->codec, slot->effort, plain, block->plain_bytes, &slot->body, &slot->body_bytes);
    slot->packed_ns = fy_clock_thread_ns() - start_ns;
    if (block->encoding != FY_ENCODING_PLAIN) {
        fy_spare_give(plain);
        return;
    }
    slot->body = fy_spare_fit(plain, block->plain_bytes);
    slot->body_bytes = block->plain_bytes;
}

static void work(uv_work_t *request)
{
    struct slot *slot = fy_container_of(request, struct slot, work);
    if (slot->block.raw_bytes == 0)
        return;
    if (!slot->data)
        slot->data = fy_spare_take(FY_BLOCK_BYTES);
    if (!slot->data)
        no_memory(slot);
    else if (read_block(slot->send->dir_fd, slot->place.file->name, slot) == 0)
        pack(slot);
}

static void worked(uv_work_t *request, int status)
{
    (void)status; /* never cancelled: a block takes some milliseconds */
    struct slot *slot = fy_container_of(request, struct slot, work);
    struct fy_send_set *send = slot->send;
    send->working--;
    slot->ready = true;
    fy_error_propagate(&send->error, &slot->error);
    fy_effort_packed(&send->effort, slot->effort, slot->block.plain_bytes, slot->body_bytes, slot->packed_ns);
    advance(send);
}

static void fill_slot(struct fy_send_set *send, struct slot *slot, const struct fy_send_block *place)
{
    slot->send = send;
    slot->place = *place;
    slot->block.offset = place->offset;
    slot->block.raw_bytes = place->raw_bytes;
    slot->block.plain_bytes = 0;
    slot->body_bytes = 0;
    slot->packed_ns = 0;
    slot->ready = false;
    slot->effort = fy_effort_choose(&send->effort);
    if (place->raw_bytes > 0)
        slot->number = send->next_number++;
}

static void note_use(struct fy_send_set *send)
{
    struct fy_processors_share share;
    if (fy_processors_look(&send->processors, &share))
        fy_effort_used(&send->effort, &share);
}

static void look_at_writer(struct fy_send_set *send)
{
    uint64_t now_ns = fy_clock_monotonic_ns();
    uint64_t wait_ns = 0;
    if (!send->events->waited || !fy_pace_is_due(&send->pace, now_ns))
        return;
    if (send->events->waited(&wait_ns, send->data))
        fy_pace_looked(&send->pace, now_ns, wait_ns);
    else
        fy_pace_not_known(&send->pace, now_ns);
}

/* Once all is written nobody has to be let go first. */
static bool takes_more(struct fy_send_set *send)
{
    return send->used < SLOTS && !fy_error_is_set(&send->error) &&
           (send->listing != LISTING_GROWING || fy_pace_takes_more(&send->pace, send->next_number - send->chunks.kept));
}

static void take_blocks(struct fy_send_set *send)
{
    struct fy_send_block place;
    note_use(send);
    if (send->listing == LISTING_GROWING)
        look_at_writer(send);
    while (takes_more(send) && fy_send_files_next(&send->files, &place)) {
        struct slot *slot = &send->slots[(send->first + send->used) % SLOTS];
        fill_slot(send, slot, &place);
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

/* A link that takes so much and never has enough is faster than what we make. */
static void note_taken(struct fy_send_set *send, size_t bytes)
{
    uint64_t now_ns = fy_clock_monotonic_ns();
    if (send->taken_bytes == 0)
        send->taken_since_ns = now_ns;
    send->taken_bytes += bytes;
    if (send->taken_bytes < STARVED_AFTER_BYTES)
        return;
    fy_effort_starved(&send->effort, send->taken_bytes, now_ns - send->taken_since_ns);
    send->taken_bytes = 0;
}

static void count(struct fy_page_counts *counts, const struct fy_block *block)
{
    uint64_t again = (uint64_t)block->ref_count * FY_PIECE_BYTES;
    counts->zero_bytes += block->raw_bytes - block->plain_bytes - again;
    counts->duplicate_bytes += again;
    if (block->encoding == FY_ENCODING_PLAIN)
        counts->plain_bytes += block->plain_bytes;
    else
        counts->compressed_bytes += block->plain_bytes;
}

static void fill_bitmaps(Ferry__Peer__Chunk *chunk, struct fy_block *block, uint8_t *refs)
{
    chunk->has_present = !fy_block_is_full(block);
    chunk->present = (ProtobufCBinaryData){.len = FY_BITMAP_BYTES, .data = block->present};
    chunk->has_again = chunk->has_refs = block->ref_count > 0;
    chunk->again = (ProtobufCBinaryData){.len = FY_BITMAP_BYTES, .data = block->again};
    chunk->refs = (ProtobufCBinaryData){.len = fy_block_put_refs(block, refs), .data = refs};
    chunk->has_encoding = block->encoding != FY_ENCODING_PLAIN;
    chunk->encoding = block->encoding;
}

static int send_chunk(struct fy_send_set *send, struct slot *slot, struct fy_error *err)
{
    const struct fy_block *block = &slot->block;
    const struct fy_send_file *file = slot->place.file;
    uint8_t refs[FY_BLOCK_PIECES * FY_REF_BYTES];
    if (fy_sent_chunks_reserve(&send->chunks, err) < 0)
        return -1;
    Ferry__Peer__Chunk chunk = FERRY__PEER__CHUNK__INIT;
    chunk.number = slot->number;
    chunk.file = file->number;
    chunk.name = file->name;
    chunk.offset = block->offset;
    chunk.raw_bytes = block->raw_bytes;
    chunk.xxh3 = block->xxh3;
    fill_bitmaps(&chunk, &slot->block, refs);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &chunk);
    if (fy_session_send_data(send->session, &frame, fy_take(slot->body), slot->body_bytes, err) < 0)
        return -1;
    send->digest = fy_block_chain(send->digest, fy_block_record(block, file->number));
    fy_sent_chunks_add(&send->chunks,
                       &(struct fy_sent_chunk){.file = file, .offset = block->offset, .raw_bytes = block->raw_bytes});
    count(&send->counts, block);
    note_taken(send, slot->body_bytes);
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
    end.xxh3 = send->digest;
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

static uint64_t link_sent_bytes(const struct fy_send_set *send)
{
    struct fy_session_stats stats;
    fy_session_get_stats(send->session, &stats);
    return stats.bytes_sent;
}

/* The link's speed is measured from when it has enough until it wants more. */
static void note_congestion(struct fy_send_set *send)
{
    send->taken_bytes = 0;
    if (send->congested_since_ns != 0)
        return;
    send->congested_since_ns = fy_clock_monotonic_ns();
    send->congested_at_bytes = link_sent_bytes(send);
}

static void note_relief(struct fy_send_set *send)
{
    if (send->congested_since_ns == 0)
        return;
    fy_effort_sent(&send->effort, link_sent_bytes(send) - send->congested_at_bytes,
                   fy_clock_monotonic_ns() - send->congested_since_ns);
    send->congested_since_ns = 0;
}

static void flush_ready(struct fy_send_set *send)
{
    while (send->used > 0 && send->slots[send->first].ready && !fy_error_is_set(&send->error)) {
        if (!link_takes_more(send)) {
            note_congestion(send);
            return;
        }
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
    for (unsigned i = 0; i < SLOTS; i++) {
        fy_spare_give(send->slots[i].data);
        fy_spare_give(send->slots[i].body);
        fy_codec_free(send->slots[i].codec);
    }
    fy_spare_drop();
    fy_page_table_free(send->table);
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
    if (!over || send->closing || send->working > 0 || send->list_working || send->punch.working)
        return;
    send->closing = true;
    uv_close((uv_handle_t *)&send->pause, pause_closed);
}

/* Not while CRIU writes: punching takes the same lock of the file. */
static void give_back(struct fy_send_set *send)
{
    if (send->listing != LISTING_GROWING)
        fy_punch_advance(&send->punch, send->loop, &send->chunks);
}

static void punched(void *data)
{
    struct fy_send_set *send = data;
    give_back(send);
    finish_if_over(send);
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
    if (!fy_error_is_set(&send->error)) {
        flush_ready(send);
        start_listing(send);
    }
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
    if (new)
        new->table = fy_page_table_new();
    if (!new || !new->table) {
        free(new);
        return fy_error_set(err, FY_E_NOMEM, "no memory for sending images");
    }
    new->loop = loop;
    new->session = session;
    new->events = events;
    new->data = data;
    new->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (new->dir_fd < 0) {
        fy_error_errno(err, errno, "opening image directory %s", directory);
        fy_page_table_free(new->table);
        free(new);
        return -1;
    }
    new->punch = (struct fy_punch){.dir_fd = new->dir_fd, .idle = punched, .data = new};
    fy_effort_init(&new->effort, SLOTS, uv_available_parallelism());
    (void)uv_timer_init(loop, &new->pause);
    (void)uv_timer_start(&new->pause, pause_over, 0, 0);
    *send = new;
    return 0;
}

void fy_send_set_complete(struct fy_send_set *send, uint64_t free_bytes)
{
    send->punch.spare_bytes = fy_punch_spare_bytes(free_bytes);
    send->listing = LISTING_LAST;
    give_back(send);
    (void)uv_timer_start(&send->pause, pause_over, 0, 0);
}

void fy_send_set_drained(struct fy_send_set *send)
{
    note_relief(send);
    advance(send);
}

int fy_send_set_acknowledged(struct fy_send_set *send, const Ferry__Peer__Received *received, struct fy_error *err)
{
    if (fy_sent_chunks_acknowledge(&send->chunks, received->chunks, received->bytes, err) < 0)
        return -1;
    fy_page_table_kept(send->table, received->chunks);
    give_back(send);
    advance(send);
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
        .pages = send->counts,
    };
}
