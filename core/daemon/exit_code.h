/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_EXIT_CODE_H
#define DAEMON_EXIT_CODE_H

/* How swtpm_cuse ends (swtpm_cuse(8), EXIT STATUS). */
enum exit_code {
    /* What was asked for was printed; or the device works and is served in the background; or, in
     * the foreground, the TPM was shut down. */
    EXIT_CODE_OK = 0,
    /* Something failed: before the device worked, or later in the process that serves it. */
    EXIT_CODE_FAILURE = 1,
    /* The command line is wrong; nothing was touched.  Trying again will not help. */
    EXIT_CODE_USAGE = 2
};

#endif
