/* Files that commands about manifests are given: private keys, signatures, lists of signers. */
#ifndef FERRY_CLI_MANIFEST_INPUT_H
#define FERRY_CLI_MANIFEST_INPUT_H

#include <ferry/imgcore/signature.h>

/* Signs with the key in the file, which nobody else may be able to read; what was read of it is wiped. */
int manifest_sign_with(struct fy_manifest *manifest, const char *key_path, struct fy_error *err);
/* Takes in the signature in the file. */
int manifest_import_from(struct fy_manifest *manifest, const char *path, struct fy_error *err);
int manifest_read_signers(const char *path, struct fy_signers **signers, struct fy_error *err);

#endif
