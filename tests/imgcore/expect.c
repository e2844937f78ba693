/* The verifier's answers, compared as they come. */
#include "expect.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct expectation {
    enum fy_finding_id id;
    const char *file, *text;
    bool was_made;
    size_t others; /* errors of other kinds */
    char seen[4096];
};

static void compare(const struct fy_finding *finding, void *data)
{
    struct expectation *wanted = data;
    size_t used = strlen(wanted->seen);

    cr_expect(finding->what[0] && finding->next[0] && finding->effect[0]);
    cr_expect_str_eq(finding->code, fy_finding_kind(finding->id)->code);
    (void)snprintf(wanted->seen + used, sizeof(wanted->seen) - used, "\n  %s: %s: %s", finding->code, finding->file,
                   finding->what);
    if (finding->id != wanted->id)
        wanted->others += finding->severity == FY_SEVERITY_ERROR;
    else if (strncmp(finding->file, wanted->file, strlen(wanted->file)) == 0 && strstr(finding->what, wanted->text))
        wanted->was_made = true;
}

static void verify(const struct scratch *set, struct expectation *wanted)
{
    struct fy_imageset_summary summary;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_imageset_verify(set->fd, NULL, compare, wanted, &summary, &err), 0, "%s", err.message);
    cr_expect(wanted->was_made, "not found: %s: %s: %s; but:%s", fy_finding_kind(wanted->id)->code, wanted->file,
              wanted->text, wanted->seen);
    if (fy_finding_kind(wanted->id)->severity == FY_SEVERITY_ERROR)
        cr_expect_gt(summary.error_count, 0);
    else if (fy_finding_kind(wanted->id)->severity == FY_SEVERITY_WARNING)
        cr_expect_gt(summary.warning_count, 0);
    fy_imageset_summary_done(&summary);
}

void expect_finding(enum fy_finding_id id, const struct scratch *set, const char *file, const char *text)
{
    struct expectation wanted = {.id = id, .file = file, .text = text};

    verify(set, &wanted);
}

void expect_only(enum fy_finding_id id, const struct scratch *set, const char *file, const char *text)
{
    struct expectation wanted = {.id = id, .file = file, .text = text};

    verify(set, &wanted);
    cr_expect_eq(wanted.others, 0, "beside %s there is:%s", fy_finding_kind(id)->code, wanted.seen);
}

void expect_whole(const struct scratch *set, size_t warnings)
{
    struct expectation unwanted = {.id = FY_FINDING_COUNT};
    struct fy_imageset_summary summary;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_imageset_verify(set->fd, NULL, compare, &unwanted, &summary, &err), 0, "%s", err.message);
    cr_expect_eq(summary.error_count, 0, "%s", unwanted.seen);
    cr_expect_eq(summary.warning_count, warnings, "%s", unwanted.seen);
    fy_imageset_summary_done(&summary);
}
