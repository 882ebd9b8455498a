/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing_memory.h"
#include "fake_storage.h"
#include "state/state_change.h"
#include "state/state_store.h"
#include "util/log.h"

#define PERMANENT "tpm2-00.permall"
#define VOLATILE "tpm2-00.volatilestate"
#define SAVE "tpm2-00.savestate"
#define JOURNAL "tpm2-00.change"

static struct error error;

static struct storage *storage_of(void **state)
{
    return *state;
}

static int set_up(void **state)
{
    const struct log_parameters no_log = {.path = "-", .fd = -1};

    *state = fake_storage_new();
    fake_storage_poke(*state, PERMANENT, "old permanent", 13);
    fake_storage_poke(*state, VOLATILE, "old volatile", 12);
    fake_storage_poke(*state, "unrelated", "untouched", 9);
    return log_open(&no_log, &error);
}

static int tear_down(void **state)
{
    fake_storage_free(*state);
    return 0;
}

static void add(struct state_change *change, const char *name, const char *text)
{
    struct buffer value = {0};
    assert_int_equal(buffer_append(&value, text, strlen(text)), 0);
    state_change_put(change, name, &value);
}

/* Permanent and saved state are new, the volatile one goes. */
static int commit(struct storage *storage)
{
    struct state_change change = {0};

    add(&change, PERMANENT, "new permanent");
    add(&change, SAVE, "new save");
    state_change_remove(&change, VOLATILE);
    int result = state_change_commit(storage, TPM_VERSION_2_0, &change, true, &error);
    state_change_free(&change);
    return result;
}

static bool holds(const struct storage *storage, const char *name, const char *text)
{
    bool exists;
    struct swtpm_bytes value = fake_storage_peek(storage, name, &exists);
    if (text == NULL)
        return !exists;
    return exists && value.size == strlen(text) && memcmp(value.data, text, value.size) == 0;
}

static bool is_old(const struct storage *storage)
{
    return holds(storage, PERMANENT, "old permanent") && holds(storage, VOLATILE, "old volatile") &&
           holds(storage, SAVE, NULL);
}

static bool is_new(const struct storage *storage)
{
    return holds(storage, PERMANENT, "new permanent") && holds(storage, VOLATILE, NULL) &&
           holds(storage, SAVE, "new save");
}

static bool is_tidy(const struct storage *storage)
{
    return holds(storage, JOURNAL, NULL) && holds(storage, PERMANENT ".new", NULL) &&
           holds(storage, SAVE ".new", NULL) && holds(storage, VOLATILE ".new", NULL) &&
           holds(storage, "unrelated", "untouched");
}

static void a_change_is_made_durably_and_leaves_nothing_behind(void **state)
{
    struct storage *storage = storage_of(state);

    assert_int_equal(commit(storage), 0);
    assert_true(is_new(storage));
    assert_true(is_tidy(storage));
    assert_int_equal(fake_storage_changes(storage), fake_storage_durable_changes(storage));
}

/* The process dies before its nth change of the store, the next one before its mth. */
static void wherever_processes_die_all_or_nothing_is_changed(void **state)
{
    enum { CHANGES_OF_A_COMMIT = 9 };
    bool finished;

    for (unsigned n = 0; n <= CHANGES_OF_A_COMMIT; n++) {
        for (unsigned m = 0; m <= CHANGES_OF_A_COMMIT; m++) {
            assert_int_equal(tear_down(state), 0);
            assert_int_equal(set_up(state), 0);
            struct storage *storage = storage_of(state);
            fake_storage_break(storage, n, SWTPM_PLUGIN_IO);
            int made = commit(storage);
            fake_storage_break(storage, m, SWTPM_PLUGIN_IO);
            state_change_finish(storage, TPM_VERSION_2_0, true, &finished, &error);
            fake_storage_break(storage, 0, 0);
            assert_int_equal(
                state_change_finish(storage, TPM_VERSION_2_0, true, &finished, &error), 0);
            if (!is_tidy(storage) || !(is_new(storage) || (is_old(storage) && made != 0)))
                fail_msg("first process after %u changes, second after %u", n, m);
        }
    }
}

/* A failing store, not a dying process: what was staged is taken away again. */
static void a_change_that_cannot_be_staged_leaves_the_store_as_it_was(void **state)
{
    struct storage *storage = storage_of(state);

    fake_storage_break_get(storage, SAVE ".new", SWTPM_PLUGIN_IO);
    assert_int_equal(commit(storage), SWTPM_PLUGIN_IO);
    assert_non_null(strstr(error.text, "stays as it was"));
    assert_true(is_old(storage));
    assert_true(is_tidy(storage));
}

static void each_failed_allocation_leaves_all_or_nothing(void **state)
{
    bool finished;
    int made = -1;

    for (unsigned n = 0; made != 0; n++) {
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
        struct storage *storage = storage_of(state);
        struct state_change change = {0};
        add(&change, PERMANENT, "new permanent");
        state_change_remove(&change, VOLATILE);
        add(&change, SAVE, "new save");
        failing_memory_start(n);
        made = state_change_commit(storage, TPM_VERSION_2_0, &change, true, &error);
        assert_int_equal(failing_memory_end(), made != 0);
        state_change_free(&change);
        assert_int_equal(state_change_finish(storage, TPM_VERSION_2_0, true, &finished, &error),
                         0);
        assert_true(is_tidy(storage));
        assert_true(is_new(storage) || (is_old(storage) && made != 0));
    }
}

static void a_damaged_journal_is_refused_and_nothing_touched(void **state)
{
    struct storage *storage = storage_of(state);
    bool finished;

    fake_storage_poke(storage, JOURNAL, "swtpm-state change 1\n", 21);
    fake_storage_poke(storage, PERMANENT ".new", "staged", 6);
    assert_int_equal(state_change_finish(storage, TPM_VERSION_2_0, true, &finished, &error),
                     SWTPM_PLUGIN_CORRUPT);
    assert_non_null(strstr(error.text, JOURNAL));
    assert_true(is_old(storage));
    assert_true(holds(storage, PERMANENT ".new", "staged"));
}

static void the_other_tpm_version_is_left_alone(void **state)
{
    struct storage *storage = storage_of(state);
    bool pending = true;
    bool finished = true;

    fake_storage_poke(storage, JOURNAL, "swtpm-state change 1\nend\n", 25);
    fake_storage_poke(storage, PERMANENT ".new", "staged", 6);
    assert_int_equal(state_change_is_pending(storage, TPM_VERSION_1_2, &pending, &error), 0);
    assert_false(pending);
    assert_int_equal(state_change_finish(storage, TPM_VERSION_1_2, true, &finished, &error), 0);
    assert_false(finished);
    assert_true(holds(storage, PERMANENT ".new", "staged"));
    assert_int_equal(state_change_is_pending(storage, TPM_VERSION_2_0, &pending, &error), 0);
    assert_true(pending);
}

/* ------------------------------------------------------------------------ as the daemon sees it */

static struct state_store *open_store(struct storage *storage)
{
    const struct state_store_parameters parameters = {
        .version = TPM_VERSION_2_0, .storage = storage, .location = "fake://here"};
    struct state_store *store;

    assert_int_equal(state_store_new(&parameters, &store, &error), 0);
    return store;
}

static void whoever_locks_the_store_finishes_the_change(void **state)
{
    struct storage *storage = storage_of(state);
    struct state_store *store = open_store(storage);

    fake_storage_break(storage, 4, SWTPM_PLUGIN_IO);
    assert_int_equal(commit(storage), SWTPM_PLUGIN_IO);
    assert_non_null(strstr(error.text, "not finished"));
    fake_storage_break(storage, 0, 0);
    assert_int_equal(state_store_lock(store, 0, &error), 0);
    assert_true(is_new(storage));
    assert_true(is_tidy(storage));
    state_store_free(store);
}

static void without_the_lock_an_unfinished_change_is_an_error(void **state)
{
    struct storage *storage = storage_of(state);
    struct state_store *store = open_store(storage);
    struct buffer plain = {0};

    fake_storage_break(storage, 4, SWTPM_PLUGIN_IO);
    assert_int_equal(commit(storage), SWTPM_PLUGIN_IO);
    fake_storage_break(storage, 0, 0);
    assert_int_not_equal(state_store_load(store, STATE_PERMANENT, &plain, &error), 0);
    assert_non_null(strstr(error.text, "swtpm-state verify"));
    state_store_free(store);
}

static void a_damaged_journal_keeps_the_store_locked_for_nobody(void **state)
{
    struct storage *storage = storage_of(state);
    struct state_store *store = open_store(storage);

    fake_storage_poke(storage, JOURNAL, "nonsense", 8);
    assert_int_equal(state_store_lock(store, 0, &error), -1);
    assert_false(state_store_is_locked(store));
    assert_non_null(strstr(error.text, JOURNAL));
    state_store_free(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_made_durably_and_leaves_nothing_behind),
        TEST(wherever_processes_die_all_or_nothing_is_changed),
        TEST(a_change_that_cannot_be_staged_leaves_the_store_as_it_was),
        TEST(each_failed_allocation_leaves_all_or_nothing),
        TEST(a_damaged_journal_is_refused_and_nothing_touched),
        TEST(the_other_tpm_version_is_left_alone),
        TEST(whoever_locks_the_store_finishes_the_change),
        TEST(without_the_lock_an_unfinished_change_is_an_error),
        TEST(a_damaged_journal_keeps_the_store_locked_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
