/* Printing schedules. */
#ifndef FERRY_CLI_SCHEDULE_TEXT_H
#define FERRY_CLI_SCHEDULE_TEXT_H

#include "cli.h"

/* Sends the request and prints the schedules that come back: as a table, or {"schedules": […]}. */
enum cli_exit schedules_print(struct cli *cli, Ferry__Control__Request *request);
/* The same for a request that only names a schedule. */
enum cli_exit schedules_print_named(struct cli *cli, Ferry__Control__Request__KindCase kind, char *name);

#endif
