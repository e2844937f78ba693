/* Rules about what `ip save` and conntrack left of a network: netlink messages, one behind the other.
 *
 * CRIU hands addresses, routes and rules to `ip restore`, which wants its own first word, and the tables of connections
 * to the kernel itself. Where a file is missing it restores nothing and is content. */
#include "set.h"
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <string.h>
#include <unistd.h>

/* iproute2 writes it in the host's order. */
static const struct {
    enum fy_image_kind kind;
    uint32_t first_word; /* 0: none */
    const char *what;
    bool is_always_written; /* for a network that has devices */
} dumps[] = {
    {FY_IMAGE_IFADDR, 0x47361222, "addresses", true},     {FY_IMAGE_ROUTE, 0x45311224, "routes", true},
    {FY_IMAGE_ROUTE6, 0x45311224, "routes", false},       {FY_IMAGE_RULE, 0x71706986, "routing rules", false},
    {FY_IMAGE_NETNS_CT, 0, "tracked connections", false}, {FY_IMAGE_NETNS_EXP, 0, "expected connections", false},
};
#define DUMP_COUNT (sizeof(dumps) / sizeof(dumps[0]))

/* A part of the file, so that its size does not matter. */
struct window {
    int fd;
    uint64_t offset;
    size_t size;
    uint8_t bytes[1 << 16];
};

/* The length that the message at `offset` has; 0 when its head is cut short. -1 with errno. */
static int64_t message_bytes(struct window *window, uint64_t offset)
{
    struct nlmsghdr head;

    if (offset < window->offset || offset + sizeof(head) > window->offset + window->size) {
        ssize_t got = pread(window->fd, window->bytes, sizeof(window->bytes), (off_t)offset);
        if (got < 0)
            return -1;
        window->offset = offset;
        window->size = (size_t)got;
    }
    if (window->offset + window->size - offset < sizeof(head))
        return 0;
    memcpy(&head, window->bytes + (offset - window->offset), sizeof(head));
    return head.nlmsg_len;
}

static int check_messages(const struct fy_set *set, const struct set_file *file, struct window *window, uint64_t offset,
                          struct fy_error *err)
{
    for (uint64_t number = 0; offset < file->size_bytes; number++) {
        int64_t bytes = message_bytes(window, offset);
        if (bytes < 0)
            return fy_error_errno(err, errno, "%s", file->name);
        if (bytes < (int64_t)sizeof(struct nlmsghdr) || (uint64_t)bytes > file->size_bytes - offset) {
            fy_set_report_entry(set, FY_FINDING_NET_DUMP, file->name, number,
                                "at byte %" PRIu64 " is cut short, or not a netlink message", offset);
            return 0;
        }
        offset += NLMSG_ALIGN((uint64_t)bytes);
    }
    return 0;
}

static int check_dump(const struct fy_set *set, const struct set_file *file, uint32_t first_word, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = openat(set->dir_fd, file->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct window window = {.fd = fd};
    uint32_t word = 0;

    if (fd < 0)
        return fy_error_errno(err, errno, "%s", file->name);
    if (first_word == 0)
        return check_messages(set, file, &window, 0, err);
    if (pread(fd, &word, sizeof(word), 0) < 0)
        return fy_error_errno(err, errno, "%s", file->name);
    if (word == first_word)
        return check_messages(set, file, &window, sizeof(word), err);
    fy_set_report(set, FY_FINDING_NET_DUMP, file->name, "begins with 0x%08" PRIx32 " instead of 0x%08" PRIx32, word,
                  first_word);
    return 0;
}

static void check_presence(const struct fy_set *set, size_t which)
{
    size_t count;
    const struct set_file *devices = fy_set_images(set, FY_IMAGE_NETDEV, &count);

    for (size_t i = 0; i < count; i++) {
        char name[64];
        if (fy_set_find_image(set, dumps[which].kind, devices[i].id))
            continue;
        fy_set_image_name(dumps[which].kind, devices[i].id, name);
        fy_set_report(set, FY_FINDING_NET_DUMP_MISSING, name, "is missing: the network will have no %s",
                      dumps[which].what);
    }
}

int fy_rules_net_dumps(struct fy_set *set, struct fy_error *err)
{
    for (size_t which = 0; which < DUMP_COUNT; which++) {
        size_t count;
        const struct set_file *files = fy_set_images(set, dumps[which].kind, &count);
        for (size_t i = 0; i < count; i++)
            if (files[i].is_regular && files[i].size_bytes > 0 &&
                check_dump(set, &files[i], dumps[which].first_word, err) < 0)
                return -1;
        if (dumps[which].is_always_written)
            check_presence(set, which);
    }
    return 0;
}
