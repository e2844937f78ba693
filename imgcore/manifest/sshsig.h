/* One signature in OpenSSH's SSHSIG form, over a message that is held in memory. */
#ifndef FERRY_MANIFEST_SSHSIG_H
#define FERRY_MANIFEST_SSHSIG_H

#include "ssh_wire.h"
#include <ferry/imgcore/signature.h>

struct ssh_key {
    uint8_t secret[SSH_SECRET_BYTES];
    uint8_t public_key[SSH_PUBLIC_BYTES];
};

/* From the text of a private key file; wipe it with fy_ssh_key_done. */
int fy_ssh_key_parse(const char *text, size_t size, struct ssh_key *key, struct fy_error *err);
void fy_ssh_key_done(struct ssh_key *key);

/* Appends the blob of a signature over `message`. */
int fy_sshsig_sign(const struct ssh_key *key, const char *message, struct fy_buf *blob, struct fy_error *err);
/* Whether the blob is a right signature over `message` in our namespace by the key in it, which goes to `public_key`.
 * FY_E_UNSUPPORTED for other kinds of keys, FY_E_FORMAT, FY_E_VERIFY. */
int fy_sshsig_verify(const void *blob, size_t size, const char *message, uint8_t public_key[SSH_PUBLIC_BYTES],
                     struct fy_error *err);
void fy_sshsig_fingerprint(const uint8_t public_key[SSH_PUBLIC_BYTES], char fingerprint[FY_FINGERPRINT_SIZE]);

#endif
