/* What makes a file the same on two hosts, as CRIU judges it at a restore: its size, and the build id of a program or
 * library that has one (files-reg.c, validate_file). */
#ifndef FERRY_AGENT_FILE_IDENTITY_H
#define FERRY_AGENT_FILE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_BUILD_ID_SIZE 64

struct fy_file_identity {
    bool directory; /* the rest is 0 then */
    uint64_t size_bytes;
    uint8_t build_id[FY_BUILD_ID_SIZE];
    size_t build_id_bytes; /* 0: it has none that is understood here (64-bit ELF) */
};

/* Follows links. 0, or the errno value: EINVAL for what is neither a regular file nor a directory. Blocks. */
int fy_file_identify(const char *path, struct fy_file_identity *identity);

#endif
