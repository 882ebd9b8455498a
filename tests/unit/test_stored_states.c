/* SPDX-License-Identifier: BSD-3-Clause */
/* The lock comes before each write.  The test stands in the place of the state store and its lock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>

#include <cmocka.h>

#include "tpm/stored_states.h"

static struct {
    bool locked;
    bool lock_refused;
    unsigned written; /* without the lock held it must stay 0 */
    TPM_RESULT result;
} store;

static struct stored_states states;

int storage_lock_take(struct storage_lock *lock, unsigned retries, struct error *error)
{
    assert_ptr_equal(lock, &states.lock);
    assert_int_equal(retries, 0);
    error_set(error, "somebody else has the lock");
    store.locked = !store.lock_refused;
    return store.lock_refused ? -1 : 0;
}

static TPM_RESULT answer(struct error *error)
{
    error_set(error, "as the test wants");
    return store.result;
}

static TPM_RESULT write_something(struct error *error)
{
    assert_true(store.locked);
    store.written++;
    return answer(error);
}

TPM_RESULT state_store_load(struct state_store *of, enum state_type type, struct buffer *plain,
                            struct error *error)
{
    (void)of;
    (void)type;
    (void)plain;
    return answer(error);
}

TPM_RESULT state_store_exists(struct state_store *of, enum state_type type, bool *exists,
                              uint64_t *size, struct error *error)
{
    (void)of;
    (void)type;
    (void)size;
    *exists = true;
    return answer(error);
}

TPM_RESULT state_store_save(struct state_store *of, enum state_type type, struct swtpm_bytes plain,
                            struct error *error)
{
    (void)of;
    (void)type;
    (void)plain;
    return write_something(error);
}

TPM_RESULT state_store_delete(struct state_store *of, enum state_type type, struct error *error)
{
    (void)of;
    (void)type;
    return write_something(error);
}

static int start(void **state)
{
    (void)state;
    memset(&store, 0, sizeof store);
    return 0;
}

static TPM_RESULT save(void)
{
    return stored_states_save(&states, STATE_VOLATILE, (struct swtpm_bytes){"x", 1});
}

static void the_lock_is_taken_before_a_write_and_not_before_a_read(void **state)
{
    (void)state;
    struct buffer plain = {0};
    bool exists = false;

    assert_int_equal(stored_states_load(&states, STATE_PERMANENT, &plain), TPM_SUCCESS);
    assert_int_equal(stored_states_exists(&states, STATE_PERMANENT, &exists), TPM_SUCCESS);
    assert_true(exists);
    assert_false(store.locked);
    assert_int_equal(save(), TPM_SUCCESS);
    store.locked = false;
    assert_int_equal(stored_states_delete(&states, STATE_SAVE), TPM_SUCCESS);
    assert_int_equal(store.written, 2);
}

static void without_the_lock_nothing_is_written(void **state)
{
    (void)state;

    store.lock_refused = true;
    assert_int_equal(save(), TPM_FAIL);
    assert_int_equal(stored_states_delete(&states, STATE_SAVE), TPM_FAIL);
    assert_int_equal(store.written, 0);
}

static void the_result_of_the_store_is_passed_on(void **state)
{
    (void)state;
    const TPM_RESULT results[] = {TPM_RETRY, TPM_DECRYPT_ERROR, TPM_FAIL};
    struct buffer plain = {0};
    bool exists;

    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        store.result = results[i];
        assert_int_equal(stored_states_load(&states, STATE_PERMANENT, &plain), results[i]);
        assert_int_equal(stored_states_exists(&states, STATE_PERMANENT, &exists), results[i]);
        assert_int_equal(save(), results[i]);
        assert_int_equal(stored_states_delete(&states, STATE_SAVE), results[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_lock_is_taken_before_a_write_and_not_before_a_read, start),
        cmocka_unit_test_setup(without_the_lock_nothing_is_written, start),
        cmocka_unit_test_setup(the_result_of_the_store_is_passed_on, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
