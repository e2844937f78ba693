/* The error object: what it refuses to lose, and what it refuses to pass on. */
#include <criterion/criterion.h>
#include <errno.h>
#include <ferry/base/error.h>
#include <stdio.h>
#include <string.h>

Test(error, first_failure_wins)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_expect_eq(fy_error_set(&err, FY_E_BUSY, "first"), -1);
    cr_expect_eq(fy_error_set(&err, FY_E_IO, "second"), -1);
    cr_expect_eq(fy_error_errno(&err, ENOENT, "third"), -1);
    cr_expect_eq(err.code, FY_E_BUSY);
    cr_expect_str_eq(err.message, "first");
    struct fy_error other = FY_ERROR_INIT;
    fy_error_set(&other, FY_E_IO, "fourth");
    fy_error_propagate(&err, &other);
    cr_expect_str_eq(err.message, "first");
}

Test(error, null_is_allowed_everywhere)
{
    cr_expect_eq(fy_error_set(NULL, FY_E_IO, "x"), -1);
    cr_expect_eq(fy_error_errno(NULL, EIO, "x"), -1);
    cr_expect_eq(fy_error_wrap(NULL, "x"), -1);
    cr_expect_eq(fy_error_next(NULL, "x"), -1);
    cr_expect_not(fy_error_is_set(NULL));
    fy_error_clear(NULL);
    fy_error_propagate(NULL, NULL);
}

Test(error, a_failure_never_counts_as_success)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_OK, "a caller's mistake");
    cr_expect_eq(err.code, FY_E_INTERNAL);
    fy_error_clear(&err);
    fy_error_wrap(&err, "copying %s", "x");
    cr_expect_eq(err.code, FY_E_INTERNAL);
    cr_expect_str_eq(err.message, "copying x: failed without a cause");
}

Test(error, errno_chooses_code_and_text)
{
    static const struct {
        int sys_errno;
        enum fy_code code;
    } cases[] = {
        {ENOENT, FY_E_NOT_FOUND}, {EACCES, FY_E_DENIED},  {EPERM, FY_E_DENIED},
        {ENOSPC, FY_E_NOSPACE},   {EDQUOT, FY_E_NOSPACE}, {ENOMEM, FY_E_NOMEM},
        {EIO, FY_E_IO},           {EPIPE, FY_E_IO},       {99999, FY_E_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fy_error err = FY_ERROR_INIT;
        char expected[128];
        fy_error_errno(&err, cases[i].sys_errno, "cannot open %s", "/a/b");
        (void)snprintf(expected, sizeof expected, "cannot open /a/b: %s", strerror(cases[i].sys_errno));
        cr_expect_eq(err.code, cases[i].code);
        cr_expect_eq(err.sys_errno, cases[i].sys_errno);
        cr_expect_str_eq(err.message, expected);
    }
}

Test(error, reason_survives_a_long_path)
{
    struct fy_error err = FY_ERROR_INIT;
    char path[4000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    fy_error_errno(&err, ENOSPC, "cannot write %s", path);
    cr_expect_not_null(strstr(err.message, strerror(ENOSPC)));
    for (int i = 0; i < 5; i++)
        fy_error_wrap(&err, "%s", path);
    cr_expect_lt(strlen(err.message), sizeof err.message);
    cr_expect_eq(err.sys_errno, ENOSPC);
}

Test(error, wrap_goes_in_front_and_may_quote_itself)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_DUMP, "task %d is stopped", 7);
    fy_error_next(&err, "continue it");
    fy_error_wrap(&err, "runc/web");
    fy_error_wrap(&err, "job 1");
    cr_expect_str_eq(err.message, "job 1: runc/web: task 7 is stopped");
    cr_expect_str_eq(err.next, "continue it");
    fy_error_wrap(&err, "<%s>", err.message);
    cr_expect_str_eq(err.message, "<job 1: runc/web: task 7 is stopped>: job 1: runc/web: task 7 is stopped");
    fy_error_next(&err, "%s, then retry", err.next);
    cr_expect_str_eq(err.next, "continue it, then retry");
}

Test(error, advice_belongs_to_a_failure)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_next(&err, "advice without a failure");
    cr_expect_str_empty(err.next);
    cr_expect_not(fy_error_is_set(&err));
}

Test(error, message_is_one_harmless_line)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_USAGE, "bad name '%s'", "a\nb\x1b[31m\x7f");
    cr_expect_str_eq(err.message, "bad name 'a?b?[31m?'");
}

Test(error, codes_have_distinct_names_that_read_back)
{
    for (unsigned code = 0; code < FY_E_COUNT_; code++) {
        cr_expect_str_not_empty(fy_code_text((enum fy_code)code));
        cr_expect_eq(fy_code_from_name(fy_code_name((enum fy_code)code)), (enum fy_code)code);
    }
    cr_expect_eq(fy_code_from_name("no such name"), FY_E_INTERNAL);
    cr_expect_str_eq(fy_code_name((enum fy_code)4711), "internal");
    cr_expect_str_eq(fy_code_text((enum fy_code)4711), fy_code_text(FY_E_INTERNAL));
}
