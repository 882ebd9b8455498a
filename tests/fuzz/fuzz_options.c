/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command lines (libFuzzer): the whole parser of swtpm_cuse, and what it hands on to plugins as a
 * location.  The input is TPM_PATH and the arguments, each ended by a zero byte.
 */
#include "../../plugins/storage-lmdb/location.h"
#include "daemon/options.h"
#include "fuzz.h"
#include "plugin/search.h"

enum { ARGUMENTS_MAX = 48, TEXT_MAX = 4096 };

/* Cuts the text at its zero bytes.  The number of arguments, the program's name included. */
static int split(char *text, size_t size, char *arguments[ARGUMENTS_MAX + 1])
{
    static char program[] = "swtpm_cuse";
    int count = 0;

    arguments[count++] = program;
    for (char *end = text + size; text < end && count < ARGUMENTS_MAX; text += strlen(text) + 1)
        arguments[count++] = text;
    arguments[count] = NULL;
    return count;
}

static void set_environment(const char *directory)
{
    MUST((directory[0] == '\0' ? unsetenv("TPM_PATH") : setenv("TPM_PATH", directory, 1)) == 0);
}

static void check_location(const char *text, mode_t mode)
{
    struct location location;
    struct swtpm_plugin_error error = {""};

    if (location_parse(text, mode, &location, &error) != 0) {
        MUST(error.message[0] != '\0' && location.path == NULL && location.tpm == NULL);
        return;
    }
    MUST(location.path[0] != '\0' && location.mode <= 0777 && location.map_size >= 1 << 20);
    MUST(strlen(location.tpm) >= 1 && strlen(location.tpm) <= LOCATION_TPM_NAME_MAX);
    MUST(strchr(location.tpm, '/') == NULL);
    location_free(&location);
}

static void check_storage(const struct config *config)
{
    bool needed = config->action == CONFIG_SERVE || config->action == CONFIG_PRINT_STATES;

    MUST(config->storage_mode <= 0777);
    MUST((config->storage_plugin == NULL) == (config->storage_location == NULL));
    MUST(config->storage_plugin != NULL || !needed);
    if (config->storage_plugin == NULL)
        return;
    MUST(plugin_name_is_valid(config->storage_plugin));
    check_location(config->storage_location, config->storage_mode);
}

static void check_config(const struct config *config)
{
    const char *name = config->device_name;

    if (config->action == CONFIG_HELP || config->action == CONFIG_VERSION)
        return;
    MUST(name != NULL || config->action != CONFIG_SERVE);
    if (name != NULL)
        MUST(name[0] != '\0' && strlen(name) <= 255 && strchr(name, '/') == NULL);
    MUST(config->device_major <= UINT16_MAX && config->device_minor <= UINT16_MAX);
    MUST(plugin_name_is_valid(config->crypto_plugin));
    MUST(config->capture.mode <= 0777);
    check_storage(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *arguments[ARGUMENTS_MAX + 1];
    struct config config;
    struct error error = {""};

    if (size == 0 || size > TEXT_MAX)
        return 0;
    char *text = malloc(size + 1);
    MUST(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t environment_size = strlen(text) + 1;
    set_environment(text);
    int count = environment_size < size
                    ? split(text + environment_size, size - environment_size, arguments)
                    : split(text, 0, arguments);
    if (options_parse(count, arguments, &config, &error) == 0)
        check_config(&config);
    else
        MUST(error.text[0] != '\0');
    options_forget();
    free(text);
    return 0;
}
