/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_TRACE_REGISTERS_H
#define TOOLS_SWTPM_PLUGIN_CHECK_TRACE_REGISTERS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Changes to a system call of a stopped thread: all that differs between processors (syscall(2),
 * "Architecture calling conventions").  Reading is the same everywhere, by
 * PTRACE_GET_SYSCALL_INFO.  0, or -1 with errno.
 */

/* On entry: the kernel will do nothing and return ENOSYS. */
int trace_registers_skip_call(pid_t thread);

/* On entry: sets the third argument. */
int trace_registers_set_third_argument(pid_t thread, uint64_t value);

/* On return: sets the result; a negated errno for an error. */
int trace_registers_set_result(pid_t thread, int64_t result);

#endif
