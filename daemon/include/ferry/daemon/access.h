/* Who may use the control socket, and who owns the peer socket: names of the settings to numbers, once at the start. */
#ifndef FERRY_DAEMON_ACCESS_H
#define FERRY_DAEMON_ACCESS_H

#include <ferry/base/error.h>
#include <ferry/transport/local.h>

/* Both lists are NULL-terminated. FY_E_CONFIG names the one that does not exist. */
int fy_access_resolve(char *const *users, char *const *groups, struct fy_access *access, struct fy_error *err);
void fy_access_done(struct fy_access *access);
int fy_access_find_user(const char *name, uid_t *uid, gid_t *gid, struct fy_error *err);
/* Lets exactly these reach a socket file of mode 0660: an access control list, since a mode knows one user and one
 * group only. FY_E_UNSUPPORTED where the file system has none. */
int fy_access_apply(const char *socket_path, const struct fy_access *access, struct fy_error *err);

#endif
