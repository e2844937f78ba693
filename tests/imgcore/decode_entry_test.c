/* One entry and its JSON: every kind of value, what is not UTF-8, and every form that protobuf reads but CRIU does not
 * write. The bytes are written out, so that nothing of ours has made them. */
#include "decoding.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>

struct entry_case {
    uint32_t magic;
    const char *wire;
    size_t size;
    const char *json;   /* of the entry */
    const char *pretty; /* NULL: nothing else than indents */
};

#define PSTREE 0x50273030
#define FDINFO 0x56213732
#define UTSNS 0x54473203
#define TIMENS 0x43114433
#define AUTOFS 0x49353943
#define BINFMT_MISC 0x67343323
#define FILE_LOCKS 0x54323616
#define RLIMIT 0x57113925
#define UNIXSK 0x54373943
#define APPARMOR 0x59423047
#define SIGNAL 0x59255647
#define REMAP_FPATH 0x59133954
#define NS_FILES 0x61394011
#define WIRE(text) text, sizeof(text) - 1

static void expect_entry(const struct entry_case *c, bool pretty, const char *expected)
{
    FY_AUTO_FREE char *text = NULL;
    struct fy_error err = FY_ERROR_INIT;
    struct image image = {0};
    const char *begin;

    image_magic(&image, c->magic);
    image_entry(&image, c->wire, c->size);
    text = decode_text(&image, &(struct fy_decode_options){.pretty = pretty}, &err);
    cr_assert_not_null(text, "%s: %s", expected, err.message);
    if (pretty)
        unindent(text);
    begin = strstr(text, "[");
    cr_assert(begin && strlen(begin) > 3);
    cr_expect_eq(strlen(begin), strlen(expected) + 3, "\n%s, expected\n%s", begin, expected);
    cr_expect_eq(strncmp(begin + 1, expected, strlen(expected)), 0, "\n%s, expected\n%s", begin, expected);
}

static void expect_entries(const struct entry_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect_entry(&cases[i], false, cases[i].json);
        expect_entry(&cases[i], true, cases[i].pretty ? cases[i].pretty : cases[i].json);
    }
}

Test(decode_entry, values)
{
    static const struct entry_case cases[] = {
        {PSTREE, WIRE("\x08\x01\x10\x02\x18\x03\x20\x04"), "{\"pid\": 1, \"ppid\": 2, \"pgid\": 3, \"sid\": 4}", NULL},
        {PSTREE, WIRE("\x08\x01\x10\x02\x18\x03\x20\xff\xff\xff\xff\x0f\x28\x05\x28\x06"),
         "{\"pid\": 1, \"ppid\": 2, \"pgid\": 3, \"sid\": 4294967295, \"threads\": [5, 6]}", NULL},
        {RLIMIT, WIRE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x00"),
         "{\"cur\": 18446744073709551615, \"max\": 0}", NULL},
        /* negative numbers: int32 and int64 */
        {FILE_LOCKS,
         WIRE("\x08\x01\x10\x02\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01"
              "\x28\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x30\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
         "{\"flag\": 1, \"type\": 2, \"pid\": -1, \"fd\": -2147483648, \"start\": -9223372036854775808, "
         "\"len\": 9223372036854775807}",
         NULL},
        /* enums: with a name, without one, and the lowest there is */
        {REMAP_FPATH, WIRE("\x08\x01\x10\x02\x18\x00"), "{\"orig_id\": 1, \"remap_id\": 2, \"remap_type\": \"LINKED\"}",
         NULL},
        {REMAP_FPATH, WIRE("\x08\x01\x10\x02\x18\x63"), "{\"orig_id\": 1, \"remap_id\": 2, \"remap_type\": 99}", NULL},
        {REMAP_FPATH, WIRE("\x08\x01\x10\x02\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         "{\"orig_id\": 1, \"remap_id\": 2, \"remap_type\": -1}", NULL},
        {BINFMT_MISC, WIRE("\x0a\x01x\x10\x01\x1a\x00"), "{\"name\": \"x\", \"enabled\": true, \"interpreter\": \"\"}",
         NULL},
        {BINFMT_MISC, WIRE("\x0a\x01x\x10\x00\x1a\x00"), "{\"name\": \"x\", \"enabled\": false, \"interpreter\": \"\"}",
         NULL},
        {SIGNAL, WIRE("\x0a\x00"), "{\"siginfo\": \"\"}", NULL},
        {SIGNAL, WIRE("\x0a\x01\x00"), "{\"siginfo\": \"AA==\\n\"}", NULL},
        {SIGNAL, WIRE("\x0a\x02\xff\xfe"), "{\"siginfo\": \"//4=\\n\"}", NULL},
        {SIGNAL,
         WIRE("\x0a\x03"
              "abc"),
         "{\"siginfo\": \"YWJj\\n\"}", NULL},
        {SIGNAL,
         WIRE("\x0a\x3a"
              "0123456789012345678901234567890123456789012345678901234567"),
         "{\"siginfo\": \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\\nNw==\\n\"}",
         NULL},
        /* lists of messages, and an empty one */
        {APPARMOR, WIRE("\x0a\x05\x0a\x01x\x1a\x00\x0a\x03\x0a\x01y"),
         "{\"namespaces\": [{\"name\": \"x\", \"namespaces\": [{}]}, {\"name\": \"y\"}], "
         "\"@wire\": \"CgUKAXgaAAoDCgF5\\n\"}",
         NULL},
        {APPARMOR, WIRE(""), "{}", NULL},
    };
    expect_entries(cases, FY_ARRAY_SIZE(cases));
}

Test(decode_entry, texts)
{
    static const struct entry_case cases[] = {
        {UTSNS,
         WIRE("\x0a\x0a"
              "\"\\/\b\f\n\r\t\x7f~"
              "\x12\x03"
              "\x01\x1f\x00"),
         "{\"nodename\": \"\\\"\\\\/\\b\\f\\n\\r\\t\\u007f~\", \"domainname\": \"\\u0001\\u001f\\u0000\"}", NULL},
        {UTSNS, WIRE("\x0a\x09\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x12\x00"),
         "{\"nodename\": \"\\u00e9\\u20ac\\ud83d\\ude00\", \"domainname\": \"\"}", NULL},
        /* not UTF-8: a stray byte, cut off, overlong, surrogate, beyond U+10FFFF */
        {UTSNS,
         WIRE("\x0a\x04"
              "a\xff\x80z"
              "\x12\x02\xe2\x82"),
         "{\"nodename\": \"a\\udcff\\udc80z\", \"domainname\": \"\\udce2\\udc82\"}", NULL},
        {UTSNS, WIRE("\x0a\x05\xc0\xaf\xe0\x80\xaf\x12\x07\xed\xa0\x80\xf4\x90\x80\x80"),
         "{\"nodename\": \"\\udcc0\\udcaf\\udce0\\udc80\\udcaf\", "
         "\"domainname\": \"\\udced\\udca0\\udc80\\udcf4\\udc90\\udc80\\udc80\"}",
         NULL},
        {UTSNS, WIRE("\x0a\x03\xef\xbf\xbf\x12\x04\xf4\x8f\xbf\xbf"),
         "{\"nodename\": \"\\uffff\", \"domainname\": \"\\udbff\\udfff\"}", NULL},
    };
    expect_entries(cases, FY_ARRAY_SIZE(cases));
}

Test(decode_entry, forms_that_encoding_would_not_give_back)
{
#define AS_ALWAYS "{\"pid\": 1, \"ppid\": 2, \"pgid\": 3, \"sid\": 4, "
    static const struct entry_case cases[] = {
        /* out of order; twice; numbers, tags and lengths with more bytes than they need */
        {PSTREE, WIRE("\x10\x02\x08\x01\x18\x03\x20\x04"), AS_ALWAYS "\"@wire\": \"EAIIARgDIAQ=\\n\"}", NULL},
        {PSTREE, WIRE("\x08\x09\x08\x01\x10\x02\x18\x03\x20\x04"), AS_ALWAYS "\"@wire\": \"CAkIARACGAMgBA==\\n\"}",
         NULL},
        {PSTREE, WIRE("\x08\x81\x00\x10\x02\x18\x03\x20\x04"), AS_ALWAYS "\"@wire\": \"CIEAEAIYAyAE\\n\"}", NULL},
        {PSTREE, WIRE("\x88\x00\x01\x10\x02\x18\x03\x20\x04"), AS_ALWAYS "\"@wire\": \"iAABEAIYAyAE\\n\"}", NULL},
        {SIGNAL, WIRE("\x0a\x81\x00x"), "{\"siginfo\": \"eA==\\n\", \"@wire\": \"CoEAeA==\\n\"}", NULL},
        /* a number too large for its field, and one with more than 64 bits */
        {PSTREE, WIRE("\x08\x81\x80\x80\x80\x10\x10\x02\x18\x03\x20\x04"),
         AS_ALWAYS "\"@wire\": \"CIGAgIAQEAIYAyAE\\n\"}", NULL},
        {RLIMIT, WIRE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03\x10\x00"),
         "{\"cur\": 18446744073709551615, \"max\": 0, \"@wire\": \"CP///////////wMQAA==\\n\"}", NULL},
        /* an int32 of 32 bits only; a bool that is 2 */
        {AUTOFS, WIRE("\x08\xff\xff\xff\xff\x0f\x10\x01\x18\x01\x20\x01\x28\x01\x30\x01"),
         "{\"fd\": -1, \"pgrp\": 1, \"timeout\": 1, \"minproto\": 1, \"maxproto\": 1, \"mode\": 1, "
         "\"@wire\": \"CP////8PEAEYASABKAEwAQ==\\n\"}",
         NULL},
        {BINFMT_MISC, WIRE("\x0a\x00\x10\x02\x1a\x00"),
         "{\"name\": \"\", \"enabled\": true, \"interpreter\": \"\", \"@wire\": \"CgAQAhoA\\n\"}", NULL},
        /* packed, and packed among single ones; what is cut off in it is only in @wire */
        {PSTREE, WIRE("\x08\x01\x10\x02\x18\x03\x20\x04\x2a\x02\x05\x06"),
         AS_ALWAYS "\"threads\": [5, 6], \"@wire\": \"CAEQAhgDIAQqAgUG\\n\"}", NULL},
        {PSTREE, WIRE("\x28\x07\x08\x01\x10\x02\x18\x03\x20\x04\x2a\x03\x05\x86\x01\x28\x08\x2a\x01\x80"),
         AS_ALWAYS "\"threads\": [7, 5, 134, 8], \"@wire\": \"KAcIARACGAMgBCoDBYYBKAgqAYA=\\n\"}", NULL},
        /* what must be there is not */
        {PSTREE, WIRE("\x08\x01"), "{\"pid\": 1, \"@wire\": \"CAE=\\n\"}", NULL},
        {PSTREE, WIRE(""), "{\"@wire\": \"\"}", NULL},
        /* a message in two parts is one; a part that is empty is none */
        {TIMENS, WIRE("\x0a\x02\x08\x01\x12\x04\x08\x03\x10\x04\x0a\x00\x0a\x02\x10\x02"),
         "{\"monotonic\": {\"tv_sec\": 1, \"tv_nsec\": 2}, \"boottime\": {\"tv_sec\": 3, \"tv_nsec\": 4}, "
         "\"@wire\": \"CgIIARIECAMQBAoACgIQAg==\\n\"}",
         NULL},
        /* within a message */
        {TIMENS, WIRE("\x0a\x04\x10\x02\x08\x01\x12\x04\x08\x03\x10\x04"),
         "{\"monotonic\": {\"tv_sec\": 1, \"tv_nsec\": 2}, \"boottime\": {\"tv_sec\": 3, \"tv_nsec\": 4}, "
         "\"@wire\": \"CgQQAggBEgQIAxAE\\n\"}",
         NULL},
    };
    expect_entries(cases, FY_ARRAY_SIZE(cases));
}

Test(decode_entry, unknown_fields)
{
    static const struct entry_case cases[] = {
        {PSTREE, WIRE("\x08\x01\x10\x02\x18\x03\x20\x04\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         AS_ALWAYS "\"@unknown\": [{\"tag\": 6, \"type\": \"varint\", \"value\": 18446744073709551615}]}", NULL},
        /* every type, in the order of the bytes; the highest tag there is */
        {PSTREE,
         WIRE("\x08\x01\x10\x02\x18\x03\x20\x04\x45\x01\x00\x00\x80\x39\x02\x00\x00\x00\x00\x00\x00\x80\x32\x02hi"
              "\xf8\xff\xff\xff\x0f\x01"),
         AS_ALWAYS "\"@unknown\": [{\"tag\": 8, \"type\": \"fixed32\", \"value\": 2147483649}, "
                   "{\"tag\": 7, \"type\": \"fixed64\", \"value\": 9223372036854775810}, "
                   "{\"tag\": 6, \"type\": \"bytes\", \"value\": \"aGk=\\n\"}, "
                   "{\"tag\": 536870911, \"type\": \"varint\", \"value\": 1}]}",
         NULL},
        /* a known tag of another type is no value of its field */
        {PSTREE, WIRE("\x08\x01\x10\x02\x18\x03\x20\x04\x0d\x05\x00\x00\x00"),
         AS_ALWAYS "\"@unknown\": [{\"tag\": 1, \"type\": \"fixed32\", \"value\": 5}]}", NULL},
        /* before known ones, and in a form of its own */
        {PSTREE, WIRE("\x30\x07\x08\x01\x10\x02\x18\x03\x20\x04"),
         AS_ALWAYS "\"@unknown\": [{\"tag\": 6, \"type\": \"varint\", \"value\": 7}], "
                   "\"@wire\": \"MAcIARACGAMgBA==\\n\"}",
         NULL},
        {PSTREE, WIRE("\x08\x01\x10\x02\x18\x03\x20\x04\x32\x80\x00"),
         AS_ALWAYS "\"@unknown\": [{\"tag\": 6, \"type\": \"bytes\", \"value\": \"\"}], "
                   "\"@wire\": \"CAEQAhgDIAQygAA=\\n\"}",
         NULL},
        /* in a message within */
        {TIMENS, WIRE("\x0a\x06\x08\x01\x10\x02\x18\x09\x12\x04\x08\x03\x10\x04"),
         "{\"monotonic\": {\"tv_sec\": 1, \"tv_nsec\": 2, \"@unknown\": [{\"tag\": 3, \"type\": \"varint\", "
         "\"value\": 9}]}, \"boottime\": {\"tv_sec\": 3, \"tv_nsec\": 4}}",
         NULL},
    };
    expect_entries(cases, FY_ARRAY_SIZE(cases));
}

/* Of other lengths than an address has, words stay words: nothing is lost, and encode reads both. */
Test(decode_entry, addresses_of_any_length)
{
#define INET_BEGIN "\x08\x01\x10\x02\x18\x02\x20\x01\x28\x06\x30\x0a\x38\x50\x40\x00\x48\x02\x50\x00"
#define INET_TEXT(family, type, proto, state, flags)                                                                   \
    "{\"id\": 1, \"ino\": 2, \"family\": " family ", \"type\": " type ", \"proto\": " proto ", \"state\": " state      \
    ", \"src_port\": 80, \"dst_port\": 0, \"flags\": " flags ", \"backlog\": 0, \"src_addr\": "
#define INET_PLAIN INET_TEXT("2", "1", "6", "10", "2")
#define INET_PRETTY INET_TEXT("\"INET\"", "\"STREAM\"", "\"TCP\"", "\"LISTEN\"", "\"0x2\"")
    static const struct {
        const char *wire;
        size_t size;
        const char *plain, *pretty, *end;
    } cases[] = {
        {WIRE("\x58\x7f"), "[127]", "[\"127.0.0.0\"]", "\"@wire\": \"CAEQAhgCIAEoBjAKOFBAAEgCUABYfw==\\n\"}"},
        {WIRE("\x58\x00\x58\x00\x58\x00\x58\x80\x80\x80\x08"), "[0, 0, 0, 16777216]", "[\"::1\"]",
         "\"@wire\": \"CAEQAhgCIAEoBjAKOFBAAEgCUABYAFgAWABYgICACA==\\n\"}"},
        {WIRE("\x58\x01\x58\x02"), "[1, 2]", "[1, 2]", "\"@wire\": \"CAEQAhgCIAEoBjAKOFBAAEgCUABYAVgC\\n\"}"},
        {WIRE("\x58\x01\x58\x02\x58\x03\x58\x04\x58\x05\x58\x06"), "[1, 2, 3, 4, 5, 6]", "[1, 2, 3, 4, 5, 6]",
         "\"@wire\": \"CAEQAhgCIAEoBjAKOFBAAEgCUABYAVgCWANYBFgFWAY=\\n\"}"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        char wire[128], plain[512], pretty[512];
        memcpy(wire, INET_BEGIN, sizeof(INET_BEGIN) - 1);
        memcpy(wire + sizeof(INET_BEGIN) - 1, cases[i].wire, cases[i].size);
        (void)snprintf(plain, sizeof(plain), INET_PLAIN "%s, %s", cases[i].plain, cases[i].end);
        (void)snprintf(pretty, sizeof(pretty), INET_PRETTY "%s, %s", cases[i].pretty, cases[i].end);
        const struct entry_case c = {0x56443851, wire, sizeof(INET_BEGIN) - 1 + cases[i].size, plain, pretty};
        expect_entries(&c, 1);
    }
}

/* In both forms quoted-printable; line ends of two kinds in one name would not come back. */
Test(decode_entry, names_of_sockets)
{
    static const struct {
        const char *name;
        size_t size;
        const char *text;
        bool is_lost;
    } cases[] = {{WIRE("/run/x\0"), "/run/x=00", false},
                 {WIRE("\xff="), "=FF=3D", false},
                 {WIRE("a\nb"), "a\\nb", false},
                 {WIRE("a\nb\r\n"), "a\\nb\\n", true}};
    static const char begin[] = "\x08\x01\x10\x02\x18\x01\x20\x07\x28\x02\x30\x00\x38\x00\x40\x00"
                                "\x4a\x0a\x08\x00\x10\x00\x18\x00\x20\x00\x28\x00"
                                "\x52\x0c\x08\x00\x10\x00\x18\x00\x20\x00\x28\x00\x30\x00\x5a";
    for (size_t i = 0; i < 2 * FY_ARRAY_SIZE(cases); i++) {
        const struct fy_decode_options options = {.pretty = i % 2};
        struct fy_error err = FY_ERROR_INIT;
        struct image image = {0};
        char wire[128], key[128];
        size_t size = sizeof(begin) - 1;
        memcpy(wire, begin, size);
        wire[size++] = (char)cases[i / 2].size;
        memcpy(wire + size, cases[i / 2].name, cases[i / 2].size);
        image_magic(&image, UNIXSK);
        image_entry(&image, wire, size + cases[i / 2].size);
        FY_AUTO_FREE char *text = decode_text(&image, &options, &err);
        cr_assert_not_null(text, "%s", err.message);
        (void)snprintf(key, sizeof(key), "\"name\": \"%s\"", cases[i / 2].text);
        cr_expect_not_null(strstr(text, key), "%s is not in %s", key, text);
        cr_expect_eq(strstr(text, "@wire") != NULL, cases[i / 2].is_lost, "%s", text);
    }
}
