/* OpenSSL's GCM, a context for each direction. */
#include "seal.h"
#include "key.h"

#include <ferry/base/cleanup.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define NONCE_BYTES 12

struct seal {
    EVP_CIPHER_CTX *context;
    uint8_t key[KEY_BYTES];
    char *name;
};

void seal_free(struct seal *seal)
{
    if (!seal)
        return;
    EVP_CIPHER_CTX_free(seal->context);
    OPENSSL_cleanse(seal->key, sizeof seal->key);
    free(seal->name);
    free(seal);
}

int seal_new(const struct fy_checkpoint_key *key, const uint8_t salt[SEAL_SALT_BYTES], const char *name,
             struct seal **seal, struct fy_error *err)
{
    struct seal *made = calloc(1, sizeof *made);
    if (made) {
        made->context = EVP_CIPHER_CTX_new();
        made->name = strdup(name);
    }
    if (!made || !made->context || !made->name) {
        seal_free(made);
        return fy_error_set(err, FY_E_NOMEM, "no memory for a cipher");
    }
    if (key_derive(key, "ferry checkpoint file", salt, SEAL_SALT_BYTES, made->key, err) < 0) {
        seal_free(made);
        return -1;
    }
    *seal = made;
    return 0;
}

static void make_nonce(uint64_t number, uint8_t nonce[NONCE_BYTES])
{
    memset(nonce, 0, NONCE_BYTES);
    memcpy(nonce, &number, sizeof number);
}

int seal_close(struct seal *seal, uint64_t number, const void *in, size_t size, uint8_t *out, struct fy_error *err)
{
    uint8_t nonce[NONCE_BYTES];
    EVP_CIPHER_CTX *context = seal->context;
    int length;
    make_nonce(number, nonce);
    if (EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, seal->key, nonce) != 1 ||
        EVP_EncryptUpdate(context, NULL, &length, (const uint8_t *)seal->name, (int)strlen(seal->name)) != 1 ||
        EVP_EncryptUpdate(context, out, &length, in, (int)size) != 1 || (size_t)length != size ||
        EVP_EncryptFinal_ex(context, out + size, &length) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, out + size) != 1)
        return fy_error_set(err, FY_E_INTERNAL, "%s could not be encrypted", seal->name);
    return 0;
}

int seal_open(struct seal *seal, uint64_t number, const uint8_t *in, size_t size, void *out, struct fy_error *err)
{
    uint8_t nonce[NONCE_BYTES], rest[SEAL_TAG_BYTES];
    EVP_CIPHER_CTX *context = seal->context;
    int length;
    make_nonce(number, nonce);
    if (size < SEAL_TAG_BYTES || size > INT32_MAX)
        return fy_error_set(err, FY_E_VERIFY, "%s: an encrypted chunk of %zu bytes", seal->name, size);
    size -= SEAL_TAG_BYTES;
    if (EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, seal->key, nonce) != 1 ||
        EVP_DecryptUpdate(context, NULL, &length, (const uint8_t *)seal->name, (int)strlen(seal->name)) != 1 ||
        EVP_DecryptUpdate(context, out, &length, in, (int)size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, (void *)(uintptr_t)(in + size)) != 1 ||
        EVP_DecryptFinal_ex(context, rest, &length) != 1)
        return fy_error_set(err, FY_E_VERIFY, "%s: chunk %llu does not decrypt: it is damaged, or the key is another",
                            seal->name, (unsigned long long)number);
    return 0;
}
