/* Causes found in real logs (logs/), which hold what CRIU 4.2.1 wrote, without the lines between. */
#include <criterion/criterion.h>

#include "evidence_table.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/fs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fy_error explain(const char *path, const char *fallback)
{
    struct fy_error err = FY_ERROR_INIT;
    int status = fy_evidence_from_log("dump", path, fallback, FY_E_DUMP, &err);
    cr_assert_eq(status, -1);
    cr_assert_eq(err.code, FY_E_DUMP);
    return err;
}

/* One at a time, until the test's end. */
static char written[] = "/tmp/ferry-evidence-XXXXXX";

static void remove_log(void)
{
    (void)unlink(written);
}

TestSuite(evidence, .fini = remove_log);

static const char *write_log(const char *text)
{
    remove_log();
    memcpy(written + sizeof(written) - 7, "XXXXXX", 6);
    int fd = mkstemp(written);
    cr_assert(fd >= 0);
    cr_assert_eq((long)write(fd, text, strlen(text)), (long)strlen(text));
    close(fd);
    return written;
}

static void assert_explained(const char *log, const char *words, const char *cause, const char *next)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/logs/%s.log", TEST_SOURCE_DIR, log);
    struct fy_error err = explain(path, NULL);
    cr_assert(strstr(err.message, words) != NULL, "%s: '%s' is not in: %s", log, words, err.message);
    cr_assert(strstr(err.message, cause) != NULL, "%s: '%s' is not in: %s", log, cause, err.message);
    cr_assert(strstr(err.next, next) != NULL, "%s: '%s' is not in: %s", log, next, err.next);
}

Test(evidence, real_logs)
{
    assert_explained("tcp-dump", "established TCP connections", "Connected TCP socket", "--tcp close");
    assert_explained("lock-dump", "file locks", "file locks are hold", "--file-locks");
    assert_explained("ghost-dump", "deleted file", "4194304", "ghost-limit");
    assert_explained("unix-dump", "UNIX socket", "External socket", "--ext-unix-sockets");
    assert_explained("device-dump", "TUN", "tun link", "close it");
    assert_explained("foreign-fd-dump", "cannot see", "Can't lookup mount=27 for fd=1", "descriptor");
    assert_explained("rlimit-dump", "another user than root", "Can't get rlimit 0", "CAP_SYS_RESOURCE");
    assert_explained("tty-dump", "whose other end another program holds", "slave peer index 0", "tmux");
    assert_explained("nospace-dump", "full", "No space left on device", "run_dir");
    assert_explained("bind-restore", "not on this host", "Cannot assign requested address", "--address");
    assert_explained("pid-restore", "in use", "Can't fork for 217: File exists", "container");
    assert_explained("size-restore", "size differs", "tmp/lp.sh has bad size 29 (expect 27)", "same");
    assert_explained("mode-restore", "mode differs", "0100600", "same");
    assert_explained("missing-restore", "does not exist", "tmp/lp.sh", "same file");
    assert_explained("trunc-restore", "ends too early", "core-217.img", "new checkpoint");
}

/* CRIU says no more than a warning there. */
Test(evidence, a_warning_counts_when_no_error_does)
{
    assert_explained("traced-dump", "traces a task", "Unable to interrupt task: 149", "end the tracing");
}

Test(evidence, the_place_is_named)
{
    struct fy_error err = explain(TEST_SOURCE_DIR "/logs/pid-restore.log", NULL);
    cr_assert(strstr(err.message, "pid-restore.log:7)") != NULL, "%s", err.message);
}

Test(evidence, a_log_of_a_success_names_nothing)
{
    struct fy_error err = explain(TEST_SOURCE_DIR "/logs/success-restore.log", NULL);
    cr_assert(strstr(err.message, "names no error") != NULL, "%s", err.message);
    cr_assert(err.next[0] != '\0');
}

Test(evidence, an_absent_log_is_said_so)
{
    struct fy_error err = explain("/nowhere/dump.log", NULL);
    cr_assert(strstr(err.message, "/nowhere/dump.log is not there") != NULL, "%s", err.message);
    err = explain("/nowhere/dump.log", "container does not exist");
    cr_assert(strstr(err.message, "container does not exist") != NULL, "%s", err.message);
    cr_assert(strstr(err.next, "runc list") != NULL, "%s", err.next);
}

Test(evidence, an_empty_log_is_said_so)
{
    const char *path = write_log("");
    struct fy_error err = explain(path, NULL);
    cr_assert(strstr(err.message, "is empty") != NULL, "%s", err.message);
    unlink(path);
}

Test(evidence, an_unknown_error_is_quoted)
{
    const char *path = write_log("(00.1) fine\n(00.2) Error (criu/new.c:1): the \x1b[31mmoon\x7f is full\n");
    struct fy_error err = explain(path, NULL);
    cr_assert(strstr(err.message, "the  [31mmoon  is full") != NULL, "%s", err.message);
    cr_assert(strstr(err.message, ":2)") != NULL, "%s", err.message);
    unlink(path);
}

Test(evidence, a_known_cause_wins_over_an_unknown_one_before_it)
{
    const char *path = write_log("Error (a.c:1): first\nError (b.c:2): File x has bad size 1 (expect 2)\n");
    struct fy_error err = explain(path, NULL);
    cr_assert(strstr(err.message, "size differs") != NULL, "%s", err.message);
    unlink(path);
}

Test(evidence, only_the_end_of_a_huge_log_is_read)
{
    char path[] = "/tmp/ferry-evidence-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    static const char start[] = "Error (a.c:1): long ago\n";
    static const char end[] = "\nError (b.c:2): at last\n";
    cr_assert(write(fd, start, sizeof(start) - 1) > 0);
    cr_assert_eq(ftruncate(fd, 5 << 20), 0); /* zeros: a log may hold anything */
    cr_assert(lseek(fd, 0, SEEK_END) > 0);
    cr_assert(write(fd, end, sizeof(end) - 1) > 0);
    close(fd);
    struct fy_error err = explain(path, NULL);
    cr_assert(strstr(err.message, "at last") != NULL, "%s", err.message);
    cr_assert(strstr(err.message, "long ago") == NULL, "%s", err.message);
    unlink(path);
}

Test(evidence, patterns_match_in_order)
{
    cr_assert(fy_evidence_matches("a*b", "xx a yy b"));
    cr_assert_not(fy_evidence_matches("b*a", "xx a yy b"));
    cr_assert(fy_evidence_matches("", "anything"));
    cr_assert_not(fy_evidence_matches("aa*aa", "aaa"));
}

static void expect_last_words(const char *log, const char *expected)
{
    char words[64] = "untouched";
    fy_evidence_last_words(log, words, sizeof words);
    cr_expect_str_eq(words, expected);
}

Test(evidence, last_words)
{
    expect_last_words("/nowhere/dump.log", "");
    expect_last_words(write_log(""), "");
    expect_last_words(write_log("\n \n"), "");
    expect_last_words(write_log("(00.1) first\n(00.123456)  42: Dumping \033[1mpages\n\n"), "42: Dumping ?[1mpages");
    expect_last_words(write_log("no time and no end"), "no time and no end");
    expect_last_words(write_log("(no end of the time"), "(no end of the time");
    expect_last_words(write_log("0123456789012345678901234567890123456789012345678901234567890123456789\n"),
                      "012345678901234567890123456789012345678901234567890123456789012");
}
