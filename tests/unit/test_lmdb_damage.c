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

#include "swtpm_plugin.h"

/* Every kind of damage to the data file is met with a result, never with a signal, and never with
 * a value that was not stored. */

#define OPS (swtpm_plugin.ops.storage)

enum { VALUE_SIZE = 3000, VALUES = 60, LARGE_SIZE = 20000, PAGE = 4096 };

static char directory[64];
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
    char name[8];
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
    (void)state;
    struct swtpm_plugin_error error;

    strcpy(directory, "/tmp/test_lmdb_damage.XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(location, sizeof location, "%s?tpm=a", directory);
    snprintf(path, sizeof path, "%s/data.mdb", directory);
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
    (void)state;
    char command[100];
    free(pristine);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
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

/* 0 if each value is as stored or was refused; the number of those refused goes to *refused. */
static int read_all(struct swtpm_storage *storage, unsigned *refused)
{
    static char expected[LARGE_SIZE];
    static char data[LARGE_SIZE];
    struct swtpm_plugin_error error;

    for (int i = 0; i < VALUES; i++) {
        char name[8];
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

/* Opens, reads and writes in a child. */
enum outcome { GOOD, REFUSED_AT_OPEN, REFUSED_LATER, WRONG, SIGNAL };

static enum outcome outcome_of_use(void)
{
    pid_t child = fork();

    if (child == 0) {
        struct swtpm_plugin_error error = {""};
        unsigned refused = 0;
        struct swtpm_storage *storage = open_store(&error);
        if (storage == NULL)
            _exit(strstr(error.message, directory) != NULL ? REFUSED_AT_OPEN : WRONG);
        if (read_all(storage, &refused) != 0)
            _exit(WRONG);
        char value[LARGE_SIZE] = "new";
        for (int i = 0; i < 5; i++)
            OPS->put(storage, "v0", (struct swtpm_bytes){value, sizeof value}, 0, &error);
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

/* Makes the lowest record of a leaf two bytes longer; false if the page is none or it lies elsewhere. */
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
    assert_non_null(strstr(error.message, directory));
    assert_int_equal(OPS->del(storage, "v0", 0, &error), SWTPM_PLUGIN_CORRUPT);
    OPS->close(storage);
    restore(size);
}

/* A process that has the store open until `*end` is closed. */
static pid_t start_user(int *end)
{
    int ready[2], ends[2];
    char byte;

    assert_int_equal(pipe(ready) + pipe(ends), 0);
    pid_t user = fork();
    if (user == 0) {
        struct swtpm_plugin_error error;
        close(ends[1]);
        if (open_store(&error) == NULL || write(ready[1], "", 1) != 1)
            _exit(1);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(ready[1]);
    close(ends[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *end = ends[1];
    return user;
}

static void what_a_user_has_checked_is_not_checked_again_while_he_is_there(void **state)
{
    (void)state;
    struct swtpm_plugin_error error;
    unsigned refused = 0;
    int end, status;

    restore(size);
    pid_t user = start_user(&end);
    /* Where LMDB never reads it, so it is not led astray. */
    damage_page_numbers(LEAF, UINT64_MAX);
    struct swtpm_storage *storage = open_store(&error);
    assert_non_null(storage);
    assert_int_equal(read_all(storage, &refused), 0);
    OPS->close(storage);
    close(end);
    assert_int_equal(waitpid(user, &status, 0), user);
    assert_int_equal(status, 0);
    assert_null(open_store(&error));
    assert_non_null(strstr(error.message, "is damaged"));
    restore(size);
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
        cmocka_unit_test(what_a_user_has_checked_is_not_checked_again_while_he_is_there),
    };
    return cmocka_run_group_tests(tests, make_store, remove_store);
}
