/* What the printers of `ferry image x` share: names made printable, small pieces of JSON. */
#include "explore_print.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

void explore_say(struct explore_print *print, const char *message)
{
    char line[FY_ERROR_MESSAGE_SIZE];

    fy_text_copy_printable(line, sizeof(line), message);
    (void)fflush(stdout);
    (void)fprintf(stderr, "ferry: %s\n", line);
    print->troubles++;
    /* What is beyond its limit is only in the count and on standard error. */
    (void)fy_buf_append(&print->said, line, strlen(line) + 1, NULL);
}

char *explore_printable(struct explore_print *print)
{
    char *text = fy_text_printable(print->scratch.data ? (const char *)print->scratch.data : "", print->scratch.size);

    fy_buf_consume(&print->scratch, print->scratch.size);
    return text;
}

char *explore_file_name(struct explore_print *print, int type, uint32_t id)
{
    if (fy_explore_file_text(print->set, type, id, &print->scratch, NULL) < 0)
        return NULL;
    return explore_printable(print);
}

char *explore_mapping_name(struct explore_print *print, const struct fy_explore_mapping *mapping)
{
    if (fy_explore_mapping_text(print->set, mapping, &print->scratch, NULL) < 0)
        return NULL;
    return explore_printable(print);
}

char *explore_mapped_file(struct explore_print *print, const struct fy_explore_mapping *mapping)
{
    if (fy_explore_mapped_file_text(print->set, mapping, &print->scratch, NULL) < 0)
        return NULL;
    return explore_printable(print);
}

void explore_protection(uint32_t protection, char text[4])
{
    text[0] = protection & PROT_READ ? 'r' : '-';
    text[1] = protection & PROT_WRITE ? 'w' : '-';
    text[2] = protection & PROT_EXEC ? 'x' : '-';
    text[3] = '\0';
}

void explore_json_hex(struct fy_json *json, const char *key, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "0x%" PRIx64, value);
    fy_json_string(json, key, text);
}

void explore_json_task(struct explore_print *print, const struct fy_explore_task *task)
{
    fy_json_uint(print->json, "pid", task->pid);
    fy_json_string(print->json, "comm", task->comm);
    fy_json_string(print->json, "state", fy_explore_state_name(task->state));
}

static void name_or_number(struct fy_json *json, const char *key, const char *name, uint32_t number)
{
    if (name)
        fy_json_string(json, key, name);
    else
        fy_json_uint(json, key, number);
}

void explore_json_socket(struct explore_print *print, const struct fy_explore_socket *socket)
{
    struct fy_json *json = print->json;

    name_or_number(json, "family", fy_socket_family_name(socket->family), socket->family);
    name_or_number(json, "type", fy_socket_type_name(socket->type), socket->type);
    name_or_number(json, "protocol", fy_socket_protocol_name(socket->family, socket->type, socket->protocol),
                   socket->protocol);
    if (socket->has_state)
        name_or_number(json, "state", fy_socket_state_name(socket), socket->state);
    fy_json_bool(json, "shut_read", socket->is_shut_read);
    fy_json_bool(json, "shut_write", socket->is_shut_write);
    fy_json_string(json, "local", socket->local);
    fy_json_string(json, "remote", socket->remote);
    fy_json_uint(json, "inode", socket->inode);
    if (socket->peer_inode)
        fy_json_uint(json, "peer_inode", socket->peer_inode);
    fy_json_uint(json, "net_ns", socket->net_ns);
    if (socket->is_listening)
        fy_json_uint(json, "backlog", socket->backlog);
    fy_json_uint(json, "receive_bytes", socket->receive_bytes);
    fy_json_uint(json, "send_bytes", socket->send_bytes);
}

static void json_task(struct explore_print *print, const struct fy_explore_task *task, explore_task_printer *members)
{
    fy_json_open_object(print->json, NULL);
    explore_json_task(print, task);
    members(print, task);
    fy_json_close_object(print->json);
}

void explore_tasks(struct explore_print *print, explore_task_printer *text, explore_task_printer *json)
{
    if (print->json)
        fy_json_open_array(print->json, "tasks");
    for (size_t i = 0; i < fy_explore_task_count(print->set); i++) {
        const struct fy_explore_task *task = fy_explore_task(print->set, i);
        if (print->json) {
            json_task(print, task, json);
            continue;
        }
        (void)printf("%" PRIu32 "\n", task->pid);
        text(print, task);
    }
    if (print->json)
        fy_json_close_array(print->json);
}
