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
        '--count[The number of ports. (default\: 1)]:N:'
        '--contiguous[Pick consecutive ports.]'
        '--server[The port server\: a path or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server is named, or if the server fails or refuses.]'
        '--timeout[How many seconds to wait for a port server, or for the ledger. (default\: 5)]:SECONDS:'
        '--pool[The ports to pick from without a port server, such as 8000-8999,9090. (default\: 25000-32767, except ephemeral ports)]:RANGES:'
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
            'with:Run servers, and a program while they run.'
            'return:Return ports before their process ends.'
            'name:Print the ports of names, and claim those that are new.'
            'env:Print the ports of a project'\''s names as environment variables.'
            'names:List names, their ports, and the processes that use them.'
            'forget:Give up named ports.'
            'status:Show where ports come from and which processes hold them.'
            'check:Show whether ports are free and which processes use them.'
            'doctor:Find problems with picking ports on this host.'
            'help:Show subcommand help information.'
        )
        _describe -V subcommand subcommands && ret=0
        ;;
    arg)
        case "${words[1]}" in
        run|with|return|name|env|names|forget|status|check|doctor|help)
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
        '*--name[Use the ports of this name instead of picking any; can be repeated.]:NAME:{__portpicker_custom_complete ---completion run -- --name "${current_word_index}" "$(__portpicker_cursor_index_in_current_word)"}'
        '--at[The directory that the names belong to. (default\: the nearest one upwards that contains .ports, else .git; else the current directory)]:DIR:_files -/'
        '--count[The number of ports. (default\: 1)]:N:'
        '--contiguous[Pick consecutive ports.]'
        '--server[The port server\: a path or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server is named, or if the server fails or refuses.]'
        '--timeout[How many seconds to wait for a port server, or for the ledger. (default\: 5)]:SECONDS:'
        '--pool[The ports to pick from without a port server, such as 8000-8999,9090. (default\: 25000-32767, except ephemeral ports)]:RANGES:'
        '--listen[Pass listening sockets to the program.]'
        '--host[With --listen, bind the sockets only to this address, such as 127.0.0.1 or \:\:1. (default\: every address)]:ADDRESS:'
        '*--env[Set the variables NAME, NAME1 and so on; can be repeated. (default\: PORT)]:NAME:'
        '*::command:_portpicker_program'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_with() {
    local -i ret=1
    local -ar arg_specs=(
        '*--server[The program and arguments of a server; can be repeated.]:SERVER:'
        '--wait[How many seconds each server may take until it listens. (default\: 10)]:SECONDS:'
        '--verbose[Show the servers'\'' output as it comes, each line with its server.]'
        '*--udp[The server of the port NAME listens on UDP, not on TCP; can be repeated.]:NAME:'
        '--named[Use the directory'\''s named ports for those names that it has.]'
        '--at[The directory that the names belong to. (default\: the nearest one upwards that contains .ports, else .git; else the current directory)]:DIR:_files -/'
        '--pool[The ports to pick from without a port server, such as 8000-8999,9090. (default\: 25000-32767, except ephemeral ports)]:RANGES:'
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
        '--for[Return the ports if the process PID holds them.]:PID:'
        '--force[Return the ports whichever process holds them.]'
        '--server[The port server\: a path or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server is named, or if the server fails or refuses.]'
        '--timeout[How many seconds to wait for a port server, or for the ledger. (default\: 5)]:SECONDS:'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_name() {
    local -i ret=1
    local -ar arg_specs=(
        '*:name:{__portpicker_custom_complete ---completion name -- positional@0 "${current_word_index}" "$(__portpicker_cursor_index_in_current_word)"}'
        '--count[Claim this many consecutive ports for the name. (default\: 1)]:N:'
        '--at[The directory that the names belong to. (default\: the nearest one upwards that contains .ports, else .git; else the current directory)]:DIR:_files -/'
        '--pool[The ports to claim from, such as 8000-8999,9090. (default\: 10000-14999, except the default ports of well-known services)]:RANGES:'
        '--timeout[How many seconds to wait for other processes that claim ports. (default\: 5)]:SECONDS:'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_env() {
    local -i ret=1
    local -ar ___format=('dotenv' 'export' 'json' 'github' 'direnv')
    local -ar arg_specs=(
        '--format[dotenv, export, json, github or direnv. (default\: dotenv)]:FORMAT:{__portpicker_complete "${___format[@]}"}'
        '--write[Write the variables to this file, in its block.]:FILE:_files'
        '--at[The directory that the names belong to. (default\: the nearest one upwards that contains .ports, else .git; else the current directory)]:DIR:_files -/'
        '--pool[The ports to claim from, such as 8000-8999,9090. (default\: 10000-14999, except the default ports of well-known services)]:RANGES:'
        '--timeout[How many seconds to wait for other processes that claim ports. (default\: 5)]:SECONDS:'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_names() {
    local -i ret=1
    local -ar arg_specs=(
        '--all[List the names of all of this user'\''s directories.]'
        '--json[Print JSON.]'
        '--at[The directory that the names belong to. (default\: the nearest one upwards that contains .ports, else .git; else the current directory)]:DIR:_files -/'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_portpicker_forget() {
    local -i ret=1
    local -ar arg_specs=(
        '*:name:{__portpicker_custom_complete ---completion forget -- positional@0 "${current_word_index}" "$(__portpicker_cursor_index_in_current_word)"}'
        '--at[The directory that the names belong to. (default\: the nearest one upwards that contains .ports, else .git; else the current directory)]:DIR:_files -/'
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
        '--watch[Update the output every second until interrupted.]'
        '--server[The port server\: a path or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server is named, or if the server fails or refuses.]'
        '--timeout[How many seconds to wait for a port server, or for the ledger. (default\: 5)]:SECONDS:'
        '--pool[The ports to pick from without a port server, such as 8000-8999,9090. (default\: 25000-32767, except ephemeral ports)]:RANGES:'
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
        '--mine[Check that processes of the directory listen on the ports.]'
        '--json[Print JSON.]'
        '--quiet[Print nothing on standard output, and do not look up leases.]'
        '--wait[Wait at most this long until the ports are free.]:SECONDS:'
        '--wait-listening[Wait at most this long until something listens on the ports.]:SECONDS:'
        '--while[Stop waiting when the process PID ends.]:PID:'
        '--udp[With --wait-listening, wait for UDP sockets instead of TCP sockets.]'
        '--at[The directory that the names belong to. (default\: the nearest one upwards that contains .ports, else .git; else the current directory)]:DIR:_files -/'
        '--server[The port server\: a path or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server is named, or if the server fails or refuses.]'
        '--timeout[How many seconds to wait for a port server, or for the ledger. (default\: 5)]:SECONDS:'
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
        '--server[The port server\: a path or @NAME. (default\: $PORTSERVER_ADDRESS)]:ADDRESS:_files'
        '--require-server[Fail if no port server is named, or if the server fails or refuses.]'
        '--timeout[How many seconds to wait for a port server, or for the ledger. (default\: 5)]:SECONDS:'
        '--pool[The ports to pick from without a port server, such as 8000-8999,9090. (default\: 25000-32767, except ephemeral ports)]:RANGES:'
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
