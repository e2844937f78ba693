/* Checkpoints as text for people and as JSON, and the requests that ask for them. */
#ifndef FERRY_CLI_CHECKPOINT_TEXT_H
#define FERRY_CLI_CHECKPOINT_TEXT_H

#include "cli.h"

#include <ferry/base/buf.h>
#include <ferry/base/json.h>

/* One line of the list; NULL for the heading. */
int checkpoint_row(struct fy_buf *text, const Ferry__Control__Checkpoint *checkpoint, struct fy_error *err);
/* All that is known of it. */
int checkpoint_block(struct fy_buf *text, const Ferry__Control__Checkpoint *checkpoint, struct fy_error *err);
void checkpoint_json(struct fy_json *json, const char *key, const Ferry__Control__Checkpoint *checkpoint);
/* Sends a request that is answered with one checkpoint, and prints it. */
enum cli_exit checkpoint_ask(const struct cli *cli, Ferry__Control__Request *request);
/* Sends a request that starts a job, and follows it to its end. */
enum cli_exit checkpoint_follow(const struct cli *cli, Ferry__Control__Request *request, bool detach);
/* A file's path, as ferryd, whose directory is another, has to know it; freed by the caller. */
int checkpoint_absolute_path(const char *path, char **absolute, struct fy_error *err);

#endif
