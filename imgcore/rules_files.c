/* Rules about open files: every descriptor and every other reference leads to an entry, and every entry is led to. */
#include "set.h"
#include <criu/files.pb-c.h>
#include <inttypes.h>

static const char *type_name(int type)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(&fd_types__descriptor, type);
    return value ? value->name : "unknown";
}

static int check_unique(const struct fy_set *set, struct fy_error *err)
{
    for (size_t i = 1; i < set->open_files.count; i++) {
        const struct set_open_file *file = &set->open_files.items[i];
        if (file->type == file[-1].type && file->id == file[-1].id)
            return fy_set_fault(err, NEXT_COPY_OR_DUMP, "files.img", "two entries are %s with the id %" PRIu32,
                                type_name(file->type), file->id);
    }
    return 0;
}

/* CRIU hangs on a descriptor that is there twice. */
static int check_descriptors(struct fy_set *set, struct fy_error *err)
{
    for (size_t i = 0; i < set->fds.count; i++) {
        const struct set_fd *fd = &set->fds.items[i];
        struct set_open_file *file = fy_set_find_open_file(set, fd->type, fd->id);
        if (i > 0 && fd->files_id == fd[-1].files_id && fd->fd == fd[-1].fd)
            return fy_set_fault(err, NEXT_COPY_OR_DUMP, fd->file->name, "descriptor %" PRIu32 " is there twice",
                                fd->fd);
        if (!file)
            return fy_set_fault(err, NEXT_COPY_OR_DUMP, fd->file->name,
                                "descriptor %" PRIu32 " is a %s with the id %" PRIu32 ", which files.img does not have",
                                fd->fd, type_name(fd->type), fd->id);
        file->is_referenced = true;
    }
    return 0;
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

static int check_references(struct fy_set *set, struct fy_error *err)
{
    for (size_t i = 0; i < set->file_refs.count; i++) {
        const struct set_file_ref *ref = &set->file_refs.items[i];
        if (!mark(set, ref))
            return fy_set_fault(err, NEXT_COPY_OR_DUMP, ref->from->name,
                                "%s is the %s with the id %" PRIu32 ", which files.img does not have", ref->what,
                                ref->type == ANY_TYPE ? "file" : type_name(ref->type), ref->id);
    }
    return 0;
}

/* A task without open files has no fdinfo image, which is the usual reason for one that is not there. */
static const struct set_ids *find_missing_table(const struct fy_set *set)
{
    for (size_t i = 0; i < set->ids.count; i++)
        if (!fy_set_find_image(set, FY_IMAGE_FDINFO, set->ids.items[i].files_id))
            return &set->ids.items[i];
    return NULL;
}

/* Sockets can be dumped without a descriptor when they are to be inherited at the restore. */
static bool may_be_inherited(int type)
{
    return type == FD_TYPES__INETSK || type == FD_TYPES__UNIXSK;
}

static int check_unreferenced(const struct fy_set *set, struct fy_error *err)
{
    const struct set_ids *missing = find_missing_table(set);

    for (size_t i = 0; i < set->open_files.count; i++) {
        const struct set_open_file *file = &set->open_files.items[i];
        if (file->is_referenced || (!missing && may_be_inherited(file->type)))
            continue;
        if (!missing)
            return fy_set_fault(err, NEXT_COPY_OR_DUMP, "files.img",
                                "nothing refers to the %s with the id %" PRIu32
                                ": the end of some fdinfo image is lost",
                                type_name(file->type), file->id);
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, "files.img",
                            "nothing refers to the %s with the id %" PRIu32 ", and fdinfo-%" PRIu32
                            ".img, the descriptors of task %" PRIu32 ", is missing",
                            type_name(file->type), file->id, missing->files_id, missing->pid);
    }
    return 0;
}

int fy_rules_files(struct fy_set *set, struct fy_error *err)
{
    if (check_unique(set, err) < 0 || check_descriptors(set, err) < 0 || check_references(set, err) < 0)
        return -1;
    return check_unreferenced(set, err);
}
