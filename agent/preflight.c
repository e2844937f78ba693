/* Preflight at the destination.
 *
 * What is quick is asked at once (architecture, kernel, processor, page size, space, addresses); CRIU's version, the
 * files and the room for the workload take child processes or a disk, and come one after the other. */
#include "preflight.h"

#include "cpu_features.h"
#include "hook.h"
#include "migrate_report.h"
#include "preflight_files.h"
#include "storage.h"

#include <ferry/agent/address.h>
#include <ferry/base/fs.h>
#include <ferry/base/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* An image set is a little larger than the memory in it, and a tmpfs should not be filled to its brim. */
#define SPACE_HEADROOM(bytes) ((bytes) + (bytes) / 16 + 4u * 1024u * 1024u)
#define USABLE_SPACE(bytes) ((bytes) - (bytes) / 20)

struct fy_preflight {
    const struct fy_host *host;
    const Ferry__Peer__Offer *offer;
    const struct fy_migration_spec *spec;
    fy_preflight_cb done;
    void *data;
    uint64_t space_bytes;
    pid_t *pids;
    struct fy_migration_report items; /* only its preflight part is used */
};

static void add_error(struct fy_preflight *preflight, const char *name, const struct fy_error *err)
{
    fy_report_preflight(&preflight->items, name, false, err->message, err->next);
}

static void check_architecture(struct fy_preflight *preflight)
{
    struct utsname names = {0};
    char detail[256];
    (void)uname(&names);
    const char *theirs = preflight->offer->facts->arch;
    bool ok = strcmp(names.machine, theirs) == 0;
    (void)snprintf(detail, sizeof detail, "%.64s here, %.64s at the source", names.machine, theirs);
    fy_report_preflight(&preflight->items, "architecture", ok, detail,
                        ok ? NULL : "migrate between hosts of the same architecture");
}

/* Only said: what the workload uses of its kernel is known when CRIU restores it. */
static void check_kernel(struct fy_preflight *preflight)
{
    struct utsname names = {0};
    char detail[256];
    (void)uname(&names);
    const char *theirs = preflight->offer->facts->kernel;
    bool older = strverscmp(names.release, theirs) < 0;
    (void)snprintf(detail, sizeof detail, "%.64s here, %.64s at the source%s", names.release, theirs,
                   older ? ": what the workload uses of the newer one may be missing here" : "");
    fy_report_preflight(&preflight->items, "kernel", true, detail, NULL);
}

static size_t missing_features(const Ferry__Peer__HostFacts *facts, const char *info, char *first, size_t first_size)
{
    size_t missing = 0;
    for (size_t i = 0; i < facts->n_cpu_features; i++) {
        if (!fy_cpu_has(info, facts->cpu_features[i]) && missing++ == 0)
            fy_text_copy_printable(first, first_size, facts->cpu_features[i]);
    }
    return missing;
}

static void check_cpu(struct fy_preflight *preflight)
{
    const Ferry__Peer__HostFacts *facts = preflight->offer->facts;
    char info[FY_CPU_INFO_SIZE], ours[64], theirs[64], first[32], detail[256];
    if (facts->n_cpu_features == 0)
        return;
    fy_cpu_info_read(info);
    size_t missing = missing_features(facts, info, first, sizeof first);
    fy_cpu_model(info, ours, sizeof ours);
    fy_text_copy_printable(theirs, sizeof theirs, facts->cpu_model ? facts->cpu_model : "");
    if (missing == 0)
        (void)snprintf(detail, sizeof detail, "all %zu features of the source's (%s) are here", facts->n_cpu_features,
                       theirs);
    else
        (void)snprintf(detail, sizeof detail, "it lacks %s%s of the source's features: %s here, %s there", first,
                       missing > 1 ? " and others" : "", ours, theirs);
    fy_report_preflight(&preflight->items, "cpu", missing == 0, detail,
                        missing == 0 ? NULL
                                     : "choose a host with at least the same features (virtual machines: the same CPU "
                                       "model); --any-cpu, if the workload was started without using them");
}

static void check_page_size(struct fy_preflight *preflight)
{
    char detail[256];
    long ours = sysconf(_SC_PAGESIZE);
    bool ok = ours == (long)preflight->offer->facts->page_size;
    (void)snprintf(detail, sizeof detail, "%ld bytes here, %u at the source", ours, preflight->offer->facts->page_size);
    fy_report_preflight(&preflight->items, "page-size", ok, detail,
                        ok ? NULL : "boot both hosts with kernels of the same page size");
}

static void check_space(struct fy_preflight *preflight)
{
    struct fy_error err = FY_ERROR_INIT;
    uint64_t available = 0;
    if (fy_fs_available_bytes(preflight->host->settings->run_dir, &available, &err) < 0) {
        add_error(preflight, "space", &err);
        return;
    }
    preflight->space_bytes = USABLE_SPACE(available);
    uint64_t needed = SPACE_HEADROOM(preflight->offer->memory_bytes);
    bool ok = preflight->offer->memory_bytes <= UINT64_MAX / 2 && needed <= preflight->space_bytes;
    char have[FY_TEXT_SIZE];
    char want[FY_TEXT_SIZE];
    char detail[256];
    fy_text_bytes(preflight->space_bytes, have);
    fy_text_bytes(needed, want);
    (void)snprintf(detail, sizeof detail, "%s usable in %.128s, about %s needed", have,
                   preflight->host->settings->run_dir, want);
    fy_report_preflight(&preflight->items, "space", ok, detail,
                        ok ? NULL : "enlarge the tmpfs of run_dir at the destination (mount -o remount,size=…)");
}

/* The images lie in memory while the workload is restored from them. */
static void check_memory(struct fy_preflight *preflight)
{
    uint64_t available = fy_storage_memory_bytes();
    uint64_t memory = preflight->offer->memory_bytes;
    bool ok = memory <= UINT64_MAX / 4 && SPACE_HEADROOM(memory) + memory + FY_STORAGE_SPARE_BYTES <= available;
    char have[FY_TEXT_SIZE];
    char want[FY_TEXT_SIZE];
    char detail[256];
    fy_text_bytes(available, have);
    fy_text_bytes(SPACE_HEADROOM(memory) + memory, want);
    (void)snprintf(detail, sizeof detail, "%s available, about %s needed for the images and the workload", have, want);
    fy_report_preflight(&preflight->items, "memory", ok, detail,
                        ok ? NULL : "free memory at the destination, or choose a host with more");
}

static void check_addresses(struct fy_preflight *preflight)
{
    const struct fy_migration_spec *spec = preflight->spec;
    struct fy_error err = FY_ERROR_INIT;
    if (spec->address_count == 0)
        return;
    if (fy_address_check_destination(spec->addresses, spec->address_count, &err) < 0)
        add_error(preflight, "address", &err);
    else
        fy_report_preflight(&preflight->items, "address", true, "the device is up and the address is free", NULL);
}

static void check_hooks(struct fy_preflight *preflight)
{
    const struct fy_migration_spec *spec = preflight->spec;
    struct fy_error err = FY_ERROR_INIT;
    if (spec->hook_count == 0)
        return;
    if (fy_hooks_check(preflight->host, spec, FY_HOOK_DESTINATION, &err) < 0)
        add_error(preflight, "hooks", &err);
    else
        fy_report_preflight(&preflight->items, "hooks", true, "each is there and allowed", NULL);
}

static void finish(struct fy_preflight *preflight)
{
    bool accepted = true;
    for (size_t i = 0; i < preflight->items.preflight_count; i++)
        accepted = accepted && preflight->items.preflight[i].ok;
    preflight->done(preflight->items.preflight, preflight->items.preflight_count, accepted, preflight->space_bytes,
                    preflight->data);
    free(preflight->pids);
    free(preflight);
}

static void room_known(const struct fy_error *err, void *data)
{
    struct fy_preflight *preflight = data;
    if (err)
        add_error(preflight, "workload", err);
    else
        fy_report_preflight(&preflight->items, "workload", true, "its name and its pids are free here", NULL);
    finish(preflight);
}

static void ask_for_room(struct fy_preflight *preflight)
{
    struct fy_error err = FY_ERROR_INIT;
    const Ferry__Peer__Offer *offer = preflight->offer;
    const struct fy_room_request request = {
        .workload = &preflight->spec->workload,
        .bundle = offer->bundle,
        .container_id = offer->container_id,
        .image = offer->image,
        .image_id = offer->image_id,
        .pids = preflight->pids,
        .pid_count = offer->n_pids,
    };
    if (fy_driver_check_room(preflight->host, &request, room_known, preflight, &err) < 0)
        room_known(&err, preflight);
}

static void files_known(const struct fy_preflight_item *item, void *data)
{
    struct fy_preflight *preflight = data;
    fy_report_preflight(&preflight->items, item->name, item->ok, item->detail, item->next);
    ask_for_room(preflight);
}

static void look_at_files(struct fy_preflight *preflight)
{
    struct fy_error err = FY_ERROR_INIT;
    if (preflight->offer->n_files == 0) {
        ask_for_room(preflight);
    } else if (fy_preflight_files_start(preflight->host->loop, preflight->offer, files_known, preflight, &err) < 0) {
        add_error(preflight, "files", &err);
        ask_for_room(preflight);
    }
}

static void version_known(int version, const struct fy_error *err, void *data)
{
    struct fy_preflight *preflight = data;
    if (err) {
        add_error(preflight, "criu", err);
        finish(preflight);
        return;
    }
    /* An older CRIU restores a newer one's images wrongly and late; patch levels do not change the images. */
    unsigned theirs = preflight->offer->facts->criu_version;
    bool ok = (unsigned)version / 100 >= theirs / 100;
    char detail[256];
    (void)snprintf(detail, sizeof detail, "%d.%d.%d here, %u.%u.%u at the source", version / 10000, version / 100 % 100,
                   version % 100, theirs / 10000, theirs / 100 % 100, theirs % 100);
    fy_report_preflight(&preflight->items, "criu", ok, detail,
                        ok ? NULL : "install at least the source's CRIU version at the destination");
    look_at_files(preflight);
}

static int copy_pids(struct fy_preflight *preflight, struct fy_error *err)
{
    size_t count = preflight->offer->n_pids;
    preflight->pids = calloc(count ? count : 1, sizeof *preflight->pids);
    if (!preflight->pids)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a list of pids");
    for (size_t i = 0; i < count; i++)
        preflight->pids[i] = (pid_t)preflight->offer->pids[i];
    return 0;
}

int fy_preflight_start(const struct fy_host *host, const Ferry__Peer__Offer *offer,
                       const struct fy_migration_spec *spec, fy_preflight_cb done, void *data, struct fy_error *err)
{
    struct fy_preflight *preflight = calloc(1, sizeof *preflight);
    if (!preflight)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the preflight");
    preflight->host = host;
    preflight->offer = offer;
    preflight->spec = spec;
    preflight->done = done;
    preflight->data = data;
    check_architecture(preflight);
    check_kernel(preflight);
    check_cpu(preflight);
    check_page_size(preflight);
    check_space(preflight);
    check_memory(preflight);
    check_addresses(preflight);
    check_hooks(preflight);
    struct fy_error failure = FY_ERROR_INIT;
    if (copy_pids(preflight, err) < 0 || fy_criu_version(host, version_known, preflight, &failure) < 0) {
        fy_error_propagate(err, &failure);
        free(preflight->pids);
        free(preflight);
        return -1;
    }
    return 0;
}
