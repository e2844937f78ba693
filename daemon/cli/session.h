/* One request to ferryd and its replies. */
#ifndef FERRY_CLI_SESSION_H
#define FERRY_CLI_SESSION_H

#include "cli.h"

#include <ferry/transport/frame.h>

enum session_end {
    SESSION_DONE,        /* the last reply has come */
    SESSION_FAILED,      /* ferryd answered with a failure */
    SESSION_UNREACHABLE, /* no connection, or it broke before the last reply */
    SESSION_STOPPED,     /* session_stop() */
};

struct session;

/* Every reply but failures and the empty end; strings are harmless to print unless --json. */
typedef void session_reply_cb(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                              void *data);

struct session_call {
    Ferry__Control__Request *request;                         /* version is filled in */
    session_reply_cb *reply;                                  /* may be NULL */
    void (*interrupted)(struct session *session, void *data); /* SIGINT; NULL: it ends the process */
    void (*tick)(void *data);                                 /* about ten times a second; may be NULL */
    void *data;
};

/* Runs to its end. `err` is set for SESSION_FAILED and SESSION_UNREACHABLE. */
enum session_end session_run(const struct cli *cli, const struct session_call *call, struct fy_error *err);
/* As session_run, then reports the error; the exit code for what happened. */
enum cli_exit session_simple(const struct cli *cli, const struct session_call *call);
/* The same for a request about one job: to show, watch or cancel it. */
enum cli_exit session_about_job(const struct cli *cli, Ferry__Control__Request__KindCase kind, char *job,
                                session_reply_cb *reply, void *data);
/* From inside a callback: hangs up. */
void session_stop(struct session *session);
/* From inside a callback: asks ferryd to cancel the job, on a connection of its own; `failed` (may be NULL) is told if
 * it refuses. */
int session_cancel_job(struct session *session, const char *job, void (*failed)(const struct fy_error *err, void *data),
                       void *data, struct fy_error *err);

#endif
