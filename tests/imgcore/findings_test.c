/* The list of findings: each row makes sense, each is made by some test, and the manual page has them all. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/verify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ids[] = {
#define FINDING(id, code, severity, effect, advice) "FY_FINDING_" #id,
#include <ferry/imgcore/findings.inc>
#undef FINDING
};

static bool is_of(const char *text, const char *letters)
{
    return text[0] && strspn(text, letters) == strlen(text);
}

Test(findings, rows)
{
    for (int i = 0; i < FY_FINDING_COUNT; i++) {
        const struct fy_finding_kind *kind = fy_finding_kind((enum fy_finding_id)i);
        cr_expect(is_of(kind->code, "abcdefghijklmnopqrstuvwxyz0123456789-"), "%s", kind->code);
        cr_expect_gt(strlen(kind->next), 20, "%s: %s", kind->code, kind->next);
        cr_expect(fy_effect_text(kind->effect)[0]);
        cr_expect(fy_severity_name(kind->severity)[0]);
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(kind->code, fy_finding_kind((enum fy_finding_id)j)->code);
    }
}

/* The sources of all tests in this folder, one behind the other. */
static char *read_tests(void)
{
    DIR *dir = opendir(TEST_SOURCE_DIR);
    char *all = calloc(1, 1);
    struct dirent *entry;

    cr_assert(dir && all);
    while ((entry = readdir(dir)) != NULL) {
        char path[512], *text;
        size_t size;
        if (!strstr(entry->d_name, "_test.c"))
            continue;
        (void)snprintf(path, sizeof(path), TEST_SOURCE_DIR "/%s", entry->d_name);
        cr_assert_eq(fy_fs_read_file(path, 1 << 20, &text, &size, NULL), 0, "%s", path);
        all = realloc(all, strlen(all) + size + 1);
        cr_assert_not_null(all);
        memcpy(all + strlen(all), text, size + 1);
        free(text);
    }
    (void)closedir(dir);
    return all;
}

/* Whether the text has a call of some expect_… with `what` as its first argument; those fail when the finding is not
 * made. */
static bool is_expected(const char *tests, const char *what)
{
    size_t length = strlen(what);

    for (const char *at = tests; (at = strstr(at, what)) != NULL; at += length) {
        const char *name = at;
        if (at[length] != ',' || at == tests || *--name != '(')
            continue;
        while (name > tests && (name[-1] == '_' || (name[-1] >= 'a' && name[-1] <= 'z')))
            name--;
        if (strncmp(name, "expect_", 7) == 0)
            return true;
    }
    return false;
}

Test(findings, each_is_made_by_a_test)
{
    char *tests = read_tests(), quoted[80];

    cr_expect_not(is_expected(tests, "FY_FINDING_OF_NO_TEST"));
    for (int i = 0; i < FY_FINDING_COUNT; i++) {
        (void)snprintf(quoted, sizeof(quoted), "\"%s\"", fy_finding_kind((enum fy_finding_id)i)->code);
        if (strncmp(ids[i], "FY_FINDING_MANIFEST_", 20) == 0) {
            /* manifest_check_test.c compares lists of "severity code file". */
            (void)snprintf(quoted, sizeof(quoted), "%s %s ",
                           fy_severity_name(fy_finding_kind((enum fy_finding_id)i)->severity),
                           fy_finding_kind((enum fy_finding_id)i)->code);
            cr_expect(strstr(tests, quoted), "no test expects %s", ids[i]);
            continue;
        }
        cr_expect(is_expected(tests, ids[i]) || is_expected(tests, quoted), "no test expects %s", ids[i]);
    }
    free(tests);
}

Test(findings, manual_page_has_them_all)
{
    char *text, *line, *rest = NULL;
    size_t size, found = 0;
    bool within = false;

    cr_assert_eq(fy_fs_read_file(TEST_SOURCE_DIR "/../../deploy/man/ferry-image.1", 1 << 20, &text, &size, NULL), 0);
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char code[64], severity[16];
        within = within ? strcmp(line, ".\\\" end of the findings") != 0 : strcmp(line, ".\\\" findings") == 0;
        if (!within || sscanf(line, ".It Li %63s Pq %15s", code, severity) != 2)
            continue;
        cr_assert_lt(found, (size_t)FY_FINDING_COUNT, "the page has more than the table: %s", code);
        cr_expect_str_eq(code, fy_finding_kind((enum fy_finding_id)found)->code);
        cr_expect_str_eq(severity, fy_severity_name(fy_finding_kind((enum fy_finding_id)found)->severity), "%s", code);
        found++;
    }
    cr_expect_eq(found, (size_t)FY_FINDING_COUNT, "the page has %zu of %d findings", found, FY_FINDING_COUNT);
    free(text);
}
