/* What a child writes, kept in memory: a pipe into the loop and a ring that holds the last 64 KiB. */
#ifndef FERRY_AGENT_CHILD_OUTPUT_H
#define FERRY_AGENT_CHILD_OUTPUT_H

#include <ferry/base/error.h>
#include <stdint.h>
#include <uv.h>

#define FY_CHILD_OUTPUT_SIZE ((size_t)64 * 1024)

struct fy_child_output {
    uv_pipe_t pipe; /* the owner closes it */
    char *text;     /* twice the size, so that the newest bytes are always in one piece, and a NUL */
    size_t size;
};

/* `*write_fd` is the child's end, the caller's to close. On failure there is no handle. */
int fy_child_output_start(struct fy_child_output *output, uv_loop_t *loop, int *write_fd, struct fy_error *err);
/* Takes what is in the pipe now, without waiting for more. */
void fy_child_output_drain(struct fy_child_output *output);
/* The last 64 KiB, NUL-terminated, until done; "" when nothing was started. */
const char *fy_child_output_text(struct fy_child_output *output, size_t *size);
void fy_child_output_done(struct fy_child_output *output);

#endif
