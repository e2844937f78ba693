/* Signatures of manifests: ed25519, in OpenSSH's formats, so that people use the keys they have.
 *
 * Signed is the line of fy_manifest_root_line, in the namespace FY_SIGNATURE_NAMESPACE; the signature is what
 * `ssh-keygen -Y sign` makes of a file with that line, and `ssh-keygen -Y verify` accepts (PROTOCOL.sshsig of OpenSSH).
 * A manifest holds up to 16. */
#ifndef FERRY_IMGCORE_SIGNATURE_H
#define FERRY_IMGCORE_SIGNATURE_H

#include <ferry/base/error.h>
#include <ferry/imgcore/manifest.h>
#include <stddef.h>
#include <stdint.h>

#define FY_SIGNATURE_NAMESPACE "ferry-manifest"
/* "SHA256:" and 43 characters, as ssh-keygen -l shows a key. */
#define FY_FINGERPRINT_SIZE 51

/* Signs with `key`, the text of an OpenSSH private key (openssh-key-v1, ed25519, without a passphrase), which is not
 * kept; every copy made here is wiped. An older signature of that key is replaced. `fingerprint` may be NULL.
 * FY_E_UNSUPPORTED for other kinds of keys, FY_E_FORMAT. */
int fy_manifest_sign(struct fy_manifest *manifest, const char *key, size_t size, char fingerprint[FY_FINGERPRINT_SIZE],
                     struct fy_error *err);
/* Takes in a signature that was made elsewhere (the text that begins "-----BEGIN SSH SIGNATURE-----"). It must be right
 * for this root (FY_E_VERIFY); whose it is, is not judged. */
int fy_manifest_import_signature(struct fy_manifest *manifest, const char *text, size_t size,
                                 char fingerprint[FY_FINGERPRINT_SIZE], struct fy_error *err);
size_t fy_manifest_signature_count(const struct fy_manifest *manifest);
/* Signature `index` (below the count) as ssh-keygen writes it, to be freed. */
int fy_manifest_export_signature(const struct fy_manifest *manifest, size_t index, char **text, struct fy_error *err);

struct fy_signers;

/* Who may sign: the text of an allowed_signers file (ssh-keygen(1)), or public keys, one a line. Options known:
 * namespaces=, valid-after=, valid-before=; lines with any other, above all cert-authority, are refused, and the whole
 * file with them. Keys of other kinds than ed25519 match nothing. `name` is for messages. FY_E_FORMAT with the line. */
int fy_signers_parse(const char *text, size_t size, const char *name, struct fy_signers **signers,
                     struct fy_error *err);
void fy_signers_free(struct fy_signers *signers);

struct fy_signature_verdict {
    char fingerprint[FY_FINGERPRINT_SIZE];
    const char *principals; /* of the line that allows the key, "" in a file of keys; belongs to the signers */
};

/* 0 if a signature of the manifest is right and its key is allowed for the namespace at the time `now_s` (seconds since
 * 1970); else FY_E_VERIFY says why not. */
int fy_manifest_verify_signature(const struct fy_manifest *manifest, const struct fy_signers *signers, int64_t now_s,
                                 struct fy_signature_verdict *verdict, struct fy_error *err);

#endif
