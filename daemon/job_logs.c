/* Which logs a job has: the files of its log directory that are text for people. CRIU's statistics lie beside them. */
#include "job_logs.h"
#include "job_table.h"

#include <ferry/base/fs.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LOGS 32

int job_log_filter(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN) && fy_fs_is_plain_name(entry->d_name) && end &&
           strcmp(end, ".log") == 0;
}

struct fy_record *record_with_logs(const struct fy_record *record)
{
    struct dirent **entries = NULL;
    int found = record->job->log_dir ? scandir(record->job->log_dir, &entries, job_log_filter, alphasort) : 0;
    char *names[MAX_LOGS];
    size_t count = 0;
    for (int i = 0; i < found && count < MAX_LOGS; i++)
        names[count++] = entries[i]->d_name;
    Ferry__Control__Job job = *record->job;
    job.n_logs = count;
    job.logs = names;
    struct fy_record *with_logs = fy_record_new(&job, NULL);
    for (int i = 0; i < found; i++)
        free(entries[i]);
    free(entries);
    return with_logs;
}
