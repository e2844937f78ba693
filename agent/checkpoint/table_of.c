/* Small stored files are copied to memory, where imgcore can read them. */
#include "table_of.h"
#include "store.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <sys/mman.h>

#define PAGEMAP_LIMIT_BYTES ((uint64_t)1 << 30)
#define COPY_BYTES ((size_t)1 << 20)

int stored_copy(struct pack_reader *reader, uint64_t size, const char *name, int *fd, struct fy_error *err)
{
    FY_AUTO_FREE uint8_t *buffer = malloc(COPY_BYTES);
    FY_AUTO_CLOSE int made = memfd_create("ferry-image", MFD_CLOEXEC);
    if (!buffer || made < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a copy of %s", name);
    for (uint64_t at = 0; at < size;) {
        size_t piece = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;
        if (pack_read(reader, at, buffer, piece, err) < 0)
            return -1;
        if (write(made, buffer, piece) != (ssize_t)piece)
            return fy_error_errno(err, errno, "copying %s", name);
        at += piece;
    }
    *fd = made;
    made = -1;
    return 0;
}

int table_of(const Ferry__Checkpoint__Record *record, int dir_fd, const struct pack_form *form, const char *pagemap,
             struct fy_page_table *table, struct fy_error *err)
{
    char path[300];
    struct pack_reader *reader = NULL;
    FY_AUTO_CLOSE int fd = -1;
    (void)snprintf(path, sizeof path, "images/%s", pagemap);
    const Ferry__Checkpoint__File *stored = record_file(record, path);
    *table = (struct fy_page_table){0};
    if (!stored)
        return fy_error_set(err, FY_E_NOT_FOUND, "there is no %s", path);
    if (stored->plain_bytes > PAGEMAP_LIMIT_BYTES)
        return fy_error_set(err, FY_E_LIMIT, "%s is larger than 1 GiB", path);
    int result = pack_open(dir_fd, stored, form, &reader, err);
    if (result == 0)
        result = stored_copy(reader, stored->plain_bytes, path, &fd, err);
    pack_close(reader);
    return result == 0 ? fy_page_table_read(fd, path, table, err) : -1;
}
