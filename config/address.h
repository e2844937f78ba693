/* The two halves of a service address, which plans give apart and the command line in one word. */
#ifndef FERRY_CONFIG_ADDRESS_H
#define FERRY_CONFIG_ADDRESS_H

#include <ferry/config/plan.h>

/* "10.77.0.100/24" into family, ip and prefix_length. FY_E_USAGE. */
int config_address_parse_ip(const char *text, struct fy_service_address *address, struct fy_error *err);
/* "eth0" into device. FY_E_USAGE. */
int config_address_parse_device(const char *text, struct fy_service_address *address, struct fy_error *err);
/* Whether both name the same IP address, on whatever device. */
bool config_address_same_ip(const struct fy_service_address *a, const struct fy_service_address *b);

#endif
