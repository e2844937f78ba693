/* What comes from the agent may carry what a workload or a peer has put into it: control characters must not reach the
 * terminal. */
#ifndef FERRY_CLI_SCRUB_H
#define FERRY_CLI_SCRUB_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

/* Replaces, in place, every control character in every string of the message by '?'. */
void scrub_message(ProtobufCMessage *message);
/* The same for text of several lines: newlines and tabs stay. */
void scrub_text(char *text, size_t size, bool keep_lines);

#endif
