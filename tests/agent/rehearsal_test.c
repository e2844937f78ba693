/* What a rehearsal's verdict says: as CRIU's script leaves it. */
#include <criterion/criterion.h>

#include <ferry/agent/rehearsal.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char log_dir[64];

static void make_directory(void)
{
    (void)snprintf(log_dir, sizeof log_dir, "/tmp/ferry-rehearsal-XXXXXX");
    cr_assert_not_null(mkdtemp(log_dir));
}

static void remove_directory(void)
{
    cr_expect_eq(fy_fs_remove_tree(log_dir, NULL), 0);
}

TestSuite(rehearsal, .init = make_directory, .fini = remove_directory);

static void expect(const char *verdict, const char *probe, enum fy_code code, const char *words)
{
    struct fy_error err = FY_ERROR_INIT;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/" FY_REHEARSAL_VERDICT, log_dir);
    if (verdict)
        cr_assert_eq(fy_fs_write_file(path, verdict, strlen(verdict), 0600, NULL), 0);
    cr_expect_eq(fy_rehearsal_judge(log_dir, probe, &err), code == FY_OK ? 0 : -1, "%s", verdict);
    cr_expect_eq(err.code, code, "%s: %s", verdict, err.message);
    cr_expect(strstr(err.message, words), "%s: %s", verdict, err.message);
}

Test(rehearsal, without_a_verdict_nothing_was_restored)
{
    expect(NULL, NULL, FY_E_RESTORE, "not restored");
    expect(NULL, "/hooks/look", FY_E_RESTORE, "not restored");
}

Test(rehearsal, nought_is_well)
{
    expect("0\n", NULL, FY_OK, "");
    expect("0\n", "/hooks/look", FY_OK, "");
}

Test(rehearsal, a_probe_says_how_it_ended)
{
    expect("7\n", "/hooks/look", FY_E_HOOK, "the probe /hooks/look ended with 7");
    expect("137\n", "/hooks/look", FY_E_HOOK, "the probe /hooks/look was killed by signal 9 (Killed)");
    expect("127\n", "/hooks/look", FY_E_HOOK, "not found");
    expect("126\n", "/hooks/look", FY_E_HOOK, "may not be executed");
}

Test(rehearsal, what_no_probe_can_have_said_is_our_fault)
{
    expect("1\n", NULL, FY_E_CHILD, "no exit status of a probe");
    expect("256\n", "/hooks/look", FY_E_CHILD, "no exit status of a probe");
    expect("", "/hooks/look", FY_E_CHILD, "no exit status of a probe");
    expect("zero\n", "/hooks/look", FY_E_CHILD, "no exit status of a probe");
}
