/* What the files of the job table share. */
#ifndef FERRY_DAEMON_JOB_TABLE_H
#define FERRY_DAEMON_JOB_TABLE_H

#include <ferry/daemon/jobs.h>

/* Migrations that came in one plan and run one after the other. Freed with its last job's end. */
struct plan_run {
    size_t unfinished;
    bool continue_on_failure;
    bool failed; /* one has failed: what is queued will not run */
    char first_failed[FY_JOB_ID_SIZE];
};

/* Migrations that are decided upon together. Freed with its last job's end. */
struct group_run {
    struct fy_group core;
    char id[FY_JOB_ID_SIZE]; /* of its first job */
    bool started;            /* at least one of them */
};

struct fy_job {
    struct fy_jobs *jobs;
    struct fy_record *record;           /* the latest; never NULL */
    struct fy_migration_spec spec;      /* source only */
    struct plan_run *plan;              /* NULL: it came alone, or has ended */
    struct group_run *group;            /* NULL: it moves alone, or has ended */
    bool ready;                         /* prepared, and waits for the others of its group */
    bool told;                          /* to be given up with its group */
    bool saving;                        /* its first record is on the way to the disk */
    bool recorded;                      /* on disk: may start */
    bool running;                       /* has a migration or a receiver */
    bool receiving;                     /* destination */
    const struct fy_task_ops *task_ops; /* NULL: a migration */
    void *task;                         /* NULL once the job has ended */
    struct fy_journal_entry *entry;     /* loaded, and not yet taken up; NULL */
    union {
        struct fy_migration *migration;
        struct fy_receiver *receiver;
    };
};

struct fy_jobs {
    struct fy_jobs_options options;
    struct fy_job **list; /* oldest first */
    size_t count, capacity;
    size_t unfinished; /* queued or running */
    size_t running;
    size_t ended;
    struct incoming *incoming;        /* links that are served */
    struct fy_journal_entry *entries; /* the journal, while it is loaded */
    size_t entry_count;
    bool stopping;
    bool scheduling; /* schedule() is at work further up the stack */
    void (*idle)(void *data);
    void *idle_data;
};

/* ---- job_table.c ---- */

/* Adds a job with this first record; the table takes the record over. */
struct fy_job *table_add(struct fy_jobs *jobs, struct fy_record *record, struct fy_error *err);
struct fy_job *table_find(const struct fy_jobs *jobs, const char *id);
/* The unfinished job that has this workload. */
struct fy_job *table_holder(const struct fy_jobs *jobs, const char *workload);
/* Fills `id` with one that no job has. */
int table_new_id(const struct fy_jobs *jobs, char id[FY_JOB_ID_SIZE], struct fy_error *err);
/* The migration reported while it runs. */
void job_reported(struct fy_job *job, const struct fy_migration_report *report);
/* The migration has ended with this report. The job may be gone afterwards. */
void job_ended(struct fy_job *job, const struct fy_migration_report *report);
/* Ends a job that has no migration. The job may be gone afterwards. */
void job_end(struct fy_job *job, Ferry__Control__JobState state, const char *workload_state,
             const struct fy_error *cause);

/* ---- job_logs.c ---- */

/* The record with the names of the files that stand in its log directory now; NULL when there is no memory. */
struct fy_record *record_with_logs(const struct fy_record *record);

/* ---- job_schedule.c ---- */

/* Starts what may start; harmless at any time. */
void schedule(struct fy_jobs *jobs);
/* A job of the plan has ended. */
void plan_job_ended(struct fy_job *job);

/* ---- job_group.c ---- */

/* Makes this just accepted job one of a group: that of `before` when it names the same, else a new one. Nothing
 * without a group's name. */
int group_join(struct fy_job *job, const struct fy_job *before, struct fy_error *err);
/* It has ended, or was never accepted after all. */
void group_leave(struct fy_job *job);
/* Whether it could start now, as far as its group and the number of running jobs are concerned. */
bool group_has_room(const struct fy_job *job);
/* All is prepared for this job. */
void group_ready(struct fy_job *job);
/* The job stands still until it is decided what becomes of its group, or cannot be made to. */
void group_pinned(struct fy_job *job, const struct fy_error *err);
/* What a restart makes of the group of a job in the journal. */
bool group_goes_on(const struct fy_jobs *jobs, const struct fy_journal_entry *entry);
/* This job is being given up, or has ended without having moved. */
void group_given_up(struct fy_job *job, const char *why);

/* ---- job_receive.c ---- */

size_t incoming_count(const struct fy_jobs *jobs);
/* The job's receiver, out of the journal. */
int incoming_take_up(struct fy_job *job, struct fy_error *err);
void incoming_cancel_all(struct fy_jobs *jobs, const char *why);

/* ---- job_recover.c ---- */

int entries_load(struct fy_jobs *jobs, struct fy_error *err);
void entries_free(struct fy_jobs *jobs);
/* The journal's entry of this job, NULL when there is none. */
struct fy_journal_entry *entries_find(const struct fy_jobs *jobs, const char *id);
/* Settles a job that the last ferryd left unfinished and of which the journal has nothing to be done: the record after
 * it, or NULL with `err`. */
struct fy_record *recover_record(const struct fy_record *record, const struct fy_journal_entry *entry,
                                 const char *run_dir, struct fy_error *err);
/* A migration out of the journal. */
void take_up(struct fy_job *job);

/* ---- job_task.c ---- */

/* The turn of a job with a task has come. */
int task_start(struct fy_job *job, const struct fy_migration_options *options, struct fy_error *err);
int task_cancel(struct fy_job *job, const char *why, struct fy_error *err);
/* The job has ended; it may have no task. */
void task_free(struct fy_job *job);
/* What a restart says of a job of another kind than migration. */
struct fy_record *task_interrupted(const struct fy_record *record, const char *run_dir, struct fy_error *err);

/* ---- jobs.c ---- */

/* FY_E_BUSY: stopping, or somebody has the workload; FY_E_LIMIT: too many wait. */
int check_workload(const struct fy_jobs *jobs, const char *workload, struct fy_error *err);
int check_room(const struct fy_jobs *jobs, size_t more, struct fy_error *err);
/* Puts an accepted job on the disk; it starts when it is there. */
void record_first(struct fy_job *job);

/* Tells who waits for the stop, once nothing is active. */
void check_idle(struct fy_jobs *jobs);

#endif
