/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/print.h"

#include <inttypes.h>

#include "plugin/descriptor.h"
#include "util/json.h"
#include "util/text.h"

struct printing {
    FILE *to;
    bool has_plugins; /* so far */
};

/* Names of the bits of swtpm_storage_ops.capabilities. */
static const struct {
    uint64_t bit;
    const char *name;
} capabilities[] = {
    {SWTPM_STORAGE_CAN_BE_DURABLE, "durable"},
    {SWTPM_STORAGE_CAN_LOCK, "lock"},
};

enum { CAPABILITY_COUNT = sizeof capabilities / sizeof capabilities[0] };

static bool has_capability(const struct swtpm_plugin *plugin, size_t index)
{
    return plugin->kind == SWTPM_PLUGIN_STORAGE &&
           (plugin->ops.storage->capabilities & capabilities[index].bit) != 0;
}

/* -------------------------------------------------------------------------------- JSON ------ */

static void print_member(FILE *to, const char *name, const char *value)
{
    fprintf(to, ", \"%s\": ", name);
    json_write_string(to, value);
}

static void print_capabilities(FILE *to, const struct swtpm_plugin *plugin)
{
    const char *separator = " ";

    fputs(", \"capabilities\": [", to);
    for (size_t i = 0; i < CAPABILITY_COUNT; i++)
        if (has_capability(plugin, i)) {
            fprintf(to, "%s\"%s\"", separator, capabilities[i].name);
            separator = ", ";
        }
    fputs(" ]", to);
}

static void print_system_calls(FILE *to, const struct swtpm_plugin *plugin)
{
    fputs(", \"system_calls\": [", to);
    for (size_t i = 0; plugin->system_calls[i] != NULL; i++) {
        fputs(i > 0 ? ", " : " ", to);
        json_write_string(to, plugin->system_calls[i]);
    }
    fputs(" ]", to);
}

static void print_json(void *context, enum swtpm_plugin_kind kind, const char *name,
                       const char *path, const struct swtpm_plugin *plugin, const char *reason)
{
    struct printing *printing = context;
    FILE *to = printing->to;

    fprintf(to, "%s{ \"kind\": \"%s\", \"name\": \"%s\"", printing->has_plugins ? ", " : " ",
            plugin_kind_name(kind), name);
    print_member(to, "path", path);
    if (plugin == NULL) {
        print_member(to, "reason", reason);
    } else {
        print_member(to, "version", plugin->version);
        fprintf(to, ", \"abi\": %" PRIu32, plugin->abi);
        print_member(to, "summary", plugin->summary);
        print_capabilities(to, plugin);
        print_system_calls(to, plugin);
    }
    fputs(" }", to);
    printing->has_plugins = true;
}

/* ------------------------------------------------------------------------------- table ------ */

static void print_capability_words(FILE *to, const struct swtpm_plugin *plugin)
{
    const char *separator = " (";

    for (size_t i = 0; i < CAPABILITY_COUNT; i++)
        if (has_capability(plugin, i)) {
            fprintf(to, "%s%s", separator, capabilities[i].name);
            separator = ", ";
        }
    if (separator[0] == ',')
        fputc(')', to);
}

static void print_row(void *context, enum swtpm_plugin_kind kind, const char *name,
                      const char *path, const struct swtpm_plugin *plugin, const char *reason)
{
    struct printing *printing = context;
    FILE *to = printing->to;

    fprintf(to, "%-8s %-12s ", plugin_kind_name(kind), name);
    if (plugin == NULL) {
        fputs("REFUSED: ", to);
        text_print_harmless(to, reason);
    } else {
        text_print_harmless(to, plugin->version);
        fputs("  ", to);
        text_print_harmless(to, plugin->summary);
        print_capability_words(to, plugin);
        fprintf(to, "\n%22s", "");
        text_print_harmless(to, path);
    }
    fputc('\n', to);
    printing->has_plugins = true;
}

int plugins_print(const struct plugin_search *search, bool table, FILE *to, struct error *error)
{
    struct printing printing = {.to = to};

    if (!table)
        fputs("{ \"type\": \"swtpm\", \"plugins\": [", to);
    if (plugin_for_each(search, table ? print_row : print_json, &printing, error) != 0)
        return -1;
    if (!table)
        fputs(" ] }\n", to);
    else if (!printing.has_plugins)
        fputs("No plugin was found; install one, or name its directory with --plugin-dir.\n", to);
    return 0;
}
