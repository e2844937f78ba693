/* Encryption at rest: AES-256-GCM, each file with a key of its own made of the store's key and a salt, so that a
 * chunk's number can be its nonce. Private to the store. */
#ifndef FERRY_CHECKPOINT_SEAL_H
#define FERRY_CHECKPOINT_SEAL_H

#include <ferry/checkpoint/key.h>
#include <stddef.h>
#include <stdint.h>

#define SEAL_SALT_BYTES 16
#define SEAL_TAG_BYTES 16

struct seal;

/* `name` is bound to what is sealed: a file cannot take another's place. */
int seal_new(const struct fy_checkpoint_key *key, const uint8_t salt[SEAL_SALT_BYTES], const char *name,
             struct seal **seal, struct fy_error *err);
void seal_free(struct seal *seal);
/* `out` has room for size + SEAL_TAG_BYTES. A number is used once. */
int seal_close(struct seal *seal, uint64_t number, const void *in, size_t size, uint8_t *out, struct fy_error *err);
/* `size` counts the tag; `out` has room for size - SEAL_TAG_BYTES. FY_E_VERIFY: other bytes, another key, or name. */
int seal_open(struct seal *seal, uint64_t number, const uint8_t *in, size_t size, void *out, struct fy_error *err);

#endif
