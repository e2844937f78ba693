/* ferry image verify DIR: is the image set whole? Works without an agent. */
#include "commands.h"
#include "found.h"
#include "json_job.h"
#include "verify_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <sched.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

struct values {
    bool accept_lazy;
    const char *manifest, *signers;
};

/* What is known about a directory when all checks have been made. */
struct verdict {
    const char *directory;
    struct found found;
    struct fy_imageset_summary summary;
    struct manifest_verdict manifest;
};

static const struct {
    int flag;
    const char *name;
} namespaces[] = {
    {CLONE_NEWPID, "pid"}, {CLONE_NEWNET, "net"},   {CLONE_NEWIPC, "ipc"},       {CLONE_NEWUTS, "uts"},
    {CLONE_NEWNS, "mnt"},  {CLONE_NEWUSER, "user"}, {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWTIME, "time"},
};

static bool is_whole(const struct verdict *verdict)
{
    return verdict->summary.error_count == 0;
}

/* ---- for people ---- */

static void print_count(const char *before, uint64_t count, const char *what)
{
    (void)printf("%s%" PRIu64 " %s%s", before, count, what, count == 1 ? "" : "s");
}

static void print_tasks(const struct fy_imageset_summary *summary)
{
    if (summary->task_count == 0)
        return;
    print_count("; ", summary->task_count, "task");
    (void)printf(" (root %" PRIu32 ")", summary->root_pid);
    if (summary->zombie_count)
        print_count(" of which ", summary->zombie_count, "zombie");
    print_count(", ", summary->thread_count, "thread");
}

static void print_namespaces(int flags)
{
    const char *before = "; namespaces ";
    for (size_t i = 0; i < FY_ARRAY_SIZE(namespaces); i++)
        if (flags & namespaces[i].flag) {
            (void)printf("%s%s", before, namespaces[i].name);
            before = " ";
        }
}

static void print_summary(const struct fy_imageset_summary *summary)
{
    char bytes[FY_TEXT_SIZE], pages[FY_TEXT_SIZE];
    fy_text_bytes(summary->total_bytes, bytes);
    fy_text_bytes(summary->pages_bytes, pages);
    (void)fputs(summary->is_pre_dump ? "pre-dump" : "set", stdout);
    print_tasks(summary);
    print_count("; ", summary->file_count, "file");
    (void)printf(", %s of which %s memory", bytes, pages);
    if (summary->unknown_count)
        print_count("; not CRIU's: ", summary->unknown_count, "file");
    if (summary->parent_pages)
        print_count("; in the level before ", summary->parent_pages, "page");
    if (summary->lazy_pages)
        print_count("; on the source ", summary->lazy_pages, "page");
    print_namespaces(summary->namespaces);
    (void)putchar('\n');
}

static void print_text(const struct verdict *verdict)
{
    const struct fy_imageset_summary *summary = &verdict->summary;
    found_print(&verdict->found, stdout);
    (void)printf("%s: %s", verdict->directory, is_whole(verdict) ? "whole" : "not whole");
    print_count(": ", summary->error_count, "error");
    print_count(", ", summary->warning_count, "warning");
    print_count(", ", summary->note_count, "note");
    (void)printf("\n  ");
    print_summary(summary);
    verify_manifest_print(&verdict->manifest);
}

/* ---- for programs ---- */

static void json_summary(struct fy_json *json, const struct fy_imageset_summary *summary)
{
    fy_json_open_object(json, "summary");
    fy_json_bool(json, "pre_dump", summary->is_pre_dump);
    fy_json_uint(json, "img_version", summary->inventory.img_version);
    fy_json_uint(json, "root_pid", summary->root_pid);
    fy_json_uint(json, "tasks", summary->task_count);
    fy_json_uint(json, "zombies", summary->zombie_count);
    fy_json_uint(json, "threads", summary->thread_count);
    fy_json_uint(json, "files", summary->file_count);
    fy_json_uint(json, "bytes", summary->total_bytes);
    fy_json_uint(json, "pages_bytes", summary->pages_bytes);
    fy_json_uint(json, "parent_pages", summary->parent_pages);
    fy_json_uint(json, "lazy_pages", summary->lazy_pages);
    fy_json_bool(json, "tcp_established", summary->has_tcp_established);
    fy_json_open_array(json, "namespaces");
    for (size_t i = 0; i < FY_ARRAY_SIZE(namespaces); i++)
        if (summary->namespaces & namespaces[i].flag)
            fy_json_string(json, NULL, namespaces[i].name);
    fy_json_close_array(json);
    fy_json_open_array(json, "unknown_files");
    for (size_t i = 0; i < summary->unknown_count; i++)
        fy_json_string(json, NULL, summary->unknown_names[i]);
    fy_json_close_array(json);
    fy_json_close_object(json);
}

static int print_json(const struct verdict *verdict)
{
    struct fy_json *json = fy_json_new(true);
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "directory", verdict->directory);
        fy_json_bool(json, "whole", is_whole(verdict));
        fy_json_uint(json, "errors", verdict->summary.error_count);
        fy_json_uint(json, "warnings", verdict->summary.warning_count);
        fy_json_uint(json, "notes", verdict->summary.note_count);
        found_json(&verdict->found, json);
        json_summary(json, &verdict->summary);
        verify_manifest_json(&verdict->manifest, json);
        fy_json_close_object(json);
    }
    return json_print(json);
}

/* ---- the command ---- */

/* What the manifest brings counts as what the images bring. */
static void add_manifest_finding(const struct fy_finding *finding, void *data)
{
    struct verdict *verdict = data;
    verdict->summary.error_count += finding->severity == FY_SEVERITY_ERROR;
    verdict->summary.warning_count += finding->severity == FY_SEVERITY_WARNING;
    verdict->summary.note_count += finding->severity == FY_SEVERITY_NOTE;
    found_add(finding, &verdict->found);
}

static int check(struct verdict *verdict, const struct values *values, struct fy_error *err)
{
    struct fy_imageset_options options = {.accept_lazy = values->accept_lazy};
    FY_AUTO_CLOSE int fd = open(verdict->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "opening image set %s", verdict->directory);
    if (fy_imageset_verify(fd, &options, found_add, &verdict->found, &verdict->summary, err) < 0)
        return fy_error_wrap(err, "%s", verdict->directory);
    if (verify_manifest(fd, values->manifest, values->signers, add_manifest_finding, verdict, &verdict->manifest, err) <
        0)
        return fy_error_wrap(err, "%s", verdict->directory);
    if (verdict->found.out_of_memory)
        return fy_error_set(err, FY_E_NOMEM, "%s: no memory for what was found", verdict->directory);
    return 0;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    struct verdict verdict = {.directory = operands[0]};
    struct fy_error err = FY_ERROR_INIT;
    enum cli_exit code = CLI_FAILED;
    (void)count;
    if (check(&verdict, values, &err) < 0) {
        cli_report(cli, &err);
    } else {
        code = is_whole(&verdict) ? CLI_DONE : CLI_NOT_VERIFIED;
        if (!cli->json)
            print_text(&verdict);
        else if (print_json(&verdict) < 0)
            code = CLI_FAILED;
    }
    found_done(&verdict.found);
    fy_imageset_summary_done(&verdict.summary);
    return code;
}

static const struct cli_option options[] = {
    {"accept-lazy", CLI_FLAG, NULL, "do not refuse a set whose pages are partly still on the source",
     offsetof(struct values, accept_lazy), 0},
    {"manifest", CLI_TEXT, "FILE", "compare it with this manifest (DIR/ferry.manifest, if there is one)",
     offsetof(struct values, manifest), 0},
    {"signers", CLI_TEXT, "FILE", "demand that one of these has signed the manifest", offsetof(struct values, signers),
     0},
    {0},
};

const struct cli_command cmd_image_verify = {
    .name = "image verify",
    .operands = "DIR",
    .summary = "Say whether an image set is whole, and everything that is wrong with it",
    .description = "Exit status: 0 the set is whole (there may be warnings), 3 it is not, 1 it cannot be read.\n"
                   "What each code means is in ferry-image(1).",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
