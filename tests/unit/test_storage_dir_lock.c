/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "child.h"
#include "plugin_files.h"
#include "store_place.h"

static void two_handles_exclude_each_other(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *other = store_open(place->location);
    char holder[64];

    snprintf(holder, sizeof holder, "is locked by process %d;", getpid());
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_ops->lock(other, &store_error), SWTPM_PLUGIN_BUSY);
    assert_store_error(holder);
    assert_store_error(path_in(place->location, ".lock"));
    assert_int_equal(store_ops->unlock(other, &store_error), 0);
    assert_int_equal(store_ops->lock(other, &store_error), SWTPM_PLUGIN_BUSY);
    assert_int_equal(store_ops->unlock(place->storage, &store_error), 0);
    assert_int_equal(store_ops->lock(other, &store_error), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), SWTPM_PLUGIN_BUSY);
    store_ops->close(other);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
}

/* A child that does something and then waits to be killed. */
static pid_t start_holder(int (*take)(const struct store_place *place),
                          const struct store_place *place)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        byte = take(place) == 0 ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    return child;
}

static void kill_holder(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static int take_with_the_plugin(const struct store_place *place)
{
    struct swtpm_storage *storage = NULL;
    return store_try_open(place->location, 0, &storage) != 0
               ? -1
               : store_ops->lock(storage, &store_error);
}

static int take_with_posix(const struct store_place *place)
{
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path_in(place->location, ".lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    return fd < 0 ? -1 : fcntl(fd, F_SETLK, &lock);
}

static void a_lock_dies_with_its_process_and_names_it(int (*take)(const struct store_place *place),
                                                      const struct store_place *place)
{
    pid_t child = start_holder(take, place);
    char holder[64];

    snprintf(holder, sizeof holder, "is locked by process %d;", child);
    assert_int_equal(store_ops->lock(place->storage, &store_error), SWTPM_PLUGIN_BUSY);
    assert_store_error(holder);
    kill_holder(child);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_ops->unlock(place->storage, &store_error), 0);
}

static void the_lock_of_another_process_is_respected_while_it_lives(void **state)
{
    a_lock_dies_with_its_process_and_names_it(take_with_the_plugin, *state);
}

static void a_posix_lock_is_respected_while_its_process_lives(void **state)
{
    a_lock_dies_with_its_process_and_names_it(take_with_posix, *state);
}

static void try_posix_lock(void *shared)
{
    const struct store_place *place = *(void **)shared;
    _exit(take_with_posix(place) == 0 ? 0 : errno);
}

static void our_lock_holds_against_posix_locks(void **state)
{
    struct store_place *place = *state;
    void **shared = child_shared(sizeof *shared);

    *shared = place;
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    int status = child_run(try_posix_lock, shared);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == EAGAIN || WEXITSTATUS(status) == EACCES);
    assert_int_equal(store_ops->unlock(place->storage, &store_error), 0);
    status = child_run(try_posix_lock, shared);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int take_nothing(const struct store_place *place)
{
    (void)place;
    return 0;
}

static void a_child_that_inherited_the_lock_does_not_keep_it(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *first = store_open(place->location);

    assert_int_equal(store_ops->lock(first, &store_error), 0);
    pid_t child = start_holder(take_nothing, place);
    assert_int_equal(store_ops->unlock(first, &store_error), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_ops->unlock(place->storage, &store_error), 0);
    kill_holder(child);

    assert_int_equal(store_ops->lock(first, &store_error), 0);
    child = start_holder(take_nothing, place);
    store_ops->close(first);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    kill_holder(child);
}

static void a_lock_file_with_other_contents_is_fine(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *other = store_open(place->location);

    write_file(path_in(place->location, ".lock"), "123456789012345678901234567890 is not a pid");
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    write_file(path_in(place->location, ".lock"), "not a pid at all");
    assert_int_equal(store_ops->lock(other, &store_error), SWTPM_PLUGIN_BUSY);
    assert_store_error("is locked by another process;");
    write_file(path_in(place->location, ".lock"), "");
    assert_int_equal(store_ops->lock(other, &store_error), SWTPM_PLUGIN_BUSY);
    assert_store_error("is locked by another process;");
    store_ops->close(other);
}

static void assert_fenced(const struct store_place *place)
{
    assert_int_equal(store_put(place->storage, "value", "new"), SWTPM_PLUGIN_FENCED);
    assert_store_error("was removed or replaced");
    assert_int_equal(store_ops->del(place->storage, "value", 0, &store_error), SWTPM_PLUGIN_FENCED);
    assert_int_equal(store_ops->lock(place->storage, &store_error), SWTPM_PLUGIN_FENCED);
}

static void a_lock_file_that_was_replaced_fences(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *other = store_open(place->location);

    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_put(place->storage, "value", "old"), 0);
    assert_int_equal(unlink(path_in(place->location, ".lock")), 0);
    assert_int_equal(store_ops->lock(other, &store_error), 0);
    assert_fenced(place);
    assert_contents(path_in(place->location, "value"), "old");
    assert_int_equal(store_put(other, "value", "theirs"), 0);
    store_ops->close(other);
}

static void a_lock_file_that_was_removed_fences(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_put(place->storage, "value", "old"), 0);
    assert_int_equal(unlink(path_in(place->location, ".lock")), 0);
    assert_fenced(place);
    assert_stored(place->storage, "value", "old");
}

static void a_directory_that_was_removed_fences(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(unlink(path_in(place->location, ".lock")), 0);
    assert_int_equal(rmdir(place->location), 0);
    assert_fenced(place);
}

static void without_the_lock_a_removed_directory_is_an_error_of_the_medium(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(rmdir(place->location), 0);
    assert_int_equal(store_put(place->storage, "value", "x"), SWTPM_PLUGIN_IO);
    assert_store_error("No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(two_handles_exclude_each_other),
        STORE_TEST(the_lock_of_another_process_is_respected_while_it_lives),
        STORE_TEST(a_posix_lock_is_respected_while_its_process_lives),
        STORE_TEST(our_lock_holds_against_posix_locks),
        STORE_TEST(a_child_that_inherited_the_lock_does_not_keep_it),
        STORE_TEST(a_lock_file_with_other_contents_is_fine),
        STORE_TEST(a_lock_file_that_was_replaced_fences),
        STORE_TEST(a_lock_file_that_was_removed_fences),
        STORE_TEST(a_directory_that_was_removed_fences),
        STORE_TEST(without_the_lock_a_removed_directory_is_an_error_of_the_medium),
    };
    return cmocka_run_group_tests(tests, store_load_plugin, store_remove_plugin);
}
