/* A played agent: takes the job table's calls and moves nothing. The test says what the migrations report and when
 * they end. */
#ifndef TESTS_DAEMON_PLAYED_AGENT_H
#define TESTS_DAEMON_PLAYED_AGENT_H

#include <ferry/daemon/ops.h>

#define PLAYED_MAX 64

struct played_migration {
    struct fy_migration_report report;
    const struct fy_migration_events *events;
    void *data;
    char job_id[FY_JOB_ID_SIZE];
    bool dry_run;
    bool running;
    enum fy_stage taken_up; /* NONE: started here */
    int resolved;           /* 0: not; 1: commit; 2: abort */
    bool decided;           /* a cancel comes too late */
    char group[FY_JOB_ID_SIZE];
    int concluded; /* 0: not; 1: goes on; 2: is taken back */
    bool goes_on;  /* taken up with this word about its group */
    uint64_t bandwidth;
    uv_loop_t *loop;
    uv_timer_t end_soon; /* after a cancel */
};

struct played_agent {
    struct played_migration migrations[PLAYED_MAX];
    size_t count;
    struct fy_error fail_start; /* set: the next starts fail so */
    const char *group;          /* of every migration in the journal; NULL: none */
    const char *unpinned;       /* the job of which a restart finds that it does not stand still */
};

extern struct played_agent played;
extern const struct fy_migration_ops played_ops;

/* The running migration of that workload, e.g. "runc/web". */
struct played_migration *played_find(const char *workload);
void played_progress(struct played_migration *migration, uint64_t bytes_sent);
void played_phase(struct played_migration *migration, enum fy_migration_state state, const char *phase);
/* All is prepared; `decided` says whether it was told to go. */
void played_ready(struct played_migration *migration);
/* It stands still, or `code` is why not. */
void played_pinned(struct played_migration *migration, enum fy_code code);
/* It is being given up, and goes on running. */
void played_given_up(struct played_migration *migration, enum fy_code code);
/* `code` FY_OK for completed. */
void played_end(struct played_migration *migration, enum fy_migration_state state, enum fy_code code);

/* ---- the receiving side: a link that "arrived" ---- */

struct fy_receiver {
    const struct fy_receiver_events *events;
    void *data;
    struct fy_migration_report report;
    struct fy_link *link;
    uv_timer_t end_soon;
    bool cancelled;
    bool accepted;
    bool over;
};
/* The receiver that the last fy_jobs_receive() started. */
extern struct fy_receiver *played_receiver;
int played_offer(struct fy_receiver *receiver, const char *job_id, const char *workload, struct fy_error *err);
void played_receiver_end(struct fy_receiver *receiver, enum fy_migration_state state);
/* It vanishes without a word. */
void played_receiver_crash(struct fy_receiver *receiver);

#endif
