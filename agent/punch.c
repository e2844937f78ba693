/* Holes where pages were. */
#include "punch.h"

#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <unistd.h>

/* A file system without holes keeps its memory: nothing depends on it. */
static void work(uv_work_t *request)
{
    struct fy_punch *punch = fy_container_of(request, struct fy_punch, work);
    for (unsigned i = 0; i < punch->batch_count; i++) {
        const struct fy_sent_chunk *chunk = &punch->batch[i];
        FY_AUTO_CLOSE int fd = openat(punch->dir_fd, chunk->file->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)chunk->offset, chunk->raw_bytes);
    }
}

static void worked(uv_work_t *request, int status)
{
    (void)status;
    struct fy_punch *punch = fy_container_of(request, struct fy_punch, work);
    punch->working = false;
    punch->idle(punch->data);
}

/* All that is not pages is small, and may still be read by the check of the set. */
static void collect(struct fy_punch *punch, const struct fy_sent_chunks *chunks)
{
    punch->batch_count = 0;
    while (punch->batch_count < FY_PUNCH_BATCH && punch->next < chunks->kept &&
           chunks->kept_bytes - punch->punched_bytes > punch->spare_bytes) {
        const struct fy_sent_chunk *chunk = &chunks->items[punch->next++];
        punch->punched_bytes += chunk->raw_bytes;
        if (fy_image_file_has_pages(chunk->file->name))
            punch->batch[punch->batch_count++] = *chunk;
    }
}

uint64_t fy_punch_spare_bytes(uint64_t free_bytes)
{
    uint64_t share = free_bytes == UINT64_MAX ? 0 : free_bytes / FY_PUNCH_SPARE_SHARE;
    return share > FY_PUNCH_SPARE_BYTES ? share : FY_PUNCH_SPARE_BYTES;
}

void fy_punch_advance(struct fy_punch *punch, uv_loop_t *loop, const struct fy_sent_chunks *chunks)
{
    if (punch->working)
        return;
    collect(punch, chunks);
    if (punch->batch_count > 0)
        punch->working = uv_queue_work(loop, &punch->work, work, worked) == 0;
}

static bool has_hole(int dir_fd, const struct fy_image_file *file)
{
    FY_AUTO_CLOSE int fd = openat(dir_fd, file->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 || lseek(fd, 0, SEEK_HOLE) != (off_t)file->size_bytes;
}

bool fy_punch_is_whole(const char *directory)
{
    FY_AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct fy_image_files files = {0};
    if (fd < 0 || fy_image_files_list_growing(fd, &files, NULL) < 0)
        return false;
    bool whole = true;
    for (size_t i = 0; i < files.count && whole; i++)
        whole = files.items[i].size_bytes == 0 || !has_hole(fd, &files.items[i]);
    fy_image_files_done(&files);
    return whole;
}
