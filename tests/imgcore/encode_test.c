/* JSON to images: both dialects, every kind of content. */
#include "encoding.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void hex_text(const struct fy_buf *buf, size_t from, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = from; i < buf->size && (i - from) * 2 + 3 < size; i++)
        (void)snprintf(text + (i - from) * 2, 3, "%02x", buf->data[i]);
}

/* ---- accepted ---- */

static const struct accepted {
    const char *text;
    const char *hex; /* of all that follows the magics */
} accepted[] = {
    {FDS "]}", ""},
    {FDS "{" FD ",\"fd\":7}]}", "08000000"
                                "0801"
                                "1000"
                                "1801"
                                "2007"},
    /* any spacing, and the largest numbers of so many digits */
    {FDS "{ \"id\":1 ,\"flags\" : 0,  \"type\":\n1,\t\"fd\" :7\n}]}", "08000000"
                                                                      "0801"
                                                                      "1000"
                                                                      "1801"
                                                                      "2007"},
    {"{\"magic\":\"PAGEMAP\",\"entries\":[{\"pages_id\":1},{\"vaddr\": 18446744073709551615, \"compat_nr_pages\": 0, "
     "\"nr_pages\": 9999999999999999999},{\"vaddr\": 1000000000000000000, \"compat_nr_pages\": 4294967295}]}",
     "020000000801"
     "1800000008ffffffffffffffffff01100028ffff9fcfc8e0c8e38a01"
     "1000000008808090bbbad6adf00d10ffffffff0f"},
    /* any order of keys, and of fields with and without repetition */
    {FDS "{\"fd\":7,\"xattr_security_selinux\":\"a\",\"type\":\"REG\",\"flags\":0,\"id\":1}]}", "0b000000"
                                                                                                "0801"
                                                                                                "1000"
                                                                                                "1801"
                                                                                                "2007"
                                                                                                "2a0161"},
    {FDS "{\"@unknown\":[{\"value\":\"YWI=\",\"type\":\"bytes\",\"tag\":100}],\"fd\":7," FD "}]}", "0d000000"
                                                                                                   "0801"
                                                                                                   "1000"
                                                                                                   "1801"
                                                                                                   "2007"
                                                                                                   "a206026162"},
    {FDS "{" FD ",\"fd\":7,\"@unknown\":[{\"tag\":9,\"type\":\"varint\",\"value\":300},{\"tag\":6,\"type\":\"fixed32\","
         "\"value\":1},{\"tag\":9,\"type\":\"fixed64\",\"value\":18446744073709551615}]}]}",
     "19000000"
     "0801"
     "1000"
     "1801"
     "2007"
     "48ac02"
     "3501000000"
     "49ffffffffffffffff"},
    /* numbers as text; names and numbers of enums */
    {FDS "{\"id\":\"0x10\",\"flags\":\"0b11\",\"type\":1,\"fd\":\"12\"}]}", "08000000"
                                                                            "0810"
                                                                            "1003"
                                                                            "1801"
                                                                            "200c"},
    {FDS "{\"id\":\"1\",\"flags\":\"0o17\",\"type\":99,\"fd\":7}]}", "08000000"
                                                                     "0801"
                                                                     "100f"
                                                                     "1863"
                                                                     "2007"},
    {FDS "{\"id\":1,\"flags\":0,\"type\":-2,\"fd\":7}]}", "11000000"
                                                          "0801"
                                                          "1000"
                                                          "18feffffffffffffffff01"
                                                          "2007"},
    {FDS "{\"id\":1,\"flags\":0,\"type\":\"5\",\"fd\":7}]}", "08000000"
                                                             "0801"
                                                             "1000"
                                                             "1805"
                                                             "2007"},
    /* strings: NUL, not UTF-8, beyond the BMP */
    {FDS "{" FD ",\"fd\":7,\"xattr_security_selinux\":\"a\\u0000\\udcff\\ud83d\\ude00\xc3\xa9\"}]}",
     "13000000"
     "0801"
     "1000"
     "1801"
     "2007"
     "2a09"
     "6100fff09f9880c3a9"},
    /* @wire wins, and forgives what is missing */
    {FDS "{\"id\":1,\"@wire\":\"CAE=\"}]}", "02000000"
                                            "0801"},
    {FDS "{" FD ",\"fd\":7,\"@wire\":\"\"}]}", "00000000"},
    /* lists */
    {"{\"magic\":\"SECCOMP\",\"entries\":[{\"seccomp_filters\":[]}]}", "00000000"},
    {"{\"magic\":\"FS\",\"entries\":[{\"cwd_id\":1,\"root_id\":2,\"umask\":3}, {\"cwd_id\":1,\"root_id\":2}]}",
     "06000000"
     "080110021803"
     "04000000"
     "08011002"},
    /* pagemap: the head first */
    {"{\"magic\":\"PAGEMAP\",\"entries\":[{\"pages_id\":1},{\"vaddr\":\"0x1000\",\"compat_nr_pages\":0,\"flags\":\"PE_"
     "PRESENT\","
     "\"nr_pages\":2}]}",
     "02000000"
     "0801"
     "09000000"
     "088020"
     "1000"
     "2004"
     "2802"},
    {"{\"magic\":\"PAGEMAP\",\"entries\":[{\"pages_id\":1},{\"vaddr\":\"4096\",\"compat_nr_pages\":0,\"flags\":4,"
     "\"nr_pages\":\"2\"}]}",
     "02000000"
     "0801"
     "09000000"
     "088020"
     "1000"
     "2004"
     "2802"},

    /* content */
    {PIPES "{\"pipe_id\":5,\"bytes\":3,\"extra\":\"YWJj\\n\"},{\"pipe_id\":6,\"bytes\":0,\"extra\":\"\"}]}",
     "04000000"
     "08051003"
     "616263"
     "04000000"
     "08061000"},
    {PIPES "{\"extra\":\"YWJj\",\"bytes\":3,\"pipe_id\":5}]}", "04000000"
                                                               "08051003"
                                                               "616263"},
    {PIPES "{\"pipe_id\":5,\"bytes\":0}]}", "04000000"
                                            "08051000"},
    {PIPES "{\"pipe_id\":5,\"bytes\":3,\"extra\":\"YWJj\",\"@extra\":\"eHl6\"}]}", "04000000"
                                                                                   "08051003"
                                                                                   "78797a"},
    {PIPES "{\"@extra\":\"eHl6\",\"pipe_id\":5,\"bytes\":3,\"extra\":\"YWJj\"}]}", "04000000"
                                                                                   "08051003"
                                                                                   "78797a"},
    {PIPES "{\"pipe_id\":5,\"bytes\":9,\"@wire\":\"CAUQgwA=\",\"extra\":\"YWJj\"}]}", "05000000"
                                                                                      "0805108300"
                                                                                      "616263"},
    {TCP "{\"inq\":\"YQ==\\n\",\"outq\":\"YmM=\\n\"}}]}", "0e000000"
                                                          "0801100018022000280030003800"
                                                          "616263"},
    {TCP "{\"outq\":\"YmM=\\n\",\"inq\":\"YQ==\\n\"}}]}", "0e000000"
                                                          "0801100018022000280030003800"
                                                          "616263"},
    {TCP "{\"in_q\":\"YQ==\",\"out_q\":\"YmM=\"}}]}", "0e000000"
                                                      "0801100018022000280030003800"
                                                      "616263"},
    {TCP "\"{\\\"in_q\\\":\\\"YQ==\\\",\\\"out_q\\\":\\\"YmM=\\\"}\"}]}", "0e000000"
                                                                          "0801100018022000280030003800"
                                                                          "616263"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":1,\"extra\":[258]}]}", "12000000"
                                                                                       "0a0e"
                                                                                       "0801100018002000280030003802"
                                                                                       "1001"
                                                                                       "0201000000000000"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":4,\"extra\":\"[1,2,3,4]\"}]}",
     "12000000"
     "0a0e"
     "0801100018002000280030003802"
     "1004"
     "0100020003000400"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":0,\"extra\":[]}]}", "12000000"
                                                                                    "0a0e"
                                                                                    "0801100018002000280030003802"
                                                                                    "1000"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":1,\"extra\":[1],\"@extra\":\"AQACAAAAAAA=\"}]}",
     "12000000"
     "0a0e"
     "0801100018002000280030003802"
     "1001"
     "0100020000000000"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC
     ",\"qbytes\":9,\"qnum\":2,\"extra\":[{\"mtype\":1,\"msize\":1},\"YQ==\\n\","
     "{\"msize\":8,\"mtype\":2},\"YWJjZGVmZ2g=\"]}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "10091802"
     "04000000"
     "08011001"
     "6100000000000000"
     "04000000"
     "08021008"
     "6162636465666768"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC ",\"qbytes\":9,\"qnum\":1,\"extra\":\"[\\\"{\\\\\\\"mtype\\\\\\\":"
     "\\\\\\\"1\\\\\\\",\\\\\\\"msize\\\\\\\":1}\\\",\\\"YQ==\\\"]\"}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "10091801"
     "04000000"
     "08011001"
     "6100000000000000"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC ",\"qbytes\":9,\"qnum\":0,\"extra\":[]}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "10091800"},
    /* what "extra" does not say: padding; a message without its type */
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC ",\"qbytes\":9,\"qnum\":1,\"extra\":[{\"mtype\":1,\"msize\":1},"
     "\"YQ==\"],\"@extra\":\"BAAAAAgBEAFhAQAAAAAAAA==\"}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "10091801"
     "04000000"
     "08011001"
     "6101000000000000"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC
     ",\"qbytes\":9,\"qnum\":1,\"extra\":[{\"msize\":1},\"YQ==\"],\"@extra\":\"AgAAABABYQEAAAAAAAA=\"}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "10091801"
     "02000000"
     "1001"
     "6101000000000000"},
    {"{\"magic\":\"IPCNS_SHM\",\"entries\":[{" DESC ",\"size\":5,\"in_pagemaps\":true},{" DESC
     ",\"size\":6,\"in_pagemaps\":true,\"extra\":\"\"}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "1005"
     "1801"
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "1006"
     "1801"},
    {"{\"magic\":\"IPCNS_SHM\",\"entries\":[{" DESC ",\"size\":5,\"extra\":\"YWJjZGU=\"}]}",
     "12000000"
     "0a0e"
     "0801100018002000280030003802"
     "1005"
     "6162636465000000"},
    {"{\"magic\":\"BPFMAP_DATA\",\"entries\":[{\"map_id\":1,\"keys_bytes\":1,\"values_bytes\":2,\"count\":1,\"extra\":"
     "\"YWJj\"}]}",
     "08000000"
     "0801100118022001"
     "616263"},
    {"{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":1,\"extra\":\"YWJj\"}]}", "06000000"
                                                                                                     "080010001801"
                                                                                                     "616263"},
    {"{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":1,\"chunks\":true},{\"len\":1,\"off\":2,"
     "\"extra\":"
     "\"YQ==\"},{\"len\":\"2\",\"off\":\"4\",\"extra\":\"YWI=\"}]}",
     "08000000"
     "0800100018014801"
     "04000000"
     "08011002"
     "61"
     "04000000"
     "08021004"
     "6162"},

    /* pretty texts */
    {"{\"magic\":\"REMAP_FPATH\",\"entries\":[{\"orig_id\":1,\"remap_id\":2,\"remap_type\":\"GHOST\"}]}",
     "06000000"
     "080110021801"},
    {"{\"magic\":\"IRMAP_CACHE\",\"entries\":[{\"dev\":\"8:1\",\"inode\":2,\"path\":\"/\"}]}", "08000000"
                                                                                               "088110"
                                                                                               "1002"
                                                                                               "1a012f"},
    {"{\"magic\":\"IRMAP_CACHE\",\"entries\":[{\"dev\":2049,\"inode\":2,\"path\":\"/\"}]}", "08000000"
                                                                                            "088110"
                                                                                            "1002"
                                                                                            "1a012f"},
};

Test(encode, writes_these_bytes)
{
    struct fy_buf image = {0};
    char hex[512];

    for (size_t i = 0; i < FY_ARRAY_SIZE(accepted); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_expect_eq(encode(accepted[i].text, &image, &err), 0, "%s\n%s", accepted[i].text, err.message);
        hex_text(&image, 8, hex, sizeof(hex));
        cr_expect_str_eq(hex, accepted[i].hex, "%s\n gives\n%s not\n%s", accepted[i].text, hex, accepted[i].hex);
    }
    fy_buf_done(&image);
}

/* ---- magics ---- */

static const struct accepted framings[] = {
    {"{\"magic\":\"FS\",\"entries\":[]}", "1943565412394051"},
    {"{\"magic\":\"FS\",\"@framing\":\"v1.0\",\"entries\":[]}", "12394051"},
    {"{\"@framing\":\"v1.0\",\"magic\":\"FS\",\"entries\":[]}", "12394051"},
    {"{\"entries\":[],\"magic\":\"FS\"}", "1943565412394051"},
    {"{\"entries\":[{\"cwd_id\":1,\"root_id\":2}],\"@framing\":\"v1.0\",\"magic\":\"FS\"}", "123940510400000008011002"},
    {"{\"magic\":\"INVENTORY\",\"entries\":[]}", "16313158"},
    {"{\"magic\":\"STATS\",\"entries\":[]}", "4059105506330957"},
    {"{\"magic\":\"STATS\",\"@framing\":\"v1.0\",\"entries\":[]}", "06330957"},
    {"{\"magic\":\"IRMAP_CACHE\",\"entries\":[]}", "4059105559400057"},
    {"{\"magic\":\"SIGNAL\",\"entries\":[]}", "1943565447562559"},
    {"{\"magic\":\"EXT_FILES\",\"entries\":[]}", "1943565441562559"},
};

Test(encode, the_magics_stand_in_front)
{
    struct fy_buf image = {0};
    char hex[64];

    for (size_t i = 0; i < FY_ARRAY_SIZE(framings); i++) {
        cr_assert_eq(encode(framings[i].text, &image, NULL), 0, "%s", framings[i].text);
        hex_text(&image, 0, hex, sizeof(hex));
        cr_expect_str_eq(hex, framings[i].hex, "%s", framings[i].text);
    }
    fy_buf_done(&image);
}

Test(encode, every_type_has_its_magic)
{
    struct fy_buf image = {0};
    char text[128];
    unsigned count = 0;

    for (unsigned kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++) {
        const struct fy_image_type *type = fy_catalogue_get((enum fy_image_kind)kind);
        uint32_t magic;
        if (type->magic == 0)
            continue;
        (void)snprintf(text, sizeof(text), "{\"magic\":\"%s\",\"entries\":[]}", type->name);
        cr_assert_eq(encode(text, &image, NULL), 0, "%s", type->name);
        memcpy(&magic, image.data + image.size - 4, 4);
        cr_expect_eq(magic, type->magic, "%s", type->name);
        count++;
    }
    cr_expect_gt(count, 70);
    fy_buf_done(&image);
}

/* ---- names of UNIX sockets ---- */

#define SOCKET_HEAD                                                                                                    \
    "{\"magic\":\"UNIXSK\",\"entries\":[{\"id\":1,\"ino\":2,\"type\":1,\"state\":1,\"flags\":2,\"uflags\":0,"          \
    "\"backlog\":0,\"peer\":0,"
#define SOCKET_OWNER "\"fown\":{\"uid\":0,\"euid\":0,\"signum\":0,\"pid_type\":0,\"pid\":0},"
#define OPTIONS(number)                                                                                                \
    "\"opts\":{\"so_sndbuf\":1,\"so_rcvbuf\":1,\"so_snd_tmo_sec\":" number ",\"so_snd_tmo_usec\":" number              \
    ",\"so_rcv_tmo_sec\":" number ",\"so_rcv_tmo_usec\":" number "}"

/* "abcd" is a name as it stands, and three other bytes in base64. */
static const struct {
    const char *text, *name;
} sockets[] = {
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("0") ",\"name\":\"abcd\"}]}", "5a0461626364"},
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("\"0\"") ",\"name\":\"abcd\"}]}", "5a0369b71d"},
    {SOCKET_HEAD "\"name\":\"abcd\"," SOCKET_OWNER OPTIONS("0") "}]}", "5a0461626364"},
    {SOCKET_HEAD "\"name\":\"abcd\",\"ns_id\":1," SOCKET_OWNER OPTIONS("\"0\"") "}]}", "5a0369b71d800101"},
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("\"0x0\"") ",\"name\":\"abcd\"}]}", "5a0461626364"},
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("0") ",\"name\":\"=00a=FF=3D\",\"mnt_id\":-1}]}", "5a040061ff3d880101"},
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("0") ",\"name\":\"\"}]}", "5a00"},
};

Test(encode, names_of_sockets_in_both_dialects)
{
    struct fy_buf image = {0};
    char hex[512];

    for (size_t i = 0; i < FY_ARRAY_SIZE(sockets); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_assert_eq(encode(sockets[i].text, &image, &err), 0, "%s", err.message);
        hex_text(&image, 12, hex, sizeof(hex));
        cr_assert_gt(strlen(hex), strlen(sockets[i].name));
        cr_expect_str_eq(hex + strlen(hex) - strlen(sockets[i].name), sockets[i].name, "%zu: %s", i, hex);
    }
    fy_buf_done(&image);
}

/* The first socket is go-crit's, the second crit's: each is judged by itself. */
Test(encode, one_socket_says_nothing_about_the_next)
{
    struct fy_buf image = {0};
    struct fy_error err = FY_ERROR_INIT;
    static const char two[] = SOCKET_HEAD SOCKET_OWNER OPTIONS(
        "\"0\"") ",\"name\":\"abcd\"},"
                 "{\"id\":1,\"ino\":2,\"type\":1,\"state\":1,\"flags\":2,\"uflags\":0,\"backlog\":0,\"peer\":"
                 "0," SOCKET_OWNER OPTIONS("0") ",\"name\":\"abcd\"}]}";

    cr_assert_eq(encode(two, &image, &err), 0, "%s", err.message);
    cr_expect_not_null(memmem(image.data, image.size, "\x5a\x03\x69\xb7\x1d", 5));
    cr_expect_not_null(memmem(image.data, image.size,
                              "\x5a\x04"
                              "abcd",
                              6));
    fy_buf_done(&image);
}

Test(encode, a_bad_name_of_a_socket_is_refused_where_it_stands)
{
    struct fy_buf image = {0};
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(encode("{\"magic\":\"UNIXSK\",\"entries\":[{\n\"name\":\"abc\"," OPTIONS("\"0\"") "}]}", &image, &err),
                 -1);
    cr_expect_str_eq(err.message, "x:2:8: entry 0: base64 that is cut off, in the name of a UNIX socket");
    fy_buf_done(&image);
}
