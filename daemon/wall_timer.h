/* A timer on the clock that people see: it fires at a moment of wall-clock time, and at once when the clock is set. */
#ifndef FERRY_DAEMON_WALL_TIMER_H
#define FERRY_DAEMON_WALL_TIMER_H

#include <ferry/base/error.h>
#include <uv.h>

struct wall_timer {
    uv_poll_t poll;
    int fd;
    void (*fire)(void *data);
    void *data;
};

int wall_timer_init(uv_loop_t *loop, struct wall_timer *timer, void (*fire)(void *data), void *data,
                    struct fy_error *err);
/* Seconds since 1970 UTC; replaces an earlier moment. It may fire early: whoever hears it looks at the clock. */
void wall_timer_set(struct wall_timer *timer, int64_t at_s);
/* The struct may go when `closed` has come; only after a successful init. */
void wall_timer_close(struct wall_timer *timer, uv_close_cb closed);

#endif
