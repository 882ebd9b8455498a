#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs what was built below $DESTDIR and the prefix that it was built for (PREFIX when ninja
# ran).  What is listed here and does not exist is an error.
# usage: core/install.sh BUILD_DIRECTORY        (from the top of the tree; build/release)
set -eu

build=${1:?usage: core/install.sh BUILD_DIRECTORY}
prefix=${DESTDIR:-}$(cat "$build/../cfg/prefix")

# put MODE DIRECTORY FILE...
put()
{
    mode=$1 directory=$prefix/$2
    shift 2
    install -d -m 755 "$directory"
    install -m "$mode" "$@" "$directory"
}

# put_as PATH FILE
put_as()
{
    install -D -m 644 "$2" "$prefix/$1"
}

# put_completion PROGRAM: what all have in common stands before what is its own.
put_completion()
{
    put_as share/bash-completion/completions/"$1" doc/completion/common.bash
    cat "doc/completion/$1.bash" >> "$prefix/share/bash-completion/completions/$1"
    put 644 share/zsh/site-functions "doc/completion/_$1"
}

put 755 bin "$build/core/swtpm_cuse" "$build/core/swtpm_ioctl" "$build/core/swtpm_bios" \
    "$build/core/swtpm-state" "$build/core/swtpm-plugin-check"
put 644 lib/swtpm-cuse "$build/plugins/storage-dir.so" "$build/plugins/storage-file.so" \
    "$build/plugins/storage-lmdb.so" "$build/plugins/crypto-gnutls.so"
put 644 lib/pkgconfig "$build/core/swtpm-plugin.pc"
put 644 include core/include/swtpm_plugin.h core/include/swtpm_ptm.h
put 644 share/man/man1 doc/swtpm-plugin-check.1
put 644 share/man/man3 doc/swtpm-plugin.3
put 644 share/man/man4 doc/swtpm-ptm.4
put 644 share/man/man7 doc/swtpm-storage-lmdb.7
put 644 share/man/man8 doc/swtpm_cuse.8 doc/swtpm_ioctl.8 doc/swtpm_bios.8 doc/swtpm-state.8
for program in swtpm_cuse swtpm_ioctl swtpm_bios swtpm-state swtpm-plugin-check; do
    put_completion $program
done
put 644 lib/systemd/system doc/systemd/swtpm-cuse@.service
put_as lib/modules-load.d/swtpm-cuse.conf doc/systemd/modules-load.conf
