/* Archives into image sets: images become files, all else goes on into FY_ARCHIVE_REST as it comes. Whether the archive
 * is podman's or a plain one is known when all of it was seen: by config.dump. */
#include "read.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "extract.h"
#include "image_names.h"
#include "oci.h"
#include "reader.h"
#include "writer.h"

#define IMAGES "checkpoint/"

struct intake {
    struct archive *reader;
    int images_fd;
    struct allowance *allowance;
    struct seen_names seen;
    struct sink sink;
    struct writer rest;
    bool has_config;
    bool has_spec;
    bool has_images_directory; /* images below checkpoint/ */
    bool has_images_beside;    /* images in the archive's root */
    char stranger[64];         /* a file of the root that is no image, nor of those that CRIU leaves; "" for none */
    uint32_t images;
};

/* ---- one entry ---- */

/* Not FY_ARCHIVE_REST, nor the link by which CRIU finds a parent. */
static bool may_be_image(const char *name)
{
    return strcmp(name, FY_ARCHIVE_REST) != 0 && strcmp(name, "parent") != 0;
}

static int take_image(struct intake *intake, const struct entry *entry, const char *name, struct fy_error *err)
{
    if (strchr(name, '/') || !may_be_image(name))
        return fy_error_set(err, FY_E_FORMAT, "%s in the archive cannot be a file of an image set", entry->name);
    intake->images++;
    return extract_file(intake->reader, intake->images_fd, name, entry->size_bytes, err);
}

static void note_rest(struct intake *intake, const struct entry *entry)
{
    intake->has_config |= strcmp(entry->name, ENTRY_CONFIG) == 0;
    intake->has_spec |= strcmp(entry->name, "spec.dump") == 0;
    if (!intake->stranger[0] && !image_names_is_trace(entry->name))
        (void)snprintf(intake->stranger, sizeof intake->stranger, "%.60s", entry->name);
}

static int take_rest(struct intake *intake, struct archive_entry *raw, const struct entry *entry, struct fy_error *err)
{
    note_rest(intake, entry);
    if (seen_names_add(&intake->seen, entry->name, err) < 0)
        return -1;
    return writer_copy_entry(&intake->rest, intake->reader, raw, entry->name, err);
}

static bool lies_beside(const struct intake *intake, const struct entry *entry)
{
    if (entry->is_directory || strchr(entry->name, '/'))
        return false;
    return image_names_is_image(entry->name) || (intake->has_images_beside && image_names_is_trace(entry->name));
}

static int take(struct intake *intake, struct archive_entry *raw, struct fy_error *err)
{
    struct entry entry;
    if (entry_check(raw, &entry, err) < 0 || allowance_take(intake->allowance, &entry, err) < 0)
        return -1;
    if (entry.is_directory && (!entry.name[0] || strcmp(entry.name, "checkpoint") == 0))
        return 0;
    if (strncmp(entry.name, IMAGES, sizeof IMAGES - 1) == 0 && !entry.is_directory) {
        intake->has_images_directory = true;
        return take_image(intake, &entry, entry.name + sizeof IMAGES - 1, err);
    }
    if (lies_beside(intake, &entry)) {
        intake->has_images_beside = true;
        return take_image(intake, &entry, entry.name, err);
    }
    return take_rest(intake, raw, &entry, err);
}

/* ---- all of them ---- */

static int judge(const struct intake *intake, struct fy_archive_summary *summary, struct fy_error *err)
{
    if (intake->images == 0)
        return fy_error_set(err, FY_E_FORMAT, "there is no CRIU image in the archive");
    if (intake->has_images_directory && intake->has_images_beside)
        return fy_error_set(err, FY_E_FORMAT, "there are CRIU images in two places of the archive");
    if (intake->has_config != intake->has_spec)
        return fy_error_set(err, FY_E_FORMAT, "the archive has no %s",
                            intake->has_config ? "spec.dump" : "config.dump");
    if (intake->has_config && intake->has_images_beside)
        return fy_error_set(err, FY_E_FORMAT, "the archive has a config.dump, but no checkpoint/");
    if (!intake->has_config && intake->stranger[0])
        return fy_error_set(err, FY_E_FORMAT,
                            "the archive has %s, but no config.dump: neither podman's nor a plain one",
                            intake->stranger);
    summary->format = intake->has_config ? FY_ARCHIVE_PODMAN : FY_ARCHIVE_PLAIN;
    summary->bytes = intake->allowance->used_bytes;
    summary->files = intake->images;
    return 0;
}

static int take_all(struct intake *intake, struct fy_error *err)
{
    struct archive_entry *raw;
    int found;
    while ((found = reader_next(intake->reader, &raw, err)) == 1)
        if (take(intake, raw, err) < 0)
            return -1;
    return found;
}

static int open_rest(struct intake *intake, struct fy_error *err)
{
    intake->sink.fd =
        openat(intake->images_fd, FY_ARCHIVE_REST, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (intake->sink.fd < 0)
        return fy_error_errno(err, errno, "cannot make " FY_ARCHIVE_REST);
    return writer_open(&intake->rest, &intake->sink, FY_ARCHIVE_NONE, err);
}

int read_container(struct archive *reader, int images_fd, struct allowance *allowance,
                   struct fy_archive_summary *summary, struct fy_error *err)
{
    struct fy_archive_summary result = {0};
    struct intake intake = {.reader = reader, .images_fd = images_fd, .allowance = allowance, .sink = {.fd = -1}};
    int status = open_rest(&intake, err);
    if (status == 0)
        status = take_all(&intake, err);
    if (status == 0)
        status = writer_close(&intake.rest, err);
    if (status == 0)
        status = judge(&intake, &result, err);
    writer_done(&intake.rest);
    fy_cleanup_close(&intake.sink.fd);
    seen_names_done(&intake.seen);
    if (status == 0 && result.format == FY_ARCHIVE_PLAIN && unlinkat(images_fd, FY_ARCHIVE_REST, 0) < 0)
        status = fy_error_errno(err, errno, "cannot remove an empty " FY_ARCHIVE_REST);
    if (status == 0)
        *summary = result;
    return status;
}

/* ---- which form ---- */

/* The first entries say so: skopeo and podman write oci-layout last, so a blob counts as well. */
static int is_oci(int fd, bool *answer, struct fy_error *err)
{
    FY_CLEANUP(reader_cleanup) struct archive *reader = NULL;
    struct archive_entry *raw;
    struct entry entry;
    if (reader_open(fd, &reader, err) < 0)
        return -1;
    int found = reader_next(reader, &raw, err);
    if (found < 0)
        return -1;
    *answer = found == 1 && entry_check(raw, &entry, NULL) == 0 &&
              (strcmp(entry.name, OCI_LAYOUT) == 0 || strcmp(entry.name, "index.json") == 0 ||
               strcmp(entry.name, "blobs") == 0 || strncmp(entry.name, "blobs/", 6) == 0);
    return 0;
}

int fy_archive_read(int in_fd, int images_fd, uint64_t limit_bytes, struct fy_archive_summary *summary,
                    struct fy_error *err)
{
    struct stat status;
    struct allowance allowance = {.limit_bytes = limit_bytes};
    bool oci = false;
    if (fstat(in_fd, &status) < 0)
        return fy_error_errno(err, errno, "cannot look at the archive");
    if (!S_ISREG(status.st_mode))
        return fy_error_set(err, FY_E_UNSUPPORTED, "the archive is not a regular file");
    if (is_oci(in_fd, &oci, err) < 0)
        return -1;
    if (lseek(in_fd, 0, SEEK_SET) < 0)
        return fy_error_errno(err, errno, "cannot read the archive again");
    if (oci)
        return oci_read(in_fd, images_fd, limit_bytes, summary, err);
    FY_CLEANUP(reader_cleanup) struct archive *reader = NULL;
    if (reader_open(in_fd, &reader, err) < 0)
        return -1;
    return read_container(reader, images_fd, &allowance, summary, err);
}
