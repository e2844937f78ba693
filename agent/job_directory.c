/* The directory of a job in flight, the same on both sides. */
#include "job_directory.h"
#include <ferry/agent/migrate.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>

bool fy_job_id_is_valid(const char *job_id)
{
    return fy_fs_is_plain_name(job_id) && strlen(job_id) < FY_JOB_ID_SIZE;
}

int fy_job_directory_make(const char *run_dir, const char *job_id, char **job_dir, char **images_dir,
                          struct fy_error *err)
{
    if (asprintf(job_dir, "%s/jobs/%s", run_dir, job_id) < 0)
        *job_dir = NULL;
    if (!*job_dir || asprintf(images_dir, "%s/images", *job_dir) < 0) {
        *images_dir = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for directory names");
    }
    return fy_fs_make_directories(*images_dir, 0700, err);
}
