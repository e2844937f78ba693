/* What is in a key; private to the store. */
#ifndef FERRY_CHECKPOINT_KEY_PRIVATE_H
#define FERRY_CHECKPOINT_KEY_PRIVATE_H

#include <ferry/checkpoint/key.h>

#define KEY_BYTES 32

struct fy_checkpoint_key {
    uint8_t bytes[KEY_BYTES];
};

/* A key for one purpose: HMAC-SHA-256 over `purpose` and `salt`. */
int key_derive(const struct fy_checkpoint_key *key, const char *purpose, const void *salt, size_t salt_bytes,
               uint8_t derived[KEY_BYTES], struct fy_error *err);

#endif
