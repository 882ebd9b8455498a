# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm_cuse(8) for bash; see common.bash.

_swtpm_cuse_options()
{
    echo '--name= --maj= --min= --cuse-fd= --tpm2 --flags= --locality= --profile= --tpmstate=
        --migration= --plugin-dir= --key= --migration-key= --crypto= --runas= --chroot= --seccomp=
        --pid= --foreground --log= --pcap= --print-capabilities --print-states --print-profiles
        --print-info= --print-plugins --print-sandbox --version --help'
}

_swtpm_cuse_suboptions()
{
    case $1 in
    --flags) echo 'not-need-init startup-clear startup-state startup-deactivated startup-none
        disable-auto-shutdown' ;;
    --locality) echo 'reject-locality-4 allow-set-locality' ;;
    --profile) echo 'name= profile= file= fd= remove-disabled=' ;;
    --tpmstate) echo "$_swtpm_storage" ;;
    --migration) echo 'incoming release-lock-outgoing' ;;
    --key) echo "$_swtpm_key" ;;
    --migration-key) echo "$_swtpm_key require" ;;
    --seccomp) echo 'action=' ;;
    --pid) echo 'file= fd=' ;;
    --log) echo 'file= fd= level= prefix= truncate timestamps' ;;
    --pcap) echo 'file= fd= truncate mode= checksums' ;;
    esac
}

_swtpm_cuse_values()
{
    case $1:$2 in
    --seccomp:action) compgen -W 'kill log none' -- "$3" ;;
    --profile:remove-disabled) compgen -W 'check fips-host' -- "$3" ;;
    *) _swtpm_values "$@" ;;
    esac
}

_swtpm_cuse()
{
    _swtpm_complete swtpm_cuse -n=--name -M=--maj -m=--min -r=--runas -R=--chroot
}

complete -F _swtpm_cuse swtpm_cuse
