/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_TRANSPORT_PTM_LAYOUT_H
#define TOOLS_TRANSPORT_PTM_LAYOUT_H

#include <stddef.h>

#include "swtpm_ptm.h"

/*
 * What each control call consists of, so that its structure of swtpm_ptm.h can be sent over a
 * socket too (swtpm-ptm(4), OVER A SOCKET).  There a field has the same width, but is big-endian,
 * and nothing stands between the fields.
 *
 * Fields are written as one character each: '1', '4' and '8' are an integer of that many bytes, at
 * its natural alignment in the structure; '*' are as many bytes as the field before says.
 */
struct ptm_layout {
    const char *name;    /* as in messages: "PTM_INIT" */
    unsigned long ioctl; /* the request of ioctl(2); its size is that of the structure */
    const char *request;
    const char *response; /* first comes the result, but for GET_CAPABILITY */
};

/* The layout of a call that a client can make; a state blob's bytes are not part of it.  Of static
 * storage. */
const struct ptm_layout *ptm_layout_of(enum ptm_number number);

/* Where a field of `width` bytes lies in a structure whose fields before it end at `offset`. */
size_t ptm_layout_align(size_t offset, size_t width);

#endif
