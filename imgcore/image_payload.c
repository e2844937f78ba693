/* How much of the file belongs to an entry beside the entry itself. Each type has a way of its own to say that. */
#include "image_private.h"
#include <criu/ipc.pb-c.h>
#include <ferry/imgcore/wire_field.h>
#include <inttypes.h>
#include <sys/stat.h>

/* Fields that say it, by tag. */
enum {
    PIPE_DATA_BYTES = 2,
    SK_PACKET_LENGTH = 2,
    TCP_STREAM_INQ_LEN = 1,
    TCP_STREAM_OUTQ_LEN = 3,
    BPFMAP_DATA_KEYS_BYTES = 2,
    BPFMAP_DATA_VALUES_BYTES = 3,
    GHOST_FILE_MODE = 3,
    GHOST_FILE_CHUNKS = 9,
    GHOST_CHUNK_LEN = 1,
    IPC_SEM_NSEMS = 2,
    IPC_MSG_QNUM = 3,
    IPC_MSG_MSIZE = 2,
    IPC_SHM_SIZE = 2,
    IPC_SHM_IN_PAGEMAPS = 3,
};

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
    uint64_t over = bytes % unit;
    return over == 0 || bytes > UINT64_MAX - unit ? bytes : bytes + unit - over;
}

static uint64_t number_of(const struct fy_image_raw *entry, uint32_t tag)
{
    return fy_wire_number(entry->descriptor, entry->data, entry->size, tag);
}

/* Each message of a queue is a size word, an ipc_msg, and its text padded to eight bytes. */
static int measure_messages(struct fy_image *image, struct fy_image_raw *entry, struct fy_error *err)
{
    uint32_t count = (uint32_t)number_of(entry, IPC_MSG_QNUM); /* every round takes four bytes of the file or fails */
    uint64_t offset = entry->payload_offset_bytes;

    for (uint32_t i = 0; i < count; i++) {
        struct fy_image_raw message = {.descriptor = &ipc_msg__descriptor};
        uint64_t text_bytes;
        if (fy_image_frame(image, offset, &message, err) < 0 ||
            (image->strict && !fy_image_unpack(image, &message, err)))
            return fy_error_wrap(err, "message %" PRIu32 " of a queue", i);
        text_bytes = round_up(number_of(&message, IPC_MSG_MSIZE), 8);
        offset = message.payload_offset_bytes;
        if (text_bytes > image->size_bytes - offset)
            return fy_image_fault(image, offset, err,
                                  "message %" PRIu32 " of a queue has %" PRIu64
                                  " bytes of text, but the file has %" PRIu64,
                                  i, number_of(&message, IPC_MSG_MSIZE), image->size_bytes - offset);
        offset += text_bytes;
    }
    entry->payload_bytes = offset - entry->payload_offset_bytes;
    return 0;
}

/* The content of a ghost file is all that follows, or it comes in chunks, which are entries of their own. */
static void measure_ghost(struct fy_image *image, struct fy_image_raw *entry)
{
    if (image->count > 0) {
        entry->payload_bytes = number_of(entry, GHOST_CHUNK_LEN);
        return;
    }
    if (number_of(entry, GHOST_FILE_CHUNKS))
        return;
    image->last = true;
    if (S_ISREG((mode_t)number_of(entry, GHOST_FILE_MODE)))
        entry->payload_bytes = image->size_bytes - entry->payload_offset_bytes;
}

static uint64_t simple_bytes(const struct fy_image *image, const struct fy_image_raw *entry)
{
    switch (image->type->payload) {
    case FY_PAYLOAD_PIPE_DATA:
        return number_of(entry, PIPE_DATA_BYTES);
    case FY_PAYLOAD_SOCKET_PACKET:
        return number_of(entry, SK_PACKET_LENGTH);
    case FY_PAYLOAD_TCP_STREAM:
        return number_of(entry, TCP_STREAM_INQ_LEN) + number_of(entry, TCP_STREAM_OUTQ_LEN);
    case FY_PAYLOAD_BPF_MAP:
        return number_of(entry, BPFMAP_DATA_KEYS_BYTES) + number_of(entry, BPFMAP_DATA_VALUES_BYTES);
    case FY_PAYLOAD_IPC_SEMAPHORES:
        return round_up(number_of(entry, IPC_SEM_NSEMS) * 2, 8);
    case FY_PAYLOAD_IPC_SEGMENT:
        return number_of(entry, IPC_SHM_IN_PAGEMAPS) ? 0 : round_up(number_of(entry, IPC_SHM_SIZE), 4);
    case FY_PAYLOAD_NONE:
    case FY_PAYLOAD_GHOST_FILE:
    case FY_PAYLOAD_IPC_MESSAGES:
        break;
    }
    return 0;
}

int fy_image_measure_payload(struct fy_image *image, struct fy_image_raw *entry, struct fy_error *err)
{
    uint64_t left = image->size_bytes - entry->payload_offset_bytes;

    entry->payload_bytes = 0;
    if (image->type->payload == FY_PAYLOAD_NONE)
        return 0;
    if (image->type->payload == FY_PAYLOAD_IPC_MESSAGES)
        return measure_messages(image, entry, err);
    if (image->type->payload == FY_PAYLOAD_GHOST_FILE)
        measure_ghost(image, entry);
    else
        entry->payload_bytes = simple_bytes(image, entry);
    if (entry->payload_bytes > left)
        return fy_image_fault(image, entry->offset_bytes, err,
                              "%" PRIu64 " bytes of content belong to it, but the file has %" PRIu64,
                              entry->payload_bytes, left);
    return 0;
}
