/* Private keys in the form "openssh-key-v1" (PROTOCOL.key of OpenSSH). */
#include "sshsig.h"
#include <ferry/base/cleanup.h>
#include <openssl/crypto.h>
#include <string.h>

#define KEY_MAGIC "openssh-key-v1" /* and its NUL */

static int refuse(struct fy_error *err, const char *why)
{
    return fy_error_set(err, FY_E_FORMAT, "is not a sound OpenSSH private key: %s", why);
}

/* After the key come the bytes 1, 2, 3, ... up to a whole block. */
static bool is_padding(const struct ssh_cursor *rest)
{
    for (size_t i = 0; i < rest->size; i++)
        if (rest->data[i] != (uint8_t)(i + 1))
            return false;
    return true;
}

/* The part that a passphrase would encrypt: two equal numbers to tell a wrong one, the key, a comment. */
static int parse_private(struct ssh_cursor part, struct ssh_key *key, struct fy_error *err)
{
    struct ssh_string type, public_key, secret, comment;
    uint32_t check, again;

    if (!fy_ssh_take_u32(&part, &check) || !fy_ssh_take_u32(&part, &again) || check != again)
        return refuse(err, "its check numbers differ");
    if (!fy_ssh_take_string(&part, &type))
        return refuse(err, "it ends too early");
    if (!fy_ssh_is(&type, SSH_KEY_TYPE)) {
        (void)fy_error_set(err, FY_E_UNSUPPORTED, "is a key of the kind %.*s, and only " SSH_KEY_TYPE " is used here",
                           type.size < 40 ? (int)type.size : 40, (const char *)type.data);
        return fy_error_next(err, "Make one with: ssh-keygen -t ed25519");
    }
    if (!fy_ssh_take_string(&part, &public_key) || public_key.size != SSH_PUBLIC_BYTES ||
        !fy_ssh_take_string(&part, &secret) || secret.size != SSH_SECRET_BYTES + SSH_PUBLIC_BYTES ||
        !fy_ssh_take_string(&part, &comment) || !is_padding(&part))
        return refuse(err, "its parts have wrong sizes");
    if (memcmp(secret.data + SSH_SECRET_BYTES, public_key.data, SSH_PUBLIC_BYTES) != 0)
        return refuse(err, "its two public keys differ");
    memcpy(key->secret, secret.data, SSH_SECRET_BYTES);
    memcpy(key->public_key, public_key.data, SSH_PUBLIC_BYTES);
    return 0;
}

static int parse(struct ssh_cursor cursor, struct ssh_key *key, struct fy_error *err)
{
    struct ssh_string magic, cipher, kdf, kdf_options, public_blob, part;
    uint32_t count;

    if (!fy_ssh_take(&cursor, sizeof(KEY_MAGIC), &magic) || memcmp(magic.data, KEY_MAGIC, sizeof(KEY_MAGIC)) != 0)
        return refuse(err, "it begins otherwise");
    if (!fy_ssh_take_string(&cursor, &cipher) || !fy_ssh_take_string(&cursor, &kdf) ||
        !fy_ssh_take_string(&cursor, &kdf_options) || !fy_ssh_take_u32(&cursor, &count))
        return refuse(err, "it ends too early");
    if (!fy_ssh_is(&cipher, "none") || !fy_ssh_is(&kdf, "none")) {
        (void)fy_error_set(err, FY_E_UNSUPPORTED, "is protected by a passphrase, which is not asked for here");
        return fy_error_next(
            err,
            "Sign with ssh-keygen: ferry image manifest DIR --root >root; ssh-keygen -Y sign -n " FY_SIGNATURE_NAMESPACE
            " -f KEY root; ferry image manifest DIR --add-signature root.sig");
    }
    if (count != 1 || !fy_ssh_take_string(&cursor, &public_blob) || !fy_ssh_take_string(&cursor, &part) ||
        cursor.size != 0)
        return refuse(err, "it does not hold one key");
    return parse_private((struct ssh_cursor){part.data, part.size}, key, err);
}

int fy_ssh_key_parse(const char *text, size_t size, struct ssh_key *key, struct fy_error *err)
{
    FY_CLEANUP(fy_ssh_bytes_done) struct ssh_bytes bytes = {0};

    if (fy_ssh_decode_armour(text, size, "OPENSSH PRIVATE KEY", &bytes, err) < 0)
        return fy_error_next(err, "Give the private key file of an OpenSSH ed25519 key.");
    return parse((struct ssh_cursor){bytes.data, bytes.size}, key, err);
}

void fy_ssh_key_done(struct ssh_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}
