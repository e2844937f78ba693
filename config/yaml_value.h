/* Typed readers: one YAML value into one C value. A reader that finds something else reports a mistake with the place
 * (`timeouts.dump`), what was expected and what was found, and leaves its target untouched. */
#ifndef FERRY_CONFIG_YAML_VALUE_H
#define FERRY_CONFIG_YAML_VALUE_H

#include "yaml_tree.h"
#include <stdint.h>

struct reading {
    struct mistakes mistakes;
    char place[512]; /* dotted name of what is being read; empty at the top level */
};

/* Goes one level down and returns what config_place_up() needs to come back. */
size_t config_place_down(struct reading *reading, const char *key);
size_t config_place_down_index(struct reading *reading, size_t index);
void config_place_up(struct reading *reading, size_t before);

/* "PLACE: expected EXPECTED, got 'VALUE'". */
void config_expected(struct reading *reading, const struct node *node, const char *expected);
/* "PLACE: TEXT". */
__attribute__((format(printf, 3, 4))) void config_wrong(struct reading *reading, const struct node *node,
                                                        const char *format, ...);

/* The readers share one shape, so that tables can name them: `rule` is what the comment of each says. */
typedef void value_reader(struct reading *reading, const struct node *node, const void *rule, void *target);

struct text_rule {
    bool (*is_valid)(const char *text);
    const char *expected; /* "an absolute path" */
};

struct uint_rule {
    uint64_t min, max;
};

struct duration_rule {
    const char *min, *max; /* as they are written */
};

struct word {
    const char *name;
    unsigned value;
};

struct word_rule {
    const struct word *words;
    size_t count;
};

/* A function of the library that reads text, made untyped. */
struct parse_rule {
    int (*parse)(const char *text, void *target, struct fy_error *err);
    const char *expected; /* for what is not even text */
};

/* The text of a scalar, or NULL and a mistake that says what was expected. */
const char *config_scalar(struct reading *reading, const struct node *node, const char *expected);
value_reader config_read_text;      /* struct text_rule; char *: the old text is freed */
value_reader config_read_key;       /* no rule; char *: absolute path, or "agent" for NULL */
value_reader config_read_text_list; /* struct text_rule for each; char **: NULL-terminated, the old list is freed */
value_reader config_read_bool;      /* no rule; bool */
value_reader config_read_u16;       /* struct uint_rule; uint16_t */
value_reader config_read_u32;       /* struct uint_rule; uint32_t */
value_reader config_read_duration;  /* struct duration_rule; uint64_t milliseconds */
value_reader config_read_rate;      /* no rule; uint64_t bytes a second, 0 for "unlimited" */
value_reader config_read_word;      /* struct word_rule; any enum */
value_reader config_read_parsed;    /* struct parse_rule; what its function fills */

void config_free_text_list(char **list);

#endif
