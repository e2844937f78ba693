/* One call of `runc checkpoint` or `runc restore`, or of `podman container restore`, held through an action script. */
#ifndef FERRY_AGENT_RUNC_CALL_H
#define FERRY_AGENT_RUNC_CALL_H

#include <ferry/agent/child.h>
#include <ferry/agent/driver.h>

#include "proc.h"

struct fy_runc_call;

struct fy_runc_call_options {
    const struct fy_host *host;
    const struct fy_migration_spec *spec;
    const char *job_id;
    const char *work_dir;         /* receives runc-VERB.log; a directory for the call is made in it and removed */
    const char *verb;             /* "checkpoint" or "restore" */
    const char *id;               /* of the container */
    const char *const *arguments; /* what the verb takes beside the plan's options; NULL-terminated */
    const char *const *podman;    /* NULL, or podman's whole command line, in the place of id and arguments */
};

struct fy_runc_call_events {
    void (*stage)(const char *stage, pid_t init_pid, void *data);
    /* Exactly once: runc has ended, CRIU and the script too (or they were killed). `words`: what runc says last in its
     * log, "" for nothing. */
    void (*ended)(bool success, const char *words, void *data);
};

int fy_runc_call_start(const struct fy_runc_call_options *options, const struct fy_runc_call_events *events, void *data,
                       struct fy_runc_call **call, struct fy_error *err);
/* Answers the stage that waits. */
void fy_runc_call_answer(struct fy_runc_call *call, bool go_on);
/* SIGTERM, later SIGKILL, to runc; its CRIU then gets a veto. */
void fy_runc_call_terminate(struct fy_runc_call *call);
/* Below it is all that works for the call: runc itself, or podman's conmon once CRIU has come to its first stage. */
pid_t fy_runc_call_pid(const struct fy_runc_call *call);

#endif
