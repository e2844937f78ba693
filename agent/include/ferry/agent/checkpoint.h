/* Checkpoints of workloads: taking one, restoring one, verifying, removing. One struct an operation; the caller (the
 * daemon's job table) hears of progress by events. Slow work runs in a thread of its own.
 *
 *     create, leave running:  INSPECT -> DUMP ... held, images in run_dir [-> ROOT] -> the workload runs on -> STORE ->
 * END create, stop:           INSPECT -> DUMP ... held [-> ROOT] -> STORE -> the workload is killed -> END restore:
 * ROOM -> EXPAND (and verify) [-> ROOT] -> RESTORE ... held -> it runs -> END verify, remove:         WORK -> END
 *     export:                 EXPAND (and verify), written from there -> END
 *     import:                 READ, and judge -> STORE -> END
 *
 * A workload that is to be stopped is killed only once its checkpoint is on the disk. Before that, any failure lets it
 * run on. */
#ifndef FERRY_AGENT_CHECKPOINT_H
#define FERRY_AGENT_CHECKPOINT_H

#include <ferry/agent/driver.h>
#include <ferry/agent/migrate.h>
#include <ferry/checkpoint/store.h>
#include <ferry/imgcore/archive.h>

struct fy_checkpoint_op;

/* `report` is that of migrations; bytes_sent is what was gone over, downtime_us how long the workload stood still. */
struct fy_checkpoint_events {
    void (*changed)(struct fy_checkpoint_op *op, const struct fy_migration_report *report, void *data);
    /* Last and exactly once; freed after it. */
    void (*ended)(struct fy_checkpoint_op *op, const struct fy_migration_report *report, void *data);
};

struct fy_checkpoint_op_options {
    const struct fy_host *host; /* borrowed */
    const struct fy_checkpoint_store *store;
    char job_id[FY_JOB_ID_SIZE];
    const char *log_dir; /* exists; copied */
    const struct fy_checkpoint_events *events;
    void *data;
    bool low_priority; /* for work in the background */
};

#define FY_LABEL_KEY_SIZE 64
#define FY_LABEL_VALUE_SIZE 256

struct fy_checkpoint_label {
    char key[FY_LABEL_KEY_SIZE];
    char value[FY_LABEL_VALUE_SIZE];
};

struct fy_checkpoint_create {
    struct fy_migration_spec spec; /* workload, tcp and CRIU's options */
    char id[FY_CHECKPOINT_ID_SIZE];
    char parent[FY_CHECKPOINT_ID_SIZE]; /* the last one of the workload; "": none */
    bool leave_running;
    struct fy_checkpoint_label labels[FY_CHECKPOINT_LABELS_MAX];
    size_t label_count;
};

/* Each starts the operation; if it fails no event fires. What is given is copied. */
int fy_checkpoint_create_start(const struct fy_checkpoint_op_options *options, const struct fy_checkpoint_create *what,
                               struct fy_checkpoint_op **op, struct fy_error *err);

struct fy_checkpoint_restore {
    char id[FY_CHECKPOINT_ID_SIZE];
    struct fy_migration_spec spec;           /* the workload as it will be called; tcp, CRIU's options */
    const Ferry__Checkpoint__Record *record; /* borrowed until the end */
};
int fy_checkpoint_restore_start(const struct fy_checkpoint_op_options *options,
                                const struct fy_checkpoint_restore *what, struct fy_checkpoint_op **op,
                                struct fy_error *err);

/* Restores it in scratch namespaces without a network, vetoes before its tasks may run, and leaves nothing. `spec`
 * holds the workload and CRIU's options; connections are closed in it, whatever it says of them. FY_E_RESTORE in the
 * report with CRIU's own words; FY_E_VERIFY when it is damaged. */
struct fy_checkpoint_rehearse {
    char id[FY_CHECKPOINT_ID_SIZE];
    struct fy_migration_spec spec;
    const Ferry__Checkpoint__Record *record; /* copied */
    const char *probe;                       /* a file in hooks_dir that looks at the held tasks; NULL: none */
};
int fy_checkpoint_rehearse_start(const struct fy_checkpoint_op_options *options,
                                 const struct fy_checkpoint_rehearse *what, struct fy_checkpoint_op **op,
                                 struct fy_error *err);

/* FY_E_VERIFY in the report when it is damaged. */
int fy_checkpoint_verify_start(const struct fy_checkpoint_op_options *options, const char *id,
                               struct fy_checkpoint_op **op, struct fy_error *err);
/* `children` are those whose parent it is. */
int fy_checkpoint_remove_start(const struct fy_checkpoint_op_options *options, const char *id,
                               const char *const *children, size_t child_count, struct fy_checkpoint_op **op,
                               struct fy_error *err);

/* ---- in the forms of other programs (ferry/imgcore/archive.h) ---- */

/* podman's checkpoint archive; a tar of the image set, for CRIU itself; an OCI image in an oci-archive. */
enum fy_export_format { FY_EXPORT_PODMAN, FY_EXPORT_TAR, FY_EXPORT_OCI };
/* FY_E_USAGE. */
int fy_export_format_parse(const char *text, enum fy_export_format *form, struct fy_error *err);

struct fy_checkpoint_export {
    char id[FY_CHECKPOINT_ID_SIZE];
    enum fy_export_format form;
    enum fy_archive_compression compression;
    const char *file; /* absolute; it must not be there yet, and is whole or is not there afterwards */
};
/* FY_E_UNSUPPORTED in the report for podman's form of what is no container of podman's. */
int fy_checkpoint_export_start(const struct fy_checkpoint_op_options *options, const struct fy_checkpoint_export *what,
                               struct fy_checkpoint_op **op, struct fy_error *err);

struct fy_checkpoint_import {
    char id[FY_CHECKPOINT_ID_SIZE]; /* what it will be called */
    const char *file;               /* absolute; any of the forms */
    const char *as;                 /* "runc/web": what it is a checkpoint of; NULL: the archive says it */
};
/* FY_E_FORMAT, FY_E_LIMIT or FY_E_VERIFY in the report when it is not what it should be: nothing is stored then. */
int fy_checkpoint_import_start(const struct fy_checkpoint_op_options *options, const struct fy_checkpoint_import *what,
                               struct fy_checkpoint_op **op, struct fy_error *err);

/* Ends as soon as it can without harm. FY_E_BUSY: it cannot be undone any more. */
int fy_checkpoint_op_cancel(struct fy_checkpoint_op *op, const char *why, struct fy_error *err);

#endif
