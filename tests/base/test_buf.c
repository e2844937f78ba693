/* The byte buffer: its limit first, then its content. */
#include <criterion/criterion.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <string.h>

/* AddressSanitizer would otherwise end the program at the allocation that has to fail. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

Test(buf, limit_is_exact)
{
    struct fy_buf buf;
    struct fy_error err = FY_ERROR_INIT;
    fy_buf_init(&buf, 10);
    cr_assert_eq(fy_buf_append(&buf, "0123456789", 10, &err), 0);
    cr_assert_eq(fy_buf_append(&buf, "x", 1, &err), -1);
    cr_assert_eq(err.code, FY_E_LIMIT);
    cr_assert_eq(buf.size, 10, "a refused append must leave the content alone");
    cr_assert_arr_eq(buf.data, "0123456789", 10);
    fy_buf_done(&buf);
}

Test(buf, sizes_that_overflow_are_refused)
{
    struct fy_buf buf;
    struct fy_error err = FY_ERROR_INIT;
    fy_buf_init(&buf, 0);
    cr_assert_eq(fy_buf_append(&buf, "x", 1, &err), 0);
    cr_assert_eq(fy_buf_reserve(&buf, SIZE_MAX, &err), -1);
    cr_assert_eq(err.code, FY_E_LIMIT);
    fy_error_clear(&err);
    cr_assert_eq(fy_buf_reserve(&buf, SIZE_MAX / 4, &err), -1);
    cr_assert_eq(err.code, FY_E_NOMEM);
    fy_buf_done(&buf);
}

Test(buf, grows_and_consumes)
{
    struct fy_buf buf;
    fy_buf_init(&buf, 0);
    for (unsigned i = 0; i < 10000; i++)
        cr_assert_eq(fy_buf_printf(&buf, NULL, "%04u", i), 0);
    cr_assert_eq(buf.size, 40000);
    fy_buf_consume(&buf, 4 * 9998);
    cr_assert_eq(buf.size, 8);
    cr_assert_arr_eq(buf.data, "99989999", 8);
    fy_buf_consume(&buf, SIZE_MAX);
    cr_assert_eq(buf.size, 0);
    fy_buf_done(&buf);
    fy_buf_done(NULL);
}

Test(buf, limit_holds_while_growing_by_printf)
{
    struct fy_buf buf;
    struct fy_error err = FY_ERROR_INIT;
    fy_buf_init(&buf, 1000);
    unsigned written = 0;
    while (!fy_buf_printf(&buf, &err, "%s", "seven.."))
        written++;
    cr_assert_eq(written, 1000 / 7);
    cr_assert_eq(err.code, FY_E_LIMIT);
    cr_assert_leq(buf.capacity, 1000);
    fy_buf_done(&buf);
}

Test(buf, take_string_empties)
{
    struct fy_buf buf;
    fy_buf_init(&buf, 4);
    FY_AUTO_FREE char *empty = fy_buf_take_string(&buf);
    cr_assert_str_eq(empty, "");
    cr_assert_eq(fy_buf_append(&buf, "abcd", 4, NULL), 0);
    FY_AUTO_FREE char *full = fy_buf_take_string(&buf); /* the NUL does not count against the limit */
    cr_assert_str_eq(full, "abcd");
    cr_assert_eq(buf.size, 0);
    cr_assert_null(buf.data);
    cr_assert_eq(fy_buf_append(&buf, "efgh", 4, NULL), 0, "usable again, with the same limit");
    cr_assert_eq(fy_buf_append(&buf, "i", 1, NULL), -1);
    fy_buf_done(&buf);
}
