/* From what a migration reports to what clients are told. The message is put together on the stack, pointing into the
 * report, and then copied once. */
#include <ferry/base/clock.h>
#include <ferry/daemon/record.h>

/* The parts of a message that need memory of their own while it is put together. */
struct assembly {
    Ferry__Control__Job job;
    Ferry__Control__Failure failure;
    Ferry__Control__Switchover switchover;
    Ferry__Control__PageCounts pages;
    Ferry__Control__Phase phases[FY_MAX_PHASES];
    Ferry__Control__Phase *phase_list[FY_MAX_PHASES];
    Ferry__Control__PreflightItem items[FY_MAX_PREFLIGHT];
    Ferry__Control__PreflightItem *item_list[FY_MAX_PREFLIGHT];
};

static Ferry__Control__JobState state_from_migration(enum fy_migration_state state)
{
    switch (state) {
    case FY_MIGRATION_SETUP:
        return FERRY__CONTROL__JOB_STATE__SETUP;
    case FY_MIGRATION_ACTIVE:
        return FERRY__CONTROL__JOB_STATE__ACTIVE;
    case FY_MIGRATION_PRE_SWITCHOVER:
        return FERRY__CONTROL__JOB_STATE__PRE_SWITCHOVER;
    case FY_MIGRATION_DEVICE:
        return FERRY__CONTROL__JOB_STATE__DEVICE;
    case FY_MIGRATION_COMPLETED:
        return FERRY__CONTROL__JOB_STATE__COMPLETED;
    case FY_MIGRATION_CANCELLED:
        return FERRY__CONTROL__JOB_STATE__CANCELLED;
    case FY_MIGRATION_FAILED:
        break;
    }
    return FERRY__CONTROL__JOB_STATE__FAILED;
}

static void set_failure(struct assembly *a, const struct fy_error *cause)
{
    ferry__control__failure__init(&a->failure);
    a->failure.code = (char *)fy_code_name(cause->code);
    a->failure.message = (char *)cause->message;
    a->failure.next = cause->next[0] ? (char *)cause->next : NULL;
    a->job.failure = &a->failure;
}

static void set_switchover(struct assembly *a, const struct fy_switch_phase *row)
{
    ferry__control__switchover__init(&a->switchover);
    a->switchover.phase = (char *)row->name;
    a->switchover.durable = (char *)row->durable;
    a->switchover.here = (char *)row->here;
    a->switchover.there = (char *)row->there;
    a->switchover.next = (char *)row->next;
    a->switchover.crash = (char *)row->crash;
    a->job.switchover = &a->switchover;
}

static void set_phases(struct assembly *a, const struct fy_migration_report *report)
{
    size_t count = report->phase_count < FY_MAX_PHASES ? report->phase_count : FY_MAX_PHASES;
    for (size_t i = 0; i < count; i++) {
        const struct fy_phase *from = &report->phases[i];
        ferry__control__phase__init(&a->phases[i]);
        a->phases[i].name = (char *)from->name;
        a->phases[i].start_us = from->start_us;
        a->phases[i].has_duration_us = from->ended;
        a->phases[i].duration_us = from->ended ? from->duration_us : 0;
        a->phase_list[i] = &a->phases[i];
    }
    a->job.n_phases = count;
    a->job.phases = a->phase_list;
}

static void set_preflight(struct assembly *a, const struct fy_migration_report *report)
{
    size_t count = report->preflight_count < FY_MAX_PREFLIGHT ? report->preflight_count : FY_MAX_PREFLIGHT;
    for (size_t i = 0; i < count; i++) {
        const struct fy_preflight_item *from = &report->preflight[i];
        ferry__control__preflight_item__init(&a->items[i]);
        a->items[i].name = (char *)from->name;
        a->items[i].ok = from->ok;
        a->items[i].detail = from->detail[0] ? (char *)from->detail : NULL;
        a->items[i].next = from->next[0] ? (char *)from->next : NULL;
        a->item_list[i] = &a->items[i];
    }
    a->job.n_preflight = count;
    a->job.preflight = a->item_list;
}

static void set_pages(struct assembly *a, const struct fy_page_counts *counts)
{
    ferry__control__page_counts__init(&a->pages);
    a->pages.zero_bytes = counts->zero_bytes;
    a->pages.duplicate_bytes = counts->duplicate_bytes;
    a->pages.compressed_bytes = counts->compressed_bytes;
    a->pages.plain_bytes = counts->plain_bytes;
    if (counts->zero_bytes + counts->duplicate_bytes + counts->compressed_bytes + counts->plain_bytes > 0)
        a->job.pages = &a->pages;
}

static void set_numbers(Ferry__Control__Job *job, const struct fy_migration_report *report)
{
    job->elapsed_us = report->elapsed_us;
    job->has_bytes_total = report->bytes_total > 0;
    job->bytes_total = report->bytes_total;
    job->has_bytes_sent = 1;
    job->bytes_sent = report->bytes_sent;
    job->has_wire_bytes = 1;
    job->wire_bytes = report->wire_bytes;
    job->has_wire_again_bytes = 1;
    job->wire_again_bytes = report->wire_again_bytes;
    job->has_rate_bytes = 1;
    job->rate_bytes = report->rate_bytes;
    job->has_downtime_us = report->downtime_us > 0;
    job->downtime_us = report->downtime_us;
    job->has_root_pid = report->root_pid > 0;
    job->root_pid = report->root_pid > 0 ? (uint32_t)report->root_pid : 0;
}

struct fy_record *fy_record_after_report(const struct fy_record *before, const struct fy_migration_report *report,
                                         struct fy_error *err)
{
    struct assembly a = {.job = *before->job};
    a.job.state = state_from_migration(report->state);
    set_numbers(&a.job, report);
    set_pages(&a, &report->pages);
    set_phases(&a, report);
    set_preflight(&a, report);
    a.job.workload_state = (char *)report->workload_state;
    a.job.has_dry_run = 1;
    a.job.dry_run = report->dry_run;
    if (fy_error_is_set(&report->error))
        set_failure(&a, &report->error);
    bool ended = report->state == FY_MIGRATION_COMPLETED || report->state == FY_MIGRATION_FAILED ||
                 report->state == FY_MIGRATION_CANCELLED;
    a.job.has_ended_us = ended;
    a.job.ended_us = ended ? fy_clock_wall_us() : 0;
    a.job.switchover = NULL;
    if (!ended && report->switchover)
        set_switchover(&a, report->switchover);
    return fy_record_new(&a.job, err);
}

struct fy_record *fy_record_after_end(const struct fy_record *before, Ferry__Control__JobState state,
                                      const char *workload_state, const struct fy_error *cause, struct fy_error *err)
{
    struct assembly a = {.job = *before->job};
    a.job.state = state;
    a.job.workload_state = (char *)workload_state;
    a.job.has_ended_us = 1;
    a.job.ended_us = fy_clock_wall_us();
    a.job.switchover = NULL;
    if (cause)
        set_failure(&a, cause);
    return fy_record_new(&a.job, err);
}
