/* image-mutations [-v] DIRECTORY...: damages each image set in place, in many ways, and tells who notices.
 *
 * The directories are put back to what they were, but not when the program is interrupted: give it copies. Standard
 * output ends with "N passed, N failed", where each class of damage in the list is one, and each detector that must be
 * complete. */
#include "mutate.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 16

struct board {
    atomic_size_t next; /* set to be taken */
    struct results results[WORKERS_MAX];
};

static void run_set(const char *path, struct results *results, bool verbose)
{
    struct panel panel;
    struct shop shop;

    shop_open(&shop, path);
    panel_open(&panel, &shop);
    damage_run(&shop, &panel, results, verbose);
    blind_run(&shop, &panel, results, verbose);
    for (size_t i = 0; i < detector_count; i++)
        if (panel_notices(&panel, &shop, i))
            die("%s: was not put back to what it was", path);
    panel_close(&panel);
    shop_close(&shop);
    results->set_count++;
}

static void work(struct board *board, struct results *results, char **paths, size_t count, bool verbose)
{
    size_t i;

    while ((i = atomic_fetch_add(&board->next, 1)) < count)
        run_set(paths[i], results, verbose);
}

static void run_all(struct board *board, char **paths, size_t count, bool verbose)
{
    long workers = sysconf(_SC_NPROCESSORS_ONLN);
    int failed = 0, status;

    if (workers > WORKERS_MAX)
        workers = WORKERS_MAX;
    for (long i = 0; i < workers; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("no process for a worker");
        if (pid == 0) {
            work(board, &board->results[i], paths, count, verbose);
            (void)fflush(stdout);
            _exit(0);
        }
    }
    while (wait(&status) > 0)
        failed += status != 0;
    if (failed)
        die("%d workers have failed", failed);
}

static void add_tally(struct tally *sum, const struct tally *tally)
{
    sum->tried += tally->tried;
    sum->same += tally->same;
    for (size_t i = 0; i < detector_count; i++)
        sum->noticed[i] += tally->noticed[i];
}

static void add_up(const struct board *board, struct results *sum)
{
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        const struct results *results = &board->results[i];
        for (size_t kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++)
            for (size_t how = 0; how < BLIND_COUNT; how++)
                add_tally(&sum->blind[kind][how], &results->blind[kind][how]);
        for (size_t damage = 0; damage < DAMAGE_MAX; damage++) {
            add_tally(&sum->damage[damage], &results->damage[damage]);
            sum->damage_sets[damage] += results->damage_sets[damage];
        }
        sum->set_count += results->set_count;
    }
}

static void print_cell(const struct tally *tally, size_t detector)
{
    char text[32] = "";

    if (tally->tried)
        (void)snprintf(text, sizeof(text), "%u/%u", tally->noticed[detector], tally->tried);
    printf(" %12s", text);
}

static void print_blind(const struct results *sum, size_t detector)
{
    struct tally totals[BLIND_COUNT + 1] = {0};

    printf("\nby rote, noticed by %s / all that change what a file says:\n%-28s", detectors[detector].name, "");
    for (size_t how = 0; how < BLIND_COUNT; how++)
        printf(" %12s", blind_names[how]);
    printf(" %12s\n", "all");
    for (size_t kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++) {
        struct tally row = {0};
        for (size_t how = 0; how < BLIND_COUNT; how++) {
            add_tally(&row, &sum->blind[kind][how]);
            add_tally(&totals[how], &sum->blind[kind][how]);
        }
        if (row.tried + row.same == 0)
            continue;
        printf("%-28s", fy_catalogue_get((enum fy_image_kind)kind)->pattern);
        for (size_t how = 0; how < BLIND_COUNT; how++)
            print_cell(&sum->blind[kind][how], detector);
        print_cell(&row, detector);
        add_tally(&totals[BLIND_COUNT], &row);
        (void)putchar('\n');
    }
    printf("%-28s", "all");
    for (size_t how = 0; how <= BLIND_COUNT; how++)
        print_cell(&totals[how], detector);
    printf("\n%u more mutants change nothing that a file says, and are not counted\n", totals[BLIND_COUNT].same);
}

/* Returns how many classes have mutants that somebody has not noticed, or none. */
static size_t print_damage(const struct results *sum)
{
    size_t failed = 0;

    printf("damage that must be noticed:\n%-36s %-22s %6s %8s", "", "what CRIU does with it", "sets", "mutants");
    for (size_t i = 0; i < detector_count; i++)
        printf(" %9s", detectors[i].name);
    (void)putchar('\n');
    for (size_t i = 0; i < damage_count(); i++) {
        const struct damage *damage = damage_get(i);
        bool is_good = sum->damage[i].tried > 0;
        printf("%-36s %-22s %6u %8u", damage->name, damage->effect, sum->damage_sets[i], sum->damage[i].tried);
        for (size_t j = 0; j < detector_count; j++) {
            printf(" %9u", sum->damage[i].noticed[j]);
            is_good = is_good && sum->damage[i].noticed[j] == sum->damage[i].tried;
        }
        printf("%s\n", is_good ? "" : "  <- not ok");
        failed += !is_good;
    }
    return failed;
}

/* Whether the detector has noticed all damage by rote; prints the verdict. */
static bool is_complete(const struct results *sum, size_t detector)
{
    struct tally all = {0};

    for (size_t kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++)
        for (size_t how = 0; how < BLIND_COUNT; how++)
            add_tally(&all, &sum->blind[kind][how]);
    printf("\n%s must notice all of them, and noticed %u of %u\n", detectors[detector].name, all.noticed[detector],
           all.tried);
    return all.tried > 0 && all.noticed[detector] == all.tried;
}

int main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct results *sum = calloc(1, sizeof(*sum));
    size_t failed, judged = damage_count();

    if (board == MAP_FAILED || !sum)
        die("no memory");
    if (argc < 2 + verbose)
        die("usage: image-mutations [-v] DIRECTORY...");
    run_all(board, argv + 1 + verbose, (size_t)(argc - 1 - verbose), verbose);
    add_up(board, sum);
    failed = print_damage(sum);
    for (size_t i = 0; i < detector_count; i++) {
        print_blind(sum, i);
        if (!detectors[i].is_complete)
            continue;
        judged++;
        failed += !is_complete(sum, i);
    }
    printf("%u sets\n%zu passed, %zu failed\n", sum->set_count, judged - failed, failed);
    free(sum);
    return failed ? 1 : 0;
}
