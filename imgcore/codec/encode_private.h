/* What the parts of the encoder share.
 *
 *   encode.c          the outermost object, and one entry after the other
 *   encode_message.c  an object becomes a message: keys are looked up, and their parts put into the order of the tags
 *   encode_value.c    one value of a field
 *   encode_unix_name.c  the one field that the tools write in two ways
 *   encode_at.c       the keys that begin with '@'
 *   encode_extra.c    the content after an entry; encode_content.c reads each kind, encode_check.c compares its size
 *
 * A message grows at the end of `wire`, nested ones within it. What an entry has is complete only at its closing brace,
 * so the entry is written there; content that is too large to be kept until then is written earlier, see
 * encode_extra.c.
 */
#ifndef FERRY_CODEC_ENCODE_PRIVATE_H
#define FERRY_CODEC_ENCODE_PRIVATE_H

#include "json_lexer.h"
#include <ferry/base/buf.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/display.h>
#include <ferry/imgcore/encode.h>
#include <ferry/imgcore/image.h>

#define FRAME_FIELDS_MAX 128 /* no message of CRIU's has more; a test looks */
#define DISPLAY_CACHE_SIZE 64
#define REQUIRED_CACHE_SIZE 64
#define OUTPUT_BYTES ((size_t)64 << 10)

struct output {
    fy_write_fn *write;
    void *data;
    size_t size;
    uint8_t bytes[OUTPUT_BYTES];
};

/* The content of the entry at hand. Only TCP streams have a second part. */
struct extra {
    struct fy_buf kept[2];
    uint64_t bytes[2]; /* of each part, kept or written */
    bool ended[2];     /* the part is whole */
    uint64_t count;    /* of messages or semaphores */
    bool is_given;
    bool is_written; /* as it comes: the entry itself is already out */
    bool is_whole;   /* "@extra": all bytes as they are in the file, with padding */
    struct json_place place;
};

/* A message that is being read. */
struct frame {
    const ProtobufCMessageDescriptor *descriptor;
    bool is_entry;
    struct json_place place;
    uint64_t seen[FRAME_FIELDS_MAX / 64];
    unsigned next;                             /* the field that the next key probably names */
    size_t begin;                              /* in encoder.wire */
    bool in_order;                             /* so far, of the parts */
    unsigned part_count;                       /* one a key */
    uint32_t part_order[FRAME_FIELDS_MAX + 1]; /* the fields, and "@unknown" */
    size_t part_bytes[FRAME_FIELDS_MAX + 1];
    bool has_unknown;                          /* "@unknown" was there */
    uint64_t quoted_before;                    /* encoder.quoted_count at the begin */
    const ProtobufCFieldDescriptor *unix_name; /* its text is in encoder.text, from here in the document */
    struct json_place unix_name_place;
};

struct display_slot {
    const ProtobufCFieldDescriptor *field;
    const struct fy_display *display;
};

/* The fields that a message must have, as in frame.seen. */
struct required {
    const ProtobufCMessageDescriptor *descriptor;
    uint64_t fields[FRAME_FIELDS_MAX / 64];
};

struct encoder {
    struct json_lexer document;
    struct json_lexer *lexer; /* the document, or a text in it that is JSON itself */
    struct fy_image_limits limits;
    struct fy_buf entries; /* their JSON, if it came before the magic */
    const struct fy_image_type *type;
    uint64_t entry_number;
    unsigned depth;       /* of messages */
    struct fy_buf wire;   /* the entry's message, as far as it is read */
    struct fy_buf sorted; /* while parts are put into order */
    struct fy_buf text;   /* of what is to be decoded or written later */
    bool has_override;    /* "@wire": the message is these bytes, whatever the fields say */
    struct fy_buf override;
    struct extra extra;
    bool has_chunks;     /* a ghost file that comes in parts */
    struct frame *entry; /* the frame of the entry at hand */
    /* How many 64-bit numbers came as decimal text, which is the mark of go-crit. */
    uint64_t quoted_count;
    /* The first required field that was not there: forgiven if there is "@wire". */
    struct fy_error missing;
    struct fy_error missing_in_extra; /* the same, forgiven if there is "@extra" */
    struct display_slot displays[DISPLAY_CACHE_SIZE];
    struct required required[REQUIRED_CACHE_SIZE];
    struct output output;
};

/* ---- encode.c ---- */
int fy_encode_out(struct encoder *encoder, const void *bytes, size_t size, struct fy_error *err);
/* Puts "entry N: " in front of what is wrong. */
__attribute__((format(printf, 3, 4))) int fy_encode_refuse(struct encoder *encoder, struct fy_error *err,
                                                           const char *format, ...);
/* Size word and message of the entry at hand. */
int fy_encode_out_entry(struct encoder *encoder, struct fy_error *err);

/* ---- encode_message.c ---- */
/* The object that was just opened, put at the end of encoder.wire. `frame` is for its callers to look at. */
int fy_encode_object(struct encoder *encoder, struct frame *frame, const ProtobufCMessageDescriptor *descriptor,
                     struct fy_error *err);
/* After the last key, or when no more keys are accepted. */
int fy_encode_finish_frame(struct encoder *encoder, struct frame *frame, struct fy_error *err);

/* ---- encode_value.c ---- */
/* The value after the key of `field`. */
int fy_encode_field(struct encoder *encoder, struct frame *frame, const ProtobufCFieldDescriptor *field,
                    struct fy_error *err);
/* The base64 of the string that was just opened, appended to `buf`. */
int fy_encode_base64(struct encoder *encoder, struct fy_buf *buf, struct fy_error *err);
int fy_encode_expect(struct encoder *encoder, enum json_token got, enum json_token wanted, const char *what,
                     struct fy_error *err);

/* ---- encode_unix_name.c ---- */
/* Keeps the text of the string that was just opened. */
int fy_encode_keep_unix_name(struct encoder *encoder, struct frame *frame, const ProtobufCFieldDescriptor *field,
                             struct fy_error *err);
/* All other fields have been read: puts the name. */
int fy_encode_unix_name(struct encoder *encoder, struct frame *frame, struct fy_error *err);

/* ---- encode_at.c ---- */
int fy_encode_at_unknown(struct encoder *encoder, struct fy_error *err);
int fy_encode_at_wire(struct encoder *encoder, struct fy_error *err);

/* ---- encode_extra.c ---- */
void fy_encode_extra_reset(struct encoder *encoder);
/* The value after "extra", and after "@extra". */
int fy_encode_extra(struct encoder *encoder, struct fy_error *err);
int fy_encode_at_extra(struct encoder *encoder, struct fy_error *err);
/* The end of the entry, whose message is complete: writes what is still to be written. */
int fy_encode_finish_extra(struct encoder *encoder, struct fy_error *err);
/* More content: as it is; zeros up to a multiple of `unit` bytes; the base64 of the string that was just opened, and of
 * the value that must be a string. */
int fy_encode_put(struct encoder *encoder, unsigned part, const void *bytes, size_t size, struct fy_error *err);
int fy_encode_put_zeros(struct encoder *encoder, uint64_t after_bytes, unsigned unit, struct fy_error *err);
int fy_encode_put_base64(struct encoder *encoder, unsigned part, struct fy_error *err);
int fy_encode_read_content(struct encoder *encoder, unsigned part, const char *what, struct fy_error *err);

/* ---- encode_content.c ---- */
/* The content as the entry's type has it, whose value has just begun. */
int fy_encode_content(struct encoder *encoder, enum json_token token, struct fy_error *err);

/* ---- encode_check.c ---- */
int fy_encode_check_content(struct encoder *encoder, struct fy_error *err);

#endif
