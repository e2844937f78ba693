/* A turn goes from just before one wait to just before the next; libuv tells how much of it was spent waiting. */
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/daemon/lag_guard.h>

static void on_prepare(uv_prepare_t *prepare)
{
    struct fy_lag_guard *guard = fy_container_of(prepare, struct fy_lag_guard, prepare);
    uint64_t now_ns = uv_hrtime();
    uint64_t idle_ns = uv_metrics_idle_time(prepare->loop);
    uint64_t processor_ns = fy_clock_thread_ns();
    if (guard->turn_began_ns) {
        uint64_t turn_ns = now_ns - guard->turn_began_ns;
        uint64_t waited_ns = idle_ns - guard->idle_before_ns;
        uint64_t busy_us = turn_ns > waited_ns ? (turn_ns - waited_ns) / 1000 : 0;
        if (busy_us > guard->longest_us)
            guard->longest_us = busy_us;
        if (busy_us > FY_LAG_LIMIT_US) {
            guard->stalls++;
            guard->stalled(busy_us, (processor_ns - guard->processor_before_ns) / 1000, guard->data);
        }
    }
    guard->turn_began_ns = now_ns;
    guard->idle_before_ns = idle_ns;
    guard->processor_before_ns = processor_ns;
}

void fy_lag_guard_start(uv_loop_t *loop, struct fy_lag_guard *guard, fy_lag_cb stalled, void *data)
{
    *guard = (struct fy_lag_guard){.stalled = stalled, .data = data};
    (void)uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
    (void)uv_prepare_init(loop, &guard->prepare);
    (void)uv_prepare_start(&guard->prepare, on_prepare);
    uv_unref((uv_handle_t *)&guard->prepare);
}

void fy_lag_guard_close(struct fy_lag_guard *guard)
{
    uv_close((uv_handle_t *)&guard->prepare, NULL);
}
