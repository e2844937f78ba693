/* How fast data may leave: a limit for each stream (a job), and one for all that share a shaper (the jobs to one peer),
 * which is divided fairly among those that have something to send. Pure: the caller brings the time.
 *
 * A limit is an average: what may leave leaves whole, and the next waits until the time that it took has passed. At
 * most FY_SHAPER_BURST_NS worth of what was not used is made up for. */
#ifndef FERRY_TRANSPORT_SHAPER_H
#define FERRY_TRANSPORT_SHAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_SHAPER_BURST_NS ((uint64_t)50 * 1000000)

/* One limit. All zero is none. */
struct fy_bucket {
    uint64_t bytes_per_second; /* 0: no limit */
    uint64_t due_ns;           /* when the next may leave */
};

/* What is owed at the old rate is paid at the new one. */
void fy_bucket_set_rate(struct fy_bucket *bucket, uint64_t bytes_per_second, uint64_t now_ns);
/* How long to wait before something may leave; 0: now. */
uint64_t fy_bucket_wait_ns(const struct fy_bucket *bucket, uint64_t now_ns);
void fy_bucket_spend(struct fy_bucket *bucket, size_t bytes, uint64_t now_ns);

struct fy_stream;

/* Shared by streams, which it must outlive. All zero is without a limit. */
struct fy_shaper {
    struct fy_bucket bucket;
    struct fy_stream *first;
    uint64_t served; /* as far as the last stream served had come */
};

/* All zero, with `shaper` set or NULL, is a stream that has not begun. */
struct fy_stream {
    struct fy_bucket bucket;
    struct fy_shaper *shaper;
    struct fy_stream *next;
    uint64_t served; /* bytes that left, or that it gave up by having none */
    bool listed;
    bool waiting; /* for the shared limit, with something to send */
};

/* The stream has something to send: how long has it to wait? 0: it may send now, and then calls fy_stream_sent(). */
uint64_t fy_stream_wait_ns(struct fy_stream *stream, uint64_t now_ns);
void fy_stream_sent(struct fy_stream *stream, size_t bytes, uint64_t now_ns);
/* It has nothing to send, or nothing to send it over: the others need not wait for it. */
void fy_stream_idle(struct fy_stream *stream);
/* Leaves its shaper. */
void fy_stream_done(struct fy_stream *stream);

#endif
