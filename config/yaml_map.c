/* Reading a mapping by its table of fields. The table's order, not the file's, is the order of reading, so a later
 * field may build on an earlier one. */
#include "yaml_map.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <string.h>

#define MAX_FIELDS 32

bool config_is_map(struct reading *reading, const struct node *node)
{
    if (node->kind == NODE_MAP || config_node_is_null(node))
        return true;
    config_expected(reading, node, "a mapping");
    return false;
}

static void read_fallback(struct reading *reading, const struct field *field, void *target)
{
    FY_AUTO_FREE char *text = strdup(field->fallback);
    if (!text) {
        config_mistakes_no_memory(&reading->mistakes);
        return;
    }
    struct node node = {.kind = NODE_SCALAR, .line = 1, .column = 1, .plain = true, .text = text};
    field->read(reading, &node, field->rule, target);
}

static void read_field(struct reading *reading, const struct node *map, const struct field *field, void *target)
{
    const struct node *child = config_node_child(map, field->key);
    if (!child && field->required && map)
        config_wrong(reading, map, "'%s' is missing", field->key);
    size_t before = config_place_down(reading, field->key);
    if (child)
        field->read(reading, child, field->rule, target);
    else if (field->fallback)
        read_fallback(reading, field, target);
    else if (field->read == config_read_map)
        config_read_map(reading, NULL, field->rule, target); /* the defaults inside */
    config_place_up(reading, before);
}

static void check_key(struct reading *reading, const struct node *key, const struct fields *fields)
{
    const char *known[MAX_FIELDS];
    for (size_t i = 0; i < fields->count && i < MAX_FIELDS; i++) {
        known[i] = fields->list[i].key;
        if (!strcmp(key->text, known[i]))
            return;
    }
    const char *near = fy_text_nearest(key->text, known, fields->count);
    config_mistakes_add(&reading->mistakes, key->line, key->column, "unknown key '%.80s' in %s%s%s%s", key->text,
                        *reading->place ? reading->place : "the top level", near ? "; did you mean '" : "",
                        near ? near : "", near ? "'?" : "");
}

void config_read_map(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    const struct fields *fields = rule;
    if (node && !config_is_map(reading, node))
        return;
    for (size_t i = 0; node && i < node->child_count; i++)
        check_key(reading, node->children[i]->key, fields);
    for (size_t i = 0; i < fields->count; i++)
        read_field(reading, node, &fields->list[i], (char *)target + fields->list[i].offset);
}
