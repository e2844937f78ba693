/* libFuzzer target: the verifier of whole sets, over sets from bytes. Aborts when a promise of verify.h is broken. */
#include "archive.h"
#include "require.h"
#include <ferry/imgcore/verify.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t errors, warnings, notes;
};

static void see(const struct fy_finding *finding, void *data)
{
    const struct fy_finding_kind *kind = fy_finding_kind(finding->id);
    struct seen *seen = data;

    require(finding->file && finding->what && finding->effect && finding->next);
    require(strcmp(finding->code, kind->code) == 0);
    seen->errors += finding->severity == FY_SEVERITY_ERROR;
    seen->warnings += finding->severity == FY_SEVERITY_WARNING;
    seen->notes += finding->severity == FY_SEVERITY_NOTE;
}

/* What both ways to ask say must agree. */
static void check(int dir_fd, const struct fy_imageset_options *options, const struct fy_imageset_summary *verified)
{
    struct fy_imageset_summary summary = {0};
    struct fy_error err = FY_ERROR_INIT;
    int status = fy_imageset_check(dir_fd, options, &summary, &err);

    require((status < 0) == fy_error_is_set(&err));
    require((status == 0) == (verified->error_count == 0 && !verified->is_pre_dump));
    fy_imageset_summary_done(&summary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    struct fy_imageset_options options = {.accept_lazy = size % 2};
    struct fy_imageset_summary summary = {0};
    struct fy_error err = FY_ERROR_INIT;
    struct seen seen = {0};
    int dir_fd, status;

    archive_parse(&archive, data, size);
    dir_fd = archive_unpack(&archive);
    status = fy_imageset_verify(dir_fd, &options, see, &seen, &summary, &err);
    require((status < 0) == fy_error_is_set(&err));
    if (status < 0)
        return 0;
    require((seen.errors == 0) == (summary.error_count == 0) && seen.errors <= summary.error_count);
    require((seen.warnings == 0) == (summary.warning_count == 0) && seen.warnings <= summary.warning_count);
    check(dir_fd, &options, &summary);
    fy_imageset_summary_done(&summary);
    return 0;
}
