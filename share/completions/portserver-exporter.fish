function __portserver-exporter_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __portserver-exporter_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __portserver-exporter_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __portserver-exporter_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __portserver-exporter_parse_tokens -S
    set -l unparsed_tokens (__portserver-exporter_tokens -pc)
    switch $unparsed_tokens[1]
    case 'portserver-exporter'
        __portserver-exporter_parse_subcommand 0 'listen=' 'textfile=' 'interval=' 'server=' 'timeout=' 'show-commands' 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'help'
            __portserver-exporter_parse_subcommand -r 1 'version'
        end
    end
end

function __portserver-exporter_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __portserver-exporter_parse_subcommand -S -a positional_count
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

function __portserver-exporter_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __portserver-exporter_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__portserver-exporter_tokens -p)
    if test -z "$(__portserver-exporter_tokens -t)"
        set -l index (count (__portserver-exporter_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'portserver-exporter' -f
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter" listen' -l 'listen' -d 'Where to listen for HTTP: an address and a port. Anybody who can connect there sees all leases. (default: 127.0.0.1:9816, or nowhere with --textfile)' -rfka ''
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter" textfile' -l 'textfile' -d 'Write the metrics to this file, again and again.' -rF
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter" interval' -l 'interval' -d 'How many seconds to wait before the file is written again. (default: 15.0)' -rfka ''
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter" server' -l 'server' -d 'The address of the port server: a path, or @NAME in the abstract namespace. (default: $PORTSERVER_ADDRESS, or else @unittest-portserver)' -rF
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter" timeout' -l 'timeout' -d 'How many seconds the port server may take to answer. (default: 2.0)' -rfka ''
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter" show-commands' -l 'show-commands' -d 'Show the commands of processes on the page.'
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter" version' -l 'version' -d 'Show the version.'
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_positional "portserver-exporter" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'portserver-exporter' -n '__portserver-exporter_should_offer_completions_for_flags_or_options "portserver-exporter help" version' -l 'version' -d 'Show the version.'
