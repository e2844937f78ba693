/* The least that libssh2 needs to move bytes: a thread a session, a non-blocking socket, large writes of one buffer,
 * the remote command throws away what it gets. What ferry's own transport is held against.
 *
 *     bare-ssh USER PORT KEY_FILE MIB SESSIONS */
#include <arpa/inet.h>
#include <ferry/base/clock.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1024 * 1024)
#define MAX_SESSIONS 8

struct job {
    pthread_t thread;
    const char *user;
    const char *key;
    uint16_t port;
    uint64_t bytes;
    pthread_barrier_t *ready;
    char cipher[64];
    bool failed;
};

static uint8_t noise[BUFFER_BYTES];

static void wait_socket(LIBSSH2_SESSION *session, int fd)
{
    int directions = libssh2_session_block_directions(session);
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    if (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND)
        polled.events |= POLLOUT;
    (void)poll(&polled, 1, 1000);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* The same preference as ferry's. */
static int prepare(LIBSSH2_SESSION *session)
{
    static const char ciphers[] = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr";
    static const char plain[] = "aes128-ctr";
    const int kinds[] = {LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC};
    for (int i = 0; i < 2; i++)
        if (libssh2_session_method_pref(session, kinds[i], libssh2_version(0x010b00) ? ciphers : plain))
            return -1;
    return libssh2_session_method_pref(session, LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256") ||
           libssh2_session_method_pref(session, LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256");
}

static void write_all(LIBSSH2_SESSION *session, LIBSSH2_CHANNEL *channel, int fd, uint64_t bytes, bool *failed)
{
    while (bytes > 0) {
        size_t at = (size_t)(bytes % BUFFER_BYTES);
        size_t size = at > 0 ? at : BUFFER_BYTES;
        ssize_t put = libssh2_channel_write(channel, (const char *)noise + BUFFER_BYTES - size, size);
        if (put == LIBSSH2_ERROR_EAGAIN) {
            wait_socket(session, fd);
            continue;
        }
        if (put < 0) {
            *failed = true;
            return;
        }
        bytes -= (uint64_t)put;
    }
}

static void *run(void *data)
{
    struct job *job = data;
    int fd = connect_to(job->port);
    LIBSSH2_SESSION *session = libssh2_session_init();
    LIBSSH2_CHANNEL *channel = NULL;
    if (fd >= 0 && session && !prepare(session) && !libssh2_session_handshake(session, fd) &&
        !libssh2_userauth_publickey_fromfile(session, job->user, NULL, job->key, NULL))
        channel = libssh2_channel_open_session(session);
    job->failed = !channel || libssh2_channel_exec(channel, "sink");
    const char *cipher = channel ? libssh2_session_methods(session, LIBSSH2_METHOD_CRYPT_CS) : NULL;
    (void)snprintf(job->cipher, sizeof(job->cipher), "%s", cipher ? cipher : "?");
    (void)pthread_barrier_wait(job->ready);
    if (job->failed)
        return NULL;
    libssh2_session_set_blocking(session, 0);
    write_all(session, channel, fd, job->bytes, &job->failed);
    libssh2_session_set_blocking(session, 1);
    (void)libssh2_channel_send_eof(channel);
    (void)libssh2_channel_wait_eof(channel);
    (void)libssh2_session_free(session);
    (void)close(fd);
    return NULL;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    struct job jobs[MAX_SESSIONS] = {0};
    pthread_barrier_t ready;
    unsigned sessions = argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
    if (sessions < 1 || sessions > MAX_SESSIONS || libssh2_init(0)) {
        (void)fprintf(stderr, "usage: bare-ssh USER PORT KEY_FILE MIB SESSIONS\n");
        return 2;
    }
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < BUFFER_BYTES; i += 8) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(noise + i, &seed, 8);
    }
    uint64_t bytes = strtoull(argv[4], NULL, 10) << 20;
    (void)pthread_barrier_init(&ready, NULL, sessions + 1);
    bool failed = false;
    for (unsigned i = 0; i < sessions; i++) {
        jobs[i] = (struct job){.user = argv[1],
                               .port = (uint16_t)strtoul(argv[2], NULL, 10),
                               .key = argv[3],
                               .bytes = bytes / sessions,
                               .ready = &ready};
        failed = pthread_create(&jobs[i].thread, NULL, run, &jobs[i]) != 0 || failed;
    }
    (void)pthread_barrier_wait(&ready);
    uint64_t start_ns = fy_clock_monotonic_ns();
    double cpu = cpu_seconds();
    for (unsigned i = 0; i < sessions; i++) {
        (void)pthread_join(jobs[i].thread, NULL);
        failed = failed || jobs[i].failed;
    }
    double seconds = (double)(fy_clock_monotonic_ns() - start_ns) / 1e9;
    (void)printf("bare: %.1f MB/s, %.2f CPU s/GiB, %s\n", (double)bytes / 1e6 / seconds,
                 (cpu_seconds() - cpu) / ((double)bytes / (double)(1u << 30)), jobs[0].cipher);
    libssh2_exit();
    return failed;
}
