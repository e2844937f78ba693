/* Ctrl-C, once: the jobs are asked to end and are shown until they have. Twice: they are left alone and go on. */
#include "follow.h"
#include "json_job.h"
#include "session.h"
#include "show.h"

#include <ferry/agent/migrate.h>
#include <ferry/base/cleanup.h>
#include <ferry/daemon/record.h>
#include <string.h>

/* The jobs of one request that have not ended, so that Ctrl-C can reach each. */
struct followed {
    struct followed *next;
    char id[FY_JOB_ID_SIZE];
};

struct following {
    const struct cli *cli;
    const struct follow *how;
    struct show *show;
    struct followed *unfinished;
    unsigned interrupts;
};

/* ---- which jobs ---- */

static struct followed **find(struct following *f, const char *id)
{
    struct followed **at = &f->unfinished;
    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

static void remember(struct following *f, const Ferry__Control__Job *job)
{
    struct followed **at = find(f, job->id);
    bool ended = job->has_ended_us;
    if (*at && ended) {
        struct followed *gone = *at;
        *at = gone->next;
        free(gone);
    } else if (!*at && !ended) {
        *at = calloc(1, sizeof(**at));
        if (*at)
            (void)snprintf((*at)->id, sizeof((*at)->id), "%s", job->id);
    }
}

static void forget_all(struct following *f)
{
    while (f->unfinished) {
        struct followed *gone = f->unfinished;
        f->unfinished = gone->next;
        free(gone);
    }
}

/* ---- events ---- */

static void print_detached(const struct following *f, const Ferry__Control__Job *job)
{
    if (f->cli->json)
        (void)json_print_job(job, true);
    else
        (void)printf("%s\n", job->id);
}

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    (void)frame;
    struct following *f = data;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_JOB)
        return;
    if (f->how->detach) {
        print_detached(f, reply->job);
        session_stop(session);
        return;
    }
    remember(f, reply->job);
    show_job(f->show, reply->job);
}

static void on_tick(void *data)
{
    struct following *f = data;
    show_tick(f->show);
}

static void on_cancel_refused(const struct fy_error *err, void *data)
{
    struct following *f = data;
    show_say(f->show, "ferry: %s\n", err->message);
}

static void cancel_all(struct session *session, struct following *f)
{
    struct fy_error err = FY_ERROR_INIT;
    show_say(f->show, "ferry: asking ferryd to cancel; Ctrl-C again leaves the job to it\n");
    for (const struct followed *job = f->unfinished; job; job = job->next) {
        if (session_cancel_job(session, job->id, on_cancel_refused, f, &err) < 0)
            show_say(f->show, "ferry: %s\n", err.message);
    }
}

static void on_interrupt(struct session *session, void *data)
{
    struct following *f = data;
    if (f->interrupts++ == 0 && f->unfinished) {
        cancel_all(session, f);
        return;
    }
    if (f->unfinished)
        show_say(f->show, "ferry: job %s goes on; see: ferry job watch %s\n", f->unfinished->id, f->unfinished->id);
    session_stop(session);
}

/* ---- the whole ---- */

static enum cli_exit conclude(const struct following *f, enum session_end end, const struct fy_error *err)
{
    if (end == SESSION_DONE)
        return show_exit(f->show);
    if (end == SESSION_STOPPED) /* left by Ctrl-C: how it ends is not known here */
        return f->how->detach ? CLI_DONE : CLI_FAILED;
    cli_report(f->cli, err);
    return end == SESSION_UNREACHABLE ? CLI_NO_AGENT : CLI_FAILED;
}

enum cli_exit follow_run(const struct cli *cli, const struct follow *follow)
{
    struct fy_error err = FY_ERROR_INIT;
    struct following f = {.cli = cli, .how = follow, .show = show_new(cli, follow->lines)};
    if (!f.show) {
        fy_error_set(&err, FY_E_NOMEM, "no memory");
        cli_report(cli, &err);
        return CLI_FAILED;
    }
    struct session_call call = {
        .request = follow->request,
        .reply = on_reply,
        .interrupted = follow->cancels ? on_interrupt : NULL,
        .tick = cli->json ? NULL : on_tick,
        .data = &f,
    };
    enum cli_exit code = conclude(&f, session_run(cli, &call, &err), &err);
    forget_all(&f);
    show_free(f.show);
    return code;
}
