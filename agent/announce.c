/* Announcing of addresses by raw sockets: it must go out in the same millisecond, and a child process would take
 * several. */
#include "announce.h"

#include <arpa/inet.h>
#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Pauses before the second, third and fourth round, ms. */
static const uint64_t pauses_ms[] = {100, 300, 900};

struct announcement {
    uv_timer_t timer;
    struct fy_service_address addresses[FY_MAX_ADDRESSES];
    size_t count;
    size_t round;
};

/* Index and hardware address of an Ethernet device. */
static bool look_up_device(int fd, const char *device, int *index, uint8_t mac[ETH_ALEN])
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, device, strnlen(device, IFNAMSIZ - 1));
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return false;
    memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
    *index = (int)if_nametoindex(device);
    return *index > 0;
}

static void send_arp(const struct fy_service_address *address, uint16_t operation)
{
    FY_AUTO_CLOSE int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ARP));
    struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                                       .ar_pro = htons(ETHERTYPE_IP),
                                       .ar_hln = ETH_ALEN,
                                       .ar_pln = 4,
                                       .ar_op = htons(operation)}};
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_halen = ETH_ALEN};
    if (fd < 0 || !look_up_device(fd, address->device, &to.sll_ifindex, arp.arp_sha))
        return;
    memcpy(arp.arp_spa, &address->ip.v4, 4);
    memcpy(arp.arp_tpa, &address->ip.v4, 4);
    memset(arp.arp_tha, operation == ARPOP_REPLY ? 0xff : 0, ETH_ALEN);
    memset(to.sll_addr, 0xff, ETH_ALEN);
    (void)sendto(fd, &arp, sizeof arp, 0, (struct sockaddr *)&to, sizeof to);
}

static void send_advertisement(const struct fy_service_address *address)
{
    struct {
        struct nd_neighbor_advert advert;
        struct nd_opt_hdr option;
        uint8_t mac[ETH_ALEN];
    } packet = {.advert = {.nd_na_type = ND_NEIGHBOR_ADVERT, .nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE},
                .option = {.nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1}};
    FY_AUTO_CLOSE int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
    int index = 0;
    int hops = 255; /* anything less is ignored */
    if (fd < 0 || !look_up_device(fd, address->device, &index, packet.mac))
        return;
    struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_addr = address->ip.v6};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)index};
    packet.advert.nd_na_target = address->ip.v6;
    (void)inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
    (void)bind(fd, (struct sockaddr *)&from, sizeof from);
    (void)sendto(fd, &packet, sizeof packet, 0, (struct sockaddr *)&to, sizeof to);
}

static void send_round(const struct fy_service_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (addresses[i].family == AF_INET) {
            send_arp(&addresses[i], ARPOP_REQUEST);
            send_arp(&addresses[i], ARPOP_REPLY); /* some systems heed only one of the two */
        } else {
            send_advertisement(&addresses[i]);
        }
    }
}

static void closed(uv_handle_t *handle)
{
    free(fy_container_of(handle, struct announcement, timer));
}

static void later_round(uv_timer_t *timer);

static void next_round(struct announcement *announcement)
{
    send_round(announcement->addresses, announcement->count);
    if (announcement->round == FY_ARRAY_SIZE(pauses_ms))
        uv_close((uv_handle_t *)&announcement->timer, closed);
    else
        (void)uv_timer_start(&announcement->timer, later_round, pauses_ms[announcement->round++], 0);
}

/* An address that has moved on meanwhile is its next host's to announce. */
static void later_round(uv_timer_t *timer)
{
    struct announcement *announcement = fy_container_of(timer, struct announcement, timer);
    size_t here = 0;
    for (size_t i = 0; i < announcement->count; i++)
        if (fy_address_check_source(&announcement->addresses[i], 1, NULL) == 0)
            announcement->addresses[here++] = announcement->addresses[i];
    announcement->count = here;
    next_round(announcement);
}

void fy_announce(uv_loop_t *loop, const struct fy_service_address *addresses, size_t count)
{
    struct announcement *announcement = count ? calloc(1, sizeof *announcement) : NULL;
    if (!announcement) {
        send_round(addresses, count);
        return;
    }
    memcpy(announcement->addresses, addresses, count * sizeof *addresses);
    announcement->count = count;
    (void)uv_timer_init(loop, &announcement->timer);
    next_round(announcement);
}
