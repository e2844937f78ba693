/* The key that checkpoints are encrypted with at rest: 32 bytes. It is wiped when it is freed. */
#ifndef FERRY_CHECKPOINT_KEY_H
#define FERRY_CHECKPOINT_KEY_H

#include <ferry/base/error.h>
#include <stddef.h>
#include <stdint.h>

#define FY_KEY_CHECK_BYTES 16

struct fy_checkpoint_key;

/* From 32 raw bytes or 64 hexadecimal digits (white space around them is ignored); `where` names them in errors.
 * FY_E_CONFIG. */
int fy_checkpoint_key_parse(const void *text, size_t size, const char *where, struct fy_checkpoint_key **key,
                            struct fy_error *err);
/* Reads a file that only its owner can read: FY_E_CONFIG for one that others can. */
int fy_checkpoint_key_read(const char *path, struct fy_checkpoint_key **key, struct fy_error *err);
/* Runs a shell command that prints the key, for at most ten seconds. Blocks. */
int fy_checkpoint_key_run(const char *command, struct fy_checkpoint_key **key, struct fy_error *err);
/* NULL is legal. */
void fy_checkpoint_key_free(struct fy_checkpoint_key *key);
/* Tells keys apart without telling what they are. */
int fy_checkpoint_key_check(const struct fy_checkpoint_key *key, uint8_t check[FY_KEY_CHECK_BYTES],
                            struct fy_error *err);

#endif
