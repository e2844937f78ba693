/* Is this image set complete?
 *
 * Reads every file of a set once and follows the references that CRIU itself does not check before it relies on them:
 * what is missing, cut short or left over is found here, and not by a restore that hangs, crashes, or quietly runs with
 * wrong memory or without its open files. Page content is not read; it has no checksum.
 *
 * It reads files and takes its time, some milliseconds a task: a program with an event loop calls it in a worker. There
 * is no shared state, so any number of checks may run at once. */
#ifndef FERRY_IMGCORE_SET_CHECK_H
#define FERRY_IMGCORE_SET_CHECK_H

#include <ferry/base/error.h>
#include <ferry/imgcore/inventory.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fy_imageset_options {
    /* Do not refuse a set whose pages are partly still on the source and to be fetched while it runs. */
    bool accept_lazy;
};

struct fy_imageset_summary {
    struct fy_inventory inventory;
    uint32_t root_pid;
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

/* Checks the directory `dir_fd`. `options` may be NULL.
 * Errors: FY_E_VERIFY when the set is not whole, with the file, what is wrong and what to do; FY_E_UNSUPPORTED for
 * forms of images that this version cannot judge; FY_E_LIMIT; FY_E_NOMEM; FY_E_IO when reading itself fails. The
 * summary is filled only on success; give it to fy_imageset_summary_done. */
int fy_imageset_check(int dir_fd, const struct fy_imageset_options *options, struct fy_imageset_summary *summary,
                      struct fy_error *err);
/* Frees what the summary points to. A summary of zeros and NULL are legal. */
void fy_imageset_summary_done(struct fy_imageset_summary *summary);

#endif
