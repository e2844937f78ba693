/* What the plan says, as CRIU's RPC wants it. */
#include "process_request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int open_directory(const char *path, int *fd, struct fy_error *err)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd < 0 ? fy_error_errno(err, errno, "cannot open %s", path) : 0;
}

static void set_tcp(CriuOpts *opts, enum fy_tcp_mode tcp)
{
    opts->has_tcp_established = 1;
    opts->tcp_established = tcp == FY_TCP_ESTABLISHED;
    opts->has_tcp_close = 1;
    opts->tcp_close = tcp == FY_TCP_CLOSE;
    /* One table for all connections, which can be removed as a whole. */
    opts->has_network_lock = 1;
    opts->network_lock = CRIU_NETWORK_LOCK_METHOD__NFTABLES;
}

static void set_options(CriuOpts *opts, const struct fy_migration_spec *spec, const struct fy_timeouts *timeouts)
{
    opts->has_log_level = 1;
    opts->log_level = 4;
    opts->has_notify_scripts = 1;
    opts->notify_scripts = 1;
    opts->has_timeout = 1;
    opts->timeout = (uint32_t)((timeouts->freeze_ms + 999) / 1000);
    opts->has_file_locks = 1;
    opts->file_locks = spec->file_locks;
    opts->has_shell_job = 1;
    opts->shell_job = spec->shell_job;
    opts->has_ext_unix_sk = 1;
    opts->ext_unix_sk = spec->ext_unix_sockets;
    opts->has_link_remap = 1;
    opts->link_remap = spec->link_remap;
    set_tcp(opts, spec->tcp);
}

int fy_process_request_init(struct fy_process_request *request, CriuReqType type, const struct fy_migration_spec *spec,
                            const struct fy_timeouts *timeouts, const char *images_dir, const char *work_dir,
                            const char *log_file, struct fy_error *err)
{
    criu_req__init(&request->request);
    criu_opts__init(&request->opts);
    request->images_fd = -1;
    request->work_fd = -1;
    if (open_directory(images_dir, &request->images_fd, err) < 0 ||
        open_directory(work_dir, &request->work_fd, err) < 0) {
        fy_process_request_done(request);
        return -1;
    }
    request->request.type = type;
    request->request.opts = &request->opts;
    request->opts.images_dir_fd = request->images_fd;
    request->opts.has_work_dir_fd = 1;
    request->opts.work_dir_fd = request->work_fd;
    request->opts.log_file = (char *)(uintptr_t)log_file;
    set_options(&request->opts, spec, timeouts);
    return 0;
}

void fy_process_request_done(struct fy_process_request *request)
{
    if (request->images_fd >= 0)
        (void)close(request->images_fd);
    if (request->work_fd >= 0)
        (void)close(request->work_fd);
    request->images_fd = -1;
    request->work_fd = -1;
}
