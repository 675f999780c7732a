#compdef portserver-exporter

__portserver-exporter_complete() {
    local -ar non_empty_completions=("${@:#(|:*)}")
    local -ar empty_completions=("${(M)@:#(|:*)}")
    _describe -V '' non_empty_completions -- empty_completions -P $'\'\''
}

__portserver-exporter_custom_complete() {
    local -a completions
    completions=("${(@f)"$("${command_name}" "${@}" "${command_line[@]}")"}")
    if [[ "${#completions[@]}" -gt 1 ]]; then
        __portserver-exporter_complete "${completions[@]:0:-1}"
    fi
}

__portserver-exporter_cursor_index_in_current_word() {
    if [[ -z "${QIPREFIX}${IPREFIX}${PREFIX}" ]]; then
        printf 0
    else
        printf %s "${#${(z)LBUFFER}[-1]}"
    fi
}

_portserver-exporter() {
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
        '--listen[Where to listen for HTTP\: an address and a port. Anybody who can connect there sees all leases. (default\: 127.0.0.1\:9816, or nowhere with --textfile)]:HOST\:PORT:'
        '--textfile[Write the metrics to this file, again and again.]:PATH:_files'
        '--interval[How many seconds to wait before the file is written again. (default\: 15.0)]:SECONDS:'
        '--server[The address of the port server\: a path, or @NAME in the abstract namespace. (default\: $PORTSERVER_ADDRESS, or else @unittest-portserver)]:ADDRESS:_files'
        '--timeout[How many seconds the port server may take to answer. (default\: 2.0)]:SECONDS:'
        '--show-commands[Show the commands of processes on the page.]'
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
            "_portserver-exporter_${words[1]}" && ret=0
            ;;
        esac
        ;;
    esac

    return "${ret}"
}

_portserver-exporter_help() {
    local -i ret=1
    local -ar arg_specs=(
        '*:subcommands:'
        '--version[Show the version.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

if [[ "${funcstack[1]}" = _portserver-exporter ]]; then
    _portserver-exporter "${@}"
else
    compdef _portserver-exporter portserver-exporter
fi
