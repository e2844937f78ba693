/* AES in counter mode with the key stream made ahead, beside OpenSSL's own and the vectors of NIST SP 800-38A. */
#include "ssh_cipher.h"

#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#define OURS "provider=" FY_SSH_CIPHER_PROVIDER
#define OPENSSLS "provider!=" FY_SSH_CIPHER_PROVIDER
#define TEXT_BYTES (64u * 1024u)
#define IV_BYTES 16

static const char *const names[] = {"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"};
static uint8_t text[TEXT_BYTES];
static unsigned seed;

static void begin(void)
{
    cr_assert_eq(fy_ssh_cipher_load(), 0);
    seed = 1;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)rand_r(&seed);
}

TestSuite(ssh_cipher, .init = begin, .fini = fy_ssh_cipher_unload);

static EVP_CIPHER_CTX *new_context(const char *name, const char *whose, const uint8_t *key, const uint8_t *iv)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, whose);
    cr_assert(cipher);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert(EVP_CipherInit_ex2(context, cipher, key, iv, 1, NULL));
    EVP_CIPHER_free(cipher);
    return context;
}

static void encrypt(EVP_CIPHER_CTX *context, uint8_t *out, const uint8_t *in, size_t size)
{
    int done = -1;
    cr_assert(EVP_CipherUpdate(context, out, &done, in, (int)size));
    cr_assert_eq(done, (int)size);
}

/* ---- vectors ---- */

static const uint8_t nist_iv[] = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7,
                                  0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};

static const struct {
    const char *key;
    const char *cipher;
} nist[] = {
    {"2b7e151628aed2a6abf7158809cf4f3c", "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
                                         "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
    {"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94"
     "1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050"},
    {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
     "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"},
};
static const char nist_plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                 "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

static void from_hex(const char *hex, uint8_t *bytes)
{
    for (; *hex; hex += 2)
        *bytes++ = (uint8_t)strtoul((const char[]){hex[0], hex[1], '\0'}, NULL, 16);
}

Test(ssh_cipher, makes_what_nist_says)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(nist); i++) {
        uint8_t key[32], plain[64], expected[64], block[16];
        from_hex(nist[i].key, key);
        from_hex(nist_plain, plain);
        from_hex(nist[i].cipher, expected);
        EVP_CIPHER_CTX *context = new_context(names[i], OURS, key, nist_iv);
        for (size_t at = 0; at < sizeof plain; at += sizeof block) {
            cr_assert_geq(EVP_Cipher(context, block, plain + at, sizeof block), 0);
            cr_assert_arr_eq(block, expected + at, sizeof block, "%s", names[i]);
        }
        EVP_CIPHER_CTX_free(context);
    }
}

/* ---- beside OpenSSL's ---- */

/* Short calls most of the time, as in one of libssh2's, and now and then one that is long. */
static size_t some_size(size_t left)
{
    static const size_t limits[] = {1, 16, 16, 16, 33, 511, 513, 5000, 20000};
    size_t size = (size_t)rand_r(&seed) % limits[(size_t)rand_r(&seed) % FY_ARRAY_SIZE(limits)] + 1;
    return size < left ? size : left;
}

static void assert_same_state(EVP_CIPHER_CTX *one, EVP_CIPHER_CTX *other)
{
    uint8_t counter[IV_BYTES], expected[IV_BYTES];
    cr_assert(EVP_CIPHER_CTX_get_updated_iv(one, counter, sizeof counter));
    cr_assert(EVP_CIPHER_CTX_get_updated_iv(other, expected, sizeof expected));
    cr_assert_arr_eq(counter, expected, sizeof counter);
    cr_assert_eq(EVP_CIPHER_CTX_get_num(one), EVP_CIPHER_CTX_get_num(other));
    cr_assert_eq(EVP_CIPHER_CTX_get_key_length(one), EVP_CIPHER_CTX_get_key_length(other));
    cr_assert_eq(EVP_CIPHER_CTX_get_iv_length(one), EVP_CIPHER_CTX_get_iv_length(other));
}

/* The same pieces through both, in place or not. */
static void compare(EVP_CIPHER_CTX *one, EVP_CIPHER_CTX *other, size_t total)
{
    static uint8_t ours[TEXT_BYTES], expected[TEXT_BYTES];
    memcpy(ours, text, sizeof ours);
    for (size_t at = 0, size; at < total; at += size) {
        size = some_size(total - at);
        bool in_place = rand_r(&seed) % 2;
        encrypt(one, ours + at, in_place ? ours + at : text + at, size);
        encrypt(other, expected + at, text + at, size);
        cr_assert_arr_eq(ours + at, expected + at, size, "%zu bytes at %zu", size, at);
        assert_same_state(one, other);
    }
}

Test(ssh_cipher, any_cut_makes_what_openssl_makes)
{
    for (unsigned round = 0; round < 300; round++) {
        const char *name = names[round % FY_ARRAY_SIZE(names)];
        const uint8_t *key = text + round;
        const uint8_t *iv = text + 5 * round;
        EVP_CIPHER_CTX *one = new_context(name, OURS, key, iv);
        EVP_CIPHER_CTX *other = new_context(name, OPENSSLS, key, iv);
        compare(one, other, TEXT_BYTES);
        EVP_CIPHER_CTX_free(one);
        EVP_CIPHER_CTX_free(other);
    }
}

/* The counter goes over the end of its last 1, 2, … 16 bytes. */
Test(ssh_cipher, the_counter_wraps)
{
    for (size_t bytes = 1; bytes <= IV_BYTES; bytes++) {
        uint8_t iv[IV_BYTES] = {0x5a, 0x5a, 0x5a, 0x5a};
        memset(iv + IV_BYTES - bytes, 0xff, bytes);
        iv[IV_BYTES - 1] -= 100;
        EVP_CIPHER_CTX *one = new_context(names[0], OURS, text, iv);
        EVP_CIPHER_CTX *other = new_context(names[0], OPENSSLS, text, iv);
        compare(one, other, 8000);
        EVP_CIPHER_CTX_free(one);
        EVP_CIPHER_CTX_free(other);
    }
}

/* A new counter, a new key, both, or neither: from wherever it stands. */
Test(ssh_cipher, starts_anew_as_openssl_does)
{
    EVP_CIPHER_CTX *one = new_context(names[0], OURS, text, text + 100);
    EVP_CIPHER_CTX *other = new_context(names[0], OPENSSLS, text, text + 100);
    for (unsigned round = 0; round < 400; round++) {
        const uint8_t *key = round & 1 ? text + round : NULL;
        const uint8_t *iv = round & 2 ? text + 7 * round : NULL;
        int encrypts = (round & 4) != 0;
        compare(one, other, some_size(TEXT_BYTES));
        cr_assert(EVP_CipherInit_ex2(one, NULL, key, iv, encrypts, NULL));
        cr_assert(EVP_CipherInit_ex2(other, NULL, key, iv, encrypts, NULL));
    }
    EVP_CIPHER_CTX_free(one);
    EVP_CIPHER_CTX_free(other);
}

Test(ssh_cipher, what_one_encrypts_the_other_decrypts)
{
    static uint8_t there[TEXT_BYTES], back[TEXT_BYTES];
    EVP_CIPHER_CTX *one = new_context(names[2], OURS, text, text + 32);
    EVP_CIPHER_CTX *other = new_context(names[2], OURS, text, text + 32);
    cr_assert(EVP_CipherInit_ex2(other, NULL, NULL, NULL, 0, NULL));
    encrypt(one, there, text, TEXT_BYTES);
    for (size_t at = 0; at < TEXT_BYTES; at += 16)
        encrypt(other, back + at, there + at, 16);
    cr_assert_arr_eq(back, text, TEXT_BYTES);
    EVP_CIPHER_CTX_free(one);
    EVP_CIPHER_CTX_free(other);
}

Test(ssh_cipher, a_copy_goes_its_own_way)
{
    for (unsigned round = 0; round < 50; round++) {
        EVP_CIPHER_CTX *one = new_context(names[1], OURS, text, text + round);
        EVP_CIPHER_CTX *other = new_context(names[1], OPENSSLS, text, text + round);
        EVP_CIPHER_CTX *copy = EVP_CIPHER_CTX_new();
        EVP_CIPHER_CTX *other_copy = EVP_CIPHER_CTX_new();
        compare(one, other, some_size(TEXT_BYTES));
        cr_assert(EVP_CIPHER_CTX_copy(copy, one));
        cr_assert(EVP_CIPHER_CTX_copy(other_copy, other));
        compare(one, other, some_size(TEXT_BYTES));
        EVP_CIPHER_CTX_free(one);
        EVP_CIPHER_CTX_free(other);
        compare(copy, other_copy, TEXT_BYTES);
        EVP_CIPHER_CTX_free(copy);
        EVP_CIPHER_CTX_free(other_copy);
    }
}

/* ---- EVP_Cipher(), which is ours ---- */

/* As libssh2 calls it: block by block, each into another place and back. */
static void call(EVP_CIPHER_CTX *context, uint8_t *data, size_t size)
{
    uint8_t block[16];
    for (size_t at = 0; at < size; at += sizeof block) {
        cr_assert_geq(EVP_Cipher(context, block, data + at, sizeof block), 0);
        memcpy(data + at, block, sizeof block);
    }
}

static void assert_calls_make_it(EVP_CIPHER_CTX *one, EVP_CIPHER_CTX *other, size_t size)
{
    static uint8_t ours[TEXT_BYTES], expected[TEXT_BYTES];
    memcpy(ours, text, size);
    call(one, ours, size);
    encrypt(other, expected, text, size);
    cr_assert_arr_eq(ours, expected, size);
}

/* By turns, as a connection's two directions are. */
Test(ssh_cipher, calls_with_two_contexts_are_kept_apart)
{
    EVP_CIPHER_CTX *one[2], *other[2];
    for (size_t i = 0; i < 2; i++) {
        one[i] = new_context(names[0], OURS, text + i, text);
        other[i] = new_context(names[0], OPENSSLS, text + i, text);
    }
    for (unsigned round = 0; round < 500; round++)
        assert_calls_make_it(one[round % 2], other[round % 2], 16 * some_size(300));
    for (unsigned round = 0; round < 500; round++) /* and with calls that come another way */
        if (rand_r(&seed) % 2)
            compare(one[round % 2], other[round % 2], 16 * some_size(300));
        else
            assert_calls_make_it(one[round % 2], other[round % 2], 16 * some_size(300));
    for (size_t i = 0; i < 2; i++) {
        EVP_CIPHER_CTX_free(one[i]);
        EVP_CIPHER_CTX_free(other[i]);
    }
}

/* What was made at the place of one that is gone is not taken for it, whosever cipher it has. */
Test(ssh_cipher, calls_with_what_took_a_place_are_its_own)
{
    unsigned same_place = 0;
    for (unsigned round = 0; round < 100; round++) {
        EVP_CIPHER_CTX *gone = new_context(names[0], OURS, text, text);
        uint8_t block[16];
        cr_assert_geq(EVP_Cipher(gone, block, text, sizeof block), 0);
        uintptr_t place = (uintptr_t)gone;
        EVP_CIPHER_CTX_free(gone);
        EVP_CIPHER_CTX *one = new_context(names[0], round % 2 ? OURS : OPENSSLS, text + round, text);
        EVP_CIPHER_CTX *other = new_context(names[0], OPENSSLS, text + round, text);
        same_place += (uintptr_t)one == place;
        assert_calls_make_it(one, other, 8000);
        EVP_CIPHER_CTX_free(one);
        EVP_CIPHER_CTX_free(other);
    }
#ifndef __SANITIZE_ADDRESS__ /* which keeps freed places for a while, and watches them */
    cr_assert_gt(same_place, 0);
#endif
}

/* The same context with another cipher. */
Test(ssh_cipher, calls_after_a_change_are_the_new_ciphers)
{
    EVP_CIPHER *cbc = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
    EVP_CIPHER_CTX *one = new_context(names[0], OURS, text, text);
    EVP_CIPHER_CTX *other = EVP_CIPHER_CTX_new();
    uint8_t block[16];
    cr_assert_geq(EVP_Cipher(one, block, text, sizeof block), 0);
    cr_assert(EVP_CipherInit_ex2(one, cbc, text, text, 1, NULL));
    cr_assert(EVP_CipherInit_ex2(other, cbc, text, text, 1, NULL));
    assert_calls_make_it(one, other, 8000);
    EVP_CIPHER_CTX_free(one);
    EVP_CIPHER_CTX_free(other);
    EVP_CIPHER_free(cbc);
}

Test(ssh_cipher, calls_with_a_copy_do_not_move_the_other)
{
    EVP_CIPHER_CTX *one = new_context(names[0], OURS, text, text);
    EVP_CIPHER_CTX *other = new_context(names[0], OPENSSLS, text, text);
    EVP_CIPHER_CTX *copy = EVP_CIPHER_CTX_new();
    EVP_CIPHER_CTX *other_copy = EVP_CIPHER_CTX_new();
    assert_calls_make_it(one, other, 160);
    cr_assert(EVP_CIPHER_CTX_copy(copy, one));
    cr_assert(EVP_CIPHER_CTX_copy(other_copy, other));
    assert_calls_make_it(copy, other_copy, 320);
    assert_calls_make_it(one, other, 8000);
    EVP_CIPHER_CTX_free(one);
    assert_calls_make_it(copy, other_copy, 8000);
    EVP_CIPHER_CTX_free(copy);
    EVP_CIPHER_CTX_free(other);
    EVP_CIPHER_CTX_free(other_copy);
}

/* A call that fails says so, and does not leave the one before it standing for the next. */
Test(ssh_cipher, a_call_without_a_key_fails)
{
    uint8_t block[16];
    EVP_CIPHER_CTX *context = new_context(names[0], OURS, NULL, NULL);
    cr_assert_lt(EVP_Cipher(context, block, text, sizeof block), 0);
    cr_assert_lt(EVP_Cipher(context, block, text, sizeof block), 0);
    EVP_CIPHER_CTX_free(context);
}

/* ---- refusals ---- */

Test(ssh_cipher, does_nothing_without_a_key)
{
    uint8_t out[16];
    int done;
    EVP_CIPHER_CTX *context = new_context(names[0], OURS, NULL, NULL);
    cr_assert_not(EVP_CipherUpdate(context, out, &done, text, sizeof out));
    cr_assert(EVP_CipherInit_ex2(context, NULL, text, text, 1, NULL));
    encrypt(context, out, text, sizeof out);
    EVP_CIPHER_CTX_free(context);
}

/* A position inside a block that it has not come to by itself. */
Test(ssh_cipher, takes_no_position_from_outside)
{
    EVP_CIPHER_CTX *context = new_context(names[0], OURS, text, text);
    cr_assert_not(EVP_CIPHER_CTX_set_num(context, 3));
    EVP_CIPHER_CTX_free(context);
}

/* ---- who gets it ---- */

static const char *whose_is(const EVP_CIPHER *legacy, EVP_CIPHER_CTX *context)
{
    cr_assert(EVP_CipherInit(context, legacy, text, text, 1));
    return OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(EVP_CIPHER_CTX_get0_cipher(context)));
}

static bool yes(void)
{
    return true;
}
static bool no(void)
{
    return false;
}

Test(ssh_cipher_choice, counter_mode_is_ours_and_the_rest_is_not, .fini = fy_ssh_cipher_unuse)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert_str_eq(whose_is(EVP_aes_128_ctr(), context), "default");
    cr_assert_not(fy_ssh_cipher_is_ahead("aes128-ctr"));
    fy_ssh_cipher_use(yes);
    cr_assert(fy_ssh_cipher_is_ahead("aes128-ctr"));
    cr_assert_str_eq(whose_is(EVP_aes_128_ctr(), context), FY_SSH_CIPHER_PROVIDER);
    cr_assert_str_eq(whose_is(EVP_aes_256_ctr(), context), FY_SSH_CIPHER_PROVIDER);
    cr_assert_str_eq(whose_is(EVP_aes_128_cbc(), context), "default");
    cr_assert_not(fy_ssh_cipher_is_ahead("aes128-gcm@openssh.com"));
    cr_assert_not(fy_ssh_cipher_is_ahead("chacha20-poly1305@openssh.com"));
    EVP_MD *hash = EVP_MD_fetch(NULL, "SHA256", NULL);
    cr_assert(hash, "what is not ours is still found");
    EVP_MD_free(hash);
    fy_ssh_cipher_unuse();
    cr_assert_str_eq(whose_is(EVP_aes_128_ctr(), context), "default");
    fy_ssh_cipher_use(yes);
    cr_assert(fy_ssh_cipher_is_ahead("aes256-ctr"), "a second time");
    EVP_CIPHER_CTX_free(context);
}

Test(ssh_cipher_choice, what_does_not_pay_is_left_alone)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    fy_ssh_cipher_use(no);
    cr_assert_not(fy_ssh_cipher_is_ahead("aes128-ctr"));
    cr_assert_str_eq(whose_is(EVP_aes_128_ctr(), context), "default");
    EVP_CIPHER_CTX_free(context);
}

/* Whatever it says here, what both made has been compared. */
Test(ssh_cipher_choice, whether_it_pays_can_be_asked_again)
{
    fy_ssh_cipher_use(fy_ssh_cipher_pays);
    fy_ssh_cipher_unuse();
    fy_ssh_cipher_use(fy_ssh_cipher_pays);
    bool is_used = fy_ssh_cipher_is_ahead("aes128-ctr");
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert_str_eq(whose_is(EVP_aes_128_ctr(), context), is_used ? FY_SSH_CIPHER_PROVIDER : "default");
    EVP_CIPHER_CTX_free(context);
    fy_ssh_cipher_unuse();
}

/* Whoever has one when it is taken back is not left alone with it. */
Test(ssh_cipher_choice, contexts_outlive_the_choice)
{
    cr_assert_eq(fy_ssh_cipher_load(), 0);
    EVP_CIPHER_CTX *one = new_context(names[0], OURS, text, text);
    EVP_CIPHER_CTX *other = new_context(names[0], OPENSSLS, text, text);
    compare(one, other, 3000);
    fy_ssh_cipher_unload();
    compare(one, other, 30000);
    EVP_CIPHER_CTX_free(one);
    EVP_CIPHER_CTX_free(other);
}
