/* Differences and signatures as findings. */
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/manifest_check.h>
#include <inttypes.h>
#include <string.h>

#define WHAT_SIZE 1200

struct reporter {
    fy_finding_fn *report;
    void *data;
    const char *manifest_name;
};

static void report(const struct reporter *reporter, enum fy_finding_id id, const char *file, const char *what)
{
    const struct fy_finding_kind *kind = fy_finding_kind(id);
    struct fy_finding finding = {.id = id,
                                 .code = kind->code,
                                 .severity = kind->severity,
                                 .file = file,
                                 .what = what,
                                 .effect = fy_effect_text(kind->effect),
                                 .next = kind->next};

    reporter->report(&finding, reporter->data);
}

static void report_changed(const struct reporter *reporter, const struct fy_manifest_difference *difference)
{
    char what[WHAT_SIZE];

    (void)snprintf(what, sizeof(what),
                   "has other content than the manifest says: first in bytes %" PRIu64 " to %" PRIu64 ", in %" PRIu64
                   " chunk%s of 1 MiB",
                   difference->first_byte, difference->first_byte + difference->byte_count - 1,
                   difference->wrong_chunks, difference->wrong_chunks == 1 ? "" : "s");
    report(reporter, FY_FINDING_MANIFEST_CHANGED, difference->name, what);
}

static void report_size(const struct reporter *reporter, const struct fy_manifest_difference *difference)
{
    char what[WHAT_SIZE];

    (void)snprintf(what, sizeof(what), "has %" PRIu64 " bytes, and %" PRIu64 " in the manifest",
                   difference->found_bytes, difference->expected_bytes);
    report(reporter, FY_FINDING_MANIFEST_SIZE, difference->name, what);
}

static void report_link(const struct reporter *reporter, const struct fy_manifest_difference *difference)
{
    char what[WHAT_SIZE];

    (void)snprintf(what, sizeof(what), "leads to %.500s, and to %.500s in the manifest", difference->found_target,
                   difference->expected_target);
    report(reporter, FY_FINDING_MANIFEST_LINK, difference->name, what);
}

/* CRIU opens images by their names, so that one more may change what is restored; logs and notes do no harm. */
static void report_extra(const struct reporter *reporter, const struct fy_manifest_difference *difference)
{
    size_t length = strlen(difference->name);
    bool is_image = length > 4 && strcmp(difference->name + length - 4, ".img") == 0;
    bool is_read = is_image || strcmp(difference->name, "parent") == 0;

    report(reporter, is_read ? FY_FINDING_MANIFEST_EXTRA : FY_FINDING_MANIFEST_STRAY, difference->name,
           "is not in the manifest");
}

static void report_difference(const struct fy_manifest_difference *difference, void *data)
{
    const struct reporter *reporter = data;

    switch (difference->kind) {
    case FY_DIFFERENCE_CHANGED:
        report_changed(reporter, difference);
        break;
    case FY_DIFFERENCE_SIZE:
        report_size(reporter, difference);
        break;
    case FY_DIFFERENCE_MISSING:
        report(reporter, FY_FINDING_MANIFEST_MISSING, difference->name, "is in the manifest, but not in the directory");
        break;
    case FY_DIFFERENCE_EXTRA:
        report_extra(reporter, difference);
        break;
    case FY_DIFFERENCE_KIND:
        report(reporter, FY_FINDING_MANIFEST_KIND, difference->name,
               "is of another kind than in the manifest, which knows regular files and the link `parent`");
        break;
    case FY_DIFFERENCE_LINK:
        report_link(reporter, difference);
        break;
    }
}

/* What the reader dislikes about a manifest is a finding; what the system says stays an error. */
static bool is_finding(enum fy_code code)
{
    return code == FY_E_NOT_FOUND || code == FY_E_FORMAT || code == FY_E_LIMIT || code == FY_E_UNSUPPORTED;
}

static void report_unreadable(const struct reporter *reporter, const struct fy_error *error)
{
    if (error->code == FY_E_NOT_FOUND)
        report(reporter, FY_FINDING_MANIFEST_NONE, reporter->manifest_name, "there is no manifest to compare with");
    else
        report(reporter, FY_FINDING_MANIFEST_DAMAGED, reporter->manifest_name, error->message);
}

static void check_signature(const struct fy_manifest *manifest, const struct fy_manifest_check *check,
                            const struct reporter *reporter, struct fy_manifest_check_result *result)
{
    struct fy_signature_verdict verdict;
    struct fy_error error = FY_ERROR_INIT;

    if (!check->signers)
        return;
    if (fy_manifest_verify_signature(manifest, check->signers, check->now_s, &verdict, &error) == 0)
        memcpy(result->signed_by, verdict.fingerprint, sizeof(result->signed_by));
    else
        report(reporter, FY_FINDING_MANIFEST_SIGNATURE, reporter->manifest_name, error.message);
}

int fy_manifest_check(int manifest_dir_fd, const char *name, int dir_fd, const struct fy_manifest_check *check,
                      fy_finding_fn *report_fn, void *data, struct fy_manifest_check_result *result,
                      struct fy_error *err)
{
    struct reporter reporter = {report_fn, data, name};
    struct fy_manifest_check_result made = {0};
    struct fy_error error = FY_ERROR_INIT;
    struct fy_manifest *manifest = NULL;
    size_t count;
    int compared;

    if (fy_manifest_read(manifest_dir_fd, name, &manifest, &error) < 0) {
        if (!is_finding(error.code)) {
            fy_error_propagate(err, &error);
            return -1;
        }
        report_unreadable(&reporter, &error);
        *result = made;
        return 0;
    }
    made.is_readable = true;
    memcpy(made.root, fy_manifest_root(manifest), sizeof(made.root));
    made.file_count = fy_manifest_count(manifest);
    made.total_bytes = fy_manifest_total_bytes(manifest);
    made.signature_count = fy_manifest_signature_count(manifest);
    check_signature(manifest, check, &reporter, &made);
    compared = fy_manifest_compare(manifest, dir_fd, check->threads, report_difference, &reporter, &count, err);
    fy_manifest_free(manifest);
    if (compared == 0)
        *result = made;
    return compared;
}
