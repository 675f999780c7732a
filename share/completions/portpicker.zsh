#compdef portpicker

_portpicker_program() {
    [[ ${words[1]} == -- ]] && shift words && ((CURRENT--))
    _normal
}

__portpicker_complete() {
    local -ar non_empty_completions=("${@:#(|:*)}")
    local -ar empty_completions=("${(M)@:#(|:*)}")
    _describe -V '' non_empty_completions -- empty_completions -P $'\'\''
}

__portpicker_custom_complete() {
    local -a completions
    completions=("${(@f)"$("${command_name}" "${@}" "${command_line[@]}")"}")
    if [[ "${#completions[@]}" -gt 1 ]]; then
        __portpicker_complete "${completions[@]:0:-1}"
    fi
}

__portpicker_cursor_index_in_current_word() {
    if [[ -z "${QIPREFIX}${IPREFIX}${PREFIX}" ]]; then
        printf 0
    else
        printf %s "${#${(z)LBUFFER}[-1]}"
    fi
}

_portpicker() {
    emulate -RL zsh -G
    setopt extendedglob nullglob numericglobsort
    unsetopt aliases banghist

    local -xr SAP_SHELL=zsh
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(builtin emulate zsh -c 'printf %s "${ZSH_VERSION}"')"
    local -r SAP_SHELL_VERSION

    local context state state_descr line
    local -A opt_args

    local -r command_name="${words[1]}"
    local -ar command_line=("${words[@]}")
    local -ir current_word_index="$((CURRENT - 1))"

    local -i ret=1
    local -ar arg_specs=(
        '--count[Pick N ports, one a line. (default\: 1)]:N:'
        '--contiguous[Pick ports in a row.]'
        '--server[The port server\: a path, or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server answers.]'
        '--timeout[How long to wait for a port server, or for the file. (default\: 5)]:SECONDS:'
        '--pool[The ports to pick from if no server gives one, such as 8000-8999,9090. (default\: 25000-32767, less what the kernel hands out)]:RANGES:'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
        '(-): :->command'
        '(-)*:: :->arg'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0
    case "${state}" in
    command)
        local -ar subcommands=(
            'run:Pick ports and run a program with them.'
            'return:Give ports back before their process has ended.'
            'status:Show where ports come from, and who has them.'
            'check:Show whether ports are free, and who uses them.'
            'doctor:Show what is wrong with this host for picking ports.'
            'help:Show subcommand help information.'
        )
        _describe -V subcommand subcommands && ret=0
        ;;
    arg)
        case "${words[1]}" in
        run|return|status|check|doctor|help)
            "_portpicker_${words[1]}" && ret=0
            ;;
        esac
        ;;
    esac

    return "${ret}"
}

_portpicker_run() {
    local -i ret=1
    local -ar arg_specs=(
        '--count[Pick N ports. (default\: 1)]:N:'
        '--contiguous[Pick ports in a row.]'
        '--listen[Hand over listening sockets, too.]'
        '--host[With --listen, bind the sockets to this address, such as 127.0.0.1 or \:\:1, and to no other. (default\: every address)]:ADDRESS:'
        '*--env[Name the variables NAME, NAME1 and so on; may be given several times. (default\: PORT)]:NAME:'
        '--server[The port server\: a path, or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server answers.]'
        '--timeout[How long to wait for a port server, or for the file. (default\: 5)]:SECONDS:'
        '--pool[The ports to pick from if no server gives one, such as 8000-8999,9090. (default\: 25000-32767, less what the kernel hands out)]:RANGES:'
        '*::command:_portpicker_program'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_return() {
    local -i ret=1
    local -ar arg_specs=(
        '*:port:{__portpicker_custom_complete ---completion return -- positional@0 "${current_word_index}" "$(__portpicker_cursor_index_in_current_word)"}'
        '--for[Give back what the process PID has.]:PID:'
        '--force[Give back whatever process has them.]'
        '--server[The port server\: a path, or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server answers.]'
        '--timeout[How long to wait for a port server, or for the file. (default\: 5)]:SECONDS:'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_status() {
    local -i ret=1
    local -ar arg_specs=(
        '--json[Print JSON.]'
        '--watch[Show it anew each second, until it is interrupted.]'
        '--server[The port server\: a path, or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server answers.]'
        '--timeout[How long to wait for a port server, or for the file. (default\: 5)]:SECONDS:'
        '--pool[The ports to pick from if no server gives one, such as 8000-8999,9090. (default\: 25000-32767, less what the kernel hands out)]:RANGES:'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_check() {
    local -i ret=1
    local -ar arg_specs=(
        '*:port:{__portpicker_custom_complete ---completion check -- positional@0 "${current_word_index}" "$(__portpicker_cursor_index_in_current_word)"}'
        '--json[Print JSON.]'
        '--quiet[Print nothing on standard output.]'
        '--wait[Wait so long, at most, until the ports are free.]:SECONDS:'
        '--wait-listening[Wait so long, at most, until something accepts connections on them.]:SECONDS:'
        '--while[Wait no longer than the process PID lives.]:PID:'
        '--udp[With --wait-listening, wait for UDP sockets, not for TCP.]'
        '--server[The port server\: a path, or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server answers.]'
        '--timeout[How long to wait for a port server, or for the file. (default\: 5)]:SECONDS:'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_doctor() {
    local -i ret=1
    local -ar arg_specs=(
        '--json[Print JSON.]'
        '--server[The port server\: a path, or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server answers.]'
        '--timeout[How long to wait for a port server, or for the file. (default\: 5)]:SECONDS:'
        '--pool[The ports to pick from if no server gives one, such as 8000-8999,9090. (default\: 25000-32767, less what the kernel hands out)]:RANGES:'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_help() {
    local -i ret=1
    local -ar arg_specs=(
        '*:subcommands:'
        '--version[Show the version.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

if [[ "${funcstack[1]}" = _portpicker ]]; then
    _portpicker "${@}"
else
    compdef _portpicker portpicker
fi
