/* The part of `ferry image verify` that is about the manifest. */
#ifndef FERRY_CLI_VERIFY_MANIFEST_H
#define FERRY_CLI_VERIFY_MANIFEST_H

#include <ferry/base/json.h>
#include <ferry/imgcore/manifest_check.h>

struct manifest_verdict {
    bool was_there; /* there was a manifest, or one was asked for */
    struct fy_manifest_check_result result;
};

/* Compares the set in `dir_fd` with the manifest in it, or with the file `manifest`, if it is given. Without either,
 * nothing is done, unless `signers` demands a signature. */
int verify_manifest(int dir_fd, const char *manifest, const char *signers, fy_finding_fn *report, void *data,
                    struct manifest_verdict *verdict, struct fy_error *err);
/* One line for the summary; nothing if there was no manifest. */
void verify_manifest_print(const struct manifest_verdict *verdict);
/* The object `manifest`, or null. */
void verify_manifest_json(const struct manifest_verdict *verdict, struct fy_json *json);

#endif
