/* Signatures of a manifest: made, taken in, given out, and judged. */
#include <ferry/imgcore/signature.h>

#include "manifest_private.h"
#include "signers.h"
#include <ferry/base/cleanup.h>
#include <string.h>

#define ARMOUR_LABEL "SSH SIGNATURE"

/* Puts a signature in; what the same key has signed before goes. */
static int keep(struct fy_manifest *manifest, const void *blob, size_t size, const uint8_t public_key[SSH_PUBLIC_BYTES],
                struct fy_error *err)
{
    char line[FY_MANIFEST_ROOT_LINE_SIZE];
    uint8_t other[SSH_PUBLIC_BYTES];

    fy_manifest_root_line(manifest, line);
    for (size_t i = manifest->signatures.count; i-- > 0;) {
        struct signature *old = &manifest->signatures.items[i];
        if (fy_sshsig_verify(old->data, old->size, line, other, NULL) < 0 ||
            memcmp(other, public_key, sizeof(other)) != 0)
            continue;
        free(old->data);
        *old = manifest->signatures.items[--manifest->signatures.count];
    }
    return fy_manifest_add_signature(manifest, blob, size, err);
}

int fy_manifest_sign(struct fy_manifest *manifest, const char *key, size_t size, char fingerprint[FY_FINGERPRINT_SIZE],
                     struct fy_error *err)
{
    FY_CLEANUP(fy_buf_done) struct fy_buf blob;
    FY_CLEANUP(fy_ssh_key_done) struct ssh_key parsed = {0};
    char line[FY_MANIFEST_ROOT_LINE_SIZE];

    fy_buf_init(&blob, 0);
    fy_manifest_root_line(manifest, line);
    if (fy_ssh_key_parse(key, size, &parsed, err) < 0 || fy_sshsig_sign(&parsed, line, &blob, err) < 0 ||
        keep(manifest, blob.data, blob.size, parsed.public_key, err) < 0)
        return -1;
    if (fingerprint)
        fy_sshsig_fingerprint(parsed.public_key, fingerprint);
    return 0;
}

int fy_manifest_import_signature(struct fy_manifest *manifest, const char *text, size_t size,
                                 char fingerprint[FY_FINGERPRINT_SIZE], struct fy_error *err)
{
    FY_CLEANUP(fy_ssh_bytes_done) struct ssh_bytes blob = {0};
    char line[FY_MANIFEST_ROOT_LINE_SIZE];
    uint8_t public_key[SSH_PUBLIC_BYTES];

    fy_manifest_root_line(manifest, line);
    if (fy_ssh_decode_armour(text, size, ARMOUR_LABEL, &blob, err) < 0 ||
        fy_sshsig_verify(blob.data, blob.size, line, public_key, err) < 0 ||
        keep(manifest, blob.data, blob.size, public_key, err) < 0)
        return -1;
    if (fingerprint)
        fy_sshsig_fingerprint(public_key, fingerprint);
    return 0;
}

size_t fy_manifest_signature_count(const struct fy_manifest *manifest)
{
    return manifest->signatures.count;
}

int fy_manifest_export_signature(const struct fy_manifest *manifest, size_t index, char **text, struct fy_error *err)
{
    const struct signature *signature = &manifest->signatures.items[index];

    return fy_ssh_encode_armour(signature->data, signature->size, ARMOUR_LABEL, text, err);
}

/* ---- judging ---- */

/* NULL if the line allows its key now; else what stands against it. */
static const char *objection(const struct signer *signer, int64_t now_s)
{
    if (signer->namespaces && !fy_signers_match_list(FY_SIGNATURE_NAMESPACE, signer->namespaces))
        return "the signers' file allows its key for other namespaces only";
    if (signer->valid_after_s && now_s < signer->valid_after_s)
        return "its key is not valid yet, by the signers' file";
    if (signer->valid_before_s && now_s > signer->valid_before_s)
        return "its key is not valid any more, by the signers' file";
    return NULL;
}

/* The line that allows the key, or NULL and the reason. */
static const struct signer *find_signer(const struct fy_signers *signers, const uint8_t public_key[SSH_PUBLIC_BYTES],
                                        int64_t now_s, const char **reason)
{
    *reason = "its key is not in the signers' file";
    for (size_t i = 0; i < signers->items.count; i++) {
        const struct signer *signer = &signers->items.items[i];
        const char *against;
        if (memcmp(signer->public_key, public_key, SSH_PUBLIC_BYTES) != 0)
            continue;
        against = objection(signer, now_s);
        if (!against)
            return signer;
        *reason = against;
    }
    return NULL;
}

static int judge(const struct signature *signature, const char *line, const struct fy_signers *signers, int64_t now_s,
                 struct fy_signature_verdict *verdict, struct fy_error *err)
{
    uint8_t public_key[SSH_PUBLIC_BYTES];
    char fingerprint[FY_FINGERPRINT_SIZE];
    const struct signer *signer;
    const char *reason;

    if (fy_sshsig_verify(signature->data, signature->size, line, public_key, err) < 0)
        return fy_error_wrap(err, "the signature");
    fy_sshsig_fingerprint(public_key, fingerprint);
    signer = find_signer(signers, public_key, now_s, &reason);
    if (!signer)
        return fy_error_set(err, FY_E_VERIFY, "the signature by %s does not count: %s (%s)", fingerprint, reason,
                            signers->name);
    memcpy(verdict->fingerprint, fingerprint, sizeof(fingerprint));
    verdict->principals = signer->principals;
    return 0;
}

int fy_manifest_verify_signature(const struct fy_manifest *manifest, const struct fy_signers *signers, int64_t now_s,
                                 struct fy_signature_verdict *verdict, struct fy_error *err)
{
    struct fy_error first = FY_ERROR_INIT; /* of all that were wrong */
    char line[FY_MANIFEST_ROOT_LINE_SIZE];

    fy_manifest_root_line(manifest, line);
    for (size_t i = 0; i < manifest->signatures.count; i++)
        if (judge(&manifest->signatures.items[i], line, signers, now_s, verdict, &first) == 0)
            return 0;
    if (manifest->signatures.count == 0)
        (void)fy_error_set(&first, FY_E_VERIFY, "the manifest has no signature");
    first.code = FY_E_VERIFY;
    (void)fy_error_next(&first, "Ask whoever made the manifest to sign it with a key in that file.");
    fy_error_propagate(err, &first);
    return -1;
}
