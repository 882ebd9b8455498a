# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm-state(8) for bash; see common.bash.

_swtpm-state_options()
{
    echo '--tpmstate= --tpm2 --key= --new-key= --migration-key= --permanent= --volatile=
        --savestate= --decrypted --to= --replace --crypto= --plugin-dir= --runas= --version --help'
}

_swtpm-state_suboptions()
{
    case $1 in
    --tpmstate | --to) echo "$_swtpm_storage" ;;
    --key) echo "$_swtpm_key" ;;
    --new-key) echo "$_swtpm_key none" ;;
    --migration-key) echo "$_swtpm_key require" ;;
    esac
}

_swtpm-state_values()
{
    case $1 in
    --permanent | --volatile | --savestate) compgen -f -- "$3" ;;
    *) _swtpm_values "$@" ;;
    esac
}

_swtpm-state_operand()
{
    compgen -W 'list verify rekey export import copy' -- "$1"
}

_swtpm-state()
{
    _swtpm_complete swtpm-state
}

complete -F _swtpm-state swtpm-state
