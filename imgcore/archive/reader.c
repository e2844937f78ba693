/* Reading tars. Of libarchive's many formats and filters only those are switched on that podman writes: every other is
 * code that a hostile file could reach. */
#include "reader.h"

#include <errno.h>

static struct archive *make(struct fy_error *err)
{
    struct archive *reader = archive_read_new();
    if (!reader) {
        fy_error_set(err, FY_E_NOMEM, "no memory for reading an archive");
        return NULL;
    }
    (void)archive_read_support_filter_none(reader);
    (void)archive_read_support_filter_gzip(reader);
    (void)archive_read_support_filter_zstd(reader);
    (void)archive_read_support_format_tar(reader);
    return reader;
}

int reader_fail(struct archive *reader, const char *what, struct fy_error *err)
{
    const char *words = archive_error_string(reader);
    int number = archive_errno(reader);
    if (number == ENOMEM)
        return fy_error_set(err, FY_E_NOMEM, "no memory for reading an archive");
    if (number == EIO || number == EBADF || number == EISDIR)
        return fy_error_errno(err, number, "%s", what);
    return fy_error_set(err, FY_E_FORMAT, "%s: %s", what, words ? words : "not a tar");
}

int reader_open(int fd, struct archive **reader_out, struct fy_error *err)
{
    struct archive *reader = make(err);
    if (!reader)
        return -1;
    if (archive_read_open_fd(reader, fd, READER_BLOCK_BYTES) != ARCHIVE_OK) {
        (void)reader_fail(reader, "this is no archive that ferry reads", err);
        reader_cleanup(&reader);
        return -1;
    }
    *reader_out = reader;
    return 0;
}

int reader_open_nested(archive_read_callback *read, void *data, struct archive **reader_out, struct fy_error *err)
{
    struct archive *reader = make(err);
    if (!reader)
        return -1;
    if (archive_read_open(reader, data, NULL, read, NULL) != ARCHIVE_OK) {
        (void)reader_fail(reader, "the layer is no archive that ferry reads", err);
        reader_cleanup(&reader);
        return -1;
    }
    *reader_out = reader;
    return 0;
}

int reader_next(struct archive *reader, struct archive_entry **entry, struct fy_error *err)
{
    int status = archive_read_next_header(reader, entry);
    if (status == ARCHIVE_EOF)
        return 0;
    /* A warning is about a name or an attribute in a foreign character set: names are checked by us. */
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN)
        return 1;
    return reader_fail(reader, "the archive is damaged", err);
}

void reader_cleanup(struct archive **reader)
{
    if (*reader)
        (void)archive_read_free(*reader);
    *reader = NULL;
}
