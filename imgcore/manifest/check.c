/* Differences and signatures as findings. */
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/manifest_check.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define WHAT_SIZE 1200
#define LEVELS_MAX 128
#define PARENT "parent"

struct reporter {
    fy_finding_fn *report;
    void *data;
    const struct fy_manifest_check *check;
    unsigned level;            /* how many times the link `parent` was followed */
    const char *manifest_name; /* at this level */
};

/* A directory, whatever way it was reached. */
struct place {
    dev_t device;
    ino_t inode;
};

static void report(const struct reporter *reporter, enum fy_finding_id id, const char *file, const char *what)
{
    const struct fy_finding_kind *kind = fy_finding_kind(id);
    char path[LEVELS_MAX * sizeof(PARENT) + 256] = "";
    char *end = path;

    for (unsigned i = 0; i < reporter->level; i++)
        end = stpcpy(end, PARENT "/");
    if (reporter->level > 0 && strlen(file) < 256)
        file = (stpcpy(end, file), path);
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

static void check_signature(const struct fy_manifest *manifest, const struct reporter *reporter,
                            char signed_by[FY_FINGERPRINT_SIZE])
{
    struct fy_signature_verdict verdict;
    struct fy_error error = FY_ERROR_INIT;

    if (!reporter->check->signers)
        return;
    if (fy_manifest_verify_signature(manifest, reporter->check->signers, reporter->check->now_s, &verdict, &error) == 0)
        memcpy(signed_by, verdict.fingerprint, FY_FINGERPRINT_SIZE);
    else
        report(reporter, FY_FINDING_MANIFEST_SIGNATURE, reporter->manifest_name, error.message);
}

/* Reads the manifest of a level: 1; 0 if there is none that can be used, which has been reported. */
static int read_level(const struct reporter *reporter, int manifest_dir_fd, struct fy_manifest **manifest,
                      struct fy_error *err)
{
    struct fy_error error = FY_ERROR_INIT;

    if (fy_manifest_read(manifest_dir_fd, reporter->manifest_name, manifest, &error) == 0)
        return 1;
    if (!is_finding(error.code)) {
        fy_error_propagate(err, &error);
        return -1;
    }
    report_unreadable(reporter, &error);
    return 0;
}

/* ---- the levels before ---- */

/* Whether a level is bound to the manifest of the one after it, which says so since that was made. */
static void check_binding(const Ferry__Manifest__Facts *after, const struct fy_manifest *manifest,
                          const struct reporter *reporter)
{
    char signed_by[FY_FINGERPRINT_SIZE];

    if (!after->has_parent_root)
        check_signature(manifest, reporter, signed_by);
    else if (after->parent_root.len != FY_MANIFEST_HASH_BYTES ||
             memcmp(after->parent_root.data, fy_manifest_root(manifest), FY_MANIFEST_HASH_BYTES) != 0)
        report(reporter, FY_FINDING_MANIFEST_PARENT, reporter->manifest_name,
               "is not the manifest that this level had when that of the level after it was made");
}

static bool has_manifest(int dir_fd)
{
    struct stat status;

    return fstatat(dir_fd, FY_MANIFEST_NAME, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* One level further: 1 and its manifest; 0 if there is none. A level that is not there at all is for the verifier. */
static int check_parent(const struct fy_manifest *after, int dir_fd, struct reporter *reporter,
                        struct fy_manifest **manifest, struct fy_error *err)
{
    const Ferry__Manifest__Facts *facts = fy_manifest_facts(after);
    size_t count;
    int result;

    if (!facts->has_parent_root && !reporter->check->signers && !has_manifest(dir_fd)) {
        report(reporter, FY_FINDING_MANIFEST_PARENT_NONE, FY_MANIFEST_NAME,
               "is missing: the pages of this level are not compared with anything");
        return 0;
    }
    result = read_level(reporter, dir_fd, manifest, err);
    if (result <= 0)
        return result;
    check_binding(facts, *manifest, reporter);
    return fy_manifest_compare(*manifest, dir_fd, reporter->check->threads, report_difference, reporter, &count, err) <
                   0
               ? -1
               : 1;
}

/* Whether this directory was on the way already; it is taken down. */
static bool is_seen(struct place seen[LEVELS_MAX + 1], unsigned level, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return true;
    seen[level] = (struct place){status.st_dev, status.st_ino};
    for (unsigned i = 0; i < level; i++)
        if (seen[i].device == status.st_dev && seen[i].inode == status.st_ino)
            return true;
    return false;
}

/* The directory of the next level, in place of `fd`: false at the end. A chain that has no end, in a circle or by its
 * length, is what the verifier reports. */
static bool go_on(int *fd, struct place seen[LEVELS_MAX + 1], unsigned level)
{
    int next = openat(*fd, PARENT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (next < 0)
        return false;
    (void)close(*fd);
    *fd = next;
    return !is_seen(seen, level, next);
}

static int check_parents(const struct fy_manifest *manifest, int dir_fd, struct reporter reporter, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct place seen[LEVELS_MAX + 1];
    struct fy_manifest *held = NULL; /* of the level that was reached */
    int result = is_seen(seen, 0, fd) ? 0 : 1;

    reporter.manifest_name = FY_MANIFEST_NAME;
    while (result > 0 && fy_manifest_find(held ? held : manifest, PARENT) >= 0 && reporter.level < LEVELS_MAX) {
        struct fy_manifest *next = NULL;
        reporter.level++;
        if (!go_on(&fd, seen, reporter.level))
            break;
        result = check_parent(held ? held : manifest, fd, &reporter, &next, err);
        fy_manifest_free(held);
        held = next;
    }
    fy_manifest_free(held);
    return result < 0 ? -1 : 0;
}

/* ---- all ---- */

static int check_all(const struct fy_manifest *manifest, int dir_fd, struct reporter *reporter,
                     struct fy_manifest_check_result *result, struct fy_error *err)
{
    size_t count;

    result->is_readable = true;
    memcpy(result->root, fy_manifest_root(manifest), sizeof(result->root));
    result->file_count = fy_manifest_count(manifest);
    result->total_bytes = fy_manifest_total_bytes(manifest);
    result->signature_count = fy_manifest_signature_count(manifest);
    check_signature(manifest, reporter, result->signed_by);
    if (fy_manifest_compare(manifest, dir_fd, reporter->check->threads, report_difference, reporter, &count, err) < 0)
        return -1;
    return check_parents(manifest, dir_fd, *reporter, err);
}

int fy_manifest_check(int manifest_dir_fd, const char *name, int dir_fd, const struct fy_manifest_check *check,
                      fy_finding_fn *report_fn, void *data, struct fy_manifest_check_result *result,
                      struct fy_error *err)
{
    struct reporter reporter = {.report = report_fn, .data = data, .check = check, .manifest_name = name};
    struct fy_manifest_check_result made = {0};
    struct fy_manifest *manifest = NULL;
    int done = read_level(&reporter, manifest_dir_fd, &manifest, err);

    if (done > 0)
        done = check_all(manifest, dir_fd, &reporter, &made, err);
    fy_manifest_free(manifest);
    if (done >= 0)
        *result = made;
    return done < 0 ? -1 : 0;
}
