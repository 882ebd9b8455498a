/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libtpms/tpm_error.h>

#include "failing_memory.h"
#include "fake_storage.h"
#include "keys.h"
#include "linked_crypto.h"
#include "state/state_store.h"
#include "util/log.h"

#define PERMANENT "tpm2-00.permall"
#define BACKUP "tpm2-00.permall.bak"

struct fixture {
    struct storage *storage;
    struct state_key *key;
    struct state_store *store;
    struct buffer plain;
    struct error error;
};

static void open_store(struct fixture *fixture, bool backup)
{
    const struct state_store_parameters parameters = {.version = TPM_VERSION_2_0,
                                                      .storage = fixture->storage,
                                                      .location = "fake://here",
                                                      .key = fixture->key,
                                                      .durable = true,
                                                      .backup = backup};
    state_store_free(fixture->store);
    assert_int_equal(state_store_new(&parameters, &fixture->store, &fixture->error), 0);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    const struct log_parameters no_log = {.path = "-", .fd = -1};

    fixture = (struct fixture){.storage = fake_storage_new()};
    open_store(&fixture, false);
    *state = &fixture;
    return log_open(&no_log, &fixture.error);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    state_store_free(fixture->store);
    state_key_free(fixture->key);
    fake_storage_free(fixture->storage);
    buffer_free(&fixture->plain);
    return 0;
}

static TPM_RESULT save(struct fixture *fixture, enum state_type type, const char *text)
{
    return state_store_save(fixture->store, type, (struct swtpm_bytes){text, strlen(text)},
                            &fixture->error);
}

static TPM_RESULT load(struct fixture *fixture, enum state_type type)
{
    return state_store_load(fixture->store, type, &fixture->plain, &fixture->error);
}

static void assert_plain(const struct fixture *fixture, const char *text)
{
    assert_int_equal(fixture->plain.size, strlen(text));
    assert_memory_equal(fixture->plain.data, text, strlen(text));
}

static void assert_error_names(const struct fixture *fixture, const char *what)
{
    if (strstr(fixture->error.text, what) == NULL)
        fail_msg("'%s' is not in: %s", what, fixture->error.text);
}

static bool exists(const struct fixture *fixture, const char *name)
{
    bool there;
    fake_storage_peek(fixture->storage, name, &there);
    return there;
}

static void what_was_saved_is_loaded(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(save(fixture, STATE_PERMANENT, "permanent"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_VOLATILE, "volatile"), TPM_SUCCESS);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "permanent");
    assert_int_equal(load(fixture, STATE_VOLATILE), TPM_SUCCESS);
    assert_plain(fixture, "volatile");
}

static void a_plain_state_has_the_bytes_of_the_original(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t expected[] = {2, 1, 0, 10, 0, 0, 0, 0, 0, 18, 0, 1, 0, 0, 0, 2, 'h', 'i'};
    bool there;

    assert_int_equal(save(fixture, STATE_SAVE, "hi"), TPM_SUCCESS);
    struct swtpm_bytes stored = fake_storage_peek(fixture->storage, "tpm2-00.savestate", &there);
    assert_true(there);
    assert_int_equal(stored.size, sizeof expected);
    assert_memory_equal(stored.data, expected, sizeof expected);
}

static void a_new_store_says_retry_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_RETRY);
    assert_int_equal(load(fixture, STATE_VOLATILE), TPM_RETRY);
    assert_null(fixture->plain.data);
}

static void a_permanent_state_missing_among_others_is_lost(void **state)
{
    struct fixture *fixture = *state;
    static const char *const others[] = {"tpm2-00.volatilestate", "tpm2-00.savestate", BACKUP};

    for (size_t i = 0; i < 3; i++) {
        fake_storage_poke(fixture->storage, others[i], "x", 1);
        assert_int_equal(load(fixture, STATE_PERMANENT), TPM_FAIL);
        assert_error_names(fixture, PERMANENT);
        assert_error_names(fixture, others[i]);
        assert_error_names(fixture, "fake://here");
        assert_int_equal(storage_delete(fixture->storage, others[i], false, &fixture->error), 0);
    }
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_RETRY);
}

static void the_state_of_the_other_tpm_version_is_not_expected_here(void **state)
{
    struct fixture *fixture = *state;

    fake_storage_poke(fixture->storage, "tpm-00.volatilestate", "x", 1);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_RETRY);
}

static void every_shorter_part_of_a_state_is_refused(void **state)
{
    struct fixture *fixture = *state;
    uint8_t whole[64];
    bool there;

    assert_int_equal(save(fixture, STATE_PERMANENT, "permanent"), TPM_SUCCESS);
    struct swtpm_bytes stored = fake_storage_peek(fixture->storage, PERMANENT, &there);
    size_t size = stored.size;
    memcpy(whole, stored.data, size);
    for (size_t length = 0; length < size; length++) {
        fake_storage_poke(fixture->storage, PERMANENT, whole, length);
        assert_int_equal(load(fixture, STATE_PERMANENT), TPM_FAIL);
        assert_error_names(fixture, PERMANENT);
    }
    assert_null(fixture->plain.data);
}

static void an_unchanged_state_is_not_stored_again(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(save(fixture, STATE_PERMANENT, "same"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "same"), TPM_SUCCESS);
    assert_int_equal(fake_storage_changes(fixture->storage), 1);
    open_store(fixture, false);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "same"), TPM_SUCCESS);
    assert_int_equal(fake_storage_changes(fixture->storage), 1);
    assert_int_equal(save(fixture, STATE_PERMANENT, "other"), TPM_SUCCESS);
    assert_int_equal(fake_storage_changes(fixture->storage), 2);
    assert_int_equal(fake_storage_durable_changes(fixture->storage), 2);
}

static void a_deleted_state_is_stored_again(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(save(fixture, STATE_VOLATILE, "same"), TPM_SUCCESS);
    assert_int_equal(state_store_delete(fixture->store, STATE_VOLATILE, &fixture->error),
                     TPM_SUCCESS);
    assert_false(exists(fixture, "tpm2-00.volatilestate"));
    assert_int_equal(state_store_delete(fixture->store, STATE_VOLATILE, &fixture->error),
                     TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_VOLATILE, "same"), TPM_SUCCESS);
    assert_true(exists(fixture, "tpm2-00.volatilestate"));
}

static void a_volatile_state_is_stored_again_after_the_lock_was_away(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    assert_int_equal(save(fixture, STATE_VOLATILE, "same"), TPM_SUCCESS);
    state_store_unlock(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    fake_storage_poke(fixture->storage, "tpm2-00.volatilestate", "not ours", 8);
    assert_int_equal(save(fixture, STATE_VOLATILE, "same"), TPM_SUCCESS);
    state_store_forget(fixture->store);
    assert_int_equal(load(fixture, STATE_VOLATILE), TPM_SUCCESS);
    assert_plain(fixture, "same");
}

static void a_state_is_read_once_while_the_lock_is_held(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(save(fixture, STATE_PERMANENT, "stored"), TPM_SUCCESS);
    state_store_forget(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    fake_storage_poke(fixture->storage, PERMANENT, "damaged", 7);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "stored");
    state_store_forget(fixture->store);
    assert_int_not_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
}

static void the_lock_is_refused_once_another_process_went_on(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = *fixture;

    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    assert_int_equal(save(fixture, STATE_PERMANENT, "ours"), TPM_SUCCESS);
    state_store_unlock(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    state_store_unlock(fixture->store);

    assert_int_equal(state_store_new(
                         &(struct state_store_parameters){.version = TPM_VERSION_2_0,
                                                          .storage = fixture->storage,
                                                          .location = "another process"},
                         &other.store, &fixture->error),
                     0);
    assert_int_equal(save(&other, STATE_PERMANENT, "theirs"), TPM_SUCCESS);
    state_store_free(other.store);
    /* Looking at it does not make it ours. */
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), -1);
    assert_non_null(strstr(fixture->error.text, "changed by another process"));
    assert_false(state_store_is_locked(fixture->store));

    state_store_forget(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
}

static void the_lock_is_refused_once_another_process_made_a_state(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_RETRY);
    fake_storage_poke(fixture->storage, PERMANENT, "theirs", 6);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), -1);
    assert_non_null(strstr(fixture->error.text, "changed by another process"));

    state_store_forget(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
}

static void the_lock_is_given_where_there_still_is_no_state(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_RETRY);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    assert_int_equal(save(fixture, STATE_PERMANENT, "ours"), TPM_SUCCESS);
    state_store_unlock(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
}

/* The state is damaged, and a TPM was loaded from "first", its backup; the lock is not held. */
static void load_from_backup(struct fixture *fixture)
{
    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    fake_storage_poke(fixture->storage, PERMANENT, "bad", 3);
    state_store_forget(fixture->store);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "first");
}

static void the_lock_is_given_while_the_backup_is_still_all_that_is_there(void **state)
{
    struct fixture *fixture = *state;

    load_from_backup(fixture);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    state_store_unlock(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    /* What is damaged gives way, changed or not. */
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    open_store(fixture, false);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "first");
}

static void the_lock_is_refused_once_another_process_went_on_from_the_backup(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other;

    load_from_backup(fixture);
    other = *fixture;
    other.store = NULL;
    open_store(&other, true);
    assert_int_equal(save(&other, STATE_PERMANENT, "theirs"), TPM_SUCCESS);
    state_store_free(other.store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), -1);
    assert_error_names(fixture, "was changed by another process");
    state_store_forget(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "theirs");
}

static void the_lock_is_refused_once_what_another_process_made_was_lost(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_RETRY);
    fake_storage_poke(fixture->storage, "tpm2-00.volatilestate", "theirs", 6);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), -1);
    assert_error_names(fixture, "changed by another process");
}

static void assert_lock_is_refused_until_forgotten(struct fixture *fixture)
{
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), -1);
    assert_error_names(fixture, "may have been changed by another process");
    assert_error_names(fixture, "INIT the TPM");
    assert_false(state_store_is_locked(fixture->store));
    fake_storage_break_get(fixture->storage, PERMANENT, 0);
    state_store_forget(fixture->store);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    state_store_unlock(fixture->store);
}

static void the_lock_is_refused_where_what_is_stored_is_not_known(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(save(fixture, STATE_PERMANENT, "ours"), TPM_SUCCESS);
    fake_storage_break_get(fixture->storage, PERMANENT, SWTPM_PLUGIN_IO);
    assert_lock_is_refused_until_forgotten(fixture);

    fake_storage_break(fixture->storage, 0, SWTPM_PLUGIN_NO_SPACE);
    assert_int_equal(save(fixture, STATE_PERMANENT, "new"), TPM_FAIL);
    fake_storage_break(fixture->storage, 0, 0);
    /* Nor does looking at it tell whose it is. */
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_lock_is_refused_until_forgotten(fixture);
}

static void the_lock_is_refused_where_there_was_no_memory_for_what_was_stored(void **state)
{
    struct fixture *fixture = *state;
    bool uncertain = false;

    for (unsigned n = 0; !uncertain; n++) {
        state_store_forget(fixture->store);
        failing_memory_start(n);
        TPM_RESULT result = save(fixture, STATE_PERMANENT, "ours");
        assert_true(failing_memory_end());
        uncertain = result == TPM_SUCCESS;
    }
    assert_lock_is_refused_until_forgotten(fixture);
}

static void a_failed_store_is_reported_and_tried_again(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(save(fixture, STATE_PERMANENT, "old"), TPM_SUCCESS);
    fake_storage_break(fixture->storage, 0, SWTPM_PLUGIN_NO_SPACE);
    assert_int_equal(save(fixture, STATE_PERMANENT, "new"), TPM_FAIL);
    assert_error_names(fixture, PERMANENT);
    fake_storage_break(fixture->storage, 0, 0);
    /* Either may be there now. */
    assert_int_equal(save(fixture, STATE_PERMANENT, "old"), TPM_SUCCESS);
    assert_int_equal(fake_storage_changes(fixture->storage), 2);
    fake_storage_break(fixture->storage, 0, SWTPM_PLUGIN_NO_SPACE);
    assert_int_equal(save(fixture, STATE_PERMANENT, "new"), TPM_FAIL);
    fake_storage_break(fixture->storage, 0, 0);
    assert_int_equal(save(fixture, STATE_PERMANENT, "new"), TPM_SUCCESS);
    assert_int_equal(fake_storage_changes(fixture->storage), 3);
}

static void no_memory_is_said_to_be_that(void **state)
{
    struct fixture *fixture = *state;

    fake_storage_break(fixture->storage, 0, SWTPM_PLUGIN_NO_MEMORY);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_RESOURCES);
    assert_int_equal(save(fixture, STATE_PERMANENT, "new"), TPM_RESOURCES);
    assert_int_equal(state_store_delete(fixture->store, STATE_SAVE, &fixture->error),
                     TPM_RESOURCES);
}

static void the_backup_holds_the_previous_bytes(void **state)
{
    struct fixture *fixture = *state;
    bool there;

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_false(exists(fixture, BACKUP));
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    struct swtpm_bytes backup = fake_storage_peek(fixture->storage, BACKUP, &there);
    assert_true(there);
    assert_memory_equal((const char *)backup.data + backup.size - 5, "first", 5);
    assert_int_equal(fake_storage_durable_changes(fixture->storage), 3);
    assert_int_equal(save(fixture, STATE_VOLATILE, "one"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_VOLATILE, "two"), TPM_SUCCESS);
    assert_false(exists(fixture, "tpm2-00.volatilestate.bak"));
}

static void without_the_option_there_is_no_backup(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    assert_false(exists(fixture, BACKUP));
}

static void a_damaged_state_is_taken_from_its_backup(void **state)
{
    struct fixture *fixture = *state;

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    fake_storage_poke(fixture->storage, PERMANENT, "", 0);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "first");
}

static void a_missing_state_is_taken_from_its_backup(void **state)
{
    struct fixture *fixture = *state;

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    assert_int_equal(storage_delete(fixture->storage, PERMANENT, false, &fixture->error), 0);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "first");
}

/* The next load may succeed, and what was stored since the backup would be lost. */
static void a_store_that_fails_for_the_moment_is_no_reason_for_the_backup(void **state)
{
    struct fixture *fixture = *state;
    static const int failures[] = {SWTPM_PLUGIN_DENIED, SWTPM_PLUGIN_IO, SWTPM_PLUGIN_NO_SPACE,
                                   SWTPM_PLUGIN_NO_MEMORY, SWTPM_PLUGIN_BUSY};

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    state_store_forget(fixture->store);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        fake_storage_break_get(fixture->storage, PERMANENT, failures[i]);
        assert_int_not_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
        assert_non_null(strstr(fixture->error.text, "'" BACKUP "' was not used"));
    }
}

static void use_key(struct fixture *fixture, struct state_key *key)
{
    state_key_free(fixture->key);
    fixture->key = key;
    open_store(fixture, true);
}

/* Each call to the plugin that a load makes fails in turn. */
static void assert_backup_is_not_used_where_crypto_fails(struct fixture *fixture, int code)
{
    unsigned failures = 0;

    for (;; failures++) {
        state_store_forget(fixture->store);
        linked_crypto_break(failures, code);
        TPM_RESULT result = load(fixture, STATE_PERMANENT);
        bool failed = linked_crypto_has_failed();
        linked_crypto_break(0, 0);
        if (!failed)
            break;
        assert_int_equal(result, TPM_IOERROR);
        assert_error_names(fixture, "linked: broken on purpose");
        assert_error_names(fixture, "'" BACKUP "' was not used");
    }
    assert_true(failures > 0);
    assert_plain(fixture, "second");
}

static void a_crypto_plugin_that_fails_is_no_reason_for_the_backup(void **state)
{
    struct fixture *fixture = *state;
    static const int failures[] = {SWTPM_PLUGIN_IO, SWTPM_PLUGIN_UNSUPPORTED,
                                   SWTPM_PLUGIN_INVALID};
    static const enum key_mode modes[] = {KEY_MODE_AES_128_CBC, KEY_MODE_AES_256_GCM};

    for (size_t mode = 0; mode < sizeof modes / sizeof *modes; mode++) {
        use_key(fixture, keys_passphrase(modes[mode], KEY_DERIVATION_PBKDF2_STRONG, "open"));
        assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
        assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
        for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
            assert_backup_is_not_used_where_crypto_fails(fixture, failures[i]);
        assert_int_equal(state_store_delete(fixture->store, STATE_PERMANENT, &fixture->error),
                         TPM_SUCCESS);
    }
}

/* It may be whole, under another key, and newer. */
static void a_state_that_does_not_verify_is_no_reason_for_the_backup(void **state)
{
    struct fixture *fixture = *state;
    static const enum key_mode modes[] = {KEY_MODE_AES_128_CBC, KEY_MODE_AES_256_GCM};
    uint8_t changed[256];
    bool there;

    for (size_t mode = 0; mode < sizeof modes / sizeof *modes; mode++) {
        use_key(fixture, keys_binary(modes[mode], 'k'));
        assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
        assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
        struct swtpm_bytes stored = fake_storage_peek(fixture->storage, PERMANENT, &there);
        assert_true(there && stored.size <= sizeof changed);
        memcpy(changed, stored.data, stored.size);
        changed[stored.size - 1] ^= 1;
        fake_storage_poke(fixture->storage, PERMANENT, changed, stored.size);
        state_store_forget(fixture->store);
        assert_int_equal(load(fixture, STATE_PERMANENT), TPM_DECRYPT_ERROR);
        assert_error_names(fixture, "the key of option --key is wrong, or the content was changed");
        assert_error_names(fixture, "'" BACKUP "' was not used");
        assert_int_equal(state_store_delete(fixture->store, STATE_PERMANENT, &fixture->error),
                         TPM_SUCCESS);
    }
}

static void a_lock_is_refused_where_crypto_fails_and_says_so(void **state)
{
    struct fixture *fixture = *state;

    use_key(fixture, keys_binary(KEY_MODE_AES_256_GCM, 'k'));
    assert_int_equal(save(fixture, STATE_PERMANENT, "ours"), TPM_SUCCESS);
    linked_crypto_break(0, SWTPM_PLUGIN_IO);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), -1);
    linked_crypto_break(0, 0);
    assert_error_names(fixture, "linked: broken on purpose");
    assert_error_names(fixture, "may have been changed");
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
}

static void a_newer_state_is_no_reason_for_the_backup(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t newer[] = {9, 9, 0, 10, 0, 0, 0, 0, 0, 10};

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    fake_storage_poke(fixture->storage, PERMANENT, newer, sizeof newer);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_BAD_VERSION);
}

static void a_bad_state_never_replaces_a_good_backup(void **state)
{
    struct fixture *fixture = *state;

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    fake_storage_poke(fixture->storage, PERMANENT, "bad", 3);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    fake_storage_poke(fixture->storage, PERMANENT, "bad", 3);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "first");
}

static void a_crash_between_backup_and_state_loses_neither(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned changes = 0; changes <= 2; changes++) {
        open_store(fixture, true);
        assert_int_equal(save(fixture, STATE_PERMANENT, "old"), TPM_SUCCESS);
        fake_storage_break(fixture->storage, changes, SWTPM_PLUGIN_IO);
        TPM_RESULT result = save(fixture, STATE_PERMANENT, "new");
        assert_int_equal(result, changes < 2 ? TPM_FAIL : TPM_SUCCESS);
        fake_storage_break(fixture->storage, 0, 0);
        assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
        assert_plain(fixture, result == TPM_SUCCESS ? "new" : "old");
    }
}

static void what_has_no_backup_is_not_replaced(void **state)
{
    struct fixture *fixture = *state;

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "old"), TPM_SUCCESS);
    fake_storage_break_put(fixture->storage, BACKUP, SWTPM_PLUGIN_IO);
    assert_int_equal(save(fixture, STATE_PERMANENT, "new"), TPM_FAIL);
    assert_error_names(fixture, BACKUP);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    assert_plain(fixture, "old");
}

/* A backup that is left alone would say that its state was lost. */
static void a_crash_while_the_permanent_state_is_deleted_leaves_no_backup_alone(void **state)
{
    struct fixture *fixture = *state;

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    fake_storage_break(fixture->storage, 1, SWTPM_PLUGIN_IO);
    assert_int_equal(state_store_delete(fixture->store, STATE_PERMANENT, &fixture->error),
                     TPM_FAIL);
    fake_storage_break(fixture->storage, 0, 0);
    assert_true(exists(fixture, PERMANENT));
    assert_false(exists(fixture, BACKUP));
}

static void deleting_the_permanent_state_deletes_its_backup(void **state)
{
    struct fixture *fixture = *state;

    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "first"), TPM_SUCCESS);
    assert_int_equal(save(fixture, STATE_PERMANENT, "second"), TPM_SUCCESS);
    assert_int_equal(state_store_delete(fixture->store, STATE_PERMANENT, &fixture->error),
                     TPM_SUCCESS);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_RETRY);
}

static void existence_is_told_with_the_stored_size(void **state)
{
    struct fixture *fixture = *state;
    bool there = true;
    uint64_t size = 0;

    assert_int_equal(state_store_exists(fixture->store, STATE_SAVE, &there, &size,
                                        &fixture->error), TPM_SUCCESS);
    assert_false(there);
    assert_int_equal(save(fixture, STATE_SAVE, "1234"), TPM_SUCCESS);
    assert_int_equal(state_store_exists(fixture->store, STATE_SAVE, &there, &size,
                                        &fixture->error), TPM_SUCCESS);
    assert_true(there);
    assert_int_equal(size, 20);
}

static void a_busy_lock_is_tried_again_as_often_as_asked(void **state)
{
    struct fixture *fixture = *state;

    fake_storage_be_busy(fixture->storage, 3);
    assert_int_equal(state_store_lock(fixture->store, 2, &fixture->error), -1);
    assert_false(state_store_is_locked(fixture->store));
    assert_error_names(fixture, "fake://here");
    fake_storage_be_busy(fixture->storage, 3);
    assert_int_equal(state_store_lock(fixture->store, 3, &fixture->error), 0);
    assert_true(state_store_is_locked(fixture->store));
    fake_storage_be_busy(fixture->storage, 1);
    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    state_store_unlock(fixture->store);
    assert_false(state_store_is_locked(fixture->store));
}

static void a_lock_that_fails_otherwise_is_not_tried_again(void **state)
{
    struct fixture *fixture = *state;

    fake_storage_break(fixture->storage, 0, SWTPM_PLUGIN_FENCED);
    assert_int_equal(state_store_lock(fixture->store, UINT32_MAX, &fixture->error), -1);
}

static void a_store_that_cannot_be_listed_or_unlocked_is_told(void **state)
{
    struct fixture *fixture = *state;
    bool there;

    assert_int_equal(state_store_lock(fixture->store, 0, &fixture->error), 0);
    fake_storage_break(fixture->storage, 0, SWTPM_PLUGIN_IO);
    assert_int_equal(state_store_exists(fixture->store, STATE_SAVE, &there, NULL,
                                        &fixture->error), TPM_FAIL);
    assert_error_names(fixture, "fake://here");
    state_store_unlock(fixture->store);
    assert_false(state_store_is_locked(fixture->store));
}

static void a_backup_that_is_bad_too_does_not_hide_the_reason(void **state)
{
    struct fixture *fixture = *state;

    open_store(fixture, true);
    fake_storage_poke(fixture->storage, PERMANENT, "bad", 3);
    fake_storage_poke(fixture->storage, BACKUP, "also bad", 8);
    assert_int_equal(load(fixture, STATE_PERMANENT), TPM_FAIL);
    assert_error_names(fixture, "'" PERMANENT "'");
}

static void each_failed_allocation_is_told_and_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct state_store_parameters parameters = {.storage = fixture->storage,
                                                      .location = "fake://here"};

    bool failed = true;
    for (unsigned n = 0; failed; n++) {
        failing_memory_start(n);
        struct state_store *store = NULL;
        int result = state_store_new(&parameters, &store, &fixture->error);
        failed = failing_memory_end();
        assert_int_equal(result, failed ? -1 : 0);
        state_store_free(store);
    }
    open_store(fixture, true);
    assert_int_equal(save(fixture, STATE_PERMANENT, "old"), TPM_SUCCESS);
    failed = true;
    for (unsigned n = 0; failed; n++) {
        failing_memory_start(n);
        TPM_RESULT result = save(fixture, STATE_PERMANENT, n % 2 == 0 ? "new" : "newer");
        failed = failing_memory_end();
        /* What is only remembered may fail without harm. */
        if (!failed)
            assert_int_equal(result, TPM_SUCCESS);
        else if (result != TPM_SUCCESS)
            assert_int_equal(result, TPM_RESOURCES);
        assert_int_equal(load(fixture, STATE_PERMANENT), TPM_SUCCESS);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_saved_is_loaded),
        TEST(a_plain_state_has_the_bytes_of_the_original),
        TEST(a_new_store_says_retry_and_nothing_else),
        TEST(a_permanent_state_missing_among_others_is_lost),
        TEST(the_state_of_the_other_tpm_version_is_not_expected_here),
        TEST(every_shorter_part_of_a_state_is_refused),
        TEST(an_unchanged_state_is_not_stored_again),
        TEST(a_deleted_state_is_stored_again),
        TEST(a_volatile_state_is_stored_again_after_the_lock_was_away),
        TEST(a_state_is_read_once_while_the_lock_is_held),
        TEST(the_lock_is_refused_once_another_process_went_on),
        TEST(the_lock_is_refused_once_another_process_made_a_state),
        TEST(the_lock_is_given_where_there_still_is_no_state),
        TEST(the_lock_is_given_while_the_backup_is_still_all_that_is_there),
        TEST(the_lock_is_refused_once_another_process_went_on_from_the_backup),
        TEST(the_lock_is_refused_once_what_another_process_made_was_lost),
        TEST(the_lock_is_refused_where_what_is_stored_is_not_known),
        TEST(the_lock_is_refused_where_there_was_no_memory_for_what_was_stored),
        TEST(a_failed_store_is_reported_and_tried_again),
        TEST(no_memory_is_said_to_be_that),
        TEST(the_backup_holds_the_previous_bytes),
        TEST(without_the_option_there_is_no_backup),
        TEST(a_damaged_state_is_taken_from_its_backup),
        TEST(a_missing_state_is_taken_from_its_backup),
        TEST(a_store_that_fails_for_the_moment_is_no_reason_for_the_backup),
        TEST(a_crypto_plugin_that_fails_is_no_reason_for_the_backup),
        TEST(a_state_that_does_not_verify_is_no_reason_for_the_backup),
        TEST(a_lock_is_refused_where_crypto_fails_and_says_so),
        TEST(a_newer_state_is_no_reason_for_the_backup),
        TEST(a_bad_state_never_replaces_a_good_backup),
        TEST(a_crash_between_backup_and_state_loses_neither),
        TEST(what_has_no_backup_is_not_replaced),
        TEST(a_crash_while_the_permanent_state_is_deleted_leaves_no_backup_alone),
        TEST(deleting_the_permanent_state_deletes_its_backup),
        TEST(existence_is_told_with_the_stored_size),
        TEST(a_busy_lock_is_tried_again_as_often_as_asked),
        TEST(a_lock_that_fails_otherwise_is_not_tried_again),
        TEST(a_store_that_cannot_be_listed_or_unlocked_is_told),
        TEST(a_backup_that_is_bad_too_does_not_hide_the_reason),
        TEST(each_failed_allocation_is_told_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
