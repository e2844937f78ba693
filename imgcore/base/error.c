/* The error object: filled once, prefixed with context while it travels up. Every text is one printable line. */
#include <ferry/base/cleanup.h>
#include <ferry/base/error.h>

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
} codes[] = {
#define X(code, name, text) [code] = {name, text},
    FY_ERROR_CODES(X)
#undef X
};

static bool code_is_known(enum fy_code code)
{
    return (unsigned)code < FY_E_COUNT_;
}

const char *fy_code_name(enum fy_code code)
{
    return codes[code_is_known(code) ? code : FY_E_INTERNAL].name;
}

const char *fy_code_text(enum fy_code code)
{
    return codes[code_is_known(code) ? code : FY_E_INTERNAL].text;
}

enum fy_code fy_code_from_name(const char *name)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(codes); i++) {
        if (!strcmp(codes[i].name, name))
            return (enum fy_code)i;
    }
    return FY_E_INTERNAL;
}

bool fy_error_is_set(const struct fy_error *err)
{
    return err && err->code != FY_OK;
}

void fy_error_clear(struct fy_error *err)
{
    if (err)
        *err = (struct fy_error)FY_ERROR_INIT;
}

/* Names and paths from outside reach messages: a newline or an escape sequence in one must not reach a terminal. */
static void make_one_line(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

/* Formatted aside first: the arguments may point into the error that is about to be overwritten. */
__attribute__((format(printf, 3, 0))) static void format_line(char *text, size_t size, const char *format, va_list args)
{
    char aside[FY_ERROR_MESSAGE_SIZE];
    if (vsnprintf(aside, sizeof aside, format, args) < 0)
        aside[0] = '\0';
    make_one_line(aside);
    size_t length = strnlen(aside, size - 1);
    memcpy(text, aside, length);
    text[length] = '\0';
}

int fy_error_set(struct fy_error *err, enum fy_code code, const char *format, ...)
{
    if (!err || fy_error_is_set(err))
        return -1;
    va_list args;
    va_start(args, format);
    format_line(err->message, sizeof err->message, format, args);
    va_end(args);
    err->code = code == FY_OK ? FY_E_INTERNAL : code;
    err->sys_errno = 0;
    err->next[0] = '\0';
    return -1;
}

static enum fy_code code_of_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOENT:
        return FY_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return FY_E_DENIED;
    case ENOSPC:
    case EDQUOT:
        return FY_E_NOSPACE;
    case ENOMEM:
        return FY_E_NOMEM;
    default:
        return FY_E_IO;
    }
}

int fy_error_errno(struct fy_error *err, int sys_errno, const char *format, ...)
{
    if (!err || fy_error_is_set(err))
        return -1;
    char unknown[64];
    const char *reason = strerror_r(sys_errno, unknown, sizeof unknown);
    char context[FY_ERROR_MESSAGE_SIZE - 128]; /* leaves room: a long path never pushes the reason out */
    va_list args;
    va_start(args, format);
    format_line(context, sizeof context, format, args);
    va_end(args);
    fy_error_set(err, code_of_errno(sys_errno), "%s: %s", context, reason);
    err->sys_errno = sys_errno;
    return -1;
}

int fy_error_wrap(struct fy_error *err, const char *format, ...)
{
    if (!err)
        return -1;
    if (!fy_error_is_set(err))
        fy_error_set(err, FY_E_INTERNAL, "failed without a cause");
    char context[FY_ERROR_MESSAGE_SIZE / 2]; /* leaves room: context never pushes the cause out entirely */
    va_list args;
    va_start(args, format);
    format_line(context, sizeof context, format, args);
    va_end(args);
    size_t prefix = strlen(context) + 2;
    size_t rest = strnlen(err->message, sizeof err->message - 1 - prefix);
    memmove(err->message + prefix, err->message, rest);
    err->message[prefix + rest] = '\0';
    memcpy(err->message, context, prefix - 2);
    memcpy(err->message + prefix - 2, ": ", 2);
    return -1;
}

int fy_error_next(struct fy_error *err, const char *format, ...)
{
    if (!fy_error_is_set(err))
        return -1;
    va_list args;
    va_start(args, format);
    format_line(err->next, sizeof err->next, format, args);
    va_end(args);
    return -1;
}

void fy_error_propagate(struct fy_error *to, const struct fy_error *from)
{
    if (to && !fy_error_is_set(to) && fy_error_is_set(from))
        *to = *from;
}
