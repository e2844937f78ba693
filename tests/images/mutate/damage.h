/* The common ways of making damage. Each makes mutants one after another, has them judged, and puts the set back. */
#ifndef FERRY_TESTS_IMAGES_DAMAGE_H
#define FERRY_TESTS_IMAGES_DAMAGE_H

#include "mutate.h"

/* A number that nothing in a set has. */
#define NOWHERE 77777u

/* Changes one entry; false if this entry has nothing of the kind, so that there is no mutant. */
typedef bool entry_change(ProtobufCMessage *message, uint64_t number, const struct trial *trial);

/* Every image of the kind is missing, in turn. */
void damage_missing(struct trial *trial, enum fy_image_kind kind);
/* One entry of every image of the kind is changed; of many entries, some at the beginning and some at the end. */
void damage_change(struct trial *trial, enum fy_image_kind kind, entry_change *change);
/* One entry that `which` (may be NULL) accepts is left out, or is there twice. */
void damage_leave_out(struct trial *trial, enum fy_image_kind kind, entry_change *which);
void damage_repeat(struct trial *trial, enum fy_image_kind kind, entry_change *which);

#endif
