/* SPDX-License-Identifier: BSD-3-Clause */
/* That the memory of libtpms which core/tpm gives back is wiped before: responses, and the volatile
 * state.  The TPM is libtpms', its store lies in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_types.h>

#include "fake_storage.h"
#include "tpm/tpm.h"
#include "util/log.h"
#include "wiped_memory.h"

static unsigned freed, freed_unwiped;

void __real_TPM_Free(unsigned char *memory);
void __wrap_TPM_Free(unsigned char *memory);
void __wrap_TPM_Free(unsigned char *memory)
{
    enum { HEADER_SIZE = 10 }; /* is in all that libtpms gives, and not of zeros */
    static const unsigned char zeros[HEADER_SIZE];

    if (memory != NULL) {
        freed++;
        freed_unwiped += memcmp(memory, zeros, sizeof zeros) != 0;
    }
    __real_TPM_Free(memory);
}

static struct storage *storage;
static struct state_store *store;

static int start_tpm(void **state)
{
    (void)state;
    const struct log_parameters no_log = {.path = "-", .fd = -1};
    struct error error;

    storage = fake_storage_new();
    const struct state_store_parameters of_store = {
        .version = TPM_VERSION_2_0, .storage = storage, .location = "memory"};
    if (log_open(&no_log, &error) != 0 || state_store_new(&of_store, &store, &error) != 0)
        return -1;
    const struct tpm_parameters of_tpm = {.version = TPM_VERSION_2_0, .store = store};
    if (tpm_configure(&of_tpm, &error) != 0 || tpm_start(false) != TPM_SUCCESS)
        return -1;
    return tpm_send_startup(0, &error);
}

static int end_tpm(void **state)
{
    (void)state;
    tpm_stop();
    tpm_release();
    state_store_free(store);
    fake_storage_free(storage);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    freed = freed_unwiped = 0;
    wiped_memory_forget();
    return 0;
}

/* TPM2_GetRandom of 32 bytes, which come back from behind the header and a size. */
static void get_random(uint8_t bytes[32])
{
    static const uint8_t command[] = {0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 32};

    struct swtpm_bytes response =
        tpm_process((struct swtpm_bytes){.data = command, .size = sizeof command});
    assert_int_equal(response.size, 44);
    memcpy(bytes, (const uint8_t *)response.data + 12, 32);
}

static void a_response_is_wiped_when_that_is_asked_for(void **state)
{
    (void)state;
    uint8_t bytes[32];

    get_random(bytes);
    assert_int_equal(wiped_memory_count(bytes, sizeof bytes), 0);
    tpm_wipe_response();
    assert_int_equal(wiped_memory_count(bytes, sizeof bytes), 1);
    tpm_wipe_response();
    assert_int_equal(wiped_memory_count(bytes, sizeof bytes), 1);
}

static void a_volatile_state_is_wiped_before_libtpms_gets_its_memory_back(void **state)
{
    (void)state;
    assert_int_equal(tpm_store_volatile(), TPM_SUCCESS);
    assert_int_equal(freed, 1);
    assert_int_equal(freed_unwiped, 0);
}

/* The last one, since there is no TPM behind it. */
static void the_memory_of_responses_is_wiped_before_libtpms_gets_it_back(void **state)
{
    (void)state;
    uint8_t bytes[32];

    get_random(bytes);
    assert_int_equal(tpm_stop(), TPM_SUCCESS);
    tpm_release();
    assert_int_equal(freed, 1);
    assert_int_equal(freed_unwiped, 0);
}

#define TEST(function) cmocka_unit_test_setup(function, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_response_is_wiped_when_that_is_asked_for),
        TEST(a_volatile_state_is_wiped_before_libtpms_gets_its_memory_back),
        TEST(the_memory_of_responses_is_wiped_before_libtpms_gets_it_back),
    };
    return cmocka_run_group_tests(tests, start_tpm, end_tpm);
}
