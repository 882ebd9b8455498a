/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_COMMON_READ_ONLY_H
#define PLUGINS_COMMON_READ_ONLY_H

/*
 * To be asked after a sync of `fd`, a regular file that was open before, has succeeded: 0, EROFS if
 * the file system is read-only now, or the errno of fstatfs(2).
 *
 * Linux can make a file system read-only in spite of files open for writing (Sysrq-U).  On ext4
 * writes to them then go to memory alone, and fsync(2) does nothing and succeeds.
 */
int read_only_error(int fd);

#endif
