/* `ferry image x DIR sk`: every socket, what it is connected to, and whose it is. */
#include "explore_print.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#define MAX_SHOWN_OWNERS 8
#define ADDRESS_SIZE 320

typedef void owner_visit(struct explore_print *print, uint32_t pid, uint32_t fd, size_t number);

/* Visits at most MAX_SHOWN_OWNERS; the result counts one more when there are more. */
static size_t each_owner(struct explore_print *print, const struct fy_explore_socket *socket, owner_visit *visit)
{
    size_t count, found = 0;
    const struct fy_explore_holder *holders =
        fy_explore_holders(print->set, socket->file_type, socket->file_id, &count);

    for (size_t i = 0; i < count && found <= MAX_SHOWN_OWNERS; i++) {
        const struct fy_explore_table *table = fy_explore_find_table(print->set, holders[i].table_id);
        for (size_t j = 0; table && j < table->pid_count && found <= MAX_SHOWN_OWNERS; j++)
            if (found++ < MAX_SHOWN_OWNERS)
                visit(print, table->pids[j], holders[i].fd, found);
    }
    return found;
}

/* ---- text ---- */

static const char *word(char text[16], const char *name, uint32_t number)
{
    if (!name)
        (void)snprintf(text, 16, "%" PRIu32, number);
    return name ? name : text;
}

/* Unix sockets have inodes where others have addresses. */
static void address_text(char text[ADDRESS_SIZE], const char *address, uint32_t inode)
{
    char whole[ADDRESS_SIZE];

    if (inode)
        (void)snprintf(whole, sizeof(whole), "%s%s[%" PRIu32 "]", address ? address : "", address ? " " : "", inode);
    else
        (void)snprintf(whole, sizeof(whole), "%s", address ? address : "-");
    fy_text_copy_printable(text, ADDRESS_SIZE, whole);
}

static void print_owner(struct explore_print *print, uint32_t pid, uint32_t fd, size_t number)
{
    (void)print;
    (void)printf("%s%" PRIu32 "/%" PRIu32, number > 1 ? "," : "", pid, fd);
}

static void print_socket(struct explore_print *print, const struct fy_explore_socket *socket)
{
    bool is_unix = socket->family == AF_UNIX;
    char family[16], type[16], protocol[16], local[ADDRESS_SIZE], remote[ADDRESS_SIZE];
    const char *state = fy_socket_state_name(socket);
    size_t owners;

    address_text(local, socket->local, is_unix ? socket->inode : 0);
    address_text(remote, socket->remote, is_unix ? socket->peer_inode : 0);
    (void)printf(
        "%-8s%-10s%-9s%-13s%8" PRIu64 "%8" PRIu64 "  %-27s %-27s ",
        word(family, fy_socket_family_name(socket->family), socket->family),
        word(type, fy_socket_type_name(socket->type), socket->type),
        word(protocol, fy_socket_protocol_name(socket->family, socket->type, socket->protocol), socket->protocol),
        state ? state : "-", socket->receive_bytes, socket->send_bytes, local, remote);
    owners = each_owner(print, socket, print_owner);
    (void)printf("%s\n", owners == 0 ? "-" : owners > MAX_SHOWN_OWNERS ? ",..." : "");
}

/* ---- JSON ---- */

static void json_owner(struct explore_print *print, uint32_t pid, uint32_t fd, size_t number)
{
    (void)number;
    fy_json_open_object(print->json, NULL);
    fy_json_uint(print->json, "pid", pid);
    fy_json_uint(print->json, "fd", fd);
    fy_json_close_object(print->json);
}

static void json_socket(struct explore_print *print, const struct fy_explore_socket *socket)
{
    struct fy_json *json = print->json;

    fy_json_open_object(json, NULL);
    fy_json_uint(json, "id", socket->file_id);
    explore_json_socket(print, socket);
    fy_json_open_array(json, "owners");
    bool is_more = each_owner(print, socket, json_owner) > MAX_SHOWN_OWNERS;
    fy_json_close_array(json);
    fy_json_bool(json, "owners_more", is_more);
    fy_json_close_object(json);
}

void explore_sk(struct explore_print *print)
{
    size_t count = fy_explore_socket_count(print->set);

    if (!print->json) {
        (void)printf("%-8s%-10s%-9s%-13s%8s%8s  %-27s %-27s %s\n", "FAMILY", "TYPE", "PROTO", "STATE", "RECEIVE",
                     "SEND", "LOCAL", "REMOTE", "PID/FD");
        for (size_t i = 0; i < count; i++)
            print_socket(print, fy_explore_socket(print->set, i));
        return;
    }
    fy_json_open_array(print->json, "sockets");
    for (size_t i = 0; i < count; i++)
        json_socket(print, fy_explore_socket(print->set, i));
    fy_json_close_array(print->json);
}
