/* One stage's hooks, one after the other.
 *
 *     next hook ── child ── its end: output kept, judged ── next hook … ── done
 *                    └─ deadline, fy_hooks_stop(): TERM, KILL to its process group
 *
 * The one that runs is noted in JOB_DIR/hook by pid and start time, so that a ferryd that was restarted finds it. */
#include "hook.h"

#include "proc.h"

#include <errno.h>
#include <ferry/agent/child.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KILL_AFTER_MS 1000u
#define VARIABLES 11

struct fy_hooks {
    const struct fy_host *host;
    struct fy_hook_facts facts;
    enum fy_hook_stage stage;
    fy_hooks_cb done;
    void *data;
    uv_timer_t starter; /* so that nothing fires from within the start call */
    struct fy_child *child;
    size_t next; /* index of the hook that runs, or comes next */
    bool stopped;
    char *failure_text;
    struct fy_error error;
};

static bool is_of(const struct fy_hook *hook, enum fy_hook_side side, enum fy_hook_stage stage)
{
    return hook->side == side && hook->stage == stage;
}

bool fy_hooks_any(const struct fy_migration_spec *spec, enum fy_hook_side side, enum fy_hook_stage stage)
{
    return fy_hooks_deadline_ms(spec, side, stage) > 0;
}

uint64_t fy_hooks_deadline_ms(const struct fy_migration_spec *spec, enum fy_hook_side side, enum fy_hook_stage stage)
{
    uint64_t total = 0;
    for (size_t i = 0; i < spec->hook_count; i++)
        if (is_of(&spec->hooks[i], side, stage))
            total += spec->hooks[i].deadline_ms + KILL_AFTER_MS;
    return total;
}

/* ---- may it run? ---- */

static bool others_may_change(const struct stat *st)
{
    return (st->st_uid != 0 && st->st_uid != geteuid()) || (st->st_mode & (S_IWGRP | S_IWOTH));
}

static int check_one(const struct fy_host *host, const struct fy_hook *hook, struct fy_error *err)
{
    char path[4096];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", host->settings->hooks_dir, hook->name);
    const char *what = NULL;
    if (stat(path, &st) < 0)
        what = strerror(errno);
    else if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
        what = "it is no executable file";
    else if (others_may_change(&st) || stat(host->settings->hooks_dir, &st) < 0 || others_may_change(&st))
        what = "others than root can change it, or the directory";
    if (!what)
        return 0;
    fy_error_set(err, FY_E_HOOK, "hook %s for %s cannot run on %s: %s: %s", hook->name, fy_hook_stage_name(hook->stage),
                 host->settings->name, path, what);
    return fy_error_next(err, "put an executable that only root can write to %s on %s", path, host->settings->name);
}

int fy_hooks_check(const struct fy_host *host, const struct fy_migration_spec *spec, enum fy_hook_side side,
                   struct fy_error *err)
{
    for (size_t i = 0; i < spec->hook_count; i++)
        if (spec->hooks[i].side == side && check_one(host, &spec->hooks[i], err) < 0)
            return -1;
    return 0;
}

/* ---- what is noted ---- */

static void note(const struct fy_hooks *hooks)
{
    struct fy_process process;
    char path[4096];
    char text[64];
    if (!hooks->facts.job_dir || !fy_process_identify(fy_child_pid(hooks->child), &process))
        return;
    (void)snprintf(path, sizeof path, "%s/hook", hooks->facts.job_dir);
    int size = snprintf(text, sizeof text, "%d %" PRIu64 "\n", (int)process.pid, process.start_ticks);
    (void)fy_fs_write_file(path, text, (size_t)size, 0600, NULL); /* at worst it runs to its own end */
}

static void forget(const struct fy_hooks *hooks)
{
    char path[4096];
    if (!hooks->facts.job_dir)
        return;
    (void)snprintf(path, sizeof path, "%s/hook", hooks->facts.job_dir);
    (void)unlink(path);
}

void fy_hooks_sweep(const char *job_dir)
{
    char path[4096];
    FY_AUTO_FREE char *text = NULL;
    struct fy_process process = {0};
    (void)snprintf(path, sizeof path, "%s/hook", job_dir);
    if (fy_fs_read_file(path, 64, &text, NULL, NULL) < 0)
        return;
    if (sscanf(text, "%d %" SCNu64, &process.pid, &process.start_ticks) == 2 && process.pid > 1 &&
        fy_process_lives(&process))
        (void)kill(-process.pid, SIGKILL);
    (void)unlink(path);
}

/* ---- one hook ---- */

static void run_next(struct fy_hooks *hooks);

static void keep_output(const struct fy_hooks *hooks, const struct fy_child_result *result)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/hook-%s-%s.log", hooks->facts.log_dir, fy_hook_stage_name(hooks->stage),
                   hooks->facts.spec->hooks[hooks->next].name);
    (void)fy_fs_write_file(path, result->output, result->output_size, 0600, NULL);
}

static void judge(struct fy_hooks *hooks, const struct fy_child_result *result)
{
    const struct fy_hook *hook = &hooks->facts.spec->hooks[hooks->next];
    const char *stage = fy_hook_stage_name(hooks->stage);
    const char *side = fy_hook_side_name(hooks->facts.side);
    struct fy_error why = FY_ERROR_INIT;
    char limit[FY_TEXT_SIZE];
    if (hooks->stopped || fy_child_check("it", result, &why) == 0)
        return;
    fy_text_duration(hook->deadline_ms * 1000000, limit);
    if (result->timed_out)
        fy_error_set(&hooks->error, FY_E_HOOK, "hook %s at %s on the %s did not end within %s and was killed",
                     hook->name, stage, side, limit);
    else
        fy_error_set(&hooks->error, FY_E_HOOK, "hook %s at %s on the %s: %.600s", hook->name, stage, side, why.message);
    fy_error_next(&hooks->error,
                  "its output is in hook-%s-%s.log of the job's logs on %s; mend the hook, raise its deadline, or take "
                  "it out of the plan",
                  stage, hook->name, hooks->host->settings->name);
}

static void ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct fy_hooks *hooks = data;
    (void)child;
    hooks->child = NULL;
    forget(hooks);
    keep_output(hooks, result);
    judge(hooks, result);
    hooks->next++;
    run_next(hooks);
}

static int start_one(struct fy_hooks *hooks, const struct fy_hook *hook, struct fy_error *err)
{
    const struct fy_hook_facts *facts = &hooks->facts;
    char path[4096], text[FY_WORKLOAD_TEXT_SIZE], pid[24] = "", buffer[VARIABLES][4096 + 32];
    const char *environment[VARIABLES + 1] = {NULL};
    const char *const argv[] = {path, NULL};
    fy_workload_format(&facts->spec->workload, text);
    if (facts->root_pid > 0)
        (void)snprintf(pid, sizeof pid, "%d", (int)facts->root_pid);
    const struct {
        const char *name, *value;
    } variables[VARIABLES] = {
        {"JOB", facts->job_id},
        {"WORKLOAD", text},
        {"STAGE", fy_hook_stage_name(hooks->stage)},
        {"ROLE", fy_hook_side_name(facts->side)},
        {"HOST", hooks->host->settings->name},
        {"PEER", facts->peer},
        {"IMAGES", facts->images_dir},
        {"LOGS", facts->log_dir},
        {"PID", pid},
        {"HOOK", hook->name},
        {"ERROR", hooks->failure_text},
    };
    for (size_t i = 0; i < VARIABLES; i++) {
        (void)snprintf(buffer[i], sizeof buffer[i], "FERRY_%s=%s", variables[i].name,
                       variables[i].value ? variables[i].value : "");
        environment[i] = buffer[i];
    }
    (void)snprintf(path, sizeof path, "%s/%s", hooks->host->settings->hooks_dir, hook->name);
    struct fy_child_options options = {.argv = argv,
                                       .environment = environment,
                                       .inherit_fd = -1,
                                       .deadline_ms = hook->deadline_ms,
                                       .kill_after_ms = KILL_AFTER_MS,
                                       .whole_group = true};
    return fy_child_start(hooks->host->loop, &options, ended, hooks, &hooks->child, err);
}

/* ---- all of them ---- */

static void starter_closed(uv_handle_t *handle)
{
    struct fy_hooks *hooks = fy_container_of(handle, struct fy_hooks, starter);
    if (hooks->stopped)
        fy_error_set(&hooks->error, FY_E_CANCELLED, "the hooks of %s were given up", fy_hook_stage_name(hooks->stage));
    hooks->done(fy_error_is_set(&hooks->error) ? &hooks->error : NULL, hooks->data);
    free(hooks->failure_text);
    free(hooks);
}

static bool goes_on(const struct fy_hooks *hooks)
{
    bool failed = fy_error_is_set(&hooks->error) && fy_hook_stage_may_abort(hooks->stage);
    return !hooks->stopped && !failed && hooks->next < hooks->facts.spec->hook_count;
}

static void run_next(struct fy_hooks *hooks)
{
    for (; goes_on(hooks); hooks->next++) {
        const struct fy_hook *hook = &hooks->facts.spec->hooks[hooks->next];
        struct fy_error why = FY_ERROR_INIT;
        if (!is_of(hook, hooks->facts.side, hooks->stage))
            continue;
        if (check_one(hooks->host, hook, &why) == 0 && start_one(hooks, hook, &why) == 0) {
            note(hooks);
            return;
        }
        fy_error_propagate(&hooks->error, &why);
        hooks->error.code = FY_E_HOOK;
    }
    uv_close((uv_handle_t *)&hooks->starter, starter_closed);
}

static void begin(uv_timer_t *timer)
{
    run_next(fy_container_of(timer, struct fy_hooks, starter));
}

int fy_hooks_start(const struct fy_host *host, const struct fy_hook_facts *facts, enum fy_hook_stage stage,
                   fy_hooks_cb done, void *data, struct fy_hooks **hooks, struct fy_error *err)
{
    struct fy_hooks *new = calloc(1, sizeof *new);
    if (!new)
        return fy_error_set(err, FY_E_NOMEM, "no memory for running hooks");
    new->host = host;
    new->facts = *facts;
    new->stage = stage;
    new->done = done;
    new->data = data;
    if (facts->failure) /* a peer's words may be among them */
        new->failure_text = fy_text_printable(facts->failure->message, strlen(facts->failure->message));
    (void)uv_timer_init(host->loop, &new->starter);
    (void)uv_timer_start(&new->starter, begin, 0, 0);
    *hooks = new;
    return 0;
}

void fy_hooks_stop(struct fy_hooks *hooks)
{
    hooks->stopped = true;
    if (hooks->child)
        fy_child_terminate(hooks->child);
}

/* ---- a point at which a migration waits ---- */

static void point_done(const struct fy_error *err, void *data)
{
    struct fy_hook_point *point = data;
    point->running = NULL;
    point->then(point->owner, err);
}

void fy_hook_point_run(struct fy_hook_point *point, const struct fy_host *host, const struct fy_hook_facts *facts,
                       enum fy_hook_stage stage, void (*then)(void *owner, const struct fy_error *err), void *owner)
{
    struct fy_error err = FY_ERROR_INIT;
    point->then = then;
    point->owner = owner;
    if (!fy_hooks_any(facts->spec, facts->side, stage))
        then(owner, NULL);
    else if (fy_hooks_start(host, facts, stage, point_done, point, &point->running, &err) < 0)
        then(owner, &err);
}

void fy_hook_point_stop(struct fy_hook_point *point)
{
    if (point->running)
        fy_hooks_stop(point->running);
}
