/* A damaged table can break the same rule a million times: what is handed on is bounded, what is counted is not. */
#include "report.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Kinds in files that are counted apart: a hostile set could have findings in a million files. */
#define COUNTS_MAX 512

void fy_report_init(struct fy_report *report, fy_finding_fn *callback, void *data)
{
    *report = (struct fy_report){.callback = callback, .data = data};
}

void fy_report_done(struct fy_report *report)
{
    for (size_t i = 0; i < report->counts.count; i++)
        free(report->counts.items[i].file);
    free(report->counts.items);
}

static void hand_on(struct fy_report *report, const struct fy_finding *finding)
{
    const struct fy_finding_kind *kind = fy_finding_kind(finding->id);
    struct fy_finding whole = *finding;

    whole.code = kind->code;
    whole.severity = kind->severity;
    whole.effect = fy_effect_text(kind->effect);
    whole.next = kind->next;
    if (report->callback)
        report->callback(&whole, report->data);
}

static struct report_count *add_count(struct fy_report *report, const struct fy_finding *finding)
{
    struct report_count made = {.id = finding->id, .file = strdup(finding->file)};

    if (!made.file || vector_push(&report->counts, NULL, made) < 0) {
        free(made.file);
        report->out_of_memory = true;
        return NULL;
    }
    report->latest[finding->id] = report->counts.count;
    return &report->counts.items[report->counts.count - 1];
}

/* Findings of a kind mostly come file by file, so the latest is nearly always the right one. */
static struct report_count *count_of(struct fy_report *report, const struct fy_finding *finding)
{
    size_t latest = report->latest[finding->id];

    if (latest > 0 && strcmp(report->counts.items[latest - 1].file, finding->file) == 0)
        return &report->counts.items[latest - 1];
    for (size_t i = 0; i < report->counts.count; i++)
        if (report->counts.items[i].id == finding->id && strcmp(report->counts.items[i].file, finding->file) == 0) {
            report->latest[finding->id] = i + 1;
            return &report->counts.items[i];
        }
    return report->counts.count < COUNTS_MAX ? add_count(report, finding) : NULL;
}

void fy_report_add(struct fy_report *report, const struct fy_finding *finding)
{
    struct report_count *count = count_of(report, finding);

    report->by_severity[fy_finding_kind(finding->id)->severity]++;
    if (!count)
        report->uncounted++;
    else if (count->count++ < FY_FINDINGS_SHOWN_MAX)
        hand_on(report, finding);
}

static void add_more(struct fy_report *report, const char *file, uint64_t count, const char *code)
{
    char text[128];

    (void)snprintf(text, sizeof(text), "%" PRIu64 " more findings of %s%s are not listed", count,
                   code ? "the kind " : "various kinds", code ? code : "");
    report->by_severity[FY_SEVERITY_NOTE]++;
    hand_on(report, &(struct fy_finding){.id = FY_FINDING_MORE, .file = file, .what = text});
}

int fy_report_finish(struct fy_report *report, struct fy_error *err)
{
    if (report->out_of_memory)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the findings of an image set");
    for (size_t i = 0; i < report->counts.count; i++) {
        const struct report_count *made = &report->counts.items[i];
        if (made->count > FY_FINDINGS_SHOWN_MAX)
            add_more(report, made->file, made->count - FY_FINDINGS_SHOWN_MAX, fy_finding_kind(made->id)->code);
    }
    if (report->uncounted > 0)
        add_more(report, ".", report->uncounted, NULL);
    return 0;
}
