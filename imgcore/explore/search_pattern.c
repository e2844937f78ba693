/* Patterns: plain bytes by memmem, regular expressions by PCRE2, which takes any byte, compiles to machine code, and
 * counts its steps; what it does not count has a budget of processor time. So no search goes on for ever. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "search_pattern.h"

#include <ferry/base/cleanup.h>
#include <pcre2.h>
#include <string.h>
#include <time.h>

/* Steps of one attempt, as PCRE2 counts them: an ordinary expression needs far fewer. */
#define STEPS_MAX 100000
/* It does not count simple repeats, such as a*, of which two in a row cost the square of what they see. So an attempt
 * sees little of the memory, few attempts (one a byte) are made in one call, and the time that they take is limited. */
#define CALL_BYTES 512
#define BUDGET_BYTES (1 << 20)
#define BUDGET_NS (5 * 1000000000ull)
#define LOOK_AT_CLOCK_NS 100000000ull
#define BACKTRACK_MEMORY_MAX_KIB 16384
#define JIT_STACK_MIN_BYTES (32 << 10)
#define JIT_STACK_MAX_BYTES (1 << 20)

struct fy_pattern {
    uint8_t bytes[FY_PATTERN_MATCH_MAX_BYTES];
    size_t size;
    pcre2_code *code; /* NULL: the bytes are what is searched */
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    /* Attempts at bytes of this mebibyte, what processor time they took, and when that was looked at last. */
    uint64_t attempted_bytes, spent_ns, looked_ns;
};

/* ---- making one ---- */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static int take_hex(struct fy_pattern *pattern, const char *text, struct fy_error *err)
{
    for (const char *at = text; *at;) {
        if (*at == ' ') {
            at++;
            continue;
        }
        int high = hex_digit(at[0]), low = high < 0 ? -1 : hex_digit(at[1]);
        if (low < 0)
            return fy_error_set(err, FY_E_USAGE,
                                "character %zu of the bytes is not part of a pair of hexadecimal digits",
                                (size_t)(at - text) + (high < 0 ? 1 : 2));
        if (pattern->size == sizeof(pattern->bytes))
            return fy_error_set(err, FY_E_USAGE, "there are more than %d bytes to search for",
                                FY_PATTERN_MATCH_MAX_BYTES);
        pattern->bytes[pattern->size++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return pattern->size ? 0 : fy_error_set(err, FY_E_USAGE, "there are no bytes to search for");
}

static int take_text(struct fy_pattern *pattern, const char *text, struct fy_error *err)
{
    size_t size = strlen(text);
    if (size == 0)
        return fy_error_set(err, FY_E_USAGE, "the text to search for is empty");
    if (size > sizeof(pattern->bytes))
        return fy_error_set(err, FY_E_USAGE, "the text to search for has more than %d bytes",
                            FY_PATTERN_MATCH_MAX_BYTES);
    memcpy(pattern->bytes, text, size);
    pattern->size = size;
    return 0;
}

/* With a reference back to a group the number of ways to try is no longer bounded by anything. */
static int refuse_references(const struct fy_pattern *pattern, struct fy_error *err)
{
    uint32_t highest = 0;
    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_BACKREFMAX, &highest);
    return highest == 0 ? 0
                        : fy_error_set(err, FY_E_USAGE,
                                       "the regular expression refers back to group %u, which is not offered", highest);
}

/* How matching runs: limits, and a stack of our own for the compiled form. A system that forbids making machine code
 * gets the interpreter, which is slower and has the same limits. */
static int prepare_matching(struct fy_pattern *pattern)
{
    pattern->match = pcre2_match_data_create(1, NULL);
    pattern->context = pcre2_match_context_create(NULL);
    if (!pattern->match || !pattern->context)
        return -1;
    (void)pcre2_set_match_limit(pattern->context, STEPS_MAX);
    (void)pcre2_set_heap_limit(pattern->context, BACKTRACK_MEMORY_MAX_KIB);
    if (pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0) {
        pattern->stack = pcre2_jit_stack_create(JIT_STACK_MIN_BYTES, JIT_STACK_MAX_BYTES, NULL);
        if (!pattern->stack)
            return -1;
        pcre2_jit_stack_assign(pattern->context, NULL, pattern->stack);
    }
    return 0;
}

static int take_regex(struct fy_pattern *pattern, const char *text, struct fy_error *err)
{
    int code;
    PCRE2_SIZE at;
    size_t size = strlen(text);
    if (size == 0)
        return fy_error_set(err, FY_E_USAGE, "the regular expression is empty");
    if (size > FY_PATTERN_MATCH_MAX_BYTES)
        return fy_error_set(err, FY_E_USAGE, "the regular expression has more than %d bytes",
                            FY_PATTERN_MATCH_MAX_BYTES);
    /* Memory is not text in some encoding: a UTF mode that the pattern itself asks for would be misled by it. */
    pattern->code =
        pcre2_compile((PCRE2_SPTR)text, size,
                      PCRE2_MULTILINE | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_USE_OFFSET_LIMIT, &code, &at, NULL);
    if (!pattern->code) {
        PCRE2_UCHAR why[128];
        (void)pcre2_get_error_message(code, why, sizeof(why));
        return fy_error_set(err, FY_E_USAGE, "the regular expression is wrong at its character %zu: %s", at + 1,
                            (const char *)why);
    }
    if (refuse_references(pattern, err) < 0)
        return -1;
    if (prepare_matching(pattern) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a regular expression");
    return 0;
}

void fy_pattern_free(struct fy_pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_jit_stack_free(pattern->stack);
    pcre2_match_context_free(pattern->context);
    pcre2_match_data_free(pattern->match);
    pcre2_code_free(pattern->code);
    free(pattern);
}

int fy_pattern_new(enum fy_pattern_kind kind, const char *text, struct fy_pattern **pattern, struct fy_error *err)
{
    int status;
    struct fy_pattern *made = calloc(1, sizeof(*made));
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a pattern");
    if (kind == FY_PATTERN_REGEX)
        status = take_regex(made, text, err);
    else
        status = kind == FY_PATTERN_HEX ? take_hex(made, text, err) : take_text(made, text, err);
    if (status < 0) {
        fy_pattern_free(made);
        return -1;
    }
    *pattern = made;
    return 0;
}

/* ---- matching ---- */

static int find_bytes(const struct fy_pattern *pattern, const uint8_t *data, size_t size, size_t from, size_t stop,
                      struct pattern_range *found)
{
    /* The last place to begin is stop - 1. */
    size_t reach = stop - 1 + pattern->size < size ? stop - 1 + pattern->size : size;
    const uint8_t *at = from < reach ? memmem(data + from, reach - from, pattern->bytes, pattern->size) : NULL;
    if (!at)
        return 0;
    found->begin = (size_t)(at - data);
    found->end = found->begin + pattern->size;
    return 1;
}

static int refuse_work(const char *why, struct fy_error *err)
{
    fy_error_set(err, FY_E_LIMIT, "the regular expression takes too much work: %s", why);
    return fy_error_next(err, "Make it simpler: repeats that follow or contain each other, such as (a+)+ or a*a*, have "
                              "too many ways to match.");
}

static int refuse_match(int code, struct fy_error *err)
{
    PCRE2_UCHAR why[128];
    if (code == PCRE2_ERROR_NOMEMORY)
        return fy_error_set(err, FY_E_NOMEM, "no memory for matching a regular expression");
    (void)pcre2_get_error_message(code, why, sizeof(why));
    return refuse_work((const char *)why, err);
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Whether attempts that began at this processor time, and have not been added yet, are within the budget. */
static int check_budget(struct fy_pattern *pattern, uint64_t began_ns, struct fy_error *err)
{
    uint64_t now = read_clock(CLOCK_MONOTONIC_COARSE);
    if (now - pattern->looked_ns < LOOK_AT_CLOCK_NS)
        return 0;
    pattern->looked_ns = now;
    if (pattern->spent_ns + (read_clock(CLOCK_THREAD_CPUTIME_ID) - began_ns) <= BUDGET_NS)
        return 0;
    return refuse_work("a mebibyte would take it more than 5 seconds", err);
}

static void add_to_budget(struct fy_pattern *pattern, uint64_t began_ns, size_t bytes)
{
    pattern->spent_ns += read_clock(CLOCK_THREAD_CPUTIME_ID) - began_ns;
    pattern->attempted_bytes += bytes;
    if (pattern->attempted_bytes >= BUDGET_BYTES)
        pattern->attempted_bytes = pattern->spent_ns = 0;
}

/* Attempts from `from` to before `stop` in the first `size` bytes. As fy_pattern_find. */
static int attempt(struct fy_pattern *pattern, const uint8_t *data, size_t size, size_t from, size_t stop, bool is_last,
                   struct pattern_range *found, struct fy_error *err)
{
    (void)pcre2_set_offset_limit(pattern->context, stop - 1);
    int code = pcre2_match(pattern->code, data, size, from, PCRE2_NOTEMPTY | (is_last ? 0 : PCRE2_NOTEOL),
                           pattern->match, pattern->context);
    if (code == PCRE2_ERROR_NOMATCH)
        return 0;
    if (code < 0)
        return refuse_match(code, err);
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(pattern->match);
    /* \K moves the beginning. */
    if (place[0] < from || place[1] <= place[0])
        return 0;
    found->begin = place[0];
    found->end = place[1];
    if (found->end - found->begin > FY_PATTERN_MATCH_MAX_BYTES)
        found->end = found->begin + FY_PATTERN_MATCH_MAX_BYTES;
    return 1;
}

static int find_regex(struct fy_pattern *pattern, const uint8_t *data, size_t size, size_t from, size_t stop,
                      bool is_last, struct pattern_range *found, struct fy_error *err)
{
    int status = 0;
    size_t at = from;
    uint64_t began_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
    while (status == 0 && at < stop) {
        size_t end = stop - at < CALL_BYTES ? stop : at + CALL_BYTES;
        size_t seen = size - end < FY_PATTERN_MATCH_MAX_BYTES ? size : end + FY_PATTERN_MATCH_MAX_BYTES;
        status = attempt(pattern, data, seen, at, end, is_last && seen == size, found, err);
        if (status == 0)
            status = check_budget(pattern, began_ns, err);
        at = end;
    }
    add_to_budget(pattern, began_ns, (status > 0 ? found->end : at) - from);
    return status;
}

int fy_pattern_find(struct fy_pattern *pattern, const uint8_t *data, size_t size, size_t from, size_t stop,
                    bool is_last, struct pattern_range *found, struct fy_error *err)
{
    if (from >= stop || stop > size)
        return 0;
    return pattern->code ? find_regex(pattern, data, size, from, stop, is_last, found, err)
                         : find_bytes(pattern, data, size, from, stop, found);
}
