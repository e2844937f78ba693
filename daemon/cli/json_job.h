/* What --json prints. Field names are for scripts: they do not change their meaning. */
#ifndef FERRY_CLI_JSON_JOB_H
#define FERRY_CLI_JSON_JOB_H

#include "cli.h"

#include <ferry/base/json.h>

/* A job as one object. */
void json_job(struct fy_json *json, const char *key, const Ferry__Control__Job *job);
/* A point in time, or null. */
void json_time(struct fy_json *json, const char *key, bool known, int64_t wall_us);
/* {"code", "message", "next"} or null. */
void json_failure(struct fy_json *json, const char *key, const Ferry__Control__Failure *failure);
/* Finishes and prints with a newline, then frees `json` (NULL is legal). A failure goes to standard error: -1. */
int json_print(struct fy_json *json);
/* One job as a document (pretty) or as a line. */
int json_print_job(const Ferry__Control__Job *job, bool pretty);
/* {"error":…} as a document. */
void json_print_error(const struct fy_error *err);

#endif
