/* A timerfd of CLOCK_REALTIME, cancelled when that clock jumps. */
#include "wall_timer.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <sys/timerfd.h>
#include <time.h>

#define LONGEST_S 3600 /* looked at anyway, so that no mistake of a clock lasts */

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct wall_timer *timer = fy_container_of(poll, struct wall_timer, poll);
    uint64_t times;
    (void)status;
    (void)events;
    /* ECANCELED says that the clock was set: the same news. */
    if (read(timer->fd, &times, sizeof times) < 0 && errno == EAGAIN)
        return;
    timer->fire(timer->data);
}

int wall_timer_init(uv_loop_t *loop, struct wall_timer *timer, void (*fire)(void *data), void *data,
                    struct fy_error *err)
{
    timer->fire = fire;
    timer->data = data;
    timer->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer->fd < 0)
        return fy_error_errno(err, errno, "a timer for schedules");
    int status = uv_poll_init(loop, &timer->poll, timer->fd);
    if (status == 0)
        status = uv_poll_start(&timer->poll, UV_READABLE, on_readable);
    if (status == 0)
        return 0;
    (void)close(timer->fd);
    return fy_error_set(err, FY_E_IO, "a timer for schedules: %s", uv_strerror(status));
}

void wall_timer_set(struct wall_timer *timer, int64_t at_s)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t latest_s = (int64_t)now.tv_sec + LONGEST_S;
    struct itimerspec when = {.it_value = {.tv_sec = at_s < latest_s ? at_s : latest_s, .tv_nsec = 1}};
    if (when.it_value.tv_sec < 0)
        when.it_value.tv_sec = 0;
    (void)timerfd_settime(timer->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
}

void wall_timer_close(struct wall_timer *timer, uv_close_cb closed)
{
    (void)uv_poll_stop(&timer->poll);
    (void)close(timer->fd);
    uv_close((uv_handle_t *)&timer->poll, closed);
}
