/* SPDX-License-Identifier: BSD-3-Clause */
#include <elf.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/elf_check.h"
#include "plugin_files.h"
#include "swtpm_plugin.h"

/* A good plugin's bytes, for each test to spoil. */
static struct file_bytes good;

static int read_good(void **state)
{
    (void)state;
    good = plugin_file_read("storage-mem.so");
    return 0;
}

static int free_good(void **state)
{
    (void)state;
    free(good.data);
    return 0;
}

static int memory_file(const void *data, size_t size)
{
    int fd = memfd_create("elf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    return fd;
}

static int check_bytes(const void *data, size_t size, struct error *error)
{
    int fd = memory_file(data, size);
    int result = elf_check(fd, "swtpm_plugin", sizeof(struct swtpm_plugin), error);
    close(fd);
    return result;
}

static void assert_reason(const struct error *error, const char *reason)
{
    if (strstr(error->text, reason) == NULL)
        fail_msg("wanted \"%s\" in: %s", reason, error->text);
}

/* The good file with one field of `width` bytes overwritten is refused. */
static void assert_spoiled(const void *field, const void *value, size_t width, const char *reason)
{
    size_t offset = (size_t)((const unsigned char *)field - good.data);
    unsigned char *bytes = malloc(good.size);
    struct error error;

    assert_non_null(bytes);
    memcpy(bytes, good.data, good.size);
    memcpy(bytes + offset, value, width);
    if (check_bytes(bytes, good.size, &error) == 0)
        fail_msg("passed, wanted: %s", reason);
    assert_reason(&error, reason);
    free(bytes);
}

#define ASSERT_SPOILED(field, type, value, reason)                                                 \
    assert_spoiled(&(field), &(type){value}, sizeof(type), reason)

static const ElfW(Ehdr) *good_header(void)
{
    return (const void *)good.data;
}

static const ElfW(Shdr) *good_section(uint32_t type)
{
    const ElfW(Shdr) *section = (const void *)(good.data + good_header()->e_shoff);
    while (section->sh_type != type)
        section++;
    return section;
}

static const ElfW(Sym) *good_symbol(void)
{
    const ElfW(Shdr) *sections = (const void *)(good.data + good_header()->e_shoff);
    const ElfW(Shdr) *symbols = good_section(SHT_DYNSYM);
    const char *names = (const char *)good.data + sections[symbols->sh_link].sh_offset;
    const ElfW(Sym) *symbol = (const void *)(good.data + symbols->sh_offset);
    while (strcmp(names + symbol->st_name, "swtpm_plugin") != 0)
        symbol++;
    return symbol;
}

static void a_plugin_passes(void **state)
{
    (void)state;
    struct error error;

    if (check_bytes(good.data, good.size, &error) != 0)
        fail_msg("%s", error.text);
}

static void another_machine_class_or_type_is_refused(void **state)
{
    (void)state;
    const ElfW(Ehdr) *header = good_header();

    ASSERT_SPOILED(header->e_machine, uint16_t, EM_68K, "for another machine (ELF machine 4)");
    ASSERT_SPOILED(header->e_machine, uint16_t,
                   header->e_machine == EM_S390 ? EM_PPC64 : EM_S390,
                   header->e_machine == EM_S390 ? "it is for PPC64" : "it is for S390");
    ASSERT_SPOILED(header->e_ident[EI_CLASS], uint8_t, 3, "class");
    ASSERT_SPOILED(header->e_ident[EI_DATA], uint8_t, 7, "data encoding");
    ASSERT_SPOILED(header->e_type, uint16_t, ET_REL, "wanted 3, a shared object");
    ASSERT_SPOILED(header->e_ident[EI_MAG1], uint8_t, 'e', "not an ELF file");
}

static void what_is_no_elf_file_is_refused(void **state)
{
    (void)state;
    struct error error;

    assert_int_equal(check_bytes("", 0, &error), -1);
    assert_reason(&error, "not an ELF file");
    assert_int_equal(check_bytes("#!/bin/sh\n", 10, &error), -1);
    assert_reason(&error, "not an ELF file");
}

static void what_is_no_regular_file_is_refused(void **state)
{
    (void)state;
    struct error error;
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(elf_check(pipes[0], "swtpm_plugin", 1, &error), -1);
    assert_reason(&error, "not a regular file");
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(elf_check(-1, "swtpm_plugin", 1, &error), -1);
    assert_reason(&error, "Bad file descriptor");
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    struct error error;
    int fd = memory_file(good.data, good.size);

    for (size_t size = good.size; size-- > 0;) {
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        if (elf_check(fd, "swtpm_plugin", sizeof(struct swtpm_plugin), &error) == 0)
            fail_msg("passed at %zu of %zu bytes", size, good.size);
    }
    close(fd);
}

static void section_headers_that_lie_are_refused(void **state)
{
    (void)state;
    const ElfW(Ehdr) *header = good_header();
    const ElfW(Shdr) *symbols = good_section(SHT_DYNSYM);
    const ElfW(Shdr) *strings = good_section(SHT_STRTAB);
    uint64_t size = good.size;

    ASSERT_SPOILED(header->e_shnum, uint16_t, 0, "0 section headers");
    ASSERT_SPOILED(header->e_shentsize, uint16_t, 1, "section headers of 1 bytes");
    ASSERT_SPOILED(header->e_shoff, uint64_t, UINT64_MAX, "section header table does not lie");
    ASSERT_SPOILED(header->e_shoff, uint64_t, size - 1, "section header table does not lie");
    ASSERT_SPOILED(symbols->sh_type, uint32_t, SHT_NOTE, "no proper .dynsym");
    ASSERT_SPOILED(symbols->sh_entsize, uint64_t, 1, "no proper .dynsym");
    ASSERT_SPOILED(symbols->sh_link, uint32_t, UINT32_MAX, "no proper .dynsym");
    ASSERT_SPOILED(symbols->sh_link, uint32_t, header->e_shnum, "no proper .dynsym");
    ASSERT_SPOILED(symbols->sh_offset, uint64_t, UINT64_MAX - 8, ".dynsym section does not lie");
    ASSERT_SPOILED(symbols->sh_size, uint64_t, 0, ".dynsym section has 0 bytes");
    ASSERT_SPOILED(symbols->sh_size, uint64_t, UINT64_MAX, ".dynsym section has");
    ASSERT_SPOILED(strings->sh_size, uint64_t, size + 1, "string table does not lie");
    ASSERT_SPOILED(strings->sh_size, uint64_t, 4, "does not export the symbol");
    ASSERT_SPOILED(strings->sh_offset, uint64_t, size, "string table does not lie");
}

static void a_symbol_that_is_no_descriptor_is_refused(void **state)
{
    (void)state;
    const ElfW(Sym) *symbol = good_symbol();
    uint8_t function = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);

    ASSERT_SPOILED(symbol->st_name, uint32_t, UINT32_MAX, "does not export the symbol");
    ASSERT_SPOILED(symbol->st_name, uint32_t, symbol->st_name + 1, "does not export the symbol");
    ASSERT_SPOILED(symbol->st_shndx, uint16_t, SHN_UNDEF, "not defined in it");
    ASSERT_SPOILED(symbol->st_info, uint8_t, function, "is not data");
    ASSERT_SPOILED(symbol->st_size, uint64_t, 8, "has 8 bytes, wanted at least");
}

static void no_flipped_byte_leads_outside_of_the_file(void **state)
{
    (void)state;
    const size_t regions[][2] = {
        {0, sizeof(ElfW(Ehdr))},
        {good_header()->e_shoff, good.size},
        {good_section(SHT_DYNSYM)->sh_offset,
         good_section(SHT_DYNSYM)->sh_offset + good_section(SHT_DYNSYM)->sh_size},
    };
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    struct error error;
    unsigned refused = 0;
    int fd = memory_file(good.data, good.size);

    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++)
        for (size_t at = regions[i][0]; at < regions[i][1]; at++)
            for (size_t j = 0; j < sizeof flips; j++) {
                uint8_t flipped = good.data[at] ^ flips[j];
                assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
                refused += elf_check(fd, "swtpm_plugin", 1, &error) != 0;
                assert_int_equal(pwrite(fd, &good.data[at], 1, (off_t)at), 1);
            }
    close(fd);
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_passes),
        cmocka_unit_test(another_machine_class_or_type_is_refused),
        cmocka_unit_test(what_is_no_elf_file_is_refused),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
        cmocka_unit_test(section_headers_that_lie_are_refused),
        cmocka_unit_test(a_symbol_that_is_no_descriptor_is_refused),
        cmocka_unit_test(no_flipped_byte_leads_outside_of_the_file),
    };
    return cmocka_run_group_tests(tests, read_good, free_good);
}
