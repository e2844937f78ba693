/* Which checkpoints of a schedule go, and why: a pure function of the rules, what there is, and the time.
 *
 * For each workload, from the newest back: the counting rules keep the last N, and the newest of each of the last N
 * hours, days, weeks and months in which there is one (in the schedule's zone; weeks begin on Monday). Without any
 * counting rule all stay. Then the limits: what is older than max_age goes, and the oldest of all workloads go until
 * max_size and min_free hold. Never goes what is pinned, in use, the last verified one of its workload, or the last
 * one that a rehearsal has proven. */
#ifndef FERRY_SCHEDULE_RETENTION_H
#define FERRY_SCHEDULE_RETENTION_H

#include <ferry/config/schedule.h>

/* Text is borrowed. */
struct fy_kept {
    const char *id;
    const char *workload;
    int64_t taken_us;    /* several may be taken in one second */
    uint64_t real_bytes; /* what it takes on disk beyond what it shares */
    bool verified;       /* the last look found it whole */
    bool proven;         /* the last rehearsal restored it */
    bool pinned;
    bool in_use; /* being restored, sent, verified, rehearsed */
};

/* Of the file system that the store is on. */
struct fy_space {
    uint64_t total_bytes, free_bytes;
};

#define FY_VERDICT_SIZE 128

struct fy_verdict {
    bool remove;
    char why[FY_VERDICT_SIZE]; /* "newest of its day (3 of 7)", "older than 30d" */
};

/* verdicts[i] is about list[i], which may stand in any order. FY_E_NOMEM. */
int fy_retention_decide(const struct fy_keep *keep, const struct fy_zone *zone, const struct fy_kept *list,
                        size_t count, const struct fy_space *space, int64_t now_s, struct fy_verdict *verdicts,
                        struct fy_error *err);

/* ---- proof ---- */

/* What the rhythm of verifications or rehearsals needs to know of a checkpoint. */
struct fy_proof {
    const char *workload;
    int64_t taken_s;
    int64_t last_s; /* of the last verification (or rehearsal), good or bad; 0: never */
    bool skip;      /* found bad, in use: not to be looked at */
};

/* Verification: which one is due, the longest untouched first; SIZE_MAX: none, and *wake_s is when the next will be
 * (INT64_MAX: never). `every_s` is how old the last one may get. */
size_t fy_proof_verify_next(const struct fy_proof *list, size_t count, int64_t every_s, int64_t now_s, int64_t *wake_s);
/* Rehearsal: the newest of a workload of which none has been rehearsed for so long. */
size_t fy_proof_rehearse_next(const struct fy_proof *list, size_t count, int64_t every_s, int64_t now_s,
                              int64_t *wake_s);

#endif
