/* Compares a set with its manifest, and says what came of it. */
#include "verify_manifest.h"

#include "manifest_input.h"
#include <fcntl.h>
#include <ferry/base/clock.h>
#include <stdio.h>
#include <sys/stat.h>

static bool is_there(int dir_fd)
{
    struct stat status;

    return fstatat(dir_fd, FY_MANIFEST_NAME, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int verify_manifest(int dir_fd, const char *manifest, const char *signers, fy_finding_fn *report, void *data,
                    struct manifest_verdict *verdict, struct fy_error *err)
{
    struct fy_manifest_check check = {.now_s = fy_clock_wall_us() / 1000000};
    struct fy_signers *allowed = NULL;
    int result;

    if (!manifest && !signers && !is_there(dir_fd))
        return 0;
    if (signers && manifest_read_signers(signers, &allowed, err) < 0)
        return -1;
    check.signers = allowed;
    verdict->was_there = true;
    result = fy_manifest_check(manifest ? AT_FDCWD : dir_fd, manifest ? manifest : FY_MANIFEST_NAME, dir_fd, &check,
                               report, data, &verdict->result, err);
    fy_signers_free(allowed);
    return result;
}

static void format_root(const struct fy_manifest_check_result *result, char text[2 * FY_MANIFEST_HASH_BYTES + 1])
{
    for (size_t i = 0; i < FY_MANIFEST_HASH_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", result->root[i]);
}

void verify_manifest_print(const struct manifest_verdict *verdict)
{
    char root[2 * FY_MANIFEST_HASH_BYTES + 1];

    if (!verdict->result.is_readable)
        return;
    format_root(&verdict->result, root);
    (void)printf("  manifest sha256:%s%s%s\n", root, verdict->result.signed_by[0] ? ", signed by " : "",
                 verdict->result.signed_by);
}

void verify_manifest_json(const struct manifest_verdict *verdict, struct fy_json *json)
{
    const struct fy_manifest_check_result *result = &verdict->result;
    char root[7 + 2 * FY_MANIFEST_HASH_BYTES + 1] = "sha256:";

    if (!result->is_readable) {
        fy_json_null(json, "manifest");
        return;
    }
    format_root(result, root + 7);
    fy_json_open_object(json, "manifest");
    fy_json_string(json, "root", root);
    fy_json_uint(json, "files", result->file_count);
    fy_json_uint(json, "bytes", result->total_bytes);
    fy_json_uint(json, "signatures", result->signature_count);
    fy_json_string(json, "signed_by", result->signed_by[0] ? result->signed_by : NULL);
    fy_json_close_object(json);
}
