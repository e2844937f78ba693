/* The typed readers. */
#include "yaml_value.h"
#include "names.h"
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/config/quantity.h>

#include <stdarg.h>
#include <string.h>

#define MAX_LIST 256
#define SHOWN_BYTES 60 /* of a wrong value */

__attribute__((format(printf, 2, 3))) static size_t extend_place(struct reading *reading, const char *format, ...)
{
    size_t before = strlen(reading->place);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reading->place + before, sizeof reading->place - before, format, args);
    va_end(args);
    return before;
}

size_t config_place_down(struct reading *reading, const char *key)
{
    return extend_place(reading, "%s%.64s", *reading->place ? "." : "", key);
}

size_t config_place_down_index(struct reading *reading, size_t index)
{
    return extend_place(reading, "[%zu]", index);
}

void config_place_up(struct reading *reading, size_t before)
{
    reading->place[before] = '\0';
}

void config_wrong(struct reading *reading, const struct node *node, const char *format, ...)
{
    FY_AUTO_FREE char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        text = NULL; /* undefined after a failure */
        config_mistakes_no_memory(&reading->mistakes);
        return;
    }
    config_mistakes_add(&reading->mistakes, node->line, node->column, "%s%s%s", reading->place,
                        *reading->place ? ": " : "", text);
}

void config_expected(struct reading *reading, const struct node *node, const char *expected)
{
    if (node->kind == NODE_BROKEN)
        return;
    if (node->kind != NODE_SCALAR)
        config_wrong(reading, node, "expected %s, got a %s", expected, node->kind == NODE_LIST ? "list" : "mapping");
    else if (config_node_is_null(node))
        config_wrong(reading, node, "expected %s, got nothing", expected);
    else
        config_wrong(reading, node, "expected %s, got '%.*s%s'", expected, SHOWN_BYTES, node->text,
                     strlen(node->text) > SHOWN_BYTES ? "..." : "");
}

const char *config_scalar(struct reading *reading, const struct node *node, const char *expected)
{
    if (node->kind == NODE_SCALAR && !config_node_is_null(node))
        return node->text;
    config_expected(reading, node, expected);
    return NULL;
}

static void replace_text(struct reading *reading, char **target, const char *text)
{
    char *copy = strdup(text);
    if (!copy) {
        config_mistakes_no_memory(&reading->mistakes);
        return;
    }
    free(*target);
    *target = copy;
}

void config_read_text(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    const struct text_rule *text_rule = rule;
    const char *text = config_scalar(reading, node, text_rule->expected);
    if (!text)
        return;
    if (text_rule->is_valid(text))
        replace_text(reading, target, text);
    else
        config_expected(reading, node, text_rule->expected);
}

void config_read_key(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    static const struct text_rule key_file = {config_is_absolute_path, "an absolute path or 'agent'"};
    (void)rule;
    if (node->kind == NODE_SCALAR && !strcmp(node->text, "agent")) {
        char **key = target;
        free(*key);
        *key = NULL;
        return;
    }
    config_read_text(reading, node, &key_file, target);
}

void config_free_text_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void config_read_text_list(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    char ***list = target;
    bool empty = config_node_is_null(node);
    if (node->kind != NODE_LIST && !empty) {
        config_expected(reading, node, "a list");
        return;
    }
    if (node->child_count > MAX_LIST) {
        config_wrong(reading, node, "expected at most %d entries, got %zu", MAX_LIST, node->child_count);
        return;
    }
    char **texts = calloc(node->child_count + 1, sizeof *texts);
    if (!texts) {
        config_mistakes_no_memory(&reading->mistakes);
        return;
    }
    size_t filled = 0; /* a wrong entry leaves no hole that would end the list early */
    for (size_t i = 0; i < node->child_count; i++) {
        size_t before = config_place_down_index(reading, i);
        config_read_text(reading, node->children[i], rule, &texts[filled]);
        filled += texts[filled] ? 1 : 0;
        config_place_up(reading, before);
    }
    config_free_text_list(*list);
    *list = texts;
}

void config_read_bool(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    (void)rule;
    const char *text = config_scalar(reading, node, "true or false");
    if (!text)
        return;
    bool yes = !strcmp(text, "true");
    if (node->plain && (yes || !strcmp(text, "false")))
        *(bool *)target = yes;
    else
        config_expected(reading, node, "true or false");
}

static bool read_uint(struct reading *reading, const struct node *node, const struct uint_rule *rule, uint64_t *value)
{
    char expected[80];
    (void)snprintf(expected, sizeof expected, "a whole number from %llu to %llu", (unsigned long long)rule->min,
                   (unsigned long long)rule->max);
    const char *text = config_scalar(reading, node, expected);
    if (!text)
        return false;
    if (node->plain && fy_text_parse_uint(text, rule->max, value) && *value >= rule->min)
        return true;
    config_expected(reading, node, expected);
    return false;
}

void config_read_u16(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    uint64_t value;
    if (read_uint(reading, node, rule, &value))
        *(uint16_t *)target = (uint16_t)value;
}

void config_read_u32(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    uint64_t value;
    if (read_uint(reading, node, rule, &value))
        *(uint32_t *)target = (uint32_t)value;
}

void config_read_duration(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    const struct duration_rule *range = rule;
    uint64_t ms = 0, min_ms = 0, max_ms = 0;
    const char *text = config_scalar(reading, node, "a duration such as 10s");
    if (!text)
        return;
    if (!fy_duration_parse(text, &ms)) {
        config_expected(reading, node, "a duration such as 10s");
        return;
    }
    (void)fy_duration_parse(range->min, &min_ms);
    (void)fy_duration_parse(range->max, &max_ms);
    if (ms >= min_ms && ms <= max_ms)
        *(uint64_t *)target = ms;
    else
        config_wrong(reading, node, "expected a duration from %s to %s, got '%.*s'", range->min, range->max,
                     SHOWN_BYTES, text);
}

void config_read_rate(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    (void)rule;
    const char *text = config_scalar(reading, node, FY_RATE_EXPECTED);
    if (text && !fy_rate_parse(text, target))
        config_expected(reading, node, FY_RATE_EXPECTED);
}

static void unknown_word(struct reading *reading, const struct node *node, const struct word_rule *rule)
{
    char expected[256] = "";
    const char *names[16];
    for (size_t i = 0; i < rule->count && i < FY_ARRAY_SIZE(names); i++) {
        size_t length = strlen(expected);
        const char *separator = i == 0 ? "" : i + 1 == rule->count ? " or " : ", ";
        (void)snprintf(expected + length, sizeof expected - length, "%s%s", separator, rule->words[i].name);
        names[i] = rule->words[i].name;
    }
    const char *near = node->kind == NODE_SCALAR ? fy_text_nearest(node->text, names, rule->count) : NULL;
    if (near)
        config_wrong(reading, node, "expected %s, got '%.*s'; did you mean '%s'?", expected, SHOWN_BYTES, node->text,
                     near);
    else
        config_expected(reading, node, expected);
}

void config_read_word(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    const struct word_rule *words = rule;
    for (size_t i = 0; node->kind == NODE_SCALAR && i < words->count; i++) {
        if (!strcmp(node->text, words->words[i].name)) {
            memcpy(target, &words->words[i].value, sizeof(unsigned)); /* an enum's size here, on every ABI of Linux */
            return;
        }
    }
    unknown_word(reading, node, words);
}

void config_read_parsed(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    const struct parse_rule *parse_rule = rule;
    struct fy_error err = FY_ERROR_INIT;
    const char *text = config_scalar(reading, node, parse_rule->expected);
    if (text && parse_rule->parse(text, target, &err))
        config_wrong(reading, node, "%s", err.message);
}
