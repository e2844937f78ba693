/* A checkpoint out of the form of another program, or of ferry's own export: read into memory, judged, and stored. */
#include "checkpoint_facts.h"
#include "checkpoint_op.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/archive.h>
#include <ferry/imgcore/verify.h>
#include <string.h>

/* Of run_dir; the last of a memory-backed file system is for others. */
#define USABLE_SPACE(bytes) ((bytes) - (bytes) / 20)

struct importing {
    struct fy_checkpoint_op op;
    char id[FY_CHECKPOINT_ID_SIZE];
    char *file;
    char as[FY_WORKLOAD_TEXT_SIZE]; /* "": what the archive says */
};

static struct importing *of(struct fy_checkpoint_op *op)
{
    return fy_container_of(op, struct importing, op);
}

static void done(struct fy_checkpoint_op *op)
{
    free(of(op)->file);
}

/* ---- images that belong to nobody ---- */

struct strays {
    int images_fd;
    size_t count;
};

static void drop_stray(const struct fy_finding *finding, void *data)
{
    struct strays *strays = data;
    if (finding->id == FY_FINDING_LEFT_OVER && fy_fs_is_plain_name(finding->file) &&
        unlinkat(strays->images_fd, finding->file, 0) == 0)
        strays->count++;
}

/* podman writes each checkpoint of a container that runs on into the same directory and exports all that is there, also
 * images of tasks that have ended since. Without them others may turn out to be nobody's, so it is looked again. What
 * is wrong besides is found when the set is stored. */
static int drop_strays(int images_fd, struct fy_error *err)
{
    struct strays strays = {.images_fd = images_fd};
    size_t before;
    do {
        struct fy_imageset_summary summary = {0};
        before = strays.count;
        if (fy_imageset_verify(images_fd, NULL, drop_stray, &strays, &summary, err) < 0)
            return -1;
        fy_imageset_summary_done(&summary);
    } while (strays.count > before);
    return 0;
}

/* ---- what it is a checkpoint of ---- */

static int name_workload(const struct importing *importing, int images_fd, const struct fy_archive_summary *summary,
                         const Ferry__Checkpoint__Record *known, char text[FY_WORKLOAD_TEXT_SIZE], struct fy_error *err)
{
    struct fy_podman_config config;
    struct fy_workload workload;
    if (importing->as[0]) {
        (void)snprintf(text, FY_WORKLOAD_TEXT_SIZE, "%s", importing->as);
    } else if (known) {
        (void)snprintf(text, FY_WORKLOAD_TEXT_SIZE, "%s", known->workload);
    } else if (summary->format == FY_ARCHIVE_PODMAN) {
        if (fy_podman_config_read(images_fd, &config, err) < 0)
            return -1;
        (void)snprintf(text, FY_WORKLOAD_TEXT_SIZE, "podman/%s", config.name);
    } else {
        fy_error_set(err, FY_E_USAGE, "%s does not say what it is a checkpoint of", importing->file);
        return fy_error_next(err, "say it: --as process/PID, or --as runc/ID");
    }
    if (fy_workload_parse(text, &workload, err) < 0)
        return fy_error_wrap(err, "what %s says of itself", importing->file);
    if ((workload.kind == FY_WORKLOAD_PODMAN) == (summary->format == FY_ARCHIVE_PODMAN))
        return 0;
    return fy_error_set(err, FY_E_USAGE, "%s is %s archive, and cannot be of %s", importing->file,
                        summary->format == FY_ARCHIVE_PODMAN ? "podman's" : "no podman", text);
}

/* What podman needs at a restore, of whom it is asked before anything is expanded. */
static int fill_podman(int images_fd, struct fy_podman_config *config, Ferry__Checkpoint__Record *facts,
                       struct fy_error *err)
{
    if (fy_podman_config_read(images_fd, config, err) < 0)
        return -1;
    facts->container_id = config->id;
    facts->image = config->image[0] ? config->image : NULL;
    facts->image_id = config->image_id[0] ? config->image_id : NULL;
    return 0;
}

static int store(struct importing *importing, int images_fd, const struct fy_archive_summary *summary,
                 const Ferry__Checkpoint__Record *known, struct fy_error *err)
{
    Ferry__Checkpoint__Record facts = FERRY__CHECKPOINT__RECORD__INIT;
    struct fy_checkpoint *made = NULL;
    struct fy_podman_config config;
    char workload[FY_WORKLOAD_TEXT_SIZE];
    const struct fy_checkpoint_op *op = &importing->op;
    if (name_workload(importing, images_fd, summary, known, workload, err) < 0)
        return -1;
    if (known)
        facts = *known;
    else
        facts.host = "another"; /* nobody has written down which */
    facts.id = (char *)(uintptr_t)importing->id;
    facts.workload = workload;
    if (!known)
        facts.created_us = (int64_t)fy_clock_wall_us();
    if (summary->format == FY_ARCHIVE_PODMAN && fill_podman(images_fd, &config, &facts, err) < 0)
        return -1;
    const struct fy_checkpoint_source source = {
        .images_dir = op->images_dir,
        .extra_dir = op->extra_dir,
        .facts = &facts,
        .label = workload,
    };
    int status = fy_checkpoint_put(op->options.store, &source, &importing->op.progress, &made, err);
    fy_checkpoint_free(made);
    return status;
}

/* ---- the archive ---- */

static int say_what_can_be_read(struct fy_error *err)
{
    if (err && err->code == FY_E_FORMAT && !err->next[0])
        fy_error_next(err, "give what ferry or podman has exported, a tar of CRIU's images, or an OCI image of a "
                           "checkpoint; if it is one, fetch it again: it is damaged");
    return -1;
}

static int read_archive(const struct importing *importing, int images_fd, struct fy_archive_summary *summary,
                        struct fy_error *err)
{
    uint64_t available = 0;
    FY_AUTO_CLOSE int fd = open(importing->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot read %s", importing->file);
    if (fy_fs_available_bytes(importing->op.images_dir, &available, err) < 0)
        return -1;
    if (fy_archive_read(fd, images_fd, USABLE_SPACE(available), summary, err) < 0) {
        fy_error_wrap(err, "%s", importing->file);
        return say_what_can_be_read(err);
    }
    return atomic_load(&importing->op.progress.cancelled) ? fy_error_set(err, FY_E_CANCELLED, "cancelled") : 0;
}

static int import_into(struct importing *importing, int images_fd, struct fy_error *err)
{
    Ferry__Checkpoint__Record *known = NULL;
    struct fy_archive_summary summary;
    if (read_archive(importing, images_fd, &summary, err) < 0 ||
        checkpoint_facts_take(importing->op.images_dir, importing->op.extra_dir, &known, err) < 0)
        return -1;
    int status = known ? 0 : drop_strays(images_fd, err);
    if (status == 0)
        status = store(importing, images_fd, &summary, known, err);
    if (known)
        ferry__checkpoint__record__free_unpacked(known, NULL);
    return status;
}

/* In the thread. */
static void import(struct fy_checkpoint_op *op)
{
    FY_AUTO_CLOSE int images_fd = open(op->images_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (images_fd < 0)
        fy_error_errno(&op->work_err, errno, "cannot open %s", op->images_dir);
    else
        (void)import_into(of(op), images_fd, &op->work_err);
}

static void begin(struct fy_checkpoint_op *op)
{
    checkpoint_op_whole(op, "import", import);
}

static const struct fy_checkpoint_kind import_kind = {
    .size = sizeof(struct importing),
    .begin = begin,
    .done = done,
};

int fy_checkpoint_import_start(const struct fy_checkpoint_op_options *options, const struct fy_checkpoint_import *what,
                               struct fy_checkpoint_op **op, struct fy_error *err)
{
    char *file = strdup(what->file);
    if (!file)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a file's name");
    if (checkpoint_op_new(&import_kind, options, NULL, op, err) < 0) {
        free(file);
        return -1;
    }
    struct importing *importing = of(*op);
    memcpy(importing->id, what->id, sizeof importing->id);
    (void)snprintf(importing->as, sizeof importing->as, "%s", what->as ? what->as : "");
    importing->file = file;
    return 0;
}
