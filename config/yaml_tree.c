/* Building the tree from libyaml's events. libyaml never recurses for events, and neither does the builder: the open
 * lists and mappings are a stack of fixed depth. */
#include "yaml_tree.h"

#include <ferry/base/cleanup.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>

#define MAX_DEPTH 8
#define MAX_NODES 65536
#define MAX_KEYS 1024 /* in one mapping; each new key is compared with all */

struct builder {
    struct tree *tree;
    struct mistakes *mistakes;
    struct node *open[MAX_DEPTH];
    struct node *pending_key[MAX_DEPTH]; /* of the open mapping: its value has not come yet */
    size_t depth;
    unsigned documents;
};

static unsigned from_one(size_t position)
{
    return position < UINT_MAX ? (unsigned)position + 1 : UINT_MAX;
}

static struct node *new_node(struct builder *builder, const yaml_event_t *event, enum node_kind kind)
{
    struct tree *tree = builder->tree;
    unsigned line = from_one(event->start_mark.line), column = from_one(event->start_mark.column);
    if (tree->node_count == MAX_NODES) {
        config_mistakes_add(builder->mistakes, line, column, "the file holds more than %d values", MAX_NODES);
        builder->tree->failed = true;
        return NULL;
    }
    struct node *node = calloc(1, sizeof *node);
    if (!node) {
        config_mistakes_no_memory(builder->mistakes);
        builder->tree->failed = true;
        return NULL;
    }
    node->kind = kind;
    node->line = line;
    node->column = column;
    node->allocated_before = tree->last_allocated;
    tree->last_allocated = node;
    tree->node_count++;
    return node;
}

/* Grows by doubling: the capacity is the next power of two. */
static bool append_child(struct builder *builder, struct node *parent, struct node *child)
{
    size_t count = parent->child_count;
    if ((count & (count - 1)) == 0) {
        struct node **grown = reallocarray(parent->children, count ? count * 2 : 1, sizeof *grown);
        if (!grown) {
            config_mistakes_no_memory(builder->mistakes);
            builder->tree->failed = true;
            return false;
        }
        parent->children = grown;
    }
    parent->children[parent->child_count++] = child;
    return true;
}

static void add_member(struct builder *builder, struct node *map, struct node *key, struct node *value)
{
    value->key = key;
    if (key->kind != NODE_SCALAR) {
        if (key->kind != NODE_BROKEN)
            config_mistakes_add(builder->mistakes, key->line, key->column, "a key must be a word, got a %s",
                                key->kind == NODE_LIST ? "list" : "mapping");
        return;
    }
    const struct node *earlier = config_node_child(map, key->text);
    if (earlier) {
        config_mistakes_add(builder->mistakes, key->line, key->column, "key '%.80s' was already given in line %u",
                            key->text, earlier->key->line);
        return;
    }
    if (map->child_count == MAX_KEYS) {
        config_mistakes_add(builder->mistakes, key->line, key->column, "more than %d keys in one mapping", MAX_KEYS);
        builder->tree->failed = true;
        return;
    }
    (void)append_child(builder, map, value);
}

static void place(struct builder *builder, struct node *node)
{
    if (!builder->depth) {
        builder->tree->root = node;
        return;
    }
    struct node *parent = builder->open[builder->depth - 1];
    struct node **pending = &builder->pending_key[builder->depth - 1];
    if (parent->kind == NODE_LIST)
        (void)append_child(builder, parent, node);
    else if (*pending)
        add_member(builder, parent, fy_take(*pending), node);
    else
        *pending = node;
}

/* Reports what the event brings along and ferry does not take. */
static void refuse_extras(struct builder *builder, const yaml_event_t *event, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    unsigned line = from_one(event->start_mark.line), column = from_one(event->start_mark.column);
    if (anchor)
        config_mistakes_add(builder->mistakes, line, column,
                            "anchors and aliases are not supported; write the value out");
    if (tag && strcmp((const char *)tag, "!") != 0)
        config_mistakes_add(builder->mistakes, line, column, "tags are not supported; leave '%.80s' out", tag);
}

static void on_scalar(struct builder *builder, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    struct node *node = new_node(builder, event, NODE_SCALAR);
    if (!node)
        return;
    refuse_extras(builder, event, event->data.scalar.anchor, event->data.scalar.tag);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (memchr(value, '\0', event->data.scalar.length)) {
        config_mistakes_add(builder->mistakes, node->line, node->column, "a NUL character is not allowed");
        node->kind = NODE_BROKEN;
    } else {
        node->text = strdup(value);
        if (!node->text) {
            config_mistakes_no_memory(builder->mistakes);
            builder->tree->failed = true;
            return;
        }
    }
    place(builder, node);
}

static void on_open(struct builder *builder, const yaml_event_t *event, enum node_kind kind)
{
    struct node *node = new_node(builder, event, kind);
    if (!node)
        return;
    if (kind == NODE_LIST)
        refuse_extras(builder, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    else
        refuse_extras(builder, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    if (builder->depth == MAX_DEPTH) {
        config_mistakes_add(builder->mistakes, node->line, node->column, "nested deeper than %d levels", MAX_DEPTH);
        builder->tree->failed = true;
        return;
    }
    place(builder, node);
    builder->open[builder->depth] = node;
    builder->pending_key[builder->depth] = NULL;
    builder->depth++;
}

static void on_alias(struct builder *builder, const yaml_event_t *event)
{
    struct node *node = new_node(builder, event, NODE_BROKEN);
    if (!node)
        return;
    refuse_extras(builder, event, event->data.alias.anchor, NULL);
    place(builder, node);
}

static void on_document(struct builder *builder, const yaml_event_t *event)
{
    if (!builder->documents++)
        return;
    config_mistakes_add(builder->mistakes, from_one(event->start_mark.line), from_one(event->start_mark.column),
                        "a second document begins here; expected only one");
    builder->tree->failed = true;
}

static void on_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        on_document(builder, event);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(builder, event);
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(builder, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_open(builder, event, NODE_LIST);
        break;
    case YAML_MAPPING_START_EVENT:
        on_open(builder, event, NODE_MAP);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        builder->depth--;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

/* For bytes that are no text at all libyaml gives only an offset. */
static void report_unreadable(struct builder *builder, const yaml_parser_t *parser, const char *text, size_t size)
{
    size_t offset = parser->problem_offset < size ? parser->problem_offset : size;
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) { /* columns count characters, as everywhere else */
            column++;
        }
    }
    config_mistakes_add(builder->mistakes, line, column, "not UTF-8 text: %s", parser->problem);
}

static void report_syntax(struct builder *builder, const yaml_parser_t *parser, const char *text, size_t size)
{
    builder->tree->failed = true;
    if (parser->error == YAML_MEMORY_ERROR)
        config_mistakes_no_memory(builder->mistakes);
    else if (parser->error == YAML_READER_ERROR)
        report_unreadable(builder, parser, text, size);
    else
        config_mistakes_add(builder->mistakes, from_one(parser->problem_mark.line),
                            from_one(parser->problem_mark.column), "not valid YAML: %s%s%s", parser->problem,
                            parser->context ? " " : "", parser->context ? parser->context : "");
}

void config_tree_parse(struct tree *tree, const char *text, size_t size, struct mistakes *mistakes)
{
    *tree = (struct tree){0};
    struct builder builder = {.tree = tree, .mistakes = mistakes};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        config_mistakes_no_memory(mistakes);
        return;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    for (bool end = false; !end && !tree->failed;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            report_syntax(&builder, &parser, text, size);
            break;
        }
        on_event(&builder, &event);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

void config_tree_done(struct tree *tree)
{
    for (struct node *node = tree->last_allocated; node;) {
        struct node *before = node->allocated_before;
        free(node->text);
        free(node->children);
        free(node);
        node = before;
    }
    *tree = (struct tree){0};
}

bool config_node_is_null(const struct node *node)
{
    return node->kind == NODE_SCALAR && node->plain &&
           (!*node->text || !strcmp(node->text, "~") || !strcmp(node->text, "null"));
}

const struct node *config_node_child(const struct node *map, const char *key)
{
    for (size_t i = 0; map && i < map->child_count; i++) {
        if (!strcmp(map->children[i]->key->text, key))
            return map->children[i];
    }
    return NULL;
}
