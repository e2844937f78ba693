/* Looking up a host's addresses, in a way that can be left at any time. */
#ifndef FERRY_TRANSPORT_SSH_RESOLVE_H
#define FERRY_TRANSPORT_SSH_RESOLVE_H

#include "ssh_conn.h"
#include <netdb.h>

/* The addresses of the target's host (freeaddrinfo()), within the connection's deadline. */
int fy_ssh_resolve(struct fy_ssh_conn *conn, struct addrinfo **addresses, struct fy_error *err);

#endif
