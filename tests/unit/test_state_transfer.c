/* SPDX-License-Identifier: BSD-3-Clause */
/* Blob transfers beside a TPM that is made up here; what a whole daemon does with them stands in
 * tests/daemon/test_blobs.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <string.h>

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>

#include <cmocka.h>

#include "device/state_transfer.h"
#include "state/state_blob.h"
#include "tpm/tpm.h"
#include "tpm/worker.h"

enum { BLOB_SIZE = PTM_STATE_BLOB_PART_MAX + 100 };

static struct {
    bool running;
    bool busy;
    unsigned blobs_made;
    unsigned blobs_fetched;
    size_t set_size; /* of the last blob that was set */
} tpm;

bool tpm_is_running(void)
{
    return tpm.running;
}

bool worker_is_busy(void)
{
    return tpm.busy;
}

/* Each blob is made of its own number, and says so of decryption. */
TPM_RESULT tpm_get_state_blob(enum state_type type, bool decrypted, struct buffer *blob,
                              bool *encrypted)
{
    uint8_t bytes[BLOB_SIZE];

    if (type == STATE_SAVE)
        return TPM_RETRY;
    memset(bytes, (int)++tpm.blobs_made, sizeof bytes);
    *encrypted = !decrypted;
    return buffer_append(blob, bytes, sizeof bytes) == 0 ? TPM_SUCCESS : TPM_SIZE;
}

void tpm_state_blob_fetched(enum state_type type)
{
    (void)type;
    tpm.blobs_fetched++;
}

TPM_RESULT tpm_set_state_blob(enum state_type type, bool encrypted, struct swtpm_bytes blob)
{
    (void)type;
    (void)encrypted;
    tpm.set_size = blob.size;
    return TPM_SUCCESS;
}

static struct state_download download;
static struct state_upload upload;

static int start(void **state)
{
    (void)state;
    memset(&tpm, 0, sizeof tpm);
    tpm.running = true;
    return 0;
}

static int drop(void **state)
{
    (void)state;
    state_download_drop(&download);
    state_upload_drop(&upload);
    return 0;
}

static union ptm_get_state get_part(uint32_t type, uint32_t flags, uint32_t offset)
{
    union ptm_get_state call;

    memset(&call, 0, sizeof call);
    call.request.state_flags = flags;
    call.request.type = type;
    call.request.offset = offset;
    state_download_part(&download, &call);
    return call;
}

static void a_part_that_was_not_taken_is_given_again(void **state)
{
    (void)state;

    assert_int_equal(get_part(PTM_BLOB_TYPE_PERMANENT, 0, 0).response.result, TPM_SUCCESS);
    state_download_taken(&download);
    struct swtpm_bytes interrupted = state_download_read(&download, BLOB_SIZE);
    struct swtpm_bytes again = state_download_read(&download, BLOB_SIZE);
    assert_int_equal(interrupted.size, 100);
    assert_int_equal(again.size, 100);
    assert_ptr_equal(again.data, interrupted.data);
}

static void the_last_part_ends_the_transfer_only_once_it_was_taken(void **state)
{
    (void)state;

    get_part(PTM_BLOB_TYPE_PERMANENT, 0, 0);
    state_download_taken(&download);
    union ptm_get_state last = get_part(PTM_BLOB_TYPE_PERMANENT, 0, PTM_STATE_BLOB_PART_MAX);
    assert_int_equal(last.response.length, 100);
    assert_int_equal(tpm.blobs_fetched, 0);
    /* The repeated call continues the same blob. */
    last = get_part(PTM_BLOB_TYPE_PERMANENT, 0, PTM_STATE_BLOB_PART_MAX);
    assert_int_equal(last.response.data[0], 1);
    state_download_taken(&download);
    assert_int_equal(tpm.blobs_fetched, 1);
    assert_false(download.active);
}

static void a_blob_fetched_beside_a_command_does_not_count(void **state)
{
    (void)state;

    tpm.busy = true;
    get_part(PTM_BLOB_TYPE_PERMANENT, 0, 0);
    get_part(PTM_BLOB_TYPE_PERMANENT, 0, PTM_STATE_BLOB_PART_MAX);
    state_download_taken(&download);
    assert_false(download.active);
    assert_int_equal(tpm.blobs_fetched, 0);
}

static void another_flag_or_type_starts_anew(void **state)
{
    (void)state;

    assert_int_equal(get_part(PTM_BLOB_TYPE_PERMANENT, 0, 0).response.state_flags,
                     PTM_STATE_FLAG_ENCRYPTED);
    union ptm_get_state part =
        get_part(PTM_BLOB_TYPE_PERMANENT, PTM_STATE_FLAG_DECRYPTED, PTM_STATE_BLOB_PART_MAX);
    assert_int_equal(part.response.state_flags, 0);
    assert_int_equal(part.response.data[0], 2);
    part = get_part(PTM_BLOB_TYPE_VOLATILE, PTM_STATE_FLAG_DECRYPTED, PTM_STATE_BLOB_PART_MAX);
    assert_int_equal(part.response.data[0], 3);
}

static void a_state_that_is_not_there_was_fetched(void **state)
{
    (void)state;

    assert_int_equal(get_part(PTM_BLOB_TYPE_SAVESTATE, 0, 0).response.result, TPM_RETRY);
    assert_int_equal(tpm.blobs_fetched, 1);
}

static void an_offset_past_the_end_and_an_unknown_type_are_refused(void **state)
{
    (void)state;

    assert_int_equal(get_part(4, 0, 0).response.result, TPM_BAD_PARAMETER);
    assert_int_equal(get_part(PTM_BLOB_TYPE_PERMANENT, 0, BLOB_SIZE + 1).response.result,
                     TPM_BAD_PARAMETER);
    tpm.running = false;
    assert_int_equal(get_part(PTM_BLOB_TYPE_PERMANENT, 0, 0).response.result, TPM_BAD_ORDINAL);
}

static uint32_t set_part(uint32_t length)
{
    union ptm_set_state call;

    memset(&call, 0, sizeof call);
    call.request.type = PTM_BLOB_TYPE_PERMANENT;
    call.request.length = length;
    return state_upload_part(&upload, &call);
}

static void parts_are_collected_up_to_the_greatest_blob(void **state)
{
    (void)state;

    tpm.running = false;
    for (size_t size = 0; size + PTM_STATE_BLOB_PART_MAX <= STATE_BLOB_MAX;
         size += PTM_STATE_BLOB_PART_MAX)
        assert_int_equal(set_part(PTM_STATE_BLOB_PART_MAX), TPM_SUCCESS);
    assert_int_equal(set_part(PTM_STATE_BLOB_PART_MAX), TPM_SIZE);
    assert_false(upload.active);
    assert_int_equal(set_part(PTM_STATE_BLOB_PART_MAX), TPM_SUCCESS);
    assert_int_equal(set_part(1), TPM_SUCCESS);
    assert_int_equal(tpm.set_size, PTM_STATE_BLOB_PART_MAX + 1);
}

static void a_part_longer_than_its_structure_is_refused_and_ends_the_upload(void **state)
{
    (void)state;

    tpm.running = false;
    assert_int_equal(set_part(PTM_STATE_BLOB_PART_MAX), TPM_SUCCESS);
    assert_int_equal(set_part(PTM_STATE_BLOB_PART_MAX + 1), TPM_BAD_PARAMETER);
    assert_false(upload.active);
    assert_int_equal(set_part(UINT32_MAX), TPM_BAD_PARAMETER);
}

static void a_written_blob_has_the_same_limit(void **state)
{
    (void)state;
    static const uint8_t bytes[STATE_BLOB_MAX];

    tpm.running = false;
    assert_int_equal(set_part(0), TPM_SUCCESS);
    assert_true(upload.by_write);
    assert_int_equal(state_upload_write(&upload, (struct swtpm_bytes){bytes, sizeof bytes}), 0);
    assert_int_equal(state_upload_write(&upload, (struct swtpm_bytes){bytes, 1}), EFBIG);
    assert_false(upload.active);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_part_that_was_not_taken_is_given_again, start, drop),
        cmocka_unit_test_setup_teardown(the_last_part_ends_the_transfer_only_once_it_was_taken,
                                        start, drop),
        cmocka_unit_test_setup_teardown(a_blob_fetched_beside_a_command_does_not_count, start,
                                        drop),
        cmocka_unit_test_setup_teardown(another_flag_or_type_starts_anew, start, drop),
        cmocka_unit_test_setup_teardown(a_state_that_is_not_there_was_fetched, start, drop),
        cmocka_unit_test_setup_teardown(an_offset_past_the_end_and_an_unknown_type_are_refused,
                                        start, drop),
        cmocka_unit_test_setup_teardown(parts_are_collected_up_to_the_greatest_blob, start, drop),
        cmocka_unit_test_setup_teardown(a_part_longer_than_its_structure_is_refused_and_ends_the_upload, start, drop),
        cmocka_unit_test_setup_teardown(a_written_blob_has_the_same_limit, start, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
