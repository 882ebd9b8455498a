/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/ioctl.h>

#include "tools/transport/ptm_layout.h"

/* Where the last field ends that is not data. */
static size_t end_of(const char *fields)
{
    size_t offset = 0;

    for (; *fields != '\0' && *fields != '*'; fields++) {
        size_t width = (size_t)(*fields - '0');
        offset = ptm_layout_align(offset, width) + width;
    }
    return offset;
}

static void fields_end_where_those_of_the_structures_end(void **state)
{
    static const struct {
        enum ptm_number number;
        size_t request, response;
    } rows[] = {
        {PTM_NUMBER_GET_CAPABILITY, 0, sizeof(struct ptm_capability)},
        {PTM_NUMBER_INIT, sizeof(uint32_t), sizeof(struct ptm_result)},
        {PTM_NUMBER_GET_TPMESTABLISHED, 0, sizeof(struct ptm_established)},
        {PTM_NUMBER_SET_LOCALITY, sizeof(uint8_t), sizeof(struct ptm_result)},
        {PTM_NUMBER_HASH_DATA, offsetof(union ptm_hash_data, request.data),
         sizeof(struct ptm_result)},
        {PTM_NUMBER_RESET_TPMESTABLISHED, sizeof(uint8_t), sizeof(struct ptm_result)},
        {PTM_NUMBER_GET_STATEBLOB, 3 * sizeof(uint32_t),
         offsetof(union ptm_get_state, response.data)},
        {PTM_NUMBER_SET_STATEBLOB, offsetof(union ptm_set_state, request.data),
         sizeof(struct ptm_result)},
        {PTM_NUMBER_GET_CONFIG, 0, sizeof(struct ptm_config)},
        {PTM_NUMBER_SET_BUFFERSIZE, sizeof(uint32_t), sizeof(union ptm_buffer_size)},
        {PTM_NUMBER_GET_INFO, 2 * sizeof(uint64_t), offsetof(union ptm_info, response.buffer)},
        {PTM_NUMBER_LOCK_STORAGE, sizeof(uint32_t), sizeof(struct ptm_result)},
        {PTM_NUMBER_STOP, 0, sizeof(struct ptm_result)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ptm_layout *layout = ptm_layout_of(rows[i].number);
        assert_int_equal(end_of(layout->request), rows[i].request);
        assert_int_equal(end_of(layout->response), rows[i].response);
    }
}

static void every_call_has_a_name_and_its_own_number(void **state)
{
    (void)state;
    for (int number = PTM_NUMBER_GET_CAPABILITY; number <= PTM_NUMBER_LOCK_STORAGE; number++) {
        const struct ptm_layout *layout = ptm_layout_of((enum ptm_number)number);
        assert_non_null(layout->name);
        assert_int_equal(_IOC_NR(layout->ioctl), number);
        assert_int_equal(_IOC_TYPE(layout->ioctl), PTM_IOCTL_MAGIC);
        assert_in_range(end_of(layout->request), 0, _IOC_SIZE(layout->ioctl));
        assert_in_range(end_of(layout->response), 4, _IOC_SIZE(layout->ioctl));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_end_where_those_of_the_structures_end),
        cmocka_unit_test(every_call_has_a_name_and_its_own_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
