/* The live line is erased before anything else is printed and drawn again in one write, so that nothing flickers. */
#include "show.h"
#include "format_job.h"
#include "json_job.h"
#include "terminal.h"
#include "wrap.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <ferry/daemon/record.h>
#include <stdarg.h>
#include <string.h>

#define ERASE_LINE "\r\033[K"

struct show {
    const struct cli *cli;
    bool lines;
    bool live;
    bool drawn;                /* the live line stands there */
    struct fy_record *current; /* the job that the live line shows */
    uint64_t current_since_ns; /* when its record came */
    char last_step[FORMAT_LINE_SIZE];
    enum cli_exit exit;
};

struct show *show_new(const struct cli *cli, bool lines)
{
    struct show *show = calloc(1, sizeof(*show));
    if (!show)
        return NULL;
    show->cli = cli;
    show->lines = lines;
    show->live = !cli->json && terminal_is_live();
    return show;
}

enum cli_exit show_exit(const struct show *show)
{
    return show->exit;
}

/* ---- the live line ---- */

static void erase(struct show *show)
{
    if (show->drawn)
        (void)fputs(ERASE_LINE, stdout);
    show->drawn = false;
}

void show_free(struct show *show)
{
    if (!show)
        return;
    erase(show);
    (void)fflush(stdout);
    fy_record_unref(show->current);
    free(show);
}

static void draw(struct show *show)
{
    char line[FORMAT_LINE_SIZE];
    if (!show->live || !show->current || fy_record_ended(show->current))
        return;
    const Ferry__Control__Job *job = show->current->job;
    uint64_t since_us = (fy_clock_monotonic_ns() - show->current_since_ns) / 1000;
    bool begun = job->state != FERRY__CONTROL__JOB_STATE__QUEUED;
    /* One column stays free: a full line would wrap on some terminals. */
    format_progress(job, begun ? job->elapsed_us + since_us : 0, terminal_width() - 1, true, line);
    (void)printf("\r%s\033[K", line);
    (void)fflush(stdout);
    show->drawn = true;
}

void show_tick(struct show *show)
{
    draw(show);
}

void show_say(struct show *show, const char *format, ...)
{
    va_list arguments;
    erase(show);
    (void)fflush(stdout);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    draw(show);
}

/* ---- what is printed once ---- */

static const char *bold_of(const Ferry__Control__Job *job)
{
    if (!terminal_has_colour())
        return "";
    if (job->state == FERRY__CONTROL__JOB_STATE__COMPLETED)
        return "\033[1;32m";
    if (job->state == FERRY__CONTROL__JOB_STATE__FAILED)
        return "\033[1;31m";
    return job->state == FERRY__CONTROL__JOB_STATE__CANCELLED ? "\033[1;33m" : "\033[1m";
}

static void print_block(const Ferry__Control__Job *job, bool with_cause)
{
    struct fy_buf text;
    struct fy_error err = FY_ERROR_INIT;
    const char *bold = bold_of(job);
    const struct format_style style = {bold, bold[0] ? "\033[0m" : "", with_cause};
    fy_buf_init(&text, 0);
    if (format_job(&text, job, &style, &err) == 0)
        wrap_write(stdout, (const char *)text.data, text.size);
    else
        (void)fprintf(stderr, "ferry: %s\n", err.message);
    fy_buf_done(&text);
}

enum cli_exit show_block(const struct cli *cli, const Ferry__Control__Job *job)
{
    if (cli->json)
        return json_print_job(job, true) < 0 ? CLI_FAILED : CLI_DONE;
    print_block(job, true);
    return CLI_DONE;
}

void show_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame, void *data)
{
    (void)session;
    (void)frame;
    const struct cli *cli = data;
    if (reply->kind_case == FERRY__CONTROL__REPLY__KIND_JOB)
        (void)show_block(cli, reply->job);
}

static void print_step(struct show *show, const Ferry__Control__Job *job)
{
    char step[FORMAT_LINE_SIZE], elapsed[FY_TEXT_SIZE];
    const char *phase = fy_job_phase_name(job);
    (void)snprintf(step, sizeof(step), "%s %s%s%s", job->id, fy_job_state_name(job->state), phase ? ", " : "",
                   phase ? phase : "");
    if (strcmp(step, show->last_step) == 0)
        return;
    (void)snprintf(show->last_step, sizeof(show->last_step), "%s", step);
    fy_text_duration(job->elapsed_us * 1000, elapsed);
    (void)printf("%s: %s (%s)\n", step, job->workload, elapsed);
    (void)fflush(stdout);
}

static void end_job(struct show *show, const Ferry__Control__Job *job)
{
    struct fy_error err = FY_ERROR_INIT;
    enum cli_exit code = exit_of_job(job);
    if (show->exit == CLI_DONE)
        show->exit = code;
    erase(show);
    if (show->cli->json) {
        if (!show->lines)
            (void)json_print_job(job, true);
    } else {
        print_block(job, false);
        (void)fflush(stdout);
    }
    if (code == CLI_DONE || !job->failure)
        return;
    static const struct cli said_already = {.json = false};
    error_of_job(job, &err);
    cli_report(&said_already, &err);
}

/* ---- a job says something ---- */

/* The live line shows the job that moves; a queued one only when there is no other. */
static void make_current(struct show *show, const Ferry__Control__Job *job)
{
    bool shows_other = show->current && !fy_record_ended(show->current) && strcmp(show->current->job->id, job->id) != 0;
    if (shows_other && job->state == FERRY__CONTROL__JOB_STATE__QUEUED)
        return;
    struct fy_record *record = fy_record_new(job, NULL);
    if (!record)
        return;
    fy_record_unref(show->current);
    show->current = record;
    show->current_since_ns = fy_clock_monotonic_ns();
}

void show_job(struct show *show, const Ferry__Control__Job *job)
{
    make_current(show, job);
    if (show->cli->json && show->lines) {
        (void)json_print_job(job, false);
        (void)fflush(stdout);
    }
    if (job->state == FERRY__CONTROL__JOB_STATE__COMPLETED || job->state == FERRY__CONTROL__JOB_STATE__FAILED ||
        job->state == FERRY__CONTROL__JOB_STATE__CANCELLED)
        end_job(show, job);
    else if (!show->cli->json && !show->live)
        print_step(show, job);
    draw(show);
}
