/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_VERSION_H
#define UTIL_VERSION_H

/* The version of this project, for people: "1.2.3".  It stands in build.ninja; plugins,
 * which use nothing of the core, get it as the macro that this is made from. */
extern const char project_version[];

#endif
