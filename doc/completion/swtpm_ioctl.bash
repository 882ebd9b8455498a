# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm_ioctl(8) for bash; see common.bash.

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

_swtpm_ioctl_values()
{
    case $1 in
    --tpm-device) _swtpm_ioctl_devices "$3" ;;
    --save | --load) compgen -W 'permanent volatile savestate' -- "$3" ;;
    -l) compgen -W '0 1 2 3 4' -- "$3" ;;
    -r) compgen -W '3 4' -- "$3" ;;
    *) _swtpm_values "$@" ;;
    esac
}

# The second value of --save and --load, or the device.
_swtpm_ioctl_operand()
{
    local two_values='--(save|load)[[:space:]]+[a-z]+[[:space:]]+[^[:space:]]*$'
    if [[ ${COMP_LINE:0:COMP_POINT} =~ $two_values ]]; then
        compgen -f -- "$1"
    else
        _swtpm_ioctl_devices "${1:-/dev/}"
    fi
}

_swtpm_ioctl()
{
    _swtpm_complete swtpm_ioctl
}

complete -o filenames -F _swtpm_ioctl swtpm_ioctl
