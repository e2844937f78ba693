/* Statistics and inventory as facts. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <criu/inventory.pb-c.h>
#include <criu/stats.pb-c.h>
#include <ferry/imgcore/inventory.h>
#include <ferry/imgcore/stats.h>
#include <string.h>

static struct scratch set;
static struct made made;

static void begin(void)
{
    scratch_copy(&set, "tcp");
}

static void end(void)
{
    scratch_done(&set);
}

TestSuite(facts, .init = begin, .fini = end);

Test(facts, statistics_that_are_not_there)
{
    struct fy_dump_stats stats = {.frozen_us = 7};
    struct fy_error err = FY_ERROR_INIT;

    scratch_remove(&set, "stats-dump");
    cr_assert_eq(fy_stats_read_dump(set.fd, &stats, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    cr_expect_eq(stats.frozen_us, 7, "outputs stay untouched");
}

Test(facts, statistics_of_the_wrong_kind)
{
    struct fy_dump_stats stats;
    struct fy_error err = FY_ERROR_INIT;

    scratch_rename(&set, "stats-restore", "stats-dump");
    cr_assert_eq(fy_stats_read_dump(set.fd, &stats, &err), -1);
    cr_expect_eq(err.code, FY_E_FORMAT);
}

Test(facts, statistics_of_a_real_dump_and_restore)
{
    struct fy_dump_stats dump;
    struct fy_restore_stats restore;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_stats_read_dump(set.fd, &dump, &err), 0, "%s", err.message);
    cr_expect_gt(dump.frozen_us, 0);
    cr_expect_gt(dump.pages_scanned, dump.pages_written);
    cr_expect_eq(dump.pages_written, 30);
    cr_assert_eq(fy_stats_read_restore(set.fd, &restore, &err), 0, "%s", err.message);
    cr_expect_gt(restore.restore_us, restore.forking_us);
}

Test(facts, every_statistic_has_its_place)
{
    DumpStatsEntry dump = DUMP_STATS_ENTRY__INIT;
    StatsEntry entry = STATS_ENTRY__INIT;
    struct fy_dump_stats stats;

    dump.freezing_time = 1;
    dump.frozen_time = 2;
    dump.memdump_time = 3;
    dump.memwrite_time = 4;
    dump.pages_scanned = 5;
    dump.pages_skipped_parent = 6;
    dump.pages_written = 7;
    dump.pages_lazy = 8;
    entry.dump = &dump;
    made.size = 0;
    made_word(&made, 0x55105940);
    made_word(&made, 0x57093306);
    made_entry(&made, &entry);
    scratch_write(&set, "stats-dump", made.data, made.size);
    cr_assert_eq(fy_stats_read_dump(set.fd, &stats, NULL), 0);
    cr_expect(stats.freezing_us == 1 && stats.frozen_us == 2 && stats.memdump_us == 3 && stats.memwrite_us == 4);
    cr_expect(stats.pages_scanned == 5 && stats.pages_skipped_parent == 6 && stats.pages_written == 7);
    cr_expect(stats.pages_lazy == 8 && stats.shmem_pages_written == 0);
}

static void write_inventory(const InventoryEntry *entry)
{
    made.size = 0;
    made_word(&made, 0x58313116);
    made_entry(&made, entry);
    scratch_write(&set, "inventory.img", made.data, made.size);
}

Test(facts, inventory_with_impossible_values)
{
    InventoryEntry entry = INVENTORY_ENTRY__INIT;
    struct fy_inventory inventory;
    char long_id[FY_CRIU_RUN_ID_SIZE + 1];
    struct fy_error err = FY_ERROR_INIT;

    entry.has_network_lock_method = true;
    entry.network_lock_method = 3;
    write_inventory(&entry);
    cr_expect_eq(fy_inventory_read(set.fd, &inventory, &err), -1);
    cr_expect_eq(err.code, FY_E_FORMAT);

    entry.network_lock_method = 0;
    memset(long_id, 'x', sizeof(long_id));
    long_id[FY_CRIU_RUN_ID_SIZE] = '\0';
    entry.dump_criu_run_id = long_id;
    write_inventory(&entry);
    fy_error_clear(&err);
    cr_expect_eq(fy_inventory_read(set.fd, &inventory, &err), -1);
    cr_expect_eq(err.code, FY_E_FORMAT);
}

Test(facts, inventory_followed_by_junk)
{
    struct fy_inventory inventory;
    struct fy_error err = FY_ERROR_INIT;

    scratch_append(&set, "inventory.img", "x", 1);
    cr_expect_eq(fy_inventory_read(set.fd, &inventory, &err), -1);
    cr_expect_eq(err.code, FY_E_FORMAT);
}

Test(facts, inventory_of_a_real_dump)
{
    struct fy_inventory inventory;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_inventory_read(set.fd, &inventory, &err), 0, "%s", err.message);
    cr_expect_eq(inventory.img_version, 2);
    cr_expect(inventory.fdinfo_per_id);
    cr_expect(inventory.has_root_ids);
    cr_expect_neq(inventory.root_ids.net, 0);
    cr_expect_eq(inventory.network_lock, FY_NETWORK_LOCK_IPTABLES);
    cr_expect_str_eq(inventory.criu_run_id, "46405b92-6138-41b3-b858-0be59ef367d7");
}
