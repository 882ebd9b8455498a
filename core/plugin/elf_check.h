/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_ELF_CHECK_H
#define PLUGIN_ELF_CHECK_H

#include <stddef.h>

#include "util/error.h"

/*
 * What can be known of a shared object without loading it: dlopen(3) runs its constructors, so a
 * file that is no plugin of this machine has to be refused before.  The check finds mistakes, not
 * malice: a hostile file can hold a proper symbol and a hostile constructor.
 */

/* Checks that `fd` is a shared object for the machine, word size and byte order of this program
 * (elf(5)) whose .dynsym section defines the data symbol `symbol` with at least `symbol_size`
 * bytes.  Reads by pread(2), never outside of the file.  0, or -1 with a message that says what was
 * found and what was wanted, without the file's name. */
int elf_check(int fd, const char *symbol, size_t symbol_size, struct error *error);

#endif
