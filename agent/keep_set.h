/* An image set made durable: copied from memory-backed storage to a disk, and there when the host has lost its power.
 */
#ifndef FERRY_AGENT_KEEP_SET_H
#define FERRY_AGENT_KEEP_SET_H

#include <ferry/base/error.h>

/* Copies every plain file of the directory `from` into `to`, which is made and is new; holes stay holes. When it
 * returns 0, all of it, and the directory's entry, are on the disk. Blocks. On failure nothing is left. */
int fy_keep_set(const char *from, const char *to, struct fy_error *err);

#endif
