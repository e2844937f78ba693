/* The options of CRIU that a migration of `process/PID` uses, the same for dump and restore. */
#ifndef FERRY_AGENT_PROCESS_REQUEST_H
#define FERRY_AGENT_PROCESS_REQUEST_H

#include <ferry/config/plan.h>
#include <ferry/config/settings.h>

#include <criu/rpc.pb-c.h>

/* A request with its options, and the two directories it names. */
struct fy_process_request {
    CriuReq request;
    CriuOpts opts;
    int images_fd;
    int work_fd;
};

/* `log_file` is a plain name in `work_dir`. Close with fy_process_request_done(). */
int fy_process_request_init(struct fy_process_request *request, CriuReqType type, const struct fy_migration_spec *spec,
                            const struct fy_timeouts *timeouts, const char *images_dir, const char *work_dir,
                            const char *log_file, struct fy_error *err);
void fy_process_request_done(struct fy_process_request *request);

#endif
