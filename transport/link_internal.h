/* The inside of a link: what link.c keeps for every kind, and the table of functions through which it drives the kind.
 *
 * A kind (a "channel": UNIX socket, SSH channel) is a struct that begins with `struct fy_link`. The two sides talk so:
 *
 *     link.c -> channel   ops->kick, set_reading, finish, close, free
 *     channel -> link.c   fy_link_opened, _input_space/_input_commit, _take/_sent, _output_failed, _ended,
 *                         _channel_closed; only ever from a callback of the loop, never from inside an op */
#ifndef FERRY_TRANSPORT_LINK_INTERNAL_H
#define FERRY_TRANSPORT_LINK_INTERNAL_H

#include <ferry/transport/link.h>
#include <ferry/transport/packet.h>

#define FY_LINK_HIGH_WATER_BYTES (8u * 1024u * 1024u)
#define FY_LINK_NAME_BYTES 320

/* One queued frame. */
struct fy_chunk {
    struct fy_chunk *next;
    struct fy_packet *packet;
};

/* What keeping one costs beside its bytes, in about. */
#define FY_CHUNK_COST_BYTES (sizeof(struct fy_chunk) + sizeof(struct fy_packet) + 64)

void fy_chunk_free(struct fy_chunk *chunk);
size_t fy_chunk_wire_bytes(const struct fy_chunk *chunk);

/* What was sent, for the link's books. */
struct fy_sent {
    uint64_t frames;
    uint64_t wire_bytes;
};

struct fy_link_channel_ops {
    /* Something is in the send queue: take it with fy_link_take(). Only after fy_link_opened(). */
    void (*kick)(struct fy_link *link);
    void (*set_reading)(struct fy_link *link, bool on);
    /* All was sent: tell the other side that no more comes, then report fy_link_ended() when that is certain to arrive
     * or when the other side has ended as well. */
    void (*finish)(struct fy_link *link);
    /* Gives up at once; fy_link_channel_closed() follows from the loop. */
    void (*close)(struct fy_link *link);
    void (*free)(struct fy_link *link);
};

enum fy_link_state {
    FY_LINK_CONNECTING,
    FY_LINK_OPEN,
    FY_LINK_FINISHING, /* fy_link_finish() was called: the queue empties */
    FY_LINK_ENDING,    /* the queue is empty and the other side has been told */
    FY_LINK_CLOSING,   /* handles are being closed */
    FY_LINK_STATE_COUNT
};

/* Bytes that arrived and are not delivered yet: data[start..end), and of the body that follows them body[0..body_end).
 */
struct fy_link_input {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t capacity;
    uint8_t *body; /* NULL: the bodies lie in `data` */
    size_t body_end;
    size_t body_bytes; /* what it will have */
};

struct fy_link {
    uv_loop_t *loop;
    const struct fy_link_channel_ops *ops;
    struct fy_link_events events;
    void *data;
    char name[FY_LINK_NAME_BYTES];
    enum fy_link_state state;
    struct fy_error error;     /* why it closes; empty after a close on request */
    struct fy_error end_error; /* why no more input comes */

    uv_timer_t deadline; /* of fy_link_finish(), or of the grace after a failed write */
    uv_idle_t turn;      /* active while frames wait for the next turn of the loop */
    unsigned open_handles;

    bool connected;
    bool paused;
    bool reading;     /* what the channel was told last */
    bool input_ended; /* the channel will give no more bytes */
    bool output_dead; /* a write failed; what the other side had sent before is still read */
    bool congested;
    size_t high_water_bytes;

    struct fy_link_input input;
    struct fy_chunk *queue_first;
    struct fy_chunk *queue_last;
    size_t queued_bytes; /* in the queue and in the channel, until on the wire; with the cost of keeping them */
    struct fy_link_stats stats;
};

/* Fills in everything but the name. Cannot fail: libuv's timers and idle handles need no resources. */
void fy_link_init(struct fy_link *link, uv_loop_t *loop, const struct fy_link_channel_ops *ops,
                  const struct fy_link_events *events, void *data);
/* The channel can carry bytes. `announce`: the owner gets `opened` (a link that was accepted is born open). */
void fy_link_opened(struct fy_link *link, bool announce);
/* The next queued frame, now owned by the channel, or NULL. */
struct fy_chunk *fy_link_take(struct fy_link *link);
/* Frames taken earlier are on the wire (their chunks are freed by the channel). */
void fy_link_sent(struct fy_link *link, const struct fy_sent *sent);
/* Nothing more can be sent; input may still come. */
void fy_link_output_failed(struct fy_link *link, const struct fy_error *err);
/* No more input will come, everything before it has been committed. `err` NULL: the other side closed in order. */
void fy_link_ended(struct fy_link *link, const struct fy_error *err);
/* Fails for a reason of our own side, at once. */
void fy_link_fail(struct fy_link *link, const struct fy_error *err);
void fy_link_channel_closed(struct fy_link *link);
/* Goes on from the next turn of the loop: delivers what is buffered, ends what is finished. */
void fy_link_wake(struct fy_link *link);

/* link_input.c: room for incoming bytes (at least one; NULL when there is no memory), and what was put there. */
uint8_t *fy_link_input_space(struct fy_link *link, size_t *size);
void fy_link_input_commit(struct fy_link *link, size_t size);
/* Hands complete frames to the owner, within one turn's budget; then settles reading and the end of input. */
void fy_link_deliver(struct fy_link *link);
void fy_link_input_done(struct fy_link *link);
/* link.c: input is ended and delivered. */
void fy_link_conclude(struct fy_link *link);

#endif
