/* OpenSSH's encodings: length-prefixed strings, base64, and the armour around it. */
#ifndef FERRY_MANIFEST_SSH_WIRE_H
#define FERRY_MANIFEST_SSH_WIRE_H

#include <ferry/base/buf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SSH_KEY_TYPE "ssh-ed25519"
#define SSH_PUBLIC_BYTES 32
#define SSH_SECRET_BYTES 32
#define SSH_SIGNATURE_BYTES 64

/* What is left to read. */
struct ssh_cursor {
    const uint8_t *data;
    size_t size;
};

/* A part of what was read. */
struct ssh_string {
    const uint8_t *data;
    size_t size;
};

bool fy_ssh_take(struct ssh_cursor *cursor, size_t size, struct ssh_string *bytes);
bool fy_ssh_take_u32(struct ssh_cursor *cursor, uint32_t *number);
bool fy_ssh_take_string(struct ssh_cursor *cursor, struct ssh_string *string);
bool fy_ssh_is(const struct ssh_string *string, const char *text);

int fy_ssh_put_u32(struct fy_buf *buf, uint32_t number, struct fy_error *err);
int fy_ssh_put_string(struct fy_buf *buf, const void *data, size_t size, struct fy_error *err);
/* The blob of a public key: type and 32 bytes. */
int fy_ssh_put_public(struct fy_buf *buf, const uint8_t public_key[SSH_PUBLIC_BYTES], struct fy_error *err);
/* The 32 bytes in such a blob; NULL if it is of another kind. */
const uint8_t *fy_ssh_public_of(struct ssh_string blob);

/* Bytes that may be secret: wiped when freed. */
struct ssh_bytes {
    uint8_t *data;
    size_t size, capacity;
};
void fy_ssh_bytes_done(struct ssh_bytes *bytes);
/* Standard base64, white space ignored. FY_E_FORMAT with `what` in front. */
int fy_ssh_decode_base64(const char *text, size_t size, const char *what, struct ssh_bytes *bytes,
                         struct fy_error *err);
/* What stands between -----BEGIN `label`----- and -----END `label`-----. */
int fy_ssh_decode_armour(const char *text, size_t size, const char *label, struct ssh_bytes *bytes,
                         struct fy_error *err);
/* Lines of 70 characters, as ssh-keygen writes them. */
int fy_ssh_encode_armour(const void *data, size_t size, const char *label, char **text, struct fy_error *err);

#endif
