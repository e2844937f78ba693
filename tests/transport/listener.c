/* Listening: whose socket file it is, who may connect, how many. */
#include "party.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u
#define SOME_GROUP 54321u

TestSuite(listener, .init = ignore_sigpipe);

static void no_link(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)link;
    (void)uid;
    (void)pid;
    (void)data;
}

static struct fy_listener_options options_at(const char *path)
{
    return (struct fy_listener_options){
        .path = path, .mode = 0640, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 2};
}

Test(listener, a_live_socket_is_busy)
{
    uv_loop_t loop;
    struct server server = {0};
    struct fy_listener *other = NULL;
    struct fy_error err = FY_ERROR_INIT;
    (void)uv_loop_init(&loop);
    server_start(&server, &loop, 0);
    struct fy_listener_options options = options_at(server.path);
    cr_expect_eq(fy_listener_start(&loop, &options, no_link, NULL, &other, &err), -1);
    cr_expect_eq(err.code, FY_E_BUSY);
    cr_expect_null(other);
    cr_expect_eq(access(server.path, F_OK), 0);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    server_stop(&server);
    cr_expect(loop_ends_clean(&loop));
    server_remove_directory(&server);
}

Test(listener, a_file_that_is_no_socket_is_left_alone)
{
    uv_loop_t loop;
    char path[] = "/tmp/ferry-not-a-socket-XXXXXX";
    struct fy_listener *listener = NULL;
    struct fy_error err = FY_ERROR_INIT;
    (void)close(mkstemp(path));
    (void)uv_loop_init(&loop);
    struct fy_listener_options options = options_at(path);
    cr_expect_eq(fy_listener_start(&loop, &options, no_link, NULL, &listener, &err), -1);
    cr_expect_eq(err.code, FY_E_BUSY);
    cr_expect_eq(unlink(path), 0);
    cr_expect(loop_ends_clean(&loop));
}

Test(listener, a_directory_that_is_not_there_is_named)
{
    uv_loop_t loop;
    struct fy_listener *listener = NULL;
    struct fy_error err = FY_ERROR_INIT;
    (void)uv_loop_init(&loop);
    struct fy_listener_options options = options_at("/tmp/ferry-no-such-directory/peer.sock");
    cr_expect_eq(fy_listener_start(&loop, &options, no_link, NULL, &listener, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    cr_expect(strstr(err.message, "/tmp/ferry-no-such-directory/peer.sock"));
    cr_expect(loop_ends_clean(&loop));
}

Test(listener, a_stale_socket_is_replaced_and_ours_removed_at_the_end)
{
    uv_loop_t loop;
    char path[] = "/tmp/ferry-stale-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)close(mkstemp(path));
    (void)unlink(path);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(stale);
    (void)uv_loop_init(&loop);
    struct fy_listener *listener = NULL;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_listener_options options = options_at(path);
    cr_assert_eq(fy_listener_start(&loop, &options, no_link, NULL, &listener, &err), 0, "%s", err.message);
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0640);
    fy_listener_close(listener, NULL, NULL);
    cr_expect(loop_ends_clean(&loop));
    cr_expect_neq(access(path, F_OK), 0);
}

Test(listener, somebody_elses_socket_is_not_removed_at_the_end)
{
    uv_loop_t loop;
    struct server server = {0};
    (void)uv_loop_init(&loop);
    server_start(&server, &loop, 0);
    cr_assert_eq(unlink(server.path), 0);
    int fd = open(server.path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    server_stop(&server);
    cr_expect(loop_ends_clean(&loop));
    cr_expect_eq(access(server.path, F_OK), 0);
    server_remove_directory(&server);
}

Test(listener, more_links_than_allowed_are_refused_until_one_ends)
{
    uv_loop_t loop;
    struct server server = {0};
    struct party clients[4] = {0};
    (void)uv_loop_init(&loop);
    server_start(&server, &loop, 2);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(fy_local_connect(&loop, server.path, &party_events, &clients[i], &clients[i].link, NULL), 0);
    cr_assert(run_until(&loop, &clients[2].closed));
    cr_expect_eq(server.accepted, 2);
    cr_expect_eq(server.refused, 1);
    cr_expect_eq(server.refusal.code, FY_E_LIMIT);
    fy_link_close(clients[0].link);
    cr_assert(run_until(&loop, &server.parties[0].closed));
    server.parties[0].seed = 1;
    cr_assert_eq(fy_local_connect(&loop, server.path, &party_events, &clients[3], &clients[3].link, NULL), 0);
    cr_assert(run_until(&loop, &clients[3].opened));
    while (server.accepted + server.refused < 4)
        (void)uv_run(&loop, UV_RUN_ONCE);
    cr_expect_eq(server.accepted, 3);
    server_stop(&server);
    cr_expect(loop_ends_clean(&loop));
    server_remove_directory(&server);
}

Test(listener, links_outlive_their_listener)
{
    uv_loop_t loop;
    struct server server = {.echo = true};
    struct party client = {0};
    (void)uv_loop_init(&loop);
    server_start(&server, &loop, 0);
    cr_assert_eq(fy_local_connect(&loop, server.path, &party_events, &client, &client.link, NULL), 0);
    cr_assert(run_until(&loop, &server.accepted));
    fy_listener_close(server.listener, NULL, NULL);
    client.to_send = 5;
    party_pour(&client);
    cr_expect(run_until_u64(&loop, &client.frames, 5));
    fy_link_close(client.link);
    cr_expect(loop_ends_clean(&loop));
    server_remove_directory(&server);
}

/* --- who connects ----------------------------------------------------------------------------------------------- */

static void greet(struct server *server, struct party *party)
{
    (void)server;
    party->seed = 1;
    (void)party_send(party, 1, 0, NULL);
}

/* In a child that is `uid` in groups `gid` and `extra`: connects, and exits 0 when it was greeted. */
static pid_t connect_as(const char *path, uid_t uid, gid_t gid, gid_t extra)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char byte;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (setgroups(1, &extra) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        _exit(3);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
        _exit(2);
    _exit(read(fd, &byte, 1) == 1 ? 0 : 1);
}

static int wait_for(uv_loop_t *loop, pid_t pid)
{
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The exit status of such a child against a listener that admits `uid` and `gid` of these (0: none). */
static int try_access(uid_t admitted_uid, gid_t admitted_gid, uid_t uid, gid_t gid, gid_t extra)
{
    uv_loop_t loop;
    struct server server = {.on_accept = greet};
    (void)uv_loop_init(&loop);
    server_make_directory(&server);
    (void)chmod(server.directory, 0755);
    struct fy_listener_options options = options_at(server.path);
    options.mode = 0666;
    options.access = (struct fy_access){
        .uids = &admitted_uid,
        .uid_count = admitted_uid ? 1 : 0,
        .gids = &admitted_gid,
        .gid_count = admitted_gid ? 1 : 0,
    };
    server_listen(&server, &loop, &options);
    int status = wait_for(&loop, connect_as(server.path, uid, gid, extra));
    if (status == 1) {
        cr_expect_eq(server.refused, 1);
        cr_expect_eq(server.refusal.code, FY_E_DENIED);
    }
    server_stop(&server);
    cr_expect(loop_ends_clean(&loop));
    server_remove_directory(&server);
    return status;
}

Test(listener, who_is_not_admitted_is_refused)
{
    if (geteuid() != 0)
        cr_skip_test("becoming other users needs root");
    cr_expect_eq(try_access(0, 0, NOBODY, NOBODY, NOBODY), 1);
    cr_expect_eq(try_access(NOBODY - 1, SOME_GROUP, NOBODY, NOBODY, NOBODY), 1);
}

Test(listener, root_users_and_groups_are_admitted)
{
    if (geteuid() != 0)
        cr_skip_test("becoming other users needs root");
    cr_expect_eq(try_access(0, 0, 0, 0, 0), 0);
    cr_expect_eq(try_access(NOBODY, 0, NOBODY, NOBODY, NOBODY), 0);
    cr_expect_eq(try_access(0, SOME_GROUP, NOBODY, SOME_GROUP, NOBODY), 0);
    cr_expect_eq(try_access(0, SOME_GROUP, NOBODY, NOBODY, SOME_GROUP), 0, "a supplementary group");
}
