/* What the destination says of both hosts before anything is frozen; CRIU is played. Files are open_files_test.c's. */
#include "preflight.h"

#include "cpu_features.h"

#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define MOST 16

static uv_loop_t loop;
static char directory[64], criu[] = TEST_SOURCE_DIR "/played-criu";
static struct utsname names;
static struct fy_settings settings;
static struct fy_host host = {.loop = &loop, .settings = &settings};
static struct fy_migration_spec spec;
static Ferry__Peer__Offer offer;
static Ferry__Peer__HostFacts facts;
static struct fy_preflight_item items[MOST];
static size_t count;
static bool accepted;

/* An offer of a host like this one. */
static void begin(void)
{
    (void)snprintf(directory, sizeof directory, "/dev/shm/ferry-preflight-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(uname(&names), 0);
    settings = (struct fy_settings){.criu = criu, .run_dir = directory};
    fy_migration_spec_init(&spec);
    spec.workload = (struct fy_workload){.kind = FY_WORKLOAD_PROCESS, .id = "4190000"};
    ferry__peer__host_facts__init(&facts);
    facts.arch = names.machine;
    facts.kernel = names.release;
    facts.page_size = (uint32_t)sysconf(_SC_PAGESIZE);
    facts.criu_version = 40201;
    ferry__peer__offer__init(&offer);
    offer.facts = &facts;
    (void)setenv("PLAYED_CRIU", "new", 1);
}

static void end(void)
{
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(preflight, .init = begin, .fini = end);

static void answered(const struct fy_preflight_item *found, size_t found_count, bool is_accepted, uint64_t space_bytes,
                     void *data)
{
    (void)data;
    cr_assert_leq(found_count, MOST);
    cr_expect_gt(space_bytes, 0);
    memcpy(items, found, found_count * sizeof *found);
    count = found_count;
    accepted = is_accepted;
}

static const struct fy_preflight_item *ask(const char *name)
{
    struct fy_error err = FY_ERROR_INIT;
    count = 0;
    cr_assert_eq(fy_preflight_start(&host, &offer, &spec, answered, NULL, &err), 0, "%s", err.message);
    cr_assert_eq(count, 0, "the callback came before the start call had returned");
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    size_t i = 0;
    while (i < count && strcmp(items[i].name, name) != 0)
        i++;
    cr_assert_lt(i, count, "nothing is said of %s", name);
    return &items[i];
}

static void expect(const char *name, bool ok, const char *words)
{
    const struct fy_preflight_item *item = ask(name);
    cr_expect_eq(item->ok, ok, "%s: %s", name, item->detail);
    cr_expect(strstr(item->detail, words), "%s: '%s' is not in: %s", name, words, item->detail);
    cr_expect_eq(item->next[0] != '\0', !ok, "%s", item->next);
    cr_expect(ok || !accepted, "%s", name);
}

/* Both are named always, and nothing is refused for it. */
Test(preflight, an_older_kernel_is_told)
{
    char both[256];
    (void)snprintf(both, sizeof both, "%s here, %s at the source", names.release, names.release);
    expect("kernel", true, both);
    cr_expect_str_eq(ask("kernel")->detail, both);
    facts.kernel = (char *)"2.6.32";
    expect("kernel", true, " here, 2.6.32 at the source");
    cr_expect_null(strstr(ask("kernel")->detail, "may be missing"));
    facts.kernel = (char *)"100.0.0-9"; /* by numbers, not by letters */
    expect("kernel", true, "100.0.0-9 at the source: what the workload uses of the newer one may be missing here");
    cr_expect(accepted || !ask("memory")->ok);
}

#ifdef __x86_64__ /* of no other processor they are looked for */
Test(preflight, a_feature_that_is_not_here_is_named)
{
    char info[FY_CPU_INFO_SIZE];
    const char *ours[FY_CPU_FEATURES_MOST];
    char *theirs[3] = {(char *)"fpu", (char *)"warp_drive", (char *)"flux"};
    fy_cpu_info_read(info);
    cr_assert_gt(fy_cpu_features(info, ours), 0);
    theirs[0] = (char *)(uintptr_t)ours[0];
    facts.cpu_model = (char *)"Example 9000";
    facts.cpu_features = theirs;
    facts.n_cpu_features = 1;
    expect("cpu", true, "all 1 features of the source's (Example 9000) are here");
    facts.n_cpu_features = 2;
    expect("cpu", false, "it lacks warp_drive of the source's features: ");
    facts.n_cpu_features = 3;
    expect("cpu", false, "it lacks warp_drive and others of the source's features: ");
}
#endif

Test(preflight, what_cannot_be_restored_here_is_refused)
{
    facts.arch = (char *)"vax";
    expect("architecture", false, "vax at the source");
    facts.arch = names.machine;
    facts.page_size = 12345;
    expect("page-size", false, "12345 at the source");
    facts.criu_version = 40300;
    expect("criu", false, "4.2.1 here, 4.3.0 at the source");
    facts.criu_version = 40299;
    expect("criu", true, "4.2.1 here, 4.2.99 at the source");
    offer.memory_bytes = UINT64_MAX;
    expect("space", false, "usable in /dev/shm/");
    expect("memory", false, " available, about ");
}
