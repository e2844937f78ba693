/* The output of a child in memory. A child that writes without end costs CPU time, never memory. */
#include "child_output.h"

#include <ferry/base/cleanup.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* How much of a backlog is read after the exit: a grandchild that goes on writing must not hold us. */
#define DRAIN_LIMIT_BYTES ((size_t)1024 * 1024)

/* Makes room for at least half of the buffer by dropping the oldest bytes. */
static size_t make_room(struct fy_child_output *output)
{
    if (output->size > FY_CHILD_OUTPUT_SIZE) {
        size_t drop = output->size - FY_CHILD_OUTPUT_SIZE;
        memmove(output->text, output->text + drop, FY_CHILD_OUTPUT_SIZE);
        output->size = FY_CHILD_OUTPUT_SIZE;
    }
    return 2 * FY_CHILD_OUTPUT_SIZE - output->size;
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct fy_child_output *output = fy_container_of(handle, struct fy_child_output, pipe);
    (void)suggested;
    size_t room = make_room(output);
    *buf = uv_buf_init(output->text + output->size, (unsigned)room);
}

static void arrived(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct fy_child_output *output = fy_container_of(stream, struct fy_child_output, pipe);
    (void)buf;
    if (count > 0)
        output->size += (size_t)count;
    else if (count < 0)
        (void)uv_read_stop(stream);
}

int fy_child_output_start(struct fy_child_output *output, uv_loop_t *loop, int *write_fd, struct fy_error *err)
{
    int fds[2];
    output->size = 0;
    output->text = malloc(2 * FY_CHILD_OUTPUT_SIZE + 1);
    if (!output->text)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a child's output");
    if (pipe2(fds, O_CLOEXEC) < 0) {
        fy_error_errno(err, errno, "cannot make a pipe for a child's output");
        free(fy_take(output->text));
        return -1;
    }
    /* Only our end: the child's own writes must block as programs expect. */
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    (void)uv_pipe_init(loop, &output->pipe, 0);
    (void)uv_pipe_open(&output->pipe, fds[0]);
    (void)uv_read_start((uv_stream_t *)&output->pipe, allocate, arrived);
    *write_fd = fds[1];
    return 0;
}

void fy_child_output_drain(struct fy_child_output *output)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&output->pipe, &fd) != 0)
        return;
    for (size_t drained = 0; drained < DRAIN_LIMIT_BYTES;) {
        size_t room = make_room(output);
        ssize_t count = read(fd, output->text + output->size, room);
        if (count <= 0)
            return;
        output->size += (size_t)count;
        drained += (size_t)count;
    }
}

const char *fy_child_output_text(struct fy_child_output *output, size_t *size)
{
    *size = 0;
    if (!output->text)
        return "";
    (void)make_room(output);
    output->text[output->size] = '\0';
    *size = output->size;
    return output->text;
}

void fy_child_output_done(struct fy_child_output *output)
{
    free(fy_take(output->text));
}
