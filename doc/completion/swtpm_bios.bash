# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm_bios(8) for bash; lies as `swtpm_bios` in share/bash-completion/completions.

# The options; those that take a value end with '='.
_swtpm_bios_options()
{
    echo '--tpm-device= --tcp= --unix= --tpm2 -c -s -d -n -o -ea -cs -u -v -h'
}

_swtpm_bios()
{
    local word=${COMP_WORDS[COMP_CWORD]} options
    options=$(_swtpm_bios_options)

    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --tpm-device | --unix) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    --tcp) COMPREPLY=() ;;
    *) mapfile -t COMPREPLY < <(compgen -W "${options//=/}" -- "$word") ;;
    esac
}

complete -o filenames -F _swtpm_bios swtpm_bios
