/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/descriptor.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define CAPABILITIES_KNOWN_TO_BE_ZERO (~UINT64_C(0xffffffff))

struct required_op {
    const char *name;
    size_t offset; /* of a function pointer in the ops structure */
};

static const struct required_op storage_ops[] = {
    {"open", offsetof(struct swtpm_storage_ops, open)},
    {"close", offsetof(struct swtpm_storage_ops, close)},
    {"lock", offsetof(struct swtpm_storage_ops, lock)},
    {"unlock", offsetof(struct swtpm_storage_ops, unlock)},
    {"get", offsetof(struct swtpm_storage_ops, get)},
    {"put", offsetof(struct swtpm_storage_ops, put)},
    {"del", offsetof(struct swtpm_storage_ops, del)},
    {"list", offsetof(struct swtpm_storage_ops, list)},
    {NULL, 0},
};

static const struct required_op crypto_ops[] = {
    {"random", offsetof(struct swtpm_crypto_ops, random)},
    {"digest", offsetof(struct swtpm_crypto_ops, digest)},
    {"hmac", offsetof(struct swtpm_crypto_ops, hmac)},
    {"cbc", offsetof(struct swtpm_crypto_ops, cbc)},
    {"aead", offsetof(struct swtpm_crypto_ops, aead)},
    {"hkdf", offsetof(struct swtpm_crypto_ops, hkdf)},
    {"pbkdf2", offsetof(struct swtpm_crypto_ops, pbkdf2)},
    {NULL, 0},
};

const char *plugin_kind_name(uint32_t kind)
{
    switch (kind) {
    case SWTPM_PLUGIN_STORAGE:
        return "storage";
    case SWTPM_PLUGIN_CRYPTO:
        return "crypto";
    default:
        return NULL;
    }
}

static int check_interface(const struct swtpm_plugin *plugin, struct error *error)
{
    if (plugin->magic != SWTPM_PLUGIN_MAGIC) {
        error_set(error, "its magic number is 0x%016" PRIx64 ", wanted 0x%016" PRIx64
                         "; it is not a plugin of this program", plugin->magic, SWTPM_PLUGIN_MAGIC);
        return -1;
    }
    /* The first ABI has none before it that would be loaded as well. */
    if (plugin->abi != SWTPM_PLUGIN_ABI) {
        error_set(error, "it was built for plugin ABI %" PRIu32 ", wanted %" PRIu32
                         "; install a newer %s", plugin->abi, SWTPM_PLUGIN_ABI,
                  plugin->abi > SWTPM_PLUGIN_ABI ? "version of this program" : "plugin");
        return -1;
    }
    return 0;
}

static int check_identity(const struct swtpm_plugin *plugin, enum swtpm_plugin_kind kind,
                          const char *name, struct error *error)
{
    if (plugin->kind != (uint32_t)kind) {
        const char *found = plugin_kind_name(plugin->kind);
        error_set(error, "its kind is %" PRIu32 " (%s), wanted %u (%s) by its file name; rename "
                         "the file", plugin->kind, found != NULL ? found : "unknown", kind,
                  plugin_kind_name(kind));
        return -1;
    }
    if (plugin->name == NULL || strcmp(plugin->name, name) != 0) {
        error_set(error, "its name is '%s', wanted '%s' by its file name; rename the file",
                  plugin->name != NULL ? plugin->name : "", name);
        return -1;
    }
    if (plugin->version == NULL || plugin->summary == NULL || plugin->system_calls == NULL) {
        error_set(error, "its %s is NULL, wanted %s; its author has to correct it",
                  plugin->version == NULL   ? "version"
                  : plugin->summary == NULL ? "summary"
                                            : "list of system calls",
                  plugin->system_calls == NULL ? "a list that ends with NULL" : "a text");
        return -1;
    }
    return 0;
}

static bool op_is_missing(const void *ops, size_t offset)
{
    void (*op)(void);
    memcpy(&op, (const char *)ops + offset, sizeof op);
    return op == NULL;
}

static int check_ops(const void *ops, size_t size, const struct required_op *required,
                     struct error *error)
{
    if (ops == NULL) {
        error_set(error, "it has no ops; its author has to set the pointer to them");
        return -1;
    }
    for (; required->name != NULL; required++) {
        if (size < required->offset + sizeof(void (*)(void))) {
            error_set(error, "its ops have %zu bytes, too few for the op '%s' at %zu; rebuild the "
                             "plugin with this program's swtpm_plugin.h", size, required->name,
                      required->offset);
            return -1;
        }
        if (op_is_missing(ops, required->offset)) {
            error_set(error, "it lacks the op '%s'; all are wanted, and one that makes no sense "
                             "returns SWTPM_PLUGIN_UNSUPPORTED", required->name);
            return -1;
        }
    }
    return 0;
}

static int check_capabilities(uint64_t capabilities, struct error *error)
{
    if ((capabilities & CAPABILITIES_KNOWN_TO_BE_ZERO) == 0)
        return 0;
    error_set(error, "its capabilities are 0x%" PRIx64 ", wanted none above bit 31; its author has "
                     "to set them first in the ops", capabilities);
    return -1;
}

int plugin_descriptor_check(const struct swtpm_plugin *plugin, enum swtpm_plugin_kind kind,
                            const char *name, struct error *error)
{
    if (check_interface(plugin, error) != 0 || check_identity(plugin, kind, name, error) != 0)
        return -1;
    if (kind == SWTPM_PLUGIN_CRYPTO)
        return check_ops(plugin->ops.crypto, plugin->ops_size, crypto_ops, error);
    if (check_ops(plugin->ops.storage, plugin->ops_size, storage_ops, error) != 0)
        return -1;
    return check_capabilities(plugin->ops.storage->capabilities, error);
}

void plugin_ops_copy(void *to, size_t host_size, const void *from, size_t plugin_size)
{
    size_t size = plugin_size < host_size ? plugin_size : host_size;

    memset(to, 0, host_size);
    memcpy(to, from, size);
}
