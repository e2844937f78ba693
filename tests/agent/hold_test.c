/* The hold server and its client. The client blocks, so it runs as a thread would in CRIU's place: in a child process.
 */
#include <criterion/criterion.h>

#include <ferry/agent/hold.h>
#include <ferry/base/fs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static uv_loop_t loop;
static char directory[64];
static char socket_path[96];
static char home[96];
static struct fy_hold_server *server;
static struct fy_hold *hold;
static char token[64];

static struct {
    int count;
    char stage[64];
    pid_t init_pid;
    int answer; /* -1: none yet */
} heard;

static int exit_status = -1;
static uv_timer_t poll_timer;
static pid_t client;

static void stage_reached(struct fy_hold *h, const char *stage, pid_t init_pid, void *data)
{
    (void)data;
    heard.count++;
    (void)snprintf(heard.stage, sizeof(heard.stage), "%s", stage);
    heard.init_pid = init_pid;
    if (heard.answer >= 0)
        fy_hold_answer(h, heard.answer);
}

/* The token is where CRIU gets it from: in the script. */
static void read_token(void)
{
    char path[128];
    char *text = NULL;
    (void)snprintf(path, sizeof(path), "%s/hold", home);
    cr_assert_eq(fy_fs_read_file(path, 4096, &text, NULL, NULL), 0);
    cr_assert(sscanf(text, "#!/bin/sh exec /opt/client hold %*s job-1 %63s", token) == 1, "%s", text);
    free(text);
}

static void set_up(void)
{
    (void)snprintf(directory, sizeof(directory), "/tmp/ferry-hold-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    (void)snprintf(socket_path, sizeof(socket_path), "%s/hold.sock", directory);
    (void)snprintf(home, sizeof(home), "%s/home", directory);
    setenv("HOME", directory, 1);
    cr_assert_eq(uv_loop_init(&loop), 0);
    heard.answer = -1;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_hold_server_start(&loop, socket_path, "/opt/client", &server, &err), 0, "%s", err.message);
    cr_assert_eq(fy_hold_open(server, "job-1", home, "network-lock nftables\n", stage_reached, NULL, &hold, &err), 0,
                 "%s", err.message);
    read_token();
}

static void tear_down(void)
{
    fy_hold_close(hold);
    if (server)
        fy_hold_server_close(server, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

static void run_client_process(const char *job, const char *with_token)
{
    struct fy_error err = FY_ERROR_INIT;
    _exit(fy_hold_client_run(socket_path, job, with_token, &err));
}

static void start_client(const char *job, const char *with_token)
{
    client = fork();
    if (client == 0)
        run_client_process(job, with_token);
    cr_assert(client > 0);
}

static void look_for_end(uv_timer_t *timer)
{
    int status = 0;
    if (waitpid(client, &status, WNOHANG) != client)
        return;
    exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -2;
    uv_close((uv_handle_t *)timer, NULL);
    uv_stop(&loop);
}

static void await_client(void)
{
    (void)uv_timer_init(&loop, &poll_timer);
    (void)uv_timer_start(&poll_timer, look_for_end, 1, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert(exit_status != -1);
}

static void await_stage(void)
{
    while (heard.count == 0)
        uv_run(&loop, UV_RUN_ONCE);
}

static void set_stage(const char *stage, const char *init_pid)
{
    setenv("CRTOOLS_SCRIPT_ACTION", stage, 1);
    if (init_pid)
        setenv("CRTOOLS_INIT_PID", init_pid, 1);
    else
        unsetenv("CRTOOLS_INIT_PID");
}

TestSuite(hold, .init = set_up, .fini = tear_down);

Test(hold, go_on_and_stage)
{
    heard.answer = 0;
    set_stage("post-restore", "1234");
    start_client("job-1", token);
    await_client();
    cr_assert_eq(exit_status, 0);
    cr_assert_str_eq(heard.stage, "post-restore");
    cr_assert_eq(heard.init_pid, 1234);
}

Test(hold, veto_later)
{
    set_stage("post-dump", NULL);
    start_client("job-1", token);
    await_stage();
    cr_assert_eq(heard.init_pid, 0);
    cr_assert_eq(waitpid(client, NULL, WNOHANG), 0); /* it waits */
    fy_hold_answer(hold, 1);
    await_client();
    cr_assert_eq(exit_status, 1);
}

Test(hold, several_stages_one_after_the_other)
{
    heard.answer = 0;
    for (int i = 1; i <= 5; i++) {
        exit_status = -1;
        set_stage(i < 5 ? "pre-dump" : "post-dump", NULL);
        start_client("job-1", token);
        await_client();
        cr_assert_eq(exit_status, 0);
        cr_assert_eq(heard.count, i);
    }
    cr_assert_str_eq(heard.stage, "post-dump");
}

Test(hold, a_wrong_token_is_a_veto_and_nobody_hears)
{
    heard.answer = 0;
    set_stage("post-dump", NULL);
    start_client("job-1", "00000000000000000000000000000000");
    await_client();
    cr_assert_eq(exit_status, 1);
    cr_assert_eq(heard.count, 0);
}

Test(hold, an_unknown_job_is_a_veto)
{
    set_stage("post-dump", NULL);
    start_client("job-2", token);
    await_client();
    cr_assert_eq(exit_status, 1);
    cr_assert_eq(heard.count, 0);
}

Test(hold, closing_the_job_vetoes_the_script_that_waits)
{
    set_stage("post-dump", NULL);
    start_client("job-1", token);
    await_stage();
    fy_hold_close(hold);
    hold = NULL;
    await_client();
    cr_assert_eq(exit_status, 1);
}

Test(hold, the_end_of_the_server_is_a_veto)
{
    set_stage("post-dump", NULL);
    start_client("job-1", token);
    await_stage();
    fy_hold_close(hold);
    hold = NULL;
    fy_hold_server_close(server, NULL, NULL);
    server = NULL;
    await_client();
    cr_assert_eq(exit_status, 1);
    cr_assert(access(socket_path, F_OK) != 0);
}

Test(hold, without_a_server_the_client_vetoes_and_says_so)
{
    struct fy_error err = FY_ERROR_INIT;
    set_stage("post-dump", NULL);
    cr_assert_eq(fy_hold_client_run("/nowhere/hold.sock", "job-1", token, &err), 1);
    cr_assert_eq(err.code, FY_E_UNREACHABLE);
    cr_assert(err.next[0] != '\0');
}

Test(hold, the_client_is_for_criu_only)
{
    struct fy_error err = FY_ERROR_INIT;
    unsetenv("CRTOOLS_SCRIPT_ACTION");
    cr_assert_eq(fy_hold_client_run(socket_path, "job-1", token, &err), 1);
    cr_assert_eq(err.code, FY_E_USAGE);
}

static int connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void assert_vetoed(const char *line)
{
    int fd = connect_raw();
    cr_assert(send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line));
    char verdict = '?';
    while (recv(fd, &verdict, 1, MSG_DONTWAIT) < 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    cr_assert_eq(verdict, '1', "%s", line);
    close(fd);
    uv_run(&loop, UV_RUN_NOWAIT);
}

Test(hold, what_is_no_line_of_ours_is_vetoed)
{
    char text[700];
    assert_vetoed("\n");
    assert_vetoed("job-1 only\n");
    (void)snprintf(text, sizeof(text), "job-1 %s post-dump -1\n", token);
    assert_vetoed(text);
    (void)snprintf(text, sizeof(text), "job-1 %s post-dump 1 more\n", token);
    assert_vetoed(text);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_vetoed(text);
    cr_assert_eq(heard.count, 0);
}

/* tear_down() must not have to wait for it. */
Test(hold, a_silent_connection_does_not_hold_the_server)
{
    int fd = connect_raw();
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    (void)fd;
}

Test(hold, the_users_options_stand_before_ours)
{
    char path[160];
    char *text = NULL;
    char expected[256];
    struct fy_hold *second = NULL;
    struct fy_error err = FY_ERROR_INIT;
    (void)snprintf(path, sizeof(path), "%s/.criu", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/.criu/default.conf", directory);
    cr_assert_eq(fy_fs_write_file(path, "ghost-limit 4M", 14, 0600, NULL), 0);
    cr_assert_eq(fy_hold_open(server, "job-2", home, "tcp-close\n", stage_reached, NULL, &second, &err), 0, "%s",
                 err.message);
    (void)snprintf(path, sizeof(path), "%s/.criu/default.conf", home);
    cr_assert_eq(fy_fs_read_file(path, 4096, &text, NULL, NULL), 0);
    (void)snprintf(expected, sizeof(expected), "ghost-limit 4M\naction-script %s/hold\ntcp-close\n", home);
    cr_assert_str_eq(text, expected);
    free(text);
    fy_hold_close(second);
}

Test(hold, a_path_that_criu_cannot_read_is_refused)
{
    struct fy_hold *second = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_hold_open(server, "job-2", "/tmp/with blank", "", stage_reached, NULL, &second, &err), -1);
    cr_assert_eq(err.code, FY_E_UNSUPPORTED);
    fy_error_clear(&err);
    cr_assert_eq(fy_hold_open(server, "job;2", home, "", stage_reached, NULL, &second, &err), -1);
    cr_assert_eq(err.code, FY_E_UNSUPPORTED);
}

Test(hold, files_are_for_the_owner_only)
{
    char path[160];
    struct stat status;
    (void)snprintf(path, sizeof(path), "%s/hold", home);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    cr_assert_eq(stat(socket_path, &status), 0);
    cr_assert_eq(status.st_mode & 0077, 0);
}
