/* What is common to the tests of references between images. */
#include "edges.h"
#include <criterion/criterion.h>
#include <ferry/imgcore/verify.h>
#include <string.h>

struct scratch damaged;
struct made made;
FownEntry nobody = FOWN_ENTRY__INIT;

/* What the verifier is to find. */
struct wanted {
    const char *code, *file;
    size_t count, errors;
    enum fy_severity severity;
};

static void note_finding(const struct fy_finding *finding, void *data)
{
    struct wanted *wanted = data;

    cr_expect(finding->what[0] && finding->effect[0] && finding->next[0], "%s says too little", finding->code);
    if (finding->severity == FY_SEVERITY_ERROR)
        wanted->errors++;
    if (strcmp(finding->code, wanted->code) != 0 || strcmp(finding->file, wanted->file) != 0)
        return;
    wanted->count++;
    wanted->severity = finding->severity;
}

static struct wanted look_for(const char *code, const char *file)
{
    struct fy_imageset_options options = {.accept_lazy = true};
    struct wanted wanted = {.code = code, .file = file};
    struct fy_imageset_summary summary;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_imageset_verify(damaged.fd, &options, note_finding, &wanted, &summary, &err), 0, "%s", err.message);
    fy_imageset_summary_done(&summary);
    return wanted;
}

void expect_error(const char *code, const char *file)
{
    struct wanted found = look_for(code, file);

    cr_expect_gt(found.count, 0, "%s in %s is not found", code, file);
    cr_expect_eq(found.severity, FY_SEVERITY_ERROR, "%s", code);
}

/* Found, and the set stays whole. */
void expect_warning(const char *code, const char *file)
{
    struct wanted found = look_for(code, file);

    cr_expect_gt(found.count, 0, "%s in %s is not found", code, file);
    cr_expect_eq(found.severity, FY_SEVERITY_WARNING, "%s", code);
    cr_expect_eq(found.errors, 0, "%s comes with errors", code);
}

void expect_no_errors(void)
{
    cr_expect_eq(look_for("", "").errors, 0);
}

void begin(const char *name)
{
    scratch_copy(&damaged, name);
    expect_no_errors();
}

void again(const char *name)
{
    scratch_done(&damaged);
    scratch_copy(&damaged, name);
}

void edges_done(void)
{
    scratch_done(&damaged);
}

void start_image(enum fy_image_kind kind)
{
    made_magic(&made, fy_catalogue_get(kind)->magic);
}

void write_image(const char *name)
{
    scratch_write(&damaged, name, made.data, made.size);
}

void append_entry(const char *name, const void *message)
{
    made.size = 0;
    made_entry(&made, message);
    scratch_append(&damaged, name, made.data, made.size);
}

FileEntry file_of(FdTypes type)
{
    FileEntry file = FILE_ENTRY__INIT;

    file.type = type;
    file.id = 9001;
    return file;
}

/* A descriptor of the first table, and the file that it leads to. */
void add_open_file(FileEntry *file)
{
    FdinfoEntry fd = FDINFO_ENTRY__INIT;

    fd.id = file->id;
    fd.type = file->type;
    fd.fd = 900;
    append_entry("files.img", file);
    append_entry("fdinfo-2.img", &fd);
}

unsigned twice(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)number;
    (void)context;
    return 2;
}
