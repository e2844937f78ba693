/* A network that fails: passes bytes between UNIX sockets on a thread of its own, and can break every connection at
 * once, after so many bytes, or silently. */
#ifndef TESTS_TRANSPORT_RELAY_H
#define TESTS_TRANSPORT_RELAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct relay {
    char path[128];   /* to connect to */
    char target[128]; /* where each connection goes */
    int listening;
    pthread_t thread;
    atomic_bool stop;
    atomic_bool cut;         /* breaks what there is, once */
    atomic_bool refuse;      /* new connections are closed at once */
    atomic_bool silent;      /* nothing is passed on, everything stays open */
    atomic_llong cut_after;  /* breaks everything when so many bytes have passed; negative: never */
    atomic_uint connections; /* so far */
    atomic_uint cuts;        /* so far */
    atomic_ullong passed_bytes;
};

void relay_start(struct relay *relay, const char *path, const char *target);
void relay_stop(struct relay *relay);

#endif
