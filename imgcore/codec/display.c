/* The rows of display_rows.inc as data, the words of flags and dictionaries, and finding the rule of a field. */
#include <criu/core.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/mm.pb-c.h>
#include <criu/mounts.pb-c.h>
#include <criu/netdev.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/display.h>
#include <string.h>

/* ---- words: value by value as in crit, also where it is wrong ---- */

static const struct fy_display_word mmap_prot[] = {{"PROT_READ", 1}, {"PROT_WRITE", 2}, {"PROT_EXEC", 4}};

static const struct fy_display_word mmap_flags[] = {
    {"MAP_SHARED", 0x1}, {"MAP_PRIVATE", 0x2}, {"MAP_DROPPABLE", 0x8}, {"MAP_ANON", 0x20}, {"MAP_GROWSDOWN", 0x100}};

static const struct fy_display_word mmap_status[] = {
    {"VMA_AREA_NONE", 0},           {"VMA_AREA_REGULAR", 1u << 0},  {"VMA_AREA_STACK", 1u << 1},
    {"VMA_AREA_VSYSCALL", 1u << 2}, {"VMA_AREA_VDSO", 1u << 3},     {"VMA_AREA_HEAP", 1u << 5},
    {"VMA_FILE_PRIVATE", 1u << 6},  {"VMA_FILE_SHARED", 1u << 7},   {"VMA_ANON_SHARED", 1u << 8},
    {"VMA_ANON_PRIVATE", 1u << 9},  {"VMA_AREA_SYSVIPC", 1u << 10}, {"VMA_AREA_SOCKET", 1u << 11},
    {"VMA_AREA_VVAR", 1u << 12},    {"VMA_AREA_AIORING", 1u << 13}, {"VMA_AREA_MEMFD", 1u << 14},
    {"VMA_AREA_SHSTK", 1u << 15},   {"VMA_AREA_UPROBES", 1u << 17}, {"VMA_UNSUPP", 1u << 31},
};

/* Those of x86, whatever the image's architecture is. */
static const struct fy_display_word rfile_flags[] = {
    {"O_WRONLY", 01},         {"O_RDWR", 02},          {"O_CREAT", 0100},       {"O_EXCL", 0200},
    {"O_NOCTTY", 0400},       {"O_TRUNC", 01000},      {"O_APPEND", 02000},     {"O_NONBLOCK", 04000},
    {"O_DSYNC", 010000},      {"FASYNC", 020000},      {"O_DIRECT", 040000},    {"O_LARGEFILE", 0100000},
    {"O_DIRECTORY", 0200000}, {"O_NOFOLLOW", 0400000}, {"O_NOATIME", 01000000}, {"O_CLOEXEC", 02000000},
};

static const struct fy_display_word seals_flags[] = {{"F_SEAL_SEAL", 0x1},
                                                     {"F_SEAL_SHRINK", 0x2},
                                                     {"F_SEAL_GROW", 0x4},
                                                     {"F_SEAL_WRITE", 0x8},
                                                     {"F_SEAL_FUTURE_WRITE", 0x10}};

static const struct fy_display_word pmap_flags[] = {{"PE_PARENT", 1}, {"PE_LAZY", 2}, {"PE_PRESENT", 4}};

/* crit has these names on the wrong numbers (CRIU writes 2 for dead and 3 for stopped); they are read back by the same
 * list, so what is written is right. */
static const struct fy_display_word task_state[] = {{"Alive", 1}, {"Zombie", 3}, {"Stopped", 6}};

static const struct fy_display_word sk_family[] = {
    {"UNIX", 1}, {"INET", 2}, {"INET6", 10}, {"NETLINK", 16}, {"PACKET", 17}};

static const struct fy_display_word sk_type[] = {
    {"STREAM", 1}, {"DGRAM", 2}, {"RAW", 3}, {"SEQPACKET", 5}, {"PACKET", 10}};

static const struct fy_display_word sk_proto[] = {{"IP", 0}, {"TCP", 6}, {"UDP", 17}, {"UDPLITE", 136}};

static const struct fy_display_word sk_state[] = {
    {"ESTABLISHED", 1}, {"SYN_SENT", 2}, {"SYN_RECV", 3},   {"FIN_WAIT1", 4}, {"FIN_WAIT2", 5},
    {"TIME_WAIT", 6},   {"CLOSE", 7},    {"CLOSE_WAIT", 8}, {"LAST_ACK", 9},  {"LISTEN", 10},
};

/* ---- rules ---- */

#define WORDS_NONE NULL, NULL, 0
#define WORDS_MMAP_PROT "mmap.prot", mmap_prot, FY_ARRAY_SIZE(mmap_prot)
#define WORDS_MMAP_FLAGS "mmap.flags", mmap_flags, FY_ARRAY_SIZE(mmap_flags)
#define WORDS_MMAP_STATUS "mmap.status", mmap_status, FY_ARRAY_SIZE(mmap_status)
#define WORDS_RFILE_FLAGS "rfile.flags", rfile_flags, FY_ARRAY_SIZE(rfile_flags)
#define WORDS_SEALS_FLAGS "seals.flags", seals_flags, FY_ARRAY_SIZE(seals_flags)
#define WORDS_PMAP_FLAGS "pmap.flags", pmap_flags, FY_ARRAY_SIZE(pmap_flags)
#define WORDS_GEN_TASK_STATE "gen", task_state, FY_ARRAY_SIZE(task_state)
#define WORDS_SK_FAMILY "sk", sk_family, FY_ARRAY_SIZE(sk_family)
#define WORDS_SK_TYPE "sk", sk_type, FY_ARRAY_SIZE(sk_type)
#define WORDS_SK_PROTO "sk", sk_proto, FY_ARRAY_SIZE(sk_proto)
#define WORDS_SK_STATE "sk", sk_state, FY_ARRAY_SIZE(sk_state)

struct row {
    const ProtobufCMessageDescriptor *message;
    const char *field;
    struct fy_display display;
};

static const struct row rows[] = {
#define DISPLAY(message, field, rule, words) {&message##__descriptor, #field, {FY_DISPLAY_##rule, WORDS_##words}},
#include "display_rows.inc"
};

static const struct fy_display hex = {FY_DISPLAY_HEX, WORDS_NONE};

const struct fy_display *fy_display_find(const ProtobufCMessageDescriptor *message, const char *field)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(rows); i++)
        if (rows[i].message == message && strcmp(rows[i].field, field) == 0)
            return &rows[i].display;
    return NULL;
}

const struct fy_display *fy_display_hex(void)
{
    return &hex;
}
