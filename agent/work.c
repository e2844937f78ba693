/* A thread, and an async handle that says when it is done. */
#include "work.h"

#include <ferry/base/cleanup.h>
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE 19

static void handle_closed(uv_handle_t *handle)
{
    struct fy_work *work = fy_container_of((uv_async_t *)handle, struct fy_work, async);
    work->ended(work);
}

static void thread_done(uv_async_t *async)
{
    struct fy_work *work = fy_container_of(async, struct fy_work, async);
    (void)uv_thread_join(&work->thread);
    uv_close((uv_handle_t *)async, handle_closed);
}

static void thread_main(void *data)
{
    struct fy_work *work = data;
    if (work->low_priority) {
        (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
        (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
    }
    work->run(work);
    (void)uv_async_send(&work->async);
}

int fy_work_start(uv_loop_t *loop, struct fy_work *work, void (*run)(struct fy_work *work),
                  void (*ended)(struct fy_work *work), bool low_priority, struct fy_error *err)
{
    work->run = run;
    work->ended = ended;
    work->low_priority = low_priority;
    int status = uv_async_init(loop, &work->async, thread_done);
    if (status < 0)
        return fy_error_set(err, FY_E_NOMEM, "no thread for work: %s", uv_strerror(status));
    status = uv_thread_create(&work->thread, thread_main, work);
    if (status == 0)
        return 0;
    /* Whoever owns the struct may free it only when the handle is closed: so this is told as an end, too. */
    work->run = NULL;
    uv_close((uv_handle_t *)&work->async, handle_closed);
    return 0;
}
