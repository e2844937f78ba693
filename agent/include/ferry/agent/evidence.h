/* Why did CRIU or the runtime fail? Finds the cause in their logs, and for well-known causes says what to do. */
#ifndef FERRY_AGENT_EVIDENCE_H
#define FERRY_AGENT_EVIDENCE_H

#include <ferry/base/error.h>

/* Reads at most the last 1 MiB of the log; the first line marked Error that is not known to be harmless is the cause.
 * Fills `err` with `code`, "WHAT failed: <cause> (LOG_PATH:LINE)" and, where the cause is known, plain words and the
 * next step. Returns -1. An absent or empty log is said so. `fallback` (may be NULL): what the runtime itself said. */
int fy_evidence_from_log(const char *what, const char *log_path, const char *fallback, enum fy_code code,
                         struct fy_error *err);

/* The last line of a log that CRIU is writing, without its time, printable and cut to fit: how far it has come. "" when
 * there is none. */
void fy_evidence_last_words(const char *log_path, char *words, size_t words_size);

#endif
