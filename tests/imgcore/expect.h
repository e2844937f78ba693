/* What the verifier says about a damaged set. Every code of findings.inc must stand behind one of these in a test; that
 * is a test too (findings_test.c). */
#ifndef FERRY_TESTS_IMGCORE_EXPECT_H
#define FERRY_TESTS_IMGCORE_EXPECT_H

#include "scratch.h"
#include <ferry/imgcore/verify.h>

/* Verifies the set; one finding must be of that kind, about a file whose name begins with `file`, and say `text`. */
void expect_finding(enum fy_finding_id id, const struct scratch *set, const char *file, const char *text);
/* And nothing else may be called an error: what follows from the damage is not reported. */
void expect_only(enum fy_finding_id id, const struct scratch *set, const char *file, const char *text);
/* No errors, and this many warnings. */
void expect_whole(const struct scratch *set, size_t warnings);

#endif
