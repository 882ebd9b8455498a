/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_ELF_IMAGE_H
#define TOOLS_SWTPM_PLUGIN_CHECK_ELF_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buffer.h"

/* A shared object of this machine's kind as a file (elf(5)); no access leaves it. */

struct elf_image {
    struct buffer bytes;
};

/* Reads the file; fails the check if it is no such object. */
void elf_image_read(struct elf_image *image, const char *path);

/* Frees what elf_image_read has read. */
void elf_image_free(struct elf_image *image);

/* Called for each symbol of the dynamic table that has a name; `name` lives as long as the image. */
typedef void (*elf_symbol_visitor)(void *context, const char *name, bool defined, bool exported);

/* Visits them in the order of the table. */
void elf_image_for_each_symbol(const struct elf_image *image, elf_symbol_visitor visit,
                               void *context);

/* Whether there is a program header of `type`; its flags go to *flags if that is not NULL. */
bool elf_image_has_segment(const struct elf_image *image, uint32_t type, uint32_t *flags);

/* Whether the dynamic section has `tag`; the value of the first goes to *value if not NULL. */
bool elf_image_has_tag(const struct elf_image *image, int64_t tag, uint64_t *value);

#endif
