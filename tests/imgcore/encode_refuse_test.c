/* What encode refuses, and where. */
#include "encoding.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
    {"`{\"entries\":[]}", "\"magic\" is missing"},
    {"{\n\"entries\" : `{},\"magic\":\"FS\"}", "\"entries\" must be an array"},
    {"{\n\"entries\":[\n {`\"id\":1}],\"magic\":\"FS\"}", "entry 0: fs_entry has no field \"id\""},
    {"{\n\"entries\": [{`\"id\":1}],\"magic\":\"FS\"}", "entry 0: fs_entry has no field \"id\""},
    {"{\"entries\":[{\"id\":`01}],\"magic\":\"FS\"}", "a number with a zero in front"},
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
    {FDS "{`\"\" :1}]}", "entry 0: fdinfo_entry has no field \"\""},
    {FDS "{" FD ",`\"extra\":\"\"}]}", "entry 0: fdinfo_entry has no field \"extra\""},
    {FDS "{" FD ",`\"fd\\u0000\\u0000\\u0000\\u0000\":1}]}",
     "entry 0: fdinfo_entry has no field \"fd\"; the nearest is \"fd\""},
    {FDS "{" FD ",\"fd\":1,`\"id\":1}]}", "entry 0: the key \"id\" is there twice"},
    {FDS "{\"fd\":1," FD ",`\"fd\":1}]}", "entry 0: the key \"fd\" is there twice"},
    {FDS "{" FD ",\"fd\":`null}]}", "entry 0: fdinfo_entry.fd must be a number or text for one, not null"},
    {FDS "{" FD ",\"fd\":`[1]}]}", "entry 0: fdinfo_entry.fd must be a number or text for one, not an array"},
    {FDS "{" FD ",\"fd\":`1.0}]}",
     "entry 0: fdinfo_entry.fd must be a number or text for one, not a number that is no integer of 64 bits"},
    {FDS "{" FD ",\"fd\":`-1}]}", "entry 0: fdinfo_entry.fd: -1 is out of range, which is 0 to 4294967295"},
    {FDS "{" FD ",\"fd\":`4294967296}]}",
     "entry 0: fdinfo_entry.fd: 4294967296 is out of range, which is 0 to 4294967295"},
    {FDS "{" FD ",\"fd\":`07}]}", "a number with a zero in front"},
    {FDS "{" FD ",\"fd\":`18446744073709551616}]}",
     "entry 0: fdinfo_entry.fd must be a number or text for one, not a number that is no integer of 64 bits"},
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
    {FDS "{\"@wire\":`\"CA==\"}]}", "entry 0: the bytes of \"@wire\" are not a message: a number is cut off at byte 0"},
    {"{\"magic\":\"FILES\",\"entries\":[{\"@wire\":`\"GgEI\"}]}",
     "entry 0: the bytes of \"@wire\" are not a message: a number is cut off at byte 2"},
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
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC ",\"qbytes\":9,\"qnum\":1,`\"@extra\":\"YQ==\"}]}",
     "entry 0: the bytes of \"@extra\" are not 1 messages"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC
     ",\"qbytes\":9,\"qnum\":2,`\"@extra\":\"BAAAAAgBEAFhAQAAAAAAAA==\"}]}",
     "entry 0: the bytes of \"@extra\" are not 2 messages"},
    {"{\"magic\":\"IPCNS_MSG\",\"entries\":[{" DESC
     ",\"qbytes\":9,\"qnum\":1,`\"@extra\":\"BAAAAAgBEAFhAQAAAAAAAHg=\"}]}",
     "entry 0: the bytes of \"@extra\" are not 1 messages"},
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

Test(encode_refuse, refuses_with_the_place)
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

static const struct refused refused_queues[] = {
    {TCP "{\"inq\":\"YQ==\"}}]}", "the content has 0 bytes out, but outq_len says 2"},
    {TCP "{\"inq\":\"\",\"outq\":\"YWI=\"}}]}", "the content has 0 bytes in, but inq_len says 1"},
    {TCP "{\"inq\":\"YQ==\",\"in_q\":\"YQ==\"}}]}",
     "the content of a TCP stream is \"inq\" and \"outq\", each once, not \"in_q\""},
    {TCP "{\"other\":\"YQ==\"}}]}", "the content of a TCP stream is \"inq\" and \"outq\", each once, not \"other\""},
    {TCP "[]}]}", "the content of a TCP stream must be an object, not an array"},
};

Test(encode_refuse, refuses_queues_of_tcp)
{
    struct fy_buf image = {0};

    for (size_t i = 0; i < FY_ARRAY_SIZE(refused_queues); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_expect_eq(encode(refused_queues[i].text, &image, &err), -1);
        cr_expect_not_null(strstr(err.message, refused_queues[i].error), "%s", err.message);
    }
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

Test(encode_refuse, nesting_is_bounded)
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

static int failing_write(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    (void)data;
    (void)bytes;
    (void)size;
    return fy_error_set(err, FY_E_NOSPACE, "the disk is full");
}

Test(encode_refuse, an_error_of_the_output_is_passed_on)
{
    struct source source = {.text = FDS "]}", .size = strlen(FDS "]}")};
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(fy_image_encode_json(source_read, &source, "x", NULL, failing_write, NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_NOSPACE);
}

Test(encode_refuse, an_entry_that_is_too_large_is_refused_by_name)
{
    struct fy_image_limits limits = {.entry_bytes = 100, .memory_bytes = 1000, .depth = 8};
    static char text[1000];
    struct source source = {.text = text};
    struct fy_buf image = {0};
    struct fy_error err = FY_ERROR_INIT;

    (void)snprintf(text, sizeof(text),
                   FDS "{" FD ",\"fd\":7},{" FD ",\"fd\":7,\"xattr_security_selinux\":\"%0200d\"}]}", 0);
    source.size = strlen(text);
    cr_expect_eq(fy_image_encode_json(source_read, &source, "x", &limits, buf_write, &image, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_not_null(strstr(err.message, "x: entry 1: "), "%s", err.message);
    fy_buf_done(&image);
}
