/* Reading, comparing, writing. */
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/manifest.h>
#include <ferry/imgcore/verify.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE_BYTES FY_MANIFEST_CHUNK_BYTES
#define SPARSE_BYTES 4096u
#define MANIFEST_LIMIT_BYTES ((uint64_t)1 << 30)

struct content {
    struct view *view;
    const struct content_target *target;
    struct fy_checkpoint_progress *progress;
    struct fy_manifest *manifest;
    uint8_t *buffer;
    size_t images; /* files of the set that were gone over */
};

/* ---- one file ---- */

static int create(const struct content *content, const struct view_file *file, int *fd, struct fy_error *err)
{
    int dir_fd = file->is_extra ? content->target->extra_fd : content->target->images_fd;
    *fd = -1;
    if (dir_fd < 0)
        return 0;
    *fd = openat(dir_fd, file->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return fy_error_errno(err, errno, "creating %s", file->name);
    if (ftruncate(*fd, (off_t)file->size_bytes) < 0)
        return fy_error_errno(err, errno, "creating %s", file->name);
    return 0;
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* Zeros stay holes: memory that was never there is none afterwards either. */
static int write_piece(int fd, const char *name, const uint8_t *data, size_t size, uint64_t offset,
                       struct fy_error *err)
{
    for (size_t at = 0, part; at < size; at += part) {
        part = size - at < SPARSE_BYTES ? size - at : SPARSE_BYTES;
        if (is_zero(data + at, part))
            continue;
        while (at + part < size && part < PIECE_BYTES) {
            size_t more = size - at - part < SPARSE_BYTES ? size - at - part : SPARSE_BYTES;
            if (is_zero(data + at + part, more))
                break;
            part += more;
        }
        if (pwrite(fd, data + at, part, (off_t)(offset + at)) != (ssize_t)part)
            return fy_error_errno(err, errno ? errno : ENOSPC, "writing %s", name);
    }
    return 0;
}

static int go_over(struct content *content, size_t index, struct fy_manifest_stream *stream, int fd,
                   struct fy_error *err)
{
    struct view_file file = view_get(content->view, index);
    bool writes = fd >= 0 && !(file.is_pages && content->target->sparse_pages);
    uint64_t at = 0;
    do {
        size_t piece = file.size_bytes - at < PIECE_BYTES ? (size_t)(file.size_bytes - at) : PIECE_BYTES;
        if (view_read(content->view, index, at, content->buffer, piece, err) < 0)
            return -1;
        if (stream && fy_manifest_stream_feed(stream, at, content->buffer, piece, err) < 0)
            return fy_error_wrap(err, "checkpoint %s", view_record(content->view)->id);
        if (writes && write_piece(fd, file.name, content->buffer, piece, at, err) < 0)
            return -1;
        if (store_advance(content->progress, piece, err) < 0)
            return -1;
        at += piece;
    } while (at < file.size_bytes);
    return 0;
}

static int check_file(struct content *content, size_t index, struct fy_error *err)
{
    struct view_file file = view_get(content->view, index);
    struct fy_manifest_stream *stream = NULL;
    FY_AUTO_CLOSE int fd = -1;
    if (!file.is_extra && fy_manifest_stream_new(content->manifest, file.name, &stream, err) < 0)
        return fy_error_wrap(err, "checkpoint %s", view_record(content->view)->id);
    int result = create(content, &file, &fd, err);
    if (result == 0)
        result = go_over(content, index, stream, fd, err);
    if (result == 0 && stream && fy_manifest_stream_finish(stream, err) < 0)
        result = fy_error_wrap(err, "checkpoint %s", view_record(content->view)->id);
    fy_manifest_stream_free(stream);
    return result;
}

/* ---- the manifest ---- */

static int copy_manifest(struct content *content, int fd, struct fy_error *err)
{
    struct stat st;
    FY_AUTO_CLOSE int to =
        openat(content->target->images_fd, FY_MANIFEST_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0 || fstat(fd, &st) < 0)
        return fy_error_errno(err, errno, "creating " FY_MANIFEST_NAME);
    for (off_t at = 0; at < st.st_size;) {
        ssize_t got = pread(fd, content->buffer, PIECE_BYTES, at);
        if (got <= 0)
            return fy_error_errno(err, errno ? errno : EIO, "reading " FY_MANIFEST_NAME);
        if (fy_fs_write_all(to, content->buffer, (size_t)got, err) < 0)
            return fy_error_wrap(err, "writing " FY_MANIFEST_NAME);
        at += got;
    }
    return 0;
}

static int open_manifest(struct content *content, struct fy_error *err)
{
    const Ferry__Checkpoint__Record *record = view_record(content->view);
    ptrdiff_t index = view_find(content->view, FY_MANIFEST_NAME);
    FY_AUTO_CLOSE int fd = -1;
    if (index < 0)
        return fy_error_set(err, FY_E_VERIFY, "checkpoint %s has no " FY_MANIFEST_NAME, record->id);
    if (view_copy(content->view, (size_t)index, MANIFEST_LIMIT_BYTES, &fd, err) < 0 ||
        copy_manifest(content, fd, err) < 0)
        return -1;
    if (fy_manifest_read(content->target->images_fd, FY_MANIFEST_NAME, &content->manifest, err) < 0) {
        if (err && err->code == FY_E_FORMAT)
            err->code = FY_E_VERIFY;
        return fy_error_wrap(err, "checkpoint %s", record->id);
    }
    if (memcmp(fy_manifest_root(content->manifest), record->manifest_root.data, FY_MANIFEST_HASH_BYTES) != 0)
        return fy_error_set(err, FY_E_VERIFY, "checkpoint %s: its manifest is not the one that its record names",
                            record->id);
    return 0;
}

/* ---- all ---- */

static int check_rules(const struct content *content, struct fy_error *err)
{
    struct fy_imageset_summary summary = {0};
    if (fy_imageset_check(content->target->images_fd, NULL, &summary, err) < 0)
        return fy_error_wrap(err, "checkpoint %s is not whole", view_record(content->view)->id);
    fy_imageset_summary_done(&summary);
    return 0;
}

static int check_all(struct content *content, struct fy_error *err)
{
    if (open_manifest(content, err) < 0)
        return -1;
    if (content->progress)
        atomic_store(&content->progress->total_bytes, fy_manifest_total_bytes(content->manifest));
    for (size_t i = 0; i < view_count(content->view); i++) {
        struct view_file file = view_get(content->view, i);
        if (!file.is_extra && strcmp(file.name, FY_MANIFEST_NAME) == 0)
            continue;
        content->images += !file.is_extra;
        if (check_file(content, i, err) < 0)
            return -1;
    }
    if (content->images != fy_manifest_count(content->manifest))
        return fy_error_set(err, FY_E_VERIFY, "checkpoint %s has %zu images, and %zu in its manifest",
                            view_record(content->view)->id, content->images, fy_manifest_count(content->manifest));
    return check_rules(content, err);
}

int content_check(struct view *view, const struct content_target *target, struct fy_checkpoint_progress *progress,
                  struct fy_error *err)
{
    FY_AUTO_FREE uint8_t *buffer = malloc(PIECE_BYTES);
    struct content content = {.view = view, .target = target, .progress = progress, .buffer = buffer};
    if (!buffer)
        return fy_error_set(err, FY_E_NOMEM, "no memory for reading a checkpoint");
    int result = check_all(&content, err);
    fy_manifest_free(content.manifest);
    return result;
}
