/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_SYSTEM_CALLS_H
#define TOOLS_SWTPM_PLUGIN_CHECK_SYSTEM_CALLS_H

#include "tools/swtpm_plugin_check/check.h"
#include "tools/swtpm_plugin_check/trace.h"

/* Fails the check unless an op of the plugin may make this call: it is one of those that every host
 * allows, or the plugin names it. */
void system_call_must_be_declared(const struct subject *subject, const struct system_call *call);

#endif
