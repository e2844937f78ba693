/* Sends the image set of one directory over a session, from when CRIU begins to write it. Blocks are read, hashed and
 * packed by the thread pool a few ahead, sent in order, never more queued than the link wants.
 *
 * Once the set is complete, what the peer keeps is punched out of the files but for as much as memory has room for
 * (punch.h), so the memory of a large set goes as it is sent: from then on only the peer has it.
 *
 * While the set grows, the files that hold pages are followed, as they are only ever appended to; CRIU may still change
 * the others. fy_send_set_complete() says that all is written. Until then what writes them goes first: while it has to
 * wait for a processor, little is under way. */
#ifndef FERRY_AGENT_SEND_SET_H
#define FERRY_AGENT_SEND_SET_H

#include <ferry/transport/session.h>

#include <ferry/agent/migrate.h>

struct fy_send_set;

struct fy_send_set_events {
    /* Everything including SetEnd has been queued on the link. At most once, before `done`. */
    void (*queued)(void *data);
    /* Last and exactly once, never before the start call has returned: `err` is NULL when the peer keeps the whole set.
     * No thread works for it any more; freed after it. */
    void (*done)(const struct fy_error *err, void *data);
    /* While the set grows: for how long what writes it has waited for a processor so far; false when that is not known.
     * While it waits, little is sent (pace.h). NULL: it is not asked for. */
    bool (*waited)(uint64_t *wait_ns, void *data);
};

struct fy_send_set_stats {
    uint64_t total_bytes; /* sum of all file sizes; 0 until the set is complete and has been listed */
    uint64_t kept_bytes;  /* of these the peer has acknowledged */
    bool is_kept;         /* the peer has the whole set: `done` follows, without an error unless it is stopped */
    struct fy_page_counts pages;
};

/* `directory` exists; it may be empty still. `session` is borrowed until `done`. */
int fy_send_set_start(uv_loop_t *loop, const char *directory, struct fy_session *session,
                      const struct fy_send_set_events *events, void *data, struct fy_send_set **send,
                      struct fy_error *err);
/* Nothing is written to the directory any more. A set with something in it that is not a plain file ends with
 * FY_E_VERIFY. Once. `free_bytes`: of memory, UINT64_MAX when nobody knows. */
void fy_send_set_complete(struct fy_send_set *send, uint64_t free_bytes);
/* To be called when the session's link has drained. */
void fy_send_set_drained(struct fy_send_set *send);
/* The peer says what it keeps. FY_E_PROTOCOL when that can't be; the operation goes on, its owner ends it. */
int fy_send_set_acknowledged(struct fy_send_set *send, const Ferry__Peer__Received *received, struct fy_error *err);
/* Ends early: `done` comes with FY_E_CANCELLED as soon as no thread works for it any more. */
void fy_send_set_stop(struct fy_send_set *send);
void fy_send_set_get_stats(const struct fy_send_set *send, struct fy_send_set_stats *stats);

#endif
