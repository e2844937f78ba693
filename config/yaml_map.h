/* Mappings read by a table: each key with its reader, target and default; unknown and missing keys are mistakes. */
#ifndef FERRY_CONFIG_YAML_MAP_H
#define FERRY_CONFIG_YAML_MAP_H

#include "yaml_value.h"

struct field {
    const char *key;
    value_reader *read;
    size_t offset;        /* of the target in the struct that the mapping fills */
    const void *rule;     /* for the reader */
    const char *fallback; /* read like a value when the key is missing; NULL: the target stays as it is */
    bool required;
};

struct fields {
    const struct field *list;
    size_t count;
};

/* The rule is a struct fields whose offsets count from `target`. `node` may be NULL: then only fallbacks are read. */
value_reader config_read_map;
/* True if `node` is a mapping or says nothing (an empty one); else a mistake. */
bool config_is_map(struct reading *reading, const struct node *node);

#endif
