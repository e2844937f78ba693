/* Receives an image set into a directory: Chunks, ends of files and the end of the set, in any order, every step
 * checked, blocks written by the thread pool. Nothing of the peer is believed: names are plain and new, sizes stay
 * within the space that was offered, each block comes once and none is missing, hashes fit, counts add up. */
#ifndef FERRY_AGENT_RECEIVE_SET_H
#define FERRY_AGENT_RECEIVE_SET_H

#include <ferry/transport/session.h>

struct fy_receive_set;

struct fy_receive_set_events {
    /* The first `chunks` chunks by number are safely in the directory, `bytes` together. Called at each 2 MiB or so,
     * and for the end of the set. */
    void (*received)(uint32_t chunks, uint64_t bytes, void *data);
    /* The chunk that came as the session's data frame of this number is written: fy_session_data_kept(). */
    void (*kept)(uint64_t number, void *data);
    /* Last and exactly once, never from within fy_receive_set_start(): the whole set is there (`err` NULL), or why not.
     * No thread works for it any more; freed after it. */
    void (*done)(const struct fy_error *err, void *data);
};

/* `directory` exists and is empty; `limit_bytes` bounds the sum of all file sizes. */
int fy_receive_set_start(uv_loop_t *loop, const char *directory, uint64_t limit_bytes,
                         const struct fy_receive_set_events *events, void *data, struct fy_receive_set **receive,
                         struct fy_error *err);
/* Gives it a frame of the set that came in order (anything but the end of a file or of the set is FY_E_PROTOCOL and
 * ends it). */
void fy_receive_set_frame(struct fy_receive_set *receive, const Ferry__Peer__Frame *frame);
/* Gives it a data frame, which must be a chunk. Its body is taken; how many wait to be written is bounded by
 * the session's credits. */
void fy_receive_set_data(struct fy_receive_set *receive, uint64_t number, const Ferry__Peer__Frame *frame,
                         const struct fy_frame *raw);
/* Ends early with this cause. */
void fy_receive_set_stop(struct fy_receive_set *receive, const struct fy_error *why);

#endif
