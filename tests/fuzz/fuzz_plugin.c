/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is looked at in a plugin before any of its code runs (libFuzzer): the file's ELF structures,
 * and then its descriptor.  The first byte of the input says which of them the rest is.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "plugin/descriptor.h"
#include "plugin/elf_check.h"
#include "plugin/result.h"

static void check_file(struct swtpm_bytes file)
{
    struct error error = {""};
    int fd = memfd_create("plugin", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, file.data, file.size) == (ssize_t)file.size);
    if (elf_check(fd, "swtpm_plugin", sizeof(struct swtpm_plugin), &error) != 0)
        MUST(error.text[0] != '\0');
    else
        MUST(file.size >= 64 && memcmp(file.data, "\177ELF", 4) == 0);
    close(fd);
}

/* As many bytes as the plugin says that its ops have, so that a look behind them is seen. */
static void *make_ops(struct input *input, size_t size)
{
    size_t allocated = size < 4096 ? size : 4096;
    unsigned char *ops = malloc(allocated > 0 ? allocated : 1);

    MUST(ops != NULL);
    memset(ops, 0, allocated);
    for (size_t i = 0; i < allocated; i += sizeof(void *)) {
        uint8_t value = input_byte(input);
        ops[i] = value;
        if (i == 0 && allocated >= sizeof(uint64_t))
            ops[5] = value == 0xff;
    }
    return ops;
}

static char *make_text(struct input *input)
{
    uint8_t size = input_byte(input);
    struct swtpm_bytes bytes = input_bytes(input, size % 40);

    return size == 0xff ? NULL : strndup(bytes.data != NULL ? bytes.data : "", bytes.size);
}

/* After the checks the core takes the ops as they are. */
static void use_ops(const struct swtpm_plugin *plugin)
{
    struct swtpm_storage_ops storage;
    struct swtpm_crypto_ops crypto;

    if (plugin->kind == SWTPM_PLUGIN_STORAGE) {
        plugin_ops_copy(&storage, sizeof storage, plugin->ops.storage, plugin->ops_size);
        MUST(storage.open != NULL && storage.close != NULL && storage.list != NULL);
        MUST(storage.capabilities >> 32 == 0);
    } else {
        plugin_ops_copy(&crypto, sizeof crypto, plugin->ops.crypto, plugin->ops_size);
        MUST(crypto.random != NULL && crypto.pbkdf2 != NULL);
    }
}

static void check_descriptor(struct input *input)
{
    static const char *const no_calls[] = {NULL};
    uint8_t right = input_byte(input);
    uint8_t absent = input_byte(input);
    struct swtpm_plugin plugin = {
        .magic = right & 1 ? SWTPM_PLUGIN_MAGIC : input_32(input),
        .abi = right & 2 ? SWTPM_PLUGIN_ABI : input_32(input),
        .kind = right & 4 ? SWTPM_PLUGIN_STORAGE : input_byte(input),
        .ops_size = input_16(input) % 256,
        .system_calls = absent & 1 ? NULL : no_calls,
    };
    char *texts[] = {make_text(input), make_text(input), make_text(input)};
    void *ops = make_ops(input, plugin.ops_size);
    struct error error = {""};

    plugin.name = right & 8 ? "name" : texts[0];
    plugin.version = texts[1];
    plugin.summary = texts[2];
    plugin.ops.storage = absent & 2 ? NULL : ops;
    enum swtpm_plugin_kind wanted = right & 16 ? SWTPM_PLUGIN_CRYPTO : SWTPM_PLUGIN_STORAGE;
    if (plugin_descriptor_check(&plugin, wanted, "name", &error) == 0)
        use_ops(&plugin);
    else
        MUST(error.text[0] != '\0');
    free(ops);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
}

/* A message need not even end. */
static void check_result(struct input *input)
{
    static const struct swtpm_plugin plugin = {.kind = SWTPM_PLUGIN_STORAGE, .name = "name"};
    int code = (int)input_32(input);
    struct swtpm_plugin_error *from_plugin = malloc(sizeof *from_plugin);
    struct error error = {""};

    MUST(from_plugin != NULL);
    memset(from_plugin->message, input_byte(input), sizeof from_plugin->message);
    struct swtpm_bytes text = input_bytes(input, sizeof from_plugin->message);
    if (text.size > 0)
        memcpy(from_plugin->message, text.data, text.size);
    int result = plugin_result(&plugin, code, from_plugin, &error);
    MUST((result == 0) == (code == 0) && result <= 0 && result >= SWTPM_PLUGIN_FENCED);
    for (const char *at = error.text; *at != '\0'; at++)
        MUST((unsigned char)*at >= ' ' && *at != 0x7f);
    free(from_plugin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    switch (input_byte(&input)) {
    case 'd':
        check_descriptor(&input);
        break;
    case 'r':
        check_result(&input);
        break;
    default:
        check_file((struct swtpm_bytes){input.data, input.size});
    }
    return 0;
}
