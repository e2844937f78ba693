/* ferry image manifest DIR: makes ferry.manifest, signs it, shows it. Works without an agent. */
#include "commands.h"
#include "json_job.h"
#include "manifest_facts.h"
#include "manifest_input.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

#define THREADS_MAX 256

struct values {
    const char *sign, *add_signature, *threads, *label, *criu_version;
    bool show, root, signature;
};

static const struct cli_option options[] = {
    {"sign", CLI_TEXT, "KEYFILE", "sign it with this OpenSSH ed25519 key", offsetof(struct values, sign), 0},
    {"label", CLI_TEXT, "TEXT", "a remark that it will hold", offsetof(struct values, label), 0},
    {"criu-version", CLI_TEXT, "VERSION", "which CRIU wrote the set", offsetof(struct values, criu_version), 0},
    {"threads", CLI_TEXT, "N", "how many to hash with (one a processor)", offsetof(struct values, threads), 0},
    {"add-signature", CLI_TEXT, "FILE", "put a signature of ssh-keygen into the manifest that is there",
     offsetof(struct values, add_signature), 0},
    {"show", CLI_FLAG, NULL, "only say what is in the manifest that is there", offsetof(struct values, show), 0},
    {"root", CLI_FLAG, NULL, "only print the line that is signed", offsetof(struct values, root), 0},
    {"signature", CLI_FLAG, NULL, "only print the signatures, as ssh-keygen does", offsetof(struct values, signature),
     0},
    {0},
};

/* One run of the command. */
struct work {
    const struct values *values;
    const char *directory;
    int dir_fd;
    unsigned threads;
    struct fy_manifest *manifest;
    uint64_t duration_ns; /* of making it; 0: it was there */
};

static int check_values(const struct values *values, unsigned *threads, struct fy_error *err)
{
    uint64_t number = 0;
    int on_old = values->show + values->root + values->signature + (values->add_signature != NULL);

    if (values->threads && (!fy_text_parse_uint(values->threads, THREADS_MAX, &number) || number == 0))
        return fy_error_set(err, FY_E_USAGE, "--threads: %s is not a number from 1 to %d", values->threads,
                            THREADS_MAX);
    if (on_old > 1)
        return fy_error_set(err, FY_E_USAGE, "only one of --show, --root, --signature and --add-signature is possible");
    if (on_old && (values->sign || values->label || values->criu_version || values->threads))
        return fy_error_set(err, FY_E_USAGE, "--show, --root, --signature and --add-signature make no new manifest");
    *threads = (unsigned)number;
    return 0;
}

/* ---- making ---- */

static int create(struct work *work, struct fy_error *err)
{
    struct utsname host;
    struct fy_manifest_options make = {.threads = work->threads,
                                       .label = work->values->label,
                                       .criu_version = work->values->criu_version,
                                       .created_us = (uint64_t)fy_clock_wall_us()};
    uint64_t begin_ns = fy_clock_monotonic_ns();

    if (uname(&host) == 0) {
        make.host = host.nodename;
        make.kernel = host.release;
    }
    if (fy_manifest_create(work->dir_fd, &make, &work->manifest, err) < 0)
        return -1;
    work->duration_ns = fy_clock_monotonic_ns() - begin_ns;
    if (work->values->sign && manifest_sign_with(work->manifest, work->values->sign, err) < 0)
        return -1;
    return fy_manifest_write(work->manifest, work->dir_fd, FY_MANIFEST_NAME, err);
}

static int read_old(struct work *work, struct fy_error *err)
{
    if (fy_manifest_read(work->dir_fd, FY_MANIFEST_NAME, &work->manifest, err) < 0)
        return -1;
    if (!work->values->add_signature)
        return 0;
    if (manifest_import_from(work->manifest, work->values->add_signature, err) < 0)
        return -1;
    return fy_manifest_write(work->manifest, work->dir_fd, FY_MANIFEST_NAME, err);
}

static int get(struct work *work, struct fy_error *err)
{
    const struct values *values = work->values;
    bool is_old = values->show || values->root || values->signature || values->add_signature;

    work->dir_fd = open(work->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work->dir_fd < 0)
        return fy_error_errno(err, errno, "opening image set %s", work->directory);
    return (is_old ? read_old(work, err) : create(work, err)) < 0 ? fy_error_wrap(err, "%s", work->directory) : 0;
}

/* ---- saying ---- */

static int print_signatures(const struct fy_manifest *manifest, struct fy_error *err)
{
    size_t count = fy_manifest_signature_count(manifest);

    if (count == 0)
        return fy_error_set(err, FY_E_NOT_FOUND, "the manifest has no signature");
    for (size_t i = 0; i < count; i++) {
        FY_AUTO_FREE char *text = NULL;
        if (fy_manifest_export_signature(manifest, i, &text, err) < 0)
            return -1;
        (void)fputs(text, stdout);
    }
    return 0;
}

static void print_text(const struct work *work)
{
    const struct fy_manifest *manifest = work->manifest;
    char bytes[FY_TEXT_SIZE], rate[FY_TEXT_SIZE], duration[FY_TEXT_SIZE], line[FY_MANIFEST_ROOT_LINE_SIZE];
    uint64_t total = fy_manifest_total_bytes(manifest);
    size_t count = fy_manifest_count(manifest), signatures = fy_manifest_signature_count(manifest);

    fy_text_bytes(total, bytes);
    (void)printf("%s/" FY_MANIFEST_NAME ": %zu file%s, %s", work->directory, count, count == 1 ? "" : "s", bytes);
    if (work->duration_ns) {
        fy_text_duration(work->duration_ns, duration);
        fy_text_bytes((uint64_t)((double)total * 1e9 / (double)work->duration_ns), rate);
        (void)printf(", in %s (%s/s)", duration, rate);
    }
    fy_manifest_root_line(manifest, line);
    (void)printf("\n  %s", line);
    (void)printf("  %zu signature%s\n", signatures, signatures == 1 ? "" : "s");
    manifest_facts_print(fy_manifest_facts(manifest), stdout);
}

static void json_files(const struct fy_manifest *manifest, struct fy_json *json)
{
    fy_json_open_array(json, "files");
    for (size_t i = 0; i < fy_manifest_count(manifest); i++) {
        struct fy_manifest_entry entry = fy_manifest_get(manifest, i);
        char hash[2 * FY_MANIFEST_HASH_BYTES + 1];
        for (size_t at = 0; at < FY_MANIFEST_HASH_BYTES; at++)
            (void)snprintf(hash + 2 * at, 3, "%02x", entry.root[at]);
        fy_json_open_object(json, NULL);
        fy_json_string(json, "name", entry.name);
        if (entry.target)
            fy_json_string(json, "target", entry.target);
        fy_json_uint(json, "bytes", entry.size_bytes);
        fy_json_string(json, "root", hash);
        fy_json_close_object(json);
    }
    fy_json_close_array(json);
}

static int print_json(const struct work *work)
{
    const struct fy_manifest *manifest = work->manifest;
    char line[FY_MANIFEST_ROOT_LINE_SIZE];
    struct fy_json *json = fy_json_new(true);

    fy_manifest_root_line(manifest, line);
    line[strcspn(line, "\n")] = '\0';
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "directory", work->directory);
        fy_json_string(json, "root", line);
        fy_json_uint(json, "bytes", fy_manifest_total_bytes(manifest));
        if (work->duration_ns)
            fy_json_number(json, "duration_ms", (double)work->duration_ns / 1e6);
        fy_json_uint(json, "signatures", fy_manifest_signature_count(manifest));
        manifest_facts_json(fy_manifest_facts(manifest), "facts", json);
        json_files(manifest, json);
        fy_json_close_object(json);
    }
    return json_print(json);
}

static int say(const struct cli *cli, const struct work *work, struct fy_error *err)
{
    char line[FY_MANIFEST_ROOT_LINE_SIZE];

    if (work->values->root) {
        fy_manifest_root_line(work->manifest, line);
        (void)fputs(line, stdout);
    } else if (work->values->signature) {
        return print_signatures(work->manifest, err);
    } else if (!cli->json) {
        print_text(work);
    } else if (print_json(work) < 0) {
        return fy_error_set(err, FY_E_NOMEM, "no memory for the output");
    }
    return 0;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    struct work work = {.values = values, .directory = operands[0], .dir_fd = -1};
    struct fy_error err = FY_ERROR_INIT;
    enum cli_exit code = CLI_DONE;

    (void)count;
    if (check_values(work.values, &work.threads, &err) < 0)
        code = CLI_USAGE;
    else if (get(&work, &err) < 0 || say(cli, &work, &err) < 0)
        code = CLI_FAILED;
    if (code != CLI_DONE)
        cli_report(cli, &err);
    fy_manifest_free(work.manifest);
    if (work.dir_fd >= 0)
        (void)close(work.dir_fd);
    return code;
}

const struct cli_command cmd_image_manifest = {
    .name = "image manifest",
    .operands = "DIR",
    .summary = "Write down all files of an image set with their hashes, and what a destination needs",
    .description = "Makes DIR/" FY_MANIFEST_NAME ", which `ferry image verify` compares the set with.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
