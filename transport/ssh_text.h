/* Keys as people see them. */
#ifndef FERRY_TRANSPORT_SSH_TEXT_H
#define FERRY_TRANSPORT_SSH_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Base64 with padding; free() it. NULL when there is no memory. */
char *fy_ssh_base64(const uint8_t *data, size_t size);

/* "SHA256:…" as OpenSSH prints it, of the 32 bytes of a hash. */
#define FY_SSH_FINGERPRINT_BYTES 52
void fy_ssh_fingerprint(const uint8_t hash[32], char text[FY_SSH_FINGERPRINT_BYTES]);

/* Reads the u32-prefixed string at *at, which is advanced; NULL when it does not fit before `end`. */
const uint8_t *fy_ssh_read_string(const uint8_t **at, const uint8_t *end, size_t *size);

#endif
