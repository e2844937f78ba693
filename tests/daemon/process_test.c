/* The built programs: ferryd's start, answers, refusals and end, as a service manager and an operator see them. */
#include "fork_child.h"
#include "sshd.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LINE_SIZE 512
#define PATIENCE_MS 120000 /* nothing here takes a second; this only ends what hangs */

static char directory[64], config[128], control[128], notify_path[128];
static uint16_t peer_port = 1; /* on loopback */
static const char *peer_user = "nobody", *known_hosts = "/dev/null";
static int notify_fd;
static pid_t ferryd;

static void write_config(const char *extra)
{
    char text[2048];
    int length = snprintf(text, sizeof(text),
                          "name: test\nstate_dir: %s/state\nrun_dir: %s/run\npeer: {user: root}\n"
                          "peers:\n  far: {host: 127.0.0.1, port: %u, user: %s, key: %s/key, known_hosts: %s}\n%s",
                          directory, directory, peer_port, peer_user, directory, known_hosts, extra);
    cr_assert_eq(fy_fs_write_file(config, text, (size_t)length, 0600, NULL), 0);
}

static void begin(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(directory, sizeof(directory), "/dev/shm/ferry-test-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(config, sizeof(config), "%s/ferryd.yaml", directory);
    (void)snprintf(control, sizeof(control), "%s/run/control.sock", directory);
    (void)snprintf(notify_path, sizeof(notify_path), "%s/notify", directory);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", directory);
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(notify_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(setenv("NOTIFY_SOCKET", notify_path, 1), 0);
    write_config("");
}

static void end(void)
{
    if (ferryd > 0) {
        (void)kill(ferryd, SIGKILL);
        (void)waitpid(ferryd, NULL, 0);
    }
    (void)close(notify_fd);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(process, .init = begin, .fini = end);

/* Starts a program, its standard output and error in the file of that name. */
static pid_t start(const char *output, const char *const argv[])
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, output);
    pid_t pid = fork_child();
    cr_assert_geq(pid, 0);
    if (pid > 0)
        return pid;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    (void)execv(argv[0], (char *const *)argv);
    _exit(127);
}

static int finish(pid_t pid)
{
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "ended by signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return WEXITSTATUS(status);
}

static char *output_of(const char *output)
{
    char path[128], *text = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", directory, output);
    cr_assert_eq(fy_fs_read_file(path, 1u << 20, &text, NULL, NULL), 0);
    return text;
}

/* Runs `ferry --socket CONTROL words…`; its output is in the file "out". */
static int run_ferry(const char *a, const char *b, const char *c, const char *d, const char *e)
{
    const char *argv[] = {FERRY, "--socket", control, a, b, c, d, e, NULL};
    return finish(start("out", argv));
}

static void expect_output(const char *words)
{
    FY_AUTO_FREE char *text = output_of("out");
    cr_assert_not_null(strstr(text, words), "expected %s in: %s", words, text);
}

static void expect_datagram(const char *begins)
{
    char got[LINE_SIZE] = "";
    struct pollfd wait = {.fd = notify_fd, .events = POLLIN};
    if (poll(&wait, 1, PATIENCE_MS) != 1) {
        FY_AUTO_FREE char *log = output_of("log");
        cr_assert_fail("no datagram; ferryd said: %s", log);
    }
    cr_assert_gt(recv(notify_fd, got, sizeof(got) - 1, 0), 0);
    cr_assert_eq(strncmp(got, begins, strlen(begins)), 0, "%s", got);
}

static void start_ferryd(void)
{
    const char *argv[] = {FERRYD, "--config", config, NULL};
    ferryd = start("log", argv);
    expect_datagram("READY=1");
}

static int stop_ferryd(int signal_number)
{
    cr_assert_eq(kill(ferryd, signal_number), 0);
    expect_datagram("STOPPING=1");
    int code = finish(ferryd);
    ferryd = 0;
    return code;
}

/* ---- refusals ---- */

Test(process, a_wrong_configuration_is_named_by_line_and_column)
{
    write_config("max_jobz: 3\n");
    const char *argv[] = {FERRYD, "--config", config, "--check-config", NULL};
    cr_assert_eq(finish(start("out", argv)), 1);
    expect_output("ferryd.yaml:7:1");
    expect_output("max_jobs");
}

Test(process, a_right_configuration_is_called_so)
{
    const char *argv[] = {FERRYD, "--check-config", "--config", config, NULL};
    cr_assert_eq(finish(start("out", argv)), 0);
    expect_output("right");
}

Test(process, an_unknown_option_is_a_usage_error)
{
    const char *argv[] = {FERRYD, "--confg", config, NULL};
    cr_assert_eq(finish(start("out", argv)), 2);
    expect_output("usage");
}

Test(process, a_run_directory_on_a_disk_is_refused)
{
    char text[512];
    int length =
        snprintf(text, sizeof(text), "state_dir: %s/state\nrun_dir: /proc/self\npeer: {user: root}\n", directory);
    cr_assert_eq(fy_fs_write_file(config, text, (size_t)length, 0600, NULL), 0);
    const char *argv[] = {FERRYD, "--config", config, NULL};
    cr_assert_eq(finish(start("out", argv)), 1);
    expect_output("memory-backed");
}

Test(process, a_second_ferryd_is_refused_by_the_pid_of_the_first)
{
    char pid[32];
    start_ferryd();
    (void)snprintf(pid, sizeof(pid), "pid %d", (int)ferryd);
    const char *argv[] = {FERRYD, "--config", config, NULL};
    cr_assert_eq(finish(start("out", argv)), 1);
    expect_output(pid);
    cr_assert_eq(run_ferry("status", NULL, NULL, NULL, NULL), 0, "the first one goes on");
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
}

Test(process, a_damaged_database_is_named)
{
    char path[128], junk[4096];
    start_ferryd();
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
    (void)snprintf(path, sizeof(path), "%s/state/ferry.db", directory);
    memset(junk, 'j', sizeof(junk));
    cr_assert_eq(fy_fs_write_file(path, junk, sizeof(junk), 0600, NULL), 0);
    const char *argv[] = {FERRYD, "--config", config, NULL};
    cr_assert_eq(finish(start("out", argv)), 1);
    expect_output("ferry.db");
    expect_output("next");
}

/* ---- answers ---- */

Test(process, answers_status_lists_and_failures)
{
    struct stat st;
    start_ferryd();
    cr_assert_eq(stat(control, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0660u);
    cr_assert_eq(run_ferry("status", "--json", NULL, NULL, NULL), 0);
    expect_output("\"name\": \"test\"");
    cr_assert_eq(run_ferry("peer", "list", NULL, NULL, NULL), 0);
    expect_output("nobody@127.0.0.1:1");
    cr_assert_eq(run_ferry("job", "list", NULL, NULL, NULL), 0);
    expect_output("WORKLOAD");
    cr_assert_eq(run_ferry("migrate", "runc/web", "--to", "fa", NULL), 1);
    expect_output("next:");
    cr_assert_eq(run_ferry("job", "show", "m-none", NULL, NULL), 1);
    cr_assert_eq(run_ferry("migrate", "web", "--to", "far", NULL), 2);
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
    cr_assert_eq(run_ferry("status", NULL, NULL, NULL, NULL), 4);
    expect_output("systemctl start ferryd");
}

Test(process, a_workload_that_does_not_exist_fails_with_one_document_and_a_job)
{
    start_ferryd();
    cr_assert_eq(run_ferry("--json", "migrate", "process/2147483", "--to", "far"), 1);
    expect_output("\"state\": \"failed\"");
    expect_output("\"code\": ");
    cr_assert_eq(run_ferry("job", "list", NULL, NULL, NULL), 0);
    expect_output("process/2147483");
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
    start_ferryd();
    cr_assert_eq(run_ferry("job", "list", NULL, NULL, NULL), 0);
    expect_output("process/2147483");
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
}

/* ---- the end ---- */

Test(process, both_signals_end_it_in_order_and_hangup_does_not)
{
    struct stat st;
    start_ferryd();
    cr_assert_eq(kill(ferryd, SIGHUP), 0);
    cr_assert_eq(run_ferry("status", NULL, NULL, NULL, NULL), 0);
    cr_assert_eq(stop_ferryd(SIGINT), 0);
    cr_assert_neq(stat(control, &st), 0, "the socket is removed");
    start_ferryd();
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
}

Test(process, after_a_kill_it_starts_again_over_the_stale_sockets)
{
    start_ferryd();
    cr_assert_eq(kill(ferryd, SIGKILL), 0);
    cr_assert_eq(waitpid(ferryd, NULL, 0), ferryd);
    start_ferryd();
    cr_assert_eq(run_ferry("status", NULL, NULL, NULL, NULL), 0);
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
}

/* ---- checks of a peer that are not over ---- */

static pid_t start_check(const char *output)
{
    const char *argv[] = {FERRY, "--socket", control, "peer", "check", "far", NULL};
    return start(output, argv);
}

/* A host that takes connections and says nothing, and that is waited for as long as it likes. */
static int begin_silent_peer(void)
{
    int listening = listen_on_loopback(&peer_port);
    write_config("timeouts: {connect: 1h, link: 1h, stop: 1h}\n");
    start_ferryd();
    return listening;
}

static void expect_hung_up(int connection)
{
    char bytes[LINE_SIZE];
    struct pollfd wait = {.fd = connection, .events = POLLIN};
    do
        cr_assert_eq(poll(&wait, 1, PATIENCE_MS), 1, "the connection to the peer stays open");
    while (recv(connection, bytes, sizeof(bytes), 0) > 0);
}

Test(process, a_peer_check_ends_with_who_asked)
{
    int listening = begin_silent_peer();
    pid_t client = start_check("out");
    int connection = accept(listening, NULL, NULL);
    cr_assert_eq(kill(client, SIGKILL), 0);
    cr_assert_eq(waitpid(client, NULL, 0), client);
    expect_hung_up(connection);
    (void)close(connection);
    (void)close(listening);
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
}

Test(process, a_peer_check_does_not_hold_up_the_end)
{
    int listening = begin_silent_peer();
    pid_t client = start_check("out");
    int connection = accept(listening, NULL, NULL);
    cr_assert_eq(stop_ferryd(SIGTERM), 0);
    cr_assert_eq(finish(client), 1);
    expect_output("ferryd is stopping");
    (void)close(connection);
    (void)close(listening);
}

/* Jobs that have not settled when the time is up are told, and in the status. */
static void expect_end_in_order(void)
{
    int code = stop_ferryd(SIGTERM);
    FY_AUTO_FREE char *log = output_of("log");
    cr_expect_eq(code, strstr(log, "had not settled") ? 1 : 0, "status %d; ferryd said: %s", code, log);
}

/* No time to stop in, and links in every phase of their opening: their threads must not find OpenSSL gone. */
Test(process, time_that_is_up_while_links_open_ends_it_in_order)
{
    enum { CLIENTS = 6, ROUNDS = 8, STEP_US = 8000 };
    pid_t clients[CLIENTS];
    struct sshd sshd;
    char command[512];
    (void)snprintf(command, sizeof(command), "%s dial --peer-socket %s/run/peer.sock", FERRY, directory);
    (void)unsetenv("NOTIFY_SOCKET"); /* sshd says READY=1 too */
    sshd_start(&sshd, command, "MaxStartups 1000");
    (void)setenv("NOTIFY_SOCKET", notify_path, 1);
    peer_port = sshd.port;
    peer_user = sshd.user;
    known_hosts = sshd.known_hosts;
    run_command("cp %s %s/key", sshd.key_file, directory);
    write_config("timeouts: {stop: 1ms}\n");
    for (unsigned i = 0; i < ROUNDS; i++) {
        start_ferryd();
        for (size_t k = 0; k < CLIENTS; k++)
            clients[k] = start_check("out");
        (void)usleep((i + 1) * STEP_US);
        expect_end_in_order();
        for (size_t k = 0; k < CLIENTS; k++)
            (void)finish(clients[k]);
    }
    sshd_stop(&sshd);
}
