/* What the YAML reader refuses before any key is looked at, seen through plans and settings. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/plan.h>
#include <ferry/config/settings.h>
#include <string.h>

static void expect(const char *text, size_t size, const char *message)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    cr_expect_eq(fy_settings_parse("f", text, size, &settings, &err), -1, "'%s'", text);
    cr_expect_eq(err.code, FY_E_CONFIG);
    cr_expect_str_eq(err.message, message);
    cr_expect_null(settings);
}

Test(yaml, refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a: b: c\n", "f:1:5: not valid YAML: mapping values are not allowed in this context"},
        {"name: 'a\n", "f:2:1: not valid YAML: found unexpected end of stream while scanning a quoted scalar"},
        {"control: {users: [a, b}\n",
         "f:1:23: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence"},
        {"log:\n\tlevel: info\n",
         "f:2:1: not valid YAML: found character that cannot start any token while scanning for the next token"},
        {"name: \xff\n", "f:1:7: not UTF-8 text: invalid leading UTF-8 octet"},
        {"criu: a\n# \xc3\xa4\nname: \xc3\xa4\xc3\n", "f:3:9: not UTF-8 text: invalid trailing UTF-8 octet"},
        {"name: a\x01\n", "f:1:8: not UTF-8 text: control characters are not allowed"},
        {"name: \"a\\0b\"\n", "f:1:7: a NUL character is not allowed"},
        {"name: a\n---\nname: b\n", "f:2:1: a second document begins here; expected only one"},
        {"name: a\nname: b\n", "f:2:1: key 'name' was already given in line 1"},
        {"log:\n  level: info\n  format: text\n  level: debug\n", "f:4:3: key 'level' was already given in line 2"},
        {"name: &x a\n", "f:1:7: anchors and aliases are not supported; write the value out"},
        {"criu: *x\n", "f:1:7: anchors and aliases are not supported; write the value out"},
        {"<<: *x\n", "f:1:1: unknown key '<<' in the top level (and 1 more mistake)"},
        {"max_jobs: !!str 4\n", "f:1:11: tags are not supported; leave 'tag:yaml.org,2002:str' out"},
        {"[a]: b\n", "f:1:1: a key must be a word, got a list"},
        {"? {a: b}\n: c\n", "f:1:3: a key must be a word, got a mapping"},
        {"[[[[[[[[[x]]]]]]]]]\n", "f:1:9: nested deeper than 8 levels"},
        {"a\n", "f:1:1: expected a mapping, got 'a'"},
        {"- a\n", "f:1:1: expected a mapping, got a list"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++)
        expect(cases[i].text, strlen(cases[i].text), cases[i].message);
}

Test(yaml, nul_byte_in_the_file)
{
    expect("name: a\0b\n", 10, "f:1:8: not UTF-8 text: control characters are not allowed");
}

/* Aliases to aliases would unfold to gigabytes; the file is refused at the first. */
Test(yaml, alias_bomb)
{
    static const char bomb[] = "a: &a [x,x,x,x,x,x,x,x,x]\n"
                               "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                               "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n";
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    cr_expect_eq(fy_settings_parse("f", bomb, strlen(bomb), &settings, &err), -1);
    cr_expect_str_eq(err.message, "f:1:1: unknown key 'a' in the top level (and 23 more mistakes)");
}

static char *repeated(const char *head, const char *unit, size_t count)
{
    size_t head_length = strlen(head), length = strlen(unit);
    char *text = malloc(head_length + count * length + 1);
    cr_assert_not_null(text);
    memcpy(text, head, head_length + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + head_length + i * length, unit, length + 1);
    return text;
}

Test(yaml, too_many_values)
{
    FY_AUTO_FREE char *text = repeated("control:\n  users:\n", "  - a\n", 70000);
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    cr_expect_eq(fy_settings_parse("f", text, strlen(text), &settings, &err), -1);
    cr_expect_str_eq(err.message, "f:65534:5: the file holds more than 65536 values");
}

Test(yaml, too_many_keys)
{
    FY_AUTO_FREE char *text = malloc(2000 * 16);
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    char *end = text + sprintf(text, "peers:\n");
    for (int i = 0; i < 1500; i++)
        end += sprintf(end, "  p%d:\n", i);
    cr_expect_eq(fy_settings_parse("f", text, strlen(text), &settings, &err), -1);
    cr_expect_str_eq(err.message, "f:1026:3: more than 1024 keys in one mapping");
}

Test(yaml, deep_nesting_ends_early)
{
    FY_AUTO_FREE char *flow = repeated("name: ", "[", 1000000);
    expect(flow, strlen(flow), "f:1:14: nested deeper than 8 levels");
    FY_AUTO_FREE char *block = repeated("", "- ", 400000);
    expect(block, strlen(block), "f:1:17: nested deeper than 8 levels");
}

Test(yaml, every_mistake_is_listed_in_file_order_up_to_a_hundred)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_plan *plan = NULL;
    FY_AUTO_FREE char *errors = NULL;
    FY_AUTO_FREE char *text = repeated("version: 1\nmigrations:\n", "  - {workload: x, to: y}\n", 150);
    cr_expect_eq(fy_plan_parse("f", text, strlen(text), &plan, &errors, &err), -1);
    cr_expect_str_eq(err.message,
                     "f:3:16: migrations[0].workload: workload 'x': expected process/PID, runc/ID or podman/NAME "
                     "(and 149 more mistakes)");
    size_t lines = 0;
    for (const char *c = errors; *c; c++)
        lines += *c == '\n' ? 1 : 0;
    cr_expect_eq(lines, 100);
    cr_expect_null(plan);
}

Test(yaml, file_name_and_values_are_shown_harmless)
{
    static const char text[] = "name: \"a\\e[31m\\u202e\"\nlog: {level: \"x\\ny\"}\n";
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    cr_expect_eq(fy_settings_parse("f\x1b", text, strlen(text), &settings, &err), -1);
    cr_expect_str_eq(err.message, "f?:1:7: name: expected a name of at most 63 letters, digits, '.', '_' and '-', got "
                                  "'a?[31m?' (and 1 more mistake)");
}
