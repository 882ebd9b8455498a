/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lmdb_place.h"
#include "swtpm_plugin.h"

/* Every kind of damage to the data file is met with a result, never with a signal, and never with
 * a value that was not stored. */

#define OPS (swtpm_plugin.ops.storage)

enum { VALUE_SIZE = 3000, VALUES = 60, LARGE_SIZE = 20000, PAGE = 4096 };

static char location[96];
static char path[96];
static unsigned char *pristine;
static size_t size;

static struct swtpm_storage *open_store(struct swtpm_plugin_error *error)
{
    struct swtpm_storage *storage = NULL;
    const struct swtpm_storage_parameters parameters = {
        .location = location, .mode = 0600, .flags = SWTPM_STORAGE_CREATE};
    return OPS->open(&storage, &parameters, error) == 0 ? storage : NULL;
}

static void fill_value(char *data, size_t length, int index)
{
    for (size_t i = 0; i < length; i++)
        data[i] = (char)(index * 31 + (int)(i % 251));
}

static void put_value(struct swtpm_storage *storage, int index, size_t length)
{
    struct swtpm_plugin_error error;
    char name[16];
    char *data = malloc(length);

    snprintf(name, sizeof name, "v%d", index);
    fill_value(data, length, index);
    assert_int_equal(OPS->put(storage, name, (struct swtpm_bytes){data, length}, 0, &error), 0);
    free(data);
}

static size_t length_of(int index)
{
    return index % 3 == 0 ? LARGE_SIZE : index % 3 == 1 ? VALUE_SIZE : 100;
}

static int make_store(void **state)
{
    struct swtpm_plugin_error error;

    /* Some ten thousand commits, of which none has to survive a power loss. */
    if (lmdb_make_directory_in_memory(state) != 0)
        return -1;
    snprintf(location, sizeof location, "%s?tpm=a", lmdb_directory);
    snprintf(path, sizeof path, "%s/data.mdb", lmdb_directory);
    struct swtpm_storage *storage = open_store(&error);
    assert_non_null(storage);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < VALUES; i++)
            put_value(storage, i, length_of(i));
    OPS->close(storage);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size = (size_t)lseek(fd, 0, SEEK_END);
    pristine = malloc(size);
    assert_int_equal(pread(fd, pristine, size, 0), size);
    close(fd);
    return 0;
}

static int remove_store(void **state)
{
    free(pristine);
    return lmdb_remove_directory(state);
}

static void restore(size_t length)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, pristine, length), length);
    close(fd);
}

static void overwrite(size_t offset, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, data, length, (off_t)offset), length);
    close(fd);
}

/* 0 if each value from `first` on, `step` apart, is as stored or was refused; the number of those
 * refused goes to *refused. */
static int read_some(struct swtpm_storage *storage, int first, int step, unsigned *refused)
{
    static char expected[LARGE_SIZE];
    static char data[LARGE_SIZE];
    struct swtpm_plugin_error error;

    for (int i = first; i < VALUES; i += step) {
        char name[16];
        size_t found = 0;
        snprintf(name, sizeof name, "v%d", i);
        fill_value(expected, length_of(i), i);
        if (OPS->get(storage, name, (struct swtpm_buffer){data, sizeof data}, &found, &error) != 0)
            (*refused)++;
        else if (found != length_of(i) || memcmp(data, expected, found) != 0)
            return 1;
    }
    return 0;
}

static int read_all(struct swtpm_storage *storage, unsigned *refused)
{
    return read_some(storage, 0, 1, refused);
}

/* Changes v0 and removes those of odd numbers.  Whether nothing is read then that was replaced,
 * that was removed, or that was never stored. */
static bool change_some(struct swtpm_storage *storage)
{
    static char data[LARGE_SIZE];
    static const char value[LARGE_SIZE] = "new";
    struct swtpm_plugin_error error;
    unsigned refused = 0;
    bool is_put = false;
    bool is_good = true;
    size_t found = 0;

    for (int i = 0; i < 5; i++)
        is_put = OPS->put(storage, "v0", (struct swtpm_bytes){value, sizeof value}, 0, &error) == 0;
    for (int i = 1; i < VALUES; i += 2) {
        char name[16];
        snprintf(name, sizeof name, "v%d", i);
        if (OPS->del(storage, name, 0, &error) == 0)
            is_good = is_good && OPS->get(storage, name, (struct swtpm_buffer){data, sizeof data},
                                          &found, &error) != 0;
    }
    if (is_put && OPS->get(storage, "v0", (struct swtpm_buffer){data, sizeof data}, &found,
                           &error) == 0)
        is_good = is_good && found == sizeof value && memcmp(data, value, found) == 0;
    return is_good && read_some(storage, 2, 2, &refused) == 0;
}

/* Opens, reads and writes in a child, which must not hang either. */
enum outcome { GOOD, REFUSED_AT_OPEN, REFUSED_LATER, WRONG, SIGNAL };

static enum outcome outcome_of_use(void)
{
    pid_t child = fork();

    if (child == 0) {
        struct swtpm_plugin_error error = {""};
        unsigned refused = 0;
        alarm(120);
        struct swtpm_storage *storage = open_store(&error);
        if (storage == NULL)
            _exit(strstr(error.message, lmdb_directory) != NULL ? REFUSED_AT_OPEN : WRONG);
        if (read_all(storage, &refused) != 0)
            _exit(WRONG);
        if (!change_some(storage))
            _exit(WRONG);
        _exit(refused > 0 ? REFUSED_LATER : GOOD);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status)) {
        print_error("signal %d\n", WTERMSIG(status));
        return SIGNAL;
    }
    return (enum outcome)WEXITSTATUS(status);
}

static void an_undamaged_file_is_accepted(void **state)
{
    (void)state;
    restore(size);
    assert_int_equal(outcome_of_use(), GOOD);
}

static void a_file_that_was_cut_off_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < size; length += length < 3 * PAGE ? 1000 : 5 * PAGE) {
        restore(length);
        enum outcome outcome = outcome_of_use();
        /* The last pages may be free ones. */
        if (outcome != REFUSED_AT_OPEN && !(outcome == GOOD && length + 20 * PAGE > size))
            fail_msg("cut off to %zu of %zu bytes: outcome %d", length, size, outcome);
    }
}

static void a_page_that_was_zeroed_is_refused(void **state)
{
    (void)state;
    static const char zeros[PAGE];
    unsigned refused = 0;

    for (size_t page = 0; page < size / PAGE; page++) {
        restore(size);
        overwrite(page * PAGE, zeros, PAGE);
        enum outcome outcome = outcome_of_use();
        if (outcome == WRONG || outcome == SIGNAL)
            fail_msg("page %zu zeroed: outcome %d", page, outcome);
        refused += outcome != GOOD;
    }
    /* All but free pages. */
    assert_true(refused > size / PAGE / 2);
}

static void random_damage_is_survived(void **state)
{
    (void)state;
    enum { ROUNDS = 600 };
    unsigned seed = 1;

    for (int round = 0; round < ROUNDS; round++) {
        restore(size);
        /* Heads of pages are where numbers stand that point somewhere. */
        for (int i = 0; i < 4; i++) {
            size_t offset = (size_t)rand_r(&seed) % (size / PAGE) * PAGE;
            offset += (size_t)rand_r(&seed) % (round % 2 == 0 ? 160 : PAGE);
            unsigned char byte = (unsigned char)rand_r(&seed);
            overwrite(offset, &byte, 1);
        }
        enum outcome outcome = outcome_of_use();
        if (outcome == WRONG || outcome == SIGNAL)
            fail_msg("round %d: outcome %d", round, outcome);
    }
}

enum { LEAF = 2, OVERFLOW = 4 };

/* Pages of that type get the wrong number. */
static void damage_page_numbers(uint16_t type, uint64_t wrong)
{
    for (size_t offset = 0; offset + PAGE <= size; offset += PAGE) {
        uint64_t number;
        uint16_t flags;
        memcpy(&number, pristine + offset, sizeof number);
        memcpy(&flags, pristine + offset + 10, sizeof flags);
        if (number == offset / PAGE && flags == type)
            overwrite(offset, &wrong, sizeof wrong);
    }
}

/* LMDB keeps notes on pages in memory where their type stands, such as that it may write to one; it
 * would obey them. */
static void notes_that_belong_to_memory_are_not_obeyed(void **state)
{
    (void)state;
    enum { FLAGS = 10, DIRTY = 0x10, LOOSE = 0x4000 };
    unsigned refused = 0;

    for (size_t page = 2; page < size / PAGE; page++) {
        uint16_t flags;
        memcpy(&flags, pristine + page * PAGE + FLAGS, sizeof flags);
        flags |= page % 2 == 0 ? DIRTY : LOOSE;
        restore(size);
        overwrite(page * PAGE + FLAGS, &flags, sizeof flags);
        enum outcome outcome = outcome_of_use();
        if (outcome == WRONG || outcome == SIGNAL)
            fail_msg("page %zu with flags %#x: outcome %d", page, flags, outcome);
        refused += outcome != GOOD;
    }
    assert_true(refused > 0);
}

/* Makes the lowest record of a leaf two bytes longer; false if the page is none or it lies
 * elsewhere. */
static bool stretch_record(size_t page)
{
    struct {
        uint64_t number;
        uint16_t pad, flags, lower, upper;
    } head;
    struct {
        uint32_t data_size;
        uint16_t flags, key_size;
    } node;

    memcpy(&head, pristine + page, sizeof head);
    if (head.number != page / PAGE || head.flags != LEAF || head.upper > PAGE - sizeof node)
        return false;
    memcpy(&node, pristine + page + head.upper, sizeof node);
    if (node.flags != 0 || head.upper + sizeof node + node.key_size + node.data_size + 2 > PAGE)
        return false;
    node.data_size += 2;
    overwrite(page + head.upper, &node, sizeof node);
    return true;
}

/* LMDB would move them by their sizes, to behind the page in the end. */
static void records_that_share_bytes_are_refused(void **state)
{
    (void)state;
    unsigned refused = 0;

    for (size_t page = 0; page + PAGE <= size; page += PAGE) {
        restore(size);
        if (!stretch_record(page))
            continue;
        enum outcome outcome = outcome_of_use();
        assert_true(outcome == REFUSED_AT_OPEN || outcome == GOOD);
        refused += outcome == REFUSED_AT_OPEN;
    }
    /* Most leaves of that form are free pages. */
    assert_true(refused > 0);
    restore(size);
}

/* LMDB would free the pages of that number in their place. */
static void a_value_whose_pages_have_another_number_is_not_replaced(void **state)
{
    (void)state;
    struct swtpm_plugin_error error = {""};
    const struct swtpm_bytes value = {"new", 3};

    restore(size);
    damage_page_numbers(OVERFLOW, 2);
    struct swtpm_storage *storage = open_store(&error);
    assert_non_null(storage);
    assert_int_equal(OPS->put(storage, "v0", value, 0, &error), SWTPM_PLUGIN_CORRUPT);
    assert_non_null(strstr(error.message, lmdb_directory));
    assert_int_equal(OPS->del(storage, "v0", 0, &error), SWTPM_PLUGIN_CORRUPT);
    OPS->close(storage);
    restore(size);
}

static void damage_found_by_a_read_is_told_with_the_value_and_the_page(void **state)
{
    (void)state;
    struct swtpm_plugin_error error = {""};
    char data[VALUE_SIZE];
    size_t found;

    restore(size);
    struct swtpm_storage *storage = open_store(&error);
    assert_non_null(storage);
    damage_page_numbers(LEAF, 2);
    assert_int_equal(
        OPS->get(storage, "v1", (struct swtpm_buffer){data, sizeof data}, &found, &error),
        SWTPM_PLUGIN_CORRUPT);
    assert_non_null(strstr(error.message, "the value 'v1' of TPM 'a'"));
    assert_non_null(strstr(error.message, "(page "));
    OPS->close(storage);
    restore(size);
}

/* What LMDB's format (mdb.c: MDB_meta) says of the last commit. */
struct roots {
    uint64_t free_tree;
    uint64_t main_tree;
};

static struct roots newest_roots(void)
{
    enum { HEAD = 16, FREE_ROOT = 24 + 40, MAIN_ROOT = FREE_ROOT + 48, TRANSACTION = 24 + 96 + 8 };
    uint64_t transactions[2];
    struct roots roots;

    for (size_t i = 0; i < 2; i++)
        memcpy(&transactions[i], pristine + i * PAGE + HEAD + TRANSACTION, sizeof transactions[i]);
    const unsigned char *meta = pristine + (transactions[1] > transactions[0]) * PAGE + HEAD;
    memcpy(&roots.free_tree, meta + FREE_ROOT, sizeof roots.free_tree);
    memcpy(&roots.main_tree, meta + MAIN_ROOT, sizeof roots.main_tree);
    return roots;
}

/* A list of one page, that from which all is reached, in place of the first list. */
static void a_page_in_use_that_is_called_free_is_noticed(void **state)
{
    (void)state;
    enum { HEAD = 16, NODE_HEAD_AND_KEY = 8 + 8 };
    struct roots roots = newest_roots();
    struct swtpm_plugin_error error;
    uint64_t list[2] = {1, roots.main_tree};
    uint16_t node;

    memcpy(&node, pristine + roots.free_tree * PAGE + HEAD, sizeof node);
    restore(size);
    overwrite(roots.free_tree * PAGE + node + NODE_HEAD_AND_KEY, list, sizeof list);
    assert_null(open_store(&error));
    assert_non_null(strstr(error.message, "in use and free"));
}

/* Free pages are listed by the transaction that gave them up.  LMDB would take those of an
 * impossible one twice, and abort. */
static void free_pages_of_an_impossible_transaction_are_refused(void **state)
{
    (void)state;
    enum { HEAD = 16, NODE_HEAD = 8 };
    static const uint64_t wrong[] = {0, UINT64_MAX / 2};
    struct roots roots = newest_roots();
    struct swtpm_plugin_error error;
    uint16_t node;

    memcpy(&node, pristine + roots.free_tree * PAGE + HEAD, sizeof node);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        restore(size);
        overwrite(roots.free_tree * PAGE + node + NODE_HEAD, &wrong[i], sizeof wrong[i]);
        assert_null(open_store(&error));
        assert_non_null(strstr(error.message, "out of order"));
    }
    restore(size);
}

/* LMDB shortens long lists of free pages where they lie, so that they look as no new record would.
 */
static void a_whole_file_with_long_lists_of_free_pages_is_accepted(void **state)
{
    (void)state;
    enum { PUTS = 300, SIZE_MAX_PUT = 1000000 };
    static char data[SIZE_MAX_PUT];
    struct swtpm_plugin_error error;
    unsigned seed = 2;

    snprintf(location, sizeof location, "%s/long?tpm=a", lmdb_directory);
    struct swtpm_storage *storage = open_store(&error);
    assert_non_null(storage);
    for (int i = 0; i < PUTS; i++) {
        const struct swtpm_bytes value = {data, (size_t)rand_r(&seed) % SIZE_MAX_PUT};
        if (OPS->put(storage, i % 2 == 0 ? "b" : "a", value, 0, &error) != 0)
            fail_msg("put %d: %s", i, error.message);
    }
    OPS->close(storage);
}

/* -------------------------------------------------------------------------- damage to other TPMs */

static int count_store(void *context, const char *store)
{
    (void)store;
    ++*(unsigned *)context;
    return 0;
}

/* Whether it is a leaf with values of the second TPM alone. */
static bool holds_the_second_tpm(const unsigned char *page)
{
    enum { LOWER = 12, FLAGS = 10, HEAD = 16, NODE_HEAD = 8, NUMBER_LOW = 8 };
    uint16_t lower, flags;

    memcpy(&flags, page + FLAGS, sizeof flags);
    memcpy(&lower, page + LOWER, sizeof lower);
    if (flags != LEAF || lower <= HEAD)
        return false;
    for (size_t at = HEAD; at < lower; at += sizeof(uint16_t)) {
        uint16_t offset;
        memcpy(&offset, page + at, sizeof offset);
        const unsigned char *key = page + offset + NODE_HEAD;
        if (key[0] != 'V' || key[NUMBER_LOW] != 2)
            return false;
    }
    return true;
}

static void zero_pages_of_the_second_tpm(void)
{
    static const char zeros[PAGE];
    unsigned char page[PAGE];
    unsigned found = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    for (off_t at = 2 * PAGE; pread(fd, page, PAGE, at) == PAGE; at += PAGE) {
        if (!holds_the_second_tpm(page))
            continue;
        overwrite((size_t)at, zeros, PAGE);
        found++;
    }
    close(fd);
    assert_true(found > 2);
}

static void damage_stops_only_those_who_come_there(void **state)
{
    (void)state;
    struct swtpm_plugin_error error;
    struct swtpm_storage *tpms[2];
    static const char *const names[] = {"first", "second"};
    unsigned refused = 0, count = 0;

    snprintf(path, sizeof path, "%s/two/data.mdb", lmdb_directory);
    for (int tpm = 0; tpm < 2; tpm++) {
        snprintf(location, sizeof location, "%s/two?tpm=%s", lmdb_directory, names[tpm]);
        tpms[tpm] = open_store(&error);
        for (int i = 0; i < VALUES; i++)
            put_value(tpms[tpm], i, length_of(i));
    }
    OPS->close(tpms[0]);
    OPS->close(tpms[1]);
    zero_pages_of_the_second_tpm();
    assert_null(open_store(&error));
    assert_non_null(strstr(error.message, "is damaged"));
    snprintf(location, sizeof location, "%s/two?tpm=first", lmdb_directory);
    tpms[0] = open_store(&error);
    assert_non_null(tpms[0]);
    assert_int_equal(read_all(tpms[0], &refused), 0);
    assert_int_equal(refused, 0);
    put_value(tpms[0], 0, length_of(0));
    OPS->close(tpms[0]);
    snprintf(location, sizeof location, "%s/two", lmdb_directory);
    assert_int_equal(OPS->list_stores(location, count_store, &count, &error), SWTPM_PLUGIN_CORRUPT);
    assert_non_null(strstr(error.message, "is damaged"));
    assert_int_equal(count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undamaged_file_is_accepted),
        cmocka_unit_test(a_file_that_was_cut_off_is_refused),
        cmocka_unit_test(a_page_that_was_zeroed_is_refused),
        cmocka_unit_test(random_damage_is_survived),
        cmocka_unit_test(records_that_share_bytes_are_refused),
        cmocka_unit_test(a_value_whose_pages_have_another_number_is_not_replaced),
        cmocka_unit_test(damage_found_by_a_read_is_told_with_the_value_and_the_page),
        cmocka_unit_test(notes_that_belong_to_memory_are_not_obeyed),
        cmocka_unit_test(a_page_in_use_that_is_called_free_is_noticed),
        cmocka_unit_test(free_pages_of_an_impossible_transaction_are_refused),
        cmocka_unit_test(a_whole_file_with_long_lists_of_free_pages_is_accepted),
        cmocka_unit_test(damage_stops_only_those_who_come_there),
    };
    return cmocka_run_group_tests(tests, make_store, remove_store);
}
