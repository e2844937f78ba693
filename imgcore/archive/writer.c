/* Writing tars. Owner and group are root's, as those of podman's own archives are; times are whole seconds. */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "reader.h"

#define COPY_BYTES ((size_t)256 * 1024)

static void cleanup_entry(struct archive_entry **entry)
{
    archive_entry_free(*entry);
}

#define AUTO_ENTRY FY_CLEANUP(cleanup_entry) struct archive_entry *

static int fail(struct writer *writer, const char *what, struct fy_error *err)
{
    if (fy_error_is_set(&writer->sink->err)) {
        fy_error_propagate(err, &writer->sink->err);
        return fy_error_wrap(err, "%s", what);
    }
    const char *words = archive_error_string(writer->archive);
    return fy_error_set(err, FY_E_IO, "%s: %s", what, words ? words : "libarchive does not say why");
}

/* ---- open and close ---- */

static int add_filter(struct archive *archive, enum fy_archive_compression compression)
{
    switch (compression) {
    case FY_ARCHIVE_GZIP:
        return archive_write_add_filter_gzip(archive);
    case FY_ARCHIVE_ZSTD:
        return archive_write_add_filter_zstd(archive);
    case FY_ARCHIVE_NONE:
        break;
    }
    return archive_write_add_filter_none(archive);
}

static int open_as(struct writer *writer, int (*set_format)(struct archive *), enum fy_archive_compression compression,
                   struct fy_error *err)
{
    writer->archive = archive_write_new();
    if (!writer->archive)
        return fy_error_set(err, FY_E_NOMEM, "no memory for writing an archive");
    if (set_format(writer->archive) != ARCHIVE_OK || add_filter(writer->archive, compression) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(writer->archive, 1) != ARCHIVE_OK ||
        archive_write_open(writer->archive, writer->sink, NULL, sink_take, NULL) != ARCHIVE_OK)
        return fail(writer, "cannot begin an archive", err);
    return 0;
}

int writer_open(struct writer *writer, struct sink *sink, enum fy_archive_compression compression, struct fy_error *err)
{
    writer->sink = sink;
    return open_as(writer, archive_write_set_format_pax_restricted, compression, err);
}

int writer_open_stream(struct writer *writer, struct sink *sink, enum fy_archive_compression compression,
                       struct fy_error *err)
{
    writer->sink = sink;
    if (open_as(writer, archive_write_set_format_raw, compression, err) < 0)
        return -1;
    AUTO_ENTRY entry = archive_entry_new();
    if (!entry)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an archive's entry");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "data");
    return archive_write_header(writer->archive, entry) == ARCHIVE_OK ? 0 : fail(writer, "cannot compress", err);
}

int writer_close(struct writer *writer, struct fy_error *err)
{
    return archive_write_close(writer->archive) == ARCHIVE_OK ? 0 : fail(writer, "cannot end the archive", err);
}

void writer_done(struct writer *writer)
{
    if (!writer->archive)
        return;
    /* Closing would fill up an entry that was cut short, which may be gigabytes; but without it, or with
     * archive_write_fail() in its place, libarchive keeps its buffers. */
    writer->sink->given_up = true;
    (void)archive_write_close(writer->archive);
    (void)archive_write_free(writer->archive);
    writer->archive = NULL;
}

/* ---- entries ---- */

static struct archive_entry *make_entry(const char *name, unsigned type, unsigned permissions)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return NULL;
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, (mode_t)permissions);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    return entry;
}

static int write_header(struct writer *writer, struct archive_entry *entry, const char *name, struct fy_error *err)
{
    if (!entry)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an archive's entry");
    int status = archive_write_header(writer->archive, entry);
    return status == ARCHIVE_OK || status == ARCHIVE_WARN ? 0 : fail(writer, name, err);
}

int writer_add_directory(struct writer *writer, const char *name, struct fy_error *err)
{
    AUTO_ENTRY entry = make_entry(name, AE_IFDIR, 0700);
    return write_header(writer, entry, name, err);
}

int writer_add_link(struct writer *writer, const char *name, const char *target, struct fy_error *err)
{
    AUTO_ENTRY entry = make_entry(name, AE_IFLNK, 0777);
    if (entry)
        archive_entry_set_symlink(entry, target);
    return write_header(writer, entry, name, err);
}

int writer_add_text(struct writer *writer, const char *name, const char *text, struct fy_error *err)
{
    size_t size = strlen(text);
    AUTO_ENTRY entry = make_entry(name, AE_IFREG, 0600);
    if (entry)
        archive_entry_set_size(entry, (la_int64_t)size);
    if (write_header(writer, entry, name, err) < 0)
        return -1;
    return archive_write_data(writer->archive, text, size) == (la_ssize_t)size ? 0 : fail(writer, name, err);
}

static int copy_content(struct writer *writer, int fd, uint64_t size, const char *name, struct fy_error *err)
{
    FY_AUTO_FREE char *block = malloc(COPY_BYTES);
    if (!block)
        return fy_error_set(err, FY_E_NOMEM, "no memory for writing an archive");
    while (size > 0) {
        ssize_t count = read(fd, block, size < COPY_BYTES ? (size_t)size : COPY_BYTES);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fy_error_errno(err, errno, "cannot read %s", name);
        if (count == 0)
            return fy_error_set(err, FY_E_VERIFY, "%s became shorter while it was read", name);
        if (archive_write_data(writer->archive, block, (size_t)count) != count)
            return fail(writer, name, err);
        size -= (uint64_t)count;
    }
    return 0;
}

int writer_add_file(struct writer *writer, int dir_fd, const char *file, const char *name, struct fy_error *err)
{
    struct stat status;
    FY_AUTO_CLOSE int fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return fy_error_errno(err, errno, "cannot read %s", file);
    if (!S_ISREG(status.st_mode))
        return fy_error_set(err, FY_E_VERIFY, "%s is not a plain file", file);
    AUTO_ENTRY entry = make_entry(name, AE_IFREG, 0600);
    if (entry) {
        archive_entry_set_size(entry, status.st_size);
        archive_entry_set_mtime(entry, status.st_mtime, 0);
    }
    if (write_header(writer, entry, name, err) < 0)
        return -1;
    return copy_content(writer, fd, (uint64_t)status.st_size, file, err);
}

/* Holes of the entry are filled: what is written is a plain tar. */
static int copy_blocks(struct writer *writer, struct archive *reader, const char *name, struct fy_error *err)
{
    FY_AUTO_FREE char *block = malloc(COPY_BYTES);
    if (!block)
        return fy_error_set(err, FY_E_NOMEM, "no memory for writing an archive");
    for (;;) {
        la_ssize_t count = archive_read_data(reader, block, COPY_BYTES);
        if (count == 0)
            return 0;
        if (count == ARCHIVE_RETRY)
            continue;
        if (count < 0)
            return reader_fail(reader, name, err);
        if (archive_write_data(writer->archive, block, (size_t)count) != count)
            return fail(writer, name, err);
    }
}

int writer_copy_entry(struct writer *writer, struct archive *reader, struct archive_entry *entry, const char *name,
                      struct fy_error *err)
{
    AUTO_ENTRY copy = make_entry(name, archive_entry_filetype(entry), archive_entry_perm(entry) & 0777);
    if (copy) {
        archive_entry_set_size(copy, archive_entry_filetype(entry) == AE_IFREG ? archive_entry_size(entry) : 0);
        archive_entry_set_mtime(copy, archive_entry_mtime(entry), 0);
    }
    if (write_header(writer, copy, name, err) < 0)
        return -1;
    return archive_entry_filetype(entry) == AE_IFREG ? copy_blocks(writer, reader, name, err) : 0;
}
