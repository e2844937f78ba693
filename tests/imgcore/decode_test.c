/* Whole images: the document, what follows entries, framings, and what is refused. */
#include "decoding.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <string.h>
#include <unistd.h>

#define PSTREE 0x50273030
#define PAGEMAP 0x56084025
#define INVENTORY 0x58313116
#define STATS 0x57093306
#define PIPES_DATA 0x56453709
#define SK_QUEUES 0x56264026
#define TCP_STREAM 0x51465506
#define BPFMAP_DATA 0x64324033
#define GHOST_FILE 0x52583605
#define IPCNS_SHM 0x46283044
#define IPCNS_MSG 0x55453737
#define IPCNS_SEM 0x59573019
#define APPARMOR 0x59423047

#define TASK "\x08\x01\x10\x00\x18\x01\x20\x01"
#define TASK_TEXT "{\"pid\": 1, \"ppid\": 0, \"pgid\": 1, \"sid\": 1}"
#define DESC "\x0a\x0e\x08\x00\x10\x00\x18\x00\x20\x00\x28\x00\x30\x00\x38\x00"
#define DESC_TEXT "{\"desc\": {\"key\": 0, \"uid\": 0, \"gid\": 0, \"cuid\": 0, \"cgid\": 0, \"mode\": 0, \"id\": 0}, "

static struct image image;

static void add(const char *wire, size_t size)
{
    image_entry(&image, wire, size);
}

#define ADD(text) add(text, sizeof(text) - 1)
#define CONTENT(text) image_bytes(&image, text, sizeof(text) - 1)

static void expect_text(const struct fy_decode_options *options, const char *expected)
{
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_FREE char *text = decode_text(&image, options, &err);

    cr_assert_not_null(text, "%s, where %s was expected", err.message, expected);
    cr_expect_str_eq(text, expected, "\n%s, expected\n%s", text, expected);
}

static void expect_plain(const char *expected)
{
    expect_text(NULL, expected);
}

static void expect_refused(enum fy_code code, const char *part)
{
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_FREE char *text = decode_text(&image, NULL, &err);

    cr_assert_null(text, "%s, where \"%s\" was expected", text, part);
    cr_expect_eq(err.code, code, "%s: %s", fy_code_name(err.code), err.message);
    cr_expect_not_null(strstr(err.message, "test.img"), "%s", err.message);
    cr_expect_not_null(strstr(err.message, part), "\"%s\" is not in \"%s\"", part, err.message);
}

/* ---- the document ---- */

Test(decode, documents)
{
    const struct fy_decode_options pretty = {.pretty = true};

    image_magic(&image, PSTREE);
    expect_plain("{\"magic\": \"PSTREE\", \"entries\": []}");
    expect_text(&pretty, "{\n    \"magic\": \"PSTREE\",\n    \"entries\": []\n}");
    ADD(TASK "\x28\x01\x28\x02");
    ADD("");
    expect_text(&pretty, "{\n"
                         "    \"magic\": \"PSTREE\",\n"
                         "    \"entries\": [\n"
                         "        {\n"
                         "            \"pid\": 1,\n"
                         "            \"ppid\": 0,\n"
                         "            \"pgid\": 1,\n"
                         "            \"sid\": 1,\n"
                         "            \"threads\": [\n"
                         "                1,\n"
                         "                2\n"
                         "            ]\n"
                         "        },\n"
                         "        {\n"
                         "            \"@wire\": \"\"\n"
                         "        }\n"
                         "    ]\n"
                         "}");
    image_magic(&image, APPARMOR);
    ADD("");
    expect_text(&pretty, "{\n    \"magic\": \"APPARMOR\",\n    \"entries\": [\n        {}\n    ]\n}");
}

Test(decode, framings)
{
    image.size = 0;
    image_word(&image, PSTREE);
    ADD(TASK);
    expect_plain("{\"magic\": \"PSTREE\", \"@framing\": \"v1.0\", \"entries\": [" TASK_TEXT "]}");
    image.size = 0;
    image_word(&image, INVENTORY);
    ADD("\x08\x01");
    expect_plain("{\"magic\": \"INVENTORY\", \"entries\": [{\"img_version\": 1}]}");
    image.size = 0;
    image_word(&image, 0x55105940);
    image_word(&image, STATS);
    expect_plain("{\"magic\": \"STATS\", \"entries\": []}");
    image.size = 0;
    image_word(&image, STATS);
    expect_plain("{\"magic\": \"STATS\", \"@framing\": \"v1.0\", \"entries\": []}");
    image_magic(&image, STATS);
    expect_refused(FY_E_FORMAT, "first magic");
    image_magic(&image, INVENTORY);
    expect_refused(FY_E_FORMAT, "first magic");
}

/* CRIU reads one entry and ignores the rest; who looks into a file wants to see it. */
Test(decode, more_entries_than_the_type_has)
{
    image_magic(&image, APPARMOR);
    ADD("");
    ADD("\x0a\x03\x0a\x01x");
    expect_plain("{\"magic\": \"APPARMOR\", \"entries\": [{}, {\"namespaces\": [{\"name\": \"x\"}]}]}");
}

/* ---- payloads ---- */

Test(decode, simple_payloads)
{
    image_magic(&image, PIPES_DATA);
    ADD("\x08\x07\x10\x03");
    CONTENT("abc");
    ADD("\x08\x08\x10\x00");
    expect_plain("{\"magic\": \"PIPES_DATA\", \"entries\": [{\"pipe_id\": 7, \"bytes\": 3, \"extra\": \"YWJj\\n\"}, "
                 "{\"pipe_id\": 8, \"bytes\": 0, \"extra\": \"\"}]}");
    image_magic(&image, SK_QUEUES);
    ADD("\x08\x07\x10\x01");
    CONTENT("x");
    expect_plain("{\"magic\": \"SK_QUEUES\", \"entries\": [{\"id_for\": 7, \"length\": 1, \"extra\": \"eA==\\n\"}]}");
    image_magic(&image, BPFMAP_DATA);
    ADD("\x08\x01\x10\x01\x18\x02\x20\x01");
    CONTENT("kvv");
    expect_plain("{\"magic\": \"BPFMAP_DATA\", \"entries\": [{\"map_id\": 1, \"keys_bytes\": 1, \"values_bytes\": 2, "
                 "\"count\": 1, \"extra\": \"a3Z2\\n\"}]}");
    image_magic(&image, TCP_STREAM);
    ADD("\x08\x02\x10\x00\x18\x01\x20\x00\x28\x00\x30\x00\x38\x00");
    CONTENT("inO");
    expect_plain("{\"magic\": \"TCP_STREAM\", \"entries\": [{\"inq_len\": 2, \"inq_seq\": 0, \"outq_len\": 1, "
                 "\"outq_seq\": 0, \"opt_mask\": 0, \"snd_wscale\": 0, \"mss_clamp\": 0, "
                 "\"extra\": {\"inq\": \"aW4=\\n\", \"outq\": \"Tw==\\n\"}}]}");
}

Test(decode, ghost_files)
{
    static const char chunked[] = "\x08\x00\x10\x00\x18\x80\x80\x02\x48\x01";

    image_magic(&image, GHOST_FILE);
    ADD("\x08\x00\x10\x00\x18\x80\x80\x02");
    expect_plain(
        "{\"magic\": \"GHOST_FILE\", \"entries\": [{\"uid\": 0, \"gid\": 0, \"mode\": 32768, \"extra\": \"\"}]}");
    CONTENT("all the rest");
    expect_plain("{\"magic\": \"GHOST_FILE\", \"entries\": [{\"uid\": 0, \"gid\": 0, \"mode\": 32768, "
                 "\"extra\": \"YWxsIHRoZSByZXN0\\n\"}]}");
    /* crit has no key for it */
    expect_text(&(struct fy_decode_options){.no_payload = true},
                "{\"magic\": \"GHOST_FILE\", \"entries\": [{\"uid\": 0, \"gid\": 0, \"mode\": 32768}]}");
    image_magic(&image, GHOST_FILE);
    add(chunked, sizeof(chunked) - 1);
    ADD("\x08\x02\x10\x80\x20");
    CONTENT("hi");
    expect_plain(
        "{\"magic\": \"GHOST_FILE\", \"entries\": [{\"uid\": 0, \"gid\": 0, \"mode\": 32768, \"chunks\": true}, "
        "{\"len\": 2, \"off\": 4096, \"extra\": \"aGk=\\n\"}]}");
    /* a FIFO has no content: what is there is not lost */
    image_magic(&image, GHOST_FILE);
    ADD("\x08\x00\x10\x00\x18\x80\x20");
    CONTENT("?");
    expect_plain(
        "{\"magic\": \"GHOST_FILE\", \"entries\": [{\"uid\": 0, \"gid\": 0, \"mode\": 4096, \"extra\": \"Pw==\\n\"}]}");
}

Test(decode, semaphores)
{
    image_magic(&image, IPCNS_SEM);
    ADD(DESC "\x10\x03");
    CONTENT("\x01\x00\x02\x00\xff\xff\x00\x00");
    ADD(DESC "\x10\x04");
    CONTENT("\x01\x00\x02\x00\x03\x00\x04\x00");
    ADD(DESC "\x10\x00");
    ADD(DESC "\x10\x01");
    CONTENT("\x01\x00\x00\x00\x00\x00\x00\x09");
    expect_plain("{\"magic\": \"IPCNS_SEM\", \"entries\": [" DESC_TEXT
                 "\"nsems\": 3, \"extra\": [1, 2, 65535]}, " DESC_TEXT
                 "\"nsems\": 4, \"extra\": [1, 2, 3, 4]}, " DESC_TEXT "\"nsems\": 0, \"extra\": []}, " DESC_TEXT
                 "\"nsems\": 1, \"extra\": [1], \"@extra\": \"AQAAAAAAAAk=\\n\"}]}");
}

Test(decode, message_queues)
{
    image_magic(&image, IPCNS_MSG);
    ADD(DESC "\x10\x00\x18\x02");
    ADD("\x08\x05\x10\x03");
    CONTENT("abc\0\0\0\0\0");
    ADD("\x08\x06\x10\x08");
    CONTENT("12345678");
    expect_plain("{\"magic\": \"IPCNS_MSG\", \"entries\": [" DESC_TEXT "\"qbytes\": 0, \"qnum\": 2, "
                 "\"extra\": [{\"mtype\": 5, \"msize\": 3}, \"YWJj\\n\", "
                 "{\"mtype\": 6, \"msize\": 8}, \"MTIzNDU2Nzg=\\n\"]}]}");
    expect_text(&(struct fy_decode_options){.no_payload = true},
                "{\"magic\": \"IPCNS_MSG\", \"entries\": [" DESC_TEXT "\"qbytes\": 0, \"qnum\": 2, "
                "\"extra\": \"... <19B>\"}]}");
    /* padding, and a message whose fields are out of order */
    image_magic(&image, IPCNS_MSG);
    ADD(DESC "\x10\x00\x18\x01");
    ADD("\x08\x05\x10\x03");
    CONTENT("abc\0\0\0\0!");
    ADD(DESC "\x10\x00\x18\x01");
    ADD("\x10\x00\x08\x05");
    ADD(DESC "\x10\x00\x18\x01");
    ADD("\x08\x05\x10\x00\x18\x01");
    expect_plain("{\"magic\": \"IPCNS_MSG\", \"entries\": [" DESC_TEXT
                 "\"qbytes\": 0, \"qnum\": 1, \"extra\": [{\"mtype\": 5, \"msize\": 3}, \"YWJj\\n\"], "
                 "\"@extra\": \"BAAAAAgFEANhYmMAAAAAIQ==\\n\"}, " DESC_TEXT
                 "\"qbytes\": 0, \"qnum\": 1, \"extra\": [{\"mtype\": 5, \"msize\": 0}, \"\"], "
                 "\"@extra\": \"BAAAABAACAU=\\n\"}, " DESC_TEXT
                 "\"qbytes\": 0, \"qnum\": 1, \"extra\": [{\"mtype\": 5, \"msize\": 0, \"@unknown\": "
                 "[{\"tag\": 3, \"type\": \"varint\", \"value\": 1}]}, \"\"]}]}");
}

/* The size of a segment says nothing when its pages are in pagemaps. */
Test(decode, segments)
{
    image_magic(&image, IPCNS_SHM);
    ADD(DESC "\x10\x80\x20\x18\x01");
    ADD(DESC "\x10\x80\x20\x18\x01");
    ADD(DESC "\x10\x06");
    CONTENT("memory\0\0");
    ADD(DESC "\x10\x06\x18\x00");
    CONTENT("memory\0!");
#define MODERN DESC_TEXT "\"size\": 4096, \"in_pagemaps\": true, \"extra\": \"\"}, "
    expect_plain("{\"magic\": \"IPCNS_SHM\", \"entries\": [" MODERN MODERN DESC_TEXT
                 "\"size\": 6, \"extra\": \"bWVtb3J5\\n\"}, " DESC_TEXT
                 "\"size\": 6, \"in_pagemaps\": false, \"extra\": \"bWVtb3J5\\n\", "
                 "\"@extra\": \"bWVtb3J5ACE=\\n\"}]}");
    image_magic(&image, IPCNS_SHM);
    ADD(DESC "\x10\x80\x20\x18\x01");
    ADD(DESC "\x10\x06");
    CONTENT("memory\0\0");
    expect_text(&(struct fy_decode_options){.no_payload = true},
                "{\"magic\": \"IPCNS_SHM\", \"entries\": [" DESC_TEXT
                "\"size\": 4096, \"in_pagemaps\": true, \"extra\": \"... <0B>\"}, " DESC_TEXT
                "\"size\": 6, \"extra\": \"... <6B>\"}]}");
}

Test(decode, sizes_in_place_of_payloads)
{
    static const struct {
        size_t bytes;
        const char *text;
    } cases[] = {{0, "<0B>"},       {15, "<15B>"},     {1023, "<1023B>"},      {1024, "<1KB>"},
                 {1536, "<1.5KB>"}, {1025, "<1.0KB>"}, {1048575, "<1024.0KB>"}};
    static uint8_t zeros[1 << 20];

    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_error err = FY_ERROR_INIT;
        uint32_t bytes = (uint32_t)cases[i].bytes;
        const uint8_t wire[] = {
            0x08, 0x01, 0x10, (uint8_t)(bytes | 0x80), (uint8_t)(bytes >> 7 | 0x80), (uint8_t)(bytes >> 14 & 0x7f)};
        static struct image large;
        large.size = 0;
        image_magic(&large, PIPES_DATA);
        image_entry(&large, wire, sizeof(wire));
        if (bytes > sizeof(large.data) - large.size)
            bytes = 0;
        image_bytes(&large, zeros, bytes);
        if (bytes != cases[i].bytes)
            continue;
        FY_AUTO_FREE char *text = decode_text(&large, &(struct fy_decode_options){.no_payload = true}, &err);
        cr_assert_not_null(text, "%s", err.message);
        cr_expect_not_null(strstr(text, cases[i].text), "%s is not in %s", cases[i].text, text);
    }
}

/* A payload of many pieces: as long as base64 makes it, and each line whole. */
Test(decode, large_payloads)
{
    struct fy_error err = FY_ERROR_INIT;
    const size_t bytes = 200000;
    static const uint8_t zeros[200000];

    image_magic(&image, PIPES_DATA);
    ADD("\x08\x01\x10\xc0\x9a\x0c");
    image_bytes(&image, zeros, bytes);
    FY_AUTO_FREE char *text = decode_text(&image, NULL, &err);
    cr_assert_not_null(text, "%s", err.message);
    size_t lines = (bytes + 56) / 57, letters = (bytes + 2) / 3 * 4;
    const char *extra = strstr(text, "\"extra\": \"");
    cr_assert_not_null(extra);
    cr_expect_eq(strlen(extra), strlen("\"extra\": \"") + letters + 2 * lines + strlen("\"}]}"));
    for (size_t i = 0; i < lines - 1; i++)
        cr_assert_eq(memcmp(extra + 10 + i * 78 + 76, "\\n", 2), 0, "line %zu", i);
}

/* ---- refusals ---- */

Test(decode, what_is_no_image)
{
    image.size = 0;
    expect_refused(FY_E_FORMAT, "a magic");
    image_bytes(&image,
                "\x7f"
                "ELF",
                4);
    expect_refused(FY_E_FORMAT, "begins with 0x464c457f");
    image.size = 0;
    image_word(&image, 0x45311224);
    expect_refused(FY_E_UNSUPPORTED, "it is routes");
    image.size = 0;
    image_word(&image, 0x57023458);
    expect_refused(FY_E_UNSUPPORTED, "cache of kernel features");
    image.size = 0;
    image_word(&image, 0x54564319);
    expect_refused(FY_E_FORMAT, "a second magic");
}

Test(decode, what_is_no_file)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_image_info info;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_expect_eq(fy_image_info(ends[0], "a pipe", NULL, &info, &err), -1);
    cr_expect_str_eq(err.message, "a pipe: is not a regular file");
    close(ends[0]);
    close(ends[1]);
    fy_error_clear(&err);
    cr_expect_eq(fy_image_info(-1, "nothing", NULL, &info, &err), -1);
    cr_expect_not_null(strstr(err.message, "nothing: "));
}

Test(decode, files_without_entries_by_name)
{
    static const char *const names[] = {"pages-1.img",    "set/pages-1.img",        "iptables-9.img",
                                        "netns-ct-9.img", "tmpfs-dev-1.tar.gz.img", "amdgpu-pages-1.img"};
    image.size = 0;
    image_bytes(&image, "zeros", 5);
    FY_AUTO_CLOSE int fd = image_file(&image);
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_image_info info;
        cr_expect_eq(fy_image_info(fd, names[i], NULL, &info, &err), -1);
        cr_expect_eq(err.code, FY_E_UNSUPPORTED, "%s", err.message);
        cr_expect_not_null(strstr(err.message, "has no entries to show: it is "), "%s", err.message);
    }
}

Test(decode, damaged_files)
{
    image_magic(&image, PSTREE);
    ADD(TASK);
    image.size -= 1;
    expect_refused(FY_E_FORMAT, "entry 0 at byte 12: pstree_entry of 8 bytes, but the file ends after 7");
    image_magic(&image, PSTREE);
    ADD(TASK);
    image_bytes(&image, "\1\0\0", 3);
    expect_refused(FY_E_FORMAT, "entry 1 at byte 20: a size word");
    image_magic(&image, PSTREE);
    ADD(TASK);
    ADD("\x08");
    expect_refused(FY_E_FORMAT, "entry 1 at byte 24: a number is cut off");
    image_magic(&image, PSTREE);
    ADD("\x0b");
    expect_refused(FY_E_FORMAT, "a field is of a type that CRIU does not use");
    image_magic(&image, PSTREE);
    image_word(&image, UINT32_MAX);
    expect_refused(FY_E_LIMIT, "says 4294967295 bytes");
    image_magic(&image, PIPES_DATA);
    ADD("\x08\x07\x10\x03");
    CONTENT("ab");
    expect_refused(FY_E_FORMAT, "3 bytes of content belong to it, but the file has 2");
    image_magic(&image, IPCNS_MSG);
    ADD(DESC "\x10\x00\x18\xff\xff\xff\xff\x0f");
    ADD("\x08\x05\x10\x00");
    expect_refused(FY_E_FORMAT, "message 1 of a queue");
}

Test(decode, compressed_pages)
{
    image.size = 0;
    image_word(&image, INVENTORY);
    ADD("\x08\x03");
    expect_refused(FY_E_UNSUPPORTED, "img_version 3, whose pages may be compressed");
    image_magic(&image, PAGEMAP);
    ADD("\x08\x01");
    ADD("\x08\x00\x20\x0c\x28\x01");
    expect_refused(FY_E_UNSUPPORTED, "entry 1 at byte 14: is of compressed pages");
    image_magic(&image, PAGEMAP);
    ADD("\x08\x01");
    ADD("\x08\x00\x20\x04\x28\x01");
    ADD("\x08\x00\x20\x04\x28\x01\x32\x02\x00\x00");
    expect_refused(FY_E_UNSUPPORTED, "entry 2 at byte 24: is of compressed pages");
}

/* A namespace within a namespace within …: as deep as the limits allow, and one deeper. */
Test(decode, deep_messages)
{
    struct fy_error err = FY_ERROR_INIT;
    uint8_t wire[256];
    size_t size = 0;

    for (unsigned levels = 0; levels < 63; levels++) {
        uint8_t outer[256];
        size_t header = 2 + (levels == 0);
        if (levels == 0) {
            memcpy(wire, "\x0a\x00", 2);
            size = 2;
            continue;
        }
        header = size < 128 ? 2 : 3;
        outer[0] = levels == 62 ? 0x0a : 0x1a;
        outer[1] = (uint8_t)(size < 128 ? size : (size & 0x7f) | 0x80);
        outer[2] = (uint8_t)(size >> 7);
        memcpy(outer + header, wire, size);
        size += header;
        memcpy(wire, outer, size);
    }
    image_magic(&image, APPARMOR);
    add((char *)wire, size);
    FY_AUTO_FREE char *text = decode_text(&image, &(struct fy_decode_options){.pretty = true}, &err);
    cr_assert_not_null(text, "%s", err.message);
    const struct fy_image_limits shallow = {.entry_bytes = 1 << 20, .memory_bytes = 1 << 20, .depth = 62};
    cr_expect_null(decode_text(&image, &(struct fy_decode_options){.limits = &shallow}, &err));
    cr_expect_not_null(strstr(err.message, "nested too deeply"), "%s", err.message);
}

/* A message in many parts takes memory for each; it is bounded. */
Test(decode, messages_in_very_many_parts)
{
    static uint8_t wire[900000];
    struct fy_error err = FY_ERROR_INIT;
    const struct fy_image_limits small = {.entry_bytes = 1 << 20, .memory_bytes = 1 << 20, .depth = 64};

    for (size_t i = 0; i < sizeof(wire); i += 4)
        memcpy(wire + i, "\x0a\x02\x08\x01", 4);
    image_magic(&image, 0x43114433);
    image_entry(&image, wire, sizeof(wire));
    FY_AUTO_FREE char *text = decode_text(&image, NULL, &err);
    cr_assert_not_null(text, "%s", err.message);
    cr_expect_not_null(strstr(text, "{\"monotonic\": {\"tv_sec\": 1}, \"@wire\": "));
    FY_AUTO_CLOSE int fd = image_file(&image);
    cr_expect_eq(fy_image_decode_json(fd, "test.img", &(struct fy_decode_options){.limits = &small},
                                      (fy_write_fn *)(void *)NULL, NULL, &err),
                 -1);
    cr_expect_eq(err.code, FY_E_LIMIT, "%s", err.message);
}

static int refuse_to_write(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    (void)bytes;
    (void)size;
    ++*(unsigned *)data;
    return fy_error_set(err, FY_E_NOSPACE, "the disk is full");
}

Test(decode, a_writer_that_fails_is_not_asked_again)
{
    static const uint8_t zeros[500000];
    struct fy_error err = FY_ERROR_INIT;
    unsigned calls = 0;

    image_magic(&image, PIPES_DATA);
    ADD("\x08\x01\x10\xa0\xc2\x1e");
    image_bytes(&image, zeros, sizeof(zeros));
    FY_AUTO_CLOSE int fd = image_file(&image);
    cr_expect_eq(fy_image_decode_json(fd, "test.img", NULL, refuse_to_write, &calls, &err), -1);
    cr_expect_eq(calls, 1);
    cr_expect_str_eq(err.message, "the disk is full");
}

/* ---- counting ---- */

static uint64_t count(void)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_image_info info = {NULL, UINT64_MAX};
    FY_AUTO_CLOSE int fd = image_file(&image);

    cr_assert_eq(fy_image_info(fd, "test.img", NULL, &info, &err), 0, "%s", err.message);
    return info.count;
}

Test(decode, counts)
{
    image_magic(&image, PSTREE);
    cr_expect_eq(count(), 0);
    ADD(TASK);
    ADD(TASK);
    cr_expect_eq(count(), 2);
    image_magic(&image, PAGEMAP);
    cr_expect_eq(count(), 0);
    ADD("\x08\x01");
    cr_expect_eq(count(), 0, "a head is none");
    ADD("\x08\x00\x20\x04\x28\x01");
    cr_expect_eq(count(), 1);
    image_magic(&image, PIPES_DATA);
    ADD("\x08\x07\x10\x08");
    CONTENT("\0\0\0\0\0\0\0\0");
    cr_expect_eq(count(), 1);
    image_magic(&image, GHOST_FILE);
    ADD("\x08\x00\x10\x00\x18\x80\x80\x02");
    CONTENT("\0\0\0\0\0\0\0\0");
    cr_expect_eq(count(), 1);
}
