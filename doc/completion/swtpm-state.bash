# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm-state(8) for bash; lies as `swtpm-state` in share/bash-completion/completions.

# The options; those that take a value end with '='.
_swtpm-state_options()
{
    echo '--tpmstate= --tpm2 --key= --new-key= --migration-key= --permanent= --volatile=
        --savestate= --decrypted --to= --replace --crypto= --plugin-dir= --runas= --version --help'
}

# The sub-options of an option; those that take a value end with '='.
_swtpm-state_suboptions()
{
    local key='file= fd= format= pwdfile= pwdfd= kdf= mode= remove'
    case $1 in
    --tpmstate | --to) echo 'dir= backend-uri= mode= lock backup fsync' ;;
    --key) echo "$key" ;;
    --new-key) echo "$key none" ;;
    --migration-key) echo "$key require" ;;
    esac
}

# _swtpm-state_values OPTION SUBOPTION BEGINNING: what may stand behind the equals sign.
_swtpm-state_values()
{
    case $1:$2 in
    --*key:format) compgen -W 'hex binary' -- "$3" ;;
    --*key:kdf) compgen -W 'pbkdf2 sha512 pbkdf2-strong' -- "$3" ;;
    --*key:mode) compgen -W 'aes-cbc aes-128-cbc aes-256-cbc aes-256-gcm' -- "$3" ;;
    *:lock | *:backup | *:fsync) compgen -W 'true false' -- "$3" ;;
    *:dir) compgen -d -- "$3" ;;
    *:file | *:pwdfile) compgen -f -- "$3" ;;
    esac
}

# _swtpm-state_list OPTION TEXT: completes a list of sub-options.
_swtpm-state_list()
{
    local item=${2##*,} kept
    if [[ $item == *=* ]]; then
        mapfile -t COMPREPLY < <(_swtpm-state_values "$1" "${item%%=*}" "${item#*=}")
        return
    fi
    # Readline replaces only what follows the last word break, an equals sign or a colon.
    kept=${2##*[=:]}
    kept=${kept%"$item"}
    compopt -o nospace 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -P "$kept" -W "$(_swtpm-state_suboptions "$1")" -- "$item")
}

_swtpm-state_value()
{
    case $1 in
    --permanent | --volatile | --savestate) mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
    --plugin-dir) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
    --runas) mapfile -t COMPREPLY < <(compgen -u -- "$2") ;;
    --crypto) mapfile -t COMPREPLY < <(compgen -W 'gnutls' -- "$2") ;;
    *) _swtpm-state_list "$1" "$2" ;;
    esac
}

_swtpm-state()
{
    local line=${COMP_LINE:0:COMP_POINT} word before options
    options=$(_swtpm-state_options)
    word=${line##*[[:space:]]}
    before=${line%"$word"}
    before=${before%"${before##*[![:space:]]}"}
    before=${before##*[[:space:]]}

    COMPREPLY=()
    if [[ $word == --*=* ]]; then
        _swtpm-state_value "${word%%=*}" "${word#*=}"
    elif [[ " $options " == *[[:space:]]"$before="[[:space:]]* ]]; then
        _swtpm-state_value "$before" "$word"
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${options//=/}" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W 'list verify rekey export import copy' -- "$word")
    fi
}

complete -F _swtpm-state swtpm-state
