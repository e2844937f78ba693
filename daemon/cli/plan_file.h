/* A plan's file, read and judged here before the agent is asked. */
#ifndef FERRY_CLI_PLAN_FILE_H
#define FERRY_CLI_PLAN_FILE_H

#include "cli.h"

#include <ferry/config/plan.h>

#define PLAN_FILE_MAX_BYTES (192u * 1024u) /* what fits in one request with room to spare */

/* Reads and parses; "-" is standard input. On failure everything that is wrong has been printed, and the exit code is
 * returned; else CLI_DONE, and both results are the caller's. */
enum cli_exit plan_file_read(const struct cli *cli, const char *path, struct fy_plan **plan, char **text, size_t *size);

#endif
