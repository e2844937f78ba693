/* The small parts: readiness, loop guard, directories, access. */
#include <criterion/criterion.h>
#include <ferry/base/clock.h>
#include <ferry/base/fs.h>
#include <ferry/daemon/access.h>
#include <ferry/daemon/lag_guard.h>
#include <ferry/daemon/notify.h>
#include <ferry/daemon/places.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char directory[64];

static void begin(void)
{
    (void)snprintf(directory, sizeof(directory), "/dev/shm/ferry-test-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void end(void)
{
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(parts, .init = begin, .fini = end);

/* ---- readiness ---- */

static int receive_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    cr_assert_eq(
        bind(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)), 0);
    return fd;
}

static void expect_datagram(const char *name)
{
    char got[64] = "";
    struct fy_error err = FY_ERROR_INIT;
    int fd = receive_socket(name);
    cr_assert_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
    cr_assert_eq(fy_notify_send("READY=1", &err), 0, "%s", err.message);
    cr_assert_eq(recv(fd, got, sizeof(got) - 1, 0), 7);
    cr_assert_str_eq(got, "READY=1");
    (void)close(fd);
}

Test(parts, readiness_goes_to_a_path_and_to_an_abstract_name)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "%s/notify", directory);
    expect_datagram(name);
    (void)snprintf(name, sizeof(name), "@ferry-test-%d", (int)getpid());
    expect_datagram(name);
}

Test(parts, readiness_without_a_manager_is_nothing_and_a_wrong_one_an_error)
{
    struct fy_error err = FY_ERROR_INIT;
    char long_name[300];
    (void)unsetenv("NOTIFY_SOCKET");
    cr_assert_eq(fy_notify_send("READY=1", &err), 0);
    (void)setenv("NOTIFY_SOCKET", "relative", 1);
    cr_assert_eq(fy_notify_send("READY=1", &err), -1);
    fy_error_clear(&err);
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[0] = '/';
    long_name[sizeof(long_name) - 1] = '\0';
    (void)setenv("NOTIFY_SOCKET", long_name, 1);
    cr_assert_eq(fy_notify_send("READY=1", &err), -1);
    fy_error_clear(&err);
    (void)setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    cr_assert_eq(fy_notify_send("READY=1", &err), -1);
    cr_assert_eq(err.code, FY_E_NOT_FOUND);
}

/* ---- the loop guard ---- */

struct stalls {
    unsigned count;
    uint64_t processor_us;
};

static void count_stall(uint64_t busy_us, uint64_t processor_us, void *data)
{
    struct stalls *stalls = data;
    cr_assert_gt(busy_us, FY_LAG_LIMIT_US);
    stalls->count++;
    stalls->processor_us += processor_us;
}

/* Works for so long; negative: waits. */
static void block(uv_timer_t *timer)
{
    int64_t block_ns = *(int64_t *)timer->data;
    uint64_t began_ns = fy_clock_thread_ns();
    if (block_ns < 0)
        (void)usleep((useconds_t)(-block_ns / 1000));
    while (block_ns > 0 && fy_clock_thread_ns() - began_ns < (uint64_t)block_ns)
        ;
    if (uv_timer_get_repeat(timer) == 0)
        uv_close((uv_handle_t *)timer, NULL);
}

static struct stalls stalls_with(int64_t block_ns, uint64_t wait_ms)
{
    uv_loop_t loop;
    uv_timer_t timer, last;
    struct fy_lag_guard guard;
    struct stalls stalls = {0};
    int64_t nothing = 0;
    cr_assert_eq(uv_loop_init(&loop), 0);
    fy_lag_guard_start(&loop, &guard, count_stall, &stalls);
    (void)uv_timer_init(&loop, &timer);
    (void)uv_timer_init(&loop, &last);
    timer.data = &block_ns;
    last.data = &nothing;
    (void)uv_timer_start(&timer, block, 5, 0);
    (void)uv_timer_start(&last, block, wait_ms, 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(guard.stalls, stalls.count);
    fy_lag_guard_close(&guard);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    return stalls;
}

Test(parts, a_blocked_loop_is_noticed)
{
    struct stalls stalls = stalls_with(30 * 1000000, 60);
    cr_assert_geq(stalls.count, 1u);
    cr_assert_geq(stalls.processor_us, 30000u);
}

Test(parts, a_loop_that_waits_is_told_from_one_that_works)
{
    struct stalls stalls = stalls_with(-30 * 1000000, 60);
    cr_assert_geq(stalls.count, 1u);
    cr_assert_lt(stalls.processor_us, 30000u);
}

/* ---- directories ---- */

Test(parts, state_directory_is_locked_and_the_holder_is_named)
{
    struct fy_error err = FY_ERROR_INIT;
    struct stat st;
    char state[80], pid[16];
    int lock = -1, second = -1;
    (void)snprintf(state, sizeof(state), "%s/state", directory);
    (void)snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
    cr_assert_eq(fy_places_lock_state(state, &lock, &err), 0, "%s", err.message);
    cr_assert_eq(stat(state, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0700u);
    cr_assert_eq(fy_places_lock_state(state, &second, &err), -1);
    cr_assert_eq(err.code, FY_E_BUSY);
    cr_assert_not_null(strstr(err.message, pid), "%s", err.message);
    cr_assert_eq(second, -1);
    (void)close(lock);
    cr_assert_eq(fy_places_lock_state(state, &second, NULL), 0, "the lock goes with its holder");
    (void)close(second);
}

Test(parts, run_directory_must_be_memory_backed)
{
    struct fy_error err = FY_ERROR_INIT;
    struct stat st;
    char run[80];
    (void)snprintf(run, sizeof(run), "%s/run", directory);
    cr_assert_eq(fy_places_make_run(run, &err), 0, "%s", err.message);
    cr_assert_eq(stat(run, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0755u);
    cr_assert_eq(fy_places_make_run("/proc/self", &err), -1);
    cr_assert_eq(err.code, FY_E_UNSUPPORTED);
    cr_assert_neq(err.next[0], '\0');
}

/* ---- access ---- */

Test(parts, unknown_users_and_groups_are_named)
{
    char *users[] = {(char *)"root", (char *)"no-such-user", NULL};
    char *groups[] = {(char *)"no-such-group", NULL};
    char *none[] = {NULL};
    struct fy_access access;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_access_resolve(users, none, &access, &err), -1);
    cr_assert_not_null(strstr(err.message, "no-such-user"), "%s", err.message);
    fy_error_clear(&err);
    cr_assert_eq(fy_access_resolve(none, groups, &access, &err), -1);
    cr_assert_not_null(strstr(err.message, "no-such-group"), "%s", err.message);
}

/* Whether a process of that uid and group can connect to the socket file. */
static bool can_connect(const char *path, uid_t uid, gid_t gid)
{
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
            _exit(2);
        _exit(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

Test(parts, the_sockets_list_admits_exactly_those_named)
{
    uid_t uids[] = {4002, 4001, 4002};
    gid_t gids[] = {5001};
    const struct fy_access access = {.uids = uids, .uid_count = 3, .gids = gids, .gid_count = 1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct fy_error err = FY_ERROR_INIT;
    if (getuid() != 0)
        cr_skip_test("needs root to become other users");
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(chmod(address.sun_path, 0660), 0);
    cr_assert_eq(chmod(directory, 0755), 0);
    cr_assert_eq(listen(fd, 8), 0);
    cr_assert_not(can_connect(address.sun_path, 4001, 4001));
    cr_assert_eq(fy_access_apply(address.sun_path, &access, &err), 0, "%s", err.message);
    cr_assert(can_connect(address.sun_path, 4001, 4001));
    cr_assert(can_connect(address.sun_path, 4002, 4002));
    cr_assert(can_connect(address.sun_path, 4003, 5001));
    cr_assert_not(can_connect(address.sun_path, 4003, 4003));
    (void)close(fd);
}
