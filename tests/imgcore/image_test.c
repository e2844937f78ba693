/* The reader of one image: what it refuses, and that it finds the end of every kind of payload. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <criu/cgroup.pb-c.h>
#include <criu/cpuinfo.pb-c.h>
#include <criu/files-regular.pb-c.h>
#include <criu/ipc.pb-c.h>
#include <criu/memfd.pb-c.h>
#include <criu/pipes.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <criu/sockets-inet.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <ferry/imgcore/image.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC_PSTREE 0x50273030
#define MAGIC_CPUINFO 0x61404013

static struct scratch dir;
static struct made made;

static void begin(void)
{
    scratch_make(&dir);
}

static void end(void)
{
    scratch_done(&dir);
}

TestSuite(image, .init = begin, .fini = end);

/* Writes what was made as `name` and reads it to its end: the number of entries, or -1. */
static int read_made(const char *name, const struct fy_image_limits *limits, struct fy_error *err)
{
    struct fy_image *image;
    struct fy_image_entry entry;
    int result, count = 0;

    fy_error_clear(err);
    scratch_write(&dir, name, made.data, made.size);
    if (fy_image_open(dir.fd, name, limits, &image, err) < 0)
        return -1;
    while ((result = fy_image_next(image, &entry, err)) > 0)
        count++;
    fy_image_free(image);
    return result < 0 ? -1 : count;
}

static void expect_fault(const char *name, enum fy_code code, const char *text)
{
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(read_made(name, NULL, &err), -1, "%s: no error where \"%s\" was expected", name, text);
    cr_expect_eq(err.code, code, "%s: %s", fy_code_name(err.code), err.message);
    cr_expect_not_null(strstr(err.message, text), "\"%s\" is not in \"%s\"", text, err.message);
    cr_expect_not_null(strstr(err.message, name), "\"%s\" is not in \"%s\"", name, err.message);
}

static void expect_entries(const char *name, int count)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_expect_eq(read_made(name, NULL, &err), count, "%s: %s", name, err.message);
}

static void add_task(uint32_t pid)
{
    PstreeEntry task = PSTREE_ENTRY__INIT;
    task.pid = pid;
    made_entry(&made, &task);
}

Test(image, names_without_entries)
{
    static const char *const names[] = {"pages-1.img", "nothing.txt", "../pstree.img", "/etc/passwd", ""};
    struct fy_image *image = NULL;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_expect_eq(fy_image_open(dir.fd, names[i], NULL, &image, &err), -1);
        cr_expect_eq(err.code, FY_E_USAGE, "%s", names[i]);
    }
    cr_expect_null(image);
    fy_image_free(NULL);
}

Test(image, things_that_are_not_files)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_image *image;

    cr_expect_eq(fy_image_open(dir.fd, "pstree.img", NULL, &image, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);

    cr_assert_eq(symlinkat("core-1.img", dir.fd, "pstree.img"), 0);
    fy_error_clear(&err);
    cr_expect_eq(fy_image_open(dir.fd, "pstree.img", NULL, &image, &err), -1);
    cr_expect_eq(err.code, FY_E_FORMAT, "%s", err.message);

    cr_assert_eq(mkfifoat(dir.fd, "files.img", 0600), 0);
    fy_error_clear(&err);
    cr_expect_eq(fy_image_open(dir.fd, "files.img", NULL, &image, &err), -1);
    cr_expect_eq(err.code, FY_E_FORMAT, "%s", err.message);
}

Test(image, magics)
{
    made.size = 0;
    expect_fault("pstree.img", FY_E_FORMAT, "a magic");
    made_word(&made, 0x54564319);
    expect_fault("pstree.img", FY_E_FORMAT, "a second magic");
    made_word(&made, 0x55053847);
    expect_fault("pstree.img", FY_E_FORMAT, "that of CORE, not that of PSTREE");
    made_magic(&made, 0x12345678);
    expect_fault("pstree.img", FY_E_FORMAT, "0x12345678");
    made_magic(&made, 0x57093306);
    expect_fault("stats-dump", FY_E_FORMAT, "does not belong");
    made_magic(&made, 0x58313116);
    expect_fault("inventory.img", FY_E_FORMAT, "does not belong");
    made.size = 0;
    made_word(&made, 0x55105940);
    made_word(&made, MAGIC_PSTREE);
    expect_fault("pstree.img", FY_E_FORMAT, "does not belong");
}

Test(image, cut_off_anywhere)
{
    struct fy_error err = FY_ERROR_INIT;
    size_t whole, first;

    made_magic(&made, MAGIC_PSTREE);
    add_task(1);
    first = made.size;
    add_task(2);
    whole = made.size;
    for (made.size = 0; made.size < whole; made.size++) {
        int count = read_made("pstree.img", NULL, &err);
        int expected = made.size == 8 ? 0 : made.size == first ? 1 : -1; /* between entries nothing tells */
        cr_expect_eq(count, expected, "%zu bytes of %zu: %d", made.size, whole, count);
    }
    expect_entries("pstree.img", 2);
}

Test(image, sizes_that_lie)
{
    struct fy_image_limits limits = FY_IMAGE_LIMITS_DEFAULT;
    struct fy_error err = FY_ERROR_INIT;

    made_magic(&made, MAGIC_PSTREE);
    made_word(&made, 0x7fffffff);
    expect_fault("pstree.img", FY_E_LIMIT, "more than");
    made_magic(&made, MAGIC_PSTREE);
    made_word(&made, 1000000);
    expect_fault("pstree.img", FY_E_FORMAT, "the file ends");
    made_magic(&made, MAGIC_PSTREE);
    add_task(1);
    limits.entry_bytes = 4;
    cr_expect_eq(read_made("pstree.img", &limits, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
}

Test(image, required_fields_that_are_missing)
{
    made_magic(&made, MAGIC_PSTREE);
    add_task(1);
    made_word(&made, 0);
    expect_fault("pstree.img", FY_E_FORMAT, "entry 1 at byte");
    expect_fault("pstree.img", FY_E_FORMAT, "not a whole pstree_entry");
}

Test(image, one_entry_and_no_more)
{
    CpuinfoEntry cpuinfo = CPUINFO_ENTRY__INIT;

    made_magic(&made, MAGIC_CPUINFO);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "the cpuinfo_entry is missing");
    made_entry(&made, &cpuinfo);
    expect_entries("cpuinfo.img", 1);
    made_entry(&made, &cpuinfo);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "4 bytes where the file should end");
}

/* `depth` cgroups, each inside of the one before. */
static void make_nested(unsigned depth)
{
    static uint8_t nested[4096];
    uint8_t controller[8];
    size_t size = 2; /* the required name, empty */

    cr_assert_lt(depth * 6, sizeof(nested));
    for (unsigned i = 0; i < depth; i++) {
        /* a message begins at the end of the buffer and grows towards its front */
        uint8_t *begin = nested + sizeof(nested) - size;
        if (i == 0) {
            begin[0] = 0x0a;
            begin[1] = 0;
            continue;
        }
        begin[-1] = (uint8_t)(size >> 7);
        begin[-2] = (uint8_t)(size | 0x80);
        begin[-3] = 0x12; /* children */
        begin[-4] = 0;
        begin[-5] = 0x0a;
        size += 5;
    }
    controller[0] = 0x12; /* cgroup_entry.controllers */
    controller[1] = (uint8_t)((size + 3) | 0x80);
    controller[2] = (uint8_t)((size + 3) >> 7);
    controller[3] = 0x12; /* cg_controller_entry.dirs */
    controller[4] = (uint8_t)(size | 0x80);
    controller[5] = (uint8_t)(size >> 7);
    made_magic(&made, 0x59383330);
    made_word(&made, (uint32_t)size + 6);
    made_bytes(&made, controller, 6);
    made_bytes(&made, nested + sizeof(nested) - size, size);
}

Test(image, nested_too_deeply)
{
    make_nested(62);
    expect_entries("cgroup.img", 1);
    make_nested(63);
    expect_fault("cgroup.img", FY_E_FORMAT, "nested too deeply");
    make_nested(500);
    expect_fault("cgroup.img", FY_E_FORMAT, "nested too deeply");
}

static void make_raw(const void *bytes, size_t size)
{
    made_magic(&made, MAGIC_CPUINFO);
    made_word(&made, (uint32_t)size);
    made_bytes(&made, bytes, size);
}

Test(image, bytes_that_are_not_protobuf)
{
    make_raw("\x80", 1);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "tag of a field is cut off");
    make_raw("\x02\x00", 2);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "number of a field is out of range");
    make_raw("\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "number is cut off");
    make_raw("\x79\x01", 2);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "beyond the end");
    make_raw("\x7d\x01", 2);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "beyond the end");
    make_raw("\x7a\x80", 2);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "length of a field is cut off");
    make_raw("\x7a\x05xx", 4);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "beyond the end");
    make_raw("\x1a\x02\x12\x05", 4); /* a message whose field reaches out of it */
    expect_fault("cpuinfo.img", FY_E_FORMAT, "beyond the end");
    make_raw("\x1a\x05\x10", 3); /* a message that reaches out of the entry */
    expect_fault("cpuinfo.img", FY_E_FORMAT, "beyond the end");
    make_raw("\x7b", 1);
    expect_fault("cpuinfo.img", FY_E_FORMAT, "a type that CRIU does not use");
    make_raw("\x78\x05", 2);
    expect_entries("cpuinfo.img", 1); /* a field that is not known is no fault */
}

/* Two bytes each in the file, many more once decoded. */
Test(image, memory_is_capped)
{
    struct fy_image_limits limits = FY_IMAGE_LIMITS_DEFAULT;
    struct fy_error err = FY_ERROR_INIT;
    enum { COUNT = 20000 };

    made_magic(&made, MAGIC_CPUINFO);
    made_word(&made, COUNT * 2);
    for (int i = 0; i < COUNT; i++)
        made_bytes(&made, "\x1a\x00", 2);
    expect_entries("cpuinfo.img", 1);
    limits.memory_bytes = 100000;
    cr_expect_eq(read_made("cpuinfo.img", &limits, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT, "%s", err.message);
    cr_expect_not_null(strstr(err.message, "needs more than 100000 bytes"), "%s", err.message);
}

Test(image, larger_than_what_is_read_at_once)
{
    static uint8_t text[40000];
    PipeDataEntry pipe = PIPE_DATA_ENTRY__INIT;
    struct fy_image *image;
    struct fy_image_entry entry;
    const char *name = "pipes-data.img";

    made_magic(&made, 0x56453709);
    for (int i = 0; i < 3; i++) {
        pipe.pipe_id = (uint32_t)i;
        pipe.bytes = 20000;
        made_entry(&made, &pipe);
        made_bytes(&made, text, 20000);
    }
    scratch_write(&dir, name, made.data, made.size);
    for (int i = 0; i < 4; i++)
        scratch_append(&dir, name, made.data + 8, made.size - 8);
    cr_assert_eq(fy_image_open(dir.fd, name, NULL, &image, NULL), 0);
    for (uint64_t i = 0; i < 15; i++) {
        cr_assert_eq(fy_image_next(image, &entry, NULL), 1);
        cr_expect_eq(entry.number, i);
        cr_expect_eq(((const PipeDataEntry *)entry.message)->pipe_id, i % 3);
        cr_expect_eq(entry.payload_bytes, 20000);
        cr_expect_eq(entry.payload_offset_bytes + entry.payload_bytes, 8 + (i + 1) * (made.size - 8) / 3);
    }
    cr_expect_eq(fy_image_next(image, &entry, NULL), 0);
    cr_expect_eq(fy_image_framing(image), FY_FRAMING_V1_1);
    cr_expect_eq(fy_image_size_bytes(image), scratch_size(&dir, name));
    fy_image_free(image);
}

/* As made, one byte shorter, one byte longer: only the first is whole. */
static void expect_exact(const char *name, int count)
{
    struct fy_error err = FY_ERROR_INIT;

    expect_entries(name, count);
    made.size--;
    cr_expect_eq(read_made(name, NULL, &err), -1, "%s: one byte is missing", name);
    made.size++;
    made_bytes(&made, "x", 1);
    cr_expect_eq(read_made(name, NULL, &err), -1, "%s: one byte too many", name);
    made.size--;
}

static const uint8_t zeros[64];

Test(image, payload_of_a_pipe)
{
    PipeDataEntry pipe = PIPE_DATA_ENTRY__INIT;

    pipe.bytes = 5;
    made_magic(&made, 0x59333054);
    made_entry(&made, &pipe);
    made_bytes(&made, "hello", 5);
    expect_exact("fifo-data.img", 1);
}

Test(image, payload_of_a_socket)
{
    SkPacketEntry packet = SK_PACKET_ENTRY__INIT;
    TcpStreamEntry stream = TCP_STREAM_ENTRY__INIT;

    packet.length = 3;
    made_magic(&made, 0x56264026);
    for (int i = 0; i < 2; i++) {
        made_entry(&made, &packet);
        made_bytes(&made, "abc", 3);
    }
    expect_exact("sk-queues.img", 2);

    stream.inq_len = 4;
    stream.outq_len = 5;
    made_magic(&made, 0x51465506);
    made_entry(&made, &stream);
    made_bytes(&made, "in--out--", 9);
    expect_exact("tcp-stream-1f.img", 1);
    stream.inq_len = stream.outq_len = UINT32_MAX;
    made_magic(&made, 0x51465506);
    made_entry(&made, &stream);
    expect_fault("tcp-stream-1f.img", FY_E_FORMAT, "8589934590 bytes of content");
}

Test(image, payload_of_a_bpf_map)
{
    BpfmapDataEntry map = BPFMAP_DATA_ENTRY__INIT;

    map.keys_bytes = 8;
    map.values_bytes = 16;
    made_magic(&made, 0x64324033);
    made_entry(&made, &map);
    made_bytes(&made, zeros, 24);
    expect_exact("bpfmap-data.img", 1);
}

static void make_semaphores(uint32_t count, size_t bytes)
{
    IpcDescEntry desc = IPC_DESC_ENTRY__INIT;
    IpcSemEntry set = IPC_SEM_ENTRY__INIT;

    set.desc = &desc;
    set.nsems = count;
    made_magic(&made, 0x59573019);
    made_entry(&made, &set);
    made_bytes(&made, zeros, bytes);
}

Test(image, payload_of_semaphores)
{
    make_semaphores(3, 8);
    expect_exact("ipcns-sem-11.img", 1);
    make_semaphores(4, 8); /* nothing is added to what is a multiple of eight already */
    expect_exact("ipcns-sem-11.img", 1);
    make_semaphores(5, 16);
    expect_exact("ipcns-sem-11.img", 1);
}

Test(image, payload_of_message_queues)
{
    IpcDescEntry desc = IPC_DESC_ENTRY__INIT;
    IpcMsgEntry queue = IPC_MSG_ENTRY__INIT;
    IpcMsg message = IPC_MSG__INIT;

    queue.desc = &desc;
    queue.qnum = 2;
    made_magic(&made, 0x55453737);
    for (int i = 0; i < 2; i++) {
        made_entry(&made, &queue);
        message.msize = 8;
        made_entry(&made, &message);
        made_bytes(&made, zeros, 8);
        message.msize = 9;
        made_entry(&made, &message);
        made_bytes(&made, zeros, 16);
    }
    expect_exact("ipcns-msg-11.img", 2);
    queue.qnum = UINT32_MAX;
    made_magic(&made, 0x55453737);
    made_entry(&made, &queue);
    expect_fault("ipcns-msg-11.img", FY_E_FORMAT, "message 0 of a queue");
}

Test(image, payload_of_segments)
{
    IpcDescEntry desc = IPC_DESC_ENTRY__INIT;
    IpcShmEntry segment = IPC_SHM_ENTRY__INIT;

    segment.desc = &desc;
    segment.size = 6;
    made_magic(&made, 0x46283044);
    made_entry(&made, &segment);
    made_bytes(&made, zeros, 8);
    expect_exact("ipcns-shm-11.img", 1);
    segment.has_in_pagemaps = segment.in_pagemaps = true;
    made_magic(&made, 0x46283044);
    made_entry(&made, &segment);
    made_entry(&made, &segment);
    expect_exact("ipcns-shm-11.img", 2);
    segment.in_pagemaps = false;
    segment.size = UINT64_MAX;
    made_magic(&made, 0x46283044);
    made_entry(&made, &segment);
    expect_fault("ipcns-shm-11.img", FY_E_FORMAT, "bytes of content");
}

Test(image, content_of_deleted_files)
{
    GhostFileEntry ghost = GHOST_FILE_ENTRY__INIT;
    GhostChunkEntry chunk = GHOST_CHUNK_ENTRY__INIT;

    ghost.mode = S_IFREG | 0600;
    made_magic(&made, 0x52583605);
    made_entry(&made, &ghost);
    expect_entries("ghost-file-1.img", 1);
    made_bytes(&made, "all that follows is its content", 31);
    expect_entries("ghost-file-1.img", 1);

    ghost.mode = S_IFIFO | 0600;
    made_magic(&made, 0x52583605);
    made_entry(&made, &ghost);
    expect_entries("ghost-file-1.img", 1);
    made_bytes(&made, "a FIFO has none", 15);
    expect_fault("ghost-file-1.img", FY_E_FORMAT, "15 bytes where the file should end");

    ghost.mode = S_IFREG | 0600;
    ghost.has_chunks = ghost.chunks = true;
    made_magic(&made, 0x52583605);
    made_entry(&made, &ghost);
    for (int i = 0; i < 2; i++) {
        chunk.len = 7;
        chunk.off = 4096;
        made_entry(&made, &chunk);
        made_bytes(&made, "a chunk", 7);
    }
    expect_exact("ghost-file-1.img", 3);
}
