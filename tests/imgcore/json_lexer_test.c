/* The reader of JSON: what RFC 8259 accepts and refuses, at every size of what a read brings. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <json_lexer.h>
#include <stdio.h>
#include <string.h>

/* ---- a text, in pieces of `step` bytes ---- */

struct source {
    const char *text;
    size_t size, at, step;
};

static int read_source(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err)
{
    struct source *source = data;
    size_t count = source->size - source->at;

    (void)err;
    if (count > source->step)
        count = source->step;
    if (count > capacity)
        count = capacity;
    memcpy(bytes, source->text + source->at, count);
    source->at += count;
    *size = count;
    return 0;
}

/* ---- writing down what was read ---- */

struct notes {
    char text[2048];
    size_t size;
};

static void note(struct notes *notes, const void *bytes, size_t size)
{
    cr_assert_lt(notes->size + size, sizeof(notes->text));
    memcpy(notes->text + notes->size, bytes, size);
    notes->size += size;
    notes->text[notes->size] = '\0';
}

static int note_value(struct json_lexer *lexer, struct notes *notes, unsigned depth, struct fy_error *err);

static int note_pieces(struct json_lexer *lexer, struct notes *notes, struct fy_error *err)
{
    const uint8_t *data;
    size_t size;
    int more;

    note(notes, "\"", 1);
    while ((more = fy_json_piece(lexer, &data, &size, err)) > 0) {
        cr_expect_gt(size, 0);
        note(notes, data, size);
    }
    note(notes, "\"", 1);
    return more;
}

static int note_object(struct json_lexer *lexer, struct notes *notes, unsigned depth, struct fy_error *err)
{
    const char *key;
    size_t size;
    int more;

    note(notes, "{", 1);
    while ((more = fy_json_key(lexer, &key, &size, err)) > 0) {
        note(notes, key, size);
        note(notes, "=", 1);
        if (note_value(lexer, notes, depth + 1, err) < 0)
            return -1;
        note(notes, ";", 1);
    }
    note(notes, "}", 1);
    return more;
}

static int note_array(struct json_lexer *lexer, struct notes *notes, unsigned depth, struct fy_error *err)
{
    int more;

    note(notes, "[", 1);
    while ((more = fy_json_element(lexer, err)) > 0) {
        if (note_value(lexer, notes, depth + 1, err) < 0)
            return -1;
        note(notes, ";", 1);
    }
    note(notes, "]", 1);
    return more;
}

static int note_value(struct json_lexer *lexer, struct notes *notes, unsigned depth, struct fy_error *err)
{
    static const char *const words[] = {
        [JSON_FLOAT] = "float", [JSON_TRUE] = "true", [JSON_FALSE] = "false", [JSON_NULL] = "null"};
    enum json_token token;
    char number[32];

    cr_assert_lt(depth, 20);
    if (fy_json_value(lexer, &token, err) < 0)
        return -1;
    switch (token) {
    case JSON_OBJECT:
        return note_object(lexer, notes, depth, err);
    case JSON_ARRAY:
        return note_array(lexer, notes, depth, err);
    case JSON_STRING:
        return note_pieces(lexer, notes, err);
    case JSON_INTEGER:
        (void)snprintf(number, sizeof(number), "%s%" PRIu64, lexer->integer.negative ? "-" : "",
                       lexer->integer.magnitude);
        note(notes, number, strlen(number));
        return 0;
    default:
        note(notes, words[token], strlen(words[token]));
        return 0;
    }
}

static int read_all(const char *text, size_t size, size_t step, struct notes *notes, struct fy_error *err)
{
    struct source source = {.text = text, .size = size, .step = step};
    struct json_lexer lexer;
    int rc;

    notes->size = 0;
    notes->text[0] = '\0';
    cr_assert_eq(fy_json_lexer_init(&lexer, read_source, &source, "x", err), 0);
    rc = note_value(&lexer, notes, 0, err);
    if (rc == 0)
        rc = fy_json_end(&lexer, err);
    fy_json_lexer_done(&lexer);
    return rc;
}

static const size_t steps[] = {1, 2, 3, 7, 1000000};

/* ---- refused ---- */

static const struct refused {
    const char *text, *error;
} refused[] = {
    {"", "x:1:1: a value is expected, but here is the end of the text"},
    {" \n\t ", "x:2:3: a value is expected, but here is the end of the text"},
    {"\xef\xbb\xbf{}", "x:1:1: a value is expected, but here is the byte 0xef"},
    {"{} x", "x:1:4: the end of the text is expected, but here is 'x'"},
    {"[]]", "x:1:3: the end of the text is expected, but here is ']'"},
    {"{", "x:1:2: a key is expected, but here is the end of the text"},
    {"[", "x:1:2: a value is expected, but here is the end of the text"},
    {"[1", "x:1:3: ',' or ']' is expected, but here is the end of the text"},
    {"[1 2]", "x:1:4: ',' or ']' is expected, but here is '2'"},
    {"[1,]", "x:1:4: a value is expected, but here is ']'"},
    {"[,1]", "x:1:2: a value is expected, but here is ','"},
    {"[1}", "x:1:3: ',' or ']' is expected, but here is '}'"},
    {"{\"a\":1,}", "x:1:8: a key is expected, but here is '}'"},
    {"{\"a\":1 \"b\":2}", "x:1:8: ',' or '}' is expected, but here is '\"'"},
    {"{\"a\" 1}", "x:1:6: ':' is expected, but here is '1'"},
    {"{\"a\":}", "x:1:6: a value is expected, but here is '}'"},
    {"{a:1}", "x:1:2: a key is expected, but here is 'a'"},
    {"{'a':1}", "x:1:2: a key is expected, but here is '''"},
    {"{1:1}", "x:1:2: a key is expected, but here is '1'"},
    {"{\"a\":1]", "x:1:7: ',' or '}' is expected, but here is ']'"},
    {"tru", "x:1:1: a value is expected, but here is 't'"},
    {"True", "x:1:1: a value is expected, but here is 'T'"},
    {"nulll", "x:1:5: the end of the text is expected, but here is 'l'"},
    {"NaN", "x:1:1: a value is expected, but here is 'N'"},
    {"-Infinity", "x:1:1: a '-' without a number"},
    {"-", "x:1:1: a '-' without a number"},
    {"+1", "x:1:1: a value is expected, but here is '+'"},
    {"01", "x:1:1: a number with a zero in front"},
    {"-00", "x:1:1: a number with a zero in front"},
    {"0x10", "x:1:2: the end of the text is expected, but here is 'x'"},
    {"1.", "x:1:1: a number that is not finished"},
    {".5", "x:1:1: a value is expected, but here is '.'"},
    {"1e", "x:1:1: a number that is not finished"},
    {"1e+", "x:1:1: a number that is not finished"},
    {"1.e3", "x:1:1: a number that is not finished"},
    {"1_000", "x:1:2: the end of the text is expected, but here is '_'"},
    {"\"", "x:1:2: the text ends within a string"},
    {"\"abc", "x:1:5: the text ends within a string"},
    {"\"\\", "x:1:2: the text ends within a string"},
    {"\"\\\"", "x:1:4: the text ends within a string"},
    {"\"\t\"", "x:1:2: a control character in a string, which must be escaped"},
    {"\"a\nb\"", "x:1:3: a control character in a string, which must be escaped"},
    {"\"\\x41\"", "x:1:2: an escape that JSON does not have"},
    {"\"\\'\"", "x:1:2: an escape that JSON does not have"},
    {"\"\\0\"", "x:1:2: an escape that JSON does not have"},
    {"\"\\u12\"", "x:1:2: \\u without four hexadecimal digits"},
    {"\"\\u12g4\"", "x:1:2: \\u without four hexadecimal digits"},
    {"\"\\ud800\"", "x:1:2: half of a surrogate pair, which stands for nothing"},
    {"\"\\ud83d\\u0041\"", "x:1:2: half of a surrogate pair, which stands for nothing"},
    {"\"\\udc00\"", "x:1:2: half of a surrogate pair, which stands for nothing"},
    {"\"\\udc7f\"", "x:1:2: half of a surrogate pair, which stands for nothing"},
    {"\"\\udd00\"", "x:1:2: half of a surrogate pair, which stands for nothing"},
    {"\"\xff\"", "x:1:2: bytes that are not UTF-8"},
    {"\"ab\xc3\"", "x:1:4: bytes that are not UTF-8"},
    {"\"\xc0\xaf\"", "x:1:2: bytes that are not UTF-8"},
    {"\"\xed\xa0\x80\"", "x:1:2: bytes that are not UTF-8"},
    {"\"\xf4\x90\x80\x80\"", "x:1:2: bytes that are not UTF-8"},
    {"[1,\n 2,\n  // no\n 3]", "x:3:3: a value is expected, but here is '/'"},
    {"[1,\r\n2 3]", "x:2:3: ',' or ']' is expected, but here is '3'"},
    {"[1,\f2]", "x:1:4: a value is expected, but here is the byte 0x0c"},
    {"[1,\v2]", "x:1:4: a value is expected, but here is the byte 0x0b"},
    {"[1,\xc2\xa0"
     "2]",
     "x:1:4: a value is expected, but here is the byte 0xc2"},
};

Test(json_lexer, refuses_what_is_not_json)
{
    static struct notes notes;

    for (size_t i = 0; i < FY_ARRAY_SIZE(refused); i++) {
        for (size_t s = 0; s < FY_ARRAY_SIZE(steps); s++) {
            struct fy_error err = FY_ERROR_INIT;
            cr_expect_eq(read_all(refused[i].text, strlen(refused[i].text), steps[s], &notes, &err), -1,
                         "%s is accepted", refused[i].text);
            cr_expect_eq(err.code, FY_E_FORMAT, "%s", refused[i].text);
            cr_expect_str_eq(err.message, refused[i].error, "%s, %zu bytes a read", refused[i].text, steps[s]);
        }
    }
}

/* A NUL is a byte as others are. */
Test(json_lexer, refuses_nul)
{
    static struct notes notes;
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(read_all("[1\0]", 4, 1, &notes, &err), -1);
    cr_expect_str_eq(err.message, "x:1:3: ',' or ']' is expected, but here is the byte 0x00");
    fy_error_clear(&err);
    cr_expect_eq(read_all("\"\0\"", 3, 1, &notes, &err), -1);
    cr_expect_str_eq(err.message, "x:1:2: a control character in a string, which must be escaped");
}

/* ---- accepted ---- */

static const struct accepted {
    const char *text, *notes;
} accepted[] = {
    {"{}", "{}"},
    {" \r\n\t[ ] ", "[]"},
    {"[1,[2,[]],{}]", "[1;[2;[];];{};]"},
    {"{\"a\":{\"b\":[{\"c\":null}]},\"d\" : true , \"\":false}", "{a={b=[{c=null;};];};d=true;=false;}"},
    {"0", "0"},
    {"-0", "0"},
    {"[0,1,-1]", "[0;1;-1;]"},
    {"18446744073709551615", "18446744073709551615"},
    {"18446744073709551616", "float"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"-9223372036854775809", "float"},
    {"99999999999999999999999999999", "float"},
    {"[1.0,1e0,-0.0,1E+2,1.5e-3,0e0]", "[float;float;float;float;float;float;]"},
    {"\"\"", "\"\""},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\"\\/\b\f\n\r\t\""},
    {"\"a\\u0062c\"", "\"abc\""},
    {"\"\\u00e9\\u20AC\\u20ac\\uffff\"", "\"\xc3\xa9\xe2\x82\xac\xe2\x82\xac\xef\xbf\xbf\""},
    {"\"\\ud83d\\ude00\\uD83D\\uDE00\"", "\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\""},
    {"\"\\udbff\\udfff\"", "\"\xf4\x8f\xbf\xbf\""},
    {"\"x\\udc80\\udcff\\udcc3\\udca9y\"", "\"x\x80\xff\xc3\xa9y\""},
    {"\"\\ud83d\\udc80\"", "\"\xf0\x9f\x92\x80\""}, /* a pair, although its half alone would be a byte */
    {"\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\x7f\"", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\x7f\""},
    {"{\"\\u0061\\n\":1}", "{a\n=1;}"},
    {"{\"a\"\n\n:\n1\n}", "{a=1;}"},
};

Test(json_lexer, reads_what_is_json)
{
    static struct notes notes;

    for (size_t i = 0; i < FY_ARRAY_SIZE(accepted); i++) {
        for (size_t s = 0; s < FY_ARRAY_SIZE(steps); s++) {
            struct fy_error err = FY_ERROR_INIT;
            cr_expect_eq(read_all(accepted[i].text, strlen(accepted[i].text), steps[s], &notes, &err), 0, "%s: %s",
                         accepted[i].text, err.message);
            cr_expect_str_eq(notes.text, accepted[i].notes, "%s, %zu bytes a read", accepted[i].text, steps[s]);
        }
    }
}

Test(json_lexer, a_nul_in_a_string_is_kept)
{
    static struct notes notes;

    cr_assert_eq(read_all("\"a\\u0000b\"", 10, 1, &notes, NULL), 0);
    cr_expect(notes.size == 5 && memcmp(notes.text, "\"a\0b\"", 5) == 0);
}

/* ---- long ---- */

#define LONG_BYTES 300000

/* Keys, numbers and escapes that lie across the ends of the window, wherever these are. */
Test(json_lexer, nothing_depends_on_where_the_window_ends)
{
    static char text[LONG_BYTES + 200], item[128];
    size_t size = 0, count = 0;

    text[size++] = '[';
    while (size < LONG_BYTES) {
        int length = snprintf(item, sizeof(item), "%s{\"key%zu\": %zu, \"s\" : \"\\u00e9\xc3\xa9%zu\"}",
                              count ? "," : "", count, count, count);
        memcpy(text + size, item, (size_t)length);
        size += (size_t)length;
        count++;
    }
    text[size++] = ']';
    for (size_t pad = 0; pad < 50; pad++) {
        struct source source = {.text = text, .size = size, .step = 65536 - pad};
        struct json_lexer lexer;
        enum json_token token;
        const char *key;
        size_t key_size, read = 0;
        cr_assert_eq(fy_json_lexer_init(&lexer, read_source, &source, "x", NULL), 0);
        cr_assert_eq(fy_json_value(&lexer, &token, NULL), 0);
        while (fy_json_element(&lexer, NULL) == 1) {
            char expected[32];
            (void)snprintf(expected, sizeof(expected), "key%zu", read);
            cr_assert_eq(fy_json_value(&lexer, &token, NULL), 0);
            cr_assert_eq(fy_json_key(&lexer, &key, &key_size, NULL), 1);
            cr_assert(key_size == strlen(expected) && memcmp(key, expected, key_size) == 0, "%s", expected);
            cr_assert_eq(fy_json_value(&lexer, &token, NULL), 0);
            cr_assert(token == JSON_INTEGER && lexer.integer.magnitude == read);
            cr_assert_eq(fy_json_key(&lexer, &key, &key_size, NULL), 1);
            cr_assert_eq(fy_json_value(&lexer, &token, NULL), 0);
            cr_assert_eq(fy_json_text(&lexer, 100, &key, &key_size, NULL), 0);
            (void)snprintf(expected, sizeof(expected), "\xc3\xa9\xc3\xa9%zu", read);
            cr_assert(key_size == strlen(expected) && memcmp(key, expected, key_size) == 0, "%s", expected);
            cr_assert_eq(fy_json_key(&lexer, &key, &key_size, NULL), 0);
            read++;
        }
        cr_expect_eq(read, count);
        fy_json_lexer_done(&lexer);
    }
}

Test(json_lexer, a_long_string_comes_in_pieces)
{
    static char text[LONG_BYTES + 2];
    struct source source = {.text = text, .size = sizeof(text), .step = 1000};
    struct json_lexer lexer;
    enum json_token token;
    const uint8_t *data;
    size_t size, total = 0;

    memset(text, 'a', sizeof(text));
    text[0] = text[LONG_BYTES + 1] = '"';
    cr_assert_eq(fy_json_lexer_init(&lexer, read_source, &source, "x", NULL), 0);
    cr_assert_eq(fy_json_value(&lexer, &token, NULL), 0);
    while (fy_json_piece(&lexer, &data, &size, NULL) == 1)
        total += size;
    cr_expect_eq(total, LONG_BYTES);
    cr_expect_eq(lexer.text.capacity, 0, "nothing of it was kept");
    fy_json_lexer_done(&lexer);
}

Test(json_lexer, long_texts_and_keys_are_refused)
{
    static char text[1000];
    struct source source = {.text = text, .size = sizeof(text), .step = 100};
    static struct notes notes;
    struct fy_error err = FY_ERROR_INIT;
    struct json_lexer lexer;
    enum json_token token;
    const char *whole;
    size_t size;

    memset(text, 'a', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    cr_assert_eq(fy_json_lexer_init(&lexer, read_source, &source, "x", NULL), 0);
    cr_assert_eq(fy_json_value(&lexer, &token, NULL), 0);
    cr_expect_eq(fy_json_text(&lexer, 997, &whole, &size, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_str_eq(err.message, "x:1:1: a string of more than 997 bytes");
    fy_json_lexer_done(&lexer);

    text[0] = '{';
    text[1] = '"';
    fy_error_clear(&err);
    cr_expect_eq(read_all(text, sizeof(text), 10, &notes, &err), -1);
    cr_expect_str_eq(err.message, "x:1:2: a string of more than 255 bytes");
}

Test(json_lexer, a_number_of_any_length_is_bounded)
{
    static char text[2000];
    static struct notes notes;
    struct fy_error err = FY_ERROR_INIT;

    memset(text, '1', sizeof(text));
    cr_expect_eq(read_all(text, sizeof(text), 100, &notes, &err), -1);
    cr_expect_str_eq(err.message, "x:1:1: a number of more than 512 characters");
}

static int failing_read(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err)
{
    (void)data;
    (void)bytes;
    (void)capacity;
    (void)size;
    return fy_error_set(err, FY_E_IO, "the disk is gone");
}

Test(json_lexer, an_error_of_the_input_is_passed_on)
{
    struct json_lexer lexer;
    struct fy_error err = FY_ERROR_INIT;
    enum json_token token;

    cr_assert_eq(fy_json_lexer_init(&lexer, failing_read, NULL, "x", NULL), 0);
    cr_expect_eq(fy_json_value(&lexer, &token, &err), -1);
    cr_expect_str_eq(err.message, "the disk is gone");
    fy_json_lexer_done(&lexer);
}
