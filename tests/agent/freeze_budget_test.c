/* The freeze budget of a checkpoint, with a CRIU that is played: it goes on when the test says so, never by the clock.
 */
#include "checkpoint_op.h"
#include "fork_child.h"

#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NEVER_MS 3600000u

static uv_loop_t loop;
static char directory[64], log_dir[96], store_dir[96], go[96];
static char criu[] = TEST_SOURCE_DIR "/played-criu", name[] = "near";
static struct fy_settings settings;
static struct fy_host host = {.loop = &loop, .settings = &settings};
static struct fy_checkpoint_store *store;
static struct fy_checkpoint_op *op;
static pid_t workload;

static struct {
    bool frozen, ended;
    struct fy_migration_report report;
} seen;

static void set_up(void)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)snprintf(directory, sizeof directory, "/tmp/ferry-budget-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(log_dir, sizeof log_dir, "%s/log", directory);
    (void)snprintf(store_dir, sizeof store_dir, "%s/store", directory);
    (void)snprintf(go, sizeof go, "%s/go", directory);
    cr_assert_eq(mkdir(log_dir, 0700), 0);
    cr_assert_eq(uv_loop_init(&loop), 0);
    settings = (struct fy_settings){.criu = criu, .run_dir = directory, .name = name};
    settings.timeouts = (struct fy_timeouts){.freeze_ms = NEVER_MS, .dump_ms = NEVER_MS, .restore_ms = NEVER_MS};
    const struct fy_checkpoint_store_options options = {.directory = store_dir, .scratch = directory, .max_chain = 8};
    cr_assert_eq(fy_checkpoint_store_open(&options, &store, &err), 0, "%s", err.message);
    (void)setenv("PLAYED_CRIU", "wait", 1);
    (void)setenv("PLAYED_GO", go, 1);
    workload = fork_idle_child();
}

static void tear_down(void)
{
    (void)kill(workload, SIGKILL);
    (void)waitpid(workload, NULL, 0);
    fy_checkpoint_store_close(store);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(freeze_budget, .init = set_up, .fini = tear_down);

static void changed(struct fy_checkpoint_op *of, const struct fy_migration_report *report, void *data)
{
    (void)of;
    (void)data;
    seen.frozen = seen.frozen || strcmp(report->workload_state, "frozen here") == 0;
}

static void ended(struct fy_checkpoint_op *of, const struct fy_migration_report *report, void *data)
{
    (void)of;
    (void)data;
    seen.ended = true;
    seen.report = *report;
}

static void start(uint64_t budget_ms)
{
    static const struct fy_checkpoint_events events = {.changed = changed, .ended = ended};
    const struct fy_checkpoint_op_options options = {
        .host = &host, .store = store, .job_id = "job", .log_dir = log_dir, .events = &events};
    struct fy_checkpoint_create what = {.id = "c-1", .leave_running = true};
    struct fy_error err = FY_ERROR_INIT;
    fy_migration_spec_init(&what.spec);
    what.spec.workload.kind = FY_WORKLOAD_PROCESS;
    (void)snprintf(what.spec.workload.id, sizeof what.spec.workload.id, "%d", (int)workload);
    what.spec.max_freeze_ms = budget_ms;
    cr_assert_eq(fy_checkpoint_create_start(&options, &what, &op, &err), 0, "%s", err.message);
}

static void let_criu_go_on(void)
{
    cr_assert_eq(fy_fs_write_file(go, "", 0, 0600, NULL), 0);
}

static void run_until(const bool *condition)
{
    while (!*condition)
        cr_assert(uv_run(&loop, UV_RUN_ONCE) || *condition, "nothing left to do");
}

static void expect_nothing_stored(void)
{
    struct fy_checkpoint_mark mark;
    cr_expect_eq(fy_checkpoint_look(store, "c-1", &mark, NULL), -1);
    cr_expect_eq(kill(workload, 0), 0, "the workload is gone");
}

Test(freeze_budget, what_takes_longer_is_given_up)
{
    start(20);
    run_until(&seen.frozen);
    while (!atomic_load(&op->progress.cancelled)) /* which the budget does; CRIU does nothing meanwhile */
        cr_assert(uv_run(&loop, UV_RUN_ONCE), "nothing left to do");
    cr_expect_not(seen.ended, "before CRIU has let it go");
    let_criu_go_on();
    run_until(&seen.ended);
    cr_expect_eq(seen.report.state, FY_MIGRATION_FAILED);
    cr_expect_eq(seen.report.error.code, FY_E_TIMEOUT, "%s", seen.report.error.message);
    cr_expect(strstr(seen.report.error.message, "freeze budget of 20ms"), "%s", seen.report.error.message);
    cr_expect(strstr(seen.report.error.next, "it runs on"), "%s", seen.report.error.next);
    cr_expect_str_eq(seen.report.workload_state, "runs here");
    cr_expect_geq(seen.report.downtime_us, 20000);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    expect_nothing_stored();
}

/* No images are written by the played one, which is what fails; not the budget. */
static void expect_no_word_of_a_budget(void)
{
    run_until(&seen.frozen);
    let_criu_go_on();
    run_until(&seen.ended);
    cr_expect_eq(seen.report.state, FY_MIGRATION_FAILED);
    cr_expect_neq(seen.report.error.code, FY_E_TIMEOUT, "%s", seen.report.error.message);
    cr_expect_not(strstr(seen.report.error.message, "budget"), "%s", seen.report.error.message);
    (void)uv_run(&loop, UV_RUN_DEFAULT); /* the timer does not keep the loop */
    expect_nothing_stored();
}

Test(freeze_budget, what_takes_no_longer_is_not)
{
    start(NEVER_MS);
    expect_no_word_of_a_budget();
}

Test(freeze_budget, there_may_be_none)
{
    start(0);
    expect_no_word_of_a_budget();
}
