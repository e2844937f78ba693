/* The rules for names, hosts and paths: each answers whether a text may be one. */
#ifndef FERRY_CONFIG_NAMES_H
#define FERRY_CONFIG_NAMES_H

#include <stdbool.h>

/* Letters, digits, '.', '_' and '-', at most 63, beginning with a letter or a digit. */
bool config_is_peer_name(const char *text);
/* A user or group name: letters, digits, '.', '_', '-' and '$', at most 32, not beginning with '-'. */
bool config_is_account_name(const char *text);
/* A DNS name or an address without brackets, at most 253 characters. */
bool config_is_host(const char *text);
/* An absolute path without control characters, shorter than PATH_MAX. */
bool config_is_absolute_path(const char *text);
/* An absolute path that fits into a UNIX socket's address (107 bytes). */
bool config_is_socket_path(const char *text);
/* A directory short enough for every socket that ferry puts into it. */
bool config_is_socket_dir(const char *text);
/* A name that is looked up in PATH, or an absolute path. */
bool config_is_program(const char *text);
/* What a shell is given to run: not empty, at most 4000 bytes, without control characters. */
bool config_is_command(const char *text);
/* What Linux takes as the name of a network device, in printable ASCII. */
bool config_is_device_name(const char *text);
/* What runc takes as a container id (letters, digits, '_', '+', '-', '.'), except a leading '-', at most 255. */
bool config_is_container_id(const char *text);
/* A workload, or one of containers whose id holds '*' or '?' for what may stand there. */
bool config_is_workload_pattern(const char *text);
/* KEY=VALUE: a key of letters, digits, '.', '_', '/' and '-', a value without control characters; 255 bytes at most. */
bool config_is_label(const char *text);

/* What podman takes as a container's name, at most 255. */
bool config_is_container_name(const char *text);

#endif
