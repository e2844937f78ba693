/* Is this image set whole?
 *
 * Reads every file of a set once and follows the references that CRIU itself does not check before it relies on them:
 * what is missing, cut short, contradictory or left over is found here, and not by a restore that hangs, crashes, or
 * quietly runs with wrong memory or without its open files. The content of pages is not read; CRIU has no checksum of
 * it.
 *
 * Everything that is wrong is reported as a finding. findings.inc lists all that can be found, with what CRIU would do
 * about it (measured with CRIU 4.1.1 and 4.2.1, or read from its source) and what an operator does.
 *
 * It reads files and takes its time, some milliseconds a task: a program with an event loop calls it in a worker. There
 * is no shared state, so any number of sets may be verified at once. Memory is proportional to what the images say, and
 * does not depend on how many pages there are. */
#ifndef FERRY_IMGCORE_VERIFY_H
#define FERRY_IMGCORE_VERIFY_H

#include <ferry/base/error.h>
#include <ferry/imgcore/inventory.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fy_severity {
    FY_SEVERITY_NOTE,    /* worth knowing; nothing is wrong */
    FY_SEVERITY_WARNING, /* the restore may work; somebody should look */
    FY_SEVERITY_ERROR,   /* the set is not whole */
};

/* What becomes of a restore with such a finding. */
enum fy_effect {
    FY_EFFECT_NONE,
    FY_EFFECT_UNNOTICED,   /* CRIU ignores it */
    FY_EFFECT_UNSUPPORTED, /* cannot be judged here */
    FY_EFFECT_FAILS_EARLY, /* before any process has been made */
    FY_EFFECT_FAILS_LATE,  /* after processes have been forked */
    FY_EFFECT_HANGS,
    FY_EFFECT_CRASHES,
    FY_EFFECT_WRONG_MEMORY, /* reports success; memory has other content */
    FY_EFFECT_LOSES_FILES,  /* reports success; descriptors are missing */
    FY_EFFECT_WRONG_STATE,  /* reports success; something else is not what it was */
};

/* One thing that can be found: FINDING(id, code, severity, effect, advice) in findings.inc. */
enum fy_finding_id {
#define FINDING(id, code, severity, effect, advice) FY_FINDING_##id,
#include <ferry/imgcore/findings.inc>
#undef FINDING
    FY_FINDING_COUNT
};

struct fy_finding_kind {
    const char *code; /* "pages-short": stable, for programs */
    enum fy_severity severity;
    enum fy_effect effect;
    const char *next; /* what to do, one sentence or two */
};

/* The row of `id`, which is below FY_FINDING_COUNT. */
const struct fy_finding_kind *fy_finding_kind(enum fy_finding_id id);
/* "error", "warning", "note". */
const char *fy_severity_name(enum fy_severity severity);
/* What CRIU does, as a sentence without a full stop: "CRIU hangs: it reads for ever". */
const char *fy_effect_text(enum fy_effect effect);

/* All strings are valid until the callback returns. Names of files come from the directory: print them with care. */
struct fy_finding {
    enum fy_finding_id id;
    const char *code;
    enum fy_severity severity;
    const char *file; /* in the directory, or below `parent`; it may be what is missing */
    bool has_entry;
    uint64_t entry;     /* counted from 0, as crit does */
    const char *what;   /* what is wrong there */
    const char *effect; /* as of fy_effect_text */
    const char *next;
};

typedef void fy_finding_fn(const struct fy_finding *finding, void *data);

struct fy_imageset_options {
    /* Do not refuse a set whose pages are partly still on the source and to be fetched while it runs. */
    bool accept_lazy;
};

struct fy_imageset_summary {
    /* How many there were; of one kind in one file only the first FY_FINDINGS_SHOWN_MAX are reported one by one. */
    size_t error_count, warning_count, note_count;
    bool is_pre_dump; /* memory only, the level before another one: it cannot be restored by itself */
    struct fy_inventory inventory;
    uint32_t root_pid;   /* 0 in a pre-dump */
    size_t task_count;   /* zombies included */
    size_t zombie_count; /* have exited, and wait for their parent to notice */
    size_t thread_count; /* of live tasks, leaders included */
    size_t file_count;   /* regular files in the directory */
    uint64_t total_bytes;
    uint64_t pages_bytes;     /* of total_bytes, memory */
    uint64_t parent_pages;    /* pages that are in the parent set */
    uint64_t lazy_pages;      /* pages that are still on the source */
    bool has_tcp_established; /* the restore needs the option for that */
    int namespaces;           /* CLONE_NEW… bits of those that are part of the set */
    char **unknown_names;     /* files that are not CRIU's, sorted; for showing them: they do no harm */
    size_t unknown_count;
};

#define FY_FINDINGS_SHOWN_MAX 10

/* Verifies the directory `dir_fd` and reports every finding to `report` (NULL: only counts them) as it is made.
 * `options` may be NULL. The set is whole when error_count is 0 afterwards. A pre-dump is judged as the level that it
 * is; see is_pre_dump.
 * The summary is filled on success, also when the set is not whole, then with what could be read; give it to
 * fy_imageset_summary_done.
 * Errors: FY_E_LIMIT for too many files; FY_E_NOMEM; FY_E_IO, FY_E_DENIED and so on when reading itself fails. */
int fy_imageset_verify(int dir_fd, const struct fy_imageset_options *options, fy_finding_fn *report, void *data,
                       struct fy_imageset_summary *summary, struct fy_error *err);

/* The same for callers that want a set they can restore, or one reason why not.
 * Errors as above, and FY_E_VERIFY when the set is not whole or is a pre-dump, with the first error found, its file and
 * what to do; FY_E_UNSUPPORTED for forms of images that this version cannot judge. The summary is filled only on
 * success. */
int fy_imageset_check(int dir_fd, const struct fy_imageset_options *options, struct fy_imageset_summary *summary,
                      struct fy_error *err);
/* Frees what the summary points to. A summary of zeros and NULL are legal. */
void fy_imageset_summary_done(struct fy_imageset_summary *summary);

#endif
