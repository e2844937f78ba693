/* Rules about open files: every descriptor and every other reference leads to an entry, and every entry is led to. */
#include "set.h"
#include <criu/files.pb-c.h>
#include <inttypes.h>

static const char *type_name(int type)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(&fd_types__descriptor, type);
    return value ? value->name : "unknown";
}

static void check_unique(const struct fy_set *set)
{
    for (size_t i = 1; i < set->open_files.count; i++) {
        const struct set_open_file *file = &set->open_files.items[i];
        if (file->type == file[-1].type && file->id == file[-1].id)
            fy_set_report(set, FY_FINDING_FILE_TWICE, "files.img", "two entries are %s with the id %" PRIu32,
                          type_name(file->type), file->id);
    }
}

/* Whether a file that is not in the index is not in the set. */
static bool knows_all_files(const struct fy_set *set)
{
    for (int kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++)
        if ((kind == FY_IMAGE_FILES || fy_catalogue_get((enum fy_image_kind)kind)->fd_type) &&
            !fy_set_is_whole(set, (enum fy_image_kind)kind))
            return false;
    return set->open_files.count > 0;
}

/* CRIU hangs on a descriptor that is there twice. */
static void check_descriptors(struct fy_set *set, bool knows_all)
{
    for (size_t i = 0; i < set->fds.count; i++) {
        const struct set_fd *fd = &set->fds.items[i];
        struct set_open_file *file = fy_set_find_open_file(set, fd->type, fd->id);
        if (i > 0 && fd->files_id == fd[-1].files_id && fd->fd == fd[-1].fd)
            fy_set_report(set, FY_FINDING_FD_TWICE, fd->file->name, "descriptor %" PRIu32 " is there twice", fd->fd);
        if (file)
            file->is_referenced = true;
        else if (knows_all)
            fy_set_report(set, FY_FINDING_FD_FILE_UNKNOWN, fd->file->name,
                          "descriptor %" PRIu32 " is a %s with the id %" PRIu32 ", which files.img does not have",
                          fd->fd, type_name(fd->type), fd->id);
    }
}

/* Marks all files with the id, whatever they are; false if there is none. */
static bool mark_any(struct fy_set *set, uint32_t id)
{
    bool found = false;

    for (int type = 0; type <= FD_TYPES__PIDFD; type++) {
        struct set_open_file *file = fy_set_find_open_file(set, type, id);
        if (file)
            found = file->is_referenced = true;
    }
    return found;
}

static bool mark(struct fy_set *set, const struct set_file_ref *ref)
{
    struct set_open_file *file;

    if (ref->type == ANY_TYPE)
        return mark_any(set, ref->id);
    file = fy_set_find_open_file(set, ref->type, ref->id);
    if (file)
        file->is_referenced = true;
    return file != NULL;
}

static void check_references(struct fy_set *set, bool knows_all)
{
    for (size_t i = 0; i < set->file_refs.count; i++) {
        const struct set_file_ref *ref = &set->file_refs.items[i];
        if (!mark(set, ref) && knows_all)
            fy_set_report(set, FY_FINDING_FILE_UNKNOWN, ref->from->name,
                          "%s is the %s with the id %" PRIu32 ", which files.img does not have", ref->what,
                          ref->type == ANY_TYPE ? "file" : type_name(ref->type), ref->id);
    }
}

/* That the path of a file is gone is no reason for the file to be there. */
static void check_remaps(struct fy_set *set)
{
    for (size_t i = 0; i < set->edges.remaps.count; i++) {
        const struct edge_remap *remap = &set->edges.remaps.items[i];
        if (!fy_set_find_open_file(set, FD_TYPES__REG, remap->orig_id))
            fy_set_report_entry(set, FY_FINDING_FILE_UNKNOWN, remap->file->name, remap->entry,
                                "is about the REG with the id %" PRIu32 ", which files.img does not have",
                                remap->orig_id);
    }
}

/* In old sets the path of a terminal or a FIFO is the regular file of the same id. */
static void mark_paths(struct fy_set *set)
{
    static const int types[] = {FD_TYPES__TTY, FD_TYPES__FIFO};

    for (size_t i = 0; i < set->open_files.count; i++) {
        const struct set_open_file *file = &set->open_files.items[i];
        for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++)
            if (file->type == types[j] && file->is_referenced) {
                struct set_open_file *path = fy_set_find_open_file(set, FD_TYPES__REG, file->id);
                if (path)
                    path->is_referenced = true;
            }
    }
}

/* A task without open files has no fdinfo image, which is the usual reason for one that is not there. */
static const struct set_ids *find_missing_table(const struct fy_set *set)
{
    for (size_t i = 0; i < set->ids.count; i++)
        if (!fy_set_find_image(set, FY_IMAGE_FDINFO, set->ids.items[i].files_id))
            return &set->ids.items[i];
    return NULL;
}

/* What refers to files lies in these images: with one of them damaged, any file may be referred to there. */
static bool knows_all_references(const struct fy_set *set)
{
    static const enum fy_image_kind kinds[] = {FY_IMAGE_FDINFO,    FY_IMAGE_IDS,         FY_IMAGE_MM,
                                               FY_IMAGE_FS,        FY_IMAGE_REMAP_FPATH, FY_IMAGE_SK_QUEUES,
                                               FY_IMAGE_FIFO_DATA, FY_IMAGE_PIPES_DATA,  FY_IMAGE_VMAS};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!fy_set_is_whole(set, kinds[i]))
            return false;
    return true;
}

/* Sockets can be dumped without a descriptor when they are to be inherited at the restore. */
static void report_unreferenced(const struct fy_set *set, const struct set_open_file *file)
{
    bool may_be_inherited = file->type == FD_TYPES__INETSK || file->type == FD_TYPES__UNIXSK;

    if (may_be_inherited)
        fy_set_report(set, FY_FINDING_FILE_INHERITED, "files.img",
                      "nothing refers to the %s with the id %" PRIu32 ", as if it were to be inherited",
                      type_name(file->type), file->id);
    else
        fy_set_report(set, FY_FINDING_FILE_UNREFERENCED, "files.img",
                      "nothing refers to the %s with the id %" PRIu32 ": the end of some fdinfo image is lost",
                      type_name(file->type), file->id);
}

/* With a table missing, that is what is reported, once. */
static void check_unreferenced(const struct fy_set *set)
{
    const struct set_ids *missing = find_missing_table(set);
    char table[64] = "";

    if (missing)
        fy_set_image_name(FY_IMAGE_FDINFO, missing->files_id, table);
    for (size_t i = 0; i < set->open_files.count; i++) {
        const struct set_open_file *file = &set->open_files.items[i];
        if (file->is_referenced || file->is_external)
            continue;
        if (!missing) {
            report_unreferenced(set, file);
            continue;
        }
        fy_set_report(set, FY_FINDING_FDINFO_MISSING, table,
                      "the descriptors of task %" PRIu32 ", is missing, and nothing refers to the %s with the id "
                      "%" PRIu32 " of files.img",
                      missing->pid, type_name(file->type), file->id);
        return;
    }
    if (missing)
        fy_set_report(set, FY_FINDING_FDINFO_ABSENT, table,
                      "is not there, which means that task %" PRIu32 " had no file open", missing->pid);
}

/* Tasks alone refer to their program and directories, so a set without open files does not exist. */
static bool check_presence(const struct fy_set *set)
{
    if (set->open_files.count > 0 || !fy_set_is_whole(set, FY_IMAGE_FILES) ||
        (set->fds.count == 0 && set->file_refs.count == 0))
        return true;
    fy_set_report(set, FY_FINDING_FILES_MISSING, "files.img", "is missing or empty, but tasks refer to files in it");
    return false;
}

int fy_rules_files(struct fy_set *set, struct fy_error *err)
{
    bool knows_all = knows_all_files(set);

    (void)err;
    if (!check_presence(set))
        return 0;
    check_unique(set);
    check_descriptors(set, knows_all);
    check_references(set, knows_all);
    if (knows_all)
        check_remaps(set);
    mark_paths(set);
    if (knows_all_references(set))
        check_unreferenced(set);
    return 0;
}
