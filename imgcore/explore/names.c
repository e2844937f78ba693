/* Words for the numbers of sockets and tasks. */
#include <criu/files.pb-c.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/explore.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

struct word {
    uint32_t number;
    const char *text;
};

static const char *find(const struct word *words, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (words[i].number == number)
            return words[i].text;
    return NULL;
}

const char *fy_explore_type_name(int file_type)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(&fd_types__descriptor, file_type);

    return value ? value->name : NULL;
}

const char *fy_explore_state_name(enum fy_task_state state)
{
    static const struct word words[] = {
        {FY_TASK_ALIVE, "alive"}, {FY_TASK_ZOMBIE, "zombie"}, {FY_TASK_STOPPED, "stopped"}};

    return find(words, FY_ARRAY_SIZE(words), (uint32_t)state);
}

const char *fy_socket_family_name(uint32_t family)
{
    static const struct word words[] = {
        {AF_UNIX, "unix"}, {AF_INET, "inet"}, {AF_INET6, "inet6"}, {AF_NETLINK, "netlink"}, {AF_PACKET, "packet"}};

    return find(words, FY_ARRAY_SIZE(words), family);
}

const char *fy_socket_type_name(uint32_t type)
{
    static const struct word words[] = {{SOCK_STREAM, "stream"},       {SOCK_DGRAM, "dgram"}, {SOCK_RAW, "raw"},
                                        {SOCK_SEQPACKET, "seqpacket"}, {SOCK_RDM, "rdm"},     {SOCK_PACKET, "packet"}};

    return find(words, FY_ARRAY_SIZE(words), type);
}

const char *fy_socket_protocol_name(uint32_t family, uint32_t type, uint32_t protocol)
{
    static const struct word inet[] = {{IPPROTO_TCP, "tcp"},       {IPPROTO_UDP, "udp"},   {IPPROTO_ICMP, "icmp"},
                                       {IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_SCTP, "sctp"}, {IPPROTO_UDPLITE, "udplite"},
                                       {IPPROTO_RAW, "raw"}};
    static const struct word netlink[] = {
        {NETLINK_ROUTE, "route"},         {NETLINK_SOCK_DIAG, "sock_diag"},  {NETLINK_XFRM, "xfrm"},
        {NETLINK_AUDIT, "audit"},         {NETLINK_NETFILTER, "netfilter"},  {NETLINK_KOBJECT_UEVENT, "uevent"},
        {NETLINK_CONNECTOR, "connector"}, {NETLINK_GENERIC, "generic"},      {NETLINK_USERSOCK, "usersock"},
        {NETLINK_SELINUX, "selinux"},     {NETLINK_FIB_LOOKUP, "fib_lookup"}};
    static const struct word packet[] = {
        {ETH_P_ALL, "all"}, {ETH_P_IP, "ip"}, {ETH_P_ARP, "arp"}, {ETH_P_IPV6, "ipv6"}};

    if (family == AF_NETLINK)
        return find(netlink, FY_ARRAY_SIZE(netlink), protocol);
    if (family == AF_PACKET)
        return find(packet, FY_ARRAY_SIZE(packet), protocol);
    if (family == AF_UNIX)
        return "-";
    return protocol == 0 && type == SOCK_STREAM ? "tcp" : find(inet, FY_ARRAY_SIZE(inet), protocol);
}

const char *fy_socket_state_name(const struct fy_explore_socket *socket)
{
    /* The kernel states TCP's for sockets of other kinds too, where it has only these two. */
    static const struct word tcp[] = {{TCP_ESTABLISHED, "established"},
                                      {TCP_SYN_SENT, "syn-sent"},
                                      {TCP_SYN_RECV, "syn-recv"},
                                      {TCP_FIN_WAIT1, "fin-wait-1"},
                                      {TCP_FIN_WAIT2, "fin-wait-2"},
                                      {TCP_TIME_WAIT, "time-wait"},
                                      {TCP_CLOSE, "close"},
                                      {TCP_CLOSE_WAIT, "close-wait"},
                                      {TCP_LAST_ACK, "last-ack"},
                                      {TCP_LISTEN, "listen"},
                                      {TCP_CLOSING, "closing"}};

    if (!socket->has_state)
        return NULL;
    if (socket->family == AF_NETLINK)
        return socket->state == 0 ? "unconnected" : "connected";
    if (socket->type != SOCK_STREAM && socket->state == TCP_CLOSE)
        return "unconnected";
    return find(tcp, FY_ARRAY_SIZE(tcp), socket->state);
}
