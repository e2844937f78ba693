/* Long work that blocks, in a thread of its own: the thread pool is for what is short. */
#ifndef FERRY_AGENT_WORK_H
#define FERRY_AGENT_WORK_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <uv.h>

struct fy_work {
    uv_thread_t thread;
    uv_async_t async;
    bool low_priority;
    void (*run)(struct fy_work *work);
    void (*ended)(struct fy_work *work);
};

/* `run` is called in the thread, `ended` on the loop, exactly once and never before the start call returned; the struct
 * is not touched after it. With `low_priority` the thread yields processor and disk to others. */
int fy_work_start(uv_loop_t *loop, struct fy_work *work, void (*run)(struct fy_work *work),
                  void (*ended)(struct fy_work *work), bool low_priority, struct fy_error *err);

#endif
