/* SPDX-License-Identifier: BSD-3-Clause */
/* What libtpms gets to hear.  The test stands in libtpms' place, and in that of the stored states.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

#include <cmocka.h>

#include "tpm/callbacks.h"
#include "util/log.h"

TPM_RESULT __wrap_TPMLIB_RegisterCallbacks(struct libtpms_callbacks *callbacks);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static struct libtpms_callbacks *libtpms;
static struct stored_states states;
static _Atomic uint8_t locality;

/* The one state that is stored, as long as `exists`; what the next call answers. */
static struct {
    bool exists;
    TPM_RESULT result;
    bool without_memory;
    enum state_type saved_type; /* what has to come */
    unsigned saved;
    unsigned deleted;
} store;

TPM_RESULT __wrap_TPMLIB_RegisterCallbacks(struct libtpms_callbacks *callbacks)
{
    libtpms = callbacks;
    return TPM_SUCCESS;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return store.without_memory ? NULL : __real_calloc(count, size);
}

TPM_RESULT stored_states_load(struct stored_states *of, enum state_type type, struct buffer *plain)
{
    assert_ptr_equal(of, &states);
    assert_int_equal(type, STATE_PERMANENT);
    if (store.result == TPM_SUCCESS)
        assert_int_equal(buffer_append(plain, "state", 5), 0);
    return store.result;
}

TPM_RESULT stored_states_save(struct stored_states *of, enum state_type type,
                              struct swtpm_bytes plain)
{
    assert_ptr_equal(of, &states);
    assert_int_equal(type, store.saved_type);
    assert_memory_equal(plain.data, "state", plain.size);
    store.saved++;
    return store.result;
}

TPM_RESULT stored_states_exists(struct stored_states *of, enum state_type type, bool *exists)
{
    assert_ptr_equal(of, &states);
    assert_int_equal(type, STATE_PERMANENT);
    *exists = store.exists;
    return store.result;
}

TPM_RESULT stored_states_delete(struct stored_states *of, enum state_type type)
{
    assert_ptr_equal(of, &states);
    assert_int_equal(type, STATE_PERMANENT);
    store.deleted++;
    return store.result;
}

static int start(void **state)
{
    (void)state;
    memset(&store, 0, sizeof store);
    store.saved_type = STATE_PERMANENT;
    locality = 0;
    callbacks_forget_results();
    return callbacks_register(&states, &locality) == TPM_SUCCESS ? 0 : -1;
}

static void a_state_is_handed_over_with_zeros_behind_it(void **state)
{
    (void)state;
    unsigned char *data = NULL;
    uint32_t length = 0;

    assert_int_equal(libtpms->tpm_nvram_loaddata(&data, &length, 0, "permall"), TPM_SUCCESS);
    assert_int_equal(length, 5);
    assert_memory_equal(data, "state", 5);
    assert_true(malloc_usable_size(data) > length + UINT16_MAX);
    for (size_t i = length; i < length + UINT16_MAX; i++)
        assert_int_equal(data[i], 0);
    free(data);
}

static void a_state_that_is_not_there_is_no_failure(void **state)
{
    (void)state;
    unsigned char *data = NULL;
    uint32_t length = 0;

    store.result = TPM_RETRY;
    assert_int_equal(libtpms->tpm_nvram_loaddata(&data, &length, 0, "permall"), TPM_RETRY);
    assert_int_equal(callbacks_results().load_result, TPM_SUCCESS);
}

static void the_first_failed_load_is_remembered(void **state)
{
    (void)state;
    unsigned char *data = NULL;
    uint32_t length = 0;

    store.result = TPM_DECRYPT_ERROR;
    assert_int_equal(libtpms->tpm_nvram_loaddata(&data, &length, 0, "permall"), TPM_DECRYPT_ERROR);
    store.result = TPM_FAIL;
    assert_int_equal(libtpms->tpm_nvram_loaddata(&data, &length, 0, "permall"), TPM_FAIL);
    assert_int_equal(callbacks_results().load_result, TPM_DECRYPT_ERROR);
    callbacks_forget_results();
    assert_int_equal(callbacks_results().load_result, TPM_SUCCESS);
}

static void without_memory_nothing_is_handed_over(void **state)
{
    (void)state;
    unsigned char *data = NULL;
    uint32_t length = 0;

    store.without_memory = true;
    assert_int_equal(libtpms->tpm_nvram_loaddata(&data, &length, 0, "permall"), TPM_RESOURCES);
    assert_int_equal(callbacks_results().load_result, TPM_RESOURCES);
    assert_null(data);
    assert_int_equal(length, 0);
}

static void a_failed_store_is_reported_and_remembered(void **state)
{
    (void)state;
    const unsigned char data[] = "state";

    assert_int_equal(libtpms->tpm_nvram_storedata(data, 5, 0, "permall"), TPM_SUCCESS);
    assert_false(callbacks_results().store_failed);
    store.result = TPM_FAIL;
    assert_int_equal(libtpms->tpm_nvram_storedata(data, 5, 0, "permall"), TPM_FAIL);
    store.result = TPM_SUCCESS;
    assert_int_equal(libtpms->tpm_nvram_storedata(data, 5, 0, "permall"), TPM_SUCCESS);
    assert_true(callbacks_results().store_failed);
}

static void a_permanent_state_that_was_stored_is_remembered(void **state)
{
    (void)state;
    const unsigned char data[] = "state";

    store.result = TPM_FAIL;
    assert_int_equal(libtpms->tpm_nvram_storedata(data, 5, 0, "permall"), TPM_FAIL);
    store.result = TPM_SUCCESS;
    store.saved_type = STATE_VOLATILE;
    assert_int_equal(libtpms->tpm_nvram_storedata(data, 5, 0, "volatilestate"), TPM_SUCCESS);
    assert_false(callbacks_results().permanent_stored);
    store.saved_type = STATE_PERMANENT;
    assert_int_equal(libtpms->tpm_nvram_storedata(data, 5, 0, "permall"), TPM_SUCCESS);
    assert_true(callbacks_results().permanent_stored);
    callbacks_forget_results();
    assert_false(callbacks_results().permanent_stored);
}

static void what_must_exist_is_looked_for_before_it_is_deleted(void **state)
{
    (void)state;
    const TPM_BOOL must_exist = 1;

    assert_int_equal(libtpms->tpm_nvram_deletename(0, "permall", must_exist), TPM_FAIL);
    assert_int_equal(store.deleted, 0);
    assert_int_equal(libtpms->tpm_nvram_deletename(0, "permall", !must_exist), TPM_SUCCESS);
    assert_int_equal(store.deleted, 1);
    store.exists = true;
    assert_int_equal(libtpms->tpm_nvram_deletename(0, "permall", must_exist), TPM_SUCCESS);
    assert_int_equal(store.deleted, 2);
    store.result = TPM_FAIL;
    assert_int_equal(libtpms->tpm_nvram_deletename(0, "permall", must_exist), TPM_FAIL);
    assert_int_equal(store.deleted, 2);
}

static void an_unknown_state_is_neither_loaded_nor_stored_nor_deleted(void **state)
{
    (void)state;
    const unsigned char bytes[] = "state";
    unsigned char *data = NULL;
    uint32_t length = 0;

    assert_int_equal(libtpms->tpm_nvram_loaddata(&data, &length, 0, "newstate"), TPM_FAIL);
    assert_int_equal(libtpms->tpm_nvram_storedata(bytes, 5, 0, "newstate"), TPM_FAIL);
    assert_int_equal(libtpms->tpm_nvram_deletename(0, "newstate", 0), TPM_FAIL);
    assert_null(data);
    assert_int_equal(store.saved + store.deleted, 0);
}

static void each_command_has_the_locality_of_its_time_and_no_physical_presence(void **state)
{
    (void)state;
    TPM_MODIFIER_INDICATOR modifier = 9;
    TPM_BOOL presence = 1;

    for (uint8_t set = 0; set <= 4; set++) {
        locality = set;
        assert_int_equal(libtpms->tpm_io_getlocality(&modifier, 0), TPM_SUCCESS);
        assert_int_equal(modifier, set);
    }
    assert_int_equal(libtpms->tpm_io_getphysicalpresence(&presence, 0), TPM_SUCCESS);
    assert_int_equal(presence, 0);
    assert_int_equal(libtpms->tpm_nvram_init(), TPM_SUCCESS);
    assert_int_equal(libtpms->tpm_io_init(), TPM_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_state_is_handed_over_with_zeros_behind_it, start),
        cmocka_unit_test_setup(a_state_that_is_not_there_is_no_failure, start),
        cmocka_unit_test_setup(the_first_failed_load_is_remembered, start),
        cmocka_unit_test_setup(without_memory_nothing_is_handed_over, start),
        cmocka_unit_test_setup(a_failed_store_is_reported_and_remembered, start),
        cmocka_unit_test_setup(a_permanent_state_that_was_stored_is_remembered, start),
        cmocka_unit_test_setup(what_must_exist_is_looked_for_before_it_is_deleted, start),
        cmocka_unit_test_setup(an_unknown_state_is_neither_loaded_nor_stored_nor_deleted, start),
        cmocka_unit_test_setup(each_command_has_the_locality_of_its_time_and_no_physical_presence,
                               start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
