/* Running one of OpenSSH's small programs for its output. */
#ifndef FERRY_CLI_PROGRAM_H
#define FERRY_CLI_PROGRAM_H

#include <ferry/base/error.h>

/* Waits for its end; `text` (free()) is what it wrote on standard output, at most 64 KiB. What it wrote on standard
 * error is dropped. FY_E_CHILD when it cannot be started or ends with another status than 0 (*text is set to NULL
 * then). */
int program_output(const char *const argv[], char **text, struct fy_error *err);

#endif
