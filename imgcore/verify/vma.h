/* vma_entry.status: what kind of a mapping it is. */
#ifndef FERRY_IMGCORE_VERIFY_VMA_H
#define FERRY_IMGCORE_VERIFY_VMA_H

enum {
    VMA_REGULAR = 1 << 0,
    VMA_FILE_PRIVATE = 1 << 6,
    VMA_FILE_SHARED = 1 << 7,
    VMA_ANON_SHARED = 1 << 8,
    VMA_ANON_PRIVATE = 1 << 9,
    VMA_SYSVIPC = 1 << 10,
    VMA_AIO_RING = 1 << 13,
    VMA_MEMFD = 1 << 14,
};

#endif
