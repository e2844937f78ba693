/* What follows an entry in the file, as "extra". Payloads are read in pieces: a ghost file may have any size. */
#include "decode_private.h"
#include <criu/ipc.pb-c.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <string.h>

#define PIECE_BYTES ((size_t)57 * 1024) /* whole lines of base64 */

/* Fields that say how a payload is divided, by tag. */
enum {
    TCP_STREAM_INQ_LEN = 1,
    IPC_SEM_NSEMS = 2,
    IPC_MSG_QNUM = 3,
    IPC_MSG_MSIZE = 2,
    IPC_SHM_SIZE = 2,
};

/* A payload that is being printed. */
struct payload {
    struct decoder *decoder;
    struct fy_error *err;
    enum fy_image_payload kind;
    uint64_t at;    /* in the file */
    uint64_t end;   /* in the file */
    uint64_t first; /* what the entry says: bytes of the first part, or how many items there are */
    bool is_whole;  /* so far, "extra" says all */
};

static int read_piece(struct payload *payload, void *data, size_t size)
{
    if (fy_image_read(payload->decoder->image, payload->at, data, size, payload->err) < 0)
        return -1;
    payload->at += size;
    return 0;
}

static int print_base64(struct payload *payload, uint64_t bytes)
{
    struct emit *emit = &payload->decoder->emit;
    uint8_t piece[PIECE_BYTES];

    fy_emit_base64_begin(emit);
    while (bytes > 0 && !emit->failed) {
        size_t part = bytes < sizeof(piece) ? (size_t)bytes : sizeof(piece);
        if (read_piece(payload, piece, part) < 0)
            return -1;
        fy_emit_base64_piece(emit, piece, part);
        bytes -= part;
    }
    fy_emit_base64_end(emit);
    return 0;
}

/* Padding is zero, or encoding would not give it back. */
static int skip_padding(struct payload *payload, size_t size)
{
    uint8_t padding[8] = {0};
    static const uint8_t zeros[8];

    if (read_piece(payload, padding, size) < 0)
        return -1;
    if (memcmp(padding, zeros, size) != 0)
        payload->is_whole = false;
    return 0;
}

static int print_tcp_queues(struct payload *payload)
{
    struct emit *emit = &payload->decoder->emit;

    fy_emit_open(emit, '{');
    fy_emit_key(emit, "inq");
    if (print_base64(payload, payload->first) < 0)
        return -1;
    fy_emit_key(emit, "outq");
    if (print_base64(payload, payload->end - payload->at) < 0)
        return -1;
    fy_emit_close(emit, '}');
    return 0;
}

static int print_semaphores(struct payload *payload)
{
    struct emit *emit = &payload->decoder->emit;
    uint8_t values[4096];
    uint64_t left = 2 * payload->first;

    fy_emit_open(emit, '[');
    while (left > 0 && !emit->failed) {
        size_t part = left < sizeof(values) ? (size_t)left : sizeof(values);
        if (read_piece(payload, values, part) < 0)
            return -1;
        for (size_t i = 0; i < part; i += 2) {
            fy_emit_item(emit);
            fy_emit_unsigned(emit, (uint64_t)values[i] | (uint64_t)values[i + 1] << 8);
        }
        left -= part;
    }
    fy_emit_close(emit, ']');
    return skip_padding(payload, (size_t)(payload->end - payload->at));
}

/* The message itself of one in a queue; the whole payload has been measured and found well formed. */
static int read_message(struct payload *payload, uint8_t **data, size_t *size, uint32_t *text_bytes)
{
    uint8_t word[4];

    if (read_piece(payload, word, sizeof(word)) < 0)
        return -1;
    *size = (size_t)word[0] | (size_t)word[1] << 8 | (size_t)word[2] << 16 | (size_t)word[3] << 24;
    *data = malloc(*size + 1);
    if (!*data)
        return fy_error_set(payload->err, FY_E_NOMEM, "no memory for a message of %zu bytes", *size);
    if (read_piece(payload, *data, *size) < 0)
        return -1;
    *text_bytes = (uint32_t)fy_wire_number(&ipc_msg__descriptor, *data, *size, IPC_MSG_MSIZE);
    return 0;
}

static int print_message(struct payload *payload, const struct shape *shape)
{
    struct decoder *decoder = payload->decoder;
    FY_AUTO_FREE uint8_t *data = NULL;
    uint32_t text_bytes;
    size_t size;
    bool is_canonical;

    if (read_message(payload, &data, &size, &text_bytes) < 0)
        return -1;
    is_canonical = fy_decode_is_canonical(shape, data, size);
    if (!is_canonical)
        payload->is_whole = false;
    fy_emit_item(&decoder->emit);
    fy_emit_open(&decoder->emit, '{');
    fy_decode_members(decoder, shape, data, size, is_canonical);
    fy_emit_close(&decoder->emit, '}');
    fy_emit_item(&decoder->emit);
    if (print_base64(payload, text_bytes) < 0)
        return -1;
    return skip_padding(payload, (8 - text_bytes % 8) % 8);
}

/* A flat list: a message, its text, the next message, … */
static int print_messages(struct payload *payload)
{
    struct emit *emit = &payload->decoder->emit;
    const struct shape *shape = fy_shape_of(&payload->decoder->shapes, &ipc_msg__descriptor, false, payload->err);

    if (!shape)
        return -1;
    fy_emit_open(emit, '[');
    for (uint64_t i = 0; i < payload->first && !emit->failed; i++)
        if (print_message(payload, shape) < 0)
            return -1;
    fy_emit_close(emit, ']');
    return 0;
}

/* A segment whose pages are in pagemaps has none here, whatever size it has. */
static int print_segment(struct payload *payload)
{
    uint64_t all = payload->end - payload->at;

    if (print_base64(payload, payload->first < all ? payload->first : all) < 0)
        return -1;
    return skip_padding(payload, (size_t)(payload->end - payload->at));
}

static int print_extra(struct payload *payload)
{
    switch (payload->kind) {
    case FY_PAYLOAD_TCP_STREAM:
        return print_tcp_queues(payload);
    case FY_PAYLOAD_IPC_SEMAPHORES:
        return print_semaphores(payload);
    case FY_PAYLOAD_IPC_MESSAGES:
        return print_messages(payload);
    case FY_PAYLOAD_IPC_SEGMENT:
        return print_segment(payload);
    default:
        return print_base64(payload, payload->end - payload->at);
    }
}

/* ---- without the payload ---- */

/* crit counts the messages and their texts, without size words and padding. */
static int count_messages(struct payload *payload, uint64_t *bytes)
{
    *bytes = 0;
    for (uint64_t i = 0; i < payload->first; i++) {
        FY_AUTO_FREE uint8_t *data = NULL;
        uint32_t text_bytes;
        size_t size;
        if (read_message(payload, &data, &size, &text_bytes) < 0)
            return -1;
        *bytes += size + text_bytes;
        payload->at += ((uint64_t)text_bytes + 7) / 8 * 8;
    }
    return 0;
}

static int count_bytes(struct payload *payload, uint64_t *bytes)
{
    *bytes = payload->end - payload->at;
    if (payload->kind == FY_PAYLOAD_IPC_MESSAGES)
        return count_messages(payload, bytes);
    if (payload->kind == FY_PAYLOAD_IPC_SEMAPHORES)
        *bytes = 2 * payload->first;
    else if (payload->kind == FY_PAYLOAD_IPC_SEGMENT && payload->first < *bytes)
        *bytes = payload->first;
    return 0;
}

/* "... <15B>", "... <1.5KB>", as crit writes it. */
static int print_size(struct payload *payload)
{
    static const char *const units[] = {"", "K", "M", "G", "T", "P", "E"};
    uint64_t bytes;
    double amount;
    size_t unit = 0;
    char text[48];

    if (count_bytes(payload, &bytes) < 0)
        return -1;
    for (amount = (double)bytes; amount >= 1024 && unit + 1 < FY_ARRAY_SIZE(units); unit++)
        amount /= 1024;
    (void)snprintf(text, sizeof(text), "... <%.*f%sB>", amount == (double)(uint64_t)amount ? 0 : 1, amount,
                   units[unit]);
    fy_emit_plain_string(&payload->decoder->emit, text);
    return 0;
}

/* ---- all of it ---- */

/* What the entry says of its payload's parts. */
static uint64_t first_of(enum fy_image_payload kind, const struct fy_image_raw *entry)
{
    static const uint32_t tags[] = {[FY_PAYLOAD_TCP_STREAM] = TCP_STREAM_INQ_LEN,
                                    [FY_PAYLOAD_IPC_SEMAPHORES] = IPC_SEM_NSEMS,
                                    [FY_PAYLOAD_IPC_MESSAGES] = IPC_MSG_QNUM,
                                    [FY_PAYLOAD_IPC_SEGMENT] = IPC_SHM_SIZE};

    if ((size_t)kind >= FY_ARRAY_SIZE(tags) || tags[kind] == 0)
        return 0;
    return fy_wire_number(entry->descriptor, entry->data, entry->size, tags[kind]);
}

/* A ghost file that comes in chunks has no payload of its own. */
static bool has_payload(enum fy_image_payload kind, const struct fy_image_raw *entry)
{
    enum { GHOST_FILE_CHUNKS = 9 };

    if (kind != FY_PAYLOAD_GHOST_FILE || entry->number > 0)
        return kind != FY_PAYLOAD_NONE;
    return fy_wire_number(entry->descriptor, entry->data, entry->size, GHOST_FILE_CHUNKS) == 0;
}

int fy_decode_payload(struct decoder *decoder, const struct fy_image_raw *entry, struct fy_error *err)
{
    enum fy_image_payload kind = fy_image_type(decoder->image)->payload;
    struct payload payload = {.decoder = decoder,
                              .err = err,
                              .kind = kind,
                              .at = entry->payload_offset_bytes,
                              .end = entry->payload_offset_bytes + entry->payload_bytes,
                              .first = first_of(kind, entry),
                              .is_whole = true};

    if (!has_payload(kind, entry))
        return 0;
    if (decoder->no_payload && kind == FY_PAYLOAD_GHOST_FILE)
        return 0;
    fy_emit_key(&decoder->emit, "extra");
    if (decoder->no_payload)
        return print_size(&payload);
    if (print_extra(&payload) < 0)
        return -1;
    if (payload.is_whole)
        return 0;
    payload.at = entry->payload_offset_bytes;
    fy_emit_key(&decoder->emit, "@extra");
    return print_base64(&payload, entry->payload_bytes);
}
