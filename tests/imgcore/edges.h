/* Sets in which the references between images are damaged: what is common to their tests. */
#ifndef FERRY_TESTS_IMGCORE_EDGES_H
#define FERRY_TESTS_IMGCORE_EDGES_H

#include "scratch.h"
#include <criu/files.pb-c.h>
#include <ferry/imgcore/catalogue.h>

#define NOWHERE 77777u

/* The set that a test works on, and an image that it makes for it. */
extern struct scratch damaged;
extern struct made made;

/* A copy of sets/`name`, which is whole; another one instead; its end. */
void begin(const char *name);
void again(const char *name);
void edges_done(void);

/* The verifier finds `code` in `file`: as an error; or as a warning, and no errors. */
void expect_error(const char *code, const char *file);
void expect_warning(const char *code, const char *file);
void expect_no_errors(void);

/* Starts `made` as an image of the kind; writes it into the set. */
void start_image(enum fy_image_kind kind);
void write_image(const char *name);
/* Adds an entry to an image of the set. */
void append_entry(const char *name, const void *message);

extern FownEntry nobody;
/* An open file of the type, without its content. */
FileEntry file_of(FdTypes type);
/* Adds it, and a descriptor of the first table that leads to it. */
void add_open_file(FileEntry *file);

/* Each entry is there twice. */
entry_edit twice;

#endif
