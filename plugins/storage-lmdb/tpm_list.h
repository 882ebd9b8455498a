/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_TPM_LIST_H
#define STORAGE_LMDB_TPM_LIST_H

#include "swtpm_plugin.h"

/* swtpm_storage_ops.list_stores: the TPMs of an environment. */
int tpm_list(const char *location, swtpm_store_visitor visit, void *context,
             struct swtpm_plugin_error *error);

#endif
