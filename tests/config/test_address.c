/* Service addresses, and the words for modes. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/plan.h>
#include <string.h>

Test(address, refused)
{
    static const char no_prefix[] = "expected an address with its prefix length such as 10.77.0.100/24";
    static const struct {
        const char *text, *subject, *expected;
    } cases[] = {
        {"", "address ''", "expected IP/PREFIX@DEVICE such as 10.77.0.100/24@eth0"},
        {"10.0.0.1/24", "address '10.0.0.1/24'", "expected IP/PREFIX@DEVICE such as 10.77.0.100/24@eth0"},
        {"10.0.0.1@eth0", "address '10.0.0.1'", no_prefix},
        {"@eth0", "address ''", no_prefix},
        {"10.0.0/24@eth0", "address '10.0.0/24'", no_prefix},
        {"10.0.0.256/24@eth0", "address '10.0.0.256/24'", no_prefix},
        {"host/24@eth0", "address 'host/24'", no_prefix},
        {"fe80:::1/64@eth0", "address 'fe80:::1/64'", no_prefix},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000/64@e",
         "address '1111:2222:3333:4444:5555:6666:7777:8888:9999:0000/64@e'", no_prefix},
        {"10.0.0.1/0@eth0", "address '10.0.0.1/0'", "expected a prefix length from 1 to 32"},
        {"10.0.0.1/33@eth0", "address '10.0.0.1/33'", "expected a prefix length from 1 to 32"},
        {"10.0.0.1/@eth0", "address '10.0.0.1/'", "expected a prefix length from 1 to 32"},
        {"10.0.0.1/24x@eth0", "address '10.0.0.1/24x'", "expected a prefix length from 1 to 32"},
        {"2001:db8::1/129@eth0", "address '2001:db8::1/129'", "expected a prefix length from 1 to 128"},
        {"0.0.0.0/24@eth0", "address '0.0.0.0/24'", "expected the address of one host"},
        {"224.0.0.1/24@eth0", "address '224.0.0.1/24'", "expected the address of one host"},
        {"255.255.255.255/24@eth0", "address '255.255.255.255/24'", "expected the address of one host"},
        {"::/64@eth0", "address '::/64'", "expected the address of one host"},
        {"ff02::1/64@eth0", "address 'ff02::1/64'", "expected the address of one host"},
        {"10.0.0.1/24@", "device ''", "expected a network device name of at most 15 characters"},
        {"10.0.0.1/24@a/b", "device 'a/b'", "expected a network device name of at most 15 characters"},
        {"10.0.0.1/24@..", "device '..'", "expected a network device name of at most 15 characters"},
        {"10.0.0.1/24@-x", "device '-x'", "expected a network device name of at most 15 characters"},
        {"10.0.0.1/24@0123456789012345", "device '0123456789012345'",
         "expected a network device name of at most 15 characters"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_service_address address = {.prefix_length = 99};
        char message[256];
        (void)snprintf(message, sizeof message, "%s: %s", cases[i].subject, cases[i].expected);
        cr_expect_eq(fy_service_address_parse(cases[i].text, &address, &err), -1, "'%s'", cases[i].text);
        cr_expect_eq(err.code, FY_E_USAGE);
        if (strlen(cases[i].text) < 50)
            cr_expect_str_eq(err.message, message);
        cr_expect_eq(address.prefix_length, 99);
    }
}

Test(address, read_and_written_back)
{
    static const struct {
        const char *text, *again;
        int family;
    } cases[] = {
        {"10.77.0.100/24@eth0", "10.77.0.100/24@eth0", AF_INET},
        {"192.0.2.1/32@012345678901234", "192.0.2.1/32@012345678901234", AF_INET},
        {"2001:DB8:0:0::1/64@eth0.7", "2001:db8::1/64@eth0.7", AF_INET6},
        {"fe80::1/1@br0", "fe80::1/1@br0", AF_INET6},
        {"2001:db8:1111:2222:3333:4444:5555:6666/128@012345678901234",
         "2001:db8:1111:2222:3333:4444:5555:6666/128@012345678901234", AF_INET6},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_service_address address;
        char text[FY_SERVICE_ADDRESS_TEXT_SIZE];
        cr_assert_eq(fy_service_address_parse(cases[i].text, &address, &err), 0, "%s", err.message);
        fy_service_address_format(&address, text);
        cr_expect_str_eq(text, cases[i].again);
        cr_expect_eq(address.family, cases[i].family);
    }
}

Test(modes, words)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"precopy", "mode 'precopy' is not supported by this version; use 'stop'"},
        {"postcopy", "mode 'postcopy' is not supported by this version; use 'stop'"},
        {"auto", "mode 'auto' is not supported by this version; use 'stop'"},
        {"Stop", "unknown mode 'Stop'; use 'stop'"},
        {"", "unknown mode ''; use 'stop'"},
    };
    enum fy_migration_mode mode = FY_MODE_STOP;
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_expect_eq(fy_migration_mode_parse(cases[i].text, &mode, &err), -1);
        cr_expect_str_eq(err.message, cases[i].message);
    }
    cr_expect_eq(fy_migration_mode_parse("stop", &mode, NULL), 0);
    cr_expect_str_eq(fy_migration_mode_name(mode), "stop");
}

Test(modes, tcp_words)
{
    struct fy_error err = FY_ERROR_INIT;
    enum fy_tcp_mode mode = FY_TCP_REFUSE;
    cr_expect_eq(fy_tcp_mode_parse("closed", &mode, &err), -1);
    cr_expect_str_eq(err.message, "unknown tcp mode 'closed'; use 'close'");
    fy_error_clear(&err);
    cr_expect_eq(fy_tcp_mode_parse("keep", &mode, &err), -1);
    cr_expect_str_eq(err.message, "unknown tcp mode 'keep'; use 'established', 'close' or 'refuse'");
    cr_expect_eq(mode, FY_TCP_REFUSE);
    for (unsigned i = FY_TCP_ESTABLISHED; i <= FY_TCP_REFUSE; i++) {
        cr_expect_eq(fy_tcp_mode_parse(fy_tcp_mode_name((enum fy_tcp_mode)i), &mode, NULL), 0);
        cr_expect_eq(mode, (enum fy_tcp_mode)i);
    }
}
