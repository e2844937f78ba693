/* Searching memory that comes in pieces: wherever the pieces end, the hits are those of a search of the whole. */
#include "search_window.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x7f0000000000ull
#define HITS_MAX 4096

static struct window window;
static struct {
    uint64_t address[HITS_MAX];
    size_t size[HITS_MAX];
    size_t count, stop_after;
} hits;
static const uint8_t *whole; /* what is searched, from BASE on; NULL: contexts are not looked at */
static size_t whole_size, context_bytes;

static void check_context(const struct window_match *match)
{
    size_t at = (size_t)(match->address - BASE), end = at + match->match_bytes;
    size_t before = at < context_bytes ? at : context_bytes;
    size_t after = whole_size - end < context_bytes ? whole_size - end : context_bytes;
    cr_assert_eq(match->before_bytes, before, "at %zu: %zu in front, not %zu", at, match->before_bytes, before);
    cr_assert_eq(match->after_bytes, after, "at %zu: %zu behind, not %zu", at, match->after_bytes, after);
    cr_assert_eq(memcmp(match->before, whole + at - before, before), 0);
    cr_assert_eq(memcmp(match->match, whole + at, match->match_bytes), 0);
    cr_assert_eq(memcmp(match->after, whole + end, after), 0);
}

static int on_match(const struct window_match *match, void *context)
{
    (void)context;
    cr_assert_lt(hits.count, HITS_MAX);
    if (whole)
        check_context(match);
    hits.address[hits.count] = match->address;
    hits.size[hits.count++] = match->match_bytes;
    return hits.stop_after && hits.count == hits.stop_after;
}

static void begin(struct fy_pattern *pattern, size_t context)
{
    memset(&hits, 0, sizeof(hits));
    context_bytes = context;
    fy_window_init(&window, pattern, context, on_match, NULL);
}

static void feed(uint64_t address, const void *data, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;
    uint8_t *room = fy_window_room(&window, address, &err);
    cr_assert_not_null(room, "%s", err.message);
    memcpy(room, data, size);
    cr_assert_eq(fy_window_filled(&window, size, &err), 0, "%s", err.message);
}

static void finish(void)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_window_finish(&window, &err), 0, "%s", err.message);
}

static struct fy_pattern *pattern_of(enum fy_pattern_kind kind, const char *text)
{
    struct fy_pattern *pattern = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_pattern_new(kind, text, &pattern, &err), 0, "%s: %s", text, err.message);
    return pattern;
}

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245 + 12345;
    return *state >> 8;
}

/* `data` in pieces of random sizes. */
static void feed_in_pieces(const uint8_t *data, size_t size, unsigned seed)
{
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + next_random(&seed) % (seed % 3 ? WINDOW_STEP_BYTES : 5000);
        if (piece > size - at)
            piece = size - at;
        feed(BASE + at, data + at, piece);
        at += piece;
    }
    finish();
}

/* The expected hits of a plain search, one after the other. */
static void expect_all(const uint8_t *data, size_t size, const char *text)
{
    size_t length = strlen(text), seen = 0;
    for (size_t at = 0; at + length <= size;) {
        if (memcmp(data + at, text, length) != 0) {
            at++;
            continue;
        }
        cr_assert_lt(seen, hits.count, "the hit at %zu is missing", at);
        cr_assert_eq(hits.address[seen], BASE + at, "hit %zu is at %llx, not %zx", seen,
                     (unsigned long long)(hits.address[seen] - BASE), at);
        cr_assert_eq(hits.size[seen], length);
        seen++;
        at += length;
    }
    cr_assert_eq(seen, hits.count, "%zu hits, not %zu", hits.count, seen);
    cr_assert_gt(seen, 0);
}

Test(search_window, hits_do_not_depend_on_how_memory_comes)
{
    static const struct {
        enum fy_pattern_kind kind;
        const char *pattern, *text;
    } cases[] = {
        {FY_PATTERN_TEXT, "abab", "abab"},      {FY_PATTERN_HEX, "61 62 6162 61", "ababa"},
        {FY_PATTERN_REGEX, "a(b|c)xa", "abxa"}, {FY_PATTERN_REGEX, "a(?=bab)bab", "abab"},
        {FY_PATTERN_REGEX, "(?<=a)ba", "ba"}, /* looks back at what has been searched */
    };
    size_t size = 400000;
    uint8_t *data = malloc(size);
    whole = data;
    whole_size = size;
    for (unsigned seed = 1; seed <= 4; seed++) {
        /* Rare letters make few hits; every "ba" stands behind an a. */
        unsigned state = seed;
        for (size_t i = 0; i < size; i++)
            data[i] = next_random(&state) % 8 ? (uint8_t)next_random(&state) : 0;
        for (int i = 0; i < 300; i++)
            memcpy(data + next_random(&state) % (size - 16), i % 2 ? "aababab" : "aabbaab", 7);
        for (size_t i = 1; i + 1 < size; i++)
            if (data[i] == 'b' && data[i + 1] == 'a' && data[i - 1] != 'a')
                data[i] = 'x';
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct fy_pattern *pattern = pattern_of(cases[i].kind, cases[i].pattern);
            begin(pattern, seed == 1 ? 0 : seed * 1000);
            feed_in_pieces(data, size, seed * 77);
            expect_all(data, size, cases[i].text);
            fy_pattern_free(pattern);
        }
    }
    free(data);
    whole = NULL;
}

Test(search_window, a_gap_ends_an_area)
{
    struct fy_pattern *pattern = pattern_of(FY_PATTERN_TEXT, "needle");
    begin(pattern, 8);
    feed(BASE, "....nee", 7);
    feed(BASE + 7, "dle", 3); /* touches: one hit */
    feed(BASE + 4096, "nee", 3);
    feed(BASE + 8192, "dle", 3); /* does not */
    finish();
    cr_assert_eq(hits.count, 1);
    cr_assert_eq(hits.address[0], BASE + 4);
    fy_pattern_free(pattern);
}

Test(search_window, ends_of_areas_and_lines)
{
    static const uint8_t area[] = "first\nsecond\nthird";
    struct fy_pattern *pattern = pattern_of(FY_PATTERN_REGEX, "^[a-z]+$");
    begin(pattern, 0);
    feed(BASE, area, sizeof(area) - 1);
    finish();
    cr_assert_eq(hits.count, 3);
    fy_pattern_free(pattern);

    pattern = pattern_of(FY_PATTERN_REGEX, "\\A.|.\\z");
    begin(pattern, 0);
    uint8_t *long_area = calloc(1, 200000);
    for (size_t at = 0; at < 200000; at += 20000)
        feed(BASE + at, long_area + at, 20000);
    finish();
    cr_assert_eq(hits.count, 2);
    cr_assert_eq(hits.address[0], BASE);
    cr_assert_eq(hits.address[1], BASE + 199999);
    free(long_area);
    fy_pattern_free(pattern);
}

Test(search_window, zero_bytes_are_bytes)
{
    struct fy_pattern *pattern = pattern_of(FY_PATTERN_REGEX, "k\\x00e.y\\xff");
    begin(pattern, 0);
    feed(BASE, "\0\0k\0e\0y\xff\0", 9);
    finish();
    cr_assert_eq(hits.count, 1);
    cr_assert_eq(hits.address[0], BASE + 2);
    fy_pattern_free(pattern);
    pattern = pattern_of(FY_PATTERN_HEX, "0000 6B00");
    begin(pattern, 0);
    feed(BASE, "\0\0k\0e\0y\xff\0", 9);
    finish();
    cr_assert_eq(hits.count, 1);
    fy_pattern_free(pattern);
}

Test(search_window, a_long_match_comes_in_pieces)
{
    size_t size = 20000, sum = 0;
    uint8_t *data = malloc(size);
    struct fy_pattern *pattern = pattern_of(FY_PATTERN_REGEX, "a+");
    memset(data, 'a', size);
    begin(pattern, 0);
    feed_in_pieces(data, size, 5);
    for (size_t i = 0; i < hits.count; i++)
        sum += hits.size[i];
    cr_assert_eq(sum, size);
    cr_assert_eq(hits.count, 5);
    free(data);
    fy_pattern_free(pattern);
}

Test(search_window, the_end_of_what_is_seen_is_no_end_of_a_line)
{
    size_t size = 200000;
    uint8_t *data = malloc(size);
    struct fy_pattern *pattern = pattern_of(FY_PATTERN_REGEX, "a+$");
    memset(data, 'a', size);
    data[size - 1] = 'b';
    begin(pattern, 0);
    feed_in_pieces(data, size, 5);
    cr_assert_eq(hits.count, 0, "%zu hits", hits.count);
    free(data);
    fy_pattern_free(pattern);
}

Test(search_window, stops_when_told_to)
{
    uint8_t data[1000];
    struct fy_pattern *pattern = pattern_of(FY_PATTERN_TEXT, "a");
    memset(data, 'a', sizeof(data));
    begin(pattern, 0);
    hits.stop_after = 3;
    feed(BASE, data, sizeof(data));
    finish();
    cr_assert(window.is_over);
    cr_assert_eq(hits.count, 3);
    fy_pattern_free(pattern);
}

/* Nothing ever matches here, and there are more ways to try than atoms in the universe. */
Test(search_window, a_hostile_pattern_ends)
{
    static const char *const patterns[] = {"(a+)+[bc]", "(a|aa)+[bc]", "(a*)*[bc]", "(?:a?){60}a{60}[bc]",
                                           "(a+a+)+[yz]"};
    uint8_t *data = malloc(WINDOW_STEP_BYTES);
    memset(data, 'a', WINDOW_STEP_BYTES);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_pattern *pattern = pattern_of(FY_PATTERN_REGEX, patterns[i]);
        begin(pattern, 0);
        uint8_t *room = fy_window_room(&window, BASE, &err);
        memcpy(room, data, WINDOW_STEP_BYTES);
        int status = fy_window_filled(&window, WINDOW_STEP_BYTES, &err);
        cr_expect(status < 0, "%s", patterns[i]);
        cr_expect_eq(err.code, FY_E_LIMIT, "%s: %s", patterns[i], err.message);
        cr_expect_not_null(strstr(err.message, "at address 0x7f00"), "%s", err.message);
        cr_expect_gt(strlen(err.next), 10);
        fy_pattern_free(pattern);
    }
    free(data);
}

/* PCRE2 does not count these steps, and so many would take an hour for each mebibyte. */
Test(search_window, work_that_is_not_counted_ends_too)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_pattern *pattern = pattern_of(FY_PATTERN_REGEX, "a*a*[bc][0-9]");
    int status = 0;
    begin(pattern, 0);
    for (uint64_t at = BASE; status == 0 && at < BASE + (1 << 20); at += WINDOW_STEP_BYTES) {
        memset(fy_window_room(&window, at, &err), 'a', WINDOW_STEP_BYTES);
        status = fy_window_filled(&window, WINDOW_STEP_BYTES, &err);
    }
    cr_expect_eq(status, -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    fy_pattern_free(pattern);
}

Test(search_window, wrong_patterns_are_refused)
{
    static char too_long[5000], too_long_hex[20000];
    memset(too_long, 'a', sizeof(too_long) - 1);
    memset(too_long_hex, 'a', sizeof(too_long_hex) - 2);
    static const struct {
        enum fy_pattern_kind kind;
        const char *text, *words;
    } cases[] = {
        {FY_PATTERN_TEXT, "", "empty"},
        {FY_PATTERN_TEXT, too_long, "more than 4096"},
        {FY_PATTERN_HEX, "", "no bytes"},
        {FY_PATTERN_HEX, "  ", "no bytes"},
        {FY_PATTERN_HEX, "de a", "character 5"},
        {FY_PATTERN_HEX, "d ea", "character 2"},
        {FY_PATTERN_HEX, "0x41", "character 2"},
        {FY_PATTERN_HEX, "xyz", "character 1"},
        {FY_PATTERN_HEX, too_long_hex, "more than 4096"},
        {FY_PATTERN_REGEX, "", "empty"},
        {FY_PATTERN_REGEX, "a(b", "character 4"},
        {FY_PATTERN_REGEX, "(*UTF)a", "UTF"},
        {FY_PATTERN_REGEX, "(*UCP)a", "UCP"},
        {FY_PATTERN_REGEX, "(a)\\1", "group 1"},
        {FY_PATTERN_REGEX, too_long, "more than 4096"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fy_pattern *pattern = NULL;
        struct fy_error err = FY_ERROR_INIT;
        cr_expect_eq(fy_pattern_new(cases[i].kind, cases[i].text, &pattern, &err), -1, "%.20s", cases[i].text);
        cr_expect_eq(err.code, FY_E_USAGE);
        cr_expect_not_null(strstr(err.message, cases[i].words), "%.20s: %s", cases[i].text, err.message);
        cr_expect_null(pattern);
    }
}
