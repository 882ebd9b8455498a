/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/transport/ptm_layout.h"

#define CALL(call_name, request_fields, response_fields)                                           \
    [PTM_NUMBER_##call_name] = {.name = "PTM_" #call_name,                                         \
                                .ioctl = PTM_##call_name,                                          \
                                .request = (request_fields),                                       \
                                .response = (response_fields)}

static const struct ptm_layout layouts[] = {
    CALL(GET_CAPABILITY, "", "8"),
    CALL(INIT, "4", "4"),
    CALL(SHUTDOWN, "", "4"),
    CALL(GET_TPMESTABLISHED, "", "41111"),
    CALL(SET_LOCALITY, "1", "4"),
    CALL(HASH_START, "", "4"),
    CALL(HASH_DATA, "4*", "4"),
    CALL(HASH_END, "", "4"),
    CALL(CANCEL_TPM_CMD, "", "4"),
    CALL(STORE_VOLATILE, "", "4"),
    CALL(RESET_TPMESTABLISHED, "1", "4"),
    CALL(GET_STATEBLOB, "444", "4444"),
    CALL(SET_STATEBLOB, "444", "4"),
    CALL(STOP, "", "4"),
    CALL(GET_CONFIG, "", "44"),
    CALL(SET_DATAFD, "", "4"),
    CALL(SET_BUFFERSIZE, "4", "4444"),
    CALL(GET_INFO, "844", "444*"),
    CALL(LOCK_STORAGE, "4", "4"),
};

const struct ptm_layout *ptm_layout_of(enum ptm_number number)
{
    return &layouts[number];
}

size_t ptm_layout_align(size_t offset, size_t width)
{
    return (offset + width - 1) / width * width;
}
