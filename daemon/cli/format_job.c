/* Lines and blocks about jobs. Building a text only fails without memory, so appends are checked once, at the end. */
#include "format_job.h"
#include "listing.h"
#include "table_shape.h"
#include "wrap.h"

#include <ferry/base/text.h>
#include <ferry/daemon/record.h>
#include <stdio.h>
#include <string.h>

/* ---- one line ---- */

#define SHORT_NAME 16u

/* What the line of a job's progress lacks, the narrower the more. */
enum { NOTHING_LEFT_OUT, NO_FILLING, NO_STATE, NO_BYTES, NO_RATE, SHORTER_NAME, NO_TIME, NARROWEST };

static void append(char line[FORMAT_LINE_SIZE], const char *text)
{
    size_t used = strlen(line);
    (void)snprintf(line + used, FORMAT_LINE_SIZE - used, "%s%s", used && text[0] ? "  " : "", text);
}

static void append_bytes(char line[FORMAT_LINE_SIZE], const Ferry__Control__Job *job, int lacks)
{
    char sent[FY_TEXT_SIZE], total[FY_TEXT_SIZE], piece[4 * FY_TEXT_SIZE];
    bool has_total = job->bytes_total >= job->bytes_sent;
    if (!job->bytes_sent)
        return;
    fy_text_bytes(job->bytes_sent, sent);
    fy_text_bytes(job->bytes_total, total);
    (void)snprintf(piece, sizeof(piece), "%s%s%s", sent, has_total ? " of " : "", has_total ? total : "");
    if (!has_total || lacks < NO_BYTES)
        append(line, piece);
    (void)snprintf(piece, sizeof(piece), "%u %%",
                   has_total ? (unsigned)((double)job->bytes_sent * 100.0 / (double)job->bytes_total) : 0);
    append(line, has_total ? piece : "");
    fy_text_bytes(job->rate_bytes, sent);
    (void)snprintf(piece, sizeof(piece), "%s/s", sent);
    append(line, job->rate_bytes && lacks < NO_RATE ? piece : "");
}

static void append_name(char line[FORMAT_LINE_SIZE], const char *name, int lacks)
{
    const struct table_column column = {.shortens = true, .width = lacks < SHORTER_NAME ? SIZE_MAX : SHORT_NAME};
    struct table_piece piece = table_shape_cut(&column, name, strlen(name));
    char text[FORMAT_LINE_SIZE];
    (void)snprintf(text, sizeof(text), "%.*s%s%.*s", (int)piece.head_size, piece.head, piece.shortened ? "\u2026" : "",
                   (int)piece.tail_size, piece.tail);
    append(line, text);
}

static void line_of(const Ferry__Control__Job *job, uint64_t elapsed_us, int lacks, bool named,
                    char line[FORMAT_LINE_SIZE])
{
    char elapsed[FY_TEXT_SIZE], state[32];
    const char *phase = fy_job_phase_name(job);
    fy_text_duration(elapsed_us * 1000, elapsed);
    (void)snprintf(state, sizeof(state), "%-*s", lacks < NO_FILLING ? 14 : 0, fy_job_state_name(job->state));
    line[0] = '\0';
    if (named)
        append_name(line, job->workload, lacks);
    append(line, phase && lacks >= NO_STATE ? "" : state);
    append(line, phase ? phase : "");
    append_bytes(line, job, lacks);
    append(line, lacks < NO_TIME ? elapsed : "");
}

void format_progress(const Ferry__Control__Job *job, uint64_t elapsed_us, size_t width, bool named,
                     char line[FORMAT_LINE_SIZE])
{
    int lacks = NOTHING_LEFT_OUT;
    do
        line_of(job, elapsed_us, lacks++, named, line);
    while (lacks < NARROWEST && wrap_columns(line, strlen(line)) > width);
    size_t size = strlen(line);
    while (wrap_columns(line, size) > width || ((unsigned char)line[size] & 0xc0) == 0x80)
        size--;
    line[size] = '\0';
}

/* ---- a block ---- */

static void put_field(struct fy_buf *text, const char *name, const char *value, struct fy_error *err)
{
    (void)fy_buf_printf(text, err, "  %-10s %s\n", name, value);
}

static void put_bytes(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    char total[FY_TEXT_SIZE], sent[FY_TEXT_SIZE], wire[FY_TEXT_SIZE], again[FY_TEXT_SIZE];
    if (!job->bytes_total && !job->bytes_sent)
        return;
    fy_text_bytes(job->bytes_total, total);
    fy_text_bytes(job->bytes_sent, sent);
    fy_text_bytes(job->wire_bytes, wire);
    fy_text_bytes(job->wire_again_bytes, again);
    (void)fy_buf_printf(text, err, "  %-10s %s, %s transferred, %s on the wire%s%s\n", "image set",
                        job->bytes_total ? total : "size not known", sent, wire,
                        job->wire_again_bytes ? ", of them sent again " : "", job->wire_again_bytes ? again : "");
}

static void put_pages(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    char zero[FY_TEXT_SIZE], duplicate[FY_TEXT_SIZE], compressed[FY_TEXT_SIZE], plain[FY_TEXT_SIZE];
    if (!job->pages)
        return;
    fy_text_bytes(job->pages->zero_bytes, zero);
    fy_text_bytes(job->pages->duplicate_bytes, duplicate);
    fy_text_bytes(job->pages->compressed_bytes, compressed);
    fy_text_bytes(job->pages->plain_bytes, plain);
    (void)fy_buf_printf(text, err, "  %-10s zero %s, duplicate %s, compressed %s, as they are %s\n", "pages", zero,
                        duplicate, compressed, plain);
}

static void put_phases(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    for (size_t i = 0; i < job->n_phases; i++) {
        char duration[FY_TEXT_SIZE] = "goes on";
        const Ferry__Control__Phase *phase = job->phases[i];
        if (phase->has_duration_us)
            fy_text_duration(phase->duration_us * 1000, duration);
        (void)fy_buf_printf(text, err, "%s%s %s", i == 0 ? "  phases     " : ", ", phase->name, duration);
    }
    if (job->n_phases)
        (void)fy_buf_printf(text, err, "\n");
}

static bool preflight_matters(const Ferry__Control__Job *job)
{
    for (size_t i = 0; i < job->n_preflight; i++) {
        if (!job->preflight[i]->ok)
            return true;
    }
    return job->has_dry_run && job->dry_run;
}

static void put_preflight(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    if (!preflight_matters(job))
        return;
    for (size_t i = 0; i < job->n_preflight; i++) {
        const Ferry__Control__PreflightItem *item = job->preflight[i];
        (void)fy_buf_printf(text, err, "  %-10s %s  %s%s%s\n", i == 0 ? "preflight" : "", item->ok ? "ok " : "NO ",
                            item->name, item->detail ? ": " : "", item->detail ? item->detail : "");
        if (!item->ok && item->next)
            (void)fy_buf_printf(text, err, "  %-10s        next: %s\n", "", item->next);
    }
}

static void put_times(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    char duration[FY_TEXT_SIZE];
    if (job->elapsed_us) {
        fy_text_duration(job->elapsed_us * 1000, duration);
        put_field(text, "total", duration, err);
    }
    if (!job->has_downtime_us)
        return;
    fy_text_duration(job->downtime_us * 1000, duration);
    put_field(text, "downtime", duration, err);
}

static void put_switchover(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    const Ferry__Control__Switchover *switchover = job->switchover;
    if (!switchover)
        return;
    put_field(text, "stands at", switchover->phase, err);
    put_field(text, "durable", switchover->durable, err);
    put_field(text, "here", switchover->here, err);
    put_field(text, "there", switchover->there, err);
    put_field(text, "by itself", switchover->next, err);
    put_field(text, "a restart", switchover->crash, err);
}

static void put_logs(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    if (job->log_dir && job->n_logs)
        put_field(text, "logs", job->log_dir, err);
}

static void put_failure(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    if (!job->failure)
        return;
    put_field(text, "cause", job->failure->message, err);
    if (job->failure->next)
        put_field(text, "next", job->failure->next, err);
}

static void put_task_title(struct fy_buf *text, const Ferry__Control__Job *job, const struct format_style *style,
                           struct fy_error *err)
{
    (void)fy_buf_printf(text, err, "%s%s%s: %s of %s%s%s\n", style->bold, fy_job_state_name(job->state), style->plain,
                        fy_job_kind_name(job), job->workload, job->peer[0] ? ", to " : "", job->peer);
}

int format_job(struct fy_buf *text, const Ferry__Control__Job *job, const struct format_style *style,
               struct fy_error *err)
{
    bool is_source = job->role == FERRY__CONTROL__JOB_ROLE__SOURCE;
    bool dry_run = job->has_dry_run && job->dry_run;
    size_t before = text->size;
    if (job->has_kind && job->kind != FERRY__CONTROL__JOB_KIND__MIGRATION)
        put_task_title(text, job, style, err);
    else
        (void)fy_buf_printf(text, err, "%s%s%s: %s %s %s%s\n", style->bold, fy_job_state_name(job->state), style->plain,
                            job->workload, is_source ? "to" : "from", job->peer, dry_run ? ", dry run" : "");
    if (job->workload_state)
        put_field(text, "workload", job->workload_state, err);
    /* One that was not made has a name, and is nowhere. */
    bool unmade = job->state == FERRY__CONTROL__JOB_STATE__FAILED && job->has_kind &&
                  job->kind == FERRY__CONTROL__JOB_KIND__CHECKPOINT;
    if (job->checkpoint && !unmade)
        put_field(text, "checkpoint", job->checkpoint, err);
    put_field(text, "job", job->id, err);
    if (job->plan)
        put_field(text, "plan", job->plan, err);
    if (job->group)
        put_field(text, "group", job->group, err);
    put_times(text, job, err);
    put_bytes(text, job, err);
    put_pages(text, job, err);
    put_phases(text, job, err);
    put_switchover(text, job, err);
    put_preflight(text, job, err);
    if (style->with_cause)
        put_failure(text, job, err);
    put_logs(text, job, err);
    if (text->size > before && text->data[text->size - 1] == '\n')
        return 0;
    return fy_error_set(err, FY_E_NOMEM, "no memory for describing job %s", job->id);
}

/* ---- the list ---- */

int format_job_row(struct fy_buf *text, const Ferry__Control__Job *job, struct fy_error *err)
{
    if (!job)
        return fy_buf_printf(text, err, "JOB\tSTATE\t~WORKLOAD\t~WHAT\t-CREATED\t->TOOK\t->BYTES\n");
    static const char checkpoint[] = "checkpoint/";
    char created[LISTING_TIME_SIZE], took[FY_TEXT_SIZE], bytes[FY_TEXT_SIZE], peer[128];
    listing_cell_time(job->created_us, created);
    fy_text_duration(job->elapsed_us * 1000, took);
    fy_text_bytes(job->bytes_sent, bytes);
    if (job->has_kind && job->kind != FERRY__CONTROL__JOB_KIND__MIGRATION)
        (void)snprintf(peer, sizeof(peer), "%s%s%s", fy_job_kind_name(job), job->peer[0] ? " to " : "", job->peer);
    else
        (void)snprintf(peer, sizeof(peer), "%s %s", job->role == FERRY__CONTROL__JOB_ROLE__SOURCE ? "to" : "from",
                       job->peer);
    /* checkpoint/c-20261126-002335-e775: the id stays whole. */
    bool of_checkpoint = strncmp(job->workload, checkpoint, strlen(checkpoint)) == 0;
    const char *name = job->workload + (of_checkpoint ? strlen(checkpoint) : 0);
    return fy_buf_printf(text, err, "%s\t%s\t%s%s%s\t%s\t%s\t%s\t%s\n", job->id, fy_job_state_name(job->state),
                         of_checkpoint ? checkpoint : "", of_checkpoint ? TABLE_MARK : "", name, peer, created, took,
                         job->bytes_sent ? bytes : "-");
}

/* ---- how it ended ---- */

enum cli_exit exit_of_job(const Ferry__Control__Job *job)
{
    if (job->state == FERRY__CONTROL__JOB_STATE__COMPLETED)
        return CLI_DONE;
    if (job->state == FERRY__CONTROL__JOB_STATE__CANCELLED)
        return CLI_CANCELLED;
    if (job->failure && fy_code_from_name(job->failure->code) == FY_E_VERIFY)
        return CLI_NOT_VERIFIED;
    return CLI_FAILED;
}

void error_of_job(const Ferry__Control__Job *job, struct fy_error *err)
{
    if (!job->failure)
        return;
    fy_error_set(err, fy_code_from_name(job->failure->code), "%s: %s", job->workload, job->failure->message);
    if (job->failure->next)
        fy_error_next(err, "%s", job->failure->next);
}
