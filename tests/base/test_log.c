/* Log lines as they reach the descriptor: one write each, bounded, nothing of outside text left active. */
#include <criterion/criterion.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/log.h>
#include <string.h>
#include <sys/socket.h>
#include <yajl/yajl_tree.h>

#define TIME_LENGTH 24

/* A packet socket keeps writes apart, so a line in two writes would be seen. */
struct sink {
    int fds[2];
    char line[8192];
};

static struct fy_log *open_log(struct sink *sink, enum fy_log_level level, enum fy_log_format format)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sink->fds), 0);
    struct fy_log *log = fy_log_new(sink->fds[0], level, format);
    cr_assert_not_null(log);
    return log;
}

static const char *next_line(struct sink *sink)
{
    ssize_t count = read(sink->fds[1], sink->line, sizeof sink->line - 1);
    if (count < 0)
        return NULL;
    cr_assert_leq(count, 4096);
    cr_assert_eq(sink->line[count - 1], '\n');
    cr_assert_eq(memchr(sink->line, '\n', (size_t)count - 1), NULL, "a line must not contain a newline");
    sink->line[count - 1] = '\0';
    return sink->line;
}

static void close_log(struct sink *sink, struct fy_log *log)
{
    fy_log_free(log);
    (void)close(sink->fds[0]);
    (void)close(sink->fds[1]);
}

Test(log, level_and_null_log_drop)
{
    struct sink sink;
    struct fy_log *log = open_log(&sink, FY_LOG_WARNING, FY_LOG_TEXT);
    fy_log_write(NULL, FY_LOG_ERROR, NULL, "x");
    fy_log_error(NULL, NULL, "x", NULL);
    fy_log_write(log, FY_LOG_INFO, NULL, "x");
    cr_expect_null(next_line(&sink));
    fy_log_write(log, FY_LOG_WARNING, NULL, "seen");
    cr_expect_str_eq(next_line(&sink) + TIME_LENGTH, " warning seen");
    close_log(&sink, log);
    fy_log_free(NULL);
}

Test(log, outside_text_cannot_forge)
{
    struct sink sink;
    struct fy_log *log = open_log(&sink, FY_LOG_DEBUG, FY_LOG_TEXT);
    fy_log_write(log, FY_LOG_INFO, "j\n1", "%s", "a\nb\rc\x1b[2J\x7f\xc2\x9b\xff\xe2\x80\xae.");
    cr_expect_str_eq(next_line(&sink) + TIME_LENGTH, " info [j?1] a?b?c?[2J????.");
    close_log(&sink, log);
}

Test(log, long_messages_are_cut_in_both_formats)
{
    char text[20000];
    memset(text, '"', sizeof text - 1); /* the worst case of JSON's escapes */
    text[sizeof text - 1] = '\0';
    for (int format = FY_LOG_TEXT; format <= FY_LOG_JSON; format++) {
        struct sink sink;
        struct fy_log *log = open_log(&sink, FY_LOG_DEBUG, (enum fy_log_format)format);
        struct fy_error err = FY_ERROR_INIT;
        fy_error_set(&err, FY_E_IO, "%s", text);
        fy_error_next(&err, "%s", text);
        fy_log_error(log, text, text, &err);
        const char *line = next_line(&sink);
        cr_assert_not_null(line);
        cr_expect_not_null(strstr(line, "..."));
        cr_expect_eq(line[0] == '{', format == FY_LOG_JSON);
        cr_expect(format == FY_LOG_TEXT || line[strlen(line) - 1] == '}');
        close_log(&sink, log);
    }
}

static void expect_member(yajl_val object, const char *name, const char *value)
{
    const char *path[] = {name, NULL};
    yajl_val member = yajl_tree_get(object, path, yajl_t_string);
    cr_assert_not_null(member, "no %s", name);
    cr_expect_str_eq(YAJL_GET_STRING(member), value);
}

Test(log, json_line_parses)
{
    struct sink sink;
    char problem[256] = "";
    struct fy_log *log = open_log(&sink, FY_LOG_DEBUG, FY_LOG_JSON);
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_HOSTKEY, "peer \"b\"\nis new");
    fy_error_next(&err, "add its key");
    fy_log_error(log, "job-1", "linking", &err);
    yajl_val object = yajl_tree_parse(next_line(&sink), problem, sizeof problem);
    cr_assert_not_null(object, "%s", problem);
    expect_member(object, "level", "error");
    expect_member(object, "job", "job-1");
    expect_member(object, "message", "linking: peer \"b\"?is new");
    expect_member(object, "code", "host-key");
    expect_member(object, "next", "add its key");
    yajl_tree_free(object);
    close_log(&sink, log);
}

Test(log, error_as_text)
{
    struct sink sink;
    struct fy_log *log = open_log(&sink, FY_LOG_ERROR, FY_LOG_TEXT);
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_BUSY, "it is locked");
    fy_log_error(log, NULL, "starting", &err);
    cr_expect_str_eq(next_line(&sink) + TIME_LENGTH, " error starting: it is locked (busy)");
    fy_error_next(&err, "wait");
    fy_log_error(log, "7", "starting", &err);
    cr_expect_str_eq(next_line(&sink) + TIME_LENGTH, " error [7] starting: it is locked (busy); next: wait");
    close_log(&sink, log);
}

Test(log, errno_is_left_alone)
{
    struct fy_log *log = fy_log_new(-1, FY_LOG_DEBUG, FY_LOG_JSON);
    errno = ENOTTY;
    fy_log_write(log, FY_LOG_INFO, NULL, "to nowhere");
    cr_expect_eq(errno, ENOTTY);
    fy_log_free(log);
}
