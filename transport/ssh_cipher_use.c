/* Who gets the provider, and whether it pays: calls as libssh2 makes them, with OpenSSL's own and with ours. */
#include "ssh_cipher.h"

#include <ferry/base/clock.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

/* AES has 16 bytes a block, and so has each call of libssh2's. */
#define CALL_BYTES 16
#define CALLS 1024
/* The quickest counts: whatever else the machine does only makes it slower. */
#define ROUNDS 5

static bool is_choice;

/* One round: `text` is encrypted in place, call by call. */
static bool encrypt(EVP_CIPHER_CTX *context, uint8_t text[CALLS * CALL_BYTES])
{
    uint8_t block[CALL_BYTES];
    bool done = true;
    for (size_t i = 0; i < CALLS; i++, text += CALL_BYTES) {
        done = EVP_Cipher(context, block, text, CALL_BYTES) >= 0 && done;
        memcpy(text, block, CALL_BYTES);
    }
    return done;
}

/* Processor time of the quickest round, and what became of the text; UINT64_MAX when it does not work. */
static uint64_t measure(const char *properties, uint8_t text[CALLS * CALL_BYTES])
{
    static const uint8_t key[CALL_BYTES] = {1}, iv[CALL_BYTES] = {2};
    uint64_t quickest = UINT64_MAX;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-CTR", properties);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool works = cipher && context && EVP_EncryptInit_ex2(context, cipher, key, iv, NULL);
    for (int i = 0; i < ROUNDS && works; i++) {
        uint64_t start = fy_clock_thread_ns();
        works = encrypt(context, text);
        uint64_t took = fy_clock_thread_ns() - start;
        quickest = took < quickest ? took : quickest;
    }
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    return works ? quickest : UINT64_MAX;
}

/* By a tenth at least: less would be no reason for a detour. */
bool fy_ssh_cipher_pays(void)
{
    uint8_t plain_text[CALLS * CALL_BYTES] = {0}, our_text[CALLS * CALL_BYTES] = {0};
    uint64_t plain = measure("provider!=" FY_SSH_CIPHER_PROVIDER, plain_text);
    uint64_t our = measure("provider=" FY_SSH_CIPHER_PROVIDER, our_text);
    return our < plain - plain / 10 && memcmp(plain_text, our_text, sizeof plain_text) == 0;
}

void fy_ssh_cipher_use(bool (*pays)(void))
{
    if (is_choice || EVP_default_properties_is_fips_enabled(NULL) || fy_ssh_cipher_load() < 0)
        return;
    is_choice = pays() && EVP_set_default_properties(NULL, "?provider=" FY_SSH_CIPHER_PROVIDER);
    if (!is_choice)
        fy_ssh_cipher_unload();
}

void fy_ssh_cipher_unuse(void)
{
    if (!is_choice)
        return;
    is_choice = false;
    (void)EVP_set_default_properties(NULL, "");
    fy_ssh_cipher_unload();
}

bool fy_ssh_cipher_is_ahead(const char *cipher)
{
    size_t length = strlen(cipher);
    return is_choice && length > 4 && strncmp(cipher, "aes", 3) == 0 && strcmp(cipher + length - 4, "-ctr") == 0;
}
