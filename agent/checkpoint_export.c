/* A checkpoint in the form of another program: it is expanded and verified in memory, and written from there. */
#include "checkpoint_facts.h"
#include "checkpoint_op.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/archive.h>
#include <string.h>

#define MANIFEST_NAME "ferry.manifest"
#define MAX_ANNOTATIONS 12

struct exporting {
    struct fy_checkpoint_op op;
    char id[FY_CHECKPOINT_ID_SIZE];
    enum fy_export_format form;
    enum fy_archive_compression compression;
    char *file;
};

static struct exporting *of(struct fy_checkpoint_op *op)
{
    return fy_container_of(op, struct exporting, op);
}

static void done(struct fy_checkpoint_op *op)
{
    free(of(op)->file);
}

/* ---- what goes with the images ---- */

/* The manifest comes out of the store with the images, and its signature with it. It does not go along where podman's
 * files are: who reads them writes them anew, with the same content, but perhaps other padding. */
static int prepare(const struct exporting *exporting, const Ferry__Checkpoint__Record *record, bool *has_rest,
                   struct fy_error *err)
{
    char rest[4096], manifest[4096];
    const struct fy_checkpoint_op *op = &exporting->op;
    (void)snprintf(rest, sizeof rest, "%.4000s/" FY_ARCHIVE_REST, op->images_dir);
    (void)snprintf(manifest, sizeof manifest, "%.4000s/" MANIFEST_NAME, op->images_dir);
    *has_rest = access(rest, F_OK) == 0;
    if (*has_rest && unlink(manifest) < 0 && errno != ENOENT)
        return fy_error_errno(err, errno, "cannot remove %s", manifest);
    return checkpoint_facts_write(record, op->images_dir, op->extra_dir, err);
}

/* ---- OCI ---- */

struct annotations {
    struct fy_archive_annotation items[MAX_ANNOTATIONS];
    size_t count;
};

static void annotate(struct annotations *annotations, const char *key, const char *value)
{
    if (value[0])
        annotations->items[annotations->count++] = (struct fy_archive_annotation){key, value};
}

/* The names that podman, cri-o and the CRIU project have given them. */
static int write_oci(int images_fd, const struct exporting *exporting, const Ferry__Checkpoint__Record *record,
                     bool has_rest, int out_fd, struct fy_error *err)
{
    struct annotations annotations = {0};
    struct fy_podman_config config = {0};
    const char *name = strchr(record->workload, '/') ? strchr(record->workload, '/') + 1 : record->workload;
    if (has_rest && fy_podman_config_read(images_fd, &config, err) < 0)
        return -1;
    annotate(&annotations, "io.kubernetes.cri-o.annotations.checkpoint.name", name);
    annotate(&annotations, "org.criu.checkpoint.container.name", name);
    annotate(&annotations, "org.criu.checkpoint.engine.name", has_rest ? "podman" : "ferry");
    if (has_rest)
        annotate(&annotations, "io.podman.annotations.checkpoint.name", name);
    annotate(&annotations, "io.podman.annotations.checkpoint.runtime.name", config.runtime);
    annotate(&annotations, "io.podman.annotations.checkpoint.rawImageName", config.image);
    annotate(&annotations, "io.podman.annotations.checkpoint.rootfsImageName", config.image);
    annotate(&annotations, "io.podman.annotations.checkpoint.rootfsImageID", config.image_id);
    annotate(&annotations, "org.criu.checkpoint.runtime.name", config.runtime);
    annotate(&annotations, "org.criu.checkpoint.rootfsImageName", config.image);
    annotate(&annotations, "org.criu.checkpoint.rootfsImageID", config.image_id);
    const struct fy_archive_oci image = {
        .architecture = fy_archive_oci_architecture(),
        .created_s = record->created_us / 1000000,
        .annotations = annotations.items,
        .annotation_count = annotations.count,
    };
    return fy_archive_write_oci(images_fd, &image, exporting->compression, out_fd, err);
}

/* ---- the file ---- */

static int write_form(const struct exporting *exporting, const Ferry__Checkpoint__Record *record, bool has_rest,
                      int out_fd, struct fy_error *err)
{
    const char *images_dir = exporting->op.images_dir;
    FY_AUTO_CLOSE int images_fd = open(images_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (images_fd < 0)
        return fy_error_errno(err, errno, "cannot open %s", images_dir);
    switch (exporting->form) {
    case FY_EXPORT_PODMAN:
        return fy_archive_write_podman(images_fd, NULL, exporting->compression, out_fd, err);
    case FY_EXPORT_TAR:
        return fy_archive_write_plain(images_fd, exporting->compression, out_fd, err);
    case FY_EXPORT_OCI:
        break;
    }
    return write_oci(images_fd, exporting, record, has_rest, out_fd, err);
}

static int write_file(const struct exporting *exporting, const Ferry__Checkpoint__Record *record, bool has_rest,
                      struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = open(exporting->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
        fy_error_set(err, FY_E_USAGE, "%s is there already", exporting->file);
        return fy_error_next(err, "nothing is overwritten: remove it, or choose another name");
    }
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot make %s", exporting->file);
    int status = write_form(exporting, record, has_rest, fd, err);
    if (status == 0 && atomic_load(&exporting->op.progress.cancelled))
        status = fy_error_set(err, FY_E_CANCELLED, "cancelled");
    if (status == 0 && fsync(fd) < 0)
        status = fy_error_errno(err, errno, "cannot write %s", exporting->file);
    if (status < 0)
        (void)unlink(exporting->file);
    return status;
}

/* Said before gigabytes are expanded for nothing. */
static int check_form(const struct exporting *exporting, const Ferry__Checkpoint__Record *record, struct fy_error *err)
{
    if (exporting->form != FY_EXPORT_PODMAN || strncmp(record->workload, "podman/", 7) == 0)
        return 0;
    fy_error_set(
        err, FY_E_UNSUPPORTED,
        "%s is no container of podman's: its checkpoint has not the image, the configuration and the changes of "
        "the root file system that podman restores a container from",
        record->workload);
    return fy_error_next(err, "export it with --format tar, for CRIU, or --format oci");
}

/* In the thread. */
static void export(struct fy_checkpoint_op *op)
{
    struct exporting *exporting = of(op);
    struct fy_checkpoint *checkpoint = NULL;
    bool has_rest = false;
    if (fy_checkpoint_load(op->options.store, exporting->id, &checkpoint, &op->work_err) < 0)
        return;
    if (check_form(exporting, checkpoint->record, &op->work_err) == 0 &&
        fy_checkpoint_expand(op->options.store, exporting->id, op->images_dir, op->extra_dir, &op->progress,
                             &op->work_err) == 0 &&
        prepare(exporting, checkpoint->record, &has_rest, &op->work_err) == 0)
        (void)write_file(exporting, checkpoint->record, has_rest, &op->work_err);
    fy_checkpoint_free(checkpoint);
}

static void begin(struct fy_checkpoint_op *op)
{
    checkpoint_op_whole(op, "export", export);
}

static const struct fy_checkpoint_kind export_kind = {
    .size = sizeof(struct exporting),
    .begin = begin,
    .done = done,
};

int fy_checkpoint_export_start(const struct fy_checkpoint_op_options *options, const struct fy_checkpoint_export *what,
                               struct fy_checkpoint_op **op, struct fy_error *err)
{
    char *file = strdup(what->file);
    if (!file)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a file's name");
    if (checkpoint_op_new(&export_kind, options, NULL, op, err) < 0) {
        free(file);
        return -1;
    }
    struct exporting *exporting = of(*op);
    memcpy(exporting->id, what->id, sizeof exporting->id);
    exporting->form = what->form;
    exporting->compression = what->compression;
    exporting->file = file;
    return 0;
}
