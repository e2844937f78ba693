/* JSON to images: what is refused and where, both dialects, every kind of content. */
#include <criterion/criterion.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/encode.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- encoding a text ---- */

struct source {
    const char *text;
    size_t size, at;
    const char *fill; /* then this, */
    uint64_t fills;   /* that many times, */
    const char *tail; /* and this */
};

static int read_source(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err)
{
    struct source *source = data;
    size_t count = source->size - source->at;

    if (count == 0 && (source->fills > 0 || source->tail)) {
        source->text = source->fills > 0 ? source->fill : source->tail;
        source->tail = source->fills > 0 ? source->tail : NULL;
        source->fills -= source->fills > 0;
        source->size = strlen(source->text);
        source->at = 0;
        return read_source(data, bytes, capacity, size, err);
    }
    if (count > capacity)
        count = capacity;
    memcpy(bytes, source->text + source->at, count);
    source->at += count;
    *size = count;
    return 0;
}

static int write_buf(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    return fy_buf_append(data, bytes, size, err);
}

static int encode(const char *text, struct fy_buf *image, struct fy_error *err)
{
    struct source source = {.text = text, .size = strlen(text)};

    image->size = 0;
    return fy_image_encode_json(read_source, &source, "x", NULL, write_buf, image, err);
}

static void hex_text(const struct fy_buf *buf, size_t from, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = from; i < buf->size && (i - from) * 2 + 3 < size; i++)
        (void)snprintf(text + (i - from) * 2, 3, "%02x", buf->data[i]);
}

/* ---- refused ---- */

#define PIPES "{\"magic\": \"PIPES_DATA\", \"entries\": ["
#define FDS "{\"magic\": \"FDINFO\", \"entries\": ["
#define FD "\"id\":1,\"flags\":0,\"type\":\"REG\""
#define DESC "\"desc\":{\"key\":1,\"uid\":0,\"gid\":0,\"cuid\":0,\"cgid\":0,\"mode\":0,\"id\":2}"

/* A ` stands before the place that the error must name. */
static const struct refused {
    const char *text, *error;
} refused[] = {
    /* the outermost object */
    {"`[]", "the JSON of an image must be an object"},
    {"`{}", "\"magic\" is missing"},
    {"`{\"magic\":\"FS\"}", "\"entries\" is missing"},
    {"{\"magic\":\"FS\",\"entries\":`{}}", "\"entries\" must be an array"},
    {"{\"magic\":`1,\"entries\":[]}", "\"magic\" must be a string"},
    {"{\"magic\":`\"PAGEMAPP\",\"entries\":[]}", "no image has the magic \"PAGEMAPP\"; the nearest is \"PAGEMAP\""},
    {"{\"magic\":`\"PAGES\",\"entries\":[]}", "no image has the magic \"PAGES\""},
    {"{`\"entries\":[],\"magic\":\"FS\"}", "\"entries\" comes before \"magic\""},
    {"{\"magic\":\"FS\",`\"magic\":\"FS\",\"entries\":[]}", "the key \"magic\" is there twice"},
    {"{\"magic\":\"FS\",\"entries\":[],`\"entries\":[]}", "the key \"entries\" is there twice"},
    {"{\"magic\":\"FS\",\"entries\":[],`\"@framing\":\"v1.0\"}", "\"@framing\" comes after \"entries\""},
    {"{\"magic\":\"FS\",\"@framing\":`\"v1.1\",\"entries\":[]}", "\"@framing\" must be \"v1.0\", or not be there"},
    {"{\"magic\":\"FS\",`\"count\":1,\"entries\":[]}", "an image has \"magic\" and \"entries\", but no \"count\""},
    {"{\"magic\":\"FS\",\"entries\":[]} `{}", "the end of the text is expected, but here is '{'"},
    {"{\"magic\":\"FS\",\"entries\":[`", "a value is expected, but here is the end of the text"},

    /* keys and types of values */
    {FDS "`1]}", "entry 0: an entry must be an object, not a number"},
    {FDS "\n{" FD ",\"fd\":1},\n `{" FD "}]}", "entry 1: the required field \"fd\" of fdinfo_entry is missing"},
    {FDS "{" FD ",`\"fdd\":1}]}", "entry 0: fdinfo_entry has no field \"fdd\"; the nearest is \"fd\""},
    {FDS "{" FD ",`\"extra\":\"\"}]}", "entry 0: fdinfo_entry has no field \"extra\""},
    {FDS "{" FD ",`\"fd\\u0000\\u0000\\u0000\\u0000\":1}]}",
     "entry 0: fdinfo_entry has no field \"fd\"; the nearest is \"fd\""},
    {FDS "{" FD ",\"fd\":1,`\"id\":1}]}", "entry 0: the key \"id\" is there twice"},
    {FDS "{" FD ",\"fd\":`null}]}", "entry 0: fdinfo_entry.fd must be a number or text for one, not null"},
    {FDS "{" FD ",\"fd\":`[1]}]}", "entry 0: fdinfo_entry.fd must be a number or text for one, not an array"},
    {FDS "{" FD ",\"fd\":`1.0}]}",
     "entry 0: fdinfo_entry.fd must be a number or text for one, not a number that is no integer of 64 bits"},
    {FDS "{" FD ",\"fd\":`-1}]}", "entry 0: fdinfo_entry.fd: -1 is out of range, which is 0 to 4294967295"},
    {FDS "{" FD ",\"fd\":`4294967296}]}",
     "entry 0: fdinfo_entry.fd: 4294967296 is out of range, which is 0 to 4294967295"},
    {FDS "{" FD ",\"fd\":`\"0x1ffffffff\"}]}",
     "entry 0: fdinfo_entry.fd: 8589934591 is out of range, which is 0 to 4294967295"},
    {FDS "{" FD ",\"fd\":`\"one\"}]}", "entry 0: fdinfo_entry.fd: \"one\" is not a number or a name for one"},
    {FDS "{" FD ",\"fd\":`\"\"}]}", "entry 0: fdinfo_entry.fd: \"\" is not a number or a name for one"},
    {FDS "{\"type\":`\"REGG\"}]}", "entry 0: fdinfo_entry.type: \"REGG\" is not a value of fd_types"},
    {FDS "{\"type\":`true}]}", "entry 0: fdinfo_entry.type must be a number or text for one, not true"},
    {FDS "{\"type\":`2147483648}]}",
     "entry 0: fdinfo_entry.type: 2147483648 is out of range, which is -2147483648 to 2147483647"},
    {FDS "{" FD ",\"fd\":1,\"xattr_security_selinux\":`1}]}",
     "entry 0: fdinfo_entry.xattr_security_selinux must be a string, not a number"},
    {"{\"magic\":\"IPCNS_SHM\",\"entries\":[{\"in_pagemaps\":`1}]}",
     "entry 0: ipc_shm_entry.in_pagemaps must be true or false, not a number"},
    {"{\"magic\":\"IPCNS_SHM\",\"entries\":[{\"desc\":`1}]}",
     "entry 0: ipc_shm_entry.desc must be an object, not a number"},
    {"{\"magic\":\"TTY_DATA\",\"entries\":[{\"data\":`\"QU=J\"}]}", "entry 0: base64 that goes on after its padding"},
    {"{\"magic\":\"TTY_DATA\",\"entries\":[{\"data\":`\"QUJ\"}]}", "entry 0: base64 that is cut off"},
    {"{\"magic\":\"TTY_DATA\",\"entries\":[{\"data\":`\"QUI=QUI=\"}]}",
     "entry 0: base64 that goes on after its padding"},
    {"{\"magic\":\"TTY_DATA\",\"entries\":[{\"data\":`\"Q===\"}]}", "entry 0: base64 with padding in the wrong place"},
    {"{\"magic\":\"TTY_DATA\",\"entries\":[{\"data\":`\"QUJ=\"}]}", "entry 0: base64 with bits set in its padding"},
    {"{\"magic\":\"TTY_DATA\",\"entries\":[{\"data\":`\"Q U=\"}]}", "entry 0: a character that base64 does not have"},
    {"{\"magic\":\"TTY_DATA\",\"entries\":[{\"data\":`\"QU-_\"}]}", "entry 0: a character that base64 does not have"},
    {"{\"magic\":\"IPC_VAR\",\"entries\":[{\"sem_ctls\":`5}]}",
     "entry 0: ipc_var_entry.sem_ctls must be an array, not a number"},
    {"{\"magic\":\"IPC_VAR\",\"entries\":[{\"sem_ctls\":[`\"1.2.3.4\"]}]}",
     "entry 0: ipc_var_entry.sem_ctls: \"1.2.3.4\" is not a number or a name for one"},
    {"{\"magic\":\"INETSK\",\"entries\":[{\"src_addr\":[`\"1.2.3\"]}]}",
     "entry 0: inet_sk_entry.src_addr: \"1.2.3\" is not an IP address"},
    {"{\"magic\":\"INETSK\",\"entries\":[{\"src_addr\":[`\"1.2.3.4\",5]}]}",
     "entry 0: inet_sk_entry.src_addr: an address stands alone in its list"},
    {"{\"magic\":\"FILES\",\"entries\":[{\"type\":\"REG\",\"id\":1,\"reg\":`{\"id\":1}}]}",
     "entry 0: the required field \"flags\" of reg_file_entry is missing"},

    /* keys with @ */
    {FDS "{\"@unknown\":`{}}]}", "entry 0: \"@unknown\" must be an array, not an object"},
    {FDS "{\"@unknown\":[`1]}]}", "entry 0: an element of \"@unknown\" must be an object, not a number"},
    {FDS "{\"@unknown\":[`{}]}]}", "entry 0: an unknown field needs \"tag\", \"type\" and \"value\""},
    {FDS "{\"@unknown\":[`{\"tag\":0,\"type\":\"varint\",\"value\":1}]}]}",
     "entry 0: the \"tag\" of an unknown field must not be 0"},
    {FDS "{\"@unknown\":[{\"tag\":`536870912}]}]}",
     "entry 0: the \"tag\" of an unknown field must be from 0 to 536870911"},
    {FDS "{\"@unknown\":[{\"tag\":1,`\"tag\":1}]}]}",
     "entry 0: an unknown field has \"tag\", \"type\" and \"value\", each once, but not \"tag\""},
    {FDS "{\"@unknown\":[{\"type\":`\"group\"}]}]}",
     "entry 0: the \"type\" of an unknown field must be varint, fixed64, bytes or fixed32"},
    {FDS "{\"@unknown\":[`{\"tag\":9,\"type\":\"bytes\",\"value\":1}]}]}",
     "entry 0: the \"value\" of an unknown field does not fit its \"type\""},
    {FDS "{\"@unknown\":[`{\"tag\":9,\"type\":\"varint\",\"value\":\"\"}]}]}",
     "entry 0: the \"value\" of an unknown field does not fit its \"type\""},
    {FDS "{\"@unknown\":[`{\"tag\":9,\"type\":\"fixed32\",\"value\":4294967296}]}]}",
     "entry 0: the \"value\" of an unknown field is larger than 32 bits"},
    {FDS "{\"@unknown\":[{\"tag\":9,\"type\":\"varint\",\"value\":`-1}]}]}",
     "entry 0: the \"value\" of an unknown field must not be negative"},
    {FDS "{\"@unknown\":[],`\"@unknown\":[]}]}", "entry 0: the key \"@unknown\" is there twice"},
    {FDS "{\"@wire\":`\"CA==\"}]}", "entry 0: the bytes of \"@wire\" are not a message: a number is cut off"},
    {FDS "{\"@wire\":\"\",`\"@wire\":\"\"}]}", "entry 0: the key \"@wire\" is there twice"},
    {FDS "{\"@wire\":`5}]}", "entry 0: \"@wire\" must be a string, not a number"},
    {FDS "{`\"@extra\":\"\"}]}", "entry 0: fdinfo_entry has no field \"@extra\""},
    {"{\"magic\":\"FILES\",\"entries\":[{\"type\":\"REG\",\"id\":1,\"reg\":{`\"@wire\":\"\"}}]}",
     "entry 0: reg_file_entry has no field \"@wire\""},

    /* content */
    {PIPES "`{\"pipe_id\":1,\"bytes\":3}]}", "entry 0: the content has 0 bytes, but bytes says 3"},
    {PIPES "{\"pipe_id\":1,\"bytes\":3,\"extra\":`\"YWI=\"}]}", "entry 0: the content has 2 bytes, but bytes says 3"},
    {PIPES "{\"pipe_id\":1,\"bytes\":3,\"extra\":`\"YWJjZA==\"}]}",
     "entry 0: the content has 4 bytes, but bytes says 3"},
    {PIPES "{\"pipe_id\":1,\"bytes\":3,\"extra\":`5}]}", "entry 0: \"extra\" must be a string, not a number"},
    {PIPES "{\"pipe_id\":1,\"bytes\":0,\"extra\":\"\",`\"extra\":\"\"}]}", "entry 0: the key \"extra\" is there twice"},
    {PIPES "{\"pipe_id\":1,\"bytes\":3,\"extra\":`\"... <3B>\"}]}",
     "entry 0: a character that base64 does not have, in the content of the entry"},
    {PIPES "`{\"extra\":\"\",\"bytes\":0}]}", "entry 0: the required field \"pipe_id\" of pipe_data_entry is missing"},
    {PIPES "{\"pipe_id\":1,\"bytes\":1,`\"@extra\":\"YWI=\"}]}", "entry 0: the content has 2 bytes, but bytes says 1"},
    {PIPES "{\"@extra\":\"\",`\"@extra\":\"\"}]}", "entry 0: the key \"@extra\" is there twice"},
    {"{\"magic\":\"SK_QUEUES\",\"entries\":[{\"id_for\":1,\"length\":2,\"extra\":`\"YQ==\"}]}",
     "entry 0: the content has 1 bytes, but length says 2"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":2,\"extra\":`[1]}]}",
     "entry 0: the content has 1 semaphores, but nsems says 2"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":1,\"extra\":[`65536]}]}",
     "entry 0: a semaphore must be from 0 to 65535"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":1,\"extra\":[`-1]}]}",
     "entry 0: a semaphore must be from 0 to 65535"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":1,\"extra\":`\"[1,]\"}]}",
     "in this text:1:4: a value is expected, but here is ']'"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC ",\"qbytes\":9,\"qnum\":1,\"extra\":`[]}]}",
     "entry 0: the content has 0 messages, but qnum says 1"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC
     ",\"qbytes\":9,\"qnum\":1,\"extra\":[{\"mtype\":1,\"msize\":`1}]}]}",
     "entry 0: the last message of the queue has no text after it"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC
     ",\"qbytes\":9,\"qnum\":1,\"extra\":[{\"mtype\":1,\"msize\":1},`\"YWI=\"]}]}",
     "entry 0: the text of the message has 2 bytes, but its \"msize\" is 1"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC ",\"qbytes\":9,\"qnum\":1,\"extra\":[`{\"msize\":1},\"YQ==\"]}]}",
     "entry 0: the required field \"mtype\" of ipc_msg is missing"},
    {"{\"magic\":\"IPCNS_SHM\",\"entries\":[{" DESC ",\"size\":5,\"in_pagemaps\":true,\"extra\":`\"YQ==\"}]}",
     "entry 0: the content has 1 bytes, but in_pagemaps says 0"},
    {"{\"magic\":\"IPCNS_SHM\",\"entries\":[{" DESC ",\"size\":5,\"extra\":`\"YQ==\"}]}",
     "entry 0: the content has 1 bytes, but size says 5"},
    {"{\"magic\":\"BPFMAP_DATA\",\"entries\":[{\"map_id\":1,\"keys_bytes\":1,\"values_bytes\":1,\"count\":1,\"extra\":"
     "`\"YQ==\"}]}",
     "entry 0: the content has 1 bytes, but keys_bytes and values_bytes says 2"},
    {"{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":33188,\"chunks\":true,\"extra\":`\"YQ==\"}]"
     "}",
     "entry 0: the content has 1 bytes before the chunks, but chunks says 0"},
    {"{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":33188},`{\"len\":0,\"off\":0}]}",
     "entry 1: the file does not come in chunks, so its image has one entry"},
    {"{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":33188,\"chunks\":true},`{\"len\":2,\"off\":"
     "0}"
     "]}",
     "entry 1: the content has 0 bytes, but len says 2"},
};

/* The text without the mark, and the error with the place. */
static void resolve(const struct refused *row, char text[1024], char error[1024])
{
    size_t mark = strcspn(row->text, "`"), line = 1, column = 1;

    cr_assert_lt(mark, strlen(row->text), "no mark in %s", row->text);
    for (size_t i = 0; i < mark; i++) {
        column = row->text[i] == '\n' ? 1 : column + 1;
        line += row->text[i] == '\n';
    }
    (void)snprintf(text, 1024, "%.*s%s", (int)mark, row->text, row->text + mark + 1);
    (void)snprintf(error, 1024, "x:%zu:%zu: %s", line, column, row->error);
}

Test(encode, refuses_with_the_place)
{
    char text[1024], error[1024];
    struct fy_buf image = {0};

    for (size_t i = 0; i < FY_ARRAY_SIZE(refused); i++) {
        struct fy_error err = FY_ERROR_INIT;
        resolve(&refused[i], text, error);
        cr_expect_eq(encode(text, &image, &err), -1, "accepted: %s", text);
        cr_expect_eq(err.code, FY_E_FORMAT, "%s", text);
        cr_expect_str_eq(err.message, error, "%s\n gives\n%s", text, err.message);
    }
    fy_buf_done(&image);
}

#define TCP                                                                                                            \
    "{\"magic\":\"TCP_STREAM\",\"entries\":[{\"inq_len\":1,\"inq_seq\":0,\"outq_len\":2,\"outq_seq\":0,\"opt_mask\":"  \
    "0,\"snd_wscale\":0,\"mss_clamp\":0,\"extra\":"

static const struct refused refused_queues[] = {
    {TCP "{\"inq\":\"YQ==\"}}]}", "the content has 0 bytes out, but outq_len says 2"},
    {TCP "{\"inq\":\"\",\"outq\":\"YWI=\"}}]}", "the content has 0 bytes in, but inq_len says 1"},
    {TCP "{\"inq\":\"YQ==\",\"in_q\":\"YQ==\"}}]}",
     "the content of a TCP stream is \"inq\" and \"outq\", each once, not \"in_q\""},
    {TCP "{\"other\":\"YQ==\"}}]}", "the content of a TCP stream is \"inq\" and \"outq\", each once, not \"other\""},
    {TCP "[]}]}", "the content of a TCP stream must be an object, not an array"},
};

Test(encode, refuses_queues_of_tcp)
{
    struct fy_buf image = {0};

    for (size_t i = 0; i < FY_ARRAY_SIZE(refused_queues); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_expect_eq(encode(refused_queues[i].text, &image, &err), -1);
        cr_expect_not_null(strstr(err.message, refused_queues[i].error), "%s", err.message);
    }
    fy_buf_done(&image);
}

/* ---- accepted ---- */

static const struct accepted {
    const char *text;
    const char *hex; /* of all that follows the magics */
} accepted[] = {
    {FDS "]}", ""},
    {FDS "{" FD ",\"fd\":7}]}", "08000000"
                                "0801"
                                "1000"
                                "1801"
                                "2007"},
    /* any order of keys, and of fields with and without repetition */
    {FDS "{\"fd\":7,\"xattr_security_selinux\":\"a\",\"type\":\"REG\",\"flags\":0,\"id\":1}]}", "0b000000"
                                                                                                "0801"
                                                                                                "1000"
                                                                                                "1801"
                                                                                                "2007"
                                                                                                "2a0161"},
    {FDS "{\"@unknown\":[{\"value\":\"YWI=\",\"type\":\"bytes\",\"tag\":100}],\"fd\":7," FD "}]}", "0d000000"
                                                                                                   "0801"
                                                                                                   "1000"
                                                                                                   "1801"
                                                                                                   "2007"
                                                                                                   "a206026162"},
    {FDS "{" FD ",\"fd\":7,\"@unknown\":[{\"tag\":9,\"type\":\"varint\",\"value\":300},{\"tag\":6,\"type\":\"fixed32\","
         "\"value\":1},{\"tag\":9,\"type\":\"fixed64\",\"value\":18446744073709551615}]}]}",
     "19000000"
     "0801"
     "1000"
     "1801"
     "2007"
     "48ac02"
     "3501000000"
     "49ffffffffffffffff"},
    /* numbers as text; names and numbers of enums */
    {FDS "{\"id\":\"0x10\",\"flags\":\"0b11\",\"type\":1,\"fd\":\"12\"}]}", "08000000"
                                                                            "0810"
                                                                            "1003"
                                                                            "1801"
                                                                            "200c"},
    {FDS "{\"id\":\"1\",\"flags\":\"0o17\",\"type\":99,\"fd\":7}]}", "08000000"
                                                                     "0801"
                                                                     "100f"
                                                                     "1863"
                                                                     "2007"},
    {FDS "{\"id\":1,\"flags\":0,\"type\":-2,\"fd\":7}]}", "11000000"
                                                          "0801"
                                                          "1000"
                                                          "18feffffffffffffffff01"
                                                          "2007"},
    {FDS "{\"id\":1,\"flags\":0,\"type\":\"5\",\"fd\":7}]}", "08000000"
                                                             "0801"
                                                             "1000"
                                                             "1805"
                                                             "2007"},
    /* strings: NUL, not UTF-8, beyond the BMP */
    {FDS "{" FD ",\"fd\":7,\"xattr_security_selinux\":\"a\\u0000\\udcff\\ud83d\\ude00\xc3\xa9\"}]}",
     "13000000"
     "0801"
     "1000"
     "1801"
     "2007"
     "2a09"
     "6100fff09f9880c3a9"},
    /* @wire wins, and forgives what is missing */
    {FDS "{\"id\":1,\"@wire\":\"CAE=\"}]}", "02000000"
                                            "0801"},
    {FDS "{" FD ",\"fd\":7,\"@wire\":\"\"}]}", "00000000"},
    /* lists */
    {"{\"magic\":\"SECCOMP\",\"entries\":[{\"seccomp_filters\":[]}]}", "00000000"},
    {"{\"magic\":\"FS\",\"entries\":[{\"cwd_id\":1,\"root_id\":2,\"umask\":3}, {\"cwd_id\":1,\"root_id\":2}]}",
     "06000000"
     "080110021803"
     "04000000"
     "08011002"},
    /* pagemap: the head first */
    {"{\"magic\":\"PAGEMAP\",\"entries\":[{\"pages_id\":1},{\"vaddr\":\"0x1000\",\"compat_nr_pages\":0,\"flags\":\"PE_"
     "PRESENT\","
     "\"nr_pages\":2}]}",
     "02000000"
     "0801"
     "09000000"
     "088020"
     "1000"
     "2004"
     "2802"},
    {"{\"magic\":\"PAGEMAP\",\"entries\":[{\"pages_id\":1},{\"vaddr\":\"4096\",\"compat_nr_pages\":0,\"flags\":4,"
     "\"nr_pages\":\"2\"}]}",
     "02000000"
     "0801"
     "09000000"
     "088020"
     "1000"
     "2004"
     "2802"},

    /* content */
    {PIPES "{\"pipe_id\":5,\"bytes\":3,\"extra\":\"YWJj\\n\"},{\"pipe_id\":6,\"bytes\":0,\"extra\":\"\"}]}",
     "04000000"
     "08051003"
     "616263"
     "04000000"
     "08061000"},
    {PIPES "{\"extra\":\"YWJj\",\"bytes\":3,\"pipe_id\":5}]}", "04000000"
                                                               "08051003"
                                                               "616263"},
    {PIPES "{\"pipe_id\":5,\"bytes\":0}]}", "04000000"
                                            "08051000"},
    {PIPES "{\"pipe_id\":5,\"bytes\":3,\"extra\":\"YWJj\",\"@extra\":\"eHl6\"}]}", "04000000"
                                                                                   "08051003"
                                                                                   "78797a"},
    {PIPES "{\"@extra\":\"eHl6\",\"pipe_id\":5,\"bytes\":3,\"extra\":\"YWJj\"}]}", "04000000"
                                                                                   "08051003"
                                                                                   "78797a"},
    {PIPES "{\"pipe_id\":5,\"bytes\":9,\"@wire\":\"CAUQgwA=\",\"extra\":\"YWJj\"}]}", "05000000"
                                                                                      "0805108300"
                                                                                      "616263"},
    {TCP "{\"inq\":\"YQ==\\n\",\"outq\":\"YmM=\\n\"}}]}", "0e000000"
                                                          "0801100018022000280030003800"
                                                          "616263"},
    {TCP "{\"outq\":\"YmM=\\n\",\"inq\":\"YQ==\\n\"}}]}", "0e000000"
                                                          "0801100018022000280030003800"
                                                          "616263"},
    {TCP "{\"in_q\":\"YQ==\",\"out_q\":\"YmM=\"}}]}", "0e000000"
                                                      "0801100018022000280030003800"
                                                      "616263"},
    {TCP "\"{\\\"in_q\\\":\\\"YQ==\\\",\\\"out_q\\\":\\\"YmM=\\\"}\"}]}", "0e000000"
                                                                          "0801100018022000280030003800"
                                                                          "616263"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":1,\"extra\":[258]}]}", "12000000"
                                                                                       "0a0e"
                                                                                       "0801100018002000280030003802"
                                                                                       "1001"
                                                                                       "0201000000000000"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":4,\"extra\":\"[1,2,3,4]\"}]}",
     "12000000"
     "0a0e"
     "0801100018002000280030003802"
     "1004"
     "0100020003000400"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":0,\"extra\":[]}]}", "12000000"
                                                                                    "0a0e"
                                                                                    "0801100018002000280030003802"
                                                                                    "1000"},
    {"{\"magic\":\"IPCNS_SEM\",\"entries\":[{" DESC ",\"nsems\":1,\"extra\":[1],\"@extra\":\"AQACAAAAAAA=\"}]}",
     "12000000"
     "0a0e"
     "0801100018002000280030003802"
     "1001"
     "0100020000000000"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC
     ",\"qbytes\":9,\"qnum\":2,\"extra\":[{\"mtype\":1,\"msize\":1},\"YQ==\\n\","
     "{\"msize\":8,\"mtype\":2},\"YWJjZGVmZ2g=\"]}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "10091802"
     "04000000"
     "08011001"
     "6100000000000000"
     "04000000"
     "08021008"
     "6162636465666768"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC ",\"qbytes\":9,\"qnum\":1,\"extra\":\"[\\\"{\\\\\\\"mtype\\\\\\\":"
     "\\\\\\\"1\\\\\\\",\\\\\\\"msize\\\\\\\":1}\\\",\\\"YQ==\\\"]\"}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "10091801"
     "04000000"
     "08011001"
     "6100000000000000"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC ",\"qbytes\":9,\"qnum\":0,\"extra\":[]}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "10091800"},
    {"{\"magic\":\"IPCNS_SHM\",\"entries\":[{" DESC ",\"size\":5,\"in_pagemaps\":true},{" DESC
     ",\"size\":6,\"in_pagemaps\":true,\"extra\":\"\"}]}",
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "1005"
     "1801"
     "14000000"
     "0a0e"
     "0801100018002000280030003802"
     "1006"
     "1801"},
    {"{\"magic\":\"IPCNS_SHM\",\"entries\":[{" DESC ",\"size\":5,\"extra\":\"YWJjZGU=\"}]}",
     "12000000"
     "0a0e"
     "0801100018002000280030003802"
     "1005"
     "6162636465000000"},
    {"{\"magic\":\"BPFMAP_DATA\",\"entries\":[{\"map_id\":1,\"keys_bytes\":1,\"values_bytes\":2,\"count\":1,\"extra\":"
     "\"YWJj\"}]}",
     "08000000"
     "0801100118022001"
     "616263"},
    {"{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":1,\"extra\":\"YWJj\"}]}", "06000000"
                                                                                                     "080010001801"
                                                                                                     "616263"},
    {"{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":1,\"chunks\":true},{\"len\":1,\"off\":2,"
     "\"extra\":"
     "\"YQ==\"},{\"len\":\"2\",\"off\":\"4\",\"extra\":\"YWI=\"}]}",
     "08000000"
     "0800100018014801"
     "04000000"
     "08011002"
     "61"
     "04000000"
     "08021004"
     "6162"},

    /* pretty texts */
    {"{\"magic\":\"REMAP_FPATH\",\"entries\":[{\"orig_id\":1,\"remap_id\":2,\"remap_type\":\"GHOST\"}]}",
     "06000000"
     "080110021801"},
    {"{\"magic\":\"IRMAP_CACHE\",\"entries\":[{\"dev\":\"8:1\",\"inode\":2,\"path\":\"/\"}]}", "08000000"
                                                                                               "088110"
                                                                                               "1002"
                                                                                               "1a012f"},
    {"{\"magic\":\"IRMAP_CACHE\",\"entries\":[{\"dev\":2049,\"inode\":2,\"path\":\"/\"}]}", "08000000"
                                                                                            "088110"
                                                                                            "1002"
                                                                                            "1a012f"},
};

Test(encode, writes_these_bytes)
{
    struct fy_buf image = {0};
    char hex[512];

    for (size_t i = 0; i < FY_ARRAY_SIZE(accepted); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_expect_eq(encode(accepted[i].text, &image, &err), 0, "%s\n%s", accepted[i].text, err.message);
        hex_text(&image, 8, hex, sizeof(hex));
        cr_expect_str_eq(hex, accepted[i].hex, "%s\n gives\n%s not\n%s", accepted[i].text, hex, accepted[i].hex);
    }
    fy_buf_done(&image);
}

/* ---- magics ---- */

static const struct accepted framings[] = {
    {"{\"magic\":\"FS\",\"entries\":[]}", "1943565412394051"},
    {"{\"magic\":\"FS\",\"@framing\":\"v1.0\",\"entries\":[]}", "12394051"},
    {"{\"@framing\":\"v1.0\",\"magic\":\"FS\",\"entries\":[]}", "12394051"},
    {"{\"magic\":\"INVENTORY\",\"entries\":[]}", "16313158"},
    {"{\"magic\":\"STATS\",\"entries\":[]}", "4059105506330957"},
    {"{\"magic\":\"STATS\",\"@framing\":\"v1.0\",\"entries\":[]}", "06330957"},
    {"{\"magic\":\"IRMAP_CACHE\",\"entries\":[]}", "4059105559400057"},
    {"{\"magic\":\"SIGNAL\",\"entries\":[]}", "1943565447562559"},
    {"{\"magic\":\"EXT_FILES\",\"entries\":[]}", "1943565441562559"},
};

Test(encode, the_magics_stand_in_front)
{
    struct fy_buf image = {0};
    char hex[64];

    for (size_t i = 0; i < FY_ARRAY_SIZE(framings); i++) {
        cr_assert_eq(encode(framings[i].text, &image, NULL), 0, "%s", framings[i].text);
        hex_text(&image, 0, hex, sizeof(hex));
        cr_expect_str_eq(hex, framings[i].hex, "%s", framings[i].text);
    }
    fy_buf_done(&image);
}

Test(encode, every_type_has_its_magic)
{
    struct fy_buf image = {0};
    char text[128];
    unsigned count = 0;

    for (unsigned kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++) {
        const struct fy_image_type *type = fy_catalogue_get((enum fy_image_kind)kind);
        uint32_t magic;
        if (type->magic == 0)
            continue;
        (void)snprintf(text, sizeof(text), "{\"magic\":\"%s\",\"entries\":[]}", type->name);
        cr_assert_eq(encode(text, &image, NULL), 0, "%s", type->name);
        memcpy(&magic, image.data + image.size - 4, 4);
        cr_expect_eq(magic, type->magic, "%s", type->name);
        count++;
    }
    cr_expect_gt(count, 70);
    fy_buf_done(&image);
}

/* ---- names of UNIX sockets ---- */

#define SOCKET_HEAD                                                                                                    \
    "{\"magic\":\"UNIXSK\",\"entries\":[{\"id\":1,\"ino\":2,\"type\":1,\"state\":1,\"flags\":2,\"uflags\":0,"          \
    "\"backlog\":0,\"peer\":0,"
#define SOCKET_OWNER "\"fown\":{\"uid\":0,\"euid\":0,\"signum\":0,\"pid_type\":0,\"pid\":0},"
#define OPTIONS(number)                                                                                                \
    "\"opts\":{\"so_sndbuf\":1,\"so_rcvbuf\":1,\"so_snd_tmo_sec\":" number ",\"so_snd_tmo_usec\":" number              \
    ",\"so_rcv_tmo_sec\":" number ",\"so_rcv_tmo_usec\":" number "}"

/* "abcd" is a name as it stands, and three other bytes in base64. */
static const struct {
    const char *text, *name;
} sockets[] = {
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("0") ",\"name\":\"abcd\"}]}", "5a0461626364"},
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("\"0\"") ",\"name\":\"abcd\"}]}", "5a0369b71d"},
    {SOCKET_HEAD "\"name\":\"abcd\"," SOCKET_OWNER OPTIONS("0") "}]}", "5a0461626364"},
    {SOCKET_HEAD "\"name\":\"abcd\",\"ns_id\":1," SOCKET_OWNER OPTIONS("\"0\"") "}]}", "5a0369b71d800101"},
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("\"0x0\"") ",\"name\":\"abcd\"}]}", "5a0461626364"},
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("0") ",\"name\":\"=00a=FF=3D\",\"mnt_id\":-1}]}", "5a040061ff3d880101"},
    {SOCKET_HEAD SOCKET_OWNER OPTIONS("0") ",\"name\":\"\"}]}", "5a00"},
};

Test(encode, names_of_sockets_in_both_dialects)
{
    struct fy_buf image = {0};
    char hex[512];

    for (size_t i = 0; i < FY_ARRAY_SIZE(sockets); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_assert_eq(encode(sockets[i].text, &image, &err), 0, "%s", err.message);
        hex_text(&image, 12, hex, sizeof(hex));
        cr_assert_gt(strlen(hex), strlen(sockets[i].name));
        cr_expect_str_eq(hex + strlen(hex) - strlen(sockets[i].name), sockets[i].name, "%zu: %s", i, hex);
    }
    fy_buf_done(&image);
}

/* The first socket is go-crit's, the second crit's: each is judged by itself. */
Test(encode, one_socket_says_nothing_about_the_next)
{
    struct fy_buf image = {0};
    struct fy_error err = FY_ERROR_INIT;
    static const char two[] = SOCKET_HEAD SOCKET_OWNER OPTIONS(
        "\"0\"") ",\"name\":\"abcd\"},"
                 "{\"id\":1,\"ino\":2,\"type\":1,\"state\":1,\"flags\":2,\"uflags\":0,\"backlog\":0,\"peer\":"
                 "0," SOCKET_OWNER OPTIONS("0") ",\"name\":\"abcd\"}]}";

    cr_assert_eq(encode(two, &image, &err), 0, "%s", err.message);
    cr_expect_not_null(memmem(image.data, image.size, "\x5a\x03\x69\xb7\x1d", 5));
    cr_expect_not_null(memmem(image.data, image.size,
                              "\x5a\x04"
                              "abcd",
                              6));
    fy_buf_done(&image);
}

Test(encode, a_bad_name_of_a_socket_is_refused_where_it_stands)
{
    struct fy_buf image = {0};
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(encode("{\"magic\":\"UNIXSK\",\"entries\":[{\n\"name\":\"abc\"," OPTIONS("\"0\"") "}]}", &image, &err),
                 -1);
    cr_expect_str_eq(err.message, "x:2:8: entry 0: base64 that is cut off, in the name of a UNIX socket");
    fy_buf_done(&image);
}

/* ---- nesting ---- */

static void nested(char *text, size_t size, unsigned depth)
{
    size_t used = (size_t)snprintf(text, size, "{\"magic\":\"APPARMOR\",\"entries\":[{\"namespaces\":[");
    for (unsigned i = 0; i < depth; i++)
        used += (size_t)snprintf(text + used, size - used, "{\"name\":\"n\",\"namespaces\":[");
    for (unsigned i = 0; i < depth; i++)
        used += (size_t)snprintf(text + used, size - used, "]}");
    (void)snprintf(text + used, size - used, "]}]}");
}

Test(encode, nesting_is_bounded)
{
    static char text[100000];
    struct fy_buf image = {0};
    struct fy_error err = FY_ERROR_INIT;

    nested(text, sizeof(text), 63);
    cr_expect_eq(encode(text, &image, &err), 0, "%s", err.message);
    nested(text, sizeof(text), 64);
    cr_expect_eq(encode(text, &image, &err), -1);
    cr_expect_not_null(strstr(err.message, "messages are nested deeper than 64"), "%s", err.message);
    fy_error_clear(&err);
    nested(text, sizeof(text), 3000);
    cr_expect_eq(encode(text, &image, &err), -1);
    fy_buf_done(&image);
}

/* ---- large content ---- */

struct tally {
    uint64_t bytes, sum;
    uint8_t head[64];
};

static int write_tally(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    struct tally *tally = data;

    (void)err;
    for (size_t i = 0; i < size; i++) {
        if (tally->bytes + i < sizeof(tally->head))
            tally->head[tally->bytes + i] = ((const uint8_t *)bytes)[i];
        tally->sum += ((const uint8_t *)bytes)[i];
    }
    tally->bytes += size;
    return 0;
}

/* 48 bytes each */
#define FILL "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
#define FILLS ((uint64_t)1000000)

static int encode_large(const char *head, const char *tail, struct tally *tally, struct fy_error *err)
{
    struct source source = {.text = head, .size = strlen(head), .fill = FILL, .fills = FILLS, .tail = tail};

    *tally = (struct tally){0};
    return fy_image_encode_json(read_source, &source, "x", NULL, write_tally, tally, err);
}

Test(encode, large_content_goes_through)
{
    static const uint8_t head[] = {0x19, 0x43, 0x56, 0x54, 0x05, 0x36, 0x58, 0x52, 6,  0,
                                   0,    0,    8,    0,    0x10, 0,    0x18, 1,    'a'};
    static struct tally tally;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(encode_large("{\"magic\":\"GHOST_FILE\",\"entries\":[{\"mode\":1,\"gid\":0,\"uid\":0,\"extra\":\"",
                              "\"}]}", &tally, &err),
                 0, "%s", err.message);
    cr_expect_eq(tally.bytes, 8 + 4 + 6 + 48 * FILLS);
    cr_expect_eq(memcmp(tally.head, head, sizeof(head)), 0);
}

static void queues_head(char text[512], uint64_t in, uint64_t out, const char *queues)
{
    (void)snprintf(text, 512,
                   "{\"magic\":\"TCP_STREAM\",\"entries\":[{\"inq_len\":%" PRIu64 ",\"inq_seq\":0,\"outq_len\":%" PRIu64
                   ",\"outq_seq\":0,\"opt_mask\":0,\"snd_wscale\":0,\"mss_clamp\":0,\"extra\":{%s\"",
                   in, out, queues);
}

/* Both queues of a connection may be large, whichever way they were cut. */
Test(encode, large_queues_go_through)
{
    static struct tally tally;
    struct fy_error err = FY_ERROR_INIT;
    char text[512];

    queues_head(text, 1, 48 * FILLS, "\"inq\":\"YQ==\",\"outq\":");
    cr_expect_eq(encode_large(text, "\"}}]}", &tally, &err), 0, "%s", err.message);
    queues_head(text, 48 * FILLS, 1, "\"outq\":\"YQ==\",\"inq\":");
    cr_expect_eq(encode_large(text, "\"}}]}", &tally, &err), 0, "%s", err.message);
    queues_head(text, 48 * FILLS, 1, "\"inq\":");
    cr_expect_eq(encode_large(text, "\",\"outq\":\"YQ==\"}}]}", &tally, &err), 0, "%s", err.message);
    queues_head(text, 1, 48 * FILLS, "\"outq\":");
    cr_expect_eq(encode_large(text, "\",\"inq\":\"YQ==\"}}]}", &tally, &err), -1);
    cr_expect_not_null(strstr(err.message, "content of more than 16777216 bytes in \"outq\" must come after \"inq\""),
                       "%s", err.message);
}

Test(encode, large_content_before_the_fields_is_refused)
{
    static struct tally tally;
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(encode_large("{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"extra\":\"",
                              "\",\"gid\":0,\"mode\":1}]}", &tally, &err),
                 -1);
    cr_expect_str_eq(
        err.message,
        "x:1:51: entry 0: \"extra\" of more than 16777216 bytes must come after all other keys of its entry");
    fy_error_clear(&err);
    cr_expect_eq(encode_large("{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":1,\"extra\":\"",
                              "\",\n\"size\":1}]}", &tally, &err),
                 -1);
    cr_expect_str_eq(err.message,
                     "x:2:1: entry 0: \"size\" comes after an \"extra\" of more than 16777216 bytes; put it before");
    fy_error_clear(&err);
    cr_expect_eq(encode_large("{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":1,\"extra\":\"",
                              "\",\n\"@extra\":\"\"}]}", &tally, &err),
                 -1);
    cr_expect_str_eq(err.message,
                     "x:2:1: entry 0: \"@extra\" comes after an \"extra\" of more than 16777216 bytes; put it before");
}

static int failing_write(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    (void)data;
    (void)bytes;
    (void)size;
    return fy_error_set(err, FY_E_NOSPACE, "the disk is full");
}

Test(encode, an_error_of_the_output_is_passed_on)
{
    struct source source = {.text = FDS "]}", .size = strlen(FDS "]}")};
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(fy_image_encode_json(read_source, &source, "x", NULL, failing_write, NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_NOSPACE);
}

Test(encode, an_entry_that_is_too_large_is_refused_by_name)
{
    struct fy_image_limits limits = {.entry_bytes = 100, .memory_bytes = 1000, .depth = 8};
    static char text[1000];
    struct source source = {.text = text};
    struct fy_buf image = {0};
    struct fy_error err = FY_ERROR_INIT;

    (void)snprintf(text, sizeof(text),
                   FDS "{" FD ",\"fd\":7},{" FD ",\"fd\":7,\"xattr_security_selinux\":\"%0200d\"}]}", 0);
    source.size = strlen(text);
    cr_expect_eq(fy_image_encode_json(read_source, &source, "x", &limits, write_buf, &image, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_not_null(strstr(err.message, "x: entry 1: "), "%s", err.message);
    fy_buf_done(&image);
}
