/* `ferry hold SOCKET JOB TOKEN`, run by CRIU's action script: says the stage, waits for the verdict.
 *
 * It blocks for as long as ferryd likes; that is the hold. When ferryd dies the socket closes and the verdict is a
 * veto, so that nothing that nobody decided stays. */
#include <ferry/agent/hold.h>

#include "hold_protocol.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define VETO 1

static int connect_to(const char *path, int *fd_out, struct fy_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return fy_error_set(err, FY_E_LIMIT, "the path %s is too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    FY_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int reason = errno;
        fy_error_set(err, FY_E_UNREACHABLE, "cannot reach ferryd at %s: %s", path, strerror(reason));
        return fy_error_next(err, "is ferryd running? Without it nobody can decide, so CRIU is told to undo");
    }
    *fd_out = fd;
    fd = -1;
    return 0;
}

static int say_stage(int fd, const char *job_id, const char *token, struct fy_error *err)
{
    char line[FY_HOLD_LINE_SIZE];
    uint64_t init_pid = 0;
    const char *stage = getenv("CRTOOLS_SCRIPT_ACTION");
    const char *init_pid_text = getenv("CRTOOLS_INIT_PID");
    if (!stage || !*stage) {
        fy_error_set(err, FY_E_USAGE, "CRTOOLS_SCRIPT_ACTION is not set");
        return fy_error_next(err, "this command is run by CRIU, not by hand");
    }
    if (init_pid_text && !fy_text_parse_uint(init_pid_text, INT32_MAX, &init_pid))
        return fy_error_set(err, FY_E_USAGE, "CRTOOLS_INIT_PID is no process id: %.32s", init_pid_text);
    int size = snprintf(line, sizeof(line), "%s %s %s %d\n", job_id, token, stage, (int)init_pid);
    if (size < 0 || (size_t)size >= sizeof(line))
        return fy_error_set(err, FY_E_LIMIT, "the stage '%.64s' of job '%.64s' is too long", stage, job_id);
    if (send(fd, line, (size_t)size, MSG_NOSIGNAL) != size)
        return fy_error_errno(err, errno, "cannot tell ferryd the stage %s", stage);
    return 0;
}

int fy_hold_client_run(const char *socket_path, const char *job_id, const char *token, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = -1;
    char verdict = '1';
    if (connect_to(socket_path, &fd, err) < 0 || say_stage(fd, job_id, token, err) < 0)
        return VETO;
    ssize_t count;
    do
        count = recv(fd, &verdict, 1, 0);
    while (count < 0 && errno == EINTR);
    if (count <= 0) {
        fy_error_set(err, FY_E_UNREACHABLE, "ferryd went away while job %s was held", job_id);
        return VETO;
    }
    return verdict == '0' ? 0 : VETO;
}
