# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm_bios(8) for bash; see common.bash.

_swtpm_bios_options()
{
    echo '--tpm-device= --tcp= --unix= --tpm2 -c -s -d -n -o -ea -cs -u -v -h'
}

_swtpm_bios_values()
{
    case $1 in
    --tpm-device) compgen -f -- "$3" ;;
    *) _swtpm_values "$@" ;;
    esac
}

_swtpm_bios()
{
    _swtpm_complete swtpm_bios
}

complete -o filenames -F _swtpm_bios swtpm_bios
