/* CRIU as it should not behave, played by played-criu: the RPC, the question for its version, and dumps that fail. */
#include <criterion/criterion.h>

#include "fork_child.h"

#include <ferry/agent/driver.h>
#include <ferry/base/fs.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uv_loop_t loop;
static char directory[64];
static char criu[] = TEST_SOURCE_DIR "/played-criu";
static struct fy_settings settings;
static struct fy_host host = {.loop = &loop, .settings = &settings};
static struct fy_migration_spec spec;
static pid_t workload;

static struct {
    int done;
    int freezing;
    int held;
    int version;
    enum fy_workload_state state;
    struct fy_error err;
    bool resume_when_freezing;
} seen;

static void set_up(void)
{
    (void)snprintf(directory, sizeof(directory), "/tmp/ferry-criu-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(uv_loop_init(&loop), 0);
    settings = (struct fy_settings){.criu = criu, .run_dir = directory};
    settings.timeouts = (struct fy_timeouts){.freeze_ms = 1000, .dump_ms = 60000, .restore_ms = 60000};
    workload = fork_idle_child();
    fy_migration_spec_init(&spec);
    spec.workload.kind = FY_WORKLOAD_PROCESS;
    (void)snprintf(spec.workload.id, sizeof(spec.workload.id), "%d", (int)workload);
}

static void tear_down(void)
{
    kill(workload, SIGKILL);
    (void)waitpid(workload, NULL, 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(criu, .init = set_up, .fini = tear_down);

/* ---- version ---- */

static void version_known(int version, const struct fy_error *err, void *data)
{
    (void)data;
    seen.done++;
    seen.version = version;
    fy_error_propagate(&seen.err, err);
}

static void ask_version(const char *part)
{
    setenv("PLAYED_CRIU", part, 1);
    cr_assert_eq(fy_criu_version(&host, version_known, NULL, NULL), 0);
    cr_assert_eq(seen.done, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(seen.done, 1);
}

Test(criu, of_a_new_one_the_version_is_told)
{
    ask_version("new");
    cr_assert_eq(seen.version, 40201);
    cr_assert_eq(seen.err.code, FY_OK);
}

Test(criu, an_old_one_is_refused_with_the_next_step)
{
    ask_version("old");
    cr_assert_eq(seen.err.code, FY_E_UNSUPPORTED);
    cr_assert_not_null(strstr(seen.err.message, "3.17.1"));
    cr_assert(seen.err.next[0] != '\0');
}

Test(criu, one_that_dies_is_quoted)
{
    ask_version("die");
    cr_assert_eq(seen.err.code, FY_E_UNSUPPORTED);
    cr_assert_not_null(strstr(seen.err.message, "status 9: a word before the end"), "%s", seen.err.message);
}

Test(criu, one_that_says_nothing_is_no_criu)
{
    ask_version("leave");
    cr_assert_eq(seen.err.code, FY_E_UNSUPPORTED);
}

Test(criu, one_that_talks_nonsense_is_no_criu)
{
    ask_version("garbage");
    cr_assert_eq(seen.err.code, FY_E_UNSUPPORTED);
    cr_assert_not_null(strstr(seen.err.message, "none of its RPC"), "%s", seen.err.message);
}

Test(criu, one_that_talks_without_end_is_no_criu)
{
    ask_version("huge");
    cr_assert_eq(seen.err.code, FY_E_UNSUPPORTED);
}

Test(criu, an_absent_one_is_not_found_and_nothing_fires)
{
    static char nowhere[] = "/nowhere/criu";
    struct fy_error err = FY_ERROR_INIT;
    settings.criu = nowhere;
    cr_assert_eq(fy_criu_version(&host, version_known, NULL, &err), -1);
    cr_assert_eq(err.code, FY_E_NOT_FOUND);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(seen.done, 0);
}

/* ---- dumps ---- */

static void freezing(struct fy_dump *dump, void *data)
{
    (void)data;
    seen.freezing++;
    if (seen.resume_when_freezing)
        fy_dump_decide(dump, FY_DECIDE_RESUME);
    fy_dump_decide(dump, FY_DECIDE_KILL); /* too early: ignored */
}

static void held(struct fy_dump *dump, void *data)
{
    (void)dump;
    (void)data;
    seen.held++;
}

static void done(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *err, void *data)
{
    (void)dump;
    (void)data;
    seen.done++;
    seen.state = state;
    fy_error_propagate(&seen.err, err);
}

static struct fy_dump *start_dump(const char *part)
{
    static const struct fy_dump_events events = {.freezing = freezing, .held = held, .done = done};
    const struct fy_dump_request request = {
        .spec = &spec, .job_id = "job", .images_dir = directory, .work_dir = directory};
    struct fy_dump *dump = NULL;
    struct fy_error err = FY_ERROR_INIT;
    setenv("PLAYED_CRIU", part, 1);
    cr_assert_eq(fy_dump_start(&host, &request, &events, NULL, &dump, &err), 0, "%s", err.message);
    cr_assert_eq(seen.done + seen.freezing, 0);
    return dump;
}

static void run_dump(const char *part)
{
    (void)start_dump(part);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(seen.done, 1);
    cr_assert_eq(seen.held, 0);
    cr_assert_eq(seen.state, FY_WORKLOAD_RUNNING);
}

Test(criu, a_dump_without_a_workload_does_not_start)
{
    const struct fy_dump_request request = {
        .spec = &spec, .job_id = "job", .images_dir = directory, .work_dir = directory};
    const struct fy_dump_events events = {.done = done};
    struct fy_dump *dump = NULL;
    struct fy_error err = FY_ERROR_INIT;
    kill(workload, SIGKILL);
    (void)waitpid(workload, NULL, 0);
    cr_assert_eq(fy_dump_start(&host, &request, &events, NULL, &dump, &err), -1);
    cr_assert_eq(err.code, FY_E_NOT_FOUND);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(seen.done, 0);
}

Test(criu, a_dump_that_dies_at_once_says_so)
{
    run_dump("die");
    cr_assert_eq(seen.err.code, FY_E_DUMP);
    cr_assert_not_null(strstr(seen.err.message, "a word before the end"), "%s", seen.err.message);
    cr_assert_not_null(strstr(seen.err.message, "is not there"), "%s", seen.err.message);
}

Test(criu, a_dump_that_dies_frozen_leaves_the_workload)
{
    run_dump("die-frozen");
    cr_assert_eq(seen.freezing, 1);
    cr_assert_eq(seen.err.code, FY_E_DUMP);
}

Test(criu, what_criu_says_by_rpc_is_explained)
{
    run_dump("fail-frozen");
    cr_assert_not_null(strstr(seen.err.next, "--tcp established"), "%s", seen.err.message);
}

Test(criu, a_resume_given_early_is_a_veto_and_no_error)
{
    seen.resume_when_freezing = true;
    run_dump("hold");
    cr_assert_eq(seen.freezing, 1);
    cr_assert_eq(seen.err.code, FY_OK, "%s", seen.err.message);
}

Test(criu, a_set_without_inventory_is_never_held)
{
    run_dump("hold");
    cr_assert_neq(seen.err.code, FY_OK);
    cr_assert_not_null(strstr(seen.err.message, "inventory.img"), "%s", seen.err.message);
}

Test(criu, a_dump_that_is_late_is_ended)
{
    settings.timeouts.dump_ms = 1;
    run_dump("hold");
    cr_assert_eq(seen.err.code, FY_E_TIMEOUT, "%s", seen.err.message);
}
