/* What files.img says of an open file. */
#ifndef FERRY_IMGCORE_FILE_ENTRY_H
#define FERRY_IMGCORE_FILE_ENTRY_H

#include <criu/files.pb-c.h>

/* The member of the entry that its type asks for; NULL if it is not set, or the type is not known. Borrowed. */
const ProtobufCMessage *fy_file_entry_member(const FileEntry *entry);

#endif
