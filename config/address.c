/* Service addresses. */
#include "address.h"
#include "names.h"
#include <ferry/base/text.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define EXPECTED_IP "expected an address with its prefix length such as 10.77.0.100/24"

static bool is_unicast(const struct fy_service_address *address)
{
    if (address->family == AF_INET) {
        uint32_t ip = ntohl(address->ip.v4.s_addr);
        return ip != INADDR_ANY && ip != INADDR_BROADCAST && !IN_MULTICAST(ip);
    }
    return !IN6_IS_ADDR_UNSPECIFIED(&address->ip.v6) && !IN6_IS_ADDR_MULTICAST(&address->ip.v6);
}

int config_address_parse_ip(const char *text, struct fy_service_address *address, struct fy_error *err)
{
    struct fy_service_address parsed = *address;
    char ip[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : 0;
    uint64_t prefix;
    if (!slash || length >= sizeof ip)
        return fy_error_set(err, FY_E_USAGE, "address '%.80s': " EXPECTED_IP, text);
    memcpy(ip, text, length);
    ip[length] = '\0';
    parsed.family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(parsed.family, ip, &parsed.ip) != 1)
        return fy_error_set(err, FY_E_USAGE, "address '%.80s': " EXPECTED_IP, text);
    if (!is_unicast(&parsed))
        return fy_error_set(err, FY_E_USAGE, "address '%.80s': expected the address of one host", text);
    unsigned max = parsed.family == AF_INET ? 32 : 128;
    if (!fy_text_parse_uint(slash + 1, max, &prefix) || !prefix)
        return fy_error_set(err, FY_E_USAGE, "address '%.80s': expected a prefix length from 1 to %u", text, max);
    parsed.prefix_length = (uint8_t)prefix;
    *address = parsed;
    return 0;
}

int config_address_parse_device(const char *text, struct fy_service_address *address, struct fy_error *err)
{
    if (!config_is_device_name(text))
        return fy_error_set(err, FY_E_USAGE, "device '%.80s': expected a network device name of at most %d characters",
                            text, IFNAMSIZ - 1);
    memcpy(address->device, text, strlen(text) + 1);
    return 0;
}

bool config_address_same_ip(const struct fy_service_address *a, const struct fy_service_address *b)
{
    size_t size = a->family == AF_INET ? sizeof a->ip.v4 : sizeof a->ip.v6;
    return a->family == b->family && !memcmp(&a->ip, &b->ip, size);
}

int fy_service_address_parse(const char *text, struct fy_service_address *address, struct fy_error *err)
{
    struct fy_service_address parsed = {0};
    char ip[INET6_ADDRSTRLEN + 8];
    const char *at = strchr(text, '@');
    if (!at)
        return fy_error_set(err, FY_E_USAGE, "address '%.80s': expected IP/PREFIX@DEVICE such as 10.77.0.100/24@eth0",
                            text);
    size_t length = (size_t)(at - text);
    if (length >= sizeof ip)
        return fy_error_set(err, FY_E_USAGE, "address '%.80s': " EXPECTED_IP, text);
    memcpy(ip, text, length);
    ip[length] = '\0';
    if (config_address_parse_ip(ip, &parsed, err) || config_address_parse_device(at + 1, &parsed, err))
        return -1;
    *address = parsed;
    return 0;
}

void fy_service_address_format(const struct fy_service_address *address, char text[FY_SERVICE_ADDRESS_TEXT_SIZE])
{
    char ip[INET6_ADDRSTRLEN] = "";
    (void)inet_ntop(address->family, &address->ip, ip, sizeof ip);
    (void)snprintf(text, FY_SERVICE_ADDRESS_TEXT_SIZE, "%s/%u@%s", ip, address->prefix_length, address->device);
}
