# SPDX-License-Identifier: BSD-3-Clause
# What the completions for bash share; installed, each of them begins with it.
#
# _swtpm_complete asks these functions of a program:
#   _PROGRAM_options                      the options; those that take a value end with '='
#   _PROGRAM_values OPTION '' BEGINNING   what an option may be given
# and, where there is something to say:
#   _PROGRAM_suboptions OPTION            of an option whose value is a list of them; likewise
#   _PROGRAM_values OPTION SUBOPTION BEGINNING    what may stand behind the equals sign
#   _PROGRAM_operand BEGINNING            what may stand where no option does

# The sub-options of --tpmstate and --key and of those that are like them.
_swtpm_storage='dir= backend-uri= mode= lock backup fsync'
_swtpm_key='file= fd= format= pwdfile= pwdfd= kdf= mode= remove'

# _swtpm_values OPTION SUBOPTION BEGINNING: those that the programs have in common.
_swtpm_values()
{
    case $1:$2 in
    --*key:format) compgen -W 'hex binary' -- "$3" ;;
    --*key:kdf) compgen -W 'pbkdf2 sha512 pbkdf2-strong' -- "$3" ;;
    --*key:mode) compgen -W 'aes-cbc aes-128-cbc aes-256-cbc aes-256-gcm' -- "$3" ;;
    *:lock | *:backup | *:fsync) compgen -W 'true false' -- "$3" ;;
    *:file | *:pwdfile | --unix:) compgen -f -- "$3" ;;
    *:dir | --plugin-dir: | --chroot:) compgen -d -- "$3" ;;
    --runas:) compgen -u -- "$3" ;;
    --crypto:) compgen -W 'gnutls' -- "$3" ;;
    esac
}

# _swtpm_has PROGRAM FUNCTION
_swtpm_has()
{
    declare -F "_$1_$2" > /dev/null
}

# _swtpm_value PROGRAM OPTION BEGINNING: completes a value, which may be a list of sub-options.
_swtpm_value()
{
    local item=${3##*,} kept names=
    _swtpm_has "$1" suboptions && names=$("_$1_suboptions" "$2")
    if [[ -z $names ]]; then
        mapfile -t COMPREPLY < <("_$1_values" "$2" '' "$3")
    elif [[ $item == *=* ]]; then
        mapfile -t COMPREPLY < <("_$1_values" "$2" "${item%%=*}" "${item#*=}")
    else
        # Readline replaces only what follows the last word break, an equals sign or a colon.
        kept=${3##*[=:]}
        kept=${kept%"$item"}
        compopt -o nospace 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -P "$kept" -W "$names" -- "$item")
    fi
}

# _swtpm_complete PROGRAM [SHORT=LONG]...: completes the word before the cursor.
_swtpm_complete()
{
    local program=$1 line=${COMP_LINE:0:COMP_POINT} word before options short
    options=$("_${program}_options")
    word=${line##*[[:space:]]}
    before=${line%"$word"}
    before=${before%"${before##*[![:space:]]}"}
    before=${before##*[[:space:]]}
    for short in "${@:2}"; do
        [[ $before == "${short%%=*}" ]] && before=${short#*=}
    done

    COMPREPLY=()
    if [[ $word == --*=* ]]; then
        _swtpm_value "$program" "${word%%=*}" "${word#*=}"
    elif [[ " $options " == *[[:space:]]"$before="[[:space:]]* ]]; then
        _swtpm_value "$program" "$before" "$word"
    elif [[ $word != -* ]] && _swtpm_has "$program" operand; then
        mapfile -t COMPREPLY < <("_${program}_operand" "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "${options//=/}" -- "$word")
    fi
}
