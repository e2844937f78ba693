/* Text helpers: misspelt words, sizes, durations, numbers, and outside text made harmless. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <string.h>

Test(text, nearest_word)
{
    static const char *const words[] = {"peers", "state_dir", "run_dir", "max_jobs", "ssh", "log"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"", NULL},
        {"x", NULL},
        {"pers", "peers"},
        {"PEERS", "peers"},
        {"pears", "peers"},
        {"epers", "peers"},
        {"peesr", "peers"},
        {"state-dir", "state_dir"},
        {"statedir", "state_dir"},
        {"ss", "ssh"},
        {"shs", "ssh"},
        {"lgo", "log"},
        {"workload", NULL},
        {"maxjobs", "max_jobs"},
        {"max_job", "max_jobs"},
        {"run", NULL},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        const char *nearest = fy_text_nearest(cases[i].word, words, FY_ARRAY_SIZE(words));
        if (cases[i].nearest)
            cr_expect(nearest && !strcmp(nearest, cases[i].nearest), "'%s' -> '%s'", cases[i].word, nearest);
        else
            cr_expect_null(nearest, "'%s' -> '%s'", cases[i].word, nearest);
    }
}

Test(text, nearest_of_long_words_or_none)
{
    char word[200];
    memset(word, 'w', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *words[] = {word};
    cr_expect_null(fy_text_nearest(word, words, 1));
    cr_expect_null(fy_text_nearest("ww", words, 1));
    cr_expect_null(fy_text_nearest("ww", NULL, 0));
    const char *longest = word + sizeof word - 1 - 64;
    cr_expect_eq(fy_text_nearest(longest, &longest, 1), longest);
}

Test(text, bytes)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536 * 1024, "1.5 MiB"},
        {1024 * 1024 - 1, "1.0 MiB"},
        {UINT64_C(1) << 30, "1.0 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        char text[FY_TEXT_SIZE];
        fy_text_bytes(cases[i].bytes, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(text, durations)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0.0 ms"},
        {800000, "0.8 ms"},
        {9949999, "9.9 ms"},
        {9950000, "10 ms"},
        {312000000, "312 ms"},
        {999499999, "999 ms"},
        {999500000, "1.0 s"},
        {12300000000, "12.3 s"},
        {59949999999, "59.9 s"},
        {59950000000, "1m00s"},
        {245000000000, "4m05s"},
        {3599400000000, "59m59s"},
        {3599500000000, "1h00m"},
        {7380000000000, "2h03m"},
        {UINT64_MAX, "5124095h34m"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        char text[FY_TEXT_SIZE];
        fy_text_duration(cases[i].ns, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(text, numbers)
{
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "-1", "0x10", "1.0", "18446744073709551616", "99999999999999999999"};
    uint64_t value = 7;
    for (size_t i = 0; i < FY_ARRAY_SIZE(bad); i++)
        cr_expect_not(fy_text_parse_uint(bad[i], UINT64_MAX, &value), "'%s'", bad[i]);
    cr_expect_not(fy_text_parse_uint("65536", 65535, &value));
    cr_expect_not(fy_text_parse_uint("1", 0, &value));
    cr_expect_eq(value, 7, "untouched on failure");
    cr_expect(fy_text_parse_uint("65535", 65535, &value) && value == 65535);
    cr_expect(fy_text_parse_uint("000", 0, &value) && value == 0);
    cr_expect(fy_text_parse_uint("18446744073709551615", UINT64_MAX, &value) && value == UINT64_MAX);
}

Test(text, printable)
{
    static const struct {
        const char *text;
        size_t size;
        const char *copy;
    } cases[] = {
        {"", 0, ""},
        {"plain \xc3\xa4", 8, "plain \xc3\xa4"},
        {"a\0b", 3, "a?b"},
        {"\x1b[0m\r\n\t\x7f", 8, "?[0m????"},
        {"\xc2\x9b"
         "31m",
         5, "?31m"},
        {"\xe2\x80\xae"
         "x\xe2\x81\xa6",
         7, "?x?"},
        {"\xe2\x82\xac", 2, "??"},
        {"\xff\xc3", 2, "??"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        FY_AUTO_FREE char *copy = fy_text_printable(cases[i].text, cases[i].size);
        cr_expect_str_eq(copy, cases[i].copy);
    }
}

Test(text, a_copy_is_cut_to_fit_and_printable)
{
    char to[6] = "......";
    fy_text_copy_printable(to, sizeof(to), "ab\x1b[31mcd");
    cr_expect_str_eq(to, "ab?[3");
    fy_text_copy_printable(to, sizeof(to), NULL);
    cr_expect_str_eq(to, "");
    /* A character that does not fit whole is not half there. */
    fy_text_copy_printable(to, sizeof(to), "abcd\u00e9");
    cr_expect_str_eq(to, "abcd?");
}
