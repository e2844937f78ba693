/* The rules by which fields are shown: the same fields as in CRIU's schema, and texts that are read back. */
#include "criu-descriptors.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/display.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_POINTER(symbol) &symbol,
static const ProtobufCMessageDescriptor *const messages[] = {CRIU_MESSAGES(MESSAGE_POINTER)};

/* ---- the table against the schema ---- */

/* The option as the schema writes it. */
static void option_text(const struct fy_display *display, char text[64])
{
    static const char *const plain[] = {[FY_DISPLAY_HEX] = "criu: hex: true",
                                        [FY_DISPLAY_ADDRESS] = "criu: ipadd: true",
                                        [FY_DISPLAY_DEVICE] = "criu: dev: true",
                                        [FY_DISPLAY_USER_DEVICE] = "criu: dev: true odev: true",
                                        [FY_DISPLAY_UNIX_NAME] = "criu: conv: \"unix_name\""};

    if (!display)
        text[0] = '\0';
    else if (display->word_list)
        (void)snprintf(text, 64, "criu: %s: \"%s\"", display->rule == FY_DISPLAY_FLAGS ? "flags" : "dict",
                       display->word_list);
    else
        (void)snprintf(text, 64, "%s", plain[display->rule]);
}

static const ProtobufCMessageDescriptor *find_message(const char *name)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(messages); i++)
        if (strcmp(messages[i]->name, name) == 0)
            return messages[i];
    return NULL;
}

Test(display, is_the_schema)
{
    FY_AUTO_FCLOSE FILE *facts = fopen(TEST_SOURCE_DIR "/../proto/criu-schema.tsv", "r");
    char line[512], expected[64];
    unsigned marked = 0, fields = 0, ours = 0;

    cr_assert_not_null(facts);
    while (fgets(line, sizeof(line), facts)) {
        char *cell[9] = {0}, *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < 9; i++)
            cell[i] = strsep(&rest, "\t");
        if (!cell[8] || strcmp(cell[1], "field") != 0)
            continue;
        const ProtobufCMessageDescriptor *message = find_message(cell[2]);
        cr_assert_not_null(message, "%s", cell[2]);
        option_text(fy_display_find(message, cell[6]), expected);
        cr_expect_str_eq(cell[8], expected, "%s.%s", cell[2], cell[6]);
        fields++;
        marked += cell[8][0] != '\0';
    }
    for (size_t i = 0; i < FY_ARRAY_SIZE(messages); i++)
        for (unsigned j = 0; j < messages[i]->n_fields; j++)
            ours += fy_display_find(messages[i], messages[i]->fields[j].name) != NULL;
    cr_expect_gt(fields, 1000);
    cr_expect_eq(ours, marked, "%u rows of ours, %u of the schema", ours, marked);
}

/* ---- numbers ---- */

static const struct fy_display *rule_of(const char *message, const char *field)
{
    const ProtobufCMessageDescriptor *descriptor = find_message(message);
    return descriptor ? fy_display_find(descriptor, field) : NULL;
}

struct number_case {
    const char *message, *field;
    uint64_t value;
    const char *text; /* NULL: a plain number */
};

static const struct number_case number_cases[] = {
    {"mm_entry", "mm_brk", 0, "0x0"},
    {"mm_entry", "mm_brk", UINT64_MAX, "0xffffffffffffffff"},
    {"vma_entry", "prot", 0, ""},
    {"vma_entry", "prot", 7, "PROT_READ | PROT_WRITE | PROT_EXEC"},
    {"vma_entry", "prot", 8, "0x8"},
    {"vma_entry", "flags", 0x4022, "MAP_PRIVATE | MAP_ANON | 0x4000"},
    {"vma_entry", "status", 0x80010001, "VMA_AREA_REGULAR | VMA_UNSUPP | 0x10000"},
    {"reg_file_entry", "flags", 0100003, "O_WRONLY | O_RDWR | O_LARGEFILE"},
    {"memfd_inode_entry", "seals", 0x3f,
     "F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | 0x20"},
    {"pagemap_entry", "flags", 6, "PE_LAZY | PE_PRESENT"},
    {"mnt_entry", "root_dev", 0x800001, "8:1"},
    {"mnt_entry", "root_dev", UINT32_MAX, "4095:1048575"},
    {"ghost_file_entry", "rdev", 0x801, "8:1"},
    {"ghost_file_entry", "rdev", UINT32_MAX, "4095:1048575"},
    {"task_core_entry", "task_state", 3, "Zombie"},
    {"task_core_entry", "task_state", 2, NULL},
    {"inet_sk_entry", "proto", 0, "IP"},
    {"inet_sk_entry", "family", 10, "INET6"},
    {"inet_sk_entry", "type", 10, "PACKET"},
    {"unix_sk_entry", "state", 10, "LISTEN"},
    {"unix_sk_entry", "type", 4, NULL},
    /* each word that crit has, and all of a list at once */
    {"vma_entry", "prot", UINT32_MAX, "PROT_READ | PROT_WRITE | PROT_EXEC | 0xfffffff8"},
    {"vma_entry", "prot", 1u << 0, "PROT_READ"},
    {"vma_entry", "prot", 1u << 1, "PROT_WRITE"},
    {"vma_entry", "prot", 1u << 2, "PROT_EXEC"},
    {"vma_entry", "flags", UINT32_MAX,
     "MAP_SHARED | MAP_PRIVATE | MAP_DROPPABLE | MAP_ANON | MAP_GROWSDOWN | 0xfffffed4"},
    {"vma_entry", "flags", 1u << 0, "MAP_SHARED"},
    {"vma_entry", "flags", 1u << 1, "MAP_PRIVATE"},
    {"vma_entry", "flags", 1u << 3, "MAP_DROPPABLE"},
    {"vma_entry", "flags", 1u << 5, "MAP_ANON"},
    {"vma_entry", "flags", 1u << 8, "MAP_GROWSDOWN"},
    {"vma_entry", "status", UINT32_MAX,
     "VMA_AREA_REGULAR | VMA_AREA_STACK | VMA_AREA_VSYSCALL | VMA_AREA_VDSO | VMA_AREA_HEAP | VMA_FILE_PRIVATE | "
     "VMA_FILE_SHARED | VMA_ANON_SHARED | VMA_ANON_PRIVATE | VMA_AREA_SYSVIPC | VMA_AREA_SOCKET | VMA_AREA_VVAR | "
     "VMA_AREA_AIORING | VMA_AREA_MEMFD | VMA_AREA_SHSTK | VMA_AREA_UPROBES | VMA_UNSUPP | 0x7ffd0010"},
    {"vma_entry", "status", 1u << 0, "VMA_AREA_REGULAR"},
    {"vma_entry", "status", 1u << 1, "VMA_AREA_STACK"},
    {"vma_entry", "status", 1u << 2, "VMA_AREA_VSYSCALL"},
    {"vma_entry", "status", 1u << 3, "VMA_AREA_VDSO"},
    {"vma_entry", "status", 1u << 5, "VMA_AREA_HEAP"},
    {"vma_entry", "status", 1u << 6, "VMA_FILE_PRIVATE"},
    {"vma_entry", "status", 1u << 7, "VMA_FILE_SHARED"},
    {"vma_entry", "status", 1u << 8, "VMA_ANON_SHARED"},
    {"vma_entry", "status", 1u << 9, "VMA_ANON_PRIVATE"},
    {"vma_entry", "status", 1u << 10, "VMA_AREA_SYSVIPC"},
    {"vma_entry", "status", 1u << 11, "VMA_AREA_SOCKET"},
    {"vma_entry", "status", 1u << 12, "VMA_AREA_VVAR"},
    {"vma_entry", "status", 1u << 13, "VMA_AREA_AIORING"},
    {"vma_entry", "status", 1u << 14, "VMA_AREA_MEMFD"},
    {"vma_entry", "status", 1u << 15, "VMA_AREA_SHSTK"},
    {"vma_entry", "status", 1u << 17, "VMA_AREA_UPROBES"},
    {"vma_entry", "status", 1u << 31, "VMA_UNSUPP"},
    {"reg_file_entry", "flags", UINT32_MAX,
     "O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | FASYNC | O_DIRECT "
     "| O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | 0xfff0003c"},
    {"reg_file_entry", "flags", 1u << 0, "O_WRONLY"},
    {"reg_file_entry", "flags", 1u << 1, "O_RDWR"},
    {"reg_file_entry", "flags", 1u << 6, "O_CREAT"},
    {"reg_file_entry", "flags", 1u << 7, "O_EXCL"},
    {"reg_file_entry", "flags", 1u << 8, "O_NOCTTY"},
    {"reg_file_entry", "flags", 1u << 9, "O_TRUNC"},
    {"reg_file_entry", "flags", 1u << 10, "O_APPEND"},
    {"reg_file_entry", "flags", 1u << 11, "O_NONBLOCK"},
    {"reg_file_entry", "flags", 1u << 12, "O_DSYNC"},
    {"reg_file_entry", "flags", 1u << 13, "FASYNC"},
    {"reg_file_entry", "flags", 1u << 14, "O_DIRECT"},
    {"reg_file_entry", "flags", 1u << 15, "O_LARGEFILE"},
    {"reg_file_entry", "flags", 1u << 16, "O_DIRECTORY"},
    {"reg_file_entry", "flags", 1u << 17, "O_NOFOLLOW"},
    {"reg_file_entry", "flags", 1u << 18, "O_NOATIME"},
    {"reg_file_entry", "flags", 1u << 19, "O_CLOEXEC"},
    {"memfd_inode_entry", "seals", UINT32_MAX,
     "F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | 0xffffffe0"},
    {"memfd_inode_entry", "seals", 1u << 0, "F_SEAL_SEAL"},
    {"memfd_inode_entry", "seals", 1u << 1, "F_SEAL_SHRINK"},
    {"memfd_inode_entry", "seals", 1u << 2, "F_SEAL_GROW"},
    {"memfd_inode_entry", "seals", 1u << 3, "F_SEAL_WRITE"},
    {"memfd_inode_entry", "seals", 1u << 4, "F_SEAL_FUTURE_WRITE"},
    {"pagemap_entry", "flags", UINT32_MAX, "PE_PARENT | PE_LAZY | PE_PRESENT | 0xfffffff8"},
    {"pagemap_entry", "flags", 1u << 0, "PE_PARENT"},
    {"pagemap_entry", "flags", 1u << 1, "PE_LAZY"},
    {"pagemap_entry", "flags", 1u << 2, "PE_PRESENT"},
    {"inet_sk_entry", "family", 1, "UNIX"},
    {"inet_sk_entry", "family", 2, "INET"},
    {"inet_sk_entry", "family", 10, "INET6"},
    {"inet_sk_entry", "family", 16, "NETLINK"},
    {"inet_sk_entry", "family", 17, "PACKET"},
    {"inet_sk_entry", "type", 1, "STREAM"},
    {"inet_sk_entry", "type", 2, "DGRAM"},
    {"inet_sk_entry", "type", 3, "RAW"},
    {"inet_sk_entry", "type", 5, "SEQPACKET"},
    {"inet_sk_entry", "type", 10, "PACKET"},
    {"inet_sk_entry", "proto", 0, "IP"},
    {"inet_sk_entry", "proto", 6, "TCP"},
    {"inet_sk_entry", "proto", 17, "UDP"},
    {"inet_sk_entry", "proto", 136, "UDPLITE"},
    {"inet_sk_entry", "state", 1, "ESTABLISHED"},
    {"inet_sk_entry", "state", 2, "SYN_SENT"},
    {"inet_sk_entry", "state", 3, "SYN_RECV"},
    {"inet_sk_entry", "state", 4, "FIN_WAIT1"},
    {"inet_sk_entry", "state", 5, "FIN_WAIT2"},
    {"inet_sk_entry", "state", 6, "TIME_WAIT"},
    {"inet_sk_entry", "state", 7, "CLOSE"},
    {"inet_sk_entry", "state", 8, "CLOSE_WAIT"},
    {"inet_sk_entry", "state", 9, "LAST_ACK"},
    {"inet_sk_entry", "state", 10, "LISTEN"},
    {"task_core_entry", "task_state", 1, "Alive"},
    {"task_core_entry", "task_state", 3, "Zombie"},
    {"task_core_entry", "task_state", 6, "Stopped"},
};

Test(display, numbers_there_and_back)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(number_cases); i++) {
        const struct number_case *c = &number_cases[i];
        const struct fy_display *display = rule_of(c->message, c->field);
        char text[FY_DISPLAY_TEXT_SIZE];
        struct fy_integer back = {42, true};
        cr_assert_not_null(display, "%s.%s", c->message, c->field);
        int length = fy_display_format(display, (struct fy_integer){c->value, false}, text);
        if (!c->text) {
            cr_expect_eq(length, -1, "%s.%s", c->message, c->field);
            continue;
        }
        cr_expect_eq(length, (int)strlen(c->text));
        cr_expect_str_eq(text, c->text);
        cr_expect(fy_display_parse(display, text, (size_t)length, &back), "%s", text);
        cr_expect_eq(back.magnitude, c->value, "%s", text);
        cr_expect(!back.negative);
    }
}

/* Every bit of every field with a rule, alone and all together: the text fits and is read back. */
Test(display, every_bit_there_and_back)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(messages); i++) {
        for (unsigned j = 0; j < messages[i]->n_fields; j++) {
            const ProtobufCFieldDescriptor *field = &messages[i]->fields[j];
            const struct fy_display *display = fy_display_find(messages[i], field->name);
            if (!display || (field->type != PROTOBUF_C_TYPE_UINT32 && field->type != PROTOBUF_C_TYPE_UINT64))
                continue;
            unsigned bits = field->type == PROTOBUF_C_TYPE_UINT32 ? 32 : 64;
            for (unsigned bit = 0; bit <= bits; bit++) {
                char text[FY_DISPLAY_TEXT_SIZE];
                struct fy_integer value = {bit < bits ? 1ull << bit : UINT64_MAX >> (64 - bits), false}, back;
                int length = fy_display_format(display, value, text);
                if (length < 0)
                    continue;
                cr_assert_lt(length, FY_DISPLAY_TEXT_SIZE);
                cr_assert(fy_display_parse(display, text, (size_t)length, &back), "%s: %s", field->name, text);
                cr_assert_eq(back.magnitude, value.magnitude, "%s: %s", field->name, text);
            }
        }
    }
}

Test(display, texts_that_are_no_numbers)
{
    static const char *const no_number[] = {
        "",    "-",   "0x", "0b2", "017", "1 ",  "1.0", "0x1g", "18446744073709551616",
        "--1", "+-1", "x",  "1e3", " 1",  "0o8", "1_0"};
    static const char *const no_device[] = {"4096:0", "0:1048576", ":", "1:", ":1", "1:2:3", "-1:1", "a:b"};
    static const char *const no_flags[] = {"|", "PROT_READ |", "PROT_read", "PROT_READ PROT_WRITE", "-1", " | 1"};
    struct fy_integer value = {42, true};

    for (size_t i = 0; i < FY_ARRAY_SIZE(no_number); i++)
        cr_expect(!fy_display_parse(NULL, no_number[i], strlen(no_number[i]), &value), "%s", no_number[i]);
    for (size_t i = 0; i < FY_ARRAY_SIZE(no_device); i++)
        cr_expect(!fy_display_parse(rule_of("mnt_entry", "root_dev"), no_device[i], strlen(no_device[i]), &value), "%s",
                  no_device[i]);
    for (size_t i = 0; i < FY_ARRAY_SIZE(no_flags); i++)
        cr_expect(!fy_display_parse(rule_of("vma_entry", "prot"), no_flags[i], strlen(no_flags[i]), &value), "%s",
                  no_flags[i]);
    cr_expect(value.magnitude == 42 && value.negative, "a failure leaves the value alone");
}

Test(display, numbers_in_every_base)
{
    static const struct {
        const char *text;
        uint64_t magnitude;
        bool negative;
    } cases[] = {{"0", 0, false},     {"-0", 0, false},     {"-5", 5, true},
                 {"+7", 7, false},    {"0XfF", 255, false}, {"0o17", 15, false},
                 {"0b101", 5, false}, {"-0x10", 16, true},  {"18446744073709551615", UINT64_MAX, false}};

    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_integer value = {42, true};
        cr_expect(fy_display_parse(fy_display_hex(), cases[i].text, strlen(cases[i].text), &value), "%s",
                  cases[i].text);
        cr_expect(value.magnitude == cases[i].magnitude && value.negative == cases[i].negative, "%s", cases[i].text);
    }
}

/* ---- addresses ---- */

Test(display, addresses)
{
    /* As bytes; the words have the first byte lowest. */
    static const struct {
        const char *text;
        uint32_t words[4];
        size_t count;
    } cases[] = {
        {"127.0.0.1", {0x0100007f}, 1},
        {"::", {0, 0, 0, 0}, 4},
        {"::1", {0, 0, 0, 0x01000000}, 4},
        {"::ffff:102:304", {0, 0, 0xffff0000, 0x04030201}, 4},
        {"::102:304", {0, 0, 0, 0x04030201}, 4},
        {"fe80::1:0:0:1", {0x000080fe, 0, 0x00000100, 0x01000000}, 4},
        {"1:2:3:4:5:6:0:8", {0x02000100, 0x04000300, 0x06000500, 0x08000000}, 4},
        {"1::", {0x00000100, 0, 0, 0}, 4},
        {"1:0:0:2::3", {0x00000100, 0x02000000, 0, 0x03000000}, 4},
    };
    char text[FY_DISPLAY_ADDRESS_SIZE];
    uint32_t words[4];

    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        int length = fy_display_format_address(cases[i].words, cases[i].count, text);
        cr_expect_eq(length, (int)strlen(cases[i].text));
        cr_expect_str_eq(text, cases[i].text);
        cr_expect_eq(fy_display_parse_address(text, strlen(text), words), cases[i].count);
        cr_expect_arr_eq(words, cases[i].words, 4 * cases[i].count);
    }
    for (size_t count = 0; count < 6; count++)
        if (count != 1 && count != 4)
            cr_expect_eq(fy_display_format_address((const uint32_t[6]){0}, count, text), -1);
    cr_expect_eq(fy_display_parse_address("1.2.3", 5, words), 0);
    cr_expect_eq(fy_display_parse_address("1.2.3.4\0", 8, words), 0);
    cr_expect_eq(fy_display_parse_address("", 0, words), 0);
}

/* ---- names of UNIX sockets ---- */

static void format_name(const char *name, size_t size, struct fy_buf *text)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_buf_init(text, 0);
    cr_assert_eq(fy_display_format_unix_name((const uint8_t *)name, size, text, &err), 0, "%s", err.message);
}

/* What Python 3.11's quopri.encodestring says. */
Test(display, names_as_python_writes_them)
{
#define NAME(name, text)                                                                                               \
    {                                                                                                                  \
        name, sizeof(name) - 1, text                                                                                   \
    }
    static const struct {
        const char *name;
        size_t size;
        const char *text;
    } cases[] = {
        NAME("", ""),
        NAME("/run/a.sock\0", "/run/a.sock=00"),
        NAME("\0abstract=1", "=00abstract=3D1"),
        NAME("\xff\x7f~", "=FF=7F~"),
        NAME("a ", "a=20"),
        NAME("a \nb", "a=20\nb"),
        NAME("a\t\r\nb", "a=09\r\nb"),
        NAME(".", "=2E"),
        NAME(".\0", "=2E=00"),
        NAME("a.", "a."),
        NAME("a\rb", "a\rb"),
        NAME("a\r\nb\nc", "a\r\nb\r\nc"),
        NAME("a\nb\r\nc", "a\nb\nc"),
        NAME("0123456789012345678901234567890123456789012345678901234567890123456789012345",
             "0123456789012345678901234567890123456789012345678901234567890123456789012345"),
        NAME("01234567890123456789012345678901234567890123456789012345678901234567890123456",
             "012345678901234567890123456789012345678901234567890123456789012345678901234=\n56"),
        NAME("012345678901234567890123456789012345678901234567890123456789012345678901\xc3",
             "012345678901234567890123456789012345678901234567890123456789012345678901=C3"),
        NAME("0123456789012345678901234567890123456789012345678901234567890123456789012\xc3",
             "0123456789012345678901234567890123456789012345678901234567890123456789012=\n=C3"),
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_buf text, back;
        struct fy_error err = FY_ERROR_INIT;
        format_name(cases[i].name, cases[i].size, &text);
        cr_expect_eq(text.size, strlen(cases[i].text), "case %zu: %.*s", i, (int)text.size, (char *)text.data);
        cr_expect(text.size == 0 || memcmp(text.data, cases[i].text, text.size) == 0, "case %zu: %.*s", i,
                  (int)text.size, (char *)text.data);
        fy_buf_init(&back, 0);
        cr_assert_eq(fy_display_parse_unix_name(cases[i].text, strlen(cases[i].text), &back, &err), 0);
        bool same = back.size == cases[i].size && (back.size == 0 || memcmp(back.data, cases[i].name, back.size) == 0);
        cr_expect_eq(same, fy_display_keeps_unix_name((const uint8_t *)cases[i].name, cases[i].size), "case %zu", i);
        fy_buf_done(&back);
        fy_buf_done(&text);
    }
}

/* Any bytes: what is said to be kept is kept, and what is not is not. */
Test(display, random_names_there_and_back)
{
    static const char letters[] = "\r\n\r\n \t.=ab\xff\0";
    unsigned seed = 1, kept = 0;
    struct fy_error err = FY_ERROR_INIT;

    for (unsigned round = 0; round < 20000; round++) {
        char name[200];
        size_t size = round % sizeof(name);
        struct fy_buf text, back;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1103515245 + 12345;
            name[i] = round % 3 ? letters[(seed >> 16) % (round % 3 == 1 ? 4 : sizeof(letters))] : (char)(seed >> 16);
        }
        format_name(name, size, &text);
        fy_buf_init(&back, 0);
        cr_assert_eq(fy_display_parse_unix_name((const char *)text.data, text.size, &back, &err), 0);
        bool same = back.size == size && (size == 0 || memcmp(back.data, name, size) == 0);
        cr_assert_eq(same, fy_display_keeps_unix_name((const uint8_t *)name, size), "round %u", round);
        kept += same;
        fy_buf_done(&back);
        fy_buf_done(&text);
    }
    cr_expect(kept > 5000 && kept < 20000, "%u", kept);
}

Test(display, odd_quoted_printable)
{
    static const struct {
        const char *text, *name;
    } cases[] = {{"=", ""},       {"a=", "a"},    {"==41", "=41"}, {"=4", "=4"}, {"=4g", "=4g"}, {"=c3=C3", "\xc3\xc3"},
                 {"=\r\nb", "b"}, {"=\rxyz", ""}, {"a=\nb", "ab"}};
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_buf name;
        struct fy_error err = FY_ERROR_INIT;
        fy_buf_init(&name, 0);
        cr_assert_eq(fy_display_parse_unix_name(cases[i].text, strlen(cases[i].text), &name, &err), 0);
        cr_expect_eq(name.size, strlen(cases[i].name), "%s", cases[i].text);
        cr_expect(name.size == 0 || memcmp(name.data, cases[i].name, name.size) == 0, "%s", cases[i].text);
        fy_buf_done(&name);
    }
}
