/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>

#include "lmdb_place.h"
#include "swtpm_plugin.h"

/*
 * What is LMDB's own; that the contract is kept is tested by swtpm-plugin-check.  Children never
 * use what the test has open.
 */
#define OPS (swtpm_plugin.ops.storage)
#define MIB ((size_t)1 << 20)

static struct swtpm_plugin_error error;

static int open_tpm(struct swtpm_storage **storage, const char *query, uint32_t flags)
{
    return lmdb_try_open(storage, query, flags, &error);
}

static int put_filled(struct swtpm_storage *storage, const char *name, char fill, size_t size,
                      uint32_t flags)
{
    return lmdb_put(storage, name, fill, size, flags, &error);
}

static int is_filled(struct swtpm_storage *storage, const char *name, char fill, size_t size)
{
    char *data = calloc(1, size + 1);
    size_t found = 0;
    int same =
        OPS->get(storage, name, (struct swtpm_buffer){data, size + 1}, &found, &error) == 0 &&
        found == size;

    for (size_t i = 0; same && i < size; i++)
        same = data[i] == fill;
    free(data);
    return same;
}

static off_t data_file_size(void)
{
    char path[LMDB_PATH_SIZE];
    struct stat status = {0};

    lmdb_path(path, "data.mdb");
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void wait_for_success(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void tpms_do_not_see_each_other(void **state)
{
    (void)state;
    struct swtpm_storage *a = lmdb_open("a");
    struct swtpm_storage *ab = lmdb_open("ab");

    assert_int_equal(put_filled(a, "permall", 'a', 100, 0), 0);
    assert_int_equal(put_filled(ab, "permall", 'b', 200, 0), 0);
    assert_true(is_filled(a, "permall", 'a', 100));
    assert_true(is_filled(ab, "permall", 'b', 200));
    assert_int_equal(OPS->del(a, "permall", 0, &error), 0);
    assert_true(is_filled(ab, "permall", 'b', 200));
    OPS->close(a);
    OPS->close(ab);
}

static void each_tpm_has_a_lock_of_its_own(void **state)
{
    (void)state;
    struct swtpm_storage *a = lmdb_open("a");
    struct swtpm_storage *again = lmdb_open("a");
    struct swtpm_storage *b = lmdb_open("b");
    char expected[64];

    snprintf(expected, sizeof expected, "in use by process %ld", (long)getpid());
    assert_int_equal(OPS->lock(a, &error), 0);
    assert_int_equal(OPS->lock(b, &error), 0);
    assert_int_equal(OPS->lock(again, &error), SWTPM_PLUGIN_BUSY);
    assert_non_null(strstr(error.message, expected));
    OPS->close(a);
    assert_int_equal(OPS->lock(again, &error), 0);
    OPS->close(again);
    OPS->close(b);
}

static void nothing_is_made_without_being_asked(void **state)
{
    (void)state;
    struct swtpm_storage *storage = NULL;
    char path[LMDB_PATH_SIZE];

    assert_int_equal(open_tpm(&storage, "a", 0), SWTPM_PLUGIN_NOT_FOUND);
    lmdb_path(path, "");
    assert_int_equal(access(path, F_OK), -1);
    OPS->close(lmdb_open("a"));
    assert_int_equal(open_tpm(&storage, "b", 0), SWTPM_PLUGIN_NOT_FOUND);
    assert_non_null(strstr(error.message, "no TPM 'b'"));
    assert_int_equal(open_tpm(&storage, "b", SWTPM_STORAGE_READ_ONLY), SWTPM_PLUGIN_NOT_FOUND);
    assert_null(storage);
}

static void new_files_have_the_mode_of_the_location(void **state)
{
    (void)state;
    static const char *const names[] = {"data.mdb", "lock.mdb", "swtpm.lock"};
    mode_t umask_before = umask(077);

    OPS->close(lmdb_open("a&mode=664"));
    umask(umask_before);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[LMDB_PATH_SIZE];
        struct stat status;
        lmdb_path(path, names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0664);
    }
}

static void what_root_makes_belongs_to_the_owner_of_the_directory(void **state)
{
    (void)state;
    enum { OWNER = 65534, GROUP = 65533 };
    static const char *const names[] = {"data.mdb", "lock.mdb", "swtpm.lock"};
    char path[LMDB_PATH_SIZE];

    if (geteuid() != 0) {
        print_message("SKIP: %s: only root can give files away\n", __func__);
        skip();
    }
    lmdb_path(path, "");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, OWNER, GROUP), 0);
    OPS->close(lmdb_open("a"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat status;
        lmdb_path(path, names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_uid, OWNER);
        assert_int_equal(status.st_gid, GROUP);
        assert_int_equal(status.st_mode & 0777, 0640);
    }
}

static void the_map_grows_when_it_is_full(void **state)
{
    (void)state;
    struct swtpm_storage *storage = lmdb_open("a");
    static const char *const names[] = {"v1", "v2", "v3", "v4"};

    for (int i = 0; i < 4; i++)
        if (put_filled(storage, names[i], (char)('a' + i), 15 * MIB, 0) != 0)
            fail_msg("%s", error.message);
    for (int i = 0; i < 4; i++)
        assert_true(is_filled(storage, names[i], (char)('a' + i), 15 * MIB));
    OPS->close(storage);
}

static void the_map_does_not_grow_beyond_its_limit(void **state)
{
    (void)state;
    struct swtpm_storage *storage = lmdb_open("a&mapsize=1M");

    assert_int_equal(put_filled(storage, "small", 's', 1000, 0), 0);
    assert_int_equal(put_filled(storage, "large", 'l', 2 * MIB, 0), SWTPM_PLUGIN_NO_SPACE);
    assert_non_null(strstr(error.message, "limit of 1048576 bytes; raise mapsize="));
    assert_true(is_filled(storage, "small", 's', 1000));
    assert_int_equal(put_filled(storage, "small", 't', 1000, 0), 0);
    assert_true(is_filled(storage, "small", 't', 1000));
    OPS->close(storage);
}

/* A process that makes the environment grow when the next one has been opened, just before it is
 * used; 0: none. */
static pid_t grower;
static int grower_request;

int __real_mdb_env_open(MDB_env *library, const char *path, unsigned flags, mdb_mode_t mode);
int __wrap_mdb_env_open(MDB_env *library, const char *path, unsigned flags, mdb_mode_t mode);

int __wrap_mdb_env_open(MDB_env *library, const char *path, unsigned flags, mdb_mode_t mode)
{
    int status = __real_mdb_env_open(library, path, flags, mode);
    int end;

    if (status == 0 && grower > 0) {
        assert_int_equal(write(grower_request, "g", 1), 1);
        assert_int_equal(waitpid(grower, &end, 0), grower);
        assert_int_equal(end, 0);
        grower = 0;
    }
    return status;
}

static void grow_on_request(int request)
{
    struct swtpm_storage *other = NULL;
    char byte;
    bool good = read(request, &byte, 1) == 1 && open_tpm(&other, "b", SWTPM_STORAGE_CREATE) == 0 &&
                put_filled(other, "v1", '1', 16 * MIB, 0) == 0 &&
                put_filled(other, "v2", '2', 16 * MIB, 0) == 0;
    _exit(good ? 0 : 1);
}

static void what_grows_while_it_is_opened_is_mapped_whole(void **state)
{
    (void)state;
    int request[2];
    OPS->close(lmdb_open("a"));
    assert_int_equal(pipe(request), 0);
    grower_request = request[1];
    grower = fork();
    if (grower == 0)
        grow_on_request(request[0]);

    struct swtpm_storage *storage = lmdb_open("a");
    assert_int_equal(grower, 0);
    assert_int_equal(put_filled(storage, "small", 's', 1000, 0), 0);
    assert_true(is_filled(storage, "small", 's', 1000));
    OPS->close(storage);
    close(request[0]);
    close(request[1]);
}

static void what_another_process_made_grow_can_be_read(void **state)
{
    (void)state;
    struct swtpm_storage *storage = lmdb_open("a");
    assert_int_equal(put_filled(storage, "small", 's', 1000, 0), 0);

    pid_t child = fork();
    if (child == 0) {
        struct swtpm_storage *other = NULL;
        int good = open_tpm(&other, "b", SWTPM_STORAGE_CREATE) == 0 &&
                   put_filled(other, "v1", '1', 16 * MIB, 0) == 0 &&
                   put_filled(other, "v2", '2', 16 * MIB, 0) == 0;
        _exit(good ? 0 : 1);
    }
    wait_for_success(child);
    assert_true(is_filled(storage, "small", 's', 1000));
    assert_int_equal(put_filled(storage, "small", 't', 2000, 0), 0);
    assert_true(is_filled(storage, "small", 't', 2000));
    struct swtpm_storage *other = lmdb_open("b");
    assert_true(is_filled(other, "v2", '2', 16 * MIB));
    OPS->close(other);
    OPS->close(storage);
}

/* A process that is killed between beginning and ending a transaction with `flags` of
 * mdb_txn_begin. */
static void be_killed_in_transaction(unsigned flags)
{
    pid_t child = fork();

    if (child == 0) {
        MDB_env *environment;
        MDB_txn *transaction;
        char path[LMDB_PATH_SIZE];
        lmdb_path(path, "");
        if (mdb_env_create(&environment) != 0 ||
            mdb_env_open(environment, path, MDB_NOTLS, 0600) != 0 ||
            mdb_txn_begin(environment, NULL, flags, &transaction) != 0)
            _exit(1);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void a_killed_reader_does_not_make_the_file_grow(void **state)
{
    (void)state;
    struct swtpm_storage *storage = lmdb_open("a");

    assert_int_equal(put_filled(storage, "v", 'v', 10000, 0), 0);
    be_killed_in_transaction(MDB_RDONLY);
    for (int i = 0; i < 20; i++)
        assert_int_equal(put_filled(storage, "v", 'v', 10000, 0), 0);
    off_t before = data_file_size();
    for (int i = 0; i < 200; i++)
        assert_int_equal(put_filled(storage, "v", 'v', 10000, 0), 0);
    assert_int_equal(data_file_size(), before);
    OPS->close(storage);
}

static void a_writer_who_dies_in_a_put_stops_nobody(void **state)
{
    (void)state;
    struct swtpm_storage *storage = lmdb_open("a");
    assert_int_equal(put_filled(storage, "v", 'o', 10000, 0), 0);
    be_killed_in_transaction(0);
    assert_true(is_filled(storage, "v", 'o', 10000));
    assert_int_equal(put_filled(storage, "v", 'n', 10000, 0), 0);
    assert_true(is_filled(storage, "v", 'n', 10000));
    OPS->close(storage);
}

/* Opens, writes and reads as the first process of a pid namespace; tells and waits by pipes. */
static void live_as_process_one(const char *tpm, int tell, int wait)
{
    struct swtpm_storage *storage = NULL;
    char byte = 0;
    int good = getpid() == 1 && open_tpm(&storage, tpm, SWTPM_STORAGE_CREATE) == 0 &&
               put_filled(storage, "v", tpm[0], 5000, 0) == 0 &&
               is_filled(storage, "v", tpm[0], 5000);

    if (write(tell, good ? "y" : "n", 1) != 1 || read(wait, &byte, 1) != 0)
        _exit(1);
    _exit(is_filled(storage, "v", tpm[0], 5000) ? 0 : 1);
}

static void containers_with_the_same_process_id_share(void **state)
{
    (void)state;
    int told[2];
    int waiting[2];
    pid_t children[2];
    static const char *const tpms[2] = {"a", "b"};

    if (geteuid() != 0) {
        print_message("SKIP: %s: only root may make pid namespaces\n", __func__);
        skip();
    }
    assert_int_equal(pipe(waiting), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(told), 0);
        children[i] = fork();
        if (children[i] == 0) {
            close(waiting[1]);
            if (unshare(CLONE_NEWPID) != 0)
                _exit(2);
            pid_t first = fork();
            if (first == 0)
                live_as_process_one(tpms[i], told[1], waiting[0]);
            int status;
            _exit(waitpid(first, &status, 0) == first && status == 0 ? 0 : 3);
        }
        char answer = 0;
        /* A child that dies without a word must not be waited for. */
        close(told[1]);
        assert_int_equal(read(told[0], &answer, 1), 1);
        close(told[0]);
        assert_int_equal(answer, 'y');
    }
    close(waiting[1]);
    wait_for_success(children[0]);
    wait_for_success(children[1]);
}

static void remove_entry(const char *name)
{
    char path[LMDB_PATH_SIZE];
    lmdb_path(path, name);
    assert_int_equal(unlink(path), 0);
}

static void a_removed_file_fences_the_handle(void **state)
{
    (void)state;
    static const char *const names[] = {"data.mdb", "lock.mdb", "swtpm.lock"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct swtpm_storage *storage = lmdb_open("a");
        assert_int_equal(OPS->lock(storage, &error), 0);
        assert_int_equal(put_filled(storage, "v", 'v', 10, 0), 0);
        remove_entry(names[i]);
        assert_int_equal(put_filled(storage, "v", 'w', 10, 0), SWTPM_PLUGIN_FENCED);
        assert_non_null(strstr(error.message, "removed"));
        OPS->close(storage);
    }
}

/* Whoever opens the environment next makes a new file, and would not see the locks on this one. */
static void a_renamed_file_fences_the_handle(void **state)
{
    (void)state;
    static const char *const names[] = {"data.mdb", "lock.mdb", "swtpm.lock"};
    char path[LMDB_PATH_SIZE];
    char elsewhere[LMDB_PATH_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct swtpm_storage *storage = lmdb_open("a");
        assert_int_equal(OPS->lock(storage, &error), 0);
        assert_int_equal(put_filled(storage, "v", 'v', 10, 0), 0);
        lmdb_path(path, names[i]);
        lmdb_path(elsewhere, "moved");
        assert_int_equal(rename(path, elsewhere), 0);
        assert_int_equal(put_filled(storage, "v", 'w', 10, 0), SWTPM_PLUGIN_FENCED);
        OPS->close(storage);
        assert_int_equal(rename(elsewhere, path), 0);
    }
}

static void a_lock_file_that_was_replaced_gives_no_lock(void **state)
{
    (void)state;
    struct swtpm_storage *first = lmdb_open("a");

    remove_entry("swtpm.lock");
    struct swtpm_storage *second = lmdb_open("a");
    assert_int_equal(OPS->lock(second, &error), 0);
    assert_int_equal(OPS->lock(first, &error), SWTPM_PLUGIN_FENCED);
    assert_non_null(strstr(error.message, "was removed or replaced"));
    OPS->close(first);
    OPS->close(second);
}

static void lock_files_are_made_again(void **state)
{
    (void)state;
    struct swtpm_storage *storage = lmdb_open("a");

    assert_int_equal(put_filled(storage, "v", 'v', 10, 0), 0);
    OPS->close(storage);
    remove_entry("lock.mdb");
    remove_entry("swtpm.lock");
    assert_int_equal(open_tpm(&storage, "a", 0), 0);
    assert_true(is_filled(storage, "v", 'v', 10));
    assert_int_equal(OPS->lock(storage, &error), 0);
    OPS->close(storage);
}

static void a_reader_is_turned_into_a_writer_when_one_is_opened(void **state)
{
    (void)state;
    struct swtpm_storage *writer = lmdb_open("a");
    struct swtpm_storage *reader = NULL;

    assert_int_equal(put_filled(writer, "v", '1', 10, 0), 0);
    OPS->close(writer);
    assert_int_equal(open_tpm(&reader, "a", SWTPM_STORAGE_READ_ONLY), 0);
    assert_true(is_filled(reader, "v", '1', 10));
    writer = lmdb_open("a");
    assert_int_equal(put_filled(writer, "v", '2', 10, 0), 0);
    assert_true(is_filled(reader, "v", '2', 10));
    assert_int_equal(put_filled(reader, "v", '3', 10, 0), SWTPM_PLUGIN_DENIED);
    OPS->close(writer);
    assert_true(is_filled(reader, "v", '2', 10));
    OPS->close(reader);
}

static void an_environment_of_another_program_is_refused(void **state)
{
    (void)state;
    MDB_env *environment;
    struct swtpm_storage *storage = NULL;
    char path[LMDB_PATH_SIZE];

    lmdb_path(path, "");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(mdb_env_create(&environment), 0);
    assert_int_equal(mdb_env_open(environment, path, 0, 0600), 0);
    mdb_env_close(environment);
    assert_int_equal(open_tpm(&storage, "a", SWTPM_STORAGE_CREATE), SWTPM_PLUGIN_UNSUPPORTED);
    assert_non_null(strstr(error.message, "not one that this plugin made"));
}

static bool is_read_only;

int __wrap_fstatfs(int fd, struct statfs *status);
int __real_fstatfs(int fd, struct statfs *status);

int __wrap_fstatfs(int fd, struct statfs *status)
{
    int result = __real_fstatfs(fd, status);

    if (result == 0 && is_read_only)
        status->f_flags |= ST_RDONLY;
    return result;
}

static void a_file_system_that_became_read_only_is_told(void **state)
{
    (void)state;
    struct swtpm_storage *storage = lmdb_open("a");

    is_read_only = true;
    int result = put_filled(storage, "v", 'x', 100, SWTPM_STORAGE_DURABLE);
    is_read_only = false;
    assert_int_equal(result, SWTPM_PLUGIN_DENIED);
    assert_non_null(strstr(error.message, "make its file system writable"));
    assert_int_equal(put_filled(storage, "v", 'y', 100, SWTPM_STORAGE_DURABLE), 0);
    assert_true(is_filled(storage, "v", 'y', 100));
    OPS->close(storage);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    struct swtpm_storage *storage = NULL;
    char from[LMDB_PATH_SIZE];
    char to[LMDB_PATH_SIZE];

    OPS->close(lmdb_open("a"));
    lmdb_path(from, "data.mdb");
    snprintf(to, sizeof to, "%s/elsewhere", lmdb_directory);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(symlink(to, from), 0);
    assert_int_equal(open_tpm(&storage, "a", SWTPM_STORAGE_CREATE), SWTPM_PLUGIN_DENIED);
}

/* ------------------------------------------------------------------------------- list_stores ---- */

/* Puts records of TPMs into the environment that the plugin has made: their names, as they are. */
static void add_records(const char *const *names, const size_t *sizes, unsigned count)
{
    MDB_env *environment;
    MDB_txn *transaction;
    MDB_dbi records;
    char path[LMDB_PATH_SIZE];
    char number[8] = {0, 0, 0, 0, 0, 0, 0, 9};

    lmdb_path(path, "");
    assert_int_equal(mdb_env_create(&environment), 0);
    assert_int_equal(mdb_env_set_mapsize(environment, 16 * MIB), 0);
    assert_int_equal(mdb_env_open(environment, path, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(environment, NULL, 0, &transaction), 0);
    assert_int_equal(mdb_dbi_open(transaction, NULL, 0, &records), 0);
    for (unsigned i = 0; i < count; i++) {
        char bytes[256] = "T";
        memcpy(bytes + 1, names[i], sizes[i]);
        MDB_val key = {1 + sizes[i], bytes};
        MDB_val data = {sizeof number, number};
        assert_int_equal(mdb_put(transaction, records, &key, &data, 0), 0);
    }
    assert_int_equal(mdb_txn_commit(transaction), 0);
    mdb_env_close(environment);
}

static int count_store(void *context, const char *location)
{
    (void)location;
    ++*(unsigned *)context;
    return 0;
}

static int list_environment(unsigned *count)
{
    char place[LMDB_PATH_SIZE];

    *count = 0;
    error.message[0] = '\0';
    lmdb_path(place, "");
    return OPS->list_stores(place, count_store, count, &error);
}

static void ten_thousand_tpms_are_listed(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    static char names[COUNT][8];
    static const char *pointers[COUNT];
    static size_t sizes[COUNT];
    unsigned count;

    for (unsigned i = 0; i < COUNT; i++) {
        sizes[i] = (size_t)snprintf(names[i], sizeof names[i], "vm%u", i);
        pointers[i] = names[i];
    }
    OPS->close(lmdb_open("a"));
    add_records(pointers, sizes, COUNT);
    assert_int_equal(list_environment(&count), 0);
    assert_int_equal(count, COUNT + 1);
}

static void a_tpm_whose_name_no_location_can_have_is_damage(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t size;
    } bad[] = {{"", 0},         {"a&tpm=b", 7}, {"a/b", 3}, {"a\0b", 3},
               {"\x1b[2J", 4}, {"\xc3\xa4", 2}, {"0123456789012345678901234567890123456789"
                                                "0123456789012345678901234567890123456789"
                                                "0123456789012345678901234567890123456789"
                                                "012345678", 129}};
    unsigned count;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        OPS->close(lmdb_open("z"));
        add_records(&bad[i].name, &bad[i].size, 1);
        assert_int_equal(list_environment(&count), SWTPM_PLUGIN_CORRUPT);
        assert_non_null(strstr(error.message, "is damaged: a record in it is not as it was stored"));
        assert_int_equal(count, 0);
        lmdb_remove_directory(state);
        lmdb_make_directory(state);
    }
}

/* What the visitor of list_stores finds is no longer in a transaction: others can write. */
static int add_a_tpm(void *context, const char *location)
{
    struct swtpm_storage *storage = lmdb_open("added-meanwhile");

    assert_int_equal(put_filled(storage, "v", 'x', 5000, SWTPM_STORAGE_DURABLE), 0);
    OPS->close(storage);
    return count_store(context, location);
}

static void the_listing_is_that_of_its_beginning(void **state)
{
    (void)state;
    unsigned count = 0;
    char place[LMDB_PATH_SIZE];

    OPS->close(lmdb_open("a"));
    OPS->close(lmdb_open("b"));
    snprintf(place, sizeof place, "%s/env?mapsize=64M", lmdb_directory);
    assert_int_equal(OPS->list_stores(place, add_a_tpm, &count, &error), 0);
    assert_int_equal(count, 2);
    assert_int_equal(list_environment(&count), 0);
    assert_int_equal(count, 3);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lmdb_make_directory, lmdb_remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tpms_do_not_see_each_other),
        TEST(each_tpm_has_a_lock_of_its_own),
        TEST(nothing_is_made_without_being_asked),
        TEST(new_files_have_the_mode_of_the_location),
        TEST(what_root_makes_belongs_to_the_owner_of_the_directory),
        TEST(the_map_grows_when_it_is_full),
        TEST(the_map_does_not_grow_beyond_its_limit),
        TEST(what_grows_while_it_is_opened_is_mapped_whole),
        TEST(what_another_process_made_grow_can_be_read),
        TEST(a_killed_reader_does_not_make_the_file_grow),
        TEST(a_writer_who_dies_in_a_put_stops_nobody),
        TEST(containers_with_the_same_process_id_share),
        TEST(a_removed_file_fences_the_handle),
        TEST(a_renamed_file_fences_the_handle),
        TEST(a_lock_file_that_was_replaced_gives_no_lock),
        TEST(lock_files_are_made_again),
        TEST(a_reader_is_turned_into_a_writer_when_one_is_opened),
        TEST(an_environment_of_another_program_is_refused),
        TEST(a_file_system_that_became_read_only_is_told),
        TEST(links_are_not_followed),
        TEST(ten_thousand_tpms_are_listed),
        TEST(a_tpm_whose_name_no_location_can_have_is_damage),
        TEST(the_listing_is_that_of_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
