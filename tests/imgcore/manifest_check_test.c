/* What a manifest finds, as findings: each code, and chains of levels. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/manifest_check.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scratch set;  /* the last level */
static struct scratch base; /* the level before, for chains */

static void make_manifest(const struct scratch *of)
{
    struct fy_manifest *manifest = NULL;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_manifest_create(of->fd, NULL, &manifest, &err), 0, "%s", err.message);
    cr_assert_eq(fy_manifest_write(manifest, of->fd, FY_MANIFEST_NAME, &err), 0, "%s", err.message);
    fy_manifest_free(manifest);
}

static void begin(void)
{
    scratch_copy(&base, "threads");
    scratch_copy(&set, "namespaces");
    make_manifest(&base);
    make_manifest(&set);
}

static void end(void)
{
    scratch_done(&set);
    scratch_done(&base);
}

TestSuite(manifest_check, .init = begin, .fini = end);

struct seen {
    char text[2048]; /* "severity code file;" of each */
};

static void see(const struct fy_finding *finding, void *data)
{
    struct seen *seen = data;
    size_t used = strlen(seen->text);

    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%s %s %s;", fy_severity_name(finding->severity),
                   finding->code, finding->file);
    cr_expect(finding->what[0] && finding->effect[0] && finding->next[0], "%s says too little", finding->code);
}

static void check_with(const struct fy_signers *signers, const char *expected)
{
    struct fy_manifest_check check = {.threads = 2, .signers = signers, .now_s = 1795000000};
    struct fy_manifest_check_result result;
    struct fy_error err = FY_ERROR_INIT;
    struct seen seen = {0};

    cr_assert_eq(fy_manifest_check(set.fd, FY_MANIFEST_NAME, set.fd, &check, see, &seen, &result, &err), 0, "%s",
                 err.message);
    cr_expect_str_eq(seen.text, expected);
}

static void check(const char *expected)
{
    check_with(NULL, expected);
}

Test(manifest_check, of_one_set)
{
    check("");
    scratch_set_byte(&set, "pages-1.img", 9, 9);
    scratch_resize(&set, "core-1.img", 7);
    scratch_remove(&set, "fs-1.img");
    scratch_write(&set, "cgroup.img", "x", 1);
    scratch_write(&set, "restore.log", "x", 1);
    scratch_remove(&set, "mm-1.img");
    cr_assert_eq(symlinkat("mm-5.img", set.fd, "mm-1.img"), 0);
    check("error manifest-extra cgroup.img;error manifest-size core-1.img;error manifest-missing fs-1.img;"
          "error manifest-kind mm-1.img;error manifest-changed pages-1.img;warning manifest-stray restore.log;");
}

Test(manifest_check, that_cannot_be_used)
{
    scratch_set_byte(&set, FY_MANIFEST_NAME, 30, 0);
    check("error manifest-damaged ferry.manifest;");
    scratch_remove(&set, FY_MANIFEST_NAME);
    check("error manifest-none ferry.manifest;");
}

Test(manifest_check, signatures)
{
    struct fy_signers *nobody = NULL;

    cr_assert_eq(fy_signers_parse("# nobody\n", 9, "signers", &nobody, NULL), 0);
    check_with(nobody, "error manifest-signature ferry.manifest;");
    fy_signers_free(nobody);
}

/* ---- chains ---- */

static void link_levels(void)
{
    char target[80];

    (void)snprintf(target, sizeof(target), "..%s", strrchr(base.path, '/'));
    cr_assert_eq(symlinkat(target, set.fd, "parent"), 0);
}

Test(manifest_check, chain_that_is_bound)
{
    link_levels();
    make_manifest(&set);
    check("");
    scratch_set_byte(&base, "pages-1.img", 9, 9);
    check("error manifest-changed parent/pages-1.img;");
    make_manifest(&base);
    check("error manifest-parent parent/ferry.manifest;");
    scratch_remove(&base, FY_MANIFEST_NAME);
    check("error manifest-none parent/ferry.manifest;");
    scratch_remove(&set, "parent");
    cr_assert_eq(symlinkat("../elsewhere", set.fd, "parent"), 0);
    check("error manifest-link parent;");
}

Test(manifest_check, chain_that_is_not_bound)
{
    struct fy_signers *nobody = NULL;

    scratch_remove(&base, FY_MANIFEST_NAME);
    link_levels();
    make_manifest(&set);
    check("warning manifest-parent-none parent/ferry.manifest;");
    cr_assert_eq(fy_signers_parse("", 0, "signers", &nobody, NULL), 0);
    check_with(nobody, "error manifest-signature ferry.manifest;error manifest-none parent/ferry.manifest;");
    make_manifest(&base);
    check("");
    check_with(nobody, "error manifest-signature ferry.manifest;error manifest-signature parent/ferry.manifest;");
    scratch_set_byte(&base, "pages-1.img", 9, 9);
    check("error manifest-changed parent/pages-1.img;");
    fy_signers_free(nobody);
}

Test(manifest_check, a_damaged_level_before_is_not_bound)
{
    struct fy_manifest *manifest = NULL;
    struct fy_error err = FY_ERROR_INIT;

    link_levels();
    scratch_set_byte(&base, FY_MANIFEST_NAME, 30, 0);
    cr_expect_lt(fy_manifest_create(set.fd, NULL, &manifest, &err), 0);
    cr_expect(strstr(err.message, "parent: ferry.manifest"), "%s", err.message);
}

Test(manifest_check, chain_in_a_circle)
{
    cr_assert_eq(symlinkat(".", set.fd, "parent"), 0);
    scratch_remove(&set, FY_MANIFEST_NAME);
    make_manifest(&set);
    check("");
}
