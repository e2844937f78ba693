/* Reads allowed_signers files, and files of public keys.
 *
 *     PRINCIPALS [OPTIONS] TYPE BASE64 [COMMENT]        allowed_signers, see ssh-keygen(1)
 *     TYPE BASE64 [COMMENT]                             a .pub file */
#include "signers.h"
#include <ferry/base/cleanup.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SIGNERS_MAX 10000u
#define LINE_MAX_BYTES 8192u

/* ---- patterns ---- */

static bool match_one(const char *text, const char *pattern, size_t pattern_size)
{
    const char *end = pattern + pattern_size, *star = NULL, *retry = NULL;

    while (*text) {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

bool fy_signers_match_list(const char *text, const char *patterns)
{
    bool matched = false;

    while (*patterns) {
        size_t size = strcspn(patterns, ",");
        bool excludes = *patterns == '!';
        if (match_one(text, patterns + excludes, size - excludes)) {
            if (excludes)
                return false;
            matched = true;
        }
        patterns += size + (patterns[size] == ',');
    }
    return matched;
}

/* ---- times ---- */

/* YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in local time or, with a Z, in UTC. */
static bool parse_time(const char *text, size_t size, int64_t *time_s)
{
    char digits[16];
    struct tm parts = {.tm_isdst = -1};
    bool utc = size > 0 && (text[size - 1] == 'Z' || text[size - 1] == 'z');
    const char *format, *end;

    size -= utc;
    format = size == 8 ? "%Y%m%d" : size == 12 ? "%Y%m%d%H%M" : size == 14 ? "%Y%m%d%H%M%S" : NULL;
    if (!format)
        return false;
    memcpy(digits, text, size);
    digits[size] = '\0';
    if (strspn(digits, "0123456789") != size)
        return false;
    end = strptime(digits, format, &parts);
    if (!end || *end)
        return false;
    *time_s = utc ? timegm(&parts) : mktime(&parts);
    return *time_s > 0;
}

/* ---- lines ---- */

struct line {
    const char *rest;
    const char *name; /* of the file */
    unsigned number;
};

__attribute__((format(printf, 3, 4))) static int fault(const struct line *line, struct fy_error *err,
                                                       const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)fy_error_set(err, FY_E_FORMAT, "%s:%u: %s", line->name, line->number, text);
    return fy_error_next(err, "See ALLOWED SIGNERS in ssh-keygen(1).");
}

static void skip_space(struct line *line)
{
    line->rest += strspn(line->rest, " \t\r");
}

/* The next word; white space within quotes belongs to it. */
static struct ssh_string take_word(struct line *line)
{
    const char *begin = line->rest;
    bool quoted = false;

    while (*line->rest && (quoted || !strchr(" \t\r", *line->rest)))
        quoted ^= *line->rest++ == '"';
    struct ssh_string word = {(const uint8_t *)begin, (size_t)(line->rest - begin)};
    skip_space(line);
    return word;
}

static bool is_key_type(struct ssh_string word)
{
    static const char *const prefixes[] = {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "webauthn-sk-"};

    for (size_t i = 0; i < FY_ARRAY_SIZE(prefixes); i++)
        if (word.size > strlen(prefixes[i]) && memcmp(word.data, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* The value of option `name`, without its quotes, if `word` is that option. */
static bool option_value(struct ssh_string word, const char *name, struct ssh_string *value)
{
    size_t length = strlen(name);

    if (word.size < length + 3 || strncasecmp((const char *)word.data, name, length) != 0 || word.data[length] != '=' ||
        word.data[length + 1] != '"' || word.data[word.size - 1] != '"')
        return false;
    *value = (struct ssh_string){word.data + length + 2, word.size - length - 3};
    return !memchr(value->data, '"', value->size);
}

static int take_option(const struct line *line, struct ssh_string option, struct signer *signer, struct fy_error *err)
{
    struct ssh_string value;

    if (option_value(option, "namespaces", &value)) {
        if (signer->namespaces)
            return fault(line, err, "namespaces= stands there twice");
        signer->namespaces = strndup((const char *)value.data, value.size);
        return signer->namespaces ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for signers");
    }
    if (option_value(option, "valid-after", &value))
        return parse_time((const char *)value.data, value.size, &signer->valid_after_s)
                   ? 0
                   : fault(line, err, "valid-after is not a time");
    if (option_value(option, "valid-before", &value))
        return parse_time((const char *)value.data, value.size, &signer->valid_before_s)
                   ? 0
                   : fault(line, err, "valid-before is not a time");
    if (option.size == 14 && strncasecmp((const char *)option.data, "cert-authority", 14) == 0)
        return fault(line, err, "cert-authority: certificates are not supported here");
    return fault(line, err, "the option %.*s is not known here", option.size < 60 ? (int)option.size : 60,
                 (const char *)option.data);
}

static int take_options(const struct line *line, struct ssh_string options, struct signer *signer, struct fy_error *err)
{
    for (size_t at = 0; at <= options.size;) {
        size_t end = at;
        bool quoted = false;
        for (; end < options.size && (quoted || options.data[end] != ','); end++)
            quoted ^= options.data[end] == '"';
        if (take_option(line, (struct ssh_string){options.data + at, end - at}, signer, err) < 0)
            return -1;
        at = end + 1;
    }
    if (signer->valid_after_s && signer->valid_before_s && signer->valid_before_s <= signer->valid_after_s)
        return fault(line, err, "valid-before is not after valid-after");
    return 0;
}

static int take_principals(struct ssh_string word, struct signer *signer, struct fy_error *err)
{
    bool quoted = word.size >= 2 && word.data[0] == '"' && word.data[word.size - 1] == '"';

    signer->principals = strndup((const char *)word.data + quoted, word.size - 2u * quoted);
    return signer->principals ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for signers");
}

/* Everything of a line into `signer`; `used` tells whether its key is of our kind. */
static int parse_line(struct line *line, struct signer *signer, bool *used, struct fy_error *err)
{
    FY_CLEANUP(fy_ssh_bytes_done) struct ssh_bytes blob = {0};
    struct ssh_string word = take_word(line), key;
    const uint8_t *public_key;

    if (is_key_type(word)) {
        if (take_principals((struct ssh_string){word.data, 0}, signer, err) < 0)
            return -1;
    } else {
        if (take_principals(word, signer, err) < 0)
            return -1;
        word = take_word(line);
        if (word.size > 0 && !is_key_type(word)) {
            if (take_options(line, word, signer, err) < 0)
                return -1;
            word = take_word(line);
        }
    }
    key = take_word(line);
    if (!is_key_type(word) || key.size == 0)
        return fault(line, err, "expected: PRINCIPALS [OPTIONS] KEY-TYPE KEY");
    *used = fy_ssh_is(&word, SSH_KEY_TYPE);
    if (!*used)
        return 0;
    if (fy_ssh_decode_base64((const char *)key.data, key.size, "the key", &blob, NULL) < 0 ||
        !(public_key = fy_ssh_public_of((struct ssh_string){blob.data, blob.size})))
        return fault(line, err, "the key is not one of " SSH_KEY_TYPE);
    memcpy(signer->public_key, public_key, SSH_PUBLIC_BYTES);
    return 0;
}

static void signer_done(struct signer *signer)
{
    free(signer->principals);
    free(signer->namespaces);
}

static int add_line(struct fy_signers *signers, struct line *line, struct fy_error *err)
{
    struct signer signer = {.line = line->number};
    bool used = false;

    skip_space(line);
    if (*line->rest == '\0' || *line->rest == '#')
        return 0;
    if (parse_line(line, &signer, &used, err) == 0) {
        if (!used) {
            signer_done(&signer);
            return 0;
        }
        if (signers->items.count >= SIGNERS_MAX)
            (void)fault(line, err, "more than %u signers", SIGNERS_MAX);
        else if (vector_push(&signers->items, err, signer) == 0)
            return 0;
    }
    signer_done(&signer);
    return -1;
}

static int parse_lines(struct fy_signers *signers, const char *text, size_t size, struct fy_error *err)
{
    struct line line = {.name = signers->name};

    for (size_t at = 0; at < size;) {
        char copy[LINE_MAX_BYTES];
        const char *newline = memchr(text + at, '\n', size - at);
        size_t length = newline ? (size_t)(newline - text) - at : size - at;
        line.number++;
        if (length >= sizeof(copy) || memchr(text + at, '\0', length))
            return fault(&line, err, "is not a line of text, or too long");
        memcpy(copy, text + at, length);
        copy[length] = '\0';
        line.rest = copy;
        if (add_line(signers, &line, err) < 0)
            return -1;
        at += length + 1;
    }
    return 0;
}

int fy_signers_parse(const char *text, size_t size, const char *name, struct fy_signers **signers, struct fy_error *err)
{
    struct fy_signers *made = calloc(1, sizeof(*made));

    if (!made || !(made->name = strdup(name))) {
        fy_signers_free(made);
        return fy_error_set(err, FY_E_NOMEM, "no memory for signers");
    }
    if (parse_lines(made, text, size, err) < 0) {
        fy_signers_free(made);
        return -1;
    }
    *signers = made;
    return 0;
}

void fy_signers_free(struct fy_signers *signers)
{
    if (!signers)
        return;
    for (size_t i = 0; i < signers->items.count; i++)
        signer_done(&signers->items.items[i]);
    free(signers->items.items);
    free(signers->name);
    free(signers);
}
