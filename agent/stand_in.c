/* `criu swrk FD`, as runc and podman run it: one request waits in the socket. It is looked at without taking it, so
 * that the real CRIU still finds it there. */
#include <ferry/agent/stand_in.h>

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <criu/rpc.pb-c.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define REQUEST_LIMIT_BYTES ((size_t)1024 * 1024)

static int become_criu(char **criu_argv, struct fy_error *err)
{
    (void)execv(criu_argv[0], criu_argv);
    return fy_error_errno(err, errno, "cannot run %s", criu_argv[0]);
}

/* -1: not known, and CRIU itself will say what is wrong. */
static int peek_request_type(int fd)
{
    FY_AUTO_FREE uint8_t *bytes = malloc(REQUEST_LIMIT_BYTES);
    if (!bytes)
        return -1;
    ssize_t size = recv(fd, bytes, REQUEST_LIMIT_BYTES, MSG_PEEK | MSG_TRUNC);
    if (size <= 0 || (size_t)size > REQUEST_LIMIT_BYTES)
        return -1;
    CriuReq *request = criu_req__unpack(NULL, (size_t)size, bytes);
    int type = request ? (int)request->type : -1;
    criu_req__free_unpacked(request, NULL);
    return type;
}

/* Returns the script's exit status. */
static int run_script(const char *script, struct fy_error *err)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        return fy_error_errno(err, errno, "cannot run %s", script);
    if (pid == 0) {
        (void)setenv("CRTOOLS_SCRIPT_ACTION", FY_STAND_IN_STAGE, 1);
        (void)execl(script, script, (char *)NULL);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fy_error_errno(err, errno, "cannot wait for %s", script);
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return fy_error_set(err, FY_E_CHILD, "%s was killed", script);
}

static int respond(int fd, bool success, struct fy_error *err)
{
    uint8_t bytes[64];
    CriuResp response = CRIU_RESP__INIT;
    CriuDumpResp dump = CRIU_DUMP_RESP__INIT;
    response.type = CRIU_REQ_TYPE__DUMP;
    response.success = success;
    response.dump = &dump;
    size_t size = criu_resp__pack(&response, bytes);
    /* A request that is left in the socket would reset the connection when we end, and the answer with it. */
    (void)recv(fd, bytes + size, sizeof(bytes) - size, MSG_TRUNC);
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        return fy_error_errno(err, errno, "cannot answer the runtime");
    return 0;
}

int fy_stand_in_run(const char *script, char **criu_argv, struct fy_error *err)
{
    uint64_t fd = 0;
    if (!criu_argv[0] || !criu_argv[1] || strcmp(criu_argv[1], "swrk") != 0 || !criu_argv[2] ||
        !fy_text_parse_uint(criu_argv[2], INT32_MAX, &fd) || peek_request_type((int)fd) != CRIU_REQ_TYPE__DUMP)
        return become_criu(criu_argv, err) < 0;
    int verdict = run_script(script, err);
    if (respond((int)fd, verdict == 0, err) < 0)
        return 1;
    return verdict != 0;
}
