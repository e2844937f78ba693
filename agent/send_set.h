/* Sends the image set of one directory over a session: files in name order, blocks read, hashed and packed by the
 * thread pool a few ahead, sent in order, never more queued than the link wants. */
#ifndef FERRY_AGENT_SEND_SET_H
#define FERRY_AGENT_SEND_SET_H

#include "session.h"

struct fy_send_set;

/* Last and exactly once, never before the start call has returned: `err` is NULL when everything including SetEnd has
 * been queued on the link. `bytes` and `files`: what the set holds. The operation is freed after it. */
typedef void (*fy_send_set_cb)(const struct fy_error *err, uint64_t bytes, void *data);

/* `session` is borrowed until the callback has fired. Fails with FY_E_IO, or FY_E_VERIFY for something that is not a
 * plain file. */
int fy_send_set_start(uv_loop_t *loop, const char *directory, struct fy_session *session, fy_send_set_cb done,
                      void *data, struct fy_send_set **send, struct fy_error *err);
/* To be called when the session's link has drained. */
void fy_send_set_drained(struct fy_send_set *send);
/* Ends early: the callback fires with FY_E_CANCELLED as soon as no thread works for it any more. */
void fy_send_set_stop(struct fy_send_set *send);
/* Sum of all file sizes, known from the start. */
uint64_t fy_send_set_total_bytes(const struct fy_send_set *send);

#endif
