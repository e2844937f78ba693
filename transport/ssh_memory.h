/* The memory of one libssh2 session: bounded, and given back in one go at the end.
 *
 * libssh2 keeps every packet until somebody asks for it, so a server could make it hold anything; and it forgets some
 * memory with every key exchange, and more when a session is given up in the middle of one. */
#ifndef FERRY_TRANSPORT_SSH_MEMORY_H
#define FERRY_TRANSPORT_SSH_MEMORY_H

#include <stddef.h>

struct fy_ssh_block;

struct fy_ssh_memory {
    struct fy_ssh_block *first;
    size_t used_bytes;
    size_t limit_bytes;
};

/* NULL beyond the limit. Aligned as malloc() aligns. */
void *fy_ssh_memory_alloc(struct fy_ssh_memory *memory, size_t size);
void *fy_ssh_memory_realloc(struct fy_ssh_memory *memory, void *pointer, size_t size);
void fy_ssh_memory_free(struct fy_ssh_memory *memory, void *pointer);
/* Frees all that is left. */
void fy_ssh_memory_done(struct fy_ssh_memory *memory);

#endif
