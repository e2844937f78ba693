/* JSON documents: escapes, bytes that are not UTF-8, and every way to misuse the writer. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/json.h>
#include <math.h>
#include <string.h>

static char *string_as_json(const char *value)
{
    struct fy_json *json = fy_json_new(false);
    char *text = NULL;
    fy_json_string(json, NULL, value);
    cr_assert_eq(fy_json_finish(json, &text, NULL), 0);
    fy_json_free(json);
    return text;
}

static void expect_failure(struct fy_json *json, enum fy_code code)
{
    struct fy_error err = FY_ERROR_INIT;
    char *text = NULL;
    cr_expect_eq(fy_json_finish(json, &text, &err), -1);
    cr_expect_eq(err.code, code, "%s", err.message);
    cr_expect_null(text);
    fy_json_free(json);
}

Test(json, strings)
{
    static const struct {
        const char *value, *text;
    } cases[] = {
        {"", "\"\""},
        {"a/b", "\"a/b\""},
        {"q\"b\\", "\"q\\\"b\\\\\""},
        {"\n\r\t\b\f", "\"\\n\\r\\t\\b\\f\""},
        {"\x01\x1f\x1b", "\"\\u0001\\u001F\\u001B\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff", "\"\xef\xbf\xbd\""},
        {"a\x80z", "\"a\xef\xbf\xbdz\""},
        {"a\x80\x80", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                 /* overlong '/' */
        {"\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong '/' */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                 /* surrogate */
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* over U+10FFFF */
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                 /* cut */
        {"\xe2\x82\"", "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\""},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        FY_AUTO_FREE char *text = string_as_json(cases[i].value);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(json, document)
{
    struct fy_json *json = fy_json_new(false);
    FY_AUTO_FREE char *text = NULL;
    fy_json_open_object(json, NULL);
    fy_json_uint(json, "max", UINT64_MAX);
    fy_json_int(json, "min", INT64_MIN);
    fy_json_number(json, "ms", 1.0 / 3);
    fy_json_number(json, "nan", NAN);
    fy_json_number(json, "inf", -INFINITY);
    fy_json_bool(json, "yes", true);
    fy_json_string(json, "none", NULL);
    fy_json_open_array(json, "k\xff\n");
    fy_json_open_object(json, NULL);
    fy_json_close_object(json);
    fy_json_null(json, NULL);
    fy_json_close_array(json);
    fy_json_close_object(json);
    cr_assert_eq(fy_json_finish(json, &text, NULL), 0);
    cr_expect_str_eq(text, "{\"max\":18446744073709551615,\"min\":-9223372036854775808,\"ms\":0.333,\"nan\":null,"
                           "\"inf\":null,\"yes\":true,\"none\":null,\"k\xef\xbf\xbd\\n\":[{},null]}");
    fy_json_free(json);
}

Test(json, largest_number_fits)
{
    struct fy_json *json = fy_json_new(false);
    FY_AUTO_FREE char *text = NULL;
    fy_json_number(json, NULL, -1.7976931348623157e308);
    cr_assert_eq(fy_json_finish(json, &text, NULL), 0);
    cr_expect_eq(strlen(text), 314);
    fy_json_free(json);
}

Test(json, pretty_has_no_final_newline)
{
    struct fy_json *json = fy_json_new(true);
    FY_AUTO_FREE char *text = NULL;
    fy_json_open_object(json, NULL);
    fy_json_uint(json, "a", 1);
    fy_json_close_object(json);
    cr_assert_eq(fy_json_finish(json, &text, NULL), 0);
    cr_expect_str_eq(text, "{\n  \"a\": 1\n}");
    fy_json_free(json);
}

Test(json, unfinished_documents)
{
    expect_failure(fy_json_new(false), FY_E_INTERNAL);
    struct fy_json *json = fy_json_new(false);
    fy_json_open_array(json, NULL);
    expect_failure(json, FY_E_INTERNAL);
}

Test(json, misuse_is_kept_until_the_end)
{
    struct fy_json *json = fy_json_new(false);
    fy_json_close_object(json);
    fy_json_uint(json, NULL, 1);
    expect_failure(json, FY_E_INTERNAL);

    json = fy_json_new(false);
    fy_json_open_array(json, NULL);
    fy_json_close_object(json);
    expect_failure(json, FY_E_INTERNAL);

    json = fy_json_new(false);
    fy_json_open_object(json, NULL);
    fy_json_uint(json, NULL, 1);
    fy_json_close_object(json);
    expect_failure(json, FY_E_INTERNAL);

    json = fy_json_new(false);
    fy_json_open_array(json, NULL);
    fy_json_uint(json, "key", 1);
    fy_json_close_array(json);
    expect_failure(json, FY_E_INTERNAL);

    json = fy_json_new(false);
    fy_json_uint(json, NULL, 1);
    fy_json_uint(json, NULL, 2);
    expect_failure(json, FY_E_INTERNAL);
}

Test(json, depth_is_bounded)
{
    struct fy_json *json = fy_json_new(false);
    for (int i = 0; i < 1000; i++)
        fy_json_open_array(json, NULL);
    expect_failure(json, FY_E_LIMIT);
    json = fy_json_new(false);
    for (int i = 0; i < 64; i++)
        fy_json_open_array(json, NULL);
    for (int i = 0; i < 64; i++)
        fy_json_close_array(json);
    FY_AUTO_FREE char *text = NULL;
    cr_expect_eq(fy_json_finish(json, &text, NULL), 0);
    fy_json_free(json);
    fy_json_free(NULL);
}
