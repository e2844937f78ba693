/* The meeting place of loop and worker thread. Nothing is done under the lock but moving indices and pointers. */
#include "ssh_bridge.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int fy_ssh_bridge_init(struct fy_ssh_bridge *bridge, uv_async_t *async, struct fy_error *err)
{
    *bridge = (struct fy_ssh_bridge){.async = async, .wake_fd = -1};
    bridge->ring = malloc(FY_SSH_RING_BYTES + FY_SSH_READ_BYTES);
    if (!bridge->ring)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an SSH connection");
    bridge->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bridge->wake_fd < 0) {
        free(bridge->ring);
        return fy_error_errno(err, errno, "cannot make an eventfd");
    }
    (void)pthread_mutex_init(&bridge->lock, NULL);
    return 0;
}

void fy_ssh_bridge_done(struct fy_ssh_bridge *bridge)
{
    struct fy_chunk *chunk;
    while ((chunk = fy_ssh_bridge_take(bridge)))
        fy_chunk_free(chunk);
    (void)pthread_mutex_destroy(&bridge->lock);
    (void)close(bridge->wake_fd);
    free(bridge->ring);
}

static void lock(struct fy_ssh_bridge *bridge)
{
    (void)pthread_mutex_lock(&bridge->lock);
}

static void unlock(struct fy_ssh_bridge *bridge)
{
    (void)pthread_mutex_unlock(&bridge->lock);
}

static void wake_thread(struct fy_ssh_bridge *bridge)
{
    uint64_t one = 1;
    ssize_t written = write(bridge->wake_fd, &one, sizeof(one));
    (void)written; /* EAGAIN: it is readable already */
}

static void wake_loop(struct fy_ssh_bridge *bridge)
{
    (void)uv_async_send(bridge->async);
}

/* --- the loop's side -------------------------------------------------------------------------------------------- */

void fy_ssh_bridge_send(struct fy_ssh_bridge *bridge, struct fy_chunk *chunk)
{
    lock(bridge);
    bool was_empty = !bridge->first;
    if (was_empty)
        bridge->first = chunk;
    else
        bridge->last->next = chunk;
    bridge->last = chunk;
    unlock(bridge);
    if (was_empty)
        wake_thread(bridge);
}

void fy_ssh_bridge_finish(struct fy_ssh_bridge *bridge)
{
    lock(bridge);
    bridge->finish = true;
    unlock(bridge);
    wake_thread(bridge);
}

void fy_ssh_bridge_stop(struct fy_ssh_bridge *bridge)
{
    atomic_store(&bridge->stop, true);
    wake_thread(bridge);
}

struct fy_ssh_news fy_ssh_bridge_news(struct fy_ssh_bridge *bridge)
{
    lock(bridge);
    struct fy_ssh_news news = {.opened = bridge->opened, .sent = bridge->sent, .ended = bridge->ended};
    bridge->opened = false;
    bridge->sent = (struct fy_sent){0};
    unlock(bridge);
    return news;
}

size_t fy_ssh_bridge_peek(struct fy_ssh_bridge *bridge, const uint8_t **data)
{
    lock(bridge);
    size_t start = bridge->ring_start;
    size_t used = bridge->ring_used;
    unlock(bridge);
    *data = bridge->ring + start;
    size_t until_wrap = FY_SSH_RING_BYTES - start;
    return used < until_wrap ? used : until_wrap;
}

void fy_ssh_bridge_consume(struct fy_ssh_bridge *bridge, size_t size)
{
    lock(bridge);
    bridge->ring_start = (bridge->ring_start + size) % FY_SSH_RING_BYTES;
    bridge->ring_used -= size;
    bool wake = bridge->ring_was_full && bridge->ring_used <= FY_SSH_RING_BYTES / 2;
    if (wake)
        bridge->ring_was_full = false;
    unlock(bridge);
    if (wake)
        wake_thread(bridge);
}

/* --- the thread's side ------------------------------------------------------------------------------------------ */

struct fy_chunk *fy_ssh_bridge_take(struct fy_ssh_bridge *bridge)
{
    lock(bridge);
    struct fy_chunk *chunk = bridge->first;
    if (chunk)
        bridge->first = chunk->next;
    if (!bridge->first)
        bridge->last = NULL;
    unlock(bridge);
    if (chunk)
        chunk->next = NULL;
    return chunk;
}

bool fy_ssh_bridge_finishing(struct fy_ssh_bridge *bridge)
{
    lock(bridge);
    bool finishing = bridge->finish;
    unlock(bridge);
    return finishing;
}

/* Under the lock. */
static size_t ring_end(const struct fy_ssh_bridge *bridge)
{
    return (bridge->ring_start + bridge->ring_used) % FY_SSH_RING_BYTES;
}

uint8_t *fy_ssh_bridge_room(struct fy_ssh_bridge *bridge)
{
    lock(bridge);
    /* Starting over whenever it is empty keeps the same few pages in use. The loop holds nothing of it then. */
    if (bridge->ring_used == 0)
        bridge->ring_start = 0;
    bool full = FY_SSH_RING_BYTES - bridge->ring_used < FY_SSH_READ_BYTES;
    size_t end = ring_end(bridge);
    bridge->ring_was_full = full;
    unlock(bridge);
    return full ? NULL : bridge->ring + end;
}

void fy_ssh_bridge_commit(struct fy_ssh_bridge *bridge, size_t size)
{
    lock(bridge);
    size_t end = ring_end(bridge);
    size_t beyond = end + size > FY_SSH_RING_BYTES ? end + size - FY_SSH_RING_BYTES : 0;
    memcpy(bridge->ring, bridge->ring + FY_SSH_RING_BYTES, beyond);
    bridge->ring_used += size;
    unlock(bridge);
    wake_loop(bridge);
}

void fy_ssh_bridge_report_opened(struct fy_ssh_bridge *bridge, const char *cipher)
{
    lock(bridge);
    bridge->opened = true;
    (void)snprintf(bridge->cipher, sizeof(bridge->cipher), "%s", cipher);
    unlock(bridge);
    wake_loop(bridge);
}

void fy_ssh_bridge_report_sent(struct fy_ssh_bridge *bridge, const struct fy_sent *sent)
{
    lock(bridge);
    bridge->sent.frames += sent->frames;
    bridge->sent.wire_bytes += sent->wire_bytes;
    unlock(bridge);
    wake_loop(bridge);
}

void fy_ssh_bridge_report_ended(struct fy_ssh_bridge *bridge, const struct fy_error *err)
{
    lock(bridge);
    bridge->ended = true;
    bridge->failed = err != NULL;
    if (err)
        bridge->error = *err;
    unlock(bridge);
    wake_loop(bridge);
}

void fy_ssh_bridge_woken(struct fy_ssh_bridge *bridge)
{
    uint64_t count;
    ssize_t got = read(bridge->wake_fd, &count, sizeof(count));
    (void)got; /* EAGAIN: nobody called */
}
