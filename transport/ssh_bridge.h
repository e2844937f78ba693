/* Everything that the loop and the worker thread of an SSH link share: one lock, a byte ring for what arrived, the
 * list of frames to send, a few facts. The thread is woken through an eventfd, the loop through a uv_async.
 *
 *     loop    --chunks, finish, stop-->   thread
 *     loop    <--bytes, opened, sent, ended--   thread */
#ifndef FERRY_TRANSPORT_SSH_BRIDGE_H
#define FERRY_TRANSPORT_SSH_BRIDGE_H

#include "link_internal.h"
#include <pthread.h>
#include <stdatomic.h>

/* Arrived and not taken by the loop: beyond it the thread stops reading, and SSH's own window holds the peer back. */
#define FY_SSH_RING_BYTES (4u * 1024u * 1024u)
/* Every read of a channel asks for exactly so much: see ssh_pump.c. */
#define FY_SSH_READ_BYTES (256u * 1024u)
#define FY_SSH_CIPHER_BYTES 64

struct fy_ssh_bridge {
    uv_async_t *async;
    int wake_fd; /* eventfd: readable when the thread has to look here */
    pthread_mutex_t lock;
    atomic_bool stop; /* the link is closed: leave whatever you do */

    /* under the lock */
    uint8_t *ring;     /* FY_SSH_RING_BYTES and room for one read beyond, which is moved to the front */
    size_t ring_start; /* first byte that the loop has not taken */
    size_t ring_used;
    bool ring_was_full; /* the thread waits for room */
    struct fy_chunk *first;
    struct fy_chunk *last;
    bool finish;
    bool opened;
    char cipher[FY_SSH_CIPHER_BYTES];
    struct fy_sent sent;
    bool ended; /* the last thing that the thread says */
    bool failed;
    struct fy_error error;
};

/* What the thread has said since the last time. */
struct fy_ssh_news {
    bool opened;
    struct fy_sent sent;
    bool ended; /* stays set */
};

/* `async` is borrowed and must stay usable until the thread was joined. */
int fy_ssh_bridge_init(struct fy_ssh_bridge *bridge, uv_async_t *async, struct fy_error *err);
void fy_ssh_bridge_done(struct fy_ssh_bridge *bridge);

/* The loop's side. */
void fy_ssh_bridge_send(struct fy_ssh_bridge *bridge, struct fy_chunk *chunk);
void fy_ssh_bridge_finish(struct fy_ssh_bridge *bridge);
void fy_ssh_bridge_stop(struct fy_ssh_bridge *bridge);
struct fy_ssh_news fy_ssh_bridge_news(struct fy_ssh_bridge *bridge);
/* The contiguous bytes at the front of the ring; 0 when it is empty. Then how many of them were taken. */
size_t fy_ssh_bridge_peek(struct fy_ssh_bridge *bridge, const uint8_t **data);
void fy_ssh_bridge_consume(struct fy_ssh_bridge *bridge, size_t size);

/* The thread's side. */
struct fy_chunk *fy_ssh_bridge_take(struct fy_ssh_bridge *bridge);
bool fy_ssh_bridge_finishing(struct fy_ssh_bridge *bridge);
/* Room for FY_SSH_READ_BYTES in one piece, or NULL when the ring has less (the thread is woken when it has more). */
uint8_t *fy_ssh_bridge_room(struct fy_ssh_bridge *bridge);
void fy_ssh_bridge_commit(struct fy_ssh_bridge *bridge, size_t size);
void fy_ssh_bridge_report_opened(struct fy_ssh_bridge *bridge, const char *cipher);
void fy_ssh_bridge_report_sent(struct fy_ssh_bridge *bridge, const struct fy_sent *sent);
/* `err` NULL: the other side closed in order. */
void fy_ssh_bridge_report_ended(struct fy_ssh_bridge *bridge, const struct fy_error *err);
/* Empties the eventfd. */
void fy_ssh_bridge_woken(struct fy_ssh_bridge *bridge);

#endif
