/* What can be known of a service address before anything is frozen. */
#include <ferry/agent/address.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

static void cleanup_ifaddrs(struct ifaddrs **list)
{
    if (*list)
        freeifaddrs(*list);
}

static bool same_ip(const struct ifaddrs *entry, const struct fy_service_address *address)
{
    if (!entry->ifa_addr || entry->ifa_addr->sa_family != address->family)
        return false;
    if (address->family == AF_INET) {
        const struct sockaddr_in *in = (const void *)entry->ifa_addr;
        return in->sin_addr.s_addr == address->ip.v4.s_addr;
    }
    const struct sockaddr_in6 *in6 = (const void *)entry->ifa_addr;
    return memcmp(&in6->sin6_addr, &address->ip.v6, sizeof in6->sin6_addr) == 0;
}

/* The device that has the address now, or NULL. */
static const char *find_holder(const struct ifaddrs *list, const struct fy_service_address *address)
{
    for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
        if (same_ip(entry, address))
            return entry->ifa_name;
    return NULL;
}

static bool device_is_up(const struct ifaddrs *list, const char *device)
{
    for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
        if (strcmp(entry->ifa_name, device) == 0)
            return (entry->ifa_flags & IFF_UP) != 0;
    return false;
}

static int check_one_source(const struct ifaddrs *list, const struct fy_service_address *address, struct fy_error *err)
{
    char text[FY_SERVICE_ADDRESS_TEXT_SIZE];
    fy_service_address_format(address, text);
    const char *holder = find_holder(list, address);
    if (!holder) {
        fy_error_set(err, FY_E_PREFLIGHT, "service address %s is not on this host", text);
        return fy_error_next(err, "only an address that the workload's clients use here can move; see 'ip address'");
    }
    if (strcmp(holder, address->device) != 0) {
        fy_error_set(err, FY_E_PREFLIGHT, "service address %s is on device %s", text, holder);
        return fy_error_next(err, "name that device; it must be called the same on both hosts");
    }
    return 0;
}

static int check_one_destination(const struct ifaddrs *list, const struct fy_service_address *address,
                                 struct fy_error *err)
{
    char text[FY_SERVICE_ADDRESS_TEXT_SIZE];
    fy_service_address_format(address, text);
    const char *holder = find_holder(list, address);
    if (holder) {
        fy_error_set(err, FY_E_PREFLIGHT, "service address %s is on device %s here already", text, holder);
        return fy_error_next(err, "remove it there: ip address delete %s dev %s", text, holder);
    }
    if (!device_is_up(list, address->device)) {
        fy_error_set(err, FY_E_PREFLIGHT, "no device %s is up here to take service address %s", address->device, text);
        return fy_error_next(err, "bring up a device of that name: ip link set %s up", address->device);
    }
    return 0;
}

typedef int (*check_one)(const struct ifaddrs *list, const struct fy_service_address *address, struct fy_error *err);

static int check_all(const struct fy_service_address *addresses, size_t count, check_one check, struct fy_error *err)
{
    FY_CLEANUP(cleanup_ifaddrs) struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0)
        return fy_error_errno(err, errno, "listing this host's addresses");
    for (size_t i = 0; i < count; i++)
        if (check(list, &addresses[i], err) < 0)
            return -1;
    return 0;
}

int fy_address_check_source(const struct fy_service_address *addresses, size_t count, struct fy_error *err)
{
    return check_all(addresses, count, check_one_source, err);
}

int fy_address_check_destination(const struct fy_service_address *addresses, size_t count, struct fy_error *err)
{
    return check_all(addresses, count, check_one_destination, err);
}
