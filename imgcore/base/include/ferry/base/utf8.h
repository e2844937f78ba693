/* Decoding UTF-8 strictly: what ferry prints, logs or puts into JSON must not depend on the reader's tolerance. */
#ifndef FERRY_BASE_UTF8_H
#define FERRY_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the character at `data` (`size` of them, at least 1), or 0 when no well-formed character (RFC
 * 3629: no overlong form, no surrogate, at most U+10FFFF) begins there. `code_point` is set only on success. */
size_t fy_utf8_next(const char *data, size_t size, uint32_t *code_point);

#endif
