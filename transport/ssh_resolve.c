/* getaddrinfo() cannot be interrupted and may hang for as long as a name server is silent. So it runs on a detached
 * thread of its own that shares one small struct with whoever asked; the last of the two to leave frees it. Names that
 * are addresses need no thread. */
#include "ssh_resolve.h"
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct lookup {
    pthread_mutex_t lock;
    unsigned holders; /* under the lock */
    int done_fd;      /* eventfd, written once when `status` and `addresses` are set */
    char *host;
    char port[8];
    int status;
    int sys_errno;
    struct addrinfo *addresses;
};

static int look_up(const char *host, const char *port, int flags, struct addrinfo **addresses)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    return getaddrinfo(host, port, &hints, addresses);
}

static void lookup_free(struct lookup *lookup)
{
    if (lookup->addresses)
        freeaddrinfo(lookup->addresses);
    if (lookup->done_fd >= 0)
        (void)close(lookup->done_fd);
    (void)pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup);
}

static void lookup_leave(struct lookup *lookup)
{
    (void)pthread_mutex_lock(&lookup->lock);
    bool last = --lookup->holders == 0;
    (void)pthread_mutex_unlock(&lookup->lock);
    if (last)
        lookup_free(lookup);
}

static void *lookup_main(void *data)
{
    struct lookup *lookup = data;
    struct addrinfo *addresses = NULL;
    int status = look_up(lookup->host, lookup->port, AI_ADDRCONFIG, &addresses);
    int sys_errno = errno;
    (void)pthread_mutex_lock(&lookup->lock);
    lookup->status = status;
    lookup->sys_errno = sys_errno;
    lookup->addresses = status ? NULL : addresses;
    (void)pthread_mutex_unlock(&lookup->lock);
    uint64_t one = 1;
    ssize_t written = write(lookup->done_fd, &one, sizeof(one));
    (void)written;
    lookup_leave(lookup);
    return NULL;
}

static struct lookup *lookup_new(const struct fy_ssh_target *target, struct fy_error *err)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (!lookup) {
        (void)fy_error_set(err, FY_E_NOMEM, "%s: no memory to look it up", target->name);
        return NULL;
    }
    (void)pthread_mutex_init(&lookup->lock, NULL);
    lookup->host = strdup(target->host);
    lookup->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)snprintf(lookup->port, sizeof(lookup->port), "%u", target->port);
    if (!lookup->host || lookup->done_fd < 0) {
        (void)fy_error_set(err, FY_E_NOMEM, "%s: no resources to look it up", target->name);
        lookup_free(lookup);
        return NULL;
    }
    return lookup;
}

/* Starts the look-up with two holders: its thread and the caller. */
static struct lookup *lookup_start(const struct fy_ssh_target *target, struct fy_error *err)
{
    struct lookup *lookup = lookup_new(target, err);
    if (!lookup)
        return NULL;
    lookup->holders = 2;
    pthread_t thread;
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int status = pthread_create(&thread, &attributes, lookup_main, lookup);
    (void)pthread_attr_destroy(&attributes);
    if (status) {
        (void)fy_error_errno(err, status, "%s: cannot start a thread", target->name);
        lookup_free(lookup);
        return NULL;
    }
    return lookup;
}

static int explain_failure(const struct fy_ssh_target *target, int status, int sys_errno, struct fy_error *err)
{
    const char *reason = status == EAI_SYSTEM ? strerrordesc_np(sys_errno) : gai_strerror(status);
    (void)fy_error_set(err, FY_E_UNREACHABLE, "%s: cannot find the address of %s: %s", target->name, target->host,
                       reason ? reason : "unknown cause");
    return fy_error_next(err,
                         "correct the peer's host in the configuration, or see that this host can look it up "
                         "(getent hosts %s)",
                         target->host);
}

static int collect(const struct fy_ssh_target *target, struct lookup *lookup, struct addrinfo **addresses,
                   struct fy_error *err)
{
    (void)pthread_mutex_lock(&lookup->lock);
    int status = lookup->status;
    int sys_errno = lookup->sys_errno;
    struct addrinfo *found = fy_take(lookup->addresses);
    (void)pthread_mutex_unlock(&lookup->lock);
    if (status)
        return explain_failure(target, status, sys_errno, err);
    *addresses = found;
    return 0;
}

int fy_ssh_resolve(struct fy_ssh_conn *conn, struct addrinfo **addresses, struct fy_error *err)
{
    const struct fy_ssh_target *target = conn->target;
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", target->port);
    if (look_up(target->host, port, AI_NUMERICHOST, addresses) == 0)
        return 0;
    conn->doing = "looking up the host's address";
    struct lookup *lookup = lookup_start(target, err);
    if (!lookup)
        return -1;
    int ready = fy_ssh_conn_wait_fd(conn, lookup->done_fd, POLLIN, conn->deadline_ns, err);
    int result = ready > 0    ? collect(target, lookup, addresses, err)
                 : ready == 0 ? fy_ssh_conn_explain_late(conn, err)
                              : -1;
    lookup_leave(lookup);
    return result;
}
