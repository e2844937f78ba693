/* Base64, fingerprints, and the strings of SSH's binary formats. */
#include "ssh_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *fy_ssh_base64(const uint8_t *data, size_t size)
{
    char *text = malloc((size + 2) / 3 * 4 + 1);
    if (!text)
        return NULL;
    char *out = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)data[i] << 16;
        if (left > 1)
            group |= (uint32_t)data[i + 1] << 8;
        if (left > 2)
            group |= data[i + 2];
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *out++ = left > 2 ? alphabet[group & 63] : '=';
    }
    *out = '\0';
    return text;
}

void fy_ssh_fingerprint(const uint8_t hash[32], char text[FY_SSH_FINGERPRINT_BYTES])
{
    char *base64 = fy_ssh_base64(hash, 32);
    if (base64)
        base64[strcspn(base64, "=")] = '\0';
    (void)snprintf(text, FY_SSH_FINGERPRINT_BYTES, "SHA256:%s", base64 ? base64 : "?");
    free(base64);
}

const uint8_t *fy_ssh_read_string(const uint8_t **at, const uint8_t *end, size_t *size)
{
    const uint8_t *p = *at;
    if (end - p < 4)
        return NULL;
    size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    p += 4;
    if (length > (size_t)(end - p))
        return NULL;
    *at = p + length;
    *size = length;
    return p;
}
