/* Strings, base64 and armour. */
#include "ssh_wire.h"
#include <ferry/base/cleanup.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define ARMOUR_COLUMNS 70

bool fy_ssh_take(struct ssh_cursor *cursor, size_t size, struct ssh_string *bytes)
{
    if (size > cursor->size)
        return false;
    *bytes = (struct ssh_string){cursor->data, size};
    cursor->data += size;
    cursor->size -= size;
    return true;
}

bool fy_ssh_take_u32(struct ssh_cursor *cursor, uint32_t *number)
{
    struct ssh_string word;

    if (!fy_ssh_take(cursor, 4, &word))
        return false;
    *number = (uint32_t)word.data[0] << 24 | (uint32_t)word.data[1] << 16 | (uint32_t)word.data[2] << 8 |
              (uint32_t)word.data[3];
    return true;
}

bool fy_ssh_take_string(struct ssh_cursor *cursor, struct ssh_string *string)
{
    uint32_t size;

    return fy_ssh_take_u32(cursor, &size) && fy_ssh_take(cursor, size, string);
}

bool fy_ssh_is(const struct ssh_string *string, const char *text)
{
    return string->size == strlen(text) && memcmp(string->data, text, string->size) == 0;
}

int fy_ssh_put_u32(struct fy_buf *buf, uint32_t number, struct fy_error *err)
{
    uint8_t word[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

    return fy_buf_append(buf, word, sizeof(word), err);
}

int fy_ssh_put_string(struct fy_buf *buf, const void *data, size_t size, struct fy_error *err)
{
    return fy_ssh_put_u32(buf, (uint32_t)size, err) < 0 ? -1 : fy_buf_append(buf, data, size, err);
}

int fy_ssh_put_public(struct fy_buf *buf, const uint8_t public_key[SSH_PUBLIC_BYTES], struct fy_error *err)
{
    if (fy_ssh_put_string(buf, SSH_KEY_TYPE, strlen(SSH_KEY_TYPE), err) < 0)
        return -1;
    return fy_ssh_put_string(buf, public_key, SSH_PUBLIC_BYTES, err);
}

const uint8_t *fy_ssh_public_of(struct ssh_string blob)
{
    struct ssh_cursor cursor = {blob.data, blob.size};
    struct ssh_string type, public_key;

    if (!fy_ssh_take_string(&cursor, &type) || !fy_ssh_is(&type, SSH_KEY_TYPE) ||
        !fy_ssh_take_string(&cursor, &public_key) || public_key.size != SSH_PUBLIC_BYTES || cursor.size != 0)
        return NULL;
    return public_key.data;
}

/* ---- base64 ---- */

void fy_ssh_bytes_done(struct ssh_bytes *bytes)
{
    if (bytes->data)
        OPENSSL_cleanse(bytes->data, bytes->capacity);
    free(bytes->data);
    *bytes = (struct ssh_bytes){0};
}

static int make_bytes(struct ssh_bytes *bytes, size_t capacity, struct fy_error *err)
{
    *bytes = (struct ssh_bytes){.data = calloc(1, capacity), .capacity = capacity};
    return bytes->data ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for a key or signature");
}

static bool is_base64_letter(char letter)
{
    return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
           letter == '+' || letter == '/';
}

/* Letters without white space into `bare`; false if anything else is among them, or the padding is wrong. */
static bool strip(const char *text, size_t size, struct ssh_bytes *bare, size_t *padding)
{
    *padding = 0;
    for (size_t i = 0; i < size; i++) {
        if (strchr(" \t\r\n", text[i]) && text[i])
            continue;
        if (text[i] == '=')
            ++*padding;
        else if (*padding > 0 || !is_base64_letter(text[i]))
            return false;
        bare->data[bare->size++] = (uint8_t)text[i];
    }
    return *padding <= 2 && bare->size % 4 == 0;
}

int fy_ssh_decode_base64(const char *text, size_t size, const char *what, struct ssh_bytes *bytes, struct fy_error *err)
{
    FY_CLEANUP(fy_ssh_bytes_done) struct ssh_bytes bare = {0};
    struct ssh_bytes made;
    size_t padding;
    int count;

    if (make_bytes(&bare, size + 1, err) < 0)
        return -1;
    if (size > 1 << 24 || !strip(text, size, &bare, &padding))
        return fy_error_set(err, FY_E_FORMAT, "%s: is not base64", what);
    if (make_bytes(&made, bare.size / 4 * 3 + 1, err) < 0)
        return -1;
    count = EVP_DecodeBlock(made.data, bare.data, (int)bare.size);
    if (count < 0 || (size_t)count < padding) {
        fy_ssh_bytes_done(&made);
        return fy_error_set(err, FY_E_FORMAT, "%s: is not base64", what);
    }
    made.size = (size_t)count - padding;
    *bytes = made;
    return 0;
}

static const char *find(const char *text, size_t size, const char *word)
{
    return size ? memmem(text, size, word, strlen(word)) : NULL;
}

int fy_ssh_decode_armour(const char *text, size_t size, const char *label, struct ssh_bytes *bytes,
                         struct fy_error *err)
{
    char first[64], last[64];
    const char *begin, *end;

    (void)snprintf(first, sizeof(first), "-----BEGIN %s-----", label);
    (void)snprintf(last, sizeof(last), "-----END %s-----", label);
    begin = find(text, size, first);
    if (!begin)
        return fy_error_set(err, FY_E_FORMAT, "does not have the line %s", first);
    begin += strlen(first);
    end = find(begin, size - (size_t)(begin - text), last);
    if (!end)
        return fy_error_set(err, FY_E_FORMAT, "does not have the line %s", last);
    return fy_ssh_decode_base64(begin, (size_t)(end - begin), label, bytes, err);
}

int fy_ssh_encode_armour(const void *data, size_t size, const char *label, char **text, struct fy_error *err)
{
    FY_CLEANUP(fy_buf_done) struct fy_buf buf;
    FY_AUTO_FREE uint8_t *letters = malloc(size / 3 * 4 + 8);
    size_t count;

    fy_buf_init(&buf, 0);
    if (!letters)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a signature");
    count = (size_t)EVP_EncodeBlock(letters, data, (int)size);
    if (fy_buf_printf(&buf, err, "-----BEGIN %s-----\n", label) < 0)
        return -1;
    for (size_t at = 0; at < count; at += ARMOUR_COLUMNS) {
        int part = count - at < ARMOUR_COLUMNS ? (int)(count - at) : ARMOUR_COLUMNS;
        if (fy_buf_printf(&buf, err, "%.*s\n", part, (const char *)letters + at) < 0)
            return -1;
    }
    if (fy_buf_printf(&buf, err, "-----END %s-----\n", label) < 0)
        return -1;
    *text = fy_buf_take_string(&buf);
    return *text ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for a signature");
}
