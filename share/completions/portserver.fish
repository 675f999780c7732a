function __portserver_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __portserver_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __portserver_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __portserver_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __portserver_parse_tokens -S
    set -l unparsed_tokens (__portserver_tokens -pc)
    switch $unparsed_tokens[1]
    case 'portserver'
        __portserver_parse_subcommand 0 'pool=' 'address=+' 'socket-mode=' 'state=' 'no-state' 'allow-foreign-pids' 'max-ports-per-process=' 'max-ports-per-user=' 'max-clients=' 'max-clients-per-user=' 'client-timeout=' 'verbose' 'debug' 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'help'
            __portserver_parse_subcommand -r 1 'version'
        end
    end
end

function __portserver_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __portserver_parse_subcommand -S -a positional_count
    argparse -s r -- $argv
    set -l option_specs $argv[2..]
    set -l is_repeating_positional $_flag_r
    set -el _flag_r
    set -a commands $unparsed_tokens[1]
    set positional_index 0
    while true
        set -e unparsed_tokens[1]
        argparse -sn "$commands" $option_specs -- $unparsed_tokens 2> /dev/null
        set unparsed_tokens $argv
        set positional_index (math $positional_index + 1)
        for non_repeating_flag_or_option in $non_repeating_flags_or_options
            if set -ql "_flag_$(string replace -a - _ -- $non_repeating_flag_or_option)"
                set non_repeating_flags_or_options_absent 1
                break
            end
        end
        test (count $unparsed_tokens) -eq 0 -o \( -z "$is_repeating_positional" -a "$positional_index" -gt "$positional_count" \) && break
    end
end

function __portserver_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __portserver_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__portserver_tokens -p)
    if test -z "$(__portserver_tokens -t)"
        set -l index (count (__portserver_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'portserver' -f
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" pool portserver_static_pool' -l 'pool' -l 'portserver_static_pool' -d 'The ports to lease, as single ports and ranges, such as 15000-19999,30000.' -rfka ''
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver"' -l 'address' -l 'portserver_address' -l 'portserver_unix_socket_address' -d 'Where to listen: the path of a Unix socket, or @NAME in the abstract namespace. This option can be repeated. (default: the sockets that systemd passes, or else @unittest-portserver)' -rF
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" socket-mode' -l 'socket-mode' -d 'The permissions of the socket file, in octal. (default: 666)' -rfka ''
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" state' -l 'state' -d 'The absolute path of the file in which leases are recorded, so that they survive a restart. (default: a file named after the first address, in $RUNTIME_DIRECTORY or /dev/shm/portpicker-UID)' -rF
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" no-state' -l 'no-state' -d 'Do not record leases; they are lost when the server stops.'
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" allow-foreign-pids' -l 'allow-foreign-pids' -d 'Let every user lease ports to other users\' processes.'
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" max-ports-per-process' -l 'max-ports-per-process' -d 'The maximum number of ports that one process may hold. (default: no limit)' -rfka ''
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" max-ports-per-user' -l 'max-ports-per-user' -d 'The maximum number of leased ports that one user may have requested. (default: no limit)' -rfka ''
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" max-clients' -l 'max-clients' -d 'How many clients may be connected at the same time; others wait. (default: 1024)' -rfka ''
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" max-clients-per-user' -l 'max-clients-per-user' -d 'How many of these clients may belong to one user; a further connection replaces an existing one of that user. (default: a quarter of --max-clients)' -rfka ''
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" client-timeout' -l 'client-timeout' -d 'How many seconds a client may take to send a request. (default: 5.0)' -rfka ''
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" verbose' -l 'verbose' -d 'Log each lease.'
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" debug' -l 'debug' -d 'Log everything.'
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" version' -l 'version' -d 'Show the version.'
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portserver' -n '__portserver_should_offer_completions_for_positional "portserver" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'portserver' -n '__portserver_should_offer_completions_for_flags_or_options "portserver help" version' -l 'version' -d 'Show the version.'
