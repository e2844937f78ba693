/* Searching sets that are made here: borders, parents, shared memory, and what is not there. */
#include "made_set.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/imgcore/search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scratch set;
static struct fy_explore *explore;
static struct fy_search_summary summary;
static struct fy_error err;
static char heard[4096]; /* "MEMORY:ADDRESS before[match]after" of each hit, a line each */
static size_t enough;

static int on_hit(const struct fy_search_hit *hit, void *data)
{
    size_t used = strlen(heard);
    (void)data;
    (void)snprintf(heard + used, sizeof(heard) - used, "%s%lu:%lx %.*s[%.*s]%.*s%s\n", hit->is_shared ? "s" : "",
                   hit->memory, hit->address, (int)hit->before_bytes, (const char *)hit->before, (int)hit->match_bytes,
                   (const char *)hit->match, (int)hit->after_bytes, (const char *)hit->after,
                   hit->mapping ? "" : " unmapped");
    return enough && summary.hits == 0 && strlen(heard) >= enough;
}

static int search(enum fy_pattern_kind kind, const char *text, uint32_t pid, size_t context_bytes)
{
    struct fy_search_options options = {.pid = pid, .context_bytes = context_bytes};
    heard[0] = '\0';
    memset(&err, 0, sizeof(err));
    memset(&summary, 0, sizeof(summary));
    cr_assert_eq(fy_pattern_new(kind, text, &options.pattern, &err), 0, "%s", err.message);
    cr_assert_eq(fy_explore_open(set.fd, FY_EXPLORE_MAPPINGS, &explore, &err), 0, "%s", err.message);
    int status = fy_search_set(set.fd, explore, &options, on_hit, NULL, &summary, &err);
    fy_explore_free(explore);
    fy_pattern_free(options.pattern);
    return status;
}

static void expect(const char *lines)
{
    cr_expect_str_eq(heard, lines, "heard: %s%s", heard, err.message);
}

/* `count` pages of dots with a text at a place. */
static char *pages_with(size_t count, size_t at, const char *text)
{
    char *bytes = malloc(count * MADE_PAGE);
    memset(bytes, '.', count * MADE_PAGE);
    memcpy(bytes + at, text, strlen(text));
    return bytes;
}

static void make_task5(void)
{
    const uint32_t pids[] = {5};
    const struct made_mapping mappings[] = {{0x10000, 0x12000, 3, FY_MAPPING_HEAP | FY_MAPPING_REGULAR, 0},
                                            {0x12000, 0x20000, 1, FY_MAPPING_REGULAR, 0}};
    scratch_make(&set);
    made_tree(&set, pids, 1);
    made_mm(&set, 5, mappings, 2);
}

Test(search, crosses_pages_runs_and_mappings)
{
    /* Three runs that touch; the text crosses the border of the first two, which is one of mappings too. */
    const struct made_piece pieces[] = {{0x11000, 1, 4}, {0x12000, 1, 4}, {0x13000, 1, 4}, {0}};
    char *bytes = pages_with(3, MADE_PAGE - 3, "needle");
    make_task5();
    memcpy(bytes + 2 * MADE_PAGE - 1, "needle", 6);
    made_memory(&set, "pagemap-5.img", 1, pieces, bytes, 3 * MADE_PAGE);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 0, 2), 0);
    expect("5:11ffd ..[needle]..\n5:12fff ..[needle]..\n");
    cr_expect_eq(summary.hits, 2);
    cr_expect_eq(summary.searched_bytes, 3 * MADE_PAGE);
    cr_expect_eq(search(FY_PATTERN_REGEX, "n[^.]+e", 5, 0), 0);
    expect("5:11ffd [needle]\n5:12fff [needle]\n");
    free(bytes);
    scratch_done(&set);
}

Test(search, does_not_cross_a_gap)
{
    const struct made_piece pieces[] = {{0x10000, 1, 4}, {0x12000, 1, 4}, {0}};
    char *bytes = pages_with(2, MADE_PAGE - 3, "needle");
    make_task5();
    made_memory(&set, "pagemap-5.img", 1, pieces, bytes, 2 * MADE_PAGE);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 0, 0), 0);
    expect("");
    /* The context ends there as well. */
    cr_expect_eq(search(FY_PATTERN_TEXT, "nee", 0, 2), 0);
    expect("5:10ffd ..[nee]\n");
    free(bytes);
    scratch_done(&set);
}

Test(search, reads_parents)
{
    const struct made_piece lower[] = {{0x10000, 2, 4}, {0}}, upper[] = {{0x10000, 1, 1}, {0x11000, 1, 4}, {0}};
    char *old = pages_with(2, MADE_PAGE - 3, "needle"), *new = pages_with(1, 0, "dle");
    make_task5();
    cr_assert_eq(mkdirat(set.fd, "base", 0755), 0);
    struct scratch base = {.fd = openat(set.fd, "base", 0)};
    memset(old + MADE_PAGE, 'x', MADE_PAGE); /* what is below must not be seen */
    made_memory(&base, "pagemap-5.img", 1, lower, old, 2 * MADE_PAGE);
    made_memory(&set, "pagemap-5.img", 1, upper, new, MADE_PAGE);
    cr_assert_eq(symlinkat("base", set.fd, "parent"), 0);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 0, 1), 0);
    expect("5:10ffd .[needle].\n");
    cr_expect_eq(search(FY_PATTERN_TEXT, "x", 0, 0), 0);
    expect("");
    cr_assert_eq(unlinkat(set.fd, "parent", 0), 0);
    cr_expect_eq(search(FY_PATTERN_TEXT, "dle", 0, 1), -1);
    expect("5:11000 [dle].\n");
    cr_expect_eq(summary.lost_pages, 1);
    cr_expect_not_null(strstr(err.message, "task 5: "), "%s", err.message);
    free(old);
    free(new);
    (void)close(base.fd);
    scratch_done(&set);
}

Test(search, shared_memory_is_searched_once_and_for_those_who_map_it)
{
    const uint32_t pids[] = {5, 6, 7};
    const struct made_mapping maps[] = {{0x70000, 0x72000, 3, FY_MAPPING_REGULAR | FY_MAPPING_ANON_SHARED, 44}};
    const struct made_piece pieces[] = {{0, 2, 4}, {0}}, own[] = {{0x70000, 1, 4}, {0}};
    char *bytes = pages_with(2, 4090, "needle");
    scratch_make(&set);
    made_tree(&set, pids, 3);
    for (size_t i = 0; i < 3; i++)
        made_mm(&set, pids[i], maps, i == 2 ? 0 : 1);
    made_memory(&set, "pagemap-shmem-44.img", 1, pieces, bytes, 2 * MADE_PAGE);
    made_memory(&set, "pagemap-7.img", 2, own, bytes, MADE_PAGE);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 0, 0), 0);
    expect("7:70ffa [needle] unmapped\ns44:ffa [needle]\n");
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 6, 0), 0);
    expect("s44:ffa [needle]\n");
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 7, 0), 0);
    expect("7:70ffa [needle] unmapped\n");
    free(bytes);
    scratch_done(&set);
}

Test(search, says_what_is_not_there)
{
    const struct made_piece pieces[] = {{0x10000, 1, 4}, {0x11000, 3, 2}, {0x14000, 1, 4}, {0}};
    const struct made_piece other[] = {{0x10000, 1, 4}, {0}};
    const uint32_t pids[] = {5, 6};
    char *bytes = pages_with(2, 0, "needle");
    make_task5();
    made_tree(&set, pids, 2);
    made_memory(&set, "pagemap-5.img", 1, pieces, bytes, 2 * MADE_PAGE);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 0, 0), 0);
    cr_expect_eq(summary.lazy_pages, 3);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 9, 0), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 6, 0), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);

    /* A pages file that is too short or missing hides what it had, and nothing else. */
    made_memory(&set, "pagemap-6.img", 2, other, bytes, MADE_PAGE);
    scratch_resize(&set, "pages-1.img", MADE_PAGE - 100);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 0, 0), -1);
    cr_expect_eq(err.code, FY_E_FORMAT, "%s", err.message);
    cr_expect_not_null(strstr(heard, "6:10000 [needle]"), "%s", heard);
    scratch_remove(&set, "pages-1.img");
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 0, 0), -1);
    expect("6:10000 [needle] unmapped\n");
    scratch_write(&set, "pagemap-5.img", "junk", 4);
    cr_expect_eq(search(FY_PATTERN_TEXT, "needle", 0, 0), -1);
    expect("6:10000 [needle] unmapped\n");
    cr_expect_eq(summary.hits, 1);
    free(bytes);
    scratch_done(&set);
}

Test(search, ends_when_told_to)
{
    const struct made_piece pieces[] = {{0x10000, 1, 4}, {0}};
    const uint32_t pids[] = {5, 6};
    char *bytes = pages_with(1, 0, "");
    make_task5();
    made_tree(&set, pids, 2);
    made_memory(&set, "pagemap-5.img", 1, pieces, bytes, MADE_PAGE);
    made_memory(&set, "pagemap-6.img", 2, pieces, bytes, MADE_PAGE);
    enough = 1;
    cr_expect_eq(search(FY_PATTERN_TEXT, ".", 0, 0), 0);
    expect("5:10000 [.]\n");
    enough = 0;
    /* A pattern that takes too much work ends the search too. */
    memset(bytes, 'a', MADE_PAGE);
    made_memory(&set, "pagemap-5.img", 1, pieces, bytes, MADE_PAGE);
    cr_expect_eq(search(FY_PATTERN_REGEX, "(a|aa)+[bc]", 0, 0), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_not_null(strstr(err.message, "task 5: at address 0x10000"), "%s", err.message);
    free(bytes);
    scratch_done(&set);
}
