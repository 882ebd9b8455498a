/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_TCP_SEGMENT_H
#define UTIL_TCP_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TCP segments over IPv4 (RFC 9293, RFC 791) from 127.0.0.1 to 127.0.0.1, as a capture of the
 * loopback interface would show them. */

enum {
    TCP_SEGMENT_HEADERS_SIZE = 40,
    /* What fits into an IPv4 packet. */
    TCP_SEGMENT_DATA_MAX = 65535 - TCP_SEGMENT_HEADERS_SIZE
};

struct tcp_segment {
    uint16_t source_port;
    uint16_t destination_port;
    uint32_t sequence;
    uint32_t acknowledgment;
    bool synchronize; /* SYN */
    bool acknowledge; /* ACK */
    const void *data;
    size_t size; /* at most TCP_SEGMENT_DATA_MAX */
};

/* Writes the IPv4 and TCP headers that stand before the data.  Without `checksums` both checksums
 * are 0, as in packets whose checksums are left to the network card. */
void tcp_segment_headers(const struct tcp_segment *segment, bool checksums,
                         uint8_t headers[TCP_SEGMENT_HEADERS_SIZE]);

#endif
