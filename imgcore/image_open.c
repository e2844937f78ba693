/* Opening an image: a regular file, whose magic says what its entries are. */
#include "image_private.h"
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC_COMMON 0x54564319u
#define MAGIC_SERVICE 0x55105940u

static const char *magic_text(uint32_t magic, char text[48])
{
    const char *name = fy_catalogue_magic_name(magic);

    if (name)
        (void)snprintf(text, 48, "that of %s", name);
    else
        (void)snprintf(text, 48, "0x%08" PRIx32, magic);
    return text;
}

/* The inventory never has a common magic, since it is what says which form the others have. */
static bool framing_fits(const struct fy_image *image)
{
    if (image->framing == FY_FRAMING_V1_0)
        return true;
    if (image->type->kind == FY_IMAGE_INVENTORY)
        return false;
    return (image->framing == FY_FRAMING_SERVICE) == fy_catalogue_is_service(image->type);
}

/* The framing that the first words of the file say, and the type's magic. */
static int read_magic(struct fy_image *image, uint32_t *magic, struct fy_error *err)
{
    const uint8_t *data = fy_image_look(image, 0, 4, "a magic", err);

    if (!data)
        return -1;
    *magic = fy_image_word(data);
    image->framing = FY_FRAMING_V1_0;
    image->begin_bytes = image->offset_bytes = 4;
    if (*magic != MAGIC_COMMON && *magic != MAGIC_SERVICE)
        return 0;
    image->framing = *magic == MAGIC_COMMON ? FY_FRAMING_V1_1 : FY_FRAMING_SERVICE;
    image->begin_bytes = image->offset_bytes = 8;
    data = fy_image_look(image, 4, 4, "a second magic", err);
    if (!data)
        return -1;
    *magic = fy_image_word(data);
    return 0;
}

static int check_magic(struct fy_image *image, struct fy_error *err)
{
    uint32_t magic;
    char text[48];

    if (read_magic(image, &magic, err) < 0)
        return -1;
    if (magic != image->type->magic)
        return fy_error_set(err, FY_E_FORMAT, "%s: the magic is %s, not that of %s", image->name,
                            magic_text(magic, text), image->type->name);
    if (!framing_fits(image))
        return fy_error_set(err, FY_E_FORMAT, "%s: the first magic does not belong before that of %s", image->name,
                            image->type->name);
    return 0;
}

/* What files without entries are, by their name or by how they begin. */
static const char *foreign_text(const char *name, uint32_t first_word)
{
    static const struct {
        enum fy_image_kind kind; /* FY_IMAGE_KIND_COUNT: not by name */
        uint32_t first_word;     /* 0: not by content */
        const char *text;
    } foreign[] = {
        {FY_IMAGE_PAGES, 0, "raw pages of memory"},
        {FY_IMAGE_IFADDR, 0x47361222, "addresses as ip(8) saves them"},
        {FY_IMAGE_ROUTE, 0x45311224, "routes as ip(8) saves them"},
        {FY_IMAGE_ROUTE6, 0, "routes as ip(8) saves them"},
        {FY_IMAGE_RULE, 0x71706986, "routing rules as ip(8) saves them"},
        {FY_IMAGE_IPTABLES, 0, "text of iptables-save(8)"},
        {FY_IMAGE_IP6TABLES, 0, "text of ip6tables-save(8)"},
        {FY_IMAGE_NFTABLES, 0, "text of nft(8)"},
        {FY_IMAGE_NETNS_CT, 0, "netlink messages of connection tracking"},
        {FY_IMAGE_NETNS_EXP, 0, "netlink messages of connection tracking"},
        {FY_IMAGE_TMPFS_DEV, 0, "an archive of tar(1)"},
        {FY_IMAGE_TMPFS_MOUNT, 0, "an archive of tar(1)"},
        {FY_IMAGE_AMDGPU, 0, "data of CRIU's amdgpu plugin"},
        {FY_IMAGE_KIND_COUNT, 0x57023458, "CRIU's cache of kernel features"},
    };
    const char *slash = strrchr(name, '/');
    const struct fy_image_type *type = fy_catalogue_find(slash ? slash + 1 : name, NULL);

    for (size_t i = 0; i < FY_ARRAY_SIZE(foreign); i++)
        if ((type && type->kind == foreign[i].kind) || (first_word != 0 && first_word == foreign[i].first_word))
            return foreign[i].text;
    return NULL;
}

/* The type by the file's own magic. */
static int find_type(struct fy_image *image, struct fy_error *err)
{
    uint32_t magic = 0;
    const char *what;

    if (image->size_bytes >= 4 && read_magic(image, &magic, err) < 0)
        return -1;
    image->type = fy_catalogue_by_magic(magic);
    if (image->type)
        return 0;
    what = foreign_text(image->name, magic);
    if (what)
        return fy_error_set(err, FY_E_UNSUPPORTED, "%s: has no entries to show: it is %s", image->name, what);
    if (image->size_bytes < 4)
        return read_magic(image, &magic, err);
    (void)fy_error_set(err, FY_E_FORMAT, "%s: is not an image of CRIU: it begins with 0x%08" PRIx32, image->name,
                       magic);
    return fy_error_next(err, "files of raw data, like pages-*.img, have no entries to show");
}

static int measure_file(struct fy_image *image, struct fy_error *err)
{
    struct stat status;

    if (fstat(image->fd, &status) < 0)
        return fy_error_errno(err, errno, "%s", image->name);
    if (!S_ISREG(status.st_mode))
        return fy_error_set(err, FY_E_FORMAT, "%s: is not a regular file", image->name);
    image->size_bytes = (uint64_t)status.st_size;
    return 0;
}

static int open_regular(struct fy_image *image, int dir_fd, struct fy_error *err)
{
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    image->fd = openat(dir_fd, image->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (image->fd < 0 && errno == ELOOP)
        return fy_error_set(err, FY_E_FORMAT, "%s: is a symbolic link, not a file", image->name);
    if (image->fd < 0)
        return fy_error_errno(err, errno, "%s", image->name);
    return measure_file(image, err);
}

static struct fy_image *image_new(const char *name, const struct fy_image_limits *limits, struct fy_error *err)
{
    static const struct fy_image_limits standard = FY_IMAGE_LIMITS_DEFAULT;
    struct fy_image *image = calloc(1, sizeof(*image));

    if (image)
        image->name = strdup(name);
    if (!image || !image->name) {
        (void)fy_error_set(err, FY_E_NOMEM, "%s: no memory for opening it", name);
        free(image);
        return NULL;
    }
    image->fd = -1;
    image->limits = limits ? *limits : standard;
    fy_arena_init(&image->arena, image->limits.memory_bytes);
    return image;
}

int fy_image_open(int dir_fd, const char *name, const struct fy_image_limits *limits, struct fy_image **image,
                  struct fy_error *err)
{
    const struct fy_image_type *type = fy_catalogue_find(name, NULL);
    struct fy_image *made;

    if (!type || type->magic == 0)
        return fy_error_set(err, FY_E_USAGE, "%s: is not the name of an image with entries", name);
    made = image_new(name, limits, err);
    if (!made)
        return -1;
    made->type = type;
    if (open_regular(made, dir_fd, err) < 0 || check_magic(made, err) < 0) {
        fy_image_free(made);
        return -1;
    }
    *image = made;
    return 0;
}

int fy_image_open_fd(int fd, const char *label, const struct fy_image_limits *limits, struct fy_image **image,
                     struct fy_error *err)
{
    struct fy_image *made = image_new(label, limits, err);

    if (!made)
        return -1;
    made->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (made->fd < 0)
        (void)fy_error_errno(err, errno, "%s", label);
    if (made->fd < 0 || measure_file(made, err) < 0 || find_type(made, err) < 0 || check_magic(made, err) < 0) {
        fy_image_free(made);
        return -1;
    }
    *image = made;
    return 0;
}

void fy_image_free(struct fy_image *image)
{
    if (!image)
        return;
    if (image->fd >= 0)
        (void)close(image->fd);
    fy_arena_done(&image->arena);
    free(image->window);
    free(image->name);
    free(image);
}

enum fy_image_flaw fy_image_flaw(const struct fy_image *image)
{
    return image->flaw;
}

const struct fy_image_type *fy_image_type(const struct fy_image *image)
{
    return image->type;
}

enum fy_image_framing fy_image_framing(const struct fy_image *image)
{
    return image->framing;
}

uint64_t fy_image_size_bytes(const struct fy_image *image)
{
    return image->size_bytes;
}
