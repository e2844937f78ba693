/* web: a small HTTP service whose answers show whether it is still the same one, and whose memory can be large.
 *
 *     e2e-web IP PORT [MEMORY-MIB [DIRTY-MIB-PER-SECOND [OBSERVER-IP OBSERVER-PORT NAME]]]
 *
 * Every answer is a line of JSON: `service`, a random number made once at the start; `connection`, the count of
 * requests on this connection; `total`, of all. A service that was started anew, or whose connection was, can't go on
 * with them. `GET /memory` answers how many pages of its memory are not as they were filled: 0.
 *
 * Of ten pages of memory, four are zero, three repeat a short pattern, three are random. Dirtying writes into the first
 * word of the pages that are not zero, round and round; that word is left out of the check.
 *
 * With an observer it also counts, a hundred times a second, and sends each number as e2e-counter does; whoever may
 * read its memory finds the number in `e2e_beats`. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS 64
#define REQUEST_SIZE 2048
#define PAGE_SIZE 4096u
#define PAGE_WORDS (PAGE_SIZE / sizeof(uint64_t))
#define TICK_MS 10

struct client {
    int fd;
    unsigned long requests;
    size_t used;
    char request[REQUEST_SIZE];
};

volatile uint64_t e2e_beats;

struct service {
    uint64_t id;
    unsigned long total;
    uint64_t *memory;
    size_t pages;
    size_t dirty_pages_per_tick;
    size_t next_dirty;
    struct client clients[MAX_CLIENTS];
    size_t client_count;
    int listener;
    int observer; /* never connected, so that each host sends from its own address; 0: there is none */
    struct sockaddr_in there;
    const char *name;
};

/* ---- memory ---- */

/* The word at `index` of page `page`, as it is filled and must stay. */
static uint64_t word_of(size_t page, size_t index)
{
    size_t kind = page % 10;
    if (kind < 4)
        return 0;
    if (kind < 7)
        return 0x6f20797272656620u + page % 3; /* all words of a page alike */
    uint64_t word = (page * PAGE_WORDS + index + 1) * 0x9e3779b97f4a7c15u;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
    return word ^ (word >> 31);
}

static bool fill(struct service *service, size_t mib, size_t dirty_mib)
{
    service->pages = mib * 256;
    service->dirty_pages_per_tick = (dirty_mib * 256 * TICK_MS + 999) / 1000;
    if (service->pages == 0)
        return true;
    service->memory =
        mmap(NULL, service->pages * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (service->memory == MAP_FAILED)
        return false;
    for (size_t page = 0; page < service->pages; page++)
        for (size_t i = 0; i < PAGE_WORDS; i++)
            ((volatile uint64_t *)service->memory)[page * PAGE_WORDS + i] = word_of(page, i);
    return true;
}

static void dirty(struct service *service)
{
    for (size_t done = 0; service->pages && done < service->dirty_pages_per_tick;) {
        size_t page = service->next_dirty;
        service->next_dirty = (page + 1) % service->pages;
        if (page % 10 < 4)
            continue;
        service->memory[page * PAGE_WORDS]++;
        done++;
    }
}

static unsigned long count_wrong_pages(const struct service *service)
{
    unsigned long wrong = 0;
    for (size_t page = 0; page < service->pages; page++) {
        bool right = true;
        for (size_t i = 1; i < PAGE_WORDS && right; i++)
            right = service->memory[page * PAGE_WORDS + i] == word_of(page, i);
        wrong += !right;
    }
    return wrong;
}

/* ---- HTTP ---- */

static bool answer(struct service *service, struct client *client)
{
    char body[256];
    char text[512];
    client->requests++;
    service->total++;
    int size;
    if (strncmp(client->request, "GET /memory ", 12) == 0)
        size = snprintf(body, sizeof body, "{\"pages\": %zu, \"wrong\": %lu}\n", service->pages,
                        count_wrong_pages(service));
    else
        size = snprintf(body, sizeof body, "{\"service\": \"%016llx\", \"connection\": %lu, \"total\": %lu}\n",
                        (unsigned long long)service->id, client->requests, service->total);
    size = snprintf(text, sizeof text,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", size, body);
    return write(client->fd, text, (size_t)size) == size;
}

/* False when the connection is over. */
static bool serve(struct service *service, struct client *client)
{
    ssize_t got = read(client->fd, client->request + client->used, REQUEST_SIZE - 1 - client->used);
    if (got < 0 && errno == EINTR)
        return true;
    if (got <= 0)
        return false;
    client->used += (size_t)got;
    client->request[client->used] = '\0';
    for (char *end; (end = strstr(client->request, "\r\n\r\n")) != NULL;) {
        if (!answer(service, client))
            return false;
        size_t size = (size_t)(end + 4 - client->request);
        memmove(client->request, client->request + size, client->used - size + 1);
        client->used -= size;
    }
    return client->used < REQUEST_SIZE - 1;
}

static void welcome(struct service *service)
{
    int fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (service->client_count == MAX_CLIENTS) {
        close(fd);
        return;
    }
    struct client *client = &service->clients[service->client_count++];
    memset(client, 0, sizeof *client);
    client->fd = fd;
}

static void serve_all(struct service *service, const struct pollfd *polls, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        if (!polls[i].revents || serve(service, &service->clients[i]))
            continue;
        close(service->clients[i].fd);
        service->clients[i] = service->clients[--service->client_count];
    }
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What cannot be sent counts as said: a cut link is the test's doing. */
static void beat(const struct service *service)
{
    char text[128];
    if (!service->observer)
        return;
    e2e_beats++;
    int size = snprintf(text, sizeof text, "%s %llu", service->name, (unsigned long long)e2e_beats);
    (void)sendto(service->observer, text, (size_t)size, MSG_DONTWAIT, (const struct sockaddr *)&service->there,
                 sizeof service->there);
}

static bool observe(struct service *service, const char *ip, const char *port, const char *name)
{
    service->name = name;
    service->there.sin_family = AF_INET;
    service->there.sin_port = htons((unsigned short)atoi(port));
    service->observer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return service->observer >= 0 && inet_pton(AF_INET, ip, &service->there.sin_addr) == 1;
}

static void run(struct service *service)
{
    uint64_t next_tick_ms = now_ms();
    for (;;) {
        struct pollfd polls[MAX_CLIENTS + 1];
        size_t count = service->client_count;
        for (size_t i = 0; i < count; i++)
            polls[i] = (struct pollfd){.fd = service->clients[i].fd, .events = POLLIN};
        polls[count] = (struct pollfd){.fd = service->listener, .events = POLLIN};
        (void)poll(polls, (nfds_t)count + 1, service->dirty_pages_per_tick || service->observer ? TICK_MS : -1);
        serve_all(service, polls, count);
        if (polls[count].revents)
            welcome(service);
        if (now_ms() >= next_tick_ms) {
            next_tick_ms = now_ms() + TICK_MS;
            dirty(service);
            beat(service);
        }
    }
}

int main(int argc, char **argv)
{
    static struct service service;
    if (argc < 3 || (argc > 5 && argc != 8)) {
        fprintf(stderr, "usage: e2e-web IP PORT [MEMORY-MIB [DIRTY-MIB-PER-SECOND [OBSERVER-IP PORT NAME]]]\n");
        return 2;
    }
    int yes = 1;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)atoi(argv[2]))};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};
    bool is_v6 = strchr(argv[1], ':') != NULL;
    const struct sockaddr *here = is_v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)getrandom(&service.id, sizeof service.id, 0);
    if (!fill(&service, argc > 3 ? strtoul(argv[3], NULL, 10) : 0, argc > 4 ? strtoul(argv[4], NULL, 10) : 0))
        return 1;
    if (argc == 8 && !observe(&service, argv[5], argv[6], argv[7]))
        return 1;
    service.listener = socket(here->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    void *ip = is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr;
    if (service.listener < 0 || inet_pton(here->sa_family, argv[1], ip) != 1)
        return 1;
    (void)setsockopt(service.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(service.listener, here, is_v6 ? sizeof v6 : sizeof v4) < 0 || listen(service.listener, 64) < 0) {
        fprintf(stderr, "e2e-web: %s port %s: %s\n", argv[1], argv[2], strerror(errno));
        return 1;
    }
    run(&service);
}
