/* Tells the service manager how ferryd stands: a datagram to $NOTIFY_SOCKET, as sd_notify(3) describes it. */
#ifndef FERRY_DAEMON_NOTIFY_H
#define FERRY_DAEMON_NOTIFY_H

#include <ferry/base/error.h>

/* "READY=1\nSTATUS=..." Does nothing and returns 0 when no NOTIFY_SOCKET is set. A name that begins with '@' is in the
 * abstract namespace. */
int fy_notify_send(const char *state, struct fy_error *err);

#endif
