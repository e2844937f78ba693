/* One request to `criu swrk`: CRIU as a child that is spoken to over a socket, one message a datagram.
 *
 *     request ──> [notification ──> answer]… ──> response, exit
 *
 * CRIU waits for the answer to each notification as long as it takes; that is how a workload is held. When the socket
 * closes, because we closed it or because ferryd died, CRIU takes that for a veto. */
#ifndef FERRY_AGENT_SWRK_H
#define FERRY_AGENT_SWRK_H

#include <ferry/base/error.h>

#include <criu/rpc.pb-c.h>
#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct fy_swrk;

struct fy_swrk_result {
    bool responded; /* CRIU gave a response before it ended; the next three are valid */
    bool success;
    int cr_errno; /* 0 when CRIU named none */
    pid_t restore_pid;
    int version;     /* of a version request, as 40201 */
    char words[512]; /* what CRIU or its standard error said, one line; often empty */
};

struct fy_swrk_events {
    /* Must be answered with fy_swrk_answer(), in the callback or later. `pid`: 0 when the stage has none. */
    void (*notified)(struct fy_swrk *swrk, const char *stage, pid_t pid, void *data);
    /* Exactly once, after CRIU has ended, never before the start call returned; the last touch. */
    void (*ended)(struct fy_swrk *swrk, const struct fy_swrk_result *result, void *data);
};

/* `criu`: program name or path. Descriptors named in the request are our own: CRIU opens them through /proc, so they
 * stay open until the first notification or the end. FY_E_NOT_FOUND when there is no CRIU. */
int fy_swrk_start(uv_loop_t *loop, const char *criu, const CriuReq *request, const struct fy_swrk_events *events,
                  void *data, struct fy_swrk **swrk, struct fy_error *err);
/* Answers the notification that waits; false vetoes. */
void fy_swrk_answer(struct fy_swrk *swrk, bool success);
/* SIGKILL. `ended` follows. */
void fy_swrk_kill(struct fy_swrk *swrk);
pid_t fy_swrk_pid(const struct fy_swrk *swrk);

#endif
