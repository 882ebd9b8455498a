/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_USE_H
#define TOOLS_SWTPM_PLUGIN_CHECK_USE_H

#include "tools/swtpm_plugin_check/store.h"

/* Every op but open and close on an empty store, failures included; it is empty again then. */
void use_store(struct store *store);

#endif
