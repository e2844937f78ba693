/* Where a job's image set lies while it is in flight: RUN_DIR/jobs/JOB/images, and what is valid as JOB. */
#ifndef FERRY_AGENT_JOB_DIRECTORY_H
#define FERRY_AGENT_JOB_DIRECTORY_H

#include <ferry/base/error.h>
#include <stdbool.h>

/* Whether a peer's job id may become part of a path and fits into FY_JOB_ID_SIZE. */
bool fy_job_id_is_valid(const char *job_id);
/* Makes both directories, for root only. The names are owned by the caller, also on failure (NULL: not reached). */
int fy_job_directory_make(const char *run_dir, const char *job_id, char **job_dir, char **images_dir,
                          struct fy_error *err);

#endif
