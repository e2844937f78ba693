/* The one error object of ferry: what failed, where, and what the operator does next.
 *
 * The caller owns it and passes it as the last parameter. A failing function fills it exactly once and leaves its
 * outputs untouched; context is added in front while it travels up. A NULL `err` is allowed everywhere. */
#ifndef FERRY_BASE_ERROR_H
#define FERRY_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* code, name as users see it in JSON and logs, what it means */
#define FY_ERROR_CODES(X)                                                                                              \
    X(FY_OK, "ok", "no error")                                                                                         \
    X(FY_E_USAGE, "usage", "the request itself is wrong")                                                              \
    X(FY_E_CONFIG, "config", "a configuration or plan file is wrong")                                                  \
    X(FY_E_NOT_FOUND, "not-found", "what was named does not exist")                                                    \
    X(FY_E_BUSY, "busy", "somebody else is working on it")                                                             \
    X(FY_E_DENIED, "denied", "not permitted")                                                                          \
    X(FY_E_NOMEM, "no-memory", "out of memory")                                                                        \
    X(FY_E_NOSPACE, "no-space", "not enough space")                                                                    \
    X(FY_E_LIMIT, "limit", "a configured or built-in limit was exceeded")                                              \
    X(FY_E_IO, "io", "reading or writing failed")                                                                      \
    X(FY_E_FORMAT, "format", "data is not what its format demands")                                                    \
    X(FY_E_VERIFY, "verify", "an image set is not whole")                                                              \
    X(FY_E_UNSUPPORTED, "unsupported", "this version or this host cannot do it")                                       \
    X(FY_E_PROTOCOL, "protocol", "the peer broke the protocol")                                                        \
    X(FY_E_UNREACHABLE, "unreachable", "the agent or the peer cannot be reached")                                      \
    X(FY_E_HOSTKEY, "host-key", "the peer's host key is unknown or has changed")                                       \
    X(FY_E_AUTH, "auth", "the peer refused our key")                                                                   \
    X(FY_E_TIMEOUT, "timeout", "a deadline has passed")                                                                \
    X(FY_E_CANCELLED, "cancelled", "cancelled on request")                                                             \
    X(FY_E_PREFLIGHT, "preflight", "the destination cannot take the workload")                                         \
    X(FY_E_DUMP, "dump", "freezing or dumping the workload failed")                                                    \
    X(FY_E_RESTORE, "restore", "restoring the workload failed")                                                        \
    X(FY_E_HOOK, "hook", "a hook failed")                                                                              \
    X(FY_E_CHILD, "child", "a program ferry started failed")                                                           \
    X(FY_E_REMOTE, "remote", "the peer reported a failure")                                                            \
    X(FY_E_INTERRUPTED, "interrupted", "ferryd ended in the middle of it")                                             \
    X(FY_E_INTERNAL, "internal", "ferry itself is at fault")

enum fy_code {
#define X(code, name, text) code,
    FY_ERROR_CODES(X)
#undef X
        FY_E_COUNT_
};

#define FY_ERROR_MESSAGE_SIZE 1024
#define FY_ERROR_NEXT_SIZE 512

struct fy_error {
    enum fy_code code;
    int sys_errno;                       /* 0 when no system call was at fault */
    char message[FY_ERROR_MESSAGE_SIZE]; /* one line: the thing, the place, what happened */
    char next[FY_ERROR_NEXT_SIZE];       /* what the operator does next; may be empty */
};

#define FY_ERROR_INIT                                                                                                  \
    {                                                                                                                  \
        0                                                                                                              \
    }

/* Name ("not-found") and one-line meaning of a code; never NULL. */
const char *fy_code_name(enum fy_code code);
const char *fy_code_text(enum fy_code code);
/* The code of that name, or FY_E_INTERNAL for a name that is not known. */
enum fy_code fy_code_from_name(const char *name);

/* Fills `err` and returns -1, so that creating and returning are one line: `return fy_error_set(err, …);`.
 * The first real failure wins: an `err` that already holds one is left as it is. */
__attribute__((format(printf, 3, 4))) int fy_error_set(struct fy_error *err, enum fy_code code, const char *format,
                                                       ...);
/* As fy_error_set, with `: strerror(sys_errno)` appended and the code chosen by errno where it is plain
 * (ENOENT, EACCES/EPERM, ENOSPC/EDQUOT, ENOMEM), else FY_E_IO. */
__attribute__((format(printf, 3, 4))) int fy_error_errno(struct fy_error *err, int sys_errno, const char *format, ...);
/* Puts "context: " in front of the message and returns -1. */
__attribute__((format(printf, 2, 3))) int fy_error_wrap(struct fy_error *err, const char *format, ...);
/* Says what to do next; replaces an earlier advice. Returns -1. */
__attribute__((format(printf, 2, 3))) int fy_error_next(struct fy_error *err, const char *format, ...);
void fy_error_clear(struct fy_error *err);
bool fy_error_is_set(const struct fy_error *err);
/* Copies `from` over an empty `to`; a set `to` stays. */
void fy_error_propagate(struct fy_error *to, const struct fy_error *from);

#endif
