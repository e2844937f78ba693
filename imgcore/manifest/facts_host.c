/* Facts about the host that the set comes from: inventory, processor, mounts. */
#include "facts_private.h"
#include <criu/cpuinfo.pb-c.h>
#include <criu/inventory.pb-c.h>
#include <criu/mounts.pb-c.h>
#include <ferry/base/cleanup.h>

int fy_facts_inventory(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    static const char *const lsm[] = {
        [LSMTYPE__NO_LSM] = "none", [LSMTYPE__SELINUX] = "selinux", [LSMTYPE__APPARMOR] = "apparmor"};
    const InventoryEntry *inventory = (const InventoryEntry *)message;
    Ferry__Manifest__Facts *facts = gathering->facts;

    (void)id;
    facts->has_image_version = true;
    facts->image_version = inventory->img_version;
    facts->has_tcp_close = inventory->has_tcp_close;
    facts->tcp_close = inventory->tcp_close;
    gathering->has_criu_ids = inventory->root_ids != NULL;
    if (inventory->root_ids)
        gathering->criu_ids = fy_namespace_ids_from(inventory->root_ids);
    if (inventory->has_lsmtype && (size_t)inventory->lsmtype < FY_ARRAY_SIZE(lsm) && !facts->lsm &&
        fy_facts_text(&facts->lsm, lsm[inventory->lsmtype], err) < 0)
        return -1;
    for (size_t i = 0; inventory->plugins_entry && i < inventory->plugins_entry->n_plugins; i++)
        if (fy_facts_word(gathering, &facts->plugins, &facts->n_plugins, inventory->plugins_entry->plugins[i], err) < 0)
            return -1;
    return 0;
}

/* ---- processor ---- */

static int add_capability(Ferry__Manifest__Cpu *cpu, uint64_t word, struct fy_error *err)
{
    if (cpu->n_capabilities >= FACTS_WORDS_MAX)
        return 0;
    if (fy_facts_grow((void **)&cpu->capabilities, cpu->n_capabilities, sizeof(uint64_t), err) < 0)
        return -1;
    cpu->capabilities[cpu->n_capabilities++] = word;
    return 0;
}

static int take_x86(Ferry__Manifest__Cpu *cpu, const CpuinfoX86Entry *entry, struct fy_error *err)
{
    static const char *const vendors[] = {[CPUINFO_X86_ENTRY__VENDOR__UNKNOWN] = "unknown",
                                          [CPUINFO_X86_ENTRY__VENDOR__INTEL] = "intel",
                                          [CPUINFO_X86_ENTRY__VENDOR__AMD] = "amd"};

    if ((size_t)entry->vendor_id < FY_ARRAY_SIZE(vendors) &&
        fy_facts_text(&cpu->vendor, vendors[entry->vendor_id], err) < 0)
        return -1;
    if (fy_facts_text(&cpu->model, entry->model_id, err) < 0)
        return -1;
    cpu->has_family = cpu->has_model_number = cpu->has_stepping = true;
    cpu->family = entry->cpu_family;
    cpu->model_number = entry->model;
    cpu->stepping = entry->stepping;
    cpu->has_xfeatures = entry->has_xfeatures_mask;
    cpu->xfeatures = entry->xfeatures_mask;
    cpu->has_xsave_bytes = entry->has_xsave_size;
    cpu->xsave_bytes = entry->xsave_size;
    cpu->has_xsave_bytes_max = entry->has_xsave_size_max;
    cpu->xsave_bytes_max = entry->xsave_size_max;
    for (size_t i = 0; i < entry->n_capability; i++)
        if (add_capability(cpu, entry->capability[i], err) < 0)
            return -1;
    return 0;
}

static int take_words(Ferry__Manifest__Cpu *cpu, const uint64_t *words, size_t count, struct fy_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (add_capability(cpu, words[i], err) < 0)
            return -1;
    return 0;
}

int fy_facts_cpuinfo(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const CpuinfoEntry *info = (const CpuinfoEntry *)message;
    Ferry__Manifest__Cpu *cpu = malloc(sizeof(*cpu));

    (void)id;
    if (!cpu)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
    ferry__manifest__cpu__init(cpu);
    if (gathering->facts->cpu)
        ferry__manifest__cpu__free_unpacked(gathering->facts->cpu, NULL);
    gathering->facts->cpu = cpu;
    if (info->n_x86_entry > 0)
        return take_x86(cpu, info->x86_entry[0], err);
    if (info->n_ppc64_entry > 0)
        return take_words(cpu, info->ppc64_entry[0]->hwcap, info->ppc64_entry[0]->n_hwcap, err);
    if (info->n_s390_entry > 0)
        return take_words(cpu, info->s390_entry[0]->hwcap, info->s390_entry[0]->n_hwcap, err);
    return 0;
}

/* ---- mounts ---- */

int fy_facts_mount(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const MntEntry *mount = (const MntEntry *)message;
    Ferry__Manifest__Facts *facts = gathering->facts;
    Ferry__Manifest__ExternalMount *external;

    (void)id;
    if (!mount->ext_key && !mount->ext_mount)
        return 0;
    if (facts->n_external_mounts >= FACTS_LIST_MAX) {
        facts->has_incomplete = facts->incomplete = true;
        return 0;
    }
    if (fy_facts_grow((void **)&facts->external_mounts, facts->n_external_mounts, sizeof(void *), err) < 0)
        return -1;
    external = malloc(sizeof(*external));
    if (!external)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
    ferry__manifest__external_mount__init(external);
    facts->external_mounts[facts->n_external_mounts++] = external;
    if (fy_facts_text(&external->mountpoint, mount->mountpoint, err) < 0)
        return -1;
    return fy_facts_text(&external->key, mount->ext_key, err);
}
