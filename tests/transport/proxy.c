/* See proxy.h. One thread a direction; the first also accepts and connects. */
#include "proxy.h"
#include "sshd.h"
#include <arpa/inet.h>
#include <ferry/base/fs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 4096
#define DRIBBLE_BYTES 1800u

static void shrink_buffers(int fd)
{
    int size = BUFFER_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Until the source ends; then so does the other. */
static void dribble(int from, int to, unsigned seed)
{
    uint8_t bytes[DRIBBLE_BYTES];
    ssize_t got;
    while (1) {
        seed = seed * 1103515245u + 12345u;
        got = recv(from, bytes, 1 + (seed >> 8) % DRIBBLE_BYTES, 0);
        if (got <= 0 || fy_fs_write_all(to, bytes, (size_t)got, NULL))
            break;
    }
    (void)shutdown(from, SHUT_RDWR);
    (void)shutdown(to, SHUT_RDWR);
}

static void *pass_down(void *data)
{
    const struct proxy *proxy = data;
    dribble(proxy->server, proxy->client, 2);
    return NULL;
}

static void *pass_up(void *data)
{
    struct proxy *proxy = data;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(proxy->target_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    proxy->client = accept(proxy->listening, NULL, NULL);
    proxy->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    shrink_buffers(proxy->server);
    if (proxy->client < 0 || connect(proxy->server, (struct sockaddr *)&address, sizeof(address)) ||
        pthread_create(&proxy->down, NULL, pass_down, proxy))
        abort();
    dribble(proxy->client, proxy->server, 1);
    (void)pthread_join(proxy->down, NULL);
    return NULL;
}

void proxy_start(struct proxy *proxy, uint16_t target_port)
{
    *proxy = (struct proxy){.target_port = target_port};
    proxy->listening = listen_on_loopback(&proxy->port);
    shrink_buffers(proxy->listening);
    if (pthread_create(&proxy->up, NULL, pass_up, proxy))
        abort();
}

void proxy_stop(struct proxy *proxy)
{
    (void)shutdown(proxy->client, SHUT_RDWR);
    (void)pthread_join(proxy->up, NULL);
    (void)close(proxy->client);
    (void)close(proxy->server);
    (void)close(proxy->listening);
}
