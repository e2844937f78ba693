/* Names, hosts and paths. A leading '-' is refused wherever the text may become an argument of a program. */
#include "names.h"
#include <ferry/config/plan.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define MAX_ACCOUNT 32
#define MAX_HOST 253
#define MAX_LABEL 255
#define LONGEST_SOCKET_NAME "/control.sock"

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Between 1 and `max` letters, digits and characters of `others`. */
static bool consists_of(const char *text, const char *others, size_t max)
{
    size_t length = strnlen(text, max + 1);
    if (!length || length > max)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_letter_or_digit(text[i]) && !strchr(others, text[i]))
            return false;
    }
    return true;
}

static bool has_control_character(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

bool config_is_peer_name(const char *text)
{
    return consists_of(text, "._-", FY_PEER_NAME_SIZE - 1) && is_letter_or_digit(text[0]);
}

bool config_is_account_name(const char *text)
{
    return consists_of(text, "._-$", MAX_ACCOUNT) && text[0] != '-';
}

bool config_is_host(const char *text)
{
    return consists_of(text, "._-:%", MAX_HOST) && text[0] != '-';
}

bool config_is_absolute_path(const char *text)
{
    return text[0] == '/' && strlen(text) < PATH_MAX && !has_control_character(text);
}

bool config_is_socket_path(const char *text)
{
    return config_is_absolute_path(text) && strlen(text) < sizeof((struct sockaddr_un *)NULL)->sun_path;
}

bool config_is_socket_dir(const char *text)
{
    return config_is_absolute_path(text) &&
           strlen(text) + strlen(LONGEST_SOCKET_NAME) < sizeof((struct sockaddr_un *)NULL)->sun_path;
}

bool config_is_program(const char *text)
{
    if (strchr(text, '/'))
        return config_is_absolute_path(text);
    return *text && *text != '-' && strlen(text) <= NAME_MAX && !has_control_character(text);
}

bool config_is_command(const char *text)
{
    return *text && strlen(text) <= 4000 && !has_control_character(text);
}

bool config_is_device_name(const char *text)
{
    size_t length = strnlen(text, IFNAMSIZ);
    if (!length || length >= IFNAMSIZ || text[0] == '-' || !strcmp(text, ".") || !strcmp(text, ".."))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= 0x20 || text[i] > 0x7e || text[i] == '/' || text[i] == ':')
            return false;
    }
    return true;
}

bool config_is_container_id(const char *text)
{
    return consists_of(text, "_+-.", FY_WORKLOAD_ID_SIZE - 1) && text[0] != '-' && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

/* With a letter in the place of each wildcard it has to be a workload. */
bool config_is_workload_pattern(const char *text)
{
    char plain[FY_WORKLOAD_TEXT_SIZE];
    struct fy_workload workload;
    bool pattern = false;
    if (strlen(text) >= sizeof plain)
        return false;
    (void)snprintf(plain, sizeof plain, "%s", text);
    for (char *at = plain; (at = strpbrk(at, "*?")); pattern = true)
        *at = 'x';
    return !fy_workload_parse(plain, &workload, NULL) && (!pattern || workload.kind != FY_WORKLOAD_PROCESS);
}

bool config_is_label(const char *text)
{
    size_t length = strnlen(text, MAX_LABEL + 1), key = strcspn(text, "=");
    for (size_t i = 0; i < key && i < length; i++) {
        if (!is_letter_or_digit(text[i]) && !strchr("._/-", text[i]))
            return false;
    }
    return key && key < length && length <= MAX_LABEL && !has_control_character(text);
}

bool config_is_container_name(const char *text)
{
    return consists_of(text, "_.-", FY_WORKLOAD_ID_SIZE - 1) && text[0] != '-' && text[0] != '.' && text[0] != '_';
}
