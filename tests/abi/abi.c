/* SPDX-License-Identifier: BSD-3-Clause */
#include "swtpm_plugin.h"

/*
 * A library whose ABI is the plugin interface: built once with the header of a released ABI number
 * and once with today's, for abidiff(1) to compare.
 */

/* All types that a plugin and its host exchange hang on this one. */
const struct swtpm_plugin swtpm_plugin = {.magic = SWTPM_PLUGIN_MAGIC};

/* Numbers that travel as plain integers. */
struct numbers {
    enum swtpm_plugin_result result;
    enum swtpm_plugin_kind kind;
    enum swtpm_storage_capability capability;
    enum swtpm_storage_open_flag open_flag;
    enum swtpm_storage_write_flag write_flag;
    enum swtpm_path_access path_access;
    enum swtpm_digest_algorithm digest;
    enum swtpm_cipher_algorithm cipher;
    enum swtpm_cipher_direction direction;
};

extern const struct numbers numbers;
const struct numbers numbers = {.result = SWTPM_PLUGIN_OK};
