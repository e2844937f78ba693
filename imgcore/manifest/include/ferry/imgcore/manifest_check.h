/* A directory judged by its manifest, in the form of findings (ferry/imgcore/verify.h). */
#ifndef FERRY_IMGCORE_MANIFEST_CHECK_H
#define FERRY_IMGCORE_MANIFEST_CHECK_H

#include <ferry/imgcore/manifest.h>
#include <ferry/imgcore/signature.h>
#include <ferry/imgcore/verify.h>

struct fy_manifest_check {
    unsigned threads;                 /* 0: one a processor */
    const struct fy_signers *signers; /* one of these must have signed; NULL: nobody must */
    int64_t now_s;                    /* since 1970, for keys that are valid for some time */
};

struct fy_manifest_check_result {
    bool is_readable; /* all below is known */
    uint8_t root[FY_MANIFEST_HASH_BYTES];
    size_t file_count;
    uint64_t total_bytes;
    size_t signature_count;
    char signed_by[FY_FINGERPRINT_SIZE]; /* of the signers; "": none of them */
};

/* The levels before, which `parent` leads to, are compared with the manifests in them. A manifest holds the root of
 * that of the level before, so that a signature of the last level covers all; where it does not, because that one was
 * made later, each level must be signed. Files of a level before are named parent/FILE in findings.
 *
 * Reads `name` in `manifest_dir_fd` and compares `dir_fd` with it. A manifest that is missing or not sound is a finding
 * too. -1 only if nothing can be said, because reading failed. */
int fy_manifest_check(int manifest_dir_fd, const char *name, int dir_fd, const struct fy_manifest_check *check,
                      fy_finding_fn *report, void *data, struct fy_manifest_check_result *result, struct fy_error *err);

#endif
