/* A bad network on loopback: a TCP proxy with tiny buffers that passes bytes on in dribbles. */
#ifndef TESTS_TRANSPORT_PROXY_H
#define TESTS_TRANSPORT_PROXY_H

#include <pthread.h>
#include <stdint.h>

struct proxy {
    int listening;
    uint16_t port;        /* to connect to */
    uint16_t target_port; /* on loopback */
    int client;
    int server;
    pthread_t up;
    pthread_t down;
};

/* Serves one connection. */
void proxy_start(struct proxy *proxy, uint16_t target_port);
/* After both ends have closed, or to break the connection. */
void proxy_stop(struct proxy *proxy);

#endif
