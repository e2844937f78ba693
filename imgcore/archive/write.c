/* Image sets as tars. */
#include <ferry/imgcore/archive.h>

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>

#include "entry.h"
#include "image_names.h"
#include "reader.h"
#include "write.h"

#define IMAGES "checkpoint"

static int finish(struct writer *writer, int status, struct fy_error *err)
{
    if (status == 0)
        status = writer_close(writer, err);
    writer_done(writer);
    return status;
}

static int add_images(struct writer *writer, int images_fd, const struct image_names *names, const char *prefix,
                      struct fy_error *err)
{
    char name[sizeof IMAGES + 1 + 256];
    for (size_t i = 0; i < names->count; i++) {
        (void)snprintf(name, sizeof name, "%s%s", prefix, names->items[i]);
        if (writer_add_file(writer, images_fd, names->items[i], name, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- what podman keeps beside the images ---- */

/* `config`: in the place of config.dump; NULL: that stays. */
static int copy_rest(struct writer *writer, struct archive *reader, const char *config, struct fy_error *err)
{
    struct archive_entry *raw;
    struct entry entry;
    for (;;) {
        int found = reader_next(reader, &raw, err);
        if (found <= 0)
            return found;
        if (entry_check(raw, &entry, err) < 0)
            return fy_error_wrap(err, FY_ARCHIVE_REST);
        /* podman writes the images' directory too: it was empty, or is stale. */
        if (!entry.name[0] || strncmp(entry.name, IMAGES "/", sizeof IMAGES) == 0 || strcmp(entry.name, IMAGES) == 0)
            continue;
        bool replaced = config && strcmp(entry.name, ENTRY_CONFIG) == 0;
        if ((replaced ? writer_add_text(writer, ENTRY_CONFIG, config, err)
                      : writer_copy_entry(writer, reader, raw, entry.name, err)) < 0)
            return -1;
    }
}

static int write_rest(struct archive *reader, int out_fd, struct fy_error *err)
{
    struct sink sink = {.fd = out_fd};
    struct writer writer = {0};
    int status = writer_open(&writer, &sink, FY_ARCHIVE_NONE, err);
    if (status == 0)
        status = copy_rest(&writer, reader, NULL, err);
    return finish(&writer, status, err);
}

int fy_archive_keep_rest(int in_fd, int images_fd, struct fy_error *err)
{
    FY_CLEANUP(reader_cleanup) struct archive *reader = NULL;
    FY_AUTO_CLOSE int out_fd =
        openat(images_fd, FY_ARCHIVE_REST, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out_fd < 0)
        return fy_error_errno(err, errno, "cannot make " FY_ARCHIVE_REST);
    if (reader_open(in_fd, &reader, err) < 0)
        return fy_error_wrap(err, "what podman has written");
    return write_rest(reader, out_fd, err);
}

static int add_rest(struct writer *writer, const struct container_source *source, struct fy_error *err)
{
    FY_CLEANUP(reader_cleanup) struct archive *reader = NULL;
    FY_AUTO_CLOSE int fd = openat(source->images_fd, FY_ARCHIVE_REST, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot read " FY_ARCHIVE_REST);
    if (reader_open(fd, &reader, err) < 0)
        return fy_error_wrap(err, FY_ARCHIVE_REST);
    return copy_rest(writer, reader, source->config, err);
}

/* ---- whole archives ---- */

int write_container(struct writer *writer, const struct container_source *source, struct fy_error *err)
{
    FY_CLEANUP(image_names_done) struct image_names names = {0};
    if (image_names_list(source->images_fd, &names, err) < 0)
        return -1;
    if (names.has_rest && add_rest(writer, source, err) < 0)
        return -1;
    if (source->images_link)
        return writer_add_link(writer, IMAGES, source->images_link, err);
    if (writer_add_directory(writer, IMAGES "/", err) < 0)
        return -1;
    return add_images(writer, source->images_fd, &names, IMAGES "/", err);
}

static int write_podman(const struct container_source *source, enum fy_archive_compression compression, int out_fd,
                        struct fy_error *err)
{
    struct sink sink = {.fd = out_fd};
    struct writer writer = {0};
    if (faccessat(source->images_fd, FY_ARCHIVE_REST, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return fy_error_set(err, FY_E_UNSUPPORTED,
                            "this checkpoint is of no podman container: it has no " FY_ARCHIVE_REST
                            ", so podman would not know the container's image, its configuration and its root file "
                            "system");
    int status = writer_open(&writer, &sink, compression, err);
    if (status == 0)
        status = write_container(&writer, source, err);
    return finish(&writer, status, err);
}

int fy_archive_write_podman(int images_fd, const char *images_link, enum fy_archive_compression compression, int out_fd,
                            struct fy_error *err)
{
    const struct container_source source = {.images_fd = images_fd, .images_link = images_link};
    return write_podman(&source, compression, out_fd, err);
}

int fy_archive_write_podman_as(int images_fd, const char *images_link, const char *config, int out_fd,
                               struct fy_error *err)
{
    const struct container_source source = {.images_fd = images_fd, .images_link = images_link, .config = config};
    return write_podman(&source, FY_ARCHIVE_NONE, out_fd, err);
}

int fy_archive_write_plain(int images_fd, enum fy_archive_compression compression, int out_fd, struct fy_error *err)
{
    FY_CLEANUP(image_names_done) struct image_names names = {0};
    struct sink sink = {.fd = out_fd};
    struct writer writer = {0};
    int status = image_names_list(images_fd, &names, err);
    if (status == 0)
        status = writer_open(&writer, &sink, compression, err);
    if (status == 0)
        status = add_images(&writer, images_fd, &names, "", err);
    return finish(&writer, status, err);
}
