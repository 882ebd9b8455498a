/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/print.h"

#include <string.h>

#include "tpm/info.h"
#include "tpm/profile.h"
#include "util/version.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A JSON array of strings that is being written. */
struct array {
    FILE *to;
    bool has_elements;
};

struct verb {
    const char *name;
    bool works;
};

/* Which of the plugins that matter were found, and are good. */
struct plugins {
    const char *wanted_crypto;
    bool has_crypto;
    bool has_directory;
};

static void begin_element(struct array *array)
{
    fputs(array->has_elements ? ", \"" : " \"", array->to);
    array->has_elements = true;
}

static void print_verbs(struct array *features, const struct verb *verbs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!verbs[i].works)
            continue;
        begin_element(features);
        fprintf(features->to, "%s\"", verbs[i].name);
    }
}

static void note_plugin(void *context, enum swtpm_plugin_kind kind, const char *name,
                        const char *path, const struct swtpm_plugin *plugin, const char *reason)
{
    struct plugins *plugins = context;

    (void)path;
    (void)reason;
    if (plugin == NULL)
        return;
    if (kind == SWTPM_PLUGIN_CRYPTO && strcmp(name, plugins->wanted_crypto) == 0)
        plugins->has_crypto = true;
    if (kind == SWTPM_PLUGIN_STORAGE && strcmp(name, "dir") == 0)
        plugins->has_directory = true;
}

static void print_backend(void *context, enum swtpm_plugin_kind kind, const char *name,
                          const char *path, const struct swtpm_plugin *plugin, const char *reason)
{
    struct array *features = context;

    (void)path;
    (void)reason;
    if (plugin == NULL || kind != SWTPM_PLUGIN_STORAGE)
        return;
    begin_element(features);
    fprintf(features->to, "nvram-backend-%s\"", name);
}

static void print_rsa_key_sizes(struct array *features)
{
    unsigned sizes[TPM_INFO_RSA_KEY_SIZES_MAX];
    size_t count = tpm_info_rsa_key_sizes(sizes);

    for (size_t i = 0; i < count; i++) {
        begin_element(features);
        fprintf(features->to, "rsa-keysize-%u\"", sizes[i]);
    }
}

/* In the original's order, since scripts match several of them with one pattern. */
static int print_features(const struct config *config, struct array *features, struct error *error)
{
    struct plugins plugins = {.wanted_crypto = config->crypto_plugin};

    if (plugin_for_each(&config->plugin_search, note_plugin, &plugins, error) != 0)
        return -1;
    const struct verb first[] = {
        {"tpm-1.2", tpm_info_choose_version(TPM_VERSION_1_2)},
        {"tpm-2.0", tpm_info_choose_version(TPM_VERSION_2_0)},
        {"flags-opt-startup", true},
        {"flags-opt-disable-auto-shutdown", true},
        {"cmdarg-seccomp", true},
        {"cmdarg-key-fd", plugins.has_crypto},
        {"cmdarg-pwd-fd", plugins.has_crypto},
        {"cmdarg-print-states", true},
        {"cmdarg-chroot", true},
        {"cmdarg-migration", true},
    };
    print_verbs(features, first, COUNT_OF(first));
    if (plugin_for_each(&config->plugin_search, print_backend, features, error) != 0)
        return -1;
    tpm_info_choose_version(config->version);
    print_rsa_key_sizes(features);
    const struct verb last[] = {
        {"cmdarg-profile", tpm_profile_is_supported()},
        {"cmdarg-print-profiles", tpm_profile_is_supported()},
        {"cmdarg-print-info", true},
        {"tpmstate-opt-lock", true},
        {"tpmstate-dir-backend-opt-backup", plugins.has_directory},
        {"tpmstate-dir-backend-opt-fsync", plugins.has_directory},
        {"cmdarg-pcap", true},
        {"systemd-notify", true},
    };
    print_verbs(features, last, COUNT_OF(last));
    return 0;
}

static void print_profile_name(void *context, const char *name, size_t size)
{
    struct array *names = context;

    begin_element(names);
    fprintf(names->to, "%.*s\"", (int)size, name);
}

static void print_profile_names(FILE *to)
{
    struct array names = {.to = to};

    if (!tpm_profile_is_supported())
        return;
    fprintf(to, "\"profiles\": { \"names\": [");
    tpm_profile_for_each(print_profile_name, &names);
    fprintf(to, " ] }, ");
}

int print_capabilities(const struct config *config, FILE *to, struct error *error)
{
    struct array features = {.to = to};

    fprintf(to, "{ \"type\": \"swtpm\", \"features\": [");
    if (print_features(config, &features, error) != 0)
        return -1;
    fprintf(to, " ], ");
    print_profile_names(to);
    fprintf(to, "\"version\": \"%s\" }\n", project_version);
    return 0;
}
