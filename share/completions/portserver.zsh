#compdef portserver

__portserver_complete() {
    local -ar non_empty_completions=("${@:#(|:*)}")
    local -ar empty_completions=("${(M)@:#(|:*)}")
    _describe -V '' non_empty_completions -- empty_completions -P $'\'\''
}

__portserver_custom_complete() {
    local -a completions
    completions=("${(@f)"$("${command_name}" "${@}" "${command_line[@]}")"}")
    if [[ "${#completions[@]}" -gt 1 ]]; then
        __portserver_complete "${completions[@]:0:-1}"
    fi
}

__portserver_cursor_index_in_current_word() {
    if [[ -z "${QIPREFIX}${IPREFIX}${PREFIX}" ]]; then
        printf 0
    else
        printf %s "${#${(z)LBUFFER}[-1]}"
    fi
}

_portserver() {
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
        '(--pool --portserver_static_pool)'{--pool,--portserver_static_pool}'[The ports to lease, as single ports and ranges, such as 15000-19999,30000.]:RANGES:'
        '*'{--address,--portserver_address,--portserver_unix_socket_address}'[Where to listen\: the path of a Unix socket, or @NAME in the abstract namespace. This option can be repeated. (default\: the sockets that systemd passes, or else @unittest-portserver)]:ADDRESS:_files'
        '--socket-mode[The permissions of the socket file, in octal. (default\: 666)]:MODE:'
        '--state[The absolute path of the file in which leases are recorded, so that they survive a restart. (default\: a file named after the first address, in $RUNTIME_DIRECTORY or /dev/shm/portpicker-UID)]:PATH:_files'
        '--no-state[Do not record leases; they are lost when the server stops.]'
        '--allow-foreign-pids[Let every user lease ports to other users'\'' processes.]'
        '--max-ports-per-process[The maximum number of ports that one process may hold. (default\: no limit)]:N:'
        '--max-ports-per-user[The maximum number of leased ports that one user may have requested. (default\: no limit)]:N:'
        '--max-clients[How many clients may be connected at the same time; others wait. (default\: 1024)]:N:'
        '--max-clients-per-user[How many of these clients may belong to one user; a further connection replaces an existing one of that user. (default\: a quarter of --max-clients)]:N:'
        '--client-timeout[How many seconds a client may take to send a request. (default\: 5.0)]:SECONDS:'
        '--verbose[Log each lease.]'
        '--debug[Log everything.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
        '(-): :->command'
        '(-)*:: :->arg'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0
    case "${state}" in
    command)
        local -ar subcommands=(
            'help:Show subcommand help information.'
        )
        _describe -V subcommand subcommands && ret=0
        ;;
    arg)
        case "${words[1]}" in
        help)
            "_portserver_${words[1]}" && ret=0
            ;;
        esac
        ;;
    esac

    return "${ret}"
}

_portserver_help() {
    local -i ret=1
    local -ar arg_specs=(
        '*:subcommands:'
        '--version[Show the version.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

if [[ "${funcstack[1]}" = _portserver ]]; then
    _portserver "${@}"
else
    compdef _portserver portserver
fi
