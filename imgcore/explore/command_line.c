/* The arguments of a task, which are in its own memory. */
#include "model.h"

#include <ferry/imgcore/memory.h>
#include <string.h>

static bool is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static int read_range(const struct fy_memory *memory, uint64_t start, size_t size, struct fy_buf *text,
                      struct fy_error *err)
{
    size_t got = 0, before = text->size;

    if (fy_buf_reserve(text, size + 1, err) < 0 ||
        fy_memory_read(memory, start, text->data + before, size, &got, err) < 0)
        return -1;
    if (is_zero(text->data + before, got))
        return 0;
    text->size += got;
    return text->data[text->size - 1] == '\0' || fy_buf_append(text, "", 1, err) == 0 ? 1 : -1;
}

int fy_explore_command_line(const struct fy_explore *explore, const struct fy_explore_task *task, size_t limit_bytes,
                            struct fy_buf *text, struct fy_error *err)
{
    const struct fy_memory_id id = {.id = task->pid};
    struct fy_memory *memory = NULL;
    uint64_t size;
    int result;

    if (!task->has_mm || task->arguments_end <= task->arguments_start)
        return 0;
    size = task->arguments_end - task->arguments_start;
    if (fy_memory_open(explore->dir_fd, &id, &memory, err) < 0)
        return -1;
    result = read_range(memory, task->arguments_start, size < limit_bytes ? (size_t)size : limit_bytes, text, err);
    fy_memory_free(memory);
    return result;
}
