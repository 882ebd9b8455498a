/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_PCAPNG_H
#define UTIL_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "util/buffer.h"

/*
 * Blocks of a pcapng capture file (IETF draft-ietf-opsawg-pcapng), in the byte order of this
 * machine.  A file is one or more sections; a section is its header, one interface here, and
 * packets.  Each function appends one block.  0, or -1 if there is no memory (nothing changed).
 */

/* The first four bytes of every file and section, the same in both byte orders. */
#define PCAPNG_SECTION_TYPE UINT32_C(0x0a0d0d0a)

/* Packets that begin with their IP header (LINKTYPE_RAW). */
enum { PCAPNG_LINK_RAW_IP = 101 };

/* Begins a section; `application` is who wrote it, for people, at most 64 bytes are kept. */
int pcapng_append_section(struct buffer *buffer, const char *application);

/* Describes the interface of the packets that follow; at most 64 bytes of its name are kept.
 * Times are in nanoseconds. */
int pcapng_append_interface(struct buffer *buffer, uint16_t link_type, const char *name);

/* A packet that was seen at `when` (CLOCK_REALTIME): its headers and, behind them, its data. */
int pcapng_append_packet(struct buffer *buffer, struct timespec when, const void *headers,
                         size_t headers_size, const void *data, size_t data_size);

#endif
