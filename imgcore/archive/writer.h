/* One archive, opened with libarchive for writing into a sink. Private to the library. */
#ifndef FERRY_ARCHIVE_WRITER_H
#define FERRY_ARCHIVE_WRITER_H

#include <archive.h>
#include <archive_entry.h>
#include <ferry/base/error.h>
#include <ferry/imgcore/archive.h>
#include <stdbool.h>

#include "sink.h"

struct writer {
    struct archive *archive; /* NULL: not open */
    struct sink *sink;       /* the caller's */
};

/* A tar. The writer is zeroed before, and ended with writer_close() or writer_done(). */
int writer_open(struct writer *writer, struct sink *sink, enum fy_archive_compression compression,
                struct fy_error *err);
/* Compression alone: `writer->archive` is open for one stream of data, the `next` of another sink. */
int writer_open_stream(struct writer *writer, struct sink *sink, enum fy_archive_compression compression,
                       struct fy_error *err);
/* Ends the archive: without it, it is not whole. */
int writer_close(struct writer *writer, struct fy_error *err);
/* Frees, after writer_close() or in the place of it. */
void writer_done(struct writer *writer);

int writer_add_directory(struct writer *writer, const char *name, struct fy_error *err);
int writer_add_link(struct writer *writer, const char *name, const char *target, struct fy_error *err);
int writer_add_text(struct writer *writer, const char *name, const char *text, struct fy_error *err);
/* A regular file of `dir_fd` under another name; FY_E_VERIFY when it changes meanwhile. */
int writer_add_file(struct writer *writer, int dir_fd, const char *file, const char *name, struct fy_error *err);
/* The entry at which `reader` stands, with its content. */
int writer_copy_entry(struct writer *writer, struct archive *reader, struct archive_entry *entry, const char *name,
                      struct fy_error *err);

#endif
