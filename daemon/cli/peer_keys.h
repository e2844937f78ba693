/* The keys that two hosts need to trust each other, made and looked at with OpenSSH's own programs. */
#ifndef FERRY_CLI_PEER_KEYS_H
#define FERRY_CLI_PEER_KEYS_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stdint.h>

/* Makes an ed25519 key without passphrase at `path` (and `path`.pub) if there is none; *made says so. `public_key`
 * (free()) is "TYPE BASE64 COMMENT". */
int peer_keys_own(const char *path, const char *comment, bool *made, char **public_key, struct fy_error *err);

struct peer_host_key {
    char *line;        /* for known_hosts, without the newline */
    char *fingerprint; /* "SHA256:…" */
    char *pinned;      /* the fingerprint in the file already, or NULL */
};

/* `key` is to be given back with peer_host_key_done() in either case. Asks the host for its ed25519 key (or else its
 * others), and looks what known_hosts says of it. FY_E_UNREACHABLE. */
int peer_keys_of_host(const char *host, uint16_t port, const char *known_hosts, struct peer_host_key *key,
                      struct fy_error *err);
void peer_host_key_done(struct peer_host_key *key);
/* Adds the line to the file, which is made (0644) if it is not there. */
int peer_keys_pin(const struct peer_host_key *key, const char *known_hosts, struct fy_error *err);

#endif
