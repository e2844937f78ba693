/* Is a CRIU image set whole? The smallest program that uses ferry's image library.
 *
 *     cc -o verify-set verify-set.c $(pkg-config --cflags --libs ferry-imgcore)
 *     ./verify-set DIRECTORY                 exit status: 0 whole, 3 not, 1 cannot tell */
#include <fcntl.h>
#include <ferry/imgcore/verify.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct fy_imageset_summary summary = {0};
    struct fy_error err = FY_ERROR_INIT;
    int dir_fd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;

    if (dir_fd < 0) {
        (void)fprintf(stderr, "usage: verify-set DIRECTORY\n");
        return 1;
    }
    if (fy_imageset_check(dir_fd, NULL, &summary, &err) < 0) {
        (void)fprintf(stderr, "%s\n%s\n", err.message, err.next);
        return err.code == FY_E_VERIFY ? 3 : 1;
    }
    (void)printf("whole: %zu tasks, %zu threads, %zu files\n", summary.task_count, summary.thread_count,
                 summary.file_count);
    fy_imageset_summary_done(&summary);
    return 0;
}
