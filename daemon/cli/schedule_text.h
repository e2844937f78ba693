/* Printing schedules. */
#ifndef FERRY_CLI_SCHEDULE_TEXT_H
#define FERRY_CLI_SCHEDULE_TEXT_H

#include "cli.h"

#include <ferry/base/buf.h>
#include <ferry/base/json.h>

/* A row of the table; the head for a NULL `schedule`. */
int schedule_row(struct fy_buf *text, const Ferry__Control__Schedule *schedule, struct fy_error *err);
void schedule_json(struct fy_json *json, const char *key, const Ferry__Control__Schedule *schedule);
/* Sends the request and prints the schedules that come back: as a table, or {"schedules": […]}. */
enum cli_exit schedules_print(struct cli *cli, Ferry__Control__Request *request);
/* The same for a request that only names a schedule. */
enum cli_exit schedules_print_named(struct cli *cli, Ferry__Control__Request__KindCase kind, char *name);

#endif
