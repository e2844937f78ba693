/* libFuzzer target: what a signature is made of and judged by. The first byte says what the rest is: lists of signers
 * as text; keys and signatures in their binary form, which are put into armour here, or in whatever armour they bring.
 */
#include "archive.h"
#include "require.h"
#include "ssh_wire.h"
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/signature.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of an empty set; without signatures. */
static struct fy_manifest *empty_manifest(void)
{
    static struct archive archive;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_manifest *manifest = NULL;

    archive_parse(&archive, NULL, 0);
    require(fy_manifest_create(archive_unpack(&archive), NULL, &manifest, &err) == 0);
    return manifest;
}

static void try_signers(const char *text, size_t size)
{
    struct fy_signers *signers = NULL;
    struct fy_error err = FY_ERROR_INIT;

    if (fy_signers_parse(text, size, "signers", &signers, &err) < 0)
        require(fy_error_is_set(&err));
    fy_signers_free(signers);
}

static void try_key(struct fy_manifest *manifest, const char *text, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;
    char fingerprint[FY_FINGERPRINT_SIZE];

    if (fy_manifest_sign(manifest, text, size, fingerprint, &err) < 0) {
        require(fy_error_is_set(&err));
        return;
    }
    /* What we sign, we accept. */
    FY_AUTO_FREE char *signature = NULL;
    require(fy_manifest_export_signature(manifest, 0, &signature, &err) == 0);
    require(fy_manifest_import_signature(manifest, signature, strlen(signature), NULL, &err) == 0);
    require(fy_manifest_signature_count(manifest) == 1);
}

static void try_signature(struct fy_manifest *manifest, const char *text, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;

    /* Nobody can make one by chance. */
    require(fy_manifest_import_signature(manifest, text, size, NULL, &err) < 0 && fy_error_is_set(&err));
    require(fy_manifest_signature_count(manifest) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FY_AUTO_FREE char *text = NULL;
    struct fy_manifest *manifest;

    if (size == 0 || size > 1 << 20)
        return 0;
    manifest = empty_manifest();
    switch (data[0]) {
    case 'l':
        try_signers((const char *)data + 1, size - 1);
        break;
    case 'k':
        require(fy_ssh_encode_armour(data + 1, size - 1, "OPENSSH PRIVATE KEY", &text, NULL) == 0);
        try_key(manifest, text, strlen(text));
        break;
    case 's':
        require(fy_ssh_encode_armour(data + 1, size - 1, "SSH SIGNATURE", &text, NULL) == 0);
        try_signature(manifest, text, strlen(text));
        break;
    default:
        try_key(manifest, (const char *)data, size);
        try_signature(manifest, (const char *)data, size);
    }
    fy_manifest_free(manifest);
    return 0;
}
