/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/version.h"

const char project_version[] = PROJECT_VERSION;
