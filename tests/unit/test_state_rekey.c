/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libtpms/tpm_error.h>

#include "fake_storage.h"
#include "keys.h"
#include "linked_crypto.h"
#include "state/envelope.h"
#include "state/state_change.h"
#include "state/state_rekey.h"
#include "util/log.h"

static struct error error;

enum { KINDS = 4 };

static struct state_key *keys[KINDS];

static const struct {
    const char *name;
    enum state_type type;
    const char *text;
} values[] = {{"tpm-00.permall", STATE_PERMANENT, "the permanent state"},
              {"tpm-00.permall.bak", STATE_PERMANENT, "the one before"},
              {"tpm-00.volatilestate", STATE_VOLATILE, "the volatile state"},
              {"tpm-00.savestate", STATE_SAVE, "the saved state"}};

enum { VALUES = sizeof values / sizeof *values };

static void store_all(struct storage *storage, const struct state_key *key)
{
    for (size_t i = 0; i < VALUES; i++) {
        struct buffer envelope = {0};
        struct swtpm_bytes text = {values[i].text, strlen(values[i].text)};
        assert_int_equal(
            envelope_wrap(key, TPM_VERSION_1_2, values[i].type, text, &envelope, &error), 0);
        fake_storage_poke(storage, values[i].name, envelope.data, envelope.size);
        buffer_free(&envelope);
    }
}

static bool opens(const struct storage *storage, size_t i, const struct state_key *key)
{
    struct buffer plain = {0};
    bool exists;
    struct swtpm_bytes stored = fake_storage_peek(storage, values[i].name, &exists);

    TPM_RESULT result =
        envelope_unwrap(key, TPM_VERSION_1_2, values[i].type, stored, &plain, &error);
    bool good = result == TPM_SUCCESS && plain.size == strlen(values[i].text) &&
                memcmp(plain.data, values[i].text, plain.size) == 0;
    buffer_free(&plain);
    return exists && good;
}

static bool all_open(const struct storage *storage, const struct state_key *key)
{
    for (size_t i = 0; i < VALUES; i++)
        if (!opens(storage, i, key))
            return false;
    return true;
}

static int rekey(struct storage *storage, size_t from, size_t to, unsigned *count)
{
    const struct state_rekey_parameters parameters = {.version = TPM_VERSION_1_2,
                                                      .storage = storage,
                                                      .old_key = keys[from],
                                                      .new_key = keys[to],
                                                      .durable = true};
    return state_rekey(&parameters, count, &error);
}

static int set_up(void **state)
{
    const struct log_parameters no_log = {.path = "-", .fd = -1};

    *state = fake_storage_new();
    linked_crypto_break(0, 0);
    return log_open(&no_log, &error);
}

static int tear_down(void **state)
{
    fake_storage_free(*state);
    return 0;
}

static void all_values_go_from_any_kind_of_key_to_any_other(void **state)
{
    struct storage *storage = *state;

    for (size_t from = 0; from < KINDS; from++) {
        for (size_t to = 0; to < KINDS; to++) {
            unsigned count = 0;
            store_all(storage, keys[from]);
            if (rekey(storage, from, to, &count) != 0)
                fail_msg("%s", error.text);
            assert_int_equal(count, VALUES);
            assert_true(all_open(storage, keys[to]));
        }
    }
}

static void an_empty_store_has_nothing_to_change(void **state)
{
    struct storage *storage = *state;
    unsigned count = 1;

    assert_int_equal(rekey(storage, 0, 1, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(fake_storage_changes(storage), 0);
}

static void one_value_that_does_not_open_stops_it_all(void **state)
{
    struct storage *storage = *state;
    unsigned count;

    for (size_t i = 0; i < VALUES; i++) {
        store_all(storage, keys[1]);
        fake_storage_poke(storage, values[i].name, "damaged", 7);
        assert_int_equal(rekey(storage, 1, 2, &count), -1);
        assert_non_null(strstr(error.text, values[i].name));
        assert_non_null(strstr(error.text, "nothing was changed"));
        assert_int_equal(fake_storage_changes(storage), 0);
    }
}

static void a_wrong_old_key_changes_nothing(void **state)
{
    struct storage *storage = *state;
    unsigned count;

    store_all(storage, keys[1]);
    assert_int_equal(rekey(storage, 2, 3, &count), -1);
    assert_int_equal(rekey(storage, 0, 3, &count), -1);
    assert_int_equal(fake_storage_changes(storage), 0);
    assert_true(all_open(storage, keys[1]));
}

static void wherever_it_dies_all_values_have_the_same_key(void **state)
{
    struct storage *storage = *state;
    unsigned changes;
    bool finished;
    unsigned count;
    int result = -1;

    for (changes = 0; result != 0; changes++) {
        store_all(storage, keys[1]);
        fake_storage_break(storage, changes, SWTPM_PLUGIN_IO);
        result = rekey(storage, 1, 2, &count);
        fake_storage_break(storage, 0, 0);
        assert_int_equal(state_change_finish(storage, TPM_VERSION_1_2, true, &finished, &error),
                         0);
        bool old = all_open(storage, keys[1]);
        bool new = all_open(storage, keys[2]);
        if (old == new || (result == 0 && old))
            fail_msg("after %u changes: old key %d, new key %d", changes, old, new);
    }
    /* Staged, journal, put, unstaged, and the journal away. */
    assert_int_equal(changes - 1, VALUES + 1 + 2 * VALUES + 1);
}

static void each_failure_of_the_crypto_plugin_leaves_one_key(void **state)
{
    struct storage *storage = *state;
    unsigned count;
    bool failed = true;

    for (unsigned call = 0; failed; call++) {
        linked_crypto_break(0, 0);
        store_all(storage, keys[1]);
        linked_crypto_break(call, SWTPM_PLUGIN_IO);
        int result = rekey(storage, 1, 3, &count);
        failed = linked_crypto_has_failed();
        linked_crypto_break(0, 0);
        assert_int_equal(result, failed ? -1 : 0);
        assert_true(all_open(storage, keys[failed ? 1 : 3]));
    }
}

static int make_keys(void **state)
{
    (void)state;
    keys[0] = NULL;
    keys[1] = keys_binary(KEY_MODE_AES_128_CBC, 'a');
    keys[2] = keys_binary(KEY_MODE_AES_256_GCM, 'b');
    keys[3] =
        keys_passphrase(KEY_MODE_AES_256_GCM, KEY_DERIVATION_PBKDF2_STRONG, "passphrase");
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        state_key_free(keys[i]);
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_values_go_from_any_kind_of_key_to_any_other),
        TEST(an_empty_store_has_nothing_to_change),
        TEST(one_value_that_does_not_open_stops_it_all),
        TEST(a_wrong_old_key_changes_nothing),
        TEST(wherever_it_dies_all_values_have_the_same_key),
        TEST(each_failure_of_the_crypto_plugin_leaves_one_key),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
