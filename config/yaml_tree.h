/* A YAML file as a bounded tree of nodes that know where they stand.
 *
 * One document only; anchors, aliases, tags and keys that are not scalars are refused, so the tree is never larger than
 * the file; duplicate keys are refused; depth and number of nodes are limited. */
#ifndef FERRY_CONFIG_YAML_TREE_H
#define FERRY_CONFIG_YAML_TREE_H

#include "mistakes.h"
#include <stdbool.h>
#include <stddef.h>

enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
    NODE_BROKEN, /* a mistake here has been reported: readers pass over it in silence */
};

struct node {
    enum node_kind kind;
    unsigned line, column; /* from 1 */
    bool plain;            /* a scalar without quotes */
    char *text;            /* of a scalar, without NUL inside; else NULL */
    struct node *key;      /* of a mapping's child; else NULL */
    struct node **children;
    size_t child_count;
    struct node *allocated_before;
};

struct tree {
    struct node *root; /* NULL for an empty file */
    struct node *last_allocated;
    size_t node_count;
    bool failed; /* the text could not be read to its end: what is there says nothing about what is missing */
};

/* Mistakes go to `mistakes`; after some the tree can
 * still be read (unless `failed`). It is freed with config_tree_done() in every case. */
void config_tree_parse(struct tree *tree, const char *text, size_t size, struct mistakes *mistakes);
void config_tree_done(struct tree *tree);
/* A scalar that says "no value": left empty, ~ or null, without quotes. */
bool config_node_is_null(const struct node *node);
/* The child of mapping `map` (may be NULL) under `key`, or NULL. */
const struct node *config_node_child(const struct node *map, const char *key);

#endif
