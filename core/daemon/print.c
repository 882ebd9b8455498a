/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/confinement.h"
#include "daemon/help.h"
#include "plugin/print.h"
#include "swtpm_ptm.h"
#include "tpm/info.h"
#include "tpm/profile.h"
#include "util/version.h"

typedef int (*printer)(const struct config *config, FILE *to, struct error *error);

static int print_help(const struct config *config, FILE *to, struct error *error)
{
    (void)config;
    (void)error;
    help_print(to);
    return 0;
}

static int print_version(const struct config *config, FILE *to, struct error *error)
{
    char library[TPM_INFO_VERSION_SIZE];

    (void)config;
    (void)error;
    tpm_info_library_version(library);
    fprintf(to, "swtpm_cuse %s, libtpms %s\n", project_version, library);
    return 0;
}

static int print_library_info(enum tpm_version version, uint64_t flags, FILE *to,
                              struct error *error)
{
    if (!tpm_info_choose_version(version)) {
        error_set(error, "the loaded libtpms cannot be a TPM %s",
                  version == TPM_VERSION_2_0 ? "2; leave --tpm2 out" : "1.2; add --tpm2");
        return -1;
    }
    char *json = tpm_info(flags);
    if (json == NULL) {
        error_set(error, "no memory for what libtpms tells of itself");
        return -1;
    }
    fprintf(to, "%s\n", json);
    free(json);
    return 0;
}

static int print_info(const struct config *config, FILE *to, struct error *error)
{
    return print_library_info(config->version, config->info_flags, to, error);
}

static int print_profiles(const struct config *config, FILE *to, struct error *error)
{
    (void)config;
    if (tpm_profile_require(error) == 0)
        return print_library_info(TPM_VERSION_2_0, PTM_INFO_AVAILABLE_PROFILES, to, error);
    error_prefix(error, "option --print-profiles: ");
    return -1;
}

static int print_plugins(const struct config *config, FILE *to, struct error *error)
{
    return plugins_print(&config->plugin_search, isatty(STDOUT_FILENO) != 0, to, error);
}

static const printer printers[] = {
    [CONFIG_HELP] = print_help,
    [CONFIG_VERSION] = print_version,
    [CONFIG_PRINT_CAPABILITIES] = print_capabilities,
    [CONFIG_PRINT_STATES] = print_states,
    [CONFIG_PRINT_PROFILES] = print_profiles,
    [CONFIG_PRINT_INFO] = print_info,
    [CONFIG_PRINT_PLUGINS] = print_plugins,
    [CONFIG_PRINT_SANDBOX] = confinement_print,
};

static int write_out(const char *text, size_t size, struct error *error)
{
    if (fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0)
        return 0;
    error_set(error, "cannot write to standard output: %s", strerror(errno));
    return -1;
}

int print_requested(const struct config *config, struct error *error)
{
    char *text = NULL;
    size_t size = 0;

    FILE *to = open_memstream(&text, &size);
    if (to == NULL) {
        error_set(error, "no memory for what is to be printed");
        return -1;
    }
    int result = printers[config->action](config, to, error);
    if (fclose(to) != 0 && result == 0) {
        error_set(error, "no memory for what is to be printed");
        result = -1;
    }
    if (result == 0)
        result = write_out(text, size, error);
    free(text);
    return result;
}
