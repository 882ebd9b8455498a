/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/elf_image.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "tools/swtpm_plugin_check/check.h"
#include "util/file.h"

enum { FILE_SIZE_MAX = 64 << 20 };

/* The bytes of a table, or NULL if they are not all in the file. */
static const void *table(const struct elf_image *image, uint64_t offset, uint64_t count,
                         uint64_t entry_size)
{
    if (offset > image->bytes.size || count > (image->bytes.size - offset) / entry_size)
        return NULL;
    return image->bytes.data + offset;
}

static ElfW(Ehdr) header(const struct elf_image *image)
{
    ElfW(Ehdr) copy;
    memcpy(&copy, image->bytes.data, sizeof copy);
    return copy;
}

void elf_image_read(struct elf_image *image, const char *path)
{
    struct error error;
    int fd = file_open(path, O_RDONLY, 0, &error);

    *image = (struct elf_image){0};
    check_that(fd >= 0, "%s", error.text);
    int result = file_read_all(fd, path, FILE_SIZE_MAX, &image->bytes, &error);
    close(fd);
    check_that(result == 0, "%s", error.text);
    check_that(image->bytes.size >= sizeof(ElfW(Ehdr)) &&
                   memcmp(image->bytes.data, ELFMAG, SELFMAG) == 0 &&
                   header(image).e_type == ET_DYN,
               "it is no shared object");
}

void elf_image_free(struct elf_image *image)
{
    buffer_free(&image->bytes);
}

static bool find_section(const struct elf_image *image, uint32_t type, ElfW(Shdr) * found)
{
    ElfW(Ehdr) head = header(image);
    const char *sections = table(image, head.e_shoff, head.e_shnum, sizeof *found);

    for (unsigned i = 0; sections != NULL && i < head.e_shnum; i++) {
        memcpy(found, sections + i * sizeof *found, sizeof *found);
        if (found->sh_type == type)
            return true;
    }
    return false;
}

static const char *string_at(const struct elf_image *image, const ElfW(Shdr) * strings,
                             uint64_t offset)
{
    const char *text = table(image, strings->sh_offset, strings->sh_size, 1);

    if (text == NULL || offset >= strings->sh_size ||
        memchr(text + offset, '\0', strings->sh_size - offset) == NULL)
        return "";
    return text + offset;
}

static bool is_exported(const ElfW(Sym) * symbol)
{
    unsigned binding = ELF64_ST_BIND(symbol->st_info);
    unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);

    return symbol->st_shndx != SHN_UNDEF && binding != STB_LOCAL && visibility != STV_HIDDEN &&
           visibility != STV_INTERNAL;
}

void elf_image_for_each_symbol(const struct elf_image *image, elf_symbol_visitor visit,
                               void *context)
{
    ElfW(Shdr) symbols;
    ElfW(Shdr) strings;
    ElfW(Ehdr) head = header(image);
    const char *sections = table(image, head.e_shoff, head.e_shnum, sizeof strings);

    check_that(find_section(image, SHT_DYNSYM, &symbols) && symbols.sh_link < head.e_shnum,
               "it has no table of dynamic symbols");
    memcpy(&strings, sections + symbols.sh_link * sizeof strings, sizeof strings);
    uint64_t count = symbols.sh_size / sizeof(ElfW(Sym));
    const char *entries = table(image, symbols.sh_offset, count, sizeof(ElfW(Sym)));
    check_that(entries != NULL, "its table of symbols lies outside of the file");
    for (uint64_t i = 0; i < count; i++) {
        ElfW(Sym) symbol;
        memcpy(&symbol, entries + i * sizeof symbol, sizeof symbol);
        const char *name = string_at(image, &strings, symbol.st_name);
        if (*name != '\0')
            visit(context, name, symbol.st_shndx != SHN_UNDEF, is_exported(&symbol));
    }
}

bool elf_image_has_segment(const struct elf_image *image, uint32_t type, uint32_t *flags)
{
    ElfW(Ehdr) head = header(image);
    ElfW(Phdr) segment;
    const char *segments = table(image, head.e_phoff, head.e_phnum, sizeof segment);

    for (unsigned i = 0; segments != NULL && i < head.e_phnum; i++) {
        memcpy(&segment, segments + i * sizeof segment, sizeof segment);
        if (segment.p_type != type)
            continue;
        if (flags != NULL)
            *flags = segment.p_flags;
        return true;
    }
    return false;
}

bool elf_image_has_tag(const struct elf_image *image, int64_t tag, uint64_t *value)
{
    ElfW(Shdr) section;
    ElfW(Dyn) entry;

    if (!find_section(image, SHT_DYNAMIC, &section))
        return false;
    uint64_t count = section.sh_size / sizeof entry;
    const char *entries = table(image, section.sh_offset, count, sizeof entry);
    for (uint64_t i = 0; entries != NULL && i < count; i++) {
        memcpy(&entry, entries + i * sizeof entry, sizeof entry);
        if (entry.d_tag != tag)
            continue;
        if (value != NULL)
            *value = entry.d_un.d_val;
        return true;
    }
    return false;
}
