/* A schedule of checkpoints: when, of what, how many are kept, and how often they are proven. */
#ifndef FERRY_CONFIG_SCHEDULE_H
#define FERRY_CONFIG_SCHEDULE_H

#include <ferry/base/error.h>
#include <ferry/config/cron.h>
#include <ferry/config/plan.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_SCHEDULE_NAME_SIZE 64
#define FY_MAX_WINDOWS 8

/* What becomes of runs whose time passed while ferryd was down, the clock jumped or an earlier run still went on. */
enum fy_missed_rule {
    FY_MISSED_RUN_ONCE, /* one run for all of them */
    FY_MISSED_SKIP,     /* none */
    FY_MISSED_RUN_ALL,  /* one after the other */
};

/* From `from` up to, not with, `to`, in minutes of the local day; over midnight when `to` is not later. */
struct fy_window {
    uint16_t from, to;
};

/* Zero: that rule is not given. A checkpoint stays if one of the counting rules keeps it, or none of them is given;
 * the limits then take away the oldest. */
struct fy_keep {
    uint32_t last, hourly, daily, weekly, monthly;
    uint64_t max_age_ms;
    uint64_t max_size_bytes;
    uint32_t min_free_percent;
};

/* A peer's name, and where the plan says it. */
struct fy_schedule_peer {
    char *name; /* NULL: none */
    unsigned line, column;
};

struct fy_schedule_spec {
    char *name;
    char **workloads;  /* "runc/web", "runc/db-*"; NULL-terminated */
    char **labels;     /* "app=web"; NULL-terminated */
    uint64_t every_ms; /* 0: by `cron` */
    char *cron_text;   /* NULL: by `every_ms` */
    struct fy_cron cron;
    char *timezone;
    struct fy_zone *zone;
    uint64_t jitter_ms;
    enum fy_missed_rule missed;
    uint32_t max_parallel;        /* workloads at once */
    struct fy_migration_spec how; /* how each is dumped: tcp, CRIU's options, hooks; max_freeze_ms is freeze_budget */
    struct fy_window windows[FY_MAX_WINDOWS];
    size_t window_count; /* 0: at all hours */
    struct fy_keep keep;
    uint64_t verify_ms;                    /* how old a verification may get; 0: none on a rhythm */
    uint64_t rehearse_ms;                  /* the same for rehearsals */
    char *probe;                           /* file in hooks_dir that looks at a rehearsed checkpoint; NULL: none */
    struct fy_schedule_peer replicate_to;  /* has a copy of each checkpoint */
    struct fy_schedule_peer received_from; /* it takes none: it looks after the copies that came from there */
};

void fy_schedule_spec_done(struct fy_schedule_spec *spec);
const char *fy_missed_rule_name(enum fy_missed_rule rule);
/* Whether `workload` ("runc/db-1") is named by one of the schedule's workloads or patterns. */
bool fy_schedule_names(const struct fy_schedule_spec *spec, const char *workload);
/* Whether a workload with this label ("app=web") is wanted for it. */
bool fy_schedule_wants_label(const struct fy_schedule_spec *spec, const char *label);
/* Whether the schedule may start anything at this moment. */
bool fy_schedule_is_open(const struct fy_schedule_spec *spec, int64_t at_s);

#endif
