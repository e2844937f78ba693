/* Hooks: real scripts in a directory of their own. Every test closes its loop. */
#include <criterion/criterion.h>

#include "fork_child.h"
#include "hook.h"
#include "proc.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uv_loop_t loop;
static char directory[64], hooks_dir[80], log_dir[80], job_dir[80];
static struct fy_settings settings;
static struct fy_host host;
static struct fy_migration_spec spec;
static struct fy_hook_facts facts;
static struct {
    int count;
    bool during_start, starting;
    struct fy_error err;
} seen;

static void make_scene(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/ferry-hook-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(hooks_dir, sizeof hooks_dir, "%s/hooks", directory);
    (void)snprintf(log_dir, sizeof log_dir, "%s/logs", directory);
    (void)snprintf(job_dir, sizeof job_dir, "%s/job", directory);
    cr_assert_eq(mkdir(hooks_dir, 0755) | mkdir(log_dir, 0755) | mkdir(job_dir, 0755), 0);
    cr_assert_eq(uv_loop_init(&loop), 0);
    settings = (struct fy_settings){.name = "b", .hooks_dir = hooks_dir};
    host = (struct fy_host){.loop = &loop, .settings = &settings};
    fy_migration_spec_init(&spec);
    spec.workload = (struct fy_workload){.kind = FY_WORKLOAD_RUNC, .id = "web"};
    facts = (struct fy_hook_facts){.spec = &spec,
                                   .side = FY_HOOK_DESTINATION,
                                   .job_id = "m-1",
                                   .peer = "a",
                                   .job_dir = job_dir,
                                   .images_dir = "/run/ferry/jobs/m-1/images",
                                   .log_dir = log_dir};
}

static void remove_scene(void)
{
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(hook, .init = make_scene, .fini = remove_scene);

static void script(const char *name, mode_t mode, const char *text)
{
    char path[160], whole[1024];
    (void)snprintf(path, sizeof path, "%s/%s", hooks_dir, name);
    int size = snprintf(whole, sizeof whole, "#!/bin/sh\n%s\n", text);
    cr_assert_eq(fy_fs_write_file(path, whole, (size_t)size, 0700, NULL), 0);
    cr_assert_eq(chmod(path, mode), 0);
}

static void plan(enum fy_hook_stage stage, enum fy_hook_side side, const char *name, uint64_t deadline_ms)
{
    struct fy_hook *hook = &spec.hooks[spec.hook_count++];
    *hook = (struct fy_hook){.stage = stage, .side = side, .deadline_ms = deadline_ms};
    (void)snprintf(hook->name, sizeof hook->name, "%s", name);
}

static void done(const struct fy_error *err, void *data)
{
    (void)data;
    seen.count++;
    seen.during_start = seen.starting;
    fy_error_propagate(&seen.err, err);
}

static struct fy_hooks *start(enum fy_hook_stage stage)
{
    struct fy_hooks *hooks = NULL;
    struct fy_error err = FY_ERROR_INIT;
    seen.starting = true;
    cr_assert_eq(fy_hooks_start(&host, &facts, stage, done, NULL, &hooks, &err), 0, "%s", err.message);
    seen.starting = false;
    return hooks;
}

static void finish(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(seen.count, 1);
    cr_assert_not(seen.during_start);
}

static void run(enum fy_hook_stage stage)
{
    start(stage);
    finish();
}

static char *read_in(const char *where, const char *name)
{
    char path[160];
    char *text = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", where, name);
    return fy_fs_read_file(path, 65536, &text, NULL, NULL) < 0 ? NULL : text;
}

static void expect_file(const char *where, const char *name, const char *content)
{
    FY_AUTO_FREE char *text = read_in(where, name);
    cr_assert_not_null(text, "no %s", name);
    cr_expect_str_eq(text, content);
}

Test(hook, environment_is_the_documented_one)
{
    struct fy_error failure = FY_ERROR_INIT;
    fy_error_set(&failure, FY_E_DUMP, "it \033[31mfailed");
    script("show", 0700, "env | grep ^FERRY_ | sort; pwd; wc -c; echo $#");
    plan(FY_HOOK_POST_ABORT, FY_HOOK_DESTINATION, "show", 30000);
    facts.failure = &failure;
    facts.root_pid = 42;
    run(FY_HOOK_POST_ABORT);
    cr_assert_eq(seen.err.code, FY_OK, "%s", seen.err.message);
    char expected[1024];
    (void)snprintf(expected, sizeof expected,
                   "FERRY_ERROR=it ?[31mfailed\nFERRY_HOOK=show\nFERRY_HOST=b\n"
                   "FERRY_IMAGES=/run/ferry/jobs/m-1/images\nFERRY_JOB=m-1\nFERRY_LOGS=%s\nFERRY_PEER=a\nFERRY_PID=42\n"
                   "FERRY_ROLE=destination\nFERRY_STAGE=post-abort\nFERRY_WORKLOAD=runc/web\n/\n0\n0\n",
                   log_dir);
    expect_file(log_dir, "hook-post-abort-show.log", expected);
}

/* Only those of this stage and this side, in the plan's order; each is over before the next begins. */
Test(hook, order)
{
    script("one", 0700, "sleep 0.1; echo one >>$FERRY_LOGS/order");
    script("two", 0700, "echo two >>$FERRY_LOGS/order");
    plan(FY_HOOK_PRE_RESTORE, FY_HOOK_DESTINATION, "one", 30000);
    plan(FY_HOOK_PRE_RESTORE, FY_HOOK_SOURCE, "not-there", 30000);
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "not-there", 30000);
    plan(FY_HOOK_PRE_RESTORE, FY_HOOK_DESTINATION, "two", 30000);
    plan(FY_HOOK_PRE_RESTORE, FY_HOOK_DESTINATION, "one", 30000);
    run(FY_HOOK_PRE_RESTORE);
    cr_assert_eq(seen.err.code, FY_OK, "%s", seen.err.message);
    expect_file(log_dir, "order", "one\ntwo\none\n");
    cr_expect_null(read_in(job_dir, "hook"), "what has ended is not noted as running");
}

Test(hook, none_is_done_at_once)
{
    cr_expect_not(fy_hooks_any(&spec, FY_HOOK_SOURCE, FY_HOOK_PRE_DUMP));
    run(FY_HOOK_PRE_DUMP);
    cr_expect_eq(seen.err.code, FY_OK);
}

Test(hook, failure_before_the_decision_ends_the_stage)
{
    script("bad", 0700, "echo the disk is full; exit 3");
    script("two", 0700, "echo two >>$FERRY_LOGS/order");
    plan(FY_HOOK_POST_RESTORE, FY_HOOK_DESTINATION, "bad", 30000);
    plan(FY_HOOK_POST_RESTORE, FY_HOOK_DESTINATION, "two", 30000);
    run(FY_HOOK_POST_RESTORE);
    cr_expect_eq(seen.err.code, FY_E_HOOK);
    cr_expect_str_eq(seen.err.message,
                     "hook bad at post-restore on the destination: it failed with status 3: the disk is full");
    cr_expect_not_null(strstr(seen.err.next, "hook-post-restore-bad.log"));
    cr_expect_null(read_in(log_dir, "order"));
    expect_file(log_dir, "hook-post-restore-bad.log", "the disk is full\n");
}

Test(hook, after_the_decision_all_run)
{
    script("bad", 0700, "exit 3");
    script("two", 0700, "echo two >>$FERRY_LOGS/order");
    plan(FY_HOOK_POST_COMMIT, FY_HOOK_DESTINATION, "bad", 30000);
    plan(FY_HOOK_POST_COMMIT, FY_HOOK_DESTINATION, "not-there", 30000);
    plan(FY_HOOK_POST_COMMIT, FY_HOOK_DESTINATION, "two", 30000);
    run(FY_HOOK_POST_COMMIT);
    cr_expect_eq(seen.err.code, FY_E_HOOK);
    cr_expect_str_eq(seen.err.message, "hook bad at post-commit on the destination: it failed with status 3");
    expect_file(log_dir, "order", "two\n");
}

static bool process_runs(pid_t pid)
{
    struct fy_process_stat stat;

    return fy_process_stat(pid, &stat) && stat.state != 'Z' && stat.state != 'X';
}

static struct fy_hooks *start_and_see_it_noted(enum fy_hook_stage stage)
{
    char noted[100];
    struct fy_hooks *hooks = start(stage);
    (void)snprintf(noted, sizeof noted, "%s/hook", job_dir);
    while (access(noted, R_OK) < 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    return hooks;
}

/* Its children too, also one that does not mind SIGTERM. */
Test(hook, deadline_ends_the_whole_group)
{
    script("slow", 0700,
           "trap '' TERM; sleep 1000 & echo $! >$FERRY_LOGS/new; mv $FERRY_LOGS/new $FERRY_LOGS/child; wait");
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "slow", 100);
    start_and_see_it_noted(FY_HOOK_PRE_DUMP);
    char noted[100];
    (void)snprintf(noted, sizeof noted, "%s/child", log_dir);
    while (access(noted, R_OK) < 0) /* while the loop does not run no deadline strikes */
        (void)usleep(1000);
    finish();
    cr_expect_eq(seen.err.code, FY_E_HOOK);
    cr_expect_str_eq(seen.err.message,
                     "hook slow at pre-dump on the destination did not end within 100 ms and was killed");
    FY_AUTO_FREE char *child = read_in(log_dir, "child");
    cr_assert_not_null(child);
    /* It was killed, and dies when it is its turn; the test's own deadline ends what would hang. */
    while (process_runs((pid_t)atoi(child)))
        (void)usleep(10000);
}

Test(hook, stop)
{
    script("slow", 0700, "sleep 1000");
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "slow", 3600000);
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "slow", 3600000);
    fy_hooks_stop(start_and_see_it_noted(FY_HOOK_PRE_DUMP));
    finish();
    cr_expect_eq(seen.err.code, FY_E_CANCELLED);
}

Test(hook, stopped_before_it_began)
{
    script("touch", 0700, "touch $FERRY_LOGS/ran");
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "touch", 30000);
    fy_hooks_stop(start(FY_HOOK_PRE_DUMP));
    finish();
    cr_expect_eq(seen.err.code, FY_E_CANCELLED);
    cr_expect_null(read_in(log_dir, "ran"));
}

static void expect_refused(const char *words)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_expect_eq(fy_hooks_check(&host, &spec, FY_HOOK_DESTINATION, &err), -1, "%s", words);
    cr_expect_eq(err.code, FY_E_HOOK);
    cr_expect_not_null(strstr(err.message, words), "no '%s' in: %s", words, err.message);
    cr_expect_not_null(strstr(err.next, hooks_dir));
    spec.hook_count = 0;
}

Test(hook, what_may_not_run_is_refused)
{
    struct fy_error err = FY_ERROR_INIT;
    char path[160];
    script("good", 0755, "true");
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "good", 1);
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_SOURCE, "not-there", 1); /* the other host's affair */
    cr_expect_eq(fy_hooks_check(&host, &spec, FY_HOOK_DESTINATION, &err), 0, "%s", err.message);
    spec.hook_count = 0;
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "not-there", 1);
    expect_refused("not-there: No such file");
    script("plain", 0644, "true");
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "plain", 1);
    expect_refused("no executable file");
    (void)snprintf(path, sizeof path, "%s/sub", hooks_dir);
    cr_assert_eq(mkdir(path, 0755), 0);
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "sub", 1);
    expect_refused("no executable file");
    script("open", 0775, "true");
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "open", 1);
    expect_refused("others than root can change it");
    (void)snprintf(path, sizeof path, "%s/good", hooks_dir);
    if (geteuid() == 0) {
        cr_assert_eq(chown(path, 65534, 0), 0);
        plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "good", 1);
        expect_refused("others than root can change it");
        cr_assert_eq(chown(path, 0, 0), 0);
    }
    cr_assert_eq(chmod(hooks_dir, 0777), 0);
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "good", 1);
    expect_refused("or the directory");
}

/* It was fine at the preflight and is not any more: it does not run. */
Test(hook, changed_since_the_preflight)
{
    script("late", 0777, "touch $FERRY_LOGS/ran");
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_DESTINATION, "late", 30000);
    run(FY_HOOK_PRE_DUMP);
    cr_expect_eq(seen.err.code, FY_E_HOOK);
    cr_expect_null(read_in(log_dir, "ran"));
}

/* What a ferryd that was killed has left running is found by pid and start time, and by nothing less. */
Test(hook, sweep)
{
    char path[100], text[64];
    (void)snprintf(path, sizeof path, "%s/hook", job_dir);
    pid_t pid = fork_idle_child();
    cr_assert(pid > 0);
    while (getpgid(pid) != pid) {
    }
    struct fy_process process;
    cr_assert(fy_process_identify(pid, &process));
    int size = snprintf(text, sizeof text, "%d %" PRIu64 "\n", (int)pid, process.start_ticks + 1);
    cr_assert_eq(fy_fs_write_file(path, text, (size_t)size, 0600, NULL), 0);
    fy_hooks_sweep(job_dir);
    cr_expect(fy_process_lives(&process), "another process that has its pid now");
    cr_expect_neq(access(path, F_OK), 0);
    size = snprintf(text, sizeof text, "%d %" PRIu64 "\n", (int)pid, process.start_ticks);
    cr_assert_eq(fy_fs_write_file(path, text, (size_t)size, 0600, NULL), 0);
    fy_hooks_sweep(job_dir);
    int status = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fy_hooks_sweep(job_dir); /* nothing there */
    cr_assert_eq(fy_fs_write_file(path, "1 x", 3, 0600, NULL), 0);
    fy_hooks_sweep(job_dir); /* damaged */
}

Test(hook, deadlines_add_up)
{
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_SOURCE, "x", 1000);
    plan(FY_HOOK_PRE_DUMP, FY_HOOK_SOURCE, "y", 2000);
    plan(FY_HOOK_POST_DUMP, FY_HOOK_SOURCE, "z", 4000);
    cr_expect_eq(fy_hooks_deadline_ms(&spec, FY_HOOK_SOURCE, FY_HOOK_PRE_DUMP), 5000);
    cr_expect_eq(fy_hooks_deadline_ms(&spec, FY_HOOK_DESTINATION, FY_HOOK_PRE_DUMP), 0);
    cr_expect(fy_hooks_any(&spec, FY_HOOK_SOURCE, FY_HOOK_POST_DUMP));
    cr_expect_not(fy_hooks_any(&spec, FY_HOOK_DESTINATION, FY_HOOK_POST_DUMP));
}
