/* See relay.h. */
#include "relay.h"
#include <ferry/base/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_JOINTS 16
#define PATIENCE_MS 5

struct joint {
    int client; /* -1: free */
    int server;
};

static int socket_at(const char *path, bool listening)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int failed = listening ? bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, MAX_JOINTS)
                           : connect(fd, (struct sockaddr *)&address, sizeof(address));
    if (failed) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void break_joint(struct joint *joint)
{
    if (joint->client < 0)
        return;
    (void)close(joint->client);
    (void)close(joint->server);
    joint->client = joint->server = -1;
}

static void break_all(struct relay *relay, struct joint *joints)
{
    for (int i = 0; i < MAX_JOINTS; i++)
        break_joint(&joints[i]);
    atomic_fetch_add(&relay->cuts, 1);
}

static void take_connection(struct relay *relay, struct joint *joints)
{
    int client = accept(relay->listening, NULL, NULL);
    int server = atomic_load(&relay->refuse) ? -1 : socket_at(relay->target, false);
    for (int i = 0; i < MAX_JOINTS && client >= 0 && server >= 0; i++) {
        if (joints[i].client >= 0)
            continue;
        joints[i] = (struct joint){.client = client, .server = server};
        atomic_fetch_add(&relay->connections, 1);
        return;
    }
    (void)close(client);
    if (server >= 0)
        (void)close(server);
}

/* False when the connection has ended. */
static bool pass(struct relay *relay, int from, int to)
{
    static _Thread_local uint8_t bytes[64 * 1024];
    long long left = atomic_load(&relay->cut_after);
    size_t size = left >= 0 && left < (long long)sizeof(bytes) ? (size_t)left + 1 : sizeof(bytes);
    ssize_t got = recv(from, bytes, size, MSG_DONTWAIT);
    if (got <= 0 || fy_fs_write_all(to, bytes, (size_t)got, NULL))
        return false;
    atomic_fetch_add(&relay->passed_bytes, (unsigned long long)got);
    if (left >= 0 && atomic_fetch_sub(&relay->cut_after, got) < got) {
        atomic_store(&relay->cut_after, -1);
        atomic_store(&relay->cut, true);
    }
    return true;
}

static void pass_on(struct relay *relay, struct joint *joints, const struct pollfd *polled)
{
    for (int i = 0; i < MAX_JOINTS; i++) {
        struct joint *joint = &joints[i];
        if (joint->client < 0 || atomic_load(&relay->cut))
            continue;
        if ((polled[2 * i].revents && !pass(relay, joint->client, joint->server)) ||
            (polled[2 * i + 1].revents && !pass(relay, joint->server, joint->client)))
            break_joint(joint);
    }
}

static void *run(void *data)
{
    struct relay *relay = data;
    struct joint joints[MAX_JOINTS];
    for (int i = 0; i < MAX_JOINTS; i++)
        joints[i] = (struct joint){-1, -1};
    while (!atomic_load(&relay->stop)) {
        struct pollfd polled[2 * MAX_JOINTS + 1];
        bool silent = atomic_load(&relay->silent);
        for (int i = 0; i < MAX_JOINTS; i++) {
            polled[2 * i] = (struct pollfd){.fd = silent ? -1 : joints[i].client, .events = POLLIN};
            polled[2 * i + 1] = (struct pollfd){.fd = silent ? -1 : joints[i].server, .events = POLLIN};
        }
        polled[2 * MAX_JOINTS] = (struct pollfd){.fd = relay->listening, .events = POLLIN};
        (void)poll(polled, 2 * MAX_JOINTS + 1, PATIENCE_MS);
        pass_on(relay, joints, polled);
        if (atomic_exchange(&relay->cut, false))
            break_all(relay, joints);
        if (polled[2 * MAX_JOINTS].revents)
            take_connection(relay, joints);
    }
    for (int i = 0; i < MAX_JOINTS; i++)
        break_joint(&joints[i]);
    return NULL;
}

void relay_start(struct relay *relay, const char *path, const char *target)
{
    *relay = (struct relay){.cut_after = -1};
    (void)snprintf(relay->path, sizeof(relay->path), "%s", path);
    (void)snprintf(relay->target, sizeof(relay->target), "%s", target);
    relay->listening = socket_at(path, true);
    if (relay->listening < 0 || pthread_create(&relay->thread, NULL, run, relay))
        abort();
}

void relay_stop(struct relay *relay)
{
    atomic_store(&relay->stop, true);
    (void)pthread_join(relay->thread, NULL);
    (void)close(relay->listening);
}
