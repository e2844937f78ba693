/* Counter mode for a libssh2 that encrypts 16 bytes a call: OpenSSL's own AES makes the key stream ahead, some KiB at a
 * time, and a call only adds it to its bytes. An OpenSSL provider, since libssh2 asks OpenSSL for its ciphers. */
#ifndef FERRY_SSH_CIPHER_H
#define FERRY_SSH_CIPHER_H

#include <stdbool.h>

/* The provider's name in property queries. */
#define FY_SSH_CIPHER_PROVIDER "ferry"

/* From then on whoever asks OpenSSL for AES in counter mode gets ours; everything else comes from where it came from.
 * Does nothing where `pays` says no, in FIPS mode, and where OpenSSL does not play along. `pays` is asked while both
 * can be had by name: fy_ssh_cipher_pays(), or a test's own. Not while other threads use OpenSSL. */
void fy_ssh_cipher_use(bool (*pays)(void));
/* Whether short calls of ours are quicker than OpenSSL's here and now: they are measured, for some hundred
 * microseconds. */
bool fy_ssh_cipher_pays(void);
/* Takes it back. Contexts that were made meanwhile go on working. */
void fy_ssh_cipher_unuse(void);
/* Whether a connection with that cipher (a name of SSH's) would have its key stream made ahead. */
bool fy_ssh_cipher_is_ahead(const char *cipher);

/* Registers it without making it anybody's choice, and takes it away; 0 or -1. For fy_ssh_cipher_use(), and for tests.
 */
int fy_ssh_cipher_load(void);
void fy_ssh_cipher_unload(void);

#endif
