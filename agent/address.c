/* What moving a service address means in commands of `ip` and `nft`.
 *
 * While an address is staged here, RUN_DIR/staged/JOB lists it, so that a ferryd that was killed in between takes it
 * away when it starts again. */
#include "address_op.h"
#include "announce.h"
#include "locks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT_LIMIT_BYTES (64u * 1024u)

static void ip_text(const struct fy_service_address *address, char text[INET6_ADDRSTRLEN])
{
    (void)inet_ntop(address->family, &address->ip, text, INET6_ADDRSTRLEN);
}

/* nftables takes letters, digits and underscores. */
static void table_name(const char *job_id, char name[80])
{
    (void)snprintf(name, 80, "ferry_%s", job_id);
    for (char *c = name; *c; c++)
        if (*c == '-' || *c == '.' || *c == ':')
            *c = '_';
}

/* `address add|delete IP/LEN dev DEVICE`, a line each. */
static int ip_lines(const struct fy_address_op *op, const char *verb, struct fy_buf *text, struct fy_error *err)
{
    for (size_t i = 0; i < op->count; i++) {
        const struct fy_service_address *address = &op->addresses[i];
        char ip[INET6_ADDRSTRLEN];
        ip_text(address, ip);
        /* Duplicate address detection would find the source, which still has the address. */
        bool add_v6 = address->family == AF_INET6 && strcmp(verb, "add") == 0;
        if (fy_buf_printf(text, err, "address %s %s/%u dev %s%s\n", verb, ip, address->prefix_length, address->device,
                          add_v6 ? " nodad" : "") < 0)
            return -1;
    }
    return 0;
}

/* The multicast group in which a neighbour's question for the address arrives (RFC 4291, 2.7.1). */
static void solicited_node(const struct in6_addr *ip, char text[INET6_ADDRSTRLEN])
{
    struct in6_addr group = {.s6_addr = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};
    memcpy(&group.s6_addr[13], &ip->s6_addr[13], 3);
    (void)inet_ntop(AF_INET6, &group, text, INET6_ADDRSTRLEN);
}

static int guard_address(const struct fy_service_address *address, const char *table, struct fy_buf *text,
                         struct fy_error *err)
{
    char ip[INET6_ADDRSTRLEN];
    char group[INET6_ADDRSTRLEN];
    ip_text(address, ip);
    if (address->family == AF_INET)
        return fy_buf_printf(text, err,
                             "add rule inet %s in ip daddr %s drop\nadd rule inet %s out ip saddr %s drop\n"
                             "add rule arp %s in arp daddr ip %s drop\nadd rule arp %s out arp saddr ip %s drop\n",
                             table, ip, table, ip, table, ip, table, ip);
    solicited_node(&address->ip.v6, group);
    return fy_buf_printf(text, err,
                         "add rule inet %s in ip6 daddr { %s, %s } drop\nadd rule inet %s out ip6 saddr %s drop\n",
                         table, ip, group, table, ip);
}

static int guard_lines(const struct fy_address_op *op, struct fy_buf *text, struct fy_error *err)
{
    char table[80];
    table_name(op->job_id, table);
    if (op->count == 0)
        return 0;
    /* Before connection tracking and CRIU's own rules see anything. */
    if (fy_buf_printf(text, err,
                      "add table inet %s\nadd table arp %s\n"
                      "add chain inet %s in { type filter hook prerouting priority -400; }\n"
                      "add chain inet %s out { type filter hook output priority -400; }\n"
                      "add chain arp %s in { type filter hook input priority 0; }\n"
                      "add chain arp %s out { type filter hook output priority 0; }\n",
                      table, table, table, table, table, table) < 0)
        return -1;
    for (size_t i = 0; i < op->count; i++)
        if (guard_address(&op->addresses[i], table, text, err) < 0)
            return -1;
    return 0;
}

/* Adding first makes the removal work whether or not the table is there. */
static int unguard_lines(const struct fy_address_op *op, struct fy_buf *text, struct fy_error *err)
{
    char table[80];
    table_name(op->job_id, table);
    if (op->count == 0)
        return 0;
    return fy_buf_printf(text, err, "add table inet %s\ndelete table inet %s\nadd table arp %s\ndelete table arp %s\n",
                         table, table, table, table);
}

/* ---- the record of what is staged ---- */

static void record_path(const struct fy_host *host, const char *job_id, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/staged/%s", host->settings->run_dir, job_id);
}

static int write_record(const struct fy_address_op *op, struct fy_error *err)
{
    char path[4096];
    FY_CLEANUP(fy_buf_done) struct fy_buf text;
    fy_buf_init(&text, SCRIPT_LIMIT_BYTES);
    if (op->count == 0)
        return 0;
    (void)snprintf(path, sizeof path, "%s/staged", op->host->settings->run_dir);
    if (fy_fs_make_directories(path, 0700, err) < 0)
        return -1;
    for (size_t i = 0; i < op->count; i++) {
        char address[FY_SERVICE_ADDRESS_TEXT_SIZE];
        fy_service_address_format(&op->addresses[i], address);
        if (fy_buf_printf(&text, err, "%s\n", address) < 0)
            return -1;
    }
    record_path(op->host, op->job_id, path, sizeof path);
    return fy_fs_write_file(path, text.data, text.size, 0600, err);
}

static void remove_record(const struct fy_host *host, const char *job_id)
{
    char path[4096];
    record_path(host, job_id, path, sizeof path);
    (void)unlink(path);
}

static void forget_record(struct fy_address_op *op)
{
    remove_record(op->host, op->job_id);
}

/* That an address had gone before is as good: a ferryd that was killed in the middle has it done again by the next. */
static void withdrawn(struct fy_address_op *op)
{
    fy_locks_forget(op->host->settings->run_dir, op->job_id);
    for (size_t i = 0; i < op->count; i++) {
        char text[FY_SERVICE_ADDRESS_TEXT_SIZE];
        fy_service_address_format(&op->addresses[i], text);
        if (fy_address_check_source(&op->addresses[i], 1, NULL) == 0)
            fy_error_set(&op->error, FY_E_CHILD, "service address %s would not leave this host", text);
    }
}

/* ---- the operations ---- */

typedef int (*script)(const struct fy_address_op *op, struct fy_buf *text, struct fy_error *err);

static int add_lines(const struct fy_address_op *op, struct fy_buf *text, struct fy_error *err)
{
    return ip_lines(op, "add", text, err);
}

static int delete_lines(const struct fy_address_op *op, struct fy_buf *text, struct fy_error *err)
{
    return ip_lines(op, "delete", text, err);
}

static int unlock_lines(const struct fy_address_op *op, struct fy_buf *text, struct fy_error *err)
{
    FY_AUTO_FREE char *commands = NULL;
    if (fy_locks_removal(op->host->settings->run_dir, op->job_id, &commands, err) < 0)
        return -1;
    return fy_buf_append(text, commands, strlen(commands), err);
}

static int add_step(struct fy_address_op *op, enum fy_address_tool tool, script lines, struct fy_error *err)
{
    FY_CLEANUP(fy_buf_done) struct fy_buf text;
    fy_buf_init(&text, SCRIPT_LIMIT_BYTES);
    if (lines(op, &text, err) < 0)
        return -1;
    return fy_address_op_add(op, tool, &text, err);
}

struct recipe {
    struct {
        enum fy_address_tool tool;
        script lines; /* NULL: no such step */
    } steps[2];
    int (*first)(const struct fy_address_op *op, struct fy_error *err);
    fy_address_finally finally;
};

static int cook(const struct recipe *recipe, const struct fy_host *host, const char *job_id,
                const struct fy_service_address *addresses, size_t count, fy_address_cb done, void *data,
                struct fy_error *err)
{
    struct fy_address_op *op = fy_address_op_new(host, job_id, addresses, count, done, data, err);
    if (!op)
        return -1;
    op->finally = recipe->finally;
    bool ready = !recipe->first || recipe->first(op, err) == 0;
    for (size_t i = 0; ready && i < FY_ARRAY_SIZE(recipe->steps); i++)
        ready = !recipe->steps[i].lines || add_step(op, recipe->steps[i].tool, recipe->steps[i].lines, err) == 0;
    if (!ready) {
        fy_address_op_free(op);
        return -1;
    }
    fy_address_op_start(op);
    return 0;
}

int fy_address_stage(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                     size_t count, fy_address_cb done, void *data, struct fy_error *err)
{
    static const struct recipe stage = {.steps = {{FY_TOOL_NFT, guard_lines}, {FY_TOOL_IP, add_lines}},
                                        .first = write_record};
    return cook(&stage, host, job_id, addresses, count, done, data, err);
}

int fy_address_go(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                  size_t count, fy_address_cb done, void *data, struct fy_error *err)
{
    /* Before the announcement: what that brings here would only be dropped by the guard. */
    static const struct recipe go = {.steps = {{FY_TOOL_NFT, unguard_lines}}};
    return cook(&go, host, job_id, addresses, count, done, data, err);
}

void fy_address_announce(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                         size_t count)
{
    fy_announce(host->loop, addresses, count);
    remove_record(host, job_id);
}

int fy_address_unstage(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                       size_t count, fy_address_cb done, void *data, struct fy_error *err)
{
    /* The guard last: until the address is gone nothing may be answered. */
    static const struct recipe unstage = {.steps = {{FY_TOOL_IP_FORCE, delete_lines}, {FY_TOOL_NFT, unguard_lines}},
                                          .finally = forget_record};
    return cook(&unstage, host, job_id, addresses, count, done, data, err);
}

int fy_address_withdraw(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                        size_t count, fy_address_cb done, void *data, struct fy_error *err)
{
    /* CRIU's locks last, for the same reason. */
    static const struct recipe withdraw = {.steps = {{FY_TOOL_IP_FORCE, delete_lines}, {FY_TOOL_NFT, unlock_lines}},
                                           .finally = withdrawn};
    return cook(&withdraw, host, job_id, addresses, count, done, data, err);
}
