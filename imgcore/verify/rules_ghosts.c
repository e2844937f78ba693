/* Rules about content that is beside the images: of deleted files, and of tmpfs.
 *
 * A deleted file has its size in the entry of each open file that it is, and CRIU gives up at one of another size. */
#include "edges.h"
#include "set.h"
#include <criu/files-regular.pb-c.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int collect_head(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                        struct fy_error *err)
{
    const GhostFileEntry *ghost = (const GhostFileEntry *)entry->message;
    uint64_t bytes = ghost->chunks ? ghost->size : entry->payload_bytes;

    if (ghost->chunks && !ghost->has_size) {
        fy_set_report_entry(set, FY_FINDING_GHOST_SIZE, file->name, 0,
                            "is in chunks, but does not say how large it is");
        return 0;
    }
    return S_ISREG(ghost->mode)
               ? vector_push(&set->edges.ghost_sizes, err, (struct edge_size){file, bytes, (uint32_t)file->id})
               : 0;
}

int fy_collect_ghost(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                     struct fy_error *err)
{
    const GhostChunkEntry *chunk = (const GhostChunkEntry *)entry->message;
    size_t count = set->edges.ghost_sizes.count;
    const struct edge_size *ghost = count ? &set->edges.ghost_sizes.items[count - 1] : NULL;

    if (entry->number == 0)
        return collect_head(set, file, entry, err);
    /* The head of this file is the latest one, if it stated a size. */
    if (ghost && ghost->file == file && (chunk->len > ghost->bytes || chunk->off > ghost->bytes - chunk->len))
        fy_set_report_entry(set, FY_FINDING_GHOST_CHUNK, file->name, entry->number,
                            "has bytes %" PRIu64 " to %" PRIu64 " of a file of %" PRIu64, chunk->off,
                            chunk->off + chunk->len, ghost->bytes);
    return 0;
}

static int compare_sizes(const void *left, const void *right)
{
    const struct edge_size *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static void check_sizes(struct fy_set *set)
{
    vector_sort(&set->edges.regular_sizes, compare_sizes);
    vector_sort(&set->edges.ghost_sizes, compare_sizes);
    for (size_t i = 0; i < set->edges.remaps.count; i++) {
        const struct edge_remap *remap = &set->edges.remaps.items[i];
        struct edge_size key = {.id = remap->orig_id}, ghost_key = {.id = remap->ghost_id};
        const struct edge_size *file = vector_find(&set->edges.regular_sizes, &key, compare_sizes);
        const struct edge_size *ghost = vector_find(&set->edges.ghost_sizes, &ghost_key, compare_sizes);
        if (remap->is_ghost && file && ghost && file->bytes != ghost->bytes)
            fy_set_report(set, FY_FINDING_GHOST_SIZE, ghost->file->name,
                          "has %" PRIu64 " bytes of a file that has %" PRIu64 " by its entry in %s (id %" PRIu32 ")",
                          ghost->bytes, file->bytes, file->file->name, file->id);
    }
}

/* CRIU writes tar archives through gzip; whether what is in it is whole would take unpacking it. */
static int check_archive(const struct fy_set *set, const struct set_file *file, struct fy_error *err)
{
    enum { GZIP_BYTES_MIN = 18 }; /* head and trailer */
    static const uint8_t magic[] = {0x1f, 0x8b, 8};
    FY_AUTO_CLOSE int fd = openat(set->dir_fd, file->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    uint8_t head[sizeof(magic)] = {0};

    if (fd < 0 || pread(fd, head, sizeof(head), 0) < 0)
        return fy_error_errno(err, errno, "%s", file->name);
    if (file->size_bytes < GZIP_BYTES_MIN || memcmp(head, magic, sizeof(magic)) != 0)
        fy_set_report(set, FY_FINDING_TMPFS_FORM, file->name, "is not a gzip archive");
    return 0;
}

static int check_archives(const struct fy_set *set, enum fy_image_kind kind, struct fy_error *err)
{
    size_t count;
    const struct set_file *files = fy_set_images(set, kind, &count);

    for (size_t i = 0; i < count; i++)
        if (files[i].is_regular && check_archive(set, &files[i], err) < 0)
            return -1;
    return 0;
}

int fy_rules_ghosts(struct fy_set *set, struct fy_error *err)
{
    check_sizes(set);
    return check_archives(set, FY_IMAGE_TMPFS_DEV, err) < 0 ? -1 : check_archives(set, FY_IMAGE_TMPFS_MOUNT, err);
}
