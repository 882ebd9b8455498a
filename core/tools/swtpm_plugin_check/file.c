/* SPDX-License-Identifier: BSD-3-Clause */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "plugin/search.h"
#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/elf_image.h"
#include "tools/swtpm_plugin_check/process_state.h"

/* The file itself, and what happens when it is loaded. */

void check_file_name(const struct subject *subject)
{
    check_that(plugin_name_is_valid(subject->name), "'%s' is no name of a plugin", subject->name);
}

static void collect_foreign_export(void *context, const char *name, bool defined, bool exported)
{
    char *names = context;
    size_t used = strlen(names);

    (void)defined;
    if (exported && strcmp(name, "swtpm_plugin") != 0 && used < CHECK_REASON_SIZE / 2)
        snprintf(names + used, CHECK_REASON_SIZE - used, " %.100s", name);
}

void check_exported_symbols(const struct subject *subject)
{
    struct elf_image image;
    char names[CHECK_REASON_SIZE] = "";

    elf_image_read(&image, subject->file);
    elf_image_for_each_symbol(&image, collect_foreign_export, names);
    elf_image_free(&image);
    check_that(names[0] == '\0',
               "it exports other symbols too:%s; compile with -fvisibility=hidden", names);
}

static const struct swtpm_plugin *load(const struct subject *subject)
{
    const struct plugin_search search = {.directory = subject->directory};
    struct error error;
    const struct swtpm_plugin *plugin = plugin_load(&search, subject->kind, subject->name, &error);

    check_that(plugin != NULL, "%s", error.text);
    return plugin;
}

/* This program exports nothing, so what the loader resolved came from the plugin's libraries. */
void check_resolved_symbols(const struct subject *subject)
{
    load(subject);
}

void check_linking(const struct subject *subject)
{
    struct elf_image image;
    uint64_t flags = 0;
    uint64_t flags_1 = 0;
    uint32_t stack = 0;

    elf_image_read(&image, subject->file);
    elf_image_has_tag(&image, DT_FLAGS, &flags);
    elf_image_has_tag(&image, DT_FLAGS_1, &flags_1);
    check_that(elf_image_has_segment(&image, PT_GNU_RELRO, NULL), "link it with -z relro");
    check_that((flags & DF_BIND_NOW) != 0 || (flags_1 & DF_1_NOW) != 0, "link it with -z now");
    check_that(!elf_image_has_tag(&image, DT_TEXTREL, NULL) && (flags & DF_TEXTREL) == 0,
               "it has text relocations; compile it with -fPIC");
    check_that(!elf_image_has_segment(&image, PT_GNU_STACK, &stack) || (stack & PF_X) == 0,
               "it asks for an executable stack; link it with -z noexecstack");
    elf_image_free(&image);
}

void check_constructors(const struct subject *subject)
{
    struct process_state before;
    struct process_state after;

    process_state_take(&before);
    load(subject);
    process_state_take(&after);
    process_state_compare(&before, &after, "loading it");
}

void check_capability_bits(const struct subject *subject)
{
    uint64_t capabilities = subject->plugin->ops.storage->capabilities;

    check_that(capabilities >> 32 == 0, "its capabilities are %#llx",
               (unsigned long long)capabilities);
}
