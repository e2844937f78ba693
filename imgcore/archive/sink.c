/* Bytes on their way out. */
#include "sink.h"

#include <errno.h>
#include <ferry/base/fs.h>
#include <stdio.h>

int sink_begin_hash(struct sink *sink, struct fy_error *err)
{
    sink->hash = EVP_MD_CTX_new();
    if (!sink->hash || EVP_DigestInit_ex(sink->hash, EVP_sha256(), NULL) != 1)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a hash");
    return 0;
}

int sink_end_hash(struct sink *sink, char hex[SINK_HEX_SIZE], struct fy_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(sink->hash, digest, &size) != 1 || size * 2 + 1 != SINK_HEX_SIZE)
        return fy_error_set(err, FY_E_INTERNAL, "SHA-256 failed");
    for (unsigned i = 0; i < size; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

int sink_write(struct sink *sink, const void *data, size_t size, struct fy_error *err)
{
    if (sink->hash && EVP_DigestUpdate(sink->hash, data, size) != 1)
        return fy_error_set(err, FY_E_INTERNAL, "SHA-256 failed");
    sink->bytes += size;
    if (sink->fd >= 0)
        return fy_fs_write_all(sink->fd, data, size, err);
    if (archive_write_data(sink->next, data, size) == (la_ssize_t)size)
        return 0;
    return fy_error_set(err, FY_E_IO, "cannot compress: %s", archive_error_string(sink->next));
}

la_ssize_t sink_take(struct archive *archive, void *data, const void *bytes, size_t size)
{
    struct sink *sink = data;
    if (sink->given_up) {
        archive_set_error(archive, EIO, "given up");
        return -1;
    }
    if (sink_write(sink, bytes, size, &sink->err) == 0)
        return (la_ssize_t)size;
    archive_set_error(archive, sink->err.sys_errno ? sink->err.sys_errno : EIO, "%s", sink->err.message);
    return -1;
}

void sink_done(struct sink *sink)
{
    EVP_MD_CTX_free(sink->hash);
    sink->hash = NULL;
}
