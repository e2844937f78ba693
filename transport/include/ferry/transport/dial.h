/* `ferry dial`: joins standard input and output with the agent's peer socket, byte for byte, until either side ends. */
#ifndef FERRY_TRANSPORT_DIAL_H
#define FERRY_TRANSPORT_DIAL_H

#include <ferry/base/error.h>

/* Blocks. Moves bytes between `in_fd`/`out_fd` and the socket (splice where the kernel can). Returns 0 when both
 * directions have ended; FY_E_UNREACHABLE when the socket cannot be reached, naming its path. */
int fy_dial_run(const char *socket_path, int in_fd, int out_fd, struct fy_error *err);

#endif
