/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lmdb_place.h"
#include "swtpm_plugin.h"

/* What an environment is to all its TPMs and handles, and what happens to its files meanwhile. */

#define OPS (swtpm_plugin.ops.storage)
#define MIB ((size_t)1 << 20)

static int put_zeros(struct swtpm_storage *storage, const char *name, size_t size,
                     struct swtpm_plugin_error *error)
{
    return lmdb_put(storage, name, 0, size, 0, error);
}

static int exit_status_of(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* ------------------------------------------------------------------------------ one among many */

/* Bytes that this process has read with read(2) and the like. */
static unsigned long long bytes_read(void)
{
    unsigned long long count = 0;
    FILE *io = fopen("/proc/self/io", "re");

    assert_non_null(io);
    assert_int_equal(fscanf(io, "rchar: %llu", &count), 1);
    fclose(io);
    return count;
}

static void fill_environment(unsigned first, unsigned end)
{
    struct swtpm_storage *keeper = lmdb_open("keeper");

    for (unsigned i = first; i < end; i++) {
        struct swtpm_plugin_error error;
        char name[16];
        snprintf(name, sizeof name, "vm%u", i);
        struct swtpm_storage *storage = lmdb_open(name);
        assert_int_equal(put_zeros(storage, "tpm2-00.permall", 1300, &error), 0);
        OPS->close(storage);
    }
    OPS->close(keeper);
}

static unsigned long long cost_of_a_start_and_a_store(void)
{
    struct swtpm_plugin_error error;
    unsigned long long before = bytes_read();
    struct swtpm_storage *storage = lmdb_open("vm5");

    assert_int_equal(put_zeros(storage, "tpm2-00.permall", 1300, &error), 0);
    OPS->close(storage);
    return bytes_read() - before;
}

static void a_start_and_a_store_read_no_more_among_many(void **state)
{
    (void)state;
    enum { FEW = 20, MANY = 600, PAGE = 4096 };

    fill_environment(0, FEW);
    unsigned long long among_few = cost_of_a_start_and_a_store();
    fill_environment(FEW, MANY);
    unsigned long long among_many = cost_of_a_start_and_a_store();
    /* The tree may have one level more: a page for each time that somebody looks something up. */
    if (among_many > among_few + 10ULL * PAGE)
        fail_msg("%llu bytes among few, %llu among many", among_few, among_many);
}

/* ------------------------------------------------------------------- nothing sound is refused */

/* A value by its number: of a few bytes up to some pages. */
static size_t size_of_value(unsigned *seed)
{
    static const size_t limits[] = {40, 400, 2100, 9000};
    return (size_t)rand_r(seed) % limits[rand_r(seed) % 4];
}

static void no_change_of_a_sound_environment_is_refused(void **state)
{
    (void)state;
    enum { CHANGES = 6000, NAMES = 700, PHASE = 1500 };
    static bool present[NAMES];
    unsigned seed = 20261123;
    struct swtpm_plugin_error error = {""};
    struct swtpm_storage *tpms[] = {lmdb_open("a"), lmdb_open("b"), lmdb_open("c")};

    memset(present, 0, sizeof present);
    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned value = (unsigned)rand_r(&seed) % NAMES;
        struct swtpm_storage *storage = tpms[value % 3];
        /* It grows, and becomes small again, by turns: pages are split and joined. */
        bool put = rand_r(&seed) % 10 < (i / PHASE % 2 == 0 ? 8 : 1);
        char name[16];
        snprintf(name, sizeof name, "v%u", value);
        int result = put ? put_zeros(storage, name, size_of_value(&seed), &error)
                         : OPS->del(storage, name, 0, &error);
        int expected = put || present[value] ? 0 : SWTPM_PLUGIN_NOT_FOUND;
        if (result != expected)
            fail_msg("seed 20261123, change %u (%s): %d %s", i, put ? "put" : "del", result,
                     error.message);
        present[value] = put;
    }
    for (unsigned i = 0; i < 3; i++)
        OPS->close(tpms[i]);
}

/* ---------------------------------------------------------------------- several handles of one */

static void a_larger_map_of_a_second_handle_holds_for_all(void **state)
{
    (void)state;
    struct swtpm_plugin_error error;
    struct swtpm_storage *small = lmdb_open("a&mapsize=1M");

    assert_int_equal(put_zeros(small, "v", 2 * MIB, &error), SWTPM_PLUGIN_NO_SPACE);
    struct swtpm_storage *large = lmdb_open("b&mapsize=64M");
    if (put_zeros(large, "v", 2 * MIB, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(put_zeros(small, "v", 2 * MIB, &error), 0);
    struct swtpm_storage *smaller = lmdb_open("c&mapsize=1M");
    assert_int_equal(put_zeros(smaller, "v", 2 * MIB, &error), 0);
    OPS->close(small);
    OPS->close(large);
    OPS->close(smaller);
}

/* Each user has a read lock on the first byte of lock.mdb, which closing the file would drop. */
static bool another_process_sees_a_user(void)
{
    pid_t child = fork();

    if (child == 0) {
        char path[LMDB_PATH_SIZE];
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
        lmdb_path(path, "lock.mdb");
        int fd = open(path, O_RDWR | O_CLOEXEC);
        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
    }
    return exit_status_of(child) == 0;
}

/* In a mount namespace of its own. */
static int use_two_names(void)
{
    char from[LMDB_PATH_SIZE], to[LMDB_PATH_SIZE];
    struct swtpm_plugin_error error;
    struct swtpm_storage *second = NULL;

    lmdb_path(from, "");
    snprintf(to, sizeof to, "%s/again", lmdb_directory);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mkdir(to, 0700) != 0 || mount(from, to, NULL, MS_BIND, NULL) != 0)
        return 2;
    struct swtpm_storage *first = lmdb_open("a");
    if (lmdb_try_open_at(&second, "again", "b", SWTPM_STORAGE_CREATE, &error) != 0)
        return 3;
    OPS->close(second);
    if (!another_process_sees_a_user())
        return 4;
    OPS->close(first);
    return 0;
}

static void a_directory_with_two_names_is_one_environment(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIP: %s: only root may bind directories\n", __func__);
        skip();
    }
    OPS->close(lmdb_open("a"));
    pid_t child = fork();
    if (child == 0)
        _exit(use_two_names());
    assert_int_equal(exit_status_of(child), 0);
}

static void *read_for_a_while(void *context)
{
    enum { ROUNDS = 300 };
    unsigned *bad = context;
    struct swtpm_storage *storage = NULL;
    struct swtpm_plugin_error error;

    if (lmdb_try_open(&storage, "a", SWTPM_STORAGE_READ_ONLY, &error) != 0) {
        ++*bad;
        return NULL;
    }
    for (int i = 0; i < ROUNDS; i++) {
        char data[16];
        size_t size;
        *bad += OPS->get(storage, "v", (struct swtpm_buffer){data, sizeof data}, &size, &error) != 0;
        sched_yield();
    }
    OPS->close(storage);
    return NULL;
}

/* A writer needs lock.mdb; a reader that is alone does not.  Races are seen by the thread
 * sanitizer's variant of this test. */
static void a_writer_who_fails_leaves_readers_alone(void **state)
{
    (void)state;
    enum { ROUNDS = 50 };
    struct swtpm_plugin_error error;
    struct swtpm_storage *storage = lmdb_open("a");
    pthread_t reader;
    unsigned bad = 0;
    char path[LMDB_PATH_SIZE];

    assert_int_equal(put_zeros(storage, "v", 10, &error), 0);
    OPS->close(storage);
    lmdb_path(path, "lock.mdb");
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_for_a_while, &bad), 0);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(lmdb_try_open(&storage, "a", 0, &error), SWTPM_PLUGIN_CORRUPT);
        sched_yield();
    }
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(bad, 0);
}

/* ---------------------------------------------------------------------- files that others change */

static int use_with_lock_file_cut_off(size_t left)
{
    char path[LMDB_PATH_SIZE], data[16];
    size_t size;
    struct swtpm_plugin_error error;
    struct swtpm_storage *storage = lmdb_open("a");

    lmdb_path(path, "lock.mdb");
    if (put_zeros(storage, "v", 10, &error) != 0 || truncate(path, (off_t)left) != 0)
        return 2;
    if (put_zeros(storage, "v", 10, &error) != SWTPM_PLUGIN_FENCED)
        return 3;
    if (strstr(error.message, "lock.mdb") == NULL)
        return 4;
    if (OPS->get(storage, "v", (struct swtpm_buffer){data, sizeof data}, &size, &error) !=
        SWTPM_PLUGIN_FENCED)
        return 5;
    OPS->close(storage);
    return 0;
}

static void a_lock_file_that_is_cut_off_kills_nobody(void **state)
{
    (void)state;
    static const size_t left[] = {0, 4096, 8192};

    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(use_with_lock_file_cut_off(left[i]));
        int status = exit_status_of(child);
        if (status != 0)
            fail_msg("cut off to %zu bytes: status %#x", left[i], status);
        lmdb_remove_directory(state);
        lmdb_make_directory_in_memory(state);
    }
}

/* In memory: a new TPM is synced to the medium, and here are many. */
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lmdb_make_directory_in_memory, lmdb_remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_start_and_a_store_read_no_more_among_many),
        TEST(no_change_of_a_sound_environment_is_refused),
        TEST(a_larger_map_of_a_second_handle_holds_for_all),
        TEST(a_directory_with_two_names_is_one_environment),
        TEST(a_writer_who_fails_leaves_readers_alone),
        TEST(a_lock_file_that_is_cut_off_kills_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
