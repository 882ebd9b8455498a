/* SPDX-License-Identifier: BSD-3-Clause */

/* The ops of the plugins.  The descriptor of a plugin is constant; its pages are made writable for
 * the moment in which the ops are exchanged. */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inject.h"
#include "swtpm_plugin.h"

static struct swtpm_storage_ops storage;
static struct swtpm_crypto_ops crypto;

/* Whether the op returns before, or after, it has done its work. */
static bool fails(enum fault_class class, struct swtpm_plugin_error *error, int *result)
{
    if (!fault_strikes(class, __builtin_return_address(0)))
        return false;
    *result = fault_control()->error;
    snprintf(error->message, sizeof error->message, "injected fault in %s",
             fault_class_names[class]);
    return true;
}

#define FAILING_OP(kind, name, class, parameters, arguments)                                       \
    static int failing_##kind##_##name parameters                                                  \
    {                                                                                              \
        struct swtpm_plugin_error ignored;                                                         \
        int result;                                                                                \
        if (!fails(class, error, &result))                                                         \
            return kind.name arguments;                                                            \
        if (fault_control()->manner == FAULT_FAILS_AFTER) {                                        \
            error = &ignored;                                                                      \
            kind.name arguments;                                                                   \
        }                                                                                          \
        return result;                                                                             \
    }

FAILING_OP(storage, open, FAULT_STORAGE_OPEN,
           (struct swtpm_storage **opened, const struct swtpm_storage_parameters *parameters,
            struct swtpm_plugin_error *error),
           (opened, parameters, error))
FAILING_OP(storage, lock, FAULT_STORAGE_LOCK,
           (struct swtpm_storage *opened, struct swtpm_plugin_error *error), (opened, error))
FAILING_OP(storage, unlock, FAULT_STORAGE_UNLOCK,
           (struct swtpm_storage *opened, struct swtpm_plugin_error *error), (opened, error))
FAILING_OP(storage, get, FAULT_STORAGE_GET,
           (struct swtpm_storage *opened, const char *name, struct swtpm_buffer buffer,
            size_t *size, struct swtpm_plugin_error *error),
           (opened, name, buffer, size, error))
FAILING_OP(storage, put, FAULT_STORAGE_PUT,
           (struct swtpm_storage *opened, const char *name, struct swtpm_bytes value,
            uint32_t flags, struct swtpm_plugin_error *error),
           (opened, name, value, flags, error))
FAILING_OP(storage, del, FAULT_STORAGE_DEL,
           (struct swtpm_storage *opened, const char *name, uint32_t flags,
            struct swtpm_plugin_error *error),
           (opened, name, flags, error))
FAILING_OP(storage, list, FAULT_STORAGE_LIST,
           (struct swtpm_storage *opened, swtpm_storage_visitor visit, void *context,
            struct swtpm_plugin_error *error),
           (opened, visit, context, error))

FAILING_OP(crypto, random, FAULT_CRYPTO_RANDOM,
           (struct swtpm_buffer output, struct swtpm_plugin_error *error), (output, error))
FAILING_OP(crypto, digest, FAULT_CRYPTO_DIGEST,
           (uint32_t algorithm, struct swtpm_bytes input, struct swtpm_buffer output,
            struct swtpm_plugin_error *error),
           (algorithm, input, output, error))
FAILING_OP(crypto, hmac, FAULT_CRYPTO_HMAC,
           (uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes input,
            struct swtpm_buffer output, struct swtpm_plugin_error *error),
           (algorithm, key, input, output, error))
FAILING_OP(crypto, cbc, FAULT_CRYPTO_CBC,
           (uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
            struct swtpm_bytes vector, struct swtpm_bytes input, struct swtpm_buffer output,
            struct swtpm_plugin_error *error),
           (algorithm, direction, key, vector, input, output, error))
FAILING_OP(crypto, aead, FAULT_CRYPTO_AEAD,
           (uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
            struct swtpm_bytes nonce, struct swtpm_bytes associated, struct swtpm_bytes input,
            struct swtpm_buffer output, struct swtpm_plugin_error *error),
           (algorithm, direction, key, nonce, associated, input, output, error))
FAILING_OP(crypto, hkdf, FAULT_CRYPTO_HKDF,
           (uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes salt,
            struct swtpm_bytes info, struct swtpm_buffer output, struct swtpm_plugin_error *error),
           (algorithm, key, salt, info, output, error))
FAILING_OP(crypto, pbkdf2, FAULT_CRYPTO_PBKDF2,
           (uint32_t algorithm, struct swtpm_bytes passphrase, struct swtpm_bytes salt,
            uint32_t rounds, struct swtpm_buffer output, struct swtpm_plugin_error *error),
           (algorithm, passphrase, salt, rounds, output, error))

static struct swtpm_storage_ops failing_storage(void)
{
    struct swtpm_storage_ops ops = storage;

    ops.open = failing_storage_open;
    ops.lock = failing_storage_lock;
    ops.unlock = failing_storage_unlock;
    ops.get = failing_storage_get;
    ops.put = failing_storage_put;
    ops.del = failing_storage_del;
    ops.list = failing_storage_list;
    return ops;
}

static struct swtpm_crypto_ops failing_crypto(void)
{
    return (struct swtpm_crypto_ops){
        .random = failing_crypto_random,
        .digest = failing_crypto_digest,
        .hmac = failing_crypto_hmac,
        .cbc = failing_crypto_cbc,
        .aead = failing_crypto_aead,
        .hkdf = failing_crypto_hkdf,
        .pbkdf2 = failing_crypto_pbkdf2,
    };
}

static void overwrite(const void *constant, const void *with, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)constant / page * page;
    size_t length = (uintptr_t)constant + size - start;
    union { const void *in; void *out; } target = {.in = constant};
    union { uintptr_t number; void *pointer; } pages = {.number = start};

    if (mprotect(pages.pointer, length, PROT_READ | PROT_WRITE) != 0)
        return;
    memcpy(target.out, with, size);
    mprotect(pages.pointer, length, PROT_READ);
}

void fault_wrap_plugin(void *object)
{
    const struct swtpm_plugin *plugin = dlsym(object, "swtpm_plugin");

    if (plugin == NULL)
        return;
    if (plugin->kind == SWTPM_PLUGIN_STORAGE && storage.open == NULL) {
        storage = *plugin->ops.storage;
        const struct swtpm_storage_ops ops = failing_storage();
        overwrite(plugin->ops.storage, &ops, sizeof ops);
    } else if (plugin->kind == SWTPM_PLUGIN_CRYPTO && crypto.random == NULL) {
        crypto = *plugin->ops.crypto;
        const struct swtpm_crypto_ops ops = failing_crypto();
        overwrite(plugin->ops.crypto, &ops, sizeof ops);
    }
}
