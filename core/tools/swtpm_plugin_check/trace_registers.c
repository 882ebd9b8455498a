/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/trace_registers.h"

#include <elf.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#if defined(__x86_64__)

static int set_register(pid_t thread, size_t offset, uint64_t value)
{
    return (int)ptrace(PTRACE_POKEUSER, thread, offset, value);
}

int trace_registers_skip_call(pid_t thread)
{
    return set_register(thread, offsetof(struct user, regs.orig_rax), UINT64_MAX);
}

int trace_registers_set_third_argument(pid_t thread, uint64_t value)
{
    return set_register(thread, offsetof(struct user, regs.rdx), value);
}

int trace_registers_set_result(pid_t thread, int64_t result)
{
    return set_register(thread, offsetof(struct user, regs.rax), (uint64_t)result);
}

#elif defined(__aarch64__)

enum { NO_CALL = -1 };

static int set_register(pid_t thread, unsigned index, uint64_t value)
{
    struct user_regs_struct registers;
    struct iovec all = {&registers, sizeof registers};

    if (ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &all) != 0)
        return -1;
    registers.regs[index] = value;
    return (int)ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &all);
}

int trace_registers_skip_call(pid_t thread)
{
    int number = NO_CALL;
    struct iovec all = {&number, sizeof number};
    return (int)ptrace(PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, &all);
}

int trace_registers_set_third_argument(pid_t thread, uint64_t value)
{
    return set_register(thread, 2, value);
}

int trace_registers_set_result(pid_t thread, int64_t result)
{
    return set_register(thread, 0, (uint64_t)result);
}

#else
#error "how system calls are changed on this processor is to be written here"
#endif
