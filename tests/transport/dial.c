/* The dial pump, run as sshd runs it (a child with pipes) and in process over sockets. */
#include "fork_child.h"
#include "party.h"
#include "sshd.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/transport/dial.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRANSFER_BYTES (12u * 1024u * 1024u)

TestSuite(dial, .init = ignore_sigpipe);

/* An agent's socket: bound and listening, accepted when asked. */
struct agent {
    char directory[40];
    char path[64];
    int listening;
};

static void agent_start(struct agent *agent)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(agent->directory, sizeof(agent->directory), "/tmp/ferry-dial-XXXXXX");
    cr_assert(mkdtemp(agent->directory));
    (void)snprintf(agent->path, sizeof(agent->path), "%s/peer.sock", agent->directory);
    memcpy(address.sun_path, agent->path, strlen(agent->path) + 1);
    agent->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(agent->listening, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(agent->listening, 4), 0);
}

static void agent_stop(struct agent *agent)
{
    (void)close(agent->listening);
    (void)fy_fs_remove_tree(agent->directory, NULL);
}

/* Dial as a child, with both its ends as pipes or as one socket. */
struct dialled {
    pid_t pid;
    int to;   /* its standard input */
    int from; /* its standard output */
};

static void exec_dial(const struct agent *agent, int in_fd, int out_fd)
{
    (void)dup2(in_fd, STDIN_FILENO);
    (void)dup2(out_fd, STDOUT_FILENO);
    execl(DIAL_HELPER, DIAL_HELPER, agent->path, (char *)NULL);
    _exit(127);
}

static struct dialled dial_by_pipes(const struct agent *agent)
{
    int in[2], out[2];
    cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    struct dialled dialled = {.pid = fork_child(), .to = in[1], .from = out[0]};
    if (dialled.pid == 0)
        exec_dial(agent, in[0], out[1]);
    (void)close(in[0]);
    (void)close(out[1]);
    return dialled;
}

static struct dialled dial_by_socket(const struct agent *agent)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct dialled dialled = {.pid = fork_child(), .to = ends[0], .from = fcntl(ends[0], F_DUPFD_CLOEXEC, 3)};
    if (dialled.pid == 0)
        exec_dial(agent, ends[1], ends[1]);
    (void)close(ends[1]);
    return dialled;
}

static int exit_status(const struct dialled *dialled)
{
    int status;
    cr_assert_eq(waitpid(dialled->pid, &status, 0), dialled->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- failures --------------------------------------------------------------------------------------------------- */

Test(dial, an_agent_that_is_not_there_is_named)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_expect_eq(fy_dial_run("/tmp/ferry-no-agent.sock", STDIN_FILENO, STDOUT_FILENO, &err), -1);
    cr_expect_eq(err.code, FY_E_UNREACHABLE);
    cr_expect(strstr(err.message, "/tmp/ferry-no-agent.sock"));
    cr_expect_str_not_empty(err.next);
}

Test(dial, a_path_that_is_too_long_is_refused)
{
    char path[200];
    struct fy_error err = FY_ERROR_INIT;
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    cr_expect_eq(fy_dial_run(path, STDIN_FILENO, STDOUT_FILENO, &err), -1);
    cr_expect_eq(err.code, FY_E_USAGE);
}

Test(dial, it_ends_when_nobody_listens_to_it_any_more)
{
    struct agent agent;
    agent_start(&agent);
    struct dialled dialled = dial_by_pipes(&agent);
    int connection = accept(agent.listening, NULL, NULL);
    (void)close(dialled.from);
    cr_expect_eq(exit_status(&dialled), 0, "neither hung nor killed by SIGPIPE");
    (void)close(connection);
    (void)close(dialled.to);
    agent_stop(&agent);
}

Test(dial, it_ends_when_the_agent_does_though_input_stays_open)
{
    struct agent agent;
    char bytes[8];
    agent_start(&agent);
    struct dialled dialled = dial_by_pipes(&agent);
    int connection = accept(agent.listening, NULL, NULL);
    cr_assert_eq(write(connection, "bye", 3), 3);
    (void)close(connection);
    cr_expect_eq(exit_status(&dialled), 0);
    cr_expect_eq(read(dialled.from, bytes, sizeof(bytes)), 3, "what the agent said last");
    (void)close(dialled.to);
    (void)close(dialled.from);
    agent_stop(&agent);
}

Test(dial, the_end_of_input_reaches_the_agent_which_can_still_answer)
{
    struct agent agent;
    char bytes[8];
    agent_start(&agent);
    struct dialled dialled = dial_by_pipes(&agent);
    int connection = accept(agent.listening, NULL, NULL);
    cr_assert_eq(write(dialled.to, "last", 4), 4);
    (void)close(dialled.to);
    cr_expect_eq(recv(connection, bytes, 4, MSG_WAITALL), 4);
    cr_expect_eq(recv(connection, bytes, 1, 0), 0, "end of input");
    cr_assert_eq(write(connection, "bye", 3), 3);
    (void)close(connection);
    cr_expect_eq(read(dialled.from, bytes, sizeof(bytes)), 3);
    cr_expect_eq(exit_status(&dialled), 0);
    (void)close(dialled.from);
    agent_stop(&agent);
}

/* --- bytes both ways -------------------------------------------------------------------------------------------- */

struct stream {
    int fd;
    uint64_t seed;
    uint64_t hash;
    size_t count;
};

static void *pour(void *data)
{
    struct stream *stream = data;
    uint8_t block[8192 + 4096];
    stream->hash = HASH_START;
    while (stream->count < TRANSFER_BYTES) {
        fill_random(&stream->seed, block, sizeof(block));
        for (size_t i = 0; i < sizeof(block); i++)
            stream->hash = hash_bytes(stream->hash, block + i, 1);
        if (fy_fs_write_all(stream->fd, block, sizeof(block), NULL))
            break;
        stream->count += sizeof(block);
    }
    return NULL;
}

static void *swallow(void *data)
{
    struct stream *stream = data;
    uint8_t block[4096];
    ssize_t got;
    stream->hash = HASH_START;
    while (stream->count < TRANSFER_BYTES && (got = read(stream->fd, block, sizeof(block))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            stream->hash = hash_bytes(stream->hash, block + i, 1);
        stream->count += (size_t)got;
    }
    return NULL;
}

static void assert_both_ways(struct dialled (*dial)(const struct agent *))
{
    struct agent agent;
    agent_start(&agent);
    struct dialled dialled = dial(&agent);
    int connection = accept(agent.listening, NULL, NULL);
    struct stream streams[4] = {
        {.fd = dialled.to, .seed = 11}, {.fd = connection}, {.fd = connection, .seed = 22}, {.fd = dialled.from}};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, i % 2 ? swallow : pour, &streams[i]), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    cr_expect_eq(streams[1].count, streams[0].count);
    cr_expect_eq(streams[1].hash, streams[0].hash);
    cr_expect_eq(streams[3].count, streams[2].count);
    cr_expect_eq(streams[3].hash, streams[2].hash);
    (void)close(connection);
    cr_expect_eq(exit_status(&dialled), 0);
    (void)close(dialled.to);
    (void)close(dialled.from);
    agent_stop(&agent);
}

Test(dial, bytes_pass_unchanged_through_pipes)
{
    assert_both_ways(dial_by_pipes);
}

Test(dial, bytes_pass_unchanged_through_a_socket)
{
    assert_both_ways(dial_by_socket);
}

/* --- streams and words ------------------------------------------------------------------------------------------ */

#define QUESTIONS 60u

/* Answers every `size` bytes with one. */
struct answerer {
    int fd;
    size_t size;
};

static void *answer(void *data)
{
    const struct answerer *answerer = data;
    uint8_t *block = malloc(answerer->size);
    while (recv(answerer->fd, block, answerer->size, MSG_WAITALL) == (ssize_t)answerer->size)
        if (send(answerer->fd, block, 1, MSG_NOSIGNAL) != 1)
            break;
    free(block);
    return NULL;
}

/* Whatever pause it makes in a stream, the last piece is moved although nothing follows it. */
static void assert_answered(size_t size)
{
    struct agent agent;
    pthread_t thread;
    uint8_t byte;
    uint8_t *block = calloc(1, size);
    agent_start(&agent);
    struct dialled dialled = dial_by_pipes(&agent);
    struct answerer answerer = {.fd = accept(agent.listening, NULL, NULL), .size = size};
    cr_assert_eq(pthread_create(&thread, NULL, answer, &answerer), 0);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        cr_assert_eq(fy_fs_write_all(dialled.to, block, size, NULL), 0);
        cr_assert_eq(read(dialled.from, &byte, 1), 1);
    }
    (void)close(dialled.to);
    (void)pthread_join(thread, NULL);
    (void)close(answerer.fd);
    cr_expect_eq(exit_status(&dialled), 0);
    (void)close(dialled.from);
    free(block);
    agent_stop(&agent);
}

Test(dial, what_ends_a_stream_is_not_held_back)
{
    const size_t sizes[] = {1, 16383, 16384, 65537, 3000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_answered(sizes[i]);
}
