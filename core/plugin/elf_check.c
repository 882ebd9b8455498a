/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/elf_check.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Far above what a plugin needs; bounds what a strange file can make us allocate. */
enum { TABLE_SIZE_MAX = 16 << 20 };

/* This program's own ELF header, put there by the linker: what a plugin has to agree with. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

struct image {
    int fd;
    uint64_t size;
    ElfW(Ehdr) header;
    ElfW(Shdr) *sections;
};

static int read_exactly(const struct image *image, uint64_t offset, void *to, size_t size)
{
    if (size > image->size || offset > image->size - size)
        return -1;
    char *rest = to;
    while (size > 0) {
        ssize_t got = TEMP_FAILURE_RETRY(pread(image->fd, rest, size, (off_t)offset));
        if (got <= 0)
            return -1;
        rest += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

/* Owned by the caller; NULL with a message. */
static void *read_table(const struct image *image, const char *what, uint64_t offset, uint64_t size,
                        struct error *error)
{
    if (size == 0 || size > TABLE_SIZE_MAX) {
        error_set(error, "its %s has %ju bytes, wanted 1 to %d; the file is damaged", what,
                  (uintmax_t)size, TABLE_SIZE_MAX);
        return NULL;
    }
    void *table = malloc(size);
    if (table == NULL) {
        error_set(error, "no memory for its %s", what);
        return NULL;
    }
    if (read_exactly(image, offset, table, size) != 0) {
        error_set(error, "its %s does not lie within the file's %ju bytes; the file is cut off or "
                         "damaged", what, (uintmax_t)image->size);
        free(table);
        return NULL;
    }
    return table;
}

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {
        {EM_386, "i386"},     {EM_X86_64, "x86-64"}, {EM_ARM, "ARM"},   {EM_AARCH64, "AArch64"},
        {EM_PPC64, "PPC64"},  {EM_RISCV, "RISC-V"},  {EM_S390, "S390"}, {EM_MIPS, "MIPS"},
        {EM_LOONGARCH, "LoongArch"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].machine == machine)
            return names[i].name;
    return "another machine";
}

static int check_header(struct image *image, struct error *error)
{
    const ElfW(Ehdr) *header = &image->header;
    const ElfW(Ehdr) *own = &__ehdr_start;

    if (read_exactly(image, 0, &image->header, sizeof image->header) != 0 ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        error_set(error, "it is not an ELF file, wanted a shared object");
        return -1;
    }
    if (header->e_ident[EI_CLASS] != own->e_ident[EI_CLASS] ||
        header->e_ident[EI_DATA] != own->e_ident[EI_DATA]) {
        error_set(error, "its ELF class and data encoding are %u and %u, wanted %u and %u; install "
                         "the plugin for this architecture", header->e_ident[EI_CLASS],
                  header->e_ident[EI_DATA], own->e_ident[EI_CLASS], own->e_ident[EI_DATA]);
        return -1;
    }
    if (header->e_machine != own->e_machine) {
        error_set(error, "it is for %s (ELF machine %u), wanted %s (%u); install the plugin for "
                         "this architecture", machine_name(header->e_machine), header->e_machine,
                  machine_name(own->e_machine), own->e_machine);
        return -1;
    }
    if (header->e_type != ET_DYN) {
        error_set(error, "its ELF type is %u, wanted %u, a shared object; link it with -shared",
                  header->e_type, ET_DYN);
        return -1;
    }
    return 0;
}

static int read_sections(struct image *image, struct error *error)
{
    const ElfW(Ehdr) *header = &image->header;

    if (header->e_shnum == 0 || header->e_shentsize != sizeof(ElfW(Shdr))) {
        error_set(error, "it has %u section headers of %u bytes, wanted some of %zu; do not strip "
                         "them from a plugin", header->e_shnum, header->e_shentsize,
                  sizeof(ElfW(Shdr)));
        return -1;
    }
    image->sections = read_table(image, "section header table", header->e_shoff,
                                 (uint64_t)header->e_shnum * sizeof(ElfW(Shdr)), error);
    return image->sections == NULL ? -1 : 0;
}

static const ElfW(Shdr) *find_dynamic_symbols(const struct image *image, struct error *error)
{
    for (unsigned i = 0; i < image->header.e_shnum; i++) {
        const ElfW(Shdr) *section = &image->sections[i];
        if (section->sh_type == SHT_DYNSYM && section->sh_entsize == sizeof(ElfW(Sym)) &&
            section->sh_link < image->header.e_shnum)
            return section;
    }
    error_set(error, "it has no proper .dynsym section, so it exports nothing; wanted a shared "
                     "object that exports a descriptor");
    return NULL;
}

static bool name_is(const char *strings, size_t strings_size, size_t offset, const char *name)
{
    size_t size = strlen(name) + 1;
    return size <= strings_size && offset <= strings_size - size &&
           memcmp(strings + offset, name, size) == 0;
}

static int check_symbol(const ElfW(Sym) *symbol, const char *name, size_t size, struct error *error)
{
    /* Type and binding lie in the same bits in both classes. */
    unsigned type = ELF64_ST_TYPE(symbol->st_info);

    if (symbol->st_shndx == SHN_UNDEF || type != STT_OBJECT) {
        error_set(error, "its symbol '%s' is %s, wanted a constant of that name", name,
                  symbol->st_shndx == SHN_UNDEF ? "not defined in it" : "not data");
        return -1;
    }
    if (symbol->st_size < size) {
        error_set(error, "its symbol '%s' has %ju bytes, wanted at least %zu; rebuild the plugin "
                         "with this program's swtpm_plugin.h", name, (uintmax_t)symbol->st_size,
                  size);
        return -1;
    }
    return 0;
}

static int find_symbol(const struct image *image, const char *name, size_t size,
                       struct error *error)
{
    const ElfW(Shdr) *section = find_dynamic_symbols(image, error);
    if (section == NULL)
        return -1;
    const ElfW(Shdr) *string_section = &image->sections[section->sh_link];
    ElfW(Sym) *symbols =
        read_table(image, ".dynsym section", section->sh_offset, section->sh_size, error);
    char *strings = NULL;
    int result = -1;
    if (symbols == NULL)
        goto out;
    strings = read_table(image, "string table", string_section->sh_offset, string_section->sh_size,
                         error);
    if (strings == NULL)
        goto out;

    size_t count = section->sh_size / sizeof *symbols;
    for (size_t i = 0; i < count; i++)
        if (name_is(strings, string_section->sh_size, symbols[i].st_name, name)) {
            result = check_symbol(&symbols[i], name, size, error);
            goto out;
        }
    error_set(error, "it does not export the symbol '%s', so it is not a plugin", name);
out:
    free(strings);
    free(symbols);
    return result;
}

int elf_check(int fd, const char *symbol, size_t symbol_size, struct error *error)
{
    struct image image = {.fd = fd};
    struct stat status;
    int result = -1;

    if (fstat(fd, &status) != 0) {
        error_set(error, "cannot examine it: %s", strerror(errno));
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        error_set(error, "it is not a regular file, wanted a shared object");
        return -1;
    }
    image.size = (uint64_t)status.st_size;
    if (check_header(&image, error) == 0 && read_sections(&image, error) == 0)
        result = find_symbol(&image, symbol, symbol_size, error);
    free(image.sections);
    return result;
}
