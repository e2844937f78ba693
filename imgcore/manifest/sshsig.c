/* The SSHSIG form (PROTOCOL.sshsig of OpenSSH).
 *
 *     blob:   "SSHSIG", u32 1, key blob, namespace, reserved, hash's name, signature blob
 *     signed: "SSHSIG", namespace, reserved, hash's name, hash of the message */
#include "sshsig.h"
#include <ferry/base/cleanup.h>
#include <openssl/evp.h>
#include <string.h>

#define SIG_MAGIC "SSHSIG"
#define SIG_MAGIC_BYTES 6
#define SIG_VERSION 1

/* What is really signed. */
static int make_signed(struct fy_buf *buf, const char *hash_name, const char *message, struct fy_error *err)
{
    const EVP_MD *md = strcmp(hash_name, "sha256") == 0 ? EVP_sha256() : EVP_sha512();
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size;

    if (EVP_Digest(message, strlen(message), digest, &size, md, NULL) != 1)
        return fy_error_set(err, FY_E_INTERNAL, "OpenSSL failed to compute %s", hash_name);
    if (fy_buf_append(buf, SIG_MAGIC, SIG_MAGIC_BYTES, err) < 0 ||
        fy_ssh_put_string(buf, FY_SIGNATURE_NAMESPACE, strlen(FY_SIGNATURE_NAMESPACE), err) < 0 ||
        fy_ssh_put_string(buf, "", 0, err) < 0 || fy_ssh_put_string(buf, hash_name, strlen(hash_name), err) < 0)
        return -1;
    return fy_ssh_put_string(buf, digest, size, err);
}

/* ---- making ---- */

static int sign_bytes(const struct ssh_key *key, const struct fy_buf *what, uint8_t signature[SSH_SIGNATURE_BYTES],
                      struct fy_error *err)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->secret, SSH_SECRET_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t public_key[SSH_PUBLIC_BYTES];
    size_t size = SSH_SIGNATURE_BYTES, public_bytes = sizeof(public_key);
    /* A key whose halves do not belong together would give away its secret. */
    bool fits = pkey && EVP_PKEY_get_raw_public_key(pkey, public_key, &public_bytes) == 1 &&
                memcmp(public_key, key->public_key, sizeof(public_key)) == 0;
    bool made = fits && context && EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestSign(context, signature, &size, what->data, what->size) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    if (made)
        return 0;
    return fits ? fy_error_set(err, FY_E_INTERNAL, "OpenSSL failed to sign")
                : fy_error_set(err, FY_E_FORMAT, "is not a sound key: its public part is not that of its secret part");
}

int fy_sshsig_sign(const struct ssh_key *key, const char *message, struct fy_buf *blob, struct fy_error *err)
{
    FY_CLEANUP(fy_buf_done) struct fy_buf inner;
    uint8_t signature[SSH_SIGNATURE_BYTES];

    fy_buf_init(&inner, 0);
    if (make_signed(&inner, "sha512", message, err) < 0 || sign_bytes(key, &inner, signature, err) < 0)
        return -1;
    inner.size = 0;
    if (fy_ssh_put_public(&inner, key->public_key, err) < 0 ||
        fy_buf_append(blob, SIG_MAGIC, SIG_MAGIC_BYTES, err) < 0 || fy_ssh_put_u32(blob, SIG_VERSION, err) < 0 ||
        fy_ssh_put_string(blob, inner.data, inner.size, err) < 0 ||
        fy_ssh_put_string(blob, FY_SIGNATURE_NAMESPACE, strlen(FY_SIGNATURE_NAMESPACE), err) < 0 ||
        fy_ssh_put_string(blob, "", 0, err) < 0 || fy_ssh_put_string(blob, "sha512", 6, err) < 0)
        return -1;
    inner.size = 0;
    if (fy_ssh_put_string(&inner, SSH_KEY_TYPE, strlen(SSH_KEY_TYPE), err) < 0 ||
        fy_ssh_put_string(&inner, signature, sizeof(signature), err) < 0)
        return -1;
    return fy_ssh_put_string(blob, inner.data, inner.size, err);
}

/* ---- checking ---- */

struct parsed {
    const uint8_t *public_key;
    const char *hash_name;
    const uint8_t *signature;
};

static int refuse(struct fy_error *err, const char *why)
{
    return fy_error_set(err, FY_E_FORMAT, "is not a sound SSH signature: %s", why);
}

static int parse_signature(struct ssh_string blob, struct parsed *parsed, struct fy_error *err)
{
    struct ssh_cursor cursor = {blob.data, blob.size};
    struct ssh_string type, bytes;

    if (!fy_ssh_take_string(&cursor, &type) || !fy_ssh_is(&type, SSH_KEY_TYPE) ||
        !fy_ssh_take_string(&cursor, &bytes) || bytes.size != SSH_SIGNATURE_BYTES || cursor.size != 0)
        return refuse(err, "it has not the 64 bytes of an ed25519 signature");
    parsed->signature = bytes.data;
    return 0;
}

static int parse(struct ssh_cursor cursor, struct parsed *parsed, struct fy_error *err)
{
    struct ssh_string magic, key, space, reserved, hash_name, signature;
    uint32_t version;

    if (!fy_ssh_take(&cursor, SIG_MAGIC_BYTES, &magic) || memcmp(magic.data, SIG_MAGIC, SIG_MAGIC_BYTES) != 0 ||
        !fy_ssh_take_u32(&cursor, &version) || version != SIG_VERSION)
        return refuse(err, "it begins otherwise");
    if (!fy_ssh_take_string(&cursor, &key) || !fy_ssh_take_string(&cursor, &space) ||
        !fy_ssh_take_string(&cursor, &reserved) || !fy_ssh_take_string(&cursor, &hash_name) ||
        !fy_ssh_take_string(&cursor, &signature) || cursor.size != 0)
        return refuse(err, "its parts do not fit its size");
    parsed->public_key = fy_ssh_public_of(key);
    if (!parsed->public_key)
        return fy_error_set(err, FY_E_UNSUPPORTED, "is by a key of another kind than " SSH_KEY_TYPE);
    if (!fy_ssh_is(&space, FY_SIGNATURE_NAMESPACE))
        return fy_error_set(err, FY_E_VERIFY, "was made for the namespace %.*s, not " FY_SIGNATURE_NAMESPACE,
                            space.size < 40 ? (int)space.size : 40, (const char *)space.data);
    if (reserved.size != 0 || (!fy_ssh_is(&hash_name, "sha512") && !fy_ssh_is(&hash_name, "sha256")))
        return refuse(err, "its hash is not known");
    parsed->hash_name = fy_ssh_is(&hash_name, "sha256") ? "sha256" : "sha512";
    return parse_signature(signature, parsed, err);
}

static bool is_right(const struct parsed *parsed, const struct fy_buf *what)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, parsed->public_key, SSH_PUBLIC_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right = pkey && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
                 EVP_DigestVerify(context, parsed->signature, SSH_SIGNATURE_BYTES, what->data, what->size) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return right;
}

int fy_sshsig_verify(const void *blob, size_t size, const char *message, uint8_t public_key[SSH_PUBLIC_BYTES],
                     struct fy_error *err)
{
    FY_CLEANUP(fy_buf_done) struct fy_buf what;
    struct parsed parsed = {0};

    fy_buf_init(&what, 0);
    if (parse((struct ssh_cursor){blob, size}, &parsed, err) < 0 ||
        make_signed(&what, parsed.hash_name, message, err) < 0)
        return -1;
    if (!is_right(&parsed, &what))
        return fy_error_set(err, FY_E_VERIFY, "is not a right signature of this manifest");
    memcpy(public_key, parsed.public_key, SSH_PUBLIC_BYTES);
    return 0;
}

void fy_sshsig_fingerprint(const uint8_t public_key[SSH_PUBLIC_BYTES], char fingerprint[FY_FINGERPRINT_SIZE])
{
    /* The blob of an ed25519 key always begins so. */
    uint8_t blob[4 + 11 + 4 + SSH_PUBLIC_BYTES] = "\0\0\0\13" SSH_KEY_TYPE "\0\0\0\40";
    uint8_t digest[32];
    char letters[48];

    memcpy(blob + sizeof(blob) - SSH_PUBLIC_BYTES, public_key, SSH_PUBLIC_BYTES);
    memset(digest, 0, sizeof(digest));
    (void)EVP_Digest(blob, sizeof(blob), digest, NULL, EVP_sha256(), NULL);
    (void)EVP_EncodeBlock((uint8_t *)letters, digest, sizeof(digest));
    (void)snprintf(fingerprint, FY_FINGERPRINT_SIZE, "SHA256:%.43s", letters);
}
