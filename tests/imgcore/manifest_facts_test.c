/* The facts of a manifest, on real sets and on images made by hand. */
#include "scratch.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criu/cpuinfo.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/inventory.pb-c.h>
#include <criu/mounts.pb-c.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/manifest.h>
#include <string.h>

static struct scratch set;
static struct fy_manifest *manifest;
static struct made made;

static void end(void)
{
    fy_manifest_free(manifest);
    manifest = NULL;
    scratch_done(&set);
}

TestSuite(manifest_facts, .fini = end);

static const Ferry__Manifest__Facts *facts_of_directory(void)
{
    struct fy_error err = FY_ERROR_INIT;

    fy_manifest_free(manifest);
    manifest = NULL;
    cr_assert_eq(fy_manifest_create(set.fd, NULL, &manifest, &err), 0, "%s", err.message);
    return fy_manifest_facts(manifest);
}

static const Ferry__Manifest__Facts *facts_of(const char *name)
{
    scratch_copy(&set, name);
    return facts_of_directory();
}

static bool has_word(char **words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

static const Ferry__Manifest__File *file_of(const Ferry__Manifest__Facts *facts, const char *path)
{
    for (size_t i = 0; i < facts->n_files; i++)
        if (strcmp(facts->files[i]->path, path) == 0)
            return facts->files[i];
    return NULL;
}

Test(manifest_facts, of_a_set_in_namespaces)
{
    const Ferry__Manifest__Facts *facts = facts_of("namespaces");
    const char *const expected[] = {"pid", "net", "ipc", "uts", "mnt", "user"};

    cr_expect_eq(facts->image_version, 2);
    cr_expect_str_eq(facts->architecture, "x86_64");
    cr_expect_eq(facts->page_bytes, 4096);
    cr_expect_str_eq(facts->lsm, "none");
    for (size_t i = 0; i < FY_ARRAY_SIZE(expected); i++)
        cr_expect(has_word(facts->namespaces, facts->n_namespaces, expected[i]), "%s", expected[i]);
    cr_assert_eq(facts->n_pids, 2);
    cr_expect_eq(facts->pids[0], 1);
    cr_expect_eq(facts->pids[1], 5);
    cr_expect(facts->cpu && facts->cpu->xfeatures & 2, "the tasks use SSE");
    cr_expect_not(facts->has_tcp_established);
    cr_expect_not(facts->has_incomplete);
    cr_expect_gt(facts->n_files, 2);
    for (size_t i = 1; i < facts->n_files; i++)
        cr_expect_lt(strcmp(facts->files[i - 1]->path, facts->files[i]->path), 0);
    cr_assert_not_null(file_of(facts, "/"));
    cr_expect_not(file_of(facts, "/")->mapped);
}

Test(manifest_facts, of_tcp_connections)
{
    const Ferry__Manifest__Facts *facts = facts_of("tcp");
    size_t connections = 0, established = 0;

    cr_expect_eq(facts->tcp_established, true);
    for (size_t i = 0; i < facts->n_sockets; i++) {
        const Ferry__Manifest__Socket *socket = facts->sockets[i];
        if (!socket->remote)
            continue;
        connections++;
        cr_expect_str_eq(socket->protocol, "tcp");
        cr_expect_str_eq(socket->type, "stream");
        cr_expect_str_eq(socket->remote, "127.0.0.1");
        established += strcmp(socket->state, "established") == 0;
        cr_expect(socket->local_port && socket->remote_port);
    }
    cr_expect_eq(connections, 2);
    cr_expect_eq(established, 1);
    cr_expect_eq(facts->n_namespaces, 0);
}

Test(manifest_facts, of_other_sets)
{
    const Ferry__Manifest__Facts *facts = facts_of("32bit");
    cr_expect_eq(facts->page_bytes, 4096, "a 32-bit auxiliary vector");
    cr_expect_eq(facts->n_pids, 10, "zombies are processes");
    scratch_done(&set);
    facts = facts_of("pre-dump");
    cr_expect_eq(facts->image_version, 0);
    cr_expect_not(facts->has_page_bytes);
    cr_expect_null(facts->architecture);
    scratch_done(&set);
    facts = facts_of("threads");
    cr_expect_eq(facts->n_pids, 2, "a thread has a number of its own");
}

/* ---- made by hand ---- */

static void add_reg(uint32_t id, const char *path, bool full)
{
    static uint32_t build_id[] = {0x04030201, 0x08070605};
    FileEntry file = FILE_ENTRY__INIT;
    RegFileEntry reg = REG_FILE_ENTRY__INIT;
    FownEntry fown = FOWN_ENTRY__INIT;

    reg.id = file.id = id;
    reg.name = (char *)(uintptr_t)path;
    reg.fown = &fown;
    if (full) {
        reg.has_size = reg.has_mode = true;
        reg.size = 12345;
        reg.mode = 0100755;
        reg.n_build_id = 2;
        reg.build_id = build_id;
    }
    file.type = FD_TYPES__REG;
    file.reg = &reg;
    made_entry(&made, &file);
}

static void add_unix(uint32_t id, const char *name, size_t size)
{
    FileEntry file = FILE_ENTRY__INIT;
    UnixSkEntry usk = UNIX_SK_ENTRY__INIT;
    FownEntry fown = FOWN_ENTRY__INIT;
    SkOptsEntry opts = SK_OPTS_ENTRY__INIT;

    usk.id = file.id = id;
    usk.type = 1;
    usk.state = 10;
    usk.fown = &fown;
    usk.opts = &opts;
    usk.name = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)name};
    file.type = FD_TYPES__UNIXSK;
    file.usk = &usk;
    made_entry(&made, &file);
}

static void add_inet6(uint32_t id)
{
    FileEntry file = FILE_ENTRY__INIT;
    InetSkEntry isk = INET_SK_ENTRY__INIT;
    FownEntry fown = FOWN_ENTRY__INIT;
    SkOptsEntry opts = SK_OPTS_ENTRY__INIT;
    uint32_t address[4] = {htonl(0x20010db8), 0, 0, htonl(1)};

    isk.id = file.id = id;
    isk.family = 10;
    isk.type = 2;
    isk.proto = 17;
    isk.state = 7;
    isk.src_port = 53;
    isk.n_src_addr = 4;
    isk.src_addr = address;
    isk.fown = &fown;
    isk.opts = &opts;
    file.type = FD_TYPES__INETSK;
    file.isk = &isk;
    made_entry(&made, &file);
}

Test(manifest_facts, files_by_hand)
{
    const Ferry__Manifest__Facts *facts;
    const Ferry__Manifest__File *program;
    RemapFilePathEntry remap = REMAP_FILE_PATH_ENTRY__INIT;

    scratch_copy(&set, "namespaces");
    made.size = 0;
    made_magic(&made, 0x56303138);
    add_reg(1, "/zz", true);
    add_reg(3, "/deleted", false);
    add_reg(4, "/zz", true);
    add_unix(5, "/run/socket", 12);
    add_unix(6, "\0abstract", 9);
    add_unix(7, "", 0);
    add_inet6(8);
    scratch_write(&set, "files.img", made.data, made.size);
    made.size = 0;
    made_magic(&made, 0x59133954);
    remap.orig_id = 3;
    remap.remap_id = 9;
    remap.has_remap_type = true;
    remap.remap_type = REMAP_TYPE__GHOST;
    made_entry(&made, &remap);
    scratch_write(&set, "remap-fpath.img", made.data, made.size);

    facts = facts_of_directory();
    cr_assert_eq(facts->n_files, 1, "once, and not what was deleted");
    program = facts->files[0];
    cr_expect_str_eq(program->path, "/zz");
    cr_expect_eq(program->size_bytes, 12345);
    cr_expect_eq(program->mode, 0100755);
    cr_assert_eq(program->build_id.len, 8);
    cr_expect_arr_eq(program->build_id.data, "\1\2\3\4\5\6\7\10", 8);
    cr_expect(program->mapped);
    cr_assert_eq(facts->n_sockets, 3);
    cr_expect_str_eq(facts->sockets[0]->local, "/run/socket");
    cr_expect_str_eq(facts->sockets[0]->state, "listen");
    cr_expect_str_eq(facts->sockets[1]->local, "@abstract");
    cr_expect_str_eq(facts->sockets[2]->family, "inet6");
    cr_expect_str_eq(facts->sockets[2]->protocol, "udp");
    cr_expect_str_eq(facts->sockets[2]->local, "2001:db8::1");
    cr_expect_eq(facts->sockets[2]->local_port, 53);
    cr_expect_null(facts->sockets[2]->remote);
}

Test(manifest_facts, processor_and_mounts_by_hand)
{
    const Ferry__Manifest__Facts *facts;
    CpuinfoEntry info = CPUINFO_ENTRY__INIT;
    CpuinfoX86Entry x86 = CPUINFO_X86_ENTRY__INIT, *entries[] = {&x86};
    uint32_t capability[] = {7, 9};
    MntEntry mount = MNT_ENTRY__INIT;

    scratch_copy(&set, "namespaces");
    x86.vendor_id = CPUINFO_X86_ENTRY__VENDOR__AMD;
    x86.cpu_family = 26;
    x86.n_capability = 2;
    x86.capability = capability;
    x86.model_id = (char *)(uintptr_t) "EPYC";
    x86.has_xfeatures_mask = true;
    x86.xfeatures_mask = 0x207;
    info.n_x86_entry = 1;
    info.x86_entry = entries;
    made.size = 0;
    made_magic(&made, 0x61404013);
    made_entry(&made, &info);
    scratch_write(&set, "cpuinfo.img", made.data, made.size);
    made.size = 0;
    made_magic(&made, 0x55563928);
    mount.root = mount.mountpoint = mount.source = mount.options = (char *)(uintptr_t) "./data";
    made_entry(&made, &mount);
    mount.ext_key = (char *)(uintptr_t) "volume";
    made_entry(&made, &mount);
    scratch_write(&set, "mountpoints-14.img", made.data, made.size);

    facts = facts_of_directory();
    cr_assert_not_null(facts->cpu);
    cr_expect_str_eq(facts->cpu->vendor, "amd");
    cr_expect_str_eq(facts->cpu->model, "EPYC");
    cr_expect_eq(facts->cpu->family, 26);
    cr_expect_eq(facts->cpu->xfeatures, 0x207, "what the host could do, not what the tasks use");
    cr_assert_eq(facts->cpu->n_capabilities, 2);
    cr_expect_eq(facts->cpu->capabilities[1], 9);
    cr_assert_eq(facts->n_external_mounts, 1);
    cr_expect_str_eq(facts->external_mounts[0]->key, "volume");
    cr_expect_str_eq(facts->external_mounts[0]->mountpoint, "./data");
}

Test(manifest_facts, a_damaged_image_is_not_sealed)
{
    struct fy_manifest *none = NULL;
    struct fy_error err = FY_ERROR_INIT;

    scratch_copy(&set, "namespaces");
    scratch_resize(&set, "files.img", scratch_size(&set, "files.img") - 1);
    cr_expect_lt(fy_manifest_create(set.fd, NULL, &none, &err), 0);
    cr_expect_eq(err.code, FY_E_FORMAT);
    cr_expect_not_null(strstr(err.message, "files.img"), "%s", err.message);
}
