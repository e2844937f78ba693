/* The lines of a file that says who may sign. */
#ifndef FERRY_MANIFEST_SIGNERS_H
#define FERRY_MANIFEST_SIGNERS_H

#include "../vector.h"
#include "sshsig.h"

struct signer {
    char *principals;
    char *namespaces; /* patterns; NULL: any */
    uint8_t public_key[SSH_PUBLIC_BYTES];
    int64_t valid_after_s, valid_before_s; /* 0: not limited */
    unsigned line;
};

struct fy_signers {
    char *name;
    VECTOR(struct signer) items;
};

/* Patterns with * and ?, separated by commas; one that begins with ! excludes. As OpenSSH's match_pattern_list. */
bool fy_signers_match_list(const char *text, const char *patterns);

#endif
