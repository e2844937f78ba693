/* A link: an ordered, framed, two-way byte path on a libuv loop, whatever is below it (a UNIX socket, an SSH channel).
 *
 * All functions are called on the loop's thread, and so are all callbacks. A link is created by fy_local_connect(),
 * a listener or fy_ssh_connect(); it is freed by itself after `closed` has been called.
 *
 *     created --opened--> open --(frames)--> fy_link_close() or failure --closed--> freed
 */
#ifndef FERRY_TRANSPORT_LINK_H
#define FERRY_TRANSPORT_LINK_H

#include <ferry/base/error.h>
#include <ferry/transport/packet.h>
#include <stdbool.h>
#include <uv.h>

struct fy_link;

struct fy_link_events {
    /* Frames can be sent and will arrive. Never before the creating call has returned; at most once. */
    void (*opened)(struct fy_link *link, void *data);
    /* One complete frame; it is valid until the callback returns. Never called while paused. */
    void (*frame)(struct fy_link *link, const struct fy_frame *frame, void *data);
    /* What arrives is not a frame, and nothing more is delivered. The owner may say so and fy_link_finish(); if it does
     * not, or is NULL, the link fails with this error (FY_E_PROTOCOL). */
    void (*garbled)(struct fy_link *link, const struct fy_error *err, void *data);
    /* The send queue, which had been congested, is below its low-water mark. */
    void (*drained)(struct fy_link *link, void *data);
    /* The last callback, exactly once; also when opening failed, and when the other side closed (err->code
     * FY_E_UNREACHABLE "closed by the other side"). `err` is NULL only after fy_link_close() or fy_link_finish(). The
     * link is freed after it. */
    void (*closed)(struct fy_link *link, const struct fy_error *err, void *data);
};

/* Queues a frame; the head is packed at once. `body` (malloc'ed, may be NULL) is owned by the link from the call on,
 * also when it fails. FY_E_UNREACHABLE after the link has failed or was closed; FY_E_LIMIT when the hard limit of the
 * queue (twice the high-water mark) is exceeded: senders of bulk data stop at fy_link_congested(). */
int fy_link_send(struct fy_link *link, const ProtobufCMessage *head, uint8_t *body, size_t body_bytes,
                 struct fy_error *err);
/* The same for a frame that is packed already; the link takes a reference of its own. */
int fy_link_send_packet(struct fy_link *link, struct fy_packet *packet, struct fy_error *err);
/* Sets the high-water mark (8 MiB when never called); `drained` comes at half of it. */
void fy_link_limit_queue(struct fy_link *link, size_t high_water_bytes);
/* More than the high-water mark is queued: stop until `drained`. */
bool fy_link_congested(const struct fy_link *link);
/* Stops and resumes delivery of frames; what the other side may still send meanwhile is bounded. */
void fy_link_pause(struct fy_link *link);
void fy_link_resume(struct fy_link *link);
/* Closes at once; what is queued is dropped. `closed` follows, from the loop. */
void fy_link_close(struct fy_link *link);
/* Sends what is queued (for at most `timeout_ms`), then closes. */
void fy_link_finish(struct fy_link *link, uint64_t timeout_ms);
/* Replaces the event table and its data: a link accepted by one owner is handed to another. */
void fy_link_set_events(struct fy_link *link, const struct fy_link_events *events, void *data);

struct fy_link_stats {
    uint64_t bytes_sent; /* on the wire of the link (frames, before encryption) */
    uint64_t bytes_received;
    uint64_t frames_sent;
    uint64_t frames_received;
};
void fy_link_get_stats(const struct fy_link *link, struct fy_link_stats *stats);
/* For people: "unix:/run/ferry/peer.sock", "ssh:ferry@10.1.1.2:22 aes128-ctr". Valid as long as the link. */
const char *fy_link_describe(const struct fy_link *link);

#endif
