/* What counts as a log of a job. */
#ifndef FERRY_DAEMON_JOB_LOGS_H
#define FERRY_DAEMON_JOB_LOGS_H

#include <dirent.h>

/* For scandir(): plain files named *.log. */
int job_log_filter(const struct dirent *entry);

#endif
