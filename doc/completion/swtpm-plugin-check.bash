# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm-plugin-check(1) for bash; see common.bash.

_swtpm-plugin-check_options()
{
    echo '--seccomp --place= --only= --timeout= --list --help --version'
}

_swtpm-plugin-check_values()
{
    [[ $1 == --place ]] && compgen -f -- "$3"
}

# The plugin, and behind it a location.
_swtpm-plugin-check_operand()
{
    if [[ ${COMP_LINE:0:COMP_POINT} == *.so[[:space:]]* ]]; then
        compgen -f -- "$1"
    else
        compgen -d -- "$1"
        compgen -f -X '!*.so' -- "$1"
    fi
}

_swtpm-plugin-check()
{
    _swtpm_complete swtpm-plugin-check
}

complete -o filenames -F _swtpm-plugin-check swtpm-plugin-check
