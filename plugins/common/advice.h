/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_COMMON_ADVICE_H
#define PLUGINS_COMMON_ADVICE_H

#include <errno.h>

/* What to do about an errno(3) of a medium, to follow its text in a message; or "". */
static inline const char *advice_for(int error_number)
{
    switch (error_number) {
    case ENOSPC:
        return "; make room there";
    case EDQUOT:
        return "; make room there, or raise the quota";
    case EFBIG:
        return "; raise the limit for the size of files (ulimit -f)";
    case EMFILE:
        return "; raise the limit for open files (ulimit -n)";
    case ENFILE:
        return "; raise fs.file-max (sysctl)";
    case ELOOP:
        return "; no link is followed here: put the file itself in its place";
    case EROFS:
        return "; make its file system writable";
    default:
        return "";
    }
}

#endif
