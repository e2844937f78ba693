/* Children: their output, their ends, what they inherit. Every test closes its loop. */
#include <criterion/criterion.h>

#include <ferry/agent/child.h>
#include <ferry/base/fs.h>

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct seen {
    int count;
    bool during_start;
    bool starting;
    struct fy_child_result result;
    char output[128 * 1024];
    struct fy_error check;
};

static uv_loop_t loop;
static struct seen seen;

static void ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct seen *s = data;
    (void)child;
    s->count++;
    s->during_start = s->starting;
    s->result = *result;
    cr_assert(result->output_size < sizeof(s->output));
    memcpy(s->output, result->output, result->output_size + 1);
    (void)fy_child_check("it", result, &s->check);
}

static struct fy_child *start(const struct fy_child_options *options)
{
    struct fy_child *child = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(uv_loop_init(&loop), 0);
    seen.starting = true;
    int status = fy_child_start(&loop, options, ended, &seen, &child, &err);
    seen.starting = false;
    cr_assert_eq(status, 0, "%s", err.message);
    return child;
}

static void finish(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(seen.count, 1);
    cr_assert_not(seen.during_start);
}

static void run_shell(const char *script, struct fy_child_options options)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    options.argv = argv;
    start(&options);
    finish();
}

#define DEFAULTS                                                                                                       \
    (struct fy_child_options)                                                                                          \
    {                                                                                                                  \
        .inherit_fd = -1, .deadline_ms = 60000                                                                         \
    }

Test(child, not_found_is_named_and_nothing_fires)
{
    struct fy_child *child = NULL;
    struct fy_error err = FY_ERROR_INIT;
    const char *const argv[] = {"ferry-no-such-program", NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1};
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(fy_child_start(&loop, &options, ended, &seen, &child, &err), -1);
    cr_assert_eq(err.code, FY_E_NOT_FOUND);
    cr_assert(strstr(err.message, "ferry-no-such-program") != NULL);
    cr_assert(err.next[0] != '\0');
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(seen.count, 0);
}

Test(child, an_output_file_that_cannot_be_is_an_error)
{
    struct fy_child *child = NULL;
    struct fy_error err = FY_ERROR_INIT;
    const char *const argv[] = {"true", NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1, .output_file = "/nowhere/log"};
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(fy_child_start(&loop, &options, ended, &seen, &child, &err), -1);
    cr_assert(strstr(err.message, "/nowhere/log") != NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(seen.count, 0);
}

Test(child, status_and_last_line_are_told)
{
    run_shell("echo one; echo the cause >&2; exit 7", DEFAULTS);
    cr_assert_eq(seen.result.exit_status, 7);
    cr_assert_str_eq(seen.output, "one\nthe cause\n");
    cr_assert_eq(seen.check.code, FY_E_CHILD);
    cr_assert_str_eq(seen.check.message, "it failed with status 7: the cause");
}

Test(child, success_is_no_error)
{
    run_shell("exit 0", DEFAULTS);
    cr_assert_eq(seen.check.code, FY_OK);
}

Test(child, a_signal_is_told)
{
    run_shell("kill -SEGV $$", DEFAULTS);
    cr_assert_eq(seen.result.signal, SIGSEGV);
    cr_assert(strstr(seen.check.message, "killed by signal 11") != NULL);
}

Test(child, deadline_terminates)
{
    struct fy_child_options options = DEFAULTS;
    options.deadline_ms = 50;
    run_shell("exec sleep 1000", options);
    cr_assert(seen.result.timed_out);
    cr_assert_eq(seen.result.signal, SIGTERM);
    cr_assert(strstr(seen.check.message, "in time") != NULL);
}

Test(child, who_ignores_sigterm_is_killed)
{
    struct fy_child_options options = DEFAULTS;
    const char *const argv[] = {"sh", "-c", "trap '' TERM; echo >&3; while :; do sleep 0.05; done", NULL};
    int ready[2];
    char byte;
    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    options.argv = argv;
    options.inherit_fd = ready[1];
    options.deadline_ms = 50;
    options.kill_after_ms = 50;
    start(&options);
    cr_assert_eq(read(ready[0], &byte, 1), 1); /* while the loop does not run no deadline strikes */
    finish();
    (void)close(ready[0]);
    (void)close(ready[1]);
    cr_assert(seen.result.timed_out);
    cr_assert_eq(seen.result.signal, SIGKILL);
}

Test(child, terminate_twice_and_kill)
{
    const char *const argv[] = {"sleep", "1000", NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1};
    struct fy_child *child = start(&options);
    cr_assert(fy_child_pid(child) > 0);
    fy_child_terminate(child);
    fy_child_terminate(child);
    fy_child_kill(child);
    finish();
    cr_assert_not(seen.result.timed_out);
    cr_assert(seen.result.signal == SIGTERM || seen.result.signal == SIGKILL);
}

Test(child, of_a_huge_output_the_end_is_kept)
{
    run_shell("head -c 20000000 /dev/zero | tr '\\0' x; echo the end", DEFAULTS);
    cr_assert_eq(seen.result.exit_status, 0);
    cr_assert_eq(seen.result.output_size, (size_t)64 * 1024);
    cr_assert(strstr(seen.output, "xxxthe end\n") != NULL);
}

Test(child, a_grandchild_does_not_hold_the_end_back)
{
    run_shell("sleep 1000 & echo $!; exit 0", DEFAULTS);
    int grandchild = atoi(seen.output);
    cr_assert(grandchild > 1);
    kill(grandchild, SIGKILL);
}

Test(child, output_is_appended_to_a_file)
{
    char path[] = "/tmp/ferry-child-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(write(fd, "before\n", 7) == 7);
    close(fd);
    struct fy_child_options options = DEFAULTS;
    options.output_file = path;
    run_shell("echo out; echo err >&2", options);
    char *text = NULL;
    cr_assert_eq(fy_fs_read_file(path, 4096, &text, NULL, NULL), 0);
    cr_assert_str_eq(text, "before\nout\nerr\n");
    cr_assert_str_eq(seen.output, "");
    free(text);
    unlink(path);
}

Test(child, reads_its_input_or_nothing)
{
    struct fy_child_options options = DEFAULTS;
    options.input = "some\nlines\n";
    run_shell("cat", options);
    cr_assert_str_eq(seen.output, "some\nlines\n");
}

Test(child, without_input_stdin_is_at_its_end)
{
    run_shell("cat; echo done", DEFAULTS);
    cr_assert_str_eq(seen.output, "done\n");
}

Test(child, environment_is_ours_with_replacements)
{
    setenv("FERRY_A", "old", 1);
    setenv("FERRY_B", "kept", 1);
    setenv("FERRY_AB", "kept too", 1);
    const char *const environment[] = {"FERRY_A=new", "FERRY_C=added", NULL};
    struct fy_child_options options = DEFAULTS;
    options.environment = environment;
    run_shell("echo $FERRY_A $FERRY_B $FERRY_AB $FERRY_C", options);
    cr_assert_str_eq(seen.output, "new kept kept too added\n");
}

Test(child, inherits_nothing_but_what_is_named)
{
    int pipe_fds[2];
    cr_assert_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    cr_assert(write(pipe_fds[1], "through 3\n", 10) == 10);
    /* The test's own runner has left some open. */
    cr_assert_eq(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), 0);
    struct fy_child_options options = DEFAULTS;
    options.inherit_fd = pipe_fds[0];
    run_shell("head -n 1 <&3; exec 3<&-; for fd in /proc/self/fd/*; do echo ${fd##*/}; done", options);
    /* The last is the directory that is being listed. */
    cr_assert_str_eq(seen.output, "through 3\n0\n1\n2\n3\n");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

Test(child, leads_a_session_and_has_default_signals)
{
    signal(SIGPIPE, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &chld, NULL);
    run_shell("read -r _ _ _ _ _ sid _ </proc/self/stat; [ $sid = $$ ] && echo leader;"
              "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '0\\t\\n'",
              DEFAULTS);
    cr_assert(strncmp(seen.output, "leader\nSigBlk:SigIgn:", 21) == 0, "%s", seen.output);
}
