/* Names to numbers, and the access control list of the control socket. */
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/daemon/access.h>
#include <grp.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include <string.h>
#include <sys/xattr.h>

#include <linux/xattr.h> /* after sys/xattr.h: both define the flags */

/* ---- names ---- */

static size_t count_names(char *const *names)
{
    size_t count = 0;
    while (names && names[count])
        count++;
    return count;
}

int fy_access_find_user(const char *name, uid_t *uid, gid_t *gid, struct fy_error *err)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (!user && errno && errno != ENOENT)
        return fy_error_errno(err, errno, "looking up user %s", name);
    if (!user) {
        fy_error_set(err, FY_E_CONFIG, "there is no user %s on this host", name);
        return fy_error_next(
            err, "useradd --system --create-home --shell /bin/sh %s, or name another in ferryd's configuration", name);
    }
    *uid = user->pw_uid;
    *gid = user->pw_gid;
    return 0;
}

static int find_group(const char *name, gid_t *gid, struct fy_error *err)
{
    errno = 0;
    const struct group *group = getgrnam(name);
    if (!group && errno && errno != ENOENT)
        return fy_error_errno(err, errno, "looking up group %s", name);
    if (!group) {
        fy_error_set(err, FY_E_CONFIG, "control.groups: there is no group %s on this host", name);
        return fy_error_next(err, "groupadd --system %s, or name another in ferryd's configuration", name);
    }
    *gid = group->gr_gid;
    return 0;
}

void fy_access_done(struct fy_access *access)
{
    free(access->uids);
    free(access->gids);
    *access = (struct fy_access){0};
}

static int resolve(char *const *users, char *const *groups, struct fy_access *access, struct fy_error *err)
{
    gid_t unused;
    for (size_t i = 0; i < access->uid_count; i++) {
        if (fy_access_find_user(users[i], &access->uids[i], &unused, err) < 0)
            return fy_error_wrap(err, "control.users");
    }
    for (size_t i = 0; i < access->gid_count; i++) {
        if (find_group(groups[i], &access->gids[i], err) < 0)
            return -1;
    }
    return 0;
}

int fy_access_resolve(char *const *users, char *const *groups, struct fy_access *access, struct fy_error *err)
{
    struct fy_access made = {.uid_count = count_names(users), .gid_count = count_names(groups)};
    made.uids = calloc(made.uid_count + 1, sizeof(*made.uids));
    made.gids = calloc(made.gid_count + 1, sizeof(*made.gids));
    int result = made.uids && made.gids ? resolve(users, groups, &made, err)
                                        : fy_error_set(err, FY_E_NOMEM, "no memory for the list of users");
    if (result < 0)
        fy_access_done(&made);
    else
        *access = made;
    return result;
}

/* ---- the list ---- */

static int compare_ids(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

/* Entries of one tag, in ascending order and each once, as the kernel demands. Returns how many. */
static size_t put_entries(struct posix_acl_xattr_entry *entries, uint16_t tag, unsigned *ids, size_t count)
{
    size_t put = 0;
    qsort(ids, count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && ids[i] == ids[i - 1])
            continue;
        entries[put++] = (struct posix_acl_xattr_entry){.e_tag = tag, .e_perm = ACL_READ | ACL_WRITE, .e_id = ids[i]};
    }
    return put;
}

static struct posix_acl_xattr_entry plain_entry(uint16_t tag, uint16_t permissions)
{
    return (struct posix_acl_xattr_entry){.e_tag = tag, .e_perm = permissions, .e_id = (uint32_t)ACL_UNDEFINED_ID};
}

int fy_access_apply(const char *socket_path, const struct fy_access *access, struct fy_error *err)
{
    size_t names = access->uid_count + access->gid_count;
    if (names == 0)
        return 0;
    size_t room = sizeof(struct posix_acl_xattr_header) + (names + 5) * sizeof(struct posix_acl_xattr_entry);
    FY_AUTO_FREE struct posix_acl_xattr_header *list = calloc(1, room);
    if (!list)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the access list of %s", socket_path);
    struct posix_acl_xattr_entry *entries = (struct posix_acl_xattr_entry *)(list + 1);
    const uint16_t both = ACL_READ | ACL_WRITE;
    size_t n = 0;
    list->a_version = POSIX_ACL_XATTR_VERSION;
    entries[n++] = plain_entry(ACL_USER_OBJ, both);
    n += put_entries(&entries[n], ACL_USER, access->uids, access->uid_count);
    entries[n++] = plain_entry(ACL_GROUP_OBJ, both);
    n += put_entries(&entries[n], ACL_GROUP, access->gids, access->gid_count);
    entries[n++] = plain_entry(ACL_MASK, both);
    entries[n++] = plain_entry(ACL_OTHER, 0);
    if (setxattr(socket_path, XATTR_NAME_POSIX_ACL_ACCESS, list, sizeof(*list) + n * sizeof(*entries), 0) == 0)
        return 0;
    if (errno != EOPNOTSUPP)
        return fy_error_errno(err, errno, "admitting control.users and control.groups to %s", socket_path);
    fy_error_set(err, FY_E_UNSUPPORTED, "the file system of %s has no access control lists", socket_path);
    return fy_error_next(err,
                         "put control.socket on another file system, or leave control.users and control.groups out");
}
