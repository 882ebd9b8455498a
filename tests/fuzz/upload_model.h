/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_UPLOAD_MODEL_H
#define TESTS_FUZZ_UPLOAD_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What SET_STATEBLOB has to make of each part (core/device/session.h, "BLOB TRANSFERS"):
 * a second look, with numbers of its own, beside which the code under test is held.
 */

enum { UPLOAD_MAX = 512 * 1024, UPLOAD_PART_MAX = 3072 }; /* bytes */

/* Zeroed: no upload is under way. */
struct upload_model {
    bool active;
    bool by_write;
    uint32_t type;
    uint32_t state_flags;
    size_t size; /* collected so far, in bytes */
};

enum upload_step {
    UPLOAD_REFUSED_RUNNING,
    UPLOAD_REFUSED_PARAMETER,
    UPLOAD_REFUSED_SIZE,
    UPLOAD_GOES_ON,
    UPLOAD_IS_WHOLE /* and is handed to the TPM, whatever that says */
};

/* By ioctl: whether the TPM runs, the fields of the request. */
enum upload_step upload_model_part(struct upload_model *model, bool running, uint32_t state_flags,
                                   uint32_t type, uint32_t length);

/* By write(2) of `size` bytes, while by_write. */
enum upload_step upload_model_write(struct upload_model *model, size_t size);

#endif
