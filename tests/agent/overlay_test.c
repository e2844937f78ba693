/* Overlays: what a record may say of one, the real thing found in /proc, and its upper directory exchanged and put
 * back. The overlays are real, in a mount namespace of the test's own. */
#include "overlay.h"

#include "fork_child.h"
#include "mountinfo.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void path_of(char path[256], const char *name)
{
    (void)snprintf(path, 256, "%s/%s", dir, name);
}

static void put(const char *name, const char *text)
{
    char path[256];
    path_of(path, name);
    cr_assert_eq(fy_fs_write_file(path, text, strlen(text), 0600, NULL), 0, "%s", path);
}

static void expect(const char *name, const char *text)
{
    char path[256];
    FY_AUTO_FREE char *found = NULL;
    path_of(path, name);
    if (fy_fs_read_file(path, 4096, &found, NULL, NULL) < 0)
        cr_assert_fail("%s is not there", path);
    cr_expect_str_eq(found, text, "%s has %s", path, found);
}

static bool is_there(const char *name)
{
    char path[256];
    path_of(path, name);
    return access(path, F_OK) == 0;
}

/* A bundle with a root that is an overlay of one layer. */
static void begin(void)
{
    static const char *const names[] = {"image", "upper", "work", "bundle", "bundle/root"};
    char path[256], options[1024];
    (void)snprintf(dir, sizeof dir, "/tmp/ferry-test-XXXXXX");
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(mount("test", dir, "tmpfs", 0, NULL), 0);
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++) {
        path_of(path, names[i]);
        cr_assert_eq(mkdir(path, 0755), 0);
    }
    put("image/both", "image");
    put("bundle/config.json", "{\"root\": {\"path\": \"root\"}}");
    (void)snprintf(options, sizeof options, "lowerdir=%s/image,upperdir=%s/upper,workdir=%s/work", dir, dir, dir);
    path_of(path, "bundle/root");
    cr_assert_eq(mount("overlay", path, "overlay", 0, options), 0);
}

static void end(void)
{
    cr_assert_eq(umount2(dir, MNT_DETACH), 0);
    cr_assert_eq(rmdir(dir), 0);
}

TestSuite(overlay, .init = begin, .fini = end);

static struct fy_overlay known(void)
{
    struct fy_overlay overlay = {.options = ""};
    (void)snprintf(overlay.path, sizeof overlay.path, "%s/bundle/root", dir);
    (void)snprintf(overlay.lower, sizeof overlay.lower, "%s/image", dir);
    (void)snprintf(overlay.upper, sizeof overlay.upper, "%s/upper", dir);
    (void)snprintf(overlay.work, sizeof overlay.work, "%s/work", dir);
    return overlay;
}

/* In a process whose root it is, as a container's. */
Test(overlay, is_found)
{
    char bundle[256], root[256];
    int pipes[2];
    struct fy_overlay found, wanted = known();
    path_of(bundle, "bundle");
    path_of(root, "bundle/root");
    cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
    pid_t pid = fork_child();
    if (pid == 0) {
        bool entered = unshare(CLONE_NEWNS) == 0 && chroot(root) == 0 && chdir("/") == 0;
        (void)!write(pipes[1], entered ? "y" : "n", 1);
        (void)pause();
    }
    char answer = 'n';
    (void)close(pipes[1]); /* so that its death ends the reading */
    cr_assert(read(pipes[0], &answer, 1) == 1 && answer == 'y');
    fy_overlay_find(pid, bundle, &found);
    cr_expect_str_eq(found.lower, wanted.lower);
    cr_expect_str_eq(found.upper, wanted.upper);
    cr_expect_str_eq(found.work, wanted.work);
    cr_expect_str_eq(found.path, wanted.path);
    (void)kill(pid, SIGKILL);
    fy_overlay_find(getpid(), bundle, &found); /* ours is none, or not this one */
    cr_expect_str_neq(found.upper, wanted.upper);
}

Test(overlay, is_exchanged_and_put_back)
{
    char bundle[256];
    struct fy_error err = FY_ERROR_INIT;
    struct fy_overlay_root root = {.overlay = known()};
    path_of(bundle, "bundle");
    put("bundle/root/both", "later");
    put("bundle/root/added", "later");
    cr_assert_eq(fy_overlay_root_clear(&root, bundle, "/nowhere", &err), 0, "%s", err.message);
    cr_expect_not(is_there("bundle/root/both"), "it is mounted still");
    put("upper.new/both", "then");
    cr_assert_eq(fy_overlay_root_take(&root, &err), 0, "%s", err.message);
    expect("bundle/root/both", "then");
    cr_expect_not(is_there("bundle/root/added"));
    expect("upper.replaced/added", "later");
    fy_overlay_root_undo(&root);
    expect("bundle/root/both", "later");
    expect("bundle/root/added", "later");
    cr_expect_not(is_there("upper.replaced"));
    cr_expect_not(is_there("upper.new"));
}

/* Another host: nothing but the layer is there. */
Test(overlay, is_made_where_it_was_not)
{
    char bundle[256], config[256];
    struct fy_error err = FY_ERROR_INIT;
    struct fy_overlay_root root = {.overlay = known()};
    (void)snprintf(root.overlay.path, sizeof root.overlay.path, "%s/new/bundle/root", dir);
    (void)snprintf(root.overlay.upper, sizeof root.overlay.upper, "%s/new/upper", dir);
    (void)snprintf(root.overlay.work, sizeof root.overlay.work, "%s/new/work", dir);
    path_of(bundle, "new/bundle");
    path_of(config, "bundle/config.json");
    cr_assert_eq(fy_overlay_root_clear(&root, bundle, config, &err), 0, "%s", err.message);
    expect("new/bundle/config.json", "{\"root\": {\"path\": \"root\"}}");
    cr_assert_eq(fy_overlay_root_take(&root, &err), 0, "%s", err.message);
    expect("new/bundle/root/both", "image");
    fy_overlay_root_undo(&root);
    cr_expect_not(is_there("new/upper"));
    cr_expect_not(is_there("new/bundle/root/both"));
}

Test(overlay, something_else_is_mounted)
{
    char bundle[256];
    struct fy_error err = FY_ERROR_INIT;
    struct fy_overlay_root root = {.overlay = known()};
    path_of(bundle, "bundle");
    cr_assert_eq(mount("other", root.overlay.path, "tmpfs", 0, NULL), 0);
    cr_expect_eq(fy_overlay_root_clear(&root, bundle, "/nowhere", &err), -1);
    cr_expect_eq(err.code, FY_E_BUSY);
    cr_expect(strstr(err.message, "something else is mounted at"), "%s", err.message);
    fy_overlay_root_undo(&root);
    cr_assert_eq(umount2(root.overlay.path, 0), 0);
    expect("bundle/root/both", "image");
}

Test(overlay, layers_are_looked_for)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_overlay overlay = known();
    cr_expect_eq(fy_overlay_check_layers(&overlay, "web", &err), 0);
    size_t length = strlen(overlay.lower);
    (void)snprintf(overlay.lower + length, sizeof overlay.lower - length, ":/no/such/layer");
    cr_expect_eq(fy_overlay_check_layers(&overlay, "web", &err), -1);
    cr_expect_eq(err.code, FY_E_PREFLIGHT);
    cr_expect(strstr(err.message, "/no/such/layer: No such file"), "%s", err.message);
}

Test(overlay_record, is_not_believed)
{
    static const struct {
        const char *bundle, *path, *lower, *upper, *work;
        bool fine;
    } cases[] = {
        {"/srv/web", "/srv/web/root", "/a:/b", "/up", "/work", true},
        {NULL, "/srv/web/root", "/a", "/up", "/work", false},
        {"web", "/srv/web/root", "/a", "/up", "/work", false},
        {"/srv/web", "root", "/a", "/up", "/work", false},
        {"/srv/web", "/srv/../etc", "/a", "/up", "/work", false},
        {"/srv/web", "/srv/web/root", "a", "/up", "/work", false},
        {"/srv/web", "/srv/web/root", "/a,upperdir=/etc", "/up", "/work", false},
        {"/srv/web", "/srv/web/root", "/a", "/up,index=on", "/work", false},
        {"/srv/web", "/srv/web/root", "/a", "/x/../up", "/work", false},
        {"/srv/web", "/srv/web/root", "/a", "", "/work", false},
        {"/srv/web", "/srv/web/root", "/a", "/up", "/w:x", false},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_overlay overlay;
        Ferry__Checkpoint__Record record = FERRY__CHECKPOINT__RECORD__INIT;
        Ferry__Checkpoint__Overlay said = FERRY__CHECKPOINT__OVERLAY__INIT;
        record.id = (char *)(uintptr_t) "c-1";
        record.bundle = (char *)(uintptr_t)cases[i].bundle;
        record.overlay = &said;
        said.path = (char *)(uintptr_t)cases[i].path;
        said.lower = (char *)(uintptr_t)cases[i].lower;
        said.upper = (char *)(uintptr_t)cases[i].upper;
        said.work = (char *)(uintptr_t)cases[i].work;
        cr_expect_eq(fy_overlay_from_record(&record, &overlay, &err), cases[i].fine ? 0 : -1, "case %zu", i);
        cr_expect(cases[i].fine ? err.code == FY_OK : err.code == FY_E_VERIFY, "case %zu", i);
        cr_expect_eq(overlay.upper[0] == '/', cases[i].fine, "case %zu", i);
    }
}

Test(overlay_record, names_are_unescaped)
{
    char text[] = "a\\040b\\134c";
    mountinfo_unescape(text);
    cr_expect_str_eq(text, "a b\\c");
}
