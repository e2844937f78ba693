/* Scope-bound cleanup for locals, and the small macros that everything uses. */
#ifndef FERRY_BASE_CLEANUP_H
#define FERRY_BASE_CLEANUP_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FY_CLEANUP(f) __attribute__((cleanup(f)))
#define FY_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define fy_container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
/* Hands the pointer on and forgets it here, so that the cleanup of the local does nothing. */
#define fy_take(pointer)                                                                                               \
    ({                                                                                                                 \
        __typeof__(pointer) taken_ = (pointer);                                                                        \
        (pointer) = NULL;                                                                                              \
        taken_;                                                                                                        \
    })

static inline void fy_cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void fy_cleanup_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline void fy_cleanup_fclose(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

#define FY_AUTO_FREE FY_CLEANUP(fy_cleanup_free)
#define FY_AUTO_CLOSE FY_CLEANUP(fy_cleanup_close)
#define FY_AUTO_FCLOSE FY_CLEANUP(fy_cleanup_fclose)

#endif
