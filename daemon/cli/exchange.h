/* A connection to ferryd for one request, on a loop of the caller's. */
#ifndef FERRY_CLI_EXCHANGE_H
#define FERRY_CLI_EXCHANGE_H

#include "session.h"

#include <uv.h>

struct exchange;

struct exchange_events {
    void (*reply)(const Ferry__Control__Reply *reply, const struct fy_frame *frame, void *data);
    /* Last and exactly once, never before the start call returned; the exchange is freed after it. */
    void (*ended)(enum session_end end, const struct fy_error *err, void *data);
};

/* `events` is copied. */
int exchange_start(uv_loop_t *loop, const struct cli *cli, Ferry__Control__Request *request,
                   const struct exchange_events *events, void *data, struct exchange **exchange, struct fy_error *err);
/* Hangs up; `ended` follows with SESSION_STOPPED. */
void exchange_stop(struct exchange *exchange);

#endif
