/* Bookkeeping of a migration's report. */
#include "migrate_report.h"

#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <string.h>

static uint64_t since_start_us(const struct fy_report_clock *clock)
{
    return (fy_clock_monotonic_ns() - clock->start_ns) / 1000;
}

void fy_report_start(struct fy_migration_report *report, struct fy_report_clock *clock)
{
    *clock = (struct fy_report_clock){.start_ns = fy_clock_monotonic_ns()};
    report->state = FY_MIGRATION_SETUP;
}

void fy_report_touch(struct fy_migration_report *report, const struct fy_report_clock *clock)
{
    report->elapsed_us = since_start_us(clock);
}

void fy_report_phase(struct fy_migration_report *report, const struct fy_report_clock *clock, const char *name)
{
    uint64_t now_us = since_start_us(clock);
    struct fy_phase *last = report->phase_count ? &report->phases[report->phase_count - 1] : NULL;
    if (last && !last->ended) {
        last->duration_us = now_us - last->start_us;
        last->ended = true;
    }
    if (name && report->phase_count < FY_MAX_PHASES)
        report->phases[report->phase_count++] = (struct fy_phase){.name = name, .start_us = now_us};
    report->elapsed_us = now_us;
}

void fy_report_sample(struct fy_migration_report *report, struct fy_report_clock *clock)
{
    if (clock->sample_count == FY_RATE_SAMPLES) {
        memmove(clock->samples, clock->samples + 1, sizeof clock->samples - sizeof clock->samples[0]);
        clock->sample_count--;
    }
    clock->samples[clock->sample_count++] = report->bytes_sent;
    uint64_t ticks = clock->sample_count - 1;
    uint64_t moved = clock->samples[clock->sample_count - 1] - clock->samples[0];
    report->rate_bytes = ticks ? moved * 10 / ticks : 0;
}

void fy_report_preflight(struct fy_migration_report *report, const char *name, bool ok, const char *detail,
                         const char *next)
{
    if (report->preflight_count == FY_MAX_PREFLIGHT)
        return;
    struct fy_preflight_item *item = &report->preflight[report->preflight_count++];
    item->ok = ok;
    fy_text_copy_printable(item->name, sizeof item->name, name);
    fy_text_copy_printable(item->detail, sizeof item->detail, detail);
    fy_text_copy_printable(item->next, sizeof item->next, next);
}
