# SPDX-License-Identifier: BSD-3-Clause
# Completion of swtpm_cuse(8) for bash; lies as `swtpm_cuse` in share/bash-completion/completions.

# The options; those that take an argument end with '='.
_swtpm_cuse_options()
{
    echo '--name= --maj= --min= --cuse-fd= --tpm2 --flags= --locality= --profile= --tpmstate=
        --migration= --plugin-dir= --key= --migration-key= --crypto= --runas= --chroot= --seccomp=
        --pid= --foreground --log= --pcap= --print-capabilities --print-states --print-profiles
        --print-info= --print-plugins --print-sandbox --version --help'
}

# The sub-options of an option; those that take a value end with '='.
_swtpm_cuse_suboptions()
{
    local key='file= fd= format= pwdfile= pwdfd= kdf= mode= remove'
    case $1 in
    --flags) echo 'not-need-init startup-clear startup-state startup-deactivated startup-none
        disable-auto-shutdown' ;;
    --locality) echo 'reject-locality-4 allow-set-locality' ;;
    --profile) echo 'name= profile= file= fd= remove-disabled=' ;;
    --tpmstate) echo 'dir= backend-uri= mode= lock backup fsync' ;;
    --migration) echo 'incoming release-lock-outgoing' ;;
    --key) echo "$key" ;;
    --migration-key) echo "$key require" ;;
    --seccomp) echo 'action=' ;;
    --pid) echo 'file= fd=' ;;
    --log) echo 'file= fd= level= prefix= truncate timestamps' ;;
    --pcap) echo 'file= fd= truncate mode= checksums' ;;
    esac
}

# _swtpm_cuse_values OPTION SUBOPTION BEGINNING: what may stand behind the equals sign.
_swtpm_cuse_values()
{
    case $1:$2 in
    --*key:format) compgen -W 'hex binary' -- "$3" ;;
    --*key:kdf) compgen -W 'pbkdf2 sha512 pbkdf2-strong' -- "$3" ;;
    --*key:mode) compgen -W 'aes-cbc aes-128-cbc aes-256-cbc aes-256-gcm' -- "$3" ;;
    --seccomp:action) compgen -W 'kill log none' -- "$3" ;;
    --profile:remove-disabled) compgen -W 'check fips-host' -- "$3" ;;
    *:lock | *:backup | *:fsync) compgen -W 'true false' -- "$3" ;;
    *:dir) compgen -d -- "$3" ;;
    *:file | *:pwdfile) compgen -f -- "$3" ;;
    esac
}

# _swtpm_cuse_argument OPTION TEXT: completes the argument of an option.
_swtpm_cuse_argument()
{
    local option=$1 text=$2 item=${2##*,} kept
    case $option in
    -r | --runas) mapfile -t COMPREPLY < <(compgen -u -- "$text") ;;
    -R | --chroot | --plugin-dir) mapfile -t COMPREPLY < <(compgen -d -- "$text") ;;
    *)
        if [[ $item == *=* ]]; then
            mapfile -t COMPREPLY < <(_swtpm_cuse_values "$option" "${item%%=*}" "${item#*=}")
            return
        fi
        # Readline replaces only what follows the last word break, an equals sign or a colon.
        kept=${text##*[=:]}
        kept=${kept%"$item"}
        compopt -o nospace 2> /dev/null
        mapfile -t COMPREPLY < \
            <(compgen -P "$kept" -W "$(_swtpm_cuse_suboptions "$option")" -- "$item")
        ;;
    esac
}

_swtpm_cuse()
{
    local line=${COMP_LINE:0:COMP_POINT} word before options
    options=$(_swtpm_cuse_options)
    word=${line##*[[:space:]]}
    before=${line%"$word"}
    before=${before%"${before##*[![:space:]]}"}
    before=${before##*[[:space:]]}

    COMPREPLY=()
    if [[ $word == --*=* ]]; then
        _swtpm_cuse_argument "${word%%=*}" "${word#*=}"
    elif [[ " $options " == *[[:space:]]"$before="[[:space:]]* || $before == -[rR] ]]; then
        _swtpm_cuse_argument "$before" "$word"
    elif [[ $before != -[nMm] ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${options//=/}" -- "$word")
    fi
}

complete -F _swtpm_cuse swtpm_cuse
