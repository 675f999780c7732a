function __portpicker_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __portpicker_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __portpicker_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __portpicker_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __portpicker_parse_tokens -S
    set -l unparsed_tokens (__portpicker_tokens -pc)
    switch $unparsed_tokens[1]
    case 'portpicker'
        __portpicker_parse_subcommand 0 'count=' 'contiguous' 'server=' 'require-server' 'timeout=' 'pool=' 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'run'
            __portpicker_parse_subcommand -r 1 'name=+' 'at=' 'count=' 'contiguous' 'server=' 'require-server' 'timeout=' 'pool=' 'listen' 'host=' 'env=+' 'version' 'h/help'
        case 'with'
            __portpicker_parse_subcommand -r 1 'server=+' 'wait=' 'verbose' 'udp=+' 'named' 'at=' 'pool=' 'version' 'h/help'
        case 'return'
            __portpicker_parse_subcommand -r 1 'for=' 'force' 'server=' 'require-server' 'timeout=' 'version' 'h/help'
        case 'name'
            __portpicker_parse_subcommand -r 1 'count=' 'at=' 'pool=' 'timeout=' 'version' 'h/help'
        case 'env'
            __portpicker_parse_subcommand 0 'format=' 'write=' 'at=' 'pool=' 'timeout=' 'version' 'h/help'
        case 'names'
            __portpicker_parse_subcommand 0 'all' 'json' 'at=' 'version' 'h/help'
        case 'forget'
            __portpicker_parse_subcommand -r 1 'at=' 'version' 'h/help'
        case 'status'
            __portpicker_parse_subcommand 0 'json' 'watch' 'server=' 'require-server' 'timeout=' 'pool=' 'version' 'h/help'
        case 'check'
            __portpicker_parse_subcommand -r 1 'mine' 'json' 'quiet' 'wait=' 'wait-listening=' 'while=' 'udp' 'at=' 'server=' 'require-server' 'timeout=' 'version' 'h/help'
        case 'doctor'
            __portpicker_parse_subcommand 0 'json' 'server=' 'require-server' 'timeout=' 'pool=' 'version' 'h/help'
        case 'help'
            __portpicker_parse_subcommand -r 1 'version'
        end
    end
end

function __portpicker_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __portpicker_parse_subcommand -S -a positional_count
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

function __portpicker_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __portpicker_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__portpicker_tokens -p)
    if test -z "$(__portpicker_tokens -t)"
        set -l index (count (__portpicker_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'portpicker' -f
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker" count' -l 'count' -d 'The number of ports. (default: 1)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker" contiguous' -l 'contiguous' -d 'Pick consecutive ports.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker" server' -l 'server' -d 'The port server: a path or @NAME. (default: $PORTSERVER_ADDRESS)' -rF
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker" require-server' -l 'require-server' -d 'Fail if no port server is named, or if the server fails or refuses.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker" timeout' -l 'timeout' -d 'How many seconds to wait for a port server, or for the ledger. (default: 5)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker" pool' -l 'pool' -d 'The ports to pick from without a port server, such as 8000-8999,9090. (default: 25000-32767, except ephemeral ports)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'run' -d 'Pick ports and run a program with them.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'with' -d 'Run servers, and a program while they run.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'return' -d 'Return ports before their process ends.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'name' -d 'Print the ports of names, and claim those that are new.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'env' -d 'Print the ports of a project\'s names as environment variables.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'names' -d 'List names, their ports, and the processes that use them.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'forget' -d 'Give up named ports.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'status' -d 'Show where ports come from and which processes hold them.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'check' -d 'Show whether ports are free and which processes use them.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'doctor' -d 'Find problems with picking ports on this host.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run"' -l 'name' -d 'Use the ports of this name instead of picking any; can be repeated.' -rfka '(__portpicker_custom_completion ---completion run -- --name (count (__portpicker_tokens -pc)) 0)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" at' -l 'at' -d 'The directory that the names belong to. (default: the nearest one upwards that contains .ports, else .git; else the current directory)' -rfa '(__portpicker_complete_directories)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" count' -l 'count' -d 'The number of ports. (default: 1)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" contiguous' -l 'contiguous' -d 'Pick consecutive ports.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" server' -l 'server' -d 'The port server: a path or @NAME. (default: $PORTSERVER_ADDRESS)' -rF
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" require-server' -l 'require-server' -d 'Fail if no port server is named, or if the server fails or refuses.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" timeout' -l 'timeout' -d 'How many seconds to wait for a port server, or for the ledger. (default: 5)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" pool' -l 'pool' -d 'The ports to pick from without a port server, such as 8000-8999,9090. (default: 25000-32767, except ephemeral ports)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" listen' -l 'listen' -d 'Pass listening sockets to the program.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" host' -l 'host' -d 'With --listen, bind the sockets only to this address, such as 127.0.0.1 or ::1. (default: every address)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run"' -l 'env' -d 'Set the variables NAME, NAME1 and so on; can be repeated. (default: PORT)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker run" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with"' -l 'server' -d 'The program and arguments of a server; can be repeated.' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with" wait' -l 'wait' -d 'How many seconds each server may take until it listens. (default: 10)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with" verbose' -l 'verbose' -d 'Show the servers\' output as it comes, each line with its server.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with"' -l 'udp' -d 'The server of the port NAME listens on UDP, not on TCP; can be repeated.' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with" named' -l 'named' -d 'Use the directory\'s named ports for those names that it has.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with" at' -l 'at' -d 'The directory that the names belong to. (default: the nearest one upwards that contains .ports, else .git; else the current directory)' -rfa '(__portpicker_complete_directories)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with" pool' -l 'pool' -d 'The ports to pick from without a port server, such as 8000-8999,9090. (default: 25000-32767, except ephemeral ports)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker with" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker return" -ge 1' -fka '(__portpicker_custom_completion ---completion return -- positional@0 (count (__portpicker_tokens -pc)) 0)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker return" for' -l 'for' -d 'Return the ports if the process PID holds them.' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker return" force' -l 'force' -d 'Return the ports whichever process holds them.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker return" server' -l 'server' -d 'The port server: a path or @NAME. (default: $PORTSERVER_ADDRESS)' -rF
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker return" require-server' -l 'require-server' -d 'Fail if no port server is named, or if the server fails or refuses.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker return" timeout' -l 'timeout' -d 'How many seconds to wait for a port server, or for the ledger. (default: 5)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker return" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker return" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker name" -ge 1' -fka '(__portpicker_custom_completion ---completion name -- positional@0 (count (__portpicker_tokens -pc)) 0)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker name" count' -l 'count' -d 'Claim this many consecutive ports for the name. (default: 1)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker name" at' -l 'at' -d 'The directory that the names belong to. (default: the nearest one upwards that contains .ports, else .git; else the current directory)' -rfa '(__portpicker_complete_directories)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker name" pool' -l 'pool' -d 'The ports to claim from, such as 8000-8999,9090. (default: 10000-14999, except the default ports of well-known services)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker name" timeout' -l 'timeout' -d 'How many seconds to wait for other processes that claim ports. (default: 5)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker name" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker name" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker env" format' -l 'format' -d 'dotenv, export, json, github or direnv. (default: dotenv)' -rfka 'dotenv export json github direnv'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker env" write' -l 'write' -d 'Write the variables to this file, in its block.' -rF
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker env" at' -l 'at' -d 'The directory that the names belong to. (default: the nearest one upwards that contains .ports, else .git; else the current directory)' -rfa '(__portpicker_complete_directories)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker env" pool' -l 'pool' -d 'The ports to claim from, such as 8000-8999,9090. (default: 10000-14999, except the default ports of well-known services)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker env" timeout' -l 'timeout' -d 'How many seconds to wait for other processes that claim ports. (default: 5)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker env" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker env" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker names" all' -l 'all' -d 'List the names of all of this user\'s directories.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker names" json' -l 'json' -d 'Print JSON.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker names" at' -l 'at' -d 'The directory that the names belong to. (default: the nearest one upwards that contains .ports, else .git; else the current directory)' -rfa '(__portpicker_complete_directories)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker names" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker names" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker forget" -ge 1' -fka '(__portpicker_custom_completion ---completion forget -- positional@0 (count (__portpicker_tokens -pc)) 0)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker forget" at' -l 'at' -d 'The directory that the names belong to. (default: the nearest one upwards that contains .ports, else .git; else the current directory)' -rfa '(__portpicker_complete_directories)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker forget" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker forget" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker status" json' -l 'json' -d 'Print JSON.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker status" watch' -l 'watch' -d 'Update the output every second until interrupted.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker status" server' -l 'server' -d 'The port server: a path or @NAME. (default: $PORTSERVER_ADDRESS)' -rF
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker status" require-server' -l 'require-server' -d 'Fail if no port server is named, or if the server fails or refuses.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker status" timeout' -l 'timeout' -d 'How many seconds to wait for a port server, or for the ledger. (default: 5)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker status" pool' -l 'pool' -d 'The ports to pick from without a port server, such as 8000-8999,9090. (default: 25000-32767, except ephemeral ports)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker status" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_positional "portpicker check" -ge 1' -fka '(__portpicker_custom_completion ---completion check -- positional@0 (count (__portpicker_tokens -pc)) 0)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" mine' -l 'mine' -d 'Check that processes of the directory listen on the ports.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" json' -l 'json' -d 'Print JSON.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" quiet' -l 'quiet' -d 'Print nothing on standard output, and do not look up leases.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" wait' -l 'wait' -d 'Wait at most this long until the ports are free.' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" wait-listening' -l 'wait-listening' -d 'Wait at most this long until something listens on the ports.' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" while' -l 'while' -d 'Stop waiting when the process PID ends.' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" udp' -l 'udp' -d 'With --wait-listening, wait for UDP sockets instead of TCP sockets.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" at' -l 'at' -d 'The directory that the names belong to. (default: the nearest one upwards that contains .ports, else .git; else the current directory)' -rfa '(__portpicker_complete_directories)'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" server' -l 'server' -d 'The port server: a path or @NAME. (default: $PORTSERVER_ADDRESS)' -rF
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" require-server' -l 'require-server' -d 'Fail if no port server is named, or if the server fails or refuses.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" timeout' -l 'timeout' -d 'How many seconds to wait for a port server, or for the ledger. (default: 5)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker check" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker doctor" json' -l 'json' -d 'Print JSON.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker doctor" server' -l 'server' -d 'The port server: a path or @NAME. (default: $PORTSERVER_ADDRESS)' -rF
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker doctor" require-server' -l 'require-server' -d 'Fail if no port server is named, or if the server fails or refuses.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker doctor" timeout' -l 'timeout' -d 'How many seconds to wait for a port server, or for the ledger. (default: 5)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker doctor" pool' -l 'pool' -d 'The ports to pick from without a port server, such as 8000-8999,9090. (default: 25000-32767, except ephemeral ports)' -rfka ''
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker doctor" version' -l 'version' -d 'Show the version.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker doctor" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portpicker' -n '__portpicker_should_offer_completions_for_flags_or_options "portpicker help" version' -l 'version' -d 'Show the version.'

function __portpicker_program
    set -l words (commandline -opc)
    contains -- "$words[2]" run with; or return 1
    set -l index (contains -i -- -- $words); or return 1
    string escape -- $words[(math $index + 1)..]
    return 0
end

function __portpicker_complete_program
    complete -C (string join ' ' -- (__portpicker_program) (commandline -ct))
end

complete -c 'portpicker' -n '__portpicker_program >/dev/null' -xa '(__portpicker_complete_program)'
