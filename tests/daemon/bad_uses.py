# SPDX-License-Identifier: BSD-3-Clause
"""Bad uses of every option and sub-option: {"--option": […], "--option sub-option": […]}."""

from daemon import PLUGINS
from option_place import CLOSED
from option_uses import FAILURE, IN_CHROOT, STARTED, Bad

def bad_switch(option):
    """An option without argument."""
    typo = option[:3] + option[4:]
    return [Bad(f"{option}=yes", says=[option, "takes no argument"]),
            Bad(option, "yes", says=["surplus argument 'yes'"]),
            Bad(typo, says=["unknown option", typo, option])]


def bad_final(option):
    """A switch after which nothing is read."""
    return [bad_switch(option)[0], bad_switch(option)[2],
            Bad("--print-plugins", option, says=["--print-plugins", option, "contradict"])]


def bad_flag(option, name, beside=""):
    """A sub-option that is true when it stands alone; `beside` is what its list needs."""
    return [Bad(option, f"{beside}{name},{name}", says=[option, f"'{name}' was given twice"]),
            Bad(option, f"{beside}{name.upper()}", says=[option, "unknown", name]),
            Bad(option, f"{beside}{name}s", says=[option, "unknown", f"did you mean '{name}'"])]


def bad_descriptor(option, name, beside=""):
    return [Bad(option, f"{beside}{name}={CLOSED}", says=[option, name, "not open"]),
            Bad(option, f"{beside}{name}=-1", says=[option, name, "'-1'"]),
            Bad(option, f"{beside}{name}=stdin", says=[option, name, "'stdin'"]),
            Bad(option, f"{beside}{name}", says=[option, name, "needs a value"])]


def bad_text(option, name, beside=""):
    return [Bad(option, f"{beside}{name}=", says=[option, name, "empty"]),
            Bad(option, f"{beside}{name}", says=[option, name, "needs a value"]),
            Bad(option, f"{beside}{name}=DIR/a,{name}=DIR/a", says=[option, "given twice"])]


def bad_choice(option, name, right, beside=""):
    return [Bad(option, f"{beside}{name}=other", says=[option, name, "'other'", right]),
            Bad(option, f"{beside}{name}=", says=[option, name, "''"]),
            Bad(option, f"{beside}{name}", says=[option, name, "needs a value"]),
            Bad(option, f"{beside}{name}={right.upper()}", says=[option, name, right])]


def bad_mode(option, beside=""):
    return [Bad(option, f"{beside}mode=0778", says=[option, "mode", "'0778'", "octal"]),
            Bad(option, f"{beside}mode=01000", says=[option, "mode", "0777"]),
            Bad(option, f"{beside}mode=rw", says=[option, "mode", "'rw'"])]


def bad_number(option, *others):
    return [Bad(option, "65536", says=[option, "'65536'", "0 to 65535"]),
            Bad(option, "-1", says=[option, "'-1'"]),
            Bad(option, "ten", says=[option, "'ten'"]),
            Bad(option, "", says=[option, "''"]), *others]


def key_uses(option):
    """What --key and --migration-key have in common."""
    def bad(text, *says):
        return Bad(option, text, says=[option, *says])

    def unfit(text, *says):
        return Bad(*STARTED, option, text, says=[option, *says], code=FAILURE)

    return {
        option: [bad("", "missing", "'file'", "'pwdfd'"), bad("fil=DIR/hex", "did you mean 'file'"),
                 bad("DIR/hex", "unknown sub-option"),
                 Bad(option, "file=DIR/hex", option, "file=DIR/hex", says=[option, "twice"])],
        f"{option} file": [*bad_text(option, "file"), unfit("file=DIR/none", "DIR/none"),
                           unfit("file=DIR/empty", "DIR/empty"),
                           bad("file=DIR/hex,fd=0", "'file' and 'fd' contradict")],
        f"{option} fd": [*bad_descriptor(option, "fd"), unfit("fd=FD(empty)"),
                         bad("fd=FD(channel)", "--cuse-fd", "same file descriptor")],
        f"{option} format": [*bad_choice(option, "format", "hex", "file=DIR/hex,"),
                             bad("file=DIR/hex,format=raw", "'raw'", "binary"),
                             bad("pwdfile=DIR/password,format=hex", "contradict"),
                             unfit("file=DIR/hex,format=binary", "DIR/hex"),
                             unfit("file=DIR/binary,format=hex", "DIR/binary")],
        f"{option} pwdfile": [*bad_text(option, "pwdfile"), unfit("pwdfile=DIR/none", "DIR/none"),
                              unfit("pwdfile=DIR/empty", "DIR/empty"),
                              bad("pwdfile=DIR/hex,pwdfd=0", "contradict")],
        f"{option} pwdfd": [*bad_descriptor(option, "pwdfd"), unfit("pwdfd=FD(empty)")],
        f"{option} kdf": [*bad_choice(option, "kdf", "pbkdf2", "pwdfile=DIR/password,"),
                          bad("file=DIR/hex,kdf=sha512", "contradict")],
        f"{option} mode": [*bad_choice(option, "mode", "aes-cbc", "file=DIR/hex,"),
                           unfit("file=DIR/hex,mode=aes-256-cbc", "DIR/hex"),
                           unfit("file=DIR/hex256,mode=aes-128-cbc", "DIR/hex256"),
                           bad("mode=aes-cbc", "missing", "'pwdfile'")],
        f"{option} remove": [*bad_flag(option, "remove", "file=DIR/hex,"),
                             bad("fd=FD(hex),remove", "contradict")],
    }


BAD = {
    "--name": [Bad("--name", "a/b", says=["--name", "'a/b'", "'/'"]),
               Bad("--name", "/dev/null", code=FAILURE, whole=True, says="/dev/null exists already",
                   environment={"TPM_PATH": "DIR/state"}),
               Bad("--name", "", says=["--name", "empty"]),
               Bad("--name", "a\nb", says=["--name", "control character"]),
               Bad("--name", "n" * 256, says=["--name", "255 bytes"]),
               Bad("-n", "..", says=["--name", "'..'"]),
               Bad("--tpmstate", "dir=DIR/state", whole=True, says=["--name", "missing"]),
               Bad("--name", "a", "--name", "b", says=["--name", "given twice"]),
               Bad("--tpm2", "--name", whole=True, says=["--name", "needs an argument"])],
    "--maj": bad_number("--maj"),
    "--min": bad_number("--min"),
    "--cuse-fd": [Bad("--cuse-fd", str(CLOSED), says=["--cuse-fd", str(CLOSED), "not open"]),
                  Bad("--cuse-fd", "-1", says=["--cuse-fd", "'-1'"]),
                  Bad("--cuse-fd", "/dev/cuse", says=["--cuse-fd", "'/dev/cuse'"]),
                  Bad("--cuse-fd=", says=["--cuse-fd", "''"])],

    "--tpm2": bad_switch("--tpm2"),
    "--flags": [Bad("--flags", "startup", says=["--flags", "unknown", "startup-clear"]),
                Bad("--flags", "startup-clear,startup-state", says=["--flags", "contradict"]),
                Bad("--flags", "not-need-init", "--flags", "startup-clear",
                    says=["--flags", "given twice", "commas"])],
    "--flags not-need-init": bad_flag("--flags", "not-need-init"),
    "--flags startup-clear": [*bad_flag("--flags", "startup-clear"),
                              Bad("--flags", "startup-clear,startup-none", says="contradict")],
    "--flags startup-state": [*bad_flag("--flags", "startup-state"),
                              Bad("--flags", "startup-state,startup-deactivated",
                                  says="contradict")],
    "--flags startup-deactivated": [*bad_flag("--flags", "startup-deactivated"),
                                    Bad("--tpm2", "--flags", "startup-deactivated",
                                        says=["--tpm2", "startup-deactivated", "TPM 1.2"])],
    "--flags startup-none": [*bad_flag("--flags", "startup-none"),
                             Bad("--flags", "startup-none,startup-state", says="contradict")],
    "--flags disable-auto-shutdown": bad_flag("--flags", "disable-auto-shutdown"),
    "--locality": [Bad("--locality", "4", says=["--locality", "'4'", "reject-locality-4"]),
                   Bad("--locality", whole=True, says=["--locality", "needs an argument"]),
                   Bad("--locality", "reject", says=["--locality", "unknown sub-option 'reject'"])],
    "--locality reject-locality-4": bad_flag("--locality", "reject-locality-4"),
    "--locality allow-set-locality": bad_flag("--locality", "allow-set-locality"),
    "--profile": [Bad("--profile", "name=x", says=["--profile", "TPM 1.2", "--tpm2"]),
                  Bad("--tpm2", "--profile", "", says=["--profile", "missing", "'profile'"]),
                  Bad("--tpm2", "--profile", "default-v1", says=["--profile", "unknown"]),
                  Bad("--tpm2", "--profile", "name=x", code=FAILURE, needs="no profiles",
                      says=["--profile", "libtpms 0.9", "0.10"]),
                  Bad("--tpm2", "--profile", "name=refused", code=FAILURE, needs="profiles",
                      says=["profile", "refused"], leaves_state=True)],
    "--profile name": [*bad_text("--profile", "name"),
                       Bad("--tpm2", "--profile", "name=a,file=DIR/profile", says="contradict")],
    "--profile profile": [*bad_text("--profile", "profile"),
                          Bad("--tpm2", "--profile", 'profile={"a":{}', says="no matching '}'"),
                          Bad("--tpm2", "--profile", "profile={}x", says="after the '}'")],
    "--profile file": [*bad_text("--profile", "file"),
                       Bad("--tpm2", "--profile", "file=DIR/none", code=FAILURE, needs="profiles",
                           says=["--profile", "DIR/none", "No such file"])],
    "--profile fd": [*bad_descriptor("--profile", "fd"),
                     Bad("--tpm2", "--profile", "fd=0,name=a", says="contradict")],
    "--profile remove-disabled": [*bad_choice("--profile", "remove-disabled", "check", "name=a,"),
                                  Bad("--tpm2", "--profile", "remove-disabled=check",
                                      says=["--profile", "missing"]),
                                  Bad("--tpm2", "--profile", "name=a,remove-disabled=fips-host",
                                      code=FAILURE,
                                      says=["--profile", "remove-disabled=fips-host",
                                            "takes nothing out"])],

    "--tpmstate": [Bad("--tpmstate", "mode=0600", says=["--tpmstate", "TPM_PATH"]),
                   Bad("--name", "a", "--tpm2", whole=True, says=["--tpmstate", "TPM_PATH"]),
                   Bad("--tpmstate", "DIR/state", says=["--tpmstate", "unknown", "dir, "]),
                   Bad("--tpmstate", "dir=DIR/state", "--tpmstate", "mode=0600",
                       says=["--tpmstate", "given twice"])],
    "--tpmstate dir": [*bad_text("--tpmstate", "dir"),
                       Bad("--tpmstate", "dir=DIR/none/deeper", code=FAILURE,
                           says=["'dir'", "DIR/none", "No such file"]),
                       Bad("--tpmstate", "dir=DIR/hex", code=FAILURE, says="DIR/hex"),
                       Bad("--tpmstate", "dir=DIR/state,backend-uri=dir://DIR/state",
                           says="contradict")],
    "--tpmstate backend-uri": [*bad_text("--tpmstate", "backend-uri"),
                               Bad("--tpmstate", "backend-uri=DIR/state", says="backend-uri"),
                               Bad("--tpmstate", "backend-uri=../x://y", says="backend-uri"),
                               Bad("--tpmstate", "backend-uri=none-such://x", code=FAILURE,
                                   says=["none-such", PLUGINS])],
    "--tpmstate mode": bad_mode("--tpmstate", "dir=DIR/state,"),
    "--tpmstate lock": [*bad_flag("--tpmstate", "lock", "dir=DIR/state,"),
                        Bad("--tpmstate", "dir=DIR/state,lock=false", "--migration",
                            "release-lock-outgoing", says=["--migration", "lock=false"])],
    "--tpmstate backup": bad_flag("--tpmstate", "backup", "dir=DIR/state,"),
    "--tpmstate fsync": bad_flag("--tpmstate", "fsync", "dir=DIR/state,"),
    "--migration": [Bad("--migration", "outgoing", says=["--migration", "'outgoing'"]),
                    Bad("--migration", whole=True, says=["--migration", "needs an argument"]),
                    Bad("--migration", "incoming", "--migration", "incoming",
                        says=["--migration", "given twice"])],
    "--migration incoming": bad_flag("--migration", "incoming"),
    "--migration release-lock-outgoing": bad_flag("--migration", "release-lock-outgoing"),
    "--plugin-dir": [Bad("--plugin-dir", "plugins", says=["--plugin-dir", "'plugins'", "absolute"]),
                     Bad("--plugin-dir", "", says=["--plugin-dir", "empty"]),
                     Bad("--plugin-dir", "DIR/state", "--tpmstate", "backend-uri=mine://x",
                         code=FAILURE, says=["mine", "DIR/state"])],

    **key_uses("--key"),
    **key_uses("--migration-key"),
    "--migration-key require": [*bad_flag("--migration-key", "require", "file=DIR/hex,"),
                                Bad("--migration-key", "require", says=["missing", "'file'"]),
                                Bad("--key", "file=DIR/hex,require", says=["--key", "'require'"])],
    "--crypto": [Bad("--crypto", "../gnutls", says=["--crypto", "'../gnutls'"]),
                 Bad("--crypto", "", says=["--crypto", "empty"]),
                 Bad("--crypto", "GnuTLS", says=["--crypto", "'GnuTLS'"]),
                 Bad("--crypto", "none-such", "--key", "file=DIR/hex", code=FAILURE,
                     says=["none-such", PLUGINS])],

    "--runas": [Bad("--runas", "no-such-user-here", code=FAILURE, needs="root",
                    says=["--runas", "no-such-user-here"]),
                Bad("--runas", "", says=["--runas", "empty"]),
                Bad("-r", "-1", code=FAILURE, needs="root", says=["--runas", "-1"]),
                Bad("--runas", "4294967296", code=FAILURE, needs="root",
                    says=["--runas", "4294967296"]),
                Bad("--runas", "nobody", "--runas", "nobody", says=["--runas", "given twice"])],
    "--chroot": [Bad("--chroot", "DIR/none", code=FAILURE, needs="root",
                     says=["--chroot", "DIR/none"]),
                 Bad("--chroot", "DIR/hex", code=FAILURE, needs="root",
                     says=["--chroot", "DIR/hex"]),
                 Bad("-R", "", says=["--chroot", "empty"]),
                 Bad("--chroot", "DIR/jail", "--tpmstate", "dir=DIR/state", code=FAILURE,
                     needs="root", environment=IN_CHROOT, says="DIR/state")],
    "--seccomp": [Bad("--seccomp", "", says=["--seccomp", "missing", "'action'"]),
                  Bad("--seccomp", "none", says=["--seccomp", "unknown sub-option 'none'"]),
                  Bad("--seccomp", "action=none", "--seccomp", "action=none",
                      says=["--seccomp", "given twice"])],
    "--seccomp action": bad_choice("--seccomp", "action", "kill"),
    "--pid": [Bad("--pid", "", says=["--pid", "missing", "'file' or 'fd'"]),
              Bad("--pid", "DIR/pid", says=["--pid", "unknown"]),
              Bad("--pid", "file=DIR/pid,fd=FD(pid-fd)", says=["--pid", "contradict"])],
    "--pid file": [*bad_text("--pid", "file"),
                   Bad("--pid", "file=DIR/none/pid", code=FAILURE, says=["--pid", "DIR/none"]),
                   Bad("--pid", "file=DIR/state", code=FAILURE, says=["--pid", "DIR/state"]),
                   Bad("--pid", "file=DIR/password", code=FAILURE,
                       says=["--pid", "DIR/password", "process id"]),
                   Bad("--pid", "file=/dev/null", code=FAILURE, says=["--pid", "/dev/null"])],
    "--pid fd": [*bad_descriptor("--pid", "fd"),
                 Bad("--pid", "fd=0", code=FAILURE, says=["--pid", "regular file"]),
                 Bad("--pid", "fd=FD(log-fd)", "--log", "fd=FD(log-fd)", says=["--pid", "--log"])],
    "--foreground": bad_switch("--foreground"),

    "--log": [Bad("--log", "DIR/log", says=["--log", "unknown"]),
              Bad("--log", "file=DIR/log,fd=FD(log-fd)", says=["--log", "contradict"]),
              Bad("--log", "file=DIR/log", "--log", "level=2", says=["--log", "twice", "commas"])],
    "--log file": [*bad_text("--log", "file"),
                   Bad("--log", "file=DIR/none/log", code=FAILURE, says=["--log", "DIR/none/log"]),
                   Bad("--log", "file=DIR/link", code=FAILURE, says=["--log", "symbolic link"]),
                   Bad("--log", "file=DIR/state", code=FAILURE, says=["--log", "DIR/state"])],
    "--log fd": [*bad_descriptor("--log", "fd"),
                 Bad("--log", "fd=FD(read-only)", code=FAILURE, says=["--log", "writing"])],
    "--log level": [Bad("--log", "level=high", says=["--log", "'high'"]),
                    Bad("--log", "level=-1", says=["--log", "'-1'"]),
                    Bad("--log", "level", says=["--log", "level", "needs a value"]),
                    Bad("--log", "level=1x", says=["--log", "'1x'"])],
    "--log prefix": [Bad("--log", "prefix", says=["--log", "prefix", "needs a value"]),
                     Bad("--log", "prefix=a,prefix=b", says=["--log", "given twice"]),
                     Bad("--log", "prefixed=a", says=["--log", "did you mean 'prefix'"])],
    "--log truncate": [*bad_flag("--log", "truncate", "file=DIR/log,"),
                       Bad("--log", "fd=FD(log-fd),truncate", says=["--log", "contradict"])],
    "--log timestamps": [*bad_flag("--log", "timestamps")[:2],
                         Bad("--log", "timestamp", says=["--log", "did you mean 'timestamps'"])],
    "--pcap": [Bad("--pcap", "truncate", says=["--pcap", "missing", "'file' or 'fd'"]),
               Bad("--pcap", "DIR/pcap", says=["--pcap", "unknown"]),
               Bad("--pcap", "file=DIR/pcap,fd=FD(pcap-fd)", says=["--pcap", "contradict"])],
    "--pcap file": [*bad_text("--pcap", "file"),
                    Bad("--pcap", "file=DIR/none/pcap", code=FAILURE, says=["--pcap", "DIR/none"]),
                    Bad("--pcap", "file=DIR/password", code=FAILURE,
                        says=["--pcap", "no pcapng file", "truncate"]),
                    Bad("--pcap", "file=DIR/link", code=FAILURE, says=["--pcap", "symbolic link"]),
                    Bad("--pcap", "file=DIR/state", code=FAILURE, says=["--pcap", "DIR/state"])],
    "--pcap fd": [*bad_descriptor("--pcap", "fd"),
                  Bad("--pcap", "fd=FD(read-only)", code=FAILURE, says=["--pcap", "writing"])],
    "--pcap truncate": [*bad_flag("--pcap", "truncate", "file=DIR/pcap,"),
                        Bad("--pcap", "fd=FD(pcap-fd),truncate", says=["--pcap", "contradict"])],
    "--pcap mode": [*bad_mode("--pcap", "file=DIR/pcap,"),
                    Bad("--pcap", "fd=FD(pcap-fd),mode=0600", says=["--pcap", "contradict"])],
    "--pcap checksums": bad_flag("--pcap", "checksums", "file=DIR/pcap,"),

    "--print-capabilities": bad_switch("--print-capabilities"),
    "--print-states": [*bad_switch("--print-states"),
                       Bad("--print-states", whole=True, says=["--tpmstate", "TPM_PATH"]),
                       Bad("--print-states", "--tpmstate", "dir=DIR/none", code=FAILURE,
                           says="DIR/none")],
    "--print-profiles": [*bad_switch("--print-profiles"),
                         Bad("--print-profiles", whole=True, code=FAILURE, needs="no profiles",
                             says=["--print-profiles", "libtpms 0.9", "0.10"])],
    "--print-info": [Bad("--print-info", "all",
                         says=["--print-info", "'all'", "0x80 (attributes in force)"]),
                     Bad("--print-info", "0", says=["--print-info", "'0'"]),
                     Bad("--print-info", "256", says=["--print-info", "'256'", "0xff"]),
                     Bad("--print-info", "-1", says=["--print-info", "'-1'"]),
                     Bad("--print-info", whole=True, says=["--print-info", "needs an argument"])],
    "--print-plugins": [*bad_switch("--print-plugins"),
                        Bad("--print-plugins", "--print-states", says="contradict")],
    "--print-sandbox": [*bad_switch("--print-sandbox"),
                        Bad("--print-sandbox", "--print-info", "1", says="contradict")],
    "--version": bad_final("--version"),
    "--help": bad_final("--help"),
}
