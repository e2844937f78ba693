/* How much of the file belongs to an entry beside the entry itself. Each type has a way of its own to say that. */
#include "image_private.h"
#include <criu/files-regular.pb-c.h>
#include <criu/ipc.pb-c.h>
#include <criu/memfd.pb-c.h>
#include <criu/pipes.pb-c.h>
#include <criu/sockets-inet.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <inttypes.h>
#include <sys/stat.h>

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
    uint64_t over = bytes % unit;
    return over == 0 || bytes > UINT64_MAX - unit ? bytes : bytes + unit - over;
}

/* Each message of a queue is a size word, an ipc_msg, and its text padded to eight bytes. */
static int measure_messages(struct fy_image *image, const IpcMsgEntry *queue, uint64_t begin, uint64_t *bytes,
                            struct fy_error *err)
{
    uint32_t count = queue->qnum; /* every round takes four bytes of the file or fails */
    uint64_t offset = begin;

    for (uint32_t i = 0; i < count; i++) {
        const IpcMsg *message = (const IpcMsg *)fy_image_decode(image, &ipc_msg__descriptor, &offset, err);
        uint64_t text_bytes;
        if (!message)
            return fy_error_wrap(err, "message %" PRIu32 " of a queue", i);
        text_bytes = round_up(message->msize, 8);
        if (text_bytes > image->size_bytes - offset)
            return fy_image_fault(image, offset, err,
                                  "message %" PRIu32 " of a queue has %" PRIu32
                                  " bytes of text, but the file has %" PRIu64,
                                  i, message->msize, image->size_bytes - offset);
        offset += text_bytes;
    }
    *bytes = offset - begin;
    return 0;
}

/* The content of a ghost file is all that follows, or it comes in chunks, which are entries of their own. */
static void measure_ghost(struct fy_image *image, const GhostFileEntry *ghost, uint64_t offset, uint64_t *bytes)
{
    if (ghost->has_chunks && ghost->chunks)
        return;
    image->last = true;
    if (S_ISREG(ghost->mode))
        *bytes = image->size_bytes - offset;
}

static uint64_t segment_bytes(const IpcShmEntry *segment)
{
    return segment->has_in_pagemaps && segment->in_pagemaps ? 0 : round_up(segment->size, 4);
}

int fy_image_measure_payload(struct fy_image *image, const ProtobufCMessage *message, uint64_t offset, uint64_t *bytes,
                             struct fy_error *err)
{
    *bytes = 0;
    switch (image->type->payload) {
    case FY_PAYLOAD_NONE:
        break;
    case FY_PAYLOAD_PIPE_DATA:
        *bytes = ((const PipeDataEntry *)message)->bytes;
        break;
    case FY_PAYLOAD_SOCKET_PACKET:
        *bytes = ((const SkPacketEntry *)message)->length;
        break;
    case FY_PAYLOAD_TCP_STREAM:
        *bytes = (uint64_t)((const TcpStreamEntry *)message)->inq_len + ((const TcpStreamEntry *)message)->outq_len;
        break;
    case FY_PAYLOAD_BPF_MAP:
        *bytes =
            (uint64_t)((const BpfmapDataEntry *)message)->keys_bytes + ((const BpfmapDataEntry *)message)->values_bytes;
        break;
    case FY_PAYLOAD_GHOST_FILE:
        if (image->count == 0)
            measure_ghost(image, (const GhostFileEntry *)message, offset, bytes);
        else
            *bytes = ((const GhostChunkEntry *)message)->len;
        break;
    case FY_PAYLOAD_IPC_SEMAPHORES:
        *bytes = round_up((uint64_t)((const IpcSemEntry *)message)->nsems * 2, 8);
        break;
    case FY_PAYLOAD_IPC_MESSAGES:
        return measure_messages(image, (const IpcMsgEntry *)message, offset, bytes, err);
    case FY_PAYLOAD_IPC_SEGMENT:
        *bytes = segment_bytes((const IpcShmEntry *)message);
        break;
    }
    return 0;
}
