/* How facts are gathered: the images are read kind by kind, and each entry is given to the collector of its kind. */
#ifndef FERRY_MANIFEST_FACTS_PRIVATE_H
#define FERRY_MANIFEST_FACTS_PRIVATE_H

#include "../vector.h"
#include <ferry/imgcore/image.h>
#include <ferry/imgcore/inventory.h>
#include <ferry/imgcore/manifest.h>

/* Of files, of sockets, and so on; a destination that needs more than these looks into the images. */
#define FACTS_LIST_MAX 65536u
#define FACTS_WORDS_MAX 1024u

struct named_file {
    Ferry__Manifest__File *file; /* owned until the end */
    uint32_t id;
};

typedef VECTOR(uint32_t) numbers;

struct gathering {
    Ferry__Manifest__Facts *facts;
    struct fy_namespace_ids criu_ids; /* namespaces of CRIU itself */
    bool has_criu_ids;
    uint32_t root_pid;
    VECTOR(struct named_file) files;
    numbers mapped_ids, ghost_ids; /* of named files */
    numbers uids, gids, pids;
};

/* `id` is the number in the image's name. */
typedef int facts_collector(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message,
                            struct fy_error *err);
facts_collector fy_facts_inventory, fy_facts_cpuinfo, fy_facts_mount;
facts_collector fy_facts_pstree, fy_facts_ids, fy_facts_core, fy_facts_mm, fy_facts_stream;
facts_collector fy_facts_remap, fy_facts_file, fy_facts_reg_file, fy_facts_inet, fy_facts_unix;

/* Room for one more item in a list of protobuf-c's, whose capacity follows from its count. */
int fy_facts_grow(void **items, size_t count, size_t item_bytes, struct fy_error *err);
/* A copy of `text` at `into`; NULL leaves it as it is. */
int fy_facts_text(char **into, const char *text, struct fy_error *err);
/* One more word for a short list, unless it is there already. */
int fy_facts_word(struct gathering *gathering, char ***words, size_t *count, const char *word, struct fy_error *err);
int fy_facts_number(struct gathering *gathering, numbers *list, uint32_t number, struct fy_error *err);
/* Named files into the facts: each path once, without those that are carried along. */
int fy_facts_finish_files(struct gathering *gathering, struct fy_error *err);
void fy_facts_files_done(struct gathering *gathering);

#endif
