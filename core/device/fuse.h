/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICE_FUSE_H
#define DEVICE_FUSE_H

/* libfuse's headers with the API version that this folder is written for. */

#define FUSE_USE_VERSION 314

#include <fuse3/cuse_lowlevel.h>
#include <fuse3/fuse_log.h>
#include <fuse3/fuse_lowlevel.h>

#endif
