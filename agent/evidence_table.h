/* The known lines of CRIU's and runc's logs: those that mean nothing, and those of which we know what to do. */
#ifndef FERRY_AGENT_EVIDENCE_TABLE_H
#define FERRY_AGENT_EVIDENCE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct fy_known_cause {
    const char *pattern; /* pieces that occur in the line in this order, separated by '*' */
    const char *words;   /* what it means */
    const char *next;    /* what to do */
};

/* NULL when the line is none of the known. */
const struct fy_known_cause *fy_evidence_find_cause(const char *line);
/* Marked Error, but no failure, or only the consequence of one. */
bool fy_evidence_is_harmless(const char *line);
/* Whether the pieces of `pattern` occur in `line` in order. */
bool fy_evidence_matches(const char *pattern, const char *line);

#endif
