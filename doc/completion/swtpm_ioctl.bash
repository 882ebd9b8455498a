# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm_ioctl(8) for bash; lies as `swtpm_ioctl` in share/bash-completion/completions.

# The options; those that take a value end with '='.
_swtpm_ioctl_options()
{
    echo '--tpm-device= --tcp= --unix= -c -i --stop -s -e -r= -v -C -l= -h= --save= --load= -g -b=
        --info= --lock-storage= --version --help'
}

_swtpm_ioctl_devices()
{
    compgen -G "$1*" | while read -r path; do
        [[ -c $path || -d $path ]] && echo "$path"
    done
}

# _swtpm_ioctl_value OPTION TEXT: what may stand behind an option.
_swtpm_ioctl_value()
{
    case $1 in
    --tpm-device) _swtpm_ioctl_devices "$2" ;;
    --unix) compgen -f -- "$2" ;;
    --save | --load) compgen -W 'permanent volatile savestate' -- "$2" ;;
    -l) compgen -W '0 1 2 3 4' -- "$2" ;;
    -r) compgen -W '3 4' -- "$2" ;;
    esac
}

_swtpm_ioctl()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options
    options=$(_swtpm_ioctl_options)

    if [[ " $options " == *[[:space:]]"$before="[[:space:]]* ]]; then
        mapfile -t COMPREPLY < <(_swtpm_ioctl_value "$before" "$word")
    elif ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD - 2]} == --@(save|load) ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${options//=/}" -- "$word")
    else
        mapfile -t COMPREPLY < <(_swtpm_ioctl_devices "${word:-/dev/}")
    fi
}

complete -o filenames -F _swtpm_ioctl swtpm_ioctl
