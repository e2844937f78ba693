/* The provider. It has no cryptography of its own: bytes of the key stream come from OpenSSL's AES in counter mode, in
 * order, and each is used once. Whatever is long already goes to that directly, so that nobody loses by it.
 *
 *     inner counter    ....|================|
 *     stream               |.....used.......|  `used` bytes of it are spent; the next call goes on there
 *
 * The inner context always stands at the beginning of a block. */
#include "ssh_cipher.h"
#include "ssh_cipher_stream.h"

#include <ferry/base/cleanup.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES FY_SSH_STREAM_BLOCK_BYTES
#define STREAM_BYTES FY_SSH_STREAM_BYTES
/* Where a call of OpenSSL's costs less than a detour. */
#define LONG_BYTES 512u

struct variant {
    const char *name;
    size_t key_bytes;
    EVP_CIPHER *inner; /* OpenSSL's; NULL while the provider is not loaded */
};

enum { AES_128, AES_192, AES_256, VARIANTS };

/* OpenSSL knows providers by name and hands nothing to their set-up, so what belongs to ours can only be here. */
static struct {
    struct variant variants[VARIANTS];
    OSSL_PROVIDER *provider; /* NULL: not loaded */
} ours = {
    .variants = {{.name = "AES-128-CTR", .key_bytes = 16},
                 {.name = "AES-192-CTR", .key_bytes = 24},
                 {.name = "AES-256-CTR", .key_bytes = 32}},
};

struct context {
    const struct variant *variant;
    EVP_CIPHER_CTX *inner;
    struct fy_ssh_stream stream;
};

/* ---- contexts ---- */

static void context_free(void *data)
{
    struct context *context = data;
    if (!context)
        return;
    fy_ssh_stream_goes();
    EVP_CIPHER_CTX_free(context->inner);
    OPENSSL_clear_free(context, sizeof *context);
}

static void *context_new(const struct variant *variant)
{
    struct context *context = OPENSSL_zalloc(sizeof *context);
    if (!context)
        return NULL;
    context->variant = variant;
    context->stream.used = STREAM_BYTES;
    context->inner = EVP_CIPHER_CTX_new();
    if (context->inner && EVP_EncryptInit_ex2(context->inner, variant->inner, NULL, NULL, NULL))
        return context;
    context_free(context);
    return NULL;
}

static void *context_dup(void *data)
{
    const struct context *from = data;
    struct context *to = OPENSSL_memdup(from, sizeof *from);
    if (!to)
        return NULL;
    to->inner = EVP_CIPHER_CTX_new();
    if (to->inner && EVP_CIPHER_CTX_copy(to->inner, from->inner))
        return to;
    context_free(to);
    return NULL;
}

/* ---- where it stands ---- */

/* The counter of the next block that is not begun: the inner one, less what lies ahead. */
static int get_counter(const struct context *context, uint8_t counter[BLOCK_BYTES])
{
    if (!EVP_CIPHER_CTX_get_updated_iv(context->inner, counter, BLOCK_BYTES))
        return 0;
    size_t ahead = (STREAM_BYTES - context->stream.used) / BLOCK_BYTES;
    for (size_t i = BLOCK_BYTES; i-- > 0 && ahead > 0;) {
        size_t digit = ahead & 0xff;
        ahead = (ahead >> 8) + (counter[i] < digit);
        counter[i] = (uint8_t)(counter[i] - digit);
    }
    return 1;
}

/* A new key alone leaves the counter where it is. */
static int init(void *data, const unsigned char *key, size_t key_bytes, const unsigned char *iv, size_t iv_bytes,
                const OSSL_PARAM params[])
{
    struct context *context = data;
    uint8_t counter[BLOCK_BYTES];
    if ((key && key_bytes != context->variant->key_bytes) || (iv && iv_bytes != BLOCK_BYTES))
        return 0;
    if (!iv && context->stream.used < STREAM_BYTES) {
        if (!get_counter(context, counter))
            return 0;
        iv = counter;
    }
    OPENSSL_cleanse(context->stream.bytes, sizeof context->stream.bytes);
    context->stream.used = STREAM_BYTES;
    return EVP_EncryptInit_ex2(context->inner, NULL, key, iv, params);
}

/* ---- bytes ---- */

static int refill(struct context *context)
{
    int made;
    uint8_t *bytes = context->stream.bytes;
    memset(bytes, 0, STREAM_BYTES);
    if (!EVP_EncryptUpdate(context->inner, bytes, &made, bytes, STREAM_BYTES))
        return 0;
    context->stream.used = 0;
    return 1;
}

static void add_stream(struct fy_ssh_stream *stream, uint8_t *out, const uint8_t *in, size_t size)
{
    for (; size >= BLOCK_BYTES; size -= BLOCK_BYTES) {
        fy_ssh_stream_add_block(stream, out, in);
        in += BLOCK_BYTES;
        out += BLOCK_BYTES;
    }
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(in[i] ^ stream->bytes[stream->used++]);
}

/* Returns how many bytes are done; 0: failed. */
static size_t update_some(struct context *context, uint8_t *out, const uint8_t *in, size_t size)
{
    int done;
    size_t left = STREAM_BYTES - context->stream.used;
    if (left == 0 && size >= LONG_BYTES) {
        size_t whole = size < INT32_MAX ? size : INT32_MAX;
        whole -= whole % BLOCK_BYTES;
        return EVP_EncryptUpdate(context->inner, out, &done, in, (int)whole) ? whole : 0;
    }
    if (left == 0 && !refill(context))
        return 0;
    left = STREAM_BYTES - context->stream.used;
    size_t some = size < left ? size : left;
    add_stream(&context->stream, out, in, some);
    return some;
}

/* Counter mode is the same both ways. */
static int update(void *data, unsigned char *out, size_t *out_bytes, size_t room, const unsigned char *in, size_t size)
{
    struct context *context = data;
    if (room < size)
        return 0;
    *out_bytes = size;
    fy_ssh_stream_serves(&context->stream);
    while (size > 0) {
        size_t some = update_some(context, out, in, size);
        if (some == 0)
            return 0;
        in += some;
        out += some;
        size -= some;
    }
    return 1;
}

static int final(void *data, unsigned char *out, size_t *out_bytes, size_t room)
{
    (void)data;
    (void)out;
    (void)room;
    *out_bytes = 0;
    return 1;
}

/* ---- parameters ---- */

static int get_params(const struct variant *variant, OSSL_PARAM params[])
{
    OSSL_PARAM *mode = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_MODE);
    OSSL_PARAM *key_bytes = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_KEYLEN);
    OSSL_PARAM *iv_bytes = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_IVLEN);
    OSSL_PARAM *block_bytes = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_BLOCK_SIZE);
    return (!mode || OSSL_PARAM_set_uint(mode, EVP_CIPH_CTR_MODE)) &&
           (!key_bytes || OSSL_PARAM_set_size_t(key_bytes, variant->key_bytes)) &&
           (!iv_bytes || OSSL_PARAM_set_size_t(iv_bytes, BLOCK_BYTES)) &&
           (!block_bytes || OSSL_PARAM_set_size_t(block_bytes, 1));
}

static int get_context_params(void *data, OSSL_PARAM params[])
{
    const struct context *context = data;
    uint8_t counter[BLOCK_BYTES];
    OSSL_PARAM *updated = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_UPDATED_IV);
    OSSL_PARAM *spent = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_NUM);
    if (!EVP_CIPHER_CTX_get_params(context->inner, params))
        return 0;
    if (updated && (!get_counter(context, counter) || !OSSL_PARAM_set_octet_string(updated, counter, sizeof counter)))
        return 0;
    return !spent || OSSL_PARAM_set_uint(spent, (unsigned)(context->stream.used % BLOCK_BYTES));
}

/* Where in a block it stands follows from what it has done, and from nothing else. */
static int set_context_params(void *data, const OSSL_PARAM params[])
{
    const struct context *context = data;
    if (params && OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_NUM))
        return 0;
    return EVP_CIPHER_CTX_set_params(context->inner, params);
}

/* ---- the provider ---- */

#define ENTRY(number, function)                                                                                        \
    {                                                                                                                  \
        OSSL_FUNC_##number, (void (*)(void))(function)                                                                 \
    }
#define FUNCTIONS_OF(which)                                                                                            \
    static void *new_##which(void *provider)                                                                           \
    {                                                                                                                  \
        (void)provider;                                                                                                \
        return context_new(&ours.variants[which]);                                                                     \
    }                                                                                                                  \
    static int get_params_##which(OSSL_PARAM params[])                                                                 \
    {                                                                                                                  \
        return get_params(&ours.variants[which], params);                                                              \
    }                                                                                                                  \
    static const OSSL_DISPATCH functions_##which[] = {ENTRY(CIPHER_NEWCTX, new_##which),                               \
                                                      ENTRY(CIPHER_FREECTX, context_free),                             \
                                                      ENTRY(CIPHER_DUPCTX, context_dup),                               \
                                                      ENTRY(CIPHER_ENCRYPT_INIT, init),                                \
                                                      ENTRY(CIPHER_DECRYPT_INIT, init),                                \
                                                      ENTRY(CIPHER_UPDATE, update),                                    \
                                                      ENTRY(CIPHER_FINAL, final),                                      \
                                                      ENTRY(CIPHER_CIPHER, update),                                    \
                                                      ENTRY(CIPHER_GET_PARAMS, get_params_##which),                    \
                                                      ENTRY(CIPHER_GET_CTX_PARAMS, get_context_params),                \
                                                      ENTRY(CIPHER_SET_CTX_PARAMS, set_context_params),                \
                                                      {0, NULL}}

FUNCTIONS_OF(AES_128);
FUNCTIONS_OF(AES_192);
FUNCTIONS_OF(AES_256);

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    static const char is_ours[] = "provider=" FY_SSH_CIPHER_PROVIDER;
    static const OSSL_ALGORITHM ciphers[] = {
        {"AES-128-CTR", is_ours, functions_AES_128, "AES-128-CTR, key stream ahead"},
        {"AES-192-CTR", is_ours, functions_AES_192, "AES-192-CTR, key stream ahead"},
        {"AES-256-CTR", is_ours, functions_AES_256, "AES-256-CTR, key stream ahead"},
        {NULL, NULL, NULL, NULL},
    };
    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_CIPHER ? ciphers : NULL;
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions,
                         void **provider)
{
    static const OSSL_DISPATCH provided[] = {ENTRY(PROVIDER_QUERY_OPERATION, query), {0, NULL}};
    (void)handle;
    (void)core;
    *functions = provided;
    *provider = &ours;
    return 1;
}

void fy_ssh_cipher_unload(void)
{
    if (ours.provider)
        (void)OSSL_PROVIDER_unload(ours.provider);
    ours.provider = NULL;
    for (size_t i = 0; i < VARIANTS; i++) {
        EVP_CIPHER_free(ours.variants[i].inner);
        ours.variants[i].inner = NULL;
    }
}

int fy_ssh_cipher_load(void)
{
    bool complete = true;
    (void)ERR_set_mark();
    for (size_t i = 0; i < VARIANTS; i++) {
        struct variant *variant = &ours.variants[i];
        variant->inner = EVP_CIPHER_fetch(NULL, variant->name, "provider!=" FY_SSH_CIPHER_PROVIDER);
        complete = complete && variant->inner;
    }
    /* Fails the second time, when it is known already. */
    (void)OSSL_PROVIDER_add_builtin(NULL, FY_SSH_CIPHER_PROVIDER, provider_init);
    if (complete)
        ours.provider = OSSL_PROVIDER_try_load(NULL, FY_SSH_CIPHER_PROVIDER, 1);
    (void)ERR_pop_to_mark();
    if (ours.provider)
        return 0;
    fy_ssh_cipher_unload();
    return -1;
}
