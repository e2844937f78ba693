/* The notification protocol of service managers, own code: one datagram. */
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/daemon/notify.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int fy_notify_send(const char *state, struct fy_error *err)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!name || !name[0])
        return 0;
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof(address.sun_path))
        return fy_error_set(err, FY_E_USAGE, "NOTIFY_SOCKET is neither a path nor an abstract name that fits");
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    FY_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fy_error_errno(err, errno, "a socket for NOTIFY_SOCKET");
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, size) < 0)
        return fy_error_errno(err, errno, "notifying %s", name);
    return 0;
}
