/* Build ids are in a note of the program headers; the file may be any, also a hostile one. */
#include "file_identity.h"

#include <ferry/base/cleanup.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_HEADERS 128u
#define MOST_NOTE_BYTES ((size_t)64 * 1024)
#define ALIGNED(bytes) (((size_t)(bytes) + 3) & ~(size_t)3)

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

static bool take_build_id(const uint8_t *notes, size_t size, struct fy_file_identity *identity)
{
    for (size_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        at += sizeof note;
        size_t name = ALIGNED(note.n_namesz), content = ALIGNED(note.n_descsz);
        if (name > size - at || content > size - at - name)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" &&
            !memcmp(notes + at, "GNU", sizeof "GNU") && note.n_descsz <= FY_BUILD_ID_SIZE) {
            memcpy(identity->build_id, notes + at + name, note.n_descsz);
            identity->build_id_bytes = note.n_descsz;
            return true;
        }
        at += name + content;
    }
    return false;
}

static bool look_into_notes(int fd, const Elf64_Phdr *header, struct fy_file_identity *identity)
{
    if (header->p_type != PT_NOTE || header->p_filesz > MOST_NOTE_BYTES)
        return false;
    FY_AUTO_FREE uint8_t *notes = malloc(header->p_filesz + 1);
    return notes && read_at(fd, notes, header->p_filesz, header->p_offset) &&
           take_build_id(notes, header->p_filesz, identity);
}

static void find_build_id(int fd, struct fy_file_identity *identity)
{
    Elf64_Ehdr elf;
    if (!read_at(fd, &elf, sizeof elf, 0) || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
        elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_phentsize != sizeof(Elf64_Phdr) || elf.e_phnum > MOST_HEADERS)
        return;
    for (unsigned i = 0; i < elf.e_phnum; i++) {
        Elf64_Phdr header;
        if (elf.e_phoff > INT64_MAX - i * sizeof header ||
            !read_at(fd, &header, sizeof header, elf.e_phoff + i * sizeof header) ||
            look_into_notes(fd, &header, identity))
            return;
    }
}

int fy_file_identify(const char *path, struct fy_file_identity *identity)
{
    struct stat facts;
    *identity = (struct fy_file_identity){0};
    if (stat(path, &facts) < 0)
        return errno;
    identity->directory = S_ISDIR(facts.st_mode);
    if (identity->directory)
        return 0;
    if (!S_ISREG(facts.st_mode))
        return EINVAL;
    identity->size_bytes = (uint64_t)facts.st_size;
    /* Not to wait for a fifo that has taken its place. */
    FY_AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    find_build_id(fd, identity);
    return 0;
}
