/* Real sets of many kinds: whole as they are, and not with something lost or left over. */
#include "edges.h"
#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(edges_real, .fini = edges_done);

/* Made by CRIU 4.2.1 of small programs, and restored by it: epoll with timers and signals, terminals, locks of all
 * kinds, chains of filters in threads, waiting signals, pidfds, pipes and FIFOs, a mount namespace in another one, a
 * task with a network of its own, deleted and linked files, files in flight over UNIX sockets, a tun device. */
Test(edges_real, real_sets)
{
    static const char *const names[] = {"epoll", "terminals", "locks",    "filters", "signals", "pidfds",
                                        "pipes", "mounts",    "networks", "deleted", "sockets", "tun"};

    begin("tcp");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        again(names[i]);
        expect_no_errors();
    }
}

static unsigned without_first(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number > 0;
}

/* What real sets refer to is lost. */
Test(edges_real, images_and_entries_that_are_lost)
{
    begin("pipes");
    scratch_remove(&damaged, "pipes-data.img");
    expect_error("pipe-data-missing", "files.img");
    again("pipes");
    scratch_remove(&damaged, "fifo-data.img");
    expect_error("pipe-data-missing", "files.img");
    again("terminals");
    scratch_drop_last(&damaged, "tty-info.img");
    expect_error("tty-info-missing", "files.img");
    again("filters");
    scratch_remove(&damaged, "seccomp.img");
    expect_error("seccomp-unknown", "core-927.img");
    again("deleted");
    scratch_drop_last(&damaged, "remap-fpath.img");
    expect_error("left-over", "ghost-file-4.img");
    again("mounts");
    scratch_edit(&damaged, "mountpoints-14.img", without_first, NULL);
    expect_error("left-over", "tmpfs-dev-59.tar.gz.img");
    expect_error("mount-unknown", "files.img");
}

/* What nothing leads to any more is left over. */
Test(edges_real, images_that_are_left_over)
{
    static const char *const copies[][2] = {
        {"utsns-12.img", "utsns-77.img"},
        {"ipcns-var-11.img", "ipcns-var-77.img"},
        {"userns-15.img", "userns-77.img"},
        {"mountpoints-14.img", "mountpoints-77.img"},
        {"netdev-10.img", "netdev-77.img"},
        {"ifaddr-10.img", "ifaddr-77.img"},
        {"timens-13.img", "timens-77.img"},
        {"ghost-file-1.img", "ghost-file-77.img"},
        {"tmpfs-dev-60.tar.gz.img", "tmpfs-dev-77.tar.gz.img"},
    };

    begin("namespaces");
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        size_t size;
        uint8_t *data = scratch_read(&damaged, copies[i][0], &size);
        scratch_write(&damaged, copies[i][1], data, size);
        free(data);
        expect_error("left-over", copies[i][1]);
        scratch_remove(&damaged, copies[i][1]);
    }
    expect_no_errors();
}
