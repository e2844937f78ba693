/* The files that make CRIU call us: HOME/.criu/default.conf and the action script. */
#ifndef FERRY_AGENT_HOLD_FILES_H
#define FERRY_AGENT_HOLD_FILES_H

#include <ferry/base/error.h>

#include "hold_protocol.h"

struct fy_hold_files {
    const char *directory; /* the runtime's HOME */
    const char *client;
    const char *socket_path;
    const char *job_id;
    const char *token;
    const char *extra_options;
};

int fy_hold_make_token(char token[FY_HOLD_TOKEN_SIZE], struct fy_error *err);
int fy_hold_write_files(const struct fy_hold_files *files, struct fy_error *err);

#endif
