/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_state/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "tools/command_line.h"

#define FLAG(member) .take = command_line_set_flag, .offset = offsetof(struct options, member)
#define STRING(member) .take = command_line_set_string, .offset = offsetof(struct options, member)

static const struct command_line_option option_table[] = {
    {.name = "--tpmstate",
     .values = "PLACE",
     .summary = "where the state is: dir=DIR or backend-uri=URI, and as in\n"
                "swtpm_cuse(8) mode=, lock=, fsync=; without it TPM_PATH",
     STRING(place)},
    {.name = "--tpm2",
     .summary = "the state is that of a TPM 2, not of a TPM 1.2; without it,\n"
                "`list` shows both",
     FLAG(tpm2)},
    {.name = "--key",
     .values = "KEY",
     .summary = "what the state is encrypted with, as in swtpm_cuse(8)",
     STRING(key)},
    {.name = "--new-key",
     .values = "KEY",
     .summary = "rekey: what it is to be encrypted with; `none` for nothing",
     STRING(new_key)},
    {.name = "--migration-key",
     .values = "KEY",
     .summary = "export, import: what the blobs are encrypted with",
     STRING(migration_key)},
    {.name = "--permanent",
     .values = "FILE",
     .summary = "export, import: the blob of the permanent state; - for\n"
                "standard output or input",
     STRING(files[STATE_PERMANENT])},
    {.name = "--volatile",
     .values = "FILE",
     .summary = "likewise of the volatile state",
     STRING(files[STATE_VOLATILE])},
    {.name = "--savestate",
     .values = "FILE",
     .summary = "likewise of the saved state (TPM 1.2)",
     STRING(files[STATE_SAVE])},
    {.name = "--decrypted",
     .summary = "export: a blob that needs no --key to be read",
     FLAG(decrypted)},
    {.name = "--to", .values = "PLACE", .summary = "copy: where to", STRING(destination)},
    {.name = "--replace",
     .summary = "import, copy: the TPM that is there may be lost",
     FLAG(replace)},
    {.name = "--crypto",
     .values = "NAME",
     .summary = "the crypto plugin, instead of gnutls",
     STRING(crypto)},
    {.name = "--plugin-dir",
     .values = "DIR",
     .summary = "look for plugins there first; an absolute path",
     STRING(plugin_directory)},
    {.name = "--runas",
     .values = "USER",
     .summary = "become this user once the keys are read",
     STRING(run_as)},
    {.name = "--version", .summary = "print the version and exit", FLAG(version)},
    {.name = "--help", .summary = "print this and exit", FLAG(help)},
};

enum { OPTION_COUNT = sizeof option_table / sizeof *option_table };

int options_parse(int argc, char **argv, struct options *options, struct error *error)
{
    *options = (struct options){0};
    if (command_line_parse(argc, argv, option_table, OPTION_COUNT, options, &options->command,
                           error) != 0)
        return -1;
    if (options->command != NULL || options->help || options->version)
        return 0;
    error_set(error, "say what to do: list, verify, rekey, export, import or copy; --help tells "
                     "more");
    return -1;
}

void options_print_help(void)
{
    printf("usage: swtpm-state COMMAND [OPTION]...\n"
           "\n"
           "Works on the stored state of a TPM that is not running.\n"
           "\n"
           "  list                  print what is stored and how it is encrypted, of all TPMs\n"
           "                        of an environment that holds many\n"
           "  verify                check that everything opens with --key\n"
           "  rekey                 from --key to --new-key, all states at once\n"
           "  export                write states as blobs, as swtpm_ioctl --save does\n"
           "  import                store such blobs\n"
           "  copy                  the whole TPM from --tpmstate to --to\n"
           "\n");
    command_line_print_options(stdout, option_table, OPTION_COUNT);
}
