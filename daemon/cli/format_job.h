/* Jobs as text for people. Pure: text comes out, nothing is printed. */
#ifndef FERRY_CLI_FORMAT_JOB_H
#define FERRY_CLI_FORMAT_JOB_H

#include "cli.h"

#include <ferry/base/buf.h>

#define FORMAT_LINE_SIZE 512

/* "active    transfer  412.0 MiB of 1.0 GiB  40 %  812.0 MiB/s  3.2 s" in at most `width` columns: where there is less
 * room, less is told. `elapsed_us` as the client counts it. With `named` the workload stands first. */
void format_progress(const Ferry__Control__Job *job, uint64_t elapsed_us, size_t width, bool named,
                     char line[FORMAT_LINE_SIZE]);
/* How the block of a job is written: `bold` and `plain` switch the terminal's attributes around the state, or are "".
 */
struct format_style {
    const char *bold, *plain;
    bool with_cause; /* the failure too; else it is said elsewhere */
};
/* The block that describes a job: state, where the workload is, times, bytes, phases, what the preflight found. */
int format_job(struct fy_buf *text, const Ferry__Control__Job *job, const struct format_style *style,
               struct fy_error *err);
/* One line of `ferry job list`; NULL for the heading. */
int format_job_row(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err);
/* The exit code that says how an ended job ended. */
enum cli_exit exit_of_job(const Ferry__Control__Job *job);
/* Its failure as an error object. */
void error_of_job(const Ferry__Control__Job *job, struct fy_error *err);

#endif
